//! Arrays of one axis as lines.

use brickwork_core::Block;

use super::axes::{
    self, AxisTicks, EDGE, Frame, GRID, INK, LINE, Remarks, Size, TICK, Texts, outline, shortened,
};
use super::heat_map::place;
use super::ticks::value_ticks;
use super::values::{Summary, limits, numbers};
use crate::error::{DrawError, Result};
use crate::svg::{Anchor, Style, Svg};
use crate::text::text_width;

/// The colours of lines, which nobody confuses (Okabe and Ito, 2008; their yellow is too pale for a line).
pub(super) const COLOURS: [[u8; 3]; 7] =
    [[0, 114, 178], [213, 94, 0], [0, 158, 115], [204, 121, 167], [86, 180, 233], [230, 159, 0], [0, 0, 0]];
/// How lines are broken once the colours come again, in font sizes.
const DASHES: [&[f64]; 4] = [&[], &[0.5, 0.25], &[0.12, 0.2], &[0.6, 0.2, 0.12, 0.2]];
/// A picture of open size, in pixels.
const OPEN: (f64, f64) = (1000.0, 560.0);
/// The share of the picture's width that the frame takes, roughly.
const SHARE: f64 = 0.85;
/// A name in the legend takes no more than this, in font sizes.
const MOST_NAME: f64 = 24.0;
/// The line in the legend, in font sizes.
const SAMPLE: f64 = 1.8;

/// A picture of arrays of one axis: values over indices, several lines with a legend.
///
/// Where an array is NaN its line has a gap. A long array is drawn as the band between the smallest and the largest
/// of the elements that share a column, so that no spike is lost.
///
/// ```
/// use brickwork_core::Block;
/// use brickwork_draw::LinePlot;
///
/// let block = Block::from_vec(vec![1.0, 4.0, f64::NAN, 2.0], &[4]);
/// let svg = LinePlot::new().line("x", &block)?.title("three numbers and a gap").svg()?;
/// assert!(svg.finish().contains("no value: 1"));
/// # Ok::<(), brickwork_draw::DrawError>(())
/// ```
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct LinePlot {
    pub(super) lines: Vec<Line>,
    texts: Texts,
    asked: (Option<f64>, Option<f64>),
    size: Size,
}

/// The numbers of one line.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub name: String,
    /// The elements, or the smallest of those that share a column.
    pub low: Vec<f64>,
    /// The largest of those that share a column; none if every element has its own.
    pub high: Option<Vec<f64>>,
    /// Elements of the array.
    pub length: usize,
    /// Elements that share a column.
    pub factor: usize,
    no_value: usize,
    is_whole: bool,
}

impl Line {
    /// The middle of column `i`, in elements.
    pub fn middle(&self, i: usize) -> f64 {
        let from = i * self.factor;
        (from + (from + self.factor).min(self.length)) as f64 / 2.0
    }

    /// The columns' largest numbers.
    pub fn high(&self) -> &[f64] {
        self.high.as_deref().unwrap_or(&self.low)
    }

    /// The runs of columns that have numbers.
    fn runs(&self) -> Vec<std::ops::Range<usize>> {
        let mut runs: Vec<std::ops::Range<usize>> = Vec::new();
        for (i, number) in self.low.iter().enumerate() {
            match runs.last_mut() {
                _ if number.is_nan() => {}
                Some(run) if run.end == i => run.end += 1,
                _ => runs.push(i..i + 1),
            }
        }
        runs
    }
}

impl LinePlot {
    /// No line yet.
    pub fn new() -> LinePlot {
        LinePlot::default()
    }

    /// The columns that a picture of some size has: longer arrays are reduced to so many.
    pub fn columns(size: Size) -> usize {
        let width = match size {
            (Some(width), _) => width as f64,
            (None, Some(height)) => height as f64 * OPEN.0 / OPEN.1,
            (None, None) => OPEN.0,
        };
        (width * SHARE).max(1.0) as usize
    }

    /// Adds a line: a block of one axis, and its name in the legend.
    ///
    /// # Errors
    /// If the block has another number of axes, no element, or elements that are no real numbers.
    pub fn line(mut self, name: impl Into<String>, block: &Block) -> Result<LinePlot> {
        let low = column_numbers(block)?;
        let (length, no_value) = (low.len(), Summary::of(&low).nan);
        let is_whole = block.dtype().is_integer_or_bool();
        self.lines.push(Line { name: name.into(), low, high: None, length, factor: 1, no_value, is_whole });
        Ok(self)
    }

