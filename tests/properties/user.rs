//! Functions of the user's own.

use brickwork::Array;
use brickwork::user::Boundary;
use brickwork_testkit::naive::{self, Outside};
use brickwork_testkit::{check_operation, iota, quarters, strategies};
use ndarray::{ArrayD, ArrayViewD};
use proptest::prelude::*;

use crate::CASES;

/// The sum of a neighbourhood of `depth` elements to either side, for a function that sees the halo too. What it says
/// of the halo itself is thrown away.
fn sums_of_neighbours(x: &ArrayViewD<'_, f64>, depth: &[usize]) -> ArrayD<f64> {
    naive::stencil(&x.to_owned(), depth, Outside::Constant(0.0), |near| near.iter().sum::<f64>() + 0.0)
}

proptest! {
    #![proptest_config(strategies::config(CASES))]

    #[test]
    fn map_elements(shape in strategies::shape(3), choice: u64) {
        let x = quarters(&shape, choice);
        let expected = naive::map(&x, |value| (value * 8.0) as i32);
        check_operation(&[&x], choice, |x| x[0].map_elements(|value: f64| (value * 8.0) as i32), &expected);
    }

    #[test]
    fn map_blocks_sees_whole_chunks(shape in strategies::full_shape(1..=3), chunk in 1usize..6, choice: u64) {
        let x = iota(&shape);
        // Every element becomes the sum of its chunk, and the number of the chunk along the first axis.
        let expected = naive::from_fn(&shape, |index| {
            let mut sum = 0.0;
            naive::from_fn(&shape, |other| {
                if index.iter().zip(other).all(|(a, b)| a / chunk == b / chunk) {
                    sum += x[ndarray::IxDyn(other)];
                }
            });
            sum + (index[0] / chunk) as f64
        });
        check_operation(&[&x], choice, |x| {
            x[0].rechunk(chunk)?.map_blocks(|block: ArrayViewD<'_, f64>, info| {
                ArrayD::from_elem(block.raw_dim(), block.sum() + info.index[0] as f64)
            })
        }, &expected);
    }

    #[test]
    fn map_overlap(shape in strategies::full_shape(1..=2), depth in 0usize..3, choice: u64) {
        let x = quarters(&shape, choice);
        let depth = depth.min(shape.iter().copied().min().unwrap_or(0));
        let depths = vec![depth; shape.len()];
        let boundaries = [
            (Boundary::Constant(brickwork::Weak::Float(2.5)), Outside::Constant(2.5)),
            (Boundary::Nearest, Outside::Edge),
            (Boundary::Reflect, Outside::Symmetric),
            (Boundary::Periodic, Outside::Wrap),
        ];
        for (boundary, outside) in [boundaries[choice as usize % 4], boundaries[(choice / 4) as usize % 4]] {
            let expected = naive::stencil(&x, &depths, outside, |near| near.iter().sum::<f64>() + 0.0);
            let build = |x: &[Array]| {
                let inner = depths.clone();
                x[0].map_overlap(&depths, &[boundary], move |x: ArrayViewD<'_, f64>| sums_of_neighbours(&x, &inner))
            };
            check_operation(&[&x], choice, build, &expected);
            let twice = naive::stencil(&expected, &depths, outside, |near| near.iter().sum::<f64>() + 0.0);
            let again = |x: &[Array]| build(&[build(x)?]);
            check_operation(&[&x], choice, again, &twice);
        }
    }
}
