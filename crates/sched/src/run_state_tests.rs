//! Every order of events of small runs, deaths of workers included.

use std::collections::{BTreeSet, HashSet};

use super::*;

fn stage(tasks: usize, task_bytes: usize, depends: &[usize]) -> StageShape {
    StageShape { tasks, task_bytes, depends: depends.to_vec(), ..StageShape::default() }
}

/// A run, and how much may still go wrong in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Explored {
    state: RunState,
    done: BTreeSet<TaskId>,
    deaths: usize,
    retries: usize,
}

impl Explored {
    /// What may happen next. An event of which nothing comes is left out.
    fn successors(&self) -> Vec<Explored> {
        let mut next = Vec::new();
        for worker in 0..self.state.workers.len() {
            let mut after = self.clone();
            if after.state.next_task_for(worker).is_some() {
                next.push(after);
            }
            if self.deaths > 0 {
                let mut after = self.clone();
                after.deaths -= 1;
                let before: Vec<TaskId> = self.state.tasks_of(worker).to_vec();
                let suspects = after.state.worker_lost(worker);
                let slots = self.state.workers[worker].slots;
                let ran: Vec<TaskId> = before.into_iter().take(slots).collect();
                assert_eq!(suspects.iter().map(|(task, _)| *task).collect::<Vec<_>>(), ran);
                next.push(after);
            }
            // A worker runs as many of its tasks as it has slots, the first ones; any of these may end.
            let slots = self.state.workers[worker].slots;
            for &task in self.state.tasks_of(worker).iter().take(slots) {
                let mut after = self.clone();
                let is_last = after.state.finished(task);
                assert!(after.done.insert(task), "{task:?} is counted twice");
                assert_eq!(is_last, after.state.is_stage_done(task.stage));
                assert!(!after.state.finished(task), "what is done is not done again");
                next.push(after);
                if self.retries > 0 {
                    let mut after = self.clone();
                    after.retries -= 1;
                    after.state.lost(task);
                    next.push(after);
                }
            }
        }
        next
    }
}

/// Walks through every order of events. Returns the number of different states.
fn explore(stages: &[StageShape], memory: usize, slots: &[usize], deaths: usize, retries: usize) -> usize {
    let state = RunState::of(stages.to_vec(), memory, slots);
    let tasks: usize = stages.iter().map(|stage| stage.tasks).sum();
    let mut open = vec![Explored { state, done: BTreeSet::new(), deaths, retries }];
    let mut seen: HashSet<Explored> = open.iter().cloned().collect();
    while let Some(explored) = open.pop() {
        explored.state.check_invariants();
        for (number, worker) in explored.state.workers.iter().enumerate() {
            let running = worker.tasks.iter().take(worker.slots);
            let bytes: usize = running.map(|task| stages[task.stage].task_bytes).sum();
            assert!(worker.tasks.len() <= 1 || bytes <= memory, "worker {number} exceeds the budget");
        }
        let all = explored.state.workers.iter().flat_map(|worker| &worker.tasks);
        let all: Vec<TaskId> = all.copied().collect();
        let different: BTreeSet<TaskId> = all.iter().copied().collect();
        assert_eq!(different.len(), all.len(), "a task runs twice at once");
        assert!(different.is_disjoint(&explored.done), "a task runs that is done");
        let next = explored.successors();
        if explored.state.is_done() {
            assert_eq!(explored.done.len(), tasks, "a task is lost");
            assert!(all.is_empty());
        } else {
            // Without deaths and failures it goes on: nothing waits for ever.
            let calm = Explored { deaths: 0, retries: 0, ..explored.clone() };
            assert!(!calm.successors().is_empty(), "nothing can happen: {}", explored.state.explain_stages());
        }
        for after in next {
            if seen.insert(after.clone()) {
                open.push(after);
            }
        }
    }
    seen.len()
}

#[test]
fn no_order_of_events_loses_a_task_or_counts_it_twice() {
    // A fold, and a map with its result.
    assert!(explore(&[stage(3, 10, &[]), stage(3, 10, &[0])], 25, &[2, 2], 2, 1) > 1000);
    // More slots than fit; one task alone exceeds what is left beside another.
    assert!(explore(&[stage(4, 10, &[]), stage(2, 25, &[0])], 30, &[4, 1], 1, 1) > 1000);
    // A diamond.
    let diamond = [stage(2, 10, &[]), stage(2, 5, &[0]), stage(1, 20, &[0]), stage(2, 5, &[1, 2])];
    assert!(explore(&diamond, 30, &[2, 1], 2, 1) > 1000);
    // All in one process.
    assert!(explore(&[stage(4, 10, &[]), stage(3, 10, &[0])], 25, &[usize::MAX], 0, 2) > 50);
    // Three workers that die as often as tasks run.
    assert!(explore(&[stage(3, 1, &[])], 1, &[1, 1, 1], 3, 0) > 200);
}

#[test]
fn tasks_that_wait_at_a_worker_are_counted_too() {
    // Many small tasks are given out ahead: 16 tasks, so one worker gets up to 16 / 4 beside the one that runs.
    assert!(explore(&[stage(7, 10, &[])], 100, &[1], 2, 0) > 50);
    let mut state = RunState::of(vec![stage(16, 10, &[])], 100, &[1]);
    let given = std::iter::from_fn(|| state.next_task_for(0)).count();
    assert!((3..=5).contains(&given), "{given} tasks");
    state.check_invariants();
    assert_eq!(state.worker_lost(0), [(TaskId { stage: 0, cell: 0 }, 1)]);
    state.check_invariants();
}

#[test]
fn a_task_that_may_have_ended_its_worker_runs_alone() {
    let mut state = RunState::of(vec![stage(100, 1, &[])], 1000, &[2, 2]);
    let first: Vec<TaskId> = (0..2).filter_map(|_| state.next_task_for(0)).collect();
    while state.next_task_for(1).is_some() {}
    assert_eq!(state.worker_lost(0), [(first[0], 1), (first[1], 1)]);
    let again = state.next_task_for(0).unwrap();
    assert!(first.contains(&again));
    assert_eq!(state.next_task_for(0), None, "it is alone");
    assert_eq!(state.worker_lost(0), [(again, 2)]);
    let again = state.next_task_for(0).unwrap();
    state.finished(again);
    state.check_invariants();
    assert_eq!(state.task_state(again), TaskState::Done);
}

#[test]
fn empty_stages_are_done_at_once() {
    let state = RunState::of(vec![stage(0, 1, &[]), stage(0, 1, &[0])], 10, &[1]);
    assert!(state.is_done());
}

#[test]
fn a_task_that_waits_says_for_what() {
    let mut state = RunState::of(vec![stage(2, 10, &[]), stage(1, 10, &[0])], 15, &[4]);
    let running = state.next_task().unwrap();
    assert_eq!(state.explain(running), "it is running");
    let waiting = |stage, cell| TaskId { stage, cell };
    assert_eq!(state.explain(waiting(0, 1)), "its 10 bytes do not fit beside the 1 running tasks");
    assert_eq!(state.explain(waiting(1, 0)), "it waits for stage 0 (0 of 2 tasks done)");
    assert_eq!(
        state.explain_stages(),
        "stage 0: 0 of 2 tasks done, 1 running; stage 1: 0 of 1 tasks done, waits for stage 0 (0 of 2 tasks done)"
    );
}
