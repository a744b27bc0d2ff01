//! Where work goes: grids, walks and what is held, under the budget.

use rustc_hash::{FxHashMap, FxHashSet};

use super::graph::{Graph, Slot};
use super::probe::{Grain, fold_bytes, granule_cuts, touched, worst_patch};
use super::stage::{Bands, PlanOptions, Stage, StageFigures, StageOutput, TargetKind};
use super::stages::{Draft, alignment, common};
use crate::buffer::rounded_size;
use crate::chunks::{AxisChunks, ChunkGrid};
use crate::error::{Error, Result};
use crate::eval::{AxisCuts, Fold, PATCH_ELEMENTS, Walk, Walks};
use crate::operation::Kind;
use crate::region::{AxisRange, Region};

/// A cell has at most this many elements, so that progress shows and a run can be stopped.
const CELL_ELEMENTS: usize = 16 << 20;

/// Tasks a thread should get, so that all end at about the same time.
const TASKS_PER_THREAD: usize = 8;

/// Cells are not cut shorter than this along the last axis without need: runs of memory and of files get short.
pub(super) const LAST_AXIS: usize = 1024;

/// The part of the budget that kept granules may take.
const CACHE_SHARE: usize = 4;

/// A stage with everything decided but its numbers among the others.
#[derive(Debug)]
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
    add_inner_walks(graph, draft, walks)?;
    let ndim = draft.domain.ndim();
    let wants = |part: &Region| draft.wants(graph, part);
    let Grain { mut cuts, square } = granule_cuts(graph, &draft.domain, &wants, &draft.scope)?;
    whole_blocks(graph, draft, &mut cuts)?;
    let align: Vec<usize> = (0..ndim).map(|axis| alignment(graph, draft, axis, false)).collect();
    // A fold inside a patch walks all that it folds: patches smaller than granules would decode them again and again.
    let by_granule = !draft.scope.inline.is_empty() && room.options.forced_patch.is_none();
    let mut walk = Walk { cuts, align, by_granule, square, outermost: draft.runs_along };
    let units = units(graph, draft, &walk)?;
    let threads = room.options.threads.max(1);
    let share = room.bytes / threads;
    let mut patch_elements = room.options.forced_patch.unwrap_or(PATCH_ELEMENTS);
    let mut best: Option<Placed> = None;
    loop {
        let patch = walk.patch_shape(&draft.domain.shape(), patch_elements);
        let fixed = largest_patch(graph, draft, &walk, &patch, walks)?;
        let bands = bands(graph, draft, &walk, &patch)?;
        // A share for every thread if possible; one task at a time if not.
        for allowed in [share, room.bytes] {
            let grid = grid(graph, draft, &units, &patch, bands, fixed.total(), allowed, room.options);
            let task_bytes =
                fixed.total() + cell_bytes(graph, draft, &grid, bands) + state_bytes(graph, draft, &grid)?;
            let figures = figures(graph, draft, &walk, &grid, task_bytes)?;
            let stage = Stage { bands, ..stage(graph, draft, grid, walk.clone(), patch.clone(), figures) };
            let cache_bytes = (2 * fixed.granules * threads).min(room.bytes / CACHE_SHARE);
            let fits = task_bytes + cache_bytes.min(fixed.granules) <= allowed;
            let placed = Placed { stage, cache_bytes };
            if fits {
                return Ok(placed);
            }
            let is_smaller = best.as_ref().is_none_or(|best| task_bytes < best.stage.figures.task_bytes);
            if is_smaller {
                best = Some(placed);
            }
        }
        if walk.by_granule {
            walk.by_granule = false;
            continue;
        }
        if patch_elements <= 256 || room.options.forced_patch.is_some() {
            let placed = best.ok_or_else(|| Error::Bug { what: "a stage without a candidate".into() })?;
            return Err(too_small(graph, draft, &placed.stage, room));
        }
        patch_elements /= 4;
        walks.patch_elements = walks.patch_elements.min(patch_elements);
    }
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
        reads: FxHashSet::default(),
        depends: Vec::new(),
        finishes,
        figures,
    }
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
        let Grain { cuts, square } = granule_cuts(graph, &domain, &wants, &draft.scope)?;
        let align = (0..domain.ndim()).map(|axis| op.spec().walk_alignment(axis)).collect();
        walks.inner.insert(node, Walk { cuts, align, by_granule: false, square, outermost: None });
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
        let corner = Region::new(metas[0].shape.iter().map(|_| AxisRange::at(0)).collect());
        if metas[0].size() == 0 || map.widen(metas, &corner).size() == 1 {
            continue;
        }
        let grid = &metas[0].chunks;
        if draft.domain.ndim() != grid.axes().len() {
            continue;
        }
        for (axis, chunks) in grid.axes().iter().enumerate() {
            if draft.domain.axes()[axis].len == chunks.len() {
                cuts[axis] = Some(AxisCuts { chunks: chunks.clone(), start: 0, step: 1, whole: true });
            }
        }
    }
    Ok(())
}

