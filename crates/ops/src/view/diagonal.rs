//! Diagonals: two axes of the input follow one axis of the output.

use crate::array::resolve_axes;
use crate::prelude::*;

impl Array {
    /// The diagonal of the plane of two axes: `x[i, i + offset]` for the axes 0 and 1.
    ///
    /// - shape: that of `self` without the two axes, and the diagonal as the last axis; dtype: as `self`
    /// - reads: the elements of the diagonal, one by one, never the square around them
    ///
    /// Agrees with `numpy.diagonal`.
    ///
    /// # Errors
    /// If an axis is out of range, or both are the same.
    ///
    /// ```
    /// use brickwork_ops::Array;
    /// let x = Array::from_vec((0..24i64).collect(), &[2, 3, 4])?;
    /// assert_eq!(x.diagonal(1, [1, 2])?.shape(), [2, 3]);
    /// # Ok::<(), brickwork_core::Error>(())
    /// ```
    pub fn diagonal(&self, offset: isize, axes: [isize; 2]) -> Result<Array> {
        let axes = resolve_axes("diagonal", &axes, self.ndim())?;
        Array::apply(Diagonal { offset, axes: [axes[0], axes[1]] }, &[self])
    }

    /// The diagonal number `offset` of a matrix; or, of a vector, the matrix that has it on that diagonal and zeros
    /// elsewhere. As `numpy.diag`.
    ///
    /// # Errors
    /// For arrays of neither one nor two axes; use [`Array::diagonal`].
    pub fn diag(&self, offset: isize) -> Result<Array> {
        match self.ndim() {
            1 => Array::apply(OnDiagonal { offset }, &[self]),
            2 => self.diagonal(offset, [0, 1]),
            ndim => {
                let reason = format!("an array of {ndim} axes; give a vector or a matrix, or use diagonal");
                Err(Error::argument("diag", reason))
            }
        }
    }
}

/// Row and column of the first element of diagonal number `offset`.
fn first_of(offset: isize) -> (usize, usize) {
    (offset.min(0).unsigned_abs(), offset.max(0).unsigned_abs())
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Diagonal {
    offset: isize,
    axes: [usize; 2],
}

#[typetag::serde(name = "brickwork_ops::Diagonal")]
impl Operation for Diagonal {
    fn name(&self) -> String {
        format!("diagonal {} of axes {:?}", self.offset, self.axes)
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        let input = &inputs[0];
        let [rows, columns] = self.axes;
        let (row, column) = first_of(self.offset);
        let len = input.shape[rows].saturating_sub(row).min(input.shape[columns].saturating_sub(column));
        let mut axes: Vec<AxisChunks> = (0..input.ndim())
            .filter(|axis| !self.axes.contains(axis))
            .map(|axis| input.chunks.axes()[axis].clone())
            .collect();
        axes.push(AxisChunks::regular(len, input.chunks.axes()[rows].max_chunk()));
        let chunks = ChunkGrid::new(axes);
        Ok(vec![Meta::new(&chunks.shape(), input.dtype, chunks)])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Assemble(self)
    }
}

impl Assemble for Diagonal {
    fn pieces(
        &self,
        inputs: &[Meta],
        out: &Region,
        _indices: &[Block],
        visit: &mut dyn FnMut(Piece),
    ) -> Result<()> {
        let Some((diagonal, others)) = out.axes().split_last() else { return Ok(()) };
        let (row, column) = first_of(self.offset);
        let mut from = vec![AxisRange::at(0); inputs[0].ndim()];
        let kept = (0..inputs[0].ndim()).filter(|axis| !self.axes.contains(axis));
        for (axis, &range) in kept.zip(others) {
            from[axis] = range;
        }
        let mut place: Vec<AxisRange> = others.iter().map(|range| AxisRange::new(0, range.len)).collect();
        place.push(AxisRange::at(0));
        for i in 0..diagonal.len {
            from[self.axes[0]] = AxisRange::at(row + diagonal.get(i));
            from[self.axes[1]] = AxisRange::at(column + diagonal.get(i));
            place[others.len()] = AxisRange::at(i);
            let from = PieceFrom::Input(0, Region::new(from.clone()));
            visit(Piece { from, place: Region::new(place.clone()) });
        }
        Ok(())
    }
}

/// A vector on a diagonal of a square of zeros.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct OnDiagonal {
    offset: isize,
}

