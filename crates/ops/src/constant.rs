//! Arrays whose elements are all the same.

use crate::prelude::*;

/// An array of `shape` whose every element is `value`; one chunk unless rechunked.
pub fn constant(shape: &[usize], value: Scalar) -> Result<Array> {
    constant_with_chunks(shape, value, &ChunkSpec::auto())
}

/// [`constant`] with chunks of the user's choice.
pub fn constant_with_chunks(shape: &[usize], value: Scalar, chunks: &ChunkSpec) -> Result<Array> {
    let chunks = chunks.resolve(shape, value.dtype())?;
    Array::apply(Constant { value, chunks }, &[])
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Constant {
    value: Scalar,
    chunks: ChunkGrid,
}

#[typetag::serde(name = "brickwork_ops::Constant")]
impl Operation for Constant {
    fn name(&self) -> String {
        format!("constant {}", self.value)
    }

    fn infer(&self, _inputs: &[Meta]) -> Result<Vec<Meta>> {
        Ok(vec![Meta::new(&self.chunks.shape(), self.value.dtype(), self.chunks.clone())])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Source(self)
    }
}

/// A source rather than a generator, because its values are "in memory": one element stands for all.
impl Source for Constant {
    fn uri(&self) -> String {
        self.name()
    }

    fn borrow(&self, region: &Region) -> Option<Block> {
        Some(Block::broadcast_scalar(self.value, &region.shape()))
    }

    fn plan_read(&self, _region: &Region) -> Result<Vec<brickwork_core::Granule>> {
        Ok(Vec::new())
    }

    fn start(&self, _granule: &brickwork_core::Granule) -> Result<Box<dyn brickwork_core::Pending + '_>> {
        Err(Error::Bug { what: "a constant is never read".into() })
    }
}
