//! The Lennard-Jones energy of a cluster of particles, in two forms: the upper triangle picked by a mask, and the whole
//! matrix of pairs with a sum that skips the particles' energy with themselves. Look at the memory: the matrix of all
//! pairs is never held.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use brickwork::core::plan::Request;
use brickwork::prelude::*;
use brickwork::{Lazy, Scheduler, Threads, greater, random};

/// 4 (s² - s) with s = (1 / r²)³.
fn potential(r2: &Array) -> brickwork::Result<Array> {
    let s = (1.0_f64 / r2).power(3)?;
    Ok((&s * &s - &s) * 4.0)
}

fn main() -> brickwork::Result<()> {
    let particles = 1500;
    let cluster = random::default_rng(Some(3)).normal(0.0, 500.0, &[particles, 3], ChunkSpec::auto())? - 0.5;

    // Differences by broadcasting, squares summed over the coordinates.
    let diff = cluster.slice(s![.., NewAxis, ..])? - cluster.slice(s![NewAxis, .., ..])?;
    let r2 = (&diff * &diff).sum(-1)?;

    let upper = r2.triu(0)?;
    let pairs = potential(&upper.select(&greater(&upper, 1e-6)?)?)?.sum(())?;
    let halves = potential(&r2)?.nansum(())? / 2.0;

    let requests = [&pairs, &halves].map(|energy| Request::Collect(energy.value().clone()));
    let outcome = Threads::default().run(&requests)?;
    let energy = |k: usize| outcome.blocks[k].as_ref().expect("what is collected is given").item::<f64>();
    println!("energy of the pairs {:e}, half of all {:e}", energy(0), energy(1));
    println!("{} bytes held at most; all pairs would take {}", outcome.peak_bytes, r2.nbytes());
    assert!((energy(0) / energy(1) - 1.0).abs() < 1e-9);
    Ok(())
}
