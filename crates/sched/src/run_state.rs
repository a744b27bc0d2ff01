//! The state of a run: which tasks wait, run, are done. No thread, no clock, no I/O.

use std::collections::BTreeMap;

use brickwork_core::plan::Plan;
use serde::{Deserialize, Serialize};

/// A task: a cell of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TaskId {
    /// The stage.
    pub stage: usize,
    /// The cell.
    pub cell: usize,
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskState {
    /// A stage it depends on is not done, or no memory is free.
    Waiting,
    /// Somebody works on it.
    Running,
    /// It is done.
    Done,
}

/// What the state of a run needs to know of a stage.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StageShape {
    /// Tasks.
    pub tasks: usize,
    /// Bytes of one task.
    pub task_bytes: usize,
    /// Bytes of results and held values while it runs.
    pub held_bytes: usize,
    /// Bytes of granules that are kept between its patches.
    pub cache_bytes: usize,
    /// Stages that must be done before.
    pub depends: Vec<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct StageState {
    tasks: usize,
    /// Cells below this have been handed out (apart from those in `again`).
    next: usize,
    done: usize,
    running: usize,
    /// Cells that were given back before they had begun, and must be handed out again.
    again: Vec<usize>,
    task_bytes: usize,
    held_bytes: usize,
    cache_bytes: usize,
    depends: Vec<usize>,
}

/// Somebody with memory of its own who runs tasks: this process, or a worker process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct WorkerState {
    /// What it has been given, in that order, and has not given back.
    tasks: Vec<TaskId>,
    /// Tasks that it runs at once; what it has beyond that waits there.
    slots: usize,
    /// Whether it runs a task that may have ended a worker before: then it runs nothing else.
    is_alone: bool,
}

/// Hands out tasks in the order of the stages, while their bytes fit the memory of who runs them. Per stage a few
/// numbers, and the running tasks: a million tasks are an ordinary run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RunState {
    stages: Vec<StageState>,
    workers: Vec<WorkerState>,
    memory: usize,
    /// Stages before this one are done.
    first: usize,
    /// Tasks that ran when their worker was lost, and run again alone.
    suspects: Vec<TaskId>,
    /// How often tasks were running when their worker was lost, while they are not done.
    losses: BTreeMap<TaskId, usize>,
}

/// Tasks that wait at a worker beside those that run there, so that it need not ask for each.
const MOST_AHEAD: usize = 64;

/// Who asks early gets at most one in so many of the tasks that are left, and nothing of the last ones.
const AHEAD_SHARE: usize = 4;

impl RunState {
    /// The state before anything has run: all tasks run in this process, as many at once as fit.
    pub fn new(plan: &Plan) -> Self {
        RunState::for_workers(plan, &[usize::MAX])
    }

    /// The state before anything has run, for workers with memory of their own, each with as many slots.
    pub fn for_workers(plan: &Plan, slots: &[usize]) -> Self {
        let stages = plan.stages.iter().map(|stage| StageShape {
            tasks: stage.num_tasks(),
            task_bytes: stage.figures.task_bytes,
            held_bytes: stage.figures.held_bytes,
            cache_bytes: stage.figures.cache_bytes,
            depends: stage.depends.clone(),
        });
        RunState::of(stages.collect(), plan.options.memory.saturating_sub(plan.ahead_bytes()), slots)
    }

    /// The state of stages that need not be those of a plan. Each depends on earlier ones alone.
    pub fn of(stages: Vec<StageShape>, memory: usize, slots: &[usize]) -> Self {
        let stages: Vec<StageState> = { stages.into_iter() }
            .map(|stage| StageState {
                tasks: stage.tasks,
                next: 0,
                done: 0,
                running: 0,
                again: Vec::new(),
                task_bytes: stage.task_bytes,
                held_bytes: stage.held_bytes,
                cache_bytes: stage.cache_bytes,
                depends: stage.depends,
            })
            .collect();
        let workers = { slots.iter() }
            .map(|&slots| WorkerState { slots: slots.max(1), ..WorkerState::default() })
            .collect();
        let mut state =
            RunState { stages, workers, memory, first: 0, suspects: Vec::new(), losses: BTreeMap::new() };
        state.pass_done_stages();
        state
    }

    /// The next task whose inputs are there and whose bytes fit beside those that run. One task always fits when
    /// nothing runs: the plan has proved it.
    pub fn next_task(&mut self) -> Option<TaskId> {
        self.next_task_for(0)
    }

