//! `brickwork plot`.

use std::env::var_os;
use std::io::{IsTerminal, stdout};
use std::path::Path;

use brickwork::plot::{Plot, Saved, Terminal, TerminalColours, plot as picture_of, short_number};
use brickwork_core::Error;
use brickwork_io::Description;

use crate::args::{OutputFormat, PlotArgs, ProgramArgs};
use crate::inputs::split_binding;
use crate::interpreter::to_array;
use crate::report::{CommandResult, Failure, print};
use crate::session::{Session, scheduler};
use crate::signals::cancel_on_interrupt;
use crate::watch::Watch;

/// Letters and lines of a terminal that does not tell its size.
const USUAL_SIZE: (usize, usize) = (80, 24);

/// Draws the result into a file, or as letters on the terminal.
///
/// # Errors
/// If the command line or the expression is wrong, the result makes no picture, or the run fails.
pub fn plot(args: &PlotArgs) -> CommandResult {
    let output = output_of(&args.program)?;
    let session = Session::new(&args.program)?;
    let picture = described(picture_of_results(&session)?, args, &session);
    let cancel = cancel_on_interrupt();
    let watch = Watch::start(&args.watch, cancel.clone())?;
    let scheduler = scheduler(&args.program.run, cancel, watch.observers())?;
    let text = match output {
        Some(file) => picture
            .overwrite(args.program.overwrite)
            .save_with(Path::new(file), &*scheduler)
            .map(|saved| said(file, &saved)),
        None => picture.preview_with(&terminal(), &*scheduler),
    };
    watch.end_progress();
    let result = text.map_err(as_usage).and_then(|text| print(&text));
    watch.finish(result, OutputFormat::Text)
}

/// The file to draw into; none to draw on the terminal.
fn output_of(args: &ProgramArgs) -> CommandResult<Option<&str>> {
    if args.chunks.iter().any(|chunks| split_binding(chunks).is_none()) {
        return Err(Failure::usage(
            "--chunks without a name cuts a stored result, and a picture has no chunks\nhelp: name an input: --chunks \
             x='(1000, 1000)'",
        ));
    }
    match args.output.as_slice() {
        [file] => Ok(Some(file)),
        [] if stdout().is_terminal() => Ok(None),
        [] => Err(Failure::usage(
            "there is no file to draw into, and standard output is no terminal\nhelp: give -o FILE.png or -o FILE.svg",
        )),
        files => Err(Failure::usage(format!("one picture is drawn, and -o names {} files", files.len()))),
    }
}

fn picture_of_results(session: &Session) -> CommandResult<Plot> {
    let mut picture: Option<Plot> = None;
    for (value, text) in session.results.iter().zip(&session.texts) {
        let array = to_array(value).map_err(|fault| Failure::usage(format!("{text}: {}", fault.message)))?;
        picture = Some(match picture {
            None => picture_of(&array).name(text),
            Some(picture) => picture.and(text, &array),
        });
    }
    picture.ok_or_else(|| Failure::usage("the expression has no result to draw"))
}

/// The picture with what the options say, and what follows where they say nothing.
fn described(mut picture: Plot, args: &PlotArgs, session: &Session) -> Plot {
    // Several lines have their names in the legend.
    let title = match (&args.title, session.texts.as_slice()) {
        (Some(title), _) => title.clone(),
        (None, [text]) => text.clone(),
        (None, _) => String::new(),
    };
    let input = input_of(&args.program, session);
    let label = args.label.clone().or_else(|| label_of(input.as_ref()?)).unwrap_or_default();
    if let Some(names) = input.and_then(|input| input.dimension_names) {
        let (columns, rows) = (names.last(), names.first().filter(|_| names.len() > 1));
        picture = match columns {
            Some(name) => picture.x_label(name),
            None => picture,
        };
        picture = match rows {
            Some(name) => picture.y_label(name),
            None => picture,
        };
    }
    picture = picture
        .title(title)
        .label(label)
        .range(args.vmin, args.vmax)
        .size(args.width.map(usize::from), args.height.map(usize::from));
    if let Some(name) = &args.cmap {
        picture = picture.cmap(name);
    }
    if let Some(label) = &args.xlabel {
        picture = picture.x_label(label);
    }
    if let Some(label) = &args.ylabel {
        picture = picture.y_label(label);
    }
    picture
}

/// What is known of the input, if the expression is nothing but that input.
fn input_of(args: &ProgramArgs, session: &Session) -> Option<Description> {
    let [text] = session.texts.as_slice() else { return None };
    let uri = args.words.iter().filter_map(|word| split_binding(word)).find(|(name, _)| name == text)?.1;
    // A pattern names many files, or none by that name.
    brickwork_io::describe(uri).ok()
}

/// Name and unit, from the attributes.
fn label_of(input: &Description) -> Option<String> {
    let attribute = |wanted: &str| {
        let value = input.attributes.get(wanted)?.as_str()?.trim();
        (!value.is_empty()).then(|| value.to_owned())
    };
    match (attribute("long_name").or_else(|| attribute("standard_name")), attribute("units")) {
        (Some(name), Some(units)) => Some(format!("{name} ({units})")),
        (Some(only), None) | (None, Some(only)) => Some(only),
        (None, None) => None,
    }
}

/// The line that says what was written.
fn said(file: &str, saved: &Saved) -> String {
    let summary = &saved.summary;
    let values = match summary.range {
        Some((low, high)) if low == high => format!("all values {}", short_number(low)),
        Some((low, high)) => format!("values {} to {}", short_number(low), short_number(high)),
        None => "no finite value".into(),
    };
    let infinite =
        if summary.infinite > 0 { format!(", {} infinite", summary.infinite) } else { String::new() };
    let nan = if summary.nan > 0 { format!("{} NaN", summary.nan) } else { "no NaN".into() };
    format!("wrote {file}: {} × {} pixels, {values}{infinite}, {nan}", saved.width, saved.height)
}

/// What the library calls a wrong argument is a wrong command line here.
fn as_usage(error: Error) -> Failure {
    match error {
        Error::InvalidArgument { op, reason } if op == "plot" => Failure::usage(reason),
        other => Failure::Run(other),
    }
}

/// The terminal that standard output is.
fn terminal() -> Terminal {
    let size = console::Term::stdout().size_checked();
    let (rows, columns) =
        size.map_or((USUAL_SIZE.1, USUAL_SIZE.0), |(rows, columns)| (rows.into(), columns.into()));
    let is = |name: &str, values: &[&str]| {
        var_os(name).is_some_and(|value| values.iter().any(|&other| value == other))
    };
    let wants_none = var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) || is("TERM", &["dumb"]);
    let colours = if wants_none {
        TerminalColours::None
    } else if is("COLORTERM", &["truecolor", "24bit"]) {
        TerminalColours::True
    } else {
        TerminalColours::Palette
    };
    Terminal { columns, rows, colours }
}
