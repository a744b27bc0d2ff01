//! The loops of running sums.

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
    for (sum, &value) in sum.iter_mut().zip(row) {
        *sum = sum.plus(value);
    }
}

/// Runs through one plane whose first row is the start of a segment, and writes the rows that are asked for:
/// the offset of their segment plus their sum within it. `offset_of` is asked once for every segment; it also gets
/// the sum of the segment just finished. `None` stands for the first segment: adding a zero would lose the sign of
/// -0.0.
fn scan_plane<T: Summand>(
    values: &[T],
    inner: usize,
    first_segment: usize,
    asked: &AxisRange,
    out: &mut [T],
    mut offset_of: impl FnMut(usize, &[T]) -> Option<Vec<T>>,
) {
    let mut local: Vec<T> = Vec::new();
    for (k, rows) in values.chunks(SEGMENT * inner).enumerate() {
        let segment = first_segment + k;
        let offset = offset_of(segment, &local);
        let start = segment * SEGMENT;
        let (first, count) = asked.positions_between(start, start + rows.len() / inner);
        let out = &mut out[first * inner..(first + count) * inner];
        local.clear();
        local.extend_from_slice(&rows[..inner]);
        if inner == 1 && asked.step == 1 && count > 0 {
            scan_line(rows, asked.get(first) - start, offset.as_deref(), out);
            // Whole segments alone are carried on, and of those the last element is known only here.
            local[0] = rows[1..].iter().fold(rows[0], |sum, &value| sum.plus(value));
            continue;
        }
        let mut written = 0;
        for (k, row) in rows.chunks_exact(inner).enumerate() {
            if k > 0 {
                add_row(&mut local, row);
            }
            if written < count && asked.get(first + written) == start + k {
                write_sum(&mut out[written * inner..(written + 1) * inner], offset.as_deref(), &local);
                written += 1;
            }
        }
    }
}

/// One segment of a line: skips the sums before `skipped`, writes the others.
fn scan_line<T: Summand>(values: &[T], skipped: usize, offset: Option<&[T]>, out: &mut [T]) {
    let mut sum = values[0];
    for &value in &values[1..=skipped] {
        sum = sum.plus(value);
    }
    let rest = &values[skipped..];
    match offset {
        None => {
            out[0] = sum;
            for (out, &value) in out[1..].iter_mut().zip(&rest[1..]) {
                sum = sum.plus(value);
                *out = sum;
            }
        }
        Some(offset) => {
            let offset = offset[0];
            out[0] = offset.plus(sum);
            for (out, &value) in out[1..].iter_mut().zip(&rest[1..]) {
                sum = sum.plus(value);
                *out = offset.plus(sum);
            }
        }
    }
}

/// Writes `offset + local`.
fn write_sum<T: Summand>(out: &mut [T], offset: Option<&[T]>, local: &[T]) {
    match offset {
        None => out.copy_from_slice(local),
        Some(offset) => {
            for ((out, &offset), &local) in out.iter_mut().zip(offset).zip(local) {
                *out = offset.plus(local);
            }
        }
    }
}

/// Running sums of whole lines, of which the block holds the part up to the last element asked for.
pub(super) fn scan_whole<T: Summand>(
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
        let mut before: Option<Vec<T>> = None;
        scan_plane(planes.of(values, plane), inner, 0, &at.axes()[axis], out, |segment, finished| {
            match &mut before {
                Some(before) => add_row(before, finished),
                None if segment > 0 => before = Some(finished.to_vec()),
                None => {}
            }
            before.clone()
        });
    }
    Ok(())
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
        for (k, rows) in planes.of(values, plane).chunks(SEGMENT * inner).enumerate() {
            let Some(position) = range.position(first_segment + k) else { continue };
            let sum = &mut out[position * inner..(position + 1) * inner];
            sum.copy_from_slice(&rows[..inner]);
            rows[inner..].chunks_exact(inner).for_each(|row| add_row(sum, row));
        }
    }
    Ok(())
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
    let (dense, offsets) = (block.to_dense(None), offsets.to_dense(None));
    let values = dense.as_slice::<T>().ok_or_else(not_dense)?;
    let (planes, out_planes) = (Planes::new(block.shape(), axis), Planes::new(out.shape(), axis));
    let offset_planes = Planes::new(offsets.shape(), axis);
    let offsets = offsets.as_slice::<T>().ok_or_else(not_dense)?;
    let (inner, out_size) = (planes.inner, out_planes.len * out_planes.inner);
    let range = at.axes()[axis];
    let first_segment = range.bounds().0 / SEGMENT;
    let out = out.as_slice_mut::<T>();
    for plane in 0..planes.outer {
        let out = &mut out[plane * out_size..(plane + 1) * out_size];
        let offsets = offset_planes.of(offsets, plane);
        scan_plane(planes.of(values, plane), inner, first_segment, &range, out, |segment, _| {
            let at = (segment - first_segment) * inner;
            (segment > 0).then(|| offsets[at..at + inner].to_vec())
        });
    }
    Ok(())
}

fn not_dense() -> Error {
    Error::Bug { what: "a dense block that is not dense".into() }
}
