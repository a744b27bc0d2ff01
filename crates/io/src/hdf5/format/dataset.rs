//! A dataset: its shape, type and layout, and its bytes.
use std::sync::{Arc, OnceLock};

use super::chunk_index::{ChunkGrid, ChunkIndex, ChunkLocation};
use super::codec;
use super::dataspace::Dataspace;
use super::datatype::{self, Datatype, ElementType};
use super::error::{Outcome, Problem, Result, corrupt, needs_library, unsupported};
use super::fill_value;
use super::filter::{self, Filter};
use super::layout::{self, StoredChunks, StoredLayout};
use super::object_header::{ObjectHeader, kind};
use super::source::Source;
use crate::read_at::Started;

/// Where a dataset's elements are.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layout {
    /// One run of bytes in the file.
    Contiguous {
        /// Offset of its first byte in the file; `None` if nothing was ever written.
        address: Option<u64>,
        /// Its bytes: those of all elements.
        nbytes: usize,
    },
    /// Within the metadata: the bytes of all elements, in the file's byte order.
    Compact(Vec<u8>),
    /// Chunks of equal shape, those at the array's end included.
    Chunked {
        /// Elements of a chunk along each axis.
        chunk: Vec<usize>,
    },
}

/// A dataset of an open file. It may be read from many threads at once.
#[derive(Debug)]
pub struct Dataset {
    /// Elements along each axis; none for a scalar. A null dataspace has one axis of length 0.
    pub shape: Vec<usize>,
    /// The largest length of each axis; `None` if unlimited.
    pub max_shape: Vec<Option<usize>>,
    /// The type of an element.
    pub element: ElementType,
    /// Where the elements are.
    pub layout: Layout,
    /// What was done to each chunk before it was written, in that order.
    pub filters: Vec<Filter>,
    /// The element that stands where nothing was written, in this machine's byte order; `None` means zero.
    pub fill: Option<Vec<u8>>,
    source: Arc<Source>,
    path: Box<str>,
    chunks: Option<Chunks>,
}

#[derive(Debug)]
struct Chunks {
    stored: StoredChunks,
    grid: ChunkGrid,
    nbytes: usize,
    index: OnceLock<ChunkIndex>,
}

