//! The superblock: where addresses count from, how wide they are, where the root group is.
use std::sync::Arc;

use super::cursor::Cursor;
use super::error::{Outcome, Problem, corrupt, unsupported};
use super::source::Source;
use crate::read_at::ReadAt;

const SIGNATURE: &[u8; 8] = b"\x89HDF\r\n\x1a\n";

/// How strictly a file is opened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Checks {
    /// Compare checksums of metadata.
    pub checksums: bool,
    /// Refuse a file shorter than its superblock says.
    pub end_of_file: bool,
}

/// What a superblock tells beside how to read the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Places {
    /// The address of the root group's header.
    pub root: u64,
    /// Where in the file everything ends, if it says so.
    pub end: Option<u64>,
}

/// Finds and reads the superblock (versions 0 to 3).
pub(super) fn open(reader: Arc<dyn ReadAt>, name: &str, checks: Checks) -> Outcome<(Source, Places)> {
    const WHAT: &str = "superblock";
    let start = find_signature(&*reader)?;
    // Versions 0 and 1 take 100 bytes with 8-byte addresses, 2 and 3 take 48.
    let mut bytes = vec![0; (reader.len() - start).min(128) as usize];
    reader.read_exact_at(&mut bytes, start)?;
    let version = *bytes.get(8).ok_or_else(|| corrupt(WHAT, "ends after its signature"))?;
    let sizes_at = match version {
        0 | 1 => 13,
        2 | 3 => 9,
        _ => return Err(unsupported(format!("superblock version {version}"), "versions 0 to 3 can")),
    };
    let sizes = bytes.get(sizes_at..sizes_at + 2).ok_or_else(|| corrupt(WHAT, "ends early"))?;
    let (offset_size, length_size) = (usize::from(sizes[0]), usize::from(sizes[1]));
    if ![2, 4, 8].contains(&offset_size) || ![2, 4, 8].contains(&length_size) {
        let detail =
            format!("addresses of {offset_size} and lengths of {length_size} bytes; 2, 4 or 8 are possible");
        return Err(corrupt(WHAT, detail));
    }
    // As the HDF5 library has it, the signature's place overrules the stored base address, so that a user block
    // may be put in front of a file or taken away.
    let source =
        Source { reader, name: name.into(), base: start, offset_size, length_size, verify: checks.checksums };
    let mut cursor = Cursor::new(WHAT, &bytes, offset_size, length_size);
    let (stored_base, end, root);
    if version < 2 {
        cursor.skip(if version == 0 { 24 } else { 28 })?;
        stored_base = cursor.address()?.unwrap_or(0);
        cursor.skip(offset_size)?;
        end = cursor.address()?;
        cursor.skip(offset_size)?;
        // The root group's symbol table entry: name offset, then header address.
        cursor.skip(offset_size)?;
        root = cursor.defined_address()?;
    } else {
        cursor.skip(12)?;
        stored_base = cursor.address()?.unwrap_or(0);
        cursor.skip(offset_size)?;
        end = cursor.address()?;
        root = cursor.defined_address()?;
        let until = cursor.position() + 4;
        source.checked(WHAT, bytes.get(..until).ok_or_else(|| corrupt(WHAT, "ends early"))?)?;
    }
    // The stored end counts from the file's start, user block included.
    let end = end.map(|end| end.saturating_sub(stored_base).saturating_add(start));
    if let Some(end) = end.filter(|_| checks.end_of_file) {
        let len = source.len();
        if end > len {
            return Err(Problem::Truncated { what: "the file as its superblock has it", start: 0, end, len });
        }
    }
    Ok((source, Places { root, end }))
}

/// The signature stands at byte 0, 512, 1024, 2048, and so on.
fn find_signature(reader: &dyn ReadAt) -> Outcome<u64> {
    let len = reader.len();
    let mut start = 0_u64;
    let mut found = [0; 8];
    while start.checked_add(8).is_some_and(|end| end <= len) {
        reader.read_exact_at(&mut found, start)?;
        if &found == SIGNATURE {
            return Ok(start);
        }
        start = if start == 0 { 512 } else { start.saturating_mul(2) };
    }
    Err(Problem::NotHdf5 { len })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: Checks = Checks { checksums: true, end_of_file: true };

    fn open_bytes(bytes: Vec<u8>) -> Outcome<(Source, Places)> {
        open(Arc::new(bytes), "memory", STRICT)
    }

    #[test]
    fn other_files_are_refused() {
        for bytes in [vec![], b"CDF\x01".to_vec(), vec![7; 5000]] {
            assert!(matches!(open_bytes(bytes).unwrap_err(), Problem::NotHdf5 { .. }));
        }
    }

    #[test]
    fn a_lone_signature_is_corrupt() {
        assert!(matches!(open_bytes(SIGNATURE.to_vec()).unwrap_err(), Problem::Corrupt { .. }));
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([9; 40]);
        assert!(open_bytes(bytes).unwrap_err().to_string().starts_with("superblock version 9"));
    }

    #[test]
    fn version_2_is_read_behind_a_user_block() {
        let mut block = SIGNATURE.to_vec();
        block.extend([2, 8, 8, 0]);
        for address in [512_u64, u64::MAX, 512 + 48, 48] {
            block.extend(address.to_le_bytes());
        }
        let sum = super::super::checksum::lookup3(&block);
        block.extend(sum.to_le_bytes());
        let mut bytes = vec![0; 512];
        bytes.extend(&block);
        let (source, places) = open_bytes(bytes.clone()).unwrap();
        assert_eq!((source.base, places), (512, Places { root: 48, end: Some(560) }));
        bytes[512 + 40] ^= 1;
        assert!(open_bytes(bytes).unwrap_err().to_string().contains("checksum"));
    }
}
