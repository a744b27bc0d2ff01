//! Shards: files that hold many chunks and an index of them. Chunks are read one by one, and the index once.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use brickwork_core::DType;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::adapter::Codecs;
use super::grid::StoredGrid;
use super::store::StoredChunk;
use crate::handles::FileStamp;

/// The entry of a chunk that a shard does not hold.
const ABSENT: u64 = u64::MAX;
/// Bytes of indexes that are kept of an array; the oldest go first.
const KEPT: usize = 4 << 20;
/// The longest index that is read by itself; who has a longer one reads its shards whole.
const MOST_INDEX: usize = 16 << 20;

/// How the chunks in the shards of an array are found and decoded.
#[derive(Debug)]
pub(super) struct Shards {
    /// Elements of a chunk along every axis.
    pub chunk: Vec<usize>,
    /// Of the chunks.
    pub codecs: Codecs,
    /// Where the shards lie in the array; each holds a whole number of chunks along every axis.
    grid: StoredGrid,
    index_codecs: Codecs,
    /// Bytes of an index behind its entries.
    checksums: usize,
    is_index_first: bool,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// By number of the shard, the oldest first.
    indexes: VecDeque<(Vec<usize>, Arc<Index>)>,
    nbytes: usize,
}

/// Where the chunks of a shard lie in it, as long as it stays as it was.
#[derive(Debug)]
pub(super) struct Index {
    /// Offset and number of bytes of each chunk.
    entries: Vec<u64>,
    /// Of the shard when it was read.
    pub stamp: FileStamp,
}

impl Index {
    /// Where a chunk lies, by its number in the shard; `None` if it is not there.
    ///
    /// # Errors
    /// If it would lie beyond the end of every file.
    pub fn range(&self, number: usize) -> Result<Option<Range<u64>>, String> {
        let (offset, nbytes) = (self.entries[2 * number], self.entries[2 * number + 1]);
        if (offset, nbytes) == (ABSENT, ABSENT) {
            return Ok(None);
        }
        let end = offset.checked_add(nbytes).filter(|&end| i64::try_from(end).is_ok());
        let beyond =
            || format!("chunk {number} of the shard is {nbytes} bytes from {offset} on, beyond its end");
        end.map(|end| Some(offset..end)).ok_or_else(beyond)
    }
}

impl Shards {
    /// Those of an array with these metadata, of version 3, and shards of this grid; `None` if it has none, or they can
    /// only be read whole.
    pub fn of(metadata: &Value, grid: &StoredGrid) -> Option<Self> {
        let [codec] = metadata["codecs"].as_array()?.as_slice() else { return None };
        let configuration = &codec["configuration"];
        if codec["name"] != "sharding_indexed" {
            return None;
        }
        let lengths = configuration["chunk_shape"].as_array()?;
        let chunk: Vec<usize> =
            lengths.iter().map(|len| usize::try_from(len.as_u64()?).ok()).collect::<Option<_>>()?;
        if !grid.is_divided_by(&chunk) {
            return None;
        }
        let counts: Vec<usize> =
            grid.longest().iter().zip(&chunk).map(|(shard, chunk)| shard / chunk).collect();
        let number = counts.iter().try_fold(1_usize, |all, count| all.checked_mul(*count))?;
        let mut checksums = 0;
        for codec in configuration["index_codecs"].as_array()? {
            match codec["name"].as_str()? {
                "bytes" => {}
                "crc32c" => checksums += 4,
                _ => return None,
            }
        }
        number.checked_mul(16)?.checked_add(checksums).filter(|&all| all <= MOST_INDEX)?;
        let mut inner = metadata.clone();
        inner["chunk_grid"] = regular(&chunk);
        inner["codecs"] = configuration["codecs"].clone();
        let mut shape = counts;
        shape.push(2);
        let index = json!({
            "zarr_format": 3,
            "node_type": "array",
            "shape": shape,
            "data_type": "uint64",
            "chunk_grid": regular(&shape),
            "chunk_key_encoding": {"name": "default"},
            "fill_value": ABSENT,
            "codecs": configuration["index_codecs"],
        });
        Some(Shards {
            codecs: Codecs::new(inner, 3, &chunk).ok()?,
            index_codecs: Codecs::new(index, 3, &shape).ok()?,
            chunk,
            grid: grid.clone(),
            checksums,
            is_index_first: configuration["index_location"] == "start",
            kept: Mutex::default(),
        })
    }

