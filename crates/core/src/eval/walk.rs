//! In which patches a domain is walked: granule by granule, and within a granule in pieces that fit the cache.

use std::ops::Range;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::chunks::AxisChunks;
use crate::region::{AxisRange, Region};

/// Elements of a patch: with a handful of blocks alive, it stays in a second-level cache.
pub const PATCH_ELEMENTS: usize = 32 << 10;

/// Along the last axis a patch is at most this long while there are other axes to fill it with, unless the axis is
/// hardly longer.
const LAST_AXIS: usize = 4096;

/// Where the granules of the source that is dearest to read lie along an axis of a domain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AxisCuts {
    /// The granules along the source's axis.
    pub chunks: AxisChunks,
    /// Index in the source of domain index 0.
    pub start: usize,
    /// Source elements from one domain index to the next.
    pub step: usize,
    /// Whether a patch must hold whole granules (blocks of a user's function).
    pub whole: bool,
    /// Whether they are runs of bytes rather than granules: a patch is best kept to them, and may cut them.
    pub are_runs: bool,
}

impl AxisCuts {
    /// Domain indices in `low..high` at which a new granule begins, at least so far apart: tiny granules run together,
    /// at no cost for each.
    fn edges(&self, low: usize, high: usize, apart: usize) -> Vec<usize> {
        let mut edges = Vec::new();
        let mut last = low;
        loop {
            let earliest = last + apart.max(1);
            if earliest >= high {
                return edges;
            }
            // The granule that holds the element before `earliest` ends at the next edge.
            let before = (self.start + self.step * (earliest - 1)).min(self.chunks.len().max(1) - 1);
            let (start, len) = self.chunks.chunk_range(self.chunks.chunk_of(before));
            let edge = (start + len).saturating_sub(self.start).div_ceil(self.step).max(earliest);
            if edge >= high {
                return edges;
            }
            edges.push(edge);
            last = edge;
        }
    }
}

/// How a domain is walked.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Walk {
    /// Granules along every axis of the domain, where there are any.
    pub cuts: Vec<Option<AxisCuts>>,
    /// Multiples at which every axis may be cut; `usize::MAX` forbids cutting.
    pub align: Vec<usize>,
    /// Whether a patch holds whole granules, so that what is folded inside it meets every granule once.
    pub by_granule: bool,
    /// Two axes that some source has the other way round, so that square patches read it best.
    pub square: Option<(usize, usize)>,
    /// Elements along every axis below which sources are read in tiny pieces; empty if they are not.
    pub runs: Vec<usize>,
    /// The axis along which scans run: all patches of a part of it come before those of the next, so that what is
    /// written there is complete early.
    pub outermost: Option<usize>,
    /// The patch that is best evaluated in one go, whatever a cache holds.
    pub best: Option<Vec<usize>>,
    /// Whether no two elements of the domain need the same element of a source: granules that lie whole in one patch are
    /// not needed by another.
    pub apart: bool,
    /// Elements of patches that are prepared together, where nothing but tiles is computed for each: 0 for one patch at
    /// a time.
    pub batch: usize,
}

impl Walk {
    /// A walk without granules.
    pub fn plain(align: Vec<usize>) -> Self {
        Walk {
            cuts: vec![None; align.len()],
            align,
            by_granule: false,
            square: None,
            runs: Vec::new(),
            outermost: None,
            best: None,
            apart: false,
            batch: 0,
        }
    }

