//! `brickwork recover`.

use crate::args::RecoverArgs;
use crate::report::{CommandResult, print};

/// Finishes what a killed run has begun, and says whether there was anything.
///
/// # Errors
/// If the file is open elsewhere, or cannot be written.
pub fn recover(args: &RecoverArgs) -> CommandResult {
    let was_there = brickwork_io::hdf5::recover(&args.uri)?;
    let found = if was_there {
        "is whole now: what a killed run had begun is done"
    } else {
        "has nothing unfinished"
    };
    print(&format!("{} {found}", args.uri))
}
