//! The fold tree: the order in which a reduction adds, fixed by the shape and axes of its input alone.
//!
//! - [`FoldSpec`] divides the reduced index space into leaves;
//! - an operation folds the elements of a leaf ([`LeafInput`]) into an accumulator ([`Acc`]);
//! - [`FoldTree`] joins leaves in a fixed order, however the work was cut.

mod acc;
mod leaf;
mod spec;
mod tree;

pub use acc::{Acc, AccSpec};
pub(crate) use leaf::domain_strides;
pub use leaf::{LeafInput, LeafStarts, LeafView};
pub use spec::{COLUMN_LEAF, FoldForm, FoldSpec, ROW_LEAF};
pub use tree::{FoldTree, NodeKey};