    /// Lengths of a patch of about `target` elements of a domain of this shape.
    pub fn patch_shape(&self, shape: &[usize], target: usize) -> Vec<usize> {
        if let Some(best) = &self.best {
            return self.shrunk(best, shape, target);
        }
        let ndim = shape.len();
        let limit = |axis: usize| {
            let granule = self.cuts[axis].as_ref().map(|cuts| (cuts.chunks.max_chunk() / cuts.step).max(1));
            let len = shape[axis].max(1);
            match (granule, &self.cuts[axis]) {
                (Some(granule), Some(cuts)) if cuts.whole || self.by_granule && !cuts.are_runs => {
                    (granule, granule.min(len))
                }
                (Some(granule), _) if granule >= 32 => (1, granule.min(len)),
                _ => (1, len),
            }
        };
        let mut patch: Vec<usize> = (0..ndim)
            .map(|axis| {
                let least = limit(axis).0.max(self.align[axis]);
                least.min(shape[axis].max(1))
            })
            .collect();
        let grow = |axis: usize, most: usize, patch: &mut Vec<usize>| {
            let others: usize =
                patch.iter().enumerate().filter(|(other, _)| *other != axis).map(|(_, len)| len).product();
            let room = (target / others.max(1)).min(most).min(shape[axis]);
            let align = self.align[axis].max(1);
            // The end of the axis is no cut.
            let is_whole = align == usize::MAX || room == shape[axis];
            let mut len = if is_whole { shape[axis] } else { room / align * align };
            let whole = limit(axis).1;
            if len >= whole && whole % align == 0 {
                len = whole;
            }
            patch[axis] = patch[axis].max(len);
        };
        if let Some((a, b)) = self.square {
            let side = (target as f64).sqrt() as usize;
            grow(b, side, &mut patch);
            grow(a, side, &mut patch);
        }
        // Where some axis may not be cut, little would be left of the others.
        for (axis, &run) in self.runs.iter().enumerate() {
            let run = run * target.min(PATCH_ELEMENTS) / PATCH_ELEMENTS;
            let whole = run.max(1).next_multiple_of(self.align[axis].clamp(1, shape[axis].max(1)));
            patch[axis] = patch[axis].max(whole).min(shape[axis].max(1));
        }
        for (from_end, axis) in (0..ndim).rev().enumerate() {
            let is_long = from_end == 0 && ndim > 1 && shape[axis] > 2 * LAST_AXIS;
            let most = if is_long { LAST_AXIS } else { usize::MAX };
            grow(axis, most, &mut patch);
        }
        for axis in (0..ndim).rev() {
            grow(axis, usize::MAX, &mut patch);
        }
        patch
    }

    /// The best patch, smaller where less than a whole patch of elements is asked for: axes that may be cut anywhere are
    /// halved whenever the target is a quarter.
    fn shrunk(&self, best: &[usize], shape: &[usize], target: usize) -> Vec<usize> {
        let halvings = (PATCH_ELEMENTS / target.max(1)).max(1).ilog2().div_ceil(2);
        let axes = best.iter().zip(shape).zip(&self.align);
        axes.map(|((&best, &len), &align)| {
            let align = align.max(1);
            let wanted = if align > 1 { best } else { (best >> halvings).max(8) };
            let whole = if align > len { len } else { wanted.max(align) / align * align };
            whole.clamp(1, len.max(1))
        })
        .collect()
    }

    /// The patches of a rising region of the domain, granule by granule; every axis is cut in the same way whatever
    /// the others are.
    pub fn patches(&self, region: &Region, patch: &[usize]) -> Vec<Region> {
        if region.is_empty() {
            return Vec::new();
        }
        if region.axes().iter().enumerate().all(|(axis, range)| self.is_uncut(axis, range, patch[axis])) {
            return vec![region.clone()];
        }
        let axes: Vec<Vec<Vec<AxisRange>>> = (0..region.ndim())
            .map(|axis| self.axis_patches(axis, &region.axes()[axis], patch[axis]))
            .collect();
        // The order in which granules are gone through: the last of these axes first.
        let mut order: Vec<usize> = (0..axes.len()).collect();
        order.sort_by_key(|axis| self.outermost != Some(*axis));
        let outer: Vec<usize> = order.iter().map(|&axis| axes[axis].len()).collect();
        let mut patches = Vec::new();
        let mut at_granule = vec![0; outer.len()];
        loop {
            let mut granule = vec![0; axes.len()];
            order.iter().zip(&at_granule).for_each(|(&axis, &at)| granule[axis] = at);
            let inner: Vec<usize> = axes.iter().zip(&granule).map(|(axis, &g)| axis[g].len()).collect();
            let mut at = vec![0; inner.len()];
            loop {
                let ranges = (0..axes.len()).map(|axis| axes[axis][granule[axis]][at[axis]]).collect();
                patches.push(Region::new(ranges));
                if !advance(&mut at, &inner) {
                    break;
                }
            }
            if !advance(&mut at_granule, &outer) {
                return patches;
            }
        }
    }

