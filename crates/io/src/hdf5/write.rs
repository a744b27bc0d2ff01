//! Writing new datasets of HDF5 files.

use std::path::Path;
use std::sync::Arc;

use brickwork_core::eval::{Activity, doing};
use brickwork_core::{AxisRange, Block, ChunkGrid, Meta, Origin, Region, Sink};
use libdeflater::{CompressionLvl, Compressor};
use parking_lot::Mutex;

use super::calls::write_chunk;
use super::elements::{file_type, write_slabs};
use super::log::Log;
use super::new_dataset::{Codec, Hdf5Layout, check_layout};
use super::places::Places;
use super::shared_file::{Joined, LIBRARY, Named, SharedFile, library_failed};
use super::shuffle::shuffle;
use crate::chunk_choice::store_chunk;
use crate::chunk_walk::{chunk_number, touched_chunks};
use crate::error::{IoError, Problem, Result};
use crate::journal::Journal;
use crate::options::SinkOptions;
use crate::part::{Left, Part};
use crate::uri::{Format, Location};
use crate::write_checks::{check_write, not_created, refuse_options};
use crate::written::{WrittenChunks, WrittenRegions, region_at};

/// Writes an array to a dataset of an HDF5 file, new or existing.
///
/// What has no filters is written where it belongs. Compressed chunks are collected in a file of their own and put
/// together by the library when all of them are there, so the disk must have room for both. The file is written beside
/// its target and renamed when it is whole; an existing one is copied first (or, in place, added to at the end), and its
/// other datasets stay. Chunks are compressed by whoever writes them, all at once, and go past the library's filters and
/// cache. Truth values and complex numbers are written as h5py writes them.
#[derive(Debug)]
pub struct Hdf5Sink {
    pub(super) file: Arc<SharedFile>,
    pub(super) location: Location,
    pub(super) options: SinkOptions,
    codec: Codec,
    writing: Mutex<Option<Arc<Writing>>>,
    /// What the run has left beside the file when it is published, until the run is over.
    done: Mutex<Option<Done>>,
}

#[derive(Debug)]
enum Done {
    Now(Arc<Log>),
    Before(Journal),
}

/// A dataset between `create` and `commit`.
#[derive(Debug)]
struct Writing {
    /// `None` if an earlier run has published it, and nothing is left to be written.
    open: Option<Open>,
    meta: Meta,
    layout: Hdf5Layout,
    grid: ChunkGrid,
    /// What an earlier run has left.
    written: Written,
}

#[derive(Debug)]
struct Open {
    joined: Joined,
    dataset: hdf5::Dataset,
    log: Arc<Log>,
}

/// What an earlier run has left.
#[derive(Debug)]
enum Written {
    All,
    Chunks(WrittenChunks),
    Regions(WrittenRegions),
}

impl Hdf5Sink {
    /// A sink for the dataset that the URI names after `#`.
    ///
    /// # Errors
    /// If the URI cannot be read or names no dataset, or an option is not one of HDF5.
    pub fn new(uri: &str, options: &SinkOptions) -> brickwork_core::Result<Self> {
        let location = Location::parse(uri)?;
        Hdf5Sink::within(Arc::new(SharedFile::new(&location).in_place(options.in_place)), location, options)
    }

    /// A sink of a file that others write too.
    pub(crate) fn within(
        file: Arc<SharedFile>,
        location: Location,
        options: &SinkOptions,
    ) -> brickwork_core::Result<Self> {
        let fail = |problem: Problem| problem.at(&location.uri);
        let misuse = |reason: String| fail(Problem::Misuse { reason });
        if location.format != Format::Hdf5 {
            return Err(misuse(format!("is {}, not hdf5; end the name in .h5", location.format)).into());
        }
        if location.inner.is_empty() {
            return Err(misuse("names no dataset; write for example out.h5#/x".into()).into());
        }
        let asked = [("shards", options.shards.is_some())];
        refuse_options("HDF5", &asked, "leave --shards out, or write .zarr").map_err(fail)?;
        if file.is_in_place() != options.in_place {
            return Err(
                misuse("is written by several results; write all of them in place, or none".into()).into()
            );
        }
        let codec = Codec::parse(options.codec.as_deref()).map_err(fail)?;
        Ok(Hdf5Sink {
            file,
            location,
            options: options.clone(),
            codec,
            writing: Mutex::new(None),
            done: Mutex::new(None),
        })
    }

