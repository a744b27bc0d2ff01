//! Evenly spaced values by their distance.

use crate::create::fill_rows;
use crate::prelude::*;

/// The values `start`, `start + step`, … before `stop`, as `numpy.arange`.
///
/// - shape: one axis of ⌈(stop − start) / step⌉ elements; dtype: `int64` if all three are integers, else `float64`
/// - reads nothing: a part costs its size
///
/// # Errors
/// If the step is 0, a bound is NaN or complex, or the length cannot be numbered.
///
/// ```
/// use brickwork_core::DType;
/// use brickwork_ops::create::arange;
/// assert_eq!((arange(0, 10, 3)?.shape(), arange(0, 10, 3)?.dtype()), (&[4][..], DType::I64));
/// assert_eq!((arange(0, 1, 0.25)?.shape(), arange(0, 1, 0.25)?.dtype()), (&[4][..], DType::F64));
/// # Ok::<(), brickwork_core::Error>(())
/// ```
pub fn arange(start: impl Into<Weak>, stop: impl Into<Weak>, step: impl Into<Weak>) -> Result<Array> {
    arange_with(start, stop, step, None, ChunkSpec::auto())
}

/// [`arange`] with dtype and chunks of the user's choice. Elements are computed in the dtype: the first two are
/// `start` and `start + step` cast to it, and their difference is the step of the others.
///
/// # Errors
/// As [`arange`]; and if the first two elements do not fit the dtype.
pub fn arange_with(
    start: impl Into<Weak>,
    stop: impl Into<Weak>,
    step: impl Into<Weak>,
    dtype: Option<DType>,
    chunks: impl Into<ChunkSpec>,
) -> Result<Array> {
    let (start, stop, step) = (number(start.into())?, number(stop.into())?, number(step.into())?);
    let (len, natural, second) = match (start, stop, step) {
        (Number::Int(start), Number::Int(stop), Number::Int(step)) => {
            let range = || Error::argument("arange", "the values do not fit 64 bits; use smaller bounds");
            let way = stop.checked_sub(start).ok_or_else(range)?;
            let len = match step {
                0 => return Err(zero_step()),
                _ if way == 0 || (way > 0) != (step > 0) => 0,
                _ => ((way.abs() - 1) / step.saturating_abs() + 1) as u128,
            };
            let fits = |value: i128| i64::try_from(value).is_ok() || u64::try_from(value).is_ok();
            if dtype.is_none() && !(fits(start) && fits(stop)) {
                return Err(range());
            }
            let last = start.saturating_add(way.saturating_sub(step.signum()));
            let signed = [start, last].iter().all(|&value| len == 0 || i64::try_from(value).is_ok());
            let natural = if signed { DType::I64 } else { DType::U64 };
            (len, natural, Number::Int(start.saturating_add(step)))
        }
        _ => {
            let (start, stop, step) = (start.float(), stop.float(), step.float());
            if step == 0.0 {
                return Err(zero_step());
            }
            (float_len(start, stop, step)?, DType::F64, Number::Float(start + step))
        }
    };
    let dtype = dtype.unwrap_or(natural);
    let len = usize::try_from(len).ok().filter(|&len| len <= isize::MAX as usize);
    let Some(len) = len else {
        return Err(Error::argument("arange", "more than 2^63 - 1 elements; use a larger step"));
    };
    if dtype == DType::Bool && len > 2 {
        let help = "only up to two truth values make a range; use an integer dtype".into();
        return Err(Error::DTypeUnsupported { op: "arange".into(), dtype, help });
    }
    let first = if len > 0 { start.cast(dtype)? } else { Scalar::zero(dtype) };
    let second = if len > 1 { second.cast(dtype)? } else { first };
    if !dtype.is_numeric() {
        let help = "use a numeric dtype".into();
        return Err(Error::DTypeUnsupported { op: "arange".into(), dtype, help });
    }
    let chunks = chunks.into().resolve(&[len], dtype)?;
    Array::apply(Arange { first, second, chunks }, &[])
}

#[derive(Debug, Clone, Copy)]
enum Number {
    Int(i128),
    Float(f64),
}

