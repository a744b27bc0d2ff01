//! Philox4x32-10, random numbers addressed by element index, and the loops that fill runs of them.
//!
//! Every value is a pure function of (key, element index). The key stands for one random call (a *stream*); element
//! `e` owns 64-bit word `e % 2` of the counter `e / 2`. So a value does not depend on chunks, on where a run starts,
//! on the order of the demand, or on the instruction set: nothing here contracts `a * b + c` to one rounding.
//!
//! The 128-bit counter is `[low 32 bits of e / 2, high 32 bits, 0, draw]`. Draw 0 belongs to every element; a
//! distribution that rejects takes draws 1, 2, … of the same element.
//!
//! Source: J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, *Parallel random numbers: as easy as 1, 2, 3* (2011).

use brickwork_core::simd::vectorized;

/// The key of one stream.
pub type Key = [u32; 2];

/// Counters handled per block: the words of a block (1 KiB) stay in L1, and the loops are long enough to vectorise.
const BLOCK: usize = 64;

/// Words of a vector: loops over a multiple of it have no rest that is gone through one by one.
const LANES: usize = 8;

const MULTIPLIERS: [u64; 2] = [0xD251_1F53, 0xCD9E_8D57];
const KEY_STEPS: Key = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;
const LOW_HALF: u64 = 0xFFFF_FFFF;

/// Something that fills slices with random values addressed by element index.
///
/// All methods give the same bits for the same element.
pub trait Distribution<T> {
    /// Fills `out` with the values of the elements `first`, `first + 1`, …; indexes wrap round at 2^64.
    fn fill_run(&self, key: Key, first: u64, out: &mut [T]);

    /// Fills `out` with the values of the elements `first`, `first + step`, …; indexes wrap round at 2^64.
    ///
    /// Any step will do, also zero and negative ones.
    fn fill_strided(&self, key: Key, first: u64, step: i64, out: &mut [T]);

    /// Fills `out` with the values of the elements that are listed.
    fn fill_listed(&self, key: Key, elements: &[u64], out: &mut [T]);
}

/// A distribution that turns each counter's two words into two values, without rejection.
///
/// Implementations mark it `#[inline(always)]` and write it free of branches: it is called in plain loops that have to
/// vectorise.
pub trait Transform<T>: Copy {
    /// The values of the even and of the odd element that own the words `low` and `high`.
    fn pair(self, low: u64, high: u64) -> [T; 2];
}

impl<T: Copy, D: Transform<T>> Distribution<T> for D {
    fn fill_run(&self, key: Key, first: u64, out: &mut [T]) {
        let transform = *self;
        vectorized(
            #[inline(always)]
            || run(transform, key, first, out),
        );
    }

    fn fill_strided(&self, key: Key, first: u64, step: i64, out: &mut [T]) {
        let transform = *self;
        vectorized(
            #[inline(always)]
            || strided(transform, key, first, step as u64, out),
        );
    }

    fn fill_listed(&self, key: Key, elements: &[u64], out: &mut [T]) {
        let transform = *self;
        vectorized(
            #[inline(always)]
            || listed(transform, key, elements, out),
        );
    }
}

/// The words themselves: 64 uniform bits an element.
#[derive(Debug, Clone, Copy)]
pub struct Words;

impl Transform<u64> for Words {
    #[inline(always)]
    fn pair(self, low: u64, high: u64) -> [u64; 2] {
        [low, high]
    }
}

/// The key of the stream of call number `ordinal` under `seed`.
///
/// Streams of one seed never share a key (each step is a bijection of 64 bits); nor do the same calls under two seeds.
pub fn stream_key(seed: u64, ordinal: u64) -> Key {
    let mixed = mix(mix(seed.wrapping_add(GOLDEN_STEP)).wrapping_add(ordinal.wrapping_mul(GOLDEN_STEP)));
    [mixed as u32, (mixed >> 32) as u32]
}

/// The 64-bit word of `element` in its draw number `draw` (0 is the one that [`Words`] fills in).
pub fn word(key: Key, element: u64, draw: u32) -> u64 {
    let [[low, high]] = counter_words(key, [element >> 1], draw);
    if element & 1 == 1 { high } else { low }
}

/// 2^64 divided by the golden ratio, made odd.
const GOLDEN_STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// The finaliser of SplitMix64: a bijection under which every input bit affects every output bit.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

