//! HDF5, and so netCDF-4: read by our own reader ([`mod@format`]), written through the HDF5 library.

mod describe;
#[cfg(feature = "hdf5-write")]
mod elements;
pub mod format;
#[cfg(feature = "hdf5-write")]
mod library;
mod source;
#[cfg(feature = "hdf5-write")]
mod write;

#[cfg(feature = "hdf5-write")]
pub use library::Hdf5LibrarySource;
pub use source::Hdf5Source;
#[cfg(feature = "hdf5-write")]
pub use write::{Hdf5Layout, Hdf5Sink, create_dataset};

pub(crate) use describe::{describe, describe_tree};
pub(crate) use source::open;
