//! Reductions that are better folded by stages of their own than inside the stages that use them.
//!
//! A month of weather in chunks of one hour each is one granule wide: who folds it where its mean is written has one
//! task. Cut along time, every worker has something to do, and no chunk is read twice. And two reductions of one source
//! are one reading only in a stage that folds both.

use rustc_hash::FxHashSet;

use super::graph::Graph;
use super::stage::{Plan, Stage, StageOutput};
use crate::operation::Kind;

/// Stages that read less than this are over before it would pay.
pub(super) const LEAST_READ: usize = 8 << 20;

/// The hashes of reductions that are folded inside stages with fewer tasks than there are workers, or several in one.
pub(super) fn candidates(plan: &Plan) -> FxHashSet<u128> {
    let mut found = FxHashSet::default();
    if plan.options.forced_cell.is_some() || plan.options.forced_patch.is_some() {
        return found;
    }
    for stage in plan.stages.iter().filter(reads_much) {
        let mut inside = reductions_inside(plan, stage);
        if inside.len() < 2 {
            inside
                .retain(|&node| stage.num_tasks() < plan.options.workers() && can_be_cut(&plan.graph, node));
        }
        found.extend(inside.into_iter().map(|node| plan.graph.nodes[node].hash));
    }
    found
}

/// Whether another plan reads less, or has more tasks where this one has too few, and is worse in nothing.
pub(super) fn is_better(other: &Plan, plan: &Plan) -> bool {
    let workers = plan.options.workers();
    let fewest = |plan: &Plan| plan.stages.iter().filter(reads_much).map(Stage::num_tasks).min();
    let busy = |plan: &Plan| fewest(plan).map_or(workers, |tasks| tasks.min(workers));
    let read = |plan: &Plan| -> usize { plan.stages.iter().map(|stage| stage.figures.bytes_read).sum() };
    let reads_again = |plan: &Plan| plan.stages.iter().any(|stage| stage.figures.at_least);
    (read(other) < read(plan) || busy(other) > busy(plan))
        && read(other) <= read(plan)
        && busy(other) >= busy(plan)
        && reads_again(other) <= reads_again(plan)
        && other.spill_bytes <= plan.spill_bytes
}

fn reads_much(stage: &&Stage) -> bool {
    stage.figures.bytes_read >= LEAST_READ
}

/// The reductions that a stage folds where it uses them.
fn reductions_inside(plan: &Plan, stage: &Stage) -> Vec<usize> {
    let mut open: Vec<usize> = stage
        .outputs
        .iter()
        .filter_map(|output| match output {
            StageOutput::Written { slot, .. } => Some(slot.node),
            StageOutput::Folded { .. } => None,
        })
        .collect();
    let mut seen: FxHashSet<usize> = open.iter().copied().collect();
    let mut found = Vec::new();
    while let Some(node) = open.pop() {
        if plan.walks.inner.contains_key(&node) {
            found.push(node);
        }
        let inputs = plan.graph.nodes[node].inputs.iter().map(|input| input.node);
        open.extend(inputs.filter(|&input| seen.insert(input)));
    }
    found
}

/// Whether there is more than one leaf along an axis that a reduction folds.
fn can_be_cut(graph: &Graph, node: usize) -> bool {
    let entry = &graph.nodes[node];
    let Kind::Reduce(op) = entry.op.kind() else { return false };
    let (spec, domain) = (op.spec(), op.domain(&entry.input_metas));
    spec.axes().iter().any(|&axis| domain[axis] > spec.task_alignment(axis))
}
