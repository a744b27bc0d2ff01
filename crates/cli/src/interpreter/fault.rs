//! What is wrong with a program while it is interpreted.

use crate::language::Span;

/// What an evaluation gives, or what is wrong with it.
pub type Outcome<T> = Result<T, Fault>;

/// What is wrong, where in the source, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The part of the source; the innermost that is known.
    pub span: Option<Span>,
    /// What is wrong, in one line.
    pub message: String,
    /// What to do about it, in one line.
    pub help: Option<String>,
}

impl Fault {
    /// A fault at a place yet to be told.
    pub fn new(message: impl Into<String>) -> Fault {
        Fault { span: None, message: message.into(), help: None }
    }

    /// The same with a line of help.
    pub fn help(mut self, help: impl Into<String>) -> Fault {
        self.help = Some(help.into());
        self
    }

    /// The same at a place, unless one inside it is known already.
    pub fn at(mut self, span: Span) -> Fault {
        self.span.get_or_insert(span);
        self
    }
}

impl From<brickwork_core::Error> for Fault {
    fn from(error: brickwork_core::Error) -> Fault {
        Fault::new(crate::report::one_line(&error))
    }
}
