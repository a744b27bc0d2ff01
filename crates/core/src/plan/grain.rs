//! How a domain meets what it reads: granules along its axes, and how long parts of it must be for files to be read well.

use std::cmp::Reverse;
use std::iter::repeat;

use rustc_hash::FxHashMap;

use super::graph::{Graph, Slot};
use super::moves::{Move, first_move, lengthen};
use super::probe::{Scope, touched};
use crate::chunks::{AxisChunks, ChunkGrid};
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
    let probe = Probe { graph, domain, wants, scope };
    let origin = probe.origin()?;
    let mut slots: Vec<Slot> = origin.keys().copied().collect();
    slots.sort_unstable();
    let leader = probe.leader(&slots);
    let mut moves: Vec<Move> = Vec::new();
    for axis in (0..ndim).filter(|&axis| domain.axes()[axis].len > 1) {
        let next = probe.along(axis, 1)?;
        if next == origin {
            moves.extend(probe.repeated(axis, &origin, &slots)?);
            continue;
        }
        for step in slots.iter().flat_map(|&slot| steps(&origin, &next, slot)) {
            let runs = probe.runs_of(step.slot);
            if runs.is_some() {
                let Step { slot, source_axis, .. } = step;
                moves.push(Move { slot, source_axis, axis, by: step.len(), repeats: 1 });
            }
            let fastest = if runs.is_some_and(|runs| runs.fortran) { 0 } else { step.ndim - 1 };
            if step.source_axis == fastest && axis + 1 != ndim && step.ndim > 1 {
                square = Some((axis, ndim - 1));
            }
            if let Some(leader) = leader.as_ref().filter(|leader| leader.slot == step.slot)
                && cuts[axis].is_none()
            {
                cuts[axis] = probe.cuts(axis, &step, leader, &origin, &next)?;
            }
        }
    }
    moves.extend(probe.far_moves(&slots, &origin, &moves)?);
    let mut runs = vec![1; if moves.is_empty() { 0 } else { ndim }];
    for &slot in &slots {
        if let Some(source) = probe.runs_of(slot) {
            lengthen(&mut runs, domain, &moves, slot, &graph.meta(slot).shape, source);
        }
    }
    Ok(Grain { cuts, square, runs })
}

/// What is read of every source, and of spill files, in order.
type Reads = FxHashMap<Slot, Vec<Region>>;

/// The source whose granules cut the domain: the one that is dearest to read.
struct Leader {
    slot: Slot,
    grid: ChunkGrid,
    /// Whether these are granules, and not only the runs of a source where any region costs its size.
    are_granules: bool,
}

/// A read that lies elsewhere for the next element of the domain.
struct Step {
    slot: Slot,
    /// Axes of the source, and the one along which it moved.
    ndim: usize,
    source_axis: usize,
    from: usize,
    to: usize,
}

impl Step {
    fn len(&self) -> usize {
        self.from.abs_diff(self.to)
    }
}

/// How reads of a source moved. Of several regions (as of `x` and `x.T`) each has steps of its own, also where they
/// began as one.
fn steps(from: &Reads, to: &Reads, slot: Slot) -> Vec<Step> {
    let (Some(from), Some(to)) = (from.get(&slot), to.get(&slot)) else { return Vec::new() };
    let Some(last) = from.last() else { return Vec::new() };
    let mut steps = Vec::new();
    for (from, to) in from.iter().chain(repeat(last)).zip(to) {
        for (source_axis, (a, b)) in from.axes().iter().zip(to.axes()).enumerate() {
            if a.start != b.start {
                steps.push(Step { slot, ndim: from.ndim(), source_axis, from: a.start, to: b.start });
            }
        }
    }
    steps
}

/// Asks what single elements of a domain read.
struct Probe<'a> {
    graph: &'a Graph,
    domain: &'a Region,
    wants: &'a dyn Fn(&Region) -> Vec<(Slot, Region)>,
    scope: &'a Scope,
}

