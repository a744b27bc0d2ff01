//! Writing datasets, and reading them again.

use std::fs;

use brickwork_core::DType;

use super::*;
use crate::test_support::{read, read_all, sample, store, store_meta};

fn options(codec: &str) -> SinkOptions {
    SinkOptions { codec: Some(codec.into()), overwrite: true, ..SinkOptions::default() }
}

fn file(directory: &tempfile::TempDir, name: &str) -> String {
    directory.path().join(name).to_str().unwrap().to_owned()
}

#[test]
fn every_dtype_shape_and_codec_comes_back() {
    let directory = tempfile::tempdir().unwrap();
    for (k, dtype) in DType::NUMERIC.into_iter().enumerate() {
        for shape in [vec![], vec![0, 3], vec![11], vec![5, 4, 3]] {
            let block = sample(dtype, &shape);
            let chunk: Vec<usize> = shape.iter().map(|len: &usize| (*len).clamp(1, 3)).collect();
            let codec = ["none", "gzip:1", "shuffle+gzip:4", "shuffle"][k % 4];
            let uri = format!("{}#/g/h/x{}", file(&directory, "x.h5"), shape.len());
            let meta = Meta::new(&shape, dtype, ChunkGrid::regular(&shape, &chunk));
            store_meta(&Hdf5Sink::new(&uri, &options(codec)).unwrap(), &meta, &block, &vec![2; shape.len()]);
            let found = read_all(&uri);
            assert_eq!(found.as_bytes(), block.as_bytes(), "{dtype} {shape:?} {codec}");
            assert_eq!((found.dtype(), found.shape()), (dtype, shape.as_slice()));
        }
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    let mut children = crate::describe(&format!("{}#g/h", file(&directory, "x.h5"))).unwrap().children;
    children.sort();
    assert_eq!(children, ["x0", "x1", "x2", "x3"]);
}

#[test]
fn contiguous_datasets_are_written_in_any_regions() {
    let directory = tempfile::tempdir().unwrap();
    let uri = format!("{}#/x", file(&directory, "x.h5"));
    let block = sample(DType::F32, &[9, 7]);
    let sink = Hdf5Sink::new(&uri, &SinkOptions::default()).unwrap();
    store(&sink, &block, &[2, 3]);
    assert_eq!(crate::describe(&uri).unwrap().chunks, None);
    let source = crate::open(&uri).unwrap();
    let region = Region::new(vec![AxisRange::stepped(1, 4, 2), AxisRange::new(2, 4)]);
    assert_eq!(read(&*source, &region).unwrap().to_vec::<f32>(), block.slice(&region).to_vec::<f32>());
}

#[test]
fn what_has_no_filters_goes_straight_to_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(&directory, "x.h5");
    // Behind a user block, and beside a dataset that is there already.
    let old = hdf5::FileBuilder::new().with_fcpl(|list| list.userblock(1024)).create(&path).unwrap();
    old.new_dataset_builder().with_data(&[1i32, 2, 3]).create("old").unwrap();
    old.close().unwrap();
    let shared = Arc::new(SharedFile::new(&Location::parse(&path).unwrap()));
    let dtypes = [DType::Bool, DType::I16, DType::F64, DType::C64];
    let shapes = [vec![], vec![9, 7], vec![3, 4, 5], vec![0, 3]];
    let mut sinks = Vec::new();
    for (dtype, shape) in dtypes.iter().zip(&shapes) {
        let location = Location::parse(&format!("{path}#g/{dtype}")).unwrap();
        let sink = Hdf5Sink::within(shared.clone(), location, &SinkOptions::default()).unwrap();
        sink.create(&Meta::whole(shape, *dtype)).unwrap();
        let writing = sink.writing.lock().clone().unwrap();
        // Without elements there is nothing to be put.
        assert_eq!(writing.open.as_ref().unwrap().log.is_in_place(), !shape.contains(&0));
        sinks.push((sink, sample(*dtype, shape)));
    }
    // Blocks of any layout, in pieces that go across rows.
    for (sink, block) in &sinks {
        let lens: Vec<usize> = block.shape().iter().map(|len| len.div_ceil(2).max(1)).collect();
        let turned = crate::strided_file::transposed(&crate::strided_file::transposed(block));
        for region in crate::test_support::regions(&ChunkGrid::regular(block.shape(), &lens)) {
            sink.write(&region, &turned.slice(&region)).unwrap();
        }
    }
    for (sink, _) in &sinks {
        sink.commit().unwrap();
        sink.settle();
    }
    for (sink, block) in &sinks {
        assert_eq!(read_all(&sink.uri()).as_bytes(), block.as_bytes(), "{}", sink.uri());
        assert_eq!(crate::describe(&sink.uri()).unwrap().chunks, None);
    }
    assert_eq!(read_all(&format!("{path}#old")).to_vec::<i32>(), [1, 2, 3]);
    // The library sees the same.
    let found = hdf5::File::open(&path).unwrap().dataset("g/float64").unwrap().read_raw::<f64>().unwrap();
    assert_eq!(found, sinks[2].1.to_vec::<f64>());
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn a_dataset_in_place_is_gone_on_with_again_and_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(&directory, "x.h5");
    let blocks = [sample(DType::F32, &[12, 10]), sample(DType::I16, &[12, 10])];
    let options = SinkOptions { resume: true, ..SinkOptions::default() };
    let origin = Origin { expression: 1, inputs: Vec::new() };
    let row = |row: usize| Region::new(vec![AxisRange::new(row, 2), AxisRange::new(0, 10)]);
    let mut longest = Vec::new();
    // Two of one file: what one of them leaves is the other one's as well.
    for round in 0..6 {
        let shared = Arc::new(SharedFile::new(&Location::parse(&path).unwrap()));
        let sinks = ["a", "b"].map(|name| {
            let location = Location::parse(&format!("{path}#{name}")).unwrap();
            Hdf5Sink::within(shared.clone(), location, &options).unwrap()
        });
        for (sink, block) in sinks.iter().zip(&blocks) {
            sink.create_from(&Meta::whole(&[12, 10], block.dtype()), &origin).unwrap();
            let whole: Vec<bool> = (0..6).map(|k| sink.is_whole(&row(2 * k))).collect();
            assert_eq!(whole, (0..6).map(|k| k < round).collect::<Vec<bool>>(), "round {round}");
            // Another cut than whole rows, too.
            for start in [0, 5] {
                let mut half = row(2 * round);
                *half.axis_mut(1) = AxisRange::new(start, 5);
                sink.write(&half, &block.slice(&half)).unwrap();
            }
        }
        let entries = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap());
        let parts = entries.filter(|entry| !entry.file_name().to_string_lossy().ends_with(".journal"));
        longest.push(parts.map(|entry| entry.metadata().unwrap().len()).max().unwrap());
        assert_eq!(longest[0], longest[round], "nothing is appended");
        for sink in &sinks {
            if round == 5 { sink.commit().unwrap() } else { sink.abort() }
        }
        sinks.iter().for_each(Sink::settle);
    }
    for (name, block) in ["a", "b"].iter().zip(&blocks) {
        assert_eq!(read_all(&format!("{path}#{name}")).as_bytes(), block.as_bytes());
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn a_file_that_was_whole_and_not_renamed_is_gone_on_with() {
    use std::os::unix::fs::MetadataExt;
    for chunks in [None, Some(brickwork_core::ChunkSpec::from(&[4, 3][..]))] {
        let directory = tempfile::tempdir().unwrap();
        let path = file(&directory, "x.h5");
        let block = sample(DType::F32, &[9, 7]);
        let options = SinkOptions { resume: true, chunks, ..SinkOptions::default() };
        let (meta, origin) = (Meta::whole(&[9, 7], DType::F32), Origin { expression: 1, inputs: Vec::new() });
        let sink = Hdf5Sink::new(&format!("{path}#x"), &options).unwrap();
        sink.create_from(&meta, &origin).unwrap();
        sink.write(&Region::full(&[9, 7]), &block).unwrap();
        // What a run leaves that is killed between the seal and the rename.
        let names = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap());
        let part = names.into_iter().find(|entry| !entry.file_name().to_string_lossy().contains("journal"));
        let log = sink.writing.lock().clone().unwrap().open.as_ref().unwrap().log.clone();
        log.seal(part.unwrap().metadata().unwrap().ino()).unwrap();
        drop(log);
        sink.abort();
        // Meanwhile somebody else has made the target.
        create_dataset(Path::new(&path), "other", &block, &Hdf5Layout::default()).unwrap();
        let sink = Hdf5Sink::new(&format!("{path}#x"), &options).unwrap();
        sink.create_from(&meta, &origin).unwrap();
        assert!(sink.is_whole(&Region::full(&[9, 7])), "nothing is to be computed");
        sink.commit().unwrap();
        sink.settle();
        for name in ["x", "other"] {
            assert_eq!(read_all(&format!("{path}#{name}")).as_bytes(), block.as_bytes());
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}

#[test]
fn an_input_that_the_run_itself_has_changed_is_explained() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(&directory, "x.h5");
    let block = sample(DType::F32, &[9, 7]);
    create_dataset(Path::new(&path), "a", &block, &Hdf5Layout::default()).unwrap();
    let options = SinkOptions { resume: true, in_place: true, ..SinkOptions::default() };
    let begin = |version: &str| {
        let origin = Origin { expression: 1, inputs: vec![(format!("{path}#a"), version.into())] };
        let sink = Hdf5Sink::new(&format!("{path}#b"), &options).unwrap();
        let created = sink.create_from(&Meta::whole(&[9, 7], DType::F32), &origin);
        sink.abort();
        created.map(|_| ()).map_err(|error| error.to_string())
    };
    begin("old").unwrap();
    let message = begin("new").unwrap_err();
    assert!(message.contains("(it was old, and is new); leave out resuming to begin again; the input is in"));
    assert!(message.ends_with("what was computed cannot be used again then"), "{message}");
    create_dataset(Path::new(&path), "b", &block, &Hdf5Layout::default()).unwrap();
    assert!(begin("new").unwrap_err().ends_with("there is nothing to be resumed"));
}

#[test]
fn what_is_in_a_file_is_kept_and_not_overwritten_unasked() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(&directory, "x.h5");
    let block = sample(DType::I32, &[6]);
    let layout = Hdf5Layout { chunk: Some(vec![4]), shuffle: true, gzip: Some(1) };
    create_dataset(Path::new(&path), "a", &block, &layout).unwrap();
    create_dataset(Path::new(&path), "b/c", &block, &Hdf5Layout::default()).unwrap();
    assert_eq!(read_all(&format!("{path}#/a")).to_vec::<i32>(), block.to_vec::<i32>());
    assert_eq!(crate::describe(&format!("{path}#/a")).unwrap().codecs, ["shuffle", "gzip(1)"]);
    let text = |name: &str, overwrite: bool| {
        let options = SinkOptions { overwrite, ..SinkOptions::default() };
        let sink = Hdf5Sink::new(&format!("{path}#{name}"), &options).unwrap();
        sink.create(&Meta::whole(&[6], DType::I32)).unwrap_err().to_string()
    };
    assert!(text("a", false).ends_with("exists already; allow overwriting it, or choose another name"));
    assert!(text("b", true).contains("is a group in the file"));
    assert!(text("a/d", true).contains("\"a\" in it is a dataset, not a group"));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    let error = crate::open(&path).unwrap_err().to_string();
    assert!(error.contains("the root is a group, not an array; name an array in it after '#'"), "{error}");
    let error = crate::open(&format!("{path}#/z")).unwrap_err().to_string();
    assert!(error.ends_with("there is no \"z\" in it; it holds \"a\", \"b\""), "{error}");
}

