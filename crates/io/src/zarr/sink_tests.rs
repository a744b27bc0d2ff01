//! Writing Zarr arrays, and reading them again.

use super::*;
use crate::test_support::{meta, read, read_all, sample, store, store_meta};
use brickwork_core::{AxisRange, Block, ChunkSpec, TimeUnit};

fn options(codec: &str) -> SinkOptions {
    SinkOptions { overwrite: true, codec: Some(codec.into()), ..SinkOptions::default() }
}

fn uri(directory: &tempfile::TempDir, name: &str) -> String {
    directory.path().join(name).to_str().unwrap().to_owned()
}

#[test]
fn every_dtype_shape_and_codec_comes_back() {
    let directory = tempfile::tempdir().unwrap();
    let uri = uri(&directory, "x.zarr");
    let dates = [DType::DateTime(TimeUnit::Second), DType::TimeDelta(TimeUnit::Nanosecond)];
    for (k, dtype) in DType::NUMERIC.into_iter().chain(dates).enumerate() {
        for shape in [vec![], vec![0, 3], vec![11], vec![5, 4, 3]] {
            let block = sample(dtype, &shape);
            let chunk: Vec<usize> = shape.iter().map(|len: &usize| (*len).clamp(1, 3)).collect();
            let meta = Meta::new(&shape, dtype, ChunkGrid::regular(&shape, &chunk));
            let codec = ["none", "zstd:0", "gzip:1", "blosc"][k % 4];
            store_meta(&ZarrSink::new(&uri, &options(codec)).unwrap(), &meta, &block, &vec![2; shape.len()]);
            let found = read_all(&uri);
            assert_eq!(found.as_bytes(), block.as_bytes(), "{dtype} {shape:?} {codec}");
            assert_eq!((found.dtype(), found.shape()), (dtype, shape.as_slice()));
        }
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn any_region_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let block = sample(DType::I32, &[23, 17]);
    let grid = ChunkGrid::regular(&[23, 17], &[5, 4]);
    for codec in ["none", "zstd"] {
        let uri = uri(&directory, "x.zarr");
        let meta = Meta::new(&[23, 17], DType::I32, grid.clone());
        store_meta(&ZarrSink::new(&uri, &options(codec)).unwrap(), &meta, &block, &[1, 2]);
        let source = crate::open(&uri).unwrap();
        let region = Region::new(vec![AxisRange::stepped(1, 4, 7), AxisRange::new(3, 11)]);
        let found = read(&*source, &region).unwrap();
        assert_eq!(found.to_vec::<i32>(), block.slice(&region).to_vec::<i32>());
    }
}

#[test]
fn of_long_chunks_without_codecs_only_what_is_wanted_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let uri = uri(&directory, "x.zarr");
    let block = sample(DType::F64, &[1000, 1000]);
    let meta = Meta::new(&[1000, 1000], DType::F64, ChunkGrid::regular(&[1000, 1000], &[600, 1000]));
    store_meta(&ZarrSink::new(&uri, &options("none")).unwrap(), &meta, &block, &[1, 1]);
    let source = crate::open(&uri).unwrap();
    let brickwork_core::Kind::Source(reader) = source.kind() else { panic!() };
    assert!(reader.granule_grid().is_none());
    let region = Region::new(vec![AxisRange::stepped(590, 20, 2), AxisRange::new(10, 5)]);
    let granules = reader.plan_read(&region).unwrap();
    assert_eq!(granules.iter().map(|granule| granule.encoded_bytes).sum::<usize>(), 20 * 5 * 8);
    assert_eq!(read(&*source, &region).unwrap().to_vec::<f64>(), block.slice(&region).to_vec::<f64>());
}

#[test]
fn arrays_go_into_groups_of_new_and_old_stores() {
    let directory = tempfile::tempdir().unwrap();
    let root = uri(&directory, "x.zarr");
    let block = sample(DType::U8, &[4]);
    for name in ["a/b/t", "a/u"] {
        let sink = ZarrSink::new(&format!("{root}#/{name}"), &SinkOptions::default()).unwrap();
        store(&sink, &block, &[1]);
        assert_eq!(read_all(&format!("{root}#/{name}")).to_vec::<u8>(), block.to_vec::<u8>());
    }
    assert_eq!(crate::describe(&root).unwrap().children, ["a/"]);
    assert_eq!(crate::describe(&format!("{root}#a")).unwrap().children, ["b/", "u"]);
    let error = crate::open(&format!("{root}#/a")).unwrap_err().to_string();
    assert!(
        error.ends_with(
            "\"a\" is a group, not an array; name an array in it after '#': it holds \"b/\", \"u\""
        )
    );
    let error = crate::open(&format!("{root}#/a/v")).unwrap_err().to_string();
    assert!(error.ends_with("there is no \"v\" in it; it holds \"b/\", \"u\""), "{error}");
    let sink = ZarrSink::new(&format!("{root}#/a/u/w"), &SinkOptions::default()).unwrap();
    let error = sink.create(&Meta::whole(&[4], DType::U8)).unwrap_err().to_string();
    assert!(error.contains("is an array; it cannot hold another one"), "{error}");
}

