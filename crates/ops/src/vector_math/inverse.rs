//! Angles from sines, cosines and tangents, without branches.

use std::f64::consts::FRAC_PI_2;

use super::polynomial;

/// A quarter of π in two parts; the first has trailing zero bits, so its multiples up to four are exact.
const QUARTER_HIGH: f64 = 0.785_398_163_397_449_2;
const QUARTER_LOW: f64 = -8.575_622_497_214_414e-16;
/// What `FRAC_PI_2` leaves out of half of π.
const HALF_LOW: f64 = 6.123_233_995_736_766e-17;

/// (atan(t) - t) / t for |t| ≤ ½, from t².
#[inline(always)]
fn arctan_tail(z: f64) -> f64 {
    let series = [
        -0.333_333_333_333_329_93,
        0.199_999_999_999_056_27,
        -0.142_857_142_765_884_65,
        0.111_111_106_677_716_33,
        -0.090_908_964_345_886_29,
        0.076_920_766_991_548_98,
        -0.066_638_374_164_521_2,
        0.058_584_703_381_748_89,
        -0.051_227_285_561_452_76,
        0.041_884_340_405_737_65,
        -0.027_464_515_208_328_006,
        0.010_136_649_355_678_33,
    ];
    z * polynomial(z, series)
}

/// The angle of the point with this ordinate and abscissa; within 2 units in the last place.
#[inline(always)]
pub(crate) fn arctan2(y: f64, x: f64) -> f64 {
    let (height, width) = (y.abs(), x.abs());
    let is_steep = height > width;
    let (small, large) = if is_steep { (width, height) } else { (height, width) };
    // Infinities stand for directions, and the sum below must not overflow.
    let is_infinite = large == f64::INFINITY;
    let small = if is_infinite { if small == large { 1.0 } else { 0.0 } } else { small };
    let large = if is_infinite || large == 0.0 { 1.0 } else { large };
    let scale = if large > 1e300 { 0.25 } else { 1.0 };
    let (small, large) = (small * scale, large * scale);
    // From the nearer of the axis and the diagonal: near the diagonal the difference is exact.
    let is_diagonal = small > 0.5 * large;
    let numerator = if is_diagonal { small - large } else { small };
    let denominator = if is_diagonal { small + large } else { large };
    let t = numerator / denominator;
    // The angle is a number of quarters of π, and t's angle forwards or backwards.
    let quarters = if is_diagonal { 1.0 } else { 0.0 };
    let is_left = x.is_sign_negative();
    let quarters = if is_steep { 2.0 - quarters } else { quarters };
    let quarters = if is_left { 4.0 - quarters } else { quarters };
    let t = if is_steep != is_left { -t } else { t };
    let high = quarters * QUARTER_HIGH;
    let sum = high + t;
    let lost = t - (sum - high);
    let value = sum + (lost + (quarters * QUARTER_LOW + t * arctan_tail(t * t)));
    let value = if x.is_nan() || y.is_nan() { f64::NAN } else { value };
    value.copysign(y)
}

/// The angle with this tangent; within 2 units in the last place.
#[inline(always)]
pub(crate) fn arctan(x: f64) -> f64 {
    arctan2(x, 1.0)
}

/// (asin(t) - t) / t for |t| ≤ ½, from t².
#[inline(always)]
fn arcsin_tail(z: f64) -> f64 {
    let series = [
        0.166_666_666_666_653_83,
        0.075_000_000_003_428_75,
        0.044_642_856_823_606_67,
        0.030_381_959_326_615_127,
        0.022_371_753_625_055_436,
        0.017_359_769_695_563_274,
        0.013_884_611_321_116_61,
        0.012_173_201_460_262_949,
        0.006_511_164_380_658_014,
        0.019_573_118_471_609_95,
        -0.016_292_927_737_079_66,
        0.031_958_236_293_709_09,
    ];
    z * polynomial(z, series)
}

/// Half of an angle near the pole, or the angle itself elsewhere: whether it is half, the sine of it, and what is added.
#[inline(always)]
fn half_or_whole(size: f64) -> (bool, f64, f64) {
    let is_half = size > 0.5;
    let z = if is_half { 0.5 - 0.5 * size } else { size * size };
    let t = if is_half { z.sqrt() } else { size };
    (is_half, t, t * arcsin_tail(z))
}

/// The angle with this sine; within 2 units in the last place.
#[inline(always)]
pub(crate) fn arcsin(x: f64) -> f64 {
    let (is_half, t, tail) = half_or_whole(x.abs());
    let sum = FRAC_PI_2 - 2.0 * t;
    let lost = (FRAC_PI_2 - sum) - 2.0 * t;
    let near_pole = sum + (lost - (2.0 * tail - HALF_LOW));
    (if is_half { near_pole } else { t + tail }).copysign(x)
}

/// The angle with this cosine; within 2 units in the last place.
#[inline(always)]
pub(crate) fn arccos(x: f64) -> f64 {
    let (is_half, t, tail) = half_or_whole(x.abs());
    let is_left = x < 0.0;
    let near_zero = 2.0 * (t + tail);
    let near_pi = 2.0 * ((FRAC_PI_2 - t) - (tail - HALF_LOW));
    let (t, tail) = if is_left { (-t, -tail) } else { (t, tail) };
    let middle = FRAC_PI_2 - (t + (tail - HALF_LOW));
    if !is_half {
        middle
    } else if is_left {
        near_pi
    } else {
        near_zero
    }
}
