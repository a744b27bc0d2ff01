//! How an array is cut, as a picture: a bar, a plane, a box; more axes as several of them side by side.

use brickwork_core::{AxisChunks, Meta};

use crate::svg::{Anchor, Style, Svg};
use crate::text::text_width;

/// The longest edge, in pixels.
const LONGEST: f64 = 150.0;
/// No edge is shorter: it could not be seen.
const SHORTEST: f64 = 14.0;
/// Lines across an edge; where there are more chunks, some are left out.
const MOST_LINES: usize = 40;
/// White round the picture.
const MARGIN: f64 = 8.0;
/// Between an edge and its length.
const BESIDE: f64 = 6.0;
/// Between parts of an array of many axes.
const BETWEEN: f64 = 34.0;
/// How much of an edge that leads into the picture is seen, across and down.
const DEPTH: (f64, f64) = (0.58, 0.42);
const SIZE: f64 = 12.0;

const FRONT: &str = "#d3e8f8";
const TOP: &str = "#e6f2fb";
const SIDE: &str = "#b9d9f1";
const LINE: &str = "#0b5a8f";
const TEXT: &str = "#1a1a1a";

/// The chunks of an array, with lengths beside the edges. Edges are to scale while they are not too different; lines
/// are thinned out where there are many chunks. Takes no time per chunk.
pub fn chunk_grid(meta: &Meta) -> Svg {
    let axes = edges(meta);
    // The last three axes are a box, those before are grouped in front of it.
    let first = if axes.len() > 3 { axes.len() % 3 } else { 0 };
    let mut parts: Vec<Part> = Vec::new();
    if first > 0 {
        parts.push(Part::new(&axes[..first]));
    }
    parts.extend(axes[first..].chunks(3).map(Part::new));
    if axes.is_empty() {
        parts.push(Part::new(&[]));
    }
    let width = parts.iter().map(|part| part.width).sum::<f64>() + BETWEEN * (parts.len() - 1) as f64;
    let height = parts.iter().map(|part| part.height).fold(0.0, f64::max);
    let mut svg = Svg::new(width + 2.0 * MARGIN, height + 2.0 * MARGIN);
    let mut x = MARGIN;
    for part in &parts {
        part.draw(&mut svg, x, MARGIN + (height - part.height) / 2.0);
        x += part.width + BETWEEN;
    }
    svg
}

/// An axis as an edge.
#[derive(Debug, Clone)]
struct Edge {
    pixels: f64,
    /// Where lines cross it, from 0 to 1, both ends among them.
    lines: Vec<f64>,
    label: String,
}

fn edges(meta: &Meta) -> Vec<Edge> {
    let longest = meta.shape.iter().copied().max().unwrap_or(0).max(1) as f64;
    let axes = meta.chunks.axes().iter().zip(&meta.shape).enumerate();
    axes.map(|(axis, (chunks, &len))| {
        // The square root keeps short edges visible beside long ones, and the order of lengths.
        let share = (len.max(1) as f64 / longest).sqrt();
        let is_unknown = meta.unknown.get(axis).is_some_and(Option::is_some);
        Edge {
            pixels: (LONGEST * share).max(SHORTEST),
            lines: lines(chunks),
            label: if is_unknown { "?".into() } else { len.to_string() },
        }
    })
    .collect()
}

/// Where the chunks of an axis meet, thinned out.
fn lines(chunks: &AxisChunks) -> Vec<f64> {
    let (len, count) = (chunks.len(), chunks.num_chunks());
    if len == 0 {
        return vec![0.0, 1.0];
    }
    let shown = count.min(MOST_LINES);
    let start = |k: usize| chunks.chunk_range(k).0 as f64 / len as f64;
    // Multiplied in u128: there may be as many chunks as there are numbers.
    let mut lines: Vec<f64> =
        (0..shown).map(|k| start((k as u128 * count as u128 / shown as u128) as usize)).collect();
    lines.push(1.0);
    lines
}

