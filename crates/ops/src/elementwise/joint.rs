//! Kernels that do several functions in one pass over their tiles. Every rounding is that of the functions one by one.

use std::any::Any;

use super::arithmetic::{Add, Multiply, Square, Subtract};
use super::choice::Where;
use super::comparison::Equal;
use super::division::TrueDivide;
use super::kernel::{operand, target, vectorized, with_loop};
use crate::prelude::*;

/// The kernel for `after` with what `before` gives at its inputs `at`, if there is one for these dtypes. Its inputs are
/// those of `before` and the others of `after`.
pub(super) fn joint(
    after: &dyn Any,
    before: &dyn Any,
    at: &[usize],
    dtypes: &[DType],
) -> Option<Box<dyn Elementwise>> {
    let dtype = dtypes[0];
    if !matches!(dtype, DType::F32 | DType::F64) || dtypes.iter().any(|other| *other != dtype) {
        return None;
    }
    let one = at.len() == 1;
    let joint: Box<dyn Elementwise> = match () {
        () if after.is::<Multiply>() && before.is::<Subtract>() && !one => Box::new(SquaredDifference),
        () if after.is::<Square>() && before.is::<Subtract>() => Box::new(SquaredDifference),
        () if after.is::<Multiply>() && before.is::<Square>() && one => Box::new(SquareTimes),
        () if after.is::<SquareTimes>() && before.is::<TrueDivide>() && !one => Box::new(QuotientCubed),
        () if after.is::<QuotientCubed>() && before.is::<SquaredDifferencePlus>() && at == [1] => {
            Box::new(OverDistanceCubed)
        }
        () if after.is::<OverDistanceCubed>() && before.is::<SquaredDistance>() && at == [2] => {
            Box::new(OverSpaceDistanceCubed)
        }
        () if after.is::<Multiply>() && before.is::<ProductLess>() && one => Box::new(ProductLessTimes),
        () if after.is::<WhereEqual>() && before.is::<ProductLessTimes>() && at == [0, 1, 2] => {
            Box::new(ProductLessTimesOr)
        }
        () if after.is::<ProductLessTimesOr>()
            && before.is::<OverSpaceDistanceCubed>()
            && at == [0, 1, 2] =>
        {
            Box::new(PairPotential)
        }
        () if after.is::<Add>() && before.is::<Multiply>() && one => Box::new(ProductPlus),
        () if after.is::<Add>() && before.is::<SquaredDifference>() && one => Box::new(SquaredDifferencePlus),
        () if after.is::<SquaredDifferencePlus>() && before.is::<SquaredDifference>() && at == [2] => {
            Box::new(SquaredDistance)
        }
        () if after.is::<Subtract>() && before.is::<Multiply>() && at == [0] => Box::new(ProductLess),
        () if after.is::<Subtract>() && before.is::<Multiply>() && at == [1] => Box::new(LessProduct),
        () if after.is::<Where>() && before.is::<Equal>() && at == [0] => Box::new(WhereEqual),
        () => return None,
    };
    Some(joint)
}

/// Kernels: `name(inputs) = value;`, then `(numbers) for (others);` for inputs that are often one number for all: a loop
/// over the others alone. The inputs of `[a = b]` may change places, so that `a` is the number.
macro_rules! kernels {
    ($(
        $(#[$doc:meta])*
        $name:ident($($x:ident),+) = $value:expr;
        $([$($one:ident = $other:ident),+];)?
        $(($($number:ident),+) for ($($vector:ident),+);)*
    )+) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        struct $name;

        impl Elementwise for $name {
            fn apply(&self, inputs: &[Tile<'_>], out: &mut TileMut<'_>) {
                with_loop!(out.dtype(), [F32, F64], T => {
                    let [$($x),+] = inputs else { unreachable!("the inputs of all that it does") };
                    let ($($x),+) = ($(operand::<T>($x)),+);
                    $($(let ($one, $other) = number_first($one, $other);)+)?
                    let out = target::<T>(out);
                    $(if let ($(Operand::Scalar($number),)+) = ($($number,)+) {
                        return spread([$($vector),+], out, |[$($vector),+], out| {
                            vector_loop!(out = $value, for $($vector),+);
                        });
                    })*
                    spread([$($x),+], out, |[$($x),+], out| vector_loop!(out = $value, for $($x),+));
                });
            }

            fn after(
                &self,
                before: &dyn Elementwise,
                at: &[usize],
                dtypes: &[DType],
            ) -> Option<Box<dyn Elementwise>> {
                joint(self, before, at, dtypes)
            }
        }
    )+};
}

/// A loop over slices that are as long as each other: `out = value, for the elements of these`.
macro_rules! vector_loop {
    ($out:ident = $value:expr, for $first:ident $(, $x:ident)*) => {
        vector_loop!(@ $out, $value, ($out, &$first), $out.iter_mut().zip($first) $(, $x)*)
    };
    (@ $out:ident, $value:expr, $pattern:pat, $zipped:expr, $first:ident $(, $x:ident)*) => {
        vector_loop!(@ $out, $value, ($pattern, &$first), $zipped.zip($first) $(, $x)*)
    };
    (@ $out:ident, $value:expr, $pattern:pat, $zipped:expr) => {
        vectorized(
            #[inline(always)]
            move || {
                for $pattern in $zipped {
                    *$out = $value;
                }
            },
        )
    };
}

