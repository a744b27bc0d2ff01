//! The numbers of a block, and what a picture must know of them before it is drawn.

use brickwork_core::{Block, Bool8, DType, Element};

use crate::error::{DrawError, Result};

/// The elements of a block in C order, as the numbers that are drawn.
///
/// # Errors
/// If they are no real numbers.
pub(crate) fn numbers(block: &Block) -> Result<Vec<f64>> {
    fn cast<T: Element>(block: &Block, number: impl Fn(T) -> f64) -> Vec<f64> {
        block.to_vec::<T>().into_iter().map(number).collect()
    }
    Ok(match block.dtype() {
        DType::Bool => cast::<Bool8>(block, |truth| f64::from(u8::from(truth.get()))),
        DType::I8 => cast::<i8>(block, f64::from),
        DType::I16 => cast::<i16>(block, f64::from),
        DType::I32 => cast::<i32>(block, f64::from),
        DType::I64 => cast::<i64>(block, |number| number as f64),
        DType::U8 => cast::<u8>(block, f64::from),
        DType::U16 => cast::<u16>(block, f64::from),
        DType::U32 => cast::<u32>(block, f64::from),
        DType::U64 => cast::<u64>(block, |number| number as f64),
        DType::F32 => cast::<f32>(block, f64::from),
        DType::F64 => block.to_vec(),
        dtype if dtype.is_complex() => {
            let help = "plot abs(x), x.real or x.imag".into();
            return Err(DrawError::NotDrawable { what: format!("dtype {dtype}"), help });
        }
        dtype => {
            let help = "only numbers and truth values are drawn".into();
            return Err(DrawError::NotDrawable { what: format!("dtype {dtype}"), help });
        }
    })
}

/// What there is among some numbers.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Summary {
    /// The smallest and the largest finite number; none if there is no finite one.
    pub range: Option<(f64, f64)>,
    /// How many are NaN.
    pub nan: usize,
    /// How many are infinite.
    pub infinite: usize,
}

impl Summary {
    /// Of these numbers.
    pub fn of<'a>(numbers: impl IntoIterator<Item = &'a f64>) -> Summary {
        let mut summary = Summary::default();
        for &number in numbers {
            if number.is_nan() {
                summary.nan += 1;
            } else if number.is_infinite() {
                summary.infinite += 1;
            } else {
                let (low, high) = summary.range.unwrap_or((number, number));
                summary.range = Some((low.min(number), high.max(number)));
            }
        }
        summary
    }
}

/// The ends of a colour bar or an axis: those asked for, else those of the numbers; never the same twice.
///
/// With `is_centred`, ends that were not asked for lie symmetrically about zero if there are numbers on both sides.
///
/// # Errors
/// If those asked for are no finite numbers, or not in order.
pub(crate) fn limits(
    range: Option<(f64, f64)>,
    asked: (Option<f64>, Option<f64>),
    is_centred: bool,
) -> Result<(f64, f64)> {
    if let Some(end) = [asked.0, asked.1].into_iter().flatten().find(|end| !end.is_finite()) {
        let help = "give finite numbers, the smaller one first".into();
        return Err(DrawError::NotDrawable { what: format!("a range that ends at {end}"), help });
    }
    let (mut low, mut high) = range.unwrap_or((0.0, 1.0));
    if is_centred && low < 0.0 && high > 0.0 && asked == (None, None) {
        high = high.max(-low);
        low = -high;
    }
    match asked {
        (Some(low), Some(high)) if low < high => return Ok((low, high)),
        (Some(low), Some(high)) => {
            let help = "the smaller one comes first, and they must differ".into();
            return Err(DrawError::NotDrawable { what: format!("a range from {low} to {high}"), help });
        }
        // An end beyond all numbers leaves none between the ends: then the range is as wide as a unit.
        (Some(asked), None) => {
            low = asked;
            high = if high > low { high } else { low + unit(low) };
        }
        (None, Some(asked)) => {
            high = asked;
            low = if low < high { low } else { high - unit(high) };
        }
        (None, None) if low == high => {
            let margin = unit(low) / 2.0;
            (low, high) = (low - margin, high + margin);
        }
        (None, None) => {}
    }
    Ok((low.max(f64::MIN), high.min(f64::MAX)))
}

/// A width that can be told beside a number.
fn unit(number: f64) -> f64 {
    match number.abs() {
        0.0 => 1.0,
        size => (size * 0.2).max(f64::MIN_POSITIVE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use brickwork_core::Complex;

    #[test]
    fn numbers_of_every_real_dtype_are_read() {
        assert_eq!(
            numbers(&Block::from_vec(vec![Bool8::from(true), Bool8::from(false)], &[2])).unwrap(),
            [1.0, 0.0]
        );
        assert_eq!(numbers(&Block::from_vec(vec![-3i16], &[1])).unwrap(), [-3.0]);
        assert_eq!(numbers(&Block::from_vec(vec![u64::MAX], &[1])).unwrap(), [u64::MAX as f64]);
        let error = numbers(&Block::from_vec(vec![Complex::new(1f32, 0.0)], &[1])).unwrap_err().to_string();
        assert_eq!(error, "dtype complex64 cannot be drawn; plot abs(x), x.real or x.imag");
    }

    #[test]
    fn a_summary_keeps_what_is_not_finite_apart() {
        let summary = Summary::of(&[1.0, f64::NAN, -2.0, f64::INFINITY, f64::NAN]);
        assert_eq!(summary, Summary { range: Some((-2.0, 1.0)), nan: 2, infinite: 1 });
        assert_eq!(Summary::of(&[f64::NAN]).range, None);
    }

    #[test]
    fn limits_follow_the_numbers_and_the_caller() {
        let check = |range, asked, centred, expected| {
            assert_eq!(limits(range, asked, centred).unwrap(), expected);
        };
        check(Some((-1.0, 3.0)), (None, None), false, (-1.0, 3.0));
        check(Some((-1.0, 3.0)), (None, None), true, (-3.0, 3.0));
        check(Some((1.0, 3.0)), (None, None), true, (1.0, 3.0));
        check(Some((-1.0, 3.0)), (Some(-2.0), None), true, (-2.0, 3.0));
        check(Some((-1.0, 3.0)), (Some(5.0), None), false, (5.0, 6.0));
        check(Some((0.0, 0.0)), (None, None), false, (-0.5, 0.5));
        check(Some((10.0, 10.0)), (None, None), false, (9.0, 11.0));
        check(None, (None, None), true, (0.0, 1.0));
        check(Some((f64::MAX, f64::MAX)), (None, None), false, (f64::MAX - f64::MAX * 0.1, f64::MAX));
    }

    #[test]
    fn senseless_limits_are_refused() {
        let error = limits(None, (Some(2.0), Some(1.0)), false).unwrap_err().to_string();
        assert!(error.contains("from 2 to 1") && error.contains("the smaller one comes first"), "{error}");
        assert!(limits(None, (Some(f64::NAN), None), false).is_err());
    }
}