/// Up to three axes, drawn together.
#[derive(Debug)]
struct Part {
    edges: Vec<Edge>,
    width: f64,
    height: f64,
}

impl Part {
    fn new(edges: &[Edge]) -> Part {
        let mut part = Part { edges: edges.to_vec(), width: 0.0, height: 0.0 };
        let (across, down, into) = part.extent();
        let below = part.below().to_owned();
        let width = across + DEPTH.0 * into + part.beside();
        // A length that is wider than its edge hangs over on both sides.
        part.width = width.max(text_width(&below, SIZE) / 2.0 + across / 2.0 + DEPTH.0 * into);
        part.width += part.hangs_over();
        part.height = down + DEPTH.1 * into + if below.is_empty() { 0.0 } else { BESIDE + SIZE };
        part
    }

    /// Pixels across, down and into the picture.
    fn extent(&self) -> (f64, f64, f64) {
        match self.edges.as_slice() {
            [] => (SHORTEST, SHORTEST, 0.0),
            [only] => (only.pixels, 2.0 * SHORTEST, 0.0),
            [down, across] => (across.pixels, down.pixels, 0.0),
            [into, down, across, ..] => (across.pixels, down.pixels, into.pixels),
        }
    }

    fn below(&self) -> &str {
        self.edges.last().map_or("", |edge| &edge.label)
    }

    /// Pixels for lengths at the right, and for that at the edge that leads into the picture.
    fn beside(&self) -> f64 {
        let right = match self.edges.as_slice() {
            [] | [_] => return 0.0,
            [.., down, _] => text_width(&down.label, SIZE),
        };
        right + BESIDE
    }

    /// Pixels at the left that a wide length needs.
    fn hangs_over(&self) -> f64 {
        let (across, ..) = self.extent();
        let below = ((text_width(self.below(), SIZE) - across) / 2.0).max(0.0);
        let into = match self.edges.as_slice() {
            [into, _, _] => text_width(&into.label, SIZE) + BESIDE - DEPTH.0 * into.pixels / 2.0,
            _ => 0.0,
        };
        below.max(into)
    }

    fn draw(&self, svg: &mut Svg, left: f64, top: f64) {
        let (across, down, into) = self.extent();
        let (dx, dy) = (DEPTH.0 * into, DEPTH.1 * into);
        let left = left + self.hangs_over();
        let whole = vec![0.0, 1.0];
        let (rows, columns, layers) = match self.edges.as_slice() {
            [] => (&whole, &whole, &whole),
            [only] => (&whole, &only.lines, &whole),
            [down, across] => (&down.lines, &across.lines, &whole),
            [into, down, across, ..] => (&down.lines, &across.lines, &into.lines),
        };
        // The box is seen from the right and above: the first axis leads to the front, down to the left.
        let front = (left, top + dy);
        if into > 0.0 {
            plane(svg, (left + dx, top), ((across, 0.0), columns), ((-dx, dy), layers), TOP);
            plane(svg, (left + dx + across, top), ((0.0, down), rows), ((-dx, dy), layers), SIDE);
        }
        plane(svg, front, ((across, 0.0), columns), ((0.0, down), rows), FRONT);
        let base = top + dy + down + BESIDE + SIZE - 2.0;
        if !self.below().is_empty() {
            svg.text(left + across / 2.0, base, SIZE, Anchor::Middle, TEXT, self.below());
        }
        if let [.., downward, _] = self.edges.as_slice() {
            let x = left + dx + across + BESIDE;
            svg.text(x, top + down / 2.0 + SIZE * 0.36, SIZE, Anchor::Start, TEXT, &downward.label);
        }
        if let [inward, _, _] = self.edges.as_slice() {
            let (x, y) = (left + dx / 2.0 - BESIDE, top + dy / 2.0 + SIZE * 0.2);
            svg.text(x, y, SIZE, Anchor::End, TEXT, &inward.label);
        }
    }
}

