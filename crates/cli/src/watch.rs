//! Watching a run: the options of `eval`, `copy` and `plot` that tell what happens, and what they ask for.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use brickwork_core::plan::Request;
use brickwork_observe::{
    Dashboard, DashboardError, Recorder, analysis, analysis_json, write_report, write_trace,
};
use brickwork_sched::{CancelToken, Observer, Scheduler};
use clap::Args;

use crate::args::{OutputFormat, ProgressMode};
use crate::progress::Progress;
use crate::report::{CommandResult, Failure, note, one_line};

/// Tasks of each worker in a trace: some 100 MB of it at most.
const TRACED: usize = 50_000;

/// Where the dashboard is if nobody says otherwise: a free port of this machine.
const ANYWHERE: &str = "127.0.0.1:0";

/// How runs are watched.
#[derive(Debug, Args)]
pub struct WatchArgs {
    /// Whether progress is shown on standard error
    #[arg(long, value_enum, default_value_t)]
    pub progress: ProgressMode,
    /// Print what was planned beside what was measured, and the bottleneck, on standard error
    #[arg(long)]
    pub analyze: bool,
    /// Write a trace for ui.perfetto.dev or chrome://tracing: a lane for each worker, one for I/O, memory
    #[arg(long, value_name = "FILE")]
    pub profile: Option<PathBuf>,
    /// Write a page about the run: the plan, a time line, memory, tables. It needs nothing else
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Show the run live in a browser; ADDR is HOST:PORT or a port [default: a free port of this machine]
    #[arg(long, value_name = "ADDR", num_args = 0..=1, default_missing_value = ANYWHERE, value_parser = address)]
    pub dashboard: Option<String>,
    /// Keep the dashboard when the run is over, for so long or until Ctrl-C
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "inf", requires = "dashboard", value_parser = seconds)]
    pub dashboard_linger: Option<f64>,
}

/// Tells an address from an expression or an array that follows by accident.
fn address(text: &str) -> Result<String, String> {
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    let is_host = host.chars().all(|c| c.is_ascii_alphanumeric() || ".-[]:".contains(c));
    match is_host && port.parse::<u16>().is_ok() {
        true => Ok(text.to_owned()),
        false => {
            Err("is no address: HOST:PORT or a port; without one, --dashboard stands last or before another \
                      option"
                .into())
        }
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value >= 0.0 => Ok(value),
        _ => Err("is not a number of seconds".into()),
    }
}

/// What watches a run.
#[derive(Debug)]
pub struct Watch<'a> {
    args: &'a WatchArgs,
    recorder: Option<Arc<Recorder>>,
    progress: Mutex<Option<Progress>>,
    dashboard: Option<Dashboard>,
    cancel: CancelToken,
}

impl<'a> Watch<'a> {
    /// What the options ask for. The token is the run's.
    ///
    /// # Errors
    /// If a file cannot be written, or nobody can listen at the dashboard's address.
    pub fn start(args: &'a WatchArgs, cancel: CancelToken) -> CommandResult<Watch<'a>> {
        for file in [&args.profile, &args.report].into_iter().flatten() {
            check_writable(file)?;
        }
        let wants_all = args.profile.is_some() || args.report.is_some() || args.dashboard.is_some();
        let recorder = if args.profile.is_some() {
            Recorder::detailed(TRACED)
        } else if wants_all {
            Recorder::new()
        } else {
            Recorder::brief()
        };
        let dashboard =
            args.dashboard.as_deref().map(|address| open_dashboard(address, &recorder)).transpose()?;
        let progress = Progress::start(args.progress, &recorder);
        let is_needed = wants_all || args.analyze || progress.is_some();
        Ok(Watch {
            args,
            recorder: is_needed.then_some(recorder),
            progress: Mutex::new(progress),
            dashboard,
            cancel,
        })
    }

    /// What the scheduler is to tell.
    pub fn observers(&self) -> Vec<Arc<dyn Observer>> {
        let Some(recorder) = &self.recorder else { return Vec::new() };
        let mut observers: Vec<Arc<dyn Observer>> = vec![recorder.clone()];
        let progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        observers.extend(progress.as_ref().and_then(|progress| progress.observer(recorder)));
        observers
    }

    /// Prints how requests will be run, if that is asked for and read by people.
    ///
    /// # Errors
    /// If no plan fits the memory.
    pub fn explain(
        &self,
        requests: &[Request],
        scheduler: &dyn Scheduler,
        format: OutputFormat,
    ) -> CommandResult {
        if self.args.analyze && format == OutputFormat::Text {
            note(&brickwork_core::plan::plan(requests, &scheduler.options())?.explain());
        }
        Ok(())
    }

    /// Takes the progress off the terminal: something else is printed next.
    pub fn end_progress(&self) {
        drop(self.progress.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Tells and writes what was recorded, of a run that has failed too, and ends.
    ///
    /// # Errors
    /// That of the run first; then what could not be written.
    pub fn finish<T>(mut self, result: CommandResult<T>, format: OutputFormat) -> CommandResult<T> {
        self.end_progress();
        let written = self.tell(format);
        let result = result.and_then(|value| written.map(|()| value));
        if result.is_err() && self.args.dashboard_linger.is_some() {
            note("the run has failed, and the dashboard says why");
        }
        self.linger();
        result
    }

    fn tell(&self, format: OutputFormat) -> CommandResult {
        let Some(recorder) = &self.recorder else { return Ok(()) };
        let recording = recorder.recording();
        if self.args.analyze && !recording.plans.is_empty() {
            match format {
                OutputFormat::Text => note(&format!("\n{}", analysis(&recording))),
                OutputFormat::Json => note(&analysis_json(&recording).to_string()),
            }
        }
        if let Some(file) = &self.args.profile {
            write_trace(&recording, file).map_err(|error| cannot_write(file, &error))?;
        }
        if let Some(file) = &self.args.report {
            write_report(&recording, file).map_err(|error| cannot_write(file, &error))?;
        }
        Ok(())
    }

    /// Keeps the dashboard as long as was asked for.
    fn linger(&mut self) {
        let Some(dashboard) = self.dashboard.take() else { return };
        if let Some(seconds) = self.args.dashboard_linger {
            let until = if seconds.is_finite() { format!("for {seconds} s, or ") } else { String::new() };
            note(&format!("the dashboard stays at {} {until}until Ctrl-C", dashboard.url()));
            let start = Instant::now();
            while !self.cancel.is_cancelled() && start.elapsed().as_secs_f64() < seconds {
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        dashboard.shutdown();
    }
}

fn open_dashboard(address: &str, recorder: &Arc<Recorder>) -> CommandResult<Dashboard> {
    let dashboard = Dashboard::start(address, recorder.clone()).map_err(|error| match error {
        DashboardError::Address { .. } => Failure::usage(format!("--dashboard: {error}")),
        error => Failure::Other(format!("--dashboard: {}", one_line(&error))),
    })?;
    note(&format!("dashboard: {}", dashboard.url()));
    if dashboard.is_public() {
        note("note: other machines can reach this address, and see the names of what is read and written");
    }
    Ok(dashboard)
}

/// Fails now rather than when the run is over.
fn check_writable(path: &Path) -> CommandResult {
    let is_new = !path.exists();
    File::options().create(true).append(true).open(path).map_err(|error| cannot_write(path, &error))?;
    if is_new {
        // It is written when there is something in it.
        let _ = std::fs::remove_file(path);
    }
    Ok(())
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Other(format!("cannot write {}: {error}", path.display()))
}
