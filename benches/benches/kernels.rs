//! What an element costs in cache: mathematical functions, random numbers, folds.

use brickwork::core::eval::evaluate;
use brickwork::prelude::*;
use brickwork::user::Boundary;
use brickwork::{Lazy, Result, random};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const SIZE: usize = 32 << 10;

/// A name, and what is made of an array.
type Case = (&'static str, fn(&Array) -> Result<Array>);

fn numbers(dtype: DType) -> Array {
    let made = random::default_rng(Some(1)).uniform(0.1, 10.0, &[SIZE], ChunkSpec::auto());
    made.and_then(|x| x.astype(dtype)).and_then(|x| x.persist()).expect("random numbers are made")
}

fn bench(c: &mut Criterion, group: &str, name: &str, make: impl Fn(&Array) -> Result<Array>) {
    let mut group = c.benchmark_group(group);
    group.throughput(Throughput::Elements(SIZE as u64));
    for dtype in [DType::F64, DType::F32] {
        let array = make(&numbers(dtype)).expect("the expression is right");
        group.bench_function(format!("{name} {dtype}"), |b| b.iter(|| evaluate(array.value())));
    }
    group.finish();
}

fn functions(c: &mut Criterion) {
    let all: [Case; 8] = [
        ("add", |x| Ok(x + x)),
        ("sqrt", Array::sqrt),
        ("exp", Array::exp),
        ("log", Array::log),
        ("sin", Array::sin),
        ("cos", Array::cos),
        ("cube", |x| x.power(3)),
        ("power", |x| x.power(2.5)),
    ];
    for (name, make) in all {
        bench(c, "elementwise", name, make);
    }
}

fn folds(c: &mut Criterion) {
    let all: [Case; 5] = [
        ("sum", |x| x.sum(())),
        ("std", |x| x.std(())),
        ("max", |x| x.max(())),
        ("argmax", |x| x.argmax(())),
        ("topk", |x| x.topk(10, 0)),
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
