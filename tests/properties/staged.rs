//! Scans and selections.

use brickwork::{Array, DType, greater};
use brickwork_testkit::{check_operation, naive, noise, quarters, strategies};
use proptest::prelude::*;

use crate::CASES;

proptest! {
    #![proptest_config(strategies::config(CASES))]

    #[test]
    fn cumsum((shape, axis) in strategies::shape_and_axis(3), choice: u64) {
        let x = quarters(&shape, choice);
        let expected = naive::cumsum(&x, axis).mapv(|value| value + 0.0);
        check_operation(&[&x], choice, |x| x[0].cumsum(Some(axis as isize), None), &expected);
        let flat = naive::cumsum(&naive::reshape(&x, &[x.len()]), 0).mapv(|value| value + 0.0);
        check_operation(&[&x], choice, |x| x[0].cumsum(None, None), &flat);
    }

    #[test]
    fn selected_elements(shape in strategies::full_shape(1..=3), choice: u64) {
        let x = quarters(&shape, choice);
        let mask = naive::map(&x, |value| value > 1.0);
        let expected = naive::select(&x, &mask);
        let select = |x: &[Array]| x[0].select(&greater(&x[0], 1.0)?);
        check_operation(&[&x], choice, select, &expected);
        let sum = |group: &[f64]| group.iter().sum::<f64>() + 0.0;
        check_operation(&[&x], choice, |x| select(x)?.sum(()), &naive::reduce(&expected, &[0], false, sum));
        let changed = naive::map(&expected, |value| value * 2.0 - 1.0);
        check_operation(&[&x], choice, |x| Ok(select(x)? * 2.0 - 1.0), &changed);
        let both = |x: &[Array]| select(x)?.try_add(&(&x[0] * 3.0).select(&greater(&x[0], 1.0)?)?);
        check_operation(&[&x], choice, both, &naive::map(&expected, |value| value + value * 3.0));
    }

    #[test]
    fn selected_rows(shape in strategies::full_shape(2..=3), choice: u64) {
        let x = quarters(&shape, choice);
        let column = quarters(&shape[..1], !choice);
        let mask = naive::map(&column, |value| value > 0.0);
        let expected = naive::select(&x, &mask);
        check_operation(&[&x, &column], choice, |x| x[0].select(&greater(&x[1], 0.0)?), &expected);
        let sum = |group: &[f64]| group.iter().sum::<f64>() + 0.0;
        check_operation(
            &[&x, &column], choice, |x| x[0].select(&greater(&x[1], 0.0)?)?.sum(0),
            &naive::reduce(&expected, &[0], false, sum));
        check_operation(
            &[&x, &column], choice, |x| x[0].select(&greater(&x[1], 0.0)?)?.sum(1),
            &naive::reduce(&expected, &[1], false, sum));
    }
}

proptest! {
    // Long lines, cut to single elements by some configurations: a few cases tell.
    #![proptest_config(strategies::config(6))]

    #[test]
    fn cumsum_of_integers_over_many_leaves(rows in 1usize..3, columns in 1usize..1300, choice: u64) {
        let x = naive::map(&noise(&[rows, columns], choice), |value| (value * 250.0) as i16);
        let wide = naive::map(&x, i64::from);
        check_operation(&[&x], choice, |x| x[0].cumsum(Some(1), None), &naive::cumsum(&wide, 1));
        if columns < 100 {
            check_operation(&[&x], choice, |x| x[0].cumsum(Some(0), Some(DType::I64)), &naive::cumsum(&wide, 0));
        }
    }
}
