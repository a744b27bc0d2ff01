//! Requests to a store: so many at a time, tried again where that may help.

use std::collections::HashMap;
use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use object_store::path::{Path, PathPart};
use object_store::{GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt, PutPayload};
use tokio::sync::Semaphore;

use super::problem::{Scheme, explain, may_pass};
use super::runtime::{Promise, wait};
use super::stores;
use crate::error::Problem;
use crate::handles::FileStamp;

/// The most requests that this process has under way at once.
pub const MAX_REQUESTS: usize = 32;

/// How often an answer that broke off is asked for again, and the first pause before that.
const TRIES: u32 = 7;
const FIRST_PAUSE: Duration = Duration::from_millis(50);

static IN_FLIGHT: Semaphore = Semaphore::const_new(MAX_REQUESTS);

/// A place in a store, below which keys are.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) root: Path,
    pub(super) scheme: Scheme,
}

/// Bytes of an object, and what tells whether it has changed.
#[derive(Debug)]
pub(crate) struct Stored {
    pub bytes: Vec<u8>,
    pub stamp: FileStamp,
}

/// Bytes that have been asked for; `None` if there is no such object.
#[derive(Debug)]
pub(crate) struct Fetch(Promise<Option<Stored>>);

impl Fetch {
    /// Waits for them.
    pub fn finish(self) -> Result<Option<Stored>, Problem> {
        self.0.wait()
    }
}

/// Something under way that gives nothing but word of its end.
#[derive(Debug)]
pub(crate) struct Sent(Promise<()>);

impl Sent {
    /// Waits for its end.
    pub fn finish(self) -> Result<(), Problem> {
        self.0.wait()
    }
}

/// Names directly below a prefix: of objects, and of what has objects below it.
#[derive(Debug, Default)]
pub(crate) struct Below {
    pub objects: Vec<String>,
    pub prefixes: Vec<String>,
}

/// A part of an object that an index in the object tells.
pub(crate) trait Located: Send + Sync + 'static {
    /// Where it lies, if the index is known.
    fn known(&self) -> Result<Option<Place>, Problem>;
    /// Where the index lies in an object of so many bytes.
    fn index(&self, len: u64) -> Result<Range<u64>, Problem>;
    /// Takes the index in; where the part lies.
    fn learn(&self, index: Stored) -> Result<Place, Problem>;
    /// Forgets the index: the object has changed.
    fn forget(&self);
}

/// Where a part lies.
#[derive(Debug)]
pub(crate) struct Place {
    /// Its bytes; `None` if the object does not hold it.
    pub range: Option<Range<u64>>,
    /// Of the object that the index is of.
    pub stamp: FileStamp,
}

/// One of a few locks, the same for the same object: others wait for whoever asks for its index.
fn index_lock(name: &str) -> &'static tokio::sync::Mutex<()> {
    static LOCKS: [tokio::sync::Mutex<()>; 64] = [const { tokio::sync::Mutex::const_new(()) }; 64];
    &LOCKS[(xxhash_rust::xxh3::xxh3_64(name.as_bytes()) % LOCKS.len() as u64) as usize]
}

impl Remote {
    /// The place that a URL names. Touches nothing.
    pub fn open(url: &str) -> Result<Self, Problem> {
        stores::open(url)
    }

    /// What kind of store this is.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Tells places apart in this process.
    pub fn identity(&self) -> String {
        format!("{:p}/{}", Arc::as_ptr(&self.store), self.root)
    }

    /// Names below the root are taken letter by letter; none leads out of it.
    fn path(&self, key: &str) -> Path {
        let names = key.split('/').filter(|name| !name.is_empty());
        let names = names.map(|name| PathPart::parse(name).unwrap_or_else(|_| PathPart::from(name)));
        self.root.parts().chain(names).collect()
    }

    /// Asks for an object or a range of its bytes.
    pub fn fetch(&self, key: &str, range: Option<Range<u64>>) -> Result<Fetch, Problem> {
        self.fetch_at_most(key, range, u64::MAX)
    }

    /// [`Remote::fetch`] of what has at most so many bytes.
    pub fn fetch_at_most(&self, key: &str, range: Option<Range<u64>>, most: u64) -> Result<Fetch, Problem> {
        let (remote, path) = (self.clone(), self.path(key));
        Promise::start(async move { remote.get(&path, range, most).await }).map(Fetch)
    }

