//! What of an unfinished array is whole: a file beside it that a later run can go on from.
//!
//! Its first line, JSON, says what the array is made from. Every other line is a record: numbers that say where in the
//! array something was written, where its bytes lie, how many they are and their hash, then a hash of the line itself.
//! A line is appended when its bytes have been written; what the bytes are is checked against the hash when a run goes
//! on from there, so neither a killed process nor a power cut can pass off a torn write as whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use brickwork_core::Origin;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use xxhash_rust::xxh3::xxh3_64;

use crate::error::Problem;

/// The layout of journals: others are not understood.
const VERSION: u64 = 1;
/// What a record of an array that is whole, and about to be renamed, begins with.
const SEAL: &str = "whole";

/// What an unfinished array is made from and how it is written: runs of equal purpose write the same bytes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Purpose {
    /// The array's name in the file, if the file may hold several.
    inner: String,
    origin: Origin,
    /// Shape, dtype, chunks and the like.
    array: Map<String, Value>,
}

impl Purpose {
    pub fn new(inner: &str, origin: &Origin, array: Map<String, Value>) -> Self {
        Purpose { inner: inner.to_owned(), origin: origin.clone(), array }
    }

    /// As it stands at the head of a journal, or in an object.
    pub fn to_json(&self) -> Value {
        json!({
            "journal": VERSION,
            "program": program(),
            "inner": self.inner,
            "expression": format!("{:032x}", self.origin.expression),
            "inputs": self.origin.inputs,
            "array": self.array,
        })
    }

    /// Fails, with words for it, unless what was begun has the same purpose.
    pub fn check(&self, begun: &Value) -> Result<(), Problem> {
        let refusal = |difference: String| {
            format!("an unfinished run cannot be resumed: {difference}; leave out resuming to begin again")
        };
        match self.difference(begun) {
            None => Ok(()),
            Some(Difference { text, input: None }) => Err(Problem::Misuse { reason: refusal(text) }),
            Some(Difference { text, input: Some(input) }) => {
                Err(Problem::InputChanged { input, reason: refusal(text) })
            }
        }
    }

    fn difference(&self, begun: &Value) -> Option<Difference> {
        let of = |text: String| Some(Difference { text, input: None });
        if begun["journal"] != VERSION || begun["program"] != program() {
            let other = begun["program"].as_str().unwrap_or("something else");
            return of(format!("it was begun by {other}, and this is {}", program()));
        }
        let empty = Map::new();
        let array = begun["array"].as_object().unwrap_or(&empty);
        for (name, value) in &self.array {
            let before = array.get(name).unwrap_or(&Value::Null);
            if before != value {
                return of(format!("its {name} was {before} and is {value}"));
            }
        }
        for (uri, version) in &self.origin.inputs {
            let inputs = begun["inputs"].as_array().into_iter().flatten();
            let mut same_uri = inputs.filter(|input| input[0] == uri.as_str());
            if let Some(before) = same_uri.next().filter(|before| before[1] != version.as_str()) {
                let before = before[1].as_str().unwrap_or_default();
                let text = format!("its input {uri} has changed (it was {before}, and is {version})");
                return Some(Difference { text, input: Some(uri.clone()) });
            }
        }
        if begun["expression"] != format!("{:032x}", self.origin.expression) {
            return of(
                "what is computed is not the same (another expression, another input, or random numbers without the \
                 seed of the first run)"
                    .into(),
            );
        }
        None
    }
}

/// Why what was begun cannot be gone on with.
struct Difference {
    text: String,
    /// The input that it is about.
    input: Option<String>,
}

/// Programs of other versions may compute other bits.
fn program() -> String {
    format!("brickwork {}", env!("CARGO_PKG_VERSION"))
}

/// Something that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// Where in the array: the place of a chunk, or start and length along every axis.
    pub place: Vec<usize>,
    /// Where its bytes lie in the file, if they are one run that may lie anywhere.
    pub offset: u64,
    /// How many they are.
    pub nbytes: u64,
    /// Their [`xxh3_64`].
    pub hash: u64,
}

impl Record {
    fn text(&self) -> String {
        let Record { place, offset, nbytes, hash } = self;
        let mut text = String::with_capacity(64);
        for number in place {
            text.push_str(&format!("{number} "));
        }
        text.push_str(&format!("{offset} {nbytes} {hash:x}"));
        text
    }
}

/// A text and its hash.
fn line_of(text: &str) -> String {
    format!("{text} {:x}\n", xxh3_64(text.as_bytes()))
}

/// A journal that is being written.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: Mutex<File>,
    /// Whether it stays if the run fails.
    keep: bool,
    is_settled: bool,
}

/// A journal of an earlier run, and what it tells.
#[derive(Debug)]
pub(crate) struct Found {
    pub journal: Journal,
    /// Later ones count more.
    pub records: Vec<Record>,
    /// The inode of the file or directory, if it was whole.
    pub sealed: Option<u64>,
}

