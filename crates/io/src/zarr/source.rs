//! Zarr arrays as sources.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use brickwork_core::{
    AxisRange, ChunkGrid, DType, Granule, Kind, Meta, Operation, Pending, Region, Source, ViewMut,
};
use serde::{Deserialize, Serialize};

use super::adapter::Codecs;
use super::hierarchy::{Node, children, find};
use super::metadata::Layout;
use crate::bytes::{ByteFix, fill_dense};
use crate::chunk_walk::touched_chunks;
use crate::error::{IoError, Problem, Result};
use crate::handles::{FileStamp, HandleCache};
use crate::strided_file::{MAX_READ, read_region};
use crate::uri::Location;

/// Understood metadata; no open files.
static ARRAYS: HandleCache<OpenArray> = HandleCache::new(256);

/// Of chunks without codecs that are at least this long, only what is wanted is read.
const READ_IN_PART: usize = 4 << 20;

/// A Zarr array. It serialises as its description and is opened where it is read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ZarrSource {
    uri: String,
    /// The store's directory, and the array's name in it.
    root: String,
    inner: String,
    /// The array's metadata file.
    metadata_file: String,
    stamp: FileStamp,
    dtype: DType,
    /// Elements of a stored chunk along every axis, which may be longer than the array.
    chunk: Vec<usize>,
    chunks: ChunkGrid,
}

/// What it takes to read chunks.
#[derive(Debug)]
struct OpenArray {
    directory: PathBuf,
    layout: Layout,
    codecs: Codecs,
}

/// Opens an array for reading: reads its metadata alone.
pub(crate) fn open(location: &Location) -> Result<ZarrSource> {
    let uri = &location.uri;
    let root = location.absolute_path();
    let fail = |problem: Problem| problem.at(uri);
    let (array, file) = load(Path::new(&root), &location.inner).map_err(fail)?;
    let stamp = FileStamp::at(&file).map_err(|error| fail(Problem::os("look at the metadata", error)))?;
    Ok(ZarrSource {
        uri: uri.clone(),
        root,
        inner: location.inner.clone(),
        metadata_file: file.to_string_lossy().into_owned(),
        stamp,
        dtype: array.codecs.dtype(),
        chunks: ChunkGrid::regular(&array.layout.shape, &array.layout.chunk),
        chunk: array.layout.chunk,
    })
}

fn load(root: &Path, inner: &str) -> Result<(OpenArray, PathBuf), Problem> {
    let (directory, node) = find(root, inner)?;
    let Node::Array { version, metadata, file } = node else {
        return Err(Problem::IsGroup { group: inner.to_owned(), children: children(&directory) });
    };
    let layout = Layout::parse(&metadata, version)?;
    let codecs = Codecs::new(metadata, version, &layout.chunk)?;
    layout.check_size(codecs.dtype())?;
    Ok((OpenArray { directory, layout, codecs }, file))
}

impl ZarrSource {
    fn array(&self) -> Result<Arc<OpenArray>> {
        let array = ARRAYS.get(&self.uri, &self.metadata_file, self.stamp, || {
            load(Path::new(&self.root), &self.inner)
                .map(|(array, _)| array)
                .map_err(|problem| problem.at(&self.uri))
        })?;
        let (shape, dtype) = (self.chunks.shape(), self.dtype);
        if array.layout.shape != shape || array.layout.chunk != self.chunk || array.codecs.dtype() != dtype {
            let change = format!("its shape was {shape:?} and is {:?}", array.layout.shape);
            return Err(Problem::Changed { change }.at(&self.uri));
        }
        Ok(array)
    }

    fn chunk_nbytes(&self) -> usize {
        self.chunk.iter().product::<usize>() * self.dtype.itemsize()
    }

