//! Exchanges through spill files: values, what is read, what plans promise, and what a failed run leaves.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use brickwork::{Array, SpillCodec, Synchronous, Threads, s};
use brickwork_core::eval::Counts;
use brickwork_core::plan::{Plan, Request, plan};
use brickwork_core::{Block, Error, Lazy, Result, SpillFile, SpillPlace};
use brickwork_sched::{CancelToken, Scheduler, SpillDirectory};
use brickwork_testkit::naive;
use brickwork_testkit::{CountingSource, MemorySink, ReadLog, noise, quarters};
use ndarray::ArrayD;
use proptest::prelude::*;

const KB: usize = 1 << 10;

fn counted(values: &ArrayD<f64>, chunk: &[usize]) -> (Array, Arc<ReadLog>) {
    let source = CountingSource::new(Block::from_ndarray(values.view()), chunk).unwrap();
    (source.array().unwrap(), source.log())
}

/// Stores an array in chunks, and checks the values, what the run counted against the plan, and that no file is left.
fn stored(array: &Array, chunks: &[usize], expected: &ArrayD<f64>, memory: usize) -> Vec<(Plan, Counts)> {
    stored_by(array, chunks, expected, memory, SpillCodec::Auto)
}

/// The same, with spill files that are compressed or not.
fn stored_by(
    array: &Array,
    chunks: &[usize],
    expected: &ArrayD<f64>,
    memory: usize,
    codec: SpillCodec,
) -> Vec<(Plan, Counts)> {
    let directory = tempfile::tempdir().unwrap();
    let schedulers: [Box<dyn Scheduler>; 2] = [
        Box::new(Synchronous::new().memory(memory).spill(directory.path()).spill_codec(codec)),
        Box::new(Threads::new(2).memory(memory).spill(directory.path()).spill_codec(codec)),
    ];
    let mut all = Vec::new();
    for scheduler in schedulers {
        let sink = Arc::new(MemorySink::with_chunks(chunks));
        let requests = [Request::Store(array.value().clone(), sink.clone())];
        let drawn = plan(&requests, &scheduler.options()).unwrap();
        let outcome = scheduler.run(&requests).unwrap();
        let found = sink.published().unwrap();
        assert_eq!(found.shape(), expected.shape());
        let same = found.to_vec::<f64>().iter().zip(expected).all(|(a, b)| a.to_bits() == b.to_bits());
        assert!(same, "other values\n{drawn:?}");
        assert!(
            outcome.peak_bytes <= memory,
            "{} bytes of blocks in {memory}\n{drawn:?}",
            outcome.peak_bytes
        );
        agrees(&drawn, &outcome.counts, drawn.options.threads == 1);
        assert!(is_empty(directory.path()), "a spill file is left");
        all.push((drawn, outcome.counts));
    }
    all
}

fn agrees(drawn: &Plan, counts: &Counts, exactly: bool) {
    let sum = |figure: &dyn Fn(&brickwork_core::plan::StageFigures) -> usize| -> u64 {
        drawn.stages.iter().map(|stage| figure(&stage.figures) as u64).sum()
    };
    assert_eq!(counts.bytes_spilled, sum(&|figures| figures.bytes_spilled), "{drawn:?}");
    let unspilled = sum(&|figures| figures.bytes_unspilled);
    let at_least = drawn.stages.iter().any(|stage| stage.figures.unspilled_at_least);
    // With several threads one of them may drop a block from the cache that another one still needs.
    match exactly && !at_least {
        true => assert_eq!(counts.bytes_unspilled, unspilled, "{drawn:?}"),
        false => assert!(counts.bytes_unspilled >= unspilled, "{drawn:?}"),
    }
}

fn is_empty(directory: &Path) -> bool {
    std::fs::read_dir(directory).unwrap().count() == 0
}

#[test]
fn long_chunks_against_the_grain_are_read_once() {
    let cases: &[(&[usize], &[usize], &[usize])] = &[
        (&[600, 500], &[600, 5], &[5, 500]),
        (&[600, 500], &[5, 500], &[600, 5]),
        (&[60, 70, 80], &[1, 70, 80], &[60, 3, 4]),
        (&[60, 70, 80], &[60, 3, 4], &[1, 70, 80]),
        // Nearly the same: cells lie across two chunks along one axis, and more along the other.
        (&[997, 997], &[101, 101], &[99, 99]),
        (&[300_000], &[7_001], &[4_999]),
    ];
    for (shape, chunk, chunks) in cases {
        let values = noise(shape, 1);
        let (x, log) = counted(&values, chunk);
        for (drawn, counts) in stored(&x, chunks, &values, 1024 * KB) {
            if shape.len() > 1 {
                assert_eq!(drawn.spill_bytes, values.len() * 8, "{shape:?} {chunk:?} {chunks:?}\n{drawn:?}");
                assert_eq!(counts.bytes_spilled as usize, values.len() * 8);
            }
        }
        let most = if shape.len() > 1 { 2 } else { 4 };
        let times = log.times_read();
        assert!(times.iter().all(|&times| times <= most), "{shape:?} {chunk:?} {chunks:?}: {times:?}");
    }
}

