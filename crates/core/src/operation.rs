//! What an operation says about itself: the traits that every operation, ours or a user's, implements.

use std::any::Any;
use std::fmt::Debug;

use crate::block::{Block, BlockMut};
use crate::dtype::DType;
use crate::element::{Element, Scalar};
use crate::error::Result;
use crate::expr::{Meta, Value};
use crate::fold::{Acc, AccSpec, FoldSpec, LeafInput};
use crate::region::Region;
use crate::region_map::{AxisMap, broadcast_maps};
use crate::source::{Generator, Source};

/// A node of the expression: a small, plain, serialisable struct.
///
/// Implement it with `#[typetag::serde(name = "my_crate::MyOp")]`, so that every scheduler can send it.
#[typetag::serde(tag = "type")]
pub trait Operation: Debug + Send + Sync + 'static {
    /// The name users know it by, for messages and plans.
    fn name(&self) -> String;

    /// Shape, dtype and chunks of every output; an error if the inputs do not fit.
    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>>;

    /// Which of the kinds it is, and how it does that.
    fn kind(&self) -> Kind<'_>;

    /// Tells two operations apart that look the same as data, because they hold a closure or memory.
    fn identity(&self) -> Option<u128> {
        None
    }

    /// The same operation for inputs whose lengths have become known: until then it was built for the longest they
    /// could be. `None` if it fits as it is.
    fn refitted(&self, _inputs: &[Meta]) -> Option<std::sync::Arc<dyn Operation>> {
        None
    }

    /// What an element costs to compute, in additions. The planner holds dear values rather than computing them
    /// twice.
    fn cost(&self) -> f64 {
        1.0
    }
}

