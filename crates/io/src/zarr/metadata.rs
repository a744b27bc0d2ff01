//! The JSON of arrays: what of it concerns us is read and written here.

use brickwork_core::DType;
use serde_json::Value;

use super::grid::StoredGrid;
use crate::bytes::{ByteFix, checked_nbytes};
use crate::error::Problem;

/// Longer metadata files are not read.
pub(super) const MAX_METADATA: u64 = 64 << 20;
pub(super) const WHAT: &str = "Zarr metadata";

/// Shape and chunks of an array, and how its chunks become elements where no codec is needed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Layout {
    pub shape: Vec<usize>,
    pub grid: StoredGrid,
    /// Elements of a stored chunk along every axis; of the longest, where they differ.
    pub chunk: Vec<usize>,
    /// Elements of the chunks inside a chunk along every axis, where these are shards.
    pub inner_chunk: Option<Vec<usize>>,
    /// What makes elements of a chunk's bytes if these are the elements themselves; `None` if codecs do.
    pub raw_big_endian: Option<bool>,
    /// Names of the codecs with what matters of their settings, in the order in which they are applied; for shards those
    /// of the chunks inside, and then those of the shard.
    pub codecs: Vec<String>,
}

impl Layout {
    /// Reads shape, chunks and codecs of an array's metadata.
    pub fn parse(metadata: &Value, version: u8) -> Result<Self, Problem> {
        if version == 2 { Layout::parse_v2(metadata) } else { Layout::parse_v3(metadata) }
    }

    fn parse_v3(metadata: &Value) -> Result<Self, Problem> {
        let shape = lengths(&metadata["shape"], "shape")?;
        let grid = StoredGrid::parse(&metadata["chunk_grid"], &shape)?;
        if metadata["storage_transformers"].as_array().is_some_and(|list| !list.is_empty()) {
            return Err(Problem::unreadable("a storage transformer", "arrays without one can"));
        }
        let list = metadata["codecs"].as_array().map(Vec::as_slice).unwrap_or_default();
        let raw_big_endian = match list {
            [codec] if name_of(codec) == Some("bytes") => {
                Some(codec["configuration"]["endian"].as_str() == Some("big"))
            }
            _ => None,
        };
        let sharding = list.iter().find(|codec| name_of(codec) == Some("sharding_indexed"));
        let Some(configuration) = sharding.map(|codec| &codec["configuration"]) else {
            let codecs = list.iter().map(codec_text).collect();
            return Ok(Layout::new(shape, grid, raw_big_endian, codecs));
        };
        let inner_chunk = lengths(&configuration["chunk_shape"], "chunk shape in a shard")?;
        if !grid.is_regular() && !grid.is_divided_by(&inner_chunk) {
            let reason =
                format!("shards of lengths that are no multiples of those of their chunks, {inner_chunk:?}");
            return Err(Problem::corrupt(WHAT, reason));
        }
        let inner = configuration["codecs"].as_array().map(Vec::as_slice).unwrap_or_default();
        let outer = list.iter().filter(|codec| name_of(codec) != Some("sharding_indexed"));
        let codecs =
            inner.iter().map(codec_text).chain(outer.map(|codec| format!("shard: {}", codec_text(codec))));
        let layout = Layout::new(shape, grid, None, codecs.collect());
        Ok(Layout { inner_chunk: Some(inner_chunk), ..layout })
    }

    fn parse_v2(metadata: &Value) -> Result<Self, Problem> {
        let filters = metadata["filters"].as_array().map(Vec::as_slice).unwrap_or_default();
        let compressor = &metadata["compressor"];
        let is_c = metadata["order"].as_str() == Some("C");
        let descr = metadata["dtype"].as_str().unwrap_or_default();
        let raw = compressor.is_null() && filters.is_empty() && is_c;
        let mut codecs = Vec::new();
        codecs.extend(descr.starts_with('>').then(|| "big-endian".to_owned()));
        codecs.extend((!is_c).then(|| "Fortran order".to_owned()));
        codecs.extend(filters.iter().chain((!compressor.is_null()).then_some(compressor)).map(numcodec_text));
        let shape = lengths(&metadata["shape"], "shape")?;
        let grid = StoredGrid::checked(&shape, &lengths(&metadata["chunks"], "chunk shape")?)?;
        Ok(Layout::new(shape, grid, raw.then(|| descr.starts_with('>')), codecs))
    }

    fn new(shape: Vec<usize>, grid: StoredGrid, raw_big_endian: Option<bool>, codecs: Vec<String>) -> Self {
        Layout { shape, chunk: grid.longest(), grid, inner_chunk: None, raw_big_endian, codecs }
    }

    /// Fails if the array or a chunk has more bytes than a machine can count.
    pub fn check_size(&self, dtype: DType) -> Result<(), Problem> {
        for (what, lens) in [("the array", &self.shape), ("a chunk", &self.chunk)] {
            if checked_nbytes(lens, dtype.itemsize()).is_none() {
                let reason = format!("{what} of shape {lens:?} has more bytes than a machine can count");
                return Err(Problem::corrupt(WHAT, reason));
            }
        }
        match self.grid.is_countable() {
            true => Ok(()),
            false => Err(Problem::corrupt(WHAT, format!("chunks of shape {:?} are too many", self.chunk))),
        }
    }

