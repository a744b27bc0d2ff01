//! Filling a region row by row.

use crate::prelude::*;

/// Calls `row` for every row of the region, in order: with the leading axes' indexes of the row, and its elements. An
/// array without axes is one row of one element.
pub(crate) fn fill_rows<T: Element>(
    region: &Region,
    mut out: ViewMut<'_>,
    mut row: impl FnMut(&[usize], &mut [T]),
) {
    if region.is_empty() {
        return;
    }
    match out.as_slice_mut::<T>() {
        Some(values) => walk(region, values, &mut row),
        None => {
            let mut dense = BlockMut::zeroed(T::DTYPE, &region.shape());
            walk(region, dense.as_slice_mut::<T>(), &mut row);
            out.assign(&dense.freeze());
        }
    }
}

fn walk<T>(region: &Region, values: &mut [T], row: &mut impl FnMut(&[usize], &mut [T])) {
    let Some((last, leading)) = region.axes().split_last() else {
        return row(&[], values);
    };
    let mut positions = vec![0; leading.len()];
    let mut index: Vec<usize> = leading.iter().map(|range| range.start).collect();
    for values in values.chunks_exact_mut(last.len) {
        row(&index, values);
        for axis in (0..leading.len()).rev() {
            positions[axis] += 1;
            if positions[axis] < leading[axis].len {
                index[axis] = leading[axis].get(positions[axis]);
                break;
            }
            positions[axis] = 0;
            index[axis] = leading[axis].start;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_in_order_with_their_indexes() {
        let region =
            Region::new(vec![AxisRange::stepped(1, 2, 3), AxisRange::new(0, 2), AxisRange::stepped(5, 3, 2)]);
        let mut block = BlockMut::zeroed(DType::I64, &region.shape());
        let mut seen = Vec::new();
        fill_rows::<i64>(&region, block.view_mut(), |index, row| {
            seen.push(index.to_vec());
            row.fill(10 * index[0] as i64 + index[1] as i64);
        });
        assert_eq!(seen, [[1, 0], [1, 1], [4, 0], [4, 1]]);
        assert_eq!(block.as_slice_mut::<i64>(), [10, 10, 10, 11, 11, 11, 40, 40, 40, 41, 41, 41]);
    }
}
