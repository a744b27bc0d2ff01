//! The mean of many normal numbers in four chunks, and a picture of how it is computed: four makers, four means of a
//! chunk, one of all. Look at the SVG file.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use brickwork::prelude::*;
use brickwork::{random, visualize};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let n = 8_000_000;
    let x = random::default_rng(Some(1)).normal(0.0, 0.1, &[n], [n / 4])?;
    let mean = x.mean(())?;

    let file = std::env::temp_dir().join("brickwork-task-graph.svg");
    let drawn = visualize(&mean, &file)?;
    println!("{} boxes in {}", drawn.diagram.boxes().len(), file.display());
    assert_eq!(drawn.diagram.boxes().len(), 9);

    println!("{x}\n\nmean {:.6}", mean.compute()?.item::<f64>());
    Ok(())
}
