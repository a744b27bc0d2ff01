//! A thread that looks at a run's memory and bytes again and again.

use std::sync::Arc;
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

use brickwork_sched::{Gauge, now, resident_bytes};
use parking_lot::{Condvar, Mutex};

use crate::recording::{CurvePoint, Tally, seconds_between};

/// Points of a curve; when there are more, two become one.
const MOST_POINTS: usize = 1000;

/// Between two looks at first; it doubles whenever the curve is full.
const FIRST_INTERVAL: Duration = Duration::from_millis(2);

/// Memory and bytes over time.
#[derive(Debug, Default)]
pub(crate) struct Curve {
    points: Vec<CurvePoint>,
    interval: Option<Duration>,
}

impl Curve {
    pub fn points(&self) -> &[CurvePoint] {
        &self.points
    }

    fn interval(&self) -> Duration {
        self.interval.unwrap_or(FIRST_INTERVAL)
    }

    fn push(&mut self, point: CurvePoint) {
        if self.points.len() >= MOST_POINTS {
            let joined = |pair: &[CurvePoint]| {
                let most = pair.iter().map(|point| point.held_bytes).max().unwrap_or(0);
                CurvePoint { held_bytes: most, ..pair[pair.len() - 1] }
            };
            self.points = self.points.chunks(2).map(joined).collect();
            self.interval = Some(self.interval().saturating_mul(2));
        }
        self.points.push(point);
    }
}

/// A thread that fills a curve until it is dropped.
#[derive(Debug)]
pub(crate) struct Sampler {
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Sampler {
    /// Looks at a run that began at `start`.
    pub fn start(curve: Arc<Mutex<Curve>>, gauge: Gauge, start: Duration) -> Sampler {
        let stop: Arc<(Mutex<bool>, Condvar)> = Arc::default();
        let theirs = stop.clone();
        let look = move || {
            let (stopped, changed) = &*theirs;
            let mut stopped = stopped.lock();
            loop {
                let point = point(&gauge, start);
                let interval = {
                    let mut curve = curve.lock();
                    curve.push(point);
                    curve.interval()
                };
                // The last point is that of the end.
                if *stopped {
                    return;
                }
                changed.wait_for(&mut stopped, interval);
            }
        };
        Sampler { stop, thread: Some(spawn(look)) }
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        *self.stop.0.lock() = true;
        self.stop.1.notify_all();
        if let Some(thread) = self.thread.take() {
            // It ends at once; a panic in it would be a bug of ours that costs the curve alone.
            let _ = thread.join();
        }
    }
}

fn point(gauge: &Gauge, start: Duration) -> CurvePoint {
    let tally = Tally::from(gauge.counts());
    CurvePoint {
        at: seconds_between(start, now()),
        held_bytes: gauge.held_bytes() as u64,
        resident_bytes: resident_bytes().unwrap_or(0) as u64,
        bytes_read: tally.bytes_read + tally.bytes_unspilled,
        bytes_written: tally.bytes_written + tally.bytes_spilled,
        elements: tally.elements_generated + tally.elements_computed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_is_bounded_and_keeps_its_peaks() {
        let mut curve = Curve::default();
        for number in 0..100 * MOST_POINTS {
            let held_bytes = if number == 12_345 { 777 } else { 5 };
            curve.push(CurvePoint { at: number as f64, held_bytes, ..CurvePoint::default() });
        }
        assert!(curve.points().len() <= MOST_POINTS);
        assert_eq!(curve.points().iter().map(|point| point.held_bytes).max(), Some(777));
        assert!(curve.points().is_sorted_by(|a, b| a.at < b.at));
        assert!(curve.interval() >= FIRST_INTERVAL * 64);
    }
}
