//! Functions of angles, their inverses, and their hyperbolic kin. Angles are in radians.

use super::complex_math::{self, ComplexFunction};
use super::exponential::{complex_or, vector_function};
use super::function::{
    binary_methods, floats, function, public_binary, real_floats, unary_methods, wide_floats,
};
use super::kernel::{bounded_loop, fast_binary, fast_unary, operand, plain_unary, target, with_loop};

use crate::prelude::*;
use crate::vector_math::{self, MOST_RADIANS};

vector_function!(Sin, "brickwork_ops::Sin", "sin", vector_math::sin, MOST_RADIANS, sin, complex_math::Sin);
vector_function!(Cos, "brickwork_ops::Cos", "cos", vector_math::cos, MOST_RADIANS, cos, complex_math::Cos);
vector_function!(Tan, "brickwork_ops::Tan", "tan", vector_math::tan, MOST_RADIANS, tan, complex_math::Tan);
vector_function!(
    Arcsin,
    "brickwork_ops::Arcsin",
    "arcsin",
    vector_math::arcsin,
    f64::INFINITY,
    asin,
    complex_math::Asin
);
vector_function!(
    Arccos,
    "brickwork_ops::Arccos",
    "arccos",
    vector_math::arccos,
    f64::INFINITY,
    acos,
    complex_math::Acos
);
vector_function!(
    Arctan,
    "brickwork_ops::Arctan",
    "arctan",
    vector_math::arctan,
    f64::INFINITY,
    atan,
    complex_math::Atan
);
vector_function!(
    Sinh,
    "brickwork_ops::Sinh",
    "sinh",
    vector_math::sinh,
    f64::INFINITY,
    sinh,
    complex_math::Sinh
);
vector_function!(
    Cosh,
    "brickwork_ops::Cosh",
    "cosh",
    vector_math::cosh,
    f64::INFINITY,
    cosh,
    complex_math::Cosh
);
vector_function!(
    Tanh,
    "brickwork_ops::Tanh",
    "tanh",
    vector_math::tanh,
    f64::INFINITY,
    tanh,
    complex_math::Tanh
);
vector_function!(
    Arcsinh,
    "brickwork_ops::Arcsinh",
    "arcsinh",
    vector_math::arcsinh,
    f64::INFINITY,
    asinh,
    complex_math::Asinh
);
vector_function!(
    Arccosh,
    "brickwork_ops::Arccosh",
    "arccosh",
    vector_math::arccosh,
    f64::INFINITY,
    acosh,
    complex_math::Acosh
);
vector_function!(
    Arctanh,
    "brickwork_ops::Arctanh",
    "arctanh",
    vector_math::arctanh,
    f64::INFINITY,
    atanh,
    complex_math::Atanh
);

function!(Deg2rad, "brickwork_ops::Deg2rad", "deg2rad", 1, 1.0, real_floats, |inputs, out| {
    with_loop!(out.dtype(), [F32, F64], T =>
        fast_unary!(inputs, out, T => T, |a| a * (std::f64::consts::PI as T / 180.0)));
});

function!(Rad2deg, "brickwork_ops::Rad2deg", "rad2deg", 1, 1.0, real_floats, |inputs, out| {
    with_loop!(out.dtype(), [F32, F64], T =>
        fast_unary!(inputs, out, T => T, |a| a * (180.0 / std::f64::consts::PI as T)));
});

fn complex_sinc(z: Complex<f64>) -> Complex<f64> {
    if z == Complex::new(0.0, 0.0) {
        return Complex::new(1.0, 0.0);
    }
    let angle = Complex::new(z.re * std::f64::consts::PI, z.im * std::f64::consts::PI);
    complex_math::Sin::of(angle) / angle
}

