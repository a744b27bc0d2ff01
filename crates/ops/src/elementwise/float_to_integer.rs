//! Floats as integers, without the checks of `as`, which keep loops from using vectors.

use crate::prelude::*;

/// How floats become integers where they do not fit; see [`Array::astype`].
pub(super) trait FloatToInteger: Element {
    fn to_i32(self) -> i32;
    fn to_u32(self) -> u32;
    fn to_i64(self) -> i64;
    fn to_u64(self) -> u64;
}

macro_rules! float_to_integer {
    ($($t:ty, $below_i32:expr);*) => {
        $(
        #[allow(clippy::manual_range_contains, reason = "both comparisons are made, without a branch")]
        impl FloatToInteger for $t {
            #[inline(always)]
            fn to_i32(self) -> i32 {
                let fits = (self > $below_i32) & (self < 2_147_483_648.0);
                let value = if fits { self } else { -2_147_483_648.0 };
                // SAFETY: without its fraction the value is from -2^31 to 2^31 - 1: NaN and all others are -2^31 here.
                unsafe { value.to_int_unchecked() }
            }

            #[inline(always)]
            fn to_u32(self) -> u32 {
                let is_high = self >= 2_147_483_648.0;
                let low = if is_high { self - 2_147_483_648.0 } else { self };
                low.to_i32() as u32 ^ (u32::from(is_high) << 31)
            }

            #[inline(always)]
            fn to_i64(self) -> i64 {
                let fits = (self >= -9_223_372_036_854_775_808.0) & (self < 9_223_372_036_854_775_808.0);
                let value = if fits { self } else { -9_223_372_036_854_775_808.0 };
                // SAFETY: the value is from -2^63 to the last float below 2^63: NaN and all others are -2^63 here.
                unsafe { value.to_int_unchecked() }
            }

            #[inline(always)]
            fn to_u64(self) -> u64 {
                let is_high = self >= 9_223_372_036_854_775_808.0;
                let low = if is_high { self - 9_223_372_036_854_775_808.0 } else { self };
                low.to_i64() as u64 ^ (u64::from(is_high) << 63)
            }
        })*
    };
}
// The last float that is too low: of `f32` the next one below -2^31.
float_to_integer!(f32, -2_147_483_904.0; f64, -2_147_483_649.0);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_the_least_integer() {
        let beyond = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300];
        assert!(beyond.iter().all(|x| x.to_i32() == i32::MIN && x.to_i64() == i64::MIN));
        assert!(beyond.iter().all(|x| (*x as f32).to_i32() == i32::MIN && (*x as f32).to_i64() == i64::MIN));
        assert_eq!((2_147_483_648.0f64.to_i32(), (-2_147_483_648.9f64).to_i32()), (i32::MIN, i32::MIN));
        assert_eq!((2_147_483_647.9f64.to_i32(), (-2_147_483_647.9f64).to_i32()), (i32::MAX, -i32::MAX));
        assert_eq!(
            (4_294_967_295.5f64.to_u32(), (-1.0f64).to_u32(), 3e9f32.to_u32()),
            (u32::MAX, u32::MAX, 3_000_000_000)
        );
        assert_eq!(
            (1.8e19f64.to_u64(), (-1.0f64).to_u64(), (-0.9f32).to_u64()),
            (18_000_000_000_000_000_000, u64::MAX, 0)
        );
        for x in [-2.9f64, -0.5, 0.0, 0.99, 1.0, 123_456.7, 2e9, -2e9, 9e18, -9e18] {
            assert_eq!(
                (x.to_i64(), x.to_i32()),
                (x as i64, if x.abs() < 2.1e9 { x as i32 } else { i32::MIN })
            );
        }
    }
}
