//! `x[…]` with integers, ranges, new axes and an ellipsis.

use super::Index;
use crate::prelude::*;

impl Array {
    /// Part of the array, as `x[…]` of NumPy with integers, ranges, `None` and `...`; write the items with
    /// [`s!`](crate::s).
    ///
    /// - shape: integers remove their axis, ranges keep what lies in them, new axes have length 1, axes without an
    ///   item stay whole; dtype: as `self`; chunks: those of `self` as far as they are in the range
    /// - reads: the elements of the part and no others; nothing is copied
    ///
    /// Agrees with NumPy's basic indexing: bounds beyond the axis are cut, negative ones count from the end.
    ///
    /// # Errors
    /// [`Error::IndexOutOfRange`] for an integer beyond its axis; [`Error::InvalidArgument`] for more items than axes,
    /// a second ellipsis, or a step of 0.
    ///
    /// ```
    /// use brickwork_ops::{Array, s};
    /// let x = Array::from_vec((0..12i64).collect(), &[3, 4])?;
    /// assert_eq!(x.slice(s![1.., ..;-2])?.shape(), [2, 2]);
    /// assert_eq!(x.slice(s![Ellipsis, 0])?.shape(), [3]);
    /// # Ok::<(), brickwork_core::Error>(())
    /// ```
    pub fn slice(&self, items: impl AsRef<[Index]>) -> Result<Array> {
        let items = resolve("slice", items.as_ref(), self.shape())?;
        if !self.is_known() {
            return Array::apply(
                Slice { items: items.into_iter().map(|item| item.written).collect() },
                &[self],
            );
        }
        let is_whole = |(item, &len): (&Resolved, &usize)| {
            item.kind == ResolvedKind::Range(AxisRange::new(0, len)) && item.axis.is_some()
        };
        if items.len() == self.ndim() && items.iter().zip(self.shape()).all(is_whole) {
            return Ok(self.clone());
        }
        Array::apply(Slice { items: items.iter().map(Resolved::canonical).collect() }, &[self])
    }
}

/// Keeps what the user wrote, not the ranges it means, because the length of an axis may not be known yet.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Slice {
    /// Without an ellipsis, an item for every input axis.
    items: Vec<Index>,
}

