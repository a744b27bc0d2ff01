//! The walk-throughs of the design: the plan that each expression should get, and its values and counters.

use std::sync::Arc;

use brickwork::assemble::{concatenate, stack};
use brickwork::user::Boundary;
use brickwork::{Array, Axes, Result, Synchronous, Threads, compute_all, greater, s, where_};
use brickwork_core::plan::{Plan, Request};
use brickwork_core::{Block, Lazy};
use brickwork_sched::{Compute, Scheduler, explain, store};
use brickwork_testkit::naive::{self, Outside};
use brickwork_testkit::{
    CountingSource, MemorySink, ReadLog, assert_array_eq, assert_block_close, assert_same_everywhere,
    configurations, iota, noise, quarters, some_configurations,
};
use ndarray::{ArrayD, ArrayViewD};

fn counted(values: &ArrayD<f64>, chunk: &[usize]) -> (Array, Arc<ReadLog>) {
    let source = CountingSource::new(Block::from_ndarray(values.view()), chunk).unwrap();
    (source.array().unwrap(), source.log())
}

fn plan(array: &Array, memory: usize, threads: usize) -> Plan {
    explain(std::slice::from_ref(array), &Threads::new(threads).memory(memory)).unwrap()
}

const MB: usize = 1 << 20;

fn mean(group: &[f64]) -> f64 {
    (group.iter().sum::<f64>() + 0.0) / group.len() as f64
}

#[test]
fn w1_mean_of_a_quadrant_of_x_plus_its_transpose() {
    let n = 64;
    let values = quarters(&[n, n], 1);
    let build = |x: &Array| -> Result<Array> { (x + x.transpose(None)?).slice(s![..;2, 32..])?.mean(1) };
    let sum = naive::zip(&values, &naive::transpose(&values, &[1, 0]), |a, b| a + b);
    let expected = naive::reduce(&naive::slice(&sum, &s![..;2, 32..]), &[1], false, mean);
    let (x, log) = counted(&values, &[8, 8]);
    let y = build(&x).unwrap();
    let drawn = plan(&y, 64 * MB, 1);
    assert_eq!(drawn.stages.len(), 1, "{drawn:?}");
    assert_eq!(drawn.stages[0].domain.shape(), [32, 32], "rows and columns of the quadrant\n{drawn:?}");
    assert_array_eq(&y, &expected);
    log.reset();
    y.compute_with(&Synchronous::new()).unwrap();
    // The upper right half of x, and its mirror image: 8 x 4 chunks each, those of the lower right in both.
    assert_eq!(log.granules(), 8 * 4 + 4 * 8 - 4 * 4, "each chunk once");

    // Of a generator nothing is kept: n²/2 values in all.
    let x = brickwork::random::default_rng(Some(1)).random(&[n, n], [8, 8]).unwrap();
    let y = build(&x).unwrap();
    let made: usize = plan(&y, 64 * MB, 1).stages.iter().map(|stage| stage.figures.elements_generated).sum();
    assert_eq!(made, n * n / 2);
}

#[test]
fn w2_standardised_in_strips_or_in_two_passes() {
    let values = noise(&[400, 300], 1);
    let build = |x: &Array| (x - x.mean(0).unwrap()) / x.std(0).unwrap();
    let (x, log) = counted(&values, &[50, 60]);
    let y = build(&x);
    let strips = plan(&y, 64 * MB, 1);
    assert_eq!(strips.stages.len(), 1, "one stage when a strip fits\n{strips:?}");
    assert!(!strips.stages[0].local.is_empty(), "the strip and the finished rows are kept\n{strips:?}");
    y.compute_with(&Synchronous::new().memory(64 * MB)).unwrap();
    assert_eq!(log.granules(), 8 * 5, "x is read once");

    // The whole strip has 9.6 MB: too much for 4 MB.
    let tall = noise(&[20_000, 60], 2);
    let (x, log) = counted(&tall, &[500, 60]);
    let y = build(&x).sum(()).unwrap();
    let two = explain(std::slice::from_ref(&y), &Synchronous::new().memory(4 * MB)).unwrap();
    assert!(two.stages.len() >= 2, "stages when it does not\n{two:?}");
    let small = y.compute_with(&Synchronous::new().memory(4 * MB)).unwrap();
    assert_eq!(log.granules(), 2 * 40, "x is read twice");
    let large = y.compute_with(&Threads::new(2).memory(1 << 30)).unwrap();
    assert_eq!(small.item::<f64>().to_bits(), large.item::<f64>().to_bits());
}

