//! Two axes as cells of colour.

use brickwork_core::{Block, DType};

use super::axes::{self, AxisTicks, EDGE, Frame, LINE, PALE_INK, Remarks, Size, TICK, Texts};
use super::cell_layout;
use super::colour_bar::ColourBar;
use super::colour_map::ColourMap;
use super::image::data_uri;
use super::values::{Summary, limits, numbers};
use crate::error::{DrawError, Result};
use crate::svg::{Style, Svg};
use crate::text::text_width;

/// A picture of a matrix: row 0 at the top, column 0 on the left, a colour bar beside it.
///
/// Cells are square unless the matrix is very much longer one way. What is NaN is hatched in grey; infinite numbers get
/// the colour of the nearest end. The colours reach from the smallest number to the largest; with a diverging map
/// they are centred on zero if there are numbers on both sides of it.
///
/// ```
/// use brickwork_core::Block;
/// use brickwork_draw::{ColourMap, HeatMap};
///
/// let block = Block::from_vec(vec![-1.0, 0.0, 2.0, f64::NAN], &[2, 2]);
/// let svg = HeatMap::new(&block)?.title("four numbers").colour_map(ColourMap::named("RdBu_r")?).svg()?;
/// assert!(svg.finish().contains("no value: 1"));
/// # Ok::<(), brickwork_draw::DrawError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct HeatMap {
    pub(super) numbers: Vec<f64>,
    /// Rows and columns of cells.
    pub(super) cells: [usize; 2],
    /// Rows and columns of the array.
    pub(super) shape: [usize; 2],
    /// Elements of a cell along both axes.
    pub(super) factors: [usize; 2],
    /// Elements that have no value, if it is known of elements rather than of cells.
    no_value: Option<usize>,
    is_bool: bool,
    is_whole: bool,
    texts: Texts,
    label: String,
    pub(super) map: ColourMap,
    asked: (Option<f64>, Option<f64>),
    size: Size,
}

impl HeatMap {
    /// Of a block of two axes.
    ///
    /// # Errors
    /// If it has another number of axes, no element, or elements that are no real numbers.
    pub fn new(block: &Block) -> Result<HeatMap> {
        let &[rows, columns] = block.shape() else {
            let what = format!("an array of shape {:?}", block.shape());
            return Err(DrawError::NotDrawable { what, help: "a heat map has two axes".into() });
        };
        if rows == 0 || columns == 0 {
            let what = format!("an array of shape {:?}", block.shape());
            return Err(DrawError::NotDrawable { what, help: "it has no element".into() });
        }
        Ok(HeatMap {
            numbers: numbers(block)?,
            cells: [rows, columns],
            shape: [rows, columns],
            factors: [1, 1],
            no_value: None,
            is_bool: block.dtype() == DType::Bool,
            is_whole: block.dtype().is_integer(),
            texts: Texts { title: String::new(), x_label: "axis 1".into(), y_label: "axis 0".into() },
            label: String::new(),
            map: ColourMap::default(),
            asked: (None, None),
            size: (None, None),
        })
    }

    /// Elements along both axes that a cell should stand for, so that an array of `shape` has no more cells than its
    /// picture has pixels.
    pub fn factors(shape: [usize; 2], size: Size) -> [usize; 2] {
        cell_layout::factors(shape, size)
    }

    /// Says that the cells are means of `factors` elements each, of an array of `shape`: ticks tell its indices.
    pub fn means_of(mut self, shape: [usize; 2], factors: [usize; 2]) -> Self {
        for axis in 0..2 {
            let cells = shape[axis].div_ceil(factors[axis].max(1));
            debug_assert_eq!(cells, self.cells[axis], "so many cells cover the axis");
        }
        (self.shape, self.factors) = (shape, factors);
        self
    }

    /// How many elements have no value, if the cells are means and cannot tell.
    pub fn no_value(mut self, elements: usize) -> Self {
        self.no_value = Some(elements);
        self
    }

