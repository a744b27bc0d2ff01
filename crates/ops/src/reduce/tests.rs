//! Every reduction against plain loops over whole arrays.

use brickwork_core::eval::evaluate;
use brickwork_core::{Lazy, LengthId};

use super::test_support::{assert_cut_is_free, bytes};
use crate::array::Selection;
use crate::prelude::*;
use crate::reduce::Axes;
use crate::s;

/// Values of any dtype as complex numbers.
fn values(array: &Array) -> Vec<Complex<f64>> {
    let block = evaluate(array.value()).unwrap();
    assert_eq!((block.shape(), block.dtype()), (array.shape(), array.dtype()), "{array:?}: as was promised");
    with_element!(block.dtype(), T => {
        block.to_vec::<T>().into_iter().map(|value| Scalar::new(value).to_complex()).collect()
    }, else unreachable!("numbers alone are reduced"))
}

fn reals(array: &Array) -> Vec<f64> {
    values(array).into_iter().map(|value| value.re).collect()
}

/// Numbers that spread evenly over -0.5..0.5.
fn noise(size: usize) -> Vec<f64> {
    (0..size as u64)
        .map(|i| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 11) as f64 / (1u64 << 53) as f64 - 0.5)
        .collect()
}

fn array(values: Vec<f64>, shape: &[usize]) -> Array {
    Array::from_vec(values, shape).unwrap()
}

fn subsets(ndim: usize) -> Vec<Vec<usize>> {
    (0..1 << ndim).map(|bits| (0..ndim).filter(|axis| bits >> axis & 1 == 1).collect()).collect()
}

/// For every kept element, in C order, the positions of the elements folded into it, in C order.
fn groups(shape: &[usize], axes: &[usize]) -> Vec<Vec<usize>> {
    let kept: Vec<usize> = (0..shape.len()).filter(|axis| !axes.contains(axis)).collect();
    let count = kept.iter().map(|&axis| shape[axis]).product();
    let mut groups = vec![Vec::new(); count];
    for position in 0..shape.iter().product() {
        let index = |axis: usize| position / shape[axis + 1..].iter().product::<usize>() % shape[axis];
        groups[kept.iter().fold(0, |group, &axis| group * shape[axis] + index(axis))].push(position);
    }
    groups
}

const SHAPES: [&[usize]; 11] =
    [&[], &[0], &[1], &[7], &[3, 0], &[2, 3, 5], &[4, 1, 37], &[3, 40, 2], &[1100], &[2, 1030], &[33, 5]];

/// The first position whose value no other beats.
fn first_best(group: &[f64], better: impl Fn(f64, f64) -> bool) -> usize {
    (1..group.len()).fold(0, |best, i| if better(group[i], group[best]) { i } else { best })
}

#[test]
fn reductions_agree_with_plain_loops_for_every_shape_and_axes() {
    for shape in SHAPES {
        // Quarters of small integers: sums are exact, so every order of adding gives the same.
        let data: Vec<f64> = noise(shape.iter().product()).iter().map(|x| (x * 40.0).round() / 4.0).collect();
        let x = array(data.clone(), shape);
        for axes in subsets(shape.len()) {
            let groups: Vec<Vec<f64>> =
                groups(shape, &axes).iter().map(|group| group.iter().map(|&i| data[i]).collect()).collect();
            let check = |result: Array, expected: &dyn Fn(&[f64]) -> f64| {
                let expected: Vec<f64> = groups.iter().map(|group| expected(group)).collect();
                for (found, expected) in reals(&result).into_iter().zip(expected) {
                    let same = found == expected || (found.is_nan() && expected.is_nan());
                    assert!(
                        same || (found - expected).abs() < 1e-12 * expected.abs(),
                        "{result:?} of {shape:?}, {axes:?}"
                    );
                }
            };
            let over = || Axes::of(axes.clone());
            let mean = |group: &[f64]| group.iter().sum::<f64>() / group.len() as f64;
            check(x.sum(over()).unwrap(), &|group| group.iter().sum::<f64>() + 0.0);
            check(x.prod(over()).unwrap(), &|group| group.iter().product());
            check(x.mean(over()).unwrap(), &mean);
            check(x.var(over()).unwrap(), &|group| {
                group.iter().map(|x| (x - mean(group)).powi(2)).sum::<f64>() / group.len() as f64
            });
            check(x.any(over()).unwrap(), &|group| f64::from(u8::from(group.iter().any(|x| *x != 0.0))));
            check(x.all(over()).unwrap(), &|group| f64::from(u8::from(group.iter().all(|x| *x != 0.0))));
            check(x.count_nonzero(over()).unwrap(), &|group| {
                group.iter().filter(|x| **x != 0.0).count() as f64
            });
            if groups.iter().any(Vec::is_empty) || axes.iter().any(|&axis| shape[axis] == 0) {
                assert!(x.min(over()).is_err() && x.argmax(over()).is_err());
                continue;
            }
            check(x.min(over()).unwrap(), &|group| group.iter().copied().fold(f64::INFINITY, f64::min));
            check(x.max(over()).unwrap(), &|group| group.iter().copied().fold(f64::NEG_INFINITY, f64::max));
            check(x.argmin(over()).unwrap(), &|group| first_best(group, |a, b| a < b) as f64);
            check(x.argmax(over()).unwrap(), &|group| first_best(group, |a, b| a > b) as f64);
        }
    }
}

