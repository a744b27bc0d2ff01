//! `var` and `std`.
use std::sync::Arc;

use brickwork_core::simd::vectorized;

use super::build::{Fold, reduce};
use super::lanes::{Combine, Lanes};
use super::options::Axes;
use super::sum::floating;
use crate::prelude::*;

impl Array {
    /// The variance over axes: the mean squared distance from the mean, divided by the number of elements less
    /// [`Axes::ddof`]. NaN where there is no element.
    ///
    /// - shape: the kept axes; dtype: `float64` for bools and integers, else the real dtype of `self`; with
    ///   [`Axes::dtype`] elements are cast first. Computed in `float64` whatever the dtype.
    /// - reads: everything, once
    ///
    /// Stable: within a leaf by two passes or Welford's recurrence, leaves joined by the formula of Chan, Golub and
    /// LeVeque. Agrees with `numpy.var`.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`]; [`Error::DTypeUnsupported`] for dates and strings, and for an integer
    /// [`Axes::dtype`].
    pub fn var(&self, axes: impl Into<Axes>) -> Result<Array> {
        variance("var", self, axes.into(), false, false)
    }

    /// The standard deviation over axes: the square root of [`Array::var`].
    ///
    /// Agrees with `numpy.std`.
    ///
    /// # Errors
    /// As for [`Array::var`].
    pub fn std(&self, axes: impl Into<Axes>) -> Result<Array> {
        variance("std", self, axes.into(), true, false)
    }
}

