//! Elements chosen by their indices along one axis.

use super::pieces::checked_size;
use super::rearrange::{OutAxis, Rearrange};
use crate::prelude::*;

/// Indices along an axis, negative ones counted from the end: numbers known now, or the values of an array of
/// integers, which are looked at when the result is computed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum IndexArray {
    /// Numbers in C order.
    List {
        /// The numbers.
        values: Vec<i64>,
        /// Their arrangement: what the axis is replaced by. Empty for a single number.
        shape: Vec<usize>,
    },
    /// The values of an array.
    Lazy(Array),
}

impl IndexArray {
    /// Numbers of any arrangement.
    ///
    /// # Errors
    /// If the number of values is not that of the shape.
    pub fn list(values: Vec<i64>, shape: &[usize]) -> Result<IndexArray> {
        if checked_size("take", shape)? != values.len() {
            let reason = format!("{} indices do not make shape {shape:?}", values.len());
            return Err(Error::argument("take", reason));
        }
        Ok(IndexArray::List { values, shape: shape.to_vec() })
    }
}

impl From<i64> for IndexArray {
    fn from(index: i64) -> Self {
        IndexArray::List { values: vec![index], shape: Vec::new() }
    }
}

impl From<Vec<i64>> for IndexArray {
    fn from(values: Vec<i64>) -> Self {
        IndexArray::List { shape: vec![values.len()], values }
    }
}

impl From<&[i64]> for IndexArray {
    fn from(values: &[i64]) -> Self {
        values.to_vec().into()
    }
}

impl<const N: usize> From<[i64; N]> for IndexArray {
    fn from(values: [i64; N]) -> Self {
        values.to_vec().into()
    }
}

impl From<Array> for IndexArray {
    fn from(array: Array) -> Self {
        IndexArray::Lazy(array)
    }
}

impl From<&Array> for IndexArray {
    fn from(array: &Array) -> Self {
        IndexArray::Lazy(array.clone())
    }
}

impl Array {
    /// The elements at `indices` along `axis`; without an axis, of the flat array.
    ///
    /// - shape: that of `self` with `axis` replaced by the shape of the indices; dtype: as `self`; chunks: as long as
    ///   those of `self` along the axis, or those of a lazy index
    /// - reads: the chosen elements, neighbouring ones together. Evenly spaced indices are a slice
    ///
    /// Agrees with `numpy.take`.
    ///
    /// # Errors
    /// If an index of a list is out of range, a lazy index is not of integers, or the axis is out of range. The values
    /// of a lazy index are checked when they are known.
    ///
    /// # Examples
    /// ```
    /// # use brickwork_ops::Array;
    /// let x = Array::from_vec(vec![10, 20, 30, 40], &[4])?;
    /// assert_eq!(x.take([0, -1, 0], 0)?.shape(), [3]);
    /// # Ok::<(), brickwork_core::Error>(())
    /// ```
    pub fn take(&self, indices: impl Into<IndexArray>, axis: impl Into<Option<isize>>) -> Result<Array> {
        match axis.into() {
            Some(axis) => {
                let axis = self.resolve_axis("take", axis)?;
                self.gather("take", vec![(axis, indices.into())])
            }
            None => self.ravel()?.take(indices, 0),
        }
    }

    /// A list of indices along one axis that is a slice or a single element of it.
    pub(crate) fn take_evenly(
        &self,
        of: &str,
        axis: usize,
        list: &[usize],
        shape: &[usize],
    ) -> Option<Result<Array>> {
        let mut axes: Vec<OutAxis> = (0..self.ndim()).map(OutAxis::Keep).collect();
        let mut fixed = Vec::new();
        match (shape, list) {
            ([], &[index]) => {
                axes.remove(axis);
                fixed.push((axis, index));
            }
            ([_], _) => axes[axis] = OutAxis::Part { axis, range: evenly(list)? },
            _ => return None,
        }
        Some(Array::apply(Rearrange { of: of.into(), axes, fixed }, &[self]))
    }
}

/// The range that a list of indices is, if they are evenly spaced.
fn evenly(list: &[usize]) -> Option<AxisRange> {
    let (&first, step) = match list {
        [] => return Some(AxisRange::new(0, 0)),
        [only] => (only, 1),
        [first, second, ..] => (first, *second as isize - *first as isize),
    };
    let is_even = step != 0 && list.windows(2).all(|pair| pair[1] as isize - pair[0] as isize == step);
    is_even.then(|| AxisRange::stepped(first, list.len(), step))
}

