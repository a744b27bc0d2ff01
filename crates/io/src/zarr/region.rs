//! Writing into a part of a Zarr array.

use std::fs;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use brickwork_core::{AxisRange, Block, BlockMut, ChunkGrid, Meta, Region, Scalar, Sink, ViewMut};
use parking_lot::Mutex;

use super::adapter::Codecs;
use super::grid::StoredGrid;
use super::hierarchy::{Node, children, find};
use super::metadata::Layout;
use super::store::Store;
#[cfg(feature = "cloud")]
use super::store::join;
use crate::bytes::padded;
use crate::chunk_walk::{TouchedChunk, touched_chunks};
#[cfg(feature = "cloud")]
use crate::cloud::Remote;
use crate::error::{Problem, Result};
use crate::options::SinkOptions;
use crate::uri::Location;
use crate::write_checks::{check_region, check_write, not_created, refuse_layout_options, region_grid};

/// Chunks that are read, changed and written again are locked by what their path hashes to, so that sinks for several
/// regions of one array do not undo each other's work.
static LOCKS: [Mutex<()>; 64] = [const { Mutex::new(()) }; 64];

static NEXT: AtomicU64 = AtomicU64::new(0);

/// Writes an array into a part of an existing Zarr array; the elements outside it stay.
///
/// Every chunk (every shard, where there are any) is replaced in one step: in a directory it is written beside its place
/// and renamed, in an object store it is one object. A run that fails or is killed leaves each chunk either as it was or
/// as it should be.
#[derive(Debug)]
pub struct ZarrRegionSink {
    location: Location,
    region: Region,
    array: Arc<Existing>,
    writing: Mutex<Option<Meta>>,
}

#[derive(Debug)]
struct Existing {
    chunks: Chunks,
    grid: StoredGrid,
    shape: Vec<usize>,
    codecs: Codecs,
}

impl ZarrRegionSink {
    /// A sink for a region of rising steps.
    ///
    /// # Errors
    /// If there is no array that can be read, or options are given that only a new array takes.
    pub(crate) fn new(
        location: Location,
        region: &Region,
        options: &SinkOptions,
    ) -> brickwork_core::Result<Self> {
        let fail = |problem: Problem| problem.at(&location.uri);
        refuse_layout_options(options).map_err(fail)?;
        let array = Existing::open(&location).map_err(fail)?;
        Ok(ZarrRegionSink {
            region: region.clone(),
            array: Arc::new(array),
            writing: Mutex::new(None),
            location,
        })
    }

    fn try_write(&self, place: &Region, block: &Block) -> Result<()> {
        let fail = |problem: Problem| problem.at(&self.location.uri);
        let Some(meta) = self.writing.lock().clone() else { return Err(fail(not_created())) };
        check_write(&meta, place, block).map_err(fail)?;
        let region = self.region.compose(place);
        for touched in touched_chunks(&self.array.grid.chunks, &region) {
            let positions = touched.wanted.axes().iter().zip(region.axes()).map(|(wanted, region)| {
                AxisRange::new(region.position(wanted.start).unwrap_or(0), wanted.len)
            });
            let part = block.slice(&Region::from_iter(positions));
            self.array.update(&touched, &part).map_err(fail)?;
        }
        Ok(())
    }
}

impl Existing {
    fn open(location: &Location) -> Result<Self, Problem> {
        let store = Store::open(&location.absolute_path())?;
        let (prefix, node) = find(&store, &location.inner)?;
        let Node::Array { version, metadata, .. } = node else {
            let children = children(&store, &prefix);
            return Err(Problem::IsGroup { group: location.inner.clone(), children });
        };
        let chunks = match store {
            Store::Directory(root) => Chunks::Directory(root.join(prefix)),
            Store::Zip(_) => {
                let reason = "is a zip file; a part of an array cannot be written into one";
                return Err(Problem::Misuse { reason: reason.into() });
            }
            Store::References(_) => {
                let reason = "is a reference file; a part of an array cannot be written through it";
                return Err(Problem::Misuse { reason: reason.into() });
            }
            #[cfg(feature = "cloud")]
            Store::Remote(_) => {
                let url = location.url.as_deref().unwrap_or_default();
                Chunks::Remote(super::object_sink::writable(url, "a part of a Zarr array")?, prefix)
            }
        };
        let layout = Layout::parse(&metadata, version)?;
        let codecs = Codecs::new(metadata, version, &layout.chunk)?;
        layout.check_size(codecs.dtype())?;
        Ok(Existing { chunks, grid: layout.grid, shape: layout.shape, codecs })
    }

