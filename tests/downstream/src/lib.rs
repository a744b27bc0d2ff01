//! A user's crate: what is needed to give Brickwork an operation, a source and a sink of one's own.

mod logistic;
mod neighbours;
mod text_sink;
mod wave;

pub use logistic::logistic;
pub use neighbours::largest_neighbour;
pub use text_sink::TextSink;
pub use wave::{Wave, wave};
