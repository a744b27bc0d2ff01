//! What may stand between the brackets of `x[…]`, and the [`s!`](crate::s) macro that writes it.

#[cfg(test)]
pub(crate) mod checks;
mod region;
mod slice;

use std::fmt;
use std::ops::{Bound, Range, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive};

use serde::{Deserialize, Serialize};

pub use region::Part;

/// One item between the brackets of `x[…]`, with NumPy's meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Index {
    /// One element; its axis disappears. Negative numbers count from the end.
    At(isize),
    /// `start:stop:step`. Bounds beyond the axis are cut, negative ones count from the end.
    Range {
        /// First element; by default the first, or the last if the step is negative.
        start: Option<isize>,
        /// The element to stop before; by default none.
        stop: Option<isize>,
        /// From one element to the next; not 0.
        step: isize,
    },
    /// A new axis of length 1: NumPy's `None`.
    NewAxis,
    /// As many whole axes as are missing; at most once.
    Ellipsis,
}

impl Index {
    /// The whole axis.
    pub const ALL: Index = Index::Range { start: None, stop: None, step: 1 };

    /// A Rust range with a step: `Index::stepped(10..2, -1)` is NumPy's `10:2:-1`.
    pub fn stepped(range: impl IndexRange, step: isize) -> Index {
        let (start, stop) = range.bounds();
        let stop = match stop {
            Bound::Unbounded => None,
            Bound::Excluded(stop) => Some(stop),
            // One further in the direction of the step. Beyond -1 and below 0 there is nothing: those are the ends.
            Bound::Included(last) if step < 0 => (last != 0).then(|| last.saturating_sub(1)),
            Bound::Included(last) => (last != -1).then(|| last.saturating_add(1)),
        };
        Index::Range { start, stop, step }
    }
}

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Index::At(index) => write!(f, "{index}"),
            Index::Range { start, stop, step } => {
                let text = |bound: &Option<isize>| bound.map(|bound| bound.to_string()).unwrap_or_default();
                write!(f, "{}:{}", text(start), text(stop))?;
                if *step == 1 { Ok(()) } else { write!(f, ":{step}") }
            }
            Index::NewAxis => f.write_str("None"),
            Index::Ellipsis => f.write_str("..."),
        }
    }
}

/// Rust's ranges, over `isize`, `usize` or `i32`. Their bounds are NumPy's: negative ones count from the end.
pub trait IndexRange {
    /// The first element, and where to stop.
    fn bounds(self) -> (Option<isize>, Bound<isize>);
}

impl IndexRange for RangeFull {
    fn bounds(self) -> (Option<isize>, Bound<isize>) {
        (None, Bound::Unbounded)
    }
}

impl From<RangeFull> for Index {
    fn from(_: RangeFull) -> Self {
        Index::ALL
    }
}

/// The number as `isize`; numbers too large for it are beyond every axis anyway.
fn signed(number: impl TryInto<isize>) -> isize {
    number.try_into().unwrap_or(isize::MAX)
}

macro_rules! ranges {
    ($t:ty: $($range:ty, $self:ident => ($start:expr, $stop:expr);)*) => {$(
        impl IndexRange for $range {
            fn bounds($self) -> (Option<isize>, Bound<isize>) {
                ($start, $stop)
            }
        }

        impl From<$range> for Index {
            fn from(range: $range) -> Self {
                Index::stepped(range, 1)
            }
        }
    )*};
}

macro_rules! index_from {
    ($($t:ty),*) => {$(
        impl From<$t> for Index {
            fn from(index: $t) -> Self {
                Index::At(signed(index))
            }
        }

        ranges! { $t:
            Range<$t>, self => (Some(signed(self.start)), Bound::Excluded(signed(self.end)));
            RangeFrom<$t>, self => (Some(signed(self.start)), Bound::Unbounded);
            RangeTo<$t>, self => (None, Bound::Excluded(signed(self.end)));
            RangeInclusive<$t>, self => (Some(signed(*self.start())), Bound::Included(signed(*self.end())));
            RangeToInclusive<$t>, self => (None, Bound::Included(signed(self.end)));
        }
    )*};
}

