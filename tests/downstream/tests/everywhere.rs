//! What this crate adds works under every scheduler, fused or not, cut anyhow.

use std::sync::Arc;

use brickwork_core::{Block, Error};
use brickwork_downstream::{TextSink, Wave, largest_neighbour, logistic, wave};
use brickwork_ops::prelude::Array;
use brickwork_ops::s;
use brickwork_sched::{Compute, store};
use brickwork_testkit::{
    assert_array_eq, assert_same_everywhere, check_operation, check_source, configurations, naive, noise,
};

fn recording() -> Wave {
    Wave { records: 12, length: 40, broken: None }
}

fn samples() -> ndarray::ArrayD<f64> {
    naive::from_fn(&[12, 40], |index| index[0] as f64 + index[1] as f64 / 40.0)
}

#[test]
fn the_source_keeps_the_rules_of_sources() {
    let expected = Block::from_ndarray(samples().view());
    check_source(|| wave(recording()).unwrap(), &expected);
}

#[test]
fn the_function_of_elements() {
    let x = noise(&[9, 300], 1);
    let expected = naive::map(&x, |x| 1.0 / (1.0 + (-2.0 * x).exp()));
    check_operation(&[&x], 1, |x| logistic(&x[0], 2.0), &expected);
    let around = naive::map(&x, |x| 1.0 / (1.0 + (-2.0 * (x + 1.0)).exp()) * 3.0);
    check_operation(&[&x], 2, |x| Ok(logistic(&(&x[0] + 1.0), 2.0)? * 3.0), &around);
    let constant = brickwork_ops::create::zeros(&[4], brickwork_core::DType::F64).unwrap();
    assert_array_eq(
        &logistic(&constant, 1.0).unwrap(),
        &ndarray::ArrayD::from_elem(ndarray::IxDyn(&[4]), 0.5),
    );
}

#[test]
fn the_function_of_a_neighbourhood() {
    let x = noise(&[7, 50], 1);
    let largest = |near: &[f64]| near.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let expected = naive::stencil(&x, &[0, 3], naive::Outside::Constant(f64::NEG_INFINITY), largest);
    check_operation(&[&x], 1, |x| largest_neighbour(&x[0], 3), &expected);
    let part = naive::slice(&expected, &s![..;-2, 45..;-7]);
    check_operation(&[&x], 2, |x| largest_neighbour(&x[0], 3)?.slice(s![..;-2, 45..;-7]), &part);
}

#[test]
fn all_together_under_every_scheduler() {
    let x = wave(recording()).unwrap();
    let y = logistic(&(largest_neighbour(&x, 2).unwrap() - x.mean(0).unwrap()), 1.5).unwrap();
    let expected = assert_same_everywhere(&y, &configurations());
    for configuration in configurations() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let array = y.rechunk([5, 16]).unwrap();
        store(&array, Arc::new(TextSink::new(&path)), configuration.scheduler()).unwrap();
        let chunks = TextSink::read(&path).unwrap().expect("an index");
        let mut count = 0;
        for (region, values) in chunks {
            assert_eq!(expected.slice(&region).to_vec::<f64>(), values, "{configuration:?}: {region}");
            count += values.len();
        }
        assert_eq!(count, 12 * 40, "{configuration:?}");
    }
}

#[test]
fn failures_leave_nothing_behind_and_name_the_source() {
    let broken = wave(Wave { broken: Some(7), ..recording() }).unwrap();
    for configuration in configurations() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let error =
            store(&(&broken + 1.0), Arc::new(TextSink::new(&path)), configuration.scheduler()).unwrap_err();
        let Error::Task { source_uri, .. } = &error else { panic!("{configuration:?}: {error:?}") };
        assert_eq!(source_uri.as_deref(), Some("wave://12x40"), "{configuration:?}");
        assert!(!path.exists(), "{configuration:?}");
        let whole = broken.slice(s![..7, ..]).unwrap().compute_with(configuration.scheduler());
        assert!(whole.is_ok(), "{configuration:?}");
    }
}

#[test]
fn wrong_calls_fail_while_the_expression_is_built() {
    let whole = Array::from_vec(vec![1i32, 2], &[2]).unwrap();
    assert!(logistic(&whole, 1.0).unwrap_err().to_string().contains("cast to float64"));
    let point = Array::from_vec(vec![1.0f64], &[]).unwrap();
    assert!(largest_neighbour(&point, 1).unwrap_err().to_string().contains("axis"));
}
