//! Integers divided by way of floats: processors divide many floats at once, and integers one by one.
//!
//! A rounded quotient of integers never reaches a whole number that the quotient itself does not: between them lies at
//! least one part in the dividend, and a float is finer than that as long as the dividend has fewer bits than it.

use super::kernel::vectorized;
use crate::prelude::*;

/// Division of integers that are small enough for floats, without branches. By zero it gives 0.
pub(super) trait QuickDivide: Copy {
    /// The quotient, rounded down; overflow wraps.
    fn quick_floor_divide(self, other: Self) -> Self;
    /// What floored division leaves.
    fn quick_remainder(self, other: Self) -> Self;
    /// What division without its fraction leaves.
    fn quick_fmod(self, other: Self) -> Self;
}

/// Added to a float of a smaller number it leaves the nearest whole number in the lowest bits.
const WHOLE_F32: f32 = 12_582_912.0;
/// As [`WHOLE_F32`], for numbers below [`SMALL`].
const WHOLE_F64: f64 = 6_755_399_441_055_744.0;
/// Integers of 64 bits below this, in either direction, are divided by way of floats.
const SMALL: u64 = 1 << 51;

macro_rules! quick_divide {
    ($($t:ty: $float:ty, $whole:ident, $bits:ty, $to_float:expr;)*) => {
        $(impl QuickDivide for $t {
            #[inline(always)]
            fn quick_floor_divide(self, other: Self) -> Self {
                let quotient: $float = $to_float(self) / $to_float(other);
                let shifted = quotient + $whole;
                let nearest = shifted.to_bits().wrapping_sub($whole.to_bits());
                let down = nearest.wrapping_sub(<$bits>::from(shifted - $whole > quotient));
                if other == 0 { 0 } else { down as $t }
            }

            #[inline(always)]
            fn quick_remainder(self, other: Self) -> Self {
                let rest = self.wrapping_sub(self.quick_floor_divide(other).wrapping_mul(other));
                if other == 0 { 0 } else { rest }
            }

            #[inline(always)]
            #[allow(unused_comparisons, reason = "unsigned integers have one sign")]
            fn quick_fmod(self, other: Self) -> Self {
                let rest = self.quick_remainder(other);
                if rest != 0 && (self < 0) != (other < 0) { rest.wrapping_sub(other) } else { rest }
            }
        })*
    };
}
quick_divide! {
    i8: f32, WHOLE_F32, u32, f32::from;
    u8: f32, WHOLE_F32, u32, f32::from;
    i16: f32, WHOLE_F32, u32, f32::from;
    u16: f32, WHOLE_F32, u32, f32::from;
    i32: f64, WHOLE_F64, u64, f64::from;
    u32: f64, WHOLE_F64, u64, f64::from;
    i64: f64, WHOLE_F64, u64, |value: i64| small_to_float(value as u64);
    u64: f64, WHOLE_F64, u64, small_to_float;
}

/// A [`SMALL`] integer of 64 bits as a float, where machines have no instruction for that.
#[inline(always)]
fn small_to_float(bits: u64) -> f64 {
    f64::from_bits(bits.wrapping_add(WHOLE_F64.to_bits())) - WHOLE_F64
}

/// Integers of 64 bits, whose division by way of floats is not always right.
pub(super) trait Wide: Copy {
    /// Whether it is not [`SMALL`].
    fn is_large(self) -> bool;
}

impl Wide for i64 {
    #[inline(always)]
    fn is_large(self) -> bool {
        self.unsigned_abs() >= SMALL
    }
}

impl Wide for u64 {
    #[inline(always)]
    fn is_large(self) -> bool {
        self >= SMALL
    }
}

/// Whether all of these are so small that they are divided by way of floats.
pub(super) fn are_small<T: Wide>(operand: &Operand<'_, T>) -> bool {
    let values = match operand {
        Operand::Scalar(value) => return !value.is_large(),
        Operand::Slice(values) => *values,
    };
    let large = vectorized(
        #[inline(always)]
        || {
            let mut large = 0;
            for value in values {
                large |= u64::from(value.is_large());
            }
            large
        },
    );
    large == 0
}

#[cfg(test)]
mod tests {
    use super::super::division::Divide;
    use super::*;

