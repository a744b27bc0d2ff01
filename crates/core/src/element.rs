//! Rust types of the elements, and scalars that carry their dtype.

use std::fmt;

use bytemuck::{Pod, Zeroable};
use num_complex::Complex;
use serde::{Deserialize, Serialize};

use crate::dtype::{DType, WeakKind};

/// A truth value as it lies in memory: one byte, 0 or 1. (Rust's `bool` may not be made from foreign bytes.)
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Pod, Zeroable)]
#[repr(transparent)]
pub struct Bool8(u8);

impl Bool8 {
    /// Whether it is true.
    #[inline(always)]
    pub fn get(self) -> bool {
        self.0 != 0
    }
}

impl From<bool> for Bool8 {
    #[inline(always)]
    fn from(value: bool) -> Self {
        Bool8(u8::from(value))
    }
}

impl fmt::Debug for Bool8 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// A Rust type that elements of one dtype are seen as.
pub trait Element: Pod + Send + Sync + PartialEq + fmt::Debug + 'static {
    /// The dtype of this type.
    const DTYPE: DType;
}

macro_rules! elements {
    ($($ty:ty => $dtype:ident),* $(,)?) => {
        $(impl Element for $ty { const DTYPE: DType = DType::$dtype; })*
    };
}

elements! {
    Bool8 => Bool, i8 => I8, i16 => I16, i32 => I32, i64 => I64, u8 => U8, u16 => U16, u32 => U32, u64 => U64,
    f32 => F32, f64 => F64, Complex<f32> => C64, Complex<f64> => C128,
}

/// Runs an expression with `$T` standing for the element type of a dtype.
///
/// `with_element!(dtype, T => expr)` covers every numeric dtype; name a set to cover less
/// (`with_element!(dtype, [F32, F64], T => expr, else other)`).
#[macro_export]
macro_rules! with_element {
    ($dtype:expr, $T:ident => $body:expr, else $other:expr) => {
        $crate::with_element!(
            $dtype, [Bool, I8, I16, I32, I64, U8, U16, U32, U64, F32, F64, C64, C128], $T => $body, else $other)
    };
    ($dtype:expr, [$($name:ident),*], $T:ident => $body:expr, else $other:expr) => {
        match $dtype {
            $($crate::DType::$name => { type $T = $crate::element_type!($name); $body })*
            #[allow(unreachable_patterns)]
            _ => $other,
        }
    };
}

/// The Rust type of a dtype's name: `element_type!(F32)` is `f32`.
#[macro_export]
macro_rules! element_type {
    (Bool) => { $crate::Bool8 };
    (I8) => { i8 };
    (I16) => { i16 };
    (I32) => { i32 };
    (I64) => { i64 };
    (U8) => { u8 };
    (U16) => { u16 };
    (U32) => { u32 };
    (U64) => { u64 };
    (F32) => { f32 };
    (F64) => { f64 };
    (C64) => { $crate::Complex<f32> };
    (C128) => { $crate::Complex<f64> };
}

/// One value with its dtype, as raw bytes: what fill values and constants are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Scalar {
    dtype: DType,
    bytes: [u8; 16],
}

impl Scalar {
    /// A scalar of the type's own dtype.
    pub fn new<T: Element>(value: T) -> Self {
        let mut bytes = [0; 16];
        let raw = bytemuck::bytes_of(&value);
        bytes[..raw.len()].copy_from_slice(raw);
        Scalar { dtype: T::DTYPE, bytes }
    }

    /// Zero of a dtype.
    pub fn zero(dtype: DType) -> Self {
        Scalar { dtype, bytes: [0; 16] }
    }

    /// The dtype.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The bytes of the value, in this machine's order.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.dtype.itemsize().min(16)]
    }

    /// The value, if `T` is the type of its dtype.
    pub fn get<T: Element>(&self) -> Option<T> {
        (T::DTYPE == self.dtype).then(|| bytemuck::pod_read_unaligned(&self.bytes[..size_of::<T>()]))
    }

    /// The value as a complex number, whatever its dtype (integers beyond 2^53 lose digits).
    pub fn to_complex(&self) -> Complex<f64> {
        self.to_weak().to_complex()
    }

    /// The value without its width. Dates and strings give their raw count and 0.
    pub fn to_weak(&self) -> Weak {
        let bytes = &self.bytes;
        macro_rules! read {
            ($t:ty) => {
                bytemuck::pod_read_unaligned::<$t>(&bytes[..size_of::<$t>()])
            };
        }
        match self.dtype {
            DType::Bool => Weak::Bool(bytes[0] != 0),
            DType::I8 => Weak::Int(read!(i8).into()),
            DType::I16 => Weak::Int(read!(i16).into()),
            DType::I32 => Weak::Int(read!(i32).into()),
            DType::I64 | DType::DateTime(_) | DType::TimeDelta(_) => Weak::Int(read!(i64).into()),
            DType::U8 => Weak::Int(read!(u8).into()),
            DType::U16 => Weak::Int(read!(u16).into()),
            DType::U32 => Weak::Int(read!(u32).into()),
            DType::U64 => Weak::Int(read!(u64).into()),
            DType::F32 => Weak::Float(read!(f32).into()),
            DType::F64 => Weak::Float(read!(f64)),
            DType::C64 => {
                let value = read!(Complex<f32>);
                Weak::Complex(Complex::new(value.re.into(), value.im.into()))
            }
            DType::C128 => Weak::Complex(read!(Complex<f64>)),
            DType::Bytes(_) => Weak::Int(0),
        }
    }
}