/// What an operation does.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Kind<'a> {
    /// Reads regions from a store.
    Source(&'a dyn Source),
    /// Makes values from their positions.
    Generator(&'a dyn Generator),
    /// The same function for every element of broadcast inputs.
    Elementwise(&'a dyn Elementwise),
    /// The input under other axes: no value changes or moves.
    View(&'a dyn View),
    /// The output is put together from pieces of the inputs.
    Assemble(&'a dyn Assemble),
    /// A function of a region of every input.
    Map(&'a dyn Map),
    /// Folds axes away.
    Reduce(&'a dyn Reduce),
    /// Runs along an axis.
    Scan(&'a dyn Scan),
    /// Cannot be cut into tasks before some values are known.
    Staged(&'a dyn Staged),
}

/// The same function for every element. Inputs are broadcast to the output by NumPy's rule.
pub trait Elementwise: Debug + Any {
    /// Computes `out` from the inputs, which are as long as `out` or one value for all of it. Their dtypes are those
    /// of the metas that `infer` saw: casts are nodes of their own.
    fn apply(&self, inputs: &[Tile<'_>], out: &mut TileMut<'_>);

    /// A kernel that does the work of this operation and of the one before it in a single pass, to the same bits, if
    /// there is one. `before` makes the inputs whose numbers are `at`. The inputs of the kernel, whose dtypes are given,
    /// are those of `before`, then the others of this operation in their order.
    fn after(
        &self,
        _before: &dyn Elementwise,
        _at: &[usize],
        _dtypes: &[DType],
    ) -> Option<Box<dyn Elementwise>> {
        None
    }
}

/// The input under other axes: slices, transposes, new axes, broadcasts.
pub trait View: Debug {
    /// What every axis of the input follows: [`AxisMap::Along`] without halo, or [`AxisMap::Fixed`]. Output axes
    /// that nothing follows repeat the input.
    fn maps(&self, input: &Meta, out: &Meta) -> Vec<AxisMap>;
}

/// The output is put together from pieces of the inputs: stack, concatenate, pad, take.
pub trait Assemble: Debug {
    /// The regions of inputs whose *values* say what else is needed; they are evaluated first.
    fn index_demand(&self, _inputs: &[Meta], _out: &Region) -> Vec<(usize, Region)> {
        Vec::new()
    }

    /// Names every piece of the output region once. `indices` are the blocks asked for by
    /// [`Assemble::index_demand`].
    fn pieces(
        &self,
        inputs: &[Meta],
        out: &Region,
        indices: &[Block],
        visit: &mut dyn FnMut(Piece),
    ) -> Result<()>;

    /// Whether values of an input decide what is read, so that the plan can only bound it.
    fn is_indirect(&self) -> bool {
        false
    }
}

/// Part of an output region: where its values come from and where they go.
#[derive(Debug, Clone)]
pub struct Piece {
    /// Where the values come from.
    pub from: PieceFrom,
    /// Where they go, in positions of the output block. Of the same size as what is read, in the same C order.
    pub place: Region,
}

/// Where a piece's values come from.
#[derive(Debug, Clone)]
pub enum PieceFrom {
    /// A region of an input; steps may be negative.
    Input(usize, Region),
    /// One value for all elements.
    Value(Scalar),
}

/// A function of a region of every input: stencils, blocks of a user's function, scans.
pub trait Map: Debug {
    /// The region of every input that a region of output `output` needs.
    fn demand(&self, inputs: &[Meta], out: &Region, output: usize) -> Vec<Region>;

    /// Computes the region `at` of output `output`. The blocks are those demanded, of any strides.
    fn apply(
        &self,
        blocks: &[Block],
        inputs: &[Meta],
        at: &Region,
        output: usize,
        out: &mut BlockMut,
    ) -> Result<()>;

    /// Whether it is computed once for all, held, and never per task: for results that every task needs whole.
    fn is_held(&self) -> bool {
        false
    }

    /// The region that must be computed in one call to give `out`; a user's block function widens it to whole
    /// chunks.
    fn widen(&self, _metas: &[Meta], out: &Region) -> Region {
        out.ascending()
    }

    /// Bytes the call needs beside its inputs and its output.
    fn scratch(&self, _inputs: &[Meta], _out: &Region) -> usize {
        0
    }
}

/// Folds axes of its domain away. Which leaf holds which element, and in which order leaves join, is fixed by
/// [`FoldSpec`]; the operation only says how elements enter an accumulator and how two accumulators join.
pub trait Reduce: Debug {
    /// Axes and leaves.
    fn spec(&self) -> &FoldSpec;

    /// The index space that is folded; by default that of the first input.
    fn domain(&self, inputs: &[Meta]) -> Vec<usize> {
        inputs[0].shape.clone()
    }

    /// What the axes of input `k` follow in the domain; by default it is broadcast.
    fn input_maps(&self, inputs: &[Meta], k: usize) -> Vec<AxisMap> {
        broadcast_maps(&inputs[k].shape, &self.domain(inputs))
    }

    /// The box of the domain that is best folded in one call, where that is larger than what a cache holds: products
    /// of matrices use every element many times.
    fn best_box(&self) -> Option<Vec<usize>> {
        None
    }

    /// Whether a result of two axes is its own transpose, bit for bit, where the second of two inputs is the transpose of
    /// the first. Half of it is not computed then.
    fn is_symmetric(&self) -> bool {
        false
    }

    /// The same values by elementwise operations on the planes of a short folded axis; `None` where there is none, or
    /// the operation cannot say it so. Planes are computed as rows, where a fold would meet a few elements at a time.
    fn in_planes(&self, _inputs: &[Value]) -> Result<Option<Value>> {
        Ok(None)
    }

    /// The blocks of an accumulator.
    fn accumulators(&self, inputs: &[Meta]) -> Vec<AccSpec>;

    /// Sets an accumulator to "nothing folded yet".
    fn start(&self, acc: &mut Acc);

    /// Folds elements of one leaf, for all kept elements of a box. In a leaf of columns it may be called several
    /// times, with rising rows.
    fn fold(&self, acc: &mut Acc, leaf: &LeafInput<'_>) -> Result<()>;

    /// Whether folding asks [`LeafInput::at`] where the elements lie. If not, or if it knows [`LeafInput::starts`] as well,
    /// many leaves may be folded in one call.
    fn is_positional(&self) -> bool {
        true
    }

    /// Whether the elements may be grouped in any way without a change of bits, as those of an integer sum or a minimum
    /// may. Leaves that follow one another are folded as one then.
    fn is_exact(&self) -> bool {
        false
    }

    /// `left = left ⊕ right`.
    fn merge(&self, left: &mut Acc, right: &Acc);

    /// Turns a whole accumulator into output `output`, of shape kept elements followed by the output's extra axes.
    fn finish(&self, acc: &Acc, inputs: &[Meta], output: usize, out: &mut BlockMut) -> Result<()>;
}

/// Runs along an axis of its only input: an element needs all before it on its line. Running sums and products, and
/// filling forward.
///
/// A task that walks lines from their start carries a state from region to region and meets every element once. Where
/// that would leave workers idle, or the result is wanted in another order, the planner takes [`Scan::steps`] instead.
/// Both must give the same bits.
pub trait Scan: Debug {
    /// The axis it runs along.
    fn axis(&self) -> usize;

    /// The dtypes of the state: of each, one element for every line.
    fn state(&self, inputs: &[Meta]) -> Vec<DType>;

    /// Goes on from element `from` of every line, with the state that was returned there (`None` at the start): writes
    /// the elements of the rising region `at` and returns the state after the last of them. `block` holds the input
    /// from `from` to that last element.
    fn advance(
        &self,
        state: Option<&[Block]>,
        block: &Block,
        from: usize,
        at: &Region,
        out: &mut BlockMut,
    ) -> Result<Vec<Block>>;

    /// The same values by steps that do not wait for each other.
    fn steps(&self, input: &Value) -> Result<Value>;
}

/// Cannot be cut into tasks before the values of some inputs are known.
pub trait Staged: Debug {
    /// The inputs whose values must be known.
    fn awaited(&self) -> Vec<usize>;

    /// The operation to use once they are.
    fn resolve(&self, inputs: &[Meta], values: &[Block]) -> Result<Box<dyn Operation>>;
}

/// Some elements of one operand: a run, or one value that stands for all.
#[derive(Debug, Clone, Copy)]
pub struct Tile<'a> {
    bytes: &'a [u8],
    dtype: DType,
    is_scalar: bool,
}

/// The elements of an operand, typed.
#[derive(Debug, Clone, Copy)]
pub enum Operand<'a, T> {
    /// One for every output element.
    Slice(&'a [T]),
    /// The same for all.
    Scalar(T),
}

impl<'a> Tile<'a> {
    /// A run of elements.
    pub fn slice<T: Element>(values: &'a [T]) -> Self {
        Tile { bytes: bytemuck::cast_slice(values), dtype: T::DTYPE, is_scalar: false }
    }

    pub(crate) fn from_bytes(bytes: &'a [u8], dtype: DType, is_scalar: bool) -> Self {
        Tile { bytes, dtype, is_scalar }
    }

    /// The dtype.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The bytes, of one element or of all.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether it is one value for all.
    pub fn is_scalar(&self) -> bool {
        self.is_scalar
    }

    /// The elements.
    #[inline]
    pub fn get<T: Element>(&self) -> Operand<'a, T> {
        assert_eq!(self.dtype, T::DTYPE, "an operand is read as what it is");
        let values: &[T] = bytemuck::cast_slice(self.bytes);
        if self.is_scalar { Operand::Scalar(values[0]) } else { Operand::Slice(values) }
    }
}

/// The elements to be computed.
#[derive(Debug)]
pub struct TileMut<'a> {
    bytes: &'a mut [u8],
    dtype: DType,
}

impl<'a> TileMut<'a> {
    /// A run of elements to fill.
    pub fn slice<T: Element>(values: &'a mut [T]) -> Self {
        TileMut { bytes: bytemuck::cast_slice_mut(values), dtype: T::DTYPE }
    }

    pub(crate) fn from_bytes(bytes: &'a mut [u8], dtype: DType) -> Self {
        TileMut { bytes, dtype }
    }

    /// The dtype.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The elements.
    #[inline]
    pub fn get<T: Element>(&mut self) -> &mut [T] {
        assert_eq!(self.dtype, T::DTYPE, "an operand is written as what it is");
        bytemuck::cast_slice_mut(self.bytes)
    }

    /// The bytes.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.bytes
    }
}
