//! The array: what users hold.

use std::fmt;
use std::sync::Arc;

use brickwork_core::{Lazy, LengthId};

use crate::prelude::*;

/// A lazy n-dimensional array: shape, dtype, chunks, and the expression that gives its values. Holds no data.
///
/// Cloning is cheap. Methods build new arrays; nothing is computed before a scheduler is asked to.
#[derive(Clone)]
#[must_use = "arrays are lazy: building one computes nothing"]
pub struct Array {
    value: Value,
    selection: Option<Arc<Selection>>,
}

/// An array of a length that only the data tell, as it was before elements were selected. Whatever needs no positions
/// works on this, in one pass.
#[derive(Clone)]
pub(crate) struct Selection {
    /// The unselected elements.
    pub dense: Value,
    /// Which of them are selected: a bool array that has the leading axes of `dense`.
    pub mask: Value,
    /// Names the selection: arrays with the same one are equally long.
    pub id: LengthId,
}

impl Array {
    /// The array that stands for a value of an expression.
    pub fn new(value: Value) -> Self {
        Array { value, selection: None }
    }

    pub(crate) fn selected(value: Value, selection: Selection) -> Self {
        Array { value, selection: Some(Arc::new(selection)) }
    }

    /// Applies an operation to arrays: the way in for operations of other crates too.
    ///
    /// # Errors
    /// Whatever the operation's `infer` finds wrong with the inputs.
    pub fn apply(op: impl Operation, inputs: &[&Array]) -> Result<Array> {
        Ok(Array::apply_all(op, inputs)?.swap_remove(0))
    }

    /// Applies an operation with several outputs.
    pub fn apply_all(op: impl Operation, inputs: &[&Array]) -> Result<Vec<Array>> {
        let op: Arc<dyn Operation> = Arc::new(op);
        let values: Vec<Value> = inputs.iter().map(|input| input.value.clone()).collect();
        if inputs.iter().all(|input| input.value.meta().is_known()) {
            let node = Node::shared(op, values)?;
            return Ok(outputs(&node).map(Array::new).collect());
        }
        if matches!(op.kind(), Kind::Elementwise(_)) {
            return selected_elementwise(&op, inputs, values);
        }
        deferred(op, values)
    }

    /// Elements along every axis; an upper bound where [`Array::is_known`] is false.
    pub fn shape(&self) -> &[usize] {
        &self.meta().shape
    }

    /// Whether every length is known. A boolean selection's is known when it has run.
    pub fn is_known(&self) -> bool {
        self.meta().is_known()
    }

    /// Number of axes.
    pub fn ndim(&self) -> usize {
        self.shape().len()
    }

    /// Elements in all.
    pub fn size(&self) -> usize {
        self.meta().size()
    }

    /// Bytes in all.
    pub fn nbytes(&self) -> usize {
        self.meta().nbytes()
    }

    /// Type of the elements.
    pub fn dtype(&self) -> DType {
        self.meta().dtype
    }

    /// How the array is cut.
    pub fn chunks(&self) -> &ChunkGrid {
        &self.meta().chunks
    }

    /// What is known of the array.
    pub fn meta(&self) -> &Meta {
        self.value.meta()
    }

    pub(crate) fn selection(&self) -> Option<&Selection> {
        self.selection.as_deref()
    }

    /// The axis that a signed number means: -1 is the last.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`] if there is no such axis.
    pub fn resolve_axis(&self, op: &str, axis: isize) -> Result<usize> {
        resolve_axis(op, axis, self.ndim())
    }
}

/// The axis that a signed number means among `ndim`.
pub(crate) fn resolve_axis(op: &str, axis: isize, ndim: usize) -> Result<usize> {
    let resolved = if axis < 0 { axis + ndim as isize } else { axis };
    if resolved < 0 || resolved >= ndim as isize {
        return Err(Error::AxisOutOfRange { op: op.into(), axis, ndim });
    }
    Ok(resolved as usize)
}

/// The axes that signed numbers mean, in the order given; an error if one comes twice.
pub(crate) fn resolve_axes(op: &str, axes: &[isize], ndim: usize) -> Result<Vec<usize>> {
    let mut resolved = Vec::with_capacity(axes.len());
    for &axis in axes {
        let axis = resolve_axis(op, axis, ndim)?;
        if resolved.contains(&axis) {
            return Err(Error::argument(op, format!("axis {axis} is given twice; name every axis once")));
        }
        resolved.push(axis);
    }
    Ok(resolved)
}

/// The shape that arrays broadcast to, by NumPy's rule.
pub(crate) fn broadcast_shapes(op: &str, shapes: &[&[usize]]) -> Result<Vec<usize>> {
    let ndim = shapes.iter().map(|shape| shape.len()).max().unwrap_or(0);
    let mut out = vec![1; ndim];
    for shape in shapes {
        let missing = ndim - shape.len();
        for (axis, &len) in shape.iter().enumerate() {
            let slot = &mut out[axis + missing];
            if *slot == 1 {
                *slot = len;
            } else if len != 1 && len != *slot {
                return Err(Error::ShapeMismatch {
                    op: op.into(),
                    all: shapes.iter().map(|shape| shape.to_vec()).collect(),
                    axis: (axis + missing) as isize - ndim as isize,
                    left: *slot,
                    right: len,
                });
            }
        }
    }
    Ok(out)
}

