//! Where work goes: grids, walks and what is held, under the budget.

use rustc_hash::{FxHashMap, FxHashSet};

use super::apart::reads_apart;
use super::batch::batch;
use super::figures::figures;
use super::grain::{Grain, granule_cuts};
use super::graph::{Graph, Slot};
use super::grid::{Unit, grid, units};
use super::mirror;
use super::patches::{best_patch, cached_patch, largest_patch, within_cells};
use super::probe::{PatchCost, fold_bytes, touched};
use super::scans::{bands, state_bytes};
use super::stage::{Bands, PlanOptions, Stage, StageFigures, StageOutput, TargetKind};
use super::stages::{Draft, alignment};
use crate::buffer::rounded_size;
use crate::chunks::ChunkGrid;
use crate::error::{Error, Result};
use crate::eval::{AxisCuts, Fold, Walk, Walks};
use crate::operation::Kind;
use crate::region::{AxisRange, Region};

/// Patches are not made smaller than this to fit the memory.
const SMALLEST_PATCH: usize = 256;

/// Patches are prepared together where a task may use at least this many bytes.
const LEAST_SHARE: usize = 16 << 20;

/// The part of the budget that kept granules may take.
const CACHE_SHARE: usize = 4;

/// A stage with everything decided but its numbers among the others.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub stage: Stage,
    pub cache_bytes: usize,
}

/// What the stage may use.
pub(crate) struct Room<'a> {
    pub options: &'a PlanOptions,
    /// Bytes left after what is held.
    pub bytes: usize,
}

/// Gives a stage its walk, its patch and its work grid.
pub(crate) fn place(graph: &Graph, draft: &Draft, room: &Room<'_>, walks: &mut Walks) -> Result<Placed> {
    if draft.mirrored.is_some() {
        let mut changed = walks.clone();
        match place_as_drafted(graph, draft, room, &mut changed) {
            Ok(placed) if placed.stage.mirrored.is_some() => {
                *walks = changed;
                return Ok(placed);
            }
            // Square cells may be what does not fit.
            Ok(_) | Err(Error::MemoryTooSmall { .. }) => {}
            Err(error) => return Err(error),
        }
        let draft = Draft { mirrored: None, ..draft.clone() };
        return place_as_drafted(graph, &draft, room, walks);
    }
    place_as_drafted(graph, draft, room, walks)
}

fn place_as_drafted(graph: &Graph, draft: &Draft, room: &Room<'_>, walks: &mut Walks) -> Result<Placed> {
    add_inner_walks(graph, draft, walks)?;
    let ndim = draft.domain.ndim();
    let wants = |part: &Region| draft.wants(graph, part);
    let Grain { mut cuts, square, runs } = granule_cuts(graph, &draft.domain, &wants, &draft.scope)?;
    whole_blocks(graph, draft, &mut cuts)?;
    let align: Vec<usize> = (0..ndim).map(|axis| alignment(graph, draft, axis, false)).collect();
    // A fold inside a patch walks all that it folds: patches smaller than granules would decode them again and again.
    // What only passes on what it reads has no use for less than a granule either.
    let by_granule =
        (!draft.scope.inline.is_empty() || passes_on(graph, draft)) && room.options.forced_patch.is_none();
    let mut walk =
        Walk { cuts, align, by_granule, square, runs, outermost: draft.runs_along, ..Walk::default() };
    walk.apart = reads_apart(graph, draft)?;
    if room.options.forced_patch.is_none() {
        walk.best = best_patch(graph, draft);
    }
    let share = room.bytes / room.options.threads.max(1);
    let units = units(graph, draft, &walk, share)?;
    let mut patch_elements = match room.options.forced_patch {
        Some(forced) => forced,
        None => cached_patch(graph, draft, &walk, walks)?,
    };
    // The first that fits but decodes granules again for every patch, and the smallest that does not fit.
    let mut reads_again: Option<Placed> = None;
    let mut smallest: Option<Placed> = None;
    let mut was_by_granule = by_granule || room.options.forced_patch.is_some();
    loop {
        // A share for every thread if possible; one task at a time if not.
        for allowed in [share, room.bytes] {
            let (placed, fit) = candidate(graph, draft, &walk, patch_elements, &units, room, allowed, walks)?;
            match fit {
                Fit::ReadsOnce => return Ok(placed),
                Fit::ReadsAgain => {
                    reads_again.get_or_insert(placed);
                }
                Fit::TooLarge => {
                    let bytes = placed.stage.figures.task_bytes;
                    if smallest.as_ref().is_none_or(|smallest| bytes < smallest.stage.figures.task_bytes) {
                        smallest = Some(placed);
                    }
                }
            }
        }
        match reads_again.take() {
            Some(placed) if was_by_granule => return Ok(placed),
            // Patches of whole granules need none of them again, if there is room for such patches.
            Some(placed) => {
                (was_by_granule, walk.by_granule, reads_again) = (true, true, Some(placed));
            }
            None if walk.by_granule => walk.by_granule = false,
            None if patch_elements <= SMALLEST_PATCH || room.options.forced_patch.is_some() => {
                let placed =
                    smallest.ok_or_else(|| Error::Bug { what: "a stage without a candidate".into() })?;
                return Err(too_small(graph, draft, &placed.stage, room));
            }
            None => {
                patch_elements /= 4;
                walks.patch_elements = walks.patch_elements.min(patch_elements);
            }
        }
    }
}

