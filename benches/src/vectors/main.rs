//! What the vectors of this machine are worth to every kernel: its time with them beside its time without.
//!
//! `vectors [WORD...]` measures the kernels whose names contain a word, or all, over elements that stay in a first-level
//! cache. A loop that the compiler has stopped to vectorise is no faster with wide vectors than with the oldest: those
//! below [`SUSPICIOUS`] are marked, unless a reason is known (`cases.rs` lists them).
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints what it measured")]

mod cases;
mod kernel;

use std::collections::HashSet;
use std::process::ExitCode;
use std::time::Instant;

use brickwork::Result;
use brickwork_core::simd::{Vectors, use_at_most};

use kernel::Kernel;

/// A kernel that gains less than this is suspicious.
const SUSPICIOUS: f64 = 1.3;

/// Times are the best of so many runs of about so many seconds.
const RUNS: usize = 7;
const SECONDS: f64 = 0.002;

/// Nanoseconds an element.
fn time(kernel: &mut Kernel, vectors: Vectors) -> Result<f64> {
    use_at_most(vectors);
    kernel.run()?;
    let mut calls = 1;
    let mut best = f64::INFINITY;
    for _ in 0..RUNS {
        loop {
            let start = Instant::now();
            for _ in 0..calls {
                kernel.run()?;
            }
            let seconds = start.elapsed().as_secs_f64();
            if seconds >= SECONDS / 2.0 {
                best = best.min(seconds / calls as f64);
                break;
            }
            calls = (calls as f64 * (SECONDS / seconds.max(SECONDS / 100.0))).ceil() as usize;
        }
    }
    use_at_most(Vectors::Widest);
    Ok(best * 1e9 / kernel.elements as f64)
}

fn run(words: &[String]) -> Result<usize> {
    println!(
        "| kernel | dtype | oldest, ns | AVX2, ns | widest, ns | ratio | |\n|---|---|---|---|---|---|---|"
    );
    let mut suspicious = 0;
    let mut seen = HashSet::new();
    for case in cases::all() {
        let name = format!("{} {}", case.name, case.dtype);
        if !words.is_empty() && !words.iter().any(|word| name.contains(word.as_str())) {
            continue;
        }
        let Some(array) = case.array()? else { continue };
        // Several names, or several dtypes of the operands, may lead to one kernel.
        if !seen.insert(Kernel::identity(&array)) {
            continue;
        }
        let mut kernel = Kernel::of(&array)?;
        let oldest = time(&mut kernel, Vectors::Oldest)?;
        let avx2 = time(&mut kernel, Vectors::Avx2)?;
        let widest = time(&mut kernel, Vectors::Widest)?;
        let ratio = oldest / widest;
        let note = match case.reason() {
            _ if ratio >= SUSPICIOUS => "",
            Some(reason) => reason,
            None => {
                suspicious += 1;
                "**suspicious**"
            }
        };
        let (name, dtype) = (case.name, case.dtype);
        println!("| {name} | {dtype} | {oldest:.3} | {avx2:.3} | {widest:.3} | {ratio:.2} | {note} |");
    }
    Ok(suspicious)
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match run(&words) {
        Ok(suspicious) => {
            eprintln!("{suspicious} suspicious");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("vectors: {error}");
            ExitCode::FAILURE
        }
    }
}
