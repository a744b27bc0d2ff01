//! Reductions of a short last axis: written as elementwise operations on its planes.
//!
//! `((a - b) ** 2).sum(axis=-1)` over three coordinates meets three elements at a time; as a sum of three planes it runs
//! in rows, as part of the program around it. Where the folded values come from a store or a generator they are folded
//! as they lie.

use super::late::renewed;
use super::stage::Request;
use crate::error::Result;
use crate::expr::{Node, Value};
use crate::operation::Kind;

/// The requests with reductions of short axes written as operations on planes.
pub(crate) fn in_planes(requests: Vec<(usize, Request)>) -> Result<Vec<(usize, Request)>> {
    let values: Vec<Value> = requests.iter().map(|(_, request)| request.value().clone()).collect();
    let renewed = renewed(&values, &mut |node, inputs, changed| {
        if let Kind::Reduce(reduce) = node.op().kind()
            && inputs.iter().all(|input| {
                matches!(input.node.op().kind(), Kind::Elementwise(_)) && input.meta().is_known()
            })
            && let Some(value) = reduce.in_planes(&inputs)?
        {
            return Ok(Some(value.node));
        }
        match changed {
            true => Node::with_metas(node.op().clone(), inputs, node.metas().to_vec()).map(Some),
            false => Ok(None),
        }
    })?;
    Ok(requests.iter().zip(renewed).map(|((number, old), value)| (*number, old.with_value(value))).collect())
}
