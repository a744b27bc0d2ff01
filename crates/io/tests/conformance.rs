//! Every source does what sources must do, for files that other programs wrote: steps of either sign, edges, single
//! elements, granules that hold every element once.

#![cfg(all(feature = "npy", feature = "zarr", feature = "hdf5"))]

use brickwork_core::{
    AxisRange, Block, BlockMut, ChunkSpec, Complex, DType, Element, Kind, Node, Region, Value,
};
use brickwork_io::SinkOptions;
use brickwork_ops::Array;
use brickwork_testkit::check_source;

/// Checks the array at a place in `tests/fixtures` against its values.
fn check(place: &str, expected: &Block) {
    check_at(&format!("{}/tests/fixtures/{place}", env!("CARGO_MANIFEST_DIR")), expected);
}

/// Checks the array at a URI against its values.
fn check_at(uri: &str, expected: &Block) {
    let open = || {
        let operation = brickwork_io::open(uri).unwrap_or_else(|error| panic!("{error}"));
        Array::new(Value::new(Node::shared(operation, Vec::new()).expect("a source has no inputs")))
    };
    check_source(open, expected);
}

fn block<T: Element>(shape: &[usize], value: impl Fn(i64) -> T) -> Block {
    let size: usize = shape.iter().product();
    Block::from_vec((0..size as i64).map(value).collect(), shape)
}

#[test]
fn npy() {
    let shape = [3, 4, 5];
    check("npy/c_float64.npy", &block(&shape, |i| i as f64));
    check("npy/c_uint8.npy", &block(&shape, |i| i as u8));
    check("npy/fortran.npy", &block(&shape, |i| i as f64));
    check("npy/fortran_big.npy", &block(&shape, |i| i as i16));
    check("npy/big_complex.npy", &block(&shape, |i| Complex::new(i as f32, 2.0 * i as f32)));
    check("npy/scalar.npy", &block(&[], |_| 7.5));
    check("npy/empty.npy", &BlockMut::zeroed(DType::U16, &[0, 4]).freeze());
}

#[test]
fn zarr() {
    let shape = [7, 10];
    check("zarr/default.zarr", &block(&shape, |i| i as f64));
    check("zarr/raw_big.zarr", &block(&shape, |i| i as i32));
    check("zarr/blosc.zarr", &block(&shape, |i| i as f32));
    check("zarr/sharded.zarr", &block(&shape, |i| i as f64));
    check("zarr/transposed.zarr", &block(&shape, |i| i as i16));
    check("zarr/v2_fortran.zarr", &block(&shape, |i| i as i32));
    check("zarr/v2_raw_big.zarr", &block(&shape, |i| i as i16));
    check("zarr/complex.zarr", &block(&shape, |i| Complex::new(i as f64, 2.0 * i as f64)));
    check("zarr/fill.zarr", &block(&shape, |i| if i == 0 { 5 } else { -3_i32 }));
    check("zarr/scalar.zarr", &block(&[], |_| 7.5));
}

/// Values of `tests/fixtures/hdf5/make_fixtures.py`.
fn grid() -> Block {
    block(&[10, 9], |i| (i * 3 - 20) as i32)
}

#[test]
fn hdf5() {
    for place in [
        "chunked.h5#/plain",
        "chunked.h5#/shuffle_deflate",
        "fixed_array.h5#/filtered",
        "extensible_array.h5#/columns",
        "btree_v2.h5#/filtered",
        "edges_unfiltered.h5#/both",
        "single_chunk.h5#/plain",
        "implicit.h5#/limited",
        "fletcher32.h5#/all",
        "lzf.h5#/x",
        "user_block.h5#/chunked",
        "user_block_latest.h5#/group/x",
    ] {
        check(&format!("hdf5/{place}"), &grid());
    }
    check("hdf5/contiguous.h5#/x", &block(&[6, 7], |i| (i * 3 - 20) as f32));
    check("hdf5/contiguous.h5#/unwritten", &block(&[3, 2], |_| -7_i16));
    check("hdf5/big_endian.h5#/c16", &block(&[4, 5], |i| Complex::new((i * 3 - 20) as f64, 0.0)));
    check("hdf5/small.h5#/compact", &block(&[2, 3], |i| (i * 3 - 20) as i16));
    check("hdf5/small.h5#/scalar", &block(&[], |_| 2.5));
    check("hdf5/small.h5#/empty_chunked", &BlockMut::zeroed(DType::I32, &[0, 5]).freeze());
    let only_middle = |i: i64| {
        let (row, column) = (i / 9, i % 9);
        if (4..8).contains(&row) && (4..8).contains(&column) { (i * 3 - 20) as i32 } else { -7 }
    };
    check("hdf5/absent.h5#/x", &block(&[10, 9], only_middle));
    check("hdf5/absent_latest.h5#/x", &block(&[10, 9], only_middle));
}

