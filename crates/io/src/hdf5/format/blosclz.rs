//! Decompression of BloscLZ, blosc's own relative of FastLZ.
use super::error::{Outcome, Problem, corrupt};

/// Longer distances than short matches can tell are counted from here.
const MAX_DISTANCE: usize = 8191;

/// Decompresses `from` into `to`, which it has to fill exactly.
pub(super) fn decompress(from: &[u8], to: &mut [u8]) -> Outcome<()> {
    let mut input = from;
    let next = |input: &mut &[u8]| {
        let (&byte, rest) = input.split_first().ok_or_else(|| damaged("ends early".into()))?;
        *input = rest;
        Ok::<usize, Problem>(usize::from(byte))
    };
    let mut at = 0;
    // The first bytes are literal: what else could they be?
    let mut control = next(&mut input)? & 31;
    loop {
        if control < 32 {
            let len = control + 1;
            let (literal, rest) = input.split_at_checked(len).ok_or_else(|| damaged("ends early".into()))?;
            let room = to.get_mut(at..at + len).ok_or_else(|| damaged("gives too many bytes".into()))?;
            room.copy_from_slice(literal);
            (input, at) = (rest, at + len);
        } else {
            let mut len = (control >> 5) - 1;
            let mut distance = (control & 31) << 8;
            if len == 6 {
                loop {
                    let more = next(&mut input)?;
                    len += more;
                    if more != 255 {
                        break;
                    }
                }
            }
            len += 3;
            let low = next(&mut input)?;
            distance += low;
            if low == 255 && distance == MAX_DISTANCE {
                distance += next(&mut input)? << 8;
                distance += next(&mut input)?;
            }
            copy_back(to, at, distance + 1, len)?;
            at += len;
        }
        if input.is_empty() {
            break;
        }
        control = next(&mut input)?;
    }
    match at == to.len() {
        true => Ok(()),
        false => Err(damaged(format!("gives {at} bytes of {}", to.len()))),
    }
}

/// Repeats what was written `distance` bytes before, which may overlap what it makes.
fn copy_back(to: &mut [u8], at: usize, distance: usize, len: usize) -> Outcome<()> {
    let start = at
        .checked_sub(distance)
        .ok_or_else(|| damaged(format!("refers {distance} bytes back at byte {at}")))?;
    if len > to.len() - at {
        return Err(damaged("gives too many bytes".into()));
    }
    let mut done = 0;
    while done < len {
        // What has been copied can be copied again: the pieces double.
        let count = (distance + done).min(len - done);
        to.copy_within(start..start + count, at + done);
        done += count;
    }
    Ok(())
}

fn damaged(detail: String) -> Problem {
    corrupt("chunk", format!("its blosclz data {detail}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_copies_that_overlap() {
        let mut out = [0; 13];
        // Two literals, ten bytes from two back, one more literal.
        decompress(&[1, b'a', b'b', 7 << 5, 1, 1, 0, b'c'], &mut out).unwrap();
        assert_eq!(&out, b"ababababababc");
    }

    #[test]
    fn far_copies_are_found() {
        let plain: Vec<u8> = (0..9000_usize).map(|i| (i * i % 251) as u8).collect();
        let mut from: Vec<u8> =
            plain.chunks(32).flat_map(|run| [&[run.len() as u8 - 1], run].concat()).collect();
        // Three bytes from 8500 back, then a literal.
        let far = 8500 - 1 - MAX_DISTANCE;
        from.extend([1 << 5 | 31, 255, (far >> 8) as u8, far as u8, 0, b'x']);
        let mut out = vec![0; 9004];
        decompress(&from, &mut out).unwrap();
        assert_eq!(out[9000..], [plain[500], plain[501], plain[502], b'x']);
    }

    #[test]
    fn damaged_data_is_refused() {
        let mut out = [0; 12];
        for bad in
            [&[][..], &[1, b'a'], &[31; 40], &[1, b'a', b'b', 0xe0, 1, 2], &[0, 1, 32, 9, 0], &[1, 1, 1]]
        {
            assert!(decompress(bad, &mut out).is_err(), "{bad:?}");
        }
    }
}
