//! What one worker has done: the part of a recorder that its worker alone writes.

use std::time::Duration;

use brickwork_core::eval::{Activity, Times};
use brickwork_sched::TaskReport;

use crate::recording::{SpanRecord, Tally, TaskRecord, TimesRecord, WorkerRecord, seconds_between};
use crate::thinned::Thinned;

/// Bins of a worker's time.
const MOST_BINS: usize = 512;

/// Of one bin at first; it doubles whenever the bins are full.
const FIRST_BIN: Duration = Duration::from_millis(2);

/// What one worker has done in a run.
#[derive(Debug)]
pub(crate) struct Worker {
    /// When the run began.
    start: Duration,
    /// By stage, over all plans.
    stages: Vec<StageShare>,
    tasks: Thinned<Sample>,
    tasks_done: usize,
    tally: brickwork_core::eval::Counts,
    times: Times,
    running: Option<(usize, usize, Duration)>,
    /// When it was free last.
    free_since: Duration,
    bin: Duration,
    bins: Vec<Bin>,
}

/// What a worker has done of a stage.
#[derive(Debug, Clone, Default)]
pub(crate) struct StageShare {
    pub tasks_done: usize,
    pub counts: brickwork_core::eval::Counts,
    pub times: Times,
    pub interval: Option<(Duration, Duration)>,
}

#[derive(Debug)]
struct Sample {
    stage: usize,
    cell: usize,
    report: TaskReport,
}

#[derive(Debug, Clone, Copy, Default)]
struct Bin {
    stage: Option<usize>,
    /// Of the stage that took most of it.
    most: Duration,
    busy: Duration,
}

impl Worker {
    /// A worker of a run that began at `start`; keeps so many tasks.
    pub fn new(start: Duration, free_since: Duration, samples: usize) -> Self {
        Worker {
            start,
            stages: Vec::new(),
            tasks: Thinned::new(samples),
            tasks_done: 0,
            tally: Default::default(),
            times: Times::default(),
            running: None,
            free_since,
            bin: FIRST_BIN,
            bins: Vec::new(),
        }
    }

    /// A plan begins: waiting before it was nobody's.
    pub fn plan_started(&mut self, at: Duration) {
        self.free_since = at;
    }

    pub fn task_started(&mut self, stage: usize, cell: usize, at: Duration) {
        self.running = Some((stage, cell, at));
        let waited = at.saturating_sub(self.free_since);
        let share = self.share(stage);
        share.times.add(Activity::Wait, waited);
        if share.interval.is_none() {
            share.interval = Some((at, at));
        }
    }

    pub fn task_finished(&mut self, stage: usize, cell: usize, report: &TaskReport) {
        self.running = None;
        self.free_since = report.end;
        self.tasks_done += 1;
        self.tally += report.counts;
        self.times += report.times;
        let share = self.share(stage);
        share.tasks_done += 1;
        share.counts += report.counts;
        share.times += report.times;
        share.interval = share.interval.map(|(start, _)| (start, report.end));
        self.tasks.push_with(|| Sample { stage, cell, report: report.clone() });
        self.fill_bins(stage, report.start, report.end);
    }

    pub fn task_failed(&mut self, at: Duration) {
        self.running = None;
        self.free_since = at;
    }

    fn share(&mut self, stage: usize) -> &mut StageShare {
        if self.stages.len() <= stage {
            self.stages.resize_with(stage + 1, StageShare::default);
        }
        &mut self.stages[stage]
    }

    fn fill_bins(&mut self, stage: usize, start: Duration, end: Duration) {
        let (mut start, end) = (start.saturating_sub(self.start), end.saturating_sub(self.start));
        while end.as_nanos() > self.bin.as_nanos() * MOST_BINS as u128 {
            self.halve_bins();
        }
        while start < end {
            let number = (start.as_nanos() / self.bin.as_nanos()) as usize;
            let until = end.min(self.bin * (number as u32 + 1));
            if self.bins.len() <= number {
                self.bins.resize(number + 1, Bin::default());
            }
            self.bins[number].add(stage, until - start);
            start = until;
        }
    }

    fn halve_bins(&mut self) {
        self.bins = self
            .bins
            .chunks(2)
            .map(|pair| pair.iter().copied().reduce(Bin::joined).unwrap_or_default())
            .collect();
        self.bin *= 2;
    }

    /// What it has done of every stage.
    pub fn stages(&self) -> &[StageShare] {
        &self.stages
    }

    /// The stage and cell that it works on.
    pub fn running(&self) -> Option<(usize, usize)> {
        self.running.map(|(stage, cell, _)| (stage, cell))
    }

