//! The elements of a leaf, laid out as the kernels want them.

use std::sync::Arc;

use super::spec::{FoldForm, FoldSpec};
use crate::block::Block;
use crate::buffer::BufferPool;
use crate::element::Element;
use crate::operation::{Operand, Tile};
use crate::region::Region;
use crate::region_map::AxisMap;

/// Elements of one leaf of a reduction, for a box of kept elements.
#[derive(Debug)]
pub struct LeafInput<'a> {
    /// The part of every input that the box needs, in the input's own axes.
    pub blocks: &'a [Block],
    /// What the axes of every input follow in the domain.
    pub maps: &'a [Vec<AxisMap>],
    /// The box, in coordinates of the domain.
    pub at: &'a Region,
    /// Axes and leaves.
    pub spec: &'a FoldSpec,
    /// Where scratch memory comes from.
    pub pool: &'a Arc<BufferPool>,
    /// The elements of the only input, row by row, where they are in no block.
    pub rows: Option<Tile<'a>>,
    /// In a call for many leaves, into which nothing was folded before: where the elements of every leaf of a kept element
    /// begin. Those after the first follow one another; `at` does not say then where elements lie.
    pub starts: Option<LeafStarts<'a>>,
}

/// Where many leaves begin, line by line, in C order of the folded axes.
#[derive(Debug, Clone, Copy)]
pub struct LeafStarts<'a> {
    /// Of every line, the position of the first element of its first leaf.
    pub lines: &'a [usize],
    /// Leaves of a line.
    pub leaves: usize,
    /// Elements from one leaf to the next.
    pub step: usize,
    /// Kept elements: each has an entry for every leaf.
    pub kept: usize,
}

impl LeafStarts<'_> {
    /// The position of the first element of entry `number` of the accumulator: entries are those of every line, leaf and
    /// kept element in turn.
    pub fn of(&self, number: usize) -> usize {
        let leaf = number / self.kept;
        self.lines[leaf / self.leaves] + leaf % self.leaves * self.step
    }
}

/// The elements of one input as a matrix whose rows are contiguous.
///
/// In [`FoldForm::Rows`] a row holds the elements of the leaf, one row for every kept element; in
/// [`FoldForm::Columns`] a row holds the kept elements, one row for every element of the leaf.
#[derive(Debug)]
pub struct LeafView<'a, T> {
    data: Elements<'a, T>,
    /// Number of rows.
    pub rows: usize,
    /// Elements of a row.
    pub columns: usize,
    /// Elements from one row to the next, and from the first of so many rows to the first after them.
    row_stride: isize,
    group: (usize, isize),
    offset: usize,
}

#[derive(Debug)]
enum Elements<'a, T> {
    /// Where the block is.
    InPlace(&'a [T]),
    /// Copied into rows that are contiguous.
    Copied(Block),
}

impl<T: Element> LeafView<'_, T> {
    /// One row.
    #[inline]
    pub fn row(&self, row: usize) -> &[T] {
        let (rows, stride) = self.group;
        let moved = match row < rows {
            true => row as isize * self.row_stride,
            false => (row / rows) as isize * stride + (row % rows) as isize * self.row_stride,
        };
        let start = (self.offset as isize + moved) as usize;
        let elements = match &self.data {
            Elements::InPlace(elements) => elements,
            Elements::Copied(block) => block.elements::<T>(),
        };
        &elements[start..start + self.columns]
    }
}

impl<'a> LeafInput<'a> {
    /// Kept elements of the box.
    pub fn kept(&self) -> usize {
        let axes = self.at.axes().iter().enumerate();
        axes.filter(|(axis, _)| !self.spec.axes().contains(axis)).map(|(_, range)| range.len).product()
    }

    /// Elements of the leaf in the box.
    pub fn elements(&self) -> usize {
        self.spec.axes().iter().map(|&axis| self.at.axes()[axis].len).product()
    }

