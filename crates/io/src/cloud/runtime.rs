//! The one runtime on which requests run, hidden behind calls that block.

use std::future::Future;
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, sync_channel};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::AbortHandle;

use crate::error::Problem;

/// They move bytes and decrypt; decoding is the workers' affair.
const THREADS: usize = 2;

static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();

/// The runtime, started with the first call.
pub(super) fn handle() -> Result<Handle, Problem> {
    let runtime = RUNTIME.get_or_init(|| {
        // A provider that the program has chosen itself stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("brickwork-io")
            .enable_all()
            .build();
        builder.map_err(|error| error.to_string())
    });
    match runtime {
        Ok(runtime) => Ok(runtime.handle().clone()),
        Err(reason) => {
            Err(Problem::Misuse { reason: format!("the threads for requests cannot be started: {reason}") })
        }
    }
}

/// What a future will give. Dropped before that, the future is given up.
#[derive(Debug)]
pub(super) struct Promise<T> {
    answer: Receiver<Result<T, Problem>>,
    task: AbortHandle,
}

impl<T: Send + 'static> Promise<T> {
    /// Lets a future run.
    pub fn start(future: impl Future<Output = Result<T, Problem>> + Send + 'static) -> Result<Self, Problem> {
        let (sender, answer) = sync_channel(1);
        let task = handle()?.spawn(async move {
            // Nobody may be left who wants to know.
            let _ = sender.send(future.await);
        });
        Ok(Promise { answer, task: task.abort_handle() })
    }

    /// Waits in the calling thread, which may belong to any runtime or none.
    pub fn wait(self) -> Result<T, Problem> {
        let lost = |_| Problem::Misuse { reason: "a request ended without an answer".into() };
        self.answer.recv().map_err(lost)?
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Runs a future to its end.
pub(super) fn wait<T: Send + 'static>(
    future: impl Future<Output = Result<T, Problem>> + Send + 'static,
) -> Result<T, Problem> {
    Promise::start(future)?.wait()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn futures_are_awaited_inside_a_foreign_runtime_too() {
        let foreign = Builder::new_current_thread().build().unwrap();
        assert_eq!(foreign.block_on(async { wait(async { Ok(7) }) }).unwrap(), 7);
    }

    #[test]
    fn what_nobody_waits_for_is_given_up() {
        struct Told(std::sync::mpsc::Sender<()>);
        impl Drop for Told {
            fn drop(&mut self) {
                let _ = self.0.send(());
            }
        }
        let (sender, ended) = std::sync::mpsc::channel();
        let told = Told(sender);
        let promise = Promise::start(async move {
            let _told = told;
            std::future::pending::<Result<(), Problem>>().await
        });
        drop(promise.unwrap());
        ended.recv().unwrap();
    }
}
