//! `NAME=URI`: what the names of an expression are bound to.

use std::collections::HashMap;
use std::path::Path;

use brickwork_core::Error;
use brickwork_io::Format;
use brickwork_ops::Array;

use crate::interpreter::{Items, Value, to_chunks};
use crate::report::{CommandResult, Failure};
use crate::session::chunks_value;

/// What is opened at once takes a thread for so many files at least.
const FILES_PER_THREAD: usize = 16;
/// Threads that open what is not local: each waits for a network most of the time.
const REQUESTS_AT_ONCE: usize = 32;

/// Opens everything that is bound, and cuts inputs as `--chunks NAME=…` asks.
///
/// # Errors
/// If a binding is malformed, or something is not there or no array.
pub fn bind(bindings: &[String], chunks: &HashMap<String, String>) -> CommandResult<HashMap<String, Value>> {
    let mut variables = HashMap::new();
    for binding in bindings {
        let (name, uri) = split_binding(binding).ok_or_else(|| {
            Failure::usage(format!(
                "{binding:?} binds no name\nhelp: arrays are bound as NAME=URI, such as x=data.npy; quote the \
                 expression as one word"
            ))
        })?;
        let mut value = open(name, uri)?;
        if let Some(text) = chunks.get(name) {
            value = rechunked(&value, text)?;
        }
        if variables.insert(name.to_owned(), value).is_some() {
            return Err(Failure::usage(format!("the name {name} is bound twice")));
        }
    }
    if let Some(name) = chunks.keys().find(|name| !variables.contains_key(*name)) {
        return Err(Failure::usage(format!("--chunks names {name}, and no array is bound to it")));
    }
    Ok(variables)
}

/// A name and what follows its `=`.
pub fn split_binding(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.split_once('=')?;
    let mut characters = name.chars();
    let is_name = characters.next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && characters.all(|character| character.is_alphanumeric() || character == '_');
    (is_name && !rest.is_empty() && !rest.starts_with('=')).then_some((name, rest))
}

fn open(name: &str, uri: &str) -> CommandResult<Value> {
    let Some(matching) = expand(uri)? else {
        return Ok(Value::Array(open_all(&[uri.to_owned()])?.swap_remove(0)));
    };
    if matching.is_empty() {
        let reason = format!("no file matches the pattern (bound to {name})");
        return Err(Failure::Run(Error::invalid_data(uri, reason)));
    }
    let arrays = open_all(&matching)?.into_iter().map(Value::Array).collect();
    Items::new(arrays).map(Value::List).map_err(|fault| Failure::Other(fault.message))
}

/// The URIs that a URI with a pattern stands for, sorted; `None` if it has none, or names a file as it is.
///
/// # Errors
/// If the pattern is malformed, or a name it matches is not Unicode.
pub fn expand(uri: &str) -> CommandResult<Option<Vec<String>>> {
    if let Some(stored) = brickwork::cf_uri(uri) {
        let prefix = &uri[..uri.len() - stored.len()];
        let found = expand(stored)?;
        return Ok(found.map(|uris| uris.iter().map(|uri| format!("{prefix}{uri}")).collect()));
    }
    let (place, inner) = match uri.split_once('#') {
        Some((place, inner)) => (place, format!("#{inner}")),
        None => (uri, String::new()),
    };
    let (_, rest) = Format::split_prefix(place);
    let (prefix, place) = place.split_at(place.len() - rest.len());
    let path = place.strip_prefix("file://").unwrap_or(place);
    #[cfg(feature = "cloud")]
    if brickwork::patterns::is_store_pattern(path) {
        let found = brickwork::patterns::store_matches(path)?;
        return Ok(Some(found.into_iter().map(|place| format!("{prefix}{place}{inner}")).collect()));
    }
    let is_remote = path.contains("://");
    if is_remote || !path.contains(['*', '?', '[']) || Path::new(path).exists() {
        return Ok(None);
    }
    let paths = glob::glob(path)
        .map_err(|error| Failure::usage(format!("{uri}: the pattern is malformed: {error}")))?;
    let mut uris = Vec::new();
    for entry in paths {
        let found = entry.map_err(|error| Failure::Other(format!("{uri}: {error}")))?;
        let found = found
            .to_str()
            .ok_or_else(|| Failure::Other(format!("{uri}: the name {} is not Unicode", found.display())))?;
        uris.push(format!("{prefix}{found}{inner}"));
    }
    uris.sort();
    Ok(Some(uris))
}

/// Opens arrays on several threads; of several failures the first is told.
fn open_all(uris: &[String]) -> CommandResult<Vec<Array>> {
    let threads = match uris.iter().any(|uri| uri.contains("://")) {
        true => REQUESTS_AT_ONCE.min(uris.len()),
        false => brickwork_sched::default_threads().min(uris.len().div_ceil(FILES_PER_THREAD)),
    };
    let threads = threads.max(1);
    let part = uris.len().div_ceil(threads).max(1);
    let opened: Vec<Result<Vec<Array>, Error>> = std::thread::scope(|scope| {
        let open_part = |part: &[String]| part.iter().map(|uri| brickwork::open(uri)).collect();
        let workers: Vec<_> = uris.chunks(part).map(|part| scope.spawn(move || open_part(part))).collect();
        let lost = || Err(Error::Bug { what: "a thread that opens files died".into() });
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| lost())).collect()
    });
    let mut arrays = Vec::with_capacity(uris.len());
    for part in opened {
        arrays.extend(part?);
    }
    Ok(arrays)
}

fn rechunked(value: &Value, text: &str) -> CommandResult<Value> {
    match value {
        Value::Array(array) => {
            let spec = chunks_value(text)?;
            let spec = to_chunks(&spec, Some(array)).map_err(|fault| Failure::fault(text, &fault))?;
            let array = array.rechunk(spec).map_err(|error| Failure::usage(error.to_string()))?;
            Ok(Value::Array(array))
        }
        Value::List(items) => {
            let values = items.iter().map(|item| rechunked(item, text)).collect::<CommandResult<_>>()?;
            Items::new(values).map(Value::List).map_err(|fault| Failure::Other(fault.message))
        }
        other => Ok(other.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bindings_are_told_from_expressions() {
        assert_eq!(split_binding("t=a/*.hdf5#/t2m"), Some(("t", "a/*.hdf5#/t2m")));
        assert_eq!(split_binding("x=a=b.npy"), Some(("x", "a=b.npy")));
        for text in ["x", "x==y", "x.T=1", "=a", "1x=a", "x="] {
            assert_eq!(split_binding(text), None, "{text}");
        }
    }

    #[test]
    fn patterns_give_sorted_lists() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["b.hdf5", "a.hdf5", "c.npy"] {
            std::fs::write(directory.path().join(name), "").unwrap();
        }
        let root = directory.path().to_str().unwrap();
        let found = expand(&format!("{root}/*.hdf5#/t2m")).unwrap().unwrap();
        assert_eq!(found, [format!("{root}/a.hdf5#/t2m"), format!("{root}/b.hdf5#/t2m")]);
        assert_eq!(expand(&format!("{root}/*.zarr")).unwrap(), Some(Vec::new()));
        assert_eq!(expand("plain.npy").unwrap(), None);
        assert_eq!(expand("hdf5:plain#/a*b").unwrap(), None);
    }
}
