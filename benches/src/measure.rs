//! Seconds and memory of this process.

use std::time::Instant;

use brickwork::{Block, DType};

/// When things happened.
#[derive(Debug)]
pub struct Measured {
    ready: Instant,
    built: Option<Instant>,
}

impl Measured {
    /// Begins now.
    pub fn new() -> Self {
        Measured { ready: Instant::now(), built: None }
    }

    /// Inputs in memory are prepared: time counts from here.
    pub fn ready(&mut self) {
        self.ready = Instant::now();
    }

    /// The expression is built, and will run now.
    pub fn built(&mut self) {
        self.built = Some(Instant::now());
    }

    /// A line of JSON about what happened up to now.
    pub fn line(&self, name: &str, result: &Block) -> String {
        let seconds = self.ready.elapsed().as_secs_f64();
        let build = self.built.map(|built| built.duration_since(self.ready).as_secs_f64());
        let (cpu, peak_mb) = usage();
        let result = result.to_dense(None);
        let summary = match result.dtype() {
            DType::F32 => summary(result.as_slice::<f32>().unwrap_or_default()),
            _ => summary(result.as_slice::<f64>().unwrap_or_default()),
        };
        serde_json::json!({
            "workload": name,
            "seconds": seconds,
            "build": build,
            "cpu": cpu,
            "peak_mb": peak_mb,
            "result": summary,
        })
        .to_string()
    }
}

/// How many values there are, their sum, and the first two. Quick: it counts as time of the process.
fn summary<T: Copy + Into<f64>>(values: &[T]) -> serde_json::Value {
    let mut lanes = [0.0; 16];
    for values in values.chunks(lanes.len()) {
        for (lane, value) in lanes.iter_mut().zip(values) {
            *lane += (*value).into();
        }
    }
    let at = |place: usize| values.get(place).map(|&value| value.into());
    serde_json::json!([values.len(), lanes.iter().sum::<f64>(), at(0), at(1)])
}

/// Seconds of processor time, and the highest resident memory in MiB.
fn usage() -> (f64, f64) {
    // SAFETY: the struct holds numbers alone, for which zero is valid.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a struct of the right type, which lives across the call.
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 * 1e-6;
    (seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_maxrss as f64 / 1024.0)
}
