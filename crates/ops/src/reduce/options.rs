//! What a caller says about a reduction: which axes, and how.
use crate::prelude::*;

/// The axes that a reduction folds away, with its options.
///
/// Every reduction takes `impl Into<Axes>`: `()` for all axes, a number for one, an array of numbers for several
/// (negative numbers count from the last axis), or an `Axes` with options.
///
/// ```no_run
/// # use brickwork_ops::{Array, Axes};
/// # fn example(x: Array) -> brickwork_core::Result<()> {
/// let total = x.sum(())?;
/// let rows = x.sum(-1)?;
/// let planes = x.mean(Axes::of([0, 2]).keepdims())?;
/// let spread = x.var(Axes::all().ddof(1.0))?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Axes {
    axes: Option<Vec<isize>>,
    keepdims: bool,
    dtype: Option<DType>,
    ddof: Option<f64>,
    only: Option<Array>,
}

impl Axes {
    /// All axes.
    pub fn all() -> Self {
        Axes::default()
    }

    /// These axes. None at all folds every element on its own.
    pub fn of<A>(axes: impl IntoIterator<Item = A>) -> Self
    where
        A: TryInto<isize>,
    {
        // A number beyond `isize` is no axis of anything; the largest one is refused with the right message.
        let axes = axes.into_iter().map(|axis| axis.try_into().unwrap_or(isize::MAX)).collect();
        Axes { axes: Some(axes), ..Axes::default() }
    }

    /// The folded axes stay, with length 1.
    pub fn keepdims(mut self) -> Self {
        self.keepdims = true;
        self
    }

    /// The dtype that elements are cast to before they are folded (`sum`, `prod`, `mean`, `var`, `std`).
    pub fn dtype(mut self, dtype: DType) -> Self {
        self.dtype = Some(dtype);
        self
    }

    /// Delta degrees of freedom: variances are divided by the number of elements less this (`var`, `std`).
    pub fn ddof(mut self, ddof: f64) -> Self {
        self.ddof = Some(ddof);
        self
    }

    /// Folds only the elements where `mask`, a bool array that broadcasts to the folded one, is true: NumPy's
    /// `where=`.
    pub fn only(mut self, mask: impl Into<Array>) -> Self {
        self.only = Some(mask.into());
        self
    }

    /// The numbers given; `None` for all axes.
    pub fn given(&self) -> Option<&[isize]> {
        self.axes.as_deref()
    }

    pub(crate) fn keeps_dims(&self) -> bool {
        self.keepdims
    }

    pub(crate) fn mask(&self) -> Option<&Array> {
        self.only.as_ref()
    }

    pub(crate) fn with_mask(mut self, mask: Option<Array>) -> Self {
        self.only = mask;
        self
    }

    pub(crate) fn asked_dtype(&self) -> Option<DType> {
        self.dtype
    }

    pub(crate) fn asked_ddof(&self) -> f64 {
        self.ddof.unwrap_or(0.0)
    }

    /// Refuses the options that `op` has no use for.
    pub(crate) fn allow(&self, op: &str, dtype: bool, ddof: bool) -> Result<()> {
        if self.dtype.is_some() && !dtype {
            return Err(Error::argument(op, "takes no dtype; cast the array with astype, before or after"));
        }
        if self.ddof.is_some() && !ddof {
            return Err(Error::argument(op, "takes no ddof; only var and std do"));
        }
        match self.ddof {
            Some(ddof) if !ddof.is_finite() => {
                Err(Error::argument(op, format!("ddof is {ddof}; use a finite number, such as 0 or 1")))
            }
            _ => Ok(()),
        }
    }
}

impl From<()> for Axes {
    fn from((): ()) -> Self {
        Axes::all()
    }
}

macro_rules! axes_from {
    ($($t:ty),*) => {
        $(
            impl From<$t> for Axes {
                fn from(axis: $t) -> Self {
                    Axes::of([axis])
                }
            }

            impl<const N: usize> From<[$t; N]> for Axes {
                fn from(axes: [$t; N]) -> Self {
                    Axes::of(axes)
                }
            }

            impl From<&[$t]> for Axes {
                fn from(axes: &[$t]) -> Self {
                    Axes::of(axes.iter().copied())
                }
            }
        )*
    };
}
axes_from!(i32, isize, usize);

impl From<Option<isize>> for Axes {
    fn from(axis: Option<isize>) -> Self {
        axis.map_or_else(Axes::all, Axes::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_short_form_names_the_same_axes() {
        assert_eq!(Axes::from(()).given(), None);
        assert_eq!(Axes::from(-1).given(), Some(&[-1][..]));
        assert_eq!(Axes::from([0, 2]).given(), Axes::of([0usize, 2]).given());
        assert_eq!(Axes::from([0usize; 0]).given(), Some(&[][..]));
        assert_eq!(Axes::from(usize::MAX).given(), Some(&[isize::MAX][..]));
        assert_eq!(Axes::from(Some(3)).given(), Some(&[3][..]));
    }

    #[test]
    fn options_without_use_are_refused() {
        let refused = |axes: Axes| axes.allow("min", false, false).unwrap_err().to_string();
        assert!(refused(Axes::all().dtype(DType::F32)).starts_with("min: takes no dtype"));
        assert!(refused(Axes::all().ddof(1.0)).starts_with("min: takes no ddof"));
        assert!(Axes::all().ddof(f64::NAN).allow("var", true, true).is_err());
    }
}
