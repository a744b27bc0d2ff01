//! Arrays made from nothing: ranges, filled arrays, bands; and from a user's own source.
//!
//! Every function has a short form with chunks of about 128 MiB, and a form `…_with` that takes dtype and chunks.

mod arange;
mod band;
mod filled;
mod linspace;
mod rows;
mod source;
mod triangle;

pub use arange::{arange, arange_with};
pub use band::{eye, eye_with, identity, tri, tri_with};
pub use filled::{full, full_with, ones, ones_with, zeros, zeros_with};
pub use linspace::{linspace, linspace_with};
pub(crate) use rows::fill_rows;
pub use source::from_source;
