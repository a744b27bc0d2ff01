//! The plan: how an expression is cut into stages and tasks, within a budget.
//!
//! [`plan`] lowers the expression ([`Graph::lower`] simplifies views and shares equal nodes), drafts stages
//! (`stages`), gives them grids (`place`), and proves that they fit the budget, in this order.

mod apart;
mod batch;
mod chunk_graph;
mod data;
mod deliveries;
mod exchange;
mod explain;
mod figures;
mod folds_apart;
mod grain;
mod graph;
mod grid;
mod images;
mod imagined;
mod late;
mod mirror;
mod moves;
mod patches;
mod place;
mod planes;
mod probe;
mod scans;
mod spills;
mod stage;
mod stages;
mod strips;
mod task_reads;

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

pub use chunk_graph::{ChunkGraph, ChunkPart, ChunkStep, ChunkTask, chunk_graph};
pub use data::{Borrow, Lend, LentBlock, LentPlace, PlanData, Writers};
pub(crate) use figures::granule_elements;
pub use graph::{Graph, GraphNode, Slot};
pub use imagined::ImaginedStore;
pub use late::{awaited, nodes, resolve_staged, substitute};
pub(crate) use stage::part_of;
pub use stage::{
    Bands, Image, Late, Plan, PlanOptions, Request, Stage, StageFigures, StageOutput, Target, TargetKind,
};
pub use task_reads::task_reads;

use crate::block::Block;
use crate::chunks::ChunkGrid;
use crate::error::{Error, Result};
use crate::eval::{Fold, Held, HeldMap, Walks};
use crate::expr::Value;
use crate::region::Region;
use place::{Placed, Room, place, stage_outputs};
use stages::{Draft, draft};
use strips::in_strips;

/// Plans what is requested. Nothing is computed, and nothing takes longer because there are more chunks.
///
/// # Errors
/// If no way of computing it fits the memory allowed.
pub fn plan(requests: &[Request], options: &PlanOptions) -> Result<Plan> {
    let numbered = requests.iter().cloned().enumerate().collect();
    plan_with(numbered, &FxHashMap::default(), options)
}

/// Plans what waited for values, by the hashes of the nodes that gave them.
pub(crate) fn resume(late: &Late, values: &[Block], options: &PlanOptions) -> Result<Plan> {
    let known: FxHashMap<u128, Block> =
        late.awaited.iter().zip(values).map(|(value, block)| (value.node.hash(), block.clone())).collect();
    let values: Vec<Value> = late.requests.iter().map(|(_, request)| request.value().clone()).collect();
    let renewed = substitute(&values, &known)?;
    let requests = late
        .requests
        .iter()
        .zip(renewed)
        .map(|((number, old), value)| (*number, old.with_value(value)))
        .collect();
    plan_with(requests, &known, options)
}

fn plan_with(
    requests: Vec<(usize, Request)>,
    known: &FxHashMap<u128, Block>,
    options: &PlanOptions,
) -> Result<Plan> {
    let options = spills::beside_results(&requests, options);
    let mut requests = planes::in_planes(requests)?;
    loop {
        match attempt(&requests, known, &options, &FxHashSet::default())? {
            Attempt::Planned(plan) => return Ok(with_folds_apart(*plan, &requests, known, &options)),
            Attempt::Steps(scans) => requests = scans::in_steps(&requests, &scans)?,
        }
    }
}

/// A plan, or one in which some reductions have stages of their own, if that reads less or keeps more workers busy.
fn with_folds_apart(
    plan: Plan,
    requests: &[(usize, Request)],
    known: &FxHashMap<u128, Block>,
    options: &PlanOptions,
) -> Plan {
    let folded_apart = folds_apart::candidates(&plan);
    if folded_apart.is_empty() {
        return plan;
    }
    match attempt(requests, known, options, &folded_apart) {
        Ok(Attempt::Planned(other)) if folds_apart::is_better(&other, &plan) => *other,
        // It does not fit, or is no better.
        _ => plan,
    }
}