    fn try_plan(&self, region: &Region) -> Result<Vec<Granule>> {
        if region.is_empty() {
            return Ok(Vec::new());
        }
        let array = self.array()?;
        let item = self.dtype.itemsize();
        let whole = self.chunk_nbytes();
        let is_raw = array.layout.raw_fix(self.dtype).is_some();
        let granules = touched_chunks(&self.chunks, region).into_iter().map(|touched| {
            let path = array.directory.join(array.codecs.chunk_key(&touched.at));
            let stored = fs::metadata(path).map_or(0, |file| file.len()) as usize;
            // Where nothing is stored, the fill value stands where it is wanted, however long the chunk.
            let in_part = stored == 0 || is_raw && whole >= READ_IN_PART;
            let region = if in_part { touched.wanted } else { touched.region.clone() };
            let decoded_bytes = region.size() * item;
            Granule {
                key: (region == touched.region).then_some(touched.number),
                encoded_bytes: if is_raw { stored.min(decoded_bytes) } else { stored },
                decoded_bytes,
                scratch_bytes: match (stored, is_raw) {
                    (0, _) => 0,
                    (_, true) => MAX_READ,
                    (_, false) => array.codecs.scratch_bytes(whole),
                },
                region,
            }
        });
        Ok(granules.collect())
    }

    /// Reads a region that lies in one chunk.
    fn read(&self, region: &Region, out: &mut [u8]) -> Result<()> {
        let array = self.array()?;
        let axes = || region.axes().iter().zip(self.chunks.axes());
        let at: Vec<usize> = axes().map(|(range, chunks)| chunks.chunk_of(range.start)).collect();
        let in_chunk = axes().zip(&at).map(|((range, chunks), &k)| AxisRange {
            start: range.start - chunks.chunk_range(k).0,
            ..*range
        });
        let in_chunk = Region::from_iter(in_chunk);
        let broken = |reason: String| Problem::Chunk { chunk: at.clone(), reason }.at(&self.uri);
        let unreadable = |error: io::Error| broken(format!("cannot read it: {error}"));
        let path = array.directory.join(array.codecs.chunk_key(&at));
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fill(out, array.codecs.fill_value());
                return Ok(());
            }
            Err(error) => return Err(unreadable(error)),
        };
        let stored = file.metadata().map_err(unreadable)?.len();
        if let Some(fix) = array.layout.raw_fix(self.dtype) {
            let needed = self.chunk_nbytes() as u64;
            if stored != needed {
                return Err(broken(format!(
                    "it has {stored} bytes, and needs {needed}; the file is damaged"
                )));
            }
            return self.read_raw(&file, fix, &in_chunk, out, &unreadable);
        }
        let mut encoded = vec![0; stored as usize];
        file.read_exact_at(&mut encoded, 0).map_err(unreadable)?;
        let decoded = array.codecs.decode(encoded).map_err(|error| {
            broken(format!("cannot be decoded, the file of {stored} bytes is damaged: {error}"))
        })?;
        let mut read = |offset: usize, buffer: &mut [u8]| {
            buffer.copy_from_slice(&decoded[offset..offset + buffer.len()]);
            Ok(())
        };
        read_region(&mut read, &self.chunk, self.dtype.itemsize(), &in_chunk, out)
    }

    fn read_raw(
        &self,
        file: &File,
        fix: ByteFix,
        in_chunk: &Region,
        out: &mut [u8],
        failed: &dyn Fn(io::Error) -> IoError,
    ) -> Result<()> {
        let mut read = |offset: usize, buffer: &mut [u8]| {
            file.read_exact_at(buffer, offset as u64).map_err(failed)?;
            fix.apply(buffer);
            Ok(())
        };
        read_region(&mut read, &self.chunk, self.dtype.itemsize(), in_chunk, out)
    }
}

/// Repeats an element.
fn fill(out: &mut [u8], element: &[u8]) {
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
        Ok(vec![Meta::new(&self.chunks.shape(), self.dtype, self.chunks.clone())])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Source(self)
    }
}

impl Source for ZarrSource {
    fn uri(&self) -> String {
        self.uri.clone()
    }

    fn plan_read(&self, region: &Region) -> brickwork_core::Result<Vec<Granule>> {
        Ok(self.try_plan(region)?)
    }

    fn start(&self, granule: &Granule) -> brickwork_core::Result<Box<dyn Pending + '_>> {
        Ok(Box::new(ZarrRead { source: self, region: granule.region.clone() }))
    }

    fn run_grid(&self) -> Option<ChunkGrid> {
        self.granule_grid().is_none().then(|| self.chunks.clone())
    }

    fn granule_grid(&self) -> Option<ChunkGrid> {
        let in_part = self.chunk_nbytes() >= READ_IN_PART
            && self.array().is_ok_and(|array| array.layout.raw_fix(self.dtype).is_some());
        (!in_part).then(|| self.chunks.clone())
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
