//! The chunks that hold a region.

use brickwork_core::{AxisRange, ChunkGrid, Region};

/// A chunk that holds elements of a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TouchedChunk {
    /// Its place in the grid.
    pub at: Vec<usize>,
    /// Its number, last axis fastest.
    pub number: u64,
    /// All its elements.
    pub region: Region,
    /// Those of the region asked for.
    pub wanted: Region,
}

/// One chunk along one axis, and what of it is wanted.
type AxisTouch = (usize, AxisRange, AxisRange);

/// Every chunk of a grid that holds an element of a region of rising steps, in C order.
pub(crate) fn touched_chunks(grid: &ChunkGrid, region: &Region) -> Vec<TouchedChunk> {
    if region.is_empty() {
        return Vec::new();
    }
    let axes: Vec<Vec<AxisTouch>> = region
        .axes()
        .iter()
        .zip(grid.axes())
        .map(|(range, chunks)| {
            let (low, high) = range.bounds();
            (chunks.chunk_of(low)..=chunks.chunk_of(high - 1))
                .filter_map(|k| {
                    let (start, len) = chunks.chunk_range(k);
                    let (first, count) = range.positions_between(start, start + len);
                    let wanted = AxisRange::stepped(range.get(first), count, range.step);
                    (count > 0).then(|| (k, AxisRange::new(start, len), wanted))
                })
                .collect()
        })
        .collect();
    let counts = grid.numblocks();
    let mut touched = Vec::with_capacity(axes.iter().map(Vec::len).product());
    let mut index = vec![0; axes.len()];
    loop {
        let hits: Vec<&AxisTouch> = index.iter().zip(&axes).map(|(&i, axis)| &axis[i]).collect();
        let at: Vec<usize> = hits.iter().map(|hit| hit.0).collect();
        touched.push(TouchedChunk {
            number: chunk_number(&at, &counts),
            region: Region::from_iter(hits.iter().map(|hit| hit.1)),
            wanted: Region::from_iter(hits.iter().map(|hit| hit.2)),
            at,
        });
        let mut axis = index.len();
        loop {
            if axis == 0 {
                return touched;
            }
            axis -= 1;
            index[axis] += 1;
            if index[axis] < axes[axis].len() {
                break;
            }
            index[axis] = 0;
        }
    }
}

/// The number of a chunk, last axis fastest, by its place in a grid of so many along every axis.
pub(crate) fn chunk_number(at: &[usize], counts: &[usize]) -> u64 {
    at.iter().zip(counts).fold(0, |number, (&k, &count)| number * count as u64 + k as u64)
}

/// The place in a grid of a chunk's number.
#[cfg(any(test, feature = "hdf5", all(feature = "zarr", feature = "cloud")))]
pub(crate) fn chunk_at(grid: &ChunkGrid, mut number: u64) -> Vec<usize> {
    let mut at: Vec<usize> = grid
        .numblocks()
        .iter()
        .rev()
        .map(|&count| {
            let k = number % count as u64;
            number /= count as u64;
            k as usize
        })
        .collect();
    at.reverse();
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_chunks_with_wanted_elements_are_named() {
        let grid = ChunkGrid::regular(&[10, 10], &[4, 3]);
        let region = Region::new(vec![AxisRange::new(3, 2), AxisRange::stepped(0, 2, 9)]);
        let touched = touched_chunks(&grid, &region);
        let at: Vec<&[usize]> = touched.iter().map(|chunk| chunk.at.as_slice()).collect();
        assert_eq!(at, [[0, 0], [0, 3], [1, 0], [1, 3]]);
        assert_eq!(touched[3].number, 7);
        assert_eq!(touched[3].region, Region::new(vec![AxisRange::new(4, 4), AxisRange::new(9, 1)]));
        assert_eq!(touched[3].wanted, Region::new(vec![AxisRange::at(4), AxisRange::at(9)]));
        for chunk in touched {
            assert_eq!(chunk_at(&grid, chunk.number), chunk.at);
        }
    }

    #[test]
    fn an_array_without_axes_is_one_chunk() {
        let touched = touched_chunks(&ChunkGrid::regular(&[], &[]), &Region::full(&[]));
        assert_eq!(touched.len(), 1);
        assert_eq!((touched[0].number, touched[0].at.len()), (0, 0));
        assert!(touched_chunks(&ChunkGrid::regular(&[0], &[5]), &Region::full(&[0])).is_empty());
    }
}
