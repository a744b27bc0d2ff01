//! `sum` and `mean`.
use std::sync::Arc;

use super::build::{Fold, check_numeric, reduce};
use super::lanes::{Combine, Lanes, count_true, fold_leaf, merge};
use super::leaf_rows::{LeafRows, mask_rows};
use super::narrow::{fold_narrow, is_narrow, sum_of_narrow};
use super::options::Axes;
use super::planes::{is_square, plane};
use crate::elementwise::{add, divide};
use crate::prelude::*;

impl Array {
    /// The sum over axes.
    ///
    /// - shape: the kept axes; dtype: `int64` for bools and signed integers, `uint64` for unsigned ones, else as
    ///   `self`; with [`Axes::dtype`] elements are cast first. Integers wrap.
    /// - reads: everything, once. Floats are added in up to 64 lanes and a tree, so rounding errors grow with the
    ///   logarithm of the length; the order is fixed by shape and axes, so the bits are too.
    ///
    /// Agrees with `numpy.sum`.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`]; [`Error::DTypeUnsupported`] for dates and strings.
    pub fn sum(&self, axes: impl Into<Axes>) -> Result<Array> {
        let axes = axes.into();
        axes.allow("sum", true, false)?;
        let dtype = axes.asked_dtype().unwrap_or(self.dtype());
        let array = match is_narrow(dtype) {
            true => {
                check_numeric("sum", self.dtype())?;
                self.astype(dtype)?
            }
            false => widened("sum", self, Some(dtype))?,
        };
        let result = sum_or_mean("sum", &array, &axes, false)?;
        // A narrow integer that was asked for: what wraps in 64 bits wraps alike in fewer.
        result.astype(axes.asked_dtype().unwrap_or(result.dtype()))
    }

    /// The arithmetic mean over axes: NaN where there is no element.
    ///
    /// - shape: the kept axes; dtype: `float64` for bools and integers, else as `self`; with [`Axes::dtype`] elements
    ///   are cast first
    /// - reads: everything, once
    ///
    /// Agrees with `numpy.mean`.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`]; [`Error::DTypeUnsupported`] for dates and strings, and for an integer
    /// [`Axes::dtype`].
    pub fn mean(&self, axes: impl Into<Axes>) -> Result<Array> {
        let axes = axes.into();
        axes.allow("mean", true, false)?;
        // So many narrow integers that their sum is not exact in `float64` fit no memory.
        let array = match axes.asked_dtype() {
            None if is_narrow(self.dtype()) => self.clone(),
            asked => floating("mean", self, asked)?,
        };
        sum_or_mean("mean", &array, &axes, true)
    }
}

/// The array in the dtype that sums and products are computed in.
pub(crate) fn widened(op: &str, array: &Array, asked: Option<DType>) -> Result<Array> {
    check_numeric(op, array.dtype())?;
    let dtype = asked.unwrap_or(array.dtype());
    check_numeric(op, dtype)?;
    // Cast to the narrow type first: a float may not fit it.
    let array = array.astype(dtype)?;
    array.astype(match dtype.kind() {
        DTypeKind::Bool | DTypeKind::Signed => DType::I64,
        DTypeKind::Unsigned => DType::U64,
        _ => dtype,
    })
}

/// The array in the dtype that means and variances are computed in.
pub(crate) fn floating(op: &str, array: &Array, asked: Option<DType>) -> Result<Array> {
    check_numeric(op, array.dtype())?;
    let dtype = match asked {
        Some(dtype) if dtype.is_float() || dtype.is_complex() => dtype,
        Some(dtype) => {
            let help = "ask for a float or complex dtype and cast the result with astype".into();
            return Err(Error::DTypeUnsupported { op: op.into(), dtype, help });
        }
        None if array.dtype().is_integer_or_bool() => DType::F64,
        None => array.dtype(),
    };
    array.astype(dtype)
}

fn sum_or_mean(op: &str, array: &Array, axes: &Axes, mean: bool) -> Result<Array> {
    let dtype = array.dtype();
    reduce(op, array, axes, |fold| Ok(Sum { fold, dtype, mean }))
}

/// Of integers that are narrow or of 64 bits, bools, floats and complex numbers.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Sum {
    fold: Fold,
    dtype: DType,
    mean: bool,
}

impl Sum {
    /// What is added up: narrow integers in 64 bits.
    fn sum_dtype(&self) -> DType {
        if is_narrow(self.dtype) { sum_of_narrow(self.dtype) } else { self.dtype }
    }

