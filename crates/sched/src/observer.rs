//! Watching a run.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use brickwork_core::Error;
use brickwork_core::eval::{Counts, Span, Times};
use brickwork_core::plan::Plan;

use crate::gauge::Gauge;
use crate::run::Outcome;
use crate::run_state::TaskId;

/// Names a run; no two of a process have the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RunId(u64);

impl RunId {
    /// The number, from 1.
    pub fn number(self) -> u64 {
        self.0
    }

    pub(crate) fn next() -> RunId {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        RunId(NUMBER.fetch_add(1, Ordering::Relaxed))
    }
}

/// Something that happened. Times are those of [`now`](crate::now).
///
/// A computation is a run; a run has one plan, or several one after the other if some of it can be planned only late.
/// Events of one task come in order; those of different tasks come from different threads, as they happen. Several runs
/// may go on at once, if a scheduler is used from several threads, or within a task.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A computation begins: next it is planned.
    RunStarted {
        /// Which run.
        run: RunId,
        /// When.
        at: Duration,
    },
    /// A plan begins to run.
    PlanStarted {
        /// Which run.
        run: RunId,
        /// The plan.
        plan: &'a Plan,
        /// Tells what the run holds and has done, whenever it is asked.
        gauge: &'a Gauge,
        /// When.
        at: Duration,
    },
    /// A worker has begun a task.
    TaskStarted {
        /// Which run.
        run: RunId,
        /// Which task.
        task: TaskId,
        /// Which worker, from 0.
        worker: usize,
        /// When.
        at: Duration,
    },
    /// A worker has done a task.
    TaskFinished {
        /// Which run.
        run: RunId,
        /// Which task.
        task: TaskId,
        /// Which worker, from 0.
        worker: usize,
        /// What it took.
        report: &'a TaskReport,
    },
    /// A task has failed, or was stopped.
    TaskFailed {
        /// Which run.
        run: RunId,
        /// Which task.
        task: TaskId,
        /// Which worker, from 0.
        worker: usize,
        /// Why.
        error: &'a Error,
        /// When.
        at: Duration,
    },
    /// All tasks of a stage are done, and what they made is ready for others.
    StageFinished {
        /// Which run.
        run: RunId,
        /// Which stage of the plan.
        stage: usize,
        /// When.
        at: Duration,
    },
    /// A worker process is gone; another one takes its place, and its tasks run again.
    WorkerLost {
        /// Which run.
        run: RunId,
        /// Which worker, from 0.
        worker: usize,
        /// What happened to it.
        reason: &'a str,
        /// The tasks that it was running.
        tasks: &'a [TaskId],
    },
    /// Nothing has come to an end for long.
    Stalled {
        /// Which run.
        run: RunId,
        /// Since when.
        quiet: Duration,
        /// What runs, and who waits for whom.
        what: &'a str,
    },
    /// All stages of the plan are done, or the run has failed.
    PlanFinished {
        /// Which run.
        run: RunId,
        /// Everything counted in this run.
        counts: Counts,
        /// The most bytes of blocks that were out at once.
        peak_bytes: usize,
        /// When.
        at: Duration,
    },
    /// All plans are done; what was stored is made visible to readers now.
    Publishing {
        /// Which run.
        run: RunId,
        /// When.
        at: Duration,
    },
    /// The computation has ended.
    RunFinished {
        /// Which run.
        run: RunId,
        /// What it gave, or why it gave nothing.
        result: Result<&'a Outcome, &'a Error>,
        /// When.
        at: Duration,
    },
}

impl Event<'_> {
    /// Which run it belongs to.
    pub fn run(&self) -> RunId {
        match *self {
            Event::RunStarted { run, .. }
            | Event::PlanStarted { run, .. }
            | Event::TaskStarted { run, .. }
            | Event::TaskFinished { run, .. }
            | Event::TaskFailed { run, .. }
            | Event::StageFinished { run, .. }
            | Event::WorkerLost { run, .. }
            | Event::Stalled { run, .. }
            | Event::PlanFinished { run, .. }
            | Event::Publishing { run, .. }
            | Event::RunFinished { run, .. } => run,
        }
    }
}

/// What a task took.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TaskReport {
    /// When it began.
    pub start: Duration,
    /// When it ended.
    pub end: Duration,
    /// What it did: bytes and elements.
    pub counts: Counts,
    /// Where its time went; together that is all of it.
    pub times: Times,
    /// When it did something other than computing, if an observer [wants](Observer::wants_spans) to know.
    pub spans: Vec<Span>,
}

/// Watches runs: progress, profiles, dashboards. Called from worker threads, also for tasks that take a few
/// microseconds: be quick, and never wait for anything long.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use brickwork_ops::{Array, random};
/// use brickwork_sched::{Compute, Event, Observer, Threads};
///
/// /// Counts tasks and the elements they make.
/// #[derive(Default)]
/// struct Tally {
///     tasks: AtomicU64,
///     elements: AtomicU64,
/// }
///
/// impl Observer for Tally {
///     fn event(&self, event: &Event<'_>) {
///         if let Event::TaskFinished { report, .. } = event {
///             self.tasks.fetch_add(1, Ordering::Relaxed);
///             self.elements.fetch_add(report.counts.elements_generated, Ordering::Relaxed);
///             assert_eq!(report.times.total(), report.end - report.start);
///         }
///     }
/// }
///
/// # fn main() -> brickwork_core::Result<()> {
/// let tally = Arc::new(Tally::default());
/// let scheduler = Threads::new(2).observer(tally.clone());
/// let x: Array = random::default_rng(Some(1)).random(&[1000, 1000], [100, 100])?;
/// x.mean(0)?.compute_with(&scheduler)?;
/// assert!(tally.tasks.load(Ordering::Relaxed) >= 1);
/// assert_eq!(tally.elements.load(Ordering::Relaxed), 1_000_000);
/// # Ok(())
/// # }
/// ```
pub trait Observer: Send + Sync {
    /// Something happened.
    fn event(&self, event: &Event<'_>);

    /// Whether reports of tasks are to say when something was read, decoded or written.
    fn wants_spans(&self) -> bool {
        false
    }
}