/// The index that a signed number means on an axis.
pub(crate) fn wrapped(op: &str, index: i128, axis: usize, len: usize) -> Result<usize> {
    let found = if index < 0 { index + len as i128 } else { index };
    if found < 0 || found >= len as i128 {
        return Err(Error::IndexOutOfRange { op: op.into(), index, axis, len });
    }
    Ok(found as usize)
}

#[cfg(test)]
mod tests {
    use brickwork_core::Lazy;
    use brickwork_core::eval::evaluate;

    use super::super::check::{check, count_pieces, iota};
    use super::*;

    #[test]
    fn lists_choose_along_an_axis() {
        let x = iota(&[3, 4]);
        check::<i64>(&x.take([2, -3, 2], 0).unwrap(), &[3, 4], &[8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11]);
        check::<i64>(&x.take([3, 0, 1], 1).unwrap(), &[3, 3], &[3, 0, 1, 7, 4, 5, 11, 8, 9]);
        check::<i64>(&x.take(-1, 1).unwrap(), &[3], &[3, 7, 11]);
        check::<i64>(&x.take([11, 5, 5], None).unwrap(), &[3], &[11, 5, 5]);
        let square = IndexArray::list(vec![0, 3, 1, 1], &[2, 2]).unwrap();
        check::<i64>(&x.take(square, -1).unwrap(), &[3, 2, 2], &[0, 3, 1, 1, 4, 7, 5, 5, 8, 11, 9, 9]);
        check::<i64>(&x.take(Vec::new(), 0).unwrap(), &[0, 4], &[]);
        let shuffled: Vec<i64> = (0..200).map(|i| i * 77 % 200).collect();
        check::<i64>(&iota(&[200]).take(shuffled.clone(), 0).unwrap(), &[200], &shuffled);
    }

    #[test]
    fn even_spacing_is_a_view() {
        let x = iota(&[10]);
        for indices in [vec![8, 6, 4], vec![-1], vec![0, 1, 2, 3]] {
            let values: Vec<i64> = indices.iter().map(|&index| (index + 10) % 10).collect();
            let taken = x.take(indices, 0).unwrap();
            assert!(matches!(taken.value().node.op().kind(), Kind::View(_)));
            check::<i64>(&taken, &[values.len()], &values);
        }
    }

    #[test]
    fn neighbours_are_one_piece() {
        let indices: Vec<i64> = (500..600).chain((100..200).rev()).chain([7, 7]).collect();
        let taken = iota(&[1000]).take(indices, 0).unwrap();
        assert_eq!(count_pieces(&taken, &Region::new(vec![AxisRange::new(0, 202)])), 4);
    }

    #[test]
    fn lazy_indices_are_looked_at_in_the_task() {
        let x = iota(&[3, 4]);
        let index = Array::from_vec(vec![1i8, -1, 0, 1], &[2, 2]).unwrap();
        check::<i64>(&x.take(&index, 1).unwrap(), &[3, 2, 2], &[1, 3, 0, 1, 5, 7, 4, 5, 9, 11, 8, 9]);
        let single = Array::from_vec(vec![2u64], &[]).unwrap();
        check::<i64>(&x.take(single, 0).unwrap(), &[4], &[8, 9, 10, 11]);
        let wrong = x.take(Array::from_vec(vec![0, 4], &[2]).unwrap(), 1).unwrap();
        let error = evaluate(wrong.value()).unwrap_err();
        let text = format!(
            "{error} {}",
            std::error::Error::source(&error).map_or(String::new(), ToString::to_string)
        );
        assert!(text.contains("index 4 is out of range for axis 1 with length 4"), "{text}");
        let floats = Array::from_vec(vec![0.0], &[1]).unwrap();
        assert!(matches!(x.take(floats, 0), Err(Error::DTypeUnsupported { .. })));
    }

    #[test]
    fn lists_are_checked_when_built() {
        let error = iota(&[3, 4]).take([0, 1, 3], 0).unwrap_err().to_string();
        assert_eq!(
            error,
            "take: index 3 is out of range for axis 0 with length 3; use an index from -3 to 2"
        );
        assert!(iota(&[0]).take([0], 0).is_err());
        assert!(iota(&[3]).take([i64::MIN, 0, 0], 0).is_err());
        assert!(IndexArray::list(vec![1, 2, 3], &[2, 2]).is_err());
    }
}
