//! Reference files: a JSON that says at which bytes of which other files the keys of a Zarr hierarchy are, as kerchunk
//! and VirtualiZarr write them, and [`crate::hdf5::write_references`]. The other files become a Zarr hierarchy without being
//! copied.

#[cfg(feature = "cloud")]
use std::collections::HashMap;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
#[cfg(feature = "cloud")]
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::Value;

use super::metadata::MAX_METADATA;
#[cfg(feature = "cloud")]
use crate::cloud::{Fetch, Remote, Stored};
use crate::error::Problem;
use crate::handles::{FileStamp, HandleCache};
use crate::placed_file;
use crate::read_at::ReadAt;
use crate::uri::is_url;

/// Longer reference files are not read.
const MOST_BYTES: u64 = 512 << 20;
/// Files that stay open, of those that one reference file leads to.
const MOST_OPEN: usize = 32;
/// Objects whose stamps are remembered.
#[cfg(feature = "cloud")]
const MOST_SEEN: usize = 100_000;
const EXPECTED: &str = "a reference file";
const WHAT: &str = "reference file";

/// Reference files that were read.
static READ: HandleCache<References> = HandleCache::new(16);

/// What a reference file says.
#[derive(Debug)]
pub(super) struct References {
    /// Where it is: a path or an address.
    place: String,
    keys: BTreeMap<String, Reference>,
    stamp: FileStamp,
    /// The files it leads to, the last used last.
    open: Mutex<VecDeque<(String, Target)>>,
    /// Stamps of the objects that answers came from, by their address.
    #[cfg(feature = "cloud")]
    seen: Mutex<HashMap<String, FileStamp>>,
}

/// Bytes of an object that is behind a network.
#[cfg(feature = "cloud")]
#[derive(Debug)]
pub(super) struct Distant {
    url: String,
    offset: u64,
    pub len: u64,
}

/// Where the bytes of a key are.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Reference {
    /// The bytes themselves: text, or base64 behind a prefix.
    Inline(String),
    /// Bytes of a file: where it is, the first, and how many.
    Part(String, u64, u64),
    /// A whole file.
    Whole((String,)),
    /// Metadata as they are.
    Json(serde_json::Map<String, Value>),
}

/// A file that references lead to.
#[derive(Debug, Clone)]
pub(super) struct Target {
    file: Arc<dyn ReadAt>,
    stamp: FileStamp,
}

/// Bytes of a file.
#[derive(Debug, Clone)]
pub(super) struct Part {
    target: Target,
    offset: u64,
    pub len: u64,
}

/// What a key leads to.
#[derive(Debug)]
pub(super) enum Referred {
    Bytes(Vec<u8>),
    Part(Part),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Document {
    Versioned {
        refs: BTreeMap<String, Reference>,
        #[serde(default)]
        templates: BTreeMap<String, String>,
        #[serde(default)]
        r#gen: Vec<Value>,
    },
    Bare(BTreeMap<String, Reference>),
}

/// Whether a path or an address is that of a reference file.
pub(super) fn are_at(root: &str) -> bool {
    let place = if is_url(root) { root.split('?').next().unwrap_or(root) } else { root };
    place.to_ascii_lowercase().ends_with(".json")
}

impl References {
    /// Reads a reference file, or finds it read.
    pub fn open(place: &str) -> Result<Arc<Self>, Problem> {
        let (file, stamp) = placed_file::open_file(place, EXPECTED)?;
        let read = || References::read(place, file.as_ref(), stamp).map_err(|problem| problem.at(place));
        READ.get(place, place, stamp, read).map_err(|error| error.problem)
    }

