//! What stores and servers answer when something is wrong, told in words.

use std::error::Error;
use std::io;

use object_store::client::{HttpError, HttpErrorKind};

use crate::error::Problem;

/// What kind of store a URL names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    S3,
    Google,
    Azure,
    Http,
    Memory,
}

impl Scheme {
    /// By the scheme of a URL, which has been checked.
    pub fn of(scheme: &str) -> Self {
        match scheme {
            "gs" => Scheme::Google,
            "az" | "abfs" | "abfss" => Scheme::Azure,
            "http" | "https" => Scheme::Http,
            "memory" => Scheme::Memory,
            _ => Scheme::S3,
        }
    }

    /// What stands between `://` and the path.
    pub fn authority(self) -> &'static str {
        match self {
            Scheme::S3 | Scheme::Google => "bucket",
            Scheme::Azure => "container",
            Scheme::Http => "server",
            Scheme::Memory => "name",
        }
    }

    /// Where credentials come from.
    fn credentials(self) -> &'static str {
        match self {
            Scheme::S3 => {
                "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and the bucket's policy; \
                 for public data set AWS_SKIP_SIGNATURE=true"
            }
            Scheme::Google => {
                "check GOOGLE_SERVICE_ACCOUNT and the bucket's permissions; for public data set \
                 GOOGLE_SKIP_SIGNATURE=true"
            }
            Scheme::Azure => {
                "check AZURE_STORAGE_ACCOUNT_NAME, AZURE_STORAGE_ACCOUNT_KEY (or AZURE_STORAGE_SAS_TOKEN) and the \
                 container's permissions; for public data set AZURE_SKIP_SIGNATURE=true"
            }
            Scheme::Http | Scheme::Memory => {
                "the server wants to know who asks; use an address that carries a token"
            }
        }
    }
}

/// Why no store can be made of a URL and the settings there are.
pub(super) fn unusable(scheme: Scheme, error: &object_store::Error) -> Problem {
    let reason = format!("{}; {}", deepest(error), scheme.credentials());
    Problem::Store { action: "open the store".into(), reason }
}

/// What went wrong, as far as the chain of causes tells.
pub(super) fn explain(action: &str, scheme: Scheme, error: object_store::Error) -> Problem {
    use object_store::Error as E;
    let reason = match &error {
        E::NotFound { .. } => return Problem::NoObject { authority: scheme.authority() },
        E::PermissionDenied { .. } => format!("access is refused (403); {}", scheme.credentials()),
        E::Unauthenticated { .. } => {
            format!("credentials are missing or not accepted (401); {}", scheme.credentials())
        }
        E::AlreadyExists { .. } => return Problem::Exists,
        E::Precondition { .. } => {
            return Problem::Changed { change: "it was written again".into() };
        }
        E::NotSupported { source } if source.to_string().contains("Range request") => {
            "the server does not give parts of files (no range requests); download the file, or use another server"
                .to_owned()
        }
        E::NotImplemented { operation, .. } => format!("such a store cannot do that ({operation})"),
        _ if status(&chain_text(&error)) == Some(404) => {
            return Problem::NoObject { authority: scheme.authority() };
        }
        _ => from_chain(&error, scheme),
    };
    Problem::Store { action: action.to_owned(), reason }
}

fn from_chain(error: &object_store::Error, scheme: Scheme) -> String {
    let text = deepest(error).to_string();
    let whole = chain_text(error);
    // Where a machine of a cloud asks for its credentials, which a machine elsewhere has not.
    let asks_for_credentials = ["169.254.169.254", "169.254.170.2", "metadata.google.internal"];
    if asks_for_credentials.iter().any(|host| whole.contains(host)) {
        return format!("no credentials were found; {}", scheme.credentials());
    }
    if whole.contains("dns error") || whole.contains("failed to lookup address") {
        return "the name of the server cannot be resolved; check its spelling and the network".into();
    }
    if let Some(kind) = io_kind(error) {
        match kind {
            io::ErrorKind::ConnectionRefused => {
                return "the server refuses connections; check its address and port, and whether it runs"
                    .into();
            }
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                return "the server cannot be reached; check its address and the network".into();
            }
            _ => {}
        }
    }
    let http = chain(error).find_map(|cause| cause.downcast_ref::<HttpError>());
    match http.map(HttpError::kind) {
        Some(HttpErrorKind::Timeout) => {
            return "timed out: the server did not answer in time; try again, or check the network".into();
        }
        Some(HttpErrorKind::Connect) if whole.contains("certificate") => {
            return format!("the server's certificate is not accepted: {text}");
        }
        Some(HttpErrorKind::Connect) => return format!("no connection to the server: {text}"),
        Some(HttpErrorKind::Interrupted | HttpErrorKind::Request) => {
            return format!("the connection was cut again and again: {text}");
        }
        _ => {}
    }
    if whole.contains("incorrectly configured region") {
        return "the bucket is in another region; set AWS_REGION to it".into();
    }
    if let Some(status) = status(&whole) {
        let help = match status {
            400 => "the server does not understand the request; check region and endpoint",
            429 | 503 => "the server is too busy; try again later",
            500.. => "the server failed; try again later",
            _ => "check the address",
        };
        return format!("the server answered with status {status}; {help}");
    }
    match io_kind(error) {
        Some(io::ErrorKind::TimedOut) => "timed out; try again, or check the network".into(),
        Some(kind) if is_passing(kind) => format!("the connection was cut again and again: {text}"),
        _ => text,
    }
}