    /// Adds a line of an array of `length` elements by the smallest and the largest of every `factor` of them, of
    /// which `no_value` in all are NaN and were left out.
    ///
    /// # Errors
    /// As for [`LinePlot::line`]; if the blocks are not as long as `length` and `factor` say.
    pub fn envelope(
        mut self,
        name: impl Into<String>,
        [low, high]: [&Block; 2],
        length: usize,
        factor: usize,
        no_value: usize,
    ) -> Result<LinePlot> {
        let is_whole = low.dtype().is_integer_or_bool();
        let (low, high) = (column_numbers(low)?, column_numbers(high)?);
        if low.len() != high.len() || low.len() != length.div_ceil(factor.max(1)) {
            let what = format!("an envelope of {} and {} columns", low.len(), high.len());
            let help =
                format!("{length} elements, {factor} in a column, take {}", length.div_ceil(factor.max(1)));
            return Err(DrawError::NotDrawable { what, help });
        }
        self.lines.push(Line {
            name: name.into(),
            low,
            high: Some(high),
            length,
            factor,
            no_value,
            is_whole,
        });
        Ok(self)
    }

    /// The line above the picture.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.texts.title = title.into();
        self
    }

    /// The name of the axis along the bottom: the array's only one.
    pub fn x_label(mut self, label: impl Into<String>) -> Self {
        self.texts.x_label = label.into();
        self
    }

    /// What the numbers are.
    pub fn y_label(mut self, label: impl Into<String>) -> Self {
        self.texts.y_label = label.into();
        self
    }

    /// The numbers at the bottom and the top of the frame, where they are not to follow the data.
    pub fn range(mut self, low: Option<f64>, high: Option<f64>) -> Self {
        self.asked = (low, high);
        self
    }

    /// The size of the picture in pixels.
    pub fn size(mut self, width: Option<usize>, height: Option<usize>) -> Self {
        self.size = (width, height);
        self
    }

    /// What there is among the numbers of all lines; elements without a value are counted where they are known.
    pub fn summary(&self) -> Summary {
        let drawn = self.lines.iter().flat_map(|line| line.low.iter().chain(line.high.iter().flatten()));
        let summary = Summary::of(drawn);
        Summary { nan: self.lines.iter().map(|line| line.no_value).sum(), ..summary }
    }

    /// The numbers at the bottom and the top of the frame.
    ///
    /// # Errors
    /// If those asked for are not finite or not in order.
    pub fn limits(&self) -> Result<(f64, f64)> {
        let (low, high) = limits(self.summary().range, self.asked, false)?;
        // A little air, so that no line runs along the frame.
        let margin = (high / 2.0 - low / 2.0) * 0.1;
        let low = if self.asked.0.is_some() { low } else { (low - margin).max(f64::MIN) };
        let high = if self.asked.1.is_some() { high } else { (high + margin).min(f64::MAX) };
        Ok((low, high))
    }

    /// The length of the longest array.
    pub(super) fn length(&self) -> usize {
        self.lines.iter().map(|line| line.length).max().unwrap_or(0)
    }

    /// The picture.
    ///
    /// # Errors
    /// If there is no line, the size leaves no room, or the range asked for makes no sense.
    pub fn svg(&self) -> Result<Svg> {
        let length = self.length();
        if length == 0 {
            let help = "add one with line()".into();
            return Err(DrawError::NotDrawable { what: "a plot without lines".into(), help });
        }
        let limits = self.limits()?;
        let em = axes::font_size(self.size);
        let width = self.size.0.map_or_else(
            || self.size.1.map_or(OPEN.0, |height| (height as f64 * OPEN.0 / OPEN.1).round()),
            |width| width as f64,
        );
        let height = self.size.1.map_or_else(|| (width * OPEN.1 / OPEN.0).round(), |height| height as f64);
        let legend = self.legend(width - 2.0 * EDGE * em, em);
        let remarks = self.remarks();
        let label = |text: &str| if text.is_empty() { 0.0 } else { LINE * em };
        let title = self.texts.title_lines(width, em).len();
        let legend_top = Texts::title_height(title, em);
        let legend_height = legend.last().map_or(0.0, |entry| (entry.row as f64 + 1.0) * LINE * em);
        let bottom = (TICK + 1.0 + EDGE) * em + label(&self.texts.x_label) + remarks.height(em);
        let is_whole = self.lines.iter().all(|line| line.is_whole);
        let ticks = |height: f64| {
            value_ticks(limits.0, limits.1, ((height / (2.8 * em)) as usize).clamp(2, 9), is_whole)
        };
        // The number of ticks hardly depends on the line that their common factor takes.
        let scale_height = if ticks(height - legend_top - bottom).scale.is_empty() { 0.0 } else { LINE * em };
        let top = (legend_top + legend_height + scale_height).ceil();
        let ticks = ticks(height - top - bottom);
        let widest = ticks.labels.iter().map(|label| text_width(label, em)).fold(0.0, f64::max);
        let left = ((EDGE + TICK) * em + label(&self.texts.y_label) + widest).ceil();
        let right = 1.5 * em;
        let frame = Frame { left, top, width: width - left - right, height: height - top - bottom };
        if frame.width < 4.0 * em || frame.height < 4.0 * em {
            let least = [left + right, top + bottom].map(|margin| (margin + 4.0 * em).ceil() as usize);
            return Err(DrawError::TooSmall { width: least[0], height: least[1] });
        }

        let mut svg = Svg::new(width, height);
        let x_ticks = AxisTicks::along_bottom(length, frame.width, em);
        let y_ticks = AxisTicks {
            places: ticks.places.iter().map(|place| (1.0 - place) * frame.height).collect(),
            labels: ticks.labels,
        };
        draw_grid(&mut svg, frame, &x_ticks, &y_ticks, em);
        self.draw_lines(&mut svg, frame, limits, em);
        frame.draw(&mut svg, em);
        x_ticks.draw_bottom(&mut svg, frame, em);
        y_ticks.draw_left(&mut svg, frame, em);
        if !ticks.scale.is_empty() {
            svg.text(frame.left, frame.top - 0.45 * em, em, Anchor::Start, INK, &ticks.scale);
        }
        draw_legend(&mut svg, &legend, legend_top, em);
        self.texts.draw_title(&mut svg, frame, em);
        self.texts.draw_x_label(&mut svg, frame, em);
        self.texts.draw_y_label(&mut svg, frame, (EDGE + 0.9) * em, em);
        remarks.draw(&mut svg, frame.left, height - remarks.height(em) - EDGE * em, em, "");
        Ok(svg)
    }

    /// What is said below the picture.
    fn remarks(&self) -> Remarks {
        let mut lines = Vec::new();
        if let Some(factor) = self.lines.iter().map(|line| line.factor).max().filter(|&factor| factor > 1) {
            let text = format!("each column spans the smallest and the largest of {factor} elements");
            lines.push((text, false));
        }
        let summary = self.summary();
        if summary.nan > 0 {
            lines.push((format!("no value: {}", summary.nan), false));
        }
        if summary.infinite > 0 {
            lines.push((format!("infinite: {}, drawn at the edge", summary.infinite), false));
        }
        Remarks { lines }
    }

    fn draw_lines(&self, svg: &mut Svg, frame: Frame, limits: (f64, f64), em: f64) {
        svg.raw(&format!(
            r#"<clipPath id="frame"><rect x="{}" y="{}" width="{:.2}" height="{:.2}"/></clipPath>"#,
            frame.left, frame.top, frame.width, frame.height
        ));
        svg.raw(r#"<g clip-path="url(#frame)" stroke-linejoin="round">"#);
        let step = frame.width / self.length() as f64;
        let y = |number: f64| {
            // Far beyond the frame nothing is seen, and a renderer may lose its way.
            frame.bottom() - place(number, limits).clamp(-1.0, 2.0) * frame.height
        };
        for (number, line) in self.lines.iter().enumerate() {
            let x = |i: usize| frame.left + line.middle(i) * step;
            let (colour, dash) = (colour_of(number), dash_of(number, em));
            let is_band = line.high.is_some();
            let (mut path, mut dots) = (String::new(), String::new());
            for run in line.runs() {
                if run.len() == 1 && !is_band {
                    let (x, y) = (x(run.start), y(line.low[run.start]));
                    dots.push_str(&format!(
                        r#"<circle cx="{x:.2}" cy="{y:.2}" r="{:.2}" fill="{colour}"/>"#,
                        em * 0.15
                    ));
                    continue;
                }
                let point = |i: usize, number: f64| format!("{:.2} {:.2}", x(i), y(number));
                let upper: Vec<String> = run.clone().map(|i| point(i, line.high()[i])).collect();
                path.push_str(&format!("M{}", upper.join("L")));
                if is_band {
                    let lower: Vec<String> = run.rev().map(|i| point(i, line.low[i])).collect();
                    path.push_str(&format!("L{}Z", lower.join("L")));
                }
            }
            let fill = if is_band { colour.as_str() } else { "none" };
            let width = if is_band { em * 0.06 } else { em * 0.1 };
            let opacity = if is_band && self.lines.len() > 1 { r#" fill-opacity="0.5""# } else { "" };
            if !path.is_empty() {
                svg.raw(&format!(
                    r#"<path d="{path}" fill="{fill}"{opacity} stroke="{colour}" stroke-width="{width:.2}"{dash}/>"#
                ));
            }
            if !dots.is_empty() {
                svg.raw(&dots);
            }
        }
        svg.raw("</g>");
    }

    /// The places of the lines' names above the frame, row by row; none if there is one line.
    fn legend(&self, width: f64, em: f64) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::new();
        if self.lines.len() < 2 {
            return entries;
        }
        let (mut x, mut row) = (0.0, 0);
        for line in &self.lines {
            let name = shortened(&line.name, em, MOST_NAME.min(width / em - SAMPLE - 0.5) * em);
            let extent = (SAMPLE + 0.5) * em + text_width(&name, em);
            if x > 0.0 && x + extent > width {
                (x, row) = (0.0, row + 1);
            }
            entries.push(Entry { x, row, name });
            x += extent + 1.5 * em;
        }
        entries
    }
}

