//! Streams of bits as zfp has them: words of 64 bits, the lowest first.

/// Bits that are read. Beyond the end there are zeros, and [`Reader::is_overrun`] tells of it.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    /// Bytes taken, those beyond the end too.
    taken: usize,
    word: u64,
    left: u32,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes, taken: 0, word: 0, left: 0 }
    }

    fn refill(&mut self) {
        let rest = self.bytes.get(self.taken..).unwrap_or_default();
        let mut word = [0; 8];
        let len = rest.len().min(8);
        word[..len].copy_from_slice(&rest[..len]);
        self.word = u64::from_le_bytes(word);
        self.taken += 8;
        self.left = 64;
    }

    pub fn bit(&mut self) -> bool {
        if self.left == 0 {
            self.refill();
        }
        let bit = self.word & 1;
        self.word >>= 1;
        self.left -= 1;
        bit == 1
    }

    /// So many bits, at most 64, the first the lowest.
    pub fn bits(&mut self, count: u32) -> u64 {
        let had = self.left.min(count);
        let low = self.word & ones(had);
        self.word = self.word.checked_shr(had).unwrap_or(0);
        self.left -= had;
        let needed = count - had;
        if needed == 0 {
            return low;
        }
        self.refill();
        let high = self.word & ones(needed);
        self.word = self.word.checked_shr(needed).unwrap_or(0);
        self.left -= needed;
        low | high << had
    }

    pub fn skip(&mut self, mut count: u32) {
        while count > 0 {
            let step = count.min(64);
            self.bits(step);
            count -= step;
        }
    }

    /// Whether more was read than there is, but for what fills the last word.
    pub fn is_overrun(&self) -> bool {
        let read = self.taken.saturating_mul(8) - self.left as usize;
        read > self.bytes.len().saturating_mul(8)
    }
}

/// Bits that are written.
#[derive(Debug, Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
    word: u64,
    used: u32,
}

impl Writer {
    pub fn bit(&mut self, bit: bool) {
        self.bits(u64::from(bit), 1);
    }

    /// The lowest bits of a value, at most 64.
    pub fn bits(&mut self, value: u64, count: u32) {
        let value = value & ones(count);
        self.word |= value.checked_shl(self.used).unwrap_or(0);
        if self.used + count < 64 {
            self.used += count;
            return;
        }
        self.bytes.extend(self.word.to_le_bytes());
        let had = 64 - self.used;
        self.word = value.checked_shr(had).unwrap_or(0);
        self.used = count - had;
    }

    pub fn pad(&mut self, mut count: u32) {
        while count > 0 {
            let step = count.min(64);
            self.bits(0, step);
            count -= step;
        }
    }

    /// The bytes, the last word filled with zeros.
    pub fn finish(mut self) -> Vec<u8> {
        if self.used > 0 {
            self.bytes.extend(self.word.to_le_bytes());
        }
        self.bytes
    }
}

fn ones(count: u32) -> u64 {
    if count >= 64 { u64::MAX } else { (1 << count) - 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_back_in_order() {
        let lengths = [1, 7, 64, 3, 0, 63, 12, 64, 2, 33];
        let value = |i: usize| 0x9e37_79b9_7f4a_7c15_u64.rotate_left(7 * i as u32);
        let mut writer = Writer::default();
        for (i, &len) in lengths.iter().enumerate() {
            writer.bits(value(i), len);
        }
        writer.pad(100);
        let bytes = writer.finish();
        assert_eq!(bytes.len() % 8, 0);
        let mut reader = Reader::new(&bytes);
        for (i, &len) in lengths.iter().enumerate() {
            assert_eq!(reader.bits(len), value(i) & ones(len), "{i}");
        }
        reader.skip(100);
        assert!(!reader.is_overrun());
        reader.skip(64);
        assert!(reader.is_overrun() && !reader.bit());
    }
}
