//! Every element several times.

use super::pieces::{checked_size, require_known};
use super::rearrange::{OutAxis, Rearrange};
use crate::prelude::*;

impl Array {
    /// Repeats every element `count` times along `axis`; without an axis, every element of the flat array.
    ///
    /// - shape: as `self`, with `axis` `count` times as long; dtype: as `self`; chunks: those of `self`, `count` times
    ///   as long
    /// - reads: each element that is shown once
    ///
    /// Agrees with `numpy.repeat` given one number.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`], or if the result would be longer than any array.
    pub fn repeat(&self, count: usize, axis: impl Into<Option<isize>>) -> Result<Array> {
        let Some(axis) = axis.into() else {
            return self.ravel()?.repeat(count, 0);
        };
        let axis = self.resolve_axis("repeat", axis)?;
        require_known("repeat", self)?;
        let mut shape = self.shape().to_vec();
        shape[axis] = checked_size("repeat", &[shape[axis], count])?;
        checked_size("repeat", &shape)?;
        let mut axes: Vec<OutAxis> = (0..self.ndim()).map(OutAxis::Keep).collect();
        axes.insert(axis + 1, OutAxis::New { len: count, chunk: count });
        let spread = Rearrange { of: "repeat".into(), axes, fixed: Vec::new() };
        Array::apply(spread, &[self])?.reshaped_to("repeat", &shape)
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{check, count_pieces, iota};
    use super::*;

    #[test]
    fn elements_are_repeated_where_they_are() {
        let x = iota(&[2, 3]);
        check::<i64>(&x.repeat(2, 0).unwrap(), &[4, 3], &[0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5]);
        check::<i64>(&x.repeat(2, -1).unwrap(), &[2, 6], &[0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
        check::<i64>(&x.repeat(2, None).unwrap(), &[12], &[0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
        check::<i64>(&x.repeat(0, 0).unwrap(), &[0, 3], &[]);
        check::<i64>(&x.repeat(1, 0).unwrap(), &[2, 3], &[0, 1, 2, 3, 4, 5]);
        assert!(x.repeat(usize::MAX, 0).unwrap_err().to_string().contains("more elements"));
    }

    #[test]
    fn chunks_grow_and_pieces_stay_few() {
        let x =
            crate::memory::from_block(Block::from_vec((0..100i64).collect(), &[100]), &10.into()).unwrap();
        let y = x.repeat(1000, 0).unwrap();
        assert_eq!(y.chunks().max_chunk(), [10_000]);
        assert!(count_pieces(&y, &Region::new(vec![AxisRange::new(500, 50_000)])) <= 3);
    }
}
