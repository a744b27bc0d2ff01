//! The process of a worker: it says that it is there, watches its memory, and runs the tasks of one plan after the other.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use brickwork_core::Error;
use parking_lot::Mutex;

use super::connection::{Received, Receiver, Sender, connection};
use super::messages::{Busy, FromWorker, PROTOCOL, ToWorker};
use super::tasks;
use crate::run_state::TaskId;

/// How often a worker says that it is alive, and looks at its memory.
const BEAT: Duration = Duration::from_millis(50);

/// Beats between messages.
const BEATS: usize = 4;

/// How long the run may take to complete a message. It never leaves one half-way while it lives.
const PATIENCE: Duration = Duration::from_secs(3600);

/// What a worker does now.
#[derive(Debug, Default)]
pub(super) struct Status {
    /// By thread: the task, and since when.
    running: Mutex<Vec<Option<(TaskId, Instant)>>>,
    /// Bytes of its own memory at which it gives itself up; 0 while it has no plan.
    limit: AtomicUsize,
}

impl Status {
    pub fn prepare(&self, threads: usize, limit: usize) {
        *self.running.lock() = vec![None; threads];
        self.limit.store(limit, Ordering::Relaxed);
    }

    pub fn set(&self, thread: usize, task: Option<TaskId>) {
        self.running.lock()[thread] = task.map(|task| (task, Instant::now()));
    }

    fn busy(&self) -> Vec<Busy> {
        let running = self.running.lock();
        let busy = running.iter().flatten();
        busy.map(|(task, since)| Busy { task: *task, since: since.elapsed().as_millis() as u64 }).collect()
    }
}

/// Serves a run until it is gone. The exit code of the process.
pub(super) fn serve(protocol: &OsStr) -> i32 {
    let Ok((sender, mut receiver)) = connected() else { return 3 };
    let sender = Arc::new(sender);
    if protocol != PROTOCOL || sender.send(&FromWorker::Hello { protocol: PROTOCOL.into() }).is_err() {
        return 3;
    }
    let status = Arc::new(Status::default());
    let (theirs, watched) = (sender.clone(), status.clone());
    std::thread::spawn(move || watch(&theirs, &watched));
    loop {
        let frame = match receiver.receive(None) {
            Ok(Received::Frame(frame)) => frame,
            Ok(Received::Nothing) => continue,
            Ok(Received::Closed) | Err(_) => return 0,
        };
        let answered = match frame.message::<ToWorker>() {
            Ok(ToWorker::Plan(plan)) => tasks::run(*plan, frame.files, &sender, &mut receiver, &status),
            Ok(_) => Ok(()),
            Err(reason) => sender.send(&FromWorker::Refused(Error::Workers { reason: unreadable(&reason) })),
        };
        status.prepare(0, 0);
        if answered.is_err() {
            return 0;
        }
    }
}

fn unreadable(reason: &str) -> String {
    format!(
        "a worker cannot read the plan ({reason}); an operation or source must come back as it was written, and the \
         worker's program must have it"
    )
}

/// The socket to the run, which is the standard input; operations find nothing there.
fn connected() -> std::io::Result<(Sender, Receiver)> {
    let stream = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    connection(stream, PATIENCE)
}

/// Says again and again that the process is alive, and ends it if it takes too much memory.
fn watch(sender: &Sender, status: &Status) {
    for beat in 0usize.. {
        std::thread::sleep(BEAT);
        let limit = status.limit.load(Ordering::Relaxed);
        if limit == 0 {
            continue;
        }
        let bytes = own_bytes();
        if bytes > limit {
            let _ = sender.send(&FromWorker::OverLimit { bytes });
            end_at_once();
        }
        if beat.is_multiple_of(BEATS) && sender.send(&FromWorker::Beat(status.busy())).is_err() {
            end_at_once();
        }
    }
}

/// Ends this process whatever its threads are doing; nothing that it holds outlives it.
pub(super) fn end_at_once() -> ! {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    std::process::abort()
}

/// Bytes of memory that belong to this process alone: not those of files and of memory that it shares.
fn own_bytes() -> usize {
    let Ok(text) = std::fs::read_to_string("/proc/self/statm") else { return 0 };
    let pages = |k: usize| text.split(' ').nth(k).and_then(|text| text.parse::<usize>().ok()).unwrap_or(0);
    pages(1).saturating_sub(pages(2)) * rustix::param::page_size()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_memory_is_measured() {
        let before = own_bytes();
        let block = vec![1u8; 64 << 20];
        std::hint::black_box(&block);
        assert!(before > 0 && own_bytes() > before + (32 << 20));
    }
}
