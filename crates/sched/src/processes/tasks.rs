//! Running the tasks of a plan in a worker.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;

use brickwork_core::eval::{Counters, Deliver, Meter};
use brickwork_core::plan::{Plan, Writers};
use brickwork_core::{Block, Error, Region, Result};
use parking_lot::{Condvar, Mutex};
use rustc_hash::FxHashMap;

use super::arena::{Arena, borrowed};
use super::connection::{Received, Receiver, Sender};
use super::messages::{FromWorker, PlanMessage, Report, TaskEvent, ToWorker};
use super::worker::{Status, end_at_once};
use crate::cancel::CancelToken;
use crate::clock::nanoseconds;
use crate::context::{RunContext, TaskContext};
use crate::policy::Retries;
use crate::run::attempt;
use crate::run_state::TaskId;
use crate::values::Values;

/// Answers a plan, and runs its tasks until the run has no more. An error means that the run is gone.
pub(super) fn run(
    message: PlanMessage,
    files: Vec<OwnedFd>,
    sender: &Sender,
    receiver: &mut Receiver,
    status: &Status,
) -> io::Result<()> {
    let PlanMessage { plan, threads, limit, retries, spill } = message;
    let opened = || {
        let (memory, file) = Arena::memory_of(files)?;
        let (plan, writers) = plan.into_plan(&|lent| borrowed(&memory, lent))?;
        Ok((plan, writers, memory, file))
    };
    let (plan, writers, memory, file): (Plan, Writers, File, Option<File>) = match opened() {
        Ok(opened) => opened,
        Err(error) => return sender.send(&FromWorker::Refused(error)),
    };
    status.prepare(threads, limit);
    let arena = Arena::open(&plan, memory, file, &spill);
    let cancel = CancelToken::new();
    let context = RunContext::new(&plan.options, cancel.clone(), None);
    context.ahead.reset(plan.ahead_bytes());
    context.ahead.expect([]);
    let site = Site {
        plan: &plan,
        writers,
        values: Values::new(&plan, Arc::new(arena)),
        context,
        cancel,
        retries,
        queue: Mutex::default(),
        has_work: Condvar::new(),
        news: Mutex::default(),
        has_news: Condvar::new(),
        sender,
        writes: Mutex::default(),
        next_ticket: AtomicU64::new(0),
        threads: AtomicUsize::new(threads),
        status,
    };
    std::thread::scope(|scope| {
        let site = &site;
        for thread in 0..threads {
            scope.spawn(move || site.work(thread));
        }
        scope.spawn(move || site.report());
        let result = sender.send(&FromWorker::Ready).and_then(|()| site.listen(receiver));
        if result.is_err() {
            // Nobody wants what is still running.
            end_at_once();
        }
        result
    })
}

/// A plan in a worker.
struct Site<'a> {
    plan: &'a Plan,
    writers: Writers,
    values: Values<'a>,
    context: RunContext,
    cancel: CancelToken,
    retries: Retries,
    queue: Mutex<Queue>,
    has_work: Condvar,
    news: Mutex<News>,
    has_news: Condvar,
    sender: &'a Sender,
    /// Writes that the run has not answered, by ticket.
    writes: Mutex<FxHashMap<u64, mpsc::Sender<Result<()>>>>,
    next_ticket: AtomicU64,
    /// Threads that have not ended.
    threads: AtomicUsize,
    status: &'a Status,
}

#[derive(Debug, Default)]
struct Queue {
    tasks: VecDeque<TaskId>,
    is_closed: bool,
}

/// What the run has not been told yet.
#[derive(Debug, Default)]
struct News {
    events: Vec<TaskEvent>,
    is_over: bool,
}

