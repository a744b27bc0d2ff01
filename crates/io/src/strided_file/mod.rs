//! Boxes of an array that lies in a file as one run of elements: read and written by position, whatever their shape.
//!
//! A region costs its size. Elements that lie together are read together, small gaps are read over rather than
//! turned into many small reads, and long runs go straight to where they belong.

mod boxes;

use std::cell::Cell;

use brickwork_core::{Block, BlockMut, Region, Runs};

use self::boxes::{Line, dense_strides, for_each_line, pick, scatter};
use crate::error::Result;

pub(crate) use self::boxes::for_each_piece;

/// Gaps below this many bytes are read over: a read costs about as much as copying a few pages.
const MAX_GAP: usize = 4096;
/// The most bytes that are read in one go, and so the scratch memory of a thread.
pub(crate) const MAX_READ: usize = 1 << 20;
/// Fewer bytes than this take as long to read.
const SHORT_READ: usize = 2 << 10;
/// Runs of at least this many bytes are read straight into place.
const DIRECT_READ: usize = 64 << 10;
/// In a transposing copy, bytes read along the file's fastest axis: enough for a good read, short enough that the
/// other axes get whole cache lines.
const TRANSPOSED_RUN: usize = 32 << 10;

/// How elements of so many bytes lie in a local file.
pub(crate) fn local_runs(item: usize, fortran: bool) -> Runs {
    Runs { fortran, least: (SHORT_READ / item.max(1)).max(1) }
}

/// Reads a region of rising steps into `out`, dense in C order.
///
/// The file holds an array of `shape` in C order, `item` bytes an element; `read` fills a buffer from a byte offset
/// on, counted from the array's first byte.
pub(crate) fn read_region(
    read: &mut dyn FnMut(usize, &mut [u8]) -> Result<()>,
    shape: &[usize],
    item: usize,
    region: &Region,
    out: &mut [u8],
) -> Result<()> {
    let scratch = SCRATCH.take();
    let mut gather = Gather { read, out, done: 0, pending: Vec::new(), start: 0, end: 0, scratch };
    let result = for_each_line(shape, region, &mut |line| {
        let bytes = Line {
            start: line.start * item,
            count: line.count,
            step: line.step * item,
            width: line.width * item,
        };
        gather.add(bytes)
    });
    let result = result.and_then(|()| gather.flush());
    SCRATCH.set(std::mem::take(&mut gather.scratch));
    result
}

/// [`read_region`] from a file that holds the array in Fortran order: the first axis fastest.
pub(crate) fn read_region_fortran(
    read: &mut dyn FnMut(usize, &mut [u8]) -> Result<()>,
    shape: &[usize],
    item: usize,
    region: &Region,
    out: &mut [u8],
) -> Result<()> {
    let file_shape: Vec<usize> = shape.iter().rev().copied().collect();
    let file_region = Region::from_iter(region.axes().iter().rev().copied());
    let lens = file_region.shape();
    let out_strides = dense_strides(&region.shape());
    let mut slab = Vec::new();
    for_each_piece(&lens, item, TRANSPOSED_RUN, &mut |piece| {
        let nbytes = piece.size() * item;
        slab.resize(nbytes, 0);
        read_region(read, &file_shape, item, &file_region.compose(piece), &mut slab)?;
        let slab_strides: Vec<usize> = dense_strides(&piece.shape()).into_iter().rev().collect();
        let shape: Vec<usize> = piece.axes().iter().rev().map(|axis| axis.len).collect();
        let offset: usize =
            piece.axes().iter().rev().zip(&out_strides).map(|(axis, stride)| axis.start * stride).sum();
        scatter(item, &shape, &slab, &slab_strides, &mut out[offset * item..], &out_strides);
        Ok(())
    })
}

/// [`write_dense`] of a block.
#[cfg(test)]
pub(crate) fn write_region(
    write: &mut dyn FnMut(usize, &[u8]) -> Result<()>,
    shape: &[usize],
    region: &Region,
    block: &Block,
) -> Result<()> {
    let item = block.dtype().itemsize();
    for_each_dense(block, region, &mut |region, bytes| write_dense(write, shape, item, region, bytes))
}