/// An item together with the input axis it is about, and what it means there.
#[derive(Debug, Clone)]
struct Resolved {
    /// The item as written, an ellipsis written out.
    written: Index,
    axis: Option<usize>,
    kind: ResolvedKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ResolvedKind {
    At(usize),
    Range(AxisRange),
    NewAxis,
}

impl Resolved {
    /// The one way to write what the item means, so that equal slices are equal operations.
    fn canonical(&self) -> Index {
        match self.kind {
            ResolvedKind::At(index) => Index::At(index as isize),
            ResolvedKind::NewAxis => Index::NewAxis,
            ResolvedKind::Range(range) => {
                let stop = range.start as isize + range.len as isize * range.step;
                let stop = (stop >= 0).then_some(stop);
                Index::Range { start: Some(range.start as isize), stop, step: range.step }
            }
        }
    }
}

/// Checks the items against a shape, one for every axis.
fn resolve(op: &str, items: &[Index], shape: &[usize]) -> Result<Vec<Resolved>> {
    let used = items.iter().filter(|item| matches!(item, Index::At(_) | Index::Range { .. })).count();
    if used > shape.len() {
        return Err(Error::argument(
            op,
            format!("{used} items for {} axes (shape {shape:?}); leave some out", shape.len()),
        ));
    }
    if items.iter().filter(|item| **item == Index::Ellipsis).count() > 1 {
        return Err(Error::argument(op, "more than one ellipsis; use `..` for single whole axes"));
    }
    let mut missing = shape.len() - used;
    let mut resolved = Vec::with_capacity(items.len() + missing);
    let mut axis = 0;
    let mut whole_axes = |axis: &mut usize, resolved: &mut Vec<Resolved>| {
        for _ in 0..std::mem::take(&mut missing) {
            let kind = ResolvedKind::Range(AxisRange::new(0, shape[*axis]));
            resolved.push(Resolved { written: Index::ALL, axis: Some(*axis), kind });
            *axis += 1;
        }
    };
    for &item in items {
        let kind = match item {
            Index::Ellipsis => {
                whole_axes(&mut axis, &mut resolved);
                continue;
            }
            Index::NewAxis => {
                resolved.push(Resolved { written: item, axis: None, kind: ResolvedKind::NewAxis });
                continue;
            }
            Index::At(index) => {
                let len = shape[axis];
                let from_start = if index < 0 { index as i128 + len as i128 } else { index as i128 };
                if from_start < 0 || from_start >= len as i128 {
                    return Err(Error::IndexOutOfRange { op: op.into(), index: index as i128, axis, len });
                }
                ResolvedKind::At(from_start as usize)
            }
            Index::Range { step: 0, .. } => {
                return Err(Error::argument(
                    op,
                    format!(
                        "step 0 on axis {axis}; use a step of 1 or more, or a negative one to go backwards"
                    ),
                ));
            }
            Index::Range { start, stop, step } => {
                ResolvedKind::Range(axis_range(start, stop, step, shape[axis]))
            }
        };
        resolved.push(Resolved { written: item, axis: Some(axis), kind });
        axis += 1;
    }
    whole_axes(&mut axis, &mut resolved);
    Ok(resolved)
}

/// What items pick from every axis, and whether the axis disappears.
pub(super) fn ranges(op: &str, items: &[Index], shape: &[usize]) -> Result<Vec<(AxisRange, bool)>> {
    let resolved = resolve(op, items, shape)?;
    let ranges = resolved.into_iter().map(|item| match item.kind {
        ResolvedKind::At(index) => Ok((AxisRange::at(index), true)),
        ResolvedKind::Range(range) => Ok((range, false)),
        ResolvedKind::NewAxis => Err(Error::argument(op, "a stored array gets no new axes; leave None out")),
    });
    ranges.collect()
}

/// The elements that `start:stop:step` picks from an axis, by the rules of Python's `slice.indices`.
fn axis_range(start: Option<isize>, stop: Option<isize>, step: isize, len: usize) -> AxisRange {
    let (len, step) = (len as i128, step as i128);
    let (lowest, highest) = if step > 0 { (0, len) } else { (-1, len - 1) };
    let place = |bound: Option<isize>, default: i128| match bound {
        None => default,
        Some(bound) if bound < 0 => (bound as i128 + len).clamp(lowest, highest),
        Some(bound) => (bound as i128).clamp(lowest, highest),
    };
    let (first, end) = if step > 0 {
        (place(start, lowest), place(stop, highest))
    } else {
        (place(start, highest), place(stop, lowest))
    };
    let way = if step > 0 { end - first } else { first - end };
    if way <= 0 {
        return AxisRange::new(0, 0);
    }
    let count = (way - 1) / step.abs() + 1;
    // A step further than the axis is long meets one element, whose range has step 1.
    AxisRange::stepped(first as usize, count as usize, if count > 1 { step as isize } else { 1 })
}

#[typetag::serde(name = "brickwork_ops::Slice")]
impl Operation for Slice {
    fn name(&self) -> String {
        let items: Vec<String> = self.items.iter().map(Index::to_string).collect();
        format!("slice [{}]", items.join(", "))
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        let input = &inputs[0];
        let mut axes = Vec::with_capacity(self.items.len());
        for item in resolve("slice", &self.items, &input.shape)? {
            match (item.kind, item.axis) {
                (ResolvedKind::Range(range), Some(axis)) => {
                    axes.push(input.chunks.axes()[axis].sliced(range.start, range.len, range.step));
                }
                (ResolvedKind::NewAxis, _) => axes.push(AxisChunks::regular(1, 1)),
                _ => {}
            }
        }
        let chunks = ChunkGrid::new(axes);
        Ok(vec![Meta::new(&chunks.shape(), input.dtype, chunks)])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::View(self)
    }
}

impl View for Slice {
    fn maps(&self, input: &Meta, _out: &Meta) -> Vec<AxisMap> {
        let items =
            resolve("slice", &self.items, &input.shape).expect("infer has seen the same items and shape");
        let mut out_axis = 0;
        let mut maps = Vec::with_capacity(input.ndim());
        for item in items {
            match item.kind {
                ResolvedKind::At(index) => maps.push(AxisMap::Fixed(index)),
                ResolvedKind::Range(range) => {
                    maps.push(AxisMap::strided(out_axis, range.start, range.step));
                    out_axis += 1;
                }
                ResolvedKind::NewAxis => out_axis += 1,
            }
        }
        maps
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::checks::{check, iota, values};
    use crate::s;

    #[test]
    fn ranges_are_cut_as_in_python() {
        // start, stop, step, length, expected
        type Case<'a> = (Option<isize>, Option<isize>, isize, usize, &'a [usize]);
        let cases: &[Case<'_>] = &[
            (None, None, 1, 3, &[0, 1, 2]),
            (None, None, -1, 3, &[2, 1, 0]),
            (Some(-2), None, 1, 5, &[3, 4]),
            (Some(-100), Some(100), 2, 5, &[0, 2, 4]),
            (Some(100), Some(-100), -2, 5, &[4, 2, 0]),
            (Some(3), Some(1), 1, 5, &[]),
            (Some(1), Some(3), -1, 5, &[]),
            (Some(3), Some(0), -1, 5, &[3, 2, 1]),
            (Some(3), None, -3, 5, &[3, 0]),
            (Some(5), None, 1, 5, &[]),
            (Some(0), Some(0), -1, 5, &[]),
            (None, None, isize::MAX, 5, &[0]),
            (None, None, isize::MIN, 5, &[4]),
            (Some(isize::MIN), Some(isize::MAX), 1, 2, &[0, 1]),
            (None, None, -1, 0, &[]),
            (Some(3), Some(-1), 1, 0, &[]),
        ];
        for &(start, stop, step, len, expected) in cases {
            let range = axis_range(start, stop, step, len);
            let got: Vec<usize> = (0..range.len).map(|i| range.get(i)).collect();
            assert_eq!(got, expected, "{start:?}:{stop:?}:{step} of {len}");
            // The canonical form means the same.
            let resolved = Resolved { written: Index::ALL, axis: Some(0), kind: ResolvedKind::Range(range) };
            let Index::Range { start, stop, step } = resolved.canonical() else {
                panic!("a range stays one")
            };
            assert_eq!(axis_range(start, stop, step, len), range);
        }
    }

