//! The metadata of arrays that are written.

use brickwork_core::{ChunkGrid, DType, Meta, Scalar, TimeUnit, Weak};
use serde_json::{Map, Value, json};

use super::adapter::Codecs;
use super::codecs;
use super::grid::StoredGrid;
use crate::bytes::checked_nbytes;
use crate::chunk_choice::store_chunk;
use crate::codec::{self, Codec, Zfp};
use crate::error::Problem;
use crate::fill::{attributes_for_zarr, weak_to_json};
use crate::options::SinkOptions;

/// Chunks and shards of a new array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cut {
    /// Elements of a chunk.
    pub chunk: Vec<usize>,
    /// Elements of a shard, a multiple of a chunk; `None` if every chunk is a file.
    pub shard: Option<Vec<usize>>,
    /// The chunks, if lengths of their own were asked for.
    pub uneven: Option<ChunkGrid>,
}

impl Cut {
    /// What was asked for, or what suits the array.
    ///
    /// # Errors
    /// If it does not fit the array, or shards are no multiples of chunks.
    pub fn of(options: &SinkOptions, meta: &Meta) -> brickwork_core::Result<Self> {
        let mut chunk = store_chunk(options.chunks.as_ref(), meta)?;
        let asked = options.chunks.as_ref().map(|spec| spec.resolve(&meta.shape, meta.dtype)).transpose()?;
        let uneven = asked.filter(|grid| !StoredGrid::uneven(grid.clone()).is_regular());
        let Some(shards) = &options.shards else { return Ok(Cut { chunk, shard: None, uneven }) };
        let mut shard = store_chunk(Some(shards), meta)?;
        let invalid =
            |reason: String| brickwork_core::Error::InvalidChunks { shape: meta.shape.clone(), reason };
        if uneven.is_some() {
            return Err(invalid("shards hold chunks of one length; give one length, or no shards".into()));
        }
        let lengths = chunk.iter_mut().zip(&mut shard).zip(&meta.shape);
        for (axis, ((chunk, shard), &len)) in lengths.enumerate() {
            if options.chunks.is_none() && !shard.is_multiple_of(*chunk) && *shard < len {
                // The longest that divides a shard and is not longer than what suits the array.
                *chunk =
                    (1..=(*chunk).min(*shard)).rev().find(|part| shard.is_multiple_of(*part)).unwrap_or(1);
            }
            if *shard >= len {
                // One shard holds the axis; it ends where its last chunk does.
                *shard = shard.next_multiple_of(*chunk);
            }
            if !shard.is_multiple_of(*chunk) {
                return Err(invalid(format!(
                    "shards of {shard} on axis {axis} are no multiple of chunks of {chunk}; choose for example {}",
                    shard.next_multiple_of(*chunk)
                )));
            }
        }
        Ok(Cut { chunk, shard: Some(shard), uneven: None })
    }

    /// The longest of what is written at once: a file.
    pub fn file(&self) -> &[usize] {
        self.shard.as_deref().unwrap_or(&self.chunk)
    }

    /// The files of an array.
    pub fn grid(&self, shape: &[usize]) -> StoredGrid {
        match &self.uneven {
            Some(chunks) => StoredGrid::uneven(chunks.clone()),
            None => StoredGrid::regular(shape, self.file()),
        }
    }
}

/// What a new array is written with.
#[derive(Debug)]
pub(super) struct NewArray {
    pub metadata: Value,
    pub codecs: Codecs,
}

impl NewArray {
    /// By the options; what they leave open is as in the array that is replaced, whose metadata are null if there is
    /// none.
    pub fn of(meta: &Meta, cut: &Cut, options: &SinkOptions, replaced: &Value) -> Result<Self, Problem> {
        if checked_nbytes(&meta.shape, meta.dtype.itemsize()).is_none() {
            let reason = format!("shape {:?} has more bytes than a machine can count", meta.shape);
            return Err(Problem::Misuse { reason });
        }
        let attributes = match (&options.attributes, &replaced["attributes"]) {
            (Some(attributes), _) => attributes_for_zarr(attributes.clone(), meta.dtype),
            (None, Value::Object(kept)) => kept.clone(),
            _ => Map::new(),
        };
        let names: Option<Vec<Option<String>>> = match &options.dimension_names {
            Some(names) => {
                Some(names.iter().map(|name| Some(name.clone()).filter(|name| !name.is_empty())).collect())
            }
            None => serde_json::from_value(replaced["dimension_names"].clone())
                .ok()
                .filter(|names: &Vec<Option<String>>| names.len() == meta.ndim()),
        };
        let metadata = array_json(meta, cut, options, &attributes, names.as_deref())?;
        let codecs = Codecs::new(metadata.clone(), 3, cut.file())?;
        Ok(NewArray { metadata, codecs })
    }
}

