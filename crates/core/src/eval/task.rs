//! Running one task: a cell of a stage.

use super::ahead::{Beyond, Lookahead, Outlook};
use super::carry::Carries;
use super::cell::{CellBlock, CellOutput};
use super::context::Context;
use super::demand::Known;
use super::fold::{Fold, FoldTrees, Partial};
use super::held::{Held, HeldMap};
use super::patch::Evaluator;
use super::prepared::Batch;
use crate::block::Block;
use crate::error::{Error, Result};
use crate::plan::{Image, Plan, Slot, Stage, StageOutput, part_of};
use crate::region::{AxisRange, Region};
use crate::region_map;

/// Takes what a task makes. Schedulers implement it.
pub trait Deliver: Sync {
    /// Takes values of a target: `region` is in coordinates of the target's value. Regions of one target never
    /// overlap.
    fn deliver(&self, target: usize, region: &Region, block: &Block) -> Result<()>;
}

/// What a task leaves behind when it has folded only part of what its reductions fold.
#[derive(Debug, Default)]
pub struct TaskOutput {
    /// By output of the stage: complete nodes of fold trees.
    pub partials: Vec<(usize, Partial)>,
}

/// Runs the cell `number` of a stage. May be run twice, anywhere, with the same result.
pub fn run_task(
    plan: &Plan,
    stage: usize,
    number: usize,
    held: &HeldMap,
    context: &dyn Context,
    deliver: &dyn Deliver,
) -> Result<TaskOutput> {
    let cell = plan.stages[stage].cell(number);
    let local = local_values(plan, stage, &cell, held, context)?;
    let carries = Carries::default();
    let evaluator = Evaluator {
        graph: &plan.graph,
        walks: &plan.walks,
        context,
        held,
        reads: Some(&plan.stages[stage].reads),
        local: &local,
        carries: Some(&carries),
        apart: plan.stages[stage].walk.apart,
    };
    let task = Task { plan, stage, number, cell, evaluator, deliver };
    let folds = task.folds();
    if folds.is_empty() {
        task.map()?;
        return Ok(TaskOutput::default());
    }
    task.fold(&folds)
}

/// What a task computes over its whole cell beforehand.
fn local_values(
    plan: &Plan,
    stage: usize,
    cell: &Region,
    held: &HeldMap,
    context: &dyn Context,
) -> Result<HeldMap> {
    let number = stage;
    let stage = &plan.stages[number];
    let mut local = HeldMap::default();
    if stage.local.is_empty() {
        return Ok(local);
    }
    let wants: Vec<(Slot, Region)> = stage
        .outputs
        .iter()
        .filter_map(|output| match output {
            StageOutput::Written { slot, image, .. } => Some((*slot, part_of(image, cell))),
            StageOutput::Folded { .. } => None,
        })
        .collect();
    let carries = Carries::default();
    for (slot, region) in plan.hulls(&wants, number)? {
        let evaluator = Evaluator {
            graph: &plan.graph,
            walks: &plan.walks,
            context,
            held,
            reads: Some(&stage.reads),
            local: &local,
            carries: Some(&carries),
            apart: false,
        };
        let block =
            evaluator.evaluate(&[(slot, region.clone())])?.swap_remove(0).to_dense(Some(context.pool()));
        local.insert(slot, Held::in_memory(region, block));
    }
    Ok(local)
}

impl Beyond for Stage {
    fn num_cells(&self) -> usize {
        self.num_tasks()
    }

    fn patches(&self, cell: usize) -> Vec<Region> {
        self.walk.patches(&self.cell(cell), &self.patch)
    }
}

/// A value that is written, and where its elements lie in the domain.
struct Written<'a> {
    slot: Slot,
    targets: &'a [usize],
    image: &'a Option<Image>,
}

impl Written<'_> {
    fn want(&self, part: &Region) -> (Slot, Region) {
        (self.slot, part_of(self.image, part))
    }
}

struct Task<'a> {
    plan: &'a Plan,
    stage: usize,
    number: usize,
    cell: Region,
    evaluator: Evaluator<'a>,
    deliver: &'a dyn Deliver,
}

