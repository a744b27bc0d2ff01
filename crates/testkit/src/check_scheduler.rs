//! What every scheduler must do.

use std::io::ErrorKind::TimedOut;
use std::sync::Arc;

use brickwork_core::{
    Block, Element, Elementwise, Error, Kind, Meta, Operand, Operation, Result, Tile, TileMut,
};
use brickwork_ops::{Array, assemble::stack, greater, random, s};
use brickwork_sched::{Compute, Retries, Scheduler, compute_all, store};
use serde::{Deserialize, Serialize};

use crate::compare::{assert_block_eq, chain};
use crate::memory_sink::{MemorySink, SinkState};
use crate::{CountingSource, iota, naive, quarters};

/// Checks a scheduler; panics where it fails. Its cancel token is used up: it runs nothing afterwards.
///
/// - maps, reductions, scans, selections and several results at once have the values of the reference
/// - what is stored is whole; a failed run publishes nothing
/// - a failing source is named by the error, with operation and region; a panic in an operation is an error; a user's
///   function is called, or refused with the way out
/// - a task whose failure may pass runs again if that is allowed, and what it writes is written once
/// - a cancelled run ends as such
pub fn check_scheduler(scheduler: &dyn Scheduler) {
    check_values(scheduler);
    check_stores(scheduler);
    check_errors(scheduler);
    check_retries(scheduler);
    check_cancellation(scheduler);
}

fn source(values: &ndarray::ArrayD<f64>) -> Array {
    let source = CountingSource::new(Block::from_ndarray(values.view()), 3).expect("chunks of 3 fit");
    source.array().expect("a source")
}

fn built(array: Result<Array>) -> Array {
    array.unwrap_or_else(|error| panic!("{error}"))
}

fn check<T: Element>(scheduler: &dyn Scheduler, array: Result<Array>, expected: &ndarray::ArrayD<T>) {
    let array = built(array);
    match array.compute_with(scheduler) {
        Ok(found) => assert_block_eq(&found, &Block::from_ndarray(expected.view()), &format!("{array:?}")),
        Err(error) => panic!("{array:?}: {}", chain(&error)),
    }
}

fn check_values(scheduler: &dyn Scheduler) {
    let values = quarters(&[7, 10], 1);
    let x = source(&values);
    let sum = |group: &[f64]| group.iter().sum::<f64>() + 0.0;
    check(scheduler, Ok(x.clone()), &values);
    check(scheduler, x.slice(s![..;-2, 3]), &naive::slice(&values, &s![..;-2, 3]));
    check(
        scheduler,
        (&x + 1.0).sum(0),
        &naive::reduce(&naive::map(&values, |value| value + 1.0), &[0], false, sum),
    );
    check(scheduler, x.sum(()), &naive::reduce(&values, &[0, 1], false, sum));
    check(scheduler, x.cumsum(Some(1), None), &naive::cumsum(&values, 1));
    check(
        scheduler,
        x.mean(0).map(|mean| &x - mean),
        &naive::zip(&values, &naive::reduce(&values, &[0], false, |group| sum(group) / 7.0), |x, mean| {
            x - mean
        }),
    );
    let mask = naive::map(&values, |value| value > 0.0);
    check(scheduler, greater(&x, 0.0).and_then(|mask| x.select(&mask)), &naive::select(&values, &mask));
    let stacked = stack(&[&x, &x], 0).and_then(|both| both.max(0));
    check(scheduler, stacked, &values);
    let empty = ndarray::ArrayD::<f64>::zeros(ndarray::IxDyn(&[0, 4]));
    check(scheduler, Ok(source(&empty)), &empty);
    check(scheduler, source(&empty).sum(0), &ndarray::ArrayD::<f64>::zeros(ndarray::IxDyn(&[4])));

    let several = [built(x.sum(0)), built(x.sum(1)), built(x.slice(s![1, ..]))];
    let blocks = compute_all(&several, scheduler).unwrap_or_else(|error| panic!("{}", chain(&error)));
    let expected = [
        naive::reduce(&values, &[0], false, sum),
        naive::reduce(&values, &[1], false, sum),
        naive::slice(&values, &s![1, ..]),
    ];
    for (found, expected) in blocks.iter().zip(&expected) {
        assert_block_eq(found, &Block::from_ndarray(expected.view()), "several results");
    }

    let random = built(random::default_rng(Some(1)).random(&[50, 40], [7, 9]));
    let first = random.compute_with(scheduler).unwrap_or_else(|error| panic!("{}", chain(&error)));
    let again = random.compute_with(scheduler).unwrap_or_else(|error| panic!("{}", chain(&error)));
    assert_block_eq(&first, &again, "random values are the same again");
}

fn check_stores(scheduler: &dyn Scheduler) {
    let values = iota(&[9, 11]);
    let sink = Arc::new(MemorySink::with_chunks([4usize, 5]));
    let result = store(&(source(&values) * 2.0), sink.clone(), scheduler);
    result.unwrap_or_else(|error| panic!("{}", chain(&error)));
    let expected = naive::map(&values, |value| value * 2.0);
    let found = sink.published().expect("what is stored is published");
    assert_block_eq(&found, &Block::from_ndarray(expected.view()), "what is stored");

    let sink = Arc::new(MemorySink::with_chunks([4usize, 5]).fails_at(0));
    let error = store(&source(&values), sink.clone(), scheduler).expect_err("a sink that fails");
    assert!(chain(&error).contains("no room left"), "the sink's error is told: {}", chain(&error));
    assert_eq!(
        (sink.state(), sink.published().is_none()),
        (SinkState::Aborted, true),
        "a failed run gives up"
    );
}

