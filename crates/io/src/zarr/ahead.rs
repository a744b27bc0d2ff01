//! Chunks that are asked for before they are needed: from object stores, and from the objects that references lead to.

use std::ops::Range;
use std::sync::Arc;

use brickwork_core::{Granule, Pending, Region, ViewMut};

use super::references::{Distant, References};
use super::shard::{Index, Shards};
use super::source::{OpenArray, ZarrSource, fill};
use super::store::Store;
use crate::bytes::fill_dense;
use crate::cloud::{Fetch, Located, Place, Stored};
use crate::error::{Problem, Result};
use crate::strided_file::read_region;

/// Of a chunk without codecs, the run that holds what is wanted is fetched, if it is at most so many times as long.
const MOST_UNWANTED: usize = 4;

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
            (Store::References(references), None) => {
                return Ok(self.fetch_referred(&array, references, at, in_chunk)?);
            }
            _ => return Ok(None),
        };
        let fetch = fetch.map_err(|problem| problem.at(&self.uri))?;
        let read = FetchedChunk { source: self.clone(), array: array.clone(), at, in_chunk, fetch };
        Ok(Some(Box::new(read)))
    }

    /// Asks for a chunk, or the wanted part of it, in an object that a reference leads to; `None` if it leads elsewhere.
    fn fetch_referred(
        &self,
        array: &Arc<OpenArray>,
        references: &Arc<References>,
        at: Vec<usize>,
        in_chunk: Region,
    ) -> Result<Option<Box<dyn Pending>>> {
        let key = array.key(&at);
        let failed = |problem: Problem| problem.at(&self.uri);
        let Some(distant) = references.distant(&key).map_err(failed)? else { return Ok(None) };
        let (shape, item) = (self.grid.stored_shape(&at), self.dtype.itemsize());
        let mut part = 0..distant.len;
        if array.layout.raw_fix(self.dtype).is_some() {
            self.check_raw(&at, distant.len)?;
            let run = run_of(&shape, item, &in_chunk);
            if run.end - run.start <= MOST_UNWANTED * in_chunk.size() * item {
                part = run.start as u64..run.end as u64;
            } else if in_chunk.size() * item < distant.len as usize / MOST_UNWANTED {
                // Little of a chunk, in many places: it is read where it lies.
                return Ok(None);
            }
        }
        let first = part.start as usize;
        let fetch = distant.fetch(part).map_err(failed)?;
        let read = FetchedPart {
            chunk: FetchedChunk { source: self.clone(), array: array.clone(), at, in_chunk, fetch },
            references: references.clone(),
            distant,
            first,
        };
        Ok(Some(Box::new(read)))
    }
}

