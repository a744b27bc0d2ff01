//! How a domain is cut into cells.

use rustc_hash::FxHashSet;

use super::graph::Graph;
use super::mirror;
use super::place::{cell_bytes, is_folded};
use super::stage::{Bands, PlanOptions, TargetKind};
use super::stages::{Draft, alignment, common};
use crate::chunks::{AxisChunks, ChunkGrid};
use crate::error::Result;
use crate::eval::{PATCH_ELEMENTS, Walk};

/// A cell has at most this many elements, so that progress shows and a run can be stopped.
const CELL_ELEMENTS: usize = 16 << 20;

/// Tasks a thread should get, so that all end at about the same time.
const TASKS_PER_THREAD: usize = 8;

/// Cells are not cut shorter than this along the last axis without need: runs of memory and of files get short.
pub(super) const LAST_AXIS: usize = 1024;

/// How a cell may be cut along an axis.
#[derive(Debug, Clone)]
pub(super) enum Unit {
    /// At multiples of this many positions.
    Multiple(usize),
    /// At the ends of these chunks.
    Ends(AxisChunks),
}

/// Cells own whole chunks of every sink, whole leaves, and if possible whole granules: not if cells that own both would
/// be large although granules and chunks are not, as where long chunks lie across long granules.
pub(super) fn units(graph: &Graph, draft: &Draft, walk: &Walk, most_bytes: usize) -> Result<Vec<Unit>> {
    let shape = draft.domain.shape();
    let (mut joined, granule) = joined_units(graph, draft, walk, true)?;
    let (mut apart, _) = joined_units(graph, draft, walk, false)?;
    if let Some(axes) = draft.mirrored {
        mirror::join_units(&mut joined, axes, shape[axes.0]);
        mirror::join_units(&mut apart, axes, shape[axes.0]);
    }
    let size = |units: &[Unit]| -> usize { least_cell(&shape, units).iter().product() };
    let (both, one) = (size(&joined), size(&apart).max(granule));
    // What a fold makes is small, however large its cell.
    let bytes = cell_bytes(graph, draft, &regular(&shape, &least_cell(&shape, &joined), &joined), None);
    let is_large = both > CELL_ELEMENTS || bytes > most_bytes;
    Ok(if is_large && both >= 2 * one { apart } else { joined })
}

/// The smallest cell.
fn least_cell(shape: &[usize], units: &[Unit]) -> Vec<usize> {
    let least = |(len, unit): (&usize, &Unit)| match unit {
        Unit::Multiple(unit) => (*unit).min(*len).max(1),
        Unit::Ends(ends) => ends.max_chunk().max(1),
    };
    shape.iter().zip(units).map(least).collect()
}

/// How cells may be cut, with or without regard to granules, and the elements of a granule.
fn joined_units(
    graph: &Graph,
    draft: &Draft,
    walk: &Walk,
    with_granules: bool,
) -> Result<(Vec<Unit>, usize)> {
    let mut granule_size: usize = 1;
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
        if let Some(cuts) =
            walk.cuts[axis].as_ref().filter(|cuts| with_granules && !cuts.are_runs || cuts.whole)
        {
            granule_size = granule_size.saturating_mul((cuts.chunks.max_chunk() / cuts.step).max(1));
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
    Ok((units, granule_size))
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
pub(super) fn grid(
    graph: &Graph,
    draft: &Draft,
    units: &[Unit],
    walk: &Walk,
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
    // Patches that are long for the sake of reads must not leave workers idle.
    let most = CELL_ELEMENTS.min((elements / options.workers().max(1)).max(PATCH_ELEMENTS));
    let tasks = options.workers() * TASKS_PER_THREAD;
    let target = options.forced_cell.unwrap_or_else(|| match walk.best {
        Some(_) => (elements / tasks).max(least),
        None => (elements / tasks).clamp(least.min(most), CELL_ELEMENTS),
    });
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
            let run = match &walk.best {
                _ if options.forced_cell.is_some() => 1,
                Some(_) => patch[axis],
                None => {
                    let run = walk.runs.get(axis).copied().unwrap_or(1);
                    // Where there is little beside an axis, it alone keeps all workers busy.
                    let is_alone = elements / shape[axis].max(1) < options.workers() * LAST_AXIS;
                    let most = if is_alone { shape[axis].div_ceil(options.workers()) } else { shape[axis] };
                    let run = run.min(most);
                    if axis + 1 == ndim { run.max(LAST_AXIS) } else { run }
                }
            };
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
        // Both sides of the diagonal are cut alike.
        let is_mirrored = |&(rows, columns): &(usize, usize)| {
            [rows, columns].contains(&axis) && mirror::are_alike(units, (rows, columns))
        };
        let mirrored = draft.mirrored.filter(is_mirrored);
        let parts = match mirrored {
            Some(_) if !too_many_bytes => parts.isqrt().max(2),
            _ => parts,
        };
        let wanted = cell[axis]
            .div_ceil(if too_many_bytes { 2 } else { parts })
            .max(least_len(axis).min(cell[axis] / 2));
        let len = wanted.div_ceil(unit) * unit;
        cell[axis] = if len < cell[axis] { len } else { unit.max(cell[axis] / 2 / unit * unit) };
        if let Some((rows, columns)) = mirrored {
            (cell[rows], cell[columns]) = (cell[axis], cell[axis]);
        }
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
