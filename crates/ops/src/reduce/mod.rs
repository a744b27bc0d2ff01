//! Reductions: axes are folded away.
//!
//! Every reduction is a small struct that holds a [`build::Fold`] (which axes, in which leaves, with a mask or not)
//! and says how elements enter an accumulator and how two accumulators join. The order of adding is a function of
//! shape and axes alone, so results have the same bits however the work was cut.

mod arg_extremes;
mod arrange;
mod build;
mod extremes;
mod lanes;
mod leaf_rows;
mod logical;
mod moments;
mod nan;
mod narrow;
mod options;
mod order;
mod planes;
mod product;
mod sum;
mod topk;

#[cfg(test)]
pub(crate) mod test_support;
#[cfg(test)]
mod tests;

pub use options::Axes;
