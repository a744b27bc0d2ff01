//! What knows `zarrs`, beside `plugins.rs`: it makes a codec pipeline of an array's metadata, and runs it.

use std::any::Any;
use std::borrow::Cow;
use std::num::NonZeroU64;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use brickwork_core::eval::{Activity, doing};
use brickwork_core::{DType, TimeUnit};
use serde_json::{Value, json};
use zarrs::array::data_type::{
    BoolDataType, Complex64DataType, Complex128DataType, Float32DataType, Float64DataType, Int8DataType,
    Int16DataType, Int32DataType, Int64DataType, NumpyDateTime64DataType, NumpyTimeDelta64DataType,
    NumpyTimeUnit, UInt8DataType, UInt16DataType, UInt32DataType, UInt64DataType,
};
use zarrs::array::{
    Array, ArrayBytes, ArrayMetadata, ArrayToBytesCodecTraits, CodecOptions, DataType as ZarrType,
};
use zarrs::convert::array_metadata_v2_to_v3;

use super::claims::Claims;
use super::codecs::{self, Known};
use super::plugins::register;
use super::renamed::rename;
use super::straight::Straight;
use crate::bytes::{ByteFix, time_unit};
use crate::error::Problem;
use crate::fletcher32::{fletcher32, without_checksum};

const READABLE: &str = "bool, integers, float32, float64, complex64, complex128 and dates can";
/// Bytes of the largest element that is read.
const MOST_ITEM: usize = 16;

/// The codecs of an array, its dtype and its fill value. It holds no store: bytes come from, and go to, the caller.
#[derive(Debug)]
pub(super) struct Codecs {
    array: Array<()>,
    dtype: DType,
    claims: Claims,
    /// Codecs of our own, which copy a chunk once more.
    num_own: usize,
    /// Whether chunks end in a fletcher32 checksum. It is ours: that of `zarrs` fails for an odd number of bytes.
    has_checksum: bool,
    /// What decodes chunks straight to where they are wanted.
    straight: Option<Straight>,
}

impl Codecs {
    /// Understands an array's metadata. `chunk` is the shape of its chunks.
    ///
    /// # Errors
    /// If a data type, codec or chunk key encoding is not known; the message names it.
    pub fn new(metadata: Value, version: u8, chunk: &[usize]) -> Result<Self, Problem> {
        let invalid = |error: serde_json::Error| Problem::corrupt("Zarr metadata", error.to_string());
        let type_name = match version {
            2 => metadata["dtype"].to_string(),
            _ => metadata["data_type"].to_string(),
        };
        let mut metadata = metadata;
        if version != 2 {
            // Which chunks there are is not its affair: it would write out every one of them.
            metadata["chunk_grid"] = json!({"name": "regular", "configuration": {"chunk_shape": chunk}});
            rename(&mut metadata)?;
        } else {
            refuse_big_endian_filters(&metadata)?;
            fill_complex(&mut metadata);
        }
        let plain_metadata = metadata.clone();
        let has_checksum = without_last_fletcher32(&mut metadata, version);
        let straight_codec = |dtype| Straight::of(&plain_metadata, version, dtype).filter(|_| !has_checksum);
        let claims = Claims::new(&metadata, version, chunk, MOST_ITEM);
        let (metadata, dates) = if version == 2 { as_integers(metadata) } else { (metadata, None) };
        if !is_known_type(&metadata, version) {
            return Err(Problem::unreadable(format!("data type {type_name}"), READABLE));
        }
        let ours = codecs_of_ours(&metadata, version);
        for known in &ours {
            known.check_built("read")?;
        }
        register();
        let metadata = match (version, ours.first().copied()) {
            (2, known) if known.is_some() || is_delta(&metadata["filters"][0]) => {
                as_version_3(metadata, known)?
            }
            (2, _) => ArrayMetadata::V2(serde_json::from_value(metadata).map_err(invalid)?),
            _ => ArrayMetadata::V3(serde_json::from_value(metadata).map_err(invalid)?),
        };
        if chunk.contains(&0) {
            return Err(Problem::corrupt("Zarr metadata", "a chunk has no elements"));
        }
        let array = guarded(|| {
            Array::new_with_metadata(Arc::new(()), "/", metadata).map_err(|error| error.to_string())
        });
        let array = array.map_err(|reason| {
            Problem::unreadable(format!("an array of data type {type_name}"), format!("zarrs says: {reason}"))
        })?;
        let dtype = dates
            .or_else(|| dtype_of(array.data_type()))
            .ok_or_else(|| Problem::unreadable(format!("data type {type_name}"), READABLE))?;
        for known in &ours {
            known.check_dtype(dtype, "read")?;
        }
        if array.fill_value().size() != dtype.itemsize() {
            return Err(Problem::corrupt("Zarr metadata", "the fill value is not one of the data type"));
        }
        let straight = straight_codec(dtype).filter(|_| ours.is_empty());
        Ok(Codecs { array, dtype, claims, num_own: ours.len(), has_checksum, straight })
    }

