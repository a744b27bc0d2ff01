//! Functions of the user's: of elements, of whole chunks, of neighbourhoods.

mod closure;
mod map_blocks;
mod map_elements;
mod map_overlap;

pub use map_blocks::BlockInfo;
pub use map_overlap::Boundary;
