//! Functions of your own: of elements, of whole chunks, of neighbourhoods. Look at the shapes that the block function
//! is called with: the chunks of the array, and nothing else.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;
use std::sync::Mutex;

use brickwork::prelude::*;
use brickwork::random;
use brickwork::user::Boundary;
use ndarray::{ArrayD, ArrayViewD, Zip};

fn main() -> brickwork::Result<()> {
    let x = random::default_rng(Some(5)).random(&[900, 700], [400, 300])?;

    let logit = x.map_elements(|p: f64| (p / (1.0 - p)).ln())?;
    println!("mean of the log odds {:.4}", logit.mean(())?.compute()?.item::<f64>());

    // Every chunk less its own mean: what a chunk is, only the user knows.
    let shapes = Arc::new(Mutex::new(Vec::new()));
    let seen = shapes.clone();
    let centred = x.map_blocks(move |block: ArrayViewD<'_, f64>, info| -> ArrayD<f64> {
        seen.lock().expect("nobody panics here").push((info.index.clone(), block.shape().to_vec()));
        &block - block.mean().unwrap_or(0.0)
    })?;
    assert!(centred.mean(())?.compute()?.item::<f64>().abs() < 1e-12);
    let mut shapes = shapes.lock().expect("nobody panics here").clone();
    shapes.sort();
    println!("chunks {shapes:?}");
    assert_eq!(shapes.len(), 9, "each chunk once");

    // A mean of three neighbours along axis 0, the edges repeated.
    let smooth =
        x.map_overlap(&[1, 0], &[Boundary::Nearest, Boundary::Nearest], |block: ArrayViewD<'_, f64>| {
            let rows = block.shape()[0] - 2;
            let part = |start: usize| block.slice_axis(ndarray::Axis(0), (start..start + rows).into());
            Zip::from(part(0)).and(part(1)).and(part(2)).map_collect(|a, b, c| (a + b + c) / 3.0)
        })?;
    println!(
        "spread {:.4} before, {:.4} after",
        x.std(())?.compute()?.item::<f64>(),
        smooth.std(())?.compute()?.item::<f64>()
    );
    Ok(())
}
