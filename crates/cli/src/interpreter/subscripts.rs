//! `base[index]`, by NumPy's rules for arrays and Python's for lists.

use brickwork_core::{DType, Weak};
use brickwork_ops::assemble::IndexArray;
use brickwork_ops::{Array, Index};

use super::convert::{as_isize, to_array};
use super::fault::{Fault, Outcome};
use super::operators::compare;
use super::value::{Items, SliceBounds, Value};
use crate::language::CompareOperator;

/// Iterating over more rows than this makes no sense in an expression.
const MOST_ROWS: usize = 100_000;

/// `base[index]`.
///
/// # Errors
/// If the index is out of range, or of a kind that the base does not take.
pub fn subscript(base: &Value, index: &Value) -> Outcome<Value> {
    match base {
        Value::Array(array) => subscript_array(array, index).map(Value::Array),
        Value::List(items) => subscript_items(items, index, Value::List),
        Value::Tuple(items) => subscript_items(items, index, Value::Tuple),
        Value::Dict(entries) => {
            for entry in entries.chunks(2) {
                if let Value::Scalar(Weak::Bool(true)) = compare(CompareOperator::Equal, &entry[0], index)? {
                    return Ok(entry[1].clone());
                }
            }
            Err(Fault::new(format!("the dictionary has no {index}")))
        }
        other => Err(Fault::new(format!("{} cannot be indexed", other.describe()))),
    }
}

fn subscript_items(items: &Items, index: &Value, wrap: fn(Items) -> Value) -> Outcome<Value> {
    if let Value::Slice(bounds) = index {
        let places = resolve(*bounds, items.len());
        let chosen = (0..places.len).map(|place| items[places.at(place)].clone()).collect();
        return Ok(wrap(Items::new(chosen)?));
    }
    let Some(place) = as_isize(index) else {
        let fault = Fault::new(format!("a list takes an integer or a slice, not {}", index.describe()));
        return Err(fault.help("stack(…) makes a list of arrays one array with one more axis"));
    };
    let length = items.len();
    let from_start = if place < 0 { place + length as isize } else { place };
    match usize::try_from(from_start).ok().and_then(|place| items.get(place)) {
        Some(item) => Ok(item.clone()),
        None => Err(Fault::new(format!("index {place} is out of range for a list of {length}"))),
    }
}

/// The elements of an array along its first axis.
///
/// # Errors
/// If there are none, or too many.
pub fn rows(array: &Array) -> Outcome<Vec<Value>> {
    match array.shape().first() {
        None => Err(Fault::new("an array without axes cannot be taken apart")),
        Some(_) if !array.is_known() => Err(Fault::new("the length of a boolean selection is not known yet")),
        Some(&length) if length > MOST_ROWS => {
            Err(Fault::new(format!("{length} rows are too many to take apart")).help("slice the array first"))
        }
        Some(&length) => {
            (0..length as isize).map(|row| Ok(Value::Array(array.slice([Index::At(row)])?))).collect()
        }
    }
}

/// The places that a slice takes along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Places {
    /// The first.
    pub start: usize,
    /// How many.
    pub len: usize,
    /// From one to the next.
    pub step: isize,
}

impl Places {
    /// Place number `k`.
    pub fn at(&self, k: usize) -> usize {
        (self.start as isize + k as isize * self.step) as usize
    }
}

/// The places of a slice along an axis of `length`, as Python's `slice.indices`.
pub fn resolve(bounds: SliceBounds, length: usize) -> Places {
    let (step, length) = (bounds.step, length as isize);
    let (lowest, highest) = if step > 0 { (0, length) } else { (-1, length - 1) };
    let clamp = |bound: isize| {
        let bound = if bound < 0 { bound.saturating_add(length).max(lowest) } else { bound };
        bound.min(highest)
    };
    let start = bounds.start.map_or(if step > 0 { lowest } else { highest }, clamp);
    let stop = bounds.stop.map_or(if step > 0 { highest } else { lowest }, clamp);
    let distance = if step > 0 { stop - start } else { start - stop };
    let len = if distance <= 0 { 0 } else { (distance as usize).div_ceil(step.unsigned_abs()) };
    Places { start: start.max(0) as usize, len, step }
}

