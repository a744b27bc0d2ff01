//! What a user does with a file: looks at it, and reads some of it.

use brickwork_core::{AxisRange, BlockMut, Kind, Operation, Region};

use crate::mutate::Random;

/// The most bytes of a granule that are read: a run would refuse larger ones, or find room for them.
const MOST_GRANULE: usize = 4 << 20;
const MOST_GRANULES: usize = 64;
const MOST_ARRAYS: usize = 12;

/// Describes what is at a place, and reads a region of every array.
pub fn everything(place: &str, random: &mut Random) {
    let _ = brickwork_io::describe(place);
    let mut arrays = vec![place.to_owned()];
    if let Ok(tree) = brickwork_io::describe_tree(place) {
        let _ = format!("{tree:?}");
        arrays.extend(names(&tree, "").into_iter().take(MOST_ARRAYS).map(|name| format!("{place}#{name}")));
    }
    for uri in arrays {
        let _ = brickwork_io::describe(&uri);
        if let Ok(operation) = open(&uri) {
            some_of(operation.as_ref(), random);
        }
    }
}

/// Opens by our own readers alone: what the HDF5 library does with damaged files is its own affair.
fn open(uri: &str) -> brickwork_core::Result<std::sync::Arc<dyn Operation>> {
    match uri.contains(".h5") {
        true => brickwork_io::hdf5::open_without_library(uri),
        false => brickwork_io::open(uri),
    }
}

fn names(tree: &brickwork_io::Tree, path: &str) -> Vec<String> {
    let mut found = Vec::new();
    for child in &tree.members {
        let path = format!("{path}/{}", child.name);
        found.push(path.clone());
        found.extend(names(child, &path));
    }
    found
}

/// Reads a region of at most 16 elements along every axis.
fn some_of(operation: &dyn Operation, random: &mut Random) {
    let Ok(metas) = operation.infer(&[]) else { return };
    let meta = &metas[0];
    let Kind::Source(source) = operation.kind() else { return };
    let axes = meta.shape.iter().map(|&len| {
        let count = len.min(16);
        AxisRange::new(random.below(len - count + 1), count)
    });
    let region = Region::from_iter(axes);
    let _ = (source.granule_grid(), source.run_grid());
    let Ok(granules) = source.plan_read(&region) else { return };
    for granule in granules.iter().take(MOST_GRANULES) {
        let needed = [granule.encoded_bytes, granule.decoded_bytes, granule.scratch_bytes];
        let needed = needed.into_iter().fold(0, usize::saturating_add);
        if needed > 3 * MOST_GRANULE || granule.region.is_empty() {
            continue;
        }
        let mut block = BlockMut::zeroed(meta.dtype, &granule.region.shape());
        if let Ok(pending) = source.start(granule) {
            let _ = pending.finish(block.view_mut());
        }
    }
}
