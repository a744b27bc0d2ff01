//! Mathematical functions without branches, which vectorise in plain loops. Here exponentials, logarithms, sines, cosines
//! and tangents; the rest by family in the files below.
//!
//! Additions, multiplications, one division and bit operations, each rounded once and never contracted, so that every
//! instruction set gives the same bits. Within 1 unit in the last place where nothing else is said; infinities, zeros,
//! NaN and subnormal numbers as NumPy has them. The polynomials are minimax fits made for this file. `f32` is computed
//! in `f64` and rounded.

mod hyperbolic;
mod inverse;
mod inverse_hyperbolic;
mod power;

pub(crate) use hyperbolic::{cosh, expm1, sinh, tanh};
pub(crate) use inverse::{arccos, arcsin, arctan, arctan2};
pub(crate) use inverse_hyperbolic::{arccosh, arcsinh, arctanh, logaddexp, logaddexp2, sine_over};
pub(crate) use power::{cbrt, hypot, power, power_of_short};

/// The bits of the square root of one half: mantissas are taken from here to the square root of two.
const SQRT_HALF_BITS: u64 = 0x3FE6_A09E_667F_3BCD;
const ONE_BITS: u64 = 0x3FF0_0000_0000_0000;
const MANTISSA_MASK: u64 = (1 << 52) - 1;

/// Added to a number below 2^51 in magnitude, it leaves the nearest whole number in the low bits.
const ROUNDER: f64 = 6_755_399_441_055_744.0;
/// The bits of 2^52: or-ing a whole number below 2^52 into them gives the `f64` 2^52 + number.
const TWO_POW_52_BITS: u64 = 0x4330_0000_0000_0000;
const TWO_POW_52: f64 = 4_503_599_627_370_496.0;

/// ln 2 in two parts; the first has 21 trailing zero bits, so its multiples by exponents are exact.
const LN_2_HIGH: f64 = 0.693_147_180_369_123_8;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// ln 2 with 26 digits, and the rest.
const LN_2_UPPER: f64 = 0.693_147_182_464_599_6;
const LN_2_REST: f64 = -1.904_654_299_957_768e-9;

/// log2 e with 26 digits, the rest, and what `LOG2_E` leaves out.
const LOG2_E_UPPER: f64 = 1.442_695_051_431_655_9;
const LOG2_E_REST: f64 = -1.054_269_247_642_913_8e-8;
const LOG2_E_LOW: f64 = 2.035_527_374_093_103_3e-17;

/// π in three parts; products of the first two with numbers below 2^20 are exact.
const PI_HIGH: f64 = 3.141_592_653_468_251_2;
const PI_MIDDLE: f64 = 1.215_420_101_260_793_2e-10;
const PI_LOW: f64 = 4.044_532_497_591_901e-21;

/// Up to this magnitude [`sin`] and [`cos`] are right; beyond it the standard library's functions are.
pub(crate) const MOST_RADIANS: f64 = 1e6;

/// log10 2 in two parts; the first has trailing zero bits, so its multiples by exponents are exact.
const LOG10_2_HIGH: f64 = 0.301_029_995_665_885_5;
const LOG10_2_LOW: f64 = -1.904_312_846_716_427_4e-12;
/// log10 e with 26 digits, the rest, and what `LOG10_E` leaves out.
const LOG10_E_UPPER: f64 = 0.434_294_477_105_140_7;
const LOG10_E_REST: f64 = 4.798_111_141_615_973e-9;
const LOG10_E_LOW: f64 = 1.098_319_650_216_765e-17;

/// 2 to the power of a whole number from -1022 to 1023.
#[inline(always)]
fn two_to_the(n: i64) -> f64 {
    f64::from_bits(((n + 1023) as u64) << 52)
}

/// The polynomial with these coefficients, the constant one first; the even and the odd powers side by side.
#[inline(always)]
fn polynomial<const N: usize>(z: f64, series: [f64; N]) -> f64 {
    const { assert!(N >= 2) };
    let z2 = z * z;
    // What multiplies the last power, and the one before it.
    let (mut this, mut other) = (series[N - 1], series[N - 2]);
    let mut at = N - 2;
    while at > 0 {
        at -= 1;
        (this, other) = (other, this * z2 + series[at]);
    }
    other + z * this
}

