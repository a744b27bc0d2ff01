//! Which parts of an array a run that is gone on with has left whole.

use std::collections::HashSet;

use brickwork_core::{AxisRange, ChunkGrid, Region};

use crate::chunk_walk::touched_chunks;

/// Chunks that are whole, by number.
#[derive(Debug, Default)]
pub(crate) struct WrittenChunks {
    numbers: HashSet<u64>,
}

impl WrittenChunks {
    /// Takes one in.
    #[cfg(any(feature = "zarr", feature = "hdf5-write"))]
    pub fn insert(&mut self, number: u64) {
        self.numbers.insert(number);
    }

    /// Whether every chunk that a region touches is there.
    pub fn hold(&self, grid: &ChunkGrid, region: &Region) -> bool {
        !self.numbers.is_empty()
            && touched_chunks(grid, region).iter().all(|touched| self.numbers.contains(&touched.number))
    }
}

/// Boxes of steps of 1 that are whole.
#[derive(Debug, Default)]
pub(crate) struct WrittenRegions {
    regions: HashSet<Region>,
}

impl WrittenRegions {
    /// Takes one in.
    pub fn insert(&mut self, region: Region) {
        self.regions.insert(region);
    }

    /// Whether every element of a box is in one of them.
    pub fn hold(&self, region: &Region) -> bool {
        if self.regions.is_empty() || self.regions.contains(region) {
            return !self.regions.is_empty();
        }
        // Another cut than that of the run before: what is left of the box when every other is taken out of it.
        let mut left = vec![region.clone()];
        for taken in &self.regions {
            left = left.iter().flat_map(|part| without(part, taken)).collect();
            if left.is_empty() {
                return true;
            }
        }
        false
    }
}

/// What of a box is outside another one, as boxes that do not overlap.
fn without(part: &Region, taken: &Region) -> Vec<Region> {
    let shared: Option<Vec<(usize, usize)>> = part
        .axes()
        .iter()
        .zip(taken.axes())
        .map(|(a, b)| {
            let (low, high) = (a.start.max(b.start), (a.start + a.len).min(b.start + b.len));
            (low < high).then_some((low, high))
        })
        .collect();
    let Some(shared) = shared else { return vec![part.clone()] };
    let mut rest = Vec::new();
    let mut inside = part.clone();
    for (axis, (low, high)) in shared.into_iter().enumerate() {
        let AxisRange { start, len, .. } = part.axes()[axis];
        for (low, high) in [(start, low), (high, start + len)] {
            if low < high {
                let mut piece = inside.clone();
                *piece.axis_mut(axis) = AxisRange::new(low, high - low);
                rest.push(piece);
            }
        }
        *inside.axis_mut(axis) = AxisRange::new(low, high - low);
    }
    rest
}

/// A box as numbers of a journal: start and length along every axis.
pub(crate) fn place_of(region: &Region) -> Vec<usize> {
    region.axes().iter().flat_map(|axis| [axis.start, axis.len]).collect()
}

/// The box that numbers of a journal say, if it lies in an array of this shape.
pub(crate) fn region_at(place: &[usize], shape: &[usize]) -> Option<Region> {
    if place.len() != 2 * shape.len() {
        return None;
    }
    let axes = place.chunks(2).map(|range| AxisRange::new(range[0], range[1]));
    let region = Region::from_iter(axes);
    let is_inside = |(axis, &len): (&AxisRange, &usize)| {
        axis.len > 0 && axis.start.checked_add(axis.len).is_some_and(|end| end <= len)
    };
    region.axes().iter().zip(shape).all(is_inside).then_some(region)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(ranges: &[(usize, usize)]) -> Region {
        Region::from_iter(ranges.iter().map(|&(start, len)| AxisRange::new(start, len)))
    }

    #[test]
    fn boxes_of_another_cut_are_held_if_nothing_of_them_is_missing() {
        let mut written = WrittenRegions::default();
        assert!(!written.hold(&region(&[(0, 1), (0, 1)])));
        for row in 0..4 {
            written.insert(region(&[(row, 1), (0, 10)]));
        }
        written.insert(region(&[(4, 3), (0, 4)]));
        written.insert(region(&[(4, 3), (5, 5)]));
        assert!(written.hold(&region(&[(1, 3), (2, 5)])) && written.hold(&region(&[(0, 4), (0, 10)])));
        assert!(written.hold(&region(&[(2, 5), (5, 5)])));
        assert!(!written.hold(&region(&[(2, 5), (3, 2)])), "one column is missing");
        assert!(!written.hold(&region(&[(6, 2), (0, 2)])));
        let mut single = WrittenRegions::default();
        single.insert(region(&[]));
        assert!(single.hold(&region(&[])));
    }

    #[test]
    fn numbers_that_say_no_box_are_refused() {
        let good = region(&[(1, 2), (0, 4)]);
        assert_eq!(region_at(&place_of(&good), &[3, 4]), Some(good));
        assert_eq!(region_at(&[1, 3, 0, 4], &[3, 4]), None);
        assert_eq!(region_at(&[usize::MAX, 2, 0, 4], &[3, 4]), None);
        assert_eq!(region_at(&[1, 2], &[3, 4]), None);
    }

    #[test]
    fn chunks_are_held_if_each_is_there() {
        let grid = ChunkGrid::regular(&[5, 6], &[2, 3]);
        let mut written = WrittenChunks::default();
        (0..3).for_each(|number| written.insert(number));
        assert!(
            written.hold(&grid, &region(&[(0, 2), (0, 6)]))
                && written.hold(&grid, &region(&[(2, 1), (1, 2)]))
        );
        assert!(!written.hold(&grid, &region(&[(2, 1), (1, 3)])));
    }
}
