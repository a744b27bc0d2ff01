//! Zip files, read by position: the list of entries at the end, then each entry where it is.
//!
//! Entries that are stored as they are or deflated are read, with 64-bit lengths too. An entry is found by its name as
//! it stands in the list, so that none leads out of the file.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use libdeflater::Decompressor;

use crate::error::Problem;
use crate::handles::FileStamp;
use crate::read_at::ReadAt;

const WHAT: &str = "zip file";
/// Behind the list of entries: its fixed part, and a comment of at most 65535 bytes.
const END: usize = 22;
const MOST_COMMENT: usize = 0xffff;
/// The longest list that is read: of some million entries.
const MOST_LISTED: u64 = 1 << 30;
/// Deflate makes nothing more than this many times shorter.
const MOST_RATIO: u64 = 1032;

/// A zip file whose list of entries has been read.
#[derive(Debug)]
pub(crate) struct ZipArchive {
    reader: Arc<dyn ReadAt>,
    stamp: FileStamp,
    entries: BTreeMap<String, Entry>,
}

/// Where an entry is, and how it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Offset of what stands before its bytes.
    header: u64,
    stored: u64,
    len: u64,
    method: u16,
    crc: u32,
}

impl Entry {
    /// Bytes when it is unpacked.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Bytes in the file.
    pub fn stored_len(&self) -> u64 {
        self.stored
    }

    /// Whether it is stored as it is.
    pub fn is_plain(&self) -> bool {
        self.method == 0
    }
}

impl ZipArchive {
    /// Reads the list of entries.
    ///
    /// # Errors
    /// If this is no zip file, it is damaged, or has several parts.
    pub fn open(reader: Arc<dyn ReadAt>, stamp: FileStamp) -> Result<Self, Problem> {
        let failed = |error| Problem::os("read the zip file", error);
        let len = reader.len();
        let tail_len = len.min((END + MOST_COMMENT + 20) as u64);
        let mut tail = vec![0; tail_len as usize];
        reader.read_exact_at(&mut tail, len - tail_len).map_err(failed)?;
        let end = (0..=tail.len().saturating_sub(END))
            .rev()
            .find(|&at| tail.len() >= END && tail[at..].starts_with(b"PK\x05\x06"));
        let Some(end) = end else {
            let reason = "is a file; a Zarr array is a directory or a zip file".into();
            return Err(Problem::Misuse { reason });
        };
        let (mut count, mut listed, mut start) = (
            u64::from(u16_at(&tail, end + 10)),
            u64::from(u32_at(&tail, end + 12)),
            u64::from(u32_at(&tail, end + 16)),
        );
        // With 64-bit lengths, a pointer to the longer form stands right before.
        if let Some(pointer) = end.checked_sub(20).filter(|&at| tail[at..].starts_with(b"PK\x06\x07")) {
            let at = u64_at(&tail, pointer + 8);
            let mut long = [0; 56];
            reader.read_exact_at(&mut long, at).map_err(failed)?;
            if !long.starts_with(b"PK\x06\x06") {
                return Err(corrupt("its end is damaged"));
            }
            (count, listed, start) = (u64_at(&long, 32), u64_at(&long, 40), u64_at(&long, 48));
        }
        if start.checked_add(listed).is_none_or(|end| end > len)
            || listed > MOST_LISTED
            || count > listed / 46
        {
            return Err(corrupt("the list of its entries is damaged, or the file was cut off"));
        }
        let mut list = vec![0; listed as usize];
        reader.read_exact_at(&mut list, start).map_err(failed)?;
        let entries = entries(&list, count, len)?;
        Ok(ZipArchive { reader, stamp, entries })
    }

    /// What tells whether the file has changed.
    #[cfg_attr(not(feature = "zarr"), allow(dead_code, reason = "others keep it themselves"))]
    pub fn stamp(&self) -> FileStamp {
        self.stamp
    }

    /// The entry of a name.
    pub fn entry(&self, name: &str) -> Option<Entry> {
        self.entries.get(name).copied()
    }

    /// The names of all entries, sorted.
    #[cfg(feature = "npy")]
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// What it is read from.
    #[cfg(feature = "npy")]
    pub fn reader(&self) -> &Arc<dyn ReadAt> {
        &self.reader
    }

    /// The names directly below a prefix, sorted.
    #[cfg_attr(not(feature = "zarr"), allow(dead_code, reason = "others have no groups"))]
    pub fn names(&self, prefix: &str) -> Vec<String> {
        let below = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        let found = self.entries.range(below.clone()..).map_while(|(name, _)| name.strip_prefix(&below));
        let names: BTreeSet<&str> =
            found.filter_map(|rest| rest.split('/').next()).filter(|name| !name.is_empty()).collect();
        names.into_iter().map(str::to_owned).collect()
    }

