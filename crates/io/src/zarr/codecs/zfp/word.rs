//! The numbers that zfp takes, and the words that it makes of them.

use std::fmt::Debug;

/// A coefficient: arithmetic wraps around.
pub(super) trait Word: Copy + Debug + Default + PartialEq {
    const BITS: u32;
    /// Bits that say how many planes there are.
    const PLANES_BITS: u32;

    /// In base -2, in which small numbers of both signs have high zeros.
    fn negabinary(self) -> u64;
    fn of_negabinary(bits: u64) -> Self;
    /// The transform of four neighbours that loses their lowest bits, and back.
    fn lifted(plain: [Self; 4]) -> [Self; 4];
    fn unlifted(lifted: [Self; 4]) -> [Self; 4];
    /// Differences of four neighbours, and back: without loss.
    fn predicted(plain: [Self; 4]) -> [Self; 4];
    fn unpredicted(lifted: [Self; 4]) -> [Self; 4];
}

macro_rules! word {
    ($int:ty, $unsigned:ty, $planes:expr) => {
        impl Word for $int {
            const BITS: u32 = <$int>::BITS;
            const PLANES_BITS: u32 = $planes;

            fn negabinary(self) -> u64 {
                const MASK: $unsigned = 0xaaaa_aaaa_aaaa_aaaa_u64 as $unsigned;
                u64::from((self as $unsigned).wrapping_add(MASK) ^ MASK)
            }

            fn of_negabinary(bits: u64) -> Self {
                const MASK: $unsigned = 0xaaaa_aaaa_aaaa_aaaa_u64 as $unsigned;
                (bits as $unsigned ^ MASK).wrapping_sub(MASK) as $int
            }

            fn lifted([mut x, mut y, mut z, mut w]: [Self; 4]) -> [Self; 4] {
                x = x.wrapping_add(w) >> 1;
                w = w.wrapping_sub(x);
                z = z.wrapping_add(y) >> 1;
                y = y.wrapping_sub(z);
                x = x.wrapping_add(z) >> 1;
                z = z.wrapping_sub(x);
                w = w.wrapping_add(y) >> 1;
                y = y.wrapping_sub(w);
                w = w.wrapping_add(y >> 1);
                y = y.wrapping_sub(w >> 1);
                [x, y, z, w]
            }

            fn unlifted([mut x, mut y, mut z, mut w]: [Self; 4]) -> [Self; 4] {
                y = y.wrapping_add(w >> 1);
                w = w.wrapping_sub(y >> 1);
                y = y.wrapping_add(w);
                w = w.wrapping_sub(y.wrapping_sub(w));
                z = z.wrapping_add(x);
                x = x.wrapping_sub(z.wrapping_sub(x));
                y = y.wrapping_add(z);
                z = z.wrapping_sub(y.wrapping_sub(z));
                w = w.wrapping_add(x);
                x = x.wrapping_sub(w.wrapping_sub(x));
                [x, y, z, w]
            }

            fn predicted([x, mut y, mut z, mut w]: [Self; 4]) -> [Self; 4] {
                w = w.wrapping_sub(z);
                z = z.wrapping_sub(y);
                y = y.wrapping_sub(x);
                w = w.wrapping_sub(z);
                z = z.wrapping_sub(y);
                w = w.wrapping_sub(z);
                [x, y, z, w]
            }

            fn unpredicted([x, mut y, mut z, mut w]: [Self; 4]) -> [Self; 4] {
                w = w.wrapping_add(z);
                z = z.wrapping_add(y);
                w = w.wrapping_add(z);
                y = y.wrapping_add(x);
                z = z.wrapping_add(y);
                w = w.wrapping_add(z);
                [x, y, z, w]
            }
        }
    };
}

word!(i32, u32, 5);
word!(i64, u64, 6);

/// An element of an array.
pub(super) trait Number: bytemuck::Pod + Debug + Default {
    type Word: Word;
    /// Its number in headers.
    const CODE: u64;
    /// Bits of an exponent; 0 for integers.
    const EXPONENT_BITS: u32;
    const BIAS: i32;

