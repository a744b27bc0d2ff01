//! Runs that are resumed: what an earlier run has left whole is not computed again, the values are those of a run that
//! was never stopped, and a run that would write something else is refused.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use brickwork::{Array, CancelToken, Event, Observer, Output, SinkOptions, Synchronous, Threads};
use brickwork_core::{Block, ChunkSpec, Lazy};
use brickwork_sched::{Compute, Outcome, Scheduler};
use brickwork_testkit::{assert_block_eq, noise};
use object_store::memory::InMemory;

/// Stops a run when so many tasks are done.
struct StopsAfter {
    tasks: AtomicUsize,
    cancel: CancelToken,
}

impl Observer for StopsAfter {
    fn event(&self, event: &Event<'_>) {
        if let Event::TaskFinished { .. } = event
            && self.tasks.fetch_sub(1, Ordering::Relaxed) == 1
        {
            self.cancel.cancel();
        }
    }
}

fn stopping_after(tasks: usize) -> Synchronous {
    let cancel = CancelToken::new();
    let observer = StopsAfter { tasks: AtomicUsize::new(tasks), cancel: cancel.clone() };
    Synchronous::new().cancelled_by(cancel).observer(Arc::new(observer))
}

/// An array in a file: what is computed from it is the same in every run.
fn input(directory: &Path, shape: &[usize]) -> Array {
    let place = directory.join("in.npy").display().to_string();
    let values =
        brickwork::memory::from_block(Block::from_ndarray(noise(shape, 5).view()), &ChunkSpec::auto());
    brickwork::store_with(
        &values.unwrap(),
        &place,
        &SinkOptions { overwrite: true, ..SinkOptions::default() },
        &Synchronous::new(),
    )
    .unwrap();
    brickwork::open(&place).unwrap().rechunk(10).unwrap()
}

fn resuming() -> SinkOptions {
    SinkOptions { resume: true, ..SinkOptions::default() }
}

fn run(
    outputs: &[(&Array, &str)],
    options: &SinkOptions,
    scheduler: &dyn Scheduler,
) -> brickwork::Result<Outcome> {
    let outputs: Vec<Output<'_>> = outputs
        .iter()
        .map(|(array, uri)| Output { options: options.clone(), ..Output::new(array, uri) })
        .collect();
    scheduler.run(&brickwork::requests(&outputs)?)
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn what_is_whole_is_not_computed_again() {
    for target in ["out.npy", "out.zarr", "out.zarr#/g/x", "out.h5#/g/x", "memory://resume/out.zarr"] {
        brickwork::cloud::register("memory://resume", Arc::new(InMemory::new())).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let x = input(directory.path(), &[60, 40]);
        let y = (&x * 2.0 + 1.0).rechunk(10).unwrap();
        let place = match target.contains("://") {
            true => target.to_owned(),
            false => directory.path().join(target).display().to_string(),
        };
        let small = |scheduler: Synchronous| scheduler.forced(|options| options.forced_cell = Some(100));
        let whole =
            run(&[(&y, &place)], &SinkOptions { overwrite: true, ..resuming() }, &small(Synchronous::new()));
        let all = whole.unwrap().counts.bytes_written;
        assert_eq!(all, 60 * 40 * 8);
        let options = SinkOptions { overwrite: true, ..resuming() };
        let stopped = run(&[(&y, &place)], &options, &small(stopping_after(9)));
        assert!(stopped.is_err(), "{target}");
        // The old array is whole until the new one is, but for objects.
        assert_eq!(brickwork::open(&place).is_err(), target.contains("://"), "{target}");
        let rest = run(&[(&y, &place)], &options, &small(Synchronous::new())).unwrap().counts.bytes_written;
        assert!(rest > 0 && rest <= all - 9 * 50 * 8, "{target}: {rest} of {all} bytes");
        let found = brickwork::open(&place).unwrap().compute().unwrap();
        assert_block_eq(&found, &y.compute().unwrap(), target);
        if !target.contains("://") {
            assert_eq!(names(directory.path()).len(), 2, "{:?}", names(directory.path()));
        }
    }
}

#[test]
fn another_grid_goes_on_with_what_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let chunked = &input(directory.path(), &[64, 64]) + 1.0;
    let whole = chunked.rechunk(64).unwrap();
    // What has one chunk is contiguous in HDF5.
    for (target, y) in
        [("out.npy", &chunked), ("out.zarr", &chunked), ("out.h5#/x", &chunked), ("whole.h5#/x", &whole)]
    {
        let place = directory.path().join(target).display().to_string();
        let cells = |cell: usize| {
            move |options: &mut brickwork_core::plan::PlanOptions| options.forced_cell = Some(cell)
        };
        run(&[(y, &place)], &resuming(), &stopping_after(20).forced(cells(100))).unwrap_err();
        run(&[(y, &place)], &resuming(), &stopping_after(3).forced(cells(700))).unwrap_err();
        let all = 64 * 64 * 8;
        let rest = run(&[(y, &place)], &resuming(), &Threads::new(2).forced(cells(300))).unwrap();
        assert!(rest.counts.bytes_written < all, "{target}");
        assert_block_eq(&brickwork::open(&place).unwrap().compute().unwrap(), &y.compute().unwrap(), target);
    }
}