impl Site<'_> {
    /// Does what the run says, until it says that the plan can be forgotten.
    fn listen(&self, receiver: &mut Receiver) -> io::Result<()> {
        let gone = || io::Error::from(io::ErrorKind::ConnectionAborted);
        loop {
            let frame = match receiver.receive(None)? {
                Received::Frame(frame) => frame,
                Received::Nothing => continue,
                Received::Closed => return Err(gone()),
            };
            match frame.message::<ToWorker>().map_err(|_| gone())? {
                ToWorker::Run(tasks) => {
                    if self.context.ahead.is_active() {
                        self.context.ahead.expect(tasks.iter().map(|task| (task.stage, task.cell)));
                    }
                    self.queue.lock().tasks.extend(tasks);
                    self.has_work.notify_all();
                }
                ToWorker::StageDone(stage) => {
                    if let Err(error) = self.values.stage_done(stage, &self.context, false) {
                        self.sender.send(&FromWorker::Refused(error))?;
                    }
                }
                ToWorker::Written { ticket, result } => {
                    if let Some(waiting) = self.writes.lock().remove(&ticket) {
                        let _ = waiting.send(result);
                    }
                }
                ToWorker::Stop { gives_up } => {
                    let mut queue = self.queue.lock();
                    queue.is_closed = true;
                    if gives_up {
                        self.cancel.cancel();
                        queue.tasks.clear();
                    }
                    self.has_work.notify_all();
                }
                ToWorker::Release => return Ok(()),
                ToWorker::Plan(_) => return Err(gone()),
            }
        }
    }

    /// Runs tasks, one at a time.
    fn work(&self, thread: usize) {
        while let Some(task) = self.next() {
            let meter = Meter::start(nanoseconds, false);
            let start = meter.started().as_nanos() as u64;
            self.tell(TaskEvent::Started { task, thread, at: start });
            self.status.set(thread, Some(task));
            let counters = self.context.counters.of(thread);
            let before = counters.get();
            let delivery = Delivery { site: self, task, counters: &counters };
            let held = self.values.held();
            let context = TaskContext { run: &self.context, counters: &counters };
            let result = attempt(self.plan, task, &held, &context, &delivery, &self.retries);
            drop(held);
            self.status.set(thread, None);
            let result = result.map(|output| output.partials);
            let (counts, times) = (Box::new(counters.get().since(&before)), Box::new(meter.stop().times));
            let at = start + times.total().as_nanos() as u64;
            self.tell(TaskEvent::Finished { task, thread, at, counts, times, result });
        }
        if self.threads.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.news.lock().is_over = true;
            self.has_news.notify_all();
        }
    }

    fn next(&self) -> Option<TaskId> {
        let mut queue = self.queue.lock();
        loop {
            if let Some(task) = queue.tasks.pop_front() {
                return Some(task);
            }
            if queue.is_closed {
                return None;
            }
            self.has_work.wait(&mut queue);
        }
    }

    fn tell(&self, event: TaskEvent) {
        let mut news = self.news.lock();
        news.events.push(event);
        if news.events.len() == 1 {
            self.has_news.notify_all();
        }
    }

    /// Sends the run what has happened: much in one message where much happens.
    fn report(&self) {
        loop {
            let (events, is_over) = {
                let mut news = self.news.lock();
                while news.events.is_empty() && !news.is_over {
                    self.has_news.wait(&mut news);
                }
                (std::mem::take(&mut news.events), news.is_over)
            };
            let report = Report {
                events,
                counts: self.context.counters.total(),
                peak_bytes: self.context.pool.peak(),
            };
            let mut sent = self.sender.send(&FromWorker::Report(report));
            if is_over && sent.is_ok() {
                sent = self.sender.send(&FromWorker::Ended);
            }
            if sent.is_err() {
                end_at_once();
            }
            if is_over {
                return;
            }
        }
    }

    /// Has the run write to a sink that only its process can write to.
    fn write_there(&self, task: TaskId, target: usize, place: &Region, block: &Block) -> Result<()> {
        let ticket = self.next_ticket.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = mpsc::channel();
        self.writes.lock().insert(ticket, answer);
        let dense = block.to_dense(Some(&self.context.pool));
        let message = FromWorker::Write { ticket, task, target, place: place.clone(), dtype: block.dtype() };
        let sent = self.sender.send_with(&message, dense.as_bytes().unwrap_or_default());
        drop(dense);
        if sent.is_err() {
            end_at_once();
        }
        answered.recv().unwrap_or(Err(Error::Cancelled))
    }
}

/// Takes what a task makes.
struct Delivery<'s> {
    site: &'s Site<'s>,
    task: TaskId,
    counters: &'s Counters,
}

impl Deliver for Delivery<'_> {
    fn deliver(&self, target: usize, region: &Region, block: &Block) -> Result<()> {
        let site = self.site;
        let store = |place: &Region, block: &Block| match &site.writers[target] {
            Some(writer) => writer.write(place, block),
            None => site.write_there(self.task, target, place, block),
        };
        site.values.take(target, region, block, (&site.context, self.counters), &store)
    }
}
