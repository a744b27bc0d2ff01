//! The loops of weighted sums, over lines of a block.

use brickwork_core::simd::vectorized;

use crate::prelude::*;

/// Shorter runs than this are not worth a loop: the block is copied together first.
const SHORT: usize = 16;

/// What is added up.
pub(super) trait Number:
    Element + std::ops::Add<Output = Self> + std::ops::Mul<Self::Weight, Output = Self>
{
    /// Weights are real.
    type Weight: Copy + Send + Sync;

    fn weight(value: f64) -> Self::Weight;
}

macro_rules! number {
    ($number:ty, $weight:ty) => {
        impl Number for $number {
            type Weight = $weight;

            fn weight(value: f64) -> $weight {
                value as $weight
            }
        }
    };
}

number!(f32, f32);
number!(f64, f64);
number!(Complex<f32>, f32);
number!(Complex<f64>, f64);

/// Whether the last axis of a block lies in one run that is worth a loop, or all of it does.
pub(super) fn has_runs(block: &Block) -> bool {
    let is_run = block.strides().last() == Some(&1) && block.shape().last().is_some_and(|&len| len >= SHORT);
    block.is_dense() || is_run
}

/// A block as lines along the axis, and the axes over which lines repeat.
pub(super) struct Lines<'a> {
    block: &'a Block,
    /// Length and stride of the axes before the one that is summed along.
    outer: Vec<(usize, isize)>,
    /// Those after it that do not lie together.
    between: Vec<(usize, isize)>,
    /// Distance between neighbours, and between the first neighbours of two sums.
    along: isize,
    step: isize,
    /// Sums along the axis.
    len: usize,
    /// Elements that lie together beside each other; 1 if the axis is the last.
    run: usize,
}

impl<'a> Lines<'a> {
    /// Lines along `axis`, of which every `step`th sum is wanted, for an output of this shape.
    pub(super) fn new(block: &'a Block, axis: usize, step: usize, out: &[usize]) -> Self {
        let (shape, strides) = (block.shape(), block.strides());
        let mut run = 1;
        let mut first = shape.len();
        while first > axis + 1 && strides[first - 1] == run as isize {
            first -= 1;
            run *= shape[first];
        }
        let axes = |range: std::ops::Range<usize>| range.map(|axis| (shape[axis], strides[axis])).collect();
        let along = strides[axis];
        Lines {
            block,
            outer: axes(0..axis),
            between: axes(axis + 1..first),
            along,
            step: along * step as isize,
            len: out[axis],
            run,
        }
    }

    /// Every sum, in C order.
    pub(super) fn correlate<T: Number>(&self, weights: &[T::Weight], out: &mut [T]) {
        let values = self.block.elements::<T>();
        let mut target =
            out.chunks_exact_mut(if self.run > 1 || !self.between.is_empty() { self.run } else { self.len });
        let offset = self.block.offset() as isize;
        each(&self.outer, offset, &mut |start| {
            if self.run == 1 && self.between.is_empty() {
                let Some(out) = target.next() else { return };
                self.line(&values[start as usize..], weights, out);
                return;
            }
            for i in 0..self.len {
                each(&self.between, start + i as isize * self.step, &mut |start| {
                    let Some(out) = target.next() else { return };
                    rows(values, start as usize, self.along, weights, out);
                });
            }
        });
    }

    /// Sums along one line, of elements that lie together or apart.
    fn line<T: Number>(&self, values: &[T], weights: &[T::Weight], out: &mut [T]) {
        if self.along == 1 && self.step == 1 {
            return rows(values, 0, 1, weights, out);
        }
        for (i, out) in out.iter_mut().enumerate() {
            let first = i as isize * self.step;
            let mut sum = values[first as usize] * weights[0];
            for (k, &weight) in weights.iter().enumerate().skip(1) {
                sum = sum + values[(first + k as isize * self.along) as usize] * weight;
            }
            *out = sum;
        }
    }
}

/// Calls `visit` with the first element of every line.
fn each(axes: &[(usize, isize)], start: isize, visit: &mut dyn FnMut(isize)) {
    match axes.split_first() {
        None => visit(start),
        Some((&(len, stride), rest)) => {
            for i in 0..len {
                each(rest, start + i as isize * stride, visit);
            }
        }
    }
}

/// `out[j] = Σ values[start + k * apart + j] * weights[k]`, added in the order of `k`.
fn rows<T: Number>(values: &[T], start: usize, apart: isize, weights: &[T::Weight], out: &mut [T]) {
    let row = |k: usize| {
        let first = (start as isize + k as isize * apart) as usize;
        &values[first..first + out.len()]
    };
    macro_rules! taps {
        ($($k:literal)*) => {{
            let rows = [$(row($k)),*];
            let weights = [$(weights[$k]),*];
            vectorized(#[inline(always)] || sum_rows(rows, weights, out))
        }};
    }
    match weights.len() {
        1 => taps!(0),
        2 => taps!(0 1),
        3 => taps!(0 1 2),
        4 => taps!(0 1 2 3),
        5 => taps!(0 1 2 3 4),
        6 => taps!(0 1 2 3 4 5),
        7 => taps!(0 1 2 3 4 5 6),
        8 => taps!(0 1 2 3 4 5 6 7),
        9 => taps!(0 1 2 3 4 5 6 7 8),
        _ => {
            taps!(0 1 2 3 4 5 6 7);
            for (k, &weight) in weights.iter().enumerate().skip(8) {
                let first = (start as isize + k as isize * apart) as usize;
                let row = &values[first..first + out.len()];
                vectorized(
                    #[inline(always)]
                    || add_row(row, weight, out),
                );
            }
        }
    }
}

#[inline(always)]
fn sum_rows<T: Number, const N: usize>(rows: [&[T]; N], weights: [T::Weight; N], out: &mut [T]) {
    let rows = rows.map(
        #[inline(always)]
        |row| &row[..out.len()],
    );
    for (j, out) in out.iter_mut().enumerate() {
        let mut sum = rows[0][j] * weights[0];
        for k in 1..N {
            sum = sum + rows[k][j] * weights[k];
        }
        *out = sum;
    }
}

#[inline(always)]
fn add_row<T: Number>(row: &[T], weight: T::Weight, out: &mut [T]) {
    for (out, &value) in out.iter_mut().zip(row) {
        *out = *out + value * weight;
    }
}
