//! HDF5 files read through an index of their chunks: the same arrays as by the file itself.

#![cfg(all(feature = "zarr", feature = "hdf5"))]

use std::path::{Path, PathBuf};

use brickwork_core::{Node, Value};
use brickwork_io::hdf5::write_references;
use brickwork_io::{Tree, WholeFile, describe_tree};
use brickwork_ops::Array;
use brickwork_sched::Compute;
use brickwork_testkit::assert_block_eq;

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/hdf5");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "h5"));
    files.sort();
    files
}

fn open(uri: &str) -> brickwork_core::Result<Array> {
    Ok(Array::new(Value::new(Node::shared(brickwork_io::open(uri)?, Vec::new())?)))
}

fn json(path: &Path) -> WholeFile {
    WholeFile::new(path, true).unwrap()
}

/// Paths of all arrays in a tree.
fn arrays(tree: &Tree, path: &str, found: &mut Vec<String>) {
    let is_small = |shape: &Vec<usize>| shape.iter().product::<usize>() < 10_000_000;
    if tree.description.shape.as_ref().is_some_and(is_small) && tree.note.is_none() {
        found.push(path.to_owned());
    }
    for member in &tree.members {
        arrays(member, &format!("{path}/{}", member.name), found);
    }
}

#[test]
fn arrays_are_the_same_through_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let index = folder.path().join("index.json");
    let (mut compared, mut left_out) = (0, Vec::new());
    for file in fixtures() {
        let place = file.display().to_string();
        let Ok(tree) = describe_tree(&place) else { continue };
        let references = write_references(&place, json(&index)).unwrap();
        let mut names = Vec::new();
        arrays(&tree, "", &mut names);
        for name in names {
            let uri = format!("{}#{name}", index.display());
            let through = match open(&uri) {
                Ok(through) => through,
                Err(error) => {
                    let reason = references.left_out.iter().find(|(path, _)| *path == name);
                    let reason = reason.unwrap_or_else(|| panic!("{place}#{name}: {error}"));
                    left_out.push(reason.1.clone());
                    continue;
                }
            };
            let found = through.compute().unwrap_or_else(|error| panic!("{place}#{name}: {error:?}"));
            let expected = open(&format!("{place}#{name}")).unwrap().compute().unwrap();
            assert_block_eq(&found, &expected, &format!("{place}#{name}"));
            compared += 1;
        }
    }
    assert!(compared >= 80, "{compared} arrays were compared");
    for reason in ["Zarr has no filter 32000 (lzf)", "skips a filter"] {
        assert!(left_out.iter().any(|found| found.contains(reason)), "{reason}: {left_out:?}");
    }
}

#[test]
fn an_index_of_a_group_or_a_dataset_begins_there() {
    let folder = tempfile::tempdir().unwrap();
    let index = folder.path().join("index.json");
    let file = fixtures().into_iter().find(|file| file.ends_with("chunked.h5")).unwrap();
    let place = file.display().to_string();
    let tree = describe_tree(&place).unwrap();
    let name = &tree.members.iter().find(|member| member.description.shape.is_some()).unwrap().name;
    let references = write_references(&format!("{place}#/{name}"), json(&index)).unwrap();
    assert_eq!(references.datasets, 1);
    let found = open(&index.display().to_string()).unwrap().compute().unwrap();
    assert_block_eq(&found, &open(&format!("{place}#/{name}")).unwrap().compute().unwrap(), name);
}

#[cfg(feature = "cloud")]
#[test]
fn an_index_leads_to_other_servers_and_from_none_to_local_files() {
    let server = brickwork_testkit::WebServer::start();
    let file = fixtures().into_iter().find(|file| file.ends_with("chunked.h5")).unwrap();
    server.put("data/chunked.h5", std::fs::read(&file).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let index = folder.path().join("index.json");
    let references = write_references(&server.url("data/chunked.h5"), json(&index)).unwrap();
    assert!(references.chunks > 0);
    let tree = describe_tree(&index.display().to_string()).unwrap();
    let mut names = Vec::new();
    arrays(&tree, "", &mut names);
    assert_eq!(names.len(), references.datasets);
    for name in &names {
        let found = open(&format!("{}#{name}", index.display())).unwrap().compute().unwrap();
        let expected = open(&format!("{}#{name}", file.display())).unwrap().compute().unwrap();
        assert_block_eq(&found, &expected, name);
    }
    // The index may lie beside the file, by its address and with a relative path.
    let text = std::fs::read_to_string(&index).unwrap();
    server.put("data/index.json", text.replace(&server.url("data/chunked.h5"), "chunked.h5").into_bytes());
    let name = &names[0];
    let found = open(&format!("{}#{name}", server.url("data/index.json"))).unwrap().compute().unwrap();
    assert_block_eq(&found, &open(&format!("{}#{name}", file.display())).unwrap().compute().unwrap(), name);
    let local = text.replace(&server.url("data/chunked.h5"), &file.display().to_string());
    server.put("data/local.json", local.into_bytes());
    for name in &names {
        let array = open(&format!("{}#{name}", server.url("data/local.json"))).unwrap();
        let error = format!("{:?}", array.compute().unwrap_err());
        assert!(error.contains("lead to no local file"), "{name}: {error}");
    }
}

#[test]
fn what_is_no_hdf5_file_has_no_index() {
    let folder = tempfile::tempdir().unwrap();
    let error = write_references("x.zarr", json(&folder.path().join("x.json"))).unwrap_err().to_string();
    assert!(error.contains("x.zarr: is zarr, and only HDF5 files are indexed"), "{error}");
    let error = write_references("gone.h5", json(&folder.path().join("x.json"))).unwrap_err().to_string();
    assert!(error.contains("gone.h5"), "{error}");
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "nothing is left");
}

#[test]
fn references_are_not_written_to() {
    let options = brickwork_io::SinkOptions::default();
    let error = brickwork_io::create("x.json#/a", &options).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("reference file, which is only read"), "{error}");
}
