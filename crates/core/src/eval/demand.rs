//! Demand: which region of every node a patch needs, from what is wanted down to the sources.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rustc_hash::FxHashMap;
use smallvec::{SmallVec, smallvec};

use super::carry::State;
use crate::block::Block;
use crate::error::Result;
use crate::operation::{Kind, Piece, PieceFrom};
use crate::plan::{Graph, Slot};
use crate::region::{AxisRange, Region};
use crate::region_map::{self, AxisMap};

/// A hull is computed once for several demands if it is at most this many times the largest of them.
const HULL_FACTOR: usize = 2;

/// What an instance reads: a region of another instance.
#[derive(Debug, Clone)]
pub(crate) struct Reference {
    /// The instance; set when the node it belongs to is reached.
    pub instance: usize,
    /// The elements needed of it.
    pub region: Region,
}

/// One node over one region.
#[derive(Debug)]
pub(crate) struct Instance {
    pub slot: Slot,
    /// Rising on every axis.
    pub region: Region,
    pub references: Vec<Reference>,
    /// For assembled operations, the pieces; those from an input refer to `references` in order.
    pub pieces: Vec<Piece>,
    /// How many references, from instances and from outside, point here.
    pub uses: usize,
    /// Whether the values are there already (held by the plan or the task).
    pub is_held: bool,
    /// For scans: the state to go on from.
    pub state: Option<State>,
}

/// All instances a patch needs, users before what they use.
#[derive(Debug, Default)]
pub(crate) struct Demand {
    pub instances: Vec<Instance>,
    pub wants: Vec<Reference>,
}

impl Demand {
    /// Whether an instance serves nothing but what is wanted, and that over the whole of its region.
    pub fn is_only_wanted(&self, number: usize) -> bool {
        let instance = &self.instances[number];
        let wants = self.wants.iter().filter(|want| want.instance == number);
        let whole = wants.filter(|want| want.region.ascending() == instance.region);
        whole.count() == instance.uses
    }

    /// The wanted instance whose values are just those of this one, which serves nothing else: itself, or a slice of it
    /// where that is all it was asked for.
    pub fn wanted_as(&self, graph: &Graph, number: usize) -> Option<usize> {
        if self.is_only_wanted(number) {
            return Some(number);
        }
        let used = &self.instances[number];
        let is_slice = |user: usize| {
            let node = &graph.nodes[self.instances[user].slot.node];
            let follows = |(axis, map): (usize, &AxisMap)| matches!(map, AxisMap::Along { out_axis, step, .. } if *out_axis == axis && *step > 0);
            let [reference] = self.instances[user].references.as_slice() else { return false };
            matches!(node.op.kind(), Kind::View(_))
                && reference.instance == number
                && reference.region == used.region
                && node.maps[0].iter().enumerate().all(follows)
                && used.region.ndim() == self.instances[user].region.ndim()
        };
        let users = self.wants.iter().map(|want| want.instance);
        users
            .filter(|&user| used.uses == 1 && !self.instances[user].is_held && is_slice(user))
            .find(|&user| self.is_only_wanted(user))
    }

    /// The axis of an instance along which whoever reads it goes fastest: the last one unless all agree on another.
    pub fn fastest_axis(&self, graph: &Graph, number: usize) -> Option<usize> {
        let last = self.instances[number].region.ndim().checked_sub(1)?;
        if self.wants.iter().any(|want| want.instance == number) {
            return Some(last);
        }
        let mut fastest = None;
        // Users come before what they use.
        for (user, instance) in self.instances[..number].iter().enumerate() {
            let node = &graph.nodes[instance.slot.node];
            let reads = instance.references.iter().enumerate();
            for (k, _) in reads.filter(|(_, reference)| reference.instance == number) {
                let along = match node.op.kind() {
                    Kind::View(_) => self.fastest_axis(graph, user)?,
                    Kind::Elementwise(_) => instance.region.ndim().checked_sub(1)?,
                    _ => return Some(last),
                };
                let follows =
                    |map: &AxisMap| matches!(map, AxisMap::Along { out_axis, .. } if *out_axis == along);
                let axis = node.maps[k].iter().position(follows).unwrap_or(last);
                if *fastest.get_or_insert(axis) != axis {
                    return Some(last);
                }
            }
        }
        fastest.or(Some(last))
    }
}

/// Who asked.
#[derive(Debug, Clone, Copy)]
enum Asker {
    Want(usize),
    Instance(usize, usize),
}

struct Request {
    output: usize,
    region: Region,
    asker: Asker,
}

/// Who asked for one instance.
type Askers = SmallVec<[Asker; 2]>;

/// Requests that are not served yet. Nodes have larger numbers than their inputs: taking those for the largest first, all
/// who ask have asked.
#[derive(Default)]
struct Open {
    requests: Vec<Option<Request>>,
    /// Node, and place in `requests`: of one node the first comes first.
    order: BinaryHeap<(usize, Reverse<usize>)>,
}

