//! Runs that go on at the same time, each measured by itself.

use std::sync::Arc;

use brickwork_sched::{Event, Observer};
use parking_lot::RwLock;

use crate::recorder::Recorder;

/// Runs that are kept. More of them at once are passed over.
const MOST_RUNS: usize = 16;

/// Measures every run by a [`Recorder`] of its own: those that go on, and the last of those that are over. Runs are
/// numbered from 1.
#[derive(Debug)]
pub struct Runs {
    samples: usize,
    kept: RwLock<Kept>,
    /// What is known before there is any run.
    nothing: Arc<Recorder>,
}

#[derive(Debug, Default)]
struct Kept {
    begun: usize,
    ended: usize,
    /// In the order in which they began.
    runs: Vec<Entry>,
}

/// A run that is kept.
#[derive(Debug)]
struct Entry {
    /// Its number among all of the process.
    id: u64,
    number: usize,
    /// How many had ended when it did; 0 while it goes on.
    ended: usize,
    recorder: Arc<Recorder>,
}

impl Runs {
    /// Keeps so many tasks of each worker of each run, as [`Recorder::detailed`] does.
    pub fn detailed(samples: usize) -> Arc<Runs> {
        Arc::new(Runs { samples, kept: RwLock::default(), nothing: Recorder::detailed(samples) })
    }

    /// The recorder of the run that is looked at if nobody says which: the newest that goes on, else the one that ended
    /// last.
    pub fn newest(&self) -> Arc<Recorder> {
        let kept = self.kept.read();
        let going_on = kept.runs.iter().rev().find(|run| run.ended == 0);
        let run = going_on.or_else(|| kept.runs.iter().max_by_key(|run| run.ended));
        run.map_or_else(|| self.nothing.clone(), |run| run.recorder.clone())
    }

    /// The recorders of all runs that are kept, with their numbers; those that began first come first.
    pub fn all(&self) -> Vec<(usize, Arc<Recorder>)> {
        self.kept.read().runs.iter().map(|run| (run.number, run.recorder.clone())).collect()
    }

    fn begin(&self, id: u64) {
        let mut kept = self.kept.write();
        kept.begun += 1;
        if kept.runs.len() >= MOST_RUNS {
            let over = kept.runs.iter().enumerate().filter(|(_, run)| run.ended > 0);
            let Some((first, _)) = over.min_by_key(|(_, run)| run.ended) else { return };
            kept.runs.remove(first);
        }
        let number = kept.begun;
        let recorder = Recorder::detailed_as(number, self.samples);
        kept.runs.push(Entry { id, number, ended: 0, recorder });
    }

    fn end(&self, id: u64) {
        let mut kept = self.kept.write();
        kept.ended += 1;
        let ended = kept.ended;
        if let Some(run) = kept.runs.iter_mut().find(|run| run.id == id) {
            run.ended = ended;
        }
    }
}

impl Observer for Runs {
    fn event(&self, event: &Event<'_>) {
        let id = event.run().number();
        if matches!(event, Event::RunStarted { .. }) {
            self.begin(id);
        }
        let recorder = {
            let kept = self.kept.read();
            kept.runs.iter().rev().find(|run| run.id == id).map(|run| run.recorder.clone())
        };
        let Some(recorder) = recorder else { return };
        recorder.event(event);
        if matches!(event, Event::RunFinished { .. }) {
            self.end(id);
        }
    }

    fn wants_spans(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use brickwork_sched::{Compute, Synchronous, Threads};
    use ndarray::{ArrayD, ArrayViewD};

    use super::*;
    use crate::recording::Status;
    use crate::test_support::stored;

    #[test]
    fn a_run_within_a_run_is_measured_by_itself() {
        let runs = Runs::detailed(10);
        assert_eq!(runs.newest().recording().status, Status::Waiting);
        let inner = Synchronous::new().observer(runs.clone());
        let outer = Threads::new(2).observer(runs.clone());
        let (within, seen) = (inner.clone(), runs.clone());
        let x = stored(&[40, 10], 40);
        let y = x.map_blocks(move |block: ArrayViewD<'_, f64>, _| -> ArrayD<f64> {
            let other = stored(&[100, 100], 50).sum(()).unwrap().compute_with(&within).unwrap();
            assert_eq!(seen.newest().recording().run, 1, "the inner run is over");
            &block + other.item::<f64>()
        });
        y.unwrap().compute_with(&outer).unwrap();
        let found: Vec<(usize, usize, Status, u64)> = { runs.all().into_iter() }
            .map(|(number, recorder)| (number, recorder.recording()))
            .map(|(number, recording)| {
                (number, recording.run, recording.status, recording.totals.bytes_decoded)
            })
            .collect();
        assert_eq!(found, [(1, 1, Status::Done, 40 * 10 * 8), (2, 2, Status::Done, 100 * 100 * 8)]);
        assert_eq!(runs.newest().recording().run, 1, "it ended last");
    }

    #[test]
    fn the_runs_that_ended_first_are_forgotten_first() {
        let runs = Runs::detailed(10);
        let scheduler = Synchronous::new().observer(runs.clone());
        for _ in 0..MOST_RUNS + 3 {
            stored(&[10, 10], 10).sum(()).unwrap().compute_with(&scheduler).unwrap();
        }
        let numbers: Vec<usize> = runs.all().into_iter().map(|(number, _)| number).collect();
        assert_eq!(numbers, (4..MOST_RUNS + 4).collect::<Vec<_>>());
        assert_eq!(runs.newest().recording().run, MOST_RUNS + 3);
    }
}
