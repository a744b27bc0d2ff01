//! The order of elements that extremes, their positions and the largest elements go by.

use super::lanes::{Combine, Lanes};
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

    /// The lesser of two, or the first that is NaN. Of equal zeros the negative one.
    fn lesser(self, other: Self) -> Self;

    /// The greater of two, or the first that is NaN. Of equal zeros the positive one.
    fn greater(self, other: Self) -> Self;

    /// A type whose values order as these elements do, by comparisons that vectorise well.
    type Key: Ordered + Lanes;

    /// Whether elements are their own keys, NaN or not.
    const IS_KEY: bool;

    /// The key of an element. NaN comes last if the `largest` element is looked for, else first.
    fn key(self, largest: bool) -> Self::Key;

    /// The element of a key (of all NaNs the usual one).
    fn from_key(key: Self::Key, largest: bool) -> Self;

    /// `self < other` in the order that `numpy.sort` uses, where NaN comes last.
    #[inline(always)]
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

            #[inline(always)]
            fn lesser(self, other: Self) -> Self {
                self.min(other)
            }

            #[inline(always)]
            fn greater(self, other: Self) -> Self {
                self.max(other)
            }

            type Key = Self;

            const IS_KEY: bool = true;

            #[inline(always)]
            fn key(self, _largest: bool) -> Self {
                self
            }

            #[inline(always)]
            fn from_key(key: Self, _largest: bool) -> Self {
                key
            }
        })*
    };
    (floats: $($t:ident as $key:ident),*) => {
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
            fn lesser(self, other: Self) -> Self {
                let lesser = if self < other { self } else { other };
                let tie = $t::from_bits(self.to_bits() | other.to_bits());
                let lesser = if self == other { tie } else { lesser };
                if Ordered::is_nan(self) { self } else { lesser }
            }

            #[inline(always)]
            fn greater(self, other: Self) -> Self {
                let greater = if self > other { self } else { other };
                let tie = $t::from_bits(self.to_bits() & other.to_bits());
                let greater = if self == other { tie } else { greater };
                if Ordered::is_nan(self) { self } else { greater }
            }

            type Key = $key;

            const IS_KEY: bool = false;

            /// The bits as an integer, with those of negative numbers turned round.
            #[inline(always)]
            fn key(self, largest: bool) -> $key {
                let bits = self.to_bits() as $key;
                let key = bits ^ ((bits >> ($key::BITS - 1)) & $key::MAX);
                let nan = if largest { $key::MAX } else { $key::MIN };
                if Ordered::is_nan(self) { nan } else { key }
            }

            #[inline(always)]
            fn from_key(key: $key, largest: bool) -> Self {
                if key == if largest { $key::MAX } else { $key::MIN } {
                    return $t::NAN;
                }
                $t::from_bits((key ^ ((key >> ($key::BITS - 1)) & $key::MAX)) as _)
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
                (self.re < other.re) | ((self.re == other.re) & (self.im < other.im))
            }

            #[inline(always)]
            fn is_nan(self) -> bool {
                self.re.is_nan() | self.im.is_nan()
            }

            #[inline(always)]
            fn lesser(self, other: Self) -> Self {
                let takes_other = !self.is_nan() & (other.is_nan() | other.before(self));
                if takes_other { other } else { self }
            }

            #[inline(always)]
            fn greater(self, other: Self) -> Self {
                let takes_other = !self.is_nan() & (other.is_nan() | self.before(other));
                if takes_other { other } else { self }
            }

            type Key = Self;

            const IS_KEY: bool = false;

            #[inline(always)]
            fn key(self, _largest: bool) -> Self {
                self
            }

            #[inline(always)]
            fn from_key(key: Self, _largest: bool) -> Self {
                key
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
ordered!(floats: f32 as i32, f64 as i64);
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

    #[inline(always)]
    fn lesser(self, other: Self) -> Self {
        self.min(other)
    }

    #[inline(always)]
    fn greater(self, other: Self) -> Self {
        self.max(other)
    }

    type Key = Self;

    const IS_KEY: bool = true;

    #[inline(always)]
    fn key(self, _largest: bool) -> Self {
        self
    }

    #[inline(always)]
    fn from_key(key: Self, _largest: bool) -> Self {
        key
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
        left.lesser(right)
    }
}

impl<T: Ordered> Combine<T> for Larger {
    #[inline(always)]
    fn identity() -> T {
        T::least()
    }

    #[inline(always)]
    fn join(left: T, right: T) -> T {
        left.greater(right)
    }
}

/// The smallest or largest of a row of at least one element: NaN if there is one, but if NaN is to be skipped; then what no
/// element is less or greater than stands for it. To be called inside [`vectorized`](brickwork_core::simd::vectorized).
#[inline(always)]
pub(crate) fn extreme_of<T: Ordered>(
    elements: &[T],
    largest: bool,
    skip_nan: bool,
    keys: &mut Vec<T::Key>,
) -> T {
    let last = if largest { T::least() } else { T::greatest() };
    let last = last.key(largest);
    if T::IS_KEY {
        return T::from_key(join_keys::<T>(last, bytemuck::cast_slice(elements), largest), largest);
    }
    let mut best = last;
    // So many that their keys stay in the first-level cache.
    for elements in elements.chunks(KEYS) {
        keys.clear();
        keys.extend(elements.iter().map(
            #[inline(always)]
            move |element| {
                let key = element.key(largest);
                if skip_nan & element.is_nan() { last } else { key }
            },
        ));
        best = join_keys::<T>(best, keys, largest);
    }
    T::from_key(best, largest)
}

/// Keys made at a time.
const KEYS: usize = 1024;

#[inline(always)]
fn join_keys<T: Ordered>(best: T::Key, keys: &[T::Key], largest: bool) -> T::Key {
    if largest {
        best.greater(T::Key::join_row::<Larger>(keys, 1)[0])
    } else {
        best.lesser(T::Key::join_row::<Smaller>(keys, 1)[0])
    }
}

/// Elements compared at once.
const COMPARED: usize = 256;

/// Where the first element is that is equal to another, or that is NaN if that is. To be called inside
/// [`vectorized`](brickwork_core::simd::vectorized).
#[inline(always)]
pub(crate) fn first_equal<T: Ordered>(elements: &[T], to: T) -> Option<usize> {
    for (number, elements) in elements.chunks(COMPARED).enumerate() {
        let mut is_here = false;
        for element in elements {
            is_here |= is_equal(*element, to);
        }
        if is_here {
            return elements
                .iter()
                .position(|element| is_equal(*element, to))
                .map(|at| number * COMPARED + at);
        }
    }
    None
}

#[inline(always)]
fn is_equal<T: Ordered>(element: T, to: T) -> bool {
    (element == to) | (to.is_nan() & element.is_nan())
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
    fn keys_order_as_their_elements() {
        let rising = [f64::NEG_INFINITY, -2.0, -1e-310, -0.0, 0.0, 5e-324, 1.0, f64::MAX, f64::INFINITY];
        for largest in [false, true] {
            assert!(rising.windows(2).all(|pair| pair[0].key(largest) < pair[1].key(largest)));
            assert!(rising.iter().all(|x| f64::from_key(x.key(largest), largest).to_bits() == x.to_bits()));
            for nan in [f64::NAN, -f64::NAN] {
                let row: Vec<f64> = rising.iter().copied().chain([nan]).chain(rising).collect();
                assert!(extreme_of(&row, largest, false, &mut Vec::new()).is_nan());
            }
        }
        assert!(extreme_of(&[0.0f32, -0.0, 3.0], false, false, &mut Vec::new()).is_sign_negative());
    }

    #[test]
    fn long_rows_have_the_extreme_of_their_parts() {
        let value = |i: usize| if i == 1700 { f64::NAN } else { ((i * 7919 + 13) % 3001) as f64 - 1500.0 };
        let row: Vec<f64> = (0..3001).map(value).collect();
        assert!(extreme_of(&row, true, false, &mut Vec::new()).is_nan());
        assert_eq!(first_equal(&row, f64::NAN), Some(1700));
        let greatest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        assert_eq!(extreme_of(&row, true, true, &mut Vec::new()), greatest);
        assert_eq!(first_equal(&row, greatest), row.iter().position(|value| *value == greatest));
        assert_eq!(first_equal(&row, 0.5), None);
        let bytes: Vec<u8> = (0..1000).map(|i| (i * 37 % 251 + usize::from(i == 700) * 3) as u8).collect();
        let least = bytes.iter().copied().min().unwrap_or_default();
        assert_eq!(extreme_of(&bytes, false, false, &mut Vec::new()), least);
        assert_eq!(first_equal(&bytes, least), bytes.iter().position(|value| *value == least));
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
