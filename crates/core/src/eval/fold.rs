//! Folding a box of a reduction's domain: walk it in patches, fold leaf by leaf, join in the order of the tree.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::ahead::{Lookahead, Outlook};
use super::demand::{Demand, Instance};
use super::held::{Held, HeldMap};
use super::patch::{Evaluator, positions};
use super::prepared::Batch;
use super::walk::Walk;
use crate::block::{Block, BlockMut};
use crate::error::{Error, Result};
use crate::fold::{Acc, AccSpec, FoldForm, FoldTree, LeafInput, NodeKey};
use crate::operation::{Kind, Reduce};
use crate::plan::{Graph, Slot};
use crate::region::{AxisRange, Region};
use crate::region_map::{self, AxisMap};

/// A reduction of the graph, with what folding asks again and again.
#[derive(Debug)]
pub struct Fold<'a> {
    /// The node.
    pub node: usize,
    /// The operation.
    pub op: &'a dyn Reduce,
    /// Its accumulator.
    pub accumulators: Vec<AccSpec>,
    pub(super) maps: Vec<Vec<AxisMap>>,
    pub(super) kept_axes: Vec<usize>,
}

impl<'a> Fold<'a> {
    /// The reduction at a node.
    ///
    /// # Panics
    /// If the node is no reduction.
    pub fn new(graph: &'a Graph, node: usize) -> Self {
        let entry = &graph.nodes[node];
        let Kind::Reduce(op) = entry.op.kind() else { panic!("{} folds nothing", entry.op.name()) };
        let metas = &entry.input_metas;
        let maps = (0..metas.len()).map(|k| op.input_maps(metas, k)).collect();
        let kept_axes = op.spec().kept_axes(op.domain(metas).len());
        Fold { node, op, accumulators: op.accumulators(metas), maps, kept_axes }
    }

    /// An accumulator of nothing.
    pub(crate) fn start(&self, kept: usize) -> Acc {
        let mut acc = Acc::zeroed(&self.accumulators, kept);
        self.op.start(&mut acc);
        acc
    }

    /// What a box of the domain needs of the inputs.
    fn wants<'b>(&'b self, graph: &'b Graph, part: &'b Region) -> impl Iterator<Item = (Slot, Region)> + 'b {
        let node = &graph.nodes[self.node];
        let inputs = self.maps.iter().zip(&node.inputs).zip(&node.input_metas);
        inputs.map(|((maps, &input), meta)| (input, region_map::demand(maps, part, &meta.shape)))
    }

    /// The kept axes of a box of the domain.
    pub(crate) fn kept_region(&self, patch: &Region) -> Region {
        Region::from_iter(self.kept_axes.iter().map(|&axis| patch.axes()[axis]))
    }
}

/// The box of a reduction's domain that a region of its output needs.
pub fn domain_region(graph: &Graph, node: usize, out: &Region) -> Region {
    let entry = &graph.nodes[node];
    let Kind::Reduce(op) = entry.op.kind() else { panic!("{} folds nothing", entry.op.name()) };
    let mut region = Region::full(&op.domain(&entry.input_metas));
    for (k, axis) in op.spec().kept_axes(region.ndim()).into_iter().enumerate() {
        *region.axis_mut(axis) = out.axes()[k];
    }
    region
}

/// The trees of one reduction over a box: one for every part of the kept axes.
pub type FoldTrees = BTreeMap<Region, FoldTree>;

/// A complete node of a fold tree that others need: for which kept elements, which node, what was folded.
#[derive(Debug, Serialize, Deserialize)]
pub struct Partial {
    /// The kept elements, in coordinates of the domain.
    pub kept: Region,
    /// Which node.
    pub key: NodeKey,
    /// What was folded.
    pub acc: Acc,
}

/// The blocks of a reduction's inputs over a patch, and what was asked for.
#[derive(Clone, Copy)]
pub(super) struct Inputs<'a> {
    pub wants: &'a [(Slot, Region)],
    pub blocks: &'a [Block],
}

/// Takes values that ride along with a fold: the regions that were asked for, and their blocks.
pub(crate) type Visit<'a> = dyn FnMut(&[(Slot, Region)], &[Block]) -> Result<()> + 'a;