/// What came of planning some requests as they are.
enum Attempt {
    Planned(Box<Plan>),
    /// These scans cannot run along with what uses them.
    Steps(FxHashSet<u128>),
}

fn attempt(
    requests: &[(usize, Request)],
    known: &FxHashMap<u128, Block>,
    options: &PlanOptions,
    folded_apart: &FxHashSet<u128>,
) -> Result<Attempt> {
    let (ready, late) = split_late(requests.to_vec());
    let mut kinds: Vec<(Value, TargetKind)> = Vec::new();
    for (number, request) in &ready {
        kinds.push(match request {
            Request::Collect(value) => (value.clone(), TargetKind::Collect(*number)),
            Request::Store(value, sink) => (value.clone(), TargetKind::Store(*number, sink.clone())),
        });
    }
    if let Some(late) = &late {
        // What is awaited is collected under numbers that no request has.
        let awaited = late.awaited.iter().enumerate();
        kinds.extend(awaited.map(|(k, value)| (value.clone(), TargetKind::Collect(usize::MAX - k))));
    }
    let values: Vec<&Value> = kinds.iter().map(|(value, _)| value).collect();
    let graph = Graph::lower(&values);
    let given = given_values(&graph, known);
    let targets = graph.outputs.iter().copied().zip(kinds.iter().map(|(_, kind)| kind.clone())).collect();
    let given_slots: FxHashSet<Slot> = given.keys().copied().collect();
    let drafts = draft(&graph, targets, &given_slots, folded_apart)?;
    let mut drafts = images::joined(&graph, drafts)?;
    let steps = scans::run_along(&graph, &mut drafts, options)?;
    if !steps.is_empty() {
        return Ok(Attempt::Steps(steps));
    }
    mirror::find(&graph, &mut drafts);
    let scans = scans::all(&graph);
    let mut plan = Plan {
        graph,
        stages: Vec::new(),
        targets: Vec::new(),
        walks: Walks {
            patch_elements: options.forced_patch.unwrap_or(crate::eval::PATCH_ELEMENTS),
            forced_tile: options.forced_tile,
            fuse: options.fuse,
            ..Walks::default()
        },
        given,
        options: options.clone(),
        cache_bytes: 0,
        peak_bytes: 0,
        spill_bytes: 0,
        late,
    };
    match place_all(&mut plan, drafts) {
        // Lines that must stay whole may be what does not fit.
        Err(Error::MemoryTooSmall { .. }) if !scans.is_empty() => Ok(Attempt::Steps(scans)),
        placed => placed.map(|()| Attempt::Planned(Box::new(plan))),
    }
}

/// Requests that can be planned now, and those that wait for values.
fn split_late(requests: Vec<(usize, Request)>) -> (Vec<(usize, Request)>, Option<Late>) {
    let values: Vec<Value> = requests.iter().map(|(_, request)| request.value().clone()).collect();
    let all = awaited(&values);
    if all.is_empty() {
        return (requests, None);
    }
    let (late, ready): (Vec<_>, Vec<_>) = requests
        .into_iter()
        .partition(|(_, request)| !awaited(std::slice::from_ref(request.value())).is_empty());
    (ready, Some(Late { requests: late, awaited: all }))
}

fn given_values(graph: &Graph, known: &FxHashMap<u128, Block>) -> HeldMap {
    let mut given = HeldMap::default();
    for (number, node) in graph.nodes.iter().enumerate() {
        if let Some(block) = known.get(&node.hash) {
            let region = Region::full(block.shape());
            given.insert(Slot { node: number, output: 0 }, Held::in_memory(region, block.clone()));
        }
    }
    given
}

