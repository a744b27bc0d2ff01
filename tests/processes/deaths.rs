//! Workers that die, stop or hang, and a run that dies.

use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use brickwork::prelude::*;
use brickwork::{Array, Event, Observer, Processes, Synchronous, random};
use brickwork_testkit::{MemorySink, assert_block_eq, iota};

use crate::misbehaves::{How, dawdling, misbehaving};
use crate::values::processes;
use crate::watch::{assert_no_children, children, is_alive, signal, traces, wait_until};

/// Counts workers that are lost.
#[derive(Debug, Default)]
pub struct Losses(AtomicUsize);

impl Losses {
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Observer for Losses {
    fn event(&self, event: &Event<'_>) {
        if matches!(event, Event::WorkerLost { .. }) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn numbers() -> Array {
    random::default_rng(Some(11)).random(&[400, 100], [20, 100]).unwrap()
}

pub fn killed_workers_do_not_matter() {
    let x = numbers();
    let slow = dawdling(&x, 20);
    // A fold that is joined from parts, and a map with what it gives.
    let centred = &slow - slow.mean(0).unwrap();
    let expected = (&x - x.mean(0).unwrap()).compute_with(&Synchronous::new()).unwrap();
    let small = |options: &mut brickwork::core::plan::PlanOptions| {
        (options.forced_cell, options.forced_patch) = (Some(2000), Some(2000));
    };
    let mut killed = 0;
    for round in 0.. {
        let losses = Arc::new(Losses::default());
        let scheduler = processes().forced(small).observer(losses.clone()).losses(20);
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let killer = scope.spawn(|| {
                let (mut choice, mut count) = (round * 7919 + 1, 0);
                while !is_over.load(Ordering::Relaxed) {
                    choice = (choice * 1_103_515_245 + 12_345) % 2_147_483_648_usize;
                    std::thread::sleep(Duration::from_millis(30 + choice as u64 % 60));
                    let workers = children(std::process::id());
                    let kept = crate::values::kept_workers();
                    let ours: Vec<u32> =
                        workers.into_iter().filter(|worker| !kept.contains(worker)).collect();
                    if !ours.is_empty() && count < 8 {
                        signal(ours[choice / 64 % ours.len()], "-KILL");
                        count += 1;
                    }
                }
                count
            });
            let found = centred.compute_with(&scheduler);
            is_over.store(true, Ordering::Relaxed);
            killed += killer.join().unwrap();
            let found = found.unwrap_or_else(|error| panic!("round {round}: {error}"));
            assert_block_eq(&found, &expected, &format!("round {round}"));
        });
        println!("  round {round}: {} workers were lost", losses.count());
        if killed >= 20 {
            return;
        }
        assert!(round < 20, "only {killed} workers were killed in all rounds");
    }
}

pub fn a_task_that_kills_its_worker_is_named() {
    let x = Array::from_ndarray(iota(&[100]).view()).unwrap();
    let deadly = misbehaving(&x, How::Dies, 57.0, None);
    let losses = Arc::new(Losses::default());
    let scheduler = processes()
        .forced(|options| (options.forced_cell, options.forced_patch) = (Some(10), Some(10)))
        .observer(losses.clone())
        .losses(3);
    let text = deadly.compute_with(&scheduler).unwrap_err().to_string();
    assert!(text.starts_with("dies failed at [50:60]: its worker process was killed by signal 9"), "{text}");
    assert!(text.ends_with("this was try 3 of 3"), "{text}");
    assert_eq!(losses.count(), 3);
    // Elsewhere it is harmless, and the scheduler goes on.
    let part = deadly.slice(s![..50]).unwrap().sum(()).unwrap();
    assert_eq!(part.compute_with(&scheduler).unwrap().to_vec::<f64>(), [1225.0]);
}

pub fn a_worker_that_stops_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let x = Array::from_ndarray(iota(&[100]).view()).unwrap();
    let once = Some(folder.path().join("stopped"));
    let stops = misbehaving(&x, How::Stops, 57.0, once).sum(()).unwrap();
    let losses = Arc::new(Losses::default());
    let scheduler = processes()
        .forced(|options| (options.forced_cell, options.forced_patch) = (Some(10), Some(10)))
        .silence(Duration::from_secs(2))
        .observer(losses.clone());
    assert_eq!(stops.compute_with(&scheduler).unwrap().to_vec::<f64>(), [4950.0]);
    assert_eq!(losses.count(), 1);
}