impl Evaluator<'_> {
    /// Folds a box of the domain that several reductions share. Their inputs are evaluated together, patch by patch.
    pub fn fold(
        &self,
        folds: &[Fold<'_>],
        region: &Region,
        walk: &Walk,
        patch: &[usize],
    ) -> Result<Vec<FoldTrees>> {
        self.fold_with(folds, region, walk, patch, None, &|_| Vec::new(), &mut |_, _| Ok(()))
    }

    /// [`Evaluator::fold`], with other values of the same patches handed to `visit`.
    #[allow(clippy::too_many_arguments, reason = "what to fold, where, and what rides along; used twice")]
    pub(crate) fn fold_with(
        &self,
        folds: &[Fold<'_>],
        region: &Region,
        walk: &Walk,
        patch: &[usize],
        outlook: Option<Outlook<'_>>,
        extra: &dyn Fn(&Region) -> Vec<(Slot, Region)>,
        visit: &mut Visit<'_>,
    ) -> Result<Vec<FoldTrees>> {
        let mut trees: Vec<FoldTrees> = folds.iter().map(|_| FoldTrees::new()).collect();
        let folded = folds.iter().map(|fold| fold.maps.len()).sum::<usize>();
        let wants_of = |patch: &Region| {
            let folded = folds.iter().flat_map(|fold| fold.wants(self.graph, patch));
            let mut wants: Vec<(Slot, Region)> = folded.collect();
            wants.extend(extra(patch));
            wants
        };
        let patches = walk.patches(region, patch);
        let mut lookahead = Lookahead::new(self, &patches, outlook);
        for range in walk.batches(&patches) {
            let mut batch = Batch::new(self, &patches[range.clone()]);
            // Patches of the same kept elements are folded as one, if none of their values stays.
            let hull = batch.hull().clone();
            let is_same = |fold: &Fold<'_>, patch: &Region| {
                fold.kept_axes.iter().all(|&axis| patch.axes()[axis] == hull.axes()[axis])
            };
            let are_one =
                patches[range.clone()].iter().all(|patch| folds.iter().all(|fold| is_same(fold, patch)));
            lookahead.advance(range.start, &wants_of)?;
            if are_one && self.fold_as_computed(folds, &mut trees, &hull, &mut batch, &wants_of)? {
                continue;
            }
            for number in range {
                let patch = &patches[number];
                lookahead.advance(number, &wants_of)?;
                if !are_one && self.fold_as_computed(folds, &mut trees, patch, &mut batch, &wants_of)? {
                    continue;
                }
                let wants = wants_of(patch);
                let blocks = batch.values(&wants, &wants_of)?;
                visit(&wants[folded..], &blocks[folded..])?;
                let mut next = 0;
                for (fold, trees) in folds.iter().zip(&mut trees) {
                    let range = next..next + fold.maps.len();
                    next = range.end;
                    let tree = trees
                        .entry(fold.kept_region(patch))
                        .or_insert_with(|| FoldTree::new(fold.op.spec().num_leaves()));
                    let inputs = Inputs { wants: &wants[range.clone()], blocks: &blocks[range] };
                    self.fold_patch(fold, tree, patch, inputs)?;
                }
            }
        }
        Ok(trees)
    }

    fn fold_patch(
        &self,
        fold: &Fold<'_>,
        tree: &mut FoldTree,
        patch: &Region,
        inputs: Inputs<'_>,
    ) -> Result<()> {
        let spec = fold.op.spec();
        // Leaves of columns need not end where a patch does.
        let whole = match (spec.form(), spec.leaf_axis()) {
            (FoldForm::Columns, Some((axis, ..))) => {
                spec.whole_leaves(axis, &patch.axes()[axis]).map(|range| (axis, range))
            }
            _ => None,
        };
        let Some((axis, whole)) = whole else {
            return match self.fold_lines(fold, tree, patch, inputs)? {
                true => Ok(()),
                false => self.fold_leaves(fold, tree, patch, inputs),
            };
        };
        let AxisRange { start, len, .. } = patch.axes()[axis];
        let (before, after) = (whole.start - start, start + len - whole.start - whole.len);
        let part = |start: usize, len: usize| {
            let mut part = patch.clone();
            *part.axis_mut(axis) = AxisRange::new(start, len);
            part
        };
        if before > 0 {
            self.fold_leaves(fold, tree, &part(start, before), inputs)?;
        }
        let middle = part(whole.start, whole.len);
        if !self.fold_lines(fold, tree, &middle, inputs)? {
            self.fold_leaves(fold, tree, &middle, inputs)?;
        }
        if after > 0 {
            self.fold_leaves(fold, tree, &part(whole.start + whole.len, after), inputs)?;
        }
        Ok(())
    }

    /// Folds a part of a patch leaf by leaf.
    fn fold_leaves(
        &self,
        fold: &Fold<'_>,
        tree: &mut FoldTree,
        part: &Region,
        inputs: Inputs<'_>,
    ) -> Result<()> {
        let spec = fold.op.spec();
        let pool = self.context.pool();
        let node = &self.graph.nodes[fold.node];
        for leaf in spec.leaves_in(part) {
            let parts =
                inputs.blocks.iter().zip(inputs.wants).enumerate().map(|(k, (block, (_, region)))| {
                    let asked = region_map::demand(&fold.maps[k], &leaf.region, &node.input_metas[k].shape);
                    block.slice(&positions(region, &asked))
                });
            let blocks = &parts.collect::<SmallVec<[Block; 4]>>();
            let (maps, at) = (&fold.maps, &leaf.region);
            let input = LeafInput { blocks, maps, at, spec, pool, rows: None, starts: None };
            let (kept, elements) = (input.kept(), input.elements());
            let start = || fold.start(kept);
            tree.fold_part(fold.op, leaf.number, elements, leaf.size, start, |acc| fold.op.fold(acc, &input))
                .map_err(|error| Error::Task {
                    op: node.op.name(),
                    region: leaf.region.to_string(),
                    source_uri: None,
                    source: Box::new(error),
                })?;
        }
        Ok(())
    }

    /// A region of the output of a reduction, folded from the start.
    pub(crate) fn reduce(&self, slot: Slot, out: &Region) -> Result<Block> {
        let fold = Fold::new(self.graph, slot.node);
        let region = domain_region(self.graph, slot.node, out);
        let plain;
        let walk = match self.walks.inner.get(&slot.node) {
            Some(walk) => walk,
            None => {
                let spec = fold.op.spec();
                plain = Walk::plain((0..region.ndim()).map(|axis| spec.walk_alignment(axis)).collect());
                &plain
            }
        };
        let patch = walk.patch_shape(&region.shape(), self.walks.patch_elements);
        let mut local = self.repeated(&fold, &region, walk, &patch)?;
        let mut evaluator = *self;
        if !local.is_empty() {
            local.extend(self.local.iter().map(|(slot, held)| (*slot, held.clone())));
            evaluator.local = &local;
        }
        let mut trees = evaluator.fold(&[fold], &region, walk, &patch)?.swap_remove(0);
        let fold = Fold::new(self.graph, slot.node);
        if trees.is_empty() {
            trees.insert(fold.kept_region(&region), FoldTree::new(1));
        }
        let mut result = None;
        for (kept, mut tree) in trees {
            let acc = match tree.take_root() {
                Some(acc) => acc,
                None if region.is_empty() => fold.start(kept.size()),
                None => return Err(Error::Bug { what: "a fold ended without a root".into() }),
            };
            let part = self.finished(&fold, &kept, &acc, slot.output)?;
            if part.shape() == out.shape() {
                return Ok(part);
            }
            let meta = self.graph.meta(slot);
            let result = result
                .get_or_insert_with(|| BlockMut::take(meta.dtype, &out.shape(), Some(self.context.pool())));
            let mut place =
                positions(&Region::new(out.axes()[..kept.ndim()].to_vec()), &kept).axes().to_vec();
            place.extend(part.shape()[kept.ndim()..].iter().map(|&len| AxisRange::new(0, len)));
            result.slice_mut(&Region::new(place)).assign(&part);
        }
        result.map(BlockMut::freeze).ok_or_else(|| Error::Bug { what: "a fold gave nothing".into() })
    }

    /// The reductions inside a reduction that are the same for all its patches, as the mean in `(x - x.mean(0)).std(0)`:
    /// folded once, before the first of them.
    fn repeated(&self, fold: &Fold<'_>, region: &Region, walk: &Walk, patch: &[usize]) -> Result<HeldMap> {
        let mut found = HeldMap::default();
        if self.walks.inner.len() < 2 {
            return Ok(found);
        }
        let patches = walk.patches(region, patch);
        let [first, _, ..] = patches.as_slice() else { return Ok(found) };
        let demand = |part: &Region| self.demand(&fold.wants(self.graph, part).collect::<Vec<_>>(), None);
        let one = demand(first)?;
        let folded = |demand: &Demand| -> Vec<(Slot, Region)> {
            let instances = demand.instances.iter().filter(|instance| !instance.is_held);
            let folded = instances
                .filter(|instance| matches!(self.graph.nodes[instance.slot.node].op.kind(), Kind::Reduce(_)));
            folded.map(|instance| (instance.slot, instance.region.clone())).collect()
        };
        let folded_in_one = folded(&one);
        // What is asked for by position is known when the positions are.
        let is_indirect = |instance: &Instance| {
            let op = &self.graph.nodes[instance.slot.node].op;
            matches!(op.kind(), Kind::Assemble(op) if op.is_indirect())
        };
        if folded_in_one.is_empty() || one.instances.iter().any(is_indirect) {
            return Ok(found);
        }
        let folded_in_all = folded(&demand(region)?);
        for (slot, region) in folded_in_one {
            // The one region that every patch asks for a part of, and the first for all.
            let mut of_slot = folded_in_all.iter().filter(|(other, _)| *other == slot);
            if let (Some((_, whole)), None) = (of_slot.next(), of_slot.next())
                && *whole == region
                && !region.is_empty()
            {
                let block = self.reduce(slot, &region)?;
                found.insert(slot, Held::in_memory(region, block));
            }
        }
        Ok(found)
    }

    /// The output of a reduction for some kept elements, from the accumulator of everything.
    pub fn finished(&self, fold: &Fold<'_>, kept: &Region, acc: &Acc, output: usize) -> Result<Block> {
        let node = &self.graph.nodes[fold.node];
        let meta = &node.metas[output];
        let mut shape = kept.shape();
        shape.extend(&meta.shape[kept.ndim()..]);
        let mut out = BlockMut::take(meta.dtype, &shape, Some(self.context.pool()));
        fold.op.finish(acc, &node.input_metas, output, &mut out).map_err(|error| Error::Task {
            op: node.op.name(),
            region: kept.to_string(),
            source_uri: None,
            source: Box::new(error),
        })?;
        Ok(out.freeze())
    }
}
