//! HDF5, Zarr and npy: sources that Brickwork arrays are read from, sinks that they are written to.
//!
//! [`open`] gives the operation of a leaf of the expression: it serialises as its description (place, shape, dtype,
//! chunks, and the file's length and time) and opens its file where it is read. [`create`] gives a sink, [`describe`]
//! tells what is at a place. Places are URIs, see [`Location`].
//!
//! | feature | |
//! | --- | --- |
//! | `npy` | read and write `.npy`, read `.npz` and raw binary files |
//! | `zarr` | read Zarr 2 and 3, in zip files too, write Zarr 3 |
//! | `pcodec` | Zarr chunks that pcodec has encoded: numbers, without loss |
//! | `zfp` | Zarr chunks that zfp has encoded: numbers, with loss if so asked |
//! | `hdf5` | read HDF5 and netCDF-4, without a C library |
//! | `hdf5-zstd` | what the zstd filter of HDF5 has compressed |
//! | `hdf5-blosc` | what its filters blosc, lz4 and bitshuffle have compressed |
//! | `hdf5-write` | write HDF5 through the HDF5 library, and read what only it reads |
//! | `cloud` | read all of them from object stores and web servers, write Zarr to object stores |
//!
//! What a run leaves that failed or was killed:
//!
//! | written | new array | a region of an existing array |
//! | --- | --- | --- |
//! | `.npy` | nothing, or the file that was there | the file, readable, with the region written in part: it is written in place |
//! | Zarr | nothing, or the array that was there; others in the store stay | every chunk (shard) as it was or as it should be: each is replaced in one step |
//! | Zarr in an object store | nothing that looks like an array: the metadata come last. An array that is replaced goes first, and is gone if the run fails ([`Sink::lost`](brickwork_core::Sink::lost)) | every chunk (shard) as it was or as it should be |
//! | HDF5 | the file that was there, or none | the file that was there: a copy is written, and takes its place at the end |
//!
//! A dataset that is added to an HDF5 file in place ([`SinkOptions::in_place`]) leaves the file that was there, but for the
//! moment in which its last pages change; what that leaves, no program takes for a file, and `hdf5::recover` makes it whole.
//!
//! What is unfinished lies beside its target, named `.NAME.part-PROCESS`, with a journal of what is whole; a failed run
//! removes both, and the next run for the same target removes what a killed one has left, or goes on with it
//! ([`SinkOptions::resume`]). HDF5 chunks are put together to a file when all of them are there. The sinks of one run
//! that write to one HDF5 file ([`create_all`]) publish it together.

#[cfg(any(feature = "npy", feature = "zarr", feature = "hdf5"))]
#[cfg_attr(
    not(all(feature = "npy", feature = "zarr")),
    allow(dead_code, reason = "no format needs all of it")
)]
mod bytes;
#[cfg(any(feature = "zarr", feature = "hdf5-write"))]
mod chunk_choice;
#[cfg(any(feature = "npy", feature = "zarr", feature = "hdf5"))]
mod chunk_walk;
#[cfg(all(feature = "cloud", any(feature = "npy", feature = "zarr", feature = "hdf5")))]
#[cfg_attr(
    not(feature = "zarr"),
    allow(dead_code, unused_imports, reason = "files need no more than ranges of one object")
)]
pub mod cloud;
#[cfg(any(feature = "zarr", feature = "hdf5-write"))]
mod codec;
mod describe;
mod error;
mod fill;
#[cfg(all(test, any(feature = "npy", feature = "zarr", feature = "hdf5")))]
mod fixture_tests;
#[cfg(any(feature = "zarr", feature = "hdf5"))]
mod fletcher32;
#[cfg(any(feature = "npy", feature = "zarr", feature = "hdf5"))]
mod handles;
#[cfg(feature = "hdf5")]
pub mod hdf5;
#[cfg_attr(
    not(any(feature = "npy", feature = "hdf5-write")),
    allow(dead_code, reason = "other formats need nothing of it, or less")
)]
mod journal;
#[cfg(feature = "hdf5-write")]
mod kept;
#[cfg(feature = "npy")]
pub mod npy;
mod open;
mod options;
#[cfg_attr(
    not(all(feature = "hdf5-write", any(feature = "npy", feature = "zarr"))),
    allow(dead_code, reason = "no format needs all of it")
)]
mod part;
#[cfg(any(feature = "npy", feature = "zarr", feature = "hdf5"))]
mod placed_file;
mod read_at;
#[cfg(any(feature = "npy", feature = "hdf5"))]
mod runs;
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
#[cfg(any(feature = "npy", feature = "hdf5-write"))]
mod write_back;
#[cfg(any(feature = "npy", feature = "zarr", feature = "hdf5-write"))]
mod write_checks;
#[cfg(any(feature = "npy", feature = "zarr", feature = "hdf5-write"))]
#[cfg_attr(not(feature = "hdf5-write"), allow(dead_code, reason = "a format writes chunks or regions"))]
mod written;
#[cfg(feature = "zarr")]
pub mod zarr;
#[cfg(any(feature = "npy", feature = "zarr"))]
mod zip;

pub use describe::{Description, Tree};
pub use error::{IoError, Problem};
pub use open::{create, create_all, create_all_in, describe, describe_tree, is_dimension_only, open};
pub use options::{GroupAttributes, SinkOptions};
pub use read_at::{LocalFile, ReadAt, Started};
pub use uri::{Format, Location};
pub use whole_file::WholeFile;

/// Makes sure that a binary contains this crate's operations, which are found by name when a plan is read.
pub fn link() {}
