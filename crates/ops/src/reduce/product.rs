//! `prod`.
use std::sync::Arc;

use super::build::{Fold, reduce};
use super::lanes::{Combine, Lanes, fold_leaf, merge};
use super::leaf_rows::LeafRows;
use super::options::Axes;
use super::sum::widened;
use crate::prelude::*;

impl Array {
    /// The product over axes; 1 where there is no element.
    ///
    /// - shape: the kept axes; dtype: as for [`Array::sum`]; integers wrap
    /// - reads: everything, once
    ///
    /// Agrees with `numpy.prod`.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`]; [`Error::DTypeUnsupported`] for dates and strings.
    pub fn prod(&self, axes: impl Into<Axes>) -> Result<Array> {
        let axes = axes.into();
        axes.allow("prod", true, false)?;
        let array = widened("prod", self, axes.asked_dtype())?;
        let dtype = array.dtype();
        let result = reduce("prod", &array, &axes, |fold| Ok(Product { fold, dtype }))?;
        result.astype(axes.asked_dtype().unwrap_or(dtype))
    }
}

/// Of `int64`, `uint64`, floats and complex numbers.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Product {
    fold: Fold,
    dtype: DType,
}

#[typetag::serde(name = "brickwork_ops::Product")]
impl Operation for Product {
    fn name(&self) -> String {
        "prod".into()
    }

    fn refitted(&self, inputs: &[Meta]) -> Option<Arc<dyn Operation>> {
        Some(Arc::new(Product { fold: self.fold.refitted(inputs), ..self.clone() }))
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        let meta = self.fold.infer("prod", inputs, self.dtype)?;
        let integer = matches!(self.dtype, DType::I64 | DType::U64);
        if inputs[0].dtype != self.dtype || !(integer || self.dtype.is_float() || self.dtype.is_complex()) {
            let help = "cast to a dtype with a product first".into();
            return Err(Error::DTypeUnsupported { op: self.name(), dtype: inputs[0].dtype, help });
        }
        Ok(vec![meta])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Reduce(self)
    }
}

struct Multiply;

macro_rules! multiply {
    ($($t:ty: $one:expr, $join:expr, $exact:expr;)*) => {
        $(impl Combine<$t> for Multiply {
            const IS_EXACT: bool = $exact;

            #[inline(always)]
            fn identity() -> $t {
                $one
            }

            #[inline(always)]
            fn join(left: $t, right: $t) -> $t {
                $join(left, right)
            }
        })*
    };
}
multiply! {
    f32: 1.0, |left, right| left * right, false;
    f64: 1.0, |left, right| left * right, false;
    i64: 1, i64::wrapping_mul, true;
    u64: 1, u64::wrapping_mul, true;
    Complex<f32>: Complex { re: 1.0, im: 0.0 }, times, false;
    Complex<f64>: Complex { re: 1.0, im: 0.0 }, times, false;
}

/// The product of complex numbers, for which 1 is an exact identity: by the textbook formula infinities and negative
/// zeros times 1 + 0i change.
#[inline(always)]
fn times<T>(left: Complex<T>, right: Complex<T>) -> Complex<T>
where
    T: Copy
        + PartialEq
        + From<i8>
        + std::ops::Mul<Output = T>
        + std::ops::Sub<Output = T>
        + std::ops::Add<Output = T>,
{
    let is_one = |value: Complex<T>| value.re == T::from(1) && value.im == T::from(0);
    let product =
        Complex { re: left.re * right.re - left.im * right.im, im: left.re * right.im + left.im * right.re };
    if is_one(right) {
        left
    } else if is_one(left) {
        right
    } else {
        product
    }
}

macro_rules! with_type {
    ($dtype:expr, $T:ident => $body:expr) => {
        with_element!($dtype, [I64, U64, F32, F64, C64, C128], $T => $body,
            else unreachable!("infer refuses other dtypes"))
    };
}

impl Reduce for Product {
    fn is_positional(&self) -> bool {
        false
    }

    fn is_exact(&self) -> bool {
        self.dtype.is_integer()
    }

    fn spec(&self) -> &FoldSpec {
        &self.fold.spec
    }

    fn accumulators(&self, _inputs: &[Meta]) -> Vec<AccSpec> {
        vec![AccSpec::one(self.dtype)]
    }

    fn start(&self, acc: &mut Acc) {
        with_type!(self.dtype, T => acc.part_mut::<T>(0).fill(<Multiply as Combine<T>>::identity()));
    }

    fn fold(&self, acc: &mut Acc, leaf: &LeafInput<'_>) -> Result<()> {
        with_type!(self.dtype, T => fold_product::<T>(self.fold.masked, acc, leaf));
        Ok(())
    }

    fn merge(&self, left: &mut Acc, right: &Acc) {
        with_type!(self.dtype, T => merge::<T, Multiply>(left.part_mut::<T>(0), right.part::<T>(0)));
    }

    fn finish(&self, acc: &Acc, _inputs: &[Meta], _output: usize, out: &mut BlockMut) -> Result<()> {
        with_type!(self.dtype, T => out.as_slice_mut::<T>().copy_from_slice(acc.part::<T>(0)));
        Ok(())
    }
}

fn fold_product<T: Lanes>(masked: bool, acc: &mut Acc, leaf: &LeafInput<'_>)
where
    Multiply: Combine<T>,
{
    let mut rows = LeafRows::<T>::new(leaf, masked, <Multiply as Combine<T>>::identity());
    fold_leaf::<T, T, Multiply>(&mut rows, acc.part_mut::<T>(0));
}
