//! Storing: one array or several in one run, as a whole or into a part of what is there.

use std::collections::HashSet;
use std::sync::Arc;

use brickwork_core::plan::Request;
use brickwork_core::{Error, Kind, Lazy, Result, Sink, Value};
use brickwork_io::{Format, GroupAttributes, Location, SinkOptions};
use brickwork_ops::index::{Index, Part};
use brickwork_ops::{Array, index};
use brickwork_sched::{Scheduler, Threads};

use crate::files::open;

/// Where an array goes.
#[derive(Debug, Clone)]
pub struct Output<'a> {
    /// The array.
    pub array: &'a Array,
    /// The file, and the place in it.
    pub uri: &'a str,
    /// How it is written.
    pub options: SinkOptions,
    /// The part of an existing array that it is written into, as `x[…]` of NumPy; `None` for a new array.
    pub part: Option<&'a [Index]>,
}

impl<'a> Output<'a> {
    /// A new array, with what the format does by default.
    pub fn new(array: &'a Array, uri: &'a str) -> Self {
        Output { array, uri, options: SinkOptions::default(), part: None }
    }
}

/// Computes an array into a file, block by block: the result is never in memory as a whole.
///
/// # Errors
/// If the file exists or cannot be written, or a task fails; then nothing is left behind.
pub fn store(array: &Array, uri: &str) -> Result<()> {
    store_with(array, uri, &SinkOptions::default(), &Threads::default())
}

/// [`store`] with options, and a scheduler of the caller's choice.
///
/// # Errors
/// As [`store`].
pub fn store_with(array: &Array, uri: &str, options: &SinkOptions, scheduler: &dyn Scheduler) -> Result<()> {
    store_outputs(&[Output { options: options.clone(), ..Output::new(array, uri) }], scheduler)
}

/// Computes several arrays into files in one run: what they share is computed once. Several may go to one HDF5 file or
/// into one Zarr group.
///
/// ```no_run
/// use brickwork::prelude::*;
///
/// # fn main() -> brickwork::Result<()> {
/// let x = brickwork::open("random.hdf5#/x")?;
/// brickwork::store_many(&[(&x.mean(0)?, "statistics.h5#/mean"), (&x.std(0)?, "statistics.h5#/std")])?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As [`store`]; if one of them fails, none is left behind.
pub fn store_many(outputs: &[(&Array, &str)]) -> Result<()> {
    let outputs: Vec<Output<'_>> = outputs.iter().map(|(array, uri)| Output::new(array, uri)).collect();
    store_outputs(&outputs, &Threads::default())
}

/// Computes an array into a part of an existing one, as `x[part] = array` of NumPy: the elements outside it stay. The
/// array keeps its dtype, chunks, codec and attributes.
///
/// A cast that NumPy calls one of the same kind is made; others are refused. Zarr chunks are replaced one by one, each
/// in one step; `.npy` files are written in place; an HDF5 file is replaced by a copy when all is written. So what a
/// killed run leaves is readable in any case, and as it was where it is HDF5.
///
/// ```no_run
/// use brickwork::prelude::*;
///
/// # fn main() -> brickwork::Result<()> {
/// let day = brickwork::open("2014-01-02.hdf5#/t2m")?;
/// brickwork::store_region(&day, "year.zarr", s![1, Ellipsis])?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Before anything is computed: if there is no such array, the shape is not that of the part, or the dtype does not go
/// into that of the array. Later as [`store`].
pub fn store_region(array: &Array, uri: &str, part: impl AsRef<[Index]>) -> Result<()> {
    store_outputs(&[Output { part: Some(part.as_ref()), ..Output::new(array, uri) }], &Threads::default())
}

