//! An expression for every operation there is.

use brickwork::assemble::{PadMode, concatenate, stack};
use brickwork::prelude::*;
use brickwork::table;
use brickwork::{Array, Scalar, Term, create, greater, random};

/// Arrays by name. Every operation of the crate occurs in one of them.
pub fn expressions() -> Vec<(String, Array)> {
    let mut all: Vec<(String, Array)> = Vec::new();
    let mut add = |name: &str, array: brickwork::Result<Array>| match array {
        Ok(array) => all.push((name.to_owned(), array)),
        Err(error) => panic!("{name}: {error}"),
    };
    let mut generator = random::default_rng(Some(3));
    let x = generator.random(&[60, 50], [13, 20]).expect("random numbers");
    let n = generator.integers(-40, 90, &[60, 50], [17, 17]).expect("integers");
    let memory = Array::from_vec((0..3000).map(|i| f64::from(i % 97) / 7.0).collect(), &[60, 50]);
    let memory = memory.expect("values");
    let mask = greater(&x, 0.5).expect("a mask");
    let square = x.slice(s![..50, ..]).expect("a part");
    add("normal", generator.normal(1.0, 2.0, &[40, 30], 11));
    add("exponential", generator.exponential(2.0, &[40, 30], 11));
    add("in memory", Ok(&memory + &x));
    add("transposed", Ok((&x.t() * 2.0).t()));
    add("mean", x.mean(0));
    add("mean of a mean", x.mean(0).and_then(|mean| mean.mean(())));
    add("centred", x.mean(0).map(|mean| &x - mean));
    add("standardised", x.mean(()).and_then(|mean| Ok((&x - mean) / x.std(())?)));
    add("var", x.var(1));
    add("sum of integers", n.sum(()));
    add("product", x.slice(s![..3, ..]).and_then(|x| x.prod(0)));
    add("max", n.max(1));
    add("min", x.min(()));
    add("argmax", x.argmax(1));
    add("argmin of all", x.argmin(()));
    add("any", mask.any(0));
    add("all", mask.all(1));
    add("top of an axis", x.topk(3, 0));
    add("places of the top", x.argtopk(-4, 1));
    add("nanmean", x.log().and_then(|x| x.nanmean(0)));
    add("running sum", x.cumsum(Some(0), None));
    add("running sum of all", x.cumsum(None, None));
    add("product of matrices", square.matmul(&x.t()));
    add("product of integers", n.matmul(&n.t()));
    add("selection", x.select(&mask));
    add("selected columns", x.mean(0).and_then(|mean| x.slice(s![3, ..])?.select(&greater(&mean, 0.5)?)));
    add("sum of a selection", x.select(&mask).and_then(|x| x.sum(())));
    add("slice of a selection", x.select(&mask).and_then(|x| x.slice(s![3..40])));
    add("take", x.take([5, 1, 59, 5], 0));
    add("take by an array", n.slice(s![.., 0]).and_then(|n| x.take(&n.abs()?.remainder(60)?, 0)));
    add("points", x.vindex(&[Some([0, 7, 59].into()), Some([4, 4, 1].into())]));
    add("stack", stack(&[&x, &memory], 1));
    add("concatenate", concatenate(&[&x, &memory], 1));
    add("reshape", x.reshape(&[50, 60]));
    add("roll", x.roll(7, 1));
    add("repeat", x.repeat(2, 0));
    add("tile", x.tile(&[2, 1]));
    for mode in [PadMode::Edge, PadMode::Wrap, PadMode::Constant(2.5.into())] {
        add("pad", x.pad(&[(2, 1), (0, 3)], mode));
    }
    add("flip", x.flip(None));
    add("turn", x.rot90(1, [0, 1]));
    add("diagonal", square.diagonal(2, [0, 1]));
    add("on a diagonal", x.mean(0).and_then(|mean| mean.diag(1)));
    add("triangle", square.tril(1));
    add("rechunk", x.rechunk([7, 50]));
    add("broadcast", x.slice(s![0, ..]).and_then(|row| row.broadcast_to(&[20, 50])));
    add("cast", x.astype(DType::F32));
    add("round", x.round(2));
    add("nan to number", x.log().and_then(|x| x.nan_to_num_with(1.5, None, Some(-2.0))));
    add("coarsen", x.coarsen(&[(0, 4), (1, 5)], false, |blocks, axes| blocks.sum(axes)));
    add("neighbours", x.correlate1d(&[0.25, 0.5, 0.25], 0, brickwork::user::Boundary::Reflect));
    add("band", create::eye(40));
    add("range", create::arange_with(0.0, 30.0, 0.25, None, 16));
    add("linspace", create::linspace(0.0, 1.0, 300));
    add("constant", create::full(&[30, 30], Scalar::new(7.5)));
    let bits: Vec<Term> = [&n, &n.abs().expect("integers")].map(Term::from).to_vec();
    let floats: Vec<Term> = [&x, &memory, &x].map(Term::from).to_vec();
    let choice: Vec<Term> = vec![Term::from(&mask), Term::from(&x), Term::from(&memory)];
    for entry in table() {
        // Some are for floats alone, some for integers, one for a mask.
        let operands = [&floats, &bits, &choice].into_iter().filter(|operands| operands.len() >= entry.arity);
        let called: Vec<Array> =
            operands.filter_map(|operands| entry.call(&operands[..entry.arity]).ok()).collect();
        assert!(!called.is_empty(), "{}: no operands fit", entry.name);
        for array in called {
            add(entry.name, Ok(array));
        }
    }
    all
}
