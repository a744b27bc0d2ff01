//! Bits of integers: and, or, exclusive or, shifts, count. Of bools: the logical functions.

use super::function::{
    Loop, binary_methods, bits, function, integers_and_bools, public_binary, unary_methods,
};
use super::kernel::{fast_binary, fast_unary, with_integer_bits, with_loop};
use crate::prelude::*;

function!(BitwiseAnd, "brickwork_ops::BitwiseAnd", "bitwise_and", 2, 1.0, bits, |inputs, out| {
    with_integer_bits!(out.dtype(), T => fast_binary!(inputs, out, T => T, |a, b| a & b));
});

function!(BitwiseOr, "brickwork_ops::BitwiseOr", "bitwise_or", 2, 1.0, bits, |inputs, out| {
    with_integer_bits!(out.dtype(), T => fast_binary!(inputs, out, T => T, |a, b| a | b));
});

function!(BitwiseXor, "brickwork_ops::BitwiseXor", "bitwise_xor", 2, 1.0, bits, |inputs, out| {
    with_integer_bits!(out.dtype(), T => fast_binary!(inputs, out, T => T, |a, b| a ^ b));
});

function!(Invert, "brickwork_ops::Invert", "invert", 1, 1.0, bits, |inputs, out| match out.dtype() {
    DType::Bool => fast_unary!(inputs, out, u8 => u8, |a| a ^ 1),
    dtype => with_integer_bits!(dtype, T => fast_unary!(inputs, out, T => T, |a| !a)),
});

/// Shifts by as many bits as there are, or more, or by a negative number, shift everything out.
trait Shift: Element {
    fn shifted_left(self, count: Self) -> Self;
    fn shifted_right(self, count: Self) -> Self;
}

macro_rules! shifts {
    ($($t:ty, |$a:ident| $rest:expr);*) => {
        $(impl Shift for $t {
            #[inline(always)]
            fn shifted_left(self, count: Self) -> Self {
                if (count as u64) < u64::from(<$t>::BITS) { self << count } else { 0 }
            }

            #[inline(always)]
            fn shifted_right(self, count: Self) -> Self {
                let $a = self;
                if (count as u64) < u64::from(<$t>::BITS) { self >> count } else { $rest }
            }
        })*
    };
}
shifts!(
    i8, |a| a >> 7; i16, |a| a >> 15; i32, |a| a >> 31; i64, |a| a >> 63;
    u8, |_a| 0; u16, |_a| 0; u32, |_a| 0; u64, |_a| 0
);

function!(LeftShift, "brickwork_ops::LeftShift", "left_shift", 2, 1.0, integers_and_bools, |inputs, out| {
    with_integer_bits!(out.dtype(), T => fast_binary!(inputs, out, T => T, |a, b| a.shifted_left(b)));
});

function!(
    RightShift,
    "brickwork_ops::RightShift",
    "right_shift",
    2,
    1.0,
    integers_and_bools,
    |inputs, out| {
        with_loop!(out.dtype(), [I8, I16, I32, I64, U8, U16, U32, U64], T =>
        fast_binary!(inputs, out, T => T, |a, b| a.shifted_right(b)));
    }
);

fn counted(dtype: DType) -> Result<Loop, &'static str> {
    Ok(Loop { output: DType::U8, ..bits(dtype)? })
}

function!(BitwiseCount, "brickwork_ops::BitwiseCount", "bitwise_count", 1, 1.0, counted, |inputs, out| {
    match inputs[0].dtype() {
        DType::I8 => fast_unary!(inputs, out, i8 => u8, |a| a.unsigned_abs().count_ones() as u8),
        DType::I16 => fast_unary!(inputs, out, i16 => u8, |a| a.unsigned_abs().count_ones() as u8),
        DType::I32 => fast_unary!(inputs, out, i32 => u8, |a| a.unsigned_abs().count_ones() as u8),
        DType::I64 => fast_unary!(inputs, out, i64 => u8, |a| a.unsigned_abs().count_ones() as u8),
        dtype => with_integer_bits!(dtype, T => fast_unary!(inputs, out, T => u8, |a| a.count_ones() as u8)),
    }
});

public_binary!(
    /// The bits that both operands have; of bools, whether both are true.
    bitwise_and, BitwiseAnd, "the operands', promoted; integers and bools only");
public_binary!(
    /// The bits that one operand has; of bools, whether one is true.
    bitwise_or, BitwiseOr, "the operands', promoted; integers and bools only");
public_binary!(
    /// The bits that one operand has and the other has not; of bools, whether they differ.
    bitwise_xor, BitwiseXor, "the operands', promoted; integers and bools only");
public_binary!(
    /// The bits of the first operand moved up by the second. Where that is negative or not less than the width of
    /// the dtype, 0.
    left_shift, LeftShift, "the operands', promoted; `int8` for bools; integers and bools only");
public_binary!(
    /// The bits of the first operand moved down by the second, its sign kept. Where that is negative or not less than
    /// the width of the dtype, 0, or -1 for negative numbers.
    right_shift, RightShift, "the operands', promoted; `int8` for bools; integers and bools only");
binary_methods!(bitwise_and, bitwise_or, bitwise_xor, left_shift, right_shift);

unary_methods! {
    /// All bits turned; of bools, "not".
    invert, Invert, "as `self`; integers and bools only";
    /// How many bits the magnitude of the number has set.
    bitwise_count, BitwiseCount, "`uint8`; integers and bools only";
}
