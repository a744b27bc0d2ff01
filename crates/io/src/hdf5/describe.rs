//! What an HDF5 file holds, told without reading elements.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use brickwork_core::DType;
use serde_json::{Map, Value, json};

use super::format::{
    AttributeData, AttributeValue, ElementKind, Hdf5Error, Layout, Object, ObjectKind, Summary, Survey,
};
use super::open::{OpenFile, dtype_of, failed, inner_path, open_file, stamp_of};
use super::trail::Trail;
use crate::bytes::checked_nbytes;
use crate::describe::{Description, Tree, float_json, scalar_json};
use crate::error::{Problem, Result};
use crate::uri::{Format, Location};

/// More chunks than this are not looked at one by one for a description.
const MOST_CHUNKS_SUMMED: usize = 1 << 22;
/// Attributes of netCDF-4 and of dimension scales that say what [`Description::dimension_names`] says, or nothing.
const HIDDEN: [&str; 7] = [
    "DIMENSION_LIST",
    "REFERENCE_LIST",
    "_Netcdf4Dimid",
    "_Netcdf4Coordinates",
    "_NCProperties",
    "_nc3_strict",
    "DIMENSION_LABELS",
];

/// Tells what is at a place in a file: a dataset or a group.
pub(crate) fn describe(location: &Location) -> Result<Description> {
    with_survey(location, |survey, object| {
        let mut description = describe_object(survey, &object, &location.uri)?;
        if object.kind == ObjectKind::Group {
            let members = survey.members(&object)?.into_iter();
            description.children = members.map(|(name, member)| listed_name(name, &member)).collect();
        } else {
            description.stored_bytes = stored_bytes(survey, &object, &description)?;
        }
        Ok(description)
    })
}

/// Tells what is at a place and below it. Stored bytes are told for a single dataset alone.
pub(crate) fn describe_tree(location: &Location) -> Result<Tree> {
    with_survey(location, |survey, object| {
        let mut seen = HashSet::new();
        let mut tree = grow(survey, &object, String::new(), &location.uri, &mut seen)?;
        if object.kind != ObjectKind::Group {
            tree.description.stored_bytes = stored_bytes(survey, &object, &tree.description)?;
        }
        Ok(tree)
    })
}

