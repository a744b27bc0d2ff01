//! Causes of errors that come from other libraries, on their way to another process: their messages are kept, and
//! whether trying again may help.

use std::error::Error as StdError;
use std::fmt;
use std::io::{self, ErrorKind};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

type Cause = Option<Box<dyn StdError + Send + Sync>>;

/// What is left of a cause that has come from another process.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    message: String,
    is_transient: bool,
    source: Option<Box<Told>>,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Told {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &dyn StdError)
    }
}

impl Told {
    fn of(cause: &(dyn StdError + 'static)) -> Told {
        Told {
            message: cause.to_string(),
            is_transient: is_transient(cause),
            source: cause.source().map(|source| Box::new(Told::of(source))),
        }
    }
}

pub(super) fn serialize<S: Serializer>(cause: &Cause, serializer: S) -> Result<S::Ok, S::Error> {
    let told = cause.as_ref().map(|cause| {
        let cause: &(dyn StdError + 'static) = cause.as_ref();
        Told::of(cause)
    });
    told.serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cause, D::Error> {
    let told = Option::<Told>::deserialize(deserializer)?;
    Ok(told.map(|told| Box::new(told) as Box<dyn StdError + Send + Sync>))
}

/// Whether a cause, or a cause of it, may go away by itself.
pub(super) fn is_transient(cause: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(cause);
    while let Some(cause) = next {
        if let Some(error) = cause.downcast_ref::<io::Error>()
            && is_transient_kind(error.kind())
        {
            return true;
        }
        if cause.downcast_ref::<Told>().is_some_and(|told| told.is_transient)
            || cause.downcast_ref::<super::Error>().is_some_and(super::Error::is_transient)
        {
            return true;
        }
        next = cause.source();
    }
    false
}

fn is_transient_kind(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::TimedOut
            | ErrorKind::Interrupted
            | ErrorKind::WouldBlock
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionRefused
            | ErrorKind::NotConnected
            | ErrorKind::BrokenPipe
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::ResourceBusy
            | ErrorKind::StaleNetworkFileHandle
    )
}

#[cfg(test)]
mod tests {
    use super::super::Error;
    use super::*;

    fn travelled(error: &Error) -> Error {
        let mut bytes = Vec::new();
        ciborium::into_writer(error, &mut bytes).unwrap();
        ciborium::from_reader(bytes.as_slice()).unwrap()
    }

    fn task(source: Error) -> Error {
        Error::Task { op: "read".into(), region: "[0:3]".into(), source_uri: None, source: Box::new(source) }
    }

    #[test]
    fn errors_arrive_with_their_causes() {
        let cause = io::Error::new(ErrorKind::TimedOut, "no answer");
        let error = task(Error::io("s3://x", "cannot be read", cause));
        let back = travelled(&error);
        assert_eq!(back.to_string(), error.to_string());
        let source = back.source().unwrap();
        assert_eq!(source.to_string(), "s3://x: cannot be read");
        assert_eq!(source.source().unwrap().to_string(), "no answer");
        assert!(back.is_transient() && travelled(&back).is_transient());
    }

    #[test]
    fn only_what_may_go_away_is_transient() {
        let gone = io::Error::new(ErrorKind::NotFound, "no such file");
        assert!(!task(Error::io("x", "cannot be read", gone)).is_transient());
        assert!(!Error::Cancelled.is_transient());
        assert!(!task(Error::invalid_data("x", "damaged")).is_transient());
    }
}
