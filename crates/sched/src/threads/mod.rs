//! Our own worker threads, fed one task at a time.

mod crew;
#[cfg(test)]
mod explored;

use std::sync::Arc;
use std::time::Duration;

use brickwork_core::Result;
use brickwork_core::plan::PlanOptions;

use crate::cancel::CancelToken;
use crate::limits::{default_memory, default_threads};
use crate::observer::{Event, Observer};
use crate::policy::Policy;
use crate::run::{Run, Scheduler};
use crate::run_state::{RunState, TaskId};
use crate::settings::{scheduler_settings, settings_told};
use crate::spill::SpillDirectory;

/// Where the crew's locks and threads come from: the standard library, or what explores their orders.
mod sync {
    pub use std::sync::{Condvar, Mutex, MutexGuard};
    pub use std::thread::scope;
}

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

scheduler_settings!(Threads);

impl Scheduler for Threads {
    settings_told!();

    fn run_tasks(&self, run: &Run<'_>) -> Result<()> {
        let workers = self.options.threads.min(run.plan().num_tasks()).max(1);
        let quiet = run.is_watched().then_some(self.policy.stalled_after);
        crew::work_off(RunState::new(run.plan()), workers, quiet, run)
    }
}

impl crew::Work for Run<'_> {
    fn is_cancelled(&self) -> bool {
        self.is_cancelled()
    }

    fn execute(&self, task: TaskId, worker: usize) -> Result<()> {
        self.execute(task, worker)
    }

    fn stage_done(&self, stage: usize) -> Result<()> {
        self.stage_done(stage)
    }

    fn stalled(&self, quiet: Duration, who_waits: &str) {
        self.tell(&Event::Stalled { run: self.id(), quiet, what: who_waits });
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::run_state::StageShape;

    /// Its first task panics outside of what makes errors of panics, as an observer can.
    struct Panicking;

    impl crew::Work for Panicking {
        fn is_cancelled(&self) -> bool {
            false
        }

        fn execute(&self, _task: TaskId, _worker: usize) -> Result<()> {
            panic!("somebody who watches panics");
        }

        fn stage_done(&self, _stage: usize) -> Result<()> {
            Ok(())
        }

        fn stalled(&self, _quiet: Duration, _who_waits: &str) {}
    }

    #[test]
    fn a_panic_leaves_nobody_waiting() {
        // The second stage waits for the first, whoever runs that.
        for _ in 0..20 {
            let stage = |depends: &[usize]| StageShape {
                tasks: 1,
                task_bytes: 1,
                depends: depends.to_vec(),
                ..StageShape::default()
            };
            let state = RunState::of(vec![stage(&[]), stage(&[0])], 10, &[usize::MAX]);
            let quiet = Some(Duration::from_secs(3600));
            let run = AssertUnwindSafe(|| crew::work_off(state, 3, quiet, &Panicking));
            assert!(catch_unwind(run).is_err());
        }
    }
}
