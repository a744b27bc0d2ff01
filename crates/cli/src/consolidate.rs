//! `brickwork consolidate`.

use crate::args::ConsolidateArgs;
use crate::report::{CommandResult, print};

/// Writes consolidated metadata, and says of how much.
///
/// # Errors
/// If there is no group, or it cannot be written.
pub fn consolidate(args: &ConsolidateArgs) -> CommandResult {
    let found = brickwork_io::zarr::consolidate(&args.uri)?;
    let plural = if found == 1 { "" } else { "s" };
    print(&format!("{found} node{plural} (arrays and groups) listed in {}", args.uri))
}
