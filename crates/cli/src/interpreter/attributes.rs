//! What stands after a dot, and what names mean that the user has not bound.

use std::rc::Rc;

use brickwork_core::{DType, Weak};
use brickwork_ops::Array;

use super::fault::{Fault, Outcome};
use super::functions::{self, Function};
use super::value::{Items, Module, Value};
use crate::language::nearest_name;

/// Chunk lengths are listed up to this many.
const MOST_CHUNKS_LISTED: usize = 100_000;

/// The attributes of arrays that are no methods.
const ARRAY_ATTRIBUTES: [&str; 13] = [
    "T",
    "shape",
    "ndim",
    "size",
    "dtype",
    "real",
    "imag",
    "nbytes",
    "itemsize",
    "chunks",
    "chunksize",
    "numblocks",
    "npartitions",
];

const DTYPES: [&str; 28] = [
    "bool_",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float32",
    "float64",
    "complex64",
    "complex128",
    "intp",
    "uintp",
    "int_",
    "uint",
    "single",
    "double",
    "csingle",
    "cdouble",
    "byte",
    "ubyte",
    "short",
    "ushort",
    "intc",
    "uintc",
    "longlong",
];

/// A name that the user has not bound: a module, a function, a dtype or a constant.
pub fn global(name: &str) -> Option<Value> {
    if let Some(module) = Module::named(name) {
        return Some(Value::Module(module));
    }
    functions::builtin(name).map(Value::Function).or_else(|| numpy(name))
}

/// All names of [`global`], for suggestions.
pub fn global_names() -> impl Iterator<Item = &'static str> {
    ["np", "da", "random"].into_iter().chain(functions::builtin_names()).chain(numpy_names())
}

fn numpy(name: &str) -> Option<Value> {
    let number = |value: f64| Some(Value::Scalar(Weak::Float(value)));
    match name {
        "pi" => return number(std::f64::consts::PI),
        "e" => return number(std::f64::consts::E),
        "inf" => return number(f64::INFINITY),
        "nan" => return number(f64::NAN),
        "euler_gamma" => return number(0.577_215_664_901_532_9),
        "newaxis" => return Some(Value::None),
        "random" => return Some(Value::Module(Module::Random)),
        _ => {}
    }
    if DTYPES.contains(&name) {
        return DType::parse(name).map(Value::DType);
    }
    functions::numpy(name).map(Value::Function)
}

fn numpy_names() -> impl Iterator<Item = &'static str> {
    ["pi", "e", "inf", "nan", "newaxis"].into_iter().chain(DTYPES).chain(functions::numpy_names())
}

fn unknown<'a>(what: &str, name: &str, names: impl Iterator<Item = &'a str>) -> Fault {
    let fault = Fault::new(format!("{what} has no {name}"));
    match nearest_name(name, names) {
        Some(near) => fault.help(format!("did you mean {near}?")),
        None => fault,
    }
}

/// `base.name`.
///
/// # Errors
/// If there is no such attribute.
pub fn attribute(base: &Value, name: &str) -> Outcome<Value> {
    match base {
        Value::Array(array) => array_attribute(base, array, name),
        Value::Module(Module::Numpy) => numpy(name)
            .or_else(|| {
                DType::parse(name)
                    .filter(|_| ["bool", "int", "float", "complex"].contains(&name))
                    .map(Value::DType)
            })
            .or_else(|| {
                functions::builtin(name)
                    .filter(|_| ["abs", "round", "pow"].contains(&name))
                    .map(Value::Function)
            })
            .ok_or_else(|| unknown("np", name, numpy_names())),
        Value::Module(Module::Dask) => match name {
            "array" => Ok(Value::Module(Module::Numpy)),
            _ => Err(unknown("dask", name, ["array"].into_iter())),
        },
        Value::Module(Module::Random) => functions::random(name)
            .map(Value::Function)
            .ok_or_else(|| unknown("random", name, functions::random_names())),
        Value::Generator(_) => match functions::random(name) {
            Some(function) => Ok(Value::Method(Rc::new(base.clone()), function)),
            None => Err(unknown("a random generator", name, functions::random_names())),
        },
        Value::DType(dtype) => match name {
            "itemsize" => Ok(Value::int(dtype.itemsize() as i128)),
            "name" => Ok(Value::text(dtype.name())),
            _ => Err(unknown("a dtype", name, ["itemsize", "name"].into_iter())),
        },
        Value::Scalar(number) => {
            match (name, number) {
                ("real", Weak::Complex(value)) => Ok(Value::Scalar(Weak::Float(value.re))),
                ("imag", Weak::Complex(value)) => Ok(Value::Scalar(Weak::Float(value.im))),
                ("real", other) => Ok(Value::Scalar(*other)),
                ("imag", _) => Ok(Value::int(0)),
                _ => Err(Fault::new(format!("a plain number has no {name}"))
                    .help("array(number) makes it an array")),
            }
        }
        Value::List(_) | Value::Tuple(_) => {
            let fault = Fault::new(format!("{} has no {name}", base.describe()));
            Err(fault.help("stack(…) or concatenate(…) make a list of arrays one array"))
        }
        other => Err(Fault::new(format!("{} has no {name}", other.describe()))),
    }
}

