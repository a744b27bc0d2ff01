//! The bitshuffle filter: bits sorted by their place in the element, block by block, and perhaps compressed.
use super::codec::{unlz4, unzstd};
use super::error::{Outcome, Problem, corrupt};

/// Elements of blocks are a multiple of this; what is left at the end stays as it is.
const MULTIPLE: usize = 8;
/// Bytes and elements of the blocks that writers make who are not told otherwise.
const DEFAULT_BLOCK_NBYTES: usize = 8192;
const MIN_BLOCK: usize = 128;

/// What bitshuffle does to blocks afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BlockCodec {
    /// LZ4.
    Lz4,
    /// Zstandard.
    Zstd,
}

/// Undoes the filter without compression; `from` and `to` have the same length. `block` counts elements, 0 stands for
/// the usual number.
pub(super) fn unshuffle_blocks(
    element_nbytes: usize,
    block: usize,
    from: &[u8],
    to: &mut [u8],
) -> Outcome<()> {
    let blocks = Blocks::new(element_nbytes, block, to.len())?;
    let mut done = 0;
    for nbytes in blocks.lengths() {
        bit_unshuffle(element_nbytes, &from[done..done + nbytes], &mut to[done..done + nbytes]);
        done += nbytes;
    }
    to[done..].copy_from_slice(&from[done..]);
    Ok(())
}

/// Undoes the filter with compression: a header, then blocks behind their lengths. `room` has as many bytes as `to`.
pub(super) fn decompress(
    codec: BlockCodec,
    element_nbytes: usize,
    from: &[u8],
    to: &mut [u8],
    room: &mut [u8],
) -> Outcome<()> {
    let short = || damaged("ends early".into());
    let (nbytes, from) = from.split_first_chunk::<8>().ok_or_else(short)?;
    let (block_nbytes, mut from) = from.split_first_chunk::<4>().ok_or_else(short)?;
    let claimed = u64::from_be_bytes(*nbytes);
    if claimed != to.len() as u64 {
        return Err(damaged(format!("claims {claimed} bytes, and {} are wanted", to.len())));
    }
    let block = u32::from_be_bytes(*block_nbytes) as usize / element_nbytes.max(1);
    let blocks = Blocks::new(element_nbytes, block, to.len())?;
    let mut done = 0;
    for nbytes in blocks.lengths() {
        let (len, rest) = from.split_first_chunk::<4>().ok_or_else(short)?;
        let (stored, rest) = rest.split_at_checked(u32::from_be_bytes(*len) as usize).ok_or_else(short)?;
        let plain = &mut room[..nbytes];
        match codec {
            BlockCodec::Lz4 => unlz4(stored, plain)?,
            BlockCodec::Zstd => unzstd(stored, plain)?,
        }
        bit_unshuffle(element_nbytes, plain, &mut to[done..done + nbytes]);
        (from, done) = (rest, done + nbytes);
    }
    let tail = &mut to[done..];
    if from.len() != tail.len() {
        return Err(damaged(format!("has {} bytes behind its blocks, not {}", from.len(), tail.len())));
    }
    tail.copy_from_slice(from);
    Ok(())
}

/// How elements are cut into blocks.
#[derive(Debug, Clone, Copy)]
struct Blocks {
    element_nbytes: usize,
    block: usize,
    num_elements: usize,
}

impl Blocks {
    fn new(element_nbytes: usize, block: usize, nbytes: usize) -> Outcome<Self> {
        if element_nbytes == 0 || !nbytes.is_multiple_of(element_nbytes) {
            return Err(damaged(format!("has {nbytes} bytes in elements of {element_nbytes}")));
        }
        let usual = (DEFAULT_BLOCK_NBYTES / element_nbytes / MULTIPLE * MULTIPLE).max(MIN_BLOCK);
        let block = if block == 0 { usual } else { block };
        if !block.is_multiple_of(MULTIPLE) {
            return Err(damaged(format!("has blocks of {block} elements, not a multiple of {MULTIPLE}")));
        }
        Ok(Blocks { element_nbytes, block, num_elements: nbytes / element_nbytes })
    }