#[test]
fn every_dtype_reduces_as_in_numpy() {
    let shape = [5, 150];
    let data: Vec<f64> = noise(750).iter().map(|x| (x * 9.9).abs().round()).collect();
    for dtype in DType::NUMERIC {
        let x = array(data.clone(), &shape).astype(dtype).unwrap();
        let wide = match dtype.kind() {
            DTypeKind::Bool | DTypeKind::Signed => DType::I64,
            DTypeKind::Unsigned => DType::U64,
            _ => dtype,
        };
        let float = if dtype.is_integer_or_bool() { DType::F64 } else { dtype };
        let of: Vec<f64> =
            if dtype == DType::Bool { data.iter().map(|x| x.min(1.0)).collect() } else { data.clone() };
        for axis in [0, 1] {
            let groups: Vec<Vec<f64>> =
                groups(&shape, &[axis]).iter().map(|group| group.iter().map(|&i| of[i]).collect()).collect();
            let check = |result: Array, dtype: DType, expected: &dyn Fn(&[f64]) -> f64| {
                assert_eq!(result.dtype(), dtype, "{result:?}");
                for (found, group) in reals(&result).into_iter().zip(&groups) {
                    let expected = expected(group);
                    assert!(
                        (found - expected).abs() <= 1e-6 * expected.abs(),
                        "{result:?} of {dtype}: {found} {expected}"
                    );
                }
            };
            let mean = |group: &[f64]| group.iter().sum::<f64>() / group.len() as f64;
            check(x.sum(axis).unwrap(), wide, &|group| group.iter().sum());
            check(x.mean(axis).unwrap(), float, &mean);
            check(x.var(axis).unwrap(), float.real(), &|group| {
                group.iter().map(|x| (x - mean(group)).powi(2)).sum::<f64>() / group.len() as f64
            });
            check(x.prod(axis).unwrap(), wide, &|group| group.iter().product());
            check(x.min(axis).unwrap(), dtype, &|group| group.iter().copied().fold(f64::INFINITY, f64::min));
            check(x.max(axis).unwrap(), dtype, &|group| group.iter().copied().fold(0.0, f64::max));
            check(x.argmin(axis).unwrap(), DType::I64, &|group| first_best(group, |a, b| a < b) as f64);
            check(x.argmax(axis).unwrap(), DType::I64, &|group| first_best(group, |a, b| a > b) as f64);
            check(x.any(axis).unwrap(), DType::Bool, &|group| {
                f64::from(u8::from(group.iter().any(|x| *x != 0.0)))
            });
            check(x.count_nonzero(axis).unwrap(), DType::I64, &|group| {
                group.iter().filter(|x| **x > 0.0).count() as f64
            });
        }
    }
}

