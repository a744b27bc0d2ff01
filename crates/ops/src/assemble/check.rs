//! What the tests of this folder and of `user` share.

use brickwork_core::Lazy;
use brickwork_core::eval::{evaluate, evaluate_region};

use crate::prelude::*;

/// `0, 1, 2, …` of some shape.
pub(crate) fn iota(shape: &[usize]) -> Array {
    let size: usize = shape.iter().product();
    Array::from_vec((0..size as i64).collect(), shape).unwrap()
}

/// Checks the values, and that any region, also with steps forwards and backwards, is that part of the whole.
pub(crate) fn check<T: Element>(array: &Array, shape: &[usize], values: &[T]) {
    assert_eq!(array.shape(), shape);
    assert_eq!(array.dtype(), T::DTYPE);
    assert_eq!(array.chunks().shape(), shape);
    let whole = evaluate(array.value()).unwrap();
    assert_eq!(whole.shape(), shape);
    assert_eq!(whole.to_vec::<T>(), values);
    check_regions(array, &whole);
}

/// Checks that many regions are the parts of the whole that they say.
pub(crate) fn check_regions(array: &Array, whole: &Block) {
    let shape = array.shape();
    if shape.contains(&0) {
        return;
    }
    let mut state = 12345u64;
    let mut below = |bound: usize| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize % bound
    };
    for _ in 0..60 {
        let axes = shape.iter().map(|&len| {
            let start = below(len);
            let step = 1 + if below(2) == 0 { 0 } else { below(len) };
            let backwards = below(3) == 0;
            let room = if backwards { start / step } else { (len - 1 - start) / step } + 1;
            AxisRange::stepped(
                start,
                1 + below(room),
                if backwards { -(step as isize) } else { step as isize },
            )
        });
        let region = Region::from_iter(axes);
        let part = evaluate_region(array.value(), &region).unwrap();
        assert_eq!(
            part.to_dense(None).as_bytes(),
            whole.slice(&region).to_dense(None).as_bytes(),
            "{region}"
        );
        check_pieces(array, &region);
    }
}

/// Checks that the pieces of a region cover it, each position once.
fn check_pieces(array: &Array, region: &Region) {
    let node = &array.value().node;
    let Kind::Assemble(assemble) = node.op().kind() else { return };
    let inputs: Vec<Meta> = node.inputs().iter().map(|input| input.meta().clone()).collect();
    let indices: Vec<Block> = assemble
        .index_demand(&inputs, region)
        .iter()
        .map(|(k, region)| evaluate_region(&node.inputs()[*k], region).unwrap())
        .collect();
    let mut seen = BlockMut::zeroed(DType::I64, &region.shape());
    let mut result = BlockMut::zeroed(array.dtype(), &region.shape());
    let mut places = Vec::new();
    assemble
        .pieces(&inputs, region, &indices, &mut |piece| {
            let shape = piece.place.shape();
            let block = match &piece.from {
                PieceFrom::Value(value) => Block::broadcast_scalar(*value, &shape),
                PieceFrom::Input(k, from) => {
                    assert_eq!(from.size(), piece.place.size());
                    evaluate_region(&node.inputs()[*k], from).unwrap()
                }
            };
            result.slice_mut(&piece.place).assign(&block.reshaped(&shape, None));
            places.push(piece.place);
        })
        .unwrap();
    assert_eq!(places.iter().map(Region::size).sum::<usize>(), region.size(), "{region}");
    for place in places {
        seen.slice_mut(&place).fill(Scalar::new(1i64));
    }
    assert!(seen.freeze().to_vec::<i64>().iter().all(|&seen| seen == 1), "{region}");
    // The evaluator asks for rising regions; pieces of falling ones must be right too.
    let expected = evaluate_region(array.value(), region).unwrap();
    assert_eq!(result.freeze().as_bytes(), expected.to_dense(None).as_bytes(), "{region}");
}

/// How many pieces a region is made of.
pub(crate) fn count_pieces(array: &Array, region: &Region) -> usize {
    let node = &array.value().node;
    let Kind::Assemble(assemble) = node.op().kind() else { return 0 };
    let inputs: Vec<Meta> = node.inputs().iter().map(|input| input.meta().clone()).collect();
    let mut count = 0;
    assemble.pieces(&inputs, region, &[], &mut |_| count += 1).unwrap();
    count
}
