//! Copying between strided layouts: the one place that walks n-dimensional memory.

use smallvec::SmallVec;

/// Lengths and strides, in place for up to four axes: blocks are made and thrown away for every patch.
pub(crate) type Shape = SmallVec<[usize; 4]>;
pub(crate) type Strides = SmallVec<[isize; 4]>;

/// One axis of a copy: how many elements, and how far apart they lie on both sides (in elements).
#[derive(Debug, Clone, Copy)]
struct CopyAxis {
    len: usize,
    to: isize,
    from: isize,
}

/// Side of the squares in which a transposing copy works, so that both sides stay in cache.
const SQUARE: usize = 32;

/// Memory that elements are copied to, line by line.
pub(crate) trait Lines<T> {
    /// `len` elements that lie together, from the element `at` on.
    fn line(&mut self, at: usize, len: usize) -> &mut [T];
}

impl<T> Lines<T> for [T] {
    #[inline]
    fn line(&mut self, at: usize, len: usize) -> &mut [T] {
        &mut self[at..at + len]
    }
}

/// Copies elements of type `T`, `shape` of them, from `from` to `to`. Offsets and strides count elements.
///
/// Panics if a stride leads outside a slice.
pub(crate) fn copy<T: Copy>(
    shape: &[usize],
    to: &mut (impl Lines<T> + ?Sized),
    to_offset: usize,
    to_strides: &[isize],
    from: &[T],
    from_offset: usize,
    from_strides: &[isize],
) {
    if shape.contains(&0) {
        return;
    }
    let axes = coalesced(shape, to_strides, from_strides);
    let (outer, inner) = axes.split_at(axes.len().saturating_sub(2));
    let (rows, columns) = match inner {
        [rows, columns] => (*rows, *columns),
        [columns] => (CopyAxis { len: 1, to: 0, from: 0 }, *columns),
        _ => (CopyAxis { len: 1, to: 0, from: 0 }, CopyAxis { len: 1, to: 1, from: 1 }),
    };
    let mut index = Shape::from_elem(0, outer.len());
    let (mut to_at, mut from_at) = (to_offset as isize, from_offset as isize);
    loop {
        copy_plane(rows, columns, to, to_at, from, from_at);
        let mut axis = outer.len();
        loop {
            if axis == 0 {
                return;
            }
            axis -= 1;
            index[axis] += 1;
            to_at += outer[axis].to;
            from_at += outer[axis].from;
            if index[axis] < outer[axis].len {
                break;
            }
            index[axis] = 0;
            to_at -= outer[axis].to * outer[axis].len as isize;
            from_at -= outer[axis].from * outer[axis].len as isize;
        }
    }
}

fn copy_plane<T: Copy>(
    rows: CopyAxis,
    columns: CopyAxis,
    to: &mut (impl Lines<T> + ?Sized),
    to_at: isize,
    from: &[T],
    from_at: isize,
) {
    let transposing = columns.from.unsigned_abs() > 1 && rows.from.unsigned_abs() == 1 && rows.len > 1;
    if transposing {
        for row in (0..rows.len).step_by(SQUARE) {
            let height = SQUARE.min(rows.len - row);
            for column in (0..columns.len).step_by(SQUARE) {
                let width = SQUARE.min(columns.len - column);
                for i in row..row + height {
                    let to_row = to_at + i as isize * rows.to + column as isize * columns.to;
                    let from_row = from_at + i as isize * rows.from + column as isize * columns.from;
                    copy_line(width, to, to_row, columns.to, from, from_row, columns.from);
                }
            }
        }
    } else {
        for i in 0..rows.len as isize {
            let (to_row, from_row) = (to_at + i * rows.to, from_at + i * rows.from);
            copy_line(columns.len, to, to_row, columns.to, from, from_row, columns.from);
        }
    }
}

#[inline]
fn copy_line<T: Copy>(
    len: usize,
    to: &mut (impl Lines<T> + ?Sized),
    to_at: isize,
    to_step: isize,
    from: &[T],
    from_at: isize,
    from_step: isize,
) {
    match (to_step, from_step) {
        (1, 1) => {
            let from_at = from_at as usize;
            to.line(to_at as usize, len).copy_from_slice(&from[from_at..from_at + len]);
        }
        (1, 0) => {
            to.line(to_at as usize, len).fill(from[from_at as usize]);
        }
        (1, _) if from_step > 0 => {
            let source = from[from_at as usize..].iter().step_by(from_step as usize);
            for (to, from) in to.line(to_at as usize, len).iter_mut().zip(source) {
                *to = *from;
            }
        }
        _ => {
            for i in 0..len as isize {
                to.line((to_at + i * to_step) as usize, 1)[0] = from[(from_at + i * from_step) as usize];
            }
        }
    }
}

/// The axes with what lies together merged, longest way on the receiving side first.
fn coalesced(shape: &[usize], to: &[isize], from: &[isize]) -> SmallVec<[CopyAxis; 4]> {
    let mut axes: SmallVec<[CopyAxis; 4]> = shape
        .iter()
        .zip(to.iter().zip(from))
        .filter(|(len, _)| **len > 1)
        .map(|(&len, (&to, &from))| CopyAxis { len, to, from })
        .collect();
    axes.sort_by_key(|axis| std::cmp::Reverse(axis.to.unsigned_abs()));
    let mut merged: SmallVec<[CopyAxis; 4]> = SmallVec::new();
    for axis in axes {
        if let Some(last) = merged.last_mut() {
            let len = axis.len as isize;
            if last.to == axis.to * len && last.from == axis.from * len {
                *last = CopyAxis { len: last.len * axis.len, ..axis };
                continue;
            }
        }
        merged.push(axis);
    }
    merged
}

/// Strides, in elements, of a dense array in C order.
pub(crate) fn dense_strides(shape: &[usize]) -> Strides {
    let mut strides = Strides::from_elem(1, shape.len());
    for axis in (0..shape.len().saturating_sub(1)).rev() {
        strides[axis] = strides[axis + 1] * shape[axis + 1].max(1) as isize;
    }
    strides
}

/// Whether elements of this shape and these strides lie one after the other in C order.
pub(crate) fn is_dense(shape: &[usize], strides: &[isize]) -> bool {
    let mut expected = 1isize;
    for (&len, &stride) in shape.iter().zip(strides).rev() {
        if len == 0 {
            return true;
        }
        if len > 1 {
            if stride != expected {
                return false;
            }
            expected *= len as isize;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transposed_copy_turns_every_element() {
        let (rows, columns) = (70, 45);
        let from: Vec<u32> = (0..(rows * columns) as u32).collect();
        let mut to = vec![0; rows * columns];
        copy(&[columns, rows], &mut to[..], 0, &[rows as isize, 1], &from, 0, &[1, columns as isize]);
        for i in 0..rows {
            for j in 0..columns {
                assert_eq!(to[j * rows + i], from[i * columns + j]);
            }
        }
    }

    #[test]
    fn negative_and_zero_strides_work() {
        let from = [1u8, 2, 3];
        let mut to = [0u8; 6];
        copy(&[2, 3], &mut to[..], 0, &[3, 1], &from, 2, &[0, -1]);
        assert_eq!(to, [3, 2, 1, 3, 2, 1]);
    }

    #[test]
    fn density_ignores_axes_of_one() {
        assert!(is_dense(&[2, 1, 3], &[3, 99, 1]));
        assert!(!is_dense(&[2, 3], &[6, 2]));
        assert_eq!(dense_strides(&[2, 3, 4])[..], [12, 4, 1]);
    }
}
