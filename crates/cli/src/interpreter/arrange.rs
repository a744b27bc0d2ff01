//! Functions that turn, cut, join and choose elements, and functions of elements that take options.

use brickwork_core::DType;
use brickwork_ops::assemble::{PadMode, concatenate, dstack, hstack, stack, vstack};
use brickwork_ops::{Array, Index, broadcast_arrays, clip, subtract, where_};

use super::call::Call;
use super::convert::{as_int, to_array};
use super::fault::{Fault, Outcome};
use super::functions::{Row, function, method};
use super::subscripts::index_array;
use super::value::{Items, Value};

/// The rows of this file.
pub const ROWS: &[Row] = &[
    // views
    method("transpose", "a, *axes", |call| {
        let axes = match call.rest.as_slice() {
            [] | [(Value::None, _)] => None,
            _ => Some(call.rest_ints("axes")?),
        };
        built(call.array("a")?.transpose(axes.as_deref()))
    }),
    method("swapaxes", "a, axis1, axis2", |call| {
        built(call.array("a")?.swapaxes(call.int("axis1", 0)?, call.int("axis2", 0)?))
    }),
    function("moveaxis", "a, source, destination", |call| {
        built(call.array("a")?.moveaxis(&call.ints("source")?, &call.ints("destination")?))
    }),
    function("expand_dims", "a, axis", |call| built(call.array("a")?.expand_dims(&call.ints("axis")?))),
    method("squeeze", "a, axis=None", |call| {
        built(call.array("a")?.squeeze(call.optional_ints("axis")?.as_deref()))
    }),
    function("broadcast_to", "a, shape", |call| built(call.array("a")?.broadcast_to(&call.shape("shape")?))),
    function("broadcast_arrays", "*arrays", |call| {
        let arrays = rest_arrays(call)?;
        list(broadcast_arrays(&arrays.iter().collect::<Vec<_>>())?)
    }),
    function("atleast_1d", "a", |call| built(call.array("a")?.atleast_1d())),
    function("atleast_2d", "a", |call| built(call.array("a")?.atleast_2d())),
    function("atleast_3d", "a", |call| built(call.array("a")?.atleast_3d())),
    function("flip", "a, axis=None", |call| {
        built(call.array("a")?.flip(call.optional_ints("axis")?.as_deref()))
    }),
    function("flipud", "a", |call| built(call.array("a")?.flipud())),
    function("fliplr", "a", |call| built(call.array("a")?.fliplr())),
    function("rot90", "a, k=1, axes=None", |call| {
        let axes = match call.optional_ints("axes")?.as_deref() {
            None => [0, 1],
            Some(&[first, second]) => [first, second],
            Some(_) => return Err(Fault::new("rot90: axes must be a pair of axes").help("axes=(0, 1)")),
        };
        built(call.array("a")?.rot90(call.int("k", 1)?, axes))
    }),
    method("diagonal", "a, offset=0, axis1=0, axis2=1", |call| built(diagonal(call))),
    method("trace", "a, offset=0, axis1=0, axis2=1, dtype=None", |call| {
        let axes = brickwork_ops::Axes::from(-1);
        let axes = call.dtype("dtype")?.map_or(axes.clone(), |dtype| axes.dtype(dtype));
        built(diagonal(call)?.sum(axes))
    }),
    function("diag", "v, k=0", |call| built(call.array("v")?.diag(call.int("k", 0)?))),
    function("triu", "m, k=0", |call| built(call.array("m")?.triu(call.int("k", 0)?))),
    function("tril", "m, k=0", |call| built(call.array("m")?.tril(call.int("k", 0)?))),
    // shapes
    method("reshape", "a, *shape", |call| built(call.array("a")?.reshape(&call.rest_ints("shape")?))),
    method("ravel", "a", |call| built(call.array("a")?.ravel())),
    method("flatten", "a", |call| built(call.array("a")?.flatten())),
    // several arrays
    function("stack", "arrays, axis=0", |call| built(stack(&call.arrays("arrays")?, call.int("axis", 0)?))),
    function("concatenate", "arrays, axis=0", joined),
    function("concat", "arrays, axis=0", joined),
    function("hstack", "arrays", |call| built(hstack(&call.arrays("arrays")?))),
    function("vstack", "arrays", |call| built(vstack(&call.arrays("arrays")?))),
    function("dstack", "arrays", |call| built(dstack(&call.arrays("arrays")?))),
    function("append", "arr, values, axis=None", |call| {
        let (array, values) = (call.array("arr")?, call.array("values")?);
        match call.optional_int("axis")? {
            Some(axis) => built(concatenate(&[array, values], axis)),
            None => built(concatenate(&[array.ravel()?, values.ravel()?], 0)),
        }
    }),
    // longer arrays
    function("pad", "array, pad_width, mode='constant', constant_values=0", pad),
    function("roll", "a, shift, axis=None", |call| {
        let (array, shifts) = (call.array("a")?, call.ints("shift")?);
        match (call.optional_ints("axis")?, shifts.as_slice()) {
            (None, [shift]) => built(array.roll(*shift, None)),
            (None, _) => Err(Fault::new("roll: several shifts need as many axes")),
            (Some(axes), [shift]) => built(array.roll_axes(&vec![*shift; axes.len()], &axes)),
            (Some(axes), shifts) => {
                let shifts = if axes.len() == 1 { vec![shifts.iter().sum()] } else { shifts.to_vec() };
                built(array.roll_axes(&shifts, &axes))
            }
        }
    }),
    method("repeat", "a, repeats, axis=None", |call| {
        built(call.array("a")?.repeat(call.count("repeats", 1)?, call.optional_int("axis")?))
    }),
    function("tile", "A, reps", |call| built(call.array("A")?.tile(&call.shape("reps")?))),
    // choosing
    method("take", "a, indices, axis=None", |call| {
        let (value, span) =
            call.given("indices").ok_or_else(|| Fault::new("take needs the argument indices"))?;
        let indices = index_array(value).map_err(|fault| fault.at(*span))?;
        built(call.array("a")?.take(indices, call.optional_int("axis")?))
    }),
    function("compress", "condition, a, axis=None", compressed),
    function("extract", "condition, a", |call| {
        built(call.array("a")?.ravel()?.select(&call.array("condition")?.astype(DType::Bool)?.ravel()?))
    }),
    function("where", "condition, x, y", |call| {
        built(where_(call.term("condition")?, call.term("x")?, call.term("y")?))
    }),
    function("diff", "a, n=1, axis=-1", diff),
    // functions of elements with options
    method("astype", "a, dtype", |call| {
        let dtype = call.dtype("dtype")?.ok_or_else(|| Fault::new("astype needs the argument dtype"))?;
        built(call.array("a")?.astype(dtype))
    }),
    method("clip", "a, a_min=None, a_max=None, *, min=None, max=None", |call| {
        let low = call.optional_term("a_min")?.or(call.optional_term("min")?);
        let high = call.optional_term("a_max")?.or(call.optional_term("max")?);
        built(clip(call.term("a")?, low, high))
    }),
    method("round", "a, decimals=0", rounded),
    function("around", "a, decimals=0", rounded),
    function("nan_to_num", "x, *, nan=0.0, posinf=None, neginf=None", |call| {
        let limit = |name: &str| -> Outcome<Option<f64>> {
            if call.has(name) { call.float(name, 0.0).map(Some) } else { Ok(None) }
        };
        built(call.array("x")?.nan_to_num_with(call.float("nan", 0.0)?, limit("posinf")?, limit("neginf")?))
    }),
    function("isclose", "a, b, rtol=1e-05, atol=1e-08, equal_nan=False", |call| built(isclose(call))),
    function("divmod", "x1, x2", |call| {
        let (quotient, remainder) = brickwork_ops::divmod(call.term("x1")?, call.term("x2")?)?;
        Ok(Value::Tuple(Items::new(vec![Value::Array(quotient), Value::Array(remainder)])?))
    }),
    // products
    function("matmul", "x1, x2", |call| built(call.array("x1")?.matmul(&call.array("x2")?))),
    method("dot", "a, b", |call| built(call.array("a")?.dot(&call.array("b")?))),
    function("outer", "a, b", |call| built(call.array("a")?.ravel()?.outer(&call.array("b")?.ravel()?))),
    function("vdot", "a, b", |call| built(call.array("a")?.conj()?.ravel()?.dot(&call.array("b")?.ravel()?))),
    // about arrays
    function("shape", "a", |call| Value::int_tuple(call.array("a")?.shape())),
    function("ndim", "a", |call| Ok(Value::int(call.array("a")?.ndim() as i128))),
    function("size", "a", |call| Ok(Value::int(call.array("a")?.size() as i128))),
    method("compute", "a", |call| Ok(Value::Array(call.array("a")?))),
    method("persist", "a", |call| Ok(Value::Array(call.array("a")?))),
    method("copy", "a", |call| Ok(Value::Array(call.array("a")?))),
];

