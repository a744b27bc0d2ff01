//! Fill values, and how they are written down in JSON and in attributes.

#[cfg(any(feature = "zarr", feature = "hdf5-write"))]
use base64::prelude::{BASE64_STANDARD, Engine};
#[cfg(any(feature = "zarr", feature = "hdf5-write"))]
use brickwork_core::DType;
use brickwork_core::Weak;
use serde_json::Value;
#[cfg(any(feature = "zarr", feature = "hdf5-write"))]
use serde_json::{Map, json};

#[cfg(any(feature = "zarr", feature = "hdf5-write"))]
/// The attribute by which netCDF and xarray know what stands for a missing element.
const FILL_ATTRIBUTE: &str = "_FillValue";

#[cfg(any(feature = "zarr", feature = "hdf5-write"))]
/// A number as Zarr writes fill values: JSON has no NaN.
pub(crate) fn weak_to_json(value: &Weak) -> Value {
    let float = |value: f64| match value {
        nan if nan.is_nan() => json!("NaN"),
        f64::INFINITY => json!("Infinity"),
        f64::NEG_INFINITY => json!("-Infinity"),
        finite => json!(finite),
    };
    match *value {
        Weak::Bool(value) => json!(value),
        Weak::Int(value) => match (i64::try_from(value), u64::try_from(value)) {
            (Ok(value), _) => json!(value),
            (_, Ok(value)) => json!(value),
            _ => json!(value as f64),
        },
        Weak::Float(value) => float(value),
        Weak::Complex(value) => json!([float(value.re), float(value.im)]),
    }
}

/// The number that a JSON value means as a fill value; `None` if it means none.
pub(crate) fn weak_from_json(value: &Value) -> Option<Weak> {
    let float = |value: &Value| match value.as_str() {
        Some("NaN") => Some(f64::NAN),
        Some("Infinity") => Some(f64::INFINITY),
        Some("-Infinity") => Some(f64::NEG_INFINITY),
        _ => value.as_f64(),
    };
    match value {
        Value::Bool(value) => Some(Weak::Bool(*value)),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(value), _) => Some(Weak::Int(value.into())),
            (_, Some(value)) => Some(Weak::Int(value.into())),
            _ => number.as_f64().map(Weak::Float),
        },
        Value::Array(parts) => match parts.as_slice() {
            [re, im] => Some(Weak::Complex(brickwork_core::Complex::new(float(re)?, float(im)?))),
            _ => None,
        },
        text => float(text).map(Weak::Float),
    }
}

/// Attributes as xarray expects them in Zarr 3: there `_FillValue` of a float is the base64 of its eight bytes.
#[cfg(feature = "zarr")]
pub(crate) fn attributes_for_zarr(mut attributes: Map<String, Value>, dtype: DType) -> Map<String, Value> {
    if dtype.is_float()
        && let Some(value) = attributes.get_mut(FILL_ATTRIBUTE)
        && let Some(number @ (Weak::Float(_) | Weak::Int(_))) = weak_from_json(value)
    {
        *value = json!(BASE64_STANDARD.encode(number.to_complex().re.to_le_bytes()));
    }
    attributes
}

/// Attributes as netCDF expects them: `_FillValue` is a number.
#[cfg(any(feature = "zarr", feature = "hdf5-write"))]
pub(crate) fn attributes_for_netcdf(mut attributes: Map<String, Value>, dtype: DType) -> Map<String, Value> {
    if dtype.is_float()
        && let Some(value) = attributes.get_mut(FILL_ATTRIBUTE)
        && let Some(bytes) = value.as_str().and_then(|text| BASE64_STANDARD.decode(text).ok())
        && let Ok(bytes) = bytes.try_into()
    {
        *value = weak_to_json(&Weak::Float(f64::from_le_bytes(bytes)));
    }
    attributes
}

#[cfg(all(test, feature = "zarr", feature = "hdf5-write"))]
mod tests {
    use super::*;

    #[test]
    fn numbers_survive_json() {
        for value in [Weak::Bool(true), Weak::Int(-3), Weak::Int(u64::MAX.into()), Weak::Float(0.5)] {
            assert_eq!(weak_from_json(&weak_to_json(&value)), Some(value));
        }
        assert!(matches!(weak_from_json(&json!("NaN")), Some(Weak::Float(value)) if value.is_nan()));
        assert_eq!(weak_from_json(&json!("x")), None);
        assert_eq!(weak_from_json(&json!([1.0, "Infinity"])).unwrap().to_complex().im, f64::INFINITY);
    }

    #[test]
    fn the_fill_attribute_is_coded_as_xarray_does() {
        let attributes =
            Map::from_iter([("_FillValue".to_owned(), json!(-9999.0)), ("a".to_owned(), json!(1))]);
        let coded = attributes_for_zarr(attributes.clone(), DType::F32);
        // base64.standard_b64encode(struct.pack("<d", -9999.0))
        assert_eq!(coded["_FillValue"], "AAAAAICHw8A=");
        assert_eq!(attributes_for_netcdf(coded, DType::F32), attributes);
        assert_eq!(attributes_for_zarr(attributes.clone(), DType::I32), attributes);
    }
}
