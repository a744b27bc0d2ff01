//! Chunks as stored turned into elements in this machine's byte order.
use std::cell::RefCell;
use std::ops::Range;

use libdeflater::{DecompressionError, Decompressor};

use super::datatype::ElementType;
use super::error::{Outcome, Problem, corrupt, unsupported};
use super::filter::Filter;
use super::lzf;
use super::shuffle::unshuffle;
#[cfg(feature = "hdf5-blosc")]
use super::{bitshuffle, blosc, lz4};
use crate::fletcher32::without_checksum;

thread_local! {
    /// A decompressor holds tables of some 10 kB, too dear to make for every chunk.
    static INFLATE: RefCell<Decompressor> = RefCell::new(Decompressor::new());
}

/// Bytes of scratch memory [`decode`] takes for chunks of `chunk_nbytes` bytes.
pub(super) fn scratch_nbytes(filters: &[Filter], chunk_nbytes: usize) -> usize {
    let rooms = usize::from(filters.iter().any(|filter| filter.needs_room()));
    (num_halves(filters) + rooms) * half_nbytes(filters, chunk_nbytes)
}

/// How many buffers the intermediate results take turns in: the last result goes straight to its place.
fn num_halves(filters: &[Filter]) -> usize {
    let num_transforms = filters.iter().filter(|&&filter| filter != Filter::Fletcher32).count();
    // With a checksum below, the last transform's output is longer than the chunk.
    let ends_in_checksum = filters.first() == Some(&Filter::Fletcher32);
    if ends_in_checksum { num_transforms.min(2) } else { num_transforms.saturating_sub(1).min(2) }
}

fn half_nbytes(filters: &[Filter], chunk_nbytes: usize) -> usize {
    chunk_nbytes.saturating_add(4 * filters.iter().filter(|&&filter| filter == Filter::Fletcher32).count())
}

/// Whether a chunk with this mask is stored without any filter.
pub(super) fn is_plain(filters: &[Filter], filter_mask: u32) -> bool {
    (0..filters.len()).all(|at| is_skipped(filter_mask, at))
}

/// Whether the mask's bit for the filter at this place of the pipeline is set.
fn is_skipped(filter_mask: u32, at: usize) -> bool {
    1_u32.checked_shl(at as u32).is_some_and(|bit| filter_mask & bit != 0)
}

/// Undoes the filters, last first, and the byte order.
///
/// `out` is one whole chunk. Bit `i` of `filter_mask` says that filter `i` was not applied.
pub(super) fn decode(
    filters: &[Filter],
    filter_mask: u32,
    element: ElementType,
    encoded: &[u8],
    out: &mut [u8],
    scratch: &mut Vec<u8>,
) -> Outcome<()> {
    if filter_mask == 0 {
        undo(filters, encoded, out, scratch)?;
    } else {
        let applied = filters
            .iter()
            .enumerate()
            .filter(|&(at, _)| !is_skipped(filter_mask, at))
            .map(|(_, &filter)| filter);
        undo(&applied.collect::<Vec<_>>(), encoded, out, scratch)?;
    }
    element.to_native(out);
    Ok(())
}

/// Where the bytes are between two steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Encoded,
    FirstHalf,
    SecondHalf,
    Out,
}

fn undo(filters: &[Filter], encoded: &[u8], out: &mut [u8], scratch: &mut Vec<u8>) -> Outcome<()> {
    let chunk_nbytes = out.len();
    let half = half_nbytes(filters, chunk_nbytes);
    let needed = scratch_nbytes(filters, chunk_nbytes);
    if scratch.len() < needed {
        scratch.resize(needed, 0);
    }
    let (halves, room) = scratch[..needed].split_at_mut(num_halves(filters) * half);
    let (first, second) = halves.split_at_mut(half.min(halves.len()));

    let mut place = Place::Encoded;
    let mut range: Range<usize> = 0..encoded.len();
    for (at, &filter) in filters.iter().enumerate().rev() {
        if filter == Filter::Fletcher32 {
            let bytes = match place {
                Place::Encoded => encoded,
                Place::FirstHalf => first,
                Place::SecondHalf => second,
                Place::Out => out,
            };
            let data = without_checksum(&bytes[range.clone()]).map_err(|detail| corrupt("chunk", detail))?;
            range.end = data.len();
            continue;
        }
        let below = &filters[..at];
        let sums_below = below.iter().filter(|&&filter| filter == Filter::Fletcher32).count();
        let nbytes = if filter.compresses() { chunk_nbytes + 4 * sums_below } else { range.len() };
        let is_last = sums_below == below.len();
        if nbytes > half {
            return Err(wrong_length(nbytes, chunk_nbytes));
        }
        let (from, to, next): (&[u8], &mut [u8], Place) = match place {
            _ if is_last && nbytes == chunk_nbytes => match place {
                Place::Encoded => (encoded, &mut *out, Place::Out),
                Place::FirstHalf => (first, &mut *out, Place::Out),
                _ => (second, &mut *out, Place::Out),
            },
            Place::Encoded | Place::SecondHalf if first.len() < nbytes => {
                return Err(wrong_length(nbytes, chunk_nbytes));
            }
            Place::Encoded => (encoded, &mut *first, Place::FirstHalf),
            Place::SecondHalf => (second, &mut *first, Place::FirstHalf),
            _ if second.len() < nbytes => return Err(wrong_length(nbytes, chunk_nbytes)),
            _ => (first, &mut *second, Place::SecondHalf),
        };
        transform(filter, &from[range], &mut to[..nbytes], room)?;
        place = next;
        range = 0..nbytes;
    }
    if range.len() != chunk_nbytes {
        return Err(wrong_length(range.len(), chunk_nbytes));
    }
    match place {
        Place::Encoded => out.copy_from_slice(&encoded[range]),
        Place::FirstHalf => out.copy_from_slice(&first[range]),
        Place::SecondHalf => out.copy_from_slice(&second[range]),
        Place::Out => {}
    }
    Ok(())
}

