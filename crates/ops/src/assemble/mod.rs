//! Arrays put together from pieces of others: nothing is computed, elements only move.

#[cfg(test)]
pub(crate) mod check;
mod concatenate;
mod pad;
pub(crate) mod pieces;
mod pointwise;
mod rearrange;
mod repeat;
mod reshape;
mod roll;
mod runs;
mod stack;
mod take;
mod tile;

pub use concatenate::{concatenate, dstack, hstack, vstack};
pub use pad::PadMode;
pub use stack::stack;
pub use take::IndexArray;
