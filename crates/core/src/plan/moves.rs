//! How reads of a source that lies in one piece move with a domain, and how long parts of the domain must be for that.

use std::cmp::Ordering;

use super::graph::Slot;
use crate::error::Result;
use crate::region::Region;
use crate::source::Runs;

/// An axis of a source along which reads move with an axis of the domain.
pub(super) struct Move {
    pub slot: Slot,
    pub source_axis: usize,
    pub axis: usize,
    /// Source elements from one domain index to the next.
    pub by: usize,
    /// Or domain indices from one source element to the next.
    pub repeats: usize,
}

/// The first index of an axis at which something has moved that moves ever so many indices, and where to; nothing if it
/// has not at the end.
pub(super) fn first_move<T>(
    len: usize,
    moved_to: &dyn Fn(usize) -> Result<Option<T>>,
) -> Result<Option<(usize, T)>> {
    if moved_to(len - 1)?.is_none() {
        return Ok(None);
    }
    // One of the powers of two lies after its first move and before the second.
    let (mut before, mut after) = (0, 1);
    while after < len - 1 && moved_to(after)?.is_none() {
        (before, after) = (after, 2 * after);
    }
    after = after.min(len - 1);
    while after - before > 1 {
        let middle = before + (after - before) / 2;
        match moved_to(middle)? {
            Some(_) => after = middle,
            None => before = middle,
        }
    }
    Ok(moved_to(after)?.map(|to| (after, to)))
}

/// Where domain indices repeat a source element, a part is made longer up to so many of them.
const MOST_REPEATED: usize = 4 << 20;

/// Lengthens a part of the domain until what it reads of a source lies in runs of at least so many elements.
pub(super) fn lengthen(
    part: &mut [usize],
    domain: &Region,
    moves: &[Move],
    slot: Slot,
    shape: &[usize],
    Runs { fortran, mut least }: Runs,
) {
    let along = |number: usize| if fortran { number } else { shape.len() - 1 - number };
    for source_axis in (0..shape.len()).map(along) {
        // Several where the domain has another shape: the one with neighbours first, then those that go on where it ends.
        let mut moved: Vec<&Move> =
            moves.iter().filter(|moved| moved.slot == slot && moved.source_axis == source_axis).collect();
        moved.sort_by_key(|moved| (moved.by, moved.axis));
        let mut together = 1;
        for &Move { axis, by, repeats, .. } in moved {
            let len = domain.axes()[axis].len.div_ceil(repeats);
            match by.cmp(&together) {
                // Another region of the source goes the same way.
                Ordering::Less => continue,
                Ordering::Greater if together > 1 => return,
                _ => {}
            }
            let mut wanted = least;
            if repeats > 1 {
                // Where this axis only goes on from another, that is part of every run.
                let inner = inner_axes(moves, slot, axis);
                inner.iter().for_each(|&inner| part[inner] = domain.axes()[inner].len);
                let beside: usize = inner.iter().map(|&inner| domain.axes()[inner].len).product();
                wanted = least.min((MOST_REPEATED / (repeats * beside)).max(1));
            }
            part[axis] = part[axis].max((wanted.min(len) * repeats).min(domain.axes()[axis].len));
            if least <= len || by != together {
                return;
            }
            together *= len;
            least = least.div_ceil(len.max(1));
        }
        // Runs go on along the next axis only where all of this one is read.
        if together < shape[source_axis] {
            return;
        }
    }
}

/// Axes of the domain that go in smaller steps along an axis of a source along which this one goes too.
fn inner_axes(moves: &[Move], slot: Slot, axis: usize) -> Vec<usize> {
    let steps = moves.iter().filter(|moved| moved.slot == slot && moved.repeats == 1);
    let is_inner = |inner: &&Move| {
        let outer =
            |outer: &Move| outer.slot == slot && outer.axis == axis && outer.source_axis == inner.source_axis;
        inner.axis != axis
            && moves.iter().any(|other| outer(other) && other.repeats == 1 && inner.by < other.by)
    };
    let mut inner: Vec<usize> = steps.filter(is_inner).map(|inner| inner.axis).collect();
    inner.sort_unstable();
    inner.dedup();
    inner
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_lengthened_along_neighbours_and_what_goes_on_behind() {
        let slot = Slot { node: 0, output: 0 };
        let lengthened = |domain: &[usize], shape: &[usize], moves: &[[usize; 3]], least: usize| {
            let moves: Vec<Move> = moves
                .iter()
                .map(|&[source_axis, axis, by]| Move { slot, source_axis, axis, by, repeats: 1 })
                .collect();
            let mut part = vec![1; domain.len()];
            lengthen(&mut part, &Region::full(domain), &moves, slot, shape, Runs { fortran: false, least });
            part
        };
        // A line under another shape.
        let moves = [[0, 0, 100_000], [0, 1, 1000], [0, 2, 1]];
        assert_eq!(lengthened(&[200, 100, 1000], &[20_000_000], &moves, 256), [1, 1, 256]);
        assert_eq!(lengthened(&[200, 100, 1000], &[20_000_000], &moves, 2000), [1, 2, 1000]);
        // Two regions of one array, the other way round.
        let moves = [[2, 0, 1], [2, 0, 1], [1, 1, 1], [1, 1, 1], [0, 2, 1], [0, 2, 1]];
        assert_eq!(lengthened(&[10, 8, 9000], &[9000, 8, 10], &moves, 80), [10, 8, 1]);
        // Three of a line at a time, which is read crosswise.
        let crosswise = [(0, 0, 3, 1), (0, 1, 1, 1), (1, 0, 1, 1000)]
            .map(|(source_axis, axis, by, repeats)| Move { slot, source_axis, axis, by, repeats });
        let mut part = vec![1; 2];
        lengthen(
            &mut part,
            &Region::full(&[200_000, 3]),
            &crosswise,
            slot,
            &[3000, 200],
            Runs { fortran: false, least: 50 },
        );
        assert_eq!(part, [50_000, 3]);
        // Every third element only: the next axis does not go on where this one ends.
        assert_eq!(lengthened(&[10, 8], &[8, 30], &[[1, 0, 3], [0, 1, 1]], 80), [10, 1]);
    }
}
