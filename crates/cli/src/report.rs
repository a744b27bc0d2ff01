//! How failures are told, and with which exit code; and what goes to standard output and standard error.

use std::error::Error as StdError;
use std::io::{self, Write};
use std::process::ExitCode;

use brickwork_core::Error;

use crate::interpreter::Fault;
use crate::language::{Program, SyntaxError, parse, render};

/// Why a command ends without what was asked for.
#[derive(Debug)]
pub enum Failure {
    /// The command line or the expression is wrong: exit code 2. The whole text, without a newline at its end.
    Usage(String),
    /// The run failed: exit code 1.
    Run(Error),
    /// Something outside the library failed: exit code 1.
    Other(String),
    /// Whoever reads our output has gone: no message, as is usual.
    Closed,
}

/// What a command gives.
pub type CommandResult<T = ()> = Result<T, Failure>;

impl Failure {
    /// A wrong command line.
    pub fn usage(message: impl AsRef<str>) -> Failure {
        Failure::Usage(format!("error: {}", message.as_ref()))
    }

    /// A fault of an expression, shown at its place.
    pub fn fault(source: &str, fault: &Fault) -> Failure {
        let help = fault.help.as_deref();
        match fault.span {
            Some(span) => Failure::Usage(render(source, span, &fault.message, help)),
            None => {
                let help = help.map(|help| format!("\nhelp: {help}")).unwrap_or_default();
                Failure::Usage(format!("error: {}{help}", fault.message))
            }
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Run(error)
    }
}

/// Parses an expression.
///
/// # Errors
/// The first syntax error, shown at its place.
pub fn parsed(source: &str) -> CommandResult<Program> {
    parse(source).map_err(|error: SyntaxError| Failure::Usage(error.render(source)))
}

/// An error and its causes in one line.
pub fn one_line(error: &dyn StdError) -> String {
    chain(error).join(": ")
}

/// The messages of an error and of its causes. A cause that its parent quotes already is left out.
fn chain(error: &dyn StdError) -> Vec<String> {
    let mut messages = vec![error.to_string()];
    let mut next = error.source();
    while let Some(cause) = next {
        let message = cause.to_string();
        if !messages.iter().any(|earlier| earlier.contains(&message)) {
            messages.push(message);
        }
        next = cause.source();
    }
    messages
}

/// Tells a failure on standard error.
pub fn fail(failure: &Failure) -> ExitCode {
    match failure {
        Failure::Closed => ExitCode::SUCCESS,
        Failure::Usage(text) => {
            note(text);
            ExitCode::from(2)
        }
        Failure::Other(message) => {
            note(&format!("error: {message}"));
            ExitCode::from(1)
        }
        Failure::Run(Error::Cancelled) => {
            note("cancelled; nothing was stored");
            ExitCode::from(130)
        }
        Failure::Run(error) => {
            note(&format!("error: {}", chain(error).join("\ncaused by: ")));
            if matches!(error, Error::Io { reason, .. } if *reason == brickwork_io::Problem::Exists.to_string())
            {
                note("help: --overwrite replaces it");
            }
            ExitCode::from(1)
        }
    }
}

/// Writes a line to standard error. If that is closed, nobody wants to know.
pub fn note(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Writes a line to standard output.
///
/// # Errors
/// [`Failure::Closed`] if nobody reads it.
pub fn print(line: &str) -> CommandResult {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::Closed,
        _ => Failure::Other(format!("cannot write to standard output: {error}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_told_once() {
        let cause = Error::invalid_data("day.hdf5", "truncated");
        let error = Error::Task {
            op: "read".into(),
            region: "[0:5]".into(),
            source_uri: Some("day.hdf5#/t".into()),
            source: Box::new(cause),
        };
        assert_eq!(chain(&error), ["read failed at [0:5] reading day.hdf5#/t", "day.hdf5: truncated"]);
        let quoted = Error::io("a.npy", "cannot open: denied", std::io::Error::other("denied"));
        assert_eq!(chain(&quoted), ["a.npy: cannot open: denied"]);
    }
}
