//! Writing Zarr 3 arrays to object stores.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use brickwork_core::{AxisRange, Block, ChunkGrid, Meta, Origin, Region, Sink};
use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use super::adapter::Codecs;
use super::grid::StoredGrid;
use super::hierarchy::{Node, read_node};
use super::metadata::parse_json;
use super::new_array::{Cut, NewArray, pipeline};
use super::store::{Store, join};
use crate::bytes::padded;
use crate::chunk_walk::{chunk_at, touched_chunks};
use crate::cloud::{Remote, Sent};
use crate::error::{Problem, Result};
use crate::journal::Purpose;
use crate::options::{GroupAttributes, SinkOptions};
use crate::uri::Location;
use crate::write_checks::{check_write, not_created};
use crate::written::WrittenChunks;

/// Chunks of one array that are on their way, and their bytes: whoever writes more waits for the first of them.
const MOST_SENT: usize = 16;
const MOST_SENT_BYTES: usize = 32 << 20;
/// What an unfinished array is made from, until the run is over.
const PURPOSE: &str = ".brickwork-unfinished";
/// The most bytes of it that are read.
const MOST_PURPOSE: u64 = 64 << 20;
/// What makes an array of objects below a prefix.
const METADATA: [&str; 4] = ["zarr.json", ".zarray", ".zattrs", ".zmetadata"];

/// Writes an array to a Zarr hierarchy in an object store.
///
/// Objects cannot be renamed together: chunks go to their places, and the metadata that make an array of them are
/// written when all of them are there. An array that is replaced is gone from the moment on at which its metadata are
/// removed, before the first chunk is written; [`Sink::lost`] says so if the run fails.
#[derive(Debug)]
pub struct ZarrObjectSink {
    location: Location,
    options: SinkOptions,
    remote: Remote,
    /// Attributes of groups, by their prefix.
    groups: Vec<(String, Map<String, Value>)>,
    writing: Mutex<Option<Arc<Writing>>>,
    has_replaced: AtomicBool,
    /// Whether there is an object that says what the array is made from.
    has_purpose: AtomicBool,
}

/// An array between `create` and `commit`.
#[derive(Debug)]
struct Writing {
    meta: Meta,
    grid: StoredGrid,
    metadata: Value,
    codecs: Codecs,
    sent: Mutex<VecDeque<(Sent, Vec<usize>, usize)>>,
    /// What an earlier run has left: an object is whole, or it is not there.
    written: WrittenChunks,
    is_published: bool,
}

impl ZarrObjectSink {
    /// A sink for an array in an object store: at the address itself, or at the path after `#`. Touches nothing.
    pub(crate) fn of(
        location: Location,
        options: &SinkOptions,
        groups: &[GroupAttributes],
    ) -> brickwork_core::Result<Self> {
        let fail = |problem: Problem| problem.at(&location.uri);
        let url = location.url.as_deref().unwrap_or_default();
        let remote = writable(url, "a Zarr array").map_err(fail)?;
        if let Some(codec) = &options.codec {
            pipeline(codec, brickwork_core::DType::F64).map_err(fail)?;
        }
        let mut attributes = Vec::new();
        for group in groups {
            let place = Location::parse(&group.uri)?;
            if place.url == location.url {
                attributes.push((place.inner, group.attributes.clone()));
            }
        }
        Ok(ZarrObjectSink {
            options: options.clone(),
            remote,
            groups: attributes,
            writing: Mutex::new(None),
            has_replaced: AtomicBool::new(false),
            has_purpose: AtomicBool::new(false),
            location,
        })
    }

    fn try_create(&self, meta: &Meta, cut: &Cut, origin: Option<&Origin>) -> Result<(), Problem> {
        let store = Store::Remote(self.remote.clone());
        let replaced = self.replaced(&store)?;
        self.check_groups(&store)?;
        let NewArray { metadata, codecs } = NewArray::of(meta, cut, &self.options, &replaced)?;
        let mut writing = Writing {
            meta: meta.clone(),
            grid: cut.grid(&meta.shape),
            metadata,
            codecs,
            sent: Mutex::default(),
            written: WrittenChunks::default(),
            is_published: false,
        };
        let metadata = writing.metadata.as_object().cloned().unwrap_or_default();
        let purpose = origin.map(|origin| Purpose::new("", origin, metadata));
        let left = self.left(purpose.as_ref())?;
        if left {
            writing.is_published = matches!(read_node(&store, &self.location.inner), Ok(Node::Array { .. }));
            writing.written = self.written_before(&writing)?;
        } else {
            self.make_room(&replaced)?;
            if let Some(purpose) = &purpose {
                let bytes = purpose.to_json().to_string().into_bytes();
                self.remote.write(&join(&self.location.inner, PURPOSE), bytes)?.finish()?;
            }
        }
        self.has_purpose.store(left || purpose.is_some(), Ordering::Relaxed);
        *self.writing.lock() = Some(Arc::new(writing));
        Ok(())
    }

