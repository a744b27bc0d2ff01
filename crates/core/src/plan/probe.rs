//! Asking an expression, without running it, what regions of what it would read.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::graph::{Graph, Slot};
use crate::buffer::rounded_size;
use crate::error::Result;
use crate::eval::{Clusters, Demand, Fold, Known, Walks, demand, domain_region};
use crate::operation::Kind;
use crate::region::{AxisRange, Region};
use crate::region_map;
use crate::source::Source;
use crate::spill::SpillLayout;

/// What a stage is made of, as far as it is decided: which values are held by other stages, and which reductions are
/// folded inside.
#[derive(Debug, Default, Clone)]
pub(crate) struct Scope {
    /// Values that other stages, or the task beforehand, provide.
    pub held: FxHashSet<Slot>,
    /// Reductions folded where they are used.
    pub inline: FxHashSet<usize>,
    /// Those of the held values that are in spill files, and how they lie there.
    pub spilled: FxHashMap<Slot, Arc<SpillLayout>>,
}

/// What some wanted regions lead to.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    /// Sources and generators, and the regions read of them.
    pub reads: Vec<(Slot, Region)>,
    /// Reductions that are not decided to be inline, and the regions needed of them.
    pub reduces: Vec<(Slot, Region)>,
    /// Reductions folded inside, and the regions needed of them.
    pub folded: Vec<(Slot, Region)>,
    /// Scans, and the regions needed of them.
    pub scans: Vec<(Slot, Region)>,
    /// Values held elsewhere, and the regions needed of them.
    pub held: Vec<(Slot, Region)>,
    /// Additions' worth of work.
    pub work: f64,
    /// Names of the operations, in order of evaluation.
    pub ops: Vec<usize>,
}

impl Touched {
    /// Elements read of a slot.
    pub fn size_of(list: &[(Slot, Region)], slot: Slot) -> usize {
        list.iter().filter(|(other, _)| *other == slot).map(|(_, region)| region.size()).sum()
    }
}

/// Where a scan goes on when a task walks its lines in order: just before what is asked of it.
fn carried(graph: &Graph, node: usize, region: &Region) -> usize {
    match graph.nodes[node].op.kind() {
        Kind::Scan(scan) => region.axes()[scan.axis()].bounds().0,
        _ => 0,
    }
}

/// What some wanted regions lead to.
pub(crate) fn touched(graph: &Graph, wants: &[(Slot, Region)], scope: &Scope) -> Result<Touched> {
    let held = |slot: Slot| scope.held.contains(&slot);
    let carried = |node: usize, region: &Region| (carried(graph, node, region), None);
    let known = Known { held: &held, carried: &carried };
    let mut touched = Touched::default();
    let mut open: Vec<Vec<(Slot, Region)>> = vec![wants.to_vec()];
    while let Some(wants) = open.pop() {
        let demand = demand(graph, &wants, known, None)?;
        for instance in demand.instances.into_iter().rev() {
            let node = &graph.nodes[instance.slot.node];
            if instance.is_held {
                touched.held.push((instance.slot, instance.region));
                continue;
            }
            touched.ops.push(instance.slot.node);
            match node.op.kind() {
                Kind::Source(_) | Kind::Generator(_) => {
                    touched.work += node.op.cost() * instance.region.size() as f64;
                    touched.reads.push((instance.slot, instance.region));
                }
                Kind::Reduce(_) if scope.inline.contains(&instance.slot.node) => {
                    let domain = domain_region(graph, instance.slot.node, &instance.region);
                    touched.work += node.op.cost() * domain.size() as f64;
                    open.push(fold_wants(graph, instance.slot.node, &domain));
                    touched.folded.push((instance.slot, instance.region));
                }
                Kind::Reduce(_) => touched.reduces.push((instance.slot, instance.region)),
                Kind::View(_) => {}
                Kind::Scan(_) => {
                    touched.work += node.op.cost() * instance.region.size() as f64;
                    touched.scans.push((instance.slot, instance.region));
                }
                _ => touched.work += node.op.cost() * instance.region.size() as f64,
            }
        }
    }
    Ok(touched)
}