/// Finds what is at a place, following links into other files, and lets it be told.
pub(super) fn with_survey<T>(
    location: &Location,
    tell: impl FnOnce(&mut Survey<'_>, Object) -> Result<T, Hdf5Error>,
) -> Result<T> {
    let mut trail = Trail::from(location);
    loop {
        let place = trail.place();
        let open = match open_at(place) {
            Ok(open) => open,
            Err(error) => return Err(trail.named(error)),
        };
        let mut survey = Survey::new(&open.file);
        match survey.object(&inner_path(&place.inner)) {
            // Its path, and those of its members, are to be asked for as this one was.
            Ok(mut object) => {
                object.path = inner_path(&location.inner);
                return tell_of(location, survey, object, tell).map_err(|error| trail.named(error));
            }
            Err(error) => trail.go_on(failed(&location.uri, error))?,
        }
    }
}

/// [`with_survey`] of what is in the file itself: links into other files are not followed.
#[cfg(feature = "zarr")]
pub(super) fn with_survey_there<T>(
    location: &Location,
    tell: impl FnOnce(&mut Survey<'_>, Object) -> Result<T, Hdf5Error>,
) -> Result<T> {
    let open = open_at(location)?;
    let mut survey = Survey::new(&open.file);
    let object = survey.object(&inner_path(&location.inner)).map_err(|error| failed(&location.uri, error))?;
    tell_of(location, survey, object, tell)
}

fn open_at(location: &Location) -> Result<Arc<OpenFile>> {
    let (uri, path) = (&location.uri, location.absolute_path());
    open_file(uri, &path, stamp_of(uri, &path)?)
}

fn tell_of<T>(
    location: &Location,
    mut survey: Survey<'_>,
    object: Object,
    tell: impl FnOnce(&mut Survey<'_>, Object) -> Result<T, Hdf5Error>,
) -> Result<T> {
    if !matches!(object.kind, ObjectKind::Group | ObjectKind::Dataset) {
        let reason = format!("is a {}, not an array or a group", object.kind.name());
        return Err(Problem::Misuse { reason }.at(&location.uri));
    }
    tell(&mut survey, object).map_err(|error| failed(&location.uri, error))
}

fn grow(
    survey: &mut Survey<'_>,
    object: &Object,
    name: String,
    uri: &str,
    seen: &mut HashSet<u64>,
) -> Result<Tree, Hdf5Error> {
    let mut tree =
        Tree { name, description: Description::new(uri, Format::Hdf5), note: None, members: Vec::new() };
    match object.kind {
        ObjectKind::Dataset | ObjectKind::Group => match describe_object(survey, object, uri) {
            Ok(description) => tree.description = description,
            // One damaged dataset does not hide the others.
            Err(error) if !tree.name.is_empty() => {
                tree.note = Some(error.problem.to_string());
                return Ok(tree);
            }
            Err(error) => return Err(error),
        },
        kind => tree.note = Some(kind.name().to_owned()),
    }
    if object.kind != ObjectKind::Group {
        if survey.is_bare_dimension(object)? {
            tree.note = Some("a dimension without coordinates".to_owned());
        }
        return Ok(tree);
    }
    // Links may lead in circles.
    if !Survey::identity(object).is_some_and(|address| seen.insert(address)) {
        tree.note = Some("is listed above".to_owned());
        return Ok(tree);
    }
    for (name, member) in survey.members(object)? {
        let uri = format!("{}#{}", uri.split_once('#').map_or(uri, |(place, _)| place), member.path);
        tree.description.children.push(listed_name(name.clone(), &member));
        tree.members.push(grow(survey, &member, name, &uri, seen)?);
    }
    Ok(tree)
}

fn listed_name(name: String, object: &Object) -> String {
    if object.kind == ObjectKind::Group { name + "/" } else { name }
}

pub(super) fn describe_object(
    survey: &mut Survey<'_>,
    object: &Object,
    uri: &str,
) -> Result<Description, Hdf5Error> {
    let mut description = Description::new(uri, Format::Hdf5);
    let attributes = survey.attributes(object)?;
    (description.attributes, description.attribute_dtypes) = attributes_json(&attributes);
    if object.kind == ObjectKind::Group {
        return Ok(description);
    }
    let summary = survey.summary(object)?;
    let names = survey.dimension_names(object)?;
    if names.len() == summary.shape.len() && names.iter().any(Option::is_some) {
        description.dimension_names = Some(names.into_iter().map(Option::unwrap_or_default).collect());
    }
    let dtype = summary.element.and_then(|element| dtype_of(element).ok());
    description.dtype = Some(match (dtype, summary.element) {
        (Some(dtype), _) => dtype.name(),
        (None, Some(element)) if element.kind == ElementKind::Float && element.size == 2 => "float16".into(),
        _ => summary.type_name.clone(),
    });
    description.codecs = codecs(&summary);
    description.fill_value = dtype.map(|dtype| match &summary.fill {
        Some(fill) => scalar_json(dtype, fill),
        None => scalar_json(dtype, &vec![0; dtype.itemsize()]),
    });
    description.nbytes = summary.element.and_then(|element| checked_nbytes(&summary.shape, element.size));
    description.chunks = summary.chunk;
    description.shape = Some(summary.shape);
    Ok(description)
}

fn codecs(summary: &Summary) -> Vec<String> {
    let big_endian = summary.type_name.starts_with('>').then(|| "big-endian".to_owned());
    let layout = summary.layout.map(|layout| match layout {
        "external" => "in external files".to_owned(),
        other => other.to_owned(),
    });
    big_endian.into_iter().chain(layout).chain(summary.filters.iter().map(ToString::to_string)).collect()
}

/// Bytes in the file, if this reader can tell.
fn stored_bytes(
    survey: &Survey<'_>,
    object: &Object,
    description: &Description,
) -> Result<Option<u64>, Hdf5Error> {
    let (Ok(dataset), Some(nbytes)) = (survey.dataset(object), description.nbytes) else { return Ok(None) };
    match &dataset.layout {
        Layout::Contiguous { address: None, .. } => Ok(Some(0)),
        Layout::Contiguous { .. } | Layout::Compact(_) => Ok(Some(nbytes as u64)),
        Layout::Chunked { .. } => {
            let index = dataset.chunk_index()?;
            let is_summed = index.num_chunks() <= MOST_CHUNKS_SUMMED;
            Ok(is_summed.then(|| index.stored().map(|(_, location)| location.nbytes as u64).sum()))
        }
    }
}

/// Attributes as JSON, and their dtypes.
fn attributes_json(
    attributes: &[(String, AttributeValue)],
) -> (Map<String, Value>, BTreeMap<String, String>) {
    let is_scale = attributes.iter().any(|(name, value)| {
        name == "CLASS" && matches!(&value.data, AttributeData::Text(texts) if texts == &["DIMENSION_SCALE"])
    });
    let mut values = Map::new();
    let mut dtypes = BTreeMap::new();
    for (name, value) in attributes {
        let is_hidden =
            HIDDEN.contains(&name.as_str()) || is_scale && ["CLASS", "NAME"].contains(&name.as_str());
        if is_hidden {
            continue;
        }
        values.insert(name.clone(), attribute_json(value));
        dtypes.insert(name.clone(), attribute_dtype(value));
    }
    (values, dtypes)
}

fn attribute_dtype(value: &AttributeValue) -> String {
    match value.element {
        None => "str".to_owned(),
        Some(element) => dtype_of(element).map_or_else(|_| element.to_string(), DType::name),
    }
}

fn attribute_json(value: &AttributeValue) -> Value {
    let is_single = value.element.is_some_and(|element| match element.kind {
        ElementKind::Complex => element.size == 8,
        _ => element.size == 4,
    });
    let float = |value: f64| float_json(value, is_single);
    let elements: Vec<Value> = match &value.data {
        AttributeData::Int(values) => values.iter().map(|value| json!(value)).collect(),
        AttributeData::UInt(values) => values.iter().map(|value| json!(value)).collect(),
        AttributeData::Float(values) => values.iter().map(|&value| float(value)).collect(),
        AttributeData::Bool(values) => values.iter().map(|value| json!(value)).collect(),
        AttributeData::Complex(values) => {
            values.iter().map(|&[re, im]| json!([float(re), float(im)])).collect()
        }
        AttributeData::Text(values) => values.iter().map(|value| json!(value)).collect(),
    };
    nested(&value.shape, &mut elements.into_iter())
}

fn nested(shape: &[usize], values: &mut impl Iterator<Item = Value>) -> Value {
    match shape {
        [] => values.next().unwrap_or(Value::Null),
        // A hostile shape of many empty axes makes no more lists than there are elements.
        _ if shape.contains(&0) => json!([]),
        [length, rest @ ..] => (0..*length).map(|_| nested(rest, values)).collect(),
    }
}
