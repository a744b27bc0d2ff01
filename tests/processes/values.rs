//! The same bits as under every other scheduler.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use brickwork::core::plan::nodes;
use brickwork::prelude::*;
use brickwork::{
    Array, Event, Lazy, Observer, Output, Processes, Retries, Scheduler, SinkOptions, SpillCodec,
    Synchronous, Threads, compute_all, greater, random, store_all,
};
use brickwork_testkit::{
    Configuration, MemorySink, assert_array_eq_in, assert_block_eq, check_scheduler, in_processes, iota,
};

use crate::catalogue::expressions;
use crate::misbehaves::{How, misbehaving};
use crate::watch::{assert_no_children, children};

/// Two workers of two threads.
pub fn processes() -> Processes {
    Processes::new().workers(2).threads(2).memory(200 << 20)
}

/// The workers of the configurations that are kept.
pub fn kept_workers() -> Vec<u32> {
    KEPT.get().map(Processes::idle_workers).unwrap_or_default()
}

static KEPT: std::sync::OnceLock<Processes> = std::sync::OnceLock::new();

/// Workers that stay for all tests that kill nobody.
fn kept() -> Processes {
    KEPT.get_or_init(processes).clone()
}

pub fn the_scheduler_passes_the_suite() {
    let pauses = Retries::new(4).pausing(std::time::Duration::from_millis(1));
    check_scheduler(&processes());
    check_scheduler(&processes().forced(|options| options.forced_cell = Some(9)).retries(pauses));
    check_scheduler(&Processes::new().workers(1).threads(1).memory_limit("64MB"));
    check_scheduler(&Processes::new().workers(3).threads(2).forced(|options| options.forced_spill = true));
}

pub fn every_operation_gives_the_same_bits() {
    let configurations = vec![
        Configuration::new(
            "2 threads, cells of 7",
            Threads::new(2).forced(|options| options.forced_cell = Some(7)),
        ),
        Configuration::new("processes", kept()),
        Configuration::new(
            "processes, odd",
            kept().forced(|options| {
                (options.forced_cell, options.forced_patch) = (Some(100), Some(64));
            }),
        ),
        Configuration::new(
            "processes, spilled",
            kept().forced(|options| {
                (options.forced_spill, options.forced_cell) = (true, Some(500));
                options.spill_codec = SpillCodec::Lz4;
            }),
        ),
    ];
    let mut met = BTreeSet::new();
    for (name, array) in expressions() {
        let expected =
            array.compute_with(&Synchronous::new()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_array_eq_in(&array, &expected, &configurations);
        met.extend(nodes(&[array.value().clone()]).iter().map(|node| tag(node.op().as_ref())));
    }
    let missing: Vec<String> = known_operations().into_iter().filter(|name| !met.contains(name)).collect();
    assert!(missing.is_empty(), "no expression of the catalogue has {missing:?}");
}

/// The name under which an operation is sent.
fn tag(operation: &dyn brickwork::Operation) -> String {
    let written = brickwork_testkit::operation_tag(operation);
    written.unwrap_or_else(|| panic!("{} has a name as data", operation.name()))
}

/// The names of all operations with a file of their own, as the sources say: but for closures, and what only planning
/// puts in.
fn known_operations() -> Vec<String> {
    const ELSEWHERE: [&str; 3] = ["MapOverlap", "MapBlocks", "MapElements"];
    const BY_PLANNING: [&str; 6] =
        ["Offsets", "Compress", "SegmentSums", "SegmentOffsets", "SegmentScan", "Selected"];
    let mut found = Vec::new();
    let mut open = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/ops/src")];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(&path).expect("sources").flatten().map(|entry| entry.path()));
            continue;
        }
        let text = fs::read_to_string(&path).unwrap_or_default();
        for rest in text.split("typetag::serde(name = \"brickwork_ops::").skip(1) {
            let name = rest.split('"').next().unwrap_or_default();
            let is_known = ELSEWHERE.contains(&name) || BY_PLANNING.contains(&name) || name.contains("::");
            if !is_known {
                found.push(format!("brickwork_ops::{name}"));
            }
        }
    }
    assert!(found.len() > 30, "the sources are there");
    found
}

pub fn the_tour_gives_the_same_bits() {
    let x = random::default_rng(Some(42)).random(&[600, 600], [100, 100]).unwrap();
    let y = (&x + x.t()).slice(s![..;2, 300..]).unwrap().mean(1).unwrap();
    let expected = y.compute_with(&Synchronous::new()).unwrap();
    for (workers, threads) in [(1, 4), (4, 1), (2, 4)] {
        let scheduler = Processes::new().workers(workers).threads(threads).memory_limit("1GB");
        let name = format!("{workers} × {threads}");
        let found = y.compute_with(&scheduler).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_block_eq(&found, &expected, &name);
        assert!(children(std::process::id()).len() >= scheduler.idle_workers().len());
    }
    assert_no_children("when the schedulers are gone");
}

pub fn arrays_in_memory_are_lent() {
    let large: Vec<f64> = (0..400_000).map(|i| f64::from(i) / 3.0).collect();
    let x = Array::from_vec(large, &[400, 1000]).unwrap();
    let turned = Array::from_ndarray(
        ndarray::Array2::from_shape_fn((50, 70), |(i, j)| (i * j) as f32).reversed_axes(),
    );
    let small = Array::from_vec(vec![1i64, 2, 3], &[3, 1]).unwrap();
    let mean = x.mean(0).unwrap();
    let turned = turned.unwrap();
    for array in [&x - mean, turned.sum(0).unwrap(), &small * 2, small.broadcast_to(&[3, 4]).unwrap()] {
        let expected = array.compute_with(&Synchronous::new()).unwrap();
        assert_array_eq_in(&array, &expected, &in_processes());
        assert_array_eq_in(&array, &expected, &[Configuration::new("kept", kept())]);
    }
}

