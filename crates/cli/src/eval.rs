//! `brickwork eval`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use brickwork_core::plan::Request;
use brickwork_core::{Block, format_bytes};
use brickwork_sched::{Observer, Outcome, Scheduler};

use crate::args::{EvalArgs, OutputFormat};
use crate::interpreter::Value;
use crate::json;
use crate::progress::Progress;
use crate::report::{CommandResult, Failure, note, peak_resident_bytes, print};
use crate::session::{Session, scheduler};
use crate::show::Shown;
use crate::signals::cancel_on_interrupt;

/// Evaluates, and prints or stores the results.
///
/// # Errors
/// If the command line or the expression is wrong, or the run fails.
pub fn eval(args: &EvalArgs) -> CommandResult {
    let session = Session::new(&args.program)?;
    let progress = Progress::new(args.progress);
    let observer = progress.clone().map(|progress| progress as Arc<dyn Observer>);
    let scheduler = scheduler(&args.program.run, cancel_on_interrupt(), observer)?;
    if args.program.output.is_empty() {
        let shown = session
            .results
            .iter()
            .map(|result| match result {
                Value::Array(array) => Shown::new(array, args.format == OutputFormat::Json).map(Some),
                _ => Ok(None),
            })
            .collect::<CommandResult<Vec<_>>>()?;
        let requests: Vec<Request> = shown.iter().flatten().flat_map(Shown::requests).collect();
        let blocks = run(&requests, &*scheduler, args.analyze)?;
        drop(progress);
        print_results(&session.results, &shown, blocks, args.format)
    } else {
        let requests = session.stores(&args.program)?;
        run(&requests, &*scheduler, args.analyze)?;
        Ok(())
    }
}

/// Runs requests, and tells what was planned and measured if that is asked for.
///
/// # Errors
/// If no plan fits the memory, or a task fails.
pub fn run(requests: &[Request], scheduler: &dyn Scheduler, analyze: bool) -> CommandResult<Vec<Block>> {
    if requests.is_empty() {
        return Ok(Vec::new());
    }
    if analyze {
        note(&brickwork_core::plan::plan(requests, &scheduler.options())?.explain());
    }
    let start = Instant::now();
    let outcome = scheduler.run(requests)?;
    if analyze {
        note(&analysis(&outcome, start.elapsed()));
    }
    // What was stored has no block.
    Ok(outcome.blocks.into_iter().flatten().collect())
}

/// What a run took, a line for each figure.
fn analysis(outcome: &Outcome, elapsed: Duration) -> String {
    let counts = &outcome.counts;
    let bytes =
        |count: u64| format!("{} ({count})", format_bytes(usize::try_from(count).unwrap_or(usize::MAX)));
    let mut lines = vec![
        ("seconds", format!("{:.3}", elapsed.as_secs_f64())),
        ("granules read", counts.granules_read.to_string()),
        ("bytes read", bytes(counts.bytes_read)),
        ("elements read", counts.elements_read.to_string()),
        ("elements generated", counts.elements_generated.to_string()),
        ("elements computed", counts.elements_computed.to_string()),
        ("kernels", counts.kernels.to_string()),
        ("bytes written", bytes(counts.bytes_written)),
        ("peak bytes of blocks", bytes(outcome.peak_bytes as u64)),
    ];
    if counts.bytes_spilled > 0 {
        lines.push(("bytes written to spill files", bytes(counts.bytes_spilled)));
        lines.push(("bytes read from spill files", bytes(counts.bytes_unspilled)));
    }
    if let Some(resident) = peak_resident_bytes() {
        lines.push(("peak resident memory", bytes(resident as u64)));
    }
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines: Vec<String> =
        lines.into_iter().map(|(name, value)| format!("{name:width$}  {value}")).collect();
    format!("measured\n{}", lines.join("\n"))
}

fn print_results(
    results: &[Value],
    shown: &[Option<Shown>],
    blocks: Vec<Block>,
    format: OutputFormat,
) -> CommandResult {
    let mut blocks = blocks.into_iter();
    for (result, shown) in results.iter().zip(shown) {
        let text = match (shown, format) {
            (Some(shown), _) => {
                let parts: Vec<Block> = blocks.by_ref().take(shown.num_parts()).collect();
                if format == OutputFormat::Json { json::block(&parts[0]) } else { shown.text(&parts)? }
            }
            (None, OutputFormat::Json) => json::value(result),
            (None, OutputFormat::Text) => match result {
                Value::Text(text) => text.to_string(),
                Value::Function(_) | Value::Method(..) => {
                    let what = result.describe();
                    return Err(Failure::usage(format!(
                        "the result is {what}\nhelp: call it: add parentheses"
                    )));
                }
                other => other.to_string(),
            },
        };
        print(&text)?;
    }
    Ok(())
}
