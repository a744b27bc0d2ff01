//! What every scheduler shares: results, held values, partial folds, and the surroundings of tasks.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use brickwork_core::eval::{
    Context, Counters, Counts, Deliver, Fold, GranuleCache, GranuleKey, Held, HeldMap, ReadAhead, TaskOutput,
    finish_partial, run_task,
};
use brickwork_core::fold::FoldTree;
use brickwork_core::plan::{Plan, PlanOptions, Request, StageOutput, TargetKind};
use brickwork_core::{
    AxisRange, Block, BlockMut, BufferPool, Error, Region, Result, Sink, SpillLayout, Spilled,
};
use parking_lot::{Mutex, RwLock};
use rustc_hash::FxHashMap;

use crate::cancel::CancelToken;
use crate::observer::{Event, Observer};
use crate::run_state::TaskId;

/// Runs computations.
pub trait Scheduler: Send + Sync {
    /// What plans for it may use.
    fn options(&self) -> PlanOptions;

    /// Who watches.
    fn observers(&self) -> &[Arc<dyn Observer>];

    /// What stops it.
    fn cancel_token(&self) -> CancelToken;

    /// Runs every task of a plan: asks for tasks, executes them through `run`, until all are done or one has failed.
    fn run_tasks(&self, run: &Run<'_>) -> Result<()>;

    /// Computes what is requested: plans, runs, and plans what could only be planned late. A failed run publishes
    /// nothing.
    fn run(&self, requests: &[Request]) -> Result<Outcome> {
        let mut outcome = Outcome { blocks: vec![None; requests.len()], ..Outcome::default() };
        let mut sinks: Vec<Arc<dyn Sink>> = Vec::new();
        let result = brickwork_core::plan::plan(requests, &self.options())
            .and_then(|plan| run_plans(self, plan, &mut outcome, &mut sinks))
            .and_then(|()| sinks.iter().try_for_each(|sink| sink.commit()));
        if let Err(error) = result {
            // The last one first: groups and files that an earlier one has made are empty only then.
            sinks.iter().rev().for_each(|sink| sink.abort());
            return Err(with_losses(error, &sinks));
        }
        Ok(outcome)
    }
}

/// What a computation gave.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Outcome {
    /// By request: the values, if they were to be collected.
    pub blocks: Vec<Option<Block>>,
    /// What was counted.
    pub counts: Counts,
    /// The most bytes of blocks that were out at once.
    pub peak_bytes: usize,
}

/// Adds what sinks have destroyed before the run failed.
fn with_losses(error: Error, sinks: &[Arc<dyn Sink>]) -> Error {
    let lost: Vec<String> = sinks.iter().filter_map(|sink| sink.lost()).collect();
    match lost.is_empty() {
        true => error,
        false => Error::Lost { what: lost.join("; "), source: Box::new(error) },
    }
}

fn run_plans<S: Scheduler + ?Sized>(
    scheduler: &S,
    plan: Plan,
    outcome: &mut Outcome,
    sinks: &mut Vec<Arc<dyn Sink>>,
) -> Result<()> {
    let context = RunContext::new(&plan.options, scheduler.cancel_token());
    let mut next = Some(plan);
    while let Some(plan) = next.take() {
        for target in &plan.targets {
            if let TargetKind::Store(_, sink) = &target.kind {
                sink.create(&plan.target_meta(target))
                    .map_err(|error| with_losses(error, std::slice::from_ref(sink)))?;
                sinks.push(sink.clone());
            }
        }
        context.ahead.reset(plan.ahead_bytes());
        let run = Run::new(&plan, &context, scheduler.observers());
        run.tell(&Event::PlanStarted { plan: &plan });
        let result = scheduler.run_tasks(&run);
        context.ahead.reset(0);
        outcome.counts = context.counters.get();
        outcome.peak_bytes = outcome.peak_bytes.max(context.pool.peak());
        run.tell(&Event::PlanFinished { counts: outcome.counts, peak_bytes: outcome.peak_bytes });
        result?;
        let mut awaited: Vec<Option<Block>> =
            vec![None; plan.late.as_ref().map_or(0, |late| late.awaited.len())];
        for (number, block) in run.into_results() {
            match outcome.blocks.get_mut(number) {
                Some(slot) => *slot = Some(block),
                None => awaited[usize::MAX - number] = Some(block),
            }
        }
        if let Some(late) = &plan.late {
            let values: Option<Vec<Block>> = awaited.into_iter().collect();
            let values =
                values.ok_or_else(|| Error::Bug { what: "a value that was awaited did not come".into() })?;
            next = Some(plan.resume(late, &values)?);
        }
    }
    Ok(())
}

