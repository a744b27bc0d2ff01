//! Writing whole chunks into the directory of an array, from this process or another.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use brickwork_core::{AxisRange, Block, Meta, Region, SinkWriter};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::adapter::Codecs;
use super::grid::StoredGrid;
use super::metadata::parse_json;
use crate::bytes::padded;
use crate::chunk_walk::touched_chunks;
use crate::error::{Problem, Result};
use crate::journal::{Journal, Record};
use crate::write_checks::check_write;

/// What is needed to write chunks of a new array. A chunk that is written again is replaced.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ChunkWriter {
    uri: String,
    directory: PathBuf,
    meta: Meta,
    grid: StoredGrid,
    /// The array's metadata, as they will be in its `zarr.json`.
    metadata: String,
    /// Where it is noted that a chunk is whole.
    journal: Option<PathBuf>,
    #[serde(skip)]
    codecs: Known,
}

/// The codecs, understood when they are first needed.
#[derive(Debug, Default)]
struct Known(OnceLock<Codecs>);

impl Clone for Known {
    fn clone(&self) -> Self {
        Known::default()
    }
}

impl ChunkWriter {
    /// A writer of the chunks of a grid into a directory that exists.
    pub fn new(uri: &str, directory: &Path, meta: &Meta, grid: StoredGrid, metadata: String) -> Self {
        // Other processes may be elsewhere.
        let directory = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
        let (meta, uri) = (meta.clone(), uri.to_owned());
        ChunkWriter { uri, directory, meta, grid, metadata, journal: None, codecs: Known::default() }
    }

    /// With a journal of the chunks that are whole.
    pub fn noted_in(self, journal: Option<PathBuf>) -> Self {
        ChunkWriter { journal, ..self }
    }

    /// The file of a chunk.
    pub fn path(&self, at: &[usize]) -> Result<PathBuf, Problem> {
        Ok(self.directory.join(self.codecs()?.chunk_key(at)))
    }

    /// With codecs that are understood already.
    pub fn with_codecs(self, codecs: Codecs) -> Self {
        ChunkWriter { codecs: Known(OnceLock::from(codecs)), ..self }
    }

    fn codecs(&self) -> Result<&Codecs, Problem> {
        if let Some(codecs) = self.codecs.0.get() {
            return Ok(codecs);
        }
        let metadata = parse_json(self.metadata.as_bytes(), "zarr.json")?;
        let codecs = Codecs::new(metadata, 3, &self.grid.longest())?;
        Ok(self.codecs.0.get_or_init(|| codecs))
    }

    pub fn try_write(&self, region: &Region, block: &Block) -> Result<()> {
        self.write_chunks(region, block).map_err(|problem| problem.at(&self.uri))
    }

    fn write_chunks(&self, region: &Region, block: &Block) -> Result<(), Problem> {
        check_write(&self.meta, region, block)?;
        for touched in touched_chunks(&self.grid.chunks, region) {
            if touched.wanted != touched.region {
                let reason =
                    format!("region {region} cuts chunk {:?}, which holds {}", touched.at, touched.region);
                return Err(Problem::Misuse { reason });
            }
            let positions = touched
                .region
                .axes()
                .iter()
                .zip(region.axes())
                .map(|(chunk, region)| AxisRange::new(chunk.start - region.start, chunk.len));
            let part = block.slice(&Region::from_iter(positions));
            let shape = self.grid.stored_shape(&touched.at);
            let whole = padded(&part, &shape);
            self.store(&touched.at, &shape, whole.as_bytes().unwrap_or_default())?;
        }
        Ok(())
    }

    fn store(&self, at: &[usize], shape: &[usize], elements: &[u8]) -> Result<(), Problem> {
        let broken = |reason: String| Problem::Chunk { chunk: at.to_vec(), reason };
        let codecs = self.codecs()?;
        let encoded =
            codecs.encode(elements, shape).map_err(|error| broken(format!("cannot be encoded: {error}")))?;
        let path = self.directory.join(codecs.chunk_key(at));
        let mut result = fs::write(&path, &encoded);
        if result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
            && self.directory.is_dir()
        {
            // The first chunk of its directory.
            result = fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))
                .and_then(|()| fs::write(&path, &encoded));
        }
        result.map_err(|error| Problem::os(format!("write chunk {at:?}"), error))?;
        let Some(journal) = &self.journal else { return Ok(()) };
        let (nbytes, hash) = (encoded.len() as u64, xxh3_64(&encoded));
        Journal::note_in(journal, &Record { place: at.to_vec(), offset: 0, nbytes, hash })
    }
}

#[typetag::serde(name = "brickwork_io::ZarrChunks")]
impl SinkWriter for ChunkWriter {
    fn write(&self, region: &Region, block: &Block) -> brickwork_core::Result<()> {
        Ok(self.try_write(region, block)?)
    }
}
