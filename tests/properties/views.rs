//! Slices, transposes, new axes, broadcasts: no value changes.

use brickwork::Array;
use brickwork_testkit::{check_operation, iota, naive, strategies};
use proptest::prelude::*;

use crate::{CASES, signed};

proptest! {
    #![proptest_config(strategies::config(CASES))]

    #[test]
    fn slice((shape, items) in strategies::shape_and_items(4), choice: u64) {
        let x = iota(&shape);
        check_operation(&[&x], choice, |x| x[0].slice(&items), &naive::slice(&x, &items));
    }

    #[test]
    fn slice_of_a_slice((shape, items) in strategies::shape_and_items(3), choice: u64, step in 1isize..4) {
        let x = iota(&shape);
        let once = naive::slice(&x, &items);
        let again = vec![brickwork::Index::Range { start: None, stop: None, step: -step }; once.ndim()];
        let expected = naive::slice(&once, &again);
        check_operation(&[&x], choice, |x| x[0].slice(&items)?.slice(&again), &expected);
    }

    #[test]
    fn transpose((shape, order) in strategies::shape_and_order(4), choice: u64) {
        let x = iota(&shape);
        let build = |x: &[Array]| x[0].transpose(Some(&signed(&order)));
        check_operation(&[&x], choice, build, &naive::transpose(&x, &order));
    }

    #[test]
    fn x_plus_its_transpose(n in 1usize..14, choice: u64) {
        let x = iota(&[n, n]);
        let expected = naive::zip(&x, &naive::transpose(&x, &[1, 0]), |a, b| a + b);
        check_operation(&[&x], choice, |x| x[0].try_add(x[0].transpose(None)?), &expected);
    }

    #[test]
    fn flip((shape, axes) in strategies::shape_and_axes(3), choice: u64) {
        let x = iota(&shape);
        let expected = naive::from_fn(&shape, |index| {
            let turned = |(axis, &i): (usize, &usize)| if axes.contains(&axis) { shape[axis] - 1 - i } else { i };
            let source: Vec<usize> = index.iter().enumerate().map(turned).collect();
            x[ndarray::IxDyn(&source)]
        });
        check_operation(&[&x], choice, |x| x[0].flip(Some(&signed(&axes))), &expected);
    }

    #[test]
    fn expand_dims_and_squeeze(shape in strategies::shape(3), axis in 0usize..4, choice: u64) {
        let x = iota(&shape);
        let axis = axis.min(shape.len());
        let mut expanded = shape.clone();
        expanded.insert(axis, 1);
        let expected = naive::reshape(&x, &expanded);
        check_operation(&[&x], choice, |x| x[0].expand_dims(&[axis as isize]), &expected);
        check_operation(&[&expected], choice, |x| x[0].squeeze(Some(&[axis as isize])), &x);
    }

    #[test]
    fn broadcast_to((small, large) in strategies::broadcasting_shapes(3), choice: u64) {
        let target = naive::broadcast_shape(&small, &large);
        let x = iota(&small);
        check_operation(&[&x], choice, |x| x[0].broadcast_to(&target), &naive::broadcast_to(&x, &target));
    }

    #[test]
    fn diagonal(shape in strategies::full_shape(2..=3), offset in -6isize..7, choice: u64) {
        let x = iota(&shape);
        check_operation(&[&x], choice, |x| x[0].diagonal(offset, [0, 1]), &naive::diagonal(&x, offset));
    }

    #[test]
    fn triangles(shape in strategies::full_shape(2..=3), k in -6isize..7, choice: u64) {
        let x = iota(&shape);
        let rows = shape.len() - 2;
        let kept = |upper: bool| naive::from_fn(&shape, |index| {
            let right = index[rows + 1] as isize - index[rows] as isize;
            if if upper { right >= k } else { right <= k } { x[ndarray::IxDyn(index)] } else { 0.0 }
        });
        check_operation(&[&x], choice, |x| x[0].triu(k), &kept(true));
        check_operation(&[&x], choice, |x| x[0].tril(k), &kept(false));
    }

    #[test]
    fn rechunk_keeps_contents(shape in strategies::shape(3), chunk in 1usize..6, choice: u64) {
        let x = iota(&shape);
        check_operation(&[&x], choice, |x| x[0].rechunk(chunk), &x);
    }
}