/// Gives every draft its place, in order, and proves that what is held and what runs fits the budget. What does not fit
/// is held in spill files, the largest value first.
fn place_all(plan: &mut Plan, drafts: Vec<Draft>) -> Result<()> {
    let (drafts, mut spilled) =
        exchange::with_exchanges(&plan.graph, drafts, &plan.options.clone(), &plan.walks)?;
    let (drafts, strips) = with_strips(plan, drafts, &spilled)?;
    let numbers = number_targets(plan, &drafts);
    let over_strips: FxHashSet<usize> = strips.keys().copied().collect();
    if plan.options.forced_spill {
        let all = plan.targets.iter().filter(|target| spills::can_be_spilled(plan, target, &over_strips));
        spilled.extend(all.map(|target| target.slot));
    }
    let mut first_error = None;
    let mut reader_bytes = plan.options.memory / 4 * 3;
    loop {
        let error = match place_each(plan, &drafts, &strips, &numbers, &spilled, reader_bytes) {
            Err(error @ Error::MemoryTooSmall { .. }) => error,
            placed => return placed.and_then(|()| spills::check_room(plan)),
        };
        let failed = plan.stages.len();
        // Smaller cells of readers make smaller blocks, which need less room beside the cells.
        if !spilled.is_empty() && reader_bytes > plan.options.memory / LEAST_READERS {
            first_error.get_or_insert(error);
            reader_bytes /= 2;
            continue;
        }
        let slot = spills::largest_held(plan, failed, &spilled, &over_strips);
        let error = first_error.get_or_insert(error);
        match slot {
            Some(slot) => {
                spilled.insert(slot);
                reader_bytes = plan.options.memory / 4 * 3;
            }
            None => return Err(std::mem::replace(error, Error::Cancelled)),
        }
    }
}

/// The cells of readers of spill files are not looked for in less than this part of the budget.
const LEAST_READERS: usize = 16;

/// Lists the targets of all stages; returns their numbers by stage and value.
fn number_targets(plan: &mut Plan, drafts: &[Draft]) -> Vec<FxHashMap<Slot, Vec<usize>>> {
    let mut numbers: Vec<FxHashMap<Slot, Vec<usize>>> = Vec::new();
    for (stage, draft) in drafts.iter().enumerate() {
        let mut own: FxHashMap<Slot, Vec<usize>> = FxHashMap::default();
        for output in &draft.outputs {
            for (slot, kind) in &output.targets {
                own.entry(*slot).or_default().push(plan.targets.len());
                let nbytes = output.region.size().saturating_mul(plan.graph.meta(*slot).dtype.itemsize());
                plan.targets.push(Target {
                    slot: *slot,
                    region: output.region.clone(),
                    kind: kind.clone(),
                    nbytes,
                    stage,
                    readers: Vec::new(),
                    spill: None,
                });
            }
        }
        numbers.push(own);
        for (slot, _) in &draft.reads {
            for target in plan.targets.iter_mut().filter(|target| target.slot == *slot) {
                if !matches!(target.kind, TargetKind::Store(..)) {
                    target.readers.push(stage);
                }
            }
        }
    }
    numbers
}