/// How a cell may be cut along an axis.
#[derive(Debug, Clone)]
pub(super) enum Unit {
    /// At multiples of this many positions.
    Multiple(usize),
    /// At the ends of these chunks.
    Ends(AxisChunks),
}

/// Cells own whole chunks of every sink, whole leaves, and if possible whole granules.
pub(super) fn units(graph: &Graph, draft: &Draft, walk: &Walk) -> Result<Vec<Unit>> {
    let mut units = Vec::with_capacity(draft.domain.ndim());
    for axis in 0..draft.domain.ndim() {
        let range = draft.domain.axes()[axis];
        if draft.runs_along == Some(axis) {
            units.push(Unit::Multiple(range.len.max(1)));
            continue;
        }
        let leaf = alignment(graph, draft, axis, true);
        let mut unit = leaf;
        let mut ends: Option<AxisChunks> = None;
        for output in draft.outputs.iter().filter(|output| !output.is_fold) {
            for (slot, kind) in &output.targets {
                if let TargetKind::Store(_, sink) = kind {
                    let step = output.image.as_ref().map_or(1, |image| image.axes[axis].1);
                    match &sink.grid(graph.meta(*slot))?.axes()[axis] {
                        AxisChunks::Regular { chunk, .. } => unit = common(unit, *chunk * step),
                        irregular => {
                            ends = Some(match ends {
                                Some(others) => joined(&others, &|end| {
                                    irregular.chunk_range(irregular.chunk_of(end)).0 == end
                                }),
                                None => irregular.clone(),
                            });
                        }
                    }
                }
            }
        }
        if let Some(ends) = ends {
            // Where one sink has chunks of several lengths and another of one, only ends that both have will do.
            units.push(Unit::Ends(joined(&ends, &|end| end.is_multiple_of(unit))));
            continue;
        }
        if let Some(cuts) = &walk.cuts[axis] {
            match &cuts.chunks {
                AxisChunks::Regular { chunk, .. } if cuts.start % chunk == 0 => {
                    let granule = (chunk / cuts.step / range.step.unsigned_abs()).max(1);
                    let both = common(unit, granule);
                    // Granules that do not fit the sink's chunks are decoded by two cells rather than joined far.
                    if cuts.whole || both <= 8 * unit.max(granule) {
                        unit = both;
                    }
                }
                AxisChunks::Rectilinear { .. } if cuts.whole && unit == 1 => {
                    units.push(Unit::Ends(cuts.chunks.clone()));
                    continue;
                }
                _ => {}
            }
        }
        units.push(Unit::Multiple(unit.min(range.len.max(1))));
    }
    Ok(units)
}

/// The chunks run together, so that only ends remain at which a cut is allowed.
fn joined(chunks: &AxisChunks, is_allowed: &dyn Fn(usize) -> bool) -> AxisChunks {
    let mut lengths = Vec::new();
    let mut sum = 0;
    let mut end = 0;
    for length in chunks.chunk_lengths() {
        sum += length;
        end += length;
        if end == chunks.len() || is_allowed(end) {
            lengths.push(sum);
            sum = 0;
        }
    }
    AxisChunks::from_lengths(&lengths)
}

