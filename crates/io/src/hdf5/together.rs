//! Many small chunks read at once.
//!
//! What is done for a chunk of its own (planning it, finding its file, memory, a system call) takes longer than reading a
//! few kilobytes. Where a region is made of whole chunks, those that lie next to each other in the file are read in one
//! go, and each is decoded straight to its place.

use std::sync::Arc;

use brickwork_core::eval::{Activity, doing};
use brickwork_core::{Pending, Region, Together, ViewMut};

use super::format::{ChunkLocation, Dataset, Hdf5Error};
use super::memory::{MEMORY, Memory};
use super::open::failed;
use super::source::Hdf5Source;
use crate::bytes::fill_dense;
use crate::error::{IoError, Result};

/// Chunks of at most this many bytes are read together.
const SMALL: usize = 128 << 10;
/// The most bytes that are read in one go to be decoded: they stay in a second-level cache.
const MOST_READ: usize = 256 << 10;
/// Gaps below this many bytes are read over.
const MAX_GAP: u64 = 4096;

/// A box of chunks, and where each of them is.
pub(super) struct Chunks<'a> {
    source: &'a Hdf5Source,
    dataset: Arc<Dataset>,
    region: Region,
    /// Elements of a chunk along every axis.
    chunk: &'a [usize],
    /// Along every axis, the first of the chunks.
    first: Vec<usize>,
    /// Along every axis, how many.
    counts: Vec<usize>,
    /// In C order; `None` where nothing was ever written.
    locations: Vec<Option<ChunkLocation>>,
}

/// Begins to read a region, if it is made of several whole, small chunks of a local file.
pub(super) fn start<'a>(
    source: &'a Hdf5Source,
    chunk: &'a [usize],
    region: &Region,
) -> Result<Option<Together<'a>>> {
    let item = source.itemsize();
    if chunk.iter().product::<usize>().saturating_mul(item) > SMALL || region.is_empty() {
        return Ok(None);
    }
    let (mut first, mut counts) = (Vec::new(), Vec::new());
    for ((range, &chunk), &len) in region.axes().iter().zip(chunk).zip(source.shape()) {
        let (start, end) = range.bounds();
        let is_whole = (range.step == 1 || range.len == 1)
            && start.is_multiple_of(chunk)
            && (end.is_multiple_of(chunk) || end == len);
        if !is_whole {
            return Ok(None);
        }
        first.push(start / chunk);
        counts.push((end - start).div_ceil(chunk));
    }
    let number: usize = counts.iter().product();
    if number < 2 {
        return Ok(None);
    }
    let dataset = source.dataset()?;
    let index = dataset.chunk_index().map_err(|error| failed(source.uri_text(), error))?;
    let grid: Vec<usize> =
        source.shape().iter().zip(chunk).map(|(len, chunk)| len.div_ceil(*chunk)).collect();
    let mut locations = Vec::with_capacity(number);
    for_each_line(&counts, |at| {
        let line = at
            .iter()
            .zip(&first)
            .zip(&grid)
            .fold(0, |number, ((at, first), grid)| number * grid + at + first);
        let len = counts.last().copied().unwrap_or(1);
        locations.extend((line..line + len).map(|number| index.numbered(number)));
    });
    let encoded_bytes = locations.iter().flatten().map(|location| location.nbytes).sum();
    let pending = Chunks { source, dataset, region: region.clone(), chunk, first, counts, locations };
    Ok(Some(Together { granules: number, encoded_bytes, pending: Box::new(pending) }))
}

/// Calls `each` with the place of the first box of every line along the last axis, in C order.
fn for_each_line(counts: &[usize], mut each: impl FnMut(&[usize])) {
    let mut at = vec![0; counts.len()];
    loop {
        each(&at);
        let mut axis = counts.len().saturating_sub(1);
        loop {
            if axis == 0 {
                return;
            }
            axis -= 1;
            at[axis] += 1;
            if at[axis] < counts[axis] {
                break;
            }
            at[axis] = 0;
        }
    }
}

