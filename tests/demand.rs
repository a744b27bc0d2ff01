//! Nothing outside the demand is read, shared work is done once, and the plan says beforehand what it will be.

use std::sync::Arc;

use brickwork::{Array, Scheduler, Synchronous, Threads, compute_all, greater, s};
use brickwork_core::eval::Counts;
use brickwork_core::plan::Request;
use brickwork_core::{Block, Region};
use brickwork_sched::{Compute, explain, store};
use brickwork_testkit::{CountingSource, MemorySink, ReadLog, RefusingScheduler, noise, strategies};
use proptest::prelude::*;

fn by_chunk(shape: &[usize], chunk: usize) -> (Array, Arc<ReadLog>) {
    let source = CountingSource::new(Block::from_ndarray(noise(shape, 1).view()), chunk).unwrap();
    (source.array().unwrap(), source.log())
}

fn by_element(shape: &[usize]) -> (Array, Arc<ReadLog>) {
    let source = CountingSource::new(Block::from_ndarray(noise(shape, 1).view()), 10).unwrap().by_element();
    (source.array().unwrap(), source.log())
}

/// Runs a computation and returns what was counted.
fn counts(arrays: &[Array], scheduler: &dyn Scheduler) -> Counts {
    let requests: Vec<Request> =
        arrays.iter().map(|array| Request::Collect(brickwork::Lazy::value(array).clone())).collect();
    scheduler.run(&requests).unwrap().counts
}

#[test]
fn slice_of_a_mean_reads_only_its_columns() {
    let (x, log) = by_element(&[40, 300]);
    let some = x.mean(0).unwrap().slice(s![..;100]).unwrap();
    some.compute_with(&Threads::new(2)).unwrap();
    assert_eq!(log.elements(), 40 * 3);
    let times = log.times_read();
    assert!((0..times.len()).all(|at| times[at] == usize::from(at % 300 % 100 == 0)));

    let (x, log) = by_chunk(&[40, 300], 10);
    let some = x.mean(0).unwrap().slice(s![..;100]).unwrap();
    some.compute_with(&Threads::new(2)).unwrap();
    assert_eq!(log.granules(), 4 * 3, "the chunks of three columns, each once");
}

#[test]
fn generators_make_only_what_is_asked_for() {
    let x = brickwork::random::default_rng(Some(1)).normal(10.0, 0.1, &[200, 200], [10, 10]).unwrap();
    let some = x.mean(0).unwrap().slice(s![..;100]).unwrap();
    assert_eq!(counts(&[some], &Synchronous::new()).elements_generated, 200 * 2);
}

#[test]
fn little_memory_does_not_cut_folds_across_chunks() {
    // Cells of whole leaves and whole chunks are 2000 × 500: larger than the budget, but what they fold to is not.
    let (x, log) = by_chunk(&[2000, 500], 500);
    let folds = [x.mean(0).unwrap(), x.std(0).unwrap()];
    for memory in [7, 10] {
        log.reset();
        compute_all(&folds, &Synchronous::new().memory(memory << 20)).unwrap();
        assert_eq!(log.granules(), 4, "{memory} MiB");
        assert!(log.times_read().iter().all(|&times| times == 1), "{memory} MiB");
    }
    // In less, chunks are read again, and the plan says so.
    let figures = |memory: usize| {
        let requests: Vec<Request> =
            folds.iter().map(|fold| Request::Collect(brickwork::Lazy::value(fold).clone())).collect();
        let options = Synchronous::new().memory(memory << 20).options();
        brickwork_core::plan::plan(&requests, &options).unwrap().stages[0].figures
    };
    assert!(!figures(7).at_least);
    assert!(figures(5).at_least);
    assert_eq!(figures(5).bytes_read, figures(7).bytes_read);
}

#[test]
fn two_means_of_one_array_read_it_once() {
    let (x, log) = by_chunk(&[60, 70], 7);
    for scheduler in [&Synchronous::new() as &dyn Scheduler, &Threads::new(2)] {
        log.reset();
        compute_all(&[x.mean(0).unwrap(), x.mean(1).unwrap()], scheduler).unwrap();
        assert_eq!(log.granules(), 9 * 10);
        assert!(log.times_read().iter().all(|&times| times == 1));
    }
}

#[test]
fn several_results_of_one_array_read_it_once() {
    let (x, log) = by_chunk(&[60, 70], 10);
    let results = [x.sum(()).unwrap(), x.mean(0).unwrap(), x.std(1).unwrap(), (&x + 1.0).max(()).unwrap()];
    compute_all(&results, &Synchronous::new()).unwrap();
    assert!(log.times_read().iter().all(|&times| times == 1), "{:?}", log);
}