#[test]
fn bits_do_not_depend_on_the_cut() {
    for (shape, axes) in [
        (&[37usize, 70][..], &[0usize][..]),
        (&[5, 2500], &[1]),
        (&[9, 6, 130], &[0, 2]),
        (&[70, 3, 5], &[0, 1]),
        (&[400, 3], &[0, 1]),
    ] {
        let x = array(noise(shape.iter().product()), shape);
        let mask = array(noise(shape.iter().product()).into_iter().rev().collect(), shape);
        let mask = crate::elementwise::greater(mask, -0.2).unwrap();
        let complex = x.astype(DType::C64).unwrap();
        for x in [x.clone(), x.astype(DType::F32).unwrap(), complex] {
            for axes in [Axes::of(axes.iter().copied()), Axes::of(axes.iter().copied()).only(&mask)] {
                let asked = x.dtype();
                let over = axes.clone().dtype(asked);
                assert_cut_is_free(&x.sum(over.clone()).unwrap());
                assert_cut_is_free(&x.prod(over.clone()).unwrap());
                assert_cut_is_free(&x.mean(over.clone()).unwrap());
                assert_cut_is_free(&x.var(over.clone()).unwrap());
                assert_cut_is_free(&x.std(over.ddof(1.0)).unwrap());
                assert_cut_is_free(&x.min(axes.clone()).unwrap());
                assert_cut_is_free(&x.argmax(axes.clone()).unwrap());
                assert_cut_is_free(&x.all(axes.clone()).unwrap());
                assert_cut_is_free(&x.count_nonzero(axes).unwrap());
            }
        }
    }
    let x = array(noise(3000), &[10, 300]);
    for k in [1, -4, 100] {
        assert_cut_is_free(&Array::new(x.topk(k, 1).unwrap().value().clone()));
    }
}

#[test]
fn rounding_errors_stay_small() {
    let data: Vec<f32> = noise(1 << 20).iter().map(|x| (*x as f32) + 1.0).collect();
    let exact: f64 = data.iter().map(|x| f64::from(*x)).sum();
    let x = Array::from_vec(data.clone(), &[1 << 20]).unwrap();
    let sum = reals(&x.sum(()).unwrap())[0];
    assert!((sum - exact).abs() / exact < 2e-7, "{sum} {exact}");
    let column = Array::from_vec(data, &[1 << 18, 4]).unwrap();
    let total: f64 = reals(&column.sum(0).unwrap()).iter().sum();
    assert!((total - exact).abs() / exact < 4e-7, "{total} {exact}");

    let data: Vec<f64> = noise(40_000).iter().map(|x| x + 1e6).collect();
    let mean = data.iter().map(|x| x - 1e6).sum::<f64>() / 40_000.0 + 1e6;
    let exact = data.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 40_000.0;
    let x = array(data, &[40_000]);
    for result in [x.var(()).unwrap(), x.arranged(vec![Some(0), None]).unwrap().var(0).unwrap()] {
        let found = reals(&result)[0];
        assert!((found - exact).abs() / exact < 1e-10, "{found} {exact}");
    }
    let constant = array(vec![0.1; 5000], &[50, 100]);
    assert_eq!(reals(&constant.var(0).unwrap()), [0.0; 100]);
}

#[test]
fn keepdims_dtype_and_ddof() {
    let x = array((0..24).map(f64::from).collect(), &[2, 3, 4]);
    assert_eq!(x.sum(Axes::of([0, -1]).keepdims()).unwrap().shape(), [1, 3, 1]);
    assert_eq!(x.sum(Axes::all().keepdims()).unwrap().shape(), [1, 1, 1]);
    assert_eq!(x.argmin(Axes::of([1]).keepdims()).unwrap().shape(), [2, 1, 4]);
    assert_eq!(reals(&x.sum(Axes::of([0, -1]).keepdims()).unwrap()), [60.0, 92.0, 124.0]);
    assert_eq!(x.sum(Axes::of([0; 0])).unwrap().shape(), [2, 3, 4]);
    assert_eq!(reals(&x.var(Axes::all().ddof(1.0)).unwrap()), [50.0]);
    assert_eq!(reals(&x.std(Axes::all().ddof(1.0)).unwrap()), [50f64.sqrt()]);
    let half = array(vec![1.5, 2.5], &[2]);
    let narrow = half.sum(Axes::all().dtype(DType::U8)).unwrap();
    assert_eq!((narrow.dtype(), reals(&narrow)), (DType::U8, vec![3.0]));
    let bytes = Array::from_vec(vec![200u8, 100], &[2]).unwrap();
    assert_eq!(reals(&bytes.sum(Axes::all().dtype(DType::U8)).unwrap()), [44.0]);
    assert_eq!(reals(&bytes.ptp(()).unwrap()), [100.0]);
    assert_eq!(half.mean(Axes::all().dtype(DType::F32)).unwrap().dtype(), DType::F32);
}

