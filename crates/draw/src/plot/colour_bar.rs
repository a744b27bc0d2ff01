//! The bar beside a heat map that says which colour is which number.

use super::axes::{AxisTicks, Frame, INK, LINE, TICK, draw_upright, outline};
use super::colour_map::ColourMap;
use super::ticks::{Ticks, value_ticks};
use crate::svg::{Anchor, Style, Svg};
use crate::text::text_width;

/// From the cells to the bar, in font sizes.
const GAP: f64 = 1.2;
/// The bar's width, in font sizes.
const WIDTH: f64 = 1.1;
/// The height of an end's arrow, in font sizes.
const ARROW: f64 = 0.9;
/// Steps of colour along the bar; more cannot be told apart.
const STEPS: usize = 64;

/// The bar, before its place is known.
#[derive(Debug)]
pub(crate) struct ColourBar<'a> {
    pub map: ColourMap,
    pub limits: (f64, f64),
    pub label: &'a str,
    /// Truth values: the ends are named.
    pub is_bool: bool,
    /// Whole numbers.
    pub is_whole: bool,
    /// Whether numbers lie below and above the ends: then the bar has arrows there.
    pub has_beyond: (bool, bool),
}

impl ColourBar<'_> {
    fn ticks(&self, height: f64, em: f64) -> Ticks {
        if self.is_bool && self.limits == (0.0, 1.0) {
            let labels = vec!["False".into(), "True".into()];
            return Ticks { places: vec![0.0, 1.0], labels, scale: String::new() };
        }
        let most = ((height / (2.2 * em)) as usize).clamp(3, 9);
        value_ticks(self.limits.0, self.limits.1, most, self.is_whole)
    }

    /// The width that it takes beside cells of some height, with the space before it.
    pub fn width(&self, height: f64, em: f64) -> f64 {
        let ticks = self.ticks(height, em);
        let widest = ticks.labels.iter().map(|label| text_width(label, em)).fold(0.0, f64::max);
        let scale = text_width(&ticks.scale, em);
        let label = if self.label.is_empty() { 0.0 } else { LINE * em };
        (GAP * em + scale).max((GAP + WIDTH + TICK) * em + widest + label)
    }

    /// The height that it takes above the cells.
    pub fn rise(&self, height: f64, em: f64) -> f64 {
        if self.ticks(height, em).scale.is_empty() { 0.0 } else { 1.6 * em }
    }

    /// Draws it beside the cells.
    pub fn draw(&self, svg: &mut Svg, cells: Frame, em: f64) {
        let arrow = (ARROW * em).min(cells.height / 6.0);
        let (below, above) = (self.has_beyond.0, self.has_beyond.1);
        let [above_height, below_height] = [above, below].map(|has| if has { arrow } else { 0.0 });
        let bar = Frame {
            left: cells.right() + GAP * em,
            top: cells.top + above_height,
            width: WIDTH * em,
            height: cells.height - above_height - below_height,
        };
        self.draw_colours(svg, bar);
        self.draw_outline(svg, bar, cells, em);
        let ticks = self.ticks(cells.height, em);
        let axis = AxisTicks {
            places: ticks.places.iter().map(|place| (1.0 - place) * bar.height).collect(),
            labels: ticks.labels,
        };
        axis.draw_right(svg, bar, em);
        if !ticks.scale.is_empty() {
            svg.text(bar.left, cells.top - 0.75 * em, em, Anchor::Start, INK, &ticks.scale);
        }
        let x = bar.right() + TICK * em + axis.width(em) + (LINE - 0.3) * em;
        draw_upright(svg, cells, x, em, self.label);
    }

    fn draw_colours(&self, svg: &mut Svg, bar: Frame) {
        let mut stops = String::new();
        for step in 0..=STEPS {
            let place = step as f64 / STEPS as f64;
            let colour = hexadecimal(self.map.colour(place));
            stops.push_str(&format!(r#"<stop offset="{place}" stop-color="{colour}"/>"#));
        }
        svg.raw(&format!(
            r#"<defs><linearGradient id="colours" x1="0" y1="1" x2="0" y2="0">{stops}</linearGradient></defs>"#
        ));
        let style = Style { fill: "url(#colours)", ..Style::default() };
        svg.rect(bar.left, bar.top, bar.width, bar.height, style);
    }

    /// The outline, with an arrow at an end beyond which numbers lie.
    fn draw_outline(&self, svg: &mut Svg, bar: Frame, cells: Frame, em: f64) {
        let middle = bar.left + bar.width / 2.0;
        let ends = [
            (self.has_beyond.1, bar.top, cells.top, self.map.colour(1.0)),
            (self.has_beyond.0, bar.bottom(), cells.bottom(), self.map.colour(0.0)),
        ];
        for (has_arrow, base, tip, colour) in ends {
            if has_arrow {
                let path =
                    format!("M{:.2} {base:.2}L{middle:.2} {tip:.2}L{:.2} {base:.2}Z", bar.left, bar.right());
                let fill = hexadecimal(colour);
                svg.path(&path, Style { fill: &fill, ..outline(em) });
            }
        }
        bar.draw(svg, em);
    }
}

/// A colour as SVG writes it.
pub(crate) fn hexadecimal([red, green, blue]: [u8; 3]) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}
