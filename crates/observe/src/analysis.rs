//! What was planned beside what was measured, as text and as JSON.

use brickwork_core::{format_bytes, format_count};
use serde_json::{Value, json};

use crate::bottleneck::{bottleneck, duration};
use crate::recording::{Recording, StageRecord, Status, Tally, TimesRecord};
use crate::table::table;

/// What was planned beside what was measured: a table of bytes, one of the workers' time, memory; the last line names
/// the bottleneck and what would help.
pub fn analysis(recording: &Recording) -> String {
    let mut parts = vec![
        format!("measured, beside what was planned\n{}", table(&work_rows(recording))),
        format!("\nthe workers' time\n{}\n", table(&time_rows(recording))),
        whole(recording),
    ];
    if let Some(error) = &recording.error {
        parts.push(format!("it did not end well: {error}"));
    }
    let found = bottleneck(recording);
    parts.push(format!("bottleneck: {}; what would help: {}", found.what, found.advice));
    parts.join("\n")
}

/// The same for programs: the recording without its curve and tasks, and the bottleneck.
pub fn analysis_json(recording: &Recording) -> Value {
    let brief = Recording { curve: Vec::new(), tasks: Vec::new(), ..recording.clone() };
    let mut value = json!(brief);
    if let Some(fields) = value.as_object_mut() {
        for long in ["curve", "tasks", "task_stride"] {
            fields.remove(long);
        }
        for worker in fields.get_mut("workers").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(worker) = worker.as_object_mut() {
                worker.remove("bins");
                worker.remove("bin_seconds");
            }
        }
        fields.insert("bottleneck".into(), json!(bottleneck(recording)));
    }
    value
}

fn bytes(count: u64) -> String {
    if count == 0 { "-".into() } else { format_bytes(usize::try_from(count).unwrap_or(usize::MAX)) }
}

fn elements(count: u64) -> String {
    if count == 0 { "-".into() } else { format_count(usize::try_from(count).unwrap_or(usize::MAX)) }
}