kernels! {
    /// `(a - b)²`.
    SquaredDifference(a, b) = (a - b) * (a - b);
        (a) for (b); (b) for (a);
    /// `(a - b)² + c`.
    SquaredDifferencePlus(a, b, c) = (a - b) * (a - b) + c;
        (a) for (b, c);
    /// `a² b`.
    SquareTimes(a, b) = a * a * b;
        (a) for (b); (b) for (a);
    /// `(a - b)² + (c - d)²`.
    SquaredDistance(a, b, c, d) = (a - b) * (a - b) + (c - d) * (c - d);
        [a = b, c = d]; (a, c) for (b, d);
    /// `(a / b)³`.
    QuotientCubed(a, b) = cubed(a / b);
        (a) for (b); (b) for (a);
    /// `(d / ((a - b)² + c))³`.
    OverDistanceCubed(a, b, c, d) = cubed(d / ((a - b) * (a - b) + c));
        (a, d) for (b, c); (d) for (a, b, c);
    /// `(g / ((e - f)² + ((a - b)² + (c - d)²)))³`: distances in space.
    OverSpaceDistanceCubed(a, b, c, d, e, f, g) =
        cubed(g / ((e - f) * (e - f) + ((a - b) * (a - b) + (c - d) * (c - d))));
        [a = b, c = d, e = f]; (a, c, e, g) for (b, d, f);
    /// `(s s - s) h`, or `i` if that is NaN, where `s = (g / ((e - f)² + ((a - b)² + (c - d)²)))³`: a potential of pairs
    /// that repel each other when close and attract when far.
    PairPotential(a, b, c, d, e, f, g, h, i) = {
        let s = cubed(g / ((e - f) * (e - f) + ((a - b) * (a - b) + (c - d) * (c - d))));
        let value = (s * s - s) * h;
        if value.is_nan() { i } else { value }
    };
        [a = b, c = d, e = f]; (a, c, e, g, h, i) for (b, d, f); (h, i) for (a, b, c, d, e, f, g);
    /// `a b + c`.
    ProductPlus(a, b, c) = a * b + c;
        (a) for (b, c);
    /// `a b - c`.
    ProductLess(a, b, c) = a * b - c;
        (a) for (b, c);
    /// `c - a b`.
    LessProduct(a, b, c) = c - a * b;
        (a) for (b, c);
    /// `(a b - c) d`.
    ProductLessTimes(a, b, c, d) = (a * b - c) * d;
        (a, d) for (b, c); (d) for (a, b, c);
    /// `(a b - c) d`, or `e` if that is NaN.
    ProductLessTimesOr(a, b, c, d, e) = {
        let value = (a * b - c) * d;
        if value.is_nan() { e } else { value }
    };
        (a, d, e) for (b, c); (d, e) for (a, b, c); (e) for (a, b, c, d);
    /// `c` where `a` equals `b`, `d` elsewhere.
    WhereEqual(a, b, c, d) = if a == b { c } else { d };
        (a, d) for (b, c); (d) for (a, b, c);
}

#[inline(always)]
fn cubed<T: Copy + std::ops::Mul<Output = T>>(value: T) -> T {
    value * value * value
}

/// Two operands that may change places: the one that is one number for all first.
fn number_first<'a, T: Copy>(a: Operand<'a, T>, b: Operand<'a, T>) -> (Operand<'a, T>, Operand<'a, T>) {
    match (a, b) {
        (Operand::Slice(_), Operand::Scalar(_)) => (b, a),
        pair => pair,
    }
}

/// Some elements of an operand that has one for every element.
fn part<'a, T: Copy>(operand: &Operand<'a, T>, start: usize, len: usize) -> &'a [T] {
    match operand {
        Operand::Slice(values) => &values[start..start + len],
        Operand::Scalar(_) => &[],
    }
}

/// Elements of numbers that are spread out, at a time.
const STEP: usize = 64;

