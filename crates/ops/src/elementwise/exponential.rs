//! Exponentials, logarithms and roots.

use super::complex_math::{self, ComplexFunction, Rounded, Vectors};
use super::function::{binary_methods, floats, function, public_binary, real_floats, unary_methods};
use super::kernel::{bounded_loop, fast_binary, fast_unary, operand, target, with_loop};
use crate::prelude::*;
use crate::vector_math;

/// Calls a function for complex numbers, and a loop for floats of a dtype.
macro_rules! complex_or {
    ($inputs:ident, $out:ident, $complex:ty, $dtype:ident => $real:expr) => {
        match $out.dtype() {
            DType::C64 => {
                $crate::elementwise::exponential::complex_loop::<$complex, Complex<f32>>(&$inputs[0], $out)
            }
            DType::C128 => {
                $crate::elementwise::exponential::complex_loop::<$complex, Complex<f64>>(&$inputs[0], $out)
            }
            $dtype => $real,
        }
    };
}
pub(super) use complex_or;

/// The loop of a function of complex numbers of one width.
pub(super) fn complex_loop<F: ComplexFunction, T: Rounded>(input: &Tile<'_>, out: &mut TileMut<'_>) {
    bounded_loop(
        operand::<T>(input),
        target(out),
        #[inline(always)]
        |z: T| F::is_beyond(z.widened()),
        #[inline(always)]
        |z: T| T::rounded(F::formula::<Vectors>(z.widened())),
        |z: T| T::rounded(F::of(z.widened())),
    );
}

/// A function of floats with a vector loop in [`vector_math`], which is right up to some magnitude; beyond it the method
/// serves.
macro_rules! vector_function {
    ($op:ident, $tag:tt, $numpy:tt, $vector:path, $most:expr, $method:ident, $complex:ty) => {
        function!($op, $tag, $numpy, 1, 6.0, floats, |inputs, out| complex_or!(inputs, out, $complex, dtype =>
            with_loop!(dtype, [F32, F64], T => bounded_loop(
                operand::<T>(&inputs[0]),
                target::<T>(out),
                #[inline(always)] |a: T| a.abs() as f64 > $most,
                #[inline(always)] |a: T| $vector(a as f64) as T,
                |a: T| a.$method(),
            ))));
    };
}
pub(super) use vector_function;

vector_function!(Exp, "brickwork_ops::Exp", "exp", vector_math::exp, f64::INFINITY, exp, complex_math::Exp);
vector_function!(
    Exp2,
    "brickwork_ops::Exp2",
    "exp2",
    vector_math::exp2,
    f64::INFINITY,
    exp2,
    complex_math::Exp2
);
vector_function!(
    Expm1,
    "brickwork_ops::Expm1",
    "expm1",
    vector_math::expm1,
    f64::INFINITY,
    exp_m1,
    complex_math::Expm1
);
vector_function!(Log, "brickwork_ops::Log", "log", vector_math::log, f64::INFINITY, ln, complex_math::Log);
vector_function!(
    Log2,
    "brickwork_ops::Log2",
    "log2",
    vector_math::log2,
    f64::INFINITY,
    log2,
    complex_math::Log2
);
vector_function!(
    Log10,
    "brickwork_ops::Log10",
    "log10",
    vector_math::log10,
    f64::INFINITY,
    log10,
    complex_math::Log10
);
vector_function!(
    Log1p,
    "brickwork_ops::Log1p",
    "log1p",
    vector_math::log1p,
    f64::INFINITY,
    ln_1p,
    complex_math::Log1p
);

function!(
    Sqrt,
    "brickwork_ops::Sqrt",
    "sqrt",
    1,
    4.0,
    floats,
    |inputs, out| complex_or!(inputs, out, complex_math::Sqrt, dtype =>
    with_loop!(dtype, [F32, F64], T => fast_unary!(inputs, out, T => T, |a| a.sqrt())))
);

function!(Cbrt, "brickwork_ops::Cbrt", "cbrt", 1, 6.0, real_floats, |inputs, out| {
    with_loop!(out.dtype(), [F32, F64], T => fast_unary!(inputs, out, T => T, |a| vector_math::cbrt(a as f64) as T));
});

unary_methods! {
    /// e to the power of the number.
    exp, Exp, "as `self`; floats for integers: `float32` up to 16 bits, `float64` above";
    /// 2 to the power of the number.
    exp2, Exp2, "as `self`; floats for integers: `float32` up to 16 bits, `float64` above";
    /// e to the power of the number, less 1, without loss near 0.
    expm1, Expm1, "as `self`; floats for integers: `float32` up to 16 bits, `float64` above";
    /// The natural logarithm; of complex numbers with an imaginary part from -π to π.
    log, Log, "as `self`; floats for integers: `float32` up to 16 bits, `float64` above";
    /// The logarithm to base 2.
    log2, Log2, "as `self`; floats for integers: `float32` up to 16 bits, `float64` above";
    /// The logarithm to base 10.
    log10, Log10, "as `self`; floats for integers: `float32` up to 16 bits, `float64` above";
    /// The natural logarithm of the number plus 1, without loss near 0.
    log1p, Log1p, "as `self`; floats for integers: `float32` up to 16 bits, `float64` above";
    /// The square root; NaN of negative reals, of complex numbers the one with the positive real part.
    sqrt, Sqrt, "as `self`; floats for integers: `float32` up to 16 bits, `float64` above";
    /// The cube root, also of negative numbers.
    cbrt, Cbrt, "as `self`; floats for integers: `float32` up to 16 bits, `float64` above; not for complex numbers";
}

function!(LogAddExp, "brickwork_ops::LogAddExp", "logaddexp", 2, 12.0, real_floats, |inputs, out| {
    with_loop!(out.dtype(), [F32, F64], T =>
        fast_binary!(inputs, out, T => T, |a, b| vector_math::logaddexp(a as f64, b as f64) as T));
});

function!(LogAddExp2, "brickwork_ops::LogAddExp2", "logaddexp2", 2, 12.0, real_floats, |inputs, out| {
    with_loop!(out.dtype(), [F32, F64], T =>
        fast_binary!(inputs, out, T => T, |a, b| vector_math::logaddexp2(a as f64, b as f64) as T));
});

public_binary!(
    /// `log(exp(x) + exp(y))` without overflow.
    logaddexp, LogAddExp,
    "the operands', promoted; floats for integers: `float32` up to 16 bits, `float64` above; not for complex numbers");
public_binary!(
    /// `log2(2^x + 2^y)` without overflow.
    logaddexp2, LogAddExp2,
    "the operands', promoted; floats for integers: `float32` up to 16 bits, `float64` above; not for complex numbers");
binary_methods!(logaddexp, logaddexp2);