fn number(value: Weak) -> Result<Number> {
    match value {
        Weak::Bool(value) => Ok(Number::Int(value.into())),
        Weak::Int(value) => Ok(Number::Int(value)),
        Weak::Float(value) => Ok(Number::Float(value)),
        Weak::Complex(value) => {
            Err(Error::argument("arange", format!("the number {value} is complex; give real numbers")))
        }
    }
}

impl Number {
    fn float(self) -> f64 {
        match self {
            Number::Int(value) => value as f64,
            Number::Float(value) => value,
        }
    }

    /// The number as an element: integer dtypes drop the fraction.
    fn cast(self, dtype: DType) -> Result<Scalar> {
        let value = match self {
            Number::Float(value) if dtype.is_integer() => Weak::Float(value.trunc()),
            Number::Float(value) => Weak::Float(value),
            Number::Int(value) => Weak::Int(value),
        };
        value.to_scalar(dtype).ok_or_else(|| {
            Error::argument("arange", format!("the value {value} does not fit {dtype}; use a wider dtype"))
        })
    }
}

fn zero_step() -> Error {
    Error::argument("arange", "a step of 0 never arrives; use a step towards the stop")
}

fn float_len(start: f64, stop: f64, step: f64) -> Result<u128> {
    let way = stop - start;
    let quotient = way / step;
    if quotient.is_nan() {
        return Err(Error::argument("arange", "the length cannot be computed; use finite bounds and step"));
    }
    // What is left of a quotient that underflows is a little more, or a little less, than nothing.
    if quotient == 0.0 && way != 0.0 {
        return Ok(u128::from(quotient.is_sign_positive()));
    }
    // Saturates: beyond is refused by the caller.
    Ok(quotient.ceil().max(0.0) as u128)
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Arange {
    first: Scalar,
    second: Scalar,
    chunks: ChunkGrid,
}

#[typetag::serde(name = "brickwork_ops::Arange")]
impl Operation for Arange {
    fn name(&self) -> String {
        "arange".into()
    }

    fn infer(&self, _inputs: &[Meta]) -> Result<Vec<Meta>> {
        Ok(vec![Meta::new(&self.chunks.shape(), self.first.dtype(), self.chunks.clone())])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Generator(self)
    }
}

impl Arange {
    fn ends<T: Element>(&self) -> (T, T) {
        let end = |scalar: &Scalar| scalar.get::<T>().expect("both have the dtype of the array");
        (end(&self.first), end(&self.second))
    }
}

impl Generator for Arange {
    fn fill(&self, meta: &Meta, region: &Region, out: ViewMut<'_>) -> Result<()> {
        let range = region.axes()[0];
        // Element 1 is the second value itself, which adding the rounded difference might miss.
        macro_rules! fill {
            ($t:ty, $value:expr) => {{
                let (first, second) = self.ends::<$t>();
                let value = $value(first, second);
                fill_rows::<$t>(region, out, |_, row| {
                    for (k, out) in row.iter_mut().enumerate() {
                        let i = range.get(k);
                        *out = if i == 1 { second } else { value(i) };
                    }
                })
            }};
        }
        macro_rules! integers {
            ($t:ty) => {
                fill!($t, |first: $t, second: $t| {
                    let delta = second.wrapping_sub(first);
                    move |i: usize| first.wrapping_add((i as $t).wrapping_mul(delta))
                })
            };
        }
        macro_rules! floats {
            ($t:ty) => {
                fill!($t, |first: $t, second: $t| {
                    let delta = second - first;
                    move |i: usize| first + i as $t * delta
                })
            };
        }
        macro_rules! complex {
            ($t:ty) => {
                fill!(Complex<$t>, |first: Complex<$t>, second: Complex<$t>| {
                    let delta = second.re - first.re;
                    move |i: usize| Complex::new(first.re + i as $t * delta, 0.0)
                })
            };
        }
        match meta.dtype {
            DType::Bool => fill!(Bool8, |first: Bool8, _| move |_: usize| first),
            DType::I8 => integers!(i8),
            DType::I16 => integers!(i16),
            DType::I32 => integers!(i32),
            DType::I64 => integers!(i64),
            DType::U8 => integers!(u8),
            DType::U16 => integers!(u16),
            DType::U32 => integers!(u32),
            DType::U64 => integers!(u64),
            DType::F32 => floats!(f32),
            DType::F64 => floats!(f64),
            DType::C64 => complex!(f32),
            DType::C128 => complex!(f64),
            dtype => return Err(Error::Bug { what: format!("arange of dtype {dtype}") }),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::checks::{check, values};

    #[test]
    fn ranges_agree_with_numpy() {
        check(&arange(0, 5, 1).unwrap(), &[5], &[0i64, 1, 2, 3, 4]);
        check(&arange(10, 0, -3).unwrap(), &[4], &[10i64, 7, 4, 1]);
        check::<i64>(&arange(0, 5, -1).unwrap(), &[0], &[]);
        check::<i64>(&arange(5, 5, 2).unwrap(), &[0], &[]);
        check(&arange(0, 1, 0.25).unwrap(), &[4], &[0.0, 0.25, 0.5, 0.75]);
        check(&arange(true, 3, 1).unwrap(), &[2], &[1i64, 2]);
        check(&arange(u64::MAX - 2, u64::MAX, 1).unwrap(), &[2], &[u64::MAX - 2, u64::MAX - 1]);
        check::<f64>(&arange(0.0, -1e-323, 1e300).unwrap(), &[0], &[]);
    }

    #[test]
    fn floats_have_numpys_bits() {
        // np.arange(0.1, 1.0, 0.1), np.arange(1, 2, 0.3), element 1 of np.arange(0.3, 9, 0.1)
        let x = values::<f64>(&arange(0.1, 1.0, 0.1).unwrap());
        let delta = (0.1 + 0.1) - 0.1;
        let expected: Vec<f64> = (0..9).map(|i| 0.1 + i as f64 * delta).collect();
        assert_eq!(x, expected);
        assert_eq!(arange(1, 2, 0.3).unwrap().shape(), [4]);
        let third: Vec<f32> = values(&arange_with(0, 3, 0.1, Some(DType::F32), 4).unwrap());
        assert_eq!(third[29], 0.0 + 29.0 * 0.1f32);
    }

    #[test]
    fn dtypes_cast_the_first_two_elements() {
        let with =
            |start: Weak, stop: Weak, step: Weak, dtype| arange_with(start, stop, step, Some(dtype), 3);
        let int = Weak::Int;
        check(&with(int(0), int(300), int(100), DType::U8).unwrap(), &[3], &[0u8, 100, 200]);
        check(&with(int(0), int(500), int(100), DType::U8).unwrap(), &[5], &[0u8, 100, 200, 44, 144]);
        check(&with(Weak::Float(0.5), int(5), int(1), DType::I64).unwrap(), &[5], &[0i64, 1, 2, 3, 4]);
        check(&with(int(0), int(10), Weak::Float(2.5), DType::I64).unwrap(), &[4], &[0i64, 2, 4, 6]);
        check(&with(int(0), int(2), int(1), DType::Bool).unwrap(), &[2], &[false, true].map(Bool8::from));
        let complex = with(int(0), int(3), int(1), DType::C64).unwrap();
        check(&complex, &[3], &[0.0f32, 1.0, 2.0].map(|re| Complex::new(re, 0.0)));
    }

    #[test]
    fn hostile_arguments_are_refused() {
        assert!(arange(0, 1, 0).is_err());
        assert!(arange(0.0, 1.0, 0.0).is_err());
        assert!(arange(0.0, f64::NAN, 1.0).is_err());
        assert!(arange(0.0, f64::INFINITY, 1.0).is_err());
        assert!(arange(0.0, 1e300, 1.0).is_err());
        assert!(arange(i128::MIN, i128::MAX, 1).is_err());
        assert!(
            arange(0, i128::MAX, i128::MIN).is_err() || arange(0, i128::MAX, i128::MIN).unwrap().size() == 0
        );
        assert!(arange(0, u64::MAX, 1).is_err());
        assert!(arange_with(0, 3, 1, Some(DType::Bool), 3).is_err());
        assert!(arange_with(0, 300, 260, Some(DType::U8), 3).is_err());
        assert!(arange_with(0, 300, 260, Some(DType::Bytes(3)), 3).is_err());
        assert!(arange(0, Complex::new(1.0, 1.0), 1).is_err());
    }
}
