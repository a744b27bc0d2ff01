//! Whole numbers of a range, all equally likely.

use super::philox::{Distribution, Key, Words, word};

/// Words drawn at once; 2 KiB of stack.
const BLOCK: usize = 256;

/// The whole numbers `low`, `low + 1`, …, `low + range - 1`, all equally likely, for `i64` or `u64`.
///
/// By Lemire's multiplication: the top half of the 128-bit product `word * range`, with the few words that would
/// make some numbers likelier rejected and replaced by the element's next draw. So element `e` still depends on `e`
/// alone. Source: D. Lemire, *Fast random integer generation in an interval* (2019).
#[derive(Debug, Clone, Copy)]
pub struct Integers {
    low: u64,
    range: u64,
    /// Low halves of the product below this are rejected: 2^64 modulo `range`.
    threshold: u64,
}

impl Integers {
    /// `range` numbers from `low` on; a `range` of 0 stands for 2^64.
    ///
    /// Sums wrap round. A `u64` range is had by `low as i64`, and the bits of the results read as `u64`.
    pub fn new(low: i64, range: u64) -> Self {
        let threshold = if range == 0 { 0 } else { range.wrapping_neg() % range };
        Self { low: low as u64, range, threshold }
    }

    /// Turns the words of some elements into the numbers of those elements.
    fn transform(&self, key: Key, elements: impl Iterator<Item = u64>, words: &[u64], out: &mut [i64]) {
        if self.range == 0 {
            for (out, word) in out.iter_mut().zip(words) {
                *out = self.low.wrapping_add(*word) as i64;
            }
            return;
        }
        for ((out, word), element) in out.iter_mut().zip(words).zip(elements) {
            let (mut top, rest) = widening_product(*word, self.range);
            if rest < self.threshold {
                top = self.redraw(key, element);
            }
            *out = self.low.wrapping_add(top) as i64;
        }
    }

    /// The number, less `low`, of an element whose first draw is rejected.
    #[cold]
    fn redraw(&self, key: Key, element: u64) -> u64 {
        let mut draw = 1;
        loop {
            let (top, rest) = widening_product(word(key, element, draw), self.range);
            // at most every second word is rejected, so the last draw is never reached; it ends the loop for certain
            if rest >= self.threshold || draw == u32::MAX {
                return top;
            }
            draw += 1;
        }
    }
}

impl Distribution<i64> for Integers {
    fn fill_run(&self, key: Key, first: u64, out: &mut [i64]) {
        let mut words = [0; BLOCK];
        let mut element = first;
        for out in out.chunks_mut(BLOCK) {
            let words = &mut words[..out.len()];
            Words.fill_run(key, element, words);
            self.transform(key, from(element, 1), words, out);
            element = element.wrapping_add(out.len() as u64);
        }
    }

    fn fill_strided(&self, key: Key, first: u64, step: i64, out: &mut [i64]) {
        let mut words = [0; BLOCK];
        let mut element = first;
        for out in out.chunks_mut(BLOCK) {
            let words = &mut words[..out.len()];
            Words.fill_strided(key, element, step, words);
            self.transform(key, from(element, step as u64), words, out);
            element = element.wrapping_add((out.len() as u64).wrapping_mul(step as u64));
        }
    }

    fn fill_listed(&self, key: Key, elements: &[u64], out: &mut [i64]) {
        let mut words = [0; BLOCK];
        for (elements, out) in elements.chunks(BLOCK).zip(out.chunks_mut(BLOCK)) {
            let words = &mut words[..out.len()];
            Words.fill_listed(key, elements, words);
            self.transform(key, elements.iter().copied(), words, out);
        }
    }
}

/// The elements `first`, `first + step`, …
fn from(first: u64, step: u64) -> impl Iterator<Item = u64> {
    std::iter::successors(Some(first), move |element| Some(element.wrapping_add(step)))
}

/// The top and the bottom half of the 128-bit product.
#[inline(always)]
fn widening_product(a: u64, b: u64) -> (u64, u64) {
    let product = u128::from(a) * u128::from(b);
    ((product >> 64) as u64, product as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::philox::stream_key;
    use crate::random::philox::test_support::assert_run_equals_strided;

    fn draw(low: i64, range: u64, count: usize) -> Vec<i64> {
        let mut out = vec![0; count];
        Integers::new(low, range).fill_run(stream_key(8, range), 3, &mut out);
        out
    }

    /// Asserts that `counts` fit equal chances: chi-square within five standard deviations.
    fn assert_even(counts: &[usize]) {
        let expected = counts.iter().sum::<usize>() as f64 / counts.len() as f64;
        let chi_square: f64 = counts.iter().map(|n| (*n as f64 - expected).powi(2) / expected).sum();
        let freedom = (counts.len() - 1) as f64;
        assert!((chi_square - freedom).abs() < 5.0 * (2.0 * freedom).sqrt(), "{chi_square} for {freedom}");
    }

    #[test]
    fn run_equals_strided() {
        // in the second range a third of the words are rejected, in the fourth almost half
        for range in [10, 3 << 61, 0, (1 << 63) + 1, 1] {
            assert_run_equals_strided::<i64, _>(Integers::new(-5, range), |x| x as u64);
        }
    }

    #[test]
    fn small_ranges_are_even() {
        for (low, range) in [(0i64, 2u64), (-3, 7), (100, 10), (i64::MIN, 256), (i64::MAX - 99, 100)] {
            let mut counts = vec![0; range as usize];
            for value in draw(low, range, 200_000) {
                counts[value.wrapping_sub(low) as usize] += 1;
            }
            assert_even(&counts);
        }
    }

    #[test]
    fn wide_ranges_with_many_rejections_are_even() {
        for range in [0, 3 << 61, (1 << 63) + 1, u64::MAX] {
            let mut counts = [0; 16];
            for value in draw(i64::MIN, range, 200_000) {
                let offset = value.wrapping_sub(i64::MIN) as u64;
                assert!(range == 0 || offset < range);
                let span = if range == 0 { 1 << 64 } else { u128::from(range) };
                counts[(u128::from(offset) * 16 / span) as usize] += 1;
            }
            assert_even(&counts);
        }
    }

    #[test]
    fn rejected_elements_take_their_next_accepted_draw() {
        let (key, range) = (stream_key(4, 4), (1u64 << 63) + 1);
        let mut out = [0; 400];
        Integers::new(0, range).fill_run(key, 0, &mut out);
        let mut redrawn = 0;
        for (element, value) in out.iter().enumerate() {
            let accepted = (0..).find_map(|draw| {
                let product = u128::from(word(key, element as u64, draw)) * u128::from(range);
                let kept = product as u64 as u128 >= (1u128 << 64) % u128::from(range);
                redrawn += usize::from(!kept);
                kept.then_some((product >> 64) as u64)
            });
            assert_eq!(accepted, Some(*value as u64));
        }
        assert!(redrawn > 300, "{redrawn}");
    }

    #[test]
    fn range_of_one_is_constant() {
        assert!(draw(42, 1, 1000).iter().all(|value| *value == 42));
    }

    #[test]
    fn full_range_is_the_words_themselves() {
        let (mut words, mut out) = ([0u64; 300], [0i64; 300]);
        Words.fill_run([1, 2], 7, &mut words);
        Integers::new(0, 0).fill_run([1, 2], 7, &mut out);
        assert!(words.iter().zip(&out).all(|(word, value)| *word == *value as u64));
    }
}