    /// The dtype of the elements.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The path of a chunk below the array's directory.
    pub fn chunk_key(&self, at: &[usize]) -> String {
        let at: Vec<u64> = at.iter().map(|&k| k as u64).collect();
        self.array.chunk_key(&at).as_str().to_owned()
    }

    /// The bytes of the element that stands where no chunk is, in this machine's order.
    pub fn fill_value(&self) -> &[u8] {
        self.array.fill_value().as_ne_bytes()
    }

    /// Memory that decoding takes beside the encoded bytes, for chunks of `nbytes`.
    pub fn scratch_bytes(&self, nbytes: usize) -> usize {
        let codecs = self.array.codecs();
        let stages = codecs.array_to_array_codecs().len() + codecs.bytes_to_bytes_codecs().len();
        nbytes.saturating_mul(1 + stages + self.num_own)
    }

    /// Whether [`Codecs::decode_into`] may have an answer.
    pub fn is_straight(&self) -> bool {
        self.straight.is_some()
    }

    /// Fills `out` with the elements of a whole chunk, where its codecs can do that without memory of their own; false if
    /// [`Codecs::decode_as`] has to see to it, or to say what is wrong.
    pub fn decode_into(&self, encoded: &[u8], out: &mut [u8]) -> bool {
        let Some(straight) = self.straight.filter(|_| self.claims.check_frames(encoded).is_ok()) else {
            return false;
        };
        let _decoding = doing(Activity::Decode);
        straight.decode(encoded, out)
    }

    /// The elements of a whole chunk of this shape, in this machine's byte order.
    pub fn decode_as(&self, mut encoded: Vec<u8>, shape: &[usize]) -> Result<Vec<u8>, String> {
        let lengths = non_zero(shape).ok_or("it has no elements")?;
        if self.has_checksum {
            encoded.truncate(without_checksum(&encoded)?.len());
        }
        self.claims.check(&encoded, shape)?;
        let _decoding = doing(Activity::Decode);
        let decoded = guarded(|| {
            let codecs = self.array.codecs();
            let (data_type, fill_value) = (self.array.data_type(), self.array.fill_value());
            let bytes = codecs.decode(Cow::Owned(encoded), &lengths, data_type, fill_value, &options());
            let bytes = bytes.map_err(|error| error.to_string())?;
            bytes.into_fixed().map(Cow::into_owned).map_err(|error| error.to_string())
        });
        let mut decoded = decoded?;
        let needed = shape.iter().product::<usize>() * self.dtype.itemsize();
        if decoded.len() != needed {
            return Err(format!("it decodes to {} bytes, and the chunk has {needed}", decoded.len()));
        }
        if self.dtype == DType::Bool {
            ByteFix::Bool.apply(&mut decoded);
        }
        Ok(decoded)
    }

    /// A whole chunk's elements as they are to be stored.
    pub fn encode(&self, elements: &[u8], shape: &[usize]) -> Result<Vec<u8>, String> {
        let shape = non_zero(shape).ok_or("it has no elements")?;
        let _encoding = doing(Activity::Encode);
        guarded(|| {
            let codecs = self.array.codecs();
            let (data_type, fill_value) = (self.array.data_type(), self.array.fill_value());
            let bytes = ArrayBytes::new_flen(elements);
            let encoded = codecs.encode(bytes, &shape, data_type, fill_value, &options());
            let mut encoded = encoded.map(Cow::into_owned).map_err(|error| error.to_string())?;
            if self.has_checksum {
                encoded.extend(fletcher32(&encoded).to_le_bytes());
            }
            Ok(encoded)
        })
    }
}

