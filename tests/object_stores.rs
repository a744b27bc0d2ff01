//! Runs that read from and write to object stores: requests go ahead of the computation, inside the budget and a cap;
//! results do not depend on what the network does; a failed run never looks whole.

use std::sync::Arc;
use std::time::Duration;

use brickwork::cloud::{MAX_REQUESTS, register};
use brickwork::{Array, Output, SinkOptions, Synchronous, Threads, store_outputs, store_with};
use brickwork::{Scheduler, s};
use brickwork_core::{Block, ChunkSpec};
use brickwork_ops::memory::from_block;
use brickwork_sched::Compute;
use brickwork_testkit::{FaultyStore, Meets, S3Server, noise};
use object_store::memory::InMemory;

const LATENCY: Duration = Duration::from_millis(50);

fn values(shape: &[usize]) -> (Block, Array) {
    let block = Block::from_ndarray(noise(shape, 7).view());
    let array = from_block(block.clone(), &ChunkSpec::from(50)).unwrap();
    (block, array)
}

fn options(chunks: &[usize]) -> SinkOptions {
    SinkOptions {
        chunks: Some(ChunkSpec::from(chunks)),
        codec: Some("none".into()),
        ..SinkOptions::default()
    }
}

/// A store of this name that holds `x.zarr` of 80 chunks, and the array.
fn stored(name: &str) -> (Arc<InMemory>, Array) {
    let inner = Arc::new(InMemory::new());
    register(&format!("memory://{name}"), inner.clone()).unwrap();
    let (_, array) = values(&[400, 500]);
    let uri = format!("memory://{name}/x.zarr");
    store_with(&array, &uri, &options(&[50, 50]), &Synchronous::new()).unwrap();
    (inner, array)
}

#[test]
fn requests_run_ahead_of_the_computation_and_none_is_made_twice() {
    let (inner, array) = stored("ahead");
    let expected = array.sum(0).unwrap().compute().unwrap().to_vec::<f64>();
    for scheduler in [&Synchronous::new() as &dyn Scheduler, &Threads::new(2)] {
        let slow = FaultyStore::new(inner.clone(), LATENCY, |_, _| Meets::Nothing);
        register("memory://slow", slow.clone()).unwrap();
        let x = brickwork::open("memory://slow/x.zarr").unwrap();
        let opened = slow.requests();
        let sums = x.sum(0).unwrap().compute_with(scheduler).unwrap();
        assert_eq!(sums.to_vec::<f64>(), expected);
        assert_eq!(slow.requests() - opened, 80, "every chunk once");
        // With so many under way the latency of each hardly counts.
        let most = slow.most_under_way();
        assert!((MAX_REQUESTS / 2..=MAX_REQUESTS).contains(&most), "{most} requests under way");
    }
}

#[test]
fn only_what_a_slice_needs_is_asked_for() {
    let (inner, array) = stored("slices");
    let counted = FaultyStore::new(inner, Duration::ZERO, |_, _| Meets::Nothing);
    register("memory://counted", counted.clone()).unwrap();
    let x = brickwork::open("memory://counted/x.zarr").unwrap();
    let opened = counted.requests();
    let corner =
        |x: &Array| x.slice(s![..120, 10]).unwrap().compute_with(&Threads::new(2)).unwrap().to_vec::<f64>();
    assert_eq!(corner(&x), corner(&array));
    assert_eq!(counted.requests() - opened, 3);
}

#[test]
fn a_small_budget_bounds_what_is_under_way() {
    let (inner, array) = stored("small");
    let x_t = |x: &Array| (x + 1.0).slice(s![..;2]).unwrap().mean(1).unwrap();
    let expected = x_t(&array).compute().unwrap().to_vec::<f64>();
    let mut most = Vec::new();
    for memory in [3_000_000, 64 << 20] {
        let slow = FaultyStore::new(inner.clone(), Duration::from_millis(5), |_, _| Meets::Nothing);
        register("memory://budget", slow.clone()).unwrap();
        let x = brickwork::open("memory://budget/x.zarr").unwrap();
        let means = x_t(&x).compute_with(&Threads::new(2).memory(memory)).unwrap();
        assert_eq!(means.to_vec::<f64>(), expected, "{memory}");
        most.push(slow.most_under_way());
    }
    assert!(most[0] < most[1] && most[1] <= MAX_REQUESTS, "{most:?}");
}