#[test]
fn an_abort_leaves_nothing_and_bad_places_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let sink = Hdf5Sink::new(&format!("{}#x", file(&directory, "x.h5")), &SinkOptions::default()).unwrap();
    sink.create(&Meta::whole(&[6], DType::I32)).unwrap();
    sink.abort();
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    fs::write(directory.path().join("file"), "").unwrap();
    let sink =
        Hdf5Sink::new(&format!("{}#x", file(&directory, "file/x.h5")), &SinkOptions::default()).unwrap();
    let error = sink.create(&Meta::whole(&[6], DType::I32)).unwrap_err().to_string();
    assert!(error.contains("is a file, not a directory"), "{error}");
    assert!(Hdf5Sink::new("x.h5", &SinkOptions::default()).unwrap_err().to_string().contains("out.h5#/x"));
    assert!(Hdf5Sink::new("x.h5#a", &options("lzma")).unwrap_err().to_string().contains("codec \"lzma\""));
    let dates = Meta::whole(&[6], DType::DateTime(brickwork_core::TimeUnit::Day));
    let sink = Hdf5Sink::new(&format!("{}#x", file(&directory, "y.h5")), &SinkOptions::default()).unwrap();
    assert!(sink.create(&dates).unwrap_err().to_string().contains("dtype datetime64[D] cannot be written"));
}

#[test]
fn long_chunks_without_filters_are_read_in_part() {
    let directory = tempfile::tempdir().unwrap();
    let uri = format!("{}#/x", file(&directory, "x.h5"));
    let block = sample(DType::F64, &[500, 400]);
    // The last chunks stand out beyond the array.
    let meta = Meta::new(&[500, 400], DType::F64, ChunkGrid::regular(&[500, 400], &[300, 300]));
    store_meta(&Hdf5Sink::new(&uri, &options("none")).unwrap(), &meta, &block, &[2, 2]);
    let operation = crate::open(&uri).unwrap();
    let brickwork_core::Kind::Source(source) = operation.kind() else { panic!("a dataset is a source") };
    assert!(source.granule_grid().is_none() && source.run_grid().is_some());
    let region = Region::new(vec![AxisRange::stepped(290, 10, 2), AxisRange::new(295, 10)]);
    let granules = source.plan_read(&region).unwrap();
    assert_eq!(granules.iter().map(|granule| granule.encoded_bytes).sum::<usize>(), 100 * 8);
    assert_eq!(read(&*operation, &region).unwrap().to_vec::<f64>(), block.slice(&region).to_vec::<f64>());
    assert_eq!(read_all(&uri).as_bytes(), block.as_bytes());
}
