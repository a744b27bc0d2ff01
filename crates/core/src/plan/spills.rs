//! Which values are held in spill files, and how they lie there.

use std::path::PathBuf;
use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::graph::{Graph, Slot};
use super::place::{Room, place};
use super::probe::touched;
use super::stage::{Plan, PlanOptions, Request, Stage, Target, TargetKind};
use super::stages::{Draft, DraftOutput};
use crate::chunks::ChunkGrid;
use crate::error::{Error, Result};
use crate::eval::Walks;
use crate::operation::Kind;
use crate::region::Region;
use crate::spill::SpillLayout;

/// Cells of readers have at least so many bytes where the memory allows that: they are read in one go.
const LEAST_CELL: usize = 64 << 10;

/// The part of the budget that the least cell may take.
const SMALL_PART: usize = 1024;

/// The options with the place for spill files that suits what is written.
pub(super) fn beside_results(requests: &[(usize, Request)], options: &PlanOptions) -> PlanOptions {
    let mut options = options.clone();
    let directories = requests.iter().filter_map(|(_, request)| match request {
        Request::Store(_, sink) => sink.directory(),
        Request::Collect(_) => None,
    });
    let directory: Option<PathBuf> = { directories }.next();
    if let (Some(place), Some(directory)) = (&options.spill, directory)
        && let Some(other) = place.beside(&directory)
    {
        options.spill = Some(other);
    }
    options
}

/// Values that may be held in a file: not those that a stage over strips reads, which reckons with memory.
pub(super) fn can_be_spilled(plan: &Plan, target: &Target, strips: &FxHashSet<usize>) -> bool {
    matches!(target.kind, TargetKind::Held)
        && plan.options.spill.is_some()
        && !target.readers.is_empty()
        && !target.readers.iter().any(|reader| strips.contains(reader))
        && !target.region.is_empty()
        // What every task needs whole must be in memory anyway.
        && !plan.graph.nodes.iter().any(|node| {
            node.inputs.contains(&target.slot) && matches!(node.op.kind(), Kind::Map(map) if map.is_held())
        })
}

/// Of the values that are held in memory while a stage runs, the largest that could be held in a file.
pub(super) fn largest_held(
    plan: &Plan,
    stage: usize,
    spilled: &FxHashSet<Slot>,
    strips: &FxHashSet<usize>,
) -> Option<Slot> {
    plan.targets
        .iter()
        .filter(|target| {
            target.stage <= stage
                && target.readers.iter().any(|&reader| reader >= stage)
                && !spilled.contains(&target.slot)
                && can_be_spilled(plan, target, strips)
        })
        .max_by_key(|target| target.nbytes)
        .map(|target| target.slot)
}

/// How those who read a value are cut, in positions of the region that is held: along every axis as long as the next
/// cell is away.
pub(super) fn reader_cells(
    graph: &Graph,
    drafts: &[Draft],
    slot: Slot,
    region: &Region,
    room: &Room<'_>,
    walks: &Walks,
) -> Result<ChunkGrid> {
    let (shape, options) = (region.shape(), room.options);
    for draft in drafts.iter().filter(|draft| draft.reads.iter().any(|(read, _)| *read == slot)) {
        let Ok(placed) = place(graph, draft, room, &mut walks.clone()) else { continue };
        let moves = moves(graph, draft, &placed.stage, slot, region)?;
        let cell: Vec<usize> = shape.iter().zip(moves).map(|(&len, moved)| moved.unwrap_or(len)).collect();
        let least = options.forced_cell.map_or(LEAST_CELL, |_| 1).min(options.memory / SMALL_PART);
        let least = least / graph.meta(slot).dtype.itemsize().max(1);
        return Ok(ChunkGrid::regular(&shape, &grown(cell, &shape, least)));
    }
    Ok(ChunkGrid::single(&shape))
}

/// A cell made longer along its last axes until it has at least so many elements.
fn grown(mut cell: Vec<usize>, shape: &[usize], least: usize) -> Vec<usize> {
    for axis in (0..cell.len()).rev() {
        let size: usize = cell.iter().product();
        let times = least.div_ceil(size.max(1)).max(1);
        cell[axis] = cell[axis].saturating_mul(times).clamp(1, shape[axis].max(1));
    }
    cell
}

