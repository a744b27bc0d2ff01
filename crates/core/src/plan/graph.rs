//! The expression as a list: every node once, inputs before users. Planning and evaluation work on this.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::expr::{Meta, Node, Value};
use crate::operation::{Kind, Operation};
use crate::region_map::{AxisMap, broadcast_maps};

/// One output of a node of the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Slot {
    /// Number of the node.
    pub node: usize,
    /// Which of its outputs.
    pub output: usize,
}

/// A node of the graph.
#[derive(Debug, Clone)]
pub struct GraphNode {
    /// The operation.
    pub op: Arc<dyn Operation>,
    /// What it is applied to. Views of views refer to what is behind all of them.
    pub inputs: Vec<Slot>,
    /// What the inputs are.
    pub input_metas: Vec<Meta>,
    /// What its outputs are.
    pub metas: Vec<Meta>,
    /// For views and elementwise operations: what the axes of every input follow.
    pub maps: Vec<Vec<AxisMap>>,
    /// Equal for equal nodes.
    pub hash: u128,
}

/// Every node once, inputs before users.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    /// The nodes.
    pub nodes: Vec<GraphNode>,
    /// What the user asked for.
    pub outputs: Vec<Slot>,
}

impl Graph {
    /// Lowers expressions: equal nodes become one, views of views one view. Takes time linear in the edges, and no
    /// recursion.
    pub fn lower(outputs: &[&Value]) -> Graph {
        let mut graph = Graph::default();
        let mut numbers: FxHashMap<u128, usize> = FxHashMap::default();
        let mut open: Vec<(&Arc<Node>, usize)> = Vec::new();
        for value in outputs {
            open.push((&value.node, 0));
            while let Some((node, next)) = open.pop() {
                if numbers.contains_key(&node.hash()) {
                    continue;
                }
                if let Some(input) = node.inputs().get(next) {
                    open.push((node, next + 1));
                    open.push((&input.node, 0));
                    continue;
                }
                let number = graph.nodes.len();
                let lowered = graph.lowered(node, &numbers);
                graph.nodes.push(lowered);
                numbers.insert(node.hash(), number);
            }
            graph.outputs.push(Slot { node: numbers[&value.node.hash()], output: value.output });
        }
        graph
    }

    fn lowered(&self, node: &Node, numbers: &FxHashMap<u128, usize>) -> GraphNode {
        let mut inputs: Vec<Slot> = node
            .inputs()
            .iter()
            .map(|input| Slot { node: numbers[&input.node.hash()], output: input.output })
            .collect();
        let mut input_metas: Vec<Meta> = node.inputs().iter().map(|input| input.meta().clone()).collect();
        let mut maps = Vec::new();
        match node.op().kind() {
            Kind::View(view) => {
                let mut own = view.maps(&input_metas[0], &node.metas()[0]);
                let below = &self.nodes[inputs[0].node];
                if let Kind::View(_) = below.op.kind() {
                    own = compose(&below.maps[0], &own);
                    input_metas = below.input_metas.clone();
                    inputs = below.inputs.clone();
                }
                maps.push(own);
            }
            Kind::Elementwise(_) => {
                maps = input_metas
                    .iter()
                    .map(|meta| broadcast_maps(&meta.shape, &node.metas()[0].shape))
                    .collect();
            }
            _ => {}
        }
        GraphNode {
            op: node.op().clone(),
            inputs,
            input_metas,
            metas: node.metas().to_vec(),
            maps,
            hash: node.hash(),
        }
    }

    /// What a slot is.
    pub fn meta(&self, slot: Slot) -> &Meta {
        &self.nodes[slot.node].metas[slot.output]
    }
}

/// `inner` says what the axes of an array follow in a view of it, `outer` what those of the view follow in a view of
/// the view: what the axes of the array follow in that.
fn compose(inner: &[AxisMap], outer: &[AxisMap]) -> Vec<AxisMap> {
    inner
        .iter()
        .map(|map| match map {
            AxisMap::Along { out_axis, start, step, .. } => match &outer[*out_axis] {
                AxisMap::Along { out_axis, start: moved, step: turned, .. } => {
                    let start = (*start as isize + step * *moved as isize) as usize;
                    AxisMap::strided(*out_axis, start, step * turned)
                }
                AxisMap::Fixed(index) => AxisMap::Fixed((*start as isize + step * *index as isize) as usize),
                other => other.clone(),
            },
            other => other.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_compose() {
        // x (100,) -> x[10::2] -> [::-1] of its 45 elements -> [3]
        let sliced = vec![AxisMap::strided(0, 10, 2)];
        let turned = compose(&sliced, &[AxisMap::strided(0, 44, -1)]);
        assert_eq!(turned, [AxisMap::strided(0, 98, -2)]);
        assert_eq!(compose(&turned, &[AxisMap::Fixed(3)]), [AxisMap::Fixed(92)]);
    }
}
