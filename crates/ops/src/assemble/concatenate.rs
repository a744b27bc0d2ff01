//! Arrays end to end along an axis.

use std::borrow::Borrow;
use std::sync::Arc;

use super::pieces::{joined, moved_down, promoted, with_axis, within};
use super::rearrange::{OutAxis, Rearrange};
use crate::array::resolve_axis;
use crate::prelude::*;

/// Joins arrays end to end along `axis`.
///
/// - shape: the lengths along `axis` added up; dtype: the promoted one; chunks: those of the arrays one after the
///   other, along the other axes those of the first
/// - reads: of each array what the asked region touches; arrays that a step jumps over are not touched
///
/// Agrees with `numpy.concatenate`.
///
/// # Errors
/// If there is no array, one has no axes, `axis` is none of theirs, the other lengths differ, or the dtypes have nothing
/// in common.
///
/// # Examples
/// ```
/// # use brickwork_ops::{Array, assemble::concatenate};
/// let x = Array::from_vec(vec![1, 2, 3, 4, 5, 6], &[2, 3])?;
/// assert_eq!(concatenate(&[&x, &x], 0)?.shape(), [4, 3]);
/// # Ok::<(), brickwork_core::Error>(())
/// ```
pub fn concatenate<A: Borrow<Array>>(arrays: &[A], axis: isize) -> Result<Array> {
    joined_arrays("concatenate", arrays, axis)
}

/// Joins arrays along their second axis, arrays of one axis along that. Agrees with `numpy.hstack`.
///
/// # Errors
/// Those of [`concatenate`].
pub fn hstack<A: Borrow<Array>>(arrays: &[A]) -> Result<Array> {
    let arrays = at_least("hstack", arrays, 1)?;
    let axis = if arrays.first().is_some_and(|array| array.ndim() > 1) { 1 } else { 0 };
    joined_arrays("hstack", &arrays, axis)
}

/// Joins arrays along their first axis, arrays of one axis as rows. Agrees with `numpy.vstack`.
///
/// # Errors
/// Those of [`concatenate`].
pub fn vstack<A: Borrow<Array>>(arrays: &[A]) -> Result<Array> {
    joined_arrays("vstack", &at_least("vstack", arrays, 2)?, 0)
}

/// Joins arrays along their third axis; arrays of shape `(n,)` count as `(1, n, 1)`, of `(m, n)` as `(m, n, 1)`.
/// Agrees with `numpy.dstack`.
///
/// # Errors
/// Those of [`concatenate`].
pub fn dstack<A: Borrow<Array>>(arrays: &[A]) -> Result<Array> {
    joined_arrays("dstack", &at_least("dstack", arrays, 3)?, 2)
}

fn joined_arrays<A: Borrow<Array>>(op: &str, arrays: &[A], axis: isize) -> Result<Array> {
    let Some(first) = arrays.first() else {
        return Err(Error::argument(op, "no arrays were given; give at least one"));
    };
    if first.borrow().ndim() == 0 {
        return Err(Error::argument(op, "arrays without axes cannot be joined end to end; use stack"));
    }
    let axis = resolve_axis(op, axis, first.borrow().ndim())?;
    let arrays = promoted(op, arrays)?;
    let is_known = arrays.iter().all(Array::is_known);
    let metas = arrays.iter().map(Array::meta);
    let offsets = if is_known { Some(offsets(op, metas, axis)?.into()) } else { None };
    Array::apply(Concatenate { of: op.into(), axis, offsets }, &arrays.iter().collect::<Vec<_>>())
}

/// The arrays with axes of length 1 added as NumPy's `atleast_1d`, `atleast_2d`, `atleast_3d` do.
fn at_least<A: Borrow<Array>>(op: &str, arrays: &[A], ndim: usize) -> Result<Vec<Array>> {
    let unit = OutAxis::unit;
    let raised = |array: &Array| {
        let axes = match (array.ndim(), ndim) {
            (0, _) => vec![unit(); ndim],
            (1, 2) => vec![unit(), OutAxis::Keep(0)],
            (1, 3) => vec![unit(), OutAxis::Keep(0), unit()],
            (2, 3) => vec![OutAxis::Keep(0), OutAxis::Keep(1), unit()],
            _ => return Ok(array.clone()),
        };
        Array::apply(Rearrange::units(op, axes, []), &[array])
    };
    arrays.iter().map(|array| raised(array.borrow())).collect()
}

