//! Worker processes: values, deaths, limits, and that nothing is left behind.
//!
//! A worker is this program again, so it has a main of its own rather than that of the usual harness. Arguments pick
//! tests by parts of their names.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test program says what it does")]

mod catalogue;
mod deaths;
mod limits;
mod misbehaves;
mod observing;
mod values;
mod watch;

use std::panic::catch_unwind;
use std::process::ExitCode;

/// A test: its name, and what it does.
type Test = (&'static str, fn());

/// Lists functions as tests.
macro_rules! tests {
    ($($module:ident: $($name:ident),+;)+) => {
        &[$($((concat!(stringify!($module), "::", stringify!($name)), $module::$name as fn())),+),+]
    };
}

const TESTS: &[Test] = tests! {
    values: the_scheduler_passes_the_suite, every_operation_gives_the_same_bits, the_tour_gives_the_same_bits,
        arrays_in_memory_are_lent, stores_are_written_by_the_workers, late_stages_go_on_in_the_same_workers,
        functions_are_refused_with_the_way_out, several_runs_share_workers, a_stopped_run_is_resumed;
    deaths: killed_workers_do_not_matter, a_task_that_kills_its_worker_is_named, a_worker_that_stops_is_replaced,
        a_task_that_hangs_is_named, nothing_outlives_the_parent, a_program_without_worker_main_is_told,
        a_sink_gets_every_region_once;
    limits: a_worker_that_takes_too_much_is_named, a_run_can_be_cancelled, a_deadline_ends_a_run,
        a_limit_that_is_no_size_is_told, who_waits_for_whom_is_told, failures_that_pass_are_tried_again;
    observing: workers_tell_what_their_tasks_take;
};

fn main() -> ExitCode {
    // Started by a test, to be killed, or to go without `worker_main`.
    let role = std::env::args().find_map(|argument| argument.strip_prefix("--as=").map(str::to_owned));
    if role.as_deref() == Some("forgetful") {
        return deaths::forget();
    }
    brickwork::worker_main();
    if let Some(role) = role {
        return deaths::play(&role);
    }
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|part| name.contains(part));
    let mut failed = Vec::new();
    let chosen: Vec<&Test> = TESTS.iter().filter(|(name, _)| is_wanted(name)).collect();
    println!("running {} tests", chosen.len());
    for (name, test) in &chosen {
        let result = catch_unwind(test);
        println!("test {name} ... {}", if result.is_ok() { "ok" } else { "FAILED" });
        if result.is_err() {
            failed.push(*name);
        }
    }
    watch::assert_no_children("after all tests");
    match failed.is_empty() {
        true => ExitCode::SUCCESS,
        false => {
            eprintln!("failed: {}", failed.join(", "));
            ExitCode::FAILURE
        }
    }
}
