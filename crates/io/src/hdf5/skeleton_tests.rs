//! Datasets added in place, and runs that are killed while they do.

use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::rc::Rc;

use brickwork_core::{ChunkGrid, DType, Meta, Origin, Region, Sink};

use super::super::graft::tests as graft_tests;
use super::*;
use crate::hdf5::{Hdf5Layout, create_dataset};
use crate::test_support::{read_all, sample, store};
use crate::{SinkOptions, Tree, describe_tree};

fn in_place() -> SinkOptions {
    SinkOptions { in_place: true, ..SinkOptions::default() }
}

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/hdf5");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "h5"));
    files.sort();
    files
}

/// Bytes of all arrays that can be read.
fn contents(place: &str, tree: &Tree, path: &str, found: &mut Vec<(String, Vec<u8>)>) {
    for member in &tree.members {
        let path = format!("{path}/{}", member.name);
        let uri = format!("{place}#{path}");
        let is_small =
            member.description.shape.as_ref().is_some_and(|shape| shape.iter().product::<usize>() < 100_000);
        if is_small && crate::hdf5::open_without_library(&uri).is_ok() {
            found.push((path.clone(), read_all(&uri).as_bytes().unwrap_or_default().to_vec()));
        }
        contents(place, member, &path, found);
    }
}

#[test]
fn every_kind_of_file_keeps_what_it_had() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.h5");
    let place = path.to_str().unwrap();
    let block = sample(DType::F64, &[50, 9]);
    let meta = Meta::new(block.shape(), block.dtype(), ChunkGrid::regular(block.shape(), &[20, 4]));
    let mut num_written = 0;
    for fixture in fixtures() {
        fs::copy(&fixture, &path).unwrap();
        let inode = fs::metadata(&path).unwrap().ino();
        let mut before = Vec::new();
        contents(place, &describe_tree(place).unwrap(), "", &mut before);
        let uri = format!("{place}#/added/in/place");
        let sink = crate::create(&uri, &in_place()).unwrap();
        // Files of a newer library are refused by an older one, before anything has happened.
        if sink.create(&meta).is_err() {
            assert_eq!(fs::read(&fixture).unwrap(), fs::read(&path).unwrap());
            continue;
        }
        for region in crate::test_support::regions(&meta.chunks) {
            sink.write(&region, &block.slice(&region)).unwrap();
        }
        assert_eq!(
            fs::read(&fixture).unwrap(),
            fs::read(&path).unwrap(),
            "nothing is touched before the end"
        );
        sink.commit().unwrap();
        sink.settle();
        let name = fixture.display();
        assert_eq!(fs::metadata(&path).unwrap().ino(), inode, "{name}");
        assert_eq!(read_all(&uri).as_bytes(), block.as_bytes(), "{name}");
        let mut after = Vec::new();
        contents(place, &describe_tree(place).unwrap(), "", &mut after);
        after.retain(|(path, _)| !path.starts_with("/added"));
        assert_eq!(after, before, "{name}");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "{name}");
        num_written += 1;
    }
    assert!(num_written >= 12, "{num_written} files were written");
}

#[test]
fn elements_are_not_copied() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.h5");
    let block = sample(DType::F64, &[400, 1000]);
    create_dataset(&path, "contiguous", &block, &Hdf5Layout::default()).unwrap();
    create_dataset(
        &path,
        "g/chunked",
        &block,
        &Hdf5Layout { chunk: Some(vec![100, 100]), ..Default::default() },
    )
    .unwrap();
    let skeleton = Skeleton::of(&File::open(&path).unwrap(), &directory.path().join("part")).unwrap();
    let copied: u64 = skeleton.copied.iter().map(|range| range.end - range.start).sum();
    assert!(copied < 100_000, "{copied} bytes");
    assert_eq!(skeleton.end, fs::metadata(&path).unwrap().len());
}

