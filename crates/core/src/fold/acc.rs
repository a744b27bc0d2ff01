//! Accumulators: a fixed list of typed vectors, one entry (or a few) per kept element.

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::dtype::DType;
use crate::element::Element;

/// One vector of an accumulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccSpec {
    /// Type of the entries.
    pub dtype: DType,
    /// Entries per kept element.
    pub per_element: usize,
}

impl AccSpec {
    /// One entry per kept element.
    pub fn one(dtype: DType) -> Self {
        AccSpec { dtype, per_element: 1 }
    }

    /// Bytes for this many kept elements.
    pub fn nbytes(&self, kept: usize) -> usize {
        (kept * self.per_element * self.dtype.itemsize()).next_multiple_of(8)
    }
}

/// What has been folded so far, for a box of kept elements.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Acc {
    parts: Vec<AccPart>,
    kept: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct AccPart {
    #[serde(serialize_with = "write_words", deserialize_with = "read_words")]
    words: Vec<u64>,
    len: usize,
    dtype: DType,
}

/// As one run of bytes: a number at a time would take many times as long.
fn write_words<S: Serializer>(words: &[u64], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytemuck::cast_slice(words))
}

fn read_words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u64>, D::Error> {
    struct Words;

    impl Visitor<'_> for Words {
        type Value = Vec<u64>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("bytes of whole words")
        }

        fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Vec<u64>, E> {
            if !bytes.len().is_multiple_of(8) {
                return Err(E::invalid_length(bytes.len(), &self));
            }
            let mut words = vec![0u64; bytes.len() / 8];
            bytemuck::cast_slice_mut(&mut words).copy_from_slice(bytes);
            Ok(words)
        }
    }

    deserializer.deserialize_byte_buf(Words)
}

impl Acc {
    /// An accumulator of zeros for `kept` elements.
    pub fn zeroed(specs: &[AccSpec], kept: usize) -> Self {
        let parts = specs
            .iter()
            .map(|spec| AccPart {
                words: vec![0; spec.nbytes(kept) / 8],
                len: kept * spec.per_element,
                dtype: spec.dtype,
            })
            .collect();
        Acc { parts, kept }
    }

    /// Whether it is an accumulator of these vectors: what came from elsewhere is believed only then.
    pub fn fits(&self, specs: &[AccSpec]) -> bool {
        self.parts.len() == specs.len()
            && self.parts.iter().zip(specs).all(|(part, spec)| {
                part.dtype == spec.dtype
                    && part.len == self.kept * spec.per_element
                    && part.words.len() * 8 == spec.nbytes(self.kept)
            })
    }

    /// Kept elements it stands for.
    pub fn kept(&self) -> usize {
        self.kept
    }

    /// Sets the entries of kept elements, from `place` on and every `step`-th after it, to those of another accumulator.
    pub(crate) fn put(&mut self, place: usize, step: usize, other: &Acc) {
        for (part, other_part) in self.parts.iter_mut().zip(&other.parts) {
            let one = other_part.len / other.kept.max(1) * other_part.dtype.itemsize();
            let to: &mut [u8] = bytemuck::cast_slice_mut(&mut part.words);
            let from: &[u8] = bytemuck::cast_slice(&other_part.words);
            if step == 1 {
                to[place * one..][..one * other.kept].copy_from_slice(&from[..one * other.kept]);
                continue;
            }
            for (k, from) in from.chunks_exact(one).take(other.kept).enumerate() {
                to[(place + k * step) * one..][..one].copy_from_slice(from);
            }
        }
    }

    /// The entries of some runs of `group` kept elements: run `first`, and every `step`-th after it, `count` in all.
    pub(crate) fn runs(&self, group: usize, first: usize, step: usize, count: usize) -> Acc {
        let parts = self.parts.iter().map(|part| {
            let run = part.len / self.kept.max(1) * group * part.dtype.itemsize();
            let mut words = vec![0u64; (run * count).div_ceil(8)];
            let from: &[u8] = bytemuck::cast_slice(&part.words);
            let to: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
            for (k, to) in to.chunks_exact_mut(run.max(1)).take(count).enumerate() {
                let start = (first + k * step) * run;
                to.copy_from_slice(&from[start..start + run]);
            }
            AccPart { words, len: part.len / self.kept.max(1) * group * count, dtype: part.dtype }
        });
        Acc { parts: parts.collect(), kept: group * count }
    }

