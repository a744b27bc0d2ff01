//! Arrays whose values are in memory.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, Weak as WeakRef};

use brickwork_core::{Granule, Pending};
use ndarray::{ArrayD, ArrayViewD};

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
    /// A lazy array over the values of an ndarray array, which are copied once, here.
    pub fn from_ndarray<T: Element>(values: ArrayViewD<'_, T>) -> Result<Array> {
        from_block(Block::from_ndarray(values), &ChunkSpec::auto())
    }

    /// A lazy array over the values of a vector, in C order.
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

impl<T: Element> TryFrom<ArrayD<T>> for Array {
    type Error = Error;

    fn try_from(values: ArrayD<T>) -> Result<Array> {
        Array::from_ndarray(values.view())
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
