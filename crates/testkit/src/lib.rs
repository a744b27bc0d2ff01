//! What tests of Brickwork, and of operations, sources, sinks and schedulers written elsewhere, are made of.
//!
//! - [`naive`]: a reference that computes on whole arrays with plain loops, written apart from the kernels
//! - [`assert_array_eq`]: values bit for bit, and what an array promises, under every [`Configuration`]
//! - [`CountingSource`], [`MemorySink`]: the ends of a run, watched
//! - [`check_source`], [`check_sink`], [`check_scheduler`]: conformance suites for implementations
//! - [`RefusingScheduler`]: proves that building and planning compute nothing
//! - `FaultyStore`, `S3Server`, `WebServer` (feature `cloud`): what networks do to those who read and write
//! - [`strategies`]: random shapes, chunks, slices for property tests

mod check_scheduler;
mod check_sink;
mod check_source;
mod compare;
mod configurations;
mod counting_source;
mod data;
#[cfg(feature = "cloud")]
mod faulty_store;
mod inputs;
mod memory_sink;
pub mod naive;
mod refusing;
#[cfg(feature = "cloud")]
mod s3_server;
pub mod strategies;
#[cfg(feature = "cloud")]
mod web_server;

pub use check_scheduler::check_scheduler;
pub use check_sink::check_sink;
pub use check_source::check_source;
pub use compare::{
    assert_array_close, assert_array_eq, assert_array_eq_in, assert_block_close, assert_block_eq,
    assert_same_everywhere, operation_tag,
};
pub use configurations::{Configuration, configurations, in_processes, some_configurations};
pub use counting_source::{CountingSource, ReadLog};
pub use data::{iota, noise, quarters};
#[cfg(feature = "cloud")]
pub use faulty_store::{Fault, FaultyStore, Meets};
pub use inputs::{Inputs, arrangements, check_operation};
pub use memory_sink::{MemorySink, SinkState};
pub use refusing::RefusingScheduler;
#[cfg(feature = "cloud")]
pub use s3_server::S3Server;
#[cfg(feature = "cloud")]
pub use web_server::{Answer, Answers, WebServer};
