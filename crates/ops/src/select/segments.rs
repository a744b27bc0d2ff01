//! The parts of a mask whose trues are counted apart.

use crate::prelude::*;

/// Elements of a segment, unless there would be too many segments.
const SEGMENT: usize = 4096;

/// About as many segments as there may be: their counts are held in memory.
const MOST_SEGMENTS: usize = 100_000;

/// How a mask of some shape is divided into segments: boxes that hold a run of elements in C order each. A function of
/// the shape alone.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Segments {
    shape: Vec<usize>,
    /// A segment has one index along the axes before this one, up to `rows` along it, and all along those behind.
    axis: usize,
    rows: usize,
    /// Segments along the axes up to `axis`. They are numbered in C order.
    grid: Vec<usize>,
}

impl Segments {
    /// The segments of a mask with at least one axis.
    pub(super) fn of(shape: &[usize]) -> Self {
        let size: usize = shape.iter().product();
        let target = (size / MOST_SEGMENTS).next_power_of_two().max(SEGMENT);
        let behind = |axis: usize| shape[axis + 1..].iter().product::<usize>().max(1);
        let axis = (0..shape.len()).find(|&axis| behind(axis) <= target).unwrap_or(0);
        let rows = (target / behind(axis)).max(1);
        let mut grid = shape[..=axis].to_vec();
        grid[axis] = if size == 0 { 0 } else { shape[axis].div_ceil(rows) };
        Segments { shape: shape.to_vec(), axis, rows, grid }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.grid.iter().product()
    }

    /// The box of the mask that a box of the grid of segments covers.
    fn covered(&self, cells: &[(usize, usize)]) -> Region {
        let mut axes: Vec<AxisRange> =
            cells.iter().map(|&(low, high)| AxisRange::new(low, high - low)).collect();
        let (low, high) = cells[self.axis];
        let (first, end) = (low * self.rows, (high * self.rows).min(self.shape[self.axis]));
        axes[self.axis] = AxisRange::new(first, end - first);
        axes.extend(self.shape[self.axis + 1..].iter().map(|&len| AxisRange::new(0, len)));
        Region::new(axes)
    }

    /// The smallest box of the mask that holds the segments `low..high`.
    pub(super) fn hull(&self, low: usize, high: usize) -> Region {
        if low >= high {
            return Region::new(vec![AxisRange::new(0, 0); self.shape.len()]);
        }
        let (first, last) = (self.cell(low), self.cell(high - 1));
        let mut cells: Vec<(usize, usize)> = self.grid.iter().map(|&count| (0, count)).collect();
        for axis in 0..cells.len() {
            cells[axis] = (first[axis], last[axis] + 1);
            if first[axis] != last[axis] {
                break;
            }
        }
        self.covered(&cells)
    }

    /// The boxes of the mask, in C order, that the segments `low..high` are: few, and nothing else in them. Each holds
    /// a run of elements in C order.
    pub(super) fn boxes(&self, mut low: usize, high: usize) -> Vec<Region> {
        let mut strides = vec![1; self.grid.len()];
        for axis in (0..self.grid.len() - 1).rev() {
            strides[axis] = strides[axis + 1] * self.grid[axis + 1];
        }
        let mut boxes = Vec::new();
        while low < high {
            let cell = self.cell(low);
            // The outermost axis along which a whole step fits.
            let level = strides.iter().position(|&stride| low.is_multiple_of(stride) && low + stride <= high);
            let level = level.unwrap_or(strides.len() - 1);
            let count = ((high - low) / strides[level]).min(self.grid[level] - cell[level]);
            let mut cells: Vec<(usize, usize)> = cell.iter().map(|&index| (index, index + 1)).collect();
            cells[level].1 = cell[level] + count;
            for (cell, &count) in cells.iter_mut().zip(&self.grid).skip(level + 1) {
                *cell = (0, count);
            }
            boxes.push(self.covered(&cells));
            low += count * strides[level];
        }
        boxes
    }

    fn cell(&self, mut segment: usize) -> Vec<usize> {
        let mut cell = vec![0; self.grid.len()];
        for axis in (0..cell.len()).rev() {
            cell[axis] = segment % self.grid[axis];
            segment /= self.grid[axis];
        }
        cell
    }
}

/// The positions of a box within one that holds it, both of step 1.
pub(super) fn within(outer: &Region, inner: &Region) -> Region {
    let axes = outer.axes().iter().zip(inner.axes());
    Region::from_iter(axes.map(|(outer, inner)| AxisRange::new(inner.start - outer.start, inner.len)))
}

/// How many of the truth values are true.
pub(super) fn count_true(values: &[u8]) -> usize {
    // Sums of bytes in bytes, as many as cannot overflow.
    values
        .chunks(255)
        .map(|values| values.iter().map(|&value| u8::from(value != 0)).sum::<u8>() as usize)
        .sum()
}

/// The bytes of a dense block.
pub(super) fn bytes_of(block: &Block) -> Result<&[u8]> {
    block.as_bytes().ok_or_else(|| Error::Bug { what: "a dense block that is not dense".into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(shape: &[usize], region: &Region) -> Vec<usize> {
        let mut indexes = vec![0];
        for (range, &len) in region.axes().iter().zip(shape) {
            indexes =
                indexes.iter().flat_map(|&i| (0..range.len).map(move |k| i * len + range.get(k))).collect();
        }
        indexes
    }

    #[test]
    fn segments_are_runs_that_cover_the_mask_in_order() {
        for shape in
            [&[10_000][..], &[3, 5000], &[300, 70, 2], &[2, 3, 9000], &[1, 1], &[5000, 1, 1], &[2, 2, 4096]]
        {
            let segments = Segments::of(shape);
            let mut next = 0;
            for segment in 0..segments.count() {
                let run = flat(shape, &segments.hull(segment, segment + 1));
                assert_eq!(run, (next..next + run.len()).collect::<Vec<_>>(), "{shape:?}");
                next += run.len();
            }
            assert_eq!(next, shape.iter().product::<usize>(), "{shape:?}");
        }
    }

    #[test]
    fn boxes_are_the_segments_and_nothing_else() {
        let shape = [4, 3, 10_000];
        let segments = Segments::of(&shape);
        assert_eq!(segments.count(), 36);
        for low in 0..36 {
            for high in low..=36 {
                let boxes = segments.boxes(low, high);
                let expected: Vec<usize> =
                    (low..high).flat_map(|k| flat(&shape, &segments.hull(k, k + 1))).collect();
                assert_eq!(boxes.iter().flat_map(|part| flat(&shape, part)).collect::<Vec<_>>(), expected);
                assert!(boxes.len() <= 5);
                let hull = segments.hull(low, high);
                assert!(boxes.iter().all(|part| hull.contains(part)));
            }
        }
    }

    #[test]
    fn large_masks_have_few_segments() {
        for shape in
            [&[1usize << 40][..], &[1 << 20, 1 << 20], &[1 << 30, 3], &[1_000_000, 5000], &[7, 1 << 33]]
        {
            let count = Segments::of(shape).count();
            assert!((10_000..400_000).contains(&count), "{shape:?}: {count}");
        }
        assert_eq!(Segments::of(&[0]).count(), 0);
        assert_eq!(Segments::of(&[5, 0, 3]).count(), 0);
    }

    #[test]
    fn trues_are_counted() {
        let values: Vec<u8> = (0..1000).map(|i| u8::from(i % 3 == 0)).collect();
        assert_eq!(count_true(&values), 334);
        assert_eq!(count_true(&[1; 700]), 700);
    }
}
