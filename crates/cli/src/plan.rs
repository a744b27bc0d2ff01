//! `brickwork plan`.

use brickwork_core::Lazy;
use brickwork_core::plan::Request;
use brickwork_sched::CancelToken;

use crate::args::PlanArgs;
use crate::report::{CommandResult, Failure, print};
use crate::session::{Session, scheduler};

/// Prints how an expression would be evaluated. Computes nothing, and touches no output.
///
/// # Errors
/// If the command line or the expression is wrong, or no plan fits the memory.
pub fn plan(args: &PlanArgs) -> CommandResult {
    let session = Session::new(&args.program)?;
    let requests = if args.program.output.is_empty() {
        session.arrays().map(|array| Request::Collect(array.value().clone())).collect()
    } else {
        session.stores(&args.program)?
    };
    if requests.is_empty() {
        return Err(Failure::usage("the result is no array: there is nothing to plan"));
    }
    let scheduler = scheduler(&args.program, CancelToken::new(), None)?;
    print(&brickwork_core::plan::plan(&requests, &scheduler.options())?.explain())
}
