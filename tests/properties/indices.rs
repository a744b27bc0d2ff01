//! Elements picked by arrays of positions.

use brickwork::Array;
use brickwork::assemble::IndexArray;
use brickwork_testkit::{check_operation, iota, naive, strategies};
use ndarray::{ArrayD, IxDyn};
use proptest::prelude::*;

use crate::CASES;

/// Positions of an axis from numbers of any size.
fn positions(numbers: &[u32], len: usize) -> Vec<i64> {
    numbers.iter().map(|&number| (number as usize % (2 * len)) as i64 - len as i64).collect()
}

proptest! {
    #![proptest_config(strategies::config(CASES))]

    #[test]
    fn take((shape, axis) in strategies::shape_and_axis(3), numbers in prop::collection::vec(any::<u32>(), 0..12), choice: u64) {
        let x = iota(&shape);
        let list = positions(&numbers, shape[axis]);
        let indices = ArrayD::from_shape_vec(IxDyn(&[list.len()]), list.clone()).unwrap();
        let expected = naive::take(&x, &indices, axis);
        check_operation(&[&x], choice, |x| x[0].take(list.clone(), axis as isize), &expected);
        check_operation(
            &[&x], choice, |x| x[0].take(Array::from_ndarray(indices.view())?, axis as isize), &expected);
    }

    #[test]
    fn take_of_a_whole_array(shape in strategies::full_shape(1..=3), numbers in prop::collection::vec(any::<u32>(), 4), choice: u64) {
        let x = iota(&shape);
        let list = positions(&numbers, x.len());
        let indices = ArrayD::from_shape_vec(IxDyn(&[2, 2]), list.clone()).unwrap();
        let expected = naive::take(&naive::reshape(&x, &[x.len()]), &indices, 0);
        check_operation(&[&x], choice, |x| x[0].take(IndexArray::list(list.clone(), &[2, 2])?, None), &expected);
    }

    #[test]
    fn points(shape in strategies::full_shape(2..=3), numbers in prop::collection::vec(any::<u32>(), 1..20), choice: u64) {
        let x = iota(&shape);
        let rows = positions(&numbers, shape[0]);
        let columns: Vec<i64> = positions(&numbers, shape[1]).into_iter().rev().collect();
        let wrap = |index: i64, len: usize| if index < 0 { index + len as i64 } else { index } as usize;
        let mut out = vec![rows.len()];
        out.extend(&shape[2..]);
        let expected = naive::from_fn(&out, |index| {
            let mut source = vec![wrap(rows[index[0]], shape[0]), wrap(columns[index[0]], shape[1])];
            source.extend(&index[1..]);
            x[IxDyn(&source)]
        });
        let build = |x: &[Array]| x[0].vindex(&[Some(rows.clone().into()), Some(columns.clone().into())]);
        check_operation(&[&x], choice, build, &expected);
        let lazy = |x: &[Array]| {
            let column = Array::from_vec(columns.clone(), &[columns.len()])?;
            x[0].vindex(&[Some(rows.clone().into()), Some(column.into())])
        };
        check_operation(&[&x], choice, lazy, &expected);
    }
}
