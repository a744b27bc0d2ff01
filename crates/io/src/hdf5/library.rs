//! Datasets that our own reader leaves to the HDF5 library: further filters, virtual and external datasets. The library
//! does one thing at a time, so these are read by one thread at once.

use brickwork_core::{
    ChunkGrid, ChunkSpec, DType, Granule, Kind, Meta, Operation, Pending, Region, Source, ViewMut,
};
use hdf5::filters::Filter;
use hdf5::types::{FloatSize, IntSize, TypeDescriptor};
use hdf5::{Dataset, H5Type};
use serde::{Deserialize, Serialize};

use super::elements::{Parts, selection};
use super::format::known_filter;
use super::open::{inner_path, stamp_of};
use crate::bytes::{checked_nbytes, empty_granule, fill_dense};
use crate::chunk_walk::touched_chunks;
use crate::error::{Problem, Result};
use crate::handles::{FileStamp, HandleCache};
use crate::uri::Location;

/// Open datasets by the path of their file, `#` and their own.
static DATASETS: HandleCache<Dataset> = HandleCache::new(32);

/// A dataset that is read through the HDF5 library. It serialises as its description and is opened where it is read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Hdf5LibrarySource {
    uri: String,
    path: String,
    inner: String,
    stamp: FileStamp,
    dtype: DType,
    is_chunked: bool,
    chunks: ChunkGrid,
    /// Bytes in the file, of all chunks together.
    stored_bytes: usize,
}

/// Opens a dataset through the library. `reason` is what our own reader does not read.
pub(super) fn open(location: &Location, reason: &str) -> Result<Hdf5LibrarySource> {
    let uri = &location.uri;
    let path = location.absolute_path();
    let stamp = stamp_of(uri, &path)?;
    let fail = |problem: Problem| problem.at(uri);
    let library = |error: hdf5::Error| fail(refused(reason, &error));
    let dataset = open_dataset(&path, &location.inner).map_err(library)?;
    for filter in dataset.dcpl().and_then(|list| list.get_filters()).map_err(library)? {
        if !filter.decode_enabled() {
            return Err(fail(missing_filter(&filter)));
        }
    }
    let descriptor = dataset.dtype().and_then(|dtype| dtype.to_descriptor()).map_err(library)?;
    let dtype = dtype_of(&descriptor).map_err(fail)?;
    let shape = dataset.shape();
    checked_nbytes(&shape, dtype.itemsize())
        .ok_or_else(|| fail(Problem::corrupt("dataset", format!("shape {shape:?} has too many bytes"))))?;
    let chunk = dataset.chunk().filter(|chunk| chunk.len() == shape.len() && !chunk.contains(&0));
    let chunks = match &chunk {
        Some(chunk) => ChunkGrid::regular(&shape, chunk),
        None => ChunkSpec::auto()
            .resolve(&shape, dtype)
            .map_err(|error| fail(Problem::Misuse { reason: error.to_string() }))?,
    };
    Ok(Hdf5LibrarySource {
        uri: uri.clone(),
        inner: location.inner.clone(),
        stamp,
        dtype,
        is_chunked: chunk.is_some(),
        chunks,
        stored_bytes: usize::try_from(dataset.storage_size()).unwrap_or(usize::MAX),
        path,
    })
}

fn open_dataset(path: &str, inner: &str) -> hdf5::Result<Dataset> {
    // Chunks are read whole and once: a cache in the library would only copy them.
    let file = hdf5::FileBuilder::new().with_fapl(|access| access.chunk_cache(0, 0, 1.0)).open(path)?;
    file.dataset(&inner_path(inner))
}

fn refused(reason: &str, error: &hdf5::Error) -> Problem {
    Problem::unreadable(reason, format!("the HDF5 library says: {error}"))
}

fn missing_filter(filter: &Filter) -> Problem {
    let id = filter.id();
    let name = u16::try_from(id).ok().and_then(known_filter);
    let name = name.map(|name| format!(" ({name})")).unwrap_or_default();
    Problem::unreadable(
        format!("filter {id}{name}"),
        "the HDF5 library lacks it too; set HDF5_PLUGIN_PATH to where its plugin is, or rewrite the dataset with \
         gzip or lzf",
    )
}