/// The surroundings of the tasks of a run.
#[derive(Debug)]
struct RunContext {
    pool: Arc<BufferPool>,
    cache: GranuleCache,
    ahead: ReadAhead,
    counters: Counters,
    cancel: CancelToken,
    /// Spill files so far: no two of a run have the same number.
    spills: AtomicU64,
}

impl RunContext {
    fn new(options: &PlanOptions, cancel: CancelToken) -> Self {
        RunContext {
            pool: BufferPool::new(options.memory),
            cache: GranuleCache::new(0),
            ahead: ReadAhead::default(),
            counters: Counters::default(),
            cancel,
            spills: AtomicU64::new(0),
        }
    }
}

impl Context for RunContext {
    fn pool(&self) -> &Arc<BufferPool> {
        &self.pool
    }

    fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    fn granule(&self, key: GranuleKey, load: &mut dyn FnMut() -> Result<Block>) -> Result<Block> {
        self.cache.get(key, load)
    }

    fn counters(&self) -> &Counters {
        &self.counters
    }

    fn ahead(&self) -> Option<&ReadAhead> {
        Some(&self.ahead)
    }
}

/// A plan while it runs.
pub struct Run<'a> {
    plan: &'a Plan,
    context: &'a RunContext,
    observers: &'a [Arc<dyn Observer>],
    held: RwLock<Arc<HeldMap>>,
    results: Vec<Mutex<Option<BlockMut>>>,
    /// By target: what is in a spill file, from the first time that something of it is there.
    spilled: Vec<Mutex<Option<Arc<Spilled>>>>,
    finished: Mutex<Vec<(usize, Block)>>,
    folds: FxHashMap<(usize, usize), Mutex<BTreeMap<Region, FoldTree>>>,
}

