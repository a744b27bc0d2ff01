//! A run in worker processes: a thread for every worker, which passes on what the run state decides.

use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use brickwork_core::eval::{Counts, TaskOutput};
use brickwork_core::plan::Plan;
use brickwork_core::{BlockMut, Buffer, Error, Result, format_bytes};
use parking_lot::Mutex;

use super::arena::Arena;
use super::connection::{Frame, Received, Sender, encoded};
use super::link::Link;
use super::messages::{Busy, FromWorker, PlanMessage, Report, TaskEvent, ToWorker};
use super::{Processes, SLACK};
use crate::clock::now;
use crate::observer::{Event, TaskReport};
use crate::run::{Run, stage_name};
use crate::run_state::{RunState, TaskId};

/// How often a thread that hears nothing looks whether the run is to stop.
const GLANCE: Duration = Duration::from_millis(50);

/// How long workers may take to stop when a run is given up.
const GRACE: Duration = Duration::from_millis(600);

/// Workers that end before they have run any task, one after the other, before the run gives up.
const MOST_IDLE_LOSSES: usize = 3;

/// Runs every task of a plan in worker processes.
pub(super) fn run_tasks(processes: &Processes, run: &Run<'_>) -> Result<()> {
    let plan = run.plan();
    if run.is_cancelled() {
        return Err(Error::Cancelled);
    }
    let arena = Arc::new(Arena::create(plan)?);
    run.share(arena.clone());
    let message = PlanMessage {
        plan: plan.to_data(&mut |block| arena.lend(block))?,
        threads: processes.options.threads,
        limit: plan.options.memory.saturating_add(SLACK),
        retries: run.policy().retries,
        spill: plan.options.spill.as_ref().map(|place| place.name()).unwrap_or_default(),
    };
    let message = encoded(&ToWorker::Plan(Box::new(message)), 0, arena.files().len())
        .map_err(|error| Error::Workers { reason: format!("the plan cannot be sent: {error}") })?;
    let workers = processes.workers.min(plan.num_tasks()).max(1);
    let slots = vec![processes.options.threads; workers];
    let driver = Driver {
        processes,
        run,
        plan,
        message,
        arena: &arena,
        shared: Mutex::new(Shared {
            state: RunState::for_workers(plan, &slots),
            error: None,
            over_since: None,
            senders: vec![None; workers],
            busy: vec![Vec::new(); workers],
            stages_done: Vec::new(),
            last_end: Instant::now(),
        }),
    };
    std::thread::scope(|scope| {
        for worker in 1..workers {
            let driver = &driver;
            scope.spawn(move || driver.serve(worker));
        }
        // The caller's thread serves one too.
        driver.serve(0);
    });
    arena.retire(plan);
    match driver.shared.into_inner().error {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

struct Driver<'a> {
    processes: &'a Processes,
    run: &'a Run<'a>,
    plan: &'a Plan,
    /// The plan, encoded once for all workers.
    message: Vec<u8>,
    arena: &'a Arena,
    shared: Mutex<Shared>,
}

/// What the threads share.
struct Shared {
    state: RunState,
    error: Option<Error>,
    /// When all tasks were done, or one had failed.
    over_since: Option<Instant>,
    /// By worker: who has read the plan.
    senders: Vec<Option<Arc<Sender>>>,
    /// By worker: what it was running when it last said so.
    busy: Vec<Vec<Busy>>,
    /// In the order in which they ended.
    stages_done: Vec<usize>,
    /// When a task has last ended, or it was last told that none had.
    last_end: Instant,
}

/// How the attendance of a worker ended.
enum Attended {
    /// The run is over, and the worker waits for the next.
    Over,
    /// The worker is gone or useless, and why.
    Lost { reason: String, is_over_limit: bool },
}

/// A worker, while a thread attends it.
struct Attendance {
    /// What it had counted when it last said so.
    counts: Counts,
    over_limit: Option<usize>,
    last_heard: Instant,
    is_ready: bool,
    has_worked: bool,
    /// By how much our clock is ahead of the worker's, at most: messages take their time.
    ahead: Option<i128>,
}

impl Attendance {
    /// A moment by our clock that the worker tells by its own, in nanoseconds.
    fn own_time(&mut self, theirs: u64) -> Duration {
        let difference = now().as_nanos() as i128 - i128::from(theirs);
        let ahead = self.ahead.map_or(difference, |ahead| ahead.min(difference));
        self.ahead = Some(ahead);
        Duration::from_nanos(u64::try_from(i128::from(theirs) + ahead).unwrap_or(0))
    }
}

impl Driver<'_> {
    /// Keeps one place among the workers filled until the run is over.
    fn serve(&self, worker: usize) {
        let mut idle_losses = 0;
        while self.shared.lock().over_since.is_none() {
            let mut link = match self.processes.fleet.take(&self.processes.start) {
                Ok(link) => link,
                Err(error) => return self.fail(error),
            };
            let mut attendance = Attendance {
                counts: Counts::default(),
                over_limit: None,
                last_heard: Instant::now(),
                is_ready: false,
                has_worked: false,
                ahead: None,
            };
            let attended = self.attend(worker, &mut link, &mut attendance);
            self.leave(worker);
            match attended {
                Attended::Over => return self.processes.fleet.give_back(link),
                Attended::Lost { reason, is_over_limit } => {
                    // Gone for good, before anybody else gets its tasks: it must not write any more.
                    link.kill();
                    idle_losses = if attendance.has_worked { 0 } else { idle_losses + 1 };
                    self.lost(worker, &reason, is_over_limit, idle_losses);
                }
            }
        }
    }

    fn leave(&self, worker: usize) {
        let mut shared = self.shared.lock();
        shared.senders[worker] = None;
        shared.busy[worker].clear();
    }

    /// Gives a worker the plan, listens to it, and looks after it.
    fn attend(&self, worker: usize, link: &mut Link, attendance: &mut Attendance) -> Attended {
        let files: Vec<BorrowedFd<'_>> = self.arena.files();
        if link.sender.send_encoded(&self.message, &files).is_err() {
            return self.gone(link, attendance);
        }
        loop {
            match link.receiver.receive(Some(GLANCE)) {
                Ok(Received::Frame(frame)) => {
                    attendance.last_heard = Instant::now();
                    match self.heard(worker, link, attendance, frame) {
                        Ok(true) => return Attended::Over,
                        Ok(false) => {}
                        Err(error) => self.fail(error),
                    }
                }
                Ok(Received::Nothing) => self.look_for_stall(),
                Ok(Received::Closed) | Err(_) => return self.gone(link, attendance),
            }
            if self.run.is_cancelled() {
                self.fail(Error::Cancelled);
            }
            if let Some(reason) = self.patience_ends(worker, attendance) {
                return Attended::Lost { reason, is_over_limit: false };
            }
        }
    }

    fn gone(&self, link: &mut Link, attendance: &Attendance) -> Attended {
        let end = link.end();
        match attendance.over_limit {
            Some(bytes) => {
                let reason = format!(
                    "took {} of memory, where it may take {} beside {} for the program itself; an operation needs more \
                     than it declares",
                    format_bytes(bytes),
                    format_bytes(self.plan.options.memory),
                    format_bytes(SLACK)
                );
                Attended::Lost { reason, is_over_limit: true }
            }
            None => Attended::Lost { reason: end, is_over_limit: false },
        }
    }

    /// Why a worker is given up that still lives.
    fn patience_ends(&self, worker: usize, attendance: &Attendance) -> Option<String> {
        let shared = self.shared.lock();
        if shared.over_since.is_some_and(|since| shared.error.is_some() && since.elapsed() > GRACE) {
            return Some("did not stop when it was asked to".into());
        }
        let silence = self.processes.start.silence;
        if attendance.last_heard.elapsed() > silence {
            return Some(format!("did not answer for {silence:?}"));
        }
        let limit = self.processes.limits.task?;
        let longest = shared.busy[worker].iter().map(|busy| busy.since).max()?;
        (Duration::from_millis(longest) > limit)
            .then(|| format!("ran the task for longer than {limit:?}, and was ended"))
    }

    /// Takes in what a worker says. True if it has nothing to do any more.
    fn heard(
        &self,
        worker: usize,
        link: &mut Link,
        attendance: &mut Attendance,
        frame: Frame,
    ) -> Result<bool> {
        let message = frame.message::<FromWorker>().map_err(|reason| Error::Workers {
            reason: format!("a worker said what cannot be read: {reason}"),
        })?;
        match message {
            FromWorker::Hello { .. } => {}
            FromWorker::Ready => {
                attendance.is_ready = true;
                self.enlist(worker, &link.sender)?;
            }
            FromWorker::Refused(error) => {
                self.fail(error);
                // Without a plan there is nothing for it to stop.
                return Ok(!attendance.is_ready);
            }
            FromWorker::Report(report) => {
                attendance.has_worked |= !report.events.is_empty();
                self.reported(worker, attendance, report)?;
            }
            FromWorker::Write { ticket, task, target, place, dtype } => {
                let shape = place.shape();
                if shape.iter().product::<usize>() * dtype.itemsize() != frame.tail.len() {
                    let reason = format!("a worker sent {} bytes for {place}", frame.tail.len());
                    return Err(Error::Workers { reason });
                }
                let buffer = Buffer::from_vec(frame.tail);
                let block = BlockMut::over(buffer, dtype, &shape).freeze();
                let result = self.run.store(Some(task), target, &place, &block);
                let _ = link.sender.send(&ToWorker::Written { ticket, result });
            }
            FromWorker::Beat(busy) => self.shared.lock().busy[worker] = busy,
            FromWorker::OverLimit { bytes } => attendance.over_limit = Some(bytes),
            FromWorker::Ended => {
                // What it holds of the plan goes.
                let _ = link.sender.send(&ToWorker::Release);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A worker has read the plan: it is told what is there already, and gets tasks.
    fn enlist(&self, worker: usize, sender: &Arc<Sender>) -> Result<()> {
        let mut shared = self.shared.lock();
        for &stage in &shared.stages_done {
            let _ = sender.send(&ToWorker::StageDone(stage));
        }
        if shared.over_since.is_some() {
            let _ = sender.send(&ToWorker::Stop { gives_up: shared.error.is_some() });
            return Ok(());
        }
        shared.senders[worker] = Some(sender.clone());
        self.go_on(&mut shared)
    }

    fn reported(&self, worker: usize, attendance: &mut Attendance, report: Report) -> Result<()> {
        let context = self.run.context();
        context.counters.shared().advance(&attendance.counts, &report.counts);
        attendance.counts = report.counts;
        context.note_peak(report.peak_bytes);
        let lane = |thread: usize| worker * self.processes.options.threads + thread;
        let run = self.run.id();
        let mut done = Vec::with_capacity(report.events.len());
        for event in report.events {
            match event {
                TaskEvent::Started { task, thread, at } => {
                    let at = attendance.own_time(at);
                    self.run.tell(&Event::TaskStarted { run, task, worker: lane(thread), at });
                }
                TaskEvent::Finished { task, thread, at, counts, times, result } => {
                    let result = result.and_then(|partials| self.run.take_in(task, TaskOutput { partials }));
                    let (end, worker) = (attendance.own_time(at), lane(thread));
                    if let Err(error) = result {
                        self.run.tell(&Event::TaskFailed { run, task, worker, error: &error, at: end });
                        return Err(error);
                    }
                    let start = end.saturating_sub(times.total());
                    let report = TaskReport { start, end, counts: *counts, times: *times, spans: Vec::new() };
                    self.run.tell(&Event::TaskFinished { run, task, worker, report: &report });
                    done.push(task);
                }
            }
        }
        if done.is_empty() {
            return Ok(());
        }
        let mut shared = self.shared.lock();
        shared.last_end = Instant::now();
        for task in done {
            self.ended(&mut shared, task)?;
        }
        self.go_on(&mut shared)
    }

    fn ended(&self, shared: &mut Shared, task: TaskId) -> Result<()> {
        if shared.state.finished(task) {
            self.run.stage_done(task.stage)?;
            shared.stages_done.push(task.stage);
            shared.tell_all(&ToWorker::StageDone(task.stage));
        }
        Ok(())
    }

    /// Gives every worker what the run state has for it, or tells them that all is done.
    fn go_on(&self, shared: &mut Shared) -> Result<()> {
        if shared.over_since.is_some() {
            return Ok(());
        }
        let mut batches: Vec<Vec<TaskId>> = vec![Vec::new(); shared.senders.len()];
        loop {
            let mut is_any = false;
            for (worker, batch) in batches.iter_mut().enumerate() {
                if shared.senders[worker].is_some()
                    && let Some(task) = shared.state.next_task_for(worker)
                {
                    is_any = true;
                    match self.run.was_done(task) {
                        true => self.ended(shared, task)?,
                        false => batch.push(task),
                    }
                }
            }
            if !is_any {
                break;
            }
        }
        for (sender, batch) in shared.senders.iter().zip(batches) {
            if let Some(sender) = sender
                && !batch.is_empty()
            {
                // Whoever is gone shows at its own thread.
                let _ = sender.send(&ToWorker::Run(batch));
            }
        }
        if shared.state.is_done() {
            shared.over_since = Some(Instant::now());
            shared.tell_all(&ToWorker::Stop { gives_up: false });
        }
        Ok(())
    }

    /// Takes the tasks of a worker back that is gone.
    fn lost(&self, worker: usize, reason: &str, is_over_limit: bool, idle_losses: usize) {
        let mut shared = self.shared.lock();
        let suspects = shared.state.worker_lost(worker);
        if shared.over_since.is_some() {
            return;
        }
        let tasks: Vec<TaskId> = suspects.iter().map(|(task, _)| *task).collect();
        let error = match suspects.iter().max_by_key(|(_, losses)| *losses) {
            // Alone there, so it was this one.
            Some(&(task, _)) if is_over_limit && suspects.len() == 1 => {
                Some(self.culprit(task, format!("the worker process {reason}")))
            }
            Some(&(task, losses)) if losses >= self.processes.limits.losses => {
                let what = format!("its worker process {reason}; this was try {losses} of {losses}");
                Some(self.culprit(task, what))
            }
            None if idle_losses >= MOST_IDLE_LOSSES => {
                let reason = format!("they end before they have run a task; the last one {reason}");
                Some(Error::Workers { reason })
            }
            _ => None,
        };
        let result = match error {
            Some(error) => Err(error),
            None => self.go_on(&mut shared),
        };
        if let Err(error) = result {
            shared.fail(error);
        }
        drop(shared);
        self.run.tell(&Event::WorkerLost { run: self.run.id(), worker, reason, tasks: &tasks });
    }

    fn culprit(&self, task: TaskId, reason: String) -> Error {
        let region = self.plan.stages[task.stage].cell(task.cell).to_string();
        Error::WorkerLost { op: stage_name(self.plan, task.stage), region, reason }
    }

    fn fail(&self, error: Error) {
        self.shared.lock().fail(error);
    }

    /// Tells those who watch when nothing moves.
    fn look_for_stall(&self) {
        let quiet = self.run.policy().stalled_after;
        let mut shared = self.shared.lock();
        if shared.last_end.elapsed() < quiet || shared.over_since.is_some() {
            return;
        }
        shared.last_end = Instant::now();
        let what = shared.explain();
        drop(shared);
        self.run.tell(&Event::Stalled { run: self.run.id(), quiet, what: &what });
    }
}

impl Shared {
    fn tell_all(&self, message: &ToWorker) {
        for sender in self.senders.iter().flatten() {
            let _ = sender.send(message);
        }
    }

    /// The first error stops the run.
    fn fail(&mut self, error: Error) {
        if self.over_since.is_some() {
            return;
        }
        self.error = Some(error);
        self.over_since = Some(Instant::now());
        self.tell_all(&ToWorker::Stop { gives_up: true });
    }

    fn explain(&self) -> String {
        let running = self.busy.iter().enumerate().flat_map(|(worker, busy)| {
            busy.iter().map(move |Busy { task, since }| {
                let TaskId { stage, cell } = task;
                format!(
                    "worker {worker} has been running cell {cell} of stage {stage} for {} s",
                    since / 1000
                )
            })
        });
        running.chain([self.state.explain_stages()]).collect::<Vec<_>>().join("; ")
    }
}