fn check_errors(scheduler: &dyn Scheduler) {
    let values = Block::from_ndarray(iota(&[9, 9]).view());
    let source = CountingSource::new(values, 3).expect("chunks of 3 fit").fail_at(&[4, 7]);
    let array = source.array().expect("a source") + 1.0;
    let error = array.compute_with(scheduler).expect_err("a source that fails");
    match &error {
        Error::Task { op, region, source_uri, .. } => {
            assert!(!op.is_empty() && !region.is_empty(), "operation and region: {error}");
            assert_eq!(source_uri.as_deref(), Some(source.log().uri()), "the source: {error}");
        }
        other => panic!("the error says in which task it happened, not {other:?}"),
    }
    assert!(chain(&error).contains("element [4, 7] is damaged"), "the cause is told: {}", chain(&error));
    let elsewhere =
        array.slice(s![..3, ..]).and_then(|part| part.sum(())).map(|sum| sum.compute_with(scheduler));
    assert!(matches!(elsewhere, Ok(Ok(_))), "what does not touch the damage is computed");

    let x = Array::from_ndarray(iota(&[20]).view()).expect("an array in memory");
    let panics = built(x.map_elements(|value: f64| {
        assert!(value < 15.0, "fifteen is too much");
        value
    }));
    let error = panics.compute_with(scheduler).expect_err("a function that panics");
    let told = chain(&error);
    let is_refused = told.contains("make it an operation");
    assert!(is_refused || told.contains("fifteen is too much"), "the panic's message is told: {told}");

    let panics = built(Array::apply(Fragile, &[&x]));
    let error = panics.compute_with(scheduler).expect_err("an operation that panics");
    assert!(chain(&error).contains("nineteen is too much"), "the panic's message is told: {}", chain(&error));
    let part = built(panics.slice(s![..15]));
    assert!(part.compute_with(scheduler).is_ok(), "and the scheduler goes on afterwards");
}

/// What cannot be written at first, and then can.
fn check_retries(scheduler: &dyn Scheduler) {
    if scheduler.policy().retries == Retries::none() {
        return;
    }
    let sink = Arc::new(MemorySink::with_chunks([3usize, 3]).on_write(|number| match number {
        1 | 2 => Err(Error::io("a slow place", "no answer in time", std::io::Error::from(TimedOut))),
        _ => Ok(()),
    }));
    let values = iota(&[6, 6]);
    let result = store(&source(&values), sink.clone(), scheduler);
    result.unwrap_or_else(|error| panic!("a failure that passes: {}", chain(&error)));
    let found = sink.published().expect("what is stored is published");
    assert_block_eq(&found, &Block::from_ndarray(values.view()), "what was written again");
}

/// An operation that breaks.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Fragile;

#[typetag::serde(name = "brickwork_testkit::Fragile")]
impl Operation for Fragile {
    fn name(&self) -> String {
        "fragile".into()
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        Ok(vec![inputs[0].clone()])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Elementwise(self)
    }
}

impl Elementwise for Fragile {
    fn apply(&self, inputs: &[Tile<'_>], out: &mut TileMut<'_>) {
        match inputs[0].get::<f64>() {
            Operand::Slice(values) => {
                assert!(values.iter().all(|&value| value < 19.0), "nineteen is too much");
                out.get::<f64>().copy_from_slice(values);
            }
            Operand::Scalar(value) => out.get::<f64>().fill(value),
        }
    }
}

fn check_cancellation(scheduler: &dyn Scheduler) {
    let token = scheduler.cancel_token();
    let sink = Arc::new(MemorySink::with_chunks([3usize, 3]).on_write(move |number| {
        if number == 0 {
            token.cancel();
        }
        Ok(())
    }));
    let result = store(&source(&iota(&[12, 12])), sink.clone(), scheduler);
    // A run whose last write asks for the stop may be done before anybody looks.
    let writes = sink.writes();
    match result {
        Err(error) => {
            assert!(chain(&error).contains("cancelled"), "a cancelled run says so: {}", chain(&error));
            assert!(sink.published().is_none(), "a cancelled run publishes nothing");
        }
        Ok(()) => assert!(writes > 0, "a run that went on to its end"),
    }
    let error = iota_sum(scheduler).expect_err("a cancelled scheduler runs nothing");
    assert!(matches!(error, Error::Cancelled), "{error}");
}

fn iota_sum(scheduler: &dyn Scheduler) -> Result<Block> {
    Array::from_ndarray(iota(&[10]).view())?.sum(())?.compute_with(scheduler)
}

#[cfg(test)]
mod tests {
    use brickwork_sched::{Synchronous, Threads};

    use super::*;

    #[test]
    fn our_own_schedulers_pass() {
        check_scheduler(&Synchronous::new());
        check_scheduler(&Synchronous::new().forced(|options| options.forced_cell = Some(5)));
        for threads in [1, 2, 7] {
            check_scheduler(&Threads::new(threads));
            let retries = Retries::new(4).pausing(std::time::Duration::from_millis(1));
            let small = |options: &mut brickwork_core::plan::PlanOptions| options.forced_cell = Some(9);
            check_scheduler(&Threads::new(threads).forced(small).retries(retries));
        }
    }
}
