//! Division in all its forms: true, floored, and the remainders.

use brickwork_core::with_element;

use super::function::{binary_methods, build, function, public_binary, real_numbers, wide_floats};
use super::integer_division::{QuickDivide, are_small};
use super::kernel::{fast_binary, operand, plain_binary, with_loop};
use crate::prelude::*;

/// Division without loss.
pub(super) trait Quotient: Element {
    fn over(self, other: Self) -> Self;
}

macro_rules! quotients {
    ($($t:ty),*) => {
        $(
            impl Quotient for $t {
                #[inline(always)]
                fn over(self, other: Self) -> Self { self / other }
            }

            impl Quotient for Complex<$t> {
                /// By Smith's method, which does not overflow where the quotient does not.
                #[inline(always)]
                fn over(self, other: Self) -> Self {
                    let (re, im) = (other.re.abs(), other.im.abs());
                    if re >= im {
                        if re == 0.0 && im == 0.0 {
                            return Complex::new(self.re / re, self.im / re);
                        }
                        let ratio = other.im / other.re;
                        let scale = 1.0 / (other.re + other.im * ratio);
                        Complex::new((self.re + self.im * ratio) * scale, (self.im - self.re * ratio) * scale)
                    } else {
                        let ratio = other.re / other.im;
                        let scale = 1.0 / (other.im + other.re * ratio);
                        Complex::new((self.re * ratio + self.im) * scale, (self.im * ratio - self.re) * scale)
                    }
                }
            }
        )*
    };
}
quotients!(f32, f64);

function!(TrueDivide, "brickwork_ops::TrueDivide", "divide", 2, 4.0, wide_floats, |inputs, out| {
    with_loop!(out.dtype(), [F32, F64, C64, C128], T => fast_binary!(inputs, out, T => T, |a, b| a.over(b)));
});

/// Division with a remainder. Integer division by zero gives 0, and overflow wraps.
pub(super) trait Divide: Element {
    /// The quotient, rounded down.
    fn floor_divide(self, other: Self) -> Self;
    /// What floored division leaves: it has the sign of the divisor, as Python's `%`.
    fn remainder(self, other: Self) -> Self;
    /// What division without its fraction leaves: it has the sign of the dividend, as C's `fmod`.
    fn fmod(self, other: Self) -> Self;
}

macro_rules! divide_signed {
    ($($t:ty),*) => {
        $(impl Divide for $t {
            #[inline(always)]
            fn floor_divide(self, other: Self) -> Self {
                if other == 0 {
                    return 0;
                }
                let quotient = self.wrapping_div(other);
                let inexact = self.wrapping_rem(other) != 0;
                if inexact && (self < 0) != (other < 0) { quotient - 1 } else { quotient }
            }

            #[inline(always)]
            fn remainder(self, other: Self) -> Self {
                if other == 0 {
                    return 0;
                }
                let rest = self.wrapping_rem(other);
                if rest != 0 && (rest < 0) != (other < 0) { rest + other } else { rest }
            }

            #[inline(always)]
            fn fmod(self, other: Self) -> Self {
                if other == 0 { 0 } else { self.wrapping_rem(other) }
            }
        })*
    };
}
divide_signed!(i8, i16, i32, i64);

macro_rules! divide_unsigned {
    ($($t:ty),*) => {
        $(impl Divide for $t {
            #[inline(always)]
            fn floor_divide(self, other: Self) -> Self {
                self.checked_div(other).unwrap_or(0)
            }

            #[inline(always)]
            fn remainder(self, other: Self) -> Self {
                self.checked_rem(other).unwrap_or(0)
            }

            #[inline(always)]
            fn fmod(self, other: Self) -> Self {
                self.remainder(other)
            }
        })*
    };
}
divide_unsigned!(u8, u16, u32, u64);

