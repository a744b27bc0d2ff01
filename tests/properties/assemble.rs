//! Arrays put together from pieces: joined, padded, reshaped, rolled.

use brickwork::assemble::{PadMode, concatenate, stack};
use brickwork::{Array, Weak};
use brickwork_testkit::naive::{self, Outside};
use brickwork_testkit::{check_operation, iota, strategies};
use proptest::prelude::*;

use crate::CASES;

proptest! {
    #![proptest_config(strategies::config(CASES))]

    #[test]
    fn concatenated((shape, axis) in strategies::shape_and_axis(3), lengths in prop::collection::vec(0usize..6, 1..4), choice: u64) {
        let with_length = |len: usize| {
            let mut shape = shape.clone();
            shape[axis] = len;
            iota(&shape)
        };
        let arrays: Vec<_> = lengths.iter().map(|&len| with_length(len)).collect();
        let arrays: Vec<_> = arrays.iter().collect();
        let expected = naive::concatenate(&arrays, axis);
        check_operation(&arrays, choice, |x| concatenate(x, axis as isize), &expected);
        let turned = vec![brickwork::Index::Range { start: None, stop: None, step: -2 }; shape.len()];
        check_operation(
            &arrays, choice, |x| concatenate(x, axis as isize)?.slice(&turned), &naive::slice(&expected, &turned));
    }

    #[test]
    fn stacked(shape in strategies::shape(3), count in 1usize..5, axis in 0usize..4, choice: u64) {
        let axis = axis.min(shape.len());
        let arrays: Vec<_> = (0..count).map(|k| iota(&shape) + (100 * k) as f64).collect();
        let arrays: Vec<_> = arrays.iter().collect();
        check_operation(&arrays, choice, |x| stack(x, axis as isize), &naive::stack(&arrays, axis));
    }

    #[test]
    fn reshaped(shape in strategies::full_shape(0..=4), cut in 1usize..5, keep: bool, choice: u64) {
        let x = iota(&shape);
        let size = x.len();
        let divisor = (1..=cut).rev().find(|divisor| size.is_multiple_of(*divisor)).unwrap_or(1);
        let target = if keep { vec![divisor, 1, size / divisor] } else { vec![size / divisor, divisor] };
        let signed: Vec<isize> = target.iter().map(|&len| len as isize).collect();
        let expected = naive::reshape(&x, &target);
        check_operation(&[&x], choice, |x| x[0].reshape(&signed), &expected);
        let mut open = signed.clone();
        open[0] = -1;
        check_operation(&[&x], choice, |x| x[0].reshape(&open), &expected);
        let stepped = vec![brickwork::Index::Range { start: None, stop: None, step: 3 }; target.len()];
        check_operation(&[&x], choice, |x| x[0].reshape(&signed)?.slice(&stepped), &naive::slice(&expected, &stepped));
        check_operation(&[&x], choice, |x| x[0].transpose(None)?.ravel(), &{
            let order: Vec<usize> = (0..shape.len()).rev().collect();
            naive::reshape(&naive::transpose(&x, &order), &[size])
        });
    }

    #[test]
    fn padded(shape in strategies::full_shape(1..=3), before in 0usize..9, after in 0usize..9, choice: u64) {
        let x = iota(&shape);
        let widths: Vec<(usize, usize)> = (0..shape.len()).map(|axis| ((before + axis) % 9, (after + 2 * axis) % 9)).collect();
        let modes = [
            (PadMode::Constant(Weak::Float(-1.5)), Outside::Constant(-1.5)),
            (PadMode::Edge, Outside::Edge),
            (PadMode::Reflect, Outside::Reflect),
            (PadMode::Symmetric, Outside::Symmetric),
            (PadMode::Wrap, Outside::Wrap),
        ];
        for (mode, outside) in [modes[choice as usize % 5], modes[(choice / 5) as usize % 5]] {
            check_operation(&[&x], choice, |x| x[0].pad(&widths, mode), &naive::pad(&x, &widths, outside));
        }
    }

    #[test]
    fn rolled((shape, axis) in strategies::shape_and_axis(3), shift in -15isize..15, choice: u64) {
        let x = iota(&shape);
        check_operation(&[&x], choice, |x| x[0].roll(shift, axis as isize), &naive::roll(&x, shift, axis));
        let flat = naive::roll(&naive::reshape(&x, &[x.len()]), shift, 0);
        check_operation(&[&x], choice, |x| x[0].roll(shift, None), &naive::reshape(&flat, &shape));
    }

    #[test]
    fn repeated((shape, axis) in strategies::shape_and_axis(3), count in 0usize..4, choice: u64) {
        let x = iota(&shape);
        check_operation(&[&x], choice, |x| x[0].repeat(count, axis as isize), &naive::repeat(&x, count, axis));
        let copies: Vec<_> = (0..count.max(1)).map(|_| &x).collect();
        let mut reps = vec![1; shape.len()];
        reps[axis] = count.max(1);
        check_operation(&[&x], choice, |x| x[0].tile(&reps), &naive::concatenate(&copies, axis));
    }

    #[test]
    fn a_stencil_of_differences(len in 2usize..60, times in 1usize..8, choice: u64) {
        let x = brickwork_testkit::quarters(&[len], choice);
        let times = times.min(len - 1);
        let mut expected = x.clone();
        for _ in 0..times {
            expected = naive::from_fn(&[expected.len() - 1], |i| expected[[i[0] + 1]] - expected[[i[0]]]);
        }
        let build = |x: &[Array]| {
            let mut y = x[0].clone();
            for _ in 0..times {
                y = y.slice(brickwork::s![1..])?.try_sub(y.slice(brickwork::s![..-1])?)?;
            }
            Ok(y)
        };
        // 0.0 - 0.0 is 0.0 either way, and quarters are exact.
        check_operation(&[&x], choice, build, &expected);
    }
}