fn dtype_of(descriptor: &TypeDescriptor) -> Result<DType, Problem> {
    use {FloatSize as F, IntSize as I, TypeDescriptor as T};
    let complex = |fields: &[hdf5::types::CompoundField]| match fields {
        [r, i] if r.name == "r" && i.name == "i" && r.ty == i.ty => match r.ty {
            T::Float(F::U4) => Some(DType::C64),
            T::Float(F::U8) => Some(DType::C128),
            _ => None,
        },
        _ => None,
    };
    let dtype = match descriptor {
        T::Integer(I::U1) => Some(DType::I8),
        T::Integer(I::U2) => Some(DType::I16),
        T::Integer(I::U4) => Some(DType::I32),
        T::Integer(I::U8) => Some(DType::I64),
        T::Unsigned(I::U1) => Some(DType::U8),
        T::Unsigned(I::U2) => Some(DType::U16),
        T::Unsigned(I::U4) => Some(DType::U32),
        T::Unsigned(I::U8) => Some(DType::U64),
        T::Float(F::U4) => Some(DType::F32),
        T::Float(F::U8) => Some(DType::F64),
        T::Boolean => Some(DType::Bool),
        T::Compound(compound) => complex(&compound.fields),
        _ => None,
    };
    dtype.ok_or_else(|| {
        let help = "bool, integers, float32, float64, complex64 and complex128 can";
        Problem::unreadable(format!("datatype '{descriptor}'"), help)
    })
}

impl Hdf5LibrarySource {
    fn dataset(&self) -> Result<std::sync::Arc<Dataset>> {
        // Several datasets of one file: the cache goes by name, the stamp by the file.
        let name = format!("{}#{}", self.path, self.inner);
        let dataset = DATASETS.get_at(&self.uri, &self.path, &name, self.stamp, || {
            open_dataset(&self.path, &self.inner)
                .map_err(|error| refused("the dataset", &error).at(&self.uri))
        })?;
        let (now, was) = (dataset.shape(), self.chunks.shape());
        if now != was {
            let change = format!("its shape was {was:?} and is {now:?}");
            return Err(Problem::Changed { change }.at(&self.uri));
        }
        Ok(dataset)
    }

    fn read(&self, region: &Region, out: &mut [u8]) -> Result<()> {
        let dataset = self.dataset()?;
        let mut read = || match self.dtype {
            DType::Bool => read_as::<Truth>(&dataset, region, out),
            DType::I8 => read_as::<i8>(&dataset, region, out),
            DType::I16 => read_as::<i16>(&dataset, region, out),
            DType::I32 => read_as::<i32>(&dataset, region, out),
            DType::I64 => read_as::<i64>(&dataset, region, out),
            DType::U8 => read_as::<u8>(&dataset, region, out),
            DType::U16 => read_as::<u16>(&dataset, region, out),
            DType::U32 => read_as::<u32>(&dataset, region, out),
            DType::U64 => read_as::<u64>(&dataset, region, out),
            DType::F32 => read_as::<f32>(&dataset, region, out),
            DType::F64 => read_as::<f64>(&dataset, region, out),
            DType::C64 => read_as::<Parts<f32>>(&dataset, region, out),
            DType::C128 => read_as::<Parts<f64>>(&dataset, region, out),
            other => Err(format!("dtype {other} is not read").into()),
        };
        read().map_err(|error| {
            let reason = format!("the HDF5 library cannot read it: {error}");
            if self.is_chunked {
                let axes = region.axes().iter().zip(self.chunks.axes());
                let chunk = axes.map(|(range, chunks)| chunks.chunk_of(range.start)).collect();
                Problem::Chunk { chunk, reason }.at(&self.uri)
            } else {
                Problem::Misuse { reason: format!("region {region}: {reason}") }.at(&self.uri)
            }
        })
    }
}

/// A truth value as it lies in the file.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
struct Truth(u8);

// SAFETY: one byte, as the descriptor says; any value of it is a valid `u8`.
unsafe impl H5Type for Truth {
    fn type_descriptor() -> TypeDescriptor {
        TypeDescriptor::Boolean
    }
}

