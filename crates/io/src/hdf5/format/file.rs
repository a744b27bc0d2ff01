//! An open file: paths, groups and attributes.
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::attribute::{self, AttributeValue};
use super::dataset::Dataset;
use super::error::{Outcome, Problem, Result, unsupported};
use super::links::{self, Link, Target};
use super::object_header::{ObjectHeader, ObjectKind};
use super::source::{Budget, Source};
use super::superblock::{self, Checks};
use crate::read_at::{LocalFile, ReadAt};

/// How many soft links are followed on the way to one object.
const MAX_SOFT_LINKS: usize = 16;
/// How many names a path may have, those of the soft links on its way included.
const MAX_NAMES: usize = 1000;

/// An HDF5 file, open for reading. Copies share it; it may be read from many threads at once.
#[derive(Debug, Clone)]
pub struct File {
    pub(super) source: Arc<Source>,
    pub(super) root: u64,
    end: Option<u64>,
}

/// Where a path led.
#[derive(Debug)]
struct Found {
    address: u64,
    header: ObjectHeader,
}

impl File {
    /// Opens a local file.
    ///
    /// # Errors
    /// If it cannot be read, is not HDF5, or is shorter than its superblock says.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let reader = LocalFile::open(path).map_err(|error| Problem::Io(error).at(&name, "/"))?;
        Self::from_reader(Arc::new(reader), &name)
    }

    /// Reads from anything that can be read by position; `name` stands in errors.
    ///
    /// # Errors
    /// As [`File::open`].
    pub fn from_reader(reader: Arc<dyn ReadAt>, name: &str) -> Result<Self> {
        // A fuzzer does not find bytes of the right checksum, and so would never see what is behind it.
        let checked = !cfg!(fuzzing);
        Self::with_checks(reader, name, Checks { checksums: checked, end_of_file: checked })
    }

    pub(super) fn with_checks(reader: Arc<dyn ReadAt>, name: &str, checks: Checks) -> Result<Self> {
        let (source, places) =
            superblock::open(reader, name, checks).map_err(|problem| problem.at(name, "/"))?;
        Ok(Self { source: Arc::new(source), root: places.root, end: places.end })
    }

    /// The offset of the file's signature, behind what other programs have put in front of it.
    pub fn signature(&self) -> u64 {
        self.source.base
    }

    /// The offset where the file ends by its own account; what lies behind that belongs to nothing.
    pub fn end(&self) -> u64 {
        self.end.unwrap_or(u64::MAX).min(self.source.len())
    }

    /// Opens the dataset at a path such as `/a/b`. Its chunks are not listed yet.
    ///
    /// # Errors
    /// If there is nothing, or a group (the error says what is there instead), or the dataset uses what this
    /// reader does not know; [`Problem::Elsewhere`] if it is in another file.
    pub fn dataset(&self, path: &str) -> Result<Dataset> {
        let open = || {
            let found = self.find(path)?;
            match found.header.object_kind() {
                ObjectKind::Dataset => Dataset::read(&self.source, path, &found.header),
                ObjectKind::Group => Err(Problem::IsGroup { children: self.names(&found.header)? }),
                kind => Err(Problem::NotADataset { kind: kind.name() }),
            }
        };
        open().map_err(|problem| problem.at(&self.source.name, path))
    }

    /// What the object at a path is.
    ///
    /// # Errors
    /// If there is nothing.
    pub fn kind(&self, path: &str) -> Result<ObjectKind> {
        let found = self.find(path).map_err(|problem| problem.at(&self.source.name, path))?;
        Ok(found.header.object_kind())
    }

    /// Lists a group: names, in the file's order, and what they lead to.
    ///
    /// # Errors
    /// If there is nothing at the path, or no group.
    pub fn children(&self, path: &str) -> Result<Vec<(String, ObjectKind)>> {
        let list = || {
            let found = self.find(path)?;
            match found.header.object_kind() {
                ObjectKind::Group => {}
                kind => return Err(Problem::NotAGroup { path: path.to_owned(), kind: kind.name() }),
            }
            let links = links::list(&self.source, &found.header)?;
            let mut walk = Walk::new(self);
            let kinds = links
                .iter()
                .map(|link| self.kind_of(link, found.address, &mut walk))
                .collect::<Outcome<Vec<_>>>()?;
            Ok(links.into_iter().map(|link| link.name).zip(kinds).collect())
        };
        list().map_err(|problem| problem.at(&self.source.name, path))
    }

    /// The attributes of a group or dataset that hold numbers, bools or texts; others are left out.
    ///
    /// # Errors
    /// If there is nothing at the path.
    pub fn attributes(&self, path: &str) -> Result<Vec<(String, AttributeValue)>> {
        let list = || attribute::list(&self.source, &self.find(path)?.header);
        list().map_err(|problem| problem.at(&self.source.name, path))
    }

    fn find(&self, path: &str) -> Outcome<Found> {
        let address = Walk::new(self).to(self.root, path)?;
        Ok(Found { address, header: ObjectHeader::read(&self.source, address)? })
    }

    fn kind_of(&self, link: &Link, group: u64, walk: &mut Walk<'_>) -> Outcome<ObjectKind> {
        let address = match &link.target {
            &Target::Hard(address) => address,
            Target::External { .. } => return Ok(ObjectKind::ExternalLink),
            Target::UserDefined(_) => return Ok(ObjectKind::Unknown),
            Target::Soft(_) => {
                walk.start_again();
                match walk.follow(&link.target, group) {
                    Ok(address) => address,
                    Err(problem @ Problem::Io(_)) => return Err(problem),
                    Err(Problem::Elsewhere { .. }) => return Ok(ObjectKind::ExternalLink),
                    Err(_) => return Ok(ObjectKind::DanglingLink),
                }
            }
        };
        walk.kind(address)
    }

    fn names(&self, header: &ObjectHeader) -> Outcome<Vec<String>> {
        Ok(links::list(&self.source, header)?.into_iter().map(|link| link.name).collect())
    }
}

