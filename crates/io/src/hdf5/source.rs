//! Datasets of HDF5 files as sources.

use std::sync::Arc;

use brickwork_core::eval::{Activity, doing};
use brickwork_core::{
    AxisRange, ChunkGrid, ChunkSpec, DType, Granule, Kind, Meta, Operation, Pending, Region, Runs, Source,
    Together, ViewMut,
};
use serde::{Deserialize, Serialize};

use super::format::{ChunkLocation, Dataset, Hdf5Error, Layout, Problem as FormatProblem};
use super::memory::{MEMORY, Memory};
use super::open::{dataset, dtype_of, failed, known_dataset, stamp_of};
use super::together;
use crate::bytes::{empty_granule, fill_dense};
use crate::chunk_walk::{TouchedChunk, chunk_at, touched_chunks};
use crate::error::{IoError, Problem, Result};
use crate::handles::FileStamp;
use crate::read_at::Started;
use crate::runs::{run_granules, run_grid, run_start};
use crate::strided_file::{MAX_READ, local_runs, read_region};
use crate::uri::{Location, is_url};

/// Chunks of at least this many bytes are read in part where they lie in the file as they are.
const READ_IN_PART: usize = 256 << 10;

/// A dataset of an HDF5 file. It serialises as its description and is opened where it is read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Hdf5Source {
    uri: String,
    path: String,
    inner: String,
    stamp: FileStamp,
    shape: Vec<usize>,
    dtype: DType,
    /// Elements of a chunk along every axis, if the dataset is chunked.
    chunk: Option<Vec<usize>>,
    /// Whether chunks lie in the file as they are: any part of one can be read.
    plain: bool,
    /// How the array appears to be cut.
    chunks: ChunkGrid,
}

impl Hdf5Source {
    /// The dataset at a location, if our own reader reads it.
    pub(super) fn open(location: &Location) -> Result<Self> {
        let uri = &location.uri;
        let path = location.absolute_path();
        let stamp = stamp_of(uri, &path)?;
        let dataset = dataset(uri, &path, stamp, &location.inner)?;
        let dtype = dtype_of(dataset.element).map_err(|problem| problem.at(uri))?;
        let shape = dataset.shape.clone();
        let chunk = match &dataset.layout {
            Layout::Chunked { chunk } => Some(chunk.clone()),
            _ => None,
        };
        let chunks = match &chunk {
            Some(chunk) => ChunkGrid::regular(&shape, chunk),
            None => ChunkSpec::auto()
                .resolve(&shape, dtype)
                .map_err(|error| Problem::Misuse { reason: error.to_string() }.at(uri))?,
        };
        let plain = location.url.is_none()
            && dataset.filters.is_empty()
            && dataset.chunk_nbytes().is_some_and(|nbytes| nbytes >= READ_IN_PART);
        Ok(Hdf5Source {
            uri: uri.clone(),
            path,
            inner: location.inner.clone(),
            stamp,
            shape,
            dtype,
            chunk,
            plain,
            chunks,
        })
    }

    pub(super) fn uri_text(&self) -> &str {
        &self.uri
    }

    pub(super) fn shape(&self) -> &[usize] {
        &self.shape
    }

    pub(super) fn itemsize(&self) -> usize {
        self.dtype.itemsize()
    }

    fn is_remote(&self) -> bool {
        is_url(&self.path)
    }

    fn runs(&self) -> ChunkGrid {
        run_grid(&self.shape, self.dtype.itemsize(), false)
    }

    /// The dataset, in a file that has not changed.
    pub(super) fn dataset(&self) -> Result<Arc<Dataset>> {
        self.as_described(dataset(&self.uri, &self.path, self.stamp, &self.inner)?)
    }