#[test]
fn a_run_killed_at_any_moment_is_never_taken_for_whole() {
    let directory = tempfile::tempdir().unwrap();
    let (path, part) = (directory.path().join("x.h5"), directory.path().join("part"));
    let place = path.to_str().unwrap();
    let block = sample(DType::I32, &[60, 20]);
    let layout = Hdf5Layout { chunk: Some(vec![7, 9]), shuffle: true, gzip: Some(1) };
    create_dataset(&path, "a", &block, &layout).unwrap();
    let skeleton = Skeleton::of(&File::open(&path).unwrap(), &part).unwrap();
    create_dataset(&part, "g/b", &block, &layout).unwrap();
    let before = fs::read(&path).unwrap();
    let added = File::open(&part).unwrap();
    let runs = skeleton.changes(&added, &File::open(&path).unwrap()).unwrap();
    let pages = |(start, bytes): (u64, Vec<u8>)| {
        let pages = bytes.chunks(PAGE).enumerate();
        pages.map(|(number, page)| (start + (number * PAGE) as u64, page.to_vec())).collect::<Vec<_>>()
    };
    let changes = runs.into_iter().flat_map(pages).collect();
    let graft = Graft { signature: skeleton.signature, changes, journals: Vec::new() };
    assert!(graft.changes.len() > 1);
    // Killed before the graft was whole: the file is what it was, whatever is behind its end.
    let tail = fs::read(&part).unwrap()[before.len()..].to_vec();
    fs::write(&path, [before.as_slice(), &tail[..tail.len() / 2]].concat()).unwrap();
    assert_eq!(read_all(&format!("{place}#/a")).as_bytes(), block.as_bytes());
    // Killed after that, with any of its pages changed.
    let mut whole = Vec::new();
    for num_changed in 0..=graft.changes.len() {
        fs::write(&path, [before.as_slice(), &tail].concat()).unwrap();
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        // Not in their order: the power may have failed.
        for (offset, bytes) in graft.changes.iter().rev().take(num_changed) {
            file.write_all_at(bytes, *offset).unwrap();
        }
        file.write_all_at(&[0; 8], 0).unwrap();
        drop(file);
        let error = format::File::open(&path).unwrap_err().to_string();
        assert!(error.contains("not an HDF5 file"), "no program takes it for one: {error}");
        graft.keep_beside(&path);
        for uri in [format!("{place}#/a"), format!("{place}#/g/b")] {
            assert!(crate::open(&uri).is_err() && crate::describe(&uri).is_err());
        }
        assert!(crate::hdf5::recover(place).unwrap());
        whole.push(fs::read(&path).unwrap());
        for uri in [format!("{place}#/a"), format!("{place}#/g/b")] {
            assert_eq!(read_all(&uri).as_bytes(), block.as_bytes());
        }
    }
    assert!(whole.iter().all(|bytes| *bytes == whole[0]));
}

/// What lies in a directory.
fn files_in(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    paths.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// Resuming said "exists already" of what a run had added that was killed between its last page and its seal.
#[test]
fn a_run_killed_at_any_step_is_resumed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.h5");
    let place = path.to_str().unwrap().to_owned();
    let old = sample(DType::I32, &[60, 20]);
    create_dataset(&path, "a", &old, &Hdf5Layout::default()).unwrap();
    let before = fs::read(&path).unwrap();
    let block = sample(DType::F64, &[40, 9]);
    let meta = Meta::new(block.shape(), block.dtype(), ChunkGrid::regular(block.shape(), &[20, 4]));
    let origin = Origin { expression: 7, inputs: Vec::new() };
    let options = SinkOptions { resume: true, ..in_place() };
    let begin = |name: &str| {
        let sink = crate::create(&format!("{place}#/{name}"), &options).unwrap();
        let grid = sink.create_from(&meta, &origin).unwrap();
        (sink, grid)
    };
    let write = |sink: &dyn Sink, grid: &ChunkGrid| {
        let regions = crate::test_support::regions(grid).into_iter();
        let missing: Vec<Region> = regions.filter(|region| !sink.is_whole(region)).collect();
        missing.iter().for_each(|region| sink.write(region, &block.slice(region)).unwrap());
        missing.len()
    };
    let left = Rc::new(RefCell::new(Vec::new()));
    let watcher = {
        let (left, directory) = (left.clone(), directory.path().to_owned());
        move || {
            left.borrow_mut().push(files_in(&directory));
            Ok(())
        }
    };
    let (sink, grid) = begin("b");
    assert_eq!(write(&*sink, &grid), 6);
    graft_tests::watched(Box::new(watcher), || sink.commit().unwrap());
    let mut left = left.take();
    left.push(files_in(directory.path()));
    drop(sink);
    assert!(left.len() >= 6, "{} steps", left.len());
    for (step, files) in left.iter().enumerate() {
        for (path, _) in files_in(directory.path()) {
            if !path.ends_with("x.h5") {
                fs::remove_file(path).unwrap();
            }
        }
        // The file keeps its inode, as it does in a run.
        files.iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
        let (sink, grid) = begin("b");
        assert_eq!(write(&*sink, &grid), 0, "step {step}");
        sink.commit().unwrap();
        sink.settle();
        for (name, block) in [("a", &old), ("b", &block)] {
            assert_eq!(read_all(&format!("{place}#/{name}")).as_bytes(), block.as_bytes(), "step {step}");
        }
    }
    // Taken out again by somebody, it is written anew.
    let (path, bytes) = left
        .pop()
        .unwrap()
        .into_iter()
        .find(|(path, _)| path.to_string_lossy().ends_with("journal"))
        .unwrap();
    fs::write(path, bytes).unwrap();
    fs::write(directory.path().join("x.h5"), before).unwrap();
    let (sink, grid) = begin("b");
    assert_eq!(write(&*sink, &grid), 6);
    sink.commit().unwrap();
    sink.settle();
    assert_eq!(read_all(&format!("{place}#/b")).as_bytes(), block.as_bytes());
}

