//! Blocks of neighbouring elements folded into one.
use crate::array::{resolve_axes, resolve_axis};
use crate::index::Index;
use crate::prelude::*;
use crate::reduce::Axes;

impl Array {
    /// Folds every block of `factor` neighbours along an axis into one element, for each `(axis, factor)`; `reduce` is
    /// any reduction of an array over axes.
    ///
    /// - shape: the length of such an axis divided by its factor; dtype: the reduction's
    /// - reads: everything, once
    ///
    /// Elements that fill no block are left out if `trim_excess` is true, else they are an error.
    ///
    /// Agrees with `dask.array.coarsen`.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`]; if an axis comes twice, a factor is 0, or a length is no multiple of its factor;
    /// [`Error::UnknownLength`] for boolean selections; and what `reduce` finds wrong.
    ///
    /// # Examples
    /// ```
    /// # use brickwork_ops::Array;
    /// let x = Array::from_vec((0..24).collect::<Vec<i64>>(), &[4, 6])?;
    /// let y = x.coarsen(&[(0, 2), (1, 3)], false, |blocks, axes| blocks.max(axes))?;
    /// assert_eq!(y.shape(), [2, 2]);
    /// # Ok::<(), brickwork_core::Error>(())
    /// ```
    pub fn coarsen(
        &self,
        factors: &[(isize, usize)],
        trim_excess: bool,
        reduce: impl FnOnce(&Array, Axes) -> Result<Array>,
    ) -> Result<Array> {
        let axes: Vec<isize> = factors.iter().map(|&(axis, _)| axis).collect();
        resolve_axes("coarsen", &axes, self.ndim())?;
        let mut by_axis = vec![1; self.ndim()];
        for &(axis, factor) in factors {
            by_axis[resolve_axis("coarsen", axis, self.ndim())?] = factor;
        }
        if let Some(axis) = by_axis.iter().position(|&factor| factor == 0) {
            let reason = format!("the factor of axis {axis} is 0; use at least 1");
            return Err(Error::argument("coarsen", reason));
        }
        if let Some(axis) = self.meta().unknown.iter().position(Option::is_some) {
            let help = "compute the array first".into();
            return Err(Error::UnknownLength { op: "coarsen".into(), axis, help });
        }
        let whole = self.whole_blocks(&by_axis, trim_excess)?;
        // Every axis becomes two: the block's number, and the place in the block.
        let split = whole.shape().iter().zip(&by_axis).flat_map(|(&length, &factor)| {
            if factor == 1 { vec![length] } else { vec![length / factor, factor] }
        });
        let split: Vec<usize> = split.collect();
        let mut within = Vec::new();
        let mut position = 0;
        for &factor in &by_axis {
            if factor > 1 {
                within.push(position + 1);
            }
            position += if factor == 1 { 1 } else { 2 };
        }
        reduce(&whole.reshaped_to("coarsen", &split)?, Axes::of(within))
    }

    /// The elements that fill blocks.
    fn whole_blocks(&self, factors: &[usize], trim_excess: bool) -> Result<Array> {
        let excess = self.shape().iter().zip(factors).position(|(&length, &factor)| length % factor != 0);
        let Some(axis) = excess else { return Ok(self.clone()) };
        if !trim_excess {
            let (length, factor) = (self.shape()[axis], factors[axis]);
            let reason = format!(
                "axis {axis} has {length} elements, which is no multiple of {factor}; choose another factor, or \
                 trim_excess to leave {} of them out",
                length % factor
            );
            return Err(Error::argument("coarsen", reason));
        }
        let items = self.shape().iter().zip(factors).map(|(&length, &factor)| {
            let stop = length / factor * factor;
            if stop == length {
                Index::ALL
            } else {
                Index::Range { start: None, stop: Some(stop as isize), step: 1 }
            }
        });
        self.slice(items.collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use crate::index::checks::{check, iota};

    #[test]
    fn blocks_become_elements() {
        let x = iota(&[4, 6]);
        let sums = x.coarsen(&[(0, 2), (-1, 3)], false, |blocks, axes| blocks.sum(axes)).unwrap();
        check::<i64>(&sums, &[2, 2], &[24, 42, 96, 114]);
        let rows = x.coarsen(&[(1, 2)], false, |blocks, axes| blocks.max(axes)).unwrap();
        check::<i64>(&rows, &[4, 3], &[1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23]);
        let same = x.coarsen(&[], false, |blocks, axes| blocks.sum(axes)).unwrap();
        assert_eq!(same.shape(), [4, 6]);
    }

    #[test]
    fn excess_is_refused_or_left_out() {
        let x = iota(&[5]);
        let error = x.coarsen(&[(0, 2)], false, |blocks, axes| blocks.sum(axes)).unwrap_err().to_string();
        assert!(error.starts_with("coarsen: axis 0 has 5 elements, which is no multiple of 2"), "{error}");
        let trimmed = x.coarsen(&[(0, 2)], true, |blocks, axes| blocks.sum(axes)).unwrap();
        check::<i64>(&trimmed, &[2], &[1, 5]);
        let none = x.coarsen(&[(0, 9)], true, |blocks, axes| blocks.sum(axes)).unwrap();
        assert_eq!(none.shape(), [0]);
    }

    #[test]
    fn senseless_factors_are_refused() {
        let refused = |factors: &[(isize, usize)]| {
            iota(&[4, 4]).coarsen(factors, false, |blocks, axes| blocks.sum(axes)).unwrap_err().to_string()
        };
        assert!(refused(&[(2, 2)]).contains("axis 2 is out of range"));
        assert!(refused(&[(0, 2), (-2, 2)]).contains("given twice"));
        assert!(refused(&[(1, 0)]).contains("the factor of axis 1 is 0"));
    }
}