/// Where every input begins along the axis, and at last where the result ends.
fn offsets<'a>(op: &str, inputs: impl Iterator<Item = &'a Meta>, axis: usize) -> Result<Vec<usize>> {
    let mut offsets = vec![0usize];
    let mut end = 0usize;
    for input in inputs {
        let len = input.shape.get(axis).copied().unwrap_or(0);
        end = end.checked_add(len).filter(|&end| end <= isize::MAX as usize).ok_or_else(|| {
            Error::argument(op, format!("axis {axis} becomes longer than any array can be"))
        })?;
        offsets.push(end);
    }
    Ok(offsets)
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Concatenate {
    /// The function it was made by.
    of: String,
    axis: usize,
    /// Kept where all lengths are known, so that a small region does not cost a walk over all inputs.
    offsets: Option<Arc<[usize]>>,
}

#[typetag::serde(name = "brickwork_ops::Concatenate")]
impl Operation for Concatenate {
    fn name(&self) -> String {
        self.of.clone()
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        let Some(first) = inputs.first() else {
            return Err(Error::argument(&self.of, "no arrays were given; give at least one"));
        };
        for (k, other) in inputs.iter().enumerate() {
            if other.ndim() != first.ndim() {
                let reason = format!(
                    "all arrays must have the same number of axes, but array 0 has {} and array {k} has {}",
                    first.ndim(),
                    other.ndim()
                );
                return Err(Error::argument(&self.of, reason));
            }
            let differs = |&axis: &usize| axis != self.axis && other.shape[axis] != first.shape[axis];
            if let Some(axis) = (0..first.ndim()).find(differs) {
                let reason = format!(
                    "all lengths but those along axis {} must be the same, but along axis {axis} array 0 has {} and \
                     array {k} has {}",
                    self.axis, first.shape[axis], other.shape[axis]
                );
                return Err(Error::argument(&self.of, reason));
            }
        }
        let found = offsets(&self.of, inputs.iter(), self.axis)?;
        if self.offsets.as_ref().is_some_and(|known| known[..] != found) {
            return Err(Error::argument(&self.of, "the arrays are not those that it was made for"));
        }
        let along: Vec<&AxisChunks> = inputs.iter().map(|input| &input.chunks.axes()[self.axis]).collect();
        let mut chunks = first.chunks.axes().to_vec();
        chunks[self.axis] = joined(&along);
        let chunks = ChunkGrid::new(chunks);
        Ok(vec![Meta::new(&chunks.shape(), first.dtype, chunks)])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Assemble(self)
    }

    fn cost(&self) -> f64 {
        0.0
    }
}

impl Assemble for Concatenate {
    fn pieces(
        &self,
        inputs: &[Meta],
        out: &Region,
        _indices: &[Block],
        visit: &mut dyn FnMut(Piece),
    ) -> Result<()> {
        if out.is_empty() {
            return Ok(());
        }
        let computed;
        let offsets = match &self.offsets {
            Some(known) => &known[..],
            None => {
                computed = offsets(&self.of, inputs.iter(), self.axis)?;
                &computed[..]
            }
        };
        let range = out.axes()[self.axis];
        let rising = range.ascending();
        let whole = Region::full(&out.shape());
        let mut done = 0;
        while done < rising.len {
            // The last input that begins here or before is never an empty one.
            let k = offsets.partition_point(|&offset| offset <= rising.get(done)) - 1;
            let (indices, place) = within(&range, offsets[k], offsets[k + 1]);
            let from = with_axis(out, self.axis, moved_down(&indices, offsets[k]));
            visit(Piece { from: PieceFrom::Input(k, from), place: with_axis(&whole, self.axis, place) });
            done += place.len;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{check, count_pieces, iota};
    use super::*;

    #[test]
    fn arrays_follow_each_other() {
        let arrays = [iota(&[2, 2]), iota(&[0, 2]), iota(&[3, 2]), iota(&[1, 2])];
        let joined = concatenate(&arrays, 0).unwrap();
        check::<i64>(&joined, &[6, 2], &[0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 0, 1]);
        let wide = concatenate(&[iota(&[2, 1]), iota(&[2, 3])], -1).unwrap();
        check::<i64>(&wide, &[2, 4], &[0, 0, 1, 2, 1, 3, 4, 5]);
        assert_eq!(wide.chunks().axes()[1].chunk_lengths(), [1, 3]);
        check::<i64>(&concatenate(&[iota(&[0]), iota(&[0])], 0).unwrap(), &[0], &[]);
    }

    #[test]
    fn inputs_that_a_step_jumps_over_give_no_piece() {
        let arrays = vec![iota(&[3]); 10_000];
        let all = concatenate(&arrays, 0).unwrap();
        assert_eq!(all.chunks().axes()[0], AxisChunks::regular(30_000, 3));
        assert_eq!(count_pieces(&all, &Region::new(vec![AxisRange::stepped(29_999, 3, -10_000)])), 3);
        assert_eq!(count_pieces(&all, &Region::new(vec![AxisRange::new(2, 5)])), 3);
    }

    #[test]
    fn numpys_short_forms_raise_the_axes() {
        let (x, y) = (iota(&[2]), iota(&[2]));
        check::<i64>(&hstack(&[&x, &y]).unwrap(), &[4], &[0, 1, 0, 1]);
        check::<i64>(&vstack(&[&x, &y]).unwrap(), &[2, 2], &[0, 1, 0, 1]);
        check::<i64>(&dstack(&[&x, &y]).unwrap(), &[1, 2, 2], &[0, 0, 1, 1]);
        let (x, y) = (iota(&[2, 1]), iota(&[2, 2]));
        check::<i64>(&hstack(&[&x, &y]).unwrap(), &[2, 3], &[0, 0, 1, 1, 2, 3]);
        check::<i64>(&dstack(&[&y, &y]).unwrap(), &[2, 2, 2], &[0, 0, 1, 1, 2, 2, 3, 3]);
        let scalar = Array::from_vec(vec![7i64], &[]).unwrap();
        check::<i64>(&hstack(&[&scalar, &scalar]).unwrap(), &[2], &[7, 7]);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let fails = |arrays: &[Array], axis| concatenate(arrays, axis).unwrap_err().to_string();
        assert!(fails(&[], 0).contains("at least one"));
        assert!(fails(&[Array::from_vec(vec![1], &[]).unwrap()], 0).contains("use stack"));
        assert!(
            fails(&[iota(&[2, 3]), iota(&[3, 4])], 0)
                .contains("along axis 1 array 0 has 3 and array 1 has 4")
        );
        assert!(fails(&[iota(&[2, 3]), iota(&[3])], 0).contains("number of axes"));
        assert!(fails(&[iota(&[2])], 1).contains("out of range"));
    }
}
