//! What the file of an operation needs.

pub use brickwork_core::fold::{Acc, AccSpec, FoldForm, FoldSpec, LeafInput};
pub use brickwork_core::{
    Assemble, AxisChunks, AxisMap, AxisRange, Block, BlockMut, Bool8, ChunkGrid, ChunkSpec, Complex, DType,
    DTypeKind, Element, Elementwise, Error, Generator, Kind, Map, Meta, Node, Operand, Operation, Piece,
    PieceFrom, Reduce, Region, Result, Scalar, Scan, Source, Staged, Tile, TileMut, Value, View, ViewMut,
    Weak, with_element,
};
pub use serde::{Deserialize, Serialize};

pub use crate::array::Array;
pub use crate::term::Term;
