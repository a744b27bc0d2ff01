//! Arrays side by side along a new axis.

use std::borrow::Borrow;

use super::pieces::promoted;
use crate::array::resolve_axis;
use crate::prelude::*;

/// Joins arrays of one shape along a new axis, which is `axis` of the result.
///
/// - shape: that of the arrays with `arrays.len()` inserted at `axis`; dtype: the promoted one; chunks: one array each
///   along the new axis, those of the first array along the others
/// - reads: of each array the asked region; arrays that a step jumps over are not touched
///
/// Agrees with `numpy.stack`.
///
/// # Errors
/// If there is no array, their shapes differ, their dtypes have nothing in common, or `axis` is none of the result's.
///
/// # Examples
/// ```
/// # use brickwork_ops::{Array, assemble::stack};
/// let x = Array::from_vec(vec![1.0, 2.0], &[2])?;
/// assert_eq!(stack(&[&x, &x, &x], -1)?.shape(), [2, 3]);
/// # Ok::<(), brickwork_core::Error>(())
/// ```
pub fn stack<A: Borrow<Array>>(arrays: &[A], axis: isize) -> Result<Array> {
    let Some(first) = arrays.first() else {
        return Err(Error::argument("stack", "no arrays were given; give at least one"));
    };
    let axis = resolve_axis("stack", axis, first.borrow().ndim() + 1)?;
    let arrays = promoted("stack", arrays)?;
    Array::apply(Stack { axis }, &arrays.iter().collect::<Vec<_>>())
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stack {
    axis: usize,
}

#[typetag::serde(name = "brickwork_ops::Stack")]
impl Operation for Stack {
    fn name(&self) -> String {
        "stack".into()
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        let Some(first) = inputs.first() else {
            return Err(Error::argument("stack", "no arrays were given; give at least one"));
        };
        if let Some((k, other)) = inputs.iter().enumerate().find(|(_, other)| other.shape != first.shape) {
            let reason = format!(
                "all arrays must have the same shape, but array 0 has {:?} and array {k} has {:?}",
                first.shape, other.shape
            );
            return Err(Error::argument("stack", reason));
        }
        let mut chunks = first.chunks.axes().to_vec();
        chunks.insert(self.axis, AxisChunks::regular(inputs.len(), 1));
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

impl Assemble for Stack {
    fn pieces(
        &self,
        _inputs: &[Meta],
        out: &Region,
        _indices: &[Block],
        visit: &mut dyn FnMut(Piece),
    ) -> Result<()> {
        if out.is_empty() {
            return Ok(());
        }
        let mut axes = out.axes().to_vec();
        let chosen = axes.remove(self.axis);
        let from = Region::new(axes);
        let mut place = Region::full(&out.shape());
        for position in 0..chosen.len {
            *place.axis_mut(self.axis) = AxisRange::at(position);
            visit(Piece { from: PieceFrom::Input(chosen.get(position), from.clone()), place: place.clone() });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{check, count_pieces, iota};
    use super::*;

    #[test]
    fn arrays_lie_along_the_new_axis() {
        let (x, y) = (iota(&[2, 3]), iota(&[2, 3]).roll(1, None).unwrap());
        check::<i64>(&stack(&[&x, &y], 0).unwrap(), &[2, 2, 3], &[0, 1, 2, 3, 4, 5, 5, 0, 1, 2, 3, 4]);
        check::<i64>(&stack(&[&x, &y], 1).unwrap(), &[2, 2, 3], &[0, 1, 2, 5, 0, 1, 3, 4, 5, 2, 3, 4]);
        check::<i64>(&stack(&[&x, &y], -1).unwrap(), &[2, 3, 2], &[0, 5, 1, 0, 2, 1, 3, 2, 4, 3, 5, 4]);
        let scalars: Vec<Array> = (0..3).map(|i| Array::from_vec(vec![i as f32], &[]).unwrap()).collect();
        check::<f32>(&stack(&scalars, 0).unwrap(), &[3], &[0.0, 1.0, 2.0]);
        check::<i64>(&stack(&[&iota(&[0, 2])], 2).unwrap(), &[0, 2, 1], &[]);
    }

    #[test]
    fn only_chosen_arrays_are_read() {
        let arrays = vec![iota(&[2]); 10_000];
        let all = stack(&arrays, 0).unwrap();
        assert_eq!(all.chunks().numblocks(), [10_000, 1]);
        let region = Region::new(vec![AxisRange::stepped(9_000, 3, -1000), AxisRange::new(0, 2)]);
        assert_eq!(count_pieces(&all, &region), 3);
    }

    #[test]
    fn dtypes_are_promoted_and_shapes_compared() {
        let small = Array::from_vec(vec![1u8, 2], &[2]).unwrap();
        let signed = Array::from_vec(vec![-1i8, 0], &[2]).unwrap();
        check::<i16>(&stack(&[&small, &signed], 0).unwrap(), &[2, 2], &[1, 2, -1, 0]);
        let error = stack(&[iota(&[2]), iota(&[3])], 0).unwrap_err().to_string();
        assert_eq!(
            error,
            "stack: all arrays must have the same shape, but array 0 has [2] and array 1 has [3]"
        );
        assert!(stack::<Array>(&[], 0).unwrap_err().to_string().contains("at least one"));
        assert!(matches!(stack(&[iota(&[2])], 2), Err(Error::AxisOutOfRange { ndim: 2, .. })));
    }
}