#[test]
fn w3_mean_over_a_stack_of_days() {
    let days: Vec<ArrayD<f64>> = (0..31).map(|day| quarters(&[20, 30], day)).collect();
    // One of the files has another grid.
    let sources: Vec<(Array, Arc<ReadLog>)> = days
        .iter()
        .enumerate()
        .map(|(day, values)| counted(values, if day == 4 { &[7, 11] } else { &[10, 10] }))
        .collect();
    let arrays: Vec<Array> = sources.iter().map(|(array, _)| array.clone()).collect();
    let all = stack(&arrays, 0).unwrap();
    let average = all.mean(0).unwrap();
    let drawn = plan(&average, 64 * MB, 2);
    assert_eq!(drawn.stages.len(), 1, "{drawn:?}");
    assert_eq!(drawn.stages[0].domain.shape(), [31, 20, 30]);
    assert!(drawn.stages[0].finishes, "cells cut the days' planes, not the days\n{drawn:?}");
    average.compute_with(&Synchronous::new()).unwrap();
    for (_, log) in &sources {
        assert!(log.times_read().iter().all(|&times| times == 1), "every chunk once: {log:?}");
        log.reset();
    }
    let days: Vec<&ArrayD<f64>> = days.iter().collect();
    let expected = naive::reduce(&naive::stack(&days, 0), &[0], false, mean);
    assert_array_eq(&average, &expected);
    assert_array_eq(&(&arrays[0] - average), &naive::zip(days[0], &expected, |day, mean| day - mean));
}

#[test]
fn w4_reshape_reads_runs() {
    let values = iota(&[6, 20, 10]);
    let (x, log) = counted(&values, &[1, 20, 10]);
    let y = x.reshape(&[60, 20]).unwrap();
    assert_array_eq(
        &y.slice(s![7..13, 3..]).unwrap(),
        &naive::slice(&naive::reshape(&values, &[60, 20]), &s![7..13, 3..]),
    );
    log.reset();
    y.slice(s![10..20, ..]).unwrap().compute_with(&Synchronous::new()).unwrap();
    assert_eq!(log.granules(), 1, "ten rows of 20 are one plane");
    log.reset();
    y.compute_with(&Synchronous::new()).unwrap();
    assert_eq!(log.granules(), 6);
}

#[test]
fn w5_a_stepped_concatenation_skips_inputs() {
    let parts: Vec<ArrayD<f64>> = (0..6).map(|k| quarters(&[3], k)).collect();
    let sources: Vec<(Array, Arc<ReadLog>)> = parts.iter().map(|values| counted(values, &[3])).collect();
    let arrays: Vec<Array> = sources.iter().map(|(array, _)| array.clone()).collect();
    let y = concatenate(&arrays, 0).unwrap().slice(s![1..;7]).unwrap();
    let whole = naive::concatenate(&parts.iter().collect::<Vec<_>>(), 0);
    assert_array_eq(&y, &naive::slice(&whole, &s![1..;7]));
    // Elements 1, 8, 15 lie in parts 0, 2, 5.
    let read: Vec<bool> = sources.iter().map(|(_, log)| log.elements() > 0).collect();
    assert_eq!(read, [true, false, true, false, false, true]);
}

#[test]
fn w6_a_gather_visits_a_granule_once() {
    let values = iota(&[60, 8]);
    let (x, log) = counted(&values, &[6, 8]);
    let list: Vec<i64> = (0..200).map(|k| (k * 37) % 60).collect();
    let indices = ArrayD::from_shape_vec(ndarray::IxDyn(&[200]), list.clone()).unwrap();
    let y = x.take(list, 0).unwrap();
    assert_array_eq(&y, &naive::take(&values, &indices, 0));
    log.reset();
    y.compute_with(&Synchronous::new()).unwrap();
    assert_eq!(log.granules(), 10);
    // Constant differences are a box.
    let (x, log) = counted(&values, &[6, 8]);
    x.take(vec![0, 6, 12], 0).unwrap().compute_with(&Synchronous::new()).unwrap();
    assert_eq!(log.granules(), 3);
}