fn non_zero(shape: &[usize]) -> Option<Vec<NonZeroU64>> {
    shape.iter().map(|&len| NonZeroU64::new(len as u64)).collect()
}

/// Gives complex numbers without a fill value one of zero: `zarrs` does that for all other numbers of version 2.
fn fill_complex(metadata: &mut Value) {
    let is_complex = matches!(metadata["dtype"].as_str(), Some("<c8" | "<c16" | ">c8" | ">c16"));
    if is_complex && metadata["fill_value"].is_null() {
        metadata["fill_value"] = json!([0.0, 0.0]);
    }
}

/// Takes a checksum that is computed last out of the codecs, and says whether there was one.
fn without_last_fletcher32(metadata: &mut Value, version: u8) -> bool {
    let list = match version {
        2 if metadata["compressor"].is_null() => &mut metadata["filters"],
        2 => return false,
        _ => &mut metadata["codecs"],
    };
    let Some(codecs) = list.as_array_mut() else { return false };
    let is_checksum = |codec: &Value| {
        let name = codec["id"].as_str().or_else(|| codec["name"].as_str()).or_else(|| codec.as_str());
        name.is_some_and(|name| matches!(name, "fletcher32" | "numcodecs.fletcher32"))
    };
    let was_last = codecs.pop_if(|codec| is_checksum(codec)).is_some();
    if was_last && version == 2 && codecs.is_empty() {
        *list = Value::Null;
    }
    was_last
}

/// Filters of version 2 say by themselves in which order the bytes of what they make are, and `zarrs` takes those of the
/// array: what is big-endian would be read wrong.
fn refuse_big_endian_filters(metadata: &Value) -> Result<(), Problem> {
    let is_big = metadata["dtype"].as_str().is_some_and(|descr| descr.starts_with('>'));
    for filter in metadata["filters"].as_array().into_iter().flatten() {
        let own = ["dtype", "astype"].into_iter().filter_map(|key| filter[key].as_str());
        let has_big = own.clone().any(|descr| descr.starts_with('>'));
        if (is_big && own.count() > 0) || has_big {
            let what = format!("filter {} of big-endian elements", filter["id"]);
            return Err(Problem::unreadable(what, "little-endian ones can"));
        }
    }
    Ok(())
}

/// Whether elements are of a type that may be read. Others are not even looked at: a few bytes of metadata can declare
/// elements of any length, and ask for a fill value of that length.
fn is_known_type(metadata: &Value, version: u8) -> bool {
    if version == 2 {
        let descr = metadata["dtype"].as_str().unwrap_or_default();
        let code = descr.trim_start_matches(['<', '>', '|', '=']);
        let (kind, size) = code.split_at_checked(1).unwrap_or_default();
        return "biufc".contains(kind) && !kind.is_empty() && ["1", "2", "4", "8", "16"].contains(&size);
    }
    let name = metadata["data_type"].as_str().or_else(|| metadata["data_type"]["name"].as_str());
    let name = name.unwrap_or_default();
    matches!(name, "numpy.datetime64" | "numpy.timedelta64")
        || DType::parse(name).is_some_and(|dtype| dtype.name() == name)
}

/// The codecs among those of an array that are ours, those in shards too.
fn codecs_of_ours(metadata: &Value, version: u8) -> Vec<&'static Known> {
    if version == 2 {
        return metadata["compressor"]["id"].as_str().and_then(codecs::known).into_iter().collect();
    }
    let mut found = Vec::new();
    let mut lists = vec![&metadata["codecs"]];
    while let Some(list) = lists.pop() {
        for codec in list.as_array().into_iter().flatten() {
            let name = codec["name"].as_str().or_else(|| codec.as_str());
            found.extend(name.and_then(codecs::known));
            lists.push(&codec["configuration"]["codecs"]);
        }
    }
    found
}

