//! A store that is only planned with.

use crate::block::Block;
use crate::chunks::ChunkGrid;
use crate::error::{Error, Result};
use crate::expr::Meta;
use crate::region::Region;
use crate::source::Sink;

/// Stands for a store while a plan is made that nobody runs: it takes any region, and cannot be written.
#[derive(Debug, Clone, Copy, Default)]
pub struct ImaginedStore;

impl Sink for ImaginedStore {
    fn uri(&self) -> String {
        "a store".into()
    }

    fn create(&self, _meta: &Meta) -> Result<ChunkGrid> {
        Err(never())
    }

    fn grid(&self, meta: &Meta) -> Result<ChunkGrid> {
        Ok(ChunkGrid::regular(&meta.shape, &vec![1; meta.ndim()]))
    }

    fn write(&self, _region: &Region, _block: &Block) -> Result<()> {
        Err(never())
    }

    fn commit(&self) -> Result<()> {
        Err(never())
    }

    fn abort(&self) {}
}

fn never() -> Error {
    Error::Bug { what: "what was only planned was run".into() }
}