    /// Puts elements into a chunk.
    fn update(&self, touched: &TouchedChunk, part: &Block) -> Result<(), Problem> {
        let broken = |reason: String| Problem::Chunk { chunk: touched.at.clone(), reason };
        let key = self.codecs.chunk_key(&touched.at);
        let shape = self.grid.stored_shape(&touched.at);
        let encode = |whole: &Block| {
            let encoded = self.codecs.encode(whole.as_bytes().unwrap_or_default(), &shape);
            encoded.map_err(|error| broken(format!("cannot be encoded: {error}")))
        };
        if touched.wanted == touched.region {
            return self.chunks.replace(&key, encode(&padded(part, &shape))?, &touched.at);
        }
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one((self.chunks.place(), &key));
        let _alone = LOCKS[hash as usize % LOCKS.len()].lock();
        let mut whole = BlockMut::zeroed(self.codecs.dtype(), &shape);
        match self.chunks.read(&key, &touched.at)? {
            Some(encoded) => {
                let elements = self.codecs.decode_as(encoded, &shape);
                let elements = elements.map_err(|error| broken(format!("damaged: {error}")))?;
                whole.bytes_mut().copy_from_slice(&elements);
            }
            None => self.fill(whole.view_mut()),
        }
        let inside =
            touched.wanted.axes().iter().zip(touched.region.axes()).map(|(wanted, chunk)| {
                AxisRange::stepped(wanted.start - chunk.start, wanted.len, wanted.step)
            });
        whole.slice_mut(&Region::from_iter(inside)).assign(part);
        self.chunks.replace(&key, encode(&whole.freeze())?, &touched.at)
    }

    /// Fills a chunk that was never written.
    fn fill(&self, mut chunk: ViewMut<'_>) {
        let fill = self.codecs.fill_value();
        if let Some(bytes) = chunk.as_bytes_mut() {
            bytes.chunks_exact_mut(fill.len().max(1)).for_each(|element| element.copy_from_slice(fill));
        } else {
            chunk.fill(Scalar::zero(self.codecs.dtype()));
        }
    }
}

/// Where the chunks of an array are.
#[derive(Debug)]
enum Chunks {
    Directory(PathBuf),
    #[cfg(feature = "cloud")]
    Remote(Remote, String),
}

impl Chunks {
    /// Tells arrays apart.
    fn place(&self) -> String {
        match self {
            Chunks::Directory(directory) => directory.to_string_lossy().into_owned(),
            #[cfg(feature = "cloud")]
            Chunks::Remote(remote, prefix) => join(&remote.identity(), prefix),
        }
    }

    fn read(&self, key: &str, at: &[usize]) -> Result<Option<Vec<u8>>, Problem> {
        match self {
            Chunks::Directory(directory) => match fs::read(directory.join(key)) {
                Ok(encoded) => Ok(Some(encoded)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(Problem::os(format!("read chunk {at:?}"), error)),
            },
            #[cfg(feature = "cloud")]
            Chunks::Remote(remote, prefix) => {
                Ok(remote.read(&join(prefix, key), u64::MAX)?.map(|stored| stored.bytes))
            }
        }
    }

    /// Puts a chunk in its place, in one step.
    fn replace(&self, key: &str, bytes: Vec<u8>, at: &[usize]) -> Result<(), Problem> {
        match self {
            Chunks::Directory(directory) => replace(&directory.join(key), &bytes, at),
            #[cfg(feature = "cloud")]
            Chunks::Remote(remote, prefix) => remote.write(&join(prefix, key), bytes)?.finish(),
        }
    }
}

/// Writes a file beside its place and renames it.
fn replace(path: &Path, bytes: &[u8], at: &[usize]) -> Result<(), Problem> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let part = path.with_file_name(format!(".{name}.part-{}-{number}", std::process::id()));
    let mut written = fs::write(&part, bytes);
    if written.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        // The first chunk of its directory.
        written = fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))
            .and_then(|()| fs::write(&part, bytes));
    }
    written.and_then(|()| fs::rename(&part, path)).map_err(|error| {
        let _ = fs::remove_file(&part);
        Problem::os(format!("write chunk {at:?}"), error)
    })
}

impl Sink for ZarrRegionSink {
    fn uri(&self) -> String {
        self.location.uri.clone()
    }

    fn directory(&self) -> Option<std::path::PathBuf> {
        self.location.directory()
    }

    fn create(&self, meta: &Meta) -> brickwork_core::Result<ChunkGrid> {
        let grid = self.grid(meta)?;
        *self.writing.lock() = Some(meta.clone());
        Ok(grid)
    }

