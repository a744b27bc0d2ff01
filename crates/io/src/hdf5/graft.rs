//! What is to be changed in a file that is written in place, kept beside it until all of it is changed.
//!
//! The few pages of an HDF5 file that say where everything is are replaced one after the other, and in between the file
//! is neither what it was nor what it will be. So what they will be is written to a file of its own first, with a hash
//! at its end: one that is whole can be followed again and again until the file is whole too, and where it is torn the
//! file has not been touched. As long as they change, the file has no signature: a file that has one is whole.
//!
//! Journals of what is added are sealed while the file has none, for only then is it sure that it will be in the file, and
//! not yet. So whoever resumes the run finds either a seal and what was added, or neither.

use std::fs::{self, File, OpenOptions};
use std::io;
#[cfg(feature = "hdf5-write")]
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use crate::error::Problem;
use crate::journal::Journal;
use crate::uri::Location;

const MAGIC: &[u8; 16] = b"brickwork graft\n";
/// What an HDF5 file begins with. Without it no program takes the file for one.
const SIGNATURE: &[u8; 8] = b"\x89HDF\r\n\x1a\n";

/// Bytes that change places in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Graft {
    /// Where in the file its signature is.
    pub signature: u64,
    /// Offsets, and what will be there.
    pub changes: Vec<(u64, Vec<u8>)>,
    /// Names of the files beside it that are the journals of what is added.
    pub journals: Vec<String>,
}

/// How putting a graft failed.
#[cfg(feature = "hdf5-write")]
#[derive(Debug)]
pub(super) enum Failed {
    /// The file is as it was.
    Before(io::Error),
    /// The file is half written, or whole: nothing of what was added may be taken away again.
    Within(io::Error),
}

impl Graft {
    /// Puts them into a file, or nothing: once this has written the graft beside it, whoever is told of it can finish.
    /// Nobody else may write the file meanwhile.
    #[cfg(feature = "hdf5-write")]
    pub fn put(&self, file: &File, path: &Path) -> Result<(), Failed> {
        let beside = beside(path);
        let written = File::create(&beside).and_then(|mut kept| {
            kept.write_all(&self.encoded())?;
            kept.sync_all()?;
            // The name is to be there too when the power fails.
            File::open(beside.parent().unwrap_or(Path::new(".")))?.sync_all()
        });
        if let Err(error) = written.and_then(|()| step()) {
            let _ = fs::remove_file(&beside);
            return Err(Failed::Before(error));
        }
        self.apply(file, path).map_err(Failed::Within)?;
        // Where it stays, it is over all the same.
        let _ = step().and_then(|()| fs::remove_file(&beside));
        Ok(())
    }

    /// Whether the file is whole without it: it has its signature while nothing of it has been changed yet, and again when
    /// everything has. Other programs may have written to it since, so the graft means nothing any more.
    fn is_over(&self, path: &Path) -> bool {
        let mut found = [0; SIGNATURE.len()];
        let read = File::open(path).and_then(|file| file.read_exact_at(&mut found, self.signature));
        read.is_ok() && found == *SIGNATURE
    }

    /// Replaces the bytes. While that lasts, the file has no signature.
    fn apply(&self, file: &File, path: &Path) -> io::Result<()> {
        file.write_all_at(&[0; SIGNATURE.len()], self.signature)?;
        step()?;
        file.sync_data()?;
        self.seal(file, path);
        step()?;
        for (offset, bytes) in &self.changes {
            let mut bytes = bytes.clone();
            for place in self.signature..self.signature + SIGNATURE.len() as u64 {
                let at = place.checked_sub(*offset).and_then(|at| bytes.get_mut(at as usize));
                at.into_iter().for_each(|byte| *byte = 0);
            }
            file.write_all_at(&bytes, *offset)?;
            step()?;
        }
        file.sync_data()?;
        file.write_all_at(SIGNATURE, self.signature)?;
        step()?;
        file.sync_data()
    }

    /// Seals the journals. That the file becomes whole does not hang on it: one that cannot be sealed only makes a run
    /// that is resumed say that what it writes exists.
    fn seal(&self, file: &File, path: &Path) {
        let Ok(metadata) = file.metadata() else { return };
        for name in &self.journals {
            let _ = Journal::seal_left(&path.with_file_name(name), metadata.ino());
        }
    }

    /// Leaves it beside a file as a run does that is killed.
    #[cfg(all(test, feature = "hdf5-write"))]
    pub fn keep_beside(&self, path: &Path) {
        fs::write(beside(path), self.encoded()).unwrap();
    }

