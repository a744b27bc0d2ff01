//! Values as what functions want: arrays, operands, numbers, shapes, dtypes, chunks.

use brickwork_core::{AxisSpec, Bool8, ChunkSpec, Complex, DType, DTypeKind, Weak, WeakKind};
use brickwork_ops::assemble::stack;
use brickwork_ops::{Array, Term};

use super::fault::{Fault, Outcome};
use super::functions::Function;
use super::value::Value;

/// More numbers than this in a written list would take the interpreter longer than the array is worth.
const MOST_WRITTEN: usize = 10_000_000;

/// An array of the value: arrays as they are, numbers without axes, lists stacked.
///
/// # Errors
/// If the value is no number, or the lists in a list differ in length.
pub fn to_array(value: &Value) -> Outcome<Array> {
    match value {
        Value::Array(array) => Ok(array.clone()),
        Value::Scalar(number) => from_weak(*number, None),
        Value::List(items) | Value::Tuple(items) if value.holds_array() => {
            let arrays = items.iter().map(to_array).collect::<Outcome<Vec<_>>>()?;
            let first = arrays[0].shape().to_vec();
            if let Some(other) = arrays.iter().find(|array| array.shape() != first) {
                return Err(Fault::new(format!(
                    "the arrays of a list have shapes {first:?} and {:?}; they can be used as one array only if \
                     their shapes are equal",
                    other.shape()
                )));
            }
            Ok(stack(&arrays, 0)?)
        }
        Value::List(_) | Value::Tuple(_) => from_lists(value),
        other => Err(Fault::new(format!("expected an array or a number, not {}", other.describe()))),
    }
}

/// A number as an array without axes, of a dtype or of NumPy's for such numbers.
///
/// # Errors
/// If the number does not fit.
pub fn from_weak(number: Weak, dtype: Option<DType>) -> Outcome<Array> {
    let natural = match number {
        Weak::Int(value) if value > i64::MAX.into() => DType::U64,
        other => other.default_dtype(),
    };
    let dtype = dtype.unwrap_or(natural);
    Ok(Term::Weak(number).to_array("number", dtype)?)
}

/// Nested lists of numbers as an array.
fn from_lists(value: &Value) -> Outcome<Array> {
    let mut shape = Vec::new();
    let mut inner = value;
    while let Some(items) = inner.items() {
        shape.push(items.len());
        match items.first() {
            Some(first) => inner = first,
            None => break,
        }
    }
    let mut numbers = Vec::new();
    flatten(value, &shape, &mut numbers)?;
    let kind = numbers.iter().map(Weak::kind).max().unwrap_or(WeakKind::Float);
    let reals = || {
        numbers.iter().map(|number| match *number {
            Weak::Float(value) => value,
            Weak::Int(value) => value as f64,
            Weak::Bool(value) => f64::from(u8::from(value)),
            Weak::Complex(value) => value.re,
        })
    };
    let integers = || {
        numbers.iter().map(|number| match *number {
            Weak::Int(value) => value,
            Weak::Bool(value) => i128::from(value),
            _ => 0,
        })
    };
    Ok(match kind {
        WeakKind::Bool => {
            let values = integers().map(|value| Bool8::from(value != 0)).collect::<Vec<_>>();
            Array::from_vec(values, &shape)?
        }
        WeakKind::Int => {
            if let Ok(values) = integers().map(i64::try_from).collect::<Result<Vec<_>, _>>() {
                Array::from_vec(values, &shape)?
            } else {
                let values = integers().map(u64::try_from).collect::<Result<Vec<_>, _>>().map_err(|_| {
                    Fault::new("an integer of the list does not fit 64 bits").help("write it as a float")
                })?;
                Array::from_vec(values, &shape)?
            }
        }
        WeakKind::Complex => {
            let values: Vec<Complex<f64>> = numbers.iter().map(Weak::to_complex).collect();
            Array::from_vec(values, &shape)?
        }
        _ => Array::from_vec(reals().collect::<Vec<f64>>(), &shape)?,
    })
}

fn flatten(value: &Value, shape: &[usize], numbers: &mut Vec<Weak>) -> Outcome<()> {
    match (value, shape) {
        (Value::Scalar(number), []) => {
            if numbers.len() == MOST_WRITTEN {
                return Err(Fault::new(format!("a list of more than {MOST_WRITTEN} numbers"))
                    .help("store the numbers in a file and bind it to a name"));
            }
            numbers.push(*number);
            Ok(())
        }
        (Value::List(items) | Value::Tuple(items), [length, rest @ ..]) if items.len() == *length => {
            items.iter().try_for_each(|item| flatten(item, rest, numbers))
        }
        (Value::List(_) | Value::Tuple(_) | Value::Scalar(_), _) => {
            Err(Fault::new("the lists in a list differ in length or depth")
                .help("an array has rows of equal length"))
        }
        (other, _) => Err(Fault::new(format!("a list of numbers holds {}", other.describe()))),
    }
}

