//! What can go wrong with files and stores, and what to do about it.

use std::io;

use brickwork_core::format_bytes;
use thiserror::Error;

/// The result of touching a file or a store.
pub type Result<T, E = IoError> = std::result::Result<T, E>;

/// A problem, and where it was met.
#[derive(Debug, Error)]
#[error("{uri}: {problem}")]
pub struct IoError {
    /// The place as the user named it.
    pub uri: String,
    /// What is wrong.
    #[source]
    pub problem: Problem,
}

/// What is wrong with a file, a store, or what was asked of it.
#[derive(Debug, Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the message of each variant names its fields")]
pub enum Problem {
    #[error("there is no such file or directory")]
    NotFound,

    #[error("there is no such object; check the {authority} and the path")]
    NoObject { authority: &'static str },

    #[error("cannot {action}: {reason}")]
    Store { action: String, reason: String },

    #[error("is a directory, not {expected}")]
    IsDirectory { expected: &'static str },

    #[error("cannot {action}: {}", os_text(.source))]
    Os { action: String, source: io::Error },

    #[error("exists already; allow overwriting it, or choose another name")]
    Exists,

    #[error(
        "exists already, and there is no unfinished run to go on with: it is whole, or was written by something else; \
         allow overwriting it to write it again"
    )]
    NothingLeft,

    #[error("this build reads no {scheme}:// places; build it with feature \"cloud\", or use a local path")]
    Scheme { scheme: String },

    #[error("{what} cannot be written to {scheme}://; {help}")]
    NotWritten { what: &'static str, scheme: String, help: &'static str },

    #[error("{reason}")]
    Uri { reason: String },

    #[error("this build has no {format}; build it with feature {feature:?}")]
    Feature { format: &'static str, feature: &'static str },

    #[error("truncated: {what} needs {}, and {} are there", plain_bytes(*.needed), plain_bytes(*.present))]
    Truncated { what: String, needed: u64, present: u64 },

    #[error("corrupt {what}: {reason}")]
    Corrupt { what: String, reason: String },

    #[error("chunk {chunk:?}: {reason}")]
    Chunk { chunk: Vec<usize>, reason: String },

    #[error("{what} cannot be {done}; {help}")]
    Unsupported { what: String, done: &'static str, help: String },

    #[error("there is no {name:?} in it; it holds {}", listed(.available))]
    NoSuchArray { name: String, available: Vec<String> },

    #[error("{} is a group, not an array; name an array in it after '#': it holds {}", group_name(.group), listed(.children))]
    IsGroup { group: String, children: Vec<String> },

    #[error("has changed since it was opened ({change}); open it again")]
    Changed { change: String },

    #[error("{reason}")]
    Misuse { reason: String },

    /// An input of an unfinished run is another by now.
    #[error("{reason}")]
    InputChanged { input: String, reason: String },

    #[cfg(feature = "hdf5")]
    #[error(
        "a link leads to {path:?} in another file, {file:?}, which is not there; looked for it at {}",
        listed(.looked)
    )]
    NoLinkedFile { file: String, path: String, looked: Vec<String> },

    #[cfg(feature = "hdf5")]
    #[error("a link leads into another file, which is not written from here; name that file")]
    OnlyReadThere,

    #[cfg(feature = "hdf5")]
    #[error("links into other files lead in a circle: {}", .circle.join(", "))]
    LinkCircle { circle: Vec<String> },

    #[cfg(feature = "hdf5")]
    #[error("more than {limit} links into other files follow each other; do they form a circle?")]
    TooManyLinkedFiles { limit: usize },

    #[cfg(feature = "hdf5")]
    #[error("object {object:?}: {problem}")]
    Hdf5 { object: String, problem: crate::hdf5::format::Problem },
}

impl Problem {
    /// Adds the place.
    pub fn at(self, uri: impl Into<String>) -> IoError {
        IoError { uri: uri.into(), problem: self }
    }

    /// That a target is in the way, for a run that was to go on with an earlier one or not.
    pub(crate) fn exists(resume: bool) -> Self {
        if resume { Problem::NothingLeft } else { Problem::Exists }
    }

    /// What the operating system refused, told in words where there are some.
    pub fn os(action: impl Into<String>, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => Problem::NotFound,
            _ => match source.downcast::<Problem>() {
                // What a store said, on its way through a reader of files.
                Ok(problem) => problem,
                Err(source) => Problem::Os { action: action.into(), source },
            },
        }
    }

    /// Bytes that contradict their format.
    pub fn corrupt(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Problem::Corrupt { what: what.into(), reason: reason.into() }
    }

    /// Valid data that this crate does not read.
    pub fn unreadable(what: impl Into<String>, help: impl Into<String>) -> Self {
        Problem::Unsupported { what: what.into(), done: "read", help: help.into() }
    }
}

impl From<IoError> for brickwork_core::Error {
    fn from(error: IoError) -> Self {
        let IoError { uri, problem } = error;
        let reason = problem.to_string();
        let source: Option<Box<dyn std::error::Error + Send + Sync>> = match problem {
            Problem::Os { source, .. } => Some(Box::new(source)),
            _ => None,
        };
        brickwork_core::Error::Io { uri, reason, source }
    }
}

pub(crate) fn os_text(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "permission denied".into(),
        io::ErrorKind::NotADirectory => "a part of the path is a file, not a directory".into(),
        io::ErrorKind::StorageFull => "the disk is full".into(),
        io::ErrorKind::FileTooLarge => {
            "the file would be longer than this process or the file system allows (see ulimit -f)".into()
        }
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only".into(),
        _ => error.to_string(),
    }
}

fn plain_bytes(bytes: u64) -> String {
    match usize::try_from(bytes) {
        Ok(bytes) if bytes >= 10_000 => format!("{bytes} bytes ({})", format_bytes(bytes)),
        _ => format!("{bytes} bytes"),
    }
}

fn group_name(group: &str) -> String {
    if group.is_empty() || group == "/" { "the root".into() } else { format!("{group:?}") }
}

/// Names for a message, cut off where a reader would stop reading.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 20;
    if names.is_empty() {
        return "nothing".into();
    }
    let mut text = names.iter().take(SHOWN).map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_place_and_keep_the_cause() {
        let cause = io::Error::new(io::ErrorKind::StorageFull, "ENOSPC");
        let error: brickwork_core::Error = Problem::os("write", cause).at("a.npy").into();
        assert_eq!(error.to_string(), "a.npy: cannot write: the disk is full");
        assert!(std::error::Error::source(&error).is_some());
        let missing = Problem::os("open", io::ErrorKind::NotFound.into()).at("a.npy");
        assert_eq!(missing.to_string(), "a.npy: there is no such file or directory");
    }

    #[test]
    fn long_listings_are_cut() {
        let children: Vec<String> = (0..30).map(|i| format!("v{i}")).collect();
        let text = Problem::IsGroup { group: "/".into(), children }.to_string();
        assert!(text.starts_with("the root is a group") && text.ends_with("\"v19\" and 10 more"), "{text}");
    }
}
