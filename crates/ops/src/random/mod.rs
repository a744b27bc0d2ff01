//! Random arrays. Every value is a function of the stream and of the element's place, so it does not depend on chunks,
//! threads or on which part is asked for.
//!
//! A stream is a seed and the number of the call: two calls differ, and the same calls under the same seed agree. The
//! functions of this module draw from one stream of the process; [`default_rng`] makes a stream of one's own.
//!
//! ```
//! use brickwork_ops::random::default_rng;
//! let mut rng = default_rng(Some(42));
//! let x = rng.normal(10.0, 0.1, &[20_000, 20_000], [1000, 1000])?;
//! assert_eq!((x.shape(), rng.seed()), (&[20_000, 20_000][..], 42));
//! # Ok::<(), brickwork_core::Error>(())
//! ```

mod draw;
mod exponential;
mod integers;
mod normal;
mod philox;
mod runs;
mod turn;
mod uniform;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use crate::prelude::*;

pub use draw::Distribution;

/// A stream of random arrays: a seed, and the number of the next call.
#[derive(Debug, Clone)]
pub struct Rng {
    seed: u64,
    calls: u64,
}

/// A stream from a seed; without one, a seed is drawn, which [`Rng::seed`] tells.
pub fn default_rng(seed: Option<u64>) -> Rng {
    // The keys of std's hash maps are random in every process and differ from map to map.
    let seed = seed.unwrap_or_else(|| RandomState::new().hash_one("seed"));
    Rng { seed, calls: 0 }
}

impl Rng {
    /// The seed: given to [`default_rng`], it makes the same stream again.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// An array of any distribution and dtype. The others are short forms of it.
    ///
    /// - shape, dtype and chunks: as given; reads nothing: a part costs its size
    ///
    /// # Errors
    /// If the parameters make no distribution, the dtype is not one of its, or the chunks do not fit the shape.
    pub fn draw(
        &mut self,
        distribution: Distribution,
        dtype: DType,
        shape: &[usize],
        chunks: impl Into<ChunkSpec>,
    ) -> Result<Array> {
        let array = draw::draw(distribution, dtype, self.seed, self.calls, shape, &chunks.into())?;
        self.calls += 1;
        Ok(array)
    }

    /// Uniform numbers of [0, 1), `float64`.
    ///
    /// # Errors
    /// As [`Rng::draw`].
    pub fn random(&mut self, shape: &[usize], chunks: impl Into<ChunkSpec>) -> Result<Array> {
        self.uniform(0.0, 1.0, shape, chunks)
    }

    /// Uniform numbers of [low, high), `float64`.
    ///
    /// # Errors
    /// As [`Rng::draw`].
    pub fn uniform(
        &mut self,
        low: f64,
        high: f64,
        shape: &[usize],
        chunks: impl Into<ChunkSpec>,
    ) -> Result<Array> {
        self.draw(Distribution::Uniform { low, high }, DType::F64, shape, chunks)
    }

    /// Normal numbers of mean `loc` and standard deviation `scale`, `float64`.
    ///
    /// # Errors
    /// As [`Rng::draw`].
    pub fn normal(
        &mut self,
        loc: f64,
        scale: f64,
        shape: &[usize],
        chunks: impl Into<ChunkSpec>,
    ) -> Result<Array> {
        self.draw(Distribution::Normal { loc, scale }, DType::F64, shape, chunks)
    }

    /// Normal numbers of mean 0 and standard deviation 1, `float64`.
    ///
    /// # Errors
    /// As [`Rng::draw`].
    pub fn standard_normal(&mut self, shape: &[usize], chunks: impl Into<ChunkSpec>) -> Result<Array> {
        self.normal(0.0, 1.0, shape, chunks)
    }

    /// Exponential numbers of mean `scale`, `float64`.
    ///
    /// # Errors
    /// As [`Rng::draw`].
    pub fn exponential(
        &mut self,
        scale: f64,
        shape: &[usize],
        chunks: impl Into<ChunkSpec>,
    ) -> Result<Array> {
        self.draw(Distribution::Exponential { scale }, DType::F64, shape, chunks)
    }

    /// Whole numbers from `low` up to, and without, `high`, all equally likely, `int64`.
    ///
    /// # Errors
    /// As [`Rng::draw`].
    pub fn integers(
        &mut self,
        low: i64,
        high: i64,
        shape: &[usize],
        chunks: impl Into<ChunkSpec>,
    ) -> Result<Array> {
        self.draw(Distribution::Integers { low: low.into(), high: high.into() }, DType::I64, shape, chunks)
    }
}

/// The stream of the functions of this module.
static STREAM: LazyLock<Mutex<Rng>> = LazyLock::new(|| Mutex::new(default_rng(None)));

fn stream() -> MutexGuard<'static, Rng> {
    // A stream is never left half changed.
    STREAM.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts the stream of this module's functions again, from a seed.
pub fn set_seed(seed: u64) {
    *stream() = default_rng(Some(seed));
}

/// The seed of the stream of this module's functions.
pub fn seed() -> u64 {
    stream().seed()
}

/// [`Rng::draw`] from the stream of the process.
///
/// # Errors
/// As [`Rng::draw`].
pub fn draw(
    distribution: Distribution,
    dtype: DType,
    shape: &[usize],
    chunks: impl Into<ChunkSpec>,
) -> Result<Array> {
    stream().draw(distribution, dtype, shape, chunks.into())
}

/// [`Rng::random`] from the stream of the process.
///
/// # Errors
/// As [`Rng::draw`].
pub fn random(shape: &[usize], chunks: impl Into<ChunkSpec>) -> Result<Array> {
    stream().random(shape, chunks.into())
}

/// [`Rng::uniform`] from the stream of the process.
///
/// # Errors
/// As [`Rng::draw`].
pub fn uniform(low: f64, high: f64, shape: &[usize], chunks: impl Into<ChunkSpec>) -> Result<Array> {
    stream().uniform(low, high, shape, chunks.into())
}

/// [`Rng::normal`] from the stream of the process.
///
/// # Errors
/// As [`Rng::draw`].
pub fn normal(loc: f64, scale: f64, shape: &[usize], chunks: impl Into<ChunkSpec>) -> Result<Array> {
    stream().normal(loc, scale, shape, chunks.into())
}

/// [`Rng::standard_normal`] from the stream of the process.
///
/// # Errors
/// As [`Rng::draw`].
pub fn standard_normal(shape: &[usize], chunks: impl Into<ChunkSpec>) -> Result<Array> {
    stream().standard_normal(shape, chunks.into())
}

/// [`Rng::exponential`] from the stream of the process.
///
/// # Errors
/// As [`Rng::draw`].
pub fn exponential(scale: f64, shape: &[usize], chunks: impl Into<ChunkSpec>) -> Result<Array> {
    stream().exponential(scale, shape, chunks.into())
}

/// [`Rng::integers`] from the stream of the process.
///
/// # Errors
/// As [`Rng::draw`].
pub fn integers(low: i64, high: i64, shape: &[usize], chunks: impl Into<ChunkSpec>) -> Result<Array> {
    stream().integers(low, high, shape, chunks.into())
}