fn wrong_length(found: usize, chunk_nbytes: usize) -> Problem {
    corrupt("chunk", format!("its filters leave {found} bytes, a chunk has {chunk_nbytes}"))
}

/// Undoes one filter; `to` has the length the result has to have, and `room` as many bytes if the filter needs them.
#[cfg_attr(not(feature = "hdf5-blosc"), allow(unused_variables, reason = "no other filter needs room"))]
fn transform(filter: Filter, from: &[u8], to: &mut [u8], room: &mut [u8]) -> Outcome<()> {
    match filter {
        Filter::Deflate => inflate(from, to),
        Filter::Lzf => lzf::decompress(from, to),
        #[cfg(feature = "hdf5-zstd")]
        Filter::Zstd => unzstd(from, to),
        #[cfg(feature = "hdf5-blosc")]
        Filter::Blosc => blosc::decompress(from, to, room),
        #[cfg(feature = "hdf5-blosc")]
        Filter::Lz4 => lz4::decompress(from, to),
        #[cfg(feature = "hdf5-blosc")]
        Filter::Bitshuffle { element_nbytes, block, codec: None } => {
            bitshuffle::unshuffle_blocks(element_nbytes, block, from, to)
        }
        #[cfg(feature = "hdf5-blosc")]
        Filter::Bitshuffle { element_nbytes, codec: Some(codec), .. } => {
            bitshuffle::decompress(codec, element_nbytes, from, to, room)
        }
        Filter::Shuffle { element_nbytes } => {
            unshuffle(element_nbytes, from, to);
            Ok(())
        }
        Filter::Fletcher32 => Err(unsupported("a checksum as a transformation", "it only takes bytes away")),
    }
}

/// Fills `to` with what zlib data give.
pub(super) fn inflate(from: &[u8], to: &mut [u8]) -> Outcome<()> {
    let result = INFLATE.with_borrow_mut(|inflate| inflate.zlib_decompress(from, to));
    match result {
        Ok(nbytes) if nbytes == to.len() => Ok(()),
        Ok(nbytes) => Err(wrong_length(nbytes, to.len())),
        Err(DecompressionError::BadData) => {
            Err(corrupt("chunk", format!("{} bytes are not valid zlib data", from.len())))
        }
        Err(DecompressionError::InsufficientSpace) => {
            Err(corrupt("chunk", format!("its zlib data give more than {} bytes", to.len())))
        }
    }
}

/// Fills `to` with what a zstd frame gives.
#[cfg(feature = "hdf5-zstd")]
pub(super) fn unzstd(from: &[u8], to: &mut [u8]) -> Outcome<()> {
    match zstd::bulk::decompress_to_buffer(from, to) {
        Ok(nbytes) if nbytes == to.len() => Ok(()),
        Ok(nbytes) => Err(wrong_length(nbytes, to.len())),
        Err(error) => Err(corrupt("chunk", format!("{} bytes are not its zstd data: {error}", from.len()))),
    }
}

/// Fills `to` with what an LZ4 block gives.
#[cfg(feature = "hdf5-blosc")]
pub(super) fn unlz4(from: &[u8], to: &mut [u8]) -> Outcome<()> {
    match lz4_flex::block::decompress_into(from, to) {
        Ok(nbytes) if nbytes == to.len() => Ok(()),
        Ok(nbytes) => Err(wrong_length(nbytes, to.len())),
        Err(error) => Err(corrupt("chunk", format!("{} bytes are not its lz4 data: {error}", from.len()))),
    }
}