#[test]
fn the_mean_of_selected_elements_is_one_pass() {
    let (x, log) = by_chunk(&[50, 40], 9);
    let selected = x.select(&greater(&x, 0.0).unwrap()).unwrap();
    selected.mean(()).unwrap().compute_with(&Threads::new(2)).unwrap();
    assert_eq!(log.elements(), 50 * 40);
    log.reset();
    (selected * 2.0).sum(()).unwrap().compute_with(&Synchronous::new()).unwrap();
    assert_eq!(log.elements(), 50 * 40);
}

#[test]
fn a_standardised_strip_is_read_once() {
    let (x, log) = by_chunk(&[50, 40], 10);
    let y = (&x - x.mean(0).unwrap()) / x.std(0).unwrap();
    y.compute_with(&Synchronous::new().memory(64 << 20)).unwrap();
    assert_eq!(log.granules(), 5 * 4);
}

#[test]
fn thirty_differences_take_about_thirty_kernels_a_patch() {
    let x = Array::from_ndarray(noise(&[4000], 1).view()).unwrap();
    let mut y = &x * 1.5;
    for _ in 0..30 {
        y = y.slice(s![1..]).unwrap() - y.slice(s![..-1]).unwrap();
    }
    for fuse in [true, false] {
        let scheduler = Synchronous::new().forced(|options| {
            options.fuse = fuse;
            options.forced_patch = Some(1000);
            options.forced_cell = Some(4000);
        });
        let counted = counts(&[y.clone()], &scheduler);
        let patches = 4;
        assert!(counted.kernels <= patches * 3 * 32, "{} kernels, fuse {fuse}", counted.kernels);
        // Every patch of 1000 is computed with 30 more for the first difference, 29 for the second, …
        assert!(counted.elements_computed <= 32 * (4000 + 30 * patches), "{counted:?}");
    }
}

#[test]
fn a_damaged_chunk_outside_the_demand_does_no_harm() {
    let source =
        CountingSource::new(Block::from_ndarray(noise(&[20, 20], 1).view()), 5).unwrap().fail_at(&[12, 12]);
    let x = source.array().unwrap();
    let beside = x.slice(s![..10, ..]).unwrap();
    let around = brickwork::assemble::concatenate(&[beside, x.slice(s![15.., ..]).unwrap()], 0).unwrap();
    around.transpose(None).unwrap().sum(0).unwrap().compute_with(&Threads::new(2)).unwrap();
    x.take(vec![0, 19, 19, 3], 1).unwrap().compute_with(&Threads::new(2)).unwrap();
    assert!(x.compute_with(&Synchronous::new()).is_err());
}

#[test]
fn a_gather_reads_only_the_chunks_of_its_indices() {
    let (x, log) = by_chunk(&[100, 30], 10);
    x.take(vec![95, 3, 4, 3, -100], 0).unwrap().compute_with(&Synchronous::new()).unwrap();
    assert_eq!(log.granules(), 2 * 3);
    log.reset();
    let lazy = Array::from_vec(vec![51i64, 58, 50], &[3]).unwrap();
    x.take(&lazy, 0).unwrap().compute_with(&Synchronous::new()).unwrap();
    assert_eq!(log.granules(), 3);
    log.reset();
    x.diagonal(0, [0, 1]).unwrap().compute_with(&Synchronous::new()).unwrap();
    assert_eq!(log.granules(), 3);
}

#[test]
fn building_and_planning_read_nothing() {
    let (x, log) = by_chunk(&[30, 30], 5);
    let selected = x.select(&greater(&x, 0.0).unwrap()).unwrap();
    let arrays = [
        (&x + x.transpose(None).unwrap()).sum(0).unwrap(),
        x.cumsum(Some(0), None).unwrap(),
        selected.clone(),
        selected.slice(s![3..5]).unwrap(),
        x.std(()).unwrap(),
        x.topk(3, 0).unwrap(),
        x.matmul(&x).unwrap(),
    ];
    let refusing = RefusingScheduler::new();
    for array in &arrays {
        let plan = explain(std::slice::from_ref(array), &refusing).unwrap();
        assert!(plan.explain().contains("stage 0"), "{plan:?}");
        let error = array.compute_with(&refusing).unwrap_err();
        assert!(RefusingScheduler::is_refusal(&error), "{array:?}: {error}");
        let sink = Arc::new(MemorySink::new());
        assert!(store(array, sink.clone(), &refusing).is_err());
        assert!(sink.published().is_none());
    }
    assert_eq!((log.elements(), log.granules()), (0, 0));
}

