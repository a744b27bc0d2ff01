//! The chunks that an array gets in a store.

use brickwork_core::{AxisSpec, ChunkSpec, Meta, Result};

/// Chunks of the array that are longer than this are not taken over: a reader decodes a chunk whole.
const HUGE_CHUNK: usize = 64 << 20;
/// Chunks shorter than this are not taken over if there are many: every chunk has a cost of its own.
const TINY_CHUNK: usize = 64 << 10;
const MANY_CHUNKS: usize = 1000;
/// What is chosen instead, in bytes.
const GOOD_CHUNK: usize = 8 << 20;

/// Equal chunks for an array: those asked for, or those of the array, unless they are huge or many and tiny.
///
/// # Errors
/// If what is asked for does not fit the array.
pub(crate) fn store_chunk(asked: Option<&ChunkSpec>, meta: &Meta) -> Result<Vec<usize>> {
    let resolve = |spec: &ChunkSpec| spec.resolve(&meta.shape, meta.dtype).map(|grid| grid.max_chunk());
    let chunk = match asked {
        Some(spec) => resolve(spec)?,
        None => {
            let own = meta.chunks.max_chunk();
            let nbytes = own.iter().fold(meta.dtype.itemsize(), |nbytes, &len| nbytes.saturating_mul(len));
            let is_tiny = nbytes < TINY_CHUNK && meta.chunks.num_chunks() > MANY_CHUNKS;
            if nbytes > HUGE_CHUNK || is_tiny {
                resolve(&ChunkSpec::Every(AxisSpec::Bytes(GOOD_CHUNK)))?
            } else {
                own
            }
        }
    };
    Ok(chunk.into_iter().map(|len| len.max(1)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use brickwork_core::{ChunkGrid, DType};

    #[test]
    fn chunks_are_those_of_the_array_unless_huge_tiny_or_chosen() {
        let chunk = |asked: Option<&ChunkSpec>, shape: &[usize], chunk: &[usize]| {
            let meta = Meta::new(shape, DType::F64, ChunkGrid::regular(shape, chunk));
            store_chunk(asked, &meta).unwrap()
        };
        assert_eq!(chunk(None, &[8000, 8000], &[1000, 1000]), [1000, 1000]);
        assert_eq!(chunk(None, &[50, 50], &[5, 5]), [5, 5]);
        for own in [[20_000, 20_000], [2, 2]] {
            let bytes = chunk(None, &[20_000, 20_000], &own).iter().product::<usize>() * 8;
            assert!((1 << 20..16 << 20).contains(&bytes), "{bytes}");
        }
        assert_eq!(chunk(Some(&[10, 20].into()), &[8000, 8000], &[1000, 1000]), [10, 20]);
    }
}
