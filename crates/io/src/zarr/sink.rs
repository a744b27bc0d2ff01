//! Writing Zarr 3 arrays.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use brickwork_core::{Block, ChunkGrid, DType, Meta, Origin, Region, Sink, SinkWriter};
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use xxhash_rust::xxh3::xxh3_64;

use super::chunk_writer::ChunkWriter;
use super::hierarchy::{Node, children, read_node};
use super::metadata::parse_json;
use super::new_array::{Cut, NewArray, pipeline};
use super::store::Store;
use crate::chunk_walk::chunk_number;
use crate::error::{Problem, Result};
use crate::journal::{Journal, Purpose, Record};
use crate::options::{GroupAttributes, SinkOptions};
use crate::part::{Left, Part};
use crate::uri::{Format, Location};
use crate::write_checks::not_created;
use crate::written::WrittenChunks;

/// Writes an array to a Zarr store in a local directory.
///
/// The array is written beside its place and renamed when it is whole, its metadata last. Groups above it are made
/// where they are missing. Chunks are those of the array, unless the user asks for others or they are huge or tiny.
#[derive(Debug)]
pub struct ZarrSink {
    location: Location,
    options: SinkOptions,
    /// Attributes of directories that are groups.
    groups: Vec<(PathBuf, Map<String, Value>)>,
    writing: Mutex<Option<Arc<Writing>>>,
    /// Of an array that is published, until the run is over.
    journal: Mutex<Option<Journal>>,
}

/// An array between `create` and `commit`.
#[derive(Debug)]
struct Writing {
    grid: ChunkGrid,
    metadata: Value,
    /// `None`, as the part is, if an earlier run has published it, and nothing is left to be written.
    chunks: Option<ChunkWriter>,
    // The part is dropped before the groups that were made for it.
    part: Option<Part>,
    groups: NewGroups,
    /// What an earlier run has left.
    written: WrittenChunks,
    is_all_written: bool,
    _lock: Option<fs::File>,
}

/// Directories of groups that did not exist before; removed again, if nothing came of them.
#[derive(Debug, Default)]
struct NewGroups {
    made: Vec<PathBuf>,
}

impl Drop for NewGroups {
    fn drop(&mut self) {
        for directory in self.made.iter().rev() {
            // Fails if another array moved in meanwhile, and then it stays.
            let _ = fs::remove_dir(directory);
        }
    }
}

impl ZarrSink {
    /// A sink for an array in a Zarr store: at its root, or at the path after `#`.
    ///
    /// # Errors
    /// If the URI cannot be read or does not name a Zarr store, or the codec is not known.
    pub fn new(uri: &str, options: &SinkOptions) -> brickwork_core::Result<Self> {
        ZarrSink::of(Location::parse(uri)?, options)
    }

    pub(crate) fn of(location: Location, options: &SinkOptions) -> brickwork_core::Result<Self> {
        let uri = &location.uri;
        if location.format != Format::Zarr {
            let reason = format!("is {}, not zarr; end the name in .zarr", location.format);
            return Err(Problem::Misuse { reason }.at(uri).into());
        }
        if let Some(codec) = &options.codec {
            pipeline(codec, DType::F64).map_err(|problem| problem.at(uri))?;
        }
        Ok(ZarrSink {
            location,
            options: options.clone(),
            groups: Vec::new(),
            writing: Mutex::new(None),
            journal: Mutex::new(None),
        })
    }

    /// With attributes for groups of the same store.
    pub(crate) fn in_groups(mut self, groups: &[GroupAttributes]) -> brickwork_core::Result<Self> {
        for group in groups {
            let Location { path, inner, .. } = Location::parse(&group.uri)?;
            let directory = if inner.is_empty() { path } else { path.join(inner) };
            self.groups.push((directory, group.attributes.clone()));
        }
        Ok(self)
    }

