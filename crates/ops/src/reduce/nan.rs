//! The reductions that leave NaN out: compositions of the others with a mask.
use super::arg_extremes::arg_extreme;
use super::extremes::extreme;
use super::moments::variance;
use super::options::Axes;
use crate::prelude::*;

impl Array {
    /// [`Array::sum`] of the elements that are not NaN; 0 where all are. Agrees with `numpy.nansum`.
    ///
    /// # Errors
    /// As for [`Array::sum`].
    pub fn nansum(&self, axes: impl Into<Axes>) -> Result<Array> {
        let axes = axes.into();
        let is_float = self.dtype().is_float() || self.dtype().is_complex();
        if is_float && axes.mask().is_none() && self.selection().is_none() {
            // The zero that leaves every sum as it is takes NaN's place: one array instead of one with a mask.
            let number = crate::elementwise::equal(self, self)?;
            return crate::elementwise::where_(number, self, -0.0)?.sum(axes);
        }
        self.sum(without_nan(self, axes)?)
    }

    /// [`Array::prod`] of the elements that are not NaN; 1 where all are. Agrees with `numpy.nanprod`.
    ///
    /// # Errors
    /// As for [`Array::prod`].
    pub fn nanprod(&self, axes: impl Into<Axes>) -> Result<Array> {
        self.prod(without_nan(self, axes.into())?)
    }

    /// [`Array::mean`] of the elements that are not NaN; NaN where all are. Agrees with `numpy.nanmean`.
    ///
    /// # Errors
    /// As for [`Array::mean`].
    pub fn nanmean(&self, axes: impl Into<Axes>) -> Result<Array> {
        self.mean(without_nan(self, axes.into())?)
    }

    /// [`Array::var`] of the elements that are not NaN; NaN where no more than [`Axes::ddof`] are left. Agrees with
    /// `numpy.nanvar`.
    ///
    /// # Errors
    /// As for [`Array::var`].
    pub fn nanvar(&self, axes: impl Into<Axes>) -> Result<Array> {
        variance("nanvar", self, without_nan(self, axes.into())?, false, true)
    }

    /// [`Array::std`] of the elements that are not NaN; NaN where no more than [`Axes::ddof`] are left. Agrees with
    /// `numpy.nanstd`.
    ///
    /// # Errors
    /// As for [`Array::std`].
    pub fn nanstd(&self, axes: impl Into<Axes>) -> Result<Array> {
        variance("nanstd", self, without_nan(self, axes.into())?, true, true)
    }

    /// [`Array::min`] of the elements that are not NaN; NaN where all are. Agrees with `numpy.nanmin`.
    ///
    /// # Errors
    /// As for [`Array::min`].
    pub fn nanmin(&self, axes: impl Into<Axes>) -> Result<Array> {
        extreme("nanmin", self, without_nan(self, axes.into())?, false, true)
    }

    /// [`Array::max`] of the elements that are not NaN; NaN where all are. Agrees with `numpy.nanmax`.
    ///
    /// # Errors
    /// As for [`Array::max`].
    pub fn nanmax(&self, axes: impl Into<Axes>) -> Result<Array> {
        extreme("nanmax", self, without_nan(self, axes.into())?, true, true)
    }

    /// [`Array::argmin`] among the elements that are not NaN. Agrees with `numpy.nanargmin`.
    ///
    /// # Errors
    /// As for [`Array::argmin`]; when run, if all elements of a slice are NaN.
    pub fn nanargmin(&self, axes: impl Into<Axes>) -> Result<Array> {
        arg_extreme("nanargmin", self, axes.into(), false, true)
    }

    /// [`Array::argmax`] among the elements that are not NaN. Agrees with `numpy.nanargmax`.
    ///
    /// # Errors
    /// As for [`Array::argmax`]; when run, if all elements of a slice are NaN.
    pub fn nanargmax(&self, axes: impl Into<Axes>) -> Result<Array> {
        arg_extreme("nanargmax", self, axes.into(), true, true)
    }
}

/// The options with a mask that leaves NaN out, beside what the caller leaves out.
fn without_nan(array: &Array, axes: Axes) -> Result<Axes> {
    if !array.dtype().is_float() && !array.dtype().is_complex() {
        return Ok(axes);
    }
    // NaN alone differs from itself.
    let number = crate::elementwise::equal(array, array)?;
    let mask = match axes.mask() {
        None => number,
        Some(mask) if mask.dtype() == DType::Bool => crate::elementwise::bitwise_and(number, mask)?,
        // Refused by the reduction, which names itself.
        Some(mask) => mask.clone(),
    };
    Ok(axes.with_mask(Some(mask)))
}
