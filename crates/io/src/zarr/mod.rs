//! Zarr on the local file system: versions 2 and 3 are read, version 3 is written.
//!
//! Chunk files are read and written here; `zarrs` understands the metadata and runs the codecs, behind one file.

mod adapter;
mod claims;
mod describe;
mod hierarchy;
mod metadata;
mod new_array;
mod region;
mod sink;
mod source;

pub use region::ZarrRegionSink;
pub use sink::ZarrSink;
pub use source::ZarrSource;

pub(crate) use describe::{describe, describe_tree};
pub(crate) use source::open;
