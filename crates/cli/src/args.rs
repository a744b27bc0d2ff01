//! What may stand on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

const EXAMPLES: &str = "\
Examples:
  brickwork eval 'stack(t).mean(axis=0)' t='weather-big/*.hdf5#/t2m' -o mean.zarr
  brickwork eval 'x.sum(), x.mean(), x.std()' x=random.hdf5#/x
  brickwork eval 'random.normal(10, 0.1, size=(20000, 20000)).mean(axis=0)[::100]' --seed 1
  brickwork plan '(x - x.mean(axis=0)) / x.std(axis=0)' x=big.npy --memory 64MB
  brickwork info day.hdf5#/t2m
  brickwork demo weather .";

const EVAL_EXAMPLES: &str = "\
EXPR is NumPy's own syntax; several statements are separated by ';' or newlines, and the last one is the result.
A tuple is several results. URIs: a path, then '#' and the name inside a container (day.hdf5#/t2m, cube.zarr#/t);
the formats are .npy, .zarr and HDF5 (.h5 .hdf5 .nc). A glob binds a list of arrays in sorted order.

Examples:
  brickwork eval 'arange(10)[::-2] ** 2'
  brickwork eval 't[0] - stack(t).mean(axis=0)' t='weather-big/*.hdf5#/t2m' -o diff.npy
  brickwork eval 'y = x + x.T; y[::2, 5000:].mean(axis=1)' x=square.npy --memory 1GB
  brickwork eval 'x.min(axis=0), x.max(axis=0)' x=x.npy -o low.npy -o high.npy
  brickwork eval -f lj.py c=cluster.npy";

/// Parallel, larger-than-memory n-dimensional arrays by blocked algorithms.
#[derive(Debug, Parser)]
#[command(name = "brickwork", version, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Evaluate an expression; print the result, or store it
    #[command(after_help = EVAL_EXAMPLES)]
    Eval(EvalArgs),
    /// Explain how an expression would be evaluated, without running it
    Plan(PlanArgs),
    /// Tell what is at a URI: shape, dtype, chunks, codecs, bytes, attributes
    Info(InfoArgs),
    /// Write the data of the tutorials
    #[command(subcommand)]
    Demo(DemoCommand),
}

/// An expression and what its names stand for.
#[derive(Debug, Args)]
pub struct ProgramArgs {
    /// The expression (unless -f gives it), then the arrays: NAME=URI
    #[arg(value_name = "EXPR | NAME=URI")]
    pub words: Vec<String>,
    /// Take the expression from a file
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Store a result there (once for each result)
    #[arg(short, long, value_name = "URI")]
    pub output: Vec<String>,
    /// Allow replacing what is at the output
    #[arg(long)]
    pub overwrite: bool,
    /// The chunks of the stored results, '(1000, 1000)', or of an input, NAME='(1000, 1000)'
    #[arg(long, value_name = "[NAME=]CHUNKS")]
    pub chunks: Vec<String>,
    /// The seed of random numbers
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// What runs the tasks
    #[arg(long, value_enum, default_value_t)]
    pub scheduler: SchedulerName,
    /// Tasks that run at once [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub threads: Option<u16>,
    /// Bytes that may be held, such as 500MB or 2GiB [default: half of what is available]
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<String>,
}

/// The arguments of `eval`.
#[derive(Debug, Args)]
pub struct EvalArgs {
    /// The expression and its surroundings.
    #[command(flatten)]
    pub program: ProgramArgs,
    /// How results are printed
    #[arg(long, value_enum, default_value_t)]
    pub format: OutputFormat,
    /// Whether progress is shown on standard error
    #[arg(long, value_enum, default_value_t)]
    pub progress: ProgressMode,
    /// Print the plan and what the run took on standard error
    #[arg(long)]
    pub analyze: bool,
}

/// The arguments of `plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The expression and its surroundings.
    #[command(flatten)]
    pub program: ProgramArgs,
}

/// The arguments of `info`.
#[derive(Debug, Args)]
pub struct InfoArgs {
    /// What to tell about
    pub uri: String,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    pub format: OutputFormat,
}

/// The data sets of `demo`.
#[derive(Debug, Subcommand)]
pub enum DemoCommand {
    /// A month of daily temperatures: DIR/weather-big/YYYY-MM-DD.hdf5, each with /t2m
    Weather(WeatherArgs),
    /// Exponential random numbers: DIR/random.hdf5 with /x
    Random(RandomArgs),
}

/// The arguments of `demo weather`.
#[derive(Debug, Args)]
pub struct WeatherArgs {
    /// The directory to write into
    pub directory: PathBuf,
    /// Points along latitude and longitude
    #[arg(long, num_args = 2, value_names = ["LAT", "LON"], default_values_t = [1440, 2880], value_parser = positive)]
    pub grid: Vec<usize>,
    /// Days, from 2014-01-01 on
    #[arg(long, value_name = "N", default_value_t = 31, value_parser = positive)]
    pub days: usize,
    /// Compress the chunks [default level: 4]
    #[arg(long, value_name = "LEVEL", num_args = 0..=1, default_missing_value = "4", value_parser = clap::value_parser!(u8).range(1..=9))]
    pub gzip: Option<u8>,
    /// Allow replacing files
    #[arg(long)]
    pub overwrite: bool,
}

/// The arguments of `demo random`.
#[derive(Debug, Args)]
pub struct RandomArgs {
    /// The directory to write into
    pub directory: PathBuf,
    /// Elements
    #[arg(long, value_name = "N", default_value_t = 250_000_000, value_parser = positive)]
    pub size: usize,
    /// Allow replacing the file
    #[arg(long)]
    pub overwrite: bool,
}

/// What runs the tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum SchedulerName {
    /// Threads of this process
    #[default]
    Threads,
    /// One loop, one task at a time
    Synchronous,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum OutputFormat {
    /// As NumPy prints arrays
    #[default]
    Text,
    /// One JSON object a result
    Json,
}

/// Whether progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ProgressMode {
    /// If standard error is a terminal
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
    /// As JSON objects, one a line
    Json,
}

fn positive(text: &str) -> Result<usize, String> {
    match text.replace('_', "").parse::<usize>() {
        Ok(0) => Err("must be at least 1".into()),
        Ok(value) => Ok(value),
        Err(_) => Err("is not a whole number".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_may_stand_anywhere() {
        let cli = Cli::try_parse_from([
            "brickwork",
            "eval",
            "x",
            "--memory",
            "1GB",
            "x=a.npy",
            "-o",
            "b.npy",
            "-o",
            "c.npy",
        ]);
        let Command::Eval(args) = cli.unwrap().command else { panic!("another command") };
        assert_eq!(args.program.words, ["x", "x=a.npy"]);
        assert_eq!(args.program.output, ["b.npy", "c.npy"]);
        assert!(Cli::try_parse_from(["brickwork", "eval", "x", "--threads", "0"]).is_err());
        assert!(Cli::try_parse_from(["brickwork", "eval", "x", "--scheduler", "processes"]).is_err());
        let Command::Demo(DemoCommand::Weather(weather)) =
            Cli::try_parse_from(["brickwork", "demo", "weather", "d", "--gzip"]).unwrap().command
        else {
            panic!("another command")
        };
        assert_eq!((weather.gzip, weather.grid.as_slice(), weather.days), (Some(4), &[1440, 2880][..], 31));
    }
}
