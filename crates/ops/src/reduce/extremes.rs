//! `min`, `max` and `ptp`.
use std::sync::Arc;

use super::build::{Fold, check_numeric, reduce};
use super::lanes::{Combine, count_true, fold_column_leaf, merge};
use super::leaf_rows::{LeafRows, mask_rows};
use super::options::Axes;
use super::order::{Larger, Ordered, Smaller, extreme_of};
use crate::prelude::*;
use brickwork_core::simd::vectorized;

impl Array {
    /// The smallest element over axes. NaN if there is one; `-0.0` comes before `0.0`; complex numbers compare by
    /// real part, then by imaginary part.
    ///
    /// - shape: the kept axes; dtype: as `self`
    /// - reads: everything, once
    ///
    /// Agrees with `numpy.min`.
    ///
    /// # Errors
    /// If the folded axes hold no element: when built, or, for a mask or a boolean selection that leaves nothing,
    /// when run. [`Error::AxisOutOfRange`]; [`Error::DTypeUnsupported`] for dates and strings.
    pub fn min(&self, axes: impl Into<Axes>) -> Result<Array> {
        extreme("min", self, axes.into(), false, false)
    }

    /// The largest element over axes. NaN if there is one; complex numbers compare by real part, then by imaginary
    /// part.
    ///
    /// - shape: the kept axes; dtype: as `self`
    /// - reads: everything, once
    ///
    /// Agrees with `numpy.max`.
    ///
    /// # Errors
    /// As for [`Array::min`].
    pub fn max(&self, axes: impl Into<Axes>) -> Result<Array> {
        extreme("max", self, axes.into(), true, false)
    }

    /// Peak to peak: the largest element less the smallest, over axes.
    ///
    /// - shape: the kept axes; dtype: as `self` (integers wrap)
    /// - reads: everything, once for both
    ///
    /// Agrees with `numpy.ptp`.
    ///
    /// # Errors
    /// As for [`Array::min`]; [`Error::DTypeUnsupported`] for bools, which have no difference.
    pub fn ptp(&self, axes: impl Into<Axes>) -> Result<Array> {
        let axes = axes.into();
        let largest = extreme("ptp", self, axes.clone(), true, false)?;
        crate::elementwise::subtract(largest, extreme("ptp", self, axes, false, false)?)
    }
}