    fn grid(&self, meta: &Meta) -> brickwork_core::Result<ChunkGrid> {
        let Existing { shape, codecs, grid, .. } = &*self.array;
        check_region(shape, codecs.dtype(), &self.region, meta)
            .map_err(|problem| problem.at(&self.location.uri))?;
        Ok(region_grid(&grid.chunks, &self.region))
    }

    fn write(&self, region: &Region, block: &Block) -> brickwork_core::Result<()> {
        Ok(self.try_write(region, block)?)
    }

    fn commit(&self) -> brickwork_core::Result<()> {
        match self.writing.lock().take() {
            Some(_) => Ok(()),
            None => Err(not_created().at(&self.location.uri).into()),
        }
    }

    fn abort(&self) {
        *self.writing.lock() = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{read_all, sample, store, store_meta};
    use crate::zarr::ZarrSink;
    use brickwork_core::{ChunkSpec, DType};

    fn region_sink(uri: &str, region: &Region) -> ZarrRegionSink {
        ZarrRegionSink::new(Location::parse(uri).unwrap(), region, &SinkOptions::default()).unwrap()
    }

    #[test]
    fn regions_are_written_and_the_rest_stays() {
        let directory = tempfile::tempdir().unwrap();
        let uri = directory.path().join("x.zarr").to_str().unwrap().to_owned();
        let before = sample(DType::I32, &[23, 17]);
        for (codec, shards) in [("none", None), ("zstd", Some(ChunkSpec::from([10, 8]))), ("blosc", None)] {
            for region in [
                Region::new(vec![AxisRange::new(0, 10), AxisRange::new(8, 9)]),
                Region::new(vec![AxisRange::stepped(1, 7, 3), AxisRange::stepped(0, 9, 2)]),
                Region::new(vec![AxisRange::at(22), AxisRange::stepped(2, 2, 11)]),
                Region::new(vec![AxisRange::new(3, 0), AxisRange::new(0, 17)]),
            ] {
                let options = SinkOptions {
                    overwrite: true,
                    codec: Some(codec.into()),
                    shards: shards.clone(),
                    ..SinkOptions::default()
                };
                let meta = Meta::new(&[23, 17], DType::I32, ChunkGrid::regular(&[23, 17], &[5, 4]));
                store_meta(&ZarrSink::new(&uri, &options).unwrap(), &meta, &before, &[1, 1]);
                let block = sample(DType::I32, &region.shape());
                store(&region_sink(&uri, &region), &block, &[1, 1]);
                let mut expected = BlockMut::zeroed(DType::I32, before.shape());
                expected.view_mut().assign(&before);
                expected.slice_mut(&region).assign(&block);
                assert_eq!(
                    read_all(&uri).to_vec::<i32>(),
                    expected.freeze().to_vec::<i32>(),
                    "{region} {codec}"
                );
            }
        }
    }

    #[test]
    fn chunks_that_were_never_written_have_the_fill_value_around_the_region() {
        let directory = tempfile::tempdir().unwrap();
        let uri = directory.path().join("x.zarr").to_str().unwrap().to_owned();
        let options = SinkOptions {
            fill_value: Some(brickwork_core::Weak::Int(7)),
            chunks: Some(ChunkSpec::from(4)),
            ..SinkOptions::default()
        };
        store(&ZarrSink::new(&uri, &options).unwrap(), &sample(DType::U8, &[6]), &[1]);
        fs::remove_dir_all(directory.path().join("x.zarr/c")).unwrap();
        let region = Region::new(vec![AxisRange::stepped(1, 2, 4)]);
        store(&region_sink(&uri, &region), &Block::from_vec(vec![1u8, 2], &[2]), &[1]);
        assert_eq!(read_all(&uri).to_vec::<u8>(), [7, 1, 7, 7, 7, 2]);
    }

    #[test]
    fn two_regions_of_one_chunk_may_be_written_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let uri = directory.path().join("x.zarr").to_str().unwrap().to_owned();
        let shape = [64, 64];
        store(&ZarrSink::new(&uri, &SinkOptions::default()).unwrap(), &sample(DType::I32, &shape), &[1, 1]);
        std::thread::scope(|scope| {
            for row in 0..16 {
                let region = Region::new(vec![AxisRange::stepped(row, 4, 16), AxisRange::new(0, 64)]);
                let sink = region_sink(&uri, &region);
                scope.spawn(move || {
                    let block = Block::from_vec(vec![row as i32; 4 * 64], &[4, 64]);
                    store(&sink, &block, &[1, 1]);
                });
            }
        });
        let expected: Vec<i32> = (0..64 * 64).map(|i| i / 64 % 16).collect();
        assert_eq!(read_all(&uri).to_vec::<i32>(), expected);
    }
}
