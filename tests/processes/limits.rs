//! Memory, time, and asking a run to stop.

use std::io::ErrorKind;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use brickwork::prelude::*;
use brickwork::{Array, CancelToken, Error, Event, Observer, Retries, Scheduler, Threads, random};
use brickwork_testkit::{MemorySink, SinkState, assert_block_eq, iota};

use crate::deaths::Losses;
use crate::misbehaves::{How, dawdling, misbehaving};
use crate::values::processes;
use crate::watch::assert_no_children;

pub fn a_worker_that_takes_too_much_is_named() {
    let x = Array::from_ndarray(iota(&[100]).view()).unwrap();
    let hoards = misbehaving(&x, How::Hoards, 57.0, None);
    let losses = Arc::new(Losses::default());
    let scheduler = processes()
        .memory_limit("100MB")
        .forced(|options| (options.forced_cell, options.forced_patch) = (Some(10), Some(10)))
        .observer(losses.clone());
    let text = hoards.compute_with(&scheduler).unwrap_err().to_string();
    assert!(text.starts_with("hoards failed at [50:60]: the worker process took "), "{text}");
    assert!(text.contains("an operation needs more than it declares"), "{text}");
    assert!((1..=2).contains(&losses.count()), "that worker alone ends, at most once more to be sure");
    let part = hoards.slice(s![..50]).unwrap().sum(()).unwrap();
    assert_eq!(part.compute_with(&scheduler).unwrap().to_vec::<f64>(), [1225.0]);
}

fn slow() -> Array {
    let x = random::default_rng(Some(2)).random(&[1000, 100], [10, 100]).unwrap();
    dawdling(&x, 100)
}

pub fn a_run_can_be_cancelled() {
    let token = CancelToken::new();
    let scheduler = processes().cancelled_by(token.clone());
    let sink = Arc::new(MemorySink::with_chunks([10usize, 100]));
    let asked = Mutex::new(None);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(400));
            *asked.lock().unwrap() = Some(Instant::now());
            token.cancel();
        });
        let array = slow();
        let result = brickwork::store_all(
            &[(&array as &dyn brickwork::Lazy, sink.clone() as Arc<dyn brickwork::Sink>)],
            &scheduler,
        );
        assert!(matches!(result, Err(Error::Cancelled)), "{result:?}");
    });
    let since = asked.lock().unwrap().expect("it was asked").elapsed();
    assert!(since < Duration::from_secs(10), "{since:?} after it was asked to stop");
    assert_eq!(sink.state(), SinkState::Aborted);
    drop(scheduler);
    assert_no_children("after a run that was cancelled");
}

pub fn a_deadline_ends_a_run() {
    let limit = Duration::from_millis(300);
    let schedulers: [Box<dyn Scheduler>; 2] =
        [Box::new(processes().deadline(limit)), Box::new(Threads::new(2).deadline(limit))];
    for scheduler in schedulers {
        let error = slow().sum(0).unwrap().compute_with(scheduler.as_ref()).unwrap_err();
        assert!(matches!(&error, Error::DeadlineExceeded { limit } if limit == "300ms"), "{error}");
        // Another run has its own time.
        let quick = Array::from_ndarray(iota(&[3]).view()).unwrap().sum(()).unwrap();
        assert!(quick.compute_with(scheduler.as_ref()).is_ok());
    }
}

pub fn a_limit_that_is_no_size_is_told() {
    let text = slow().compute_with(&processes().memory_limit("plenty")).unwrap_err().to_string();
    assert!(text.contains("\"plenty\" is not a number of bytes"), "{text}");
}

/// What was told of a run that does not move.
#[derive(Debug, Default)]
struct Stalls(Mutex<Vec<String>>);

impl Observer for Stalls {
    fn event(&self, event: &Event<'_>) {
        if let Event::Stalled { what, .. } = event {
            self.0.lock().unwrap().push((*what).to_owned());
        }
    }
}

pub fn who_waits_for_whom_is_told() {
    let x = Array::from_ndarray(iota(&[20]).view()).unwrap();
    let slow = dawdling(&x, 900);
    let centred = &slow - slow.mean(()).unwrap();
    let quiet = Duration::from_millis(250);
    let small = |options: &mut brickwork::core::plan::PlanOptions| options.forced_cell = Some(20);
    for is_in_processes in [true, false] {
        let stalls = Arc::new(Stalls::default());
        let scheduler: Box<dyn Scheduler> = match is_in_processes {
            true => Box::new(processes().stalled_after(quiet).observer(stalls.clone()).forced(small)),
            false => Box::new(Threads::new(2).stalled_after(quiet).observer(stalls.clone()).forced(small)),
        };
        let found = centred.compute_with(scheduler.as_ref()).unwrap();
        assert_block_eq(&found, &(&x - 9.5).compute().unwrap(), "what is slow is right");
        let told = stalls.0.lock().unwrap().clone();
        assert!(told.iter().any(|what| what.contains("stage 0: 0 of 1 tasks done, 1 running")), "{told:?}");
        if is_in_processes {
            assert!(told.iter().any(|what| what.contains("has been running cell 0 of stage 0")), "{told:?}");
        }
    }
}

pub fn failures_that_pass_are_tried_again() {
    let x = Array::from_ndarray(iota(&[30]).view()).unwrap();
    let flaky = |number: usize| match number % 3 {
        1 => Err(Error::io("a far place", "no answer in time", std::io::Error::from(ErrorKind::TimedOut))),
        _ => Ok(()),
    };
    let once = Retries::new(3).pausing(Duration::from_millis(1));
    let small = |options: &mut brickwork::core::plan::PlanOptions| options.forced_cell = Some(5);
    let schedulers: [Box<dyn Scheduler>; 2] = [
        Box::new(processes().retries(once).forced(small)),
        Box::new(Threads::new(2).retries(once).forced(small)),
    ];
    for scheduler in schedulers {
        let sink = Arc::new(MemorySink::with_chunks([5usize]).on_write(flaky));
        let goal = [(&x as &dyn brickwork::Lazy, sink.clone() as Arc<dyn brickwork::Sink>)];
        brickwork::store_all(&goal, scheduler.as_ref()).unwrap();
        assert_eq!(sink.published().unwrap().size(), 30);
        assert!(sink.writes() > 6, "some were written again");
    }
    let sink = Arc::new(MemorySink::with_chunks([5usize]).on_write(flaky));
    let goal = [(&x as &dyn brickwork::Lazy, sink as Arc<dyn brickwork::Sink>)];
    assert!(brickwork::store_all(&goal, &processes().forced(small)).is_err(), "if nobody allows it");
}
