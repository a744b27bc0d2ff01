//! Normal (Gaussian) numbers, by the transform of Box and Muller.

use super::philox::Transform;
use super::turn::sin_cos_of_bits;
use super::uniform::open_unit_f64;
use crate::vector_math::log_of_normal;

/// Normal numbers of mean `loc` and standard deviation `scale`: `loc + scale * z`.
///
/// The two elements of a counter share a radius, from its first word, and an angle, from its second: the even element
/// takes the cosine, the odd one the sine. The largest magnitude of `z` is 8.57. An `f32` is the `f64` rounded.
#[derive(Debug, Clone, Copy)]
pub struct Normal {
    loc: f64,
    scale: f64,
}

impl Normal {
    /// Normal numbers of mean `loc` and standard deviation `scale`; that `scale` is not negative is the caller's duty.
    pub fn new(loc: f64, scale: f64) -> Self {
        Self { loc, scale }
    }
}

impl Transform<f64> for Normal {
    #[inline(always)]
    fn pair(self, low: u64, high: u64) -> [f64; 2] {
        let (sin, cos) = sin_cos_of_bits(high);
        let radius = radius(low);
        [self.loc + self.scale * (radius * cos), self.loc + self.scale * (radius * sin)]
    }
}

impl Transform<f32> for Normal {
    #[inline(always)]
    fn pair(self, low: u64, high: u64) -> [f32; 2] {
        let [even, odd]: [f64; 2] = self.pair(low, high);
        [even as f32, odd as f32]
    }
}

/// The distance from the centre of a plane normal distribution, which `word` stands for.
#[inline(always)]
fn radius(word: u64) -> f64 {
    (-2.0 * log_of_normal(open_unit_f64(word))).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::philox::test_support::{
        assert_moments, assert_run_equals_strided, assert_same_bits_on_baseline,
    };
    use crate::random::philox::{Distribution, stream_key, word};

    #[test]
    fn every_instruction_set_agrees() {
        assert_same_bits_on_baseline::<f64, _>(Normal::new(0.5, 1.5), f64::to_bits);
        assert_same_bits_on_baseline::<f32, _>(Normal::new(0.5, 1.5), |x| x.to_bits().into());
    }

    #[test]
    fn run_equals_strided() {
        assert_run_equals_strided::<f64, _>(Normal::new(0.0, 1.0), f64::to_bits);
        assert_run_equals_strided::<f64, _>(Normal::new(10.0, 0.1), f64::to_bits);
        assert_run_equals_strided::<f32, _>(Normal::new(0.0, 1.0), |x| x.to_bits().into());
    }

    #[test]
    fn pairs_are_polar_coordinates() {
        let key = stream_key(2, 7);
        let mut out = [0.0; 1000];
        Normal::new(0.0, 1.0).fill_run(key, 0, &mut out);
        for (i, [even, odd]) in out.as_chunks::<2>().0.iter().enumerate() {
            let low = ((word(key, 2 * i as u64, 0) >> 12) as f64 + 0.5) * 2f64.powi(-52);
            let high = word(key, 2 * i as u64 + 1, 0) as f64 * 2f64.powi(-64) - 0.125;
            let radius = (-2.0 * low.ln()).sqrt();
            let (sin, cos) = (high * std::f64::consts::TAU).sin_cos();
            assert!((even - radius * cos).abs() < 1e-14 && (odd - radius * sin).abs() < 1e-14, "{i}");
        }
    }

    #[test]
    fn extreme_words_give_finite_numbers() {
        for low in [0, 1 << 11, u64::MAX] {
            for high in [0, 1 << 61, 1 << 62, u64::MAX] {
                let pair: [f64; 2] = Normal::new(0.0, 1.0).pair(low, high);
                assert!(pair.iter().all(|z| z.abs() < 8.58), "{low} {high} {pair:?}");
            }
        }
    }

    #[test]
    fn moments() {
        let (loc, scale) = (10.0, 0.1);
        let mut out = vec![0.0; 1_000_000];
        Normal::new(loc, scale).fill_run(stream_key(1, 3), 0, &mut out);
        let standard: Vec<f64> = out.iter().map(|x| (x - loc) / scale).collect();
        assert_moments(&standard, [0.0, 1.0, 0.0, 3.0], [1.0, 3.0, 15.0, 105.0]);
        // the two of a pair do not go together
        let product: f64 = standard.as_chunks::<2>().0.iter().map(|[a, b]| a * b).sum::<f64>() / 500_000.0;
        assert!(product.abs() < 5.0 / 500_000f64.sqrt(), "{product}");
        // P(|z| > 2) and P(|z| > 4)
        for (bound, chance) in [(2.0, 0.045_500_263_896_358_4), (4.0, 6.334_248_366_623_98e-5)] {
            let count = standard.iter().filter(|z| z.abs() > bound).count() as f64;
            assert!((count - chance * 1e6).abs() < 5.0 * (chance * 1e6).sqrt(), "{bound} {count}");
        }
    }

    #[test]
    fn single_precision_is_the_double_rounded() {
        let (mut single, mut double) = ([0f32; 301], [0f64; 301]);
        Normal::new(1.0, 2.0).fill_run(stream_key(1, 3), 5, &mut single);
        Normal::new(1.0, 2.0).fill_run(stream_key(1, 3), 5, &mut double);
        assert!(single.iter().zip(&double).all(|(s, d)| *s == *d as f32));
    }
}
