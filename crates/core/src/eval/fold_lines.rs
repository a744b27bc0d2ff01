//! Folding many leaves in one call.
//!
//! Leaves follow one another along one axis of the domain: axes after it lie wholly in a leaf, and of folded axes before
//! it every element has leaves of its own. A line is what lies along that axis.

use super::fold::Fold;
use super::patch::{Evaluator, positions};
use crate::block::Block;
use crate::error::Result;
use crate::fold::{Acc, FoldForm, FoldSpec, FoldTree, LeafInput, domain_strides};
use crate::plan::Slot;
use crate::region::{AxisRange, Region};
use crate::region_map::{self, AxisMap};
use crate::strided::{Shape, Strides};

/// Leaves of one length, side by side on every line of a box.
#[derive(Debug, Clone, Copy)]
struct Leaves {
    axis: usize,
    /// Where the first begins.
    start: usize,
    /// How many there are on a line.
    count: usize,
    len: usize,
}

/// The blocks of a reduction's inputs over a patch.
#[derive(Clone, Copy)]
struct Inputs<'a> {
    wants: &'a [(Slot, Region)],
    blocks: &'a [Block],
}

impl Evaluator<'_> {
    /// Folds a patch, many leaves in a call. False if this reduction or this patch is not made for that.
    pub(super) fn fold_lines(
        &self,
        fold: &Fold<'_>,
        tree: &mut FoldTree,
        patch: &Region,
        wants: &[(Slot, Region)],
        blocks: &[Block],
    ) -> Result<bool> {
        let spec = fold.op.spec();
        let Some((axis, leaf, len)) = spec.leaf_axis() else { return Ok(false) };
        let line = patch.axes()[axis];
        let (count, rest) = (line.len / leaf, line.len % leaf);
        let is_whole = |&other: &usize| other <= axis || patch.axes()[other].len == spec.len_along(other);
        let is_made_for = spec.form() == FoldForm::Rows
            && !fold.op.is_positional()
            && spec.axes().iter().all(is_whole)
            && line.start.is_multiple_of(leaf)
            // A shorter leaf is whole only at the end of the axis.
            && (rest == 0 || line.start + line.len == len)
            && count > 0;
        if !is_made_for {
            return Ok(false);
        }
        let inputs = Inputs { wants, blocks };
        let full = Leaves { axis, start: line.start, count, len: leaf };
        let tail = Leaves { axis, start: line.start + count * leaf, count: 1, len: rest };
        let kept: usize = fold.kept_axes.iter().map(|&axis| patch.axes()[axis].len).product();
        let mut heads = patch.clone();
        *heads.axis_mut(axis) = AxisRange::new(line.start, leaf);
        let firsts: Vec<(usize, Region)> =
            spec.leaves_in(&heads).map(|leaf| (leaf.number, leaf.region)).collect();
        let per_line = count + usize::from(rest > 0);
        let run_on = firsts.windows(2).all(|pair| pair[1].0 == pair[0].0 + per_line);
        if kept == 1 {
            let mut acc = self.folded(fold, inputs, patch, full)?;
            if rest > 0 {
                acc = acc.followed(count, &self.folded(fold, inputs, patch, tail)?);
            }
            if run_on {
                tree.insert_run(fold.op, firsts[0].0, firsts.len() * per_line, 1, acc);
                return Ok(true);
            }
            for (line, (number, _)) in firsts.iter().enumerate() {
                tree.insert_run(fold.op, *number, per_line, 1, acc.runs(per_line, line, 1, 1));
            }
            return Ok(true);
        }
        for (number, first) in &firsts {
            let mut one = first.clone();
            *one.axis_mut(axis) = line;
            tree.insert_run(fold.op, *number, count, kept, self.folded(fold, inputs, &one, full)?);
            if rest > 0 {
                tree.insert_run(fold.op, number + count, 1, kept, self.folded(fold, inputs, &one, tail)?);
            }
        }
        Ok(true)
    }

    /// The accumulators of leaves: for every line of the box, leaf and kept element, in this order.
    fn folded(&self, fold: &Fold<'_>, inputs: Inputs<'_>, at: &Region, leaves: Leaves) -> Result<Acc> {
        let node = &self.graph.nodes[fold.node];
        let Leaves { axis, start, count, len } = leaves;
        let mut at = at.clone();
        *at.axis_mut(axis) = AxisRange::new(start, count * len);
        let folded = fold.op.spec().axes().iter();
        let (before, after): (Vec<usize>, Vec<usize>) =
            folded.filter(|&&other| other != axis).partition(|&&other| other < axis);
        let parts: Vec<Block> = inputs
            .blocks
            .iter()
            .zip(inputs.wants)
            .enumerate()
            .map(|(k, (block, (_, region)))| {
                let asked = region_map::demand(&fold.maps[k], &at, &node.input_metas[k].shape);
                let block = block.slice(&positions(region, &asked));
                let strides = domain_strides(&block, &fold.maps[k], at.ndim());
                let of = |other: &usize| (at.axes()[*other].len, strides[*other]);
                let rows = before.iter().map(of).chain([(count, strides[axis] * len as isize)]);
                let rows = rows.chain(fold.kept_axes.iter().map(of));
                let (shape, strides): (Shape, Strides) =
                    rows.chain([(len, strides[axis])]).chain(after.iter().map(of)).unzip();
                block.restrided(shape, strides, 0)
            })
            .collect();
        let shape = parts[0].shape().to_vec();
        let rows = before.len() + 1 + fold.kept_axes.len();
        let spec = FoldSpec::rows_of(&shape, rows);
        let maps: Vec<Vec<AxisMap>> =
            parts.iter().map(|_| (0..shape.len()).map(AxisMap::along).collect()).collect();
        let region = Region::full(&shape);
        let pool = self.context.pool();
        let input = LeafInput { blocks: &parts, maps: &maps, at: &region, spec: &spec, pool };
        let mut acc = fold.start(shape[..rows].iter().product());
        fold.op.fold(&mut acc, &input)?;
        Ok(acc)
    }
}