#[cfg(feature = "hdf5-write")]
#[test]
fn hdf5_through_the_library() {
    check("hdf5/refused.h5#/scaleoffset", &block(&[8], |i| (i * 3 - 20) as i32));
}

#[test]
fn npz_and_raw_files() {
    let directory = tempfile::tempdir().unwrap();
    let expected = block(&[40, 30], |i| (i * 7 % 100) as f32);
    let path = directory.path().join("x.bin");
    let mut bytes = vec![1; 5];
    bytes.extend(expected.to_vec::<f32>().into_iter().flat_map(f32::to_be_bytes));
    std::fs::write(&path, bytes).unwrap();
    check_at(&format!("raw:{}#shape=40x30,dtype=>f4,offset=5", path.display()), &expected);
    check("npz/stored.npz#/a", &expected);
    check("npz/packed.npz#/a", &expected);
    check("npz/packed.npz#/fortran", &expected);
}

/// Long enough to be read chunk by chunk, with chunks and shards over the edges.
#[test]
fn shards_chunk_by_chunk() {
    let directory = tempfile::tempdir().unwrap();
    let expected = block(&[190, 130], |i| (i * 31 % 1009) as f64);
    for codec in ["none", "zstd:1", "gzip:1", "blosc"] {
        let place = directory.path().join(format!("{}.zarr", codec.replace(':', "-"))).display().to_string();
        write(&place, codec, &expected);
        check_at(&place, &expected);
        let operation = brickwork_io::open(&place).unwrap();
        let Kind::Source(source) = operation.kind() else { panic!("a source") };
        let corner = Region::new(vec![AxisRange::new(0, 3), AxisRange::new(0, 3)]);
        let granules = source.plan_read(&corner).unwrap();
        assert_eq!(granules.len(), 1);
        assert_eq!(granules[0].region.shape(), [60, 50], "a chunk, not a shard");
    }
}

/// The index of a shard is kept, and must not outlive the shard.
#[test]
fn a_shard_that_is_written_again_is_read_anew() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("x.zarr").display().to_string();
    let zeros = BlockMut::zeroed(DType::F64, &[190, 130]).freeze();
    write(&place, "zstd:1", &zeros);
    let read = || {
        let operation = brickwork_io::open(&place).unwrap();
        let node = Node::shared(operation, Vec::new()).unwrap();
        brickwork_core::eval::evaluate(&Value::new(node)).unwrap().to_vec::<f64>()
    };
    assert!(read().iter().all(|&value| value == 0.0));
    let region = Region::new(vec![AxisRange::new(10, 100), AxisRange::new(20, 90)]);
    let part = block(&[100, 90], |i| i as f64);
    let options = SinkOptions { region: Some(region.clone()), ..SinkOptions::default() };
    let sink = brickwork_io::create(&place, &options).unwrap();
    let meta = brickwork_core::Meta::whole(&[100, 90], DType::F64);
    sink.create(&meta).unwrap();
    sink.write(&Region::full(&[100, 90]), &part).unwrap();
    sink.commit().unwrap();
    let mut expected = BlockMut::zeroed(DType::F64, &[190, 130]);
    expected.slice_mut(&region).assign(&part);
    assert_eq!(read(), expected.freeze().to_vec::<f64>());
}

fn write(place: &str, codec: &str, values: &Block) {
    let options = SinkOptions {
        chunks: Some(ChunkSpec::from(&[60, 50][..])),
        shards: Some(ChunkSpec::from(&[120, 100][..])),
        codec: Some(codec.into()),
        ..SinkOptions::default()
    };
    let sink = brickwork_io::create(place, &options).unwrap();
    let meta = brickwork_core::Meta::whole(values.shape(), values.dtype());
    sink.create(&meta).unwrap();
    sink.write(&Region::full(values.shape()), values).unwrap();
    sink.commit().unwrap();
}
