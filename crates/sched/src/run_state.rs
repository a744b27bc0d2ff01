//! The state of a run: which tasks wait, run, are done. No thread, no clock, no I/O.

use brickwork_core::plan::Plan;

/// A task: a cell of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

#[derive(Debug)]
struct StageState {
    tasks: usize,
    /// Cells below this have been handed out (apart from those in `again`).
    next: usize,
    done: usize,
    running: Vec<usize>,
    /// Cells that were lost and must run again.
    again: Vec<usize>,
    task_bytes: usize,
    held_bytes: usize,
    cache_bytes: usize,
    depends: Vec<usize>,
}

/// Hands out tasks in the order of the stages, while their bytes fit. Per stage a few numbers and the running tasks:
/// a million tasks are an ordinary run.
#[derive(Debug)]
pub struct RunState {
    stages: Vec<StageState>,
    memory: usize,
    /// Stages before this one are done.
    first: usize,
}

impl RunState {
    /// The state before anything has run.
    pub fn new(plan: &Plan) -> Self {
        let stages = plan
            .stages
            .iter()
            .map(|stage| StageState {
                tasks: stage.num_tasks(),
                next: 0,
                done: 0,
                running: Vec::new(),
                again: Vec::new(),
                task_bytes: stage.figures.task_bytes,
                held_bytes: stage.figures.held_bytes,
                cache_bytes: stage.figures.cache_bytes,
                depends: stage.depends.clone(),
            })
            .collect();
        let memory = plan.options.memory.saturating_sub(plan.ahead_bytes());
        RunState { stages, memory, first: 0 }
    }

    /// The next task whose inputs are there and whose bytes fit beside those that run. One task always fits when
    /// nothing runs: the plan has proved it.
    pub fn next_task(&mut self) -> Option<TaskId> {
        for stage in self.first..self.stages.len() {
            if !self.is_ready(stage) {
                continue;
            }
            let state = &self.stages[stage];
            if state.next == state.tasks && state.again.is_empty() {
                continue;
            }
            if !self.fits(stage) {
                return None;
            }
            let state = &mut self.stages[stage];
            let cell = state.again.pop().unwrap_or_else(|| {
                state.next += 1;
                state.next - 1
            });
            state.running.push(cell);
            return Some(TaskId { stage, cell });
        }
        None
    }

    fn is_ready(&self, stage: usize) -> bool {
        self.stages[stage].depends.iter().all(|&other| self.is_stage_done(other))
    }

    fn fits(&self, stage: usize) -> bool {
        let running: usize = self.stages.iter().map(|state| state.running.len() * state.task_bytes).sum();
        let is_idle = self.stages.iter().all(|state| state.running.is_empty());
        let (held, cached) = self.shared_bytes();
        let own = &self.stages[stage];
        let shared = held.max(own.held_bytes) + cached.max(own.cache_bytes);
        is_idle || running + own.task_bytes + shared <= self.memory
    }

    /// Bytes that running tasks share: what is held, and kept granules.
    fn shared_bytes(&self) -> (usize, usize) {
        let running = self.stages.iter().filter(|state| !state.running.is_empty());
        running
            .fold((0, 0), |(held, cached), state| (held.max(state.held_bytes), cached.max(state.cache_bytes)))
    }

    /// Takes a task back as done. True if that was the last of its stage.
    pub fn finished(&mut self, task: TaskId) -> bool {
        let state = &mut self.stages[task.stage];
        let Some(position) = state.running.iter().position(|&cell| cell == task.cell) else { return false };
        state.running.swap_remove(position);
        state.done += 1;
        let is_last = state.done == state.tasks;
        while self.first < self.stages.len() && self.is_stage_done(self.first) {
            self.first += 1;
        }
        is_last
    }

    /// Takes a task back that must run again, because its worker is gone.
    pub fn lost(&mut self, task: TaskId) {
        let state = &mut self.stages[task.stage];
        if let Some(position) = state.running.iter().position(|&cell| cell == task.cell) {
            state.running.swap_remove(position);
            state.again.push(task.cell);
        }
    }

    /// Whether every task of a stage is done.
    pub fn is_stage_done(&self, stage: usize) -> bool {
        self.stages[stage].done == self.stages[stage].tasks
    }

    /// Whether every task is done.
    pub fn is_done(&self) -> bool {
        self.first == self.stages.len()
    }

    /// Tasks that run now.
    pub fn num_running(&self) -> usize {
        self.stages.iter().map(|state| state.running.len()).sum()
    }

    /// Where a task stands. A task that was handed out and does not run is done.
    pub fn task_state(&self, task: TaskId) -> TaskState {
        let state = &self.stages[task.stage];
        if state.running.contains(&task.cell) {
            TaskState::Running
        } else if task.cell >= state.next || state.again.contains(&task.cell) {
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
                let open: Vec<String> = state
                    .depends
                    .iter()
                    .filter(|&&other| !self.is_stage_done(other))
                    .map(|&other| {
                        format!(
                            "stage {other} ({} of {} tasks done)",
                            self.stages[other].done, self.stages[other].tasks
                        )
                    })
                    .collect();
                if !open.is_empty() {
                    format!("it waits for {}", open.join(" and "))
                } else if !self.fits(task.stage) {
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

    /// Checks what must always hold; for tests.
    pub fn check_invariants(&self) {
        let running: usize = self.stages.iter().map(|state| state.running.len() * state.task_bytes).sum();
        let (held, cached) = self.shared_bytes();
        assert!(
            self.num_running() <= 1 || running + held + cached <= self.memory,
            "running tasks fit the budget"
        );
        for (number, state) in self.stages.iter().enumerate() {
            assert_eq!(state.done + state.running.len() + state.again.len(), state.next, "stage {number}");
            assert!(state.next <= state.tasks);
            let started = state.next > 0;
            assert!(!started || self.is_ready(number), "stage {number} began before what it needs");
        }
    }
}
