//! Expression, plan and evaluation of Brickwork's lazy n-dimensional arrays.
//!
//! This crate does no I/O, starts no thread and reads no clock. It holds the words of the whole system: dtypes, chunk
//! grids, regions, blocks; the expression and the traits that operations implement; the planner; and the evaluation of
//! one task.

mod block;
mod buffer;
mod chunks;
mod dtype;
mod element;
mod error;
pub mod eval;
mod expr;
pub mod fold;
mod operation;
mod origin;
pub mod plan;
mod region;
mod region_map;
pub mod simd;
mod source;
mod spill;
mod strided;

pub use block::{Block, BlockMut, SharedBlock, ViewMut};
pub use buffer::{Buffer, BufferPool, rounded_size};
pub use chunks::{
    AUTO_CHUNK_BYTES, AxisChunks, AxisSpec, ChunkGrid, ChunkSpec, format_bytes, format_count, parse_bytes,
};
pub use dtype::{DType, DTypeKind, TimeUnit, WeakKind};
pub use element::{Bool8, Element, Scalar, Weak};
pub use error::{Error, Result};
pub use expr::{Lazy, LengthId, Meta, Node, Value};
pub use num_complex::Complex;
pub use operation::{
    Assemble, Elementwise, Kind, Map, Operand, Operation, Piece, PieceFrom, Reduce, Scan, Staged, Tile,
    TileMut, View,
};
pub use origin::Origin;
pub use region::{AxisRange, Region};
pub use region_map::{AxisMap, broadcast_maps, demand};
pub use source::{Generator, Granule, Pending, Runs, Sink, SinkWriter, Source, Together};
pub use spill::{SpillCodec, SpillFile, SpillLayout, SpillPlace, Spilled};

// Lengths are `usize` everywhere.
const _: () = assert!(usize::BITS == 64, "Brickwork is for 64-bit machines");
