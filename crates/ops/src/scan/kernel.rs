//! The loops of running sums.

use brickwork_core::simd::vectorized;

use super::SEGMENT;
use crate::prelude::*;

/// Elements that can be added up as NumPy does: integers wrap, truth values are joined by "or".
pub(super) trait Summand: Element {
    fn plus(self, other: Self) -> Self;
}

macro_rules! summands {
    ($plus:expr => $($t:ty),*) => {
        $(impl Summand for $t {
            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                let plus: fn($t, $t) -> $t = $plus;
                plus(self, other)
            }
        })*
    };
}
summands!(|a, b| a.wrapping_add(b) => i8, i16, i32, i64, u8, u16, u32, u64);
summands!(|a, b| a + b => f32, f64, Complex<f32>, Complex<f64>);
summands!(|a, b| Bool8::from(a.get() || b.get()) => Bool8);

/// A dense block as planes along one axis: `outer` of them, each of `len` rows of `inner` elements.
struct Planes {
    outer: usize,
    len: usize,
    inner: usize,
}

impl Planes {
    fn new(shape: &[usize], axis: usize) -> Self {
        Planes {
            outer: shape[..axis].iter().product(),
            len: shape[axis],
            inner: shape[axis + 1..].iter().product(),
        }
    }

    /// The elements of one plane.
    fn of<'a, T>(&self, values: &'a [T], plane: usize) -> &'a [T] {
        let size = self.len * self.inner;
        &values[plane * size..(plane + 1) * size]
    }
}

fn add_row<T: Summand>(sum: &mut [T], row: &[T]) {
    vectorized(
        #[inline(always)]
        || {
            for (sum, &value) in sum.iter_mut().zip(row) {
                *sum = sum.plus(value);
            }
        },
    );
}

/// Segments of one line whose sums are worked out side by side: a sum waits for the one before it, and meanwhile the
/// others go on.
const ABREAST: usize = 4;

/// Whole segments from the start of `values`, as many as are worked out side by side.
fn abreast<T>(values: &[T]) -> Option<[&[T; SEGMENT]; ABREAST]> {
    let (segments, _) = values.get(..ABREAST * SEGMENT)?.as_chunks::<SEGMENT>();
    Some(std::array::from_fn(|k| &segments[k]))
}

/// The sums of some segments, each from its first element on.
fn sums_abreast<T: Summand>(segments: [&[T; SEGMENT]; ABREAST]) -> [T; ABREAST] {
    let mut sums: [T; ABREAST] = std::array::from_fn(|k| segments[k][0]);
    for i in 1..SEGMENT {
        for (sum, segment) in sums.iter_mut().zip(&segments) {
            *sum = sum.plus(segment[i]);
        }
    }
    sums
}

/// The running sums of some segments, behind what comes before each.
fn scan_abreast<T: Summand>(segments: [&[T; SEGMENT]; ABREAST], before: &[T], out: &mut [T]) {
    let (out, _) = out.as_chunks_mut::<SEGMENT>();
    let [a, b, c, d] = out else { return };
    let out = [a, b, c, d];
    let before: [T; ABREAST] = std::array::from_fn(|k| before[k]);
    let mut sums: [T; ABREAST] = std::array::from_fn(|k| segments[k][0]);
    for k in 0..ABREAST {
        out[k][0] = before[k].plus(sums[k]);
    }
    for i in 1..SEGMENT {
        for k in 0..ABREAST {
            sums[k] = sums[k].plus(segments[k][i]);
            out[k][i] = before[k].plus(sums[k]);
        }
    }
}

/// How far the sums of some lines have come.
struct Running<'a, T> {
    /// The element that comes next.
    next: usize,
    /// The sum of all finished segments. Not used within the first segment: adding a zero would lose the sign of -0.0.
    before: &'a mut [T],
    /// The sum of the segment that is not finished.
    local: &'a mut [T],
}

