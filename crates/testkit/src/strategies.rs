//! Random shapes, chunks, slices and axes for property tests.

use brickwork_core::DType;
use brickwork_ops::Index;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::Config;

/// Settings for properties that run whole computations: few cases, and no files beside the sources.
pub fn config(cases: u32) -> Config {
    Config { cases, failure_persistence: None, max_shrink_iters: 200, ..Config::default() }
}

/// The length of an axis: 0, 1, or a few.
pub fn length() -> impl Strategy<Value = usize> {
    prop_oneof![1 => Just(0usize), 2 => Just(1usize), 9 => 2usize..12]
}

/// A shape of up to `max_ndim` axes, 0-d and empty ones among them.
pub fn shape(max_ndim: usize) -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(length(), 0..=max_ndim)
}

/// A shape of some axes, none of them empty.
pub fn full_shape(ndim: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(prop_oneof![1 => Just(1usize), 5 => 2usize..12], ndim)
}

/// Some of the axes of an array, in rising order; none and all are among them.
pub fn axes(ndim: usize) -> impl Strategy<Value = Vec<usize>> {
    subsequence((0..ndim).collect::<Vec<_>>(), 0..=ndim)
}

/// A shape with some of its axes.
pub fn shape_and_axes(max_ndim: usize) -> impl Strategy<Value = (Vec<usize>, Vec<usize>)> {
    shape(max_ndim).prop_flat_map(|shape| {
        let ndim = shape.len();
        (Just(shape), axes(ndim))
    })
}

/// A shape with one of its axes.
pub fn shape_and_axis(max_ndim: usize) -> impl Strategy<Value = (Vec<usize>, usize)> {
    full_shape(1..=max_ndim).prop_flat_map(|shape| {
        let ndim = shape.len();
        (Just(shape), 0..ndim)
    })
}

/// What may stand between the brackets for one axis of a length: an index, or a slice, steps and bounds of any sign
/// and beyond the ends.
pub fn index(len: usize) -> BoxedStrategy<Index> {
    let reach = len as isize + 2;
    let bound = || prop::option::of(-reach..=reach);
    let range = (bound(), bound(), select(vec![1isize, 1, 1, 2, 3, -1, -2, -5]))
        .prop_map(|(start, stop, step)| Index::Range { start, stop, step });
    if len == 0 {
        return range.boxed();
    }
    let len = len as isize;
    prop_oneof![4 => range, 1 => (-len..len).prop_map(Index::At)].boxed()
}

/// Items of a slice for a shape: perhaps fewer than axes, with new axes and an ellipsis here and there.
pub fn items(shape: &[usize]) -> BoxedStrategy<Vec<Index>> {
    let ndim = shape.len();
    let each: Vec<BoxedStrategy<Index>> = shape.iter().map(|&len| index(len)).collect();
    (each, 0..=ndim, prop::option::of(0..=ndim), any::<bool>())
        .prop_map(|(mut items, given, new_axis, ellipsis)| {
            items.truncate(given);
            if ellipsis {
                items.push(Index::Ellipsis);
            }
            if let Some(position) = new_axis {
                items.insert(position.min(items.len()), Index::NewAxis);
            }
            items
        })
        .boxed()
}

/// A shape with items of a slice for it.
pub fn shape_and_items(max_ndim: usize) -> impl Strategy<Value = (Vec<usize>, Vec<Index>)> {
    shape(max_ndim).prop_flat_map(|shape| (Just(shape.clone()), items(&shape)))
}

/// A dtype with arithmetic.
pub fn dtype() -> impl Strategy<Value = DType> {
    select(DType::NUMERIC.to_vec())
}

/// An order of the axes of an array.
pub fn order(ndim: usize) -> impl Strategy<Value = Vec<usize>> {
    Just((0..ndim).collect::<Vec<_>>()).prop_shuffle()
}

/// A shape with an order of its axes.
pub fn shape_and_order(max_ndim: usize) -> impl Strategy<Value = (Vec<usize>, Vec<usize>)> {
    shape(max_ndim).prop_flat_map(|shape| {
        let ndim = shape.len();
        (Just(shape), order(ndim))
    })
}

/// Two shapes that broadcast.
pub fn broadcasting_shapes(max_ndim: usize) -> impl Strategy<Value = (Vec<usize>, Vec<usize>)> {
    (shape(max_ndim), 0..=max_ndim, any::<u64>()).prop_map(|(shape, dropped, bits)| {
        let dropped = dropped.min(shape.len());
        let other = shape[dropped..]
            .iter()
            .enumerate()
            .map(|(axis, &len)| if bits >> axis & 3 == 0 { 1 } else { len })
            .collect();
        let one = shape
            .iter()
            .enumerate()
            .map(|(axis, &len)| if bits >> (20 + axis) & 3 == 0 { 1 } else { len })
            .collect();
        (one, other)
    })
}
