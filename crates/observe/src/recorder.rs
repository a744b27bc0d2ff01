//! The observer that measures a run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use brickwork_core::Error;
use brickwork_core::plan::Plan;
use brickwork_sched::{Event, Gauge, Observer, TaskId, now, peak_resident_bytes, resident_bytes};
use parking_lot::{Mutex, RwLock};

use crate::planned::{MOST_EXPLAINED, PlanRecord, plan_record, planned};
use crate::progress::{fraction, seconds_left};
use crate::recording::{Failure, Recording, StageRecord, Status, Tally, TimesRecord, seconds_between};
use crate::sampler::{Curve, Sampler};
use crate::worker::Worker;

/// Tasks that are kept of every worker, if nobody says otherwise.
const SAMPLES: usize = 2000;

/// Failures that are kept.
const MOST_FAILURES: usize = 50;

/// Measures runs, one after the other: a new run replaces the one before, and runs that begin while one is recorded are
/// passed over: a `Client` has a recorder for each. Bounded memory, whatever the number of tasks; less than a
/// microsecond a task.
#[derive(Debug)]
pub struct Recorder {
    samples: usize,
    is_sampling: bool,
    wants_spans: bool,
    /// The number of the run that is recorded; 0 between two.
    recorded: AtomicU64,
    run: Mutex<Run>,
    /// By number; each is written by its own worker.
    workers: RwLock<Vec<Arc<Mutex<Worker>>>>,
    /// The number of the first stage of the plan that runs.
    first_stage: AtomicUsize,
    curve: Mutex<Arc<Mutex<Curve>>>,
    sampler: Mutex<Option<Sampler>>,
}

/// What rarely changes.
#[derive(Debug, Default)]
struct Run {
    number: usize,
    status: Status,
    error: Option<String>,
    start: Duration,
    /// When planning ended first, publishing began, and all ended.
    planned: Option<Duration>,
    publishing: Option<Duration>,
    end: Option<Duration>,
    /// When the plan that runs began, and when it ended.
    plan_start: Duration,
    plan_end: Option<Duration>,
    plans: Vec<PlanRecord>,
    stages: Vec<StageRecord>,
    threads: usize,
    gauge: Option<Gauge>,
    failures: Vec<Failure>,
}

impl Default for Recorder {
    fn default() -> Self {
        Recorder {
            samples: SAMPLES,
            is_sampling: true,
            wants_spans: false,
            recorded: AtomicU64::new(0),
            run: Mutex::default(),
            workers: RwLock::default(),
            first_stage: AtomicUsize::new(0),
            curve: Mutex::default(),
            sampler: Mutex::default(),
        }
    }
}

impl Recorder {
    /// Keeps figures of all stages and workers, two thousand tasks of each worker, and memory over time.
    pub fn new() -> Arc<Recorder> {
        Arc::new(Recorder::default())
    }

    /// Keeps so many tasks of each worker, and when they read, decoded and wrote: for traces.
    pub fn detailed(samples: usize) -> Arc<Recorder> {
        Arc::new(Recorder { samples, wants_spans: true, ..Recorder::default() })
    }

    /// The same for one run, which has this number.
    #[cfg(feature = "dashboard")]
    pub(crate) fn detailed_as(number: usize, samples: usize) -> Arc<Recorder> {
        let run = Mutex::new(Run { number: number - 1, ..Run::default() });
        Arc::new(Recorder { samples, wants_spans: true, run, ..Recorder::default() })
    }

    /// Keeps figures of stages and workers alone, and starts no thread: for progress.
    pub fn brief() -> Arc<Recorder> {
        Arc::new(Recorder { samples: 0, is_sampling: false, ..Recorder::default() })
    }

    /// What is known now.
    pub fn recording(&self) -> Recording {
        self.recording_with(usize::MAX)
    }