macro_rules! divide_floats {
    ($($t:ty),*) => {
        $(impl Divide for $t {
            #[inline(always)]
            fn floor_divide(self, other: Self) -> Self {
                if other == 0.0 {
                    return self / other;
                }
                let mut rest = self % other;
                // From the remainder, because the rounded quotient may be a whole number too high.
                let mut quotient = (self - rest) / other;
                if rest != 0.0 && (rest < 0.0) != (other < 0.0) {
                    rest += other;
                    quotient -= 1.0;
                }
                let _ = rest;
                if quotient == 0.0 {
                    return (0.0 as $t).copysign(self / other);
                }
                let whole = quotient.floor();
                if quotient - whole > 0.5 { whole + 1.0 } else { whole }
            }

            #[inline(always)]
            fn remainder(self, other: Self) -> Self {
                let rest = self % other;
                if other == 0.0 {
                    rest
                } else if rest == 0.0 {
                    (0.0 as $t).copysign(other)
                } else if (rest < 0.0) != (other < 0.0) {
                    rest + other
                } else {
                    rest
                }
            }

            #[inline(always)]
            fn fmod(self, other: Self) -> Self {
                self % other
            }
        })*
    };
}
divide_floats!(f32, f64);

/// Divides the elements of two tiles: many integers at once, as far as they are small enough, and floats one by one.
macro_rules! divided {
    ($inputs:expr, $out:expr, $method:ident, $quick:ident) => {
        with_element!($out.dtype(), [I8, I16, I32, U8, U16, U32], T => {
            fast_binary!($inputs, $out, T => T, |a, b| a.$quick(b))
        }, else with_element!($out.dtype(), [I64, U64], T => {
            if are_small(&operand::<T>(&$inputs[0])) && are_small(&operand::<T>(&$inputs[1])) {
                fast_binary!($inputs, $out, T => T, |a, b| a.$quick(b))
            } else {
                plain_binary!($inputs, $out, T => T, |a, b| a.$method(b))
            }
        }, else with_loop!($out.dtype(), [F32, F64], T => {
            plain_binary!($inputs, $out, T => T, |a, b| a.$method(b))
        })))
    };
}

function!(FloorDivide, "brickwork_ops::FloorDivide", "floor_divide", 2, 8.0, real_numbers, |inputs, out| {
    divided!(inputs, out, floor_divide, quick_floor_divide);
});

function!(Remainder, "brickwork_ops::Remainder", "remainder", 2, 8.0, real_numbers, |inputs, out| {
    divided!(inputs, out, remainder, quick_remainder);
});

function!(Fmod, "brickwork_ops::Fmod", "fmod", 2, 8.0, real_numbers, |inputs, out| {
    divided!(inputs, out, fmod, quick_fmod);
});

public_binary!(
    /// The quotient of two operands.
    true_divide, TrueDivide, "the operands', promoted; `float64` for integers and bools of any width");
public_binary!(
    /// The quotient of two operands, rounded down to a whole number. Integer division by zero gives 0.
    floor_divide, FloorDivide, "the operands', promoted; `int8` for bools; complex numbers are refused");
public_binary!(
    /// What floored division leaves; it has the sign of the second operand, as Python's `%`. Integer division by
    /// zero leaves 0.
    remainder, Remainder, "the operands', promoted; `int8` for bools; complex numbers are refused");
public_binary!(
    /// What division without its fraction leaves; it has the sign of the first operand, as C's `fmod`. Integer
    /// division by zero leaves 0.
    fmod, Fmod, "the operands', promoted; `int8` for bools; complex numbers are refused");
binary_methods!(true_divide, floor_divide, remainder, fmod);

/// [`true_divide`] by its other name.
///
/// # Errors
/// Those of [`true_divide`].
pub fn divide(x: impl Into<Term>, y: impl Into<Term>) -> Result<Array> {
    true_divide(x, y)
}

/// [`floor_divide`] and [`remainder`] of the same operands.
///
/// Agrees with `numpy.divmod`.
///
/// # Errors
/// Those of [`floor_divide`].
pub fn divmod(x: impl Into<Term>, y: impl Into<Term>) -> Result<(Array, Array)> {
    let terms = [x.into(), y.into()];
    Ok((build(FloorDivide, &terms)?, build(Remainder, &terms)?))
}
