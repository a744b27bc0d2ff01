//! What planning and scheduling cost: nothing that grows with chunks, and little for a task, in processes too.

use std::hint::black_box;

use brickwork::core::plan::{PlanOptions, Request, plan};
use brickwork::prelude::*;
use brickwork::sched::RunState;
use brickwork::{Lazy, Processes, Threads, create, random, worker_main};
use criterion::{BatchSize, Criterion, Throughput, criterion_group};

/// The lesson's `(x + x.T)[::2, n / 2:].mean(axis=1)`.
fn transpose_sum(n: usize, chunk: usize) -> brickwork::Result<Array> {
    let x = random::default_rng(Some(1)).random(&[n, n], [chunk, chunk])?;
    (&x + x.t()).slice(s![..;2, (n as isize / 2)..])?.mean(1)
}

/// A million cells of one element.
fn million() -> brickwork::Result<(Array, PlanOptions)> {
    let sum = create::ones_with(&[1_000_000], DType::F64, [1])?.cos()?;
    let options = PlanOptions { forced_cell: Some(1), ..PlanOptions::default() };
    Ok((sum, options))
}

fn planning(c: &mut Criterion) {
    let mut group = c.benchmark_group("plan");
    for (name, n, chunk) in [("a hundred chunks", 10_000, 1000), ("16 million chunks", 100_000, 25)] {
        let result = transpose_sum(n, chunk).expect("the expression is right");
        group.bench_function(name, |b| {
            b.iter(|| plan(&[Request::Collect(result.value().clone())], &PlanOptions::default()));
        });
    }
    let (result, options) = million().expect("the expression is right");
    group.bench_function("a million tasks", |b| {
        b.iter(|| plan(&[Request::Collect(result.value().clone())], &options));
    });
    group.finish();
}

fn scheduling(c: &mut Criterion) {
    let (result, options) = million().expect("the expression is right");
    let planned = plan(&[Request::Collect(result.value().clone())], &options).expect("it fits");
    let tasks = planned.stages.iter().map(brickwork::core::plan::Stage::num_tasks).sum::<usize>();
    let mut group = c.benchmark_group("schedule");
    group.sample_size(10);
    group.throughput(Throughput::Elements(tasks as u64));
    group.bench_function("a million decisions", |b| {
        b.iter_batched(
            || RunState::new(&planned),
            |mut state| {
                while let Some(task) = state.next_task() {
                    state.finished(black_box(task));
                }
                assert!(state.is_done());
            },
            BatchSize::PerIteration,
        );
    });
    let few = create::ones_with(&[100_000], DType::F64, [1]).and_then(|x| x.cos()).expect("it is right");
    group.throughput(Throughput::Elements(100_000));
    group.bench_function("a hundred thousand tasks on threads", |b| {
        let threads = Threads::default().forced(|options| options.forced_cell = Some(1));
        b.iter(|| few.compute_with(&threads));
    });
    group.finish();
}

/// What worker processes cost: their start, and a task.
fn processes(c: &mut Criterion) {
    let few = create::ones_with(&[100_000], DType::F64, [1]).and_then(|x| x.cos()).expect("it is right");
    let one = |workers: usize| Processes::new().workers(workers).threads(1).memory(100 << 20);
    let mut group = c.benchmark_group("processes");
    group.sample_size(10);
    group.bench_function("four workers start, run four tasks, and end", |b| {
        let four = create::ones_with(&[4], DType::F64, [1]).and_then(|x| x.cos()).expect("it is right");
        b.iter(|| four.compute_with(&one(4).forced(|options| options.forced_cell = Some(1))));
    });
    group.throughput(Throughput::Elements(100_000));
    for workers in [1, 2, 4] {
        let scheduler = one(workers).forced(|options| options.forced_cell = Some(1));
        group.bench_function(format!("a hundred thousand tasks in {workers}"), |b| {
            b.iter(|| few.compute_with(&scheduler));
        });
    }
    group.finish();
}

criterion_group!(benches, planning, scheduling, processes);

fn main() {
    worker_main();
    benches();
    Criterion::default().configure_from_args().final_summary();
}
