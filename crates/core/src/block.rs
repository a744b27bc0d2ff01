//! The values of one region, in memory.

mod convert;
mod shared;

use std::fmt;
use std::sync::Arc;

use bytemuck::{cast_slice, cast_slice_mut};

use crate::buffer::{Buffer, BufferPool};
use crate::dtype::DType;
use crate::element::{Element, Scalar};
use crate::region::Region;
use crate::strided::{Shape, Strides, copy, dense_strides, is_dense};

pub use shared::SharedBlock;

/// With a type of as many bytes as an element has, or else as bytes.
macro_rules! with_item {
    ($item:expr, $t:ident => $body:expr, else $bytewise:expr) => {
        match $item {
            1 => with_item!(@ $t, u8, $body),
            2 => with_item!(@ $t, u16, $body),
            4 => with_item!(@ $t, u32, $body),
            8 => with_item!(@ $t, u64, $body),
            16 => with_item!(@ $t, [u64; 2], $body),
            _ => $bytewise,
        }
    };
    (@ $t:ident, $type:ty, $body:expr) => {{
        type $t = $type;
        $body
    }};
}
use with_item;

/// Values that may be shared and not changed: a view of a buffer, of any strides (0 where broadcast).
#[derive(Clone)]
pub struct Block {
    buffer: Arc<Buffer>,
    dtype: DType,
    shape: Shape,
    strides: Strides,
    offset: usize,
}

/// Values being written: dense, in C order, owned alone.
pub struct BlockMut {
    buffer: Buffer,
    dtype: DType,
    shape: Shape,
}

/// A strided part of a [`BlockMut`] or of foreign memory, to be written.
pub struct ViewMut<'a> {
    bytes: &'a mut [u8],
    dtype: DType,
    shape: Shape,
    strides: Strides,
    offset: usize,
}

impl Block {
    /// The values of a dense vector, which is taken over without a copy where its alignment allows.
    pub fn from_vec<T: Element>(values: Vec<T>, shape: &[usize]) -> Self {
        assert_eq!(values.len(), shape.iter().product::<usize>(), "the shape must fit the number of values");
        let buffer = Arc::new(Buffer::from_vec(values));
        Block {
            buffer,
            dtype: T::DTYPE,
            shape: Shape::from_slice(shape),
            strides: dense_strides(shape),
            offset: 0,
        }
    }

    /// A block whose every element is `value`, in the memory of one.
    pub fn broadcast_scalar(value: Scalar, shape: &[usize]) -> Self {
        let mut one = BlockMut::zeroed(value.dtype(), &[]);
        one.bytes_mut().copy_from_slice(value.bytes());
        let one = one.freeze();
        Block { shape: Shape::from_slice(shape), strides: Strides::from_elem(0, shape.len()), ..one }
    }

    /// The dtype.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Elements along every axis.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// From one element to the next along every axis, in elements.
    pub fn strides(&self) -> &[isize] {
        &self.strides
    }

    /// Elements in all.
    pub fn size(&self) -> usize {
        self.shape.iter().product()
    }

    /// Bytes of all elements (not of the buffer behind).
    pub fn nbytes(&self) -> usize {
        self.size() * self.dtype.itemsize()
    }

    /// Whether the elements lie one after the other in C order.
    pub fn is_dense(&self) -> bool {
        is_dense(&self.shape, &self.strides)
    }

    /// The elements, if they are dense.
    pub fn as_slice<T: Element>(&self) -> Option<&[T]> {
        assert_eq!(T::DTYPE, self.dtype, "a block is read as what it is");
        if self.size() == 0 {
            return Some(&[]);
        }
        self.is_dense().then(|| &self.elements::<T>()[self.offset..self.offset + self.size()])
    }