    fn try_create(&self, meta: &Meta, cut: &Cut, origin: Option<&Origin>) -> Result<()> {
        let uri = &self.location.uri;
        let fail = |problem: Problem| problem.at(uri);
        let target = match self.location.inner.as_str() {
            "" => self.location.path.clone(),
            inner => self.location.path.join(inner),
        };
        let overwrite = self.options.overwrite;
        let replaced = self.replaced(&target).map_err(fail)?;
        let NewArray { metadata, codecs } =
            NewArray::of(meta, cut, &self.options, &replaced).map_err(fail)?;
        let purpose = origin.map(|origin| purpose_of(&metadata, origin));
        let left = match purpose.as_ref().filter(|_| self.options.resume) {
            Some(purpose) => Part::left(uri, &target, overwrite, purpose)?,
            None => None,
        };
        if !replaced.is_null() && !overwrite && !matches!(left, Some(Left::Published(_))) {
            return Err(fail(Problem::exists(self.options.resume)));
        }
        let groups = self.make_groups()?;
        let is_all_written = matches!(left, Some(Left::Published(_) | Left::Whole(..)));
        let (part, records) = match (left, &purpose) {
            (Some(Left::Published(journal)), _) => {
                *self.journal.lock() = Some(journal);
                (None, Vec::new())
            }
            (Some(Left::Whole(part, _)), _) => (Some(part), Vec::new()),
            (Some(Left::Unfinished(part, records)), _) => (Some(part), records),
            (None, Some(purpose)) => {
                let part = Part::begin(uri, &target, overwrite, purpose, self.options.resume)?;
                (Some(part), Vec::new())
            }
            (None, None) => (Some(Part::new(uri, &target, overwrite)?), Vec::new()),
        };
        let mut writing = Writing {
            grid: cut.grid(&meta.shape).chunks,
            chunks: None,
            part: None,
            groups,
            written: WrittenChunks::default(),
            is_all_written,
            _lock: None,
            metadata,
        };
        if let Some(part) = part {
            if !part.path().is_dir() {
                fs::create_dir(part.path())
                    .map_err(|error| fail(Problem::os("create the directory", error)))?;
            }
            // Tells others that this part is being written; not every file system can.
            writing._lock = fs::File::open(part.path()).ok().filter(|directory| directory.try_lock().is_ok());
            let chunks =
                ChunkWriter::new(uri, part.path(), meta, cut.grid(&meta.shape), writing.metadata.to_string());
            let chunks = chunks.with_codecs(codecs).noted_in(part.journal_path());
            writing.take_over(&chunks, &records).map_err(fail)?;
            (writing.chunks, writing.part) = (Some(chunks), Some(part));
        }
        *self.writing.lock() = Some(Arc::new(writing));
        Ok(())
    }

    /// The metadata of the array that is to be replaced; null if there is none.
    fn replaced(&self, target: &Path) -> Result<Value, Problem> {
        let misuse = |reason: &str| Err(Problem::Misuse { reason: reason.into() });
        match fs::symlink_metadata(target) {
            Err(_) => return Ok(Value::Null),
            Ok(found) if !found.is_dir() && !target.is_dir() => {
                return misuse("is a file, not a Zarr directory; choose another name");
            }
            Ok(_) => {}
        }
        let store = Store::Directory(target.to_owned());
        let node = match read_node(&store, "") {
            // An array whose metadata are damaged may be replaced, a group with arrays below it not.
            Err(_) if self.options.overwrite && children(&store, "").is_empty() => return Ok(Value::Null),
            node => node?,
        };
        match node {
            Node::Group { .. } => {
                let Location { path, inner, .. } = &self.location;
                let slash = if inner.is_empty() { "" } else { "/" };
                let reason =
                    format!("is a Zarr group; name an array in it: {}#/{inner}{slash}name", path.display());
                Err(Problem::Misuse { reason })
            }
            // Who resumes may find what was published by the run that was killed.
            Node::Array { metadata, .. } if self.options.overwrite || self.options.resume => Ok(metadata),
            Node::Array { .. } => Err(Problem::Exists),
            _ if !self.options.overwrite => Err(Problem::Exists),
            Node::Nothing if fs::read_dir(target).is_ok_and(|mut entries| entries.next().is_none()) => {
                Ok(Value::Null)
            }
            Node::Nothing => misuse("is a directory, and no Zarr array; it is not overwritten"),
        }
    }

