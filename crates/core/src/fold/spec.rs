//! Leaves: the smallest units of a fold.

use serde::{Deserialize, Serialize};

use crate::region::{AxisRange, Region};

/// Elements of a leaf along the last axis of the input.
pub const ROW_LEAF: usize = 1024;

/// Elements of a leaf along any other axis.
pub const COLUMN_LEAF: usize = 16;

/// How the elements of a leaf are added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FoldForm {
    /// The innermost reduced axis is the last of the input: elements go round a fixed number of lanes.
    Rows,
    /// Whole rows of kept elements are added in order.
    Columns,
}

/// How the reduced part of an index space is divided into leaves. A function of shape and axes as the user wrote
/// them, and of nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FoldSpec {
    axes: Vec<usize>,
    lens: Vec<usize>,
    leaf: Vec<usize>,
    form: FoldForm,
    /// A leaf of columns can be left and taken up again at multiples of this along its outermost axis.
    resume: usize,
}

impl FoldSpec {
    /// Leaves over the reduced `axes` (rising) of an index space.
    pub fn new(shape: &[usize], axes: &[usize]) -> Self {
        let form = if !axes.is_empty() && axes.last() == Some(&(shape.len() - 1)) {
            FoldForm::Rows
        } else {
            FoldForm::Columns
        };
        let target = if form == FoldForm::Rows { ROW_LEAF } else { COLUMN_LEAF };
        FoldSpec::with_leaf(shape, axes, form, target)
    }

    /// Leaves of up to `target` elements.
    pub fn with_leaf(shape: &[usize], axes: &[usize], form: FoldForm, target: usize) -> Self {
        let lens: Vec<usize> = axes.iter().map(|&axis| shape[axis]).collect();
        FoldSpec { axes: axes.to_vec(), leaf: leaf_lens(&lens, target), lens, form, resume: 1 }
    }

    /// The same with leaves of up to `target` elements.
    pub fn with_leaves_of(self, target: usize) -> Self {
        FoldSpec { leaf: leaf_lens(&self.lens, target), ..self }
    }

    /// Leaves of columns that can be left and taken up again only at multiples of `resume` along their outermost axis.
    pub fn resumed_at(self, resume: usize) -> Self {
        FoldSpec { resume, ..self }
    }

    /// The reduced axes, rising.
    pub fn axes(&self) -> &[usize] {
        &self.axes
    }

    /// How a leaf adds.
    pub fn form(&self) -> FoldForm {
        self.form
    }

    /// Elements that are folded into one.
    pub fn reduced_size(&self) -> usize {
        self.lens.iter().product()
    }

    /// Length of an axis, if it is reduced; 0 for others.
    pub(crate) fn len_along(&self, axis: usize) -> usize {
        self.axes.iter().position(|&reduced| reduced == axis).map_or(0, |k| self.lens[k])
    }

    /// Position of the first element of a box, in C order of the folded axes.
    pub(crate) fn start_of(&self, region: &Region) -> usize {
        let axes = self.axes.iter().zip(&self.lens);
        axes.fold(0, |position, (&axis, &len)| position * len + region.axes()[axis].start)
    }

    /// The kept axes of an index space of `ndim` axes.
    pub fn kept_axes(&self, ndim: usize) -> Vec<usize> {
        (0..ndim).filter(|axis| !self.axes.contains(axis)).collect()
    }

    /// Leaves in all; one for an empty index space, so that there is always a root.
    pub fn num_leaves(&self) -> usize {
        self.leaf_grid().iter().product()
    }

    fn leaf_grid(&self) -> Vec<usize> {
        self.lens.iter().zip(&self.leaf).map(|(&len, &leaf)| len.div_ceil(leaf).max(1)).collect()
    }

    /// A spec that folds the axes from number `first` on, as rows of one leaf: for a call that folds many leaves.
    pub(crate) fn rows_of(shape: &[usize], first: usize) -> Self {
        let lens = shape[first..].to_vec();
        let axes = (first..shape.len()).collect();
        FoldSpec { axes, leaf: lens.clone(), lens, form: FoldForm::Rows, resume: 1 }
    }

    /// A spec that folds the first axes, so many, as columns of one leaf: for a call that folds many leaves.
    pub(crate) fn columns_of(shape: &[usize], folded: usize) -> Self {
        let lens = shape[..folded].to_vec();
        FoldSpec { axes: (0..folded).collect(), leaf: lens.clone(), lens, form: FoldForm::Columns, resume: 1 }
    }

    /// The part of a range along an axis that consists of whole leaves, if leaves follow one another along this axis.
    pub(crate) fn whole_leaves(&self, axis: usize, range: &AxisRange) -> Option<AxisRange> {
        let (_, leaf, len) = self.leaf_axis().filter(|(along, ..)| *along == axis)?;
        let end = range.start + range.len;
        let end = if end == len { end } else { end / leaf * leaf };
        let start = range.start.next_multiple_of(leaf);
        (start < end).then(|| AxisRange::new(start, end - start))
    }

    /// The axis along which leaves follow one another, the length of a leaf along it, and its own: folded axes after it
    /// lie wholly in a leaf, and those before it not at all.
    pub(crate) fn leaf_axis(&self) -> Option<(usize, usize, usize)> {
        let k = self.leaf.iter().position(|&leaf| leaf > 1).or(self.leaf.len().checked_sub(1))?;
        let is_whole = self.leaf[k + 1..].iter().zip(&self.lens[k + 1..]).all(|(leaf, len)| leaf == len);
        is_whole.then_some((self.axes[k], self.leaf[k], self.lens[k]))
    }

