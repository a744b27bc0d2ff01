//! Every sink does what sinks must do.

#![cfg(all(feature = "npy", feature = "zarr"))]

use std::sync::Arc;

use brickwork_core::{ChunkSpec, Node, Sink, Value};
use brickwork_io::SinkOptions;
use brickwork_ops::Array;
use brickwork_testkit::check_sink;

/// Checks the sinks for places of this form: `{}` stands for a name.
fn check(form: &str, options: &SinkOptions) {
    let directory = tempfile::tempdir().unwrap();
    let uri = |name: &str| match form.contains("://") {
        true => form.replace("{}", name),
        false => format!("{}/{}", directory.path().display(), form.replace("{}", name)),
    };
    let open = |name: &str| -> Arc<dyn Sink> {
        Arc::from(brickwork_io::create(&uri(name), options).unwrap_or_else(|error| panic!("{error}")))
    };
    let read = |name: &str| {
        let operation = brickwork_io::open(&uri(name)).ok()?;
        Some(Array::new(Value::new(Node::shared(operation, Vec::new()).expect("a source has no inputs"))))
    };
    check_sink(&open, &read);
}

fn with_codec(codec: &str) -> SinkOptions {
    SinkOptions { codec: Some(codec.into()), chunks: Some(ChunkSpec::from(4)), ..SinkOptions::default() }
}

#[test]
fn npy() {
    check("{}.npy", &SinkOptions::default());
}

#[test]
fn zarr() {
    check("{}.zarr", &SinkOptions::default());
    check("{}.zarr", &with_codec("blosc"));
    check("group.zarr#/a/{}", &with_codec("none"));
    check("{}.zarr", &SinkOptions { shards: Some(ChunkSpec::from(8)), ..with_codec("gzip:1") });
}

#[cfg(feature = "cloud")]
#[test]
fn zarr_in_an_object_store() {
    check("memory://sinks/{}.zarr", &SinkOptions::default());
    check("memory://sinks/group.zarr#/a/{}", &with_codec("zstd:1"));
    check(
        "memory://sinks/shards-{}.zarr",
        &SinkOptions { shards: Some(ChunkSpec::from(8)), ..with_codec("none") },
    );
}

#[cfg(feature = "hdf5-write")]
#[test]
fn hdf5() {
    check("{}.h5#/x", &SinkOptions::default());
    check("file.h5#/g/{}", &with_codec("shuffle+gzip:1"));
    check("{}.nc#/x", &with_codec("none"));
}

#[cfg(feature = "hdf5-write")]
#[test]
fn sinks_of_one_file_are_published_together() {
    use brickwork_core::{Block, DType, Meta, Region};
    let directory = tempfile::tempdir().unwrap();
    let uri = |name: &str| format!("{}/x.h5#/{name}", directory.path().display());
    let (a, b) = (uri("a"), uri("g/b"));
    let options = SinkOptions::default();
    let make = || brickwork_io::create_all(&[(&a, &options), (&b, &options)]).unwrap();
    let meta = Meta::whole(&[3], DType::I64);
    let block = Block::from_vec(vec![1i64, 2, 3], &[3]);

    let sinks = make();
    for sink in &sinks {
        sink.create(&meta).unwrap();
        sink.write(&Region::full(&[3]), &block).unwrap();
    }
    sinks[0].commit().unwrap();
    assert!(brickwork_io::open(&a).is_err(), "the file waits for the other dataset");
    sinks[1].commit().unwrap();
    assert!(brickwork_io::open(&a).is_ok() && brickwork_io::open(&b).is_ok());

    let (c, d) = (uri("c"), uri("d"));
    let sinks = brickwork_io::create_all(&[(&c, &options), (&d, &options)]).unwrap();
    for sink in &sinks {
        sink.create(&meta).unwrap();
    }
    sinks[1].abort();
    let error = sinks[0].commit().unwrap_err().to_string();
    assert!(error.contains("was given up by another result"), "{error}");
    assert!(brickwork_io::open(&c).is_err() && brickwork_io::open(&a).is_ok());
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}
