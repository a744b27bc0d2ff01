//! What scans carry from patch to patch of a task, so that they meet every element of a line once.

use std::cell::RefCell;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::block::Block;
use crate::region::{AxisRange, Region};

/// The state of a scan between two elements of some lines.
pub(crate) type State = Arc<[Block]>;

/// The element before which a scan stands, and its state there.
pub(crate) type Reached = (usize, State);

/// The states that the scans of a task have reached, by node and lines.
#[derive(Debug, Default)]
pub struct Carries {
    reached: RefCell<FxHashMap<Lines, [Option<Reached>; 2]>>,
}

/// A node, and some of its lines.
type Lines = (usize, Region);

impl Carries {
    /// The last state at or before element `start` of some lines, and the element it stands before; nothing if they
    /// must be gone through from their start.
    pub(crate) fn before(&self, node: usize, axis: usize, region: &Region, start: usize) -> Option<Reached> {
        let reached = self.reached.borrow();
        let states = reached.get(&(node, lines(region, axis)))?.iter().flatten();
        states.filter(|(at, _)| *at <= start).max_by_key(|(at, _)| *at).cloned()
    }

    /// Keeps a state, and the one from which it was reached: the next patch may begin a little before the end of this
    /// one, if somebody looks at neighbours.
    pub(crate) fn keep(
        &self,
        node: usize,
        axis: usize,
        region: &Region,
        from: Option<Reached>,
        reached: Reached,
    ) {
        self.reached.borrow_mut().insert((node, lines(region, axis)), [from, Some(reached)]);
    }
}

/// The lines that a region touches.
fn lines(region: &Region, axis: usize) -> Region {
    let mut lines = region.clone();
    *lines.axis_mut(axis) = AxisRange::new(0, 0);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_goes_on_from_the_last_state_before() {
        let carries = Carries::default();
        let region = |start, column| Region::new(vec![AxisRange::new(start, 10), AxisRange::at(column)]);
        let state = |value: f64| -> State { Arc::from([Block::from_vec(vec![value], &[1])]) };
        let found = |start, column| carries.before(7, 0, &region(start, column), start).map(|(at, _)| at);
        assert_eq!(found(0, 0), None);
        carries.keep(7, 0, &region(0, 0), None, (10, state(1.0)));
        assert_eq!((found(10, 0), found(9, 0), found(10, 1)), (Some(10), None, None));
        carries.keep(7, 0, &region(10, 0), Some((10, state(1.0))), (20, state(2.0)));
        assert_eq!(
            (found(25, 0), found(20, 0), found(19, 0), found(5, 0)),
            (Some(20), Some(20), Some(10), None)
        );
    }
}
