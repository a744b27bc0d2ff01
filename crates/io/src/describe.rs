//! What is at a place, told without reading any element.

use std::collections::BTreeMap;

use brickwork_core::ChunkGrid;
use serde_json::{Map, Value};

use crate::uri::Format;

/// What is at a place: an array, or a group of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// The place as it was asked for.
    pub uri: String,
    /// How it is stored.
    pub format: Format,
    /// Elements along every axis; `None` for a group.
    pub shape: Option<Vec<usize>>,
    /// NumPy's name of the dtype, or the format's own where Brickwork cannot read it; `None` for a group.
    pub dtype: Option<String>,
    /// Elements of what is compressed together, along every axis; `None` for a group and for what is not chunked.
    pub chunks: Option<Vec<usize>>,
    /// The chunks one by one, where they have lengths of their own: `chunks` then tells the longest.
    pub uneven_chunks: Option<ChunkGrid>,
    /// Elements of a shard along every axis, where chunks lie together in one object.
    pub shards: Option<Vec<usize>>,
    /// The shards one by one, where they have lengths of their own: `shards` then tells the longest.
    pub uneven_shards: Option<ChunkGrid>,
    /// What is done to the elements when they are stored, in that order.
    pub codecs: Vec<String>,
    /// The element that stands where nothing was written: a number, a list of the two parts of a complex one, or one of
    /// the texts `NaN`, `Infinity` and `-Infinity`. `None` where the format has none.
    pub fill_value: Option<Value>,
    /// The element that stands for a missing one by the format itself, whatever the attributes say: in Zarr 2 programs
    /// take the fill value for that.
    pub missing_value: Option<Value>,
    /// Bytes of all elements; `None` for a group.
    pub nbytes: Option<usize>,
    /// Bytes the elements take where they are stored, if that can be told.
    pub stored_bytes: Option<u64>,
    /// Names and values. Arrays are (nested) lists; numbers that JSON has not are texts, as in `fill_value`.
    pub attributes: Map<String, Value>,
    /// NumPy's names of the attributes' dtypes, where the format has them; that of a text is `str`.
    pub attribute_dtypes: BTreeMap<String, String>,
    /// A name for every axis, if they have names; the name of an axis without one among others with is empty.
    pub dimension_names: Option<Vec<String>>,
    /// What a group holds: names, those of groups with a `/` at the end.
    pub children: Vec<String>,
}

impl Description {
    /// Of a place that nothing more is known of.
    #[cfg(any(feature = "npy", feature = "zarr", feature = "hdf5"))]
    pub(crate) fn new(uri: &str, format: Format) -> Self {
        Description {
            uri: uri.to_owned(),
            format,
            shape: None,
            dtype: None,
            chunks: None,
            uneven_chunks: None,
            shards: None,
            uneven_shards: None,
            codecs: Vec::new(),
            fill_value: None,
            missing_value: None,
            nbytes: None,
            stored_bytes: None,
            attributes: Map::new(),
            attribute_dtypes: BTreeMap::new(),
            dimension_names: None,
            children: Vec::new(),
        }
    }
}

/// What is at a place and, if that is a group, below it.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    /// The name in the group above; empty at the top.
    pub name: String,
    /// What it is.
    pub description: Description,
    /// Why no more is told, where that is so: a link that leads nowhere, damaged metadata, a group listed before.
    pub note: Option<String>,
    /// What the group holds, sorted by name.
    pub members: Vec<Tree>,
}

impl Tree {
    /// An array, or what is not looked into.
    #[cfg(feature = "npy")]
    pub(crate) fn leaf(description: Description) -> Self {
        Tree { name: String::new(), description, note: None, members: Vec::new() }
    }

    /// Whether this is a group.
    pub fn is_group(&self) -> bool {
        self.description.shape.is_none() && self.note.is_none() || !self.members.is_empty()
    }
}

/// A float as JSON: the shortest digits that give the same bits; a text where JSON has no number.
#[cfg(any(feature = "zarr", feature = "hdf5"))]
pub(crate) fn float_json(value: f64, is_single: bool) -> Value {
    let shortest = if is_single { (value as f32).to_string().parse().unwrap_or(value) } else { value };
    match serde_json::Number::from_f64(shortest) {
        Some(number) => Value::Number(number),
        None if value.is_nan() => "NaN".into(),
        None if value > 0.0 => "Infinity".into(),
        None => "-Infinity".into(),
    }
}

/// An element as JSON, of its bytes in this machine's order.
#[cfg(any(feature = "zarr", feature = "hdf5"))]
pub(crate) fn scalar_json(dtype: brickwork_core::DType, bytes: &[u8]) -> Value {
    use brickwork_core::DType;
    macro_rules! number {
        ($t:ty) => {
            bytes.try_into().map_or(Value::Null, |bytes| <$t>::from_ne_bytes(bytes).into())
        };
    }
    macro_rules! float {
        ($t:ty, $bytes:expr, $single:expr) => {
            $bytes
                .try_into()
                .map_or(Value::Null, |bytes| float_json(f64::from(<$t>::from_ne_bytes(bytes)), $single))
        };
    }
    let (first, second) = bytes.split_at(bytes.len() / 2);
    match dtype {
        DType::Bool => bytes.first().is_some_and(|&byte| byte != 0).into(),
        DType::I8 => number!(i8),
        DType::I16 => number!(i16),
        DType::I32 => number!(i32),
        DType::DateTime(_) | DType::TimeDelta(_) if bytes == i64::MIN.to_ne_bytes() => "NaT".into(),
        DType::I64 | DType::DateTime(_) | DType::TimeDelta(_) => number!(i64),
        DType::U8 => number!(u8),
        DType::U16 => number!(u16),
        DType::U32 => number!(u32),
        DType::U64 => number!(u64),
        DType::F32 => float!(f32, bytes, true),
        DType::F64 => float!(f64, bytes, false),
        DType::C64 => Value::Array(vec![float!(f32, first, true), float!(f32, second, true)]),
        DType::C128 => Value::Array(vec![float!(f64, first, false), float!(f64, second, false)]),
        _ => Value::Null,
    }
}

#[cfg(all(test, feature = "zarr"))]
mod tests {
    use brickwork_core::DType;
    use serde_json::json;

    use super::*;

    #[test]
    fn elements_are_json_of_the_shortest_digits() {
        for (dtype, bytes, expected) in [
            (DType::U64, u64::MAX.to_ne_bytes().to_vec(), json!(u64::MAX)),
            (DType::F32, 0.1_f32.to_ne_bytes().to_vec(), json!(0.1)),
            (DType::F64, f64::NAN.to_ne_bytes().to_vec(), json!("NaN")),
            (DType::F64, f64::NEG_INFINITY.to_ne_bytes().to_vec(), json!("-Infinity")),
            (DType::Bool, vec![1], json!(true)),
            (
                DType::C64,
                [1.5_f32.to_ne_bytes(), f32::INFINITY.to_ne_bytes()].concat(),
                json!([1.5, "Infinity"]),
            ),
        ] {
            assert_eq!(scalar_json(dtype, &bytes), expected, "{dtype}");
        }
    }
}