    /// What is known now, with at most so many tasks of each worker.
    pub fn recording_with(&self, most_tasks: usize) -> Recording {
        let run = self.run.lock();
        let workers: Vec<Arc<Mutex<Worker>>> = self.workers.read().clone();
        let at = |moment: Duration| seconds_between(run.start, moment);
        let time = match run.status {
            Status::Waiting => run.start,
            _ => run.end.unwrap_or_else(now),
        };
        let mut recording = Recording {
            run: run.number,
            status: run.status,
            error: run.error.clone(),
            seconds: at(time),
            planning_seconds: run.planned.map_or(0.0, at),
            publishing_seconds: run.publishing.map_or(0.0, |from| seconds_between(from, time)),
            // Worker processes have several threads each.
            threads: run.threads.max(workers.len()),
            tasks_planned: run.stages.iter().map(|stage| stage.tasks).sum(),
            plans: run.plans.clone(),
            stages: run.stages.clone(),
            failures: run.failures.clone(),
            resident_bytes: resident_bytes().map(|bytes| bytes as u64),
            peak_resident_bytes: peak_resident_bytes().map(|bytes| bytes as u64),
            curve: self.curve.lock().lock().points().to_vec(),
            ..Recording::default()
        };
        if let Some(gauge) = &run.gauge {
            recording.budget = gauge.budget() as u64;
            recording.held_bytes = gauge.held_bytes() as u64;
            recording.peak_bytes = gauge.peak_bytes() as u64;
            recording.totals = Tally::from(gauge.counts());
        }
        let mut stride = 1;
        for worker in &workers {
            let worker = worker.lock();
            add_shares(&mut recording.stages, &worker, run.start);
            let excess = worker.tasks(0, 1).count().div_ceil(most_tasks.max(1)).next_power_of_two();
            stride = stride.max(worker.stride() * excess);
        }
        for (number, worker) in workers.iter().enumerate() {
            let worker = worker.lock();
            recording.workers.push(worker.record(number));
            recording.tasks.extend(worker.tasks(number, stride));
        }
        recording.task_stride = stride;
        recording.tasks_done = recording.stages.iter().map(|stage| stage.tasks_done).sum();
        let plan_end = run.plan_end.unwrap_or(time);
        add_idle(&mut recording, &workers, run.plan_start, plan_end, run.start);
        recording.fraction = if run.status == Status::Done { 1.0 } else { fraction(&recording) };
        recording.seconds_left = seconds_left(&recording);
        recording
    }

    /// The pictures of the plans, as SVG.
    #[cfg(feature = "dashboard")]
    pub(crate) fn pictures(&self) -> Vec<String> {
        self.run.lock().plans.iter().map(|plan| plan.picture.clone()).collect()
    }

    /// The number of the run that is recorded, how it stands, and how many seconds it has taken.
    #[cfg(feature = "dashboard")]
    pub(crate) fn summary(&self) -> (usize, Status, f64) {
        let run = self.run.lock();
        let time = match run.status {
            Status::Waiting => run.start,
            _ => run.end.unwrap_or_else(now),
        };
        (run.number, run.status, seconds_between(run.start, time))
    }

    /// Whether the run that is recorded is over.
    pub fn is_over(&self) -> bool {
        self.run.lock().status.is_over()
    }

    /// Whether an event belongs to the run that is recorded: the first that began when none was under way. Others that
    /// go on meanwhile are passed over.
    fn is_recorded(&self, event: &Event<'_>) -> bool {
        let number = event.run().number();
        if let Event::RunStarted { at, .. } = event {
            if self.recorded.compare_exchange(0, number, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                self.run_started(*at);
            }
            return false;
        }
        self.recorded.load(Ordering::Acquire) == number
    }

    fn run_started(&self, at: Duration) {
        drop(self.sampler.lock().take());
        let mut run = self.run.lock();
        *run = Run { number: run.number + 1, status: Status::Planning, start: at, ..Run::default() };
        self.workers.write().clear();
        self.first_stage.store(0, Ordering::Relaxed);
        *self.curve.lock() = Arc::default();
    }

