//! `x[index] = value`: a new array in which some elements are replaced. The variable is bound to it.

use brickwork_core::{DType, Weak};
use brickwork_ops::assemble::{IndexArray, concatenate};
use brickwork_ops::create::arange;
use brickwork_ops::{
    Array, Index, Term, bitwise_and, equal, floor_divide, greater_equal, less, remainder, subtract, where_,
};

use super::convert::{fits_kind, from_weak, to_array};
use super::fault::{Fault, Outcome};
use super::subscripts::{Item, Places, items, resolve};
use super::value::{SliceBounds, Value};

/// The array with the elements at `index` replaced by `value`, which is cast to the array's dtype and broadcast.
///
/// # Errors
/// If the index is of a kind that is not supported here, or the value does not fit.
pub fn replaced(array: &Array, index: &Value, value: &Value) -> Outcome<Array> {
    let items = items(array, index)?;
    let value = cast(value, array.dtype())?;
    if let [Item::Mask(mask), rest @ ..] = items.as_slice()
        && rest.iter().all(|item| matches!(item, Item::Basic(Index::ALL)))
    {
        return masked(array, mask, &value);
    }
    let mut places = Vec::with_capacity(array.ndim());
    let mut is_dropped = Vec::with_capacity(array.ndim());
    for item in &items {
        let axis = places.len();
        let bounds = match item {
            Item::Basic(Index::Range { start, stop, step }) => {
                SliceBounds { start: *start, stop: *stop, step: *step }
            }
            Item::Basic(Index::At(at)) => {
                let length = array.shape()[axis] as isize;
                if *at < -length || *at >= length {
                    return Err(Fault::new(format!(
                        "index {at} is out of range for axis {axis} with length {length}"
                    )));
                }
                let at = at.rem_euclid(length);
                SliceBounds { start: Some(at), stop: Some(at + 1), step: 1 }
            }
            Item::Basic(_) => return Err(unsupported("None")),
            Item::Integers(_) => return Err(unsupported("an integer array")),
            Item::Mask(_) => return Err(unsupported("a mask together with other indexes")),
        };
        if !array.is_known() {
            return Err(Fault::new("the lengths of a boolean selection are not known yet")
                .help("replace the elements before selecting"));
        }
        places.push(resolve(bounds, array.shape()[axis]));
        is_dropped.push(matches!(item, Item::Basic(Index::At(_))));
    }
    let value = fitted(&value, &places, &is_dropped)?;
    replaced_from(array, &value, &places, 0)
}

fn unsupported(what: &str) -> Fault {
    Fault::new(format!("elements cannot be replaced at {what}"))
        .help("replace elements by a mask of the array's shape, x[mask] = v, or by slices, x[2:5, ::2] = v")
}

/// The value in the array's dtype, as NumPy casts what is assigned.
fn cast(value: &Value, dtype: DType) -> Outcome<Array> {
    match value {
        Value::Scalar(number) if !fits_kind(*number, dtype) => {
            Err(Fault::new(format!("a complex number cannot be stored in an array of dtype {dtype}")))
        }
        Value::Scalar(number @ (Weak::Int(_) | Weak::Bool(_))) => from_weak(*number, Some(dtype)),
        other => Ok(to_array(other)?.astype(dtype)?),
    }
}

fn masked(array: &Array, mask: &Array, value: &Array) -> Outcome<Array> {
    let differs = (0..mask.ndim()).find(|&axis| mask.shape()[axis] != array.shape()[axis]);
    if let Some(axis) = differs {
        let (masks, arrays) = (mask.shape(), array.shape());
        return Err(Fault::new(format!(
            "the mask has shape {masks:?}, the array {arrays:?}; they differ on axis {axis}"
        )));
    }
    if value.ndim() > array.ndim() - mask.ndim() && value.size() != 1 || !value.is_known() {
        return Err(Fault::new("what replaces the elements of a mask must be one number, or one for each")
            .help("to take elements of another array of the same shape, write x = where(mask, other, x)"));
    }
    let trailing: Vec<isize> = (mask.ndim()..array.ndim()).map(|axis| axis as isize).collect();
    let mask = if trailing.is_empty() { mask.clone() } else { mask.expand_dims(&trailing)? };
    let value = if value.size() == 1 && value.ndim() > 0 { value.reshape(&[])? } else { value.clone() };
    let result = where_(mask, value, array)?;
    if result.shape() != array.shape() {
        return Err(Fault::new(format!("the value does not broadcast to shape {:?}", array.shape())));
    }
    Ok(result)
}

