//! `brickwork demo`: the data of the tutorials, made by the engine itself.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use brickwork_core::{ChunkSpec, format_bytes};
use brickwork_io::SinkOptions;
use brickwork_sched::{CancelToken, Threads, store};

use crate::args::{DemoCommand, RandomArgs, WeatherArgs};
use crate::interpreter::{Interpreter, Value, to_array};
use crate::report::{CommandResult, Failure, parsed, print};
use crate::signals::cancel_on_interrupt;

/// Temperatures of a day in kelvin: warm at the equator, colder on the winter's half, waves that wander eastward,
/// and noise. Multiples of 1/64 K, so that they compress well.
const WEATHER: &str = "\
lat = linspace(pi / 2, -pi / 2, rows, dtype='float32')[:, None]
lon = linspace(0, 2 * pi, columns, endpoint=False, dtype='float32')[None, :]
season = cos(2 * pi * (day - 15) / 365).astype('float32')
climate = 300 - 55 * sin(lat) ** 2 - 14 * season * sin(lat)
waves = 6 * cos(lat) ** 2 * sin(5 * lon + 2 * lat - day / 2)
noise = random.normal(0, 0.3, size=(rows, columns), dtype='float32')
rint((climate + waves + noise) * 64) / 64";

const RANDOM: &str = "random.exponential(1, size=size, dtype='float32', chunks=-1)";

/// The side of a chunk of the weather.
const WEATHER_CHUNK: usize = 500;

/// The year and day that the weather begins with, as days since 1970-01-01.
const FIRST_DAY: i64 = 16_071;

/// The seed of the first day and of the random numbers: everybody gets the same data.
const SEED: u64 = 2014;

/// Writes a data set.
///
/// # Errors
/// If files are there already, or cannot be written.
pub fn demo(command: &DemoCommand) -> CommandResult {
    match command {
        DemoCommand::Weather(args) => weather(args),
        DemoCommand::Random(args) => random(args),
    }
}

fn weather(args: &WeatherArgs) -> CommandResult {
    let directory = plain(&args.directory).join("weather-big");
    let files: Vec<PathBuf> =
        (0..args.days).map(|day| directory.join(format!("{}.hdf5", date(FIRST_DAY + day as i64)))).collect();
    make_room(&directory, &files, args.overwrite)?;
    let (rows, columns) = (args.grid[0], args.grid[1]);
    let chunks = ChunkSpec::from([rows.min(WEATHER_CHUNK), columns.min(WEATHER_CHUNK)]);
    let codec = args.gzip.map(|level| format!("shuffle+gzip:{level}"));
    let options = SinkOptions { chunks: Some(chunks), codec, ..SinkOptions::default() };
    let cancel = cancel_on_interrupt();
    for (day, file) in files.iter().enumerate() {
        let variables = [("rows", rows), ("columns", columns), ("day", day)];
        write(WEATHER, &variables, SEED + day as u64, file, "t2m", &options, &cancel)?;
    }
    let plural = if files.len() == 1 { "" } else { "s" };
    wrote(&format!("{} file{plural} of /t2m, {rows} × {columns} float32 each", files.len()), &files)?;
    let pattern = quoted(&directory.join("*.hdf5"), "#/t2m");
    try_next(&[
        format!("brickwork info {}", quoted(&files[0], "#/t2m")),
        format!("brickwork eval 'stack(t).mean(axis=0)' t={pattern} -o mean.zarr"),
        format!("brickwork eval 't[0] - stack(t).mean(axis=0)' t={pattern} -o diff.npy"),
        format!("brickwork plan 'stack(t).std(axis=0)' t={pattern}"),
    ])
}

fn random(args: &RandomArgs) -> CommandResult {
    let directory = plain(&args.directory);
    let file = directory.join("random.hdf5");
    make_room(directory, std::slice::from_ref(&file), args.overwrite)?;
    let variables = [("size", args.size)];
    write(RANDOM, &variables, SEED, &file, "x", &SinkOptions::default(), &cancel_on_interrupt())?;
    wrote(&format!("1 file of /x, {} float32", args.size), std::slice::from_ref(&file))?;
    let uri = quoted(&file, "#/x");
    try_next(&[
        format!("brickwork info {uri}"),
        format!("brickwork eval 'x.sum(), x.mean(), x.std()' x={uri}"),
        format!("brickwork eval 'x[x > 10].mean()' x={uri} --analyze"),
    ])
}