    /// The dense bytes, if it is dense.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        let item = self.dtype.itemsize();
        if self.size() == 0 {
            return Some(&[]);
        }
        self.is_dense().then(|| &self.buffer.bytes()[self.offset * item..(self.offset + self.size()) * item])
    }

    /// Everything in the buffer, as elements; [`Block::offset`] and the strides find those of the block.
    pub fn elements<T: Element>(&self) -> &[T] {
        assert_eq!(T::DTYPE, self.dtype, "a block is read as what it is");
        cast_slice(whole_items(self.buffer.bytes(), size_of::<T>()))
    }

    /// Position of the first element in [`Block::elements`].
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// All bytes of the buffer.
    pub fn buffer_bytes(&self) -> &[u8] {
        self.buffer.bytes()
    }

    /// The elements in C order, copied.
    pub fn to_vec<T: Element>(&self) -> Vec<T> {
        self.to_dense(None).as_slice::<T>().expect("just made dense").to_vec()
    }

    /// The single element of a block of one.
    pub fn item<T: Element>(&self) -> T {
        assert_eq!(self.size(), 1, "item() is for blocks of one element");
        self.elements::<T>()[self.offset]
    }

    /// One element as a scalar.
    pub fn scalar_at(&self, index: &[usize]) -> Scalar {
        let position = self.position(index) * self.dtype.itemsize();
        let mut one = BlockMut::zeroed(self.dtype, &[]);
        one.bytes_mut().copy_from_slice(&self.buffer.bytes()[position..position + self.dtype.itemsize()]);
        crate::with_element!(self.dtype, T => Scalar::new(one.as_slice_mut::<T>()[0]), else Scalar::zero(self.dtype))
    }

    fn position(&self, index: &[usize]) -> usize {
        let steps: isize = index.iter().zip(&self.strides).map(|(&i, &stride)| i as isize * stride).sum();
        (self.offset as isize + steps) as usize
    }

    /// The part that `region`, in positions of this block, picks. No copy.
    pub fn slice(&self, region: &Region) -> Block {
        let mut offset = self.offset as isize;
        let mut strides = Strides::new();
        for (axis, &stride) in region.axes().iter().zip(&self.strides) {
            offset += if axis.len > 0 { axis.start as isize * stride } else { 0 };
            strides.push(stride * axis.step);
        }
        let shape = region.lens();
        let offset = if shape.contains(&0) { 0 } else { offset as usize };
        Block { buffer: self.buffer.clone(), dtype: self.dtype, shape, strides, offset }
    }

    /// The same elements with the axes in reverse order.
    pub fn transposed(&self) -> Block {
        let (shape, strides) = (self.shape.iter().rev(), self.strides.iter().rev());
        self.restrided(shape.copied().collect::<Shape>(), strides.copied().collect::<Strides>(), 0)
    }

    /// A view with other axes: the caller says shape, strides and by how much the first element moves.
    pub(crate) fn restrided(
        &self,
        shape: impl Into<Shape>,
        strides: impl Into<Strides>,
        moved: isize,
    ) -> Block {
        let (shape, strides) = (shape.into(), strides.into());
        let offset = if shape.contains(&0) { 0 } else { (self.offset as isize + moved) as usize };
        Block { buffer: self.buffer.clone(), dtype: self.dtype, shape, strides, offset }
    }

    /// The same elements in C order under another shape of the same size; copies unless dense.
    pub fn reshaped(&self, shape: &[usize], pool: Option<&Arc<BufferPool>>) -> Block {
        debug_assert_eq!(self.size(), shape.iter().product::<usize>());
        let dense = self.to_dense(pool);
        Block { shape: Shape::from_slice(shape), strides: dense_strides(shape), ..dense }
    }

    /// The same elements, dense in C order; itself if it is already.
    pub fn to_dense(&self, pool: Option<&Arc<BufferPool>>) -> Block {
        if self.is_dense() {
            return Block { strides: dense_strides(&self.shape), ..self.clone() };
        }
        let mut dense = BlockMut::take(self.dtype, &self.shape, pool);
        dense.view_mut().assign(self);
        dense.freeze()
    }

    /// Whether the memory behind holds at most twice what is asked, so that keeping the block keeps little else.
    pub fn is_compact(&self) -> bool {
        self.buffer.len() <= 2 * self.nbytes().max(4096)
    }
}

impl BlockMut {
    /// Zeros.
    pub fn zeroed(dtype: DType, shape: &[usize]) -> Self {
        let size = shape.iter().product::<usize>();
        let buffer = Buffer::zeroed(size * dtype.itemsize());
        BlockMut { buffer, dtype, shape: Shape::from_slice(shape) }
    }

