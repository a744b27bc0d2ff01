//! What every source must do.

use brickwork_core::eval::{evaluate, evaluate_region};
use brickwork_core::{
    AxisRange, Block, BlockMut, ChunkGrid, Kind, Lazy, Node, Operation, Region, Source, Value,
};
use brickwork_ops::Array;

use crate::compare::{assert_block_eq, index_of};
use crate::configurations::some_configurations;
use crate::data::Chance;

/// Regions that are asked for.
const REGIONS: usize = 40;

/// Checks a source: `open` gives the array over it, `expected` its values. Panics where it fails.
///
/// - shape, dtype and values of the whole; of random regions with steps of any sign; under several schedulers
/// - granules hold every element asked for exactly once, and say how many bytes they decode to; one with a key is the
///   same granule for every region; an empty region has none
/// - written as data and read back, it is the same source
pub fn check_source(open: impl Fn() -> Array, expected: &Block) {
    let array = open();
    assert_eq!((array.shape(), array.dtype()), (expected.shape(), expected.dtype()), "shape and dtype");
    assert_eq!(array.chunks().shape(), array.shape(), "its chunks cover its shape");
    let operation = array.value().node.op().clone();
    let Kind::Source(source) = operation.kind() else { panic!("{array:?} is not a source") };
    assert!(!source.uri().is_empty(), "a source has a name");
    if let Some(grid) = source.granule_grid() {
        assert_eq!(grid.shape(), array.shape(), "the grid of its granules covers its shape");
    }
    let mut chance = Chance::new(array.size() as u64);
    for _ in 0..REGIONS {
        let region = random_region(&mut chance, array.shape());
        check_granules(source, &region.ascending(), expected);
        let found = match evaluate_region(array.value(), &region) {
            Ok(found) => found,
            Err(error) => panic!("region {region}: {}", crate::compare::chain(&error)),
        };
        assert_block_eq(&found, &expected.slice(&region), &format!("region {region}"));
        if let Some(grid) = source.granule_grid().filter(|_| array.size() > 0) {
            check_granules(source, &whole_granules(&mut chance, &grid), expected);
        }
    }
    crate::assert_array_eq_in(&open(), expected, &some_configurations(6, 1));
    check_description(operation.as_ref(), expected);
}

fn random_region(chance: &mut Chance, shape: &[usize]) -> Region {
    let axes = shape.iter().map(|&len| {
        let count = chance.below(len + 1);
        if count == 0 {
            return AxisRange::new(chance.below(len.max(1)), 0);
        }
        let longest = if count > 1 { (len - 1) / (count - 1) } else { 1 };
        let step = 1 + chance.below(longest.clamp(1, 4));
        let start = chance.below(len - (count - 1) * step);
        let range = AxisRange::stepped(start, count, step as isize);
        let turned = AxisRange::stepped(range.get(count - 1), count, -(step as isize));
        if chance.below(3) == 0 { turned } else { range }
    });
    Region::from_iter(axes)
}

/// A region that is made of whole granules.
fn whole_granules(chance: &mut Chance, grid: &ChunkGrid) -> Region {
    let axes = grid.axes().iter().map(|chunks| {
        let first = chance.below(chunks.num_chunks());
        let last = first + chance.below(chunks.num_chunks() - first);
        let (start, _) = chunks.chunk_range(first);
        let (end, len) = chunks.chunk_range(last);
        AxisRange::new(start, end + len - start)
    });
    Region::from_iter(axes)
}

fn check_granules(source: &dyn Source, region: &Region, expected: &Block) {
    if let Some(block) = source.borrow(region) {
        assert_block_eq(&block, &expected.slice(region), &format!("borrowed region {region}"));
        return;
    }
    let granules = source.plan_read(region).unwrap_or_else(|error| panic!("region {region}: {error}"));
    if region.is_empty() {
        assert!(granules.is_empty(), "an empty region needs no granule: {granules:?}");
        return;
    }
    check_together(source, region, granules.len(), expected);
    for granule in &granules {
        let nbytes = granule.region.size() * expected.dtype().itemsize();
        assert_eq!(granule.decoded_bytes, nbytes, "decoded bytes of {granule:?}");
        assert!(granule.region.axes().iter().all(|axis| axis.step > 0), "{granule:?} rises");
        if let Some(key) = granule.key {
            let again = source.plan_read(&granule.region).unwrap_or_default();
            assert!(
                again.iter().any(|other| other.key == Some(key) && other.region == granule.region),
                "granule {key} is the same for every region that needs it"
            );
        }
    }
    for number in 0..region.size() {
        let place = index_of(number, &region.shape());
        let index: Vec<usize> = region.axes().iter().zip(&place).map(|(range, &i)| range.get(i)).collect();
        let holds = |granule: &Region| {
            granule.axes().iter().zip(&index).all(|(range, &index)| range.position(index).is_some())
        };
        let count = granules.iter().filter(|granule| holds(&granule.region)).count();
        assert_eq!(count, 1, "granules that hold element {index:?} of region {region}");
    }
}

/// What is read together is what is read granule by granule.
fn check_together(source: &dyn Source, region: &Region, granules: usize, expected: &Block) {
    let together =
        source.start_together(region).unwrap_or_else(|error| panic!("together, region {region}: {error}"));
    let Some(together) = together else { return };
    assert_eq!(together.granules, granules, "granules of region {region}, together");
    let mut out = BlockMut::zeroed(expected.dtype(), &region.shape());
    let finished = together.pending.finish(out.view_mut());
    finished.unwrap_or_else(|error| panic!("together, region {region}: {error}"));
    assert_block_eq(&out.freeze(), &expected.slice(region), &format!("together, region {region}"));
}

/// It is data: whoever reads it back can read the same values.
fn check_description(operation: &dyn Operation, expected: &Block) {
    let mut bytes = Vec::new();
    ciborium::into_writer(operation, &mut bytes).expect("a source is written as data");
    let back: Box<dyn Operation> = ciborium::from_reader(bytes.as_slice()).expect("and read back");
    let node = Node::shared(back.into(), Vec::new()).expect("and is a source again");
    let found = evaluate(&Value::new(node)).unwrap_or_else(|error| panic!("read back: {error}"));
    assert_block_eq(&found, expected, "read back");
}

#[cfg(test)]
mod tests {
    use brickwork_ops::memory::from_block;

    use super::*;
    use crate::{CountingSource, iota};

    #[test]
    fn our_own_sources_pass() {
        for shape in [&[][..], &[0], &[9], &[4, 7], &[3, 1, 5]] {
            let expected = Block::from_ndarray(iota(shape).view());
            let source = CountingSource::new(expected.clone(), 3).unwrap();
            check_source(|| source.array().unwrap(), &expected);
            let source = CountingSource::new(expected.clone(), 2).unwrap().by_element();
            check_source(|| source.array().unwrap(), &expected);
            let array = from_block(expected.clone(), &2.into()).unwrap();
            check_source(|| array.clone(), &expected);
        }
    }
}