    /// The line above the picture.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.texts.title = title.into();
        self
    }

    /// The name of the axis along the bottom, which is axis 1 of the array.
    pub fn x_label(mut self, label: impl Into<String>) -> Self {
        self.texts.x_label = label.into();
        self
    }

    /// The name of the axis on the left, which is axis 0 of the array.
    pub fn y_label(mut self, label: impl Into<String>) -> Self {
        self.texts.y_label = label.into();
        self
    }

    /// What the numbers are, for the colour bar: `temperature (K)`.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// The colours.
    pub fn colour_map(mut self, map: ColourMap) -> Self {
        self.map = map;
        self
    }

    /// The numbers at the ends of the colours, where they are not to follow the data.
    pub fn range(mut self, low: Option<f64>, high: Option<f64>) -> Self {
        self.asked = (low, high);
        self
    }

    /// The size of the picture in pixels; what is left open follows from the shape.
    pub fn size(mut self, width: Option<usize>, height: Option<usize>) -> Self {
        self.size = (width, height);
        self
    }

    /// What there is among the cells; NaN is counted in elements where that is known.
    pub fn summary(&self) -> Summary {
        let cells = self.of_cells();
        Summary { nan: self.no_value.unwrap_or(cells.nan), ..cells }
    }

    fn of_cells(&self) -> Summary {
        Summary::of(&self.numbers)
    }

    /// The numbers at the ends of the colours.
    ///
    /// # Errors
    /// If those asked for are not finite or not in order.
    pub fn limits(&self) -> Result<(f64, f64)> {
        let range = self.of_cells().range;
        if self.is_bool && self.asked == (None, None) {
            return Ok((0.0, 1.0));
        }
        limits(range, self.asked, self.map.is_diverging())
    }

    /// The picture.
    ///
    /// # Errors
    /// If the size leaves no room for the cells, or the range asked for makes no sense.
    pub fn svg(&self) -> Result<Svg> {
        let summary = self.of_cells();
        let limits = self.limits()?;
        let em = axes::font_size(self.size);
        let height = cell_layout::open_size(self.shape, self.factors, self.size).1;
        let has_room = axes::fits_upright(&self.label, height, em);
        let bar = ColourBar {
            map: self.map,
            limits,
            label: if has_room { &self.label } else { "" },
            is_bool: self.is_bool,
            is_whole: self.is_whole,
            has_beyond: (
                self.numbers.iter().any(|&number| number < limits.0),
                self.numbers.iter().any(|&number| number > limits.1),
            ),
        };
        let mut remarks = self.remarks(&summary);
        if !has_room {
            // Beside low cells there is no room for a long label.
            remarks.lines.insert(0, (format!("colours: {}", self.label), false));
        }
        let layout = self.layout(&bar, &remarks, em)?;
        let (mut svg, frame) = (Svg::new(layout.width, layout.height), layout.frame);
        if summary.nan > 0 {
            draw_hatch_pattern(&mut svg, em);
        }
        self.draw_cells(&mut svg, &layout, limits, summary.nan > 0);
        frame.draw(&mut svg, em);
        let columns = AxisTicks::along_bottom(self.shape[1], frame.width, em);
        columns.draw_bottom(&mut svg, frame, em);
        self.row_ticks(frame.height, em).draw_left(&mut svg, frame, em);
        bar.draw(&mut svg, frame, em);
        self.texts.draw_title(&mut svg, frame, em);
        self.texts.draw_x_label(&mut svg, frame, em);
        self.texts.draw_y_label(&mut svg, frame, layout.y_label, em);
        remarks.draw(&mut svg, frame.left, layout.remarks, em, HATCH);
        Ok(svg)
    }

    fn row_ticks(&self, height: f64, em: f64) -> AxisTicks {
        AxisTicks::indices(self.shape[0], height, (2.2 * em).max(height / MOST_ROW_TICKS))
    }

    /// What is said below the picture.
    fn remarks(&self, summary: &Summary) -> Remarks {
        let mut lines = Vec::new();
        let [down, across] = self.factors;
        if self.factors != [1, 1] {
            lines.push((format!("each cell is the mean of {down} × {across} elements"), false));
        }
        match self.no_value {
            Some(elements) if elements > summary.nan => {
                let of = self.shape[0].saturating_mul(self.shape[1]);
                let share = if summary.nan == 0 { "; no cell is without one" } else { "" };
                lines.push((format!("no value: {elements} of {of} elements{share}"), summary.nan > 0));
            }
            _ if summary.nan > 0 => lines.push((format!("no value: {}", summary.nan), true)),
            _ => {}
        }
        if summary.infinite > 0 {
            let text = format!("infinite: {}, drawn as the nearest end of the colours", summary.infinite);
            lines.push((text, false));
        }
        Remarks { lines }
    }

    /// The places of everything. Ticks depend on the size of the frame and the frame's place on their widths: the
    /// second round has it right.
    fn layout(&self, bar: &ColourBar<'_>, remarks: &Remarks, em: f64) -> Result<Layout> {
        let mut inner = cell_layout::open_size(self.shape, self.factors, self.size);
        let mut layout = Layout::default();
        for _ in 0..2 {
            let label = |text: &str| if text.is_empty() { 0.0 } else { LINE * em };
            let left =
                (EDGE + TICK) * em + 1.2 * label(&self.texts.y_label) + self.row_ticks(inner.1, em).width(em);
            let right = bar.width(inner.1, em) + EDGE * em;
            let bottom = (TICK + 1.0 + EDGE) * em + label(&self.texts.x_label) + remarks.height(em);
            let least = self.least_width(remarks, em);
            let width = self.size.0.map_or((left + inner.0 + right).max(least), |width| width as f64).ceil();
            let lines = self.texts.title_lines(width, em).len();
            let top = (Texts::title_height(lines, em) + bar.rise(inner.1, em)).ceil();
            let room = (
                self.size.0.map(|width| width as f64 - left - right),
                self.size.1.map(|height| height as f64 - top - bottom),
            );
            if [room.0, room.1].into_iter().flatten().any(|room| room < 4.0 * em) {
                let least = [left + right, top + bottom].map(|margin| (margin + 4.0 * em).ceil() as usize);
                return Err(DrawError::TooSmall { width: least[0], height: least[1] });
            }
            inner = cell_layout::size(self.shape, self.factors, room);
            let width = self.size.0.map_or((left + inner.0 + right).max(least).ceil(), |width| width as f64);
            let height = self.size.1.map_or((top + inner.1 + bottom).ceil(), |height| height as f64);
            // What is not needed is left free on both sides.
            let (free_across, free_down) = (width - left - inner.0 - right, height - top - inner.1 - bottom);
            let frame = Frame {
                left: (left + free_across.max(0.0) / 2.0).round(),
                top: (top + free_down.max(0.0) / 2.0).round(),
                width: inner.0,
                height: inner.1,
            };
            let y_label = frame.left - left + (EDGE + 1.0) * em;
            layout = Layout {
                width,
                height,
                frame,
                y_label,
                remarks: frame.bottom() + bottom - remarks.height(em) - EDGE * em,
            };
        }
        Ok(layout)
    }

    /// A picture of few cells is still wide enough for what is said about it.
    fn least_width(&self, remarks: &Remarks, em: f64) -> f64 {
        let remarks = remarks.lines.iter().map(|(text, _)| text_width(text, em) + 2.0 * em);
        let title = text_width(&self.texts.title, axes::LINE * em).min(24.0 * em);
        remarks.fold(title, f64::max).min(30.0 * em) + 2.0 * EDGE * em
    }

    fn draw_cells(&self, svg: &mut Svg, layout: &Layout, limits: (f64, f64), has_holes: bool) {
        let frame = layout.frame;
        if has_holes {
            svg.rect(
                frame.left,
                frame.top,
                frame.width,
                frame.height,
                Style { fill: HATCH, ..Style::default() },
            );
        }
        let [rows, columns] = self.cells;
        let colours = self
            .numbers
            .iter()
            .map(|&number| (!number.is_nan()).then(|| self.map.colour(place(number, limits))));
        let uri = data_uri(columns, rows, colours);
        // The last cells may stand for fewer elements, and then reach beyond the frame.
        let width = frame.width / self.shape[1] as f64 * (columns * self.factors[1]) as f64;
        let height = frame.height / self.shape[0] as f64 * (rows * self.factors[0]) as f64;
        let Frame { left, top, .. } = frame;
        svg.raw(&format!(
            r#"<clipPath id="cells"><rect x="{left}" y="{top}" width="{}" height="{}"/></clipPath>"#,
            frame.width, frame.height
        ));
        svg.raw(&format!(
            r#"<g clip-path="url(#cells)"><image x="{left}" y="{top}" width="{width:.3}" height="{height:.3}" preserveAspectRatio="none" style="image-rendering:pixelated" href="{uri}"/></g>"#
        ));
    }
}

