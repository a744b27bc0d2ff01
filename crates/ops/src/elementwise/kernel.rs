//! Loops over tiles, compiled for the vector instructions of the machine they run on.

pub(super) use brickwork_core::simd::vectorized;
use bytemuck::Pod;

use crate::prelude::*;

/// The elements of a tile seen as `T`, which must be as wide as they are: kernels that only look at bits share one
/// loop between dtypes.
#[inline(always)]
pub(super) fn operand<'a, T: Pod>(tile: &Tile<'a>) -> Operand<'a, T> {
    let values: &[T] = bytemuck::cast_slice(tile.bytes());
    if tile.is_scalar() { Operand::Scalar(values[0]) } else { Operand::Slice(values) }
}

/// The elements to fill, seen as `T`.
#[inline(always)]
pub(super) fn target<'a, T: Pod>(out: &'a mut TileMut<'_>) -> &'a mut [T] {
    bytemuck::cast_slice_mut(out.bytes_mut())
}

/// `out = f(a)`.
#[inline(always)]
pub(super) fn unary_loop<A: Copy, R: Copy>(a: Operand<'_, A>, out: &mut [R], f: impl Fn(A) -> R) {
    match a {
        Operand::Slice(a) => {
            for (out, &a) in out.iter_mut().zip(a) {
                *out = f(a);
            }
        }
        Operand::Scalar(a) => out.fill(f(a)),
    }
}

/// `out = other(a)` where `a` is beyond what `vector` is right for, and `out = vector(a)` elsewhere.
#[inline(always)]
pub(super) fn bounded_loop<T: Copy>(
    a: Operand<'_, T>,
    out: &mut [T],
    is_beyond: impl Fn(T) -> bool,
    vector: impl Fn(T) -> T,
    other: impl Fn(T) -> T,
) {
    let a = match a {
        Operand::Scalar(a) => return out.fill(if is_beyond(a) { other(a) } else { vector(a) }),
        Operand::Slice(a) => a,
    };
    let beyond = vectorized(
        #[inline(always)]
        || {
            let mut beyond = 0u32;
            for (out, &a) in out.iter_mut().zip(a) {
                *out = vector(a);
                beyond |= u32::from(is_beyond(a));
            }
            beyond
        },
    );
    if beyond != 0 {
        for (out, &a) in out.iter_mut().zip(a).filter(|(_, a)| is_beyond(**a)) {
            *out = other(a);
        }
    }
}

/// `out = f(a, b)`.
#[inline(always)]
pub(super) fn binary_loop<A: Copy, B: Copy, R: Copy>(
    a: Operand<'_, A>,
    b: Operand<'_, B>,
    out: &mut [R],
    f: impl Fn(A, B) -> R,
) {
    match (a, b) {
        (Operand::Slice(a), Operand::Slice(b)) => {
            for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
                *out = f(a, b);
            }
        }
        (Operand::Slice(a), Operand::Scalar(b)) => {
            for (out, &a) in out.iter_mut().zip(a) {
                *out = f(a, b);
            }
        }
        (Operand::Scalar(a), Operand::Slice(b)) => {
            for (out, &b) in out.iter_mut().zip(b) {
                *out = f(a, b);
            }
        }
        (Operand::Scalar(a), Operand::Scalar(b)) => out.fill(f(a, b)),
    }
}

/// Calls a loop of one operand for `$T`, vectorised. What the function takes from around it is moved in: what is looked up
/// where it lies might be written by the loop itself, for all that the compiler knows.
macro_rules! fast_unary {
    ($inputs:expr, $out:expr, $T:ty => $R:ty, |$a:ident| $f:expr) => {{
        let a = $crate::elementwise::kernel::operand::<$T>(&$inputs[0]);
        let out = $crate::elementwise::kernel::target::<$R>($out);
        $crate::elementwise::kernel::vectorized(
            #[inline(always)]
            move || {
                $crate::elementwise::kernel::unary_loop(
                    a,
                    out,
                    #[inline(always)]
                    move |$a: $T| -> $R { $f },
                )
            },
        )
    }};
}

/// Calls a loop of two operands for `$T`, vectorised.
macro_rules! fast_binary {
    ($inputs:expr, $out:expr, $T:ty => $R:ty, |$a:ident, $b:ident| $f:expr) => {{
        let a = $crate::elementwise::kernel::operand::<$T>(&$inputs[0]);
        let b = $crate::elementwise::kernel::operand::<$T>(&$inputs[1]);
        let out = $crate::elementwise::kernel::target::<$R>($out);
        $crate::elementwise::kernel::vectorized(
            #[inline(always)]
            move || {
                $crate::elementwise::kernel::binary_loop(
                    a,
                    b,
                    out,
                    #[inline(always)]
                    move |$a: $T, $b: $T| -> $R { $f },
                )
            },
        )
    }};
}

/// Calls a loop of one operand for `$T`, for functions that call into libm or branch and gain nothing from vectors.
macro_rules! plain_unary {
    ($inputs:expr, $out:expr, $T:ty => $R:ty, |$a:ident| $f:expr) => {{
        let a = $crate::elementwise::kernel::operand::<$T>(&$inputs[0]);
        let out = $crate::elementwise::kernel::target::<$R>($out);
        $crate::elementwise::kernel::unary_loop(a, out, |$a: $T| -> $R { $f })
    }};
}

/// Calls a loop of two operands for `$T`, without vectors.
macro_rules! plain_binary {
    ($inputs:expr, $out:expr, $T:ty => $R:ty, |$a:ident, $b:ident| $f:expr) => {{
        let a = $crate::elementwise::kernel::operand::<$T>(&$inputs[0]);
        let b = $crate::elementwise::kernel::operand::<$T>(&$inputs[1]);
        let out = $crate::elementwise::kernel::target::<$R>($out);
        $crate::elementwise::kernel::binary_loop(a, b, out, |$a: $T, $b: $T| -> $R { $f })
    }};
}

/// Runs `$body` with `$T` an unsigned integer as wide as the (integer or bool) dtype: for what is the same for signed
/// and unsigned.
macro_rules! with_integer_bits {
    ($dtype:expr, $T:ident => $body:expr) => {
        brickwork_core::with_element!(
            $crate::elementwise::kernel::unsigned($dtype), [U8, U16, U32, U64], $T => $body,
            else $crate::elementwise::function::no_loop($dtype))
    };
}

/// As `with_integer_bits`, and floats and complex numbers as themselves.
macro_rules! with_number_bits {
    ($dtype:expr, $T:ident => $body:expr) => {
        brickwork_core::with_element!(
            $crate::elementwise::kernel::unsigned($dtype), [U8, U16, U32, U64, F32, F64, C64, C128], $T => $body,
            else $crate::elementwise::function::no_loop($dtype))
    };
}

/// Runs `$body` with `$T` the element type, among those named.
macro_rules! with_loop {
    ($dtype:expr, [$($name:ident),*], $T:ident => $body:expr) => {
        brickwork_core::with_element!(
            $dtype, [$($name),*], $T => $body, else $crate::elementwise::function::no_loop($dtype))
    };
}

pub(super) use {
    fast_binary, fast_unary, plain_binary, plain_unary, with_integer_bits, with_loop, with_number_bits,
};

/// The unsigned dtype of the same width, for bools and integers; others stay.
pub(super) fn unsigned(dtype: DType) -> DType {
    match dtype {
        DType::Bool | DType::I8 => DType::U8,
        DType::I16 => DType::U16,
        DType::I32 => DType::U32,
        DType::I64 => DType::U64,
        other => other,
    }
}
