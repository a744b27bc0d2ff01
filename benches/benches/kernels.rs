//! What an element costs in cache: mathematical functions, random numbers, folds.

use brickwork::core::eval::evaluate;
use brickwork::prelude::*;
use brickwork::user::Boundary;
use brickwork::{Lazy, Result, Term, random, table};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const SIZE: usize = 32 << 10;

/// A name, and what is made of an array.
type Case = (&'static str, fn(&Array) -> Result<Array>);

fn numbers(dtype: DType) -> Array {
    let made = random::default_rng(Some(1)).uniform(0.1, 10.0, &[SIZE], ChunkSpec::auto());
    made.and_then(|x| x.astype(dtype)).and_then(|x| x.persist()).expect("random numbers are made")
}

fn bench(c: &mut Criterion, group: &str, name: &str, make: impl Fn(&Array) -> Result<Array>) {
    for dtype in [DType::F64, DType::F32] {
        let array = make(&numbers(dtype)).expect("the expression is right");
        one(c, group, &format!("{name} {dtype}"), &array);
    }
}

fn one(c: &mut Criterion, group: &str, name: &str, array: &Array) {
    let mut group = c.benchmark_group(group);
    group.throughput(Throughput::Elements(SIZE as u64));
    group.bench_function(name, |b| b.iter(|| evaluate(array.value())));
    group.finish();
}

/// Every elementwise function, of one operand given as often as it takes.
fn functions(c: &mut Criterion) {
    for entry in table() {
        for dtype in [DType::F64, DType::F32, DType::I32, DType::C128] {
            let x = numbers(dtype);
            let terms: Vec<Term> = (0..entry.arity).map(|_| Term::from(&x)).collect();
            // Not every function takes every dtype.
            let Ok(array) = entry.call(&terms) else { continue };
            one(c, "elementwise", &format!("{} {dtype}", entry.name), &array);
        }
    }
    bench(c, "elementwise", "cube", |x| x.power(3));
    bench(c, "elementwise", "power of a number", |x| x.power(2.5));
}

fn folds(c: &mut Criterion) {
    let all: [Case; 16] = [
        ("sum", |x| x.sum(())),
        ("prod", |x| x.prod(())),
        ("mean", |x| x.mean(())),
        ("std", |x| x.std(())),
        ("min", |x| x.min(())),
        ("max", |x| x.max(())),
        ("ptp", |x| x.ptp(())),
        ("argmin", |x| x.argmin(())),
        ("argmax", |x| x.argmax(())),
        ("nansum", |x| x.nansum(())),
        ("nanmax", |x| x.nanmax(())),
        ("count_nonzero", |x| x.count_nonzero(())),
        ("topk", |x| x.topk(10, 0)),
        ("sum of three columns", |x| x.slice(s![..SIZE / 3 * 3])?.reshape(&[-1, 3])?.sum(0)),
        ("argmax of rows of four", |x| x.reshape(&[-1, 4])?.argmax(1)),
        ("sum of what is computed", |x| (x * x + x).sum(())),
    ];
    for (name, make) in all {
        bench(c, "fold", name, make);
    }
    bench(c, "lines", "cumsum", |x| x.cumsum(Some(0), None));
    bench(c, "lines", "correlate1d, 9 weights", |x| x.correlate1d(&[0.1; 9], 0, Boundary::Nearest));
}

fn randoms(c: &mut Criterion) {
    let mut group = c.benchmark_group("random");
    group.throughput(Throughput::Elements(SIZE as u64));
    let rng = || random::default_rng(Some(1));
    let arrays = [
        ("uniform", rng().random(&[SIZE], ChunkSpec::auto())),
        ("normal", rng().normal(0.0, 1.0, &[SIZE], ChunkSpec::auto())),
        ("exponential", rng().exponential(1.0, &[SIZE], ChunkSpec::auto())),
        ("integers", rng().integers(0, 100, &[SIZE], ChunkSpec::auto())),
        (
            "every hundredth normal",
            rng().normal(0.0, 1.0, &[SIZE * 100], ChunkSpec::auto()).and_then(|x| x.slice(s![..;100])),
        ),
    ];
    for (name, array) in arrays {
        let array = array.expect("the arguments are right");
        group.bench_function(name, |b| b.iter(|| evaluate(array.value())));
    }
    group.finish();
}

criterion_group!(benches, functions, folds, randoms);
criterion_main!(benches);
