//! Reading sharded arrays: chunks inside shards of equal and of other lengths, and shards behind references.

use std::fs;
use std::path::{Path, PathBuf};

use brickwork_core::{AxisRange, Block, BlockMut, ChunkSpec, DType, Kind, Region};
use serde_json::{Value, json};

use super::super::adapter::Codecs;
use super::super::grid::StoredGrid;
use crate::SinkOptions;
use crate::bytes::padded;
use crate::test_support::{read, read_all, sample, store};

const SHAPE: [usize; 2] = [350, 250];

/// An array of shards of lengths of their own along the first axis, the last of which reaches beyond its end.
fn uneven(root: &Path, chunk: [usize; 2], location: &str) -> Block {
    let metadata = json!({
        "zarr_format": 3,
        "node_type": "array",
        "shape": SHAPE,
        "data_type": "float64",
        "chunk_grid": {
            "name": "rectilinear",
            "configuration": {"kind": "inline", "chunk_shapes": [[64, [128, 2], 64], 128]},
        },
        "chunk_key_encoding": {"name": "default"},
        "fill_value": -1.0,
        "codecs": [{"name": "sharding_indexed", "configuration": {
            "chunk_shape": chunk,
            "codecs": [
                {"name": "bytes", "configuration": {"endian": "little"}},
                {"name": "zstd", "configuration": {"level": 1, "checksum": false}},
            ],
            "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}],
            "index_location": location,
        }}],
    });
    let grid = StoredGrid::parse(&metadata["chunk_grid"], &SHAPE).unwrap();
    let codecs = Codecs::new(metadata.clone(), 3, &grid.longest()).unwrap();
    let block = sample(DType::F64, &SHAPE);
    for y in 0..4 {
        for x in 0..2 {
            let lengths = grid.stored_shape(&[y, x]);
            let axes = grid.chunks.axes().iter().zip([y, x]).map(|(axis, k)| axis.chunk_range(k));
            let part = block.slice(&Region::from_iter(axes.map(|(start, len)| AxisRange::new(start, len))));
            let shard = codecs.encode(padded(&part, &lengths).as_bytes().unwrap(), &lengths).unwrap();
            fs::create_dir_all(root.join(format!("c/{y}"))).unwrap();
            fs::write(root.join(format!("c/{y}/{x}")), shard).unwrap();
        }
    }
    fs::write(root.join("zarr.json"), metadata.to_string()).unwrap();
    block
}

/// Compares the whole and some regions, and gives the shape of what is decoded together first.
fn compare(uri: &str, expected: &Block) -> Vec<usize> {
    assert_eq!(read_all(uri).as_bytes(), expected.as_bytes(), "{uri}");
    let source = crate::open(uri).unwrap();
    for region in [
        Region::new(vec![AxisRange::new(60, 150), AxisRange::new(100, 60)]),
        Region::new(vec![AxisRange::stepped(3, 12, 29), AxisRange::stepped(1, 6, 41)]),
        Region::new(vec![AxisRange::at(349), AxisRange::new(0, 250)]),
    ] {
        let found = read(&*source, &region).unwrap();
        let part = expected.slice(&region).to_dense(None);
        assert_eq!(found.as_bytes(), part.as_bytes(), "{uri} {region}");
    }
    let Kind::Source(source) = source.kind() else { panic!() };
    source.plan_read(&Region::full(&SHAPE)).unwrap()[0].region.shape()
}

fn uri(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn shards_of_lengths_of_their_own_are_read_whole_or_chunk_by_chunk() {
    let directory = tempfile::tempdir().unwrap();
    for (chunk, location, together) in
        [([64, 64], "end", [64, 64]), ([64, 64], "start", [64, 64]), ([8, 16], "end", [64, 128])]
    {
        let root = directory.path().join(format!("{}-{location}.zarr", chunk[0]));
        let expected = uneven(&root, chunk, location);
        assert_eq!(compare(&uri(&root), &expected), together);
        let described = crate::describe(&uri(&root)).unwrap();
        assert_eq!((described.chunks, described.shards), (Some(chunk.to_vec()), Some(vec![128, 128])));
        // A part of it is written, and another part was never.
        let region = Region::new(vec![AxisRange::new(150, 60), AxisRange::stepped(3, 60, 4)]);
        let part = sample(DType::F64, &region.shape());
        let options = SinkOptions { region: Some(region.clone()), ..SinkOptions::default() };
        store(&*crate::create(&uri(&root), &options).unwrap(), &part, &[1, 1]);
        fs::remove_file(root.join("c/3/1")).unwrap();
        let mut changed = BlockMut::zeroed(DType::F64, &SHAPE);
        changed.view_mut().assign(&expected);
        changed.slice_mut(&region).assign(&part);
        let gone = Region::new(vec![AxisRange::new(320, 30), AxisRange::new(128, 122)]);
        let fill = Block::from_vec(vec![-1.0; gone.size()], &gone.shape());
        changed.slice_mut(&gone).assign(&fill);
        compare(&uri(&root), &changed.freeze());
        // A shorter shard in the place of a longer one.
        fs::copy(root.join("c/0/0"), root.join("c/1/0")).unwrap();
        let source = crate::open(&uri(&root)).unwrap();
        let error = read(&*source, &Region::full(&SHAPE)).unwrap_err().to_string();
        assert!(error.contains("chunk [1, 0]") && error.contains("shard"), "{error}");
    }
}

#[test]
fn shards_that_hold_no_whole_number_of_chunks_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("x.zarr");
    uneven(&root, [64, 64], "end");
    let text = fs::read_to_string(root.join("zarr.json")).unwrap();
    fs::write(root.join("zarr.json"), text.replace("[128,2]", "[130,2]")).unwrap();
    let error = crate::open(&uri(&root)).unwrap_err().to_string();
    assert!(error.contains("no multiples of those of their chunks, [64, 64]"), "{error}");
}

