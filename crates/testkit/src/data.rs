//! Values to compute with: the same in every run.

use ndarray::{ArrayD, IxDyn};

/// 0, 1, 2 … in C order.
pub fn iota(shape: &[usize]) -> ArrayD<f64> {
    numbered(shape, |number| number as f64)
}

/// Quarters between -10 and 10, without -0.0: sums of them are exact in any order.
pub fn quarters(shape: &[usize], seed: u64) -> ArrayD<f64> {
    noise(shape, seed).mapv(|value| (value * 80.0).round() / 4.0 + 0.0)
}

/// Numbers that spread evenly over -0.5..0.5.
pub fn noise(shape: &[usize], seed: u64) -> ArrayD<f64> {
    numbered(shape, |number| (mix(number as u64 ^ mix(seed)) >> 11) as f64 / (1u64 << 53) as f64 - 0.5)
}

fn numbered(shape: &[usize], mut value: impl FnMut(usize) -> f64) -> ArrayD<f64> {
    let size = shape.iter().product();
    ArrayD::from_shape_vec(IxDyn(shape), (0..size).map(&mut value).collect())
        .expect("as many values as the shape has")
}

/// A number that looks like chance: the finisher of SplitMix64.
pub(crate) fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A sequence of numbers that look like chance.
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Chance(seed)
    }

    /// A number below `limit`, which must not be 0.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(1);
        (mix(self.0) % limit as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_quarters_are_exact_in_any_order() {
        let values = quarters(&[3, 70], 1);
        let forwards: f64 = values.iter().sum();
        let backwards: f64 = values.iter().copied().collect::<Vec<f64>>().iter().rev().sum();
        assert_eq!(forwards, backwards);
        assert!(values.iter().all(|value| value.abs() <= 10.0 && value.to_bits() != (-0.0f64).to_bits()));
    }

    #[test]
    fn noise_depends_on_the_seed_alone() {
        assert_eq!(noise(&[4, 5], 7), noise(&[4, 5], 7));
        assert_ne!(noise(&[4, 5], 7), noise(&[4, 5], 8));
        assert_eq!(iota(&[2, 2]).into_raw_vec_and_offset().0, [0.0, 1.0, 2.0, 3.0]);
    }
}