    fn out_dtype(&self) -> DType {
        if self.mean && is_narrow(self.dtype) { DType::F64 } else { self.sum_dtype() }
    }
}

#[typetag::serde(name = "brickwork_ops::Sum")]
impl Operation for Sum {
    fn name(&self) -> String {
        if self.mean { "mean" } else { "sum" }.into()
    }

    fn refitted(&self, inputs: &[Meta]) -> Option<Arc<dyn Operation>> {
        Some(Arc::new(Sum { fold: self.fold.refitted(inputs), ..self.clone() }))
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        let meta = self.fold.infer(&self.name(), inputs, self.out_dtype())?;
        let integer = matches!(self.dtype, DType::I64 | DType::U64) && !self.mean || is_narrow(self.dtype);
        if inputs[0].dtype != self.dtype || !(integer || self.dtype.is_float() || self.dtype.is_complex()) {
            let help = "cast to a dtype with a sum first".into();
            return Err(Error::DTypeUnsupported { op: self.name(), dtype: inputs[0].dtype, help });
        }
        Ok(vec![meta])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Reduce(self)
    }
}

/// The longest axis that is summed up plane by plane.
const MOST_PLANES: usize = 8;

struct Add;

impl Combine<f32> for Add {
    #[inline(always)]
    fn identity() -> f32 {
        -0.0
    }

    #[inline(always)]
    fn join(left: f32, right: f32) -> f32 {
        left + right
    }
}

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

/// Stands for `int64` too: both wrap alike.
impl Combine<u64> for Add {
    const IS_EXACT: bool = true;

    #[inline(always)]
    fn identity() -> u64 {
        0
    }

    #[inline(always)]
    fn join(left: u64, right: u64) -> u64 {
        left.wrapping_add(right)
    }
}

/// Runs an expression with the element type, and the type of its parts that are added, of a dtype.
macro_rules! with_parts {
    ($dtype:expr, $E:ident, $T:ident => $body:expr) => {
        match $dtype {
            DType::I64 => with_parts!(@ i64, u64, $E, $T => $body),
            DType::U64 => with_parts!(@ u64, u64, $E, $T => $body),
            DType::F32 => with_parts!(@ f32, f32, $E, $T => $body),
            DType::F64 => with_parts!(@ f64, f64, $E, $T => $body),
            DType::C64 => with_parts!(@ Complex<f32>, f32, $E, $T => $body),
            DType::C128 => with_parts!(@ Complex<f64>, f64, $E, $T => $body),
            _ => unreachable!("infer refuses other dtypes"),
        }
    };
    (@ $element:ty, $part:ty, $E:ident, $T:ident => $body:expr) => {{
        type $E = $element;
        type $T = $part;
        $body
    }};
}

impl Reduce for Sum {
    fn is_positional(&self) -> bool {
        false
    }

    fn spec(&self) -> &FoldSpec {
        &self.fold.spec
    }

    /// Adds in the order of the lanes: halves onto halves.
    fn in_planes(&self, inputs: &[Value]) -> Result<Option<Value>> {
        let [input] = inputs else { return Ok(None) };
        let last = input.meta().ndim().checked_sub(1);
        let len = self.fold.elements();
        // A mean divides the parts of a complex number one by one, which no elementwise operation does.
        let is_said = !(self.mean && self.dtype.is_complex());
        if self.fold.spec.axes() != last.as_slice() || !(2..=MOST_PLANES).contains(&len) || !is_said {
            return Ok(None);
        }
        let wide = self.sum_dtype();
        let lanes = (0..len as isize).map(|index| plane(input, index)?.astype(wide));
        let mut lanes = lanes.collect::<Result<Vec<Array>>>()?;
        while lanes.len() > 1 {
            let half = lanes.len().next_power_of_two() / 2;
            let upper = lanes.split_off(half);
            for (lane, upper) in lanes.iter_mut().zip(&upper) {
                *lane = add(&*lane, upper)?;
            }
        }
        let mut sum = lanes.swap_remove(0);
        let is_positive = is_square(input) && !self.dtype.is_complex();
        if !self.dtype.is_integer_or_bool() && !is_positive {
            // A sum of negative zeros is 0.0.
            sum = add(&sum, 0.0)?;
        }
        if self.mean {
            sum = divide(&sum, len as f64)?;
        }
        Ok(Some(brickwork_core::Lazy::value(&sum).clone()))
    }

    fn is_exact(&self) -> bool {
        self.sum_dtype().is_integer()
    }

