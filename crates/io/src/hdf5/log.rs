//! The elements of a dataset that is being written, until all of them are there.
//!
//! A file of the library is of no use before it is closed. So what tasks write is appended to a file of its own, chunks
//! as they will lie in the dataset, several threads at once; when the last one is there, the library puts them together.
//! Until then a journal says what is whole, and a later run can go on from there.
//!
//! So every byte is written twice. What has no filters is written once, in chunks or not: the library gives all elements
//! their places when the dataset is made, and the log's file is then another name (a hard link) of the file that the
//! dataset is in ([`Log::lie_in`]). A killed run leaves elements and journal under the log's name as ever. The next one
//! makes another file, and reads what is whole out of the old one, where what it adds goes to its place as well; so only
//! what goes on from there is written twice. The places of compressed chunks are known only when these are, and the
//! library cannot be told them: their index would have to be written by code of ours, for every version of the format
//! that an existing file may have.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use brickwork_core::{Block, BlockMut, DType, Region};
use parking_lot::Mutex;
use xxhash_rust::xxh3::Xxh3;

use super::places::{Places, Run};
use crate::error::{Problem, Result};
use crate::journal::{Purpose, Record};
use crate::part::Part;
use crate::strided_file::{MAX_READ, for_each_dense, for_each_piece, read_region, write_dense};
use crate::write_back::WriteBack;
use crate::written::{place_of, region_at};

/// Takes the place of a chunk, and its bytes.
pub(super) type PutChunk<'a> = dyn FnMut(&[usize], &[u8]) -> Result<(), Problem> + 'a;

/// What was written of a dataset.
#[derive(Debug)]
pub(super) struct Log {
    uri: String,
    part: Part,
    file: File,
    /// Where elements belong in the file, if that is (or was, in an earlier run) the dataset's own.
    places: Option<Places>,
    /// Whether the dataset is in another file.
    is_elsewhere: bool,
    end: AtomicU64,
    write_back: WriteBack,
    /// In the order in which they were written; where two say the same place, the later one counts.
    records: Mutex<Vec<Record>>,
}

impl Log {
    /// An empty log beside the file that the dataset will be in. It has a journal if there is a purpose to compare, and
    /// then stays with `keep` if the run fails.
    pub fn begin(uri: &str, target: &Path, purpose: Option<&Purpose>, keep: bool) -> Result<Self> {
        let part = match purpose {
            Some(purpose) => Part::begin(uri, target, true, purpose, keep)?,
            None => Part::new(uri, target, true)?,
        };
        Log::open(uri, part)
    }

    /// The log of an earlier run, with those records whose bytes are as the journal says. `None`, and the log is gone, if
    /// nothing can be added to it.
    pub fn take_over(uri: &str, part: Part, records: Vec<Record>, inner: &str) -> Result<Option<Self>> {
        let mut log = Log::open(uri, part)?;
        // A file of the format is one that datasets have lain in, and the logs of others may have the same file: nothing is
        // appended, everything goes to its own place.
        log.places = Places::read(log.part.path(), inner);
        let metadata = log.file.metadata().map_err(|error| Problem::os("read its log", error).at(uri))?;
        if log.places.is_none() && metadata.nlink() > 1 {
            log.discard();
            return Ok(None);
        }
        log.is_elsewhere = true;
        let whole: Vec<Record> = records.into_iter().filter(|record| log.is_whole(record)).collect();
        *log.records.lock() = whole;
        Ok(Some(log))
    }

    fn open(uri: &str, part: Part) -> Result<Self> {
        let failed = |error| Problem::os("create the file for its chunks", error).at(uri);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(part.path());
        let file = file.map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        // Tells others that this part is being written; not every file system can. The other name of one that a killed run
        // has left is to be cleared away; the journal's lock has to do there.
        if metadata.nlink() == 1 {
            let _ = file.try_lock();
        }
        let end = AtomicU64::new(metadata.len());
        Ok(Log {
            uri: uri.to_owned(),
            part,
            file,
            places: None,
            is_elsewhere: false,
            end,
            write_back: WriteBack::default(),
            records: Mutex::default(),
        })
    }

    /// Makes the log, which is empty, another name of the file that its dataset is in, where elements have their places
    /// already. Where the file system has no such thing, it stays as it is.
    pub fn lie_in(mut self, file: &Path, places: Places) -> Self {
        let path = self.part.path();
        let Ok(there) = OpenOptions::new().read(true).write(true).open(file) else { return self };
        // Made beside it first: there is always a file of the log's name.
        let link =
            path.with_file_name(format!("{}-link", path.file_name().unwrap_or_default().to_string_lossy()));
        let linked = std::fs::hard_link(file, &link).and_then(|()| std::fs::rename(&link, path));
        match linked {
            Ok(()) => (self.file, self.places) = (there, Some(places)),
            Err(_) => drop(std::fs::remove_file(&link)),
        }
        self
    }

