//! What people should know of a run that is in trouble, on standard error.

use brickwork_sched::{Event, Observer};

use crate::report::note;

/// Tells of workers that are lost, and of runs in which nothing moves.
#[derive(Debug)]
pub struct Warnings;

impl Observer for Warnings {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::WorkerLost { worker, reason, tasks, .. } => {
                let count = tasks.len();
                let plural = if count == 1 { "" } else { "s" };
                note(&format!(
                    "worker process {worker} {reason}; another one takes its place, {count} task{plural} run again"
                ));
            }
            Event::Stalled { quiet, what, .. } => {
                note(&format!("no task has ended for {} s: {what}", quiet.as_secs()));
            }
            _ => {}
        }
    }
}
