//! What this machine has.

use std::fs::read_to_string;

/// The share of the available memory that a run may use if nobody says otherwise.
const DEFAULT_SHARE: usize = 2;

/// Bytes that this process may still take: what the system reports as available, or what its cgroup allows, if that
/// is less. 4 GB where neither is told.
pub fn available_memory() -> usize {
    let system = read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("MemAvailable:"))?;
        let kilobytes: usize = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kilobytes * 1024)
    });
    let group = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        .iter()
        .find_map(|path| read_to_string(path).ok()?.trim().parse::<usize>().ok());
    system.into_iter().chain(group).min().unwrap_or(4 << 30)
}

/// The budget of a run if nobody says otherwise: half of what is available.
pub fn default_memory() -> usize {
    (available_memory() / DEFAULT_SHARE).max(64 << 20)
}

/// As many threads as the machine has cores for this process.
pub fn default_threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Bytes of memory that this process has now, if the system tells.
pub fn resident_bytes() -> Option<usize> {
    status_bytes("VmRSS:")
}

/// The most bytes of memory that this process has had, if the system tells.
pub fn peak_resident_bytes() -> Option<usize> {
    status_bytes("VmHWM:")
}

fn status_bytes(name: &str) -> Option<usize> {
    let status = read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with(name))?;
    Some(line.split_whitespace().nth(1)?.parse::<usize>().ok()? * 1024)
}
