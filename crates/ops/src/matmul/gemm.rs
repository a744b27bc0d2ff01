//! The safe face of the `gemm` crate: `out += left · right`.
//!
//! Bits of an element of the product depend on its row, its column and the length of the shared axis, and not on
//! what else is computed with it: the shapes for which the library would add in another order are padded and packed.

use brickwork_core::{Block, Complex, Element};
use gemm::Parallelism;

/// Elements up to which the library may choose a kernel that adds in another order, depending on strides.
const SMALL: usize = 256;

/// Bytes of a row of `out` that are multiplied in one call: the operand that the library goes through again and again
/// then stays in a second-level cache. Taller products alone are cut, so that no part is small.
const STRIP_BYTES: usize = 2048;
const TALL: usize = 64;

/// Columns of a strip of a product that is its own transpose: as wide as the diagonal that is computed for nothing is
/// worth the fewer, longer calls.
const DIAGONAL: usize = 128;

/// The numbers that the library multiplies.
pub(super) trait Number: Element {
    const ONE: Self;
}

impl Number for f32 {
    const ONE: Self = 1.0;
}

impl Number for f64 {
    const ONE: Self = 1.0;
}

impl Number for Complex<f32> {
    const ONE: Self = Complex { re: 1.0, im: 0.0 };
}

impl Number for Complex<f64> {
    const ONE: Self = Complex { re: 1.0, im: 0.0 };
}

/// A matrix of any strides. Every element lies in `elements`: checked when made, and kept by taking parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Matrix<'a, T> {
    elements: &'a [T],
    offset: isize,
    rows: usize,
    columns: usize,
    row_stride: isize,
    column_stride: isize,
}

impl<'a, T: Element> Matrix<'a, T> {
    /// The elements of a block of two axes.
    pub(super) fn of(block: &'a Block) -> Self {
        let (&[rows, columns], &[row_stride, column_stride]) = (block.shape(), block.strides()) else {
            panic!("a matrix has two axes");
        };
        let offset = block.offset() as isize;
        Matrix::new(block.elements::<T>(), offset, (rows, columns), (row_stride, column_stride))
    }

