//! Version 1 B-trees: the index of old-style groups and of chunks.
use super::error::{Outcome, corrupt};
use super::source::{Budget, Source};

const WHAT: &str = "version 1 B-tree";

/// What a tree indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NodeKind {
    Group,
    Chunk,
}

/// Calls `each` with the key and the address of everything the leaves point to, in order.
pub(super) fn for_each_child(
    source: &Source,
    root: u64,
    kind: NodeKind,
    key_nbytes: usize,
    mut each: impl FnMut(&[u8], u64) -> Outcome<()>,
) -> Outcome<()> {
    walk(source, root, kind, key_nbytes, None, &mut source.budget(), &mut each)
}

fn walk(
    source: &Source,
    address: u64,
    kind: NodeKind,
    key_nbytes: usize,
    expected_level: Option<u8>,
    budget: &mut Budget,
    each: &mut dyn FnMut(&[u8], u64) -> Outcome<()>,
) -> Outcome<()> {
    let prefix_nbytes = 8 + 2 * source.offset_size;
    let prefix = source.read(WHAT, address, prefix_nbytes as u64)?;
    let mut cursor = source.cursor(WHAT, &prefix);
    cursor.signature(b"TREE")?;
    if cursor.u8()? != kind as u8 {
        return Err(corrupt(WHAT, format!("a node is not one of a {kind:?} tree")));
    }
    // Levels fall by one each step, so the depth is bounded and no node can be below itself.
    let level = cursor.u8()?;
    if expected_level.is_some_and(|expected| level != expected) {
        return Err(corrupt(
            WHAT,
            format!("a node of level {level} below one of level {}", level.wrapping_add(1)),
        ));
    }
    let num_entries = usize::from(cursor.u16()?);
    let entries_nbytes = num_entries * (key_nbytes + source.offset_size);
    let bytes = budget.read(source, WHAT, address, (prefix_nbytes + entries_nbytes) as u64)?;
    let mut cursor = source.cursor(WHAT, &bytes[prefix_nbytes..]);
    for _ in 0..num_entries {
        let key = cursor.take(key_nbytes)?;
        let child = cursor.defined_address()?;
        if level == 0 {
            each(key, child)?;
        } else {
            walk(source, child, kind, key_nbytes, Some(level - 1), budget, each)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::source::tests::memory;
    use super::*;

    fn node(level: u8, entries: &[(u64, u64)]) -> Vec<u8> {
        let mut bytes = b"TREE\0".to_vec();
        bytes.push(level);
        bytes.extend((entries.len() as u16).to_le_bytes());
        bytes.extend([0xff; 16]);
        for (key, child) in entries {
            bytes.extend(key.to_le_bytes());
            bytes.extend(child.to_le_bytes());
        }
        bytes
    }

    fn children(bytes: Vec<u8>) -> Outcome<Vec<u64>> {
        let mut found = Vec::new();
        for_each_child(&memory(bytes), 0, NodeKind::Group, 8, |_, child| {
            found.push(child);
            Ok(())
        })?;
        Ok(found)
    }

    #[test]
    fn leaves_are_listed_in_order() {
        let mut bytes = node(1, &[(0, 56), (0, 112)]);
        bytes.extend(node(0, &[(0, 7), (0, 8)]));
        bytes.extend(node(0, &[(0, 9)]));
        assert_eq!(children(bytes).unwrap(), [7, 8, 9]);
    }

    #[test]
    fn a_tree_that_points_at_itself_is_refused() {
        assert!(children(node(1, &[(0, 0)])).is_err());
        assert!(children(node(0, &[]).split_off(1)).is_err());
    }
}
