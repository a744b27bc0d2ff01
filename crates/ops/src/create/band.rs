//! Matrices of ones along diagonals.

use crate::create::fill_rows;
use crate::prelude::*;

/// The `n`×`n` matrix of ones on the diagonal and zeros elsewhere, `float64`, as `numpy.identity`.
pub fn identity(n: usize) -> Result<Array> {
    eye(n)
}

/// The `n`×`n` matrix of ones on the diagonal and zeros elsewhere, `float64`, as `numpy.eye(n)`.
pub fn eye(n: usize) -> Result<Array> {
    eye_with(n, n, 0, DType::F64, ChunkSpec::auto())
}

/// The `n`×`m` matrix of ones on diagonal number `k` and zeros elsewhere, as `numpy.eye`. Reads nothing.
///
/// # Errors
/// For a dtype without arithmetic, or more elements than can be numbered.
pub fn eye_with(n: usize, m: usize, k: isize, dtype: DType, chunks: impl Into<ChunkSpec>) -> Result<Array> {
    band("eye", [n, m], k, k, dtype, chunks.into())
}

/// The `n`×`n` matrix of ones on the diagonal and below, `float64`, as `numpy.tri(n)`.
pub fn tri(n: usize) -> Result<Array> {
    tri_with(n, n, 0, DType::F64, ChunkSpec::auto())
}

/// The `n`×`m` matrix of ones on diagonal number `k` and below, zeros above, as `numpy.tri`. Reads nothing.
///
/// # Errors
/// For a dtype without arithmetic, or more elements than can be numbered.
pub fn tri_with(n: usize, m: usize, k: isize, dtype: DType, chunks: impl Into<ChunkSpec>) -> Result<Array> {
    band("tri", [n, m], isize::MIN, k, dtype, chunks.into())
}

fn band(
    op: &str,
    shape: [usize; 2],
    low: isize,
    high: isize,
    dtype: DType,
    chunks: ChunkSpec,
) -> Result<Array> {
    if !dtype.is_numeric() {
        let help = "use a numeric dtype".into();
        return Err(Error::DTypeUnsupported { op: op.into(), dtype, help });
    }
    crate::view::checked_size(op, &shape)?;
    let chunks = chunks.resolve(&shape, dtype)?;
    Array::apply(Band { low, high, dtype, chunks }, &[])
}

/// Ones where `low <= column - row <= high`, zeros elsewhere.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Band {
    low: isize,
    high: isize,
    dtype: DType,
    chunks: ChunkGrid,
}

#[typetag::serde(name = "brickwork_ops::Band")]
impl Operation for Band {
    fn name(&self) -> String {
        if self.low == self.high { format!("eye {}", self.high) } else { format!("tri {}", self.high) }
    }

    fn infer(&self, _inputs: &[Meta]) -> Result<Vec<Meta>> {
        Ok(vec![Meta::new(&self.chunks.shape(), self.dtype, self.chunks.clone())])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Generator(self)
    }
}

impl Generator for Band {
    fn fill(&self, _meta: &Meta, region: &Region, out: ViewMut<'_>) -> Result<()> {
        let columns = region.axes()[1];
        let one = Weak::Int(1).to_scalar(self.dtype);
        with_element!(self.dtype, T => {
            let one = one.and_then(|one| one.get::<T>()).expect("numeric dtypes have a one");
            let zero: T = bytemuck::Zeroable::zeroed();
            fill_rows::<T>(region, out, |index, row| {
                // The columns of the band in this row: from `first` up to, and without, `end`.
                let at = index[0] as isize;
                let first = at.saturating_add(self.low).max(0) as usize;
                let end = at.saturating_add(self.high).saturating_add(1).max(0) as usize;
                let (position, count) = columns.positions_between(first, end.max(first));
                row.fill(zero);
                row[position..position + count].fill(one);
            });
        }, else return Err(Error::Bug { what: format!("{} of dtype {}", self.name(), self.dtype) }));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::checks::check;

    #[test]
    fn bands_agree_with_loops() {
        for k in [-7, -2, -1, 0, 1, 3, 9, isize::MIN, isize::MAX] {
            let each = |is_one: &dyn Fn(isize, isize) -> bool| -> Vec<f32> {
                (0..4)
                    .flat_map(|i| (0..6).map(move |j| (i, j)))
                    .map(|(i, j)| f32::from(is_one(i, j)))
                    .collect()
            };
            check(&eye_with(4, 6, k, DType::F32, 3).unwrap(), &[4, 6], &each(&|i, j| j - i == k));
            check(&tri_with(4, 6, k, DType::F32, 3).unwrap(), &[4, 6], &each(&|i, j| j - i <= k));
        }
        check(&identity(2).unwrap(), &[2, 2], &[1.0, 0.0, 0.0, 1.0]);
        check(&tri(2).unwrap(), &[2, 2], &[1.0, 0.0, 1.0, 1.0]);
        assert!(eye(usize::MAX).is_err());
        assert!(eye_with(2, 2, 0, DType::Bytes(2), 2).is_err());
    }
}
