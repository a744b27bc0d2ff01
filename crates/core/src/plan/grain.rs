//! How a domain meets what it reads: granules along its axes, and how long parts of it must be for files to be read well.

use std::cmp::Ordering;

use rustc_hash::FxHashMap;

use super::graph::{Graph, Slot};
use super::probe::{Scope, touched};
use crate::chunks::AxisChunks;
use crate::error::Result;
use crate::eval::AxisCuts;
use crate::operation::Kind;
use crate::region::{AxisRange, Region};
use crate::source::Runs;

/// How a domain meets what it reads.
#[derive(Debug)]
pub(crate) struct Grain {
    /// Along every axis, the granules of the source that is dearest to read.
    pub cuts: Vec<Option<AxisCuts>>,
    /// Two axes that some source has the other way round.
    pub square: Option<(usize, usize)>,
    /// Along every axis, how many elements it takes for sources to be read in runs that are long enough.
    pub runs: Vec<usize>,
}

/// How a domain meets the granules of what some wants of it read.
pub(crate) fn granule_cuts(
    graph: &Graph,
    domain: &Region,
    wants: &dyn Fn(&Region) -> Vec<(Slot, Region)>,
    scope: &Scope,
) -> Result<Grain> {
    let ndim = domain.ndim();
    let mut cuts: Vec<Option<AxisCuts>> = vec![None; ndim];
    let mut square = None;
    if domain.is_empty() {
        return Ok(Grain { cuts, square, runs: Vec::new() });
    }
    let at = |moved: Option<(usize, usize)>| -> Result<FxHashMap<Slot, Vec<Region>>> {
        let axes = (0..ndim).map(|axis| {
            let index = moved.map_or(0, |(a, i)| if a == axis { i } else { 0 });
            AxisRange::at(domain.axes()[axis].get(index))
        });
        let touched = touched(graph, &wants(&Region::from_iter(axes)), scope)?;
        let mut regions: FxHashMap<Slot, Vec<Region>> = FxHashMap::default();
        for (slot, region) in touched.reads {
            regions.entry(slot).or_default().push(region);
        }
        for (slot, region) in touched.held {
            if let Some(layout) = scope.spilled.get(&slot) {
                regions.entry(slot).or_default().push(layout.positions(&region));
            }
        }
        Ok(regions)
    };
    let at_last = |axis: usize| at(Some((axis, domain.axes()[axis].len - 1)));
    let origin = at(None)?;
    // The source with the largest granules leads; generators only say which axis is their last.
    let mut slots: Vec<Slot> = origin.keys().copied().collect();
    slots.sort_unstable();
    // What cuts reads of a slot: granules, or the runs of a source where any region costs its size.
    let grid_of = |slot: Slot| match (scope.spilled.get(&slot), graph.nodes[slot.node].op.kind()) {
        (Some(layout), _) => Some((true, layout.blocks().clone())),
        (None, Kind::Source(source)) => {
            let granules = source.granule_grid().map(|grid| (true, grid));
            granules.or_else(|| source.run_grid().map(|grid| (false, grid)))
        }
        _ => None,
    };
    let leader = slots
        .iter()
        .filter_map(|&slot| grid_of(slot).map(|(are_granules, grid)| (are_granules, slot, grid)))
        .max_by_key(|(are_granules, slot, grid)| {
            (*are_granules, grid.max_chunk().iter().product::<usize>(), std::cmp::Reverse(*slot))
        });
    let runs_of = |slot: Slot| match graph.nodes[slot.node].op.kind() {
        Kind::Source(source) => source.contiguous(),
        _ => None,
    };
    // Which axes of sources that are read in runs an axis of the domain moves along.
    let mut moves: Vec<Move> = Vec::new();
    for axis in (0..ndim).filter(|&axis| domain.axes()[axis].len > 1) {
        let range = &domain.axes()[axis];
        let next = at(Some((axis, 1)))?;
        if next == origin {
            // Elements are repeated: how fast reads move along the axis shows further on.
            let last = at_last(axis)?;
            for &slot in slots.iter().filter(|&&slot| runs_of(slot).is_some()) {
                let (Some(here), Some(there)) = (origin.get(&slot), last.get(&slot)) else { continue };
                for (from, to) in here.iter().zip(there) {
                    for (source_axis, (a, b)) in from.axes().iter().zip(to.axes()).enumerate() {
                        let moved = b.start.abs_diff(a.start);
                        if moved > 0 {
                            let repeats = range.len.div_ceil(moved + 1);
                            moves.push(Move { slot, source_axis, axis, by: 1, repeats });
                        }
                    }
                }
            }
            continue;
        }
        for &slot in &slots {
            let (Some(here), Some(there)) = (origin.get(&slot), next.get(&slot)) else { continue };
            // Several regions of one source: x and x.T. The first that moves along an axis counts.
            for (from, to) in here.iter().zip(there) {
                for (source_axis, (a, b)) in from.axes().iter().zip(to.axes()).enumerate() {
                    if b.start == a.start {
                        continue;
                    }
                    let runs = runs_of(slot);
                    if runs.is_some() {
                        moves.push(Move {
                            slot,
                            source_axis,
                            axis,
                            by: b.start.abs_diff(a.start),
                            repeats: 1,
                        });
                    }
                    let fastest = if runs.is_some_and(|runs| runs.fortran) { 0 } else { from.ndim() - 1 };
                    if source_axis == fastest && axis + 1 != ndim && from.ndim() > 1 {
                        square = Some((axis, ndim - 1));
                    }
                    if let Some((are_granules, lead, grid)) = &leader
                        && *lead == slot
                        && cuts[axis].is_none()
                    {
                        let (moved, stepped) = (b.start.abs_diff(a.start), range.step as usize);
                        if moved % stepped == 0 {
                            let step = moved / stepped;
                            let (chunks, at) = match &grid.axes()[source_axis] {
                                chunks if b.start > a.start => (chunks.clone(), a.start),
                                chunks => from_the_end(chunks, a.start),
                            };
                            // Domain index 0 may lie before the source's first element.
                            if let Some(start) = at.checked_sub(step * range.start) {
                                // What goes on with the next line at the end of this one meets other edges there.
                                let goes_beyond = start + step * range.bounds().1 > chunks.len();
                                if goes_beyond
                                    && moved_axes(here, at_last(axis)?.get(&slot))
                                        > moved_axes(here, Some(there))
                                {
                                    continue;
                                }
                                let are_runs = !are_granules;
                                cuts[axis] = Some(AxisCuts { chunks, start, step, whole: false, are_runs });
                            }
                        }
                    }
                }
            }
        }
    }
    // Under another shape an axis of a source may move only where others have come to their end.
    for &slot in slots.iter().filter(|&&slot| graph.meta(slot).ndim() > 0) {
        let Some(runs) = runs_of(slot) else { continue };
        let source_axis = if runs.fortran { 0 } else { graph.meta(slot).ndim() - 1 };
        let is_neighbour =
            |moved: &Move| moved.slot == slot && moved.source_axis == source_axis && moved.by == 1;
        if moves.iter().any(is_neighbour) {
            continue;
        }
        let start_in = |regions: &FxHashMap<Slot, Vec<Region>>| {
            regions
                .get(&slot)
                .and_then(|regions| regions.first())
                .map(|region| region.axes()[source_axis].start)
        };
        let Some(first) = start_in(&origin) else { continue };
        for axis in (0..ndim).filter(|&axis| domain.axes()[axis].len > 1) {
            let moved_to = |index: usize| -> Result<Option<usize>> {
                Ok(start_in(&at(Some((axis, index)))?).filter(|&start| start != first))
            };
            match first_move(domain.axes()[axis].len, &moved_to)? {
                Some((repeats, start)) if repeats > 1 => {
                    moves.push(Move { slot, source_axis, axis, by: start.abs_diff(first), repeats });
                }
                _ => {}
            }
        }
    }
    let mut runs = vec![1; if moves.is_empty() { 0 } else { ndim }];
    for &slot in &slots {
        if let Some(Runs { fortran, least }) = runs_of(slot) {
            lengthen(&mut runs, domain, &moves, slot, &graph.meta(slot).shape, fortran, least);
        }
    }
    Ok(Grain { cuts, square, runs })
}