    /// Zeros in the memory of a vector, so that a result can be handed over as one. It is aligned for its elements alone,
    /// which makes it a little slower to compute with.
    pub fn zeroed_vec(dtype: DType, shape: &[usize]) -> Self {
        let size = shape.iter().product::<usize>();
        let buffer = crate::with_element!(dtype, T => Buffer::zeroed_vec::<T>(size), else {
            return BlockMut::zeroed(dtype, shape)
        });
        BlockMut { buffer, dtype, shape: Shape::from_slice(shape) }
    }

    /// The bytes of a buffer, as elements in C order.
    ///
    /// # Panics
    /// If it has not as many as the shape needs.
    pub fn over(buffer: Buffer, dtype: DType, shape: &[usize]) -> Self {
        let nbytes = shape.iter().product::<usize>() * dtype.itemsize();
        assert_eq!(buffer.len(), nbytes, "the buffer fits the shape");
        BlockMut { buffer, dtype, shape: Shape::from_slice(shape) }
    }

    /// Memory from a pool, with undefined contents; zeros without one.
    pub fn take(dtype: DType, shape: &[usize], pool: Option<&Arc<BufferPool>>) -> Self {
        match pool {
            Some(pool) => {
                let nbytes = shape.iter().product::<usize>() * dtype.itemsize();
                BlockMut { buffer: pool.take(nbytes), dtype, shape: Shape::from_slice(shape) }
            }
            None => BlockMut::zeroed(dtype, shape),
        }
    }

    /// The dtype.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Elements along every axis.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Elements in all.
    pub fn size(&self) -> usize {
        self.shape.iter().product()
    }

    /// The elements in C order.
    pub fn as_slice_mut<T: Element>(&mut self) -> &mut [T] {
        assert_eq!(T::DTYPE, self.dtype, "a block is written as what it is");
        cast_slice_mut(self.buffer.bytes_mut())
    }

    /// The bytes in C order.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.buffer.bytes_mut()
    }

    /// All of it, to write.
    pub fn view_mut(&mut self) -> ViewMut<'_> {
        ViewMut {
            bytes: self.buffer.bytes_mut(),
            dtype: self.dtype,
            strides: dense_strides(&self.shape),
            shape: self.shape.clone(),
            offset: 0,
        }
    }

    /// The part that `region` picks, to write.
    pub fn slice_mut(&mut self, region: &Region) -> ViewMut<'_> {
        self.view_mut().into_slice(region)
    }

    /// The finished block.
    pub fn freeze(self) -> Block {
        let strides = dense_strides(&self.shape);
        Block { buffer: Arc::new(self.buffer), dtype: self.dtype, shape: self.shape, strides, offset: 0 }
    }
}

impl<'a> ViewMut<'a> {
    /// Dense memory of `dtype` and `shape`, to write.
    pub fn dense(bytes: &'a mut [u8], dtype: DType, shape: &[usize]) -> Self {
        ViewMut { bytes, dtype, strides: dense_strides(shape), shape: Shape::from_slice(shape), offset: 0 }
    }