/// The bytes of a chunk from the first to the last element of a region.
fn run_of(shape: &[usize], item: usize, region: &Region) -> Range<usize> {
    let (mut first, mut last) = (0, 0);
    for (&len, range) in shape.iter().zip(region.axes()) {
        let (low, high) = range.bounds();
        (first, last) = (first * len + low, last * len + high - 1);
    }
    first * item..(last + 1) * item
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
        self.shards()?.index_range(&self.shard, len).map_err(|reason| Problem::corrupt("a shard", reason))
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

/// A chunk, or a part of one from byte `first` on, in an object that a reference leads to.
struct FetchedPart {
    chunk: FetchedChunk,
    references: Arc<References>,
    distant: Distant,
    first: usize,
}

impl Pending for FetchedPart {
    fn finish(self: Box<Self>, into: ViewMut<'_>) -> brickwork_core::Result<()> {
        let FetchedPart { chunk, references, distant, first } = *self;
        let FetchedChunk { source, array, at, in_chunk, fetch } = chunk;
        let found = fetch.finish().and_then(|stored| references.arrived(&distant, stored));
        let stored = found.map_err(|problem| source.broken(&at, problem.to_string()))?;
        let Some(fix) = array.layout.raw_fix(source.dtype) else {
            let read = |out: &mut [u8]| source.decode(&array, &at, stored, &in_chunk, out);
            return fill_dense(into, read).map_err(Into::into);
        };
        let (shape, item) = (source.grid.stored_shape(&at), source.dtype.itemsize());
        let mut read = |offset: usize, buffer: &mut [u8]| {
            let part = offset.checked_sub(first).and_then(|start| stored.get(start..start + buffer.len()));
            buffer.copy_from_slice(part.ok_or_else(|| source.broken(&at, "the answer is too short".into()))?);
            fix.apply(buffer);
            Ok(())
        };
        fill_dense(into, |out| read_region(&mut read, &shape, item, &in_chunk, out)).map_err(Into::into)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use brickwork_core::{AxisRange, ChunkSpec, DType, Kind};
    use brickwork_testkit::{FaultyStore, Meets};
    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;

    use super::*;
    use crate::cloud::register;
    use crate::options::SinkOptions;
    use crate::test_support::{read, sample, store};

    /// An array in a directory, its chunks put one after another into one object, and references to them there.
    fn referred(name: &str, codec: &str, chunk: [usize; 2]) -> (tempfile::TempDir, String, Arc<FaultyStore>) {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("x.zarr");
        let options = SinkOptions {
            codec: Some(codec.into()),
            chunks: Some(ChunkSpec::from(chunk)),
            ..SinkOptions::default()
        };
        let block = sample(DType::F64, &[40, 50]);
        store(&*crate::create(root.to_str().unwrap(), &options).unwrap(), &block, &[1, 1]);
        let mut refs = serde_json::Map::new();
        let mut bytes = vec![0; 7];
        let metadata = std::fs::read_to_string(root.join("zarr.json")).unwrap();
        refs.insert("zarr.json".into(), metadata.into());
        for y in 0..40_usize.div_ceil(chunk[0]) {
            for x in 0..50_usize.div_ceil(chunk[1]) {
                let key = format!("c/{y}/{x}");
                let stored = std::fs::read(root.join(&key)).unwrap();
                let place = format!("memory://{name}/data.bin");
                refs.insert(key, serde_json::json!([place, bytes.len(), stored.len()]));
                bytes.extend(stored);
            }
        }
        let inner = Arc::new(InMemory::new());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(inner.put(&"data.bin".into(), bytes.into())).unwrap();
        let slow = FaultyStore::new(inner, Duration::from_millis(20), |_, _| Meets::Nothing);
        register(&format!("memory://{name}"), slow.clone()).unwrap();
        let place = directory.path().join("refs.json");
        std::fs::write(&place, serde_json::Value::Object(refs).to_string()).unwrap();
        let place = place.to_str().unwrap().to_owned();
        (directory, place, slow)
    }

    #[test]
    fn chunks_behind_references_are_asked_for_side_by_side_in_one_request_each() {
        for (name, codec) in [("refs-zstd", "zstd"), ("refs-raw", "none")] {
            let (_directory, place, slow) = referred(name, codec, [10, 10]);
            let source = crate::open(&place).unwrap();
            let whole = Region::full(&[40, 50]);
            let Kind::Source(source) = source.kind() else { panic!() };
            assert!(source.reads_ahead());
            let granules = source.plan_read(&whole).unwrap();
            assert_eq!((granules.len(), slow.requests()), (20, 0), "planning asks for nothing");
            let pending: Vec<_> =
                granules.iter().map(|granule| source.start_ahead(granule).unwrap().unwrap()).collect();
            let expected = sample(DType::F64, &[40, 50]);
            for (granule, pending) in granules.iter().zip(pending) {
                let mut block = brickwork_core::BlockMut::zeroed(DType::F64, &granule.region.shape());
                pending.finish(block.view_mut()).unwrap();
                let part = expected.slice(&granule.region).to_dense(None);
                assert_eq!(block.freeze().as_bytes(), part.as_bytes(), "{codec} {}", granule.region);
            }
            assert_eq!(slow.requests(), 20, "{codec}");
            assert!(slow.most_under_way() >= 10, "{codec}: {}", slow.most_under_way());
        }
    }

    #[test]
    fn parts_of_long_chunks_without_codecs_are_fetched_as_one_run() {
        let (_directory, place, slow) = referred("refs-long", "none", [40, 50]);
        let source = crate::open(&place).unwrap();
        let Kind::Source(reader) = source.kind() else { panic!() };
        let expected = sample(DType::F64, &[40, 50]);
        for region in [
            Region::new(vec![AxisRange::new(3, 2), AxisRange::new(0, 50)]),
            Region::new(vec![AxisRange::at(39), AxisRange::stepped(1, 5, 3)]),
        ] {
            let granule = Granule {
                key: None,
                decoded_bytes: region.size() * 8,
                encoded_bytes: region.size() * 8,
                scratch_bytes: 0,
                region: region.clone(),
            };
            let before = slow.requests();
            let mut block = brickwork_core::BlockMut::zeroed(DType::F64, &region.shape());
            reader.start_ahead(&granule).unwrap().unwrap().finish(block.view_mut()).unwrap();
            assert_eq!(
                block.freeze().as_bytes(),
                expected.slice(&region).to_dense(None).as_bytes(),
                "{region}"
            );
            assert_eq!(slow.requests() - before, 1);
        }
    }

    #[test]
    fn what_is_not_there_or_has_changed_is_told() {
        let (directory, place, _) = referred("refs-gone", "none", [40, 50]);
        let text = std::fs::read_to_string(&place).unwrap();
        let other = directory.path().join("other.json");
        std::fs::write(&other, text.replace("data.bin", "gone.bin")).unwrap();
        let source = crate::open(other.to_str().unwrap()).unwrap();
        let error = read(&*source, &Region::full(&[40, 50])).unwrap_err().to_string();
        assert!(error.contains("chunk [0, 0]") && error.contains("gone.bin"), "{error}");
        std::fs::write(&other, text.replace(",7,16000]", ",900,16000]")).unwrap();
        let source = crate::open(other.to_str().unwrap()).unwrap();
        let error = read(&*source, &Region::full(&[40, 50])).unwrap_err().to_string();
        assert!(error.contains("chunk [0, 0]"), "{error}");
    }
}
