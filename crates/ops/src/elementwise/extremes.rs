//! The larger and the smaller of two numbers, and `clip`.

use super::function::{binary_methods, function, numeric, public_binary};
use super::kernel::{fast_binary, with_loop};
use crate::prelude::*;

/// Choice by order. Complex numbers compare by their real parts first.
trait Extreme: Element {
    /// The larger; NaN if one is.
    fn larger(self, other: Self) -> Self;
    /// The smaller; NaN if one is.
    fn smaller(self, other: Self) -> Self;
    /// The larger; NaN only if both are.
    fn larger_number(self, other: Self) -> Self;
    /// The smaller; NaN only if both are.
    fn smaller_number(self, other: Self) -> Self;
}

macro_rules! extremes_of_integers {
    ($($t:ty),*) => {
        $(impl Extreme for $t {
            #[inline(always)]
            fn larger(self, other: Self) -> Self { if self >= other { self } else { other } }
            #[inline(always)]
            fn smaller(self, other: Self) -> Self { if self <= other { self } else { other } }
            #[inline(always)]
            fn larger_number(self, other: Self) -> Self { self.larger(other) }
            #[inline(always)]
            fn smaller_number(self, other: Self) -> Self { self.smaller(other) }
        })*
    };
}
extremes_of_integers!(i8, i16, i32, i64, u8, u16, u32, u64);

macro_rules! extremes {
    ($is_nan:expr, $is_ge:expr, $is_le:expr) => {
        #[inline(always)]
        fn larger(self, other: Self) -> Self {
            if $is_ge(self, other) | $is_nan(self) { self } else { other }
        }
        #[inline(always)]
        fn smaller(self, other: Self) -> Self {
            if $is_le(self, other) | $is_nan(self) { self } else { other }
        }
        #[inline(always)]
        fn larger_number(self, other: Self) -> Self {
            if $is_ge(self, other) | $is_nan(other) { self } else { other }
        }
        #[inline(always)]
        fn smaller_number(self, other: Self) -> Self {
            if $is_le(self, other) | $is_nan(other) { self } else { other }
        }
    };
}

macro_rules! extremes_of_floats {
    ($($t:ty),*) => {
        $(
            impl Extreme for $t {
                extremes!(|a: $t| a != a, |a: $t, b: $t| a >= b, |a: $t, b: $t| a <= b);
            }

            impl Extreme for Complex<$t> {
                extremes!(
                    |a: Self| (a.re != a.re) | (a.im != a.im),
                    |a: Self, b: Self| {
                        (a.re > b.re && a.im == a.im && b.im == b.im) || (a.re == b.re && a.im >= b.im)
                    },
                    |a: Self, b: Self| {
                        (a.re < b.re && a.im == a.im && b.im == b.im) || (a.re == b.re && a.im <= b.im)
                    }
                );
            }
        )*
    };
}
extremes_of_floats!(f32, f64);

/// One node for each of the four; bools are the integers 0 and 1.
macro_rules! extreme_function {
    ($op:ident, $tag:tt, $numpy:tt, $choose:ident) => {
        function!($op, $tag, $numpy, 2, 1.0, numeric, |inputs, out| match out.dtype() {
            DType::Bool => fast_binary!(inputs, out, u8 => u8, |a, b| a.$choose(b)),
            dtype => with_loop!(dtype, [I8, I16, I32, I64, U8, U16, U32, U64, F32, F64, C64, C128], T =>
                fast_binary!(inputs, out, T => T, |a, b| a.$choose(b))),
        });
    };
}

extreme_function!(Maximum, "brickwork_ops::Maximum", "maximum", larger);
extreme_function!(Minimum, "brickwork_ops::Minimum", "minimum", smaller);
extreme_function!(Fmax, "brickwork_ops::Fmax", "fmax", larger_number);
extreme_function!(Fmin, "brickwork_ops::Fmin", "fmin", smaller_number);

public_binary!(
    /// The larger of two numbers; NaN if one of them is.
    maximum, Maximum, "the operands', promoted");
public_binary!(
    /// The smaller of two numbers; NaN if one of them is.
    minimum, Minimum, "the operands', promoted");
public_binary!(
    /// The larger of two numbers; the other one where one is NaN.
    fmax, Fmax, "the operands', promoted");
public_binary!(
    /// The smaller of two numbers; the other one where one is NaN.
    fmin, Fmin, "the operands', promoted");
binary_methods!(maximum, minimum, fmax, fmin);

/// `x` with what is below `low` raised to it, then what is above `high` lowered to it; `None` leaves that side open.
///
/// - shape: the shapes of the operands, broadcast; dtype: theirs, promoted
/// - reads: of every operand the elements that are asked for
///
/// Agrees with `numpy.clip`: NaN stays NaN, `high` wins where the bounds cross, and a number beyond the reach of an
/// integer dtype bounds nothing.
///
/// # Errors
/// If the shapes do not broadcast, the operands have no common dtype, or a number leaves no value of it.
pub fn clip(x: impl Into<Term>, low: Option<Term>, high: Option<Term>) -> Result<Array> {
    let x = super::function::to_array(x.into())?;
    let mut terms = vec![Term::Array(x.clone())];
    terms.extend(low.iter().chain(&high).cloned());
    let dtype = Term::result_dtype("clip", &terms)?;
    let mut result = x.astype(dtype)?;
    if let Some(low) = low.filter(|low| !is_beyond(low, dtype, |value| value < 0)) {
        result = maximum(&result, low.to_array("clip", dtype)?)?;
    }
    if let Some(high) = high.filter(|high| !is_beyond(high, dtype, |value| value > 0)) {
        result = minimum(&result, high.to_array("clip", dtype)?)?;
    }
    Ok(result)
}

/// Whether a number is out of an integer dtype's reach on the side where it bounds nothing.
fn is_beyond(bound: &Term, dtype: DType, side: fn(i128) -> bool) -> bool {
    match bound {
        Term::Weak(weak @ Weak::Int(value)) => {
            dtype.is_integer() && side(*value) && weak.to_scalar(dtype).is_none()
        }
        _ => false,
    }
}

impl Array {
    /// [`clip`] with both bounds.
    ///
    /// # Errors
    /// Those of [`clip`].
    pub fn clip(&self, low: impl Into<Term>, high: impl Into<Term>) -> Result<Array> {
        clip(self, Some(low.into()), Some(high.into()))
    }
}
