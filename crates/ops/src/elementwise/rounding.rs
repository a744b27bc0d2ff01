//! Whole numbers near a number, and rounding to decimals.

use super::function::{Loop, build, check_arity, find_loop, floats, function, reals, unary_methods};
use super::kernel::{fast_unary, with_integer_bits, with_loop};
use crate::prelude::*;

/// Integers and bools are whole already.
macro_rules! rounding {
    ($op:ident, $tag:tt, $numpy:tt, $method:ident) => {
        function!($op, $tag, $numpy, 1, 1.0, reals, |inputs, out| match out.dtype() {
            dtype if dtype.is_float() => {
                with_loop!(dtype, [F32, F64], T => fast_unary!(inputs, out, T => T, |a| a.$method()));
            }
            dtype => with_integer_bits!(dtype, T => fast_unary!(inputs, out, T => T, |a| a)),
        });
    };
}

rounding!(Floor, "brickwork_ops::Floor", "floor", floor);
rounding!(Ceil, "brickwork_ops::Ceil", "ceil", ceil);
rounding!(Trunc, "brickwork_ops::Trunc", "trunc", trunc);

function!(Rint, "brickwork_ops::Rint", "rint", 1, 1.0, floats, |inputs, out| match out.dtype() {
    DType::C64 => fast_unary!(inputs, out, Complex<f32> => Complex<f32>, |a| {
        Complex::new(a.re.round_ties_even(), a.im.round_ties_even())
    }),
    DType::C128 => fast_unary!(inputs, out, Complex<f64> => Complex<f64>, |a| {
        Complex::new(a.re.round_ties_even(), a.im.round_ties_even())
    }),
    dtype => with_loop!(dtype, [F32, F64], T => fast_unary!(inputs, out, T => T, |a| a.round_ties_even())),
});

unary_methods! {
    /// The largest whole number that is not greater.
    floor, Floor, "as `self`; complex numbers are refused";
    /// The least whole number that is not less.
    ceil, Ceil, "as `self`; complex numbers are refused";
    /// The number without its fraction.
    trunc, Trunc, "as `self`; complex numbers are refused";
    /// The nearest whole number; halves go to the even one.
    rint, Rint, "as `self`; floats for integers: `float32` up to 16 bits, `float64` above";
}

/// Rounds floats at a power of ten. `decimals` is not 0.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Round {
    decimals: i32,
}

fn rounded(dtype: DType) -> Result<Loop, &'static str> {
    if dtype.is_integer_or_bool() { Err("integers are rounded as float64") } else { floats(dtype) }
}

#[typetag::serde(name = "brickwork_ops::Round")]
impl Operation for Round {
    fn name(&self) -> String {
        format!("round {}", self.decimals)
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        check_arity("round", 1, inputs)?;
        find_loop("round", rounded, inputs[0].dtype)?;
        Ok(vec![inputs[0].clone()])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Elementwise(self)
    }

    fn cost(&self) -> f64 {
        6.0
    }
}

/// Rounds at a power of ten: at `1 / factor`, or at `factor`.
trait RoundAt {
    fn round_below(self, factor: Self) -> Self;
    fn round_above(self, factor: Self) -> Self;
}

macro_rules! round_at {
    ($($t:ty),*) => {
        $(
            impl RoundAt for $t {
                #[inline(always)]
                fn round_below(self, factor: Self) -> Self { (self * factor).round_ties_even() / factor }
                #[inline(always)]
                fn round_above(self, factor: Self) -> Self { (self / factor).round_ties_even() * factor }
            }
        )*
    };
}
round_at!(f32, f64);

impl Elementwise for Round {
    fn apply(&self, inputs: &[Tile<'_>], out: &mut TileMut<'_>) {
        // Beyond the range of f64 every power is infinite.
        let factor = 10f64.powi(self.decimals.unsigned_abs().min(400) as i32);
        let (is_complex, is_below) = (out.dtype().is_complex(), self.decimals > 0);
        with_loop!(out.dtype().real(), [F32, F64], T => {
            let f = factor as T;
            match (is_complex, is_below) {
                (false, true) => fast_unary!(inputs, out, T => T, |a| a.round_below(f)),
                (false, false) => fast_unary!(inputs, out, T => T, |a| a.round_above(f)),
                (true, true) => fast_unary!(inputs, out, Complex<T> => Complex<T>, |a| {
                    Complex::new(a.re.round_below(f), a.im.round_below(f))
                }),
                (true, false) => fast_unary!(inputs, out, Complex<T> => Complex<T>, |a| {
                    Complex::new(a.re.round_above(f), a.im.round_above(f))
                }),
            }
        });
    }
}

impl Array {
    /// Rounds to a number of decimals; negative ones round before the point. Halves go to the even digit.
    ///
    /// - shape and chunks: as `self`; dtype: as `self`, `float32` for bools
    /// - reads: the elements that are asked for
    ///
    /// Agrees with `numpy.round`: by way of the number times a power of ten, so that the last bits may be off.
    ///
    /// # Errors
    /// If the dtype is not numeric.
    pub fn round(&self, decimals: i32) -> Result<Array> {
        let dtype = self.dtype();
        match decimals {
            _ if dtype == DType::Bool => build(Rint, &[self.into()]),
            0.. if dtype.is_integer() => Ok(self.clone()),
            0 => build(Rint, &[self.into()]),
            _ if dtype.is_integer() => {
                Array::apply(Round { decimals }, &[&self.astype(DType::F64)?])?.astype(dtype)
            }
            _ => Array::apply(Round { decimals }, &[self]),
        }
    }

    /// The number without its fraction: [`Array::trunc`] by its other name.
    ///
    /// Agrees with `numpy.fix`.
    ///
    /// # Errors
    /// For complex numbers.
    pub fn fix(&self) -> Result<Array> {
        self.trunc()
    }
}