impl<T: Summand> Running<'_, T> {
    /// Runs through one plane and writes the rows that are asked for.
    fn advance(&mut self, values: &[T], asked: &AxisRange, out: &mut [T]) {
        let inner = self.local.len();
        let mut rest = values;
        while !rest.is_empty() {
            let end = (self.next / SEGMENT + 1) * SEGMENT;
            let (rows, others) = rest.split_at(rest.len().min((end - self.next) * inner));
            rest = others;
            let last = self.next + rows.len() / inner;
            let (first, count) = asked.positions_between(self.next, last);
            let out = &mut out[first * inner..(first + count) * inner];
            if inner == 1 && asked.step == 1 {
                self.advance_line(rows, rows.len() - count, out);
            } else {
                self.advance_rows(rows, asked, first, out);
            }
            self.next = last;
            if last == end {
                match end == SEGMENT {
                    true => self.before.copy_from_slice(self.local),
                    false => add_row(self.before, self.local),
                }
            }
        }
    }

    /// Part of one segment of a single line: skips the sums of the first elements, writes the others.
    fn advance_line(&mut self, values: &[T], skipped: usize, out: &mut [T]) {
        let (skipped, written) = values.split_at(skipped);
        let mut is_first = self.next.is_multiple_of(SEGMENT);
        let mut sum = self.local[0];
        let mut plus = |value: T| {
            sum = if std::mem::take(&mut is_first) { value } else { sum.plus(value) };
            sum
        };
        for &value in skipped {
            plus(value);
        }
        match self.next < SEGMENT {
            true => out.iter_mut().zip(written).for_each(|(out, &value)| *out = plus(value)),
            false => {
                let before = self.before[0];
                out.iter_mut().zip(written).for_each(|(out, &value)| *out = before.plus(plus(value)));
            }
        }
        self.local[0] = sum;
    }

    /// Part of one segment of several lines.
    fn advance_rows(&mut self, rows: &[T], asked: &AxisRange, first: usize, out: &mut [T]) {
        let inner = self.local.len();
        let mut written = first;
        let mut out = out.chunks_exact_mut(inner);
        for (k, row) in rows.chunks_exact(inner).enumerate() {
            let index = self.next + k;
            match index.is_multiple_of(SEGMENT) {
                true => self.local.copy_from_slice(row),
                false => add_row(self.local, row),
            }
            if written < asked.len && asked.get(written) == index {
                written += 1;
                let Some(out) = out.next() else { continue };
                if index < SEGMENT {
                    out.copy_from_slice(self.local);
                    continue;
                }
                for ((out, &before), &local) in out.iter_mut().zip(&*self.before).zip(&*self.local) {
                    *out = before.plus(local);
                }
            }
        }
    }
}

/// Running sums from element `from` on, with the state of every line there; returns the state after the last element.
pub(super) fn running_sum<T: Summand>(
    state: Option<&[Block]>,
    block: &Block,
    from: usize,
    axis: usize,
    at: &Region,
    out: &mut BlockMut,
) -> Result<Vec<Block>> {
    let dense = block.to_dense(None);
    let values = dense.as_slice::<T>().ok_or_else(not_dense)?;
    let (planes, out_planes) = (Planes::new(block.shape(), axis), Planes::new(out.shape(), axis));
    let (inner, out_size) = (planes.inner, out_planes.len * out_planes.inner);
    let mut sums: Vec<Vec<T>> = match state {
        Some(state) => state.iter().map(|block| block.to_vec::<T>()).collect(),
        None => vec![vec![bytemuck::Zeroable::zeroed(); planes.outer * inner]; 2],
    };
    let [before, local] = sums.as_mut_slice() else {
        return Err(Error::Bug { what: "a running sum with another state".into() });
    };
    let out = out.as_slice_mut::<T>();
    for plane in 0..planes.outer {
        let lines = plane * inner..(plane + 1) * inner;
        let mut running =
            Running { next: from, before: &mut before[lines.clone()], local: &mut local[lines] };
        let out = &mut out[plane * out_size..(plane + 1) * out_size];
        running.advance(planes.of(values, plane), &at.axes()[axis], out);
    }
    let lines = planes.outer * inner;
    Ok(sums.into_iter().map(|sums| Block::from_vec(sums, &[lines])).collect())
}

/// The sum of every segment asked for; the block begins with the first.
pub(super) fn segment_sums<T: Summand>(
    block: &Block,
    axis: usize,
    at: &Region,
    out: &mut BlockMut,
) -> Result<()> {
    let dense = block.to_dense(None);
    let values = dense.as_slice::<T>().ok_or_else(not_dense)?;
    let (planes, out_planes) = (Planes::new(block.shape(), axis), Planes::new(out.shape(), axis));
    let (inner, out_size) = (planes.inner, out_planes.len * out_planes.inner);
    let range = at.axes()[axis];
    let first_segment = range.bounds().0;
    let out = out.as_slice_mut::<T>();
    for plane in 0..planes.outer {
        let out = &mut out[plane * out_size..(plane + 1) * out_size];
        if inner == 1 && range.step == 1 {
            line_sums(planes.of(values, plane), out);
            continue;
        }
        for (k, rows) in planes.of(values, plane).chunks(SEGMENT * inner).enumerate() {
            let Some(position) = range.position(first_segment + k) else { continue };
            let sum = &mut out[position * inner..(position + 1) * inner];
            sum.copy_from_slice(&rows[..inner]);
            rows[inner..].chunks_exact(inner).for_each(|row| add_row(sum, row));
        }
    }
    Ok(())
}