/// A walk along links. It keeps the listings of groups, so that a group of many soft links is not listed for each.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    file: &'a File,
    links_left: usize,
    names_left: usize,
    listings: HashMap<u64, Arc<[Link]>>,
    kinds: HashMap<u64, ObjectKind>,
    budget: Budget,
}

impl<'a> Walk<'a> {
    pub fn new(file: &'a File) -> Self {
        Self {
            file,
            links_left: MAX_SOFT_LINKS,
            names_left: MAX_NAMES,
            listings: HashMap::new(),
            kinds: HashMap::new(),
            budget: file.source.budget(),
        }
    }

    /// Forgets how far it went, but not what it saw.
    pub fn start_again(&mut self) {
        (self.links_left, self.names_left) = (MAX_SOFT_LINKS, MAX_NAMES);
    }

    /// Follows a path from a group on; gives the address of the object's header.
    fn to(&mut self, start: u64, path: &str) -> Outcome<u64> {
        self.through(start, path, &mut |_| ())
    }

    /// [`Walk::to`], telling the addresses of the groups on its way.
    pub fn through(&mut self, start: u64, path: &str, group: &mut dyn FnMut(u64)) -> Outcome<u64> {
        let root = self.file.root;
        let mut address = if path.starts_with('/') { root } else { start };
        let mut walked = if address == root { "/" } else { "." }.to_owned();
        let mut names = path.split('/').filter(|name| !name.is_empty() && *name != ".");
        while let Some(name) = names.next() {
            self.names_left =
                self.names_left.checked_sub(1).ok_or(Problem::PathTooLong { limit: MAX_NAMES })?;
            let links = self.links(address, &walked)?;
            group(address);
            let Some(link) = links.iter().find(|link| link.name == name) else {
                let available = links.iter().map(|link| link.name.clone()).collect();
                return Err(Problem::NotFound { name: name.to_owned(), parent: walked, available });
            };
            let followed = self.follow(&link.target, address);
            address = followed.map_err(|problem| problem.going_on(names.clone()))?;
            if !walked.ends_with('/') {
                walked.push('/');
            }
            walked.push_str(name);
        }
        Ok(address)
    }

    /// The links of the group at an address, to which `path` led.
    pub fn links(&mut self, address: u64, path: &str) -> Outcome<Arc<[Link]>> {
        if let Some(known) = self.listings.get(&address) {
            return Ok(Arc::clone(known));
        }
        let source = &self.file.source;
        let header = ObjectHeader::read_within(source, address, &mut self.budget)?;
        match header.object_kind() {
            ObjectKind::Group => {}
            kind => return Err(Problem::NotAGroup { path: path.to_owned(), kind: kind.name() }),
        }
        let links: Arc<[Link]> = links::list(source, &header)?.into();
        // No link takes fewer bytes in a file, so groups that share their links are found out.
        let nbytes = links.iter().map(|link| link.name.len() as u64 + 8).sum();
        self.budget.spend("group", nbytes)?;
        self.listings.insert(address, Arc::clone(&links));
        Ok(links)
    }

    /// What the object at an address is.
    pub fn kind(&mut self, address: u64) -> Outcome<ObjectKind> {
        if let Some(&known) = self.kinds.get(&address) {
            return Ok(known);
        }
        let kind = ObjectHeader::read_within(&self.file.source, address, &mut self.budget)?.object_kind();
        self.kinds.insert(address, kind);
        Ok(kind)
    }

    /// Where a link of a group leads.
    pub fn follow(&mut self, target: &Target, group: u64) -> Outcome<u64> {
        match target {
            &Target::Hard(address) => Ok(address),
            Target::Soft(path) => {
                self.links_left =
                    self.links_left.checked_sub(1).ok_or(Problem::TooManyLinks { limit: MAX_SOFT_LINKS })?;
                self.to(group, path)
            }
            Target::External { file, path } => {
                Err(Problem::Elsewhere { file: file.clone(), path: path.clone() })
            }
            Target::UserDefined(class) => {
                Err(unsupported(format!("a user-defined link of class {class}"), "hard and soft links can"))
            }
        }
    }
}
