//! Reductions over any axes.

use brickwork::{Array, Axes, Compute, DType, Threads, s};
use brickwork_core::Bool8;
use brickwork_testkit::{
    arrangements, assert_array_close, check_operation, naive, noise, quarters, some_configurations,
    strategies,
};
use ndarray::ArrayD;
use proptest::prelude::*;

use crate::CASES;

fn sum(group: &[f64]) -> f64 {
    group.iter().sum::<f64>() + 0.0
}

fn variance(group: &[f64]) -> f64 {
    let mean = sum(group) / group.len() as f64;
    group.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / group.len() as f64
}

fn over(axes: &[usize], keepdims: bool) -> Axes {
    let axes = Axes::of(axes.iter().copied());
    if keepdims { axes.keepdims() } else { axes }
}

/// Quarters with some NaN.
fn with_nan(shape: &[usize], seed: u64) -> ArrayD<f64> {
    let mut values = quarters(shape, seed);
    values.iter_mut().enumerate().filter(|(i, _)| i % 5 == 2).for_each(|(_, value)| *value = f64::NAN);
    values
}

proptest! {
    #![proptest_config(strategies::config(CASES))]

    #[test]
    fn sums((shape, axes) in strategies::shape_and_axes(4), keepdims: bool, choice: u64) {
        let x = quarters(&shape, choice);
        let expected = naive::reduce(&x, &axes, keepdims, sum);
        check_operation(&[&x], choice, |x| x[0].sum(over(&axes, keepdims)), &expected);
        let count = |group: &[f64]| group.iter().filter(|value| **value != 0.0).count() as i64;
        let expected = naive::reduce(&x, &axes, keepdims, count);
        check_operation(&[&x], choice, |x| x[0].count_nonzero(over(&axes, keepdims)), &expected);
    }

    #[test]
    fn logical((shape, axes) in strategies::shape_and_axes(3), keepdims: bool, choice: u64) {
        let x = naive::map(&quarters(&shape, choice), |value| value.max(0.0));
        let any = naive::reduce(&x, &axes, keepdims, |group| Bool8::from(group.iter().any(|value| *value != 0.0)));
        let all = naive::reduce(&x, &axes, keepdims, |group| Bool8::from(group.iter().all(|value| *value != 0.0)));
        check_operation(&[&x], choice, |x| x[0].any(over(&axes, keepdims)), &any);
        check_operation(&[&x], choice, |x| x[0].all(over(&axes, keepdims)), &all);
    }

    #[test]
    fn products_of_integers((shape, axes) in strategies::shape_and_axes(3), choice: u64) {
        let x = naive::map(&noise(&shape, choice), |value| (value * 20.0) as i32);
        let expected = naive::reduce(&x, &axes, false, |group| {
            group.iter().fold(1i64, |product, &value| product.wrapping_mul(i64::from(value)))
        });
        check_operation(&[&x], choice, |x| x[0].prod(over(&axes, false)), &expected);
        let small = naive::map(&x, |value| value as i8);
        let expected = naive::reduce(&small, &axes, false, |group| {
            group.iter().fold(0i8, |sum, &value| sum.wrapping_add(value))
        });
        check_operation(&[&small], choice, |x| x[0].sum(over(&axes, false).dtype(DType::I8)), &expected);
    }

    #[test]
    fn moments((shape, axes) in strategies::shape_and_axes(3), keepdims: bool, choice: u64) {
        let x = noise(&shape, choice);
        let mean = naive::reduce(&x, &axes, keepdims, |group| sum(group) / group.len() as f64);
        let var = naive::reduce(&x, &axes, keepdims, variance);
        let std = naive::map(&var, f64::sqrt);
        for (number, arrangement) in arrangements(choice).into_iter().enumerate() {
            let array = arrangement.array(&x);
            let configurations = some_configurations(2, choice.wrapping_add(number as u64));
            assert_array_close(&array.mean(over(&axes, keepdims)).unwrap(), &mean, 1e-12, &configurations);
            assert_array_close(&array.var(over(&axes, keepdims)).unwrap(), &var, 1e-10, &configurations);
            assert_array_close(&array.std(over(&axes, keepdims)).unwrap(), &std, 1e-10, &configurations);
        }
    }

    #[test]
    fn extremes((shape, axis) in strategies::shape_and_axis(3), choice: u64) {
        let x = if choice.is_multiple_of(2) { quarters(&shape, choice) } else { with_nan(&shape, choice) };
        let axes = [axis];
        let less = |a: f64, b: f64| !b.is_nan() && (a.is_nan() || a < b);
        let more = |a: f64, b: f64| !b.is_nan() && (a.is_nan() || a > b);
        let min = naive::reduce(&x, &axes, false, |group| group[naive::first_best(group, less)]);
        let max = naive::reduce(&x, &axes, false, |group| group[naive::first_best(group, more)]);
        let argmin = naive::reduce(&x, &axes, false, |group| naive::first_best(group, less) as i64);
        let argmax = naive::reduce(&x, &[0, 1, 2][..shape.len()], false, |group| naive::first_best(group, more) as i64);
        check_operation(&[&x], choice, |x| x[0].min(over(&axes, false)), &min);
        check_operation(&[&x], choice, |x| x[0].max(over(&axes, false)), &max);
        check_operation(&[&x], choice, |x| x[0].argmin(over(&axes, false)), &argmin);
        check_operation(&[&x], choice, |x| x[0].argmax(()), &argmax);
    }

    #[test]
    fn nan_is_left_out((shape, axes) in strategies::shape_and_axes(3), choice: u64) {
        let x = with_nan(&shape, choice);
        let present = |group: &[f64]| -> Vec<f64> { group.iter().copied().filter(|value| !value.is_nan()).collect() };
        let expected = naive::reduce(&x, &axes, false, |group| sum(&present(group)));
        check_operation(&[&x], choice, |x| x[0].nansum(over(&axes, false)), &expected);
        let mean = naive::reduce(&x, &axes, false, |group| sum(&present(group)) / present(group).len() as f64);
        let var = naive::reduce(&x, &axes, false, |group| variance(&present(group)));
        for arrangement in arrangements(choice) {
            let array = arrangement.array(&x);
            let configurations = some_configurations(2, choice);
            assert_array_close(&array.nanmean(over(&axes, false)).unwrap(), &mean, 1e-12, &configurations);
            assert_array_close(&array.nanvar(over(&axes, false)).unwrap(), &var, 1e-10, &configurations);
        }
    }

    #[test]
    fn the_largest_few((shape, axis) in strategies::shape_and_axis(3), k in -5isize..6, choice: u64) {
        let x = noise(&shape, choice);
        let count = k.unsigned_abs().min(shape[axis]);
        let mut out = shape.clone();
        out[axis] = count;
        let expected = naive::from_fn(&out, |index| {
            let mut line: Vec<f64> = (0..shape[axis]).map(|i| {
                let mut source = index.to_vec();
                source[axis] = i;
                x[ndarray::IxDyn(&source)]
            }).collect();
            line.sort_by(f64::total_cmp);
            if k > 0 { line[line.len() - 1 - index[axis]] } else { line[index[axis]] }
        });
        check_operation(&[&x], choice, |x| x[0].topk(k, axis as isize), &expected);
    }

    #[test]
    fn products_of_matrices(m in 0usize..9, k in 0usize..9, n in 0usize..9, choice: u64) {
        let (a, b) = (quarters(&[m, k], choice), quarters(&[k, n], !choice));
        check_operation(&[&a, &b], choice, |x| x[0].matmul(&x[1]), &naive::matmul(&a, &b));
    }

    #[test]
    fn standardised((shape, axis) in strategies::shape_and_axis(3), choice: u64) {
        let x = noise(&shape, choice);
        let axes = [axis];
        let mean = naive::reduce(&x, &axes, true, |group| sum(group) / group.len() as f64);
        let std = naive::map(&naive::reduce(&x, &axes, true, variance), f64::sqrt);
        // Lines of one element have no deviation: 0 / 0.
        let expected = naive::zip(&naive::zip(&x, &mean, |x, mean| x - mean), &std, |x, std| (x / std).abs());
        for arrangement in arrangements(choice) {
            let x = arrangement.array(&x);
            let mean = x.mean(over(&axes, true)).unwrap();
            let array = ((&x - mean) / x.std(over(&axes, true)).unwrap()).absolute().unwrap();
            // Where x nearly equals the mean the difference has few digits left.
            let found = brickwork_testkit::assert_same_everywhere(&array, &some_configurations(3, choice));
            for (found, expected) in found.to_vec::<f64>().iter().zip(&expected) {
                prop_assert!((found - expected).abs() < 1e-9 || found.is_nan() && expected.is_nan());
            }
        }
    }
}

