//! Version 2 B-trees: the records of dense links and attributes, huge heap objects, and chunks.
use super::error::{Outcome, corrupt};
use super::source::{Budget, Source};

const WHAT: &str = "version 2 B-tree";
/// Signature, version, type and checksum of a node.
const NODE_OVERHEAD: u64 = 10;
/// Deeper than any file of 2^64 bytes needs.
const MAX_DEPTH: usize = 32;

/// What kind of records a tree holds.
pub(super) mod record {
    pub const HUGE_OBJECT: u8 = 1;
    pub const LINK_NAME: u8 = 5;
    pub const ATTRIBUTE_NAME: u8 = 8;
    pub const CHUNK: u8 = 10;
    pub const FILTERED_CHUNK: u8 = 11;
}

/// Calls `each` with every record of the tree, in order. The records have the same size, which is never 0.
pub(super) fn for_each_record(
    source: &Source,
    address: u64,
    expected_type: u8,
    mut each: impl FnMut(&[u8]) -> Outcome<()>,
) -> Outcome<()> {
    let mut budget = source.budget();
    let header_nbytes = 22 + source.offset_size + source.length_size;
    let header = budget.read(source, WHAT, address, header_nbytes as u64)?;
    let mut cursor = source.cursor(WHAT, source.checked(WHAT, &header)?);
    cursor.signature(b"BTHD")?;
    cursor.version(0)?;
    let record_type = cursor.u8()?;
    if record_type != expected_type {
        return Err(corrupt(WHAT, format!("records are of type {record_type}, not {expected_type}")));
    }
    let node_nbytes = u64::from(cursor.u32()?);
    let record_nbytes = u64::from(cursor.u16()?);
    let depth = usize::from(cursor.u16()?);
    cursor.skip(2)?;
    let Some(root) = cursor.address()? else { return Ok(()) };
    let num_root_records = u64::from(cursor.u16()?);
    if record_nbytes == 0 || node_nbytes <= NODE_OVERHEAD + record_nbytes || depth > MAX_DEPTH {
        let detail =
            format!("records of {record_nbytes} bytes in nodes of {node_nbytes} bytes, depth {depth}");
        return Err(corrupt(WHAT, detail));
    }
    let tree = Tree {
        source,
        record_type,
        record_nbytes,
        levels: levels(source, node_nbytes, record_nbytes, depth),
    };
    tree.walk(root, num_root_records, depth, &mut budget, &mut each)
}

/// What a node's size says about a level of the tree; level 0 are the leaves.
#[derive(Debug, Clone, Copy)]
struct Level {
    /// Most records in one node.
    max_records: u64,
    /// Most records in a node and all below it.
    max_total: u64,
    /// Bytes of a pointer from this level to the one below.
    pointer_nbytes: u64,
}

#[derive(Debug)]
struct Tree<'a> {
    source: &'a Source,
    record_type: u8,
    record_nbytes: u64,
    levels: Vec<Level>,
}

fn levels(source: &Source, node_nbytes: u64, record_nbytes: u64, depth: usize) -> Vec<Level> {
    let max_leaf = (node_nbytes - NODE_OVERHEAD) / record_nbytes;
    let mut levels = vec![Level { max_records: max_leaf, max_total: max_leaf, pointer_nbytes: 0 }];
    for level in 1..=depth {
        let below = levels[level - 1];
        let total_nbytes = if level == 1 { 0 } else { bytes_to_hold(below.max_total) };
        let pointer_nbytes = source.offset_size as u64 + bytes_to_hold(max_leaf) + total_nbytes;
        let max_records =
            node_nbytes.saturating_sub(NODE_OVERHEAD + pointer_nbytes) / (record_nbytes + pointer_nbytes);
        let max_total = (max_records + 1).saturating_mul(below.max_total).saturating_add(max_records);
        levels.push(Level { max_records, max_total, pointer_nbytes });
    }
    levels
}

/// Bytes of the smallest field that can hold the values up to `limit`.
fn bytes_to_hold(limit: u64) -> u64 {
    u64::from(limit.max(1).ilog2()) / 8 + 1
}

impl Tree<'_> {
    fn walk(
        &self,
        address: u64,
        num_records: u64,
        depth: usize,
        budget: &mut Budget,
        each: &mut dyn FnMut(&[u8]) -> Outcome<()>,
    ) -> Outcome<()> {
        let level = self.levels[depth];
        if num_records > level.max_records {
            return Err(corrupt(WHAT, format!("{num_records} records in a node for {}", level.max_records)));
        }
        let records_nbytes = num_records * self.record_nbytes;
        let pointers_nbytes = if depth == 0 { 0 } else { (num_records + 1) * level.pointer_nbytes };
        let node =
            budget.read(self.source, WHAT, address, NODE_OVERHEAD + records_nbytes + pointers_nbytes)?;
        let mut cursor = self.source.cursor(WHAT, self.source.checked(WHAT, &node)?);
        cursor.signature(if depth == 0 { b"BTLF" } else { b"BTIN" })?;
        cursor.version(0)?;
        if cursor.u8()? != self.record_type {
            return Err(corrupt(WHAT, "a node's type differs from the tree's"));
        }
        let records = cursor.take(records_nbytes as usize)?;
        let mut records = records.chunks_exact(self.record_nbytes as usize);
        if depth == 0 {
            return records.try_for_each(each);
        }
        let count_nbytes = bytes_to_hold(self.levels[0].max_records) as usize;
        for _ in 0..=num_records {
            let child = cursor.defined_address()?;
            let num_child_records = cursor.uint(count_nbytes)?;
            cursor.skip(level.pointer_nbytes as usize - self.source.offset_size - count_nbytes)?;
            self.walk(child, num_child_records, depth - 1, budget, each)?;
            if let Some(record) = records.next() {
                each(record)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::tests::memory;
    use super::*;

    #[test]
    fn field_widths_follow_the_largest_value() {
        for (limit, nbytes) in [(0, 1), (1, 1), (255, 1), (256, 2), (65_535, 2), (65_536, 3)] {
            assert_eq!(bytes_to_hold(limit), nbytes, "{limit}");
        }
    }

    #[test]
    fn a_node_that_is_its_own_child_is_refused() {
        // Depth 32, every pointer leads back to the only node.
        let mut bytes = b"BTHD\0".to_vec();
        bytes.push(record::CHUNK);
        bytes.extend(512_u32.to_le_bytes());
        bytes.extend(16_u16.to_le_bytes());
        bytes.extend(32_u16.to_le_bytes());
        bytes.extend([100, 40]);
        bytes.extend(64_u64.to_le_bytes());
        bytes.extend(1_u16.to_le_bytes());
        bytes.extend(1_u64.to_le_bytes());
        bytes.resize(64, 0);
        bytes.extend(b"BTIN\0");
        bytes.push(record::CHUNK);
        bytes.extend([0; 16]);
        for _ in 0..2 {
            bytes.extend(64_u64.to_le_bytes());
            bytes.push(1);
            bytes.extend([0; 7]);
        }
        bytes.resize(1024, 0);
        let source = Source { verify: false, ..memory(bytes) };
        assert!(for_each_record(&source, 0, record::CHUNK, |_| Ok(())).is_err());
    }
}
