//! Damaged and hostile files: thousands of variants of small real ones, each cut, flipped, overwritten or stretched by a
//! seeded generator. Whatever the bytes, opening, describing and reading end in an answer or an error: soon, without a
//! panic, and within the memory that was announced.
//!
//! A case is named by its file and number, and is the same in every run. `HOSTILE=100000` tries so many variants of
//! every file instead of the usual few; `HOSTILE_ONLY=NAME:NUMBER` one of them.

#![cfg(all(feature = "npy", feature = "zarr", feature = "hdf5"))]

mod counted;
mod mutate;
mod read;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mutate::{Random, mutated};

/// Variants of every file.
const VARIANTS: u64 = 60;
/// A case that takes longer hangs.
const HANGS: Duration = Duration::from_secs(60);
/// The most bytes that a case may take beyond those announced for the granules that are read.
const MOST_BYTES: usize = 96 << 20;

/// Its name, and what it does.
type Case = (String, Box<dyn FnOnce() + Send>);

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// Every file of a directory and those below it, by its path from there.
fn files(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push((path.strip_prefix(root).unwrap().to_owned(), fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// One test at a time: memory is counted for the whole process.
static ALONE: Mutex<()> = Mutex::new(());

/// Runs cases in a thread of their own, and fails if one panics, hangs or takes too much memory.
fn check(cases: Vec<Case>) {
    let only = std::env::var("HOSTILE_ONLY").ok();
    let cases: Vec<_> =
        cases.into_iter().filter(|(name, _)| only.as_ref().is_none_or(|only| only == name)).collect();
    assert!(!cases.is_empty());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (began, beginnings) = channel();
    let runner = std::thread::spawn(move || {
        let mut failed = Vec::new();
        for (name, case) in cases {
            began.send(name.clone()).unwrap();
            counted::reset();
            if catch_unwind(AssertUnwindSafe(case)).is_err() {
                failed.push(format!("{name}: a panic"));
            }
            let peak = counted::peak();
            if peak > MOST_BYTES {
                failed.push(format!("{name}: {peak} bytes"));
            }
        }
        failed
    });
    let mut current = String::new();
    loop {
        match beginnings.recv_timeout(HANGS) {
            Ok(name) => current = name,
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => panic!("{current} hangs"),
        }
    }
    let failed = runner.join().unwrap();
    assert!(failed.is_empty(), "{} cases failed:\n{}", failed.len(), failed.join("\n"));
}

fn variants() -> u64 {
    std::env::var("HOSTILE").ok().and_then(|text| text.parse().ok()).unwrap_or(VARIANTS)
}

/// Variants of single files of a format.
fn check_files(format: &str, extension: &str) {
    let mut cases: Vec<Case> = Vec::new();
    let files: Vec<_> = files(&fixtures().join(format))
        .into_iter()
        .filter(|(path, _)| path.extension().is_some_and(|found| found == extension))
        .collect();
    assert!(files.len() > 5);
    for (path, bytes) in files {
        let bytes = std::sync::Arc::new(bytes);
        for number in 0..variants() {
            let (bytes, path) = (bytes.clone(), path.clone());
            let name = format!("{format}/{}:{number}", path.display());
            let seed = name.clone();
            let case = move || {
                let mut random = Random::new(&seed);
                let directory = tempfile::tempdir().unwrap();
                let place = directory.path().join(&path);
                fs::write(&place, mutated(&bytes, &mut random)).unwrap();
                read::everything(place.to_str().unwrap(), &mut random);
            };
            cases.push((name, Box::new(case)));
        }
    }
    check(cases);
}

#[test]
fn npy() {
    check_files("npy", "npy");
}

#[test]
fn hdf5() {
    check_files("hdf5", "h5");
}

/// One file of an array or group is damaged: mostly its metadata, else a chunk.
#[test]
fn zarr() {
    let mut cases: Vec<Case> = Vec::new();
    for entry in fs::read_dir(fixtures().join("zarr")).unwrap() {
        let root = entry.unwrap().path();
        if !root.is_dir() {
            continue;
        }
        let files = std::sync::Arc::new(files(&root));
        let name = root.file_name().unwrap().to_str().unwrap().to_owned();
        for number in 0..variants() * 2 {
            let (files, store) = (files.clone(), name.clone());
            let name = format!("zarr/{name}:{number}");
            let seed = name.clone();
            let case = move || {
                let mut random = Random::new(&seed);
                let directory = tempfile::tempdir().unwrap();
                let damaged = pick(&files, &mut random);
                for (number, (path, bytes)) in files.iter().enumerate() {
                    let place = directory.path().join(&store).join(path);
                    fs::create_dir_all(place.parent().unwrap()).unwrap();
                    let bytes = if number == damaged { mutated(bytes, &mut random) } else { bytes.clone() };
                    fs::write(&place, bytes).unwrap();
                }
                read::everything(directory.path().join(&store).to_str().unwrap(), &mut random);
            };
            cases.push((name, Box::new(case)));
        }
    }
    check(cases);
}

/// The same stores in zip files, which are damaged as a whole.
#[test]
fn zip() {
    let mut cases: Vec<Case> = Vec::new();
    for store in ["default", "sharded", "group", "v2", "raw", "blosc"] {
        let files = files(&fixtures().join(format!("zarr/{store}.zarr")));
        let bytes = std::sync::Arc::new(mutate::zip(&files));
        for number in 0..variants() * 3 {
            let bytes = bytes.clone();
            let name = format!("zip/{store}:{number}");
            let seed = name.clone();
            let case = move || {
                let mut random = Random::new(&seed);
                let directory = tempfile::tempdir().unwrap();
                let place = directory.path().join("x.zip");
                fs::write(&place, mutated(&bytes, &mut random)).unwrap();
                read::everything(place.to_str().unwrap(), &mut random);
            };
            cases.push((name, Box::new(case)));
        }
    }
    check(cases);
}

/// Which file is damaged: metadata three times out of four.
fn pick(files: &[(PathBuf, Vec<u8>)], random: &mut Random) -> usize {
    let is_metadata =
        |path: &Path| path.to_string_lossy().contains("zarr.json") || path.to_string_lossy().contains(".z");
    let wanted = random.below(4) != 0;
    let matching: Vec<usize> =
        (0..files.len()).filter(|&number| is_metadata(&files[number].0) == wanted).collect();
    match matching.is_empty() {
        true => random.below(files.len()),
        false => matching[random.below(matching.len())],
    }
}

/// A shape of many terabytes that costs nothing to declare.
#[test]
fn what_is_declared_is_not_allocated() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let mut npy = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000, 1000), }";
    npy.extend(format!("{header:<117}\n").bytes());
    fs::write(root.join("x.npy"), npy).unwrap();
    for (name, chunk) in [("small.zarr", 10), ("huge.zarr", 1_000_000_000_000_u64)] {
        fs::create_dir_all(root.join(name).join("c")).unwrap();
        let metadata = format!(
            r#"{{"zarr_format":3,"node_type":"array","shape":[1000000000000],"data_type":"float64",
            "chunk_grid":{{"name":"regular","configuration":{{"chunk_shape":[{chunk}]}}}},
            "chunk_key_encoding":{{"name":"default","configuration":{{"separator":"/"}}}},"fill_value":0,
            "codecs":[{{"name":"bytes","configuration":{{"endian":"little"}}}},{{"name":"zstd","configuration":{{"level":1,"checksum":false}}}}],
            "attributes":{{}}}}"#
        );
        fs::write(root.join(name).join("zarr.json"), metadata).unwrap();
        fs::write(root.join(name).join("c/0"), b"\x28\xb5\x2f\xfd\xa0\xff\xff\xff\xff").unwrap();
    }
    // Elements of four gigabytes, and a fill value of one of them.
    fs::create_dir_all(root.join("text.zarr")).unwrap();
    let metadata = r#"{"zarr_format":3,"node_type":"array","shape":[2],"fill_value":"","codecs":[{"name":"bytes"}],
        "data_type":{"name":"fixed_length_utf32","configuration":{"length_bytes":4294967296}},
        "chunk_grid":{"name":"regular","configuration":{"chunk_shape":[2]}},"chunk_key_encoding":{"name":"default"}}"#;
    fs::write(root.join("text.zarr/zarr.json"), metadata).unwrap();
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    counted::reset();
    for name in ["x.npy", "small.zarr", "huge.zarr", "text.zarr"] {
        read::everything(root.join(name).to_str().unwrap(), &mut Random::new(name));
    }
    assert!(counted::peak() < 16 << 20, "{} bytes", counted::peak());
}
