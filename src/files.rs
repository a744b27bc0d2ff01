//! Files on both ends of an expression.

use brickwork_core::{Block, ChunkSpec, Error, Lazy, Node, Result, Value};
use brickwork_ops::Array;
use brickwork_ops::memory::from_block;
use brickwork_sched::{Compute, Scheduler, Threads};

/// The array in a file: `random.hdf5#/x`, `cube.zarr`, `lattice.npy`. Reads its metadata, none of its elements. After
/// `cf:`, packed and missing values are decoded as [`decode_cf`](crate::decode_cf) does: `cf:day.nc#/t2m`.
///
/// # Errors
/// If there is nothing, or nothing that can be read as an array.
pub fn open(uri: &str) -> Result<Array> {
    match crate::cf::cf_uri(uri) {
        Some(uri) => crate::cf::open_cf(uri),
        None => open_stored(uri),
    }
}

/// The array in a file as it is stored.
pub(crate) fn open_stored(uri: &str) -> Result<Array> {
    let node = Node::shared(brickwork_io::open(uri)?, Vec::new())?;
    Ok(Array::new(Value::new(node)))
}

/// The arrays that a pattern names, in sorted order: `weather-big/*.hdf5#/t2m`, `s3://weather/*.hdf5#/t2m`.
///
/// # Errors
/// If nothing matches, or one of the files cannot be read.
pub fn open_many(pattern: &str) -> Result<Vec<Array>> {
    match crate::cf::cf_uri(pattern) {
        Some(pattern) => matching(pattern)?.iter().map(|uri| crate::cf::open_cf(uri)).collect(),
        None => matching(pattern)?.iter().map(|uri| open(uri)).collect(),
    }
}

/// The URIs that a pattern names, in sorted order.
fn matching(pattern: &str) -> Result<Vec<String>> {
    let (path, inner) = match pattern.split_once('#') {
        Some((path, inner)) => (path, format!("#{inner}")),
        None => (pattern, String::new()),
    };
    #[cfg(feature = "cloud")]
    if crate::patterns::is_store_pattern(path) {
        let found = crate::patterns::store_matches(path)?;
        return some(found.into_iter().map(|place| place + &inner).collect(), pattern, path);
    }
    let paths =
        glob::glob(path).map_err(|error| Error::argument("open_many", format!("{pattern}: {error}")))?;
    let mut found = Vec::new();
    for path in paths {
        let path = path.map_err(|error| Error::io(pattern, "a folder cannot be listed", error))?;
        found.push(format!("{}{inner}", path.display()));
    }
    found.sort();
    some(found, pattern, path)
}

/// Fails if nothing was found.
fn some(found: Vec<String>, pattern: &str, path: &str) -> Result<Vec<String>> {
    if found.is_empty() {
        let reason =
            format!("no file matches {path}; a pattern is a path with * and ?, and # before the dataset");
        return Err(Error::invalid_data(pattern, reason));
    }
    Ok(found)
}

/// Computing once, and going on with what was computed.
pub trait Persist {
    /// The same array over its computed elements, which are held in memory from now on.
    ///
    /// # Errors
    /// As [`Compute::compute`].
    fn persist(&self) -> Result<Array>;

    /// [`Persist::persist`] with a scheduler of the caller's choice.
    ///
    /// # Errors
    /// As [`Compute::compute`].
    fn persist_with(&self, scheduler: &dyn Scheduler) -> Result<Array>;
}

impl Persist for Array {
    fn persist(&self) -> Result<Array> {
        self.persist_with(&Threads::default())
    }

    fn persist_with(&self, scheduler: &dyn Scheduler) -> Result<Array> {
        let block: Block = self.compute_with(scheduler)?;
        let chunks = match self.value().meta().is_known() {
            true => ChunkSpec::Axes(
                self.chunks()
                    .axes()
                    .iter()
                    .map(|axis| match axis {
                        brickwork_core::AxisChunks::Regular { chunk, .. } => (*chunk).into(),
                        irregular => brickwork_core::AxisSpec::Lengths(irregular.chunk_lengths()),
                    })
                    .collect(),
            ),
            false => ChunkSpec::auto(),
        };
        from_block(block, &chunks)
    }
}
