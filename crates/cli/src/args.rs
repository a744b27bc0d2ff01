//! What may stand on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::watch::WatchArgs;

const EXAMPLES: &str = "\
Examples:
  brickwork eval 'stack(t).mean(axis=0)' t='weather-big/*.hdf5#/t2m' -o mean.zarr
  brickwork eval 'x.sum(), x.mean(), x.std()' x=random.hdf5#/x
  brickwork eval 'random.normal(10, 0.1, size=(20000, 20000)).mean(axis=0)[::100]' --seed 1
  brickwork plan '(x - x.mean(axis=0)) / x.std(axis=0)' x=big.npy --memory 64MB
  brickwork plot 't[0] - stack(t).mean(axis=0)' t='weather-big/*.hdf5#/t2m' -o diff.png --cmap RdBu_r
  brickwork info day.hdf5#/t2m
  brickwork copy day.hdf5#/t2m day.zarr --chunks '(500, 500)'
  brickwork demo weather .";

const EVAL_EXAMPLES: &str = "\
EXPR is NumPy's own syntax; several statements are separated by ';' or newlines, and the last one is the result.
A tuple is several results. URIs: a path, then '#' and the name inside a container (day.hdf5#/t2m, cube.zarr#/t);
the formats are .npy, .zarr, HDF5 (.h5 .hdf5 .nc) and reference files (.json). A glob binds a list of arrays in sorted
order.

Examples:
  brickwork eval 'arange(10)[::-2] ** 2'
  brickwork eval 't[0] - stack(t).mean(axis=0)' t='weather-big/*.hdf5#/t2m' -o diff.npy
  brickwork eval 'y = x + x.T; y[::2, 5000:].mean(axis=1)' x=square.npy --memory 1GB
  brickwork eval 'x.min(axis=0), x.max(axis=0)' x=x.npy -o low.npy -o high.npy
  brickwork eval 'x[:5]' x=x.npy -o half.hdf5#/output --region '0:5, ::2'
  brickwork eval -f lj.py c=cluster.npy";

const INDEX_EXAMPLES: &str = "\
The reference file (kerchunk's JSON) leads to the HDF5 file as it is now, and is read like a Zarr store, by xarray too;
the HDF5 file may be in an object store. Write it again when the file has changed.

Examples:
  brickwork index day.nc -o day.json
  brickwork index s3://bucket/day.nc -o day.json
  brickwork eval 't.mean(axis=0)' t=day.json#/t2m";

const PLOT_EXAMPLES: &str = "\
Two axes become a heat map: row 0 at the top, ticks at the array's indices, NaN hatched in grey. One axis becomes a
line; a tuple of them several lines. Large arrays are reduced first: each cell is the mean of a block, each column of
a line spans the smallest and the largest of its elements. -o names one file, .png or .svg.

Colours reach from the smallest value to the largest, with a diverging map (RdBu, PiYG, …) symmetrically about zero
if there are values of both signs; --vmin and --vmax override that.

Examples:
  brickwork plot 't[0] - stack(t).mean(axis=0)' t='weather-big/*.hdf5#/t2m' -o diff.png --cmap RdBu_r
  brickwork plot 'x.mean(axis=0), x.max(axis=0)' x=x.npy -o columns.svg --ylabel 'temperature (K)'
  brickwork plot 'x[:, 0]' x=x.npy";

const PLAN_EXAMPLES: &str = "\
A picture shows the chunks of the blocked algorithm where there are few, else the stages; --view chooses. Data flow
from the bottom to the top.

Examples:
  brickwork plan 'random.normal(0, 0.1, size=800000000, chunks=200000000).mean()' --svg mean.svg
  brickwork plan 'stack(t).mean(axis=0)' t='weather-big/*.hdf5#/t2m' --png mean.png --view stages
  brickwork plan '(x - x.mean(axis=0)) / x.std(axis=0)' x=big.npy --dot plan.dot --view expression";

const COPY_EXAMPLES: &str = "\
Attributes, dimension names and fill values go along; .npy files have none of them.

Examples:
  brickwork copy day.hdf5#/t2m day.zarr --chunks '(500, 500)' --codec zstd:3
  brickwork copy half.zarr half.nc#/t2m --codec shuffle+gzip:4
  brickwork copy cube.zarr cube.h5";

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
    /// Explain or draw how an expression would be evaluated, without running it
    #[command(after_help = PLAN_EXAMPLES)]
    Plan(PlanArgs),
    /// Draw a result of one or two axes, as PNG, SVG, or on the terminal
    #[command(after_help = PLOT_EXAMPLES)]
    Plot(PlotArgs),
    /// Tell what is at a URI: shape, dtype, chunks, codecs, bytes, attributes
    Info(InfoArgs),
    /// Convert and rechunk an array or a group, with its attributes, in bounded memory
    #[command(after_help = COPY_EXAMPLES)]
    Copy(CopyArgs),
    /// Write the metadata of all arrays below a Zarr group into the group's own, so that readers ask once
    Consolidate(ConsolidateArgs),
    /// Write where the chunks of an HDF5 file lie, so that it is read as Zarr from where it is (kerchunk's references)
    #[command(after_help = INDEX_EXAMPLES)]
    Index(IndexArgs),
    /// Finish what a killed run with --in-place has begun to do to an HDF5 file
    Recover(RecoverArgs),
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
    /// Put a new dataset into an existing HDF5 file itself instead of into a copy of it; no other program may have the file
    /// open at the end. What a killed run has left half written is finished by `brickwork recover`
    #[arg(long)]
    pub in_place: bool,
    /// Go on with what a killed run for the same outputs has left; if this one fails, keep what it has done
    #[arg(long)]
    pub resume: bool,
    /// The chunks of the stored results, '(1000, 1000)', or of an input, NAME='(1000, 1000)'
    #[arg(long, value_name = "[NAME=]CHUNKS")]
    pub chunks: Vec<String>,
    /// The codec of the stored results: none, gzip:4, zstd:3, blosc (Zarr), shuffle+gzip:4 (HDF5); builds with these
    /// features have pcodec:8, zfp (without loss) and zfp:accuracy:0.01 (with loss) for numbers in Zarr
    #[arg(long, value_name = "CODEC")]
    pub codec: Option<String>,
    /// The shards of stored Zarr arrays, '(4000, 4000)': files that hold several chunks each
    #[arg(long, value_name = "SHARDS")]
    pub shards: Option<String>,
    /// Write into a part of the existing array that -o names, '0:5, ::2' (once for each -o)
    #[arg(long, value_name = "SLICES", allow_hyphen_values = true)]
    pub region: Vec<String>,
    /// The seed of random numbers
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// What runs it, and with what.
    #[command(flatten)]
    pub run: RunArgs,
}

