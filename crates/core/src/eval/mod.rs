//! Evaluation of one task: demand down to sources and granules, tiles up through kernels. No thread, no clock.

mod ahead;
mod carry;
mod cell;
mod context;
mod demand;
mod fold;
mod fold_lines;
mod fuse;
mod held;
mod meter;
mod patch;
mod prepared;
mod program;
mod superinstructions;
mod task;
mod tiles;
mod walk;

pub use ahead::ReadAhead;
pub use carry::Carries;
pub use context::{Context, Counters, Counts, GranuleCache, GranuleKey, LocalContext};
pub(crate) use demand::{Demand, Known, demand};
pub use fold::{Fold, FoldTrees, Partial, domain_region};
pub(crate) use fuse::Clusters;
pub use held::{Held, HeldMap};
pub use meter::{Activity, Clock, Doing, Measured, Meter, Span, Times, doing};
pub use patch::Evaluator;
pub(crate) use patch::positions;
pub use task::{Deliver, TaskOutput, finish_partial, run_task};
pub use walk::{AxisCuts, PATCH_ELEMENTS, Walk, Walks};

use crate::block::Block;
use crate::error::Result;
use crate::expr::Value;
use crate::plan::{Graph, resolve_staged};
use crate::region::Region;

/// The values of an expression, computed at once in the caller's thread: for tests and small results. Not planned:
/// memory is what it takes.
pub fn evaluate(value: &Value) -> Result<Block> {
    let value = resolved(value)?;
    let shape = value.meta().shape.clone();
    evaluate_region(&value, &Region::full(&shape))
}

/// The values of a region of an expression, computed at once in the caller's thread.
pub fn evaluate_region(value: &Value, region: &Region) -> Result<Block> {
    evaluate_with(value, region, &Walks::default(), &LocalContext::new(64 << 20))
}

/// [`evaluate_region`] with walks and surroundings of the caller's choice.
pub fn evaluate_with(value: &Value, region: &Region, walks: &Walks, context: &dyn Context) -> Result<Block> {
    let value = resolved(value)?;
    let graph = Graph::lower(&[&value]);
    let held = HeldMap::default();
    let evaluator = Evaluator {
        graph: &graph,
        walks,
        context,
        held: &held,
        reads: None,
        local: &held,
        carries: None,
        apart: false,
    };
    let asked = region.ascending();
    let block = evaluator.evaluate(&[(graph.outputs[0], asked.clone())])?.swap_remove(0);
    Ok(block.slice(&positions(&asked, region)))
}

fn resolved(value: &Value) -> Result<Value> {
    Ok(resolve_staged(std::slice::from_ref(value), &mut |awaited| evaluate(awaited))?.swap_remove(0))
}
