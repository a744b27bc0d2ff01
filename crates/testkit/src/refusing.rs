//! A scheduler that runs nothing.

use std::sync::Arc;

use brickwork_core::plan::PlanOptions;
use brickwork_core::{Error, Result};
use brickwork_sched::{CancelToken, Observer, Run, Scheduler};

/// Plans, and then refuses to run: whoever gets a result nevertheless has computed it too early.
#[derive(Debug, Clone)]
pub struct RefusingScheduler {
    options: PlanOptions,
}

impl Default for RefusingScheduler {
    fn default() -> Self {
        RefusingScheduler::new()
    }
}

impl RefusingScheduler {
    /// With 1 GiB and 4 threads to plan for.
    pub fn new() -> Self {
        RefusingScheduler { options: PlanOptions { threads: 4, ..PlanOptions::default() } }
    }

    /// With other options to plan for.
    pub fn with_options(options: PlanOptions) -> Self {
        RefusingScheduler { options }
    }

    /// Whether an error is this scheduler's refusal, and not a failure to plan.
    pub fn is_refusal(error: &Error) -> bool {
        matches!(error, Error::Function { op, .. } if op == NAME)
    }
}

const NAME: &str = "refusing scheduler";

impl Scheduler for RefusingScheduler {
    fn options(&self) -> PlanOptions {
        self.options.clone()
    }

    fn observers(&self) -> &[Arc<dyn Observer>] {
        &[]
    }

    fn cancel_token(&self) -> CancelToken {
        CancelToken::new()
    }

    fn run_tasks(&self, run: &Run<'_>) -> Result<()> {
        let reason = format!("{} tasks were planned, and none is run", run.plan().num_tasks());
        Err(Error::Function { op: NAME.into(), reason })
    }
}
