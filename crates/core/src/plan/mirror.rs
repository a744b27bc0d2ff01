//! Results that are their own transpose, as `x.T @ x` is: of their cells only those on and above the diagonal are
//! computed, and what they make is written a second time, transposed.
//!
//! This is decided where cells are, and not by a stage of its own that holds one triangle: the other would have to be
//! held beside the result, or wait in a spill file while the result is stored. Here a block is there once, in the task
//! that has just made it, and its two places are two writes.

use super::graph::{Graph, Slot};
use super::grid::Unit;
use super::stage::Stage;
use super::stages::{Draft, common};
use crate::chunks::ChunkGrid;
use crate::operation::Kind;
use crate::region::{AxisRange, Region};
use crate::region_map::AxisMap;

/// Cells are not made longer than this many of the larger unit, so that both axes are cut alike.
const MOST_UNITS: usize = 4;

/// Marks the drafts all of whose outputs are their own transposes.
pub(super) fn find(graph: &Graph, drafts: &mut [Draft]) {
    let is_fold = |node: usize| folds_to_itself(graph, node);
    let folds: Vec<bool> = (0..graph.nodes.len()).map(is_fold).collect();
    if !folds.contains(&true) {
        return;
    }
    let symmetric = symmetric(graph, &folds);
    for draft in drafts.iter_mut().filter(|draft| draft.runs_along.is_none()) {
        // Cheap operations on values that are there are done sooner than a second copy is written.
        let is_dear = |draft: &Draft| draft.scope.inline.iter().any(|&node| folds[node]);
        let mut axes = draft.outputs.iter().map(|output| {
            let Slot { node, output: number } = output.slot;
            let whole = Region::full(&graph.meta(output.slot).shape);
            let fits = symmetric[node] && number == 0 && output.image.is_none() && output.region == whole;
            match graph.nodes[node].op.kind() {
                _ if !fits => None,
                Kind::Reduce(op) if output.is_fold => match op.spec().kept_axes(draft.domain.ndim())[..] {
                    [rows, columns] => Some((rows, columns)),
                    _ => None,
                },
                _ if !output.is_fold && is_dear(draft) => Some((0, 1)),
                _ => None,
            }
        });
        let first = axes.next().flatten();
        if axes.all(|other| other == first) {
            draft.mirrored = first;
        }
    }
}

/// By node, whether its first output is its own transpose.
fn symmetric(graph: &Graph, folds: &[bool]) -> Vec<bool> {
    let mut symmetric: Vec<bool> = folds.to_vec();
    for (number, node) in graph.nodes.iter().enumerate() {
        let Kind::Elementwise(_) = node.op.kind() else { continue };
        let is_alike = |input: &Slot| symmetric[input.node] && input.output == 0;
        let fits = |input: &Slot| is_alike(input) || graph.meta(*input).size() == 1;
        symmetric[number] =
            node.metas[0].ndim() == 2 && node.inputs.iter().any(is_alike) && node.inputs.iter().all(fits);
    }
    symmetric
}

/// Whether a node is a reduction of something and its transpose that is its own transpose.
fn folds_to_itself(graph: &Graph, number: usize) -> bool {
    let node = &graph.nodes[number];
    let (Kind::Reduce(op), [first, second]) = (node.op.kind(), &node.inputs[..]) else { return false };
    if !op.is_symmetric() || node.metas[0].ndim() != 2 {
        return false;
    }
    let ((one, maps), (other, others)) = (behind(graph, *first), behind(graph, *second));
    let turned = |map: &AxisMap| match map {
        &AxisMap::Along { out_axis: axis @ (0 | 1), start, step, before: 0, after: 0 } => {
            AxisMap::strided(1 - axis, start, step)
        }
        map => map.clone(),
    };
    one == other && maps.iter().map(turned).eq(others)
}

/// What is behind a view, and what its axes follow.
fn behind(graph: &Graph, slot: Slot) -> (Slot, Vec<AxisMap>) {
    let node = &graph.nodes[slot.node];
    match node.op.kind() {
        Kind::View(_) => (node.inputs[0], node.maps[0].clone()),
        _ => (slot, (0..graph.meta(slot).ndim()).map(AxisMap::along).collect()),
    }
}

/// Makes both axes be cut at multiples of the same, if cells do not get much larger by that.
pub(super) fn join_units(units: &mut [Unit], (rows, columns): (usize, usize), len: usize) {
    if let (&Unit::Multiple(one), &Unit::Multiple(other)) = (&units[rows], &units[columns]) {
        let both = common(one, other);
        if both <= MOST_UNITS * one.max(other) {
            units[rows] = Unit::Multiple(both.min(len.max(1)));
            units[columns] = units[rows].clone();
        }
    }
}

/// Whether both axes may be cut at multiples of the same.
pub(super) fn are_alike(units: &[Unit], (rows, columns): (usize, usize)) -> bool {
    matches!((&units[rows], &units[columns]), (Unit::Multiple(one), Unit::Multiple(other)) if one == other)
}

/// Whether cells of a grid lie on both sides of the diagonal alike.
pub(super) fn fits(grid: &ChunkGrid, units: &[Unit], (rows, columns): (usize, usize)) -> bool {
    let axes = grid.axes();
    are_alike(units, (rows, columns)) && axes[rows] == axes[columns] && axes[rows].num_chunks() > 1
}

/// The cells on and above the diagonal.
pub(super) fn num_cells(grid: &ChunkGrid, rows: usize) -> usize {
    let side = grid.axes()[rows].num_chunks();
    grid.num_chunks() / (side * side) * (side * (side + 1) / 2)
}

/// Where in the grid a cell lies: row by row, each from the diagonal on, and along the other axes within.
pub(super) fn cell(grid: &ChunkGrid, (rows, columns): (usize, usize), mut number: usize) -> Vec<usize> {
    let mut at = vec![0; grid.axes().len()];
    for (axis, chunks) in
        grid.axes().iter().enumerate().rev().filter(|(axis, _)| ![rows, columns].contains(axis))
    {
        at[axis] = number % chunks.num_chunks();
        number /= chunks.num_chunks();
    }
    let side = grid.axes()[rows].num_chunks();
    while number >= side - at[rows] {
        number -= side - at[rows];
        at[rows] += 1;
    }
    at[columns] = at[rows] + number;
    at
}

/// The region on the other side of the diagonal that what a stage makes of a region is, transposed; none for cells on
/// the diagonal, which make both sides.
pub(super) fn opposite(stage: &Stage, region: &Region) -> Option<Region> {
    let (rows, columns) = stage.mirrored?;
    let &[row, column] = region.axes() else { return None };
    let cell = |axis: usize, range: AxisRange| {
        let position = stage.domain.axes()[axis].position(range.start)?;
        Some(stage.grid.axes()[axis].chunk_of(position))
    };
    (cell(rows, row)? < cell(columns, column)?).then(|| Region::new(vec![column, row]))
}