    /// Whether it pays to read chunks of a dtype one by one: each read has a cost of its own.
    pub fn are_worth_it(&self, dtype: DType, least: usize) -> bool {
        self.chunk.iter().fold(dtype.itemsize(), |nbytes, &len| nbytes.saturating_mul(len)) >= least
    }

    /// The shard that a chunk lies in, and the chunk's number there.
    pub fn place(&self, at: &[usize]) -> (Vec<usize>, usize) {
        let (mut shard, mut first) = (Vec::with_capacity(at.len()), Vec::with_capacity(at.len()));
        for ((&at, &chunk), shards) in at.iter().zip(&self.chunk).zip(self.grid.chunks.axes()) {
            let number = shards.chunk_of(at * chunk);
            shard.push(number);
            first.push(shards.chunk_range(number).0 / chunk);
        }
        let inside = at.iter().zip(&first).map(|(at, first)| at - first);
        let number = inside.zip(self.counts(&shard)).fold(0, |number, (at, count)| number * count + at);
        (shard, number)
    }

    /// Chunks in a shard along every axis.
    fn counts(&self, shard: &[usize]) -> Vec<usize> {
        self.grid.stored_shape(shard).iter().zip(&self.chunk).map(|(shard, chunk)| shard / chunk).collect()
    }

    /// The index of a shard, if it has been read not long ago.
    pub fn known(&self, shard: &[usize]) -> Option<Arc<Index>> {
        let kept = self.kept.lock();
        kept.indexes.iter().rev().find(|(known, _)| known == shard).map(|(_, index)| index.clone())
    }

    /// Understands the bytes of the index of a shard with this stamp, and keeps it.
    pub fn learn(&self, shard: &[usize], bytes: Vec<u8>, stamp: FileStamp) -> Result<Arc<Index>, String> {
        let mut shape = self.counts(shard);
        shape.push(2);
        let decoded = self
            .index_codecs
            .decode_as(bytes, &shape)
            .map_err(|error| format!("the index of its shard is damaged: {error}"))?;
        let entries = decoded.as_chunks::<8>().0.iter().map(|&bytes| u64::from_ne_bytes(bytes)).collect();
        let index = Arc::new(Index { entries, stamp });
        self.forget(shard);
        let mut kept = self.kept.lock();
        kept.nbytes += decoded.len();
        kept.indexes.push_back((shard.to_vec(), index.clone()));
        while kept.nbytes > KEPT && kept.indexes.len() > 1 {
            if let Some((_, oldest)) = kept.indexes.pop_front() {
                kept.nbytes -= 8 * oldest.entries.len();
            }
        }
        Ok(index)
    }

    /// Forgets the index of a shard.
    pub fn forget(&self, shard: &[usize]) {
        let mut kept = self.kept.lock();
        if let Some(at) = kept.indexes.iter().position(|(known, _)| known == shard)
            && let Some((_, old)) = kept.indexes.remove(at)
        {
            kept.nbytes -= 8 * old.entries.len();
        }
    }

    /// Where the index lies in a shard of so many bytes.
    pub fn index_range(&self, shard: &[usize], len: u64) -> Result<Range<u64>, String> {
        let nbytes = (16 * self.counts(shard).iter().product::<usize>() + self.checksums) as u64;
        let short = || format!("the index of its shard has {nbytes} bytes, and the shard {len}");
        match self.is_index_first {
            _ if nbytes > len => Err(short()),
            true => Ok(0..nbytes),
            false => Ok(len - nbytes..len),
        }
    }

    /// The index of a shard that is at hand.
    pub fn index(&self, shard: &[usize], stored: &StoredChunk) -> io::Result<Arc<Index>> {
        let stamp = stored.stamp()?;
        if let Some(known) = self.known(shard).filter(|known| known.stamp == stamp) {
            return Ok(known);
        }
        let range = self.index_range(shard, stored.len()?).map_err(io::Error::other)?;
        let mut bytes = vec![0; (range.end - range.start) as usize];
        stored.read_exact_at(&mut bytes, range.start)?;
        self.learn(shard, bytes, stamp).map_err(io::Error::other)
    }

    /// The bytes of a chunk of a shard that is at hand; `None` if the shard does not hold it.
    pub fn read(&self, at: &[usize], stored: &StoredChunk) -> io::Result<Option<Vec<u8>>> {
        let (shard, number) = self.place(at);
        let Some(range) = self.index(&shard, stored)?.range(number).map_err(io::Error::other)? else {
            return Ok(None);
        };
        if range.end > stored.len()? {
            let reason = format!("chunk {number} of the shard ends at {}, beyond its end", range.end);
            return Err(io::Error::other(reason));
        }
        let mut bytes = vec![0; (range.end - range.start) as usize];
        stored.read_exact_at(&mut bytes, range.start)?;
        Ok(Some(bytes))
    }
}

