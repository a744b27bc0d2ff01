//! Codecs of our own as `zarrs` runs them, beside `adapter.rs` the one file that knows it.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::{Arc, Once};

use brickwork_core::DType;
use serde_json::{Map, Value};
use zarrs::array::codec::api::{
    ArrayBytes, ArrayBytesRaw, ArrayCodecTraits, ArrayToArrayCodecTraits, ArrayToBytesCodecTraits,
    BytesRepresentation, Codec, CodecError, CodecMetadataOptions, CodecOptions, CodecRuntimePluginV3,
    CodecTraits, PartialDecoderCapability, PartialEncoderCapability, RecommendedConcurrency,
    register_codec_v3,
};
use zarrs::array::{DataType as ZarrType, FillValue};
use zarrs::metadata::Configuration;
use zarrs::plugin::{ExtensionName, PluginCreateError, ZarrVersion};

use super::adapter::dtype_of;
use super::codecs::delta::Delta;
use super::codecs::{ElementCodec, KNOWN};

/// Tells `zarrs` of our codecs, once; it prefers them to its own of the same names.
pub(super) fn register() {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        for known in &KNOWN {
            let (name, Some(make)) = (known.name, known.make) else { continue };
            let plugin = CodecRuntimePluginV3::new(
                move |asked: &str| asked == name,
                move |metadata| {
                    let configuration =
                        metadata.configuration().map(|found| Map::clone(found)).unwrap_or_default();
                    let codec = make(&configuration)
                        .map_err(|reason| PluginCreateError::Other(format!("codec {name:?}: {reason}")))?;
                    Ok(Codec::ArrayToBytes(Arc::new(Plugged { name, configuration, codec })))
                },
            );
            register_codec_v3(plugin);
        }
        let plugin = CodecRuntimePluginV3::new(
            |asked: &str| asked == DELTA || asked == "delta",
            |metadata| {
                let configuration =
                    metadata.configuration().map(|found| Map::clone(found)).unwrap_or_default();
                let codec = Delta::make(&configuration).map_err(PluginCreateError::Other)?;
                Ok(Codec::ArrayToArray(Arc::new(Plugged { name: DELTA, configuration, codec })))
            },
        );
        register_codec_v3(plugin);
    });
}

/// The name of the filter in version 3; in version 2 it has no prefix.
const DELTA: &str = "numcodecs.delta";

/// A codec of ours, by the name and the configuration that stand in metadata.
#[derive(Debug)]
struct Plugged<C> {
    name: &'static str,
    configuration: Map<String, Value>,
    codec: C,
}

/// What is plugged in.
trait Plug: fmt::Debug + Send + Sync + 'static {}

impl Plug for Box<dyn ElementCodec> {}
impl Plug for Delta {}

impl<C: Plug> ExtensionName for Plugged<C> {
    fn name(&self, _version: ZarrVersion) -> Option<Cow<'static, str>> {
        Some(self.name.into())
    }
}

impl<C: Plug> CodecTraits for Plugged<C> {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn configuration(&self, _version: ZarrVersion, _options: &CodecMetadataOptions) -> Option<Configuration> {
        Some(self.configuration.clone().into())
    }

    fn partial_decoder_capability(&self) -> PartialDecoderCapability {
        PartialDecoderCapability { partial_read: false, partial_decode: false }
    }

    fn partial_encoder_capability(&self) -> PartialEncoderCapability {
        PartialEncoderCapability { partial_encode: false }
    }
}

impl<C: Plug> ArrayCodecTraits for Plugged<C> {
    fn recommended_concurrency(
        &self,
        _shape: &[NonZeroU64],
        _data_type: &ZarrType,
    ) -> Result<RecommendedConcurrency, CodecError> {
        Ok(RecommendedConcurrency::new_maximum(1))
    }
}

impl ArrayToBytesCodecTraits for Plugged<Box<dyn ElementCodec>> {
    fn into_dyn(self: Arc<Self>) -> Arc<dyn ArrayToBytesCodecTraits> {
        self
    }

    fn encoded_representation(
        &self,
        _shape: &[NonZeroU64],
        _data_type: &ZarrType,
        _fill_value: &FillValue,
    ) -> Result<BytesRepresentation, CodecError> {
        Ok(BytesRepresentation::UnboundedSize)
    }

    fn encode<'a>(
        &self,
        bytes: ArrayBytes<'a>,
        shape: &[NonZeroU64],
        data_type: &ZarrType,
        _fill_value: &FillValue,
        _options: &CodecOptions,
    ) -> Result<ArrayBytesRaw<'a>, CodecError> {
        let elements = bytes.into_fixed()?;
        let encoded = self.codec.encode(&elements, &lengths(shape), dtype(data_type)?);
        Ok(Cow::Owned(encoded.map_err(CodecError::Other)?))
    }

    fn decode<'a>(
        &self,
        bytes: ArrayBytesRaw<'a>,
        shape: &[NonZeroU64],
        data_type: &ZarrType,
        _fill_value: &FillValue,
        _options: &CodecOptions,
    ) -> Result<ArrayBytes<'a>, CodecError> {
        let decoded = self.codec.decode(&bytes, &lengths(shape), dtype(data_type)?);
        Ok(ArrayBytes::new_flen(decoded.map_err(CodecError::Other)?))
    }
}

impl Plugged<Delta> {
    fn check(&self, data_type: &ZarrType) -> Result<(), CodecError> {
        self.codec.check(dtype(data_type)?).map_err(CodecError::Other)
    }
}

impl ArrayToArrayCodecTraits for Plugged<Delta> {
    fn into_dyn(self: Arc<Self>) -> Arc<dyn ArrayToArrayCodecTraits> {
        self
    }

    fn encoded_data_type(&self, data_type: &ZarrType) -> Result<ZarrType, CodecError> {
        self.check(data_type)?;
        Ok(data_type.clone())
    }

    fn encode<'a>(
        &self,
        bytes: ArrayBytes<'a>,
        _shape: &[NonZeroU64],
        data_type: &ZarrType,
        _fill_value: &FillValue,
        _options: &CodecOptions,
    ) -> Result<ArrayBytes<'a>, CodecError> {
        self.check(data_type)?;
        let encoded = self.codec.encode(&bytes.into_fixed()?).map_err(CodecError::Other)?;
        Ok(ArrayBytes::new_flen(encoded))
    }

    fn decode<'a>(
        &self,
        bytes: ArrayBytes<'a>,
        _shape: &[NonZeroU64],
        data_type: &ZarrType,
        _fill_value: &FillValue,
        _options: &CodecOptions,
    ) -> Result<ArrayBytes<'a>, CodecError> {
        self.check(data_type)?;
        let decoded = self.codec.decode(&bytes.into_fixed()?).map_err(CodecError::Other)?;
        Ok(ArrayBytes::new_flen(decoded))
    }
}

fn lengths(shape: &[NonZeroU64]) -> Vec<usize> {
    shape.iter().map(|len| len.get() as usize).collect()
}

fn dtype(data_type: &ZarrType) -> Result<DType, CodecError> {
    dtype_of(data_type).ok_or_else(|| CodecError::Other("the codec has no such elements".into()))
}
