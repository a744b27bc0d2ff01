//! The same bits whatever the chunks, the memory, the threads, the scheduler, the grids: of sums that are not exact, of
//! moments, of random numbers.

use std::sync::Arc;

use brickwork::random::default_rng;
use brickwork::{Array, Axes, Compute, DType, Result, Threads, greater};
use brickwork_core::eval::PATCH_ELEMENTS;
use brickwork_core::plan::{Request, plan};
use brickwork_core::simd::{Vectors, use_at_most};
use brickwork_core::{Block, Complex, Lazy};
use brickwork_sched::{Scheduler, explain};
use brickwork_testkit::{
    Inputs, MemorySink, assert_array_eq_in, assert_same_everywhere, configurations, noise,
    some_configurations, strategies,
};
use ndarray::ArrayD;
use proptest::prelude::*;

/// Asserts that an expression of one input has the same bits for every arrangement of the input, in every
/// configuration.
fn check(values: &ArrayD<f64>, build: impl Fn(&Array) -> Result<Array>) {
    let plain = build(&Inputs::Memory.array(values)).unwrap();
    let expected = assert_same_everywhere(&plain, &configurations());
    for inputs in [Inputs::MemoryInChunks(3), Inputs::Chunks(4), Inputs::Chunks(5), Inputs::Elements(7)] {
        let array = build(&inputs.array(values)).unwrap();
        assert_array_eq_in(&array, &expected, &some_configurations(5, 9));
    }
}

#[test]
fn folds_whose_order_shows() {
    // Longer than a few leaves of 1024 and of 16.
    for (shape, axes) in [
        (&[2100usize][..], &[0usize][..]),
        (&[2, 1100], &[1]),
        (&[75, 12], &[0]),
        (&[40, 30], &[0, 1]),
        (&[20, 3, 20], &[0, 2]),
        (&[5, 35, 9], &[1]),
    ] {
        let values = noise(shape, 1);
        let over = || Axes::of(axes.iter().copied());
        check(&values, |x| x.sum(over()));
        check(&values, |x| x.std(over()));
        check(&values, |x| (x * 1.1 + 0.3).mean(over()));
    }
}

#[test]
fn folds_of_all_pairs() {
    let values = noise(&[64, 3], 4);
    let pairs = |x: &Array| -> Result<Array> {
        Ok(x.slice(brickwork::s![.., NewAxis, ..])? - x.slice(brickwork::s![NewAxis, .., ..])?)
    };
    let squares = |x: &Array| pairs(x)?.square()?.sum(-1);
    check(&values, |x| squares(x)?.sum(()));
    check(&values, |x| (squares(x)? * 2.0 - squares(x)?).mean(0));
    check(&values, |x| (1.0_f64 / (squares(x)? + 0.1)).power(3)?.nansum(1));
    check(&values, |x| squares(x));
}

#[test]
fn patches_that_only_run_a_program_are_prepared_together() {
    let x = Inputs::Memory.array(&noise(&[2000], 5));
    let pairs = x.slice(brickwork::s![.., NewAxis]).unwrap() - x.slice(brickwork::s![NewAxis, ..]).unwrap();
    let batch =
        |array: &Array| explain(std::slice::from_ref(array), &Threads::new(2)).unwrap().stages[0].walk.batch;
    assert!(batch(&pairs.square().unwrap().sum(()).unwrap()) >= 8 * PATCH_ELEMENTS);
    // There is nothing to run, and nothing that is there already.
    assert_eq!(batch(&x.sum(()).unwrap()), 0);
    let stored = Inputs::Chunks(7).array(&noise(&[2000], 5));
    assert_eq!(batch(&(stored * 2.0).sum(()).unwrap()), 0);
}

#[test]
fn folds_of_what_was_moved() {
    let values = noise(&[35, 40], 2);
    check(&values, |x| x.transpose(None)?.sum(0));
    check(&values, |x| x.slice(brickwork::s![..;-2, 3..])?.mean(1));
    check(&values, |x| x.reshape(&[-1])?.sum(()));
    check(&values, |x| x.cumsum(Some(0), None)?.cumsum(Some(1), None));
    check(&values, |x| x.matmul(&x.transpose(None)?));
    check(&values, |x| Ok(x.t().matmul(x)? / 3.0));
}

#[test]
fn folds_that_are_used_again() {
    let values = noise(&[35, 36], 3);
    check(&values, |x| Ok((x - x.mean(0)?) / x.std(0)?));
    check(&values, |x| Ok((x - x.mean(Axes::of([1]).keepdims())?) / x.std(())?));
    check(&values, |x| x.select(&greater(x, 0.1)?)?.mean(()));
    check(&values, |x| Ok(x.select(&greater(x, 0.1)?)? * 3.3));
}

