//! Differences: every element but the first less the one before it, as the filter `delta` of numcodecs writes them.

use brickwork_core::DType;
use serde_json::{Map, Value};

/// The filter of an array of one dtype, whose differences have the same.
#[derive(Debug)]
pub(in crate::zarr) struct Delta(DType);

macro_rules! with_numbers {
    ($dtype:expr, $elements:expr, $integer:ident => $of_integers:expr, $float:ident => $of_floats:expr) => {{
        macro_rules! run {
            ($number:ty, $name:ident => $run:expr) => {{
                let mut numbers: Vec<$number> = bytemuck::pod_collect_to_vec($elements);
                let $name = &mut numbers;
                $run;
                Ok(bytemuck::cast_slice(&numbers).to_vec())
            }};
        }
        match $dtype {
            DType::I8 => run!(i8, $integer => $of_integers),
            DType::I16 => run!(i16, $integer => $of_integers),
            DType::I32 => run!(i32, $integer => $of_integers),
            DType::I64 => run!(i64, $integer => $of_integers),
            DType::U8 => run!(u8, $integer => $of_integers),
            DType::U16 => run!(u16, $integer => $of_integers),
            DType::U32 => run!(u32, $integer => $of_integers),
            DType::U64 => run!(u64, $integer => $of_integers),
            DType::F32 => run!(f32, $float => $of_floats),
            DType::F64 => run!(f64, $float => $of_floats),
            other => Err(format!("delta has no numbers of dtype {other}")),
        }
    }};
}

impl Delta {
    /// By its configuration.
    pub fn make(configuration: &Map<String, Value>) -> Result<Self, String> {
        let named = |key: &str| configuration.get(key).filter(|value| !value.is_null());
        let (dtype, stored) = (named("dtype"), named("astype").or_else(|| named("dtype")));
        let text = dtype.and_then(Value::as_str).unwrap_or_default();
        if dtype != stored {
            return Err(
                "delta with differences of another dtype is not read; those of the array's own can".into()
            );
        }
        match dtype_of(text) {
            Some(dtype) => Ok(Delta(dtype)),
            None => {
                Err(format!("delta of dtype {text:?} is not read; little-endian integers and floats can"))
            }
        }
    }

    /// Fails if the array has another dtype than the filter.
    pub fn check(&self, dtype: DType) -> Result<(), String> {
        match self.0 == dtype {
            true => Ok(()),
            false => Err(format!("delta of dtype {} in an array of dtype {dtype} is not read", self.0)),
        }
    }

    pub fn encode(&self, elements: &[u8]) -> Result<Vec<u8>, String> {
        with_numbers!(self.0, elements,
            numbers => (1..numbers.len()).rev().for_each(|k| numbers[k] = numbers[k].wrapping_sub(numbers[k - 1])),
            numbers => (1..numbers.len()).rev().for_each(|k| numbers[k] -= numbers[k - 1]))
    }

    pub fn decode(&self, elements: &[u8]) -> Result<Vec<u8>, String> {
        with_numbers!(self.0, elements,
            numbers => (1..numbers.len()).for_each(|k| numbers[k] = numbers[k].wrapping_add(numbers[k - 1])),
            numbers => (1..numbers.len()).for_each(|k| numbers[k] += numbers[k - 1]))
    }
}

/// A dtype by NumPy's name for its bytes, if these are in this machine's order.
fn dtype_of(text: &str) -> Option<DType> {
    Some(match text.trim_start_matches(['<', '|']) {
        "i1" => DType::I8,
        "i2" => DType::I16,
        "i4" => DType::I32,
        "i8" => DType::I64,
        "u1" => DType::U8,
        "u2" => DType::U16,
        "u4" => DType::U32,
        "u8" => DType::U64,
        "f4" => DType::F32,
        "f8" => DType::F64,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn delta(configuration: Value) -> Result<Delta, String> {
        Delta::make(configuration.as_object().unwrap())
    }

    #[test]
    fn sums_of_differences_are_the_elements() {
        let bytes = delta(json!({"dtype": "|u1"})).unwrap();
        assert_eq!(bytes.encode(&[5, 3, 250, 0]).unwrap(), [5, 254, 247, 6]);
        assert_eq!(bytes.decode(&[5, 254, 247, 6]).unwrap(), [5, 3, 250, 0]);
        let floats = delta(json!({"dtype": "<f4", "astype": "<f4"})).unwrap();
        let elements: &[u8] = bytemuck::cast_slice(&[1.5_f32, -2.0, 8.25]);
        assert_eq!(floats.decode(&floats.encode(elements).unwrap()).unwrap(), elements);
        assert!(bytes.decode(&[]).unwrap().is_empty());
    }

    #[test]
    fn what_is_not_read_is_named() {
        assert!(delta(json!({"dtype": "<i4", "astype": "<i8"})).unwrap_err().contains("another dtype"));
        assert!(delta(json!({"dtype": ">i4"})).unwrap_err().contains("\">i4\""));
        assert!(delta(json!({})).unwrap_err().contains("\"\""));
        let error = delta(json!({"dtype": "<i4"})).unwrap().check(DType::F32).unwrap_err();
        assert!(error.contains("dtype int32 in an array of dtype float32"), "{error}");
    }
}
