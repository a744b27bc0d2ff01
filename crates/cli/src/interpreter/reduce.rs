//! Functions that fold axes away, and running sums.

use brickwork_ops::{Array, Axes, divide, multiply};

use super::call::{Call, Passed};
use super::convert::as_isize;
use super::fault::{Fault, Outcome};
use super::functions::{Row, function, method};
use super::value::{Items, Value};

/// A reduction of the argument `a`.
fn reduction(call: &Call, reduce: fn(&Array, Axes) -> brickwork_core::Result<Array>) -> Outcome<Value> {
    Ok(Value::Array(reduce(&call.array("a")?, call.axes()?)?))
}

const TYPED: &str = "a, axis=None, dtype=None, keepdims=False, where=None";
const SPREAD: &str = "a, axis=None, dtype=None, ddof=0, keepdims=False, where=None";
const PLAIN: &str = "a, axis=None, keepdims=False, where=None";
const PLACES: &str = "a, axis=None, keepdims=False";

/// The rows of this file.
pub const ROWS: &[Row] = &[
    method("sum", TYPED, |call| reduction(call, |a, axes| a.sum(axes))),
    method("prod", TYPED, |call| reduction(call, |a, axes| a.prod(axes))),
    method("mean", TYPED, |call| reduction(call, |a, axes| a.mean(axes))),
    method("var", SPREAD, |call| reduction(call, |a, axes| a.var(axes))),
    method("std", SPREAD, |call| reduction(call, |a, axes| a.std(axes))),
    method("min", PLAIN, |call| reduction(call, |a, axes| a.min(axes))),
    method("max", PLAIN, |call| reduction(call, |a, axes| a.max(axes))),
    function("amin", PLAIN, |call| reduction(call, |a, axes| a.min(axes))),
    function("amax", PLAIN, |call| reduction(call, |a, axes| a.max(axes))),
    function("ptp", PLACES, |call| reduction(call, |a, axes| a.ptp(axes))),
    method("argmin", PLACES, |call| reduction(call, |a, axes| a.argmin(axes))),
    method("argmax", PLACES, |call| reduction(call, |a, axes| a.argmax(axes))),
    method("any", PLAIN, |call| reduction(call, |a, axes| a.any(axes))),
    method("all", PLAIN, |call| reduction(call, |a, axes| a.all(axes))),
    function("count_nonzero", PLACES, |call| reduction(call, |a, axes| a.count_nonzero(axes))),
    function("nansum", TYPED, |call| reduction(call, |a, axes| a.nansum(axes))),
    function("nanprod", TYPED, |call| reduction(call, |a, axes| a.nanprod(axes))),
    function("nanmean", TYPED, |call| reduction(call, |a, axes| a.nanmean(axes))),
    function("nanvar", SPREAD, |call| reduction(call, |a, axes| a.nanvar(axes))),
    function("nanstd", SPREAD, |call| reduction(call, |a, axes| a.nanstd(axes))),
    function("nanmin", PLAIN, |call| reduction(call, |a, axes| a.nanmin(axes))),
    function("nanmax", PLAIN, |call| reduction(call, |a, axes| a.nanmax(axes))),
    function("nanargmin", PLACES, |call| reduction(call, |a, axes| a.nanargmin(axes))),
    function("nanargmax", PLACES, |call| reduction(call, |a, axes| a.nanargmax(axes))),
    function("average", "a, axis=None, weights=None, keepdims=False", average),
    method("topk", "a, k, axis=-1", |call| {
        Ok(Value::Array(call.array("a")?.topk(call.int("k", 0)?, call.int("axis", -1)?)?))
    }),
    method("argtopk", "a, k, axis=-1", |call| {
        Ok(Value::Array(call.array("a")?.argtopk(call.int("k", 0)?, call.int("axis", -1)?)?))
    }),
    method("cumsum", "a, axis=None, dtype=None", |call| {
        Ok(Value::Array(call.array("a")?.cumsum(call.optional_int("axis")?, call.dtype("dtype")?)?))
    }),
    function("coarsen", "reduction, x, axes, trim_excess=False", coarsen),
    function("allclose", "a, b, rtol=1e-05, atol=1e-08, equal_nan=False", |call| {
        let close = super::arrange::isclose(call)?;
        Ok(Value::Array(close.all(())?))
    }),
    function("array_equal", "a, b", |call| {
        let (a, b) = (call.array("a")?, call.array("b")?);
        if a.shape() != b.shape() {
            return Ok(Value::Scalar(false.into()));
        }
        Ok(Value::Array(brickwork_ops::equal(a, b)?.all(())?))
    }),
];

