//! Functions that make arrays of nothing but their arguments.

use brickwork_core::{DType, Weak};
use brickwork_ops::create::{
    arange_with, eye_with, full_with, linspace_with, ones_with, tri_with, zeros_with,
};
use brickwork_ops::{Array, Term};

use super::call::{Call, shape_of};
use super::convert::{as_int, to_array, to_chunks};
use super::fault::{Fault, Outcome};
use super::functions::{Row, function, method};
use super::value::Value;

const FILLED: &str = "shape, dtype=None, chunks='auto'";
const LIKE: &str = "a, dtype=None, shape=None, chunks=None";

/// The rows of this file.
pub const ROWS: &[Row] = &[
    function("zeros", FILLED, |call| filled(call, zeros_with)),
    function("empty", FILLED, |call| filled(call, zeros_with)),
    function("ones", FILLED, |call| filled(call, ones_with)),
    function("full", "shape, fill_value, dtype=None, chunks='auto'", |call| {
        Ok(Value::Array(full(call, &call.shape("shape")?, call.dtype("dtype")?)?))
    }),
    function("zeros_like", LIKE, |call| like(call, zeros_with)),
    function("empty_like", LIKE, |call| like(call, zeros_with)),
    function("ones_like", LIKE, |call| like(call, ones_with)),
    function("full_like", "a, fill_value, dtype=None, shape=None, chunks=None", |call| {
        let array = call.array("a")?;
        let dtype = call.dtype("dtype")?.unwrap_or(array.dtype());
        let filled = full(call, &shape_like(call, &array)?, Some(dtype))?;
        Ok(Value::Array(rechunked_like(call, filled, &array)?))
    }),
    function("arange", "start, stop=None, step=1, dtype=None, chunks='auto'", arange),
    function("linspace", "start, stop, num=50, endpoint=True, dtype=None, chunks='auto'", |call| {
        let (start, stop) = (call.float("start", 0.0)?, call.float("stop", 0.0)?);
        let (num, endpoint) = (call.count("num", 50)?, call.flag("endpoint", true)?);
        Ok(Value::Array(linspace_with(
            start,
            stop,
            num,
            endpoint,
            call.dtype("dtype")?,
            call.chunks("chunks")?,
        )?))
    }),
    function("eye", "N, M=None, k=0, dtype=None, chunks='auto'", |call| banded(call, eye_with)),
    function("identity", "N, dtype=None, chunks='auto'", |call| banded(call, eye_with)),
    function("tri", "N, M=None, k=0, dtype=None, chunks='auto'", |call| banded(call, tri_with)),
    function("array", "object, dtype=None, chunks=None", array),
    function("asarray", "object, dtype=None, chunks=None", array),
    function("asanyarray", "object, dtype=None, chunks=None", array),
    function("from_array", "object, chunks=None", array),
    method("rechunk", "a, chunks='auto'", |call| {
        let array = call.array("a")?;
        let spec = match call.given("chunks") {
            None => brickwork_core::ChunkSpec::auto(),
            Some((value, span)) => to_chunks(value, Some(&array)).map_err(|fault| fault.at(*span))?,
        };
        Ok(Value::Array(array.rechunk(spec)?))
    }),
];

type Filled = fn(&[usize], DType, brickwork_core::ChunkSpec) -> brickwork_core::Result<Array>;
type Banded = fn(usize, usize, isize, DType, brickwork_core::ChunkSpec) -> brickwork_core::Result<Array>;

fn filled(call: &Call, fill: Filled) -> Outcome<Value> {
    let dtype = call.dtype("dtype")?.unwrap_or(DType::F64);
    Ok(Value::Array(fill(&call.shape("shape")?, dtype, call.chunks("chunks")?)?))
}

fn full(call: &Call, shape: &[usize], dtype: Option<DType>) -> Outcome<Array> {
    let chunks = call.chunks("chunks")?;
    match call.term("fill_value")? {
        Term::Weak(number) => {
            let dtype = dtype.unwrap_or(number.default_dtype());
            match number.to_scalar(dtype) {
                Some(scalar) => Ok(full_with(shape, scalar, chunks)?),
                // What a plain conversion refuses, a cast may still do: 2.5 to an integer.
                None => Ok(super::convert::from_weak(number, None)?.astype(dtype)?.broadcast_to(shape)?),
            }
        }
        Term::Array(array) => {
            let array = array.astype(dtype.unwrap_or(array.dtype()))?;
            Ok(array.broadcast_to(shape)?.rechunk(chunks)?)
        }
    }
}