    #[test]
    fn slices_agree_with_loops() {
        let x = iota(&[4, 5, 6]);
        let expected: Vec<i64> =
            [1, 3].iter().flat_map(|i| (0..5).rev().map(move |j| (i * 5 + j) * 6 + 4)).collect();
        check::<i64>(&x.slice(s![1..;2, ..;-1, -2]).unwrap(), &[2, 5], &expected);
        check::<i64>(
            &x.slice(s![Ellipsis, NewAxis, 0]).unwrap(),
            &[4, 5, 1],
            &(0..20).map(|i| i * 6).collect::<Vec<i64>>(),
        );
        check::<i64>(&x.slice(s![3, 4, 5]).unwrap(), &[], &[119]);
        check::<i64>(&x.slice(s![.., 2..2]).unwrap(), &[4, 0, 6], &[]);
    }

    #[test]
    fn a_slice_of_a_slice_picks_from_what_was_picked() {
        let x = iota(&[40]);
        let y = x.slice(s![35..4;-3]).unwrap().slice(s![1..;2]).unwrap();
        check::<i64>(&y, &[5], &[32, 26, 20, 14, 8]);
        assert_eq!(values::<i64>(&y.slice(s![-1]).unwrap()), [8]);
    }

    #[test]
    fn chunks_are_those_that_lie_in_the_part() {
        let x = iota(&[10]);
        assert_eq!(x.slice(s![1..9]).unwrap().chunks().axes()[0].chunk_lengths(), [2, 3, 3]);
        assert_eq!(x.slice(s![..;-1]).unwrap().chunks().axes()[0].chunk_lengths(), [1, 3, 3, 3]);
    }

    #[test]
    fn equal_slices_are_equal_operations() {
        use brickwork_core::Lazy;
        let x = iota(&[4, 5]);
        let hash = |items: Vec<Index>| x.slice(items).unwrap().value().node.hash();
        assert_eq!(hash(s![-1, ..3]), hash(s![3, -9..3, Ellipsis]));
        assert_eq!(hash(s![0..4, 0..;1]), x.value().node.hash());
        assert_ne!(hash(s![0]), hash(s![1]));
        assert_ne!(hash(s![.., NewAxis]), hash(s![NewAxis]));
    }

    #[test]
    fn wrong_items_say_what_would_be_right() {
        let x = iota(&[4, 5]);
        let message = |items: Vec<Index>| x.slice(items).unwrap_err().to_string();
        assert_eq!(
            message(s![.., 5]),
            "slice: index 5 is out of range for axis 1 with length 5; use an index from -5 to 4"
        );
        assert!(message(s![-5]).contains("index -5"));
        assert!(message(s![usize::MAX]).contains("out of range"));
        assert!(message(s![0, 0, 0]).contains("3 items for 2 axes"));
        assert!(message(s![Ellipsis, Ellipsis]).contains("more than one ellipsis"));
        assert!(message(s![..;0]).contains("step 0 on axis 0"));
        assert!(iota(&[0]).slice(s![0]).is_err());
    }
}