impl Dataset {
    pub(super) fn read(source: &Arc<Source>, path: &str, header: &ObjectHeader) -> Outcome<Self> {
        let body = |kind, name: &'static str| {
            header.body(source, kind)?.ok_or_else(|| corrupt("dataset", format!("it has no {name} message")))
        };
        if header.find(kind::EXTERNAL_FILES).is_some() {
            return Err(needs_library(
                "a dataset in external files",
                "rewrite it into this file with h5repack",
            ));
        }
        let space =
            Dataspace::parse(source.cursor("dataspace message", &body(kind::DATASPACE, "dataspace")?))?;
        let type_bytes = body(kind::DATATYPE, "datatype")?;
        let element = match datatype::parse(&mut source.cursor("datatype message", &type_bytes))? {
            Datatype::Element(element) => element,
            Datatype::FixedText { nbytes, .. } => return Err(refused(&format!("text of {nbytes} bytes"))),
            Datatype::VariableText => return Err(refused("variable-length text")),
            Datatype::OddInteger(name) => {
                return Err(needs_library(name, "rewrite the dataset with integers of 1, 2, 4 or 8 bytes"));
            }
            Datatype::Other(name) => return Err(refused(&name)),
        };
        let array_nbytes = space
            .num_elements()?
            .checked_mul(element.size)
            .filter(|&nbytes| isize::try_from(nbytes).is_ok())
            .ok_or_else(|| corrupt("dataset", format!("shape {:?} has too many bytes", space.shape)))?;
        let filters = match header.body(source, kind::FILTERS)? {
            Some(body) => {
                let stored = filter::parse_stored(source.cursor("filter pipeline message", &body))?;
                filter::understand(&stored, element.size)?
            }
            None => Vec::new(),
        };
        let mut fill = fill_value::read(source, header, element.size)?;
        if let Some(fill) = &mut fill {
            element.to_native(fill);
        }
        // A null dataspace has no bytes, and writers may leave its layout out.
        let layout_bytes = header.body(source, kind::LAYOUT)?;
        let stored = match layout_bytes {
            None if space.is_null => StoredLayout::Contiguous { address: None, nbytes: None },
            None => return Err(corrupt("dataset", "it has no layout message")),
            Some(body) => layout::parse(source.cursor("layout message", &body))?,
        };
        let (layout, chunks) = match stored {
            StoredLayout::Compact(bytes) => (compact(bytes, array_nbytes)?, None),
            StoredLayout::Contiguous { address, nbytes } => {
                let address = address.map(|address| source.absolute(address)).transpose()?;
                if let (Some(stored), Some(_)) =
                    (nbytes.filter(|&stored| stored < array_nbytes as u64), address)
                {
                    let detail = format!("{stored} bytes are stored of {array_nbytes}");
                    return Err(corrupt("dataset", detail));
                }
                (Layout::Contiguous { address, nbytes: array_nbytes }, None)
            }
            StoredLayout::Virtual(_) => {
                return Err(needs_library("a virtual dataset", "open the datasets it is made of"));
            }
            StoredLayout::Chunked(stored) => {
                let chunks = chunks(stored, &space, element)?;
                (Layout::Chunked { chunk: chunks.grid.chunk.clone() }, Some(chunks))
            }
        };
        Ok(Self {
            shape: space.shape,
            max_shape: space.max_shape,
            element,
            layout,
            filters,
            fill,
            source: Arc::clone(source),
            path: path.into(),
            chunks,
        })
    }

    /// The dataset's path inside the file, links as they were followed.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Bytes of a whole chunk's elements; `None` if the dataset is not chunked.
    pub fn chunk_nbytes(&self) -> Option<usize> {
        self.chunks.as_ref().map(|chunks| chunks.nbytes)
    }

    /// Bytes that [`Dataset::decode_chunk`] takes of its scratch memory.
    pub fn decode_scratch_nbytes(&self) -> usize {
        self.chunk_nbytes().map_or(0, |nbytes| codec::scratch_nbytes(&self.filters, nbytes))
    }

    /// Where the chunks are. The first call lists them all; the listing is kept.
    ///
    /// # Errors
    /// If the file's index is damaged, or the dataset is not chunked.
    pub fn chunk_index(&self) -> Result<&ChunkIndex> {
        let chunks = self.chunks.as_ref().ok_or_else(|| self.fail(not_chunked()))?;
        if let Some(index) = chunks.index.get() {
            return Ok(index);
        }
        let index = ChunkIndex::read(&self.source, &chunks.stored, &chunks.grid, chunks.nbytes)
            .map_err(|problem| self.fail(problem))?;
        // Two threads may list at once; the first one's listing stays.
        Ok(chunks.index.get_or_init(|| index))
    }

    /// Reads a chunk as it is stored. `encoded` becomes exactly its bytes.
    ///
    /// # Errors
    /// If the file ends before the chunk does, or reading fails.
    pub fn read_encoded_chunk(&self, location: ChunkLocation, encoded: &mut Vec<u8>) -> Result<()> {
        let mut read = || -> Outcome<()> {
            // Checked first: a damaged length must not take memory.
            self.source.check_range("chunk", location.address, location.nbytes as u64)?;
            encoded.resize(location.nbytes, 0);
            Ok(self.source.reader.read_exact_at(encoded, location.address)?)
        };
        read().map_err(|problem| self.fail(problem))
    }

    /// Whether a chunk lies in the file without any filter: whole elements, in the file's byte order.
    pub fn is_plain(&self, location: ChunkLocation) -> bool {
        codec::is_plain(&self.filters, location.filter_mask) && self.chunk_nbytes() == Some(location.nbytes)
    }

    /// Checks that a chunk ends where the file does, or before.
    ///
    /// # Errors
    /// If it does not.
    pub fn check_chunk(&self, location: ChunkLocation) -> Result<()> {
        let checked = self.source.check_range("chunk", location.address, location.nbytes as u64);
        checked.map(|_| ()).map_err(|problem| self.fail(problem))
    }

    /// Reads bytes of the file as they are, from the first byte of a chunk on, those of chunks behind it included.
    ///
    /// # Errors
    /// If the file ends before them, or reading fails.
    pub fn read_encoded(&self, address: u64, out: &mut [u8]) -> Result<()> {
        let read = self.source.check_range("chunk", address, out.len() as u64);
        read.and_then(|_| Ok(self.source.reader.read_exact_at(out, address)?))
            .map_err(|problem| self.fail(problem))
    }

    /// Asks for a chunk as it is stored, without waiting for it; `None` where reads are local.
    ///
    /// # Errors
    /// As [`Dataset::read_encoded_chunk`], now or when it is finished.
    pub fn start_chunk(&self, location: ChunkLocation) -> Option<Result<Box<dyn Started>>> {
        self.start("chunk", location.address, location.nbytes)
    }

    /// Asks for bytes of a contiguous dataset as they are stored, without waiting for them; `None` where reads are local,
    /// and where there are no such bytes in the file.
    ///
    /// # Errors
    /// As [`Dataset::read_bytes`], now or when it is finished.
    pub fn start_bytes(&self, offset: usize, len: usize) -> Option<Result<Box<dyn Started>>> {
        let &Layout::Contiguous { address: Some(address), nbytes } = &self.layout else { return None };
        let is_inside = offset.checked_add(len).is_some_and(|end| end <= nbytes);
        self.start("dataset", address.checked_add(offset as u64).filter(|_| is_inside)?, len)
    }

    fn start(&self, what: &'static str, address: u64, len: usize) -> Option<Result<Box<dyn Started>>> {
        if let Err(problem) = self.source.check_range(what, address, len as u64) {
            return Some(Err(self.fail(problem)));
        }
        let started = self.source.reader.start(address, len)?;
        Some(started.map_err(|error| self.fail(error.into())))
    }

    /// Turns a chunk as stored into its elements, in this machine's byte order.
    ///
    /// `out` has the length [`Dataset::chunk_nbytes`]; `scratch` grows to at most
    /// [`Dataset::decode_scratch_nbytes`].
    ///
    /// # Errors
    /// If the bytes are damaged, or `out` has another length.
    pub fn decode_chunk(
        &self,
        location: ChunkLocation,
        encoded: &[u8],
        out: &mut [u8],
        scratch: &mut Vec<u8>,
    ) -> Result<()> {
        let needed = self.chunk_nbytes().ok_or_else(|| self.fail(not_chunked()))?;
        if out.len() != needed {
            let problem = Problem::BufferLength { what: "the buffer for a chunk", found: out.len(), needed };
            return Err(self.fail(problem));
        }
        codec::decode(&self.filters, location.filter_mask, self.element, encoded, out, scratch)
            .map_err(|problem| self.fail(problem))
    }

    /// Reads a chunk and turns it into elements in this machine's byte order; one stored without filters is read
    /// straight into `out`.
    ///
    /// `out` has the length [`Dataset::chunk_nbytes`]; `encoded` and `scratch` are memory to work in.
    ///
    /// # Errors
    /// As [`Dataset::read_encoded_chunk`] and [`Dataset::decode_chunk`].
    pub fn read_chunk(
        &self,
        location: ChunkLocation,
        out: &mut [u8],
        encoded: &mut Vec<u8>,
        scratch: &mut Vec<u8>,
    ) -> Result<()> {
        let is_plain = codec::is_plain(&self.filters, location.filter_mask);
        if is_plain && location.nbytes == out.len() && self.chunk_nbytes() == Some(out.len()) {
            let read = self.source.check_range("chunk", location.address, location.nbytes as u64);
            read.and_then(|_| Ok(self.source.reader.read_exact_at(out, location.address)?))
                .map_err(|problem| self.fail(problem))?;
            self.element.to_native(out);
            return Ok(());
        }
        self.read_encoded_chunk(location, encoded)?;
        self.decode_chunk(location, encoded, out, scratch)
    }

    /// Fills `out` with bytes of a chunk that was stored without filters, from byte `offset` of it on, in this machine's
    /// order.
    ///
    /// Offset and length are multiples of the element's size.
    ///
    /// # Errors
    /// If the file or the chunk ends early, or reading fails.
    pub fn read_chunk_bytes(&self, location: ChunkLocation, offset: usize, out: &mut [u8]) -> Result<()> {
        let mut read = || -> Outcome<()> {
            let needed = self.chunk_nbytes().ok_or_else(not_chunked)?;
            if location.nbytes != needed {
                return Err(Problem::BufferLength { what: "the chunk", found: location.nbytes, needed });
            }
            let end = offset.checked_add(out.len()).filter(|&end| end <= needed);
            if end.is_none() {
                let needed = needed.saturating_sub(offset);
                return Err(Problem::BufferLength { what: "the range to read", found: out.len(), needed });
            }
            let start = location.address.saturating_add(offset as u64);
            self.source.check_range("chunk", start, out.len() as u64)?;
            self.source.reader.read_exact_at(out, start)?;
            self.element.to_native(out);
            Ok(())
        };
        read().map_err(|problem| self.fail(problem))
    }

    /// Fills `out` with bytes of a contiguous or compact dataset from byte `offset` on, in this machine's order.
    ///
    /// Offset and length are multiples of the element's size. Where nothing was written, the fill value stands.
    ///
    /// # Errors
    /// If the file ends early, reading fails, the range leaves the dataset, or the dataset is chunked.
    pub fn read_bytes(&self, offset: usize, out: &mut [u8]) -> Result<()> {
        self.try_read_bytes(offset, out).map_err(|problem| self.fail(problem))
    }

    fn try_read_bytes(&self, offset: usize, out: &mut [u8]) -> Outcome<()> {
        let (len, size) = (out.len(), self.element.size);
        let end = offset.checked_add(len).filter(|_| offset.is_multiple_of(size) && len.is_multiple_of(size));
        let outside = |needed| Problem::BufferLength { what: "the range to read", found: len, needed };
        match &self.layout {
            Layout::Chunked { .. } => {
                return Err(unsupported("a chunked dataset as one run of bytes", "read its chunks"));
            }
            Layout::Compact(bytes) => {
                let part = end.and_then(|end| bytes.get(offset..end));
                out.copy_from_slice(part.ok_or_else(|| outside(bytes.len().saturating_sub(offset)))?);
            }
            &Layout::Contiguous { address, nbytes } => {
                end.filter(|&end| end <= nbytes).ok_or_else(|| outside(nbytes.saturating_sub(offset)))?;
                let Some(address) = address else {
                    self.fill_with_default(out);
                    return Ok(());
                };
                let start = address
                    .checked_add(offset as u64)
                    .ok_or_else(|| corrupt("dataset", "its address is out of range"))?;
                self.source.check_range("dataset", start, len as u64)?;
                self.source.reader.read_exact_at(out, start)?;
            }
        }
        self.element.to_native(out);
        Ok(())
    }

    /// Fills whole elements with the fill value.
    pub fn fill_with_default(&self, out: &mut [u8]) {
        match &self.fill {
            None => out.fill(0),
            Some(fill) => out.chunks_exact_mut(fill.len()).for_each(|element| element.copy_from_slice(fill)),
        }
    }

    /// Adds file and object to a problem.
    fn fail(&self, problem: Problem) -> super::error::Hdf5Error {
        problem.at(&self.source.name, &self.path)
    }
}

