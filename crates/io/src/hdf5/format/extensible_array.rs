//! Extensible arrays: the chunk index of datasets with one unlimited axis.
use super::chunk_index::{Entry, Listing, Numbering};
use super::error::{Outcome, corrupt};
use super::source::{Budget, Source};

const WHAT: &str = "extensible array";

/// The header's constants.
#[derive(Debug)]
struct Header {
    entry: Entry,
    entry_nbytes: u64,
    /// Bytes of an entry's number.
    number_nbytes: u64,
    /// Entries in the index block itself.
    index_entries: u64,
    /// Entries of the smallest data block.
    min_block_entries: u64,
    /// Data blocks of the smallest super block.
    min_super_blocks: u64,
    /// Entries of a page of a long data block.
    page_entries: u64,
    num_super_blocks: u32,
}

/// A run of data blocks of equal length.
#[derive(Debug, Clone, Copy)]
struct SuperBlock {
    num_blocks: u64,
    block_entries: u64,
}

impl Header {
    /// The number of blocks and their length double in turn.
    fn super_block(&self, number: u32) -> SuperBlock {
        SuperBlock {
            num_blocks: 1 << (number / 2),
            block_entries: (1_u64 << number.div_ceil(2)).saturating_mul(self.min_block_entries),
        }
    }

    /// Pages of a data block; none if it is short.
    fn num_pages(&self, block_entries: u64) -> u64 {
        if block_entries > self.page_entries { block_entries / self.page_entries } else { 0 }
    }
}

/// Adds the chunks that the array at `address` lists.
pub(super) fn list(source: &Source, address: u64, listing: &mut Listing<'_>) -> Outcome<()> {
    let nbytes = 16 + 6 * source.length_size + source.offset_size;
    let bytes = source.read(WHAT, address, nbytes as u64)?;
    let mut cursor = source.cursor(WHAT, source.checked(WHAT, &bytes)?);
    cursor.signature(b"EAHD")?;
    cursor.version(0)?;
    let client = cursor.u8()?;
    let entry_nbytes = cursor.u8()?;
    let number_bits = u32::from(cursor.u8()?);
    let index_entries = u64::from(cursor.u8()?);
    let min_block_entries = u64::from(cursor.u8()?);
    let min_super_blocks = u64::from(cursor.u8()?);
    let page_bits = u32::from(cursor.u8()?);
    cursor.skip(6 * source.length_size)?;
    let Some(index_block) = cursor.address()? else { return Ok(()) };
    let sane = (1..=64).contains(&number_bits)
        && min_block_entries.is_power_of_two()
        && min_super_blocks.is_power_of_two()
        && page_bits < 32
        && min_block_entries.ilog2() < number_bits;
    if !sane {
        let detail = format!(
            "{number_bits} bits, blocks of {min_block_entries}, {min_super_blocks} blocks, pages of 2^{page_bits}"
        );
        return Err(corrupt(WHAT, detail));
    }
    let header = Header {
        entry: Entry::new(WHAT, client, usize::from(entry_nbytes), source.offset_size)?,
        entry_nbytes: u64::from(entry_nbytes),
        number_nbytes: u64::from(number_bits.div_ceil(8)),
        index_entries,
        min_block_entries,
        min_super_blocks,
        page_entries: 1 << page_bits,
        num_super_blocks: 1 + number_bits - min_block_entries.ilog2(),
    };
    let numbering = Numbering::new(listing.grid)?;
    let at = vec![0; listing.grid.counts.len()];
    let mut reader = Reader { source, header, numbering, at, listing, budget: source.budget() };
    reader.read_index_block(index_block)
}

#[derive(Debug)]
struct Reader<'a, 'b> {
    source: &'a Source,
    header: Header,
    numbering: Numbering,
    at: Vec<usize>,
    listing: &'a mut Listing<'b>,
    budget: Budget,
}

impl Reader<'_, '_> {
    fn read_index_block(&mut self, address: u64) -> Outcome<()> {
        let source = self.source;
        let header = &self.header;
        // The data blocks of the first super blocks are listed in the index block.
        let num_direct = (2 * header.min_super_blocks.ilog2()).min(header.num_super_blocks);
        let num_direct_blocks = 2 * (header.min_super_blocks - 1);
        let num_addresses = num_direct_blocks + u64::from(header.num_super_blocks - num_direct);
        let offset = source.offset_size as u64;
        let nbytes = 10 + offset + header.index_entries * header.entry_nbytes + num_addresses * offset;
        let bytes = self.budget.read(source, WHAT, address, nbytes)?;
        let mut cursor = source.cursor(WHAT, source.checked(WHAT, &bytes)?);
        cursor.signature(b"EAIB")?;
        cursor.version(0)?;
        cursor.skip(1 + source.offset_size)?;
        let index_entries = header.index_entries;
        let entries = cursor.take((index_entries * header.entry_nbytes) as usize)?;
        self.add_entries(entries, 0, index_entries)?;
        let mut first = index_entries;
        for number in 0..self.header.num_super_blocks {
            let block = self.header.super_block(number);
            if number < num_direct {
                for _ in 0..block.num_blocks {
                    if let Some(address) = cursor.address()? {
                        self.read_data_block(address, first, block.block_entries, &[], 0)?;
                    }
                    first = first.saturating_add(block.block_entries);
                }
            } else {
                if let Some(address) = cursor.address()? {
                    self.read_super_block(address, first, block)?;
                }
                first = first.saturating_add(block.num_blocks.saturating_mul(block.block_entries));
            }
        }
        Ok(())
    }

