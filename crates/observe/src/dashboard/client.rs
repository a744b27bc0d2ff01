//! A scheduler with a dashboard.

use std::fmt;
use std::sync::Arc;

use brickwork_core::Result;
use brickwork_core::plan::{Plan, PlanOptions};
use brickwork_sched::{CancelToken, Observer, Policy, Run, Scheduler, Threads};

use super::{Dashboard, DashboardError};
use crate::recording::Recording;
use crate::runs::Runs;

/// A scheduler whose runs are recorded and shown live in a browser, also several at the same time. It is a scheduler
/// itself.
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
    runs: Arc<Runs>,
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
        let runs = Runs::detailed(2000);
        let dashboard = Dashboard::of_runs(address, runs.clone())?;
        let mut observers = scheduler.observers().to_vec();
        observers.push(runs.clone());
        Ok(Client { scheduler, observers, runs, dashboard })
    }

    /// The scheduler that runs what is computed.
    pub fn scheduler(&self) -> &S {
        &self.scheduler
    }

    /// Where the page is.
    pub fn url(&self) -> String {
        self.dashboard.url()
    }

    /// What is known of the newest run that goes on, or of the one that ended last.
    pub fn recording(&self) -> Recording {
        self.runs.newest().recording()
    }

    /// All runs that are kept: those that go on, and the last of those that are over.
    pub fn runs(&self) -> &Arc<Runs> {
        &self.runs
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
