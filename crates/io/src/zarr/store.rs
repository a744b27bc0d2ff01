//! Where the files of a Zarr hierarchy are: in a directory, in a zip file, in other files that a reference file leads to,
//! or in an object store.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::metadata::MAX_METADATA;
use super::references::{self, Part, References, Referred};
#[cfg(feature = "cloud")]
use crate::cloud::{Fetch, Remote, RemoteObject};
use crate::error::Problem;
use crate::handles::FileStamp;
use crate::read_at::LocalFile;
use crate::uri::is_url;
use crate::zip::{Entry, ZipArchive};

/// A place below which keys such as `t/zarr.json` and `t/c/0/1` lead to bytes. No key leads out of it.
#[derive(Debug, Clone)]
pub(super) enum Store {
    Directory(PathBuf),
    Zip(Arc<ZipArchive>),
    References(Arc<References>),
    #[cfg(feature = "cloud")]
    Remote(Remote),
}

/// A metadata file, and what tells whether it has changed.
#[derive(Debug)]
pub(super) struct Found {
    pub bytes: Vec<u8>,
    pub stamp: FileStamp,
}

/// A chunk that is at hand: nobody waits for a network to read it.
#[derive(Debug)]
pub(super) enum StoredChunk {
    File(File),
    Entry(Arc<ZipArchive>, Entry),
    Part(Part),
    /// What had to be unpacked to be read in part.
    Bytes(Vec<u8>),
}

/// The name of a file below a prefix.
pub(super) fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") }
}

/// Whether the store at a path or an address answers through a network, object by object.
pub(super) fn is_remote(root: &str) -> bool {
    is_url(root) && !is_zip(root) && !references::are_at(root)
}

/// Whether an address is that of a zip file.
pub(super) fn is_zip(url: &str) -> bool {
    url.split('?').next().is_some_and(|place| place.to_ascii_lowercase().ends_with(".zip"))
}

impl Store {
    /// The store at a path or an address.
    ///
    /// # Errors
    /// If there is nothing at a path, or something else than a directory, a zip file or a reference file.
    pub fn open(root: &str) -> Result<Self, Problem> {
        if references::are_at(root) && !Path::new(root).is_dir() {
            return References::open(root).map(Store::References);
        }
        if is_url(root) {
            return Store::open_url(root);
        }
        let path = Path::new(root);
        let metadata = fs::metadata(path).map_err(|error| Problem::os("open the directory", error))?;
        if metadata.is_dir() {
            return Ok(Store::Directory(path.to_owned()));
        }
        let file = LocalFile::open(path).map_err(|error| Problem::os("open the file", error))?;
        let archive = ZipArchive::open(Arc::new(file), FileStamp::of(&metadata))?;
        Ok(Store::Zip(Arc::new(archive)))
    }

    #[cfg(feature = "cloud")]
    fn open_url(url: &str) -> Result<Self, Problem> {
        if is_zip(url) {
            let object = RemoteObject::open(url)?;
            let stamp = object.stamp();
            return Ok(Store::Zip(Arc::new(ZipArchive::open(Arc::new(object), stamp)?)));
        }
        Remote::open(url).map(Store::Remote)
    }

    #[cfg(not(feature = "cloud"))]
    fn open_url(url: &str) -> Result<Self, Problem> {
        let scheme = url.split("://").next().unwrap_or_default().to_owned();
        Err(Problem::Scheme { scheme })
    }

    /// Whether its files are asked for through a network, one by one.
    pub fn is_remote(&self) -> bool {
        #[cfg(feature = "cloud")]
        return matches!(self, Store::Remote(_));
        #[cfg(not(feature = "cloud"))]
        false
    }

    /// Whether what is below a prefix is fetched through a network, though the store itself is at hand.
    pub fn is_distant(&self, prefix: &str) -> bool {
        match self {
            Store::References(references) => references.are_distant(prefix),
            _ => false,
        }
    }

