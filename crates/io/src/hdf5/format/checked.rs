//! What is checked of a dataset before the HDF5 library gets it: that ends the process where a damaged file leads it
//! astray, and much of what leads it is found by a reader that believes nothing.
use super::checksum::lookup3;
use super::chunk_index::{ChunkGrid, ChunkIndex};
use super::dataspace::Dataspace;
use super::error::{Outcome, Result, corrupt};
use super::file::File;
use super::global_heap::GlobalHeap;
use super::layout::{self, StoredLayout};
use super::object_header::{ObjectHeader, kind};
use super::parts::{self, Part};
use super::survey::Survey;

impl File {
    /// Checks the metadata of a dataset that this reader does not read: shape, type, filters, layout, and where its chunks
    /// are. Nothing is said about what is in the chunks. Gives back the datasets, mostly of other files, that a virtual one
    /// is made of: these are not looked at.
    ///
    /// # Errors
    /// If something is damaged.
    pub fn check_dataset(&self, path: &str) -> Result<Vec<Part>> {
        let mut survey = Survey::new(self);
        let object = survey.object(path)?;
        survey.summary(&object)?;
        survey.attributes(&object)?;
        let check = || match Survey::identity(&object) {
            Some(address) => self.check_layout(&ObjectHeader::read(&self.source, address)?),
            None => Ok(Vec::new()),
        };
        check().map_err(|problem| problem.at(&self.source.name, path))
    }

    fn check_layout(&self, header: &ObjectHeader) -> Outcome<Vec<Part>> {
        let source = &*self.source;
        let body = |kind, name: &'static str| {
            header.body(source, kind)?.ok_or_else(|| corrupt("dataset", format!("it has no {name} message")))
        };
        let layout = body(kind::LAYOUT, "layout")?;
        let stored = match layout::parse(source.cursor("layout message", &layout))? {
            StoredLayout::Chunked(stored) => stored,
            StoredLayout::Virtual(Some((address, number))) => {
                let mut heap = GlobalHeap::new(source);
                let parts = checked_parts(heap.object_for_library(address, number)?)?;
                return parts::parse(source.cursor("list of a virtual dataset's parts", parts));
            }
            _ => return Ok(Vec::new()),
        };
        let space =
            Dataspace::parse(source.cursor("dataspace message", &body(kind::DATASPACE, "dataspace")?))?;
        let lengths: Vec<usize> = stored.lengths.iter().map(|&len| len as usize).collect();
        let nbytes = lengths.iter().try_fold(1_usize, |product, &len| product.checked_mul(len));
        let (Some(nbytes), Some((_, chunk))) = (nbytes, lengths.split_last()) else {
            return Err(corrupt(
                "layout message",
                format!("chunks of {lengths:?} elements and, last, bytes"),
            ));
        };
        let grid = ChunkGrid::new(&space.shape, &space.max_shape, chunk)?;
        for (_, chunk) in ChunkIndex::read(source, &stored, &grid, nbytes)?.stored() {
            source.check_range("chunk", chunk.address, chunk.nbytes as u64)?;
        }
        Ok(Vec::new())
    }
}

/// The list of what a virtual dataset is made of, without its checksum, if it is as it was written.
fn checked_parts(list: &[u8]) -> Outcome<&[u8]> {
    match list.split_last_chunk::<4>() {
        Some((parts, checksum)) if lookup3(parts) == u32::from_le_bytes(*checksum) => Ok(parts),
        _ => Err(corrupt("virtual dataset", "the checksum of the list of its parts is another")),
    }
}
