//! The order of elements that extremes, their positions and the largest elements go by.

use super::lanes::Combine;
use crate::prelude::*;

/// Elements as NumPy orders them: complex numbers by real part, then by imaginary part; NaN is told apart.
pub(crate) trait Ordered: Element {
    /// No element comes before it.
    fn least() -> Self;
    /// No element comes after it.
    fn greatest() -> Self;

    /// `self < other`; false if one is NaN.
    fn before(self, other: Self) -> bool;

    /// Whether it is NaN, or has a part that is.
    fn is_nan(self) -> bool;

    /// The lesser of two equal elements: the negative zero.
    fn lesser_of_equals(self, _other: Self) -> Self {
        self
    }

    /// The greater of two equal elements: the positive zero.
    fn greater_of_equals(self, _other: Self) -> Self {
        self
    }

    /// `self < other` in the order that `numpy.sort` uses, where NaN comes last.
    fn sorts_before(self, other: Self) -> bool {
        if self.is_nan() || other.is_nan() { !self.is_nan() } else { self.before(other) }
    }
}

macro_rules! ordered {
    (integers: $($t:ty),*) => {
        $(impl Ordered for $t {
            #[inline(always)]
            fn least() -> Self {
                <$t>::MIN
            }

            #[inline(always)]
            fn greatest() -> Self {
                <$t>::MAX
            }

            #[inline(always)]
            fn before(self, other: Self) -> bool {
                self < other
            }

            #[inline(always)]
            fn is_nan(self) -> bool {
                false
            }
        })*
    };
    (floats: $($t:ident),*) => {
        $(impl Ordered for $t {
            #[inline(always)]
            fn least() -> Self {
                $t::NEG_INFINITY
            }

            #[inline(always)]
            fn greatest() -> Self {
                $t::INFINITY
            }

            #[inline(always)]
            fn before(self, other: Self) -> bool {
                self < other
            }

            // `self.is_nan()` clears the sign first; this is one comparison.
            #[inline(always)]
            #[allow(clippy::eq_op)]
            fn is_nan(self) -> bool {
                self != self
            }

            // Equal floats have equal bits, but for the sign of zero.
            #[inline(always)]
            fn lesser_of_equals(self, other: Self) -> Self {
                $t::from_bits(self.to_bits() | other.to_bits())
            }

            #[inline(always)]
            fn greater_of_equals(self, other: Self) -> Self {
                $t::from_bits(self.to_bits() & other.to_bits())
            }
        })*
    };
    (complex: $($t:ident),*) => {
        $(impl Ordered for Complex<$t> {
            #[inline(always)]
            fn least() -> Self {
                Complex { re: $t::NEG_INFINITY, im: $t::NEG_INFINITY }
            }

            #[inline(always)]
            fn greatest() -> Self {
                Complex { re: $t::INFINITY, im: $t::INFINITY }
            }

            #[inline(always)]
            fn before(self, other: Self) -> bool {
                self.re < other.re || (self.re == other.re && self.im < other.im)
            }

            #[inline(always)]
            fn is_nan(self) -> bool {
                self.re.is_nan() || self.im.is_nan()
            }

            fn sorts_before(self, other: Self) -> bool {
                // By where NaN stands (neither part, the imaginary, the real, both), then by the parts that are
                // numbers.
                let class = |value: Self| (value.re.is_nan(), value.im.is_nan());
                match class(self).cmp(&class(other)) {
                    std::cmp::Ordering::Equal => match class(self) {
                        (false, false) => self.before(other),
                        (false, true) => self.re < other.re,
                        (true, false) => self.im < other.im,
                        (true, true) => false,
                    },
                    order => order.is_lt(),
                }
            }
        })*
    };
}
ordered!(integers: i8, i16, i32, i64, u8, u16, u32, u64);
ordered!(floats: f32, f64);
ordered!(complex: f32, f64);

/// Truth values order as their bytes do.
impl Ordered for Bool8 {
    #[inline(always)]
    fn least() -> Self {
        false.into()
    }

    #[inline(always)]
    fn greatest() -> Self {
        true.into()
    }

    #[inline(always)]
    fn before(self, other: Self) -> bool {
        self < other
    }

    #[inline(always)]
    fn is_nan(self) -> bool {
        false
    }
}

/// The lesser of two, or the first that is NaN.
pub(crate) struct Smaller;

/// The greater of two, or the first that is NaN.
pub(crate) struct Larger;

impl<T: Ordered> Combine<T> for Smaller {
    #[inline(always)]
    fn identity() -> T {
        T::greatest()
    }

    #[inline(always)]
    fn join(left: T, right: T) -> T {
        let tie = left.lesser_of_equals(right);
        let lesser = if right.before(left) { right } else { tie };
        let lesser = if left.before(right) { left } else { lesser };
        let lesser = if right.is_nan() { right } else { lesser };
        if left.is_nan() { left } else { lesser }
    }
}

impl<T: Ordered> Combine<T> for Larger {
    #[inline(always)]
    fn identity() -> T {
        T::least()
    }

    #[inline(always)]
    fn join(left: T, right: T) -> T {
        let tie = left.greater_of_equals(right);
        let greater = if left.before(right) { right } else { tie };
        let greater = if right.before(left) { left } else { greater };
        let greater = if right.is_nan() { right } else { greater };
        if left.is_nan() { left } else { greater }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_wins_and_negative_zero_is_less() {
        assert!(<Smaller as Combine<f64>>::join(1.0, f64::NAN).is_nan());
        assert!(<Larger as Combine<f32>>::join(f32::NAN, f32::INFINITY).is_nan());
        for (left, right) in [(0.0, -0.0), (-0.0, 0.0f64)] {
            assert!(Smaller::join(left, right).is_sign_negative());
            assert!(Larger::join(left, right).is_sign_positive());
        }
        assert_eq!(Larger::join(-3i8, 2), 2);
    }

    #[test]
    fn complex_numbers_sort_as_in_numpy() {
        let nan = f64::NAN;
        let sorted = [
            Complex::new(3.0, 0.0),
            Complex::new(3.0, 1.0),
            Complex::new(1.0, nan),
            Complex::new(2.0, nan),
            Complex::new(nan, 0.0),
            Complex::new(nan, nan),
        ];
        for i in 0..sorted.len() {
            for j in 0..sorted.len() {
                assert_eq!(sorted[i].sorts_before(sorted[j]), i < j, "{} and {}", sorted[i], sorted[j]);
            }
        }
    }
}