/// What runs tasks, and what it may use.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// What runs the tasks
    #[arg(long, value_enum, default_value_t)]
    pub scheduler: SchedulerName,
    /// Worker processes, for --scheduler processes [default: 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: Option<u16>,
    /// Tasks that run at once, in each worker process [default: one for each core, shared by worker processes]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub threads: Option<u16>,
    /// Bytes that may be held, such as 500MB or 2GiB, in each worker process [default: half of what is available, shared
    /// by worker processes]
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<String>,
    /// The directory for files of values that the memory has no room for [default: that of the output, or the system's
    /// for temporary files]
    #[arg(long, value_name = "DIR")]
    pub spill: Option<PathBuf>,
    /// Whether those files are compressed
    #[arg(long, value_enum, default_value_t)]
    pub spill_codec: SpillCodecName,
}

/// The arguments of `eval`.
#[derive(Debug, Args)]
pub struct EvalArgs {
    /// The expression and its surroundings.
    #[command(flatten)]
    pub program: ProgramArgs,
    /// How results and analyses are printed
    #[arg(long, value_enum, default_value_t)]
    pub format: OutputFormat,
    /// How the run is watched.
    #[command(flatten)]
    pub watch: WatchArgs,
}

/// The arguments of `plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The expression and its surroundings.
    #[command(flatten)]
    pub program: ProgramArgs,
    /// Draw it, as scalable vector graphics
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// Draw it, as pixels
    #[arg(long, value_name = "FILE")]
    pub png: Option<PathBuf>,
    /// Write it as text for Graphviz
    #[arg(long, value_name = "FILE")]
    pub dot: Option<PathBuf>,
    /// What is drawn [default: chunks where there are few, else stages]
    #[arg(long, value_enum)]
    pub view: Option<ViewName>,
}

/// The arguments of `plot`.
#[derive(Debug, Args)]
pub struct PlotArgs {
    /// The expression and its surroundings.
    #[command(flatten)]
    pub program: ProgramArgs,
    /// The colours, by matplotlib's name; with _r behind it, reversed [default: viridis]
    #[arg(long, value_name = "NAME")]
    pub cmap: Option<String>,
    /// The line above the picture [default: the expression]
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    /// The value of the first colour, or at the bottom of lines
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub vmin: Option<f64>,
    /// The value of the last colour, or at the top of lines
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub vmax: Option<f64>,
    /// Pixels across [default: what the shape needs]
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u16).range(16..=20_000))]
    pub width: Option<u16>,
    /// Pixels down [default: what the shape needs]
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u16).range(16..=20_000))]
    pub height: Option<u16>,
    /// The name of the axis along the bottom
    #[arg(long, value_name = "TEXT")]
    pub xlabel: Option<String>,
    /// The name of the axis on the left
    #[arg(long, value_name = "TEXT")]
    pub ylabel: Option<String>,
    /// What the values are, with their unit: beside the colour bar, or the axis on the left of lines
    #[arg(long, value_name = "TEXT")]
    pub label: Option<String>,
    /// How the run is watched.
    #[command(flatten)]
    pub watch: WatchArgs,
}

