//! How a process knows that it was started as a worker.

use std::ffi::OsString;
use std::sync::atomic::{AtomicBool, Ordering};

use brickwork_core::{Error, Result};

/// Set in the environment of workers.
pub(super) const VARIABLE: &str = "BRICKWORK_WORKER";

/// Whether [`worker_main`](super::worker_main) has been called.
static WAS_CALLED: AtomicBool = AtomicBool::new(false);

/// What people are told who did not call it.
pub(super) const HELP: &str = "call brickwork::worker_main() first thing in main, or name a program that does: \
                               Processes::worker_program";

/// Whether this process was started as a worker. Programs that it starts itself are none.
pub(super) fn take_variable() -> Option<OsString> {
    WAS_CALLED.store(true, Ordering::Relaxed);
    let value = std::env::var_os(VARIABLE)?;
    // SAFETY: `worker_main` is called first thing in `main`, as its documentation asks, so there is no other thread
    // that could read the environment.
    unsafe { std::env::remove_var(VARIABLE) };
    Some(value)
}

/// Whether this process can start workers by starting itself again.
pub(super) fn can_start_itself() -> bool {
    WAS_CALLED.load(Ordering::Relaxed)
}

/// Refuses to compute in a process that was to be a worker and does not know it: it would start workers in turn.
pub(crate) fn refuse_in_forgotten_worker() -> Result<()> {
    if WAS_CALLED.load(Ordering::Relaxed) || std::env::var_os(VARIABLE).is_none() {
        return Ok(());
    }
    Err(Error::Workers {
        reason: format!("this process was started as a worker, and runs its main instead; {HELP}"),
    })
}
