//! `brickwork eval`.

use brickwork_core::Block;
use brickwork_core::plan::Request;
use brickwork_sched::Scheduler;

use crate::args::{EvalArgs, OutputFormat};
use crate::interpreter::Value;
use crate::json;
use crate::report::{CommandResult, Failure, print};
use crate::session::{Session, scheduler};
use crate::show::Shown;
use crate::signals::cancel_on_interrupt;
use crate::watch::Watch;

/// Evaluates, and prints or stores the results.
///
/// # Errors
/// If the command line or the expression is wrong, or the run fails.
pub fn eval(args: &EvalArgs) -> CommandResult {
    let session = Session::new(&args.program)?;
    let cancel = cancel_on_interrupt();
    let watch = Watch::start(&args.watch, cancel.clone())?;
    let scheduler = scheduler(&args.program.run, cancel, watch.observers())?;
    let format = args.format;
    if !args.program.output.is_empty() {
        let requests = session.stores(&args.program)?;
        let result = run(&requests, &*scheduler, &watch, format).map(|_| ());
        return watch.finish(result, format);
    }
    let shown = session
        .results
        .iter()
        .map(|result| match result {
            Value::Array(array) => Shown::new(array, format == OutputFormat::Json).map(Some),
            _ => Ok(None),
        })
        .collect::<CommandResult<Vec<_>>>()?;
    let requests: Vec<Request> = shown.iter().flatten().flat_map(Shown::requests).collect();
    // Printed before a dashboard lingers.
    let result = run(&requests, &*scheduler, &watch, format)
        .and_then(|blocks| print_results(&session.results, &shown, blocks, format));
    watch.finish(result, format)
}

/// Runs requests.
///
/// # Errors
/// If no plan fits the memory, or a task fails.
pub fn run(
    requests: &[Request],
    scheduler: &dyn Scheduler,
    watch: &Watch<'_>,
    format: OutputFormat,
) -> CommandResult<Vec<Block>> {
    if requests.is_empty() {
        return Ok(Vec::new());
    }
    watch.explain(requests, scheduler, format)?;
    let outcome = scheduler.run(requests);
    watch.end_progress();
    let outcome = outcome?;
    // What was stored has no block.
    Ok(outcome.blocks.into_iter().flatten().collect())
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
