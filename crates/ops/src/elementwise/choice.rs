//! Choosing and mending values: `where`, `nan_to_num`; and `isclose`.

use bytemuck::Pod;

use super::function::{check_arity, find_loop, numeric, to_array};
use super::joint::joint;
use super::kernel::{fast_unary, operand, target, vectorized, with_loop};
use crate::array::broadcast_meta;
use crate::prelude::*;

/// Elements of `x` where `condition` is true (not zero), of `y` elsewhere.
///
/// - shape: the shapes of the three, broadcast; dtype: that of `x` and `y`, promoted
/// - reads: of every operand the elements that are asked for, chosen or not
///
/// Agrees with `numpy.where` of three arguments. Dates and durations of one dtype may be chosen too.
///
/// # Errors
/// If the shapes do not broadcast, `x` and `y` have no common dtype, or a number does not fit it.
pub fn where_(condition: impl Into<Term>, x: impl Into<Term>, y: impl Into<Term>) -> Result<Array> {
    let condition = to_array(condition.into())?.astype(DType::Bool)?;
    let terms = [x.into(), y.into()];
    let dtype = Term::result_dtype("where", &terms)?;
    let [x, y] = terms;
    Array::apply(Where, &[&condition, &x.to_array("where", dtype)?, &y.to_array("where", dtype)?])
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Where;

#[typetag::serde(name = "brickwork_ops::Where")]
impl Operation for Where {
    fn name(&self) -> String {
        "where".into()
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        check_arity("where", 3, inputs)?;
        let dtype = inputs[1].dtype;
        if inputs[0].dtype != DType::Bool || inputs[2].dtype != dtype {
            let reason = "it takes a bool condition and two arrays of one dtype; cast the inputs first";
            return Err(Error::argument("where", reason));
        }
        if matches!(dtype, DType::Bytes(_)) {
            let help = "strings can be read, sliced and written, but not chosen".into();
            return Err(Error::DTypeUnsupported { op: "where".into(), dtype, help });
        }
        Ok(vec![broadcast_meta("where", inputs, dtype)?])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Elementwise(self)
    }
}

impl Elementwise for Where {
    fn apply(&self, inputs: &[Tile<'_>], out: &mut TileMut<'_>) {
        // Only the width counts: values are moved, not looked at.
        match out.dtype().itemsize() {
            1 => choose::<u8>(inputs, out),
            2 => choose::<u16>(inputs, out),
            4 => choose::<u32>(inputs, out),
            8 => choose::<u64>(inputs, out),
            _ => choose::<[u64; 2]>(inputs, out),
        }
    }

    fn after(
        &self,
        before: &dyn Elementwise,
        at: &[usize],
        dtypes: &[DType],
    ) -> Option<Box<dyn Elementwise>> {
        joint(self, before, at, dtypes)
    }
}

/// Bits that are chosen as a whole.
trait Bits: Pod {
    /// The first or the second, without a branch: what is loaded only where it is needed is loaded one by one.
    fn chosen(condition: Bool8, x: Self, y: Self) -> Self;
}

macro_rules! bits {
    ($($t:ty),*) => {
        $(impl Bits for $t {
            #[inline(always)]
            fn chosen(condition: Bool8, x: Self, y: Self) -> Self {
                let mask = <$t>::from(condition.get()).wrapping_neg();
                y ^ ((x ^ y) & mask)
            }
        })*
    };
}
bits!(u8, u16, u32, u64);

impl Bits for [u64; 2] {
    #[inline(always)]
    fn chosen(condition: Bool8, x: Self, y: Self) -> Self {
        [u64::chosen(condition, x[0], y[0]), u64::chosen(condition, x[1], y[1])]
    }
}

fn choose<T: Bits>(inputs: &[Tile<'_>], out: &mut TileMut<'_>) {
    let (x, y) = (operand::<T>(&inputs[1]), operand::<T>(&inputs[2]));
    let condition = inputs[0].get::<Bool8>();
    let out = target::<T>(out);
    let condition = match condition {
        Operand::Slice(condition) => condition,
        Operand::Scalar(condition) => {
            return match if condition.get() { x } else { y } {
                Operand::Slice(chosen) => out.copy_from_slice(chosen),
                Operand::Scalar(chosen) => out.fill(chosen),
            };
        }
    };
    vectorized(
        #[inline(always)]
        move || match (x, y) {
            (Operand::Slice(x), Operand::Slice(y)) => {
                for (((out, c), &x), &y) in out.iter_mut().zip(condition).zip(x).zip(y) {
                    *out = T::chosen(*c, x, y);
                }
            }
            (Operand::Slice(x), Operand::Scalar(y)) => {
                for ((out, c), &x) in out.iter_mut().zip(condition).zip(x) {
                    *out = T::chosen(*c, x, y);
                }
            }
            (Operand::Scalar(x), Operand::Slice(y)) => {
                for ((out, c), &y) in out.iter_mut().zip(condition).zip(y) {
                    *out = T::chosen(*c, x, y);
                }
            }
            (Operand::Scalar(x), Operand::Scalar(y)) => {
                for (out, c) in out.iter_mut().zip(condition) {
                    *out = T::chosen(*c, x, y);
                }
            }
        },
    );
}

/// Replaces what is not finite, in both parts of complex numbers.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct NanToNum {
    nan: f64,
    /// The largest number of the dtype, if not given.
    posinf: Option<f64>,
    /// The least number of the dtype, if not given.
    neginf: Option<f64>,
}

#[typetag::serde(name = "brickwork_ops::NanToNum")]
impl Operation for NanToNum {
    fn name(&self) -> String {
        "nan_to_num".into()
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        check_arity("nan_to_num", 1, inputs)?;
        let dtype = inputs[0].dtype;
        if !dtype.is_float() && !dtype.is_complex() {
            let help = "it has no values that are not finite".into();
            return Err(Error::DTypeUnsupported { op: "nan_to_num".into(), dtype, help });
        }
        Ok(vec![inputs[0].clone()])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Elementwise(self)
    }

    fn cost(&self) -> f64 {
        3.0
    }
}

/// A number, or what stands for it if it is not finite.
trait Mend {
    fn mended(self, nan: Self, posinf: Self, neginf: Self) -> Self;
}

macro_rules! mend {
    ($($t:ty),*) => {
        $(impl Mend for $t {
            #[inline(always)]
            fn mended(self, nan: Self, posinf: Self, neginf: Self) -> Self {
                let value = if self == <$t>::INFINITY { posinf } else { self };
                let value = if self == <$t>::NEG_INFINITY { neginf } else { value };
                if self.is_nan() { nan } else { value }
            }
        })*
    };
}
mend!(f32, f64);

impl Elementwise for NanToNum {
    fn apply(&self, inputs: &[Tile<'_>], out: &mut TileMut<'_>) {
        with_loop!(out.dtype().real(), [F32, F64], T => {
            let nan = self.nan as T;
            let high = self.posinf.map_or(T::MAX, |value| value as T);
            let low = self.neginf.map_or(T::MIN, |value| value as T);
            if out.dtype().is_complex() {
                fast_unary!(inputs, out, Complex<T> => Complex<T>, |a| {
                    Complex::new(a.re.mended(nan, high, low), a.im.mended(nan, high, low))
                });
            } else {
                fast_unary!(inputs, out, T => T, |a| a.mended(nan, high, low));
            }
        });
    }
}

impl Array {
    /// The array with 0 for NaN and the largest and least numbers of the dtype for the infinities.
    ///
    /// Agrees with `numpy.nan_to_num`; otherwise as [`Array::nan_to_num_with`].
    ///
    /// # Errors
    /// If the dtype is not numeric.
    pub fn nan_to_num(&self) -> Result<Array> {
        self.nan_to_num_with(0.0, None, None)
    }

    /// The array with `nan` for NaN, `posinf` and `neginf` for the infinities; without them the largest and least
    /// numbers of the dtype. Complex numbers have their parts replaced; integers and bools are as they were.
    ///
    /// - shape, chunks and dtype: as `self`
    /// - reads: the elements that are asked for
    ///
    /// Agrees with `numpy.nan_to_num`.
    ///
    /// # Errors
    /// If the dtype is not numeric.
    pub fn nan_to_num_with(&self, nan: f64, posinf: Option<f64>, neginf: Option<f64>) -> Result<Array> {
        find_loop("nan_to_num", numeric, self.dtype())?;
        if self.dtype().is_integer_or_bool() {
            return Ok(self.clone());
        }
        Array::apply(NanToNum { nan, posinf, neginf }, &[self])
    }
}

/// Whether `|x - y| <= atol + rtol * |y|`; equal infinities are close. With `equal_nan`, so are two NaNs.
///
/// - shape: the shapes of the operands, broadcast; dtype: bool
/// - reads: of every operand the elements that are asked for
///
/// Agrees with `numpy.isclose`, whose defaults are `rtol` 1e-5, `atol` 1e-8 and no `equal_nan`.
///
/// # Errors
/// If the shapes do not broadcast or an operand is not numeric.
pub fn isclose(
    x: impl Into<Term>,
    y: impl Into<Term>,
    rtol: f64,
    atol: f64,
    equal_nan: bool,
) -> Result<Array> {
    let (x, y) = (to_array(x.into())?, to_array(y.into())?);
    find_loop("isclose", numeric, x.dtype())?;
    find_loop("isclose", numeric, y.dtype())?;
    let y = y.astype(y.dtype().promote_weak(brickwork_core::WeakKind::Float))?;
    let tolerance = y.abs()?.try_mul(rtol)?.try_add(atol)?;
    let near = x.subtract(&y)?.abs()?.less_equal(&tolerance)?.bitwise_and(y.isfinite()?)?;
    let close = near.bitwise_or(x.equal(&y)?)?;
    if equal_nan { close.bitwise_or(x.isnan()?.bitwise_and(y.isnan()?)?) } else { Ok(close) }
}