    /// When it was free last; `None` while it works.
    pub fn free_since(&self) -> Option<Duration> {
        self.running.is_none().then_some(self.free_since)
    }

    pub fn record(&self, number: usize) -> WorkerRecord {
        let bin = self.bin.as_secs_f64();
        WorkerRecord {
            number,
            tasks_done: self.tasks_done,
            stage: self.running.map(|(stage, ..)| stage),
            cell: self.running.map(|(_, cell, _)| cell),
            since: self.running.map(|(.., since)| seconds_between(self.start, since)),
            measured: self.tally.into(),
            times: self.times.into(),
            bin_seconds: bin,
            bins: self
                .bins
                .iter()
                .map(|it| (it.stage, (it.busy.as_secs_f64() / bin).min(1.0) as f32))
                .collect(),
        }
    }

    /// One of how many tasks is kept.
    pub fn stride(&self) -> usize {
        self.tasks.stride()
    }

    /// The tasks that are kept, one of `stride` of all.
    pub fn tasks(&self, number: usize, stride: usize) -> impl Iterator<Item = TaskRecord> {
        let every = (stride / self.tasks.stride()).max(1);
        let at = |moment: Duration| seconds_between(self.start, moment);
        self.tasks.kept().iter().step_by(every).map(move |sample| {
            let report = &sample.report;
            let tally = Tally::from(report.counts);
            let span = |span: &brickwork_core::eval::Span| SpanRecord {
                activity: span.activity.name(),
                start: at(span.start),
                end: at(span.end),
            };
            TaskRecord {
                worker: number,
                stage: sample.stage,
                cell: sample.cell,
                start: at(report.start),
                end: at(report.end),
                bytes_read: tally.bytes_read + tally.bytes_unspilled,
                bytes_written: tally.bytes_written + tally.bytes_spilled,
                times: TimesRecord::from(report.times),
                spans: report.spans.iter().map(span).collect(),
            }
        })
    }
}

impl Bin {
    fn add(&mut self, stage: usize, time: Duration) {
        self.busy += time;
        if self.stage == Some(stage) {
            self.most += time;
        } else if time > self.most {
            (self.stage, self.most) = (Some(stage), time);
        }
    }

    fn joined(self, other: Bin) -> Bin {
        let busy = self.busy + other.busy;
        if self.stage == other.stage {
            return Bin { most: self.most + other.most, busy, ..self };
        }
        let larger = if self.most >= other.most { self } else { other };
        Bin { busy, ..larger }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn report(start: u32, end: u32) -> TaskReport {
        let mut times = Times::default();
        times.add(Activity::Compute, MS * (end - start));
        TaskReport { start: MS * start, end: MS * end, times, ..TaskReport::default() }
    }

    #[test]
    fn time_between_tasks_is_waiting_for_the_next_one() {
        let mut worker = Worker::new(MS * 100, MS * 100, 10);
        for (stage, start, end) in [(0, 103, 110), (1, 150, 155)] {
            worker.task_started(stage, 7, MS * start);
            assert_eq!(worker.running(), Some((stage, 7)));
            worker.task_finished(stage, 7, &report(start, end));
        }
        let waits: Vec<Duration> =
            worker.stages().iter().map(|share| share.times.get(Activity::Wait)).collect();
        assert_eq!(waits, [MS * 3, MS * 40]);
        assert_eq!(worker.stages()[1].interval, Some((MS * 150, MS * 155)));
        assert_eq!(worker.free_since(), Some(MS * 155));
        let record = worker.record(2);
        assert_eq!((record.number, record.tasks_done), (2, 2));
        assert_eq!(worker.tasks(2, 1).map(|task| task.start).collect::<Vec<_>>(), [0.003, 0.05]);
    }

    #[test]
    fn bins_are_bounded_and_lose_no_time() {
        let mut worker = Worker::new(Duration::ZERO, Duration::ZERO, 4);
        for number in 0..10_000u32 {
            let (start, end) = (number * 10, number * 10 + 5);
            worker.task_started(number as usize % 2, 0, MS * start);
            worker.task_finished(number as usize % 2, 0, &report(start, end));
        }
        let record = worker.record(0);
        assert!(record.bins.len() <= MOST_BINS && record.bins.len() > MOST_BINS / 4, "{}", record.bins.len());
        let busy: f64 = record.bins.iter().map(|(_, share)| f64::from(*share) * record.bin_seconds).sum();
        assert!((busy - 50.0).abs() < 0.01, "{busy}");
        assert!(worker.tasks(0, worker.stride()).count() <= 4);
    }
}
