//! `any`, `all` and `count_nonzero`.
use std::sync::Arc;

use super::build::{Fold, check_numeric, reduce};
use super::lanes::{Combine, count_true, fold_leaf, merge};
use super::leaf_rows::LeafRows;
use super::options::Axes;
use crate::prelude::*;

impl Array {
    /// Whether any element over axes is true, that is, not 0 (NaN is true); false where there is none.
    ///
    /// - shape: the kept axes; dtype: bool
    /// - reads: everything, once
    ///
    /// Agrees with `numpy.any`.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`]; [`Error::DTypeUnsupported`] for dates and strings.
    pub fn any(&self, axes: impl Into<Axes>) -> Result<Array> {
        logical("any", self, axes.into(), Truth::Any)
    }

    /// Whether all elements over axes are true, that is, not 0 (NaN is true); true where there is none.
    ///
    /// - shape: the kept axes; dtype: bool
    /// - reads: everything, once
    ///
    /// Agrees with `numpy.all`.
    ///
    /// # Errors
    /// As for [`Array::any`].
    pub fn all(&self, axes: impl Into<Axes>) -> Result<Array> {
        logical("all", self, axes.into(), Truth::All)
    }

    /// How many elements over axes are not 0.
    ///
    /// - shape: the kept axes; dtype: `int64`
    /// - reads: everything, once
    ///
    /// Agrees with `numpy.count_nonzero`.
    ///
    /// # Errors
    /// As for [`Array::any`].
    pub fn count_nonzero(&self, axes: impl Into<Axes>) -> Result<Array> {
        logical("count_nonzero", self, axes.into(), Truth::Count)
    }
}

fn logical(op: &str, array: &Array, axes: Axes, truth: Truth) -> Result<Array> {
    axes.allow(op, false, false)?;
    check_numeric(op, array.dtype())?;
    reduce(op, &array.astype(DType::Bool)?, &axes, |fold| Ok(Logical { fold, truth }))
}

/// What is asked about truth values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Truth {
    Any,
    All,
    Count,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Logical {
    fold: Fold,
    truth: Truth,
}

impl Logical {
    fn dtype(&self) -> DType {
        if self.truth == Truth::Count { DType::I64 } else { DType::Bool }
    }
}

#[typetag::serde(name = "brickwork_ops::Logical")]
impl Operation for Logical {
    fn name(&self) -> String {
        match self.truth {
            Truth::Any => "any",
            Truth::All => "all",
            Truth::Count => "count_nonzero",
        }
        .into()
    }

    fn refitted(&self, inputs: &[Meta]) -> Option<Arc<dyn Operation>> {
        Some(Arc::new(Logical { fold: self.fold.refitted(inputs), ..self.clone() }))
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        let meta = self.fold.infer(&self.name(), inputs, self.dtype())?;
        if inputs[0].dtype != DType::Bool {
            let help = "cast to bool first".into();
            return Err(Error::DTypeUnsupported { op: self.name(), dtype: inputs[0].dtype, help });
        }
        Ok(vec![meta])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Reduce(self)
    }
}

struct And;

impl Combine<u8> for And {
    const IS_EXACT: bool = true;

    #[inline(always)]
    fn identity() -> u8 {
        1
    }

    #[inline(always)]
    fn join(left: u8, right: u8) -> u8 {
        left & right
    }
}

struct Or;

impl Combine<u8> for Or {
    const IS_EXACT: bool = true;

    #[inline(always)]
    fn identity() -> u8 {
        0
    }

    #[inline(always)]
    fn join(left: u8, right: u8) -> u8 {
        left | right
    }
}

impl Reduce for Logical {
    fn is_positional(&self) -> bool {
        false
    }

    fn is_exact(&self) -> bool {
        true
    }

    fn spec(&self) -> &FoldSpec {
        &self.fold.spec
    }

    fn accumulators(&self, _inputs: &[Meta]) -> Vec<AccSpec> {
        vec![AccSpec::one(self.dtype())]
    }

    fn start(&self, acc: &mut Acc) {
        match self.truth {
            Truth::Count => acc.part_mut::<i64>(0).fill(0),
            truth => acc.part_mut::<Bool8>(0).fill((truth == Truth::All).into()),
        }
    }

    fn fold(&self, acc: &mut Acc, leaf: &LeafInput<'_>) -> Result<()> {
        let mut rows = LeafRows::<Bool8>::new(leaf, self.fold.masked, (self.truth == Truth::All).into());
        match self.truth {
            Truth::Count => count_true(&mut rows, acc.part_mut::<i64>(0)),
            Truth::Any => fold_leaf::<Bool8, u8, Or>(&mut rows, bytes(acc)),
            Truth::All => fold_leaf::<Bool8, u8, And>(&mut rows, bytes(acc)),
        }
        Ok(())
    }

    fn merge(&self, left: &mut Acc, right: &Acc) {
        if self.truth == Truth::Count {
            for (left, right) in left.part_mut::<i64>(0).iter_mut().zip(right.part::<i64>(0)) {
                *left += right;
            }
            return;
        }
        let right: &[u8] = bytemuck::cast_slice(right.part::<Bool8>(0));
        if self.truth == Truth::Any {
            merge::<u8, Or>(bytes(left), right);
        } else {
            merge::<u8, And>(bytes(left), right);
        }
    }

    fn finish(&self, acc: &Acc, _inputs: &[Meta], _output: usize, out: &mut BlockMut) -> Result<()> {
        match self.truth {
            Truth::Count => out.as_slice_mut::<i64>().copy_from_slice(acc.part::<i64>(0)),
            _ => out.as_slice_mut::<Bool8>().copy_from_slice(acc.part::<Bool8>(0)),
        }
        Ok(())
    }
}

fn bytes(acc: &mut Acc) -> &mut [u8] {
    bytemuck::cast_slice_mut(acc.part_mut::<Bool8>(0))
}
