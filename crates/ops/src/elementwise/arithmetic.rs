//! Sums, differences, products, and what a single number becomes: negative, magnitude, sign, square, reciprocal.

use super::float_to_integer::FloatToInteger;
use super::function::{
    Loop, binary_methods, build, function, not_bool, numbers, numeric, public_binary, unary_methods,
};
use super::kernel::{fast_binary, fast_unary, with_integer_bits, with_loop, with_number_bits};
use crate::prelude::*;
use crate::vector_math;

/// Addition and its kin. Integers wrap, so signed ones use the loops of the unsigned.
pub(super) trait Ring: Element + Default {
    fn plus(self, other: Self) -> Self;
    fn minus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;
    fn opposite(self) -> Self;
}

macro_rules! ring_of_integers {
    ($($t:ty),*) => {
        $(impl Ring for $t {
            #[inline(always)]
            fn plus(self, other: Self) -> Self { self.wrapping_add(other) }
            #[inline(always)]
            fn minus(self, other: Self) -> Self { self.wrapping_sub(other) }
            #[inline(always)]
            fn times(self, other: Self) -> Self { self.wrapping_mul(other) }
            #[inline(always)]
            fn opposite(self) -> Self { self.wrapping_neg() }
        })*
    };
}
ring_of_integers!(u8, u16, u32, u64);

macro_rules! ring_of_floats {
    ($($t:ty),*) => {
        $(
            impl Ring for $t {
                #[inline(always)]
                fn plus(self, other: Self) -> Self { self + other }
                #[inline(always)]
                fn minus(self, other: Self) -> Self { self - other }
                #[inline(always)]
                fn times(self, other: Self) -> Self { self * other }
                #[inline(always)]
                fn opposite(self) -> Self { -self }
            }

            impl Ring for Complex<$t> {
                #[inline(always)]
                fn plus(self, other: Self) -> Self { Complex::new(self.re + other.re, self.im + other.im) }
                #[inline(always)]
                fn minus(self, other: Self) -> Self { Complex::new(self.re - other.re, self.im - other.im) }
                #[inline(always)]
                fn times(self, other: Self) -> Self {
                    Complex::new(
                        self.re * other.re - self.im * other.im,
                        self.re * other.im + self.im * other.re,
                    )
                }
                #[inline(always)]
                fn opposite(self) -> Self { Complex::new(-self.re, -self.im) }
            }
        )*
    };
}
ring_of_floats!(f32, f64);

function!(Add, "brickwork_ops::Add", "add", 2, 1.0, numeric, |inputs, out| match out.dtype() {
    DType::Bool => fast_binary!(inputs, out, u8 => u8, |a, b| a | b),
    dtype => with_number_bits!(dtype, T => fast_binary!(inputs, out, T => T, |a, b| a.plus(b))),
});

fn subtractable(dtype: DType) -> Result<Loop, &'static str> {
    not_bool(dtype)
        .map_err(|_| "use bitwise_xor (the `^` operator) or logical_xor, or cast to an integer dtype first")
}

function!(Subtract, "brickwork_ops::Subtract", "subtract", 2, 1.0, subtractable, |inputs, out| {
    with_number_bits!(out.dtype(), T => fast_binary!(inputs, out, T => T, |a, b| a.minus(b)));
});

function!(
    Multiply,
    "brickwork_ops::Multiply",
    "multiply",
    2,
    1.0,
    numeric,
    |inputs, out| match out.dtype() {
        DType::Bool => fast_binary!(inputs, out, u8 => u8, |a, b| a & b),
        dtype => with_number_bits!(dtype, T => fast_binary!(inputs, out, T => T, |a, b| a.times(b))),
    }
);

fn negatable(dtype: DType) -> Result<Loop, &'static str> {
    not_bool(dtype)
        .map_err(|_| "use invert (the `!` operator) or logical_not, or cast to an integer dtype first")
}

function!(Negative, "brickwork_ops::Negative", "negative", 1, 1.0, negatable, |inputs, out| {
    with_number_bits!(out.dtype(), T => fast_unary!(inputs, out, T => T, |a| a.opposite()));
});

fn magnitude(dtype: DType) -> Result<Loop, &'static str> {
    Ok(Loop { input: dtype, output: dtype.real() })
}

function!(Absolute, "brickwork_ops::Absolute", "absolute", 1, 1.0, magnitude, |inputs, out| match inputs[0]
    .dtype()
{
    DType::I8 => fast_unary!(inputs, out, i8 => i8, |a| a.wrapping_abs()),
    DType::I16 => fast_unary!(inputs, out, i16 => i16, |a| a.wrapping_abs()),
    DType::I32 => fast_unary!(inputs, out, i32 => i32, |a| a.wrapping_abs()),
    DType::I64 => fast_unary!(inputs, out, i64 => i64, |a| a.wrapping_abs()),
    DType::F32 => fast_unary!(inputs, out, f32 => f32, |a| a.abs()),
    DType::F64 => fast_unary!(inputs, out, f64 => f64, |a| a.abs()),
    DType::C64 => fast_unary!(inputs, out, Complex<f32> => f32, |a| {
        vector_math::hypot(f64::from(a.re), f64::from(a.im)) as f32
    }),
    DType::C128 => fast_unary!(inputs, out, Complex<f64> => f64, |a| vector_math::hypot(a.re, a.im)),
    dtype => with_integer_bits!(dtype, T => fast_unary!(inputs, out, T => T, |a| a)),
});

/// The sign of a number, as a number.
trait Sign: Element {
    fn sign(self) -> Self;
}

macro_rules! sign_of_integers {
    ($($t:ty),*) => {
        $(impl Sign for $t {
            #[inline(always)]
            fn sign(self) -> Self { self.signum() }
        })*
    };
}
sign_of_integers!(i8, i16, i32, i64);

