//! NumPy's `.npy`: one array in one file, a short header before its elements; `.npz`, several of them in a zip file; and
//! raw binary files, whose header is in the URI.
//!
//! Format versions 1, 2 and 3 are read, in C and Fortran order and both byte orders; version 1 (2 for a long header)
//! is written, in C order and this machine's byte order.

mod header;
pub(crate) mod npz;
pub(crate) mod raw;
mod region;
mod sink;
mod source;

pub use npz::NpzSource;
pub use region::NpyRegionSink;
pub use sink::NpySink;
pub use source::NpySource;

pub(crate) use source::{describe, open};