    /// What turns a chunk's bytes into elements, if they are the elements themselves.
    pub fn raw_fix(&self, dtype: DType) -> Option<ByteFix> {
        self.raw_big_endian.map(|big_endian| ByteFix::of(dtype, big_endian))
    }
}

/// Reads a metadata file's JSON.
pub(super) fn parse_json(bytes: &[u8], file: &str) -> Result<Value, Problem> {
    let value: Value =
        serde_json::from_slice(bytes).map_err(|error| Problem::corrupt(file, error.to_string()))?;
    if value.is_object() { Ok(value) } else { Err(Problem::corrupt(file, "it is not a JSON object")) }
}

pub(super) fn name_of(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value["name"].as_str())
}

/// A codec of version 3 in words: `zstd(0)`, `blosc(lz4, 5, shuffle)`, `transpose(1, 0)`.
fn codec_text(codec: &Value) -> String {
    let configuration = &codec["configuration"];
    let order = configuration["order"].as_array().map(Vec::as_slice).unwrap_or_default();
    let settings = ["cname", "level", "clevel", "shuffle"].map(|key| &configuration[key]);
    let big = (configuration["endian"] == "big").then_some(&configuration["endian"]);
    with_settings(name_of(codec).unwrap_or("?"), settings.into_iter().chain(order).chain(big))
}

/// A codec of version 2 in words.
fn numcodec_text(codec: &Value) -> String {
    let shuffle: Value = match codec["shuffle"].as_i64() {
        Some(0) => "noshuffle".into(),
        Some(1) => "shuffle".into(),
        Some(2) => "bitshuffle".into(),
        _ => Value::Null,
    };
    let settings = ["cname", "level", "clevel"].map(|key| &codec[key]);
    with_settings(codec["id"].as_str().unwrap_or("?"), settings.into_iter().chain([&shuffle]))
}

fn with_settings<'a>(name: &str, settings: impl Iterator<Item = &'a Value>) -> String {
    let texts: Vec<String> = settings
        .filter(|value| !value.is_null())
        .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        .collect();
    if texts.is_empty() { name.to_owned() } else { format!("{name}({})", texts.join(", ")) }
}

pub(super) fn lengths(value: &Value, what: &str) -> Result<Vec<usize>, Problem> {
    let list: Option<Vec<usize>> = value.as_array().and_then(|list| {
        list.iter().map(|len| len.as_u64().and_then(|len| usize::try_from(len).ok())).collect()
    });
    list.ok_or_else(|| Problem::corrupt(WHAT, format!("the {what} is not a list of lengths")))
}

#[cfg(test)]
mod tests {
    use super::super::new_array::plain_array_json;
    use super::*;
    use brickwork_core::Meta;
    use serde_json::json;

    #[test]
    fn what_is_written_is_understood() {
        for dtype in DType::NUMERIC {
            let meta = Meta::whole(&[5, 6], dtype);
            let metadata = plain_array_json(&meta, &[2, 3], Some("none")).unwrap();
            let layout = Layout::parse(&metadata, 3).unwrap();
            assert_eq!(
                (layout.shape.as_slice(), layout.chunk.as_slice()),
                ([5, 6].as_slice(), [2, 3].as_slice())
            );
            assert_eq!(layout.raw_big_endian, Some(false));
        }
        let metadata = plain_array_json(&Meta::whole(&[5], DType::F64), &[5], None).unwrap();
        let layout = Layout::parse(&metadata, 3).unwrap();
        assert_eq!(layout.codecs, ["bytes", "zstd(0)"]);
        assert_eq!(layout.raw_big_endian, None);
    }

    #[test]
    fn metadata_that_make_no_sense_are_errors() {
        let good = plain_array_json(&Meta::whole(&[5], DType::F64), &[5], None).unwrap();
        let broken = |key: &str, value: Value| {
            let mut metadata = good.clone();
            metadata[key] = value;
            Layout::parse(&metadata, 3)
                .and_then(|layout| layout.check_size(DType::F64))
                .unwrap_err()
                .to_string()
        };
        assert!(broken("shape", json!([-1])).contains("not a list of lengths"));
        assert!(broken("shape", json!("x")).contains("not a list of lengths"));
        assert!(broken("shape", json!([5, 5])).contains("chunks of shape [5] in an array of shape [5, 5]"));
        assert!(broken("shape", json!([u64::MAX])).contains("more bytes than a machine can count"));
        assert!(
            broken("chunk_grid", json!({"name": "hexagons"}))
                .contains("chunk grid \"hexagons\" cannot be read")
        );
        assert!(broken("chunk_grid", json!(null)).contains("no chunk grid"));
        let zero = json!({"name": "regular", "configuration": {"chunk_shape": [0]}});
        assert!(broken("chunk_grid", zero).contains("chunks of shape [0]"));
        assert!(
            parse_json(b"{\"shape\": [1", "zarr.json")
                .unwrap_err()
                .to_string()
                .contains("corrupt zarr.json: EOF")
        );
    }
}