/// The ten rounds over counters held in 64-bit lanes, of which only the low halves mean anything.
///
/// Leaving rubbish in the high halves saves the masks: a widening multiplication reads the low halves alone. Every round
/// waits for the one before, so processors do two counters side by side in little more time than one.
#[inline(always)]
fn rounds<const COUNT: usize>(mut counters: [[u64; 4]; COUNT], mut key: Key) -> [[u64; 4]; COUNT] {
    for _ in 0..ROUNDS {
        for counter in &mut counters {
            let [a, b, c, d] = *counter;
            let left = (a & LOW_HALF) * MULTIPLIERS[0];
            let right = (c & LOW_HALF) * MULTIPLIERS[1];
            *counter =
                [(right >> 32) ^ b ^ u64::from(key[0]), right, (left >> 32) ^ d ^ u64::from(key[1]), left];
        }
        key = [key[0].wrapping_add(KEY_STEPS[0]), key[1].wrapping_add(KEY_STEPS[1])];
    }
    counters
}

/// The two words of each of some counters.
#[inline(always)]
fn counter_words<const COUNT: usize>(key: Key, counters: [u64; COUNT], draw: u32) -> [[u64; 2]; COUNT] {
    let counters = counters.map(
        #[inline(always)]
        |counter| [counter, counter >> 32, 0, u64::from(draw)],
    );
    rounds(counters, key).map(
        #[inline(always)]
        |[a, b, c, d]| [(a & LOW_HALF) | (b << 32), (c & LOW_HALF) | (d << 32)],
    )
}

/// Both words of the counters of the elements `element`, `element + step`, …: of a block at the most.
#[inline(always)]
fn fill_words(key: Key, mut element: u64, step: u64, low: &mut [u64], high: &mut [u64]) {
    let mut elements = [0; BLOCK];
    let elements = &mut elements[..low.len()];
    for place in elements.iter_mut() {
        *place = element;
        element = element.wrapping_add(step);
    }
    fill_listed_words(key, elements, low, high);
}

/// Both words of the counters of some elements: two runs of them side by side, and what is left of whole vectors.
#[inline(always)]
fn fill_listed_words(key: Key, elements: &[u64], low: &mut [u64], high: &mut [u64]) {
    let half = elements.len() / (2 * LANES) * LANES;
    let (elements, rest) = elements.split_at(2 * half);
    let (elements, elements_beside) = elements.split_at(half);
    let (low, low_rest) = low.split_at_mut(2 * half);
    let (high, high_rest) = high.split_at_mut(2 * half);
    let (low, low_beside) = low.split_at_mut(half);
    let (high, high_beside) = high.split_at_mut(half);
    let words = low.iter_mut().zip(high).zip(low_beside.iter_mut().zip(high_beside));
    for (((low, high), (low_beside, high_beside)), (element, beside)) in
        words.zip(elements.iter().zip(elements_beside))
    {
        [[*low, *high], [*low_beside, *high_beside]] = counter_words(key, [element >> 1, beside >> 1], 0);
    }
    for ((low, high), element) in low_rest.iter_mut().zip(high_rest).zip(rest) {
        [[*low, *high]] = counter_words(key, [element >> 1], 0);
    }
}

/// One element by the shared scalar functions.
#[inline(always)]
fn single<T, D: Transform<T>>(transform: D, key: Key, element: u64) -> T {
    let [[low, high]] = counter_words(key, [element >> 1], 0);
    let [even, odd] = transform.pair(low, high);
    if element & 1 == 1 { odd } else { even }
}

/// Consecutive elements: whole pairs in blocks, and a lone element at an odd start or end.
#[inline(always)]
fn run<T: Copy, D: Transform<T>>(transform: D, key: Key, first: u64, out: &mut [T]) {
    let (head, out) = out.split_at_mut(out.len().min((first & 1) as usize));
    if let [head] = head {
        *head = single(transform, key, first);
    }
    let mut element = first.wrapping_add(head.len() as u64);

    let (pairs, tail) = out.as_chunks_mut::<2>();
    let (mut low, mut high) = ([0; BLOCK], [0; BLOCK]);
    for pairs in pairs.chunks_mut(BLOCK) {
        let (low, high) = (&mut low[..pairs.len()], &mut high[..pairs.len()]);
        fill_words(key, element, 2, low, high);
        for ((pair, low), high) in pairs.iter_mut().zip(low.iter()).zip(high.iter()) {
            *pair = transform.pair(*low, *high);
        }
        element = element.wrapping_add(2 * pairs.len() as u64);
    }
    if let [tail] = tail {
        *tail = single(transform, key, element);
    }
}