    /// The dtype.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Elements along every axis.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The same memory for a shorter time.
    pub fn reborrow(&mut self) -> ViewMut<'_> {
        ViewMut {
            bytes: self.bytes,
            dtype: self.dtype,
            shape: self.shape.clone(),
            strides: self.strides.clone(),
            offset: self.offset,
        }
    }

    /// The part that `region`, in positions of this view, picks.
    pub fn into_slice(self, region: &Region) -> ViewMut<'a> {
        let mut offset = self.offset as isize;
        let mut strides = Strides::new();
        for (axis, &stride) in region.axes().iter().zip(&self.strides) {
            offset += if axis.len > 0 { axis.start as isize * stride } else { 0 };
            strides.push(stride * axis.step);
        }
        ViewMut {
            bytes: self.bytes,
            dtype: self.dtype,
            shape: region.lens(),
            strides,
            offset: offset as usize,
        }
    }

    /// The elements in C order, if they are dense.
    pub fn as_slice_mut<T: Element>(&mut self) -> Option<&mut [T]> {
        assert_eq!(T::DTYPE, self.dtype, "a view is written as what it is");
        self.as_bytes_mut().map(cast_slice_mut)
    }

    /// The bytes in C order, if they are dense.
    pub fn as_bytes_mut(&mut self) -> Option<&mut [u8]> {
        let size: usize = self.shape.iter().product();
        if !is_dense(&self.shape, &self.strides) {
            return None;
        }
        let item = self.dtype.itemsize();
        let start = if size == 0 { 0 } else { self.offset * item };
        Some(&mut self.bytes[start..start + size * item])
    }

    /// Copies the elements of a block of the same shape and dtype.
    pub fn assign(&mut self, from: &Block) {
        assert_eq!(self.dtype, from.dtype, "a copy keeps the dtype");
        assert_eq!(self.shape, from.shape, "a copy keeps the shape");
        let (to, source) = (&mut *self.bytes, from.buffer.bytes());
        let item = self.dtype.itemsize();
        with_item!(item, T => {
            let to: &mut [T] = cast_slice_mut(whole_items_mut(to, item));
            let source = cast_slice(whole_items(source, item));
            copy::<T>(&self.shape, to, self.offset, &self.strides, source, from.offset, &from.strides);
        }, else {
            let (shape, to_strides) = bytewise(&self.shape, &self.strides, item);
            let (_, from_strides) = bytewise(&self.shape, &from.strides, item);
            let (to_offset, from_offset) = (self.offset * item, from.offset * item);
            copy::<u8>(&shape, to, to_offset, &to_strides, source, from_offset, &from_strides);
        });
    }

    /// Sets every element to `value`, which must have the dtype of the view.
    pub fn fill(&mut self, value: Scalar) {
        let shape = self.shape.clone();
        self.assign(&Block::broadcast_scalar(value, &shape));
    }
}

/// As many bytes as make whole items.
fn whole_items(bytes: &[u8], item: usize) -> &[u8] {
    &bytes[..bytes.len() / item * item]
}

fn whole_items_mut(bytes: &mut [u8], item: usize) -> &mut [u8] {
    let whole = bytes.len() / item * item;
    &mut bytes[..whole]
}

/// Shape and strides with an axis of bytes behind the others, for strings.
fn bytewise(shape: &[usize], strides: &[isize], item: usize) -> (Shape, Strides) {
    let strides = strides.iter().map(|&stride| stride * item as isize).chain([1]);
    (shape.iter().copied().chain([item]).collect(), strides.collect())
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Block({} {:?}, strides {:?})", self.dtype, self.shape, self.strides)
    }
}

impl fmt::Debug for BlockMut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlockMut({} {:?})", self.dtype, self.shape)
    }
}

impl fmt::Debug for ViewMut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ViewMut({} {:?}, strides {:?})", self.dtype, self.shape, self.strides)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::region::AxisRange;

    #[test]
    fn slicing_moves_the_view_and_not_the_values() {
        let block = Block::from_vec((0..12i64).collect(), &[3, 4]);
        let region = Region::new(vec![AxisRange::stepped(2, 2, -2), AxisRange::stepped(1, 2, 2)]);
        assert_eq!(block.slice(&region).to_vec::<i64>(), [9, 11, 1, 3]);
        assert_eq!(block.scalar_at(&[1, 2]), Scalar::new(6i64));
    }

    #[test]
    fn strings_are_copied_by_the_byte() {
        let mut block = BlockMut::zeroed(DType::Bytes(3), &[2, 2]);
        block.bytes_mut().copy_from_slice(b"aaabbbcccddd");
        let block = block.freeze();
        let column = block.slice(&Region::new(vec![AxisRange::new(0, 2), AxisRange::new(1, 1)]));
        assert_eq!(column.to_dense(None).as_bytes(), Some(&b"bbbddd"[..]));
    }

    #[test]
    fn a_broadcast_scalar_takes_the_memory_of_one() {
        let block = Block::broadcast_scalar(Scalar::new(7u16), &[1000, 1000]);
        assert_eq!(block.buffer_bytes().len(), 2);
        assert_eq!(block.slice(&Region::full(&[2, 2])).to_vec::<u16>(), [7; 4]);
    }
}