/// The sums of the segments of one line.
fn line_sums<T: Summand>(mut values: &[T], mut out: &mut [T]) {
    while let Some(segments) = abreast(values).filter(|_| out.len() >= ABREAST) {
        let (sums, others) = out.split_at_mut(ABREAST);
        sums.copy_from_slice(&sums_abreast(segments));
        (values, out) = (&values[ABREAST * SEGMENT..], others);
    }
    for (sum, segment) in out.iter_mut().zip(values.chunks(SEGMENT)) {
        *sum = segment[1..].iter().fold(segment[0], |sum, &value| sum.plus(value));
    }
}

/// The sums of all segments before those asked for; the block holds the sums of all.
pub(super) fn segment_offsets<T: Summand>(
    block: &Block,
    axis: usize,
    at: &Region,
    out: &mut BlockMut,
) -> Result<()> {
    let dense = block.to_dense(None);
    let values = dense.as_slice::<T>().ok_or_else(not_dense)?;
    let (planes, out_planes) = (Planes::new(block.shape(), axis), Planes::new(out.shape(), axis));
    let (inner, out_size) = (planes.inner, out_planes.len * out_planes.inner);
    let out = out.as_slice_mut::<T>();
    for plane in 0..planes.outer {
        let out = &mut out[plane * out_size..(plane + 1) * out_size];
        let mut before: Vec<T> = vec![bytemuck::Zeroable::zeroed(); inner];
        for (segment, row) in planes.of(values, plane).chunks_exact(inner).enumerate() {
            if let Some(position) = at.axes()[axis].position(segment) {
                out[position * inner..(position + 1) * inner].copy_from_slice(&before);
            }
            if segment == 0 {
                before.copy_from_slice(row);
            } else {
                add_row(&mut before, row);
            }
        }
    }
    Ok(())
}

/// Running sums; both blocks begin with the segment of the first element asked for.
pub(super) fn segment_scan<T: Summand>(
    block: &Block,
    offsets: &Block,
    axis: usize,
    at: &Region,
    out: &mut BlockMut,
) -> Result<()> {
    let first_segment = at.axes()[axis].bounds().0 / SEGMENT;
    if block.shape()[axis + 1..].iter().all(|&len| len == 1)
        && at.axes()[axis].step == 1
        && let (Some(values), Some(offsets)) = (block.as_slice::<T>(), offsets.as_slice::<T>())
    {
        scan_lines(values, offsets, block.shape()[axis], first_segment, &at.axes()[axis], out.as_slice_mut());
        return Ok(());
    }
    let mut first = Region::full(offsets.shape());
    *first.axis_mut(axis) = AxisRange::at(0);
    let before = offsets.slice(&first).to_dense(None);
    // Nothing of the first segment has been added up: the second part of the state is not looked at.
    let state = [before.clone(), before];
    running_sum::<T>(Some(&state), block, first_segment * SEGMENT, axis, at, out).map(|_| ())
}

/// Running sums of whole lines of `len` elements that begin with segment `first`; of every segment the sum before it.
fn scan_lines<T: Summand>(
    values: &[T],
    offsets: &[T],
    len: usize,
    first: usize,
    asked: &AxisRange,
    out: &mut [T],
) {
    let lines = values.chunks_exact(len).zip(offsets.chunks_exact(len.div_ceil(SEGMENT)));
    for ((values, offsets), out) in lines.zip(out.chunks_exact_mut(asked.len)) {
        let skipped = asked.start - first * SEGMENT;
        let mut done = 0;
        while done < len {
            let segment = done / SEGMENT;
            // Where the elements of this segment go: those before the first that is asked for go nowhere.
            let target = done.saturating_sub(skipped);
            if done >= skipped
                && first + segment > 0
                && let Some(segments) = abreast(&values[done..])
                && let Some(out) = out.get_mut(target..target + ABREAST * SEGMENT)
            {
                scan_abreast(segments, &offsets[segment..segment + ABREAST], out);
                done += ABREAST * SEGMENT;
                continue;
            }
            let part = &values[done..len.min(done + SEGMENT)];
            let before = (first + segment > 0).then_some(offsets[segment]);
            let mut sum = None::<T>;
            for (i, &value) in part.iter().enumerate() {
                let local = sum.map_or(value, |sum| sum.plus(value));
                sum = Some(local);
                if let Some(at) = (done + i).checked_sub(skipped) {
                    out[at] = before.map_or(local, |before| before.plus(local));
                }
            }
            done += SEGMENT;
        }
    }
}

fn not_dense() -> Error {
    Error::Bug { what: "a dense block that is not dense".into() }
}