    /// An accumulator of zeros with the same vectors, for `kept` elements.
    pub(crate) fn like(&self, kept: usize) -> Acc {
        let parts = self.parts.iter().map(|part| {
            let len = part.len / self.kept.max(1) * kept;
            AccPart { words: vec![0; (len * part.dtype.itemsize()).div_ceil(8)], len, dtype: part.dtype }
        });
        Acc { parts: parts.collect(), kept }
    }

    /// Takes pairs of runs of `group` kept elements apart, after the first `skipped` runs: the first of each pair stays,
    /// the second goes to `seconds`. Whatever else there was is dropped.
    pub(crate) fn take_apart(&mut self, group: usize, skipped: usize, pairs: usize, seconds: &mut Acc) {
        let before = self.kept.max(1);
        for (part, seconds) in self.parts.iter_mut().zip(&mut seconds.parts) {
            let entries = part.len / before * group;
            let run = entries * part.dtype.itemsize();
            match run {
                4 => take_apart::<u32>(&mut part.words, &mut seconds.words, 1, skipped, pairs),
                _ if run.is_multiple_of(8) => {
                    take_apart::<u64>(&mut part.words, &mut seconds.words, run / 8, skipped, pairs);
                }
                _ => take_apart::<u8>(&mut part.words, &mut seconds.words, run, skipped, pairs),
            }
            for part in [part, seconds] {
                part.words.truncate((run * pairs).div_ceil(8));
                part.len = entries * pairs;
            }
        }
        (self.kept, seconds.kept) = (group * pairs, group * pairs);
    }

    /// The entries of groups of `group` kept elements, each followed by one kept element of `other`.
    pub(crate) fn followed(&self, group: usize, other: &Acc) -> Acc {
        let groups = other.kept;
        let parts = self.parts.iter().zip(&other.parts).map(|(part, other)| {
            let one = other.len / groups.max(1) * part.dtype.itemsize();
            let mut words = vec![0u64; (one * (group + 1) * groups).div_ceil(8)];
            let (from, last): (&[u8], &[u8]) =
                (bytemuck::cast_slice(&part.words), bytemuck::cast_slice(&other.words));
            let to: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
            for (k, to) in to.chunks_exact_mut((one * (group + 1)).max(1)).take(groups).enumerate() {
                to[..one * group].copy_from_slice(&from[k * one * group..][..one * group]);
                to[one * group..].copy_from_slice(&last[k * one..][..one]);
            }
            AccPart { words, len: part.len + other.len, dtype: part.dtype }
        });
        Acc { parts: parts.collect(), kept: self.kept + other.kept }
    }

    /// Bytes it takes.
    pub fn nbytes(&self) -> usize {
        self.parts.iter().map(|part| part.words.len() * 8).sum()
    }

    /// The entries of one vector.
    pub fn part<T: Element>(&self, index: usize) -> &[T] {
        self.parts[index].get()
    }

    /// The entries of one vector, to change.
    pub fn part_mut<T: Element>(&mut self, index: usize) -> &mut [T] {
        self.parts[index].get_mut()
    }

    /// The entries of two vectors (`first < second`), to change.
    pub fn two_mut<T: Element, U: Element>(&mut self, first: usize, second: usize) -> (&mut [T], &mut [U]) {
        let (low, high) = self.parts.split_at_mut(second);
        (low[first].get_mut(), high[0].get_mut())
    }

    /// The entries of the first three vectors, to change.
    pub fn three_mut<T: Element, U: Element, V: Element>(&mut self) -> (&mut [T], &mut [U], &mut [V]) {
        let [first, second, third, ..] = self.parts.as_mut_slice() else {
            panic!("the accumulator has three vectors or more");
        };
        (first.get_mut(), second.get_mut(), third.get_mut())
    }
}

