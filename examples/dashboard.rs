//! A scheduler with a live page: look at the address that it prints while it runs (with an argument it stays for so many
//! seconds), and at the analysis, whose last line says what to change.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use brickwork::observe::{Client, analysis};
use brickwork::prelude::*;
use brickwork::{Threads, random};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::start(Threads::new(2).memory(256 << 20), "127.0.0.1:0")?;
    println!("the dashboard is at {}", client.url());

    let x = random::default_rng(Some(1)).normal(0.0, 1.0, &[4000, 4000], [500, 500])?;
    let scaled = (&x - x.mean(0)?) / x.std(0)?;
    // Two runs at the same time: the page lists both.
    let (spread, means) = (scaled.std(1)?, x.mean(1)?);
    let (spread, means) = std::thread::scope(|scope| {
        let means = scope.spawn(|| means.compute_with(&client));
        (spread.compute_with(&client), means.join().expect("it does not panic"))
    });
    let (spread, means) = (spread?, means?);
    let (first, mean) = (spread.to_vec::<f64>()[0], means.to_vec::<f64>()[0]);
    println!("{} rows, the first with a spread of {first:.3} and a mean of {mean:.3}", spread.size());

    let recording = client.recording();
    println!("{}", analysis(&recording));
    assert_eq!(recording.tasks_done, recording.tasks_planned);

    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
    std::thread::sleep(Duration::from_secs(seconds));
    client.shutdown();
    Ok(())
}