    fn read(place: &str, file: &dyn ReadAt, stamp: FileStamp) -> Result<Self, Problem> {
        if file.len() > MOST_BYTES {
            return Err(Problem::corrupt(WHAT, format!("it is longer than {MOST_BYTES} bytes")));
        }
        let mut bytes = vec![0; file.len() as usize];
        file.read_exact_at(&mut bytes, 0).map_err(|error| Problem::os("read the file", error))?;
        let document: Document = serde_json::from_slice(&bytes).map_err(|error| {
            Problem::corrupt(WHAT, format!("it is not a JSON object of references: {error}"))
        })?;
        let (mut keys, templates) = match document {
            Document::Versioned { r#gen, .. } if !r#gen.is_empty() => {
                let help = "write the references out, one for every chunk";
                return Err(Problem::unreadable("a reference file with rules (\"gen\")", help));
            }
            Document::Versioned { refs, templates, .. } => (refs, templates),
            Document::Bare(refs) => (refs, BTreeMap::new()),
        };
        if !templates.is_empty() {
            for reference in keys.values_mut() {
                if let Reference::Part(place, ..) | Reference::Whole((place,)) = reference {
                    *place = filled_in(place, &templates);
                }
            }
        }
        Ok(References {
            place: place.to_owned(),
            keys,
            stamp,
            open: Mutex::default(),
            #[cfg(feature = "cloud")]
            seen: Mutex::default(),
        })
    }

    /// What tells whether the references have changed.
    pub fn stamp(&self) -> FileStamp {
        self.stamp
    }

    /// What a key leads to; `None` if there is no such key.
    pub fn get(&self, key: &str) -> Result<Option<Referred>, Problem> {
        let Some(reference) = self.keys.get(key) else { return Ok(None) };
        let part = |place: &str, offset: u64, len: Option<u64>| {
            let target = self.target(place)?;
            let left = target.file.len().checked_sub(offset);
            match (left, len) {
                (Some(left), None) => Ok(Referred::Part(Part { target, offset, len: left })),
                (Some(left), Some(len)) if len <= left => Ok(Referred::Part(Part { target, offset, len })),
                _ => {
                    let end = len.and_then(|len| offset.checked_add(len)).unwrap_or(offset);
                    let has = target.file.len();
                    Err(Problem::corrupt(
                        WHAT,
                        format!("{key} ends at byte {end} of {place}, which has {has}"),
                    ))
                }
            }
        };
        let referred = match reference {
            Reference::Inline(text) => Referred::Bytes(match text.strip_prefix("base64:") {
                Some(encoded) => STANDARD
                    .decode(encoded)
                    .map_err(|error| Problem::corrupt(WHAT, format!("{key} is not base64: {error}")))?,
                None => text.clone().into_bytes(),
            }),
            Reference::Json(object) => {
                Referred::Bytes(Value::Object(object.clone()).to_string().into_bytes())
            }
            Reference::Part(place, offset, len) => part(place, *offset, Some(*len))?,
            Reference::Whole((place,)) => part(place, 0, None)?,
        };
        Ok(Some(referred))
    }

    /// Bytes behind a key, 0 if there is none. What is wrong is told when it is read.
    pub fn len(&self, key: &str) -> u64 {
        match self.keys.get(key) {
            None => 0,
            Some(Reference::Part(_, _, len)) => *len,
            Some(_) => match self.get(key) {
                Ok(Some(Referred::Bytes(bytes))) => bytes.len() as u64,
                Ok(Some(Referred::Part(part))) => part.len,
                _ => 1,
            },
        }
    }

    /// Whether the chunks below a prefix are in objects behind a network: the first that is a part of a file tells.
    pub fn are_distant(&self, prefix: &str) -> bool {
        let below = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        let mut below = self.keys.range(below.clone()..).take_while(|(key, _)| key.starts_with(&below));
        let place = below.find_map(|(_, reference)| match reference {
            Reference::Part(place, ..) | Reference::Whole((place,)) => Some(place),
            _ => None,
        });
        place.and_then(|place| self.resolved(place).ok()).is_some_and(|place| is_url(&place))
    }

    /// What a key leads to, if it is a part of an object behind a network. Asks for nothing.
    ///
    /// # Errors
    /// If the reference makes no sense.
    #[cfg(feature = "cloud")]
    pub fn distant(&self, key: &str) -> Result<Option<Distant>, Problem> {
        let Some(Reference::Part(place, offset, len)) = self.keys.get(key) else { return Ok(None) };
        let Some(url) = self.resolved(place).ok().filter(|place| is_url(place)) else { return Ok(None) };
        if offset.checked_add(*len).is_none_or(|end| i64::try_from(end).is_err()) {
            let reason = format!("{key} is {len} bytes from {offset} on, beyond the end of every file");
            return Err(Problem::corrupt(WHAT, reason));
        }
        Ok((*len > 0).then_some(Distant { url, offset: *offset, len: *len }))
    }

