//! The expression: immutable, shared nodes that say what is to be computed.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3;

use crate::chunks::ChunkGrid;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::operation::Operation;

/// Names the selection that will tell a length: two axes with the same one are equally long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LengthId(pub u128);

/// What is known of an array before anything runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// Elements along every axis; an upper bound where the length is unknown.
    pub shape: Vec<usize>,
    /// Type of the elements.
    pub dtype: DType,
    /// How the array is cut, for who asks for blocks and for stores that have no wish of their own.
    pub chunks: ChunkGrid,
    /// For every axis whether its length is only told by the data; empty if all are known.
    pub unknown: Vec<Option<LengthId>>,
}

impl Meta {
    /// An array of known shape.
    pub fn new(shape: &[usize], dtype: DType, chunks: ChunkGrid) -> Self {
        debug_assert_eq!(chunks.shape(), shape, "the chunks cover the array");
        Meta { shape: shape.to_vec(), dtype, chunks, unknown: Vec::new() }
    }

    /// An array in one chunk.
    pub fn whole(shape: &[usize], dtype: DType) -> Self {
        Meta::new(shape, dtype, ChunkGrid::single(shape))
    }

    /// Number of axes.
    pub fn ndim(&self) -> usize {
        self.shape.len()
    }

    /// Elements in all (an upper bound, if a length is unknown).
    pub fn size(&self) -> usize {
        self.shape.iter().fold(1, |size, &len| size.saturating_mul(len))
    }

    /// Bytes in all (an upper bound, if a length is unknown).
    pub fn nbytes(&self) -> usize {
        self.size().saturating_mul(self.dtype.itemsize())
    }

    /// Whether every length is known.
    pub fn is_known(&self) -> bool {
        self.unknown.iter().all(Option::is_none)
    }
}

/// One operation with its inputs. Built once, never changed.
pub struct Node {
    op: Arc<dyn Operation>,
    inputs: Vec<Value>,
    metas: Vec<Meta>,
    hash: u128,
}

impl Node {
    /// Applies an operation: checks the inputs and works out shape, dtype and chunks of every output.
    pub fn new(op: impl Operation, inputs: Vec<Value>) -> Result<Arc<Node>> {
        Node::shared(Arc::new(op), inputs)
    }

    /// [`Node::new`] for an operation that is shared already.
    pub fn shared(op: Arc<dyn Operation>, inputs: Vec<Value>) -> Result<Arc<Node>> {
        let input_metas: Vec<Meta> = inputs.iter().map(|input| input.meta().clone()).collect();
        let metas = op.infer(&input_metas)?;
        Ok(Arc::new(Node { hash: hash(op.as_ref(), &inputs)?, op, inputs, metas }))
    }

    /// Applies an operation whose outputs are described by the caller, because a length is not known yet.
    pub fn with_metas(op: Arc<dyn Operation>, inputs: Vec<Value>, metas: Vec<Meta>) -> Result<Arc<Node>> {
        Ok(Arc::new(Node { hash: hash(op.as_ref(), &inputs)?, op, inputs, metas }))
    }

    /// The operation.
    pub fn op(&self) -> &Arc<dyn Operation> {
        &self.op
    }

    /// The values it is applied to.
    pub fn inputs(&self) -> &[Value] {
        &self.inputs
    }

    /// What its outputs are.
    pub fn metas(&self) -> &[Meta] {
        &self.metas
    }

    /// Equal for equal operations on equal inputs; data count by identity, not by content.
    pub fn hash(&self) -> u128 {
        self.hash
    }
}

fn hash(op: &dyn Operation, inputs: &[Value]) -> Result<u128> {
    let mut hasher = Xxh3::new();
    match op.identity() {
        Some(identity) => {
            hasher.update(op.name().as_bytes());
            hasher.update(&identity.to_le_bytes());
        }
        None => {
            let mut bytes = Vec::with_capacity(128);
            ciborium::into_writer(op, &mut bytes).map_err(|error| Error::Bug {
                what: format!("{} cannot be written as data: {error}", op.name()),
            })?;
            hasher.update(&bytes);
        }
    }
    for input in inputs {
        hasher.update(&input.node.hash.to_le_bytes());
        hasher.update(&(input.output as u64).to_le_bytes());
    }
    Ok(hasher.digest128())
}

impl Drop for Node {
    /// Takes long chains apart link by link: dropping them by recursion would overflow the stack.
    fn drop(&mut self) {
        let mut open: Vec<Value> = std::mem::take(&mut self.inputs);
        while let Some(value) = open.pop() {
            if let Some(mut node) = Arc::into_inner(value.node) {
                open.append(&mut node.inputs);
            }
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({}, {} inputs, {:032x})", self.op.name(), self.inputs.len(), self.hash)
    }
}

/// One output of a node: what an array stands for.
#[derive(Clone)]
pub struct Value {
    /// The node.
    pub node: Arc<Node>,
    /// Which of its outputs.
    pub output: usize,
}

impl Value {
    /// The only output, or the first, of a node.
    pub fn new(node: Arc<Node>) -> Self {
        Value { node, output: 0 }
    }

    /// What is known of it.
    pub fn meta(&self) -> &Meta {
        &self.node.metas[self.output]
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}.{}", self.node, self.output)
    }
}

/// What can be computed: whatever stands for a value of an expression.
pub trait Lazy {
    /// The value it stands for.
    fn value(&self) -> &Value;
}

impl Lazy for Value {
    fn value(&self) -> &Value {
        self
    }
}

impl<T: Lazy + ?Sized> Lazy for &T {
    fn value(&self) -> &Value {
        (**self).value()
    }
}
