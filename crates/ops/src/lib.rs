//! Lazy n-dimensional arrays, and every operation on them. Building computes nothing.

pub mod array;
pub mod assemble;
mod coarsen;
pub mod constant;
mod correlate;
pub mod create;
mod display;
mod elementwise;
pub mod index;
mod matmul;
pub mod memory;
pub mod random;
mod reduce;
mod scan;
mod select;
pub mod term;
pub mod user;
mod vector_math;
mod view;

pub mod prelude;

pub use array::Array;
pub use elementwise::{
    TableEntry, add, arctan2, bitwise_and, bitwise_or, bitwise_xor, clip, copysign, divide, divmod, equal,
    fabs, float_power, floor_divide, fmax, fmin, fmod, gcd, greater, greater_equal, heaviside, hypot,
    isclose, lcm, left_shift, less, less_equal, logaddexp, logaddexp2, logical_and, logical_or, logical_xor,
    maximum, minimum, multiply, nextafter, not_equal, power, remainder, right_shift, subtract, table,
    true_divide, where_,
};
pub use index::Index;
pub use reduce::Axes;
pub use term::Term;
pub use view::broadcast_arrays;
