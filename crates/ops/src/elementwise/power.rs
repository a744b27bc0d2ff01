//! Powers.

use super::arithmetic::{Ring, multiply};
use super::division::Quotient;
use super::function::{build_in, check_arity, find_loop, function, numbers};
use super::kernel::{fast_binary, plain_binary, with_loop};
use crate::prelude::*;
use crate::vector_math;

/// A number to the power of another.
trait Power: Element {
    fn to_the(self, exponent: Self) -> Self;
}

macro_rules! powers_of_integers {
    ($($t:ty),*) => {
        $(impl Power for $t {
            /// By squaring, with the low bits kept. Negative exponents are refused before a kernel sees them.
            #[inline(always)]
            fn to_the(self, exponent: Self) -> Self {
                let (mut base, mut rest, mut result) = (self, exponent, 1 as $t);
                while rest > 0 {
                    if rest & 1 == 1 {
                        result = result.wrapping_mul(base);
                    }
                    base = base.wrapping_mul(base);
                    rest >>= 1;
                }
                result
            }
        })*
    };
}
powers_of_integers!(i8, i16, i32, i64, u8, u16, u32, u64);

macro_rules! powers_of_complex_numbers {
    ($($t:ty),*) => {
        $(
            impl Power for Complex<$t> {
                fn to_the(self, exponent: Self) -> Self {
                    let zero = Complex::new(0.0, 0.0);
                    if exponent == zero {
                        return Complex::new(1.0, 0.0);
                    }
                    if self == zero {
                        let is_zero = exponent.re > 0.0 && exponent.im == 0.0;
                        return if is_zero { zero } else { Complex::new(<$t>::NAN, <$t>::NAN) };
                    }
                    // Small whole exponents by products, as NumPy does: exact where the products are.
                    if exponent.im == 0.0 && exponent.re.fract() == 0.0 && exponent.re.abs() < 100.0 {
                        let (mut square, mut rest) = (self, exponent.re.abs() as u32);
                        let mut product = None::<Self>;
                        while rest > 0 {
                            if rest & 1 == 1 {
                                product = Some(product.map_or(square, |product| product.times(square)));
                            }
                            rest >>= 1;
                            if rest > 0 {
                                square = square.times(square);
                            }
                        }
                        let one = Complex::new(1.0, 0.0);
                        let product = product.unwrap_or(one);
                        return if exponent.re < 0.0 { one.over(product) } else { product };
                    }
                    self.powc(exponent)
                }
            }
        )*
    };
}
powers_of_complex_numbers!(f32, f64);

function!(PowerOf, "brickwork_ops::Power", "power", 2, 30.0, numbers, |inputs, out| {
    match out.dtype() {
        DType::F32 => fast_binary!(inputs, out, f32 => f32, |a, b| {
            vector_math::power_of_short(f64::from(a), f64::from(b)) as f32
        }),
        DType::F64 => fast_binary!(inputs, out, f64 => f64, |a, b| vector_math::power(a, b)),
        dtype => with_loop!(dtype, [I8, I16, I32, I64, U8, U16, U32, U64, C64, C128], T =>
            plain_binary!(inputs, out, T => T, |a, b| a.to_the(b))),
    }
});

const NEGATIVE_EXPONENT: &str =
    "integers to negative integer powers are not allowed; cast the base to float64 first";

