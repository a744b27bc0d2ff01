//! Zfp: arrays of numbers in blocks, with loss or without, as `numcodecs.zfpy` of zarr-python writes them.
//!
//! Written after the C library, version 1.0, whose bytes it reads and writes (`codec` 5). That library trusts the header
//! of a chunk and reads beyond the end of one that is cut off; here a chunk decodes to what it should hold, or fails.

mod bits;
mod block;
mod order;
mod word;

use brickwork_core::DType;
use serde_json::{Map, Value};

use self::bits::{Reader, Writer};
use self::block::{Limits, MIN_EXP, MOST};
use self::word::Number;
use super::ElementCodec;

const MAGIC: u64 = u32::from_le_bytes(*b"zfp\x05") as u64;
/// Bits of a block where nothing bounds them.
const MOST_BITS: u32 = 16_658;
const MOST_PLANES: u32 = 64;

/// What is kept of the numbers that are written.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mode {
    Rate(f64),
    Precision(u32),
    Accuracy(f64),
    Reversible,
}

#[derive(Debug)]
struct Zfp(Mode);

/// A codec by its configuration, of which chunks that are read need nothing: each says by itself how it was written.
pub(super) fn make(configuration: &Map<String, Value>) -> Result<Box<dyn ElementCodec>, String> {
    let number = |key: &str| {
        let value = configuration.get(key).unwrap_or(&Value::Null);
        value
            .as_f64()
            .filter(|number| *number > 0.0)
            .ok_or_else(|| format!("{key:?} is {value}, no number above 0"))
    };
    let mode = match configuration.get("mode").and_then(Value::as_u64) {
        Some(2) => Mode::Rate(number("rate")?),
        Some(3) => Mode::Precision(number("precision")?.min(64.0) as u32),
        // A tolerance of 0 keeps all bit planes.
        Some(4) => Mode::Accuracy(number("tolerance").unwrap_or(0.0)),
        Some(5) => Mode::Reversible,
        _ => {
            let mode = configuration.get("mode").unwrap_or(&Value::Null);
            return Err(format!(
                "\"mode\" is {mode}; it can be 2 (rate), 3 (precision), 4 (accuracy), 5 (reversible)"
            ));
        }
    };
    Ok(Box::new(Zfp(mode)))
}

impl ElementCodec for Zfp {
    fn encode(&self, elements: &[u8], shape: &[usize], dtype: DType) -> Result<Vec<u8>, String> {
        match dtype {
            DType::I32 => encode_array::<i32>(self.0, elements, shape),
            DType::I64 => encode_array::<i64>(self.0, elements, shape),
            DType::F32 => encode_array::<f32>(self.0, elements, shape),
            DType::F64 => encode_array::<f64>(self.0, elements, shape),
            other => Err(format!("zfp has no numbers of dtype {other}")),
        }
    }

    fn decode(&self, encoded: &[u8], shape: &[usize], dtype: DType) -> Result<Vec<u8>, String> {
        let count = shape.iter().product();
        match dtype {
            DType::I32 => decode_array::<i32>(encoded, count),
            DType::I64 => decode_array::<i64>(encoded, count),
            DType::F32 => decode_array::<f32>(encoded, count),
            DType::F64 => decode_array::<f64>(encoded, count),
            other => Err(format!("zfp has no numbers of dtype {other}")),
        }
    }
}

impl Mode {
    /// The limits, and the number that stands for them in headers.
    fn limits<T: Number>(self, ndim: u32) -> (Limits, u64) {
        let all = Limits { minbits: 1, maxbits: MOST_BITS, maxprec: MOST_PLANES, minexp: MIN_EXP };
        match self {
            Mode::Rate(rate) => {
                let least = if T::EXPONENT_BITS == 0 { 1 } else { 1 + T::EXPONENT_BITS };
                let bits = (f64::from(1_u32 << (2 * ndim)) * rate + 0.5).floor() as u32;
                let bits = bits.max(least).min(MOST_BITS);
                let limits = Limits { minbits: bits, maxbits: bits, ..all };
                // What the short form has no room for is said in full.
                let long = || limits.long_form();
                (limits, if bits <= 2048 { u64::from(bits) - 1 } else { long() })
            }
            Mode::Precision(planes) => {
                let planes = planes.clamp(1, MOST_PLANES);
                (Limits { maxprec: planes, ..all }, u64::from(planes) - 1 + 2048)
            }
            Mode::Accuracy(error) => {
                let exponent = if error > 0.0 { error.log2().floor() as i32 } else { MIN_EXP };
                let minexp = exponent.clamp(MIN_EXP, 843);
                (Limits { minexp, ..all }, (minexp - MIN_EXP) as u64 + 2177)
            }
            Mode::Reversible => (Limits { minexp: MIN_EXP - 1, ..all }, 2176),
        }
    }
}

