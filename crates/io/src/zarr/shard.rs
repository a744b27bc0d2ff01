//! Shards: files that hold many chunks and an index of them. Chunks are read one by one, and the index once.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use brickwork_core::DType;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::adapter::Codecs;
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
    /// Chunks in a shard along every axis.
    counts: Vec<usize>,
    index_codecs: Codecs,
    index_nbytes: usize,
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
    /// Those of an array with these metadata, of version 3, and shards of this shape; `None` if it has none, or they can
    /// only be read whole.
    pub fn of(metadata: &Value, shard: &[usize]) -> Option<Self> {
        let [codec] = metadata["codecs"].as_array()?.as_slice() else { return None };
        let configuration = &codec["configuration"];
        if codec["name"] != "sharding_indexed" {
            return None;
        }
        let lengths = configuration["chunk_shape"].as_array()?;
        let chunk: Vec<usize> =
            lengths.iter().map(|len| usize::try_from(len.as_u64()?).ok()).collect::<Option<_>>()?;
        let divides = |(shard, chunk): (&usize, &usize)| *chunk > 0 && shard.is_multiple_of(*chunk);
        if chunk.len() != shard.len() || !shard.iter().zip(&chunk).all(divides) {
            return None;
        }
        let counts: Vec<usize> = shard.iter().zip(&chunk).map(|(shard, chunk)| shard / chunk).collect();
        let number = counts.iter().try_fold(1_usize, |all, count| all.checked_mul(*count))?;
        let mut checksums = 0;
        for codec in configuration["index_codecs"].as_array()? {
            match codec["name"].as_str()? {
                "bytes" => {}
                "crc32c" => checksums += 4,
                _ => return None,
            }
        }
        let index_nbytes = number.checked_mul(16)?.checked_add(checksums).filter(|&all| all <= MOST_INDEX)?;
        let mut inner = metadata.clone();
        inner["chunk_grid"] = regular(&chunk);
        inner["codecs"] = configuration["codecs"].clone();
        let mut shape = counts.clone();
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
            counts,
            index_nbytes,
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
        let shard = at.iter().zip(&self.counts).map(|(at, count)| at / count).collect();
        let number = at.iter().zip(&self.counts).fold(0, |number, (at, count)| number * count + at % count);
        (shard, number)
    }

    /// The index of a shard, if it has been read not long ago.
    pub fn known(&self, shard: &[usize]) -> Option<Arc<Index>> {
        let kept = self.kept.lock();
        kept.indexes.iter().rev().find(|(known, _)| known == shard).map(|(_, index)| index.clone())
    }

    /// Understands the bytes of the index of a shard with this stamp, and keeps it.
    pub fn learn(&self, shard: &[usize], bytes: Vec<u8>, stamp: FileStamp) -> Result<Arc<Index>, String> {
        let decoded = self
            .index_codecs
            .decode(bytes)
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
    pub fn index_range(&self, len: u64) -> Result<Range<u64>, String> {
        let nbytes = self.index_nbytes as u64;
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
        let range = self.index_range(stored.len()?).map_err(io::Error::other)?;
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

    #[test]
    fn chunks_are_found_by_the_index() {
        let plain = json!([{"name": "bytes", "configuration": {"endian": "big"}}]);
        let shards = Shards::of(&metadata(5, 20, plain), &[20]).unwrap();
        assert_eq!((shards.place(&[6]), shards.index_nbytes), ((vec![1], 2), 64));
        assert_eq!(shards.index_range(100), Ok(36..100));
        assert!(shards.index_range(63).unwrap_err().contains("64 bytes, and the shard 63"));
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
        let shards = Shards::of(&metadata(5, 20, summed), &[20]).unwrap();
        let stamp = FileStamp { len: 100, modified: 0, tag: 0 };
        let error = shards.learn(&[0], vec![0; 68], stamp).unwrap_err();
        assert!(error.contains("the index of its shard is damaged"), "{error}");
    }

    #[test]
    fn what_cannot_be_read_in_part_is_not() {
        let plain = json!([{"name": "bytes", "configuration": {"endian": "little"}}]);
        assert!(Shards::of(&metadata(5, 20, json!([{"name": "gzip"}])), &[20]).is_none());
        assert!(Shards::of(&metadata(7, 20, plain.clone()), &[20]).is_none());
        assert!(Shards::of(&metadata(0, 20, plain), &[20]).is_none());
        assert!(Shards::of(&json!({"codecs": [{"name": "bytes"}]}), &[20]).is_none());
    }
}
