//! Pictures in letters, for terminals.

use std::fmt::Write;

use super::heat_map::{HeatMap, place};
use super::line_plot::{COLOURS, LinePlot};
use super::ticks::short;
use crate::error::Result;

/// What a terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    /// Letters across.
    pub columns: usize,
    /// Lines.
    pub rows: usize,
    /// Colours.
    pub colours: TerminalColours,
}

/// The colours of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TerminalColours {
    /// Red, green and blue in 256 steps each.
    True,
    /// A palette of 256.
    Palette,
    /// None, and no letters beyond ASCII either.
    None,
}

/// Lines that title, scale and prompt take.
const OTHER_ROWS: usize = 4;
/// From light to dark, for terminals without colours.
const SHADES: &[u8] = b" .:-=+*#%@";
/// The colour of what has no value.
const NO_VALUE: [u8; 3] = [190, 190, 190];
/// A cell takes no more half letters than this either way.
const MOST_CELL: usize = 8;

impl Terminal {
    /// Cells across and down: half blocks stand two to a letter, one above the other.
    fn pixels(&self) -> (usize, usize) {
        (self.columns.max(2), 2 * self.rows.saturating_sub(OTHER_ROWS).max(2))
    }

    /// Elements along both axes that a cell of a preview should stand for.
    pub fn factors(&self, shape: [usize; 2]) -> [usize; 2] {
        let (across, down) = self.pixels();
        let factors = [shape[0].div_ceil(down).max(1), shape[1].div_ceil(across).max(1)];
        // Square cells, unless one side would be left with next to nothing.
        let square = factors[0].max(factors[1]);
        if shape[0].min(shape[1]) / square >= 6 { [square; 2] } else { factors }
    }

    /// The columns of a preview of lines: longer arrays are reduced to so many.
    pub fn line_columns(&self) -> usize {
        2 * self.columns.saturating_sub(MARGIN).max(8)
    }

    /// The codes for a letter in one colour on another.
    fn codes(&self, front: Option<[u8; 3]>, back: Option<[u8; 3]>) -> String {
        let code = |layer: u8, colour: [u8; 3]| match self.colours {
            TerminalColours::True => format!("{layer};2;{};{};{}", colour[0], colour[1], colour[2]),
            _ => format!("{layer};5;{}", palette(colour)),
        };
        let codes: Vec<String> = [front.map(|front| code(38, front)), back.map(|back| code(48, back))]
            .into_iter()
            .flatten()
            .collect();
        format!("\u{1b}[{}m", codes.join(";"))
    }
}

/// The nearest colour of the palette's cube.
fn palette(colour: [u8; 3]) -> u8 {
    let level = |value: u8| match value {
        0..48 => 0u8,
        48..115 => 1,
        value => (value - 35) / 40,
    };
    16 + 36 * level(colour[0]) + 6 * level(colour[1]) + level(colour[2])
}

const RESET: &str = "\u{1b}[0m";

impl HeatMap {
    /// The picture in half blocks, with its title above and the scale of its colours below.
    ///
    /// # Errors
    /// If the range asked for makes no sense.
    pub fn preview(&self, terminal: &Terminal) -> Result<String> {
        let limits = self.limits()?;
        let (across, down) = terminal.pixels();
        let [rows, columns] = self.cells;
        let size = (across / columns).min(down / rows).clamp(1, MOST_CELL);
        // Two half blocks a letter: a single row is shown as high as a letter.
        let size = if rows * size == 1 && across >= 2 * columns { 2 } else { size };
        let (rows, columns) = (rows * size, columns * size);
        let number = |row: usize, column: usize| {
            (row < rows).then(|| self.numbers[row / size * self.cells[1] + column / size])
        };
        let mut text = self.preview_title(terminal);
        for row in (0..rows).step_by(2) {
            let mut codes = String::new();
            for column in 0..columns {
                let (upper, lower) = (number(row, column), number(row + 1, column));
                if terminal.colours == TerminalColours::None {
                    text.push(shade(upper, lower, limits));
                    continue;
                }
                let colour = |number: f64| {
                    if number.is_nan() { NO_VALUE } else { self.map.colour(place(number, limits)) }
                };
                let needed = terminal.codes(upper.map(colour), lower.map(colour));
                if needed != codes {
                    // Without this the lower half of a last single row would keep its left neighbour's colour.
                    let clear = if lower.is_none() { RESET } else { "" };
                    let _ = write!(text, "{clear}{needed}");
                    codes = needed;
                }
                text.push('▀');
            }
            text.push_str(if codes.is_empty() { "\n" } else { "\u{1b}[0m\n" });
        }
        text.push_str(&self.preview_scale(terminal, limits));
        Ok(text)
    }

