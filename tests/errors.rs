//! Failures say what failed, where, and what would be right; nothing panics, hangs or is left half done.

use std::sync::Arc;
use std::sync::mpsc::channel;

use brickwork::{Array, CancelToken, Error, Synchronous, Threads, add, s};
use brickwork_core::Block;
use brickwork_sched::{Compute, Scheduler, explain, store};
use brickwork_testkit::{
    CountingSource, MemorySink, RefusingScheduler, SinkState, check_scheduler, iota, noise,
};

fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

#[test]
fn our_schedulers_keep_the_rules_of_schedulers() {
    check_scheduler(&Synchronous::new().memory(64 << 20));
    check_scheduler(&Threads::new(3).forced(|options| options.forced_cell = Some(11)));
}

#[test]
fn memory_too_small_for_a_result_names_the_figures() {
    let x = brickwork::random::default_rng(Some(1)).random(&[20_000, 20_000], [1000, 1000]).unwrap();
    for scheduler in [&Threads::new(2).memory(64 << 20) as &dyn Scheduler, &RefusingScheduler::new()] {
        let error = x.compute_with(scheduler).unwrap_err();
        let Error::MemoryTooSmall { needed, allowed, .. } = &error else { panic!("{error}") };
        assert!(*needed >= 20_000 * 20_000 * 8 && *allowed == scheduler.options().memory, "{error}");
        assert!(error.to_string().contains("store"), "what would help: {error}");
    }
}

#[test]
fn memory_too_small_for_any_plan_names_the_figures() {
    let values = Block::from_ndarray(noise(&[512, 512], 1).view());
    let x = CountingSource::new(values, 512).unwrap().array().unwrap();
    let y = x.sum(()).unwrap();
    let error = y.compute_with(&Synchronous::new().memory(1 << 20)).unwrap_err();
    let Error::MemoryTooSmall { needed, allowed, .. } = &error else { panic!("{error}") };
    assert!(*needed > 2 << 20 && *allowed == 1 << 20, "a chunk has 2 MiB: {error}");
    assert!(explain(&[y], &Synchronous::new().memory(8 << 20)).is_ok());
    let tiny = Array::from_ndarray(iota(&[10]).view()).unwrap();
    for memory in [0, 1, 100] {
        if let Err(error) = tiny.sum(()).unwrap().compute_with(&Synchronous::new().memory(memory)) {
            assert!(matches!(error, Error::MemoryTooSmall { .. }), "{error}");
        }
    }
}

#[test]
fn the_first_error_names_operation_region_and_source() {
    let values = Block::from_ndarray(noise(&[30, 30], 1).view());
    let source = CountingSource::new(values, 10).unwrap().fail_at(&[15, 25]);
    let x = source.array().unwrap();
    let builds: [&dyn Fn() -> Array; 4] = [
        &|| x.sum(0).unwrap(),
        &|| (&x + 1.0).transpose(None).unwrap(),
        &|| x.cumsum(Some(0), None).unwrap(),
        &|| (&x - x.mean(()).unwrap()).std(()).unwrap(),
    ];
    for build in builds {
        for scheduler in [&Synchronous::new() as &dyn Scheduler, &Threads::new(2)] {
            let error = build().compute_with(scheduler).unwrap_err();
            let Error::Task { op, region, source_uri, .. } = &error else { panic!("{error:?}") };
            assert!(op.contains("counting"), "the operation that failed: {op}");
            assert!(region.contains(':'), "{region}");
            assert_eq!(source_uri.as_deref(), Some(source.log().uri()));
            assert!(told(&error).ends_with("element [15, 25] is damaged"), "{}", told(&error));
        }
    }
}

