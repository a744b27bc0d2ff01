//! Layout messages: where a dataset's bytes are.
use super::cursor::Cursor;
use super::error::{Outcome, corrupt, unsupported};

const WHAT: &str = "layout message";

/// A layout as its message has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StoredLayout {
    Compact(Vec<u8>),
    /// `nbytes` is `None` in old messages: it follows from shape and type.
    Contiguous {
        address: Option<u64>,
        nbytes: Option<u64>,
    },
    Chunked(StoredChunks),
    /// Made of parts of other datasets, which an object of the global heap lists: where that is, and its number; `None`
    /// while there are none.
    Virtual(Option<(u64, u32)>),
}

/// How a dataset's chunks are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredChunks {
    /// Elements of a chunk along each axis, and last the bytes of an element.
    pub lengths: Vec<u64>,
    pub index: IndexKind,
    /// Address of the index, or of the only chunk; `None` while nothing was written.
    pub address: Option<u64>,
    /// Whether chunks that reach over the array's end are stored without filters.
    pub edges_unfiltered: bool,
}

/// The structure that lists the chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IndexKind {
    BTreeV1,
    /// One chunk; if filtered, its bytes and filter mask.
    Single(Option<(u64, u32)>),
    Implicit,
    FixedArray,
    ExtensibleArray,
    BTreeV2,
}

/// Parses a layout message.
pub(super) fn parse(mut cursor: Cursor<'_>) -> Outcome<StoredLayout> {
    let version = cursor.u8()?;
    match version {
        1 | 2 => parse_version_1(cursor),
        3..=5 => parse_version_3(cursor, version),
        _ => Err(unsupported(format!("layout version {version}"), "versions 1 to 5 can")),
    }
}

fn parse_version_1(mut cursor: Cursor<'_>) -> Outcome<StoredLayout> {
    let rank = usize::from(cursor.u8()?);
    let class = cursor.u8()?;
    cursor.skip(5)?;
    let address = if class == 0 { None } else { cursor.address()? };
    let lengths = (0..rank).map(|_| Ok(u64::from(cursor.u32()?))).collect::<Outcome<Vec<_>>>()?;
    match class {
        0 => {
            let nbytes = cursor.u32()? as usize;
            Ok(StoredLayout::Compact(cursor.take(nbytes)?.to_vec()))
        }
        1 => Ok(StoredLayout::Contiguous { address, nbytes: None }),
        2 => chunked(lengths, IndexKind::BTreeV1, address, false),
        _ => Err(unknown_class(class)),
    }
}

fn parse_version_3(mut cursor: Cursor<'_>, version: u8) -> Outcome<StoredLayout> {
    let class = cursor.u8()?;
    match class {
        0 => {
            let nbytes = usize::from(cursor.u16()?);
            Ok(StoredLayout::Compact(cursor.take(nbytes)?.to_vec()))
        }
        1 => Ok(StoredLayout::Contiguous { address: cursor.address()?, nbytes: Some(cursor.length()?) }),
        2 if version == 3 => {
            let rank = usize::from(cursor.u8()?);
            let address = cursor.address()?;
            let lengths = (0..rank).map(|_| Ok(u64::from(cursor.u32()?))).collect::<Outcome<Vec<_>>>()?;
            chunked(lengths, IndexKind::BTreeV1, address, false)
        }
        2 => parse_chunked_version_4(cursor),
        3 => {
            let (address, number) = (cursor.address()?, cursor.u32()?);
            Ok(StoredLayout::Virtual(address.map(|address| (address, number))))
        }
        _ => Err(unknown_class(class)),
    }
}

fn parse_chunked_version_4(mut cursor: Cursor<'_>) -> Outcome<StoredLayout> {
    let flags = cursor.u8()?;
    let rank = usize::from(cursor.u8()?);
    let width = usize::from(cursor.u8()?);
    let lengths = (0..rank).map(|_| cursor.uint(width)).collect::<Outcome<Vec<_>>>()?;
    let index = match cursor.u8()? {
        1 if flags & 2 != 0 => IndexKind::Single(Some((cursor.length()?, cursor.u32()?))),
        1 => IndexKind::Single(None),
        2 => IndexKind::Implicit,
        // What follows repeats what stands in the index itself.
        3 => {
            cursor.skip(1)?;
            IndexKind::FixedArray
        }
        4 => {
            cursor.skip(5)?;
            IndexKind::ExtensibleArray
        }
        5 => {
            cursor.skip(6)?;
            IndexKind::BTreeV2
        }
        other => return Err(unsupported(format!("chunk index type {other}"), "types 1 to 5 can")),
    };
    let address = cursor.address()?;
    chunked(lengths, index, address, flags & 1 != 0)
}

fn chunked(
    lengths: Vec<u64>,
    index: IndexKind,
    address: Option<u64>,
    edges_unfiltered: bool,
) -> Outcome<StoredLayout> {
    if lengths.len() < 2 || lengths.contains(&0) {
        return Err(corrupt(WHAT, format!("chunks of {lengths:?} elements and, last, bytes")));
    }
    Ok(StoredLayout::Chunked(StoredChunks { lengths, index, address, edges_unfiltered }))
}

fn unknown_class(class: u8) -> super::error::Problem {
    unsupported(format!("layout class {class}"), "compact, contiguous and chunked layouts can")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_bytes(bytes: &[u8]) -> Outcome<StoredLayout> {
        parse(Cursor::new(WHAT, bytes, 2, 2))
    }

    #[test]
    fn old_messages_are_read() {
        let contiguous = parse_bytes(&[1, 2, 1, 0, 0, 0, 0, 0, 9, 0, 3, 0, 0, 0, 4, 0, 0, 0]).unwrap();
        assert_eq!(contiguous, StoredLayout::Contiguous { address: Some(9), nbytes: None });
        let compact = parse_bytes(&[2, 1, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 7, 8]).unwrap();
        assert_eq!(compact, StoredLayout::Compact(vec![7, 8]));
        let chunks = parse_bytes(&[1, 2, 2, 0, 0, 0, 0, 0, 0xff, 0xff, 3, 0, 0, 0, 4, 0, 0, 0]).unwrap();
        let StoredLayout::Chunked(chunks) = chunks else { panic!("{chunks:?}") };
        assert_eq!((chunks.lengths, chunks.address), (vec![3, 4], None));
    }

    #[test]
    fn what_is_not_read_is_named() {
        assert_eq!(parse_bytes(&[4, 3, 7, 0, 1, 0, 0, 0]).unwrap(), StoredLayout::Virtual(Some((7, 1))));
        assert!(
            parse_bytes(&[3, 2, 2, 9, 0, 0, 0, 0, 0, 4, 0, 0, 0]).unwrap_err().to_string().contains("[0, 4]")
        );
        assert!(parse_bytes(&[9, 0]).unwrap_err().to_string().contains("layout version 9"));
    }
}
