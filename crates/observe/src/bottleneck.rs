//! What a run spent most of its time on, in words, and what would help.

use brickwork_core::eval::Activity;
use brickwork_core::{format_bytes, format_count};
use serde::Serialize;

use crate::recording::{Recording, StageRecord, TimesRecord};

/// What held a run up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bottleneck {
    /// In a word: `computing`, `reading`, `decoding`, `encoding`, `writing`, `waiting`, `memory`, `planning`,
    /// `publishing` or `nothing`.
    pub kind: &'static str,
    /// What it was, with figures.
    pub what: String,
    /// What would help.
    pub advice: String,
}

/// Shorter runs have no bottleneck worth a word, in seconds.
const TOO_SHORT: f64 = 0.002;

/// Of a run's time beside its tasks, the share from which on that is what to look at.
const MUCH: f64 = 0.5;

/// What a run spent most of its time on.
pub fn bottleneck(recording: &Recording) -> Bottleneck {
    let seconds = recording.seconds;
    let times = recording.times();
    if seconds < TOO_SHORT || times.total() == 0.0 && recording.planning_seconds < MUCH * seconds {
        let what = format!("nothing worth a word: it took {}", duration(seconds));
        return Bottleneck { kind: "nothing", what, advice: "the start of the process takes longer".into() };
    }
    if recording.planning_seconds > MUCH * seconds {
        return Bottleneck {
            kind: "planning",
            what: format!("planning took {} of {}", duration(recording.planning_seconds), duration(seconds)),
            advice: "fewer operations or outputs in one run make a smaller plan".into(),
        };
    }
    if recording.publishing_seconds > MUCH * seconds {
        let (publishing, whole) = (duration(recording.publishing_seconds), duration(seconds));
        return Bottleneck {
            kind: "publishing",
            what: format!("making the stored arrays visible took {publishing} of {whole}"),
            advice: "a faster place for the output, or fewer and larger chunks in it".into(),
        };
    }
    let most = Activity::ALL.into_iter().max_by(|a, b| times.get(*a).total_cmp(&times.get(*b)));
    match most.unwrap_or(Activity::Compute) {
        Activity::Read => reading(recording, &times),
        Activity::Decode => decoding(recording, &times),
        Activity::Encode => encoding(&times),
        Activity::Write => writing(recording, &times),
        Activity::Wait => waiting(recording, &times),
        _ => computing(recording, &times),
    }
}

fn share(times: &TimesRecord, activity: Activity) -> String {
    format!("{:.0} % of the workers' time", 100.0 * times.get(activity) / times.total())
}

fn cores() -> usize {
    brickwork_sched::default_threads()
}

fn is_remote(recording: &Recording) -> bool {
    recording.plans.iter().flat_map(|plan| &plan.sources).any(|uri| uri.contains("://"))
}

/// How many times what was planned to be decoded was decoded, if that is noticeable.
fn repeated(recording: &Recording) -> Option<f64> {
    let planned: u64 = recording.stages.iter().map(|stage| stage.planned.bytes_decoded).sum();
    let times = recording.totals.bytes_decoded as f64 / planned.max(1) as f64;
    (planned > 0 && times > 1.2).then_some(times)
}

fn rate(bytes: u64, seconds: f64) -> String {
    format!("{}/s", format_bytes((bytes as f64 / seconds.max(1e-9)) as usize))
}

fn reading(recording: &Recording, times: &TimesRecord) -> Bottleneck {
    let tally = &recording.totals;
    let bytes = tally.bytes_read + tally.bytes_unspilled;
    let ran = recording.seconds - recording.planning_seconds - recording.publishing_seconds;
    let what = format!(
        "reading, {}: {} at {}",
        share(times, Activity::Read),
        format_bytes(bytes as usize),
        rate(bytes, ran)
    );
    let is_raw = tally.bytes_read * 10 >= tally.bytes_decoded * 9;
    let advice = if let Some(times) = repeated(recording) {
        format!("chunks were read {times:.1} times over: more --memory keeps them between tasks")
    } else if tally.bytes_unspilled > tally.bytes_read {
        "more --memory keeps in memory what went through a spill file; else --spill on a faster disk".into()
    } else if is_remote(recording) {
        "run it nearer to the data, or with more --threads and --memory, so that more requests are under way"
            .into()
    } else if is_raw {
        "a faster disk, or a compressed copy of the input (brickwork copy … --codec zstd:1): fewer bytes are read".into()
    } else {
        "a faster disk; more --threads, if the disk serves several reads at once".into()
    };
    Bottleneck { kind: "reading", what, advice }
}

