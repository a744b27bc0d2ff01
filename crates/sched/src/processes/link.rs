//! A worker process, seen from the run.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use brickwork_core::{Error, Result};
use parking_lot::Mutex;

use super::connection::{Received, Receiver, Sender, connection};
use super::environment::{HELP, VARIABLE, can_start_itself};
use super::messages::{FromWorker, PROTOCOL};

/// A worker process. Dropping it ends the process.
#[derive(Debug)]
pub(super) struct Link {
    child: Child,
    pub sender: Arc<Sender>,
    pub receiver: Receiver,
}

/// Worker processes that have nothing to do, kept for the next run. Dropping it ends them.
#[derive(Debug, Default)]
pub(super) struct Fleet {
    idle: Mutex<Vec<Link>>,
}

/// How workers are started.
#[derive(Debug, Clone)]
pub(super) struct Start {
    /// The program; this one if none is named.
    pub program: Option<PathBuf>,
    /// How long a worker may take to say that it is there.
    pub patience: Duration,
    /// How long a worker may be silent.
    pub silence: Duration,
}

impl Fleet {
    /// A worker that waits for work.
    ///
    /// # Errors
    /// If none can be started.
    pub fn take(&self, start: &Start) -> Result<Link> {
        loop {
            // One that has died meanwhile shows only now.
            let idle = self.idle.lock().pop();
            let Some(mut link) = idle else { return Link::start(start) };
            if link.is_alive() {
                return Ok(link);
            }
        }
    }

    pub fn give_back(&self, link: Link) {
        self.idle.lock().push(link);
    }

    /// The numbers of the processes that wait.
    pub fn idle_ids(&self) -> Vec<u32> {
        self.idle.lock().iter().map(|link| link.child.id()).collect()
    }
}

impl Link {
    fn start(start: &Start) -> Result<Link> {
        let failed = |what: String| Error::Workers { reason: what };
        if start.program.is_none() && !can_start_itself() {
            return Err(failed(format!("this program cannot be started as a worker; {HELP}")));
        }
        let program = start.program.clone().unwrap_or_else(own_program);
        let name = program.display().to_string();
        let io_failed = |error: io::Error| failed(format!("{name} cannot be started as a worker: {error}"));
        let (ours, theirs) = UnixStream::pair().map_err(io_failed)?;
        // What operations print must not get into the results of this process.
        let output = io::stderr().as_fd().try_clone_to_owned().map_or_else(|_| Stdio::null(), Stdio::from);
        let mut command = Command::new(&program);
        if let (None, Some(own)) = (&start.program, std::env::args_os().next()) {
            command.arg0(own);
        }
        // In a group of its own, so that Ctrl-C stops the run, which stops its workers.
        command.env(VARIABLE, PROTOCOL).stdin(OwnedFd::from(theirs)).stdout(output).process_group(0);
        let child = command.spawn().map_err(io_failed)?;
        // The command holds their end: while it does, the worker's death would not show.
        drop(command);
        let (sender, receiver) = connection(ours, start.silence).map_err(io_failed)?;
        let mut link = Link { child, sender: Arc::new(sender), receiver };
        match link.receiver.receive(Some(start.patience)) {
            Ok(Received::Frame(frame)) => match frame.message::<FromWorker>() {
                Ok(FromWorker::Hello { protocol }) if protocol == PROTOCOL => Ok(link),
                Ok(FromWorker::Hello { protocol }) => Err(failed(format!(
                    "{name} speaks {protocol:?}, and this program {PROTOCOL:?}; build both from one version"
                ))),
                _ => Err(failed(format!("{name} did not answer as a worker does; {HELP}"))),
            },
            Ok(Received::Nothing) => {
                Err(failed(format!("{name} did not answer as a worker within {:?}; {HELP}", start.patience)))
            }
            Ok(Received::Closed) | Err(_) => {
                let end = link.end();
                Err(failed(format!("{name} {end} before it answered as a worker; {HELP}")))
            }
        }
    }

    fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends the process if it has not ended by itself, waits until it is gone, and says how it ended.
    pub fn end(&mut self) -> String {
        if let Some(status) = self.ended_by_itself() {
            return described(status);
        }
        let _ = self.child.kill();
        match self.child.wait() {
            Ok(_) => "was ended".into(),
            Err(error) => format!("was ended ({error})"),
        }
    }

    /// How the process has ended, if it has. Its end of the socket may be gone a moment before it is.
    fn ended_by_itself(&mut self) -> Option<ExitStatus> {
        for _ in 0..50 {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        None
    }

    /// Ends the process, which may hang.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The program that this process runs, even if its file has been replaced meanwhile.
fn own_program() -> PathBuf {
    #[cfg(target_os = "linux")]
    return PathBuf::from("/proc/self/exe");
    #[cfg(not(target_os = "linux"))]
    std::env::current_exe().unwrap_or_else(|_| PathBuf::from(std::env::args_os().next().unwrap_or_default()))
}

fn described(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(9)) => {
            "was killed by signal 9 (by somebody, or by the system because memory ran out)".into()
        }
        (None, Some(signal)) => format!("was killed by signal {signal}{}", signal_name(signal)),
        (None, None) => "ended".into(),
    }
}

fn signal_name(signal: i32) -> &'static str {
    match signal {
        4 => " (an instruction that this machine does not have)",
        6 => " (it aborted)",
        7 => " (memory that is not there)",
        8 => " (arithmetic)",
        11 => " (memory that is not its own)",
        15 => " (it was asked to end)",
        _ => "",
    }
}