#[test]
fn zeros_infinities_and_nan_are_as_in_numpy() {
    let one = |values: &[f64], f: &dyn Fn(&Array, Axes) -> Result<Array>| {
        let flat = reals(&f(&array(values.to_vec(), &[values.len()]), 0.into()).unwrap())[0];
        let column = f(&array(values.to_vec(), &[values.len(), 1]), 0.into()).unwrap();
        assert_eq!(flat.to_bits(), reals(&column)[0].to_bits(), "rows and columns agree");
        flat
    };
    assert!(one(&[-0.0, -0.0], &|x, axes| x.sum(axes)).is_sign_positive());
    assert!(one(&[0.0, -0.0], &|x, axes| x.min(axes)).is_sign_negative());
    assert!(one(&[-0.0, 0.0], &|x, axes| x.max(axes)).is_sign_positive());
    assert_eq!(one(&[0.0, -0.0], &|x, axes| x.argmin(axes)), 0.0);
    assert_eq!(one(&[1.0, f64::NAN, -5.0, f64::NAN], &|x, axes| x.argmin(axes)), 1.0);
    assert_eq!(one(&[1.0, f64::NAN, 5.0], &|x, axes| x.argmax(axes)), 1.0);
    assert!(one(&[1.0, f64::NAN, 5.0], &|x, axes| x.max(axes)).is_nan());
    assert_eq!(one(&[f64::NAN], &|x, axes| x.any(axes)), 1.0);
    assert_eq!(one(&[1.0, 2.0], &|x, axes| x.var(axes.ddof(2.0))), f64::INFINITY);
    assert!(one(&[1.0, 2.0], &|x, axes| x.nanvar(axes.ddof(2.0))).is_nan());
    let empty = array(Vec::new(), &[0]);
    assert_eq!((reals(&empty.sum(()).unwrap())[0], reals(&empty.prod(()).unwrap())[0]), (0.0, 1.0));
    assert!(reals(&empty.mean(()).unwrap())[0].is_nan() && reals(&empty.var(()).unwrap())[0].is_nan());
}

#[test]
fn nan_forms_leave_nan_out() {
    let nan = f64::NAN;
    let x = array(vec![1.0, nan, 4.0, nan, nan, nan, 3.0, 2.0, 7.0], &[3, 3]);
    let near = |result: Array, expected: &[f64]| {
        for (found, expected) in reals(&result).iter().zip(expected) {
            assert!(
                (found - expected).abs() < 1e-15 || (found.is_nan() && expected.is_nan()),
                "{result:?}: {found}"
            );
        }
    };
    near(x.nansum(1).unwrap(), &[5.0, 0.0, 12.0]);
    near(x.nansum(0).unwrap(), &[4.0, 2.0, 11.0]);
    near(x.nanprod(1).unwrap(), &[4.0, 1.0, 42.0]);
    near(x.nanmean(1).unwrap(), &[2.5, nan, 4.0]);
    near(x.nanmin(1).unwrap(), &[1.0, nan, 2.0]);
    near(x.nanmax(0).unwrap(), &[3.0, 2.0, 7.0]);
    near(x.nanvar(1).unwrap(), &[2.25, nan, 14.0 / 3.0]);
    near(x.nanstd(()).unwrap(), &[(106.0f64 / 25.0).sqrt()]);
    near(x.nanargmax(0).unwrap(), &[2.0, 2.0, 2.0]);
    near(x.nanargmin(()).unwrap(), &[0.0]);
    let error = evaluate(x.nanargmin(1).unwrap().value()).unwrap_err();
    assert!(innermost(&error).contains("All-NaN slice encountered"), "{error}");
    let integers = Array::from_vec(vec![3i32, 4], &[2]).unwrap();
    assert_eq!(integers.nansum(()).unwrap().dtype(), DType::I64);
}

fn innermost(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), innermost)
}

