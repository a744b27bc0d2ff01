//! Opening HDF5 files and their datasets: what is kept open, what is read by whom, and errors in this crate's words.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use brickwork_core::{DType, Operation};
use parking_lot::Mutex;

use super::format::{Dataset, ElementKind, ElementType, File, Hdf5Error, Problem as FormatProblem};
use super::graft;
use super::source::Hdf5Source;
use super::trail::follow;
use crate::error::{IoError, Problem, Result};
use crate::handles::{FileStamp, HandleCache};
use crate::placed_file;
use crate::uri::{Location, is_url};

/// Open files; with those of other formats well below what a process may have.
static FILES: HandleCache<OpenFile> = HandleCache::new(128);
const EXPECTED: &str = "an HDF5 file";

/// A file and those of its datasets that were read from.
#[derive(Debug)]
pub(super) struct OpenFile {
    pub file: File,
    datasets: Mutex<HashMap<String, Arc<Dataset>>>,
}

/// Opens a dataset for reading: reads its metadata, neither its elements nor its chunk index.
///
/// Links into other files are followed, and the dataset is opened in its own file. What our own reader does not read is
/// left to the HDF5 library, if the build has it.
pub(crate) fn open(location: &Location) -> Result<Arc<dyn Operation>> {
    follow(location, open_there)
}

/// [`open`], for what is written later: in the file itself, not behind a link into another one.
#[cfg(feature = "hdf5-write")]
pub(super) fn open_to_write(location: &Location) -> Result<Arc<dyn Operation>> {
    follow(location, |place| match place == location {
        true => open_there(place),
        false => Err(Problem::OnlyReadThere.at(&location.uri)),
    })
}

/// Opens a dataset that is in the file of a location.
fn open_there(location: &Location) -> Result<Arc<dyn Operation>> {
    match Hdf5Source::open(location) {
        Ok(source) => Ok(Arc::new(source)),
        // The library reads local files alone.
        #[cfg(feature = "hdf5-write")]
        Err(IoError {
            problem: Problem::Hdf5 { problem: FormatProblem::NeedsLibrary { what, .. }, .. },
            ..
        }) if location.url.is_none() => {
            check_for_library(location)?;
            Ok(Arc::new(super::library::open(location, &what)?))
        }
        Err(error) => Err(error),
    }
}

/// Opens a dataset that our own reader reads, and refuses the others by name: for files that nobody vouches for. Whatever
/// its bytes, our reader ends in an answer or an error; the HDF5 library, which [`crate::open`] leaves rare layouts and
/// filters to, may end the process when a file is damaged. Nor are links followed: what such a file names may be a file
/// that is not meant to be read.
///
/// # Errors
/// As [`crate::open`], and if only the library reads the dataset or it is in another file.
pub fn open_without_library(uri: &str) -> brickwork_core::Result<Arc<dyn Operation>> {
    Ok(Arc::new(Hdf5Source::open(&Location::parse(uri)?)?))
}

/// Checks what can be checked of a dataset that the library is to read.
#[cfg(feature = "hdf5-write")]
fn check_for_library(location: &Location) -> Result<()> {
    let (uri, path) = (&location.uri, location.absolute_path());
    let open = open_file(uri, &path, stamp_of(uri, &path)?)?;
    super::virtual_sources::check(uri, &open.file, &path, &location.inner)
}

pub(super) fn stamp_of(uri: &str, path: &str) -> Result<FileStamp> {
    placed_file::open_file(path, EXPECTED).map(|(_, stamp)| stamp).map_err(|problem| problem.at(uri))
}

pub(super) fn open_file(uri: &str, path: &str, stamp: FileStamp) -> Result<Arc<OpenFile>> {
    FILES.get(uri, path, stamp, || {
        let opened = placed_file::open_file(path, EXPECTED);
        let checked = opened.and_then(|(file, found)| stamp.check_same(found).map(|()| file));
        let reader = checked.map_err(|problem| problem.at(uri))?;
        if !is_url(path) {
            graft::check(path).map_err(|problem| problem.at(uri))?;
        }
        let file = File::from_reader(reader, path).map_err(|error| failed(uri, error))?;
        Ok(OpenFile { file, datasets: Mutex::new(HashMap::new()) })
    })
}

/// A dataset that is open already, without a look at the file: for plans, as whoever reads by them looks.
pub(super) fn known_dataset(path: &str, stamp: FileStamp, inner: &str) -> Option<Arc<Dataset>> {
    let open = FILES.known(path, stamp)?;
    let datasets = open.datasets.lock();
    datasets.get(inner).cloned()
}

pub(super) fn dataset(uri: &str, path: &str, stamp: FileStamp, inner: &str) -> Result<Arc<Dataset>> {
    let open = open_file(uri, path, stamp)?;
    if let Some(dataset) = open.datasets.lock().get(inner) {
        return Ok(dataset.clone());
    }
    let dataset = Arc::new(open.file.dataset(&inner_path(inner)).map_err(|error| failed(uri, error))?);
    Ok(open.datasets.lock().entry(inner.to_owned()).or_insert(dataset).clone())
}

pub(super) fn inner_path(inner: &str) -> String {
    format!("/{inner}")
}

/// The dtype of elements in a file.
pub(super) fn dtype_of(element: ElementType) -> Result<DType, Problem> {
    let dtype = match (element.kind, element.size) {
        (ElementKind::Int, 1) => DType::I8,
        (ElementKind::Int, 2) => DType::I16,
        (ElementKind::Int, 4) => DType::I32,
        (ElementKind::Int, 8) => DType::I64,
        (ElementKind::UInt, 1) => DType::U8,
        (ElementKind::UInt, 2) => DType::U16,
        (ElementKind::UInt, 4) => DType::U32,
        (ElementKind::UInt, 8) => DType::U64,
        (ElementKind::Float, 4) => DType::F32,
        (ElementKind::Float, 8) => DType::F64,
        (ElementKind::Bool, 1) => DType::Bool,
        (ElementKind::Complex, 8) => DType::C64,
        (ElementKind::Complex, 16) => DType::C128,
        (kind, size) => {
            let name = match (kind, size) {
                (ElementKind::Float, 2) => "float16".to_owned(),
                _ => format!("dtype {:?}", element.to_string()),
            };
            let help = "bool, integers, float32, float64, complex64 and complex128 can";
            return Err(Problem::unreadable(name, help));
        }
    };
    Ok(dtype)
}

/// The reader's errors in this crate's words.
pub(super) fn failed(uri: &str, error: Hdf5Error) -> IoError {
    let object = error.object.into_string();
    let problem = match error.problem {
        FormatProblem::Io(error) if error.kind() == io::ErrorKind::NotFound => Problem::NotFound,
        FormatProblem::Io(error) => Problem::os("read the file", error),
        FormatProblem::IsGroup { children } => Problem::IsGroup { group: object, children },
        FormatProblem::NotFound { name, available, .. } => Problem::NoSuchArray { name, available },
        problem => Problem::Hdf5 { object, problem },
    };
    problem.at(uri)
}
