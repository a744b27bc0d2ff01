//! Runs reductions as a task would, cut in many ways.

use std::sync::Arc;

use brickwork_core::fold::FoldTree;
use brickwork_core::{BufferPool, Lazy, demand};

use crate::prelude::*;

/// Splits `len` into runs that end on multiples of `align`, some short and some long, by `seed`.
fn cuts(len: usize, align: usize, seed: &mut u64) -> Vec<AxisRange> {
    let mut ranges = Vec::new();
    let mut start = 0;
    while start < len {
        *seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let run = ((*seed >> 33) as usize % 7 + 1) * align;
        let run = if *seed >> 62 == 0 { len - start } else { run.min(len - start) };
        ranges.push(AxisRange::new(start, run));
        start += run;
    }
    ranges
}

fn product(ranges: Vec<Vec<AxisRange>>) -> Vec<Region> {
    ranges
        .into_iter()
        .fold(vec![Vec::new()], |regions: Vec<Vec<AxisRange>>, ranges| {
            let extend = |region: Vec<AxisRange>| {
                ranges
                    .iter()
                    .map(move |range| region.iter().copied().chain([*range]).collect::<Vec<_>>())
                    .collect::<Vec<_>>()
            };
            regions.into_iter().flat_map(extend).collect()
        })
        .into_iter()
        .map(Region::new)
        .collect()
}

/// The result of a reduction whose inputs are in memory, with kept elements and leaves cut as `seed` says.
pub(crate) fn run_cut(array: &Array, seed: u64) -> Block {
    let mut seed = seed.wrapping_mul(2).wrapping_add(1);
    let value = array.value();
    let op = value.node.op();
    let Kind::Reduce(reduce) = op.kind() else { panic!("{} is no reduction", op.name()) };
    let metas: Vec<Meta> = value.node.inputs().iter().map(|input| input.meta().clone()).collect();
    let inputs: Vec<Block> =
        value.node.inputs().iter().map(|input| brickwork_core::eval::evaluate(input).unwrap()).collect();
    let (domain, spec) = (reduce.domain(&metas), reduce.spec());
    let maps: Vec<Vec<AxisMap>> = (0..inputs.len()).map(|k| reduce.input_maps(&metas, k)).collect();
    let pool = BufferPool::new(1 << 20);
    let kept = spec.kept_axes(domain.len());
    let meta = value.meta();
    let mut out = BlockMut::zeroed(meta.dtype, &meta.shape);
    let boxes = (0..domain.len())
        .map(|axis| {
            if kept.contains(&axis) {
                cuts(domain[axis], 1, &mut seed)
            } else {
                vec![AxisRange::new(0, domain[axis])]
            }
        })
        .collect();
    for kept_box in product(boxes) {
        let size: usize = kept.iter().map(|&axis| kept_box.axes()[axis].len).product();
        let mut tree = FoldTree::new(spec.num_leaves());
        let start = || {
            let mut acc = Acc::zeroed(&reduce.accumulators(&metas), size);
            reduce.start(&mut acc);
            acc
        };
        let walks = (0..domain.len())
            .map(|axis| {
                let range = kept_box.axes()[axis];
                if kept.contains(&axis) {
                    vec![range]
                } else {
                    cuts(range.len, spec.walk_alignment(axis), &mut seed)
                }
            })
            .collect();
        for walked in product(walks) {
            for part in spec.leaves_in(&walked) {
                let elements = spec.axes().iter().map(|&axis| part.region.axes()[axis].len).product();
                let blocks: Vec<Block> = inputs
                    .iter()
                    .zip(&maps)
                    .map(|(input, maps)| input.slice(&demand(maps, &part.region, input.shape())))
                    .collect();
                let leaf = LeafInput {
                    blocks: &blocks,
                    maps: &maps,
                    at: &part.region,
                    spec,
                    pool: &Arc::clone(&pool),
                    rows: None,
                    starts: None,
                };
                tree.fold_part(reduce, part.number, elements, part.size, start, |acc| {
                    reduce.fold(acc, &leaf)
                })
                .unwrap();
            }
        }
        let acc = tree.take_root().unwrap_or_else(start);
        let mut place: Vec<AxisRange> = kept.iter().map(|&axis| kept_box.axes()[axis]).collect();
        place.extend(meta.shape[kept.len()..].iter().map(|&len| AxisRange::new(0, len)));
        let place = Region::new(place);
        let mut block = BlockMut::zeroed(meta.dtype, &place.shape());
        reduce.finish(&acc, &metas, 0, &mut block).unwrap();
        out.slice_mut(&place).assign(&block.freeze());
    }
    out.freeze()
}

/// The bytes of a result, computed whole.
pub(crate) fn bytes(array: &Array) -> Vec<u8> {
    brickwork_core::eval::evaluate(array.value()).unwrap().to_dense(None).as_bytes().unwrap().to_vec()
}

/// Asserts that a reduction gives the same bits however it is cut.
pub(crate) fn assert_cut_is_free(array: &Array) {
    let whole = bytes(array);
    for seed in 0..8 {
        let cut = run_cut(array, seed);
        assert!(cut.as_bytes() == Some(&whole[..]), "{array:?}: the bits depend on the cut ({seed})");
    }
}
