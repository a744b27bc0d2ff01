//! What tests of Brickwork, and of operations, sources, sinks and schedulers written elsewhere, are made of.
//!
//! - [`naive`]: a reference that computes on whole arrays with plain loops, written apart from the kernels
//! - [`assert_array_eq`]: values bit for bit, and what an array promises, under every [`Configuration`]
//! - [`CountingSource`], [`MemorySink`]: the ends of a run, watched
//! - [`check_source`], [`check_sink`], [`check_scheduler`]: conformance suites for implementations
//! - [`RefusingScheduler`]: proves that building and planning compute nothing
//! - [`strategies`]: random shapes, chunks, slices for property tests

mod check_scheduler;
mod check_sink;
mod check_source;
mod compare;
mod configurations;
mod counting_source;
mod data;
mod inputs;
mod memory_sink;
pub mod naive;
mod refusing;
pub mod strategies;

pub use check_scheduler::check_scheduler;
pub use check_sink::check_sink;
pub use check_source::check_source;
pub use compare::{
    assert_array_close, assert_array_eq, assert_array_eq_in, assert_block_close, assert_block_eq,
    assert_same_everywhere,
};
pub use configurations::{Configuration, configurations, some_configurations};
pub use counting_source::{CountingSource, ReadLog};
pub use data::{iota, noise, quarters};
pub use inputs::{Inputs, arrangements, check_operation};
pub use memory_sink::{MemorySink, SinkState};
pub use refusing::RefusingScheduler;
