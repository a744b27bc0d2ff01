//! What every target does with the bytes that it is given: puts them into a file, and reads that as a user would.

/// What the command line parses expressions with, which belongs to no library.
#[allow(dead_code, unused_imports)]
#[path = "../crates/cli/src/language/mod.rs"]
pub mod language;

use std::path::Path;

use brickwork_core::{AxisRange, BlockMut, Kind, Region};

/// Granules that need more bytes than this are not read: a run would make room for them first.
const MOST_BYTES: usize = 4 << 20;
const MOST_ARRAYS: usize = 8;

/// A directory for the files of one input, in memory where the system has such a place.
pub fn directory() -> tempfile::TempDir {
    let shared = Path::new("/dev/shm");
    let made = if shared.is_dir() { tempfile::tempdir_in(shared) } else { tempfile::tempdir() };
    made.expect("a temporary directory")
}

/// Describes what is at a place and reads the first elements of every array there; all by our own readers.
pub fn everything(place: &Path) {
    let Some(place) = place.to_str() else { return };
    let _ = brickwork_io::describe(place);
    let mut uris = vec![place.to_owned()];
    if let Ok(tree) = brickwork_io::describe_tree(place) {
        let members = tree.members.iter().take(MOST_ARRAYS);
        uris.extend(members.map(|member| format!("{place}#/{}", member.name)));
    }
    uris.iter().for_each(|uri| array(uri));
}

fn array(uri: &str) {
    let Ok(operation) = brickwork_io::open(uri) else { return };
    let Ok(metas) = operation.infer(&[]) else { return };
    let Kind::Source(source) = operation.kind() else { return };
    let region = Region::from_iter(metas[0].shape.iter().map(|&len| AxisRange::new(0, len.min(8))));
    for granule in source.plan_read(&region).unwrap_or_default().iter().take(32) {
        let needed = [granule.encoded_bytes, granule.decoded_bytes, granule.scratch_bytes];
        if needed.into_iter().fold(0, usize::saturating_add) > MOST_BYTES {
            continue;
        }
        let mut block = BlockMut::zeroed(metas[0].dtype, &granule.region.shape());
        if let Ok(pending) = source.start(granule) {
            let _ = pending.finish(block.view_mut());
        }
    }
}