    /// Whether an earlier run of this purpose is to be gone on with.
    fn left(&self, purpose: Option<&Purpose>) -> Result<bool, Problem> {
        let Some(purpose) = purpose.filter(|_| self.options.resume) else { return Ok(false) };
        let place = join(&self.location.inner, PURPOSE);
        let Some(begun) = self.remote.read(&place, MOST_PURPOSE)? else { return Ok(false) };
        purpose.check(&parse_json(&begun.bytes, PURPOSE)?)?;
        Ok(true)
    }

    /// The chunks that are there.
    fn written_before(&self, writing: &Writing) -> Result<WrittenChunks, Problem> {
        let mut written = WrittenChunks::default();
        if writing.meta.size() == 0 {
            return Ok(written);
        }
        let names = self.remote.lens(&self.location.inner)?;
        for number in 0..writing.grid.chunks.num_chunks() as u64 {
            let key = writing.codecs.chunk_key(&chunk_at(&writing.grid.chunks, number));
            if names.contains_key(&join(&self.location.inner, &key)) {
                written.insert(number);
            }
        }
        Ok(written)
    }

    /// Removes what is there, if that is allowed.
    fn make_room(&self, replaced: &Value) -> Result<(), Problem> {
        if !self.options.overwrite {
            return if self.check_names()? { Err(unfinished()) } else { Ok(()) };
        }
        self.has_replaced.store(!replaced.is_null(), Ordering::Relaxed);
        self.remove()
    }

    /// Removes metadata and chunks: the metadata first, without which nobody takes what is left for an array.
    fn remove(&self) -> Result<(), Problem> {
        let prefix = &self.location.inner;
        let below = self.remote.below(prefix)?;
        let is_metadata = |name: &&String| METADATA.contains(&name.as_str());
        for name in below.objects.iter().filter(is_metadata) {
            self.remote.remove(&join(prefix, name))?;
        }
        // The one chunk of an array without axes has the name that others have below.
        for name in below.objects.iter().filter(|name| is_chunk(name) || *name == PURPOSE) {
            self.remote.remove(&join(prefix, name))?;
        }
        for name in below.prefixes.iter().filter(|name| is_chunk(name)) {
            self.remote.remove_below(&join(prefix, name))?;
        }
        Ok(())
    }

    /// The metadata of the array that is to be replaced; null if there is none.
    fn replaced(&self, store: &Store) -> Result<Value, Problem> {
        let prefix = &self.location.inner;
        let misuse = |reason: String| Err(Problem::Misuse { reason });
        match read_node(store, prefix) {
            Ok(Node::Group { .. }) => {
                let slash = if prefix.is_empty() { "" } else { "/" };
                let url = self.location.url.as_deref().unwrap_or_default();
                misuse(format!("is a Zarr group; name an array in it: {url}#/{prefix}{slash}name"))
            }
            // Who resumes may find what was published by the run that was killed.
            Ok(Node::Array { metadata, .. }) if self.options.overwrite || self.is_unfinished()? => {
                self.check_names().map(|_| metadata)
            }
            Ok(Node::Array { .. }) => Err(Problem::exists(self.options.resume)),
            Ok(Node::Nothing) => match self.check_names()? {
                false => Ok(Value::Null),
                true if self.options.overwrite || self.is_unfinished()? => Ok(Value::Null),
                true => Err(unfinished()),
            },
            // An array whose metadata are damaged may be replaced.
            Err(Problem::Corrupt { .. }) if self.options.overwrite => self.check_names().map(|_| json!({})),
            Err(problem) => Err(problem),
        }
    }

    /// Whether a run is resumed that was killed before its end.
    fn is_unfinished(&self) -> Result<bool, Problem> {
        Ok(self.options.resume && self.remote.stamp(&join(&self.location.inner, PURPOSE))?.is_some())
    }