/// The figures of the plan against the counters of the run.
fn check_figures(array: &Array, scheduler: &dyn Scheduler) {
    let plan = explain(std::slice::from_ref(array), scheduler).unwrap();
    if plan.late.is_some() {
        return;
    }
    let counted = counts(std::slice::from_ref(array), scheduler);
    let read: usize = plan.stages.iter().map(|stage| stage.figures.bytes_read).sum();
    let generated: usize = plan.stages.iter().map(|stage| stage.figures.elements_generated).sum();
    if plan.stages.iter().any(|stage| stage.figures.at_least) {
        assert!(
            counted.bytes_read >= read as u64,
            "{array:?}: {} of {read} read\n{plan:?}",
            counted.bytes_read
        );
    } else {
        assert_eq!(counted.bytes_read, read as u64, "{array:?}: bytes read\n{plan:?}");
        assert_eq!(counted.elements_generated, generated as u64, "{array:?}: elements generated\n{plan:?}");
    }
}

#[test]
fn what_is_read_the_other_way_round_is_read_in_runs() {
    let regions = |shape: &[usize], least: usize| {
        let source = CountingSource::new(Block::from_ndarray(noise(shape, 1).view()), 10).unwrap();
        let source = source.in_runs(least);
        let x = source.array().unwrap();
        (x.transpose(None).unwrap() + 1.0).sum(()).unwrap().compute_with(&Threads::new(2)).unwrap();
        let log = source.log();
        assert_eq!(log.elements(), shape.iter().product::<usize>());
        log.regions()
    };
    let found = regions(&[60, 40, 600], 256);
    assert!(found.len() > 2, "it is cut along the other axes: {found:?}");
    let is_long = |region: &Region| region.axes()[2].len >= 256 || region.axes()[2].bounds().1 == 600;
    assert!(found.iter().all(is_long), "{found:?}");
    // Runs go on where all of the last axis is read.
    let found = regions(&[9000, 8, 10], 80);
    assert!(found.len() > 2 && found.iter().all(|region| region.shape()[1..] == [8, 10]), "{found:?}");
}

#[test]
fn an_array_and_its_transpose_are_both_read_in_runs() {
    // They begin with the same element.
    let source = CountingSource::new(Block::from_ndarray(noise(&[1900, 1500], 1).view()), 1900).unwrap();
    let source = source.in_runs(256);
    let (x, log) = (source.array().unwrap().slice(s![..1500, ..]).unwrap(), source.log());
    (&x + &x.transpose(None).unwrap()).sum(()).unwrap().compute_with(&Threads::new(2)).unwrap();
    let found = log.regions();
    let is_long = |region: &&Region| region.axes()[1].len >= 100 || region.axes()[1].bounds().1 == 1500;
    let in_runs: usize = found.iter().filter(is_long).map(Region::size).sum();
    assert!(in_runs > log.elements() * 9 / 10, "{found:?}");
}

#[test]
fn a_line_of_another_shape_is_read_in_runs() {
    let source = CountingSource::new(Block::from_ndarray(noise(&[1_000_000], 1).view()), 1_000_000).unwrap();
    let source = source.in_runs(256);
    let sums = source.array().unwrap().reshape(&[50, 20, 1000]).unwrap().sum(1).unwrap();
    sums.max(()).unwrap().compute_with(&Threads::new(2)).unwrap();
    let found = source.log().regions();
    assert!(found.iter().all(|region| region.size() >= 256 && region.axes()[0].step == 1), "{found:?}");
    assert_eq!(source.log().elements(), 1_000_000);
    // The other way round, and then a line again.
    source.log().reset();
    let turned = source.array().unwrap().reshape(&[100, 10_000]).unwrap().transpose(None).unwrap();
    turned.reshape(&[-1]).unwrap().compute_with(&Threads::new(2)).unwrap();
    let found = source.log().regions();
    assert!(found.len() < 1_000_000 / 100, "{} reads, {:?}", found.len(), &found[..20]);
    assert!(source.log().elements() < 1_010_000, "a run may be read from its middle on");
}

