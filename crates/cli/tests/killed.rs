//! Processes that are killed while they write: what they leave is never taken for whole, and `--resume` finishes it.
//!
//! `KILLS=50 cargo test -p brickwork-cli --test killed` kills more often than the few times that every test run does.

#[allow(dead_code, reason = "other tests use the rest")]
mod common;
#[path = "common/listing.rs"]
mod listing;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{brickwork, succeed, text};
use listing::listing;

/// How often a command is killed, for every format.
fn kills() -> u32 {
    std::env::var("KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(3)
}

/// Moments that differ from run to run, as parts of a whole.
fn moment(number: u32) -> f64 {
    f64::from(number.wrapping_mul(2_654_435_761) >> 8) / f64::from(1 << 24)
}

fn command(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_brickwork"));
    command.current_dir(directory).args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Kills a command after a while.
fn killed_after(directory: &Path, arguments: &[&str], wait: Duration) {
    let mut child = command(directory, arguments).spawn().unwrap();
    std::thread::sleep(wait);
    let _ = child.kill();
    child.wait().unwrap();
}

/// Kills a command at moments of its run, again and again, and lets it finish. `targets` are what it writes, `expected`
/// the sums of the values of each.
fn check(directory: &Path, arguments: &[&str], targets: &[&str]) {
    let start = Instant::now();
    succeed(directory, arguments);
    let takes = start.elapsed();
    let sums = |targets: &[&str]| -> Vec<String> {
        let sum = |target: &&str| {
            let expression = "(x * (arange(x.size).reshape(x.shape) % 1013)).sum(), x.shape";
            succeed(directory, &["eval", expression, &format!("x={target}")])
        };
        targets.iter().map(sum).collect()
    };
    let expected = sums(targets);
    let before: Vec<String> = listing(directory);
    let mut in_the_middle = 0;
    for number in 0..kills() {
        for target in targets {
            let file = directory.join(target.split('#').next().unwrap());
            let _ = if file.is_dir() { fs::remove_dir_all(file) } else { fs::remove_file(file) };
        }
        let resuming = [arguments, &["--resume"]].concat();
        killed_after(directory, arguments, takes.mul_f64(moment(number)));
        // Killed again on its way, every other time.
        if number % 2 == 1 && listing(directory) != before {
            killed_after(directory, &resuming, takes.mul_f64(moment(number + 1000)));
        }
        // A run may have been killed when all was done.
        if listing(directory) != before {
            in_the_middle += 1;
            // What is there is whole: the kill came between the last renames and the end.
            for (target, expected) in targets.iter().zip(&expected) {
                if is_there(directory, target) {
                    assert_eq!(&sums(&[target])[0], expected, "{target} was taken for whole");
                }
            }
            let resumed = brickwork(directory, &resuming);
            if !resumed.status.success() {
                // The journals of several results go one after the other when all are there; a kill in between leaves
                // some, and a result without one is whole.
                let message = text(&resumed.stderr);
                let has_ended = targets.len() > 1 && targets.iter().all(|target| is_there(directory, target));
                assert!(has_ended && message.contains("it is whole"), "{resuming:?}: {message}");
                succeed(directory, &[arguments, &["--overwrite"]].concat());
            }
        }
        assert_eq!(sums(targets), expected, "kill {number} of {arguments:?}");
        assert_eq!(listing(directory), before, "kill {number} of {arguments:?} left something");
    }
    assert!(in_the_middle > 0, "no kill hit the run of {arguments:?}");
}

fn is_there(directory: &Path, target: &str) -> bool {
    command(directory, &["info", target]).status().unwrap().success()
}

#[test]
fn a_killed_copy_is_resumed() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    succeed(root, &["eval", "random.normal(size=(1500, 1400))", "--seed", "3", "-o", "in.npy"]);
    succeed(root, &["copy", "in.npy", "in.zarr", "--chunks", "(150, 200)", "--codec", "gzip:1"]);
    for (source, target, codec) in [
        ("in.zarr", "out.npy", ""),
        ("in.zarr", "out.zarr", "gzip:4"),
        ("in.zarr", "out.h5#/g/x", "gzip:4"),
        ("in.zarr", "out.h5#/g/x", "none"),
        // One run of bytes, as it was.
        ("in.npy", "out.h5#/g/x", ""),
    ] {
        let chunks = ["--chunks", "(100, 140)", "--codec", codec];
        let chunks = if codec.is_empty() { &[] } else { &chunks[..] };
        check(root, &[&["copy", source, target], chunks].concat(), &[target]);
        let file = root.join(target.split('#').next().unwrap());
        let _ = if file.is_dir() { fs::remove_dir_all(file) } else { fs::remove_file(file) };
    }
}

#[test]
fn a_killed_evaluation_of_several_outputs_is_resumed() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let expression =
        "x = random.normal(size=(700, 900), chunks=(90, 100)); x - x.mean(axis=0), x.std(axis=1), x.T";
    let outputs = ["-o", "a.zarr", "-o", "b.npy", "-o", "c.h5#/c"];
    let arguments =
        [&["eval", expression, "--seed", "1", "--codec", "none", "--memory", "20MB"][..], &outputs].concat();
    check(root, &arguments, &["a.zarr", "b.npy", "c.h5#/c"]);
}