/// Gives every draft its place while these values are held in spill files.
fn place_each(
    plan: &mut Plan,
    drafts: &[Draft],
    strips: &FxHashMap<usize, Placed>,
    numbers: &[FxHashMap<Slot, Vec<usize>>],
    spilled: &FxHashSet<Slot>,
    reader_bytes: usize,
) -> Result<()> {
    let options = plan.options.clone();
    plan.stages.clear();
    (plan.cache_bytes, plan.peak_bytes, plan.spill_bytes) = (0, 0, 0);
    plan.targets.iter_mut().for_each(|target| target.spill = None);
    let mut maker: FxHashMap<Slot, usize> = FxHashMap::default();
    for (number, draft) in drafts.iter().enumerate() {
        for output in &draft.outputs {
            maker.entry(output.slot).or_insert(number);
        }
    }
    let maker_of = |slot: &Slot| {
        maker.get(slot).copied().or_else(|| {
            // Another output of a reduction that a stage folds.
            maker.iter().find(|(other, _)| other.node == slot.node).map(|(_, number)| *number)
        })
    };
    let mut cells: FxHashMap<Slot, ChunkGrid> = FxHashMap::default();
    for target in &plan.targets {
        if spilled.contains(&target.slot) && matches!(target.kind, TargetKind::Held) {
            let found = spills::reader_cells(
                &plan.graph,
                drafts,
                target.slot,
                &target.region,
                &Room { options: &options, bytes: reader_bytes },
                &plan.walks,
            )?;
            cells.insert(target.slot, found);
        }
    }
    for (number, draft) in drafts.iter().enumerate() {
        let informed = spills::informed(draft, &plan.targets, &cells);
        let draft = informed.as_ref().unwrap_or(draft);
        let mut held = held_bytes(plan, number, &cells);
        let placed = loop {
            if held > options.memory {
                return Err(result_too_large(plan, number, held));
            }
            let room = Room { options: &options, bytes: options.memory - held };
            let placed = match strips.get(&number) {
                Some(placed) => placed.clone(),
                None => place(&plan.graph, draft, &room, &mut plan.walks)?,
            };
            // Only cells that cut folded axes leave partial folds behind.
            let partial = if placed.stage.finishes { 0 } else { partial_bytes(&plan.graph, draft) };
            if held >= held_bytes(plan, number, &cells) + partial {
                break placed;
            }
            held += partial;
        };
        let Placed { mut stage, cache_bytes } = placed;
        for output in draft.outputs.iter().filter(|output| output.spill.is_some()) {
            let Some(readers) = &output.spill else { continue };
            let layout = Arc::new(spills::layout(&plan.graph, output, readers, &stage, &options));
            for &target in numbers[number].get(&output.slot).into_iter().flatten() {
                if matches!(plan.targets[target].kind, TargetKind::Held) {
                    plan.targets[target].spill = Some(layout.clone());
                }
            }
        }
        let cache_bytes = cache_bytes.min(options.memory.saturating_sub(held + stage.figures.task_bytes));
        stage.figures.cache_bytes = cache_bytes;
        stage.figures.held_bytes = held;
        stage.outputs = stage_outputs(draft, &numbers[number]);
        stage.reads = draft.reads.iter().map(|(slot, _)| *slot).collect();
        stage.depends =
            draft.reads.iter().filter_map(|(slot, _)| maker_of(slot)).filter(|s| *s != number).collect();
        stage.depends.sort_unstable();
        stage.depends.dedup();
        let running = options.threads.max(1).min(stage.num_tasks()) * stage.figures.task_bytes;
        let peak = held + (running + cache_bytes).min(options.memory - held);
        plan.cache_bytes = plan.cache_bytes.max(cache_bytes);
        plan.peak_bytes = plan.peak_bytes.max(peak);
        plan.spill_bytes = plan.spill_bytes.max(spills::spilled_bytes(plan, number));
        plan.stages.push(stage);
    }
    Ok(())
}