#[test]
fn parts_of_chunks_are_read_straight_to_their_place() {
    let source = CountingSource::new(Block::from_ndarray(noise(&[60, 400], 1).view()), [7, 150]).unwrap();
    let source = source.in_parts();
    let (x, log) = (source.array().unwrap(), source.log());
    // Parts of whole rows lie one after the other in what is read together.
    let columns = x.slice(s![.., 150..290]).unwrap();
    (columns + 1.0).compute_with(&Synchronous::new()).unwrap();
    let targets = log.targets();
    assert_eq!((log.granules(), targets.len()), (9, 9), "rows 0 to 6, 7 to 13, and so on");
    assert!(targets.windows(2).all(|pair| pair[0].end == pair[1].start), "{targets:?}");
    // Parts side by side do not, and come to their places as well.
    log.reset();
    let all = (x.clone() + 1.0).compute_with(&Synchronous::new()).unwrap();
    assert_eq!(log.elements(), 60 * 400);
    let expected = noise(&[60, 400], 1) + 1.0;
    assert_eq!(all.to_vec::<f64>(), expected.iter().copied().collect::<Vec<f64>>());
}

#[test]
fn what_is_repeated_the_other_way_round_is_read_in_runs() {
    let source = CountingSource::new(Block::from_ndarray(noise(&[60, 40, 600], 1).view()), 10).unwrap();
    let source = source.in_runs(256);
    let turned = source.array().unwrap().transpose(None).unwrap();
    turned.repeat(2, 0).unwrap().sum(()).unwrap().compute_with(&Threads::new(2)).unwrap();
    let found = source.log().regions();
    let is_long = |region: &Region| region.axes()[2].len >= 256 || region.axes()[2].bounds().1 == 600;
    assert!(found.iter().all(is_long), "{found:?}");
}

#[test]
fn what_is_flattened_the_other_way_round_is_read_in_runs() {
    let source = CountingSource::new(Block::from_ndarray(noise(&[60, 40, 600], 1).view()), 10).unwrap();
    let source = source.in_runs(256);
    let log = source.log();
    let flat = source.array().unwrap().transpose(None).unwrap().reshape(&[-1]).unwrap();
    for array in [&flat, &flat.sum(()).unwrap()] {
        log.reset();
        array.compute_with(&Threads::new(2)).unwrap();
        assert_eq!(log.elements(), 60 * 40 * 600);
        let found = log.regions();
        let in_runs: usize =
            found.iter().filter(|region| region.shape()[2] >= 80).map(|region| region.size()).sum();
        assert!(found.len() < 50 && in_runs > log.elements() * 9 / 10, "{found:?}");
    }
}

#[test]
fn long_chunks_keep_all_workers_busy() {
    // An hour is a chunk, and the mean over hours has as many elements as a chunk.
    let hours =
        CountingSource::new(Block::from_ndarray(noise(&[20, 260, 260], 1).view()), [1, 260, 260]).unwrap();
    let (x, log) = (hours.array().unwrap(), hours.log());
    let mean = x.mean(0).unwrap();
    let cases = [
        (mean.clone(), 1, "folded and written"),
        (&mean - 1.0, 1, "folded inside"),
        (&x.max(0).unwrap() - &x.min(0).unwrap(), 1, "two folds of one reading"),
        (&x - &mean, 2, "too few strips"),
    ];
    for (array, times, what) in cases {
        let results = [1, 2, 4].map(|threads| {
            log.reset();
            let scheduler = Threads::new(threads);
            let sink = Arc::new(MemorySink::new());
            let request = Request::Store(brickwork::Lazy::value(&array).clone(), sink.clone());
            let plan = brickwork_core::plan::plan(&[request], &scheduler.options()).unwrap();
            assert!(
                plan.stages[0].num_tasks() >= threads.min(2),
                "{what}, {threads} threads:\n{}",
                plan.explain()
            );
            store(&array, sink.clone(), &scheduler).unwrap();
            // By the plan, as threads that wait in the middle of a chunk may find it gone.
            let planned: usize = plan.stages.iter().map(|stage| stage.figures.bytes_read).sum();
            let times = if threads == 1 { 1 } else { times };
            assert_eq!(planned, times * 20 * 260 * 260 * 8, "{what}, {threads} threads");
            if threads == 1 {
                assert_eq!(log.granules(), 20, "{what}: each chunk once");
            }
            let keeps = !plan.stages[0].local.is_empty();
            assert!(!keeps || what == "too few strips", "{what}: nothing is needed twice");
            sink.published().unwrap().to_vec::<f64>()
        });
        assert!(results.iter().all(|values| *values == results[0]), "{what}");
    }
}