/// What a box of a reduction's domain needs of the reduction's inputs.
pub(crate) fn fold_wants(graph: &Graph, node: usize, domain: &Region) -> Vec<(Slot, Region)> {
    let entry = &graph.nodes[node];
    let Kind::Reduce(op) = entry.op.kind() else { return Vec::new() };
    (0..entry.inputs.len())
        .map(|k| {
            let maps = op.input_maps(&entry.input_metas, k);
            (entry.inputs[k], region_map::demand(&maps, domain, &entry.input_metas[k].shape))
        })
        .collect()
}

/// Bytes a patch takes while it is evaluated.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct PatchCost {
    /// Blocks and accumulators alive at the worst moment.
    pub blocks: usize,
    /// Decoded granules touched.
    pub granules: usize,
    /// Encoded bytes and scratch of the largest granule.
    pub decoding: usize,
}

impl PatchCost {
    /// All together.
    pub fn total(&self) -> usize {
        self.blocks + self.granules + self.decoding
    }

    /// The larger of each part.
    pub fn max(self, other: PatchCost) -> PatchCost {
        PatchCost {
            blocks: self.blocks.max(other.blocks),
            granules: self.granules.max(other.granules),
            decoding: self.decoding.max(other.decoding),
        }
    }
}

/// What evaluating some wanted regions in one go takes, by the order in which the evaluation goes.
pub(crate) fn patch_cost(
    graph: &Graph,
    wants: &[(Slot, Region)],
    scope: &Scope,
    walks: &Walks,
    depth: usize,
) -> Result<PatchCost> {
    let demand = demand_of(graph, wants, scope)?;
    let clusters = Clusters::new(graph, &demand, walks.fuse);
    let mut uses: Vec<usize> = demand.instances.iter().map(|instance| instance.uses).collect();
    let mut sizes = vec![0usize; demand.instances.len()];
    let mut alive = 0usize;
    let mut cost = PatchCost::default();
    for number in (0..demand.instances.len()).rev() {
        if !clusters.is_root(number) {
            continue;
        }
        let own = instance_cost(graph, &demand, number, scope, walks, depth)?;
        sizes[number] = own.kept;
        alive += own.kept;
        cost.blocks = cost.blocks.max(alive + own.passing);
        cost.granules += own.granules;
        cost.decoding = cost.decoding.max(own.decoding);
        let members = clusters.members(number).unwrap_or(std::slice::from_ref(&number));
        for &member in members {
            for reference in &demand.instances[member].references {
                uses[reference.instance] -= 1;
                if uses[reference.instance] == 0 {
                    alive -= sizes[reference.instance];
                    sizes[reference.instance] = 0;
                }
            }
        }
    }
    Ok(cost)
}

/// Bytes of all that programs read which are left to be run part by part; `None` if there is no such program.
pub(crate) fn deferred_cost(
    graph: &Graph,
    wants: &[(Slot, Region)],
    scope: &Scope,
    walks: &Walks,
) -> Result<Option<usize>> {
    let demand = demand_of(graph, wants, scope)?;
    let clusters = Clusters::new(graph, &demand, walks.fuse);
    let (mut bytes, mut programs) = (0, 0);
    for number in (0..demand.instances.len()).filter(|&number| clusters.is_root(number)) {
        if clusters.members(number).is_some() && demand.wanted_as(graph, number).is_some() {
            programs += 1;
        } else {
            let cost = instance_cost(graph, &demand, number, scope, walks, 0)?;
            bytes += cost.kept + cost.passing;
        }
    }
    Ok((programs > 0).then_some(bytes))
}

fn demand_of(graph: &Graph, wants: &[(Slot, Region)], scope: &Scope) -> Result<Demand> {
    let held = |slot: Slot| scope.held.contains(&slot);
    let carried = |node: usize, region: &Region| (carried(graph, node, region), None);
    demand(graph, wants, Known { held: &held, carried: &carried }, None)
}

#[derive(Default)]
struct InstanceCost {
    kept: usize,
    passing: usize,
    granules: usize,
    decoding: usize,
}

