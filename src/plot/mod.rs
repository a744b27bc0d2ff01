//! Pictures of arrays: a heat map of two axes, lines of one.
//!
//! Of a large array no more than the picture's cells come to memory: the engine reduces it first, two axes to means
//! of blocks, one axis to the smallest and the largest element of every column.
//!
//! ```no_run
//! use brickwork::plot::plot;
//!
//! # fn main() -> brickwork::Result<()> {
//! let days = brickwork::open_many("weather-big/*.hdf5#/t2m")?;
//! let mean = brickwork::assemble::stack(&days, 0)?.mean(0)?;
//! plot(&(&days[0] - mean)).cmap("RdBu_r").label("temperature anomaly (K)").save("diff.png")?;
//! # Ok(())
//! # }
//! ```

mod reduce;

use std::path::Path;

use brickwork_core::plan::Plan;
use brickwork_core::{Error, Result};
use brickwork_draw::{ColourMap, DrawError, HeatMap, LinePlot, Svg};
use brickwork_io::WholeFile;
use brickwork_ops::Array;
use brickwork_sched::{Scheduler, Threads};

pub use brickwork_draw::{Summary, Terminal, TerminalColours, short_number};

use reduce::{Cells, Columns, Reduced};

/// A picture of an array, to be saved. See [`Plot`] for what can be said about it.
pub fn plot(array: &Array) -> Plot {
    Plot { arrays: vec![(String::new(), array.clone())], ..Plot::default() }
}

/// A picture to be: the arrays, and what is said about them.
#[derive(Debug, Clone, Default)]
#[must_use = "nothing is drawn before the picture is saved"]
pub struct Plot {
    arrays: Vec<(String, Array)>,
    colour_map: Option<String>,
    title: String,
    label: String,
    x_label: Option<String>,
    y_label: Option<String>,
    range: (Option<f64>, Option<f64>),
    size: brickwork_draw::Size,
    overwrite: bool,
}

/// A picture that has been saved.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Saved {
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
    /// What there is among the numbers drawn; NaN is counted in elements of the array.
    pub summary: Summary,
}

/// What was computed, ready to be drawn.
enum Picture {
    Cells(HeatMap),
    Lines(LinePlot),
}

