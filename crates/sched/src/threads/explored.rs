//! The crew under every kind of interleaving of its threads that a random and a bounded search find.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use brickwork_core::{Error, Result};

use crate::run_state::{RunState, StageShape, TaskId};

/// The crew once more, with locks and threads that are explored.
#[path = "crew.rs"]
#[allow(clippy::duplicate_mod, reason = "other locks and threads are meant")]
mod crew;

mod sync {
    pub use shuttle::sync::{Condvar, Mutex, MutexGuard};
    pub use shuttle::thread::scope;
}

/// Counts what runs, fails at one task or stage if asked to, and is cancelled after so many tasks.
#[derive(Default)]
struct Counted {
    stages: Vec<StageShape>,
    memory: usize,
    fails_at: Option<TaskId>,
    fails_after_stage: Option<usize>,
    cancelled_after: Option<usize>,
    ran: Mutex<BTreeMap<TaskId, usize>>,
    ended: Mutex<Vec<usize>>,
    held: AtomicUsize,
}

impl crew::Work for Counted {
    fn is_cancelled(&self) -> bool {
        self.cancelled_after.is_some_and(|most| self.ran.lock().unwrap().len() >= most)
    }

    fn execute(&self, task: TaskId, _worker: usize) -> Result<()> {
        let stage = &self.stages[task.stage];
        let ended = self.ended.lock().unwrap().clone();
        assert!(stage.depends.iter().all(|input| ended.contains(input)), "{task:?} runs before its input");
        let held = self.held.fetch_add(stage.task_bytes, Ordering::SeqCst) + stage.task_bytes;
        assert!(held <= self.memory, "{held} bytes are held");
        *self.ran.lock().unwrap().entry(task).or_default() += 1;
        shuttle::thread::yield_now();
        self.held.fetch_sub(stage.task_bytes, Ordering::SeqCst);
        if self.fails_at == Some(task) {
            return Err(Error::Bug { what: "this task fails".to_owned() });
        }
        Ok(())
    }

    fn stage_done(&self, stage: usize) -> Result<()> {
        if self.fails_after_stage == Some(stage) {
            return Err(Error::Bug { what: "this stage fails".to_owned() });
        }
        self.ended.lock().unwrap().push(stage);
        Ok(())
    }

    fn stalled(&self, _quiet: Duration, who_waits: &str) {
        assert!(who_waits.starts_with("stage 0"), "{who_waits}");
    }
}

fn stage(tasks: usize, task_bytes: usize, depends: &[usize]) -> StageShape {
    StageShape { tasks, task_bytes, depends: depends.to_vec(), ..StageShape::default() }
}

/// A fold, two that need it, and one that needs both, in room for two or three tasks.
fn diamond() -> Counted {
    let stages = vec![stage(3, 10, &[]), stage(2, 5, &[0]), stage(1, 20, &[0]), stage(2, 5, &[1, 2])];
    Counted { stages, memory: 25, ..Counted::default() }
}

fn run(work: &Counted, workers: usize, quiet: Option<Duration>) -> Result<()> {
    let state = RunState::of(work.stages.clone(), work.memory, &[usize::MAX]);
    crew::work_off(state, workers, quiet, work)
}

fn ran_once(work: &Counted) {
    let ran = work.ran.lock().unwrap();
    let tasks: usize = work.stages.iter().map(|stage| stage.tasks).sum();
    assert_eq!(ran.len(), tasks, "a task is lost");
    assert!(ran.values().all(|times| *times == 1), "a task ran twice: {ran:?}");
    assert_eq!(work.ended.lock().unwrap().len(), work.stages.len());
}

#[test]
fn threads_lose_no_task_and_wait_for_ever_in_no_order() {
    let all = || {
        let work = diamond();
        run(&work, 3, None).unwrap();
        ran_once(&work);
    };
    shuttle::check_random(all, 2000);
    shuttle::check_pct(all, 2000, 3);
}

#[test]
fn two_threads_end_in_every_order() {
    let all = || {
        let work =
            Counted { stages: vec![stage(2, 1, &[]), stage(1, 1, &[0])], memory: 2, ..Counted::default() };
        run(&work, 2, None).unwrap();
        ran_once(&work);
    };
    shuttle::check_dfs(all, Some(20_000));
}

#[test]
fn one_who_watches_ends_with_the_others() {
    let all = || {
        let work = diamond();
        run(&work, 2, Some(Duration::from_secs(1))).unwrap();
        ran_once(&work);
    };
    shuttle::check_random(all, 2000);
}

#[test]
fn a_failure_is_told_and_nothing_follows_it() {
    let task = || {
        let failing = TaskId { stage: 1, cell: 0 };
        let work = Counted { fails_at: Some(failing), ..diamond() };
        assert!(run(&work, 3, None).unwrap_err().to_string().contains("this task fails"));
        let ran = work.ran.lock().unwrap();
        assert!(ran.keys().all(|task| task.stage < 3), "{ran:?}");
    };
    shuttle::check_random(task, 2000);
    let stage = || {
        let work = Counted { fails_after_stage: Some(0), ..diamond() };
        assert!(run(&work, 3, None).unwrap_err().to_string().contains("this stage fails"));
        assert!(work.ran.lock().unwrap().keys().all(|task| task.stage == 0));
    };
    shuttle::check_random(stage, 2000);
}

#[test]
fn a_cancelled_run_ends() {
    let cancelled = || {
        let work = Counted { cancelled_after: Some(4), ..diamond() };
        assert!(matches!(run(&work, 3, None), Err(Error::Cancelled)));
        // Two may be under way beside the one whose end is seen first.
        assert!(work.ran.lock().unwrap().len() <= 6);
    };
    shuttle::check_random(cancelled, 2000);
}
