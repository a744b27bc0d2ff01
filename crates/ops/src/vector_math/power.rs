//! Powers, cube roots and lengths, without branches.

use super::{LN_2_REST, LN_2_UPPER, exp2, log2, nearest, polynomial, split, two_to_the};

/// 2 / (3 ln 2): with 26 digits, the rest, and together.
const SCALE_UPPER: f64 = 0.961_796_700_954_437_3;
const SCALE_REST: f64 = -7.028_461_650_952_758e-9;
const SCALE: f64 = 0.961_796_693_925_975_6;

/// 2^52: added to a smaller number that is not negative, it leaves the nearest whole number in the low bits.
const TWO_POW_52: f64 = super::TWO_POW_52;

/// The first 26 digits of a number.
#[inline(always)]
fn upper(x: f64) -> f64 {
    f64::from_bits(x.to_bits() & !((1 << 27) - 1))
}

/// A product as a sum: it, rounded, and what rounding took. For factors whose product is neither too large nor too small
/// to have parts.
#[inline(always)]
pub(super) fn product_in_parts(x: f64, y: f64) -> (f64, f64) {
    let product = x * y;
    let (x_upper, y_upper) = (upper(x), upper(y));
    let (x_rest, y_rest) = (x - x_upper, y - y_upper);
    // The upper parts have 26 digits, the rests 27: the last product alone can be rounded, far below the last place.
    let rest = ((x_upper * y_upper - product) + x_upper * y_rest + x_rest * y_upper) + x_rest * y_rest;
    (product, rest)
}

/// The logarithm to base 2 of a positive number as a sum: 26 digits, and a rest that makes them 65.
#[inline(always)]
fn log2_in_parts(x: f64) -> (f64, f64) {
    let (exponent, f) = split(x);
    // log(1 + f) = 2 s + 2/3 s³ + … = 2/3 s (3 + s² + s⁴ r(s²)), all factors in a short and a long part.
    let denominator = 2.0 + f;
    let lost = f - (denominator - 2.0);
    let inverse = 1.0 / denominator;
    let s = f * inverse;
    let s_upper = upper(s);
    let denominator_upper = upper(denominator);
    let denominator_rest = (denominator - denominator_upper) + lost;
    let s_rest = inverse * ((f - s_upper * denominator_upper) - s_upper * denominator_rest);
    let z = s * s;
    let series = [
        0.600_000_000_000_033_8,
        0.428_571_428_551_501_8,
        0.333_333_337_797_232_7,
        0.272_726_765_655_527_56,
        0.230_801_352_911_234_24,
        0.198_852_433_388_197_7,
        0.197_943_362_871_540_3,
    ];
    let tail = z * z * polynomial(z, series) + s_rest * (s + s_upper);
    let square = s_upper * s_upper;
    let t = upper(3.0 + square + tail);
    let t_rest = tail - ((t - 3.0) - square);
    let high = s_upper * t;
    let low = s_rest * t + t_rest * s;
    let product = upper(high + low);
    let product_rest = low - (product - high);
    let high = SCALE_UPPER * product;
    let low = SCALE_REST * product + product_rest * SCALE;
    let sum = upper((high + low) + exponent);
    (sum, low - ((sum - exponent) - high))
}

/// 2^(high + low), where `low` is small against `high` and their sum from -1080 to 1025.
#[inline(always)]
fn exp2_of_sum(high: f64, low: f64) -> f64 {
    let (whole, n) = nearest(high + low);
    let rest = high - whole;
    let short = upper(rest + low);
    let long = low - (short - rest);
    let high = short * LN_2_UPPER;
    let low = long * std::f64::consts::LN_2 + short * LN_2_REST;
    // As in `scaled_exp`, but with the rounding of 1 + high made good: whole powers come out exact where they can.
    let r = high + low;
    let z = r * r;
    let z2 = z * z;
    let tail = (0.500_000_000_000_001_3 + r * 0.166_666_666_666_667)
        + z * (0.041_666_666_666_514_97 + r * 0.008_333_333_333_307_215)
        + z2 * ((0.001_388_888_894_714_466 + r * 0.000_198_412_699_173_496_03)
            + z * (2.480_148_979_802_023_6e-5 + r * 2.755_721_633_914_251_5e-6))
        + (z2 * z2) * (2.763_133_531_945_823e-7 + r * 2.511_784_694_854_070_5e-8);
    let sum = 1.0 + high;
    let value = sum + ((high - (sum - 1.0)) + (low + z * tail));
    let half = n >> 1;
    value * two_to_the(half) * two_to_the(n - half)
}

