//! `astype`.

use super::float_to_integer::FloatToInteger;
use super::function::{check_arity, no_loop};
use super::kernel::{fast_unary, unsigned, with_loop, with_number_bits};
use crate::array::broadcast_meta;
use crate::prelude::*;

impl Array {
    /// The same values in another dtype.
    ///
    /// - shape and chunks: as `self`; dtype: `dtype`
    /// - reads: the elements that are asked for
    ///
    /// Agrees with `numpy.ndarray.astype`:
    /// - an integer that does not fit keeps its low bits
    /// - a float loses its fraction (towards zero); where it does not fit, or is NaN, the result is what NumPy's
    ///   vector code gives on x86-64, on every machine: the least value of `int32` and `int64`; `uint32` and `uint64`
    ///   are the bits of the signed conversion, of `x - 2^31` or `x - 2^63` (flipped in the top bit) from there up;
    ///   narrower integers are the low bits of the `int32`
    /// - a bool is `x != 0`, so NaN is true
    /// - a complex number loses its imaginary part, except to bool
    ///
    /// The same dtype gives the same array.
    ///
    /// # Errors
    /// From and to dates, durations and strings, unless the dtype stays.
    pub fn astype(&self, dtype: DType) -> Result<Array> {
        let from = self.dtype();
        if dtype == from {
            return Ok(self.clone());
        }
        for storage in [from, dtype] {
            if !storage.is_numeric() {
                let help = format!("only numbers and bools are cast (here {from} to {dtype})");
                return Err(Error::DTypeUnsupported { op: "astype".into(), dtype: storage, help });
            }
        }
        // Complex numbers meet the other dtypes through the floats they are made of.
        if dtype.is_complex() && !from.is_complex() && from != dtype.real() {
            return self.astype(dtype.real())?.astype(dtype);
        }
        if from.is_complex() && !dtype.is_complex() && dtype != from.real() && dtype != DType::Bool {
            return self.astype(from.real())?.astype(dtype);
        }
        Array::apply(Cast { to: dtype }, &[self])
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Cast {
    to: DType,
}

#[typetag::serde(name = "brickwork_ops::Cast")]
impl Operation for Cast {
    fn name(&self) -> String {
        format!("astype {}", self.to)
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        check_arity("astype", 1, inputs)?;
        let from = inputs[0].dtype;
        let through_floats = from.is_complex() != self.to.is_complex()
            && self.to != DType::Bool
            && from.real() != self.to.real();
        if !from.is_numeric() || !self.to.is_numeric() || through_floats {
            let help = format!("there is no direct cast to {}", self.to);
            return Err(Error::DTypeUnsupported { op: "astype".into(), dtype: from, help });
        }
        Ok(vec![broadcast_meta("astype", inputs, self.to)?])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Elementwise(self)
    }
}

impl Elementwise for Cast {
    fn apply(&self, inputs: &[Tile<'_>], out: &mut TileMut<'_>) {
        let (from, to) = (inputs[0].dtype(), self.to);
        match from.kind() {
            _ if to == DType::Bool => {
                with_number_bits!(from, T => fast_unary!(inputs, out, T => Bool8, |a| (a != T::default()).into()));
            }
            DTypeKind::Complex => match (from, to) {
                (DType::C64, DType::F32) => fast_unary!(inputs, out, Complex<f32> => f32, |a| a.re),
                (DType::C128, DType::F64) => fast_unary!(inputs, out, Complex<f64> => f64, |a| a.re),
                (DType::C64, DType::C128) => {
                    fast_unary!(inputs, out, Complex<f32> => Complex<f64>, |a| Complex::new(a.re.into(), a.im.into()));
                }
                (DType::C128, DType::C64) => {
                    fast_unary!(inputs, out, Complex<f64> => Complex<f32>, |a| Complex::new(a.re as f32, a.im as f32));
                }
                _ => copy_bytes(inputs, out),
            },
            DTypeKind::Float => match (from, to) {
                (DType::F32, DType::F64) => fast_unary!(inputs, out, f32 => f64, |a| a.into()),
                (DType::F64, DType::F32) => fast_unary!(inputs, out, f64 => f32, |a| a as f32),
                (DType::F32, DType::C64) => fast_unary!(inputs, out, f32 => Complex<f32>, |a| a.into()),
                (DType::F64, DType::C128) => fast_unary!(inputs, out, f64 => Complex<f64>, |a| a.into()),
                (DType::F32, _) => float_to_integer::<f32>(inputs, out, to),
                (DType::F64, _) => float_to_integer::<f64>(inputs, out, to),
                _ => no_loop(from),
            },
            _ if to.is_float() => with_loop!(from, [Bool, I8, I16, I32, I64, U8, U16, U32, U64], T =>
                with_loop!(to, [F32, F64], U => fast_unary!(inputs, out, T => U, |a| a.to_number() as U))),
            _ if from.itemsize() == to.itemsize() => copy_bytes(inputs, out),
            _ if from.itemsize() > to.itemsize() => narrow(inputs, out, from, to),
            _ => widen(inputs, out, from, to),
        }
    }
}

/// An integer or bool as something `as` accepts.
trait ToNumber: Copy {
    type Number;
    fn to_number(self) -> Self::Number;
}

macro_rules! to_number {
    ($($t:ty),*) => {
        $(impl ToNumber for $t {
            type Number = $t;
            #[inline(always)]
            fn to_number(self) -> $t { self }
        })*
    };
}
to_number!(i8, i16, i32, i64, u8, u16, u32, u64);

impl ToNumber for Bool8 {
    type Number = u8;
    #[inline(always)]
    fn to_number(self) -> u8 {
        self.get().into()
    }
}

/// Dtypes that differ in name only.
fn copy_bytes(inputs: &[Tile<'_>], out: &mut TileMut<'_>) {
    let bytes = inputs[0].bytes();
    if inputs[0].is_scalar() {
        for element in out.bytes_mut().chunks_exact_mut(bytes.len()) {
            element.copy_from_slice(bytes);
        }
    } else {
        out.bytes_mut().copy_from_slice(bytes);
    }
}

/// The low bits of wider integers: signs do not matter.
fn narrow(inputs: &[Tile<'_>], out: &mut TileMut<'_>, from: DType, to: DType) {
    match (from.itemsize(), to.itemsize()) {
        (2, _) => fast_unary!(inputs, out, u16 => u8, |a| a as u8),
        (4, 1) => fast_unary!(inputs, out, u32 => u8, |a| a as u8),
        (4, _) => fast_unary!(inputs, out, u32 => u16, |a| a as u16),
        (_, 1) => fast_unary!(inputs, out, u64 => u8, |a| a as u8),
        (_, 2) => fast_unary!(inputs, out, u64 => u16, |a| a as u16),
        (_, _) => fast_unary!(inputs, out, u64 => u32, |a| a as u32),
    }
}

/// The sign of the narrower integers decides; that of the wider does not matter.
fn widen(inputs: &[Tile<'_>], out: &mut TileMut<'_>, from: DType, to: DType) {
    let from = if from == DType::Bool { DType::U8 } else { from };
    match unsigned(to) {
        DType::U16 => with_loop!(from, [I8, U8], T => fast_unary!(inputs, out, T => u16, |a| a as u16)),
        DType::U32 => {
            with_loop!(from, [I8, U8, I16, U16], T => fast_unary!(inputs, out, T => u32, |a| a as u32));
        }
        _ => {
            with_loop!(from, [I8, U8, I16, U16, I32, U32], T => fast_unary!(inputs, out, T => u64, |a| a as u64));
        }
    }
}

fn float_to_integer<F: FloatToInteger>(inputs: &[Tile<'_>], out: &mut TileMut<'_>, to: DType) {
    match to {
        DType::I8 | DType::U8 => fast_unary!(inputs, out, F => u8, |a| a.to_i32() as u8),
        DType::I16 | DType::U16 => fast_unary!(inputs, out, F => u16, |a| a.to_i32() as u16),
        DType::I32 => fast_unary!(inputs, out, F => i32, |a| a.to_i32()),
        DType::U32 => fast_unary!(inputs, out, F => u32, |a| a.to_u32()),
        DType::I64 => fast_unary!(inputs, out, F => i64, |a| a.to_i64()),
        DType::U64 => fast_unary!(inputs, out, F => u64, |a| a.to_u64()),
        _ => no_loop(to),
    }
}
