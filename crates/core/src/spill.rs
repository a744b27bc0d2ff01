//! Spill files: values on the way from one stage to another that the memory has no room for.
//!
//! Cells of one grid write, cells of another read. Where two of them meet is a block, and every block is one run of
//! bytes of the file: the blocks of a reading cell lie together, in the order of the writing cells. So both sides write
//! and read long runs, and where a block lies is worked out from the grids: nothing is listed.
//!
//! A block that is written compressed takes the first bytes of its place, and the file has a hole behind them. A table
//! at the end of the file says how many they are: whoever has the file can read it.

mod codec;
mod frames;
mod shuffle;

use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::block::{Block, BlockMut};
use crate::buffer::BufferPool;
use crate::chunks::{AxisChunks, ChunkGrid};
use crate::dtype::DType;
use crate::error::Result;
use crate::eval::{Activity, Context, Counters, doing, positions};
use crate::plan::granule_elements;
use crate::region::{AxisRange, Region};

pub use codec::SpillCodec;
use codec::Trials;

/// Where spill files are made. Schedulers say which one.
pub trait SpillPlace: Debug + Send + Sync {
    /// What people call it: a directory.
    fn name(&self) -> String;

    /// Bytes that are free there.
    ///
    /// # Errors
    /// If nobody can tell.
    fn room(&self) -> Result<usize>;

    /// Makes a file that may get as long as this. It goes when it is dropped, whatever else happens.
    ///
    /// # Errors
    /// If it cannot be made.
    fn create(&self, nbytes: usize) -> Result<Arc<dyn SpillFile>>;

    /// The place for a run that writes into this local directory: another one than this if nobody chose this one.
    fn beside(&self, _directory: &Path) -> Option<Arc<dyn SpillPlace>> {
        None
    }
}

/// A file for values that are read again in the same run.
pub trait SpillFile: Debug + Send + Sync {
    /// Puts bytes at an offset.
    ///
    /// # Errors
    /// If the place is full, or fails.
    fn write(&self, offset: usize, bytes: &[u8]) -> Result<()>;

    /// Fills a buffer from an offset on.
    ///
    /// # Errors
    /// If the place fails.
    fn read(&self, offset: usize, into: &mut [u8]) -> Result<()>;

    /// The local file that it is, so that other processes can use it too.
    fn file(&self) -> Option<&std::fs::File> {
        None
    }

    /// What people call the place that it lies in.
    fn name(&self) -> String {
        "spill files".into()
    }

    /// Bytes a second that it has taken lately from one thread; `None` if nobody has measured, or too little.
    fn speed(&self) -> Option<f64> {
        None
    }
}

/// Which elements lie where in a spill file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpillLayout {
    region: Region,
    dtype: DType,
    readers: ChunkGrid,
    blocks: ChunkGrid,
    codec: SpillCodec,
}

/// Bytes of the table for each block: how many are written of it if it is compressed, else 0, as little-endian `u64`.
const ENTRY: usize = 8;

/// A block: the positions that it holds, and the element of the file that it begins at.
#[derive(Debug, Clone, PartialEq, Eq)]
struct BlockPlace {
    positions: Region,
    start: usize,
}

impl SpillLayout {
    /// The layout for a region of a value whose positions are written and read by the cells of two grids.
    pub fn new(region: Region, dtype: DType, writers: &ChunkGrid, readers: ChunkGrid) -> Self {
        let axes = writers.axes().iter().zip(readers.axes());
        let blocks = ChunkGrid::new(axes.map(|(a, b)| refined(a, b)).collect());
        SpillLayout { region, dtype, readers, blocks, codec: SpillCodec::None }
    }

    /// The layout with blocks that may be compressed, if they are large enough for that.
    #[must_use]
    pub fn compressed(mut self, codec: SpillCodec) -> Self {
        let is_large = self.block_bytes() >= frames::LEAST_BLOCK;
        self.codec = if is_large { codec } else { SpillCodec::None };
        self
    }

    /// The elements of the value that are there.
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// The blocks, over the positions of the region.
    pub fn blocks(&self) -> &ChunkGrid {
        &self.blocks
    }

    /// The cells of those who read, over the positions of the region.
    pub fn readers(&self) -> &ChunkGrid {
        &self.readers
    }

    /// Bytes of all values that are there.
    pub fn nbytes(&self) -> usize {
        self.region.size() * self.dtype.itemsize()
    }

