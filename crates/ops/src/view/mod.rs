//! The same values under other axes: nothing is copied, nothing else is read.

mod broadcast;
mod diagonal;
mod dims;
mod flip;
mod rechunk;
mod transpose;

pub use broadcast::broadcast_arrays;

use crate::prelude::{Error, Result};

/// The number of elements of a shape that a user gave.
///
/// # Errors
/// If it is more than addresses can number.
pub(crate) fn checked_size(op: &str, shape: &[usize]) -> Result<usize> {
    // Axes of length 0 do not make the others small: positions along each are still numbered.
    let size = shape.iter().try_fold(1usize, |size, &len| size.checked_mul(len.max(1)));
    match size {
        Some(size) if size <= isize::MAX as usize => Ok(shape.iter().product()),
        _ => Err(Error::argument(
            op,
            format!("shape {shape:?} has more elements than can be numbered (2^63 - 1)"),
        )),
    }
}
