//! Functions of how floats are built (signs, neighbours), the step function, and common divisors.

use super::function::{binary_methods, function, integers, public_binary, real_floats};
use super::kernel::{fast_binary, plain_binary, with_loop};
use crate::prelude::*;

function!(Copysign, "brickwork_ops::Copysign", "copysign", 2, 1.0, real_floats, |inputs, out| {
    with_loop!(out.dtype(), [F32, F64], T => fast_binary!(inputs, out, T => T, |a, b| a.copysign(b)));
});

function!(Nextafter, "brickwork_ops::Nextafter", "nextafter", 2, 4.0, real_floats, |inputs, out| {
    with_loop!(out.dtype(), [F32, F64], T => plain_binary!(inputs, out, T => T, |a, b| {
        if a < b {
            a.next_up()
        } else if a > b {
            a.next_down()
        } else if a == b {
            b
        } else {
            a + b
        }
    }));
});

function!(Heaviside, "brickwork_ops::Heaviside", "heaviside", 2, 1.0, real_floats, |inputs, out| {
    with_loop!(out.dtype(), [F32, F64], T => fast_binary!(inputs, out, T => T, |a, b| {
        if a > 0.0 { 1.0 } else if a < 0.0 { 0.0 } else if a == 0.0 { b } else { a }
    }));
});

/// Divisors and multiples of magnitudes.
trait Divisors: Element {
    fn gcd(self, other: Self) -> Self;
    fn lcm(self, other: Self) -> Self;
}

macro_rules! divisors {
    ($($t:ty, $unsigned:ty, |$a:ident| $magnitude:expr);*) => {
        $(impl Divisors for $t {
            #[inline(always)]
            fn gcd(self, other: Self) -> Self {
                let magnitude = |$a: $t| -> $unsigned { $magnitude };
                let (mut a, mut b) = (magnitude(self), magnitude(other));
                while b != 0 {
                    (a, b) = (b, a % b);
                }
                a as $t
            }

            #[inline(always)]
            fn lcm(self, other: Self) -> Self {
                let magnitude = |$a: $t| -> $unsigned { $magnitude };
                let divisor = self.gcd(other) as $unsigned;
                if divisor == 0 { 0 } else { (magnitude(self) / divisor).wrapping_mul(magnitude(other)) as $t }
            }
        })*
    };
}
divisors!(
    i8, u8, |a| a.unsigned_abs(); i16, u16, |a| a.unsigned_abs();
    i32, u32, |a| a.unsigned_abs(); i64, u64, |a| a.unsigned_abs();
    u8, u8, |a| a; u16, u16, |a| a; u32, u32, |a| a; u64, u64, |a| a
);

function!(Gcd, "brickwork_ops::Gcd", "gcd", 2, 100.0, integers, |inputs, out| {
    with_loop!(out.dtype(), [I8, I16, I32, I64, U8, U16, U32, U64], T =>
        plain_binary!(inputs, out, T => T, |a, b| a.gcd(b)));
});

function!(Lcm, "brickwork_ops::Lcm", "lcm", 2, 100.0, integers, |inputs, out| {
    with_loop!(out.dtype(), [I8, I16, I32, I64, U8, U16, U32, U64], T =>
        plain_binary!(inputs, out, T => T, |a, b| a.lcm(b)));
});

public_binary!(
    /// The magnitude of the first operand with the sign of the second.
    copysign, Copysign,
    "the operands', promoted; floats for integers: `float32` up to 16 bits, `float64` above; not for complex numbers");
public_binary!(
    /// The float next to the first operand, towards the second.
    nextafter, Nextafter,
    "the operands', promoted; floats for integers: `float32` up to 16 bits, `float64` above; not for complex numbers");
public_binary!(
    /// 0 for negative numbers, 1 for positive ones, the second operand for 0.
    heaviside, Heaviside,
    "the operands', promoted; floats for integers: `float32` up to 16 bits, `float64` above; not for complex numbers");
public_binary!(
    /// The greatest common divisor of the magnitudes.
    gcd, Gcd, "the operands', promoted; integers only");
public_binary!(
    /// The least common multiple of the magnitudes, 0 if one is 0.
    lcm, Lcm, "the operands', promoted; integers only; wraps");
binary_methods!(copysign, nextafter, heaviside, gcd, lcm);