    /// The bytes of an entry.
    ///
    /// # Errors
    /// If they are damaged, encrypted, or packed in another way than by deflate.
    pub fn read(&self, entry: &Entry) -> Result<Vec<u8>, Problem> {
        let failed = |error| Problem::os("read the zip file", error);
        if !matches!(entry.method, 0 | 8) {
            let what = format!("an entry of a zip file packed by method {}", entry.method);
            return Err(Problem::unreadable(what, "stored and deflated ones can"));
        }
        let start = self.data_start(entry).map_err(failed)?;
        let mut stored = vec![0; entry.stored as usize];
        self.reader.read_exact_at(&mut stored, start).map_err(failed)?;
        let bytes = if entry.is_plain() {
            stored
        } else {
            let mut bytes = vec![0; entry.len as usize];
            let found = Decompressor::new().deflate_decompress(&stored, &mut bytes);
            if found.ok() != Some(bytes.len()) {
                return Err(corrupt("an entry cannot be unpacked"));
            }
            bytes
        };
        // A fuzzer would hardly guess a checksum, and so never see what is behind it.
        if libdeflater::crc32(&bytes) != entry.crc && !cfg!(fuzzing) {
            return Err(corrupt("an entry has another checksum than the list says"));
        }
        Ok(bytes)
    }

    /// A part of an entry that is stored as it is.
    #[cfg_attr(not(feature = "zarr"), allow(dead_code, reason = "others read the file itself"))]
    pub fn read_part(&self, entry: &Entry, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        if offset.checked_add(buffer.len() as u64).is_none_or(|end| end > entry.stored) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let start = self.data_start(entry)? + offset;
        self.reader.read_exact_at(buffer, start)
    }

    /// Where the bytes of an entry begin. Name and extra fields stand before the bytes once more, and may be longer there than in the list.
    pub fn data_start(&self, entry: &Entry) -> io::Result<u64> {
        let mut header = [0; 30];
        self.reader.read_exact_at(&mut header, entry.header)?;
        if !header.starts_with(b"PK\x03\x04") {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the head of an entry is damaged"));
        }
        Ok(entry.header + 30 + u64::from(u16_at(&header, 26)) + u64::from(u16_at(&header, 28)))
    }
}

/// Reads the list. The last of several entries of one name counts, as it does for whoever adds to zip files.
fn entries(list: &[u8], count: u64, file_len: u64) -> Result<BTreeMap<String, Entry>, Problem> {
    let mut entries = BTreeMap::new();
    let mut rest = list;
    for _ in 0..count {
        let cut_off = || corrupt("the list of its entries ends early");
        if !rest.starts_with(b"PK\x01\x02") || rest.len() < 46 {
            return Err(cut_off());
        }
        let (name_len, extra_len, comment_len) =
            (u16_at(rest, 28) as usize, u16_at(rest, 30) as usize, u16_at(rest, 32) as usize);
        let name = rest.get(46..46 + name_len).ok_or_else(cut_off)?;
        let extra = rest.get(46 + name_len..46 + name_len + extra_len).ok_or_else(cut_off)?;
        let mut entry = Entry {
            header: u64::from(u32_at(rest, 42)),
            stored: u64::from(u32_at(rest, 20)),
            len: u64::from(u32_at(rest, 24)),
            method: u16_at(rest, 10),
            crc: u32_at(rest, 16),
        };
        let is_encrypted = u16_at(rest, 8) & 1 != 0;
        rest = rest.get(46 + name_len + extra_len + comment_len..).ok_or_else(cut_off)?;
        let longer = [&mut entry.len, &mut entry.stored, &mut entry.header];
        long_fields(extra, longer).ok_or_else(|| corrupt("the length of an entry is missing"))?;
        let Ok(name) = std::str::from_utf8(name) else { continue };
        if name.ends_with('/') {
            continue;
        }
        if is_encrypted {
            return Err(Problem::unreadable("an encrypted zip file", "decrypt it with another program"));
        }
        let most = if entry.is_plain() { entry.stored } else { entry.stored.saturating_mul(MOST_RATIO) };
        let is_inside = entry.header.checked_add(entry.stored).is_some_and(|end| end <= file_len);
        if !is_inside || entry.len > most || entry.is_plain() && entry.len != entry.stored {
            return Err(corrupt(format!("entry {name:?} claims more bytes than the file can hold")));
        }
        entries.insert(name.to_owned(), entry);
    }
    Ok(entries)
}

