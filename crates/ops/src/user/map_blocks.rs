//! A user's function of every chunk.

use std::sync::Arc;

use ndarray::{ArrayD, ArrayViewD};

use super::closure::{COST, Closure, require_dtype, to_block};
use crate::assemble::pieces::{advance, require_known};
use crate::prelude::*;

type BlocksFn = dyn Fn(&Block, &BlockInfo) -> Block + Send + Sync;

const NAME: &str = "map_blocks";

/// Which chunk a function is given.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlockInfo {
    /// Number of the chunk along every axis.
    pub index: Vec<usize>,
    /// Its elements in the array.
    pub region: Region,
}

impl Array {
    /// Applies `function` to every chunk of the array's own chunk grid, whole, exactly as [`Array::chunks`] says.
    ///
    /// - shape, chunks: as `self`, so the function returns as many elements as it is given; dtype: that of `U`
    /// - reads: whole chunks, those that the asked region touches; a chunk counts as a whole against the memory budget
    ///
    /// The values may depend on the chunks; use [`Array::map_elements`] where they need not. The function lives in this
    /// process; other processes refuse it.
    ///
    /// Agrees with `dask.array.map_blocks`, where shapes stay the same.
    ///
    /// # Errors
    /// If the dtype of `self` is not that of `T`, or a length is unknown. While running, if the function returns another
    /// shape than it was given.
    ///
    /// # Examples
    /// ```
    /// # use brickwork_ops::Array;
    /// let x = Array::from_vec(vec![1.0, 2.0, 4.0], &[3])?;
    /// let y = x.map_blocks(|block: ndarray::ArrayViewD<'_, f64>, _| &block - block.sum())?;
    /// assert_eq!(y.shape(), [3]);
    /// # Ok::<(), brickwork_core::Error>(())
    /// ```
    pub fn map_blocks<T, U, F>(&self, function: F) -> Result<Array>
    where
        T: Element,
        U: Element,
        F: Fn(ArrayViewD<'_, T>, &BlockInfo) -> ArrayD<U> + Send + Sync + 'static,
    {
        require_dtype::<T>(NAME, self)?;
        require_known(NAME, self)?;
        let apply = move |block: &Block, info: &BlockInfo| to_block(function(block.view::<T>(), info));
        let function: Arc<BlocksFn> = Arc::new(apply);
        let op = MapBlocks {
            dtype: U::DTYPE,
            chunks: self.chunks().clone(),
            function: Closure::new::<F>(function),
        };
        Array::apply(op, &[self])
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct MapBlocks {
    dtype: DType,
    /// The grid when it was built: no rewriting of the input may change what the function sees.
    chunks: ChunkGrid,
    function: Closure<BlocksFn>,
}

#[typetag::serde(name = "brickwork_ops::MapBlocks")]
impl Operation for MapBlocks {
    fn name(&self) -> String {
        self.function.name(NAME)
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        self.function.get(NAME)?;
        let shape = self.chunks.shape();
        if inputs[0].shape != shape {
            let reason = format!("made for an array of shape {shape:?}, not {:?}", inputs[0].shape);
            return Err(Error::argument(NAME, reason));
        }
        Ok(vec![Meta::new(&shape, self.dtype, self.chunks.clone())])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Map(self)
    }

    fn identity(&self) -> Option<u128> {
        self.function.identity()
    }

    fn cost(&self) -> f64 {
        COST
    }
}

impl MapBlocks {
    /// First chunk and number of chunks that a range touches, along every axis.
    fn touched(&self, region: &Region) -> Vec<(usize, usize)> {
        let count = |(chunks, range): (&AxisChunks, &AxisRange)| {
            let (low, high) = range.bounds();
            if low == high {
                return (0, 0);
            }
            let first = chunks.chunk_of(low);
            (first, chunks.chunk_of(high - 1) - first + 1)
        };
        self.chunks.axes().iter().zip(region.axes()).map(count).collect()
    }
}

impl Map for MapBlocks {
    fn demand(&self, _inputs: &[Meta], out: &Region, _output: usize) -> Vec<Region> {
        vec![out.clone()]
    }

    fn apply(
        &self,
        blocks: &[Block],
        _inputs: &[Meta],
        at: &Region,
        _output: usize,
        out: &mut BlockMut,
    ) -> Result<()> {
        let function = self.function.get(NAME)?;
        let touched = self.touched(at);
        if at.is_empty() {
            return Ok(());
        }
        let mut index = vec![0; at.ndim()];
        loop {
            let chunk: Vec<usize> = touched.iter().zip(&index).map(|((first, _), i)| first + i).collect();
            let range = |(chunks, &k): (&AxisChunks, &usize)| {
                let (start, len) = chunks.chunk_range(k);
                AxisRange::new(start, len)
            };
            let region = Region::from_iter(self.chunks.axes().iter().zip(&chunk).map(range));
            if !at.contains(&region) {
                return Err(Error::Bug {
                    what: format!("{NAME} was asked for {at}, which cuts the chunk {region}"),
                });
            }
            let position =
                |(range, at): (&AxisRange, &AxisRange)| AxisRange::new(range.start - at.start, range.len);
            let place = Region::from_iter(region.axes().iter().zip(at.axes()).map(position));
            let result =
                function(&blocks[0].slice(&place), &BlockInfo { index: chunk, region: region.clone() });
            if result.shape() != region.shape() {
                let reason = format!(
                    "the function returned shape {:?} for the chunk {region} of shape {:?}; it must return as many \
                     elements as it is given",
                    result.shape(),
                    region.shape()
                );
                return Err(Error::Function { op: self.name(), reason });
            }
            out.slice_mut(&place).assign(&result);
            if !advance(&mut index, |axis| touched[axis].1) {
                return Ok(());
            }
        }
    }

    /// The box of whole chunks.
    fn widen(&self, _metas: &[Meta], out: &Region) -> Region {
        let whole = |(chunks, (first, count)): (&AxisChunks, (usize, usize))| {
            if count == 0 {
                return AxisRange::new(0, 0);
            }
            let (start, _) = chunks.chunk_range(first);
            let (last, len) = chunks.chunk_range(first + count - 1);
            AxisRange::new(start, last + len - start)
        };
        Region::from_iter(self.chunks.axes().iter().zip(self.touched(out)).map(whole))
    }

    /// What the function returns, and a copy of what it is given, of one chunk.
    fn scratch(&self, inputs: &[Meta], _out: &Region) -> usize {
        let elements: usize = self.chunks.max_chunk().iter().product();
        let input = inputs.first().map_or(0, |input| input.dtype.itemsize());
        elements.saturating_mul(input + 2 * self.dtype.itemsize())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use brickwork_core::Lazy;
    use brickwork_core::eval::{evaluate, evaluate_region};

    use super::*;
    use crate::assemble::check::{check, iota};

    fn chunked(shape: &[usize], chunks: ChunkSpec) -> Array {
        let size: usize = shape.iter().product();
        crate::memory::from_block(Block::from_vec((0..size as i64).collect(), shape), &chunks).unwrap()
    }

    #[test]
    fn the_function_sees_whole_chunks_and_where_they_lie() {
        let x = chunked(&[3, 5], [2, 3].into());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = seen.clone();
        let y = x
            .map_blocks(move |block: ArrayViewD<'_, i64>, info| {
                log.lock().unwrap().push((
                    info.index.clone(),
                    info.region.to_string(),
                    block.shape().to_vec(),
                ));
                block.mapv(|value| value - block.sum())
            })
            .unwrap();
        let result = evaluate(y.value()).unwrap().to_vec::<i64>();
        let sums = [21, 24, 33, 27];
        for i in 0..3 {
            for j in 0..5 {
                assert_eq!(result[i * 5 + j], (i * 5 + j) as i64 - sums[i / 2 * 2 + j / 3]);
            }
        }
        let mut calls = std::mem::take(&mut *seen.lock().unwrap());
        calls.sort();
        assert_eq!(calls.len(), 4);
        assert_eq!(calls[3], (vec![1, 1], "[2:3, 3:5]".into(), vec![1, 2]));
        // A part asks for whole chunks, but only those it touches.
        let region = Region::new(vec![AxisRange::at(0), AxisRange::stepped(4, 2, -1)]);
        assert_eq!(evaluate_region(y.value(), &region).unwrap().to_vec::<i64>(), [4 - 24, 3 - 24]);
        assert_eq!(seen.lock().unwrap().len(), 1);
    }

    #[test]
    fn regions_agree_with_the_whole() {
        let x = chunked(&[7, 4], [3, 3].into());
        let y = x
            .map_blocks(|block: ArrayViewD<'_, i64>, info| block.mapv(|v| v as f64 + info.index[0] as f64))
            .unwrap();
        let values: Vec<f64> = (0..28).map(|v| v as f64 + (v / 4 / 3) as f64).collect();
        check::<f64>(&y, &[7, 4], &values);
        check::<i64>(&iota(&[0]).map_blocks(|b: ArrayViewD<'_, i64>, _| b.to_owned()).unwrap(), &[0], &[]);
        let scalar = Array::from_vec(vec![3i64], &[]).unwrap();
        check::<i64>(&scalar.map_blocks(|b: ArrayViewD<'_, i64>, _| b.mapv(|v| -v)).unwrap(), &[], &[-3]);
    }

    #[test]
    fn other_shapes_are_refused() {
        let x = chunked(&[4], 2.into());
        let y = x.map_blocks(|_: ArrayViewD<'_, i64>, _| ArrayD::<i64>::zeros(vec![3])).unwrap();
        let error = evaluate(y.value()).unwrap_err();
        let text = format!(
            "{error} {}",
            std::error::Error::source(&error).map_or(String::new(), ToString::to_string)
        );
        assert!(text.contains("returned shape [3] for the chunk [0:2] of shape [2]"), "{text}");
    }
}
