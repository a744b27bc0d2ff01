//! The shuffle filter: bytes sorted by their place in the element.

use brickwork_core::simd::vectorized;

/// Undoes the shuffle of elements of `element_nbytes` bytes; bytes after the last whole element stay as they are.
///
/// `from` and `to` have the same length.
pub(super) fn unshuffle(element_nbytes: usize, from: &[u8], to: &mut [u8]) {
    match element_nbytes {
        0 | 1 => to.copy_from_slice(from),
        2 => unshuffle_elements::<2>(from, to),
        4 => unshuffle_elements::<4>(from, to),
        8 => unshuffle_elements::<8>(from, to),
        16 => unshuffle_elements::<16>(from, to),
        _ => unshuffle_any(element_nbytes, from, to),
    }
}

fn unshuffle_elements<const N: usize>(from: &[u8], to: &mut [u8]) {
    let num_elements = from.len() / N;
    let (elements, tail) = to.as_chunks_mut::<N>();
    tail.copy_from_slice(&from[num_elements * N..]);
    if num_elements == 0 {
        return;
    }
    let elements = &mut elements[..num_elements];
    vectorized(
        // What it works on is its own, so that the loop becomes one of vectors.
        #[inline(always)]
        move || {
            // All planes side by side: each cache line of the output is written once.
            let mut planes = [&from[..0]; N];
            for (place, plane) in planes.iter_mut().enumerate() {
                *plane = &from[place * num_elements..(place + 1) * num_elements];
            }
            for at in 0..num_elements {
                let mut element = [0; N];
                for (byte, plane) in element.iter_mut().zip(&planes) {
                    *byte = plane[at];
                }
                elements[at] = element;
            }
        },
    );
}

fn unshuffle_any(element_nbytes: usize, from: &[u8], to: &mut [u8]) {
    let num_elements = from.len() / element_nbytes;
    let whole = num_elements * element_nbytes;
    to[whole..].copy_from_slice(&from[whole..]);
    for (at, element) in to[..whole].chunks_exact_mut(element_nbytes).enumerate() {
        for (place, byte) in element.iter_mut().enumerate() {
            *byte = from[place * num_elements + at];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_undoes_a_plain_shuffle() {
        for width in [1, 2, 3, 4, 8, 12, 16] {
            for len in [0, 1, 5, 16, 100, 103] {
                let plain: Vec<u8> = (0..len).map(|i| (i * 37 % 256) as u8).collect();
                let num_elements = len / width;
                let mut shuffled = plain.clone();
                for element in 0..num_elements {
                    for place in 0..width {
                        shuffled[place * num_elements + element] = plain[element * width + place];
                    }
                }
                let mut back = vec![0; len];
                unshuffle(width, &shuffled, &mut back);
                assert_eq!(back, plain, "width {width}, {len} bytes");
            }
        }
    }
}