    /// The directories above the array, outermost first: the store, then groups in it.
    fn group_directories(&self) -> Vec<PathBuf> {
        let mut names: Vec<&str> = self.location.inner.split('/').filter(|name| !name.is_empty()).collect();
        if names.pop().is_none() {
            return Vec::new();
        }
        let mut directories = vec![self.location.path.clone()];
        for name in names {
            let directory = directories[directories.len() - 1].join(name);
            directories.push(directory);
        }
        directories
    }

    fn make_groups(&self) -> Result<NewGroups> {
        let uri = &self.location.uri;
        let mut groups = NewGroups::default();
        for directory in self.group_directories() {
            if directory.is_dir() {
                let reason = match read_node(&Store::Directory(directory.clone()), "")
                    .map_err(|problem| problem.at(uri))?
                {
                    Node::Array { .. } => "is an array; it cannot hold another one",
                    Node::Group { version: 2, .. } => {
                        "is of Zarr version 2; write into a store of version 3, or a new one"
                    }
                    _ => continue,
                };
                let reason = format!("{} {reason}", directory.display());
                return Err(Problem::Misuse { reason }.at(uri));
            }
            fs::create_dir(&directory).map_err(|error| {
                let reason = match error.kind() {
                    io::ErrorKind::NotFound => "the directory above it does not exist; create it".to_owned(),
                    io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
                        "there is a file in the way".to_owned()
                    }
                    _ => error.to_string(),
                };
                Problem::Misuse {
                    reason: format!("cannot create directory {}: {reason}", directory.display()),
                }
                .at(uri)
            })?;
            groups.made.push(directory);
        }
        Ok(groups)
    }

    fn try_write(&self, region: &Region, block: &Block) -> Result<()> {
        let Some(writing) = self.writing.lock().clone() else {
            return Err(not_created().at(&self.location.uri));
        };
        writing.chunks.as_ref().map_or(Ok(()), |chunks| chunks.try_write(region, block))
    }

    fn try_commit(&self) -> Result<()> {
        let uri = &self.location.uri;
        let writing = self.writing.lock().take().and_then(Arc::into_inner);
        let Writing { metadata, part, mut groups, .. } = writing.ok_or_else(|| not_created().at(uri))?;
        if let Some(part) = part {
            write_json(&part.path().join("zarr.json"), &metadata).map_err(|problem| problem.at(uri))?;
            *self.journal.lock() = part.publish()?;
        }
        groups.made.clear();
        // Readers find the array by its groups; these are announced when there is something in them.
        for directory in self.group_directories() {
            let group = self.groups.iter().find(|(group, _)| *group == directory);
            announce(&directory, group.map(|(_, attributes)| attributes))
                .map_err(|problem| problem.at(uri))?;
        }
        Ok(())
    }
}

/// What is compared when a run is resumed: the metadata say it all.
fn purpose_of(metadata: &Value, origin: &Origin) -> Purpose {
    Purpose::new("", origin, metadata.as_object().cloned().unwrap_or_default())
}

impl Writing {
    /// Takes over the chunks of an earlier run that are as its journal says.
    fn take_over(&mut self, chunks: &ChunkWriter, records: &[Record]) -> Result<(), Problem> {
        let counts = self.grid.numblocks();
        for Record { place, nbytes, hash, .. } in records {
            if place.len() != counts.len() || place.iter().zip(&counts).any(|(at, count)| at >= count) {
                continue;
            }
            let path = chunks.path(place)?;
            let is_long_enough = fs::metadata(&path).is_ok_and(|metadata| metadata.len() == *nbytes);
            if is_long_enough && fs::read(&path).is_ok_and(|bytes| xxh3_64(&bytes) == *hash) {
                self.written.insert(chunk_number(place, &counts));
            }
        }
        Ok(())
    }
}

