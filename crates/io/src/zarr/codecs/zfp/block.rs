//! A block of zfp: 4 elements along every axis, as a common exponent, a transform, and bit planes of its coefficients.

use super::bits::{Reader, Writer};
use super::order::{CUBE, LINE, SQUARE, TESSERACT};
use super::word::{Number, Word};

/// Elements of the largest block.
pub(super) const MOST: usize = 256;

/// How much of blocks is kept, as zfp's own `zfp_stream` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// Bits of a block at least, and at most.
    pub minbits: u32,
    pub maxbits: u32,
    /// Bit planes at most.
    pub maxprec: u32,
    /// The exponent of the smallest bit plane.
    pub minexp: i32,
}

/// The smallest exponent of a number; below it, limits mean that nothing may be lost.
pub(super) const MIN_EXP: i32 = -1074;

impl Limits {
    pub fn is_reversible(&self) -> bool {
        self.minexp < MIN_EXP
    }

    /// Bit planes of floats of which the largest has this exponent.
    fn planes(&self, exponent: i32, ndim: u32) -> u32 {
        let planes = exponent - self.minexp + 2 * ndim as i32 + 2;
        self.maxprec.min(planes.max(0) as u32)
    }
}

fn order(ndim: u32) -> &'static [u8] {
    match ndim {
        1 => &LINE,
        2 => &SQUARE,
        3 => &CUBE,
        _ => &TESSERACT,
    }
}

/// Reads a block of `ndim` axes into the first elements of `block`.
pub(super) fn decode<T: Number>(from: &mut Reader<'_>, limits: &Limits, ndim: u32, block: &mut [T; MOST]) {
    let mut words = [T::Word::default(); MOST];
    let size = 1 << (2 * ndim);
    if T::EXPONENT_BITS == 0 {
        let planes = if limits.is_reversible() { None } else { Some(limits.maxprec) };
        decode_words(from, limits, 0, planes, ndim, &mut words);
        T::of_words(&words[..size], None, block);
        return;
    }
    if !from.bit() {
        block[..size].fill(T::default());
        from.skip(limits.minbits.saturating_sub(1));
        return;
    }
    let mut used = 1;
    if limits.is_reversible() {
        used += 1;
        if from.bit() {
            decode_words(from, limits, used, None, ndim, &mut words);
            T::of_patterns(&words[..size], block);
            return;
        }
    }
    used += T::EXPONENT_BITS;
    let exponent = from.bits(T::EXPONENT_BITS) as i32 - T::BIAS;
    let planes = if limits.is_reversible() { None } else { Some(limits.planes(exponent, ndim)) };
    decode_words(from, limits, used, planes, ndim, &mut words);
    T::of_words(&words[..size], Some(exponent), block);
}

/// Writes a block of `ndim` axes.
pub(super) fn encode<T: Number>(to: &mut Writer, limits: &Limits, ndim: u32, block: &[T; MOST]) {
    let mut words = [T::Word::default(); MOST];
    let size = 1 << (2 * ndim);
    let block = &block[..size];
    if T::EXPONENT_BITS == 0 {
        T::words(block, None, &mut words);
        let planes = if limits.is_reversible() { None } else { Some(limits.maxprec) };
        encode_words(to, limits, 0, planes, ndim, &mut words);
        return;
    }
    let exponent = T::exponent(block);
    T::words(block, Some(exponent), &mut words);
    if limits.is_reversible() {
        let mut back = [T::default(); MOST];
        T::of_words(&words[..size], Some(exponent), &mut back);
        let mut used = 2;
        if !T::same_bits(&back[..size], block) {
            to.bits(3, 2);
            T::patterns(block, &mut words);
        } else if exponent == -T::BIAS {
            to.bit(false);
            return;
        } else {
            to.bits(1, 2);
            to.bits((exponent + T::BIAS) as u64, T::EXPONENT_BITS);
            used += T::EXPONENT_BITS;
        }
        encode_words(to, limits, used, None, ndim, &mut words);
        return;
    }
    let planes = limits.planes(exponent, ndim);
    if planes == 0 || exponent == -T::BIAS {
        to.bit(false);
        to.pad(limits.minbits.saturating_sub(1));
        return;
    }
    to.bit(true);
    to.bits((exponent + T::BIAS) as u64, T::EXPONENT_BITS);
    encode_words(to, limits, 1 + T::EXPONENT_BITS, Some(planes), ndim, &mut words);
}

