//! Scans: whether a stage runs along with them, or takes them in steps.
//!
//! A task that holds lines whole and walks them from their start carries a state from patch to patch, and reads every
//! element once. That needs a domain with one axis along which all scans of the stage run, from their start, in order.
//! Where there is none, or too few lines to keep the workers busy, [`Scan::steps`](crate::Scan::steps) takes the place
//! of the scan, and the expression is planned again.

use rustc_hash::{FxHashMap, FxHashSet};

use super::graph::Graph;
use super::late::renewed;
use super::probe::touched;
use super::stage::{Bands, PlanOptions, Request, TargetKind};
use super::stages::{Draft, common};
use crate::chunks::{AxisChunks, ChunkGrid};
use crate::error::Result;
use crate::eval::Walk;
use crate::expr::{Node, Value};
use crate::operation::Kind;
use crate::region::{AxisRange, Region};

/// Lines for each thread that make it worth while to go along them.
const LINES_PER_THREAD: usize = 16;

/// With fewer elements than this nobody waits for a scan.
const FEW_ELEMENTS: usize = 1 << 16;

/// Notes in every draft along which axis its scans run; returns the hashes of the scans that must be taken in steps.
pub(crate) fn run_along(
    graph: &Graph,
    drafts: &mut [Draft],
    options: &PlanOptions,
) -> Result<FxHashSet<u128>> {
    let mut steps = FxHashSet::default();
    if !graph.nodes.iter().any(|node| matches!(node.op.kind(), Kind::Scan(_))) {
        return Ok(steps);
    }
    for draft in drafts {
        let mut along: Option<usize> = None;
        for (node, axis) in axes_of_scans(graph, draft)? {
            let runs = match axis {
                Along::Nothing => true,
                Along::Axis(axis) => *along.get_or_insert(axis) == axis,
                Along::Unordered => false,
            };
            if !runs || leaves_threads_idle(graph, node, options) {
                steps.insert(graph.nodes[node].hash);
            }
        }
        draft.runs_along = along;
    }
    Ok(steps)
}

/// The requests with some scans taken in steps.
pub(crate) fn in_steps(
    requests: &[(usize, Request)],
    scans: &FxHashSet<u128>,
) -> Result<Vec<(usize, Request)>> {
    let values: Vec<Value> = requests.iter().map(|(_, request)| request.value().clone()).collect();
    let renewed = renewed(&values, &mut |node, inputs, changed| match node.op().kind() {
        Kind::Scan(scan) if scans.contains(&node.hash()) => Ok(Some(scan.steps(&inputs[0])?.node)),
        _ if changed => Node::with_metas(node.op().clone(), inputs, node.metas().to_vec()).map(Some),
        _ => Ok(None),
    })?;
    Ok(requests.iter().zip(renewed).map(|((number, old), value)| (*number, old.with_value(value))).collect())
}

/// The hashes of all scans.
pub(crate) fn all(graph: &Graph) -> FxHashSet<u128> {
    let scans = graph.nodes.iter().filter(|node| matches!(node.op.kind(), Kind::Scan(_)));
    scans.map(|node| node.hash).collect()
}

fn leaves_threads_idle(graph: &Graph, node: usize, options: &PlanOptions) -> bool {
    let Kind::Scan(scan) = graph.nodes[node].op.kind() else { return false };
    let meta = &graph.nodes[node].metas[0];
    let lines = meta.size() / meta.shape[scan.axis()].max(1);
    meta.size() > FEW_ELEMENTS && lines < LINES_PER_THREAD * options.workers()
}

/// The axis of the domain along which a scan runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Along {
    /// None: every patch needs the same elements, from the start of the lines.
    Nothing,
    /// This one, element by element from the start of the lines.
    Axis(usize),
    /// The elements are needed in another order, or several times.
    Unordered,
}

/// The scans of a draft, by where their regions lie at a few places of the domain.
fn axes_of_scans(graph: &Graph, draft: &Draft) -> Result<Vec<(usize, Along)>> {
    if draft.domain.is_empty() {
        return Ok(Vec::new());
    }
    let origin = regions_at(graph, draft, None)?;
    let mut along: FxHashMap<usize, Along> = FxHashMap::default();
    for (&node, regions) in &origin {
        let starts_at_zero = start(graph, node, regions) == Some(0);
        along.insert(node, if starts_at_zero { Along::Nothing } else { Along::Unordered });
    }
    for (axis, range) in draft.domain.axes().iter().enumerate().filter(|(_, range)| range.len > 1) {
        let last = range.len - 1;
        let mut probed = Vec::new();
        for index in [1, range.len / 2, last] {
            probed.push((index, regions_at(graph, draft, Some((axis, index)))?));
        }
        for (&node, known) in &mut along {
            let moves: Vec<(usize, Option<usize>)> = probed
                .iter()
                .map(|(index, found)| {
                    (*index, found.get(&node).and_then(|regions| start(graph, node, regions)))
                })
                .collect();
            *known = match (*known, step(&moves)) {
                (known, Some(0)) => known,
                (Along::Nothing, Some(_)) => Along::Axis(axis),
                _ => Along::Unordered,
            };
        }
    }
    let mut along: Vec<(usize, Along)> = along.into_iter().collect();
    along.sort_unstable_by_key(|(node, _)| *node);
    Ok(along)
}

/// How far a scan moves for every element of the domain, if always as far.
fn step(moves: &[(usize, Option<usize>)]) -> Option<usize> {
    let step = moves.first()?.1?;
    moves.iter().all(|(index, start)| *start == Some(step * index)).then_some(step)
}

/// Where a scan starts, if one region of it is needed.
fn start(graph: &Graph, node: usize, regions: &[Region]) -> Option<usize> {
    let Kind::Scan(scan) = graph.nodes[node].op.kind() else { return None };
    match regions {
        [region] => Some(region.axes()[scan.axis()].bounds().0),
        _ => None,
    }
}

/// The regions of the scans that one element of the domain needs: the first, or one moved along an axis.
fn regions_at(
    graph: &Graph,
    draft: &Draft,
    moved: Option<(usize, usize)>,
) -> Result<FxHashMap<usize, Vec<Region>>> {
    let axes = draft.domain.axes().iter().enumerate().map(|(axis, range)| {
        let index = moved.map_or(0, |(a, index)| if a == axis { index } else { 0 });
        AxisRange::at(range.get(index))
    });
    let part = Region::from_iter(axes);
    let mut regions: FxHashMap<usize, Vec<Region>> = FxHashMap::default();
    for (slot, region) in touched(graph, &draft.wants(graph, &part), &draft.scope)?.scans {
        regions.entry(slot.node).or_default().push(region);
    }
    Ok(regions)
}

/// Bytes of what scans carry from patch to patch: where they have come to, and where the patch before began.
pub(super) fn state_bytes(graph: &Graph, draft: &Draft, grid: &ChunkGrid) -> Result<usize> {
    if draft.runs_along.is_none() {
        return Ok(0);
    }
    let cell = draft.domain.axes().iter().zip(grid.max_chunk());
    let cell = Region::from_iter(cell.map(|(axis, len)| axis.compose(&AxisRange::new(0, len))));
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
pub(super) fn bands(graph: &Graph, draft: &Draft, walk: &Walk, patch: &[usize]) -> Result<Option<Bands>> {
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
    let part = match walk.cuts[axis].as_ref().filter(|cuts| !cuts.are_runs) {
        Some(cuts) => (cuts.chunks.max_chunk() / cuts.step).max(patch[axis]),
        None => patch[axis],
    };
    Ok(Some(Bands { axis, len: part.max(1).next_multiple_of(unit.max(1)) }))
}