#[test]
fn random_numbers_depend_on_seed_and_place_alone() {
    let values = |chunks: [usize; 2], transposed: bool| {
        let mut rng = default_rng(Some(7));
        let uniform = rng.random(&[40, 35], chunks).unwrap();
        let normal = rng.normal(10.0, 0.1, &[40, 35], chunks).unwrap();
        let exponential = rng.exponential(2.0, &[40, 35], chunks).unwrap();
        let whole = rng.integers(-5, 100, &[40, 35], chunks).unwrap();
        let sum = &uniform + normal + exponential + whole;
        if transposed { sum.transpose(None).unwrap().transpose(None).unwrap() } else { sum }
    };
    let expected = assert_same_everywhere(&values([40, 35], false), &configurations());
    for chunks in [[1, 35], [13, 7], [40, 1]] {
        assert_array_eq_in(&values(chunks, true), &expected, &some_configurations(3, chunks[0] as u64));
    }
    let part = values([10, 10], false).slice(brickwork::s![5..;3, ..;-4]).unwrap();
    let axes =
        vec![brickwork_core::AxisRange::stepped(5, 12, 3), brickwork_core::AxisRange::stepped(34, 9, -4)];
    let expected: Block = expected.slice(&brickwork::Region::new(axes));
    assert_array_eq_in(&part, &expected, &some_configurations(5, 1));
}

#[test]
fn two_calls_draw_different_numbers() {
    let mut rng = default_rng(Some(7));
    let difference = rng.random(&[1000], 100).unwrap() - rng.random(&[1000], 100).unwrap();
    let equal = assert_same_everywhere(
        &brickwork::equal(difference, 0.0).unwrap().sum(()).unwrap(),
        &configurations(),
    );
    assert_eq!(equal.item::<i64>(), 0);
}

proptest! {
    #![proptest_config(strategies::config(24))]

    #[test]
    fn any_grid_gives_the_same_bits(rows in 1usize..80, columns in 1usize..80, cell in 1usize..3000, patch in 1usize..3000, tile in 1usize..300, choice: u64) {
        let values = noise(&[rows, columns], choice);
        let build = |x: &Array| -> Result<Array> { (x - x.mean(0)?).std(1)?.sum(()) };
        let plain = build(&Inputs::Memory.array(&values)).unwrap();
        let expected = assert_same_everywhere(&plain, &some_configurations(1, choice));
        let forced = Threads::new(2).forced(|options| {
            options.forced_cell = Some(cell);
            options.forced_patch = Some(patch);
            options.forced_tile = Some(tile);
        });
        let configuration = brickwork_testkit::Configuration::new("a grid of chance", forced);
        assert_array_eq_in(&build(&Inputs::Chunks(choice).array(&values)).unwrap(), &expected, &[configuration]);
    }
}