/// Evaluates an expression and streams its result into a dataset.
fn write(
    source: &str,
    variables: &[(&str, usize)],
    seed: u64,
    file: &Path,
    dataset: &str,
    options: &SinkOptions,
    cancel: &CancelToken,
) -> CommandResult {
    let numbers = variables.iter().map(|&(name, value)| (name.to_owned(), Value::int(value as i128)));
    let mut interpreter = Interpreter::new(numbers.collect::<HashMap<_, _>>(), Some(seed));
    let value = interpreter.run(&parsed(source)?).map_err(|fault| Failure::Other(fault.message))?;
    let array = to_array(&value).map_err(|fault| Failure::Other(fault.message))?;
    let path =
        file.to_str().ok_or_else(|| Failure::Other(format!("the name {} is not Unicode", file.display())))?;
    if path.contains('#') {
        return Err(Failure::usage(format!("{path}: the path of a dataset cannot hold '#'")));
    }
    let sink = brickwork_io::create(&format!("hdf5:{path}#/{dataset}"), options)?;
    Ok(store(&array, Arc::from(sink), &Threads::default().cancelled_by(cancel.clone()))?)
}

/// The directory without a leading `./`, which would stand before every name.
fn plain(directory: &Path) -> &Path {
    directory.strip_prefix(".").unwrap_or(directory)
}

/// Makes the directory, and removes files that are in the way if that is allowed.
fn make_room(directory: &Path, files: &[PathBuf], overwrite: bool) -> CommandResult {
    let failed = |what: &str, path: &Path, error: std::io::Error| {
        Failure::Other(format!("cannot {what} {}: {error}", path.display()))
    };
    if directory != Path::new("") {
        fs::create_dir_all(directory).map_err(|error| failed("create the directory", directory, error))?;
    }
    for file in files.iter().filter(|file| file.exists()) {
        if !overwrite {
            return Err(Failure::Other(format!(
                "{} exists already\nhelp: --overwrite replaces it",
                file.display()
            )));
        }
        fs::remove_file(file).map_err(|error| failed("replace", file, error))?;
    }
    Ok(())
}

fn wrote(what: &str, files: &[PathBuf]) -> CommandResult {
    let bytes: u64 = files.iter().filter_map(|file| fs::metadata(file).ok()).map(|found| found.len()).sum();
    let (first, last) = (&files[0], &files[files.len() - 1]);
    let range = if files.len() == 1 {
        first.display().to_string()
    } else {
        format!("{} … {}", first.display(), last.display())
    };
    print(&format!("wrote {what}: {}\n  {range}", format_bytes(usize::try_from(bytes).unwrap_or(usize::MAX))))
}

fn try_next(commands: &[String]) -> CommandResult {
    print(&format!("try next:\n  {}", commands.join("\n  ")))
}

/// A path with what follows it as one word of a shell.
fn quoted(path: &Path, end: &str) -> String {
    format!("'{}{end}'", path.display().to_string().replace('\'', "'\\''"))
}

/// The date so many days after 1970-01-01, as `YYYY-MM-DD`, by the Gregorian calendar.
fn date(days: i64) -> String {
    // Counted in years that begin in March, so that the leap day is the last one; an era is 400 years.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_follow_the_calendar() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(FIRST_DAY), "2014-01-01");
        assert_eq!(date(FIRST_DAY + 30), "2014-01-31");
        assert_eq!(date(FIRST_DAY + 365 * 2 + 59), "2016-02-29");
        assert_eq!(date(11_016), "2000-02-29");
    }

    #[test]
    fn the_weather_is_what_it_says() {
        let number = |name: &str, value: i128| (name.to_owned(), Value::int(value));
        let variables = HashMap::from([number("rows", 6), number("columns", 8), number("day", 3)]);
        let value = Interpreter::new(variables, Some(1)).run(&parsed(WEATHER).unwrap()).unwrap();
        let array = to_array(&value).unwrap();
        assert_eq!((array.shape(), array.dtype()), (&[6, 8][..], brickwork_core::DType::F32));
    }
}
