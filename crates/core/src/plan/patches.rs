//! How large a patch is: what a cache holds, what reductions prefer, and what a patch takes.

use super::graph::Graph;
use super::probe::{PatchCost, patch_cost};
use super::stages::Draft;
use crate::chunks::ChunkGrid;
use crate::error::Result;
use crate::eval::{AxisCuts, PATCH_ELEMENTS, Walk, Walks};
use crate::operation::Kind;
use crate::region::{AxisRange, Region};

/// What the blocks of a patch may take: about a second-level cache. Shorter reads of files cost more than what spills over.
const CACHE_BYTES: usize = 1280 << 10;

/// Patches whose blocks take more than this are made smaller, down to so many elements.
const MOST_PATCH_BYTES: usize = 16 << 20;
const LEAST_PATCH: usize = 32;

/// Elements of the largest patch, and the patches that there are at least where one is larger than usual.
const MOST_PATCH: usize = 1 << 20;
const LEAST_PATCHES: usize = 64;

/// The patch that serves the reductions of a stage best, where one of them prefers large boxes.
pub(super) fn best_patch(graph: &Graph, draft: &Draft) -> Option<Vec<usize>> {
    let best_box = |node: usize| match graph.nodes[node].op.kind() {
        Kind::Reduce(op) => op.best_box().map(|best| (op.spec(), best)),
        _ => None,
    };
    let ndim = draft.domain.ndim();
    if let [output] = draft.outputs.as_slice()
        && output.is_fold
    {
        return best_box(output.slot.node).map(|(_, best)| best);
    }
    // What is written has the kept axes of a reduction inside, as its last ones.
    let inline = draft.scope.inline.iter().filter_map(|&node| best_box(node));
    let (spec, best) = inline.max_by_key(|(_, best)| best.iter().product::<usize>())?;
    let kept = spec.kept_axes(best.len());
    let mut patch = vec![1; ndim];
    for (axis, kept) in (0..ndim).rev().zip(kept.into_iter().rev()) {
        patch[axis] = best[kept];
    }
    Some(patch)
}

/// Elements of a patch whose blocks stay in a second-level cache: fewer than usual where an element stands for many of
/// its inputs, more where next to nothing is kept, and many more where nothing is (values in memory that are folded where
/// they lie).
pub(super) fn cached_patch(graph: &Graph, draft: &Draft, walk: &Walk, walks: &Walks) -> Result<usize> {
    let shape = draft.domain.shape();
    // Reads in tiny pieces cost more than a cache saves: what is lengthened for their sake stays so.
    let walk = &Walk { runs: Vec::new(), ..walk.clone() };
    // One in the middle is as good as any: whether the memory allowed is enough is found out from several.
    let bytes = |elements: usize| -> Result<usize> {
        let patch = patch_at(draft, walk, &walk.patch_shape(&shape, elements), 0.5);
        Ok(cost(graph, draft, &patch, walks)?.blocks)
    };
    let mut elements = PATCH_ELEMENTS;
    if walk.best.is_some() || draft.domain.is_empty() {
        return Ok(elements);
    }
    while elements > LEAST_PATCH && bytes(elements)? > MOST_PATCH_BYTES {
        elements /= 4;
    }
    let most = MOST_PATCH.min(draft.domain.size() / LEAST_PATCHES);
    while elements >= PATCH_ELEMENTS && 2 * elements <= most && bytes(2 * elements)? <= CACHE_BYTES {
        elements *= 2;
    }
    Ok(elements)
}

/// The patch where no cell is as long as it along some axis: then it was reckoned with for too much.
pub(super) fn within_cells(draft: &Draft, patch: &[usize], grid: &ChunkGrid) -> Option<Vec<usize>> {
    let shorter: Vec<usize> =
        patch.iter().zip(grid.max_chunk()).map(|(patch, cell)| (*patch).min(cell.max(1))).collect();
    let is_written = draft.outputs.iter().all(|output| !output.is_fold);
    (is_written && shorter != patch).then_some(shorter)
}

/// The dearest of some patches: corners and the middle of the domain.
pub(super) fn largest_patch(
    graph: &Graph,
    draft: &Draft,
    walk: &Walk,
    patch: &[usize],
    walks: &Walks,
) -> Result<PatchCost> {
    let mut largest = PatchCost::default();
    if draft.domain.is_empty() {
        return Ok(largest);
    }
    let mut patches = Vec::from([0.0, 0.5, 1.0].map(|share| patch_at(draft, walk, patch, share)));
    patches.dedup();
    for patch in &patches {
        largest = largest.max(cost(graph, draft, patch, walks)?);
    }
    Ok(largest)
}

fn cost(graph: &Graph, draft: &Draft, patch: &Region, walks: &Walks) -> Result<PatchCost> {
    patch_cost(graph, &draft.wants(graph, patch), &draft.scope, walks, 0)
}

/// The patch that begins about this share of the way along every axis.
fn patch_at(draft: &Draft, walk: &Walk, patch: &[usize], share: f64) -> Region {
    let axes = draft.domain.axes().iter().enumerate().map(|(axis, range)| {
        let len = patch[axis].min(range.len);
        let align = if walk.align[axis] == usize::MAX { range.len } else { walk.align[axis].max(1) };
        let start = ((range.len - len) as f64 * share) as usize;
        let start = at_an_edge(&walk.cuts[axis], range, start) / align * align;
        range.compose(&AxisRange::new(start, len.min(range.len - start)))
    });
    Region::from_iter(axes)
}

/// The last position at which a granule begins, up to a position: where patches begin.
fn at_an_edge(cuts: &Option<AxisCuts>, range: &AxisRange, position: usize) -> usize {
    let Some(AxisCuts { chunks, start, step, .. }) = cuts else { return position };
    let index = start + step * range.get(position);
    if range.step != 1 || index >= chunks.len() {
        return position;
    }
    let (edge, _) = chunks.chunk_range(chunks.chunk_of(index));
    let edge = edge.saturating_sub(*start).div_ceil(*step).saturating_sub(range.start);
    edge.min(position)
}