    macro_rules! check {
        ($t:ty, $pairs:expr) => {
            for (a, b) in $pairs {
                let (a, b): ($t, $t) = (a, b);
                assert_eq!(a.quick_floor_divide(b), a.floor_divide(b), "{a} // {b}");
                assert_eq!(a.quick_remainder(b), a.remainder(b), "{a} % {b}");
                assert_eq!(a.quick_fmod(b), a.fmod(b), "fmod({a}, {b})");
            }
        };
    }

    /// Pairs of numbers near powers of two, and near multiples of each other.
    fn hard(bits: u32) -> Vec<(i128, i128)> {
        let mut numbers: Vec<i128> =
            (0..bits).flat_map(|bit| [-1, 0, 1, 2].map(|near| (1 << bit) + near)).collect();
        numbers.extend(
            [0, 3, 5, 7, 10, 100, 641, 1000, 6700417].into_iter().filter(|number| *number < 1 << bits),
        );
        let mut pairs = Vec::new();
        for &a in &numbers {
            for &b in &numbers {
                pairs.extend([(a, b), (a / b.max(1) * b, b), (a / b.max(1) * b - 1, b)]);
            }
        }
        let signs = |(a, b): (i128, i128)| [(a, b), (-a, b), (a, -b), (-a, -b)];
        pairs.into_iter().flat_map(signs).collect()
    }

    #[test]
    fn bytes_divide_as_integers_do() {
        check!(i8, (i8::MIN..=i8::MAX).flat_map(|a| (i8::MIN..=i8::MAX).map(move |b| (a, b))));
        check!(u8, (0..=u8::MAX).flat_map(|a| (0..=u8::MAX).map(move |b| (a, b))));
    }

    #[test]
    fn all_dividends_of_16_bits_are_right() {
        let divisors =
            [-32768, -32767, -257, -256, -10, -3, -2, -1, 0, 1, 2, 3, 7, 10, 255, 256, 257, 641, 32767];
        check!(i16, divisors.into_iter().flat_map(|b| (i16::MIN..=i16::MAX).map(move |a| (a, b))));
        let divisors = [0, 1, 2, 3, 7, 10, 255, 256, 257, 641, 32767, 32768, 65534, 65535];
        check!(u16, divisors.into_iter().flat_map(|b| (0..=u16::MAX).map(move |a| (a, b))));
    }

    #[test]
    fn longer_integers_are_right_up_to_their_bounds() {
        let within = |bits| {
            let pairs = hard(bits);
            move |low: i128, high: i128| -> Vec<(i128, i128)> {
                let is_in = |number: i128| (low..=high).contains(&number);
                pairs.iter().copied().filter(|&(a, b)| is_in(a) && is_in(b)).collect()
            }
        };
        let small = i128::from(SMALL);
        let pairs = within(32)(i32::MIN.into(), i32::MAX.into());
        assert!(pairs.len() > 10_000 && pairs.contains(&(i32::MIN.into(), -1)));
        check!(i32, pairs.iter().map(|&(a, b)| (a as i32, b as i32)));
        check!(u32, within(32)(0, u32::MAX.into()).iter().map(|&(a, b)| (a as u32, b as u32)));
        check!(i64, within(52)(1 - small, small - 1).iter().map(|&(a, b)| (a as i64, b as i64)));
        check!(u64, within(52)(0, small - 1).iter().map(|&(a, b)| (a as u64, b as u64)));
    }

    #[test]
    fn large_integers_are_told() {
        let small = SMALL as i64;
        for number in [0, 1, -1, small - 1, 1 - small] {
            assert!(
                are_small(&Operand::Scalar(number)) && are_small(&Operand::Slice(&[3, number])),
                "{number}"
            );
        }
        for number in [small, -small, i64::MAX, i64::MIN] {
            assert!(
                !are_small(&Operand::Scalar(number)) && !are_small(&Operand::Slice(&[number, 3])),
                "{number}"
            );
        }
        assert!(are_small(&Operand::Slice(&[0, SMALL - 1])));
        assert!(!are_small(&Operand::Scalar(SMALL)) && !are_small(&Operand::Slice(&[u64::MAX, 1])));
    }
}
