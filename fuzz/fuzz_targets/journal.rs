//! Journals of unfinished arrays: the first byte chooses the format and whether the head of the journal is the right one,
//! the rest are its lines.
#![no_main]

use std::path::Path;

use brickwork_core::{AxisRange, DType, Meta, Origin, Region, Sink};
use brickwork_io::SinkOptions;
use libfuzzer_sys::fuzz_target;

/// Begins to write an array, or goes on.
fn begun(place: &Path) -> Option<Box<dyn Sink>> {
    let options = SinkOptions { resume: true, ..SinkOptions::default() };
    let sink = brickwork_io::create(place.to_str()?, &options).ok()?;
    let origin = Origin { expression: 1, inputs: Vec::new() };
    let begun = sink.create_from(&Meta::whole(&[6, 4], DType::I32), &origin);
    if begun.is_err() {
        sink.abort();
    }
    begun.ok().map(|_| sink)
}

/// The journal of what is unfinished in a directory.
fn journal(directory: &Path) -> Option<std::path::PathBuf> {
    let mut entries = std::fs::read_dir(directory).ok()?.flatten().map(|entry| entry.path());
    entries.find(|path| path.extension().is_some_and(|extension| extension == "journal"))
}

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, lines)) = bytes.split_first() else { return };
    let directory = reading::directory();
    let place = directory.path().join(if choice & 1 == 0 { "x.npy" } else { "x.zarr" });
    // A run that fails leaves its journal.
    begun(&place).expect("a place to write to").abort();
    let journal = journal(directory.path()).expect("a journal");
    let mut text = if choice & 2 == 0 { std::fs::read(&journal).expect("a head") } else { Vec::new() };
    text.extend(lines);
    std::fs::write(&journal, text).expect("room for an input");
    let Some(sink) = begun(&place) else { return };
    for (start, len) in [(0, 6), (0, 3), (2, 1), (6, 0)] {
        let _ = sink.is_whole(&Region::new(vec![AxisRange::new(start, len), AxisRange::new(0, 4)]));
    }
    sink.abort();
});
