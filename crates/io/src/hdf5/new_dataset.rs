//! What a new dataset is like: layout, codec, and making it.

use brickwork_core::Meta;
use hdf5::types::{OwnedDynValue, TypeDescriptor};

use crate::bytes::checked_nbytes;
use crate::codec;
use crate::error::Problem;

/// The format counts the bytes of a chunk in 32 bits.
const MAX_CHUNK: usize = u32::MAX as usize;

/// How the elements of a dataset are laid out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hdf5Layout {
    /// Elements of a chunk along every axis; `None` for one run of bytes.
    pub chunk: Option<Vec<usize>>,
    /// Whether bytes are sorted by their place in the element, which helps compression.
    pub shuffle: bool,
    /// The level of deflate, 0 to 9.
    pub gzip: Option<u8>,
}

impl Hdf5Layout {
    /// Whether chunks are stored otherwise than they are in memory.
    pub(super) fn is_filtered(&self) -> bool {
        self.shuffle || self.gzip.is_some()
    }
}

/// What is done to the chunks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Codec {
    pub shuffle: bool,
    pub gzip: Option<u8>,
}

impl Codec {
    /// By its name among the options.
    pub fn parse(text: Option<&str>) -> Result<Self, Problem> {
        let mut found = Codec::default();
        for step in codec::parse(text.unwrap_or("none"))? {
            match step {
                codec::Codec::Shuffle => found.shuffle = true,
                codec::Codec::Gzip(level) => found.gzip = Some(level.unwrap_or(4)),
                codec::Codec::Zstd(_)
                | codec::Codec::Blosc(..)
                | codec::Codec::Pcodec(_)
                | codec::Codec::Zfp(_) => {
                    let reason = format!(
                        "codec {:?} is one of Zarr; HDF5 files are written with none, gzip:0 … gzip:9, shuffle or \
                         shuffle+gzip:4, which every reader knows",
                        text.unwrap_or_default()
                    );
                    return Err(Problem::Misuse { reason });
                }
            }
        }
        Ok(found)
    }
}

/// Fails unless the format has such a dataset.
pub(super) fn check_layout(meta: &Meta, layout: &Hdf5Layout) -> Result<(), Problem> {
    let misuse = |reason: String| Err(Problem::Misuse { reason });
    if checked_nbytes(&meta.shape, meta.dtype.itemsize()).is_none() {
        return misuse(format!("shape {:?} has more bytes than a machine can count", meta.shape));
    }
    let Some(chunk) = &layout.chunk else {
        if layout.shuffle || layout.gzip.is_some() {
            return misuse("only chunked datasets can be compressed; give chunks".into());
        }
        return Ok(());
    };
    if chunk.len() != meta.ndim()
        || chunk.contains(&0)
        || chunk.iter().zip(&meta.shape).any(|(chunk, len)| chunk > len)
    {
        return misuse(format!("chunks of shape {chunk:?} do not fit an array of shape {:?}", meta.shape));
    }
    match checked_nbytes(chunk, meta.dtype.itemsize()) {
        Some(nbytes) if nbytes <= MAX_CHUNK => Ok(()),
        _ => misuse(format!(
            "chunks of shape {chunk:?} have more than the 4 GiB that HDF5 allows; choose shorter ones"
        )),
    }
}

/// An empty dataset that is to be made.
pub(super) struct NewDataset<'a> {
    pub name: &'a str,
    pub shape: &'a [usize],
    pub file_type: &'a TypeDescriptor,
    pub fill: Option<OwnedDynValue>,
    /// Whether elements without filters get their places now, all at once, rather than when they are written.
    pub at_once: bool,
}

impl NewDataset<'_> {
    /// Makes it, and the groups above it.
    pub fn make(self, file: &hdf5::File, layout: &Hdf5Layout) -> hdf5::Result<hdf5::Dataset> {
        let mut builder = file.new_dataset_builder();
        let at_once = self.at_once && !layout.is_filtered();
        if at_once {
            builder = builder.alloc_time(Some(hdf5::dataset::AllocTime::Early));
        }
        // Every element is written: filling it before would write it twice.
        if at_once || layout.chunk.is_none() {
            builder = builder.fill_time(hdf5::dataset::FillTime::Never);
        }
        builder = match &layout.chunk {
            Some(chunk) => builder.chunk(chunk.as_slice()),
            None => builder.no_chunk(),
        };
        if layout.shuffle {
            builder = builder.shuffle();
        }
        if let Some(level) = layout.gzip {
            builder = builder.deflate(level);
        }
        if let Some(fill) = self.fill {
            builder = builder.fill_value(fill);
        }
        builder.empty_as(self.file_type).shape(self.shape).create(self.name)
    }
}
