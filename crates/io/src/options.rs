//! How an array is to be written.

use std::collections::BTreeMap;

use brickwork_core::{ChunkSpec, Region, Weak};
use serde_json::{Map, Value};

use crate::describe::Description;
use crate::fill::weak_from_json;
use crate::uri::Format;

/// How an array is to be written. What a format does not have is refused when the sink is made, but for attributes,
/// dimension names and fill value, which `.npy` files go without.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SinkOptions {
    /// Whether what is there may be replaced. It is, when the new array is whole.
    pub overwrite: bool,
    /// Whether a new dataset goes into an existing HDF5 file itself, instead of into a copy that takes the file's place: the
    /// file is not copied, and nothing in it is replaced. A run that fails or is killed leaves it as it was, but for the
    /// moment in which the last pages are changed: a file that was left then is no HDF5 file for any program until
    /// `recover` or the next run that writes to it has finished the work. No other program may have it open then.
    pub in_place: bool,
    /// Whether to go on with what a killed run for the same place has left, if there is anything: what is whole there is
    /// not computed again. Refused if the unfinished run was to write something else, or an input has changed since. A
    /// run with this option that fails leaves what it has done, so that the next one goes on from there.
    pub resume: bool,
    /// The chunks in the store; by default those of the array, if they are of a sensible size. Zarr and HDF5. If an axis
    /// is given a list of lengths that are not equal, a Zarr array gets these chunks, as a `rectilinear` chunk grid,
    /// which `zarrs` reads and zarr-python 3.1 does not; HDF5 has equal chunks alone, and gets the longest.
    pub chunks: Option<ChunkSpec>,
    /// The shards in the store, each a multiple of a chunk along every axis: a shard is one file that holds its chunks
    /// one by one. Zarr only; by default none.
    pub shards: Option<ChunkSpec>,
    /// The codec: for Zarr `none`, `zstd:5`, `gzip:4`, `blosc`, `blosc:zstd:5` and so on, by default zarr-python's
    /// (`zstd:0`); for numbers alone, and with the features of these names, `pcodec:8` (without loss) and `zfp` (without
    /// loss), `zfp:accuracy:0.01`, `zfp:precision:16` and `zfp:rate:8` (**with loss**: the largest error, the bit planes,
    /// the bits an element); for HDF5 `none`, `gzip:4`, `shuffle`, `shuffle+gzip:4`, by default none.
    pub codec: Option<String>,
    /// Attributes of the array. Without, a new array has none, and one that replaces another keeps those of the other.
    pub attributes: Option<Map<String, Value>>,
    /// NumPy's names of the dtypes that numbers among the attributes have in HDF5 files; by default those of JSON's kinds,
    /// `int64` and `float64`, and for `_FillValue` and the like that of the array.
    pub attribute_dtypes: BTreeMap<String, String>,
    /// A name for every axis. Without, a new array has none, and one that replaces another of as many axes keeps its
    /// names. In `.nc` files names become dimension scales, in other HDF5 files labels of the axes.
    pub dimension_names: Option<Vec<String>>,
    /// What stands where nothing was written, for readers that ask; by default zero.
    pub fill_value: Option<Weak>,
    /// The part of an existing array to write into, of rising steps; the elements outside it stay. All other options
    /// must be left out: the array keeps its chunks, codec, attributes and dtype.
    ///
    /// Zarr chunks are replaced one by one, each in one step. `.npy` files are written in place. HDF5 files are
    /// written as a copy that takes the place of the file when all is written.
    pub region: Option<Region>,
}

/// Attributes of a group that holds what is written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GroupAttributes {
    /// The group's place: a store or file, and perhaps a path in it.
    pub uri: String,
    /// Names and values.
    pub attributes: Map<String, Value>,
    /// As [`SinkOptions::attribute_dtypes`].
    pub attribute_dtypes: BTreeMap<String, String>,
}

impl SinkOptions {
    /// Options that give a copy in a format what the described array has beside its elements: attributes, names of axes
    /// and the fill value.
    pub fn like(description: &Description, format: Format) -> Self {
        SinkOptions {
            attributes: Some(description.attributes_for(format)),
            attribute_dtypes: description.attribute_dtypes.clone(),
            dimension_names: description.dimension_names.clone(),
            fill_value: description.fill_value.as_ref().and_then(weak_from_json),
            ..SinkOptions::default()
        }
    }
}

impl Description {
    /// The attributes as another format has them. netCDF writes every single number as a list of one; where HDF5 is
    /// left, it becomes the number again, which is what readers of the other format expect.
    pub fn attributes_for(&self, format: Format) -> Map<String, Value> {
        let mut attributes = self.attributes.clone();
        if self.format == Format::Hdf5 && format != Format::Hdf5 {
            for value in attributes.values_mut() {
                if let Value::Array(items) = value
                    && items.len() == 1
                {
                    *value = items.remove(0);
                }
            }
        }
        attributes
    }
}
