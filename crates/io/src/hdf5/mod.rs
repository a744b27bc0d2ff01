//! HDF5, and so netCDF-4: read by our own reader ([`mod@format`]), written through the HDF5 library.

#[cfg(feature = "hdf5-write")]
mod attributes;
#[cfg(feature = "hdf5-write")]
mod calls;
mod describe;
mod dimension;
#[cfg(feature = "hdf5-write")]
mod elements;
pub mod format;
#[cfg_attr(not(feature = "hdf5-write"), allow(dead_code, reason = "nothing is grafted that is not written"))]
mod graft;
#[cfg(feature = "hdf5-write")]
mod library;
#[cfg(feature = "hdf5-write")]
mod log;
mod memory;
#[cfg(feature = "hdf5-write")]
mod new_dataset;
mod open;
#[cfg(feature = "hdf5-write")]
mod places;
#[cfg(feature = "hdf5-write")]
mod prepare;
#[cfg(feature = "zarr")]
mod references;
#[cfg(feature = "hdf5-write")]
mod region;
#[cfg(feature = "hdf5-write")]
mod scales;
mod search;
#[cfg(feature = "hdf5-write")]
mod shared_file;
#[cfg(feature = "hdf5-write")]
mod shuffle;
#[cfg(feature = "hdf5-write")]
mod skeleton;
mod source;
mod together;
mod trail;
#[cfg(feature = "hdf5-write")]
mod virtual_sources;
#[cfg(feature = "hdf5-write")]
mod write;

pub use graft::recover;
#[cfg(feature = "hdf5-write")]
pub use library::Hdf5LibrarySource;
#[cfg(feature = "hdf5-write")]
pub use new_dataset::Hdf5Layout;
pub use open::open_without_library;
#[cfg(feature = "zarr")]
pub use references::{References, write_references};
#[cfg(feature = "hdf5-write")]
pub use region::Hdf5RegionSink;
pub use source::Hdf5Source;
#[cfg(feature = "hdf5-write")]
pub use write::{Hdf5Sink, create_dataset};

pub(crate) use describe::{describe, describe_tree};
pub(crate) use dimension::is_dimension_only;
pub(crate) use open::open;
#[cfg(feature = "hdf5-write")]
pub(crate) use shared_file::SharedFile;