/// In an object store chunks are whole or not there, and the metadata come last.
#[test]
fn a_killed_copy_to_an_object_store_is_resumed() {
    let server = brickwork_testkit::S3Server::start(&["bucket"]);
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    succeed(root, &["eval", "random.normal(size=(900, 1000))", "--seed", "3", "-o", "in.npy"]);
    let run = |more: &[&str]| {
        let mut command = command(root, &["copy", "in.npy", "s3://bucket/x.zarr", "--chunks", "(90, 100)"]);
        command.args(more).envs(server.settings()).stderr(Stdio::piped());
        command
    };
    let start = Instant::now();
    assert!(run(&[]).status().unwrap().success());
    let takes = start.elapsed();
    let objects = server.directory().join("bucket/x.zarr");
    let before = listing(&objects);
    for number in 0..kills() {
        fs::remove_dir_all(&objects).unwrap();
        let mut child = run(&[]).spawn().unwrap();
        std::thread::sleep(takes.mul_f64(moment(number + 500)));
        let _ = child.kill();
        child.wait().unwrap();
        if !objects.exists() || listing(&objects) != before {
            let output = run(&["--resume"]).output().unwrap();
            assert!(output.status.success(), "{}", common::text(&output.stderr));
        }
        let mut compare = Command::new(env!("CARGO_BIN_EXE_brickwork"));
        compare.current_dir(root).envs(server.settings());
        let output =
            compare.args(["eval", "(x == y).all()", "x=in.npy", "y=s3://bucket/x.zarr"]).output().unwrap();
        assert_eq!(common::text(&output.stdout).trim(), "True", "{}", common::text(&output.stderr));
        assert_eq!(listing(&objects), before, "kill {number} left something");
    }
}

/// Bytes and files of what is unfinished in a directory.
fn unfinished(directory: &Path) -> u64 {
    let parts = fs::read_dir(directory).into_iter().flatten().flatten();
    let parts = parts.filter(|entry| entry.file_name().to_string_lossy().contains(".part-"));
    parts
        .map(|entry| {
            let all = if entry.path().is_dir() { listing_of_part(&entry.path()) } else { vec![entry.path()] };
            1 + all.iter().filter_map(|path| fs::metadata(path).ok()).map(|found| found.len()).sum::<u64>()
        })
        .sum()
}

/// The files of a directory that another process fills.
fn listing_of_part(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .flat_map(
            |entry| if entry.path().is_dir() { listing_of_part(&entry.path()) } else { vec![entry.path()] },
        )
        .collect()
}

