//! Strips: folding and mapping in one stage.
//!
//! Where a stage maps with what another one folds from the same source, as in `(x - x.mean(axis=0)) / x.std(axis=0)`,
//! a cell that holds the folded axes whole can do both: it reads its strip of the source once and keeps it.

use rustc_hash::{FxHashMap, FxHashSet};

use super::figures::{figures, granule_elements};
use super::folds_apart::LEAST_READ;
use super::grain::{Grain, granule_cuts};
use super::graph::{Graph, Slot};
use super::grid::{LAST_AXIS, Unit, regular, units};
use super::patches::largest_patch;
use super::place::{Placed, Room, cell_bytes, stage};
use super::probe::{Scope, Touched, fold_bytes, touched};
use super::stage::{StageFigures, TargetKind};
use super::stages::Draft;
use crate::buffer::rounded_size;
use crate::chunks::ChunkGrid;
use crate::error::Result;
use crate::eval::{Fold, PATCH_ELEMENTS, Walk, Walks};
use crate::operation::Kind;
use crate::region::{AxisRange, Region};

/// Tries to fold what a stage holds inside its own cells instead: a strip that holds the folded axes whole is read
/// once, kept, folded and mapped.
pub(crate) fn in_strips(
    graph: &Graph,
    draft: &Draft,
    makers: &[&Draft],
    room: &Room<'_>,
    walks: &mut Walks,
) -> Result<Option<Placed>> {
    if draft.domain.is_empty() || makers.is_empty() {
        return Ok(None);
    }
    let mut scope = draft.scope.clone();
    let mut folds: Vec<Slot> = Vec::new();
    for maker in makers {
        for output in &maker.outputs {
            let only_ours = output.targets.iter().all(|(_, kind)| matches!(kind, TargetKind::Held));
            if !only_ours || !output.is_fold || !maker.reads.is_empty() {
                return Ok(None);
            }
            scope.held.remove(&output.slot);
            folds.push(output.slot);
        }
        scope.inline.extend(&maker.scope.inline);
    }
    folds.sort_unstable();
    let never_cut: FxHashSet<usize> = draft.repeated.values().flatten().copied().collect();
    let shape = draft.domain.shape();
    let cuttable: Vec<usize> = (0..shape.len())
        .filter(|axis| !never_cut.contains(axis) && shape[*axis] > 1 && draft.runs_along != Some(*axis))
        .collect();
    let Some(&axis) = cuttable.first() else { return Ok(None) };
    // What every task keeps: its part of the sources, and the folded results.
    let inline = Scope {
        held: scope.held.clone(),
        inline: scope.inline.iter().copied().chain(folds.iter().map(|slot| slot.node)).collect(),
        ..Scope::default()
    };
    let whole = touched(graph, &draft.wants(graph, &draft.domain), &inline)?;
    let sources: Vec<Slot> = {
        let mut counts: FxHashMap<Slot, usize> = FxHashMap::default();
        for (slot, _) in &whole.reads {
            *counts.entry(*slot).or_default() += 1;
        }
        let mut sources: Vec<Slot> = counts
            .into_iter()
            .filter(|(slot, count)| *count > 1 && is_dear(graph, *slot))
            // A stage that folds several reductions reads once as it is.
            .filter(|(slot, _)| makers.len() > 1 || draft.sources.contains(&slot.node))
            .map(|(slot, _)| slot)
            .collect();
        sources.sort_unstable();
        sources
    };
    if sources.is_empty() {
        return Ok(None);
    }
    let local: Vec<Slot> = sources.iter().chain(&folds).copied().collect();
    let strip = Draft {
        scope: Scope {
            held: scope.held.iter().chain(&local).copied().collect(),
            inline: scope.inline.clone(),
            ..Scope::default()
        },
        ..draft.clone()
    };
    let wants = |part: &Region| strip.wants(graph, part);
    let Grain { cuts, square, runs } =
        granule_cuts(graph, &draft.domain, &|part: &Region| draft.wants(graph, part), &inline)?;
    let align = vec![1; shape.len()];
    let walk = Walk { cuts, align, square, runs, outermost: draft.runs_along, ..Walk::default() };
    let units = units(graph, &strip, &walk, room.bytes)?;
    let Unit::Multiple(unit) = units[axis] else { return Ok(None) };
    let least = if axis + 1 == shape.len() { unit.max(LAST_AXIS.min(shape[axis])) } else { unit };
    let threads = room.options.threads.max(1);
    let share = room.bytes / threads;
    let mut len = shape[axis].div_ceil(room.options.workers() * 2).next_multiple_of(unit);
    if are_too_few(graph, &whole, &sources, shape[axis].div_ceil(len), room) {
        return Ok(None);
    }
    let patch = walk.patch_shape(&shape, PATCH_ELEMENTS);
    let fixed = largest_patch(graph, &strip, &walk, &patch, walks)?;
    loop {
        let mut cell = shape.clone();
        cell[axis] = len.min(shape[axis]);
        let region = Region::from_iter(
            draft.domain.axes().iter().zip(&cell).map(|(a, &len)| a.compose(&AxisRange::new(0, len))),
        );
        let kept = strip_bytes(graph, &wants(&region), &inline, &sources, &folds)?;
        let grid = regular(&shape, &cell, &units);
        let task_bytes = fixed.total() + kept + cell_bytes(graph, &strip, &grid, None);
        if task_bytes <= share {
            for slot in &folds {
                let Kind::Reduce(op) = graph.nodes[slot.node].op.kind() else { continue };
                let align = (0..op.domain(&graph.nodes[slot.node].input_metas).len())
                    .map(|axis| op.spec().walk_alignment(axis))
                    .collect();
                walks.inner.insert(slot.node, Walk::plain(align));
            }
            let figures =
                StageFigures { task_bytes, ..figures_of_strips(graph, draft, &inline, &walk, &grid)? };
            let mut stage = stage(graph, &strip, grid, walk, patch, figures);
            stage.local = local;
            return Ok(Some(Placed { stage, cache_bytes: fixed.granules * threads }));
        }
        if len <= least {
            return Ok(None);
        }
        len = (len / 2).next_multiple_of(unit).max(least);
    }
}

