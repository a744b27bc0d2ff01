//! What the operations of this folder share: parts of an axis, and regions made of them.

use std::borrow::Borrow;

use crate::prelude::*;

/// Above this many chunks an axis is cut regularly rather than remembering every edge.
const MOST_EDGES: usize = 1_000_000;

/// Part of one axis of an output region: where it comes from, and its positions in the output block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AxisPiece {
    /// Indices of the input; `None` outside of it.
    pub from: Option<AxisRange>,
    /// Positions, rising.
    pub place: AxisRange,
}

/// How an axis goes on beyond its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Fold {
    /// From the start again.
    Wrap,
    /// Backwards, the end element twice.
    Symmetric,
    /// Backwards, the end element once.
    Reflect,
}

/// The elements of `range` whose indices lie in `low..high`: their indices and their positions, in the range's order.
pub(crate) fn within(range: &AxisRange, low: usize, high: usize) -> (AxisRange, AxisRange) {
    let (first, count) = range.ascending().positions_between(low, high);
    let first = if range.step < 0 { range.len - first - count } else { first };
    let place = AxisRange::new(first, count);
    (range.compose(&place), place)
}

/// `range` with every index moved down by `offset`.
pub(crate) fn moved_down(range: &AxisRange, offset: usize) -> AxisRange {
    AxisRange { start: range.start - offset, ..*range }
}

/// The region with another range along one axis.
pub(crate) fn with_axis(region: &Region, axis: usize, range: AxisRange) -> Region {
    let mut region = region.clone();
    *region.axis_mut(axis) = range;
    region
}

/// The parts of an axis of `len` elements that goes on for ever by `fold`, seen from an output axis whose index
/// `before` is the input's first. Only parts that `range` touches are named.
pub(crate) fn folded(range: &AxisRange, before: usize, len: usize, fold: Fold) -> Vec<AxisPiece> {
    let mut parts = Vec::new();
    if len == 0 {
        return parts;
    }
    let length = len as isize;
    let rising = range.ascending();
    let mut done = 0;
    while done < rising.len {
        let index = rising.get(done) as isize - before as isize;
        let (low, high, mirrored) = segment(index, length, fold);
        let bound = |index: isize| (index + before as isize).max(0) as usize;
        let (indices, place) = within(range, bound(low), bound(high));
        let offset = indices.start as isize - before as isize - low;
        let from = if mirrored {
            // A turn of Reflect leaves out both end elements, one of Symmetric none.
            let first = if fold == Fold::Reflect { length - 2 } else { length - 1 };
            AxisRange::stepped((first - offset) as usize, indices.len, -indices.step)
        } else {
            AxisRange::stepped(offset as usize, indices.len, indices.step)
        };
        parts.push(AxisPiece { from: Some(from), place });
        done += place.len;
    }
    parts
}

/// The run of indices around `index` that reads the axis in one direction: `low..high`, and whether backwards.
fn segment(index: isize, len: isize, fold: Fold) -> (isize, isize, bool) {
    let turn = match fold {
        Fold::Wrap => 0,
        Fold::Symmetric => len,
        // An axis of one element has nothing to turn back over.
        Fold::Reflect => (len - 2).max(0),
    };
    let period = len + turn;
    let low = index.div_euclid(period) * period;
    if index - low < len { (low, low + len, false) } else { (low + len, low + period, true) }
}

/// Visits every combination of one part along each axis. `None` in the first region stands for "outside".
pub(crate) fn product(axes: &[Vec<AxisPiece>], visit: &mut dyn FnMut(Option<Region>, Region)) {
    if axes.iter().any(Vec::is_empty) {
        return;
    }
    let mut index = vec![0; axes.len()];
    loop {
        let parts = || axes.iter().zip(&index).map(|(parts, &i)| parts[i]);
        let from: Option<Vec<AxisRange>> = parts().map(|part| part.from).collect();
        visit(from.map(Region::new), Region::from_iter(parts().map(|part| part.place)));
        if !advance(&mut index, |axis| axes[axis].len()) {
            return;
        }
    }
}

/// Moves an index on in C order; false after the last.
pub(crate) fn advance(index: &mut [usize], len: impl Fn(usize) -> usize) -> bool {
    for axis in (0..index.len()).rev() {
        index[axis] += 1;
        if index[axis] < len(axis) {
            return true;
        }
        index[axis] = 0;
    }
    false
}

