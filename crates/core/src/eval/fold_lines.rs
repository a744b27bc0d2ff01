//! Folding many leaves of rows in one call, or each as soon as it is computed.
//!
//! Leaves follow one another along one axis of the domain: axes after it lie wholly in a leaf, and of folded axes before
//! it every element has leaves of its own. A line is what lies along that axis.

use std::ops::Range;
use std::sync::Arc;

use smallvec::SmallVec;

use super::fold::{Fold, FoldTrees, Inputs};
use super::patch::{Evaluator, positions};
use super::prepared::{Batch, Wants};
use crate::block::Block;
use crate::buffer::BufferPool;
use crate::error::Result;
use crate::fold::{Acc, FoldForm, FoldSpec, FoldTree, LeafInput, LeafStarts, NodeKey, domain_strides};
use crate::operation::Tile;
use crate::region::{AxisRange, Region};
use crate::region_map::{self, AxisMap};
use crate::strided::{Shape, Strides};

/// Lines shorter than this are not worth a call each.
const SHORT_LINE: usize = 128;

/// Leaves are folded as they are computed in runs of so many bytes: between a run and the next the memory stands still.
const RUN_BYTES: usize = 64 << 10;

/// Leaves of columns are worth a call each where there are more kept elements than this.
const FEW_KEPT: usize = 32;

/// Lines of fewer leaves than this, if there are several, are not worth a call each.
const FEW_LEAVES: usize = 8;

/// The leaves of a patch, line by line.
struct Lines {
    /// Where leaves follow one another, the start of the first, and the length of one.
    axis: usize,
    start: usize,
    leaf: usize,
    /// Whole leaves of a line, and elements of the one that ends the axis and is shorter.
    count: usize,
    rest: usize,
    /// Of every line that is folded away, the first leaf: its number and where it lies.
    firsts: Vec<(usize, Region)>,
    /// And the position of its first element, in C order of the folded axes.
    starts: Vec<usize>,
    /// Elements from one leaf of a line to the next, in C order of the folded axes.
    elements: usize,
    /// Kept elements of the patch.
    kept: usize,
}

impl Lines {
    /// The leaves of a patch, if it holds whole ones that may be folded in one call.
    fn new(fold: &Fold<'_>, patch: &Region) -> Option<Self> {
        let spec = fold.op.spec();
        let (axis, leaf, len) = spec.leaf_axis()?;
        let line = patch.axes()[axis];
        let (count, rest) = (line.len / leaf, line.len % leaf);
        let is_whole = |&other: &usize| other <= axis || patch.axes()[other].len == spec.len_along(other);
        let kept = fold.kept_axes.iter().map(|&axis| patch.axes()[axis].len).product();
        let is_made_for = (spec.form() == FoldForm::Rows || kept <= FEW_KEPT)
            && !fold.op.is_positional()
            && spec.axes().iter().all(is_whole)
            && line.start.is_multiple_of(leaf)
            // A shorter leaf is whole only at the end of the axis.
            && (rest == 0 || line.start + line.len == len)
            && line.len > 0;
        if !is_made_for {
            return None;
        }
        let mut heads = patch.clone();
        *heads.axis_mut(axis) = AxisRange::new(line.start, leaf.min(line.len));
        let firsts: Vec<(usize, Region)> =
            spec.leaves_in(&heads).map(|leaf| (leaf.number, leaf.region)).collect();
        let starts = firsts.iter().map(|(_, region)| spec.start_of(region)).collect();
        let after = spec.axes().iter().filter(|&&other| other > axis).map(|&other| spec.len_along(other));
        let elements = leaf * after.product::<usize>();
        Some(Lines { axis, start: line.start, leaf, count, rest, firsts, starts, elements, kept })
    }

    /// Leaves of a line.
    fn per_line(&self) -> usize {
        self.count + usize::from(self.rest > 0)
    }

    /// The leaves of a line, up to so many at a time.
    fn in_groups(&self, most: usize) -> impl Iterator<Item = Leaves> {
        let full = (0..self.count).step_by(most.max(1)).map(move |first| {
            let count = most.max(1).min(self.count - first);
            Leaves { first, start: self.start + first * self.leaf, count, ..self.full() }
        });
        full.chain((self.rest > 0).then(|| self.tail()))
    }

