//! What heat maps and line plots have around them: frame, ticks, labels, title, remarks.

use super::ticks::index_ticks;
use crate::svg::{Anchor, Style, Svg};
use crate::text::text_width;

/// Lines and texts.
pub(crate) const INK: &str = "#262626";
/// Remarks.
pub(crate) const PALE_INK: &str = "#595959";
/// Lines behind the data.
pub(crate) const GRID: &str = "#dddddd";

/// From the frame to the text at a tick, in font sizes.
pub(crate) const TICK: f64 = 0.65;
/// The tick's line, in font sizes.
const TICK_LINE: f64 = 0.3;
/// The height of a line of text, in font sizes.
pub(crate) const LINE: f64 = 1.4;
/// The size of the title's letters, in font sizes.
const TITLE: f64 = 1.2;
/// The size of remarks, in font sizes.
const REMARK: f64 = 0.9;
/// From text to the edge of the picture, in font sizes.
pub(crate) const EDGE: f64 = 0.8;
/// Lines that a title may take.
const TITLE_LINES: usize = 2;

/// What stands around the data.
#[derive(Debug, Clone, Default)]
pub(crate) struct Texts {
    pub title: String,
    pub x_label: String,
    pub y_label: String,
}

/// Pixels across and down, where the caller has a wish.
pub type Size = (Option<usize>, Option<usize>);

/// The place of the data.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Frame {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
}

impl Frame {
    pub fn right(&self) -> f64 {
        self.left + self.width
    }

    pub fn bottom(&self) -> f64 {
        self.top + self.height
    }

    /// Its outline.
    pub fn draw(&self, svg: &mut Svg, em: f64) {
        svg.rect(self.left, self.top, self.width, self.height, outline(em));
    }
}

/// Thin dark lines.
pub(crate) fn outline(em: f64) -> Style<'static> {
    Style { stroke: INK, stroke_width: em * 0.05, ..Style::default() }
}

/// The font size of a picture: by its size, if that is given.
pub(crate) fn font_size(size: Size) -> f64 {
    let (across, down) = (size.0.map(|width| width as f64 / 55.0), size.1.map(|height| height as f64 / 36.0));
    match (across, down) {
        (None, None) => 20.0,
        (Some(one), None) | (None, Some(one)) => one.clamp(9.0, 60.0),
        (Some(across), Some(down)) => across.min(down).clamp(9.0, 60.0),
    }
}

/// Ticks at elements of an axis: places along it in pixels, and labels.
#[derive(Debug, Clone, Default)]
pub(crate) struct AxisTicks {
    pub places: Vec<f64>,
    pub labels: Vec<String>,
}

impl AxisTicks {
    /// At indices of `length` elements that take `pixels`, where labels need `room` each.
    pub fn indices(length: usize, pixels: f64, room: f64) -> AxisTicks {
        let indices = index_ticks(length, (pixels / room) as usize);
        let place = |&index: &usize| (index as f64 + 0.5) * pixels / length as f64;
        AxisTicks {
            places: indices.iter().map(place).collect(),
            labels: indices.iter().map(ToString::to_string).collect(),
        }
    }

    /// Along the bottom: as many as stand side by side.
    pub fn along_bottom(length: usize, pixels: f64, em: f64) -> AxisTicks {
        let widest = text_width(&length.saturating_sub(1).to_string(), em);
        AxisTicks::indices(length, pixels, (widest + 1.5 * em).max(2.5 * em))
    }

    /// The widest label.
    pub fn width(&self, em: f64) -> f64 {
        self.labels.iter().map(|label| text_width(label, em)).fold(0.0, f64::max)
    }

    /// Draws ticks and labels below a frame.
    pub fn draw_bottom(&self, svg: &mut Svg, frame: Frame, em: f64) {
        for (place, label) in self.places.iter().zip(&self.labels) {
            let x = frame.left + place;
            svg.line((x, frame.bottom()), (x, frame.bottom() + TICK_LINE * em), outline(em));
            svg.text(x, frame.bottom() + (TICK + 0.75) * em, em, Anchor::Middle, INK, label);
        }
    }

