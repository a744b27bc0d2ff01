//! The blocked algorithm over the arrays' own chunks: which chunk of a step is made from which chunks of others.
//!
//! Nothing is run this way: the planner cuts work by memory and cores. It is how people think of blocked algorithms,
//! and what pictures of them show.

use std::collections::BTreeMap;

use super::graph::{Graph, GraphNode, Slot};
use super::probe::fold_wants;
use crate::chunks::{AxisChunks, ChunkGrid};
use crate::error::Result;
use crate::eval::{Known, demand, domain_region};
use crate::operation::{Kind, Reduce};
use crate::region::{AxisRange, Region};
use crate::region_map::AxisMap;

/// What a step does with a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChunkPart {
    /// The chunk of the operation's result.
    Whole,
    /// A chunk of what is folded, folded on its own.
    Partial,
    /// Partial folds, joined to a chunk of the result.
    Joined,
}

/// An operation over the chunks of its result; a reduction that cuts what it folds makes two of them.
#[derive(Debug, Clone)]
pub struct ChunkStep {
    /// The node of the graph.
    pub node: usize,
    /// One of its outputs.
    pub output: usize,
    /// What the step does.
    pub part: ChunkPart,
    /// The chunks: of the result, or of what is folded.
    pub grid: ChunkGrid,
}

/// One chunk of a step.
#[derive(Debug, Clone)]
pub struct ChunkTask {
    /// The step.
    pub step: usize,
    /// Which chunk, along every axis.
    pub chunk: Vec<usize>,
    /// The chunks it is made from: positions in [`ChunkGraph::tasks`], all before its own.
    pub reads: Vec<usize>,
}

/// All steps and chunks that some values need.
#[derive(Debug, Clone, Default)]
pub struct ChunkGraph {
    /// The steps, inputs before users.
    pub steps: Vec<ChunkStep>,
    /// The chunks, inputs before users; those of a step one after the other, in C order.
    pub tasks: Vec<ChunkTask>,
}

/// A step, before it has a number: node, output, part.
type Key = (usize, usize, ChunkPart);

/// Which chunks of a step are needed, and by which tasks.
type Wanted = BTreeMap<usize, Vec<usize>>;

/// Arrows to a chunk, on average, before a picture of them says nothing.
const ARROWS_PER_CHUNK: usize = 16;

/// The chunks that the outputs of a graph need, from these down to the sources: what nobody asks for is left out.
/// `None` if there are more than `most`, or too many to read between them; takes no longer the more there are.
///
/// What only data can tell (gathered or selected elements) counts as needing all chunks.
///
/// # Errors
/// If an operation cannot say what it reads.
pub fn chunk_graph(graph: &Graph, most: usize) -> Result<Option<ChunkGraph>> {
    let mut walk =
        Walk { graph, most, arrows: 0, open: BTreeMap::new(), steps: Vec::new(), tasks: Vec::new() };
    for &slot in &graph.outputs {
        let shape = &graph.meta(slot).shape;
        if !walk.want(slot, &Region::full(shape), None) {
            return Ok(None);
        }
    }
    while let Some((key, wanted)) = walk.open.pop_last() {
        if !walk.step(key, wanted)? {
            return Ok(None);
        }
    }
    Ok(Some(walk.finish()))
}

struct Walk<'a> {
    graph: &'a Graph,
    most: usize,
    arrows: usize,
    /// Steps still to be taken. The last is wanted by none of the others: nodes come after their inputs, and partial
    /// folds before what joins them.
    open: BTreeMap<Key, Wanted>,
    steps: Vec<ChunkStep>,
    tasks: Vec<ChunkTask>,
}