impl Limits {
    fn long_form(&self) -> u64 {
        let fields = [
            (u64::from(self.minbits.min(0x8000)) - 1, 12),
            (u64::from(self.maxbits.min(0x8000)) - 1, 27),
            (u64::from(self.maxprec) - 1, 42),
            ((self.minexp + 16_495) as u64, 49),
        ];
        fields.iter().fold(0xfff, |all, (value, shift)| all | value << shift)
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, String> {
        let all = Limits { minbits: 1, maxbits: MOST_BITS, maxprec: MOST_PLANES, minexp: MIN_EXP };
        let short = from.bits(12);
        let limits = match short {
            0..2048 => Limits { minbits: short as u32 + 1, maxbits: short as u32 + 1, ..all },
            2048..2176 => Limits { maxprec: short as u32 + 1 - 2048, ..all },
            2176 => Limits { minexp: MIN_EXP - 1, ..all },
            2177..0xfff => Limits { minexp: short as i32 + MIN_EXP - 2177, ..all },
            _ => Limits {
                minbits: from.bits(15) as u32 + 1,
                maxbits: from.bits(15) as u32 + 1,
                maxprec: from.bits(7) as u32 + 1,
                minexp: from.bits(15) as i32 - 16_495,
            },
        };
        match limits.minbits <= limits.maxbits && limits.maxprec <= MOST_PLANES {
            true => Ok(limits),
            false => Err("its header has limits that make no sense".into()),
        }
    }
}

/// Bits of a length along every axis in a header, by the number of axes.
fn length_bits(ndim: usize) -> u32 {
    [48, 24, 16, 12][ndim - 1]
}

/// A shape that zfp can have, for a chunk: up to four axes, those of length 1 left out, and the first ones joined where
/// there are more, or where one is longer than a header can say.
fn folded(shape: &[usize]) -> Vec<usize> {
    let mut lens: Vec<usize> = shape.iter().copied().filter(|&len| len != 1).collect();
    if lens.is_empty() {
        lens.push(1);
    }
    while lens.len() > 1 && (lens.len() > 4 || lens.iter().any(|&len| len > 1 << length_bits(lens.len()))) {
        let first = lens.remove(0);
        lens[0] *= first;
    }
    lens
}

fn encode_array<T: Number>(mode: Mode, elements: &[u8], shape: &[usize]) -> Result<Vec<u8>, String> {
    let values: Vec<T> = bytemuck::pod_collect_to_vec(elements);
    if mode != Mode::Reversible && !values.iter().all(|value| value.is_finite()) {
        let help = "write them with zfp:reversible, or with another codec";
        return Err(format!(
            "it has values that are not finite, and zfp keeps no such values with loss; {help}"
        ));
    }
    let shape = folded(shape);
    let ndim = shape.len() as u32;
    let (limits, mode) = mode.limits::<T>(ndim);
    let mut to = Writer::default();
    to.bits(MAGIC, 32);
    to.bits(T::CODE, 2);
    to.bits(u64::from(ndim) - 1, 2);
    for &len in shape.iter().rev() {
        to.bits(len as u64 - 1, length_bits(shape.len()));
    }
    to.bits(mode, if mode & 0xfff == 0xfff { 64 } else { 12 });
    let mut block = [T::default(); MOST];
    each_block(&shape, |places, counts| {
        for (at, value) in block[..1 << (2 * ndim)].iter_mut().enumerate() {
            *value = values[place(&places, at, |axis, k| padded(k, counts[axis]))];
        }
        block::encode(&mut to, &limits, ndim, &block);
        Ok(())
    })?;
    Ok(to.finish())
}

fn decode_array<T: Number>(encoded: &[u8], count: usize) -> Result<Vec<u8>, String> {
    let mut from = Reader::new(encoded);
    if from.bits(32) != MAGIC {
        return Err("it does not begin as zfp, codec 5, does".into());
    }
    if from.bits(2) != T::CODE {
        return Err("its header has another dtype than the array".into());
    }
    let ndim = from.bits(2) as usize + 1;
    let mut shape: Vec<usize> = (0..ndim).map(|_| from.bits(length_bits(ndim)) as usize + 1).collect();
    shape.reverse();
    let held = shape.iter().try_fold(1_usize, |all, &len| all.checked_mul(len));
    if held != Some(count) {
        return Err(format!("its header says shape {shape:?}, and the chunk has {count} elements"));
    }
    let limits = Limits::read(&mut from)?;
    let mut values = vec![T::default(); count];
    let mut block = [T::default(); MOST];
    let ndim = ndim as u32;
    each_block(&shape, |places, counts| {
        block::decode(&mut from, &limits, ndim, &mut block);
        if from.is_overrun() {
            return Err(format!("it ends too early: {} bytes", encoded.len()));
        }
        for (at, &value) in block[..1 << (2 * ndim)].iter().enumerate() {
            if (0..ndim as usize).all(|axis| at >> (2 * axis) & 3 < counts[axis]) {
                values[place(&places, at, |_, k| k)] = value;
            }
        }
        Ok(())
    })?;
    Ok(bytemuck::cast_slice(&values).to_vec())
}

/// Where a block begins in the array, and its steps along every axis, the last axis first.
struct Places {
    start: usize,
    steps: [usize; 4],
    ndim: usize,
}

/// The place in the array of an element of a block.
fn place(places: &Places, at: usize, moved: impl Fn(usize, usize) -> usize) -> usize {
    (0..places.ndim)
        .fold(places.start, |place, axis| place + places.steps[axis] * moved(axis, at >> (2 * axis) & 3))
}

/// What stands in a block for an element beyond the end of the array, where `count` of four are there.
fn padded(k: usize, count: usize) -> usize {
    match (k, count) {
        _ if k < count => k,
        (2, 2) => 1,
        _ => 0,
    }
}

/// Calls a function for every block of an array, in C order, with how many of its elements are there along every axis, the
/// last axis first.
fn each_block(
    shape: &[usize],
    mut each: impl FnMut(Places, [usize; 4]) -> Result<(), String>,
) -> Result<(), String> {
    let ndim = shape.len();
    let mut lens = [1; 4];
    shape.iter().rev().zip(&mut lens).for_each(|(&from, to)| *to = from);
    let mut steps = [1; 4];
    for axis in 1..4 {
        steps[axis] = steps[axis - 1] * lens[axis - 1];
    }
    for w in (0..lens[3]).step_by(4) {
        for z in (0..lens[2]).step_by(4) {
            for y in (0..lens[1]).step_by(4) {
                for x in (0..lens[0]).step_by(4) {
                    let corner = [x, y, z, w];
                    let start = corner.iter().zip(&steps).map(|(at, step)| at * step).sum();
                    let counts = std::array::from_fn(|axis| (lens[axis] - corner[axis]).min(4));
                    each(Places { start, steps, ndim }, counts)?;
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn codec(configuration: Value) -> Box<dyn ElementCodec> {
        make(configuration.as_object().unwrap()).unwrap()
    }

    fn waves(shape: &[usize]) -> Vec<f64> {
        let count: usize = shape.iter().product();
        (0..count).map(|i| (i as f64 * 0.07).sin() * 40.0 + (i % 7) as f64).collect()
    }

    #[test]
    fn nothing_is_lost_where_it_is_reversible() {
        let reversible = codec(json!({"mode": 5}));
        for shape in
            [vec![], vec![1], vec![9], vec![5, 6], vec![3, 1, 5, 6], vec![2, 3, 5, 6], vec![2, 2, 3, 2, 5]]
        {
            let mut floats = waves(&shape);
            floats[0] = f64::NAN;
            *floats.last_mut().unwrap() = -0.0;
            let small: Vec<f32> = floats.iter().map(|&value| (value * 1e-44) as f32).collect();
            let integers: Vec<i32> = floats.iter().map(|&value| (value * 1e6) as i32).collect();
            let long: Vec<i64> = floats.iter().map(|&value| (value * 1e17) as i64).collect();
            let cases: [(DType, &[u8]); 4] = [
                (DType::F64, bytemuck::cast_slice(&floats)),
                (DType::F32, bytemuck::cast_slice(&small)),
                (DType::I32, bytemuck::cast_slice(&integers)),
                (DType::I64, bytemuck::cast_slice(&long)),
            ];
            for (dtype, elements) in cases {
                let encoded = reversible.encode(elements, &shape, dtype).unwrap();
                assert_eq!(
                    reversible.decode(&encoded, &shape, dtype).unwrap(),
                    elements,
                    "{shape:?} {dtype}"
                );
            }
        }
    }

    #[test]
    fn errors_stay_within_what_was_asked() {
        let shape = [13, 10, 7];
        let values = waves(&shape);
        let elements: &[u8] = bytemuck::cast_slice(&values);
        for (settings, most) in [
            (json!({"mode": 4, "tolerance": 0.5}), 0.5),
            (json!({"mode": 4, "tolerance": 1e-6}), 1e-6),
            (json!({"mode": 3, "precision": 40}), 1e-6),
            (json!({"mode": 2, "rate": 40.0}), 1e-6),
        ] {
            let codec = codec(settings.clone());
            let encoded = codec.encode(elements, &shape, DType::F64).unwrap();
            let decoded: Vec<f64> =
                bytemuck::pod_collect_to_vec(&codec.decode(&encoded, &shape, DType::F64).unwrap());
            let worst = decoded.iter().zip(&values).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(worst <= most && worst > 0.0, "{settings}: {worst}");
        }
        let eight = codec(json!({"mode": 2, "rate": 8}));
        // 4 x 3 x 2 blocks of 64 bytes, and a header.
        assert_eq!(eight.encode(elements, &shape, DType::F64).unwrap().len(), 24 * 64 + 16);
        let error = eight.encode(bytemuck::cast_slice(&[f64::NAN]), &[1], DType::F64).unwrap_err();
        assert!(error.contains("not finite") && error.contains("zfp:reversible"), "{error}");
    }

    #[test]
    fn a_chunk_decodes_to_what_it_should_hold_or_fails() {
        let codec = codec(json!({"mode": 4, "tolerance": 0.001}));
        let shape = [20, 30];
        let encoded = codec.encode(bytemuck::cast_slice(&waves(&shape)), &shape, DType::F64).unwrap();
        let fails = |bytes: &[u8], shape: &[usize], dtype| codec.decode(bytes, shape, dtype).unwrap_err();
        assert!(
            fails(&encoded, &[20, 31], DType::F64).contains("shape [20, 30], and the chunk has 620 elements")
        );
        assert!(fails(&encoded, &shape, DType::F32).contains("another dtype"));
        assert!(fails(&encoded[..encoded.len() / 2], &shape, DType::F64).contains("ends too early"));
        assert!(fails(b"zlib", &shape, DType::F64).contains("does not begin as zfp"));
        assert!(fails(b"", &shape, DType::F64).contains("does not begin as zfp"));
        // The same number of elements in another shape is as good: programs flatten chunks.
        assert!(codec.decode(&encoded, &[600], DType::F64).is_ok());
    }

    #[test]
    fn configurations_are_understood_or_refused() {
        for (wrong, named) in [
            (json!({}), "\"mode\" is null"),
            (json!({"mode": 1}), "2 (rate)"),
            (json!({"mode": 2, "rate": -1}), "\"rate\" is -1"),
            (json!({"mode": 3, "precision": "all"}), "\"precision\""),
        ] {
            let error = make(wrong.as_object().unwrap()).unwrap_err();
            assert!(error.contains(named), "{error}");
        }
    }
}