/// A failure behind the last page cut off what had been added, though the file pointed there.
#[test]
fn a_step_that_fails_leaves_what_was_there_and_what_can_be_finished() {
    let block = sample(DType::I32, &[60, 20]);
    for failing in 0.. {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.h5");
        let place = path.to_str().unwrap().to_owned();
        create_dataset(&path, "a", &block, &Hdf5Layout::default()).unwrap();
        let mut step = 0;
        let watcher = move || {
            step += 1;
            if step > failing { Err(std::io::Error::other("as the test wants it")) } else { Ok(()) }
        };
        let sink = crate::create(&format!("{place}#/b"), &in_place()).unwrap();
        let meta = Meta::whole(block.shape(), block.dtype());
        sink.create(&meta).unwrap();
        sink.write(&Region::full(block.shape()), &block).unwrap();
        let committed = graft_tests::watched(Box::new(watcher), || sink.commit());
        sink.abort();
        let has_begun = failing > 0;
        crate::hdf5::recover(&place).unwrap();
        assert_eq!(read_all(&format!("{place}#/a")).as_bytes(), block.as_bytes(), "{failing}");
        match crate::open(&format!("{place}#/b")) {
            Ok(_) => assert_eq!(read_all(&format!("{place}#/b")).as_bytes(), block.as_bytes(), "{failing}"),
            Err(error) => assert!(!has_begun, "{failing}: {error}"),
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "{failing}");
        if committed.is_ok() {
            assert!(failing > 4);
            return;
        }
    }
}

#[test]
fn the_next_run_finishes_what_was_begun() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.h5");
    let place = path.to_str().unwrap();
    let block = sample(DType::I32, &[60, 20]);
    create_dataset(&path, "a", &block, &Hdf5Layout::default()).unwrap();
    let signature = fs::read(&path).unwrap()[..8].to_vec();
    Graft { signature: 0, changes: vec![(0, signature)], journals: Vec::new() }.keep_beside(&path);
    OpenOptions::new().write(true).open(&path).unwrap().write_all_at(&[0; 8], 0).unwrap();
    for (name, options) in [("b", in_place()), ("c", SinkOptions::default())] {
        store(&*crate::create(&format!("{place}#/{name}"), &options).unwrap(), &block, &[60, 20]);
    }
    for name in ["a", "b", "c"] {
        assert_eq!(read_all(&format!("{place}#/{name}")).as_bytes(), block.as_bytes());
    }
}

#[test]
fn what_is_not_added_in_place_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.h5");
    let place = path.to_str().unwrap();
    let block = sample(DType::I32, &[6]);
    create_dataset(&path, "a", &block, &Hdf5Layout::default()).unwrap();
    let whole = fs::read(&path).unwrap();
    let meta = Meta::whole(block.shape(), block.dtype());
    let refusal = |uri: &str, options: SinkOptions| {
        let error = crate::create(uri, &options).and_then(|sink| sink.create(&meta).map(|_| ()));
        error.unwrap_err().to_string()
    };
    let uri = format!("{place}#/a");
    assert!(refusal(&uri, in_place()).contains("exists already"));
    let overwrite = SinkOptions { overwrite: true, ..in_place() };
    assert!(refusal(&uri, overwrite).contains("nothing is replaced in place"));
    let region = SinkOptions { region: Some(Region::full(&[6])), ..in_place() };
    assert!(refusal(&uri, region).contains("datasets are only added"));
    let zarr = directory.path().join("x.zarr").to_str().unwrap().to_owned();
    assert!(refusal(&zarr, in_place()).contains("is no HDF5 file"));
    // Somebody reads it through the library while the last pages are to be changed.
    let sink = crate::create(&format!("{place}#/b"), &in_place()).unwrap();
    sink.create(&meta).unwrap();
    sink.write(&Region::full(&[6]), &block).unwrap();
    let reader = File::open(&path).unwrap();
    reader.lock_shared().unwrap();
    assert!(sink.commit().unwrap_err().to_string().contains("is open in another program"));
    sink.abort();
    drop(reader);
    assert_eq!(fs::read(&path).unwrap(), whole);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    // A new file is written as it always is.
    store(&*crate::create(&format!("{place}.new.h5#/x"), &in_place()).unwrap(), &block, &[6]);
}

#[test]
#[allow(clippy::single_range_in_vec_init, reason = "lists of ranges are meant")]
fn what_lies_between_is_found() {
    assert_eq!(others(&[], 9), [0..9]);
    assert_eq!(others(&[0..2, 1..4, 6..7], 9), [4..6, 7..9]);
    assert_eq!(others(&[3..20], 9), [0..3]);
    assert_eq!(others(&[12..20], 9), [0..9]);
}
