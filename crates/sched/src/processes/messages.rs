//! What the run and its workers say to each other.
//!
//! The run asks, a worker answers; each side reads what the other has said in the order in which it was said. Nothing
//! in a message depends on both being on one machine, except where blocks lie ([`LentPlace::Shared`] and the two files
//! that come with a plan): a worker elsewhere would be lent blocks inline and would hand over what it makes.
//!
//! [`LentPlace::Shared`]: brickwork_core::plan::LentPlace::Shared

use brickwork_core::eval::{Counts, Partial, Times};
use brickwork_core::plan::PlanData;
use brickwork_core::{DType, Error, Region};
use serde::{Deserialize, Serialize};

use crate::policy::Retries;
use crate::run_state::TaskId;

/// Changes whenever messages do.
pub(super) const PROTOCOL: &str = concat!("brickwork ", env!("CARGO_PKG_VERSION"), ", protocol 1");

/// From the run to a worker.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum ToWorker {
    /// The plan whose tasks follow. With it come the file of what is in memory, and that of what is spilled, if
    /// anything is.
    Plan(Box<PlanMessage>),
    /// Tasks to run, in this order, as many at once as there are threads.
    Run(Vec<TaskId>),
    /// All tasks of a stage are done: what it has made can be read.
    StageDone(usize),
    /// What came of a [`FromWorker::Write`].
    Written { ticket: u64, result: Result<(), Error> },
    /// No task follows. If the run is given up, those that are there are given up too.
    Stop { gives_up: bool },
    /// The plan can be forgotten.
    Release,
}

/// A plan, and how to run it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PlanMessage {
    pub plan: PlanData,
    pub threads: usize,
    /// Bytes of its own memory at which a worker gives itself up.
    pub limit: usize,
    pub retries: Retries,
    /// The directory of spill files, for messages.
    pub spill: String,
}

/// From a worker to the run.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum FromWorker {
    /// It is there.
    Hello { protocol: String },
    /// It has read the plan.
    Ready,
    /// It cannot run the plan.
    Refused(Error),
    /// What has happened since the last report.
    Report(Report),
    /// A region of a target is to be written to its sink; the elements follow the message. Answered by
    /// [`ToWorker::Written`].
    Write { ticket: u64, task: TaskId, target: usize, place: Region, dtype: DType },
    /// It is alive.
    Beat(Vec<Busy>),
    /// It takes more memory than it may, and ends itself.
    OverLimit { bytes: usize },
    /// It runs no task any more, after [`ToWorker::Stop`].
    Ended,
}

/// What a worker has begun and ended.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Report {
    pub events: Vec<TaskEvent>,
    pub counts: Counts,
    /// The most bytes of blocks that were out at once.
    pub peak_bytes: usize,
}

/// Something that has happened to a task, in one of the threads.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum TaskEvent {
    /// Times are nanoseconds by the worker's clock.
    Started { task: TaskId, thread: usize, at: u64 },
    Finished {
        task: TaskId,
        thread: usize,
        at: u64,
        counts: Box<Counts>,
        times: Box<Times>,
        result: Result<Vec<(usize, Partial)>, Error>,
    },
}

/// A task that is running.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Busy {
    pub task: TaskId,
    /// For how long, in milliseconds.
    pub since: u64,
}
