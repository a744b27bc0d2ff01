//! Elements moved round along axes.

use super::pieces::{Fold, folded, product};
use crate::prelude::*;

impl Array {
    /// Moves every element `shift` places up along `axis`; what leaves at the end comes in at the start. Without an
    /// axis the elements are moved as in one line of C order.
    ///
    /// - shape, dtype, chunks: as `self`
    /// - reads: what the asked region shows, in at most two pieces
    ///
    /// Agrees with `numpy.roll`.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`].
    pub fn roll(&self, shift: isize, axis: impl Into<Option<isize>>) -> Result<Array> {
        match axis.into() {
            Some(axis) => self.roll_axes(&[shift], &[axis]),
            None => self.ravel()?.roll_axes(&[shift], &[0])?.reshaped_to("roll", self.shape()),
        }
    }

    /// [`Array::roll`] along several axes at once; shifts along the same axis add up.
    ///
    /// # Errors
    /// If there are not as many shifts as axes, or an axis is out of range.
    pub fn roll_axes(&self, shifts: &[isize], axes: &[isize]) -> Result<Array> {
        if shifts.len() != axes.len() {
            let reason =
                format!("{} shifts for {} axes; give one shift for every axis", shifts.len(), axes.len());
            return Err(Error::argument("roll", reason));
        }
        let mut all = vec![0isize; self.ndim()];
        for (&shift, &axis) in shifts.iter().zip(axes) {
            let axis = self.resolve_axis("roll", axis)?;
            // Reduced before adding, so that no shift is too large; the length may still be a bound, so only then.
            all[axis] = match self.shape()[axis] as isize {
                len if self.is_known() && len > 0 => (all[axis] + shift % len) % len,
                _ => all[axis].saturating_add(shift),
            };
        }
        if all.iter().all(|&shift| shift == 0) {
            return Ok(self.clone());
        }
        Array::apply(Roll { shifts: all }, &[self])
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Roll {
    /// One for every axis.
    shifts: Vec<isize>,
}

#[typetag::serde(name = "brickwork_ops::Roll")]
impl Operation for Roll {
    fn name(&self) -> String {
        "roll".into()
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        let input = &inputs[0];
        if self.shifts.len() != input.ndim() {
            return Err(Error::argument(
                "roll",
                format!("{} shifts for {} axes", self.shifts.len(), input.ndim()),
            ));
        }
        Ok(vec![Meta::new(&input.shape, input.dtype, input.chunks.clone())])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Assemble(self)
    }

    fn cost(&self) -> f64 {
        0.0
    }
}

impl Assemble for Roll {
    fn pieces(
        &self,
        inputs: &[Meta],
        out: &Region,
        _indices: &[Block],
        visit: &mut dyn FnMut(Piece),
    ) -> Result<()> {
        let shape = &inputs[0].shape;
        if out.is_empty() || shape.contains(&0) {
            return Ok(());
        }
        let axes: Vec<_> = (0..out.ndim())
            .map(|axis| {
                let before = self.shifts[axis].rem_euclid(shape[axis] as isize) as usize;
                folded(&out.axes()[axis], before, shape[axis], Fold::Wrap)
            })
            .collect();
        product(&axes, &mut |from, place| {
            if let Some(from) = from {
                visit(Piece { from: PieceFrom::Input(0, from), place });
            }
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{check, iota};

    #[test]
    fn elements_come_in_at_the_other_end() {
        let x = iota(&[2, 3]);
        check::<i64>(&x.roll(1, 1).unwrap(), &[2, 3], &[2, 0, 1, 5, 3, 4]);
        check::<i64>(&x.roll(-7, -2).unwrap(), &[2, 3], &[3, 4, 5, 0, 1, 2]);
        check::<i64>(&x.roll(2, None).unwrap(), &[2, 3], &[4, 5, 0, 1, 2, 3]);
        check::<i64>(&x.roll_axes(&[1, 1, 1], &[0, 1, 1]).unwrap(), &[2, 3], &[4, 5, 3, 1, 2, 0]);
        check::<i64>(&x.roll(isize::MIN, 1).unwrap(), &[2, 3], &[2, 0, 1, 5, 3, 4]);
        check::<i64>(&iota(&[0]).roll(1, 0).unwrap(), &[0], &[]);
        assert!(x.roll_axes(&[1], &[0, 1]).is_err());
    }
}
