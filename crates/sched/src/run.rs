//! What every scheduler shares: a run of plans, its tasks, partial folds, and what goes to sinks.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use brickwork_core::eval::{
    Context, Counters, Counts, Deliver, Fold, HeldMap, Meter, Partial, TaskOutput, finish_partial, run_task,
};
use brickwork_core::fold::FoldTree;
use brickwork_core::plan::{Plan, PlanOptions, Request, StageOutput, Target, TargetKind};
use brickwork_core::{Block, Error, Origin, Region, Result, Sink};
use parking_lot::Mutex;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::cancel::CancelToken;
use crate::clock::{nanoseconds, now};
use crate::context::{RunContext, TaskContext};
use crate::observer::{Event, Observer, RunId, TaskReport};
use crate::policy::{Policy, Retries};
use crate::processes;
use crate::run_state::TaskId;
use crate::values::{OwnRoom, Room, Values, placed};

/// Runs computations.
pub trait Scheduler: Send + Sync {
    /// What plans for it may use.
    fn options(&self) -> PlanOptions;

    /// Who watches.
    fn observers(&self) -> &[Arc<dyn Observer>];

    /// What stops it.
    fn cancel_token(&self) -> CancelToken;

    /// What is done about failures, and how long it may take.
    fn policy(&self) -> Policy {
        Policy::default()
    }

    /// Refuses what it cannot run, before anything is written.
    ///
    /// # Errors
    /// If part of a plan needs what this scheduler has not got.
    fn check(&self, _plan: &Plan) -> Result<()> {
        Ok(())
    }

    /// Runs every task of a plan: asks for tasks, executes them through `run`, until all are done or one has failed.
    fn run_tasks(&self, run: &Run<'_>) -> Result<()>;

    /// Computes what is requested: plans, runs, and plans what could only be planned late. A failed run publishes
    /// nothing.
    fn run(&self, requests: &[Request]) -> Result<Outcome> {
        processes::refuse_in_forgotten_worker()?;
        let mut outcome = Outcome { blocks: vec![None; requests.len()], ..Outcome::default() };
        let mut sinks: Vec<Arc<dyn Sink>> = Vec::new();
        let tell = |event: Event<'_>| self.observers().iter().for_each(|observer| observer.event(&event));
        let run = RunId::next();
        tell(Event::RunStarted { run, at: now() });
        let result = brickwork_core::plan::plan(requests, &self.options())
            .and_then(|plan| run_plans(self, run, requests, plan, &mut outcome, &mut sinks))
            .and_then(|()| {
                tell(Event::Publishing { run, at: now() });
                sinks.iter().try_for_each(|sink| sink.commit())
            });
        if let Err(error) = result {
            // The last one first: groups and files that an earlier one has made are empty only then.
            sinks.iter().rev().for_each(|sink| sink.abort());
            let error = with_losses(error, &sinks);
            tell(Event::RunFinished { run, result: Err(&error), at: now() });
            return Err(error);
        }
        sinks.iter().for_each(|sink| sink.settle());
        tell(Event::RunFinished { run, result: Ok(&outcome), at: now() });
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
    run_id: RunId,
    requests: &[Request],
    plan: Plan,
    outcome: &mut Outcome,
    sinks: &mut Vec<Arc<dyn Sink>>,
) -> Result<()> {
    let policy = scheduler.policy();
    let context = RunContext::new(&plan.options, scheduler.cancel_token(), policy.deadline);
    let mut next = Some(plan);
    while let Some(plan) = next.take() {
        scheduler.check(&plan)?;
        for target in &plan.targets {
            if let TargetKind::Store(number, sink) = &target.kind {
                sink.create_from(&plan.target_meta(target), &Origin::of(requests[*number].value()))
                    .map_err(|error| with_losses(error, std::slice::from_ref(sink)))?;
                sinks.push(sink.clone());
            }
        }
        context.ahead.reset(plan.ahead_bytes());
        let run = Run::new(run_id, &plan, &context, scheduler.observers(), policy);
        let gauge = context.gauge(plan.options.memory);
        run.tell(&Event::PlanStarted { run: run_id, plan: &plan, gauge: &gauge, at: now() });
        let result = scheduler.run_tasks(&run);
        context.ahead.reset(0);
        outcome.counts = context.counters.total();
        outcome.peak_bytes = outcome.peak_bytes.max(gauge.peak_bytes());
        let (counts, peak_bytes) = (outcome.counts, outcome.peak_bytes);
        run.tell(&Event::PlanFinished { run: run_id, counts, peak_bytes, at: now() });
        result.map_err(|error| context.told(error))?;
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

/// A plan while it runs.
pub struct Run<'a> {
    number: RunId,
    plan: &'a Plan,
    context: &'a RunContext,
    observers: &'a [Arc<dyn Observer>],
    policy: Policy,
    values: Values<'a>,
    folds: FxHashMap<(usize, usize), Mutex<BTreeMap<Region, FoldTree>>>,
    /// What tasks that may run again have written: to a sink every region goes once.
    written: Mutex<FxHashMap<TaskId, FxHashSet<(usize, Region)>>>,
    runs_again: AtomicBool,
}

impl std::fmt::Debug for Run<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Run({} stages)", self.plan.stages.len())
    }
}

impl<'a> Run<'a> {
    fn new(
        number: RunId,
        plan: &'a Plan,
        context: &'a RunContext,
        observers: &'a [Arc<dyn Observer>],
        policy: Policy,
    ) -> Self {
        let folds = plan
            .stages
            .iter()
            .enumerate()
            .filter(|(_, stage)| stage.is_partial())
            .flat_map(|(s, stage)| (0..stage.outputs.len()).map(move |k| ((s, k), Mutex::default())));
        Run {
            number,
            plan,
            context,
            observers,
            values: Values::new(plan, Arc::new(OwnRoom)),
            folds: folds.collect(),
            written: Mutex::default(),
            runs_again: AtomicBool::new(policy.retries.is_any()),
            policy,
        }
    }