fn instance_cost(
    graph: &Graph,
    demand: &Demand,
    number: usize,
    scope: &Scope,
    walks: &Walks,
    depth: usize,
) -> Result<InstanceCost> {
    let instance = &demand.instances[number];
    let node = &graph.nodes[instance.slot.node];
    let nbytes = rounded_size(instance.region.size() * graph.meta(instance.slot).dtype.itemsize());
    let mut cost = InstanceCost::default();
    if instance.region.is_empty() {
        return Ok(cost);
    }
    if instance.is_held {
        if let Some(layout) = scope.spilled.get(&instance.slot) {
            (cost.granules, cost.kept) = (rounded_size(layout.read_bytes(&instance.region)), nbytes);
        }
        return Ok(cost);
    }
    match node.op.kind() {
        // A view keeps its input alive, at no cost of its own; its input is charged until the view's last use would
        // be, which the evaluation cannot tell apart. Charged again, to be safe.
        Kind::View(_) => {
            let reference = &instance.references[0];
            let below = &demand.instances[reference.instance];
            if !is_there(graph, demand, reference.instance, scope) {
                cost.kept = rounded_size(below.region.size() * graph.meta(below.slot).dtype.itemsize());
            }
        }
        Kind::Source(source) => {
            if is_borrowed(source, instance.region.ndim()) {
                return Ok(cost);
            }
            cost.kept = nbytes;
            if source.granule_grid().is_some() {
                for granule in source.plan_read(&instance.region)? {
                    cost.granules += rounded_size(granule.decoded_bytes);
                    let decoding = rounded_size(granule.encoded_bytes) + rounded_size(granule.scratch_bytes);
                    cost.decoding = cost.decoding.max(decoding);
                }
            }
        }
        Kind::Map(map) => {
            cost.kept = nbytes;
            cost.passing = map.scratch(&node.input_metas, &instance.region);
        }
        Kind::Reduce(_) => {
            cost.kept = nbytes;
            let fold = Fold::new(graph, instance.slot.node);
            let domain = domain_region(graph, instance.slot.node, &instance.region);
            cost.passing = fold_bytes(&fold, &domain);
            if depth < 16 {
                let patch = inner_patch(graph, walks, instance.slot.node, &domain);
                let inner = patch_cost(
                    graph,
                    &fold_wants(graph, instance.slot.node, &patch),
                    scope,
                    walks,
                    depth + 1,
                )?;
                cost.passing += inner.blocks;
                cost.granules += inner.granules;
                cost.decoding = inner.decoding;
            }
        }
        _ => cost.kept = nbytes,
    }
    Ok(cost)
}

/// Whether values are in memory whatever is done with them: held, lent by their source, or a view of such.
fn is_there(graph: &Graph, demand: &Demand, number: usize, scope: &Scope) -> bool {
    let instance = &demand.instances[number];
    if instance.is_held {
        return !scope.spilled.contains_key(&instance.slot);
    }
    match graph.nodes[instance.slot.node].op.kind() {
        Kind::Source(source) => is_borrowed(source, instance.region.ndim()),
        Kind::View(_) => is_there(graph, demand, instance.references[0].instance, scope),
        _ => false,
    }
}

/// Whether a source lends its memory.
pub(crate) fn is_borrowed(source: &dyn Source, ndim: usize) -> bool {
    source.borrow(&Region::new(vec![AxisRange::new(0, 0); ndim])).is_some()
}

/// The first patch of a reduction that is folded inside another patch.
fn inner_patch(graph: &Graph, walks: &Walks, node: usize, domain: &Region) -> Region {
    let plain;
    let walk = match walks.inner.get(&node) {
        Some(walk) => walk,
        None => {
            let Kind::Reduce(op) = graph.nodes[node].op.kind() else { return domain.clone() };
            let align = (0..domain.ndim()).map(|axis| op.spec().walk_alignment(axis)).collect();
            plain = crate::eval::Walk::plain(align);
            &plain
        }
    };
    let shape = walk.patch_shape(&domain.shape(), walks.patch_elements);
    let axes = domain
        .axes()
        .iter()
        .zip(&shape)
        .map(|(axis, &len)| axis.compose(&AxisRange::new(0, len.min(axis.len))));
    Region::from_iter(axes)
}

/// Bytes of the accumulators that a walk over a box of a domain keeps.
pub(crate) fn fold_bytes(fold: &Fold<'_>, domain: &Region) -> usize {
    let spec = fold.op.spec();
    let kept: usize = spec.kept_axes(domain.ndim()).into_iter().map(|axis| domain.axes()[axis].len).product();
    let one: usize = fold.accumulators.iter().map(|acc| acc.nbytes(kept)).sum();
    let leaves: usize = spec
        .axes()
        .iter()
        .map(|&axis| domain.axes()[axis].len.div_ceil(spec.task_alignment(axis)).max(1))
        .product();
    // One complete node a level at most, and the leaf in the making.
    one * (2 + leaves.max(1).ilog2() as usize)
}