impl Pending for Chunks<'_> {
    fn finish(self: Box<Self>, into: ViewMut<'_>) -> brickwork_core::Result<()> {
        let mut memory = MEMORY.take();
        let read = fill_dense(into, |out| self.read(out, &mut memory));
        MEMORY.set(memory.trimmed());
        read.map_err(Into::into)
    }
}

impl Chunks<'_> {
    fn read(&self, out: &mut [u8], memory: &mut Memory) -> Result<()> {
        let places = Places::new(self);
        let most_read = MOST_READ.min(out.len()) as u64;
        let mut next = 0;
        while let Some(location) = self.locations.get(next) {
            let Some(location) = location else {
                memory.whole.resize(places.chunk_nbytes, 0);
                self.dataset.fill_with_default(&mut memory.whole);
                places.put(next, &memory.whole, out);
                next += 1;
                continue;
            };
            let start = places.straight(next).filter(|_| self.dataset.is_plain(*location));
            let (end, nbytes) = match start {
                Some(_) => self.straight_run(next, &places)?,
                None => self.run(next, most_read)?,
            };
            let bytes = match start {
                Some(start) => &mut out[start..start + nbytes],
                None => {
                    memory.encoded.resize(nbytes, 0);
                    &mut memory.encoded
                }
            };
            let read = self.dataset.read_encoded(location.address, bytes);
            read.map_err(|error| self.in_chunk(next, error))?;
            let _decoding = doing(Activity::Decode);
            match start {
                Some(_) => self.dataset.element.to_native(bytes),
                None => self.decode(next..end, location.address, &places, memory, out)?,
            }
            next = end;
        }
        Ok(())
    }

    /// The chunks from one on that lie one behind the other in the file as they do in the region: the one after the last of
    /// them, and their bytes.
    fn straight_run(&self, first: usize, places: &Places) -> Result<(usize, usize)> {
        let mut end = first;
        let mut nbytes = 0;
        let mut address = None;
        while let Some(&Some(next)) = self.locations.get(end) {
            let follows = address.is_none_or(|address| next.address == address)
                && places.straight(end).is_some()
                && self.dataset.is_plain(next);
            if !follows {
                break;
            }
            self.dataset.check_chunk(next).map_err(|error| self.in_chunk(end, error))?;
            nbytes += next.nbytes;
            address = Some(next.address + next.nbytes as u64);
            end += 1;
        }
        Ok((end, nbytes))
    }

    /// The chunks from one on that lie near each other in the file: the one after the last of them, and the bytes from the
    /// first to the end of the last.
    fn run(&self, first: usize, most_read: u64) -> Result<(usize, usize)> {
        let mut end = first;
        let mut span = None;
        while let Some(&Some(next)) = self.locations.get(end) {
            self.dataset.check_chunk(next).map_err(|error| self.in_chunk(end, error))?;
            let (start, last) = span.unwrap_or((next.address, next.address));
            let until = next.address + next.nbytes as u64;
            let follows =
                next.address >= last && next.address - last <= MAX_GAP && until - start <= most_read;
            if end > first && !follows {
                break;
            }
            span = Some((start, until));
            end += 1;
        }
        let (start, last) = span.unwrap_or_default();
        Ok((end, (last - start) as usize))
    }

    /// Decodes chunks whose bytes were read from a place in the file on.
    fn decode(
        &self,
        chunks: std::ops::Range<usize>,
        from: u64,
        places: &Places,
        memory: &mut Memory,
        out: &mut [u8],
    ) -> Result<()> {
        let Memory { encoded, whole, scratch } = memory;
        for number in chunks {
            let Some(location) = self.locations[number] else { continue };
            let start = (location.address - from) as usize;
            let bytes = &encoded[start..start + location.nbytes];
            let decoded = match places.straight(number) {
                Some(start) => {
                    let place = &mut out[start..start + places.chunk_nbytes];
                    self.dataset.decode_chunk(location, bytes, place, scratch)
                }
                None => {
                    whole.resize(places.chunk_nbytes, 0);
                    self.dataset.decode_chunk(location, bytes, whole, scratch)
                }
            };
            decoded.map_err(|error| self.in_chunk(number, error))?;
            if places.straight(number).is_none() {
                places.put(number, whole, out);
            }
        }
        Ok(())
    }

    fn in_chunk(&self, number: usize, error: Hdf5Error) -> IoError {
        let at = place_of(number, &self.counts);
        let at: Vec<usize> = at.iter().zip(&self.first).map(|(at, first)| at + first).collect();
        self.source.in_chunk(&at, error)
    }
}

