//! Directories of a Zarr store: which hold arrays, which groups.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::metadata::{MAX_METADATA, parse_json};
use crate::error::Problem;

/// What a directory of a store is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    /// An array: the version of the format, its metadata with its attributes, and the file they are in.
    Array { version: u8, metadata: Value, file: PathBuf },
    /// A group, and its attributes.
    Group { version: u8, attributes: Value },
    /// A directory without metadata.
    Nothing,
}

/// Finds out what a directory is.
pub(super) fn read_node(directory: &Path) -> Result<Node, Problem> {
    let file = directory.join("zarr.json");
    if let Some(mut metadata) = read_json(&file)? {
        return match metadata["node_type"].as_str() {
            Some("array") => Ok(Node::Array { version: 3, metadata, file }),
            Some("group") => Ok(Node::Group { version: 3, attributes: metadata["attributes"].take() }),
            _ => Err(Problem::corrupt("zarr.json", "\"node_type\" is neither \"array\" nor \"group\"")),
        };
    }
    let attributes = || read_json(&directory.join(".zattrs")).map(Option::unwrap_or_default);
    let file = directory.join(".zarray");
    if let Some(mut metadata) = read_json(&file)? {
        let attributes = attributes()?;
        if attributes.is_object() {
            metadata["attributes"] = attributes;
        }
        return Ok(Node::Array { version: 2, metadata, file });
    }
    match read_json(&directory.join(".zgroup"))? {
        Some(_) => Ok(Node::Group { version: 2, attributes: attributes()? }),
        None => Ok(Node::Nothing),
    }
}

/// The arrays and groups in a directory, sorted; names of groups end in `/`.
pub(super) fn children(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().to_str()?.to_owned();
            match read_node(&entry.path()) {
                _ if name.starts_with('.') => None,
                Ok(Node::Array { .. }) => Some(name),
                Ok(Node::Group { .. }) => Some(name + "/"),
                _ => None,
            }
        })
        .collect();
    names.sort();
    names
}

/// The directory of the array or group `inner`, and what it is.
///
/// # Errors
/// If there is nothing; the message says what there is instead.
pub(super) fn find(root: &Path, inner: &str) -> Result<(PathBuf, Node), Problem> {
    let metadata = fs::metadata(root).map_err(|error| Problem::os("open the directory", error))?;
    if !metadata.is_dir() {
        let reason = "is a file; a Zarr array is a directory (zip files are not read)".into();
        return Err(Problem::Misuse { reason });
    }
    let mut directory = root.to_owned();
    for name in inner.split('/').filter(|name| !name.is_empty()) {
        let next = directory.join(name);
        if !next.is_dir() {
            return Err(Problem::NoSuchArray { name: name.to_owned(), available: children(&directory) });
        }
        directory = next;
    }
    match read_node(&directory)? {
        Node::Nothing if inner.is_empty() => {
            let reason = "is not Zarr: there is no zarr.json, .zarray or .zgroup in the directory".into();
            Err(Problem::Misuse { reason })
        }
        Node::Nothing => {
            let parent = directory.parent().unwrap_or(root);
            let name = inner.rsplit('/').next().unwrap_or(inner).to_owned();
            Err(Problem::NoSuchArray { name, available: children(parent) })
        }
        node => Ok((directory, node)),
    }
}

/// A metadata file's JSON; `None` if there is no such file.
pub(super) fn read_json(path: &Path) -> Result<Option<Value>, Problem> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(Problem::os(format!("read {name}"), error)),
    };
    let mut bytes = Vec::new();
    file.take(MAX_METADATA + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Problem::os(format!("read {name}"), error))?;
    if bytes.len() as u64 > MAX_METADATA {
        return Err(Problem::corrupt(name, format!("it is longer than {MAX_METADATA} bytes")));
    }
    parse_json(&bytes, &name).map(Some)
}
