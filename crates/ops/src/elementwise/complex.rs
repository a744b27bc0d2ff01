//! Parts of complex numbers.

use super::function::{Loop, build, function};
use super::kernel::fast_unary;
use crate::prelude::*;
use crate::vector_math;

/// Complex numbers to the floats they are made of.
fn part(dtype: DType) -> Result<Loop, &'static str> {
    if dtype.is_complex() {
        Ok(Loop { input: dtype, output: dtype.real() })
    } else {
        Err("it is its own real part")
    }
}

/// Any number to the real dtype.
fn any_part(dtype: DType) -> Result<Loop, &'static str> {
    Ok(Loop { input: dtype, output: dtype.real() })
}

fn complex_only(dtype: DType) -> Result<Loop, &'static str> {
    if dtype.is_complex() { Ok(Loop { input: dtype, output: dtype }) } else { Err("it is its own conjugate") }
}

function!(Real, "brickwork_ops::Real", "real", 1, 1.0, part, |inputs, out| match inputs[0].dtype() {
    DType::C64 => fast_unary!(inputs, out, Complex<f32> => f32, |a| a.re),
    _ => fast_unary!(inputs, out, Complex<f64> => f64, |a| a.re),
});

function!(Imag, "brickwork_ops::Imag", "imag", 1, 1.0, any_part, |inputs, out| match inputs[0].dtype() {
    DType::C64 => fast_unary!(inputs, out, Complex<f32> => f32, |a| a.im),
    DType::C128 => fast_unary!(inputs, out, Complex<f64> => f64, |a| a.im),
    _ => out.bytes_mut().fill(0),
});

function!(Conjugate, "brickwork_ops::Conjugate", "conjugate", 1, 1.0, complex_only, |inputs, out| {
    match inputs[0].dtype() {
        DType::C64 => fast_unary!(inputs, out, Complex<f32> => Complex<f32>, |a| Complex::new(a.re, -a.im)),
        _ => fast_unary!(inputs, out, Complex<f64> => Complex<f64>, |a| Complex::new(a.re, -a.im)),
    }
});

function!(Angle, "brickwork_ops::Angle", "angle", 1, 30.0, part, |inputs, out| match inputs[0].dtype() {
    DType::C64 => fast_unary!(inputs, out, Complex<f32> => f32, |a| {
        vector_math::arctan2(f64::from(a.im), f64::from(a.re)) as f32
    }),
    _ => fast_unary!(inputs, out, Complex<f64> => f64, |a| vector_math::arctan2(a.im, a.re)),
});

impl Array {
    /// The real part; a real array is its own.
    ///
    /// - shape and chunks: as `self`; dtype: the real one
    /// - reads: the elements that are asked for
    ///
    /// Agrees with `numpy.real`.
    ///
    /// # Errors
    /// If the dtype is not numeric.
    pub fn real(&self) -> Result<Array> {
        super::function::find_loop("real", any_part, self.dtype())?;
        if self.dtype().is_complex() { build(Real, &[self.into()]) } else { Ok(self.clone()) }
    }

    /// The imaginary part; zeros for real numbers.
    ///
    /// - shape and chunks: as `self`; dtype: the real one
    /// - reads: the elements that are asked for
    ///
    /// Agrees with `numpy.imag`.
    ///
    /// # Errors
    /// If the dtype is not numeric.
    pub fn imag(&self) -> Result<Array> {
        build(Imag, &[self.into()])
    }

    /// The number with the sign of its imaginary part turned; real numbers as they are.
    ///
    /// - shape and chunks: as `self`; dtype: as `self`, `int8` for bools
    /// - reads: the elements that are asked for
    ///
    /// Agrees with `numpy.conjugate`.
    ///
    /// # Errors
    /// If the dtype is not numeric.
    pub fn conj(&self) -> Result<Array> {
        match self.dtype() {
            DType::Bool => self.astype(DType::I8),
            dtype if dtype.is_complex() => build(Conjugate, &[self.into()]),
            _ => self.positive(),
        }
    }

    /// The angle of a complex number, from -π to π: 0 or π for real ones.
    ///
    /// - shape and chunks: as `self`; dtype: the real one; floats for integers: `float32` up to 16 bits, `float64`
    ///   above and for bools
    /// - reads: the elements that are asked for
    ///
    /// Agrees with `numpy.angle`.
    ///
    /// # Errors
    /// If the dtype is not numeric.
    pub fn angle(&self) -> Result<Array> {
        if self.dtype().is_complex() { build(Angle, &[self.into()]) } else { super::arctan2(0, self) }
    }
}