    fn new(elements: &'a [T], offset: isize, shape: (usize, usize), strides: (isize, isize)) -> Self {
        if shape.0 > 0 && shape.1 > 0 {
            let reach = [(shape.0 as isize - 1) * strides.0, (shape.1 as isize - 1) * strides.1];
            let lowest = offset + reach.iter().filter(|reach| **reach < 0).sum::<isize>();
            let highest = offset + reach.iter().filter(|reach| **reach > 0).sum::<isize>();
            assert!(lowest >= 0 && highest < elements.len() as isize, "the elements lie in the buffer");
        }
        Matrix {
            elements,
            offset,
            rows: shape.0,
            columns: shape.1,
            row_stride: strides.0,
            column_stride: strides.1,
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// `len` columns from `start` on.
    pub(super) fn columns_from(&self, start: usize, len: usize) -> Self {
        assert!(start + len <= self.columns, "the columns are there");
        let offset = self.offset + start as isize * self.column_stride;
        Matrix { offset, columns: len, ..*self }
    }

    /// The rows before `end`.
    pub(super) fn rows_up_to(&self, end: usize) -> Self {
        self.rows_from(0, end)
    }

    /// `len` rows from `start` on.
    pub(super) fn rows_from(&self, start: usize, len: usize) -> Self {
        assert!(start + len <= self.rows, "the rows are there");
        Matrix { offset: self.offset + start as isize * self.row_stride, rows: len, ..*self }
    }

    fn get(&self, row: usize, column: usize) -> T {
        let position = self.offset + row as isize * self.row_stride + column as isize * self.column_stride;
        self.elements[position as usize]
    }

    /// A dense copy in C order, with rows and columns of zeros added up to the shape given.
    fn packed(&self, rows: usize, columns: usize) -> Vec<T> {
        let mut values = vec![T::zeroed(); rows * columns];
        for row in 0..self.rows {
            for column in 0..self.columns {
                values[row * columns + column] = self.get(row, column);
            }
        }
        values
    }
}

/// `out += left · right`; `out` is dense, in C order.
pub(super) fn multiply_add<T: Number>(out: &mut [T], left: &Matrix<'_, T>, right: &Matrix<'_, T>) {
    let (rows, inner, columns) = (left.rows, left.columns, right.columns);
    assert!(right.rows == inner && out.len() == rows * columns, "the shapes fit");
    if rows == 0 || columns == 0 || inner == 0 {
        return;
    }
    if left.column_stride < 0 || right.row_stride < 0 {
        // The library would go along the shared axis backwards, and add in that order.
        let (left, right) = (left.packed(rows, inner), right.packed(inner, columns));
        let left = Matrix::new(&left, 0, (rows, inner), (inner as isize, 1));
        let right = Matrix::new(&right, 0, (inner, columns), (columns as isize, 1));
        return multiply_add(out, &left, &right);
    }
    if rows > 1 && columns > 1 && rows * columns > SMALL {
        let most = if rows < TALL { columns } else { STRIP_BYTES / size_of::<T>() };
        let width = columns.div_ceil(columns.div_ceil(most)).next_multiple_of(8);
        for start in (0..columns).step_by(width) {
            call(out, left, right, start, width.min(columns - start));
        }
        return;
    }
    let (padded_rows, padded_columns) = (rows.max(2), columns.max(2));
    let (left, right) = (left.packed(padded_rows, inner), right.packed(inner, padded_columns));
    let left = Matrix::new(&left, 0, (padded_rows, inner), (inner as isize, 1));
    let right = Matrix::new(&right, 0, (inner, padded_columns), (padded_columns as isize, 1));
    let mut padded = vec![T::zeroed(); padded_rows * padded_columns];
    for (row, values) in out.chunks_exact(columns).enumerate() {
        padded[row * padded_columns..][..columns].copy_from_slice(values);
    }
    call(&mut padded, &left, &right, 0, padded_columns);
    for (row, values) in out.chunks_exact_mut(columns).enumerate() {
        values.copy_from_slice(&padded[row * padded_columns..][..columns]);
    }
}

/// What is on and above the diagonal of `out += left · right`, for square `out`; below it, some more.
pub(super) fn multiply_add_above<T: Number>(out: &mut [T], left: &Matrix<'_, T>, right: &Matrix<'_, T>) {
    let side = left.rows;
    if side < 2 * DIAGONAL || right.columns != side || left.column_stride < 0 {
        return multiply_add(out, left, right);
    }
    for start in (0..side).step_by(DIAGONAL) {
        // What is left at the end is not a strip of its own: as small as it might be, it would be added otherwise.
        let end = if side - start < 2 * DIAGONAL { side } else { start + DIAGONAL };
        call(out, &left.rows_up_to(end), right, start, end - start);
        if end == side {
            break;
        }
    }
}

/// Some columns of the first rows of `out += left · right`.
fn call<T: Number>(out: &mut [T], left: &Matrix<'_, T>, right: &Matrix<'_, T>, start: usize, len: usize) {
    let (rows, inner, columns) = (left.rows, left.columns, right.columns);
    let right = right.columns_from(start, len);
    assert!(right.rows == inner && out.len() >= rows * columns && inner > 0 && rows > 0 && len > 0);
    // SAFETY: `out` holds at least rows × columns elements in C order, of which the `len` columns from `start` on are
    // written: `columns_from` checks that they are there. Every element of `left` and `right` lies in their slices:
    // `Matrix::new` checks the reach of both strides, `columns_from` and `rows_from` only shrink it. The slices of
    // the operands are shared borrows and `out` is an exclusive one, so they do not overlap. `T` is one of the four
    // types that the library knows.
    unsafe {
        gemm::gemm(
            rows,
            len,
            inner,
            out.as_mut_ptr().add(start),
            1,
            columns as isize,
            true,
            left.elements.as_ptr().offset(left.offset),
            left.column_stride,
            left.row_stride,
            right.elements.as_ptr().offset(right.offset),
            right.column_stride,
            right.row_stride,
            T::ONE,
            T::ONE,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}