impl Probe<'_> {
    /// What the first element of the domain reads.
    fn origin(&self) -> Result<Reads> {
        self.reads(self.first())
    }

    /// What the element at this index of one axis reads, first on all others.
    fn along(&self, axis: usize, index: usize) -> Result<Reads> {
        let mut at = self.first();
        *at.axis_mut(axis) = AxisRange::at(self.domain.axes()[axis].get(index));
        self.reads(at)
    }

    fn along_to_the_end(&self, axis: usize) -> Result<Reads> {
        self.along(axis, self.domain.axes()[axis].len - 1)
    }

    fn first(&self) -> Region {
        Region::from_iter(self.domain.axes().iter().map(|range| AxisRange::at(range.start)))
    }

    fn reads(&self, at: Region) -> Result<Reads> {
        let touched = touched(self.graph, &(self.wants)(&at), self.scope)?;
        let mut reads = Reads::default();
        for (slot, region) in touched.reads {
            reads.entry(slot).or_default().push(region);
        }
        for (slot, region) in touched.held {
            if let Some(layout) = self.scope.spilled.get(&slot) {
                reads.entry(slot).or_default().push(layout.positions(&region));
            }
        }
        Ok(reads)
    }

    /// How elements of a source lie one after the other, if they do.
    fn runs_of(&self, slot: Slot) -> Option<Runs> {
        match self.graph.nodes[slot.node].op.kind() {
            Kind::Source(source) => source.contiguous(),
            _ => None,
        }
    }

    /// The source with the largest granules; failing that, with the longest runs.
    fn leader(&self, slots: &[Slot]) -> Option<Leader> {
        let candidate = |&slot: &Slot| {
            let (are_granules, grid) =
                match (self.scope.spilled.get(&slot), self.graph.nodes[slot.node].op.kind()) {
                    (Some(layout), _) => (true, layout.blocks().clone()),
                    (None, Kind::Source(source)) => match source.granule_grid() {
                        Some(grid) => (true, grid),
                        None => (false, source.run_grid()?),
                    },
                    _ => return None,
                };
            Some(Leader { slot, grid, are_granules })
        };
        slots.iter().filter_map(candidate).max_by_key(|leader| {
            (leader.are_granules, leader.grid.max_chunk().iter().product::<usize>(), Reverse(leader.slot))
        })
    }

    /// How an axis of the domain is cut where the leader's granules end, if it follows them.
    fn cuts(
        &self,
        axis: usize,
        step: &Step,
        leader: &Leader,
        origin: &Reads,
        next: &Reads,
    ) -> Result<Option<AxisCuts>> {
        let range = &self.domain.axes()[axis];
        let stepped = range.step as usize;
        if !step.len().is_multiple_of(stepped) {
            return Ok(None);
        }
        let (chunks, at) = match &leader.grid.axes()[step.source_axis] {
            chunks if step.to > step.from => (chunks.clone(), step.from),
            chunks => from_the_end(chunks, step.from),
        };
        let by = step.len() / stepped;
        // Domain index 0 may lie before the source's first element.
        let Some(start) = at.checked_sub(by * range.start) else { return Ok(None) };
        // What goes on with the next line at the end of this one meets other edges there.
        let goes_beyond = start + by * range.bounds().1 > chunks.len();
        if goes_beyond {
            let last = self.along_to_the_end(axis)?;
            if moved_axes(origin, &last, step.slot) > moved_axes(origin, next, step.slot) {
                return Ok(None);
            }
        }
        Ok(Some(AxisCuts { chunks, start, step: by, whole: false, are_runs: !leader.are_granules }))
    }

    /// How sources read in runs move along an axis whose first elements read the same: how fast shows at its end.
    fn repeated(&self, axis: usize, origin: &Reads, slots: &[Slot]) -> Result<Vec<Move>> {
        let last = self.along_to_the_end(axis)?;
        let in_runs = slots.iter().filter(|&&slot| self.runs_of(slot).is_some());
        let moved = |step: Step| {
            let repeats = self.domain.axes()[axis].len.div_ceil(step.len() + 1);
            Move { slot: step.slot, source_axis: step.source_axis, axis, by: 1, repeats }
        };
        Ok(in_runs.flat_map(|&slot| steps(origin, &last, slot)).map(moved).collect())
    }

    /// How sources move along the axis on which their elements are neighbours, where no step has shown it: under another
    /// shape it may move only where others have come to their end.
    fn far_moves(&self, slots: &[Slot], origin: &Reads, known: &[Move]) -> Result<Vec<Move>> {
        let mut found = Vec::new();
        for &slot in slots.iter().filter(|&&slot| self.graph.meta(slot).ndim() > 0) {
            let Some(runs) = self.runs_of(slot) else { continue };
            let source_axis = if runs.fortran { 0 } else { self.graph.meta(slot).ndim() - 1 };
            if known
                .iter()
                .any(|moved| moved.slot == slot && moved.source_axis == source_axis && moved.by == 1)
            {
                continue;
            }
            let start_in = |reads: &Reads| Some(first_of(reads, slot)?.axes()[source_axis].start);
            let Some(first) = start_in(origin) else { continue };
            for (axis, range) in self.domain.axes().iter().enumerate().filter(|(_, range)| range.len > 1) {
                // Where it moves in longer steps, a neighbour follows when these have come to their end.
                let is_here =
                    |moved: &&Move| (moved.slot, moved.source_axis, moved.axis) == (slot, source_axis, axis);
                let by = known.iter().find(is_here).map_or(0, |moved| moved.by);
                let moved_to = |index: usize| -> Result<Option<usize>> {
                    let start = start_in(&self.along(axis, index)?);
                    Ok(start.filter(|&start| start != first.wrapping_add(by.wrapping_mul(index))))
                };
                if let Some((repeats, start)) = first_move(range.len, &moved_to)?.filter(|(at, _)| *at > 1) {
                    found.push(Move { slot, source_axis, axis, by: start.abs_diff(first), repeats });
                }
            }
        }
        Ok(found)
    }
}

fn first_of(reads: &Reads, slot: Slot) -> Option<&Region> {
    reads.get(&slot)?.first()
}

/// Axes of a source along which the first region read of it lies elsewhere.
fn moved_axes(from: &Reads, to: &Reads, slot: Slot) -> usize {
    let (Some(from), Some(to)) = (first_of(from, slot), first_of(to, slot)) else { return 0 };
    from.axes().iter().zip(to.axes()).filter(|(from, to)| from.start != to.start).count()
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
