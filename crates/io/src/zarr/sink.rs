//! Writing Zarr 3 arrays.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use brickwork_core::{Block, BlockMut, ChunkGrid, ChunkSpec, Meta, Region, Sink};
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::adapter::Codecs;
use super::hierarchy::{Node, find, read_node};
use super::metadata::{array_json, compressor};
use crate::bytes::checked_nbytes;
use crate::chunk_walk::touched_chunks;
use crate::error::{Problem, Result};
use crate::open::SinkOptions;
use crate::part::Part;
use crate::uri::{Format, Location};
use crate::write_checks::{check_write, not_created};

/// Chunks of the array that are longer than this are not taken over: a reader decodes a chunk whole.
const HUGE_CHUNK: usize = 64 << 20;
/// Chunks shorter than this are not taken over if there are many: every chunk is a file.
const TINY_CHUNK: usize = 64 << 10;
const MANY_CHUNKS: usize = 1000;
/// What is chosen instead, in bytes.
const GOOD_CHUNK: usize = 8 << 20;

/// Writes an array to a Zarr store in a local directory.
///
/// The array is written beside its place and renamed when it is whole, its metadata last. Groups above it are made
/// where they are missing. Chunks are those of the array, unless the user asks for others or they are huge or tiny.
#[derive(Debug)]
pub struct ZarrSink {
    location: Location,
    options: SinkOptions,
    writing: Mutex<Option<Arc<Writing>>>,
}

/// An array between `create` and `commit`.
#[derive(Debug)]
struct Writing {
    meta: Meta,
    grid: ChunkGrid,
    chunk: Vec<usize>,
    metadata: Value,
    codecs: Codecs,
    // The part is dropped before the groups that were made for it.
    part: Part,
    groups: NewGroups,
}

/// Directories of groups that did not exist before; removed again, if nothing came of them.
#[derive(Debug, Default)]
struct NewGroups {
    made: Vec<PathBuf>,
}

impl Drop for NewGroups {
    fn drop(&mut self) {
        for directory in self.made.iter().rev() {
            // Fails if another array moved in meanwhile, and then it stays.
            let _ = fs::remove_dir(directory);
        }
    }
}

impl ZarrSink {
    /// A sink for an array in a Zarr store: at its root, or at the path after `#`.
    ///
    /// # Errors
    /// If the URI cannot be read or does not name a Zarr store, or the codec is not known.
    pub fn new(uri: &str, options: &SinkOptions) -> brickwork_core::Result<Self> {
        let location = Location::parse(uri)?;
        if location.format != Format::Zarr {
            let reason = format!("is {}, not zarr; end the name in .zarr", location.format);
            return Err(Problem::Misuse { reason }.at(uri).into());
        }
        if let Some(codec) = &options.codec {
            compressor(codec, brickwork_core::DType::F64).map_err(|problem| problem.at(uri))?;
        }
        Ok(ZarrSink { location, options: options.clone(), writing: Mutex::new(None) })
    }

    /// The chunks that an array gets: equal ones.
    fn chunk(&self, meta: &Meta) -> brickwork_core::Result<Vec<usize>> {
        let chunk = match &self.options.chunks {
            Some(spec) => spec.resolve(&meta.shape, meta.dtype)?.max_chunk(),
            None => {
                let own = meta.chunks.max_chunk();
                let nbytes = own.iter().product::<usize>() * meta.dtype.itemsize();
                let is_tiny = nbytes < TINY_CHUNK && meta.chunks.num_chunks() > MANY_CHUNKS;
                if nbytes > HUGE_CHUNK || is_tiny {
                    let spec = ChunkSpec::Every(brickwork_core::AxisSpec::Bytes(GOOD_CHUNK));
                    spec.resolve(&meta.shape, meta.dtype)?.max_chunk()
                } else {
                    own
                }
            }
        };
        Ok(chunk.into_iter().map(|len| len.max(1)).collect())
    }

    fn try_create(&self, meta: &Meta, chunk: Vec<usize>) -> Result<()> {
        let uri = &self.location.uri;
        let fail = |problem: Problem| problem.at(uri);
        if checked_nbytes(&meta.shape, meta.dtype.itemsize()).is_none() {
            let reason = format!("shape {:?} has more bytes than a machine can count", meta.shape);
            return Err(fail(Problem::Misuse { reason }));
        }
        let metadata = array_json(meta, &chunk, self.options.codec.as_deref(), &self.options.attributes).map_err(fail)?;
        let codecs = Codecs::new(metadata.clone(), 3, &chunk).map_err(fail)?;
        let groups = self.make_groups()?;
        let target = match self.location.inner.as_str() {
            "" => self.location.path.clone(),
            inner => self.location.path.join(inner),
        };
        let part = Part::new(uri, &target, self.options.overwrite)?;
        fs::create_dir(part.path()).map_err(|error| fail(Problem::os("create the directory", error)))?;
        let grid = ChunkGrid::regular(&meta.shape, &chunk);
        let writing = Writing { meta: meta.clone(), grid, chunk, metadata, codecs, part, groups };
        *self.writing.lock() = Some(Arc::new(writing));
        Ok(())
    }

    /// The directories above the array, outermost first: the store, then groups in it.
    fn group_directories(&self) -> Vec<PathBuf> {
        let mut directories = Vec::new();
        if let Some((groups, _)) = self.location.inner.rsplit_once('/').or(Some(("", ""))).filter(|_| !self.location.inner.is_empty()) {
            let mut directory = self.location.path.clone();
            directories.push(directory.clone());
            for name in groups.split('/').filter(|name| !name.is_empty()) {
                directory.push(name);
                directories.push(directory.clone());
            }
        }
        directories
    }