    /// The elements of input `k` as a matrix with contiguous rows; copied only if they do not lie like that.
    pub fn view<T: Element>(&self, k: usize) -> LeafView<'a, T> {
        if let Some(rows) = self.rows {
            let elements = match rows.get::<T>() {
                Operand::Slice(elements) => elements,
                Operand::Scalar(_) => unreachable!("rows have all their elements"),
            };
            let (rows, columns) = (self.kept(), self.elements());
            let (data, row_stride) = (Elements::InPlace(elements), columns as isize);
            return LeafView { data, rows, columns, row_stride, group: (rows, 0), offset: 0 };
        }
        let block = &self.blocks[k];
        let ndim = self.at.ndim();
        let strides = domain_strides(block, &self.maps[k], ndim);
        let kept = self.spec.kept_axes(ndim);
        let (outer, inner) = match self.spec.form() {
            FoldForm::Rows => (kept.as_slice(), self.spec.axes()),
            FoldForm::Columns => (self.spec.axes(), kept.as_slice()),
        };
        let group = |axes: &[usize]| -> (Vec<usize>, Vec<isize>) {
            axes.iter().map(|&axis| (self.at.axes()[axis].len, strides[axis])).unzip()
        };
        let (outer_shape, outer_strides) = group(outer);
        let (inner_shape, inner_strides) = group(inner);
        let (rows, columns) = (outer_shape.iter().product(), inner_shape.iter().product::<usize>());
        if rows * columns == 0 {
            let data = Elements::InPlace(&[]);
            return LeafView { data, rows, columns, row_stride: 0, group: (1, 0), offset: 0 };
        }
        if let Some(inner_stride) = merge(&inner_shape, &inner_strides)
            && (inner_stride == 1 || columns == 1)
            && let Some((row_stride, group)) = grouped(&outer_shape, &outer_strides)
        {
            let data = Elements::InPlace(block.elements());
            return LeafView { data, rows, columns, row_stride, group, offset: block.offset() };
        }
        let shape: Vec<usize> = outer_shape.into_iter().chain(inner_shape).collect();
        let strides: Vec<isize> = outer_strides.into_iter().chain(inner_strides).collect();
        let dense = block.restrided(shape, strides, 0).to_dense(Some(self.pool));
        let offset = dense.offset();
        let (row_stride, group) = (columns as isize, (rows, 0));
        LeafView { data: Elements::Copied(dense), rows, columns, row_stride, group, offset }
    }
}

/// The strides of an input's block along the axes of the domain.
pub(crate) fn domain_strides(block: &Block, maps: &[AxisMap], ndim: usize) -> Vec<isize> {
    let mut strides = vec![0; ndim];
    for (map, &stride) in maps.iter().zip(block.strides()) {
        if let AxisMap::Along { out_axis, .. } = map {
            strides[*out_axis] += stride;
        }
    }
    strides
}

/// The stride of the last axes walked in C order, how many elements they have, and the stride of the axes before them,
/// if there is one of each.
fn grouped(shape: &[usize], strides: &[isize]) -> Option<(isize, (usize, isize))> {
    (0..=shape.len()).find_map(|split| {
        let inner = merge(&shape[split..], &strides[split..])?;
        let outer = merge(&shape[..split], &strides[..split])?;
        Some((inner, (shape[split..].iter().product(), outer)))
    })
}

/// The one stride of several axes walked in C order, if there is one.
fn merge(shape: &[usize], strides: &[isize]) -> Option<isize> {
    let mut merged: Option<(isize, isize)> = None;
    for (&len, &stride) in shape.iter().zip(strides).rev() {
        if len == 1 {
            continue;
        }
        merged = match merged {
            None => Some((stride, stride * len as isize)),
            Some((first, next)) if stride == next => Some((first, next * len as isize)),
            Some(_) => return None,
        };
    }
    Some(merged.map_or(1, |(first, _)| first))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(spec: &FoldSpec, shape: &[usize], block: Block) -> Vec<Vec<i64>> {
        let maps = vec![(0..shape.len()).map(AxisMap::along).collect()];
        let pool = BufferPool::new(0);
        let blocks = [block];
        let at = Region::full(shape);
        let leaf =
            LeafInput { blocks: &blocks, maps: &maps, at: &at, spec, pool: &pool, rows: None, starts: None };
        let view = leaf.view::<i64>(0);
        (0..view.rows).map(|row| view.row(row).to_vec()).collect()
    }

    #[test]
    fn rows_and_columns_are_contiguous_either_way() {
        let block = Block::from_vec((0..6i64).collect(), &[2, 3]);
        assert_eq!(rows(&FoldSpec::new(&[2, 3], &[1]), &[2, 3], block.clone()), [[0, 1, 2], [3, 4, 5]]);
        assert_eq!(rows(&FoldSpec::new(&[2, 3], &[0]), &[2, 3], block.clone()), [[0, 1, 2], [3, 4, 5]]);
        let turned = block.restrided(vec![3, 2], vec![1, 3], 0);
        assert_eq!(rows(&FoldSpec::new(&[3, 2], &[1]), &[3, 2], turned), [[0, 3], [1, 4], [2, 5]]);
    }

    #[test]
    fn a_broadcast_input_repeats() {
        let block = Block::from_vec(vec![1i64, 2, 3], &[3]).restrided(vec![2, 3], vec![0, 1], 0);
        assert_eq!(rows(&FoldSpec::new(&[2, 3], &[0]), &[2, 3], block), [[1, 2, 3], [1, 2, 3]]);
    }
}