/// Cuts the domain into cells, as few as fit the memory allowed and keep all threads busy.
#[allow(clippy::too_many_arguments, reason = "what decides about a grid; called once")]
fn grid(
    graph: &Graph,
    draft: &Draft,
    units: &[Unit],
    patch: &[usize],
    bands: Option<Bands>,
    fixed: usize,
    allowed: usize,
    options: &PlanOptions,
) -> ChunkGrid {
    let shape = draft.domain.shape();
    let ndim = shape.len();
    let elements: usize = shape.iter().product();
    let least: usize = patch.iter().product();
    let tasks = options.threads.max(1) * TASKS_PER_THREAD;
    let target = options
        .forced_cell
        .unwrap_or_else(|| (elements / tasks).clamp(least.min(CELL_ELEMENTS), CELL_ELEMENTS));
    let folded: FxHashSet<usize> = (0..ndim).filter(|&axis| is_folded(graph, draft, axis)).collect();
    let mut cell = shape.clone();
    loop {
        let size: usize = cell.iter().product();
        let too_many_bytes =
            fixed + cell_bytes(graph, draft, &regular(&shape, &cell, units), bands) > allowed;
        if size <= target && !too_many_bytes {
            break;
        }
        let least_len = |axis: usize| {
            let unit = match &units[axis] {
                Unit::Multiple(unit) => *unit,
                Unit::Ends(ends) => ends.max_chunk(),
            };
            let run = if axis + 1 == ndim && options.forced_cell.is_none() { LAST_AXIS } else { 1 };
            if too_many_bytes { unit } else { unit.max(run) }
        };
        let can_cut = |axis: usize| cell[axis] > least_len(axis);
        // Kept axes first, outermost first: cells of whole runs that share nothing. Then folded axes.
        let kept = (0..ndim).filter(|axis| !folded.contains(axis));
        let rest = (0..ndim).filter(|axis| folded.contains(axis));
        let Some(axis) = kept.chain(rest).find(|&axis| can_cut(axis)) else { break };
        let parts = size.div_ceil(target.max(1)).max(2);
        let unit = match &units[axis] {
            Unit::Multiple(unit) => *unit,
            Unit::Ends(_) => 1,
        };
        let wanted = cell[axis]
            .div_ceil(if too_many_bytes { 2 } else { parts })
            .max(least_len(axis).min(cell[axis] / 2));
        let len = wanted.div_ceil(unit) * unit;
        cell[axis] = if len < cell[axis] { len } else { unit.max(cell[axis] / 2 / unit * unit) };
    }
    regular(&shape, &cell, units)
}

pub(super) fn regular(shape: &[usize], cell: &[usize], units: &[Unit]) -> ChunkGrid {
    let axes = shape.iter().zip(cell).zip(units).map(|((&len, &cell), unit)| match unit {
        Unit::Multiple(_) => AxisChunks::regular(len, cell),
        Unit::Ends(ends) => {
            // Chunks of the sink run together up to the wished length.
            let mut lengths = Vec::new();
            let mut sum = 0;
            for length in ends.chunk_lengths() {
                if sum > 0 && sum + length > cell {
                    lengths.push(sum);
                    sum = 0;
                }
                sum += length;
            }
            lengths.push(sum);
            AxisChunks::from_lengths(&lengths)
        }
    });
    ChunkGrid::new(axes.collect())
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
            if !output.is_stored() {
                return 0;
            }
            let mut shape = output.part(&cell).shape();
            if let Some(Bands { axis, len }) = bands {
                // One band is being filled while the one before is completed.
                shape[axis] = shape[axis].min(2 * len);
            }
            rounded_size(shape.iter().product::<usize>() * graph.meta(output.slot).dtype.itemsize())
        })
        .sum()
}

