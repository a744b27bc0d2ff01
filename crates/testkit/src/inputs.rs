//! The same inputs, arranged in several ways.

use brickwork_core::{AxisSpec, Block, ChunkSpec, Element, Result};
use brickwork_ops::Array;
use brickwork_ops::memory::from_block;
use ndarray::ArrayD;

use crate::compare::assert_array_eq_in;
use crate::configurations::some_configurations;
use crate::counting_source::CountingSource;
use crate::data::Chance;

/// How inputs lie: in memory, in chunks, in a file that is read by chunk or by element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inputs {
    /// In memory, in one chunk.
    Memory,
    /// In memory, in uneven chunks.
    MemoryInChunks(u64),
    /// Read in whole chunks, uneven ones.
    Chunks(u64),
    /// Read by element, with even chunks of this length.
    Elements(usize),
}

/// All ways, with chunks chosen by a number.
pub fn arrangements(choice: u64) -> [Inputs; 4] {
    [
        Inputs::Memory,
        Inputs::MemoryInChunks(choice),
        Inputs::Chunks(choice),
        Inputs::Elements(1 + choice as usize % 7),
    ]
}

/// Asserts that an operation gives the expected bits for every arrangement of its inputs, each under some
/// configurations chosen by a number.
#[track_caller]
pub fn check_operation<T: Element, U: Element>(
    inputs: &[&ArrayD<T>],
    choice: u64,
    build: impl Fn(&[Array]) -> Result<Array>,
    expected: &ArrayD<U>,
) {
    let expected = Block::from_ndarray(expected.view());
    for (number, arrangement) in arrangements(choice).into_iter().enumerate() {
        let arrays: Vec<Array> = inputs.iter().map(|values| arrangement.array(values)).collect();
        let array = build(&arrays).unwrap_or_else(|error| panic!("{arrangement:?}: {error}"));
        assert_array_eq_in(&array, &expected, &some_configurations(2, choice.wrapping_add(number as u64)));
    }
}

impl Inputs {
    /// The array over these values that lies like this.
    pub fn array<T: Element>(self, values: &ArrayD<T>) -> Array {
        self.block(Block::from_ndarray(values.view()))
    }

    /// The array over these values that lies like this.
    pub fn block(self, values: Block) -> Array {
        let array = match self {
            Inputs::Memory => from_block(values, &ChunkSpec::Every(AxisSpec::Whole)),
            Inputs::MemoryInChunks(choice) => {
                let chunks = uneven(values.shape(), choice);
                from_block(values, &chunks)
            }
            Inputs::Chunks(choice) => {
                let chunks = uneven(values.shape(), choice);
                CountingSource::new(values, chunks).and_then(|source| source.array())
            }
            Inputs::Elements(chunk) => {
                CountingSource::new(values, chunk).and_then(|source| source.by_element().array())
            }
        };
        array.expect("the chunks are made for the shape")
    }
}

/// Chunks of different lengths, a few along every axis.
fn uneven(shape: &[usize], choice: u64) -> ChunkSpec {
    let mut chance = Chance::new(choice);
    let axes = shape.iter().map(|&len| {
        let mut lengths = Vec::new();
        let mut left = len;
        while left > 0 {
            let chunk = if lengths.len() == 5 { left } else { 1 + chance.below(left) };
            lengths.push(chunk);
            left -= chunk;
        }
        if lengths.is_empty() { AxisSpec::Whole } else { AxisSpec::Lengths(lengths) }
    });
    ChunkSpec::Axes(axes.collect())
}

#[cfg(test)]
mod tests {
    use brickwork_core::{DType, Lazy, eval::evaluate};

    use super::*;
    use crate::{assert_block_eq, iota};

    #[test]
    fn every_arrangement_holds_the_same_values() {
        for shape in [&[][..], &[0], &[7], &[3, 1, 5]] {
            let values = iota(shape);
            let expected = Block::from_ndarray(values.view());
            for choice in 0..5 {
                for inputs in arrangements(choice) {
                    let array = inputs.array(&values);
                    assert_eq!((array.shape(), array.dtype()), (shape, DType::F64));
                    assert_block_eq(&evaluate(array.value()).unwrap(), &expected, &format!("{inputs:?}"));
                }
            }
        }
    }
}
