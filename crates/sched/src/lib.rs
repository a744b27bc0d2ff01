//! What runs when, in how much memory: the run state, the schedulers, and what watches them.
//!
//! Nothing here knows an operation or a format: a plan is a list of stages, a task is a number.

mod cancel;
mod compute;
mod limits;
mod observer;
mod policy;
pub mod processes;
mod run;
mod run_state;
mod spill;
mod synchronous;
mod threads;
mod values;

pub use cancel::CancelToken;
pub use compute::{Compute, ComputeFuture, compute_all, explain, store, store_all};
pub use limits::{available_memory, default_memory, default_threads};
pub use observer::{Event, Observer};
pub use policy::{Policy, Retries};
pub use processes::{Processes, worker_main};
pub use run::{Outcome, Run, Scheduler};
pub use run_state::{RunState, StageShape, TaskId, TaskState};
pub use spill::SpillDirectory;
pub use synchronous::Synchronous;
pub use threads::Threads;
