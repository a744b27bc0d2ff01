//! Open files, kept for the next read: at most so many, the one not used for longest goes first.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::error::{Problem, Result};
use crate::uri::is_url;

/// What tells that a file has not changed: its length and when it was last written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct FileStamp {
    /// Bytes.
    pub len: u64,
    /// Nanoseconds since 1970; negative before.
    pub modified: i64,
    /// What an object store knows this version of an object by; 0 for files.
    pub tag: u64,
}

impl FileStamp {
    pub fn of(metadata: &Metadata) -> Self {
        let nanoseconds =
            |duration: std::time::Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        let modified = match metadata.modified().map(|time| time.duration_since(UNIX_EPOCH)) {
            Ok(Ok(since)) => nanoseconds(since),
            Ok(Err(before)) => -nanoseconds(before.duration()),
            // A file system without times: the length has to do.
            Err(_) => 0,
        };
        FileStamp { len: metadata.len(), modified, tag: 0 }
    }

    /// The stamp of what is at a path now.
    pub fn at(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|metadata| FileStamp::of(&metadata))
    }

    /// In words that are equal for equal stamps alone.
    pub fn version(&self) -> String {
        let FileStamp { len, modified, tag } = self;
        let (seconds, rest) = (modified.div_euclid(1_000_000_000), modified.rem_euclid(1_000_000_000));
        let tag = if *tag == 0 { String::new() } else { format!(", tag {tag:x}") };
        format!("{len} bytes of {seconds}.{rest:09} s since 1970{tag}")
    }

    /// Fails unless the path still has this stamp.
    pub fn check(&self, uri: &str, path: &Path) -> Result<()> {
        let now = FileStamp::at(path).map_err(|error| Problem::os("look at the file", error).at(uri))?;
        self.check_same(now).map_err(|problem| problem.at(uri))
    }

    /// Fails unless another stamp is the same.
    pub fn check_same(&self, now: FileStamp) -> Result<(), Problem> {
        // Where versions have names, these tell; times may come in whole seconds here and in parts of them there.
        let is_same = match (self.tag, now.tag) {
            (0, _) | (_, 0) => self.modified == now.modified,
            (tag, other) => tag == other,
        };
        if is_same && self.len == now.len {
            return Ok(());
        }
        let change = if now.len != self.len {
            format!("it had {} bytes and has {}", self.len, now.len)
        } else {
            "it was written again".to_owned()
        };
        Err(Problem::Changed { change })
    }
}

/// Open things by path and stamp. A process-wide table; whoever uses one holds it by `Arc`, so that it may be
/// pushed out meanwhile.
pub(crate) struct HandleCache<V> {
    capacity: usize,
    table: Mutex<Option<Table<V>>>,
}

struct Table<V> {
    clock: u64,
    entries: HashMap<String, Entry<V>>,
}

struct Entry<V> {
    stamp: FileStamp,
    used: u64,
    value: Arc<V>,
}

impl<V> HandleCache<V> {
    /// A table that keeps at most `capacity` of them.
    pub const fn new(capacity: usize) -> Self {
        HandleCache { capacity, table: Mutex::new(None) }
    }

    /// What is kept for a path or URL, or what `open` gives. Checks that a file still has its stamp.
    #[cfg_attr(not(any(feature = "hdf5", feature = "npy")), allow(dead_code, reason = "of files alone"))]
    pub fn get(
        &self,
        uri: &str,
        path: &str,
        stamp: FileStamp,
        open: impl FnOnce() -> Result<V>,
    ) -> Result<Arc<V>> {
        self.get_at(uri, path, path, stamp, open)
    }

    /// What is kept for a path or URL, without a look at the file: for plans, which whoever reads by them checks.
    #[cfg_attr(not(feature = "hdf5"), allow(dead_code, reason = "of HDF5 alone"))]
    pub fn known(&self, path: &str, stamp: FileStamp) -> Option<Arc<V>> {
        let table = self.table.lock();
        let entry =
            table.as_ref()?.entries.get(&*versioned(path, path)).filter(|entry| entry.stamp == stamp)?;
        Some(entry.value.clone())
    }