    /// The length of the file: more than its bytes on disk, if blocks are compressed.
    pub fn file_len(&self) -> usize {
        match self.codec {
            SpillCodec::None => self.nbytes(),
            _ => self.entry(self.blocks.num_chunks()),
        }
    }

    /// Where the entry of a block is in the file.
    fn entry(&self, block: usize) -> usize {
        self.nbytes().next_multiple_of(ENTRY) + ENTRY * block
    }

    /// The number of a block among all, and the byte that it begins at.
    fn place_of(&self, block: &BlockPlace) -> (usize, usize) {
        let axes = self.blocks.axes().iter().zip(block.positions.axes());
        let number = axes
            .fold(0, |number, (chunks, range)| number * chunks.num_chunks() + chunks.chunk_of(range.start));
        (number, block.start * self.dtype.itemsize())
    }

    /// Where elements of the value lie in the region.
    pub(crate) fn positions(&self, asked: &Region) -> Region {
        positions(&self.region, asked)
    }

    /// Bytes of all blocks that hold some elements.
    pub(crate) fn read_bytes(&self, asked: &Region) -> usize {
        granule_elements(&self.blocks, &self.positions(asked)) * self.dtype.itemsize()
    }

    /// The cells of readers that hold some elements, by number, and which elements each holds.
    pub(crate) fn by_reader(&self, asked: &Region) -> Vec<(usize, Region)> {
        let mut found: Vec<(usize, Vec<AxisRange>)> = vec![(0, Vec::new())];
        let positions = self.positions(asked);
        for ((range, at), cells) in asked.axes().iter().zip(positions.axes()).zip(self.readers.axes()) {
            let mut along = Vec::new();
            let mut i = 0;
            while i < at.len {
                let cell = cells.chunk_of(at.get(i));
                let (start, len) = cells.chunk_range(cell);
                let (first, count) = at.positions_between(start, start + len);
                along.push((cell, range.compose(&AxisRange::new(first, count))));
                i = first + count;
            }
            let longer = |(number, part): &(usize, Vec<AxisRange>)| {
                let (number, part) = (number * cells.num_chunks(), part.clone());
                along
                    .iter()
                    .map(move |(cell, range)| (number + cell, [part.as_slice(), &[*range]].concat()))
                    .collect::<Vec<_>>()
            };
            found = found.iter().flat_map(longer).collect();
        }
        found.into_iter().map(|(number, part)| (number, Region::new(part))).collect()
    }

    /// The part of some elements that a cell of readers holds.
    pub(crate) fn in_reader(&self, mut number: usize, asked: &Region) -> Region {
        let positions = self.positions(asked);
        let mut axes = Vec::with_capacity(asked.ndim());
        let all = asked.axes().iter().zip(positions.axes()).zip(self.readers.axes());
        for ((range, at), cells) in all.rev() {
            let (start, len) = cells.chunk_range(number % cells.num_chunks());
            number /= cells.num_chunks();
            let (first, count) = at.positions_between(start, start + len);
            axes.push(range.compose(&AxisRange::new(first, count)));
        }
        axes.reverse();
        Region::new(axes)
    }

    /// Bytes of the largest block.
    pub fn block_bytes(&self) -> usize {
        self.blocks.max_chunk().iter().product::<usize>() * self.dtype.itemsize()
    }

    /// The blocks that rising positions touch, and the positions in each of them.
    fn touched(&self, asked: &Region) -> Vec<(BlockPlace, Region)> {
        let mut found: Vec<(Vec<AxisRange>, Vec<AxisRange>)> = vec![(Vec::new(), Vec::new())];
        for (range, chunks) in asked.axes().iter().zip(self.blocks.axes()) {
            let mut along = Vec::new();
            let mut i = 0;
            while i < range.len {
                let (start, len) = chunks.chunk_range(chunks.chunk_of(range.get(i)));
                let (first, count) = range.positions_between(start, start + len);
                along.push((AxisRange::new(start, len), range.compose(&AxisRange::new(first, count))));
                i = first + count;
            }
            found = found
                .iter()
                .flat_map(|(block, part)| {
                    along.iter().map(|(b, p)| {
                        let extended = |axes: &[AxisRange], range| [axes, &[range]].concat();
                        (extended(block, *b), extended(part, *p))
                    })
                })
                .collect();
        }
        let place = |positions: Region| BlockPlace { start: self.start_of(&positions), positions };
        found.into_iter().map(|(block, part)| (place(Region::new(block)), Region::new(part))).collect()
    }