/// The metadata of a new array. Readers that know no more than zarr-python's defaults can read it.
pub(super) fn array_json(
    meta: &Meta,
    cut: &Cut,
    options: &SinkOptions,
    attributes: &Map<String, Value>,
    dimension_names: Option<&[Option<String>]>,
) -> Result<Value, Problem> {
    if let Some(names) = dimension_names.filter(|names| names.len() != meta.ndim()) {
        let reason = format!("{} names for {} axes; give every axis a name", names.len(), meta.ndim());
        return Err(Problem::Misuse { reason });
    }
    let mut codecs = pipeline(options.codec.as_deref().unwrap_or("zstd:0"), meta.dtype)?;
    if cut.shard.is_some() {
        codecs = vec![json!({"name": "sharding_indexed", "configuration": {
            "chunk_shape": cut.chunk,
            "codecs": codecs,
            "index_codecs": [
                {"name": "bytes", "configuration": {"endian": "little"}},
                {"name": "crc32c"},
            ],
            "index_location": "end",
        }})];
    }
    let mut metadata = json!({
        "zarr_format": 3,
        "node_type": "array",
        "shape": meta.shape,
        "data_type": data_type(meta.dtype)?,
        "chunk_grid": cut.grid(&meta.shape).to_json(),
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": fill_value(options.fill_value, meta.dtype)?,
        "codecs": codecs,
        "attributes": attributes,
        "storage_transformers": [],
    });
    if let Some(names) = dimension_names {
        metadata["dimension_names"] = json!(names);
    }
    Ok(metadata)
}

/// A dtype's name in Zarr.
fn data_type(dtype: DType) -> Result<Value, Problem> {
    let time = |name: &str, unit: TimeUnit| json!({"name": name, "configuration": {"unit": unit.to_string(), "scale_factor": 1}});
    Ok(match dtype {
        DType::DateTime(unit) => time("numpy.datetime64", unit),
        DType::TimeDelta(unit) => time("numpy.timedelta64", unit),
        number if number.is_numeric() || number == DType::Bool => json!(number.name()),
        other => {
            return Err(Problem::Unsupported {
                what: format!("dtype {other}"),
                done: "written to Zarr",
                help: "bool, numbers and dates can".into(),
            });
        }
    })
}

fn fill_value(asked: Option<Weak>, dtype: DType) -> Result<Value, Problem> {
    let scalar = match asked {
        None => Scalar::zero(dtype),
        Some(weak) => weak.to_scalar(dtype).ok_or_else(|| {
            let reason = format!("fill value {weak} is none of dtype {dtype}; choose one that it can hold");
            Problem::Misuse { reason }
        })?,
    };
    Ok(weak_to_json(&scalar.to_weak()))
}

/// The codecs of a chunk that a text names: `none`, or a name and perhaps a level.
pub(super) fn pipeline(text: &str, dtype: DType) -> Result<Vec<Value>, Problem> {
    let misuse = |reason: &str| Err(Problem::Misuse { reason: format!("codec {text:?}: {reason}") });
    let compressor = match codec::parse(text)?.as_slice() {
        [] => None,
        [Codec::Zstd(level)] => {
            Some(json!({"name": "zstd", "configuration": {"level": level.unwrap_or(0), "checksum": false}}))
        }
        [Codec::Gzip(level)] => Some(json!({"name": "gzip", "configuration": {"level": level.unwrap_or(5)}})),
        // It makes bytes of the elements by itself.
        [Codec::Pcodec(level)] => {
            let configuration = json!({
                "level": level.unwrap_or(8),
                "mode_spec": "auto",
                "delta_spec": "auto",
                "paging_spec": "equal_pages_up_to",
                "delta_encoding_order": null,
                "equal_pages_up_to": 1 << 18,
            });
            return Ok(vec![of_elements("numcodecs.pcodec", configuration, dtype)?]);
        }
        [Codec::Zfp(mode)] => {
            // The numbers are those of zfp.h, as numcodecs writes them.
            let (mode, tolerance, rate, precision) = match *mode {
                Zfp::Rate(bits) => (2, -1.0, f64::from(bits), -1),
                Zfp::Precision(planes) => (3, -1.0, -1.0, i32::from(planes)),
                Zfp::Accuracy(error) => (4, error, -1.0, -1),
                Zfp::Reversible => (5, -1.0, -1.0, -1),
            };
            let configuration =
                json!({"mode": mode, "tolerance": tolerance, "rate": rate, "precision": precision});
            return Ok(vec![of_elements("numcodecs.zfpy", configuration, dtype)?]);
        }
        [Codec::Blosc(compressor, level)] => Some(json!({"name": "blosc", "configuration": {
            "cname": compressor,
            "clevel": level,
            "shuffle": if dtype.itemsize() > 1 { "shuffle" } else { "noshuffle" },
            "typesize": dtype.itemsize(),
            "blocksize": 0,
        }})),
        _ if text.contains("shuffle") => {
            return misuse("shuffle is a filter of HDF5; for Zarr, blosc shuffles by itself");
        }
        _ => return misuse("Zarr arrays are written with one codec; choose one of them"),
    };
    let bytes = match dtype.itemsize() {
        1 => json!({"name": "bytes"}),
        _ => json!({"name": "bytes", "configuration": {"endian": "little"}}),
    };
    Ok([bytes].into_iter().chain(compressor).collect())
}