    /// Whether what was put is where it belongs already.
    pub fn is_in_place(&self) -> bool {
        self.places.is_some() && !self.is_elsewhere
    }

    /// Whether a later run can go on with it.
    pub fn has_journal(&self) -> bool {
        self.part.has_journal()
    }

    /// What is there.
    pub fn records(&self) -> Vec<Record> {
        self.records.lock().clone()
    }

    /// Appends the bytes of a chunk.
    pub fn put_chunk(&self, at: &[usize], bytes: &[u8]) -> Result<(), Problem> {
        let offset = match &self.places {
            Some(places) => places.of_chunk(at, bytes.len())?,
            None => self.end.fetch_add(bytes.len() as u64, Ordering::Relaxed),
        };
        self.file.write_all_at(bytes, offset).map_err(|error| write_failed(at, error))?;
        let hash = if self.part.has_journal() { xxhash_rust::xxh3::xxh3_64(bytes) } else { 0 };
        self.note(Record { place: at.to_vec(), offset, nbytes: bytes.len() as u64, hash })
    }

    /// Puts the elements of a region where they belong, or appends them in C order.
    pub fn put_region(&self, region: &Region, block: &Block) -> Result<()> {
        let nbytes = block.nbytes() as u64;
        let run = self.run();
        let offset = match run {
            Some(run) => run.start,
            None => self.end.fetch_add(nbytes, Ordering::Relaxed),
        };
        let mut write = |place: usize, bytes: &[u8]| {
            let written = self.file.write_all_at(bytes, offset + place as u64);
            written.map_err(|error| Problem::os(format!("write region {region}"), error).at(&self.uri))
        };
        let mut hash = Xxh3::new();
        let mut done = 0;
        for_each_dense(block, region, &mut |piece, bytes| {
            if self.part.has_journal() {
                hash.update(bytes);
            }
            let place = done;
            done += bytes.len();
            match run {
                Some(run) => write_dense(&mut write, &run.shape, run.item, piece, bytes),
                None => write(place, bytes),
            }
        })?;
        let record = Record { place: place_of(region), offset, nbytes, hash: hash.digest() };
        self.note(record).map_err(|problem| problem.at(&self.uri))
    }

    /// Where all elements are, if each has its place and they follow each other.
    fn run(&self) -> Option<&Run> {
        self.places.as_ref().and_then(Places::run)
    }

    fn note(&self, record: Record) -> Result<(), Problem> {
        // Else it is read back and removed, and never synced.
        if self.is_in_place() {
            self.write_back.wrote(&self.file, record.nbytes);
        }
        self.part.note(&record)?;
        self.records.lock().push(record);
        Ok(())
    }

    /// Hands out every chunk once, in the order in which they lie in the log.
    pub fn for_each_chunk(&self, visit: &mut PutChunk<'_>) -> Result<(), Problem> {
        let mut last: HashMap<Vec<usize>, Record> = HashMap::new();
        for record in self.records() {
            last.insert(record.place.clone(), record);
        }
        let mut records: Vec<Record> = last.into_values().collect();
        records.sort_by_key(|record| record.offset);
        let mut bytes = Vec::new();
        for Record { place, offset, nbytes, .. } in records {
            bytes.resize(nbytes as usize, 0);
            self.file.read_exact_at(&mut bytes, offset).map_err(read_failed)?;
            visit(&place, &bytes)?;
        }
        Ok(())
    }

    /// Hands out every region that was written, in pieces, in the order in which they were written.
    pub fn for_each_piece(
        &self,
        shape: &[usize],
        dtype: DType,
        visit: &mut dyn FnMut(&Region, &Block) -> Result<(), Problem>,
    ) -> Result<()> {
        let fail = |problem: Problem| problem.at(&self.uri);
        for record in self.records() {
            let Some(region) = region_at(&record.place, shape) else { continue };
            let mut done = 0;
            for_each_piece(&region.shape(), dtype.itemsize(), MAX_READ, &mut |piece| {
                let mut block = BlockMut::zeroed(dtype, &piece.shape());
                let bytes = block.bytes_mut();
                let piece = region.compose(piece);
                self.read_piece(&record, &piece, done, bytes)?;
                done += bytes.len();
                visit(&piece, &block.freeze()).map_err(fail)
            })?;
        }
        Ok(())
    }

    /// The name of its journal, a file beside the target.
    pub fn journal_name(&self) -> Option<String> {
        Some(self.part.journal_path()?.file_name()?.to_string_lossy().into_owned())
    }