#[test]
fn what_fits_is_held_in_memory() {
    let values = noise(&[600, 500], 1);
    let (x, _) = counted(&values, &[600, 5]);
    for (drawn, counts) in stored(&x, &[5, 500], &values, 64 * 1024 * KB) {
        assert_eq!((drawn.spill_bytes, counts.bytes_spilled), (0, 0), "{drawn:?}");
    }
}

#[test]
fn spill_files_are_compressed_where_that_makes_them_smaller() {
    let shape = [1000, 900];
    let smooth = ArrayD::from_shape_fn(shape.as_slice(), |at| (at[0] / 7 + at[1] / 9) as f64);
    for (values, is_smooth) in [(smooth, true), (noise(&shape, 1), false)] {
        let (x, _) = counted(&values, &[1000, 60]);
        for codec in [SpillCodec::Lz4, SpillCodec::None, SpillCodec::Auto] {
            for (drawn, counts) in stored_by(&x, &[100, 900], &values, 5 << 20, codec) {
                let (raw, stored) = (counts.bytes_spilled, counts.bytes_spilled_stored);
                assert_eq!(raw as usize, values.len() * 8, "figures are those of the values\n{drawn:?}");
                match is_smooth && codec == SpillCodec::Lz4 {
                    true => assert!(stored < raw / 3, "{stored} of {raw}\n{drawn:?}"),
                    false => assert_eq!(stored, raw, "{codec:?}"),
                }
            }
        }
    }
}

#[test]
fn transposes_and_reshapes_go_through_a_spill_file() {
    let values = noise(&[600, 500], 2);
    let (x, _) = counted(&values, &[600, 5]);
    let turned = naive::transpose(&values, &[1, 0]);
    stored(&x.transpose(None).unwrap(), &[500, 5], &turned, 1024 * KB);
    let flat = values.to_shape(300_000).unwrap().into_owned().into_dyn();
    let found = stored(&x.reshape(&[300_000]).unwrap(), &[5_000], &flat, 1024 * KB);
    assert!(found[0].0.spill_bytes > 0, "{:?}", found[0].0);
    let part = naive::slice(&values, &s![10..-7;3, ..;-1]);
    stored(&x.slice(s![10..-7;3, ..;-1]).unwrap(), &[1, 500], &part, 512 * KB);

    let square = noise(&[500, 500], 3);
    let (x, _) = counted(&square, &[500, 5]);
    let expected = naive::zip(&square, &naive::transpose(&square, &[1, 0]), |a, b| a + b);
    stored(&(&x + x.transpose(None).unwrap()), &[50, 50], &expected, 1024 * KB);
}

#[test]
fn a_reduction_that_is_needed_twice_and_does_not_fit_goes_there() {
    let values = quarters(&[300, 300, 4], 4);
    let (x, _) = counted(&values, &[30, 30, 4]);
    let sum = x.sum(2).unwrap();
    let folded = naive::reduce(&values, &[2], false, |group| group.iter().sum::<f64>());
    let expected = naive::zip(&folded, &naive::transpose(&folded, &[1, 0]), |a, b| a * b);
    let found = stored(&(&sum * sum.transpose(None).unwrap()), &[30, 300], &expected, 600 * KB);
    assert!(found[0].0.spill_bytes > 0, "{:?}", found[0].0);
}

#[test]
fn a_plan_says_what_goes_where() {
    let values = noise(&[600, 500], 1);
    let (x, _) = counted(&values, &[600, 5]);
    let request = Request::Store(x.value().clone(), Arc::new(MemorySink::with_chunks([5, 500])));
    let scheduler = Synchronous::new().memory(1024 * KB).spill("/tmp");
    let text = plan(&[request], &scheduler.options()).unwrap().explain();
    for expected in [
        "in a spill file\n  writes 2.40 MB to a spill file in /tmp, in runs of up to ",
        "reads 2.40 MB from spill files",
        "2.40 MB in spill files",
    ] {
        assert!(text.contains(expected), "{expected:?} in\n{text}");
    }
}

/// A place with some room, where files fail when they have taken a number of writes.
#[derive(Debug)]
struct Disk {
    directory: SpillDirectory,
    room: usize,
    writes: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Full {
    file: Arc<dyn SpillFile>,
    writes: Arc<AtomicUsize>,
}

impl SpillPlace for Disk {
    fn name(&self) -> String {
        "a small disk".into()
    }

    fn room(&self) -> Result<usize> {
        Ok(self.room)
    }