function!(Sinc, "brickwork_ops::Sinc", "sinc", 1, 25.0, wide_floats, |inputs, out| match out.dtype() {
    DType::C64 => plain_unary!(inputs, out, Complex<f32> => Complex<f32>, |a| {
        let wide = complex_sinc(Complex::new(f64::from(a.re), f64::from(a.im)));
        Complex::new(wide.re as f32, wide.im as f32)
    }),
    DType::C128 => plain_unary!(inputs, out, Complex<f64> => Complex<f64>, |a| complex_sinc(a)),
    // The angle is rounded as NumPy rounds it.
    dtype => with_loop!(dtype, [F32, F64], T => bounded_loop(
        operand::<T>(&inputs[0]),
        target::<T>(out),
        #[inline(always)] |a: T| {
            let angle: T = a * std::f64::consts::PI as T;
            angle.abs() as f64 > vector_math::MOST_RADIANS
        },
        #[inline(always)] |a: T| {
            let angle: T = a * std::f64::consts::PI as T;
            vector_math::sine_over(angle as f64) as T
        },
        |a: T| {
            let angle = a * std::f64::consts::PI as T;
            angle.sin() / angle
        },
    )),
});

function!(Arctan2, "brickwork_ops::Arctan2", "arctan2", 2, 6.0, real_floats, |inputs, out| {
    with_loop!(out.dtype(), [F32, F64], T => fast_binary!(inputs, out, T => T, |a, b| vector_math::arctan2(a as f64, b as f64) as T));
});

function!(Hypot, "brickwork_ops::Hypot", "hypot", 2, 3.0, real_floats, |inputs, out| {
    with_loop!(out.dtype(), [F32, F64], T => fast_binary!(inputs, out, T => T, |a, b| vector_math::hypot(a as f64, b as f64) as T));
});

unary_methods! {
    /// The sine.
    sin, Sin, "as `self`; floats for integers: `float32` up to 16 bits, `float64` above";
    /// The cosine.
    cos, Cos, "as `self`; floats for integers: `float32` up to 16 bits, `float64` above";
    /// The tangent.
    tan, Tan, "as `self`; floats for integers: `float32` up to 16 bits, `float64` above";
    /// The angle with this sine, from -π/2 to π/2.
    arcsin, Arcsin, "as `self`; floats for integers: `float32` up to 16 bits, `float64` above";
    /// The angle with this cosine, from 0 to π.
    arccos, Arccos, "as `self`; floats for integers: `float32` up to 16 bits, `float64` above";
    /// The angle with this tangent, from -π/2 to π/2.
    arctan, Arctan, "as `self`; floats for integers: `float32` up to 16 bits, `float64` above";
    /// The hyperbolic sine.
    sinh, Sinh, "as `self`; floats for integers: `float32` up to 16 bits, `float64` above";
    /// The hyperbolic cosine.
    cosh, Cosh, "as `self`; floats for integers: `float32` up to 16 bits, `float64` above";
    /// The hyperbolic tangent.
    tanh, Tanh, "as `self`; floats for integers: `float32` up to 16 bits, `float64` above";
    /// The inverse of [`Array::sinh`].
    arcsinh, Arcsinh, "as `self`; floats for integers: `float32` up to 16 bits, `float64` above";
    /// The inverse of [`Array::cosh`].
    arccosh, Arccosh, "as `self`; floats for integers: `float32` up to 16 bits, `float64` above";
    /// The inverse of [`Array::tanh`].
    arctanh, Arctanh, "as `self`; floats for integers: `float32` up to 16 bits, `float64` above";
    /// Degrees as radians.
    deg2rad, Deg2rad,
    "as `self`; floats for integers: `float32` up to 16 bits, `float64` above; not for complex numbers";
    /// Radians as degrees.
    rad2deg, Rad2deg,
    "as `self`; floats for integers: `float32` up to 16 bits, `float64` above; not for complex numbers";
    /// `sin(πx) / (πx)`, and 1 at 0.
    sinc, Sinc, "as `self`; `float64` for integers and bools";
}

public_binary!(
    /// The angle of the point with ordinate `x` (the first operand) and abscissa `y`, from -π to π.
    arctan2, Arctan2,
    "the operands', promoted; floats for integers: `float32` up to 16 bits, `float64` above; not for complex numbers");
public_binary!(
    /// The length of the hypotenuse, without overflow on the way.
    hypot, Hypot,
    "the operands', promoted; floats for integers: `float32` up to 16 bits, `float64` above; not for complex numbers");
binary_methods!(arctan2, hypot);
