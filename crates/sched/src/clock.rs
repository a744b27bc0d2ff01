//! The clock of a process: what all times of events are told by.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// When the clock was looked at first.
static START: OnceLock<Instant> = OnceLock::new();

/// Nanoseconds since the clock was looked at first.
pub(crate) fn nanoseconds() -> u64 {
    let start = START.get_or_init(Instant::now);
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// The time by the clock of events: since this process looked at it first. It never goes back.
pub fn now() -> Duration {
    Duration::from_nanos(nanoseconds())
}
