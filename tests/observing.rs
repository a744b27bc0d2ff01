//! What observers are told: in which order, and that figures of tasks add up to those of the run and of the plan.

use std::sync::{Arc, Mutex};

use brickwork::sched::TaskReport;
use brickwork::{Array, Compute, Event, Observer, Scheduler, Synchronous, Threads, greater};
use brickwork_core::eval::{Activity, Counts};
use brickwork_core::{Block, Error};
use brickwork_testkit::{CountingSource, MemorySink, quarters};

/// What happened, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    RunStarted,
    PlanStarted(usize),
    Started(usize, usize),
    Finished(usize, usize),
    Failed(usize, usize),
    StageFinished(usize),
    PlanFinished,
    Publishing,
    RunFinished(bool),
}

#[derive(Debug, Default)]
struct Log {
    seen: Mutex<Vec<Seen>>,
    reports: Mutex<Vec<TaskReport>>,
    planned: Mutex<Vec<brickwork_core::plan::StageFigures>>,
    counts: Mutex<Counts>,
    wants_spans: bool,
}

impl Observer for Log {
    fn event(&self, event: &Event<'_>) {
        let seen = match event {
            Event::RunStarted { .. } => Seen::RunStarted,
            Event::PlanStarted { plan, gauge, .. } => {
                assert_eq!(gauge.budget(), plan.options.memory);
                self.planned.lock().unwrap().extend(plan.stages.iter().map(|stage| stage.figures));
                Seen::PlanStarted(plan.num_tasks())
            }
            Event::TaskStarted { task, .. } => Seen::Started(task.stage, task.cell),
            Event::TaskFinished { task, report, .. } => {
                self.reports.lock().unwrap().push((*report).clone());
                Seen::Finished(task.stage, task.cell)
            }
            Event::TaskFailed { task, .. } => Seen::Failed(task.stage, task.cell),
            Event::StageFinished { stage, .. } => Seen::StageFinished(*stage),
            Event::PlanFinished { counts, .. } => {
                *self.counts.lock().unwrap() = *counts;
                Seen::PlanFinished
            }
            Event::Publishing { .. } => Seen::Publishing,
            Event::RunFinished { result, .. } => Seen::RunFinished(result.is_ok()),
            _ => return,
        };
        self.seen.lock().unwrap().push(seen);
    }

    fn wants_spans(&self) -> bool {
        self.wants_spans
    }
}

fn stored() -> Array {
    let values = quarters(&[60, 40], 1);
    CountingSource::new(Block::from_ndarray(values.view()), 10).unwrap().array().unwrap()
}

fn seen(log: &Log) -> Vec<Seen> {
    log.seen.lock().unwrap().clone()
}

#[test]
fn events_come_in_order() {
    let log = Arc::new(Log::default());
    let x = stored();
    let scheduler =
        Synchronous::new().observer(log.clone()).forced(|options| options.forced_cell = Some(1200));
    (&x - x.mean(0).unwrap()).compute_with(&scheduler).unwrap();
    let seen = seen(&log);
    assert_eq!(seen[0], Seen::RunStarted);
    assert!(matches!(seen[1], Seen::PlanStarted(tasks) if tasks >= 2));
    assert_eq!(seen[seen.len() - 3..], [Seen::PlanFinished, Seen::Publishing, Seen::RunFinished(true)]);
    let place = |wanted: &Seen| seen.iter().position(|other| other == wanted).unwrap();
    for event in &seen {
        if let Seen::Started(stage, cell) = *event {
            assert!(place(event) < place(&Seen::Finished(stage, cell)));
            assert!(place(&Seen::Finished(stage, cell)) < place(&Seen::StageFinished(stage)));
        }
    }
    let started = seen.iter().filter(|event| matches!(event, Seen::Started(..))).count();
    assert!(matches!(seen[1], Seen::PlanStarted(tasks) if tasks == started));
}

#[test]
fn figures_of_tasks_add_up_to_those_of_the_run_and_of_the_plan() {
    for threads in [1, 3] {
        let log = Arc::new(Log { wants_spans: true, ..Log::default() });
        let x = stored();
        let scheduler =
            Threads::new(threads).observer(log.clone()).forced(|options| options.forced_cell = Some(400));
        let sink = Arc::new(MemorySink::new());
        let y = (&x + 1.0).sum(1).unwrap();
        brickwork::store_all(&[(&(&x * 2.0), sink), (&y, Arc::new(MemorySink::new()))], &scheduler).unwrap();
        let mut sum = Counts::default();
        let reports = log.reports.lock().unwrap();
        for report in reports.iter() {
            sum += report.counts;
            assert_eq!(report.times.total(), report.end - report.start, "times are all of the time");
            for span in &report.spans {
                assert!(span.start <= span.end && span.activity != Activity::Compute);
                assert!(report.start <= span.start && span.end <= report.end);
            }
        }
        assert_eq!(sum, *log.counts.lock().unwrap(), "{threads} threads");
        assert!(reports.iter().any(|report| !report.times.get(Activity::Read).is_zero()));
        assert!(reports.iter().any(|report| !report.times.get(Activity::Write).is_zero()));
        let planned = log.planned.lock().unwrap();
        let of_plan = |of: fn(&brickwork_core::plan::StageFigures) -> usize| {
            planned.iter().map(of).sum::<usize>() as u64
        };
        assert_eq!(sum.bytes_decoded, of_plan(|figures| figures.bytes_read));
        assert_eq!(sum.bytes_delivered, of_plan(|figures| figures.bytes_out));
    }
}

#[test]
fn a_late_run_has_several_plans() {
    let log = Arc::new(Log::default());
    let x = stored();
    let mask = greater(&x, 0.0).unwrap();
    let selected = x.select(&mask).unwrap();
    selected.compute_with(&Threads::new(2).observer(log.clone())).unwrap();
    let plans = seen(&log).into_iter().filter(|event| matches!(event, Seen::PlanStarted(_))).count();
    assert_eq!(plans, 2);
}

#[test]
fn failures_and_refusals_are_told() {
    let log = Arc::new(Log::default());
    let bad = stored().map_elements(|_: f64| -> f64 { panic!("a fault on purpose") }).unwrap();
    bad.compute_with(&Synchronous::new().observer(log.clone())).unwrap_err();
    let events = seen(&log);
    assert_eq!(
        events[2..],
        [Seen::Started(0, 0), Seen::Failed(0, 0), Seen::PlanFinished, Seen::RunFinished(false)]
    );

    let log = Arc::new(Log::default());
    let scheduler = Threads::new(1).memory(1000).observer(log.clone());
    let error = stored().compute_with(&scheduler).unwrap_err();
    assert!(matches!(error, Error::MemoryTooSmall { .. }));
    assert_eq!(seen(&log), [Seen::RunStarted, Seen::RunFinished(false)]);
    assert_eq!(scheduler.observers().len(), 1);
}
