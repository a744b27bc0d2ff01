//! How many patches of a stage are prepared together.
//!
//! Where all the work of a patch is one tile program over values that are there already, finding out what the patch
//! needs takes longer than computing it. Such patches are prepared many at a time; each is then only run.

use super::graph::Graph;
use super::probe::{deferred_cost, is_borrowed, touched};
use super::stages::Draft;
use crate::error::Result;
use crate::eval::{Walk, Walks};
use crate::operation::Kind;
use crate::region::{AxisRange, Region};

/// The most patches in a batch.
const MOST_PATCHES: usize = 64;

/// Operands of a batch may take this many bytes: they stay in a second-level cache, beside the tiles of the program.
const OPERAND_BYTES: usize = 384 << 10;

/// Elements of a batch and the bytes that its operands take, where patches are prepared together.
pub(super) fn batch(
    graph: &Graph,
    draft: &Draft,
    walk: &Walk,
    patch: &[usize],
    walks: &Walks,
) -> Result<Option<(usize, usize)>> {
    if draft.domain.is_empty() || walk.outermost.is_some() || !is_direct(graph, draft)? {
        return Ok(None);
    }
    let shape = draft.domain.shape();
    let one: usize = patch.iter().zip(&shape).map(|(&patch, &len)| patch.min(len)).product();
    let mut best = None;
    let mut patches = 2;
    while patches <= MOST_PATCHES {
        let boxed = grown(patch, &shape, patches * one);
        let Some(bytes) =
            deferred_cost(graph, &draft.wants(graph, &first(draft, &boxed)), &draft.scope, walks)?
        else {
            break;
        };
        if bytes > OPERAND_BYTES {
            break;
        }
        best = Some((patches * one, bytes));
        if boxed == shape {
            break;
        }
        patches *= 2;
    }
    Ok(best)
}

/// Whether a patch reaches nothing but elementwise operations, views, and values that are there or are generated.
fn is_direct(graph: &Graph, draft: &Draft) -> Result<bool> {
    let origin = vec![1; draft.domain.ndim()];
    let reached = touched(graph, &draft.wants(graph, &first(draft, &origin)), &draft.scope)?;
    let is_there = |node: usize| match graph.nodes[node].op.kind() {
        Kind::Elementwise(_) | Kind::View(_) | Kind::Generator(_) => true,
        Kind::Source(source) => is_borrowed(source, graph.nodes[node].metas[0].shape.len()),
        _ => false,
    };
    let spilled = reached.held.iter().any(|(slot, _)| draft.scope.spilled.contains_key(slot));
    Ok(!spilled && reached.ops.iter().all(|&node| is_there(node)))
}

/// The box at the start of the domain.
fn first(draft: &Draft, shape: &[usize]) -> Region {
    let axes = draft.domain.axes().iter().zip(shape);
    Region::from_iter(axes.map(|(axis, &len)| axis.compose(&AxisRange::new(0, len.min(axis.len)))))
}

/// A box of whole patches, the last axes first, up to a number of elements.
fn grown(patch: &[usize], shape: &[usize], elements: usize) -> Vec<usize> {
    let mut grown: Vec<usize> = patch.iter().zip(shape).map(|(&patch, &len)| patch.min(len)).collect();
    for axis in (0..shape.len()).rev() {
        let others: usize = grown.iter().product::<usize>() / grown[axis].max(1);
        let room = elements / others.max(1) / grown[axis].max(1) * grown[axis];
        grown[axis] = room.clamp(grown[axis], shape[axis].max(1));
    }
    grown
}

#[cfg(test)]
mod tests {
    use super::grown;

    #[test]
    fn boxes_grow_from_the_last_axis() {
        assert_eq!(grown(&[4, 1000], &[7000, 7000], 8000), [4, 2000]);
        assert_eq!(grown(&[4, 1000], &[7000, 7000], 56_000), [8, 7000]);
        assert_eq!(grown(&[4, 7000], &[5, 7000], 1 << 30), [5, 7000]);
        assert_eq!(grown(&[1], &[1], 64), [1]);
    }
}