    /// The plan.
    pub fn plan(&self) -> &'a Plan {
        self.plan
    }

    /// The name of the run, for events.
    pub fn id(&self) -> RunId {
        self.number
    }

    /// What has been counted so far.
    pub fn counts(&self) -> Counts {
        self.context.counters.total()
    }

    /// Whether the run is to stop: somebody has asked for it, or its time is over.
    pub fn is_cancelled(&self) -> bool {
        self.context.is_cancelled()
    }

    /// Tells everybody who watches.
    pub fn tell(&self, event: &Event<'_>) {
        for observer in self.observers {
            observer.event(event);
        }
    }

    /// Whether anybody watches.
    pub fn is_watched(&self) -> bool {
        !self.observers.is_empty()
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    pub(crate) fn context(&self) -> &'a RunContext {
        self.context
    }

    /// Puts values where other processes see them; before the first task. Tasks may run again from now on.
    pub(crate) fn share(&self, room: Arc<dyn Room>) {
        self.values.move_to(room);
        self.runs_again.store(true, Ordering::Relaxed);
    }

    /// Runs a task and takes in what it made. Errors name the operation, the region and the source.
    pub fn execute(&self, task: TaskId, worker: usize) -> Result<()> {
        let counters = self.context.counters.of(worker);
        let context = TaskContext { run: self.context, counters: &counters };
        if !self.is_watched() {
            return self.execute_in(task, &context);
        }
        let run = self.number;
        let meter = Meter::start(nanoseconds, self.observers.iter().any(|observer| observer.wants_spans()));
        let start = meter.started();
        self.tell(&Event::TaskStarted { run, task, worker, at: start });
        let before = counters.get();
        let result = self.execute_in(task, &context);
        let measured = meter.stop();
        let end = start + measured.times.total();
        match &result {
            Ok(()) => {
                let counts = counters.get().since(&before);
                let report = TaskReport { start, end, counts, times: measured.times, spans: measured.spans };
                self.tell(&Event::TaskFinished { run, task, worker, report: &report });
            }
            Err(error) => self.tell(&Event::TaskFailed { run, task, worker, error, at: end }),
        }
        result
    }

    fn execute_in(&self, task: TaskId, context: &TaskContext<'_>) -> Result<()> {
        if self.was_done(task) {
            self.context.ahead.skip(task.stage, task.cell);
            return Ok(());
        }
        let delivery = Delivery { run: self, task: Some(task), counters: context.counters };
        // Stages that read nothing of others need not ask for it.
        let held = match self.plan.stages[task.stage].reads.is_empty() {
            true => Arc::default(),
            false => self.values.held(),
        };
        let output = attempt(self.plan, task, &held, context, &delivery, &self.policy.retries)?;
        self.take_in_with(task, output, context)
    }

    /// Whether all that a task makes goes to stores, and an earlier run that this one continues has left it there.
    pub fn was_done(&self, task: TaskId) -> bool {
        let is_there = |(target, region): &(usize, Region)| {
            let goal = &self.plan.targets[*target];
            match &goal.kind {
                TargetKind::Store(_, sink) => region.is_empty() || sink.is_whole(&placed(goal, region)),
                TargetKind::Held | TargetKind::Collect(_) => false,
            }
        };
        let makes_more =
            |target: &Target| target.stage == task.stage && !matches!(target.kind, TargetKind::Store(..));
        if self.plan.targets.iter().any(makes_more) {
            return false;
        }
        let deliveries = self.plan.deliveries(task.stage, task.cell);
        !deliveries.is_empty() && deliveries.iter().all(is_there)
    }

