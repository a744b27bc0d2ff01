//! Progress of a run on standard error: two lines that are drawn over themselves, lines, or JSON objects.

use std::io::{IsTerminal, stderr};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

use brickwork_core::format_bytes;
use brickwork_observe::{Recorder, Recording, StageRecord, Status};
use brickwork_sched::{Event, Observer};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use crate::args::ProgressMode;
use crate::report::note;

/// Between two drawings.
const DRAWN: Duration = Duration::from_millis(100);
/// Between two lines for programs.
const TOLD: Duration = Duration::from_millis(250);
/// Between two lines for people.
const WRITTEN: Duration = Duration::from_secs(1);

/// Letters of the bar.
const BAR: usize = 24;

/// The most letters of a program that are shown.
const MOST_LETTERS: usize = 60;

/// How the progress is told.
#[derive(Debug, Clone)]
enum Style {
    /// Drawn over itself, for terminals.
    Bar(ProgressBar),
    /// Lines for people.
    Lines,
    /// Lines for programs.
    Json,
}

/// Tells how far a run is, until it is dropped.
#[derive(Debug)]
pub struct Progress {
    style: Style,
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    /// What tells the progress of what is recorded, if anything does.
    pub fn start(mode: ProgressMode, recorder: &Arc<Recorder>) -> Option<Progress> {
        let (style, interval) = match mode {
            ProgressMode::Never => return None,
            ProgressMode::Auto if !stderr().is_terminal() => return None,
            ProgressMode::Always if !stderr().is_terminal() => (Style::Lines, WRITTEN),
            ProgressMode::Json => (Style::Json, TOLD),
            ProgressMode::Auto | ProgressMode::Always => (Style::Bar(new_bar()), DRAWN),
        };
        let stop: Arc<(Mutex<bool>, Condvar)> = Arc::default();
        let (theirs, drawn, recorder) = (stop.clone(), style.clone(), recorder.clone());
        let thread = spawn(move || {
            let (stopped, changed) = &*theirs;
            let mut stopped = stopped.lock().unwrap_or_else(PoisonError::into_inner);
            while !*stopped {
                (stopped, _) =
                    changed.wait_timeout(stopped, interval).unwrap_or_else(PoisonError::into_inner);
                let recording = recorder.recording_with(0);
                if !*stopped && recording.status == Status::Running {
                    tell(&drawn, &recording);
                }
            }
        });
        Some(Progress { style, stop, thread: Some(thread) })
    }

    /// What tells of events as they come; none where only figures are drawn.
    pub fn observer(&self, recorder: &Arc<Recorder>) -> Option<Arc<dyn Observer>> {
        match self.style {
            Style::Bar(_) => None,
            Style::Lines => Some(Arc::new(Milestones { recorder: recorder.clone(), is_json: false })),
            Style::Json => Some(Arc::new(Milestones { recorder: recorder.clone(), is_json: true })),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        *self.stop.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.1.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic in it would be a bug of ours that costs the progress alone.
            let _ = thread.join();
        }
        if let Style::Bar(bar) = &self.style {
            bar.finish_and_clear();
        }
    }
}

fn new_bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(20));
    if let Ok(style) = ProgressStyle::with_template("{msg}") {
        bar.set_style(style);
    }
    bar
}

/// Two lines that fit a terminal of so many columns.
fn drawn(recording: &Recording, columns: usize) -> String {
    let filled = (recording.fraction * BAR as f64) as usize;
    let head = if filled < BAR { ">" } else { "" };
    let rest = " ".repeat(BAR.saturating_sub(filled + 1));
    let bar = format!("{}{head}{rest}", "=".repeat(filled));
    let first = format!("{:3.0} % [{bar}] {}", 100.0 * recording.fraction, left(recording));
    // The last column stays free: some terminals go to the next line there.
    let cut = |line: &str| line.chars().take(columns.saturating_sub(1)).collect::<String>();
    format!("{}\n{}", cut(&first), cut(&format!("      {}", figures(recording))))
}

fn tell(style: &Style, recording: &Recording) {
    match style {
        Style::Bar(bar) => {
            let columns = console::Term::stderr().size_checked().map_or(80, |(_, columns)| columns.into());
            bar.set_message(drawn(recording, columns));
        }
        Style::Lines => {
            note(&format!(
                "{:.0} %, {}, {}",
                100.0 * recording.fraction,
                left(recording),
                figures(recording)
            ));
        }
        Style::Json => note(
            &json!({
                "event": "progress", "seconds": recording.seconds, "fraction": recording.fraction,
                "seconds_left": recording.seconds_left, "tasks_done": recording.tasks_done,
                "tasks": recording.tasks_planned, "stage": current(recording).map(|stage| stage.number),
                "stage_tasks": current(recording).map(|stage| stage.tasks),
                "stage_tasks_done": current(recording).map(|stage| stage.tasks_done),
                "bytes_read": recording.totals.bytes_read, "bytes_written": recording.totals.bytes_written,
                "bytes_spilled": recording.totals.bytes_spilled,
                "bytes_spilled_stored": recording.totals.bytes_spilled_stored,
                "elements_generated": recording.totals.elements_generated, "held_bytes": recording.held_bytes,
                "budget": recording.budget, "resident_bytes": recording.resident_bytes,
            })
            .to_string(),
        ),
    }
}

/// The stage that runs, or the last one.
fn current(recording: &Recording) -> Option<&StageRecord> {
    let open = recording.stages.iter().find(|stage| stage.tasks_done < stage.tasks);
    open.or(recording.stages.last())
}

