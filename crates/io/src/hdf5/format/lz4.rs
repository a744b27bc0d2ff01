//! The lz4 filter: a header, then blocks behind their lengths.
use super::codec::unlz4;
use super::error::{Outcome, Problem, corrupt};

/// Decompresses `from` into `to`, which it has to fill exactly.
pub(super) fn decompress(from: &[u8], to: &mut [u8]) -> Outcome<()> {
    let short = || damaged("end early".into());
    let (nbytes, from) = from.split_first_chunk::<8>().ok_or_else(short)?;
    let (block_nbytes, mut from) = from.split_first_chunk::<4>().ok_or_else(short)?;
    let (claimed, block_nbytes) = (u64::from_be_bytes(*nbytes), u32::from_be_bytes(*block_nbytes) as usize);
    if claimed != to.len() as u64 {
        return Err(damaged(format!("claim {claimed} bytes, and {} are wanted", to.len())));
    }
    if block_nbytes == 0 {
        return Err(damaged("have blocks of 0 bytes".into()));
    }
    for to in to.chunks_mut(block_nbytes) {
        let (len, rest) = from.split_first_chunk::<4>().ok_or_else(short)?;
        let (stored, rest) = rest.split_at_checked(u32::from_be_bytes(*len) as usize).ok_or_else(short)?;
        // What did not get shorter is stored as it is.
        match stored.len() == to.len() {
            true => to.copy_from_slice(stored),
            false => unlz4(stored, to)?,
        }
        from = rest;
    }
    Ok(())
}

fn damaged(detail: String) -> Problem {
    corrupt("chunk", format!("its lz4 data {detail}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_plain_or_compressed() {
        let mut bytes = b"\0\0\0\0\0\0\0\x0e\0\0\0\x0a".to_vec();
        // Ten bytes: one literal, then nine from one back; four bytes as they are.
        let compressed = [0x14, b'a', 1, 0, 0x10, b'a'];
        bytes.extend((compressed.len() as u32).to_be_bytes());
        bytes.extend(compressed);
        bytes.extend(b"\0\0\0\x04bcde");
        let mut out = [0; 14];
        decompress(&bytes, &mut out).unwrap();
        assert_eq!(&out, b"aaaaaaaaaabcde");
        for len in 0..bytes.len() {
            assert!(decompress(&bytes[..len], &mut out).is_err(), "{len}");
        }
        assert!(decompress(&bytes, &mut out[..13]).unwrap_err().to_string().contains("claim 14 bytes"));
    }
}