#[test]
fn w7_selection_in_one_pass_or_late() {
    let values = quarters(&[30, 40], 1);
    let (x, log) = counted(&values, &[10, 10]);
    let selected = x.select(&greater(&x, 0.0).unwrap()).unwrap();
    let average = selected.mean(()).unwrap();
    let drawn = plan(&average, 64 * MB, 1);
    assert_eq!((drawn.stages.len(), drawn.late.is_none()), (1, true), "{drawn:?}");
    average.compute_with(&Synchronous::new()).unwrap();
    assert_eq!(log.granules(), 12);

    let expected = naive::select(&values, &naive::map(&values, |value| value > 0.0));
    let request = Request::Collect(selected.value().clone());
    let drawn = brickwork_core::plan::plan(&[request], &Synchronous::new().options()).unwrap();
    assert!(drawn.late.is_some(), "what needs positions is cut when the counts are there\n{drawn:?}");
    assert_array_eq(&selected, &expected);
    let bound = format!("{}", selected.shape()[0]);
    assert_eq!(bound, "1200", "the bound is the size");
    let sink = Arc::new(MemorySink::with_chunks(100usize));
    store(&selected, sink.clone(), &Threads::new(2)).unwrap();
    assert_eq!(sink.published().unwrap().to_vec::<f64>(), expected.into_raw_vec_and_offset().0);
}

#[test]
fn w8_cumsum_along_a_cut_axis() {
    let values = quarters(&[1500], 1);
    let (x, _) = counted(&values, &[300]);
    let y = x.cumsum(Some(0), None).unwrap();
    assert_array_eq(&y, &naive::cumsum(&values, 0).mapv(|value| value + 0.0));
    let noisy = noise(&[2, 2100], 1);
    let (x, _) = counted(&noisy, &[2, 700]);
    assert_same_everywhere(&x.cumsum(Some(1), None).unwrap(), &some_configurations(8, 1));
}

#[test]
fn w8_many_lines_are_walked_with_a_carry() {
    let values = quarters(&[2100, 40], 1);
    let (x, log) = counted(&values, &[300, 10]);
    let expected = naive::cumsum(&values, 0).mapv(|value| value + 0.0);
    let y = x.cumsum(Some(0), None).unwrap();
    let drawn = plan(&y, 64 * MB, 2);
    assert_eq!(drawn.stages.len(), 1, "{drawn:?}");
    assert_eq!(drawn.stages[0].grid.axes()[0].num_chunks(), 1, "lines are not cut\n{drawn:?}");
    let large = brickwork::random::default_rng(Some(1)).random(&[100_000, 10_000], [1000, 1000]).unwrap();
    let drawn_large = plan(&large.cumsum(Some(0), None).unwrap().max(1).unwrap(), 64 * MB, 2);
    assert!(drawn_large.num_tasks() > 1, "parallel over lines\n{drawn_large:?}");
    assert_array_eq(&y, &expected);
    log.reset();
    y.compute_with(&Synchronous::new().memory(64 * MB)).unwrap();
    assert_eq!(log.granules(), 28, "every chunk once");

    // Stored in less memory than a cell has (8000 × 10 × 8 bytes), by chunks across those of the source.
    for (axis, shape) in [(0, [8000, 40]), (1, [40, 8000])] {
        let values = quarters(&shape, 3);
        let chunk = if axis == 0 { [200, 10] } else { [10, 200] };
        let (x, log) = counted(&values, &chunk);
        let sink = Arc::new(MemorySink::with_chunks([chunk[0] * 7 / 5, chunk[1] * 7 / 5]));
        let scheduler = Threads::new(2).memory(MB / 2);
        store(&x.cumsum(Some(axis), None).unwrap(), sink.clone(), &scheduler).unwrap();
        let expected = naive::cumsum(&values, axis as usize).mapv(|value| value + 0.0);
        assert_eq!(sink.published().unwrap().to_vec::<f64>(), expected.into_raw_vec_and_offset().0);
        assert!(log.granules() <= 2 * 4 * 40, "cells and chunks do not coincide, no more than that: {log:?}");
    }
}

