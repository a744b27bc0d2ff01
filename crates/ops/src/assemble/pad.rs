//! Arrays made longer at both ends.

use super::concatenate::concatenate;
use super::pieces::{
    AxisPiece, Fold, checked_size, folded, joined, moved_down, product, require_known, within,
};
use super::rearrange::{OutAxis, Rearrange};
use crate::prelude::*;

/// What stands in the elements that [`Array::pad`] adds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum PadMode {
    /// This number.
    Constant(Weak),
    /// The outermost element.
    Edge,
    /// The elements mirrored at the outermost one: `3 2 | 1 2 3 | 2 1`.
    Reflect,
    /// The elements mirrored behind the outermost one: `2 1 | 1 2 3 | 3 2`.
    Symmetric,
    /// The elements from the other end: `2 3 | 1 2 3 | 1 2`.
    Wrap,
}

impl PadMode {
    /// Zeros.
    pub const ZEROS: PadMode = PadMode::Constant(Weak::Int(0));
}

impl Array {
    /// Adds elements before and after every axis: `widths[i]` of them around axis `i`; one pair stands for all axes.
    ///
    /// - shape: longer by the widths; dtype: as `self`; chunks: those of `self`, between one for each end
    /// - reads: what the asked region shows; a region that lies in constant padding reads nothing
    ///
    /// Agrees with `numpy.pad`; padding wider than the array goes on mirroring or repeating it.
    ///
    /// # Errors
    /// If there are not as many pairs as axes, an empty axis is padded with its own elements, a constant does not fit
    /// the dtype, or the result would have more elements than any array.
    ///
    /// # Examples
    /// ```
    /// # use brickwork_ops::{Array, assemble::PadMode};
    /// let x = Array::from_vec(vec![1, 2, 3], &[3])?;
    /// assert_eq!(x.pad(&[(2, 1)], PadMode::Reflect)?.shape(), [6]);
    /// # Ok::<(), brickwork_core::Error>(())
    /// ```
    pub fn pad(&self, widths: &[(usize, usize)], mode: PadMode) -> Result<Array> {
        let widths = match widths {
            [both] => vec![*both; self.ndim()],
            _ if widths.len() == self.ndim() => widths.to_vec(),
            _ => {
                let reason = format!(
                    "{} pairs of widths for {} axes; give one pair, or one for every axis",
                    widths.len(),
                    self.ndim()
                );
                return Err(Error::argument("pad", reason));
            }
        };
        if widths.iter().all(|&width| width == (0, 0)) {
            return Ok(self.clone());
        }
        let filling = match mode {
            PadMode::Constant(value) => Filling::Constant(fill_value(value, self.dtype())?),
            PadMode::Edge => return self.pad_edge(&widths),
            PadMode::Reflect => Filling::Fold(Fold::Reflect),
            PadMode::Symmetric => Filling::Fold(Fold::Symmetric),
            PadMode::Wrap => Filling::Fold(Fold::Wrap),
        };
        Array::apply(Pad { widths, filling }, &[self])
    }

    /// The outermost elements, broadcast, at both ends: however wide, they are a few pieces.
    fn pad_edge(&self, widths: &[(usize, usize)]) -> Result<Array> {
        require_known("pad", self)?;
        padded_shape(self.shape(), widths)?;
        let mut padded = self.clone();
        for (axis, &(before, after)) in widths.iter().enumerate() {
            let len = self.shape()[axis];
            if (before, after) == (0, 0) {
                continue;
            }
            if len == 0 {
                return Err(empty_axis(axis));
            }
            let end = |index: usize, count: usize| {
                let mut axes: Vec<OutAxis> = (0..padded.ndim()).map(OutAxis::Keep).collect();
                axes[axis] = OutAxis::New { len: count, chunk: count };
                let op = Rearrange { of: "pad".into(), axes, fixed: vec![(axis, index)] };
                (count > 0).then(|| Array::apply(op, &[&padded])).transpose()
            };
            let parts = [end(0, before)?, Some(padded.clone()), end(len - 1, after)?];
            let parts: Vec<Array> = parts.into_iter().flatten().collect();
            padded = concatenate(&parts, axis as isize)?;
        }
        Ok(padded)
    }
}

