//! What tasks find around them: memory, granules, counters, and the wish to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use brickwork_core::eval::{Context, Counters, GranuleCache, GranuleKey, ReadAhead};
use brickwork_core::plan::{Plan, PlanOptions};
use brickwork_core::{Block, BufferPool, Error, Result};

use crate::cancel::CancelToken;
use crate::gauge::{Gauge, WorkerCounters};

/// The surroundings of the tasks of a run.
#[derive(Debug)]
pub(crate) struct RunContext {
    pub(crate) pool: Arc<BufferPool>,
    cache: GranuleCache,
    pub(crate) ahead: ReadAhead,
    pub(crate) counters: Arc<WorkerCounters>,
    cancel: CancelToken,
    /// When the run must be over, and how long that is from its start.
    deadline: Option<(Instant, Duration)>,
    /// Spill files so far: no two of a run have the same number.
    spills: AtomicU64,
    /// The most bytes that were out at once in another process.
    elsewhere: Arc<AtomicUsize>,
}

impl RunContext {
    pub(crate) fn new(options: &PlanOptions, cancel: CancelToken, deadline: Option<Duration>) -> Self {
        RunContext {
            pool: BufferPool::new(options.memory),
            cache: GranuleCache::new(0),
            ahead: ReadAhead::default(),
            counters: Arc::default(),
            cancel,
            deadline: deadline.and_then(|limit| Some((Instant::now().checked_add(limit)?, limit))),
            spills: AtomicU64::new(0),
            elsewhere: Arc::default(),
        }
    }

    /// Allows the cache of granules what a stage has planned for it.
    pub(crate) fn prepare(&self, plan: &Plan, stage: usize) {
        self.cache.set_capacity(plan.stages[stage].figures.cache_bytes);
    }

    /// A number that no other spilled value of the run has. Sources name their granules by hashes: numbers from the
    /// other end tell spill files apart from them.
    pub(crate) fn spill_id(&self) -> u128 {
        u128::MAX - u128::from(self.spills.fetch_add(1, Ordering::Relaxed))
    }

    /// Takes note of the most bytes that were out at once in another process.
    pub(crate) fn note_peak(&self, bytes: usize) {
        self.elsewhere.fetch_max(bytes, Ordering::Relaxed);
    }

    pub(crate) fn gauge(&self, budget: usize) -> Gauge {
        Gauge::new(self.pool.clone(), budget, self.counters.clone(), self.elsewhere.clone())
    }

    /// An error as users are told: who is stopped by a deadline has not been cancelled by anybody.
    pub(crate) fn told(&self, error: Error) -> Error {
        match self.deadline {
            Some((end, limit)) if was_cancelled(&error) && !self.cancel.is_cancelled() => {
                match Instant::now() >= end {
                    true => Error::DeadlineExceeded { limit: format!("{limit:?}") },
                    false => error,
                }
            }
            _ => error,
        }
    }
}

fn was_cancelled(error: &Error) -> bool {
    match error {
        Error::Cancelled => true,
        Error::Task { source, .. } => was_cancelled(source),
        _ => false,
    }
}

impl Context for RunContext {
    fn pool(&self) -> &Arc<BufferPool> {
        &self.pool
    }

    fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled() || self.deadline.is_some_and(|(end, _)| Instant::now() >= end)
    }

    fn granule(&self, key: GranuleKey, load: &mut dyn FnMut() -> Result<Block>) -> Result<Block> {
        self.cache.get(key, load)
    }

    fn counters(&self) -> &Counters {
        self.counters.shared()
    }

    fn ahead(&self) -> Option<&ReadAhead> {
        Some(&self.ahead)
    }
}

/// The surroundings of a task: those of the run, and the counters of the worker that runs it.
pub(crate) struct TaskContext<'a> {
    pub run: &'a RunContext,
    pub counters: &'a Counters,
}

impl Context for TaskContext<'_> {
    fn pool(&self) -> &Arc<BufferPool> {
        self.run.pool()
    }

    fn is_cancelled(&self) -> bool {
        self.run.is_cancelled()
    }

    fn granule(&self, key: GranuleKey, load: &mut dyn FnMut() -> Result<Block>) -> Result<Block> {
        self.run.granule(key, load)
    }

    fn counters(&self) -> &Counters {
        self.counters
    }

    fn ahead(&self) -> Option<&ReadAhead> {
        self.run.ahead()
    }
}