fn figures_of_strips(
    graph: &Graph,
    draft: &Draft,
    inline: &Scope,
    walk: &Walk,
    grid: &ChunkGrid,
) -> Result<StageFigures> {
    let once = Draft { scope: inline.clone(), ..draft.clone() };
    let mut figures = figures(graph, &once, walk, grid, 0)?;
    // Every source is counted for the fold and for the map, and read once.
    let whole = touched(graph, &once.wants(graph, &once.domain), inline)?;
    let mut seen: FxHashSet<Slot> = FxHashSet::default();
    let (mut bytes, mut elements) = (0, 0);
    for (slot, region) in &whole.reads {
        let is_new = seen.insert(*slot);
        let size = region.size();
        match graph.nodes[slot.node].op.kind() {
            Kind::Generator(_) if is_new => elements += size,
            Kind::Source(source) if is_new && is_dear(graph, *slot) => {
                let size = source.granule_grid().map_or(size, |grid| granule_elements(&grid, region));
                bytes += size * graph.meta(*slot).dtype.itemsize();
            }
            _ => {}
        }
    }
    figures.bytes_read = bytes;
    figures.elements_generated = elements;
    Ok(figures)
}

/// Bytes of what a task computes over its whole cell and keeps.
fn strip_bytes(
    graph: &Graph,
    wants: &[(Slot, Region)],
    inline: &Scope,
    sources: &[Slot],
    folds: &[Slot],
) -> Result<usize> {
    let cell = touched(graph, wants, inline)?;
    let mut hulls: FxHashMap<Slot, Region> = FxHashMap::default();
    for (slot, region) in cell.reads.iter().chain(&cell.folded) {
        if sources.contains(slot) || folds.contains(slot) {
            let hull = hulls.entry(*slot).or_insert_with(|| region.clone());
            *hull = hull.hull(region);
        }
    }
    Ok(hulls
        .iter()
        .map(|(slot, region)| {
            let nbytes = rounded_size(region.size() * graph.meta(*slot).dtype.itemsize());
            if folds.contains(slot) {
                let domain = crate::eval::domain_region(graph, slot.node, region);
                return nbytes + fold_bytes(&Fold::new(graph, slot.node), &domain);
            }
            nbytes
        })
        .sum())
}

/// Whether so many strips would leave workers idle for long, while files at hand can as well be read twice.
fn are_too_few(graph: &Graph, whole: &Touched, sources: &[Slot], strips: usize, room: &Room<'_>) -> bool {
    let is_near = |slot: &Slot| match graph.nodes[slot.node].op.kind() {
        Kind::Source(source) => !source.reads_ahead(),
        _ => true,
    };
    let nbytes = |slot: &Slot| Touched::size_of(&whole.reads, *slot) * graph.meta(*slot).dtype.itemsize();
    strips < room.options.workers()
        && sources.iter().all(is_near)
        && sources.iter().map(nbytes).sum::<usize>() >= LEAST_READ
}

/// Whether reading a source again would cost something.
fn is_dear(graph: &Graph, slot: Slot) -> bool {
    match graph.nodes[slot.node].op.kind() {
        Kind::Source(source) => {
            let ndim = graph.meta(slot).ndim();
            source.borrow(&Region::new(vec![AxisRange::new(0, 0); ndim])).is_none()
        }
        Kind::Generator(_) => graph.nodes[slot.node].op.cost() > 4.0,
        _ => false,
    }
}
