//! What a Zarr store holds, told without reading chunks.

use std::collections::HashSet;
use std::path::PathBuf;

use brickwork_core::{DType, Region};
use serde_json::{Map, Value};

use super::adapter::Codecs;
use super::hierarchy::{Node, children, find, members};
use super::metadata::Layout;
use super::store::{Store, join};
use crate::bytes::checked_nbytes;
use crate::chunk_walk::touched_chunks;
use crate::describe::{Description, Tree, scalar_json};
use crate::error::{Problem, Result};
use crate::fill::attributes_for_netcdf;
use crate::uri::{Format, Location};

/// Chunk files looked at for a description; of more, the stored size is not told.
const MOST_CHUNKS_SUMMED: usize = 100_000;
/// The attribute by which xarray names the axes of arrays whose format has no place for them.
const ARRAY_DIMENSIONS: &str = "_ARRAY_DIMENSIONS";

/// Tells what is at a place in a store: an array or a group.
pub(crate) fn describe(location: &Location) -> Result<Description> {
    let uri = &location.uri;
    let fail = |problem: Problem| problem.at(uri);
    let store = Store::open(&location.absolute_path()).map_err(fail)?;
    let (prefix, node) = find(&store, &location.inner).map_err(fail)?;
    let is_group = matches!(node, Node::Group { .. });
    let mut description = describe_node(node, &store, &prefix, uri, true).map_err(fail)?;
    if is_group {
        description.children = children(&store, &prefix);
    }
    Ok(description)
}

/// Tells what is at a place and below it. Stored bytes are told for a single array alone.
pub(crate) fn describe_tree(location: &Location) -> Result<Tree> {
    let uri = &location.uri;
    let fail = |problem: Problem| problem.at(uri);
    let store = Store::open(&location.absolute_path()).map_err(fail)?;
    let (prefix, node) = find(&store, &location.inner).map_err(fail)?;
    let is_group = matches!(node, Node::Group { .. });
    let description = describe_node(node, &store, &prefix, uri, !is_group).map_err(fail)?;
    let mut tree = Tree { name: String::new(), description, note: None, members: Vec::new() };
    if is_group {
        let place = uri.split_once('#').map_or(uri.as_str(), |(place, _)| place);
        let inner = if location.inner.is_empty() { String::new() } else { format!("/{}", location.inner) };
        grow(&mut tree, &store, &prefix, &format!("{place}#{inner}"), &mut HashSet::new());
    }
    Ok(tree)
}

/// Groups within groups that are listed: more than any file has that is meant well.
const DEEPEST: usize = 200;

/// Adds what a group holds. Directories are looked into once, wherever symbolic links lead.
fn grow(tree: &mut Tree, store: &Store, prefix: &str, place: &str, seen: &mut HashSet<PathBuf>) {
    if prefix.split('/').count() >= DEEPEST {
        tree.note = Some(format!("is in {DEEPEST} groups, one in the other; what it holds is not listed"));
        return;
    }
    if store.real_directory(prefix).is_some_and(|directory| !seen.insert(directory)) {
        tree.note = Some("is listed above".to_owned());
        return;
    }
    for (name, node) in members(store, prefix) {
        let below = join(prefix, &name);
        let uri = format!("{place}/{name}");
        if matches!(node, Ok(Node::Nothing)) {
            continue;
        }
        let is_group = matches!(node, Ok(Node::Group { .. }));
        let described = node.and_then(|node| describe_node(node, store, &below, &uri, false));
        let (description, note) = match described {
            Ok(description) => (description, None),
            // One damaged array does not hide the others.
            Err(problem) => (Description::new(&uri, Format::Zarr), Some(problem.to_string())),
        };
        let mut member = Tree { name: name.clone(), description, note, members: Vec::new() };
        if is_group {
            grow(&mut member, store, &below, &uri, seen);
        }
        tree.description.children.push(if is_group { name + "/" } else { name });
        tree.members.push(member);
    }
}

