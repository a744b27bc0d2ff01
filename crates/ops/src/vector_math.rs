//! Exponentials, logarithms, sines and cosines without branches, which vectorise in plain loops.
//!
//! Additions, multiplications, one division and bit operations, each rounded once and never contracted, so that every
//! instruction set gives the same bits. Within 1 unit in the last place where nothing else is said; infinities, zeros,
//! NaN and subnormal numbers as NumPy has them. The polynomials are minimax fits made for this file. `f32` is computed
//! in `f64` and rounded.

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

/// 2 to the power of a whole number from -1022 to 1023.
#[inline(always)]
fn two_to_the(n: i64) -> f64 {
    f64::from_bits(((n + 1023) as u64) << 52)
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

#[cfg(test)]
mod tests {
    use brickwork_core::simd::vectorized;

    use super::*;

    type Function = fn(f64) -> f64;

    /// Name, ours, the standard library's, and where arguments are taken from.
    const FUNCTIONS: [(&str, Function, Function, f64, f64); 6] = [
        ("exp", exp, f64::exp, -708.0, 709.7),
        ("exp2", exp2, f64::exp2, -1022.0, 1023.9),
        ("log", log, f64::ln, 0.0, 1e300),
        ("log2", log2, f64::log2, 0.0, 1e300),
        ("sin", sin, f64::sin, -MOST_RADIANS, MOST_RADIANS),
        ("cos", cos, f64::cos, -MOST_RADIANS, MOST_RADIANS),
    ];

    /// The distance from what the standard library says, which is within half a unit or a little more.
    fn ulps(got: f64, expected: f64) -> f64 {
        if got.to_bits() == expected.to_bits() || (got.is_nan() && expected.is_nan()) {
            return 0.0;
        }
        let magnitude = expected.abs();
        (got - expected).abs() / (f64::from_bits(magnitude.to_bits() + 1) - magnitude)
    }

    /// Half of them spread over the range, half over its orders of magnitude.
    fn arguments(low: f64, high: f64) -> Vec<f64> {
        let mut state = 1u64;
        let mut unit = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 * 2f64.powi(-53)
        };
        let mut arguments = Vec::new();
        for _ in 0..50_000 {
            arguments.push(low + (high - low) * unit());
            let sign = if unit() < 0.5 { -1.0 } else { 1.0 };
            let x = sign * 10f64.powf(unit() * 300.0 - 150.0);
            arguments.push(if (low..high).contains(&x) { x } else { x.abs().clamp(1e-150, 1.0) });
        }
        arguments
    }

    #[test]
    fn results_are_within_two_units_in_the_last_place() {
        for (name, ours, std, low, high) in FUNCTIONS {
            let near_one = (0..20_000).map(|i| 0.9 + f64::from(i) * 1e-5);
            for x in arguments(low, high).into_iter().chain(near_one) {
                let error = ulps(ours(x), std(x));
                assert!(error <= 2.0, "{name}({x:e}) is {error} units from {}", std(x));
            }
        }
    }

    #[test]
    fn special_numbers_are_as_in_the_standard_library() {
        let all = [
            0.0,
            -0.0,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NAN,
            -1.0,
            5e-324,
            1e-310,
            f64::MIN_POSITIVE,
            f64::MAX,
            709.782_712_893_384,
            709.79,
            -708.4,
            -745.13,
            -745.14,
            1024.0,
            -1074.0,
            -1075.5,
        ];
        for (name, ours, std, ..) in &FUNCTIONS[..4] {
            for x in all {
                let (got, expected) = (ours(x), std(x));
                let close = ulps(got, expected) <= 2.0 && (got == 0.0) == (expected == 0.0);
                assert!(close, "{name}({x:e}) is {got:e}, not {expected:e}");
            }
        }
        assert!(sin(-0.0).is_sign_negative() && sin(0.0).is_sign_positive());
        for power in -1074..1024 {
            // `powi` takes the reciprocal of what overflows.
            let number = if power < -1022 { f64::from_bits(1 << (power + 1074)) } else { 2f64.powi(power) };
            assert_eq!(log2(number), f64::from(power));
            assert_eq!(exp2(f64::from(power)), number);
        }
    }

    /// Multiples of a quarter turn, where what is left after taking half turns away is next to nothing.
    #[test]
    fn sines_keep_their_digits_next_to_zero() {
        let quarters = (0..100_000).chain((100_000..630_000).step_by(997));
        for x in quarters.map(|k| f64::from(k) * std::f64::consts::FRAC_PI_2) {
            assert!(ulps(sin(x), x.sin()) <= 2.0, "sin({x})");
            assert!(ulps(cos(x), x.cos()) <= 2.0, "cos({x})");
        }
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        for (name, ours, _, low, high) in FUNCTIONS {
            let x = arguments(low, high);
            let mut wide = vec![0.0; x.len()];
            macro_rules! filled {
                ($function:ident) => {
                    vectorized(
                        #[inline(always)]
                        || wide.iter_mut().zip(&x).for_each(|(out, &x)| *out = $function(x)),
                    )
                };
            }
            match name {
                "exp" => filled!(exp),
                "exp2" => filled!(exp2),
                "log" => filled!(log),
                "log2" => filled!(log2),
                "sin" => filled!(sin),
                _ => filled!(cos),
            }
            assert!(x.iter().zip(&wide).all(|(&x, out)| ours(x).to_bits() == out.to_bits()), "{name}");
        }
    }
}