/// An element that the library hands over, and its bytes in ours.
trait Element: H5Type + Copy {
    /// Writes it to exactly its bytes.
    fn put(self, to: &mut [u8]);
}

macro_rules! elements {
    ($($t:ty),*) => {
        $(impl Element for $t {
            fn put(self, to: &mut [u8]) {
                to.copy_from_slice(&self.to_ne_bytes());
            }
        })*
    };
}
elements!(i8, i16, i32, i64, u8, u16, u32, u64, f32, f64);

impl Element for Truth {
    fn put(self, to: &mut [u8]) {
        to.copy_from_slice(&[u8::from(self.0 != 0)]);
    }
}

impl<F: Element> Element for Parts<F> {
    fn put(self, to: &mut [u8]) {
        let (re, im) = to.split_at_mut(to.len() / 2);
        self.re.put(re);
        self.im.put(im);
    }
}

fn read_as<T: Element>(dataset: &Dataset, region: &Region, out: &mut [u8]) -> hdf5::Result<()> {
    let values = if region.ndim() == 0 {
        dataset.read_raw::<T>()?
    } else {
        let selected: ndarray::ArrayD<T> = dataset.read_slice(selection(region))?;
        selected.into_raw_vec_and_offset().0
    };
    let item = out.len() / values.len().max(1);
    if item != size_of::<T>() || values.len() * item != out.len() {
        return Err(format!("{} elements came, {} bytes are wanted", values.len(), out.len()).into());
    }
    for (value, to) in values.into_iter().zip(out.chunks_exact_mut(item)) {
        value.put(to);
    }
    Ok(())
}

#[typetag::serde(name = "brickwork_io::Hdf5LibrarySource")]
impl Operation for Hdf5LibrarySource {
    fn name(&self) -> String {
        format!("read {}", self.uri)
    }

    fn infer(&self, _inputs: &[Meta]) -> brickwork_core::Result<Vec<Meta>> {
        Ok(vec![Meta::new(&self.chunks.shape(), self.dtype, self.chunks.clone())])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Source(self)
    }
}

impl Source for Hdf5LibrarySource {
    fn uri(&self) -> String {
        self.uri.clone()
    }

    fn version(&self) -> Option<String> {
        Some(self.stamp.version())
    }

    fn plan_read(&self, region: &Region) -> brickwork_core::Result<Vec<Granule>> {
        if region.is_empty() {
            return Ok(Vec::new());
        }
        let item = self.dtype.itemsize();
        if !self.is_chunked {
            let nbytes = region.size() * item;
            return Ok(vec![Granule {
                encoded_bytes: nbytes,
                decoded_bytes: nbytes,
                scratch_bytes: nbytes,
                ..empty_granule(region)
            }]);
        }
        // The library tells the bytes of all chunks at once far quicker than those of one.
        let encoded_bytes = self.stored_bytes / self.chunks.num_chunks().max(1);
        let granules = touched_chunks(&self.chunks, region).into_iter().map(|touched| {
            let decoded_bytes = touched.region.size() * item;
            Granule {
                key: Some(touched.number),
                encoded_bytes,
                decoded_bytes,
                // The whole chunk as stored, the library's copies of it while filters run, and the one it hands over.
                scratch_bytes: 3 * self.chunks.max_chunk().iter().product::<usize>() * item,
                region: touched.region,
            }
        });
        Ok(granules.collect())
    }

    fn start(&self, granule: &Granule) -> brickwork_core::Result<Box<dyn Pending + '_>> {
        Ok(Box::new(LibraryRead { source: self, region: granule.region.clone() }))
    }

    fn granule_grid(&self) -> Option<ChunkGrid> {
        self.is_chunked.then(|| self.chunks.clone())
    }
}

/// A local read: everything happens in `finish`.
struct LibraryRead<'a> {
    source: &'a Hdf5LibrarySource,
    region: Region,
}

impl Pending for LibraryRead<'_> {
    fn finish(self: Box<Self>, into: ViewMut<'_>) -> brickwork_core::Result<()> {
        fill_dense(into, |out| self.source.read(&self.region, out)).map_err(Into::into)
    }
}
