//! A source over memory that tells what was read of it.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

use brickwork_core::{
    AxisRange, Block, BlockMut, ChunkGrid, ChunkSpec, Error, Granule, Kind, Meta, Operation, Pending, Region,
    Result, Runs, Source, ViewMut,
};
use brickwork_ops::Array;
use serde::{Deserialize, Serialize};

/// A source over values in memory, in chunks, that is read like a file and counts what is read. In another process it
/// has the same values, and counts for itself; functions that are called at reads are not called there.
///
/// By default a granule is a whole chunk; [`CountingSource::by_element`] makes it deliver exactly what it is asked for,
/// as a file without compression does, [`CountingSource::in_parts`] of every chunk by itself.
#[derive(Clone, Serialize, Deserialize)]
pub struct CountingSource {
    id: u64,
    delivers: Delivers,
    /// Elements that it says a read should want side by side; 0 if any number will do.
    least_run: usize,
    chunks: ChunkGrid,
    dtype: brickwork_core::DType,
    values: Vec<u8>,
    fail_at: Option<Vec<usize>>,
    #[serde(skip)]
    shared: Option<Arc<ReadLog>>,
}

/// What a granule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Delivers {
    Chunks,
    PartsOfChunks,
    Elements,
}

/// Called with the number of a read (from 0, in the order they begin) before it happens.
type OnRead = dyn Fn(usize) -> Result<()> + Send + Sync;

/// What has been read of a [`CountingSource`].
pub struct ReadLog {
    values: Block,
    uri: String,
    elements: AtomicUsize,
    granules: AtomicUsize,
    started: AtomicUsize,
    regions: Mutex<Vec<Region>>,
    targets: Mutex<Vec<Range<usize>>>,
    on_read: Option<Box<OnRead>>,
    fail_at: Option<Vec<usize>>,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(0);
static SHARED: LazyLock<Mutex<HashMap<u64, Weak<ReadLog>>>> = LazyLock::new(Mutex::default);

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl CountingSource {
    /// A source of these values, cut into chunks.
    ///
    /// # Errors
    /// If the chunks do not fit the shape.
    pub fn new(values: Block, chunks: impl Into<ChunkSpec>) -> Result<Self> {
        let chunks = chunks.into().resolve(values.shape(), values.dtype())?;
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        let dtype = values.dtype();
        let bytes = values.to_dense(None).as_bytes().expect("just made dense").to_vec();
        let source = CountingSource {
            id,
            delivers: Delivers::Chunks,
            least_run: 0,
            chunks,
            dtype,
            values: bytes,
            fail_at: None,
            shared: None,
        };
        Ok(source.with(ReadLog::new(id, values)))
    }

    /// Delivers exactly the elements it is asked for.
    #[must_use]
    pub fn by_element(mut self) -> Self {
        self.delivers = Delivers::Elements;
        self
    }

    /// Delivers of every chunk exactly the elements it is asked for.
    #[must_use]
    pub fn in_parts(mut self) -> Self {
        self.delivers = Delivers::PartsOfChunks;
        self
    }

    /// As [`by_element`](Self::by_element), and says that to read fewer elements side by side than this takes as long.
    #[must_use]
    pub fn in_runs(mut self, least: usize) -> Self {
        self.least_run = least;
        self.by_element()
    }

    /// Calls a function before every read, with its number in the order of beginning: to fail, to wait, to look round.
    #[must_use]
    pub fn on_read(self, on_read: impl Fn(usize) -> Result<()> + Send + Sync + 'static) -> Self {
        self.change(|log| log.on_read = Some(Box::new(on_read)))
    }

    /// Fails whenever the element at `index` would be read.
    #[must_use]
    pub fn fail_at(self, index: &[usize]) -> Self {
        let mut source = self.change(|log| log.fail_at = Some(index.to_vec()));
        source.fail_at = Some(index.to_vec());
        source
    }

    /// What is read of it, counted from now on.
    pub fn log(&self) -> Arc<ReadLog> {
        self.shared.clone().expect("only a description that was read back has no log of its own")
    }

    /// The lazy array over it.
    ///
    /// # Errors
    /// Never for a source that was made by [`CountingSource::new`].
    pub fn array(&self) -> Result<Array> {
        Array::apply(self.clone(), &[])
    }

    fn change(mut self, change: impl FnOnce(&mut ReadLog)) -> Self {
        let shared = self.shared.take();
        match shared.and_then(Arc::into_inner) {
            Some(mut log) => {
                change(&mut log);
                self.with(log)
            }
            None => panic!("set a counting source up before it is used"),
        }
    }

    fn with(mut self, log: ReadLog) -> Self {
        let log = Arc::new(log);
        let mut shared = locked(&SHARED);
        shared.retain(|_, log| log.strong_count() > 0);
        shared.insert(self.id, Arc::downgrade(&log));
        drop(shared);
        self.shared = Some(log);
        self
    }

    fn shared(&self) -> Result<Arc<ReadLog>> {
        let known = || locked(&SHARED).get(&self.id)?.upgrade();
        if let Some(found) = self.shared.clone().or_else(known) {
            return Ok(found);
        }
        // In another process. Whoever reads first makes a log; it is gone when nobody reads.
        let mut values = BlockMut::zeroed(self.dtype, &self.chunks.shape());
        if values.bytes_mut().len() != self.values.len() {
            return Err(Error::invalid_data(format!("counting:{}", self.id), "its values are damaged"));
        }
        values.bytes_mut().copy_from_slice(&self.values);
        let log = ReadLog { fail_at: self.fail_at.clone(), ..ReadLog::new(self.id, values.freeze()) };
        Ok(Arc::new(log))
    }
}

impl ReadLog {
    fn new(id: u64, values: Block) -> Self {
        ReadLog {
            values,
            uri: format!("counting:{id}"),
            elements: AtomicUsize::new(0),
            granules: AtomicUsize::new(0),
            started: AtomicUsize::new(0),
            regions: Mutex::default(),
            targets: Mutex::default(),
            on_read: None,
            fail_at: None,
        }
    }