/// The place of a number in a grid of so many along every axis, last axis fastest.
fn place_of(mut number: usize, counts: &[usize]) -> Vec<usize> {
    let mut at = vec![0; counts.len()];
    for (at, count) in at.iter_mut().zip(counts).rev() {
        (*at, number) = (number % count, number / count);
    }
    at
}

/// Where chunks belong in a region.
struct Places {
    item: usize,
    chunk_nbytes: usize,
    chunk: Vec<usize>,
    counts: Vec<usize>,
    /// Elements of the region along every axis.
    shape: Vec<usize>,
    /// If every chunk lies in the region as one run of bytes, behind the one before it.
    lined: Option<Lined>,
}

/// Chunks that are cut along one axis, and of one element along those before it.
struct Lined {
    /// Chunks along the axis, those of them that are whole, and bytes of the region along it.
    count: usize,
    whole: usize,
    nbytes: usize,
}

impl Places {
    fn new(chunks: &Chunks<'_>) -> Self {
        let Chunks { source, region, counts, chunk, .. } = chunks;
        let (item, shape, chunk) = (source.itemsize(), region.shape(), chunk.to_vec());
        let axis = chunk.iter().position(|&len| len > 1).unwrap_or(chunk.len().saturating_sub(1));
        let behind = axis + 1..chunk.len();
        let lined =
            (axis < chunk.len() && behind.clone().all(|axis| chunk[axis] == shape[axis])).then(|| Lined {
                count: counts[axis],
                whole: shape[axis] / chunk[axis],
                nbytes: shape[axis..].iter().product::<usize>() * item,
            });
        let chunk_nbytes = chunk.iter().product::<usize>() * item;
        Places { item, chunk_nbytes, chunk, counts: counts.clone(), shape, lined }
    }

    /// The first byte of a chunk that lies in the region as it is.
    fn straight(&self, number: usize) -> Option<usize> {
        let Lined { count, whole, nbytes } = self.lined.as_ref()?;
        let (line, along) = (number / count, number % count);
        (along < *whole).then(|| line * nbytes + along * self.chunk_nbytes)
    }

    /// Copies what of a chunk lies in the region.
    fn put(&self, number: usize, chunk: &[u8], out: &mut [u8]) {
        let at = place_of(number, &self.counts);
        let start: Vec<usize> = at.iter().zip(&self.chunk).map(|(at, len)| at * len).collect();
        let lens: Vec<usize> = start
            .iter()
            .zip(&self.chunk)
            .zip(&self.shape)
            .map(|((start, len), end)| (*len).min(end - start))
            .collect();
        let line = lens.last().copied().unwrap_or(1) * self.item;
        for_each_line(&lens, |at| {
            let (mut from, mut to) = (0, 0);
            for axis in 0..at.len() {
                from = from * self.chunk[axis] + at[axis];
                to = to * self.shape[axis] + start[axis] + at[axis];
            }
            let (from, to) = (from * self.item, to * self.item);
            out[to..to + line].copy_from_slice(&chunk[from..from + line]);
        });
    }
}