fn decoding(recording: &Recording, times: &TimesRecord) -> Bottleneck {
    let decoded = recording.totals.bytes_decoded;
    let what = format!(
        "decoding, {}: {} at {} a worker",
        share(times, Activity::Decode),
        format_bytes(decoded as usize),
        rate(decoded, times.decoding)
    );
    let advice = match repeated(recording) {
        Some(times) => {
            format!("chunks were decoded {times:.1} times over: more --memory keeps them between tasks")
        }
        None => format!(
            "a copy of the input with a faster codec (brickwork copy … --codec zstd:1, or none){}",
            more_threads(recording)
        ),
    };
    Bottleneck { kind: "decoding", what, advice }
}

fn more_threads(recording: &Recording) -> String {
    match recording.threads < cores() {
        true => format!("; more --threads: it had {} of {} cores", recording.threads, cores()),
        false => String::new(),
    }
}

fn encoding(times: &TimesRecord) -> Bottleneck {
    Bottleneck {
        kind: "encoding",
        what: format!("encoding what is stored, {}", share(times, Activity::Encode)),
        advice: "a faster codec for the output: --codec zstd:1, blosc, or none".into(),
    }
}

fn writing(recording: &Recording, times: &TimesRecord) -> Bottleneck {
    let tally = &recording.totals;
    let bytes = tally.bytes_written + tally.bytes_spilled;
    let what = format!(
        "writing, {}: {} at {} a worker",
        share(times, Activity::Write),
        format_bytes(bytes as usize),
        rate(bytes, times.writing)
    );
    let advice = if tally.bytes_spilled > tally.bytes_written {
        "more --memory keeps in memory what went through a spill file; else --spill on a faster disk"
    } else {
        "a faster disk for the output, or a codec that makes it smaller (--codec zstd:1)"
    };
    Bottleneck { kind: "writing", what, advice: advice.into() }
}

fn computing(recording: &Recording, times: &TimesRecord) -> Bottleneck {
    let tally = &recording.totals;
    let mut of = Vec::new();
    if tally.bytes_decoded > 0 {
        of.push(format!("{} read", format_bytes(tally.bytes_decoded as usize)));
    }
    for (count, how) in [(tally.elements_generated, "made"), (tally.elements_computed, "computed")] {
        if count > 0 {
            of.push(format!("{} elements {how}", format_count(count as usize)));
        }
    }
    let of = if of.is_empty() { String::new() } else { format!(": {}", of.join(", ")) };
    let what = format!("computing, {}{of}", share(times, Activity::Compute));
    let advice = if recording.threads < cores() {
        format!("more --threads: it had {} of {} cores", recording.threads, cores())
    } else {
        let plural = if cores() == 1 { "" } else { "s" };
        format!("a machine with more than {} core{plural}; smaller dtypes, such as float32", cores())
    };
    Bottleneck { kind: "computing", what, advice }
}

fn waiting(recording: &Recording, times: &TimesRecord) -> Bottleneck {
    let waits = |stage: &&StageRecord| stage.times.waiting;
    let worst = recording.stages.iter().max_by(|a, b| waits(a).total_cmp(&waits(b)));
    let Some(stage) = worst else { return computing(recording, times) };
    let what = format!("waiting, {}, most in stage {}", share(times, Activity::Wait), stage.number);
    let threads = recording.threads;
    if stage.tasks < threads {
        let plural = if stage.tasks == 1 { "" } else { "s" };
        return Bottleneck {
            kind: "waiting",
            what: format!("{what}: it has {} task{plural} for {threads} workers", stage.tasks),
            advice: format!(
                "fewer --threads do as well; an output with smaller chunks can be cut into more tasks{}",
                { if stage.domain == stage.cell { ", unless an axis is needed whole" } else { "" } }
            ),
        };
    }
    let planned = &stage.planned;
    let room = recording.budget.saturating_sub(planned.shared_bytes);
    let at_once = (room / planned.task_bytes.max(1)).max(1);
    if at_once < threads as u64 {
        let needed = planned.shared_bytes + planned.task_bytes * threads as u64;
        return Bottleneck {
            kind: "memory",
            what: format!("{what}: the memory lets {at_once} of {threads} workers run at once"),
            advice: format!(
                "--memory {}, or fewer --threads",
                format_bytes(needed as usize).replace(' ', "")
            ),
        };
    }
    Bottleneck {
        kind: "waiting",
        what: format!(
            "{what}: its tasks are of unequal length, or wait for chunks that another worker reads"
        ),
        advice: "more work in one run, or fewer --threads".into(),
    }
}

