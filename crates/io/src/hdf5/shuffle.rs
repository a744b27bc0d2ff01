//! The shuffle filter, forwards: bytes sorted by their place in the element.

use brickwork_core::simd::vectorized;

/// Sorts the bytes of elements of `item` bytes by their place in the element. `from` holds whole elements, and `to` is
/// as long.
pub(super) fn shuffle(item: usize, from: &[u8], to: &mut [u8]) {
    match item {
        2 => planes::<2>(from, to),
        4 => planes::<4>(from, to),
        8 => planes::<8>(from, to),
        16 => planes::<16>(from, to),
        _ => to.copy_from_slice(from),
    }
}

fn planes<const N: usize>(from: &[u8], to: &mut [u8]) {
    let elements = from.as_chunks::<N>().0;
    if elements.is_empty() {
        return;
    }
    vectorized(
        #[inline(always)]
        move || {
            for (place, plane) in to.chunks_exact_mut(elements.len()).enumerate() {
                for (byte, element) in plane.iter_mut().zip(elements) {
                    *byte = element[place];
                }
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_sorted_by_their_place() {
        let mut to = [0; 6];
        shuffle(2, b"aAbBcC", &mut to);
        assert_eq!(&to, b"abcABC");
        shuffle(1, b"abcdef", &mut to);
        assert_eq!(&to, b"abcdef");
        let mut none = [0; 0];
        shuffle(8, b"", &mut none);
    }
}