    fn plan_started(&self, plan: &Plan, gauge: &Gauge, at: Duration) {
        let mut run = self.run.lock();
        let first = run.stages.len();
        run.status = Status::Running;
        run.planned.get_or_insert(at);
        run.plan_start = at;
        run.plan_end = None;
        run.threads = run.threads.max(plan.options.threads);
        run.gauge = Some(gauge.clone());
        run.plans.push(plan_record(plan, first));
        run.stages.extend((0..plan.stages.len()).map(|stage| stage_record(plan, stage, first)));
        self.first_stage.store(first, Ordering::Relaxed);
        for worker in self.workers.read().iter() {
            worker.lock().plan_started(at);
        }
        if self.is_sampling {
            let curve = self.curve.lock().clone();
            *self.sampler.lock() = Some(Sampler::start(curve, gauge.clone(), run.start));
        }
    }

    fn worker(&self, number: usize) -> Arc<Mutex<Worker>> {
        if let Some(worker) = self.workers.read().get(number) {
            return worker.clone();
        }
        let (start, plan_start) = {
            let run = self.run.lock();
            (run.start, run.plan_start)
        };
        let mut workers = self.workers.write();
        while workers.len() <= number {
            workers.push(Arc::new(Mutex::new(Worker::new(start, plan_start, self.samples))));
        }
        workers[number].clone()
    }

    fn stage(&self, task: TaskId) -> usize {
        self.first_stage.load(Ordering::Relaxed) + task.stage
    }

    fn task_failed(&self, task: TaskId, worker: usize, error: &Error, at: Duration) {
        self.worker(worker).lock().task_failed(at);
        // Who is stopped has not failed.
        if matches!(error, Error::Cancelled) {
            return;
        }
        let stage = self.stage(task);
        let mut run = self.run.lock();
        if run.failures.len() < MOST_FAILURES {
            let at = seconds_between(run.start, at);
            run.failures.push(Failure { stage, cell: task.cell, worker, at, error: chain(error) });
        }
    }

    /// A worker process is gone: its tasks are nobody's until they run again.
    fn worker_lost(&self, reason: &str, tasks: &[TaskId]) {
        let at = now();
        let lost: Vec<(usize, usize)> = tasks.iter().map(|&task| (self.stage(task), task.cell)).collect();
        let workers = self.workers.read().clone();
        let mut run = self.run.lock();
        for (number, worker) in workers.iter().enumerate() {
            let mut worker = worker.lock();
            let Some((stage, cell)) = worker.running().filter(|task| lost.contains(task)) else { continue };
            worker.task_failed(at);
            if run.failures.len() < MOST_FAILURES {
                let (at, error) = (seconds_between(run.start, at), format!("its process was lost: {reason}"));
                run.failures.push(Failure { stage, cell, worker: number, at, error });
            }
        }
    }

    fn run_finished(&self, error: Option<&Error>, at: Duration) {
        drop(self.sampler.lock().take());
        let mut run = self.run.lock();
        run.end = Some(at);
        run.plan_end.get_or_insert(at);
        (run.status, run.error) = match error {
            None => (Status::Done, None),
            Some(Error::Cancelled) => (Status::Cancelled, Some(Error::Cancelled.to_string())),
            Some(error) => (Status::Failed, Some(chain(error))),
        };
        self.recorded.store(0, Ordering::Release);
    }
}

