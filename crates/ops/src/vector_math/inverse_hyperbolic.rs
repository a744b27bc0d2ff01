//! The inverses of the hyperbolic functions and logarithms of sums, without branches.

use super::power::product_in_parts;
use super::{LN_2_HIGH, LN_2_LOW, exp, exp2, log_correction, log1p, logarithm_or, split_normal};

/// From here on the square of a number is lost against it, or too large.
const LARGE: f64 = 1e9;

/// The logarithm of 1 + high + low, where `low` is small against `high`, and both are at least 0; and of twice `large`
/// instead, where that is not 0.
#[inline(always)]
fn log_of_one_and(high: f64, low: f64, large: f64) -> f64 {
    let is_large = large != 0.0;
    let sum = 1.0 + high;
    let lost = if high > 1.0 { 1.0 - (sum - high) } else { high - (sum - 1.0) };
    let (sum, rest) = if is_large { (large, 0.0) } else { (sum, lost + low) };
    let (exponent, f) = split_normal(sum);
    let exponent = if is_large { exponent + 1.0 } else { exponent };
    let small = exponent * LN_2_LOW + rest / sum;
    logarithm_or(sum, exponent * LN_2_HIGH + (f - (log_correction(f) - small)))
}

/// The number with this hyperbolic sine; within 2 units in the last place.
#[inline(always)]
pub(crate) fn arcsinh(x: f64) -> f64 {
    let size = x.abs();
    let is_large = size > LARGE;
    let a = if is_large { 1.0 } else { size };
    // asinh(a) = log(a + √(1 + a²)) = log(1 + a + a² / (1 + √(1 + a²)))
    let square = a * a;
    let more = square / (1.0 + (1.0 + square).sqrt());
    let sum = a + more;
    let value = log_of_one_and(sum, more - (sum - a), if is_large { size } else { 0.0 });
    let value = if x.is_nan() { x } else { value };
    value.copysign(x)
}

/// The number that is not negative with this hyperbolic cosine; within 2 units in the last place.
#[inline(always)]
pub(crate) fn arccosh(x: f64) -> f64 {
    let is_large = x > LARGE;
    // acosh(1 + t) = log(1 + t + √(t (t + 2))), the root with what rounding takes from it.
    let t = if is_large { 1.0 } else { x - 1.0 };
    let more = t + 2.0;
    let lost = if t > 2.0 { 2.0 - (more - t) } else { t - (more - 2.0) };
    let (square, rest) = product_in_parts(t, more);
    let root = square.sqrt();
    let (again, again_rest) = product_in_parts(root, root);
    let root_rest = (((square - again) - again_rest) + (rest + t * lost)) / (2.0 * root);
    let root_rest = if root == 0.0 { 0.0 } else { root_rest };
    let sum = root + t;
    let value = log_of_one_and(sum, (t - (sum - root)) + root_rest, if is_large { x } else { 0.0 });
    if x >= 1.0 { value } else { f64::NAN }
}

/// The number with this hyperbolic tangent; within 2 units in the last place.
#[inline(always)]
pub(crate) fn arctanh(x: f64) -> f64 {
    let a = x.abs();
    // atanh(a) = ½ log(1 + 2 a / (1 - a)), the quotient with what rounding takes from it.
    let inside = if a < 1.0 { a } else { 0.0 };
    let below = 1.0 - inside;
    let lost = (1.0 - below) - inside;
    let twice = 2.0 * inside;
    let quotient = twice / below;
    let (again, again_rest) = product_in_parts(quotient, below);
    let rest = (((twice - again) - again_rest) - quotient * lost) / below;
    let value = 0.5 * log_of_one_and(quotient, rest, 0.0);
    let value = if a == 1.0 { f64::INFINITY } else { value };
    // Subnormal numbers have no parts, and zeros have signs.
    let value = if a < 1e-9 { a } else { value };
    let value = if a <= 1.0 { value } else { f64::NAN };
    value.copysign(x)
}

/// The larger of two numbers, and the distance to the smaller one below it; NaN where either is.
#[inline(always)]
fn largest_and_distance(x: f64, y: f64) -> (f64, f64) {
    let largest = if x > y { x } else { y };
    // Equal infinities have no difference.
    (largest, if x == y { -0.0 } else { -(x - y).abs() })
}

/// log(e^x + e^y), as NumPy has it.
#[inline(always)]
pub(crate) fn logaddexp(x: f64, y: f64) -> f64 {
    let (largest, distance) = largest_and_distance(x, y);
    largest + log1p(exp(distance))
}

/// log2(2^x + 2^y), as NumPy has it.
#[inline(always)]
pub(crate) fn logaddexp2(x: f64, y: f64) -> f64 {
    let (largest, distance) = largest_and_distance(x, y);
    largest + log1p(exp2(distance)) * std::f64::consts::LOG2_E
}

/// sin(angle) / angle for an angle that is not 0; and 1 where it is.
#[inline(always)]
pub(crate) fn sine_over(angle: f64) -> f64 {
    let value = super::sin(angle) / angle;
    if angle == 0.0 { 1.0 } else { value }
}