    /// Whole leaves of all lines.
    fn full(&self) -> Leaves {
        Leaves { axis: self.axis, first: 0, start: self.start, count: self.count, len: self.leaf }
    }

    /// The shorter leaves that end the lines.
    fn tail(&self) -> Leaves {
        let start = self.start + self.count * self.leaf;
        Leaves { axis: self.axis, first: self.count, start, count: 1, len: self.rest }
    }

    /// The whole leaves of a line whose first has this number, as the fewest nodes of the tree that hold them, each as one
    /// leaf that is as long.
    fn nodes(&self, number: usize) -> Vec<(NodeKey, Leaves)> {
        let mut nodes = Vec::new();
        let mut first = 0;
        while first < self.count {
            let level = (number + first).trailing_zeros().min((self.count - first).ilog2());
            let (start, len) = (self.start + first * self.leaf, self.leaf << level);
            let key = NodeKey { level, k: (number + first) >> level };
            nodes.push((key, Leaves { axis: self.axis, first, start, count: 1, len }));
            first += 1 << level;
        }
        nodes
    }

    /// Puts the leaves of all lines into the tree; a patch of one kept element.
    fn insert(&self, fold: &Fold<'_>, tree: &mut FoldTree, acc: Acc) {
        let (firsts, per_line) = (&self.firsts, self.per_line());
        if firsts.windows(2).all(|pair| pair[1].0 == pair[0].0 + per_line) {
            return tree.insert_run(fold.op, firsts[0].0, firsts.len() * per_line, 1, acc);
        }
        for (line, (number, _)) in firsts.iter().enumerate() {
            tree.insert_run(fold.op, *number, per_line, 1, acc.runs(per_line, line, 1, 1));
        }
    }
}

/// Leaves of one length, side by side on every line of a box.
#[derive(Debug, Clone, Copy)]
struct Leaves {
    axis: usize,
    /// Number of the first of them on its line, and where it begins.
    first: usize,
    start: usize,
    /// How many there are on a line.
    count: usize,
    len: usize,
}