    fn make_groups(&self) -> Result<NewGroups> {
        let uri = &self.location.uri;
        let mut groups = NewGroups::default();
        for directory in self.group_directories() {
            if directory.is_dir() {
                let reason = match read_node(&directory).map_err(|problem| problem.at(uri))? {
                    Node::Array { .. } => "is an array; it cannot hold another one",
                    Node::Group { version: 2, .. } => "is of Zarr version 2; write into a store of version 3, or a new one",
                    _ => continue,
                };
                let reason = format!("{} {reason}", directory.display());
                return Err(Problem::Misuse { reason }.at(uri));
            }
            fs::create_dir(&directory).map_err(|error| {
                let reason = match error.kind() {
                    io::ErrorKind::NotFound => "the directory above it does not exist; create it".to_owned(),
                    io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => "there is a file in the way".to_owned(),
                    _ => error.to_string(),
                };
                Problem::Misuse { reason: format!("cannot create directory {}: {reason}", directory.display()) }.at(uri)
            })?;
            groups.made.push(directory);
        }
        Ok(groups)
    }

    fn try_write(&self, region: &Region, block: &Block) -> Result<()> {
        let uri = &self.location.uri;
        let Some(writing) = self.writing.lock().clone() else { return Err(not_created().at(uri)) };
        check_write(&writing.meta, region, block).map_err(|problem| problem.at(uri))?;
        for touched in touched_chunks(&writing.grid, region) {
            if touched.wanted != touched.region {
                let reason = format!("region {region} cuts chunk {:?}, which holds {}", touched.at, touched.region);
                return Err(Problem::Misuse { reason }.at(uri));
            }
            let positions = touched.region.axes().iter().zip(region.axes()).map(|(chunk, region)| {
                brickwork_core::AxisRange::new(chunk.start - region.start, chunk.len)
            });
            let part = block.slice(&Region::new(positions.collect()));
            let whole = if part.shape() == writing.chunk { part.to_dense(None) } else { padded(&part, &writing.chunk) };
            let elements = whole.as_bytes().unwrap_or_default();
            writing.store(&touched.at, elements).map_err(|problem| problem.at(uri))?;
        }
        Ok(())
    }

    fn try_commit(&self) -> Result<()> {
        let uri = &self.location.uri;
        let writing = self.writing.lock().take().and_then(Arc::into_inner);
        let Writing { metadata, part, mut groups, .. } = writing.ok_or_else(|| not_created().at(uri))?;
        write_json(&part.path().join("zarr.json"), &metadata).map_err(|problem| problem.at(uri))?;
        part.publish()?;
        groups.made.clear();
        // Readers find the array by its groups; these are announced when there is something in them.
        for directory in self.group_directories() {
            announce(&directory).map_err(|problem| problem.at(uri))?;
        }
        Ok(())
    }
}

impl Writing {
    fn store(&self, at: &[usize], elements: &[u8]) -> Result<(), Problem> {
        let broken = |reason: String| Problem::Chunk { chunk: at.to_vec(), reason };
        let encoded = self.codecs.encode(elements).map_err(|error| broken(format!("cannot be encoded: {error}")))?;
        let path = self.part.path().join(self.codecs.chunk_key(at));
        let mut result = fs::write(&path, &encoded);
        if result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            // The first chunk of its directory.
            result = fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).and_then(|()| fs::write(&path, &encoded));
        }
        result.map_err(|error| broken(format!("cannot be written: {error}")))
    }
}

/// A chunk at the array's end, filled up with zeros.
fn padded(part: &Block, chunk: &[usize]) -> Block {
    let mut whole = BlockMut::zeroed(part.dtype(), chunk);
    whole.slice_mut(&Region::full(part.shape())).assign(part);
    whole.freeze()
}

/// Makes a directory a group, and drops a listing of what is in it that has become wrong.
fn announce(directory: &Path) -> Result<(), Problem> {
    let file = directory.join("zarr.json");
    match super::hierarchy::read_json(&file)? {
        None => write_json(&file, &json!({"zarr_format": 3, "node_type": "group", "attributes": {}})),
        Some(mut metadata) => match metadata.as_object_mut().and_then(|group| group.remove("consolidated_metadata")) {
            Some(_) => write_json(&file, &metadata),
            None => Ok(()),
        },
    }
}

/// Writes a metadata file in one step.
fn write_json(path: &Path, value: &Value) -> Result<(), Problem> {
    let failed = |error: io::Error| Problem::os("write zarr.json", error);
    let mut text = serde_json::to_string_pretty(value).map_err(|error| failed(error.into()))?;
    text.push('\n');
    let part = path.with_file_name(format!(".zarr.json.part-{}", std::process::id()));
    fs::write(&part, text).and_then(|()| fs::rename(&part, path)).map_err(failed)
}

impl Sink for ZarrSink {
    fn uri(&self) -> String {
        self.location.uri.clone()
    }

    fn create(&self, meta: &Meta) -> brickwork_core::Result<ChunkGrid> {
        self.try_create(meta, self.chunk(meta)?)?;
        self.grid(meta)
    }

    fn grid(&self, meta: &Meta) -> brickwork_core::Result<ChunkGrid> {
        Ok(ChunkGrid::regular(&meta.shape, &self.chunk(meta)?))
    }

    fn write(&self, region: &Region, block: &Block) -> brickwork_core::Result<()> {
        Ok(self.try_write(region, block)?)
    }

    fn commit(&self) -> brickwork_core::Result<()> {
        Ok(self.try_commit()?)
    }

    fn abort(&self) {
        // Part and new groups go when nobody holds them any more.
        *self.writing.lock() = None;
    }
}