    /// Whether there is anything. Fails if there is something that belongs to no array.
    fn check_names(&self) -> Result<bool, Problem> {
        let names = self.remote.names(&self.location.inner)?;
        let is_known =
            |name: &&String| is_chunk(name) || METADATA.contains(&name.as_str()) || *name == PURPOSE;
        match names.iter().find(|name| !is_known(name)) {
            Some(name) => {
                let reason = format!(
                    "holds {name:?}, and maybe more that is no part of an array; it is not overwritten, choose another \
                     name"
                );
                Err(Problem::Misuse { reason })
            }
            None => Ok(!names.is_empty()),
        }
    }

    /// The prefixes of the groups above the array, outermost first.
    fn group_prefixes(&self) -> Vec<String> {
        let names: Vec<&str> = self.location.inner.split('/').filter(|name| !name.is_empty()).collect();
        (0..names.len()).map(|count| names[..count].join("/")).collect()
    }

    fn check_groups(&self, store: &Store) -> Result<(), Problem> {
        for prefix in self.group_prefixes() {
            let reason = match read_node(store, &prefix)? {
                Node::Array { .. } => "is an array; it cannot hold another one",
                Node::Group { version: 2, .. } => {
                    "is of Zarr version 2; write into a store of version 3, or a new one"
                }
                _ => continue,
            };
            let url = self.location.url.as_deref().unwrap_or_default();
            return Err(Problem::Misuse { reason: format!("{} {reason}", join(url, &prefix)) });
        }
        Ok(())
    }

    fn try_write(&self, region: &Region, block: &Block) -> Result<(), Problem> {
        let Some(writing) = self.writing.lock().clone() else { return Err(not_created()) };
        check_write(&writing.meta, region, block)?;
        for touched in touched_chunks(&writing.grid.chunks, region) {
            if touched.wanted != touched.region {
                let reason =
                    format!("region {region} cuts chunk {:?}, which holds {}", touched.at, touched.region);
                return Err(Problem::Misuse { reason });
            }
            let positions = touched.region.axes().iter().zip(region.axes());
            let positions =
                positions.map(|(chunk, region)| AxisRange::new(chunk.start - region.start, chunk.len));
            let part = block.slice(&Region::new(positions.collect()));
            let shape = writing.grid.stored_shape(&touched.at);
            let whole = padded(&part, &shape);
            let broken = |error| Problem::Chunk {
                chunk: touched.at.clone(),
                reason: format!("cannot be encoded: {error}"),
            };
            let encoded =
                writing.codecs.encode(whole.as_bytes().unwrap_or_default(), &shape).map_err(broken)?;
            let nbytes = encoded.len();
            let key = join(&self.location.inner, &writing.codecs.chunk_key(&touched.at));
            while let Some(first) = writing.overdue(nbytes) {
                arrived(first)?;
            }
            let sent = self.remote.write(&key, encoded)?;
            writing.sent.lock().push_back((sent, touched.at, nbytes));
        }
        Ok(())
    }