    /// The next task for a worker: one to run now if a slot is free, else one to run later.
    pub fn next_task_for(&mut self, worker: usize) -> Option<TaskId> {
        let own = &self.workers[worker];
        if own.is_alone {
            return None;
        }
        if own.tasks.is_empty()
            && let Some(task) = self.suspects.pop()
        {
            self.workers[worker].is_alone = true;
            return Some(self.hand_out(worker, task));
        }
        for stage in self.first..self.stages.len() {
            let state = &self.stages[stage];
            let left = state.tasks - state.next + state.again.len();
            if left == 0 || !self.is_ready(stage) {
                continue;
            }
            if !self.fits(worker, stage, left) {
                return None;
            }
            let state = &mut self.stages[stage];
            let cell = state.again.pop().unwrap_or_else(|| {
                state.next += 1;
                state.next - 1
            });
            return Some(self.hand_out(worker, TaskId { stage, cell }));
        }
        None
    }

    fn hand_out(&mut self, worker: usize, task: TaskId) -> TaskId {
        self.stages[task.stage].running += 1;
        self.workers[worker].tasks.push(task);
        task
    }

    fn is_ready(&self, stage: usize) -> bool {
        self.stages[stage].depends.iter().all(|&other| self.is_stage_done(other))
    }

    /// Whether another task of a stage, of which so many are left, fits at a worker.
    fn fits(&self, worker: usize, stage: usize, left: usize) -> bool {
        let own = &self.workers[worker];
        let count = own.tasks.len();
        if count == 0 {
            return true;
        }
        if count >= own.slots {
            let ahead = (left / (AHEAD_SHARE * self.workers.len())).min(MOST_AHEAD);
            if count - own.slots >= ahead {
                return false;
            }
        }
        self.bytes(worker, Some(stage)) <= self.memory
    }

    /// Bytes of the tasks of a worker, and of one more of a stage: of as many as run at once, and of what they share.
    fn bytes(&self, worker: usize, more: Option<usize>) -> usize {
        let own = &self.workers[worker];
        let stages = || own.tasks.iter().map(|task| task.stage).chain(more).map(|stage| &self.stages[stage]);
        let count = own.tasks.len() + usize::from(more.is_some());
        let running = match count <= own.slots {
            true => stages().map(|state| state.task_bytes).fold(0, usize::saturating_add),
            // Any of them may be those that run.
            false => stages().map(|state| state.task_bytes).max().unwrap_or(0).saturating_mul(own.slots),
        };
        let held = stages().map(|state| state.held_bytes).max().unwrap_or(0);
        let cached = stages().map(|state| state.cache_bytes).max().unwrap_or(0);
        running.saturating_add(held).saturating_add(cached)
    }

    /// Takes a task back as done. True if that was the last of its stage.
    pub fn finished(&mut self, task: TaskId) -> bool {
        if !self.take_back(task) {
            return false;
        }
        self.losses.remove(&task);
        let state = &mut self.stages[task.stage];
        state.done += 1;
        let is_last = state.done == state.tasks;
        self.pass_done_stages();
        is_last
    }

    fn pass_done_stages(&mut self) {
        while self.first < self.stages.len() && self.is_stage_done(self.first) {
            self.first += 1;
        }
    }

    /// Takes a task from whoever has it; false if nobody has.
    fn take_back(&mut self, task: TaskId) -> bool {
        for worker in &mut self.workers {
            if let Some(position) = worker.tasks.iter().position(|&other| other == task) {
                worker.tasks.remove(position);
                worker.is_alone = false;
                self.stages[task.stage].running -= 1;
                return true;
            }
        }
        false
    }

    /// Takes a task back that must run again.
    pub fn lost(&mut self, task: TaskId) {
        if self.take_back(task) {
            self.stages[task.stage].again.push(task.cell);
        }
    }

    /// Takes back all tasks of a worker that is gone. Those that ran there, which are given back with the number of
    /// times that this has happened to them, run again alone: if one of them ends its worker, it is known which. The
    /// others had not begun.
    pub fn worker_lost(&mut self, worker: usize) -> Vec<(TaskId, usize)> {
        let own = &mut self.workers[worker];
        own.is_alone = false;
        let mut suspects = Vec::new();
        for (place, task) in std::mem::take(&mut own.tasks).into_iter().enumerate() {
            self.stages[task.stage].running -= 1;
            if place < own.slots {
                let losses = self.losses.entry(task).or_default();
                *losses += 1;
                suspects.push((task, *losses));
                self.suspects.push(task);
            } else {
                self.stages[task.stage].again.push(task.cell);
            }
        }
        suspects
    }