    /// Says in the journal that the dataset is in a file of this inode, which is about to take its target's place.
    pub fn seal(&self, inode: u64) -> Result<(), Problem> {
        self.part.seal(inode)
    }

    /// Removes it: the dataset is where it belongs.
    pub fn discard(self) {
        self.part.discard();
    }

    /// Reads elements of a region that was written: a piece of it, which in C order begins after so many of its bytes.
    fn read_piece(&self, record: &Record, piece: &Region, done: usize, into: &mut [u8]) -> Result<()> {
        let mut read = |place: usize, into: &mut [u8]| {
            let read = self.file.read_exact_at(into, record.offset + place as u64);
            read.map_err(|error| read_failed(error).at(&self.uri))
        };
        match self.run() {
            Some(run) => read_region(&mut read, &run.shape, run.item, piece, into),
            None => read(done, into),
        }
    }

    /// Whether the bytes of a record are as it says.
    fn is_whole(&self, record: &Record) -> bool {
        let mut hash = Xxh3::new();
        let mut bytes = Vec::new();
        if let Some(run) = self.run() {
            let Some(region) = region_at(&record.place, &run.shape) else { return false };
            if record.offset != run.start {
                return false;
            }
            let read = for_each_piece(&region.shape(), run.item, MAX_READ, &mut |piece| {
                bytes.resize(piece.size() * run.item, 0);
                self.read_piece(record, &region.compose(piece), 0, &mut bytes)?;
                hash.update(&bytes);
                Ok(())
            });
            return read.is_ok() && hash.digest() == record.hash;
        }
        bytes.resize(MAX_READ.min(record.nbytes as usize), 0);
        let mut done = 0;
        while done < record.nbytes {
            let count = (record.nbytes - done).min(MAX_READ as u64) as usize;
            if self.file.read_exact_at(&mut bytes[..count], record.offset + done).is_err() {
                return false;
            }
            hash.update(&bytes[..count]);
            done += count as u64;
        }
        hash.digest() == record.hash
    }
}

fn write_failed(at: &[usize], error: std::io::Error) -> Problem {
    Problem::os(format!("write chunk {at:?}"), error)
}

fn read_failed(error: std::io::Error) -> Problem {
    Problem::os("read its chunks back", error)
}

#[cfg(test)]
mod tests {
    use brickwork_core::{AxisRange, Origin};

    use super::*;
    use crate::part::Left;
    use crate::test_support::sample;

    #[test]
    fn what_is_torn_is_not_taken_over() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("x.h5");
        let purpose = Purpose::new("a", &Origin { expression: 1, inputs: Vec::new() }, Default::default());
        let log = Log::begin("x.h5#a", &target, Some(&purpose), true).unwrap();
        log.put_chunk(&[0, 0], b"old").unwrap();
        log.put_chunk(&[0, 1], b"other").unwrap();
        log.put_chunk(&[0, 0], b"new").unwrap();
        let path = log.part.path().to_owned();
        drop(log);
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all_at(b"O", 3).unwrap();
        let Some(Left::Unfinished(part, records)) = Part::left("x.h5#a", &target, true, &purpose).unwrap()
        else {
            panic!("it was left")
        };
        assert_eq!(records.len(), 3);
        let log = Log::take_over("x.h5#a", part, records, "/a").unwrap().unwrap();
        log.put_chunk(&[1, 0], b"more").unwrap();
        let mut found = Vec::new();
        log.for_each_chunk(&mut |at, bytes| {
            found.push((at.to_vec(), String::from_utf8(bytes.to_vec()).unwrap()));
            Ok(())
        })
        .unwrap();
        assert_eq!(found, [(vec![0, 0], "new".to_owned()), (vec![1, 0], "more".to_owned())]);
        log.discard();
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn regions_come_back_in_pieces() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("x.h5");
        let log = Log::begin("x.h5#a", &target, None, false).unwrap();
        let block = sample(DType::I16, &[900, 1000]);
        let region = Region::new(vec![AxisRange::new(50, 800), AxisRange::new(100, 700)]);
        log.put_region(&region, &block.slice(&region)).unwrap();
        let mut copy = BlockMut::zeroed(DType::I16, &[900, 1000]);
        let mut pieces = 0;
        log.for_each_piece(&[900, 1000], DType::I16, &mut |region, piece| {
            copy.slice_mut(region).assign(piece);
            pieces += 1;
            Ok(())
        })
        .unwrap();
        assert!(pieces > 1);
        assert_eq!(copy.freeze().slice(&region).to_vec::<i16>(), block.slice(&region).to_vec::<i16>());
    }
}
