//! What is known of a run, as plain data.
//!
//! Times are seconds since the run began. Lists are bounded, however many tasks there are.

use std::time::Duration;

use brickwork_core::eval::{Activity, Counts, Times};
use serde::Serialize;

use crate::planned::{PlanRecord, Planned};

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Status {
    /// Nothing has begun yet.
    #[default]
    Waiting,
    /// It is planned.
    Planning,
    /// Tasks run.
    Running,
    /// What was stored is made visible.
    Publishing,
    /// It has ended well.
    Done,
    /// It has failed.
    Failed,
    /// It was stopped.
    Cancelled,
}

impl Status {
    /// Whether nothing more will happen.
    pub fn is_over(self) -> bool {
        matches!(self, Status::Done | Status::Failed | Status::Cancelled)
    }
}

/// A run, as far as it has come.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Recording {
    /// Which run of its recorder it is, from 1; 0 if none has begun.
    pub run: usize,
    /// Where it stands.
    pub status: Status,
    /// Why it failed.
    pub error: Option<String>,
    /// How long it has taken so far.
    pub seconds: f64,
    /// How long planning took, of that.
    pub planning_seconds: f64,
    /// How long publishing took, of that.
    pub publishing_seconds: f64,
    /// How much of it is done, from 0 to 1, by the plan's bytes.
    pub fraction: f64,
    /// How long it will go on, if that can be told.
    pub seconds_left: Option<f64>,
    /// Tasks that may run at once.
    pub threads: usize,
    /// Tasks of all plans so far.
    pub tasks_planned: usize,
    /// Tasks that are done.
    pub tasks_done: usize,
    /// Bytes that may be held.
    pub budget: u64,
    /// Bytes of blocks now.
    pub held_bytes: u64,
    /// The most bytes of blocks at once.
    pub peak_bytes: u64,
    /// Bytes of the process now, if the system tells.
    pub resident_bytes: Option<u64>,
    /// The most bytes that the process has had, if the system tells.
    pub peak_resident_bytes: Option<u64>,
    /// What was counted, in tasks that are not done too.
    pub totals: Tally,
    /// The plans, one after the other.
    pub plans: Vec<PlanRecord>,
    /// The stages of all plans, in order.
    pub stages: Vec<StageRecord>,
    /// Who runs tasks.
    pub workers: Vec<WorkerRecord>,
    /// Memory and bytes over time.
    pub curve: Vec<CurvePoint>,
    /// Tasks, by worker and time: all of them, or one of [`task_stride`](Recording::task_stride).
    pub tasks: Vec<TaskRecord>,
    /// One of so many tasks is among [`tasks`](Recording::tasks).
    pub task_stride: usize,
    /// What has failed: the first of them.
    pub failures: Vec<Failure>,
}

impl Recording {
    /// Worker time of all stages.
    pub fn times(&self) -> TimesRecord {
        let mut times = TimesRecord::default();
        self.stages.iter().for_each(|stage| times.add(&stage.times));
        times
    }
}

/// A stage of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct StageRecord {
    /// Its number, over all plans.
    pub number: usize,
    /// What it computes.
    pub program: String,
    /// Its domain: `4000 × 3000`.
    pub domain: String,
    /// What a task covers of it at most.
    pub cell: String,
    /// How many tasks it has.
    pub tasks: usize,
    /// Tasks that are done.
    pub tasks_done: usize,
    /// Tasks that run.
    pub tasks_running: usize,
    /// Stages before it, over all plans.
    pub depends: Vec<usize>,
    /// What it was planned to take.
    pub planned: Planned,
    /// What its done tasks have counted.
    pub measured: Tally,
    /// Where the time of its workers went.
    pub times: TimesRecord,
    /// When its first task began.
    pub start: Option<f64>,
    /// When its last task so far ended.
    pub end: Option<f64>,
}

/// What was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Granules decoded.
    pub granules_read: u64,
    /// Encoded bytes read from stores.
    pub bytes_read: u64,
    /// Bytes of the elements read from stores.
    pub bytes_decoded: u64,
    /// Elements made by generators.
    pub elements_generated: u64,
    /// Operations evaluated, one for each patch.
    pub kernels: u64,
    /// Elements computed by operations.
    pub elements_computed: u64,
    /// Bytes handed to sinks.
    pub bytes_written: u64,
    /// Bytes of all outputs of stages.
    pub bytes_delivered: u64,
    /// Bytes of values written to spill files.
    pub bytes_spilled: u64,
    /// Bytes of values read from spill files.
    pub bytes_unspilled: u64,
    /// Bytes that the values in spill files took there.
    pub bytes_spilled_stored: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Tally) {
        self.granules_read += other.granules_read;
        self.bytes_read += other.bytes_read;
        self.bytes_decoded += other.bytes_decoded;
        self.elements_generated += other.elements_generated;
        self.kernels += other.kernels;
        self.elements_computed += other.elements_computed;
        self.bytes_written += other.bytes_written;
        self.bytes_delivered += other.bytes_delivered;
        self.bytes_spilled += other.bytes_spilled;
        self.bytes_unspilled += other.bytes_unspilled;
        self.bytes_spilled_stored += other.bytes_spilled_stored;
    }
}

