//! What a plan is made of.

use std::fmt;
use std::sync::Arc;

use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};

use super::graph::{Graph, GraphNode, Slot};
use super::mirror;
use crate::chunks::ChunkGrid;
use crate::error::Result;
use crate::eval::{HeldMap, Walk, Walks};
use crate::expr::{Meta, Value};
use crate::operation::Kind;
use crate::region::{AxisRange, Region};
use crate::source::Sink;
use crate::spill::{SpillCodec, SpillLayout, SpillPlace};

/// What is to happen with a value.
#[derive(Debug, Clone)]
pub enum Request {
    /// Its elements are wanted in memory.
    Collect(Value),
    /// Its elements are to be written.
    Store(Value, Arc<dyn Sink>),
}

impl Request {
    /// The value.
    pub fn value(&self) -> &Value {
        match self {
            Request::Collect(value) | Request::Store(value, _) => value,
        }
    }

    pub(crate) fn with_value(&self, value: Value) -> Request {
        match self {
            Request::Collect(_) => Request::Collect(value),
            Request::Store(_, sink) => Request::Store(value, sink.clone()),
        }
    }
}

/// What a plan may use, and what tests force on it.
#[derive(Debug, Clone)]
pub struct PlanOptions {
    /// Bytes one process may hold.
    pub memory: usize,
    /// Tasks that run at once in a process.
    pub threads: usize,
    /// Processes that run tasks, each with as much memory and as many threads.
    pub processes: usize,
    /// For tests: elements of a cell, however odd.
    pub forced_cell: Option<usize>,
    /// For tests: elements of a patch.
    pub forced_patch: Option<usize>,
    /// For tests: elements of a tile.
    pub forced_tile: Option<usize>,
    /// For tests: whether elementwise neighbours run as one program.
    pub fuse: bool,
    /// Where values go that the memory has no room for; without it they are refused.
    pub spill: Option<Arc<dyn SpillPlace>>,
    /// Whether they are compressed there.
    pub spill_codec: SpillCodec,
    /// For tests: whether all that can be held in a spill file is.
    pub forced_spill: bool,
}

impl PlanOptions {
    /// Tasks that run at once in all processes.
    pub(crate) fn workers(&self) -> usize {
        self.threads.max(1) * self.processes.max(1)
    }

    /// Whether spill files are compressed, where that needs little of the memory.
    pub(crate) fn spill_codec(&self) -> SpillCodec {
        self.spill_codec.within(self.memory / self.threads.max(1))
    }
}

impl Default for PlanOptions {
    fn default() -> Self {
        PlanOptions {
            memory: 1 << 30,
            threads: 1,
            processes: 1,
            forced_cell: None,
            forced_patch: None,
            forced_tile: None,
            fuse: true,
            spill: None,
            spill_codec: SpillCodec::default(),
            forced_spill: false,
        }
    }
}

/// Where a region of a value goes.
#[derive(Debug, Clone)]
pub struct Target {
    /// The value.
    pub slot: Slot,
    /// The part of it that is needed; rising on every axis.
    pub region: Region,
    /// What becomes of it.
    pub kind: TargetKind,
    /// Bytes of all its elements.
    pub nbytes: usize,
    /// The stage that makes it.
    pub stage: usize,
    /// The stages that read it.
    pub readers: Vec<usize>,
    /// If it is held in a spill file, how it lies there.
    pub spill: Option<Arc<SpillLayout>>,
}

/// What becomes of a target.
#[derive(Debug, Clone)]
pub enum TargetKind {
    /// Held, in memory or in a spill file, until the last stage that reads it is done.
    Held,
    /// Given to the user: the number of the request. Held as well while stages read it.
    Collect(usize),
    /// Written: the number of the request, and where.
    Store(usize, Arc<dyn Sink>),
}

/// What the cells of a stage make.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum StageOutput {
    /// The value over the cell.
    Written {
        /// The value.
        slot: Slot,
        /// Where it goes.
        targets: Vec<usize>,
        /// Where its elements lie in the domain, if they are not the domain's own.
        image: Option<Image>,
    },
    /// A reduction of the cell.
    Folded {
        /// The reduction.
        node: usize,
        /// Its outputs and where they go.
        targets: Vec<(usize, usize)>,
    },
}