fn refused(name: &str) -> Problem {
    unsupported(
        format!("datatype '{name}'"),
        "integers of 1 to 8 bytes, floats of 2 to 8 bytes, h5py's bool and complex numbers can",
    )
}

fn not_chunked() -> Problem {
    unsupported("a dataset without chunks by its chunks", "read its bytes")
}

fn compact(bytes: Vec<u8>, array_nbytes: usize) -> Outcome<Layout> {
    // An array that was never written may have no bytes at all.
    if bytes.is_empty() && array_nbytes > 0 {
        return Ok(Layout::Contiguous { address: None, nbytes: array_nbytes });
    }
    let found = bytes.len();
    let mut bytes = bytes;
    if found < array_nbytes {
        return Err(corrupt("dataset", format!("{found} bytes are stored of {array_nbytes}")));
    }
    bytes.truncate(array_nbytes);
    Ok(Layout::Compact(bytes))
}

fn chunks(stored: StoredChunks, space: &Dataspace, element: ElementType) -> Outcome<Chunks> {
    let too_long =
        || corrupt("layout message", format!("chunks of {:?} elements and, last, bytes", stored.lengths));
    let lengths = stored.lengths.iter().map(|&n| usize::try_from(n)).collect::<Result<Vec<_>, _>>();
    let lengths = lengths.map_err(|_| too_long())?;
    let Some((&element_nbytes, chunk)) = lengths.split_last() else { return Err(too_long()) };
    if element_nbytes != element.size {
        let detail = format!("chunks have elements of {element_nbytes} bytes, the type has {}", element.size);
        return Err(corrupt("layout message", detail));
    }
    let nbytes = lengths
        .iter()
        .try_fold(1_usize, |product, &n| product.checked_mul(n))
        .filter(|&nbytes| isize::try_from(nbytes).is_ok())
        .ok_or_else(too_long)?;
    let grid = ChunkGrid::new(&space.shape, &space.max_shape, chunk)?;
    Ok(Chunks { stored, grid, nbytes, index: OnceLock::new() })
}