#[cfg(test)]
mod tests {
    use libdeflater::{CompressionLvl, Compressor};

    use super::super::datatype::{ElementKind, Endian};
    use super::*;
    use crate::fletcher32::fletcher32;

    const BYTES: ElementType = ElementType { kind: ElementKind::UInt, size: 1, endian: Endian::Little };

    fn apply(filter: Filter, bytes: &[u8]) -> Vec<u8> {
        match filter {
            Filter::Deflate => {
                let mut compressor = Compressor::new(CompressionLvl::default());
                let mut out = vec![0; compressor.zlib_compress_bound(bytes.len())];
                let nbytes = compressor.zlib_compress(bytes, &mut out).unwrap();
                out.truncate(nbytes);
                out
            }
            Filter::Shuffle { element_nbytes } => {
                let num_elements = bytes.len() / element_nbytes;
                let mut out = bytes.to_vec();
                for element in 0..num_elements {
                    for place in 0..element_nbytes {
                        out[place * num_elements + element] = bytes[element * element_nbytes + place];
                    }
                }
                out
            }
            Filter::Fletcher32 => [bytes, &fletcher32(bytes).to_le_bytes()].concat(),
            // A single literal run a time.
            #[cfg(feature = "hdf5-zstd")]
            Filter::Zstd => zstd::bulk::compress(bytes, 3).unwrap(),
            #[cfg(feature = "hdf5-blosc")]
            Filter::Blosc | Filter::Lz4 | Filter::Bitshuffle { .. } => unreachable!("tested with real files"),
            Filter::Lzf => bytes.chunks(32).flat_map(|run| [&[run.len() as u8 - 1], run].concat()).collect(),
        }
    }

    #[test]
    fn any_order_of_filters_is_undone() {
        let shuffle = Filter::Shuffle { element_nbytes: 4 };
        let (deflate, lzf, sum) = (Filter::Deflate, Filter::Lzf, Filter::Fletcher32);
        let plain: Vec<u8> = (0..1000_u32).map(|i| (i * i % 251) as u8).collect();
        for filters in [
            vec![],
            vec![deflate],
            vec![shuffle, deflate],
            vec![shuffle, lzf, sum],
            vec![sum],
            vec![sum, deflate],
            vec![sum, shuffle, sum, deflate, sum],
            vec![shuffle, shuffle, shuffle, deflate],
            vec![sum, shuffle, shuffle, shuffle],
        ] {
            for mask in [0, 1, 0b10, u32::MAX] {
                let mut encoded = plain.clone();
                for (at, &filter) in filters.iter().enumerate() {
                    if mask >> at & 1 == 0 {
                        encoded = apply(filter, &encoded);
                    }
                }
                let mut out = vec![0; plain.len()];
                let mut scratch = Vec::new();
                decode(&filters, mask, BYTES, &encoded, &mut out, &mut scratch).unwrap();
                assert!(out == plain, "{filters:?}, mask {mask:#b}");
            }
        }
    }

    #[test]
    fn a_chunk_of_another_length_is_refused() {
        let encoded = apply(Filter::Deflate, &[7; 100]);
        for nbytes in [0, 99, 101] {
            let mut out = vec![0; nbytes];
            let error = decode(&[Filter::Deflate], 0, BYTES, &encoded, &mut out, &mut Vec::new());
            assert!(error.is_err(), "{nbytes}");
        }
        assert!(decode(&[], 0, BYTES, &[0; 9], &mut [0; 10], &mut Vec::new()).is_err());
        assert!(decode(&[Filter::Deflate], 0, BYTES, &[0; 9], &mut [0; 10], &mut Vec::new()).is_err());
    }

    #[cfg(feature = "hdf5-zstd")]
    #[test]
    fn zstd_frames_give_a_whole_chunk_or_an_error() {
        let plain: Vec<u8> = (0..200).map(|i| i as u8 / 7).collect();
        let encoded = apply(Filter::Zstd, &plain);
        let mut out = vec![0; 200];
        decode(&[Filter::Zstd], 0, BYTES, &encoded, &mut out, &mut Vec::new()).unwrap();
        assert_eq!(out, plain);
        for (bytes, nbytes) in
            [(&encoded[..], 100), (&encoded[..], 300), (&encoded[..9], 200), (b"noise", 200)]
        {
            let mut out = vec![0; nbytes];
            assert!(decode(&[Filter::Zstd], 0, BYTES, bytes, &mut out, &mut Vec::new()).is_err());
        }
    }
}