/// Writes dense elements to a region of step 1 of a file in C order. `write` puts bytes at a byte offset.
pub(crate) fn write_dense(
    write: &mut dyn FnMut(usize, &[u8]) -> Result<()>,
    shape: &[usize],
    item: usize,
    region: &Region,
    bytes: &[u8],
) -> Result<()> {
    for_each_run(shape, region, item, bytes, &mut |line, bytes| {
        for (k, run) in bytes.chunks(line.width).enumerate() {
            write(line.start + k * line.step, run)?;
        }
        Ok(())
    })
}

/// What is read from and written to by byte offset.
pub(crate) trait ReadWrite {
    /// Fills a buffer from an offset on.
    fn read(&mut self, offset: usize, into: &mut [u8]) -> Result<()>;
    /// Puts bytes at an offset.
    fn write(&mut self, offset: usize, bytes: &[u8]) -> Result<()>;
}

/// Writes a block to a region of rising steps of a file in C order. What lies between elements that are close together
/// is read and written again, rather than writing every element by itself.
pub(crate) fn update_region(
    file: &mut dyn ReadWrite,
    shape: &[usize],
    region: &Region,
    block: &Block,
) -> Result<()> {
    let item = block.dtype().itemsize();
    let mut scratch = Vec::new();
    for_each_dense(block, region, &mut |region, bytes| {
        for_each_run(shape, region, item, bytes, &mut |line, bytes| {
            let is_sparse =
                line.count > 1 && (line.step - line.width >= MAX_GAP || line.width >= DIRECT_READ);
            if line.count == 1 || is_sparse {
                return bytes
                    .chunks(line.width)
                    .enumerate()
                    .try_for_each(|(k, run)| file.write(line.start + k * line.step, run));
            }
            let most = ((MAX_READ - line.width) / line.step + 1).min(line.count);
            for (part, runs) in bytes.chunks(most * line.width).enumerate() {
                let start = line.start + part * most * line.step;
                let span = (runs.len() / line.width - 1) * line.step + line.width;
                scratch.resize(span, 0);
                file.read(start, &mut scratch)?;
                for (k, run) in runs.chunks(line.width).enumerate() {
                    scratch[k * line.step..k * line.step + line.width].copy_from_slice(run);
                }
                file.write(start, &scratch)?;
            }
            Ok(())
        })
    })
}

/// A block with its axes in the opposite order, dense.
pub(crate) fn transposed(block: &Block) -> Block {
    let shape: Vec<usize> = block.shape().iter().rev().copied().collect();
    let mut turned = BlockMut::zeroed(block.dtype(), &shape);
    if block.size() > 0 {
        let dense = block.to_dense(None);
        let strides: Vec<usize> = dense_strides(block.shape()).into_iter().rev().collect();
        let from = dense.as_bytes().unwrap_or_default();
        let to_strides = dense_strides(&shape);
        scatter(block.dtype().itemsize(), &shape, from, &strides, turned.bytes_mut(), &to_strides);
    }
    turned.freeze()
}

/// Hands out a block and its region as dense bytes: whole if it is dense, in pieces if not, so that no second copy of
/// the block is needed. One after the other, in C order of the region.
pub(crate) fn for_each_dense(
    block: &Block,
    region: &Region,
    put: &mut dyn FnMut(&Region, &[u8]) -> Result<()>,
) -> Result<()> {
    if let Some(bytes) = block.as_bytes() {
        return put(region, bytes);
    }
    for_each_piece(block.shape(), block.dtype().itemsize(), MAX_READ, &mut |piece| {
        let dense = block.slice(piece).to_dense(None);
        put(&region.compose(piece), dense.as_bytes().unwrap_or_default())
    })
}

/// Names every line of a region, counted in bytes, and the bytes that belong there, run after run.
fn for_each_run(
    shape: &[usize],
    region: &Region,
    item: usize,
    bytes: &[u8],
    put: &mut dyn FnMut(Line, &[u8]) -> Result<()>,
) -> Result<()> {
    let mut done = 0;
    for_each_line(shape, region, &mut |line| {
        let line = Line {
            start: line.start * item,
            count: line.count,
            step: line.step * item,
            width: line.width * item,
        };
        let nbytes = line.count * line.width;
        put(line, &bytes[done..done + nbytes])?;
        done += nbytes;
        Ok(())
    })
}

thread_local! {
    /// What runs with gaps are read into, kept from read to read.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Collects lines that lie close together, reads them in one go and hands out their elements.
struct Gather<'a> {
    read: &'a mut dyn FnMut(usize, &mut [u8]) -> Result<()>,
    out: &'a mut [u8],
    /// Bytes of `out` that are filled: lines come in the order of `out`.
    done: usize,
    pending: Vec<Line>,
    start: usize,
    end: usize,
    scratch: Vec<u8>,
}