/// References to the shards of an array: one behind the other in one file, that `place` names.
fn referred(root: &Path, place: &str) -> (Vec<u8>, Value) {
    let mut refs = serde_json::Map::new();
    refs.insert("zarr.json".into(), fs::read_to_string(root.join("zarr.json")).unwrap().into());
    let mut bytes = vec![0xff; 11];
    for entry in walk(&root.join("c")) {
        let shard = fs::read(&entry).unwrap();
        let key = entry.strip_prefix(root).unwrap().display().to_string();
        refs.insert(key, json!([place, bytes.len(), shard.len()]));
        bytes.extend(shard);
        bytes.extend([0xff; 5]);
    }
    (bytes, json!({"version": 1, "refs": refs}))
}

fn walk(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn shards_behind_references_are_read_chunk_by_chunk() {
    let directory = tempfile::tempdir().unwrap();
    let block = sample(DType::F64, &SHAPE);
    for (name, chunk, shard, together) in [
        ("long", [64, 64], Some([128, 192]), [64, 64]),
        ("short", [8, 16], Some([128, 192]), [128, 192]),
        ("uneven", [64, 64], None, [64, 64]),
    ] {
        let root = directory.path().join(format!("{name}.zarr"));
        let expected = match shard {
            Some(shard) => {
                let options = SinkOptions {
                    codec: Some("zstd".into()),
                    chunks: Some(ChunkSpec::from(chunk)),
                    shards: Some(ChunkSpec::from(shard)),
                    ..SinkOptions::default()
                };
                store(&*crate::create(&uri(&root), &options).unwrap(), &block, &[1, 1]);
                block.clone()
            }
            None => uneven(&root, chunk, "start"),
        };
        let (bytes, references) = referred(&root, &format!("{name}.bin"));
        fs::write(directory.path().join(format!("{name}.bin")), &bytes).unwrap();
        let json = directory.path().join(format!("{name}.json"));
        fs::write(&json, references.to_string()).unwrap();
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(compare(&uri(&json), &expected), together, "{name}");
        // A range that is a byte too short, and one that leads behind the end.
        let key = "c/0/0";
        let len = references["refs"][key][2].as_u64().unwrap();
        for (nbytes, words) in [(len - 1, "chunk [0, 0]"), (bytes.len() as u64, "c/0/0 ends at byte")] {
            let mut wrong = references.clone();
            wrong["refs"][key][2] = nbytes.into();
            fs::write(&json, wrong.to_string()).unwrap();
            let source = crate::open(&uri(&json)).unwrap();
            let found = read(&*source, &Region::full(&SHAPE));
            // With its index in front, a shard may do without its last byte.
            if name != "uneven" || nbytes > len {
                let error = found.unwrap_err().to_string();
                assert!(error.contains(words), "{name}: {error}");
            }
        }
    }
}

#[cfg(feature = "cloud")]
#[test]
fn shards_behind_references_to_an_object_are_read_by_ranges() {
    use object_store::ObjectStoreExt;
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("x.zarr");
    let expected = uneven(&root, [64, 64], "end");
    let (bytes, references) = referred(&root, "memory://refs-shards/data.bin");
    let inner = std::sync::Arc::new(object_store::memory::InMemory::new());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(inner.put(&"data.bin".into(), bytes.into())).unwrap();
    crate::cloud::register("memory://refs-shards", inner).unwrap();
    let json = directory.path().join("refs.json");
    fs::write(&json, references.to_string()).unwrap();
    assert_eq!(compare(&uri(&json), &expected), [64, 64]);
}
