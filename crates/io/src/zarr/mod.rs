//! Zarr in directories, zip files and object stores, and by reference files: versions 2 and 3 are read, version 3 is
//! written (to directories and object stores).
//!
//! Chunk files are read and written here; `zarrs` understands the metadata and runs the codecs, behind two files;
//! `codecs/` has those of our own.

mod adapter;
#[cfg(feature = "cloud")]
mod ahead;
mod chunk_writer;
mod claims;
mod codecs;
mod consolidate;
mod describe;
mod grid;
mod hierarchy;
mod metadata;
mod new_array;
#[cfg(feature = "cloud")]
mod object_sink;
#[cfg(all(test, feature = "cloud"))]
mod object_tests;
mod plugins;
mod references;
mod region;
mod renamed;
mod shard;
mod sink;
mod source;
mod store;
mod straight;

pub use consolidate::consolidate;
#[cfg(feature = "cloud")]
pub use object_sink::ZarrObjectSink;
pub use region::ZarrRegionSink;
pub use sink::ZarrSink;
pub use source::ZarrSource;

pub(crate) use describe::{describe, describe_tree};
pub(crate) use source::open;