/// A number of at most 1e6 in magnitude as the nearest whole one, twice: as it is, and in the low bits of an integer.
#[inline(always)]
fn nearest(x: f64) -> (f64, i64) {
    let shifted = x + ROUNDER;
    (shifted - ROUNDER, (shifted.to_bits() as i64).wrapping_sub(ROUNDER.to_bits() as i64))
}

/// 2^n · e^(high + low) for |high| ≤ 0.3467 and n from -2098 to 2046.
#[inline(always)]
fn scaled_exp(high: f64, low: f64, n: i64) -> f64 {
    let r = high + low;
    let z = r * r;
    let z2 = z * z;
    let z4 = z2 * z2;
    let tail = (0.500_000_000_000_001_3 + r * 0.166_666_666_666_667)
        + z * (0.041_666_666_666_514_97 + r * 0.008_333_333_333_307_215)
        + z2 * ((0.001_388_888_894_714_466 + r * 0.000_198_412_699_173_496_03)
            + z * (2.480_148_979_802_023_6e-5 + r * 2.755_721_633_914_251_5e-6))
        + z4 * (2.763_133_531_945_823e-7 + r * 2.511_784_694_854_070_5e-8);
    let value = 1.0 + (high + (low + z * tail));
    // In two steps, so that what overflows and what is subnormal comes out right.
    let half = n >> 1;
    value * two_to_the(half) * two_to_the(n - half)
}

/// e^x.
#[inline(always)]
pub(crate) fn exp(x: f64) -> f64 {
    // Beyond these the result is infinite or zero. NaN compares with neither and stays.
    let x = if x > 710.0 { 710.0 } else { x };
    let x = if x < -746.0 { -746.0 } else { x };
    let (n, bits) = nearest(x * std::f64::consts::LOG2_E);
    scaled_exp(x - n * LN_2_HIGH, -(n * LN_2_LOW), bits)
}

/// 2^x.
#[inline(always)]
pub(crate) fn exp2(x: f64) -> f64 {
    let x = if x > 1025.0 { 1025.0 } else { x };
    let x = if x < -1080.0 { -1080.0 } else { x };
    let (n, bits) = nearest(x);
    let rest = x - n;
    // The product in two parts: that of the upper half of the digits is exact.
    let upper = f64::from_bits(rest.to_bits() & !((1 << 27) - 1));
    let high = upper * LN_2_UPPER;
    scaled_exp(high, rest * LN_2_REST + (rest - upper) * LN_2_UPPER, bits)
}

/// The exponent of a positive, normal number, and the f in mantissa = 1 + f, with 1 + f between √½ and √2.
#[inline(always)]
fn split_normal(x: f64) -> (f64, f64) {
    let shifted = x.to_bits().wrapping_add(ONE_BITS - SQRT_HALF_BITS);
    let exponent = f64::from_bits((shifted >> 52) | TWO_POW_52_BITS) - (TWO_POW_52 + 1023.0);
    (exponent, f64::from_bits((shifted & MANTISSA_MASK) + SQRT_HALF_BITS) - 1.0)
}

/// [`split_normal`] of any positive number: subnormal ones are scaled into the range of the others.
#[inline(always)]
fn split(x: f64) -> (f64, f64) {
    let is_small = x < f64::MIN_POSITIVE;
    let (exponent, f) = split_normal(if is_small { x * 18_014_398_509_481_984.0 } else { x });
    (if is_small { exponent - 54.0 } else { exponent }, f)
}

/// What is to be taken from f to give log(1 + f): small against f.
#[inline(always)]
fn log_correction(f: f64) -> f64 {
    // log(1 + f) = 2 atanh(s) = 2 s + s R(s²) = f - s (f - R(s²))
    let s = f / (2.0 + f);
    let z = s * s;
    let z2 = z * z;
    let z4 = z2 * z2;
    let r = z
        * ((0.666_666_666_666_673_4 + z * 0.399_999_999_994_166_36)
            + z2 * (0.285_714_287_420_301_1 + z * 0.222_221_986_048_161_07)
            + z4 * ((0.181_835_628_647_781_8 + z * 0.153_140_844_843_551_17)
                + z2 * 0.147_956_369_417_596_77));
    s * (f - r)
}