/// Takes 64-bit values for those that the 32-bit fields have no room for, in the order of the format.
fn long_fields(mut extra: &[u8], fields: [&mut u64; 3]) -> Option<()> {
    let mut long: &[u8] = &[];
    while extra.len() >= 4 {
        let len = u16_at(extra, 2) as usize;
        let body = extra.get(4..4 + len)?;
        if u16_at(extra, 0) == 1 {
            long = body;
        }
        extra = &extra[4 + len..];
    }
    for field in fields {
        if *field == u64::from(u32::MAX) {
            let (value, rest) = long.split_first_chunk::<8>()?;
            *field = u64::from_le_bytes(*value);
            long = rest;
        }
    }
    Some(())
}

fn corrupt(reason: impl Into<String>) -> Problem {
    Problem::corrupt(WHAT, reason)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A zip file of entries, deflated if so wanted, written by the rules.
    pub fn zip(files: &[(&str, &[u8], bool)]) -> Vec<u8> {
        let (mut bytes, mut list) = (b"what stands before is of no concern".to_vec(), Vec::new());
        for (name, content, deflate) in files {
            let mut stored = content.to_vec();
            if *deflate {
                let mut compressor = libdeflater::Compressor::new(libdeflater::CompressionLvl::default());
                stored = vec![0; compressor.deflate_compress_bound(content.len())];
                let len = compressor.deflate_compress(content, &mut stored).unwrap();
                stored.truncate(len);
            }
            let mut common = vec![20, 0, 0, 0, if *deflate { 8 } else { 0 }, 0, 0, 0, 0, 0];
            common.extend(libdeflater::crc32(content).to_le_bytes());
            common.extend((stored.len() as u32).to_le_bytes());
            common.extend((content.len() as u32).to_le_bytes());
            common.extend((name.len() as u16).to_le_bytes());
            let header = bytes.len() as u32;
            bytes.extend(b"PK\x03\x04");
            bytes.extend(&common);
            // An extra field that the list does not have.
            bytes.extend([6, 0]);
            bytes.extend(name.as_bytes());
            bytes.extend([9, 9, 2, 0, 1, 1]);
            bytes.extend(&stored);
            list.extend(b"PK\x01\x02\x14\x00");
            list.extend(&common);
            list.extend([0; 12]);
            list.extend(header.to_le_bytes());
            list.extend(name.as_bytes());
        }
        let start = bytes.len() as u32;
        bytes.extend(&list);
        bytes.extend(b"PK\x05\x06\0\0\0\0");
        bytes.extend([(files.len() as u16).to_le_bytes(), (files.len() as u16).to_le_bytes()].concat());
        bytes.extend((list.len() as u32).to_le_bytes());
        bytes.extend(start.to_le_bytes());
        bytes.extend([4, 0]);
        bytes.extend(b"note");
        bytes
    }

    fn open(bytes: Vec<u8>) -> Result<ZipArchive, Problem> {
        let stamp = FileStamp { len: bytes.len() as u64, modified: 0, tag: 0 };
        ZipArchive::open(Arc::new(bytes), stamp)
    }

    #[test]
    fn entries_are_found_listed_and_unpacked() {
        let long = vec![7; 100_000];
        let files: [(&str, &[u8], bool); 4] = [
            ("zarr.json", b"{}", false),
            ("a/c/0", &long, true),
            ("a/zarr.json", b"{ }", true),
            ("b/", b"", false),
        ];
        let archive = open(zip(&files)).unwrap();
        let read = |name: &str| archive.read(&archive.entry(name).unwrap()).unwrap();
        assert_eq!(
            (read("zarr.json"), read("a/c/0"), read("a/zarr.json")),
            (b"{}".to_vec(), long, b"{ }".to_vec())
        );
        assert_eq!(archive.names(""), ["a", "zarr.json"]);
        assert_eq!(archive.names("a"), ["c", "zarr.json"]);
        assert!(archive.entry("../zarr.json").is_none() && archive.names("b").is_empty());
        let mut part = [0; 1];
        archive.read_part(&archive.entry("zarr.json").unwrap(), &mut part, 1).unwrap();
        assert_eq!(&part, b"}");
        assert!(archive.read_part(&archive.entry("zarr.json").unwrap(), &mut part, 2).is_err());
    }

    #[test]
    fn damaged_files_are_errors() {
        assert!(open(b"short".to_vec()).unwrap_err().to_string().contains("a directory or a zip file"));
        let good = zip(&[("a", b"abcabcabc", true), ("b", b"xyz", false)]);
        for cut in 0..good.len() {
            let _ = open(good[..cut].to_vec());
        }
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0xff;
            if let Ok(archive) = open(bad) {
                let _ = archive.entries.values().map(|entry| archive.read(entry)).collect::<Vec<_>>();
            }
        }
        let mut bad = good;
        let at = bad.windows(3).position(|window| window == b"xyz").unwrap();
        bad[at] = b'X';
        let archive = open(bad).unwrap();
        let error = archive.read(&archive.entry("b").unwrap()).unwrap_err().to_string();
        assert!(error.contains("another checksum"), "{error}");
    }
}
