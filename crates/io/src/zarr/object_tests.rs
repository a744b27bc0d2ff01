//! Zarr in object stores: what is written comes back, whatever the store does on the way.

use std::sync::Arc;
use std::time::Duration;

use brickwork_core::{AxisRange, Block, ChunkGrid, ChunkSpec, DType, Meta, Region};
use brickwork_testkit::{FaultyStore, Meets};
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::cloud::register;
use crate::options::SinkOptions;
use crate::test_support::{meta, read, read_all, sample, store};

fn options(overwrite: bool) -> SinkOptions {
    SinkOptions { overwrite, chunks: Some(ChunkSpec::from([4, 5])), ..SinkOptions::default() }
}

fn write(uri: &str, options: &SinkOptions, block: &Block) {
    store(&*crate::create(uri, options).unwrap(), block, &[1, 2]);
}

fn keys(store: &dyn ObjectStore) -> Vec<String> {
    use futures_util::TryStreamExt;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let found: Vec<_> = runtime.block_on(store.list(None).try_collect()).unwrap();
    found.into_iter().map(|object| object.location.to_string()).collect()
}

#[test]
fn arrays_are_written_into_object_stores_and_read_again() {
    let block = sample(DType::I32, &[11, 13]);
    for (codec, shards) in [("none", None), ("zstd", None), ("blosc", Some(ChunkSpec::from([8, 10])))] {
        let uri = "memory://written/a b/x.zarr#/group/t";
        let options = SinkOptions { codec: Some(codec.into()), shards, ..options(true) };
        write(uri, &options, &block);
        assert_eq!(read_all(uri).to_vec::<i32>(), block.to_vec::<i32>(), "{codec}");
        let region = Region::new(vec![AxisRange::stepped(1, 4, 3), AxisRange::new(2, 7)]);
        let part = read(&*crate::open(uri).unwrap(), &region).unwrap();
        assert_eq!(part.to_vec::<i32>(), block.slice(&region).to_vec::<i32>());
    }
    let group = crate::describe("memory://written/a b/x.zarr").unwrap();
    assert_eq!(group.children, ["group/"]);
    let array = crate::describe("memory://written/a b/x.zarr#group/t").unwrap();
    assert_eq!(array.shape, Some(vec![11, 13]));
    assert!(array.stored_bytes.is_some_and(|bytes| bytes > 0));
    let tree = crate::describe_tree("memory://written/a b/x.zarr").unwrap();
    assert_eq!(tree.members[0].members[0].name, "t");
    let text = |uri: &str| crate::open(uri).unwrap_err().to_string();
    assert!(text("memory://written/a b/x.zarr#/group/u").contains("there is no \"u\" in it; it holds \"t\""));
    assert!(text("memory://written/a b/x.zarr#/group").contains("is a group, not an array"));
    assert!(
        text("memory://written/other.zarr").contains("there is no such object; check the name and the path")
    );
}

#[test]
fn an_array_without_axes_and_absent_chunks_are_read() {
    let uri = "memory://scalars/x.zarr";
    let block = Block::from_vec(vec![7.5_f64], &[]);
    store(&*crate::create(uri, &SinkOptions::default()).unwrap(), &block, &[]);
    assert_eq!(read_all(uri).to_vec::<f64>(), [7.5]);
    write("memory://scalars/y.zarr", &options(false), &sample(DType::I32, &[8, 5]));
    let store = Arc::new(InMemory::new());
    register("memory://holes", store.clone()).unwrap();
    write("memory://holes/y.zarr", &options(false), &sample(DType::I32, &[8, 5]));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(store.delete(&"y.zarr/c/1/0".into())).unwrap();
    let values = read_all("memory://holes/y.zarr").to_vec::<i32>();
    assert_eq!(values[..20], sample(DType::I32, &[8, 5]).to_vec::<i32>()[..20]);
    assert_eq!(values[20..], [0; 20]);
}

#[test]
fn what_is_there_is_replaced_only_if_allowed_and_nothing_else_is_touched() {
    let inner = Arc::new(InMemory::new());
    register("memory://replaced", inner.clone()).unwrap();
    let uri = "memory://replaced/x.zarr";
    write(uri, &options(false), &sample(DType::I32, &[16, 10]));
    write("zarr:memory://replaced/x.zarr2#/other", &SinkOptions::default(), &sample(DType::I32, &[3]));
    let small = sample(DType::F32, &[3, 2]);
    let create = |options: &SinkOptions| {
        crate::create(uri, options)
            .unwrap()
            .create(&Meta::whole(&[3, 2], DType::F32))
            .unwrap_err()
            .to_string()
    };
    assert!(create(&options(false)).contains("exists already"));
    write(uri, &options(true), &small);
    assert_eq!(read_all(uri).to_vec::<f32>(), small.to_vec::<f32>());
    let expected = [
        "x.zarr/c/0/0",
        "x.zarr/zarr.json",
        "x.zarr2/other/c/0",
        "x.zarr2/other/zarr.json",
        "x.zarr2/zarr.json",
    ];
    assert_eq!(keys(&*inner), expected);
    // What is no part of an array stays.
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(inner.put(&"x.zarr/notes.txt".into(), "mine".into())).unwrap();
    assert!(create(&options(true)).contains("holds \"notes.txt\""));
    let error = crate::create("https://server/x.zarr", &options(true)).unwrap_err().to_string();
    assert!(
        error.contains("a Zarr array cannot be written to https://; web servers are only read"),
        "{error}"
    );
    let error = crate::create("s3://bucket/x.npy", &SinkOptions::default()).unwrap_err().to_string();
    assert!(error.contains("an .npy file cannot be written to s3://"), "{error}");
}