#[test]
fn products_with_their_own_transpose_are_computed_once() {
    let values = noise(&[90, 70], 8);
    let (x, copy) = (Inputs::Memory.array(&values), Inputs::Memory.array(&values));
    let gram = |x: &Array, y: &Array| x.t().matmul(y).unwrap();
    let outer = |x: &Array, y: &Array| x.matmul(&y.t()).unwrap();
    let tail = |x: &Array, y: &Array| (gram(x, y) * 2.0 - 1.0) / gram(x, y).abs().unwrap();
    let part = |x: &Array, y: &Array| {
        let part = |x: &Array| x.slice(brickwork::s![1..;2, ..-5]).unwrap();
        gram(&(part(x) - 0.5), &(part(y) - 0.5))
    };
    let whole = |x: &Array, y: &Array| gram(&x.astype(DType::I16).unwrap(), &y.astype(DType::I16).unwrap());
    let complex = |x: &Array, y: &Array| gram(&(x * Complex::new(1.0, 2.0)), &(y * Complex::new(1.0, 2.0)));
    type Build<'a> = &'a dyn Fn(&Array, &Array) -> Array;
    let cases: [(Build<'_>, bool); 6] =
        [(&gram, true), (&outer, true), (&tail, true), (&part, true), (&whole, true), (&complex, false)];
    for (number, (build, is_mirrored)) in cases.into_iter().enumerate() {
        let expected = build(&x, &copy).compute().unwrap();
        let array = build(&x, &x);
        assert_same_bits(&array.compute().unwrap(), &expected);
        for (threads, cell) in [(1, 300 * 90), (2, 2000 * 90), (2, 1)] {
            // Written cells have the kept axes alone.
            let cell = if number == 2 { cell / 90 } else { cell }.max(1);
            let threads = Threads::new(threads).forced(|options| {
                options.forced_cell = Some(cell);
                options.forced_patch = Some(cell / 2 + 1);
            });
            let request = [Request::Collect(array.value().clone())];
            let drawn = plan(&request, &threads.options()).unwrap();
            let stage = &drawn.stages[drawn.targets[0].stage];
            assert_eq!(stage.mirrored.is_some(), is_mirrored, "case {number}, {drawn:?}");
            assert!(!is_mirrored || stage.num_tasks() < stage.grid.num_chunks());
            assert_same_bits(&array.compute_with(&threads).unwrap(), &expected);
        }
    }
}

#[test]
fn products_with_their_own_transpose_are_stored_in_chunks_of_any_shape() {
    let values = noise(&[40, 300], 9);
    let (x, copy) = (Inputs::Memory.array(&values), Inputs::Memory.array(&values));
    let build = |y: &Array| x.t().matmul(y).unwrap() / 40.0;
    let expected = build(&copy).compute().unwrap();
    for (chunks, is_mirrored) in [
        (vec![50, 50], true),
        (vec![64, 32], true),
        (vec![21, 14], true),
        (vec![37, 41], false),
        (vec![300, 7], false),
    ] {
        for threads in [Threads::new(1), Threads::new(2)] {
            let threads = threads.memory(1 << 20).forced(|options| options.forced_cell = Some(2500));
            let sink = Arc::new(MemorySink::with_chunks(&chunks[..]));
            let requests = [Request::Store(build(&x).value().clone(), sink.clone())];
            let drawn = plan(&requests, &threads.options()).unwrap();
            assert_eq!(drawn.stages.last().unwrap().mirrored.is_some(), is_mirrored, "{chunks:?} {drawn:?}");
            let outcome = threads.run(&requests).unwrap();
            assert_same_bits(&sink.published().unwrap(), &expected);
            let bytes = 300 * 300 * 8;
            assert_eq!((outcome.counts.bytes_written, outcome.counts.bytes_delivered), (bytes, bytes));
        }
    }
}

fn assert_same_bits(found: &Block, expected: &Block) {
    assert_eq!((found.shape(), found.dtype()), (expected.shape(), expected.dtype()));
    let bytes = |block: &Block| block.to_dense(None).as_bytes().unwrap().to_vec();
    assert!(bytes(found) == bytes(expected), "other bits");
}

/// Numbers of a dtype, some of them extreme: beyond the range of functions, denormal, infinite, not a number.
fn extremes(dtype: DType, seed: u64) -> Array {
    let mut values: Vec<f64> = noise(&[600], seed).iter().map(|value| value * 20.0 - 5.0).collect();
    for (k, extreme) in [0.0, -0.0, 1.0, -1.0, 1e300, -1e-310, 709.9, -745.2, 1e22, f64::INFINITY, f64::NAN]
        .into_iter()
        .enumerate()
    {
        values[37 * k + seed as usize] = extreme;
    }
    let x = Inputs::Memory.array(&ArrayD::from_shape_vec(vec![600], values).unwrap());
    match dtype.is_float() || dtype.is_complex() {
        true => x.astype(dtype).unwrap(),
        false => Inputs::Memory.array(&noise(&[600], seed).map(|value| value * 100.0)).astype(dtype).unwrap(),
    }
}

#[test]
fn vectors_of_any_width_give_the_same_bits() {
    let dtypes = [DType::F64, DType::F32, DType::I64, DType::I16, DType::U8, DType::Bool, DType::C128];
    let mut arrays: Vec<(String, Array)> = Vec::new();
    for dtype in dtypes {
        let operands: Vec<Array> = (0..3).map(|seed| extremes(dtype, seed)).collect();
        for entry in brickwork::table() {
            let terms: Vec<brickwork::Term> = operands[..entry.arity].iter().map(Into::into).collect();
            if let Ok(array) = entry.call(&terms) {
                arrays.push((format!("{} of {dtype}", entry.name), array));
            }
        }
        let x = &operands[0];
        let plane = x.reshape(&[20, 30]).unwrap();
        let folds =
            [x.sum(()), x.std(()), x.max(()), x.nansum(()), x.argmin(()), plane.sum(0), plane.prod(1)];
        arrays.extend(folds.into_iter().flatten().map(|array| (format!("a fold of {dtype}"), array)));
    }
    for array in [
        default_rng(Some(1)).random(&[500], [100]),
        default_rng(Some(1)).normal(0.0, 1.0, &[500], [100]),
        default_rng(Some(1)).exponential(1.0, &[500], [100]),
        default_rng(Some(1)).integers(0, 1000, &[500], [100]),
    ] {
        arrays.push(("random numbers".into(), array.unwrap()));
    }
    let computed = |vectors: Vectors| -> Vec<Option<Block>> {
        use_at_most(vectors);
        // Some inputs are refused, the same by all.
        arrays.iter().map(|(_, array)| array.compute().ok()).collect()
    };
    let widest = computed(Vectors::Widest);
    assert!(widest.iter().flatten().count() > 300);
    for vectors in [Vectors::Avx2, Vectors::Oldest] {
        let narrower = computed(vectors);
        for (((name, _), narrower), widest) in arrays.iter().zip(&narrower).zip(&widest) {
            let bytes = |block: &Option<Block>| {
                block.as_ref().map(|block| block.to_dense(None).as_bytes().map(<[u8]>::to_vec))
            };
            assert!(bytes(narrower) == bytes(widest), "{name}: {vectors:?} gives other bits");
        }
    }
    use_at_most(Vectors::Widest);
}
