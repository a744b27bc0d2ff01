//! Runs, plans, stages and tasks as spans of `tracing`.

use std::collections::HashMap;
use std::sync::Arc;

use brickwork_sched::{Event, Observer, RunId, TaskId};
use parking_lot::Mutex;
use tracing::{Level, Span, event, span};

/// Tells whoever subscribes to `tracing` what runs: a span for a run (level info), one for each plan in it, one for each
/// stage in that, and one for each task (level debug); failures are errors, what a task counted an event of level trace.
/// All of them have the target `brickwork`.
///
/// ```
/// use brickwork_observe::TracingObserver;
/// use brickwork_sched::Threads;
///
/// let scheduler = Threads::new(2).observer(TracingObserver::new());
/// ```
#[derive(Debug, Default)]
pub struct TracingObserver {
    open: Mutex<HashMap<RunId, Open>>,
}

/// Spans of a run that have not ended.
#[derive(Debug)]
struct Open {
    run: Span,
    plan: Option<Span>,
    stages: HashMap<usize, Span>,
    tasks: HashMap<TaskId, Span>,
}

impl TracingObserver {
    /// For any number of schedulers and runs.
    pub fn new() -> Arc<TracingObserver> {
        Arc::default()
    }

    fn with(&self, run: RunId, change: impl FnOnce(&mut Open)) {
        if let Some(open) = self.open.lock().get_mut(&run) {
            change(open);
        }
    }
}

impl Open {
    fn begin_plan(&mut self, plan: &brickwork_core::plan::Plan) {
        let (stages, tasks, peak_bytes) = (plan.stages.len(), plan.num_tasks(), plan.peak_bytes);
        let parent = self.run.id();
        let plan = span!(target: "brickwork", parent: parent, Level::INFO, "plan", stages, tasks, peak_bytes);
        self.plan = Some(plan);
    }

    fn begin_task(&mut self, task: TaskId, worker: usize) {
        let plan = self.plan.as_ref().and_then(Span::id);
        let TaskId { stage, cell } = task;
        let begun = || span!(target: "brickwork", parent: plan, Level::INFO, "stage", stage);
        let parent = self.stages.entry(stage).or_insert_with(begun).id();
        let begun = span!(target: "brickwork", parent: parent, Level::DEBUG, "task", stage, cell, worker);
        self.tasks.insert(task, begun);
    }

    fn end_task(&mut self, task: TaskId) -> Option<tracing::Id> {
        // The span's end is that of the value which is dropped here; its name lives on for the event about it.
        self.tasks.remove(&task).and_then(|span| span.id())
    }

    fn end_plan(&mut self) {
        self.tasks.clear();
        self.stages.clear();
        self.plan = None;
    }
}

impl Observer for TracingObserver {
    fn event(&self, event: &Event<'_>) {
        match *event {
            Event::RunStarted { run, .. } => {
                let begun = span!(target: "brickwork", Level::INFO, "run", number = run.number());
                let open = Open { run: begun, plan: None, stages: HashMap::new(), tasks: HashMap::new() };
                self.open.lock().insert(run, open);
            }
            Event::PlanStarted { run, plan, .. } => self.with(run, |open| open.begin_plan(plan)),
            Event::TaskStarted { run, task, worker, .. } => {
                self.with(run, |open| open.begin_task(task, worker));
            }
            Event::TaskFinished { run, task, report, .. } => self.with(run, |open| {
                let counts = &report.counts;
                let (bytes_read, bytes_written) = (counts.bytes_read, counts.bytes_written);
                let elements_computed = counts.elements_computed;
                let parent = open.tasks.get(&task).and_then(Span::id);
                event!(
                    target: "brickwork", parent: parent, Level::TRACE, bytes_read, bytes_written,
                    elements_computed, "done"
                );
                open.end_task(task);
            }),
            Event::TaskFailed { run, task, error, .. } => self.with(run, |open| {
                let parent = open.tasks.get(&task).and_then(Span::id);
                event!(target: "brickwork", parent: parent, Level::ERROR, "task failed: {error}");
                open.end_task(task);
            }),
            Event::StageFinished { run, stage, .. } => self.with(run, |open| {
                open.stages.remove(&stage);
            }),
            Event::PlanFinished { run, .. } => self.with(run, Open::end_plan),
            Event::RunFinished { run, result, .. } => {
                let open = self.open.lock().remove(&run);
                if let (Some(open), Err(error)) = (open, result) {
                    let parent = open.run.id();
                    event!(target: "brickwork", parent: parent, Level::ERROR, "run failed: {error}");
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use brickwork_sched::{Compute, Threads};
    use tracing::span::{Attributes, Record};
    use tracing::{Id, Metadata, Subscriber};

    use super::*;
    use crate::test_support::stored;

    /// Counts spans that began and ended, by name.
    #[derive(Default, Clone)]
    struct Counting(Arc<Inner>);

    #[derive(Default)]
    struct Inner {
        next: AtomicU64,
        names: Mutex<HashMap<u64, &'static str>>,
        begun: Mutex<HashMap<&'static str, usize>>,
        ended: Mutex<HashMap<&'static str, usize>>,
        errors: AtomicU64,
    }

    impl Subscriber for Counting {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, span: &Attributes<'_>) -> Id {
            let number = self.0.next.fetch_add(1, Ordering::Relaxed) + 1;
            let name = span.metadata().name();
            self.0.names.lock().insert(number, name);
            *self.0.begun.lock().entry(name).or_default() += 1;
            Id::from_u64(number)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, event: &tracing::Event<'_>) {
            if *event.metadata().level() == Level::ERROR {
                self.0.errors.fetch_add(1, Ordering::Relaxed);
            }
        }

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}

        fn try_close(&self, id: Id) -> bool {
            let name = self.0.names.lock()[&id.into_u64()];
            *self.0.ended.lock().entry(name).or_default() += 1;
            true
        }
    }

    #[test]
    fn every_span_that_begins_ends() {
        let counting = Counting::default();
        let observer = TracingObserver::new();
        // Workers are threads of their own: the subscriber has to be everybody's. No other test of this crate uses one.
        tracing::subscriber::set_global_default(counting.clone()).expect("the only one");
        let scheduler =
            Threads::new(2).observer(observer.clone()).forced(|options| options.forced_cell = Some(100));
        stored(&[20, 30], 10).sum(0).unwrap().compute_with(&scheduler).unwrap();
        let begun = counting.0.begun.lock().clone();
        assert_eq!((begun["run"], begun["plan"], begun["stage"]), (1, 1, 1));
        assert!(begun["task"] > 2, "{begun:?}");
        assert_eq!(begun, *counting.0.ended.lock());
        assert!(observer.open.lock().is_empty());
        stored(&[20, 30], 10).compute_with(&scheduler.memory(100)).unwrap_err();
        assert_eq!(counting.0.errors.load(Ordering::Relaxed), 1);
    }
}
