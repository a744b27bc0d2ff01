//! Runs of flat indices as boxes: what reshaping is made of.
//!
//! A run is `count` flat indices, each `step` further, of an array in C order. It is seldom a box, but its beginning
//! always is one: at worst a single element, at best all of it. Taking such beginnings one after the other cuts a run
//! of neighbours through `k` axes into at most `2k - 1` boxes.

use crate::prelude::*;

/// The longest beginning of a run that is found to be a box whose C order is the run's order: its ranges, and how many
/// elements it holds. `count` is at least 1, and every index of the run lies in `shape`.
pub(crate) fn beginning(shape: &[usize], start: usize, step: isize, count: usize) -> (Vec<AxisRange>, usize) {
    let mut index = vec![0; shape.len()];
    let mut rest = start;
    for (i, &len) in index.iter_mut().zip(shape).rev() {
        *i = rest % len;
        rest /= len;
    }
    if step > 0 {
        return rising(shape, &index, step.unsigned_abs(), count);
    }
    // A falling run is a rising one of the array turned round on every axis.
    for (i, &len) in index.iter_mut().zip(shape) {
        *i = len - 1 - *i;
    }
    let (mut ranges, found) = rising(shape, &index, step.unsigned_abs(), count);
    for (range, &len) in ranges.iter_mut().zip(shape) {
        *range = AxisRange::stepped(len - 1 - range.start, range.len, -range.step);
    }
    (ranges, found)
}

fn rising(shape: &[usize], index: &[usize], step: usize, count: usize) -> (Vec<AxisRange>, usize) {
    let mut ranges: Vec<AxisRange> = index.iter().map(|&i| AxisRange::at(i)).collect();
    // The outermost axis whose neighbours lie a divisor of the step apart: the run leads along it.
    let mut found = None;
    let mut stride = 1;
    for axis in (0..shape.len()).rev() {
        if step.is_multiple_of(stride) && shape[axis] > 1 {
            found = Some((axis, step / stride));
        }
        stride *= shape[axis];
    }
    let Some((axis, step)) = found else {
        return (ranges, 1);
    };
    let len = shape[axis];
    let room = (len - index[axis]).div_ceil(step);
    let is_whole_lines = len.is_multiple_of(step) && index[axis] < step;
    if axis == 0 || count <= room || !is_whole_lines {
        let taken = count.min(room);
        ranges[axis] = AxisRange::stepped(index[axis], taken, step as isize);
        return (ranges, taken);
    }
    // Every line along this axis looks the same, so the lines are a run of the axes before it.
    let (outer, lines) = rising(&shape[..axis], &index[..axis], 1, count / room);
    ranges[..axis].copy_from_slice(&outer);
    ranges[axis] = AxisRange::stepped(index[axis], room, step as isize);
    (ranges, lines * room)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(shape: &[usize], ranges: &[AxisRange]) -> Vec<usize> {
        let mut all = vec![0];
        for (range, &len) in ranges.iter().zip(shape) {
            all =
                all.iter().flat_map(|&base| (0..range.len).map(move |i| base * len + range.get(i))).collect();
        }
        all
    }

    #[test]
    fn beginnings_follow_the_run() {
        let shapes: [&[usize]; 7] =
            [&[24], &[4, 6], &[2, 3, 4], &[1, 24, 1], &[3, 1, 8], &[5, 7], &[2, 2, 2, 3]];
        for shape in shapes {
            let size: usize = shape.iter().product();
            for start in 0..size {
                for step in (-13isize..14).filter(|&step| step != 0) {
                    let room = if step > 0 { size - 1 - start } else { start };
                    for count in 1..=room / step.unsigned_abs() + 1 {
                        let (ranges, found) = beginning(shape, start, step, count);
                        let expected: Vec<usize> =
                            (0..found as isize).map(|i| (start as isize + i * step) as usize).collect();
                        assert!((1..=count).contains(&found));
                        assert_eq!(flat(shape, &ranges), expected, "{shape:?} {start} {step} {count}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_run_of_neighbours_is_few_boxes() {
        let (shape, size) = ([7, 5, 6], 210);
        for start in 0..size {
            for end in start + 1..=size {
                let (mut at, mut boxes) = (start, 0);
                while at < end {
                    at += beginning(&shape, at, 1, end - at).1;
                    boxes += 1;
                }
                assert!(boxes <= 5, "{start}..{end}");
            }
        }
    }

    #[test]
    fn steps_that_fit_the_lines_stay_whole() {
        assert_eq!(beginning(&[100, 6], 0, 2, 300).1, 300);
        assert_eq!(beginning(&[100, 6], 3, 12, 50).1, 50);
        assert_eq!(beginning(&[100, 6], 599, -3, 200).1, 200);
    }
}