    fn as_described(&self, dataset: Arc<Dataset>) -> Result<Arc<Dataset>> {
        let chunk = match &dataset.layout {
            Layout::Chunked { chunk } => Some(chunk),
            _ => None,
        };
        let same = dataset.shape == self.shape
            && chunk == self.chunk.as_ref()
            && dtype_of(dataset.element).is_ok_and(|dtype| dtype == self.dtype);
        if !same {
            let change = format!("its shape was {:?} and is {:?}", self.shape, dataset.shape);
            return Err(Problem::Changed { change }.at(&self.uri));
        }
        Ok(dataset)
    }

    fn try_plan(&self, region: &Region) -> Result<Vec<Granule>> {
        let item = self.dtype.itemsize();
        if region.is_empty() {
            return Ok(Vec::new());
        }
        let dataset = match known_dataset(&self.path, self.stamp, &self.inner) {
            Some(dataset) => self.as_described(dataset)?,
            None => self.dataset()?,
        };
        let Some(chunk) = &self.chunk else {
            let nbytes = region.size() * item;
            let never_written = matches!(dataset.layout, Layout::Contiguous { address: None, .. });
            if self.is_remote() && !never_written {
                return Ok(run_granules(&self.runs(), item, region));
            }
            return Ok(vec![Granule {
                key: None,
                region: region.clone(),
                encoded_bytes: if never_written { 0 } else { nbytes },
                decoded_bytes: nbytes,
                scratch_bytes: MAX_READ,
            }]);
        };
        let index = dataset.chunk_index().map_err(|error| failed(&self.uri, error))?;
        let whole: usize = dataset.chunk_nbytes().unwrap_or_default();
        let granule = |touched: TouchedChunk| {
            let Some(location) = index.get(&touched.at) else {
                // Nothing to decode: the fill value stands where it is wanted, however long the chunk.
                return Granule {
                    decoded_bytes: touched.wanted.size() * item,
                    ..empty_granule(&touched.wanted)
                };
            };
            if self.plain {
                let nbytes = touched.wanted.size() * item;
                return Granule {
                    key: None,
                    region: touched.wanted,
                    encoded_bytes: nbytes,
                    decoded_bytes: nbytes,
                    scratch_bytes: MAX_READ,
                };
            }
            let beside = if touched.region.shape() == *chunk { 0 } else { whole };
            Granule {
                key: Some(touched.number),
                encoded_bytes: location.nbytes,
                decoded_bytes: touched.region.size() * item,
                scratch_bytes: dataset.decode_scratch_nbytes() + beside,
                region: touched.region,
            }
        };
        Ok(touched_chunks(&self.chunks, region).into_iter().map(granule).collect())
    }

    fn read(&self, key: Option<u64>, region: &Region, out: &mut [u8]) -> Result<()> {
        let dataset = self.dataset()?;
        let fail = |error| failed(&self.uri, error);
        match (&self.chunk, key) {
            (Some(chunk), Some(number)) => {
                self.read_chunk(&dataset, chunk, &chunk_at(&self.chunks, number), region, out)
            }
            (Some(chunk), None) => self.read_part(&dataset, chunk, region, out),
            (None, _) => {
                let mut read =
                    |offset: usize, buffer: &mut [u8]| dataset.read_bytes(offset, buffer).map_err(fail);
                read_region(&mut read, &self.shape, self.dtype.itemsize(), region, out)
            }
        }
    }

    fn read_chunk(
        &self,
        dataset: &Dataset,
        chunk: &[usize],
        at: &[usize],
        region: &Region,
        out: &mut [u8],
    ) -> Result<()> {
        let Some(location) = self.location(dataset, at)? else {
            dataset.fill_with_default(out);
            return Ok(());
        };
        let mut memory = MEMORY.take();
        let mut encoded = std::mem::take(&mut memory.encoded);
        dataset.read_encoded_chunk(location, &mut encoded).map_err(|error| self.in_chunk(at, error))?;
        self.decode(dataset, (chunk, at, location), &encoded, &mut memory, region, out)?;
        MEMORY.set(Memory { encoded, ..memory }.trimmed());
        Ok(())
    }

