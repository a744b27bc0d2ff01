//! Fletcher's checksum as HDF5 appends it to chunks, and Zarr after it.

/// Fletcher's checksum over big-endian 16-bit words, an odd last byte taken as the high half of a word.
pub(crate) fn fletcher32(bytes: &[u8]) -> u32 {
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

/// Checks bytes that end in their checksum, and gives those before it.
pub(crate) fn without_checksum(bytes: &[u8]) -> Result<&[u8], String> {
    let Some((data, stored)) = bytes.split_last_chunk::<4>() else {
        return Err(format!("{} bytes are too few for a fletcher32 checksum", bytes.len()));
    };
    let computed = fletcher32(data);
    // Versions of the HDF5 library before 1.6.3 stored the two bytes of each half swapped.
    let [a, b, c, d] = *stored;
    if computed != u32::from_le_bytes(*stored) && computed != u32::from_le_bytes([b, a, d, c]) {
        let stored = u32::from_le_bytes(*stored);
        return Err(format!("fletcher32 checksum is {stored:#010x}, bytes give {computed:#010x}"));
    }
    Ok(data)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(without_checksum(&chunk).unwrap().len(), 1001);
        chunk[500] ^= 1;
        assert!(without_checksum(&chunk).unwrap_err().contains("fletcher32"));
        assert!(without_checksum(&[1, 2]).is_err());
    }
}