impl Evaluator<'_> {
    /// Folds a patch, many leaves in a call. False if this reduction or this patch is not made for that.
    pub(super) fn fold_lines(
        &self,
        fold: &Fold<'_>,
        tree: &mut FoldTree,
        patch: &Region,
        inputs: Inputs<'_>,
    ) -> Result<bool> {
        let Some(lines) = Lines::new(fold, patch) else { return Ok(false) };
        if fold.op.spec().form() == FoldForm::Columns {
            self.fold_columns(fold, tree, patch, inputs, &lines)?;
            return Ok(true);
        }
        let Lines { axis, count, rest, kept, .. } = lines;
        let all = 0..lines.firsts.len();
        let is_joint = fold.op.is_exact() && count > 1 && (all.len() == 1 || count >= FEW_LEAVES);
        if kept == 1 && !is_joint {
            let acc = match (count, rest) {
                (0, _) => self.folded(fold, inputs, patch, &lines, all, lines.tail())?,
                (_, 0) => self.folded(fold, inputs, patch, &lines, all, lines.full())?,
                _ => {
                    let full = self.folded(fold, inputs, patch, &lines, all.clone(), lines.full())?;
                    let tail = self.folded(fold, inputs, patch, &lines, all, lines.tail())?;
                    full.followed(count, &tail)
                }
            };
            lines.insert(fold, tree, acc);
            return Ok(true);
        }
        for (line, (number, first)) in lines.firsts.iter().enumerate() {
            let on = line..line + 1;
            let mut one = first.clone();
            *one.axis_mut(axis) = patch.axes()[axis];
            if is_joint {
                for (key, leaves) in lines.nodes(*number) {
                    let acc = self.folded(fold, inputs, &one, &lines, on.clone(), leaves)?;
                    tree.insert(fold.op, key, acc);
                }
            } else if count > 0 {
                let acc = self.folded(fold, inputs, &one, &lines, on.clone(), lines.full())?;
                tree.insert_run(fold.op, *number, count, kept, acc);
            }
            if rest > 0 {
                let acc = self.folded(fold, inputs, &one, &lines, on, lines.tail())?;
                tree.insert_run(fold.op, number + count, 1, kept, acc);
            }
        }
        Ok(true)
    }

    /// Folds leaves of a few columns: side by side they make rows that are long enough.
    fn fold_columns(
        &self,
        fold: &Fold<'_>,
        tree: &mut FoldTree,
        patch: &Region,
        inputs: Inputs<'_>,
        lines: &Lines,
    ) -> Result<()> {
        let widest = inputs.blocks.iter().map(|block| block.dtype().itemsize()).max().unwrap_or(1);
        let most = RUN_BYTES / (lines.elements * lines.kept * widest).max(1);
        for (line, (number, first)) in lines.firsts.iter().enumerate() {
            let mut one = first.clone();
            *one.axis_mut(lines.axis) = patch.axes()[lines.axis];
            for leaves in lines.in_groups(most) {
                let acc = self.folded(fold, inputs, &one, lines, line..line + 1, leaves)?;
                tree.insert_run(fold.op, number + leaves.first, leaves.count, lines.kept, acc);
            }
        }
        Ok(())
    }

    /// The accumulators of leaves: for every line of the box, leaf and kept element, in this order.
    fn folded(
        &self,
        fold: &Fold<'_>,
        inputs: Inputs<'_>,
        at: &Region,
        lines: &Lines,
        on: Range<usize>,
        leaves: Leaves,
    ) -> Result<Acc> {
        let node = &self.graph.nodes[fold.node];
        let form = fold.op.spec().form();
        let Leaves { axis, first, start, count, len } = leaves;
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
                let of_leaf = [(len, strides[axis])].into_iter().chain(after.iter().map(of));
                let kept = before.iter().map(of).chain([(count, strides[axis] * len as isize)]);
                let kept = kept.chain(fold.kept_axes.iter().map(of));
                let (shape, strides): (Shape, Strides) = match form {
                    FoldForm::Rows => kept.chain(of_leaf).unzip(),
                    FoldForm::Columns => of_leaf.chain(kept).unzip(),
                };
                block.restrided(shape, strides, 0)
            })
            .collect();
        let shape = parts[0].shape().to_vec();
        let (folded, kept) = (1 + after.len(), before.len() + 1 + fold.kept_axes.len());
        let (spec, kept) = match form {
            FoldForm::Rows => (FoldSpec::rows_of(&shape, kept), &shape[..kept]),
            FoldForm::Columns => (FoldSpec::columns_of(&shape, folded), &shape[folded..]),
        };
        let maps: Vec<Vec<AxisMap>> =
            parts.iter().map(|_| (0..shape.len()).map(AxisMap::along).collect()).collect();
        let region = Region::full(&shape);
        let pool = self.context.pool();
        let firsts: SmallVec<[usize; 8]> =
            lines.starts[on].iter().map(|start| start + first * lines.elements).collect();
        let starts = LeafStarts { lines: &firsts, leaves: count, step: lines.elements, kept: lines.kept };
        let (blocks, maps, starts) = (parts.as_slice(), maps.as_slice(), Some(starts));
        let input = LeafInput { blocks, maps, at: &region, spec: &spec, pool, rows: None, starts };
        let mut acc = fold.start(kept.iter().product());
        fold.op.fold(&mut acc, &input)?;
        Ok(acc)
    }

    /// Folds a patch of what one program computes leaf by leaf, while its values are in the first-level cache. False if
    /// the reductions, the patch or what they want is not made for that.
    pub(super) fn fold_as_computed(
        &self,
        folds: &[Fold<'_>],
        trees: &mut [FoldTrees],
        patch: &Region,
        batch: &mut Batch<'_, '_>,
        wants_of: &dyn Fn(&Region) -> Wants,
    ) -> Result<bool> {
        let wants = wants_of(patch);
        if wants.len() != folds.len() || folds.iter().any(|fold| fold.maps.len() != 1) || wants[0].1 != *patch
        {
            return Ok(false);
        }
        let Some(mut running) =
            folds.iter().map(|fold| Running::new(fold, patch)).collect::<Option<Vec<_>>>()
        else {
            return Ok(false);
        };
        let Some(leaf) = running.first().map(|first| first.lines.leaf) else { return Ok(false) };
        if running.iter().any(|other| other.lines.leaf != leaf) {
            return Ok(false);
        }
        let Some((program, place, tile)) = batch.program(&wants, wants_of)? else { return Ok(false) };
        let leaves = (RUN_BYTES / (leaf * program.dtype().itemsize())).max(1);
        let pool = self.context.pool();
        program.in_runs(&place, leaves * leaf, tile, &mut |line, run, values| {
            running.iter_mut().try_for_each(|running| running.fold_run(line, run * leaves, values, pool))
        })?;
        for (running, trees) in running.into_iter().zip(trees) {
            let kept = running.fold.kept_region(patch);
            let num_leaves = running.fold.op.spec().num_leaves();
            running.end(trees.entry(kept).or_insert_with(|| FoldTree::new(num_leaves)));
        }
        Ok(true)
    }
}