impl Gather<'_> {
    fn add(&mut self, line: Line) -> Result<()> {
        let span = (line.count - 1) * line.step + line.width;
        if line.count > 1 && (line.step - line.width >= MAX_GAP || line.width >= DIRECT_READ) {
            for k in 0..line.count {
                self.add(Line { start: line.start + k * line.step, count: 1, step: 0, width: line.width })?;
            }
            return Ok(());
        }
        if line.count == 1 && line.width >= DIRECT_READ {
            self.flush()?;
            return self.read_direct(line.start, line.width);
        }
        if span > MAX_READ {
            let most = (MAX_READ - line.width) / line.step + 1;
            for first in (0..line.count).step_by(most) {
                let count = most.min(line.count - first);
                self.add(Line { start: line.start + first * line.step, count, ..line })?;
            }
            return Ok(());
        }
        let fits = !self.pending.is_empty()
            && line.start >= self.end
            && line.start - self.end < MAX_GAP
            && line.start + span - self.start <= MAX_READ;
        if !fits {
            self.flush()?;
            self.start = line.start;
        }
        self.end = line.start + span;
        self.pending.push(line);
        Ok(())
    }

    fn read_direct(&mut self, start: usize, nbytes: usize) -> Result<()> {
        for offset in (0..nbytes).step_by(MAX_READ) {
            let part = MAX_READ.min(nbytes - offset);
            (self.read)(start + offset, &mut self.out[self.done..self.done + part])?;
            self.done += part;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        match self.pending.as_slice() {
            [] => return Ok(()),
            &[Line { start, count: 1, width, .. }] => {
                self.pending.clear();
                return self.read_direct(start, width);
            }
            _ => {}
        }
        let span = self.end - self.start;
        if self.scratch.len() < span {
            self.scratch.resize(span, 0);
        }
        (self.read)(self.start, &mut self.scratch[..span])?;
        for line in self.pending.drain(..) {
            let from = &self.scratch[line.start - self.start..];
            let nbytes = line.count * line.width;
            pick(from, line, &mut self.out[self.done..self.done + nbytes]);
            self.done += nbytes;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use brickwork_core::AxisRange;

    use super::boxes::advance;
    use super::*;

    fn regions(shape: &[usize]) -> Vec<Region> {
        let mut all = vec![Vec::new()];
        for &len in shape {
            let mut ranges = vec![AxisRange::new(0, len), AxisRange::new(len / 2, 0), AxisRange::at(len - 1)];
            if len > 3 {
                ranges.push(AxisRange::new(1, len - 2));
                ranges.push(AxisRange::stepped(1, len.div_ceil(2) - 1, 2));
                ranges.push(AxisRange::stepped(0, 2, len as isize - 1));
            }
            all = all
                .iter()
                .flat_map(|region: &Vec<AxisRange>| {
                    ranges
                        .iter()
                        .map(|range| region.iter().copied().chain([*range]).collect())
                        .collect::<Vec<_>>()
                })
                .collect();
        }
        all.into_iter().map(Region::new).collect()
    }

    /// The elements of a region in C order, found one by one.
    fn expected(shape: &[usize], region: &Region, strides: &[usize]) -> Vec<u16> {
        let mut found = Vec::new();
        if region.is_empty() {
            return found;
        }
        let mut index = vec![0; shape.len()];
        loop {
            let at: usize =
                region.axes().iter().zip(&index).zip(strides).map(|((a, &i), s)| a.get(i) * s).sum();
            found.push(at as u16);
            if !advance(&mut index, |axis| region.axes()[axis].len) {
                return found;
            }
        }
    }

    #[test]
    fn every_region_is_read_in_both_orders() {
        for shape in [vec![], vec![7], vec![5, 9], vec![4, 3, 5], vec![2, 6, 1, 4]] {
            let size: usize = shape.iter().product();
            let bytes: Vec<u8> = (0..size as u16).flat_map(u16::to_ne_bytes).collect();
            let mut read = |offset: usize, buffer: &mut [u8]| {
                buffer.copy_from_slice(&bytes[offset..offset + buffer.len()]);
                Ok(())
            };
            let c_strides = dense_strides(&shape);
            let reversed: Vec<usize> = shape.iter().rev().copied().collect();
            let f_strides: Vec<usize> = dense_strides(&reversed).into_iter().rev().collect();
            for region in regions(&shape) {
                let mut out = vec![0xffff_u16; region.size()];
                read_region(&mut read, &shape, 2, &region, bytemuck::cast_slice_mut(&mut out)).unwrap();
                assert_eq!(out, expected(&shape, &region, &c_strides), "{shape:?} {region}");
                let mut out = vec![0xffff_u16; region.size()];
                read_region_fortran(&mut read, &shape, 2, &region, bytemuck::cast_slice_mut(&mut out))
                    .unwrap();
                assert_eq!(out, expected(&shape, &region, &f_strides), "fortran {shape:?} {region}");
            }
        }
    }

    fn reads_of(shape: &[usize], region: &Region) -> Vec<(usize, usize)> {
        let mut reads = Vec::new();
        let mut out = vec![0; region.size() * 8];
        let mut read = |offset: usize, buffer: &mut [u8]| {
            for (i, byte) in buffer.iter_mut().enumerate() {
                *byte = ((offset + i) / 8 % 251) as u8;
            }
            reads.push((offset, buffer.len()));
            Ok(())
        };
        read_region(&mut read, shape, 8, region, &mut out).unwrap();
        let strides = dense_strides(shape);
        for (position, element) in out.chunks(8).enumerate().step_by(97) {
            let mut rest = position;
            let mut at = 0;
            for (axis, stride) in region.axes().iter().zip(&strides).rev() {
                at += axis.get(rest % axis.len) * stride;
                rest /= axis.len;
            }
            assert!(element.iter().all(|&byte| byte == (at % 251) as u8), "element {position}");
        }
        reads
    }

    #[test]
    fn a_region_costs_its_size() {
        let shape = [1000, 10_000];
        let rows = Region::new(vec![AxisRange::new(10, 20), AxisRange::new(0, 10_000)]);
        let reads = reads_of(&shape, &rows);
        assert_eq!(reads.iter().map(|read| read.1).sum::<usize>(), 20 * 80_000);
        assert!(reads.iter().all(|read| read.1 <= MAX_READ));
        // A corner: one read a row, as the gaps are long.
        let corner = Region::new(vec![AxisRange::new(0, 16), AxisRange::new(0, 16)]);
        assert_eq!(reads_of(&shape, &corner).len(), 16);
        // Every hundredth element: gaps are read over.
        let thin = Region::new(vec![AxisRange::at(5), AxisRange::stepped(0, 100, 100)]);
        assert_eq!(reads_of(&shape, &thin), [(5 * 80_000, 99 * 800 + 8)]);
        // Every thousandth: they are not.
        let sparse = Region::new(vec![AxisRange::at(5), AxisRange::stepped(0, 10, 1000)]);
        assert_eq!(reads_of(&shape, &sparse).len(), 10);
        // Every second element of many rows: pieces of a bounded length.
        let half = Region::new(vec![AxisRange::new(0, 60), AxisRange::stepped(0, 5000, 2)]);
        let reads = reads_of(&shape, &half);
        assert!(reads.len() < 8 && reads.iter().all(|read| read.1 <= MAX_READ), "{reads:?}");
    }

    #[test]
    fn a_long_thin_line_is_cut() {
        let shape = [1_000_000];
        let line = Region::new(vec![AxisRange::stepped(0, 333_334, 3)]);
        let reads = reads_of(&shape, &line);
        assert_eq!(reads.len(), 8);
        assert!(reads.iter().all(|read| read.1 <= MAX_READ));
    }

    #[test]
    fn blocks_of_any_strides_are_written() {
        let shape = [6, 400];
        let block = Block::from_vec((0..1200i64).collect(), &[3, 400]);
        let turned =
            block.slice(&Region::new(vec![AxisRange::stepped(2, 3, -1), AxisRange::stepped(0, 200, 2)]));
        let region = Region::new(vec![AxisRange::new(2, 3), AxisRange::new(100, 200)]);
        let mut file = vec![-1i64; 2400];
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut file);
        let mut write = |offset: usize, from: &[u8]| {
            bytes[offset..offset + from.len()].copy_from_slice(from);
            Ok(())
        };
        write_region(&mut write, &shape, &region, &turned).unwrap();
        assert_eq!(file[2 * 400 + 100..][..3], [800, 802, 804]);
        assert_eq!(file[4 * 400 + 299], 398);
        assert_eq!(file.iter().filter(|&&value| value >= 0).count(), 600);
    }
}