    /// Takes an answer: the bytes, if they come from the object that earlier ones came from.
    #[cfg(feature = "cloud")]
    pub fn arrived(&self, from: &Distant, stored: Option<Stored>) -> Result<Vec<u8>, Problem> {
        let Some(stored) = stored else {
            let reason = format!("leads to {}, and there is no such object", from.url);
            return Err(Problem::Misuse { reason });
        };
        let mut seen = self.seen.lock();
        if let Some(known) = seen.get(&from.url) {
            known.check_same(stored.stamp).map_err(|problem| Problem::Misuse {
                reason: format!("leads to {}, which {problem}", from.url),
            })?;
        } else if seen.len() < MOST_SEEN {
            seen.insert(from.url.clone(), stored.stamp);
        }
        Ok(stored.bytes)
    }

    /// Whether there are keys below a prefix.
    pub fn holds(&self, prefix: &str) -> bool {
        let below = format!("{prefix}/");
        self.keys.range(below.clone()..).next().is_some_and(|(key, _)| key.starts_with(&below))
    }

    /// The names directly below a prefix, sorted.
    pub fn names(&self, prefix: &str) -> Vec<String> {
        let below = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        let keys = self.keys.range(below.clone()..).map(|(key, _)| key);
        let names: BTreeSet<&str> = keys
            .map_while(|key| key.strip_prefix(below.as_str()))
            .filter_map(|rest| rest.split('/').next())
            .collect();
        names.into_iter().map(str::to_owned).collect()
    }

    fn target(&self, place: &str) -> Result<Target, Problem> {
        let mut open = self.open.lock();
        if let Some(at) = open.iter().position(|(known, _)| known == place)
            && let Some(found) = open.remove(at)
        {
            let target = found.1.clone();
            open.push_back(found);
            return Ok(target);
        }
        drop(open);
        let opened = self.resolved(place).and_then(|resolved| placed_file::open_file(&resolved, "a file"));
        let (file, stamp) = opened.map_err(|problem| Problem::Misuse {
            reason: format!("leads to {place}, which cannot be opened: {problem}"),
        })?;
        let target = Target { file, stamp };
        let mut open = self.open.lock();
        if open.len() == MOST_OPEN {
            open.pop_front();
        }
        open.push_back((place.to_owned(), target.clone()));
        Ok(target)
    }