/// A fold of a patch whose leaves come in runs along the last axis.
struct Running<'a> {
    fold: &'a Fold<'a>,
    lines: Lines,
    /// Of every leaf: for each line the leaves on it, or for every leaf of a line all kept elements.
    acc: Acc,
    /// What is folded in a call: as many whole leaves as a run has, those of the last run of a line, and its shorter leaf.
    rows: Vec<Rows>,
}

/// Leaves side by side, as an index space whose first axis is kept, and room for what they are folded into.
struct Rows {
    count: usize,
    len: usize,
    spec: FoldSpec,
    at: Region,
    acc: Acc,
}

impl Rows {
    fn new(fold: &Fold<'_>, count: usize, len: usize) -> Self {
        let shape = [count, len];
        Rows {
            count,
            len,
            spec: FoldSpec::rows_of(&shape, 1),
            at: Region::full(&shape),
            acc: fold.start(count),
        }
    }
}

impl<'a> Running<'a> {
    fn new(fold: &'a Fold<'a>, patch: &Region) -> Option<Self> {
        let lines = Lines::new(fold, patch)?;
        let last = patch.ndim() - 1;
        let is_made_for = fold.op.spec().form() == FoldForm::Rows
            && lines.axis == last
            && patch.axes()[last].len >= SHORT_LINE
            && (lines.kept == 1 || fold.op.spec().axes() == [last]);
        if !is_made_for {
            return None;
        }
        let total = lines.firsts.len() * lines.per_line() * lines.kept;
        Some(Running { fold, acc: fold.start(total), lines, rows: Vec::new() })
    }

    /// Folds a run of leaves of a line, from this one on.
    fn fold_run(
        &mut self,
        line: usize,
        first: usize,
        values: Tile<'_>,
        pool: &Arc<BufferPool>,
    ) -> Result<()> {
        let Lines { leaf, count, rest, .. } = self.lines;
        let bytes_of_leaf = leaf * values.dtype().itemsize();
        let whole = values.bytes().len() / bytes_of_leaf;
        let (full, end) = values.bytes().split_at(whole * bytes_of_leaf);
        let tile = |bytes| Tile::from_bytes(bytes, values.dtype(), false);
        if whole > 0 {
            self.fold_rows(line, first, (whole, leaf), tile(full), pool)?;
        }
        if !end.is_empty() {
            self.fold_rows(line, count, (1, rest), tile(end), pool)?;
        }
        Ok(())
    }

    /// Folds leaves of a line: so many, of one length.
    fn fold_rows(
        &mut self,
        line: usize,
        first: usize,
        (count, len): (usize, usize),
        values: Tile<'_>,
        pool: &Arc<BufferPool>,
    ) -> Result<()> {
        let Lines { kept, elements: step, .. } = self.lines;
        let place = self.rows.iter().position(|rows| rows.count == count && rows.len == len);
        let place = place.unwrap_or_else(|| {
            self.rows.push(Rows::new(self.fold, count, len));
            self.rows.len() - 1
        });
        let Rows { spec, at, acc, .. } = &mut self.rows[place];
        let on = if kept == 1 { line } else { 0 };
        let starts = [self.lines.starts[on] + first * step];
        let starts = Some(LeafStarts { lines: &starts, leaves: count, step, kept: 1 });
        let input = LeafInput { blocks: &[], maps: &[], at, spec, pool, rows: Some(values), starts };
        self.fold.op.start(acc);
        self.fold.op.fold(acc, &input)?;
        match kept {
            1 => self.acc.put(line * self.lines.per_line() + first, 1, acc),
            _ => self.acc.put(first * kept + line, kept, acc),
        }
        Ok(())
    }

    fn end(self, tree: &mut FoldTree) {
        let Running { fold, lines, acc, .. } = self;
        match lines.kept {
            1 => lines.insert(fold, tree, acc),
            kept => tree.insert_run(fold.op, lines.firsts[0].0, lines.per_line(), kept, acc),
        }
    }
}
