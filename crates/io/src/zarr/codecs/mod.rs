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
