//! Decompression of blosc's containers (version 1 of the library), after its description of the format and its code.
//!
//! A container says how long its content is, how it is cut into blocks, and where these are. Nothing of it is believed
//! before it is compared with the bytes that are there and with the room for the result.
use super::bitshuffle::bit_unshuffle;
use super::blosclz;
use super::codec::{inflate, unlz4, unzstd};
use super::error::{Outcome, Problem, corrupt, unsupported};
use super::shuffle::unshuffle;

const WHAT: &str = "chunk";
const HEADER_NBYTES: usize = 16;
const VERSION: u8 = 2;
/// Blocks of wider elements, or fewer of them, are compressed in one go.
const MAX_SPLITS: usize = 16;
const MIN_SPLIT: usize = 128;

/// What a container says of itself.
#[derive(Debug, Clone, Copy)]
struct Header {
    element_nbytes: usize,
    /// Bytes of the content.
    nbytes: usize,
    block_nbytes: usize,
    /// Bytes of the container.
    stored_nbytes: usize,
    flags: u8,
}

mod flag {
    pub const SHUFFLED: u8 = 1;
    pub const COPIED: u8 = 1 << 1;
    pub const BIT_SHUFFLED: u8 = 1 << 2;
    pub const RESERVED: u8 = 1 << 3;
    pub const NOT_SPLIT: u8 = 1 << 4;
}

/// Decompresses a container into `to`, which it has to fill exactly; `block` has room for as many bytes.
pub(super) fn decompress(from: &[u8], to: &mut [u8], block: &mut [u8]) -> Outcome<()> {
    let header = Header::parse(from, to.len())?;
    let from = &from[..header.stored_nbytes];
    if to.is_empty() {
        return Ok(());
    }
    if header.flags & flag::COPIED != 0 {
        let content = &from[HEADER_NBYTES..];
        if content.len() != to.len() {
            return Err(damaged(format!("{} bytes are a copy of {}", content.len(), to.len())));
        }
        to.copy_from_slice(content);
        return Ok(());
    }
    let starts = from[HEADER_NBYTES..].as_chunks::<4>().0;
    let num_blocks = to.len().div_ceil(header.block_nbytes);
    if starts.len() < num_blocks {
        return Err(damaged(format!("{num_blocks} blocks in {} bytes", from.len())));
    }
    for (to, &start) in to.chunks_mut(header.block_nbytes).zip(starts) {
        let start = u32::from_le_bytes(start) as usize;
        let stored = from.get(start..).ok_or_else(|| damaged(format!("a block begins at byte {start}")))?;
        header.read_block(stored, to, block)?;
    }
    Ok(())
}

/// [`decompress`] for others than HDF5: false if the container is damaged, or of a kind that is not read here. `block` grows
/// as needed.
#[cfg(feature = "zarr")]
pub(crate) fn unblosc(from: &[u8], to: &mut [u8], block: &mut Vec<u8>) -> bool {
    let Ok(header) = Header::parse(from, to.len()) else { return false };
    if block.len() < header.block_nbytes.min(to.len()) {
        block.resize(header.block_nbytes.min(to.len()), 0);
    }
    decompress(from, to, block).is_ok()
}

