//! Arrays of one value, and arrays like others.

use brickwork_core::AxisSpec;

use crate::constant::constant_with_chunks;
use crate::prelude::*;

/// An array of zeros, as `numpy.zeros`. Takes no memory.
///
/// # Errors
/// If the shape has more elements than can be numbered.
pub fn zeros(shape: &[usize], dtype: DType) -> Result<Array> {
    zeros_with(shape, dtype, ChunkSpec::auto())
}

/// [`zeros`] with chunks of the user's choice.
pub fn zeros_with(shape: &[usize], dtype: DType, chunks: impl Into<ChunkSpec>) -> Result<Array> {
    full_with(shape, Scalar::zero(dtype), chunks)
}

/// An array of ones, as `numpy.ones`. Takes no memory.
///
/// # Errors
/// If the dtype has no one, or the shape has more elements than can be numbered.
pub fn ones(shape: &[usize], dtype: DType) -> Result<Array> {
    ones_with(shape, dtype, ChunkSpec::auto())
}

/// [`ones`] with chunks of the user's choice.
pub fn ones_with(shape: &[usize], dtype: DType, chunks: impl Into<ChunkSpec>) -> Result<Array> {
    full_with(shape, in_dtype("ones", Weak::Int(1), dtype)?, chunks)
}

/// An array whose every element is `value`, as `numpy.full`. Takes no memory.
///
/// # Errors
/// If the shape has more elements than can be numbered.
pub fn full(shape: &[usize], value: Scalar) -> Result<Array> {
    full_with(shape, value, ChunkSpec::auto())
}

/// [`full`] with chunks of the user's choice.
pub fn full_with(shape: &[usize], value: Scalar, chunks: impl Into<ChunkSpec>) -> Result<Array> {
    crate::view::checked_size("full", shape)?;
    constant_with_chunks(shape, value, &chunks.into())
}

impl Array {
    /// Zeros of the same shape and chunks; of the same dtype unless another is given. As `numpy.zeros_like`.
    ///
    /// # Errors
    /// [`Error::UnknownLength`] if a length is not known yet.
    pub fn zeros_like(&self, dtype: Option<DType>) -> Result<Array> {
        self.like("zeros_like", Scalar::zero(dtype.unwrap_or(self.dtype())))
    }

    /// Ones of the same shape and chunks; of the same dtype unless another is given. As `numpy.ones_like`.
    ///
    /// # Errors
    /// [`Error::UnknownLength`] if a length is not known yet.
    pub fn ones_like(&self, dtype: Option<DType>) -> Result<Array> {
        self.full_like(1, dtype)
    }

    /// `value` everywhere, in the same shape and chunks; of the same dtype unless another is given. As
    /// `numpy.full_like`.
    ///
    /// # Errors
    /// If the value does not fit the dtype; [`Error::UnknownLength`] if a length is not known yet.
    pub fn full_like(&self, value: impl Into<Weak>, dtype: Option<DType>) -> Result<Array> {
        let value = in_dtype("full_like", value.into(), dtype.unwrap_or(self.dtype()))?;
        self.like("full_like", value)
    }

    fn like(&self, op: &str, value: Scalar) -> Result<Array> {
        if let Some(axis) = self.meta().unknown.iter().position(Option::is_some) {
            let help = "make the array before selecting, and select from it with the same mask".into();
            return Err(Error::UnknownLength { op: op.into(), axis, help });
        }
        full_with(self.shape(), value, same_chunks(self.chunks()))
    }
}

/// The grid, as a user would ask for it.
fn same_chunks(grid: &ChunkGrid) -> ChunkSpec {
    let spec = |axis: &AxisChunks| match axis {
        AxisChunks::Regular { chunk, .. } => AxisSpec::from(*chunk),
        AxisChunks::Rectilinear { .. } => AxisSpec::Lengths(axis.chunk_lengths()),
    };
    ChunkSpec::Axes(grid.axes().iter().map(spec).collect())
}

/// The number as an element; integer dtypes drop the fraction, as a cast does.
fn in_dtype(op: &str, value: Weak, dtype: DType) -> Result<Scalar> {
    let value = match value {
        Weak::Float(value) if dtype.is_integer() => Weak::Float(value.trunc()),
        value => value,
    };
    value.to_scalar(dtype).ok_or_else(|| {
        Error::argument(op, format!("the number {value} does not fit {dtype}; use another value or dtype"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::checks::{check, iota};

    #[test]
    fn filled_arrays_hold_their_value() {
        check(&zeros(&[2, 2], DType::F32).unwrap(), &[2, 2], &[0f32; 4]);
        check(&ones_with(&[3], DType::C128, 2).unwrap(), &[3], &[Complex::new(1.0, 0.0); 3]);
        check(&full(&[2], Scalar::new(7u8)).unwrap(), &[2], &[7u8; 2]);
        let like = iota(&[4, 2]).full_like(2.9, None).unwrap();
        check(&like, &[4, 2], &[2i64; 8]);
        assert_eq!(like.chunks(), iota(&[4, 2]).chunks());
        assert_eq!(iota(&[0]).zeros_like(Some(DType::F64)).unwrap().dtype(), DType::F64);
        let uneven = iota(&[10]).slice(crate::s![1..9]).unwrap();
        assert_eq!(uneven.ones_like(None).unwrap().chunks(), uneven.chunks());
        assert!(zeros(&[usize::MAX, 2], DType::U8).is_err());
        assert!(ones(&[2], DType::Bytes(4)).is_err());
        assert!(iota(&[2]).full_like(f64::NAN, None).is_err());
    }
}