    /// Asks for a part of an object that an index in the object tells. The index is asked for once, even if several
    /// parts are wanted before it is there. `None` if there is no such object, or no such part.
    pub fn fetch_part(&self, key: &str, part: impl Located) -> Result<Fetch, Problem> {
        let (remote, path) = (self.clone(), self.path(key));
        let name = format!("{}/{key}", self.identity());
        let fetch = async move {
            // An object that is replaced between two requests is asked for once more.
            for _ in 0..2 {
                let Some(place) = remote.locate(&name, &path, &part).await? else { return Ok(None) };
                let Some(range) = place.range else { return Ok(None) };
                let found = remote.get(&path, Some(range), u64::MAX).await?;
                match found {
                    Some(found) if place.stamp.check_same(found.stamp).is_ok() => return Ok(Some(found)),
                    _ => part.forget(),
                }
            }
            let change = format!("{path} is written again and again");
            Err(Problem::Changed { change })
        };
        Promise::start(fetch).map(Fetch)
    }

    async fn locate(&self, name: &str, path: &Path, part: &impl Located) -> Result<Option<Place>, Problem> {
        if let Some(place) = part.known()? {
            return Ok(Some(place));
        }
        let _first = index_lock(name).lock().await;
        if let Some(place) = part.known()? {
            return Ok(Some(place));
        }
        let index = self.get_index(path, part).await?;
        index.map(|index| part.learn(index)).transpose()
    }

    async fn get_index(&self, path: &Path, part: &impl Located) -> Result<Option<Stored>, Problem> {
        let head = || {
            let (store, path) = (self.store.clone(), path.clone());
            async move { store.head(&path).await }
        };
        let len = match self.persist(&format!("look at {path}"), head).await {
            Ok(meta) => meta.size,
            Err(Problem::NoObject { .. }) => return Ok(None),
            Err(problem) => return Err(problem),
        };
        self.get(path, Some(part.index(len)?), u64::MAX).await
    }

    async fn get(
        &self,
        path: &Path,
        range: Option<Range<u64>>,
        most: u64,
    ) -> Result<Option<Stored>, Problem> {
        let action = match &range {
            Some(range) => format!("read bytes {} to {} of {path}", range.start, range.end),
            None => format!("read {path}"),
        };
        let get = || {
            let (store, path, range) = (self.store.clone(), path.clone(), range.clone());
            async move {
                let options = GetOptions { range: range.map(Into::into), ..GetOptions::default() };
                let result = store.get_opts(&path, options).await?;
                let stamp = stamp_of(&result.meta);
                let length = result.range.end - result.range.start;
                if length > most {
                    return Ok((Bytes::new(), stamp, length));
                }
                Ok((result.bytes().await?, stamp, length))
            }
        };
        let (bytes, stamp, length) = match self.persist(&action, get).await {
            Err(Problem::NoObject { .. }) => return Ok(None),
            answer => answer?,
        };
        if length > most {
            return Err(Problem::corrupt(path.to_string(), format!("it is longer than {most} bytes")));
        }
        let wanted = range.as_ref().map_or(length, |range| range.end - range.start);
        if bytes.len() as u64 != wanted {
            let (needed, present) = (wanted, bytes.len() as u64);
            return Err(Problem::Truncated { what: format!("an answer for {path}"), needed, present });
        }
        Ok(Some(Stored { bytes: bytes.into(), stamp }))
    }

    /// A whole object that has at most so many bytes; `None` if there is none.
    pub fn read(&self, key: &str, most: u64) -> Result<Option<Stored>, Problem> {
        self.fetch_at_most(key, None, most)?.finish()
    }

    /// What tells whether an object has changed, its length first; `None` if there is none.
    pub fn stamp(&self, key: &str) -> Result<Option<FileStamp>, Problem> {
        let (remote, path) = (self.clone(), self.path(key));
        wait(async move {
            let head = || {
                let (store, path) = (remote.store.clone(), path.clone());
                async move { store.head(&path).await }
            };
            match remote.persist(&format!("look at {path}"), head).await {
                Ok(meta) => Ok(Some(stamp_of(&meta))),
                Err(Problem::NoObject { .. }) => Ok(None),
                Err(problem) => Err(problem),
            }
        })
    }

    /// Writes an object, or replaces it in one step.
    pub fn write(&self, key: &str, bytes: Vec<u8>) -> Result<Sent, Problem> {
        let (remote, path) = (self.clone(), self.path(key));
        let bytes = Bytes::from(bytes);
        let send = async move {
            let put = || {
                let (store, path, payload) =
                    (remote.store.clone(), path.clone(), PutPayload::from(bytes.clone()));
                async move { store.put(&path, payload).await }
            };
            remote.persist(&format!("write {path}"), put).await.map(|_| ())
        };
        Promise::start(send).map(Sent)
    }

    /// Removes an object, if it is there.
    pub fn remove(&self, key: &str) -> Result<(), Problem> {
        let (remote, path) = (self.clone(), self.path(key));
        wait(async move {
            let delete = || {
                let (store, path) = (remote.store.clone(), path.clone());
                async move { store.delete(&path).await }
            };
            match remote.persist(&format!("remove {path}"), delete).await {
                Ok(()) | Err(Problem::NoObject { .. }) => Ok(()),
                Err(problem) => Err(problem),
            }
        })
    }

