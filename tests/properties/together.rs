//! Several results of one source in one run, stored and collected: what one of them makes the plan do (share a pass,
//! hold a part, ride along) must not be seen in the others.

use std::sync::Arc;

use brickwork::Array;
use brickwork_core::plan::Request;
use brickwork_core::{Block, Lazy};
use brickwork_ops::Index;
use brickwork_testkit::{CountingSource, MemorySink, naive, quarters, some_configurations, strategies};
use ndarray::ArrayD;
use proptest::prelude::*;

use crate::CASES;

/// A shape, and items of some slices of it.
fn shape_and_slices() -> impl Strategy<Value = (Vec<usize>, Vec<Vec<Index>>)> {
    strategies::full_shape(1..=3).prop_flat_map(|shape| {
        let slices = prop::collection::vec(strategies::items(&shape), 1..4);
        (Just(shape), slices)
    })
}

proptest! {
    #![proptest_config(strategies::config(2 * CASES))]

    #[test]
    fn results_of_one_source_do_not_disturb_each_other(
        (shape, slices) in shape_and_slices(), stored: u8, chunk in 1usize..7, choice: u64,
    ) {
        let values = quarters(&shape, choice);
        let chunks: Vec<usize> = shape.iter().map(|&len| chunk.min(len)).collect();
        let x = CountingSource::new(Block::from_ndarray(values.view()), chunks.as_slice()).unwrap().array().unwrap();
        let sum = |group: &[f64]| group.iter().sum::<f64>() + 0.0;
        let mut wanted: Vec<(Array, ArrayD<f64>)> = vec![
            (x.sum(0).unwrap(), naive::reduce(&values, &[0], false, sum)),
            (x.cumsum(Some(0), None).unwrap(), naive::cumsum(&values, 0).mapv(|value| value + 0.0)),
        ];
        for items in &slices {
            wanted.push((x.slice(items).unwrap(), naive::slice(&values, items)));
        }
        for configuration in some_configurations(4, choice) {
            let mut sinks: Vec<Option<Arc<MemorySink>>> = Vec::new();
            let mut requests = Vec::new();
            for (k, (array, _)) in wanted.iter().enumerate() {
                let value = array.value().clone();
                if stored >> k & 1 == 0 {
                    sinks.push(None);
                    requests.push(Request::Collect(value));
                } else {
                    let sink = Arc::new(MemorySink::with_chunks(1 + (choice >> (8 * k)) as usize % 5));
                    sinks.push(Some(sink.clone()));
                    requests.push(Request::Store(value, sink));
                }
            }
            let outcome = configuration.scheduler().run(&requests).unwrap();
            for (k, (_, expected)) in wanted.iter().enumerate() {
                let block = match &sinks[k] {
                    Some(sink) => sink.published().unwrap(),
                    None => outcome.blocks[k].clone().unwrap(),
                };
                prop_assert_eq!(block.shape(), expected.shape());
                let expected: Vec<f64> = expected.iter().copied().collect();
                prop_assert_eq!(block.to_vec::<f64>(), expected, "result {} of {:?}, {}", k, slices, configuration.name());
            }
        }
    }
}
