//! What can go wrong, and what to do about it.

mod travel;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::chunks::format_bytes;
use crate::dtype::DType;

/// The result of building, planning or running.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure of an operation, a plan or a run. Every message says what failed, where, and what would be right.
#[derive(Debug, Error, Serialize, Deserialize)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the message of each variant names its fields")]
pub enum Error {
    #[error("{op}: shapes {} do not broadcast: axis {axis} has lengths {left} and {right}; make them equal, or one of them 1", shapes(.all))]
    ShapeMismatch { op: String, all: Vec<Vec<usize>>, axis: isize, left: usize, right: usize },

    #[error("{op}: {}", axis_message(*.axis, *.ndim))]
    AxisOutOfRange { op: String, axis: isize, ndim: usize },

    #[error("{op}: index {index} is out of range for axis {axis} with length {len}{}", index_help(*.len))]
    IndexOutOfRange { op: String, index: i128, axis: usize, len: usize },

    #[error("{op}: not defined for dtype {dtype}; {help}")]
    DTypeUnsupported { op: String, dtype: DType, help: String },

    #[error("{op}: {reason}")]
    InvalidArgument { op: String, reason: String },

    #[error("chunks for shape {shape:?}: {reason}")]
    InvalidChunks { shape: Vec<usize>, reason: String },

    #[error("{text:?} is not a number of bytes; write for example 500000, 64MB or 1.5GiB")]
    InvalidBytes { text: String },

    #[error("{op}: the length of axis {axis} is not known before the data are seen; {help}")]
    UnknownLength { op: String, axis: usize, help: String },

    #[error("{what} needs {}, and --memory allows {}; {help}", format_bytes(*.needed), format_bytes(*.allowed))]
    MemoryTooSmall { what: String, needed: usize, allowed: usize, help: String },

    #[error("{what} needs {} in a spill file, and {place} has {} free; {help}", format_bytes(*.needed), format_bytes(*.free))]
    SpillTooLarge { what: String, place: String, needed: usize, free: usize, help: String },

    #[error("{op} failed at {region}{}", .source_uri.as_ref().map(|uri| format!(" reading {uri}")).unwrap_or_default())]
    Task {
        op: String,
        region: String,
        source_uri: Option<String>,
        #[source]
        source: Box<Error>,
    },

    #[error("{what}")]
    Lost {
        what: String,
        #[source]
        source: Box<Error>,
    },

    #[error("{uri}: {reason}")]
    Io {
        uri: String,
        reason: String,
        #[source]
        #[serde(with = "travel")]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },

    #[error("{op}: {reason}")]
    Function { op: String, reason: String },

    #[error("the run was cancelled")]
    Cancelled,

    #[error("the run was stopped at its deadline of {limit}; allow more time, or ask for less")]
    DeadlineExceeded { limit: String },

    #[error("{op} failed at {region}: {reason}")]
    WorkerLost { op: String, region: String, reason: String },

    #[error("worker processes: {reason}")]
    Workers { reason: String },

    #[error("{what}; this is a bug in Brickwork")]
    Bug { what: String },
}

impl Error {
    /// An argument that makes no sense for an operation.
    pub fn argument(op: impl Into<String>, reason: impl Into<String>) -> Self {
        Error::InvalidArgument { op: op.into(), reason: reason.into() }
    }

    /// Whether doing the same again may go well: a network or a disk that did not answer in time, say.
    pub fn is_transient(&self) -> bool {
        match self {
            Error::Task { source, .. } | Error::Lost { source, .. } => source.is_transient(),
            Error::Io { source: Some(source), .. } => travel::is_transient(source.as_ref()),
            _ => false,
        }
    }

    /// A failure of reading or writing at a place.
    pub fn io(
        uri: impl Into<String>,
        reason: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Error::Io { uri: uri.into(), reason: reason.into(), source: Some(source.into()) }
    }

    /// A file or store whose contents are not what they should be.
    pub fn invalid_data(uri: impl Into<String>, reason: impl Into<String>) -> Self {
        Error::Io { uri: uri.into(), reason: reason.into(), source: None }
    }
}

fn shapes(all: &[Vec<usize>]) -> String {
    let texts: Vec<String> = all.iter().map(|shape| format!("{shape:?}")).collect();
    texts.join(" and ")
}

fn axis_message(axis: isize, ndim: usize) -> String {
    match ndim {
        0 => format!("axis {axis} is out of range for an array without axes; leave the axis out"),
        _ => format!("axis {axis} is out of range for {ndim} axes; use an axis from -{ndim} to {}", ndim - 1),
    }
}

fn index_help(len: usize) -> String {
    match len {
        0 => "; the axis is empty".into(),
        _ => format!("; use an index from -{len} to {}", len - 1),
    }
}