#[test]
fn complex_extremes_are_lexicographic() {
    let values =
        vec![Complex::new(1.0, 1.0), Complex::new(0.0, 5.0), Complex::new(0.0, 4.0), Complex::new(1.0, 2.0)];
    let x = Array::from_vec(values, &[4]).unwrap();
    assert_eq!(self::values(&x.min(()).unwrap()), [Complex::new(0.0, 4.0)]);
    assert_eq!(self::values(&x.max(()).unwrap()), [Complex::new(1.0, 2.0)]);
    assert_eq!((reals(&x.argmin(()).unwrap())[0], reals(&x.argmax(()).unwrap())[0]), (2.0, 3.0));
    assert_eq!(self::values(&x.prod(()).unwrap()), [Complex::new(20.0, -60.0)]);
    assert_eq!(reals(&x.var(()).unwrap()), [2.75]);
    let nan = Array::from_vec(vec![Complex::new(9.0, 0.0), Complex::new(0.0, f64::NAN)], &[2]).unwrap();
    assert_eq!(reals(&nan.argmax(()).unwrap()), [1.0]);
}

#[test]
fn masks_leave_elements_out() {
    let x = array((0..12).map(f64::from).collect(), &[3, 4]);
    let odd = Array::from_vec((0..4).map(|i| Bool8::from(i % 2 == 1)).collect(), &[4]).unwrap();
    assert_eq!(reals(&x.sum(Axes::of([1]).only(&odd)).unwrap()), [4.0, 12.0, 20.0]);
    assert_eq!(reals(&x.sum(Axes::of([0]).only(&odd)).unwrap()), [0.0, 15.0, 0.0, 21.0]);
    assert_eq!(reals(&x.mean(Axes::of([1]).only(&odd)).unwrap()), [2.0, 6.0, 10.0]);
    assert_eq!(reals(&x.var(Axes::all().only(&odd)).unwrap()), [35.0 / 3.0]);
    assert_eq!(reals(&x.argmin(Axes::of([1]).only(&odd)).unwrap()), [1.0, 1.0, 1.0]);
    assert_eq!(reals(&x.all(Axes::of([1]).only(&odd)).unwrap()), [1.0; 3]);
    assert_eq!(reals(&x.count_nonzero(Axes::all().only(&odd)).unwrap()), [6.0]);
    let error = evaluate(x.max(Axes::of([0]).only(&odd)).unwrap().value()).unwrap_err();
    assert!(
        innermost(&error).contains("zero-size array to reduction operation maximum which has no identity")
    );
    let wrong = x.sum(Axes::all().only(&x)).unwrap_err();
    assert!(wrong.to_string().contains("must be bool"), "{wrong}");
    let long = Array::from_vec(vec![Bool8::from(true); 5], &[5]).unwrap();
    let wrong = x.sum(Axes::all().only(&long)).unwrap_err().to_string();
    assert!(wrong.contains("a mask of shape [5] does not broadcast to [3, 4]"), "{wrong}");
}

/// `dense[mask]`, whose values are of no matter here.
fn selection(dense: &Array, mask: &Array, shape: &[usize]) -> Array {
    let flat = constant_of(dense.dtype(), shape);
    let mut meta = flat.meta().clone();
    let id = LengthId(7);
    meta.unknown = (0..shape.len()).map(|axis| (axis == 0).then_some(id)).collect();
    let node = Node::with_metas(flat.value().node.op().clone(), Vec::new(), vec![meta]).unwrap();
    let selection = Selection { dense: dense.value().clone(), mask: mask.value().clone(), id };
    Array::selected(Value::new(node), selection)
}

fn constant_of(dtype: DType, shape: &[usize]) -> Array {
    crate::constant::constant(shape, Scalar::zero(dtype)).unwrap()
}

