//! Python's own functions, for what is no array. For arrays, those that NumPy has too are NumPy's.

use brickwork_core::Weak;

use super::call::Passed;
use super::convert::{as_float, as_int, as_isize};
use super::fault::{Fault, Outcome};
use super::operators::{binary, compare};
use super::scalar;
use super::value::{Items, Value};
use crate::language::{BinaryOperator, CompareOperator};

/// The longest `range` that is written out as a list.
const LONGEST_RANGE: usize = 10_000_000;

/// A function of Python's.
#[derive(Debug)]
pub struct Builtin {
    /// Its name.
    pub name: &'static str,
    /// Its result; `None` leaves the call to NumPy's function of the same name.
    pub call: fn(&[Passed]) -> Outcome<Option<Value>>,
    /// What to do if there is no such function for the arguments.
    pub help: &'static str,
}

/// All of them.
pub static BUILTINS: &[Builtin] = &[
    Builtin { name: "len", call: len, help: "len takes an array or a list" },
    Builtin { name: "range", call: range, help: "range(stop) or range(start, stop, step) of integers" },
    Builtin {
        name: "list",
        call: |passed| listed(passed, Value::List),
        help: "list takes a list, tuple or array",
    },
    Builtin {
        name: "tuple",
        call: |passed| listed(passed, Value::Tuple),
        help: "tuple takes a list, tuple or array",
    },
    Builtin { name: "int", call: int, help: "on arrays, write x.astype(int)" },
    Builtin { name: "float", call: float, help: "on arrays, write x.astype(float)" },
    Builtin { name: "complex", call: complex, help: "on arrays, write x.astype(complex)" },
    Builtin { name: "bool", call: truth_value, help: "on arrays, write x.astype(bool)" },
    Builtin { name: "abs", call: abs, help: "abs takes a number or an array" },
    Builtin { name: "pow", call: pow, help: "pow takes two numbers or arrays" },
    Builtin { name: "round", call: round, help: "round takes a number or an array" },
    Builtin { name: "sum", call: sum, help: "sum takes a list or an array" },
    Builtin {
        name: "min",
        call: |passed| extreme(passed, CompareOperator::Less),
        help: "for arrays element by element, write minimum(a, b)",
    },
    Builtin {
        name: "max",
        call: |passed| extreme(passed, CompareOperator::Greater),
        help: "for arrays element by element, write maximum(a, b)",
    },
    Builtin {
        name: "any",
        call: |passed| Ok(all_or_any(passed, true)),
        help: "any takes a list or an array",
    },
    Builtin {
        name: "all",
        call: |passed| Ok(all_or_any(passed, false)),
        help: "all takes a list or an array",
    },
];

/// The arguments, if there are so many and none has a keyword.
fn plain<const N: usize>(passed: &[Passed]) -> Option<[&Value; N]> {
    if passed.iter().any(|argument| argument.keyword.is_some()) {
        return None;
    }
    let values: Vec<&Value> = passed.iter().map(|argument| &argument.value).collect();
    values.try_into().ok()
}

fn len(passed: &[Passed]) -> Outcome<Option<Value>> {
    let length = match plain::<1>(passed) {
        Some([Value::Array(array)]) => match array.shape().first() {
            Some(_) if !array.is_known() => {
                return Err(Fault::new(
                    "the length of a boolean selection is not known before it is computed",
                )
                .help("count the elements: mask.sum()"));
            }
            Some(length) => *length,
            None => return Err(Fault::new("an array without axes has no length")),
        },
        Some([Value::List(items) | Value::Tuple(items)]) => items.len(),
        Some([Value::Dict(items)]) => items.len() / 2,
        Some([Value::Text(text)]) => text.chars().count(),
        _ => return Ok(None),
    };
    Ok(Some(Value::int(length as i128)))
}

fn range(passed: &[Passed]) -> Outcome<Option<Value>> {
    let numbers: Option<Vec<isize>> = passed.iter().map(|argument| as_isize(&argument.value)).collect();
    let (start, stop, step) = match numbers.as_deref() {
        Some([stop]) => (0, *stop, 1),
        Some([start, stop]) => (*start, *stop, 1),
        Some([start, stop, step]) if *step != 0 => (*start, *stop, *step),
        _ => return Ok(None),
    };
    let distance = if step > 0 { stop as i128 - start as i128 } else { start as i128 - stop as i128 };
    let length = (distance.max(0) as u128).div_ceil(step.unsigned_abs() as u128);
    if length > LONGEST_RANGE as u128 {
        return Err(
            Fault::new(format!("a range of {length} numbers is too long for a list")).help("use arange")
        );
    }
    let values = (0..length as i128).map(|place| Value::int(start as i128 + place * step as i128));
    Ok(Some(Value::List(Items::new(values.collect())?)))
}

fn listed(passed: &[Passed], wrap: fn(Items) -> Value) -> Outcome<Option<Value>> {
    let items = match plain::<1>(passed) {
        Some([Value::List(items) | Value::Tuple(items)]) => items.clone(),
        Some([Value::Array(array)]) => Items::new(super::subscripts::rows(array)?)?,
        None if passed.is_empty() => Items::new(Vec::new())?,
        _ => return Ok(None),
    };
    Ok(Some(wrap(items)))
}

