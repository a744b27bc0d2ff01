//! Pcodec: numbers without loss, as `numcodecs.pcodec` of zarr-python writes them.

use brickwork_core::DType;
use pco::standalone::{simple_compress, simple_decompress_into};
use pco::{ChunkConfig, DeltaSpec, ModeSpec, PagingSpec};
use serde_json::{Map, Value};

use super::{ElementCodec, whole};

/// The numbers of a page where nothing else is said: as numcodecs has it.
const PAGE: usize = 1 << 18;

#[derive(Debug)]
struct Pcodec(ChunkConfig);

/// A codec by its configuration, whose defaults are those of numcodecs.
pub(super) fn make(configuration: &Map<String, Value>) -> Result<Box<dyn ElementCodec>, String> {
    let text = |key: &str, otherwise: &'static str| match configuration.get(key) {
        None | Some(Value::Null) => Ok(otherwise.to_owned()),
        Some(value) => {
            value.as_str().map(str::to_owned).ok_or_else(|| format!("{key:?} is {value}, no text"))
        }
    };
    let unknown = |key: &str, value: &str| Err(format!("{key:?} is {value:?}, which is not known"));
    let mode = match text("mode_spec", "auto")?.as_str() {
        "auto" => ModeSpec::Auto,
        "classic" => ModeSpec::Classic,
        other => return unknown("mode_spec", other),
    };
    let order = match configuration.get("delta_encoding_order") {
        None | Some(Value::Null) => None,
        Some(_) => Some(whole(configuration, "delta_encoding_order", 0, 0..=7)?),
    };
    let delta = match (text("delta_spec", "auto")?.as_str(), order) {
        // An order alone is how older versions said it.
        ("auto", Some(order)) => DeltaSpec::TryConsecutive(order),
        ("auto", None) => DeltaSpec::Auto,
        ("none", _) => DeltaSpec::NoOp,
        ("try_consecutive", order) => DeltaSpec::TryConsecutive(order.unwrap_or(1)),
        ("try_lookback", _) => DeltaSpec::TryLookback,
        (other, _) => return unknown("delta_spec", other),
    };
    match text("paging_spec", "equal_pages_up_to")?.as_str() {
        "equal_pages_up_to" => {}
        other => return unknown("paging_spec", other),
    }
    let config = ChunkConfig::default()
        .with_compression_level(whole(configuration, "level", 8, 0..=12)?)
        .with_mode_spec(mode)
        .with_delta_spec(delta)
        .with_paging_spec(PagingSpec::EqualPagesUpTo(whole(
            configuration,
            "equal_pages_up_to",
            PAGE,
            1..=1 << 24,
        )?));
    Ok(Box::new(Pcodec(config)))
}

/// Runs an expression with `$t` as the type of a dtype's numbers; dates are the integers that they count.
macro_rules! with_number {
    ($dtype:expr, $t:ident => $run:expr) => {{
        macro_rules! run {
            ($number:ty) => {{
                type $t = $number;
                $run
            }};
        }
        match $dtype {
            DType::I16 => run!(i16),
            DType::I32 => run!(i32),
            DType::I64 | DType::DateTime(_) | DType::TimeDelta(_) => run!(i64),
            DType::U16 => run!(u16),
            DType::U32 => run!(u32),
            DType::U64 => run!(u64),
            DType::F32 => run!(f32),
            DType::F64 => run!(f64),
            other => Err(format!("pcodec has no numbers of dtype {other}")),
        }
    }};
}

impl ElementCodec for Pcodec {
    fn encode(&self, elements: &[u8], _shape: &[usize], dtype: DType) -> Result<Vec<u8>, String> {
        with_number!(dtype, T => {
            let numbers: Vec<T> = bytemuck::pod_collect_to_vec(elements);
            simple_compress(&numbers, &self.0).map_err(|error| error.to_string())
        })
    }

    fn decode(&self, encoded: &[u8], shape: &[usize], dtype: DType) -> Result<Vec<u8>, String> {
        let count: usize = shape.iter().product();
        with_number!(dtype, T => {
            // A file may hold any number of numbers in a few bytes; what does not fit is not decoded.
            let mut numbers: Vec<T> = vec![Default::default(); count];
            let progress = simple_decompress_into(encoded, &mut numbers).map_err(|error| error.to_string())?;
            if progress.n_processed != count || !progress.finished {
                let more = if progress.finished { "" } else { "more than " };
                return Err(format!("it holds {more}{} numbers, and the chunk has {count}", progress.n_processed));
            }
            Ok(bytemuck::cast_slice(&numbers).to_vec())
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn codec(configuration: Value) -> Result<Box<dyn ElementCodec>, String> {
        make(configuration.as_object().unwrap())
    }

    #[test]
    fn numbers_come_back_as_they_were() {
        let elements: Vec<u8> = (0..1920_u32).map(|i| (i * i % 251) as u8).collect();
        for settings in [
            json!({}),
            json!({"level": 0, "mode_spec": "classic", "delta_spec": "none"}),
            json!({"delta_encoding_order": 2, "equal_pages_up_to": 50}),
            json!({"delta_spec": "try_lookback", "level": 12}),
        ] {
            let codec = codec(settings).unwrap();
            for dtype in [DType::I16, DType::U32, DType::F32, DType::F64, DType::U64] {
                let shape = [elements.len() / dtype.itemsize()];
                let encoded = codec.encode(&elements, &shape, dtype).unwrap();
                assert_eq!(codec.decode(&encoded, &shape, dtype).unwrap(), elements, "{dtype}");
            }
        }
    }

    #[test]
    fn a_chunk_decodes_to_what_it_should_hold_or_fails() {
        let codec = codec(json!({})).unwrap();
        let encoded = codec.encode(&vec![7; 1 << 23], &[1 << 20], DType::F64).unwrap();
        assert!(encoded.len() < 1000);
        let error = codec.decode(&encoded, &[10], DType::F64).unwrap_err();
        assert!(error.contains("more than") && error.ends_with("and the chunk has 10"), "{error}");
        let error = codec.decode(&encoded, &[(1 << 20) + 1], DType::F64).unwrap_err();
        assert!(error.starts_with("it holds 1048576 numbers"), "{error}");
        assert!(codec.decode(&encoded[..20], &[1 << 20], DType::F64).is_err());
        assert!(codec.decode(&encoded, &[1 << 20], DType::F32).is_err());
        assert!(codec.decode(b"", &[3], DType::F64).is_err());
    }

    #[test]
    fn configurations_are_understood_or_refused() {
        for (wrong, named) in [
            (json!({"level": 13}), "from 0 to 12"),
            (json!({"level": "high"}), "\"level\""),
            (json!({"mode_spec": "try_int_mult"}), "try_int_mult"),
            (json!({"delta_spec": 1}), "\"delta_spec\""),
            (json!({"paging_spec": "exact"}), "exact"),
            (json!({"delta_encoding_order": 8}), "from 0 to 7"),
            (json!({"equal_pages_up_to": 0}), "from 1 to"),
        ] {
            let error = codec(wrong).unwrap_err();
            assert!(error.contains(named), "{error}");
        }
    }
}