#[test]
fn nothing_is_left_of_an_abort_or_there_before_commit() {
    let directory = tempfile::tempdir().unwrap();
    let sink = ZarrSink::new(&uri(&directory, "x.zarr#/g/t"), &SinkOptions::default()).unwrap();
    let meta = Meta::whole(&[4], DType::I64);
    sink.create(&meta).unwrap();
    let block = Block::from_vec(vec![1i64, 2, 3, 4], &[4]);
    sink.write(&Region::full(&[4]), &block).unwrap();
    assert!(crate::open(&uri(&directory, "x.zarr#/g/t")).is_err());
    sink.abort();
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    store(&sink, &block, &[1]);
    let error = sink.create(&meta).unwrap_err().to_string();
    assert!(error.ends_with("exists already; allow overwriting it, or choose another name"), "{error}");
}

#[test]
fn damage_is_told_with_the_chunk() {
    let directory = tempfile::tempdir().unwrap();
    for (codec, expected) in [
        ("none", "it has 10 bytes, and needs 16"),
        ("zstd", "damaged"),
        ("gzip", "damaged"),
        ("blosc", "damaged"),
    ] {
        let uri = uri(&directory, "x.zarr");
        let meta = Meta::new(&[4], DType::I64, ChunkGrid::regular(&[4], &[2]));
        store_meta(&ZarrSink::new(&uri, &options(codec)).unwrap(), &meta, &sample(DType::I64, &[4]), &[1]);
        fs::write(Path::new(&uri).join("c/1"), [0x5a; 10]).unwrap();
        let source = crate::open(&uri).unwrap();
        let error = read(&*source, &Region::full(&[4])).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{uri}: chunk [1]: ")) && error.contains(expected), "{error}");
        // A chunk that is not there has the fill value.
        fs::remove_file(Path::new(&uri).join("c/1")).unwrap();
        assert_eq!(read(&*source, &Region::full(&[4])).unwrap().to_vec::<i64>()[2..], [0, 0]);
        fs::write(Path::new(&uri).join("zarr.json"), "{\"zarr_format\": 3, \"node").unwrap();
        assert!(crate::open(&uri).unwrap_err().to_string().contains("corrupt zarr.json: EOF while parsing"));
    }
    let error = crate::open(&uri(&directory, "none.zarr")).unwrap_err().to_string();
    assert!(error.ends_with("none.zarr: there is no such file or directory"), "{error}");
    fs::create_dir(directory.path().join("empty.zarr")).unwrap();
    assert!(crate::open(&uri(&directory, "empty.zarr")).unwrap_err().to_string().contains("is not Zarr"));
    fs::write(directory.path().join("file"), "").unwrap();
    for name in ["file/x.zarr", "file/x.zarr#/t"] {
        let sink = ZarrSink::new(&uri(&directory, name), &SinkOptions::default()).unwrap();
        let error = sink.create(&Meta::whole(&[4], DType::U8)).unwrap_err().to_string();
        assert!(error.contains("cannot"), "{error}");
    }
}

#[test]
fn axes_have_names_if_they_are_given() {
    let directory = tempfile::tempdir().unwrap();
    let uri = uri(&directory, "x.zarr");
    let named = |names: &[&str]| SinkOptions {
        dimension_names: Some(names.iter().map(|name| name.to_string()).collect()),
        ..SinkOptions::default()
    };
    let error = ZarrSink::new(&uri, &named(&["x", "y"])).unwrap().create(&Meta::whole(&[4], DType::U8));
    assert!(error.unwrap_err().to_string().ends_with("2 names for 1 axes; give every axis a name"));
    store(&ZarrSink::new(&uri, &named(&["x"])).unwrap(), &sample(DType::U8, &[4]), &[1]);
    let text = fs::read(Path::new(&uri).join("zarr.json")).unwrap();
    let metadata = parse_json(&text, "zarr.json").unwrap();
    assert_eq!(metadata["dimension_names"], json!(["x"]));
}

