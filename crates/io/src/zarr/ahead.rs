//! Chunks that are asked for before they are needed, from object stores.

use std::ops::Range;
use std::sync::Arc;

use brickwork_core::{Granule, Pending, Region, ViewMut};

use super::shard::{Index, Shards};
use super::source::{OpenArray, ZarrSource, fill};
use super::store::Store;
use crate::bytes::fill_dense;
use crate::cloud::{Fetch, Located, Place, Stored};
use crate::error::{Problem, Result};

impl ZarrSource {
    /// Asks for what a granule needs, if that takes a request.
    pub(super) fn fetch(&self, granule: &Granule) -> brickwork_core::Result<Option<Box<dyn Pending>>> {
        let array = self.array()?;
        if granule.region.is_empty() {
            return Ok(None);
        }
        let (at, in_chunk) = self.place(&granule.region);
        let fetch = match (&array.store, &array.shards) {
            (Store::Remote(remote), None) => remote.fetch(&array.key(&at), None),
            (Store::Remote(remote), Some(shards)) => {
                let (shard, number) = shards.place(&at);
                let part = PartOfShard { array: array.clone(), shard, number };
                remote.fetch_part(&array.key(&at), part)
            }
            _ => return Ok(None),
        };
        let fetch = fetch.map_err(|problem| problem.at(&self.uri))?;
        let read = FetchedChunk { source: self.clone(), array: array.clone(), at, in_chunk, fetch };
        Ok(Some(Box::new(read)))
    }
}

/// A chunk in a shard, found by the shard's index.
struct PartOfShard {
    array: Arc<OpenArray>,
    shard: Vec<usize>,
    number: usize,
}

impl PartOfShard {
    fn shards(&self) -> Result<&Shards, Problem> {
        let none = || Problem::Misuse { reason: "a chunk of a shard in an array without shards".into() };
        self.array.shards.as_ref().ok_or_else(none)
    }

    fn found(&self, index: &Index) -> Result<Place, Problem> {
        let range = index.range(self.number).map_err(|reason| Problem::corrupt("a shard", reason))?;
        Ok(Place { range, stamp: index.stamp })
    }
}

impl Located for PartOfShard {
    fn known(&self) -> Result<Option<Place>, Problem> {
        self.shards()?.known(&self.shard).map(|index| self.found(&index)).transpose()
    }

    fn index(&self, len: u64) -> Result<Range<u64>, Problem> {
        self.shards()?.index_range(len).map_err(|reason| Problem::corrupt("a shard", reason))
    }

    fn learn(&self, index: Stored) -> Result<Place, Problem> {
        let index = self.shards()?.learn(&self.shard, index.bytes, index.stamp);
        self.found(&*index.map_err(|reason| Problem::corrupt("a shard", reason))?)
    }

    fn forget(&self) {
        if let Some(shards) = &self.array.shards {
            shards.forget(&self.shard);
        }
    }
}

/// A chunk that has been asked for.
struct FetchedChunk {
    source: ZarrSource,
    array: Arc<OpenArray>,
    at: Vec<usize>,
    in_chunk: Region,
    fetch: Fetch,
}

impl Pending for FetchedChunk {
    fn finish(self: Box<Self>, into: ViewMut<'_>) -> brickwork_core::Result<()> {
        let FetchedChunk { source, array, at, in_chunk, fetch } = *self;
        let stored = fetch.finish().map_err(|problem| source.broken(&at, problem.to_string()))?;
        let read = |out: &mut [u8]| match stored {
            Some(stored) => source.decode(&array, &at, stored.bytes, &in_chunk, out),
            None => {
                fill(out, array.codecs.fill_value());
                Ok(())
            }
        };
        fill_dense(into, read).map_err(Into::into)
    }
}