    fn accumulators(&self, _inputs: &[Meta]) -> Vec<AccSpec> {
        let mut specs = vec![AccSpec::one(self.sum_dtype())];
        if self.mean && self.fold.masked {
            specs.push(AccSpec::one(DType::I64));
        }
        specs
    }

    fn start(&self, acc: &mut Acc) {
        with_parts!(self.sum_dtype(), E, T => {
            bytemuck::cast_slice_mut::<E, T>(acc.part_mut::<E>(0)).fill(<Add as Combine<T>>::identity());
        });
        if self.mean && self.fold.masked {
            acc.part_mut::<i64>(1).fill(0);
        }
    }

    fn fold(&self, acc: &mut Acc, leaf: &LeafInput<'_>) -> Result<()> {
        if is_narrow(self.dtype) {
            fold_narrow(self.dtype, self.fold.masked, acc, leaf);
        } else {
            with_parts!(self.dtype, E, T => fold_sum::<E, T>(self.fold.masked, acc, leaf));
        }
        if self.mean && self.fold.masked {
            count_true(&mut mask_rows(leaf), acc.part_mut::<i64>(1));
        }
        Ok(())
    }

    fn merge(&self, left: &mut Acc, right: &Acc) {
        with_parts!(self.sum_dtype(), E, T => {
            let right: &[T] = bytemuck::cast_slice(right.part::<E>(0));
            merge::<T, Add>(bytemuck::cast_slice_mut(left.part_mut::<E>(0)), right);
        });
        if self.mean && self.fold.masked {
            for (left, right) in left.part_mut::<i64>(1).iter_mut().zip(right.part::<i64>(1)) {
                *left += right;
            }
        }
    }

    fn finish(&self, acc: &Acc, _inputs: &[Meta], _output: usize, out: &mut BlockMut) -> Result<()> {
        let all = self.fold.elements() as f64;
        let counts = (self.mean && self.fold.masked).then(|| acc.part::<i64>(1));
        if self.mean && is_narrow(self.dtype) {
            let means = out.as_slice_mut::<f64>().iter_mut().enumerate();
            let count = |i: usize| counts.map_or(all, |counts| counts[i] as f64);
            match self.sum_dtype() {
                DType::U64 => {
                    means.zip(acc.part::<u64>(0)).for_each(|((i, mean), &sum)| *mean = sum as f64 / count(i));
                }
                _ => {
                    means.zip(acc.part::<i64>(0)).for_each(|((i, mean), &sum)| *mean = sum as f64 / count(i));
                }
            }
            return Ok(());
        }
        with_parts!(self.sum_dtype(), E, T => {
            let parts = size_of::<E>() / size_of::<T>();
            let sums: &[T] = bytemuck::cast_slice(acc.part::<E>(0));
            let out: &mut [T] = bytemuck::cast_slice_mut(out.as_slice_mut::<E>());
            for (i, (out, &sum)) in out.iter_mut().zip(sums).enumerate() {
                // Joined with the zero that NumPy starts from: a sum of negative zeros is 0.0.
                let sum = sum.with_zero();
                let count = counts.map_or(all, |counts| counts[i / parts] as f64);
                *out = if self.mean { sum.per(count) } else { sum };
            }
        });
        Ok(())
    }
}

fn fold_sum<E: Element, T: Lanes>(masked: bool, acc: &mut Acc, leaf: &LeafInput<'_>)
where
    Add: Combine<T>,
{
    // Bits of the identity: -0.0, in both parts of a complex number.
    let parts = [<Add as Combine<T>>::identity(); 2];
    let neutral = bytemuck::cast_slice::<T, E>(&parts[..size_of::<E>() / size_of::<T>()])[0];
    let mut rows = LeafRows::<E>::new(leaf, masked, neutral);
    fold_leaf::<E, T, Add>(&mut rows, bytemuck::cast_slice_mut(acc.part_mut::<E>(0)));
}

/// The last step of a sum and of a mean.
trait Finish: Copy {
    fn with_zero(self) -> Self;

    fn per(self, count: f64) -> Self;
}

impl Finish for f32 {
    fn with_zero(self) -> Self {
        self + 0.0
    }

    fn per(self, count: f64) -> Self {
        self / count as f32
    }
}

impl Finish for f64 {
    fn with_zero(self) -> Self {
        self + 0.0
    }

    fn per(self, count: f64) -> Self {
        self / count
    }
}

/// Integers have a sum and no mean: theirs is that of floats.
impl Finish for u64 {
    fn with_zero(self) -> Self {
        self
    }

    fn per(self, _count: f64) -> Self {
        self
    }
}