#[test]
fn patches_that_leave_no_room_for_a_cell_are_made_smaller() {
    let source = CountingSource::new(Block::from_ndarray(noise(&[60, 40, 600], 1).view()), 10).unwrap();
    let flat = source.in_runs(256).array().unwrap().transpose(None).unwrap().reshape(&[-1]).unwrap();
    let sum = (flat + 1.0).sum(()).unwrap();
    for memory in [200_000, 2_000_000, 10_000_000, 20_000_000] {
        let threads = Threads::new(2).memory(memory);
        let plan = explain(std::slice::from_ref(&sum), &threads).unwrap();
        let cell = plan.stages[0].grid.max_chunk()[0];
        assert!(cell * 8 * 40 > memory, "cells of {cell} elements in {memory} bytes");
    }
}

#[test]
fn a_flattened_array_is_not_cut_at_edges_that_only_its_first_line_meets() {
    let x = CountingSource::new(Block::from_ndarray(noise(&[200, 300], 1).view()), [40, 50]).unwrap();
    let x = x.array().unwrap();
    let cuts = |array: &Array| {
        let plan = explain(std::slice::from_ref(array), &Threads::new(2)).unwrap();
        plan.stages.last().unwrap().walk.cuts.iter().map(Option::is_some).collect::<Vec<_>>()
    };
    assert_eq!(cuts(&x.sum(()).unwrap()), [true, true]);
    assert_eq!(cuts(&x.reshape(&[-1]).unwrap().sum(()).unwrap()), [false]);
}

#[test]
fn what_all_patches_of_a_fold_need_is_folded_once() {
    let (x, log) = by_element(&[400, 300]);
    let mean = x.mean(0).unwrap();
    let centered = &x - &mean;
    let standard = &centered / &centered.std(0).unwrap();
    let folds: [(Array, usize); 4] = [
        (centered.std(0).unwrap().max(()).unwrap(), 2),
        ((&x - &x.mean(()).unwrap()).std(0).unwrap().max(()).unwrap(), 2),
        (standard.max(0).unwrap().sum(()).unwrap(), 4),
        // Every patch has rows of its own.
        ((&x - &x.mean(1).unwrap().expand_dims(&[1]).unwrap()).std(0).unwrap().max(()).unwrap(), 2),
    ];
    for (fold, times) in folds {
        log.reset();
        let result = fold.compute_with(&Threads::new(2)).unwrap();
        assert!(
            log.elements() <= times * 400 * 300,
            "{} elements, {times} times 120000 at most",
            log.elements()
        );
        let in_tiny_patches = Synchronous::new().forced(|options| options.forced_patch = Some(1000));
        let tiny = fold.compute_with(&in_tiny_patches).unwrap();
        assert_eq!(result.to_vec::<f64>(), tiny.to_vec::<f64>());
    }
}

proptest! {
    #![proptest_config(strategies::config(32))]

    #[test]
    fn figures_of_the_plan_are_those_of_the_run(
        (shape, items) in strategies::shape_and_items(3), chunk in 1usize..6, cell in 1usize..200, which in 0usize..6, elements: bool,
    ) {
        let source = CountingSource::new(Block::from_ndarray(noise(&shape, 1).view()), chunk).unwrap();
        let source = if elements { source.by_element() } else { source };
        let x = source.array().unwrap();
        let y = x.slice(&items).unwrap();
        let array = match which {
            0 => y,
            1 => y.sum(()).unwrap(),
            2 if y.ndim() > 0 => y.mean(0).unwrap(),
            3 => &y * 2.0 + 1.0,
            4 if y.ndim() > 0 => y.cumsum(Some(0), None).unwrap(),
            _ => brickwork::random::default_rng(Some(1)).random(&shape, chunk).unwrap().slice(&items).unwrap().sum(()).unwrap(),
        };
        check_figures(&array, &Synchronous::new());
        check_figures(&array, &Synchronous::new().forced(|options| options.forced_cell = Some(cell)));
    }

    #[test]
    fn a_slice_reads_its_elements_once_each((shape, items) in strategies::shape_and_items(3), cell in 1usize..50) {
        let (x, log) = by_element(&shape);
        let y = x.slice(&items).unwrap();
        (&y + 1.0).compute_with(&Threads::new(2).forced(|options| options.forced_cell = Some(cell))).unwrap();
        prop_assert_eq!(log.elements(), y.size());
        prop_assert!(log.times_read().iter().all(|&times| times <= 1));
    }
}