/// The chunks of axes laid end to end.
pub(crate) fn joined(axes: &[&AxisChunks]) -> AxisChunks {
    let filled: Vec<&AxisChunks> = axes.iter().copied().filter(|axis| !axis.is_empty()).collect();
    let len = filled.iter().map(|axis| axis.len()).sum();
    let Some((last, before)) = filled.split_last() else {
        return AxisChunks::regular(0, 1);
    };
    let longest = filled.iter().map(|axis| axis.max_chunk()).max().unwrap_or(1);
    let is_regular = |axis: &AxisChunks| matches!(axis, AxisChunks::Regular { .. });
    let fits = |axis: &AxisChunks| {
        is_regular(axis) && axis.max_chunk() == longest && axis.len().is_multiple_of(longest)
    };
    let ends_well = is_regular(last) && (last.max_chunk() == longest || last.num_chunks() == 1);
    let edges = filled.iter().fold(0, |sum: usize, axis| sum.saturating_add(axis.num_chunks()));
    if (ends_well && before.iter().all(|axis| fits(axis))) || edges > MOST_EDGES {
        return AxisChunks::regular(len, longest);
    }
    let lengths: Vec<usize> = filled.iter().flat_map(|axis| axis.chunk_lengths()).collect();
    AxisChunks::from_lengths(&lengths)
}

/// The arrays in the dtype that holds the values of all.
pub(crate) fn promoted<A: Borrow<Array>>(op: &str, arrays: &[A]) -> Result<Vec<Array>> {
    let mut dtype = arrays.first().map_or(DType::F64, |array| array.borrow().dtype());
    for array in arrays {
        let other = array.borrow().dtype();
        dtype = dtype.promote(other).ok_or_else(|| Error::DTypeUnsupported {
            op: op.into(),
            dtype: other,
            help: format!("it has no common dtype with {dtype}"),
        })?;
    }
    arrays.iter().map(|array| array.borrow().astype(dtype)).collect()
}

/// Refuses an array one of whose lengths only the data tell.
pub(crate) fn require_known(op: &str, array: &Array) -> Result<()> {
    match array.meta().unknown.iter().position(Option::is_some) {
        None => Ok(()),
        Some(axis) => Err(Error::UnknownLength {
            op: op.into(),
            axis,
            help: "compute or store the selection first, and go on from its result".into(),
        }),
    }
}

/// The product of lengths, refused when no array could be so long.
pub(crate) fn checked_size(op: &str, lengths: &[usize]) -> Result<usize> {
    // A zero anywhere makes the product small, whatever the others are.
    if lengths.contains(&0) {
        return Ok(0);
    }
    lengths
        .iter()
        .try_fold(1usize, |size, &len| size.checked_mul(len))
        .filter(|&size| size <= isize::MAX as usize)
        .ok_or_else(|| {
            Error::argument(op, format!("shape {lengths:?} has more elements than any array can have"))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(index: isize, len: isize, fold: Fold) -> usize {
        let found = match fold {
            Fold::Wrap => index.rem_euclid(len),
            Fold::Symmetric => {
                let index = index.rem_euclid(2 * len);
                if index < len { index } else { 2 * len - 1 - index }
            }
            Fold::Reflect if len == 1 => 0,
            Fold::Reflect => {
                let period = 2 * (len - 1);
                let index = index.rem_euclid(period);
                if index < len { index } else { period - index }
            }
        };
        found as usize
    }

    #[test]
    fn folding_names_every_position_once_whatever_the_step() {
        for fold in [Fold::Wrap, Fold::Symmetric, Fold::Reflect] {
            for len in 1..6usize {
                for before in 0..9 {
                    for (start, step) in [(0, 1), (1, 2), (0, 5), (29, -1), (28, -3), (28, -7)] {
                        let count = if step > 0 { (30 - start - 1) / step + 1 } else { start / -step + 1 };
                        let range = AxisRange::stepped(start as usize, count as usize, step);
                        let mut found = vec![None; range.len];
                        for part in folded(&range, before, len, fold) {
                            let from = part.from.unwrap();
                            assert_eq!(from.len, part.place.len);
                            for i in 0..from.len {
                                assert!(found[part.place.get(i)].replace(from.get(i)).is_none());
                            }
                        }
                        for (position, found) in found.iter().enumerate() {
                            let index = range.get(position) as isize - before as isize;
                            assert_eq!(
                                *found,
                                Some(source(index, len as isize, fold)),
                                "{fold:?} {len} {range:?}"
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn joining_chunks_stays_regular_where_it_can() {
        let join = |axes: &[AxisChunks]| joined(&axes.iter().collect::<Vec<_>>());
        let three = AxisChunks::regular(9, 3);
        assert_eq!(join(&[three.clone(), three.clone()]), AxisChunks::regular(18, 3));
        assert_eq!(join(&[AxisChunks::regular(4, 3), three.clone()]).chunk_lengths(), [3, 1, 3, 3, 3]);
        assert_eq!(join(&[three.clone(), AxisChunks::regular(2, 2)]), AxisChunks::regular(11, 3));
        assert_eq!(join(&[three, AxisChunks::regular(4, 2)]).chunk_lengths(), [3, 3, 3, 2, 2]);
        assert_eq!(join(&[AxisChunks::regular(0, 1), AxisChunks::regular(2, 2)]).chunk_lengths(), [2]);
        assert_eq!(join(&[AxisChunks::regular(0, 1)]).chunk_lengths(), [0]);
        let huge = AxisChunks::regular(3_000_000, 1);
        assert_eq!(join(&[huge.clone(), AxisChunks::regular(5, 5), huge]).num_chunks(), 1_200_001);
    }
}
