//! What `eval` and `plan` share: the expression, its arrays, the results, the scheduler.

use std::collections::HashMap;
use std::sync::Arc;

use brickwork::Output;
use brickwork_core::plan::Request;
use brickwork_core::{ChunkSpec, SpillCodec, parse_bytes};
use brickwork_ops::{Array, Index};
use brickwork_sched::{CancelToken, Observer, Processes, Scheduler, Synchronous, Threads};

use crate::args::{ProgramArgs, RunArgs, SchedulerName, SpillCodecName};
use crate::inputs::{bind, split_binding};
use crate::interpreter::{Interpreter, Value, to_array, to_chunks};
use crate::language::{NodeId, Program};
use crate::region;
use crate::report::{CommandResult, Failure, note, parsed};
use crate::warnings::Warnings;

/// An expression that has been interpreted, and nothing computed yet.
#[derive(Debug)]
pub struct Session {
    /// The results, in order.
    pub results: Vec<Value>,
    /// How each result is written in the expression.
    pub texts: Vec<String>,
    output_chunks: Option<ChunkSpec>,
}

impl Session {
    /// Reads the expression, opens its arrays and interprets it.
    ///
    /// # Errors
    /// If the command line or the expression is wrong, or an array cannot be opened.
    pub fn new(args: &ProgramArgs) -> CommandResult<Session> {
        let (source, bindings) = source_of(args)?;
        let program = parsed(&source)?;
        let (output_chunks, input_chunks) = split_chunks(&args.chunks)?;
        if output_chunks.is_some() && args.output.is_empty() {
            return Err(Failure::usage(
                "--chunks without a name cuts the stored result, and nothing is stored\nhelp: give -o, or name an \
                 input: --chunks x='(1000, 1000)'",
            ));
        }
        let variables = bind(bindings, &input_chunks)?;
        let mut interpreter = Interpreter::new(variables, args.seed);
        let fault = |fault| Failure::fault(&source, &fault);
        let value = interpreter.run(&program).map_err(fault)?;
        let is_tuple = program.results() != [program.last().kind.value()];
        if let Some(seed) = interpreter.drawn_seed().filter(|_| args.seed.is_none()) {
            note(&format!("random numbers are drawn from seed {seed}; --seed {seed} gives the same again"));
        }
        let results = match &value {
            Value::Tuple(items) if is_tuple || value.holds_array() => items.to_vec(),
            Value::List(items) if value.holds_array() => items.to_vec(),
            single => vec![single.clone()],
        };
        if results.is_empty() {
            return Err(Failure::usage("the expression has no result: it is an empty tuple"));
        }
        let layout = [("--codec", args.codec.is_some()), ("--shards", args.shards.is_some())];
        let needs_output =
            [("--region", !args.region.is_empty()), ("--resume", args.resume)].into_iter().chain(layout);
        if let Some((option, _)) =
            needs_output.into_iter().find(|(_, given)| *given && args.output.is_empty())
        {
            return Err(Failure::usage(format!(
                "{option} is about what is stored, and nothing is stored\nhelp: give -o"
            )));
        }
        let output_chunks = output_chunks.map(|text| chunk_spec(&text, "--chunks")).transpose()?;
        let texts = texts_of(&source, &program, results.len());
        Ok(Session { results, texts, output_chunks })
    }

    /// The results as arrays to be written to the outputs.
    ///
    /// # Errors
    /// If their numbers differ, a result is no array, or an output cannot be written to.
    pub fn stores(&self, args: &ProgramArgs) -> CommandResult<Vec<Request>> {
        let (outputs, results) = (args.output.len(), self.results.len());
        if outputs != results {
            let plural = if results == 1 { "" } else { "s" };
            return Err(Failure::usage(format!(
                "the expression has {results} result{plural}, and -o names {outputs}\nhelp: give -o once for each result"
            )));
        }
        let regions = args.region.len();
        if regions > 0 && regions != outputs {
            return Err(Failure::usage(format!(
                "-o names {outputs} outputs, and --region {regions}\nhelp: give --region once for each -o, or not at all"
            )));
        }
        let parts: Vec<Vec<Index>> =
            args.region.iter().map(|text| region::parse(text)).collect::<CommandResult<_>>()?;
        let shards = args.shards.as_deref().map(|text| chunk_spec(text, "--shards")).transpose()?;
        let mut arrays = Vec::with_capacity(results);
        for (value, uri) in self.results.iter().zip(&args.output) {
            let array =
                to_array(value).map_err(|fault| Failure::usage(format!("{uri}: {}", fault.message)))?;
            for chunks in self.output_chunks.iter().filter(|_| array.is_known()) {
                chunks
                    .resolve(array.shape(), array.dtype())
                    .map_err(|error| Failure::usage(error.to_string()))?;
            }
            arrays.push(array);
        }
        let outputs: Vec<Output<'_>> = arrays
            .iter()
            .zip(&args.output)
            .enumerate()
            .map(|(place, (array, uri))| {
                let mut output = Output::new(array, uri);
                output.part = parts.get(place).map(Vec::as_slice);
                output.options.overwrite = args.overwrite;
                output.options.in_place = args.in_place;
                output.options.resume = args.resume;
                output.options.chunks = self.output_chunks.clone();
                output.options.shards = shards.clone();
                output.options.codec = args.codec.clone();
                output
            })
            .collect();
        Ok(brickwork::requests(&outputs)?)
    }

    /// The results that are arrays.
    pub fn arrays(&self) -> impl Iterator<Item = &Array> {
        self.results.iter().filter_map(|result| match result {
            Value::Array(array) => Some(array),
            _ => None,
        })
    }
}