#[test]
fn writes_that_cut_chunks_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let sink = ZarrSink::new(&uri(&directory, "x.zarr"), &SinkOptions::default()).unwrap();
    sink.create(&Meta::new(&[4], DType::U8, ChunkGrid::regular(&[4], &[3]))).unwrap();
    let error = sink.write(&Region::new(vec![AxisRange::new(0, 2)]), &sample(DType::U8, &[2])).unwrap_err();
    assert!(error.to_string().contains("region [0:2] cuts chunk [0], which holds [0:3]"), "{error}");
}

#[test]
fn a_changed_array_is_noticed_and_descriptions_travel() {
    let directory = tempfile::tempdir().unwrap();
    let uri = uri(&directory, "x.zarr");
    store(&ZarrSink::new(&uri, &options("zstd")).unwrap(), &sample(DType::F32, &[6]), &[1]);
    let source = crate::open(&uri).unwrap();
    let text = serde_json::to_string(&*source).unwrap();
    assert!(text.contains("brickwork_io::ZarrSource"));
    let travelled: Box<dyn brickwork_core::Operation> = serde_json::from_str(&text).unwrap();
    assert_eq!(meta(&*travelled), meta(&*source));
    assert_eq!(read(&*travelled, &Region::full(&[6])).unwrap().to_vec::<f32>().len(), 6);
    store(&ZarrSink::new(&uri, &options("zstd")).unwrap(), &sample(DType::F32, &[60]), &[1]);
    let error = read(&*travelled, &Region::full(&[6])).unwrap_err().to_string();
    assert!(error.contains("has changed since it was opened"), "{error}");
}

#[test]
fn chunks_of_lengths_of_their_own_are_written_where_they_are_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let place = uri(&directory, "x.zarr");
    let lengths = |lengths: &[usize]| brickwork_core::AxisSpec::Lengths(lengths.to_vec());
    let options = SinkOptions {
        chunks: Some(ChunkSpec::Axes(vec![lengths(&[5, 12, 6]), lengths(&[8, 8, 1])])),
        overwrite: true,
        ..SinkOptions::default()
    };
    let block = sample(DType::I32, &[23, 17]);
    for codec in ["none", "zstd"] {
        let options = SinkOptions { codec: Some(codec.into()), ..options.clone() };
        let sink = ZarrSink::new(&place, &options).unwrap();
        let meta = Meta::whole(&[23, 17], DType::I32);
        let grid = sink.create(&meta).unwrap();
        for region in crate::test_support::regions(&grid) {
            sink.write(&region, &block.slice(&region)).unwrap();
        }
        sink.commit().unwrap();
        assert_eq!(read_all(&place).to_vec::<i32>(), block.to_vec::<i32>(), "{codec}");
        let part = Region::new(vec![AxisRange::stepped(4, 3, 7), AxisRange::new(7, 10)]);
        let source = crate::open(&place).unwrap();
        let found = crate::test_support::read(&*source, &part).unwrap();
        assert_eq!(found.to_vec::<i32>(), block.slice(&part).to_vec::<i32>());
        assert_eq!(crate::test_support::meta(&*source).chunks, grid);
    }
    let metadata = std::fs::read_to_string(directory.path().join("x.zarr/zarr.json")).unwrap();
    let metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap();
    // The second axis can be said with one length.
    assert_eq!(metadata["chunk_grid"]["configuration"]["chunk_shapes"], serde_json::json!([[5, 12, 6], 8]));
    // A part of it is written like that of any array.
    let region = Region::new(vec![AxisRange::new(3, 10), AxisRange::at(16)]);
    let options_of_part = SinkOptions { region: Some(region.clone()), ..SinkOptions::default() };
    store(
        &*crate::create(&place, &options_of_part).unwrap(),
        &Block::from_vec(vec![-1_i32; 10], &[10, 1]),
        &[1, 1],
    );
    let (changed, before) = (read_all(&place).to_vec::<i32>(), block.to_vec::<i32>());
    for (k, (changed, before)) in changed.into_iter().zip(before).enumerate() {
        let is_written = k % 17 == 16 && (3..13).contains(&(k / 17));
        assert_eq!(changed, if is_written { -1 } else { before }, "element {k}");
    }
    let sharded = SinkOptions { shards: Some(ChunkSpec::from([23, 17])), ..options };
    let error =
        ZarrSink::new(&place, &sharded).unwrap().create(&Meta::whole(&[23, 17], DType::I32)).unwrap_err();
    assert!(error.to_string().contains("shards hold chunks of one length"), "{error}");
}