pub fn stores_are_written_by_the_workers() {
    let folder = tempfile::tempdir().unwrap();
    let x = random::default_rng(Some(7)).random(&[100, 90], [30, 30]).unwrap();
    let expected = (&x * 2.0).compute_with(&Synchronous::new()).unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let scheduler = kept().forced(|options| options.forced_cell = Some(900));
    let memory = Arc::new(MemorySink::with_chunks([30usize, 30]));
    let sinks: Vec<(String, Arc<dyn brickwork::Sink>)> = vec![
        (path("x.npy"), brickwork::create(&path("x.npy"), &Default::default()).unwrap()),
        (path("x.zarr"), brickwork::create(&path("x.zarr"), &Default::default()).unwrap()),
        (String::new(), memory.clone()),
    ];
    let doubled = &x * 2.0;
    let all: Vec<_> =
        sinks.iter().map(|(_, sink)| (&doubled as &dyn brickwork::Lazy, sink.clone())).collect();
    assert!(sinks[0].1.writer().is_none(), "before it is created there is nothing to write to");
    store_all(&all, &scheduler).unwrap();
    for name in ["x.npy", "x.zarr"] {
        let found = open(&path(name)).unwrap();
        assert_array_eq_in(&found, &expected, &[Configuration::new("read by processes", kept())]);
    }
    assert_block_eq(&memory.published().unwrap(), &expected, "in memory");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing else is left");
}

pub fn late_stages_go_on_in_the_same_workers() {
    let x = random::default_rng(Some(5)).random(&[300, 40], [50, 40]).unwrap();
    let chosen = x.select(&greater(&x, 0.7).unwrap()).unwrap();
    let sorted =
        [chosen.slice(s![5..500;3]).unwrap(), chosen.sum(()).unwrap(), x.cumsum(None, None).unwrap()];
    let expected = compute_all(&sorted, &Synchronous::new()).unwrap();
    let found = compute_all(&sorted, &kept().forced(|options| options.forced_cell = Some(333))).unwrap();
    for (found, expected) in found.iter().zip(&expected) {
        assert_block_eq(found, expected, "late");
    }
}

pub fn functions_are_refused_with_the_way_out() {
    let x = Array::from_ndarray(iota(&[20]).view()).unwrap();
    let sink = Arc::new(MemorySink::new());
    let squares = x.map_elements(|value: f64| value * value).unwrap();
    let error =
        brickwork::store_all(&[(&squares as &dyn brickwork::Lazy, sink.clone())], &kept()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("map_elements") && text.contains("make it an operation"), "{text}");
    assert_eq!(sink.state(), brickwork_testkit::SinkState::New, "and nothing is touched");
    assert_eq!(sink.writes(), 0);
}

pub fn several_runs_share_workers() {
    let scheduler = processes();
    let x = random::default_rng(Some(1)).random(&[200, 200], [50, 50]).unwrap();
    let expected = x.sum(0).unwrap().compute_with(&Synchronous::new()).unwrap();
    let first = x.sum(0).unwrap().compute_with(&scheduler).unwrap();
    assert_block_eq(&first, &expected, "the first");
    let workers: BTreeSet<u32> = scheduler.idle_workers().into_iter().collect();
    let again = x.sum(0).unwrap().compute_with(&scheduler).unwrap();
    assert_block_eq(&again, &expected, "the second");
    let later: BTreeSet<u32> = scheduler.idle_workers().into_iter().collect();
    assert!(!workers.is_empty() && workers.is_subset(&later), "they are the same");
    // Two runs at once.
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                assert_block_eq(&x.sum(0).unwrap().compute_with(&scheduler).unwrap(), &expected, "at once");
            });
        }
    });
    assert!(scheduler.options().memory > 0);
}

/// Counts tasks that end.
#[derive(Debug, Default)]
struct Ended(AtomicUsize);

impl Observer for Ended {
    fn event(&self, event: &Event<'_>) {
        if matches!(event, Event::TaskFinished { .. }) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

pub fn a_stopped_run_is_resumed() {
    for target in ["out.npy", "out.zarr", "out.h5#/x"] {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join(target).display().to_string();
        let x = Array::from_ndarray(iota(&[100, 10]).view()).unwrap();
        // Fails near its end, once.
        let once = Some(folder.path().join("died"));
        let y = misbehaving(&x, How::Dies, 905.0, once).rechunk([10, 10]).unwrap();
        let options = SinkOptions { resume: true, ..SinkOptions::default() };
        let output = || Output { options: options.clone(), ..Output::new(&y, &place) };
        let ended = Arc::new(Ended::default());
        let small = processes()
            .workers(1)
            .threads(1)
            .losses(1)
            .forced(|options| (options.forced_cell, options.forced_patch) = (Some(100), Some(100)))
            .observer(ended.clone());
        small.run(&brickwork::requests(&[output()]).unwrap()).unwrap_err();
        assert!(brickwork::open(&place).is_err(), "{target} is not whole yet");
        let before = ended.0.swap(0, Ordering::Relaxed);
        assert!((5..10).contains(&before), "{target}: {before} tasks");
        small.run(&brickwork::requests(&[output()]).unwrap()).unwrap();
        let rest = ended.0.load(Ordering::Relaxed);
        assert!(rest <= 10 - before, "{target}: {rest} tasks after {before}");
        let found = brickwork::open(&place).unwrap().compute().unwrap();
        assert_block_eq(&found, &x.compute().unwrap(), target);
    }
}
