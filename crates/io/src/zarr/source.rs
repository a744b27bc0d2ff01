//! Zarr arrays as sources.

use std::io;
use std::sync::Arc;

use brickwork_core::{
    AxisRange, ChunkGrid, DType, Granule, Kind, Meta, Operation, Pending, Region, Runs, Source, ViewMut,
};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use super::adapter::Codecs;
use super::grid::StoredGrid;
use super::hierarchy::{Node, children, find};
use super::metadata::Layout;
use super::shard::Shards;
use super::store::{Store, StoredChunk, is_remote, join};
use super::straight::with_memory;
use crate::bytes::{ByteFix, fill_dense};
use crate::chunk_walk::touched_chunks;
use crate::error::{IoError, Problem, Result};
use crate::handles::{FileStamp, HandleCache};
use crate::strided_file::{MAX_READ, local_runs, read_region};
use crate::uri::{Location, is_url};

/// Understood metadata; no open files.
static ARRAYS: HandleCache<OpenArray> = HandleCache::new(1024);

/// Chunks of shards that have at least so many bytes are read one by one, from a disk and from a network: for shorter
/// ones it costs more to find each than to read all.
const LEAST_READ: usize = 16 << 10;
const LEAST_FETCHED: usize = 128 << 10;

/// Of chunks without codecs that are at least this long, only what is wanted is read.
const READ_IN_PART: usize = 1 << 20;

/// Of arrays of more chunks, only the metadata tell whether they have changed since a run was killed.
const MOST_LOOKED_AT: usize = 20_000;

/// A Zarr array. It serialises as its description and is opened where it is read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ZarrSource {
    pub(super) uri: String,
    /// The store's directory, zip file or address, and the array's name in it.
    root: String,
    inner: String,
    /// The file whose stamp tells whether the array has changed.
    stamped: String,
    stamp: FileStamp,
    pub(super) dtype: DType,
    pub(super) grid: StoredGrid,
}

/// What it takes to read chunks.
#[derive(Debug)]
pub(super) struct OpenArray {
    pub store: Store,
    prefix: String,
    pub layout: Layout,
    pub codecs: Codecs,
    /// If chunks are shards that are read in part.
    pub shards: Option<Shards>,
    stamp: FileStamp,
}

/// Opens an array for reading: reads its metadata alone.
pub(crate) fn open(location: &Location) -> Result<ZarrSource> {
    let uri = &location.uri;
    let root = location.absolute_path();
    let (array, file) = load(&root, &location.inner).map_err(|problem| problem.at(uri))?;
    let stamped = match &array.store {
        Store::Directory(directory) => {
            directory.join(&array.prefix).join(file).to_string_lossy().into_owned()
        }
        _ => root.clone(),
    };
    let source = ZarrSource {
        uri: uri.clone(),
        root,
        inner: location.inner.clone(),
        stamped,
        stamp: array.stamp,
        dtype: array.codecs.dtype(),
        grid: array.grid(),
    };
    // Who reads it next finds it understood.
    source.kept(|| Ok(array))?;
    Ok(source)
}

fn load(root: &str, inner: &str) -> Result<(OpenArray, &'static str), Problem> {
    let store = Store::open(root)?;
    let (prefix, node) = find(&store, inner)?;
    let Node::Array { version, metadata, file, stamp } = node else {
        return Err(Problem::IsGroup { group: inner.to_owned(), children: children(&store, &prefix) });
    };
    let layout = Layout::parse(&metadata, version)?;
    let shards = Shards::of(&metadata, &layout.grid).filter(|_| version == 3);
    let codecs = Codecs::new(metadata, version, &layout.chunk)?;
    layout.check_size(codecs.dtype())?;
    let least = if is_remote(root) { LEAST_FETCHED } else { LEAST_READ };
    let shards = shards.filter(|shards| shards.are_worth_it(codecs.dtype(), least));
    Ok((OpenArray { store, prefix, layout, codecs, shards, stamp }, file))
}

impl OpenArray {
    /// What is decoded together.
    fn grid(&self) -> StoredGrid {
        match &self.shards {
            Some(shards) => StoredGrid::regular(&self.layout.shape, &shards.chunk),
            None => self.layout.grid.clone(),
        }
    }

    /// What decodes it.
    fn decoder(&self) -> &Codecs {
        self.shards.as_ref().map_or(&self.codecs, |shards| &shards.codecs)
    }

