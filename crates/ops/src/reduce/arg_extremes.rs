//! `argmin` and `argmax`.
use std::sync::Arc;

use super::build::{Fold, check_numeric, reduce};
use super::leaf_rows::LeafRows;
use super::options::Axes;
use super::order::{Ordered, extreme_of, first_equal};
use crate::prelude::*;
use brickwork_core::simd::vectorized;

impl Array {
    /// Where the smallest element over axes is: its position in C order of those axes, the first if several are equal
    /// or NaN.
    ///
    /// - shape: the kept axes; dtype: `int64`
    /// - reads: everything, once
    ///
    /// Agrees with `numpy.argmin`, and allows several axes too. Positions in a boolean selection count the selected
    /// elements.
    ///
    /// # Errors
    /// If the folded axes hold no element: when built, or, for a mask or a boolean selection that leaves nothing,
    /// when run. [`Error::AxisOutOfRange`]; [`Error::DTypeUnsupported`] for dates and strings.
    pub fn argmin(&self, axes: impl Into<Axes>) -> Result<Array> {
        arg_extreme("argmin", self, axes.into(), false, false)
    }

    /// Where the largest element over axes is: its position in C order of those axes, the first if several are equal
    /// or NaN.
    ///
    /// - shape: the kept axes; dtype: `int64`
    /// - reads: everything, once
    ///
    /// Agrees with `numpy.argmax`, and allows several axes too.
    ///
    /// # Errors
    /// As for [`Array::argmin`].
    pub fn argmax(&self, axes: impl Into<Axes>) -> Result<Array> {
        arg_extreme("argmax", self, axes.into(), true, false)
    }
}