impl Observer for Recorder {
    fn event(&self, event: &Event<'_>) {
        if !self.is_recorded(event) {
            return;
        }
        match *event {
            Event::PlanStarted { plan, gauge, at, .. } => self.plan_started(plan, gauge, at),
            Event::TaskStarted { task, worker, at, .. } => {
                let stage = self.stage(task);
                self.worker(worker).lock().task_started(stage, task.cell, at);
            }
            Event::TaskFinished { task, worker, report, .. } => {
                let stage = self.stage(task);
                self.worker(worker).lock().task_finished(stage, task.cell, report);
            }
            Event::TaskFailed { task, worker, error, at, .. } => self.task_failed(task, worker, error, at),
            Event::WorkerLost { reason, tasks, .. } => self.worker_lost(reason, tasks),
            Event::PlanFinished { at, .. } => {
                drop(self.sampler.lock().take());
                self.run.lock().plan_end = Some(at);
            }
            Event::Publishing { at, .. } => {
                let mut run = self.run.lock();
                run.status = Status::Publishing;
                run.publishing = Some(at);
            }
            Event::RunFinished { result, at, .. } => self.run_finished(result.err(), at),
            _ => {}
        }
    }

    fn wants_spans(&self) -> bool {
        self.wants_spans
    }
}

/// A message and those of its causes. A cause that its parent quotes already is left out.
fn chain(error: &Error) -> String {
    let mut messages = vec![error.to_string()];
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        let message = cause.to_string();
        if !messages.iter().any(|earlier| earlier.contains(&message)) {
            messages.push(message);
        }
        next = cause.source();
    }
    messages.join(": ")
}

fn stage_record(plan: &Plan, number: usize, first: usize) -> StageRecord {
    let stage = &plan.stages[number];
    let lens = |lens: &[usize]| match lens {
        [] => "()".to_owned(),
        lens => lens.iter().map(ToString::to_string).collect::<Vec<_>>().join(" × "),
    };
    StageRecord {
        number: first + number,
        program: if plan.stages.len() <= MOST_EXPLAINED { plan.program(number) } else { String::new() },
        domain: lens(&stage.domain.shape()),
        cell: lens(&stage.grid.max_chunk()),
        tasks: stage.num_tasks(),
        depends: stage.depends.iter().map(|other| first + other).collect(),
        planned: planned(plan, number),
        ..StageRecord::default()
    }
}

fn add_shares(stages: &mut [StageRecord], worker: &Worker, start: Duration) {
    for (stage, share) in stages.iter_mut().zip(worker.stages()) {
        stage.tasks_done += share.tasks_done;
        stage.measured.add(&share.counts.into());
        stage.times.add(&share.times.into());
        if let Some((from, to)) = share.interval {
            let (from, to) = (seconds_between(start, from), seconds_between(start, to));
            stage.start = Some(stage.start.map_or(from, |first| first.min(from)));
            stage.end = Some(stage.end.map_or(to, |last| last.max(to)));
        }
    }
    if let Some((stage, _)) = worker.running()
        && let Some(stage) = stages.get_mut(stage)
    {
        stage.tasks_running += 1;
    }
}

/// Charges the time of workers that have nothing to do any more, or never had, to the stages that went on meanwhile.
fn add_idle(
    recording: &mut Recording,
    workers: &[Arc<Mutex<Worker>>],
    plan_start: Duration,
    plan_end: Duration,
    start: Duration,
) {
    let end = seconds_between(start, plan_end);
    let mut gaps: Vec<f64> = Vec::new();
    for worker in workers {
        gaps.extend(worker.lock().free_since().map(|since| seconds_between(start, since)));
    }
    // Of those who never had a task there is no record.
    let never = recording.threads.saturating_sub(workers.len());
    gaps.extend((0..never).map(|_| seconds_between(start, plan_start)));
    for from in gaps {
        let overlap = |stage: &StageRecord| match (stage.start, stage.end) {
            (Some(first), Some(_)) if stage.tasks_running > 0 => (end - first.max(from)).max(0.0),
            (Some(first), Some(last)) => (last.min(end) - first.max(from)).max(0.0),
            _ => 0.0,
        };
        let overlaps: Vec<f64> = recording.stages.iter().map(overlap).collect();
        let sum: f64 = overlaps.iter().sum();
        let gap = (end - from).max(0.0);
        if sum > 0.0 {
            for (stage, overlap) in recording.stages.iter_mut().zip(overlaps) {
                stage.times.add(&waiting(gap * overlap / sum));
            }
        } else if let Some(stage) = recording.stages.iter_mut().rev().find(|stage| stage.start.is_some()) {
            stage.times.add(&waiting(gap));
        }
    }
}