    /// The file that a chunk lies in.
    pub fn key(&self, at: &[usize]) -> String {
        match &self.shards {
            Some(shards) => join(&self.prefix, &self.codecs.chunk_key(&shards.place(at).0)),
            None => join(&self.prefix, &self.codecs.chunk_key(at)),
        }
    }

    /// Bytes of a chunk as stored, 0 if there is none; `None` where asking takes a request.
    fn stored_len(&self, at: &[usize]) -> Option<u64> {
        let key = self.key(at);
        let Some(shards) = &self.shards else { return self.store.stored_len(&key) };
        if self.store.is_remote() {
            return None;
        }
        // What is wrong with a shard is told when it is read.
        let stored = self.store.chunk(&key).ok();
        let Some(stored) = stored else { return Some(1) };
        let Some(stored) = stored.filter(StoredChunk::is_divisible) else {
            return Some(self.store.stored_len(&key).unwrap_or(0));
        };
        let (shard, number) = shards.place(at);
        let range = shards.index(&shard, &stored).ok().and_then(|index| index.range(number).ok());
        Some(range.map_or(1, |range| range.map_or(0, |range| range.end - range.start)))
    }

    /// The bytes of a chunk that is at hand; `None` if there is none.
    fn read_encoded(&self, at: &[usize], stored: &StoredChunk) -> io::Result<Option<Vec<u8>>> {
        match &self.shards {
            Some(shards) if stored.is_divisible() => shards.read(at, stored),
            // Packed once more, as a whole.
            Some(shards) => {
                let whole = StoredChunk::Bytes(stored.read()?);
                shards.read(at, &whole)
            }
            None => stored.read().map(Some),
        }
    }
}

impl ZarrSource {
    fn kept(&self, open: impl FnOnce() -> Result<OpenArray>) -> Result<Arc<OpenArray>> {
        let name = format!("{}#{}", self.root, self.inner);
        ARRAYS.get_at(&self.uri, &self.stamped, &name, self.stamp, open)
    }

    pub(super) fn array(&self) -> Result<Arc<OpenArray>> {
        let array = self.kept(|| {
            let (array, _) = load(&self.root, &self.inner).map_err(|problem| problem.at(&self.uri))?;
            self.stamp.check_same(array.stamp).map_err(|problem| problem.at(&self.uri))?;
            Ok(array)
        })?;
        let (shape, dtype) = (self.grid.chunks.shape(), self.dtype);
        if array.layout.shape != shape || array.grid() != self.grid || array.codecs.dtype() != dtype {
            let change = format!("its shape was {shape:?} and is {:?}", array.layout.shape);
            return Err(Problem::Changed { change }.at(&self.uri));
        }
        Ok(array)
    }

    /// What tells the present state of the chunks from others, where they are files and not too many to be looked at.
    fn chunk_stamps(&self) -> String {
        let Ok(array) = self.array() else { return String::new() };
        let Store::Directory(root) = &array.store else { return String::new() };
        if self.grid.chunks.num_chunks() > MOST_LOOKED_AT {
            return String::new();
        }
        let mut hash = Xxh3::new();
        let mut open = vec![root.join(&array.prefix)];
        while let Some(directory) = open.pop() {
            let mut names: Vec<_> = std::fs::read_dir(&directory).into_iter().flatten().flatten().collect();
            names.sort_by_key(std::fs::DirEntry::file_name);
            for entry in names {
                match entry.metadata() {
                    Ok(metadata) if metadata.is_dir() => open.push(entry.path()),
                    Ok(metadata) => {
                        hash.update(entry.file_name().as_encoded_bytes());
                        hash.update(FileStamp::of(&metadata).version().as_bytes());
                    }
                    Err(_) => {}
                }
            }
        }
        format!(", chunks {:x}", hash.digest())
    }

    /// Bytes of the longest chunk.
    fn chunk_nbytes(&self) -> usize {
        self.grid.longest().iter().product::<usize>() * self.dtype.itemsize()
    }

