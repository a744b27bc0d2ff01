//! Spill files in a directory.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use brickwork_core::{Error, Result, SpillFile, SpillPlace, format_bytes};

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
        Arc::new(LocalSpill { file, nbytes, directory: self.clone() })
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
        Ok(Arc::new(LocalSpill { file, nbytes, directory: self.clone() }))
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
}

impl SpillFile for LocalSpill {
    fn write(&self, offset: usize, bytes: &[u8]) -> Result<()> {
        self.file.write_all_at(bytes, offset as u64).map_err(|error| {
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
