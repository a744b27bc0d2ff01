//! Axes in another order.

use crate::array::{resolve_axes, resolve_axis};
use crate::prelude::*;

impl Array {
    /// The axes in another order: axis `i` of the result is axis `axes[i]` of `self`. Without axes, in reverse.
    ///
    /// - shape and chunks: those of `self`, permuted; dtype: as `self`
    /// - reads: what is asked of the result, turned; nothing is copied
    ///
    /// Agrees with `numpy.transpose`.
    ///
    /// # Errors
    /// If `axes` does not name every axis once.
    ///
    /// ```
    /// use brickwork_ops::Array;
    /// let x = Array::from_vec((0..24i64).collect(), &[2, 3, 4])?;
    /// assert_eq!(x.transpose(Some(&[1, 0, -1]))?.shape(), [3, 2, 4]);
    /// assert_eq!(x.transpose(None)?.shape(), [4, 3, 2]);
    /// # Ok::<(), brickwork_core::Error>(())
    /// ```
    pub fn transpose(&self, axes: Option<&[isize]>) -> Result<Array> {
        let ndim = self.ndim();
        let order = match axes {
            None => (0..ndim).rev().collect(),
            Some(axes) if axes.len() == ndim => resolve_axes("transpose", axes, ndim)?,
            Some(axes) => {
                let reason =
                    format!("{} axes for {ndim}; name every axis once, or none to reverse", axes.len());
                return Err(Error::argument("transpose", reason));
            }
        };
        self.permuted(order)
    }

    /// The axes in reverse order: NumPy's `x.T`.
    pub fn t(&self) -> Array {
        self.permuted((0..self.ndim()).rev().collect()).expect("any array can be reversed")
    }

    /// Two axes swapped, as `numpy.swapaxes`.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`] if there is no such axis.
    pub fn swapaxes(&self, first: isize, second: isize) -> Result<Array> {
        let first = resolve_axis("swapaxes", first, self.ndim())?;
        let second = resolve_axis("swapaxes", second, self.ndim())?;
        let mut order: Vec<usize> = (0..self.ndim()).collect();
        order.swap(first, second);
        self.permuted(order)
    }

    /// Axis `from[i]` moved to place `to[i]`, the others kept in order, as `numpy.moveaxis`.
    ///
    /// # Errors
    /// If an axis is out of range or named twice, or the lists differ in length.
    pub fn moveaxis(&self, from: &[isize], to: &[isize]) -> Result<Array> {
        if from.len() != to.len() {
            let reason =
                format!("{} axes to move to {} places; give one place for each", from.len(), to.len());
            return Err(Error::argument("moveaxis", reason));
        }
        let from = resolve_axes("moveaxis", from, self.ndim())?;
        let to = resolve_axes("moveaxis", to, self.ndim())?;
        let mut moved: Vec<(usize, usize)> = to.into_iter().zip(from.iter().copied()).collect();
        moved.sort_unstable();
        let mut order: Vec<usize> = (0..self.ndim()).filter(|axis| !from.contains(axis)).collect();
        for (place, axis) in moved {
            order.insert(place, axis);
        }
        self.permuted(order)
    }

    fn permuted(&self, axes: Vec<usize>) -> Result<Array> {
        if axes.iter().enumerate().all(|(place, &axis)| place == axis) {
            return Ok(self.clone());
        }
        Array::apply(Transpose { axes }, &[self])
    }
}

/// Axis `i` of the output is axis `axes[i]` of the input.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Transpose {
    axes: Vec<usize>,
}

#[typetag::serde(name = "brickwork_ops::Transpose")]
impl Operation for Transpose {
    fn name(&self) -> String {
        format!("transpose {:?}", self.axes)
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        let chunks = self.axes.iter().map(|&axis| inputs[0].chunks.axes()[axis].clone()).collect();
        let shape: Vec<usize> = self.axes.iter().map(|&axis| inputs[0].shape[axis]).collect();
        Ok(vec![Meta::new(&shape, inputs[0].dtype, ChunkGrid::new(chunks))])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::View(self)
    }
}

impl View for Transpose {
    fn maps(&self, _input: &Meta, _out: &Meta) -> Vec<AxisMap> {
        let mut maps = vec![AxisMap::Whole; self.axes.len()];
        for (place, &axis) in self.axes.iter().enumerate() {
            maps[axis] = AxisMap::along(place);
        }
        maps
    }
}

#[cfg(test)]
mod tests {
    use crate::index::checks::{check, iota};

    fn permuted(shape: &[usize; 3], order: [usize; 3]) -> Vec<i64> {
        let mut expected = Vec::new();
        let mut index = [0; 3];
        for a in 0..shape[order[0]] {
            for b in 0..shape[order[1]] {
                for c in 0..shape[order[2]] {
                    (index[order[0]], index[order[1]], index[order[2]]) = (a, b, c);
                    expected.push(((index[0] * shape[1] + index[1]) * shape[2] + index[2]) as i64);
                }
            }
        }
        expected
    }

    #[test]
    fn axes_move_as_in_numpy() {
        let shape = [2, 3, 4];
        let x = iota(&shape);
        check::<i64>(&x.t(), &[4, 3, 2], &permuted(&shape, [2, 1, 0]));
        check::<i64>(&x.transpose(Some(&[-1, 0, 1])).unwrap(), &[4, 2, 3], &permuted(&shape, [2, 0, 1]));
        check::<i64>(&x.swapaxes(0, -1).unwrap(), &[4, 3, 2], &permuted(&shape, [2, 1, 0]));
        check::<i64>(&x.moveaxis(&[0], &[-1]).unwrap(), &[3, 4, 2], &permuted(&shape, [1, 2, 0]));
        check::<i64>(&x.moveaxis(&[2, 0], &[0, 1]).unwrap(), &[4, 2, 3], &permuted(&shape, [2, 0, 1]));
        check::<i64>(&x.moveaxis(&[], &[]).unwrap(), &[2, 3, 4], &permuted(&shape, [0, 1, 2]));
        check::<i64>(&x.t().t(), &[2, 3, 4], &permuted(&shape, [0, 1, 2]));
        assert_eq!(x.t().chunks().axes()[0].chunk_lengths(), [3, 1]);
        check::<i64>(&iota(&[]).t(), &[], &[0]);
    }

    #[test]
    fn wrong_axes_are_refused() {
        let x = iota(&[2, 3]);
        assert!(x.transpose(Some(&[0])).is_err());
        assert!(x.transpose(Some(&[0, -2])).is_err());
        assert!(x.swapaxes(0, 2).is_err());
        assert!(x.moveaxis(&[0], &[0, 1]).is_err());
        assert!(x.moveaxis(&[0, 1], &[0, 0]).is_err());
    }
}
