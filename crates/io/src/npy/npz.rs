//! Arrays in `.npz` files: zip files of `.npy` files, each named after its array.
//!
//! What is stored as it is (`numpy.savez`) is read by position, like a file of its own. What is deflated
//! (`numpy.savez_compressed`) can only be unpacked as a whole.

use std::sync::Arc;

use brickwork_core::{ChunkGrid, DType, Granule, Kind, Meta, Operation, Pending, Region, Source, ViewMut};
use serde::{Deserialize, Serialize};

use super::header::Header;
use super::source::{self, NpySource};
use crate::bytes::{ByteFix, fill_dense};
use crate::describe::{Description, Tree};
use crate::error::{Problem, Result};
use crate::handles::{FileStamp, HandleCache};
use crate::placed_file::open_file;
use crate::read_at::{ReadAt, Started};
use crate::strided_file::{read_region, read_region_fortran};
use crate::uri::{Format, Location};
use crate::zip::{Entry, ZipArchive};

/// Lists of entries that have been read.
static ARCHIVES: HandleCache<ZipArchive> = HandleCache::new(128);
const EXPECTED: &str = "an .npz file";
/// What the name of an array has behind it.
const EXTENSION: &str = ".npy";
/// Bytes of a deflated entry's array are told by its first bytes; a header is not longer than this.
const WHAT: &str = "an array of an .npz file";

/// A deflated array in an `.npz` file. It serialises as its description and is opened where it is read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NpzSource {
    uri: String,
    path: String,
    entry: String,
    stamp: FileStamp,
    header: Header,
    stored: usize,
}

/// What there is: an array by its name, or by no name if it is the only one.
pub(crate) fn open(location: &Location) -> Result<Arc<dyn Operation>> {
    let uri = &location.uri;
    let fail = |problem: Problem| problem.at(uri);
    let path = location.absolute_path();
    let (archive, stamp) = archive(uri, &path, None)?;
    let (name, entry) = find(&archive, &location.inner).map_err(fail)?;
    if !entry.is_plain() {
        let bytes = archive.read(&entry).map_err(fail)?;
        let header = source::read_header(&bytes).map_err(fail)?;
        source::check_length(&header, bytes.len() as u64).map_err(fail)?;
        let (uri, stored) = (uri.clone(), entry.stored_len() as usize);
        return Ok(Arc::new(NpzSource { uri, path, entry: name, stamp, header, stored }));
    }
    let start = archive.data_start(&entry).map_err(|error| fail(Problem::os("read the zip file", error)))?;
    let window = Window { file: archive.reader().clone(), start, len: entry.len() };
    let mut header = source::read_header(&window).map_err(fail)?;
    source::check_length(&header, entry.len()).map_err(fail)?;
    header.data_offset += start as usize;
    Ok(Arc::new(NpySource::new(uri, path, stamp, header)?))
}

/// Tells what is in a file: all arrays, or one of them.
pub(crate) fn describe(location: &Location) -> Result<Description> {
    let fail = |problem: Problem| problem.at(&location.uri);
    let path = location.absolute_path();
    let (archive, _) = archive(&location.uri, &path, None)?;
    let names = names(&archive);
    if location.inner.is_empty() && names.len() != 1 {
        return Ok(Description { children: names, ..Description::new(&location.uri, Format::Npz) });
    }
    let (_, entry) = find(&archive, &location.inner).map_err(fail)?;
    let operation = open(location)?;
    let meta = operation.infer(&[]).map_err(|error| fail(Problem::Misuse { reason: error.to_string() }))?;
    let deflated = (!entry.is_plain()).then(|| "deflate".to_owned());
    Ok(Description {
        shape: Some(meta[0].shape.clone()),
        dtype: Some(meta[0].dtype.name()),
        codecs: deflated.into_iter().collect(),
        nbytes: Some(meta[0].nbytes()),
        stored_bytes: Some(entry.stored_len()),
        ..Description::new(&location.uri, Format::Npz)
    })
}