    fn preview_title(&self, terminal: &Terminal) -> String {
        let [rows, columns] = self.shape;
        let by = if terminal.colours == TerminalColours::None { "x" } else { "×" };
        let mut what = format!("{rows} {by} {columns}");
        if self.factors != [1, 1] {
            let _ = write!(what, ", each cell the mean of {} {by} {}", self.factors[0], self.factors[1]);
        }
        format!("{what}\n")
    }

    /// `low ▀▀▀▀▀▀ high`, and what is not on that scale.
    fn preview_scale(&self, terminal: &Terminal, limits: (f64, f64)) -> String {
        let steps = terminal.columns.saturating_sub(30).clamp(4, 24);
        let mut ramp = String::new();
        for step in 0..steps {
            let at = step as f64 / (steps - 1) as f64;
            if terminal.colours == TerminalColours::None {
                ramp.push(SHADES[(at * (SHADES.len() - 1) as f64).round() as usize] as char);
            } else {
                let _ = write!(ramp, "{}█", terminal.codes(Some(self.map.colour(at)), None));
            }
        }
        if terminal.colours != TerminalColours::None {
            ramp.push_str(RESET);
        }
        let mut text =
            format!("{} {ramp} {}", number_text(terminal, limits.0), number_text(terminal, limits.1));
        let summary = self.summary();
        if summary.nan > 0 {
            let sign = match terminal.colours {
                TerminalColours::None => "?".to_owned(),
                _ => format!("{}█{RESET}", terminal.codes(Some(NO_VALUE), None)),
            };
            let _ = write!(text, "   {sign} no value");
        }
        text
    }
}

/// The letter for two cells, one above the other, without colours.
fn shade(upper: Option<f64>, lower: Option<f64>, limits: (f64, f64)) -> char {
    let places: Vec<f64> = [upper, lower]
        .into_iter()
        .flatten()
        .filter(|number| !number.is_nan())
        .map(|number| place(number, limits).clamp(0.0, 1.0))
        .collect();
    if places.is_empty() {
        return '?';
    }
    let mean = places.iter().sum::<f64>() / places.len() as f64;
    SHADES[(mean * (SHADES.len() - 1) as f64).round() as usize] as char
}

fn number_text(terminal: &Terminal, number: f64) -> String {
    if terminal.colours == TerminalColours::None { ascii(number) } else { short(number) }
}

/// A number in ASCII.
fn ascii(number: f64) -> String {
    let rounded: f64 = format!("{number:.3e}").parse().unwrap_or(number);
    match rounded.abs() {
        0.0 | 1e-4..1e6 => rounded.to_string(),
        _ => format!("{rounded:e}"),
    }
}

/// Letters left of the lines.
const MARGIN: usize = 12;