    /// The exponent of the largest of some floats, `-BIAS` if all are 0.
    fn exponent(block: &[Self]) -> i32;
    /// Floats as integers that share an exponent; integers as they are.
    fn words(block: &[Self], exponent: Option<i32>, words: &mut [Self::Word]);
    fn of_words(words: &[Self::Word], exponent: Option<i32>, block: &mut [Self]);
    /// The bits of floats as integers that rise as they do.
    fn patterns(block: &[Self], words: &mut [Self::Word]);
    fn of_patterns(words: &[Self::Word], block: &mut [Self]);
    fn is_finite(self) -> bool;

    fn same_bits(a: &[Self], b: &[Self]) -> bool {
        bytemuck::cast_slice::<Self, u8>(a) == bytemuck::cast_slice::<Self, u8>(b)
    }
}

macro_rules! integer {
    ($int:ty, $code:expr) => {
        impl Number for $int {
            type Word = $int;
            const CODE: u64 = $code;
            const EXPONENT_BITS: u32 = 0;
            const BIAS: i32 = 0;

            fn exponent(_block: &[Self]) -> i32 {
                0
            }

            fn words(block: &[Self], _exponent: Option<i32>, words: &mut [Self]) {
                words[..block.len()].copy_from_slice(block);
            }

            fn of_words(words: &[Self], _exponent: Option<i32>, block: &mut [Self]) {
                block[..words.len()].copy_from_slice(words);
            }

            fn patterns(block: &[Self], words: &mut [Self]) {
                Self::words(block, None, words);
            }

            fn of_patterns(words: &[Self], block: &mut [Self]) {
                Self::of_words(words, None, block);
            }

            fn is_finite(self) -> bool {
                true
            }
        }
    };
}

integer!(i32, 0);
integer!(i64, 1);

macro_rules! float {
    ($float:ty, $int:ty, $unsigned:ty, $code:expr, $exponent:expr) => {
        impl Number for $float {
            type Word = $int;
            const CODE: u64 = $code;
            const EXPONENT_BITS: u32 = $exponent;
            const BIAS: i32 = (1 << ($exponent - 1)) - 1;

            fn exponent(block: &[Self]) -> i32 {
                let most = block.iter().fold(0.0, |most: $float, value| {
                    let value = value.abs();
                    if most < value { value } else { most }
                });
                if most == 0.0 {
                    return -Self::BIAS;
                }
                // As frexp has it, 1.0 is 0.5 * 2^1; subnormal numbers count as the smallest that are not.
                let biased = (most.to_bits() >> (<$float>::MANTISSA_DIGITS - 1)) as i32;
                (biased - Self::BIAS + 1).max(1 - Self::BIAS)
            }

            fn words(block: &[Self], exponent: Option<i32>, words: &mut [$int]) {
                let exponent = exponent.unwrap_or(-Self::BIAS);
                let scale = power_of_two(<$int>::BITS as i32 - 2 - exponent) as $float;
                for (word, &value) in words.iter_mut().zip(block) {
                    *word = if exponent == -Self::BIAS { 0 } else { (scale * value) as $int };
                }
            }

            fn of_words(words: &[$int], exponent: Option<i32>, block: &mut [Self]) {
                let exponent = exponent.unwrap_or(-Self::BIAS);
                let scale = match exponent == -Self::BIAS {
                    true => 0.0,
                    false => power_of_two(exponent - (<$int>::BITS as i32 - 2)) as $float,
                };
                for (value, &word) in block.iter_mut().zip(words) {
                    *value = scale * word as $float;
                }
            }

            fn patterns(block: &[Self], words: &mut [$int]) {
                for (word, value) in words.iter_mut().zip(block) {
                    let bits = value.to_bits() as $int;
                    *word = if bits < 0 { bits ^ <$int>::MAX } else { bits };
                }
            }

            fn of_patterns(words: &[$int], block: &mut [Self]) {
                for (value, &word) in block.iter_mut().zip(words) {
                    let bits = if word < 0 { word ^ <$int>::MAX } else { word };
                    *value = <$float>::from_bits(bits as $unsigned);
                }
            }

            fn is_finite(self) -> bool {
                <$float>::is_finite(self)
            }
        }
    };
}

float!(f32, i32, u32, 2, 8);
float!(f64, i64, u64, 3, 11);

/// A power of two, which may be subnormal, zero or infinite.
fn power_of_two(exponent: i32) -> f64 {
    match exponent {
        1024.. => f64::INFINITY,
        -1022..1024 => f64::from_bits(((exponent + 1023) as u64) << 52),
        -1074..-1022 => f64::from_bits(1 << (exponent + 1074)),
        _ => 0.0,
    }
}