#[test]
fn a_panic_in_a_function_is_an_error() {
    let x = Array::from_ndarray(iota(&[100]).view()).unwrap();
    let bad = x
        .map_blocks(|_: ndarray::ArrayViewD<'_, f64>, _| -> ndarray::ArrayD<f64> { panic!("oh no") })
        .unwrap();
    for scheduler in [&Synchronous::new() as &dyn Scheduler, &Threads::new(2)] {
        let error = bad.compute_with(scheduler).unwrap_err();
        assert!(told(&error).contains("oh no") && told(&error).contains("map_blocks"), "{}", told(&error));
    }
    let short = x
        .map_blocks(|_: ndarray::ArrayViewD<'_, f64>, _| ndarray::ArrayD::<f64>::zeros(ndarray::IxDyn(&[3])))
        .unwrap();
    let error = short.compute_with(&Threads::new(2)).unwrap_err();
    assert!(told(&error).contains('3') && told(&error).contains("100"), "{}", told(&error));
}

#[test]
fn a_panic_on_a_worker_does_not_hang_the_others() {
    let x = brickwork::random::default_rng(Some(1)).random(&[1000], 10).unwrap();
    let bad = x
        .map_elements(|value: f64| {
            assert!(value < 0.9, "too large");
            value
        })
        .unwrap();
    for _ in 0..10 {
        let scheduler = Threads::new(7).forced(|options| options.forced_cell = Some(3));
        assert!(told(&bad.compute_with(&scheduler).unwrap_err()).contains("too large"));
    }
}

#[test]
fn cancellation_from_another_thread() {
    for threads in [1, 2, 7] {
        let cancel = CancelToken::new();
        let (reading, began) = channel();
        let (release, released) = channel::<()>();
        let released = std::sync::Mutex::new(released);
        let source = CountingSource::new(Block::from_ndarray(iota(&[40, 40]).view()), 4).unwrap().on_read(
            move |number| {
                if number == 5 {
                    reading.send(()).unwrap();
                    released.lock().unwrap().recv().unwrap();
                }
                Ok(())
            },
        );
        let array = source.array().unwrap() * 2.0;
        let sink = Arc::new(MemorySink::with_chunks([4usize, 4]));
        let canceller = {
            let (cancel, log) = (cancel.clone(), source.log());
            std::thread::spawn(move || {
                began.recv().unwrap();
                cancel.cancel();
                let read = log.granules();
                release.send(()).unwrap();
                read
            })
        };
        let scheduler =
            Threads::new(threads).cancelled_by(cancel).forced(|options| options.forced_cell = Some(16));
        let error = store(&array, sink.clone(), &scheduler).unwrap_err();
        let read = canceller.join().unwrap();
        assert!(told(&error).contains("cancelled"), "{}", told(&error));
        assert_eq!(sink.state(), SinkState::Aborted);
        assert!(source.log().granules() <= read + threads, "{read} were read before: {:?}", source.log());
    }
}

#[test]
fn bad_arguments_are_refused_when_the_expression_is_built() {
    let x = Array::from_ndarray(iota(&[3, 4]).view()).unwrap();
    let wide = Array::from_ndarray(iota(&[5]).view()).unwrap();
    let check = |result: brickwork::Result<Array>, parts: &[&str]| {
        let message = result.unwrap_err().to_string();
        for part in parts {
            assert!(message.contains(part), "{message:?} should name {part:?}");
        }
    };
    check(add(&x, &wide), &["add", "[3, 4]", "[5]", "broadcast"]);
    check(x.sum(2), &["sum", "axis 2", "-2 to 1"]);
    check(x.sum([0, 0]), &["axis 0", "twice"]);
    check(x.slice(s![3]), &["index 3", "axis 0", "length 3"]);
    check(x.slice(s![0, 0, 0]), &["2"]);
    check(x.reshape(&[5, -1]), &["12", "5"]);
    check(x.rechunk([2, 0]), &["chunk", "0"]);
    check(x.rechunk([2, 2, 2]), &["3 axes", "2 axes"]);
    check(x.matmul(&wide), &["matmul", "4", "5"]);
    check(x.take(vec![0, 7], 1), &["index 7", "axis 1", "length 4"]);
    check(x.transpose(Some(&[0])), &["transpose"]);
    check(x.broadcast_to(&[3, 5]), &["4", "5"]);
    check(x.invert(), &["float64"]);
    check(x.select(&x), &["bool"]);
    check(x.pad(&[(1, 1); 3], brickwork::assemble::PadMode::Edge), &["pad", "3", "2"]);
}

#[test]
fn a_lazy_index_out_of_range_is_an_error_of_the_run() {
    let x = Array::from_ndarray(iota(&[10]).view()).unwrap();
    let index = Array::from_vec(vec![1i64, 10], &[2]).unwrap();
    let error = x.take(&index, 0).unwrap().compute_with(&Threads::new(2)).unwrap_err();
    assert!(told(&error).contains("index 10") && told(&error).contains("length 10"), "{}", told(&error));
}

#[test]
fn selections_of_different_lengths_do_not_combine() {
    let x = Array::from_ndarray(iota(&[10]).view()).unwrap();
    let select = |limit: f64| x.select(&brickwork::greater(&x, limit).unwrap()).unwrap();
    let result = select(3.0).try_add(select(5.0)).and_then(|sum| sum.compute_with(&Synchronous::new()));
    let error = result.unwrap_err();
    assert!(told(&error).contains('6') && told(&error).contains('4'), "{}", told(&error));
    // 6 and 6: known to be equal when both are known.
    let same =
        select(3.0).try_add(select(3.5)).and_then(|sum| sum.compute_with(&Synchronous::new())).unwrap();
    assert_eq!(same.to_vec::<f64>(), [8.0, 10.0, 12.0, 14.0, 16.0, 18.0]);
}

#[test]
fn a_future_gives_the_result_or_the_error() {
    let x = Array::from_ndarray(iota(&[10]).view()).unwrap();
    assert_eq!(block_on(x.sum(()).unwrap().compute_async()).unwrap().item::<f64>(), 45.0);
    let source = CountingSource::new(Block::from_ndarray(iota(&[10]).view()), 5).unwrap().fail_at(&[7]);
    assert!(block_on(source.array().unwrap().compute_async()).is_err());
}

/// Polls a future to its end in this thread.
fn block_on<F: Future + Unpin>(mut future: F) -> F::Output {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut context = std::task::Context::from_waker(&waker);
    loop {
        match std::pin::Pin::new(&mut future).poll(&mut context) {
            std::task::Poll::Ready(output) => return output,
            std::task::Poll::Pending => std::thread::park(),
        }
    }
}