#[test]
fn results_do_not_depend_on_what_the_network_does() {
    let (inner, array) = stored("moody");
    let work = |x: &Array| (x - x.mean(0).unwrap()).slice(s![5.., ..;3]).unwrap();
    let expected = work(&array).compute().unwrap().to_vec::<f64>();
    for (k, meets) in [Meets::Reset, Meets::CutOff].into_iter().enumerate() {
        let moody = FaultyStore::new(inner.clone(), Duration::from_millis(1), move |number, _| {
            if (number + k) % 6 == 0 { meets } else { Meets::Nothing }
        });
        register("memory://moody2", moody).unwrap();
        let x = brickwork::open("memory://moody2/x.zarr").unwrap();
        let out = SinkOptions { overwrite: true, ..options(&[30, 40]) };
        store_with(&work(&x), "memory://moody2/y.zarr", &out, &Threads::new(2)).unwrap();
        let y = brickwork::open("memory://moody2/y.zarr").unwrap();
        assert_eq!(y.compute().unwrap().to_vec::<f64>(), expected, "{meets:?}");
    }
}

#[test]
fn a_failed_run_leaves_nothing_that_looks_whole_and_says_what_is_lost() {
    let (inner, array) = stored("failing");
    let failing = FaultyStore::new(inner, Duration::ZERO, |number, writes| {
        if writes && number > 30 { Meets::Refusal } else { Meets::Nothing }
    });
    register("memory://failing", failing).unwrap();
    let run = |uri: &str, overwrite: bool| {
        let options = SinkOptions { overwrite, ..options(&[50, 50]) };
        let error = store_with(&array, uri, &options, &Threads::new(2)).unwrap_err();
        (error.to_string(), std::error::Error::source(&error).map(ToString::to_string))
    };
    let (text, _) = run("memory://failing/new.zarr", false);
    assert!(text.contains("access is refused (403)"), "{text}");
    let error = brickwork::open("memory://failing/new.zarr").unwrap_err().to_string();
    assert!(error.contains("there is no such object"), "{error}");
    let (text, cause) = run("memory://failing/x.zarr", true);
    assert!(text.contains("the array that was there is gone"), "{text}");
    assert!(cause.is_some_and(|cause| cause.contains("(403)")));
    assert!(brickwork::open("memory://failing/x.zarr").is_err());
}

#[test]
fn an_array_is_not_replaced_by_what_is_read_from_it() {
    let _ = stored("itself");
    let x = brickwork::open("memory://itself/x.zarr").unwrap();
    let y = &x + 1.0;
    let output = Output {
        options: SinkOptions { overwrite: true, ..SinkOptions::default() },
        ..Output::new(&y, "memory://itself/x.zarr")
    };
    let error = store_outputs(&[output], &Synchronous::new()).unwrap_err().to_string();
    assert!(error.contains("is read by the same expression"), "{error}");
    assert!(brickwork::open("memory://itself/x.zarr").is_ok());
}

#[test]
fn a_whole_run_goes_from_s3_to_s3() {
    let server = S3Server::start(&["lab"]);
    brickwork::cloud::configure("s3://lab", server.settings()).unwrap();
    let (block, array) = values(&[130, 110]);
    let threads = Threads::new(2);
    store_with(&array, "s3://lab/in.zarr#/a/x", &options(&[40, 30]), &threads).unwrap();
    let x = brickwork::open("s3://lab/in.zarr#/a/x").unwrap();
    let t = x.t();
    store_with(&t, "s3://lab/out.zarr", &SinkOptions::default(), &threads).unwrap();
    let back = brickwork::open("s3://lab/out.zarr").unwrap().t().compute().unwrap();
    assert_eq!(back.to_vec::<f64>(), block.to_vec::<f64>());
}
