//! What may stand beside an array in an operation: another array, or a number.

use crate::prelude::*;

/// An operand: an array, or a number of no fixed width, which takes the dtype of the array it meets (NEP 50).
#[derive(Debug, Clone)]
pub enum Term {
    /// An array.
    Array(Array),
    /// A number.
    Weak(Weak),
}

impl Term {
    /// The dtype that NumPy would compute these operands in before looking at the function: promoted over the
    /// arrays, then widened by the kinds of the numbers.
    ///
    /// # Errors
    /// If the dtypes have nothing in common (dates, strings).
    pub fn result_dtype(op: &str, terms: &[Term]) -> Result<DType> {
        let mut arrays = None::<DType>;
        let mut weak = None::<Weak>;
        for term in terms {
            match term {
                Term::Array(array) => {
                    let dtype = array.dtype();
                    arrays = Some(match arrays {
                        None => dtype,
                        Some(other) => other.promote(dtype).ok_or_else(|| Error::DTypeUnsupported {
                            op: op.into(),
                            dtype,
                            help: format!("it has no common dtype with {other}"),
                        })?,
                    });
                }
                Term::Weak(value) if weak.is_none_or(|seen| seen.kind() < value.kind()) => {
                    weak = Some(*value);
                }
                Term::Weak(_) => {}
            }
        }
        Ok(match (arrays, weak) {
            (Some(dtype), Some(weak)) => dtype.promote_weak(weak.kind()),
            (Some(dtype), None) => dtype,
            (None, Some(weak)) => weak.default_dtype(),
            (None, None) => DType::F64,
        })
    }

    /// The operand as an array of `dtype`: an array is cast, a number becomes a 0-d constant.
    ///
    /// # Errors
    /// If an integer is out of the dtype's range, as in NumPy.
    pub fn to_array(&self, op: &str, dtype: DType) -> Result<Array> {
        match self {
            Term::Array(array) => array.astype(dtype),
            Term::Weak(value) => {
                let scalar = value.to_scalar(dtype).ok_or_else(|| {
                    Error::argument(
                        op,
                        format!("the number {value} does not fit {dtype}; cast the array first"),
                    )
                })?;
                crate::constant::constant(&[], scalar)
            }
        }
    }
}

impl From<Array> for Term {
    fn from(array: Array) -> Self {
        Term::Array(array)
    }
}

impl From<&Array> for Term {
    fn from(array: &Array) -> Self {
        Term::Array(array.clone())
    }
}

impl<T: Into<Weak>> From<T> for Term {
    fn from(value: T) -> Self {
        Term::Weak(value.into())
    }
}