/// The stage, its tasks and what it computes.
fn stage_line(recording: &Recording) -> String {
    let Some(stage) = current(recording) else { return String::new() };
    let (number, all) = (stage.number + 1, recording.stages.len());
    let program: String = stage.program.chars().take(MOST_LETTERS).collect();
    let dots = if program.len() < stage.program.len() { "…" } else { "" };
    format!("stage {number} of {all} ({}/{} tasks): {program}{dots}", stage.tasks_done, stage.tasks)
}

fn left(recording: &Recording) -> String {
    let left = match recording.seconds_left {
        Some(seconds) => format!("{} left", clock(seconds)),
        None => format!("{} so far", clock(recording.seconds)),
    };
    format!("{left}, {}", stage_line(recording))
}

/// Bytes, rates and memory.
fn figures(recording: &Recording) -> String {
    let tally = &recording.totals;
    let ran = (recording.seconds - recording.planning_seconds).max(1e-3);
    let mut parts = Vec::new();
    for (what, count) in
        [("read", tally.bytes_read), ("wrote", tally.bytes_written), ("spilled", tally.bytes_spilled)]
    {
        if count > 0 {
            let rate = format_bytes((count as f64 / ran) as usize);
            parts.push(format!("{what} {} at {rate}/s", format_bytes(count as usize)));
        }
    }
    let (held, budget) =
        (format_bytes(recording.held_bytes as usize), format_bytes(recording.budget as usize));
    parts.push(format!("holds {held} of {budget}"));
    parts.join(", ")
}

/// `0:07`, `12:05`, `1:02:05`.
fn clock(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, minutes, seconds) => format!("{minutes}:{seconds:02}"),
        (hours, minutes, seconds) => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// Tells what happens rarely, as it happens.
struct Milestones {
    recorder: Arc<Recorder>,
    is_json: bool,
}

impl Observer for Milestones {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::PlanStarted { plan, .. } if self.is_json => {
                let stages: Vec<usize> = plan.stages.iter().map(|stage| stage.num_tasks()).collect();
                note(
                    &json!({
                        "event": "plan_started", "stages": stages, "tasks": plan.num_tasks(),
                        "peak_bytes": plan.peak_bytes, "budget": plan.options.memory,
                    })
                    .to_string(),
                );
            }
            Event::PlanStarted { plan, .. } => {
                note(&format!("{} tasks in {} stages", plan.num_tasks(), plan.stages.len()));
            }
            Event::StageFinished { stage, .. } => {
                // The number within the plan that runs: a run with late stages has several plans.
                let recording = self.recorder.recording_with(0);
                let first = recording.plans.last().map_or(0, |plan| plan.first_stage);
                match recording.stages.get(first + stage) {
                    Some(record) if self.is_json => note(
                        &json!({
                            "event": "stage_finished", "stage": record.number, "tasks": record.tasks,
                            "seconds": recording.seconds, "bytes_read": record.measured.bytes_read,
                            "bytes_written": record.measured.bytes_written,
                        })
                        .to_string(),
                    ),
                    Some(record) => note(&format!(
                        "stage {} of {} is done ({} tasks), {}",
                        record.number + 1,
                        recording.stages.len(),
                        record.tasks,
                        figures(&recording)
                    )),
                    None => {}
                }
            }
            Event::PlanFinished { counts, peak_bytes, .. } if self.is_json => note(
                &json!({
                    "event": "plan_finished", "bytes_read": counts.bytes_read,
                    "bytes_written": counts.bytes_written, "bytes_spilled": counts.bytes_spilled,
                    "bytes_spilled_stored": counts.bytes_spilled_stored,
                    "elements_generated": counts.elements_generated, "peak_bytes": peak_bytes,
                    "seconds": self.recorder.recording_with(0).seconds,
                })
                .to_string(),
            ),
            Event::RunFinished { result, .. } if self.is_json => {
                let error = result.err().map(|error| crate::report::one_line(&error));
                let seconds = self.recorder.recording_with(0).seconds;
                note(&json!({"event": "run_finished", "seconds": seconds, "error": error}).to_string());
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_what_runs_how_fast_and_how_long() {
        let stage = StageRecord {
            number: 1,
            tasks: 36,
            tasks_done: 12,
            program: "read x.npy, subtract → written to out.zarr".into(),
            ..StageRecord::default()
        };
        let mut recording = Recording {
            status: Status::Running,
            seconds: 2.0,
            seconds_left: Some(65.0),
            stages: vec![StageRecord::default(), stage],
            held_bytes: 45_000_000,
            budget: 64_000_000,
            ..Recording::default()
        };
        recording.totals.bytes_read = 1_000_000_000;
        assert_eq!(
            left(&recording),
            "1:05 left, stage 2 of 2 (12/36 tasks): read x.npy, subtract → written to out.zarr"
        );
        assert_eq!(figures(&recording), "read 1.00 GB at 500 MB/s, holds 45.0 MB of 64.0 MB");
        recording.fraction = 0.5;
        let lines = drawn(&recording, 60);
        let lines: Vec<&str> = lines.lines().collect();
        assert_eq!(lines[0], " 50 % [============>           ] 1:05 left, stage 2 of 2 (1");
        assert_eq!(lines[1], "      read 1.00 GB at 500 MB/s, holds 45.0 MB of 64.0 MB");
        assert_eq!([7.4, 725.0, 3725.0].map(clock), ["0:07", "12:05", "1:02:05"]);
    }
}
