//! e^x less 1 and the hyperbolic functions, without branches.

use super::{LN_2_HIGH, LN_2_LOW, nearest, polynomial, two_to_the};

/// The n, and the sine, less its argument, and the cosine, less 1, of the hyperbolic kind of r, where x = n ln 2 + r.
struct Reduced {
    n: i64,
    r: f64,
    sinh_less_r: f64,
    cosh_less_1: f64,
}

/// For at most 1100 in magnitude.
#[inline(always)]
fn reduced(x: f64) -> Reduced {
    let (whole, n) = nearest(x * std::f64::consts::LOG2_E);
    let high = x - whole * LN_2_HIGH;
    let low = -(whole * LN_2_LOW);
    let r = high + low;
    let low = low - (r - high);
    let z = r * r;
    let odd = [
        0.166_666_666_666_666_77,
        0.008_333_333_333_321_565,
        0.000_198_412_698_863_069_52,
        2.755_724_401_562_939_4e-6,
        2.510_910_820_535_008_7e-8,
    ];
    let even = [
        0.5,
        0.041_666_666_666_666_71,
        0.001_388_888_888_886_382_3,
        2.480_158_736_361_058e-5,
        2.755_724_164_478_344e-7,
        2.092_448_100_376_375_4e-9,
    ];
    let sinh_less_r = low + r * (z * polynomial(z, odd));
    let cosh_less_1 = z * polynomial(z, even) + r * low;
    Reduced { n, r, sinh_less_r, cosh_less_1 }
}

/// e^x - 1 as an unevaluated sum, for x from -45 to 45: the first part is it, rounded.
#[inline(always)]
fn expm1_in_parts(x: f64) -> (f64, f64) {
    let Reduced { n, r, sinh_less_r, cosh_less_1 } = reduced(x);
    let scale = two_to_the(n);
    // The larger of the two comes first: 0 where n is 0, half or more elsewhere.
    let (a, b) = (scale - 1.0, scale * r);
    let sum = a + b;
    let rest = (b - (sum - a)) + scale * (sinh_less_r + cosh_less_1);
    let value = sum + rest;
    (value, rest - (value - sum))
}

/// e^x - 1; within 1 unit in the last place.
#[inline(always)]
pub(crate) fn expm1(x: f64) -> f64 {
    // Beyond these the result is infinite or -1. NaN compares with neither and stays.
    let bounded = if x > 710.0 { 710.0 } else { x };
    let bounded = if bounded < -45.0 { -45.0 } else { bounded };
    let Reduced { n, r, sinh_less_r, cosh_less_1 } = reduced(bounded);
    // Half of everything, since the scale itself may be too large.
    let scale = two_to_the(n - 1);
    let (a, b) = (scale - 0.5, scale * r);
    let sum = a + b;
    let value = 2.0 * (sum + ((b - (sum - a)) + scale * (sinh_less_r + cosh_less_1)));
    // Subnormal numbers cannot be halved, and zeros have signs.
    if x.abs() < 1e-17 { x } else { value }
}

/// The halves of 2^n + 2^-n and 2^n - 2^-n, over 16, for n from 0 to 1025.
#[inline(always)]
fn scales(n: i64) -> (f64, f64) {
    let up = two_to_the(n - 5);
    // What is this small is lost in the sum.
    let down = two_to_the(if n > 100 { -105 } else { -n - 5 });
    (up + down, up - down)
}

/// The hyperbolic sine; within 2 units in the last place.
#[inline(always)]
pub(crate) fn sinh(x: f64) -> f64 {
    let size = x.abs();
    let Reduced { n, r, sinh_less_r, cosh_less_1 } = reduced(if size > 711.0 { 711.0 } else { size });
    let (cosh_n, sinh_n) = scales(n);
    // sinh(n ln 2 + r), its terms from the largest: one that is not multiplied by r, and it is 0 where n is 0.
    let b = cosh_n * r;
    let sum = sinh_n + b;
    let value = 16.0 * (sum + ((b - (sum - sinh_n)) + (cosh_n * sinh_less_r + sinh_n * cosh_less_1)));
    if size < 1e-8 { x } else { value.copysign(x) }
}

/// The hyperbolic cosine; within 2 units in the last place.
#[inline(always)]
pub(crate) fn cosh(x: f64) -> f64 {
    let size = x.abs();
    let Reduced { n, r, sinh_less_r, cosh_less_1 } = reduced(if size > 711.0 { 711.0 } else { size });
    let (cosh_n, sinh_n) = scales(n);
    16.0 * (cosh_n + (sinh_n * r + (cosh_n * cosh_less_1 + sinh_n * sinh_less_r)))
}

/// The hyperbolic tangent; within 2 units in the last place.
#[inline(always)]
pub(crate) fn tanh(x: f64) -> f64 {
    let size = x.abs();
    // tanh(x) = e / (e + 2), where e = e^(2x) - 1; 1 from 19.1 on.
    let (high, low) = expm1_in_parts(if size > 20.0 { 40.0 } else { 2.0 * size });
    let sum = 2.0 + high;
    let lost = if high > 2.0 { 2.0 - (sum - high) } else { high - (sum - 2.0) };
    let rest = lost + low;
    let quotient = high / sum;
    (quotient + (low - quotient * rest) / sum).copysign(x)
}
