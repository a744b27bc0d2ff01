//! Our own worker threads, fed one task at a time.

use std::sync::Arc;

use brickwork_core::plan::PlanOptions;
use brickwork_core::{Error, Result};
use parking_lot::{Condvar, Mutex};

use crate::cancel::CancelToken;
use crate::limits::{default_memory, default_threads};
use crate::observer::Observer;
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
        Threads { options, observers: Vec::new(), cancel: CancelToken::new() }
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

    fn run_tasks(&self, run: &Run<'_>) -> Result<()> {
        let shared = Mutex::new(Shared { state: RunState::new(run.plan()), error: None });
        let changed = Condvar::new();
        let workers = self.options.threads.min(run.plan().num_tasks()).max(1);
        std::thread::scope(|scope| {
            for number in 1..workers {
                let (shared, changed) = (&shared, &changed);
                scope.spawn(move || self.work(run, shared, changed, number));
            }
            // The caller's thread works too.
            self.work(run, &shared, &changed, 0);
        });
        match shared.into_inner().error {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

impl Threads {
    fn work(&self, run: &Run<'_>, shared: &Mutex<Shared>, changed: &Condvar, worker: usize) {
        loop {
            let task = {
                let mut shared = shared.lock();
                loop {
                    if self.cancel.is_cancelled() && shared.error.is_none() {
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