impl Journal {
    /// Begins a journal.
    pub fn begin(path: &Path, purpose: &Purpose, keep: bool) -> io::Result<Self> {
        let mut file = OpenOptions::new().append(true).create_new(true).open(path)?;
        // Tells others that somebody writes it; not every file system can.
        let _ = file.try_lock();
        file.write_all(format!("{}\n", purpose.to_json()).as_bytes())?;
        Ok(Journal { path: path.to_owned(), file: Mutex::new(file), keep, is_settled: false })
    }

    /// Opens the journal of an earlier run; `None` if it is torn at its head, or of another array in the file.
    ///
    /// # Errors
    /// If a process still writes it, or its purpose is another one.
    pub fn reopen(path: &Path, purpose: &Purpose) -> Result<Option<Found>, Problem> {
        let failed = |error| Problem::os(format!("read {}", path.display()), error);
        let mut file = OpenOptions::new().read(true).append(true).open(path).map_err(failed)?;
        let lock = file.try_lock();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let Some(end) = bytes.iter().position(|&byte| byte == b'\n') else { return Ok(None) };
        let Ok(head) = serde_json::from_slice::<Value>(&bytes[..end]) else { return Ok(None) };
        if head["inner"] != purpose.inner.as_str() {
            return Ok(None);
        }
        if matches!(lock, Err(fs::TryLockError::WouldBlock)) {
            let reason = "is being written by another process; wait for it, or stop it".into();
            return Err(Problem::Misuse { reason });
        }
        purpose.check(&head)?;
        let (found, whole) = lines(&bytes, end + 1);
        let (mut records, mut sealed) = (Vec::new(), None);
        for line in found {
            match line {
                Line::Record(record) => records.push(record),
                Line::Seal(inode) => sealed = Some(inode),
            }
        }
        // What was torn would spoil the line after it.
        file.set_len(whole as u64).map_err(failed)?;
        let journal =
            Journal { path: path.to_owned(), file: Mutex::new(file), keep: true, is_settled: false };
        Ok(Some(Found { journal, records, sealed }))
    }

    /// Says that something has been written.
    pub fn note(&self, record: &Record) -> Result<(), Problem> {
        self.append(&record.text()).map_err(|error| self.failed(error))
    }

    /// Says so in a journal that another process may have begun.
    #[cfg_attr(not(any(feature = "npy", feature = "zarr")), allow(dead_code, reason = "others write alone"))]
    pub fn note_in(path: &Path, record: &Record) -> Result<(), Problem> {
        let opened = OpenOptions::new().append(true).open(path);
        let written = opened.and_then(|mut file| file.write_all(line_of(&record.text()).as_bytes()));
        written.map_err(|error| Problem::os(format!("write the journal {}", path.display()), error))
    }

    /// Says that the array is whole and will take its target's place: its bytes are on the disk.
    pub fn seal(&self, inode: u64) -> Result<(), Problem> {
        let sealed = self.append(&format!("{SEAL} {inode}")).and_then(|()| self.file.lock().sync_data());
        sealed.map_err(|error| self.failed(error))
    }

    /// Seals the journal of a run that may have been killed.
    #[cfg_attr(not(feature = "hdf5"), allow(dead_code, reason = "the others are sealed by their runs"))]
    pub fn seal_left(path: &Path, inode: u64) -> io::Result<()> {
        let mut file = OpenOptions::new().read(true).append(true).open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let end = bytes.iter().position(|&byte| byte == b'\n');
        let end = end.filter(|&end| serde_json::from_slice::<Value>(&bytes[..end]).is_ok());
        let end = end.ok_or_else(|| io::Error::other("it is no journal"))?;
        let whole = lines(&bytes, end + 1).1;
        // What was torn would spoil the line after it.
        if whole < bytes.len() {
            file.set_len(whole as u64)?;
        }
        file.write_all(line_of(&format!("{SEAL} {inode}")).as_bytes())?;
        file.sync_data()
    }

    /// The run is over: nobody will go on from here.
    pub fn settle(mut self) {
        self.is_settled = true;
    }

    fn append(&self, text: &str) -> io::Result<()> {
        self.file.lock().write_all(line_of(text).as_bytes())
    }

    fn failed(&self, error: io::Error) -> Problem {
        Problem::os(format!("write the journal {}", self.path.display()), error)
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        if self.is_settled || !self.keep {
            let _ = fs::remove_file(&self.path);
        }
    }
}

enum Line {
    Record(Record),
    Seal(u64),
}

/// The lines from a place on up to the first that is torn, and where that begins.
fn lines(bytes: &[u8], from: usize) -> (Vec<Line>, usize) {
    let (mut found, mut whole) = (Vec::new(), from);
    for line in bytes[from..].split_inclusive(|&byte| byte == b'\n') {
        let Some(parsed) = parse(line) else { break };
        found.push(parsed);
        whole += line.len();
    }
    (found, whole)
}

