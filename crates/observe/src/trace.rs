//! A run as a trace of events, for Perfetto (ui.perfetto.dev) and Chrome (chrome://tracing).
//!
//! The format is Chrome's trace events as a JSON object. Process 1 is the run: a lane (thread 0) for what happened to it
//! as a whole, one for each worker with its tasks and what they did. Process 2 holds a lane for the reads and writes of
//! all workers. Counters tell memory and bytes a second.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde_json::{Value, json};

use crate::recording::{CurvePoint, Recording, TaskRecord};

/// The process of the run itself.
const RUN: u32 = 1;
/// The process of reads and writes.
const STORES: u32 = 2;
/// The lane of the run as a whole.
const WHOLE: usize = 0;

/// The trace of a run, with the tasks that its recorder has kept. A recorder of
/// [`detailed`](crate::Recorder::detailed) samples knows when tasks read and wrote.
pub fn trace(recording: &Recording) -> Value {
    let mut events = names(recording);
    whole(recording, &mut events);
    for task in &recording.tasks {
        one_task(recording, task, &mut events);
    }
    stores(recording, &mut events);
    counters(recording, &mut events);
    json!({
        "displayTimeUnit": "ms",
        "otherData": {
            "tasks": recording.tasks_done,
            "one task of": recording.task_stride,
            "budget in bytes": recording.budget,
        },
        "traceEvents": events,
    })
}

/// Writes the trace of a run to a file, which is replaced if it is there.
///
/// # Errors
/// If the file cannot be written.
pub fn write_trace(recording: &Recording, path: &Path) -> io::Result<()> {
    let mut file = BufWriter::new(std::fs::File::create(path)?);
    serde_json::to_writer(&mut file, &trace(recording))?;
    file.flush()
}

/// Microseconds, as the format has them.
fn micros(seconds: f64) -> f64 {
    (seconds * 1e9).round() / 1e3
}

fn names(recording: &Recording) -> Vec<Value> {
    let process =
        |pid: u32, name: &str| json!({"ph": "M", "pid": pid, "name": "process_name", "args": {"name": name}});
    let thread = |tid: usize, name: String| json!({"ph": "M", "pid": RUN, "tid": tid, "name": "thread_name", "args": {"name": name}});
    let order = |tid: usize| json!({"ph": "M", "pid": RUN, "tid": tid, "name": "thread_sort_index", "args": {"sort_index": tid}});
    let mut events =
        vec![process(RUN, "brickwork"), process(STORES, "I/O"), thread(WHOLE, "run".into()), order(WHOLE)];
    for worker in &recording.workers {
        events.push(thread(lane(worker.number), format!("worker {}", worker.number)));
        events.push(order(lane(worker.number)));
    }
    events
}

fn lane(worker: usize) -> usize {
    worker + 1
}

fn complete(tid: usize, category: &str, name: &str, (start, end): (f64, f64), args: Value) -> Value {
    let (ts, until) = (micros(start), micros(end));
    json!({
        "ph": "X", "pid": RUN, "tid": tid, "cat": category, "name": name, "ts": ts,
        "dur": ((until - ts).max(0.0) * 1e3).round() / 1e3, "args": args,
    })
}

/// Begin and end of something that may overlap with others of its kind.
fn overlapping(
    pid: u32,
    id: &str,
    category: &str,
    name: &str,
    (start, end): (f64, f64),
    args: Value,
) -> [Value; 2] {
    let event = |phase: &str, at: f64, args: &Value| {
        json!({
            "ph": phase, "pid": pid, "tid": WHOLE, "cat": category, "id": id, "name": name, "ts": micros(at),
            "args": args,
        })
    };
    [event("b", start, &args), event("e", end.max(start), &json!({}))]
}

/// Planning, running and publishing, and the stages, which may overlap.
fn whole(recording: &Recording, events: &mut Vec<Value>) {
    let (planned, end) = (recording.planning_seconds, recording.seconds);
    let published = end - recording.publishing_seconds;
    for (name, span) in
        [("planning", (0.0, planned)), ("running", (planned, published)), ("publishing", (published, end))]
    {
        if span.1 > span.0 {
            events.push(complete(WHOLE, "run", name, span, json!({})));
        }
    }
    for stage in &recording.stages {
        if let (Some(start), Some(end)) = (stage.start, stage.end) {
            let args = json!({
                "program": stage.program, "domain": stage.domain, "tasks": stage.tasks,
                "planned": stage.planned, "measured": stage.measured,
            });
            let name = format!("stage {}", stage.number);
            let id = format!("stage{}", stage.number);
            events.extend(overlapping(RUN, &id, "stage", &name, (start, end), args));
        }
    }
    for failure in &recording.failures {
        events.push(json!({
            "ph": "i", "s": "t", "pid": RUN, "tid": lane(failure.worker), "cat": "failure", "name": "failure",
            "ts": micros(failure.at), "args": {"error": failure.error, "stage": failure.stage, "cell": failure.cell},
        }));
    }
}