/// Elements by a step: the words of every element's counter, then the one value wanted of each.
#[inline(always)]
fn strided<T: Copy, D: Transform<T>>(transform: D, key: Key, first: u64, step: u64, out: &mut [T]) {
    let mut element = first;
    let (mut low, mut high) = ([0; BLOCK], [0; BLOCK]);
    for out in out.chunks_mut(BLOCK) {
        let (low, high) = (&mut low[..out.len()], &mut high[..out.len()]);
        fill_words(key, element, step, low, high);
        // A loop of its own for each half of the pair: the other half is not computed.
        match (step & 1, element & 1) {
            (0, 0) => pick::<T, D, 0>(transform, low, high, out),
            (0, _) => pick::<T, D, 1>(transform, low, high, out),
            (_, 0) => pick::<T, D, ALTERNATING>(transform, low, high, out),
            (_, _) => pick::<T, D, { ALTERNATING + 1 }>(transform, low, high, out),
        }
        element = element.wrapping_add(step.wrapping_mul(out.len() as u64));
    }
}

/// Elements in any order: the words of every element's counter, then the one value wanted of each.
#[inline(always)]
fn listed<T: Copy, D: Transform<T>>(transform: D, key: Key, elements: &[u64], out: &mut [T]) {
    let (mut low, mut high, mut padded) = ([0; BLOCK], [0; BLOCK], [0; BLOCK]);
    for (elements, out) in elements.chunks(BLOCK).zip(out.chunks_mut(BLOCK)) {
        let count = out.len().next_multiple_of(LANES);
        padded[..elements.len()].copy_from_slice(elements);
        let (low, high, elements) = (&mut low[..count], &mut high[..count], &padded[..count]);
        fill_listed_words(key, elements, low, high);
        // Whole vectors, beside the values that are wanted.
        let mut beside = [transform.pair(low[0], high[0])[0]; BLOCK];
        let values = beside[..count].iter_mut();
        for (((value, low), high), element) in values.zip(low.iter()).zip(high.iter()).zip(elements) {
            let [even, odd] = transform.pair(*low, *high);
            *value = if element & 1 == 1 { odd } else { even };
        }
        out.copy_from_slice(&beside[..out.len()]);
    }
}

/// Added to which half of the pair comes first where both come in turn.
const ALTERNATING: u64 = 2;

#[inline(always)]
fn pick<T: Copy, D: Transform<T>, const WHICH: u64>(transform: D, low: &[u64], high: &[u64], out: &mut [T]) {
    for (i, ((value, low), high)) in (0u64..).zip(out.iter_mut().zip(low).zip(high)) {
        let [even, odd] = transform.pair(*low, *high);
        let is_odd = if WHICH < ALTERNATING { WHICH == 1 } else { (i ^ WHICH) & 1 == 1 };
        *value = if is_odd { odd } else { even };
    }
}

/// Checks that the tests of the distributions share.
#[cfg(test)]
pub mod test_support {
    use super::*;

    /// Asserts that runs and strided fills of many starts, steps and lengths give the bits of a reference run.
    pub fn assert_run_equals_strided<T, D>(distribution: D, bits: impl Fn(T) -> u64)
    where
        T: Copy + Default,
        D: Distribution<T>,
    {
        const COUNT: usize = 6000;
        let key = stream_key(99, 9);
        for base in [0, (1 << 33) - 1000, u64::MAX - 2999] {
            let mut reference = vec![T::default(); COUNT];
            distribution.fill_run(key, base, &mut reference);
            for case in 0..200 {
                let random = word([17, 4], case, 0);
                let start = (random % COUNT as u64) as usize;
                let step = ((random >> 16) % 199) as i64 - 99;
                let room = match step {
                    0 => 300,
                    1.. => (COUNT - 1 - start) / step as usize + 1,
                    _ => start / step.unsigned_abs() as usize + 1,
                };
                let mut out = vec![T::default(); room.min((random >> 32) as usize % 400)];
                distribution.fill_strided(key, base.wrapping_add(start as u64), step, &mut out);
                for (i, value) in out.iter().enumerate() {
                    let at = (start as i64 + i as i64 * step) as usize;
                    assert_eq!(
                        bits(*value),
                        bits(reference[at]),
                        "base {base}, start {start}, step {step}, {i}"
                    );
                }

                let elements: Vec<u64> = (0..out.len() as i64)
                    .map(|i| base.wrapping_add((start as i64 + i * step) as u64))
                    .collect();
                let mut listed = vec![T::default(); out.len()];
                distribution.fill_listed(key, &elements, &mut listed);
                assert!(listed.iter().zip(&out).all(|(a, b)| bits(*a) == bits(*b)), "{base} {start} {step}");

                let mut out = vec![T::default(); (COUNT - start).min((random >> 48) as usize % 400)];
                distribution.fill_run(key, base.wrapping_add(start as u64), &mut out);
                for (i, value) in out.iter().enumerate() {
                    assert_eq!(bits(*value), bits(reference[start + i]), "base {base}, start {start}, {i}");
                }
            }
        }
    }