    /// The element of the file that a block begins at.
    fn start_of(&self, block: &Region) -> usize {
        let readers = self.readers.axes();
        let cell: Vec<(usize, usize)> = readers
            .iter()
            .zip(block.axes())
            .map(|(cells, range)| cells.chunk_range(cells.chunk_of(range.start)))
            .collect();
        let whole: Vec<(usize, usize, usize)> =
            cell.iter().zip(readers).map(|(&(start, len), cells)| (start, len, cells.len())).collect();
        let within: Vec<(usize, usize, usize)> = cell
            .iter()
            .zip(block.axes())
            .map(|(&(start, len), range)| (range.start - start, range.len, len))
            .collect();
        tiled_start(&whole) + tiled_start(&within)
    }
}

/// Elements before a tile (per axis its start, its length, and the length of what is tiled) where tiles lie one after
/// the other, each as one run.
fn tiled_start(axes: &[(usize, usize, usize)]) -> usize {
    (0..axes.len())
        .map(|axis| {
            let before: usize = axes[..axis].iter().map(|(_, len, _)| len).product();
            let behind: usize = axes[axis + 1..].iter().map(|(_, _, whole)| whole).product();
            before * axes[axis].0 * behind
        })
        .sum()
}

/// Cuts wherever one of two has a cut.
fn refined(a: &AxisChunks, b: &AxisChunks) -> AxisChunks {
    if let (AxisChunks::Regular { len, chunk: one }, AxisChunks::Regular { chunk: other, .. }) = (a, b) {
        let is_single = |chunk: usize| chunk >= *len;
        if is_single(*one) || one.is_multiple_of(*other) {
            return AxisChunks::regular(*len, *other);
        }
        if is_single(*other) || other.is_multiple_of(*one) {
            return AxisChunks::regular(*len, *one);
        }
    }
    let (mut lengths, mut at) = (Vec::new(), 0);
    while at < a.len() {
        let end = |chunks: &AxisChunks| {
            let (start, len) = chunks.chunk_range(chunks.chunk_of(at));
            start + len
        };
        let next = end(a).min(end(b));
        lengths.push(next - at);
        at = next;
    }
    AxisChunks::from_lengths(if lengths.is_empty() { &[0] } else { &lengths })
}

/// A value in a spill file.
#[derive(Debug)]
pub struct Spilled {
    layout: Arc<SpillLayout>,
    file: Arc<dyn SpillFile>,
    id: u128,
    trials: Trials,
}

impl Spilled {
    /// A value that is written from now on. The number tells it apart from other values of the run.
    ///
    /// # Errors
    /// If the file cannot be made.
    pub fn create(layout: Arc<SpillLayout>, place: &dyn SpillPlace, id: u128) -> Result<Self> {
        let file = place.create(layout.file_len())?;
        Ok(Spilled::over(layout, file, id))
    }

    /// A value in a file that is there already, or that others write.
    pub fn over(layout: Arc<SpillLayout>, file: Arc<dyn SpillFile>, id: u128) -> Self {
        Spilled { layout, file, id, trials: Trials::default() }
    }

    /// Writes values at positions of the region, which step by 1; returns how many bytes it took. A block that is
    /// written in parts is not compressed; one that is written again may be in another way.
    ///
    /// # Errors
    /// If the place is full, or fails.
    pub fn write(&self, asked: &Region, block: &Block, pool: &Arc<BufferPool>) -> Result<usize> {
        let mut stored = 0;
        if asked.is_empty() {
            return Ok(stored);
        }
        let item = block.dtype().itemsize();
        for (place, part) in self.layout.touched(asked) {
            let values = block.slice(&positions(asked, &part)).to_dense(Some(pool));
            let bytes = values.as_bytes().expect("dense blocks are runs of bytes");
            if self.layout.codec != SpillCodec::None && place.positions == part {
                stored += self.write_whole(&place, bytes, pool)?;
                continue;
            }
            stored += bytes.len();
            for_each_run(&place.positions.shape(), &positions(&place.positions, &part), &mut |at, range| {
                self.file.write((place.start + at) * item, &bytes[range.start * item..range.end * item])
            })?;
        }
        Ok(stored)
    }