    fn try_commit(&self) -> Result<(), Problem> {
        let writing = self.writing.lock().clone().ok_or_else(not_created)?;
        let sent = std::mem::take(&mut *writing.sent.lock());
        sent.into_iter().try_for_each(arrived)?;
        self.write_json(&self.location.inner, &writing.metadata)?;
        // Readers find the array by its groups; these are announced when there is something in them.
        for prefix in self.group_prefixes() {
            let group = self.groups.iter().find(|(group, _)| *group == prefix);
            self.announce(&prefix, group.map(|(_, attributes)| attributes))?;
        }
        *self.writing.lock() = None;
        self.has_replaced.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Makes a prefix a group, gives it attributes, and drops a listing of what is in it that has become wrong.
    fn announce(&self, prefix: &str, attributes: Option<&Map<String, Value>>) -> Result<(), Problem> {
        let found = Store::Remote(self.remote.clone()).read(&join(prefix, "zarr.json"))?;
        let found = found.map(|found| parse_json(&found.bytes, "zarr.json")).transpose()?;
        match super::sink::group_json(found.clone(), attributes) {
            metadata if found.as_ref() == Some(&metadata) => Ok(()),
            metadata => self.write_json(prefix, &metadata),
        }
    }

    fn write_json(&self, prefix: &str, value: &Value) -> Result<(), Problem> {
        let text = serde_json::to_vec_pretty(value)
            .map_err(|error| Problem::Misuse { reason: format!("zarr.json cannot be written: {error}") })?;
        self.remote.write(&join(prefix, "zarr.json"), text)?.finish()
    }
}

fn unfinished() -> Problem {
    let reason = "holds chunks and no metadata: whoever wrote it has failed, or is not done; resume that run, allow \
                  overwriting it, or choose another name";
    Problem::Misuse { reason: reason.into() }
}

/// Whether chunks have such a name, or begin with it: `c` of version 3, `0` and `0.0` of version 2.
fn is_chunk(name: &str) -> bool {
    name == "c"
        || name.split('.').all(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

/// A place in a store that takes objects.
pub(super) fn writable(url: &str, what: &'static str) -> Result<Remote, Problem> {
    let scheme = url.split("://").next().unwrap_or_default().to_owned();
    if scheme == "http" || scheme == "https" {
        let help = "web servers are only read; write to a path or an object store (s3://, gs://, az://)";
        return Err(Problem::NotWritten { what, scheme, help });
    }
    if super::store::is_zip(url) {
        let help = "zip files are only read; leave out .zip";
        return Err(Problem::NotWritten { what, scheme, help });
    }
    Remote::open(url)
}

impl Writing {
    /// The chunk that has been on its way for longest, if there is no room for another one.
    fn overdue(&self, nbytes: usize) -> Option<(Sent, Vec<usize>, usize)> {
        let mut sent = self.sent.lock();
        let on_the_way: usize = sent.iter().map(|(_, _, nbytes)| nbytes).sum();
        if sent.len() < MOST_SENT && (sent.is_empty() || on_the_way + nbytes <= MOST_SENT_BYTES) {
            return None;
        }
        sent.pop_front()
    }
}

fn arrived((sent, at, _): (Sent, Vec<usize>, usize)) -> Result<(), Problem> {
    sent.finish().map_err(|problem| match problem {
        Problem::Store { .. } => Problem::Chunk { chunk: at, reason: problem.to_string() },
        problem => problem,
    })
}

impl Sink for ZarrObjectSink {
    fn uri(&self) -> String {
        self.location.uri.clone()
    }

    fn create(&self, meta: &Meta) -> brickwork_core::Result<ChunkGrid> {
        let cut = Cut::of(&self.options, meta)?;
        self.try_create(meta, &cut, None).map_err(|problem| problem.at(&self.location.uri))?;
        self.grid(meta)
    }

    fn create_from(&self, meta: &Meta, origin: &Origin) -> brickwork_core::Result<ChunkGrid> {
        let cut = Cut::of(&self.options, meta)?;
        self.try_create(meta, &cut, Some(origin)).map_err(|problem| problem.at(&self.location.uri))?;
        self.grid(meta)
    }

    fn is_whole(&self, region: &Region) -> bool {
        let writing = self.writing.lock();
        writing
            .as_ref()
            .is_some_and(|writing| writing.is_published || writing.written.hold(&writing.grid.chunks, region))
    }

    fn grid(&self, meta: &Meta) -> brickwork_core::Result<ChunkGrid> {
        Ok(Cut::of(&self.options, meta)?.grid(&meta.shape).chunks)
    }

    fn write(&self, region: &Region, block: &Block) -> brickwork_core::Result<()> {
        Ok(self.try_write(region, block).map_err(|problem| problem.at(&self.location.uri))?)
    }

    fn commit(&self) -> brickwork_core::Result<()> {
        Ok(self.try_commit().map_err(|problem| problem.at(&self.location.uri))?)
    }

    fn settle(&self) {
        if self.has_purpose.load(Ordering::Relaxed) {
            // The array is there; an object too many does no harm.
            let _ = self.remote.remove(&join(&self.location.inner, PURPOSE));
        }
    }

    fn abort(&self) {
        let Some(writing) = self.writing.lock().take() else { return };
        // What is on its way is given up, or arrives before its removal.
        for (sent, ..) in std::mem::take(&mut *writing.sent.lock()) {
            let _ = sent.finish();
        }
        if self.options.resume {
            return;
        }
        // There is nobody left to tell; without metadata what stays is no array.
        let _ = self.remove();
    }

    fn lost(&self) -> Option<String> {
        self.has_replaced.load(Ordering::Relaxed).then(|| {
            let uri = &self.location.uri;
            format!(
                "{uri}: the array that was there is gone: it had to make room before the new one was written"
            )
        })
    }
}
