//! Tests of `spill.rs`.

use parking_lot::Mutex;

use super::*;
use crate::eval::LocalContext;

/// A file in memory.
#[derive(Debug, Default)]
struct Memory(Mutex<Vec<u8>>);

#[derive(Debug)]
struct InMemory;

impl SpillPlace for InMemory {
    fn name(&self) -> String {
        "memory".into()
    }

    fn room(&self) -> Result<usize> {
        Ok(usize::MAX)
    }

    fn create(&self, nbytes: usize) -> Result<Arc<dyn SpillFile>> {
        Ok(Arc::new(Memory(Mutex::new(vec![0xff; nbytes]))))
    }
}

impl SpillFile for Memory {
    fn write(&self, offset: usize, bytes: &[u8]) -> Result<()> {
        self.0.lock()[offset..offset + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn read(&self, offset: usize, into: &mut [u8]) -> Result<()> {
        into.copy_from_slice(&self.0.lock()[offset..offset + into.len()]);
        Ok(())
    }
}

fn iota(shape: &[usize]) -> Block {
    Block::from_vec((0..shape.iter().product::<usize>() as i64).collect(), shape)
}

fn layout(shape: &[usize], writers: &[usize], readers: &[usize]) -> SpillLayout {
    let grid = |chunk: &[usize]| ChunkGrid::regular(shape, chunk);
    SpillLayout::new(Region::full(shape), DType::I64, &grid(writers), grid(readers))
}

fn cells(grid: &ChunkGrid) -> Vec<Region> {
    let mut cells: Vec<Vec<AxisRange>> = vec![Vec::new()];
    for axis in grid.axes() {
        let ranges: Vec<AxisRange> = (0..axis.num_chunks())
            .map(|k| axis.chunk_range(k))
            .map(|(start, len)| AxisRange::new(start, len))
            .collect();
        cells =
            cells.iter().flat_map(|cell| ranges.iter().map(|r| [cell.as_slice(), &[*r]].concat())).collect();
    }
    cells.into_iter().map(Region::new).collect()
}

const GRIDS: &[(&[usize], &[usize], &[usize])] = &[
    (&[12, 10], &[12, 3], &[4, 10]),
    (&[13, 11], &[5, 4], &[3, 7]),
    (&[7, 5, 6], &[1, 5, 6], &[7, 2, 2]),
    (&[100], &[7], &[11]),
    (&[], &[], &[]),
    (&[3, 0], &[2, 1], &[1, 1]),
];

#[test]
fn blocks_fill_the_file_without_gaps_and_those_of_a_reader_lie_together() {
    for (shape, writers, readers) in GRIDS {
        let layout = layout(shape, writers, readers);
        let mut end = 0;
        for cell in cells(layout.readers()) {
            let (first, mut runs) = (end, Vec::new());
            for (place, part) in layout.touched(&cell) {
                assert_eq!(place.positions, part, "a reader's cell is made of whole blocks");
                runs.push((place.start, part.size()));
            }
            runs.sort_unstable();
            for (start, size) in runs {
                assert_eq!(start, end, "{shape:?} {writers:?} {readers:?} from {first}");
                end += size;
            }
        }
        assert_eq!(end * 8, layout.nbytes());
    }
}

#[test]
fn what_is_written_by_one_grid_is_read_by_any_other() {
    for (shape, writers, readers) in GRIDS {
        let layout = Arc::new(layout(shape, writers, readers));
        let spilled = Spilled::create(layout, &InMemory, 1).unwrap();
        let context = LocalContext::new(1 << 20);
        let values = iota(shape);
        for cell in cells(&ChunkGrid::regular(shape, writers)) {
            spilled.write(&cell, &values.slice(&cell), context.pool()).unwrap();
        }
        for chunk in [1, 2, 5, 100] {
            for cell in cells(&ChunkGrid::regular(shape, &vec![chunk; shape.len()])) {
                let found = spilled.read(&cell, &context).unwrap();
                assert_eq!(found.to_vec::<i64>(), values.slice(&cell).to_vec::<i64>(), "{shape:?} {cell}");
            }
        }
    }
}

#[test]
fn parts_of_blocks_are_written_and_steps_are_read() {
    let shape = [13, 11];
    let layout = Arc::new(layout(&shape, &[5, 4], &[3, 7]));
    let spilled = Spilled::create(layout, &InMemory, 1).unwrap();
    let context = LocalContext::new(0);
    let values = iota(&shape);
    for cell in cells(&ChunkGrid::regular(&shape, &[2, 3])) {
        spilled.write(&cell, &values.slice(&cell), context.pool()).unwrap();
    }
    let asked = Region::new(vec![AxisRange::stepped(1, 4, 3), AxisRange::stepped(0, 3, 5)]);
    assert_eq!(spilled.read(&asked, &context).unwrap().to_vec::<i64>(), values.slice(&asked).to_vec::<i64>());
}

#[test]
fn grids_that_divide_each_other_are_refined_without_a_list() {
    let regular = |chunk| AxisChunks::regular(1 << 40, chunk);
    assert_eq!(refined(&regular(1 << 40), &regular(800)), regular(800));
    assert_eq!(refined(&regular(30), &regular(60)), regular(30));
    let few = |chunk| AxisChunks::regular(10, chunk);
    assert_eq!(refined(&few(4), &few(3)).chunk_lengths(), [3, 1, 2, 2, 1, 1]);
}