impl Open {
    fn ask(&mut self, slot: Slot, region: Region, asker: Asker) {
        self.order.push((slot.node, Reverse(self.requests.len())));
        self.requests.push(Some(Request { output: slot.output, region, asker }));
    }

    /// All requests for one node.
    fn next(&mut self) -> Option<(usize, SmallVec<[Request; 1]>)> {
        let &(node, _) = self.order.peek()?;
        let mut found = SmallVec::new();
        while let Some(&(other, Reverse(place))) = self.order.peek()
            && other == node
        {
            self.order.pop();
            found.extend(self.requests[place].take());
        }
        Some((node, found))
    }
}

/// Where a scan goes on for a region of it.
pub(crate) type Carried<'a> = dyn Fn(usize, &Region) -> (usize, Option<State>) + 'a;

/// What is there already when a demand is worked out.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    /// Whether the values of a slot are there.
    pub held: &'a dyn Fn(Slot) -> bool,
    /// The element that a scan (the number of its node) can go on from to give a region of it, and its state there;
    /// the state is left out when only sizes matter.
    pub carried: &'a Carried<'a>,
}

/// Evaluates index inputs while the demand is worked out; `None` when only sizes matter.
pub(crate) type Indices<'a> = dyn Fn(&[(Slot, Region)]) -> Result<Vec<Block>> + 'a;

/// Works out the demand of some regions.
pub(crate) fn demand(
    graph: &Graph,
    wants: &[(Slot, Region)],
    known: Known<'_>,
    indices: Option<&Indices<'_>>,
) -> Result<Demand> {
    let mut demand = Demand::default();
    let mut open = Open::default();
    for (i, (slot, region)) in wants.iter().enumerate() {
        demand.wants.push(Reference { instance: 0, region: region.clone() });
        open.ask(*slot, region.ascending(), Asker::Want(i));
    }
    while let Some((node, requests)) = open.next() {
        for (output, region, askers) in instances_of(graph, node, requests) {
            let slot = Slot { node, output };
            let number = demand.instances.len();
            let uses = askers.len();
            for asker in askers {
                match asker {
                    Asker::Want(i) => demand.wants[i].instance = number,
                    Asker::Instance(i, k) => demand.instances[i].references[k].instance = number,
                }
            }
            let mut instance = Instance {
                slot,
                region,
                references: Vec::new(),
                pieces: Vec::new(),
                uses,
                is_held: (known.held)(slot),
                state: None,
            };
            if !instance.is_held && !instance.region.is_empty() {
                let inputs = &graph.nodes[node].inputs;
                for (k, (input, region)) in
                    reads_of(graph, &mut instance, known, indices)?.into_iter().enumerate()
                {
                    open.ask(inputs[input], region.ascending(), Asker::Instance(number, k));
                    instance.references.push(Reference { instance: 0, region });
                }
            }
            demand.instances.push(instance);
        }
    }
    Ok(demand)
}

/// What an instance reads: inputs, and regions of them.
type Reads = SmallVec<[(usize, Region); 2]>;

/// What an instance reads, in the order of its references; its pieces and its state are filled in.
fn reads_of(
    graph: &Graph,
    instance: &mut Instance,
    known: Known<'_>,
    indices: Option<&Indices<'_>>,
) -> Result<Reads> {
    let node = &graph.nodes[instance.slot.node];
    let region = &instance.region;
    let mut reads = Reads::new();
    match node.op.kind() {
        Kind::Elementwise(_) | Kind::View(_) => {
            for (k, maps) in node.maps.iter().enumerate() {
                reads.push((k, region_map::demand(maps, region, &node.input_metas[k].shape)));
            }
        }
        Kind::Map(map) => {
            let regions = map.demand(&node.input_metas, region, instance.slot.output);
            reads.extend(regions.into_iter().enumerate());
        }
        Kind::Scan(scan) => {
            let (axis, mut input) = (scan.axis(), region.clone());
            let (from, state) = (known.carried)(instance.slot.node, region);
            instance.state = state;
            *input.axis_mut(axis) = AxisRange::new(from, region.axes()[axis].bounds().1 - from);
            reads.push((0, input));
        }
        Kind::Assemble(assemble) => {
            if assemble.is_indirect() && indices.is_none() {
                reads.push((0, bounded_guess(&node.input_metas[0].shape, region.size())));
                reads.extend(assemble.index_demand(&node.input_metas, region));
            } else {
                let wanted = assemble.index_demand(&node.input_metas, region);
                let blocks = match (indices, wanted.is_empty()) {
                    (Some(evaluate), false) => {
                        let wants: Vec<(Slot, Region)> =
                            wanted.into_iter().map(|(k, region)| (node.inputs[k], region)).collect();
                        evaluate(&wants)?
                    }
                    _ => Vec::new(),
                };
                let pieces = &mut instance.pieces;
                assemble.pieces(&node.input_metas, region, &blocks, &mut |piece| {
                    if let PieceFrom::Input(k, region) = &piece.from {
                        reads.push((*k, region.clone()));
                    }
                    pieces.push(piece);
                })?;
            }
        }
        Kind::Source(_) | Kind::Generator(_) | Kind::Reduce(_) | Kind::Staged(_) => {}
    }
    Ok(reads)
}

