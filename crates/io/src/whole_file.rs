//! Files that are made in memory and written in one go.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use crate::error::{Problem, Result};
use crate::part::Part;

/// A file that is not there before all of it is: a picture, a report.
///
/// Whether it may be written is checked when this is made, so that nothing is computed in vain.
#[derive(Debug)]
pub struct WholeFile {
    part: Part,
    name: String,
}

impl WholeFile {
    /// A file at a path, which may exist only if `overwrite` is set.
    ///
    /// # Errors
    /// If it exists, is a directory, or its directory does not exist.
    pub fn new(path: &Path, overwrite: bool) -> brickwork_core::Result<Self> {
        Ok(WholeFile::checked(path, overwrite)?)
    }

    fn checked(path: &Path, overwrite: bool) -> Result<Self> {
        let name = path.display().to_string();
        if path.is_dir() {
            return Err(Problem::IsDirectory { expected: "a file" }.at(name));
        }
        Ok(WholeFile { part: Part::new(&name, path, overwrite)?, name })
    }

    /// Writes it.
    ///
    /// # Errors
    /// If the operating system refuses; then nothing is left behind.
    pub fn write(self, bytes: &[u8]) -> brickwork_core::Result<()> {
        let failed = |error| Problem::os("write", error).at(&self.name);
        let mut file = File::create(self.part.path()).map_err(failed)?;
        file.write_all(bytes).and_then(|()| file.sync_data()).map_err(failed)?;
        self.part.publish()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_comes_whole_and_is_replaced_only_if_allowed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.svg");
        let abandoned = WholeFile::new(&path, false).unwrap();
        drop(abandoned);
        assert!(!path.exists());
        WholeFile::new(&path, false).unwrap().write(b"one").unwrap();
        assert!(WholeFile::new(&path, false).unwrap_err().to_string().contains("exists already"));
        WholeFile::new(&path, true).unwrap().write(b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        assert!(WholeFile::new(directory.path(), true).unwrap_err().to_string().contains("directory"));
    }
}
