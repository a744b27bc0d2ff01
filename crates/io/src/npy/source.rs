//! Reading `.npy` files.

use std::io;
use std::path::Path;
use std::sync::Arc;

use brickwork_core::{
    ChunkGrid, ChunkSpec, DType, Granule, Kind, Meta, Operation, Pending, Region, Runs, Source, ViewMut,
};
use serde::{Deserialize, Serialize};

use super::header::Header;
use crate::bytes::{ByteFix, fill_dense};
use crate::describe::Description;
use crate::error::{Problem, Result};
use crate::handles::{FileStamp, HandleCache};
use crate::placed_file::open_file;
use crate::read_at::{ReadAt, Started};
use crate::runs::{run_granules, run_grid, run_start};
use crate::strided_file::{MAX_READ, local_runs, read_region, read_region_fortran};
use crate::uri::{Format, Location, is_url};

/// Open files; with those of other formats well below what a process may have.
static FILES: HandleCache<Arc<dyn ReadAt>> = HandleCache::new(128);
const EXPECTED: &str = "an .npy file";

/// An array in an `.npy` file. It serialises as its description and is opened where it is read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NpySource {
    uri: String,
    pub(super) path: String,
    stamp: FileStamp,
    pub(super) header: Header,
    chunks: ChunkGrid,
}

/// Opens an array for reading: reads the header alone.
pub(crate) fn open(location: &Location) -> Result<NpySource> {
    let uri = &location.uri;
    let path = location.absolute_path();
    let (file, stamp) = open_file(&path, EXPECTED).map_err(|problem| problem.at(uri))?;
    let header = read_header(&*file).map_err(|problem| problem.at(uri))?;
    check_length(&header, stamp.len).map_err(|problem| problem.at(uri))?;
    NpySource::new(uri, path, stamp, header)
}

/// Fails if so many bytes are too few for what a header says.
pub(super) fn check_length(header: &Header, present: u64) -> Result<(), Problem> {
    let needed = header.data_offset as u64 + header.data_nbytes() as u64;
    if present >= needed {
        return Ok(());
    }
    let what = format!("an array of shape {:?} and dtype {}", header.shape, header.dtype);
    Err(Problem::Truncated { what, needed, present })
}

/// Tells what is in a file.
pub(crate) fn describe(location: &Location) -> Result<Description> {
    Ok(open(location)?.describe())
}

pub(super) fn read_header(file: &dyn ReadAt) -> Result<Header, Problem> {
    let read = |len: u64| {
        let mut bytes = vec![0; len as usize];
        file.read_exact_at(&mut bytes, 0).map_err(|error| Problem::os("read the file", error))?;
        Ok(bytes)
    };
    let length = Header::length(&read(file.len().min(12))?)? as u64;
    if file.len() < length {
        let what = ".npy header".into();
        return Err(Problem::Truncated { what, needed: length, present: file.len() });
    }
    Header::parse(&read(length)?)
}

impl NpySource {
    /// Elements that lie in a file as a header says.
    pub(super) fn new(uri: &str, path: String, stamp: FileStamp, header: Header) -> Result<Self> {
        let chunks = ChunkSpec::auto()
            .resolve(&header.shape, header.dtype)
            .map_err(|error| Problem::Misuse { reason: error.to_string() }.at(uri))?;
        Ok(NpySource { uri: uri.to_owned(), path, stamp, header, chunks })
    }

    pub(super) fn describe(&self) -> Description {
        let header = &self.header;
        let mut codecs: Vec<String> =
            vec![if header.fortran { "Fortran order".into() } else { "C order".into() }];
        if header.big_endian && header.dtype.itemsize() > 1 {
            codecs.push("big-endian".into());
        }
        Description {
            shape: Some(header.shape.clone()),
            dtype: Some(header.dtype.name()),
            codecs,
            nbytes: Some(header.data_nbytes()),
            stored_bytes: Some(self.stamp.len),
            ..Description::new(&self.uri, Format::Npy)
        }
    }

    fn dtype(&self) -> DType {
        self.header.dtype
    }

    fn is_remote(&self) -> bool {
        is_url(&self.path)
    }

    fn runs(&self) -> ChunkGrid {
        run_grid(&self.header.shape, self.dtype().itemsize(), self.header.fortran)
    }

    fn file(&self) -> Result<Arc<dyn ReadAt>> {
        let file = FILES.get(&self.uri, &self.path, self.stamp, || {
            let opened = open_file(&self.path, EXPECTED);
            let checked = opened.and_then(|(file, stamp)| self.stamp.check_same(stamp).map(|()| file));
            checked.map_err(|problem| problem.at(&self.uri))
        })?;
        Ok(Arc::clone(&file))
    }

    fn read(&self, region: &Region, out: &mut [u8]) -> Result<()> {
        let header = &self.header;
        let file = self.file()?;
        let fix = ByteFix::of(header.dtype, header.big_endian);
        let mut read = |offset: usize, buffer: &mut [u8]| {
            let start = (header.data_offset + offset) as u64;
            file.read_exact_at(buffer, start).map_err(|error| self.failed(error, start, buffer.len()))?;
            fix.apply(buffer);
            Ok(())
        };
        let item = header.dtype.itemsize();
        if header.fortran {
            read_region_fortran(&mut read, &header.shape, item, region, out)
        } else {
            read_region(&mut read, &header.shape, item, region, out)
        }
    }

