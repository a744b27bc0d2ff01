//! `topk` and `argtopk`.
use brickwork_core::simd::vectorized;

use super::build::{Fold, check_numeric, reduce};
use super::leaf_rows::LeafRows;
use super::options::Axes;
use super::order::Ordered;
use crate::prelude::*;

impl Array {
    /// The `k` largest elements along an axis, largest first; for a negative `k` the `-k` smallest, smallest first.
    /// NaN counts as larger than everything, as it sorts.
    ///
    /// - shape: as `self`, with `axis` of length `|k|`, or its own if that is less; dtype: as `self`
    /// - reads: everything, once; holds `|k|` elements for every element of the other axes
    ///
    /// Agrees with the last (first) `|k|` elements of `numpy.sort`, and with `dask.array.topk`.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`]; [`Error::UnknownLength`] along a boolean selection; [`Error::DTypeUnsupported`] for
    /// dates and strings.
    pub fn topk(&self, k: isize, axis: isize) -> Result<Array> {
        top("topk", self, k, axis, false)
    }

    /// Where along an axis the elements of [`Array::topk`] are; of equal elements the first come first.
    ///
    /// - shape: as for [`Array::topk`]; dtype: `int64`
    ///
    /// # Errors
    /// As for [`Array::topk`].
    pub fn argtopk(&self, k: isize, axis: isize) -> Result<Array> {
        top("argtopk", self, k, axis, true)
    }
}

fn top(op: &str, array: &Array, k: isize, axis: isize, positions: bool) -> Result<Array> {
    check_numeric(op, array.dtype())?;
    let axis = array.resolve_axis(op, axis)?;
    if array.meta().unknown.get(axis).is_some_and(Option::is_some) {
        let help = "compute it first".into();
        return Err(Error::UnknownLength { op: op.into(), axis, help });
    }
    let count = k.unsigned_abs().min(array.shape()[axis]);
    let dtype = array.dtype();
    let result = reduce(op, array, &Axes::of([axis]), |fold| {
        let fold = fold.with_rows_of(ROWS);
        Ok(TopK { fold, dtype, count, largest: k >= 0, positions })
    })?;
    // The elements found come behind the kept axes; they belong where they came from.
    let last = result.ndim() - 1;
    result.arranged(
        (0..=last)
            .map(|at| match at.cmp(&axis) {
                std::cmp::Ordering::Less => Some(at),
                std::cmp::Ordering::Equal => Some(last),
                std::cmp::Ordering::Greater => Some(at - 1),
            })
            .collect(),
    )
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct TopK {
    fold: Fold,
    dtype: DType,
    count: usize,
    largest: bool,
    positions: bool,
}

#[typetag::serde(name = "brickwork_ops::TopK")]
impl Operation for TopK {
    fn name(&self) -> String {
        if self.positions { "argtopk" } else { "topk" }.into()
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        let dtype = if self.positions { DType::I64 } else { self.dtype };
        let kept = self.fold.infer(&self.name(), inputs, dtype)?;
        check_numeric(&self.name(), inputs[0].dtype)?;
        if inputs[0].dtype != self.dtype || self.count > self.fold.elements() || self.fold.masked {
            let reason = format!("was built for {} elements of {}; build it anew", self.count, self.dtype);
            return Err(Error::argument(self.name(), reason));
        }
        let mut chunks = kept.chunks.axes().to_vec();
        chunks.push(AxisChunks::regular(self.count, self.count));
        let chunks = ChunkGrid::new(chunks);
        Ok(vec![Meta::new(&chunks.shape(), dtype, chunks)])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Reduce(self)
    }

    fn cost(&self) -> f64 {
        4.0
    }
}

macro_rules! with_type {
    ($dtype:expr, $T:ident => $body:expr) => {
        with_element!($dtype, $T => $body, else unreachable!("infer refuses other dtypes"))
    };
}

/// Rows in which this many elements are wanted are sorted rather than searched.
const SORT_FROM: usize = 64;

/// Elements that are compared with the worst of the best together, then fewer, before any is looked at alone.
const LOOK: [usize; 2] = [1024, 64];

/// Elements of a leaf: every one begins with nothing found, and finds the best anew.
const ROWS: usize = 256 << 10;

impl Reduce for TopK {
    fn spec(&self) -> &FoldSpec {
        &self.fold.spec
    }

    /// For every kept element the best so far, best first, their positions, and how many they are.
    fn accumulators(&self, _inputs: &[Meta]) -> Vec<AccSpec> {
        let several = |dtype| AccSpec { dtype, per_element: self.count };
        vec![several(self.dtype), several(DType::I64), AccSpec::one(DType::I64)]
    }

    fn start(&self, acc: &mut Acc) {
        acc.part_mut::<i64>(2).fill(0);
    }

    fn fold(&self, acc: &mut Acc, leaf: &LeafInput<'_>) -> Result<()> {
        if self.count > 0 {
            with_type!(self.dtype, T => self.fold_values::<T>(acc, leaf));
        }
        Ok(())
    }

    fn merge(&self, left: &mut Acc, right: &Acc) {
        if self.count > 0 {
            with_type!(self.dtype, T => self.merge_values::<T>(left, right));
        }
    }

    fn finish(&self, acc: &Acc, _inputs: &[Meta], _output: usize, out: &mut BlockMut) -> Result<()> {
        if self.positions {
            out.as_slice_mut::<i64>().copy_from_slice(acc.part::<i64>(1));
        } else {
            with_type!(self.dtype, T => out.as_slice_mut::<T>().copy_from_slice(acc.part::<T>(0)));
        }
        Ok(())
    }
}

impl TopK {
    #[inline(always)]
    fn better<T: Ordered>(&self, left: T, right: T) -> bool {
        if self.largest { right.sorts_before(left) } else { left.sorts_before(right) }
    }

    fn fold_values<T: Ordered>(&self, acc: &mut Acc, leaf: &LeafInput<'_>) {
        let rows = LeafRows::<T>::new(leaf, false, T::least());
        let (values, positions, counts) = acc.three_mut::<T, i64, i64>();
        let mut best = Best { op: self, values, positions, counts };
        for row in 0..rows.count() {
            let (elements, _) = rows.row_and_mask(row);
            if rows.form() == FoldForm::Columns {
                let position = self.fold.position(leaf.at, row) as i64;
                for (kept, element) in elements.iter().enumerate() {
                    best.offer(kept, *element, position);
                }
            } else if self.count >= SORT_FROM {
                let mut order: Vec<usize> = (0..elements.len()).collect();
                // Stable, so that equal elements stay in order of position.
                order.sort_by(|&left, &right| {
                    let (left, right) = (elements[left], elements[right]);
                    self.better(right, left).cmp(&self.better(left, right))
                });
                for i in order.into_iter().take(self.count) {
                    best.offer(row, elements[i], self.fold.position(leaf.at, i) as i64);
                }
            } else {
                let [many, few] = LOOK;
                for (part, elements) in elements.chunks(many).enumerate() {
                    if best.wants_none_of(row, elements) {
                        continue;
                    }
                    for (piece, elements) in elements.chunks(few).enumerate() {
                        if best.wants_none_of(row, elements) {
                            continue;
                        }
                        for (i, element) in elements.iter().enumerate() {
                            if best.wants(row, *element) {
                                let at = part * many + piece * few + i;
                                best.offer(row, *element, self.fold.position(leaf.at, at) as i64);
                            }
                        }
                    }
                }
            }
        }
    }

    fn merge_values<T: Ordered>(&self, left: &mut Acc, right: &Acc) {
        let (values, positions, counts) = left.three_mut::<T, i64, i64>();
        let (other_values, other_positions, other_counts) =
            (right.part::<T>(0), right.part::<i64>(1), right.part::<i64>(2));
        let mut merged = Vec::with_capacity(self.count);
        for kept in 0..counts.len() {
            let start = kept * self.count;
            let (mut i, mut j) = (start, start);
            let (end, other_end) = (start + counts[kept] as usize, start + other_counts[kept] as usize);
            merged.clear();
            while merged.len() < self.count && (i < end || j < other_end) {
                // Of equal elements those on the left come first.
                if j == other_end || (i < end && !self.better(other_values[j], values[i])) {
                    merged.push((values[i], positions[i]));
                    i += 1;
                } else {
                    merged.push((other_values[j], other_positions[j]));
                    j += 1;
                }
            }
            for (at, (value, position)) in merged.iter().enumerate() {
                (values[start + at], positions[start + at]) = (*value, *position);
            }
            counts[kept] = merged.len() as i64;
        }
    }
}

/// The best elements so far, of every kept element.
struct Best<'a, T> {
    op: &'a TopK,
    values: &'a mut [T],
    positions: &'a mut [i64],
    counts: &'a mut [i64],
}

