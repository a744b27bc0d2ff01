//! What chunks claim about themselves, checked before a codec believes it: a few damaged bytes must not take the memory
//! of the machine.

use serde_json::Value;

/// Checksums, and what else codecs before the compression may add to a chunk's bytes.
const SLACK: usize = 1 << 16;
/// The most bytes that a block of a zstd frame gives.
const BLOCK: usize = 128 << 10;
/// The entry of a chunk that a shard does not hold.
const ABSENT: u64 = u64::MAX;

/// What the chunks of an array may claim.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Claims {
    /// Whether zstd has the last word, and so its frames state how long their content is.
    is_zstd: bool,
    /// Bytes of the decoded elements.
    nbytes: usize,
    shard: Option<Shard>,
}

/// A shard whose index can be read without running codecs.
#[derive(Debug, Clone, PartialEq)]
struct Shard {
    /// Elements of a chunk along every axis.
    chunk: Vec<usize>,
    /// Bytes of the index behind its entries.
    checksums: usize,
    at_start: bool,
    big_endian: bool,
    inner: Box<Claims>,
}

impl Claims {
    /// Those of an array with these metadata, for chunks of at most `chunk` elements along every axis, each of `item` bytes.
    pub fn new(metadata: &Value, version: u8, chunk: &[usize], item: usize) -> Self {
        if version == 2 {
            let is_zstd = metadata["compressor"]["id"] == "zstd";
            return Claims { is_zstd, nbytes: nbytes(chunk, item), shard: None };
        }
        Claims::of_codecs(&metadata["codecs"], chunk, item)
    }

    fn of_codecs(codecs: &Value, chunk: &[usize], item: usize) -> Self {
        let codecs = codecs.as_array().map(Vec::as_slice).unwrap_or_default();
        // A checksum stands behind the frames and does not hide them.
        let outermost = codecs.iter().rev().find(|codec| codec["name"] != "crc32c");
        let name = outermost.and_then(|codec| codec["name"].as_str());
        let is_plain_shard = name == Some("sharding_indexed") && codecs.len() == 1;
        Claims {
            is_zstd: name == Some("zstd"),
            nbytes: nbytes(chunk, item),
            shard: outermost
                .filter(|_| is_plain_shard)
                .and_then(|codec| Shard::new(&codec["configuration"], chunk, item)),
        }
    }

    /// Fails if a chunk as stored, of this shape, claims what cannot be.
    pub fn check(&self, encoded: &[u8], shape: &[usize]) -> Result<(), String> {
        match &self.shard {
            Some(shard) => shard.check(encoded, shape),
            None => self.check_frames(encoded),
        }
    }

    /// [`Claims::check`] of a chunk that is no shard.
    pub fn check_frames(&self, encoded: &[u8]) -> Result<(), String> {
        if !self.is_zstd {
            return Ok(());
        }
        let most = self.nbytes.saturating_add(SLACK);
        // What frames do not state is bounded by their blocks: three bytes of one may stand for 128 kB.
        let most_in_blocks = most.max((encoded.len() / 3).saturating_mul(BLOCK));
        let first = zstd::zstd_safe::get_frame_content_size(encoded).ok().flatten();
        let first = first.map(|stated| usize::try_from(stated).unwrap_or(usize::MAX));
        let all = zstd::bulk::Decompressor::upper_bound(encoded);
        match first.filter(|&stated| stated > most).or(all.filter(|&stated| stated > most_in_blocks)) {
            Some(stated) => Err(format!(
                "its zstd frames claim {stated} bytes, and the chunk has at most {}",
                self.nbytes
            )),
            None => Ok(()),
        }
    }
}

impl Shard {
    fn new(configuration: &Value, shard: &[usize], item: usize) -> Option<Self> {
        let lengths = configuration["chunk_shape"].as_array()?;
        let chunk: Vec<usize> =
            lengths.iter().map(|len| usize::try_from(len.as_u64()?).ok()).collect::<Option<_>>()?;
        if chunk.len() != shard.len() || chunk.contains(&0) {
            return None;
        }
        let mut checksums = 0;
        let mut big_endian = false;
        for codec in configuration["index_codecs"].as_array()? {
            match codec["name"].as_str()? {
                "bytes" => big_endian = codec["configuration"]["endian"] == "big",
                "crc32c" => checksums += 4,
                _ => return None,
            }
        }
        Some(Shard {
            checksums,
            at_start: configuration["index_location"] == "start",
            big_endian,
            inner: Box::new(Claims::of_codecs(&configuration["codecs"], &chunk, item)),
            chunk,
        })
    }

