//! Codecs of our own, which `zarrs` is told of: they make bytes of elements, and believe nothing that a chunk claims.
//!
//! Those of the same names in `zarrs` decode into whatever memory a chunk asks for, and it has no `delta`.

pub(super) mod delta;
#[cfg(feature = "pcodec")]
mod pcodec;
#[cfg(feature = "zfp")]
mod zfp;

use std::fmt;

use brickwork_core::DType;
use serde_json::{Map, Value};

use crate::error::Problem;

/// A codec that makes bytes of a chunk's elements.
pub(super) trait ElementCodec: fmt::Debug + Send + Sync + 'static {
    /// The elements, in this machine's byte order, as they are stored.
    fn encode(&self, elements: &[u8], shape: &[usize], dtype: DType) -> Result<Vec<u8>, String>;

    /// The elements of a chunk of this shape: neither more nor fewer, whatever the bytes claim.
    fn decode(&self, encoded: &[u8], shape: &[usize], dtype: DType) -> Result<Vec<u8>, String>;
}

/// Makes a codec of its configuration.
type Make = fn(&Map<String, Value>) -> Result<Box<dyn ElementCodec>, String>;

/// What is known of a codec, whether this build has it or not.
pub(super) struct Known {
    /// Its name in version 3.
    pub name: &'static str,
    /// Its id in version 2.
    pub id: &'static str,
    /// The feature of this crate that brings it.
    feature: &'static str,
    /// `None` if this build does not have it.
    pub make: Option<Make>,
    /// The dtypes that it takes.
    takes: fn(DType) -> bool,
    /// These dtypes in words.
    taken: &'static str,
}

pub(super) const KNOWN: [Known; 2] = [
    Known {
        name: "numcodecs.pcodec",
        id: "pcodec",
        feature: "pcodec",
        #[cfg(feature = "pcodec")]
        make: Some(pcodec::make),
        #[cfg(not(feature = "pcodec"))]
        make: None,
        takes: |dtype| {
            let is_date = matches!(dtype, DType::DateTime(_) | DType::TimeDelta(_));
            is_date || dtype.is_numeric() && !dtype.is_complex() && dtype.itemsize() > 1
        },
        taken: "integers and floats of 2 to 8 bytes, and dates",
    },
    Known {
        name: "numcodecs.zfpy",
        id: "zfpy",
        feature: "zfp",
        #[cfg(feature = "zfp")]
        make: Some(zfp::make),
        #[cfg(not(feature = "zfp"))]
        make: None,
        takes: |dtype| matches!(dtype, DType::I32 | DType::I64 | DType::F32 | DType::F64),
        taken: "int32, int64, float32 and float64",
    },
];

/// The codec with this name in version 3, or this id in version 2.
pub(super) fn known(name: &str) -> Option<&'static Known> {
    const { &KNOWN }.iter().find(|known| known.name == name || known.id == name)
}

impl Known {
    /// Fails if this build does not have the codec.
    pub fn check_built(&self, done: &'static str) -> Result<(), Problem> {
        if self.make.is_some() {
            return Ok(());
        }
        let what = format!("chunks in codec {:?}", self.name);
        let help = format!("this build does not have that codec; build it with feature {:?}", self.feature);
        Err(Problem::Unsupported { what, done, help })
    }

    /// Fails if the codec does not take elements of this dtype.
    pub fn check_dtype(&self, dtype: DType, done: &'static str) -> Result<(), Problem> {
        if (self.takes)(dtype) {
            return Ok(());
        }
        let what = format!("dtype {dtype} with codec {:?}", self.name);
        Err(Problem::Unsupported { what, done, help: format!("{} can", self.taken) })
    }
}

/// A whole number of a configuration, or what stands for it where none is given.
#[cfg(feature = "pcodec")]
fn whole(
    configuration: &Map<String, Value>,
    key: &str,
    otherwise: usize,
    allowed: std::ops::RangeInclusive<usize>,
) -> Result<usize, String> {
    let value = match configuration.get(key) {
        None | Some(Value::Null) => return Ok(otherwise),
        Some(value) => value,
    };
    let number = value.as_u64().and_then(|number| usize::try_from(number).ok());
    number.filter(|number| allowed.contains(number)).ok_or_else(|| {
        format!("{key:?} is {value}, and can be from {} to {}", allowed.start(), allowed.end())
    })
}

#[cfg(all(test, any(feature = "pcodec", feature = "zfp")))]
mod tests {
    use serde_json::json;

    use super::*;

    /// Numbers that look random and are the same in every run.
    fn pseudo_random(state: &mut u64) -> usize {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 33) as usize
    }

    #[test]
    fn a_damaged_chunk_ends_in_an_answer() {
        let shape = [30, 21];
        let settings =
            [json!({"mode": 5}), json!({"mode": 4, "tolerance": 0.01}), json!({"mode": 2, "rate": 9.5})];
        let mut state = 1;
        for known in &KNOWN {
            let Some(make) = known.make else { continue };
            for (settings, dtype) in settings
                .iter()
                .flat_map(|settings| [DType::I64, DType::F64, DType::F32].map(|dtype| (settings, dtype)))
            {
                let codec = make(settings.as_object().unwrap()).unwrap();
                let from: Vec<u8> = match dtype {
                    DType::I64 => (0..630_i64).flat_map(|i| (i * i % 977 + (i << 7)).to_ne_bytes()).collect(),
                    DType::F32 => (0..630).flat_map(|i| (i as f32).sin().to_ne_bytes()).collect(),
                    _ => (0..630).flat_map(|i| (f64::from(i).sin() * 1e3).to_ne_bytes()).collect(),
                };
                let whole = codec.encode(&from, &shape, dtype).unwrap();
                for round in 0..400 {
                    let mut damaged = whole.clone();
                    for _ in 0..=round % 3 {
                        // Most of what leads astray stands in front.
                        let within = if round % 2 == 0 { damaged.len().min(40) } else { damaged.len() };
                        let at = pseudo_random(&mut state) % within;
                        damaged[at] = [0, 0xff, 0x80, pseudo_random(&mut state) as u8][round % 4];
                    }
                    if round % 5 == 0 {
                        damaged.truncate(pseudo_random(&mut state) % damaged.len());
                    }
                    if let Ok(decoded) = codec.decode(&damaged, &shape, dtype) {
                        assert_eq!(decoded.len(), from.len(), "{} {dtype}", known.name);
                    }
                }
            }
        }
    }
}