    /// Which patches are prepared together: runs of them that fill a box of at most [`Walk::batch`] elements.
    pub fn batches(&self, patches: &[Region]) -> Vec<Range<usize>> {
        let mut batches = Vec::new();
        let mut start = 0;
        while start < patches.len() {
            let (mut hull, mut size, mut end) = (patches[start].clone(), patches[start].size(), start + 1);
            for (number, patch) in patches.iter().enumerate().skip(start + 1) {
                size += patch.size();
                if size > self.batch {
                    break;
                }
                hull = hull.hull(patch);
                if hull.size() == size {
                    end = number + 1;
                }
            }
            batches.push(start..end);
            start = end;
        }
        batches
    }

    /// Whether a patch holds all of an axis, as can be told at a glance.
    fn is_uncut(&self, axis: usize, range: &AxisRange, patch: usize) -> bool {
        match self.align[axis] {
            usize::MAX => true,
            align => align <= 1 && self.cuts[axis].is_none() && range.len <= patch,
        }
    }

    /// The pieces of one axis, grouped by granule.
    fn axis_patches(&self, axis: usize, range: &AxisRange, patch: usize) -> Vec<Vec<AxisRange>> {
        let align = self.align[axis].max(1);
        let mut cuts = vec![0];
        if let Some(granules) = &self.cuts[axis]
            && align != usize::MAX
        {
            let (low, high) = range.bounds();
            for edge in granules.edges(low, high, patch.min(high)) {
                let aligned = if align > 1 { edge / align * align } else { edge };
                let position = aligned.saturating_sub(low).div_ceil(range.step as usize);
                if position > *cuts.last().unwrap_or(&0) && position < range.len {
                    cuts.push(position);
                }
            }
        }
        cuts.push(range.len);
        let groups = cuts.windows(2).map(|ends| {
            let mut pieces = Vec::new();
            let mut start = ends[0];
            while start < ends[1] {
                let mut len = patch.max(1).min(ends[1] - start);
                if align > 1 && align != usize::MAX && start + len < ends[1] {
                    // Pieces end at multiples of the alignment, counted in the domain, or where the part does.
                    let end = (range.get(start) + len) / align * align;
                    let aligned = end.saturating_sub(range.get(start));
                    len = if aligned > 0 { aligned.min(len) } else { align.min(ends[1] - start) };
                }
                if align == usize::MAX {
                    len = ends[1] - start;
                }
                pieces.push(range.compose(&AxisRange::new(start, len)));
                start += len;
            }
            pieces
        });
        match self.outermost == Some(axis) && self.cuts[axis].is_none() {
            // Without granules every piece is a part of its own.
            true => groups.flatten().map(|piece| vec![piece]).collect(),
            false => groups.collect(),
        }
    }
}

fn advance(at: &mut [usize], counts: &[usize]) -> bool {
    for axis in (0..at.len()).rev() {
        at[axis] += 1;
        if at[axis] < counts[axis] {
            return true;
        }
        at[axis] = 0;
    }
    false
}

/// What the evaluation is told about walking: by the plan, or by a test.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Walks {
    /// How to walk the domain of a reduction that is evaluated inside a patch, by node.
    pub inner: FxHashMap<usize, Walk>,
    /// Elements of a patch.
    pub patch_elements: usize,
    /// Elements of a tile, instead of what fits the cache.
    pub forced_tile: Option<usize>,
    /// Whether elementwise neighbours run as one program.
    pub fuse: bool,
}

impl Default for Walks {
    fn default() -> Self {
        Walks { inner: FxHashMap::default(), patch_elements: PATCH_ELEMENTS, forced_tile: None, fuse: true }
    }
}

impl Walks {
    pub(crate) fn is_fusing(&self) -> bool {
        self.fuse
    }