    fn check(&self, encoded: &[u8], shape: &[usize]) -> Result<(), String> {
        let counts = shape.iter().zip(&self.chunk).map(|(shard, chunk)| shard / chunk);
        let entries_nbytes = counts.fold(16_usize, usize::saturating_mul);
        let index_nbytes = entries_nbytes.saturating_add(self.checksums);
        let short = || format!("the index of its shard has {index_nbytes} bytes");
        let start = match self.at_start {
            true => 0,
            false => encoded.len().checked_sub(index_nbytes).ok_or_else(short)?,
        };
        let index = encoded.get(start..).filter(|index| index.len() >= index_nbytes).ok_or_else(short)?;
        let numbers = index[..entries_nbytes].as_chunks::<8>().0.iter();
        let numbers: Vec<u64> = numbers
            .map(|&bytes| if self.big_endian { u64::from_be_bytes(bytes) } else { u64::from_le_bytes(bytes) })
            .collect();
        for (number, &[offset, nbytes]) in numbers.as_chunks::<2>().0.iter().enumerate() {
            if (offset, nbytes) == (ABSENT, ABSENT) {
                continue;
            }
            let part = usize::try_from(offset)
                .ok()
                .zip(usize::try_from(nbytes).ok())
                .and_then(|(offset, nbytes)| encoded.get(offset..offset.checked_add(nbytes)?));
            let part = part.ok_or_else(|| {
                format!("chunk {number} of the shard is {nbytes} bytes from {offset} on, beyond its end")
            })?;
            self.inner
                .check(part, &self.chunk)
                .map_err(|reason| format!("chunk {number} of the shard: {reason}"))?;
        }
        Ok(())
    }
}

fn nbytes(chunk: &[usize], item: usize) -> usize {
    chunk.iter().fold(item, |product, &len| product.saturating_mul(len))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn zstd_claims() -> Claims {
        let codecs = json!([{"name": "bytes"}, {"name": "zstd", "configuration": {}}, {"name": "crc32c"}]);
        Claims::new(&json!({ "codecs": codecs }), 3, &[10], 4)
    }

    #[test]
    fn frames_that_state_too_much_are_refused() {
        let frame =
            |content: u64| [b"\x28\xb5\x2f\xfd\xe0".as_slice(), &content.to_le_bytes(), &[1, 0, 0]].concat();
        let claims = zstd_claims();
        assert_eq!(claims.check(&frame(40), &[10]), Ok(()));
        let reason = claims.check(&frame(1 << 60), &[10]).unwrap_err();
        assert!(reason.contains("claim 1152921504606846976 bytes, and the chunk has at most 40"), "{reason}");
        assert_eq!(claims.check(b"not zstd at all", &[10]), Ok(()), "left to the codec");
    }

    #[test]
    fn what_zstd_writes_passes() {
        for plain in [vec![0; 1 << 22], (0..1_u64 << 20).map(|i| (i * i % 251) as u8).collect()] {
            let mut claims = zstd_claims();
            claims.nbytes = plain.len();
            assert_eq!(claims.check(&zstd::bulk::compress(&plain, 3).unwrap(), &[10]), Ok(()));
            // Streams do not state how long they are.
            assert_eq!(claims.check(&zstd::stream::encode_all(plain.as_slice(), 3).unwrap(), &[10]), Ok(()));
        }
    }

    #[test]
    fn shards_lead_nowhere_else() {
        let configuration = json!({
            "chunk_shape": [5],
            "codecs": [{"name": "bytes"}],
            "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}],
        });
        let codecs = json!([{"name": "sharding_indexed", "configuration": configuration}]);
        let claims = Claims::new(&json!({ "codecs": codecs }), 3, &[10], 4);
        let shard = |entries: [u64; 4]| {
            let mut bytes = vec![7; 40];
            entries.iter().for_each(|entry| bytes.extend(entry.to_le_bytes()));
            bytes.extend([0; 4]);
            bytes
        };
        assert_eq!(claims.check(&shard([0, 20, 20, 20]), &[10]), Ok(()));
        // A shard of one chunk has one entry, the last of these.
        assert_eq!(claims.check(&shard([1 << 60, 20, 20, 20]), &[5]), Ok(()));
        assert_eq!(claims.check(&shard([ABSENT, ABSENT, 0, 20]), &[10]), Ok(()));
        for bad in [[1 << 60, 20, 0, 0], [0, 1 << 60, 0, 0], [u64::MAX - 1, 1 << 63, 0, 0]] {
            let reason = claims.check(&shard(bad), &[10]).unwrap_err();
            assert!(
                reason.starts_with("chunk 0 of the shard") && reason.ends_with("beyond its end"),
                "{reason}"
            );
        }
        assert!(claims.check(&[0; 10], &[10]).unwrap_err().contains("36 bytes"));
    }
}