    /// Chunked if it was asked for, needed by the codec, or the array's own way; else one run of bytes.
    fn layout(&self, meta: &Meta) -> brickwork_core::Result<Hdf5Layout> {
        let asked = self.options.chunks.as_ref();
        let filtered = self.codec != Codec::default();
        let has_chunks = meta.ndim() > 0 && meta.size() > 0;
        let chunked = has_chunks && (asked.is_some() || filtered || meta.chunks.num_chunks() > 1);
        let chunk = if chunked { Some(store_chunk(asked, meta)?) } else { None };
        let filtered = chunk.is_some();
        Ok(Hdf5Layout {
            chunk,
            shuffle: filtered && self.codec.shuffle,
            gzip: self.codec.gzip.filter(|_| filtered),
        })
    }

    fn try_create(&self, meta: &Meta, layout: &Hdf5Layout, origin: Option<&Origin>) -> Result<()> {
        let fail = |problem: Problem| problem.at(&self.location.uri);
        check_layout(meta, layout).map_err(fail)?;
        file_type(meta.dtype).map_err(fail)?;
        let trimmings = self.trimmings(meta).map_err(fail)?;
        let chunk = layout.chunk.clone().unwrap_or_else(|| vec![1; meta.ndim()]);
        let grid = ChunkGrid::regular(&meta.shape, &chunk);
        let purpose = origin.map(|origin| self.purpose(meta, layout, &trimmings, origin));
        let (uri, target, resume) = (&self.location.uri, self.file.target(), self.options.resume);
        self.file.recover().map_err(fail)?;
        let left = match purpose.as_ref().filter(|_| resume) {
            Some(purpose) => {
                Part::left(uri, target, true, purpose).map_err(|error| self.changed_by_itself(error, meta))?
            }
            None => None,
        };
        let left = match left {
            // Whoever has taken it out of the file since wants it back.
            Some(Left::Published(journal)) if !self.is_there(meta) => {
                journal.settle();
                None
            }
            left => left,
        };
        let mut writing =
            Writing { open: None, meta: meta.clone(), layout: layout.clone(), grid, written: Written::All };
        let log = match left {
            Some(Left::Published(journal)) => {
                *self.done.lock() = Some(Done::Before(journal));
                *self.writing.lock() = Some(Arc::new(writing));
                return Ok(());
            }
            // The file may have been whole, and not renamed. It is not renamed now: since it was made, its target may have
            // become another file, whose datasets would get lost, and other results of this run, which write the same file,
            // may have more to add. So a new one is made, and elements come out of the old one rather than being computed.
            Some(Left::Unfinished(part, records) | Left::Whole(part, records)) => {
                Log::take_over(uri, part, records, &format!("/{}", self.location.inner))?
            }
            None => None,
        };
        // What is wrong with the file is told before anything is made beside it.
        let (joined, dataset) = self
            .file
            .join(false, resume, |file| self.prepare(file, meta, layout, &trimmings))
            .map_err(fail)?;
        if let Some(names) = trimmings.dimension_names {
            self.file.name_axes(Named { dataset: self.location.inner.clone(), names });
        }
        let log = match log {
            Some(log) => Ok(log),
            None => Log::begin(uri, target, purpose.as_ref(), resume).map(|log| self.in_place(log, layout)),
        };
        let log = Arc::new(log.inspect_err(|_| self.file.give_up(joined))?);
        writing.written = writing.written_before(&log);
        writing.open = Some(Open { joined, dataset, log });
        *self.writing.lock() = Some(Arc::new(writing));
        Ok(())
    }

    /// An input in the file that is added to has another version as soon as a killed run has begun to add: that the run
    /// was killed there, and nobody else wrote the file meanwhile, cannot be told from the file.
    fn changed_by_itself(&self, mut error: IoError, meta: &Meta) -> IoError {
        let Problem::InputChanged { input, reason } = &mut error.problem else { return error };
        let is_own = Location::parse(input).is_ok_and(|location| self.file.is_at(&location.path));
        if is_own && self.options.in_place {
            *reason += match self.is_there(meta) {
                true => {
                    "; the input is in the file that is written in place, and so is the result by now: if nobody else has \
                     written the file, the run was killed when all was done, and there is nothing to be resumed"
                }
                false => {
                    "; the input is in the file that is written in place, and the run may have changed it itself when it \
                     was killed while it added its result: what was computed cannot be used again then"
                }
            };
        }
        error
    }