impl Walk<'_> {
    /// Notes that a task needs a region of a value. False if that is too much.
    fn want(&mut self, slot: Slot, region: &Region, asker: Option<usize>) -> bool {
        let node = &self.graph.nodes[slot.node];
        let meta = &node.metas[slot.output];
        // Outputs on the same grid are made together.
        let output = (0..=slot.output).find(|&output| node.metas[output].chunks == meta.chunks);
        let output = output.unwrap_or(slot.output);
        let part = match node.op.kind() {
            Kind::Reduce(op) if is_cut(op, &domain_grid(node, op)) => ChunkPart::Joined,
            _ => ChunkPart::Whole,
        };
        self.want_chunks((slot.node, output, part), &meta.chunks, region, asker)
    }

    fn want_chunks(&mut self, key: Key, grid: &ChunkGrid, region: &Region, asker: Option<usize>) -> bool {
        let Some(numbers) = touched_chunks(grid, region, self.most) else { return false };
        self.arrows += numbers.len();
        if self.arrows > self.most.saturating_mul(ARROWS_PER_CHUNK) {
            return false;
        }
        let wanted = self.open.entry(key).or_default();
        for number in numbers {
            let askers = wanted.entry(number).or_default();
            if asker.is_some() && askers.last() != asker.as_ref() {
                askers.extend(asker);
            }
        }
        true
    }

    /// Makes the tasks of a step, and notes what they need.
    fn step(&mut self, key: Key, wanted: Wanted) -> Result<bool> {
        if self.tasks.len() + wanted.len() > self.most {
            return Ok(false);
        }
        let (number, output, part) = key;
        let node = &self.graph.nodes[number];
        let grid = match (part, node.op.kind()) {
            (ChunkPart::Partial, Kind::Reduce(op)) => domain_grid(node, op),
            _ => node.metas[output].chunks.clone(),
        };
        let step = self.steps.len();
        self.steps.push(ChunkStep { node: number, output, part, grid: grid.clone() });
        // Last first: the list is turned round in the end.
        for (chunk, askers) in wanted.into_iter().rev() {
            let task = self.tasks.len();
            let (chunk, region) = chunk_at(&grid, chunk);
            self.tasks.push(ChunkTask { step, chunk, reads: Vec::new() });
            for asker in askers {
                self.tasks[asker].reads.push(task);
            }
            let fits = match (part, node.op.kind()) {
                (ChunkPart::Joined, Kind::Reduce(op)) => {
                    let domain = domain_region(self.graph, number, &region);
                    self.want_chunks(
                        (number, output, ChunkPart::Partial),
                        &domain_grid(node, op),
                        &domain,
                        Some(task),
                    )
                }
                (ChunkPart::Partial, _) => self.want_all(fold_wants(self.graph, number, &region), task),
                (_, Kind::Reduce(_)) => {
                    let domain = domain_region(self.graph, number, &region);
                    self.want_all(fold_wants(self.graph, number, &domain), task)
                }
                _ => self.want_all(reads(self.graph, Slot { node: number, output }, region)?, task),
            };
            if !fits {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn want_all(&mut self, reads: Vec<(Slot, Region)>, task: usize) -> bool {
        reads.into_iter().all(|(slot, region)| self.want(slot, &region, Some(task)))
    }

    /// The lists turned round: inputs first.
    fn finish(self) -> ChunkGraph {
        let (steps, tasks) = (self.steps.len(), self.tasks.len());
        let mut graph = ChunkGraph { steps: self.steps, tasks: self.tasks };
        graph.steps.reverse();
        graph.tasks.reverse();
        for task in &mut graph.tasks {
            task.step = steps - 1 - task.step;
            for read in &mut task.reads {
                *read = tasks - 1 - *read;
            }
            task.reads.sort_unstable();
            task.reads.dedup();
        }
        graph
    }
}

/// What a region of a value that is no reduction reads of the inputs of its node.
fn reads(graph: &Graph, slot: Slot, region: Region) -> Result<Vec<(Slot, Region)>> {
    let node = &graph.nodes[slot.node];
    let whole = |k: usize| (node.inputs[k], Region::full(&node.input_metas[k].shape));
    match node.op.kind() {
        Kind::Staged(_) => return Ok((0..node.inputs.len()).map(whole).collect()),
        Kind::Assemble(assemble) if assemble.is_indirect() => {
            let indices = assemble.index_demand(&node.input_metas, &region);
            let indices = indices.into_iter().map(|(k, region)| (node.inputs[k], region));
            return Ok(std::iter::once(whole(0)).chain(indices).collect());
        }
        _ => {}
    }
    // The inputs count as held, so the demand ends there.
    let held = |other: Slot| other.node != slot.node;
    // A chunk of a scan needs all chunks before it on its lines.
    let known = Known { held: &held, carried: &|_, _| (0, None) };
    let demand = demand(graph, &[(slot, region)], known, None)?;
    let references = demand.instances.iter().filter(|instance| instance.slot.node == slot.node);
    Ok(references
        .flat_map(|instance| &instance.references)
        .map(|reference| (demand.instances[reference.instance].slot, reference.region.clone()))
        .collect())
}

/// The chunks of what a reduction folds: those of its inputs.
fn domain_grid(node: &GraphNode, op: &dyn Reduce) -> ChunkGrid {
    let lens = op.domain(&node.input_metas);
    let mut axes: Vec<Option<AxisChunks>> = vec![None; lens.len()];
    for (k, meta) in node.input_metas.iter().enumerate() {
        for (map, chunks) in op.input_maps(&node.input_metas, k).iter().zip(meta.chunks.axes()) {
            if let AxisMap::Along { out_axis, start: 0, step: 1, before: 0, after: 0 } = map
                && chunks.len() == lens[*out_axis]
            {
                axes[*out_axis].get_or_insert_with(|| chunks.clone());
            }
        }
    }
    let whole = |(chunks, &len): (Option<AxisChunks>, &usize)| {
        chunks.unwrap_or_else(|| AxisChunks::regular(len, len))
    };
    ChunkGrid::new(axes.into_iter().zip(&lens).map(whole).collect())
}

/// Whether a reduction's folded axes are cut by the chunks of what it folds.
fn is_cut(op: &dyn Reduce, domain: &ChunkGrid) -> bool {
    op.spec().axes().iter().any(|&axis| domain.axes()[axis].num_chunks() > 1)
}

/// The chunks in which a region has elements, by their numbers in C order; `None` if there are more than `most`.
fn touched_chunks(grid: &ChunkGrid, region: &Region, most: usize) -> Option<Vec<usize>> {
    let mut numbers: Vec<usize> = vec![0];
    for (chunks, range) in grid.axes().iter().zip(region.axes()) {
        let along = touched_along(chunks, &range.ascending(), most)?;
        if numbers.len().saturating_mul(along.len()) > most {
            return None;
        }
        let count = chunks.num_chunks();
        numbers = numbers
            .iter()
            .flat_map(|number| along.iter().map(move |&chunk| number.checked_mul(count)?.checked_add(chunk)))
            .collect::<Option<_>>()?;
    }
    Some(numbers)
}

fn touched_along(chunks: &AxisChunks, range: &AxisRange, most: usize) -> Option<Vec<usize>> {
    if range.len == 0 {
        // An empty axis has one chunk, and an empty part of an axis none.
        return Some(if chunks.is_empty() { vec![0] } else { Vec::new() });
    }
    let (low, high) = range.bounds();
    let (first, last) = (chunks.chunk_of(low), chunks.chunk_of(high - 1));
    // Steps within chunks miss none, and longer ones meet a chunk each: one of the two lists is short, or both are
    // too long.
    if last - first < most {
        let has_elements = |&chunk: &usize| {
            let (start, len) = chunks.chunk_range(chunk);
            range.positions_between(start, start + len).1 > 0
        };
        return Some((first..=last).filter(has_elements).collect());
    }
    if range.len > most {
        return None;
    }
    let mut touched: Vec<usize> = (0..range.len).map(|i| chunks.chunk_of(range.get(i))).collect();
    touched.dedup();
    Some(touched)
}

/// Where a chunk lies in its grid, and its elements.
fn chunk_at(grid: &ChunkGrid, mut number: usize) -> (Vec<usize>, Region) {
    let mut place = vec![0; grid.axes().len()];
    for (axis, chunks) in grid.axes().iter().enumerate().rev() {
        place[axis] = number % chunks.num_chunks();
        number /= chunks.num_chunks();
    }
    let ranges = grid.axes().iter().zip(&place).map(|(chunks, &k)| {
        let (start, len) = chunks.chunk_range(k);
        AxisRange::new(start, len)
    });
    let region = Region::from_iter(ranges);
    (place, region)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_touches_the_chunks_that_hold_its_elements() {
        let grid = ChunkGrid::regular(&[10, 9], &[4, 3]);
        let region = Region::new(vec![AxisRange::stepped(9, 2, -9), AxisRange::new(3, 4)]);
        assert_eq!(touched_chunks(&grid, &region, 100), Some(vec![1, 2, 7, 8]));
        assert_eq!(touched_chunks(&grid, &region, 3), None);
        assert_eq!(touched_chunks(&grid, &Region::full(&[0, 9]), 9), Some(Vec::new()));
        assert_eq!(touched_chunks(&ChunkGrid::regular(&[0], &[4]), &Region::full(&[0]), 9), Some(vec![0]));
    }

    #[test]
    fn a_billion_chunks_cost_nothing() {
        let grid = ChunkGrid::regular(&[1_000_000_000], &[1]);
        assert_eq!(touched_chunks(&grid, &Region::full(&[1_000_000_000]), 100), None);
        let few = Region::new(vec![AxisRange::stepped(0, 3, 400_000_000)]);
        assert_eq!(touched_chunks(&grid, &few, 100), Some(vec![0, 400_000_000, 800_000_000]));
    }
}