fn array_attribute(base: &Value, array: &Array, name: &str) -> Outcome<Value> {
    Ok(match name {
        "T" => Value::Array(array.t()),
        "real" => Value::Array(array.real()?),
        "imag" => Value::Array(array.imag()?),
        "dtype" => Value::DType(array.dtype()),
        "ndim" => Value::int(array.ndim() as i128),
        "itemsize" => Value::int(array.dtype().itemsize() as i128),
        "numblocks" => Value::int_tuple(&array.chunks().numblocks())?,
        "npartitions" => Value::int(array.chunks().num_chunks() as i128),
        "chunksize" => Value::int_tuple(&array.chunks().max_chunk())?,
        "shape" | "size" | "nbytes" | "chunks" if !array.is_known() => {
            return Err(Fault::new(format!(
                "the {name} of a boolean selection is not known before it is computed"
            ))
            .help("count the elements: mask.sum()"));
        }
        "shape" => Value::int_tuple(array.shape())?,
        "size" => Value::int(array.size() as i128),
        "nbytes" => Value::int(array.nbytes() as i128),
        "chunks" => {
            let count: usize = array.chunks().axes().iter().map(|axis| axis.num_chunks()).sum();
            if count > MOST_CHUNKS_LISTED {
                return Err(Fault::new(format!("{count} chunk lengths are too many to list"))
                    .help("x.numblocks, x.chunksize"));
            }
            let axes = array.chunks().axes().iter().map(|axis| Value::int_tuple(&axis.chunk_lengths()));
            Value::Tuple(Items::new(axes.collect::<Outcome<_>>()?)?)
        }
        _ => return array_method(base, name),
    })
}

fn array_method(base: &Value, name: &str) -> Outcome<Value> {
    let methods =
        || functions::numpy_names().filter(|name| functions::numpy(name).is_some_and(|f| f.is_method()));
    match functions::numpy(name) {
        Some(function) if function.is_method() => Ok(Value::Method(Rc::new(base.clone()), function)),
        Some(Function::Row(_) | Function::Elementwise(_)) => {
            Err(Fault::new(format!("arrays have no method {name}")).help(format!("write {name}(x)")))
        }
        _ => Err(unknown("an array", name, ARRAY_ATTRIBUTES.into_iter().chain(methods()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dtype_name_is_one() {
        for name in DTYPES {
            assert!(matches!(global(name), Some(Value::DType(_))), "{name}");
        }
    }

    #[test]
    fn unknown_attributes_are_compared_with_known_ones() {
        let array = Value::Array(Array::from_vec(vec![1.0], &[1]).unwrap());
        assert_eq!(attribute(&array, "maen").unwrap_err().help.unwrap(), "did you mean mean?");
        assert_eq!(attribute(&array, "sqrt").unwrap_err().help.unwrap(), "write sqrt(x)");
        assert_eq!(attribute(&array, "shpae").unwrap_err().help.unwrap(), "did you mean shape?");
        assert!(attribute(&Value::Module(Module::Numpy), "abs").is_ok());
        assert!(
            attribute(&Value::Module(Module::Random), "normall")
                .unwrap_err()
                .help
                .unwrap()
                .contains("normal")
        );
    }
}