    /// The path or address of a file: relative ones start where the reference file is. References from elsewhere lead to
    /// no local file.
    fn resolved(&self, place: &str) -> Result<String, Problem> {
        if is_url(place) {
            return Ok(place.to_owned());
        }
        let local = place.strip_prefix("file://").unwrap_or(place);
        if local.contains("://") {
            let scheme = local.split("://").next().unwrap_or_default().to_owned();
            return Err(Problem::Scheme { scheme });
        }
        let is_absolute = Path::new(local).is_absolute();
        match is_url(&self.place) {
            true if is_absolute || local.len() < place.len() => {
                Err(Problem::Misuse { reason: "references from elsewhere lead to no local file".into() })
            }
            true => {
                let folder = self.place.split('?').next().and_then(|url| url.rsplit_once('/'));
                Ok(format!("{}/{local}", folder.map_or(self.place.as_str(), |(folder, _)| folder)))
            }
            false => {
                let folder = Path::new(&self.place).parent().unwrap_or(Path::new(""));
                Ok(folder.join(local).to_string_lossy().into_owned())
            }
        }
    }
}

#[cfg(feature = "cloud")]
impl Distant {
    /// Asks for some of the bytes.
    pub fn fetch(&self, part: Range<u64>) -> Result<Fetch, Problem> {
        let range = self.offset + part.start..self.offset + part.end;
        Remote::open(&self.url)?.fetch("", Some(range))
    }
}

/// Puts templates in the place of their names in double braces.
fn filled_in(place: &str, templates: &BTreeMap<String, String>) -> String {
    templates.iter().fold(place.to_owned(), |place, (name, text)| {
        let braced = format!("{{{{{name}}}}}");
        if place.contains(&braced) { place.replace(&braced, text) } else { place }
    })
}

impl Part {
    /// Fills a buffer from an offset in the part on.
    pub fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<()> {
        let end = offset.checked_add(buffer.len() as u64).filter(|&end| end <= self.len);
        if end.is_none() {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        self.target.file.read_exact_at(buffer, self.offset + offset)
    }

    /// All its bytes.
    pub fn read(&self) -> std::io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.len as usize];
        self.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    /// What tells whether it has changed.
    pub fn stamp(&self) -> FileStamp {
        FileStamp { len: self.len, ..self.target.stamp }
    }
}

impl Referred {
    /// The bytes of a metadata file.
    pub fn metadata(self, name: &str) -> Result<Vec<u8>, Problem> {
        match self {
            Referred::Part(part) if part.len > MAX_METADATA => {
                Err(Problem::corrupt(name, format!("it is longer than {MAX_METADATA} bytes")))
            }
            Referred::Part(part) => part.read().map_err(|error| Problem::os(format!("read {name}"), error)),
            Referred::Bytes(bytes) => Ok(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references(json: &str) -> Result<Arc<References>, Problem> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("data.bin"), b"0123456789").unwrap();
        let place = folder.keep().join("refs.json");
        std::fs::write(&place, json).unwrap();
        References::open(place.to_str().unwrap())
    }

    fn bytes(references: &References, key: &str) -> Vec<u8> {
        references.get(key).unwrap().unwrap().metadata(key).unwrap()
    }

    #[test]
    fn keys_lead_to_text_parts_and_files() {
        let found = references(
            r#"{"version": 1, "templates": {"u": "data.bin"}, "refs": {".zgroup": "{\"zarr_format\": 2}",
                "a/.zattrs": {"n": 1}, "a/0": ["{{u}}", 2, 3], "a/1": ["data.bin"], "a/2": "base64:AAEC", "b/c/0": "x"}}"#,
        )
        .unwrap();
        assert_eq!(bytes(&found, ".zgroup"), b"{\"zarr_format\": 2}");
        assert_eq!(bytes(&found, "a/.zattrs"), b"{\"n\":1}");
        assert_eq!(bytes(&found, "a/0"), b"234");
        assert_eq!(bytes(&found, "a/1"), b"0123456789");
        assert_eq!(bytes(&found, "a/2"), [0, 1, 2]);
        assert!(found.get("a/3").unwrap().is_none());
        assert_eq!(found.names(""), [".zgroup", "a", "b"]);
        assert_eq!(found.names("a"), [".zattrs", "0", "1", "2"]);
        assert_eq!(found.names("b"), ["c"]);
        assert!(found.holds("b/c") && !found.holds("c") && !found.holds("a/0"));
        assert_eq!((found.len("a/0"), found.len("a/1"), found.len("a/9")), (3, 10, 0));
    }

    #[test]
    fn the_oldest_form_is_a_bare_object() {
        assert_eq!(bytes(&references(r#"{"x/0": ["data.bin", 9, 1]}"#).unwrap(), "x/0"), b"9");
    }

    #[test]
    fn what_leads_nowhere_is_told() {
        let fails = |json: &str, key: &str| {
            references(json).and_then(|found| found.get(key).map(|_| ())).unwrap_err().to_string()
        };
        assert!(fails("[1]", "").contains("not a JSON object of references"));
        assert!(
            fails(r#"{"x": ["data.bin", 5, 6]}"#, "x")
                .contains("x ends at byte 11 of data.bin, which has 10")
        );
        assert!(fails(r#"{"x": ["data.bin", 18446744073709551615, 6]}"#, "x").contains("which has 10"));
        assert!(fails(r#"{"x": ["gone.bin", 5, 6]}"#, "x").contains("leads to gone.bin"));
        assert!(fails(r#"{"x": ["ftp://h/x", 5, 6]}"#, "x").contains("leads to ftp://h/x"));
        assert!(fails(r#"{"x": "base64:?"}"#, "x").contains("x is not base64"));
        assert!(fails(r#"{"refs": {}, "gen": [{"key": "a"}]}"#, "x").contains("gen"));
    }
}
