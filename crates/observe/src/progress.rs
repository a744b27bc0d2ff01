//! How far a run is, and how long it will go on.

use crate::recording::{Recording, StageRecord, Status};

/// Bytes that a stage counts for at least: tasks have a cost of their own.
const LEAST_WEIGHT: f64 = 1e4;

/// Before this share is done nothing can be told of the rest.
const TOO_EARLY: f64 = 0.01;

/// What a stage is expected to cost, in bytes moved.
fn weight(stage: &StageRecord) -> f64 {
    let planned = &stage.planned;
    let bytes = planned.bytes_decoded
        + planned.bytes_unspilled
        + planned.bytes_spilled
        + planned.bytes_delivered
        + 8 * planned.elements_generated;
    bytes as f64 + LEAST_WEIGHT * stage.tasks as f64
}

/// How much of the plans so far is done, from 0 to 1.
pub(crate) fn fraction(recording: &Recording) -> f64 {
    let stages = &recording.stages;
    let total: f64 = stages.iter().map(weight).sum();
    if total == 0.0 {
        return 0.0;
    }
    // What tasks that run have read or made so far is not among their stages' figures yet.
    let done = |of: fn(&StageRecord) -> u64| stages.iter().map(of).sum::<u64>();
    let read = recording.totals.bytes_decoded.saturating_sub(done(|stage| stage.measured.bytes_decoded));
    let made =
        recording.totals.elements_generated.saturating_sub(done(|stage| stage.measured.elements_generated));
    let running: f64 = stages.iter().filter(|stage| stage.tasks_running > 0).map(weight).sum();
    let sum: f64 = stages
        .iter()
        .map(|stage| {
            let whole = weight(stage);
            let done = stage.tasks_done as f64 / stage.tasks.max(1) as f64;
            if stage.tasks_running == 0 {
                return whole * done;
            }
            let ahead = whole / running * (read as f64 + 8.0 * made as f64);
            let most = (stage.tasks_done + stage.tasks_running) as f64 / stage.tasks.max(1) as f64;
            (whole * done + ahead).min(whole * most)
        })
        .sum();
    (sum / total).clamp(0.0, 1.0)
}

/// How long a run will go on, if it goes on as it did.
pub(crate) fn seconds_left(recording: &Recording) -> Option<f64> {
    let fraction = recording.fraction;
    if recording.status != Status::Running || fraction < TOO_EARLY {
        return None;
    }
    let ran = recording.seconds - recording.planning_seconds;
    Some(ran * (1.0 - fraction) / fraction)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planned::Planned;
    use crate::recording::Tally;

    fn stage(tasks: usize, tasks_done: usize, tasks_running: usize, bytes: u64) -> StageRecord {
        let planned = Planned { bytes_decoded: bytes, ..Planned::default() };
        let measured = Tally { bytes_decoded: bytes / tasks as u64 * tasks_done as u64, ..Tally::default() };
        StageRecord { tasks, tasks_done, tasks_running, planned, measured, ..StageRecord::default() }
    }

    #[test]
    fn stages_count_by_their_bytes_and_running_tasks_by_what_they_have_read() {
        let mut recording = Recording {
            status: Status::Running,
            seconds: 11.0,
            planning_seconds: 1.0,
            stages: vec![stage(10, 10, 0, 1_000_000_000), stage(10, 0, 0, 3_000_000_000)],
            ..Recording::default()
        };
        recording.totals.bytes_decoded = 1_000_000_000;
        recording.fraction = fraction(&recording);
        assert!((recording.fraction - 0.25).abs() < 1e-3);
        assert!((seconds_left(&recording).unwrap() - 30.0).abs() < 0.1);
        recording.stages[1] = stage(2, 0, 1, 3_000_000_000);
        recording.totals.bytes_decoded = 2_000_000_000;
        assert!((fraction(&recording) - 0.5).abs() < 1e-3);
        recording.totals.bytes_decoded = 4_000_000_000;
        assert!((fraction(&recording) - 0.625).abs() < 1e-3, "one of two tasks runs");
        assert_eq!(fraction(&Recording::default()), 0.0);
    }
}
