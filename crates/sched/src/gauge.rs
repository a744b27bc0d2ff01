//! What a run holds and has done at any moment.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use brickwork_core::BufferPool;
use brickwork_core::eval::{Counters, Counts};
use parking_lot::RwLock;

/// Reads what a run holds and has done so far, at any time and from any thread. Clones read the same run; it may be
/// asked after the run has ended.
#[derive(Clone)]
pub struct Gauge {
    pool: Arc<BufferPool>,
    budget: usize,
    counters: Arc<WorkerCounters>,
    /// The most bytes that were out at once in another process.
    elsewhere: Arc<AtomicUsize>,
}

impl Gauge {
    pub(crate) fn new(
        pool: Arc<BufferPool>,
        budget: usize,
        counters: Arc<WorkerCounters>,
        elsewhere: Arc<AtomicUsize>,
    ) -> Self {
        Gauge { pool, budget, counters, elsewhere }
    }

    /// Bytes of blocks that are out, in this process.
    pub fn held_bytes(&self) -> usize {
        self.pool.in_use()
    }

    /// The most bytes of blocks that were out at once, in the process that had most.
    pub fn peak_bytes(&self) -> usize {
        self.pool.peak().max(self.elsewhere.load(Ordering::Relaxed))
    }

    /// Bytes that each process of the run may hold.
    pub fn budget(&self) -> usize {
        self.budget
    }

    /// What has been counted so far, in tasks that are not done too.
    pub fn counts(&self) -> Counts {
        self.counters.total()
    }
}

impl fmt::Debug for Gauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gauge({} of {} bytes)", self.held_bytes(), self.budget)
    }
}

/// Counters for every worker: nobody waits for another to count.
#[derive(Debug, Default)]
pub(crate) struct WorkerCounters {
    /// Of whoever has none of their own.
    shared: Counters,
    workers: RwLock<Vec<Arc<Counters>>>,
}

impl WorkerCounters {
    /// Those of a worker, from 0.
    pub fn of(&self, worker: usize) -> Arc<Counters> {
        if let Some(counters) = self.workers.read().get(worker) {
            return counters.clone();
        }
        let mut workers = self.workers.write();
        if workers.len() <= worker {
            workers.resize_with(worker + 1, Arc::default);
        }
        workers[worker].clone()
    }

    /// Those of nobody in particular.
    pub fn shared(&self) -> &Counters {
        &self.shared
    }

    /// Of all workers.
    pub fn total(&self) -> Counts {
        let mut total = self.shared.get();
        for counters in self.workers.read().iter() {
            total += counters.get();
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_count_apart_and_are_read_together() {
        let counters = Arc::new(WorkerCounters::default());
        Counters::add(&counters.of(3).bytes_read, 10);
        Counters::add(&counters.of(0).bytes_read, 5);
        Counters::add(&counters.of(3).kernels, 1);
        Counters::add(&counters.shared().bytes_read, 100);
        let gauge = Gauge::new(BufferPool::new(1 << 20), 1 << 20, counters.clone(), Arc::default());
        assert_eq!((gauge.counts().bytes_read, gauge.counts().kernels), (115, 1));
        assert_eq!(counters.of(3).get().since(&Counts::default()).bytes_read, 10);
        assert_eq!((gauge.held_bytes(), gauge.budget()), (0, 1 << 20));
    }
}