/// An output that is a thinned-out picture of the domain: along every axis its element `i` lies at element
/// `start + step·i` of the domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// The elements of the output.
    pub region: Region,
    /// Start and step along every axis.
    pub axes: Vec<(usize, usize)>,
}

impl Image {
    /// The elements that lie in a part of the domain; steps of 1 on both sides.
    pub fn of(&self, part: &Region) -> Region {
        let axes = self.axes.iter().zip(self.region.axes()).zip(part.axes());
        let ranges = axes.map(|((&(start, step), whole), part)| {
            let (low, high) = part.bounds();
            let position = |edge: usize| {
                edge.saturating_sub(start).div_ceil(step).clamp(whole.start, whole.start + whole.len)
            };
            AxisRange::new(position(low), position(high) - position(low))
        });
        Region::from_iter(ranges)
    }
}

/// The elements of an output that a part of the domain makes.
pub(crate) fn part_of(image: &Option<Image>, part: &Region) -> Region {
    image.as_ref().map_or_else(|| part.clone(), |image| image.of(part))
}

/// A cell that is too long to be kept until it is written: it is handed over in bands across one axis, each as soon as
/// it is complete. The walk completes them in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bands {
    /// The axis that is cut into bands.
    pub axis: usize,
    /// Elements of a band along it: whole chunks of every store.
    pub len: usize,
}

/// A domain, a work grid over it, one program, one or more outputs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stage {
    /// The box of the domain that is walked.
    pub domain: Region,
    /// How the box is cut into cells, in positions of the box.
    pub grid: ChunkGrid,
    /// What the cells make.
    pub outputs: Vec<StageOutput>,
    /// Two axes of the domain, cut alike, of which only the cells on and above the diagonal are computed: what they make
    /// is written a second time, transposed.
    pub mirrored: Option<(usize, usize)>,
    /// Values that a task computes over its whole cell beforehand and keeps, inputs first.
    pub local: Vec<Slot>,
    /// How a cell is walked.
    pub walk: Walk,
    /// Lengths of a patch.
    pub patch: Vec<usize>,
    /// How a cell that is written to a store is handed over.
    pub bands: Option<Bands>,
    /// Held values that it reads. What other stages hold of a source is none of its business: it may be another part.
    pub reads: FxHashSet<Slot>,
    /// Stages that must be done before.
    pub depends: Vec<usize>,
    /// Whether every cell holds the folded axes whole, so that a task finishes its reductions.
    pub finishes: bool,
    /// Predictions.
    pub figures: StageFigures,
}

/// What a stage is predicted to take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageFigures {
    /// Bytes of one task at its worst.
    pub task_bytes: usize,
    /// Decoded bytes read from stores.
    pub bytes_read: usize,
    /// Whether cells share granules, so that more may be read.
    pub at_least: bool,
    /// Elements made by generators.
    pub elements_generated: usize,
    /// Bytes of the outputs.
    pub bytes_out: usize,
    /// Bytes of results and held values in memory while the stage runs.
    pub held_bytes: usize,
    /// Bytes for decoded granules that are kept between patches.
    pub cache_bytes: usize,
    /// Bytes of values written to spill files: how many are stored of them, if they are compressed, only the run can
    /// tell.
    pub bytes_spilled: usize,
    /// Bytes of values read from spill files.
    pub bytes_unspilled: usize,
    /// Whether cells share blocks of spill files, so that more may be read from there.
    pub unspilled_at_least: bool,
}

impl Stage {
    /// Number of tasks.
    pub fn num_tasks(&self) -> usize {
        match self.mirrored {
            Some((rows, _)) => mirror::num_cells(&self.grid, rows),
            None => self.grid.num_chunks(),
        }
    }