#[test]
fn a_selection_is_folded_as_it_was_before() {
    let x = array((0..12).map(|i| f64::from((i * 5 + 3) % 12)).collect(), &[3, 4]); // 3 8 1 6 | 11 4 9 2 | 7 0 5 10
    let mask = crate::elementwise::greater(&x, 3.5).unwrap();
    let chosen = selection(&x, &mask, &[12]); // 8 6 11 4 9 7 5 10
    assert_eq!(reals(&chosen.sum(()).unwrap()), [60.0]);
    assert_eq!(reals(&chosen.mean(Axes::of([0]).keepdims()).unwrap()), [7.5]);
    assert_eq!(reals(&chosen.min(()).unwrap()), [4.0]);
    assert_eq!(reals(&chosen.argmin(()).unwrap()), [3.0]);
    assert_eq!(reals(&chosen.argmax(()).unwrap()), [2.0]);
    assert_eq!(reals(&chosen.nanargmax(()).unwrap()), [2.0]);
    let nothing = selection(&x, &crate::elementwise::greater(&x, 99.0).unwrap(), &[12]);
    assert_eq!(reals(&nothing.sum(()).unwrap()), [0.0]);
    let error = evaluate(nothing.min(()).unwrap().value()).unwrap_err();
    assert!(innermost(&error).contains("zero-size array"), "{error}");

    let rows = Array::from_vec([true, false, true].map(Bool8::from).to_vec(), &[3]).unwrap();
    let chosen = selection(&x, &rows, &[3, 4]);
    assert_eq!(reals(&chosen.sum(0).unwrap()), [10.0, 8.0, 6.0, 16.0]);
    assert_eq!(reals(&chosen.sum(()).unwrap()), [40.0]);
    assert_eq!(reals(&chosen.argmax(()).unwrap()), [7.0]);
    let sums = chosen.sum(1).unwrap();
    assert!(!sums.is_known() && sums.shape() == [3]);
    assert_eq!(reals(&sums.max(()).unwrap()), [22.0]);
    assert!(chosen.topk(1, 0).is_err());
}

#[test]
fn topk_is_the_end_of_a_sort() {
    for (len, k) in [(1, 1), (10, 3), (10, -3), (10, 0), (5, 99), (3000, 7), (3000, -70), (3000, 2000)] {
        let mut data: Vec<f64> = noise(len).iter().map(|x| (x * 500.0).round() + 0.0).collect();
        if len > 5 {
            data[2] = f64::NAN;
        }
        let mut order: Vec<usize> = (0..len).collect();
        if k < 0 {
            order.sort_by(|&i, &j| data[i].total_cmp(&data[j]));
        } else {
            order.sort_by(|&i, &j| data[j].total_cmp(&data[i]));
        }
        order.truncate(isize::unsigned_abs(k));
        let expected: Vec<u64> = order.iter().map(|&i| data[i].to_bits()).collect();
        for (shape, axis) in [([1, len], 1), ([len, 1], 0)] {
            let x = array(data.clone(), &shape);
            let top = x.topk(k, axis).unwrap();
            assert!(reals(&top).iter().map(|x| x.to_bits()).eq(expected.iter().copied()), "{len} {k}");
            let places: Vec<f64> = order.iter().map(|&i| i as f64).collect();
            assert!(reals(&x.argtopk(k, axis).unwrap()) == places, "{len} {k}");
        }
    }
    let x = array((0..24).map(f64::from).collect(), &[2, 3, 4]);
    let top = x.topk(2, 1).unwrap();
    assert_eq!((top.shape(), &reals(&top)[..4]), (&[2, 2, 4][..], &[8.0, 9.0, 10.0, 11.0][..]));
}

#[test]
fn errors_say_what_is_allowed() {
    let x = array(vec![0.0; 6], &[2, 3]);
    let text = |result: Result<Array>| result.unwrap_err().to_string();
    assert_eq!(text(x.sum(2)), "sum: axis 2 is out of range for 2 axes; use an axis from -2 to 1");
    assert_eq!(text(x.sum([0, -2])), "sum: axis 0 is given twice; name every axis once");
    let empty = array(Vec::new(), &[0, 3]);
    assert_eq!(
        text(empty.max(0)),
        "max: zero-size array to reduction operation maximum which has no identity"
    );
    assert_eq!(text(empty.argmin(())), "argmin: attempt to get argmin of an empty sequence");
    assert!(empty.max(1).is_ok());
    assert!(text(x.mean(Axes::all().dtype(DType::I32))).starts_with("mean: not defined for dtype int32"));
    assert!(text(x.min(Axes::all().ddof(1.0))).contains("takes no ddof"));
    let unknown = Node::with_metas(
        x.value().node.op().clone(),
        Vec::new(),
        vec![Meta { unknown: vec![Some(LengthId(1)), None], ..x.meta().clone() }],
    );
    let unknown = Array::new(Value::new(unknown.unwrap()));
    assert!(text(unknown.topk(1, 0)).contains("not known before the data are seen"));
    assert_eq!(unknown.sum(0).unwrap().shape(), [3]);
    assert!(!unknown.sum(1).unwrap().is_known());
}

