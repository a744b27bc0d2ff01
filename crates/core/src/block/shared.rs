//! A block that several threads write to, each a part of it.

use std::fmt;

use bytemuck::Pod;
use parking_lot::{Condvar, Mutex};

use super::{Block, BlockMut, bytewise, whole_items, with_item};
use crate::region::Region;
use crate::strided::{Lines, Strides, copy, dense_strides};

/// Dense memory that threads fill side by side. Whoever writes to elements that another thread is writing to waits, so
/// parts may overlap; those of a plan never do.
pub struct SharedBlock {
    /// Not looked at while it is shared: everything goes through `memory`.
    block: BlockMut,
    memory: *mut u8,
    nbytes: usize,
    strides: Strides,
    /// The parts that are being written.
    busy: Mutex<Vec<Region>>,
    freed: Condvar,
}

// SAFETY: the memory behind the pointer is the block's own, which moves along with it.
unsafe impl Send for SharedBlock {}
// SAFETY: elements are reached through `write` alone, which lets no two threads have the same ones at a time.
unsafe impl Sync for SharedBlock {}

impl SharedBlock {
    /// Shares a block.
    pub fn new(mut block: BlockMut) -> Self {
        let bytes = block.bytes_mut();
        let (memory, nbytes) = (bytes.as_mut_ptr(), bytes.len());
        let strides = dense_strides(block.shape());
        SharedBlock { block, memory, nbytes, strides, busy: Mutex::default(), freed: Condvar::new() }
    }

    /// The block, when nobody writes to it any more.
    pub fn into_inner(self) -> BlockMut {
        self.block
    }

    /// Copies a block to the elements that `region` picks.
    ///
    /// # Panics
    /// If the block has another shape than the region or another dtype, or the region leads outside.
    pub fn write(&self, region: &Region, from: &Block) {
        let shape = region.lens();
        assert_eq!(self.block.dtype, from.dtype, "a copy keeps the dtype");
        assert_eq!(shape, from.shape, "a copy keeps the shape");
        assert_eq!(shape.len(), self.strides.len(), "the region has the axes of the block");
        let inside = region.axes().iter().zip(&self.block.shape).all(|(axis, &len)| axis.bounds().1 <= len);
        assert!(inside, "the region lies in the block");
        if from.size() == 0 {
            return;
        }
        let _claim = self.claim(region);
        let axes = || region.axes().iter().zip(&self.strides);
        let offset: isize = axes().map(|(axis, stride)| axis.start as isize * stride).sum();
        let strides: Strides = axes().map(|(axis, stride)| axis.step * stride).collect();
        let (offset, source) = (offset as usize, from.buffer.bytes());
        let item = self.block.dtype.itemsize();
        with_item!(item, T => {
            let source: &[T] = bytemuck::cast_slice(whole_items(source, item));
            copy::<T>(&shape, &mut Claimed(self), offset, &strides, source, from.offset, &from.strides);
        }, else {
            let (bytes, strides) = bytewise(&shape, &strides, item);
            let (_, from_strides) = bytewise(&shape, &from.strides, item);
            let from_offset = from.offset * item;
            copy::<u8>(&bytes, &mut Claimed(self), offset * item, &strides, source, from_offset, &from_strides);
        });
    }

    /// Waits until nobody writes to what lies between the ends of the region, and keeps others from it.
    fn claim(&self, region: &Region) -> Claim<'_> {
        let mut busy = self.busy.lock();
        while busy.iter().any(|other| overlap(other, region)) {
            self.freed.wait(&mut busy);
        }
        busy.push(region.clone());
        Claim { shared: self, region: region.clone() }
    }
}

impl fmt::Debug for SharedBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedBlock({:?}, {})", self.block.shape, self.block.dtype)
    }
}

fn overlap(one: &Region, other: &Region) -> bool {
    one.axes().iter().zip(other.axes()).all(|(one, other)| {
        let (one, other) = (one.bounds(), other.bounds());
        one.0 < other.1 && other.0 < one.1
    })
}

/// The right to write to a region.
struct Claim<'a> {
    shared: &'a SharedBlock,
    region: Region,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut busy = self.shared.busy.lock();
        if let Some(at) = busy.iter().position(|region| *region == self.region) {
            busy.swap_remove(at);
        }
        drop(busy);
        self.shared.freed.notify_all();
    }
}

/// The memory of a block of which a part is claimed.
struct Claimed<'a>(&'a SharedBlock);

impl<T: Pod> Lines<T> for Claimed<'_> {
    fn line(&mut self, at: usize, len: usize) -> &mut [T] {
        let elements = self.0.nbytes / size_of::<T>();
        assert!(at <= elements && len <= elements - at, "the line lies in the block");
        // SAFETY: the elements lie in the block's memory, which is initialised and stays where it is; buffers are
        // aligned for every type that numbers are copied as. `copy` asks for lines of the claimed region only (it has
        // its shape, offset and strides), and one at a time: no other thread has the region, and nobody has a
        // reference to the memory as a whole while it is shared.
        unsafe { std::slice::from_raw_parts_mut(self.0.memory.cast::<T>().add(at), len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::DType;
    use crate::region::AxisRange;

    #[test]
    fn threads_fill_a_block_side_by_side() {
        let (rows, columns) = (61, 47);
        let values: Vec<i32> = (0..rows * columns).map(|i| i as i32).collect();
        let whole = Block::from_vec(values.clone(), &[rows, columns]);
        let turned = Block::from_vec(
            (0..columns * rows).map(|i| ((i % rows) * columns + i / rows) as i32).collect(),
            &[columns, rows],
        );
        let shared = SharedBlock::new(BlockMut::zeroed(DType::I32, &[rows, columns]));
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (shared, whole, turned) = (&shared, &whole, &turned);
                scope.spawn(move || {
                    for row in (0..rows).step_by(5) {
                        for column in (thread..columns).step_by(4) {
                            let part = |len: usize| {
                                Region::new(vec![
                                    AxisRange::new(row, len.min(rows - row)),
                                    AxisRange::at(column),
                                ])
                            };
                            shared.write(&part(5), &whole.slice(&part(5)));
                            // Again, from the columns of another block, and overlapping those of the next.
                            let again = part(7);
                            let from = turned.restrided(vec![rows, columns], vec![1, rows as isize], 0);
                            shared.write(&again, &from.slice(&again));
                        }
                    }
                });
            }
        });
        assert_eq!(shared.into_inner().freeze().to_vec::<i32>(), values);
    }

    #[test]
    #[should_panic(expected = "the region lies in the block")]
    fn nothing_is_written_outside() {
        let shared = SharedBlock::new(BlockMut::zeroed(DType::I8, &[3]));
        shared.write(&Region::new(vec![AxisRange::new(2, 2)]), &Block::from_vec(vec![1i8, 2], &[2]));
    }
}
