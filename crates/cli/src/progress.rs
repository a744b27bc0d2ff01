//! Progress of a run on standard error: a bar, or a JSON object a line.

use std::io::{IsTerminal, stderr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use brickwork_core::eval::Counts;
use brickwork_core::format_bytes;
use brickwork_core::plan::Plan;
use brickwork_sched::{Event, Observer};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use crate::args::ProgressMode;
use crate::report::note;

/// Time between two lines or two drawings.
const INTERVAL: Duration = Duration::from_millis(100);

/// How the progress is told.
#[derive(Debug)]
enum Style {
    /// A bar that is drawn over itself, for terminals.
    Bar(ProgressBar),
    /// Lines for people.
    Lines,
    /// Lines for programs.
    Json,
}

/// Watches a run and tells how far it is.
#[derive(Debug)]
pub struct Progress {
    style: Style,
    start: Instant,
    /// Milliseconds after the start at which something was told last.
    told: AtomicU64,
    tasks_done: AtomicUsize,
    /// Tasks of each stage of the plan that runs: all, and done.
    stages: Mutex<Vec<(usize, usize)>>,
}

impl Progress {
    /// What tells the progress, if anything does.
    pub fn new(mode: ProgressMode) -> Option<Arc<Progress>> {
        let style = match mode {
            ProgressMode::Never => return None,
            ProgressMode::Auto if !stderr().is_terminal() => return None,
            ProgressMode::Always if !stderr().is_terminal() => Style::Lines,
            ProgressMode::Json => Style::Json,
            ProgressMode::Auto | ProgressMode::Always => Style::Bar(new_bar()),
        };
        Some(Arc::new(Progress {
            style,
            start: Instant::now(),
            told: AtomicU64::new(0),
            tasks_done: AtomicUsize::new(0),
            stages: Mutex::default(),
        }))
    }

    fn started(&self, plan: &Plan) {
        let stages: Vec<(usize, usize)> = plan.stages.iter().map(|stage| (stage.num_tasks(), 0)).collect();
        self.tasks_done.store(0, Ordering::Relaxed);
        match &self.style {
            Style::Bar(bar) => {
                bar.set_length(plan.num_tasks() as u64);
                bar.set_position(0);
            }
            Style::Lines => note(&format!("{} tasks in {} stages", plan.num_tasks(), stages.len())),
            Style::Json => {
                let tasks: Vec<usize> = stages.iter().map(|stage| stage.0).collect();
                note(
                    &json!({"event": "plan_started", "stages": tasks, "tasks": plan.num_tasks()}).to_string(),
                );
            }
        }
        *self.stages.lock().unwrap_or_else(PoisonError::into_inner) = stages;
    }

    fn task_finished(&self, stage: usize, counts: &Counts) {
        let done = self.tasks_done.fetch_add(1, Ordering::Relaxed) + 1;
        let (stage_tasks, stage_done, stages) = {
            let mut stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
            let number = stages.len();
            match stages.get_mut(stage) {
                Some((tasks, done)) => {
                    *done += 1;
                    (*tasks, *done, number)
                }
                None => (0, 0, number),
            }
        };
        if !self.is_time() && stage_done != stage_tasks {
            return;
        }
        let human = || {
            let bytes = |count: u64| format_bytes(usize::try_from(count).unwrap_or(usize::MAX));
            let (read, wrote) = (bytes(counts.bytes_read), bytes(counts.bytes_written));
            let number = stage + 1;
            format!("stage {number} of {stages} ({stage_done}/{stage_tasks}), read {read}, wrote {wrote}")
        };
        match &self.style {
            Style::Bar(bar) => {
                bar.set_position(done as u64);
                bar.set_message(human());
            }
            Style::Lines => note(&format!("{done} tasks, {}", human())),
            Style::Json => note(
                &json!({
                    "event": "progress", "tasks_done": done, "stage": stage, "stage_tasks": stage_tasks,
                    "stage_tasks_done": stage_done, "bytes_read": counts.bytes_read,
                    "bytes_written": counts.bytes_written, "elements_generated": counts.elements_generated,
                    "seconds": self.start.elapsed().as_secs_f64(),
                })
                .to_string(),
            ),
        }
    }

    /// Whether enough time has gone by since something was told; if so, it counts as told now.
    fn is_time(&self) -> bool {
        let now = self.start.elapsed().as_millis() as u64;
        let told = self.told.load(Ordering::Relaxed);
        now >= told + INTERVAL.as_millis() as u64
            && self.told.compare_exchange(told, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

fn new_bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(10));
    let template = "{elapsed_precise} [{bar:32}] {pos}/{len} tasks, {msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}

impl Observer for Progress {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::PlanStarted { plan } => self.started(plan),
            Event::TaskFinished { task, counts, .. } => self.task_finished(task.stage, counts),
            Event::PlanFinished { counts, peak_bytes } => match &self.style {
                Style::Bar(bar) => bar.finish_and_clear(),
                Style::Lines => {}
                Style::Json => note(
                    &json!({
                        "event": "plan_finished", "bytes_read": counts.bytes_read, "bytes_written": counts.bytes_written,
                        "elements_generated": counts.elements_generated, "peak_bytes": peak_bytes,
                        "seconds": self.start.elapsed().as_secs_f64(),
                    })
                    .to_string(),
                ),
            },
            _ => {}
        }
    }
}