/// The position of the smallest or largest element; with `skip_nan` of those that are not NaN.
pub(crate) fn arg_extreme(
    op: &str,
    array: &Array,
    axes: Axes,
    largest: bool,
    skip_nan: bool,
) -> Result<Array> {
    axes.allow(op, false, false)?;
    check_numeric(op, array.dtype())?;
    reduce(op, array, &axes, |fold| {
        let made = ArgExtreme { fold, dtype: array.dtype(), largest, skip_nan };
        if made.fold.elements() == 0 { Err(made.no_element()) } else { Ok(made) }
    })
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct ArgExtreme {
    fold: Fold,
    dtype: DType,
    largest: bool,
    skip_nan: bool,
}

impl ArgExtreme {
    fn no_element(&self) -> Error {
        Error::argument(self.name(), format!("attempt to get {} of an empty sequence", self.name()))
    }
}

#[typetag::serde(name = "brickwork_ops::ArgExtreme")]
impl Operation for ArgExtreme {
    fn name(&self) -> String {
        if self.largest { "argmax" } else { "argmin" }.into()
    }

    fn refitted(&self, inputs: &[Meta]) -> Option<Arc<dyn Operation>> {
        Some(Arc::new(ArgExtreme { fold: self.fold.refitted(inputs), ..self.clone() }))
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        if self.fold.elements() == 0 {
            return Err(self.no_element());
        }
        let meta = self.fold.infer(&self.name(), inputs, DType::I64)?;
        check_numeric(&self.name(), inputs[0].dtype)?;
        if inputs[0].dtype != self.dtype {
            return Err(Error::argument(self.name(), format!("was built for {}; build it anew", self.dtype)));
        }
        Ok(vec![meta])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Reduce(self)
    }
}

/// The position of nothing.
const NOWHERE: i64 = -1;

/// In a row that is no longer than this, elements are looked at one after the other.
const SHORT_ROW: usize = 8;

/// Where the extreme is first.
#[inline(always)]
fn first_best<T: Ordered>(elements: &[T], largest: bool, skip_nan: bool) -> Option<usize> {
    let candidates = elements.iter().enumerate().filter(|(_, element)| !(skip_nan && element.is_nan()));
    candidates
        .reduce(|best, other| if beats(largest, *other.1, *best.1) { other } else { best })
        .map(|(place, _)| place)
}

/// Whether `value` takes the place of `best`, which came before it.
#[inline(always)]
fn beats<T: Ordered>(largest: bool, value: T, best: T) -> bool {
    let better = if largest { best.before(value) } else { value.before(best) };
    better | (value.is_nan() & !best.is_nan())
}

macro_rules! with_type {
    ($dtype:expr, $T:ident => $body:expr) => {
        with_element!($dtype, $T => $body, else unreachable!("infer refuses other dtypes"))
    };
}

impl Reduce for ArgExtreme {
    fn is_positional(&self) -> bool {
        false
    }

    fn is_exact(&self) -> bool {
        !self.fold.masked && !self.dtype.is_complex()
    }

    fn spec(&self) -> &FoldSpec {
        &self.fold.spec
    }

    /// The extreme so far, its position, and for boolean selections how many elements were selected.
    fn accumulators(&self, _inputs: &[Meta]) -> Vec<AccSpec> {
        let mut specs = vec![AccSpec::one(self.dtype), AccSpec::one(DType::I64)];
        if self.fold.ranked {
            specs.push(AccSpec::one(DType::I64));
        }
        specs
    }

    fn start(&self, acc: &mut Acc) {
        acc.part_mut::<i64>(1).fill(NOWHERE);
        if self.fold.ranked {
            acc.part_mut::<i64>(2).fill(0);
        }
    }

    fn fold(&self, acc: &mut Acc, leaf: &LeafInput<'_>) -> Result<()> {
        with_type!(self.dtype, T => {
            let rows = LeafRows::<T>::new(leaf, self.fold.masked, T::least());
            // Of a complex number either part may be NaN, which leaves its order to the other.
            let by_parts = self.skip_nan && self.dtype.is_complex();
            let plain = !(self.fold.masked || by_parts);
            match rows.form() {
                FoldForm::Rows if plain => self.rows::<T>(acc, &rows, leaf),
                FoldForm::Columns if plain => self.columns::<T>(acc, &rows, leaf),
                _ => self.one_by_one::<T>(acc, &rows, leaf),
            }
        });
        Ok(())
    }

    fn merge(&self, left: &mut Acc, right: &Acc) {
        let before: Vec<i64> =
            if self.fold.ranked { left.part::<i64>(2).to_vec() } else { vec![0; left.kept()] };
        with_type!(self.dtype, T => {
            let (values, positions) = left.two_mut::<T, i64>(0, 1);
            let others = right.part::<T>(0).iter().zip(right.part::<i64>(1));
            for (((value, position), (other, at)), before) in values.iter_mut().zip(positions).zip(others).zip(before) {
                // Equal elements keep the position on the left, which is the lower one.
                if *at != NOWHERE && (*position == NOWHERE || beats(self.largest, *other, *value)) {
                    (*value, *position) = (*other, *at + before);
                }
            }
        });
        if self.fold.ranked {
            for (left, right) in left.part_mut::<i64>(2).iter_mut().zip(right.part::<i64>(2)) {
                *left += right;
            }
        }
    }

    fn finish(&self, acc: &Acc, _inputs: &[Meta], _output: usize, out: &mut BlockMut) -> Result<()> {
        let positions = acc.part::<i64>(1);
        if positions.contains(&NOWHERE) {
            if self.skip_nan {
                return Err(Error::argument(format!("nan{}", self.name()), "All-NaN slice encountered"));
            }
            return Err(self.no_element());
        }
        out.as_slice_mut::<i64>().copy_from_slice(positions);
        Ok(())
    }
}

impl ArgExtreme {
    /// The position of element `i` of a kept element's leaf.
    fn position(&self, leaf: &LeafInput<'_>, kept: usize, i: usize) -> i64 {
        let position = match leaf.starts {
            Some(starts) => starts.of(kept) + i,
            None => self.fold.position(leaf.at, i),
        };
        position as i64
    }

    /// Every row is the leaf of one kept element: its extreme first, in lanes, then where that is.
    fn rows<T: Ordered>(&self, acc: &mut Acc, rows: &LeafRows<'_, T>, leaf: &LeafInput<'_>) {
        let mut keys = Vec::new();
        let (values, positions) = acc.two_mut::<T, i64>(0, 1);
        for (row, (value, position)) in values.iter_mut().zip(positions).enumerate() {
            let (elements, _) = rows.row_and_mask(row);
            if elements.is_empty() {
                continue;
            }
            let (largest, skip_nan) = (self.largest, self.skip_nan);
            let keys = &mut keys;
            let found = match elements.len() {
                ..=SHORT_ROW => first_best(elements, largest, skip_nan),
                _ => vectorized(
                    #[inline(always)]
                    move || first_equal(elements, extreme_of(elements, largest, skip_nan, keys)),
                ),
            };
            if let Some(found) = found
                && (*position == NOWHERE || beats(self.largest, elements[found], *value))
            {
                // The element itself: of two zeros the first.
                (*value, *position) = (elements[found], self.position(leaf, row, found));
            }
        }
    }

    fn columns<T: Ordered>(&self, acc: &mut Acc, rows: &LeafRows<'_, T>, leaf: &LeafInput<'_>) {
        let (values, positions) = acc.two_mut::<T, i64>(0, 1);
        for row in 0..rows.count() {
            let (elements, _) = rows.row_and_mask(row);
            // Of many leaves all begin elsewhere.
            let position = match leaf.starts {
                Some(_) => row as i64,
                None => self.fold.position(leaf.at, row) as i64,
            };
            let (values, positions) = (&mut *values, &mut *positions);
            let skip_nan = self.skip_nan;
            if self.largest {
                vectorized(
                    #[inline(always)]
                    move || take_better::<T, true>(values, positions, elements, position, skip_nan),
                );
            } else {
                vectorized(
                    #[inline(always)]
                    move || take_better::<T, false>(values, positions, elements, position, skip_nan),
                );
            }
        }
        if let Some(starts) = leaf.starts {
            for (number, position) in positions.iter_mut().enumerate().filter(|(_, at)| **at != NOWHERE) {
                *position += starts.of(number) as i64;
            }
        }
    }

    /// With a mask, or NaNs to skip. Elements come in rising order of position for every kept element.
    fn one_by_one<T: Ordered>(&self, acc: &mut Acc, rows: &LeafRows<'_, T>, leaf: &LeafInput<'_>) {
        let mut seen = if self.fold.ranked { acc.part::<i64>(2).to_vec() } else { Vec::new() };
        let (values, positions) = acc.two_mut::<T, i64>(0, 1);
        for row in 0..rows.count() {
            let (elements, mask) = rows.row_and_mask(row);
            for (column, &element) in elements.iter().enumerate() {
                let (kept, i) = if rows.form() == FoldForm::Rows { (row, column) } else { (column, row) };
                if mask.is_some_and(|mask| !mask[column].get()) {
                    continue;
                }
                let rank = seen.get_mut(kept).map(|seen| std::mem::replace(seen, *seen + 1));
                if self.skip_nan && element.is_nan() {
                    continue;
                }
                if positions[kept] == NOWHERE || beats(self.largest, element, values[kept]) {
                    values[kept] = element;
                    positions[kept] = rank.unwrap_or_else(|| self.position(leaf, kept, i));
                }
            }
        }
        if self.fold.ranked {
            acc.part_mut::<i64>(2).copy_from_slice(&seen);
        }
    }
}

#[inline(always)]
fn take_better<T: Ordered, const LARGEST: bool>(
    values: &mut [T],
    positions: &mut [i64],
    elements: &[T],
    position: i64,
    skip_nan: bool,
) {
    for ((value, at), element) in values.iter_mut().zip(positions).zip(elements) {
        let better = ((*at == NOWHERE) | beats(LARGEST, *element, *value)) & !(skip_nan & element.is_nan());
        *value = if better { *element } else { *value };
        *at = if better { position } else { *at };
    }
}
