//! Bytes of a new file on their way to the disk while the rest of it is still computed.
//!
//! A file is synced before it takes its target's place. The system begins to write pages out late, many seconds after they
//! were written, so the sync would wait for nearly all of a file, with nothing else to do meanwhile.

use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many bytes of a file are waited for before the system is told to write them out: enough for long transfers.
const AT_ONCE: u64 = 8 << 20;

/// Counts the bytes that are written to a file.
#[derive(Debug, Default)]
pub(crate) struct WriteBack {
    bytes: AtomicU64,
}

impl WriteBack {
    /// So many bytes of a file have been written. Now and then, all that are not on their way to the disk are sent.
    pub fn wrote(&self, file: &File, nbytes: u64) {
        let before = self.bytes.fetch_add(nbytes, Ordering::Relaxed);
        if before / AT_ONCE != (before + nbytes) / AT_ONCE {
            send(file);
        }
    }
}

/// Tells the system to begin to write what it has not written yet. It does not matter if it cannot: the sync does it.
#[cfg(target_os = "linux")]
fn send(file: &File) {
    use std::os::fd::AsRawFd;
    // SAFETY: the descriptor is open as long as the file is borrowed; no memory is handed over.
    unsafe { libc::sync_file_range(file.as_raw_fd(), 0, 0, libc::SYNC_FILE_RANGE_WRITE) };
}

#[cfg(not(target_os = "linux"))]
fn send(_file: &File) {}
