//! Our own worker threads, fed one task at a time.

use std::sync::Arc;

use brickwork_core::plan::PlanOptions;
use brickwork_core::{Error, Result};
use parking_lot::{Condvar, Mutex};

use crate::cancel::CancelToken;
use crate::limits::{default_memory, default_threads};
use crate::observer::{Event, Observer};
use crate::policy::Policy;
use crate::run::{Run, Scheduler};
use crate::run_state::RunState;
use crate::spill::SpillDirectory;

/// Runs tasks on threads of this process: the default.
#[derive(Clone)]
#[must_use]
pub struct Threads {
    options: PlanOptions,
    observers: Vec<Arc<dyn Observer>>,
    cancel: CancelToken,
    policy: Policy,
}

impl Default for Threads {
    fn default() -> Self {
        Threads::new(default_threads())
    }
}

impl Threads {
    /// This many threads, and half of the available memory.
    pub fn new(threads: usize) -> Self {
        let options = PlanOptions {
            memory: default_memory(),
            threads: threads.max(1),
            spill: Some(Arc::new(SpillDirectory::automatic())),
            ..PlanOptions::default()
        };
        Threads { options, observers: Vec::new(), cancel: CancelToken::new(), policy: Policy::default() }
    }
}

/// The settings that all schedulers of one process have.
macro_rules! scheduler_settings {
    ($name:ident) => {
        impl $name {
            /// Lets a run hold at most this many bytes.
            pub fn memory(mut self, bytes: usize) -> Self {
                self.options.memory = bytes;
                self
            }

            /// Lets values that the memory has no room for go to files in this directory, rather than beside what is
            /// stored.
            pub fn spill(mut self, directory: impl Into<std::path::PathBuf>) -> Self {
                self.options.spill = Some(std::sync::Arc::new($crate::spill::SpillDirectory::new(directory)));
                self
            }

            /// Lets somebody watch.
            pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
                self.observers.push(observer);
                self
            }

            /// Lets a token stop its runs.
            pub fn cancelled_by(mut self, cancel: CancelToken) -> Self {
                self.cancel = cancel;
                self
            }

            /// Runs a task again whose failure may pass.
            pub fn retries(mut self, retries: $crate::policy::Retries) -> Self {
                self.policy.retries = retries;
                self
            }

            /// Stops runs that take longer.
            pub fn deadline(mut self, limit: std::time::Duration) -> Self {
                self.policy.deadline = Some(limit);
                self
            }

            /// Tells observers who waits for whom when no task has ended for so long.
            pub fn stalled_after(mut self, quiet: std::time::Duration) -> Self {
                self.policy.stalled_after = quiet;
                self
            }

            /// Forces grids, patches, tiles or fusing: for tests that show that results do not depend on them.
            pub fn forced(mut self, change: impl FnOnce(&mut PlanOptions)) -> Self {
                change(&mut self.options);
                self
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).field("options", &self.options).finish_non_exhaustive()
            }
        }
    };
}
pub(crate) use scheduler_settings;

scheduler_settings!(Threads);

/// What the workers share.
struct Shared {
    state: RunState,
    error: Option<Error>,
    is_over: bool,
}

impl Scheduler for Threads {
    fn options(&self) -> PlanOptions {
        self.options.clone()
    }

    fn observers(&self) -> &[Arc<dyn Observer>] {
        &self.observers
    }

    fn cancel_token(&self) -> CancelToken {
        self.cancel.clone()
    }

    fn policy(&self) -> Policy {
        self.policy
    }

    fn run_tasks(&self, run: &Run<'_>) -> Result<()> {
        let shared = Mutex::new(Shared { state: RunState::new(run.plan()), error: None, is_over: false });
        let (changed, over) = (Condvar::new(), Condvar::new());
        let workers = self.options.threads.min(run.plan().num_tasks()).max(1);
        std::thread::scope(|scope| {
            let (shared, changed, over) = (&shared, &changed, &over);
            if run.is_watched() {
                scope.spawn(move || self.watch(run, shared, over));
            }
            std::thread::scope(|scope| {
                for number in 1..workers {
                    scope.spawn(move || self.work(run, shared, changed, number));
                }
                // The caller's thread works too.
                self.work(run, shared, changed, 0);
            });
            shared.lock().is_over = true;
            over.notify_all();
        });
        match shared.into_inner().error {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

impl Threads {
    /// Tells those who watch when nothing moves.
    fn watch(&self, run: &Run<'_>, shared: &Mutex<Shared>, over: &Condvar) {
        let quiet = self.policy.stalled_after;
        let mut shared = shared.lock();
        let mut done = shared.state.num_done();
        while !shared.is_over {
            if over.wait_for(&mut shared, quiet).timed_out() && shared.state.num_done() == done {
                let what = shared.state.explain_stages();
                parking_lot::MutexGuard::unlocked(&mut shared, || {
                    run.tell(&Event::Stalled { run: run.id(), quiet, what: &what });
                });
            }
            done = shared.state.num_done();
        }
    }

    fn work(&self, run: &Run<'_>, shared: &Mutex<Shared>, changed: &Condvar, worker: usize) {
        loop {
            let task = {
                let mut shared = shared.lock();
                loop {
                    if run.is_cancelled() && shared.error.is_none() {
                        shared.error = Some(Error::Cancelled);
                    }
                    if shared.error.is_some() || shared.state.is_done() {
                        changed.notify_all();
                        return;
                    }
                    if let Some(task) = shared.state.next_task() {
                        break task;
                    }
                    changed.wait(&mut shared);
                }
            };
            let mut result = run.execute(task, worker);
            let mut shared = shared.lock();
            if result.is_ok() && shared.state.finished(task) {
                result = run.stage_done(task.stage);
            }
            if let Err(error) = result
                && shared.error.is_none()
            {
                shared.error = Some(error);
            }
            changed.notify_all();
        }
    }
}
