//! Boxes of elements: what is asked of an array.

use std::fmt;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::strided::Shape;

/// The elements `start, start + step, …` along one axis, `len` of them. The step is never 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AxisRange {
    /// Index of the first element asked for (not the lowest, when the step is negative).
    pub start: usize,
    /// How many elements.
    pub len: usize,
    /// From one element to the next.
    pub step: isize,
}

impl AxisRange {
    /// `len` elements from `start`, one after the other.
    pub fn new(start: usize, len: usize) -> Self {
        AxisRange { start, len, step: 1 }
    }

    /// The single element at `index`.
    pub fn at(index: usize) -> Self {
        AxisRange::new(index, 1)
    }

    /// `len` elements from `start`, each `step` further. Ranges of one element all have step 1, so that equal
    /// elements make equal ranges.
    pub fn stepped(start: usize, len: usize, step: isize) -> Self {
        assert!(step != 0, "a range never has step 0");
        if len <= 1 { AxisRange::new(start, len) } else { AxisRange { start, len, step } }
    }

    /// The element number `i` of the range.
    #[inline]
    pub fn get(&self, i: usize) -> usize {
        (self.start as isize + i as isize * self.step) as usize
    }

    /// Lowest and one past the highest index; `(start, start)` when empty.
    pub fn bounds(&self) -> (usize, usize) {
        if self.len == 0 {
            return (self.start, self.start);
        }
        let last = self.get(self.len - 1);
        (self.start.min(last), self.start.max(last) + 1)
    }

    /// The same elements in rising order.
    pub fn ascending(&self) -> AxisRange {
        if self.step < 0 && self.len > 0 {
            AxisRange { start: self.get(self.len - 1), len: self.len, step: -self.step }
        } else {
            *self
        }
    }

    /// The range that picks `inner` from the elements of this one: `get` of the result is `self.get(inner.get)`.
    pub fn compose(&self, inner: &AxisRange) -> AxisRange {
        if inner.len == 0 {
            return AxisRange::new(self.start, 0);
        }
        AxisRange::stepped(self.get(inner.start), inner.len, self.step * inner.step)
    }

    /// The smallest rising range that holds the elements of both, on their common raster.
    pub fn hull(&self, other: &AxisRange) -> AxisRange {
        if self.len == 0 {
            return other.ascending();
        }
        if other.len == 0 {
            return self.ascending();
        }
        let (a, b) = (self.ascending(), other.ascending());
        let (a_low, a_high) = a.bounds();
        let (b_low, b_high) = b.bounds();
        let (low, high) = (a_low.min(b_low), a_high.max(b_high));
        let stride = |range: &AxisRange| if range.len > 1 { range.step as usize } else { 0 };
        let step = gcd(gcd(stride(&a), stride(&b)), a_low.abs_diff(b_low)).max(1);
        AxisRange::stepped(low, (high - 1 - low) / step + 1, step as isize)
    }

    /// Whether every element of `other` is one of this range.
    pub fn contains(&self, other: &AxisRange) -> bool {
        if other.len == 0 {
            return true;
        }
        match (self.position(other.get(0)), self.position(other.get(other.len - 1))) {
            (Some(_), Some(_)) => {
                other.len == 1
                    || self.len == 1
                    || other.step.unsigned_abs().is_multiple_of(self.step.unsigned_abs())
            }
            _ => false,
        }
    }

    /// Where in the range an index lies.
    pub fn position(&self, index: usize) -> Option<usize> {
        if self.len == 0 {
            return None;
        }
        let offset = index as isize - self.start as isize;
        if offset % self.step != 0 {
            return None;
        }
        let position = offset / self.step;
        (position >= 0 && (position as usize) < self.len).then_some(position as usize)
    }

    /// The positions within a rising range whose indices lie in `low..high`: first position and count.
    pub fn positions_between(&self, low: usize, high: usize) -> (usize, usize) {
        debug_assert!(self.step > 0 || self.len <= 1);
        if self.len == 0 || high <= self.start {
            return (0, 0);
        }
        let step = self.step.unsigned_abs();
        let first = low.saturating_sub(self.start).div_ceil(step);
        let end = (high - self.start).div_ceil(step).min(self.len);
        (first.min(end), end.saturating_sub(first))
    }
}

fn gcd(mut a: usize, mut b: usize) -> usize {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

impl fmt::Debug for AxisRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.step == 1 {
            return write!(f, "{}:{}", self.start, self.start + self.len);
        }
        let end = self.start as isize + self.len as isize * self.step;
        if end < 0 {
            write!(f, "{}::{}", self.start, self.step)
        } else {
            write!(f, "{}:{end}:{}", self.start, self.step)
        }
    }
}

/// A box of elements: a range along every axis.
#[derive(PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Region {
    /// In place for up to four axes: regions are made and thrown away for every patch.
    axes: SmallVec<[AxisRange; 4]>,
}