    fn read_super_block(&mut self, address: u64, first: u64, block: SuperBlock) -> Outcome<()> {
        let source = self.source;
        let num_pages = self.header.num_pages(block.block_entries);
        let bits_nbytes = block.num_blocks.saturating_mul(num_pages.div_ceil(8));
        let nbytes = (block.num_blocks.saturating_mul(source.offset_size as u64))
            .saturating_add(bits_nbytes)
            .saturating_add(10 + source.offset_size as u64 + self.header.number_nbytes);
        let bytes = self.budget.read(source, WHAT, address, nbytes)?;
        let mut cursor = source.cursor(WHAT, source.checked(WHAT, &bytes)?);
        cursor.signature(b"EASB")?;
        cursor.version(0)?;
        cursor.skip(1 + source.offset_size + self.header.number_nbytes as usize)?;
        let is_written = cursor.take(bits_nbytes as usize)?;
        let mut first = first;
        for number in 0..block.num_blocks {
            if let Some(address) = cursor.address()? {
                self.read_data_block(address, first, block.block_entries, is_written, number * num_pages)?;
            }
            first = first.saturating_add(block.block_entries);
        }
        Ok(())
    }

    /// Bit `first_page` of `is_written` and those after it say which pages were ever written.
    fn read_data_block(
        &mut self,
        address: u64,
        first: u64,
        num_entries: u64,
        is_written: &[u8],
        first_page: u64,
    ) -> Outcome<()> {
        let source = self.source;
        let prefix_nbytes = 6 + source.offset_size as u64 + self.header.number_nbytes;
        let num_pages = self.header.num_pages(num_entries);
        if num_pages == 0 {
            let nbytes =
                num_entries.saturating_mul(self.header.entry_nbytes).saturating_add(prefix_nbytes + 4);
            let bytes = self.budget.read(source, WHAT, address, nbytes)?;
            let bytes = source.checked(WHAT, &bytes)?;
            source.cursor(WHAT, bytes).signature(b"EADB")?;
            return self.add_entries(&bytes[prefix_nbytes as usize..], first, num_entries);
        }
        let start = self.budget.read(source, WHAT, address, prefix_nbytes + 4)?;
        source.cursor(WHAT, source.checked(WHAT, &start)?).signature(b"EADB")?;
        let page_entries = self.header.page_entries;
        let page_nbytes = page_entries * self.header.entry_nbytes + 4;
        for page in 0..num_pages {
            let bit = first_page + page;
            let byte = is_written.get((bit / 8) as usize).copied().unwrap_or(0);
            if byte & (0x80 >> (bit % 8)) == 0 {
                continue;
            }
            let start = page
                .checked_mul(page_nbytes)
                .and_then(|offset| address.checked_add(prefix_nbytes + 4)?.checked_add(offset))
                .ok_or_else(|| corrupt(WHAT, "addresses are out of range"))?;
            let bytes = self.budget.read(source, WHAT, start, page_nbytes)?;
            let first = first.saturating_add(page.saturating_mul(page_entries));
            self.add_entries(source.checked(WHAT, &bytes)?, first, page_entries)?;
        }
        Ok(())
    }

    fn add_entries(&mut self, bytes: &[u8], first: u64, count: u64) -> Outcome<()> {
        let mut cursor = self.source.cursor(WHAT, bytes);
        for number in 0..count {
            self.numbering.place(first.saturating_add(number), &mut self.at);
            self.listing.add_entry(&mut cursor, self.header.entry, &self.at)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn super_blocks_double_blocks_and_entries_in_turn() {
        let header = Header {
            entry: Entry::Plain,
            entry_nbytes: 8,
            number_nbytes: 4,
            index_entries: 4,
            min_block_entries: 16,
            min_super_blocks: 4,
            page_entries: 1024,
            num_super_blocks: 29,
        };
        let sizes: Vec<_> = (0..5)
            .map(|n| header.super_block(n))
            .map(|block| (block.num_blocks, block.block_entries))
            .collect();
        assert_eq!(sizes, [(1, 16), (1, 32), (2, 32), (2, 64), (4, 64)]);
        assert_eq!((header.num_pages(1024), header.num_pages(2048)), (0, 2));
    }
}
