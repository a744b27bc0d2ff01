//! Axes the other way round: slices with step -1.

use crate::array::{resolve_axes, resolve_axis};
use crate::index::Index;
use crate::prelude::*;

impl Array {
    /// The elements in reverse along the given axes, or along all of them, as `numpy.flip`.
    ///
    /// - shape and dtype: as `self`; chunks: those of `self` in reverse; reads: what is asked
    ///
    /// # Errors
    /// If an axis is out of range or named twice.
    pub fn flip(&self, axes: Option<&[isize]>) -> Result<Array> {
        let flipped = match axes {
            Some(axes) => resolve_axes("flip", axes, self.ndim())?,
            None => (0..self.ndim()).collect(),
        };
        let item = |axis| if flipped.contains(&axis) { Index::stepped(.., -1) } else { Index::ALL };
        self.slice((0..self.ndim()).map(item).collect::<Vec<_>>())
    }

    /// The rows in reverse, as `numpy.flipud`.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`] for a 0-d array.
    pub fn flipud(&self) -> Result<Array> {
        resolve_axis("flipud", 0, self.ndim())?;
        self.flip(Some(&[0]))
    }

    /// The columns in reverse, as `numpy.fliplr`.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`] for an array of fewer than two axes.
    pub fn fliplr(&self) -> Result<Array> {
        resolve_axis("fliplr", 1, self.ndim())?;
        self.flip(Some(&[1]))
    }

    /// Turned by `quarters` quarter turns in the plane of two axes, from the first towards the second, as
    /// `numpy.rot90`.
    ///
    /// # Errors
    /// If an axis is out of range, or both are the same.
    pub fn rot90(&self, quarters: isize, axes: [isize; 2]) -> Result<Array> {
        let resolved = resolve_axes("rot90", &axes, self.ndim())?;
        let (first, second) = (resolved[0] as isize, resolved[1] as isize);
        match quarters.rem_euclid(4) {
            0 => Ok(self.clone()),
            1 => self.flip(Some(&[second]))?.swapaxes(first, second),
            2 => self.flip(Some(&[first, second])),
            _ => self.swapaxes(first, second)?.flip(Some(&[second])),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::index::checks::{check, iota};

    #[test]
    fn axes_turn_round() {
        let x = iota(&[2, 3]);
        check::<i64>(&x.flip(None).unwrap(), &[2, 3], &[5, 4, 3, 2, 1, 0]);
        check::<i64>(&x.flipud().unwrap(), &[2, 3], &[3, 4, 5, 0, 1, 2]);
        check::<i64>(&x.fliplr().unwrap(), &[2, 3], &[2, 1, 0, 5, 4, 3]);
        assert!(iota(&[3]).fliplr().is_err());
        assert!(iota(&[]).flipud().is_err());
    }

    #[test]
    fn quarter_turns_agree_with_numpy() {
        let x = iota(&[2, 3]);
        check::<i64>(&x.rot90(1, [0, 1]).unwrap(), &[3, 2], &[2, 5, 1, 4, 0, 3]);
        check::<i64>(&x.rot90(2, [0, 1]).unwrap(), &[2, 3], &[5, 4, 3, 2, 1, 0]);
        check::<i64>(&x.rot90(-1, [0, 1]).unwrap(), &[3, 2], &[3, 0, 4, 1, 5, 2]);
        check::<i64>(&x.rot90(1, [1, 0]).unwrap(), &[3, 2], &[3, 0, 4, 1, 5, 2]);
        check::<i64>(&x.rot90(4, [0, 1]).unwrap(), &[2, 3], &[0, 1, 2, 3, 4, 5]);
        assert!(x.rot90(1, [0, -2]).is_err());
    }
}
