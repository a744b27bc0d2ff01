//! What can go wrong while drawing.

use thiserror::Error;

/// A result of drawing.
pub type Result<T> = std::result::Result<T, DrawError>;

/// What can go wrong while drawing.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DrawError {
    /// The picture cannot be rasterised.
    #[error("the picture of {width} × {height} pixels cannot be made: {reason}; make it smaller")]
    Raster {
        /// Pixels across.
        width: usize,
        /// Pixels down.
        height: usize,
        /// What the rasteriser says.
        reason: String,
    },
}
