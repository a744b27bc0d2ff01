//! The plan: how an expression is cut into stages and tasks, within a budget.

mod graph;
mod late;

pub use graph::{Graph, GraphNode, Slot};
pub use late::{awaited, resolve_staged, substitute};
