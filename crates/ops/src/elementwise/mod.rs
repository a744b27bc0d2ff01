//! The same function for every element.

mod arithmetic;
mod bitwise;
mod cast;
mod choice;
mod comparison;
mod complex;
mod complex_math;
mod division;
mod exponential;
mod extremes;
mod float_to_integer;
mod floating;
mod function;
mod integer_division;
mod joint;
mod kernel;
mod logical;
mod operators;
mod power;
mod rounding;
mod table;
mod trigonometry;

pub use arithmetic::{add, fabs, multiply, subtract};
pub use bitwise::{bitwise_and, bitwise_or, bitwise_xor, left_shift, right_shift};
pub use choice::{isclose, where_};
pub use comparison::{equal, greater, greater_equal, less, less_equal, not_equal};
pub use division::{divide, divmod, floor_divide, fmod, remainder, true_divide};
pub use exponential::{logaddexp, logaddexp2};
pub use extremes::{clip, fmax, fmin, maximum, minimum};
pub use floating::{copysign, gcd, heaviside, lcm, nextafter};
pub(crate) use function::to_float;
pub use logical::{logical_and, logical_or, logical_xor};
pub use power::{float_power, power};
pub use table::{TableEntry, table};
pub use trigonometry::{arctan2, hypot};

#[cfg(test)]
mod tests;