/// Makes a directory a group, gives it attributes, and drops a listing of what is in it that has become wrong.
fn announce(directory: &Path, attributes: Option<&Map<String, Value>>) -> Result<(), Problem> {
    let file = directory.join("zarr.json");
    let found = Store::Directory(directory.to_owned()).read("zarr.json")?;
    let found = found.map(|found| parse_json(&found.bytes, "zarr.json")).transpose()?;
    let metadata = group_json(found.clone(), attributes);
    if found.as_ref() == Some(&metadata) { Ok(()) } else { write_json(&file, &metadata) }
}

/// The metadata of a group that has been found or is new, with attributes, and without a listing of what is in it.
pub(super) fn group_json(found: Option<Value>, attributes: Option<&Map<String, Value>>) -> Value {
    let mut metadata =
        found.unwrap_or_else(|| json!({"zarr_format": 3, "node_type": "group", "attributes": {}}));
    if let Some(group) = metadata.as_object_mut() {
        group.remove("consolidated_metadata");
        if let Some(attributes) = attributes {
            let kept = group.entry("attributes").or_insert_with(|| json!({}));
            if let Some(kept) = kept.as_object_mut() {
                kept.extend(attributes.clone());
            }
        }
    }
    metadata
}

/// Writes a metadata file in one step.
pub(super) fn write_json(path: &Path, value: &Value) -> Result<(), Problem> {
    let failed = |error: io::Error| Problem::os("write the metadata", error);
    let mut text = serde_json::to_string_pretty(value).map_err(|error| failed(error.into()))?;
    text.push('\n');
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let part = path.with_file_name(format!(".{}.part-{}", name.trim_start_matches('.'), std::process::id()));
    fs::write(&part, text).and_then(|()| fs::rename(&part, path)).map_err(failed)
}

impl Sink for ZarrSink {
    fn uri(&self) -> String {
        self.location.uri.clone()
    }

    fn directory(&self) -> Option<std::path::PathBuf> {
        self.location.directory()
    }

    fn create(&self, meta: &Meta) -> brickwork_core::Result<ChunkGrid> {
        self.try_create(meta, &Cut::of(&self.options, meta)?, None)?;
        self.grid(meta)
    }

    fn create_from(&self, meta: &Meta, origin: &Origin) -> brickwork_core::Result<ChunkGrid> {
        self.try_create(meta, &Cut::of(&self.options, meta)?, Some(origin))?;
        self.grid(meta)
    }

    fn is_whole(&self, region: &Region) -> bool {
        let writing = self.writing.lock();
        writing
            .as_ref()
            .is_some_and(|writing| writing.is_all_written || writing.written.hold(&writing.grid, region))
    }

    fn grid(&self, meta: &Meta) -> brickwork_core::Result<ChunkGrid> {
        Ok(Cut::of(&self.options, meta)?.grid(&meta.shape).chunks)
    }

    fn write(&self, region: &Region, block: &Block) -> brickwork_core::Result<()> {
        Ok(self.try_write(region, block)?)
    }

    fn writer(&self) -> Option<Box<dyn SinkWriter>> {
        let writing = self.writing.lock().clone()?;
        Some(Box::new(writing.chunks.clone()?))
    }

    fn commit(&self) -> brickwork_core::Result<()> {
        Ok(self.try_commit()?)
    }

    fn settle(&self) {
        if let Some(journal) = self.journal.lock().take() {
            journal.settle();
        }
    }

    fn abort(&self) {
        // Part and new groups go when nobody holds them any more.
        *self.writing.lock() = None;
        *self.journal.lock() = None;
    }
}

#[cfg(test)]
#[path = "sink_tests.rs"]
mod tests;
