//! The links of a group, wherever they are stored: symbol table, header messages, or fractal heap.
use super::btree_v2::{for_each_record, record};
use super::cursor::Cursor;
use super::error::{Outcome, corrupt};
use super::fractal_heap::FractalHeap;
use super::object_header::{ObjectHeader, kind};
use super::source::Source;
use super::symbol_table;

/// Where a link leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// To the object whose header is at this address.
    Hard(u64),
    /// To a path in the same file, relative to the link's group unless it begins with `/`.
    Soft(String),
    /// To a path in another file.
    External { file: String, path: String },
    /// Something an application defined.
    UserDefined(u8),
}

/// One named link of a group.
#[derive(Debug, Clone)]
pub(super) struct Link {
    pub name: String,
    pub target: Target,
}

/// Lists the links of a group, in the order the file stores them.
pub(super) fn list(source: &Source, header: &ObjectHeader) -> Outcome<Vec<Link>> {
    let mut links = Vec::new();
    if let Some(body) = header.body(source, kind::SYMBOL_TABLE)? {
        symbol_table::list(source, &body, &mut links)?;
    }
    for message in header.messages.iter().filter(|message| message.kind == kind::LINK) {
        if message.is_shared() {
            return Err(corrupt(
                "link message",
                "it refers to another object, which only other messages may",
            ));
        }
        links.push(parse(source.cursor("link message", message.stored()))?);
    }
    if let Some(body) = header.body(source, kind::LINK_INFO)? {
        list_dense(source, &body, &mut links)?;
    }
    Ok(links)
}

fn list_dense(source: &Source, info: &[u8], links: &mut Vec<Link>) -> Outcome<()> {
    let mut cursor = source.cursor("link info message", info);
    cursor.version(0)?;
    let flags = cursor.u8()?;
    cursor.skip(if flags & 1 != 0 { 8 } else { 0 })?;
    let (heap, names) = match (cursor.address()?, cursor.address()?) {
        (Some(heap), Some(names)) => (heap, names),
        (None, None) => return Ok(()),
        _ => {
            return Err(corrupt("link info message", "it has a heap without names, or names without a heap"));
        }
    };
    let mut heap = FractalHeap::open(source, heap)?;
    for_each_record(source, names, record::LINK_NAME, |bytes| {
        // The hash of the name, then the heap identifier.
        let id = bytes.get(4..).ok_or_else(|| corrupt("link name record", "is too short"))?;
        links.push(parse(source.cursor("link", &heap.object(id)?))?);
        Ok(())
    })
}

/// Parses a link message.
fn parse(mut cursor: Cursor<'_>) -> Outcome<Link> {
    cursor.version(1)?;
    let flags = cursor.u8()?;
    let link_type = if flags & 0x08 != 0 { cursor.u8()? } else { 0 };
    cursor.skip(if flags & 0x04 != 0 { 8 } else { 0 })?;
    cursor.skip(if flags & 0x10 != 0 { 1 } else { 0 })?;
    let name_nbytes = cursor.uint(1 << (flags & 3))?;
    let name_nbytes = usize::try_from(name_nbytes).unwrap_or(usize::MAX);
    let name = String::from_utf8_lossy(cursor.take(name_nbytes)?).into_owned();
    let target = match link_type {
        0 => Target::Hard(cursor.defined_address()?),
        1 => {
            let nbytes = usize::from(cursor.u16()?);
            Target::Soft(String::from_utf8_lossy(cursor.take(nbytes)?).into_owned())
        }
        64 => {
            cursor.skip(3)?;
            Target::External { file: cursor.text_to_nul(), path: cursor.text_to_nul() }
        }
        other => Target::UserDefined(other),
    };
    Ok(Link { name, target })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_bytes(bytes: &[u8]) -> Outcome<Link> {
        parse(Cursor::new("link message", bytes, 8, 8))
    }

    #[test]
    fn the_three_kinds_of_links_are_told_apart() {
        let hard = parse_bytes(&[1, 0, 1, b'a', 9, 0, 0, 0, 0, 0, 0, 0]).unwrap();
        assert_eq!((hard.name.as_str(), hard.target), ("a", Target::Hard(9)));
        let soft = parse_bytes(&[1, 8, 1, 1, b'b', 2, 0, b'/', b'a']).unwrap();
        assert_eq!(soft.target, Target::Soft("/a".to_owned()));
        let external = parse_bytes(b"\x01\x08\x40\x01c\x06\0\0f\0/x\0").unwrap();
        assert_eq!(external.target, Target::External { file: "f".to_owned(), path: "/x".to_owned() });
    }

    #[test]
    fn a_name_longer_than_the_message_is_refused() {
        assert!(parse_bytes(&[1, 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).is_err());
    }
}