impl Header {
    fn parse(from: &[u8], nbytes: usize) -> Outcome<Self> {
        let Some(bytes) = from.first_chunk::<HEADER_NBYTES>() else {
            return Err(damaged(format!("{} bytes are shorter than its header", from.len())));
        };
        let number =
            |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) as usize;
        let header = Header {
            element_nbytes: usize::from(bytes[3]),
            nbytes: number(4),
            block_nbytes: number(8),
            stored_nbytes: number(12),
            flags: bytes[2],
        };
        if bytes[0] != VERSION || header.flags & flag::RESERVED != 0 {
            let what = format!("blosc data of version {}", bytes[0]);
            return Err(unsupported(
                what,
                "rewrite the dataset with gzip or lzf, for instance with h5repack",
            ));
        }
        if header.nbytes != nbytes {
            return Err(damaged(format!("it claims {} bytes, and {nbytes} are wanted", header.nbytes)));
        }
        if !(HEADER_NBYTES..=from.len()).contains(&header.stored_nbytes) {
            let detail = format!("it claims to be {} bytes, and has {}", header.stored_nbytes, from.len());
            return Err(damaged(detail));
        }
        let is_block = header.element_nbytes > 0 && (1..=nbytes).contains(&header.block_nbytes);
        if nbytes > 0 && !is_block {
            let detail =
                format!("blocks of {} bytes with elements of {}", header.block_nbytes, header.element_nbytes);
            return Err(damaged(detail));
        }
        Ok(header)
    }

    fn read_block(&self, mut stored: &[u8], to: &mut [u8], room: &mut [u8]) -> Outcome<()> {
        let element = self.element_nbytes;
        let is_shuffled = self.flags & flag::SHUFFLED != 0 && element > 1;
        let is_bit_shuffled = !is_shuffled && self.flags & flag::BIT_SHUFFLED != 0 && to.len() >= element;
        let is_split = self.flags & flag::NOT_SPLIT == 0
            && to.len() == self.block_nbytes
            && element <= MAX_SPLITS
            && to.len() / element >= MIN_SPLIT;
        let num_splits = if is_split { element } else { 1 };
        if !to.len().is_multiple_of(num_splits) {
            return Err(damaged(format!("blocks of {} bytes with elements of {element}", to.len())));
        }
        let nbytes = to.len();
        let plain: &mut [u8] = if is_shuffled || is_bit_shuffled { &mut room[..nbytes] } else { &mut *to };
        for part in plain.chunks_exact_mut(nbytes / num_splits) {
            let split = stored.split_first_chunk::<4>().and_then(|(len, rest)| {
                let len = u32::from_le_bytes(*len) as usize;
                rest.split_at_checked(len)
            });
            let (bytes, rest) = split.ok_or_else(|| damaged("a block ends beyond it".into()))?;
            stored = rest;
            match bytes.len() == part.len() {
                true => part.copy_from_slice(bytes),
                false => self.decompress_part(bytes, part)?,
            }
        }
        if is_shuffled {
            unshuffle(element, &room[..nbytes], to);
        } else if is_bit_shuffled {
            let from = &room[..nbytes];
            // Blocks of an odd number of elements are left as they are.
            match (nbytes / element).is_multiple_of(8) {
                true => bit_unshuffle(element, from, to),
                false => to.copy_from_slice(from),
            }
        }
        Ok(())
    }

    fn decompress_part(&self, from: &[u8], to: &mut [u8]) -> Outcome<()> {
        match self.flags >> 5 {
            0 => blosclz::decompress(from, to),
            1 => unlz4(from, to),
            2 => {
                let found = snap::raw::decompress_len(from).ok().filter(|&nbytes| nbytes == to.len());
                found
                    .and_then(|_| snap::raw::Decoder::new().decompress(from, to).ok())
                    .map(|_| ())
                    .ok_or_else(|| damaged(format!("{} bytes are not its snappy data", from.len())))
            }
            3 => inflate(from, to),
            4 => unzstd(from, to),
            other => Err(damaged(format!("its compressor is number {other}, the last one is 4"))),
        }
    }
}

fn damaged(detail: String) -> Problem {
    corrupt(WHAT, format!("its blosc container: {detail}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(flags: u8, element: u8, numbers: [u32; 3], rest: &[u8]) -> Vec<u8> {
        let mut bytes = vec![VERSION, 1, flags, element];
        numbers.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
        bytes.extend(rest);
        bytes
    }

    fn decoded(bytes: &[u8], nbytes: usize) -> Outcome<Vec<u8>> {
        let (mut to, mut block) = (vec![0; nbytes], vec![0; nbytes]);
        decompress(bytes, &mut to, &mut block).map(|()| to)
    }

    #[test]
    fn copies_and_blocks_of_every_order() {
        let copied = container(flag::COPIED, 1, [5, 5, 21], b"hello");
        assert_eq!(decoded(&copied, 5).unwrap(), b"hello");
        assert_eq!(decoded(&container(0, 1, [0, 0, 16], b""), 0).unwrap(), b"");
        // Two blocks, the second first: each a length and bytes that did not get shorter.
        let blocks = b"\x20\0\0\0\x18\0\0\0\x04\0\0\0efgh\x04\0\0\0acbd";
        let shuffled = container(flag::SHUFFLED | flag::NOT_SPLIT, 2, [8, 4, 40], blocks);
        assert_eq!(decoded(&shuffled, 8).unwrap(), b"abcdegfh");
    }

    #[test]
    fn what_it_claims_is_compared_first() {
        let blocks = b"\x14\0\0\0\x04\0\0\0abcd";
        assert_eq!(decoded(&container(0, 1, [4, 4, 28], blocks), 4).unwrap(), b"abcd");
        for (numbers, element, wrong) in [
            ([1 << 31, 4, 28], 1, "claims 2147483648 bytes"),
            ([4, 0, 28], 1, "blocks of 0 bytes"),
            ([4, u32::MAX, 28], 1, "blocks of 4294967295"),
            ([4, 4, 28], 0, "elements of 0"),
            ([4, 4, 29], 1, "claims to be 29 bytes"),
            ([4, 4, 15], 1, "claims to be 15 bytes"),
            ([4, 1, 28], 1, "4 blocks in 28 bytes"),
            ([4, 4, 27], 1, "ends beyond"),
        ] {
            let error = decoded(&container(0, element, numbers, blocks), 4).unwrap_err().to_string();
            assert!(error.contains(wrong), "{error}");
        }
        assert!(decoded(&[VERSION; 9], 4).unwrap_err().to_string().contains("shorter"));
        assert!(decoded(&container(7 << 5, 1, [4, 4, 27], b"\x14\0\0\0\x03\0\0\0abc"), 4).is_err());
    }
}
