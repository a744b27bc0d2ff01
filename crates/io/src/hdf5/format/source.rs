//! A file whose superblock has been read: checked reads of metadata.
use std::sync::Arc;

use super::checksum::lookup3;
use super::cursor::Cursor;
use super::error::{Outcome, Problem, corrupt};
use crate::read_at::ReadAt;

/// The bytes of a file, where its addresses count from, and how wide they are.
#[derive(Debug)]
pub(super) struct Source {
    pub reader: Arc<dyn ReadAt>,
    /// The file's path, for errors.
    pub name: Box<str>,
    /// What addresses count from: the length of the user block.
    pub base: u64,
    pub offset_size: usize,
    pub length_size: usize,
    /// Whether checksums of metadata are compared. Only tests with hostile bytes turn it off, to get past them.
    pub verify: bool,
}

impl Source {
    /// The file's length in bytes.
    pub fn len(&self) -> u64 {
        self.reader.len()
    }

    /// Turns an address as stored into an offset in the file.
    pub fn absolute(&self, address: u64) -> Outcome<u64> {
        self.base.checked_add(address).ok_or_else(|| corrupt("address", format!("{address} is out of range")))
    }

    /// Reads `nbytes` bytes at an address as stored. Memory is taken only after the file proved long enough.
    pub fn read(&self, what: &'static str, address: u64, nbytes: u64) -> Outcome<Vec<u8>> {
        let start = self.absolute(address)?;
        let end = self.check_range(what, start, nbytes)?;
        let mut bytes = vec![0; (end - start) as usize];
        self.reader.read_exact_at(&mut bytes, start)?;
        Ok(bytes)
    }

    /// Checks that `nbytes` bytes from file offset `start` on exist and gives their end.
    pub fn check_range(&self, what: &'static str, start: u64, nbytes: u64) -> Outcome<u64> {
        let len = self.len();
        match start.checked_add(nbytes) {
            Some(end) if end <= len => Ok(end),
            end => Err(Problem::Truncated { what, start, end: end.unwrap_or(u64::MAX), len }),
        }
    }

    /// A cursor over bytes of this file.
    pub fn cursor<'a>(&self, what: &'static str, bytes: &'a [u8]) -> Cursor<'a> {
        Cursor::new(what, bytes, self.offset_size, self.length_size)
    }

    /// Checks bytes that end in their lookup3 checksum and gives the bytes before it.
    pub fn checked<'a>(&self, what: &'static str, bytes: &'a [u8]) -> Outcome<&'a [u8]> {
        let Some((data, stored)) = bytes.split_last_chunk::<4>() else {
            return Err(corrupt(what, "too short for a checksum"));
        };
        let stored = u32::from_le_bytes(*stored);
        let computed = lookup3(data);
        if self.verify && stored != computed {
            return Err(corrupt(what, format!("checksum is {stored:#010x}, bytes give {computed:#010x}")));
        }
        Ok(data)
    }

    /// What one walk over linked structures may read.
    pub fn budget(&self) -> Budget {
        // Distinct structures cannot overlap; the factor leaves room for reading some of them again.
        Budget { left: self.len().saturating_mul(4).saturating_add(4096) }
    }
}

/// Bounds a walk over linked structures: a walk that reads more than the file holds goes round in a circle, or
/// through structures that lie on top of each other.
#[derive(Debug)]
pub(super) struct Budget {
    left: u64,
}

impl Budget {
    /// Notes that `nbytes` more bytes are read or kept.
    pub fn spend(&mut self, what: &'static str, nbytes: u64) -> Outcome<()> {
        self.left = self.left.checked_sub(nbytes).ok_or_else(|| {
            corrupt(what, "its parts take more bytes than the file has: they form a circle or overlap")
        })?;
        Ok(())
    }

    /// Reads within the budget.
    pub fn read(
        &mut self,
        source: &Source,
        what: &'static str,
        address: u64,
        nbytes: u64,
    ) -> Outcome<Vec<u8>> {
        self.spend(what, nbytes)?;
        source.read(what, address, nbytes)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A source over bytes in memory with 8-byte addresses.
    pub fn memory(bytes: Vec<u8>) -> Source {
        Source {
            reader: Arc::new(bytes),
            name: "memory".into(),
            base: 0,
            offset_size: 8,
            length_size: 8,
            verify: true,
        }
    }

    #[test]
    fn reads_beyond_the_end_say_which_bytes() {
        let source = memory(vec![0; 10]);
        assert_eq!(source.read("node", 4, 6).unwrap().len(), 6);
        let error = source.read("node", 4, 7).unwrap_err().to_string();
        assert_eq!(error, "truncated: node needs bytes 4..11, the file has 10");
        assert!(source.read("node", 4, u64::MAX).is_err());
        assert!(Source { base: 5, ..memory(vec![]) }.absolute(u64::MAX).is_err());
    }

    #[test]
    fn a_walk_cannot_read_more_than_the_file() {
        let source = memory(vec![0; 10_000]);
        let mut budget = source.budget();
        let error = (0..10).find_map(|_| budget.read(&source, "tree", 0, 10_000).err()).unwrap();
        assert!(error.to_string().contains("circle"), "{error}");
    }
}