    /// Removes everything below a prefix. What is below other names that begin alike stays.
    pub fn remove_below(&self, prefix: &str) -> Result<(), Problem> {
        let (remote, path) = (self.clone(), self.path(prefix));
        wait(async move {
            let remove = || {
                let (store, path) = (remote.store.clone(), path.clone());
                async move {
                    let found = store.list(Some(&path)).map_ok(|object| object.location).boxed();
                    let mut removed = store.delete_stream(found);
                    while let Some(result) = removed.next().await {
                        match result {
                            Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                            Err(error) => return Err(error),
                        }
                    }
                    Ok(())
                }
            };
            remote.persist(&format!("remove what is below {path}"), remove).await
        })
    }

    /// Few web servers list what they have, and in no common form.
    fn check_lists(&self) -> Result<(), Problem> {
        if self.scheme != Scheme::Http {
            return Ok(());
        }
        let (action, reason) = ("list".to_owned(), "web servers do not tell what they have".to_owned());
        Err(Problem::Store { action, reason })
    }

    /// The names directly below a prefix, sorted: of objects and of what has objects below it.
    pub fn names(&self, prefix: &str) -> Result<Vec<String>, Problem> {
        let Below { mut objects, prefixes } = self.below(prefix)?;
        objects.extend(prefixes);
        objects.sort();
        objects.dedup();
        Ok(objects)
    }

    /// What is directly below a prefix.
    pub fn below(&self, prefix: &str) -> Result<Below, Problem> {
        self.check_lists()?;
        let (remote, path) = (self.clone(), self.path(prefix));
        wait(async move {
            let list = || {
                let (store, path) = (remote.store.clone(), path.clone());
                async move { store.list_with_delimiter(Some(&path)).await }
            };
            let found = remote.persist(&format!("list {path}"), list).await?;
            let name = |path: &Path| path.filename().map(str::to_owned);
            Ok(Below {
                objects: found.objects.iter().filter_map(|object| name(&object.location)).collect(),
                prefixes: found.common_prefixes.iter().filter_map(name).collect(),
            })
        })
    }

    /// The lengths of all objects below a prefix, by their keys.
    pub fn lens(&self, prefix: &str) -> Result<HashMap<String, u64>, Problem> {
        self.check_lists()?;
        let (remote, path) = (self.clone(), self.path(prefix));
        let root = self.root.as_ref().len() + usize::from(!self.root.as_ref().is_empty());
        wait(async move {
            let list = || {
                let (store, path) = (remote.store.clone(), path.clone());
                async move {
                    let lens = store.list(Some(&path)).map_ok(|object| {
                        let key = object.location.as_ref().get(root..).unwrap_or_default();
                        (key.to_owned(), object.size)
                    });
                    lens.try_collect().await
                }
            };
            remote.persist(&format!("list {path}"), list).await
        })
    }

    /// Whether there is any object below a prefix.
    pub fn holds_anything(&self, prefix: &str) -> Result<bool, Problem> {
        self.check_lists()?;
        let (remote, path) = (self.clone(), self.path(prefix));
        wait(async move {
            let first = || {
                let (store, path) = (remote.store.clone(), path.clone());
                async move { store.list(Some(&path)).next().await.transpose() }
            };
            Ok(remote.persist(&format!("list {path}"), first).await?.is_some())
        })
    }

    /// Makes a request when it is its turn, and again while an answer breaks off.
    async fn persist<T, F>(&self, action: &str, request: impl Fn() -> F) -> Result<T, Problem>
    where
        F: Future<Output = object_store::Result<T>>,
    {
        let mut pause = FIRST_PAUSE;
        for attempt in 1.. {
            let answer = {
                let _turn = IN_FLIGHT.acquire().await;
                request().await
            };
            match answer {
                Ok(value) => return Ok(value),
                Err(error) if attempt < TRIES && may_pass(&error) => {
                    tokio::time::sleep(pause + jitter(pause)).await;
                    pause *= 2;
                }
                Err(error) => return Err(explain(action, self.scheme, error)),
            }
        }
        Err(Problem::Misuse { reason: "a request was never made".into() })
    }
}

/// Up to half a pause more, so that those who were cut off together do not come back together.
fn jitter(pause: Duration) -> Duration {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    pause.mul_f64((number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f64 / (1_u64 << 25) as f64)
}

fn stamp_of(meta: &ObjectMeta) -> FileStamp {
    FileStamp {
        len: meta.size,
        modified: meta.last_modified.timestamp_nanos_opt().unwrap_or(0),
        tag: meta.e_tag.as_deref().map_or(0, |tag| {
            // Stable from process to process, unlike the hashes of collections.
            tag.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            })
        }),
    }
}
