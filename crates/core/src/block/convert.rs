//! Blocks as ndarray arrays, and back.

use std::sync::Arc;

use ndarray::{ArrayBase, ArrayD, ArrayViewD, Axis, Data, Dimension, IxDyn, ShapeBuilder};

use super::{Block, BlockMut};
use crate::buffer::Buffer;
use crate::element::Element;
use crate::strided::{Shape, Strides, dense_strides};

impl Block {
    /// The values of an ndarray array, copied in C order.
    pub fn from_ndarray<T: Element>(values: ArrayViewD<'_, T>) -> Self {
        let mut block = BlockMut::zeroed(T::DTYPE, values.shape());
        for (to, from) in block.as_slice_mut::<T>().iter_mut().zip(values.iter()) {
            *to = *from;
        }
        block.freeze()
    }

    /// The values of an ndarray array of any layout. An array that owns its elements hands over its memory, without a
    /// copy; a view is copied.
    pub fn from_array<T, S, D>(values: ArrayBase<S, D>) -> Self
    where
        T: Element,
        S: Data<Elem = T>,
        D: Dimension,
    {
        let values = values.into_owned();
        let (shape, strides) = (Shape::from_slice(values.shape()), Strides::from_slice(values.strides()));
        let (memory, offset) = values.into_raw_vec_and_offset();
        if shape.contains(&0) {
            return Block::from_vec(Vec::<T>::new(), &shape);
        }
        let buffer = Arc::new(Buffer::from_vec(memory));
        Block { buffer, dtype: T::DTYPE, shape, strides, offset: offset.unwrap_or(0) }
    }

    /// As an ndarray array, copied.
    pub fn to_ndarray<T: Element>(&self) -> ArrayD<T> {
        ArrayD::from_shape_vec(IxDyn(&self.shape), self.to_vec()).expect("a dense vector of the shape's size")
    }

    /// As an ndarray array that owns its elements. No copy, if nobody else holds the block, its memory is a vector's
    /// (results of a computation, [`Block::from_vec`], [`Block::from_array`]) and no part of that was cut off in
    /// front.
    pub fn into_ndarray<T: Element>(self) -> ArrayD<T> {
        assert_eq!(T::DTYPE, self.dtype, "a block is read as what it is");
        let (strides, turned, lowest) = self.unturned();
        if lowest != 0 || self.size() == 0 || self.strides_overlap() {
            return self.to_ndarray();
        }
        let Block { buffer, dtype, shape, strides: own_strides, offset } = self;
        let memory = match Arc::try_unwrap(buffer).map(Buffer::into_vec::<T>) {
            Ok(Ok(memory)) => memory,
            Ok(Err(buffer)) => {
                return Block { buffer: Arc::new(buffer), dtype, shape, strides: own_strides, offset }
                    .to_ndarray();
            }
            Err(buffer) => return Block { buffer, dtype, shape, strides: own_strides, offset }.to_ndarray(),
        };
        let mut values = ArrayD::from_shape_vec(IxDyn(&shape).strides(IxDyn(&strides)), memory)
            .expect("the elements of a block lie in its buffer");
        for axis in turned {
            values.invert_axis(Axis(axis));
        }
        values
    }

