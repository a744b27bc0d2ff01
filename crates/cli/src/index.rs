//! `brickwork index`.

use brickwork_io::WholeFile;

use crate::args::IndexArgs;
use crate::report::{CommandResult, Failure, note, print};

/// Writes a reference file, and says of how much.
///
/// # Errors
/// If the file cannot be read, or the reference file not be written.
pub fn index(args: &IndexArgs) -> CommandResult {
    if args.output.extension().is_none_or(|extension| !extension.eq_ignore_ascii_case("json")) {
        let output = args.output.display();
        return Err(Failure::usage(format!("-o {output}: the name of a reference file ends in .json")));
    }
    let json = WholeFile::new(&args.output, args.overwrite)?;
    let found = brickwork_io::hdf5::write_references(&args.uri, json)?;
    for (path, reason) in &found.left_out {
        note(&format!("{path} is left out: {reason}"));
    }
    let plural = if found.datasets == 1 { "" } else { "s" };
    let (datasets, chunks) = (found.datasets, found.chunks);
    print(&format!("{datasets} dataset{plural} of {chunks} chunks listed in {}", args.output.display()))
}
