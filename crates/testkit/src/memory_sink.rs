//! A sink in memory that watches how it is written.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use brickwork_core::{
    AxisChunks, AxisRange, Block, BlockMut, ChunkGrid, ChunkSpec, Error, Meta, Region, Result, Sink,
};

/// Called with the number of a write before it happens.
type OnWrite = dyn Fn(usize) -> Result<()> + Send + Sync;

/// Keeps what is written in memory, and refuses writes that break a sink's rules: whole cells of its grid, each once,
/// all of them before the commit.
pub struct MemorySink {
    uri: String,
    chunks: Option<ChunkSpec>,
    fails_at: Option<usize>,
    on_write: Option<Box<OnWrite>>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    state: SinkState,
    values: Option<BlockMut>,
    grid: Option<ChunkGrid>,
    written: BTreeSet<Vec<usize>>,
    writes: usize,
    finished: Option<Block>,
}

/// How far a sink has come.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum SinkState {
    /// Nothing has happened.
    #[default]
    New,
    /// It is ready to be written.
    Created,
    /// Everything is there.
    Committed,
    /// It was given up.
    Aborted,
}

impl Default for MemorySink {
    fn default() -> Self {
        MemorySink::new()
    }
}

impl MemorySink {
    /// A sink that takes the chunks of the array that is stored.
    pub fn new() -> Self {
        MemorySink {
            uri: "memory sink".into(),
            chunks: None,
            fails_at: None,
            on_write: None,
            inner: Mutex::default(),
        }
    }

    /// A sink with chunks of its own.
    pub fn with_chunks(chunks: impl Into<ChunkSpec>) -> Self {
        MemorySink { chunks: Some(chunks.into()), ..MemorySink::new() }
    }

    /// Fails at this write, counted from 0.
    #[must_use]
    pub fn fails_at(mut self, write: usize) -> Self {
        self.fails_at = Some(write);
        self
    }

    /// Calls a function before every write, with its number from 0: to fail, to wait, to look round. What has failed is
    /// not there.
    #[must_use]
    pub fn on_write(mut self, on_write: impl Fn(usize) -> Result<()> + Send + Sync + 'static) -> Self {
        self.on_write = Some(Box::new(on_write));
        self
    }

    /// How far it has come.
    pub fn state(&self) -> SinkState {
        self.lock().state
    }

    /// How many writes it has taken.
    pub fn writes(&self) -> usize {
        self.lock().writes
    }

    /// What a reader finds: nothing before the commit.
    pub fn published(&self) -> Option<Block> {
        self.lock().finished.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn broken(&self, rule: impl Into<String>) -> Error {
        Error::invalid_data(&self.uri, rule)
    }
}

impl std::fmt::Debug for MemorySink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MemorySink({}, {:?})", self.uri, self.state())
    }
}

impl Sink for MemorySink {
    fn uri(&self) -> String {
        self.uri.clone()
    }

    fn create(&self, meta: &Meta) -> Result<ChunkGrid> {
        let grid = self.grid(meta)?;
        let mut inner = self.lock();
        if inner.state != SinkState::New {
            return Err(self.broken(format!("created again when {:?}", inner.state)));
        }
        inner.state = SinkState::Created;
        inner.values = Some(BlockMut::zeroed(meta.dtype, &meta.shape));
        inner.grid = Some(grid.clone());
        Ok(grid)
    }

    fn grid(&self, meta: &Meta) -> Result<ChunkGrid> {
        match &self.chunks {
            Some(chunks) => chunks.resolve(&meta.shape, meta.dtype),
            None => Ok(meta.chunks.clone()),
        }
    }

