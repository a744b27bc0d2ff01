//! Whether blocks of spill files are compressed.

use std::sync::atomic::{AtomicU32, Ordering};

use serde::{Deserialize, Serialize};

use super::frames::SCRATCH;

/// How blocks are written to spill files. Values do not depend on it.
///
/// Half a gigabyte of `f32` rechunked from `(1, 721, 1440)` to `(120, 40, 40)` in 150 MB, on two busy cores of 2.5 GHz: on
/// a disk of 150 MB/s smooth fields take 8.1 s as they are, 5.5 s with LZ4 (267 of 498 MB written) and 6.4 s with `Auto`
/// (270 MB); random numbers 8.8, 8.4 and 8.5 s (498 MB each time). In the page cache smooth fields take 2.2 s of
/// processor time as they are, 2.9 s with LZ4, and with `Auto`, which compresses nothing there, 2.2 s; random numbers 2.3,
/// 2.0 and 2.1 s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum SpillCodec {
    /// With LZ4 where the file takes bytes more slowly than they are compressed and decompressed, and blocks get
    /// clearly smaller by it; else as they are. A spill file that the page cache takes in is no faster for being
    /// smaller, and one that the disk has to keep up with is.
    #[default]
    Auto,
    /// As they are.
    None,
    /// With LZ4 where blocks get clearly smaller by it.
    Lz4,
}

/// Compressing pays where a file takes fewer bytes a second from a thread than this, times the share of them that is
/// saved. On a server of 2.5 GHz a thread sorts and compresses smooth `f32` at 1.0 GB/s (0.46 of it
/// is left), measurements of two digits at 2.6 GB/s (0.52), packed `i16` at 1.7 GB/s (0.51) and random `f32` at 0.9 GB/s
/// (0.92), and gets values back at 1.3 to 1.5 GB/s: 1.1 to 1.9 ns a byte for both ways.
const PACE: f64 = 500e6;

/// Memory for [`SpillCodec::Auto`] in this part of what a task may use at least, or nothing is compressed.
const LEAST_PART: usize = 64;

impl SpillCodec {
    /// The codec where each of the tasks that run at once may use so many bytes.
    pub(crate) fn within(self, bytes: usize) -> SpillCodec {
        match self {
            SpillCodec::Auto if bytes / LEAST_PART < SCRATCH => SpillCodec::None,
            codec => codec,
        }
    }

    /// Bytes that a task needs to compress and to decompress.
    pub(crate) fn scratch(self) -> usize {
        if self == SpillCodec::None { 0 } else { SCRATCH }
    }
}

/// What has come of compressing blocks of one spill file. Threads may count past each other: nothing but speed depends
/// on it.
#[derive(Debug)]
pub(super) struct Trials {
    /// What of the last block that was tried was left, in thousandths.
    left: AtomicU32,
    /// Blocks to write as they are before the next is tried.
    skips: AtomicU32,
    /// Skips after the next miss.
    after_miss: AtomicU32,
}

/// A block that is smaller than this, in thousandths, is clearly smaller.
pub(super) const CLEARLY: u32 = 800;

const FIRST_SKIPS: u32 = 7;
const MOST_SKIPS: u32 = 255;

impl Default for Trials {
    fn default() -> Self {
        Trials {
            left: AtomicU32::new(CLEARLY / 2),
            skips: AtomicU32::new(0),
            after_miss: AtomicU32::new(FIRST_SKIPS),
        }
    }
}

impl Trials {
    /// Whether to try the next block, in a file that lately took so many bytes a second, if anybody knows.
    pub fn tries(&self, codec: SpillCodec, speed: Option<f64>) -> bool {
        let pays = match codec {
            SpillCodec::None => false,
            SpillCodec::Lz4 => true,
            SpillCodec::Auto => {
                let saved = 1.0 - f64::from(self.left.load(Ordering::Relaxed)) / 1000.0;
                speed.is_some_and(|speed| speed < PACE * saved)
            }
        };
        if !pays {
            return false;
        }
        let skips = self.skips.load(Ordering::Relaxed);
        if skips > 0 {
            self.skips.store(skips - 1, Ordering::Relaxed);
        }
        skips == 0
    }

    /// Takes note of what came of a block: bytes that were left of it, if it got clearly smaller.
    pub fn note(&self, left: Option<usize>, of: usize) {
        if let Some(left) = left {
            self.left.store((left * 1000 / of.max(1)) as u32, Ordering::Relaxed);
            self.after_miss.store(FIRST_SKIPS, Ordering::Relaxed);
            return;
        }
        let skips = self.after_miss.load(Ordering::Relaxed);
        self.skips.store(skips, Ordering::Relaxed);
        self.after_miss.store((2 * skips + 1).min(MOST_SKIPS), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_that_do_not_get_smaller_are_tried_ever_more_seldom() {
        let trials = Trials::default();
        let mut tried = 0;
        for _ in 0..10_000 {
            if trials.tries(SpillCodec::Lz4, None) {
                tried += 1;
                trials.note(None, 1000);
            }
        }
        assert!((40..50).contains(&tried), "{tried}");
        while !trials.tries(SpillCodec::Lz4, None) {}
        trials.note(Some(500), 1000);
        assert!((0..100).all(|_| trials.tries(SpillCodec::Lz4, None)));
    }

    #[test]
    fn a_file_that_is_fast_gets_blocks_as_they_are() {
        let trials = Trials::default();
        trials.note(Some(500), 1000);
        for (codec, speed, expected) in [
            (SpillCodec::Auto, Some(2e9), false),
            (SpillCodec::Auto, Some(100e6), true),
            (SpillCodec::Auto, None, false),
            (SpillCodec::Lz4, Some(2e9), true),
            (SpillCodec::None, Some(1e6), false),
        ] {
            assert_eq!(trials.tries(codec, speed), expected, "{codec:?} {speed:?}");
        }
        trials.note(Some(790), 1000);
        assert!(!trials.tries(SpillCodec::Auto, Some(150e6)), "little is saved by it");
    }

    #[test]
    fn little_memory_is_not_taken_for_compressing() {
        assert_eq!(SpillCodec::Auto.within(1 << 20).scratch(), 0);
        assert_eq!(SpillCodec::Auto.within(64 << 20).scratch(), SCRATCH);
        assert_eq!(SpillCodec::Lz4.within(0).scratch(), SCRATCH);
    }
}
