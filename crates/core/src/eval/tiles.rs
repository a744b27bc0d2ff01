//! The tiles of a program: its operands' elements where they lie or gathered, and what passes between instructions.

use bytemuck::{Pod, Zeroable};
use smallvec::SmallVec;

use super::program::Axis;
use crate::block::Block;
use crate::dtype::DType;
use crate::operation::Tile;
use crate::strided::{Shape, Strides};

/// The operands of a program, as tiles are taken from them.
pub(super) type Sources<'a> = SmallVec<[Source<'a>; 12]>;

/// One of them.
pub(super) struct Source<'a> {
    bytes: &'a [u8],
    dtype: DType,
    item: usize,
    offset: usize,
}

impl<'a> Source<'a> {
    pub fn new(block: &'a Block) -> Self {
        let dtype = block.dtype();
        Source { bytes: block.buffer_bytes(), dtype, item: dtype.itemsize(), offset: block.offset() }
    }
}

/// Where an operand's elements of the current tile are.
#[derive(Debug, Clone, Copy)]
enum Loaded {
    /// In the operand's block, one after the other from this byte.
    InPlace(usize),
    /// One element for all, at this byte.
    Scalar(usize),
    /// Gathered into the operand's own scratch.
    Gathered,
}

/// A line of a cache: vectors that lie across two of them cost twice as much.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([u64; 8]);

/// Lines between registers: what lies a multiple of 4 KiB apart gets in each other's way in the processor.
const APART: usize = 5;

/// What passes between instructions: a tile for every register. Used again for every tile of a program.
pub(super) struct Registers {
    lines: Vec<Line>,
    /// Lines from one register to the next.
    step: usize,
}

impl Registers {
    /// Registers for so many elements, of up to `widest` bytes each.
    pub fn new(count: usize, elements: usize, widest: usize) -> Self {
        let step = (elements * widest).div_ceil(size_of::<Line>()) + APART;
        Registers { lines: vec![Line::zeroed(); count * step], step }
    }

    /// Bytes of a register.
    pub fn nbytes(&self) -> usize {
        self.step * size_of::<Line>()
    }

    /// The bytes of a register, to be written, and the others, to be read.
    #[inline(always)]
    pub fn writing(&mut self, register: usize) -> (&mut [u8], Others<'_>) {
        let at = register * self.step;
        let (low, rest) = self.lines.split_at_mut(at);
        let (target, high) = rest.split_at_mut(self.step);
        (bytemuck::cast_slice_mut(target), Others { low, high, step: self.step })
    }

    /// All of them, to be read.
    #[inline(always)]
    pub fn reading(&self) -> Others<'_> {
        Others { low: &self.lines, high: &[], step: self.step }
    }
}

/// Registers but the one that is written.
#[derive(Clone, Copy)]
pub(super) struct Others<'a> {
    low: &'a [Line],
    high: &'a [Line],
    step: usize,
}

impl<'a> Others<'a> {
    /// The first elements of a register.
    #[inline(always)]
    pub fn tile(&self, register: usize, len: usize, dtype: DType) -> Tile<'a> {
        let start = register * self.step;
        let lines = match start < self.low.len() {
            true => &self.low[start..],
            false => &self.high[start - self.low.len() - self.step..],
        };
        Tile::from_bytes(&bytemuck::cast_slice(lines)[..len * dtype.itemsize()], dtype, false)
    }
}

/// Where the operands' elements of the current tile are, and those that had to be brought together.
pub(super) struct Loads {
    gathered: SmallVec<[Vec<Line>; 4]>,
    loaded: SmallVec<[Loaded; 12]>,
    /// The operands that differ from tile to tile of a row.
    moving: SmallVec<[usize; 12]>,
    /// By operand: the element of its block at which the current row begins.
    row_starts: Strides,
    capacity: usize,
}

impl Loads {
    /// For so many operands and tiles of up to `capacity` elements.
    pub fn new(operands: usize, capacity: usize) -> Self {
        Loads {
            gathered: (0..operands).map(|_| Vec::new()).collect(),
            loaded: SmallVec::from_elem(Loaded::Gathered, operands),
            moving: SmallVec::new(),
            row_starts: Strides::from_elem(0, operands),
            capacity,
        }
    }

