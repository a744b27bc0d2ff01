//! Uniform numbers of an interval.

use super::philox::Transform;

const TWO_POW_MINUS_24: f32 = 1.0 / 16_777_216.0;
const ONE_BITS: u64 = 0x3FF0_0000_0000_0000;

/// The bits of 2^-53.
const LAST_BIT: u64 = 0x3CA0_0000_0000_0000;

/// Uniform numbers `low + (high - low) * u` with `u` in [0, 1), of 53 random bits (`f64`) or 24 (`f32`).
///
/// As with NumPy, `high` itself may come out where the sum rounds up to it. `high < low` is allowed and gives numbers
/// of (high, low].
#[derive(Debug, Clone, Copy)]
pub struct Uniform {
    low: f64,
    span: f64,
}

impl Uniform {
    /// The numbers from 0 up to, and without, 1.
    pub const UNIT: Self = Self { low: 0.0, span: 1.0 };

    /// The numbers from `low` to `high`. Finite bounds of a finite difference are the caller's duty.
    pub fn new(low: f64, high: f64) -> Self {
        Self { low, span: high - low }
    }
}

impl Transform<f64> for Uniform {
    #[inline(always)]
    fn pair(self, low: u64, high: u64) -> [f64; 2] {
        [self.low + self.span * unit_f64(low), self.low + self.span * unit_f64(high)]
    }
}

impl Transform<f32> for Uniform {
    #[inline(always)]
    fn pair(self, low: u64, high: u64) -> [f32; 2] {
        let (offset, span) = (self.low as f32, self.span as f32);
        [offset + span * unit_f32(low), offset + span * unit_f32(high)]
    }
}

/// The top 53 bits of `word` as a fraction: `(word >> 11) / 2^53`, in [0, 1).
///
/// Built from 52 bits under the exponent of one, and the last bit added: AVX2 has no conversion of 64-bit integers.
/// Both steps are exact.
#[inline(always)]
pub fn unit_f64(word: u64) -> f64 {
    let top = f64::from_bits((word >> 12) | ONE_BITS) - 1.0;
    let last = f64::from_bits(((word >> 11) & 1).wrapping_neg() & LAST_BIT);
    top + last
}

/// The top 52 bits of `word` as a fraction and a half of the last place: never 0 or 1, hence fit for a logarithm.
///
/// `((word >> 12) + 1/2) / 2^52`, from 2^-53 to 1 - 2^-53; exact.
#[inline(always)]
pub fn open_unit_f64(word: u64) -> f64 {
    f64::from_bits((word >> 12) | ONE_BITS) - (1.0 - f64::EPSILON / 2.0)
}

/// The top 24 bits of `word` as a fraction: `(word >> 40) / 2^24`, in [0, 1).
#[inline(always)]
pub fn unit_f32(word: u64) -> f32 {
    // by way of i32, which every instruction set converts
    (word >> 40) as i32 as f32 * TWO_POW_MINUS_24
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::philox::test_support::{
        assert_moments, assert_run_equals_strided, assert_same_bits_on_baseline,
    };
    use crate::random::philox::{Distribution, stream_key, word};

    #[test]
    fn fractions_are_the_top_bits() {
        assert_eq!(unit_f64(0), 0.0);
        assert_eq!(unit_f64(1 << 11), 2f64.powi(-53));
        assert_eq!(unit_f64(u64::MAX), 1.0 - 2f64.powi(-53));
        assert_eq!(open_unit_f64(0), 2f64.powi(-53));
        assert_eq!(open_unit_f64(u64::MAX), 1.0 - 2f64.powi(-53));
        assert_eq!(unit_f32(u64::MAX), 1.0 - 2f32.powi(-24));
        for element in 0..10_000 {
            let word = word(stream_key(5, 5), element, 0);
            assert_eq!(unit_f64(word), (word >> 11) as f64 * 2f64.powi(-53));
            assert_eq!(open_unit_f64(word), ((word >> 12) as f64 + 0.5) * 2f64.powi(-52));
            assert_eq!(unit_f32(word), (word >> 40) as f32 * 2f32.powi(-24));
        }
    }

    #[test]
    fn every_instruction_set_agrees() {
        assert_same_bits_on_baseline::<f64, _>(Uniform::new(-2.5, 17.0), f64::to_bits);
        assert_same_bits_on_baseline::<f32, _>(Uniform::new(-2.5, 17.0), |x| x.to_bits().into());
    }

    #[test]
    fn run_equals_strided() {
        assert_run_equals_strided::<f64, _>(Uniform::new(-2.5, 17.0), f64::to_bits);
        assert_run_equals_strided::<f32, _>(Uniform::new(-2.5, 17.0), |x| x.to_bits().into());
    }

    #[test]
    fn moments() {
        // of the unit interval: mean 1/2, variance 1/12, skew 0, kurtosis 9/5; eighth standardised moment 9
        let (low, high) = (3.0, 7.0);
        let mut out = vec![0.0; 1_000_000];
        Uniform::new(low, high).fill_run(stream_key(1, 1), 1, &mut out);
        assert!(out.iter().all(|x| (low..high).contains(x)));
        let standard: Vec<f64> = out.iter().map(|x| (x - 5.0) / (16f64 / 12.0).sqrt()).collect();
        assert_moments(&standard, [0.0, 1.0, 0.0, 1.8], [1.0, 1.8, 27.0 / 7.0, 9.0]);

        let mut out = vec![0.0f32; 1_000_000];
        Uniform::UNIT.fill_run(stream_key(1, 2), 0, &mut out);
        assert!(out.iter().all(|x| (0.0..1.0).contains(x)));
        let standard: Vec<f64> = out.iter().map(|x| (f64::from(*x) - 0.5) * 12f64.sqrt()).collect();
        assert_moments(&standard, [0.0, 1.0, 0.0, 1.8], [1.0, 1.8, 27.0 / 7.0, 9.0]);
    }
}