    fn try_plan(&self, region: &Region) -> Result<Vec<Granule>> {
        if region.is_empty() {
            return Ok(Vec::new());
        }
        let array = self.array()?;
        let item = self.dtype.itemsize();
        let whole = self.chunk_nbytes();
        let is_raw = array.layout.raw_fix(self.dtype).is_some();
        let granules = touched_chunks(&self.grid.chunks, region).into_iter().map(|touched| {
            // What takes a request to find out is taken for whole.
            let stored = array.stored_len(&touched.at).map(|len| len as usize);
            let is_remote = stored.is_none();
            let stored = stored.unwrap_or(whole);
            // Where nothing is stored, the fill value stands where it is wanted, however long the chunk.
            let in_part = stored == 0 || is_raw && whole >= READ_IN_PART && !is_remote;
            let region = if in_part { touched.wanted } else { touched.region.clone() };
            let decoded_bytes = region.size() * item;
            Granule {
                key: (region == touched.region).then_some(touched.number),
                encoded_bytes: if is_raw { stored.min(decoded_bytes) } else { stored },
                decoded_bytes,
                scratch_bytes: match (stored, is_raw) {
                    (0, _) => 0,
                    (_, true) => MAX_READ,
                    (_, false) => array.decoder().scratch_bytes(whole),
                },
                region,
            }
        });
        Ok(granules.collect())
    }

    /// The chunk that a region lies in, and the region's place in it.
    pub(super) fn place(&self, region: &Region) -> (Vec<usize>, Region) {
        let axes = || region.axes().iter().zip(self.grid.chunks.axes());
        let at: Vec<usize> = axes().map(|(range, chunks)| chunks.chunk_of(range.start)).collect();
        let in_chunk = axes().zip(&at).map(|((range, chunks), &k)| AxisRange {
            start: range.start - chunks.chunk_range(k).0,
            ..*range
        });
        let in_chunk = Region::from_iter(in_chunk);
        (at, in_chunk)
    }

    /// Reads a region that lies in one chunk.
    fn read(&self, region: &Region, out: &mut [u8]) -> Result<()> {
        let array = self.array()?;
        let (at, in_chunk) = self.place(region);
        let unreadable =
            |error: io::Error| self.broken(&at, format!("cannot read it: {}", crate::error::os_text(&error)));
        let absent = |out: &mut [u8]| fill(out, array.codecs.fill_value());
        let Some(chunk) = array.store.chunk(&array.key(&at)).map_err(unreadable)? else {
            absent(out);
            return Ok(());
        };
        if let Some(fix) = array.layout.raw_fix(self.dtype).filter(|_| chunk.is_divisible()) {
            self.check_raw(&at, chunk.len().map_err(unreadable)?)?;
            return self.read_raw(&at, &chunk, fix, &in_chunk, out, &unreadable);
        }
        if let (None, StoredChunk::File(_)) = (&array.shards, &chunk)
            && array.decoder().is_straight()
            && self.is_whole(&at, &in_chunk)
        {
            let decoded = with_memory(|encoded| -> io::Result<bool> {
                encoded.resize(chunk.len()? as usize, 0);
                chunk.read_exact_at(encoded, 0)?;
                Ok(array.decoder().decode_into(encoded, out))
            });
            if decoded.map_err(unreadable)? {
                return Ok(());
            }
        }
        let Some(encoded) = array.read_encoded(&at, &chunk).map_err(unreadable)? else {
            absent(out);
            return Ok(());
        };
        self.decode(&array, &at, encoded, &in_chunk, out)
    }

    /// Whether a region of a chunk is all of it, as it is stored.
    fn is_whole(&self, at: &[usize], in_chunk: &Region) -> bool {
        let shape = self.grid.stored_shape(at);
        in_chunk.axes().iter().zip(&shape).all(|(range, &len)| range.start == 0 && range.len == len)
    }

    /// Takes a region's elements out of a chunk as stored.
    pub(super) fn decode(
        &self,
        array: &OpenArray,
        at: &[usize],
        encoded: Vec<u8>,
        in_chunk: &Region,
        out: &mut [u8],
    ) -> Result<()> {
        if self.is_whole(at, in_chunk) && array.decoder().decode_into(&encoded, out) {
            return Ok(());
        }
        let stored = encoded.len();
        let shape = self.grid.stored_shape(at);
        let decoded = match array.layout.raw_fix(self.dtype) {
            Some(fix) => {
                self.check_raw(at, stored as u64)?;
                let mut elements = encoded;
                fix.apply(&mut elements);
                elements
            }
            None => array.decoder().decode_as(encoded, &shape).map_err(|error| {
                self.broken(at, format!("cannot be decoded, the file of {stored} bytes is damaged: {error}"))
            })?,
        };
        let mut read = |offset: usize, buffer: &mut [u8]| {
            buffer.copy_from_slice(&decoded[offset..offset + buffer.len()]);
            Ok(())
        };
        read_region(&mut read, &shape, self.dtype.itemsize(), in_chunk, out)
    }