/// Axes of a source along which the first of some regions lies elsewhere.
fn moved_axes(from: &[Region], to: Option<&Vec<Region>>) -> usize {
    let (Some(from), Some(to)) = (from.first(), to.and_then(|to| to.first())) else { return 0 };
    from.axes().iter().zip(to.axes()).filter(|(from, to)| from.start != to.start).count()
}

/// An axis of a source along which reads move with an axis of the domain.
struct Move {
    slot: Slot,
    source_axis: usize,
    axis: usize,
    /// Source elements from one domain index to the next.
    by: usize,
    /// Or domain indices from one source element to the next.
    repeats: usize,
}

/// The first index of an axis at which something has moved that moves ever so many indices, and where to; nothing if it
/// has not at the end.
fn first_move<T>(len: usize, moved_to: &dyn Fn(usize) -> Result<Option<T>>) -> Result<Option<(usize, T)>> {
    if moved_to(len - 1)?.is_none() {
        return Ok(None);
    }
    // One of the powers of two lies after its first move and before the second.
    let (mut before, mut after) = (0, 1);
    while after < len - 1 && moved_to(after)?.is_none() {
        (before, after) = (after, 2 * after);
    }
    after = after.min(len - 1);
    while after - before > 1 {
        let middle = before + (after - before) / 2;
        match moved_to(middle)? {
            Some(_) => after = middle,
            None => before = middle,
        }
    }
    Ok(moved_to(after)?.map(|to| (after, to)))
}

/// Where domain indices repeat a source element, a part is made longer up to so many of them.
const MOST_REPEATED: usize = 4 << 20;