/// How a way to run a stage meets the memory allowed.
enum Fit {
    ReadsOnce,
    /// It fits, but there is no room to keep the granules that several patches need.
    ReadsAgain,
    TooLarge,
}

/// A stage in patches of about so many elements, with cells as large as the memory allowed has room for.
#[allow(clippy::too_many_arguments, reason = "what decides about a stage; called once")]
fn candidate(
    graph: &Graph,
    draft: &Draft,
    walk: &Walk,
    patch_elements: usize,
    units: &[Unit],
    room: &Room<'_>,
    allowed: usize,
    walks: &Walks,
) -> Result<(Placed, Fit)> {
    let threads = room.options.threads.max(1);
    let patch = walk.patch_shape(&draft.domain.shape(), patch_elements);
    let coding = coding_bytes(draft, room.options);
    let costs = |patch: &[usize]| -> Result<PatchCost> {
        let cost = largest_patch(graph, draft, walk, patch, walks)?;
        Ok(PatchCost { decoding: cost.decoding + coding, ..cost })
    };
    let fixed = costs(&patch)?;
    let bands = bands(graph, draft, walk, &patch)?;
    let kept = fixed.granules.min(room.bytes / CACHE_SHARE);
    let beside = fixed.total() + kept;
    // A cell would have to be next to nothing beside such a patch; a smaller patch leaves it room.
    let may_shrink = patch_elements > SMALLEST_PATCH && room.options.forced_patch.is_none();
    let is_too_large = may_shrink && beside >= allowed;
    let grid = grid(graph, draft, units, walk, &patch, bands, beside, allowed, room.options);
    let (patch, fixed) = match within_cells(draft, &patch, &grid) {
        Some(patch) => (patch.clone(), costs(&patch)?),
        None => (patch, fixed),
    };
    let batch = match room.bytes / threads >= LEAST_SHARE {
        true => batch(graph, draft, walk, &patch, walks)?,
        false => None,
    };
    let (batch, operands) = batch.unwrap_or_default();
    let walk = Walk { batch, ..walk.clone() };
    let task_bytes =
        fixed.total() + operands + cell_bytes(graph, draft, &grid, bands) + state_bytes(graph, draft, &grid)?;
    let mut figures = figures(graph, draft, &walk, &grid, task_bytes)?;
    // Room for the granules of a patch, which those after it need too, wherever it is left.
    let left = room.bytes.saturating_sub(task_bytes);
    let most_kept = (room.bytes / CACHE_SHARE).max(fixed.granules * threads).min(left);
    let cache_bytes = (2 * fixed.granules * threads).min(most_kept);
    let least = task_bytes + cache_bytes.min(fixed.granules);
    // Beside as many tasks as fit, and no more.
    let running = (room.bytes / least.max(1)).clamp(1, threads);
    let cache_bytes = cache_bytes.min(room.bytes.saturating_sub(running * task_bytes));
    let fit = match least <= allowed && !is_too_large {
        true if cache_bytes >= running * fixed.granules => Fit::ReadsOnce,
        true => Fit::ReadsAgain,
        false => Fit::TooLarge,
    };
    // What leaves the cache before a cell is done with it is read again.
    let reads_again = cache_bytes < running * fixed.granules;
    figures.at_least |= reads_again && figures.bytes_read > 0;
    figures.unspilled_at_least |= reads_again && figures.bytes_unspilled > 0;
    let mirrored = draft.mirrored.filter(|&axes| mirror::fits(&grid, units, axes));
    let stage = Stage { bands, mirrored, ..stage(graph, draft, grid, walk, patch, figures) };
    Ok((Placed { stage, cache_bytes }, fit))
}

