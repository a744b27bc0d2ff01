//! Watching processes and what they leave.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

/// Longer than anything takes that goes well.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The processes that a process has started and that have not ended.
pub fn children(parent: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let numbers = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    numbers
        .filter(|&number| state_and_parent(number).is_some_and(|(state, of)| of == parent && state != 'Z'))
        .collect()
}

fn state_and_parent(number: u32) -> Option<(char, u32)> {
    let text = fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
    // The name in brackets may hold anything.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

/// Whether a process is there and has not ended.
pub fn is_alive(number: u32) -> bool {
    state_and_parent(number).is_some_and(|(state, _)| state != 'Z')
}

/// Sends a signal to one process.
pub fn signal(number: u32, signal: &str) {
    let sent = std::process::Command::new("kill").args([signal, &number.to_string()]).status();
    assert!(sent.is_ok(), "kill {signal} {number}");
}

/// Waits until something is so.
#[track_caller]
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{what}: not after {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Nobody is left of the worker processes of this one.
#[track_caller]
pub fn assert_no_children(when: &str) {
    // Those of the suite's configurations stay until the program ends.
    let kept: BTreeSet<u32> = crate::values::kept_workers().into_iter().collect();
    let left = || children(std::process::id()).into_iter().filter(|child| !kept.contains(child)).count();
    wait_until(&format!("{when}: workers are gone"), || left() == 0);
}

/// What of ours has a name in shared memory.
pub fn traces() -> BTreeSet<String> {
    let entries = fs::read_dir("/dev/shm").into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.path().display().to_string());
    names.filter(|name| name.contains("brickwork")).collect()
}