    /// Multiples at which *tasks* may cut an axis: whole leaves. 1 for kept axes.
    pub fn task_alignment(&self, axis: usize) -> usize {
        self.axes.iter().position(|&reduced| reduced == axis).map_or(1, |k| self.leaf[k])
    }

    /// Multiples at which the walk *inside* a task may cut an axis. A leaf of columns can be left and taken up
    /// again along its outermost axis.
    pub fn walk_alignment(&self, axis: usize) -> usize {
        let Some(k) = self.axes.iter().position(|&reduced| reduced == axis) else { return 1 };
        let outermost = self.leaf.iter().position(|&leaf| leaf > 1).unwrap_or(k);
        match self.form {
            FoldForm::Columns if k < outermost => 1,
            FoldForm::Columns if k == outermost => self.resume.min(self.leaf[k]),
            _ => self.leaf[k],
        }
    }

    /// The leaves that a box of the index space touches: number, elements in the whole leaf, and the part of the box
    /// inside it. In rising order of numbers.
    pub fn leaves_in<'a>(&'a self, region: &'a Region) -> impl Iterator<Item = LeafPart> + 'a {
        let grid = self.leaf_grid();
        let ranges: Vec<(usize, usize)> = self
            .axes
            .iter()
            .zip(&self.leaf)
            .map(|(&axis, &leaf)| {
                let (low, high) = region.axes()[axis].bounds();
                (low / leaf, if high > low { (high - 1) / leaf + 1 } else { low / leaf })
            })
            .collect();
        let total: usize = ranges.iter().map(|(low, high)| high - low).product();
        (0..total).map(move |mut n| {
            let mut at = vec![0; grid.len()];
            for k in (0..grid.len()).rev() {
                let count = ranges[k].1 - ranges[k].0;
                at[k] = ranges[k].0 + n % count;
                n /= count;
            }
            let mut number = 0;
            let mut size = 1;
            let mut part = region.clone();
            for k in 0..grid.len() {
                number = number * grid[k] + at[k];
                let (start, end) = (at[k] * self.leaf[k], ((at[k] + 1) * self.leaf[k]).min(self.lens[k]));
                size *= end - start;
                let (low, high) = region.axes()[self.axes[k]].bounds();
                let (low, high) = (low.max(start), high.min(end));
                *part.axis_mut(self.axes[k]) = AxisRange::new(low, high - low);
            }
            LeafPart { number, size, region: part }
        })
    }
}

/// Lengths of leaves of up to `target` elements.
fn leaf_lens(lens: &[usize], target: usize) -> Vec<usize> {
    let mut leaf = vec![1; lens.len()];
    let mut room = target;
    for k in (0..lens.len()).rev() {
        leaf[k] = lens[k].clamp(1, room);
        room /= leaf[k];
        // A very short axis shares its leaf with the neighbour.
        if leaf[k] < lens[k] || room < 2 {
            break;
        }
    }
    leaf
}

/// The part of a leaf that lies in a box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafPart {
    /// Number of the leaf, in C order.
    pub number: usize,
    /// Elements of the whole leaf.
    pub size: usize,
    /// The part, in coordinates of the index space.
    pub region: Region,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_follow_the_last_axis() {
        let spec = FoldSpec::new(&[3, 5000], &[1]);
        assert_eq!((spec.form(), spec.num_leaves(), spec.task_alignment(1)), (FoldForm::Rows, 5, 1024));
        let spec = FoldSpec::new(&[100, 50], &[0]);
        assert_eq!((spec.form(), spec.num_leaves(), spec.task_alignment(0)), (FoldForm::Columns, 7, 16));
        assert_eq!(spec.walk_alignment(0), 1);
    }

    #[test]
    fn a_short_axis_shares_its_leaf_with_the_neighbour() {
        let spec = FoldSpec::new(&[1000, 3], &[0, 1]);
        assert_eq!((spec.task_alignment(1), spec.task_alignment(0)), (3, 341));
        assert_eq!(spec.num_leaves(), 3);
        let spec = FoldSpec::new(&[40, 2, 7], &[0, 1]);
        assert_eq!((spec.task_alignment(0), spec.task_alignment(1)), (8, 2));
        assert_eq!((spec.walk_alignment(0), spec.walk_alignment(1)), (1, 2));
    }

    #[test]
    fn an_empty_space_has_one_empty_leaf() {
        let spec = FoldSpec::new(&[0, 4], &[0]);
        assert_eq!(spec.num_leaves(), 1);
        assert_eq!(spec.leaves_in(&Region::full(&[0, 4])).count(), 0);
        assert_eq!(FoldSpec::new(&[4], &[]).num_leaves(), 1);
    }

    #[test]
    fn the_leaves_of_a_box_are_numbered_in_c_order() {
        let spec = FoldSpec::new(&[4, 2, 2000], &[0, 2]);
        let region = Region::new(vec![AxisRange::new(1, 2), AxisRange::new(0, 1), AxisRange::new(1024, 976)]);
        let parts: Vec<(usize, usize)> =
            spec.leaves_in(&region).map(|leaf| (leaf.number, leaf.size)).collect();
        assert_eq!(parts, [(3, 976), (5, 976)]);
    }
}
