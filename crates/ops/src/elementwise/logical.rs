//! Logical functions of truth values, and tests of single numbers.

use super::function::{Loop, binary_methods, function, public_binary, real_floats, reals, unary_methods};
use super::kernel::{fast_binary, fast_unary, with_loop};
use crate::prelude::*;

/// Operands are cast to bool, which asks whether they differ from zero.
fn truth(_dtype: DType) -> Result<Loop, &'static str> {
    Ok(Loop { input: DType::Bool, output: DType::Bool })
}

function!(LogicalAnd, "brickwork_ops::LogicalAnd", "logical_and", 2, 1.0, truth, |inputs, out| {
    fast_binary!(inputs, out, u8 => u8, |a, b| a & b);
});
function!(LogicalOr, "brickwork_ops::LogicalOr", "logical_or", 2, 1.0, truth, |inputs, out| {
    fast_binary!(inputs, out, u8 => u8, |a, b| a | b);
});
function!(LogicalXor, "brickwork_ops::LogicalXor", "logical_xor", 2, 1.0, truth, |inputs, out| {
    fast_binary!(inputs, out, u8 => u8, |a, b| a ^ b);
});
function!(LogicalNot, "brickwork_ops::LogicalNot", "logical_not", 1, 1.0, truth, |inputs, out| {
    fast_unary!(inputs, out, u8 => u8, |a| a ^ 1);
});

public_binary!(
    /// Whether both operands are true, that is not zero. NaN is true.
    logical_and, LogicalAnd, "bool");
public_binary!(
    /// Whether one of the operands is true, that is not zero. NaN is true.
    logical_or, LogicalOr, "bool");
public_binary!(
    /// Whether one operand is true, that is not zero, and the other is not. NaN is true.
    logical_xor, LogicalXor, "bool");
binary_methods!(logical_and, logical_or, logical_xor);

/// Any numeric dtype, to bool.
fn tested(dtype: DType) -> Result<Loop, &'static str> {
    Ok(Loop { input: dtype, output: DType::Bool })
}

/// Any real dtype, to bool.
fn real_tested(dtype: DType) -> Result<Loop, &'static str> {
    Ok(Loop { output: DType::Bool, ..reals(dtype)? })
}

/// Any real dtype as a float, to bool.
fn float_tested(dtype: DType) -> Result<Loop, &'static str> {
    Ok(Loop { output: DType::Bool, ..real_floats(dtype)? })
}

/// A test of floats and of the parts of complex numbers; `$of_integers` is its answer for all integers and bools.
macro_rules! float_test {
    (
        $op:ident, $tag:tt, $numpy:tt, $loops:expr, $of_integers:expr,
        |$a:ident| $float:expr, |$z:ident| $complex:expr
    ) => {
        function!($op, $tag, $numpy, 1, 1.0, $loops, |inputs, out| match inputs[0].dtype() {
            DType::F32 => fast_unary!(inputs, out, f32 => Bool8, |$a| ($float).into()),
            DType::F64 => fast_unary!(inputs, out, f64 => Bool8, |$a| ($float).into()),
            DType::C64 => fast_unary!(inputs, out, Complex<f32> => Bool8, |$z| ($complex).into()),
            DType::C128 => fast_unary!(inputs, out, Complex<f64> => Bool8, |$z| ($complex).into()),
            _ => out.get::<Bool8>().fill(Bool8::from($of_integers)),
        });
    };
}

float_test!(IsNan, "brickwork_ops::IsNan", "isnan", tested, false, |a| a.is_nan(), |z| {
    z.re.is_nan() | z.im.is_nan()
});
float_test!(IsInf, "brickwork_ops::IsInf", "isinf", tested, false, |a| a.is_infinite(), |z| {
    z.re.is_infinite() | z.im.is_infinite()
});
float_test!(IsFinite, "brickwork_ops::IsFinite", "isfinite", tested, true, |a| a.is_finite(), |z| {
    z.re.is_finite() & z.im.is_finite()
});
float_test!(IsReal, "brickwork_ops::IsReal", "isreal", tested, true, |_a| true, |z| z.im == 0.0);
float_test!(IsComplex, "brickwork_ops::IsComplex", "iscomplex", tested, false, |_a| false, |z| z.im != 0.0);

/// A test of signed infinities.
macro_rules! infinity_test {
    ($op:ident, $tag:tt, $numpy:tt, $infinity:ident) => {
        function!($op, $tag, $numpy, 1, 1.0, real_tested, |inputs, out| match inputs[0].dtype() {
            DType::F32 => fast_unary!(inputs, out, f32 => Bool8, |a| (a == f32::$infinity).into()),
            DType::F64 => fast_unary!(inputs, out, f64 => Bool8, |a| (a == f64::$infinity).into()),
            _ => out.get::<Bool8>().fill(Bool8::from(false)),
        });
    };
}
infinity_test!(IsNegInf, "brickwork_ops::IsNegInf", "isneginf", NEG_INFINITY);
infinity_test!(IsPosInf, "brickwork_ops::IsPosInf", "isposinf", INFINITY);

function!(Signbit, "brickwork_ops::Signbit", "signbit", 1, 1.0, float_tested, |inputs, out| {
    with_loop!(inputs[0].dtype(), [F32, F64], T =>
        fast_unary!(inputs, out, T => Bool8, |a| a.is_sign_negative().into()));
});

unary_methods! {
    /// Whether the number is zero.
    logical_not, LogicalNot, "bool";
    /// Whether the number, or a part of a complex one, is NaN.
    isnan, IsNan, "bool";
    /// Whether the number, or a part of a complex one, is infinite.
    isinf, IsInf, "bool";
    /// Whether the number, or both parts of a complex one, are neither infinite nor NaN.
    isfinite, IsFinite, "bool";
    /// Whether the number is negative infinity.
    isneginf, IsNegInf, "bool; complex numbers are refused";
    /// Whether the number is positive infinity.
    isposinf, IsPosInf, "bool; complex numbers are refused";
    /// Whether the sign is negative, also of zero and NaN.
    signbit, Signbit, "bool; complex numbers are refused";
    /// Whether the imaginary part is zero.
    isreal, IsReal, "bool";
    /// Whether the imaginary part is not zero.
    iscomplex, IsComplex, "bool";
}
