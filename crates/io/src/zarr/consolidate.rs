//! Consolidated metadata: those of everything below a group, in one file, so that readers ask once.

use serde_json::{Map, Value, json};

use super::hierarchy::{Node, names, read_node};
use super::metadata::parse_json;
use super::store::{Store, join};
use crate::error::{Problem, Result};
use crate::uri::{Format, Location};

/// Groups in groups deeper than this are links that lead back.
const DEEPEST: usize = 64;

/// Writes the metadata of all arrays and groups below a group into the group's own, as zarr-python's
/// `consolidate_metadata` does: inline in `zarr.json` for version 3, as `.zmetadata` for version 2. Says how many
/// arrays and groups there are. Who adds an array later should do it again.
///
/// # Errors
/// If there is no group, something below it cannot be understood, or the store cannot be written.
pub fn consolidate(uri: &str) -> brickwork_core::Result<usize> {
    let location = Location::parse(uri)?;
    let fail = |problem: Problem| problem.at(uri);
    if location.format != Format::Zarr {
        let reason = format!("is {}, and only Zarr groups have consolidated metadata", location.format);
        return Err(fail(Problem::Misuse { reason }).into());
    }
    Ok(consolidate_at(&location)?)
}

fn consolidate_at(location: &Location) -> Result<usize> {
    let fail = |problem: Problem| problem.at(&location.uri);
    let store = Store::open(&location.absolute_path()).map_err(fail)?;
    let prefix = location.inner.as_str();
    let version = match read_node(&store, prefix).map_err(fail)? {
        Node::Group { version, .. } => version,
        Node::Array { .. } => {
            return Err(fail(Problem::Misuse { reason: "is an array; name the group it is in".into() }));
        }
        Node::Nothing => return Err(fail(Problem::Misuse { reason: "is no Zarr group".into() })),
    };
    let mut listing = Listing { store: &store, root: prefix, version, files: Map::new(), nodes: 0 };
    listing.walk("", 0).map_err(fail)?;
    let Listing { files, nodes, .. } = listing;
    let (name, content) = match version {
        2 => (".zmetadata", json!({"zarr_consolidated_format": 1, "metadata": files})),
        _ => {
            let mut group = read_json(&store, prefix, "zarr.json").map_err(fail)?.unwrap_or_default();
            group["consolidated_metadata"] =
                json!({"kind": "inline", "must_understand": false, "metadata": files});
            ("zarr.json", group)
        }
    };
    store.write(&join(prefix, name), &content).map_err(fail)?;
    Ok(nodes)
}

/// What has been found below a group.
struct Listing<'a> {
    store: &'a Store,
    root: &'a str,
    version: u8,
    /// By path below the group: of version 3 arrays and groups, of version 2 files.
    files: Map<String, Value>,
    nodes: usize,
}

impl Listing<'_> {
    fn walk(&mut self, path: &str, depth: usize) -> Result<(), Problem> {
        if depth > DEEPEST {
            return Err(Problem::corrupt(
                "a Zarr hierarchy",
                format!("{path} is too deep; do links lead back?"),
            ));
        }
        if self.version == 2 {
            for name in [".zgroup", ".zarray", ".zattrs"] {
                if let Some(found) = read_json(self.store, &join(self.root, path), name)? {
                    self.files.insert(join(path, name), found);
                }
            }
        }
        for name in names(self.store, &join(self.root, path)) {
            let below = join(path, &name);
            if name.starts_with('.') || name == "zarr.json" || !self.store.may_hold(&join(self.root, &below))
            {
                continue;
            }
            let prefix = join(self.root, &below);
            match read_node(self.store, &prefix)? {
                Node::Nothing => continue,
                Node::Array { version, .. } | Node::Group { version, .. } if version != self.version => {
                    let reason =
                        format!("{below} is of version {version}, and the group of {}", self.version);
                    return Err(Problem::Misuse { reason });
                }
                Node::Array { .. } if self.version == 2 => {
                    for name in [".zarray", ".zattrs"] {
                        if let Some(found) = read_json(self.store, &prefix, name)? {
                            self.files.insert(join(&below, name), found);
                        }
                    }
                }
                Node::Array { metadata, .. } => drop(self.files.insert(below, metadata)),
                Node::Group { .. } => {
                    if self.version == 3 {
                        let mut group = read_json(self.store, &prefix, "zarr.json")?.unwrap_or_default();
                        if let Some(group) = group.as_object_mut() {
                            group.remove("consolidated_metadata");
                        }
                        self.files.insert(below.clone(), group);
                    }
                    self.walk(&below, depth + 1)?;
                }
            }
            self.nodes += 1;
        }
        Ok(())
    }
}

fn read_json(store: &Store, prefix: &str, name: &str) -> Result<Option<Value>, Problem> {
    store.read(&join(prefix, name))?.map(|found| parse_json(&found.bytes, name)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{read_all, sample, store};
    use crate::{SinkOptions, create};
    use brickwork_core::DType;

    #[test]
    fn everything_below_a_group_is_listed_at_its_top() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("x.zarr");
        let place = root.display().to_string();
        let block = sample(DType::I16, &[4]);
        for name in ["a", "g/b", "g/deep/c"] {
            store(&*create(&format!("{place}#/{name}"), &SinkOptions::default()).unwrap(), &block, &[4]);
        }
        assert_eq!(consolidate(&place).unwrap(), 5);
        let text = std::fs::read_to_string(root.join("zarr.json")).unwrap();
        let group: Value = serde_json::from_str(&text).unwrap();
        let listing = &group["consolidated_metadata"];
        assert_eq!((&listing["kind"], &listing["must_understand"]), (&json!("inline"), &json!(false)));
        let paths: Vec<&String> = listing["metadata"].as_object().unwrap().keys().collect();
        assert_eq!(paths, ["a", "g", "g/b", "g/deep", "g/deep/c"]);
        assert_eq!(listing["metadata"]["g/b"]["shape"], json!([4]));
        assert_eq!(consolidate(&format!("{place}#/g")).unwrap(), 3);
        assert_eq!(read_all(&format!("{place}#/g/b")).to_vec::<i16>(), block.to_vec::<i16>());
        let error = consolidate(&format!("{place}#/a")).unwrap_err().to_string();
        assert!(error.contains("is an array; name the group it is in"), "{error}");
        assert!(consolidate("x.npy").unwrap_err().to_string().contains("only Zarr groups"));
    }

    #[test]
    fn version_2_has_a_file_of_its_own_for_it() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("x.zarr");
        let fixture = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/zarr/v2.zarr");
        std::fs::create_dir_all(root.join("t")).unwrap();
        std::fs::write(root.join(".zgroup"), r#"{"zarr_format": 2}"#).unwrap();
        for name in [".zarray", ".zattrs"] {
            std::fs::copy(fixture.join(name), root.join("t").join(name)).unwrap();
        }
        assert_eq!(consolidate(root.to_str().unwrap()).unwrap(), 1);
        let text = std::fs::read_to_string(root.join(".zmetadata")).unwrap();
        let listing: Value = serde_json::from_str(&text).unwrap();
        let paths: Vec<&String> = listing["metadata"].as_object().unwrap().keys().collect();
        assert_eq!(paths, [".zgroup", "t/.zarray", "t/.zattrs"]);
        assert_eq!(listing["zarr_consolidated_format"], json!(1));
    }
}