#[test]
fn several_outputs_and_reductions_are_resumed_together() {
    let directory = tempfile::tempdir().unwrap();
    let x = input(directory.path(), &[80, 50]);
    let whole = x.t().rechunk(100).unwrap();
    let outputs = [(&x - x.mean(0).unwrap()), x.sum(1).unwrap(), x.mean(0).unwrap(), x.t(), whole];
    let at = |name: &str| directory.path().join(name).display().to_string();
    let places = ["a.zarr", "b.npy", "c.h5#/c", "c.h5#/d", "c.h5#/e"].map(at);
    let all: Vec<(&Array, &str)> = outputs.iter().zip(places.iter().map(String::as_str)).collect();
    let mut runs = 0;
    loop {
        // Every run gets a few tasks further.
        match run(&all, &resuming(), &stopping_after(20).forced(|options| options.forced_cell = Some(200))) {
            Ok(_) => break,
            Err(error) => assert!(error.to_string().contains("cancel"), "{error}"),
        }
        runs += 1;
        assert!(places.iter().all(|place| brickwork::open(place).is_err()), "nothing is there before all is");
        if runs > 3 {
            run(&all, &resuming(), &Synchronous::new()).unwrap();
            break;
        }
    }
    for (array, place) in &all {
        assert_block_eq(
            &brickwork::open(place).unwrap().compute().unwrap(),
            &array.compute().unwrap(),
            place,
        );
    }
    assert_eq!(names(directory.path()), ["a.zarr", "b.npy", "c.h5", "in.npy"]);
}

#[test]
fn another_computation_or_input_is_refused() {
    for target in ["out.npy", "out.zarr", "out.h5#/x", "memory://refused/out.zarr"] {
        brickwork::cloud::register("memory://refused", Arc::new(InMemory::new())).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let place = match target.contains("://") {
            true => target.to_owned(),
            false => directory.path().join(target).display().to_string(),
        };
        let x = input(directory.path(), &[40, 40]);
        let small = |scheduler: Synchronous| scheduler.forced(|options| options.forced_cell = Some(100));
        run(&[(&(&x + 1.0), &place)], &resuming(), &small(stopping_after(5))).unwrap_err();
        let refused = |array: &Array| {
            run(&[(array, &place)], &resuming(), &Synchronous::new()).unwrap_err().to_string()
        };
        let message = refused(&(&x + 2.0));
        assert!(
            message.contains("cannot be resumed: what is computed is not the same"),
            "{target}: {message}"
        );
        let message = refused(&(&x + 1.0).slice(brickwork::s![..20]).unwrap());
        assert!(message.contains("its shape was [40,40] and is [20,40]"), "{target}: {message}");
        std::thread::sleep(std::time::Duration::from_millis(20));
        let changed = input(directory.path(), &[40, 40]);
        let message = refused(&(&changed + 1.0));
        assert!(
            message.contains("its input ") && message.contains("in.npy has changed (it was"),
            "{target}: {message}"
        );
        // Without resuming, it is begun again.
        let plain = SinkOptions { overwrite: target.contains("://"), ..SinkOptions::default() };
        run(&[(&(&changed + 1.0), &place)], &plain, &Synchronous::new()).unwrap();
        assert!(brickwork::open(&place).unwrap().compute().is_ok());
    }
}

#[test]
fn a_run_that_was_not_to_be_resumed_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let y = &input(directory.path(), &[40, 40]) + 1.0;
    for target in ["out.npy", "out.zarr", "out.h5#/x"] {
        let place = directory.path().join(target).display().to_string();
        let small = stopping_after(5).forced(|options| options.forced_cell = Some(100));
        run(&[(&y, &place)], &SinkOptions::default(), &small).unwrap_err();
        assert_eq!(names(directory.path()), ["in.npy"]);
    }
    assert!(y.value().meta().is_known());
}

#[test]
fn torn_writes_are_written_again() {
    use std::os::unix::fs::FileExt;
    let directory = tempfile::tempdir().unwrap();
    let chunked = (&input(directory.path(), &[64, 64]) + 1.0).rechunk(16).unwrap();
    let whole = chunked.rechunk(64).unwrap();
    for (target, y) in
        [("out.npy", &chunked), ("out.zarr", &chunked), ("out.h5#/x", &chunked), ("whole.h5#/x", &whole)]
    {
        let place = directory.path().join(target).display().to_string();
        let small = |scheduler: Synchronous| scheduler.forced(|options| options.forced_cell = Some(256));
        run(&[(y, &place)], &resuming(), &small(stopping_after(10))).unwrap_err();
        // A power cut keeps the journal and loses what was written last.
        for entry in std::fs::read_dir(directory.path()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.ends_with(".journal") || !name.starts_with('.') {
                continue;
            }
            let file = if path.is_dir() { path.join("c/0/1") } else { path };
            let file = std::fs::OpenOptions::new().write(true).open(file).unwrap();
            // In a file of the HDF5 library elements begin after 2 KiB.
            let is_hdf5 = target.contains(".h5");
            file.write_all_at(&[0; 64], if is_hdf5 { 4096 } else { 256 }).unwrap();
        }
        run(&[(y, &place)], &resuming(), &small(Synchronous::new())).unwrap();
        assert_block_eq(&brickwork::open(&place).unwrap().compute().unwrap(), &y.compute().unwrap(), target);
    }
}