/// Replaces pairs of stages (fold, then map with the result) by one stage over strips where that fits.
fn with_strips(
    plan: &mut Plan,
    drafts: Vec<Draft>,
    spilled: &FxHashSet<Slot>,
) -> Result<(Vec<Draft>, FxHashMap<usize, Placed>)> {
    let mut replaced: FxHashMap<usize, Placed> = FxHashMap::default();
    let mut gone: FxHashSet<usize> = FxHashSet::default();
    for number in (0..drafts.len()).rev() {
        let draft = &drafts[number];
        if draft.repeated.is_empty()
            || draft.outputs.iter().any(|output| output.is_fold)
            || gone.contains(&number)
            || draft.reads.iter().any(|(slot, _)| spilled.contains(slot))
        {
            continue;
        }
        let makes = |other: &Draft, slot: &Slot| other.outputs.iter().any(|output| output.slot == *slot);
        let makers: Vec<usize> = (0..drafts.len())
            .filter(|&k| k != number && draft.repeated.keys().any(|slot| makes(&drafts[k], slot)))
            .collect();
        let others_read = drafts.iter().enumerate().any(|(k, other)| {
            k != number
                && other.reads.iter().any(|(slot, _)| makers.iter().any(|&maker| makes(&drafts[maker], slot)))
        });
        if others_read || makers.is_empty() {
            continue;
        }
        let collected: usize = plan_result_bytes(&plan.graph, &drafts);
        let room = Room { options: &plan.options, bytes: plan.options.memory.saturating_sub(collected) };
        let parts: Vec<&Draft> = makers.iter().map(|&k| &drafts[k]).collect();
        if let Some(placed) = in_strips(&plan.graph, draft, &parts, &room, &mut plan.walks)? {
            replaced.insert(number, placed);
            gone.extend(makers);
        }
    }
    let mut kept = Vec::new();
    let mut strips = FxHashMap::default();
    for (number, mut draft) in drafts.into_iter().enumerate() {
        if gone.contains(&number) {
            continue;
        }
        if let Some(placed) = replaced.remove(&number) {
            let local: FxHashSet<Slot> = placed.stage.local.iter().copied().collect();
            draft.reads.retain(|(slot, _)| !local.contains(slot));
            strips.insert(kept.len(), placed);
        }
        kept.push(draft);
    }
    Ok((kept, strips))
}

fn plan_result_bytes(graph: &Graph, drafts: &[Draft]) -> usize {
    drafts
        .iter()
        .flat_map(|draft| &draft.outputs)
        .filter(|output| output.targets.iter().any(|(_, kind)| matches!(kind, TargetKind::Collect(_))))
        .map(|output| output.region.size().saturating_mul(graph.meta(output.slot).dtype.itemsize()))
        .fold(0, usize::saturating_add)
}

/// Bytes of results and held values in memory while a stage runs.
fn held_bytes(plan: &Plan, stage: usize, spilled: &FxHashMap<Slot, ChunkGrid>) -> usize {
    let given: usize = plan.given.values().map(Held::nbytes).sum();
    let targets = plan.targets.iter().filter(|target| match target.kind {
        TargetKind::Store(..) => false,
        TargetKind::Collect(_) => target.stage <= stage,
        TargetKind::Held => {
            target.stage <= stage
                && target.readers.iter().any(|&reader| reader >= stage)
                && !spilled.contains_key(&target.slot)
        }
    });
    targets.map(|target| target.nbytes).fold(given, usize::saturating_add)
}

/// Bytes of partial folds that wait for their siblings.
fn partial_bytes(graph: &Graph, draft: &Draft) -> usize {
    draft
        .outputs
        .iter()
        .filter(|output| output.is_fold)
        .map(|output| {
            let fold = Fold::new(graph, output.slot.node);
            let kept: usize = output.region.size();
            fold.accumulators.iter().map(|acc| acc.nbytes(kept)).sum::<usize>() * 2
        })
        .sum()
}

fn result_too_large(plan: &Plan, stage: usize, held: usize) -> Error {
    let largest =
        plan.targets.iter().filter(|target| target.stage <= stage).max_by_key(|target| target.nbytes);
    let (what, help) = match largest {
        Some(target) => {
            let op = plan.graph.nodes[target.slot.node].op.name();
            let shape = target.region.shape();
            match target.kind {
                TargetKind::Held => (
                    format!("holding {op} of shape {shape:?} for a later stage"),
                    "allow more memory, or store it first and compute the rest from what was stored".to_owned(),
                ),
                _ => (
                    format!("the result of {op} of shape {shape:?}"),
                    "store it instead (-o FILE on the command line, store() in Rust), or ask for a part of it".to_owned(),
                ),
            }
        }
        None => ("the values of earlier stages".to_owned(), "allow more memory".to_owned()),
    };
    Error::MemoryTooSmall { what, needed: held, allowed: plan.options.memory, help }
}
