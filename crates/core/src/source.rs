//! What regions are read from, and what they are written to.

use std::fmt::Debug;
use std::path::PathBuf;

use crate::block::{Block, ViewMut};
use crate::chunks::ChunkGrid;
use crate::error::Result;
use crate::expr::Meta;
use crate::origin::Origin;
use crate::region::Region;

/// Something that regions are read from. It is the operation of a leaf of the expression, so it serialises as its
/// description and is opened again where it is read.
pub trait Source: Debug + Send + Sync {
    /// Where it is, for messages: a URI, or a name.
    fn uri(&self) -> String;

    /// The values of a region that are in memory already. Costs nothing: no copy, no read.
    fn borrow(&self, _region: &Region) -> Option<Block> {
        None
    }

    /// The granules (chunks decoded together, or runs of bytes) that hold a region of rising steps, each once.
    fn plan_read(&self, region: &Region) -> Result<Vec<Granule>>;

    /// Starts reading a granule. What waits for a network is started here; what reads a local file happens in
    /// [`Pending::finish`].
    fn start(&self, granule: &Granule) -> Result<Box<dyn Pending + '_>>;

    /// Starts reading all granules of a region at once, each straight to its place in the region. For regions made of
    /// whole granules that are so small that what is done for each of them takes longer than reading it; `None` for
    /// others. It is asked for only where no granule is needed again.
    fn start_together(&self, _region: &Region) -> Result<Option<Together<'_>>> {
        Ok(None)
    }

    /// Whether reads wait for a network, and so are best started before their values are needed.
    fn reads_ahead(&self) -> bool {
        false
    }

    /// Starts reading a granule that will be needed soon. What is given is finished by another task, maybe in another
    /// thread, or dropped; until then it may hold the granule's encoded bytes. `None` if starting early gains nothing.
    fn start_ahead(&self, _granule: &Granule) -> Result<Option<Box<dyn Pending>>> {
        Ok(None)
    }

    /// The grid that reads should keep to: edges at which nothing is decoded twice. `None` if any region costs its
    /// size.
    fn granule_grid(&self) -> Option<ChunkGrid> {
        None
    }

    /// Where any region costs its size: the chunks at whose edges runs of bytes end, so that a read that crosses them
    /// is made of more and shorter runs. `None` if there are none.
    fn run_grid(&self) -> Option<ChunkGrid> {
        None
    }

    /// Where any region costs its size: how elements lie one after the other, and how many a read should want at least.
    /// `None` if they lie in C order, and any number will do.
    fn contiguous(&self) -> Option<Runs> {
        None
    }

    /// What tells its present state from others: length, time of the last change, tag. `None` if it cannot change.
    fn version(&self) -> Option<String> {
        None
    }
}

/// How the elements of a source lie one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Runs {
    /// Whether the first axis is the fastest (Fortran order), rather than the last (C order).
    pub fortran: bool,
    /// To read fewer elements side by side than this takes as long.
    pub least: usize,
}

/// A part of a source that is read in one go.
#[derive(Debug, Clone)]
pub struct Granule {
    /// Tells granules of a source apart, for the cache; `None` if it is read for one region alone.
    pub key: Option<u64>,
    /// The elements it delivers.
    pub region: Region,
    /// Bytes read.
    pub encoded_bytes: usize,
    /// Bytes of the decoded elements.
    pub decoded_bytes: usize,
    /// Bytes needed besides while decoding.
    pub scratch_bytes: usize,
}

/// Granules that are read at once: see [`Source::start_together`].
pub struct Together<'a> {
    /// How many.
    pub granules: usize,
    /// Bytes read for all of them.
    pub encoded_bytes: usize,
    /// Gives the elements of their region. It needs no more memory than all the granules decoded, and what the largest of
    /// them takes to be decoded.
    pub pending: Box<dyn Pending + 'a>,
}

impl Debug for Together<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Together({} granules, {} bytes)", self.granules, self.encoded_bytes)
    }
}

/// A read that has been started.
pub trait Pending: Send {
    /// Waits, decodes and writes the elements of the granule's region.
    fn finish(self: Box<Self>, into: ViewMut<'_>) -> Result<()>;
}

/// Makes values from their positions alone: ranges, constants, random numbers.
pub trait Generator: Debug + Send + Sync {
    /// Writes the elements of a region of rising steps, dense in C order.
    fn fill(&self, meta: &Meta, region: &Region, out: ViewMut<'_>) -> Result<()>;

    /// Writes them with the axes in another order, as `numpy.transpose(values, axes)` has them: for those who read them
    /// that way round. `false`, and nothing is written, where that is no quicker than turning them afterwards.
    ///
    /// # Errors
    /// As [`Generator::fill`].
    fn fill_turned(
        &self,
        _meta: &Meta,
        _region: &Region,
        _axes: &[usize],
        _out: ViewMut<'_>,
    ) -> Result<bool> {
        Ok(false)
    }
}

/// Something that regions are written to.
///
/// A run calls `create` once, `write` from several threads for regions that do not overlap and together cover the
/// array (but for what [`Sink::is_whole`]), then `commit` once; or `abort` if anything failed. Until `commit` has
/// returned, no reader may take what is there for a whole array.
pub trait Sink: Debug + Send + Sync {
    /// Where it is, for messages.
    fn uri(&self) -> String;

    /// The local directory it lies in, if it does: a good place for spill files.
    fn directory(&self) -> Option<PathBuf> {
        None
    }

    /// Makes ready for an array. Says on which grid writes must lie: every write is made of whole cells of it.
    fn create(&self, meta: &Meta) -> Result<ChunkGrid>;

    /// [`Sink::create`], with word of what is going to be written: a sink that can continue what a killed run has left
    /// compares that with what it finds.
    fn create_from(&self, meta: &Meta, _origin: &Origin) -> Result<ChunkGrid> {
        self.create(meta)
    }

    /// Whether an earlier run, which this one continues, has left a region whole; it need not be written then. Asked
    /// after [`Sink::create_from`], and always answered in the same way: what this run writes does not count.
    fn is_whole(&self, _region: &Region) -> bool {
        false
    }

    /// The grid that [`Sink::create`] will answer, for planning, without touching anything.
    fn grid(&self, meta: &Meta) -> Result<ChunkGrid>;

    /// Writes a region of whole grid cells.
    fn write(&self, region: &Region, block: &Block) -> Result<()>;

    /// What writes regions from other processes, between [`Sink::create`] and [`Sink::commit`]; `None` if all must be
    /// handed to this one, in this process.
    fn writer(&self) -> Option<Box<dyn SinkWriter>> {
        None
    }

    /// Publishes the whole array.
    fn commit(&self) -> Result<()>;

    /// Every sink of the run has been committed: what was kept in case the run is killed before that may go.
    fn settle(&self) {}

    /// Removes what was written.
    fn abort(&self);

    /// What a failed run has destroyed beside its own work, for messages; asked after [`Sink::abort`].
    fn lost(&self) -> Option<String> {
        None
    }
}

/// Writes regions of an array that a [`Sink`] in another process has created and will commit.
///
/// The same region may be written again with the same values, from another process too: when one dies, what it had
/// under way is done again.
#[typetag::serde(tag = "type")]
pub trait SinkWriter: Debug + Send + Sync {
    /// Writes a region of whole grid cells.
    ///
    /// # Errors
    /// If the place is full, or fails.
    fn write(&self, region: &Region, block: &Block) -> Result<()>;
}
