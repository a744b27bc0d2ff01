//! From a URI to a source, a sink or a description, whatever the format.

use std::sync::Arc;

use brickwork_core::{ChunkSpec, Operation, Result, Sink};

use crate::describe::{Description, Tree};
use crate::error::Problem;
use crate::uri::{Format, Location};

/// Opens the array at a URI for reading: reads its metadata, none of its elements.
///
/// The operation is a source; give it to `Array::apply` by way of `Node::shared`.
///
/// # Errors
/// If there is nothing, or no array, or one of a dtype or layout that is not read; the message says which.
pub fn open(uri: &str) -> Result<Arc<dyn Operation>> {
    let location = Location::parse(uri)?;
    match location.format {
        #[cfg(feature = "npy")]
        Format::Npy => Ok(Arc::new(crate::npy::open(&location)?)),
        #[cfg(feature = "zarr")]
        Format::Zarr => Ok(Arc::new(crate::zarr::open(&location)?)),
        #[cfg(feature = "hdf5")]
        Format::Hdf5 => Ok(crate::hdf5::open(&location)?),
        #[allow(unreachable_patterns, reason = "reached without some feature")]
        format => Err(missing(format, false).at(uri).into()),
    }
}

/// Tells what is at a URI: an array or, where a format has them, a group.
///
/// # Errors
/// If there is nothing, or what is there cannot be understood.
pub fn describe(uri: &str) -> Result<Description> {
    let location = Location::parse(uri)?;
    match location.format {
        #[cfg(feature = "npy")]
        Format::Npy => Ok(crate::npy::describe(&location)?),
        #[cfg(feature = "zarr")]
        Format::Zarr => Ok(crate::zarr::describe(&location)?),
        #[cfg(feature = "hdf5")]
        Format::Hdf5 => Ok(crate::hdf5::describe(&location)?),
        #[allow(unreachable_patterns, reason = "reached without some feature")]
        format => Err(missing(format, false).at(uri).into()),
    }
}

/// Tells what is at a URI and, if that is a group, of everything below it; reads metadata alone.
///
/// Bytes as stored are told for a single array only. What cannot be understood below a group has a note that says why.
///
/// # Errors
/// If there is nothing, or what is there cannot be understood.
pub fn describe_tree(uri: &str) -> Result<Tree> {
    let location = Location::parse(uri)?;
    match location.format {
        #[cfg(feature = "npy")]
        Format::Npy => Ok(Tree::leaf(crate::npy::describe(&location)?)),
        #[cfg(feature = "zarr")]
        Format::Zarr => Ok(crate::zarr::describe_tree(&location)?),
        #[cfg(feature = "hdf5")]
        Format::Hdf5 => Ok(crate::hdf5::describe_tree(&location)?),
        #[allow(unreachable_patterns, reason = "reached without some feature")]
        format => Err(missing(format, false).at(uri).into()),
    }
}

/// How an array is to be written. What a format does not have, it ignores.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SinkOptions {
    /// Whether what is there may be replaced. It is, when the new array is whole.
    pub overwrite: bool,
    /// The chunks in the store; by default those of the array, if they are of a sensible size.
    pub chunks: Option<ChunkSpec>,
    /// The codec: for Zarr `none`, `zstd:5`, `gzip:4`, `blosc` and so on, by default zarr-python's (`zstd:0`); for
    /// HDF5 `none`, `gzip:4`, `shuffle`, `shuffle+gzip:4`, by default none.
    pub codec: Option<String>,
    /// Attributes of the array: names and values, the values as JSON.
    pub attributes: Vec<(String, serde_json::Value)>,
    /// A name for every axis, for Zarr; xarray opens no Zarr array without.
    pub dimension_names: Option<Vec<String>>,
}

/// Makes a sink that writes an array to a URI. Touches nothing before [`Sink::create`].
///
/// # Errors
/// If the URI or an option makes no sense, or the build lacks the format.
#[cfg_attr(
    not(any(feature = "npy", feature = "zarr", feature = "hdf5-write")),
    allow(unused_variables, reason = "without a format to write there is nothing to choose")
)]
pub fn create(uri: &str, options: &SinkOptions) -> Result<Box<dyn Sink>> {
    let location = Location::parse(uri)?;
    match location.format {
        #[cfg(feature = "npy")]
        Format::Npy => Ok(Box::new(crate::npy::NpySink::new(uri, options.overwrite)?)),
        #[cfg(feature = "zarr")]
        Format::Zarr => Ok(Box::new(crate::zarr::ZarrSink::new(uri, options)?)),
        #[cfg(feature = "hdf5-write")]
        Format::Hdf5 => Ok(Box::new(crate::hdf5::Hdf5Sink::new(uri, options)?)),
        #[allow(unreachable_patterns, reason = "reached without some feature")]
        format => Err(missing(format, true).at(uri).into()),
    }
}

fn missing(format: Format, writing: bool) -> Problem {
    match (format, writing) {
        (Format::Npy, _) => Problem::Feature { format: "npy", feature: "npy" },
        (Format::Zarr, _) => Problem::Feature { format: "Zarr", feature: "zarr" },
        (Format::Hdf5, false) => Problem::Feature { format: "HDF5", feature: "hdf5" },
        (Format::Hdf5, true) => Problem::Feature { format: "writing of HDF5", feature: "hdf5-write" },
    }
}
