//! What the page is about: one recorder, or all runs of a scheduler.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::recorder::Recorder;
use crate::recording::Recording;
use crate::report::state;
use crate::runs::Runs;

/// Tasks of each worker in a state: it is sent several times a second.
const LIVE_TASKS: usize = 400;

#[derive(Debug, Clone)]
pub(super) enum Shown {
    One(Arc<Recorder>),
    All(Arc<Runs>),
}

impl Shown {
    /// The recorder of a run, by its number; without one, or if it is forgotten, of the newest.
    pub fn run(&self, number: Option<usize>) -> Arc<Recorder> {
        match self {
            Shown::One(recorder) => recorder.clone(),
            Shown::All(runs) => {
                let chosen = runs.all().into_iter().find(|(other, _)| Some(*other) == number);
                chosen.map_or_else(|| runs.newest(), |(_, recorder)| recorder)
            }
        }
    }

    /// Whether nothing goes on, and which run began last: while this stays the same, and all is over, there is no news.
    pub fn rest(&self) -> (bool, usize) {
        match self {
            Shown::One(recorder) => (recorder.is_over(), recorder.summary().0),
            Shown::All(runs) => {
                let all = runs.all();
                let is_over = all.iter().all(|(_, recorder)| recorder.is_over());
                (is_over, all.last().map_or(0, |(number, _)| *number))
            }
        }
    }

    /// The state of a run as JSON, with a list of all runs, the newest first.
    pub fn state(&self, recorder: &Recorder) -> String {
        let recording: Recording = recorder.recording_with(LIVE_TASKS);
        let mut state = state(&recording, None);
        let runs: Vec<Value> = match self {
            Shown::One(_) => Vec::new(),
            Shown::All(runs) => { runs.all().into_iter().rev() }
                .map(|(_, recorder)| recorder.summary())
                .map(|(run, status, seconds)| json!({ "run": run, "status": status, "seconds": seconds }))
                .collect(),
        };
        if let Some(fields) = state.as_object_mut() {
            fields.insert("runs".into(), runs.into());
        }
        state.to_string()
    }
}