/// The smallest or the largest element; `nan_if_empty` gives NaN where a mask leaves nothing.
pub(crate) fn extreme(
    op: &str,
    array: &Array,
    axes: Axes,
    largest: bool,
    nan_if_empty: bool,
) -> Result<Array> {
    axes.allow(op, false, false)?;
    check_numeric(op, array.dtype())?;
    reduce(op, array, &axes, |fold| {
        let made = Extreme { fold, dtype: array.dtype(), largest, nan_if_empty };
        if made.fold.elements() == 0 { Err(made.no_element()) } else { Ok(made) }
    })
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Extreme {
    fold: Fold,
    dtype: DType,
    largest: bool,
    nan_if_empty: bool,
}

impl Extreme {
    fn no_element(&self) -> Error {
        let what = if self.largest { "maximum" } else { "minimum" };
        let reason = format!("zero-size array to reduction operation {what} which has no identity");
        Error::argument(self.name(), reason)
    }
}

#[typetag::serde(name = "brickwork_ops::Extreme")]
impl Operation for Extreme {
    fn name(&self) -> String {
        if self.largest { "max" } else { "min" }.into()
    }

    fn refitted(&self, inputs: &[Meta]) -> Option<Arc<dyn Operation>> {
        Some(Arc::new(Extreme { fold: self.fold.refitted(inputs), ..self.clone() }))
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        if self.fold.elements() == 0 {
            return Err(self.no_element());
        }
        let meta = self.fold.infer(&self.name(), inputs, self.dtype)?;
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

macro_rules! with_type {
    ($dtype:expr, $T:ident => $body:expr) => {
        with_element!($dtype, $T => $body, else unreachable!("infer refuses other dtypes"))
    };
}

impl Reduce for Extreme {
    fn is_positional(&self) -> bool {
        false
    }

    /// All but complex numbers with NaN, of which the first stays with its other part.
    fn is_exact(&self) -> bool {
        !self.dtype.is_complex()
    }

    fn spec(&self) -> &FoldSpec {
        &self.fold.spec
    }

    /// The extreme so far and, with a mask, how many elements counted.
    fn accumulators(&self, _inputs: &[Meta]) -> Vec<AccSpec> {
        let mut specs = vec![AccSpec::one(self.dtype)];
        if self.fold.masked {
            specs.push(AccSpec::one(DType::I64));
        }
        specs
    }

    fn start(&self, acc: &mut Acc) {
        with_type!(self.dtype, T => {
            acc.part_mut::<T>(0).fill(if self.largest { T::least() } else { T::greatest() });
        });
        if self.fold.masked {
            acc.part_mut::<i64>(1).fill(0);
        }
    }

    fn fold(&self, acc: &mut Acc, leaf: &LeafInput<'_>) -> Result<()> {
        with_type!(self.dtype, T => {
            if self.largest {
                fold_extreme::<T, Larger>(true, self.fold.masked, acc, leaf);
            } else {
                fold_extreme::<T, Smaller>(false, self.fold.masked, acc, leaf);
            }
        });
        if self.fold.masked {
            count_true(&mut mask_rows(leaf), acc.part_mut::<i64>(1));
        }
        Ok(())
    }

    fn merge(&self, left: &mut Acc, right: &Acc) {
        with_type!(self.dtype, T => {
            if self.largest {
                merge::<T, Larger>(left.part_mut::<T>(0), right.part::<T>(0));
            } else {
                merge::<T, Smaller>(left.part_mut::<T>(0), right.part::<T>(0));
            }
        });
        if self.fold.masked {
            for (left, right) in left.part_mut::<i64>(1).iter_mut().zip(right.part::<i64>(1)) {
                *left += right;
            }
        }
    }

    fn finish(&self, acc: &Acc, _inputs: &[Meta], _output: usize, out: &mut BlockMut) -> Result<()> {
        with_type!(self.dtype, T => out.as_slice_mut::<T>().copy_from_slice(acc.part::<T>(0)));
        if !self.fold.masked {
            return Ok(());
        }
        let empty = |(i, count): (usize, &i64)| (*count == 0).then_some(i);
        for i in acc.part::<i64>(1).iter().enumerate().filter_map(empty) {
            match self.dtype {
                _ if !self.nan_if_empty => return Err(self.no_element()),
                DType::F32 => out.as_slice_mut::<f32>()[i] = f32::NAN,
                DType::F64 => out.as_slice_mut::<f64>()[i] = f64::NAN,
                DType::C64 => out.as_slice_mut::<Complex<f32>>()[i] = Complex::new(f32::NAN, 0.0),
                DType::C128 => out.as_slice_mut::<Complex<f64>>()[i] = Complex::new(f64::NAN, 0.0),
                _ => return Err(self.no_element()),
            }
        }
        Ok(())
    }
}

fn fold_extreme<T: Ordered, C: Combine<T>>(largest: bool, masked: bool, acc: &mut Acc, leaf: &LeafInput<'_>) {
    let mut rows = LeafRows::<T>::new(leaf, masked, C::identity());
    let acc = acc.part_mut::<T>(0);
    match rows.form() {
        FoldForm::Rows => vectorized(
            #[inline(always)]
            || fold_rows::<T, C>(largest, &mut rows, acc),
        ),
        FoldForm::Columns => fold_column_leaf::<T, T, C>(&mut rows, acc),
    }
}

#[inline(always)]
fn fold_rows<T: Ordered, C: Combine<T>>(largest: bool, rows: &mut LeafRows<'_, T>, acc: &mut [T]) {
    let mut keys = Vec::new();
    for (row, acc) in acc.iter_mut().enumerate() {
        let elements = rows.row(row);
        if !elements.is_empty() {
            *acc = C::join(*acc, extreme_of(elements, largest, false, &mut keys));
        }
    }
}
