//! HDF5, Zarr and npy: sources that Brickwork arrays are read from, sinks that they are written to.
//!
//! [`open`] gives the operation of a leaf of the expression: it serialises as its description (place, shape, dtype,
//! chunks, and the file's length and time) and opens its file where it is read. [`create`] gives a sink, [`describe`]
//! tells what is at a place. Places are URIs, see [`Location`].
//!
//! | feature | |
//! | --- | --- |
//! | `npy` | read and write `.npy` |
//! | `zarr` | read Zarr 2 and 3, write Zarr 3 |
//! | `hdf5` | read HDF5 and netCDF-4, without a C library |
//! | `hdf5-write` | write HDF5 through the HDF5 library |

#[cfg(any(feature = "npy", feature = "zarr", feature = "hdf5"))]
#[cfg_attr(
    not(all(feature = "npy", feature = "zarr")),
    allow(dead_code, reason = "no format needs all of it")
)]
mod bytes;
#[cfg(any(feature = "zarr", feature = "hdf5-write"))]
mod chunk_choice;
#[cfg(any(feature = "zarr", feature = "hdf5"))]
mod chunk_walk;
mod describe;
mod error;
#[cfg(all(test, any(feature = "npy", feature = "zarr", feature = "hdf5")))]
mod fixture_tests;
#[cfg(any(feature = "npy", feature = "zarr", feature = "hdf5"))]
mod handles;
#[cfg(feature = "hdf5")]
pub mod hdf5;
#[cfg(feature = "npy")]
pub mod npy;
mod open;
mod part;
#[cfg(any(feature = "npy", feature = "zarr", feature = "hdf5"))]
#[cfg_attr(
    not(all(feature = "npy", feature = "zarr")),
    allow(dead_code, reason = "no format needs all of it")
)]
mod strided_file;
#[cfg(all(test, any(feature = "npy", feature = "zarr", feature = "hdf5")))]
mod test_support;
mod uri;
mod whole_file;
#[cfg(any(feature = "npy", feature = "zarr", feature = "hdf5-write"))]
mod write_checks;
#[cfg(feature = "zarr")]
pub mod zarr;

pub use describe::{Description, Tree};
pub use error::{IoError, Problem};
pub use open::{SinkOptions, create, describe, describe_tree, open};
pub use uri::{Format, Location};
pub use whole_file::WholeFile;

/// Makes sure that a binary contains this crate's operations, which are found by name when a plan is read.
pub fn link() {}
