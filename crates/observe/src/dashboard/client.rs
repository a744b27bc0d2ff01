//! A scheduler with a dashboard.

use std::fmt;
use std::sync::Arc;

use brickwork_core::Result;
use brickwork_core::plan::{Plan, PlanOptions};
use brickwork_sched::{CancelToken, Observer, Policy, Run, Scheduler, Threads};

use super::{Dashboard, DashboardError};
use crate::recorder::Recorder;
use crate::recording::Recording;

/// A scheduler whose runs are recorded and shown live in a browser. It is a scheduler itself.
///
/// ```
/// use brickwork_observe::Client;
/// use brickwork_ops::{Array, random};
/// use brickwork_sched::{Compute, Threads};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::start(Threads::new(2).memory(1 << 30), "127.0.0.1:0")?;
/// println!("look at {}", client.url());
///
/// let x: Array = random::default_rng(Some(1)).random(&[1000, 1000], [100, 100])?;
/// let mean = x.mean(())?.compute_with(&client)?;
/// assert!((mean.item::<f64>() - 0.5).abs() < 0.01);
/// assert_eq!(client.recording().totals.elements_generated, 1_000_000);
/// client.shutdown();
/// # Ok(())
/// # }
/// ```
pub struct Client<S = Threads> {
    scheduler: S,
    observers: Vec<Arc<dyn Observer>>,
    dashboard: Dashboard,
}

impl Client<Threads> {
    /// Threads on all cores with half of the available memory, shown on a free port of this machine.
    ///
    /// # Errors
    /// If nobody can listen there.
    pub fn new() -> std::result::Result<Self, DashboardError> {
        Client::start(Threads::default(), "127.0.0.1:0")
    }
}

impl<S: Scheduler> Client<S> {
    /// Shows what a scheduler runs at an address, as [`Dashboard::start`] takes it.
    ///
    /// # Errors
    /// As [`Dashboard::start`].
    pub fn start(scheduler: S, address: &str) -> std::result::Result<Self, DashboardError> {
        let recorder = Recorder::detailed(2000);
        let dashboard = Dashboard::start(address, recorder.clone())?;
        let mut observers = scheduler.observers().to_vec();
        observers.push(recorder);
        Ok(Client { scheduler, observers, dashboard })
    }

    /// The scheduler that runs what is computed.
    pub fn scheduler(&self) -> &S {
        &self.scheduler
    }

    /// Where the page is.
    pub fn url(&self) -> String {
        self.dashboard.url()
    }

    /// What is known of the run that goes on, or of the last one.
    pub fn recording(&self) -> Recording {
        self.dashboard.recorder().recording()
    }

    /// Tells the last state to whoever looks, and ends the page. Dropping does the same.
    pub fn shutdown(self) {
        self.dashboard.shutdown();
    }
}

impl<S: Scheduler> Scheduler for Client<S> {
    fn options(&self) -> PlanOptions {
        self.scheduler.options()
    }

    fn observers(&self) -> &[Arc<dyn Observer>] {
        &self.observers
    }

    fn cancel_token(&self) -> CancelToken {
        self.scheduler.cancel_token()
    }

    fn policy(&self) -> Policy {
        self.scheduler.policy()
    }

    fn check(&self, plan: &Plan) -> Result<()> {
        self.scheduler.check(plan)
    }

    fn run_tasks(&self, run: &Run<'_>) -> Result<()> {
        self.scheduler.run_tasks(run)
    }
}

impl<S> fmt::Debug for Client<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.dashboard.url())
    }
}