/// Where a number lies between the ends, from 0 to 1; beyond them for numbers beyond.
pub(super) fn place(number: f64, (low, high): (f64, f64)) -> f64 {
    let span = high - low;
    if span.is_finite() {
        return (number - low) / span;
    }
    // Of the largest numbers there are, halves can be subtracted.
    (number / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0)
}

/// The places of everything in a picture.
#[derive(Debug, Default)]
struct Layout {
    width: f64,
    height: f64,
    frame: Frame,
    /// The base line of the label on the left.
    y_label: f64,
    /// The top of the remarks.
    remarks: f64,
}

/// More ticks than this along the rows are no help.
const MOST_ROW_TICKS: f64 = 14.0;
/// What fills cells without a value.
const HATCH: &str = "url(#no-value)";

fn draw_hatch_pattern(svg: &mut Svg, em: f64) {
    let step = (em * 0.4).max(3.0);
    let half = step / 2.0;
    svg.raw(&format!(
        r##"<defs><pattern id="no-value" width="{step}" height="{step}" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="{step}" height="{step}" fill="#ececec"/><line x1="{half}" y1="0" x2="{half}" y2="{step}" stroke="{PALE_INK}" stroke-opacity="0.45" stroke-width="{}"/></pattern></defs>"##,
        em * 0.07
    ));
}