pub(super) fn stage(
    graph: &Graph,
    draft: &Draft,
    grid: ChunkGrid,
    walk: Walk,
    patch: Vec<usize>,
    figures: StageFigures,
) -> Stage {
    let finishes = (0..draft.domain.ndim())
        .all(|axis| grid.axes()[axis].num_chunks() == 1 || !is_folded(graph, draft, axis));
    Stage {
        domain: draft.domain.clone(),
        grid,
        outputs: Vec::new(),
        local: Vec::new(),
        walk,
        patch,
        bands: None,
        mirrored: None,
        reads: FxHashSet::default(),
        depends: Vec::new(),
        finishes,
        figures,
    }
}

/// Whether a stage does nothing but read a source for stages that need it otherwise.
fn passes_on(graph: &Graph, draft: &Draft) -> bool {
    draft.outputs.iter().all(|output| {
        let is_held = output.targets.iter().all(|(_, kind)| matches!(kind, TargetKind::Held));
        is_held && matches!(graph.nodes[output.slot.node].op.kind(), Kind::Source(_))
    })
}

fn too_small(graph: &Graph, draft: &Draft, stage: &Stage, room: &Room<'_>) -> Error {
    let output = &draft.outputs[0];
    let op = graph.nodes[output.slot.node].op.name();
    let held = room.options.memory.saturating_sub(room.bytes);
    let mut help = format!("its smallest cell is {}", stage.cell(0));
    if held > 0 {
        help += &format!(", beside {} held for other stages", crate::chunks::format_bytes(held));
    }
    help += match stage.walk.cuts.iter().flatten().any(|cuts| cuts.whole) {
        true => {
            "; a function in it is called for whole chunks: rechunk first, or use map_elements, or allow more memory"
        }
        false => "; allow more memory, or give the sources and the output smaller chunks",
    };
    Error::MemoryTooSmall {
        what: format!("{op} over {}", draft.domain),
        needed: held + stage.figures.task_bytes,
        allowed: room.options.memory,
        help,
    }
}

/// How the domains of the reductions inside a stage are walked.
fn add_inner_walks(graph: &Graph, draft: &Draft, walks: &mut Walks) -> Result<()> {
    let inline: Vec<usize> = draft.scope.inline.iter().copied().collect();
    for node in inline {
        let Kind::Reduce(op) = graph.nodes[node].op.kind() else { continue };
        let domain = Region::full(&op.domain(&graph.nodes[node].input_metas));
        let wants = |part: &Region| super::probe::fold_wants(graph, node, part);
        let Grain { cuts, square, runs } = granule_cuts(graph, &domain, &wants, &draft.scope)?;
        let align = (0..domain.ndim()).map(|axis| op.spec().walk_alignment(axis)).collect();
        walks.inner.insert(node, Walk { cuts, align, square, runs, best: op.best_box(), ..Walk::default() });
    }
    Ok(())
}

/// Functions of whole blocks are called for whole chunks: patches must not cut them.
fn whole_blocks(graph: &Graph, draft: &Draft, cuts: &mut [Option<AxisCuts>]) -> Result<()> {
    if draft.domain.is_empty() {
        return Ok(());
    }
    let origin: Vec<AxisRange> = draft.domain.axes().iter().map(|axis| AxisRange::at(axis.start)).collect();
    let reached = touched(graph, &draft.wants(graph, &Region::new(origin.clone())), &draft.scope)?;
    for &node in &reached.ops {
        let Kind::Map(map) = graph.nodes[node].op.kind() else { continue };
        let metas = &graph.nodes[node].metas;
        let corner = Region::from_iter(metas[0].shape.iter().map(|_| AxisRange::at(0)));
        if metas[0].size() == 0 || map.widen(metas, &corner).size() == 1 {
            continue;
        }
        let grid = &metas[0].chunks;
        if draft.domain.ndim() != grid.axes().len() {
            continue;
        }
        for (axis, chunks) in grid.axes().iter().enumerate() {
            if draft.domain.axes()[axis].len == chunks.len() {
                cuts[axis] = Some(AxisCuts {
                    chunks: chunks.clone(),
                    start: 0,
                    step: 1,
                    whole: true,
                    are_runs: false,
                });
            }
        }
    }
    Ok(())
}

