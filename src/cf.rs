//! The conventions of climate and forecast data (CF) for packed and missing values.

use brickwork_core::{DType, Error, Result, Weak};
use brickwork_io::Description;
use brickwork_ops::{Array, equal, where_};
use serde_json::Value;

/// What a URI begins with whose values are to be decoded.
const PREFIX: &str = "cf:";
/// The attributes that are decoded, and mean nothing for the decoded values.
pub const CF_ATTRIBUTES: [&str; 5] =
    ["scale_factor", "add_offset", "_FillValue", "missing_value", "_Unsigned"];

/// The rest of a URI that asks for decoding, `cf:day.nc#/t2m`; `None` if it does not.
pub fn cf_uri(uri: &str) -> Option<&str> {
    uri.strip_prefix(PREFIX)
}

/// The array at a URI as its attributes mean it: [`decode_cf`].
///
/// # Errors
/// As [`crate::open`] and [`decode_cf`].
pub fn open_cf(uri: &str) -> Result<Array> {
    let array = crate::files::open_stored(uri)?;
    decode_cf(&array, &brickwork_io::describe(uri)?)
}

/// An array as the attributes of its description mean it: elements equal to `_FillValue` (in Zarr 2, the fill value) or `missing_value` become NaN,
/// then all are multiplied by `scale_factor`, and `add_offset` is added. `_Unsigned` is heeded.
///
/// The dtype is the one that xarray gives: that of `scale_factor` and `add_offset` if they agree on one, else the
/// shortest float that holds the stored values. An array without any of the attributes stays as it is.
///
/// ```no_run
/// # fn main() -> brickwork::Result<()> {
/// let description = brickwork::io::describe("day.nc#/t2m")?;
/// let kelvin = brickwork::decode_cf(&brickwork::open("day.nc#/t2m")?, &description)?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// If one of these attributes is no number, or the array holds none.
pub fn decode_cf(array: &Array, description: &Description) -> Result<Array> {
    let number = |name: &str| {
        let dtype = description.attribute_dtypes.get(name).map(String::as_str);
        Number::of(description.attributes.get(name), dtype)
            .map_err(|reason| Error::invalid_data(&description.uri, format!("attribute {name} {reason}")))
    };
    let mut array = array.clone();
    if let Some(unsigned) = description.attributes.get("_Unsigned") {
        array = as_unsigned(&array, unsigned.as_str() == Some("true"))?;
    }
    let (scale, offset) = (number("scale_factor")?, number("add_offset")?);
    let by_format = Number::of(description.missing_value.as_ref(), None).unwrap_or_default();
    let missing = [number("_FillValue")?.or(by_format), number("missing_value")?];
    let is_packed = scale.is_some() || offset.is_some();
    let has_missing = missing.iter().any(Option::is_some);
    if !is_packed && !has_missing {
        return Ok(array);
    }
    if !(array.dtype().is_integer() || array.dtype().is_float()) {
        let reason = format!("dtype {} has no packed or missing values; open it without cf:", array.dtype());
        return Err(Error::invalid_data(&description.uri, reason));
    }
    let dtype = match is_packed {
        true => packed_dtype(array.dtype(), scale, offset),
        false => unpacked_dtype(array.dtype()),
    };
    let mut mask: Option<Array> = None;
    for value in missing.into_iter().flatten() {
        // One that the dtype cannot hold stands nowhere; NaN stands for itself.
        let Some(value) = value.in_dtype(array.dtype()) else { continue };
        let here = equal(&array, value)?;
        mask = Some(match mask {
            Some(before) => before.try_bitor(here)?,
            None => here,
        });
    }
    let mut decoded = array.astype(dtype)?;
    if let Some(mask) = mask {
        decoded = where_(mask, f64::NAN, decoded)?;
    }
    if let Some(scale) = scale {
        decoded = decoded.try_mul(scale.value)?;
    }
    if let Some(offset) = offset {
        decoded = decoded.try_add(offset.value)?;
    }
    Ok(decoded)
}

/// A number among the attributes.
#[derive(Debug, Clone, Copy)]
struct Number {
    value: f64,
    /// Where it is one.
    integer: Option<i128>,
    is_single: bool,
}

impl Number {
    fn of(value: Option<&Value>, dtype: Option<&str>) -> Result<Option<Self>, String> {
        let value = match value {
            None | Some(Value::Null) => return Ok(None),
            // netCDF has lists of one where others have numbers.
            Some(Value::Array(items)) if items.len() == 1 => &items[0],
            Some(value) => value,
        };
        let is_single = dtype == Some("float32");
        let number = match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => match text.as_str() {
                "NaN" => Some(f64::NAN),
                "Infinity" => Some(f64::INFINITY),
                "-Infinity" => Some(f64::NEG_INFINITY),
                text => text.trim().parse().ok(),
            },
            _ => None,
        };
        let Some(number) = number else { return Err(format!("is {value}, and a number is needed")) };
        let integer = value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from));
        // Written with the digits of a single float, meant as that float.
        let value = if is_single { f64::from(number as f32) } else { number };
        Ok(Some(Number { value, integer, is_single }))
    }

    /// What it is among elements of a dtype; `None` if it is none of them, or NaN.
    fn in_dtype(self, dtype: DType) -> Option<Weak> {
        if dtype.is_float() {
            let value = if dtype == DType::F32 { f64::from(self.value as f32) } else { self.value };
            return (!value.is_nan()).then_some(Weak::Float(value));
        }
        let whole = self.value.trunc() == self.value && self.value.abs() < 1e30;
        let integer = self.integer.or_else(|| whole.then_some(self.value as i128))?;
        // netCDF writes the fill value of `_Unsigned` data as a signed number.
        let bits = 8 * dtype.itemsize() as u32;
        let wrapped = match dtype {
            DType::U8 | DType::U16 | DType::U32 | DType::U64 if integer < 0 => integer + (1 << bits),
            DType::I8 | DType::I16 | DType::I32 | DType::I64 if integer >= 1 << (bits - 1) => {
                integer - (1 << bits)
            }
            _ => integer,
        };
        Weak::Int(wrapped).to_scalar(dtype).map(|_| Weak::Int(wrapped))
    }
}

fn packed_dtype(stored: DType, scale: Option<Number>, offset: Option<Number>) -> DType {
    let single = |number: Option<Number>| number.is_some_and(|number| number.is_single);
    let is_wide = matches!(stored, DType::I32 | DType::U32);
    match (scale, offset) {
        (Some(_), Some(_)) if single(scale) && single(offset) && !is_wide => DType::F32,
        (Some(_), None) if single(scale) => DType::F32,
        _ => DType::F64,
    }
}

/// The shortest float that holds every value.
fn unpacked_dtype(stored: DType) -> DType {
    match stored {
        DType::F32 | DType::I8 | DType::I16 | DType::U8 | DType::U16 => DType::F32,
        _ => DType::F64,
    }
}

/// Integers with their bits read without a sign, or with one.
fn as_unsigned(array: &Array, unsigned: bool) -> Result<Array> {
    let dtype = match (array.dtype(), unsigned) {
        (DType::I8, true) => DType::U8,
        (DType::I16, true) => DType::U16,
        (DType::I32, true) => DType::U32,
        (DType::I64, true) => DType::U64,
        (DType::U8, false) => DType::I8,
        (DType::U16, false) => DType::I16,
        (DType::U32, false) => DType::I32,
        (DType::U64, false) => DType::I64,
        _ => return Ok(array.clone()),
    };
    // A cast of integers keeps their bits.
    array.astype(dtype)
}
