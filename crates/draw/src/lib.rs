//! Pictures of arrays, plans and chunk grids, as SVG, PNG and DOT.
//!
//! Everything is drawn as SVG first ([`Svg`]); a PNG is that SVG, rasterised with a font of our own, so that a picture
//! looks the same on every machine.

#[cfg(test)]
mod checks;
mod chunk_grid;
mod error;
mod graph;
mod plot;
#[cfg(feature = "png")]
mod raster;
mod svg;
mod text;

pub use chunk_grid::chunk_grid;
pub use error::{DrawError, Result};
pub use graph::{BoxKind, Diagram, DiagramBox, Drawn, GraphView, PictureFormat, draw_plan, write_diagram};
pub use plot::{ColourMap, HeatMap, LinePlot, Size, Summary, Terminal, TerminalColours, short_number};
#[cfg(feature = "png")]
pub use raster::png;
pub use svg::{Anchor, Style, Svg};
pub use text::text_width;