    pub(crate) fn tile(&self) -> Option<usize> {
        self.forced_tile
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covered(walk: &Walk, shape: &[usize], patch: &[usize]) -> Vec<Region> {
        let patches = walk.patches(&Region::full(shape), patch);
        let total: usize = patches.iter().map(Region::size).sum();
        assert_eq!(total, shape.iter().product::<usize>());
        patches
    }

    #[test]
    fn patches_cover_the_domain_granule_by_granule() {
        let chunks = AxisChunks::regular(100, 30);
        let mut walk = Walk::plain(vec![1, 1]);
        walk.cuts[0] = Some(AxisCuts { chunks, start: 0, step: 1, whole: false, are_runs: false });
        let patches = covered(&walk, &[100, 10], &[20, 10]);
        let rows: Vec<(usize, usize)> =
            patches.iter().map(|p| (p.axes()[0].start, p.axes()[0].len)).collect();
        assert_eq!(rows, [(0, 20), (20, 10), (30, 20), (50, 10), (60, 20), (80, 10), (90, 10)]);
    }

    #[test]
    fn aligned_axes_are_cut_at_multiples() {
        let chunks = AxisChunks::regular(5000, 1500);
        let mut walk = Walk::plain(vec![1024]);
        walk.cuts[0] = Some(AxisCuts { chunks, start: 0, step: 1, whole: false, are_runs: false });
        let patches = covered(&walk, &[5000], &[1024]);
        assert!(patches.iter().all(|patch| patch.axes()[0].start % 1024 == 0));
        // The end of the axis is no multiple, and no reason to cut.
        let ends = |shape: &[usize], patch: &[usize]| -> Vec<usize> {
            covered(&Walk::plain(vec![40]), shape, patch)
                .iter()
                .map(|patch| patch.axes()[0].bounds().1)
                .collect()
        };
        assert_eq!(ends(&[50], &[50]), [50]);
        assert_eq!(ends(&[130], &[90]), [80, 130]);
        assert_eq!(ends(&[130], &[40]), [40, 80, 120, 130]);
    }

    #[test]
    fn patches_have_about_the_wanted_size() {
        let walk = Walk::plain(vec![1, 1]);
        assert_eq!(walk.patch_shape(&[20000, 20000], 32768), [8, 4096]);
        assert_eq!(walk.patch_shape(&[20000, 3], 32768), [10922, 3]);
        assert_eq!(walk.patch_shape(&[2, 1 << 30], 32768), [2, 16384]);
        let square = |align| Walk { square: Some((0, 1)), ..Walk::plain(vec![1, align]) };
        assert_eq!(square(1).patch_shape(&[20000, 20000], 32768), [181, 181]);
        assert_eq!(square(1024).patch_shape(&[20000, 20000], 32768), [32, 1024]);
        // Long enough runs, however long the other axis, in patches that are not tiny.
        let in_runs = Walk { runs: vec![256, 1], ..square(usize::MAX) };
        assert_eq!(in_runs.patch_shape(&[20000, 3000], 32768), [256, 3000]);
        assert_eq!(in_runs.patch_shape(&[20000, 3000], 4096), [32, 3000]);
        assert_eq!(in_runs.patch_shape(&[100, 3000], 32768), [100, 3000]);
    }

    #[test]
    fn the_outermost_axis_is_walked_last() {
        let walk = Walk { outermost: Some(1), ..Walk::plain(vec![1, 1]) };
        let starts: Vec<(usize, usize)> = covered(&walk, &[4, 4], &[2, 2])
            .iter()
            .map(|patch| (patch.axes()[0].start, patch.axes()[1].start))
            .collect();
        assert_eq!(starts, [(0, 0), (2, 0), (0, 2), (2, 2)]);
    }

    #[test]
    fn batches_fill_boxes() {
        let batches = |batch: usize, shape: &[usize], patch: &[usize]| {
            let walk = Walk { batch, ..Walk::plain(vec![1; shape.len()]) };
            let patches = covered(&walk, shape, patch);
            let batches = walk.batches(&patches);
            assert_eq!(
                batches.iter().flat_map(|batch| batch.clone()).collect::<Vec<_>>(),
                Vec::from_iter(0..patches.len())
            );
            batches.into_iter().map(|batch| batch.len()).collect::<Vec<_>>()
        };
        assert_eq!(batches(0, &[8, 8], &[2, 4]), [1; 8]);
        // Two patches make a row; three are no box.
        assert_eq!(batches(31, &[8, 8], &[2, 4]), [2; 4]);
        assert_eq!(batches(32, &[8, 8], &[2, 4]), [4, 4]);
        assert_eq!(batches(1 << 20, &[7, 9], &[2, 4]), [12]);
        assert_eq!(batches(8, &[1, 20], &[1, 3]), [2, 2, 3]);
    }

    #[test]
    fn strided_regions_are_cut_at_granules_too() {
        let chunks = AxisChunks::regular(1000, 100);
        let mut walk = Walk::plain(vec![1]);
        walk.cuts[0] = Some(AxisCuts { chunks, start: 0, step: 1, whole: false, are_runs: false });
        let region = Region::new(vec![AxisRange::stepped(5, 33, 30)]);
        let patches = walk.patches(&region, &[1]);
        assert_eq!(patches.iter().map(Region::size).sum::<usize>(), 33);
    }
}
