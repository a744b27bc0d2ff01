//! `brickwork plan`.

use std::path::Path;
use std::sync::Arc;

use brickwork_core::plan::{ImaginedStore, Plan, Request};
use brickwork_core::{Lazy, Value};
use brickwork_draw::{DrawError, GraphView, PictureFormat, draw_plan, write_diagram};
use brickwork_ops::Array;
use brickwork_sched::CancelToken;

use crate::args::{PlanArgs, ViewName};
use crate::report::{CommandResult, Failure, note, one_line, print};
use crate::session::{Session, scheduler};
use crate::show::is_summarised;

/// Prints how an expression would be evaluated, and draws it where that is asked for. Computes nothing, and touches no
/// output.
///
/// Without `-o`, a result too long to be printed whole is planned as if it were stored.
///
/// # Errors
/// If the command line or the expression is wrong, no plan fits the memory, or a picture cannot be written.
pub fn plan(args: &PlanArgs) -> CommandResult {
    let session = Session::new(&args.program)?;
    let requests: Vec<Request> = if args.program.output.is_empty() {
        if session.arrays().any(is_summarised) {
            note("note: planned as if stored, for want of -o; eval without -o computes only what it prints");
        }
        session.arrays().map(request).collect()
    } else {
        session.stores(&args.program)?
    };
    if requests.is_empty() {
        return Err(Failure::usage("the result is no array: there is nothing to plan"));
    }
    let scheduler = scheduler(&args.program.run, CancelToken::new(), Vec::new())?;
    let plan = brickwork_core::plan::plan(&requests, &scheduler.options())?;
    // Drawn first: what can still fail should not follow a plan that is printed.
    draw(args, &requests, &plan)?;
    print(&plan.explain())
}

/// Writes the pictures that are asked for.
fn draw(args: &PlanArgs, requests: &[Request], plan: &Plan) -> CommandResult {
    let files =
        [(&args.svg, PictureFormat::Svg), (&args.png, PictureFormat::Png), (&args.dot, PictureFormat::Dot)];
    let files: Vec<(&Path, PictureFormat)> =
        files.iter().filter_map(|(file, format)| Some((file.as_deref()?, *format))).collect();
    if files.is_empty() {
        return match args.view {
            Some(_) => Err(Failure::usage(
                "--view says what is drawn, and no file is named\nhelp: add --svg FILE, --png FILE or --dot FILE",
            )),
            None => Ok(()),
        };
    }
    let view = args.view.map(|view| match view {
        ViewName::Expression => GraphView::Expression,
        ViewName::Stages => GraphView::Stages,
        ViewName::Tasks => GraphView::Tasks,
        ViewName::Chunks => GraphView::Chunks,
    });
    let values: Vec<&Value> = requests.iter().map(Request::value).collect();
    let failed = |error: DrawError| match error {
        DrawError::Plan(error) => Failure::Run(error),
        error => Failure::Other(one_line(&error)),
    };
    let drawn = draw_plan(&values, plan, view).map_err(failed)?;
    if let Some(reason) = &drawn.note {
        note(&format!("note: {reason}"));
    }
    for (path, format) in files {
        write_diagram(&drawn.diagram, path, format).map_err(failed)?;
    }
    Ok(())
}

fn request(array: &Array) -> Request {
    let value = array.value().clone();
    if is_summarised(array) {
        Request::Store(value, Arc::new(ImaginedStore))
    } else {
        Request::Collect(value)
    }
}