/// The first operand to the power of the second.
///
/// The square, the square root, the reciprocal and the number itself are used where the second operand is the plain
/// number 2, 0.5, -1 or 1, as NumPy's `**` does; and the square times a float where it is 3.
///
/// - shape: the shapes of the operands, broadcast; chunks: along every axis those of the first operand that is not
///   broadcast there
/// - dtype: the operands', promoted; `int8` for bools; integers wrap
/// - reads: of every operand the elements that are asked for
///
/// Agrees with `numpy.power`.
///
/// # Errors
/// If the shapes do not broadcast, the operands have no common dtype, a number does not fit it, or an integer has a
/// negative exponent: a plain number is refused here, an element of an array when it is met.
pub fn power(x: impl Into<Term>, y: impl Into<Term>) -> Result<Array> {
    let (x, y) = (x.into(), y.into());
    if let (Term::Array(base), Term::Weak(exponent)) = (&x, &y)
        && let Some(simple) = simple_power(base, exponent)?
    {
        return Ok(simple);
    }
    let terms = [x, y];
    let dtype = Term::result_dtype("power", &terms)?;
    let input = find_loop("power", numbers, dtype)?.input;
    if !input.is_integer() {
        return build_in(PowerOf, &terms, input);
    }
    let [base, exponent] = &terms;
    let exponent = match exponent {
        Term::Weak(Weak::Int(value)) if *value < 0 => {
            return Err(Error::argument("power", NEGATIVE_EXPONENT));
        }
        Term::Array(array) if array.dtype().kind() == DTypeKind::Signed => {
            Array::apply(NotNegative, &[array])?.into()
        }
        other => other.clone(),
    };
    build_in(PowerOf, &[base.clone(), exponent], input)
}

fn simple_power(base: &Array, exponent: &Weak) -> Result<Option<Array>> {
    let dtype = base.dtype();
    let value = match *exponent {
        Weak::Int(value) if dtype.is_integer() || dtype.is_float() || dtype.is_complex() => value as f64,
        Weak::Float(value) if dtype.is_float() || dtype.is_complex() => value,
        _ => return Ok(None),
    };
    Ok(Some(match value {
        2.0 => base.square()?,
        // The square times the number is within 1.5 units in the last place, and many times as fast.
        3.0 if dtype.is_float() => multiply(base.square()?, base)?,
        1.0 => base.clone(),
        0.5 => base.sqrt()?,
        -1.0 if !dtype.is_integer() => base.reciprocal()?,
        _ => return Ok(None),
    }))
}

impl Array {
    /// [`power`] of this array and an exponent.
    ///
    /// # Errors
    /// Those of [`power`].
    pub fn power(&self, exponent: impl Into<Term>) -> Result<Array> {
        power(self, exponent)
    }

    /// [`power`] of this array and an exponent, by its short name.
    ///
    /// # Errors
    /// Those of [`power`].
    pub fn pow(&self, exponent: impl Into<Term>) -> Result<Array> {
        power(self, exponent)
    }
}

/// The first operand to the power of the second, in `float64` or `complex128`.
///
/// Agrees with `numpy.float_power`; shape and reads as [`power`].
///
/// # Errors
/// If the shapes do not broadcast or an operand is not numeric.
pub fn float_power(x: impl Into<Term>, y: impl Into<Term>) -> Result<Array> {
    let terms = [x.into(), y.into()];
    let dtype = Term::result_dtype("float_power", &terms)?;
    let input = if dtype.is_complex() { DType::C128 } else { DType::F64 };
    build_in(PowerOf, &terms, input)
}

/// The exponents as they are, or an error at the first that is negative. (An elementwise function cannot fail.)
#[derive(Debug, Clone, Serialize, Deserialize)]
struct NotNegative;

#[typetag::serde(name = "brickwork_ops::NotNegative")]
impl Operation for NotNegative {
    fn name(&self) -> String {
        "power: exponents".into()
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        check_arity("power", 1, inputs)?;
        if inputs[0].dtype.kind() != DTypeKind::Signed {
            let help = "only signed exponents can be negative".into();
            return Err(Error::DTypeUnsupported { op: "power".into(), dtype: inputs[0].dtype, help });
        }
        Ok(vec![inputs[0].clone()])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Map(self)
    }
}

impl Map for NotNegative {
    fn demand(&self, _inputs: &[Meta], out: &Region, _output: usize) -> Vec<Region> {
        vec![out.clone()]
    }

    fn apply(
        &self,
        blocks: &[Block],
        _inputs: &[Meta],
        _at: &Region,
        _output: usize,
        out: &mut BlockMut,
    ) -> Result<()> {
        out.view_mut().assign(&blocks[0]);
        let has_negative = with_loop!(out.dtype(), [I8, I16, I32, I64], T =>
            out.as_slice_mut::<T>().iter().any(|&exponent| exponent < 0));
        if has_negative { Err(Error::argument("power", NEGATIVE_EXPONENT)) } else { Ok(()) }
    }
}
