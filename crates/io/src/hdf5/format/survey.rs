//! What a file holds, for those who look at it and read no element.
use std::collections::HashMap;
use std::sync::Arc;

use super::attribute::{self, AttributeData, AttributeValue};
use super::dataset::Dataset;
use super::dataspace::Dataspace;
use super::datatype::{self, Datatype, ElementType};
use super::error::{Outcome, Problem, Result, corrupt};
use super::file::{File, Walk};
use super::fill_value;
use super::filter::{self, StoredFilter};
use super::layout::{self, StoredLayout};
use super::links::Target;
use super::object_header::{ObjectHeader, ObjectKind, kind};

/// An object of a file, found.
#[derive(Debug, Clone)]
pub struct Object {
    /// Its path inside the file, as it was asked for.
    pub path: String,
    /// What it is.
    pub kind: ObjectKind,
    /// Where its header is; `None` for links that lead nowhere in this file.
    address: Option<u64>,
    /// Addresses of the groups that the path leads through, the root first.
    groups: Vec<u64>,
}

/// A walk over the objects of a file, which reads no group twice.
#[derive(Debug)]
pub struct Survey<'a> {
    file: &'a File,
    walk: Walk<'a>,
    /// By the address of a group: names of what it holds, by address.
    names: HashMap<u64, HashMap<u64, String>>,
}

/// What is known of a dataset without understanding how it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Elements along each axis.
    pub shape: Vec<usize>,
    /// The type of an element, if it is one that this reader reads.
    pub element: Option<ElementType>,
    /// The type of an element in words: NumPy's name such as `<f4`, or what else it is.
    pub type_name: String,
    /// Elements of a chunk along each axis, if it is chunked.
    pub chunk: Option<Vec<usize>>,
    /// Where the elements are, if that is neither one run of bytes nor chunks: `compact`, `virtual`, `external`.
    pub layout: Option<&'static str>,
    /// What was done to each chunk before it was written, in that order.
    pub filters: Vec<StoredFilter>,
    /// The element that stands where nothing was written, in this machine's byte order; `None` means zero.
    pub fill: Option<Vec<u8>>,
}

impl<'a> Survey<'a> {
    /// Looks at nothing yet.
    pub fn new(file: &'a File) -> Self {
        Survey { file, walk: Walk::new(file), names: HashMap::new() }
    }

    /// The object at a path such as `/a/b`.
    ///
    /// # Errors
    /// If there is nothing; [`Problem::Elsewhere`] if it is in another file.
    pub fn object(&mut self, path: &str) -> Result<Object> {
        let mut groups = Vec::new();
        self.walk.start_again();
        let root = self.file.root;
        let found = self.walk.through(root, path, &mut |group| groups.push(group));
        let address = found.map_err(|problem| self.fail(problem, path))?;
        let kind = self.walk.kind(address).map_err(|problem| self.fail(problem, path))?;
        Ok(Object { path: path.to_owned(), kind, address: Some(address), groups })
    }

    /// Names and objects of a group, sorted by name.
    ///
    /// # Errors
    /// If the group's links cannot be read.
    pub fn members(&mut self, group: &Object) -> Result<Vec<(String, Object)>> {
        let mut list = || {
            let address = group.address()?;
            let links = self.walk.links(address, &group.path)?;
            let mut members = Vec::with_capacity(links.len());
            let mut groups = group.groups.clone();
            groups.push(address);
            for link in links.iter() {
                self.walk.start_again();
                let (kind, target) = match &link.target {
                    Target::External { .. } => (ObjectKind::ExternalLink, None),
                    Target::UserDefined(_) => (ObjectKind::Unknown, None),
                    target => match self.walk.follow(target, address) {
                        Ok(target) => (self.walk.kind(target)?, Some(target)),
                        Err(problem @ Problem::Io(_)) => return Err(problem),
                        Err(Problem::Elsewhere { .. }) => (ObjectKind::ExternalLink, None),
                        Err(_) => (ObjectKind::DanglingLink, None),
                    },
                };
                let path = format!("{}/{}", group.path.trim_end_matches('/'), link.name);
                let object = Object { path, kind, address: target, groups: groups.clone() };
                members.push((link.name.clone(), object));
            }
            members.sort_by(|a, b| a.0.cmp(&b.0));
            Ok(members)
        };
        list().map_err(|problem| self.fail(problem, &group.path))
    }