fn regular(chunk: &[usize]) -> Value {
    json!({"name": "regular", "configuration": {"chunk_shape": chunk}})
}

#[cfg(test)]
#[path = "shard_tests.rs"]
mod reading_tests;

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(chunk: usize, shard: usize, index_codecs: Value) -> Value {
        json!({
            "zarr_format": 3,
            "node_type": "array",
            "shape": [40],
            "data_type": "int32",
            "chunk_grid": regular(&[shard]),
            "chunk_key_encoding": {"name": "default"},
            "fill_value": 0,
            "codecs": [{"name": "sharding_indexed", "configuration": {
                "chunk_shape": [chunk],
                "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
                "index_codecs": index_codecs,
            }}],
        })
    }

    fn grid(shard: usize) -> StoredGrid {
        StoredGrid::regular(&[40], &[shard])
    }

    #[test]
    fn shards_have_lengths_of_their_own() {
        let edges = json!({"kind": "inline", "chunk_shapes": [[10, 25, 20]]});
        let parse = |edges: &Value, shape: &[usize]| {
            StoredGrid::parse(&json!({"name": "rectilinear", "configuration": edges}), shape).unwrap()
        };
        let summed = json!([{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}]);
        // The last shard is stored as long as it says.
        let shards = Shards::of(&metadata(5, 20, summed.clone()), &parse(&edges, &[40])).unwrap();
        let places: Vec<(usize, usize)> =
            (0..8).map(|at| shards.place(&[at])).map(|(s, n)| (s[0], n)).collect();
        assert_eq!(places, [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (1, 3), (1, 4), (2, 0)]);
        let lens = [0, 1, 2].map(|shard| shards.index_range(&[shard], 100).unwrap());
        assert_eq!(lens, [64..100, 16..100, 32..100]);
        let odd = json!({"kind": "inline", "chunk_shapes": [[10, 23, 20]]});
        assert!(Shards::of(&metadata(5, 20, summed), &parse(&odd, &[40])).is_none());
    }

    #[test]
    fn chunks_are_found_by_the_index() {
        let plain = json!([{"name": "bytes", "configuration": {"endian": "big"}}]);
        let shards = Shards::of(&metadata(5, 20, plain), &grid(20)).unwrap();
        assert_eq!(shards.place(&[6]), (vec![1], 2));
        assert_eq!(shards.index_range(&[1], 100), Ok(36..100));
        assert!(shards.index_range(&[1], 63).unwrap_err().contains("64 bytes, and the shard 63"));
        let entries = [0, 20, ABSENT, ABSENT, u64::MAX - 1, 20, 20, 20];
        let bytes = entries.iter().flat_map(|entry| entry.to_be_bytes()).collect();
        let stamp = FileStamp { len: 100, modified: 0, tag: 0 };
        let index = shards.learn(&[1], bytes, stamp).unwrap();
        assert_eq!([0, 1, 3].map(|number| index.range(number).unwrap()), [Some(0..20), None, Some(20..40)]);
        assert!(index.range(2).unwrap_err().contains("beyond its end"));
        assert!(shards.known(&[1]).is_some() && shards.known(&[0]).is_none());
        shards.forget(&[1]);
        assert!(shards.known(&[1]).is_none() && shards.kept.lock().nbytes == 0);
    }

    #[test]
    fn indexes_are_checked() {
        let summed = json!([{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}]);
        let shards = Shards::of(&metadata(5, 20, summed), &grid(20)).unwrap();
        let stamp = FileStamp { len: 100, modified: 0, tag: 0 };
        let error = shards.learn(&[0], vec![0; 68], stamp).unwrap_err();
        assert!(error.contains("the index of its shard is damaged"), "{error}");
    }

    #[test]
    fn what_cannot_be_read_in_part_is_not() {
        let plain = json!([{"name": "bytes", "configuration": {"endian": "little"}}]);
        assert!(Shards::of(&metadata(5, 20, json!([{"name": "gzip"}])), &grid(20)).is_none());
        assert!(Shards::of(&metadata(7, 20, plain.clone()), &grid(20)).is_none());
        assert!(Shards::of(&metadata(0, 20, plain), &grid(20)).is_none());
        assert!(Shards::of(&json!({"codecs": [{"name": "bytes"}]}), &grid(20)).is_none());
    }
}
