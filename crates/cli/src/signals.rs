//! Signals. Ctrl-C: the first one asks the run to stop, the second one ends the process. A file that grows beyond
//! what is allowed is an error like others, and does not kill the process.

use brickwork_sched::CancelToken;

use crate::report::note;

/// The exit code of a process that an interrupt ended.
const INTERRUPTED: i32 = 130;

/// A token that Ctrl-C cancels.
pub fn cancel_on_interrupt() -> CancelToken {
    let token = CancelToken::new();
    let theirs = token.clone();
    let handler = move || {
        if theirs.is_cancelled() {
            std::process::exit(INTERRUPTED);
        }
        theirs.cancel();
        note("stopping; press Ctrl-C again to end at once");
    };
    // Without a handler Ctrl-C ends the process, which is good enough.
    let _ = ctrlc::set_handler(handler);
    token
}

/// Makes a write beyond the longest file allowed (`ulimit -f`) fail, rather than end the process without a word.
#[cfg(unix)]
pub fn report_long_files() {
    // SAFETY: ignoring a signal runs no code of ours; it is done before there are other threads.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}

/// There is no such limit.
#[cfg(not(unix))]
pub fn report_long_files() {}
