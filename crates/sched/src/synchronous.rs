//! One loop in the caller's thread: for debugging, and the reference for every other scheduler.

use std::sync::Arc;

use brickwork_core::plan::PlanOptions;
use brickwork_core::{Error, Result};

use crate::cancel::CancelToken;
use crate::limits::default_memory;
use crate::observer::Observer;
use crate::policy::Policy;
use crate::run::{Run, Scheduler};
use crate::run_state::RunState;
use crate::spill::SpillDirectory;

/// Runs one task after the other in the caller's thread.
#[derive(Clone)]
#[must_use]
pub struct Synchronous {
    options: PlanOptions,
    observers: Vec<Arc<dyn Observer>>,
    cancel: CancelToken,
    policy: Policy,
}

impl Default for Synchronous {
    fn default() -> Self {
        Synchronous::new()
    }
}

impl Synchronous {
    /// With half of the available memory.
    pub fn new() -> Self {
        let options = PlanOptions {
            memory: default_memory(),
            threads: 1,
            spill: Some(Arc::new(SpillDirectory::automatic())),
            ..PlanOptions::default()
        };
        Synchronous { options, observers: Vec::new(), cancel: CancelToken::new(), policy: Policy::default() }
    }
}

crate::settings::scheduler_settings!(Synchronous);

impl Scheduler for Synchronous {
    crate::settings::settings_told!();

    fn run_tasks(&self, run: &Run<'_>) -> Result<()> {
        let mut state = RunState::new(run.plan());
        while let Some(task) = state.next_task() {
            if run.is_cancelled() {
                return Err(Error::Cancelled);
            }
            run.execute(task, 0)?;
            if state.finished(task) {
                run.stage_done(task.stage)?;
            }
        }
        Ok(())
    }
}