/// Tells what is in a file, and about each array in it.
pub(crate) fn describe_tree(location: &Location) -> Result<Tree> {
    let description = describe(location)?;
    let member = |name: &String| {
        let inner =
            Location { inner: name.clone(), uri: format!("{}#/{name}", location.uri), ..location.clone() };
        let (description, note) = match describe(&inner) {
            Ok(description) => (description, None),
            Err(error) => (Description::new(&inner.uri, Format::Npz), Some(error.problem.to_string())),
        };
        Tree { name: name.clone(), description, note, members: Vec::new() }
    };
    let members = description.children.iter().map(member).collect();
    Ok(Tree { members, ..Tree::leaf(description) })
}

fn archive(uri: &str, path: &str, stamp: Option<FileStamp>) -> Result<(Arc<ZipArchive>, FileStamp)> {
    let (file, found) = open_file(path, EXPECTED).map_err(|problem| problem.at(uri))?;
    if let Some(stamp) = stamp {
        stamp.check_same(found).map_err(|problem| problem.at(uri))?;
    }
    let archive = ARCHIVES.get(uri, path, found, || {
        ZipArchive::open(file, found).map_err(|problem| match problem {
            Problem::Misuse { .. } => Problem::corrupt(EXPECTED, "it is no zip file").at(uri),
            problem => problem.at(uri),
        })
    })?;
    Ok((archive, found))
}

/// The names of the arrays.
fn names(archive: &ZipArchive) -> Vec<String> {
    archive.all().filter_map(|name| name.strip_suffix(EXTENSION)).map(str::to_owned).collect()
}

fn find(archive: &ZipArchive, inner: &str) -> Result<(String, Entry), Problem> {
    let available = names(archive);
    let name = match (inner, available.as_slice()) {
        ("", [only]) => only,
        ("", _) => return Err(Problem::IsGroup { group: String::new(), children: available }),
        (inner, _) => inner.strip_suffix(EXTENSION).unwrap_or(inner),
    };
    let name = format!("{name}{EXTENSION}");
    match archive.entry(&name) {
        Some(entry) => Ok((name, entry)),
        None => Err(Problem::NoSuchArray { name: inner.to_owned(), available }),
    }
}

/// A part of a file, read as a file of its own.
#[derive(Debug)]
struct Window {
    file: Arc<dyn ReadAt>,
    start: u64,
    len: u64,
}

impl ReadAt for Window {
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> std::io::Result<()> {
        if offset.checked_add(buf.len() as u64).is_none_or(|end| end > self.len) {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        self.file.read_exact_at(buf, self.start + offset)
    }

    fn len(&self) -> u64 {
        self.len
    }

    fn start(&self, offset: u64, len: usize) -> Option<std::io::Result<Box<dyn Started>>> {
        self.file.start(self.start + offset, len)
    }
}

impl NpzSource {
    fn dtype(&self) -> DType {
        self.header.dtype
    }

    fn read(&self, region: &Region, out: &mut [u8]) -> Result<()> {
        let fail = |problem: Problem| problem.at(&self.uri);
        let (archive, _) = archive(&self.uri, &self.path, Some(self.stamp))?;
        let gone = || fail(Problem::NoSuchArray { name: self.entry.clone(), available: names(&archive) });
        let bytes = archive.read(&archive.entry(&self.entry).ok_or_else(gone)?).map_err(fail)?;
        source::check_length(&self.header, bytes.len() as u64).map_err(fail)?;
        let Header { shape, dtype, fortran, data_offset, big_endian } = &self.header;
        let fix = ByteFix::of(*dtype, *big_endian);
        let mut read = |offset: usize, buffer: &mut [u8]| {
            let start = data_offset + offset;
            let short = || fail(Problem::corrupt(WHAT, "it ends early"));
            buffer.copy_from_slice(bytes.get(start..start + buffer.len()).ok_or_else(short)?);
            fix.apply(buffer);
            Ok(())
        };
        match fortran {
            true => read_region_fortran(&mut read, shape, dtype.itemsize(), region, out),
            false => read_region(&mut read, shape, dtype.itemsize(), region, out),
        }
    }
}

#[typetag::serde(name = "brickwork_io::NpzSource")]
impl Operation for NpzSource {
    fn name(&self) -> String {
        format!("read {}", self.uri)
    }