/// A result of more than a million elements is accumulated in place: its one leaf is left and taken up again.
#[test]
fn large_products_do_not_depend_on_how_the_shared_axis_is_walked() {
    let (rows, inner, columns) = (1100usize, 1300usize, 1000usize);
    let left = |i: usize, k: usize| ((i * 31 + k * 17) % 23) as f64 - 11.0;
    let right = |k: usize, j: usize| ((k * 13 + j * 7) % 19) as f64 - 9.0;
    let matrix = |n: usize, m: usize, at: &dyn Fn(usize, usize) -> f64| {
        Array::from_vec((0..n * m).map(|e| at(e / m, e % m)).collect(), &[n, m]).unwrap()
    };
    let product = matrix(rows, inner, &left).matmul(&matrix(inner, columns, &right)).unwrap();
    let values = |scheduler: Threads| product.compute_with(&scheduler).unwrap().to_vec::<f64>();
    let whole = values(Threads::new(2));
    for e in (0..rows * columns).step_by(7919) {
        let exact: f64 = (0..inner).map(|k| left(e / columns, k) * right(k, e % columns)).sum();
        assert_eq!(whole[e], exact, "element {e}");
    }
    assert_eq!(values(Threads::new(1).memory(40 << 20)), whole);
    let half = product.slice(s![300.., ..700]).unwrap().compute_with(&Threads::new(1)).unwrap();
    let expected: Vec<f64> =
        (300..rows).flat_map(|i| whole[i * columns..i * columns + 700].to_vec()).collect();
    assert_eq!(half.to_vec::<f64>(), expected);
}

#[test]
fn empty_axes_have_sums_but_no_extremes() {
    let x = Array::from_vec(Vec::<f64>::new(), &[0, 3]).unwrap();
    brickwork_testkit::assert_array_eq(&x.sum(0).unwrap(), &ArrayD::<f64>::zeros(ndarray::IxDyn(&[3])));
    brickwork_testkit::assert_array_eq(&x.sum(1).unwrap(), &ArrayD::<f64>::zeros(ndarray::IxDyn(&[0])));
    brickwork_testkit::assert_array_eq(&x.max(1).unwrap(), &ArrayD::<f64>::zeros(ndarray::IxDyn(&[0])));
    let message = x.max(0).unwrap_err().to_string();
    assert!(message.contains("max"), "{message}");
}