/// Whether a reduction of the stage folds this axis.
pub(crate) fn is_folded(graph: &Graph, draft: &Draft, axis: usize) -> bool {
    draft.outputs.iter().filter(|output| output.is_fold).any(|output| {
        matches!(graph.nodes[output.slot.node].op.kind(), Kind::Reduce(op) if op.spec().axes().contains(&axis))
    })
}

/// Bytes that a task keeps for its whole cell: what it will hand to a sink, and its accumulators.
pub(super) fn cell_bytes(graph: &Graph, draft: &Draft, grid: &ChunkGrid, bands: Option<Bands>) -> usize {
    let cell: Vec<AxisRange> = draft
        .domain
        .axes()
        .iter()
        .zip(grid.max_chunk())
        .map(|(axis, len)| axis.compose(&AxisRange::new(0, len)))
        .collect();
    let cell = Region::new(cell);
    draft
        .outputs
        .iter()
        .map(|output| {
            if output.is_fold {
                return fold_bytes(&Fold::new(graph, output.slot.node), &cell);
            }
            let itemsize = graph.meta(output.slot).dtype.itemsize();
            let spilled = output.spill.as_ref().map_or(0, |readers| {
                let mut shape = output.part(&cell).shape();
                if let Some(Bands { axis, .. }) = bands {
                    shape[axis] = shape[axis].min(2 * readers.axes()[axis].max_chunk());
                }
                collected_bytes(&shape, readers, itemsize)
            });
            if !output.is_stored() {
                return spilled;
            }
            let mut shape = output.part(&cell).shape();
            if let Some(Bands { axis, len }) = bands {
                // One band is being filled while the one before is completed.
                shape[axis] = shape[axis].min(2 * len);
            }
            // What is written a second time is turned for that.
            let copies = if draft.mirrored.is_some() { 2 } else { 1 };
            spilled + copies * rounded_size(shape.iter().product::<usize>() * itemsize)
        })
        .sum()
}

/// Bytes that a task needs to compress what it writes to spill files, or to decompress what it reads there.
fn coding_bytes(draft: &Draft, options: &PlanOptions) -> usize {
    let is_spilled =
        draft.outputs.iter().any(|output| output.spill.is_some()) || !draft.scope.spilled.is_empty();
    if is_spilled { options.spill_codec().scratch() } else { 0 }
}

/// Bytes of the parts of a cell that go to different cells of readers, at their rounded sizes: at most an eighth more
/// than the cell, and the smallest buffer for each.
fn collected_bytes(cell: &[usize], readers: &ChunkGrid, itemsize: usize) -> usize {
    let parts: usize = cell
        .iter()
        .zip(readers.axes())
        .map(|(len, cells)| (len.div_ceil(cells.max_chunk().max(1)) + 1).min(cells.num_chunks()))
        .product();
    let bytes = cell.iter().product::<usize>() * itemsize;
    bytes + bytes / 8 + parts * rounded_size(1)
}

/// The outputs of a draft as the stage has them, with the numbers of their targets.
pub(crate) fn stage_outputs(draft: &Draft, target: &FxHashMap<Slot, Vec<usize>>) -> Vec<StageOutput> {
    draft
        .outputs
        .iter()
        .map(|output| {
            let numbers = |slot: Slot| target.get(&slot).cloned().unwrap_or_default();
            if !output.is_fold {
                let (slot, image) = (output.slot, output.image.clone());
                return StageOutput::Written { slot, targets: numbers(slot), image };
            }
            let mut slots: Vec<Slot> = output.targets.iter().map(|(slot, _)| *slot).collect();
            slots.sort_unstable();
            slots.dedup();
            let targets = slots
                .into_iter()
                .flat_map(|slot| numbers(slot).into_iter().map(move |number| (slot.output, number)))
                .collect();
            StageOutput::Folded { node: output.slot.node, targets }
        })
        .collect()
}