/// The logarithm for numbers that have none that is finite.
#[inline(always)]
fn logarithm_or(x: f64, finite: f64) -> f64 {
    let value = if x == 0.0 { f64::NEG_INFINITY } else { finite };
    let value = if x == f64::INFINITY { f64::INFINITY } else { value };
    if x >= 0.0 { value } else { f64::NAN }
}

/// The natural logarithm.
#[inline(always)]
pub(crate) fn log(x: f64) -> f64 {
    logarithm_or(x, log_of_parts(split(x)))
}

/// The natural logarithm of a positive, finite, normal number. Other arguments (zero, subnormal, negative, infinite, NaN)
/// give meaningless numbers.
#[inline(always)]
pub(crate) fn log_of_normal(x: f64) -> f64 {
    log_of_parts(split_normal(x))
}

#[inline(always)]
fn log_of_parts((exponent, f): (f64, f64)) -> f64 {
    exponent * LN_2_HIGH + (f - (log_correction(f) - exponent * LN_2_LOW))
}

/// The logarithm to base 2; within 2 units in the last place, exact for powers of two.
#[inline(always)]
pub(crate) fn log2(x: f64) -> f64 {
    let (exponent, f) = split(x);
    let correction = log_correction(f);
    let log = f - correction;
    let rest = (f - log) - correction;
    // The product with log2 e, with what rounding takes from both factors.
    let upper = f64::from_bits(log.to_bits() & !((1 << 27) - 1));
    let high = upper * LOG2_E_UPPER;
    let low = upper * LOG2_E_REST
        + (log - upper) * std::f64::consts::LOG2_E
        + (rest * std::f64::consts::LOG2_E + log * LOG2_E_LOW);
    let sum = exponent + high;
    let lost = (exponent - sum) + high;
    logarithm_or(x, sum + (low + lost))
}

/// The logarithm to base 10; within 2 units in the last place, exact for the powers of ten that are `f64`.
#[inline(always)]
pub(crate) fn log10(x: f64) -> f64 {
    let (exponent, f) = split(x);
    let correction = log_correction(f);
    let log = f - correction;
    let rest = (f - log) - correction;
    // As for base 2, and the exponent's multiple in two parts.
    let upper = f64::from_bits(log.to_bits() & !((1 << 27) - 1));
    let high = upper * LOG10_E_UPPER;
    let low = upper * LOG10_E_REST
        + (log - upper) * std::f64::consts::LOG10_E
        + (rest * std::f64::consts::LOG10_E + log * LOG10_E_LOW);
    let whole = exponent * LOG10_2_HIGH;
    let sum = whole + high;
    let lost = (whole - sum) + high;
    logarithm_or(x, sum + ((low + exponent * LOG10_2_LOW) + lost))
}

/// The natural logarithm of a sum, not subnormal, and what rounding took from it.
#[inline(always)]
fn log_of_sum(sum: f64, lost: f64) -> f64 {
    let (exponent, f) = split_normal(sum);
    let small = exponent * LN_2_LOW + lost / sum;
    logarithm_or(sum, exponent * LN_2_HIGH + (f - (log_correction(f) - small)))
}

/// The natural logarithm of the length of a complex number that is not subnormal, from the length and its square less
/// one: the latter has more digits where the length is near 1.
#[inline(always)]
pub(crate) fn log_of_length(length: f64, square_less_one: f64) -> f64 {
    let is_near = square_less_one.abs() < 0.5;
    let sum = 1.0 + square_less_one;
    let lost = square_less_one - (sum - 1.0);
    let (sum, lost) = if is_near { (sum, lost) } else { (length, 0.0) };
    let value = log_of_sum(sum, lost);
    if is_near { 0.5 * value } else { value }
}

/// The natural logarithm of 1 + x; within 2 units in the last place.
#[inline(always)]
pub(crate) fn log1p(x: f64) -> f64 {
    let sum = 1.0 + x;
    // What the sum lost, from the larger of the two.
    let lost = if x > 1.0 { 1.0 - (sum - x) } else { x - (sum - 1.0) };
    let value = log_of_sum(sum, lost);
    // Zeros have signs.
    if x == 0.0 { x } else { value }
}

