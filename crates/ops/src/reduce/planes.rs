//! Planes of elementwise expressions: one element of the last axis of everything that goes in.

use std::collections::HashMap;

use brickwork_core::Lazy;
use brickwork_core::plan::nodes;

use crate::prelude::*;

/// Element `index` of the last axis of an elementwise expression, as the same operations on elements of its inputs: what
/// runs in one program stays in one program.
pub(super) fn plane(value: &Value, index: isize) -> Result<Array> {
    let len = value.meta().shape.last().copied();
    let mut planes: HashMap<u128, Value> = HashMap::new();
    for node in nodes(std::slice::from_ref(value)) {
        let is_elementwise = matches!(node.op().kind(), Kind::Elementwise(_));
        if !is_elementwise || node.metas()[0].shape.last().copied() != len || !node.metas()[0].is_known() {
            continue;
        }
        let inputs = node.inputs().iter().map(|input| match planes.get(&input.node.hash()) {
            Some(plane) => Ok(plane.clone()),
            None => element(input, index),
        });
        let plane = Node::shared(node.op().clone(), inputs.collect::<Result<_>>()?)?;
        planes.insert(node.hash(), Value::new(plane));
    }
    match planes.remove(&value.node.hash()) {
        Some(plane) => Ok(Array::new(plane)),
        None => Array::new(value.clone()).index_axis(-1, index),
    }
}

/// One element of the last axis; of an axis of length 1 the only one.
fn element(input: &Value, index: isize) -> Result<Value> {
    let array = Array::new(input.clone());
    Ok(match array.shape().last() {
        None => input.clone(),
        Some(1) => array.index_axis(-1, 0)?.value().clone(),
        Some(_) => array.index_axis(-1, index)?.value().clone(),
    })
}
