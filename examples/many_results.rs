//! Several results of one array in one run: `x` is read once. Look at the counters.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use brickwork::core::plan::Request;
use brickwork::prelude::*;
use brickwork::{Lazy, Scheduler, Threads, random, store};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("brickwork-example-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let file = folder.join("x.npy").display().to_string();
    store(&random::default_rng(Some(1)).normal(10.0, 0.1, &[1000, 800], ChunkSpec::auto())?, &file)?;

    let x = open(&file)?;
    let results = [x.sum(())?, x.mean(0)?, x.std(1)?, x.max(())?];
    let requests: Vec<Request> =
        results.iter().map(|result| Request::Collect(result.value().clone())).collect();
    let outcome = Threads::default().run(&requests)?;
    println!(
        "{} bytes read, the file has {}",
        outcome.counts.elements_read * 8,
        std::fs::metadata(&file)?.len()
    );
    assert_eq!(outcome.counts.elements_read, 800_000);
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}