    /// What tells an object from others of its file.
    pub fn identity(object: &Object) -> Option<u64> {
        object.address
    }

    /// The attributes that hold numbers, bools or texts; others are left out.
    ///
    /// # Errors
    /// If the object's header cannot be read.
    pub fn attributes(&self, object: &Object) -> Result<Vec<(String, AttributeValue)>> {
        let list = || attribute::list(&self.file.source, &self.header(object)?);
        list().map_err(|problem| self.fail(problem, &object.path))
    }

    /// What a dataset is, also if this reader cannot read its elements.
    ///
    /// # Errors
    /// If its metadata are damaged.
    pub fn summary(&self, object: &Object) -> Result<Summary> {
        let summary = || self.try_summary(&self.header(object)?);
        summary().map_err(|problem| self.fail(problem, &object.path))
    }

    /// The dataset itself.
    ///
    /// # Errors
    /// If it is none, or uses what this reader does not know.
    pub fn dataset(&self, object: &Object) -> Result<Dataset> {
        let open = || Dataset::read(&self.file.source, &object.path, &self.header(object)?);
        open().map_err(|problem| self.fail(problem, &object.path))
    }

    /// The names of a dataset's axes, by the dimension scales that are attached to it; `None` where there is no scale.
    ///
    /// A scale is named as the link to it in the dataset's group, or in one further up, as netCDF-4 does.
    ///
    /// # Errors
    /// If the file's metadata are damaged.
    pub fn dimension_names(&mut self, object: &Object) -> Result<Vec<Option<String>>> {
        self.try_dimension_names(object).map_err(|problem| self.fail(problem, &object.path))
    }

    /// Whether a dataset only keeps the place of a dimension of netCDF-4 that has no variable.
    ///
    /// # Errors
    /// If the object's header cannot be read.
    pub fn is_bare_dimension(&self, object: &Object) -> Result<bool> {
        const NAME: &str = "This is a netCDF dimension but not a netCDF variable";
        if object.kind != ObjectKind::Dataset {
            return Ok(false);
        }
        Ok(text(&self.attributes(object)?, "NAME").is_some_and(|name| name.starts_with(NAME)))
    }

    fn try_dimension_names(&mut self, object: &Object) -> Outcome<Vec<Option<String>>> {
        let source = Arc::clone(&self.file.source);
        let header = self.header(object)?;
        if let Ok(Some(lists)) = attribute::references(&source, &header, "DIMENSION_LIST") {
            return lists
                .iter()
                .map(|scales| scales.first().map_or(Ok(None), |&scale| self.scale_name(scale, object)))
                .collect();
        }
        let attributes = attribute::list(&source, &header)?;
        // Labels name axes without scales; an empty one is none.
        let labels = attributes.iter().find(|(name, _)| name == "DIMENSION_LABELS");
        if let Some((_, AttributeValue { data: AttributeData::Text(labels), .. })) = labels {
            let named = |label: &String| Some(label.clone()).filter(|label| !label.is_empty());
            return Ok(labels.iter().map(named).collect());
        }
        // A scale of one axis stands for itself.
        if text(&attributes, "CLASS") == Some("DIMENSION_SCALE")
            && dataspace(&source, &header)?.shape.len() == 1
        {
            return Ok(vec![self.scale_name(object.address()?, object)?]);
        }
        Ok(Vec::new())
    }