    /// Elements delivered.
    pub fn elements(&self) -> usize {
        self.elements.load(Ordering::Relaxed)
    }

    /// Granules delivered.
    pub fn granules(&self) -> usize {
        self.granules.load(Ordering::Relaxed)
    }

    /// The regions of the granules delivered, in the order they ended.
    pub fn regions(&self) -> Vec<Region> {
        locked(&self.regions).clone()
    }

    /// The addresses that dense parts of memory were delivered to, in the order they ended.
    pub fn targets(&self) -> Vec<Range<usize>> {
        locked(&self.targets).clone()
    }

    /// How often every element was delivered, in C order.
    pub fn times_read(&self) -> Vec<usize> {
        let shape = self.values.shape().to_vec();
        let mut times = vec![0; shape.iter().product()];
        for region in self.regions() {
            for number in 0..region.size() {
                let index = crate::compare::index_of(number, &region.shape());
                let position = (0..shape.len())
                    .fold(0, |at, axis| at * shape[axis] + region.axes()[axis].get(index[axis]));
                times[position] += 1;
            }
        }
        times
    }

    /// Counts from nothing again.
    pub fn reset(&self) {
        self.elements.store(0, Ordering::Relaxed);
        self.granules.store(0, Ordering::Relaxed);
        self.started.store(0, Ordering::Relaxed);
        locked(&self.regions).clear();
        locked(&self.targets).clear();
    }

    /// The name it has in messages.
    pub fn uri(&self) -> &str {
        &self.uri
    }
}

impl fmt::Debug for CountingSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CountingSource({}, {:?})", self.id, self.chunks)
    }
}

impl fmt::Debug for ReadLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReadLog({}: {} elements in {} granules)", self.uri, self.elements(), self.granules())
    }
}

#[typetag::serde(name = "brickwork_testkit::CountingSource")]
impl Operation for CountingSource {
    fn name(&self) -> String {
        format!("read counting:{}", self.id)
    }

    fn infer(&self, _inputs: &[Meta]) -> Result<Vec<Meta>> {
        Ok(vec![Meta::new(&self.chunks.shape(), self.dtype, self.chunks.clone())])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Source(self)
    }
}

impl Source for CountingSource {
    fn uri(&self) -> String {
        format!("counting:{}", self.id)
    }