fn waiting(seconds: f64) -> TimesRecord {
    TimesRecord { waiting: seconds, ..TimesRecord::default() }
}

#[cfg(test)]
mod tests {
    use brickwork_ops::greater;
    use brickwork_sched::{Compute, Synchronous, Threads};
    use ndarray::{ArrayD, ArrayViewD};

    use super::*;
    use crate::test_support::stored;

    #[test]
    fn stages_of_several_plans_are_numbered_on() {
        let recorder = Recorder::new();
        let x = stored(&[60, 40], 10);
        let selected = x.select(&greater(&x, 0.0).unwrap()).unwrap();
        selected.compute_with(&Threads::new(2).observer(recorder.clone())).unwrap();
        let recording = recorder.recording();
        assert_eq!(recording.plans.len(), 2);
        assert_eq!(recording.plans[1].first_stage, recording.plans[0].stages);
        for (number, stage) in recording.stages.iter().enumerate() {
            assert_eq!((stage.number, stage.tasks_done), (number, stage.tasks));
            assert!(stage.depends.iter().all(|&other| other < number));
        }
        assert_eq!(recording.tasks.len(), recording.tasks_done);
        assert!(recording.curve.len() >= 2, "{:?}", recording.curve.len());
        assert!(recording.plans[0].picture.contains("data-stage"));
    }

    #[test]
    fn a_run_within_a_run_is_passed_over_and_the_next_one_is_recorded() {
        let recorder = Recorder::brief();
        let inner = Synchronous::new().observer(recorder.clone());
        let outer = Threads::new(2).observer(recorder.clone());
        let within = inner.clone();
        let x = stored(&[40, 10], 10);
        let y = x.map_blocks(move |block: ArrayViewD<'_, f64>, _| -> ArrayD<f64> {
            let other = stored(&[100, 100], 50).sum(()).unwrap().compute_with(&within).unwrap();
            &block + other.item::<f64>()
        });
        y.unwrap().compute_with(&outer).unwrap();
        let recording = recorder.recording();
        assert_eq!((recording.run, recording.status), (1, Status::Done));
        assert_eq!(recording.totals.bytes_decoded, 40 * 10 * 8);
        stored(&[100, 100], 50).sum(()).unwrap().compute_with(&inner).unwrap();
        let recording = recorder.recording();
        assert_eq!((recording.run, recording.totals.bytes_decoded), (2, 100 * 100 * 8));
        assert!(recording.tasks.is_empty() && recording.curve.is_empty(), "it is brief");
    }

    #[test]
    fn of_many_tasks_few_are_kept_and_all_are_counted() {
        let recorder = Recorder::detailed(50);
        let scheduler =
            Threads::new(2).observer(recorder.clone()).forced(|options| options.forced_cell = Some(16));
        let x = brickwork_ops::random::default_rng(Some(1)).random(&[80_000], [16]).unwrap();
        (&x + 1.0).compute_with(&scheduler).unwrap();
        let recording = recorder.recording();
        assert_eq!((recording.tasks_done, recording.tasks_planned), (5000, 5000));
        assert!(recording.tasks.len() <= 100 && recording.task_stride >= 32);
        let bins: f64 = recording
            .workers
            .iter()
            .flat_map(|worker| worker.bins.iter().map(|(_, share)| f64::from(*share) * worker.bin_seconds))
            .sum();
        let tasks: f64 = recording.workers.iter().map(|worker| worker.times.total()).sum();
        assert!((bins - tasks).abs() < 0.01 * tasks + 1e-3, "{bins} of {tasks}");
    }
}
