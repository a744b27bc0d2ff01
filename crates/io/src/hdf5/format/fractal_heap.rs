//! Fractal heaps: where groups and objects with many links or attributes keep them.
use super::btree_v2::{for_each_record, record};
use super::cursor::Cursor;
use super::error::{Outcome, corrupt, unsupported};
use super::source::{Budget, Source};

const WHAT: &str = "fractal heap";
/// Deeper than any heap of 2^64 bytes needs.
const MAX_DEPTH: usize = 64;

/// A heap's header and the direct blocks found through it.
#[derive(Debug)]
pub(super) struct FractalHeap<'a> {
    source: &'a Source,
    /// Bytes of the heap offset and of the length in an identifier.
    offset_nbytes: usize,
    length_nbytes: usize,
    id_nbytes: usize,
    /// Address of the tree of huge objects.
    huge_tree: Option<u64>,
    table: Table,
    /// Direct blocks by the heap offset they begin at, with their address and length.
    blocks: Vec<(u64, u64, u64)>,
    budget: Budget,
}

/// The heap's doubling table.
#[derive(Debug)]
struct Table {
    width: u64,
    start: u64,
    max_direct: u64,
}

impl<'a> FractalHeap<'a> {
    /// Reads the header and finds the direct blocks.
    pub fn open(source: &'a Source, address: u64) -> Outcome<Self> {
        let (offset, length) = (source.offset_size as u64, source.length_size as u64);
        let nbytes = 26 + 12 * length + 3 * offset;
        let bytes = source.read(WHAT, address, nbytes)?;
        let mut cursor = source.cursor(WHAT, &bytes);
        cursor.signature(b"FRHP")?;
        cursor.version(0)?;
        let id_nbytes = usize::from(cursor.u16()?);
        if cursor.u16()? != 0 {
            return Err(unsupported("a filtered fractal heap", "store links and attributes unfiltered"));
        }
        source.checked(WHAT, &bytes)?;
        cursor.skip(1)?;
        let max_managed = u64::from(cursor.u32()?);
        cursor.length()?;
        let huge_tree = cursor.address()?;
        cursor.length()?;
        cursor.address()?;
        for _ in 0..8 {
            cursor.length()?;
        }
        let table =
            Table { width: u64::from(cursor.u16()?), start: cursor.length()?, max_direct: cursor.length()? };
        let max_heap_bits = usize::from(cursor.u16()?);
        cursor.u16()?;
        let root = cursor.address()?;
        let num_root_rows = u64::from(cursor.u16()?);
        let sane = table.width > 0
            && table.start.is_power_of_two()
            && table.max_direct.is_power_of_two()
            && table.max_direct >= table.start
            && table.width.checked_mul(table.start).is_some()
            && (1..=64).contains(&max_heap_bits);
        if !sane {
            return Err(corrupt(WHAT, format!("{table:?} with {max_heap_bits} bits of offset")));
        }
        let max_direct_bits = table.max_direct.ilog2() as usize;
        let length_nbytes = max_direct_bits.div_ceil(8).min(max_managed.max(1).ilog2() as usize / 8 + 1);
        let mut heap = Self {
            source,
            offset_nbytes: max_heap_bits.div_ceil(8),
            length_nbytes,
            id_nbytes,
            huge_tree,
            table,
            blocks: Vec::new(),
            budget: source.budget(),
        };
        match root {
            None => {}
            Some(root) if num_root_rows == 0 => heap.blocks.push((0, root, heap.table.start)),
            Some(root) => heap.list_blocks(root, 0, num_root_rows, MAX_DEPTH)?,
        }
        heap.blocks.sort_unstable();
        Ok(heap)
    }

    /// Lists the direct blocks below an indirect block that begins at heap offset `begin`.
    fn list_blocks(&mut self, address: u64, begin: u64, num_rows: u64, depth: usize) -> Outcome<()> {
        if depth == 0 {
            return Err(corrupt(WHAT, "indirect blocks form a circle"));
        }
        let num_entries = num_rows * self.table.width;
        let offset = self.source.offset_size as u64;
        let nbytes =
            5 + offset + self.offset_nbytes as u64 + num_entries.saturating_mul(offset).saturating_add(4);
        let bytes = self.budget.read(self.source, WHAT, address, nbytes)?;
        let mut cursor = self.source.cursor(WHAT, self.source.checked(WHAT, &bytes)?);
        cursor.signature(b"FHIB")?;
        cursor.version(0)?;
        cursor.skip(self.source.offset_size + self.offset_nbytes)?;
        let mut begin = begin;
        for row in 0..num_rows {
            // Rows 0 and 1 have blocks of the starting size; each further row doubles it.
            let size = 1_u64
                .checked_shl(row.saturating_sub(1) as u32)
                .and_then(|factor| factor.checked_mul(self.table.start))
                .ok_or_else(|| corrupt(WHAT, format!("{num_rows} rows")))?;
            for _ in 0..self.table.width {
                if let Some(child) = cursor.address()? {
                    if size <= self.table.max_direct {
                        self.blocks.push((begin, child, size));
                    } else {
                        let first_row = self.table.width * self.table.start;
                        let rows = (size / first_row).checked_ilog2().map_or(0, |bits| u64::from(bits) + 1);
                        self.list_blocks(child, begin, rows, depth - 1)?;
                    }
                }
                begin = begin.checked_add(size).ok_or_else(|| corrupt(WHAT, "offsets are out of range"))?;
            }
        }
        Ok(())
    }