    fn create(&self, nbytes: usize) -> Result<Arc<dyn SpillFile>> {
        Ok(Arc::new(Full { file: self.directory.create(nbytes)?, writes: self.writes.clone() }))
    }
}

impl SpillFile for Full {
    fn write(&self, offset: usize, bytes: &[u8]) -> Result<()> {
        match self.writes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)) {
            Ok(_) => self.file.write(offset, bytes),
            Err(_) => Err(Error::invalid_data("a small disk", "no space left on device")),
        }
    }

    fn read(&self, offset: usize, into: &mut [u8]) -> Result<()> {
        self.file.read(offset, into)
    }
}

#[test]
fn a_disk_with_too_little_room_is_refused_with_figures_and_a_full_one_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let values = noise(&[600, 500], 1);
    let (x, log) = counted(&values, &[600, 5]);
    for (room, writes) in [(1 << 20, usize::MAX), (usize::MAX, 7)] {
        log.reset();
        let disk = Disk {
            directory: SpillDirectory::new(directory.path()),
            room,
            writes: Arc::new(AtomicUsize::new(writes)),
        };
        let place: Arc<dyn SpillPlace> = Arc::new(disk);
        let scheduler = Threads::new(2).memory(1024 * KB).forced(|options| options.spill = Some(place));
        let sink = Arc::new(MemorySink::with_chunks([5, 500]));
        let error =
            scheduler.run(&[Request::Store(x.value().clone(), sink.clone())]).unwrap_err().to_string();
        if room == usize::MAX {
            assert!(error.contains("no space left on device"), "{error}");
        } else {
            assert!(
                error.contains("needs 2.40 MB in a spill file, and a small disk has 1.05 MB free"),
                "{error}"
            );
            assert_eq!(log.granules(), 0, "nothing is read before that is found out");
        }
        assert!(sink.published().is_none());
        assert!(is_empty(directory.path()));
    }
}

#[test]
fn a_run_that_is_cancelled_leaves_no_spill_file() {
    let directory = tempfile::tempdir().unwrap();
    let values = noise(&[600, 500], 1);
    for stop_at in [3, 100, 119] {
        let cancel = CancelToken::new();
        let (theirs, reads) = (cancel.clone(), AtomicUsize::new(0));
        let source =
            CountingSource::new(Block::from_ndarray(values.view()), [600usize, 5].as_slice()).unwrap();
        let source = source.on_read(move |_| {
            if reads.fetch_add(1, Ordering::Relaxed) == stop_at {
                theirs.cancel();
            }
            Ok(())
        });
        let sink = Arc::new(MemorySink::with_chunks([5, 500]));
        let scheduler = Threads::new(2).memory(1024 * KB).spill(directory.path()).cancelled_by(cancel);
        let requests = [Request::Store(source.array().unwrap().value().clone(), sink.clone())];
        let result = scheduler.run(&requests);
        assert!(stop_at > 99 || matches!(result, Err(Error::Cancelled)), "{result:?}");
        assert!(result.is_ok() || sink.published().is_none());
        assert!(is_empty(directory.path()));
    }
}

#[test]
fn without_a_place_for_spill_files_the_plan_is_refused_as_before() {
    let values = noise(&[600, 500], 1);
    let (x, _) = counted(&values, &[600, 5]);
    let scheduler = Threads::new(2).memory(1024 * KB).forced(|options| options.spill = None);
    let sink = Arc::new(MemorySink::with_chunks([5, 500]));
    let error = scheduler.run(&[Request::Store(x.value().clone(), sink)]).unwrap_err();
    assert!(matches!(error, Error::MemoryTooSmall { .. }), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_grid_becomes_any_other_in_little_memory(
        axes in prop::collection::vec((1usize..130, 1usize..140, 1usize..140), 1..=3),
        memory in 96usize..400,
        turned in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let shape: Vec<usize> = axes.iter().map(|(len, ..)| *len).collect();
        prop_assume!(shape.iter().product::<usize>() < 200_000);
        let chunk: Vec<usize> = axes.iter().map(|(len, chunk, _)| (*chunk).min(*len)).collect();
        let values = noise(&shape, seed);
        let (x, _) = counted(&values, &chunk);
        let order: Vec<isize> = (0..shape.len() as isize).rev().collect();
        let backwards: Vec<usize> = (0..shape.len()).rev().collect();
        let (array, expected) = match turned {
            true => (x.transpose(Some(order.as_slice())).unwrap(), naive::transpose(&values, &backwards)),
            false => (x, values),
        };
        let chunks: Vec<usize> =
            expected.shape().iter().zip(&axes).map(|(len, (.., chunk))| (*chunk).min(*len)).collect();
        let sink = Arc::new(MemorySink::with_chunks(chunks.as_slice()));
        let options = Threads::new(2).memory(memory * KB).options();
        // A chunk of the source or of the sink may be more than that.
        match plan(&[Request::Store(array.value().clone(), sink)], &options) {
            Ok(_) => { stored(&array, &chunks, &expected, memory * KB); }
            Err(error) => prop_assert!(matches!(error, Error::MemoryTooSmall { .. }), "{error}"),
        }
    }
}