    fn encoded(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(self.signature.to_le_bytes());
        bytes.extend((self.changes.len() as u64).to_le_bytes());
        for (offset, change) in &self.changes {
            bytes.extend(offset.to_le_bytes());
            bytes.extend((change.len() as u64).to_le_bytes());
            bytes.extend(change);
        }
        for name in &self.journals {
            bytes.extend((name.len() as u64).to_le_bytes());
            bytes.extend(name.as_bytes());
        }
        bytes.extend(xxh3_64(&bytes).to_le_bytes());
        bytes
    }

    /// From the bytes of a file; `None` if they are torn.
    fn decoded(bytes: &[u8]) -> Option<Self> {
        let (content, hash) = bytes.split_last_chunk::<8>()?;
        if xxh3_64(content) != u64::from_le_bytes(*hash) {
            return None;
        }
        let mut rest = content.strip_prefix(MAGIC)?;
        let number = |rest: &mut &[u8]| {
            let (number, behind) = rest.split_first_chunk::<8>()?;
            *rest = behind;
            Some(u64::from_le_bytes(*number))
        };
        let (signature, count) = (number(&mut rest)?, number(&mut rest)?);
        let mut changes = Vec::new();
        for _ in 0..count {
            let (offset, len) = (number(&mut rest)?, number(&mut rest)?);
            let (change, behind) = rest.split_at_checked(usize::try_from(len).ok()?)?;
            offset.checked_add(len)?;
            changes.push((offset, change.to_vec()));
            rest = behind;
        }
        let mut journals = Vec::new();
        while !rest.is_empty() {
            let len = number(&mut rest)?;
            let (name, behind) = rest.split_at_checked(usize::try_from(len).ok()?)?;
            journals.push(String::from_utf8(name.to_vec()).ok().filter(|name| !name.contains('/'))?);
            rest = behind;
        }
        signature.checked_add(SIGNATURE.len() as u64)?;
        Some(Graft { signature, changes, journals })
    }
}

/// Fails if a file is between what it was and what it will be.
pub(super) fn check(path: &str) -> Result<(), Problem> {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.into());
    match fs::read(beside(&path)) {
        Ok(bytes) if Graft::decoded(&bytes).is_some_and(|graft| !graft.is_over(&path)) => {
            let reason = format!(
                "is half written: a run that changed it in place is at work, or has been killed; if it was killed, \
                 `brickwork recover {}` finishes its work",
                path.display()
            );
            Err(Problem::Misuse { reason })
        }
        _ => Ok(()),
    }
}

/// Finishes what a run that wrote a file in place and was killed has begun; says whether there was anything.
///
/// # Errors
/// If another program has the file open, or it cannot be written.
pub fn recover(uri: &str) -> brickwork_core::Result<bool> {
    let location = Location::parse(uri)?;
    Ok(finish(&location.path).map_err(|problem| problem.at(&location.uri))?)
}

/// [`recover`], by the path of the file.
pub(super) fn finish(path: &Path) -> Result<bool, Problem> {
    let path = fs::canonicalize(path).map_err(|error| Problem::os("look at the file", error))?;
    let beside = beside(&path);
    if !beside.exists() {
        return Ok(false);
    }
    let failed = |error| Problem::os("finish what a killed run has begun", error);
    let file = OpenOptions::new().read(true).write(true).open(&path).map_err(failed)?;
    locked(&file)?;
    let bytes = match fs::read(&beside) {
        Ok(bytes) => bytes,
        // Its run has ended meanwhile.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(failed(error)),
    };
    let Some(graft) = Graft::decoded(&bytes) else {
        // It was torn before the file was touched, unless it was damaged later: then it must not get lost.
        if !has_signature(&file) {
            let reason = format!(
                "has no HDF5 signature, and {} does not say how it was to be finished: it is damaged",
                beside.display()
            );
            return Err(Problem::Misuse { reason });
        }
        fs::remove_file(&beside).map_err(failed)?;
        return Ok(false);
    };
    let is_begun = !graft.is_over(&path);
    if is_begun {
        graft.apply(&file, &path).map_err(failed)?;
    }
    fs::remove_file(&beside).map_err(failed)?;
    Ok(is_begun)
}

/// Whether there is a signature where one may be: at the start, or behind a user block.
fn has_signature(file: &File) -> bool {
    let mut found = [0; SIGNATURE.len()];
    let mut offset = 0;
    while file.read_exact_at(&mut found, offset).is_ok() {
        if found == *SIGNATURE {
            return true;
        }
        offset = if offset == 0 { 512 } else { 2 * offset };
    }
    false
}

