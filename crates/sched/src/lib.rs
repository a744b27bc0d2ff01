//! What runs when, in how much memory: the run state, the schedulers, and what watches them.
//!
//! Nothing here knows an operation or a format: a plan is a list of stages, a task is a number.

mod cancel;
mod clock;
mod compute;
mod context;
mod gauge;
mod limits;
mod observer;
mod policy;
pub mod processes;
mod run;
mod run_state;
mod settings;
mod spill;
mod synchronous;
mod threads;
mod values;

pub use cancel::CancelToken;
pub use clock::now;
pub use compute::{Compute, ComputeFuture, compute_all, explain, store, store_all};
pub use gauge::Gauge;
pub use limits::{available_memory, default_memory, default_threads, peak_resident_bytes, resident_bytes};
pub use observer::{Event, Observer, RunId, TaskReport};
pub use policy::{Policy, Retries};
pub use processes::{Processes, worker_main};
pub use run::{Outcome, Run, Scheduler};
pub use run_state::{RunState, StageShape, TaskId, TaskState};
pub use spill::SpillDirectory;
pub use synchronous::Synchronous;
pub use threads::Threads;
