//! Chunks of common codecs, decoded straight to where their elements are wanted.
//!
//! The codecs of `zarrs` give memory of their own, from which the elements are copied: fresh pages and one copy more,
//! which take a third as long as decoding. What this module does not decode, or finds damaged, is left to them.

use std::cell::{Cell, RefCell};

use brickwork_core::DType;
use serde_json::Value;

use super::metadata::name_of;

/// Codecs whose last step gives elements as they are in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Straight {
    /// A zstd frame of elements.
    Zstd,
    /// A container of blosc.
    #[cfg(feature = "hdf5-blosc")]
    Blosc,
}

impl Straight {
    /// What decodes an array's chunks straight, by its metadata; `None` if its codecs do more.
    pub fn of(metadata: &Value, version: u8, dtype: DType) -> Option<Self> {
        if dtype == DType::Bool {
            return None;
        }
        let (name, big_endian) = match version {
            2 => {
                let filters = metadata["filters"].as_array().map_or(0, Vec::len);
                let is_fortran = metadata["order"] == "F";
                let text = metadata["dtype"].as_str()?;
                if filters > 0 || is_fortran {
                    return None;
                }
                (metadata["compressor"]["id"].as_str()?, text.starts_with('>'))
            }
            _ => {
                let [bytes, last] = metadata["codecs"].as_array()?.as_slice() else { return None };
                if name_of(bytes)? != "bytes" {
                    return None;
                }
                (name_of(last)?, bytes["configuration"]["endian"] == "big")
            }
        };
        if dtype.itemsize() > 1 && big_endian != cfg!(target_endian = "big") {
            return None;
        }
        match name {
            "zstd" => Some(Straight::Zstd),
            #[cfg(feature = "hdf5-blosc")]
            "blosc" | "numcodecs.blosc" => Some(Straight::Blosc),
            _ => None,
        }
    }

    /// Fills `out` with the elements of a chunk; false if these bytes do not give exactly as many.
    pub fn decode(self, encoded: &[u8], out: &mut [u8]) -> bool {
        match self {
            Straight::Zstd => UNZSTD.with_borrow_mut(|unzstd| {
                if unzstd.is_none() {
                    *unzstd = zstd::bulk::Decompressor::new().ok();
                }
                let decoded =
                    unzstd.as_mut().and_then(|unzstd| unzstd.decompress_to_buffer(encoded, out).ok());
                decoded == Some(out.len())
            }),
            #[cfg(feature = "hdf5-blosc")]
            Straight::Blosc => {
                BLOCK.with_borrow_mut(|block| crate::hdf5::format::unblosc(encoded, out, block))
            }
        }
    }
}

thread_local! {
    static UNZSTD: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
    #[cfg(feature = "hdf5-blosc")]
    static BLOCK: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static ENCODED: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The most bytes that a thread keeps for its next chunk.
const KEPT: usize = 8 << 20;

/// Lets `body` use memory that a thread keeps from chunk to chunk, for encoded bytes.
pub(super) fn with_memory<R>(body: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    let mut memory = ENCODED.take();
    let result = body(&mut memory);
    if memory.capacity() <= KEPT {
        ENCODED.set(memory);
    }
    result
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn codecs_that_do_more_are_left_to_others() {
        let of = |codecs: Value, dtype| Straight::of(&json!({"codecs": codecs}), 3, dtype);
        let zstd = json!({"name": "zstd", "configuration": {"level": 3}});
        let little = json!({"name": "bytes", "configuration": {"endian": "little"}});
        let big = json!({"name": "bytes", "configuration": {"endian": "big"}});
        let found = Some(Straight::Zstd).filter(|_| cfg!(target_endian = "little"));
        assert_eq!(of(json!([little, zstd]), DType::F32), found);
        assert_eq!(of(json!(["bytes", zstd]), DType::U8), Some(Straight::Zstd));
        assert_eq!(of(json!([big, zstd]), DType::F64), Some(Straight::Zstd).filter(|_| found.is_none()));
        assert_eq!(of(json!([little, zstd]), DType::Bool), None);
        assert_eq!(of(json!([little, "gzip"]), DType::F32), None);
        assert_eq!(of(json!([little, zstd, "crc32c"]), DType::F32), None);
        assert_eq!(of(json!(["transpose", little, zstd]), DType::F32), None);
        let of = |metadata: Value| Straight::of(&metadata, 2, DType::I32);
        assert_eq!(
            of(json!({"dtype": "<i4", "order": "C", "filters": null, "compressor": {"id": "zstd"}})),
            found
        );
        assert_eq!(of(json!({"dtype": "<i4", "order": "F", "compressor": {"id": "zstd"}})), None);
        assert_eq!(
            of(json!({"dtype": "<i4", "filters": [{"id": "delta"}], "compressor": {"id": "zstd"}})),
            None
        );
        assert_eq!(of(json!({"dtype": "<i4", "order": "C", "compressor": null})), None);
    }

    #[test]
    fn only_what_fills_the_place_exactly_is_taken() {
        let plain: Vec<u8> = (0..5000_u32).map(|i| (i % 7) as u8).collect();
        let encoded = zstd::bulk::compress(&plain, 3).unwrap();
        let mut out = vec![0; 5000];
        assert!(Straight::Zstd.decode(&encoded, &mut out));
        assert_eq!(out, plain);
        assert!(!Straight::Zstd.decode(&encoded, &mut vec![0; 4999]));
        assert!(!Straight::Zstd.decode(&encoded, &mut vec![0; 5001]));
        assert!(!Straight::Zstd.decode(&encoded[..20], &mut out));
        assert!(!Straight::Zstd.decode(b"nothing of the kind", &mut out));
    }
}