    /// The whole of a metadata file; `None` if there is no such file.
    pub fn read(&self, key: &str) -> Result<Option<Found>, Problem> {
        let name = key.rsplit('/').next().unwrap_or(key);
        match self {
            Store::Directory(root) => {
                let file = match File::open(root.join(key)) {
                    Ok(file) => file,
                    Err(error)
                        if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
                    {
                        return Ok(None);
                    }
                    Err(error) => return Err(Problem::os(format!("read {name}"), error)),
                };
                let failed = |error| Problem::os(format!("read {name}"), error);
                let stamp = FileStamp::of(&file.metadata().map_err(failed)?);
                let mut bytes = Vec::new();
                file.take(MAX_METADATA + 1).read_to_end(&mut bytes).map_err(failed)?;
                if bytes.len() as u64 > MAX_METADATA {
                    return Err(Problem::corrupt(name, format!("it is longer than {MAX_METADATA} bytes")));
                }
                Ok(Some(Found { bytes, stamp }))
            }
            Store::Zip(archive) => {
                let Some(entry) = archive.entry(key) else { return Ok(None) };
                if entry.len() > MAX_METADATA {
                    return Err(Problem::corrupt(name, format!("it is longer than {MAX_METADATA} bytes")));
                }
                Ok(Some(Found { bytes: archive.read(&entry)?, stamp: archive.stamp() }))
            }
            Store::References(references) => match references.get(key)? {
                Some(found) => Ok(Some(Found { bytes: found.metadata(name)?, stamp: references.stamp() })),
                None => Ok(None),
            },
            #[cfg(feature = "cloud")]
            Store::Remote(remote) => found(remote.read(key, MAX_METADATA)?),
        }
    }

    /// Writes a metadata file, in one step.
    ///
    /// # Errors
    /// If the store is only read, or refuses it.
    pub fn write(&self, key: &str, value: &serde_json::Value) -> Result<(), Problem> {
        match self {
            Store::Directory(root) => super::sink::write_json(&root.join(key), value),
            Store::Zip(_) => {
                Err(Problem::Misuse { reason: "is a zip file, which is only read; unpack it first".into() })
            }
            Store::References(_) => Err(Problem::Misuse {
                reason: "is a reference file, which is only read; copy it first".into(),
            }),
            #[cfg(feature = "cloud")]
            Store::Remote(remote) => remote.write(key, value.to_string().into_bytes())?.finish(),
        }
    }

