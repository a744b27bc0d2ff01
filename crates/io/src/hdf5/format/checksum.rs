//! The two checksums of HDF5: lookup3 over metadata, Fletcher's over chunks.
use super::error::{Outcome, corrupt};

/// Bob Jenkins' lookup3 hash ("hashlittle") with initial value 0, which protects version 2 metadata.
pub(super) fn lookup3(bytes: &[u8]) -> u32 {
    let start = 0xdead_beef_u32.wrapping_add(bytes.len() as u32);
    let (mut a, mut b, mut c) = (start, start, start);
    let word = |bytes: &[u8], at: usize| {
        let mut word = [0; 4];
        for (to, from) in word.iter_mut().zip(bytes.iter().skip(at)) {
            *to = *from;
        }
        u32::from_le_bytes(word)
    };
    let mut rest = bytes;
    while rest.len() > 12 {
        a = a.wrapping_add(word(rest, 0));
        b = b.wrapping_add(word(rest, 4));
        c = c.wrapping_add(word(rest, 8));
        // Mixing: each line is reversible, so no bit is lost.
        a = a.wrapping_sub(c) ^ c.rotate_left(4);
        c = c.wrapping_add(b);
        b = b.wrapping_sub(a) ^ a.rotate_left(6);
        a = a.wrapping_add(c);
        c = c.wrapping_sub(b) ^ b.rotate_left(8);
        b = b.wrapping_add(a);
        a = a.wrapping_sub(c) ^ c.rotate_left(16);
        c = c.wrapping_add(b);
        b = b.wrapping_sub(a) ^ a.rotate_left(19);
        a = a.wrapping_add(c);
        c = c.wrapping_sub(b) ^ b.rotate_left(4);
        b = b.wrapping_add(a);
        rest = &rest[12..];
    }
    if rest.is_empty() {
        return c;
    }
    a = a.wrapping_add(word(rest, 0));
    b = b.wrapping_add(word(rest, 4));
    c = c.wrapping_add(word(rest, 8));
    c = (c ^ b).wrapping_sub(b.rotate_left(14));
    a = (a ^ c).wrapping_sub(c.rotate_left(11));
    b = (b ^ a).wrapping_sub(a.rotate_left(25));
    c = (c ^ b).wrapping_sub(b.rotate_left(16));
    a = (a ^ c).wrapping_sub(c.rotate_left(4));
    b = (b ^ a).wrapping_sub(a.rotate_left(14));
    (c ^ b).wrapping_sub(b.rotate_left(24))
}

/// Fletcher's checksum over big-endian 16-bit words, an odd last byte taken as the high half of a word.
pub(super) fn fletcher32(bytes: &[u8]) -> u32 {
    // 360 words may be summed before the sums of sums can overflow 32 bits.
    const WORDS: usize = 360;
    let fold = |sum: u32| (sum & 0xffff) + (sum >> 16);
    let (mut low, mut high) = (0_u32, 0_u32);
    let words = bytes.chunks_exact(2);
    let odd = words.remainder();
    for run in bytes[..bytes.len() - odd.len()].chunks(2 * WORDS) {
        for word in run.chunks_exact(2) {
            low += u32::from(u16::from_be_bytes([word[0], word[1]]));
            high += low;
        }
        low = fold(low);
        high = fold(high);
    }
    if let [last] = odd {
        low += u32::from(*last) << 8;
        high += low;
        low = fold(low);
        high = fold(high);
    }
    (fold(high) << 16) | fold(low)
}

/// Checks a chunk that ends in its Fletcher checksum and gives the bytes before it.
pub(super) fn strip_fletcher32(bytes: &[u8]) -> Outcome<&[u8]> {
    let Some((data, stored)) = bytes.split_last_chunk::<4>() else {
        return Err(corrupt("chunk", format!("{} bytes are too few for a fletcher32 checksum", bytes.len())));
    };
    let computed = fletcher32(data);
    // Library versions before 1.6.3 stored the two bytes of each half swapped.
    let [a, b, c, d] = *stored;
    if computed != u32::from_le_bytes(*stored) && computed != u32::from_le_bytes([b, a, d, c]) {
        let stored = u32::from_le_bytes(*stored);
        return Err(corrupt(
            "chunk",
            format!("fletcher32 checksum is {stored:#010x}, bytes give {computed:#010x}"),
        ));
    }
    Ok(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookup3_agrees_with_its_authors_examples() {
        assert_eq!(lookup3(b""), 0xdead_beef);
        assert_eq!(lookup3(b"Four score and seven years ago"), 0x1777_0551);
    }

    #[test]
    fn fletcher32_agrees_with_published_examples() {
        // The examples are for little-endian words: their bytes are swapped in pairs here.
        assert_eq!(fletcher32(b"badc\0e"), 0xf04f_c729);
        assert_eq!(fletcher32(b"badcfe"), 0x5650_2d2a);
        assert_eq!(fletcher32(&[]), 0);
    }

    #[test]
    fn a_changed_byte_is_noticed() {
        let mut chunk: Vec<u8> = (0..1001_u32).map(|i| (i * 7) as u8).collect();
        let sum = fletcher32(&chunk);
        chunk.extend(sum.to_le_bytes());
        assert_eq!(strip_fletcher32(&chunk).unwrap().len(), 1001);
        chunk[500] ^= 1;
        assert!(strip_fletcher32(&chunk).unwrap_err().to_string().contains("fletcher32"));
        assert!(strip_fletcher32(&[1, 2]).is_err());
    }
}
