//! What is kept of a plan: what it says of itself, and its picture.

use brickwork_core::Kind;
use brickwork_core::plan::Plan;
use serde::Serialize;

/// A plan of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PlanRecord {
    /// The number of its first stage in the recording.
    pub first_stage: usize,
    /// How many stages it has.
    pub stages: usize,
    /// The most bytes that it expected to be in use at once.
    pub peak_bytes: u64,
    /// Bytes in spill files at once.
    pub spill_bytes: u64,
    /// What it says about itself, as `explain` prints it.
    pub explanation: String,
    /// What it reads: URIs, at most a few.
    pub sources: Vec<String>,
    /// Its stages as SVG; empty if there are too many for a picture. Boxes of stages lie in groups of the class
    /// `stage`, with their number within the plan as `data-stage`.
    #[serde(skip)]
    pub picture: String,
}

/// What a stage was planned to take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Planned {
    /// Bytes of the elements read from stores.
    pub bytes_decoded: u64,
    /// Whether it may read more than that, because tasks share chunks.
    pub at_least: bool,
    /// Elements made by generators.
    pub elements_generated: u64,
    /// Bytes of the outputs.
    pub bytes_delivered: u64,
    /// Bytes written to spill files.
    pub bytes_spilled: u64,
    /// Bytes read from spill files.
    pub bytes_unspilled: u64,
    /// Bytes of one task at its worst.
    pub task_bytes: u64,
    /// Bytes that its tasks share: held values, results, decoded granules that are kept.
    pub shared_bytes: u64,
}

/// Sources that are named.
const MOST_SOURCES: usize = 8;

/// Stages of a plan whose explanation is kept: it is as long as the plan.
pub(crate) const MOST_EXPLAINED: usize = 400;

pub(crate) fn plan_record(plan: &Plan, first_stage: usize) -> PlanRecord {
    let mut sources: Vec<String> = Vec::new();
    for node in &plan.graph.nodes {
        if let Kind::Source(source) = node.op.kind() {
            let uri = source.uri();
            if !sources.contains(&uri) {
                sources.push(uri);
            }
            if sources.len() == MOST_SOURCES {
                break;
            }
        }
    }
    let is_short = plan.stages.len() <= MOST_EXPLAINED;
    PlanRecord {
        first_stage,
        stages: plan.stages.len(),
        peak_bytes: plan.peak_bytes as u64,
        spill_bytes: plan.spill_bytes as u64,
        explanation: if is_short { plan.explain() } else { String::new() },
        sources,
        picture: if is_short { picture(plan) } else { String::new() },
    }
}

/// The stages as SVG, if they are not too many.
#[cfg(feature = "pictures")]
fn picture(plan: &Plan) -> String {
    let drawn = brickwork_draw::draw_plan(&[], plan, Some(brickwork_draw::GraphView::Stages));
    drawn.map(|drawn| drawn.diagram.svg().finish()).unwrap_or_default()
}

/// There is no picture.
#[cfg(not(feature = "pictures"))]
fn picture(_plan: &Plan) -> String {
    String::new()
}

pub(crate) fn planned(plan: &Plan, stage: usize) -> Planned {
    let figures = &plan.stages[stage].figures;
    Planned {
        bytes_decoded: figures.bytes_read as u64,
        at_least: figures.at_least,
        elements_generated: figures.elements_generated as u64,
        bytes_delivered: figures.bytes_out as u64,
        bytes_spilled: figures.bytes_spilled as u64,
        bytes_unspilled: figures.bytes_unspilled as u64,
        task_bytes: figures.task_bytes as u64,
        shared_bytes: (figures.held_bytes + figures.cache_bytes) as u64,
    }
}