impl Clone for Region {
    fn clone(&self) -> Self {
        // In one go, and not element by element.
        Region { axes: SmallVec::from_slice(&self.axes) }
    }
}

impl Region {
    /// The box of these ranges.
    pub fn new(axes: Vec<AxisRange>) -> Self {
        Region { axes: axes.into() }
    }

    /// All elements of an array of this shape.
    pub fn full(shape: &[usize]) -> Self {
        Region::from_iter(shape.iter().map(|&len| AxisRange::new(0, len)))
    }

    /// A range along every axis.
    pub fn axes(&self) -> &[AxisRange] {
        &self.axes
    }

    /// The range along one axis, to change.
    pub fn axis_mut(&mut self, axis: usize) -> &mut AxisRange {
        &mut self.axes[axis]
    }

    /// Number of axes.
    pub fn ndim(&self) -> usize {
        self.axes.len()
    }

    /// How many elements along every axis.
    pub fn shape(&self) -> Vec<usize> {
        self.axes.iter().map(|axis| axis.len).collect()
    }

    /// [`Region::shape`], without memory of its own.
    pub(crate) fn lens(&self) -> Shape {
        self.axes.iter().map(|axis| axis.len).collect()
    }

    /// How many elements in all.
    pub fn size(&self) -> usize {
        self.axes.iter().map(|axis| axis.len).product()
    }

    /// Whether it holds no element.
    pub fn is_empty(&self) -> bool {
        self.axes.iter().any(|axis| axis.len == 0)
    }

    /// The smallest box of rising steps that holds both.
    pub fn hull(&self, other: &Region) -> Region {
        if self.is_empty() {
            return other.ascending();
        }
        if other.is_empty() {
            return self.ascending();
        }
        Region::from_iter(self.axes.iter().zip(&other.axes).map(|(a, b)| a.hull(b)))
    }

    /// Whether every element of `other` is one of this box.
    pub fn contains(&self, other: &Region) -> bool {
        other.is_empty() || self.axes.iter().zip(&other.axes).all(|(a, b)| a.contains(b))
    }

    /// The same elements, every axis in rising order.
    pub fn ascending(&self) -> Region {
        Region::from_iter(self.axes.iter().map(AxisRange::ascending))
    }

    /// The part of this box that `inner`, in positions of this box, picks.
    pub fn compose(&self, inner: &Region) -> Region {
        Region::from_iter(self.axes.iter().zip(&inner.axes).map(|(a, b)| a.compose(b)))
    }
}

impl FromIterator<AxisRange> for Region {
    fn from_iter<I: IntoIterator<Item = AxisRange>>(axes: I) -> Self {
        Region { axes: axes.into_iter().collect() }
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (i, axis) in self.axes.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{axis:?}")?;
        }
        f.write_str("]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn indices(range: AxisRange) -> Vec<usize> {
        (0..range.len).map(|i| range.get(i)).collect()
    }

    #[test]
    fn composing_picks_from_what_was_picked() {
        let outer = AxisRange::stepped(20, 10, -2);
        let inner = AxisRange::stepped(1, 4, 2);
        assert_eq!(indices(outer.compose(&inner)), [18, 14, 10, 6]);
    }

    #[test]
    fn hull_stays_on_the_common_raster() {
        let even = AxisRange::stepped(0, 5, 2);
        assert_eq!(even.hull(&AxisRange::stepped(4, 5, 2)), AxisRange::stepped(0, 7, 2));
        assert_eq!(even.hull(&AxisRange::stepped(1, 5, 2)), AxisRange::new(0, 10));
        assert_eq!(AxisRange::at(3).hull(&AxisRange::at(9)), AxisRange::stepped(3, 2, 6));
        assert_eq!(AxisRange::stepped(8, 5, -2).hull(&even), even);
    }

    #[test]
    fn contains_and_position_agree() {
        let range = AxisRange::stepped(3, 4, 3);
        for index in 0..20 {
            assert_eq!(range.position(index).is_some(), indices(range).contains(&index));
            assert_eq!(range.contains(&AxisRange::at(index)), indices(range).contains(&index));
        }
        assert!(range.contains(&AxisRange::stepped(12, 2, -6)));
        assert!(!range.contains(&AxisRange::stepped(3, 2, 2)));
    }

    #[test]
    fn positions_between_counts_what_lies_inside() {
        let range = AxisRange::stepped(5, 4, 10); // 5 15 25 35
        assert_eq!(range.positions_between(0, 5), (0, 0));
        assert_eq!(range.positions_between(6, 30), (1, 2));
        assert_eq!(range.positions_between(15, 100), (1, 3));
        assert_eq!(range.positions_between(40, 50).1, 0);
    }
}
