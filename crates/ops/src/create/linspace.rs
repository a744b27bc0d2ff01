//! Evenly spaced values by their number.

use crate::create::fill_rows;
use crate::prelude::*;

/// `num` evenly spaced values from `start` to `stop`, which is the last of them, as `numpy.linspace`.
///
/// - shape: (num,); dtype: `float64`; reads nothing: a part costs its size
///
/// ```
/// use brickwork_ops::create::linspace;
/// assert_eq!(linspace(0.0, 1.0, 5)?.shape(), [5]);
/// # Ok::<(), brickwork_core::Error>(())
/// ```
pub fn linspace(start: f64, stop: f64, num: usize) -> Result<Array> {
    linspace_with(start, stop, num, true, None, ChunkSpec::auto())
}

/// [`linspace`] with or without the endpoint, with dtype and chunks of the user's choice. Values are computed in
/// `float64`; integer dtypes take the floor.
///
/// # Errors
/// For a dtype that is not a real number, or chunks that do not fit.
pub fn linspace_with(
    start: f64,
    stop: f64,
    num: usize,
    endpoint: bool,
    dtype: Option<DType>,
    chunks: impl Into<ChunkSpec>,
) -> Result<Array> {
    let dtype = dtype.unwrap_or(DType::F64);
    if !dtype.is_integer() && !dtype.is_float() {
        let help = "use an integer or floating-point dtype, then astype".into();
        return Err(Error::DTypeUnsupported { op: "linspace".into(), dtype, help });
    }
    crate::view::checked_size("linspace", &[num])?;
    let chunks = chunks.into().resolve(&[num], dtype)?;
    Array::apply(Linspace { start, stop, endpoint, dtype, chunks }, &[])
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Linspace {
    start: f64,
    stop: f64,
    endpoint: bool,
    dtype: DType,
    chunks: ChunkGrid,
}

impl Linspace {
    /// Element `i` of `len`, by NumPy's steps, so that every bit agrees.
    fn value(&self, i: usize, len: usize) -> f64 {
        if self.endpoint && len > 1 && i == len - 1 {
            return self.stop;
        }
        let parts = (len - usize::from(self.endpoint)) as f64;
        let delta = self.stop - self.start;
        let step = delta / parts;
        let way = if parts == 0.0 {
            i as f64 * delta
        } else if step == 0.0 {
            // The step underflows; the whole way may not.
            i as f64 / parts * delta
        } else {
            i as f64 * step
        };
        way + self.start
    }
}

#[typetag::serde(name = "brickwork_ops::Linspace")]
impl Operation for Linspace {
    fn name(&self) -> String {
        format!("linspace {}..{}", self.start, self.stop)
    }

    fn infer(&self, _inputs: &[Meta]) -> Result<Vec<Meta>> {
        Ok(vec![Meta::new(&self.chunks.shape(), self.dtype, self.chunks.clone())])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Generator(self)
    }
}

impl Generator for Linspace {
    fn fill(&self, meta: &Meta, region: &Region, out: ViewMut<'_>) -> Result<()> {
        let (range, len) = (region.axes()[0], meta.shape[0]);
        macro_rules! fill {
            ($t:ty, $cast:expr) => {
                fill_rows::<$t>(region, out, |_, row| {
                    for (k, out) in row.iter_mut().enumerate() {
                        *out = $cast(self.value(range.get(k), len));
                    }
                })
            };
        }
        // Narrow integers wrap, as a cast of NumPy's does.
        match self.dtype {
            DType::F64 => fill!(f64, |value: f64| value),
            DType::F32 => fill!(f32, |value: f64| value as f32),
            DType::I64 => fill!(i64, |value: f64| value.floor() as i64),
            DType::U64 => fill!(u64, |value: f64| value.floor() as i128 as u64),
            DType::I32 => fill!(i32, |value: f64| value.floor() as i64 as i32),
            DType::U32 => fill!(u32, |value: f64| value.floor() as i64 as u32),
            DType::I16 => fill!(i16, |value: f64| value.floor() as i64 as i16),
            DType::U16 => fill!(u16, |value: f64| value.floor() as i64 as u16),
            DType::I8 => fill!(i8, |value: f64| value.floor() as i64 as i8),
            DType::U8 => fill!(u8, |value: f64| value.floor() as i64 as u8),
            dtype => return Err(Error::Bug { what: format!("linspace of dtype {dtype}") }),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::checks::{check, values};

    #[test]
    fn values_agree_with_numpy() {
        check(&linspace(2.0, 3.0, 5).unwrap(), &[5], &[2.0, 2.25, 2.5, 2.75, 3.0]);
        check(&linspace_with(2.0, 3.0, 5, false, None, 2).unwrap(), &[5], &[2.0, 2.2, 2.4, 2.6, 2.8]);
        check(&linspace(2.0, 3.0, 1).unwrap(), &[1], &[2.0]);
        check::<f64>(&linspace(2.0, 3.0, 0).unwrap(), &[0], &[]);
        let ints = linspace_with(0.0, -5.0, 4, true, Some(DType::I64), 3).unwrap();
        check(&ints, &[4], &[0i64, -2, -4, -5]);
        let bytes = linspace_with(0.0, 300.0, 4, true, Some(DType::U8), 3).unwrap();
        check(&bytes, &[4], &[0u8, 100, 200, 44]);
        assert!(linspace_with(0.0, 1.0, 3, true, Some(DType::Bool), 3).is_err());
        assert!(linspace(0.0, 1.0, usize::MAX).is_err());
    }

    #[test]
    fn the_last_element_is_exactly_the_stop() {
        for num in 2..200 {
            assert_eq!(*values::<f64>(&linspace(0.0, 0.1, num).unwrap()).last().unwrap(), 0.1);
        }
        let tiny: Vec<f64> = values(&linspace(0.0, 5e-324, 10).unwrap());
        assert_eq!(tiny.iter().filter(|value| **value == 0.0).count(), 5);
    }
}
