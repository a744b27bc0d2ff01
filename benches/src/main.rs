//! Runs one workload in a process of its own, and prints what it took as a line of JSON.
//!
//! `workload NAME --data DIR [--threads N] [--memory BYTES]`; `workload --list` names them. The workloads are those of
//! `compare.py`, which runs them beside other systems.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints what it measured")]

mod measure;
mod workloads;

use std::path::PathBuf;
use std::process::ExitCode;

use measure::Measured;

/// What a workload is given.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Where the input files are.
    pub data: PathBuf,
    /// How many threads compute.
    pub threads: usize,
    /// The memory budget in bytes, if it is not the default.
    pub memory: Option<usize>,
}

fn setting(mut arguments: impl Iterator<Item = String>) -> Result<Setting, String> {
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let mut setting = Setting { data: PathBuf::from("."), threads, memory: None };
    while let Some(option) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{option} needs a value"))?;
        match option.as_str() {
            "--data" => setting.data = PathBuf::from(value),
            "--threads" => setting.threads = value.parse().map_err(|error| format!("{option}: {error}"))?,
            "--memory" => {
                setting.memory = Some(brickwork::parse_bytes(&value).map_err(|error| error.to_string())?);
            }
            _ => return Err(format!("{option} is no option; --data, --threads and --memory are")),
        }
    }
    Ok(setting)
}

fn run(mut arguments: impl Iterator<Item = String>) -> Result<(), Box<dyn std::error::Error>> {
    let name = arguments.next().ok_or("usage: workload NAME --data DIR [--threads N] [--memory BYTES]")?;
    if name == "--list" {
        workloads::NAMES.iter().for_each(|name| println!("{name}"));
        return Ok(());
    }
    let setting = setting(arguments)?;
    let mut measured = Measured::new();
    let result = workloads::run(&name, &setting, &mut measured)?;
    println!("{}", measured.line(&name, &result));
    Ok(())
}

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("workload: {error}");
            ExitCode::FAILURE
        }
    }
}
