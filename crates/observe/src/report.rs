//! A page about a run that needs nothing else: no script, style or picture from elsewhere.

use std::io;
use std::path::Path;

use serde_json::{Value, json};

use crate::analysis::analysis;
use crate::bottleneck::bottleneck;
use crate::recording::Recording;

/// The page's frame. `{{STYLE}}`, `{{PLAN}}`, `{{STATE}}` and `{{SCRIPT}}` stand for what is put in.
const PAGE: &str = include_str!("page/report.html");
const STYLE: &str = include_str!("page/style.css");
const SCRIPT: &str = include_str!("page/view.js");

/// A run as one HTML page: the plan, a timeline, memory and throughput over time, tables. It contacts nobody.
pub fn report(recording: &Recording) -> String {
    let pictures = recording.plans.iter().map(|plan| plan.picture.as_str()).collect::<Vec<_>>();
    let state = state(recording, Some(&analysis(recording)));
    // In this order: what is put in last is never searched for the names of others.
    let (head, rest) = split(PAGE, "{{STYLE}}");
    let (middle, rest) = split(rest, "{{STATE}}");
    let (between, tail) = split(rest, "{{SCRIPT}}");
    let state = embedded(&with_pictures(state, &pictures));
    [head, STYLE, middle, &state, between, SCRIPT, tail].concat()
}

/// Writes the page about a run to a file, which is replaced if it is there.
///
/// # Errors
/// If the file cannot be written.
pub fn write_report(recording: &Recording, path: &Path) -> io::Result<()> {
    std::fs::write(path, report(recording))
}

/// What the page's script shows.
pub(crate) fn state(recording: &Recording, text: Option<&str>) -> Value {
    let mut state = json!(recording);
    if let Some(fields) = state.as_object_mut() {
        fields.insert("bottleneck".into(), json!(bottleneck(recording)));
        if let Some(text) = text {
            fields.insert("analysis".into(), json!(text));
        }
        // Short forms: there are many of them.
        let tasks = recording.tasks.iter().map(|task| {
            let times: Vec<f64> = task.times.by_name().iter().map(|(_, seconds)| micros(*seconds)).collect();
            json!([
                task.worker,
                task.stage,
                task.cell,
                micros(task.start),
                micros(task.end),
                task.bytes_read,
                task.bytes_written,
                times
            ])
        });
        fields.insert("tasks".into(), tasks.collect());
        let curve = recording.curve.iter().map(|point| {
            json!([
                micros(point.at),
                point.held_bytes,
                point.resident_bytes,
                point.bytes_read,
                point.bytes_written,
                point.elements
            ])
        });
        fields.insert("curve".into(), curve.collect());
        // A million stages make no table.
        if let Some(stages) = fields.get_mut("stages").and_then(Value::as_array_mut) {
            let running = recording.stages.iter().position(|stage| stage.tasks_done < stage.tasks);
            let first = running.unwrap_or(stages.len()).saturating_sub(MOST_STAGES / 2);
            let first = first.min(stages.len().saturating_sub(MOST_STAGES));
            *stages = stages.drain(..).skip(first).take(MOST_STAGES).collect();
        }
        fields.insert("num_stages".into(), json!(recording.stages.len()));
    }
    state
}

/// Stages in the table of a page.
const MOST_STAGES: usize = 200;

/// Seconds with six digits behind the point.
fn micros(seconds: f64) -> f64 {
    (seconds * 1e6).round() / 1e6
}

fn with_pictures(mut state: Value, pictures: &[&str]) -> Value {
    if let Some(fields) = state.as_object_mut() {
        fields.insert("pictures".into(), json!(pictures));
    }
    state
}

fn split<'a>(text: &'a str, name: &str) -> (&'a str, &'a str) {
    text.split_once(name).expect("the page names what is put in")
}

/// JSON that may stand in a script element: it holds nothing that ends one.
fn embedded(state: &Value) -> String {
    state.to_string().replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

#[cfg(test)]
mod tests {
    use brickwork_sched::{Compute, Threads};

    use super::*;
    use crate::Recorder;
    use crate::recording::{Failure, StageRecord};
    use crate::test_support::stored;

    #[test]
    fn a_page_holds_everything_and_asks_nobody() {
        let recorder = Recorder::detailed(100);
        let x = stored(&[100, 200], 50);
        x.mean(0).unwrap().compute_with(&Threads::new(2).observer(recorder.clone())).unwrap();
        let page = report(&recorder.recording());
        for part in ["<svg", "bottleneck", "data-stage", "\"curve\":[["] {
            let escaped = part.replace('<', "\\u003c");
            assert!(page.contains(part) || page.contains(&escaped), "{part}");
        }
        assert!(!page.contains("{{"));
        let without_names =
            page.replace("http://www.w3.org/2000/svg", "").replace("http://www.w3.org/1999/xhtml", "");
        for way_out in ["http://", "https://", "src=", "@import", "url(", "<link"] {
            assert!(!without_names.contains(way_out), "{way_out}");
        }
    }

    #[test]
    fn nothing_in_a_recording_ends_the_script() {
        let evil = "</script><script>alert(1)</script><!--";
        let recording = Recording {
            error: Some(evil.into()),
            stages: vec![StageRecord { program: evil.into(), ..StageRecord::default() }],
            failures: vec![Failure { error: evil.into(), ..Failure::default() }],
            ..Recording::default()
        };
        let page = report(&recording);
        assert!(!page.contains(evil) && !page.contains("<script>alert"));
        assert_eq!(page.matches("</script>").count(), PAGE.matches("</script>").count());
    }
}
