//! Parts of results, joined to whole chunks before they are written.

use brickwork_core::{AxisRange, Block, BlockMut, ChunkGrid, Region, Result, Sink};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;

/// Keeps what does not fill its chunks until the rest has come. A reduction is finished patch by patch, in any order,
/// and a patch may end inside a chunk of the store.
#[derive(Debug)]
pub(crate) struct ChunkWriter {
    grid: ChunkGrid,
    /// By chunk: its values, and how many elements are missing.
    begun: Mutex<FxHashMap<Vec<usize>, (BlockMut, usize)>>,
}

impl ChunkWriter {
    /// For a sink that takes whole chunks of this grid.
    pub fn new(grid: ChunkGrid) -> Self {
        ChunkWriter { grid, begun: Mutex::default() }
    }

    /// Writes a region, or the chunks that it completes.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn write(&self, sink: &dyn Sink, region: &Region, block: &Block) -> Result<()> {
        if region.axes().iter().zip(self.grid.axes()).all(|(range, chunks)| {
            let (first, last) = (range.start, range.start + range.len - 1);
            let (end_start, end_len) = chunks.chunk_range(chunks.chunk_of(last));
            chunks.chunk_range(chunks.chunk_of(first)).0 == first && end_start + end_len == last + 1
        }) {
            return sink.write(region, block);
        }
        for chunk in self.chunks_of(region) {
            let cell = Region::new(
                chunk
                    .iter()
                    .zip(self.grid.axes())
                    .map(|(&k, chunks)| {
                        let (start, len) = chunks.chunk_range(k);
                        AxisRange::new(start, len)
                    })
                    .collect(),
            );
            let shared = intersection(&cell, region);
            let part = block.slice(&relative(&shared, region));
            let complete = {
                let mut begun = self.begun.lock();
                let (values, missing) = begun
                    .entry(chunk.clone())
                    .or_insert_with(|| (BlockMut::zeroed(block.dtype(), &cell.shape()), cell.size()));
                values.slice_mut(&relative(&shared, &cell)).assign(&part);
                *missing = missing.saturating_sub(shared.size());
                if *missing == 0 { begun.remove(&chunk) } else { None }
            };
            if let Some((values, _)) = complete {
                sink.write(&cell, &values.freeze())?;
            }
        }
        Ok(())
    }

    /// Whether every chunk that was begun has been written.
    pub fn is_done(&self) -> bool {
        self.begun.lock().is_empty()
    }

    fn chunks_of(&self, region: &Region) -> Vec<Vec<usize>> {
        let mut all = vec![Vec::new()];
        for (range, chunks) in region.axes().iter().zip(self.grid.axes()) {
            let touched = chunks.chunk_of(range.start)..=chunks.chunk_of(range.start + range.len - 1);
            all = all
                .into_iter()
                .flat_map(|at| touched.clone().map(move |k| [at.as_slice(), &[k]].concat()))
                .collect();
        }
        all
    }
}

fn intersection(left: &Region, right: &Region) -> Region {
    let axes = left.axes().iter().zip(right.axes()).map(|(left, right)| {
        let start = left.start.max(right.start);
        let end = (left.start + left.len).min(right.start + right.len);
        AxisRange::new(start, end.saturating_sub(start))
    });
    Region::new(axes.collect())
}

/// The region in positions of one that holds it.
fn relative(inner: &Region, outer: &Region) -> Region {
    let axes = inner.axes().iter().zip(outer.axes());
    Region::new(axes.map(|(inner, outer)| AxisRange::new(inner.start - outer.start, inner.len)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use brickwork_core::{DType, Meta};

    /// Notes what is written, and refuses what cuts a chunk.
    #[derive(Debug)]
    struct Whole {
        grid: ChunkGrid,
        written: Mutex<BlockMut>,
        writes: Mutex<usize>,
    }

    impl Sink for Whole {
        fn uri(&self) -> String {
            "whole".into()
        }

        fn create(&self, meta: &Meta) -> Result<ChunkGrid> {
            self.grid(meta)
        }

        fn grid(&self, _meta: &Meta) -> Result<ChunkGrid> {
            Ok(self.grid.clone())
        }

        fn write(&self, region: &Region, block: &Block) -> Result<()> {
            for (range, chunks) in region.axes().iter().zip(self.grid.axes()) {
                assert_eq!(chunks.chunk_range(chunks.chunk_of(range.start)).0, range.start, "{region}");
            }
            *self.writes.lock() += 1;
            self.written.lock().slice_mut(region).assign(block);
            Ok(())
        }

        fn commit(&self) -> Result<()> {
            Ok(())
        }

        fn abort(&self) {}
    }

    #[test]
    fn parts_in_any_order_become_whole_chunks() {
        let shape = [7, 10];
        let grid = ChunkGrid::regular(&shape, &[3, 4]);
        let sink = Whole {
            grid: grid.clone(),
            written: Mutex::new(BlockMut::zeroed(DType::I64, &shape)),
            writes: Mutex::new(0),
        };
        let values = Block::from_vec((0..70).collect::<Vec<i64>>(), &shape);
        let writer = ChunkWriter::new(grid);
        for (row, rows) in [(5, 2), (0, 2), (2, 3)] {
            for (column, columns) in [(7, 3), (0, 7)] {
                let region = Region::new(vec![AxisRange::new(row, rows), AxisRange::new(column, columns)]);
                assert!(*sink.writes.lock() < 9);
                writer.write(&sink, &region, &values.slice(&region)).unwrap();
            }
        }
        assert!(writer.is_done());
        let written = sink.written.into_inner().freeze();
        assert_eq!(written.to_vec::<i64>(), values.to_vec::<i64>());
        assert_eq!(*sink.writes.lock(), 9);
    }

    #[test]
    fn whole_chunks_are_written_as_they_come() {
        let grid = ChunkGrid::regular(&[8], &[2]);
        let sink = Whole {
            grid: grid.clone(),
            written: Mutex::new(BlockMut::zeroed(DType::I64, &[8])),
            writes: Mutex::new(0),
        };
        let writer = ChunkWriter::new(grid);
        let region = Region::new(vec![AxisRange::new(2, 6)]);
        writer.write(&sink, &region, &Block::from_vec(vec![1i64; 6], &[6])).unwrap();
        assert_eq!(*sink.writes.lock(), 1);
        assert!(writer.is_done());
    }
}