/// A line that is there to its end.
fn parse(line: &[u8]) -> Option<Line> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
    let (text, check) = line.rsplit_once(' ')?;
    // A fuzzer would hardly guess a hash, and so never see what is behind it.
    if u64::from_str_radix(check, 16).ok()? != xxh3_64(text.as_bytes()) && !cfg!(fuzzing) {
        return None;
    }
    if let Some(inode) = text.strip_prefix(SEAL) {
        return Some(Line::Seal(inode.trim().parse().ok()?));
    }
    let mut words: Vec<&str> = text.split(' ').collect();
    let hash = u64::from_str_radix(words.pop()?, 16).ok()?;
    let nbytes = words.pop()?.parse().ok()?;
    let offset = words.pop()?.parse().ok()?;
    let place = words.into_iter().map(|word| word.parse().ok()).collect::<Option<Vec<usize>>>()?;
    Some(Line::Record(Record { place, offset, nbytes, hash }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn purpose(expression: u128, version: &str, chunks: usize) -> Purpose {
        let inputs = vec![("in.npy".to_owned(), version.to_owned())];
        let array = json!({"shape": [4], "chunks": [chunks]}).as_object().cloned().unwrap();
        Purpose::new("x", &Origin { expression, inputs }, array)
    }

    fn record(place: usize) -> Record {
        Record { place: vec![place, 2], offset: 7, nbytes: 9, hash: u64::MAX - place as u64 }
    }

    #[test]
    fn records_come_back_up_to_the_first_torn_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("j");
        let journal = Journal::begin(&path, &purpose(1, "a", 2), true).unwrap();
        (0..3).for_each(|place| journal.note(&record(place)).unwrap());
        drop(journal);
        let text = fs::read(&path).unwrap();
        for cut in 0..=text.len() {
            fs::write(&path, &text[..cut]).unwrap();
            let lines = text[..cut].iter().filter(|&&byte| byte == b'\n').count();
            match Journal::reopen(&path, &purpose(1, "a", 2)).unwrap() {
                None => assert_eq!(lines, 0),
                Some(found) => {
                    assert_eq!(found.records, (0..lines - 1).map(record).collect::<Vec<_>>());
                    // Whatever was torn, the next record can be read.
                    found.journal.note(&record(9)).unwrap();
                    drop(found);
                    let again = Journal::reopen(&path, &purpose(1, "a", 2)).unwrap().unwrap();
                    assert_eq!((again.records.len(), again.records.last()), (lines, Some(&record(9))));
                }
            }
        }
        // A flipped bit ends it as well.
        let mut flipped = text.clone();
        let place = text.len() - 3;
        flipped[place] ^= 1;
        fs::write(&path, &flipped).unwrap();
        assert_eq!(Journal::reopen(&path, &purpose(1, "a", 2)).unwrap().unwrap().records.len(), 2);
    }

    #[test]
    fn what_differs_is_said() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("j");
        drop(Journal::begin(&path, &purpose(1, "a", 2), true).unwrap());
        let text = |other: Purpose| Journal::reopen(&path, &other).unwrap_err().to_string();
        assert!(text(purpose(1, "a", 3)).contains("its chunks was [2] and is [3]; leave out"));
        assert!(text(purpose(1, "b", 2)).contains("its input in.npy has changed (it was a, and is b)"));
        assert!(text(purpose(2, "a", 2)).contains("what is computed is not the same"));
        let mut elsewhere = purpose(1, "a", 2);
        elsewhere.inner = "y".into();
        assert!(Journal::reopen(&path, &elsewhere).unwrap().is_none());
    }

    #[test]
    fn it_goes_with_a_run_that_fails_or_is_settled() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("j");
        drop(Journal::begin(&path, &purpose(1, "a", 2), false).unwrap());
        assert!(!path.exists());
        let kept = Journal::begin(&path, &purpose(1, "a", 2), true).unwrap();
        kept.seal(17).unwrap();
        drop(kept);
        let found = Journal::reopen(&path, &purpose(1, "a", 2)).unwrap().unwrap();
        assert_eq!(found.sealed, Some(17));
        found.journal.settle();
        assert!(!path.exists());
    }

    #[test]
    fn what_a_killed_run_has_left_is_sealed_behind_its_last_whole_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("j");
        let journal = Journal::begin(&path, &purpose(1, "a", 2), true).unwrap();
        (0..2).for_each(|place| journal.note(&record(place)).unwrap());
        drop(journal);
        let text = fs::read(&path).unwrap();
        fs::write(&path, &text[..text.len() - 3]).unwrap();
        Journal::seal_left(&path, 5).unwrap();
        let found = Journal::reopen(&path, &purpose(1, "a", 2)).unwrap().unwrap();
        assert_eq!((found.records.len(), found.sealed), (1, Some(5)));
        drop(found);
        fs::write(&path, "somebody's notes\n").unwrap();
        assert!(Journal::seal_left(&path, 5).is_err() && Journal::seal_left(&path.join("none"), 5).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "somebody's notes\n");
    }

    #[test]
    fn a_journal_that_is_written_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("j");
        let _writing = Journal::begin(&path, &purpose(1, "a", 2), true).unwrap();
        let error = Journal::reopen(&path, &purpose(1, "a", 2)).unwrap_err().to_string();
        assert!(error.contains("is being written by another process"), "{error}");
    }
}