/// Whether trying again may help, and nobody below has done so: a connection that broke while the answer came.
pub(super) fn may_pass(error: &object_store::Error) -> bool {
    // Requests as such are tried again by the client; what it gives up is wrapped in an error of its own.
    let object_store::Error::Generic { source, .. } = error else { return false };
    if let Some(error) = source.downcast_ref::<HttpError>() {
        use HttpErrorKind::{Decode, Interrupted, Request, Timeout};
        return matches!(error.kind(), Interrupted | Request | Timeout | Decode);
    }
    source.downcast_ref::<io::Error>().is_some_and(|error| is_passing(error.kind()))
}

fn is_passing(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionReset, Interrupted, ResourceBusy, TimedOut, UnexpectedEof,
    };
    matches!(
        kind,
        BrokenPipe
            | ConnectionAborted
            | ConnectionReset
            | Interrupted
            | ResourceBusy
            | TimedOut
            | UnexpectedEof
    )
}

fn io_kind(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    chain(error).filter_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind).last()
}

/// The status in the text of an error: its type is private.
fn status(text: &str) -> Option<u16> {
    let (_, rest) = text.split_once("status code: ")?;
    rest.get(..3)?.parse().ok()
}

fn chain_text(error: &(dyn Error + 'static)) -> String {
    chain(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn deepest<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    chain(error).last().unwrap_or(error)
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| (*error).source())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(source: impl Into<Box<dyn Error + Send + Sync>>) -> object_store::Error {
        object_store::Error::Generic { store: "S3", source: source.into() }
    }

    #[test]
    fn causes_are_told_apart() {
        let text = |scheme: Scheme, error| explain("read zarr.json", scheme, error).to_string();
        let path = || "x".to_owned();
        for (scheme, error, expected) in [
            (
                Scheme::S3,
                object_store::Error::NotFound { path: path(), source: "".into() },
                "there is no such object; check the bucket and the path",
            ),
            (
                Scheme::S3,
                object_store::Error::PermissionDenied { path: path(), source: "".into() },
                "cannot read zarr.json: access is refused (403); check AWS_ACCESS_KEY_ID",
            ),
            (
                Scheme::Azure,
                object_store::Error::Unauthenticated { path: path(), source: "".into() },
                "(401); check AZURE_STORAGE_ACCOUNT_NAME",
            ),
            (
                Scheme::Http,
                generic(io::Error::from(io::ErrorKind::ConnectionRefused)),
                "the server refuses connections; check its address and port",
            ),
            (Scheme::Http, generic("dns error: no such host"), "the name of the server cannot be resolved"),
            (Scheme::Http, generic(io::Error::from(io::ErrorKind::TimedOut)), "timed out"),
            (
                Scheme::Http,
                generic(HttpError::new(HttpErrorKind::Timeout, io::Error::other("operation timed out"))),
                "timed out: the server did not answer in time",
            ),
            (Scheme::S3, generic("non-2xx status code: 503: SlowDown"), "status 503; the server is too busy"),
            (
                Scheme::S3,
                generic("Error performing PUT http://169.254.169.254/latest/api/token"),
                "no credentials were found; check AWS_ACCESS_KEY_ID",
            ),
        ] {
            let found = text(scheme, error);
            assert!(found.contains(expected), "{found}");
        }
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        assert!(may_pass(&generic(io::Error::from(io::ErrorKind::ConnectionReset))));
        assert!(may_pass(&generic(HttpError::new(
            HttpErrorKind::Interrupted,
            io::Error::from(io::ErrorKind::UnexpectedEof)
        ))));
        assert!(!may_pass(&generic("no such region")));
        assert!(!may_pass(&object_store::Error::NotFound { path: "x".into(), source: "".into() }));
    }
}