fn describe_node(
    node: Node,
    store: &Store,
    prefix: &str,
    uri: &str,
    sum_chunks: bool,
) -> Result<Description, Problem> {
    let mut description = Description::new(uri, Format::Zarr);
    let (version, mut metadata) = match node {
        Node::Array { version, metadata, .. } => (version, metadata),
        Node::Group { attributes, .. } => {
            description.attributes = object(attributes);
            return Ok(description);
        }
        Node::Nothing => return Err(Problem::Misuse { reason: "is not Zarr".into() }),
    };
    let layout = Layout::parse(&metadata, version)?;
    let type_value = if version == 2 { &metadata["dtype"] } else { &metadata["data_type"] };
    let own_name = type_value.as_str().map_or_else(|| type_value.to_string(), str::to_owned);
    // Also arrays that cannot be read are described.
    let codecs = Codecs::new(metadata.clone(), version, &layout.chunk).ok();
    let codecs = codecs.filter(|codecs| layout.check_size(codecs.dtype()).is_ok());
    let dtype = codecs.as_ref().map(Codecs::dtype);
    let fill_value = metadata["fill_value"].take();
    let has_fill_value = !fill_value.is_null();
    description.fill_value = match &codecs {
        Some(codecs) => Some(scalar_json(codecs.dtype(), codecs.fill_value())),
        None => has_fill_value.then_some(fill_value),
    };
    if version == 2 && has_fill_value {
        description.missing_value = description.fill_value.clone();
    }
    if sum_chunks {
        description.stored_bytes = codecs.and_then(|codecs| stored_bytes(&codecs, &layout, store, prefix));
    }
    description.attributes = object(metadata["attributes"].take());
    if let Some(dtype) = dtype {
        description.attributes = attributes_for_netcdf(description.attributes, dtype);
    }
    description.dimension_names = dimension_names(&metadata, &mut description.attributes, layout.shape.len());
    description.nbytes = dtype.and_then(|dtype| checked_nbytes(&layout.shape, dtype.itemsize()));
    description.dtype = Some(dtype.map_or(own_name, DType::name));
    let uneven = (!layout.grid.is_regular()).then_some(layout.grid.chunks);
    match layout.inner_chunk {
        Some(inner) => {
            (description.chunks, description.shards) = (Some(inner), Some(layout.chunk));
            description.uneven_shards = uneven;
        }
        None => (description.chunks, description.uneven_chunks) = (Some(layout.chunk), uneven),
    }
    description.codecs = layout.codecs;
    description.shape = Some(layout.shape);
    Ok(description)
}

/// The names of the axes, from the metadata or from xarray's attribute, which is taken out.
fn dimension_names(
    metadata: &Value,
    attributes: &mut Map<String, Value>,
    ndim: usize,
) -> Option<Vec<String>> {
    let attribute = attributes.remove(ARRAY_DIMENSIONS);
    let list = metadata["dimension_names"].as_array().or_else(|| attribute.as_ref()?.as_array())?;
    let names: Vec<String> = list.iter().map(|name| name.as_str().unwrap_or_default().to_owned()).collect();
    (names.len() == ndim && names.iter().any(|name| !name.is_empty())).then_some(names)
}

fn object(value: Value) -> Map<String, Value> {
    if let Value::Object(map) = value { map } else { Map::new() }
}

fn stored_bytes(codecs: &Codecs, layout: &Layout, store: &Store, prefix: &str) -> Option<u64> {
    let grid = &layout.grid.chunks;
    if grid.num_chunks() > MOST_CHUNKS_SUMMED {
        return None;
    }
    let all = touched_chunks(grid, &Region::full(&layout.shape));
    let keys = all.iter().map(|chunk| join(prefix, &codecs.chunk_key(&chunk.at)));
    store.stored_lens(prefix, &mut keys.into_iter())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(keys: &str) -> Tree {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("refs.json");
        std::fs::write(&place, format!("{{{keys}}}")).unwrap();
        describe_tree(&Location::parse(place.to_str().unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn a_name_that_is_empty_leads_nowhere() {
        let found = tree(
            r#"".zgroup": "{\"zarr_format\": 2}", "/0x": "", "a//b": "", "a/.zgroup": "{\"zarr_format\": 2}""#,
        );
        let names: Vec<&str> = found.members.iter().map(|member| member.name.as_str()).collect();
        assert_eq!(names, ["a"]);
        assert!(found.members[0].members.is_empty());
    }

    #[test]
    fn groups_without_end_end() {
        let group = |depth: usize| format!(r#""{}.zgroup": "{{\"zarr_format\": 2}}""#, "a/".repeat(depth));
        let keys: Vec<String> = (0..DEEPEST + 50).map(group).collect();
        let found = tree(&keys.join(", "));
        let (mut below, mut depth) = (&found, 0);
        while let Some(member) = below.members.first() {
            (below, depth) = (member, depth + 1);
        }
        assert_eq!(depth, DEEPEST);
        assert!(below.note.as_ref().is_some_and(|note| note.contains("not listed")));
    }
}
