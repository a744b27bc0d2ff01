//! Writing `.npy` files.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use brickwork_core::{Block, ChunkGrid, Meta, Origin, Region, Sink, SinkWriter};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::json;
use xxhash_rust::xxh3::Xxh3;

use super::header;
use crate::bytes::checked_nbytes;
use crate::error::{Problem, Result};
use crate::journal::{Journal, Purpose, Record};
use crate::options::SinkOptions;
use crate::part::{Left, Part};
use crate::strided_file::{MAX_READ, for_each_dense, for_each_piece, read_region, write_dense};
use crate::uri::{Format, Location};
use crate::write_back::WriteBack;
use crate::write_checks::{check_write, not_created, refuse_options};
use crate::written::{WrittenRegions, place_of, region_at};

/// Writes an array to an `.npy` file, in C order.
///
/// It is written beside its target and renamed when it is whole. Any region may be written; long rows cost least.
#[derive(Debug)]
pub struct NpySink {
    location: Location,
    overwrite: bool,
    resume: bool,
    writing: Mutex<Option<Arc<Writing>>>,
    /// Of a file that is published, until the run is over.
    journal: Mutex<Option<Journal>>,
}

/// A file between `create` and `commit`.
#[derive(Debug)]
struct Writing {
    /// `None` if an earlier run has published it, and nothing is left to be written.
    open: Option<Open>,
    meta: Meta,
    data_offset: usize,
    /// What an earlier run has left.
    written: WrittenRegions,
}

#[derive(Debug)]
struct Open {
    file: File,
    part: Part,
    write_back: WriteBack,
}

impl NpySink {
    /// A sink for an `.npy` file, which may exist only if overwriting is allowed.
    ///
    /// # Errors
    /// If the URI cannot be read or does not name an `.npy` file, or chunks, shards or a codec are asked for.
    pub fn new(uri: &str, options: &SinkOptions) -> brickwork_core::Result<Self> {
        NpySink::of(Location::parse(uri)?, options)
    }

    pub(crate) fn of(location: Location, options: &SinkOptions) -> brickwork_core::Result<Self> {
        let fail = |problem: Problem| problem.at(&location.uri);
        if location.format != Format::Npy {
            let reason = format!("is {}, not npy; end the name in .npy", location.format);
            return Err(fail(Problem::Misuse { reason }).into());
        }
        let asked = [
            ("chunks", options.chunks.is_some()),
            ("shards", options.shards.is_some()),
            ("codecs", options.codec.as_ref().is_some_and(|codec| codec != "none")),
        ];
        refuse_options("an .npy file", &asked, "leave the option out, or write .zarr or .h5")
            .map_err(fail)?;
        Ok(NpySink {
            overwrite: options.overwrite,
            resume: options.resume,
            location,
            writing: Mutex::new(None),
            journal: Mutex::new(None),
        })
    }

    fn try_create(&self, meta: &Meta, origin: Option<&Origin>) -> Result<()> {
        let uri = &self.location.uri;
        let header = header::encode(meta.dtype, &meta.shape);
        let Some(nbytes) = checked_nbytes(&meta.shape, meta.dtype.itemsize()) else {
            let reason = format!("shape {:?} has more bytes than a machine can count", meta.shape);
            return Err(Problem::Misuse { reason }.at(uri));
        };
        if self.location.path.is_dir() {
            return Err(Problem::IsDirectory { expected: "an .npy file" }.at(uri));
        }
        let purpose = origin.map(|origin| purpose_of(meta, origin));
        let begin = || self.begin(&header, nbytes, purpose.as_ref());
        let left = match purpose.as_ref().filter(|_| self.resume) {
            Some(purpose) => Part::left(uri, &self.location.path, self.overwrite, purpose)?,
            None => None,
        };
        let (open, written) = match left {
            None => (Some(begin()?), WrittenRegions::default()),
            Some(Left::Published(journal)) => {
                *self.journal.lock() = Some(journal);
                (None, everything(meta))
            }
            Some(Left::Whole(part, _)) => (Some(self.reopen(part)?), everything(meta)),
            Some(Left::Unfinished(part, records)) => {
                let open = self.reopen(part)?;
                match is_begun(&open.file, &header, nbytes) {
                    true => {
                        let written = self.written(&open.file, header.len(), meta, &records)?;
                        (Some(open), written)
                    }
                    // Killed before there was anything.
                    false => {
                        self.fill_head(&open.file, &header, nbytes)?;
                        (Some(open), WrittenRegions::default())
                    }
                }
            }
        };
        let writing = Writing { open, meta: meta.clone(), data_offset: header.len(), written };
        *self.writing.lock() = Some(Arc::new(writing));
        Ok(())
    }