/// A time for people: `1.53 s`, `2 min 05 s`.
pub(crate) fn duration(seconds: f64) -> String {
    if seconds < 0.000_999_5 {
        return format!("{:.0} µs", seconds * 1e6);
    }
    if seconds < 0.9995 {
        let digits = if seconds < 0.00995 { 2 } else { usize::from(seconds < 0.0995) };
        return format!("{:.*} ms", digits, seconds * 1e3);
    }
    if seconds < 59.95 {
        return format!("{:.*} s", if seconds < 9.995 { 2 } else { 1 }, seconds);
    }
    let whole = seconds.round() as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, minutes, seconds) => format!("{minutes} min {seconds:02} s"),
        (hours, minutes, _) => format!("{hours} h {minutes:02} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planned::Planned;

    fn recording(times: TimesRecord) -> Recording {
        let planned = Planned { task_bytes: 40_000_000, bytes_decoded: 1_000_000_000, ..Planned::default() };
        let stage = StageRecord { tasks: 20, times, planned, ..StageRecord::default() };
        let mut recording = Recording {
            seconds: 10.0,
            threads: 4,
            budget: 1_000_000_000,
            stages: vec![stage],
            ..Recording::default()
        };
        recording.totals.bytes_decoded = 1_000_000_000;
        recording.totals.bytes_read = 400_000_000;
        recording
    }

    #[test]
    fn the_activity_that_took_most_is_named() {
        let of = |times: TimesRecord| bottleneck(&recording(times));
        let zero = TimesRecord::default();
        for (times, kind) in [
            (TimesRecord { computing: 9.0, reading: 1.0, ..zero }, "computing"),
            (TimesRecord { computing: 1.0, reading: 9.0, ..zero }, "reading"),
            (TimesRecord { decoding: 9.0, reading: 1.0, ..zero }, "decoding"),
            (TimesRecord { encoding: 9.0, reading: 1.0, ..zero }, "encoding"),
            (TimesRecord { writing: 9.0, reading: 1.0, ..zero }, "writing"),
            (TimesRecord { waiting: 9.0, reading: 1.0, ..zero }, "waiting"),
        ] {
            let found = of(times);
            assert_eq!(found.kind, kind);
            assert!(found.what.contains("90 %") && !found.advice.is_empty(), "{found:?}");
        }
        assert!(of(TimesRecord { reading: 10.0, ..zero }).what.contains("400 MB at 40.0 MB/s"));
    }

    #[test]
    fn the_cause_of_waiting_is_told() {
        let times = TimesRecord { waiting: 9.0, computing: 1.0, ..TimesRecord::default() };
        let mut few = recording(times);
        few.stages[0].tasks = 1;
        let found = bottleneck(&few);
        assert!(found.what.ends_with("it has 1 task for 4 workers"), "{}", found.what);
        let mut tight = recording(times);
        tight.budget = 100_000_000;
        let found = bottleneck(&tight);
        assert_eq!(found.kind, "memory");
        assert!(found.what.ends_with("the memory lets 2 of 4 workers run at once"), "{}", found.what);
        assert_eq!(found.advice, "--memory 160MB, or fewer --threads");
    }

    #[test]
    fn what_was_read_again_is_told() {
        let mut again = recording(TimesRecord { decoding: 9.0, ..TimesRecord::default() });
        again.totals.bytes_decoded = 3_000_000_000;
        assert!(bottleneck(&again).advice.starts_with("chunks were decoded 3.0 times over"));
    }

    #[test]
    fn what_lies_outside_of_tasks_is_told() {
        let mut slow = recording(TimesRecord { computing: 1.0, ..TimesRecord::default() });
        slow.planning_seconds = 9.0;
        assert_eq!(bottleneck(&slow).kind, "planning");
        (slow.planning_seconds, slow.publishing_seconds) = (0.0, 9.0);
        assert_eq!(bottleneck(&slow).kind, "publishing");
        slow.seconds = 0.0001;
        assert_eq!(bottleneck(&slow).kind, "nothing");
    }

    #[test]
    fn durations_are_for_people() {
        let texts = [0.000_012, 0.00123, 0.0456, 0.25, 1.234, 42.0, 125.0, 7260.0].map(duration);
        assert_eq!(
            texts,
            ["12 µs", "1.23 ms", "45.6 ms", "250 ms", "1.23 s", "42.0 s", "2 min 05 s", "2 h 01 min"]
        );
    }
}