    fn write(&self, region: &Region, block: &Block) -> Result<()> {
        let mut inner = self.lock();
        if inner.state != SinkState::Created {
            return Err(self.broken(format!("written when {:?}", inner.state)));
        }
        let number = inner.writes;
        inner.writes += 1;
        if let Some(on_write) = &self.on_write {
            on_write(number)?;
        }
        if self.fails_at.is_some_and(|at| inner.writes > at) {
            return Err(self.broken("no room left"));
        }
        let grid = inner.grid.clone().unwrap_or_else(|| ChunkGrid::single(&[]));
        let cells = cells_of(&grid, region).map_err(|reason| self.broken(reason))?;
        for cell in cells {
            if inner.written.contains(&cell) {
                return Err(self.broken(format!("cell {cell:?} is written twice")));
            }
            inner.written.insert(cell);
        }
        match &mut inner.values {
            Some(values) if values.dtype() == block.dtype() && region.shape() == block.shape() => {
                values.slice_mut(region).assign(block);
                Ok(())
            }
            _ => Err(self.broken(format!("{block:?} is written to region {region}"))),
        }
    }

    fn commit(&self) -> Result<()> {
        let mut inner = self.lock();
        if inner.state != SinkState::Created {
            return Err(self.broken(format!("committed when {:?}", inner.state)));
        }
        let (written, cells) = (inner.written.len(), inner.grid.as_ref().map_or(0, ChunkGrid::num_chunks));
        let is_empty = inner.values.as_ref().is_some_and(|values| values.size() == 0);
        if written != cells && !is_empty {
            return Err(self.broken(format!("committed when {written} of {cells} cells were written")));
        }
        inner.state = SinkState::Committed;
        inner.finished = inner.values.take().map(BlockMut::freeze);
        Ok(())
    }

    fn abort(&self) {
        let mut inner = self.lock();
        inner.state = SinkState::Aborted;
        inner.values = None;
        inner.finished = None;
    }
}

/// The cells a region is made of; an error if it cuts one.
fn cells_of(grid: &ChunkGrid, region: &Region) -> Result<Vec<Vec<usize>>, String> {
    let mut cells: Vec<Vec<usize>> = vec![Vec::new()];
    for (range, chunks) in region.axes().iter().zip(grid.axes()) {
        let along = cells_along(chunks, range)
            .ok_or_else(|| format!("region {region} is not made of whole cells of the grid {grid}"))?;
        cells = cells
            .iter()
            .flat_map(|cell| along.iter().map(move |&k| cell.iter().copied().chain([k]).collect()))
            .collect();
    }
    Ok(cells)
}

fn cells_along(chunks: &AxisChunks, range: &AxisRange) -> Option<Vec<usize>> {
    let end = range.start + range.len;
    let along: Vec<usize> = (0..chunks.num_chunks())
        .filter(|&k| {
            let (start, len) = chunks.chunk_range(k);
            range.start <= start && start + len <= end && (len > 0 || chunks.is_empty())
        })
        .collect();
    let covered: usize = along.iter().map(|&k| chunks.chunk_range(k).1).sum();
    (range.step == 1 && covered == range.len).then_some(along)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(sink: &MemorySink, start: usize, len: usize) -> Result<()> {
        let block = Block::from_vec(vec![1.0f64; len], &[len]);
        sink.write(&Region::new(vec![AxisRange::new(start, len)]), &block)
    }

    #[test]
    fn rules_are_kept() {
        let meta = Meta::whole(&[5], brickwork_core::DType::F64);
        let sink = MemorySink::with_chunks(2);
        assert!(write(&sink, 0, 2).is_err(), "before it was created");
        assert_eq!(sink.create(&meta).unwrap(), sink.grid(&meta).unwrap());
        write(&sink, 0, 2).unwrap();
        assert!(write(&sink, 0, 2).unwrap_err().to_string().contains("written twice"));
        assert!(write(&sink, 3, 2).unwrap_err().to_string().contains("not made of whole cells"));
        assert!(sink.commit().unwrap_err().to_string().contains("1 of 3 cells"));
        assert!(sink.published().is_none());
        write(&sink, 2, 3).unwrap();
        sink.commit().unwrap();
        assert_eq!(sink.published().unwrap().to_vec::<f64>(), [1.0; 5]);
        assert_eq!((sink.state(), sink.writes()), (SinkState::Committed, 4));
    }
}