/// An index of integers: a number, a list of numbers, or an array.
///
/// # Errors
/// If there is something else in the list.
pub fn index_array(value: &Value) -> Outcome<IndexArray> {
    let wrong = |what: String| {
        Fault::new(format!("an index must be of integers, not {what}"))
            .help("round and cast it: x.astype(int)")
    };
    match value {
        Value::Scalar(Weak::Int(index)) => match i64::try_from(*index) {
            Ok(index) => Ok(index.into()),
            Err(_) => Err(Fault::new(format!("index {index} is out of range for any axis"))),
        },
        Value::Array(array) if array.dtype().is_integer() => Ok(array.into()),
        Value::Array(array) => Err(wrong(format!("dtype {}", array.dtype()))),
        Value::List(items) | Value::Tuple(items) => {
            if let Some(values) = items.iter().map(int_only).collect::<Option<Vec<i64>>>() {
                return Ok(values.into());
            }
            let array = to_array(value)?;
            if array.dtype().is_integer() {
                Ok(array.into())
            } else {
                Err(wrong(format!("dtype {}", array.dtype())))
            }
        }
        other => Err(wrong(other.describe())),
    }
}

fn int_only(value: &Value) -> Option<i64> {
    match value {
        Value::Scalar(Weak::Int(value)) => i64::try_from(*value).ok(),
        _ => None,
    }
}

/// One item between the brackets of an array.
#[derive(Debug, Clone)]
pub enum Item {
    /// What a plain slice takes.
    Basic(Index),
    /// Integers that choose along one axis.
    Integers(IndexArray),
    /// Truth values over one or several axes.
    Mask(Array),
}

impl Item {
    /// How many axes of the array it stands for.
    fn axes(&self) -> usize {
        match self {
            Item::Basic(Index::NewAxis | Index::Ellipsis) => 0,
            Item::Mask(mask) => mask.ndim(),
            _ => 1,
        }
    }
}

/// The items between the brackets, without ellipsis, one for every axis of the array.
///
/// # Errors
/// If there are too many, or one is of a kind that does not index.
pub fn items(array: &Array, index: &Value) -> Outcome<Vec<Item>> {
    let given: Vec<Item> = match index {
        Value::Tuple(parts) => parts.iter().map(item).collect::<Outcome<_>>()?,
        single => vec![item(single)?],
    };
    let used: usize = given.iter().map(Item::axes).sum();
    if used > array.ndim() {
        let plural = if used == 1 { "index" } else { "indexes" };
        return Err(Fault::new(format!("{used} {plural} for an array of {} axes", array.ndim())));
    }
    let ellipses = given.iter().filter(|item| matches!(item, Item::Basic(Index::Ellipsis))).count();
    if ellipses > 1 {
        return Err(Fault::new("an index has at most one ellipsis (...)"));
    }
    let missing = vec![Item::Basic(Index::ALL); array.ndim() - used];
    let mut full = Vec::with_capacity(given.len() + missing.len());
    for item in given {
        match item {
            Item::Basic(Index::Ellipsis) => full.extend(missing.iter().cloned()),
            item => full.push(item),
        }
    }
    if ellipses == 0 {
        full.extend(missing);
    }
    Ok(full)
}

fn item(value: &Value) -> Outcome<Item> {
    Ok(match value {
        Value::Scalar(Weak::Int(index)) => match isize::try_from(*index) {
            Ok(index) => Item::Basic(Index::At(index)),
            Err(_) => return Err(Fault::new(format!("index {index} is out of range for any axis"))),
        },
        Value::Scalar(Weak::Bool(_)) => {
            return Err(Fault::new("True and False choose no elements").help("use a bool array, or 0 and 1"));
        }
        Value::Scalar(_) => {
            return Err(Fault::new(format!("an index must be an integer, not {}", value.describe())));
        }
        Value::None => Item::Basic(Index::NewAxis),
        Value::Ellipsis => Item::Basic(Index::Ellipsis),
        Value::Slice(SliceBounds { start, stop, step }) => {
            Item::Basic(Index::Range { start: *start, stop: *stop, step: *step })
        }
        Value::Array(array) if array.dtype() == DType::Bool => {
            if array.ndim() == 0 {
                return Err(
                    Fault::new("a mask without axes chooses no elements").help("use where(mask, x, y)")
                );
            }
            Item::Mask(array.clone())
        }
        Value::List(items) | Value::Tuple(items) => {
            let truths: Option<Vec<bool>> = items
                .iter()
                .map(|item| match item {
                    Value::Scalar(Weak::Bool(value)) => Some(*value),
                    _ => None,
                })
                .collect();
            match truths {
                // What is true is known: so are the places, and the length.
                Some(truths) if !truths.is_empty() => Item::Mask(to_array(value)?),
                _ if items.is_empty() => Item::Integers(Vec::new().into()),
                _ => match to_array(value)? {
                    mask if mask.dtype() == DType::Bool => Item::Mask(mask),
                    _ => Item::Integers(index_array(value)?),
                },
            }
        }
        other => Item::Integers(index_array(other)?),
    })
}

