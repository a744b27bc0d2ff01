//! Reading `.npy` files.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

use brickwork_core::{
    ChunkGrid, ChunkSpec, DType, Granule, Kind, Meta, Operation, Pending, Region, Source, ViewMut,
};
use serde::{Deserialize, Serialize};

use super::header::Header;
use crate::bytes::{ByteFix, fill_dense};
use crate::describe::Description;
use crate::error::{Problem, Result};
use crate::handles::{FileStamp, HandleCache};
use crate::strided_file::{MAX_READ, read_region, read_region_fortran};
use crate::uri::{Format, Location};

/// Open files; with those of other formats well below what a process may have.
static FILES: HandleCache<File> = HandleCache::new(128);

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
    let (file, stamp) = open_file(uri, Path::new(&path))?;
    let header = read_header(&file, stamp).map_err(|problem| problem.at(uri))?;
    let needed = header.data_offset as u64 + header.data_nbytes() as u64;
    if stamp.len < needed {
        let what = format!("an array of shape {:?} and dtype {}", header.shape, header.dtype);
        return Err(Problem::Truncated { what, needed, present: stamp.len }.at(uri));
    }
    let chunks = ChunkSpec::auto()
        .resolve(&header.shape, header.dtype)
        .map_err(|error| Problem::Misuse { reason: error.to_string() }.at(uri))?;
    Ok(NpySource { uri: uri.clone(), path, stamp, header, chunks })
}

/// Tells what is in a file.
pub(crate) fn describe(location: &Location) -> Result<Description> {
    let source = open(location)?;
    let header = &source.header;
    let mut codecs: Vec<String> =
        vec![if header.fortran { "Fortran order".into() } else { "C order".into() }];
    if header.big_endian && header.dtype.itemsize() > 1 {
        codecs.push("big-endian".into());
    }
    Ok(Description {
        shape: Some(header.shape.clone()),
        dtype: Some(header.dtype.name()),
        codecs,
        nbytes: Some(header.data_nbytes()),
        stored_bytes: Some(source.stamp.len),
        ..Description::new(&location.uri, Format::Npy)
    })
}

fn open_file(uri: &str, path: &Path) -> Result<(File, FileStamp)> {
    let fail = |error: io::Error| Problem::os("open the file", error).at(uri);
    let file = File::open(path).map_err(fail)?;
    let metadata = file.metadata().map_err(fail)?;
    if metadata.is_dir() {
        return Err(Problem::IsDirectory { expected: "an .npy file" }.at(uri));
    }
    Ok((file, FileStamp::of(&metadata)))
}

fn read_header(file: &File, stamp: FileStamp) -> Result<Header, Problem> {
    let failed = |error: io::Error| Problem::os("read the file", error);
    let mut bytes = Vec::with_capacity(256);
    file.take(12).read_to_end(&mut bytes).map_err(failed)?;
    let length = Header::length(&bytes)?;
    if stamp.len < length as u64 {
        return Err(Problem::Truncated {
            what: ".npy header".into(),
            needed: length as u64,
            present: stamp.len,
        });
    }
    let rest = length.saturating_sub(bytes.len());
    file.take(rest as u64).read_to_end(&mut bytes).map_err(failed)?;
    bytes.truncate(length);
    Header::parse(&bytes)
}

impl NpySource {
    fn dtype(&self) -> DType {
        self.header.dtype
    }

    fn read(&self, region: &Region, out: &mut [u8]) -> Result<()> {
        let header = &self.header;
        let file = FILES.get(&self.uri, &self.path, self.stamp, || {
            open_file(&self.uri, Path::new(&self.path)).map(|(file, _)| file)
        })?;
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
                present: FileStamp::at(Path::new(&self.path)).map_or(0, |stamp| stamp.len),
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

    fn plan_read(&self, region: &Region) -> brickwork_core::Result<Vec<Granule>> {
        if region.is_empty() {
            return Ok(Vec::new());
        }
        let nbytes = region.size() * self.dtype().itemsize();
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
        Ok(Box::new(NpyRead { source: self, region: granule.region.clone() }))
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