/// The arguments of `info`.
#[derive(Debug, Args)]
pub struct InfoArgs {
    /// What to tell about: arrays, files, groups, or patterns of them
    #[arg(value_name = "URI", required = true)]
    pub uris: Vec<String>,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    pub format: OutputFormat,
}

/// The arguments of `copy`.
#[derive(Debug, Args)]
pub struct CopyArgs {
    /// The array to copy, or a group (a Zarr group or an HDF5 file) with all its arrays
    #[arg(value_name = "SRC")]
    pub source: String,
    /// Where to: the format is that of its ending
    #[arg(value_name = "DST")]
    pub target: String,
    /// The chunks of the copy, '(1000, 1000)' [default: those of the source]
    #[arg(long, value_name = "CHUNKS")]
    pub chunks: Option<String>,
    /// The codec of the copy: none, gzip:4, zstd:3, blosc (Zarr), shuffle+gzip:4 (HDF5); builds with these features have
    /// pcodec:8, zfp (without loss) and zfp:accuracy:0.01 (with loss) for numbers in Zarr
    #[arg(long, value_name = "CODEC")]
    pub codec: Option<String>,
    /// The shards of a Zarr copy, '(4000, 4000)': files that hold several chunks each
    #[arg(long, value_name = "SHARDS")]
    pub shards: Option<String>,
    /// Allow replacing what is at the target
    #[arg(long)]
    pub overwrite: bool,
    /// Put a new dataset into an existing HDF5 file itself instead of into a copy of it; no other program may have the file
    /// open at the end. What a killed run has left half written is finished by `brickwork recover`
    #[arg(long)]
    pub in_place: bool,
    /// Go on with what a killed run for the same target has left; if this one fails, keep what it has done
    #[arg(long)]
    pub resume: bool,
    /// What runs it, and with what.
    #[command(flatten)]
    pub run: RunArgs,
    /// How an analysis is printed
    #[arg(long, value_enum, default_value_t)]
    pub format: OutputFormat,
    /// How the run is watched.
    #[command(flatten)]
    pub watch: WatchArgs,
}

/// The arguments of `consolidate`.
#[derive(Debug, Args)]
pub struct ConsolidateArgs {
    /// The group: a store, or a group in it after '#'
    #[arg(value_name = "URI")]
    pub uri: String,
}

/// The arguments of `index`.
#[derive(Debug, Args)]
pub struct IndexArgs {
    /// The HDF5 file, or a group or dataset in it after '#'
    #[arg(value_name = "URI")]
    pub uri: String,
    /// The reference file to write: NAME.json
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Replace it if it exists
    #[arg(long)]
    pub overwrite: bool,
}

/// The arguments of `recover`.
#[derive(Debug, Args)]
pub struct RecoverArgs {
    /// The HDF5 file
    #[arg(value_name = "FILE")]
    pub uri: String,
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
    /// Worker processes: one that crashes or takes too much memory is replaced
    Processes,
}

/// How values are written to spill files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum SpillCodecName {
    /// With LZ4 where the disk is slower than that, and values get clearly smaller
    #[default]
    Auto,
    /// As they are
    None,
    /// With LZ4 where values get clearly smaller
    Lz4,
}

/// What a picture of a plan shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ViewName {
    /// Every operation once
    Expression,
    /// The stages of the plan, and what passes between them
    Stages,
    /// The tasks of the plan
    Tasks,
    /// The blocked algorithm over the arrays' own chunks
    Chunks,
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
        assert!(Cli::try_parse_from(["brickwork", "eval", "x", "--scheduler", "elsewhere"]).is_err());
        assert!(Cli::try_parse_from(["brickwork", "eval", "x", "--workers", "0"]).is_err());
        let Command::Demo(DemoCommand::Weather(weather)) =
            Cli::try_parse_from(["brickwork", "demo", "weather", "d", "--gzip"]).unwrap().command
        else {
            panic!("another command")
        };
        assert_eq!((weather.gzip, weather.grid.as_slice(), weather.days), (Some(4), &[1440, 2880][..], 31));
    }
}