#[test]
fn w8_few_lines_or_another_order_take_three_steps() {
    let values = quarters(&[2, 70_000], 1);
    let (x, log) = counted(&values, &[2, 1000]);
    let expected = naive::cumsum(&values, 1).mapv(|value| value + 0.0);
    let y = x.cumsum(Some(1), None).unwrap();
    assert!(plan(&y, 64 * MB, 2).stages.len() > 1, "segments do not wait for each other");
    let found = y.compute_with(&Threads::new(2)).unwrap();
    assert_eq!(found.to_vec::<f64>(), expected.into_raw_vec_and_offset().0);
    log.reset();
    y.slice(s![.., 69_990..]).unwrap().compute_with(&Synchronous::new()).unwrap();
    assert!(log.granules() <= 70 + 2, "the sums of segments, and the last of them again: {}", log.granules());

    let values = noise(&[1100, 4], 1);
    let (x, _) = counted(&values, &[300, 2]);
    let y = x.cumsum(Some(0), None).unwrap();
    for other in [
        y.slice(s![..;-1, ..]).unwrap(),
        y.slice(s![123.., ..]).unwrap(),
        concatenate(&[y.clone(), y.clone()], 0).unwrap(),
        &y + y.slice(s![..;-1, ..]).unwrap(),
        y.cumsum(Some(1), None).unwrap(),
    ] {
        let drawn = plan(&other, 64 * MB, 2);
        assert!(drawn.stages.len() > 1, "{drawn:?}");
        assert_same_everywhere(&other, &some_configurations(3, 3));
    }
    for along in [
        &x - &y,
        y.slice(s![..;3, 2..]).unwrap(),
        y.slice(s![1.., ..]).unwrap() - y.slice(s![..-1, ..]).unwrap(),
        y.max(0).unwrap(),
        y.transpose(None).unwrap(),
        x.cumsum(Some(0), None).unwrap().cumsum(Some(0), None).unwrap(),
    ] {
        let drawn = plan(&along, 64 * MB, 2);
        assert_eq!(drawn.stages.len(), 1, "{drawn:?}");
        assert_same_everywhere(&along, &some_configurations(3, 4));
    }
}

#[test]
fn w9_a_stencil_of_a_stencil() {
    let values = quarters(&[20, 15], 1);
    let (x, log) = counted(&values, &[10, 10]);
    let sums = |x: &Array, depth: usize, boundary: Boundary| {
        x.map_overlap(&[depth, depth], &[boundary], move |x: ArrayViewD<'_, f64>| {
            naive::stencil(&x.to_owned(), &[depth, depth], Outside::Constant(0.0), |near| {
                near.iter().sum::<f64>() + 0.0
            })
        })
        .unwrap()
    };
    let y = sums(&sums(&x, 1, Boundary::Reflect), 2, Boundary::Nearest);
    let sum = |near: &[f64]| near.iter().sum::<f64>() + 0.0;
    let inner = naive::stencil(&values, &[1, 1], Outside::Symmetric, sum);
    assert_array_eq(&y, &naive::stencil(&inner, &[2, 2], Outside::Edge, sum));
    assert_eq!(plan(&y, 64 * MB, 1).stages.len(), 1);
    // A corner of the result needs a corner of x: 10 + 2 + 1 elements.
    log.reset();
    y.slice(s![..10, ..10]).unwrap().compute_with(&Synchronous::new()).unwrap();
    assert_eq!(log.granules(), 4);
}

#[test]
fn w11_products_of_matrices() {
    let (a, b) = (quarters(&[50, 70], 1), quarters(&[70, 40], 2));
    let ((x, _), (y, _)) = (counted(&a, &[20, 30]), counted(&b, &[25, 10]));
    let product = x.matmul(&y).unwrap();
    assert_array_eq(&product, &naive::matmul(&a, &b));
    let (p, q) = (noise(&[9, 3000], 3), noise(&[3000, 8], 4));
    let ((x, _), (y, _)) = (counted(&p, &[5, 700]), counted(&q, &[900, 8]));
    let found = assert_same_everywhere(&x.matmul(&y).unwrap(), &configurations());
    assert_block_close(&found, &naive::matmul(&p, &q), 1e-9, "a long contraction");
}

#[test]
fn w13_rechunk_on_store_reads_each_chunk_once() {
    let values = iota(&[40, 60]);
    let (x, log) = counted(&values, &[8, 60]);
    let sink = Arc::new(MemorySink::with_chunks([40usize, 12]));
    store(&x, sink.clone(), &Synchronous::new()).unwrap();
    assert_eq!(log.granules(), 5, "each chunk once: cells hold whole chunks of both, or the cache helps");
    assert_eq!(sink.published().unwrap().to_vec::<f64>(), values.into_raw_vec_and_offset().0);
}