/// Keeps every other program away from a file, as far as these and the file system know locks.
pub(super) fn locked(file: &File) -> Result<(), Problem> {
    match file.try_lock() {
        Err(fs::TryLockError::WouldBlock) => {
            let reason = "is open in another program, or in this one; close it there first".into();
            Err(Problem::Misuse { reason })
        }
        Ok(()) | Err(fs::TryLockError::Error(_)) => Ok(()),
    }
}

/// Between two steps that change a file: here tests look at what a run leaves that is killed, or make the next one fail.
fn step() -> io::Result<()> {
    #[cfg(test)]
    tests::at_step()?;
    Ok(())
}

/// Where a graft is kept until its file is whole.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.graft"))
}

#[cfg(test)]
pub(super) mod tests {
    use std::cell::RefCell;

    use super::*;

    /// Is called at every step of this thread's grafts.
    type Watcher = Box<dyn FnMut() -> io::Result<()>>;

    thread_local! {
        static WATCHER: RefCell<Option<Watcher>> = RefCell::default();
    }

    pub fn at_step() -> io::Result<()> {
        WATCHER.with_borrow_mut(|watcher| watcher.as_mut().map_or(Ok(()), |watcher| watcher()))
    }

    /// Runs something while a watcher is called at every step.
    pub fn watched<T>(watcher: Watcher, run: impl FnOnce() -> T) -> T {
        WATCHER.set(Some(watcher));
        let result = run();
        WATCHER.set(None);
        result
    }

    fn graft() -> Graft {
        Graft {
            signature: 0,
            changes: vec![(0, b"\x89HDF\r\n\x1a\nnew".to_vec()), (20, b"more".to_vec())],
            journals: vec!["a.journal".into(), "b.journal".into()],
        }
    }

    #[test]
    fn what_is_torn_at_any_byte_is_told_from_what_is_whole() {
        let whole = graft().encoded();
        assert_eq!(Graft::decoded(&whole), Some(graft()));
        for len in 0..whole.len() {
            assert_eq!(Graft::decoded(&whole[..len]), None, "{len}");
        }
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            assert_eq!(Graft::decoded(&damaged), None, "{at}");
        }
    }

    #[test]
    fn a_file_is_refused_until_its_graft_is_finished() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.h5");
        let link = directory.path().join("link.h5");
        fs::write(&path, [b"\0\0\0\0\0\0\0\0old".as_slice(), &[b'.'; 20]].concat()).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(check(path.to_str().unwrap()).is_ok() && !finish(&path).unwrap());
        fs::write(beside(&path), &graft().encoded()[..30]).unwrap();
        assert!(check(path.to_str().unwrap()).is_ok(), "torn, so the file is as it was");
        fs::write(beside(&path), graft().encoded()).unwrap();
        for place in [&path, &link] {
            let message = check(place.to_str().unwrap()).unwrap_err().to_string();
            assert!(message.contains("`brickwork recover "), "{message}");
        }
        let reader = File::open(&path).unwrap();
        reader.lock_shared().unwrap();
        assert!(finish(&path).unwrap_err().to_string().contains("close it there"));
        drop(reader);
        assert!(finish(&link).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"\x89HDF\r\n\x1a\nnew.........more.......");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
        // Killed when it was done, or before it began: whoever has written to the file since must not lose that.
        fs::write(beside(&path), graft().encoded()).unwrap();
        OpenOptions::new().write(true).open(&path).unwrap().write_all_at(b"NEW", 8).unwrap();
        assert!(check(path.to_str().unwrap()).is_ok() && !finish(&path).unwrap() && !beside(&path).exists());
        assert_eq!(&fs::read(&path).unwrap()[8..11], b"NEW");
        fs::write(beside(&path), b"torn").unwrap();
        assert!(!finish(&path).unwrap() && !beside(&path).exists());
        // What does not say how to go on is not thrown away where it would have been needed.
        fs::write(beside(&path), b"torn").unwrap();
        fs::write(&path, [0; 2000]).unwrap();
        assert!(finish(&path).unwrap_err().to_string().contains("it is damaged") && beside(&path).exists());
        fs::write(&path, [[0; 512].as_slice(), SIGNATURE].concat()).unwrap();
        assert!(!finish(&path).unwrap() && !beside(&path).exists(), "behind a user block");
    }
}