    /// Draws ticks and labels on the left of a frame; places count from the top.
    pub fn draw_left(&self, svg: &mut Svg, frame: Frame, em: f64) {
        for (place, label) in self.places.iter().zip(&self.labels) {
            let y = frame.top + place;
            svg.line((frame.left - TICK_LINE * em, y), (frame.left, y), outline(em));
            svg.text(frame.left - TICK * em, y + 0.36 * em, em, Anchor::End, INK, label);
        }
    }

    /// Draws ticks and labels on the right of a frame; places count from the top.
    pub fn draw_right(&self, svg: &mut Svg, frame: Frame, em: f64) {
        for (place, label) in self.places.iter().zip(&self.labels) {
            let y = frame.top + place;
            svg.line((frame.right(), y), (frame.right() + TICK_LINE * em, y), outline(em));
            svg.text(frame.right() + TICK * em, y + 0.36 * em, em, Anchor::Start, INK, label);
        }
    }
}

impl Texts {
    /// The title's lines in a picture of some width.
    pub fn title_lines(&self, width: f64, em: f64) -> Vec<String> {
        wrapped(&self.title, TITLE * em, width - 2.0 * EDGE * em, TITLE_LINES)
    }

    /// The height that a title of so many lines takes, with the space below it.
    pub fn title_height(lines: usize, em: f64) -> f64 {
        if lines == 0 { EDGE * em } else { (EDGE + lines as f64 * LINE * TITLE + 0.5) * em }
    }

    /// Draws the title above the frame, or amid the picture where it is wider than the frame.
    pub fn draw_title(&self, svg: &mut Svg, frame: Frame, em: f64) {
        let width = svg.size().0;
        let lines = self.title_lines(width, em);
        let widest = lines.iter().map(|line| text_width(line, TITLE * em)).fold(0.0, f64::max);
        let half = widest / 2.0 + EDGE * em;
        let middle =
            (frame.left + frame.width / 2.0).clamp(half.min(width / 2.0), (width - half).max(width / 2.0));
        for (i, line) in lines.iter().enumerate() {
            let y = (EDGE + i as f64 * LINE * TITLE + TITLE) * em;
            svg.text(middle, y, TITLE * em, Anchor::Middle, INK, line);
        }
    }

    /// The label of the axis along the bottom, whose tick labels stand above.
    pub fn draw_x_label(&self, svg: &mut Svg, frame: Frame, em: f64) {
        let y = frame.bottom() + (TICK + 1.0 + LINE) * em;
        let room = (EDGE * em, svg.size().0 - EDGE * em);
        if let Some((x, text)) = amid(&self.x_label, frame.left + frame.width / 2.0, room, em) {
            svg.text(x, y, em, Anchor::Middle, INK, &text);
        }
    }

    /// The label of the axis on the left, its base line at `x`.
    pub fn draw_y_label(&self, svg: &mut Svg, frame: Frame, x: f64, em: f64) {
        draw_upright(svg, frame, x, em, &self.y_label);
    }
}

/// Draws a text that is read from below beside a frame.
pub(crate) fn draw_upright(svg: &mut Svg, frame: Frame, x: f64, em: f64, text: &str) {
    let room = (frame.top, frame.bottom() + UPRIGHT_BELOW * em);
    if let Some((y, text)) = amid(text, frame.top + frame.height / 2.0, room, em) {
        svg.turned_text(x, y, em, Anchor::Middle, INK, -90.0, &text);
    }
}

/// A text read from below may reach so far below the frame, in font sizes: to the label of the other axis.
const UPRIGHT_BELOW: f64 = TICK + 1.0;

/// Whether a text that is read from below has room beside a frame.
pub(crate) fn fits_upright(text: &str, height: f64, em: f64) -> bool {
    text_width(text, em) <= height + UPRIGHT_BELOW * em
}

/// Where the middle of a text goes, and what of it fits: at `place`, or as near to it as the room allows.
fn amid(text: &str, place: f64, room: (f64, f64), em: f64) -> Option<(f64, String)> {
    if text.is_empty() {
        return None;
    }
    let text = shortened(text, em, room.1 - room.0);
    let half = text_width(&text, em) / 2.0;
    let middle = (room.0 + room.1) / 2.0;
    Some((place.clamp((room.0 + half).min(middle), (room.1 - half).max(middle)), text))
}