impl<'a> Task<'a> {
    fn folds(&self) -> Vec<Fold<'a>> {
        let nodes = self.plan.stages[self.stage].outputs.iter().filter_map(|output| match output {
            StageOutput::Folded { node, .. } => Some(*node),
            StageOutput::Written { .. } => None,
        });
        nodes.map(|node| Fold::new(&self.plan.graph, node)).collect()
    }

    fn written(&self) -> Vec<Written<'a>> {
        let outputs = self.plan.stages[self.stage].outputs.iter();
        outputs
            .filter_map(|output| match output {
                StageOutput::Written { slot, targets, image } => {
                    Some(Written { slot: *slot, targets, image })
                }
                StageOutput::Folded { .. } => None,
            })
            .collect()
    }

    fn output(&self, written: &Written<'a>) -> CellOutput<'_> {
        CellOutput {
            plan: self.plan,
            dtype: self.plan.graph.meta(written.slot).dtype,
            targets: written.targets,
            cell: part_of(written.image, &self.cell),
            bands: self.plan.stages[self.stage].bands,
            context: self.evaluator.context,
            deliver: self.deliver,
        }
    }

    /// The cells after this one.
    fn outlook(&self, stage: &'a Stage) -> Outlook<'a> {
        Outlook { owner: (self.stage, self.number), beyond: stage }
    }

    /// Evaluates the written outputs over the cell, patch by patch.
    fn map(&self) -> Result<()> {
        let stage = &self.plan.stages[self.stage];
        let written = self.written();
        let mut cells: Vec<CellBlock> =
            written.iter().map(|written| CellBlock::new(self.output(written))).collect();
        let wants_of = |patch: &Region| written.iter().map(|written| written.want(patch)).collect();
        let patches = stage.walk.patches(&self.cell, &stage.patch);
        let mut lookahead = Lookahead::new(&self.evaluator, &patches, Some(self.outlook(stage)));
        for range in stage.walk.batches(&patches) {
            let mut batch = Batch::new(&self.evaluator, &patches[range.clone()]);
            for number in range {
                lookahead.advance(number, &wants_of)?;
                let wants = wants_of(&patches[number]);
                let blocks = batch.values(&wants, &wants_of)?;
                for ((cell, (_, part)), block) in cells.iter_mut().zip(&wants).zip(blocks) {
                    cell.take(part, block)?;
                }
            }
        }
        cells.into_iter().try_for_each(CellBlock::finish)
    }

    /// Folds the cell; written outputs of the same domain ride along.
    fn fold(&self, folds: &[Fold<'_>]) -> Result<TaskOutput> {
        let stage = &self.plan.stages[self.stage];
        let written = self.written();
        let mut cells: Vec<CellBlock> =
            written.iter().map(|written| CellBlock::new(self.output(written))).collect();
        let trees = self.evaluator.fold_with(
            folds,
            &self.cell,
            &stage.walk,
            &stage.patch,
            Some(self.outlook(stage)),
            &|patch| written.iter().map(|written| written.want(patch)).collect(),
            &mut |wants, blocks| {
                let parts = cells.iter_mut().zip(wants).zip(blocks);
                parts.into_iter().try_for_each(|((cell, (_, part)), block)| cell.take(part, block.clone()))
            },
        )?;
        cells.into_iter().try_for_each(CellBlock::finish)?;
        let mut output = TaskOutput::default();
        let indices: Vec<usize> = (0..stage.outputs.len())
            .filter(|&k| matches!(stage.outputs[k], StageOutput::Folded { .. }))
            .collect();
        for ((fold, trees), index) in folds.iter().zip(trees).zip(indices) {
            if stage.finishes {
                self.finish_fold(fold, trees, index)?;
                continue;
            }
            for (kept, tree) in trees {
                for (key, acc) in tree.into_nodes() {
                    output.partials.push((index, Partial { kept: kept.clone(), key, acc }));
                }
            }
        }
        Ok(output)
    }

    fn finish_fold(&self, fold: &Fold<'_>, trees: FoldTrees, index: usize) -> Result<()> {
        let is_empty = trees.is_empty();
        for (kept, mut tree) in trees {
            let acc =
                tree.take_root().ok_or_else(|| Error::Bug { what: "a fold ended without a root".into() })?;
            deliver_fold(self.plan, self.stage, index, fold, &kept, &acc, &self.evaluator, self.deliver)?;
        }
        if is_empty {
            let kept = fold.kept_region(&self.cell);
            let acc = fold.start(kept.size());
            deliver_fold(self.plan, self.stage, index, fold, &kept, &acc, &self.evaluator, self.deliver)?;
        }
        Ok(())
    }
}

/// Finishes a fold whose root is there, and hands the outputs over.
#[allow(clippy::too_many_arguments, reason = "what a root is finished with and where it goes; used twice")]
fn deliver_fold(
    plan: &Plan,
    stage: usize,
    index: usize,
    fold: &Fold<'_>,
    kept: &Region,
    acc: &crate::fold::Acc,
    evaluator: &Evaluator<'_>,
    deliver: &dyn Deliver,
) -> Result<()> {
    let StageOutput::Folded { targets, .. } = &plan.stages[stage].outputs[index] else {
        return Err(Error::Bug { what: "a fold that is no fold".into() });
    };
    for &(output, target) in targets {
        let block = evaluator.finished(fold, kept, acc, output)?;
        let meta = plan.graph.meta(plan.targets[target].slot);
        let mut region = kept.axes().to_vec();
        region.extend(meta.shape[kept.ndim()..].iter().map(|&len| AxisRange::new(0, len)));
        deliver.deliver(target, &Region::new(region), &block)?;
    }
    Ok(())
}

/// Finishes a fold whose partial results have been joined by the scheduler.
pub fn finish_partial(
    plan: &Plan,
    stage: usize,
    index: usize,
    kept: &Region,
    acc: &crate::fold::Acc,
    context: &dyn Context,
    deliver: &dyn Deliver,
) -> Result<()> {
    let StageOutput::Folded { node, .. } = &plan.stages[stage].outputs[index] else {
        return Err(Error::Bug { what: "a fold that is no fold".into() });
    };
    let nothing = HeldMap::default();
    let evaluator = Evaluator {
        graph: &plan.graph,
        walks: &plan.walks,
        context,
        held: &nothing,
        reads: None,
        local: &nothing,
        carries: None,
        apart: false,
    };
    let fold = Fold::new(&plan.graph, *node);
    deliver_fold(plan, stage, index, &fold, kept, acc, &evaluator, deliver)
}

impl Plan {
    /// The hulls of what a cell needs of values that the task computes beforehand, in their order.
    fn hulls(&self, wants: &[(Slot, Region)], stage: usize) -> Result<Vec<(Slot, Region)>> {
        let slots = &self.stages[stage].local;
        let mut wants = wants.to_vec();
        let mut hulls: Vec<(Slot, Option<Region>)> = slots.iter().map(|slot| (*slot, None)).collect();
        // From the last to the first: what a fold needs of a source shows only when the fold's region is known.
        loop {
            for (slot, region) in self.local_demand(&wants, stage)? {
                if let Some((_, hull)) = hulls.iter_mut().find(|(other, _)| *other == slot) {
                    *hull = Some(match hull.take() {
                        Some(known) => known.hull(&region),
                        None => region,
                    });
                }
            }
            // Reductions among them are looked into once, with the region that was asked of them.
            let folds: Vec<(Slot, Region)> = hulls
                .iter()
                .filter_map(|(slot, hull)| hull.clone().map(|hull| (*slot, hull)))
                .filter(|(slot, _)| matches!(self.graph.nodes[slot.node].op.kind(), crate::Kind::Reduce(_)))
                .collect();
            let next: Vec<(Slot, Region)> = folds
                .iter()
                .flat_map(|(slot, region)| {
                    let domain = super::domain_region(&self.graph, slot.node, region);
                    let node = &self.graph.nodes[slot.node];
                    let crate::Kind::Reduce(op) = node.op.kind() else { return Vec::new() };
                    (0..node.inputs.len())
                        .map(|k| {
                            let maps = op.input_maps(&node.input_metas, k);
                            (node.inputs[k], region_map::demand(&maps, &domain, &node.input_metas[k].shape))
                        })
                        .collect()
                })
                .collect();
            if next.is_empty() || next == wants {
                break;
            }
            wants = next;
        }
        Ok(hulls.into_iter().filter_map(|(slot, hull)| hull.map(|hull| (slot, hull))).collect())
    }

    fn local_demand(&self, wants: &[(Slot, Region)], stage: usize) -> Result<Vec<(Slot, Region)>> {
        let slots = &self.stages[stage].local;
        let held = |slot: Slot| slots.contains(&slot) || self.stages[stage].reads.contains(&slot);
        // Over a whole cell scans begin at the start of their lines.
        let known = Known { held: &held, carried: &|_, _| (0, None) };
        let demand = super::demand(&self.graph, wants, known, None)?;
        let instances = demand.instances.into_iter();
        Ok(instances.filter(|i| slots.contains(&i.slot)).map(|i| (i.slot, i.region)).collect())
    }
}