    /// Whether the file has a dataset of this name and shape.
    fn is_there(&self, meta: &Meta) -> bool {
        let found = crate::describe(&self.location.uri);
        found.is_ok_and(|found| found.shape.as_deref() == Some(meta.shape.as_slice()))
    }

    /// A log whose elements go where they belong, if these places are known.
    fn in_place(&self, log: Log, layout: &Hdf5Layout) -> Log {
        if layout.is_filtered() || self.options.in_place {
            return log;
        }
        let inner = format!("/{}", self.location.inner);
        match self.file.flushed().and_then(|path| Places::read(&path, &inner).map(|places| (path, places))) {
            Some((path, places)) => log.lie_in(&path, places),
            None => log,
        }
    }

    fn try_write(&self, region: &Region, block: &Block) -> Result<()> {
        let fail = |problem: Problem| problem.at(&self.location.uri);
        let writing = self.writing.lock().clone();
        let Some(writing) = writing else { return Err(fail(not_created())) };
        // One that an earlier run has published needs nothing more.
        let Some(open) = &writing.open else { return Ok(()) };
        check_write(&writing.meta, region, block).map_err(fail)?;
        match &writing.layout.chunk {
            Some(chunk) => writing.put_chunks(&open.log, chunk, region, block).map_err(fail),
            None if region.is_empty() => Ok(()),
            None => open.log.put_region(region, block),
        }
    }

    /// Puts together what was written, and leaves the file to the others.
    fn try_commit(&self) -> Result<()> {
        let fail = |problem: Problem| problem.at(&self.location.uri);
        let writing = self.writing.lock().take().ok_or_else(|| fail(not_created()))?;
        let Some(Open { joined, dataset, log }) = &writing.open else { return Ok(()) };
        let put = match &writing.layout.chunk {
            _ if log.is_in_place() => Ok(()),
            Some(chunk) => {
                log.for_each_chunk(&mut |at, bytes| put_chunk(dataset, chunk, at, bytes)).map_err(fail)
            }
            None => log.for_each_piece(&writing.meta.shape, writing.meta.dtype, &mut |region, block| {
                write_slabs(dataset, region, region, block)
            }),
        };
        let (joined, log) = (*joined, log.clone());
        {
            let _library = LIBRARY.lock();
            drop(writing);
        }
        // Without a journal nobody could go on with it.
        let log = log.has_journal().then_some(log);
        *self.done.lock() = log.clone().map(Done::Now);
        match put {
            Ok(()) => self.file.leave(joined, log),
            Err(error) => {
                self.file.give_up(joined);
                Err(error)
            }
        }
    }
}

impl Writing {
    /// Compresses whole chunks and puts them into the log.
    fn put_chunks(&self, log: &Log, chunk: &[usize], region: &Region, block: &Block) -> Result<(), Problem> {
        let (shuffled, gzip) = (self.layout.shuffle, self.layout.gzip);
        for touched in touched_chunks(&self.grid, region) {
            if touched.wanted != touched.region {
                let reason =
                    format!("region {region} cuts chunk {:?}, which holds {}", touched.at, touched.region);
                return Err(Problem::Misuse { reason });
            }
            let axes = touched.region.axes().iter().zip(region.axes());
            let positions = axes.map(|(chunk, region)| AxisRange::new(chunk.start - region.start, chunk.len));
            let whole = crate::bytes::padded(&block.slice(&Region::from_iter(positions)), chunk);
            let elements = whole.as_bytes().unwrap_or_default();
            let encoded = encode(elements, self.meta.dtype.itemsize(), shuffled, gzip)?;
            log.put_chunk(&touched.at, encoded.as_deref().unwrap_or(elements))?;
        }
        Ok(())
    }

    /// What a log holds already.
    fn written_before(&self, log: &Log) -> Written {
        let records = log.records();
        if self.layout.chunk.is_none() {
            let mut regions = WrittenRegions::default();
            records
                .iter()
                .filter_map(|record| region_at(&record.place, &self.meta.shape))
                .for_each(|region| regions.insert(region));
            return Written::Regions(regions);
        }
        let mut chunks = WrittenChunks::default();
        let counts = self.grid.numblocks();
        records.iter().for_each(|record| chunks.insert(chunk_number(&record.place, &counts)));
        Written::Chunks(chunks)
    }
}

/// Puts the bytes of a chunk into a dataset.
fn put_chunk(dataset: &hdf5::Dataset, chunk: &[usize], at: &[usize], bytes: &[u8]) -> Result<(), Problem> {
    let start: Vec<usize> = at.iter().zip(chunk).map(|(at, len)| at * len).collect();
    let _library = LIBRARY.lock();
    write_chunk(dataset, &start, bytes)
        .map_err(|error| library_failed(&format!("write chunk {at:?}"), &error))
}