/// By stage and in all, in pairs: what was planned, and what was measured.
fn work_rows(recording: &Recording) -> Vec<Vec<String>> {
    let header = [
        "stage",
        "tasks",
        "done",
        "to read",
        "read",
        "stored as",
        "to make",
        "made",
        "to give",
        "gave",
        "to spill",
        "spilled",
        "spilled as",
        "to unspill",
        "unspilled",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    let mut sum = StageRecord::default();
    for stage in &recording.stages {
        rows.push(work_row(&stage.number.to_string(), stage));
        sum.tasks += stage.tasks;
        sum.tasks_done += stage.tasks_done;
        sum.measured.add(&stage.measured);
        let planned = &mut sum.planned;
        planned.at_least |= stage.planned.at_least;
        planned.bytes_decoded += stage.planned.bytes_decoded;
        planned.elements_generated += stage.planned.elements_generated;
        planned.bytes_delivered += stage.planned.bytes_delivered;
        planned.bytes_spilled += stage.planned.bytes_spilled;
        planned.bytes_unspilled += stage.planned.bytes_unspilled;
    }
    if recording.stages.len() > 1 {
        rows.push(work_row("all", &sum));
    }
    rows
}

fn work_row(name: &str, stage: &StageRecord) -> Vec<String> {
    let (planned, measured): (_, &Tally) = (&stage.planned, &stage.measured);
    let least = if planned.at_least && planned.bytes_decoded > 0 { "≥ " } else { "" };
    vec![
        name.to_owned(),
        format_count(stage.tasks),
        // Said only where it is news.
        if stage.tasks_done == stage.tasks { String::new() } else { format_count(stage.tasks_done) },
        format!("{least}{}", bytes(planned.bytes_decoded)),
        bytes(measured.bytes_decoded),
        bytes(measured.bytes_read),
        elements(planned.elements_generated),
        elements(measured.elements_generated),
        bytes(planned.bytes_delivered),
        bytes(measured.bytes_delivered),
        bytes(planned.bytes_spilled),
        bytes(measured.bytes_spilled),
        bytes(measured.bytes_spilled_stored),
        bytes(planned.bytes_unspilled),
        bytes(measured.bytes_unspilled),
    ]
}

/// By stage and in all: how long it took, and what the workers did in that time.
fn time_rows(recording: &Recording) -> Vec<Vec<String>> {
    let names = TimesRecord::default().by_name().map(|(name, _)| name.to_owned());
    let mut header = vec!["stage".to_owned(), "took".to_owned()];
    header.extend(names);
    header.extend(["read at".to_owned(), "wrote at".to_owned()]);
    let mut rows = vec![header];
    for stage in &recording.stages {
        let seconds = stage.start.zip(stage.end).map(|(start, end)| end - start);
        let tally = &stage.measured;
        rows.push(time_row(&stage.number.to_string(), seconds, &stage.times, tally));
    }
    if recording.stages.len() > 1 {
        let ran = recording.seconds - recording.planning_seconds - recording.publishing_seconds;
        rows.push(time_row("all", Some(ran), &recording.times(), &recording.totals));
    }
    rows
}

fn time_row(name: &str, seconds: Option<f64>, times: &TimesRecord, tally: &Tally) -> Vec<String> {
    let mut row = vec![name.to_owned(), seconds.map_or_else(|| "-".into(), duration)];
    let total = times.total();
    row.extend(times.by_name().map(|(_, part)| match 100.0 * part / total {
        share if share.is_nan() || share < 0.05 => "-".to_owned(),
        share => format!("{share:.1} %"),
    }));
    let rate = |count: u64| match seconds {
        Some(seconds) if count > 0 && seconds > 0.0 => {
            format!("{}/s", format_bytes((count as f64 / seconds) as usize))
        }
        _ => "-".into(),
    };
    row.push(rate(tally.bytes_read + tally.bytes_unspilled));
    row.push(rate(tally.bytes_written + tally.bytes_spilled));
    row
}

/// How long it took, and in how much memory.
fn whole(recording: &Recording) -> String {
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let ran = recording.seconds - recording.planning_seconds - recording.publishing_seconds;
    let mut text = format!(
        "{} in all: planned in {}, ran for {} on {} worker{}, published in {}",
        duration(recording.seconds),
        duration(recording.planning_seconds),
        duration(ran),
        recording.threads,
        plural(recording.threads),
        duration(recording.publishing_seconds),
    );
    let planned = recording.plans.iter().map(|plan| plan.peak_bytes).max().unwrap_or(0);
    text.push_str(&format!(
        "\nmemory: at most {} of blocks (planned {}, allowed {})",
        format_bytes(recording.peak_bytes as usize),
        format_bytes(planned as usize),
        format_bytes(recording.budget as usize)
    ));
    if let Some(resident) = recording.peak_resident_bytes {
        text.push_str(&format!("; the process had {} at most", format_bytes(resident as usize)));
    }
    let tally = &recording.totals;
    text.push_str(&format!(
        "\ncounted: {} chunk{} or run{} read, {} operation{} on patches, {} elements computed, {} generated",
        format_count(tally.granules_read as usize),
        plural(tally.granules_read as usize),
        plural(tally.granules_read as usize),
        format_count(tally.kernels as usize),
        plural(tally.kernels as usize),
        format_count(tally.elements_computed as usize),
        format_count(tally.elements_generated as usize),
    ));
    if recording.status == Status::Cancelled {
        text.push_str("\nit was stopped");
    }
    text
}

#[cfg(test)]
mod tests {
    use brickwork_ops::random;
    use brickwork_sched::{Compute, Threads};

    use super::*;
    use crate::Recorder;
    use crate::test_support::stored;

    #[test]
    fn what_was_planned_stands_beside_what_was_measured() {
        let recorder = Recorder::new();
        let scheduler = Threads::new(2).memory(64 << 20).observer(recorder.clone());
        let x = stored(&[400, 500], 100);
        let y = (&x - x.mean(0).unwrap()).sum(1).unwrap();
        y.compute_with(&scheduler).unwrap();
        let recording = recorder.recording();
        let text = analysis(&recording);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "measured, beside what was planned");
        let columns: Vec<&str> =
            lines[1].split("  ").map(str::trim).filter(|name| !name.is_empty()).collect();
        assert_eq!(columns, ["stage", "tasks", "to read", "read", "stored as", "to give", "gave"]);
        assert_eq!(
            recording.stages[0].planned.bytes_decoded, recording.stages[0].measured.bytes_decoded,
            "{text}"
        );
        for stage in &recording.stages {
            // What the stage before has left in the cache is not read again.
            assert!(stage.measured.bytes_decoded <= stage.planned.bytes_decoded, "{text}");
            assert_eq!(stage.planned.bytes_delivered, stage.measured.bytes_delivered, "{text}");
        }
        assert!(lines.iter().any(|line| line.starts_with("memory: at most ")), "{text}");
        assert!(lines.last().unwrap().starts_with("bottleneck: "), "{text}");
        assert!(lines.last().unwrap().contains("; what would help: "), "{text}");
    }

    #[test]
    fn the_workers_time_adds_up() {
        let recorder = Recorder::new();
        let scheduler = Threads::new(3).observer(recorder.clone());
        let x = random::default_rng(Some(1)).random(&[2000, 1000], [100, 100]).unwrap();
        x.std(0).unwrap().compute_with(&scheduler).unwrap();
        let recording = recorder.recording();
        let ran = recording.seconds - recording.planning_seconds - recording.publishing_seconds;
        let (sum, whole) = (recording.times().total(), 3.0 * ran);
        assert!((sum - whole).abs() < 0.05 * whole + 0.01, "{sum} of {whole}");
        assert_eq!(recording.status, Status::Done);
        assert_eq!(recording.fraction, 1.0);
    }

    #[test]
    fn for_programs_it_is_an_object() {
        let recorder = Recorder::new();
        let x = random::default_rng(Some(1)).random(&[100, 100], [50, 50]).unwrap();
        x.mean(()).unwrap().compute_with(&Threads::new(1).observer(recorder.clone())).unwrap();
        let value = analysis_json(&recorder.recording());
        assert_eq!(value["totals"]["elements_generated"], 10_000);
        assert_eq!(value["stages"][0]["planned"]["elements_generated"], 10_000);
        assert_eq!(value["status"], "done");
        assert!(value["bottleneck"]["kind"].is_string() && value.get("curve").is_none());
    }
}
