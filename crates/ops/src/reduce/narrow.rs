//! Sums of integers of 8 and 16 bits, and of bools: in 64 bits, without a copy as wide as that.

use brickwork_core::simd::vectorized;

use super::leaf_rows::LeafRows;
use crate::prelude::*;

/// Whether sums of these elements are taken of them as they are.
pub(super) fn is_narrow(dtype: DType) -> bool {
    matches!(dtype, DType::Bool | DType::I8 | DType::I16 | DType::U8 | DType::U16)
}

/// What they are summed in.
pub(super) fn sum_of_narrow(dtype: DType) -> DType {
    if matches!(dtype, DType::U8 | DType::U16) { DType::U64 } else { DType::I64 }
}

/// Adds the elements of a leaf onto the sums of its box.
pub(super) fn fold_narrow(dtype: DType, masked: bool, acc: &mut Acc, leaf: &LeafInput<'_>) {
    match dtype {
        DType::Bool => fold::<Bool8>(masked, acc, leaf),
        DType::I8 => fold::<i8>(masked, acc, leaf),
        DType::I16 => fold::<i16>(masked, acc, leaf),
        DType::U8 => fold::<u8>(masked, acc, leaf),
        DType::U16 => fold::<u16>(masked, acc, leaf),
        _ => unreachable!("asked for narrow elements alone"),
    }
}

/// A narrow element.
trait Narrow: Element {
    /// What a few of them are added in, which more of fit a vector than of what all are.
    type Few: Copy + Default;
    /// What all are added in.
    type Sum: Element;
    /// How many of them `Few` holds the sum of, whatever they are.
    const FEW: usize;

    fn zero() -> Self;

    fn few(self) -> Self::Few;

    fn plus(left: Self::Few, right: Self::Few) -> Self::Few;

    fn onto(sum: Self::Sum, few: Self::Few) -> Self::Sum;
}

macro_rules! narrow {
    ($($t:ty as $few:ty, $sum:ty, $most:expr, $zero:expr, $number:expr;)*) => {
        $(impl Narrow for $t {
            type Few = $few;
            type Sum = $sum;
            const FEW: usize = $most;

            #[inline(always)]
            fn zero() -> Self {
                $zero
            }

            #[inline(always)]
            fn few(self) -> $few {
                $number(self)
            }

            #[inline(always)]
            fn plus(left: $few, right: $few) -> $few {
                left.wrapping_add(right)
            }

            #[inline(always)]
            fn onto(sum: $sum, few: $few) -> $sum {
                sum.wrapping_add(<$sum>::from(few))
            }
        })*
    };
}
narrow! {
    Bool8 as i16, i64, 1 << 14, Bool8::from(false), |value: Bool8| i16::from(value.get());
    i8 as i16, i64, 1 << 8, 0, i16::from;
    u8 as u16, u64, 1 << 8, 0, u16::from;
    i16 as i32, i64, 1 << 14, 0, i32::from;
    u16 as u32, u64, 1 << 14, 0, u32::from;
}

fn fold<T: Narrow>(masked: bool, acc: &mut Acc, leaf: &LeafInput<'_>) {
    let mut rows = LeafRows::<T>::new(leaf, masked, T::zero());
    let sums = acc.part_mut::<T::Sum>(0);
    vectorized(
        #[inline(always)]
        || match rows.form() {
            FoldForm::Rows => fold_rows(&mut rows, sums),
            FoldForm::Columns => fold_columns(&mut rows, sums),
        },
    );
}

#[inline(always)]
fn fold_rows<T: Narrow>(rows: &mut LeafRows<'_, T>, sums: &mut [T::Sum]) {
    for (row, sum) in sums.iter_mut().enumerate() {
        for elements in rows.row(row).chunks(T::FEW) {
            let mut few = T::Few::default();
            for element in elements {
                few = T::plus(few, element.few());
            }
            *sum = T::onto(*sum, few);
        }
    }
}

#[inline(always)]
fn fold_columns<T: Narrow>(rows: &mut LeafRows<'_, T>, sums: &mut [T::Sum]) {
    let mut next = 0;
    while let Some([a, b, c, d]) = rows.four(next) {
        for ((((sum, a), b), c), d) in sums.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *sum = T::onto(*sum, T::plus(T::plus(a.few(), b.few()), T::plus(c.few(), d.few())));
        }
        next += 4;
    }
    for row in next..rows.count() {
        for (sum, element) in sums.iter_mut().zip(rows.row(row)) {
            *sum = T::onto(*sum, element.few());
        }
    }
}

