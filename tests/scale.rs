//! The cost of building and planning does not depend on the number of chunks, and nothing recurses.

use std::time::{Duration, Instant};

use brickwork::assemble::{concatenate, stack};
use brickwork::{Array, DType, Lazy, Result, Synchronous, Threads, add, s};
use brickwork_core::Block;
use brickwork_sched::{Compute, explain};
use brickwork_testkit::{CountingSource, RefusingScheduler};

/// Generous: the tests run unoptimised, beside others.
const SOON: Duration = Duration::from_secs(120);

fn planned(array: &Array) -> brickwork_core::plan::Plan {
    let began = Instant::now();
    let plan = explain(std::slice::from_ref(array), &RefusingScheduler::new()).unwrap();
    assert!(began.elapsed() < SOON, "planning took {:?}", began.elapsed());
    plan
}

#[test]
fn a_sum_of_a_hundred_thousand_arrays_built_in_a_loop() {
    let began = Instant::now();
    let x = Array::from_vec(vec![1.0f64, 2.0], &[2]).unwrap();
    let y = Array::from_vec(vec![0.5f64, 0.25], &[2]).unwrap();
    let mut sum = x;
    for _ in 0..100_000 {
        sum = add(sum, &y).unwrap();
    }
    assert!(began.elapsed() < SOON, "building took {:?}", began.elapsed());
    let _ = planned(&sum).explain();
    let began = Instant::now();
    let values = sum.compute_with(&Synchronous::new()).unwrap();
    assert_eq!(values.to_vec::<f64>(), [50_001.0, 25_002.0]);
    assert!(began.elapsed() < 2 * SOON, "running took {:?}", began.elapsed());
}

#[test]
fn a_stack_of_ten_thousand_sources() {
    let sources: Vec<Array> = (0..10_000)
        .map(|k| {
            let values = Block::from_vec(vec![f64::from(k), 1.0], &[2]);
            CountingSource::new(values, 2).and_then(|source| source.array())
        })
        .collect::<Result<_>>()
        .unwrap();
    for stacked in [stack(&sources, 0).unwrap(), stack(&sources, 1).unwrap()] {
        let axis = usize::from(stacked.shape()[0] == 2);
        let mean = stacked.mean(axis).unwrap();
        let _ = planned(&mean);
        let values = mean.compute_with(&Threads::new(2)).unwrap();
        assert_eq!(values.to_vec::<f64>(), [4999.5, 1.0]);
    }
    let one = concatenate(&sources, 0).unwrap().slice(s![12_344..12_346]).unwrap();
    let _ = planned(&one);
    assert_eq!(one.compute_with(&Synchronous::new()).unwrap().to_vec::<f64>(), [6172.0, 1.0]);
}

#[test]
fn a_thousand_million_chunks_are_planned_at_once() {
    let mut rng = brickwork::random::default_rng(Some(1));
    let x = rng.random(&[32_000_000, 32_000_000], [1000, 1000]).unwrap();
    assert_eq!(x.chunks().num_chunks(), 32_000 * 32_000);
    let began = Instant::now();
    let y = (&x + x.transpose(None).unwrap()).slice(s![..;2, 16_000_000..]).unwrap().mean(1).unwrap();
    let z = x.sum(()).unwrap();
    let part = x.slice(s![..;10_000_000, ..;10_000_000]).unwrap();
    assert!(began.elapsed() < SOON, "building took {:?}", began.elapsed());
    assert!(planned(&y).num_tasks() > 1000);
    assert!(planned(&z).num_tasks() > 1000);
    assert_eq!(part.compute_with(&Synchronous::new()).unwrap().shape(), [4, 4]);
    let error = z.compute_with(&RefusingScheduler::new()).unwrap_err();
    assert!(RefusingScheduler::is_refusal(&error), "{error}");
}

#[test]
fn a_deep_view_and_a_deep_slice() {
    let mut x = brickwork::create::zeros(&[3, 100_001], DType::F32).unwrap();
    for _ in 0..5_000 {
        x = x.slice(s![.., 1..]).unwrap().transpose(None).unwrap().transpose(None).unwrap();
    }
    let _ = planned(&x.sum(()).unwrap());
    let sum = x.sum(()).unwrap().compute_with(&Synchronous::new()).unwrap();
    assert_eq!(sum.item::<f32>(), 0.0);
    assert_eq!(x.value().meta().shape, [3, 95_001]);
}

#[test]
fn a_sum_of_ten_thousand_different_slices() {
    let values = Block::from_vec((0..10_100).map(f64::from).collect(), &[10_100]);
    let x = CountingSource::new(values, 100).unwrap().array().unwrap();
    let mut sum = x.slice(s![0..100]).unwrap();
    for k in 1..10_000usize {
        sum = sum + x.slice(s![k..k + 100]).unwrap();
    }
    let _ = planned(&sum);
    let found = sum.slice(s![0]).unwrap().compute_with(&Synchronous::new()).unwrap();
    assert_eq!(found.item::<f64>(), 9_999.0 * 10_000.0 / 2.0);
}