impl From<Counts> for Tally {
    fn from(counts: Counts) -> Self {
        Tally {
            granules_read: counts.granules_read,
            bytes_read: counts.bytes_read,
            bytes_decoded: counts.bytes_decoded,
            elements_generated: counts.elements_generated,
            kernels: counts.kernels,
            elements_computed: counts.elements_computed,
            bytes_written: counts.bytes_written,
            bytes_delivered: counts.bytes_delivered,
            bytes_spilled: counts.bytes_spilled,
            bytes_unspilled: counts.bytes_unspilled,
            bytes_spilled_stored: counts.bytes_spilled_stored,
        }
    }
}

/// Seconds of workers, by what they did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct TimesRecord {
    /// Kernels, generators, bookkeeping.
    pub computing: f64,
    /// Reading encoded bytes, with the network's time.
    pub reading: f64,
    /// Turning encoded bytes into elements.
    pub decoding: f64,
    /// Turning elements into encoded bytes.
    pub encoding: f64,
    /// Writing encoded bytes.
    pub writing: f64,
    /// Waiting for another worker, for memory, or for a task.
    pub waiting: f64,
}

impl TimesRecord {
    /// By name, with the names of activities.
    pub fn by_name(&self) -> [(&'static str, f64); Activity::COUNT] {
        Activity::ALL.map(|activity| (activity.name(), self.get(activity)))
    }

    /// Of one activity.
    pub fn get(&self, activity: Activity) -> f64 {
        match activity {
            Activity::Compute => self.computing,
            Activity::Read => self.reading,
            Activity::Decode => self.decoding,
            Activity::Encode => self.encoding,
            Activity::Write => self.writing,
            _ => self.waiting,
        }
    }

    /// Of all activities.
    pub fn total(&self) -> f64 {
        self.by_name().iter().map(|(_, seconds)| seconds).sum()
    }

    pub(crate) fn add(&mut self, other: &TimesRecord) {
        self.computing += other.computing;
        self.reading += other.reading;
        self.decoding += other.decoding;
        self.encoding += other.encoding;
        self.writing += other.writing;
        self.waiting += other.waiting;
    }
}

impl From<Times> for TimesRecord {
    fn from(times: Times) -> Self {
        let seconds = |activity| times.get(activity).as_secs_f64();
        TimesRecord {
            computing: seconds(Activity::Compute),
            reading: seconds(Activity::Read),
            decoding: seconds(Activity::Decode),
            encoding: seconds(Activity::Encode),
            writing: seconds(Activity::Write),
            waiting: seconds(Activity::Wait),
        }
    }
}

/// Somebody who runs tasks.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct WorkerRecord {
    /// Its number, from 0.
    pub number: usize,
    /// Tasks that it has done.
    pub tasks_done: usize,
    /// The stage of the task that it runs.
    pub stage: Option<usize>,
    /// The cell of the task that it runs.
    pub cell: Option<usize>,
    /// When that task began.
    pub since: Option<f64>,
    /// What it has counted in done tasks.
    pub measured: Tally,
    /// Where its time went in done tasks.
    pub times: TimesRecord,
    /// Seconds of a bin of [`bins`](WorkerRecord::bins).
    pub bin_seconds: f64,
    /// Its time since the run began, in bins of equal length: the stage that took most of a bin, and the share of the
    /// bin that was spent in tasks.
    pub bins: Vec<(Option<usize>, f32)>,
}

/// Memory and bytes at a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct CurvePoint {
    /// When.
    pub at: f64,
    /// Bytes of blocks, the most since the point before.
    pub held_bytes: u64,
    /// Bytes of the process; 0 if the system does not tell.
    pub resident_bytes: u64,
    /// Encoded bytes read from stores and spill files so far.
    pub bytes_read: u64,
    /// Bytes written to stores and spill files so far.
    pub bytes_written: u64,
    /// Elements made and computed so far.
    pub elements: u64,
}

/// A task that is done.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct TaskRecord {
    /// Who ran it.
    pub worker: usize,
    /// Its stage, over all plans.
    pub stage: usize,
    /// Its cell.
    pub cell: usize,
    /// When it began.
    pub start: f64,
    /// When it ended.
    pub end: f64,
    /// Encoded bytes read from stores and spill files.
    pub bytes_read: u64,
    /// Bytes written to stores and spill files.
    pub bytes_written: u64,
    /// Where its time went.
    pub times: TimesRecord,
    /// When it did something other than computing.
    pub spans: Vec<SpanRecord>,
}

/// When a task did something other than computing.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SpanRecord {
    /// What: `reading`, `decoding`, …
    pub activity: &'static str,
    /// When it began.
    pub start: f64,
    /// When it ended.
    pub end: f64,
}

/// A task that has failed.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Failure {
    /// Its stage, over all plans.
    pub stage: usize,
    /// Its cell.
    pub cell: usize,
    /// Who ran it.
    pub worker: usize,
    /// When.
    pub at: f64,
    /// Why: the message and those of its causes.
    pub error: String,
}

/// Seconds from one moment to a later one; 0 if it is not later.
pub(crate) fn seconds_between(from: Duration, to: Duration) -> f64 {
    to.saturating_sub(from).as_secs_f64()
}