/// A codec of our own, if this build has it and it takes the dtype.
fn of_elements(name: &str, configuration: Value, dtype: DType) -> Result<Value, Problem> {
    if let Some(known) = codecs::known(name) {
        known.check_built("written")?;
        known.check_dtype(dtype, "written")?;
    }
    Ok(json!({"name": name, "configuration": configuration}))
}

/// The metadata of an array without anything special.
#[cfg(test)]
pub(super) fn plain_array_json(meta: &Meta, chunk: &[usize], codec: Option<&str>) -> Result<Value, Problem> {
    let options = SinkOptions { codec: codec.map(str::to_owned), ..SinkOptions::default() };
    array_json(meta, &Cut { chunk: chunk.to_vec(), shard: None, uneven: None }, &options, &Map::new(), None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use brickwork_core::ChunkSpec;

    #[test]
    fn codecs_are_named_or_refused() {
        assert_eq!(pipeline("none", DType::F64).unwrap().len(), 1);
        assert_eq!(pipeline("gzip:9", DType::F64).unwrap()[1]["configuration"]["level"], 9);
        assert_eq!(pipeline("blosc:zstd:3", DType::F64).unwrap()[1]["configuration"]["cname"], "zstd");
        assert!(pipeline("gzip:10", DType::F64).unwrap_err().to_string().contains("use none, zstd"));
        assert!(pipeline("shuffle+gzip", DType::F64).unwrap_err().to_string().contains("filter of HDF5"));
        assert!(pipeline("zstd+gzip", DType::F64).unwrap_err().to_string().contains("one codec"));
    }

    #[test]
    fn shards_hold_whole_chunks() {
        let cut = |chunks: &[usize], shards: &[usize], shape: &[usize]| {
            let options = SinkOptions {
                chunks: (!chunks.is_empty()).then(|| ChunkSpec::from(chunks)),
                shards: Some(ChunkSpec::from(shards)),
                ..SinkOptions::default()
            };
            let own = shape.iter().map(|len| len / 3).collect::<Vec<_>>();
            Cut::of(&options, &Meta::new(shape, DType::F64, ChunkGrid::regular(shape, &own)))
        };
        let lens = |cut: Cut| (cut.chunk, cut.shard.unwrap());
        assert_eq!(lens(cut(&[10, 20], &[50, 40], &[100, 100]).unwrap()), (vec![10, 20], vec![50, 40]));
        assert_eq!(lens(cut(&[30], &[90], &[80]).unwrap()), (vec![30], vec![90]));
        assert_eq!(lens(cut(&[30], &[100], &[100]).unwrap()), (vec![30], vec![120]));
        assert_eq!(lens(cut(&[], &[50], &[99]).unwrap()), (vec![25], vec![50]));
        let error = cut(&[30], &[50], &[100]).unwrap_err().to_string();
        assert!(
            error.contains("shards of 50 on axis 0 are no multiple of chunks of 30; choose for example 60"),
            "{error}"
        );
    }

    #[test]
    fn fill_values_are_of_the_dtype() {
        assert_eq!(fill_value(None, DType::Bool).unwrap(), json!(false));
        assert_eq!(fill_value(Some(Weak::Float(f64::NAN)), DType::F32).unwrap(), json!("NaN"));
        assert_eq!(fill_value(Some(Weak::Int(-9)), DType::I16).unwrap(), json!(-9));
        assert!(fill_value(Some(Weak::Float(0.5)), DType::I16).is_err());
    }
}