// With `i32` among them, a plain literal needs no type.
index_from!(isize, usize, i32);

/// The items of `x[…]` as a list for [`Array::slice`](crate::Array::slice).
///
/// Integers, Rust's ranges (`2..5`, `..`, `-3..`, `..=4`), ranges with a step after a semicolon (`..;100`,
/// `10..2;-1`), `NewAxis` and `Ellipsis`. Bounds mean what they mean in NumPy.
///
/// ```
/// use brickwork_ops::{index::Index, s};
/// let last = 7usize;
/// let items = s![..;100, last, NewAxis, Ellipsis, 5000..];
/// assert_eq!(items[0], Index::Range { start: None, stop: None, step: 100 });
/// assert_eq!(items[1..4], [Index::At(7), Index::NewAxis, Index::Ellipsis]);
/// ```
#[macro_export]
macro_rules! s {
    (@items [$($done:expr,)*]) => {
        [$($done),*]
    };
    (@items [$($done:expr,)*] NewAxis $(, $($rest:tt)*)?) => {
        $crate::s!(@items [$($done,)* $crate::index::Index::NewAxis,] $($($rest)*)?)
    };
    (@items [$($done:expr,)*] Ellipsis $(, $($rest:tt)*)?) => {
        $crate::s!(@items [$($done,)* $crate::index::Index::Ellipsis,] $($($rest)*)?)
    };
    (@items [$($done:expr,)*] $range:expr ; $step:expr $(, $($rest:tt)*)?) => {
        $crate::s!(@items [$($done,)* {
            #[allow(clippy::reversed_empty_ranges)]
            let item = $crate::index::Index::stepped($range, $step);
            item
        },] $($($rest)*)?)
    };
    (@items [$($done:expr,)*] $item:expr $(, $($rest:tt)*)?) => {
        $crate::s!(@items [$($done,)* {
            // Of negative bounds, clippy does not know that they count from the end.
            #[allow(clippy::reversed_empty_ranges)]
            let item = $crate::index::Index::from($item);
            item
        },] $($($rest)*)?)
    };
    ($($items:tt)*) => {
        ::std::vec::Vec::<$crate::index::Index>::from($crate::s!(@items [] $($items)*))
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: Option<isize>, stop: Option<isize>, step: isize) -> Index {
        Index::Range { start, stop, step }
    }

    #[test]
    fn the_macro_reads_everything_numpy_does() {
        let n = 9usize;
        let items = s![..;100, 5000.., 2..n, -3..-1;-1, ..=4, NewAxis, Ellipsis, -1, n, Index::At(3),];
        let expected = [
            range(None, None, 100),
            range(Some(5000), None, 1),
            range(Some(2), Some(9), 1),
            range(Some(-3), Some(-1), -1),
            range(None, Some(5), 1),
            Index::NewAxis,
            Index::Ellipsis,
            Index::At(-1),
            Index::At(9),
            Index::At(3),
        ];
        assert_eq!(items, expected);
        assert!(s![].is_empty());
        assert_eq!(s![NewAxis], [Index::NewAxis]);
    }

    #[test]
    #[allow(clippy::reversed_empty_ranges, reason = "they are not empty in NumPy's meaning")]
    fn inclusive_ends_stop_one_further_in_the_direction_of_the_step() {
        assert_eq!(Index::from(..=-1), Index::ALL);
        assert_eq!(Index::from(2..=-2), range(Some(2), Some(-1), 1));
        assert_eq!(Index::stepped(5..=0, -1), range(Some(5), None, -1));
        assert_eq!(Index::stepped(5..=2, -1), range(Some(5), Some(1), -1));
        assert_eq!(Index::from(0..usize::MAX), range(Some(0), Some(isize::MAX), 1));
    }

    #[test]
    fn items_print_as_numpy_writes_them() {
        let texts: Vec<String> = s![..;-1, 3..5, 2, NewAxis, Ellipsis].iter().map(Index::to_string).collect();
        assert_eq!(texts.join(", "), "::-1, 3:5, 2, None, ...");
    }
}