/// How far the positions that a cell reads move, along every axis, from a cell in the middle to its neighbours.
fn moves(
    graph: &Graph,
    draft: &Draft,
    stage: &Stage,
    slot: Slot,
    region: &Region,
) -> Result<Vec<Option<usize>>> {
    let counts = stage.grid.numblocks();
    let middle: Vec<usize> = counts.iter().map(|count| (count - 1) / 2).collect();
    let read = |at: &[usize]| -> Result<Vec<Region>> {
        let held = touched(graph, &draft.wants(graph, &stage.cell_at(at)), &draft.scope)?.held;
        let own = held.into_iter().filter(|(other, _)| *other == slot);
        Ok(own.map(|(_, asked)| crate::eval::positions(region, &asked)).collect())
    };
    let here = read(&middle)?;
    let mut moves: Vec<Option<usize>> = vec![None; region.ndim()];
    for (axis, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 1) {
        let mut next = middle.clone();
        next[axis] = (next[axis] + 1).min(count - 1);
        for (from, to) in here.iter().zip(read(&next)?) {
            for ((moved, from), to) in moves.iter_mut().zip(from.axes()).zip(to.axes()) {
                let far = to.start.abs_diff(from.start);
                if far > 0 {
                    *moved = Some(moved.map_or(far, |known| known.min(far)));
                }
            }
        }
    }
    Ok(moves)
}

/// The layout of what a stage that has its grid writes into a spill file.
pub(super) fn layout(
    graph: &Graph,
    output: &DraftOutput,
    readers: &ChunkGrid,
    stage: &Stage,
    options: &PlanOptions,
) -> SpillLayout {
    let shape = output.region.shape();
    let mut writers = ChunkGrid::single(&shape).axes().to_vec();
    let kept: Vec<usize> = match graph.nodes[output.slot.node].op.kind() {
        Kind::Reduce(op) if output.is_fold => op.spec().kept_axes(stage.domain.ndim()),
        _ => (0..stage.domain.ndim()).collect(),
    };
    for (axis, from) in kept.into_iter().enumerate() {
        let cells = &stage.grid.axes()[from];
        if output.image.is_none() && cells.len() == shape[axis] {
            writers[axis] = cells.clone();
        }
    }
    let dtype = graph.meta(output.slot).dtype;
    SpillLayout::new(output.region.clone(), dtype, &ChunkGrid::new(writers), readers.clone())
        .compressed(options.spill_codec())
}

/// Bytes in spill files while a stage runs.
pub(super) fn spilled_bytes(plan: &Plan, stage: usize) -> usize {
    let alive = |target: &&Target| {
        target.spill.is_some()
            && target.stage <= stage
            && target.readers.iter().any(|&reader| reader >= stage)
    };
    plan.targets.iter().filter(alive).map(|target| target.nbytes).fold(0, usize::saturating_add)
}

/// Proves that the place has room for the spill files.
pub(super) fn check_room(plan: &Plan) -> Result<()> {
    let Some(place) = &plan.options.spill else { return Ok(()) };
    if plan.spill_bytes == 0 {
        return Ok(());
    }
    let free = place.room()?;
    if plan.spill_bytes <= free {
        return Ok(());
    }
    let largest =
        plan.targets.iter().filter(|target| target.spill.is_some()).max_by_key(|target| target.nbytes);
    let what = largest.map_or_else(
        || "the plan".to_owned(),
        |target| {
            let shape = target.region.shape();
            format!("holding {} of shape {shape:?}", plan.graph.nodes[target.slot.node].op.name())
        },
    );
    Err(Error::SpillTooLarge {
        what,
        place: place.name(),
        needed: plan.spill_bytes,
        free,
        help: "choose another directory (--spill DIR on the command line), or allow more memory".into(),
    })
}

/// A draft that knows which of the values that it reads lie in spill files, and which of its own go there.
pub(super) fn informed(
    draft: &Draft,
    targets: &[Target],
    readers: &rustc_hash::FxHashMap<Slot, ChunkGrid>,
) -> Option<Draft> {
    let mut informed: Option<Draft> = None;
    for (slot, _) in &draft.reads {
        let lies = targets.iter().find_map(|target| target.spill.clone().filter(|_| target.slot == *slot));
        if let Some(layout) = lies {
            informed.get_or_insert_with(|| draft.clone()).scope.spilled.insert(*slot, Arc::clone(&layout));
        }
    }
    for (number, output) in draft.outputs.iter().enumerate() {
        let is_held = output.targets.iter().any(|(_, kind)| matches!(kind, TargetKind::Held));
        if is_held && let Some(cells) = readers.get(&output.slot) {
            let informed = informed.get_or_insert_with(|| draft.clone());
            informed.outputs[number].spill = Some(cells.clone());
            // Blocks of a spill file are written by the cells that they are laid out for.
            informed.mirrored = None;
        }
    }
    informed
}
