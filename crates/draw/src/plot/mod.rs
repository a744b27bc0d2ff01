//! Pictures of data: a heat map of two axes, lines of one.
//!
//! Both take blocks that are computed already and no larger than the picture: whoever has a larger array reduces it
//! first, by [`HeatMap::factors`] and [`LinePlot::columns`].

mod axes;
mod cell_layout;
mod colour_bar;
mod colour_map;
mod heat_map;
mod image;
mod line_plot;
mod terminal;
#[cfg(test)]
mod tests;
mod ticks;
mod values;

pub use axes::Size;
pub use colour_map::ColourMap;
pub use heat_map::HeatMap;
pub use line_plot::LinePlot;
pub use terminal::{Terminal, TerminalColours};
pub use values::Summary;

/// A number in four digits, as people write it: `0.3333`, `−2.5×10⁻¹²`.
pub fn short_number(number: f64) -> String {
    ticks::short(number)
}
