//! Fusing: neighbouring elementwise nodes over the same region run as one tile program, so that what passes between
//! them stays in the first-level cache.

use smallvec::SmallVec;

use super::demand::Demand;
use crate::operation::Kind;
use crate::plan::Graph;

/// A program reads at most this many operands, so that few blocks are alive at once.
const MAX_OPERANDS: usize = 24;

/// Which instances run together: each belongs to the program of its root.
#[derive(Debug)]
pub(crate) struct Clusters {
    instances: Vec<Place>,
    /// Of every program, its instances, inputs first.
    programs: SmallVec<[SmallVec<[usize; 4]>; 2]>,
}

/// Where an instance belongs.
#[derive(Debug, Clone, Copy)]
struct Place {
    root: usize,
    /// The program that it is the root of.
    program: Option<usize>,
    /// Operands of that program.
    operands: usize,
    /// The one root that all users so far belong to; `Some(None)` once there are two, or a user that is no program.
    user: Option<Option<usize>>,
}

impl Clusters {
    /// Instances are numbered users first.
    pub fn new(graph: &Graph, demand: &Demand, fuse: bool) -> Self {
        let count = demand.instances.len();
        let alone = |root| Place { root, program: None, operands: 0, user: None };
        let mut instances: Vec<Place> = (0..count).map(alone).collect();
        let mut programs: SmallVec<[SmallVec<[usize; 4]>; 2]> = SmallVec::new();
        for want in &demand.wants {
            instances[want.instance].user = Some(None);
        }
        for number in 0..count {
            let instance = &demand.instances[number];
            let node = &graph.nodes[instance.slot.node];
            let is_program = matches!(node.op.kind(), Kind::Elementwise(_)) && !instance.is_held;
            if is_program {
                let inputs = instance.references.len();
                match instances[number].user {
                    Some(Some(root)) if fuse && instances[root].operands + inputs <= MAX_OPERANDS + 1 => {
                        instances[number].root = root;
                        instances[root].operands += inputs.saturating_sub(1);
                    }
                    _ => {
                        instances[number].program = Some(programs.len());
                        instances[number].operands = inputs;
                        programs.push(SmallVec::new());
                    }
                }
                if let Some(program) = instances[instances[number].root].program {
                    programs[program].push(number);
                }
            }
            for (k, reference) in instance.references.iter().enumerate() {
                let used = &demand.instances[reference.instance];
                let root = instances[number].root;
                let program = (is_program && same_elements(graph, instance, used, k)).then_some(root);
                let slot = &mut instances[reference.instance].user;
                *slot = match slot {
                    None => Some(program),
                    Some(other) if *other == program => Some(program),
                    Some(_) => Some(None),
                };
            }
        }
        for program in &mut programs {
            program.reverse();
        }
        Clusters { instances, programs }
    }

    /// Whether the instance has a block of its own.
    pub fn is_root(&self, number: usize) -> bool {
        self.instances[number].root == number
    }

    /// The instances of the program of a root, inputs first; `None` if it is no program.
    pub fn members(&self, number: usize) -> Option<&[usize]> {
        self.instances[number].program.map(|program| self.programs[program].as_slice())
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