/// The magnitude of a power as C and NumPy define it, from that for positive, finite numbers, and its sign.
#[inline(always)]
fn power_of_special(x: f64, y: f64, magnitude: f64) -> f64 {
    let (size, exponent) = (x.abs(), y.abs());
    // A base without a logarithm that is finite.
    let value = if (size == 0.0) == (y > 0.0) { 0.0 } else { f64::INFINITY };
    let value = if (size == 0.0) | (size == f64::INFINITY) { value } else { magnitude };
    // Signs: numbers from 2^53 on are even, those from 2^52 on have their unit in the last bit.
    let shifted = exponent + TWO_POW_52;
    let is_large = exponent >= TWO_POW_52;
    let is_whole = is_large | (shifted - TWO_POW_52 == exponent);
    let units = if is_large { exponent.to_bits() } else { shifted.to_bits() };
    let is_odd = is_whole & (exponent < 2.0 * TWO_POW_52) & (units & 1 == 1);
    let is_negative = x.is_sign_negative();
    let value = if is_negative & is_odd { -value } else { value };
    let value = if (x < 0.0) & (size != f64::INFINITY) & !is_whole { f64::NAN } else { value };
    let value = if x.is_nan() | y.is_nan() { f64::NAN } else { value };
    if (y == 0.0) | (x == 1.0) { 1.0 } else { value }
}

/// x^y; within 1 unit in the last place, of subnormal results too.
#[inline(always)]
pub(crate) fn power(x: f64, y: f64) -> f64 {
    let (log, log_rest) = log2_in_parts(x.abs());
    // Beyond 2^64 every power but that of 1 is zero or infinite.
    let most = 18_446_744_073_709_551_616.0;
    let bounded = if y > most { most } else { y };
    let bounded = if bounded < -most { -most } else { bounded };
    let y_upper = upper(bounded);
    let high = y_upper * log;
    let low = (bounded - y_upper) * log + bounded * log_rest;
    // What is beyond these is infinite or zero. The rest is small against what is cut off, but not against one.
    let sum = high + low;
    let inside = if sum.abs() < 1100.0 { 1.0 } else { 0.0 };
    let high = if high > 1200.0 { 1200.0 } else { high };
    let high = if high < -1200.0 { -1200.0 } else { high };
    let low = low * inside;
    power_of_special(x, y, exp2_of_sum(high, low))
}

/// x^y of numbers of 24 digits, to rather more than those.
#[inline(always)]
pub(crate) fn power_of_short(x: f64, y: f64) -> f64 {
    // Infinity times the logarithm of 1 would not be a number.
    let bounded = if y > 1e30 { 1e30 } else { y };
    let bounded = if bounded < -1e30 { -1e30 } else { bounded };
    power_of_special(x, y, exp2(bounded * log2(x.abs())))
}

/// The cube root; within 1 unit in the last place.
#[inline(always)]
pub(crate) fn cbrt(x: f64) -> f64 {
    let (exponent, f) = split(x.abs());
    // The exponent as a multiple of 3 and -1, 0 or 1.
    let (third, n) = nearest(exponent * (1.0 / 3.0));
    let left = exponent - 3.0 * third;
    let factor = if left > 0.5 { 2.0 } else { 1.0 };
    let root_of_factor = if left > 0.5 { 1.259_921_049_894_873_2 } else { 1.0 };
    let factor = if left < -0.5 { 0.5 } else { factor };
    let root_of_factor = if left < -0.5 { 0.793_700_525_984_099_8 } else { root_of_factor };
    let mantissa = (1.0 + f) * factor;
    let series = [
        1.000_000_011_358_262_3,
        0.333_333_828_596_475_65,
        -0.111_114_259_306_275_98,
        0.061_687_388_037_342_57,
        -0.040_991_063_269_131_41,
        0.030_972_023_963_772_72,
        -0.026_354_550_052_463_083,
        0.015_771_156_060_710_35,
    ];
    let guess = root_of_factor * polynomial(f, series);
    // To 17 digits, so that its cube is exact.
    let root = f64::from_bits((guess.to_bits() + (1 << 35)) & !((1 << 36) - 1));
    let cube = root * root * root;
    // Halley's step, and the next term of its series.
    let step = (mantissa - cube) / (2.0 * cube + mantissa);
    let root = root + root * (step + step * step * (step * (2.0 / 3.0)));
    let value = root * two_to_the(n);
    (if x == 0.0 || x.abs() == f64::INFINITY || x.is_nan() { x } else { value }).copysign(x)
}

/// The length of the hypotenuse; within 2 units in the last place.
#[inline(always)]
pub(crate) fn hypot(x: f64, y: f64) -> f64 {
    let (x, y) = (x.abs(), y.abs());
    let large = if x > y { x } else { y };
    // Powers of two that keep the squares in range.
    let up = 4.149_515_568_880_993e180;
    let down = 2.409_919_865_102_884e-181;
    let (scale, back) = if large > 1e150 { (down, up) } else { (1.0, 1.0) };
    let (scale, back) = if large < 1e-120 { (up, down) } else { (scale, back) };
    let (a, b) = (x * scale, y * scale);
    let value = (a * a + b * b).sqrt() * back;
    if x == f64::INFINITY || y == f64::INFINITY { f64::INFINITY } else { value }
}