/// What an elementwise operation gives: the broadcast shape; along every axis the chunks of the first input that is
/// not broadcast there.
pub fn broadcast_meta(op: &str, inputs: &[Meta], dtype: DType) -> Result<Meta> {
    let shapes: Vec<&[usize]> = inputs.iter().map(|input| input.shape.as_slice()).collect();
    let shape = broadcast_shapes(op, &shapes)?;
    let axes = (0..shape.len())
        .map(|axis| {
            let from_end = shape.len() - axis;
            let chunks = inputs.iter().filter(|input| input.ndim() >= from_end).find_map(|input| {
                let chunks = &input.chunks.axes()[input.ndim() - from_end];
                (chunks.len() == shape[axis] && (chunks.len() != 1 || input.size() > 0))
                    .then(|| chunks.clone())
            });
            chunks.unwrap_or_else(|| AxisChunks::regular(shape[axis], shape[axis]))
        })
        .collect();
    Ok(Meta::new(&shape, dtype, ChunkGrid::new(axes)))
}

fn outputs(node: &Arc<Node>) -> impl Iterator<Item = Value> + '_ {
    (0..node.metas().len()).map(|output| Value { node: node.clone(), output })
}

/// An elementwise operation on selected elements: once as it reads, and once on what was there before the selection.
fn selected_elementwise(
    op: &Arc<dyn Operation>,
    inputs: &[&Array],
    values: Vec<Value>,
) -> Result<Vec<Array>> {
    let Some(first) = inputs.iter().find_map(|input| input.selection()) else {
        return deferred(op.clone(), values);
    };
    for input in inputs {
        let fits = match input.selection() {
            Some(selection) => selection.id == first.id,
            None => input.size() == 1 && input.ndim() <= 1 && input.is_known(),
        };
        if !fits {
            return deferred(op.clone(), values);
        }
    }
    let unknown =
        inputs.iter().find(|input| input.selection.is_some()).map(|input| input.meta().unknown.clone());
    let unknown = unknown.unwrap_or_default();
    let input_metas: Vec<Meta> = values.iter().map(|value| value.meta().clone()).collect();
    let metas = op.infer(&input_metas)?;
    let metas = metas.into_iter().map(|meta| Meta { unknown: unknown.clone(), ..meta }).collect();
    let node = Node::with_metas(op.clone(), values, metas)?;
    let dense: Vec<Value> = inputs
        .iter()
        .map(|input| {
            input.selection().map_or_else(|| input.value.clone(), |selection| selection.dense.clone())
        })
        .collect();
    let dense = Node::shared(op.clone(), dense)?;
    Ok(outputs(&node)
        .zip(outputs(&dense))
        .map(|(value, dense)| Array::selected(value, Selection { dense, ..first.clone() }))
        .collect())
}

/// An operation that needs lengths nobody knows yet: which lengths of its outputs depend on them is found by asking
/// it twice, for the longest and for the shortest they can be.
fn deferred(op: Arc<dyn Operation>, values: Vec<Value>) -> Result<Vec<Array>> {
    let longest: Vec<Meta> =
        values.iter().map(|value| Meta { unknown: Vec::new(), ..value.meta().clone() }).collect();
    let shortest: Vec<Meta> = values
        .iter()
        .map(|value| {
            let meta = value.meta();
            let shape: Vec<usize> = meta
                .shape
                .iter()
                .enumerate()
                .map(|(axis, &len)| if meta.unknown.get(axis).is_some_and(Option::is_some) { 0 } else { len })
                .collect();
            Meta::whole(&shape, meta.dtype)
        })
        .collect();
    let metas = op.infer(&longest)?;
    let least = op.infer(&shortest).ok();
    let node = Node::with_metas(op.clone(), values.clone(), metas.clone())?;
    let hash = node.hash();
    let metas = metas
        .into_iter()
        .enumerate()
        .map(|(output, meta)| {
            let differs = |axis: usize| {
                least.as_ref().is_none_or(|least| least[output].shape.get(axis) != Some(&meta.shape[axis]))
            };
            let id = |axis: usize| LengthId(hash ^ ((output as u128) << 64 | (axis as u128 + 1)));
            let unknown = (0..meta.ndim()).map(|axis| differs(axis).then(|| id(axis))).collect();
            Meta { unknown, ..meta }
        })
        .collect();
    let node = Node::with_metas(op, values, metas)?;
    Ok(outputs(&node).map(Array::new).collect())
}

impl Lazy for Array {
    fn value(&self) -> &Value {
        &self.value
    }
}

impl fmt::Debug for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Array({}, shape {:?}, {}, chunks {})",
            self.value.node.op().name(),
            self.shape(),
            self.dtype(),
            self.chunks()
        )
    }
}

impl From<&Array> for Array {
    fn from(array: &Array) -> Self {
        array.clone()
    }
}
