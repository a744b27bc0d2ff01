//! What can go wrong while reading an HDF5 file, and where.
use std::io;

use thiserror::Error;

/// A result whose error names the file and the object.
pub type Result<T, E = Hdf5Error> = std::result::Result<T, E>;

/// A result inside the reader, before file and object are known.
pub(super) type Outcome<T> = std::result::Result<T, Problem>;

/// A problem, with the file and the object it was met in.
#[derive(Debug, Error)]
#[error("{file}#{object}: {problem}")]
pub struct Hdf5Error {
    /// The file's path, or the name its reader was given.
    pub file: Box<str>,
    /// The object's path inside the file, such as `/a/b`.
    pub object: Box<str>,
    /// What is wrong.
    #[source]
    pub problem: Problem,
}

/// What is wrong with a file, an object, or what was asked of it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Problem {
    /// The operating system could not read.
    #[error("cannot read: {0}")]
    Io(#[from] io::Error),

    /// No superblock where one may stand.
    #[error("not an HDF5 file: no signature at byte 0, 512, 1024, 2048, … of {len} bytes")]
    NotHdf5 {
        /// The file's length in bytes.
        len: u64,
    },

    /// Something should lie beyond the file's end.
    #[error("truncated: {what} needs bytes {start}..{end}, the file has {len}")]
    Truncated {
        /// What should lie there.
        what: &'static str,
        /// First byte needed.
        start: u64,
        /// One past the last byte needed.
        end: u64,
        /// The file's length in bytes.
        len: u64,
    },

    /// Bytes that contradict the file format.
    #[error("corrupt {what}: {detail}")]
    Corrupt {
        /// The structure, such as `object header`.
        what: &'static str,
        /// The contradiction.
        detail: String,
    },

    /// Valid HDF5 that this reader does not read.
    #[error("{what} cannot be read here; {hint}")]
    Unsupported {
        /// The feature, by its name.
        what: String,
        /// What would be right.
        hint: &'static str,
    },

    /// Valid HDF5 that the HDF5 library reads, and this reader does not.
    #[error(
        "{what} cannot be read without the HDF5 library: build with feature \"hdf5-write\", or {way_out}"
    )]
    NeedsLibrary {
        /// The feature, by its name.
        what: String,
        /// What else would be right.
        way_out: &'static str,
    },

    /// A path that leads into another file.
    #[error("a link leads to '{path}' in another file, '{file}', which is not followed here; name that file")]
    Elsewhere {
        /// The file, as the link names it.
        file: String,
        /// The whole path there: where the link leads, and what was still to go behind it.
        path: String,
    },

    /// A path that leads nowhere.
    #[error("there is no '{name}' in group '{parent}'; it holds {}", listed(.available))]
    NotFound {
        /// The first part of the path that is missing.
        name: String,
        /// The group that was searched.
        parent: String,
        /// The names the group holds.
        available: Vec<String>,
    },

    /// A dataset was asked for where there is a group.
    #[error("is a group, not a dataset; it holds {}", listed(.children))]
    IsGroup {
        /// The names the group holds.
        children: Vec<String>,
    },

    /// A group was asked for where there is something else.
    #[error("'{path}' is a {kind}, not a group")]
    NotAGroup {
        /// The object's path, or the part of the path that leads to it.
        path: String,
        /// What is there.
        kind: &'static str,
    },

    /// A dataset was asked for where there is something else than a dataset or a group.
    #[error("is a {kind}, not a dataset")]
    NotADataset {
        /// What is there.
        kind: &'static str,
    },

    /// Links that lead from one to the next without end.
    #[error("more than {limit} soft links follow each other; do they form a circle?")]
    TooManyLinks {
        /// How many are followed.
        limit: usize,
    },

    /// A path of more names than are followed.
    #[error("a path of more than {limit} names, soft links included, is not followed")]
    PathTooLong {
        /// How many are followed.
        limit: usize,
    },

    /// A buffer of the caller's has the wrong length.
    #[error("{what} has {found} bytes, needs {needed}")]
    BufferLength {
        /// The buffer.
        what: &'static str,
        /// Its length in bytes.
        found: usize,
        /// The length it must have, in bytes.
        needed: usize,
    },
}

impl Problem {
    /// Adds what is still to go to a path that leads into another file.
    pub(super) fn going_on<'a>(mut self, names: impl Iterator<Item = &'a str>) -> Problem {
        if let Problem::Elsewhere { path, .. } = &mut self {
            for name in names {
                path.push('/');
                path.push_str(name);
            }
        }
        self
    }

    /// Adds the file and the object.
    pub(super) fn at(self, file: &str, object: &str) -> Hdf5Error {
        Hdf5Error { file: file.into(), object: object.into(), problem: self }
    }
}

/// Bytes that contradict the format.
pub(super) fn corrupt(what: &'static str, detail: impl Into<String>) -> Problem {
    Problem::Corrupt { what, detail: detail.into() }
}

/// Valid HDF5 which is beyond this reader.
pub(super) fn unsupported(what: impl Into<String>, hint: &'static str) -> Problem {
    Problem::Unsupported { what: what.into(), hint }
}

/// Valid HDF5 that is left to the HDF5 library.
pub(super) fn needs_library(what: impl Into<String>, way_out: &'static str) -> Problem {
    Problem::NeedsLibrary { what: what.into(), way_out }
}

/// Names for a message, cut off where a reader would stop reading.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 20;
    if names.is_empty() {
        return "nothing".to_owned();
    }
    let mut text = names.iter().take(SHOWN).map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_file_object_and_bytes() {
        let problem = Problem::Truncated { what: "chunk", start: 10, end: 20, len: 15 };
        assert_eq!(
            problem.at("day.h5", "/t2m").to_string(),
            "day.h5#/t2m: truncated: chunk needs bytes 10..20, the file has 15"
        );
    }

    #[test]
    fn long_listings_are_cut() {
        let names: Vec<String> = (0..25).map(|i| format!("v{i}")).collect();
        let text = Problem::IsGroup { children: names }.to_string();
        assert!(text.ends_with("'v19' and 5 more"), "{text}");
        assert!(Problem::IsGroup { children: vec![] }.to_string().ends_with("it holds nothing"));
    }
}
