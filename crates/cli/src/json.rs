//! Results as JSON: shape, dtype and nested lists of values. What JSON has no number for is a string.

use brickwork_core::{Block, Bool8, Complex, DType, Weak};
use serde_json::{Map, Value as Json, json};

use crate::interpreter::Value;

/// A computed array: `{"shape": …, "dtype": …, "values": …}`.
pub fn block(block: &Block) -> String {
    let mut values = elements(block).into_iter();
    let values = nested(block.shape(), &mut values);
    // Written out, so that the names stand in this order whatever map serde_json was built with.
    let (shape, dtype) = (json!(block.shape()), json!(block.dtype().name()));
    format!(r#"{{"shape":{shape},"dtype":{dtype},"values":{values}}}"#)
}

/// A plain value.
pub fn value(value: &Value) -> String {
    plain(value).to_string()
}

fn plain(value: &Value) -> Json {
    match value {
        Value::Scalar(Weak::Bool(value)) => json!(value),
        Value::Scalar(Weak::Int(value)) => match (i64::try_from(*value), u64::try_from(*value)) {
            (Ok(value), _) => json!(value),
            (_, Ok(value)) => json!(value),
            _ => json!(value.to_string()),
        },
        Value::Scalar(Weak::Float(value)) => float(*value),
        Value::Text(text) => json!(**text),
        Value::None => Json::Null,
        Value::List(items) | Value::Tuple(items) => items.iter().map(plain).collect(),
        Value::Dict(entries) => {
            let key = |key: &Value| match key {
                Value::Text(text) => text.to_string(),
                other => other.to_string(),
            };
            entries.chunks(2).map(|entry| (key(&entry[0]), plain(&entry[1]))).collect::<Map<_, _>>().into()
        }
        other => json!(other.to_string()),
    }
}

fn nested(shape: &[usize], values: &mut impl Iterator<Item = Json>) -> Json {
    match shape {
        [] => values.next().unwrap_or(Json::Null),
        [length, rest @ ..] => (0..*length).map(|_| nested(rest, values)).collect(),
    }
}

/// `NaN`, `Infinity` and `-Infinity` are strings.
fn float(value: f64) -> Json {
    serde_json::Number::from_f64(value).map_or_else(|| special(value).into(), Json::Number)
}

fn special(value: f64) -> &'static str {
    if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}

/// The shortest digits that give the same 32 bits.
fn single(value: f32) -> Json {
    match value.to_string().parse() {
        Ok(shortest) if value.is_finite() => float(shortest),
        _ => special(value.into()).into(),
    }
}

/// A complex number as a list of its two parts.
fn elements(block: &Block) -> Vec<Json> {
    macro_rules! all {
        ($t:ty) => {
            block.to_vec::<$t>().into_iter().map(Json::from).collect()
        };
    }
    match block.dtype() {
        DType::Bool => block.to_vec::<Bool8>().into_iter().map(|value| value.get().into()).collect(),
        DType::I8 => all!(i8),
        DType::I16 => all!(i16),
        DType::I32 => all!(i32),
        DType::I64 => all!(i64),
        DType::U8 => all!(u8),
        DType::U16 => all!(u16),
        DType::U32 => all!(u32),
        DType::U64 => all!(u64),
        DType::F32 => block.to_vec::<f32>().into_iter().map(single).collect(),
        DType::F64 => block.to_vec::<f64>().into_iter().map(float).collect(),
        DType::C64 => block
            .to_vec::<Complex<f32>>()
            .into_iter()
            .map(|value| json!([single(value.re), single(value.im)]))
            .collect(),
        DType::C128 => block
            .to_vec::<Complex<f64>>()
            .into_iter()
            .map(|value| json!([float(value.re), float(value.im)]))
            .collect(),
        // Refused before anything is computed.
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_nest_and_special_numbers_are_strings() {
        let floats = Block::from_vec(vec![0.1f32, f32::NAN, f32::INFINITY, -2.0], &[2, 2]);
        let expected = r#"{"shape":[2,2],"dtype":"float32","values":[[0.1,"NaN"],["Infinity",-2.0]]}"#;
        assert_eq!(block(&floats), expected);
        assert_eq!(block(&Block::from_vec(vec![7i64], &[])), r#"{"shape":[],"dtype":"int64","values":7}"#);
        let empty = Block::from_vec(Vec::<i64>::new(), &[2, 0]);
        assert_eq!(block(&empty), r#"{"shape":[2,0],"dtype":"int64","values":[[],[]]}"#);
    }

    #[test]
    fn plain_values_are_plain() {
        assert_eq!(value(&Value::int_tuple(&[3, 4]).unwrap()), "[3,4]");
        assert_eq!(value(&Value::None), "null");
        assert_eq!(value(&Value::Scalar(Weak::Float(f64::NEG_INFINITY))), "\"-Infinity\"");
    }
}