/// The constant in the array's dtype: as NumPy, a fraction is cut off where the dtype is an integer.
fn fill_value(value: Weak, dtype: DType) -> Result<Scalar> {
    let whole = match value {
        Weak::Float(value) if dtype.is_integer() => Weak::Float(value.trunc()),
        other => other,
    };
    whole.to_scalar(dtype).ok_or_else(|| {
        Error::argument("pad", format!("the constant {value} does not fit {dtype}; cast the array first"))
    })
}

fn empty_axis(axis: usize) -> Error {
    let reason = format!("axis {axis} is empty and has no elements to repeat; pad it with PadMode::Constant");
    Error::argument("pad", reason)
}

fn padded_shape(shape: &[usize], widths: &[(usize, usize)]) -> Result<Vec<usize>> {
    let padded: Option<Vec<usize>> = shape
        .iter()
        .zip(widths)
        .map(|(len, (before, after))| before.checked_add(*after)?.checked_add(*len))
        .collect();
    let padded =
        padded.ok_or_else(|| Error::argument("pad", format!("the widths {widths:?} are too large")))?;
    checked_size("pad", &padded)?;
    for (axis, &len) in padded.iter().enumerate() {
        checked_size("pad", &[len])
            .map_err(|_| Error::argument("pad", format!("axis {axis} becomes too long")))?;
    }
    Ok(padded)
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Pad {
    /// Elements before and after, for every axis.
    widths: Vec<(usize, usize)>,
    filling: Filling,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Filling {
    Constant(Scalar),
    Fold(Fold),
}

#[typetag::serde(name = "brickwork_ops::Pad")]
impl Operation for Pad {
    fn name(&self) -> String {
        "pad".into()
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        let input = &inputs[0];
        if self.widths.len() != input.ndim() {
            return Err(Error::argument(
                "pad",
                format!("{} widths for {} axes", self.widths.len(), input.ndim()),
            ));
        }
        padded_shape(&input.shape, &self.widths)?;
        let mut chunks = Vec::with_capacity(input.ndim());
        for (axis, &(before, after)) in self.widths.iter().enumerate() {
            let own = &input.chunks.axes()[axis];
            if own.is_empty() && before + after > 0 && matches!(self.filling, Filling::Fold(_)) {
                return Err(empty_axis(axis));
            }
            let end = |len| AxisChunks::regular(len, len);
            chunks.push(joined(&[&end(before), own, &end(after)]));
        }
        let chunks = ChunkGrid::new(chunks);
        Ok(vec![Meta::new(&chunks.shape(), input.dtype, chunks)])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Assemble(self)
    }

    fn cost(&self) -> f64 {
        0.0
    }
}

impl Pad {
    fn axis_parts(&self, range: &AxisRange, axis: usize, len: usize) -> Vec<AxisPiece> {
        let (before, after) = self.widths[axis];
        if let Filling::Fold(fold) = self.filling {
            return folded(range, before, len, fold);
        }
        let (own, place) = within(range, before, before + len);
        let own = (own.len > 0).then(|| moved_down(&own, before));
        let outside = |low, high| AxisPiece { from: None, place: within(range, low, high).1 };
        let parts =
            [outside(0, before), AxisPiece { from: own, place }, outside(before + len, before + len + after)];
        parts.into_iter().filter(|part| part.place.len > 0).collect()
    }
}

impl Assemble for Pad {
    fn pieces(
        &self,
        inputs: &[Meta],
        out: &Region,
        _indices: &[Block],
        visit: &mut dyn FnMut(Piece),
    ) -> Result<()> {
        let axes: Vec<Vec<AxisPiece>> = (0..out.ndim())
            .map(|axis| self.axis_parts(&out.axes()[axis], axis, inputs[0].shape[axis]))
            .collect();
        product(&axes, &mut |from, place| {
            let from = match (from, self.filling) {
                (Some(region), _) => PieceFrom::Input(0, region),
                (None, Filling::Constant(value)) => PieceFrom::Value(value),
                // A folded axis has no outside.
                (None, Filling::Fold(_)) => return,
            };
            visit(Piece { from, place });
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{check, count_pieces, iota};
    use super::*;

    #[test]
    fn one_axis_agrees_with_numpy() {
        let x = iota(&[3]);
        let padded = |widths, mode| x.pad(&[widths], mode).unwrap();
        check::<i64>(&padded((1, 2), PadMode::Constant(9.into())), &[6], &[9, 0, 1, 2, 9, 9]);
        check::<i64>(&padded((1, 2), PadMode::Edge), &[6], &[0, 0, 1, 2, 2, 2]);
        check::<i64>(&padded((6, 3), PadMode::Reflect), &[12], &[2, 1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1]);
        check::<i64>(&padded((4, 5), PadMode::Symmetric), &[12], &[2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0, 1]);
        check::<i64>(&padded((4, 4), PadMode::Wrap), &[11], &[2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0]);
        check::<i64>(&iota(&[1]).pad(&[(2, 1)], PadMode::Reflect).unwrap(), &[4], &[0; 4]);
        check::<i64>(&iota(&[0]).pad(&[(1, 1)], PadMode::ZEROS).unwrap(), &[2], &[0, 0]);
        check::<i64>(&padded((0, 0), PadMode::Edge), &[3], &[0, 1, 2]);
    }

    #[test]
    fn corners_agree_with_numpy() {
        let x = iota(&[2, 2]);
        let widths = [(1, 1), (2, 0)];
        let edge = [0, 0, 0, 1, 0, 0, 0, 1, 2, 2, 2, 3, 2, 2, 2, 3];
        check::<i64>(&x.pad(&widths, PadMode::Edge).unwrap(), &[4, 4], &edge);
        let reflect = [2, 3, 2, 3, 0, 1, 0, 1, 2, 3, 2, 3, 0, 1, 0, 1];
        check::<i64>(&x.pad(&widths, PadMode::Reflect).unwrap(), &[4, 4], &reflect);
        let symmetric = [1, 0, 0, 1, 1, 0, 0, 1, 3, 2, 2, 3, 3, 2, 2, 3];
        check::<i64>(&x.pad(&widths, PadMode::Symmetric).unwrap(), &[4, 4], &symmetric);
        let constant = [5, 5, 5, 5, 5, 5, 0, 1, 5, 5, 2, 3, 5, 5, 5, 5];
        check::<i64>(&x.pad(&widths, PadMode::Constant(5.9.into())).unwrap(), &[4, 4], &constant);
    }

    #[test]
    fn wide_padding_is_few_pieces() {
        let x = iota(&[10, 10]);
        let width = 1_000_000;
        let far = Region::new(vec![AxisRange::new(0, 2 * width), AxisRange::new(0, 2 * width)]);
        assert_eq!(count_pieces(&x.pad(&[(width, width)], PadMode::ZEROS).unwrap(), &far), 9);
        assert_eq!(count_pieces(&x.pad(&[(width, width)], PadMode::Edge).unwrap(), &far), 3);
        let inside = Region::new(vec![AxisRange::new(5, 3), AxisRange::new(5, 3)]);
        assert_eq!(count_pieces(&x.pad(&[(4, 4)], PadMode::Wrap).unwrap(), &inside), 1);
    }

    #[test]
    fn chunks_lie_between_the_ends() {
        let x = crate::memory::from_block(Block::from_vec(vec![0i64; 6], &[6]), &3.into()).unwrap();
        assert_eq!(
            x.pad(&[(1, 2)], PadMode::ZEROS).unwrap().chunks().axes()[0].chunk_lengths(),
            [1, 3, 3, 2]
        );
    }

    #[test]
    fn what_cannot_be_padded_is_refused() {
        let fails =
            |array: Array, widths: &[(usize, usize)], mode| array.pad(widths, mode).unwrap_err().to_string();
        assert!(fails(iota(&[2, 2]), &[(1, 1); 3], PadMode::Edge).contains("3 pairs of widths for 2 axes"));
        for mode in [PadMode::Edge, PadMode::Wrap, PadMode::Reflect, PadMode::Symmetric] {
            assert!(fails(iota(&[0]), &[(1, 0)], mode).contains("axis 0 is empty"));
            assert!(fails(iota(&[2]), &[(usize::MAX, 1)], mode).contains("too large"));
        }
        assert!(fails(iota(&[2]), &[(isize::MAX as usize, 1)], PadMode::ZEROS).contains("more elements"));
        let bytes = Array::from_vec(vec![1u8], &[1]).unwrap();
        assert!(fails(bytes, &[(1, 1)], PadMode::Constant(256.into())).contains("does not fit uint8"));
    }
}