/// Lengthens a part of the domain until what it reads of a source lies in runs of at least so many elements.
fn lengthen(
    part: &mut [usize],
    domain: &Region,
    moves: &[Move],
    slot: Slot,
    shape: &[usize],
    fortran: bool,
    mut least: usize,
) {
    let along = |number: usize| if fortran { number } else { shape.len() - 1 - number };
    for source_axis in (0..shape.len()).map(along) {
        // Several where the domain has another shape: the one with neighbours first, then those that go on where it ends.
        let mut moved: Vec<&Move> =
            moves.iter().filter(|moved| moved.slot == slot && moved.source_axis == source_axis).collect();
        moved.sort_by_key(|moved| (moved.by, moved.axis));
        let mut together = 1;
        for &Move { axis, by, repeats, .. } in moved {
            let len = domain.axes()[axis].len.div_ceil(repeats);
            match by.cmp(&together) {
                // Another region of the source goes the same way.
                Ordering::Less => continue,
                Ordering::Greater if together > 1 => return,
                _ => {}
            }
            let mut wanted = least;
            if repeats > 1 {
                // Where this axis only goes on from another, that is part of every run.
                let inner = inner_axes(moves, slot, axis);
                inner.iter().for_each(|&inner| part[inner] = domain.axes()[inner].len);
                let beside: usize = inner.iter().map(|&inner| domain.axes()[inner].len).product();
                wanted = least.min((MOST_REPEATED / (repeats * beside)).max(1));
            }
            part[axis] = part[axis].max((wanted.min(len) * repeats).min(domain.axes()[axis].len));
            if least <= len || by != together {
                return;
            }
            together *= len;
            least = least.div_ceil(len.max(1));
        }
        // Runs go on along the next axis only where all of this one is read.
        if together < shape[source_axis] {
            return;
        }
    }
}

/// Axes of the domain that go in smaller steps along an axis of a source along which this one goes too.
fn inner_axes(moves: &[Move], slot: Slot, axis: usize) -> Vec<usize> {
    let steps = moves.iter().filter(|moved| moved.slot == slot && moved.repeats == 1);
    let is_inner = |inner: &&Move| {
        let outer =
            |outer: &Move| outer.slot == slot && outer.axis == axis && outer.source_axis == inner.source_axis;
        inner.axis != axis
            && moves.iter().any(|other| outer(other) && other.repeats == 1 && inner.by < other.by)
    };
    let mut inner: Vec<usize> = steps.filter(is_inner).map(|inner| inner.axis).collect();
    inner.sort_unstable();
    inner.dedup();
    inner
}

/// Chunks as they come from the end of their axis, and where an element lies then. A short chunk at the end, which
/// comes first, is made up to a whole one.
fn from_the_end(chunks: &AxisChunks, index: usize) -> (AxisChunks, usize) {
    let last = chunks.len() - 1 - index;
    match chunks {
        AxisChunks::Regular { len, chunk } => {
            let whole = len.next_multiple_of(*chunk);
            (AxisChunks::regular(whole, *chunk), last + whole - len)
        }
        AxisChunks::Rectilinear { .. } => {
            let lengths: Vec<usize> = chunks.chunk_lengths().into_iter().rev().collect();
            (AxisChunks::from_lengths(&lengths), last)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_lengthened_along_neighbours_and_what_goes_on_behind() {
        let slot = Slot { node: 0, output: 0 };
        let lengthened = |domain: &[usize], shape: &[usize], moves: &[[usize; 3]], least: usize| {
            let moves: Vec<Move> = moves
                .iter()
                .map(|&[source_axis, axis, by]| Move { slot, source_axis, axis, by, repeats: 1 })
                .collect();
            let mut part = vec![1; domain.len()];
            lengthen(&mut part, &Region::full(domain), &moves, slot, shape, false, least);
            part
        };
        // A line under another shape.
        let moves = [[0, 0, 100_000], [0, 1, 1000], [0, 2, 1]];
        assert_eq!(lengthened(&[200, 100, 1000], &[20_000_000], &moves, 256), [1, 1, 256]);
        assert_eq!(lengthened(&[200, 100, 1000], &[20_000_000], &moves, 2000), [1, 2, 1000]);
        // Two regions of one array, the other way round.
        let moves = [[2, 0, 1], [2, 0, 1], [1, 1, 1], [1, 1, 1], [0, 2, 1], [0, 2, 1]];
        assert_eq!(lengthened(&[10, 8, 9000], &[9000, 8, 10], &moves, 80), [10, 8, 1]);
        // Three of a line at a time, which is read crosswise.
        let crosswise = [(0, 0, 3, 1), (0, 1, 1, 1), (1, 0, 1, 1000)]
            .map(|(source_axis, axis, by, repeats)| Move { slot, source_axis, axis, by, repeats });
        let mut part = vec![1; 2];
        lengthen(&mut part, &Region::full(&[200_000, 3]), &crosswise, slot, &[3000, 200], false, 50);
        assert_eq!(part, [50_000, 3]);
        // Every third element only: the next axis does not go on where this one ends.
        assert_eq!(lengthened(&[10, 8], &[8, 30], &[[1, 0, 3], [0, 1, 1]], 80), [10, 1]);
    }
}
