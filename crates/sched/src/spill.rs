//! Spill files in a directory.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use brickwork_core::{Error, Result, SpillFile, SpillPlace, format_bytes};

use crate::clock::nanoseconds;

/// A local directory for spill files. They have no name there, so that nothing is left, however a run ends.
#[derive(Debug, Clone)]
pub struct SpillDirectory {
    path: PathBuf,
    is_chosen: bool,
}

impl SpillDirectory {
    /// This directory, whatever is written.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        SpillDirectory { path: path.into(), is_chosen: true }
    }

    /// The directory that results are written to, if they go to a local disk; else the system's directory for
    /// temporary files.
    pub fn automatic() -> Self {
        SpillDirectory { path: std::env::temp_dir(), is_chosen: false }
    }

    /// A spill file that another process has made here.
    pub(crate) fn opened(&self, file: File, nbytes: usize) -> Arc<dyn SpillFile> {
        Arc::new(LocalSpill { file, nbytes, directory: self.clone(), pace: Pace::default() })
    }

    fn failed(&self, what: &str, error: io::Error) -> Error {
        Error::io(self.name(), format!("{what}: {error}"), error)
    }
}

impl SpillPlace for SpillDirectory {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn room(&self) -> Result<usize> {
        let found = rustix::fs::statvfs(&self.path).map_err(|error| {
            self.failed("cannot tell how much room there is for spill files", error.into())
        })?;
        Ok(usize::try_from(found.f_bavail.saturating_mul(found.f_frsize)).unwrap_or(usize::MAX))
    }

    fn create(&self, nbytes: usize) -> Result<Arc<dyn SpillFile>> {
        let failed = |error| self.failed("cannot make a spill file", error);
        let file = nameless(&self.path).map_err(failed)?;
        file.set_len(nbytes as u64).map_err(failed)?;
        Ok(self.opened(file, nbytes))
    }

    fn beside(&self, directory: &Path) -> Option<Arc<dyn SpillPlace>> {
        if self.is_chosen {
            return None;
        }
        // The directory itself may be made only when the run begins.
        let there =
            directory.ancestors().map(|path| if path.as_os_str().is_empty() { Path::new(".") } else { path });
        let path = { there }.find(|path| path.is_dir())?;
        Some(Arc::new(SpillDirectory { path: path.to_owned(), is_chosen: true }))
    }
}

/// A file that no directory names: it goes when it is closed, by whatever.
pub(crate) fn nameless(directory: &Path) -> io::Result<File> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{Mode, OFlags, open};
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        if let Ok(file) = open(directory, flags, Mode::RUSR | Mode::WUSR) {
            return Ok(file.into());
        }
    }
    // Not every file system can do that: then the name is taken away as soon as there is one.
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = directory.join(format!(".brickwork-spill-{}-{number}", std::process::id()));
    let file = File::options().read(true).write(true).create_new(true).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

#[derive(Debug)]
struct LocalSpill {
    file: File,
    nbytes: usize,
    directory: SpillDirectory,
    pace: Pace,
}

/// How fast a file takes bytes: those of lately, and the time that they took.
#[derive(Debug, Default)]
struct Pace {
    bytes: AtomicU64,
    nanoseconds: AtomicU64,
}

/// Fewer bytes at once say little of a disk.
const LEAST_MEASURED: usize = 16 << 10;

/// Bytes before anything is said, and those after which the ones before count half.
const LEAST_PACE: u64 = 4 << 20;
const LATELY: u64 = 64 << 20;

impl Pace {
    /// Takes note of a write. Threads may count past each other: it is a guess anyway.
    fn note(&self, bytes: usize, nanoseconds: u64) {
        let all = self.bytes.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64;
        let time = self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed) + nanoseconds;
        if all > LATELY {
            self.bytes.fetch_sub(all / 2, Ordering::Relaxed);
            self.nanoseconds.fetch_sub(time / 2, Ordering::Relaxed);
        }
    }

    /// Bytes a second.
    fn get(&self) -> Option<f64> {
        let bytes = self.bytes.load(Ordering::Relaxed);
        let time = self.nanoseconds.load(Ordering::Relaxed);
        (bytes >= LEAST_PACE).then(|| bytes as f64 * 1e9 / time.max(1) as f64)
    }
}

impl SpillFile for LocalSpill {
    fn write(&self, offset: usize, bytes: &[u8]) -> Result<()> {
        let start = nanoseconds();
        let written = self.file.write_all_at(bytes, offset as u64);
        if bytes.len() >= LEAST_MEASURED {
            self.pace.note(bytes.len(), nanoseconds().saturating_sub(start));
        }
        written.map_err(|error| {
            let whole = format_bytes(self.nbytes);
            let help = match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    "; choose a directory with more room (--spill DIR on the command line), or allow more memory"
                }
                _ => "",
            };
            let what = format!("cannot write to a spill file of {whole}: {error}{help}");
            Error::io(self.directory.name(), what, error)
        })
    }

    fn read(&self, offset: usize, into: &mut [u8]) -> Result<()> {
        let failed = |error| self.directory.failed("cannot read from a spill file", error);
        self.file.read_exact_at(into, offset as u64).map_err(failed)
    }

    fn file(&self) -> Option<&File> {
        Some(&self.file)
    }

    fn name(&self) -> String {
        self.directory.name()
    }

    fn speed(&self) -> Option<f64> {
        self.pace.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spill_file_has_no_name() {
        let directory = tempfile::tempdir().unwrap();
        let place = SpillDirectory::new(directory.path());
        let file = place.create(100).unwrap();
        file.write(90, &[7; 10]).unwrap();
        let mut found = [1; 20];
        file.read(80, &mut found).unwrap();
        assert_eq!((found[9], found[10]), (0, 7));
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
        assert!(place.room().unwrap() > 0);
    }

    #[test]
    fn what_a_file_took_lately_says_how_fast_it_is() {
        let pace = Pace::default();
        pace.note(1 << 20, 1_000_000);
        assert_eq!(pace.get(), None, "too little to say");
        pace.note(7 << 20, 7_000_000);
        let speed = pace.get().unwrap();
        assert!((speed - 1.05e9).abs() < 0.01e9, "{speed}");
        for _ in 0..400 {
            pace.note(1 << 20, 10_000_000);
        }
        let speed = pace.get().unwrap();
        assert!((speed - 0.105e9).abs() < 0.01e9, "{speed}");
    }

    #[test]
    fn a_directory_that_is_missing_is_named() {
        let place = SpillDirectory::new("/nowhere/at/all");
        let error = place.create(1).unwrap_err().to_string();
        assert!(error.starts_with("/nowhere/at/all: cannot make a spill file: "), "{error}");
        assert!(place.room().is_err());
    }

    #[test]
    fn only_a_directory_that_nobody_chose_gives_way() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("not/yet");
        assert!(SpillDirectory::new("/tmp").beside(&target).is_none());
        let beside = SpillDirectory::automatic().beside(&target).unwrap();
        assert_eq!(beside.name(), directory.path().display().to_string());
    }
}