impl<T: Ordered> Best<'_, T> {
    /// Whether none of some elements is better than the worst of those found.
    fn wants_none_of(&self, kept: usize, elements: &[T]) -> bool {
        let (start, count) = (kept * self.op.count, self.counts[kept] as usize);
        if count < self.op.count {
            return false;
        }
        let (op, worst) = (self.op, self.values[start + count - 1]);
        vectorized(
            #[inline(always)]
            || {
                let mut better = 0u32;
                for element in elements {
                    better |= u32::from(op.better(*element, worst));
                }
                better == 0
            },
        )
    }

    #[inline]
    fn wants(&self, kept: usize, value: T) -> bool {
        let (start, count) = (kept * self.op.count, self.counts[kept] as usize);
        count < self.op.count || self.op.better(value, self.values[start + count - 1])
    }

    /// Takes an element in behind those that are as good.
    #[inline]
    fn offer(&mut self, kept: usize, value: T, position: i64) {
        if !self.wants(kept, value) {
            return;
        }
        let start = kept * self.op.count;
        let count = (self.counts[kept] as usize + 1).min(self.op.count);
        let values = &mut self.values[start..start + count];
        let positions = &mut self.positions[start..start + count];
        let mut at = count - 1;
        while at > 0 && self.op.better(value, values[at - 1]) {
            (values[at], positions[at]) = (values[at - 1], positions[at - 1]);
            at -= 1;
        }
        (values[at], positions[at]) = (value, position);
        self.counts[kept] = count as i64;
    }
}
