//! What every sink refuses.

use brickwork_core::{Block, Meta, Region};

use crate::error::Problem;

/// A sink that is used in the wrong order.
pub(crate) fn not_created() -> Problem {
    Problem::Misuse { reason: "is written before it was created, or after it was committed".into() }
}

/// Fails unless a block fits a region of the array.
pub(crate) fn check_write(meta: &Meta, region: &Region, block: &Block) -> Result<(), Problem> {
    let inside = region.ndim() == meta.ndim()
        && region.axes().iter().zip(&meta.shape).all(|(axis, &len)| axis.step == 1 && axis.bounds().1 <= len);
    if inside && region.shape() == block.shape() && block.dtype() == meta.dtype {
        return Ok(());
    }
    let reason = format!(
        "a block of {} {:?} does not fit region {region} of the array of {} {:?}",
        block.dtype(),
        block.shape(),
        meta.dtype,
        meta.shape
    );
    Err(Problem::Misuse { reason })
}