#[test]
fn a_part_of_an_array_is_written_and_the_rest_stays() {
    let uri = "memory://parts/x.zarr#/t";
    let before = sample(DType::I32, &[11, 13]);
    write(uri, &options(false), &before);
    let region = Region::new(vec![AxisRange::stepped(1, 4, 3), AxisRange::new(2, 9)]);
    let part = Block::from_vec(vec![-1; 36], &[4, 9]);
    let options = SinkOptions { region: Some(region.clone()), ..SinkOptions::default() };
    store(&*crate::create(uri, &options).unwrap(), &part, &[1, 1]);
    let mut expected = brickwork_core::BlockMut::zeroed(DType::I32, &[11, 13]);
    expected.view_mut().assign(&before);
    expected.slice_mut(&region).assign(&part);
    assert_eq!(read_all(uri).to_vec::<i32>(), expected.freeze().to_vec::<i32>());
}

#[test]
fn a_run_that_fails_never_looks_whole() {
    let inner = Arc::new(InMemory::new());
    register("memory://failed", inner.clone()).unwrap();
    let uri = "memory://failed/x.zarr";
    let block = sample(DType::I32, &[8, 10]);
    let begin = |options: &SinkOptions| {
        let sink = crate::create(uri, options).unwrap();
        sink.create(&Meta::whole(&[8, 10], DType::I32)).unwrap();
        let first = Region::new(vec![AxisRange::new(0, 4), AxisRange::new(0, 5)]);
        sink.write(&first, &block.slice(&first)).unwrap();
        sink
    };
    let sink = begin(&options(false));
    let text = |uri: &str| crate::open(uri).unwrap_err().to_string();
    sink.abort();
    assert!(sink.lost().is_none() && keys(&*inner).is_empty());
    // One that was killed leaves chunks; nobody takes them for an array.
    let killed = begin(&options(false));
    assert!(text(uri).contains("holds chunks and no metadata"), "{}", text(uri));
    let again = crate::create(uri, &options(false)).unwrap();
    let error = again.create(&Meta::whole(&[8, 10], DType::I32)).unwrap_err().to_string();
    assert!(error.contains("allow overwriting it"), "{error}");
    drop(killed);
    write(uri, &options(true), &block);
    // An array that is replaced is gone as soon as the run begins, and that is said.
    let sink = begin(&options(true));
    assert!(!keys(&*inner).contains(&"x.zarr/zarr.json".to_owned()));
    sink.abort();
    assert!(sink.lost().unwrap().contains("the array that was there is gone"));
    assert!(keys(&*inner).is_empty());
}

#[test]
fn what_breaks_off_is_asked_for_again() {
    let inner = Arc::new(InMemory::new());
    let block = sample(DType::I32, &[12, 15]);
    for meets in [Meets::Reset, Meets::CutOff] {
        let faulty = FaultyStore::new(inner.clone(), Duration::ZERO, move |number, _| {
            if number % 3 == 0 { meets } else { Meets::Nothing }
        });
        register("memory://faulty", faulty.clone()).unwrap();
        write("memory://faulty/x.zarr", &options(true), &block);
        assert_eq!(read_all("memory://faulty/x.zarr").to_vec::<i32>(), block.to_vec::<i32>(), "{meets:?}");
        assert!(faulty.requests() > 0);
    }
}

#[test]
fn what_stays_wrong_is_an_error_that_names_the_place() {
    let inner = Arc::new(InMemory::new());
    register("memory://wrong", inner.clone()).unwrap();
    let block = sample(DType::I32, &[8, 10]);
    write("memory://wrong/x.zarr", &options(false), &block);
    let source = crate::open("memory://wrong/x.zarr").unwrap();
    let whole = Region::full(&meta(&*source).shape);
    for (meets, expected) in [
        (Meets::Refusal, "access is refused (403)"),
        (Meets::Reset, "the connection was cut again and again"),
        (Meets::Short, "truncated: an answer for x.zarr"),
    ] {
        let faulty = FaultyStore::new(inner.clone(), Duration::ZERO, move |_, _| meets);
        register("memory://refused", faulty).unwrap();
        let error = crate::open("memory://refused/x.zarr").unwrap_err().to_string();
        assert!(error.starts_with("memory://refused/x.zarr: ") && error.contains(expected), "{error}");
    }
    // Metadata are read; then chunks are refused.
    let faulty = FaultyStore::new(inner.clone(), Duration::ZERO, |number, writes| {
        if number >= 4 || writes { Meets::Refusal } else { Meets::Nothing }
    });
    register("memory://later", faulty).unwrap();
    let source = crate::open("memory://later/x.zarr").unwrap();
    // Chunks are asked for side by side: any of them may be refused first.
    let error = read(&*source, &whole).unwrap_err().to_string();
    assert!(error.contains("memory://later/x.zarr: chunk [") && error.contains("(403)"), "{error}");
}

#[test]
fn chunk_grids_are_those_of_the_store() {
    let uri = "memory://grids/x.zarr";
    write(uri, &options(false), &sample(DType::U8, &[9, 9]));
    let source = crate::open(uri).unwrap();
    assert_eq!(meta(&*source).chunks, ChunkGrid::regular(&[9, 9], &[4, 5]));
}