#[test]
fn a_killed_run_leaves_the_old_array_or_none() {
    for (place, part_of) in [("a.npy", ""), ("a.zarr", ""), ("a.zarr#/x", "a.zarr"), ("a.h5#/x", "")] {
        for (moment, overwrite) in
            [(1, false), (1, true), (2_000_000, true), (6_000_000, false), (7_900_000, true)]
        {
            let directory = tempfile::tempdir().unwrap();
            let root = directory.path();
            let chunks: &[&str] =
                if place == "a.npy" { &[] } else { &["--chunks", "(100, 1000)", "--codec", "none"] };
            if overwrite {
                succeed(root, &[&["eval", "zeros((1000, 1000))", "-o", place], chunks].concat());
            }
            let mut arguments =
                [&["eval", "random.random((1000, 1000)) + 1", "--seed", "1", "-o", place], chunks].concat();
            if overwrite {
                arguments.push("--overwrite");
            }
            let mut command = Command::new(env!("CARGO_BIN_EXE_brickwork"));
            let mut child = command.current_dir(root).args(&arguments).spawn().unwrap();
            // The moment is told by what the run has written; a run that is too quick for it ends by itself.
            let mut has_ended = false;
            while unfinished(&root.join(part_of)) < moment && !has_ended {
                has_ended = child.try_wait().unwrap().is_some();
                std::thread::yield_now();
            }
            let _ = child.kill();
            child.wait().unwrap();
            let bind = format!("x={place}");
            let found = brickwork(root, &["eval", "x.min(), x.max()", &bind]);
            let shown = text(&found.stdout);
            let is_old = shown == "0.0\n0.0\n";
            let is_new = shown.starts_with("1.0") && shown.contains("\n1.99");
            let is_gone = !found.status.success();
            assert!(
                is_new || (if overwrite { is_old } else { is_gone }),
                "{place} at {moment}: {shown}{}",
                text(&found.stderr)
            );
            // What is left is in nobody's way, and goes with the next run.
            let again = [&["eval", "ones((10, 10))", "-o", place], &["--overwrite"][..]].concat();
            succeed(root, &again);
            assert_eq!(succeed(root, &["eval", "x.sum()", &bind]), "100.0");
            assert_eq!(unfinished(&root.join(part_of)), 0, "{place} at {moment}");
        }
    }
}

#[test]
fn a_killed_region_write_leaves_every_element_old_or_new() {
    for place in ["a.npy", "a.zarr", "a.h5#/x"] {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        let chunks: &[&str] = if place == "a.npy" { &[] } else { &["--chunks", "(30, 1000)"] };
        succeed(root, &[&["eval", "full((1000, 1000), 7.0)", "-o", place], chunks].concat());
        let mut command = Command::new(env!("CARGO_BIN_EXE_brickwork"));
        command.args([
            "eval",
            "full((990, 999), 9.0)",
            "-o",
            place,
            "--region",
            "10:, 1:",
            "--progress",
            "json",
        ]);
        let mut child = command.current_dir(root).stderr(std::process::Stdio::piped()).spawn().unwrap();
        // After the first tasks are done.
        let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
        let _ = lines.by_ref().take(3).last();
        let _ = child.kill();
        child.wait().unwrap();
        let bind = format!("x={place}");
        let shown = succeed(
            root,
            &["eval", "((x == 7) | (x == 9)).all(), (x[:10] == 7).all(), (x[:, 0] == 7).all()", &bind],
        );
        assert_eq!(shown, "True\nTrue\nTrue", "{place}");
        if place == "a.h5#/x" {
            let shown = succeed(root, &["eval", "(x == 7).all() | (x[10:, 1:] == 9).all()", &bind]);
            assert_eq!(shown, "True", "an HDF5 file is as it was, or done");
        }
        succeed(root, &["eval", "full((990, 999), 9.0)", "-o", place, "--region", "10:, 1:"]);
        assert_eq!(succeed(root, &["eval", "(x[10:, 1:] == 9).all()", &bind]), "True");
    }
}
