//! What a task reads.

use super::graph::Slot;
use super::probe::{Scope, fold_wants, touched};
use super::stage::{Plan, StageOutput, part_of};
use crate::error::Result;
use crate::operation::Kind;
use crate::region::Region;

/// The regions of sources, of generators and of values held by earlier stages that a task reads. Where only values
/// tell what is read, a region of about that size.
///
/// # Errors
/// If an operation cannot say what it reads.
pub fn task_reads(plan: &Plan, stage: usize, cell: usize) -> Result<Vec<(Slot, Region)>> {
    let place = &plan.stages[stage];
    let cell = place.cell(cell);
    let mut scope = Scope::default();
    let read = plan.targets.iter().filter(|target| target.stage != stage && target.readers.contains(&stage));
    scope.held.extend(read.map(|target| target.slot));
    scope.held.extend(plan.given.keys().copied());
    let mut wants = Vec::new();
    for output in &place.outputs {
        match output {
            StageOutput::Written { slot, image, .. } => wants.push((*slot, part_of(image, &cell))),
            StageOutput::Folded { node, .. } => wants.extend(fold_wants(&plan.graph, *node, &cell)),
        }
    }
    let folds = |number: &usize| matches!(plan.graph.nodes[*number].op.kind(), Kind::Reduce(_));
    scope.inline = (0..plan.graph.nodes.len()).filter(folds).collect();
    let mut touched = touched(&plan.graph, &wants, &scope)?;
    touched.reads.append(&mut touched.held);
    Ok(touched.reads)
}
