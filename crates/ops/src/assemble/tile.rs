//! The whole array several times.

use super::pieces::{checked_size, require_known};
use super::rearrange::{OutAxis, Rearrange};
use crate::prelude::*;

impl Array {
    /// Repeats the whole array `reps[i]` times along axis `i`. Axes are aligned from the last: fewer repetitions
    /// than axes leave the first axes alone, more give new first axes.
    ///
    /// - shape: lengths times repetitions; dtype: as `self`; chunks: about as long as those of `self`
    /// - reads: only what the asked region shows
    ///
    /// Agrees with `numpy.tile`.
    ///
    /// # Errors
    /// If the result would have more elements than any array.
    pub fn tile(&self, reps: &[usize]) -> Result<Array> {
        require_known("tile", self)?;
        let ndim = self.ndim().max(reps.len());
        let (new_axes, spared) = (ndim - self.ndim(), ndim - reps.len());
        let mut axes = Vec::new();
        let mut shape = Vec::with_capacity(ndim);
        for out_axis in 0..ndim {
            let count = if out_axis < spared { 1 } else { reps[out_axis - spared] };
            let own = out_axis.checked_sub(new_axes);
            if count != 1 || own.is_none() {
                axes.push(OutAxis::New { len: count, chunk: 1 });
            }
            axes.extend(own.map(OutAxis::Keep));
            let len = own.map_or(1, |axis| self.shape()[axis]);
            shape.push(checked_size("tile", &[len, count])?);
        }
        checked_size("tile", &shape)?;
        let spread = Rearrange { of: "tile".into(), axes, fixed: Vec::new() };
        Array::apply(spread, &[self])?.reshaped_to("tile", &shape)
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{check, count_pieces, iota};
    use super::*;

    #[test]
    fn the_array_is_repeated_as_a_whole() {
        let x = iota(&[2, 2]);
        check::<i64>(&x.tile(&[2]).unwrap(), &[2, 4], &[0, 1, 0, 1, 2, 3, 2, 3]);
        check::<i64>(&x.tile(&[2, 1]).unwrap(), &[4, 2], &[0, 1, 2, 3, 0, 1, 2, 3]);
        let cube = x.tile(&[2, 1, 2]).unwrap();
        check::<i64>(&cube, &[2, 2, 4], &[0, 1, 0, 1, 2, 3, 2, 3, 0, 1, 0, 1, 2, 3, 2, 3]);
        check::<i64>(&x.tile(&[0, 1]).unwrap(), &[0, 2], &[]);
        check::<i64>(&x.tile(&[]).unwrap(), &[2, 2], &[0, 1, 2, 3]);
        check::<i64>(&Array::from_vec(vec![5i64], &[]).unwrap().tile(&[2, 2]).unwrap(), &[2, 2], &[5; 4]);
        check::<i64>(&x.tile(&[1, 2, 3]).unwrap().tile(&[2]).unwrap().reshape(&[-1]).unwrap(), &[48], &{
            let row = |a: i64| [a, a + 1].repeat(6);
            [row(0), row(2), row(0), row(2)].concat()
        });
        assert!(x.tile(&[usize::MAX, 2]).is_err());
    }

    #[test]
    fn many_repeats_are_few_pieces() {
        let y = iota(&[3]).tile(&[1_000_000]).unwrap();
        assert!(count_pieces(&y, &Region::new(vec![AxisRange::new(1, 2_000_000)])) <= 3);
    }
}
