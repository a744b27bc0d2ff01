//! Places in a Zarr store: which are arrays, which groups.

use serde_json::{Map, Value};

use super::metadata::parse_json;
use super::store::{Store, Together, join};
use crate::error::Problem;
use crate::handles::FileStamp;

/// How many places are looked at together, where that saves waiting.
const TOGETHER: usize = 64;

/// What a place in a store is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    /// An array: the version of the format, its metadata with its attributes, and the file they are in.
    Array { version: u8, metadata: Value, file: &'static str, stamp: FileStamp },
    /// A group, and its attributes.
    Group { version: u8, attributes: Value },
    /// A place without metadata.
    Nothing,
}

/// Finds out what is below a prefix.
pub(super) fn read_node(store: &Store, prefix: &str) -> Result<Node, Problem> {
    understand(ask(store, prefix)?)
}

fn ask<'a>(store: &'a Store, prefix: &str) -> Result<Together<'a>, Problem> {
    store.together(prefix, &["zarr.json", ".zarray", ".zattrs", ".zgroup"])
}

fn understand(mut files: Together<'_>) -> Result<Node, Problem> {
    let mut read = |name: &'static str| match files.take(name)? {
        Some(found) => Ok(Some((parse_json(&found.bytes, name)?, found.stamp))),
        None => Ok(None),
    };
    if let Some((mut metadata, stamp)) = read("zarr.json")? {
        return match metadata["node_type"].as_str() {
            Some("array") => Ok(Node::Array { version: 3, metadata, file: "zarr.json", stamp }),
            Some("group") => Ok(Node::Group { version: 3, attributes: metadata["attributes"].take() }),
            _ => Err(Problem::corrupt("zarr.json", "\"node_type\" is neither \"array\" nor \"group\"")),
        };
    }
    if let Some((mut metadata, stamp)) = read(".zarray")? {
        if let Some((attributes, _)) = read(".zattrs")?.filter(|(attributes, _)| attributes.is_object()) {
            metadata["attributes"] = attributes;
        }
        return Ok(Node::Array { version: 2, metadata, file: ".zarray", stamp });
    }
    match read(".zgroup")? {
        Some(_) => {
            let attributes = read(".zattrs")?.map(|(attributes, _)| attributes).unwrap_or_default();
            Ok(Node::Group { version: 2, attributes })
        }
        None => Ok(Node::Nothing),
    }
}

/// The names below a group: all that are there, or where a store cannot list them those that the group's metadata
/// name. Hidden files and chunks are among them.
pub(super) fn names(store: &Store, prefix: &str) -> Vec<String> {
    let listed = store.names(prefix);
    listed.ok().filter(|names| !names.is_empty()).unwrap_or_else(|| consolidated_names(store, prefix))
}

/// What is directly below a group, with its name, sorted.
pub(super) fn members(store: &Store, prefix: &str) -> Vec<(String, Result<Node, Problem>)> {
    let mut names = names(store, prefix);
    // A key that begins with a slash, or has two, would name the group itself as its member.
    names.retain(|name| !name.is_empty() && !name.starts_with('.') && name != "zarr.json");
    let mut members = Vec::new();
    for some in names.chunks(TOGETHER) {
        let asked: Vec<Result<Together<'_>, Problem>> =
            some.iter().map(|name| ask(store, &join(prefix, name))).collect();
        let found = some.iter().zip(asked).map(|(name, asked)| (name.clone(), asked.and_then(understand)));
        members.extend(found);
    }
    members
}

/// The arrays and groups below a group, sorted; names of groups end in `/`.
pub(super) fn children(store: &Store, prefix: &str) -> Vec<String> {
    let members = members(store, prefix).into_iter();
    members
        .filter_map(|(name, node)| match node {
            Ok(Node::Array { .. }) => Some(name),
            Ok(Node::Group { .. }) => Some(name + "/"),
            _ => None,
        })
        .collect()
}

/// The names that consolidated metadata of a group have directly below it.
fn consolidated_names(store: &Store, prefix: &str) -> Vec<String> {
    let json = |name: &str| {
        let found = store.read(&join(prefix, name)).ok()??;
        parse_json(&found.bytes, name).ok()
    };
    let paths = |value: &Value| -> Vec<String> {
        value.as_object().map(Map::keys).into_iter().flatten().cloned().collect()
    };
    let mut names: Vec<String> = match json("zarr.json") {
        Some(group) => paths(&group["consolidated_metadata"]["metadata"]),
        // Version 2 names files, version 3 arrays and groups.
        None => paths(&json(".zmetadata").unwrap_or_default()["metadata"])
            .iter()
            .filter_map(|path| path.rsplit_once('/').map(|(place, _)| place.to_owned()))
            .collect(),
    };
    names.iter_mut().for_each(|path| path.truncate(path.find('/').unwrap_or(path.len())));
    names.sort();
    names.dedup();
    names
}

/// The prefix of the array or group `inner`, and what it is.
///
/// # Errors
/// If there is nothing; the message says what there is instead.
pub(super) fn find(store: &Store, inner: &str) -> Result<(String, Node), Problem> {
    let mut prefix = String::new();
    for name in inner.split('/').filter(|name| !name.is_empty()) {
        let next = join(&prefix, name);
        if !store.may_hold(&next) {
            return Err(Problem::NoSuchArray { name: name.to_owned(), available: children(store, &prefix) });
        }
        prefix = next;
    }
    match read_node(store, &prefix)? {
        Node::Nothing if prefix.is_empty() => Err(not_zarr(store)),
        Node::Nothing => {
            let (parent, name) = prefix.rsplit_once('/').unwrap_or(("", &prefix));
            if has_chunks(store, &prefix) {
                return Err(unfinished());
            }
            Err(Problem::NoSuchArray { name: name.to_owned(), available: children(store, parent) })
        }
        node => Ok((prefix, node)),
    }
}

fn not_zarr(store: &Store) -> Problem {
    let found = match store {
        Store::Directory(_) => "is not Zarr: there is no zarr.json, .zarray or .zgroup in the directory",
        Store::Zip(_) => "is not Zarr: there is no zarr.json, .zarray or .zgroup at the top of the zip file",
        Store::References(_) => "is not Zarr: there is no zarr.json, .zarray or .zgroup among the references",
        #[cfg(feature = "cloud")]
        Store::Remote(remote) if has_chunks(store, "") => {
            let _ = remote;
            return unfinished();
        }
        #[cfg(feature = "cloud")]
        Store::Remote(remote) => match remote.names("") {
            Ok(names) if names.is_empty() => {
                return Problem::NoObject { authority: remote.scheme().authority() };
            }
            Err(problem @ Problem::NoObject { .. }) => return problem,
            _ => "is not Zarr: there is no zarr.json, .zarray or .zgroup below it; check the path",
        },
    };
    Problem::Misuse { reason: found.into() }
}

/// Whether there are chunks of an array without metadata.
fn has_chunks(store: &Store, prefix: &str) -> bool {
    #[cfg(feature = "cloud")]
    if let Store::Remote(remote) = store {
        return remote.holds_anything(&join(prefix, "c")).unwrap_or(false);
    }
    let _ = (store, prefix);
    false
}

fn unfinished() -> Problem {
    let reason = "holds chunks and no metadata: whoever wrote it has failed, or is not done; write it again";
    Problem::Misuse { reason: reason.into() }
}
