//! HDF5, and so netCDF-4: read by our own reader ([`mod@format`]), written through the HDF5 library.

#[cfg(feature = "hdf5-write")]
mod elements;
pub mod format;
mod source;
#[cfg(feature = "hdf5-write")]
mod write;

pub use source::Hdf5Source;
#[cfg(feature = "hdf5-write")]
pub use write::{Hdf5Layout, Hdf5Sink, create_dataset};

pub(crate) use source::{describe, open};