/// Remarks below a picture, a line for each; the first `swatch` letters' room of a line may be drawn over.
#[derive(Debug, Clone, Default)]
pub(crate) struct Remarks {
    /// Text, and whether a swatch of what has no value stands before it.
    pub lines: Vec<(String, bool)>,
}

impl Remarks {
    /// The height of all lines.
    pub fn height(&self, em: f64) -> f64 {
        if self.lines.is_empty() { 0.0 } else { (0.5 + self.lines.len() as f64 * LINE * REMARK) * em }
    }

    /// Draws them from `top` down, from `left` on or further left where they need it.
    pub fn draw(&self, svg: &mut Svg, left: f64, top: f64, em: f64, swatch: &str) {
        let size = REMARK * em;
        for (i, (text, has_swatch)) in self.lines.iter().enumerate() {
            let room = if *has_swatch { 1.8 * size } else { 0.0 };
            let text = shortened(text, size, svg.size().0 - 2.0 * EDGE * em - room);
            let most = svg.size().0 - EDGE * em - text_width(&text, size) - room;
            let x = left.min(most).max(EDGE * em);
            let y = top + 0.5 * em + (i as f64 * LINE + 1.0) * size;
            if *has_swatch {
                let style = Style { fill: swatch, stroke: PALE_INK, stroke_width: em * 0.04 };
                svg.rect(x, y - 0.8 * size, 1.3 * size, 0.9 * size, style);
            }
            svg.text(x + room, y, size, Anchor::Start, PALE_INK, &text);
        }
    }
}

/// The text, or as much of it as fits into `width`, with an ellipsis.
pub(crate) fn shortened(text: &str, size: f64, width: f64) -> String {
    if text_width(text, size) <= width {
        return text.into();
    }
    let mut kept: Vec<char> = text.chars().collect();
    // Measured once: kerning is none of this font's business.
    let mut room = width - text_width("…", size);
    let fitting = kept.iter().take_while(|c| {
        room -= text_width(c.encode_utf8(&mut [0; 4]), size);
        room >= 0.0
    });
    let fitting = fitting.count();
    kept.truncate(fitting);
    let kept: String = kept.into_iter().collect();
    format!("{}…", kept.trim_end())
}

/// The text in lines no wider than `width`, broken between words where there are some; the last one is shortened.
pub(crate) fn wrapped(text: &str, size: f64, width: f64, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        if let Some(line) = lines.last_mut() {
            let longer = format!("{line} {word}");
            if text_width(&longer, size) <= width || lines.len() == most {
                *lines.last_mut().expect("there is a last line") = longer;
                continue;
            }
        }
        lines.push(word.into());
    }
    lines.iter().map(|line| shortened(line, size, width)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_shortened_to_what_fits() {
        assert_eq!(shortened("abc", 10.0, 1000.0), "abc");
        let text = shortened("stack(t).mean(axis=0)", 10.0, 60.0);
        assert!(
            text.ends_with('…') && text.starts_with("stack") && text_width(&text, 10.0) <= 60.0,
            "{text}"
        );
        assert_eq!(shortened("abc", 10.0, 0.0), "…");
    }

    #[test]
    fn texts_break_between_words() {
        let width = text_width("one two", 10.0) + 0.1;
        assert_eq!(wrapped("one two three", 10.0, width, 3), ["one two", "three"]);
        assert_eq!(wrapped("one two three four", 10.0, width, 2)[1].chars().last(), Some('…'));
        assert!(wrapped("", 10.0, 50.0, 2).is_empty());
    }

    #[test]
    fn ticks_stand_amid_their_elements() {
        let ticks = AxisTicks::indices(4, 400.0, 50.0);
        assert_eq!(ticks.places, [50.0, 150.0, 250.0, 350.0]);
        assert_eq!(ticks.labels, ["0", "1", "2", "3"]);
        assert_eq!(AxisTicks::along_bottom(100_000, 500.0, 20.0).labels[1], "20000");
    }
}