/// The bytes of a chunk as the filters would make them; `None` if there are no filters.
fn encode(
    elements: &[u8],
    item: usize,
    shuffled: bool,
    gzip: Option<u8>,
) -> Result<Option<Vec<u8>>, Problem> {
    let _encoding = doing(Activity::Encode);
    let mut planes = Vec::new();
    if shuffled {
        planes.resize(elements.len(), 0);
        shuffle(item, elements, &mut planes);
    }
    let Some(level) = gzip else { return Ok(shuffled.then_some(planes)) };
    let failed = |reason: String| Problem::Misuse { reason: format!("cannot compress a chunk: {reason}") };
    let level = CompressionLvl::new(level.into()).map_err(|error| failed(format!("{error:?}")))?;
    let mut compressor = Compressor::new(level);
    let bytes = if shuffled { &planes } else { elements };
    let mut encoded = vec![0; compressor.zlib_compress_bound(bytes.len())];
    let nbytes = compressor.zlib_compress(bytes, &mut encoded).map_err(|error| failed(error.to_string()))?;
    encoded.truncate(nbytes);
    Ok(Some(encoded))
}

impl Sink for Hdf5Sink {
    fn uri(&self) -> String {
        self.location.uri.clone()
    }

    fn directory(&self) -> Option<std::path::PathBuf> {
        self.location.directory()
    }

    fn create(&self, meta: &Meta) -> brickwork_core::Result<ChunkGrid> {
        self.try_create(meta, &self.layout(meta)?, None)?;
        self.grid(meta)
    }

    fn create_from(&self, meta: &Meta, origin: &Origin) -> brickwork_core::Result<ChunkGrid> {
        self.try_create(meta, &self.layout(meta)?, Some(origin))?;
        self.grid(meta)
    }

    fn is_whole(&self, region: &Region) -> bool {
        let writing = self.writing.lock();
        writing.as_ref().is_some_and(|writing| match &writing.written {
            Written::All => true,
            Written::Chunks(chunks) => chunks.hold(&writing.grid, region),
            Written::Regions(regions) => regions.hold(region),
        })
    }

    fn grid(&self, meta: &Meta) -> brickwork_core::Result<ChunkGrid> {
        let chunk = self.layout(meta)?.chunk.unwrap_or_else(|| vec![1; meta.ndim()]);
        Ok(ChunkGrid::regular(&meta.shape, &chunk))
    }

    fn write(&self, region: &Region, block: &Block) -> brickwork_core::Result<()> {
        Ok(self.try_write(region, block)?)
    }

    fn commit(&self) -> brickwork_core::Result<()> {
        Ok(self.try_commit()?)
    }

    fn settle(&self) {
        match self.done.lock().take() {
            // Whoever else held it has published the file.
            Some(Done::Now(log)) => drop(Arc::into_inner(log).map(Log::discard)),
            Some(Done::Before(journal)) => journal.settle(),
            None => {}
        }
    }

    fn abort(&self) {
        *self.done.lock() = None;
        let Some(writing) = self.writing.lock().take() else { return };
        let joined = writing.open.as_ref().map(|open| open.joined);
        {
            let _library = LIBRARY.lock();
            drop(writing);
        }
        if let Some(joined) = joined {
            self.file.give_up(joined);
        }
    }
}

/// Writes a block as a dataset of an HDF5 file, which is made if there is none; an existing dataset is replaced.
///
/// # Errors
/// If the file cannot be written, or the layout does not fit the block.
pub fn create_dataset(
    path: &Path,
    name: &str,
    block: &Block,
    layout: &Hdf5Layout,
) -> brickwork_core::Result<()> {
    let shown = path.display().to_string();
    let options = SinkOptions { overwrite: true, ..SinkOptions::default() };
    let sink = Hdf5Sink::new(&format!("hdf5:{shown}#{name}"), &options)?;
    let meta = Meta::whole(block.shape(), block.dtype());
    sink.try_create(&meta, layout, None)?;
    match sink.write(&Region::full(block.shape()), block).and_then(|()| sink.commit()) {
        Ok(()) => {
            sink.settle();
            Ok(())
        }
        Err(error) => {
            sink.abort();
            Err(error)
        }
    }
}

#[cfg(test)]
#[path = "write_tests.rs"]
mod tests;
