//! From an array of any size to what a picture shows of it, by the engine.

use brickwork_core::{Block, ChunkSpec, DType, Result, Weak};
use brickwork_draw::{HeatMap, LinePlot};
use brickwork_ops::assemble::PadMode;
use brickwork_ops::{Array, memory, not_equal};
use brickwork_sched::{Scheduler, compute_all};

/// Computed blocks, in the order in which they were requested.
pub(super) type Blocks = std::vec::IntoIter<Block>;

/// An array as it is computed for a picture.
#[derive(Debug)]
pub(super) enum Reduced {
    Cells(Cells),
    Columns(Columns),
}

/// Two axes: the means of blocks.
#[derive(Debug)]
pub(super) struct Cells {
    means: Array,
    /// How many elements of every block are NaN, if that is not to be seen in the means.
    nan: Option<Array>,
    /// Elements that were added to fill the last blocks, and are NaN too.
    added: usize,
    shape: [usize; 2],
    factors: [usize; 2],
}

/// One axis: the smallest and the largest of the elements of a column.
#[derive(Debug)]
pub(super) struct Columns {
    /// The array itself, if every element has a column of its own.
    low: Array,
    high: Option<Array>,
    nan: Option<Array>,
    added: usize,
    length: usize,
    factor: usize,
}

impl Reduced {
    /// What is to be computed.
    pub fn requested(&self) -> impl Iterator<Item = &Array> {
        let (first, second, third) = match self {
            Reduced::Cells(cells) => (&cells.means, None, cells.nan.as_ref()),
            Reduced::Columns(columns) => (&columns.low, columns.high.as_ref(), columns.nan.as_ref()),
        };
        [Some(first), second, third].into_iter().flatten()
    }
}

impl Cells {
    /// Of an array of two axes.
    pub fn new(array: &Array, factors: [usize; 2]) -> Result<Cells> {
        let shape = [array.shape()[0], array.shape()[1]];
        if factors == [1, 1] {
            return Ok(Cells { means: array.clone(), nan: None, added: 0, shape, factors });
        }
        let (filled, added) = filled(array, &factors)?;
        let by_axis = [(0, factors[0]), (1, factors[1])];
        // In double precision, so that the sum of a block of large numbers does not overflow.
        let means = filled.coarsen(&by_axis, false, |blocks, axes| blocks.nanmean(axes.dtype(DType::F64)))?;
        let nan = nan_counts(&filled, &by_axis)?;
        Ok(Cells { means, nan, added, shape, factors })
    }

    pub fn heat_map(&self, blocks: &mut Blocks) -> brickwork_draw::Result<HeatMap> {
        let means = blocks.next().expect("means are requested first");
        let map = HeatMap::new(&means)?.means_of(self.shape, self.factors);
        Ok(match &self.nan {
            None => map,
            Some(_) => map.no_value(total(blocks) - self.added),
        })
    }
}

impl Columns {
    /// Of an array of one axis.
    pub fn new(array: &Array, factor: usize) -> Result<Columns> {
        let length = array.size();
        if factor == 1 {
            return Ok(Columns { low: array.clone(), high: None, nan: None, added: 0, length, factor });
        }
        let (filled, added) = filled(array, &[factor])?;
        let by_axis = [(0, factor)];
        let low = filled.coarsen(&by_axis, false, |columns, axes| columns.nanmin(axes))?;
        let high = filled.coarsen(&by_axis, false, |columns, axes| columns.nanmax(axes))?;
        let nan = nan_counts(&filled, &by_axis)?;
        Ok(Columns { low, high: Some(high), nan, added, length, factor })
    }

    /// Adds the computed line to a picture.
    pub fn add_to(
        &self,
        lines: LinePlot,
        name: &str,
        blocks: &mut Blocks,
    ) -> brickwork_draw::Result<LinePlot> {
        let low = blocks.next().expect("the smallest are requested first");
        if self.high.is_none() {
            return lines.line(name, &low);
        }
        let high = blocks.next().expect("the largest are requested next");
        let nan = if self.nan.is_some() { total(blocks) - self.added } else { 0 };
        lines.envelope(name, [&low, &high], self.length, self.factor, nan)
    }
}

/// The sum of a block of counts.
fn total(blocks: &mut Blocks) -> usize {
    let counts = blocks.next().expect("counts are requested last");
    counts.to_vec::<i64>().into_iter().map(|count| count as usize).sum()
}

/// The array with NaN behind its ends, so that blocks are whole; and how many were added.
fn filled(array: &Array, factors: &[usize]) -> Result<(Array, usize)> {
    let widths: Vec<(usize, usize)> = array
        .shape()
        .iter()
        .zip(factors)
        .map(|(&length, &factor)| (0, length.div_ceil(factor) * factor - length))
        .collect();
    if widths.iter().all(|&width| width == (0, 0)) {
        return Ok((array.clone(), 0));
    }
    let floating = if array.dtype().is_float() { array.clone() } else { array.astype(DType::F64)? };
    let filled = floating.pad(&widths, PadMode::Constant(Weak::Float(f64::NAN)))?;
    let added = filled.size() - array.size();
    Ok((filled, added))
}

/// How many elements of every block are NaN; none for dtypes that have no NaN.
fn nan_counts(array: &Array, factors: &[(isize, usize)]) -> Result<Option<Array>> {
    if !array.dtype().is_float() {
        return Ok(None);
    }
    // NaN alone differs from itself. Compared within the blocks, which the other reductions fold too, every element
    // is read once.
    let counts = array
        .coarsen(factors, false, |blocks, axes| not_equal(blocks, blocks)?.sum(axes.dtype(DType::I64)))?;
    Ok(Some(counts))
}

/// The arrays with lengths that are known: a boolean selection is computed for its length, and kept.
pub(super) fn with_known_lengths(
    arrays: &[(String, Array)],
    scheduler: &dyn Scheduler,
) -> Result<Vec<(String, Array)>> {
    let unknown: Vec<Array> =
        arrays.iter().filter(|(_, array)| !array.is_known()).map(|(_, array)| array.clone()).collect();
    if unknown.is_empty() {
        return Ok(arrays.to_vec());
    }
    let mut blocks = compute_all(&unknown, scheduler)?.into_iter();
    let known = arrays.iter().map(|(name, array)| {
        if array.is_known() {
            return Ok((name.clone(), array.clone()));
        }
        let block = blocks.next().expect("every unknown array was requested");
        Ok((name.clone(), memory::from_block(block, &ChunkSpec::auto())?))
    });
    known.collect()
}