#[test]
fn w13_stores_across_the_grain_of_one_source_share_an_exchange() {
    let values = noise(&[300, 40], 1);
    let (x, log) = counted(&values, &[38, 10]);
    let parts = [s![-114.., ..], s![..;-5, ..]];
    // Rows are written whole, chunks of columns read: one of the stores alone would decode often, or both.
    for rows in [1usize, 7, 60] {
        log.reset();
        let sinks: Vec<_> = parts.iter().map(|_| Arc::new(MemorySink::with_chunks([rows, 40]))).collect();
        let requests: Vec<Request> = parts
            .iter()
            .zip(&sinks)
            .map(|(part, sink)| Request::Store(x.slice(part).unwrap().value().clone(), sink.clone()))
            .collect();
        Threads::new(2).run(&requests).unwrap();
        for (part, sink) in parts.iter().zip(&sinks) {
            let expected = naive::slice(&values, part).into_raw_vec_and_offset().0;
            assert_eq!(sink.published().unwrap().to_vec::<f64>(), expected, "rows of {rows}");
        }
    }
}

#[test]
fn w13_stores_whose_chunks_have_nothing_in_common_are_written_one_after_the_other() {
    let x = brickwork::random::default_rng(Some(1)).random(&[5000, 5000], [1000, 1000]).unwrap();
    let doubled = &x * 2.0;
    let stages = |arrays: [&Array; 2], chunks: [usize; 2]| {
        let requests = arrays.into_iter().zip(chunks).map(|(array, chunk)| {
            Request::Store(array.value().clone(), Arc::new(MemorySink::with_chunks(chunk)))
        });
        let options = Threads::new(2).memory(64 * MB).options();
        brickwork_core::plan::plan(&requests.collect::<Vec<_>>(), &options).unwrap().stages.len()
    };
    for arrays in [[&x, &doubled], [&x, &x]] {
        assert_eq!((stages(arrays, [500, 1000]), stages(arrays, [997, 1000])), (1, 2));
    }
}

#[test]
fn w14_map_blocks_is_given_whole_chunks() {
    let values = iota(&[10, 12]);
    let (x, log) = counted(&values, &[4, 5]);
    let y = x
        .map_blocks(|block: ArrayViewD<'_, f64>, info| {
            let (rows, columns) =
                (if info.index[0] == 2 { 2 } else { 4 }, if info.index[1] == 2 { 2 } else { 5 });
            assert_eq!(block.shape(), [rows, columns], "chunk {:?}", info.index);
            block.to_owned() + 1.0
        })
        .unwrap();
    assert_array_eq(&y, &naive::map(&values, |value| value + 1.0));
    log.reset();
    y.slice(s![5, 6]).unwrap().compute_with(&Synchronous::new()).unwrap();
    assert_eq!(log.granules(), 1);

    // A chunk over the budget is refused, with its bytes.
    let huge = brickwork::create::zeros_with(&[8192, 4096], brickwork::DType::F64, [8192, 4096]).unwrap();
    let y = huge.map_blocks(|block: ArrayViewD<'_, f64>, _| block.to_owned()).unwrap().sum(()).unwrap();
    let error = y.compute_with(&Threads::new(2).memory(64 * MB)).unwrap_err().to_string();
    assert!(error.contains("needs") && error.contains("67.1 MB"), "{error}");
    assert!(error.contains("rechunk first, or use map_elements"), "{error}");
}

#[test]
fn w16_argmin_of_all() {
    let mut values = quarters(&[20, 30], 1);
    values[[3, 7]] = -50.0;
    values[[11, 2]] = -50.0;
    let (x, _) = counted(&values, &[6, 7]);
    let first = ArrayD::from_elem(ndarray::IxDyn(&[]), 3 * 30 + 7i64);
    assert_array_eq(&x.argmin(()).unwrap(), &first);
    values[[15, 29]] = f64::NAN;
    let (x, _) = counted(&values, &[6, 7]);
    assert_array_eq(&x.argmin(()).unwrap(), &ArrayD::from_elem(ndarray::IxDyn(&[]), 15 * 30 + 29i64));
}

