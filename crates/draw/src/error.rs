//! What can go wrong while drawing.

use thiserror::Error;

/// A result of drawing.
pub type Result<T> = std::result::Result<T, DrawError>;

/// What can go wrong while drawing.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DrawError {
    /// There is no such colour map.
    #[error("there is no colour map {name}; {help}")]
    UnknownColourMap {
        /// What was asked for.
        name: String,
        /// The maps that there are.
        help: String,
    },
    /// What is to be drawn makes no picture.
    #[error("{what} cannot be drawn; {help}")]
    NotDrawable {
        /// What it is.
        what: String,
        /// What would be right.
        help: String,
    },
    /// The texts leave no room for the data.
    #[error("the picture is too small for its labels; it needs at least {width} × {height} pixels")]
    TooSmall {
        /// Pixels across that are needed.
        width: usize,
        /// Pixels down that are needed.
        height: usize,
    },
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

    /// The ending of a file says nothing about a format.
    #[error("{path}: the ending names no format of pictures; use .svg, .png or .dot")]
    Ending {
        /// The file.
        path: String,
    },

    /// A file cannot be written.
    #[error("{path}: the picture cannot be written")]
    Write {
        /// The file.
        path: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },

    /// There is too much to draw.
    #[error("{what} make {boxes} boxes, and a picture holds {most}; draw a part of the expression")]
    TooLarge {
        /// What was to be drawn.
        what: &'static str,
        /// Its boxes.
        boxes: usize,
        /// The most that are drawn.
        most: usize,
    },

    /// PNG was left out when this was built.
    #[error("this build draws no PNG; use .svg, or build it with the feature png of brickwork-draw")]
    NoPng,

    /// There is nothing to draw: planning failed, or an operation does not answer.
    #[error(transparent)]
    Plan(#[from] brickwork_core::Error),
}
