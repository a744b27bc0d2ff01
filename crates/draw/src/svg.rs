//! Writing SVG.

use std::fmt::{self, Write};

use crate::text::FONT_FAMILY;

/// A picture under construction. Lengths are pixels, the origin is the upper left corner.
#[derive(Debug, Clone)]
pub struct Svg {
    width: f64,
    height: f64,
    body: String,
}

/// How shapes are painted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Style<'a> {
    /// The colour inside; none if empty.
    pub fill: &'a str,
    /// The colour of the line; none if empty.
    pub stroke: &'a str,
    /// The width of the line.
    pub stroke_width: f64,
}

/// Which point of a text its position is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// Its left end.
    Start,
    /// Its middle.
    Middle,
    /// Its right end.
    End,
}

impl Svg {
    /// An empty picture on white.
    pub fn new(width: f64, height: f64) -> Svg {
        let mut svg = Svg { width, height, body: String::new() };
        svg.rect(0.0, 0.0, width, height, Style { fill: "#ffffff", ..Style::default() });
        svg
    }

    /// Pixels across and down.
    pub fn size(&self) -> (f64, f64) {
        (self.width, self.height)
    }

    /// A rectangle by its upper left corner.
    pub fn rect(&mut self, x: f64, y: f64, width: f64, height: f64, style: Style<'_>) {
        self.push(format_args!(
            r#"<rect x="{}" y="{}" width="{}" height="{}"{}/>"#,
            Number(x),
            Number(y),
            Number(width),
            Number(height),
            Attributes(style)
        ));
    }

    /// A line.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), style: Style<'_>) {
        self.push(format_args!(
            r#"<line x1="{}" y1="{}" x2="{}" y2="{}"{}/>"#,
            Number(from.0),
            Number(from.1),
            Number(to.0),
            Number(to.1),
            Attributes(style)
        ));
    }

    /// A path, in SVG's own words.
    pub fn path(&mut self, path: &str, style: Style<'_>) {
        self.push(format_args!(r#"<path d="{}"{}/>"#, Escaped(path), Attributes(style)));
    }

    /// A line of text; `y` is its base line.
    pub fn text(&mut self, x: f64, y: f64, size: f64, anchor: Anchor, colour: &str, text: &str) {
        self.turned_text(x, y, size, anchor, colour, 0.0, text);
    }

    /// A line of text turned about its position, by degrees clockwise.
    #[expect(clippy::too_many_arguments, reason = "a text has that many properties")]
    pub fn turned_text(
        &mut self,
        x: f64,
        y: f64,
        size: f64,
        anchor: Anchor,
        colour: &str,
        degrees: f64,
        text: &str,
    ) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let (x, y) = (Number(x), Number(y));
        let turn = match degrees {
            0.0 => String::new(),
            degrees => format!(r#" transform="rotate({} {x} {y})""#, Number(degrees)),
        };
        self.push(format_args!(
            r#"<text x="{x}" y="{y}" font-size="{}" text-anchor="{anchor}" fill="{}"{turn} xml:space="preserve">{}</text>"#,
            Number(size),
            Escaped(colour),
            Escaped(text)
        ));
    }

    /// Anything else, in SVG's own words.
    pub fn raw(&mut self, element: &str) {
        self.push(format_args!("{element}"));
    }

    /// The file.
    pub fn finish(&self) -> String {
        let (width, height) = (Number(self.width), Number(self.height));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" font-family=\"{FONT_FAMILY}\">\n{}</svg>\n",
            self.body
        )
    }

    fn push(&mut self, element: fmt::Arguments<'_>) {
        writeln!(self.body, "{element}").expect("a string takes what is written");
    }
}

/// A length with no more digits than can be seen.
struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rounded = (self.0 * 100.0).round() / 100.0;
        write!(f, "{}", if rounded == 0.0 { 0.0 } else { rounded })
    }
}

struct Attributes<'a>(Style<'a>);

impl fmt::Display for Attributes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Style { fill, stroke, stroke_width } = self.0;
        write!(f, r#" fill="{}""#, if fill.is_empty() { "none" } else { fill })?;
        if !stroke.is_empty() {
            write!(f, r#" stroke="{stroke}" stroke-width="{}""#, Number(stroke_width))?;
        }
        Ok(())
    }
}

/// A text as XML has it.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                // Characters that XML cannot hold.
                '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
                    f.write_char('\u{fffd}')?;
                }
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_escaped() {
        let mut svg = Svg::new(10.0, 10.0);
        svg.text(1.0, 2.0, 12.0, Anchor::Start, "#000", "a<b & \"c\"\u{1}");
        assert!(svg.finish().contains("a&lt;b &amp; &quot;c&quot;\u{fffd}</text>"));
    }

    #[test]
    fn lengths_have_few_digits() {
        assert_eq!(Number(1.0 / 3.0).to_string(), "0.33");
        assert_eq!(Number(-0.001).to_string(), "0");
        assert_eq!(Number(250.0).to_string(), "250");
    }
}
