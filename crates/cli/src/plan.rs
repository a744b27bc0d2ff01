//! `brickwork plan`.

use std::sync::Arc;

use brickwork_core::plan::Request;
use brickwork_core::{Block, ChunkGrid, Error, Lazy, Meta, Region, Result, Sink};
use brickwork_ops::Array;
use brickwork_sched::CancelToken;

use crate::args::PlanArgs;
use crate::report::{CommandResult, Failure, note, print};
use crate::session::{Session, scheduler};
use crate::show::is_summarised;

/// Prints how an expression would be evaluated. Computes nothing, and touches no output.
///
/// Without `-o`, a result too long to be printed whole is planned as if it were stored.
///
/// # Errors
/// If the command line or the expression is wrong, or no plan fits the memory.
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
    let scheduler = scheduler(&args.program, CancelToken::new(), None)?;
    print(&brickwork_core::plan::plan(&requests, &scheduler.options())?.explain())
}

fn request(array: &Array) -> Request {
    let value = array.value().clone();
    if is_summarised(array) { Request::Store(value, Arc::new(Imagined)) } else { Request::Collect(value) }
}

/// A store to plan with: it takes any region, and is never written.
#[derive(Debug)]
struct Imagined;

impl Sink for Imagined {
    fn uri(&self) -> String {
        "a store".into()
    }

    fn create(&self, _meta: &Meta) -> Result<ChunkGrid> {
        Err(never())
    }

    fn grid(&self, meta: &Meta) -> Result<ChunkGrid> {
        Ok(ChunkGrid::regular(&meta.shape, &vec![1; meta.ndim()]))
    }

    fn write(&self, _region: &Region, _block: &Block) -> Result<()> {
        Err(never())
    }

    fn commit(&self) -> Result<()> {
        Err(never())
    }

    fn abort(&self) {}
}

fn never() -> Error {
    Error::Bug { what: "what was only planned was run".into() }
}