    /// Asserts that the instruction set chosen at run time gives the same bits as the baseline of the target.
    pub fn assert_same_bits_on_baseline<T, D>(transform: D, bits: impl Fn(T) -> u64)
    where
        T: Copy + Default,
        D: Transform<T>,
    {
        let key = stream_key(5, 1);
        let (mut chosen, mut baseline) = (vec![T::default(); 4097], vec![T::default(); 4097]);
        transform.fill_run(key, 3, &mut chosen);
        run(transform, key, 3, &mut baseline);
        assert!(chosen.iter().zip(&baseline).all(|(a, b)| bits(*a) == bits(*b)));
        transform.fill_strided(key, 3, -7, &mut chosen);
        strided(transform, key, 3, 7u64.wrapping_neg(), &mut baseline);
        assert!(chosen.iter().zip(&baseline).all(|(a, b)| bits(*a) == bits(*b)));
        let elements: Vec<u64> = (0..4097).map(|i| i * i).collect();
        transform.fill_listed(key, &elements, &mut chosen);
        listed(transform, key, &elements, &mut baseline);
        assert!(chosen.iter().zip(&baseline).all(|(a, b)| bits(*a) == bits(*b)));
    }

    /// Asserts that the first four moments of `sample` about zero are the `expected` ones within five standard
    /// errors; `even` are the second, fourth, sixth and eighth moments of the distribution, which give the errors.
    pub fn assert_moments(sample: &[f64], expected: [f64; 4], even: [f64; 4]) {
        for (power, (expected, square)) in (1..).zip(expected.into_iter().zip(even)) {
            let moment = sample.iter().map(|x| x.powi(power)).sum::<f64>() / sample.len() as f64;
            let error = ((square - expected * expected) / sample.len() as f64).sqrt();
            assert!(
                (moment - expected).abs() < 5.0 * error,
                "moment {power}: {moment}, not {expected} ± {error}"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn philox(counter: [u32; 4], key: Key) -> [u32; 4] {
        let [counter] = rounds([counter.map(u64::from)], key);
        counter.map(|lane| lane as u32)
    }

    #[test]
    fn published_answers() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(
            philox([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn words_of_a_counter_in_order() {
        let mut out = [0; 2];
        Words.fill_run([0; 2], 0, &mut out);
        assert_eq!(out, [0xe169_c58d_6627_e8d5, 0x9b00_dbd8_bc57_ac4c]);
    }

    #[test]
    fn both_halves_of_the_element_index_and_the_draw_count() {
        let key = stream_key(1, 2);
        let words: HashSet<u64> = (0..64)
            .flat_map(|bit| [word(key, 1 << bit, 0), word(key, 1 << bit, 1)])
            .chain([word(key, 0, 0), word(key, 0, 1), word(key, 0, u32::MAX)])
            .collect();
        assert_eq!(words.len(), 64 * 2 + 3);
    }

    #[test]
    fn every_entry_point_gives_the_word_of_the_element() {
        let key = stream_key(42, 0);
        for first in [0, 1, 2, 63, 127, 128, 1 << 33, (1 << 33) + 1, u64::MAX - 100, u64::MAX] {
            for length in [0, 1, 2, 3, 63, 127, 128, 129, 300] {
                let mut run = vec![0; length];
                Words.fill_run(key, first, &mut run);
                for (i, value) in run.iter().enumerate() {
                    assert_eq!(*value, word(key, first.wrapping_add(i as u64), 0), "{first} {length} {i}");
                }
                for step in [0, 1, -1, 2, -2, 3, 100, -1001, i64::MAX, i64::MIN] {
                    let mut strided = vec![0; length];
                    Words.fill_strided(key, first, step, &mut strided);
                    for (i, value) in strided.iter().enumerate() {
                        let element = first.wrapping_add((i as u64).wrapping_mul(step as u64));
                        assert_eq!(*value, word(key, element, 0), "{first} {length} {step} {i}");
                    }
                }
            }
        }
    }

    #[test]
    fn streams_differ() {
        let keys: HashSet<Key> =
            (0..200).flat_map(|seed| (0..200).map(move |ordinal| stream_key(seed, ordinal))).collect();
        assert_eq!(keys.len(), 200 * 200);
        assert_eq!(stream_key(7, 3), stream_key(7, 3));
    }

    #[test]
    fn each_bit_is_set_half_the_time() {
        let mut words = vec![0; 100_000];
        Words.fill_run(stream_key(3, 1), 0, &mut words);
        for bit in 0..64 {
            let set = words.iter().filter(|word| *word >> bit & 1 == 1).count() as f64;
            // five standard deviations of a fair coin
            assert!((set - 50_000.0).abs() < 5.0 * 25_000f64.sqrt(), "bit {bit}: {set}");
        }
    }
}
