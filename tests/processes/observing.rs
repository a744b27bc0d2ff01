//! Runs in worker processes as their recorder sees them.

use brickwork::observe::{Recorder, Status, analysis};
use brickwork::{Compute, Processes, random};

pub fn workers_tell_what_their_tasks_take() {
    let recorder = Recorder::new();
    let scheduler = Processes::new()
        .workers(2)
        .threads(2)
        .memory_limit("200MB")
        .observer(recorder.clone())
        .forced(|options| options.forced_cell = Some(10_000));
    let x = random::default_rng(Some(1)).random(&[400, 500], [100, 100]).unwrap();
    (&x - x.mean(0).unwrap()).sum(1).unwrap().compute_with(&scheduler).unwrap();
    let recording = recorder.recording();
    assert_eq!(recording.status, Status::Done);
    assert_eq!(recording.tasks_done, recording.tasks_planned);
    assert_eq!(recording.tasks.len(), recording.tasks_done, "few are all kept");
    let of_stages: u64 = recording.stages.iter().map(|stage| stage.measured.elements_generated).sum();
    assert_eq!(of_stages, recording.totals.elements_generated);
    assert_eq!(of_stages, recording.stages.iter().map(|stage| stage.planned.elements_generated).sum::<u64>());
    assert!(recording.workers.iter().all(|worker| worker.stage.is_none()));
    assert!(recording.times().computing > 0.0);
    for task in &recording.tasks {
        assert!(
            task.worker < 4 && task.start <= task.end && task.end <= recording.seconds + 0.001,
            "{task:?}"
        );
        assert!((task.times.total() - (task.end - task.start)).abs() < 1e-6, "{task:?}");
    }
    assert!(analysis(&recording).lines().last().unwrap().starts_with("bottleneck: "));
    drop(scheduler);
}