#[typetag::serde(name = "brickwork_ops::OnDiagonal")]
impl Operation for OnDiagonal {
    fn name(&self) -> String {
        format!("on diagonal {}", self.offset)
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        let input = &inputs[0];
        let side = input.shape[0].saturating_add(self.offset.unsigned_abs());
        super::checked_size("diag", &[side, side])?;
        let chunk = input.chunks.axes()[0].max_chunk();
        Ok(vec![Meta::new(&[side, side], input.dtype, ChunkGrid::regular(&[side, side], &[chunk, chunk]))])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Assemble(self)
    }
}

impl Assemble for OnDiagonal {
    fn pieces(
        &self,
        inputs: &[Meta],
        out: &Region,
        _indices: &[Block],
        visit: &mut dyn FnMut(Piece),
    ) -> Result<()> {
        let (rows, columns) = (out.axes()[0], out.axes()[1]);
        let (row, column) = first_of(self.offset);
        let zero = Scalar::zero(inputs[0].dtype);
        let mut zeros = |line: AxisRange, start: usize, end: usize| {
            if end > start && line.len > 0 {
                let place = Region::new(vec![line, AxisRange::new(start, end - start)]);
                visit(Piece { from: PieceFrom::Value(zero), place });
            }
        };
        // Zeros first, then the elements: the two closures cannot share the visitor.
        let mut elements = Vec::new();
        for i in 0..rows.len {
            let line = AxisRange::at(i);
            let on_it = rows.get(i).checked_sub(row).filter(|&k| k < inputs[0].shape[0]);
            match on_it.and_then(|k| columns.position(column + k).map(|position| (k, position))) {
                Some((k, position)) => {
                    zeros(line, 0, position);
                    zeros(line, position + 1, columns.len);
                    elements.push((k, i, position));
                }
                None => zeros(line, 0, columns.len),
            }
        }
        for (k, i, position) in elements {
            let from = PieceFrom::Input(0, Region::new(vec![AxisRange::at(k)]));
            let place = Region::new(vec![AxisRange::at(i), AxisRange::at(position)]);
            visit(Piece { from, place });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use brickwork_core::Lazy;
    use brickwork_core::eval::{LocalContext, Walks, evaluate_with};

    use super::*;
    use crate::index::checks::{at, check, iota};

    #[test]
    fn diagonals_agree_with_numpy() {
        let x = iota(&[3, 4]);
        check::<i64>(&x.diagonal(0, [0, 1]).unwrap(), &[3], &[0, 5, 10]);
        check::<i64>(&x.diagonal(2, [0, 1]).unwrap(), &[2], &[2, 7]);
        check::<i64>(&x.diagonal(-1, [0, 1]).unwrap(), &[2], &[4, 9]);
        check::<i64>(&x.diagonal(1, [1, 0]).unwrap(), &[2], &[4, 9]);
        check::<i64>(&x.diagonal(9, [0, 1]).unwrap(), &[0], &[]);
        check::<i64>(&x.diagonal(isize::MIN, [0, 1]).unwrap(), &[0], &[]);
        let shape = [3, 2, 4];
        let y = iota(&shape).diagonal(-1, [2, 0]).unwrap();
        let expected = at(&shape, &[&[0, 0, 1], &[1, 0, 2], &[2, 0, 3], &[0, 1, 1], &[1, 1, 2], &[2, 1, 3]]);
        check::<i64>(&y, &[2, 3], &expected);
        assert!(x.diagonal(0, [0, -2]).is_err());
    }

    #[test]
    fn a_diagonal_reads_no_square() {
        let x = crate::random::default_rng(Some(1)).random(&[1000, 1000], 100).unwrap();
        let diagonal = x.diagonal(3, [0, 1]).unwrap();
        let context = LocalContext::new(1 << 20);
        evaluate_with(diagonal.value(), &Region::full(&[997]), &Walks::default(), &context).unwrap();
        assert!(brickwork_core::eval::Context::counters(&context).get().elements_generated <= 2 * 997);
    }

    #[test]
    fn a_vector_becomes_a_diagonal() {
        let x = iota(&[3]).slice(crate::s![1..]).unwrap();
        check::<i64>(&x.diag(0).unwrap(), &[2, 2], &[1, 0, 0, 2]);
        check::<i64>(&x.diag(1).unwrap(), &[3, 3], &[0, 1, 0, 0, 0, 2, 0, 0, 0]);
        check::<i64>(&x.diag(-1).unwrap(), &[3, 3], &[0, 0, 0, 1, 0, 0, 0, 2, 0]);
        check::<i64>(&iota(&[2, 2]).diag(1).unwrap(), &[1], &[1]);
        assert!(iota(&[2, 2, 2]).diag(0).is_err());
        assert!(x.diag(isize::MAX).is_err());
    }
}