impl fmt::Debug for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}: {}", self.dtype)
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_weak().fmt(f)
    }
}

/// A number of no fixed width, like Python's: it takes the dtype of the array it meets (NEP 50).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Weak {
    /// `True`.
    Bool(bool),
    /// `2`, up to the reach of `uint64`.
    Int(i128),
    /// `2.0`.
    Float(f64),
    /// `2j`.
    Complex(Complex<f64>),
}

impl Weak {
    /// What it counts as.
    pub fn kind(&self) -> WeakKind {
        match self {
            Weak::Bool(_) => WeakKind::Bool,
            Weak::Int(_) => WeakKind::Int,
            Weak::Float(_) => WeakKind::Float,
            Weak::Complex(_) => WeakKind::Complex,
        }
    }

    /// The dtype it has on its own.
    pub fn default_dtype(&self) -> DType {
        match self {
            Weak::Bool(_) => DType::Bool,
            Weak::Int(value) if i64::try_from(*value).is_err() => DType::U64,
            Weak::Int(_) => DType::I64,
            Weak::Float(_) => DType::F64,
            Weak::Complex(_) => DType::C128,
        }
    }

    /// The value as a complex number.
    pub fn to_complex(&self) -> Complex<f64> {
        match *self {
            Weak::Bool(value) => Complex::new(f64::from(u8::from(value)), 0.0),
            Weak::Int(value) => Complex::new(value as f64, 0.0),
            Weak::Float(value) => Complex::new(value, 0.0),
            Weak::Complex(value) => value,
        }
    }

    /// The value in a dtype, or `None` where an integer does not fit, a fraction would be lost by an integer
    /// dtype, or an imaginary part by a real one.
    pub fn to_scalar(&self, dtype: DType) -> Option<Scalar> {
        let real = |value: Complex<f64>| (value.im == 0.0).then_some(value.re);
        let integer = match *self {
            Weak::Bool(value) => Some(i128::from(value)),
            Weak::Int(value) => Some(value),
            Weak::Float(value) if value.fract() == 0.0 && value.abs() < 2e19 => Some(value as i128),
            _ => None,
        };
        macro_rules! int {
            ($t:ty) => {
                <$t>::try_from(integer?).ok().map(Scalar::new)
            };
        }
        match dtype {
            DType::Bool => Some(Scalar::new(Bool8::from(self.to_complex() != Complex::new(0.0, 0.0)))),
            DType::I8 => int!(i8),
            DType::I16 => int!(i16),
            DType::I32 => int!(i32),
            DType::I64 => int!(i64),
            DType::U8 => int!(u8),
            DType::U16 => int!(u16),
            DType::U32 => int!(u32),
            DType::U64 => int!(u64),
            DType::F32 => real(self.to_complex()).map(|value| Scalar::new(value as f32)),
            DType::F64 => real(self.to_complex()).map(Scalar::new),
            DType::C64 => {
                let value = self.to_complex();
                Some(Scalar::new(Complex::new(value.re as f32, value.im as f32)))
            }
            DType::C128 => Some(Scalar::new(self.to_complex())),
            DType::DateTime(_) | DType::TimeDelta(_) => {
                let mut scalar = Scalar::new(i64::try_from(integer?).ok()?);
                scalar.dtype = dtype;
                Some(scalar)
            }
            DType::Bytes(_) => None,
        }
    }
}

impl fmt::Display for Weak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Weak::Bool(value) => value.fmt(f),
            Weak::Int(value) => value.fmt(f),
            Weak::Float(value) => write!(f, "{value:?}"),
            Weak::Complex(value) => write!(f, "{value}"),
        }
    }
}

macro_rules! weak_from {
    ($variant:ident: $($t:ty),*) => {
        $(impl From<$t> for Weak { fn from(value: $t) -> Self { Weak::$variant(value.into()) } })*
    };
}
weak_from!(Int: i8, i16, i32, i64, u8, u16, u32, u64, i128);
weak_from!(Float: f32, f64);
weak_from!(Bool: bool);

impl From<usize> for Weak {
    fn from(value: usize) -> Self {
        Weak::Int(value as i128)
    }
}

impl From<Complex<f64>> for Weak {
    fn from(value: Complex<f64>) -> Self {
        Weak::Complex(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_integers_that_do_not_fit_are_refused() {
        assert_eq!(Weak::Int(300).to_scalar(DType::U8), None);
        assert_eq!(Weak::Int(-1).to_scalar(DType::U64), None);
        assert_eq!(Weak::Int(200).to_scalar(DType::U8), Some(Scalar::new(200u8)));
        assert_eq!(Weak::Float(0.5).to_scalar(DType::I32), None);
    }

    #[test]
    fn scalars_keep_their_bits() {
        let nan = f64::from_bits(0x7ff8_0000_0000_1234);
        assert_eq!(Scalar::new(nan).get::<f64>().map(f64::to_bits), Some(nan.to_bits()));
        assert_eq!(Scalar::new(-0.0f32).bytes(), &[0, 0, 0, 0x80]);
        assert_eq!(Scalar::new(1u8).get::<i8>(), None);
    }
}
