//! What a stage will read and write.

use rustc_hash::FxHashSet;

use super::graph::{Graph, Slot};
use super::probe::touched;
use super::stage::StageFigures;
use super::stages::Draft;
use crate::chunks::{AxisChunks, ChunkGrid};
use crate::error::Result;
use crate::eval::{AxisCuts, Walk};
use crate::operation::Kind;
use crate::region::{AxisRange, Region};

/// What the stage will read and write, if it is cut by this grid.
pub(super) fn figures(
    graph: &Graph,
    draft: &Draft,
    walk: &Walk,
    grid: &ChunkGrid,
    task_bytes: usize,
) -> Result<StageFigures> {
    let whole = touched(graph, &draft.wants(graph, &draft.domain), &draft.scope)?;
    let mut figures = StageFigures { task_bytes, ..Default::default() };
    for (slot, region) in &whole.reads {
        let meta = graph.meta(*slot);
        match graph.nodes[slot.node].op.kind() {
            Kind::Generator(_) => figures.elements_generated += region.size(),
            Kind::Source(source) => {
                let nothing = Region::new(vec![AxisRange::new(0, 0); region.ndim()]);
                if source.borrow(&nothing).is_some() {
                    continue;
                }
                let elements = match source.granule_grid() {
                    Some(granules) => granule_elements(&granules, region),
                    None => region.size(),
                };
                figures.bytes_read += elements * meta.dtype.itemsize();
            }
            _ => {}
        }
    }
    for (slot, region) in &whole.held {
        if let Some(layout) = draft.scope.spilled.get(slot) {
            figures.bytes_unspilled += layout.read_bytes(region);
        }
    }
    figures.unspilled_at_least = blocks_are_shared(graph, draft, grid, &whole.held)?;
    figures.at_least = (0..draft.domain.ndim()).any(|axis| {
        let cells = &grid.axes()[axis];
        cells.num_chunks() > 1
            && match &walk.cuts[axis].as_ref().filter(|cuts| !cuts.are_runs) {
                Some(AxisCuts { chunks: AxisChunks::Regular { chunk, .. }, start, step, .. }) => {
                    start % chunk != 0 || !(cells.max_chunk() * step).is_multiple_of(*chunk)
                }
                Some(_) => true,
                None => figures.bytes_read > 0 && walk.cuts.iter().flatten().any(|cuts| !cuts.are_runs),
            }
    });
    figures.at_least = figures.at_least || reads_overlap(graph, draft, grid, &whole.reads)?;
    let spilled = draft.outputs.iter().filter(|output| output.spill.is_some());
    figures.bytes_spilled =
        spilled.map(|output| output.region.size() * graph.meta(output.slot).dtype.itemsize()).sum();
    figures.bytes_out = draft
        .outputs
        .iter()
        .map(|output| output.region.size() * graph.meta(output.slot).dtype.itemsize())
        .sum();
    Ok(figures)
}

/// Whether cells next to each other read the same blocks of a spill file, or one cell reads blocks by several regions.
fn blocks_are_shared(
    graph: &Graph,
    draft: &Draft,
    grid: &ChunkGrid,
    whole: &[(Slot, Region)],
) -> Result<bool> {
    let read = |held: &[(Slot, Region)]| -> usize {
        let spilled = held.iter().filter_map(|(slot, region)| Some((draft.scope.spilled.get(slot)?, region)));
        spilled.map(|(layout, region)| layout.read_bytes(region)).sum()
    };
    let all = read(whole);
    if all == 0 {
        return Ok(false);
    }
    let slots: FxHashSet<Slot> = whole.iter().map(|(slot, _)| *slot).collect();
    if slots.len() < whole.len() {
        return Ok(true);
    }
    for (axis, cells) in grid.axes().iter().enumerate().filter(|(_, cells)| cells.num_chunks() > 1) {
        let range = draft.domain.axes()[axis];
        for cell in [1, cells.num_chunks() / 2, cells.num_chunks() - 1] {
            let (cut, _) = cells.chunk_range(cell);
            let mut sum = 0;
            for side in [AxisRange::new(0, cut), AxisRange::new(cut, range.len - cut)] {
                let mut region = draft.domain.clone();
                *region.axis_mut(axis) = range.compose(&side);
                sum += read(&touched(graph, &draft.wants(graph, &region), &draft.scope)?.held);
            }
            if sum > all {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Whether the two sides of some cut need more of the sources together than the whole does, as with prefixes and halos.
pub(super) fn reads_overlap(
    graph: &Graph,
    draft: &Draft,
    grid: &ChunkGrid,
    whole: &[(Slot, Region)],
) -> Result<bool> {
    let elements = |reads: &[(Slot, Region)]| reads.iter().map(|(_, region)| region.size()).sum::<usize>();
    for (axis, cells) in grid.axes().iter().enumerate().filter(|(_, cells)| cells.num_chunks() > 1) {
        let range = draft.domain.axes()[axis];
        let (cut, _) = cells.chunk_range(cells.num_chunks() / 2);
        let mut sum = 0;
        for side in [AxisRange::new(0, cut), AxisRange::new(cut, range.len - cut)] {
            let mut region = draft.domain.clone();
            *region.axis_mut(axis) = range.compose(&side);
            sum += elements(&touched(graph, &draft.wants(graph, &region), &draft.scope)?.reads);
        }
        if sum > elements(whole) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Elements of all granules that a rising region touches.
pub(crate) fn granule_elements(grid: &ChunkGrid, region: &Region) -> usize {
    grid.axes()
        .iter()
        .zip(region.axes())
        .map(|(chunks, range)| {
            if range.len == 0 {
                return 0;
            }
            let (low, high) = range.bounds();
            let (first, last) = (chunks.chunk_of(low), chunks.chunk_of(high - 1));
            if range.step as usize <= chunks.chunk_range(first).1 {
                let (start, _) = chunks.chunk_range(first);
                let (end, len) = chunks.chunk_range(last);
                return end + len - start;
            }
            (0..range.len).map(|i| chunks.chunk_range(chunks.chunk_of(range.get(i))).1).sum()
        })
        .product()
}
