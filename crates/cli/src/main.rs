//! The `brickwork` command.

mod args;
mod chunk_sketch;
mod consolidate;
mod copy;
mod demo;
mod eval;
mod index;
mod info;
mod inputs;
mod interpreter;
mod json;
mod language;
mod numpy_format;
mod plan;
mod plot;
mod progress;
mod recover;
mod region;
mod report;
mod session;
mod show;
mod signals;
mod warnings;
mod watch;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};

fn main() -> ExitCode {
    brickwork_sched::worker_main();
    signals::report_long_files();
    let cli = Cli::parse();
    let result = match &cli.command {
        Command::Eval(args) => eval::eval(args),
        Command::Plan(args) => plan::plan(args),
        Command::Plot(args) => plot::plot(args),
        Command::Info(args) => info::info(args),
        Command::Copy(args) => copy::copy(args),
        Command::Consolidate(args) => consolidate::consolidate(args),
        Command::Index(args) => index::index(args),
        Command::Recover(args) => recover::recover(args),
        Command::Demo(command) => demo::demo(command),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report::fail(&failure),
    }
}