    /// The tasks of a worker, in the order in which it was given them.
    pub fn tasks_of(&self, worker: usize) -> &[TaskId] {
        &self.workers[worker].tasks
    }

    /// Whether every task of a stage is done.
    pub fn is_stage_done(&self, stage: usize) -> bool {
        self.stages[stage].done == self.stages[stage].tasks
    }

    /// Whether every task is done.
    pub fn is_done(&self) -> bool {
        self.first == self.stages.len()
    }

    /// Tasks that run now, or wait at a worker.
    pub fn num_running(&self) -> usize {
        self.workers.iter().map(|worker| worker.tasks.len()).sum()
    }

    /// Tasks that are done.
    pub fn num_done(&self) -> usize {
        self.stages.iter().map(|stage| stage.done).sum()
    }

    /// Where a task stands. A task that was handed out and does not run is done.
    pub fn task_state(&self, task: TaskId) -> TaskState {
        let state = &self.stages[task.stage];
        if self.workers.iter().any(|worker| worker.tasks.contains(&task)) {
            TaskState::Running
        } else if task.cell >= state.next || state.again.contains(&task.cell) || self.suspects.contains(&task)
        {
            TaskState::Waiting
        } else {
            TaskState::Done
        }
    }

    /// Why a task is not running, for people.
    pub fn explain(&self, task: TaskId) -> String {
        let state = &self.stages[task.stage];
        match self.task_state(task) {
            TaskState::Running => "it is running".into(),
            TaskState::Done => "it is done".into(),
            TaskState::Waiting => {
                let open = self.open_inputs(task.stage);
                if !open.is_empty() {
                    format!("it waits for {}", open.join(" and "))
                } else if self.suspects.contains(&task) {
                    "it ran when its worker was lost, and waits for a worker of its own".into()
                } else if (0..self.workers.len()).all(|worker| !self.fits(worker, task.stage, 1)) {
                    format!(
                        "its {} bytes do not fit beside the {} running tasks",
                        state.task_bytes,
                        self.num_running()
                    )
                } else {
                    format!("{} tasks of its stage come before it", task.cell.saturating_sub(state.next))
                }
            }
        }
    }

    /// The stages that a stage waits for, and how far they are.
    fn open_inputs(&self, stage: usize) -> Vec<String> {
        let depends = self.stages[stage].depends.iter();
        depends
            .filter(|&&other| !self.is_stage_done(other))
            .map(|&other| {
                let StageState { done, tasks, .. } = &self.stages[other];
                format!("stage {other} ({done} of {tasks} tasks done)")
            })
            .collect()
    }

    /// Who waits for whom: for every stage that is not done how far it is, and what it waits for.
    pub fn explain_stages(&self) -> String {
        let open = (self.first..self.stages.len()).filter(|&stage| !self.is_stage_done(stage));
        let lines = open.map(|stage| {
            let state = &self.stages[stage];
            let inputs = self.open_inputs(stage);
            let what = match (inputs.is_empty(), state.running) {
                (false, _) => format!("waits for {}", inputs.join(" and ")),
                (true, 0) if state.next == state.tasks && state.again.is_empty() => {
                    "waits for a worker of its own for tasks whose worker was lost".into()
                }
                (true, 0) => format!("its tasks of {} bytes wait for memory or a worker", state.task_bytes),
                (true, running) => format!("{running} running"),
            };
            format!("stage {stage}: {} of {} tasks done, {what}", state.done, state.tasks)
        });
        lines.collect::<Vec<_>>().join("; ")
    }

    /// Checks what must always hold; for tests.
    pub fn check_invariants(&self) {
        for (number, worker) in self.workers.iter().enumerate() {
            assert!(
                worker.tasks.len() <= 1 || self.bytes(number, None) <= self.memory,
                "the tasks of worker {number} fit the budget"
            );
            assert!(!worker.is_alone || worker.tasks.len() == 1, "who must be alone is alone");
        }
        for (number, state) in self.stages.iter().enumerate() {
            let suspects = self.suspects.iter().filter(|task| task.stage == number).count();
            let out = state.done + state.running + state.again.len() + suspects;
            assert_eq!(out, state.next, "stage {number}");
            let running = self.workers.iter().flat_map(|worker| &worker.tasks);
            assert_eq!(running.filter(|task| task.stage == number).count(), state.running, "stage {number}");
            assert!(state.next <= state.tasks);
            let started = state.next > 0;
            assert!(!started || self.is_ready(number), "stage {number} began before what it needs");
        }
    }
}

#[cfg(test)]
#[path = "run_state_tests.rs"]
mod tests;