fn built<E: Into<Fault>>(result: Result<Array, E>) -> Outcome<Value> {
    result.map(Value::Array).map_err(Into::into)
}

fn list(arrays: Vec<Array>) -> Outcome<Value> {
    Ok(Value::List(Items::new(arrays.into_iter().map(Value::Array).collect())?))
}

fn rest_arrays(call: &Call) -> Outcome<Vec<Array>> {
    call.rest.iter().map(|(value, span)| to_array(value).map_err(|fault| fault.at(*span))).collect()
}

fn diagonal(call: &Call) -> Outcome<Array> {
    let axes = [call.int("axis1", 0)?, call.int("axis2", 1)?];
    Ok(call.array("a")?.diagonal(call.int("offset", 0)?, axes)?)
}

fn joined(call: &Call) -> Outcome<Value> {
    let arrays = call.arrays("arrays")?;
    if matches!(call.raw("axis"), Some((Value::None, _))) {
        let flat = arrays.iter().map(Array::ravel).collect::<Result<Vec<_>, _>>()?;
        return built(concatenate(&flat, 0));
    }
    built(concatenate(&arrays, call.int("axis", 0)?))
}

fn pad(call: &Call) -> Outcome<Value> {
    let array = call.array("array")?;
    let given = call.given("pad_width").ok_or_else(|| Fault::new("pad needs the argument pad_width"))?;
    let widths = pad_widths(&given.0, array.ndim())
        .ok_or_else(|| call.wrong("pad_width", "an integer, a pair, or a pair for every axis", given))?;
    let mode = match call.text("mode", "constant")?.as_str() {
        "constant" => match call.given("constant_values") {
            None => PadMode::ZEROS,
            Some((Value::Scalar(number), _)) => PadMode::Constant(*number),
            Some(other) => return Err(call.wrong("constant_values", "one number", other)),
        },
        "edge" => PadMode::Edge,
        "reflect" => PadMode::Reflect,
        "symmetric" => PadMode::Symmetric,
        "wrap" => PadMode::Wrap,
        other => {
            return Err(Fault::new(format!("pad has no mode {other:?}"))
                .help("the modes are 'constant', 'edge', 'reflect', 'symmetric' and 'wrap'"));
        }
    };
    built(array.pad(&widths, mode))
}