/// The variance or its root; `nan_without_freedom` gives NaN where no more than `ddof` elements count.
pub(crate) fn variance(
    op: &str,
    array: &Array,
    axes: Axes,
    root: bool,
    nan_without_freedom: bool,
) -> Result<Array> {
    axes.allow(op, true, true)?;
    let array = floating(op, array, axes.asked_dtype())?;
    let (dtype, ddof) = (array.dtype(), axes.asked_ddof());
    reduce(op, &array, &axes, |fold| Ok(Variance { fold, dtype, ddof, root, nan_without_freedom }))
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Variance {
    fold: Fold,
    dtype: DType,
    ddof: f64,
    root: bool,
    nan_without_freedom: bool,
}

#[typetag::serde(name = "brickwork_ops::Variance")]
impl Operation for Variance {
    fn name(&self) -> String {
        if self.root { "std" } else { "var" }.into()
    }

    fn refitted(&self, inputs: &[Meta]) -> Option<Arc<dyn Operation>> {
        Some(Arc::new(Variance { fold: self.fold.refitted(inputs), ..self.clone() }))
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        let meta = self.fold.infer(&self.name(), inputs, self.dtype.real())?;
        if inputs[0].dtype != self.dtype || !(self.dtype.is_float() || self.dtype.is_complex()) {
            let help = "cast to a float or complex dtype first".into();
            return Err(Error::DTypeUnsupported { op: self.name(), dtype: inputs[0].dtype, help });
        }
        Ok(vec![meta])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Reduce(self)
    }

    fn cost(&self) -> f64 {
        3.0
    }
}

struct Add;

impl Combine<f64> for Add {
    #[inline(always)]
    fn identity() -> f64 {
        -0.0
    }

    #[inline(always)]
    fn join(left: f64, right: f64) -> f64 {
        left + right
    }
}

/// Real numbers that are widened as they are loaded.
trait Real: Element {
    fn widened(self) -> f64;
}

impl Real for f32 {
    #[inline(always)]
    fn widened(self) -> f64 {
        self.into()
    }
}

impl Real for f64 {
    #[inline(always)]
    fn widened(self) -> f64 {
        self
    }
}

impl Variance {
    fn parts(&self) -> usize {
        if self.dtype.is_complex() { 2 } else { 1 }
    }
}

impl Reduce for Variance {
    fn is_positional(&self) -> bool {
        false
    }

    fn spec(&self) -> &FoldSpec {
        &self.fold.spec
    }

    /// Number of elements, mean (real and imaginary part), sum of squared distances from it.
    fn accumulators(&self, _inputs: &[Meta]) -> Vec<AccSpec> {
        let mean = AccSpec { dtype: DType::F64, per_element: self.parts() };
        vec![AccSpec::one(DType::I64), mean, AccSpec::one(DType::F64)]
    }

    fn start(&self, acc: &mut Acc) {
        let (counts, means, squares) = acc.three_mut::<i64, f64, f64>();
        counts.fill(0);
        means.fill(0.0);
        squares.fill(0.0);
    }

    fn fold(&self, acc: &mut Acc, leaf: &LeafInput<'_>) -> Result<()> {
        match self.dtype {
            DType::F32 => fold_moments::<f32, f32>(self.fold.masked, acc, leaf),
            DType::F64 => fold_moments::<f64, f64>(self.fold.masked, acc, leaf),
            DType::C64 => fold_moments::<Complex<f32>, f32>(self.fold.masked, acc, leaf),
            _ => fold_moments::<Complex<f64>, f64>(self.fold.masked, acc, leaf),
        }
        Ok(())
    }

    fn merge(&self, left: &mut Acc, right: &Acc) {
        let parts = self.parts();
        let (counts, means, squares) = left.three_mut::<i64, f64, f64>();
        let (other_counts, other_means, other_squares) =
            (right.part::<i64>(0), right.part::<f64>(1), right.part::<f64>(2));
        for i in 0..counts.len() {
            let part = i * parts..(i + 1) * parts;
            let other = (other_counts[i], &other_means[part.clone()], other_squares[i]);
            join(&mut counts[i], &mut means[part], &mut squares[i], other);
        }
    }

    fn finish(&self, acc: &Acc, _inputs: &[Meta], _output: usize, out: &mut BlockMut) -> Result<()> {
        let variances = acc.part::<i64>(0).iter().zip(acc.part::<f64>(2)).map(|(&count, &squares)| {
            let freedom = count as f64 - self.ddof;
            if self.nan_without_freedom && freedom <= 0.0 { f64::NAN } else { squares / freedom.max(0.0) }
        });
        // The root is that of the rounded variance, as if taken afterwards.
        match self.dtype.real() {
            DType::F32 => {
                for (out, variance) in out.as_slice_mut::<f32>().iter_mut().zip(variances) {
                    let variance = variance as f32;
                    *out = if self.root { variance.sqrt() } else { variance };
                }
            }
            _ => {
                for (out, variance) in out.as_slice_mut::<f64>().iter_mut().zip(variances) {
                    *out = if self.root { variance.sqrt() } else { variance };
                }
            }
        }
        Ok(())
    }
}

/// Joins the moments of two sets of elements.
#[inline(always)]
fn join(count: &mut i64, means: &mut [f64], squares: &mut f64, other: (i64, &[f64], f64)) {
    let (other_count, other_means, other_squares) = other;
    if other_count == 0 {
        return;
    }
    if *count == 0 {
        (*count, *squares) = (other_count, other_squares);
        means.copy_from_slice(other_means);
        return;
    }
    let total = *count + other_count;
    let share = other_count as f64 / total as f64;
    let mut distance = 0.0;
    for (mean, other) in means.iter_mut().zip(other_means) {
        let delta = other - *mean;
        *mean += delta * share;
        distance += delta * delta;
    }
    *squares += other_squares + distance * (*count as f64 * share);
    *count = total;
}

fn fold_moments<E: Element, R: Real>(masked: bool, acc: &mut Acc, leaf: &LeafInput<'_>) {
    match leaf.spec.form() {
        FoldForm::Rows => vectorized(
            #[inline(always)]
            || rows::<E, R>(masked, acc, leaf),
        ),
        FoldForm::Columns => vectorized(
            #[inline(always)]
            || columns::<E, R>(masked, acc, leaf),
        ),
    }
}

/// Two passes over every row: its mean, then the squared distances from it.
#[inline(always)]
fn rows<E: Element, R: Real>(masked: bool, acc: &mut Acc, leaf: &LeafInput<'_>) {
    let parts = size_of::<E>() / size_of::<R>();
    let values = leaf.view::<E>(0);
    let mask = masked.then(|| leaf.view::<Bool8>(1));
    let mut scratch = vec![0.0f64; values.columns * parts];
    let (counts, means, squares) = acc.three_mut::<i64, f64, f64>();
    for row in 0..values.rows {
        let elements: &[R] = bytemuck::cast_slice(values.row(row));
        let mask = mask.as_ref().map(|mask| mask.row(row));
        for (to, element) in scratch.iter_mut().zip(elements) {
            *to = element.widened();
        }
        let mut count = values.columns as i64;
        if let Some(mask) = mask {
            count = mask.iter().map(|counts| i64::from(counts.get())).sum();
            leave_out(&mut scratch, mask, parts, -0.0);
        }
        if count == 0 {
            continue;
        }
        let sums = f64::join_row::<Add>(&scratch, parts);
        let mean = [sums[0] / count as f64, sums[1] / count as f64];
        if parts == 1 {
            for value in &mut scratch {
                let delta = *value - mean[0];
                *value = delta * delta;
            }
        } else {
            for pair in scratch.chunks_exact_mut(2) {
                let delta = [pair[0] - mean[0], pair[1] - mean[1]];
                pair[0] = delta[0] * delta[0];
                pair[1] = delta[1] * delta[1];
            }
        }
        if let Some(mask) = mask {
            leave_out(&mut scratch, mask, parts, -0.0);
        }
        let [total, _] = f64::join_row::<Add>(&scratch, 1);
        let part = row * parts..(row + 1) * parts;
        join(&mut counts[row], &mut means[part], &mut squares[row], (count, &mean[..parts], total));
    }
}

/// Sets what a mask leaves out.
#[inline(always)]
fn leave_out(values: &mut [f64], mask: &[Bool8], parts: usize, to: f64) {
    if parts == 1 {
        for (value, counts) in values.iter_mut().zip(mask) {
            *value = if counts.get() { *value } else { to };
        }
    } else {
        for (pair, counts) in values.chunks_exact_mut(2).zip(mask) {
            if !counts.get() {
                pair.fill(to);
            }
        }
    }
}

/// Welford's recurrence, row by row.
#[inline(always)]
fn columns<E: Element, R: Real>(masked: bool, acc: &mut Acc, leaf: &LeafInput<'_>) {
    let parts = size_of::<E>() / size_of::<R>();
    let values = leaf.view::<E>(0);
    let mask = masked.then(|| leaf.view::<Bool8>(1));
    let (counts, means, squares) = acc.three_mut::<i64, f64, f64>();
    let Some(&first) = counts.first() else { return };
    for row in 0..values.rows {
        let elements: &[R] = bytemuck::cast_slice(values.row(row));
        match &mask {
            None if parts == 1 => {
                // Without a mask all counts are alike.
                let share = 1.0 / (first + row as i64 + 1) as f64;
                for ((mean, squares), element) in means.iter_mut().zip(&mut *squares).zip(elements) {
                    let value = element.widened();
                    let delta = value - *mean;
                    *mean += delta * share;
                    *squares += delta * (value - *mean);
                }
                counts.fill(first + row as i64 + 1);
            }
            Some(mask) if parts == 1 => {
                let all = counts.iter_mut().zip(&mut *means).zip(&mut *squares);
                for ((((count, mean), squares), element), is_taken) in all.zip(elements).zip(mask.row(row)) {
                    let is_taken = is_taken.get();
                    *count += i64::from(is_taken);
                    let value = element.widened();
                    let delta = value - *mean;
                    let moved = *mean + delta * (1.0 / *count as f64);
                    let more = *squares + delta * (value - moved);
                    *mean = if is_taken { moved } else { *mean };
                    *squares = if is_taken { more } else { *squares };
                }
            }
            _ => {
                let mask = mask.as_ref().map(|mask| mask.row(row));
                for (i, element) in elements.chunks_exact(parts).enumerate() {
                    if mask.is_some_and(|mask| !mask[i].get()) {
                        continue;
                    }
                    counts[i] += 1;
                    let share = 1.0 / counts[i] as f64;
                    for (mean, value) in means[i * parts..(i + 1) * parts].iter_mut().zip(element) {
                        let value = value.widened();
                        let delta = value - *mean;
                        *mean += delta * share;
                        squares[i] += delta * (value - *mean);
                    }
                }
            }
        }
    }
}