/// The value broadcast to the region, with an axis of length 1 where an integer chose, and turned round where the
/// step is negative.
fn fitted(value: &Array, places: &[Places], is_dropped: &[bool]) -> Outcome<Array> {
    let kept: Vec<usize> = places
        .iter()
        .zip(is_dropped)
        .filter(|(_, dropped)| !**dropped)
        .map(|(places, _)| places.len)
        .collect();
    let mut value = value.clone();
    // As NumPy, axes of length 1 in front do not count.
    while value.ndim() > kept.len() && value.shape()[0] == 1 {
        value = value.slice([Index::At(0)])?;
    }
    let shape = value.shape().to_vec();
    let mut value = value.broadcast_to(&kept).map_err(|_| {
        Fault::new(format!("a value of shape {shape:?} does not fit the region of shape {kept:?}"))
    })?;
    let dropped: Vec<isize> =
        (0..is_dropped.len()).filter(|&axis| is_dropped[axis]).map(|axis| axis as isize).collect();
    if !dropped.is_empty() {
        value = value.expand_dims(&dropped)?;
    }
    let turned: Vec<isize> =
        (0..places.len()).filter(|&axis| places[axis].step < 0).map(|axis| axis as isize).collect();
    Ok(if turned.is_empty() { value } else { value.flip(Some(&turned))? })
}

/// Replaces along `axis` and the axes after it. The value has the shape of the region.
fn replaced_from(array: &Array, value: &Array, places: &[Places], axis: usize) -> Outcome<Array> {
    let Some(&Places { start, len, step }) = places.get(axis) else { return Ok(value.clone()) };
    if len == 0 {
        return Ok(array.clone());
    }
    let length = array.shape()[axis];
    // Rising; the value has been turned round.
    let start = if step < 0 { Places { start, len, step }.at(len - 1) } else { start };
    let step = if len == 1 { 1 } else { step.unsigned_abs() };
    let part = |from: usize, to: usize, step: usize| -> Outcome<Array> {
        let mut items = vec![Index::ALL; axis];
        items.push(Index::Range { start: Some(from as isize), stop: Some(to as isize), step: step as isize });
        Ok(array.slice(items)?)
    };
    let end = start + (len - 1) * step + 1;
    let inner = replaced_from(&part(start, end, step)?, value, places, axis + 1)?;
    if step == 1 {
        let mut parts = Vec::with_capacity(3);
        if start > 0 {
            parts.push(part(0, start, 1)?);
        }
        parts.push(inner);
        if end < length {
            parts.push(part(end, length, 1)?);
        }
        return Ok(if parts.len() == 1 { parts.swap_remove(0) } else { concatenate(&parts, axis as isize)? });
    }
    // Every place of the axis takes the replaced element before it, and a mask says which places those are.
    let number = |value: usize| Term::from(value as i64);
    let place = arange(0i64, length as i64, 1i64)?;
    let offset = subtract(&place, number(start))?;
    let is_inside = bitwise_and(greater_equal(&place, number(start))?, less(&place, number(end))?)?;
    let mask = bitwise_and(is_inside, equal(remainder(&offset, number(step))?, number(0))?)?;
    let nearest =
        brickwork_ops::clip(floor_divide(offset, number(step))?, Some(number(0)), Some(number(len - 1)))?;
    let mut mask_shape = vec![1isize; array.ndim()];
    mask_shape[axis] = -1;
    let spread = inner.take(IndexArray::Lazy(nearest), axis as isize)?;
    Ok(where_(mask.reshape(&mask_shape)?, spread, array)?)
}