    /// Reads elements of one chunk that lies in the file as it is, or is not there at all.
    fn read_part(&self, dataset: &Dataset, chunk: &[usize], region: &Region, out: &mut [u8]) -> Result<()> {
        let at: Vec<usize> = region.axes().iter().zip(chunk).map(|(range, &len)| range.start / len).collect();
        let Some(location) = self.location(dataset, &at)? else {
            dataset.fill_with_default(out);
            return Ok(());
        };
        let in_chunk = region
            .axes()
            .iter()
            .zip(chunk)
            .map(|(range, &len)| AxisRange::stepped(range.start % len, range.len, range.step));
        let mut read = |offset: usize, buffer: &mut [u8]| {
            let read = dataset.read_chunk_bytes(location, offset, buffer);
            read.map_err(|error| self.in_chunk(&at, error))
        };
        read_region(&mut read, chunk, self.dtype.itemsize(), &Region::from_iter(in_chunk), out)
    }

    fn location(&self, dataset: &Dataset, at: &[usize]) -> Result<Option<ChunkLocation>> {
        let index = dataset.chunk_index().map_err(|error| failed(&self.uri, error))?;
        Ok(index.get(at))
    }

    pub(super) fn in_chunk(&self, at: &[usize], error: Hdf5Error) -> IoError {
        match error.problem {
            FormatProblem::Io(_) => failed(&self.uri, error),
            problem => Problem::Chunk { chunk: at.to_vec(), reason: problem.to_string() }.at(&self.uri),
        }
    }

    /// Takes the elements of a region, which begins where its chunk does, out of the chunk as stored.
    fn decode(
        &self,
        dataset: &Dataset,
        (chunk, at, location): (&[usize], &[usize], ChunkLocation),
        encoded: &[u8],
        memory: &mut Memory,
        region: &Region,
        out: &mut [u8],
    ) -> Result<()> {
        let _decoding = doing(Activity::Decode);
        let shape = region.shape();
        let Memory { whole, scratch, .. } = memory;
        if shape == *chunk {
            let decoded = dataset.decode_chunk(location, encoded, out, scratch);
            return decoded.map_err(|error| self.in_chunk(at, error));
        }
        // A chunk over the array's end is stored whole: what lies inside is copied out.
        whole.resize(dataset.chunk_nbytes().unwrap_or_default(), 0);
        dataset.decode_chunk(location, encoded, whole, scratch).map_err(|error| self.in_chunk(at, error))?;
        let mut read = |offset: usize, buffer: &mut [u8]| {
            buffer.copy_from_slice(&whole[offset..offset + buffer.len()]);
            Ok(())
        };
        read_region(&mut read, chunk, self.dtype.itemsize(), &Region::full(&shape), out)
    }

    /// Asks for a chunk or a run of elements, if the file is not local.
    fn try_start(&self, granule: &Granule) -> Result<Option<Fetched>> {
        if !self.is_remote() || granule.region.is_empty() {
            return Ok(None);
        }
        let Some(number) = granule.key else { return Ok(None) };
        let dataset = self.dataset()?;
        let (part, started) = match &self.chunk {
            Some(chunk) => {
                let at = chunk_at(&self.chunks, number);
                let Some(location) = self.location(&dataset, &at)? else { return Ok(None) };
                let started = dataset.start_chunk(location);
                (Part::Chunk { chunk: chunk.clone(), at, location }, started)
            }
            None => {
                let offset = run_start(&self.shape, false, &granule.region) * self.dtype.itemsize();
                (Part::Run, dataset.start_bytes(offset, granule.decoded_bytes))
            }
        };
        let Some(bytes) = started.transpose().map_err(|error| failed(&self.uri, error))? else {
            return Ok(None);
        };
        Ok(Some(Fetched { source: self.clone(), dataset, part, region: granule.region.clone(), bytes }))
    }
}