/// [`Acc::take_apart`] of one vector, whose runs have `run` items.
fn take_apart<T: bytemuck::Pod>(
    firsts: &mut [u64],
    seconds: &mut [u64],
    run: usize,
    skipped: usize,
    pairs: usize,
) {
    let (firsts, seconds) =
        (bytemuck::cast_slice_mut::<u64, T>(firsts), bytemuck::cast_slice_mut::<u64, T>(seconds));
    if run == 1 {
        for (k, second) in seconds[..pairs].iter_mut().enumerate() {
            *second = firsts[skipped + 2 * k + 1];
            firsts[k] = firsts[skipped + 2 * k];
        }
        return;
    }
    for (k, second) in seconds.chunks_exact_mut(run.max(1)).take(pairs).enumerate() {
        let start = (skipped + 2 * k) * run;
        second.copy_from_slice(&firsts[start + run..start + 2 * run]);
        firsts.copy_within(start..start + run, k * run);
    }
}

impl AccPart {
    fn get<T: Element>(&self) -> &[T] {
        assert_eq!(self.dtype, T::DTYPE, "a vector is read as what it is");
        let bytes: &[u8] = bytemuck::cast_slice(&self.words);
        bytemuck::cast_slice(&bytes[..self.len * size_of::<T>()])
    }

    fn get_mut<T: Element>(&mut self) -> &mut [T] {
        assert_eq!(self.dtype, T::DTYPE, "a vector is written as what it is");
        let len = self.len * size_of::<T>();
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut self.words);
        bytemuck::cast_slice_mut(&mut bytes[..len])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_taken_apart() {
        let specs = [
            AccSpec::one(DType::F32),
            AccSpec::one(DType::I64),
            AccSpec { dtype: DType::F64, per_element: 2 },
            AccSpec::one(DType::U8),
        ];
        for group in [1, 3] {
            let mut acc = Acc::zeroed(&specs, 7 * group);
            for i in 0..7 * group {
                acc.part_mut::<f32>(0)[i] = i as f32;
                acc.part_mut::<i64>(1)[i] = i as i64;
                acc.part_mut::<f64>(2)[2 * i + 1] = i as f64;
                acc.part_mut::<u8>(3)[i] = i as u8;
            }
            let expected = [acc.runs(group, 1, 2, 3), acc.runs(group, 2, 2, 3)];
            let mut seconds = acc.like(3 * group);
            acc.take_apart(group, 1, 3, &mut seconds);
            for (half, expected) in [&acc, &seconds].into_iter().zip(&expected) {
                assert!(half.fits(&specs));
                assert_eq!(half.kept(), 3 * group);
                assert_eq!(half.part::<f32>(0), expected.part::<f32>(0));
                assert_eq!(half.part::<i64>(1), expected.part::<i64>(1));
                assert_eq!(half.part::<f64>(2), expected.part::<f64>(2));
                assert_eq!(half.part::<u8>(3), expected.part::<u8>(3));
            }
        }
    }

    #[test]
    fn an_accumulator_travels_bit_by_bit() {
        let specs = [AccSpec::one(DType::F32), AccSpec { dtype: DType::F64, per_element: 2 }];
        let mut acc = Acc::zeroed(&specs, 3);
        acc.part_mut::<f32>(0).copy_from_slice(&[1.5, -0.0, f32::NAN]);
        acc.part_mut::<f64>(1)[5] = 0.1;
        let mut bytes = Vec::new();
        ciborium::into_writer(&acc, &mut bytes).unwrap();
        let back: Acc = ciborium::from_reader(bytes.as_slice()).unwrap();
        assert!(back.fits(&specs) && !back.fits(&specs[..1]));
        let bits = |acc: &Acc| acc.part::<f32>(0).iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!((bits(&back), back.part::<f64>(1)), (bits(&acc), acc.part::<f64>(1)));
    }
}