/// A parallelogram from a corner along two directions, with lines across both.
fn plane(
    svg: &mut Svg,
    corner: (f64, f64),
    (first, first_lines): ((f64, f64), &[f64]),
    (second, second_lines): ((f64, f64), &[f64]),
    fill: &str,
) {
    let at = |a: f64, b: f64| (corner.0 + a * first.0 + b * second.0, corner.1 + a * first.1 + b * second.1);
    let corners = [at(0.0, 0.0), at(1.0, 0.0), at(1.0, 1.0), at(0.0, 1.0)];
    let path: Vec<String> = corners.iter().map(|(x, y)| format!("{x:.2} {y:.2}")).collect();
    svg.path(&format!("M{} Z", path.join(" L")), Style { fill, stroke: LINE, stroke_width: 1.4 });
    let inner =
        |lines: &[f64]| lines.iter().copied().filter(|&at| at > 0.0 && at < 1.0).collect::<Vec<f64>>();
    let style = Style { stroke: LINE, stroke_width: 0.6, ..Style::default() };
    for place in inner(first_lines) {
        svg.line(at(place, 0.0), at(place, 1.0), style);
    }
    for place in inner(second_lines) {
        svg.line(at(0.0, place), at(1.0, place), style);
    }
}

#[cfg(test)]
mod tests {
    use brickwork_core::{ChunkGrid, DType};

    use super::*;
    use crate::checks::assert_texts_within;

    fn meta(shape: &[usize], chunk: &[usize]) -> Meta {
        Meta::new(shape, DType::F64, ChunkGrid::regular(shape, chunk))
    }

    fn counts(svg: &Svg, element: &str) -> usize {
        svg.finish().matches(element).count()
    }

    #[test]
    fn a_plane_has_a_line_between_chunks() {
        let svg = chunk_grid(&meta(&[1000, 3000], &[250, 1000]));
        assert_eq!((counts(&svg, "<line"), counts(&svg, "<path")), (3 + 2, 1));
        let text = svg.finish();
        assert!(text.contains(">1000<") && text.contains(">3000<"), "{text}");
    }

    #[test]
    fn three_axes_are_a_box_and_more_are_several() {
        assert_eq!(counts(&chunk_grid(&meta(&[10, 20, 30], &[10, 20, 30])), "<path"), 3);
        assert_eq!(counts(&chunk_grid(&meta(&[5, 10, 20, 30], &[5, 10, 20, 30])), "<path"), 1 + 3);
        assert_eq!(counts(&chunk_grid(&meta(&[2; 8], &[1; 8])), "<path"), 1 + 3 + 3);
        assert_eq!(counts(&chunk_grid(&meta(&[], &[])), "<path"), 1);
    }

    #[test]
    fn many_chunks_are_thinned_out() {
        let svg = chunk_grid(&meta(&[1_000_000_000, 1_000_000_000], &[1, 1]));
        assert_eq!(counts(&svg, "<line"), 2 * (MOST_LINES - 1));
    }

    #[test]
    fn lengths_are_within_the_picture() {
        let shapes: [&[usize]; 8] = [
            &[],
            &[0],
            &[1_000_000_000_000],
            &[1, 1_000_000_000],
            &[1_000_000_000, 1],
            &[1_000_000_000, 1, 1],
            &[1, 1_000_000, 1],
            &[3, 100_000_000, 7, 2, 5],
        ];
        for shape in shapes {
            let chunk: Vec<usize> = shape.iter().map(|len| len.div_ceil(3)).collect();
            assert_texts_within(&chunk_grid(&meta(shape, &chunk)), &format!("{shape:?}"));
        }
    }

    #[test]
    fn an_unknown_length_is_a_question_mark() {
        let mut meta = meta(&[10, 4], &[5, 4]);
        meta.unknown = vec![Some(brickwork_core::LengthId(1)), None];
        assert!(chunk_grid(&meta).finish().contains(">?<"));
    }
}