impl Plot {
    /// The name of the first array, for the legend of several.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        if let Some(first) = self.arrays.first_mut() {
            first.0 = name.into();
        }
        self
    }

    /// Another array of one axis in the same picture, by its name in the legend.
    pub fn and(mut self, name: impl Into<String>, array: &Array) -> Self {
        self.arrays.push((name.into(), array.clone()));
        self
    }

    /// The colour map of a heat map by matplotlib's name: `viridis` (the default), `RdBu_r`, …
    pub fn cmap(mut self, name: impl Into<String>) -> Self {
        self.colour_map = Some(name.into());
        self
    }

    /// The line above the picture.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// What the numbers are, with their unit: for the colour bar, or the axis on the left of lines.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// The name of the axis along the bottom: by default `axis 1` of a heat map, `axis 0` of lines.
    pub fn x_label(mut self, label: impl Into<String>) -> Self {
        self.x_label = Some(label.into());
        self
    }

    /// The name of the axis on the left: by default `axis 0` of a heat map, the label of lines.
    pub fn y_label(mut self, label: impl Into<String>) -> Self {
        self.y_label = Some(label.into());
        self
    }

    /// The numbers at the ends of the colours, or of the axis of lines. What is `None` follows from the data: from
    /// the smallest to the largest, with a diverging colour map symmetrically about zero if there are both signs.
    pub fn range(mut self, low: Option<f64>, high: Option<f64>) -> Self {
        self.range = (low, high);
        self
    }

    /// Pixels across and down; what is `None` follows from the array's shape.
    pub fn size(mut self, width: Option<usize>, height: Option<usize>) -> Self {
        self.size = (width, height);
        self
    }

    /// Allows replacing a file.
    pub fn overwrite(mut self, overwrite: bool) -> Self {
        self.overwrite = overwrite;
        self
    }

    /// Computes and draws to a file, `.png` or `.svg`.
    ///
    /// # Errors
    /// If the file exists or cannot be written; if the array is none of one or two axes of real numbers, or empty; if
    /// the colour map is unknown; or if the computation fails.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<Saved> {
        self.save_with(path, &Threads::default())
    }

    /// [`Plot::save`] with a scheduler of the caller's choice.
    ///
    /// # Errors
    /// As [`Plot::save`].
    pub fn save_with(&self, path: impl AsRef<Path>, scheduler: &dyn Scheduler) -> Result<Saved> {
        let path = path.as_ref();
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        let is_png = ending.eq_ignore_ascii_case("png");
        if !is_png && !ending.eq_ignore_ascii_case("svg") {
            let reason = format!("{}: a picture's name ends in .png or .svg", path.display());
            return Err(Error::argument("plot", reason));
        }
        let file = WholeFile::new(path, self.overwrite)?;
        let picture = self.picture(scheduler, None)?;
        let svg = picture.svg()?;
        let bytes =
            if is_png { brickwork_draw::png(&svg, 1.0).map_err(drawing)? } else { svg.finish().into_bytes() };
        file.write(&bytes)?;
        let (width, height) = svg.size();
        Ok(Saved { width: width as usize, height: height as usize, summary: picture.summary() })
    }

    /// Computes and draws, as SVG.
    ///
    /// # Errors
    /// As [`Plot::save`], but for files.
    pub fn svg_with(&self, scheduler: &dyn Scheduler) -> Result<Svg> {
        self.picture(scheduler, None)?.svg()
    }

    /// Computes and draws in the letters of a terminal.
    ///
    /// # Errors
    /// As [`Plot::save`], but for files.
    pub fn preview_with(&self, terminal: &Terminal, scheduler: &dyn Scheduler) -> Result<String> {
        match self.picture(scheduler, Some(terminal))? {
            Picture::Cells(map) => map.preview(terminal),
            Picture::Lines(lines) => lines.preview(terminal),
        }
        .map_err(drawing)
    }

    /// How a scheduler would compute what the picture shows. Computes nothing.
    ///
    /// # Errors
    /// If there is no picture of these arrays, their lengths are not known before they are computed, or no plan fits
    /// the memory.
    pub fn explain_with(&self, scheduler: &dyn Scheduler) -> Result<Plan> {
        self.check()?;
        let reduced = self.reduced(&self.arrays, None)?;
        let requested: Vec<&Array> = reduced.iter().flat_map(Reduced::requested).collect();
        brickwork_sched::explain(&requested.into_iter().cloned().collect::<Vec<_>>(), scheduler)
    }

    /// What can be told before anything is computed.
    fn check(&self) -> Result<()> {
        self.colour_map()?;
        for (name, array) in &self.arrays {
            let what = if name.is_empty() { "the array".to_owned() } else { format!("{name:?}") };
            let refuse = |reason: String| Err(Error::argument("plot", format!("{what} {reason}")));
            let (dtype, shape) = (array.dtype(), array.shape());
            if dtype.is_complex() {
                return refuse(format!(
                    "is {dtype}, and colours and heights are real; plot abs(x), x.real or x.imag"
                ));
            }
            if !dtype.is_numeric() {
                return refuse(format!("is {dtype}; only numbers and truth values are drawn"));
            }
            match shape.len() {
                0 => return refuse("has no axis: it is one number; print it instead".into()),
                1 => {}
                2 if self.arrays.len() == 1 => {}
                2 => {
                    return refuse(format!(
                        "has shape {shape:?}, and several results share a picture only as lines, with one axis each; \
                         plot it alone"
                    ));
                }
                axes => {
                    return refuse(format!(
                        "has {axes} axes, shape {shape:?}, and a picture has two; take an index, x[0], or a \
                         reduction, x.mean(axis=0), until two are left"
                    ));
                }
            }
            if array.size() == 0 {
                return refuse(format!("has shape {shape:?}: there is no element to draw"));
            }
        }
        // The range is checked again, with the data, when the picture is drawn.
        let (low, high) = self.range;
        if let (Some(low), Some(high)) = self.range
            && low >= high
        {
            let reason = format!("the range from {low} to {high} is none; the smaller number comes first");
            return Err(Error::argument("plot", reason));
        }
        if let Some(end) = [low, high].into_iter().flatten().find(|end| !end.is_finite()) {
            return Err(Error::argument("plot", format!("the range ends at {end}; give finite numbers")));
        }
        Ok(())
    }

    fn colour_map(&self) -> Result<ColourMap> {
        self.colour_map
            .as_deref()
            .map_or_else(|| Ok(ColourMap::default()), |name| ColourMap::named(name).map_err(drawing))
    }

    /// Computes what the picture shows.
    fn picture(&self, scheduler: &dyn Scheduler, terminal: Option<&Terminal>) -> Result<Picture> {
        self.check()?;
        let arrays = reduce::with_known_lengths(&self.arrays, scheduler)?;
        if let Some((_, array)) = arrays.iter().find(|(_, array)| array.size() == 0) {
            let reason = format!("nothing was selected: the array has shape {:?}", array.shape());
            return Err(Error::argument("plot", reason));
        }
        let reduced = self.reduced(&arrays, terminal)?;
        let requested: Vec<Array> = reduced.iter().flat_map(Reduced::requested).cloned().collect();
        let mut blocks =
            brickwork_sched::compute_all(&requested, scheduler).map_err(smaller_picture)?.into_iter();
        let mut lines = LinePlot::new();
        for ((name, _), reduced) in arrays.iter().zip(&reduced) {
            match reduced {
                Reduced::Cells(cells) => return Ok(Picture::Cells(self.heat_map(cells, &mut blocks)?)),
                Reduced::Columns(columns) => {
                    lines = columns.add_to(lines, name, &mut blocks).map_err(drawing)?;
                }
            }
        }
        let y_label = self.y_label.as_ref().unwrap_or(&self.label);
        Ok(Picture::Lines(
            lines
                .title(&self.title)
                .x_label(self.x_label.as_deref().unwrap_or("axis 0"))
                .y_label(y_label)
                .range(self.range.0, self.range.1)
                .size(self.size.0, self.size.1),
        ))
    }

    /// The arrays that are computed, no larger than the picture.
    fn reduced(&self, arrays: &[(String, Array)], terminal: Option<&Terminal>) -> Result<Vec<Reduced>> {
        if let [(_, array)] = arrays
            && let &[rows, columns] = array.shape()
        {
            let shape = [rows, columns];
            let factors = terminal
                .map_or_else(|| HeatMap::factors(shape, self.size), |terminal| terminal.factors(shape));
            return Ok(vec![Reduced::Cells(Cells::new(array, factors)?)]);
        }
        let columns = terminal.map_or_else(|| LinePlot::columns(self.size), Terminal::line_columns);
        let longest = arrays.iter().map(|(_, array)| array.size()).max().unwrap_or(0);
        // Up to two elements a pixel a line shows all there is.
        let factor = if longest <= 2 * columns { 1 } else { longest.div_ceil(columns) };
        arrays.iter().map(|(_, array)| Ok(Reduced::Columns(Columns::new(array, factor)?))).collect()
    }

    fn heat_map(&self, cells: &Cells, blocks: &mut reduce::Blocks) -> Result<HeatMap> {
        let mut map = cells.heat_map(blocks).map_err(drawing)?.title(&self.title).label(&self.label);
        if let Some(label) = &self.x_label {
            map = map.x_label(label);
        }
        if let Some(label) = &self.y_label {
            map = map.y_label(label);
        }
        let map = map.colour_map(self.colour_map()?).range(self.range.0, self.range.1);
        Ok(map.size(self.size.0, self.size.1))
    }
}

impl Picture {
    fn svg(&self) -> Result<Svg> {
        match self {
            Picture::Cells(map) => map.svg(),
            Picture::Lines(lines) => lines.svg(),
        }
        .map_err(drawing)
    }

    fn summary(&self) -> Summary {
        match self {
            Picture::Cells(map) => map.summary(),
            Picture::Lines(lines) => lines.summary(),
        }
    }
}

/// What would help where the numbers of a picture are too many for the memory: they cannot be stored instead.
fn smaller_picture(error: Error) -> Error {
    match error {
        Error::MemoryTooSmall { what, needed, allowed, .. } if what.starts_with("the result of") => {
            let help =
                "allow more, or make the picture smaller (--width and --height on the command line)".into();
            Error::MemoryTooSmall { what, needed, allowed, help }
        }
        other => other,
    }
}

fn drawing(error: DrawError) -> Error {
    Error::argument("plot", error.to_string())
}
