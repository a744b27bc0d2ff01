//! Arrays for tests.

use brickwork_core::Block;
use brickwork_ops::Array;
use brickwork_testkit::{CountingSource, quarters};

/// An array of quarters that is read from a store in memory, in square chunks.
pub(crate) fn stored(shape: &[usize], chunk: usize) -> Array {
    let values = quarters(shape, 1);
    let source = CountingSource::new(Block::from_ndarray(values.view()), chunk).expect("a source");
    source.array().expect("an array")
}
