//! Links into other files, made by the HDF5 library.

use std::fs;
use std::path::{Path, PathBuf};

use brickwork_core::{Block, DType, Kind, Meta, Region};

use crate::hdf5::{Hdf5Layout, create_dataset};
use crate::test_support::{read, read_all, sample};

const LAYOUT: Hdf5Layout = Hdf5Layout { chunk: None, gzip: Some(1), shuffle: false };

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Files(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn uri(&self, place: &str) -> String {
        self.path(place).display().to_string()
    }

    /// A dataset of three integers, in chunks of two.
    fn dataset(&self, name: &str, inner: &str) -> Block {
        let block = sample(DType::I32, &[3]);
        create_dataset(&self.path(name), inner, &block, &Hdf5Layout { chunk: Some(vec![2]), ..LAYOUT })
            .unwrap();
        block
    }

    /// Links of a file into other files: their names, the files, the paths there.
    fn link(&self, name: &str, links: &[(&str, &str, &str)]) {
        let file = hdf5::File::append(self.path(name)).unwrap();
        for (link, target, path) in links {
            file.link_external(target, path, link).unwrap();
        }
        file.close().unwrap();
    }

    fn error(&self, place: &str) -> String {
        let message = crate::open(&self.uri(place)).unwrap_err().to_string();
        let described = crate::describe(&self.uri(place)).unwrap_err().to_string();
        assert_eq!(message, described);
        message
    }
}

/// The type of source that reads a place.
fn reader(uri: &str) -> String {
    let source = crate::open(uri).unwrap();
    let Kind::Source(found) = source.kind() else { panic!() };
    assert_eq!(found.uri(), uri);
    format!("{source:?}").split([' ', '{']).next().unwrap().to_owned()
}

fn check(files: &Files, place: &str, expected: &Block) {
    let uri = files.uri(place);
    assert_eq!(read_all(&uri).to_vec::<i32>(), expected.to_vec::<i32>(), "{uri}");
    assert_eq!(reader(&uri), "Hdf5Source", "{uri}");
    let described = crate::describe(&uri).unwrap();
    assert_eq!((described.uri, described.shape, described.chunks), (uri, Some(vec![3]), Some(vec![2])));
    assert!(described.stored_bytes.is_some());
    let error = crate::hdf5::open_without_library(&files.uri(place)).unwrap_err().to_string();
    assert!(error.contains("not followed here"), "{error}");
}

#[test]
fn datasets_and_groups_in_other_files_are_read() {
    let files = Files::new();
    fs::create_dir(files.path("sub")).unwrap();
    let expected = files.dataset("sub/data.h5", "entry/x");
    files.link("middle.h5", &[("entry", "sub/data.h5", "entry")]);
    let far = files.uri("sub/data.h5");
    files.link(
        "master.h5",
        &[
            ("data", "sub/data.h5", "/entry/x"),
            ("group", "sub/data.h5", "/entry"),
            ("whole", "sub/data.h5", "/"),
            ("far", &far, "/entry/x"),
            ("moved", "/no/such/directory/middle.h5", "/entry/x"),
            ("chain", "middle.h5", "entry"),
        ],
    );
    let file = hdf5::File::append(files.path("master.h5")).unwrap();
    file.create_group("deep").unwrap().link_soft("/chain", "soft").unwrap();
    file.link_soft("data", "soft").unwrap();
    file.close().unwrap();
    for inner in
        ["data", "group/x", "whole/entry/x", "far", "moved", "chain/x", "soft", "deep/soft/x", "group//x/"]
    {
        check(&files, &format!("master.h5#/{inner}"), &expected);
    }
    let tree = crate::describe_tree(&files.uri("master.h5")).unwrap();
    let note = |name: &str| tree.members.iter().find(|member| member.name == name).unwrap().note.clone();
    assert_eq!(
        ["chain", "data", "soft"].map(note),
        ["link into another file"; 3].map(|note| Some(note.to_owned()))
    );
    // What a group there holds is asked for by way of this file.
    let tree = crate::describe_tree(&files.uri("master.h5#/whole")).unwrap();
    let uri = &tree.members[0].members[0].description.uri;
    assert_eq!(*uri, files.uri("master.h5#/whole/entry/x"));
    check(&files, "master.h5#/whole/entry/x", &expected);
    // The version is that of the file with the elements.
    let source = crate::open(&files.uri("master.h5#/data")).unwrap();
    let own = crate::open(&files.uri("sub/data.h5#/entry/x")).unwrap();
    let (Kind::Source(found), Kind::Source(own)) = (source.kind(), own.kind()) else { panic!() };
    assert_eq!(found.version(), own.version());
    fs::remove_file(files.path("master.h5")).unwrap();
    assert_eq!(read(&*source, &Region::full(&[3])).unwrap().to_vec::<i32>(), expected.to_vec::<i32>());
}