    /// Bytes of the blocks, the shorter last one among them; what is left has fewer than eight elements.
    fn lengths(self) -> impl Iterator<Item = usize> {
        let last = self.num_elements % self.block / MULTIPLE * MULTIPLE;
        let whole = std::iter::repeat_n(self.block, self.num_elements / self.block);
        whole.chain((last > 0).then_some(last)).map(move |elements| elements * self.element_nbytes)
    }
}

/// Puts the bits of a multiple of eight elements back in their places; bytes after the last whole element stay as they
/// are. `from` and `to` have the same length.
pub(super) fn bit_unshuffle(element_nbytes: usize, from: &[u8], to: &mut [u8]) {
    let num_elements = from.len() / element_nbytes;
    let whole = num_elements * element_nbytes;
    to[whole..].copy_from_slice(&from[whole..]);
    let plane = num_elements / 8;
    if plane == 0 {
        return;
    }
    // Eight planes hold the bits of one byte of every element.
    for (place, planes) in from[..whole].chunks_exact(8 * plane).enumerate() {
        let mut rows = [&planes[..0]; 8];
        for (row, bytes) in rows.iter_mut().zip(planes.chunks_exact(plane)) {
            *row = bytes;
        }
        for (at, elements) in to[..whole].chunks_exact_mut(8 * element_nbytes).enumerate() {
            let bytes = transposed(u64::from_le_bytes(rows.map(|row| row[at]))).to_le_bytes();
            for (element, byte) in elements.chunks_exact_mut(element_nbytes).zip(bytes) {
                element[place] = byte;
            }
        }
    }
}

/// Eight bytes as a matrix of bits, turned over its diagonal: ever larger squares change places.
fn transposed(mut bits: u64) -> u64 {
    for (shift, mask) in
        [(7, 0x00aa_00aa_00aa_00aa), (14, 0x0000_cccc_0000_cccc), (28, 0x0000_0000_f0f0_f0f0)]
    {
        let swap = (bits ^ bits >> shift) & mask;
        bits ^= swap ^ swap << shift;
    }
    bits
}

fn damaged(detail: String) -> Problem {
    corrupt("chunk", format!("its bitshuffle data {detail}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_find_their_elements() {
        for (width, num_elements) in [(1, 8), (2, 16), (3, 24), (4, 8), (8, 64)] {
            let plain: Vec<u8> = (0..width * num_elements).map(|i| (i * i * 37 % 251) as u8).collect();
            let mut shuffled = vec![0; plain.len()];
            for element in 0..num_elements {
                for bit in 0..8 * width {
                    let is_set = plain[element * width + bit / 8] >> (bit % 8) & 1;
                    shuffled[bit * num_elements / 8 + element / 8] |= is_set << (element % 8);
                }
            }
            let mut back = vec![0; plain.len()];
            bit_unshuffle(width, &shuffled, &mut back);
            assert_eq!(back, plain, "{num_elements} elements of {width} bytes");
        }
    }

    #[test]
    fn what_is_left_stays_as_it_is() {
        let from: Vec<u8> = (0..7).collect();
        let mut to = vec![0; 7];
        unshuffle_blocks(1, 0, &from, &mut to).unwrap();
        assert_eq!(to, from);
        let lengths = |element, block, nbytes| {
            Blocks::new(element, block, nbytes).unwrap().lengths().collect::<Vec<_>>()
        };
        assert_eq!(lengths(4, 16, 4 * 45), [64, 64, 32]);
        assert_eq!(lengths(8, 0, 8 * 2000), [8192, 7808]);
    }

    #[test]
    fn damaged_headers_are_refused() {
        let mut header = 64_u64.to_be_bytes().to_vec();
        header.extend(32_u32.to_be_bytes());
        let message = |bytes: &[u8], nbytes: usize| {
            let (mut to, mut room) = (vec![0; nbytes], vec![0; nbytes]);
            decompress(BlockCodec::Lz4, 4, bytes, &mut to, &mut room).unwrap_err().to_string()
        };
        assert!(message(&header, 64).contains("ends early"));
        assert!(message(&header, 60).contains("claims 64 bytes, and 60 are wanted"));
        assert!(message(&header[..9], 64).contains("ends early"));
        header[11] = 12;
        assert!(message(&header, 64).contains("blocks of 3 elements"));
    }
}