fn is_delta(filter: &Value) -> bool {
    filter["id"] == "delta"
}

/// Metadata of version 2 as those of version 3, where the compressor is a codec of ours, or the first filters are: `zarrs`
/// knows by their names what may stand there in version 2.
fn as_version_3(mut metadata: Value, known: Option<&Known>) -> Result<ArrayMetadata, Problem> {
    let mut compressor = Value::Null;
    if let Some(known) = known {
        if metadata["dtype"].as_str().is_some_and(|descr| descr.starts_with('>')) {
            let what = format!("big-endian elements in codec {:?}", known.name);
            return Err(Problem::unreadable(what, "little-endian ones can"));
        }
        compressor = settings(metadata["compressor"].take());
    }
    let mut deltas = Vec::new();
    if let Some(filters) = metadata["filters"].as_array_mut() {
        let others = filters.iter().position(|filter| !is_delta(filter)).unwrap_or(filters.len());
        deltas.extend(filters.drain(..others));
        if filters.is_empty() {
            metadata["filters"] = Value::Null;
        }
    }
    let invalid = |error: serde_json::Error| Problem::corrupt("Zarr metadata", error.to_string());
    let metadata = serde_json::from_value(metadata).map_err(invalid)?;
    let metadata = array_metadata_v2_to_v3(&metadata)
        .map_err(|error| Problem::unreadable("an array of these filters", format!("zarrs says: {error}")))?;
    let mut metadata = serde_json::to_value(metadata).map_err(invalid)?;
    if let Some(list) = metadata["codecs"].as_array_mut() {
        if let Some((known, bytes)) = known.zip(list.iter_mut().find(|codec| codec["name"] == "bytes")) {
            *bytes = json!({"name": known.name, "configuration": compressor});
        }
        // The order of the axes stands before all filters.
        let first = list.iter().take_while(|codec| codec["name"] == "transpose").count();
        let deltas = deltas
            .into_iter()
            .map(|delta| json!({"name": "numcodecs.delta", "configuration": settings(delta)}));
        list.splice(first..first, deltas);
    }
    serde_json::from_value(metadata).map(ArrayMetadata::V3).map_err(invalid)
}

/// A codec of version 2 without its name.
fn settings(mut codec: Value) -> Value {
    if let Some(settings) = codec.as_object_mut() {
        settings.remove("id");
    }
    codec
}

/// Codecs run in the calling thread alone: threads are the scheduler's affair.
fn options() -> CodecOptions {
    CodecOptions::default().with_concurrent_target(1)
}

/// Makes an error of a panic: hostile metadata and chunks must not end a run with one.
fn guarded<T>(run: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic: Box<dyn Any + Send>| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Err(format!("the codec failed: {}", text.unwrap_or_default()))
    })
}

/// Version 2 stores dates as integers, and `zarrs` knows these alone; gives the dtype they stand for.
fn as_integers(mut metadata: Value) -> (Value, Option<DType>) {
    let descr = metadata["dtype"].as_str().unwrap_or_default();
    let Some((order, code)) = descr.split_at_checked(1).filter(|(order, _)| ["<", ">"].contains(order))
    else {
        return (metadata, None);
    };
    let unit = |prefix: &str| code.strip_prefix(prefix).and_then(time_unit);
    let dates = unit("M8[").map(DType::DateTime).or_else(|| unit("m8[").map(DType::TimeDelta));
    if dates.is_some() {
        metadata["dtype"] = format!("{order}i8").into();
        if metadata["fill_value"] == "NaT" {
            metadata["fill_value"] = i64::MIN.into();
        }
    }
    (metadata, dates)
}