    /// As an ndarray view, of any strides. No copy.
    pub fn view<T: Element>(&self) -> ArrayViewD<'_, T> {
        if self.size() == 0 {
            return ArrayViewD::from_shape(IxDyn(&self.shape), &[]).expect("no elements make an empty array");
        }
        let (strides, turned, lowest) = self.unturned();
        let elements = &self.elements::<T>()[lowest..];
        let mut view = ArrayViewD::from_shape(IxDyn(&self.shape).strides(IxDyn(&strides)), elements)
            .expect("the elements of a block lie in its buffer");
        for axis in turned {
            view.invert_axis(Axis(axis));
        }
        view
    }

    /// Strides without signs, the axes that had one, and the position of the element that comes first in memory.
    /// The stride of an axis of one element means nothing, and is taken to be that of a dense block.
    fn unturned(&self) -> (Vec<usize>, Vec<usize>, usize) {
        let dense = dense_strides(&self.shape);
        let mut strides = Vec::with_capacity(self.shape.len());
        let mut turned = Vec::new();
        let mut lowest = self.offset as isize;
        for (axis, (&len, &stride)) in self.shape.iter().zip(&self.strides).enumerate() {
            let stride = if len > 1 { stride } else { dense[axis] };
            strides.push(stride.unsigned_abs());
            if stride < 0 {
                turned.push(axis);
                lowest += (len as isize - 1) * stride;
            }
        }
        (strides, turned, lowest as usize)
    }

    /// Whether some elements share their memory, as broadcast ones do.
    fn strides_overlap(&self) -> bool {
        let mut axes: Vec<(usize, usize)> = self
            .shape
            .iter()
            .zip(&self.strides)
            .filter(|(len, _)| **len > 1)
            .map(|(&len, &stride)| (stride.unsigned_abs(), len))
            .collect();
        axes.sort_unstable();
        let mut reach = 0;
        axes.into_iter().any(|(stride, len)| {
            let overlaps = stride <= reach;
            reach += stride * (len - 1);
            overlaps
        })
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Array3, Ix2, arr2, s};

    use super::*;
    use crate::element::Scalar;
    use crate::region::{AxisRange, Region};

    fn iota(rows: usize, columns: usize) -> Array2<f64> {
        Array2::from_shape_fn((rows, columns), |(i, j)| (i * columns + j) as f64)
    }

    fn first<T: Element>(block: &Block) -> *const T {
        &raw const block.elements::<T>()[block.offset()]
    }

    #[test]
    fn owned_arrays_of_any_layout_are_taken_over() {
        let cases: Vec<Array2<f64>> = vec![
            iota(3, 4),
            iota(3, 4).reversed_axes(),
            iota(6, 8).slice_move(s![1..;2, ..;-3]),
            iota(6, 8).slice_move(s![..;-1, 2..3]),
        ];
        for values in cases {
            let (address, expected) = (values.as_ptr(), values.clone());
            let block = Block::from_array(values);
            assert_eq!(first::<f64>(&block), address);
            assert_eq!(block.view::<f64>(), expected.into_dyn());
        }
    }

    #[test]
    fn views_are_copied() {
        let values = iota(3, 4);
        let block = Block::from_array(values.slice(s![.., 1..;2]));
        assert_ne!(first::<f64>(&block), &raw const values[[0, 1]]);
        assert_eq!(block.view::<f64>(), values.slice(s![.., 1..;2]).into_dyn());
    }

    #[test]
    fn a_block_that_is_held_alone_becomes_an_array_without_a_copy() {
        let cases: Vec<Array2<f64>> = vec![
            iota(3, 4),
            iota(3, 4).reversed_axes(),
            iota(3, 4).slice_move(s![..;-1, ..]),
            iota(3, 4).slice_move(s![.., ..2]),
            iota(1, 4),
        ];
        for values in cases {
            let (address, expected) = (values.as_ptr(), values.clone());
            let back = Block::from_array(values).into_ndarray::<f64>().into_dimensionality::<Ix2>().unwrap();
            assert_eq!((back.as_ptr(), back), (address, expected));
        }
    }

    #[test]
    fn results_become_arrays_without_a_copy() {
        let mut result = BlockMut::zeroed_vec(crate::DType::F32, &[2, 3]);
        result.as_slice_mut::<f32>().copy_from_slice(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let block = result.freeze();
        let address = first::<f32>(&block);
        let values = block.into_ndarray::<f32>();
        assert_eq!(
            (values.as_ptr(), values),
            (address, arr2(&[[1f32, 2.0, 3.0], [4.0, 5.0, 6.0]]).into_dyn())
        );
    }

    #[test]
    fn what_others_hold_or_share_is_copied() {
        let block = Block::from_array(iota(3, 4));
        let other = block.clone();
        let values = block.into_ndarray::<f64>();
        assert_ne!(values.as_ptr(), first::<f64>(&other));
        assert_eq!(values, other.view::<f64>());
        let repeated = Block::broadcast_scalar(Scalar::new(7i64), &[2, 2]);
        assert_eq!(repeated.view::<i64>(), repeated.clone().into_ndarray::<i64>());
        let late = Block::from_array(iota(3, 4).slice_move(s![1.., ..]));
        assert_eq!(late.into_ndarray::<f64>(), iota(3, 4).slice(s![1.., ..]).into_dyn());
    }

    #[test]
    fn a_view_follows_every_stride() {
        let values = Array3::from_shape_fn((4, 5, 6), |(i, j, k)| (i * 30 + j * 6 + k) as i32);
        let block = Block::from_array(values.clone());
        let region = Region::new(vec![
            AxisRange::stepped(3, 2, -2),
            AxisRange::stepped(0, 3, 2),
            AxisRange::stepped(5, 6, -1),
        ]);
        let part = block.slice(&region);
        let view = part.view::<i32>();
        assert_eq!(view, values.slice(s![1..;-2, ..;2, ..;-1]).into_dyn());
        assert_eq!(view.as_ptr(), first::<i32>(&part));
        assert_eq!(block.slice(&Region::full(&[0, 5, 6])).view::<i32>().shape(), [0, 5, 6]);
    }
}
