//! Several threads that work off the tasks of one run state.

use std::sync::PoisonError;
use std::time::Duration;

use brickwork_core::{Error, Result};

use super::sync::{Condvar, Mutex, MutexGuard, scope};
use crate::run_state::{RunState, TaskId};

/// What there is to do.
pub trait Work: Sync {
    /// If somebody has asked to stop.
    fn is_cancelled(&self) -> bool;

    /// Runs one task on the thread of this number.
    fn execute(&self, task: TaskId, worker: usize) -> Result<()>;

    /// Is called when the last task of a stage has ended, before any that waits for the stage starts.
    fn stage_done(&self, stage: usize) -> Result<()>;

    /// Is called when no task has ended for so long, with what stages wait for.
    fn stalled(&self, quiet: Duration, who_waits: &str);
}

/// Works off every task on so many threads, the caller's among them. With `quiet`, one more watches that they move.
///
/// # Errors
/// The first error of a task or stage: nothing starts after it.
pub fn work_off(state: RunState, workers: usize, quiet: Option<Duration>, work: &impl Work) -> Result<()> {
    let crew = Crew {
        shared: Mutex::new(Shared { state, error: None, waiting: 0, is_over: false }),
        changed: Condvar::new(),
        over: Condvar::new(),
    };
    scope(|outer| {
        let crew = &crew;
        if let Some(quiet) = quiet {
            outer.spawn(move || crew.watch(quiet, work));
        }
        // Even if a thread panics: else the one who watches would go on for ever.
        let _over = EndWatch(crew);
        scope(|inner| {
            for number in 1..workers {
                inner.spawn(move || crew.work(work, number));
            }
            crew.work(work, 0);
        });
    });
    let error = crew.lock().error.take();
    error.map_or(Ok(()), Err)
}

struct Crew {
    shared: Mutex<Shared>,
    /// A task has ended.
    changed: Condvar,
    /// All have.
    over: Condvar,
}

struct Shared {
    state: RunState,
    error: Option<Error>,
    /// Threads that wait for a change: without any, nobody need be woken.
    waiting: usize,
    is_over: bool,
}

impl Crew {
    /// A thread that panics stops the others, so nobody goes on with what it left half done.
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, work: &impl Work, number: usize) {
        let _stop = StopOthers(self);
        let mut next = self.next_task(self.lock(), work);
        while let Some(task) = next {
            let mut result = work.execute(task, number);
            let mut shared = self.lock();
            if result.is_ok() && shared.state.finished(task) {
                result = work.stage_done(task.stage);
            }
            if let Err(error) = result {
                shared.error.get_or_insert(error);
            }
            self.tell_waiting(&shared);
            next = self.next_task(shared, work);
        }
    }

    fn tell_waiting(&self, shared: &Shared) {
        if shared.waiting > 0 {
            self.changed.notify_all();
        }
    }

    /// The next task that may run, as soon as there is one; none when all is done or something has failed.
    fn next_task<'c>(&'c self, mut shared: MutexGuard<'c, Shared>, work: &impl Work) -> Option<TaskId> {
        loop {
            if work.is_cancelled() && shared.error.is_none() {
                shared.error = Some(Error::Cancelled);
            }
            if shared.error.is_some() || shared.state.is_done() {
                self.tell_waiting(&shared);
                return None;
            }
            if let Some(task) = shared.state.next_task() {
                return Some(task);
            }
            shared.waiting += 1;
            shared = self.changed.wait(shared).unwrap_or_else(PoisonError::into_inner);
            shared.waiting -= 1;
        }
    }

    /// Tells those who watch when nothing moves.
    fn watch(&self, quiet: Duration, work: &impl Work) {
        let mut shared = self.lock();
        let mut done = shared.state.num_done();
        while !shared.is_over {
            let waited = self.over.wait_timeout(shared, quiet).unwrap_or_else(PoisonError::into_inner);
            shared = waited.0;
            if waited.1.timed_out() && !shared.is_over && shared.state.num_done() == done {
                let who_waits = shared.state.explain_stages();
                drop(shared);
                work.stalled(quiet, &who_waits);
                shared = self.lock();
            }
            done = shared.state.num_done();
        }
    }
}

/// Ends the crew's work when its thread panics, which an observer can make it do: the others would wait for ever.
struct StopOthers<'c>(&'c Crew);

impl Drop for StopOthers<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.lock().error.get_or_insert_with(|| Error::Bug { what: "a thread panicked".to_owned() });
            self.0.changed.notify_all();
        }
    }
}

/// Ends the watch when all threads that work have ended.
struct EndWatch<'c>(&'c Crew);

impl Drop for EndWatch<'_> {
    fn drop(&mut self) {
        self.0.lock().is_over = true;
        self.0.over.notify_all();
    }
}
