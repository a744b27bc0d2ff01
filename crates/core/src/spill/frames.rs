//! A compressed block of a spill file: frames, each of them a part of the block that fits a cache.
//!
//! A frame is a head and its bytes. The head holds how many they are, whether they are compressed, and a checksum of
//! them. What is compressed had the first bytes of its elements put together, then the second ones, and so on: those of
//! neighbours are alike.

use std::ops::Range;

use xxhash_rust::xxh3::xxh3_64;

use super::SpillFile;
use super::codec::CLEARLY;
use super::shuffle::{shuffle, unshuffle};
use crate::error::{Error, Result};
use crate::eval::{Activity, doing};

/// Bytes of a block in one frame.
const FRAME: usize = 32 << 10;

/// Bytes before those of a frame: their number and their checksum, as little-endian `u32`.
const HEAD: usize = 8;

/// Set in the number of bytes if they are compressed.
const COMPRESSED: u32 = 1 << 31;

/// The most bytes of a frame: LZ4 adds a 255th and a few to what it cannot compress.
const MOST: usize = HEAD + FRAME + FRAME / 255 + 32;

/// Bytes of memory for writing and for reading.
pub(super) const SCRATCH: usize = 4 * FRAME;

/// Blocks of fewer bytes are not compressed: they are written in pages anyway.
pub(super) const LEAST_BLOCK: usize = 16 << 10;

/// Writes a block compressed, into as many bytes as it has or fewer. Returns how many; `None` if it did not get clearly
/// smaller, and is to be written as it is, over what may be there already.
pub(super) fn write(
    file: &dyn SpillFile,
    start: usize,
    block: &[u8],
    width: usize,
    scratch: &mut [u8],
) -> Result<Option<usize>> {
    let (shuffled, out) = scratch.split_at_mut(FRAME);
    let (mut written, mut end) = (0, 0);
    for (number, part) in block.chunks(FRAME).enumerate() {
        end += encode(part, width, shuffled, &mut out[end..]);
        // One frame tells already what to expect.
        if number == 0 && end * 1000 > part.len() * CLEARLY as usize {
            return Ok(None);
        }
        if written + end > block.len() {
            return Ok(None);
        }
        if end + MOST > out.len() {
            put(file, start + written, &out[..end])?;
            written += end;
            end = 0;
        }
    }
    put(file, start + written, &out[..end])?;
    Ok(Some(written + end).filter(|written| written * 1000 <= block.len() * CLEARLY as usize))
}

fn put(file: &dyn SpillFile, offset: usize, bytes: &[u8]) -> Result<()> {
    let _writing = doing(Activity::Write);
    file.write(offset, bytes)
}

/// Puts a frame at the beginning of `out`; returns its length.
fn encode(part: &[u8], width: usize, shuffled: &mut [u8], out: &mut [u8]) -> usize {
    let shuffled = &mut shuffled[..part.len()];
    shuffle(part, width, shuffled);
    let (head, bytes) = out.split_at_mut(HEAD);
    let (len, flag) = match lz4_flex::block::compress_into(shuffled, bytes) {
        Ok(len) if len < part.len() => (len, COMPRESSED),
        _ => {
            bytes[..part.len()].copy_from_slice(part);
            (part.len(), 0)
        }
    };
    head[..4].copy_from_slice(&(len as u32 | flag).to_le_bytes());
    head[4..].copy_from_slice(&checksum(&bytes[..len]).to_le_bytes());
    HEAD + len
}

fn checksum(bytes: &[u8]) -> u32 {
    xxh3_64(bytes) as u32
}

/// Reads a block that takes `stored` bytes of the file.
pub(super) fn read(
    file: &dyn SpillFile,
    start: usize,
    stored: usize,
    block: &mut [u8],
    width: usize,
    scratch: &mut [u8],
) -> Result<()> {
    let damaged = |what: &str| {
        let what = format!(
            "the compressed block at byte {start} of a spill file is damaged: {what}; the disk or the memory of this \
             machine may be failing"
        );
        Error::invalid_data(file.name(), what)
    };
    if stored > block.len() {
        return Err(damaged("it is longer than its values"));
    }
    let (shuffled, buffer) = scratch.split_at_mut(FRAME);
    let (mut there, mut fetched): (Range<usize>, usize) = (0..0, 0);
    for part in block.chunks_mut(FRAME) {
        if there.len() < MOST && fetched < stored {
            buffer.copy_within(there.clone(), 0);
            let more = (buffer.len() - there.len()).min(stored - fetched);
            there = 0..there.len() + more;
            let reading = doing(Activity::Read);
            file.read(start + fetched, &mut buffer[there.end - more..there.end])?;
            drop(reading);
            fetched += more;
        }
        let frame = &buffer[there.clone()];
        let Some((head, bytes)) = frame.split_first_chunk::<HEAD>() else {
            return Err(damaged("it ends too early"));
        };
        let [a, b, c, d, e, f, g, h] = *head;
        let (number, expected) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
        let len = (number & !COMPRESSED) as usize;
        let Some(bytes) = bytes.get(..len) else {
            return Err(damaged("it ends too early"));
        };
        if checksum(bytes) != expected {
            return Err(damaged("its checksum is another"));
        }
        decode(bytes, number & COMPRESSED != 0, width, shuffled, part).map_err(|what| damaged(&what))?;
        there.start += HEAD + len;
    }
    Ok(())
}

fn decode(
    bytes: &[u8],
    is_compressed: bool,
    width: usize,
    shuffled: &mut [u8],
    part: &mut [u8],
) -> std::result::Result<(), String> {
    if !is_compressed {
        if bytes.len() != part.len() {
            return Err(format!("{} bytes where {} are due", bytes.len(), part.len()));
        }
        part.copy_from_slice(bytes);
        return Ok(());
    }
    let shuffled = &mut shuffled[..part.len()];
    match lz4_flex::block::decompress_into(bytes, shuffled) {
        Ok(len) if len == part.len() => {}
        Ok(len) => return Err(format!("{len} bytes where {} are due", part.len())),
        Err(error) => return Err(error.to_string()),
    }
    unshuffle(shuffled, width, part);
    Ok(())
}