/// What of a dataset has been asked for.
enum Part {
    Chunk { chunk: Vec<usize>, at: Vec<usize>, location: ChunkLocation },
    Run,
}

/// A chunk or a run of elements that has been asked for.
struct Fetched {
    source: Hdf5Source,
    dataset: Arc<Dataset>,
    part: Part,
    region: Region,
    bytes: Box<dyn Started>,
}

impl Pending for Fetched {
    fn finish(self: Box<Self>, into: ViewMut<'_>) -> brickwork_core::Result<()> {
        let Fetched { source, dataset, part, region, bytes } = *self;
        let bytes = bytes.finish().map_err(|error| Problem::os("read the file", error).at(&source.uri))?;
        let put = |out: &mut [u8]| match &part {
            Part::Chunk { chunk, at, location } => {
                let mut memory = MEMORY.take();
                source.decode(&dataset, (chunk, at, *location), &bytes, &mut memory, &region, out)?;
                MEMORY.set(memory.trimmed());
                Ok(())
            }
            Part::Run => {
                out.copy_from_slice(&bytes);
                dataset.element.to_native(out);
                Ok(())
            }
        };
        fill_dense(into, put).map_err(Into::into)
    }
}

#[typetag::serde(name = "brickwork_io::Hdf5Source")]
impl Operation for Hdf5Source {
    fn name(&self) -> String {
        format!("read {}", self.uri)
    }

    fn infer(&self, _inputs: &[Meta]) -> brickwork_core::Result<Vec<Meta>> {
        Ok(vec![Meta::new(&self.shape, self.dtype, self.chunks.clone())])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Source(self)
    }
}

impl Source for Hdf5Source {
    fn uri(&self) -> String {
        self.uri.clone()
    }

    fn version(&self) -> Option<String> {
        Some(self.stamp.version())
    }

    fn plan_read(&self, region: &Region) -> brickwork_core::Result<Vec<Granule>> {
        Ok(self.try_plan(region)?)
    }

    fn start(&self, granule: &Granule) -> brickwork_core::Result<Box<dyn Pending + '_>> {
        if let Some(started) = self.start_ahead(granule)? {
            return Ok(started);
        }
        Ok(Box::new(Hdf5Read { source: self, key: granule.key, region: granule.region.clone() }))
    }

    fn start_together(&self, region: &Region) -> brickwork_core::Result<Option<Together<'_>>> {
        match &self.chunk {
            Some(chunk) if !self.plain && !self.is_remote() => Ok(together::start(self, chunk, region)?),
            _ => Ok(None),
        }
    }

    fn granule_grid(&self) -> Option<ChunkGrid> {
        match &self.chunk {
            Some(_) => (!self.plain).then(|| self.chunks.clone()),
            None => self.is_remote().then(|| self.runs()),
        }
    }

    fn run_grid(&self) -> Option<ChunkGrid> {
        self.plain.then(|| self.chunks.clone())
    }

    fn contiguous(&self) -> Option<Runs> {
        let reads_any = !self.is_remote() && (self.chunk.is_none() || self.plain);
        reads_any.then(|| local_runs(self.dtype.itemsize(), false))
    }

    fn reads_ahead(&self) -> bool {
        self.is_remote()
    }

    fn start_ahead(&self, granule: &Granule) -> brickwork_core::Result<Option<Box<dyn Pending>>> {
        Ok(self.try_start(granule)?.map(|fetched| Box::new(fetched) as Box<dyn Pending>))
    }
}

/// A local read: everything happens in `finish`.
struct Hdf5Read<'a> {
    source: &'a Hdf5Source,
    key: Option<u64>,
    region: Region,
}

impl Pending for Hdf5Read<'_> {
    fn finish(self: Box<Self>, into: ViewMut<'_>) -> brickwork_core::Result<()> {
        if self.region.is_empty() {
            return Ok(());
        }
        fill_dense(into, |out| self.source.read(self.key, &self.region, out)).map_err(Into::into)
    }
}