    /// Metadata files of a prefix, asked for together where that saves waiting.
    pub fn together<'a>(&'a self, prefix: &str, names: &[&'static str]) -> Result<Together<'a>, Problem> {
        #[cfg(feature = "cloud")]
        if let Store::Remote(remote) = self {
            let start = |&name| Ok((name, remote.fetch_at_most(&join(prefix, name), None, MAX_METADATA)?));
            let started = names.iter().map(start).collect::<Result<_, Problem>>()?;
            return Ok(Together { store: self, prefix: prefix.to_owned(), started });
        }
        let _ = names;
        Ok(Together {
            store: self,
            prefix: prefix.to_owned(),
            #[cfg(feature = "cloud")]
            started: Vec::new(),
        })
    }

    /// The names directly below a prefix, sorted.
    ///
    /// # Errors
    /// If they cannot be listed: web servers mostly cannot.
    pub fn names(&self, prefix: &str) -> Result<Vec<String>, Problem> {
        match self {
            Store::Directory(root) => {
                let entries = fs::read_dir(root.join(prefix));
                let entries = entries.map_err(|error| Problem::os("list the directory", error))?;
                let mut names: Vec<String> =
                    entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
                names.sort();
                Ok(names)
            }
            Store::Zip(archive) => Ok(archive.names(prefix)),
            Store::References(references) => Ok(references.names(prefix)),
            #[cfg(feature = "cloud")]
            Store::Remote(remote) => remote.names(prefix),
        }
    }

    /// Whether something may be below a prefix. Looks no further than at what is at hand.
    pub fn may_hold(&self, prefix: &str) -> bool {
        match self {
            Store::Directory(root) => root.join(prefix).is_dir(),
            Store::Zip(archive) => !archive.names(prefix).is_empty(),
            Store::References(references) => references.holds(prefix),
            #[cfg(feature = "cloud")]
            Store::Remote(_) => true,
        }
    }

    /// The directory below a prefix, wherever symbolic links lead; `None` where there are none.
    pub fn real_directory(&self, prefix: &str) -> Option<PathBuf> {
        match self {
            Store::Directory(root) => root.join(prefix).canonicalize().ok(),
            _ => None,
        }
    }

    /// Bytes of a chunk as stored, 0 if there is none; `None` where asking takes a request.
    pub fn stored_len(&self, key: &str) -> Option<u64> {
        match self {
            Store::Directory(root) => Some(fs::metadata(root.join(key)).map_or(0, |file| file.len())),
            Store::Zip(archive) => Some(archive.entry(key).map_or(0, |entry| entry.stored_len())),
            Store::References(references) => Some(references.len(key)),
            #[cfg(feature = "cloud")]
            Store::Remote(_) => None,
        }
    }

    /// Bytes of some files below a prefix together; `None` where that cannot be told.
    pub fn stored_lens(&self, prefix: &str, keys: &mut dyn Iterator<Item = String>) -> Option<u64> {
        #[cfg(feature = "cloud")]
        if let Store::Remote(remote) = self {
            let lens = remote.lens(prefix).ok()?;
            return Some(keys.filter_map(|key| lens.get(&key)).sum());
        }
        let _ = prefix;
        keys.map(|key| self.stored_len(&key)).sum()
    }

    /// A chunk that is at hand; `None` if there is none.
    ///
    /// # Errors
    /// As the operating system says. Chunks in object stores are fetched instead.
    pub fn chunk(&self, key: &str) -> io::Result<Option<StoredChunk>> {
        match self {
            Store::Directory(root) => match File::open(root.join(key)) {
                Ok(file) => Ok(Some(StoredChunk::File(file))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            },
            Store::Zip(archive) => {
                Ok(archive.entry(key).map(|entry| StoredChunk::Entry(archive.clone(), entry)))
            }
            Store::References(references) => {
                let found = references.get(key).map_err(io::Error::other)?;
                Ok(found.map(|found| match found {
                    Referred::Bytes(bytes) => StoredChunk::Bytes(bytes),
                    Referred::Part(part) => StoredChunk::Part(part),
                }))
            }
            #[cfg(feature = "cloud")]
            Store::Remote(_) => Err(io::Error::other("it must be fetched")),
        }
    }
}

impl StoredChunk {
    /// Its bytes, and how many there are once they are unpacked.
    pub fn len(&self) -> io::Result<u64> {
        match self {
            StoredChunk::File(file) => Ok(file.metadata()?.len()),
            StoredChunk::Entry(_, entry) => Ok(entry.len()),
            StoredChunk::Part(part) => Ok(part.len),
            StoredChunk::Bytes(bytes) => Ok(bytes.len() as u64),
        }
    }

    /// What tells whether it has changed.
    pub fn stamp(&self) -> io::Result<FileStamp> {
        Ok(match self {
            StoredChunk::File(file) => FileStamp::of(&file.metadata()?),
            StoredChunk::Entry(archive, entry) => FileStamp { len: entry.len(), ..archive.stamp() },
            StoredChunk::Part(part) => part.stamp(),
            // It may be another one every time.
            StoredChunk::Bytes(bytes) => {
                FileStamp { len: bytes.len() as u64, modified: 0, tag: xxhash_rust::xxh3::xxh3_64(bytes) }
            }
        })
    }

    /// Whether parts of it can be read by themselves.
    pub fn is_divisible(&self) -> bool {
        match self {
            StoredChunk::File(_) | StoredChunk::Part(_) | StoredChunk::Bytes(_) => true,
            StoredChunk::Entry(_, entry) => entry.is_plain(),
        }
    }

    /// Fills a buffer from an offset on.
    pub fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        match self {
            StoredChunk::File(file) => file.read_exact_at(buffer, offset),
            StoredChunk::Entry(archive, entry) => archive.read_part(entry, buffer, offset),
            StoredChunk::Part(part) => part.read_exact_at(buffer, offset),
            StoredChunk::Bytes(bytes) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX);
                let end = start.checked_add(buffer.len());
                let part = end.and_then(|end| bytes.get(start..end)).ok_or(io::ErrorKind::UnexpectedEof)?;
                buffer.copy_from_slice(part);
                Ok(())
            }
        }
    }

    /// All its bytes.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        match self {
            StoredChunk::File(file) => {
                let mut bytes = vec![0; file.metadata()?.len() as usize];
                file.read_exact_at(&mut bytes, 0)?;
                Ok(bytes)
            }
            StoredChunk::Entry(archive, entry) => archive.read(entry).map_err(io::Error::other),
            StoredChunk::Part(part) => part.read(),
            StoredChunk::Bytes(bytes) => Ok(bytes.clone()),
        }
    }
}

/// Metadata files of one prefix that may be needed.
#[derive(Debug)]
pub(super) struct Together<'a> {
    store: &'a Store,
    prefix: String,
    #[cfg(feature = "cloud")]
    started: Vec<(&'static str, Fetch)>,
}

impl Together<'_> {
    /// One of them; `None` if there is no such file.
    pub fn take(&mut self, name: &str) -> Result<Option<Found>, Problem> {
        #[cfg(feature = "cloud")]
        if let Some(at) = self.started.iter().position(|(started, _)| *started == name) {
            return found(self.started.swap_remove(at).1.finish()?);
        }
        self.store.read(&join(&self.prefix, name))
    }
}

#[cfg(feature = "cloud")]
fn found(stored: Option<crate::cloud::Stored>) -> Result<Option<Found>, Problem> {
    Ok(stored.map(|stored| Found { bytes: stored.bytes, stamp: stored.stamp }))
}