    /// A new file of zeros.
    fn begin(&self, header: &[u8], nbytes: usize, purpose: Option<&Purpose>) -> Result<Open> {
        let Location { uri, path, .. } = &self.location;
        let part = match purpose {
            Some(purpose) => Part::begin(uri, path, self.overwrite, purpose, self.resume)?,
            None => Part::new(uri, path, self.overwrite)?,
        };
        let file = OpenOptions::new().write(true).create_new(true).open(part.path());
        let file = file.map_err(|error| Problem::os("create the file", error).at(uri))?;
        // Tells others that this part is being written; not every file system can.
        let _ = file.try_lock();
        self.fill_head(&file, header, nbytes)?;
        Ok(Open { file, part, write_back: WriteBack::default() })
    }

    fn fill_head(&self, file: &File, header: &[u8], nbytes: usize) -> Result<()> {
        let written =
            file.set_len((header.len() + nbytes) as u64).and_then(|()| file.write_all_at(header, 0));
        written.map_err(|error| Problem::os("create the file", error).at(&self.location.uri))
    }

    fn reopen(&self, part: Part) -> Result<Open> {
        let file = OpenOptions::new().read(true).write(true).open(part.path());
        let file =
            file.map_err(|error| Problem::os("open the unfinished file", error).at(&self.location.uri))?;
        let _ = file.try_lock();
        Ok(Open { file, part, write_back: WriteBack::default() })
    }

    /// The boxes whose elements are as the journal says.
    fn written(&self, file: &File, start: usize, meta: &Meta, records: &[Record]) -> Result<WrittenRegions> {
        let item = meta.dtype.itemsize();
        let mut written = WrittenRegions::default();
        let mut read = |offset: usize, buffer: &mut [u8]| {
            file.read_exact_at(buffer, (start + offset) as u64)
                .map_err(|error| Problem::os("read the unfinished file", error).at(&self.location.uri))
        };
        let mut piece_bytes = Vec::new();
        for record in records {
            let Some(region) = region_at(&record.place, &meta.shape) else { continue };
            let mut hash = Xxh3::new();
            for_each_piece(&region.shape(), item, MAX_READ, &mut |piece| {
                piece_bytes.resize(piece.size() * item, 0);
                read_region(&mut read, &meta.shape, item, &region.compose(piece), &mut piece_bytes)?;
                hash.update(&piece_bytes);
                Ok(())
            })?;
            if hash.digest() == record.hash {
                written.insert(region);
            }
        }
        Ok(written)
    }

    fn try_write(&self, region: &Region, block: &Block) -> Result<()> {
        let uri = &self.location.uri;
        let writing = self.writing.lock().clone();
        let Some(writing) = writing else { return Err(not_created().at(uri)) };
        // One that an earlier run has published needs nothing more.
        let Some(Open { file, part, write_back }) = &writing.open else { return Ok(()) };
        check_write(&writing.meta, region, block).map_err(|problem| problem.at(uri))?;
        let record = write_at(file, uri, writing.data_offset, &writing.meta.shape, region, block)?;
        write_back.wrote(file, record.nbytes);
        part.note(&record).map_err(|problem| problem.at(uri))
    }

    fn try_commit(&self) -> Result<()> {
        let uri = &self.location.uri;
        let writing = self.writing.lock().take().and_then(Arc::into_inner);
        let Writing { open, .. } = writing.ok_or_else(|| not_created().at(uri))?;
        let Some(Open { file, part, .. }) = open else { return Ok(()) };
        // The elements must be on the disk before the name is: else a power cut could leave a file of zeros.
        file.sync_data().map_err(|error| Problem::os("write", error).at(uri))?;
        *self.journal.lock() = part.publish()?;
        Ok(())
    }
}

