//! A chain of operations on a random array, as one expression: look at the tables of `x` and of the result, and at the
//! plan that `explain` prints. Nothing runs before `compute`, and half of `x` is never made.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use brickwork::prelude::*;
use brickwork::{Threads, explain, random};

fn main() -> brickwork::Result<()> {
    let n = 2000;
    let x = random::default_rng(Some(42)).random(&[n, n], [500, 500])?;
    let y = &x + x.t();
    let v = y.slice(s![..;2, 1000..])?.mean(1)?;
    println!("{x}\n\n{v}\n");
    println!("{}", explain(&[&v], &Threads::default())?.explain());
    let values = v.compute()?.to_vec::<f64>();
    println!("{} values, the first: {:?}", values.len(), &values[..5]);
    assert_eq!(values.len(), n / 2);
    Ok(())
}
