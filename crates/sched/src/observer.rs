//! Watching a run.

use std::time::Duration;

use brickwork_core::eval::Counts;
use brickwork_core::plan::Plan;

use crate::run_state::TaskId;

/// Something that happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A plan begins to run. A computation with late stages runs several.
    PlanStarted {
        /// The plan.
        plan: &'a Plan,
    },
    /// A worker has begun a task.
    TaskStarted {
        /// Which task.
        task: TaskId,
        /// Which worker, from 0.
        worker: usize,
    },
    /// A worker has ended a task.
    TaskFinished {
        /// Which task.
        task: TaskId,
        /// Which worker, from 0.
        worker: usize,
        /// Everything counted so far in this run.
        counts: Counts,
    },
    /// A worker process is gone; another one takes its place, and its tasks run again.
    WorkerLost {
        /// Which worker, from 0.
        worker: usize,
        /// What happened to it.
        reason: &'a str,
        /// The tasks that it was running.
        tasks: &'a [TaskId],
    },
    /// Nothing has come to an end for long.
    Stalled {
        /// Since when.
        quiet: Duration,
        /// What runs, and who waits for whom.
        what: &'a str,
    },
    /// All stages of the plan are done, or the run has failed.
    PlanFinished {
        /// Everything counted in this run.
        counts: Counts,
        /// The most bytes of blocks that were out at once.
        peak_bytes: usize,
    },
}

/// Watches runs. Called from worker threads: be quick.
pub trait Observer: Send + Sync {
    /// Something happened.
    fn event(&self, event: &Event<'_>);
}