/// An operand of an elementwise function: numbers stay without width.
///
/// # Errors
/// As [`to_array`].
pub fn to_term(value: &Value) -> Outcome<Term> {
    match value {
        Value::Scalar(number) => Ok(Term::Weak(*number)),
        other => to_array(other).map(Term::Array),
    }
}

/// The integer that a value is.
pub fn as_int(value: &Value) -> Option<i128> {
    match value {
        Value::Scalar(Weak::Int(value)) => Some(*value),
        Value::Scalar(Weak::Bool(value)) => Some((*value).into()),
        _ => None,
    }
}

/// The integer that a value is, if it fits.
pub fn as_isize(value: &Value) -> Option<isize> {
    as_int(value).and_then(|value| isize::try_from(value).ok())
}

/// One or several integers.
pub fn as_isizes(value: &Value) -> Option<Vec<isize>> {
    match value.items() {
        Some(items) => items.iter().map(as_isize).collect(),
        None => as_isize(value).map(|value| vec![value]),
    }
}

/// The real number that a value is.
pub fn as_float(value: &Value) -> Option<f64> {
    match value {
        Value::Scalar(Weak::Float(value)) => Some(*value),
        other => as_int(other).map(|value| value as f64),
    }
}

/// The dtype that a value names: a dtype, its name, or one of Python's types.
pub fn as_dtype(value: &Value) -> Option<DType> {
    match value {
        Value::DType(dtype) => Some(*dtype),
        Value::Text(name) => DType::parse(name),
        Value::Function(Function::Builtin(builtin)) => match builtin.name {
            "bool" | "int" | "float" | "complex" => DType::parse(builtin.name),
            _ => None,
        },
        _ => None,
    }
}

/// A way to cut an array of known shape into chunks: an integer, a string such as `'auto'` or `'64MiB'`, or one of
/// them, or lengths, for every axis. A dictionary names some axes; the others keep `own`.
///
/// # Errors
/// If it is none of these.
pub fn to_chunks(value: &Value, own: Option<&Array>) -> Outcome<ChunkSpec> {
    match value {
        Value::None => Ok(ChunkSpec::auto()),
        Value::List(items) | Value::Tuple(items) => {
            Ok(ChunkSpec::Axes(items.iter().map(axis_chunks).collect::<Outcome<_>>()?))
        }
        Value::Dict(entries) => {
            let Some(array) = own else {
                return Err(
                    Fault::new("chunks by axis need an array").help("give a tuple, one length for each axis")
                );
            };
            let mut axes: Vec<AxisSpec> = array
                .chunks()
                .axes()
                .iter()
                .map(|axis| match axis {
                    brickwork_core::AxisChunks::Regular { .. } => AxisSpec::from(axis.max_chunk().max(1)),
                    uneven => AxisSpec::Lengths(uneven.chunk_lengths()),
                })
                .collect();
            for entry in entries.chunks(2) {
                let Some(axis) = as_isize(&entry[0]) else {
                    return Err(Fault::new(format!(
                        "the axis of chunks must be an integer, not {}",
                        entry[0]
                    )));
                };
                axes[array.resolve_axis("rechunk", axis)?] = axis_chunks(&entry[1])?;
            }
            Ok(ChunkSpec::Axes(axes))
        }
        other => axis_chunks(other).map(ChunkSpec::Every),
    }
}

fn axis_chunks(value: &Value) -> Outcome<AxisSpec> {
    if let Some(length) = as_isize(value) {
        return Ok(AxisSpec::Length(length));
    }
    match value {
        Value::None => Ok(AxisSpec::Whole),
        Value::Text(text) => Ok(AxisSpec::parse(text)?),
        Value::List(items) | Value::Tuple(items) => items
            .iter()
            .map(|item| as_int(item).and_then(|length| usize::try_from(length).ok()))
            .collect::<Option<Vec<usize>>>()
            .map(AxisSpec::Lengths)
            .ok_or_else(|| {
                Fault::new("the chunk lengths of an axis must be integers, none of them negative")
            }),
        other => Err(Fault::new(format!("{} says nothing about chunks", other.describe()))
            .help("use a length, a tuple of lengths, -1 for a whole axis, 'auto' or a size such as '64MiB'")),
    }
}

/// Whether numbers of one kind can be assigned into a dtype without changing what they are.
pub fn fits_kind(number: Weak, dtype: DType) -> bool {
    !(number.kind() == WeakKind::Complex && dtype.kind() != DTypeKind::Complex)
}