/// `coarsen(mean, x, {0: 2, 1: 3})`, as Dask has it.
fn coarsen(call: &Call) -> Outcome<Value> {
    let missing = |name: &str| Fault::new(format!("coarsen needs the argument {name}"));
    let (given, given_axes) = (call.given("reduction"), call.given("axes"));
    let reduction = given.ok_or_else(|| missing("reduction"))?;
    let Value::Function(function) = &reduction.0 else {
        return Err(call.wrong("reduction", "a function that takes an axis, such as mean", reduction));
    };
    let axes = given_axes.ok_or_else(|| missing("axes"))?;
    let wrong = || call.wrong("axes", "a dictionary of factors by axis, such as {0: 2, 1: 2}", axes);
    let Value::Dict(entries) = &axes.0 else { return Err(wrong()) };
    let mut factors = Vec::new();
    for entry in entries.chunks(2) {
        let factor = as_isize(&entry[1]).and_then(|factor| usize::try_from(factor).ok());
        factors.push((as_isize(&entry[0]).ok_or_else(wrong)?, factor.ok_or_else(wrong)?));
    }
    let span = reduction.1;
    let mut fault = None;
    let coarse = call.array("x")?.coarsen(&factors, call.flag("trim_excess", false)?, |blocks, axes| {
        let axes = axes.given().unwrap_or_default().iter().map(|&axis| Value::int(axis as i128)).collect();
        let called = Items::new(axes).and_then(|axes| {
            let axis = Passed { keyword: Some(("axis".into(), span)), value: Value::Tuple(axes), span };
            let blocks = Passed { keyword: None, value: Value::Array(blocks.clone()), span };
            function.call(vec![blocks, axis], call.generator())
        });
        match called {
            Ok(Value::Array(array)) => Ok(array),
            other => {
                let told = other
                    .err()
                    .unwrap_or_else(|| call.wrong("reduction", "a function that gives an array", reduction));
                let reason = told.message.clone();
                fault = Some(told);
                Err(brickwork_core::Error::argument("coarsen", reason))
            }
        }
    });
    match (coarse, fault) {
        (_, Some(fault)) => Err(fault.at(span)),
        (coarse, None) => Ok(Value::Array(coarse?)),
    }
}

fn average(call: &Call) -> Outcome<Value> {
    let array = call.array("a")?;
    let axes = call.axes()?;
    if !call.has("weights") {
        return Ok(Value::Array(array.mean(axes)?));
    }
    let weights = call.array("weights")?;
    let weights = if weights.shape() == array.shape() {
        weights
    } else {
        // One weight for every place along one axis.
        let axis = match call.optional_ints("axis")?.as_deref() {
            Some([axis]) => array.resolve_axis("average", *axis)?,
            _ => return Err(Fault::new("average: weights of another shape than the array need one axis")),
        };
        if weights.ndim() != 1 || weights.shape()[0] != array.shape()[axis] {
            let (found, wanted) = (weights.shape(), array.shape()[axis]);
            return Err(Fault::new(format!(
                "average: the weights have shape {found:?}; axis {axis} needs [{wanted}]"
            )));
        }
        let mut shape = vec![1isize; array.ndim()];
        shape[axis] = -1;
        weights.reshape(&shape)?.broadcast_to(array.shape())?
    };
    let total = multiply(&array, &weights)?.sum(axes.clone())?;
    Ok(Value::Array(divide(total, weights.sum(axes)?)?))
}