    /// [`HandleCache::get`] of one of several things in the file at `path`, kept by `name`.
    pub fn get_at(
        &self,
        uri: &str,
        path: &str,
        name: &str,
        stamp: FileStamp,
        open: impl FnOnce() -> Result<V>,
    ) -> Result<Arc<V>> {
        // What a store gives is compared with the stamp whenever it is read.
        if !is_url(path) {
            stamp.check(uri, Path::new(path))?;
        }
        let name = &*versioned(path, name);
        if let Some(table) = self.table.lock().as_mut() {
            table.clock += 1;
            let clock = table.clock;
            if let Some(entry) = table.entries.get_mut(name).filter(|entry| entry.stamp == stamp) {
                entry.used = clock;
                return Ok(entry.value.clone());
            }
        }
        // Opened without the lock: another thread may open it too, which does no harm.
        let value = Arc::new(open()?);
        let mut pushed_out = Vec::new();
        let mut guard = self.table.lock();
        let table = guard.get_or_insert_with(|| Table { clock: 0, entries: HashMap::new() });
        while table.entries.len() >= self.capacity && !table.entries.contains_key(name) {
            let Some(oldest) =
                table.entries.iter().min_by_key(|(_, entry)| entry.used).map(|(name, _)| name.clone())
            else {
                break;
            };
            pushed_out.extend(table.entries.remove(&oldest));
        }
        table.clock += 1;
        let entry = Entry { stamp, used: table.clock, value: value.clone() };
        pushed_out.extend(table.entries.insert(name.to_owned(), entry));
        drop(guard);
        // Files are closed here, where nobody waits for the lock.
        drop(pushed_out);
        Ok(value)
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.table.lock().as_ref().map_or(0, |table| table.entries.len())
    }
}

/// The name of something at a path or URL, another one when a URL leads to another store than before.
fn versioned<'a>(path: &str, name: &'a str) -> Cow<'a, str> {
    match is_url(path) {
        true => format!("{name}@{}", generation(path)).into(),
        false => name.into(),
    }
}

/// Changes when a URL leads to another store than before.
fn generation(url: &str) -> u64 {
    #[cfg(feature = "cloud")]
    return crate::cloud::generation(url);
    #[cfg(not(feature = "cloud"))]
    {
        let _ = url;
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_not_used_for_longest_goes() {
        let directory = tempfile::tempdir().unwrap();
        let cache: HandleCache<usize> = HandleCache::new(3);
        let paths: Vec<String> = (0..5)
            .map(|i| {
                let path = directory.path().join(i.to_string());
                fs::write(&path, b"x").unwrap();
                path.to_str().unwrap().to_owned()
            })
            .collect();
        let mut opened = 0;
        let mut get = |i: usize| {
            let stamp = FileStamp::at(Path::new(&paths[i])).unwrap();
            let value = cache.get("u", &paths[i], stamp, || {
                opened += 1;
                Ok(i)
            });
            assert_eq!(*value.unwrap(), i);
        };
        for i in [0, 1, 2, 0, 3, 0, 1] {
            get(i);
        }
        // 1 was pushed out by 3, and 2 by the second 1.
        assert_eq!(opened, 5);
        assert_eq!(cache.len(), 3);
    }

    #[test]
    fn a_changed_file_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x");
        fs::write(&path, b"abc").unwrap();
        let stamp = FileStamp::at(&path).unwrap();
        fs::write(&path, b"abcd").unwrap();
        let error = stamp.check("x.npy", &path).unwrap_err();
        let expected = "x.npy: has changed since it was opened (it had 3 bytes and has 4); open it again";
        assert_eq!(error.to_string(), expected);
        fs::remove_file(&path).unwrap();
        assert!(stamp.check("x.npy", &path).unwrap_err().to_string().contains("no such file"));
    }
}