    /// Joins partial folds of a task; whoever brings the last part finishes the fold.
    pub(crate) fn take_in(&self, task: TaskId, output: TaskOutput) -> Result<()> {
        let counters = self.context.counters.shared();
        self.take_in_with(task, output, &TaskContext { run: self.context, counters })
    }

    fn take_in_with(&self, task: TaskId, output: TaskOutput, context: &TaskContext<'_>) -> Result<()> {
        let stage = task.stage;
        if self.runs_again.load(Ordering::Relaxed) {
            self.written.lock().remove(&task);
        }
        guarded(self.plan, stage, || {
            for (index, partial) in output.partials {
                self.join(stage, index, partial, context)?;
            }
            Ok(())
        })
    }

    fn join(&self, stage: usize, index: usize, partial: Partial, context: &TaskContext<'_>) -> Result<()> {
        let outputs = &self.plan.stages[stage].outputs;
        let Some(StageOutput::Folded { node, .. }) = outputs.get(index) else { return Ok(()) };
        let fold = Fold::new(&self.plan.graph, *node);
        if !partial.acc.fits(&fold.accumulators) || partial.acc.kept() != partial.kept.size() {
            return Err(Error::Bug {
                what: format!("a part of output {index} of stage {stage} does not fit"),
            });
        }
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
        match root {
            Some(acc) => {
                let delivery = Delivery { run: self, task: None, counters: context.counters };
                finish_partial(self.plan, stage, index, &partial.kept, &acc, context, &delivery)
            }
            None => Ok(()),
        }
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
        self.values.stage_done(stage, self.context, true)?;
        self.tell(&Event::StageFinished { run: self.number, stage, at: now() });
        Ok(())
    }

    /// Writes a region of a target to its sink, once for every task.
    pub(crate) fn store(
        &self,
        task: Option<TaskId>,
        target: usize,
        place: &Region,
        block: &Block,
    ) -> Result<()> {
        let TargetKind::Store(_, sink) = &self.plan.targets[target].kind else {
            return Err(Error::Bug { what: format!("target {target} is not stored") });
        };
        let Some(task) = task.filter(|_| self.runs_again.load(Ordering::Relaxed)) else {
            return sink.write(place, block);
        };
        let key = (target, place.clone());
        if self.written.lock().get(&task).is_some_and(|written| written.contains(&key)) {
            return Ok(());
        }
        sink.write(place, block)?;
        self.written.lock().entry(task).or_default().insert(key);
        Ok(())
    }

    fn into_results(self) -> Vec<(usize, Block)> {
        self.values.into_results()
    }
}

/// Runs a task, again if its failure may pass. A panic is an error of the task.
pub(crate) fn attempt(
    plan: &Plan,
    task: TaskId,
    held: &HeldMap,
    context: &TaskContext<'_>,
    deliver: &dyn Deliver,
    retries: &Retries,
) -> Result<TaskOutput> {
    context.run.prepare(plan, task.stage);
    retries.run(&|| context.is_cancelled(), &mut || {
        guarded(plan, task.stage, || run_task(plan, task.stage, task.cell, held, context, deliver))
    })
}

/// Makes a panic an error.
fn guarded<T>(plan: &Plan, stage: usize, work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let reason = panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_else(|| "no message".to_owned());
        let op = stage_name(plan, stage);
        Err(Error::Function { op, reason: format!("a function panicked: {reason}") })
    })
}

/// The operation that a stage is for.
pub(crate) fn stage_name(plan: &Plan, stage: usize) -> String {
    match &plan.stages[stage].outputs[0] {
        StageOutput::Written { slot, .. } => plan.graph.nodes[slot.node].op.name(),
        StageOutput::Folded { node, .. } => plan.graph.nodes[*node].op.name(),
    }
}

/// Takes what a task makes, or what a fold is finished with.
struct Delivery<'r> {
    run: &'r Run<'r>,
    task: Option<TaskId>,
    counters: &'r Counters,
}

impl Deliver for Delivery<'_> {
    fn deliver(&self, target: usize, region: &Region, block: &Block) -> Result<()> {
        let run = self.run;
        run.values.take(target, region, block, (run.context, self.counters), &|place, block| {
            run.store(self.task, target, place, block)
        })
    }
}