pub fn a_task_that_hangs_is_named() {
    let x = Array::from_ndarray(iota(&[100]).view()).unwrap();
    let hangs = misbehaving(&x, How::Hangs, 3.0, None);
    let scheduler = processes()
        .forced(|options| (options.forced_cell, options.forced_patch) = (Some(10), Some(10)))
        .task_limit(Duration::from_millis(700))
        .losses(2);
    let text = hangs.compute_with(&scheduler).unwrap_err().to_string();
    assert!(
        text.starts_with("hangs failed at [0:10]: its worker process ran the task for longer than 700ms"),
        "{text}"
    );
    drop(scheduler);
    assert_no_children("after a task that hangs");
}

pub fn a_sink_gets_every_region_once() {
    let folder = tempfile::tempdir().unwrap();
    let x = Array::from_ndarray(iota(&[100]).view()).unwrap();
    // Others of its worker's tasks have written by then, and not said so: the sink refuses to take a cell twice.
    let once = Some(folder.path().join("died"));
    let dies = misbehaving(&x, How::Dies, 57.0, once);
    let sink = Arc::new(MemorySink::with_chunks([5usize]));
    let scheduler = processes().forced(|options| {
        (options.forced_cell, options.forced_patch) = (Some(20), Some(5));
    });
    brickwork::store_all(
        &[(&dies as &dyn brickwork::Lazy, sink.clone() as Arc<dyn brickwork::Sink>)],
        &scheduler,
    )
    .unwrap();
    assert_eq!(sink.published().unwrap().to_vec::<f64>(), iota(&[100]).into_raw_vec_and_offset().0);
}

pub fn nothing_outlives_the_parent() {
    let (folder, before) = (tempfile::tempdir().unwrap(), traces());
    let own = std::env::current_exe().unwrap();
    let mut parent = Command::new(own);
    let parent = parent.arg("--as=endless").env("TMPDIR", folder.path()).stdout(Stdio::piped());
    let mut parent = parent.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(parent.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line.trim(), "running");
    wait_until("the run has workers", || children(parent.id()).len() == 3);
    let workers = children(parent.id());
    signal(parent.id(), "-KILL");
    parent.wait().unwrap();
    wait_until("its workers end", || workers.iter().all(|&worker| !is_alive(worker)));
    assert_eq!(traces().difference(&before).count(), 0, "{:?}", traces());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "temporary files");
}

pub fn a_program_without_worker_main_is_told() {
    let own = std::env::current_exe().unwrap();
    // A program that computes and would start itself.
    let ran = Command::new(&own).arg("--as=forgetful").output().unwrap();
    let told = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(
        told.contains("this program cannot be started as a worker; call brickwork::worker_main()"),
        "{told}"
    );
    // One that is started as a worker and computes instead.
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("forgetful");
    std::fs::write(&script, format!("#!/bin/sh\nexec {} --as=forgetful\n", own.display())).unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let text = numbers().compute_with(&processes().worker_program(&script)).unwrap_err().to_string();
    assert!(
        text.contains("ended with exit code 1 before it answered as a worker; call brickwork::"),
        "{text}"
    );

    let strange = processes().worker_program("/bin/true");
    let text = numbers().compute_with(&strange).unwrap_err().to_string();
    assert!(text.contains("/bin/true ended with exit code 0 before it answered as a worker"), "{text}");
    let silent = folder.path().join("silent");
    std::fs::write(&silent, "#!/bin/sh\nexec sleep 1000\n").unwrap();
    std::fs::set_permissions(&silent, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let silent = processes().worker_program(&silent).start_limit(Duration::from_millis(300));
    let text = numbers().compute_with(&silent).unwrap_err().to_string();
    assert!(text.contains("did not answer as a worker within 300ms"), "{text}");
    let missing = processes().worker_program("/nowhere/at/all");
    let text = numbers().compute_with(&missing).unwrap_err().to_string();
    assert!(text.contains("/nowhere/at/all cannot be started as a worker"), "{text}");
    assert_no_children("after programs that are no workers");
}

/// A main that does not begin with `worker_main`.
pub fn forget() -> ExitCode {
    match numbers().compute_with(&processes()) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// What a process does that a test starts.
pub fn play(role: &str) -> ExitCode {
    assert_eq!(role, "endless");
    let x = random::default_rng(Some(1)).random(&[1000, 1000], [10, 10]).unwrap();
    let scheduler = Processes::new().workers(3).threads(1).memory_limit("100MB").observer(Arc::new(Tells));
    let slow = dawdling(&x, 50).sum(0).unwrap();
    let _ = slow.compute_with(&scheduler.forced(|options| options.forced_cell = Some(100)));
    ExitCode::FAILURE
}

/// Says when the first task has begun.
struct Tells;

impl Observer for Tells {
    fn event(&self, event: &Event<'_>) {
        if let Event::TaskStarted { .. } = event {
            static TOLD: AtomicBool = AtomicBool::new(false);
            if !TOLD.swap(true, Ordering::Relaxed) {
                println!("running");
            }
        }
    }
}
