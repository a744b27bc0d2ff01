//! The boxes of an array as they lie in a file: lines of elements, pieces, and copying between layouts. Touches no file.

use brickwork_core::{AxisRange, Region};

use super::MAX_READ;
use crate::error::Result;

/// Elements that lie evenly in the file: `count` runs of `width` elements, the starts `step` elements apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    pub start: usize,
    pub count: usize,
    pub step: usize,
    pub width: usize,
}

/// Names every line of a region of rising steps, in C order.
pub(super) fn for_each_line(
    shape: &[usize],
    region: &Region,
    visit: &mut dyn FnMut(Line) -> Result<()>,
) -> Result<()> {
    if region.is_empty() {
        return Ok(());
    }
    let strides = dense_strides(shape);
    let mut axes = region.axes();
    let mut width = 1;
    while let [outer @ .., last] = axes {
        if *last != AxisRange::new(0, shape[axes.len() - 1]) {
            break;
        }
        width *= last.len;
        axes = outer;
    }
    let mut line = Line { start: 0, count: 1, step: 0, width };
    if let [outer @ .., last] = axes {
        let stride = strides[outer.len()];
        let step = last.step.unsigned_abs();
        line = if step == 1 || last.len == 1 {
            Line { start: last.start * stride, count: 1, step: 0, width: width * last.len }
        } else {
            Line { start: last.start * stride, count: last.len, step: step * stride, width }
        };
        axes = outer;
    }
    let mut index = vec![0; axes.len()];
    loop {
        let outer: usize =
            axes.iter().zip(&index).zip(&strides).map(|((axis, &i), stride)| axis.get(i) * stride).sum();
        visit(Line { start: outer + line.start, ..line })?;
        if !advance(&mut index, |axis| axes[axis].len) {
            return Ok(());
        }
    }
}

/// The next index in C order; `false` after the last.
pub(super) fn advance(index: &mut [usize], len: impl Fn(usize) -> usize) -> bool {
    for axis in (0..index.len()).rev() {
        index[axis] += 1;
        if index[axis] < len(axis) {
            return true;
        }
        index[axis] = 0;
    }
    false
}

/// Cuts a box into pieces of at most [`MAX_READ`] bytes, at most `longest_run` bytes along the last axis. If that is no
/// less than [`MAX_READ`], the pieces follow each other in C order, element by element.
pub(crate) fn for_each_piece(
    lens: &[usize],
    item: usize,
    longest_run: usize,
    visit: &mut dyn FnMut(&Region) -> Result<()>,
) -> Result<()> {
    if lens.contains(&0) {
        return Ok(());
    }
    let mut left = MAX_READ / item.max(1);
    let mut piece: Vec<usize> = vec![1; lens.len()];
    for axis in (0..lens.len()).rev() {
        let most = if axis + 1 == lens.len() { left.min(longest_run / item.max(1)) } else { left };
        piece[axis] = lens[axis].min(most.max(1));
        left /= piece[axis];
    }
    let counts: Vec<usize> = lens.iter().zip(&piece).map(|(len, piece)| len.div_ceil(*piece)).collect();
    let mut index = vec![0; lens.len()];
    loop {
        let axes = index.iter().zip(lens.iter().zip(&piece)).map(|(&k, (&len, &piece))| {
            let start = k * piece;
            AxisRange::new(start, piece.min(len - start))
        });
        visit(&Region::from_iter(axes))?;
        if !advance(&mut index, |axis| counts[axis]) {
            return Ok(());
        }
    }
}

/// Copies elements between two layouts of the same shape; strides count elements.
pub(super) fn scatter(
    item: usize,
    shape: &[usize],
    from: &[u8],
    from_strides: &[usize],
    to: &mut [u8],
    to_strides: &[usize],
) {
    let Some((&len, outer)) = shape.split_last() else {
        to[..item].copy_from_slice(&from[..item]);
        return;
    };
    let (from_step, to_step) = (from_strides[outer.len()], to_strides[outer.len()]);
    let mut index = vec![0; outer.len()];
    loop {
        let at =
            |strides: &[usize]| -> usize { index.iter().zip(strides).map(|(i, stride)| i * stride).sum() };
        let (from, to) = (&from[at(from_strides) * item..], &mut to[at(to_strides) * item..]);
        macro_rules! items {
            ($n:literal) => {{
                let (from, to) = (from.as_chunks::<$n>().0, to.as_chunks_mut::<$n>().0);
                for i in 0..len {
                    to[i * to_step] = from[i * from_step];
                }
            }};
        }
        match item {
            1 => items!(1),
            2 => items!(2),
            4 => items!(4),
            8 => items!(8),
            16 => items!(16),
            _ => {
                for i in 0..len {
                    let (from, to) = (&from[i * from_step * item..], &mut to[i * to_step * item..]);
                    to[..item].copy_from_slice(&from[..item]);
                }
            }
        }
        if !advance(&mut index, |axis| outer[axis]) {
            return;
        }
    }
}

/// Strides, in elements, of a dense array in C order.
pub(super) fn dense_strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (0..shape.len().saturating_sub(1)).rev() {
        strides[axis] = strides[axis + 1] * shape[axis + 1].max(1);
    }
    strides
}

/// Copies the runs of a line together.
pub(super) fn pick(from: &[u8], line: Line, to: &mut [u8]) {
    macro_rules! items {
        ($n:literal) => {
            for (to, from) in to.as_chunks_mut::<$n>().0.iter_mut().zip(from.chunks(line.step)) {
                if let Some(from) = from.first_chunk::<$n>() {
                    *to = *from;
                }
            }
        };
    }
    match line.width {
        width if line.count == 1 => to.copy_from_slice(&from[..width]),
        1 => items!(1),
        2 => items!(2),
        4 => items!(4),
        8 => items!(8),
        16 => items!(16),
        width => {
            for (to, from) in to.chunks_exact_mut(width).zip(from.chunks(line.step)) {
                to.copy_from_slice(&from[..width]);
            }
        }
    }
}