/// sin(x) for |x| ≤ π/2.
#[inline(always)]
fn sin_of_quarter(x: f64) -> f64 {
    let z = x * x;
    let z2 = z * z;
    let z4 = z2 * z2;
    // The large term is added last, and once: what is added before is a tenth of it.
    let small = z * (0.008_333_333_333_333_333 + z * -0.000_198_412_698_412_696_9)
        + z2 * (z * (2.755_731_922_394_415e-6 + z * -2.505_210_837_895_893_7e-8)
            + (z2 * z) * (1.605_904_322_862_554e-10 + z * -7.647_128_568_965_946e-13))
        + (z4 * z2) * (z * (2.810_231_352_114_164_6e-15 + z * -7.983_954_271_142_626e-18));
    let tail = -0.166_666_666_666_666_66 + small;
    x + x * (z * tail)
}

/// The sine of at most [`MOST_RADIANS`]; within 2 units in the last place. Anything but a number in that range gives a
/// meaningless result.
#[inline(always)]
pub(crate) fn sin(x: f64) -> f64 {
    let (n, bits) = nearest(x * std::f64::consts::FRAC_1_PI);
    let rest = ((x - n * PI_HIGH) - n * PI_MIDDLE) - n * PI_LOW;
    // The sine of a negative zero is one.
    let value = if rest == 0.0 { rest } else { sin_of_quarter(rest) };
    f64::from_bits(value.to_bits() ^ ((bits as u64) << 63))
}

/// The cosine of at most [`MOST_RADIANS`]; within 2 units in the last place. Anything but a number in that range gives a
/// meaningless result.
#[inline(always)]
pub(crate) fn cos(x: f64) -> f64 {
    // cos(x) = -(-1)^n sin(x - (n + ½) π)
    let (n, bits) = nearest(x * std::f64::consts::FRAC_1_PI - 0.5);
    let half_turns = n + 0.5;
    let rest = ((x - half_turns * PI_HIGH) - half_turns * PI_MIDDLE) - half_turns * PI_LOW;
    let value = sin_of_quarter(rest);
    f64::from_bits(value.to_bits() ^ ((!bits as u64) << 63))
}

/// The tangent of at most [`MOST_RADIANS`]; within 2 units in the last place. Anything but a number in that range gives a
/// meaningless result.
#[inline(always)]
pub(crate) fn tan(x: f64) -> f64 {
    // By quarter turns: halves of the parts of π are as exact.
    let (n, bits) = nearest(x * std::f64::consts::FRAC_2_PI);
    let first = x - n * (0.5 * PI_HIGH);
    let second = n * (0.5 * PI_MIDDLE);
    let r = first - second;
    let low = ((first - r) - second) - n * (0.5 * PI_LOW);
    let z = r * r;
    let odd = [
        -0.166_666_666_666_666_32,
        0.008_333_333_333_322_42,
        -0.000_198_412_698_298_127_27,
        2.755_731_369_359_876_3e-6,
        -2.505_075_837_767_918e-8,
        1.589_681_093_003_565_5e-10,
    ];
    let even = [
        0.041_666_666_666_666_6,
        -0.001_388_888_888_887_413_3,
        2.480_158_728_948_839_5e-5,
        -2.755_731_435_418_749_7e-7,
        2.087_572_353_345_975e-9,
        -1.135_966_167_320_952e-11,
    ];
    let half = 0.5 * z;
    let sin_tail = low * (1.0 - half) + r * (z * polynomial(z, odd));
    let one_less = 1.0 - half;
    let cos_tail = ((1.0 - one_less) - half) + (z * z * polynomial(z, even) - r * low);
    let (sin, cos) = (r + sin_tail, one_less + cos_tail);
    let is_odd = bits & 1 == 1;
    // What rounding took from the numerator and the denominator is made good in the quotient.
    let (sin_rest, cos_rest) = ((r - sin) + sin_tail, (one_less - cos) + cos_tail);
    let (above, above_rest) = if is_odd { (-cos, -cos_rest) } else { (sin, sin_rest) };
    let (below, below_rest) = if is_odd { (sin, sin_rest) } else { (cos, cos_rest) };
    let quotient = above / below;
    let value = quotient + (above_rest - quotient * below_rest) / below;
    if x == 0.0 { x } else { value }
}

#[cfg(test)]
mod tests;
