//! Lengths that only the data tell: selections stored, sliced, concatenated, selected again.

use std::sync::Arc;

use brickwork::assemble::concatenate;
use brickwork::{Array, Result, Threads, compute_all, greater, less, s};
use brickwork_core::Block;
use brickwork_sched::{Compute, store};
use brickwork_testkit::{
    CountingSource, MemorySink, assert_array_eq, check_operation, naive, quarters, strategies,
};
use ndarray::ArrayD;
use proptest::prelude::*;

fn positive(x: &Array) -> Result<Array> {
    x.select(&greater(x, 0.0)?)
}

fn expected(values: &ArrayD<f64>) -> ArrayD<f64> {
    naive::select(values, &naive::map(values, |value| value > 0.0))
}

#[test]
fn a_selection_is_stored_in_whole_chunks() {
    let values = quarters(&[40, 50], 1);
    let source = CountingSource::new(Block::from_ndarray(values.view()), 9).unwrap();
    let selected = positive(&source.array().unwrap()).unwrap();
    for chunk in [7usize, 100, 10_000] {
        let sink = Arc::new(MemorySink::with_chunks(chunk));
        store(&selected, sink.clone(), &Threads::new(2)).unwrap();
        let found = sink.published().unwrap();
        assert_eq!(found.to_vec::<f64>(), expected(&values).into_raw_vec_and_offset().0);
    }
}

#[test]
fn nothing_selected_and_everything_selected() {
    let values = quarters(&[20, 30], 1);
    let x = Array::from_ndarray(values.view()).unwrap();
    let none = x.select(&greater(&x, 1000.0).unwrap()).unwrap();
    assert_array_eq(&none, &ArrayD::<f64>::zeros(ndarray::IxDyn(&[0])));
    assert_array_eq(&none.sum(()).unwrap(), &ArrayD::<f64>::zeros(ndarray::IxDyn(&[])));
    let all = x.select(&less(&x, 1000.0).unwrap()).unwrap();
    assert_array_eq(&all, &naive::reshape(&values, &[600]));
    let sink = Arc::new(MemorySink::new());
    store(&none, sink.clone(), &Threads::new(2)).unwrap();
    assert_eq!(sink.published().unwrap().shape(), [0]);
    assert!(none.mean(()).unwrap().compute_with(&Threads::new(2)).unwrap().item::<f64>().is_nan());
}

#[test]
fn a_selection_and_its_mean_in_one_run() {
    let values = quarters(&[30, 30], 1);
    let source = CountingSource::new(Block::from_ndarray(values.view()), 10).unwrap();
    let x = source.array().unwrap();
    let selected = positive(&x).unwrap();
    let blocks =
        compute_all(&[selected.clone(), selected.sum(()).unwrap(), x.sum(()).unwrap()], &Threads::new(2))
            .unwrap();
    let expected = expected(&values);
    assert_eq!(blocks[1].item::<f64>(), expected.iter().sum::<f64>());
    assert_eq!(blocks[2].item::<f64>(), values.iter().sum::<f64>());
    assert_eq!(blocks[0].to_vec::<f64>(), expected.into_raw_vec_and_offset().0);
}

