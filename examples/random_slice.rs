//! A large random array of which little is wanted: `normal(10, 0.1).mean(axis=0)[::100]`. Look at how many numbers are
//! made, and that the chunks the user writes change neither that nor the values.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use brickwork::core::plan::Request;
use brickwork::prelude::*;
use brickwork::{Lazy, Scheduler, Threads, random};

fn main() -> brickwork::Result<()> {
    let n = 4000;
    let mut seen: Option<Vec<f64>> = None;
    for chunk in [25, 1000, n] {
        let x = random::default_rng(Some(7)).normal(10.0, 0.1, &[n, n], [chunk, chunk])?;
        let y = x.mean(0)?.slice(s![..;100])?;
        let outcome = Threads::default().run(&[Request::Collect(y.value().clone())])?;
        let values = outcome.blocks[0].as_ref().expect("what is collected is given").to_vec::<f64>();
        println!(
            "chunks of {chunk}: {} of {} numbers made, at most {} bytes held",
            outcome.counts.elements_generated,
            x.size(),
            outcome.peak_bytes
        );
        assert_eq!(outcome.counts.elements_generated as usize, x.size() / 100);
        assert_eq!(*seen.get_or_insert_with(|| values.clone()), values, "the same bits");
    }
    Ok(())
}
