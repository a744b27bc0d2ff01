//! Blocked algorithms: the sum and the mean of a file that need not fit in memory, first block by block by hand, then
//! as expressions. Look at the bytes read: three results, and the file is read once.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use brickwork::core::plan::Request;
use brickwork::prelude::*;
use brickwork::{Lazy, Scheduler, Threads, random};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("random.npy").display().to_string();
    store(&random::default_rng(Some(1)).exponential(1.0, &[2_000_000], [100_000])?, &file)?;

    // By hand: the sum and the count of each block, then those of all.
    let x = open(&file)?;
    let (mut sum, mut count) = (0.0, 0);
    for start in (0..x.size() as isize).step_by(1_000_000) {
        let block = x.slice(s![start..start + 1_000_000])?.compute()?.to_vec::<f64>();
        sum += block.iter().sum::<f64>();
        count += block.len();
    }
    println!("by hand: sum {sum:.3}, mean {:.6}", sum / count as f64);

    // As expressions: nothing runs until they are computed, all in one pass.
    let results = [x.sum(())?, x.mean(())?, x.var(())?, x.std(())?];
    let requests: Vec<Request> =
        results.iter().map(|result| Request::Collect(result.value().clone())).collect();
    let outcome = Threads::default().run(&requests)?;
    for (name, block) in ["sum", "mean", "variance", "deviation"].iter().zip(&outcome.blocks) {
        println!("{name}: {:.6}", block.as_ref().expect("what is collected is given").item::<f64>());
    }
    println!("{} bytes read of {}", outcome.counts.bytes_read, x.nbytes());
    assert_eq!(outcome.counts.elements_read, 2_000_000);
    Ok(())
}