    /// The bytes of the object with this identifier.
    pub fn object(&mut self, id: &[u8]) -> Outcome<Vec<u8>> {
        let id = id.get(..self.id_nbytes).ok_or_else(|| corrupt(WHAT, "an identifier is too short"))?;
        let mut cursor = self.source.cursor("fractal heap identifier", id);
        let first = cursor.u8()?;
        match (first >> 4) & 0b11 {
            0 => {
                let offset = cursor.uint(self.offset_nbytes)?;
                let nbytes = cursor.uint(self.length_nbytes)?;
                self.managed(offset, nbytes)
            }
            1 => self.huge(cursor),
            2 => {
                // Short identifiers have four bits for the length, long ones twelve.
                let mut nbytes = usize::from(first & 0x0f);
                if self.id_nbytes > 17 {
                    nbytes = nbytes << 8 | usize::from(cursor.u8()?);
                }
                cursor.take(nbytes + 1).map(<[u8]>::to_vec)
            }
            other => Err(corrupt(WHAT, format!("an identifier of type {other}"))),
        }
    }

    fn managed(&mut self, offset: u64, nbytes: u64) -> Outcome<Vec<u8>> {
        let after = self.blocks.partition_point(|&(begin, ..)| begin <= offset);
        let block = after.checked_sub(1).and_then(|at| self.blocks.get(at));
        // The offset counts from the block's first byte, its header included.
        let place = block.and_then(|&(begin, address, size)| {
            let within = offset - begin;
            let end = within.checked_add(nbytes)?;
            (end <= size).then(|| address.checked_add(within))?
        });
        let place =
            place.ok_or_else(|| corrupt(WHAT, format!("no block holds {nbytes} bytes at {offset}")))?;
        self.budget.read(self.source, "fractal heap object", place, nbytes)
    }

    fn huge(&mut self, mut cursor: Cursor<'_>) -> Outcome<Vec<u8>> {
        let source = self.source;
        let (address, nbytes) = if self.id_nbytes > source.offset_size + source.length_size {
            (cursor.defined_address()?, cursor.length()?)
        } else {
            let key_nbytes = (self.id_nbytes - 1).min(8);
            let key = cursor.uint(key_nbytes)?;
            let tree = self.huge_tree.ok_or_else(|| corrupt(WHAT, "a huge object without a tree of them"))?;
            let mut found = None;
            for_each_record(source, tree, record::HUGE_OBJECT, |bytes| {
                let mut cursor = source.cursor("huge object", bytes);
                let (address, nbytes) = (cursor.defined_address()?, cursor.length()?);
                if cursor.length()? == key {
                    found = Some((address, nbytes));
                }
                Ok(())
            })?;
            found.ok_or_else(|| corrupt(WHAT, format!("no huge object {key}")))?
        };
        self.budget.read(source, "huge fractal heap object", address, nbytes)
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::tests::memory;
    use super::*;

    fn heap(source: &Source) -> FractalHeap<'_> {
        FractalHeap {
            source,
            offset_nbytes: 4,
            length_nbytes: 2,
            id_nbytes: 7,
            huge_tree: None,
            table: Table { width: 4, start: 512, max_direct: 65_536 },
            blocks: vec![(0, 100, 512), (512, 2000, 512)],
            budget: source.budget(),
        }
    }

    #[test]
    fn objects_are_found_in_their_block() {
        let source = memory((0..4000).map(|i| (i % 251) as u8).collect());
        let mut heap = heap(&source);
        // Managed, offset 514, length 3: two bytes into the second block.
        assert_eq!(
            heap.object(&[0, 2, 2, 0, 0, 3, 0]).unwrap(),
            [2002_u32, 2003, 2004].map(|i| (i % 251) as u8)
        );
        // Tiny: the bytes are in the identifier.
        assert_eq!(heap.object(&[0x22, 7, 8, 9, 0, 0, 0]).unwrap(), [7, 8, 9]);
        // Over the block's end, beyond all blocks, huge without a tree, of unknown type.
        for id in [[0, 0xff, 1, 0, 0, 9, 0], [0, 0, 0, 9, 0, 1, 0], [0x10, 0, 0, 0, 0, 0, 0], [0x30; 7]] {
            assert!(heap.object(&id).is_err(), "{id:?}");
        }
    }
}