#[test]
fn what_is_cut_late_is_reduced() {
    let values = quarters(&[30, 40], 1);
    let x = Array::from_ndarray(values.view()).unwrap();
    let (selected, all) = (positive(&x).unwrap(), expected(&values));
    let some = naive::slice(&all, &s![3..200;2]);
    let part = selected.slice(s![3..200;2]).unwrap();
    let scalar = |values: &ArrayD<f64>, of: &dyn Fn(&[f64]) -> f64| naive::reduce(values, &[0], false, of);
    assert_array_eq(&part.sum(()).unwrap(), &scalar(&some, &|group| group.iter().sum::<f64>() + 0.0));
    assert_array_eq(
        &part.mean(()).unwrap(),
        &scalar(&some, &|group| group.iter().sum::<f64>() / group.len() as f64),
    );
    assert_array_eq(
        &part.max(()).unwrap(),
        &scalar(&some, &|group| group.iter().copied().fold(0.0, f64::max)),
    );
    let position = part.argmax(()).unwrap().compute_with(&Threads::new(2)).unwrap().item::<i64>() as usize;
    assert_eq!(some.as_slice().unwrap()[position], some.iter().copied().fold(0.0, f64::max));
    let spread = part.std(()).unwrap().compute_with(&Threads::new(2)).unwrap().item::<f64>();
    assert!((spread - some.std(0.0)).abs() < 1e-12);
    // More is asked for than there is, of a joined array, of a running sum, of rows.
    assert_array_eq(
        &selected.slice(s![..1_000_000]).unwrap().sum(()).unwrap(),
        &scalar(&all, &|group| group.iter().sum()),
    );
    let joined = concatenate(&[selected.clone(), x.reshape(&[-1]).unwrap()], 0).unwrap();
    let flat = naive::reshape(&values, &[1200]);
    let both = naive::concatenate(&[&all, &flat], 0);
    assert_array_eq(&joined.sum(()).unwrap(), &scalar(&both, &|group| group.iter().sum::<f64>() + 0.0));
    assert_array_eq(
        &selected.cumsum(Some(0), None).unwrap().max(()).unwrap(),
        &scalar(&all, &|group| group.iter().sum()),
    );
    // And what is computed with the result.
    let centred = part.clone() - part.mean(()).unwrap();
    let mean = some.mean().unwrap();
    assert_array_eq(&centred, &naive::map(&some, |value| value - mean));
}

#[test]
fn what_turns_out_empty_late_has_no_maximum() {
    let x = Array::from_ndarray(quarters(&[20], 1).view()).unwrap();
    let none = x.select(&greater(&x, 1000.0).unwrap()).unwrap().slice(s![..5]).unwrap();
    assert_eq!(none.sum(()).unwrap().compute_with(&Threads::new(2)).unwrap().item::<f64>(), 0.0);
    let message = none.max(()).unwrap().compute_with(&Threads::new(2)).unwrap_err().to_string();
    assert!(message.contains("zero-size"), "{message}");
    let message = none.topk(3, 0).unwrap_err().to_string();
    assert!(message.contains("axis 0") && message.contains("compute"), "{message}");
}

proptest! {
    #![proptest_config(strategies::config(24))]

    #[test]
    fn sliced((shape, step) in (strategies::full_shape(1..=2), 1isize..4), start in 0usize..5, choice: u64) {
        let x = quarters(&shape, choice);
        let whole = expected(&x);
        let items = [
            s![start..;step], s![..;-1], s![-2..], s![..start],
        ];
        for item in &items {
            check_operation(&[&x], choice, |x| positive(&x[0])?.slice(item), &naive::slice(&whole, item));
        }
    }

    #[test]
    fn concatenated(shape in strategies::full_shape(1..=2), choice: u64) {
        let (a, b) = (quarters(&shape, choice), quarters(&shape, !choice));
        let whole = naive::concatenate(&[&expected(&a), &expected(&b), &expected(&a)], 0);
        let build = |x: &[Array]| {
            let (first, second) = (positive(&x[0])?, positive(&x[1])?);
            concatenate(&[first.clone(), second, first], 0)
        };
        check_operation(&[&a, &b], choice, build, &whole);
        let twice = naive::map(&whole, |value| value * 2.0);
        check_operation(&[&a, &b], choice, |x| Ok(build(x)? * 2.0), &twice);
    }

    #[test]
    fn selected_again(shape in strategies::full_shape(1..=2), choice: u64) {
        let x = quarters(&shape, choice);
        let once = expected(&x);
        let again = naive::select(&once, &naive::map(&once, |value| value < 5.0));
        let build = |x: &[Array]| {
            let once = positive(&x[0])?;
            once.select(&less(&once, 5.0)?)
        };
        check_operation(&[&x], choice, build, &again);
        let cumulated = naive::cumsum(&once, 0);
        check_operation(&[&x], choice, |x| positive(&x[0])?.cumsum(Some(0), None), &cumulated);
    }
}
