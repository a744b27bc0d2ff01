//! Region maps: which input elements an output region needs.

use serde::{Deserialize, Serialize};

use crate::region::{AxisRange, Region};

/// What one axis of an input follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum AxisMap {
    /// Output index `i` needs the input elements `start + step·i - before ..= start + step·i + after`, cut at the
    /// ends of the input axis.
    Along {
        /// The output axis it follows.
        out_axis: usize,
        /// Input index of output index 0.
        start: usize,
        /// Input elements from one output index to the next.
        step: isize,
        /// Elements needed before.
        before: usize,
        /// Elements needed after.
        after: usize,
    },
    /// Always the same element.
    Fixed(usize),
    /// Always the whole axis.
    Whole,
    /// Output index `s` needs the input elements `s·length .. (s + 1)·length`.
    Segment {
        /// The output axis it follows.
        out_axis: usize,
        /// Elements of a segment.
        length: usize,
    },
    /// Output index `i` needs its segment up to itself: `i / length · length ..= i`.
    UpTo {
        /// The output axis it follows.
        out_axis: usize,
        /// Elements of a segment.
        length: usize,
    },
    /// Output index `i` needs the input element `i / length`.
    SegmentOf {
        /// The output axis it follows.
        out_axis: usize,
        /// Elements of a segment.
        length: usize,
    },
}

impl AxisMap {
    /// Follows an output axis, element by element.
    pub fn along(out_axis: usize) -> Self {
        AxisMap::strided(out_axis, 0, 1)
    }

    /// Follows an output axis from `start` in steps.
    pub fn strided(out_axis: usize, start: usize, step: isize) -> Self {
        AxisMap::Along { out_axis, start, step, before: 0, after: 0 }
    }

    /// The elements of an input axis of `len` that a region of the output needs.
    pub fn demand(&self, out: &Region, len: usize) -> AxisRange {
        match *self {
            AxisMap::Along { out_axis, start, step, before, after } => {
                let range = out.axes()[out_axis];
                if range.len == 0 {
                    return AxisRange::new(0, 0);
                }
                let first = (start as isize + step * range.start as isize) as usize;
                let moved = AxisRange::stepped(first, range.len, step * range.step);
                if before == 0 && after == 0 {
                    return moved;
                }
                let (low, high) = moved.bounds();
                between(low.saturating_sub(before), (high + after).min(len))
            }
            AxisMap::Fixed(index) => AxisRange::at(index),
            AxisMap::Whole => AxisRange::new(0, len),
            AxisMap::Segment { out_axis, length } => {
                let (low, high) = out.axes()[out_axis].bounds();
                between((low * length).min(len), (high * length).min(len))
            }
            AxisMap::UpTo { out_axis, length } => {
                let (low, high) = out.axes()[out_axis].bounds();
                between(low / length * length, high.min(len))
            }
            AxisMap::SegmentOf { out_axis, length } => {
                let (low, high) = out.axes()[out_axis].bounds();
                if low == high {
                    AxisRange::new(0, 0)
                } else {
                    between(low / length, (high - 1) / length + 1)
                }
            }
        }
    }
}

fn between(low: usize, high: usize) -> AxisRange {
    AxisRange::new(low, high.saturating_sub(low))
}

/// The region of an input that its axis maps ask for.
pub fn demand(maps: &[AxisMap], out: &Region, shape: &[usize]) -> Region {
    Region::from_iter(maps.iter().zip(shape).map(|(map, &len)| map.demand(out, len)))
}

/// The maps of an input that is broadcast to an output shape: axes aligned from the last, axes of one fixed.
pub fn broadcast_maps(shape: &[usize], out_shape: &[usize]) -> Vec<AxisMap> {
    let missing = out_shape.len() - shape.len();
    shape
        .iter()
        .enumerate()
        .map(|(axis, &len)| {
            let out_axis = axis + missing;
            if len == 1 && out_shape[out_axis] != 1 { AxisMap::Fixed(0) } else { AxisMap::along(out_axis) }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demands_follow_steps_and_halos() {
        let out = Region::new(vec![AxisRange::stepped(1, 3, 2)]);
        let map = AxisMap::strided(0, 10, -2);
        assert_eq!(map.demand(&out, 20), AxisRange::stepped(8, 3, -4));
        let halo = AxisMap::Along { out_axis: 0, start: 0, step: 1, before: 2, after: 3 };
        assert_eq!(halo.demand(&out, 20), AxisRange::new(0, 9));
        assert_eq!(halo.demand(&out, 7), AxisRange::new(0, 7));
    }

    #[test]
    fn segments_cover_what_they_must() {
        let out = Region::new(vec![AxisRange::new(5, 4)]);
        assert_eq!(AxisMap::UpTo { out_axis: 0, length: 4 }.demand(&out, 100), AxisRange::new(4, 5));
        assert_eq!(AxisMap::SegmentOf { out_axis: 0, length: 4 }.demand(&out, 25), AxisRange::new(1, 2));
        assert_eq!(AxisMap::Segment { out_axis: 0, length: 4 }.demand(&out, 30), AxisRange::new(20, 10));
    }

    #[test]
    fn broadcasting_aligns_from_the_last_axis() {
        assert_eq!(broadcast_maps(&[1, 3], &[2, 5, 3]), [AxisMap::Fixed(0), AxisMap::along(2)]);
    }
}
