//! Exponential numbers, by the inverse of their distribution.

use super::philox::Transform;
use super::uniform::open_unit_f64;
use crate::vector_math::log_of_normal;

/// Exponential numbers of mean `scale`: `-log(u) * scale` with `u` strictly between 0 and 1, so always positive.
///
/// From 2^-53 to 36.74 times `scale`. An `f32` is the `f64` rounded.
#[derive(Debug, Clone, Copy)]
pub struct Exponential {
    scale: f64,
}

impl Exponential {
    /// Exponential numbers of mean `scale`; that `scale` is not negative is the caller's duty.
    pub fn new(scale: f64) -> Self {
        Self { scale }
    }

    #[inline(always)]
    fn value(self, word: u64) -> f64 {
        -log_of_normal(open_unit_f64(word)) * self.scale
    }
}

impl Transform<f64> for Exponential {
    #[inline(always)]
    fn pair(self, low: u64, high: u64) -> [f64; 2] {
        [self.value(low), self.value(high)]
    }
}

impl Transform<f32> for Exponential {
    #[inline(always)]
    fn pair(self, low: u64, high: u64) -> [f32; 2] {
        [self.value(low) as f32, self.value(high) as f32]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::philox::test_support::{
        assert_moments, assert_run_equals_strided, assert_same_bits_on_baseline,
    };
    use crate::random::philox::{Distribution, stream_key};

    #[test]
    fn every_instruction_set_agrees() {
        assert_same_bits_on_baseline::<f64, _>(Exponential::new(2.0), f64::to_bits);
        assert_same_bits_on_baseline::<f32, _>(Exponential::new(2.0), |x| x.to_bits().into());
    }

    #[test]
    fn run_equals_strided() {
        assert_run_equals_strided::<f64, _>(Exponential::new(2.0), f64::to_bits);
        assert_run_equals_strided::<f32, _>(Exponential::new(2.0), |x| x.to_bits().into());
    }

    #[test]
    fn extreme_words() {
        let exponential = Exponential::new(1.0);
        assert_eq!(exponential.value(0), 53.0 * std::f64::consts::LN_2);
        assert_eq!(exponential.value(u64::MAX), 2f64.powi(-53));
        assert_eq!(Exponential::new(0.0).value(0).to_bits(), 0.0f64.to_bits());
    }

    #[test]
    fn moments() {
        let mut out = vec![0.0; 1_000_000];
        Exponential::new(2.0).fill_run(stream_key(1, 4), 0, &mut out);
        assert!(out.iter().all(|x| *x >= 0.0));
        // of (x - 1): moments 0, 1, 2, 9; even moments up to the eighth 1, 9, 265, 14833
        let standard: Vec<f64> = out.iter().map(|x| x / 2.0 - 1.0).collect();
        assert_moments(&standard, [0.0, 1.0, 2.0, 9.0], [1.0, 9.0, 265.0, 14_833.0]);
        let beyond = out.iter().filter(|x| **x > 10.0).count() as f64;
        let expected = (-5f64).exp() * 1e6;
        assert!((beyond - expected).abs() < 5.0 * expected.sqrt(), "{beyond}");
    }
}