#[test]
fn what_is_not_there_is_told_with_the_places() {
    let files = Files::new();
    files.dataset("data.h5", "x");
    files.link("m.h5", &[("gone", "gone.h5", "/x"), ("y", "data.h5", "/y"), ("x", "data.h5", "x")]);
    let error = files.error("m.h5#/gone/deeper");
    let looked = format!(r#"looked for it at "{}", "gone.h5""#, files.uri("gone.h5"));
    assert!(error.contains(r#"a link leads to "/x/deeper" in another file, "gone.h5""#), "{error}");
    assert!(error.contains(&looked), "{error}");
    let error = files.error("m.h5#/y");
    let there = format!("(a link to {}#/y): there is no \"y\" in it; it holds \"x\"", files.uri("data.h5"));
    assert!(error.starts_with(&files.uri("m.h5#/y")) && error.contains(&there), "{error}");
    assert!(files.error("m.h5#/x/z").contains("is a dataset, not a group"));
    let bytes = fs::read(files.path("data.h5")).unwrap();
    fs::write(files.path("data.h5"), &bytes[..bytes.len() / 2]).unwrap();
    let error = files.error("m.h5#/x");
    assert!(error.contains("truncated") && error.contains(&files.uri("data.h5#/x")), "{error}");
    fs::write(files.path("data.h5"), "none").unwrap();
    assert!(files.error("m.h5#/x").contains("not an HDF5 file"));
}

#[test]
fn links_without_an_end_are_told() {
    let files = Files::new();
    files.link("a.h5", &[("x", "b.h5", "/y"), ("grows", "a.h5", "/grows/grows"), ("self", "a.h5", "/self")]);
    files.link("b.h5", &[("y", "a.h5", "/x")]);
    let error = files.error("a.h5#/x");
    let (a, b) = (files.uri("a.h5#/x"), files.uri("b.h5#/y"));
    assert!(error.ends_with(&format!("links into other files lead in a circle: {a}, {b}, {a}")), "{error}");
    assert!(files.error("a.h5#/self").contains("lead in a circle"));
    assert!(files.error("a.h5#/grows").contains("more than 16 links into other files"));
    // Sixteen are followed.
    let expected = files.dataset("n16.h5", "x");
    for number in 0..16 {
        let next = format!("n{}.h5", number + 1);
        files.link(&format!("n{number}.h5"), &[("x", &next, "/x")]);
    }
    check(&files, "n0.h5#/x", &expected);
    files.link("before.h5", &[("x", "n0.h5", "/x")]);
    assert!(files.error("before.h5#/x").contains("more than 16"));
}

#[test]
fn a_library_dataset_behind_a_link_is_checked_in_its_own_file() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/hdf5/refused.h5");
    let files = Files::new();
    fs::create_dir(files.path("sub")).unwrap();
    fs::copy(fixture, files.path("sub/refused.h5")).unwrap();
    let links = [("packed", "sub/refused.h5", "scaleoffset"), ("virtual", "sub/refused.h5", "virtual")];
    files.link("m.h5", &links);
    assert_eq!(reader(&files.uri("m.h5#/packed")), "Hdf5LibrarySource");
    let expected: Vec<i32> = (0..8).map(|i| i * 3 - 20).collect();
    assert_eq!(read_all(&files.uri("m.h5#/packed")).to_vec::<i32>(), expected);
    // The virtual dataset is made of `y` in `other.h5`, beside its own file: here a link again.
    let block = files.dataset("elsewhere.h5", "z");
    files.link("sub/other.h5", &[("y", "../elsewhere.h5", "/z")]);
    let uri = files.uri("m.h5#/virtual");
    assert_eq!(read_all(&uri).to_vec::<i32>()[..3], block.to_vec::<i32>());
    let whole = fs::read(files.path("elsewhere.h5")).unwrap();
    let tree = whole.windows(4).rposition(|bytes| bytes == b"TREE").unwrap();
    let mut damaged = whole.clone();
    damaged[tree + 6] = 0xff;
    fs::write(files.path("elsewhere.h5"), damaged).unwrap();
    let error = crate::open(&uri).unwrap_err().to_string();
    assert!(error.contains("other.h5#/y") && error.contains("elsewhere.h5#/z"), "{error}");
    // What is missing is filled, as it is by the library, which keeps open what it has opened once.
    fs::remove_file(files.path("elsewhere.h5")).unwrap();
    for again in ["gone", "circle"] {
        fs::copy(files.path("sub/refused.h5"), files.path(&format!("sub/{again}.h5"))).unwrap();
        files.link(&format!("{again}.h5"), &[("virtual", &format!("sub/{again}.h5"), "virtual")]);
        assert_eq!(read_all(&files.uri(&format!("{again}.h5#/virtual"))).to_vec::<i32>(), [0; 6], "{again}");
        if again == "gone" {
            files.link("elsewhere.h5", &[("z", "sub/other.h5", "/y")]);
        }
    }
}

fn write_array(uri: &str) -> brickwork_core::Result<()> {
    let sink = crate::create(uri, &crate::SinkOptions::default())?;
    sink.create(&Meta::whole(&[3], DType::I32))?;
    sink.write(&Region::full(&[3]), &sample(DType::I32, &[3]))?;
    sink.commit()
}

#[test]
fn other_files_are_neither_written_nor_indexed_through_a_link() {
    let files = Files::new();
    files.dataset("data.h5", "x");
    files.dataset("m.h5", "own");
    files.link("m.h5", &[("x", "data.h5", "/x"), ("group", "data.h5", "/")]);
    let before = ["m.h5", "data.h5"].map(|name| fs::read(files.path(name)).unwrap());
    let written = write_array(&files.uri("m.h5#/group/new/y"));
    assert!(written.unwrap_err().to_string().contains("not written from here"));
    assert_eq!(["m.h5", "data.h5"].map(|name| fs::read(files.path(name)).unwrap()), before);
    write_array(&files.uri("m.h5#/group2/new")).unwrap();
    let options = crate::SinkOptions { region: Some(Region::full(&[3])), ..crate::SinkOptions::default() };
    let error = crate::create(&files.uri("m.h5#/x"), &options).unwrap_err().to_string();
    assert!(error.contains("not written from here"), "{error}");
    assert!(crate::create(&files.uri("m.h5#/own"), &options).is_ok());
    #[cfg(feature = "zarr")]
    {
        let json = || crate::WholeFile::new(&files.path("m.json"), true).unwrap();
        let error = crate::hdf5::write_references(&files.uri("m.h5#/x"), json()).unwrap_err().to_string();
        assert!(error.contains("in another file, 'data.h5', which is not followed here"), "{error}");
        let found = crate::hdf5::write_references(&files.uri("m.h5"), json()).unwrap();
        let left_out = ["/group", "/x"].map(|path| (path.to_owned(), "link into another file".to_owned()));
        assert_eq!((found.left_out.as_slice(), found.datasets), (left_out.as_slice(), 2));
    }
}

#[cfg(feature = "cloud")]
#[test]
fn nothing_is_looked_for_beside_remote_files() {
    use object_store::ObjectStoreExt;
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/hdf5/groups_old.h5");
    let inner = std::sync::Arc::new(object_store::memory::InMemory::new());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(inner.put(&"m.h5".into(), fs::read(fixture).unwrap().into())).unwrap();
    crate::cloud::register("memory://links", inner).unwrap();
    let uri = "memory://links/m.h5#/elsewhere";
    for error in [crate::open(uri).map(|_| ()), crate::describe(uri).map(|_| ())] {
        let error = error.unwrap_err().to_string();
        let reason = "a link leads to '/y' in another file, 'other.h5', which is not followed here";
        assert!(error.starts_with(uri) && error.contains(reason), "{error}");
    }
}
