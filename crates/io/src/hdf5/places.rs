//! Where the elements of a new dataset belong in its file: asked of the file itself.

use std::path::Path;

use super::format::{File, Layout};
use crate::chunk_walk::chunk_number;
use crate::error::Problem;

/// Where the elements of a dataset are in its file.
#[derive(Debug)]
pub(super) enum Places {
    Chunks(ChunkPlaces),
    Run(Run),
}

/// Where chunks are.
#[derive(Debug)]
pub(super) struct ChunkPlaces {
    /// Chunks along every axis.
    counts: Vec<usize>,
    /// By their numbers.
    offsets: Vec<u64>,
    nbytes: usize,
}

/// All elements in C order.
#[derive(Debug)]
pub(super) struct Run {
    /// Offset of the first byte.
    pub start: u64,
    pub shape: Vec<usize>,
    /// Bytes of an element.
    pub item: usize,
}

impl Places {
    /// Asks a file, as it is on the disk, for the places of a dataset's elements; `None` unless all have one, of as many
    /// bytes as they are.
    pub fn read(file: &Path, inner: &str) -> Option<Self> {
        let file = File::open(file).ok()?;
        let dataset = file.dataset(inner).ok()?;
        let shape = dataset.shape.clone();
        let chunk = match &dataset.layout {
            Layout::Contiguous { address, nbytes } => {
                let item = dataset.element.size;
                let is_all = crate::bytes::checked_nbytes(&shape, item) == Some(*nbytes);
                return Some(Places::Run(Run { start: (*address)?, shape, item })).filter(|_| is_all);
            }
            Layout::Chunked { chunk } => chunk,
            Layout::Compact(_) => return None,
        };
        let nbytes = dataset.chunk_nbytes()?;
        let counts: Vec<usize> = shape.iter().zip(chunk).map(|(len, chunk)| len.div_ceil(*chunk)).collect();
        let index = dataset.chunk_index().ok()?;
        let number: usize = counts.iter().product();
        let offsets: Option<Vec<u64>> = (0..number)
            .map(|number| {
                index.numbered(number).filter(|chunk| chunk.nbytes == nbytes).map(|chunk| chunk.address)
            })
            .collect();
        Some(Places::Chunks(ChunkPlaces { counts, offsets: offsets?, nbytes }))
    }

    /// Where a chunk of so many bytes belongs.
    pub fn of_chunk(&self, at: &[usize], nbytes: usize) -> Result<u64, Problem> {
        let found = match self {
            Places::Chunks(chunks) if nbytes == chunks.nbytes => {
                chunks.offsets.get(chunk_number(at, &chunks.counts) as usize)
            }
            Places::Chunks(_) | Places::Run(_) => None,
        };
        found.copied().ok_or_else(|| Problem::Misuse {
            reason: format!("has no place for {nbytes} bytes of chunk {at:?}"),
        })
    }

    /// Where all elements are, if they follow each other.
    pub fn run(&self) -> Option<&Run> {
        match self {
            Places::Run(run) => Some(run),
            Places::Chunks(_) => None,
        }
    }
}