    /// The box of a task, in coordinates of the domain.
    pub fn cell(&self, mut number: usize) -> Region {
        if let Some(axes) = self.mirrored {
            return self.cell_at(&mirror::cell(&self.grid, axes, number));
        }
        let mut at = vec![0; self.domain.ndim()];
        for (at, chunks) in at.iter_mut().zip(self.grid.axes()).rev() {
            let count = chunks.num_chunks();
            *at = number % count;
            number /= count;
        }
        self.cell_at(&at)
    }

    /// The box at a place of the grid, in coordinates of the domain.
    pub(crate) fn cell_at(&self, at: &[usize]) -> Region {
        let cells = self.grid.axes().iter().zip(self.domain.axes()).zip(at);
        Region::from_iter(cells.map(|((chunks, range), &at)| {
            let (start, len) = chunks.chunk_range(at);
            range.compose(&AxisRange::new(start, len))
        }))
    }

    /// Whether some of its cells cover only part of what a reduction folds.
    pub fn is_partial(&self) -> bool {
        !self.finishes && self.outputs.iter().any(|output| matches!(output, StageOutput::Folded { .. }))
    }
}

/// The most bytes that are asked for before they are needed: what a fast network has under way.
const MOST_AHEAD: usize = 128 << 20;

/// How some values are to be computed: a list of stages, each before those that need it.
#[derive(Clone)]
pub struct Plan {
    /// The expression.
    pub graph: Graph,
    /// The stages, in order.
    pub stages: Vec<Stage>,
    /// Where their outputs go.
    pub targets: Vec<Target>,
    /// How domains inside patches are walked.
    pub walks: Walks,
    /// Values of earlier plans.
    pub given: HeldMap,
    /// What was allowed.
    pub options: PlanOptions,
    /// The most bytes for decoded granules kept between patches.
    pub cache_bytes: usize,
    /// The most bytes that are in use at once, by the plan's own reckoning.
    pub peak_bytes: usize,
    /// The most bytes of values that are in spill files at once.
    pub spill_bytes: usize,
    /// What is left to plan when this plan is done.
    pub late: Option<Late>,
}

/// The part of a computation that can be planned only when some values are known.
#[derive(Debug, Clone)]
pub struct Late {
    /// What was asked for.
    pub requests: Vec<(usize, Request)>,
    /// The values it waits for, in the order of this plan's targets.
    pub awaited: Vec<Value>,
}

impl Plan {
    /// Tasks of all stages.
    pub fn num_tasks(&self) -> usize {
        self.stages.iter().map(Stage::num_tasks).sum()
    }

    /// Bytes that may be asked for before they are needed, if a source reads ahead: what the plan leaves of the budget,
    /// up to a bound.
    pub fn ahead_bytes(&self) -> usize {
        let reads_ahead =
            |node: &GraphNode| matches!(node.op.kind(), Kind::Source(source) if source.reads_ahead());
        match self.graph.nodes.iter().any(reads_ahead) {
            true => MOST_AHEAD.min(self.options.memory.saturating_sub(self.peak_bytes)),
            false => 0,
        }
    }

    /// Where else the values of a region of a target go, transposed: below the diagonal nothing is computed.
    pub fn mirrored(&self, target: usize, region: &Region) -> Option<Region> {
        mirror::opposite(&self.stages[self.targets[target].stage], region)
    }

    /// What is known of a target's value, restricted to its region.
    pub fn target_meta(&self, target: &Target) -> Meta {
        let meta = self.graph.meta(target.slot);
        let shape = target.region.shape();
        if shape == meta.shape { meta.clone() } else { Meta::whole(&shape, meta.dtype) }
    }

    /// What the plan says about itself, as a table.
    pub fn explain(&self) -> String {
        super::explain::explain(self)
    }

    /// What a stage computes, from its sources to what becomes of it: `read x.npy, std, mean → mean held`.
    pub fn program(&self, stage: usize) -> String {
        super::explain::program(self, stage)
    }

    /// The plan of the rest, once the awaited values are there, in the order of [`Late::awaited`].
    pub fn resume(&self, late: &Late, values: &[crate::Block]) -> Result<Plan> {
        super::resume(late, values, &self.options)
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.explain())
    }
}
