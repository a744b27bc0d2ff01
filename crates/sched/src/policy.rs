//! What is done about failures, and how long a run may take.

use std::time::{Duration, Instant};

use brickwork_core::Result;
use serde::{Deserialize, Serialize};

/// What is done about failures, and how long a run may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// How often a task runs again whose failure may pass.
    pub retries: Retries,
    /// How long a run may take; what goes on then is stopped.
    pub deadline: Option<Duration>,
    /// After how long without the end of any task observers are told who waits for whom.
    pub stalled_after: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Policy { retries: Retries::none(), deadline: None, stalled_after: Duration::from_secs(60) }
    }
}

/// How often a task runs again whose failure may pass ([`Error::is_transient`](brickwork_core::Error::is_transient)),
/// after pauses that double.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retries {
    times: usize,
    pause: Duration,
}

impl Retries {
    /// The first failure stops the run.
    pub fn none() -> Self {
        Retries::new(0)
    }

    /// Up to so many times for every task, after 0.1 s, 0.2 s and so on.
    pub fn new(times: usize) -> Self {
        Retries { times, pause: Duration::from_millis(100) }
    }

    /// With another first pause.
    #[must_use]
    pub fn pausing(self, pause: Duration) -> Self {
        Retries { pause, ..self }
    }

    pub(crate) fn is_any(&self) -> bool {
        self.times > 0
    }

    /// Does something, again if its failure may pass and nobody has asked for a stop.
    pub(crate) fn run<T>(
        &self,
        is_cancelled: &dyn Fn() -> bool,
        work: &mut dyn FnMut() -> Result<T>,
    ) -> Result<T> {
        let mut pause = self.pause;
        for _ in 0..self.times {
            match work() {
                Err(error) if error.is_transient() => {}
                result => return result,
            }
            wait(pause, is_cancelled);
            if is_cancelled() {
                break;
            }
            pause = pause.saturating_mul(2);
        }
        work()
    }
}

/// Waits, but not for long after somebody has asked for a stop.
fn wait(pause: Duration, is_cancelled: &dyn Fn() -> bool) {
    const SLICE: Duration = Duration::from_millis(20);
    let end = Instant::now().checked_add(pause);
    while !is_cancelled() {
        let left = end.map_or(SLICE, |end| end.saturating_duration_since(Instant::now()));
        if left.is_zero() {
            return;
        }
        std::thread::sleep(left.min(SLICE));
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Error as IoError, ErrorKind};

    use brickwork_core::Error;

    use super::*;

    fn failing(times: usize, kind: ErrorKind) -> impl FnMut() -> Result<usize> {
        let mut count = 0;
        move || {
            count += 1;
            match count > times {
                true => Ok(count),
                false => Err(Error::io("s3://x", "no answer", IoError::from(kind))),
            }
        }
    }

    #[test]
    fn only_what_may_pass_is_tried_again_and_not_for_ever() {
        let retries = Retries::new(2).pausing(Duration::ZERO);
        let go_on = || false;
        assert_eq!(retries.run(&go_on, &mut failing(2, ErrorKind::TimedOut)).unwrap(), 3);
        assert!(retries.run(&go_on, &mut failing(3, ErrorKind::TimedOut)).is_err());
        assert!(retries.run(&go_on, &mut failing(1, ErrorKind::NotFound)).is_err());
        assert!(Retries::none().run(&go_on, &mut failing(1, ErrorKind::TimedOut)).is_err());
    }

    #[test]
    fn nobody_waits_after_a_stop() {
        let retries = Retries::new(5).pausing(Duration::from_secs(3600));
        assert!(retries.run(&|| true, &mut failing(9, ErrorKind::TimedOut)).is_err());
    }
}
