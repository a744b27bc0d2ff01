//! Tests of spill files: where blocks lie, and that what was written is read, compressed or not.

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

/// Few bits of each differ from those of its neighbours, or all of them do.
fn values(shape: &[usize], is_noise: bool) -> Block {
    let count: i64 = shape.iter().product::<usize>() as i64;
    let noise = |i: i64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64).rotate_left(29) ^ (i << 7);
    Block::from_vec((0..count).map(|i| if is_noise { noise(noise(i)) } else { i / 3 }).collect(), shape)
}

fn written(file: &Memory) -> usize {
    file.0.lock().iter().filter(|byte| **byte != 0xff).count()
}

#[test]
fn blocks_are_compressed_where_they_get_smaller_and_come_back() {
    let shape = [300, 517];
    let plain = layout(&shape, &[100, 517], &[300, 101]);
    for (codec, is_noise, limit) in [
        (SpillCodec::Lz4, false, plain.nbytes() / 2),
        (SpillCodec::Lz4, true, usize::MAX),
        (SpillCodec::Auto, false, usize::MAX),
        (SpillCodec::None, false, usize::MAX),
    ] {
        let layout = Arc::new(plain.clone().compressed(codec));
        let file = Arc::new(Memory(Mutex::new(vec![0xff; layout.file_len()])));
        let spilled = Spilled::over(layout.clone(), file.clone(), 1);
        let context = LocalContext::new(0);
        let values = values(&shape, is_noise);
        // Every task may run twice.
        for cell in
            [cells(&ChunkGrid::regular(&shape, &[100, 517])), cells(&ChunkGrid::regular(&shape, &[100, 517]))]
                .concat()
        {
            spilled.write(&cell, &values.slice(&cell), context.pool()).unwrap();
        }
        assert!(written(&file) <= limit, "{codec:?}: {} bytes", written(&file));
        for chunk in [50, 101, 517] {
            for cell in cells(&ChunkGrid::regular(&shape, &[chunk, chunk])) {
                let found = spilled.read(&cell, &context).unwrap();
                assert_eq!(found.to_vec::<i64>(), values.slice(&cell).to_vec::<i64>(), "{codec:?} {cell}");
            }
        }
        assert_eq!(context.counters().get().bytes_unspilled % 8, 0);
    }
}

#[test]
fn a_block_that_was_compressed_can_be_written_again_as_it_is() {
    let shape = [4000];
    let layout = Arc::new(layout(&shape, &[4000], &[4000]).compressed(SpillCodec::Lz4));
    let file = Arc::new(Memory(Mutex::new(vec![0xff; layout.file_len()])));
    let (all, context) = (Region::full(&shape), LocalContext::new(0));
    for is_noise in [false, true, false] {
        let values = values(&shape, is_noise);
        let spilled = Spilled::over(layout.clone(), file.clone(), 1);
        spilled.write(&all, &values, context.pool()).unwrap();
        assert_eq!(spilled.read(&all, &context).unwrap().to_vec::<i64>(), values.to_vec::<i64>());
    }
}

#[test]
fn elements_of_every_size_are_compressed() {
    for dtype in [DType::Bool, DType::U8, DType::I16, DType::F32, DType::F64, DType::C128] {
        let shape = [70_001];
        let grid = ChunkGrid::regular(&shape, &[70_001]);
        let layout = SpillLayout::new(Region::full(&shape), dtype, &grid, grid.clone());
        let spilled = Spilled::create(Arc::new(layout.compressed(SpillCodec::Lz4)), &InMemory, 1).unwrap();
        let context = LocalContext::new(0);
        let mut values = BlockMut::zeroed(dtype, &shape);
        let mut count = 0u32;
        values.bytes_mut().iter_mut().for_each(|byte| {
            count += 1;
            *byte = u8::from(count.is_multiple_of(77));
        });
        let values = values.freeze();
        spilled.write(&Region::full(&shape), &values, context.pool()).unwrap();
        let found = spilled.read(&Region::full(&shape), &context).unwrap();
        assert_eq!(found.as_bytes(), values.as_bytes(), "{dtype}");
    }
}

#[test]
fn what_is_damaged_on_the_disk_is_an_error() {
    let shape = [50_000];
    let layout = Arc::new(layout(&shape, &[50_000], &[50_000]).compressed(SpillCodec::Lz4));
    let file = Arc::new(Memory(Mutex::new(vec![0; layout.file_len()])));
    let (all, context) = (Region::full(&shape), LocalContext::new(0));
    let spilled = Spilled::over(layout.clone(), file.clone(), 1);
    let values = values(&shape, false);
    spilled.write(&all, &values, context.pool()).unwrap();
    let good = file.0.lock().clone();
    let entry = layout.entry(0);
    let stored = u64::from_le_bytes(good[entry..entry + 8].try_into().unwrap()) as usize;
    assert!(stored > 100 && stored < layout.nbytes() / 2);
    let read = |change: &dyn Fn(&mut [u8])| {
        let mut bytes = good.clone();
        change(&mut bytes);
        *file.0.lock() = bytes;
        spilled.read(&all, &context).map(|block| block.to_vec::<i64>()).map_err(|error| error.to_string())
    };
    assert_eq!(read(&|_| {}).unwrap(), values.to_vec::<i64>());
    // No byte of a compressed block can change without being noticed.
    for at in (0..stored).step_by(61).chain([0, 1, 2, 3, 4, 7, 8, stored - 1]) {
        let error = read(&|bytes| bytes[at] ^= 0x41).unwrap_err();
        assert!(error.contains("is damaged"), "byte {at}: {error}");
    }
    for wrong in [1, 7, 8, stored - 1, layout.nbytes() + 1, usize::MAX] {
        let error = read(&|bytes| bytes[entry..entry + 8].copy_from_slice(&(wrong as u64).to_le_bytes()));
        assert!(error.unwrap_err().contains("is damaged"), "{wrong} bytes");
    }
}

#[test]
fn small_blocks_have_no_table() {
    let small = layout(&[100, 100], &[10, 100], &[100, 10]);
    assert_eq!(small.clone().compressed(SpillCodec::Lz4), small);
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