/// Computes arrays into files, with options, parts and a scheduler of the caller's choice.
///
/// # Errors
/// As [`store_many`] and [`store_region`].
pub fn store_outputs(outputs: &[Output<'_>], scheduler: &dyn Scheduler) -> Result<()> {
    scheduler.run(&requests(outputs)?).map(|_| ())
}

/// What a scheduler is asked to do to store arrays. Checks all that can be checked before anything is computed, and
/// touches nothing.
///
/// # Errors
/// As [`store_outputs`].
pub fn requests(outputs: &[Output<'_>]) -> Result<Vec<Request>> {
    requests_in(outputs, &[])
}

/// [`requests`], with attributes for groups that hold the arrays.
///
/// # Errors
/// As [`store_outputs`].
pub fn requests_in(outputs: &[Output<'_>], groups: &[GroupAttributes]) -> Result<Vec<Request>> {
    let mut arrays = Vec::with_capacity(outputs.len());
    let mut options = Vec::with_capacity(outputs.len());
    for output in outputs {
        let (array, region) = match output.part {
            None => {
                // In an object store the old array goes before the new one comes.
                if Location::parse(output.uri)?.url.is_some() {
                    refuse_own_reads(output.uri, outputs)?;
                }
                (output.array.clone(), None)
            }
            Some(items) => into_part(output.array, output.uri, items, outputs)?,
        };
        options.push(SinkOptions { region, ..output.options.clone() });
        arrays.push(array);
    }
    let places: Vec<(&str, &SinkOptions)> =
        outputs.iter().zip(&options).map(|(output, options)| (output.uri, options)).collect();
    let sinks = brickwork_io::create_all_in(&places, groups)?;
    let mut requests = Vec::with_capacity(outputs.len());
    for (array, sink) in arrays.iter().zip(sinks) {
        if array.is_known() {
            sink.grid(array.meta())?;
        }
        requests.push(Request::Store(array.value().clone(), Arc::from(sink)));
    }
    Ok(requests)
}

/// A sink that writes to a file, in the format of its ending.
///
/// # Errors
/// If the ending names no format that this build writes, or an option is not one of the format.
pub fn create(uri: &str, options: &SinkOptions) -> Result<Arc<dyn Sink>> {
    Ok(Arc::from(brickwork_io::create(uri, options)?))
}

/// The array as it goes into a part of the array at a place, and the part.
fn into_part(
    array: &Array,
    uri: &str,
    items: &[index::Index],
    outputs: &[Output<'_>],
) -> Result<(Array, Option<brickwork_core::Region>)> {
    let there = open(uri)?;
    let in_place = |error: Error| match error {
        Error::InvalidArgument { reason, .. } => Error::invalid_data(uri, format!("region {reason}")),
        other => other,
    };
    let part = Part::new(items, there.shape()).map_err(in_place)?;
    let arranged = part.arranged(array).map_err(in_place)?;
    refuse_own_reads(uri, outputs)?;
    let (from, to) = (array.dtype(), there.dtype());
    let cast = match from == to {
        true => arranged,
        false if from.can_cast_same_kind(to) => arranged.astype(to)?,
        false => {
            let reason =
                format!("dtype {from} does not go into {to} without losing its kind; use .astype({to})");
            return Err(Error::invalid_data(uri, reason));
        }
    };
    Ok((cast, Some(part.region().clone())))
}

/// What is written in place must not be read in the same run. HDF5 files are written as a copy, and may.
fn refuse_own_reads(uri: &str, outputs: &[Output<'_>]) -> Result<()> {
    let place = |uri: &str| {
        let location = Location::parse(uri).ok()?;
        Some((location.absolute_path(), location.inner.clone(), location.format))
    };
    let target = place(uri);
    if target.as_ref().is_none_or(|(.., format)| *format == Format::Hdf5) {
        return Ok(());
    }
    let mut seen: HashSet<u128> = HashSet::new();
    let mut open: Vec<Value> = outputs.iter().map(|output| output.array.value().clone()).collect();
    while let Some(value) = open.pop() {
        if !seen.insert(value.node.hash()) {
            continue;
        }
        if let Kind::Source(source) = value.node.op().kind()
            && place(&source.uri()) == target
        {
            let reason =
                "is read by the same expression that writes into it; store the result elsewhere first";
            return Err(Error::invalid_data(uri, reason));
        }
        open.extend(value.node.inputs().iter().cloned());
    }
    Ok(())
}