/// Bytes of what scans carry from patch to patch: where they have come to, and where the patch before began.
fn state_bytes(graph: &Graph, draft: &Draft, grid: &ChunkGrid) -> Result<usize> {
    if draft.runs_along.is_none() {
        return Ok(0);
    }
    let cell = draft.domain.axes().iter().zip(grid.max_chunk());
    let cell = Region::new(cell.map(|(axis, len)| axis.compose(&AxisRange::new(0, len))).collect());
    let reached = touched(graph, &draft.wants(graph, &cell), &draft.scope)?;
    let bytes = reached.scans.iter().map(|(slot, region)| {
        let node = &graph.nodes[slot.node];
        let Kind::Scan(scan) = node.op.kind() else { return 0 };
        let lines = region.size() / region.axes()[scan.axis()].len.max(1);
        scan.state(&node.input_metas).iter().map(|dtype| 2 * lines * dtype.itemsize()).sum()
    });
    Ok(bytes.sum())
}

/// Cells that hold lines whole because scans run along them are written band by band.
fn bands(graph: &Graph, draft: &Draft, walk: &Walk, patch: &[usize]) -> Result<Option<Bands>> {
    let Some(axis) = draft.runs_along else { return Ok(None) };
    if draft.outputs.iter().any(|output| output.image.is_some()) {
        return Ok(None);
    }
    let mut unit = 1;
    for output in draft.outputs.iter().filter(|output| !output.is_fold) {
        for (slot, kind) in &output.targets {
            if let TargetKind::Store(_, sink) = kind {
                match &sink.grid(graph.meta(*slot))?.axes()[axis] {
                    AxisChunks::Regular { chunk, .. } => unit = common(unit, *chunk),
                    _ => return Ok(None),
                }
            }
        }
    }
    let part = match &walk.cuts[axis] {
        Some(cuts) => (cuts.chunks.max_chunk() / cuts.step).max(patch[axis]),
        None => patch[axis],
    };
    Ok(Some(Bands { axis, len: part.max(1).next_multiple_of(unit.max(1)) }))
}

/// The dearest of some patches: corners and the middle of the domain.
pub(super) fn largest_patch(
    graph: &Graph,
    draft: &Draft,
    walk: &Walk,
    patch: &[usize],
    walks: &Walks,
) -> Result<super::probe::PatchCost> {
    let shape = draft.domain.shape();
    if draft.domain.is_empty() {
        return Ok(Default::default());
    }
    let sample = |share: f64| {
        let axes = (0..shape.len()).map(|axis| {
            let len = patch[axis].min(shape[axis]);
            let align = if walk.align[axis] == usize::MAX { shape[axis] } else { walk.align[axis].max(1) };
            let start = ((shape[axis] - len) as f64 * share) as usize / align * align;
            draft.domain.axes()[axis].compose(&AxisRange::new(start, len.min(shape[axis] - start)))
        });
        Region::new(axes.collect())
    };
    let patches = [sample(0.0), sample(0.5), sample(1.0)];
    let wants = |part: &Region| draft.wants(graph, part);
    worst_patch(graph, &patches, &wants, &draft.scope, walks)
}

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
    figures.at_least = (0..draft.domain.ndim()).any(|axis| {
        let cells = &grid.axes()[axis];
        cells.num_chunks() > 1
            && match &walk.cuts[axis] {
                Some(AxisCuts { chunks: AxisChunks::Regular { chunk, .. }, start, step, .. }) => {
                    start % chunk != 0 || !(cells.max_chunk() * step).is_multiple_of(*chunk)
                }
                Some(_) => true,
                None => figures.bytes_read > 0 && walk.cuts.iter().any(Option::is_some),
            }
    });
    figures.at_least = figures.at_least || reads_overlap(graph, draft, grid, &whole.reads)?;
    figures.bytes_out = draft
        .outputs
        .iter()
        .map(|output| output.region.size() * graph.meta(output.slot).dtype.itemsize())
        .sum();
    Ok(figures)
}

/// Whether the two sides of some cut need more of the sources together than the whole does, as with prefixes and halos.
fn reads_overlap(graph: &Graph, draft: &Draft, grid: &ChunkGrid, whole: &[(Slot, Region)]) -> Result<bool> {
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
