//! Arrays that lie in a file as one run of elements, cut into runs that are fetched in one request each.

use brickwork_core::{ChunkGrid, Granule, Region};

use crate::chunk_walk::touched_chunks;

/// Bytes of a run: long enough that a request's latency hardly counts beside its transfer.
const RUN: usize = 4 << 20;

/// The grid whose cells lie in one run each, in C order (or in Fortran order): whole trailing axes, a part of one, single
/// elements of those before it.
pub(crate) fn run_grid(shape: &[usize], item: usize, fortran: bool) -> ChunkGrid {
    let most = (RUN / item.max(1)).max(1);
    let mut cell = vec![1; shape.len()];
    let mut inner = 1;
    let mut axes: Vec<usize> = (0..shape.len()).rev().collect();
    if fortran {
        axes.reverse();
    }
    for axis in axes {
        let fits = (most / inner).max(1).min(shape[axis].max(1));
        cell[axis] = fits;
        if fits < shape[axis] {
            break;
        }
        inner *= fits;
    }
    ChunkGrid::regular(shape, &cell)
}

/// The runs that hold a region.
pub(crate) fn run_granules(grid: &ChunkGrid, item: usize, region: &Region) -> Vec<Granule> {
    let granule = |number, region: Region| {
        let nbytes = region.size() * item;
        Granule { key: Some(number), region, encoded_bytes: nbytes, decoded_bytes: nbytes, scratch_bytes: 0 }
    };
    touched_chunks(grid, region).into_iter().map(|run| granule(run.number, run.region)).collect()
}

/// Elements of the array before the first one of a run.
pub(crate) fn run_start(shape: &[usize], fortran: bool, run: &Region) -> usize {
    let mut axes: Vec<(usize, usize)> =
        shape.iter().zip(run.axes()).map(|(&len, range)| (len, range.start)).collect();
    if fortran {
        axes.reverse();
    }
    axes.into_iter().fold(0, |number, (len, start)| number * len + start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_lie_together_and_cover_the_array() {
        for fortran in [false, true] {
            for (shape, cells) in [
                (vec![3, 5, 1 << 20], vec![1, 1, 1 << 19]),
                (vec![10, 1000, 1000], vec![1, 524, 1000]),
                (vec![2000, 16], vec![2000, 16]),
                (vec![0, 7], vec![1, 7]),
                (vec![], vec![]),
            ] {
                let (mut shape, mut cells) = (shape, cells);
                if fortran {
                    shape.reverse();
                    cells.reverse();
                }
                let grid = run_grid(&shape, 8, fortran);
                assert_eq!(grid, ChunkGrid::regular(&shape, &cells), "{shape:?}");
                let all = run_granules(&grid, 8, &Region::full(&shape));
                let mut runs: Vec<(usize, usize)> = all
                    .iter()
                    .map(|run| (run_start(&shape, fortran, &run.region), run.region.size()))
                    .collect();
                runs.sort_unstable();
                let mut end = 0;
                for (start, len) in runs {
                    assert_eq!(start, end, "{shape:?}");
                    end += len;
                }
                assert_eq!(end, shape.iter().product::<usize>());
            }
        }
    }
}
