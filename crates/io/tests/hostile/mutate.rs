//! Variants of bytes, by a generator that is the same everywhere.

use std::path::PathBuf;

/// Numbers that look random (SplitMix64).
pub struct Random(u64);

impl Random {
    /// Seeded by a name.
    pub fn new(name: &str) -> Self {
        Random(name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        }))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below a bound; 0 below 0.
    pub fn below(&mut self, bound: usize) -> usize {
        if bound == 0 { 0 } else { (self.next() % bound as u64) as usize }
    }
}

/// What hostile files like to say of lengths, counts and addresses.
const EVIL: [u64; 16] = [
    0,
    1,
    2,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    1 << 32,
    1 << 40,
    1 << 62,
    i64::MAX as u64,
    u64::MAX,
];

/// The same among the digits of a text.
const EVIL_TEXT: [&str; 12] = [
    "0",
    "-1",
    "1",
    "3",
    "255",
    "65536",
    "4294967296",
    "1000000000000",
    "9223372036854775807",
    "18446744073709551616",
    "1e300",
    "0.5",
];

/// What hostile texts may say instead of something else.
const EVIL_WORDS: [&str; 16] = [
    "null",
    "[]",
    "{}",
    "\"\"",
    "true",
    "\"NaN\"",
    "\"uint8\"",
    "\"complex128\"",
    "\"zstd\"",
    "\"blosc\"",
    "\"sharding_indexed\"",
    "\"transpose\"",
    "[[[[]]]]",
    "\"../../x\"",
    "\"<U9999999999\"",
    "\"bytes\"",
];

/// One to four changes; a text is changed as one half of the time.
pub fn mutated(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(4) {
        let is_text =
            bytes.iter().take(64).filter(|byte| byte.is_ascii()).count() * 10 >= bytes.len().min(64) * 9;
        if is_text && random.below(2) == 0 {
            change_text(&mut bytes, random);
        } else {
            change_bytes(&mut bytes, random);
        }
    }
    bytes
}

fn change_bytes(bytes: &mut Vec<u8>, random: &mut Random) {
    if bytes.is_empty() {
        return;
    }
    let at = place(bytes.len(), random);
    let end = |len: usize| (at + len).min(bytes.len());
    match random.below(10) {
        0 => bytes.truncate(at),
        1 | 2 => bytes[at] ^= 1 << random.below(8),
        3 => bytes[at] = random.next() as u8,
        4 | 5 => {
            // A number of some width, as one that claims too much.
            let width = [1, 2, 4, 8][random.below(4)];
            let value = EVIL[random.below(EVIL.len())].to_le_bytes();
            let end = end(width);
            bytes[at..end].copy_from_slice(&value[..end - at]);
        }
        6 => {
            let (fill, end) = ([0, 0xff][random.below(2)], end(1 + random.below(64)));
            bytes[at..end].fill(fill);
        }
        7 => {
            // An address that leads elsewhere in the file, maybe back to where it came from.
            let target = (random.below(bytes.len()) as u64).to_le_bytes();
            let end = end(8);
            bytes[at..end].copy_from_slice(&target[..end - at]);
        }
        8 => {
            let from = random.below(bytes.len());
            let piece = bytes[from..(from + random.below(128)).min(bytes.len())].to_vec();
            let end = end(piece.len());
            let count = end - at;
            bytes[at..end].copy_from_slice(&piece[..count]);
        }
        _ => {
            let count = 1 + random.below(16);
            let noise: Vec<u8> = (0..count).map(|_| random.next() as u8).collect();
            bytes.splice(at..at, noise);
        }
    }
}

/// A place in so many bytes, more often near their beginning, where headers are.
fn place(len: usize, random: &mut Random) -> usize {
    match random.below(3) {
        0 => random.below(len.min(512)),
        _ => random.below(len),
    }
}

/// Changes a number or a word, or repeats, removes or moves a piece.
fn change_text(bytes: &mut Vec<u8>, random: &mut Random) {
    let text = bytes.clone();
    let is_part = |wanted: &dyn Fn(u8) -> bool| -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        let mut at = 0;
        while at < text.len() {
            let len = text[at..].iter().take_while(|&&byte| wanted(byte)).count();
            if len > 0 {
                found.push((at, at + len));
            }
            at += len + 1;
        }
        found
    };
    match random.below(5) {
        0 | 1 => {
            let numbers = is_part(&|byte| byte.is_ascii_digit());
            if let Some(&(start, end)) = numbers.get(random.below(numbers.len())) {
                bytes.splice(start..end, EVIL_TEXT[random.below(EVIL_TEXT.len())].bytes());
            }
        }
        2 | 3 => {
            let words = is_part(&|byte| !b"{}[],: \n".contains(&byte));
            if let Some(&(start, end)) = words.get(random.below(words.len())) {
                bytes.splice(start..end, EVIL_WORDS[random.below(EVIL_WORDS.len())].bytes());
            }
        }
        _ => {
            let (from, at) = (random.below(text.len()), random.below(text.len()));
            let piece = text[from..(from + 1 + random.below(80)).min(text.len())].to_vec();
            let end = at + random.below(2) * piece.len().min(text.len() - at);
            bytes.splice(at..end, piece);
        }
    }
}

/// A zip file of files, stored as they are.
pub fn zip(files: &[(PathBuf, Vec<u8>)]) -> Vec<u8> {
    let (mut bytes, mut list) = (Vec::new(), Vec::new());
    for (path, content) in files {
        let name = path.to_str().unwrap();
        let mut common = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        common.extend(libdeflater::crc32(content).to_le_bytes());
        common.extend((content.len() as u32).to_le_bytes());
        common.extend((content.len() as u32).to_le_bytes());
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0, 0]);
        list.extend(b"PK\x01\x02\x14\x00");
        list.extend(&common);
        list.extend([0; 10]);
        list.extend((bytes.len() as u32).to_le_bytes());
        list.extend(name.bytes());
        bytes.extend(b"PK\x03\x04");
        bytes.extend(&common);
        bytes.extend(name.bytes());
        bytes.extend(content);
    }
    let (start, count) = (bytes.len() as u32, (files.len() as u16).to_le_bytes());
    bytes.extend(&list);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend([count, count].concat());
    bytes.extend((list.len() as u32).to_le_bytes());
    bytes.extend(start.to_le_bytes());
    bytes.extend([0, 0]);
    bytes
}
