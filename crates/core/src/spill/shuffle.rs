//! The bytes of elements, sorted by their place in the element: what compresses better.

use crate::simd::vectorized;

/// How elements of so many bytes are cut into bytes: the words that they are made of.
pub(super) fn word(itemsize: usize) -> usize {
    [8, 4, 2].into_iter().find(|&word| itemsize > 0 && itemsize.is_multiple_of(word)).unwrap_or(1)
}

/// Runs one of the loops below for words of so many bytes; those of one byte are as they were.
macro_rules! by_word {
    ($loop:ident, $word:expr, $bytes:expr, $out:expr) => {
        match $word {
            2 => vectorized(
                #[inline(always)]
                || $loop::<2>($bytes, $out),
            ),
            4 => vectorized(
                #[inline(always)]
                || $loop::<4>($bytes, $out),
            ),
            8 => vectorized(
                #[inline(always)]
                || $loop::<8>($bytes, $out),
            ),
            _ => $out.copy_from_slice($bytes),
        }
    };
}

/// Puts the first bytes of all words before the second ones, and so on.
pub(super) fn shuffle(bytes: &[u8], word: usize, out: &mut [u8]) {
    by_word!(split, word, bytes, out);
}

/// What was there before [`shuffle`].
pub(super) fn unshuffle(bytes: &[u8], word: usize, out: &mut [u8]) {
    by_word!(join, word, bytes, out);
}

#[inline(always)]
fn split<const N: usize>(bytes: &[u8], out: &mut [u8]) {
    let count = bytes.len() / N;
    for (at, plane) in out.chunks_exact_mut(count.max(1)).enumerate().take(N) {
        for (out, word) in plane.iter_mut().zip(bytes.as_chunks::<N>().0) {
            *out = word[at];
        }
    }
}

/// Words that are put together at a time: they stay in the nearest cache.
const AT_ONCE: usize = 64;

#[inline(always)]
fn join<const N: usize>(bytes: &[u8], out: &mut [u8]) {
    let count = bytes.len() / N;
    for (number, words) in out.as_chunks_mut::<N>().0.chunks_mut(AT_ONCE).enumerate() {
        for at in 0..N {
            let plane = &bytes[at * count + number * AT_ONCE..][..words.len()];
            for (word, byte) in words.iter_mut().zip(plane) {
                word[at] = *byte;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back() {
        for (itemsize, expected) in [(1, 1), (2, 2), (4, 4), (8, 8), (16, 8), (12, 4), (3, 1), (0, 1)] {
            assert_eq!(word(itemsize), expected);
            for count in [0, 1, 7, 64, 65, 1000] {
                let bytes: Vec<u8> = (0..count * itemsize).map(|i| (i * i % 251) as u8).collect();
                let (mut shuffled, mut back) = (vec![0; bytes.len()], vec![0; bytes.len()]);
                shuffle(&bytes, expected, &mut shuffled);
                unshuffle(&shuffled, expected, &mut back);
                assert_eq!(back, bytes, "{count} of {itemsize}");
            }
        }
        let mut out = [0; 6];
        shuffle(&[1, 2, 3, 4, 5, 6], 2, &mut out);
        assert_eq!(out, [1, 3, 5, 2, 4, 6]);
    }
}