#[cfg(test)]
mod tests {
    use brickwork_core::Lazy;
    use brickwork_core::eval::evaluate;

    use super::*;
    use crate::reduce::Axes;
    use crate::reduce::test_support::assert_cut_is_free;

    const NARROW: [DType; 5] = [DType::Bool, DType::I8, DType::I16, DType::U8, DType::U16];

    fn numbers<T: Element>(array: &Array) -> Vec<T> {
        evaluate(array.value()).unwrap().to_vec::<T>()
    }

    /// All elements, by the row along `axis` (the last of two, the first, or all of them) that they are in.
    fn rows(values: &[i64], shape: &[usize], axis: Option<usize>) -> Vec<Vec<i64>> {
        match (shape, axis) {
            (&[_, columns], Some(1)) => values.chunks(columns).map(<[i64]>::to_vec).collect(),
            (&[_, columns], Some(0)) => (0..columns)
                .map(|column| values.iter().skip(column).step_by(columns).copied().collect())
                .collect(),
            _ => vec![values.to_vec()],
        }
    }

    #[test]
    fn long_and_short_rows_are_folded_without_error() {
        for dtype in NARROW {
            for (shape, axis) in [
                (&[70_001][..], None),
                (&[3, 33_000], Some(1)),
                (&[3, 33_000], None),
                (&[1029, 7], Some(0)),
                (&[900, 5], Some(1)),
                (&[50, 1025], None),
            ] {
                let size: usize = shape.iter().product();
                let values: Vec<i64> = (0..size as i64).map(|i| i * 7919 % 65_521 - 300).collect();
                let x = Array::from_vec(values, shape).unwrap().astype(dtype).unwrap();
                let rows = rows(&numbers::<i64>(&x.astype(DType::I64).unwrap()), shape, axis);
                let over = || axis.map_or(Axes::from(()), |axis| Axes::from(axis as isize));
                let whole: Vec<i64> = rows.iter().map(|row| row.iter().sum()).collect();
                let sum = x.sum(over()).unwrap();
                assert_eq!(sum.dtype(), sum_of_narrow(dtype));
                assert_eq!(numbers::<i64>(&sum.astype(DType::I64).unwrap()), whole, "{dtype} {shape:?}");
                let mean = x.mean(over()).unwrap();
                let means: Vec<f64> =
                    whole.iter().zip(&rows).map(|(&sum, row)| sum as f64 / row.len() as f64).collect();
                assert_eq!(numbers::<f64>(&mean), means, "{dtype} {shape:?}");
                let in_dtype = |array: Array| numbers::<i64>(&array.astype(DType::I64).unwrap());
                let max: Vec<i64> = rows.iter().filter_map(|row| row.iter().copied().max()).collect();
                assert_eq!(in_dtype(x.max(over()).unwrap()), max, "{dtype} {shape:?}");
                let first: Vec<i64> = rows
                    .iter()
                    .zip(&max)
                    .filter_map(|(row, max)| row.iter().position(|value| value == max))
                    .map(|at| at as i64)
                    .collect();
                assert_eq!(numbers::<i64>(&x.argmax(over()).unwrap()), first, "{dtype} {shape:?}");
                for array in [sum, mean] {
                    assert_cut_is_free(&array);
                }
            }
        }
    }

    #[test]
    fn the_greatest_elements_do_not_overflow() {
        for (dtype, value) in [
            (DType::U8, 255i64),
            (DType::I8, -128),
            (DType::U16, 65_535),
            (DType::I16, -32_768),
            (DType::Bool, 1),
        ] {
            let x = Array::from_vec(vec![value; 60_000], &[60_000]).unwrap().astype(dtype).unwrap();
            for x in [x.reshape(&[4, 15_000]).unwrap(), x] {
                let first = x.sum(0).unwrap().astype(DType::I64).unwrap();
                assert!(numbers::<i64>(&first).iter().all(|&sum| sum == value * x.shape()[0] as i64));
                let all = x.sum(()).unwrap().astype(DType::I64).unwrap();
                assert_eq!(numbers::<i64>(&all), [value * 60_000]);
            }
        }
    }
}
