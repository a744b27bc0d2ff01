//! What this crate adds works in worker processes. These are this program again, so it has a main of its own.

use std::sync::Arc;

use brickwork_downstream::{TextSink, Wave, largest_neighbour, logistic, wave};
use brickwork_sched::{Compute, Processes, Synchronous, store, worker_main};
use brickwork_testkit::{assert_block_eq, in_processes};

fn main() {
    worker_main();
    let x = wave(Wave { records: 12, length: 40, broken: None }).unwrap();
    let mean = x.mean(0).unwrap();
    let y = logistic(&(largest_neighbour(&x, 2).unwrap() - mean), 1.5).unwrap();
    let expected = y.compute_with(&Synchronous::new()).unwrap();
    for configuration in in_processes() {
        let found = y.compute_with(configuration.scheduler()).unwrap();
        assert_block_eq(&found, &expected, configuration.name());
        // Its sink is one of this process: workers hand it what they make.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let array = y.rechunk([5, 16]).unwrap();
        store(&array, Arc::new(TextSink::new(&path)), configuration.scheduler()).unwrap();
        let mut count = 0;
        for (region, values) in TextSink::read(&path).unwrap().expect("an index") {
            assert_eq!(expected.slice(&region).to_vec::<f64>(), values, "{configuration:?}: {region}");
            count += values.len();
        }
        assert_eq!(count, 12 * 40, "{configuration:?}");
    }

    let broken = wave(Wave { records: 12, length: 40, broken: Some(7) }).unwrap();
    let error = (&broken + 1.0).compute_with(&Processes::new().workers(2).threads(1)).unwrap_err();
    let brickwork_core::Error::Task { source_uri, .. } = &error else { panic!("{error:?}") };
    assert!(source_uri.is_some(), "{error}");
}
