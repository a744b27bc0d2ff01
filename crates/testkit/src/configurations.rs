//! The ways a computation is run to show that its result does not depend on them.

use std::fmt;
use std::sync::{Arc, LazyLock};

use brickwork_core::SpillCodec;
use brickwork_core::plan::PlanOptions;
use brickwork_sched::processes::can_start_workers;
use brickwork_sched::{Processes, Scheduler, Synchronous, Threads};

use crate::data::Chance;

/// A scheduler with settings, and a name for messages.
#[derive(Clone)]
pub struct Configuration {
    name: String,
    scheduler: Arc<dyn Scheduler>,
}

impl Configuration {
    /// A configuration of one's own.
    pub fn new(name: impl Into<String>, scheduler: impl Scheduler + 'static) -> Self {
        Configuration { name: name.into(), scheduler: Arc::new(scheduler) }
    }

    /// For messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What runs the computation.
    pub fn scheduler(&self) -> &dyn Scheduler {
        self.scheduler.as_ref()
    }
}

impl fmt::Debug for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

const SMALL: usize = 64 << 20;
const LARGE: usize = 1 << 30;

/// Every scheduler, 1, 2 and 7 threads, much and little memory, odd cells, patches and tiles, fusion on and off. The
/// first is the plainest: one task after the other, nothing forced.
pub fn configurations() -> Vec<Configuration> {
    let mut all = vec![
        Configuration::new("synchronous", Synchronous::new().memory(LARGE)),
        Configuration::new("synchronous, 64 MB", Synchronous::new().memory(SMALL)),
        Configuration::new("1 thread", Threads::new(1).memory(LARGE)),
        Configuration::new("2 threads, 64 MB", Threads::new(2).memory(SMALL)),
        Configuration::new("7 threads", Threads::new(7).memory(LARGE)),
    ];
    let mut forced = |name: String, change: &dyn Fn(&mut PlanOptions)| {
        all.push(Configuration::new(name.clone(), Synchronous::new().memory(LARGE).forced(change)));
        all.push(Configuration::new(name + ", 2 threads", Threads::new(2).memory(LARGE).forced(change)));
    };
    for cell in [1, 7, 1000] {
        forced(format!("cells of {cell}"), &|options| options.forced_cell = Some(cell));
    }
    for patch in [64, 1000] {
        forced(format!("patches of {patch}"), &|options| options.forced_patch = Some(patch));
    }
    for tile in [1, 7, 64, 1000] {
        forced(format!("tiles of {tile}"), &|options| options.forced_tile = Some(tile));
    }
    forced("no fusion".into(), &|options| options.fuse = false);
    forced("held values in spill files".into(), &|options| options.forced_spill = true);
    forced("held values in compressed spill files".into(), &|options| {
        (options.forced_spill, options.spill_codec) = (true, SpillCodec::Lz4);
    });
    forced("held values in spill files, cells of 7, patches of 64".into(), &|options| {
        (options.forced_spill, options.forced_cell, options.forced_patch) = (true, Some(7), Some(64));
    });
    forced("cells of 7, patches of 64, tiles of 7, no fusion".into(), &|options| {
        (options.forced_cell, options.forced_patch, options.forced_tile) = (Some(7), Some(64), Some(7));
        options.fuse = false;
    });
    if can_start_workers() {
        all.extend(in_processes());
    }
    all
}

/// Two worker processes of two threads: plain, with odd cells, and with all that can be in spill files there. Of
/// programs whose main begins with [`worker_main`](brickwork_sched::worker_main), which tests with the usual harness
/// have not.
pub fn in_processes() -> Vec<Configuration> {
    // Workers stay from run to run.
    static PROCESSES: LazyLock<Processes> =
        LazyLock::new(|| Processes::new().workers(2).threads(2).memory(SMALL));
    let forced = |name: &str, change: &dyn Fn(&mut PlanOptions)| {
        Configuration::new(name, PROCESSES.clone().forced(change))
    };
    vec![
        forced("2 processes", &|_| {}),
        forced("2 processes, cells of 7", &|options| options.forced_cell = Some(7)),
        forced("2 processes, held values in compressed spill files, cells of 1000", &|options| {
            (options.forced_spill, options.forced_cell) = (true, Some(1000));
            options.spill_codec = SpillCodec::Lz4;
        }),
    ]
}

/// The plainest configuration and `count` others, chosen by a number: for property tests, which cannot afford all.
pub fn some_configurations(count: usize, choice: u64) -> Vec<Configuration> {
    let mut all = configurations();
    let mut chance = Chance::new(choice);
    let mut chosen = vec![all.remove(0)];
    for _ in 0..count.min(all.len()) {
        chosen.push(all.swap_remove(chance.below(all.len())));
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_configurations_apart() {
        let mut names: Vec<String> = configurations().iter().map(|each| each.name().to_owned()).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn a_choice_begins_with_the_plainest() {
        let chosen = some_configurations(3, 42);
        assert_eq!(chosen.len(), 4);
        assert_eq!(chosen[0].name(), "synchronous");
        assert_eq!(some_configurations(1000, 1).len(), configurations().len());
    }
}
