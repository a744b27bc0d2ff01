//! One object of a store, read by position.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use super::requests::{Fetch, Remote};
use crate::error::Problem;
use crate::handles::FileStamp;
use crate::read_at::{ReadAt, Started};

/// Small reads, of metadata, are served from blocks of this many bytes.
const BLOCK: u64 = 256 << 10;
/// Blocks that are kept of an object, the most recently used.
const KEPT_BLOCKS: usize = 8;

/// An object that does not change while it is read: an answer of another version of it is an error.
#[derive(Debug)]
pub(crate) struct RemoteObject {
    place: Remote,
    stamp: FileStamp,
    /// By number; the one used last is last.
    blocks: Mutex<VecDeque<(u64, Arc<Vec<u8>>)>>,
}

impl RemoteObject {
    /// The object that a URL names.
    ///
    /// # Errors
    /// If there is none, or it cannot be looked at.
    pub fn open(url: &str) -> Result<Self, Problem> {
        let place = Remote::open(url)?;
        let stamp = place.stamp("")?.ok_or(Problem::NoObject { authority: place.scheme().authority() })?;
        Ok(RemoteObject { place, stamp, blocks: Mutex::default() })
    }

    /// What tells whether it has changed.
    pub fn stamp(&self) -> FileStamp {
        self.stamp
    }

    fn fetch(&self, offset: u64, len: u64) -> io::Result<Fetch> {
        let end = offset.checked_add(len).filter(|&end| end <= self.stamp.len);
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        self.place.fetch("", Some(offset..end)).map_err(io::Error::other)
    }

    fn block(&self, number: u64) -> io::Result<Arc<Vec<u8>>> {
        {
            let mut blocks = self.blocks.lock();
            if let Some(at) = blocks.iter().position(|(known, _)| *known == number)
                && let Some(found) = blocks.remove(at)
            {
                let bytes = found.1.clone();
                blocks.push_back(found);
                return Ok(bytes);
            }
        }
        // Fetched without the lock: two threads may fetch the same block, which does no harm.
        let start = number * BLOCK;
        let fetch = self.fetch(start, BLOCK.min(self.stamp.len.saturating_sub(start)))?;
        let bytes = Arc::new(finished(fetch, self.stamp)?);
        let mut blocks = self.blocks.lock();
        if blocks.len() >= KEPT_BLOCKS {
            blocks.pop_front();
        }
        blocks.push_back((number, bytes.clone()));
        Ok(bytes)
    }
}

impl ReadAt for RemoteObject {
    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let len = buf.len() as u64;
        if len == 0 {
            return Ok(());
        }
        if offset.checked_add(len).is_none_or(|end| end > self.stamp.len) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if len >= BLOCK {
            buf.copy_from_slice(&finished(self.fetch(offset, len)?, self.stamp)?);
            return Ok(());
        }
        let mut done = 0;
        while done < buf.len() {
            let at = offset + done as u64;
            let block = self.block(at / BLOCK)?;
            let from = &block[(at % BLOCK) as usize..];
            let count = from.len().min(buf.len() - done);
            buf[done..done + count].copy_from_slice(&from[..count]);
            done += count;
        }
        Ok(())
    }

    fn len(&self) -> u64 {
        self.stamp.len
    }

    fn start(&self, offset: u64, len: usize) -> Option<io::Result<Box<dyn Started>>> {
        let started = self.fetch(offset, len as u64);
        Some(started.map(|fetch| Box::new(Range { fetch, stamp: self.stamp }) as Box<dyn Started>))
    }
}

/// A range that has been asked for.
struct Range {
    fetch: Fetch,
    stamp: FileStamp,
}

impl Started for Range {
    fn finish(self: Box<Self>) -> io::Result<Vec<u8>> {
        finished(self.fetch, self.stamp)
    }
}

fn finished(fetch: Fetch, stamp: FileStamp) -> io::Result<Vec<u8>> {
    let stored = fetch.finish().map_err(io::Error::other)?;
    let Some(stored) = stored else {
        let change = "it is gone".to_owned();
        return Err(io::Error::other(Problem::Changed { change }));
    };
    stamp.check_same(stored.stamp).map_err(io::Error::other)?;
    Ok(stored.bytes)
}