fn subscript_array(array: &Array, index: &Value) -> Outcome<Array> {
    let items = items(array, index)?;
    let masks = items.iter().filter(|item| matches!(item, Item::Mask(_))).count();
    let integers = items.iter().filter(|item| matches!(item, Item::Integers(_))).count();
    match (masks, integers) {
        (0, 0) => Ok(array.slice(basic_part(&items, true))?),
        (0, _) => pointwise(array, &items),
        (1, 0) => masked(array, &items),
        _ => Err(Fault::new("a mask cannot stand together with another mask or with integer arrays")
            .help("index in two steps: x[mask][:, [0, 2]]")),
    }
}

/// The slices of the items; what is no slice takes its axes whole. Integers are slices only if `with_integers`.
fn basic_part(items: &[Item], with_integers: bool) -> Vec<Index> {
    let mut basic = Vec::new();
    for item in items {
        match item {
            Item::Basic(Index::At(_)) if !with_integers => basic.push(Index::ALL),
            Item::Basic(index) => basic.push(*index),
            Item::Integers(_) => basic.push(Index::ALL),
            Item::Mask(mask) => basic.extend(std::iter::repeat_n(Index::ALL, mask.ndim())),
        }
    }
    basic
}

/// Integer arrays, and integers with them, are broadcast together and choose points.
fn pointwise(array: &Array, items: &[Item]) -> Outcome<Array> {
    let sliced = array.slice(basic_part(items, false))?;
    let indices: Vec<Option<IndexArray>> = items
        .iter()
        .map(|item| match item {
            Item::Basic(Index::At(index)) => Some(IndexArray::from(*index as i64)),
            Item::Integers(index) => Some(index.clone()),
            _ => None,
        })
        .collect();
    Ok(sliced.vindex(&indices)?)
}

/// One mask among slices and integers: its axes become one, of a length that the data tell.
fn masked(array: &Array, items: &[Item]) -> Outcome<Array> {
    let place = items.iter().position(|item| matches!(item, Item::Mask(_))).unwrap_or(0);
    let Item::Mask(mask) = &items[place] else {
        return Err(Fault::new("there is no mask"));
    };
    let integers: Vec<usize> =
        (0..items.len()).filter(|&k| matches!(items[k], Item::Basic(Index::At(_)))).collect();
    // NumPy puts the chosen elements first if an integer stands apart from the mask.
    let together = integers.iter().all(|&k| {
        let between = &items[k.min(place)..=k.max(place)];
        between.iter().all(|item| matches!(item, Item::Basic(Index::At(_)) | Item::Mask(_)))
    });
    let axis = items[..place].iter().filter(|item| !matches!(item, Item::Basic(Index::At(_)))).count();
    let sliced = array.slice(basic_part(items, true))?;
    let axes: Vec<isize> = (axis..axis + mask.ndim()).map(|axis| axis as isize).collect();
    let front: Vec<isize> = (0..mask.ndim() as isize).collect();
    let selected =
        if axis == 0 { sliced.select(mask)? } else { sliced.moveaxis(&axes, &front)?.select(mask)? };
    Ok(if axis == 0 || !together { selected } else { selected.moveaxis(&[0], &[axis as isize])? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_resolve_as_in_python() {
        let check = |start, stop, step, length, expected: &[usize]| {
            let places = resolve(SliceBounds { start, stop, step }, length);
            let got: Vec<usize> = (0..places.len).map(|k| places.at(k)).collect();
            assert_eq!(got, expected, "{start:?}:{stop:?}:{step} of {length}");
        };
        check(None, None, 1, 3, &[0, 1, 2]);
        check(None, None, -1, 3, &[2, 1, 0]);
        check(Some(1), Some(-1), 1, 4, &[1, 2]);
        check(Some(-100), Some(100), 2, 5, &[0, 2, 4]);
        check(Some(4), Some(0), -2, 5, &[4, 2]);
        check(Some(3), Some(1), 1, 5, &[]);
        check(None, None, -1, 0, &[]);
        check(Some(isize::MIN), Some(isize::MAX), isize::MAX, 4, &[0]);
    }
}
