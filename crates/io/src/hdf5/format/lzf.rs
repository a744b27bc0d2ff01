//! LZF decompression, after the format of liblzf.
use super::error::{Outcome, corrupt};

/// Decompresses `from` into `to`, which it has to fill exactly.
pub(super) fn decompress(from: &[u8], to: &mut [u8]) -> Outcome<()> {
    let early = || corrupt("chunk", "its lzf data ends early");
    let mut input = from.iter().copied();
    let mut next = || input.next().ok_or_else(early);
    let mut at = 0;
    while at < to.len() {
        let control = usize::from(next()?);
        if control < 32 {
            // A run of literal bytes.
            let run = to.get_mut(at..at + control + 1).ok_or_else(|| too_long(from.len()))?;
            for byte in run {
                *byte = next()?;
            }
            at += control + 1;
        } else {
            // A copy of earlier output, which may overlap what it makes.
            let mut nbytes = control >> 5;
            if nbytes == 7 {
                nbytes += usize::from(next()?);
            }
            nbytes += 2;
            let distance = ((control & 0x1f) << 8 | usize::from(next()?)) + 1;
            if distance > at {
                return Err(corrupt("chunk", format!("lzf refers {distance} bytes back at byte {at}")));
            }
            if at + nbytes > to.len() {
                return Err(too_long(from.len()));
            }
            for place in at..at + nbytes {
                to[place] = to[place - distance];
            }
            at += nbytes;
        }
    }
    if input.next().is_some() {
        return Err(too_long(from.len()));
    }
    Ok(())
}

fn too_long(nbytes: usize) -> super::error::Problem {
    corrupt("chunk", format!("{nbytes} bytes of lzf data give more than a chunk"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_overlapping_copies() {
        let mut out = [0; 12];
        // Two literals "ab", then ten bytes copied from two back: length 7 + 1 + 2.
        decompress(&[1, b'a', b'b', 0xe0, 1, 1], &mut out).unwrap();
        assert_eq!(&out, b"abababababab");
    }

    #[test]
    fn damaged_data_is_refused() {
        let mut out = [0; 12];
        for bad in [
            &[][..],
            &[1, b'a'],
            &[0x20, 5],
            &[31; 40],
            &[1, b'a', b'b', 0xe0, 2, 1],
            &[1, 1, 1, 0xe0, 1, 1, 0],
        ] {
            assert!(decompress(bad, &mut out).is_err(), "{bad:?}");
        }
    }
}
