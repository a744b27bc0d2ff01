//! Sine and cosine of a random angle, without branches, which vectorise in plain loops.
//!
//! Only additions, multiplications and bit operations, each rounded once and never contracted: the same bits on every
//! instruction set. The polynomials are minimax fits made for this file.

use std::f64::consts::FRAC_PI_2;

const ONE_BITS: u64 = 0x3FF0_0000_0000_0000;
const MANTISSA_MASK: u64 = (1 << 52) - 1;

/// π/2 less the `f64` nearest to it.
const FRAC_PI_2_LOW: f64 = 6.123233995736766e-17;

/// Sine and cosine of an angle taken uniformly from the whole turn by 64 random bits; within 1.7 units in the last
/// place.
///
/// The angle is `(bits >> 10) / 2^54 - 1/8` turns: the top two bits choose the quarter, the next 52 the place in it.
#[inline(always)]
pub fn sin_cos_of_bits(bits: u64) -> (f64, f64) {
    // the place in the quarter, from its middle; exact
    let place = f64::from_bits(((bits >> 10) & MANTISSA_MASK) | ONE_BITS) - 1.5;
    let (sin, cos) = sin_cos_of_half_quarter(place);

    // each quarter turn takes (sin, cos) to (cos, -sin)
    let quarter = bits >> 62;
    let (a, b) = if quarter & 1 == 1 { (cos, sin) } else { (sin, cos) };
    let sin_sign = (quarter & 2) << 62;
    let cos_sign = ((quarter + 1) & 2) << 62;
    (f64::from_bits(a.to_bits() ^ sin_sign), f64::from_bits(b.to_bits() ^ cos_sign))
}

/// Sine and cosine of `place` quarter turns, from -1/2 to 1/2.
#[inline(always)]
fn sin_cos_of_half_quarter(place: f64) -> (f64, f64) {
    let z = place * place;
    let z2 = z * z;
    let z4 = z2 * z2;
    let sin_tail = (-0.6459640975062448 + z * 0.07969262624605838)
        + z2 * (-0.0046817541325337095 + z * 0.0001604411519136653)
        + z4 * (-3.5986467651880827e-06 + z * 5.634315268285886e-08);
    let cos_tail = (0.25366950790104154 + z * -0.020863480763173275)
        + z2 * (0.0009192602725082221 + z * -2.5202026537888542e-05)
        + z4 * (4.7103031588933084e-07 + z * -6.2854207381976255e-09);
    (
        place * FRAC_PI_2 + place * (FRAC_PI_2_LOW + z * sin_tail),
        1.0 + (z * -1.2337005501361697 + z2 * cos_tail),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::philox::{Distribution, Words, stream_key};
    use crate::vector_math::log_of_normal as log;

    fn random_words(count: usize, ordinal: u64) -> Vec<u64> {
        let mut words = vec![0; count];
        Words.fill_run(stream_key(11, ordinal), 0, &mut words);
        words
    }

    /// The distance of `got` from `high + low`, in units in the last place of the latter.
    fn ulps(got: f64, high: f64, low: f64) -> f64 {
        let magnitude = high.abs();
        let unit = f64::from_bits(magnitude.to_bits() + 1) - magnitude;
        ((got - high) - low).abs() / unit
    }

    #[test]
    fn log_is_accurate_over_the_unit_interval() {
        let mut worst = 0.0f64;
        for word in random_words(1_000_000, 0) {
            let x = 1.0 - (word >> 11) as f64 / 2f64.powi(53);
            worst = worst.max(ulps(log(x), x.ln(), 0.0));
        }
        // the reference itself is rounded: half a unit more than the true error
        assert!(worst <= 1.5, "{worst}");
    }

    #[test]
    fn log_is_accurate_over_all_normal_numbers() {
        let mut worst = 0.0f64;
        for word in random_words(200_000, 1) {
            let x = f64::from_bits(word >> 1);
            if x.is_normal() {
                worst = worst.max(ulps(log(x), x.ln(), 0.0));
            }
        }
        for i in 1..100_000u64 {
            // close to one, on both sides
            let (above, below) = (f64::from_bits(ONE_BITS + i * i), f64::from_bits(ONE_BITS - i * i));
            worst = worst.max(ulps(log(above), above.ln(), 0.0)).max(ulps(log(below), below.ln(), 0.0));
        }
        assert!(worst <= 1.5, "{worst}");
        assert_eq!(log(1.0), 0.0);
        assert_eq!(log(2.0), std::f64::consts::LN_2);
        assert_eq!(log(2f64.powi(-53)), 2f64.powi(-53).ln());
    }

    #[test]
    fn sine_and_cosine_are_accurate_over_the_turn() {
        let (mut worst_sin, mut worst_cos) = (0.0f64, 0.0f64);
        for word in random_words(1_000_000, 2) {
            let (sin, cos) = sin_cos_of_bits(word);
            // the same angle less whole quarters, with its rounding error, by the standard library
            let place = ((word << 2) >> 12) as f64 / 2f64.powi(52) - 0.5;
            let angle = place * FRAC_PI_2;
            let rest = place.mul_add(FRAC_PI_2, -angle) + place * FRAC_PI_2_LOW;
            let (s, c) = angle.sin_cos();
            let (ds, dc) = (rest * c, -rest * s);
            let expected = match word >> 62 {
                0 => [(s, ds), (c, dc)],
                1 => [(c, dc), (-s, -ds)],
                2 => [(-s, -ds), (-c, -dc)],
                _ => [(-c, -dc), (s, ds)],
            };
            worst_sin = worst_sin.max(ulps(sin, expected[0].0, expected[0].1));
            worst_cos = worst_cos.max(ulps(cos, expected[1].0, expected[1].1));
        }
        // the reference itself is rounded: up to half a unit more than the true error
        assert!(worst_sin <= 1.9 && worst_cos <= 1.9, "{worst_sin} {worst_cos}");
    }

    #[test]
    fn quarter_turns_are_exact() {
        // the middle of each quarter of the bits
        let middle = 1u64 << 61;
        assert_eq!(sin_cos_of_bits(middle), (0.0, 1.0));
        assert_eq!(sin_cos_of_bits(middle + (1 << 62)), (1.0, 0.0));
        assert_eq!(sin_cos_of_bits(middle + (2 << 62)), (0.0, -1.0));
        assert_eq!(sin_cos_of_bits(middle + (3 << 62)), (-1.0, 0.0));
    }
}