/// A region of an input with about as many elements as are gathered from it: what a plan reckons with before the
/// indices are known.
fn bounded_guess(shape: &[usize], size: usize) -> Region {
    let mut left = size.max(1);
    let mut axes: Vec<AxisRange> = Vec::with_capacity(shape.len());
    for &len in shape.iter().rev() {
        let taken = len.min(left);
        left = (left / taken.max(1)).max(1);
        axes.push(AxisRange::new(0, taken));
    }
    axes.reverse();
    Region::new(axes)
}

/// Whether a request is served together with those of a group. Nothing outside the demand is read from a store, so
/// there the hull must hold no more than both; what is computed may be computed over twice as much.
fn joins(graph: &Graph, node: usize, hull: &Region, largest: usize, region: &Region, size: usize) -> bool {
    let joint = hull.hull(region);
    let Kind::Source(source) = graph.nodes[node].op.kind() else {
        return joint.size() <= HULL_FACTOR * largest.max(size);
    };
    if hull.contains(region) || region.contains(hull) {
        return joint.size() <= HULL_FACTOR * largest.max(size);
    }
    let differing: Vec<usize> = (0..joint.ndim()).filter(|&k| hull.axes()[k] != region.axes()[k]).collect();
    if let [axis] = differing.as_slice() {
        let (a, b) = (hull.axes()[*axis], region.axes()[*axis]);
        return joint.axes()[*axis].len <= a.len + b.len;
    }
    let granules = |region: &Region| {
        source.granule_grid().map(|grid| {
            let chunks = grid.axes().iter().zip(region.axes()).map(|(chunks, range)| {
                let (low, high) = range.bounds();
                (chunks.chunk_of(low), chunks.chunk_of(high.max(low + 1) - 1))
            });
            chunks.collect::<Vec<_>>()
        })
    };
    match granules(&joint) {
        // No granule that the larger of both would not have touched.
        Some(touched) => {
            Some(&touched) == granules(hull).as_ref() || Some(&touched) == granules(region).as_ref()
        }
        None => false,
    }
}

/// Groups the requests for a node: one instance for those whose hull is not much larger than the largest of them.
fn instances_of(
    graph: &Graph,
    node: usize,
    mut requests: SmallVec<[Request; 1]>,
) -> SmallVec<[(usize, Region, Askers); 1]> {
    if requests.len() == 1
        && let Some(Request { output, region, asker }) = requests.pop()
    {
        return smallvec![(output, widened(graph, node, output, region), smallvec![asker])];
    }
    struct Group {
        output: usize,
        hull: Region,
        largest: usize,
        askers: Askers,
    }
    let mut groups: Vec<Group> = Vec::new();
    let mut same: FxHashMap<(usize, Region), usize> = FxHashMap::default();
    for request in requests {
        if let Some(&group) = same.get(&(request.output, request.region.clone())) {
            groups[group].askers.push(request.asker);
            continue;
        }
        let size = request.region.size();
        // Looking at the last few groups keeps gathers of many points linear; neighbours come one after the other.
        let near = groups.len().saturating_sub(8);
        let found = (near..groups.len()).rev().find(|&i| {
            let group = &groups[i];
            group.output == request.output
                && joins(graph, node, &group.hull, group.largest, &request.region, size)
        });
        let number = match found {
            Some(i) => {
                let group = &mut groups[i];
                group.hull = group.hull.hull(&request.region);
                group.largest = group.largest.max(size);
                group.askers.push(request.asker);
                i
            }
            None => {
                groups.push(Group {
                    output: request.output,
                    hull: request.region.clone(),
                    largest: size,
                    askers: smallvec![request.asker],
                });
                groups.len() - 1
            }
        };
        same.insert((request.output, request.region), number);
    }
    let widened = |group: Group| (group.output, widened(graph, node, group.output, group.hull), group.askers);
    groups.into_iter().map(widened).collect()
}

/// The region over which a node is computed if this one is wanted of it.
fn widened(graph: &Graph, node: usize, output: usize, mut region: Region) -> Region {
    let node = &graph.nodes[node];
    match node.op.kind() {
        Kind::Map(map) => map.widen(&node.metas, &region),
        Kind::Reduce(reduce) => {
            // Axes that an accumulator brings along are computed whole.
            let kept = reduce.domain(&node.input_metas).len() - reduce.spec().axes().len();
            for axis in kept..region.ndim() {
                *region.axis_mut(axis) = AxisRange::new(0, node.metas[output].shape[axis]);
            }
            region
        }
        _ => region,
    }
}