    fn infer(&self, _inputs: &[Meta]) -> brickwork_core::Result<Vec<Meta>> {
        Ok(vec![Meta::whole(&self.header.shape, self.dtype())])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Source(self)
    }
}

impl Source for NpzSource {
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
        let nbytes = self.header.data_nbytes();
        Ok(vec![Granule {
            key: Some(0),
            region: Region::full(&self.header.shape),
            encoded_bytes: self.stored,
            decoded_bytes: nbytes,
            // It is unpacked with its header, and then put in order.
            scratch_bytes: nbytes + self.header.data_offset,
        }])
    }

    fn start(&self, granule: &Granule) -> brickwork_core::Result<Box<dyn Pending + '_>> {
        Ok(Box::new(NpzRead { source: self, region: granule.region.clone() }))
    }

    fn granule_grid(&self) -> Option<ChunkGrid> {
        Some(ChunkGrid::single(&self.header.shape))
    }
}

/// Everything happens in `finish`.
struct NpzRead<'a> {
    source: &'a NpzSource,
    region: Region,
}

impl Pending for NpzRead<'_> {
    fn finish(self: Box<Self>, into: ViewMut<'_>) -> brickwork_core::Result<()> {
        fill_dense(into, |out| self.source.read(&self.region, out)).map_err(Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{read, read_all};
    use brickwork_core::AxisRange;

    /// A file of the arrays `a` (stored, 3 × 4 float64), `b` (deflated, the same in Fortran order) and `c` (int16).
    fn written(directory: &tempfile::TempDir) -> String {
        let npy = |descr: &str, fortran: &str, shape: &str, data: Vec<u8>| {
            let text = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}");
            let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
            bytes.extend(format!("{text:<117}\n").bytes());
            bytes.extend(data);
            bytes
        };
        let c_order: Vec<u8> = (0..12).flat_map(|i| f64::from(i).to_le_bytes()).collect();
        let fortran = (0..12).flat_map(|k| f64::from(k % 3 * 4 + k / 3).to_le_bytes()).collect();
        let files = [
            ("a.npy", npy("<f8", "False", "(3, 4)", c_order), false),
            ("b.npy", npy("<f8", "True", "(3, 4)", fortran), true),
            ("deep/c.npy", npy(">i2", "False", "(2,)", vec![0, 1, 1, 0]), false),
        ];
        let path = directory.path().join("x.npz");
        let files: Vec<(&str, &[u8], bool)> =
            files.iter().map(|(name, bytes, deflate)| (*name, bytes.as_slice(), *deflate)).collect();
        std::fs::write(&path, crate::zip::tests::zip(&files)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    #[test]
    fn arrays_are_read_by_name_stored_or_deflated() {
        let directory = tempfile::tempdir().unwrap();
        let place = written(&directory);
        let expected: Vec<f64> = (0..12).map(f64::from).collect();
        for name in ["a", "b", "a.npy"] {
            let uri = format!("{place}#/{name}");
            assert_eq!(read_all(&uri).to_vec::<f64>(), expected, "{name}");
            let operation = crate::open(&uri).unwrap();
            let region = Region::new(vec![AxisRange::stepped(0, 2, 2), AxisRange::new(1, 2)]);
            assert_eq!(read(&*operation, &region).unwrap().to_vec::<f64>(), [1.0, 2.0, 9.0, 10.0]);
        }
        assert_eq!(read_all(&format!("{place}#/deep/c")).to_vec::<i16>(), [1, 256]);
        let tree = crate::describe_tree(&place).unwrap();
        let names: Vec<&str> = tree.members.iter().map(|member| member.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "deep/c"]);
        assert_eq!(tree.members[1].description.codecs, ["deflate"]);
    }

    #[test]
    fn what_is_not_there_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let place = written(&directory);
        let text = |uri: String| crate::open(&uri).unwrap_err().to_string();
        assert!(text(place.clone()).contains("the root is a group, not an array"), "{}", text(place.clone()));
        assert!(
            text(format!("{place}#/d"))
                .contains("there is no \"d\" in it; it holds \"a\", \"b\", \"deep/c\"")
        );
        std::fs::write(directory.path().join("y.npz"), b"not a zip file").unwrap();
        let other = directory.path().join("y.npz").display().to_string();
        assert!(text(other).contains("it is no zip file"));
        let error = crate::create(&place, &crate::SinkOptions::default()).err().unwrap().to_string();
        assert!(error.contains("an .npz file is only read"), "{error}");
    }
}