    pub(super) fn check_raw(&self, at: &[usize], stored: u64) -> Result<()> {
        let needed = (self.grid.stored_shape(at).iter().product::<usize>() * self.dtype.itemsize()) as u64;
        if stored == needed {
            return Ok(());
        }
        Err(self.broken(at, format!("it has {stored} bytes, and needs {needed}; the file is damaged")))
    }

    pub(super) fn broken(&self, at: &[usize], reason: String) -> IoError {
        Problem::Chunk { chunk: at.to_vec(), reason }.at(&self.uri)
    }

    fn read_raw(
        &self,
        at: &[usize],
        chunk: &StoredChunk,
        fix: ByteFix,
        in_chunk: &Region,
        out: &mut [u8],
        failed: &dyn Fn(io::Error) -> IoError,
    ) -> Result<()> {
        let mut read = |offset: usize, buffer: &mut [u8]| {
            chunk.read_exact_at(buffer, offset as u64).map_err(failed)?;
            fix.apply(buffer);
            Ok(())
        };
        read_region(&mut read, &self.grid.stored_shape(at), self.dtype.itemsize(), in_chunk, out)
    }
}

/// Repeats an element.
pub(super) fn fill(out: &mut [u8], element: &[u8]) {
    if element.iter().all(|&byte| byte == 0) {
        out.fill(0);
    } else {
        out.chunks_exact_mut(element.len()).for_each(|to| to.copy_from_slice(element));
    }
}

#[typetag::serde(name = "brickwork_io::ZarrSource")]
impl Operation for ZarrSource {
    fn name(&self) -> String {
        format!("read {}", self.uri)
    }

    fn infer(&self, _inputs: &[Meta]) -> brickwork_core::Result<Vec<Meta>> {
        Ok(vec![Meta::new(&self.grid.chunks.shape(), self.dtype, self.grid.chunks.clone())])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Source(self)
    }
}

impl Source for ZarrSource {
    fn uri(&self) -> String {
        self.uri.clone()
    }

    fn version(&self) -> Option<String> {
        Some(match is_url(&self.stamped) {
            true => self.stamp.version(),
            false => format!("{}{}", self.stamp.version(), self.chunk_stamps()),
        })
    }

    fn plan_read(&self, region: &Region) -> brickwork_core::Result<Vec<Granule>> {
        Ok(self.try_plan(region)?)
    }

    fn start(&self, granule: &Granule) -> brickwork_core::Result<Box<dyn Pending + '_>> {
        #[cfg(feature = "cloud")]
        if let Some(started) = self.start_ahead(granule)? {
            return Ok(started);
        }
        Ok(Box::new(ZarrRead { source: self, region: granule.region.clone() }))
    }

    fn run_grid(&self) -> Option<ChunkGrid> {
        self.granule_grid().is_none().then(|| self.grid.chunks.clone())
    }

    fn contiguous(&self) -> Option<Runs> {
        self.granule_grid().is_none().then(|| local_runs(self.dtype.itemsize(), false))
    }

    fn reads_ahead(&self) -> bool {
        is_remote(&self.root) || self.array().is_ok_and(|array| array.store.is_distant(&array.prefix))
    }

    #[cfg(feature = "cloud")]
    fn start_ahead(&self, granule: &Granule) -> brickwork_core::Result<Option<Box<dyn Pending>>> {
        self.fetch(granule)
    }

    fn granule_grid(&self) -> Option<ChunkGrid> {
        let in_part = self.chunk_nbytes() >= READ_IN_PART
            && !is_remote(&self.root)
            && self.array().is_ok_and(|array| array.layout.raw_fix(self.dtype).is_some());
        (!in_part).then(|| self.grid.chunks.clone())
    }
}

/// A local read: everything happens in `finish`.
struct ZarrRead<'a> {
    source: &'a ZarrSource,
    region: Region,
}

impl Pending for ZarrRead<'_> {
    fn finish(self: Box<Self>, into: ViewMut<'_>) -> brickwork_core::Result<()> {
        if self.region.is_empty() {
            return Ok(());
        }
        fill_dense(into, |out| self.source.read(&self.region, out)).map_err(Into::into)
    }
}