fn shape_like(call: &Call, array: &Array) -> Outcome<Vec<usize>> {
    match call.given("shape") {
        None => Ok(array.shape().to_vec()),
        Some(given) => {
            shape_of(&given.0).ok_or_else(|| call.wrong("shape", "an integer or a tuple of integers", given))
        }
    }
}

/// Chunks as asked for, or as those of the model if the shape is its.
fn rechunked_like(call: &Call, result: Array, array: &Array) -> Outcome<Array> {
    if let Some((value, span)) = call.given("chunks") {
        return Ok(result.rechunk(to_chunks(value, Some(&result)).map_err(|fault| fault.at(*span))?)?);
    }
    Ok(result).and_then(|result| {
        if result.shape() == array.shape() { same_chunks(&result, array) } else { Ok(result) }
    })
}

fn same_chunks(result: &Array, array: &Array) -> Outcome<Array> {
    let lengths = array.chunks().axes().iter().map(|axis| match axis {
        brickwork_core::AxisChunks::Regular { .. } => brickwork_core::AxisSpec::from(axis.max_chunk().max(1)),
        uneven => brickwork_core::AxisSpec::Lengths(uneven.chunk_lengths()),
    });
    Ok(result.rechunk(brickwork_core::ChunkSpec::Axes(lengths.collect()))?)
}

fn like(call: &Call, fill: Filled) -> Outcome<Value> {
    let array = call.array("a")?;
    let dtype = call.dtype("dtype")?.unwrap_or(array.dtype());
    let filled = fill(&shape_like(call, &array)?, dtype, brickwork_core::ChunkSpec::auto())?;
    Ok(Value::Array(rechunked_like(call, filled, &array)?))
}

fn arange(call: &Call) -> Outcome<Value> {
    let number = |name: &str| -> Outcome<Option<Weak>> {
        match call.given(name) {
            None => Ok(None),
            Some((Value::Scalar(number), _)) => Ok(Some(*number)),
            Some(given) => Err(call.wrong(name, "a number", given)),
        }
    };
    let (start, stop) = match (number("start")?, number("stop")?) {
        (Some(stop), None) => (Weak::Int(0), stop),
        (Some(start), Some(stop)) => (start, stop),
        (None, _) => {
            return Err(Fault::new("arange needs where to stop").help("arange(10) or arange(2, 10, 0.5)"));
        }
    };
    let step = number("step")?.unwrap_or(Weak::Int(1));
    Ok(Value::Array(arange_with(start, stop, step, call.dtype("dtype")?, call.chunks("chunks")?)?))
}

fn banded(call: &Call, build: Banded) -> Outcome<Value> {
    let rows = call.count("N", 0)?;
    let columns = if call.has("M") { call.count("M", 0)? } else { rows };
    let dtype = call.dtype("dtype")?.unwrap_or(DType::F64);
    Ok(Value::Array(build(rows, columns, call.int("k", 0)?, dtype, call.chunks("chunks")?)?))
}

fn array(call: &Call) -> Outcome<Value> {
    let Some((value, span)) = call.given("object") else {
        return Err(Fault::new(format!("{} needs an array or a list of numbers", call.function())));
    };
    let dtype = call.dtype("dtype")?;
    let mut array = match (value, dtype) {
        // An integer that needs the dtype to fit.
        (Value::Scalar(number), Some(dtype)) if as_int(value).is_some() => {
            super::convert::from_weak(*number, Some(dtype))
        }
        _ => to_array(value),
    }
    .map_err(|fault| fault.at(*span))?;
    if let Some(dtype) = dtype {
        array = array.astype(dtype)?;
    }
    if let Some((chunks, span)) = call.given("chunks") {
        array = array.rechunk(to_chunks(chunks, Some(&array)).map_err(|fault| fault.at(*span))?)?;
    }
    Ok(Value::Array(array))
}