/// A name in the legend.
#[derive(Debug)]
struct Entry {
    x: f64,
    row: usize,
    name: String,
}

fn draw_legend(svg: &mut Svg, legend: &[Entry], top: f64, em: f64) {
    for (number, entry) in legend.iter().enumerate() {
        let (x, y) = (EDGE * em + entry.x, top + (entry.row as f64 * LINE + 0.8) * em);
        let (colour, dash) = (colour_of(number), dash_of(number, em));
        let (to, middle) = (x + SAMPLE * em, y - 0.3 * em);
        svg.raw(&format!(
            r#"<path d="M{x:.2} {middle:.2}L{to:.2} {middle:.2}" fill="none" stroke="{colour}" stroke-width="{:.2}"{dash}/>"#,
            em * 0.14
        ));
        svg.text(to + 0.5 * em, y, em, Anchor::Start, INK, &entry.name);
    }
}

fn draw_grid(svg: &mut Svg, frame: Frame, x_ticks: &AxisTicks, y_ticks: &AxisTicks, em: f64) {
    let style = Style { stroke: GRID, ..outline(em) };
    for x in x_ticks.places.iter().map(|place| frame.left + place) {
        svg.line((x, frame.top), (x, frame.bottom()), style);
    }
    for y in y_ticks.places.iter().map(|place| frame.top + place) {
        svg.line((frame.left, y), (frame.right(), y), style);
    }
}

fn colour_of(line: usize) -> String {
    super::colour_bar::hexadecimal(COLOURS[line % COLOURS.len()])
}

fn dash_of(line: usize, em: f64) -> String {
    let dashes = DASHES[line / COLOURS.len() % DASHES.len()];
    if dashes.is_empty() {
        return String::new();
    }
    let lengths: Vec<String> = dashes.iter().map(|length| format!("{:.2}", length * em)).collect();
    format!(r#" stroke-dasharray="{}""#, lengths.join(" "))
}

fn column_numbers(block: &Block) -> Result<Vec<f64>> {
    let what = || format!("an array of shape {:?}", block.shape());
    if block.shape().len() != 1 {
        return Err(DrawError::NotDrawable { what: what(), help: "a line has one axis".into() });
    }
    if block.size() == 0 {
        return Err(DrawError::NotDrawable { what: what(), help: "it has no element".into() });
    }
    numbers(block)
}