    /// The current tile of an operand.
    #[inline(always)]
    pub fn tile<'a>(&'a self, sources: &[Source<'a>], k: usize, len: usize) -> Tile<'a> {
        let Source { bytes, dtype, item, .. } = sources[k];
        match self.loaded[k] {
            Loaded::InPlace(first) => Tile::from_bytes(&bytes[first..first + len * item], dtype, false),
            Loaded::Scalar(first) => Tile::from_bytes(&bytes[first..first + item], dtype, true),
            Loaded::Gathered => {
                Tile::from_bytes(&bytemuck::cast_slice(&self.gathered[k])[..len * item], dtype, false)
            }
        }
    }

    /// Goes to a row. What is one element for all of it is ready.
    pub fn start_row(&mut self, sources: &[Source<'_>], axes: &[Axis], row: usize) {
        self.moving.clear();
        let inner = axes.last();
        for ((k, row_start), source) in self.row_starts.iter_mut().enumerate().zip(sources) {
            let mut start = source.offset as isize;
            let mut left = row;
            for axis in axes[..axes.len().saturating_sub(1)].iter().rev() {
                start += (left % axis.len) as isize * axis.strides[k];
                left /= axis.len;
            }
            *row_start = start;
            match inner.is_none_or(|axis| axis.strides[k] == 0) {
                true => self.loaded[k] = Loaded::Scalar(start as usize * source.item),
                false => self.moving.push(k),
            }
        }
    }

    /// Makes `len` elements of the current row ready, from the element `along`.
    #[inline]
    pub fn load(&mut self, sources: &[Source<'_>], strides: &[isize], along: usize, len: usize) {
        for at in 0..self.moving.len() {
            let k = self.moving[at];
            let (source, stride) = (&sources[k], strides[k]);
            let start = self.row_starts[k] + along as isize * stride;
            self.loaded[k] = match stride {
                1 => Loaded::InPlace(start as usize * source.item),
                _ => {
                    self.gather(source, k, start, stride, len);
                    Loaded::Gathered
                }
            };
        }
    }

    /// Makes several whole rows ready.
    pub fn load_rows(&mut self, sources: &[Source<'_>], axes: &[Axis], row: usize, count: usize) {
        let inner = axes.last().map_or(1, |axis| axis.len);
        for (k, source) in sources.iter().enumerate() {
            if axes.iter().all(|axis| axis.strides[k] == 0) {
                self.loaded[k] = Loaded::Scalar(source.offset * source.item);
                continue;
            }
            self.gather_rows(source, k, axes, row, count, inner);
            self.loaded[k] = Loaded::Gathered;
        }
    }

    fn gather_rows(
        &mut self,
        source: &Source<'_>,
        k: usize,
        axes: &[Axis],
        row: usize,
        count: usize,
        inner: usize,
    ) {
        let (last, outer) =
            axes.split_last().map_or((0, &axes[..0]), |(last, outer)| (last.strides[k], outer));
        // Where the first row begins, and how to go on from row to row.
        let mut at = source.offset as isize;
        let mut index = Shape::from_elem(0, outer.len());
        let mut left = row;
        for (axis, index) in outer.iter().zip(&mut index).rev() {
            *index = left % axis.len;
            left /= axis.len;
            at += *index as isize * axis.strides[k];
        }
        let (item, source) = (source.item, source.bytes);
        let target = self.room(item, k, count * inner);
        macro_rules! gather_as {
            ($t:ty) => {{
                let source: &[$t] = bytemuck::cast_slice(&source[..source.len() / item * item]);
                let target: &mut [$t] = bytemuck::cast_slice_mut(target);
                for row in target.chunks_exact_mut(inner).take(count) {
                    let mut from = at;
                    for value in row {
                        *value = source[from as usize];
                        from += last;
                    }
                    for (axis, index) in outer.iter().zip(&mut index).rev() {
                        *index += 1;
                        at += axis.strides[k];
                        if *index < axis.len {
                            break;
                        }
                        at -= axis.strides[k] * axis.len as isize;
                        *index = 0;
                    }
                }
            }};
        }
        match item {
            1 => gather_as!(u8),
            2 => gather_as!(u16),
            4 => gather_as!(u32),
            8 => gather_as!(u64),
            16 => gather_as!([u64; 2]),
            _ => unreachable!("only numbers are computed with"),
        }
    }

    /// Room for `len` gathered elements of an operand.
    fn room(&mut self, item: usize, k: usize, len: usize) -> &mut [u8] {
        let lines = (self.capacity.max(len) * item).div_ceil(size_of::<Line>()) + APART;
        if self.gathered[k].len() < lines {
            self.gathered[k].resize(lines, Line::zeroed());
        }
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut self.gathered[k]);
        &mut bytes[..len * item]
    }

    fn gather(&mut self, source: &Source<'_>, k: usize, start: isize, stride: isize, len: usize) {
        let (item, source) = (source.item, source.bytes);
        let target = self.room(item, k, len);
        macro_rules! gather_as {
            ($t:ty) => {{
                let source: &[$t] = bytemuck::cast_slice(&source[..source.len() / item * item]);
                let target: &mut [$t] = bytemuck::cast_slice_mut(target);
                if stride == 1 {
                    target.copy_from_slice(&source[start as usize..start as usize + len]);
                } else {
                    for (i, value) in target.iter_mut().enumerate() {
                        *value = source[(start + i as isize * stride) as usize];
                    }
                }
            }};
        }
        match item {
            1 => gather_as!(u8),
            2 => gather_as!(u16),
            4 => gather_as!(u32),
            8 => gather_as!(u64),
            16 => gather_as!([u64; 2]),
            _ => {
                for i in 0..len {
                    let at = (start + i as isize * stride) as usize * item;
                    target[i * item..(i + 1) * item].copy_from_slice(&source[at..at + item]);
                }
            }
        }
    }
}