    fn plan_read(&self, region: &Region) -> Result<Vec<Granule>> {
        let granule = |key: Option<u64>, region: Region| {
            let nbytes = region.size() * self.dtype.itemsize();
            Granule { key, region, encoded_bytes: nbytes, decoded_bytes: nbytes, scratch_bytes: 0 }
        };
        if region.is_empty() {
            return Ok(Vec::new());
        }
        if self.delivers == Delivers::Elements {
            return Ok(vec![granule(None, region.clone())]);
        }
        let counts = self.chunks.numblocks();
        let mut granules = Vec::new();
        for number in 0..self.chunks.num_chunks() {
            let index = crate::compare::index_of(number, &counts);
            let axes = || (0..counts.len()).map(|axis| self.chunks.axes()[axis].chunk_range(index[axis]));
            let wanted = axes().zip(region.axes()).map(|((start, len), asked)| {
                let (first, count) = asked.positions_between(start, start + len);
                AxisRange::stepped(asked.get(first), count, asked.step)
            });
            let wanted = Region::from_iter(wanted);
            if wanted.is_empty() {
                continue;
            }
            granules.push(match self.delivers {
                Delivers::PartsOfChunks => granule(None, wanted),
                _ => {
                    let chunk = axes().map(|(start, len)| AxisRange::new(start, len));
                    granule(Some(number as u64), Region::from_iter(chunk))
                }
            });
        }
        Ok(granules)
    }

    fn start(&self, granule: &Granule) -> Result<Box<dyn Pending + '_>> {
        let log = self.shared()?;
        let number = log.started.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(CountedRead { log, number, region: granule.region.clone() }))
    }

    fn granule_grid(&self) -> Option<ChunkGrid> {
        (self.delivers == Delivers::Chunks).then(|| self.chunks.clone())
    }

    fn run_grid(&self) -> Option<ChunkGrid> {
        (self.delivers == Delivers::PartsOfChunks).then(|| self.chunks.clone())
    }

    fn contiguous(&self) -> Option<Runs> {
        (self.least_run > 0).then_some(Runs { fortran: false, least: self.least_run })
    }
}

struct CountedRead {
    log: Arc<ReadLog>,
    number: usize,
    region: Region,
}

impl Pending for CountedRead {
    fn finish(self: Box<Self>, mut into: ViewMut<'_>) -> Result<()> {
        let log = &self.log;
        if let Some(on_read) = &log.on_read {
            on_read(self.number)?;
        }
        if let Some(index) = &log.fail_at
            && self.region.axes().iter().zip(index).all(|(range, &index)| range.position(index).is_some())
        {
            return Err(Error::invalid_data(&log.uri, format!("element {index:?} is damaged")));
        }
        into.assign(&log.values.slice(&self.region));
        if let Some(bytes) = into.as_bytes_mut() {
            let start = bytes.as_ptr().addr();
            locked(&log.targets).push(start..start + bytes.len());
        }
        log.elements.fetch_add(self.region.size(), Ordering::Relaxed);
        log.granules.fetch_add(1, Ordering::Relaxed);
        locked(&log.regions).push(self.region.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use brickwork_core::Lazy;
    use brickwork_core::eval::evaluate;

    use super::*;

    fn source() -> CountingSource {
        CountingSource::new(Block::from_vec((0..20i64).collect(), &[4, 5]), [2, 2]).unwrap()
    }

    #[test]
    fn reads_are_counted_by_chunk_or_by_element() {
        let by_chunk = source();
        let log = by_chunk.log();
        let row = by_chunk.array().unwrap().slice(brickwork_ops::s![3, ..]).unwrap();
        assert_eq!(evaluate(row.value()).unwrap().to_vec::<i64>(), [15, 16, 17, 18, 19]);
        assert_eq!((log.elements(), log.granules()), (10, 3));
        assert_eq!(log.times_read().iter().sum::<usize>(), 10);

        let by_element = source().by_element();
        let log = by_element.log();
        let column = by_element.array().unwrap().slice(brickwork_ops::s![.., 1]).unwrap();
        assert_eq!(evaluate(column.value()).unwrap().to_vec::<i64>(), [1, 6, 11, 16]);
        assert_eq!(log.elements(), 4);
        let in_parts = source().in_parts();
        let parts = in_parts.array().unwrap().slice(brickwork_ops::s![1..3, 4..;-3]).unwrap();
        assert_eq!(evaluate(parts.value()).unwrap().to_vec::<i64>(), [9, 6, 14, 11]);
        assert_eq!((in_parts.log().elements(), in_parts.log().granules()), (4, 4));
        log.reset();
        assert_eq!((log.elements(), log.granules(), log.regions().len()), (0, 0, 0));
    }

    #[test]
    fn a_damaged_element_fails_only_those_who_read_it() {
        let array = source().fail_at(&[3, 4]).array().unwrap();
        assert!(evaluate(array.slice(brickwork_ops::s![..2, ..]).unwrap().value()).is_ok());
        assert!(evaluate(array.value()).is_err());
    }
}
