//! `+ - * / % & | ^ << >>`, `-` and `!` for arrays and numbers, and their fallible twins.

use std::ops;

use super::arithmetic::{add, multiply, subtract};
use super::bitwise::{bitwise_and, bitwise_or, bitwise_xor, left_shift, right_shift};
use super::division::{remainder, true_divide};
use crate::prelude::*;

/// A panic with the message that the fallible method gives as an error.
#[track_caller]
fn unwrapped(result: Result<Array>) -> Array {
    match result {
        Ok(array) => array,
        Err(error) => panic!("{error}"),
    }
}

macro_rules! operators {
    ($($trait:ident, $method:ident, $function:ident, $try_method:ident, $symbol:literal;)*) => {
        $(
            impl<R: Into<Term>> ops::$trait<R> for Array {
                type Output = Array;

                #[track_caller]
                fn $method(self, other: R) -> Array {
                    unwrapped($function(self, other))
                }
            }

            impl<R: Into<Term>> ops::$trait<R> for &Array {
                type Output = Array;

                #[track_caller]
                fn $method(self, other: R) -> Array {
                    unwrapped($function(self, other))
                }
            }

            operators!(@reflected $trait, $method, $function:
                bool, i8, i16, i32, i64, u8, u16, u32, u64, usize, f32, f64, Complex<f64>);
        )*

        impl Array {
            $(
                #[doc = concat!(
                    "The operator `", $symbol, "`, with an error where the operator panics: [`",
                    stringify!($function), "`].")]
                ///
                /// # Errors
                #[doc = concat!("Those of [`", stringify!($function), "`].")]
                pub fn $try_method(&self, other: impl Into<Term>) -> Result<Array> {
                    $function(self, other)
                }
            )*
        }
    };
    (@reflected $trait:ident, $method:ident, $function:ident: $($scalar:ty),*) => {
        $(
            impl ops::$trait<Array> for $scalar {
                type Output = Array;

                #[track_caller]
                fn $method(self, other: Array) -> Array {
                    unwrapped($function(self, other))
                }
            }

            impl ops::$trait<&Array> for $scalar {
                type Output = Array;

                #[track_caller]
                fn $method(self, other: &Array) -> Array {
                    unwrapped($function(self, other))
                }
            }
        )*
    };
}

operators! {
    Add, add, add, try_add, "+";
    Sub, sub, subtract, try_sub, "-";
    Mul, mul, multiply, try_mul, "*";
    Div, div, true_divide, try_div, "/";
    Rem, rem, remainder, try_rem, "%";
    BitAnd, bitand, bitwise_and, try_bitand, "&";
    BitOr, bitor, bitwise_or, try_bitor, "|";
    BitXor, bitxor, bitwise_xor, try_bitxor, "^";
    Shl, shl, left_shift, try_shl, "<<";
    Shr, shr, right_shift, try_shr, ">>";
}

macro_rules! signs {
    ($($trait:ident, $method:ident, $function:ident, $try_method:ident, $symbol:literal;)*) => {
        $(
            impl ops::$trait for Array {
                type Output = Array;

                #[track_caller]
                fn $method(self) -> Array {
                    unwrapped(self.$function())
                }
            }

            impl ops::$trait for &Array {
                type Output = Array;

                #[track_caller]
                fn $method(self) -> Array {
                    unwrapped(self.$function())
                }
            }
        )*

        impl Array {
            $(
                #[doc = concat!(
                    "The operator `", $symbol, "`, with an error where the operator panics: [`Array::",
                    stringify!($function), "`].")]
                ///
                /// # Errors
                #[doc = concat!("Those of [`Array::", stringify!($function), "`].")]
                pub fn $try_method(&self) -> Result<Array> {
                    self.$function()
                }
            )*
        }
    };
}

signs! {
    Neg, neg, negative, try_neg, "-";
    Not, not, invert, try_not, "!";
}
