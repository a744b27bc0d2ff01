//! What the HDF5 library does and its safe bindings have no words for.

use std::ffi::CString;

use hdf5::{Dataset, Location};
use hdf5_sys::h5a::{H5Aclose, H5Acreate2, H5Awrite};
use hdf5_sys::h5d::H5Dwrite_chunk;
use hdf5_sys::h5p::H5P_DEFAULT;
use hdf5_sys::h5s::{H5S_class_t, H5Sclose, H5Screate};
use hdf5_sys::h5t::{H5T_C_S1, H5Tclose, H5Tcopy, H5Tset_size};

/// Puts the bytes of a chunk into a file, as they are to lie there: past filters, conversion and the chunk cache.
///
/// `start` is the chunk's first element, a multiple of the chunk along every axis.
pub(super) fn write_chunk(dataset: &Dataset, start: &[usize], bytes: &[u8]) -> hdf5::Result<()> {
    if start.len() != dataset.ndim() {
        return Err(format!("a chunk at {start:?} in a dataset of {} axes", dataset.ndim()).into());
    }
    let start: Vec<u64> = start.iter().map(|&index| index as u64).collect();
    // SAFETY: the dataset is open as long as it is borrowed; `start` has an entry for every axis, and `bytes` is as long
    // as is said. The library checks that it is chunked and that a chunk starts there.
    let status = hdf5::sync::sync(|| unsafe {
        H5Dwrite_chunk(dataset.id(), H5P_DEFAULT, 0, start.as_ptr(), bytes.len(), bytes.as_ptr().cast())
    });
    hdf5::h5check(status).map(|_| ())
}

/// Writes a text attribute of fixed length that ends in a zero: the only kind that marks dimension scales.
pub(super) fn write_fixed_text(location: &Location, name: &str, text: &str) -> hdf5::Result<()> {
    let c_string = |text: &str| CString::new(text).map_err(|_| hdf5::Error::from("a text with a zero in it"));
    let (name, text) = (c_string(name)?, c_string(text)?);
    // SAFETY: every identifier is checked before it is used and closed once; `text` has as many bytes as the type says,
    // the zero at its end among them.
    hdf5::sync::sync(|| unsafe {
        let text_type = hdf5::h5check(H5Tcopy(*H5T_C_S1))?;
        let result = hdf5::h5check(H5Tset_size(text_type, text.as_bytes_with_nul().len())).and_then(|_| {
            let space = hdf5::h5check(H5Screate(H5S_class_t::H5S_SCALAR))?;
            let created =
                H5Acreate2(location.id(), name.as_ptr(), text_type, space, H5P_DEFAULT, H5P_DEFAULT);
            let result = hdf5::h5check(created).and_then(|attribute| {
                let written = hdf5::h5check(H5Awrite(attribute, text_type, text.as_ptr().cast()));
                H5Aclose(attribute);
                written
            });
            H5Sclose(space);
            result
        });
        H5Tclose(text_type);
        result.map(|_| ())
    })
}
