//! The same expression under different schedulers, with numbers of threads and processes and bytes of memory: look at
//! the results, which are the same to the last bit, at a watcher that counts tasks, and at the first line of main.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use brickwork::prelude::*;
use brickwork::{Event, Observer, Processes, Scheduler, Synchronous, Threads, random};

#[derive(Debug, Default)]
struct TaskCount(AtomicUsize);

impl Observer for TaskCount {
    fn event(&self, event: &Event<'_>) {
        if matches!(event, Event::TaskFinished { .. }) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn processes(workers: usize, threads: usize) -> Processes {
    Processes::new().workers(workers).threads(threads).memory_limit("1GB")
}

fn main() -> brickwork::Result<()> {
    // Worker processes are this program again: here they part with it.
    brickwork::worker_main();
    let n = 2000;
    let x = random::default_rng(Some(42)).random(&[n, n], [500, 500])?;
    let y = (&x + x.t()).slice(s![..;2, 1000..])?.mean(1)?;
    let tasks = Arc::new(TaskCount::default());
    let schedulers: Vec<(&str, Box<dyn Scheduler>)> = vec![
        ("synchronous", Box::new(Synchronous::new())),
        ("one thread", Box::new(Threads::new(1).observer(tasks.clone()))),
        ("two threads", Box::new(Threads::new(2).observer(tasks.clone()))),
        ("four threads", Box::new(Threads::new(4).observer(tasks.clone()))),
        ("two threads, 4 MB", Box::new(Threads::new(2).memory(4 << 20).observer(tasks.clone()))),
        ("one process of four threads", Box::new(processes(1, 4).observer(tasks.clone()))),
        ("four processes of one thread", Box::new(processes(4, 1).observer(tasks.clone()))),
        ("two processes of four threads", Box::new(processes(2, 4).observer(tasks.clone()))),
    ];
    let mut first: Option<Vec<u64>> = None;
    for (name, scheduler) in &schedulers {
        let values = y.compute_with(scheduler.as_ref())?.to_vec::<f64>();
        let bits: Vec<u64> = values.iter().map(|value| value.to_bits()).collect();
        println!("{name}: {} values, the first {}", values.len(), values[0]);
        assert_eq!(*first.get_or_insert_with(|| bits.clone()), bits, "the same bits");
    }
    println!("{} tasks on threads and in processes", tasks.0.load(Ordering::Relaxed));
    Ok(())
}