/// Writes a region; what may be noted of it.
fn write_at(
    file: &File,
    uri: &str,
    data_offset: usize,
    shape: &[usize],
    region: &Region,
    block: &Block,
) -> Result<Record> {
    let mut write = |offset: usize, bytes: &[u8]| {
        let start = (data_offset + offset) as u64;
        file.write_all_at(bytes, start).map_err(|error| Problem::os("write", error).at(uri))
    };
    let item = block.dtype().itemsize();
    let mut hash = Xxh3::new();
    for_each_dense(block, region, &mut |region, bytes| {
        hash.update(bytes);
        write_dense(&mut write, shape, item, region, bytes)
    })?;
    Ok(Record { place: place_of(region), offset: 0, nbytes: block.nbytes() as u64, hash: hash.digest() })
}

/// Writes elements of a new file from another process.
#[derive(Debug, Serialize, Deserialize)]
struct Elements {
    uri: String,
    part: PathBuf,
    meta: Meta,
    data_offset: usize,
    /// Where it is noted that a region is whole.
    journal: Option<PathBuf>,
    /// The file, once it is open.
    #[serde(skip)]
    file: OnceLock<File>,
}

impl Elements {
    fn try_write(&self, region: &Region, block: &Block) -> Result<()> {
        check_write(&self.meta, region, block).map_err(|problem| problem.at(&self.uri))?;
        let file = match self.file.get() {
            Some(file) => file,
            None => {
                let opened = OpenOptions::new().write(true).open(&self.part);
                let opened = opened.map_err(|error| Problem::os("open the file", error).at(&self.uri))?;
                self.file.get_or_init(|| opened)
            }
        };
        let record = write_at(file, &self.uri, self.data_offset, &self.meta.shape, region, block)?;
        let noted = self.journal.as_ref().map_or(Ok(()), |journal| Journal::note_in(journal, &record));
        noted.map_err(|problem| problem.at(&self.uri))
    }
}

#[typetag::serde(name = "brickwork_io::NpyElements")]
impl SinkWriter for Elements {
    fn write(&self, region: &Region, block: &Block) -> brickwork_core::Result<()> {
        Ok(self.try_write(region, block)?)
    }
}

/// What is compared when a run is resumed.
fn purpose_of(meta: &Meta, origin: &Origin) -> Purpose {
    let array = [("shape", json!(meta.shape)), ("dtype", json!(meta.dtype.to_string()))];
    Purpose::new("", origin, array.map(|(name, value)| (name.to_owned(), value)).into_iter().collect())
}

/// Whether a file has the length and the header that it was begun with.
fn is_begun(file: &File, header: &[u8], nbytes: usize) -> bool {
    let mut found = vec![0; header.len()];
    file.metadata().is_ok_and(|metadata| metadata.len() == (header.len() + nbytes) as u64)
        && file.read_exact_at(&mut found, 0).is_ok()
        && found == header
}

fn everything(meta: &Meta) -> WrittenRegions {
    let mut all = WrittenRegions::default();
    all.insert(Region::full(&meta.shape));
    all
}

impl Sink for NpySink {
    fn uri(&self) -> String {
        self.location.uri.clone()
    }

    fn directory(&self) -> Option<std::path::PathBuf> {
        self.location.directory()
    }

    fn create(&self, meta: &Meta) -> brickwork_core::Result<ChunkGrid> {
        self.try_create(meta, None)?;
        self.grid(meta)
    }

    fn create_from(&self, meta: &Meta, origin: &Origin) -> brickwork_core::Result<ChunkGrid> {
        self.try_create(meta, Some(origin))?;
        self.grid(meta)
    }

    fn is_whole(&self, region: &Region) -> bool {
        self.writing.lock().as_ref().is_some_and(|writing| writing.written.hold(region))
    }

    fn grid(&self, meta: &Meta) -> brickwork_core::Result<ChunkGrid> {
        Ok(ChunkGrid::regular(&meta.shape, &vec![1; meta.ndim()]))
    }

    fn write(&self, region: &Region, block: &Block) -> brickwork_core::Result<()> {
        Ok(self.try_write(region, block)?)
    }

    fn writer(&self) -> Option<Box<dyn SinkWriter>> {
        let writing = self.writing.lock().clone()?;
        Some(Box::new(Elements {
            uri: self.location.uri.clone(),
            part: std::path::absolute(writing.open.as_ref()?.part.path()).ok()?,
            journal: writing.open.as_ref()?.part.journal_path(),
            meta: writing.meta.clone(),
            data_offset: writing.data_offset,
            file: OnceLock::new(),
        }))
    }

    fn commit(&self) -> brickwork_core::Result<()> {
        Ok(self.try_commit()?)
    }

