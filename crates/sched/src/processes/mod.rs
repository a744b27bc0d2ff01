//! Worker processes: a task that crashes, hangs or takes more memory than it said ends its process, not the run.
//!
//! The run starts workers, which are this program again (see [`worker_main`]) or another one that is named. A worker
//! gets the plan once, then numbers of tasks, over a Unix socket (`messages.rs`, `connection.rs`). It reads inputs itself
//! and writes to sinks that can be written from several processes. What tasks make for other tasks or for the user lies
//! in memory and in a spill file that all processes see (`arena.rs`), so it does not travel, and a worker that dies loses
//! the tasks that it was running, nothing else. Partial folds travel as messages and are joined by the run, in the order
//! of the fold tree, so the bits are those of every other scheduler.
//!
//! What runs where is decided by [`RunState`](crate::RunState); `driver.rs` passes its answers on, one thread for each
//! worker. A worker that is gone or silent is replaced. The tasks that it ran run again, each alone in a worker; one that
//! ends its worker again and again stops the run, with an error that names it.

mod arena;
mod connection;
mod driver;
mod environment;
mod link;
mod mapping;
mod messages;
mod tasks;
mod worker;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use brickwork_core::plan::{Plan, PlanOptions};
use brickwork_core::{Error, Result, parse_bytes};

use crate::cancel::CancelToken;
use crate::limits::{default_memory, default_threads};
use crate::observer::Observer;
use crate::policy::Policy;
use crate::run::{Run, Scheduler};
use crate::spill::SpillDirectory;

pub(crate) use environment::refuse_in_forgotten_worker;
use link::{Fleet, Start};

/// Makes this process a worker if it was started as one; then it never returns. Programs that compute with
/// [`Processes`] call it first thing in `main`, before there are other threads.
///
/// ```no_run
/// fn main() {
///     brickwork_sched::worker_main();
///     // What the program does otherwise.
/// }
/// ```
#[allow(clippy::needless_doctest_main, reason = "where in `main` it stands is the point")]
pub fn worker_main() {
    if let Some(protocol) = environment::take_variable() {
        std::process::exit(worker::serve(&protocol));
    }
}

/// Whether this process can start workers by starting its program again: [`worker_main`] has been called.
pub fn can_start_workers() -> bool {
    environment::can_start_itself()
}

/// Runs tasks in worker processes, each with threads and a memory limit of its own.
///
/// Operations, and sources that are not in memory, must be data: a closure is refused. Arrays in memory are copied once
/// into memory that the workers see.
///
/// Workers are started when they are first needed, stay for the next run, and end with the scheduler.
///
/// ```no_run
/// use brickwork_sched::{Processes, worker_main};
///
/// fn main() {
///     worker_main();
///     let scheduler = Processes::new().workers(2).threads(4).memory_limit("1GB");
///     // array.compute_with(&scheduler)
///     # drop(scheduler);
/// }
/// ```
#[derive(Clone)]
#[must_use]
pub struct Processes {
    options: PlanOptions,
    observers: Vec<Arc<dyn Observer>>,
    cancel: CancelToken,
    policy: Policy,
    workers: usize,
    has_memory: bool,
    problem: Option<String>,
    limits: Limits,
    start: Start,
    fleet: Arc<Fleet>,
}

/// When a worker is given up.
#[derive(Debug, Clone)]
struct Limits {
    /// How often a task may be running when its worker is lost.
    losses: usize,
    /// How long a task may run.
    task: Option<Duration>,
}

/// Bytes that a worker may take beside its blocks: the program, its threads, what libraries keep.
const SLACK: usize = 100 << 20;

impl Default for Processes {
    fn default() -> Self {
        Processes::new()
    }
}

impl Processes {
    /// Two workers that share the cores and half of the available memory.
    pub fn new() -> Self {
        let options = PlanOptions {
            spill: Some(Arc::new(SpillDirectory::automatic())),
            threads: default_threads().div_ceil(2),
            processes: 2,
            memory: default_memory() / 2,
            ..PlanOptions::default()
        };
        let start =
            Start { program: None, patience: Duration::from_secs(20), silence: Duration::from_secs(30) };
        Processes {
            options,
            observers: Vec::new(),
            cancel: CancelToken::new(),
            policy: Policy::default(),
            workers: 2,
            has_memory: false,
            problem: None,
            limits: Limits { losses: 4, task: None },
            start,
            fleet: Arc::default(),
        }
    }

    /// So many worker processes, at least one. Without a limit of their own they share half of the available memory.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers.max(1);
        self.options.processes = self.workers;
        if !self.has_memory {
            self.options.memory = (default_memory() / self.workers).max(64 << 20);
        }
        self
    }

    /// So many tasks at once in every worker.
    pub fn threads(mut self, threads: usize) -> Self {
        self.options.threads = threads.max(1);
        self
    }

    /// What every worker may hold, as text: `"1GB"`, `"500MiB"`. A worker that takes 100 MB more is ended. A text that is
    /// no size is an error of the run.
    pub fn memory_limit(mut self, limit: &str) -> Self {
        match parse_bytes(limit) {
            Ok(bytes) => {
                self.options.memory = bytes;
                self.has_memory = true;
            }
            Err(error) => self.problem = Some(error.to_string()),
        }
        self
    }

    /// Starts this program for workers, rather than the one that runs. Its main must call [`worker_main`], and know the
    /// operations that are used.
    pub fn worker_program(mut self, program: impl Into<PathBuf>) -> Self {
        self.start.program = Some(program.into());
        self
    }

    /// Gives up a worker that is silent for so long (30 seconds if nothing is said): one that is stopped, or waits for
    /// memory.
    pub fn silence(mut self, limit: Duration) -> Self {
        self.start.silence = limit;
        self
    }

    /// Gives up a worker that has not said for so long after its start that it is there (20 seconds if nothing is said).
    pub fn start_limit(mut self, limit: Duration) -> Self {
        self.start.patience = limit;
        self
    }

    /// Gives up a worker one of whose tasks runs longer. The task runs again, and stops the run if that does not help.
    pub fn task_limit(mut self, limit: Duration) -> Self {
        self.limits.task = Some(limit);
        self
    }

    /// Stops the run when a task was running for so many times when its worker was lost (4 if nothing is said).
    pub fn losses(mut self, limit: usize) -> Self {
        self.limits.losses = limit.max(1);
        self
    }

    /// The process numbers of workers that wait for work, for those who watch processes.
    pub fn idle_workers(&self) -> Vec<u32> {
        self.fleet.idle_ids()
    }
}

crate::settings::scheduler_settings!(Processes);

impl Scheduler for Processes {
    crate::settings::settings_told!();

    fn check(&self, plan: &Plan) -> Result<()> {
        if let Some(problem) = &self.problem {
            return Err(Error::Workers { reason: format!("memory limit: {problem}") });
        }
        match plan.bound_operations().next() {
            None => Ok(()),
            Some(op) => {
                let reason = "it holds a function of this process, which cannot be sent to a worker process; run with \
                              threads, or make it an operation: a struct with `#[typetag::serde] impl Operation`";
                Err(Error::Function { op: op.name(), reason: reason.into() })
            }
        }
    }

    fn run_tasks(&self, run: &Run<'_>) -> Result<()> {
        driver::run_tasks(self, run)
    }
}