#[test]
fn the_same_bits_for_one_row_and_for_many() {
    let data = noise(3 * 1500);
    let many = bytes(&array(data.clone(), &[3, 1500]).sum(1).unwrap());
    let one = bytes(&array(data[1500..3000].to_vec(), &[1500]).sum(()).unwrap());
    assert_eq!(many[8..16], one[..]);
}

/// The same values in a block whose last axis is not the one that lies together.
fn turned(x: &Array) -> Array {
    let block = evaluate(x.t().value()).unwrap().to_dense(None);
    crate::memory::from_block(block, &ChunkSpec::auto()).unwrap().t()
}

#[test]
fn values_folded_as_they_are_computed_give_the_same_bits() {
    // The last are longer than the leaves that are folded in a call.
    let shapes: [&[usize]; 8] =
        [&[1500], &[3, 130], &[2, 2048], &[5, 2500], &[2, 3, 1100], &[3, 1, 129], &[20_000], &[2, 9000]];
    for shape in shapes {
        let mut data = noise(shape.iter().product());
        data[70] = -0.0;
        let x = array(data.clone(), shape);
        data[100] = f64::NAN;
        let with_nan = array(data, shape);
        for axes in subsets(shape.len()) {
            let over = || Axes::of(axes.clone());
            // Programs of values as they lie, of a column that is repeated, of values that lie the other way, and one of
            // which a part is wanted.
            let column = x.slice(s![Ellipsis, 0..1]).unwrap();
            let part = (&x - &with_nan).slice(s![Ellipsis, 1..;2]).unwrap();
            for values in [&with_nan * &x - &x, &x - column, turned(&x) - &x, part] {
                assert_cut_is_free(&values.sum(over()).unwrap());
                assert_cut_is_free(&values.std(over()).unwrap());
                assert_cut_is_free(&values.max(over()).unwrap());
                assert_cut_is_free(&values.argmin(over()).unwrap());
            }
            for dtype in [DType::F32, DType::C128] {
                let values = x.astype(dtype).unwrap() * 3.0;
                assert_cut_is_free(&values.mean(over()).unwrap());
                assert_cut_is_free(&values.prod(over()).unwrap());
            }
            assert_cut_is_free(&x.greater(0.1).unwrap().sum(over()).unwrap());
        }
    }
}

#[test]
fn leaves_of_few_columns_folded_together_give_the_same_bits() {
    // The first is walked in patches that do not end where leaves do.
    let shapes: [&[usize]; 6] =
        [&[25_003, 3], &[700, 1], &[5, 90, 2], &[33, 2, 20, 1], &[40, 33], &[3, 100, 2, 3]];
    for shape in shapes {
        let mut data = noise(shape.iter().product());
        data[70] = -0.0;
        data[100] = f64::NAN;
        data[200] = f64::INFINITY;
        let x = array(data, shape);
        let last = shape.len() - 1;
        for axes in subsets(last).into_iter().filter(|axes| !axes.is_empty()) {
            let over = || Axes::of(axes.clone());
            for values in [x.clone(), turned(&x), &x * 3.0, x.slice(s![..;-1]).unwrap()] {
                let folded = [
                    values.sum(over()),
                    values.nanprod(over()),
                    values.std(over()),
                    values.nanvar(over()),
                    values.max(over()),
                    values.argmin(over()),
                    values.nanargmax(over()),
                    values.count_nonzero(over()),
                ];
                folded.into_iter().for_each(|folded| assert_cut_is_free(&folded.unwrap()));
            }
            let below = x.less(0.2).unwrap();
            assert_cut_is_free(&x.sum(over().only(&below)).unwrap());
            assert_cut_is_free(&x.var(over().only(&below)).unwrap());
            assert_cut_is_free(&below.any(over()).unwrap());
        }
    }
}
