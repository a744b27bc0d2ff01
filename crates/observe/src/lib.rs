//! What a run does, measured.
//!
//! A [`Recorder`] is an [`Observer`](brickwork_sched::Observer): give it to a scheduler, and ask it for a
//! [`Recording`] during the run or after it. A recording is plain data, bounded however many tasks there are, and is
//! written as text ([`analysis`]), as JSON (serde), as a trace for Perfetto or Chrome ([`trace`]), or as a page
//! ([`report`]). With the feature `dashboard`, a `Client` shows it live in a browser.
//!
//! ```
//! use std::sync::Arc;
//!
//! use brickwork_observe::{Recorder, analysis};
//! use brickwork_ops::{Array, random};
//! use brickwork_sched::{Compute, Threads};
//!
//! # fn main() -> brickwork_core::Result<()> {
//! let recorder = Recorder::new();
//! let scheduler = Threads::new(2).observer(recorder.clone());
//! let x: Array = random::default_rng(Some(1)).random(&[1000, 1000], [100, 100])?;
//! x.mean(0)?.compute_with(&scheduler)?;
//!
//! let recording = recorder.recording();
//! assert_eq!(recording.totals.elements_generated, 1_000_000);
//! assert!(analysis(&recording).lines().last().unwrap().starts_with("bottleneck: "));
//! # Ok(())
//! # }
//! ```

mod analysis;
mod bottleneck;
#[cfg(feature = "dashboard")]
mod dashboard;
mod planned;
mod progress;
mod recorder;
mod recording;
mod report;
#[cfg(feature = "dashboard")]
mod runs;
mod sampler;
#[cfg(feature = "tracing")]
mod spans;
mod table;
#[cfg(test)]
mod test_support;
mod thinned;
mod trace;
mod worker;

pub use analysis::{analysis, analysis_json};
pub use bottleneck::{Bottleneck, bottleneck};
#[cfg(feature = "dashboard")]
pub use dashboard::{Client, Dashboard, DashboardError};
pub use planned::{PlanRecord, Planned};
pub use recorder::Recorder;
pub use recording::{
    CurvePoint, Failure, Recording, SpanRecord, StageRecord, Status, Tally, TaskRecord, TimesRecord,
    WorkerRecord,
};
pub use report::{report, write_report};
#[cfg(feature = "dashboard")]
pub use runs::Runs;
#[cfg(feature = "tracing")]
pub use spans::TracingObserver;
pub use trace::{trace, write_trace};