/// Reads the coefficients of a block of which `used` bits are read, and undoes the transform. Without a number of planes
/// nothing is lost, and the number stands in front.
fn decode_words<W: Word>(
    from: &mut Reader<'_>,
    limits: &Limits,
    used: u32,
    planes: Option<u32>,
    ndim: u32,
    words: &mut [W; MOST],
) {
    let size = 1 << (2 * ndim);
    let is_reversible = planes.is_none();
    let mut before = used;
    let planes = planes.unwrap_or_else(|| {
        before += W::PLANES_BITS;
        from.bits(W::PLANES_BITS) as u32 + 1
    });
    let mut planar = [0; MOST];
    let bits = decode_planes::<W>(from, limits.maxbits.saturating_sub(before), planes, &mut planar[..size]);
    from.skip(limits.minbits.saturating_sub(before + bits));
    for (&at, &plane) in order(ndim).iter().zip(&planar) {
        words[usize::from(at)] = W::of_negabinary(plane);
    }
    // The other way round than they were done.
    for axis in (0..ndim).rev() {
        along(axis, size, |places| {
            let lifted = places.map(|at| words[at]);
            let plain = if is_reversible { W::unpredicted(lifted) } else { W::unlifted(lifted) };
            places.into_iter().zip(plain).for_each(|(at, value)| words[at] = value);
        });
    }
}

fn encode_words<W: Word>(
    to: &mut Writer,
    limits: &Limits,
    used: u32,
    planes: Option<u32>,
    ndim: u32,
    words: &mut [W; MOST],
) {
    let size = 1 << (2 * ndim);
    for axis in 0..ndim {
        along(axis, size, |places| {
            let plain = places.map(|at| words[at]);
            let lifted = if planes.is_none() { W::predicted(plain) } else { W::lifted(plain) };
            places.into_iter().zip(lifted).for_each(|(at, value)| words[at] = value);
        });
    }
    let mut planar = [0; MOST];
    for (&at, plane) in order(ndim).iter().zip(&mut planar) {
        *plane = words[usize::from(at)].negabinary();
    }
    let planar = &planar[..size];
    let mut before = used;
    let planes = planes.unwrap_or_else(|| {
        let all = planar.iter().fold(0, |all, plane| all | plane);
        let needed = if all == 0 { 0 } else { W::BITS - all.trailing_zeros() };
        let planes = needed.min(limits.maxprec).max(1);
        before += W::PLANES_BITS;
        to.bits(u64::from(planes - 1), W::PLANES_BITS);
        planes
    });
    let bits = encode_planes::<W>(to, limits.maxbits.saturating_sub(before), planes, planar);
    to.pad(limits.minbits.saturating_sub(before + bits));
}

/// Calls a function with the places of every four elements along an axis.
fn along(axis: u32, size: usize, mut each: impl FnMut([usize; 4])) {
    let step = 1 << (2 * axis);
    for start in (0..size).filter(|at| (at / step).is_multiple_of(4)) {
        each([start, start + step, start + 2 * step, start + 3 * step]);
    }
}

/// Reads bit planes, the highest first: of each the bits of the elements that had one before, and then, in runs, where
/// new ones begin. Gives the bits read.
fn decode_planes<W: Word>(from: &mut Reader<'_>, most: u32, planes: u32, data: &mut [u64]) -> u32 {
    let size = data.len();
    let mut bits = most;
    let mut known = 0;
    for plane in (W::BITS.saturating_sub(planes)..W::BITS).rev() {
        if bits == 0 {
            break;
        }
        let count = known.min(bits as usize);
        bits -= count as u32;
        for part in data[..count].chunks_mut(64) {
            let mut set = from.bits(part.len() as u32);
            while set != 0 {
                part[set.trailing_zeros() as usize] |= 1 << plane;
                set &= set - 1;
            }
        }
        while bits > 0 && known < size {
            bits -= 1;
            if !from.bit() {
                break;
            }
            while bits > 0 && known < size - 1 {
                bits -= 1;
                if from.bit() {
                    break;
                }
                known += 1;
            }
            data[known] |= 1 << plane;
            known += 1;
        }
    }
    most - bits
}

fn encode_planes<W: Word>(to: &mut Writer, most: u32, planes: u32, data: &[u64]) -> u32 {
    let size = data.len();
    let mut bits = most;
    let mut known = 0;
    for plane in (W::BITS.saturating_sub(planes)..W::BITS).rev() {
        if bits == 0 {
            break;
        }
        let is_set = |value: &u64| value >> plane & 1 == 1;
        let count = known.min(bits as usize);
        bits -= count as u32;
        for part in data[..count].chunks(64) {
            let set = part.iter().rev().fold(0, |set, value| set << 1 | u64::from(is_set(value)));
            to.bits(set, part.len() as u32);
        }
        let mut ahead = data[count..].iter().filter(|value| is_set(value)).count();
        while bits > 0 && known < size {
            bits -= 1;
            to.bit(ahead > 0);
            if ahead == 0 {
                break;
            }
            ahead -= 1;
            while bits > 0 && known < size - 1 {
                bits -= 1;
                let found = is_set(&data[known]);
                to.bit(found);
                if found {
                    break;
                }
                known += 1;
            }
            known += 1;
        }
    }
    most - bits
}
