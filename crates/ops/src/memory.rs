//! Arrays whose values are in memory.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, Weak as WeakRef};

use brickwork_core::{Granule, Pending};
use ndarray::{ArrayBase, Data, Dimension};

use crate::prelude::*;

/// A lazy array over values in memory. The values are shared, never copied again.
///
/// # Errors
/// If the chunks do not fit the shape.
pub fn from_block(block: Block, chunks: &ChunkSpec) -> Result<Array> {
    let chunks = chunks.resolve(block.shape(), block.dtype())?;
    let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
    let data = Arc::new(block);
    if let Ok(mut shared) = SHARED.lock() {
        // Entries of arrays that are gone are cleared out when the table would grow.
        if shared.len() == shared.capacity() {
            shared.retain(|_, data| data.strong_count() > 0);
        }
        shared.insert(id, Arc::downgrade(&data));
    }
    Array::apply(Memory { id, chunks, dtype: data.dtype(), data: Shared(Some(data)) }, &[])
}

impl Array {
    /// A lazy array over the values of an ndarray array of any layout. An array that owns its elements hands over its
    /// memory, without a copy; a view is copied once, here.
    pub fn from_ndarray<T, S, D>(values: ArrayBase<S, D>) -> Result<Array>
    where
        T: Element,
        S: Data<Elem = T>,
        D: Dimension,
    {
        from_block(Block::from_array(values), &ChunkSpec::auto())
    }

    /// A lazy array over the values of a vector, in C order. The vector is taken over, without a copy.
    ///
    /// # Errors
    /// If the number of values is not that of the shape.
    pub fn from_vec<T: Element>(values: Vec<T>, shape: &[usize]) -> Result<Array> {
        let size: usize = shape.iter().product();
        if values.len() != size {
            let reason = format!("{} values do not make shape {shape:?}; it needs {size}", values.len());
            return Err(Error::argument("from_vec", reason));
        }
        from_block(Block::from_vec(values, shape), &ChunkSpec::auto())
    }
}

impl<T: Element, S: Data<Elem = T>, D: Dimension> TryFrom<ArrayBase<S, D>> for Array {
    type Error = Error;

    /// As [`Array::from_ndarray`].
    fn try_from(values: ArrayBase<S, D>) -> Result<Array> {
        Array::from_ndarray(values)
    }
}

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

/// The values behind the ids, for whoever reads a description of the source in this process.
static SHARED: LazyLock<Mutex<HashMap<u64, WeakRef<Block>>>> = LazyLock::new(Mutex::default);

/// Serialises as its id: the values are shared with a reader in this process, never written out.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Memory {
    id: u64,
    chunks: ChunkGrid,
    dtype: DType,
    #[serde(skip)]
    data: Shared,
}

#[derive(Debug, Clone, Default)]
struct Shared(Option<Arc<Block>>);

impl Memory {
    fn data(&self) -> Option<Arc<Block>> {
        self.data.0.clone().or_else(|| SHARED.lock().ok()?.get(&self.id)?.upgrade())
    }
}

#[typetag::serde(name = "brickwork_ops::Memory")]
impl Operation for Memory {
    fn name(&self) -> String {
        "in memory".into()
    }

    fn infer(&self, _inputs: &[Meta]) -> Result<Vec<Meta>> {
        Ok(vec![Meta::new(&self.chunks.shape(), self.dtype, self.chunks.clone())])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Source(self)
    }
}

impl Source for Memory {
    fn uri(&self) -> String {
        format!("memory array {}", self.id)
    }

    fn borrow(&self, region: &Region) -> Option<Block> {
        self.data().map(|data| data.slice(region))
    }

    fn plan_read(&self, _region: &Region) -> Result<Vec<Granule>> {
        Err(Error::invalid_data(self.uri(), "the values are in the memory of another process, or gone"))
    }

    fn start(&self, _granule: &Granule) -> Result<Box<dyn Pending + '_>> {
        Err(Error::invalid_data(self.uri(), "the values are in the memory of another process, or gone"))
    }
}

#[cfg(test)]
mod tests {
    use brickwork_core::Lazy;
    use ndarray::{Array2, arr1, s};

    use super::*;

    fn held(array: &Array) -> Block {
        let Kind::Source(source) = array.value().node.op().kind() else { panic!("a source") };
        source.borrow(&Region::full(array.shape())).unwrap()
    }

    #[test]
    fn owned_arrays_are_taken_over() {
        let values = Array2::from_shape_fn((40, 30), |(i, j)| (i * 30 + j) as f32).reversed_axes();
        let (address, expected) = (values.as_ptr(), values.clone());
        let block = held(&Array::from_ndarray(values).unwrap());
        assert_eq!((block.view::<f32>().as_ptr(), block.view()), (address, expected.view().into_dyn()));
    }

    #[test]
    fn views_are_copied() {
        let values = arr1(&[1i64, 2, 3, 4, 5]);
        let block = held(&Array::from_ndarray(values.slice(s![..;-2])).unwrap());
        assert_eq!(block.to_vec::<i64>(), [5, 3, 1]);
        assert_eq!(held(&Array::try_from(arr1(&[1u8, 2])).unwrap()).to_vec::<u8>(), [1, 2]);
    }
}
