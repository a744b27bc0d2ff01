//! Regions of an array as runs of elements, and filling them with random numbers.

use super::philox::{self, Key};
use crate::prelude::*;

/// Runs of fewer elements are gone through together: elements are listed, up to about so many at a time.
const SHORT_RUN: usize = 64;
const LISTED: usize = 512;

/// A region as runs of C-order flat indexes of the whole array: as few and as long as possible.
#[derive(Debug, PartialEq)]
pub(super) struct Runs {
    first: u64,
    /// Length and distance along the axes that the runs repeat over.
    outer: Vec<(usize, u64)>,
    len: usize,
    step: u64,
}

impl Runs {
    /// Of a region in C order.
    pub(super) fn new(shape: &[usize], region: &Region) -> Self {
        Runs::along(shape, region, 0..shape.len())
    }

    /// Of a region whose axes are gone through in this order, the last one fastest.
    pub(super) fn along(
        shape: &[usize],
        region: &Region,
        axes: impl DoubleEndedIterator<Item = usize>,
    ) -> Self {
        let mut first = 0u64;
        let mut stride = 1u64;
        let mut steps = vec![0u64; shape.len()];
        for ((range, &len), step) in region.axes().iter().zip(shape).zip(&mut steps).rev() {
            first = first.wrapping_add((range.start as u64).wrapping_mul(stride));
            *step = stride.wrapping_mul(range.step as u64);
            stride = stride.wrapping_mul(len as u64);
        }
        // Innermost axis first; axes that continue each other become one.
        let mut merged: Vec<(usize, u64)> = Vec::new();
        for axis in axes.rev() {
            let (len, step) = (region.axes()[axis].len, steps[axis]);
            match merged.last_mut() {
                _ if len == 1 => {}
                Some((inner_len, inner_step)) if step == inner_step.wrapping_mul(*inner_len as u64) => {
                    *inner_len *= len;
                }
                _ => merged.push((len, step)),
            }
        }
        let (len, step) = if merged.is_empty() { (1, 1) } else { merged.remove(0) };
        merged.reverse();
        Runs { first, outer: merged, len, step }
    }

    /// Fills a view of the region's shape with the elements' values.
    pub(super) fn fill<T: Element, D: philox::Distribution<T>>(
        &self,
        distribution: &D,
        key: Key,
        mut out: ViewMut<'_>,
    ) -> Result<()> {
        match out.as_slice_mut::<T>() {
            Some(values) => self.fill_dense(distribution, key, values),
            None => {
                let mut dense = BlockMut::zeroed(T::DTYPE, out.shape());
                self.fill_dense(distribution, key, dense.as_slice_mut::<T>());
                out.assign(&dense.freeze());
            }
        }
        Ok(())
    }

    fn fill_dense<T, D: philox::Distribution<T>>(&self, distribution: &D, key: Key, values: &mut [T]) {
        if values.is_empty() {
            return;
        }
        let is_short = self.len < if self.step == 1 { SHORT_RUN / 4 } else { SHORT_RUN };
        if is_short && !self.outer.is_empty() {
            let mut done = 0;
            let mut listed = Vec::with_capacity(LISTED + SHORT_RUN);
            self.for_each(values.len(), |first| {
                listed.extend((0..self.len as u64).map(|i| first.wrapping_add(i.wrapping_mul(self.step))));
                if listed.len() >= LISTED || done + listed.len() == values.len() {
                    distribution.fill_listed(key, &listed, &mut values[done..done + listed.len()]);
                    done += listed.len();
                    listed.clear();
                }
            });
            return;
        }
        let mut runs = values.chunks_exact_mut(self.len);
        self.for_each(runs.len() * self.len, |first| {
            let run = runs.next().expect("there are as many");
            match self.step {
                1 => distribution.fill_run(key, first, run),
                step => distribution.fill_strided(key, first, step as i64, run),
            }
        });
    }

    /// Where each run begins, for so many elements in all.
    fn for_each(&self, elements: usize, mut run: impl FnMut(u64)) {
        let mut positions = vec![0; self.outer.len()];
        let mut first = self.first;
        for _ in 0..elements / self.len {
            run(first);
            for (position, &(len, step)) in positions.iter_mut().zip(&self.outer).rev() {
                *position += 1;
                first = first.wrapping_add(step);
                if *position < len {
                    break;
                }
                *position = 0;
                first = first.wrapping_sub(step.wrapping_mul(len as u64));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_rows_are_one_run() {
        let runs = Runs::new(&[4, 5, 6], &Region::full(&[4, 5, 6]));
        assert_eq!(runs, Runs { first: 0, outer: vec![], len: 120, step: 1 });
        let region = Region::new(vec![AxisRange::new(1, 2), AxisRange::stepped(0, 3, 2), AxisRange::at(4)]);
        let runs = Runs::new(&[4, 5, 6], &region);
        assert_eq!(runs, Runs { first: 34, outer: vec![(2, 30)], len: 3, step: 12 });
    }
}