#[test]
fn w18_several_results_of_one_x() {
    let values = quarters(&[40, 40], 1);
    let (x, log) = counted(&values, &[10, 10]);
    let sink = Arc::new(MemorySink::with_chunks([5usize, 5]));
    let requests = [
        Request::Collect(x.mean(0).unwrap().value().clone()),
        Request::Collect(x.mean(1).unwrap().value().clone()),
        Request::Store(x.slice(s![..;2, ..;2]).unwrap().value().clone(), sink.clone()),
    ];
    let outcome = Synchronous::new().run(&requests).unwrap();
    let expected = naive::reduce(&values, &[0], false, mean);
    assert_eq!(outcome.blocks[0].as_ref().unwrap().to_vec::<f64>(), expected.into_raw_vec_and_offset().0);
    let half = naive::slice(&values, &s![..;2, ..;2]);
    assert_eq!(sink.published().unwrap().to_vec::<f64>(), half.into_raw_vec_and_offset().0);
    assert_eq!(log.granules(), 16, "in one pass: {log:?}");
    for (requests, what) in [
        (vec![s![1..;3, ..;2]], "a start within the first step"),
        (vec![s![..2, ..3]], "a corner, of which most cells have nothing"),
        (vec![s![..10, ..;5], s![..;2, 3..;4]], "two of them"),
    ] {
        for memory in [MB, 64 * MB] {
            let sinks: Vec<_> =
                requests.iter().map(|_| Arc::new(MemorySink::with_chunks([4usize, 3]))).collect();
            let mut all = vec![Request::Collect(x.mean(0).unwrap().value().clone())];
            for (items, sink) in requests.iter().zip(&sinks) {
                all.push(Request::Store(x.slice(items.clone()).unwrap().value().clone(), sink.clone()));
            }
            log.reset();
            let outcome = Threads::new(2).memory(memory).run(&all).unwrap();
            let expected = naive::reduce(&values, &[0], false, mean);
            let found = outcome.blocks[0].as_ref().unwrap().to_vec::<f64>();
            assert_eq!(found, expected.into_raw_vec_and_offset().0);
            for (items, sink) in requests.iter().zip(&sinks) {
                let part = naive::slice(&values, items);
                let found = sink.published().unwrap().to_vec::<f64>();
                assert_eq!(found, part.into_raw_vec_and_offset().0, "{what}");
            }
            assert_eq!(log.granules(), 16, "{what}");
        }
    }
    log.reset();
    compute_all(&[x.mean(0).unwrap(), x.mean(1).unwrap()], &Threads::new(2)).unwrap();
    assert_eq!(log.granules(), 16, "the two means in one");
}

#[test]
fn w19_a_dear_diamond() {
    let values = quarters(&[500], 1);
    let (x, log) = counted(&values, &[50]);
    let calls = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counts = calls.clone();
    let dear = x
        .map_elements(move |value: f64| {
            counts.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            value * 2.0
        })
        .unwrap();
    let y = dear.slice(s![..-1]).unwrap() * dear.slice(s![1..]).unwrap();
    let doubled = naive::map(&values, |value| value * 2.0);
    let expected =
        naive::zip(&naive::slice(&doubled, &s![..-1]), &naive::slice(&doubled, &s![1..]), |a, b| a * b);
    let small = Synchronous::new().forced(|options| options.forced_patch = Some(100));
    let found = y.compute_with(&small).unwrap();
    assert_eq!(found.to_vec::<f64>(), expected.clone().into_raw_vec_and_offset().0);
    let called = calls.load(std::sync::atomic::Ordering::Relaxed);
    assert!((500..=520).contains(&called), "one element again at every edge of a patch: {called} calls");
    assert_eq!(log.granules(), 10);
    assert_array_eq(&y, &expected);
}

#[test]
fn w20_masked_pairs_and_rejection() {
    let values = quarters(&[40, 30], 1);
    let (x, log) = counted(&values, &[10, 10]);
    // data and mask of one x: the mean of what is not masked, along an axis.
    let mask = greater(&x, 2.0).unwrap();
    let total = where_(&mask, 0.0, &x).unwrap().sum(0).unwrap();
    let count = mask.invert().unwrap().sum(0).unwrap();
    let average = total / count;
    let expected = naive::reduce(&values, &[0], false, |group| {
        let kept: Vec<f64> = group.iter().copied().filter(|value| *value <= 2.0).collect();
        mean(&kept)
    });
    assert_array_eq(&average, &expected);
    log.reset();
    average.compute_with(&Synchronous::new()).unwrap();
    assert_eq!(log.granules(), 12, "both folds in one pass");
    let only = x.mean(Axes::of([0]).only(mask.invert().unwrap())).unwrap();
    assert_array_eq(&only, &expected);

    // Each element draws until it accepts: any part has the values of the whole.
    let drawn = brickwork::random::default_rng(Some(3)).integers(0, 1000, &[37, 41], [5, 5]).unwrap();
    let whole = assert_same_everywhere(&drawn, &configurations());
    let part = drawn.transpose(None).unwrap().slice(s![3, ..]).unwrap();
    let column: Vec<i64> = (0..37).map(|row| whole.to_vec::<i64>()[row * 41 + 3]).collect();
    assert_eq!(part.compute_with(&Threads::new(2)).unwrap().to_vec::<i64>(), column);
}