    fn failed(&self, error: io::Error, start: u64, nbytes: usize) -> crate::error::IoError {
        let end = start + nbytes as u64;
        let problem = match error.kind() {
            io::ErrorKind::UnexpectedEof => Problem::Truncated {
                what: "the array".into(),
                needed: end,
                present: FileStamp::at(Path::new(&self.path)).map_or(self.stamp.len, |stamp| stamp.len),
            },
            _ => Problem::os(format!("read bytes {start} to {end}"), error),
        };
        problem.at(&self.uri)
    }
}

#[typetag::serde(name = "brickwork_io::NpySource")]
impl Operation for NpySource {
    fn name(&self) -> String {
        format!("read {}", self.uri)
    }

    fn infer(&self, _inputs: &[Meta]) -> brickwork_core::Result<Vec<Meta>> {
        Ok(vec![Meta::new(&self.header.shape, self.dtype(), self.chunks.clone())])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Source(self)
    }
}

impl Source for NpySource {
    fn uri(&self) -> String {
        self.uri.clone()
    }

    fn version(&self) -> Option<String> {
        Some(self.stamp.version())
    }

    fn plan_read(&self, region: &Region) -> brickwork_core::Result<Vec<Granule>> {
        if region.is_empty() {
            return Ok(Vec::new());
        }
        let nbytes = region.size() * self.dtype().itemsize();
        if self.is_remote() {
            return Ok(run_granules(&self.runs(), self.dtype().itemsize(), region));
        }
        // One buffer for what lies between the elements, another where axes are turned round.
        let scratch_bytes = if self.header.fortran { 2 * MAX_READ } else { MAX_READ };
        Ok(vec![Granule {
            key: None,
            region: region.clone(),
            encoded_bytes: nbytes,
            decoded_bytes: nbytes,
            scratch_bytes,
        }])
    }

    fn start(&self, granule: &Granule) -> brickwork_core::Result<Box<dyn Pending + '_>> {
        if let Some(started) = self.start_ahead(granule)? {
            return Ok(started);
        }
        Ok(Box::new(NpyRead { source: self, region: granule.region.clone() }))
    }

    fn reads_ahead(&self) -> bool {
        self.is_remote()
    }

    fn start_ahead(&self, granule: &Granule) -> brickwork_core::Result<Option<Box<dyn Pending>>> {
        let (header, region) = (&self.header, &granule.region);
        if !self.is_remote() || region.is_empty() {
            return Ok(None);
        }
        let first = run_start(&header.shape, header.fortran, region) * self.dtype().itemsize();
        let start = (header.data_offset + first) as u64;
        let Some(started) = self.file()?.start(start, granule.decoded_bytes) else { return Ok(None) };
        let bytes = started.map_err(|error| self.failed(error, start, granule.decoded_bytes))?;
        Ok(Some(Box::new(FetchedRun { source: self.clone(), region: region.clone(), start, bytes })))
    }

    fn granule_grid(&self) -> Option<ChunkGrid> {
        self.is_remote().then(|| self.runs())
    }

    fn contiguous(&self) -> Option<Runs> {
        (!self.is_remote()).then(|| local_runs(self.dtype().itemsize(), self.header.fortran))
    }
}

/// A run of elements that has been asked for.
struct FetchedRun {
    source: NpySource,
    region: Region,
    start: u64,
    bytes: Box<dyn Started>,
}

impl Pending for FetchedRun {
    fn finish(self: Box<Self>, into: ViewMut<'_>) -> brickwork_core::Result<()> {
        let FetchedRun { source, region, start, bytes } = *self;
        let item = source.dtype().itemsize();
        let mut bytes = bytes.finish().map_err(|error| source.failed(error, start, region.size() * item))?;
        ByteFix::of(source.dtype(), source.header.big_endian).apply(&mut bytes);
        let put = |out: &mut [u8]| {
            if !source.header.fortran {
                out.copy_from_slice(&bytes);
                return Ok(());
            }
            let mut read = |offset: usize, buffer: &mut [u8]| {
                buffer.copy_from_slice(&bytes[offset..offset + buffer.len()]);
                Ok(())
            };
            let shape = region.shape();
            read_region_fortran(&mut read, &shape, item, &Region::full(&shape), out)
        };
        fill_dense(into, put).map_err(Into::into)
    }
}

/// A local read: everything happens in `finish`.
struct NpyRead<'a> {
    source: &'a NpySource,
    region: Region,
}

impl Pending for NpyRead<'_> {
    fn finish(self: Box<Self>, into: ViewMut<'_>) -> brickwork_core::Result<()> {
        if self.region.is_empty() {
            return Ok(());
        }
        fill_dense(into, |out| self.source.read(&self.region, out)).map_err(Into::into)
    }
}
