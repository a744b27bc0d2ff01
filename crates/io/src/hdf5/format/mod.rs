//! Our own reader of HDF5 files, after the HDF5 File Format Specification; no C library, no global lock.
//!
//! It reads by position only, so that many threads can read one file at once: [`File`] finds objects, [`Dataset`]
//! says where an array's bytes are and turns chunks as stored into elements. Everything read from a file is
//! distrusted: lengths are compared with the file's before memory is taken, walks over linked structures are
//! bounded by what the file could hold, and what this reader does not know is refused by its name.
//!
//! | read | not read |
//! | --- | --- |
//! | superblocks 0 to 3, user blocks | split and multi-file drivers |
//! | groups old and new, hard and soft links | user-defined links; links into other files, which are told |
//! | integers, IEEE floats, h5py's bool and complex | texts, compounds, references, … (in datasets) |
//! | compact, contiguous, chunked with every index | virtual datasets, external files |
//! | deflate, shuffle, fletcher32, lzf; zstd, blosc, lz4 and bitshuffle by features | other filters |

mod attribute;
#[cfg(feature = "hdf5-blosc")]
mod bitshuffle;
#[cfg(feature = "hdf5-blosc")]
mod blosc;
#[cfg(feature = "hdf5-blosc")]
mod blosclz;
mod btree_v1;
mod btree_v2;
#[cfg(feature = "hdf5-write")]
mod checked;
mod checksum;
mod chunk_index;
mod codec;
mod cursor;
mod dataset;
mod dataspace;
mod datatype;
mod error;
mod extensible_array;
mod extents;
mod file;
mod fill_value;
mod filter;
mod fixed_array;
mod fractal_heap;
mod global_heap;
mod layout;
mod links;
#[cfg(feature = "hdf5-blosc")]
mod lz4;
mod lzf;
mod object_header;
#[cfg(feature = "hdf5-write")]
mod parts;
mod shuffle;
mod source;
mod superblock;
mod survey;
mod symbol_table;

#[cfg(test)]
mod tests;

pub use attribute::{AttributeData, AttributeValue};
#[cfg(feature = "hdf5-blosc")]
pub use bitshuffle::BlockCodec;
#[cfg(all(feature = "hdf5-blosc", feature = "zarr"))]
pub(crate) use blosc::unblosc;
pub use chunk_index::{ChunkIndex, ChunkLocation};
pub use dataset::{Dataset, Layout};
pub use datatype::{ElementKind, ElementType, Endian};
pub use error::{Hdf5Error, Problem, Result};
pub use file::File;
pub use filter::{Filter, StoredFilter};
pub use object_header::ObjectKind;
#[cfg(feature = "hdf5-write")]
pub use parts::Part;
pub use survey::{Object, Summary, Survey};

pub use crate::read_at::{LocalFile, ReadAt};

#[cfg(feature = "hdf5-write")]
pub(super) use filter::known_name as known_filter;
