//! Values repeated along axes of length 1.

use brickwork_core::broadcast_maps;

use crate::array::broadcast_shapes;
use crate::prelude::*;

impl Array {
    /// The array repeated to a larger shape, as `numpy.broadcast_to`.
    ///
    /// - dtype: as `self`; chunks: those of `self`, one chunk along axes that repeat
    /// - reads: every element that is asked for once, however often it repeats
    ///
    /// # Errors
    /// If an axis is neither of length 1 nor as long as in `shape`, or `shape` has fewer axes.
    pub fn broadcast_to(&self, shape: &[usize]) -> Result<Array> {
        if self.is_known() && self.shape() == shape {
            return Ok(self.clone());
        }
        Array::apply(BroadcastTo { shape: shape.to_vec() }, &[self])
    }
}

/// The arrays, all broadcast to their common shape, as `numpy.broadcast_arrays`.
///
/// # Errors
/// [`Error::ShapeMismatch`] if the shapes do not broadcast; [`Error::UnknownLength`] if a length is not known yet.
pub fn broadcast_arrays(arrays: &[&Array]) -> Result<Vec<Array>> {
    for array in arrays {
        if let Some(axis) = array.meta().unknown.iter().position(Option::is_some) {
            let help = "broadcast before selecting, or combine the arrays directly".into();
            return Err(Error::UnknownLength { op: "broadcast_arrays".into(), axis, help });
        }
    }
    let shapes: Vec<&[usize]> = arrays.iter().map(|array| array.shape()).collect();
    let shape = broadcast_shapes("broadcast_arrays", &shapes)?;
    arrays.iter().map(|array| array.broadcast_to(&shape)).collect()
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct BroadcastTo {
    shape: Vec<usize>,
}

#[typetag::serde(name = "brickwork_ops::BroadcastTo")]
impl Operation for BroadcastTo {
    fn name(&self) -> String {
        format!("broadcast to {:?}", self.shape)
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        let (input, shape) = (&inputs[0], &self.shape);
        let Some(missing) = shape.len().checked_sub(input.ndim()) else {
            let reason = format!(
                "shape {:?} has more axes than {shape:?}; broadcasting never removes axes",
                input.shape
            );
            return Err(Error::argument("broadcast_to", reason));
        };
        crate::view::checked_size("broadcast_to", shape)?;
        let mut chunks = Vec::with_capacity(shape.len());
        for (axis, &len) in shape.iter().enumerate() {
            let own = axis.checked_sub(missing).map(|axis| (axis, input.shape[axis]));
            chunks.push(match own {
                Some((own, own_len)) if own_len == len => input.chunks.axes()[own].clone(),
                None | Some((_, 1)) => AxisChunks::regular(len, len),
                Some((_, own_len)) => {
                    return Err(Error::ShapeMismatch {
                        op: "broadcast_to".into(),
                        all: vec![input.shape.clone(), shape.clone()],
                        axis: axis as isize - shape.len() as isize,
                        left: own_len,
                        right: len,
                    });
                }
            });
        }
        Ok(vec![Meta::new(shape, input.dtype, ChunkGrid::new(chunks))])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::View(self)
    }
}

impl View for BroadcastTo {
    fn maps(&self, input: &Meta, out: &Meta) -> Vec<AxisMap> {
        broadcast_maps(&input.shape, &out.shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::checks::{check, iota};

    #[test]
    fn axes_of_one_repeat() {
        let x = iota(&[3, 1]);
        check::<i64>(&x.broadcast_to(&[2, 3, 2]).unwrap(), &[2, 3, 2], &[0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2]);
        check::<i64>(&x.broadcast_to(&[3, 0]).unwrap(), &[3, 0], &[]);
        check::<i64>(&iota(&[]).broadcast_to(&[2]).unwrap(), &[2], &[0, 0]);
        let pair = broadcast_arrays(&[&x, &iota(&[2])]).unwrap();
        check::<i64>(&pair[0], &[3, 2], &[0, 0, 1, 1, 2, 2]);
        check::<i64>(&pair[1], &[3, 2], &[0, 1, 0, 1, 0, 1]);
    }

    #[test]
    fn views_of_broadcasts_agree() {
        let x = iota(&[3, 1]).broadcast_to(&[4, 3, 5]).unwrap().t().slice(crate::s![1..4, ..;-2]).unwrap();
        let expected: Vec<i64> = (0..3).flat_map(|_| [2, 2, 2, 2, 0, 0, 0, 0]).collect();
        check::<i64>(&x, &[3, 2, 4], &expected);
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        let x = iota(&[3, 2]);
        let message = x.broadcast_to(&[3, 3]).unwrap_err().to_string();
        assert!(message.contains("axis -1 has lengths 2 and 3"), "{message}");
        assert!(x.broadcast_to(&[2]).is_err());
        assert!(iota(&[1]).broadcast_to(&[usize::MAX, 9]).is_err());
        assert!(broadcast_arrays(&[&x, &iota(&[3])]).is_err());
    }
}
