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

    /// Sets the entries of one kept element to those of an accumulator for one.
    pub(crate) fn put(&mut self, place: usize, one: &Acc) {
        for (part, one) in self.parts.iter_mut().zip(&one.parts) {
            let len = one.len * one.dtype.itemsize();
            let to: &mut [u8] = bytemuck::cast_slice_mut(&mut part.words);
            to[place * len..][..len].copy_from_slice(&bytemuck::cast_slice(&one.words)[..len]);
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