    /// Writes a whole block, compressed if that pays, and what it has become to the table: the block may have been
    /// written before by a task that runs again.
    fn write_whole(&self, block: &BlockPlace, bytes: &[u8], pool: &Arc<BufferPool>) -> Result<usize> {
        let (number, start) = self.layout.place_of(block);
        let is_large = bytes.len() >= frames::LEAST_BLOCK;
        let stored = match is_large && self.trials.tries(self.layout.codec, self.file.speed()) {
            false => None,
            true => {
                let _encoding = doing(Activity::Encode);
                let mut scratch = pool.take(frames::SCRATCH);
                let word = shuffle::word(self.layout.dtype.itemsize());
                let stored = frames::write(&*self.file, start, bytes, word, scratch.bytes_mut())?;
                self.trials.note(stored, bytes.len());
                stored
            }
        };
        if stored.is_none() {
            self.file.write(start, bytes)?;
        }
        let entry = stored.unwrap_or(0) as u64;
        self.file.write(self.layout.entry(number), &entry.to_le_bytes())?;
        Ok(stored.unwrap_or(bytes.len()))
    }

    /// Reads a whole block.
    fn read_whole(&self, block: &BlockPlace, into: &mut [u8], pool: &Arc<BufferPool>) -> Result<()> {
        let (number, start) = self.layout.place_of(block);
        let mut entry = [0; ENTRY];
        if self.layout.codec != SpillCodec::None {
            self.file.read(self.layout.entry(number), &mut entry)?;
        }
        match u64::from_le_bytes(entry) as usize {
            0 => self.file.read(start, into),
            stored => {
                let _decoding = doing(Activity::Decode);
                let mut scratch = pool.take(frames::SCRATCH);
                let word = shuffle::word(self.layout.dtype.itemsize());
                frames::read(&*self.file, start, stored, into, word, scratch.bytes_mut())
            }
        }
    }

    /// The values at rising positions of the region: of every block that these touch, all is read, and kept for others
    /// who ask.
    ///
    /// # Errors
    /// If the place fails.
    pub fn read(&self, asked: &Region, context: &dyn Context) -> Result<Block> {
        let dtype = self.layout.dtype;
        let touched = self.layout.touched(asked);
        let is_single = touched.len() == 1;
        let mut out: Option<BlockMut> = None;
        for (place, part) in touched {
            let mut load = || {
                let shape = place.positions.shape();
                let mut block = BlockMut::take(dtype, &shape, Some(context.pool()));
                let reading = doing(Activity::Read);
                self.read_whole(&place, block.bytes_mut(), context.pool())?;
                drop(reading);
                Counters::add(&context.counters().bytes_unspilled, block.size() * dtype.itemsize());
                Ok(block.freeze())
            };
            let block = context.granule((self.id, place.start as u64), &mut load)?;
            let values = block.slice(&positions(&place.positions, &part));
            if is_single {
                return Ok(values);
            }
            let out = out.get_or_insert_with(|| BlockMut::take(dtype, &asked.shape(), Some(context.pool())));
            out.slice_mut(&positions(asked, &part)).assign(&values);
        }
        Ok(out.unwrap_or_else(|| BlockMut::zeroed(dtype, &asked.shape())).freeze())
    }

    /// The elements of the value that are there.
    pub fn region(&self) -> &Region {
        &self.layout.region
    }
}

/// Visits the runs of a part (steps of 1) of an array in C order: where the run begins in the array, and which of the
/// part's elements it is.
fn for_each_run(
    shape: &[usize],
    part: &Region,
    visit: &mut dyn FnMut(usize, std::ops::Range<usize>) -> Result<()>,
) -> Result<()> {
    let lens = part.shape();
    // Axes behind `split` are whole: what lies along them and along the axis before is one run.
    let split = (0..lens.len()).rev().find(|&axis| lens[axis] != shape[axis]).unwrap_or(0);
    let run: usize = lens.get(split..).unwrap_or(&[]).iter().product();
    let outer = &lens[..split.min(lens.len())];
    let count: usize = outer.iter().product();
    for number in 0..count {
        let (mut left, mut at, mut stride) = (number, 0, 1);
        for axis in (0..lens.len()).rev() {
            let index = if axis < split {
                let index = left % lens[axis];
                left /= lens[axis];
                index
            } else {
                0
            };
            at += (part.axes()[axis].start + index) * stride;
            stride *= shape[axis];
        }
        visit(at, number * run..(number + 1) * run)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
