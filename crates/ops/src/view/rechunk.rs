//! Other chunks for the same values.

use crate::prelude::*;

impl Array {
    /// The same values cut into other chunks.
    ///
    /// - shape and dtype: as `self`; chunks: as given
    /// - reads: what is asked; no value moves. A store, `map_blocks` and the pictures of chunks follow the grid; work
    ///   is cut by memory and cores, whatever the chunks
    ///
    /// # Errors
    /// [`Error::InvalidChunks`] if the chunks do not fit the shape.
    ///
    /// ```
    /// use brickwork_ops::Array;
    /// let x = Array::from_vec(vec![0.0; 60], &[6, 10])?;
    /// assert_eq!(x.rechunk([4, 5])?.chunks().numblocks(), [2, 2]);
    /// # Ok::<(), brickwork_core::Error>(())
    /// ```
    pub fn rechunk(&self, chunks: impl Into<ChunkSpec>) -> Result<Array> {
        let chunks = chunks.into();
        if !self.is_known() {
            return Array::apply(Rechunk { chunks }, &[self]);
        }
        if &chunks.resolve(self.shape(), self.dtype())? == self.chunks() {
            return Ok(self.clone());
        }
        Array::apply(Rechunk { chunks }, &[self])
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Rechunk {
    chunks: ChunkSpec,
}

#[typetag::serde(name = "brickwork_ops::Rechunk")]
impl Operation for Rechunk {
    fn name(&self) -> String {
        "rechunk".into()
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        let input = &inputs[0];
        let chunks = self.chunks.resolve(&input.shape, input.dtype)?;
        Ok(vec![Meta::new(&input.shape, input.dtype, chunks)])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::View(self)
    }
}

impl View for Rechunk {
    fn maps(&self, input: &Meta, _out: &Meta) -> Vec<AxisMap> {
        (0..input.ndim()).map(AxisMap::along).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::checks::{check, iota};

    #[test]
    fn rechunk_keeps_contents() {
        let x = iota(&[5, 4]);
        let y = x.rechunk(vec![vec![1, 4], vec![2, 2]]).unwrap();
        assert_eq!(y.chunks().axes()[0].chunk_lengths(), [1, 4]);
        check::<i64>(&y, &[5, 4], &(0..20).collect::<Vec<i64>>());
        assert_eq!(x.rechunk(ChunkSpec::from([2, 4])).unwrap().chunks().numblocks(), [3, 1]);
        assert!(x.rechunk([0, 1]).is_err());
        assert!(x.rechunk(vec![vec![1, 3], vec![4]]).is_err());
    }
}