impl LinePlot {
    /// The picture in braille dots, with the ends of the axes beside it.
    ///
    /// # Errors
    /// If there is no line, or the range asked for makes no sense.
    pub fn preview(&self, terminal: &Terminal) -> Result<String> {
        let limits = self.limits()?;
        let columns = terminal.columns.saturating_sub(MARGIN).max(4);
        let rows = terminal.rows.saturating_sub(OTHER_ROWS).clamp(3, 24);
        let length = self.length().max(1);
        let mut canvas = Canvas::new(columns, rows);
        for (number, line) in self.lines.iter().enumerate() {
            let across = |i: usize| line.middle(i) / length as f64;
            let up = |number: f64| place(number, limits);
            for i in 0..line.low.len() {
                let (low, high) = (line.low[i], line.high()[i]);
                if low.is_nan() {
                    continue;
                }
                canvas.stroke((across(i), up(low)), (across(i), up(high)), number);
                if i > 0 && !line.low[i - 1].is_nan() {
                    canvas.stroke((across(i - 1), up(line.high()[i - 1])), (across(i), up(high)), number);
                    if line.high.is_some() {
                        canvas.stroke((across(i - 1), up(line.low[i - 1])), (across(i), up(low)), number);
                    }
                }
            }
        }
        let mut text = String::new();
        let has_colours = terminal.colours != TerminalColours::None;
        for row in 0..rows {
            let label = match row {
                0 => number_text(terminal, limits.1),
                row if row + 1 == rows => number_text(terminal, limits.0),
                _ => String::new(),
            };
            let bar = if has_colours { '│' } else { '|' };
            let _ = write!(text, "{label:>width$} {bar}", width = MARGIN - 2);
            text.push_str(&canvas.row(row, terminal));
            text.push('\n');
        }
        let last = (length - 1).to_string();
        let gap = columns.saturating_sub(last.len() + 1);
        let _ = write!(text, "{:MARGIN$}0{:gap$}{last}", "", "");
        if self.lines.len() > 1 {
            for (number, line) in self.lines.iter().enumerate() {
                let colour = COLOURS[number % COLOURS.len()];
                let sign = match has_colours {
                    true => format!("{}━━{RESET}", terminal.codes(Some(readable(colour)), None)),
                    false => letter_of(number).to_string(),
                };
                let _ = write!(text, "\n{:MARGIN$}{sign} {}", "", line.name);
            }
        }
        Ok(text)
    }
}

/// Black is not seen on most terminals.
fn readable(colour: [u8; 3]) -> [u8; 3] {
    if colour == [0, 0, 0] { [160, 160, 160] } else { colour }
}

fn letter_of(line: usize) -> char {
    ['*', '+', 'o', 'x', '#', '@', '%'][line % 7]
}

/// Dots, two across and four down in every letter.
struct Canvas {
    columns: usize,
    rows: usize,
    dots: Vec<u8>,
    /// The line that was drawn last in each letter.
    lines: Vec<usize>,
}

impl Canvas {
    fn new(columns: usize, rows: usize) -> Canvas {
        Canvas { columns, rows, dots: vec![0; columns * rows], lines: vec![0; columns * rows] }
    }

    /// Draws a straight line between two places, both from 0 to 1 across and up.
    fn stroke(&mut self, from: (f64, f64), to: (f64, f64), line: usize) {
        let (across, down) = (self.columns * 2, self.rows * 4);
        let dot = |(x, y): (f64, f64)| {
            let y = 1.0 - y.clamp(-0.5, 1.5);
            (x * across as f64, y * down as f64)
        };
        let (from, to) = (dot(from), dot(to));
        let steps = (to.0 - from.0).abs().max((to.1 - from.1).abs()).ceil().max(1.0) as usize;
        for step in 0..=steps {
            let part = step as f64 / steps as f64;
            let (x, y) = (from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part);
            let x = (x as usize).min(across - 1);
            if (0.0..=down as f64).contains(&y) {
                self.set(x, (y as usize).min(down - 1), line);
            }
        }
    }

    fn set(&mut self, x: usize, y: usize, line: usize) {
        // Unicode numbers the upper three rows first, column by column, then the last row.
        let bit = if y % 4 < 3 { (x % 2) * 3 + y % 4 } else { 6 + x % 2 };
        let letter = y / 4 * self.columns + x / 2;
        self.dots[letter] |= 1 << bit;
        self.lines[letter] = line;
    }

    fn row(&self, row: usize, terminal: &Terminal) -> String {
        let mut text = String::new();
        let mut current = None;
        for letter in row * self.columns..(row + 1) * self.columns {
            let (dots, line) = (self.dots[letter], self.lines[letter]);
            if terminal.colours == TerminalColours::None {
                text.push(if dots == 0 { ' ' } else { letter_of(line) });
                continue;
            }
            if dots == 0 {
                text.push(' ');
                continue;
            }
            if current != Some(line) {
                text.push_str(&terminal.codes(Some(readable(COLOURS[line % COLOURS.len()])), None));
                current = Some(line);
            }
            text.push(char::from_u32(0x2800 + u32::from(dots)).expect("braille has 256 letters"));
        }
        if current.is_some() {
            text.push_str(RESET);
        }
        text
    }
}
