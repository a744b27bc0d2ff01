//! Checks that the tests of several operations share.

use brickwork_core::Lazy;
use brickwork_core::eval::{evaluate, evaluate_region};

use crate::prelude::*;

/// All values of an array, which must have the dtype, and the shape it promised.
pub(crate) fn values<T: Element>(array: &Array) -> Vec<T> {
    let block = evaluate(array.value()).unwrap();
    assert_eq!(block.dtype(), array.dtype());
    if array.is_known() {
        assert_eq!(block.shape(), array.shape());
        assert_eq!(array.chunks().shape(), array.shape());
    }
    block.to_vec()
}

/// Asserts shape and values, and that parts of the array are parts of the whole.
pub(crate) fn check<T: Element>(array: &Array, shape: &[usize], expected: &[T]) {
    if array.is_known() {
        assert_eq!(array.shape(), shape);
    }
    assert_eq!(values::<T>(array), expected);
    check_regions::<T>(array);
}

/// Asserts that parts of the array, also strided and reversed ones, are the same parts of the whole.
pub(crate) fn check_regions<T: Element>(array: &Array) {
    let whole = evaluate(array.value()).unwrap();
    let mut state = 12345u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize % below.max(1)
    };
    for _ in 0..25 {
        let ranges = whole.shape().iter().map(|&len| {
            if len == 0 {
                return AxisRange::new(0, 0);
            }
            let start = random(len);
            let step = 1 + random(3) * random(4);
            if random(3) == 0 {
                AxisRange::stepped(start, 1 + random(start / step + 1), -(step as isize))
            } else {
                AxisRange::stepped(start, 1 + random((len - 1 - start) / step + 1), step as isize)
            }
        });
        let region = Region::from_iter(ranges);
        let part = evaluate_region(array.value(), &region).unwrap();
        assert_eq!(part.shape(), region.shape());
        // Bytes, so that NaN equals NaN.
        let dense = whole.slice(&region).to_dense(None);
        assert_eq!(
            part.to_dense(None).as_bytes(),
            dense.as_bytes(),
            "{region} of {array:?}: {:?}",
            part.to_vec::<T>()
        );
    }
}

/// The numbers 0, 1, 2, … in this shape, in chunks of 3.
pub(crate) fn iota(shape: &[usize]) -> Array {
    let size = shape.iter().product::<usize>() as i64;
    let block = Block::from_vec((0..size).collect(), shape);
    crate::memory::from_block(block, &ChunkSpec::from(3)).unwrap()
}

/// The elements `[index]` of an [`iota`] of this shape, for every index.
pub(crate) fn at(shape: &[usize], indexes: &[&[usize]]) -> Vec<i64> {
    let flat = |index: &&[usize]| index.iter().zip(shape).fold(0, |flat, (&i, &len)| flat * len + i) as i64;
    indexes.iter().map(flat).collect()
}