impl std::fmt::Debug for Run<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Run({} stages)", self.plan.stages.len())
    }
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan, context: &'a RunContext, observers: &'a [Arc<dyn Observer>]) -> Self {
        let folds = plan
            .stages
            .iter()
            .enumerate()
            .filter(|(_, stage)| stage.is_partial())
            .flat_map(|(s, stage)| (0..stage.outputs.len()).map(move |k| ((s, k), Mutex::default())));
        Run {
            plan,
            context,
            observers,
            held: RwLock::new(Arc::new(plan.given.clone())),
            results: plan.targets.iter().map(|_| Mutex::new(None)).collect(),
            spilled: plan.targets.iter().map(|_| Mutex::new(None)).collect(),
            finished: Mutex::default(),
            folds: folds.collect(),
        }
    }

    /// The plan.
    pub fn plan(&self) -> &'a Plan {
        self.plan
    }

    /// What has been counted so far.
    pub fn counts(&self) -> Counts {
        self.context.counters.get()
    }

    /// Tells everybody who watches.
    pub fn tell(&self, event: &Event<'_>) {
        for observer in self.observers {
            observer.event(event);
        }
    }

    /// Runs a task and takes in what it made. Errors name the operation, the region and the source.
    pub fn execute(&self, task: TaskId, worker: usize) -> Result<()> {
        self.tell(&Event::TaskStarted { task, worker });
        let held = self.held.read().clone();
        self.context.cache.set_capacity(self.plan.stages[task.stage].figures.cache_bytes);
        let work = || {
            let output = run_task(self.plan, task.stage, task.cell, &held, self.context, self)?;
            self.take_in(task.stage, output)
        };
        let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
            let reason = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
                .unwrap_or_else(|| "no message".to_owned());
            let op = self.stage_name(task.stage);
            Err(Error::Function { op, reason: format!("a function panicked: {reason}") })
        });
        self.tell(&Event::TaskFinished { task, worker, counts: self.counts() });
        result
    }

    fn stage_name(&self, stage: usize) -> String {
        match &self.plan.stages[stage].outputs[0] {
            StageOutput::Written { slot, .. } => self.plan.graph.nodes[slot.node].op.name(),
            StageOutput::Folded { node, .. } => self.plan.graph.nodes[*node].op.name(),
        }
    }

    /// Joins partial folds; whoever brings the last part finishes the fold.
    fn take_in(&self, stage: usize, output: TaskOutput) -> Result<()> {
        for (index, partial) in output.partials {
            let StageOutput::Folded { node, .. } = &self.plan.stages[stage].outputs[index] else { continue };
            let fold = Fold::new(&self.plan.graph, *node);
            let root = {
                let mut trees = self.folds[&(stage, index)].lock();
                let tree = trees
                    .entry(partial.kept.clone())
                    .or_insert_with(|| FoldTree::new(fold.op.spec().num_leaves()));
                tree.insert(fold.op, partial.key, partial.acc);
                let root = tree.take_root();
                if root.is_some() {
                    trees.remove(&partial.kept);
                }
                root
            };
            if let Some(acc) = root {
                finish_partial(self.plan, stage, index, &partial.kept, &acc, self.context, self)?;
            }
        }
        Ok(())
    }

    /// Makes the results of a stage whose tasks are all done ready for others.
    pub fn stage_done(&self, stage: usize) -> Result<()> {
        for ((s, k), trees) in &self.folds {
            if *s == stage && !trees.lock().is_empty() {
                return Err(Error::Bug {
                    what: format!("output {k} of stage {stage} was not folded to its end"),
                });
            }
        }
        for (number, target) in self.plan.targets.iter().enumerate() {
            if target.stage != stage || matches!(target.kind, TargetKind::Store(..)) {
                continue;
            }
            if let Some(layout) = &target.spill {
                let spilled = self.spilled(number, layout)?;
                *self.spilled[number].lock() = None;
                Arc::make_mut(&mut self.held.write()).insert(target.slot, Held::in_file(spilled));
                continue;
            }
            let shape = target.region.shape();
            let dtype = self.plan.graph.meta(target.slot).dtype;
            let block = self.results[number]
                .lock()
                .take()
                .unwrap_or_else(|| BlockMut::zeroed(dtype, &shape))
                .freeze();
            if let TargetKind::Collect(request) = target.kind {
                self.finished.lock().push((request, block.clone()));
            }
            if !target.readers.is_empty() {
                let mut held = self.held.write();
                Arc::make_mut(&mut held).insert(target.slot, Held::in_memory(target.region.clone(), block));
            }
        }
        // What nobody will read any more goes.
        let last_reader = |target: &brickwork_core::plan::Target| target.readers.iter().max().copied();
        let mut held = self.held.write();
        for target in &self.plan.targets {
            if last_reader(target) == Some(stage) {
                Arc::make_mut(&mut held).remove(&target.slot);
            }
        }
        Ok(())
    }

    /// A value of a spill file, which is made when it is first asked for.
    fn spilled(&self, target: usize, layout: &Arc<SpillLayout>) -> Result<Arc<Spilled>> {
        let mut spilled = self.spilled[target].lock();
        if let Some(spilled) = &*spilled {
            return Ok(spilled.clone());
        }
        let place = self.plan.options.spill.as_deref();
        let place = place.ok_or_else(|| Error::Bug { what: "a spill file without a place for it".into() })?;
        // Sources name their granules by hashes: numbers from the other end tell spill files apart from them.
        let id = u128::MAX - u128::from(self.context.spills.fetch_add(1, Ordering::Relaxed));
        Ok(spilled.insert(Arc::new(Spilled::create(layout.clone(), place, id)?)).clone())
    }

    fn into_results(self) -> Vec<(usize, Block)> {
        self.finished.into_inner()
    }
}

impl Deliver for Run<'_> {
    fn deliver(&self, target: usize, region: &Region, block: &Block) -> Result<()> {
        let goal = &self.plan.targets[target];
        if region.is_empty() {
            return Ok(());
        }
        let place = Region::from_iter(goal.region.axes().iter().zip(region.axes()).map(|(whole, part)| {
            let start = whole.position(part.start).unwrap_or(0);
            AxisRange::new(start, part.len)
        }));
        if let Some(layout) = &goal.spill {
            let counters = &self.context.counters;
            Counters::add(&counters.bytes_spilled, block.nbytes());
            return self.spilled(target, layout)?.write(&place, block, &self.context.pool);
        }
        match &goal.kind {
            TargetKind::Store(_, sink) => sink.write(&place, block),
            TargetKind::Held | TargetKind::Collect(_) => {
                let mut result = self.results[target].lock();
                result
                    .get_or_insert_with(|| BlockMut::zeroed(block.dtype(), &goal.region.shape()))
                    .slice_mut(&place)
                    .assign(block);
                Ok(())
            }
        }
    }
}
