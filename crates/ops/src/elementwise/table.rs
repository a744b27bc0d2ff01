//! All functions of elements by NumPy's names, for whoever reads names: the expression language.

use super::*;
use crate::prelude::*;

/// A function of elements.
#[derive(Debug, Clone, Copy)]
pub struct TableEntry {
    /// NumPy's name, or one of them.
    pub name: &'static str,
    /// How many operands it takes.
    pub arity: usize,
    function: fn(&[Term]) -> Result<Array>,
}

impl TableEntry {
    /// Builds a call.
    ///
    /// # Errors
    /// If the number of operands is wrong, and those of the function.
    pub fn call(&self, operands: &[Term]) -> Result<Array> {
        if operands.len() != self.arity {
            let reason = format!("{} operands were given; it takes {}", operands.len(), self.arity);
            return Err(Error::argument(self.name, reason));
        }
        (self.function)(operands)
    }
}

/// Every function of elements with one result, by name. Arguments that have a default (`decimals` of `round`, the
/// tolerances of `isclose`, the replacements of `nan_to_num`) have it; the functions themselves take them.
pub fn table() -> &'static [TableEntry] {
    TABLE
}

macro_rules! entries {
    (
        unary: $($unary:ident $(| $unary_alias:ident)*),*;
        binary: $($binary:ident $(| $binary_alias:ident)*),*;
        other: $($other:literal, $arity:literal, $call:expr),* $(,)?
    ) => {
        const TABLE: &[TableEntry] = &[
            $(
                entries!(@unary stringify!($unary), $unary),
                $(entries!(@unary stringify!($unary_alias), $unary),)*
            )*
            $(
                entries!(@binary stringify!($binary), $binary),
                $(entries!(@binary stringify!($binary_alias), $binary),)*
            )*
            $(TableEntry { name: $other, arity: $arity, function: $call },)*
        ];
    };
    (@unary $name:expr, $method:ident) => {
        TableEntry { name: $name, arity: 1, function: |terms| function::to_array(terms[0].clone())?.$method() }
    };
    (@binary $name:expr, $function:ident) => {
        TableEntry { name: $name, arity: 2, function: |terms| $function(terms[0].clone(), terms[1].clone()) }
    };
}

entries! {
    unary:
        negative, positive, absolute | abs, sign, square, reciprocal, floor, ceil, trunc, rint, fix,
        exp, exp2, expm1, log, log2, log10, log1p, sqrt, cbrt,
        sin, cos, tan, arcsin | asin, arccos | acos, arctan | atan, sinh, cosh, tanh, arcsinh | asinh,
        arccosh | acosh, arctanh | atanh, deg2rad | radians, rad2deg | degrees, sinc,
        logical_not, isnan, isinf, isfinite, isneginf, isposinf, signbit, isreal, iscomplex,
        invert | bitwise_not | bitwise_invert, bitwise_count, real, imag, conj | conjugate, angle, nan_to_num;
    binary:
        add, subtract, multiply, true_divide, divide, floor_divide, remainder | mod, fmod,
        power | pow, float_power, maximum, minimum, fmax, fmin, hypot, copysign, nextafter, heaviside, gcd, lcm,
        logaddexp, logaddexp2, arctan2 | atan2,
        equal, not_equal, less, less_equal, greater, greater_equal,
        logical_and, logical_or, logical_xor,
        bitwise_and, bitwise_or, bitwise_xor, left_shift | bitwise_left_shift, right_shift | bitwise_right_shift;
    other:
        "fabs", 1, |terms| fabs(terms[0].clone()),
        "round", 1, |terms| function::to_array(terms[0].clone())?.round(0),
        "around", 1, |terms| function::to_array(terms[0].clone())?.round(0),
        "clip", 3, |terms| clip(terms[0].clone(), Some(terms[1].clone()), Some(terms[2].clone())),
        "where", 3, |terms| where_(terms[0].clone(), terms[1].clone(), terms[2].clone()),
        "isclose", 2, |terms| isclose(terms[0].clone(), terms[1].clone(), 1e-5, 1e-8, false),
}
