//! What a stored array is computed from.

use rustc_hash::FxHashSet;

use crate::expr::Value;
use crate::operation::Kind;

/// What a stored array is computed from: equal for runs that compute the same from the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The hash of the expression, with the description of its sources.
    pub expression: u128,
    /// The sources that can change, in order of their names: where they are, and what tells their state from others.
    pub inputs: Vec<(String, String)>,
}

impl Origin {
    /// That of a value.
    pub fn of(value: &Value) -> Self {
        let mut seen = FxHashSet::default();
        let mut open = vec![&value.node];
        let mut inputs = Vec::new();
        while let Some(node) = open.pop() {
            if !seen.insert(node.hash()) {
                continue;
            }
            if let Kind::Source(source) = node.op().kind()
                && let Some(version) = source.version()
            {
                inputs.push((source.uri(), version));
            }
            open.extend(node.inputs().iter().map(|input| &input.node));
        }
        inputs.sort();
        inputs.dedup();
        Origin { expression: value.node.hash() ^ value.output as u128, inputs }
    }
}
