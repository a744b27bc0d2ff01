//! Functions of `random`, and methods of its generators.

use std::rc::Rc;

use brickwork_core::DType;
use brickwork_ops::random::Distribution;

use super::call::{Call, shape_of};
use super::convert::{as_float, as_int};
use super::fault::{Fault, Outcome};
use super::functions::{Row, function};
use super::value::{Generator, Value};

const UNIT: &str = "size=None, dtype=None, chunks='auto'";

/// The rows of this file.
pub const ROWS: &[Row] = &[
    function("random", UNIT, |call| draw(call, Distribution::Uniform { low: 0.0, high: 1.0 })),
    function("random_sample", UNIT, |call| draw(call, Distribution::Uniform { low: 0.0, high: 1.0 })),
    function("uniform", "low=0.0, high=1.0, size=None, dtype=None, chunks='auto'", |call| {
        draw(
            call,
            Distribution::Uniform { low: parameter(call, "low", 0.0)?, high: parameter(call, "high", 1.0)? },
        )
    }),
    function("normal", "loc=0.0, scale=1.0, size=None, dtype=None, chunks='auto'", |call| {
        draw(
            call,
            Distribution::Normal { loc: parameter(call, "loc", 0.0)?, scale: parameter(call, "scale", 1.0)? },
        )
    }),
    function("standard_normal", UNIT, |call| draw(call, Distribution::Normal { loc: 0.0, scale: 1.0 })),
    function("exponential", "scale=1.0, size=None, dtype=None, chunks='auto'", |call| {
        draw(call, Distribution::Exponential { scale: parameter(call, "scale", 1.0)? })
    }),
    function("standard_exponential", UNIT, |call| draw(call, Distribution::Exponential { scale: 1.0 })),
    function("integers", "low, high=None, size=None, dtype=None, endpoint=False, chunks='auto'", integers),
    function("randint", "low, high=None, size=None, dtype=None, chunks='auto'", integers),
    function("rand", "*shape", |call| draw_shape(call, Distribution::Uniform { low: 0.0, high: 1.0 })),
    function("randn", "*shape", |call| draw_shape(call, Distribution::Normal { loc: 0.0, scale: 1.0 })),
    function("default_rng", "seed=None", generator),
    function("RandomState", "seed=None", generator),
    function("seed", "seed", |call| {
        call.generator().reseed(seed(call)?.unwrap_or_default());
        Ok(Value::None)
    }),
];

fn draw(call: &Call, distribution: Distribution) -> Outcome<Value> {
    let shape = match call.given("size") {
        None => Vec::new(),
        Some(given) => shape_of(&given.0)
            .ok_or_else(|| call.wrong("size", "an integer or a tuple of integers of at least 0", given))?,
    };
    let natural = if matches!(distribution, Distribution::Integers { .. }) { DType::I64 } else { DType::F64 };
    draw_as(call, distribution, call.dtype("dtype")?.unwrap_or(natural), &shape)
}

fn draw_shape(call: &Call, distribution: Distribution) -> Outcome<Value> {
    let lengths = call.rest_ints("shape")?.into_iter().map(usize::try_from).collect::<Result<Vec<_>, _>>();
    let shape = lengths.map_err(|_| Fault::new(format!("{}: a length is negative", call.function())))?;
    draw_as(call, distribution, DType::F64, &shape)
}

fn draw_as(call: &Call, distribution: Distribution, dtype: DType, shape: &[usize]) -> Outcome<Value> {
    let generator = call.generator();
    generator.is_used.set(true);
    let chunks = call.chunks("chunks")?;
    Ok(Value::Array(generator.rng.borrow_mut().draw(distribution, dtype, shape, chunks)?))
}

fn parameter(call: &Call, name: &str, default: f64) -> Outcome<f64> {
    match call.given(name) {
        Some(given) if as_float(&given.0).is_none() => {
            Err(call.wrong(name, "one real number for all elements", given))
        }
        _ => call.float(name, default),
    }
}

fn integers(call: &Call) -> Outcome<Value> {
    let bound = |name: &str| match call.given(name) {
        None => Ok(None),
        Some(given) => as_int(&given.0).map(Some).ok_or_else(|| call.wrong(name, "an integer", given)),
    };
    let (low, high) = match (bound("low")?, bound("high")?) {
        (Some(high), None) => (0, high),
        (low, high) => (low.unwrap_or(0), high.unwrap_or(0)),
    };
    let high = if call.flag("endpoint", false)? { high.saturating_add(1) } else { high };
    draw(call, Distribution::Integers { low, high })
}

fn seed(call: &Call) -> Outcome<Option<u64>> {
    match call.given("seed") {
        None => Ok(None),
        Some(given) => as_int(&given.0)
            .and_then(|seed| u64::try_from(seed).ok())
            .map(Some)
            .ok_or_else(|| call.wrong("seed", "an integer from 0 to 2**64 - 1", given)),
    }
}

fn generator(call: &Call) -> Outcome<Value> {
    let generator = match seed(call)? {
        Some(seed) => Generator::new(Some(seed)),
        None => call.generator().spawn(),
    };
    Ok(Value::Generator(Rc::new(generator)))
}