macro_rules! sign_of_unsigned {
    ($($t:ty),*) => {
        $(impl Sign for $t {
            #[inline(always)]
            fn sign(self) -> Self { (self != 0) as $t }
        })*
    };
}
sign_of_unsigned!(u8, u16, u32, u64);

macro_rules! sign_of_floats {
    ($($t:ty),*) => {
        $(
            impl Sign for $t {
                #[inline(always)]
                fn sign(self) -> Self {
                    if self > 0.0 { 1.0 } else if self < 0.0 { -1.0 } else if self == 0.0 { 0.0 } else { self }
                }
            }

            impl Sign for Complex<$t> {
                #[inline(always)]
                fn sign(self) -> Self {
                    let length = self.re.hypot(self.im);
                    if length.is_nan() {
                        Complex::new(<$t>::NAN, <$t>::NAN)
                    } else if length.is_infinite() {
                        let (re, im) = (self.re.is_infinite(), self.im.is_infinite());
                        match (re, im) {
                            (true, true) => Complex::new(<$t>::NAN, <$t>::NAN),
                            (true, false) => Complex::new(self.re.signum(), 0.0),
                            _ => Complex::new(0.0, self.im.signum()),
                        }
                    } else if length == 0.0 {
                        Complex::new(0.0, 0.0)
                    } else {
                        Complex::new(self.re / length, self.im / length)
                    }
                }
            }
        )*
    };
}
sign_of_floats!(f32, f64);

function!(SignOf, "brickwork_ops::Sign", "sign", 1, 1.0, not_bool, |inputs, out| {
    with_loop!(out.dtype(), [I8, I16, I32, I64, U8, U16, U32, U64, F32, F64, C64, C128], T =>
        fast_unary!(inputs, out, T => T, |a| a.sign()));
});

function!(Square, "brickwork_ops::Square", "square", 1, 1.0, numbers, |inputs, out| {
    with_number_bits!(out.dtype(), T => fast_unary!(inputs, out, T => T, |a| a.times(a)));
});

/// One over a number.
trait Reciprocal: Element {
    fn one_over(self) -> Self;
}

macro_rules! reciprocal_of_integers {
    ($($t:ty, $convert:ident);*) => {
        $(impl Reciprocal for $t {
            #[inline(always)]
            fn one_over(self) -> Self { (1.0 / self as f64).$convert() as $t }
        })*
    };
}
reciprocal_of_integers!(
    i8, to_i32; i16, to_i32; i32, to_i32; i64, to_i64;
    u8, to_i32; u16, to_i32; u32, to_u32; u64, to_u64
);

macro_rules! reciprocal_of_floats {
    ($($t:ty),*) => {
        $(
            impl Reciprocal for $t {
                #[inline(always)]
                fn one_over(self) -> Self { 1.0 / self }
            }

            impl Reciprocal for Complex<$t> {
                #[inline(always)]
                fn one_over(self) -> Self {
                    // By the larger part, so that squares do not overflow.
                    if self.im.abs() <= self.re.abs() {
                        let ratio = self.im / self.re;
                        let length = self.re + self.im * ratio;
                        Complex::new(1.0 / length, -ratio / length)
                    } else {
                        let ratio = self.re / self.im;
                        let length = self.re * ratio + self.im;
                        Complex::new(ratio / length, -1.0 / length)
                    }
                }
            }
        )*
    };
}
reciprocal_of_floats!(f32, f64);

function!(ReciprocalOf, "brickwork_ops::Reciprocal", "reciprocal", 1, 4.0, numbers, |inputs, out| {
    with_loop!(out.dtype(), [I8, I16, I32, I64, U8, U16, U32, U64, F32, F64, C64, C128], T =>
        fast_unary!(inputs, out, T => T, |a| a.one_over()));
});

public_binary!(
    /// The sum of two operands; of bools, whether one of them is true.
    add, Add, "the operands', promoted; integers wrap");
public_binary!(
    /// The first operand less the second.
    subtract, Subtract, "the operands', promoted; integers wrap; bools are refused");
public_binary!(
    /// The product of two operands; of bools, whether both are true.
    multiply, Multiply, "the operands', promoted; integers wrap");
binary_methods!(subtract, multiply);

unary_methods! {
    /// The number with its sign turned.
    negative, Negative, "as `self`; integers wrap; bools are refused";
    /// The magnitude of a number.
    absolute, Absolute, "as `self`; the real one for complex numbers";
    /// -1, 0 or 1 by the sign of a number; a complex number divided by its magnitude.
    sign, SignOf, "as `self`; bools are refused";
    /// The number times itself.
    square, Square, "as `self`; `int8` for bools; integers wrap";
    /// One over the number; of integers without the fraction.
    reciprocal, ReciprocalOf, "as `self`; `int8` for bools";
}

impl Array {
    /// The array itself, refused for bools.
    ///
    /// Agrees with `numpy.positive`.
    ///
    /// # Errors
    /// For bools.
    pub fn positive(&self) -> Result<Array> {
        super::function::find_loop("positive", not_bool, self.dtype())?;
        Ok(self.clone())
    }

    /// [`Array::absolute`] by its short name.
    ///
    /// # Errors
    /// If the dtype is not numeric.
    pub fn abs(&self) -> Result<Array> {
        self.absolute()
    }
}

/// The magnitude as a float, as `numpy.fabs`: integers become floats.
///
/// # Errors
/// For complex numbers.
pub fn fabs(x: impl Into<Term>) -> Result<Array> {
    let x = super::function::to_array(x.into())?;
    let found = super::function::find_loop("fabs", super::function::real_floats, x.dtype())?;
    build(Absolute, &[x.astype(found.input)?.into()])
}
