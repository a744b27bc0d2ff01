//! Parallel, larger-than-memory n-dimensional arrays by blocked algorithms.
//!
//! An [`Array`] is lazy: methods in NumPy's terms build an expression, and nothing runs. [`compute`](Compute::compute)
//! gives its elements, [`store`] writes them to a file, block by block, on every core, in a bounded amount of memory.
//!
//! ```
//! use brickwork::prelude::*;
//!
//! # fn main() -> brickwork::Result<()> {
//! let x = brickwork::random::default_rng(Some(42)).random(&[1000, 1000], [100, 100])?;
//! let y = (&x + x.t()).slice(s![..;2, 500..])?.mean(1)?;
//! assert_eq!(y.shape(), [500]);
//! let values = y.compute()?.to_vec::<f64>();
//! assert!(values.iter().all(|mean| (0.8..1.2).contains(mean)));
//! # Ok(())
//! # }
//! ```

mod cf;
mod files;
#[cfg(feature = "draw")]
mod notebook;
mod outputs;
#[cfg(feature = "cloud")]
pub mod patterns;
#[cfg(feature = "draw")]
pub mod plot;
#[cfg(feature = "draw")]
mod visualize;

pub use brickwork_core::{
    Block, ChunkGrid, ChunkSpec, Complex, DType, Error, Lazy, Meta, Operation, Region, Result, Scalar, Sink,
    SinkWriter, Source, SpillCodec, TimeUnit, Weak, parse_bytes,
};
pub use brickwork_io::{GroupAttributes, SinkOptions};
pub use brickwork_ops::*;
pub use brickwork_sched::{
    CancelToken, Compute, Event, Observer, Outcome, Processes, Retries, Scheduler, Synchronous, Threads,
    compute_all, explain, store_all, worker_main,
};
pub use cf::{CF_ATTRIBUTES, cf_uri, decode_cf, open_cf};
pub use files::{Persist, open, open_many};
#[cfg(feature = "draw")]
pub use notebook::Notebook;
pub use outputs::{
    Output, create, requests, requests_in, store, store_many, store_outputs, store_region, store_with,
};
#[cfg(feature = "draw")]
pub use visualize::{VisualizeOptions, visualize, visualize_with};

/// Crates to build on: operations, sources and sinks of your own use these.
#[cfg(feature = "draw")]
pub use brickwork_draw as draw;
/// Object stores and web servers: settings, and stores of your own.
#[cfg(feature = "cloud")]
pub use brickwork_io::cloud;
/// What runs do, measured: analysis, traces, reports, a live page.
#[cfg(feature = "observe")]
pub use brickwork_observe as observe;
pub use {brickwork_core as core, brickwork_io as io, brickwork_sched as sched};

/// What nearly every program needs.
pub mod prelude {
    pub use brickwork_core::{ChunkSpec, DType};
    pub use brickwork_ops::{Array, Axes, s};
    pub use brickwork_sched::Compute;

    pub use crate::files::{Persist, open};
    #[cfg(feature = "draw")]
    pub use crate::notebook::Notebook;
    pub use crate::outputs::store;
}
