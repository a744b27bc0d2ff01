use brickwork_core::Lazy;
use brickwork_core::eval::evaluate;

use crate::elementwise::multiply;
use crate::prelude::*;
use crate::reduce::test_support::assert_cut_is_free;

fn numbers(size: usize, seed: u64) -> Vec<f64> {
    let word = |i: u64| (i + seed).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    (0..size as u64).map(|i| (word(i) % 19) as f64 - 9.0).collect()
}

fn reals(array: &Array) -> Vec<f64> {
    let block = evaluate(array.value()).unwrap();
    assert_eq!((block.shape(), block.dtype()), (array.shape(), array.dtype()));
    with_element!(block.dtype(), T => {
        block.to_vec::<T>().into_iter().map(|value| Scalar::new(value).to_complex().re).collect()
    }, else unreachable!("numbers alone are multiplied"))
}

/// Integers in an order of no importance: sums are exact.
fn expected(left: &[f64], right: &[f64], rows: usize, inner: usize, columns: usize) -> Vec<f64> {
    let mut out = vec![0.0; rows * columns];
    for i in 0..rows {
        for k in 0..inner {
            for j in 0..columns {
                out[i * columns + j] += left[i * inner + k] * right[k * columns + j];
            }
        }
    }
    out
}

#[test]
fn products_of_every_dtype_and_shape() {
    for (rows, inner, columns) in [
        (2, 3, 4),
        (1, 5, 3),
        (3, 5, 1),
        (1, 7, 1),
        (0, 3, 2),
        (2, 0, 3),
        (17, 33, 19),
        (3, 1100, 2),
        (30, 2, 40),
    ] {
        let (left, right) = (numbers(rows * inner, 1), numbers(inner * columns, 2));
        let truth =
            |values: &[f64]| -> Vec<f64> { values.iter().map(|x| f64::from(u8::from(*x != 0.0))).collect() };
        for dtype in DType::NUMERIC {
            let make = |values: &[f64], shape: &[usize]| {
                let signed = Array::from_vec(values.to_vec(), shape).unwrap().astype(DType::I64).unwrap();
                signed.astype(dtype).unwrap()
            };
            let product = make(&left, &[rows, inner]).matmul(&make(&right, &[inner, columns])).unwrap();
            assert_eq!((product.shape(), product.dtype()), (&[rows, columns][..], dtype));
            let exact = expected(&left, &right, rows, inner, columns);
            let exact: Vec<f64> = match dtype {
                DType::Bool => truth(&expected(&truth(&left), &truth(&right), rows, inner, columns)),
                _ => exact,
            };
            let wrapped = Array::from_vec(exact, &[rows, columns]).unwrap().astype(DType::I64).unwrap();
            assert_eq!(
                reals(&product),
                reals(&wrapped.astype(dtype).unwrap()),
                "{dtype} {rows} {inner} {columns}"
            );
        }
    }
}

#[test]
fn vectors_are_rows_and_columns() {
    let x = Array::from_vec(vec![1i64, 2, 3], &[3]).unwrap();
    let a = Array::from_vec((0..6i64).collect(), &[2, 3]).unwrap();
    assert_eq!((a.matmul(&x).unwrap().shape(), reals(&a.matmul(&x).unwrap())), (&[2][..], vec![8.0, 26.0]));
    let turned = a.arranged(vec![Some(1), Some(0)]).unwrap();
    assert_eq!(reals(&x.matmul(&turned).unwrap()), [8.0, 26.0]);
    assert_eq!((x.dot(&x).unwrap().ndim(), reals(&x.dot(&x).unwrap())), (0, vec![14.0]));
    assert_eq!(reals(&a.matmul(&turned).unwrap()), [5.0, 14.0, 14.0, 50.0]);
    assert_eq!(reals(&x.outer(&x).unwrap()), [1.0, 2.0, 3.0, 2.0, 4.0, 6.0, 3.0, 6.0, 9.0]);
    let bytes = Array::from_vec(vec![200u8, 1], &[2]).unwrap();
    assert_eq!(
        (bytes.dot(&bytes).unwrap().dtype(), reals(&bytes.dot(&bytes).unwrap())),
        (DType::U8, vec![65.0])
    );
    let two = Array::from_vec(vec![2i64], &[]).unwrap();
    assert_eq!(reals(&two.dot(&x).unwrap()), [2.0, 4.0, 6.0]);
}

