//! What every sink must do.

use std::sync::Arc;

use brickwork_core::{Block, ChunkSpec, DType, Error, Meta, Region, Sink, SinkWriter};
use brickwork_ops::Array;
use brickwork_sched::{Compute, Synchronous, Threads, store};

use crate::compare::{assert_block_eq, chain};
use crate::{CountingSource, iota, noise};

/// Checks a sink. `open` gives a sink for a new place of this name, `read` the array that a reader finds there, or
/// `None` if a reader finds no whole array. Panics where it fails.
///
/// - arrays of several shapes and dtypes, computed from chunks of another grid, are read back bit for bit
/// - the grid that is foretold for the planner is the grid that `create` answers
/// - nothing can be read before all is written, nor after a failure
/// - what other processes write with, if there is such a thing, is data, and may write twice
pub fn check_sink(open: &dyn Fn(&str) -> Arc<dyn Sink>, read: &dyn Fn(&str) -> Option<Array>) {
    let arrays = [iota(&[]), iota(&[5]), noise(&[6, 7], 1), noise(&[3, 1, 10], 2)];
    for (number, values) in arrays.iter().enumerate() {
        for dtype in [DType::F64, DType::F32, DType::I16, DType::U8, DType::Bool] {
            let name = format!("case-{number}-{dtype}");
            let source = CountingSource::new(Block::from_ndarray(values.view()), 2).expect("chunks of 2 fit");
            let array = source.array().and_then(|array| array.rechunk(3)?.astype(dtype)).expect("a cast");
            check_case(&name, &array, open, read);
        }
    }
    check_failure(open, read);
}

fn check_case(
    name: &str,
    array: &Array,
    open: &dyn Fn(&str) -> Arc<dyn Sink>,
    read: &dyn Fn(&str) -> Option<Array>,
) {
    let expected = array.compute_with(&Synchronous::new()).unwrap_or_else(|error| panic!("{name}: {error}"));
    let sink = open(name);
    assert!(read(name).is_none(), "{name}: nothing is there before it is stored");
    let foretold = sink.grid(array.meta()).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(foretold.shape(), array.shape(), "{name}: the grid covers the array");
    assert!(read(name).is_none(), "{name}: asking for the grid touches nothing");
    if let Err(error) = store(array, sink, &Threads::new(2)) {
        panic!("{name}: {}", chain(&error));
    }
    let found = read(name).unwrap_or_else(|| panic!("{name}: it was stored, and cannot be read"));
    let found = found.compute_with(&Synchronous::new()).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_block_eq(&found, &expected, name);

    let again = format!("{name}-grid");
    let sink = open(&again);
    let foretold = sink.grid(array.meta()).unwrap_or_else(|error| panic!("{again}: {error}"));
    let answered = sink.create(array.meta()).unwrap_or_else(|error| panic!("{again}: {error}"));
    assert_eq!(answered, foretold, "{again}: create answers what was foretold");
    assert!(read(&again).is_none(), "{again}: what is only created cannot be read");
    let full = Region::full(array.shape());
    assert!(full.is_empty() || !sink.is_whole(&full), "{again}: nothing is whole that no run has left");
    sink.abort();
    assert!(read(&again).is_none(), "{again}: what was given up cannot be read");

    check_writer(&format!("{name}-writer"), array.meta(), &expected, open, read);
}

/// What another process gets of a sink writes what the sink would: also twice, for what a process that died has begun is
/// done again.
fn check_writer(
    name: &str,
    meta: &Meta,
    values: &Block,
    open: &dyn Fn(&str) -> Arc<dyn Sink>,
    read: &dyn Fn(&str) -> Option<Array>,
) {
    let sink = open(name);
    sink.create(meta).unwrap_or_else(|error| panic!("{name}: {error}"));
    let Some(writer) = sink.writer() else { return sink.abort() };
    let mut bytes = Vec::new();
    ciborium::into_writer(&writer, &mut bytes).expect("a writer is written as data");
    drop(writer);
    let back: Box<dyn SinkWriter> = ciborium::from_reader(bytes.as_slice()).expect("and read back");
    for _ in 0..2 {
        let written = back.write(&Region::full(values.shape()), values);
        written.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    drop(back);
    assert!(read(name).is_none(), "{name}: what is only written cannot be read");
    sink.commit().unwrap_or_else(|error| panic!("{name}: {error}"));
    let found = read(name).unwrap_or_else(|| panic!("{name}: it was committed, and cannot be read"));
    let found = found.compute_with(&Synchronous::new()).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_block_eq(&found, values, name);
}

/// A run that fails half way leaves nothing to be read.
fn check_failure(open: &dyn Fn(&str) -> Arc<dyn Sink>, read: &dyn Fn(&str) -> Option<Array>) {
    let name = "failure";
    let values = noise(&[8, 8], 3);
    let source =
        CountingSource::new(Block::from_ndarray(values.view()), 4).expect("chunks of 4 fit").on_read(
            |number| if number == 3 { Err(Error::invalid_data("test", "made to fail")) } else { Ok(()) },
        );
    let array = source.array().expect("a source");
    let small_cells = Synchronous::new().forced(|options| options.forced_cell = Some(16));
    assert!(store(&array, open(name), &small_cells).is_err(), "{name}: the run fails");
    assert!(read(name).is_none(), "{name}: what was not stored to its end cannot be read");

    let name = "failure-of-a-grid";
    let meta = Meta::new(
        &[4],
        DType::F64,
        ChunkSpec::from(4usize).resolve(&[4], DType::F64).expect("one chunk of 4"),
    );
    assert!(open(name).grid(&meta).is_ok(), "{name}: a plain array is accepted");
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Mutex;

    use brickwork_ops::memory::from_block;

    use super::*;
    use crate::MemorySink;

    #[test]
    fn our_own_sink_passes() {
        for chunks in [None, Some(ChunkSpec::from(2usize)), Some(ChunkSpec::from(100usize))] {
            let sinks: Mutex<HashMap<String, Arc<MemorySink>>> = Mutex::default();
            check_sink(
                &|name| {
                    let sink = chunks.clone().map_or_else(MemorySink::new, MemorySink::with_chunks);
                    let sink = Arc::new(sink);
                    sinks.lock().unwrap().insert(name.into(), sink.clone());
                    sink
                },
                &|name| {
                    let block = sinks.lock().unwrap().get(name)?.published()?;
                    Some(from_block(block, &ChunkSpec::auto()).unwrap())
                },
            );
        }
    }
}
