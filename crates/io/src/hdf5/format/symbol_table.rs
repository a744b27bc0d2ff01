//! Old-style groups: a version 1 B-tree of symbol nodes, names in a local heap.
use super::btree_v1::{self, NodeKind};
use super::cursor::Cursor;
use super::error::{Outcome, corrupt};
use super::links::{Link, Target};
use super::source::Source;

const WHAT: &str = "symbol table";

/// Adds the links of the group whose symbol table message is `message`.
pub(super) fn list(source: &Source, message: &[u8], links: &mut Vec<Link>) -> Outcome<()> {
    let mut cursor = source.cursor("symbol table message", message);
    let tree = cursor.defined_address()?;
    let heap = LocalHeap::read(source, cursor.defined_address()?)?;
    let mut names_budget = source.budget();
    let mut budget = source.budget();
    btree_v1::for_each_child(source, tree, NodeKind::Group, source.length_size, |_key, node| {
        let prefix = source.read(WHAT, node, 8)?;
        let mut cursor = source.cursor(WHAT, &prefix);
        cursor.signature(b"SNOD")?;
        cursor.version(1)?;
        cursor.skip(1)?;
        let num_symbols = u64::from(cursor.u16()?);
        let entry_nbytes = 2 * source.offset_size as u64 + 24;
        let bytes = budget.read(source, WHAT, node, 8 + num_symbols * entry_nbytes)?;
        let mut cursor = source.cursor(WHAT, &bytes[8..]);
        for _ in 0..num_symbols {
            let link = read_entry(&mut cursor, &heap)?;
            // Many entries may point at one long name: what they add up to is bounded too.
            names_budget.spend(WHAT, link.name.len() as u64)?;
            if let Target::Soft(path) = &link.target {
                names_budget.spend(WHAT, path.len() as u64)?;
            }
            links.push(link);
        }
        Ok(())
    })
}

fn read_entry(cursor: &mut Cursor<'_>, heap: &LocalHeap) -> Outcome<Link> {
    let name = heap.text(cursor.defined_address()?)?;
    let header = cursor.address()?;
    let cache_type = cursor.u32()?;
    cursor.skip(4)?;
    let mut scratch = Cursor::new(WHAT, cursor.take(16)?, 8, 8);
    let target = match (cache_type, header) {
        (2, _) => Target::Soft(heap.text(u64::from(scratch.u32()?))?),
        (_, Some(address)) => Target::Hard(address),
        (_, None) => return Err(corrupt(WHAT, format!("'{name}' has no address"))),
    };
    Ok(Link { name, target })
}

/// The texts of an old-style group.
#[derive(Debug)]
struct LocalHeap {
    data: Vec<u8>,
}

impl LocalHeap {
    fn read(source: &Source, address: u64) -> Outcome<Self> {
        const WHAT: &str = "local heap";
        let nbytes = 8 + 2 * source.length_size + source.offset_size;
        let bytes = source.read(WHAT, address, nbytes as u64)?;
        let mut cursor = source.cursor(WHAT, &bytes);
        cursor.signature(b"HEAP")?;
        cursor.version(0)?;
        cursor.skip(3)?;
        let data_nbytes = cursor.length()?;
        cursor.length()?;
        let data = cursor.defined_address()?;
        Ok(Self { data: source.read(WHAT, data, data_nbytes)? })
    }

    /// The text at an offset, up to its NUL byte.
    fn text(&self, offset: u64) -> Outcome<String> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.data.get(offset..));
        let rest = rest.ok_or_else(|| {
            corrupt("local heap", format!("a name at byte {offset} of {} bytes", self.data.len()))
        })?;
        Ok(Cursor::new("local heap", rest, 8, 8).text_to_nul())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: u64, header: u64, cache_type: u32, scratch: u32) -> Vec<u8> {
        let mut bytes = [name.to_le_bytes(), header.to_le_bytes()].concat();
        bytes.extend(cache_type.to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend(scratch.to_le_bytes());
        bytes.extend([0; 12]);
        bytes
    }

    #[test]
    fn entries_are_hard_or_soft_links() {
        let heap = LocalHeap { data: b"a\0/b\0".to_vec() };
        let read = |bytes: Vec<u8>| read_entry(&mut Cursor::new("entry", &bytes, 8, 8), &heap);
        assert_eq!(read(entry(0, 96, 0, 0)).unwrap().target, Target::Hard(96));
        assert_eq!(read(entry(0, u64::MAX, 2, 2)).unwrap().target, Target::Soft("/b".to_owned()));
        assert!(read(entry(6, 96, 0, 0)).is_err());
        assert!(read(entry(0, u64::MAX, 0, 0)).is_err());
    }
}
