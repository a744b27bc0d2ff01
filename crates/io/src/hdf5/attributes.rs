//! Attributes of datasets and groups, from JSON.

use std::collections::BTreeMap;

use brickwork_core::{DType, Weak};
use hdf5::Location;
use hdf5::types::VarLenUnicode;
use serde_json::{Map, Value};

use crate::fill::weak_from_json;

/// Attributes that belong to how a file ties datasets together. They are written from other knowledge, or not at all.
const OF_THE_FORMAT: [&str; 10] = [
    "CLASS",
    "NAME",
    "DIMENSION_LIST",
    "REFERENCE_LIST",
    "DIMENSION_LABELS",
    "_Netcdf4Dimid",
    "_Netcdf4Coordinates",
    "_NCProperties",
    "_nc3_strict",
    "_NCCOPY",
];

/// By netCDF's conventions these are of the dtype of the elements.
const OF_THE_ELEMENTS: [&str; 5] = ["_FillValue", "missing_value", "valid_min", "valid_max", "valid_range"];

/// Writes attributes: numbers and truth values keep their kind, lists of numbers or texts become arrays, texts are
/// texts, and so is the JSON of everything else.
pub(super) fn write_attributes(
    location: &Location,
    attributes: &Map<String, Value>,
    dtypes: &BTreeMap<String, String>,
    dtype: Option<DType>,
) -> Result<(), (String, hdf5::Error)> {
    for (name, value) in attributes {
        if OF_THE_FORMAT.contains(&name.as_str()) {
            continue;
        }
        let own = dtype.filter(|_| OF_THE_ELEMENTS.contains(&name.as_str()));
        let own = own.or_else(|| dtypes.get(name).and_then(|dtype| DType::parse(dtype)));
        let written = match own {
            Some(dtype) => write_as(location, name, value, dtype)
                .unwrap_or_else(|| write_attribute(location, name, value)),
            None => write_attribute(location, name, value),
        };
        written.map_err(|error| (name.clone(), error))?;
    }
    Ok(())
}

/// Writes numbers in a dtype; `None` if they are none, or do not fit it.
fn write_as(location: &Location, name: &str, value: &Value, dtype: DType) -> Option<hdf5::Result<()>> {
    let (is_list, values) = match value {
        Value::Array(items) => (true, items.iter().map(weak_from_json).collect::<Option<Vec<Weak>>>()?),
        single => (false, vec![weak_from_json(single)?]),
    };
    macro_rules! write {
        ($t:ty) => {{
            let numbers: Option<Vec<$t>> = values
                .iter()
                .map(|value| value.to_scalar(dtype).and_then(|scalar| scalar.get::<$t>()))
                .collect();
            let numbers = numbers?;
            Some(match is_list {
                true => location
                    .new_attr::<$t>()
                    .shape(numbers.len())
                    .create(name)
                    .and_then(|attribute| attribute.write_raw(&numbers)),
                false => location
                    .new_attr::<$t>()
                    .create(name)
                    .and_then(|attribute| attribute.write_scalar(&numbers[0])),
            })
        }};
    }
    match dtype {
        DType::I8 => write!(i8),
        DType::I16 => write!(i16),
        DType::I32 => write!(i32),
        DType::I64 => write!(i64),
        DType::U8 => write!(u8),
        DType::U16 => write!(u16),
        DType::U32 => write!(u32),
        DType::U64 => write!(u64),
        DType::F32 => write!(f32),
        DType::F64 => write!(f64),
        _ => None,
    }
}

fn write_attribute(location: &Location, name: &str, value: &Value) -> hdf5::Result<()> {
    match value {
        Value::Bool(value) => location.new_attr::<bool>().create(name)?.write_scalar(value),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(value), ..) => location.new_attr::<i64>().create(name)?.write_scalar(&value),
            (_, Some(value), _) => location.new_attr::<u64>().create(name)?.write_scalar(&value),
            (.., value) => location.new_attr::<f64>().create(name)?.write_scalar(&value.unwrap_or(f64::NAN)),
        },
        Value::Array(items) if !items.is_empty() => match list(location, name, items) {
            Some(written) => written,
            None => write_text(location, name, &value.to_string()),
        },
        Value::String(text) => write_text(location, name, text),
        other => write_text(location, name, &other.to_string()),
    }
}

/// A list of numbers or of texts as an array; `None` if it is neither.
fn list(location: &Location, name: &str, items: &[Value]) -> Option<hdf5::Result<()>> {
    let shape = items.len();
    if items.iter().all(|item| item.is_i64()) {
        let numbers: Vec<i64> = items.iter().filter_map(Value::as_i64).collect();
        let attribute = location.new_attr::<i64>().shape(shape).create(name);
        return Some(attribute.and_then(|attribute| attribute.write_raw(&numbers)));
    }
    if items.iter().all(Value::is_number) {
        let numbers: Vec<f64> = items.iter().filter_map(Value::as_f64).collect();
        let attribute = location.new_attr::<f64>().shape(shape).create(name);
        return Some(attribute.and_then(|attribute| attribute.write_raw(&numbers)));
    }
    if items.iter().all(Value::is_boolean) {
        let values: Vec<bool> = items.iter().filter_map(Value::as_bool).collect();
        let attribute = location.new_attr::<bool>().shape(shape).create(name);
        return Some(attribute.and_then(|attribute| attribute.write_raw(&values)));
    }
    let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
    let texts: hdf5::Result<Vec<VarLenUnicode>> = texts?.into_iter().map(unicode).collect();
    Some(
        texts.and_then(|texts| {
            location.new_attr::<VarLenUnicode>().shape(shape).create(name)?.write_raw(&texts)
        }),
    )
}

fn write_text(location: &Location, name: &str, text: &str) -> hdf5::Result<()> {
    location.new_attr::<VarLenUnicode>().create(name)?.write_scalar(&unicode(text)?)
}

/// A text as the library takes it, which ends at a zero.
pub(super) fn unicode(text: &str) -> hdf5::Result<VarLenUnicode> {
    text.replace('\0', "").parse().map_err(|error| format!("{error}").into())
}