/// Calls a loop with operands that have an element for every one of the output: at once if they all do, and else bit by
/// bit, with what is one number for all spread out.
fn spread<T: Copy + Default, const N: usize>(
    operands: [Operand<'_, T>; N],
    out: &mut [T],
    run: impl Fn([&[T]; N], &mut [T]),
) {
    let has_scalar = operands.iter().any(|operand| matches!(operand, Operand::Scalar(_)));
    if !has_scalar {
        let len = out.len();
        return run(operands.map(|operand| part(&operand, 0, len)), out);
    }
    let spread = operands.map(|operand| match operand {
        Operand::Scalar(value) => [value; STEP],
        Operand::Slice(_) => [T::default(); STEP],
    });
    for (number, out) in out.chunks_mut(STEP).enumerate() {
        let (start, len) = (number * STEP, out.len());
        let slices = std::array::from_fn(|k| match &operands[k] {
            Operand::Scalar(_) => &spread[k][..len],
            slice => part(slice, start, len),
        });
        run(slices, out);
    }
}

#[cfg(test)]
mod tests {
    use brickwork_core::Lazy;
    use brickwork_core::eval::{LocalContext, Walks, evaluate_with};

    use super::*;
    use crate::elementwise::where_;

    /// Numbers over a few rows; or one for all.
    fn numbers(k: usize, dtype: DType, is_scalar: bool) -> Array {
        let shape: &[usize] = if is_scalar { &[] } else { &[3, 150] };
        let value = |i: usize| match (i + k) % 41 {
            40 => f64::NAN,
            39 => f64::INFINITY,
            i => (i * 7 % 19) as f64 * 0.1 - 0.7,
        };
        let values: Vec<f64> = (0..shape.iter().product()).map(value).collect();
        let values = ndarray::ArrayD::from_shape_vec(shape, values).expect("as many as the shape has");
        Array::from_ndarray(values).unwrap().astype(dtype).unwrap()
    }

    fn bits(array: &Array, fuse: bool) -> Vec<u8> {
        let walks = Walks { fuse, ..Walks::default() };
        let region = Region::full(array.shape());
        let block = evaluate_with(array.value(), &region, &walks, &LocalContext::new(1 << 20)).unwrap();
        block.to_dense(None).buffer_bytes().to_vec()
    }

    #[test]
    fn one_pass_gives_the_bits_of_several() {
        type Expression = fn(&Array, &Array, &Array, &Array) -> Array;
        let expressions: [Expression; 17] = [
            |a, b, _, _| (a - b) * (a - b),
            |a, b, _, _| (a - b).square().unwrap(),
            |a, b, c, _| (a - b) * (a - b) + c,
            |a, b, c, _| c + a * b,
            |a, b, c, _| a * b - c,
            |a, b, c, _| c - a * b,
            |a, b, c, d| (a * b - c) * d,
            |a, b, _, _| a.square().unwrap() * b,
            |a, b, c, d| (a - b).square().unwrap() + (c - d).square().unwrap(),
            |a, b, c, _| (a - b).square().unwrap() + ((a - c).square().unwrap() + (b - c).square().unwrap()),
            |a, b, _, _| (a / b).power(3).unwrap(),
            |a, b, c, d| (d / ((a - b).square().unwrap() + c)).power(3).unwrap(),
            |a, b, c, d| {
                let plane = (b - a).square().unwrap() + (c - d).square().unwrap();
                (a / ((d - b).square().unwrap() + plane)).power(3).unwrap()
            },
            |a, b, c, d| {
                let plane = (b - a).square().unwrap() + (c - d).square().unwrap();
                let s = (a / ((d - b).square().unwrap() + plane)).power(3).unwrap();
                let value = (&s * &s - &s) * d;
                where_(value.equal(&value).unwrap(), &value, c).unwrap()
            },
            |a, b, c, d| where_(a.equal(b).unwrap(), c, d).unwrap(),
            |a, b, c, d| {
                let product = (a * b - c) * d;
                where_(product.equal(&product).unwrap(), &product, c).unwrap()
            },
            |a, _, c, d| ((a - c).square().unwrap() + (a - d).square().unwrap()) * a - d,
        ];
        for dtype in [DType::F32, DType::F64, DType::I32] {
            for scalars in 0..16usize {
                let [a, b, c, d] = [0, 1, 2, 3].map(|k| numbers(k, dtype, scalars >> k & 1 == 1));
                for expression in expressions {
                    let array = expression(&a, &b, &c, &d);
                    assert_eq!(bits(&array, true), bits(&array, false), "{scalars:04b} {dtype}");
                }
            }
        }
    }

    #[test]
    fn there_are_kernels_for_floats_alone() {
        let is_joint = |dtype| joint(&Multiply, &Subtract, &[0, 1], &[dtype; 2]).is_some();
        assert!(is_joint(DType::F32) && is_joint(DType::F64));
        assert!(!is_joint(DType::I32) && !is_joint(DType::C128));
        assert!(joint(&Multiply, &ProductLess, &[1], &[DType::F64; 4]).is_some());
        assert!(joint(&Where, &Equal, &[1], &[DType::F64; 4]).is_none());
    }

    #[test]
    fn a_potential_of_pairs_is_one_kernel() {
        // As a program joins its steps, one after the other.
        let step = |after: &dyn Elementwise, before: &dyn Elementwise, at: &[usize], inputs: usize| {
            after.after(before, at, &vec![DType::F64; inputs]).expect("a kernel for both")
        };
        let in_plane = step(&SquaredDifferencePlus, &SquaredDifference, &[2], 4);
        let cubed = step(&SquareTimes, &TrueDivide, &[0, 1], 2);
        let over_distance = step(&*cubed, &SquaredDifferencePlus, &[1], 4);
        let in_space = step(&*over_distance, &*in_plane, &[2], 7);
        let scaled = step(&Multiply, &ProductLess, &[0], 4);
        let without_nan = step(&WhereEqual, &*scaled, &[0, 1, 2], 5);
        step(&*without_nan, &*in_space, &[0, 1, 2], 9);
    }
}
