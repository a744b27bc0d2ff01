//! Fusing: neighbouring elementwise nodes over the same region run as one tile program, so that what passes between
//! them stays in the first-level cache.

use super::demand::Demand;
use crate::operation::Kind;
use crate::plan::Graph;

/// A program reads at most this many operands, so that few blocks are alive at once.
const MAX_OPERANDS: usize = 24;

/// Which instances run together: each belongs to the program of its root.
#[derive(Debug)]
pub(crate) struct Clusters {
    root: Vec<usize>,
    members: Vec<Vec<usize>>,
}

impl Clusters {
    /// Instances are numbered users first.
    pub fn new(graph: &Graph, demand: &Demand, fuse: bool) -> Self {
        let count = demand.instances.len();
        let mut root: Vec<usize> = (0..count).collect();
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); count];
        let mut operands = vec![0usize; count];
        // The one program that all users so far belong to; None once there are two, or a user that is no program.
        let mut user: Vec<Option<Option<usize>>> = vec![None; count];
        for want in &demand.wants {
            user[want.instance] = Some(None);
        }
        for number in 0..count {
            let instance = &demand.instances[number];
            let node = &graph.nodes[instance.slot.node];
            let is_program = matches!(node.op.kind(), Kind::Elementwise(_)) && !instance.is_held;
            if is_program {
                let inputs = instance.references.len();
                match user[number] {
                    Some(Some(program)) if fuse && operands[program] + inputs <= MAX_OPERANDS + 1 => {
                        root[number] = program;
                        operands[program] += inputs.saturating_sub(1);
                    }
                    _ => operands[number] = inputs,
                }
                members[root[number]].push(number);
            }
            for (k, reference) in instance.references.iter().enumerate() {
                let used = &demand.instances[reference.instance];
                let program = (is_program && same_elements(graph, instance, used, k)).then_some(root[number]);
                let slot = &mut user[reference.instance];
                *slot = match slot {
                    None => Some(program),
                    Some(other) if *other == program => Some(program),
                    Some(_) => Some(None),
                };
            }
        }
        for list in &mut members {
            list.reverse();
        }
        Clusters { root, members }
    }

    /// Whether the instance has a block of its own.
    pub fn is_root(&self, number: usize) -> bool {
        self.root[number] == number
    }

    /// The instances of the program of a root, inputs first; `None` if it is no program.
    pub fn members(&self, number: usize) -> Option<&[usize]> {
        let members = &self.members[number];
        (!members.is_empty()).then_some(members)
    }
}

/// Whether an operand is used element for element: not broadcast, and over no larger region.
fn same_elements(
    graph: &Graph,
    user: &super::demand::Instance,
    used: &super::demand::Instance,
    k: usize,
) -> bool {
    let shape = &graph.nodes[user.slot.node].input_metas[k].shape;
    shape.len() == user.region.ndim()
        && used.region == user.region
        && used.region == user.references[k].region
}
