//! Whether a stage needs every element of its sources for one element of its domain alone.

use rustc_hash::FxHashMap;

use super::graph::{Graph, Slot};
use super::probe::touched;
use super::stages::Draft;
use crate::error::Result;
use crate::operation::Kind;
use crate::region::{AxisRange, Region};

/// Whether no two elements of a stage's domain need the same element of a source with granules, so that no two patches
/// need the same granule whole. What it cannot tell for sure is no, and so is what does not matter for want of granules.
///
/// Views give every axis of a source one axis of the domain to follow, or none. So if one element of the domain needs one
/// element of the source, wherever it lies, and another one as soon as it moves along any axis, all need others.
pub(super) fn reads_apart(graph: &Graph, draft: &Draft) -> Result<bool> {
    let domain = &draft.domain;
    if domain.is_empty() || !draft.scope.inline.is_empty() || !has_granules(graph) {
        return Ok(false);
    }
    // Not on a diagonal, where x and x.T meet.
    let point: Vec<usize> = domain
        .axes()
        .iter()
        .enumerate()
        .map(|(axis, range)| range.len * (axis + 1) / (2 * axis + 3))
        .collect();
    let Some(here) = needed(graph, draft, &point)? else { return Ok(false) };
    for (axis, range) in domain.axes().iter().enumerate().filter(|(_, range)| range.len > 1) {
        let mut moved = point.clone();
        moved[axis] = if moved[axis] + 1 < range.len { moved[axis] + 1 } else { moved[axis] - 1 };
        let Some(there) = needed(graph, draft, &moved)? else { return Ok(false) };
        if here.len() != there.len()
            || here.iter().any(|(slot, region)| there.get(slot).is_none_or(|other| other == region))
        {
            return Ok(false);
        }
    }
    Ok(true)
}

fn has_granules(graph: &Graph) -> bool {
    let mut kinds = graph.nodes.iter().map(|node| node.op.kind());
    kinds.any(|kind| matches!(kind, Kind::Source(source) if source.granule_grid().is_some()))
}

/// The one element that an element of the domain needs of every source with granules; `None` if it needs several, or if
/// what it needs does not follow from where it lies alone.
fn needed(graph: &Graph, draft: &Draft, point: &[usize]) -> Result<Option<FxHashMap<Slot, Region>>> {
    let axes = draft.domain.axes().iter().zip(point);
    let at = Region::from_iter(axes.map(|(range, &index)| AxisRange::at(range.get(index))));
    let touched = touched(graph, &draft.wants(graph, &at), &draft.scope)?;
    let mut found = FxHashMap::default();
    for &node in &touched.ops {
        let is_plain = matches!(
            graph.nodes[node].op.kind(),
            Kind::Source(_) | Kind::Generator(_) | Kind::Elementwise(_) | Kind::View(_)
        );
        if !is_plain {
            return Ok(None);
        }
    }
    for (slot, region) in touched.reads {
        let Kind::Source(source) = graph.nodes[slot.node].op.kind() else { continue };
        if source.granule_grid().is_some() && (region.size() != 1 || found.insert(slot, region).is_some()) {
            return Ok(None);
        }
    }
    Ok(Some(found))
}
