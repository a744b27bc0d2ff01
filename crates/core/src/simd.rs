//! Plain loops, compiled for the vector instructions of the machine they run on.

/// Runs a loop with the widest vectors of this machine. All that it calls must be `#[inline(always)]`, and so must the
/// closure itself: what is not inlined is compiled for the oldest machine.
///
/// Write the loop over zipped slices without branches, and the compiler vectorises it. It never contracts `a * b + c`
/// to one rounding, so every machine gives the same bits.
///
/// # Examples
/// ```
/// # use brickwork_core::simd::vectorized;
/// let (a, mut sum) = ([1.0, 2.0, 3.0], [10.0, 20.0, 30.0]);
/// vectorized(#[inline(always)] || {
///     for (sum, a) in sum.iter_mut().zip(&a) {
///         *sum += a;
///     }
/// });
/// assert_eq!(sum, [11.0, 22.0, 33.0]);
/// ```
#[inline(always)]
pub fn vectorized<R>(body: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    return x86::vectorized(body);
    #[cfg(not(target_arch = "x86_64"))]
    body()
}

/// How wide the vectors are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Vectors {
    /// Those that every machine of the architecture has.
    Oldest,
    /// Of 256 bits, by AVX2: what most machines of x86-64 have. Elsewhere as [`Vectors::Oldest`].
    Avx2,
    /// The widest of this machine.
    Widest,
}

/// Has all loops use vectors of this width from now on. For measurements and tests: the bits are the same, and nothing
/// else gains by it. Where there is but one width, nothing changes.
pub fn use_at_most(vectors: Vectors) {
    #[cfg(target_arch = "x86_64")]
    x86::use_at_most(vectors);
    #[cfg(not(target_arch = "x86_64"))]
    let _ = vectors;
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::Vectors;

    const UNKNOWN: u8 = 0;
    const OLDEST: u8 = 1;
    const AVX2: u8 = 2;
    const AVX512: u8 = 3;

    static LEVEL: AtomicU8 = AtomicU8::new(UNKNOWN);

    #[inline(always)]
    fn level() -> u8 {
        match LEVEL.load(Ordering::Relaxed) {
            UNKNOWN => detected(),
            level => level,
        }
    }

    #[cold]
    fn detected() -> u8 {
        let has_avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi2");
        // What servers have had since 2017. Later extensions are of no use to plain loops.
        let has_avx512 = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl");
        let level = match (has_avx2, has_avx512) {
            (true, true) => AVX512,
            (true, false) => AVX2,
            _ => OLDEST,
        };
        LEVEL.store(level, Ordering::Relaxed);
        level
    }

    pub fn use_at_most(vectors: Vectors) {
        match vectors {
            Vectors::Oldest => LEVEL.store(OLDEST, Ordering::Relaxed),
            Vectors::Avx2 => LEVEL.store(detected().min(AVX2), Ordering::Relaxed),
            Vectors::Widest => LEVEL.store(UNKNOWN, Ordering::Relaxed),
        }
    }

    #[inline(always)]
    pub fn vectorized<R>(body: impl FnOnce() -> R) -> R {
        match level() {
            // SAFETY: the machine has these instructions.
            AVX512 => unsafe { with_avx512(body) },
            // SAFETY: the machine has these instructions.
            AVX2 => unsafe { with_avx2(body) },
            _ => body(),
        }
    }

    #[target_feature(enable = "avx2,bmi2,avx512f,avx512bw,avx512dq,avx512vl")]
    fn with_avx512<R>(body: impl FnOnce() -> R) -> R {
        body()
    }

    #[target_feature(enable = "avx2,bmi2")]
    fn with_avx2<R>(body: impl FnOnce() -> R) -> R {
        body()
    }
}
