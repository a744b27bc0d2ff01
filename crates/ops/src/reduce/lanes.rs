//! Kernels that join many values into one: lanes along rows, rows added onto rows.
//!
//! In [`FoldForm::Rows`] value `i` of a leaf goes to lane `i mod N`, and lanes merge by halving. `N` depends on the
//! type alone, never on the machine, so results agree everywhere.

use std::hint::black_box;

use brickwork_core::simd::vectorized;

use super::leaf_rows::LeafRows;
use crate::prelude::*;

/// How two values become one. Joining with the identity changes nothing, not even the sign of zero: lanes that got no
/// value, and elements that a mask leaves out, hold it.
pub(crate) trait Combine<T: Copy>: 'static {
    /// Whether values may be joined in any order without a change of bits.
    const IS_EXACT: bool = false;

    fn identity() -> T;

    fn join(left: T, right: T) -> T;
}

/// Types with a fixed number of lanes.
pub(crate) trait Lanes: Element {
    /// Joins rows of a leaf of rows, each onto its entries of `acc`. An element has as many entries of `Self` as fit
    /// it: 1, or 2 for the parts of a complex number.
    fn fold_rows<E: Element, C: Combine<Self>>(rows: &mut LeafRows<'_, E>, acc: &mut [Self]);

    /// Joins the values of one row; with `parts` 2 those at even and at odd places apart. To be called inside
    /// [`vectorized`].
    fn join_row<C: Combine<Self>>(values: &[Self], parts: usize) -> [Self; 2];
}

macro_rules! lanes {
    ($($lanes:literal: $($t:ty),*;)*) => {
        $($(impl Lanes for $t {
            fn fold_rows<E: Element, C: Combine<Self>>(rows: &mut LeafRows<'_, E>, acc: &mut [Self]) {
                vectorized(#[inline(always)] || fold_rows::<E, Self, C, $lanes, { $lanes / 4 }>(rows, acc));
            }

            #[inline(always)]
            fn join_row<C: Combine<Self>>(values: &[Self], parts: usize) -> [Self; 2] {
                join_row::<Self, C, $lanes, { $lanes / 4 }>(values, parts)
            }
        })*)*
    };
}
lanes! {
    128: Bool8, i8, u8, i16, u16;
    64: i32, u32, f32;
    32: i64, u64, f64, Complex<f32>;
    16: Complex<f64>;
}

/// Joins the elements of a leaf onto the accumulator of its box. `T` is `E`, or the type of its real parts.
pub(crate) fn fold_leaf<E: Element, T: Lanes, C: Combine<T>>(rows: &mut LeafRows<'_, E>, acc: &mut [T]) {
    match rows.form() {
        FoldForm::Rows => T::fold_rows::<E, C>(rows, acc),
        FoldForm::Columns => fold_column_leaf::<E, T, C>(rows, acc),
    }
}

/// [`fold_leaf`] for a leaf of columns.
pub(crate) fn fold_column_leaf<E: Element, T: Element, C: Combine<T>>(
    rows: &mut LeafRows<'_, E>,
    acc: &mut [T],
) {
    vectorized(
        #[inline(always)]
        || fold_columns::<E, T, C>(rows, acc),
    );
}

/// `left = left ⊕ right`, entry by entry.
pub(crate) fn merge<T: Element, C: Combine<T>>(left: &mut [T], right: &[T]) {
    vectorized(
        #[inline(always)]
        || join_onto::<T, C>(left, right),
    );
}

#[inline(always)]
fn fold_rows<E: Element, T: Element, C: Combine<T>, const N: usize, const QUARTER: usize>(
    rows: &mut LeafRows<'_, E>,
    acc: &mut [T],
) {
    let parts = size_of::<E>() / size_of::<T>();
    for (row, acc) in acc.chunks_exact_mut(parts).enumerate() {
        let total = join_row::<T, C, N, QUARTER>(bytemuck::cast_slice(rows.row(row)), parts);
        for (acc, total) in acc.iter_mut().zip(total) {
            *acc = C::join(*acc, total);
        }
    }
}

#[inline(always)]
fn join_row<T: Copy, C: Combine<T>, const N: usize, const QUARTER: usize>(
    values: &[T],
    parts: usize,
) -> [T; 2] {
    // Lanes that hold the identity may be left out: joining them changes nothing.
    match values.len() {
        0..=2 => halve::<T, C, 2>(padded::<T, C, 2>(values), parts),
        3..=4 => halve::<T, C, 4>(padded::<T, C, 4>(values), parts),
        5..=8 => halve::<T, C, 8>(padded::<T, C, 8>(values), parts),
        // Lanes stand in the way of whole vectors of integers.
        _ if C::IS_EXACT && parts == 1 => {
            [values.iter().fold(C::identity(), |total, value| C::join(total, *value)); 2]
        }
        _ => halve::<T, C, N>(in_lanes::<T, C, N, QUARTER>(values), parts),
    }
}

/// Joins value `i` onto lane `i mod N`.
///
/// Lanes are kept in four parts of a vector or two, and together only at the end, in memory: an array of all of them, or
/// one whose halving the compiler sees as well, does not stay in registers or is cut in vectors of two.
#[allow(clippy::needless_range_loop, reason = "plain indices of constant bounds are what stays in registers")]
#[inline(always)]
fn in_lanes<T: Copy, C: Combine<T>, const N: usize, const QUARTER: usize>(values: &[T]) -> [T; N] {
    let [mut a, mut b, mut c, mut d] = [[C::identity(); QUARTER]; 4];
    let (whole, rest) = values.as_chunks::<N>();
    for chunk in whole {
        let (quarters, _) = chunk.as_chunks::<QUARTER>();
        for i in 0..QUARTER {
            a[i] = C::join(a[i], quarters[0][i]);
        }
        for i in 0..QUARTER {
            b[i] = C::join(b[i], quarters[1][i]);
        }
        for i in 0..QUARTER {
            c[i] = C::join(c[i], quarters[2][i]);
        }
        for i in 0..QUARTER {
            d[i] = C::join(d[i], quarters[3][i]);
        }
    }
    let mut lanes = [C::identity(); N];
    for (lanes, quarter) in lanes.chunks_exact_mut(QUARTER).zip([a, b, c, d]) {
        lanes.copy_from_slice(&quarter);
    }
    if !rest.is_empty() {
        let rest = padded::<T, C, N>(rest);
        for i in 0..N {
            lanes[i] = C::join(lanes[i], rest[i]);
        }
    }
    black_box(lanes)
}

/// Values, and the identity behind them.
#[inline(always)]
fn padded<T: Copy, C: Combine<T>, const N: usize>(values: &[T]) -> [T; N] {
    let mut padded = [C::identity(); N];
    padded[..values.len()].copy_from_slice(values);
    padded
}

/// Joins the upper half of the lanes onto the lower one until `parts` are left.
#[inline(always)]
fn halve<T: Copy, C: Combine<T>, const N: usize>(mut lanes: [T; N], parts: usize) -> [T; 2] {
    macro_rules! halve_to {
        ($($width:literal)*) => {$(
            if $width < N && $width >= parts {
                for i in 0..$width.min(N / 2) {
                    lanes[i] = C::join(lanes[i], lanes[i + $width]);
                }
            }
        )*};
    }
    halve_to!(64 32 16 8 4 2 1);
    [lanes[0], lanes[1]]
}

#[inline(always)]
fn fold_columns<E: Element, T: Element, C: Combine<T>>(rows: &mut LeafRows<'_, E>, acc: &mut [T]) {
    let mut next = 0;
    // Four rows at a time, in the same order, so that the accumulator is loaded and stored less often.
    while let Some([a, b, c, d]) = rows.four(next) {
        let (a, b): (&[T], &[T]) = (bytemuck::cast_slice(a), bytemuck::cast_slice(b));
        let (c, d): (&[T], &[T]) = (bytemuck::cast_slice(c), bytemuck::cast_slice(d));
        for ((((acc, a), b), c), d) in acc.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *acc = C::join(C::join(C::join(C::join(*acc, *a), *b), *c), *d);
        }
        next += 4;
    }
    for row in next..rows.count() {
        join_onto::<T, C>(acc, bytemuck::cast_slice(rows.row(row)));
    }
}

#[inline(always)]
fn join_onto<T: Element, C: Combine<T>>(acc: &mut [T], values: &[T]) {
    for (acc, value) in acc.iter_mut().zip(values) {
        *acc = C::join(*acc, *value);
    }
}

/// Adds the number of true elements to `counts`.
pub(crate) fn count_true(rows: &mut LeafRows<'_, Bool8>, counts: &mut [i64]) {
    vectorized(
        #[inline(always)]
        || count(rows, counts),
    );
}

#[inline(always)]
fn count(rows: &mut LeafRows<'_, Bool8>, counts: &mut [i64]) {
    match rows.form() {
        FoldForm::Rows => {
            for (row, count) in counts.iter_mut().enumerate() {
                let mut total = 0;
                // Short enough for a narrow counter, which more of fit a vector.
                for piece in rows.row(row).chunks(1 << 15) {
                    total += i64::from(piece.iter().map(|value| u16::from(value.get())).sum::<u16>());
                }
                *count += total;
            }
        }
        FoldForm::Columns => {
            for row in 0..rows.count() {
                for (count, value) in counts.iter_mut().zip(rows.row(row)) {
                    *count += i64::from(value.get());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Add;
    impl Combine<f64> for Add {
        #[inline(always)]
        fn identity() -> f64 {
            -0.0
        }

        fn join(left: f64, right: f64) -> f64 {
            left + right
        }
    }

    /// The definition: lane `i mod 32`, halving over all lanes.
    fn by_definition(values: &[f64]) -> f64 {
        let mut lanes = [-0.0; 32];
        for (i, value) in values.iter().enumerate() {
            lanes[i % 32] += value;
        }
        for width in [16, 8, 4, 2, 1] {
            for j in 0..width {
                lanes[j] += lanes[j + width];
            }
        }
        lanes[0]
    }

    #[test]
    fn short_and_long_rows_follow_the_definition() {
        for len in (0..140).chain([1000, 1023, 1024]) {
            let values: Vec<f64> = (0..len).map(|i| ((i * 7919 + 13) % 1009) as f64 * 0.1 - 30.0).collect();
            let [total, _] = f64::join_row::<Add>(&values, 1);
            assert_eq!(total.to_bits(), by_definition(&values).to_bits(), "{len} values");
        }
    }

    #[test]
    fn parts_are_joined_apart() {
        let values: Vec<f64> = (0..90).map(f64::from).collect();
        let even: f64 = values.iter().step_by(2).sum();
        assert_eq!(f64::join_row::<Add>(&values, 2), [even, even + 45.0]);
    }
}