/// `2`, `(1, 2)` for all axes, `((1, 2), (0, 3))` for each, `((1, 2),)` for all.
fn pad_widths(value: &Value, ndim: usize) -> Option<Vec<(usize, usize)>> {
    let width = |value: &Value| as_int(value).and_then(|width| usize::try_from(width).ok());
    if let Some(both) = width(value) {
        return Some(vec![(both, both); ndim]);
    }
    let items = value.items()?;
    if let [before, after] = &**items
        && let (Some(before), Some(after)) = (width(before), width(after))
    {
        return Some(vec![(before, after); ndim]);
    }
    let pair = |value: &Value| match value.items().map(|items| &**items) {
        Some([before, after]) => Some((width(before)?, width(after)?)),
        Some([both]) => width(both).map(|both| (both, both)),
        _ => None,
    };
    let pairs: Vec<(usize, usize)> = items.iter().map(pair).collect::<Option<_>>()?;
    Some(if pairs.len() == 1 { vec![pairs[0]; ndim] } else { pairs })
}

fn compressed(call: &Call) -> Outcome<Value> {
    let (condition, array) = (call.array("condition")?.astype(DType::Bool)?, call.array("a")?);
    match call.optional_int("axis")? {
        None => built(array.ravel()?.select(&condition)),
        Some(axis) => {
            let axis = array.resolve_axis("compress", axis)? as isize;
            built(array.moveaxis(&[axis], &[0])?.select(&condition)?.moveaxis(&[0], &[axis]))
        }
    }
}

fn diff(call: &Call) -> Outcome<Value> {
    let mut array = call.array("a")?;
    let axis = array.resolve_axis("diff", call.int("axis", -1)?)?;
    let times = call.count("n", 1)?;
    // Beyond the length of the axis nothing is left to take differences of.
    for _ in 0..times.min(array.shape()[axis]) {
        let part = |start, stop| {
            let mut items = vec![Index::ALL; axis];
            items.push(Index::Range { start, stop, step: 1 });
            array.slice(items)
        };
        let (later, earlier) = (part(Some(1), None)?, part(None, Some(-1))?);
        array = if array.dtype() == DType::Bool {
            brickwork_ops::not_equal(later, earlier)?
        } else {
            subtract(later, earlier)?
        };
    }
    Ok(Value::Array(array))
}

fn rounded(call: &Call) -> Outcome<Value> {
    let decimals = call.int("decimals", 0)?;
    let Ok(decimals) = i32::try_from(decimals) else {
        return Err(Fault::new(format!("round: {decimals} decimals are more than any number has")));
    };
    built(call.array("a")?.round(decimals))
}

/// `isclose` with its tolerances.
pub fn isclose(call: &Call) -> Outcome<Array> {
    let (rtol, atol) = (call.float("rtol", 1e-5)?, call.float("atol", 1e-8)?);
    Ok(brickwork_ops::isclose(call.term("a")?, call.term("b")?, rtol, atol, call.flag("equal_nan", false)?)?)
}
