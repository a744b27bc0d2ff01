//! Kernels that do several functions in one pass over their tiles. Every rounding is that of the functions one by one.

use std::any::Any;

use super::arithmetic::{Add, Multiply, Square, Subtract};
use super::choice::Where;
use super::comparison::Equal;
use super::division::TrueDivide;
use super::kernel::{binary_loop, operand, target, vectorized, with_loop};
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

/// A kernel: `name, how many inputs: (inputs) = value`.
macro_rules! kernels {
    ($($(#[$doc:meta])* $name:ident, $run:ident: ($($x:ident),+) = $value:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        struct $name;

        impl Elementwise for $name {
            fn apply(&self, inputs: &[Tile<'_>], out: &mut TileMut<'_>) {
                with_loop!(out.dtype(), [F32, F64], T => {
                    let [$($x),+] = inputs else { unreachable!("the inputs of all that it does") };
                    $run($(operand::<T>($x)),+, target::<T>(out), #[inline(always)] |$($x: T),+| $value)
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

kernels! {
    /// `(a - b)²`.
    SquaredDifference, of_two: (a, b) = (a - b) * (a - b);
    /// `(a - b)² + c`.
    SquaredDifferencePlus, of_three: (a, b, c) = (a - b) * (a - b) + c;
    /// `a² b`.
    SquareTimes, of_two: (a, b) = a * a * b;
    /// `(a - b)² + (c - d)²`.
    SquaredDistance, of_pairs: (a, b, c, d) = (a - b) * (a - b) + (c - d) * (c - d);
    /// `(a / b)³`.
    QuotientCubed, of_two: (a, b) = cubed(a / b);
    /// `(d / ((a - b)² + c))³`.
    OverDistanceCubed, of_four: (a, b, c, d) = cubed(d / ((a - b) * (a - b) + c));
    /// `(g / ((e - f)² + ((a - b)² + (c - d)²)))³`: distances in space.
    OverSpaceDistanceCubed, of_seven: (a, b, c, d, e, f, g) =
        cubed(g / ((e - f) * (e - f) + ((a - b) * (a - b) + (c - d) * (c - d))));
    /// `(s s - s) h`, or `i` if that is NaN, where `s = (g / ((e - f)² + ((a - b)² + (c - d)²)))³`: a potential of pairs
    /// that repel each other when close and attract when far.
    PairPotential, of_nine: (a, b, c, d, e, f, g, h, i) = {
        let s = cubed(g / ((e - f) * (e - f) + ((a - b) * (a - b) + (c - d) * (c - d))));
        let value = (s * s - s) * h;
        if value.is_nan() { i } else { value }
    };
    /// `a b + c`.
    ProductPlus, of_three: (a, b, c) = a * b + c;
    /// `a b - c`.
    ProductLess, of_three: (a, b, c) = a * b - c;
    /// `c - a b`.
    LessProduct, of_three: (a, b, c) = c - a * b;
    /// `(a b - c) d`.
    ProductLessTimes, of_four: (a, b, c, d) = (a * b - c) * d;
    /// `(a b - c) d`, or `e` if that is NaN.
    ProductLessTimesOr, of_five: (a, b, c, d, e) = {
        let value = (a * b - c) * d;
        if value.is_nan() { e } else { value }
    };
    /// `c` where `a` equals `b`, `d` elsewhere.
    WhereEqual, of_four: (a, b, c, d) = if a == b { c } else { d };
}

#[inline(always)]
fn cubed<T: Copy + std::ops::Mul<Output = T>>(value: T) -> T {
    value * value * value
}

fn of_two<T: Copy>(a: Operand<'_, T>, b: Operand<'_, T>, out: &mut [T], f: impl Fn(T, T) -> T) {
    vectorized(
        #[inline(always)]
        move || binary_loop(a, b, out, f),
    );
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

/// The first operand is often one number for all.
fn of_three<T: Copy + Default>(
    a: Operand<'_, T>,
    b: Operand<'_, T>,
    c: Operand<'_, T>,
    out: &mut [T],
    f: impl Fn(T, T, T) -> T + Copy,
) {
    match a {
        Operand::Scalar(a) => spread([b, c], out, |[b, c], out| vector_loop!(out = f(a, b, c), for b, c)),
        a => spread([a, b, c], out, |[a, b, c], out| vector_loop!(out = f(a, b, c), for a, b, c)),
    }
}

/// The last operand is often one number for all, or the first and the last.
fn of_four<T: Copy + Default>(
    a: Operand<'_, T>,
    b: Operand<'_, T>,
    c: Operand<'_, T>,
    d: Operand<'_, T>,
    out: &mut [T],
    f: impl Fn(T, T, T, T) -> T + Copy,
) {
    if let Operand::Scalar(d) = d {
        return of_three(
            a,
            b,
            c,
            out,
            #[inline(always)]
            move |a, b, c| f(a, b, c, d),
        );
    }
    spread([a, b, c, d], out, |[a, b, c, d], out| vector_loop!(out = f(a, b, c, d), for a, b, c, d));
}

/// The last two operands are often one number for all.
fn of_five<T: Copy + Default>(
    a: Operand<'_, T>,
    b: Operand<'_, T>,
    c: Operand<'_, T>,
    d: Operand<'_, T>,
    e: Operand<'_, T>,
    out: &mut [T],
    f: impl Fn(T, T, T, T, T) -> T + Copy,
) {
    if let Operand::Scalar(e) = e {
        return of_four(
            a,
            b,
            c,
            d,
            out,
            #[inline(always)]
            move |a, b, c, d| f(a, b, c, d, e),
        );
    }
    spread([a, b, c, d, e], out, |[a, b, c, d, e], out| {
        vector_loop!(out = f(a, b, c, d, e), for a, b, c, d, e);
    });
}

/// The first and the third operand are often one number for all.
fn of_pairs<T: Copy + Default>(
    a: Operand<'_, T>,
    b: Operand<'_, T>,
    c: Operand<'_, T>,
    d: Operand<'_, T>,
    out: &mut [T],
    f: impl Fn(T, T, T, T) -> T + Copy,
) {
    let (Operand::Scalar(a), Operand::Scalar(c)) = (a, c) else { return of_four(a, b, c, d, out, f) };
    spread([b, d], out, |[b, d], out| vector_loop!(out = f(a, b, c, d), for b, d));
}

/// One operand of each of the first three pairs, and the last, are often one number for all. The operands of a pair may
/// change places.
#[allow(clippy::too_many_arguments, reason = "the inputs of five operations")]
fn of_seven<T: Copy + Default>(
    a: Operand<'_, T>,
    b: Operand<'_, T>,
    c: Operand<'_, T>,
    d: Operand<'_, T>,
    e: Operand<'_, T>,
    f: Operand<'_, T>,
    g: Operand<'_, T>,
    out: &mut [T],
    value: impl Fn(T, T, T, T, T, T, T) -> T + Copy,
) {
    let ordered = |first, second| match (first, second) {
        (Operand::Slice(_), Operand::Scalar(_)) => (second, first),
        pair => pair,
    };
    let ((a, b), (c, d), (e, f)) = (ordered(a, b), ordered(c, d), ordered(e, f));
    if let (Operand::Scalar(a), Operand::Scalar(c), Operand::Scalar(e), Operand::Scalar(g)) = (a, c, e, g) {
        return spread([b, d, f], out, |[b, d, f], out| {
            vector_loop!(out = value(a, b, c, d, e, f, g), for b, d, f);
        });
    }
    spread([a, b, c, d, e, f, g], out, |[a, b, c, d, e, f, g], out| {
        vector_loop!(out = value(a, b, c, d, e, f, g), for a, b, c, d, e, f, g);
    });
}

/// The last two operands are often one number for all; the first seven as in [`of_seven`].
#[allow(clippy::too_many_arguments, reason = "the inputs of nine operations")]
fn of_nine<T: Copy + Default>(
    a: Operand<'_, T>,
    b: Operand<'_, T>,
    c: Operand<'_, T>,
    d: Operand<'_, T>,
    e: Operand<'_, T>,
    f: Operand<'_, T>,
    g: Operand<'_, T>,
    h: Operand<'_, T>,
    i: Operand<'_, T>,
    out: &mut [T],
    value: impl Fn(T, T, T, T, T, T, T, T, T) -> T + Copy,
) {
    if let (Operand::Scalar(h), Operand::Scalar(i)) = (h, i) {
        return of_seven(
            a,
            b,
            c,
            d,
            e,
            f,
            g,
            out,
            #[inline(always)]
            move |a, b, c, d, e, f, g| value(a, b, c, d, e, f, g, h, i),
        );
    }
    spread([a, b, c, d, e, f, g, h, i], out, |[a, b, c, d, e, f, g, h, i], out| {
        vector_loop!(out = value(a, b, c, d, e, f, g, h, i), for a, b, c, d, e, f, g, h, i);
    });
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