pub(super) fn dtype_of(data_type: &ZarrType) -> Option<DType> {
    macro_rules! first_of {
        ($($zarr:ty => $dtype:ident),* $(,)?) => {
            $(if data_type.is::<$zarr>() { return Some(DType::$dtype); })*
        };
    }
    first_of! {
        BoolDataType => Bool, Int8DataType => I8, Int16DataType => I16, Int32DataType => I32, Int64DataType => I64,
        UInt8DataType => U8, UInt16DataType => U16, UInt32DataType => U32, UInt64DataType => U64,
        Float32DataType => F32, Float64DataType => F64, Complex64DataType => C64, Complex128DataType => C128,
    }
    if let Some(time) = data_type.downcast_ref::<NumpyDateTime64DataType>() {
        return unit_of(time.unit).filter(|_| time.scale_factor.get() == 1).map(DType::DateTime);
    }
    let time = data_type.downcast_ref::<NumpyTimeDelta64DataType>()?;
    unit_of(time.unit).filter(|_| time.scale_factor.get() == 1).map(DType::TimeDelta)
}

fn unit_of(unit: NumpyTimeUnit) -> Option<TimeUnit> {
    Some(match unit {
        NumpyTimeUnit::Day => TimeUnit::Day,
        NumpyTimeUnit::Hour => TimeUnit::Hour,
        NumpyTimeUnit::Minute => TimeUnit::Minute,
        NumpyTimeUnit::Second => TimeUnit::Second,
        NumpyTimeUnit::Millisecond => TimeUnit::Millisecond,
        NumpyTimeUnit::Microsecond => TimeUnit::Microsecond,
        NumpyTimeUnit::Nanosecond => TimeUnit::Nanosecond,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codecs(dtype: &str, filters: Value, compressor: Value) -> Result<Codecs, Problem> {
        let metadata = json!({
            "zarr_format": 2, "shape": [5], "chunks": [5], "dtype": dtype, "order": "C", "fill_value": 0,
            "filters": filters, "compressor": compressor,
        });
        Codecs::new(metadata, 2, &[5])
    }

    fn refusal(dtype: &str, filters: Value, compressor: Value) -> String {
        codecs(dtype, filters, compressor).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn numbers_without_a_fill_value_have_zero() {
        for dtype in ["<c8", ">c16", "<f4", "|b1", ">i8"] {
            let metadata = json!({
                "zarr_format": 2, "shape": [5], "chunks": [5], "dtype": dtype, "order": "C", "fill_value": null,
                "filters": null, "compressor": null,
            });
            let codecs = Codecs::new(metadata, 2, &[5]).unwrap();
            assert!(codecs.fill_value().iter().all(|&byte| byte == 0), "{dtype}");
        }
    }

    #[test]
    fn filters_that_would_be_read_wrong_are_refused_by_name() {
        let scaled =
            json!([{"id": "fixedscaleoffset", "offset": -3, "scale": 4, "dtype": ">f8", "astype": "<i2"}]);
        assert!(
            refusal(">f8", scaled, Value::Null)
                .contains("filter \"fixedscaleoffset\" of big-endian elements")
        );
        let delta = |dtype: &str| json!([{"id": "delta", "dtype": dtype}]);
        assert!(
            refusal(">i4", delta(">i4"), Value::Null).contains("filter \"delta\" of big-endian elements")
        );
        // Metadata that contradict themselves are told when a chunk is read.
        let codecs = codecs("<f4", delta("<i4"), Value::Null).unwrap();
        let error = codecs.decode_as(vec![0; 20], &[5]).unwrap_err();
        assert!(error.contains("delta of dtype int32 in an array of dtype float32"), "{error}");
        assert!(refusal("<i4", json!([{"id": "packbits"}]), Value::Null).contains("packbits"));
    }

    #[test]
    fn codecs_of_features_are_refused_by_name_without_them_or_for_other_dtypes() {
        for (id, dtype, built, named) in [
            ("pcodec", "|u1", cfg!(feature = "pcodec"), "dtype uint8 with codec \"numcodecs.pcodec\""),
            ("zfpy", "<i2", cfg!(feature = "zfp"), "dtype int16 with codec \"numcodecs.zfpy\""),
        ] {
            let error = refusal(dtype, Value::Null, json!({"id": id, "mode": 5}));
            assert!(error.contains(if built { named } else { "build it with feature" }), "{error}");
        }
        if cfg!(feature = "pcodec") {
            let error = refusal(">f8", Value::Null, json!({"id": "pcodec"}));
            assert!(error.contains("big-endian elements in codec \"numcodecs.pcodec\""), "{error}");
        }
    }
}
