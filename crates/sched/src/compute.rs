//! Computing and storing what is lazy.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};

use brickwork_core::plan::{Plan, Request};
use brickwork_core::{Block, Error, Lazy, Result, Sink, Value};
use parking_lot::Mutex;

use crate::cancel::CancelToken;
use crate::run::Scheduler;
use crate::threads::Threads;

/// Computing, for everything that is lazy.
pub trait Compute: Lazy {
    /// The elements, computed on all cores within half of the available memory.
    ///
    /// # Errors
    /// If the plan or the result does not fit the memory, or a task fails.
    fn compute(&self) -> Result<Block> {
        self.compute_with(&Threads::default())
    }

    /// The elements, computed by a scheduler of the caller's choice.
    ///
    /// # Errors
    /// As [`Compute::compute`].
    fn compute_with(&self, scheduler: &dyn Scheduler) -> Result<Block> {
        Ok(compute_all(&[self.value()], scheduler)?.swap_remove(0))
    }

    /// [`Compute::compute`] as a future: the work goes on in threads of its own, the executor is never blocked.
    fn compute_async(&self) -> ComputeFuture {
        ComputeFuture::start(self.value().clone(), Threads::default())
    }
}

impl<T: Lazy + ?Sized> Compute for T {}

/// Computes several values in one run: what they share is computed once.
///
/// # Errors
/// As [`Compute::compute`].
pub fn compute_all<T: Lazy>(values: &[T], scheduler: &dyn Scheduler) -> Result<Vec<Block>> {
    let requests: Vec<Request> = values.iter().map(|value| Request::Collect(value.value().clone())).collect();
    let blocks = scheduler.run(&requests)?.blocks.into_iter().collect::<Option<Vec<Block>>>();
    blocks.ok_or_else(|| Error::Bug { what: "a result that was requested did not come".into() })
}

/// Stores a value: whole chunks, one after the other, never the whole result in memory.
///
/// # Errors
/// As [`Compute::compute`], and if the sink cannot be written; then nothing is published.
pub fn store(value: &dyn Lazy, sink: Arc<dyn Sink>, scheduler: &dyn Scheduler) -> Result<()> {
    store_all(&[(value, sink)], scheduler)
}

/// Stores several values in one run: what they share is computed once.
///
/// # Errors
/// As [`store`].
pub fn store_all(values: &[(&dyn Lazy, Arc<dyn Sink>)], scheduler: &dyn Scheduler) -> Result<()> {
    let requests: Vec<Request> =
        values.iter().map(|(value, sink)| Request::Store(value.value().clone(), sink.clone())).collect();
    scheduler.run(&requests).map(|_| ())
}

/// How a scheduler would compute some values. Computes nothing.
///
/// # Errors
/// If no plan fits the memory.
pub fn explain<T: Lazy>(values: &[T], scheduler: &dyn Scheduler) -> Result<Plan> {
    let requests: Vec<Request> = values.iter().map(|value| Request::Collect(value.value().clone())).collect();
    brickwork_core::plan::plan(&requests, &scheduler.options())
}

/// A computation that goes on in the background. Dropping it stops the computation.
#[must_use = "a future that is dropped stops its computation"]
pub struct ComputeFuture {
    shared: Arc<Mutex<FutureState>>,
    cancel: CancelToken,
}

#[derive(Default)]
struct FutureState {
    result: Option<Result<Block>>,
    waker: Option<Waker>,
}

impl ComputeFuture {
    fn start(value: Value, scheduler: Threads) -> Self {
        let shared: Arc<Mutex<FutureState>> = Arc::default();
        let theirs = shared.clone();
        let cancel = CancelToken::new();
        let scheduler = scheduler.cancelled_by(cancel.clone());
        std::thread::spawn(move || {
            let result = value.compute_with(&scheduler);
            let mut state = theirs.lock();
            state.result = Some(result);
            if let Some(waker) = state.waker.take() {
                waker.wake();
            }
        });
        ComputeFuture { shared, cancel }
    }
}

impl Future for ComputeFuture {
    type Output = Result<Block>;

    fn poll(self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<Result<Block>> {
        let mut state = self.shared.lock();
        match state.result.take() {
            Some(result) => Poll::Ready(result),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for ComputeFuture {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

impl std::fmt::Debug for ComputeFuture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ComputeFuture")
    }
}