/// How each of so many results is written in the source, in one line.
fn texts_of(source: &str, program: &Program, results: usize) -> Vec<String> {
    let text = |id: NodeId| {
        let span = program[id].span;
        source[span.start..span.end].split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let written = program.results();
    if written.len() == results {
        return written.into_iter().map(text).collect();
    }
    // One expression that gives several results.
    let whole = text(program.last().kind.value());
    (0..results).map(|number| format!("{whole}[{number}]")).collect()
}

/// The expression, and the words that bind names.
fn source_of(args: &ProgramArgs) -> CommandResult<(String, &[String])> {
    match (&args.file, args.words.as_slice()) {
        (Some(path), bindings) => {
            let source = std::fs::read_to_string(path).map_err(|error| {
                Failure::usage(format!("cannot read the expression from {}: {error}", path.display()))
            })?;
            Ok((source, bindings))
        }
        (None, [first, rest @ ..]) => {
            // `brickwork eval x=a.npy 'x + 1'` is a slip of the order that can be told.
            if split_binding(first).is_some() && rest.iter().any(|word| split_binding(word).is_none()) {
                return Err(Failure::usage(format!(
                    "the expression comes first, and {first:?} binds a name\nhelp: brickwork eval EXPR NAME=URI…"
                )));
            }
            Ok((first.clone(), rest))
        }
        (None, []) => Err(Failure::usage(
            "there is no expression\nhelp: brickwork eval 'x.mean(axis=0)' x=data.npy, or -f FILE",
        )),
    }
}

/// The chunks of the results, and those of inputs by name.
fn split_chunks(options: &[String]) -> CommandResult<(Option<String>, HashMap<String, String>)> {
    let (mut output, mut inputs) = (None, HashMap::new());
    for option in options {
        let earlier = match split_binding(option) {
            Some((name, text)) => inputs.insert(name.to_owned(), text.to_owned()),
            None => output.replace(option.clone()),
        };
        if earlier.is_some() {
            return Err(Failure::usage(format!("--chunks {option} is given twice")));
        }
    }
    Ok((output, inputs))
}

/// The value of a `--chunks` text: `(1000, 1000)`, `500`, `auto`, `64MiB`.
///
/// # Errors
/// If it is none of these.
pub fn chunks_value(text: &str) -> CommandResult<Value> {
    let is_size =
        text.starts_with(|c: char| c.is_ascii_digit()) && text.ends_with(|c: char| c.is_alphabetic());
    if text == "auto" || is_size {
        return Ok(Value::text(text));
    }
    let program = parsed(text)?;
    Interpreter::new(HashMap::new(), None).run(&program).map_err(|fault| Failure::fault(text, &fault))
}

/// The chunks that a text means.
///
/// # Errors
/// If it means none; the message names the option.
pub fn chunk_spec(text: &str, option: &str) -> CommandResult<ChunkSpec> {
    let value = chunks_value(text)?;
    to_chunks(&value, None).map_err(|fault| match fault.span {
        Some(_) => Failure::fault(text, &fault),
        None => Failure::usage(format!("{option} {text}: {}", fault.message)),
    })
}

/// Worker processes, if nobody says how many.
const DEFAULT_WORKERS: usize = 2;

/// The scheduler that the options ask for.
///
/// # Errors
/// If the memory is no size.
pub fn scheduler(
    args: &RunArgs,
    cancel: CancelToken,
    observers: Vec<Arc<dyn Observer>>,
) -> CommandResult<Box<dyn Scheduler>> {
    let memory = match &args.memory {
        None => None,
        Some(text) => Some(parse_bytes(text).map_err(|error| Failure::usage(format!("--memory: {error}")))?),
    };
    if args.scheduler == SchedulerName::Synchronous && args.threads.is_some_and(|threads| threads > 1) {
        return Err(Failure::usage(
            "the synchronous scheduler runs one task at a time\nhelp: leave out --threads",
        ));
    }
    if args.scheduler != SchedulerName::Processes && args.workers.is_some() {
        return Err(Failure::usage(
            "--workers is the number of worker processes\nhelp: add --scheduler processes, or give --threads",
        ));
    }
    if let Some(directory) = args.spill.as_deref().filter(|directory| !directory.is_dir()) {
        return Err(Failure::usage(format!("--spill: {} is not a directory", directory.display())));
    }
    let threads = args.threads.map_or_else(brickwork_sched::default_threads, usize::from);
    macro_rules! configured {
        ($scheduler:expr) => {{
            let mut scheduler = $scheduler.cancelled_by(cancel).observer(Arc::new(Warnings));
            if let Some(bytes) = memory {
                scheduler = scheduler.memory(bytes);
            }
            scheduler = scheduler.spill_codec(match args.spill_codec {
                SpillCodecName::Auto => SpillCodec::Auto,
                SpillCodecName::None => SpillCodec::None,
                SpillCodecName::Lz4 => SpillCodec::Lz4,
            });
            if let Some(directory) = &args.spill {
                scheduler = scheduler.spill(directory);
            }
            for observer in observers {
                scheduler = scheduler.observer(observer);
            }
            Box::new(scheduler)
        }};
    }
    Ok(match args.scheduler {
        SchedulerName::Threads => configured!(Threads::new(threads)),
        SchedulerName::Synchronous => configured!(Synchronous::new()),
        SchedulerName::Processes => {
            let workers = args.workers.map_or(DEFAULT_WORKERS, usize::from);
            let each = args.threads.map_or_else(|| threads.div_ceil(workers), usize::from);
            configured!(Processes::new().workers(workers).threads(each))
        }
    })
}