    fn settle(&self) {
        if let Some(journal) = self.journal.lock().take() {
            journal.settle();
        }
    }

    fn abort(&self) {
        // The part goes when nobody holds it any more; what is published stays.
        *self.writing.lock() = None;
        *self.journal.lock() = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{read, read_all, store};
    use brickwork_core::{AxisRange, DType};

    fn overwriting() -> SinkOptions {
        SinkOptions { overwrite: true, ..SinkOptions::default() }
    }

    fn path(directory: &tempfile::TempDir, name: &str) -> String {
        directory.path().join(name).to_str().unwrap().to_owned()
    }

    #[test]
    fn every_dtype_and_shape_comes_back() {
        let directory = tempfile::tempdir().unwrap();
        let uri = path(&directory, "x.npy");
        for dtype in DType::NUMERIC {
            for shape in [vec![], vec![0, 3], vec![11], vec![5, 4, 3]] {
                let block = crate::test_support::sample(dtype, &shape);
                let sink = NpySink::new(&uri, &overwriting()).unwrap();
                store(&sink, &block, &vec![2; shape.len()]);
                let found = read_all(&uri);
                assert_eq!(found.as_bytes(), block.as_bytes(), "{dtype} {shape:?}");
                assert_eq!((found.dtype(), found.shape()), (dtype, shape.as_slice()));
            }
        }
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn nothing_is_there_before_commit_and_after_abort() {
        let directory = tempfile::tempdir().unwrap();
        let uri = path(&directory, "x.npy");
        let sink = NpySink::new(&uri, &SinkOptions::default()).unwrap();
        let meta = Meta::whole(&[4], DType::I64);
        sink.create(&meta).unwrap();
        assert!(!sink.location.path.exists());
        sink.abort();
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
        assert!(sink.commit().unwrap_err().to_string().contains("before it was created"));
        store(&sink, &Block::from_vec(vec![1i64, 2, 3, 4], &[4]), &[3]);
        let error = sink.create(&meta).unwrap_err().to_string();
        assert_eq!(error, format!("{uri}: exists already; allow overwriting it, or choose another name"));
    }

    #[test]
    fn wrong_writes_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let sink = NpySink::new(&path(&directory, "x.npy"), &SinkOptions::default()).unwrap();
        sink.create(&Meta::whole(&[4], DType::I64)).unwrap();
        let block = Block::from_vec(vec![1i64, 2], &[2]);
        let outside = Region::new(vec![AxisRange::new(3, 2)]);
        assert!(sink.write(&outside, &block).unwrap_err().to_string().contains("does not fit region [3:5]"));
        let floats = Block::from_vec(vec![1.0, 2.0], &[2]);
        assert!(sink.write(&Region::new(vec![AxisRange::new(0, 2)]), &floats).is_err());
    }

    #[test]
    fn a_file_that_changes_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let uri = path(&directory, "x.npy");
        store(
            &NpySink::new(&uri, &SinkOptions::default()).unwrap(),
            &Block::from_vec(vec![1i64; 100], &[100]),
            &[100],
        );
        let source = crate::open(&uri).unwrap();
        assert_eq!(read(&*source, &Region::full(&[100])).unwrap().to_vec::<i64>(), [1; 100]);
        std::fs::OpenOptions::new().write(true).open(&uri).unwrap().set_len(500).unwrap();
        let error = read(&*source, &Region::full(&[100])).unwrap_err().to_string();
        assert!(error.contains("has changed since it was opened (it had 928 bytes and has 500)"), "{error}");
        let error = crate::open(&uri).unwrap_err().to_string();
        let expected =
            "truncated: an array of shape [100] and dtype int64 needs 928 bytes, and 500 bytes are there";
        assert!(error.ends_with(expected), "{error}");
    }

    #[test]
    fn a_place_below_a_file_cannot_be_written() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("file"), "").unwrap();
        let sink = NpySink::new(&path(&directory, "file/x.npy"), &SinkOptions::default()).unwrap();
        let error = sink.create(&Meta::whole(&[4], DType::I64)).unwrap_err().to_string();
        assert!(
            error.contains("cannot be written") && error.contains("is a file, not a directory"),
            "{error}"
        );
        assert!(
            NpySink::new("x.zarr", &SinkOptions::default())
                .unwrap_err()
                .to_string()
                .contains("is zarr, not npy")
        );
    }
}