fn int(passed: &[Passed]) -> Outcome<Option<Value>> {
    Ok(match plain::<1>(passed) {
        Some([Value::Scalar(Weak::Float(value))]) => {
            if !value.is_finite() || value.abs() >= 1e38 {
                return Err(Fault::new(format!("{value} cannot be an integer")));
            }
            Some(Value::int(value.trunc() as i128))
        }
        Some([Value::Text(text)]) => match text.trim().parse::<i128>() {
            Ok(value) => Some(Value::int(value)),
            Err(_) => return Err(Fault::new(format!("{text:?} is not an integer"))),
        },
        Some([value]) => as_int(value).map(Value::int),
        None => None,
    })
}

fn float(passed: &[Passed]) -> Outcome<Option<Value>> {
    Ok(match plain::<1>(passed) {
        Some([Value::Text(text)]) => match text.trim().parse::<f64>() {
            Ok(value) => Some(Value::Scalar(Weak::Float(value))),
            Err(_) => return Err(Fault::new(format!("{text:?} is not a number"))),
        },
        Some([value]) => as_float(value).map(|value| Value::Scalar(Weak::Float(value))),
        None => None,
    })
}

fn complex(passed: &[Passed]) -> Outcome<Option<Value>> {
    let wrap = |value| Some(Value::Scalar(Weak::Complex(value)));
    Ok(match (plain::<1>(passed), plain::<2>(passed)) {
        (Some([Value::Scalar(number)]), _) => wrap(number.to_complex()),
        (_, Some([real, imaginary])) => match (as_float(real), as_float(imaginary)) {
            (Some(re), Some(im)) => wrap(brickwork_core::Complex::new(re, im)),
            _ => None,
        },
        _ => None,
    })
}

fn truth_value(passed: &[Passed]) -> Outcome<Option<Value>> {
    Ok(plain::<1>(passed)
        .filter(|[value]| !value.holds_array())
        .and_then(|[value]| scalar::truth(value))
        .map(|truth| Value::Scalar(truth.into())))
}

fn abs(passed: &[Passed]) -> Outcome<Option<Value>> {
    Ok(match plain::<1>(passed) {
        Some([Value::Scalar(number)]) => Some(Value::Scalar(match *number {
            Weak::Complex(value) => Weak::Float(value.norm()),
            Weak::Float(value) => Weak::Float(value.abs()),
            Weak::Int(value) => Weak::Int(value.checked_abs().ok_or_else(scalar::overflow)?),
            Weak::Bool(value) => Weak::Int(value.into()),
        })),
        _ => None,
    })
}

fn pow(passed: &[Passed]) -> Outcome<Option<Value>> {
    match plain::<2>(passed) {
        Some([left, right]) => binary(BinaryOperator::Power, left, right).map(Some),
        None => Ok(None),
    }
}

fn round(passed: &[Passed]) -> Outcome<Option<Value>> {
    Ok(match plain::<1>(passed) {
        Some([Value::Scalar(Weak::Float(value))]) if value.is_finite() && value.abs() < 1e38 => {
            Some(Value::int(value.round_ties_even() as i128))
        }
        Some([value @ Value::Scalar(Weak::Int(_) | Weak::Bool(_))]) => as_int(value).map(Value::int),
        _ => None,
    })
}

/// The elements added one after the other, as Python does: of a list of arrays, element by element.
fn sum(passed: &[Passed]) -> Outcome<Option<Value>> {
    let Some([Value::List(items) | Value::Tuple(items)]) = plain::<1>(passed) else { return Ok(None) };
    let Some((first, rest)) = items.split_first() else { return Ok(Some(Value::int(0))) };
    let start = binary(BinaryOperator::Add, &Value::int(0), first);
    // Zero plus an array is the array, without a pass over it.
    let start = if first.holds_array() { first.clone() } else { start? };
    rest.iter().try_fold(start, |sum, item| binary(BinaryOperator::Add, &sum, item)).map(Some)
}

fn extreme(passed: &[Passed], better: CompareOperator) -> Outcome<Option<Value>> {
    if passed.iter().any(|argument| argument.keyword.is_some()) {
        return Ok(None);
    }
    let values: Vec<Value> = match passed {
        [one] => match &one.value {
            Value::List(items) | Value::Tuple(items) => items.to_vec(),
            _ => return Ok(None),
        },
        several => several.iter().map(|argument| argument.value.clone()).collect(),
    };
    // An axis may follow an array.
    if values.iter().any(|value| !matches!(value, Value::Scalar(_) | Value::Text(_))) {
        return Ok(None);
    }
    let mut values = values.into_iter();
    let Some(mut best) = values.next() else {
        return Err(Fault::new("an empty list has neither min nor max"));
    };
    for value in values {
        if let Value::Scalar(Weak::Bool(true)) = compare(better, &value, &best)? {
            best = value;
        }
    }
    Ok(Some(best))
}

fn all_or_any(passed: &[Passed], wanted: bool) -> Option<Value> {
    let [Value::List(items) | Value::Tuple(items)] = plain::<1>(passed)? else { return None };
    let truths: Vec<bool> = items.iter().map(scalar::truth).collect::<Option<_>>()?;
    Some(Value::Scalar((truths.contains(&wanted) == wanted).into()))
}
