//! Products of matrices of integers and bools, by plain loops.

use std::sync::Arc;

use super::{are_transposed, mirror};
use brickwork_core::fold::Acc;
use brickwork_core::simd::vectorized;
use brickwork_core::{Block, Bool8, BufferPool, DType, Element};

/// Rows of the right matrix that stay in cache while all rows of the left one pass.
const BLOCK: usize = 64;

/// Runs an expression with the element type of an integer dtype, and the unsigned type that wraps alike.
macro_rules! with_integer {
    ($dtype:expr, $E:ident, $U:ident => $body:expr) => {
        match $dtype {
            DType::Bool => with_integer!(@ Bool8, Truth, $E, $U => $body),
            DType::I8 => with_integer!(@ i8, u8, $E, $U => $body),
            DType::U8 => with_integer!(@ u8, u8, $E, $U => $body),
            DType::I16 => with_integer!(@ i16, u16, $E, $U => $body),
            DType::U16 => with_integer!(@ u16, u16, $E, $U => $body),
            DType::I32 => with_integer!(@ i32, u32, $E, $U => $body),
            DType::U32 => with_integer!(@ u32, u32, $E, $U => $body),
            DType::I64 => with_integer!(@ i64, u64, $E, $U => $body),
            DType::U64 => with_integer!(@ u64, u64, $E, $U => $body),
            _ => unreachable!("floats have kernels of their own"),
        }
    };
    (@ $element:ty, $unsigned:ty, $E:ident, $U:ident => $body:expr) => {{
        type $E = $element;
        type $U = $unsigned;
        $body
    }};
}

/// `acc += left · right`, wrapping.
pub(super) fn multiply_add(dtype: DType, acc: &mut Acc, left: &Block, right: &Block, pool: &Arc<BufferPool>) {
    with_integer!(dtype, E, U => {
        let is_mirrored = are_transposed(left, right);
        let (left, right) = (left.to_dense(Some(pool)), right.to_dense(Some(pool)));
        let (inner, columns) = (left.shape()[1], right.shape()[1]);
        let out: &mut [U] = bytemuck::cast_slice_mut(acc.part_mut::<E>(0));
        let left: &[U] = bytemuck::cast_slice(dense::<E>(&left));
        let right: &[U] = bytemuck::cast_slice(dense::<E>(&right));
        if inner > 0 && columns > 0 {
            vectorized(#[inline(always)] || product(out, left, right, inner, columns, is_mirrored));
            if is_mirrored {
                mirror(out, columns);
            }
        }
    });
}

/// `left += right`, wrapping.
pub(super) fn add(dtype: DType, left: &mut Acc, right: &Acc) {
    with_integer!(dtype, E, U => {
        let left: &mut [U] = bytemuck::cast_slice_mut(left.part_mut::<E>(0));
        let right: &[U] = bytemuck::cast_slice(right.part::<E>(0));
        for (left, right) in left.iter_mut().zip(right) {
            *left = left.plus(*right);
        }
    });
}

fn dense<E: Element>(block: &Block) -> &[E] {
    block.as_slice::<E>().expect("made dense above")
}

#[inline(always)]
fn product<U: Ring>(out: &mut [U], left: &[U], right: &[U], inner: usize, columns: usize, is_mirrored: bool) {
    for start in (0..inner).step_by(BLOCK) {
        let end = (start + BLOCK).min(inner);
        for (row, (out, left)) in out.chunks_exact_mut(columns).zip(left.chunks_exact(inner)).enumerate() {
            // What is below the diagonal is copied in the end.
            let first = if is_mirrored { row } else { 0 };
            for (factor, right) in left[start..end].iter().zip(right[start * columns..].chunks_exact(columns))
            {
                for (out, right) in out[first..].iter_mut().zip(&right[first..]) {
                    *out = out.plus(factor.times(*right));
                }
            }
        }
    }
}

/// Sums and products of one kind of element.
trait Ring: Copy + bytemuck::Pod {
    fn plus(self, other: Self) -> Self;

    fn times(self, other: Self) -> Self;
}

macro_rules! ring {
    ($($t:ty),*) => {
        $(impl Ring for $t {
            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }

            #[inline(always)]
            fn times(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }
        })*
    };
}
ring!(u8, u16, u32, u64);

/// A truth value as its byte: the sum is "or", the product is "and".
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(transparent)]
struct Truth(u8);

impl Ring for Truth {
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        Truth(self.0 | other.0)
    }

    #[inline(always)]
    fn times(self, other: Self) -> Self {
        Truth(self.0 & other.0)
    }
}