    fn scale_name(&mut self, scale: u64, object: &Object) -> Outcome<Option<String>> {
        for &group in object.groups.iter().rev() {
            if !self.names.contains_key(&group) {
                let links = self.walk.links(group, "a group above")?;
                let hard = links.iter().filter_map(|link| match link.target {
                    Target::Hard(address) => Some((address, link.name.clone())),
                    _ => None,
                });
                self.names.insert(group, hard.collect());
            }
            if let Some(name) = self.names[&group].get(&scale) {
                return Ok(Some(name.clone()));
            }
        }
        let header = ObjectHeader::read(&self.file.source, scale)?;
        let attributes = attribute::list(&self.file.source, &header)?;
        Ok(text(&attributes, "NAME").filter(|name| !name.is_empty()).map(str::to_owned))
    }

    fn try_summary(&self, header: &ObjectHeader) -> Outcome<Summary> {
        let source = &self.file.source;
        let shape = dataspace(source, header)?.shape;
        let type_bytes = header.body(source, kind::DATATYPE)?;
        let type_bytes = type_bytes.ok_or_else(|| corrupt("dataset", "it has no datatype message"))?;
        let datatype = datatype::parse(&mut source.cursor("datatype message", &type_bytes))?;
        let element = if let Datatype::Element(element) = datatype { Some(element) } else { None };
        let type_name = match datatype {
            Datatype::Element(element) => element.to_string(),
            Datatype::FixedText { nbytes, .. } => format!("|S{nbytes}"),
            Datatype::VariableText => "str".to_owned(),
            Datatype::OddInteger(name) | Datatype::Other(name) => name,
        };
        let filters = match header.body(source, kind::FILTERS)? {
            Some(body) => filter::parse_stored(source.cursor("filter pipeline message", &body))?,
            None => Vec::new(),
        };
        let mut fill =
            element.map(|element| fill_value::read(source, header, element.size)).transpose()?.flatten();
        if let (Some(element), Some(fill)) = (element, &mut fill) {
            element.to_native(fill);
        }
        let stored = match header.body(source, kind::LAYOUT)? {
            Some(body) => Some(layout::parse(source.cursor("layout message", &body))?),
            None => None,
        };
        let mut layout = None;
        let mut chunk = None;
        match stored {
            Some(StoredLayout::Chunked(chunks)) => {
                let lengths = chunks.lengths.split_last().map(|(_, lengths)| lengths).unwrap_or_default();
                chunk = Some(lengths.iter().map(|&n| n as usize).collect());
            }
            Some(StoredLayout::Compact(_)) => layout = Some("compact"),
            Some(StoredLayout::Virtual(_)) => layout = Some("virtual"),
            _ if header.find(kind::EXTERNAL_FILES).is_some() => layout = Some("external"),
            _ => {}
        }
        Ok(Summary { shape, element, type_name, chunk, layout, filters, fill })
    }

    fn header(&self, object: &Object) -> Outcome<ObjectHeader> {
        ObjectHeader::read(&self.file.source, object.address()?)
    }

    fn fail(&self, problem: Problem, path: &str) -> super::error::Hdf5Error {
        problem.at(&self.file.source.name, path)
    }
}

impl Object {
    fn address(&self) -> Outcome<u64> {
        self.address.ok_or(Problem::NotADataset { kind: self.kind.name() })
    }
}

fn dataspace(source: &super::source::Source, header: &ObjectHeader) -> Outcome<Dataspace> {
    let body = header.body(source, kind::DATASPACE)?;
    let body = body.ok_or_else(|| corrupt("dataset", "it has no dataspace message"))?;
    Dataspace::parse(source.cursor("dataspace message", &body))
}

fn text<'a>(attributes: &'a [(String, AttributeValue)], name: &str) -> Option<&'a str> {
    match &attributes.iter().find(|(found, _)| found == name)?.1.data {
        AttributeData::Text(texts) => texts.first().map(String::as_str),
        _ => None,
    }
}