fn one_task(recording: &Recording, task: &TaskRecord, events: &mut Vec<Value>) {
    let tid = lane(task.worker);
    let program = recording.stages.get(task.stage).map_or("", |stage| stage.program.as_str());
    let args = json!({
        "stage": task.stage, "cell": task.cell, "program": program, "bytes read": task.bytes_read,
        "bytes written": task.bytes_written, "seconds": task.times,
    });
    let name = format!("stage {}", task.stage);
    events.push(complete(tid, "task", &name, (task.start, task.end), args));
    for span in &task.spans {
        let inside = (span.start.max(task.start), span.end.min(task.end));
        events.push(complete(tid, "activity", span.activity, inside, json!({})));
    }
}

/// Reads and writes of all workers, in one lane.
fn stores(recording: &Recording, events: &mut Vec<Value>) {
    let spans = recording.tasks.iter().flat_map(|task| task.spans.iter().map(move |span| (task, span)));
    let of_stores = spans.filter(|(_, span)| matches!(span.activity, "reading" | "writing"));
    for (number, (task, span)) in of_stores.enumerate() {
        let args = json!({"worker": task.worker, "stage": task.stage, "cell": task.cell});
        let id = format!("store{number}");
        events.extend(overlapping(STORES, &id, "store", span.activity, (span.start, span.end), args));
    }
}

fn counters(recording: &Recording, events: &mut Vec<Value>) {
    let counter = |name: &str, at: f64, args: Value| json!({"ph": "C", "pid": RUN, "name": name, "ts": micros(at), "args": args});
    let mut before: Option<&CurvePoint> = None;
    for point in &recording.curve {
        events.push(counter("memory held (bytes)", point.at, json!({"held": point.held_bytes})));
        if point.resident_bytes > 0 {
            events.push(counter(
                "memory of the process (bytes)",
                point.at,
                json!({"resident": point.resident_bytes}),
            ));
        }
        if let Some(before) = before.filter(|before| point.at > before.at) {
            let rate =
                |now: u64, then: u64| (now.saturating_sub(then) as f64 / (point.at - before.at)).round();
            let args = json!({
                "read": rate(point.bytes_read, before.bytes_read),
                "written": rate(point.bytes_written, before.bytes_written),
            });
            events.push(counter("bytes a second", before.at, args));
        }
        before = Some(point);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use brickwork_sched::{Compute, Threads};

    use super::*;
    use crate::Recorder;
    use crate::test_support::stored;

    /// The trace of a run that reads.
    fn traced() -> (Recording, Vec<Value>) {
        let recorder = Recorder::detailed(1000);
        let scheduler =
            Threads::new(2).observer(recorder.clone()).forced(|options| options.forced_cell = Some(10_000));
        let x = stored(&[400, 300], 50);
        (&x - x.mean(0).unwrap()).sum(1).unwrap().compute_with(&scheduler).unwrap();
        let recording = recorder.recording();
        let trace = trace(&recording);
        let events = trace["traceEvents"].as_array().unwrap().clone();
        (recording, events)
    }

    #[test]
    fn every_event_has_what_its_phase_needs() {
        let (_, events) = traced();
        for event in &events {
            let number = |field: &str| event[field].as_f64().is_some_and(|number| number >= 0.0);
            assert!(number("pid") && event["name"].is_string(), "{event}");
            let is_whole = match event["ph"].as_str().unwrap() {
                "M" => event["args"].is_object(),
                "X" => number("ts") && number("dur") && number("tid"),
                "b" | "e" => number("ts") && event["id"].is_string() && event["cat"].is_string(),
                "C" => number("ts") && event["args"].as_object().unwrap().values().all(Value::is_number),
                "i" => number("ts"),
                other => panic!("phase {other}"),
            };
            assert!(is_whole, "{event}");
        }
    }

    #[test]
    fn tasks_of_a_worker_follow_each_other_and_hold_what_they_did() {
        let (recording, events) = traced();
        let tasks: Vec<&Value> = events.iter().filter(|event| event["cat"] == "task").collect();
        assert_eq!(tasks.len(), recording.tasks_done);
        assert!(tasks.len() > 10);
        let span = |event: &Value| {
            let start = event["ts"].as_f64().unwrap();
            (event["tid"].as_u64().unwrap(), start, start + event["dur"].as_f64().unwrap())
        };
        let mut ends: HashMap<u64, f64> = HashMap::new();
        for task in &tasks {
            let (lane, start, end) = span(task);
            let before = ends.insert(lane, end).unwrap_or(0.0);
            assert!(start >= before - 0.002, "lane {lane}: {start} after {before}");
        }
        let activities: Vec<&Value> = events.iter().filter(|event| event["cat"] == "activity").collect();
        assert!(activities.iter().any(|event| event["name"] == "reading"));
        for activity in activities {
            let (lane, start, end) = span(activity);
            let is_inside = |task: &&&Value| {
                let (of, from, to) = span(task);
                of == lane && from <= start + 0.002 && end <= to + 0.002
            };
            assert!(tasks.iter().any(|task| is_inside(&task)), "{activity}");
        }
        let begun = events.iter().filter(|event| event["ph"] == "b").count();
        assert_eq!(begun, events.iter().filter(|event| event["ph"] == "e").count());
        assert!(events.iter().any(|event| event["cat"] == "store"));
        assert!(events.iter().any(|event| event["ph"] == "C"));
    }
}
