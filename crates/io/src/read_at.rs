//! Positional reads: the only way in which the readers of files touch them, wherever these are.

use std::fmt::Debug;
use std::fs;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes that can be read at any offset, from any thread, without a shared position.
pub trait ReadAt: Debug + Send + Sync {
    /// Fills `buf` with the bytes from `offset` on.
    ///
    /// # Errors
    /// `UnexpectedEof` if fewer bytes are left; else what the store says.
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()>;

    /// The length in bytes.
    fn len(&self) -> u64;

    /// Whether there are no bytes at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Asks for bytes without waiting for them; `None` where reads are local and best done when they are needed.
    fn start(&self, _offset: u64, _len: usize) -> Option<io::Result<Box<dyn Started>>> {
        None
    }
}

/// Bytes that have been asked for.
pub trait Started: Send {
    /// Waits for them.
    ///
    /// # Errors
    /// As [`ReadAt::read_exact_at`].
    fn finish(self: Box<Self>) -> io::Result<Vec<u8>>;
}

/// A local file, its length taken when it was opened.
#[derive(Debug)]
pub struct LocalFile {
    file: fs::File,
    len: u64,
}

impl LocalFile {
    /// Opens a file for reading.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn open(path: impl AsRef<std::path::Path>) -> io::Result<Self> {
        let file = fs::File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a directory, not a file"));
        }
        Ok(Self { file, len: metadata.len() })
    }
}

impl LocalFile {
    /// A file that is open already, and its length.
    #[cfg(any(feature = "npy", feature = "zarr", feature = "hdf5"))]
    pub(crate) fn from(file: fs::File, len: u64) -> Self {
        Self { file, len }
    }
}

impl ReadAt for LocalFile {
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buf, offset)
    }

    fn len(&self) -> u64 {
        self.len
    }
}

impl ReadAt for Vec<u8> {
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let bytes = usize::try_from(offset)
            .ok()
            .and_then(|start| self.get(start..start.checked_add(buf.len())?))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        buf.copy_from_slice(bytes);
        Ok(())
    }

    fn len(&self) -> u64 {
        self.as_slice().len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_in_memory_are_read_at_any_offset() {
        let bytes: Vec<u8> = (0..10).collect();
        let mut buf = [0; 3];
        bytes.read_exact_at(&mut buf, 7).unwrap();
        assert_eq!(buf, [7, 8, 9]);
        assert_eq!(bytes.read_exact_at(&mut buf, 8).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert!(bytes.read_exact_at(&mut buf, u64::MAX).is_err());
    }

    #[test]
    fn a_directory_is_refused() {
        let error = LocalFile::open(std::env::temp_dir()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
    }
}