#[test]
fn bits_do_not_depend_on_the_cut() {
    let noise =
        |size: usize, seed| -> Vec<f64> { numbers(size, seed).iter().map(|x| (x * 0.7).sin()).collect() };
    for (rows, inner, columns) in
        [(40, 700, 37), (23, 2, 30), (9, 1, 50), (70, 5000, 3), (2, 600, 60), (66, 520, 300)]
    {
        let left = Array::from_vec(noise(rows * inner, 3), &[rows, inner]).unwrap();
        let right = Array::from_vec(noise(inner * columns, 4), &[columns, inner]).unwrap();
        let right = right.arranged(vec![Some(1), Some(0)]).unwrap();
        for dtype in [DType::F64, DType::F32, DType::C64, DType::C128] {
            let (left, right) = (left.astype(dtype).unwrap(), right.astype(dtype).unwrap());
            assert_cut_is_free(&left.matmul(&right).unwrap());
        }
    }
}

#[test]
fn operands_that_lie_backwards_have_the_bits_of_others() {
    for (rows, inner, columns) in [(13, 511, 47), (70, 40, 300), (3, 600, 2)] {
        let noise =
            |size: usize, seed| -> Vec<f64> { numbers(size, seed).iter().map(|x| (x * 0.7).sin()).collect() };
        for dtype in [DType::F64, DType::F32, DType::C64, DType::C128] {
            let array = |values: Vec<f64>, shape: &[usize]| {
                Array::from_vec(values, shape).unwrap().astype(dtype).unwrap()
            };
            let (left, right) = (noise(rows * inner, 3), noise(inner * columns, 4));
            let turned = |values: &[f64], shape: &[usize]| {
                let backwards = array(values.iter().rev().copied().collect(), shape);
                backwards.flip(None).unwrap()
            };
            let bytes = |left: &Array, right: &Array| {
                crate::reduce::test_support::bytes(&left.matmul(right).unwrap())
            };
            let (left_turned, right_turned) =
                (turned(&left, &[rows, inner]), turned(&right, &[inner, columns]));
            let (left, right) = (array(left, &[rows, inner]), array(right, &[inner, columns]));
            let expected = bytes(&left, &right);
            assert!(bytes(&left_turned, &right) == expected, "left, {dtype} {rows} {inner} {columns}");
            assert!(bytes(&left, &right_turned) == expected, "right, {dtype} {rows} {inner} {columns}");
            assert!(bytes(&left_turned, &right_turned) == expected, "both, {dtype} {rows} {inner} {columns}");
        }
    }
}

#[test]
fn products_with_their_own_transpose_have_the_bits_of_others() {
    for (inner, side) in [(3, 2), (1, 17), (5, 255), (520, 60), (40, 256), (30, 383)] {
        let values = numbers(inner * side, 5).iter().map(|x| (x * 0.7).sin() * 9.0).collect::<Vec<f64>>();
        for dtype in DType::NUMERIC {
            let array =
                || Array::from_vec(values.clone(), &[inner, side]).unwrap().astype(DType::F32).unwrap();
            let cast = |array: Array| match dtype {
                DType::C64 | DType::C128 => {
                    let imaginary = Array::from_vec(vec![Complex::new(0.0, 0.3)], &[1]).unwrap();
                    (multiply(&array, &imaginary).unwrap() + &array).astype(dtype).unwrap()
                }
                DType::Bool => array.astype(DType::I8).unwrap().astype(dtype).unwrap(),
                _ => array.astype(DType::I8).unwrap().astype(dtype).unwrap() * array.astype(dtype).unwrap(),
            };
            let (x, copy) = (cast(array()), cast(array()));
            let bytes = |left: &Array, right: &Array| {
                crate::reduce::test_support::bytes(&left.t().matmul(right).unwrap())
            };
            assert!(bytes(&x, &x) == bytes(&x, &copy), "{dtype} {inner} {side}");
        }
    }
}

#[test]
fn errors_say_what_fits() {
    let array = |shape: &[usize]| Array::from_vec(vec![0.0; shape.iter().product()], shape).unwrap();
    let text = |left: &[usize], right: &[usize]| array(left).matmul(&array(right)).unwrap_err().to_string();
    assert_eq!(
        text(&[2, 3], &[2, 3]),
        "matmul: shapes [2, 3] and [2, 3] share no axis: the last of the first has length 3, the first of the second \
         2; make them equal"
    );
    assert!(text(&[3], &[2]).contains("the only one of the second 2"));
    assert!(text(&[], &[2]).contains("multiply instead"));
    assert!(text(&[2, 2, 2], &[2, 2]).contains("one or two axes"));
}
