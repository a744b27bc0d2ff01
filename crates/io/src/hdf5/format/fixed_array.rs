//! Fixed arrays: the chunk index of datasets that cannot grow.
use super::chunk_index::{Entry, Listing, Numbering};
use super::error::{Outcome, corrupt};
use super::source::Source;

const WHAT: &str = "fixed array";

/// Adds the chunks that the array at `address` lists.
pub(super) fn list(source: &Source, address: u64, listing: &mut Listing<'_>) -> Outcome<()> {
    let nbytes = 12 + source.length_size + source.offset_size;
    let header = source.read(WHAT, address, nbytes as u64)?;
    let mut cursor = source.cursor(WHAT, source.checked(WHAT, &header)?);
    cursor.signature(b"FAHD")?;
    cursor.version(0)?;
    let client = cursor.u8()?;
    let entry_nbytes = u64::from(cursor.u8()?);
    let entry = Entry::new(WHAT, client, entry_nbytes as usize, source.offset_size)?;
    let page_bits = u32::from(cursor.u8()?);
    let num_entries = cursor.length()?;
    let Some(block) = cursor.address()? else { return Ok(()) };
    let page_entries = 1_u64
        .checked_shl(page_bits)
        .ok_or_else(|| corrupt(WHAT, format!("pages of 2^{page_bits} entries")))?;

    let numbering = Numbering::new(listing.grid)?;
    let mut at = vec![0; listing.grid.counts.len()];
    let mut add = |bytes: &[u8], first: u64, count: u64| {
        let mut cursor = source.cursor(WHAT, bytes);
        (first..first + count).try_for_each(|number| {
            numbering.place(number, &mut at);
            listing.add_entry(&mut cursor, entry, &at)
        })
    };
    let too_long = || corrupt(WHAT, format!("{num_entries} entries of {entry_nbytes} bytes"));
    let entries_nbytes = num_entries.checked_mul(entry_nbytes).ok_or_else(too_long)?;
    let prefix_nbytes = 6 + source.offset_size as u64;
    if num_entries <= page_entries {
        let nbytes = entries_nbytes.checked_add(prefix_nbytes + 4).ok_or_else(too_long)?;
        let bytes = source.read(WHAT, block, nbytes)?;
        let bytes = source.checked(WHAT, &bytes)?;
        source.cursor(WHAT, bytes).signature(b"FADB")?;
        return add(&bytes[prefix_nbytes as usize..], 0, num_entries);
    }

    // Behind the block's start stand its pages; a bit each says whether the page was ever written.
    let num_pages = num_entries.div_ceil(page_entries);
    let start_nbytes = prefix_nbytes + num_pages.div_ceil(8) + 4;
    let bytes = source.read(WHAT, block, start_nbytes)?;
    let bytes = source.checked(WHAT, &bytes)?;
    source.cursor(WHAT, bytes).signature(b"FADB")?;
    let is_written = &bytes[prefix_nbytes as usize..];
    // No overflow: a page is not longer than all entries, which were multiplied above, and its checksum.
    let page_nbytes = (page_entries * entry_nbytes).saturating_add(4);
    for page in 0..num_pages {
        if is_written[(page / 8) as usize] & (0x80 >> (page % 8)) == 0 {
            continue;
        }
        let first = page * page_entries;
        let count = page_entries.min(num_entries - first);
        let start = page
            .checked_mul(page_nbytes)
            .and_then(|offset| block.checked_add(start_nbytes)?.checked_add(offset))
            .ok_or_else(too_long)?;
        let bytes = source.read(WHAT, start, count * entry_nbytes + 4)?;
        add(source.checked(WHAT, &bytes)?, first, count)?;
    }
    Ok(())
}
