//! A diagram with places as SVG.

use std::fmt::Write;

use super::diagram::{BoxKind, DETAIL_SIZE, Diagram, DiagramBox, LINE, NAME_SIZE, PADDING, STACKED};
use super::layout::{Layout, Rect, Segment};
use crate::svg::{Anchor, Style, Svg};
use crate::text::text_width;

/// White round the picture.
const MARGIN: f64 = 18.0;
const TITLE_SIZE: f64 = 14.0;
const LEGEND_SIZE: f64 = 11.0;
/// A legend's square.
const SQUARE: f64 = 12.0;
/// Between entries of the legend.
const BETWEEN_ENTRIES: f64 = 18.0;
/// No picture is narrower: a legend breaks into lines there.
const LEAST_WIDTH: f64 = 460.0;
/// Length and half width of an arrow's head.
const HEAD: (f64, f64) = (8.0, 3.5);

const TEXT: &str = "#1a1a1a";
const FAINT_TEXT: &str = "#3d3d3d";
const ARROW: &str = "#5f6368";

pub(super) fn render(diagram: &Diagram, layout: &Layout) -> Svg {
    let title = wrapped(diagram.title(), TITLE_SIZE, layout.width.max(LEAST_WIDTH));
    let legend = legend(diagram, layout.width.max(LEAST_WIDTH));
    let widest_title = title.iter().map(|line| text_width(line, TITLE_SIZE)).fold(0.0, f64::max);
    let labels = Labels::new(diagram, layout);
    let content = (layout.width + labels.width).max(legend.width).max(widest_title);
    let header = MARGIN + title.len() as f64 * 20.0 + legend.height + 14.0;
    let width = content + 2.0 * MARGIN + STACKED;
    let height = header + layout.height + STACKED + MARGIN;
    let mut svg = Svg::new(width, height);
    for (line, text) in title.iter().enumerate() {
        svg.text(
            MARGIN,
            MARGIN + TITLE_SIZE + line as f64 * 20.0 - 2.0,
            TITLE_SIZE,
            Anchor::Start,
            TEXT,
            text,
        );
    }
    legend.draw(&mut svg, MARGIN + title.len() as f64 * 20.0);
    // Labels stand at the left edge, boxes in the middle of what is left.
    let room = content - labels.width - layout.width;
    let (dx, dy) = (MARGIN + labels.width + room / 2.0, header + STACKED);
    labels.draw(&mut svg, dy);
    for segment in &layout.segments {
        draw_segment(&mut svg, segment, dx, dy);
    }
    for (item, place) in diagram.boxes().iter().zip(&layout.boxes) {
        if let Some(stage) = item.stage {
            svg.raw(&format!(r#"<g class="stage" data-stage="{stage}">"#));
        }
        draw_box(&mut svg, item, Rect { x: place.x + dx, y: place.y + dy, ..*place });
        if item.stage.is_some() {
            svg.raw("</g>");
        }
    }
    svg
}

/// A text in lines that are no wider than allowed, if its words let it.
fn wrapped(text: &str, size: f64, width: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if text_width(&format!("{line} {word}"), size) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn draw_segment(svg: &mut Svg, segment: &Segment, dx: f64, dy: f64) {
    let (from, to) = (segment.from, segment.to);
    let end = if segment.has_head { to.1 + HEAD.0 - 2.0 } else { to.1 };
    let enters = segment.enters.max(end);
    let middle = f64::midpoint(segment.leaves, enters);
    let path = format!(
        "M{:.1} {:.1} L{:.1} {:.1} C{:.1} {:.1} {:.1} {:.1} {:.1} {:.1} L{:.1} {:.1}",
        from.0 + dx,
        from.1 + dy,
        from.0 + dx,
        segment.leaves + dy,
        from.0 + dx,
        middle + dy,
        to.0 + dx,
        middle + dy,
        to.0 + dx,
        enters + dy,
        to.0 + dx,
        end + dy
    );
    svg.path(&path, Style { stroke: ARROW, stroke_width: 1.1, ..Style::default() });
    if segment.has_head {
        let (x, y) = (to.0 + dx, to.1 + dy);
        let head = format!(
            "M{x:.1} {y:.1} L{:.1} {:.1} L{:.1} {:.1} Z",
            x - HEAD.1,
            y + HEAD.0,
            x + HEAD.1,
            y + HEAD.0
        );
        svg.path(&head, Style { fill: ARROW, ..Style::default() });
    }
}

fn draw_box(svg: &mut Svg, item: &DiagramBox, place: Rect) {
    let (fill, stroke) = item.kind.colours();
    let width = if item.kind == BoxKind::Result { 2.0 } else { 1.2 };
    let style = Style { fill, stroke, stroke_width: width };
    if item.count > 1 {
        for behind in [2.0, 1.0] {
            let moved = Rect { x: place.x + behind * STACKED, y: place.y - behind * STACKED, ..place };
            svg.path(&outline(item.kind, &moved), style);
        }
    }
    let path = outline(item.kind, &place);
    match item.kind {
        BoxKind::Late => svg.raw(&format!(
            r#"<path d="{path}" fill="{fill}" stroke="{stroke}" stroke-width="1.4" stroke-dasharray="5 3"/>"#
        )),
        _ => svg.path(&path, style),
    }
    if item.kind == BoxKind::Source {
        let Rect { x, y, width, .. } = place;
        let rim =
            format!("M{x:.1} {:.1} A{:.1} 4 0 0 0 {:.1} {:.1}", y + 4.0, width / 2.0, x + width, y + 4.0);
        svg.path(&rim, Style { fill: "", ..style });
    }
    let middle = place.x + place.width / 2.0;
    let lowered = if item.kind == BoxKind::Source { 6.0 } else { 0.0 };
    let mut y = place.y + PADDING.1 + lowered + NAME_SIZE - 1.0;
    svg.text(middle, y, NAME_SIZE, Anchor::Middle, TEXT, &item.headline());
    for line in &item.details {
        y += LINE;
        svg.text(middle, y, DETAIL_SIZE, Anchor::Middle, FAINT_TEXT, line);
    }
}

/// The line round a box: stores are drums, what is made from positions is round, all else has four corners.
fn outline(kind: BoxKind, place: &Rect) -> String {
    let Rect { x, y, width, height } = *place;
    let (right, bottom) = (x + width, y + height);
    let mut path = String::new();
    let radius = match kind {
        BoxKind::Source => {
            let (half, top, low) = (width / 2.0, y + 4.0, bottom - 4.0);
            let _ = write!(
                path,
                "M{x:.1} {top:.1} A{half:.1} 4 0 0 1 {right:.1} {top:.1} L{right:.1} {low:.1} A{half:.1} 4 0 0 1 {x:.1} {low:.1} Z"
            );
            return path;
        }
        BoxKind::Generator => (height / 2.0).min(14.0),
        BoxKind::Result | BoxKind::Held => 0.0,
        _ => 4.0,
    };
    if radius == 0.0 {
        let _ =
            write!(path, "M{x:.1} {y:.1} L{right:.1} {y:.1} L{right:.1} {bottom:.1} L{x:.1} {bottom:.1} Z");
        return path;
    }
    let arc = |to_x: f64, to_y: f64| format!("A{radius} {radius} 0 0 1 {to_x:.1} {to_y:.1}");
    let _ = write!(
        path,
        "M{:.1} {y:.1} L{:.1} {y:.1} {} L{right:.1} {:.1} {} L{:.1} {bottom:.1} {} L{x:.1} {:.1} {} Z",
        x + radius,
        right - radius,
        arc(right, y + radius),
        bottom - radius,
        arc(right - radius, bottom),
        x + radius,
        arc(x, bottom - radius),
        y + radius,
        arc(x + radius, y)
    );
    path
}

/// What stands beside layers.
struct Labels {
    /// The middle of a layer, and the lines there.
    layers: Vec<(f64, Vec<(f64, String)>)>,
    width: f64,
}

/// Steps of one layer that are named beside it.
const MOST_LABELS: usize = 2;

/// Between labels and boxes.
const BESIDE_LABELS: f64 = 28.0;

impl Labels {
    fn new(diagram: &Diagram, layout: &Layout) -> Labels {
        let mut labels = Labels { layers: Vec::new(), width: 0.0 };
        for (item, lines) in diagram.labels() {
            let place = &layout.boxes[item];
            let middle = place.y + place.height / 2.0;
            let layer = match labels.layers.iter_mut().find(|(other, _)| (other - middle).abs() < 1.0) {
                Some((_, layer)) => layer,
                None => {
                    labels.layers.push((middle, Vec::new()));
                    &mut labels.layers.last_mut().expect("just pushed").1
                }
            };
            if layer.len() < 2 * MOST_LABELS {
                layer.push((NAME_SIZE, lines[0].clone()));
                layer.push((DETAIL_SIZE, lines[1].clone()));
            } else if let Some((_, last)) = layer.last_mut()
                && !last.ends_with('…')
            {
                last.push_str(" …");
            }
        }
        let widths =
            labels.layers.iter().flat_map(|(_, lines)| lines).map(|(size, line)| text_width(line, *size));
        if let Some(widest) = widths.reduce(f64::max) {
            labels.width = widest + BESIDE_LABELS;
        }
        labels
    }

    fn draw(&self, svg: &mut Svg, dy: f64) {
        for (middle, lines) in &self.layers {
            let mut y = middle + dy - lines.len() as f64 * LINE / 2.0;
            for (size, line) in lines {
                y += LINE;
                let colour = if *size == NAME_SIZE { TEXT } else { FAINT_TEXT };
                svg.text(MARGIN, y - 4.0, *size, Anchor::Start, colour, line);
            }
        }
    }
}

/// The kinds that a diagram has, in lines.
struct Legend {
    /// Kind, and where its square is: from the left, and the line.
    entries: Vec<(BoxKind, f64, usize)>,
    width: f64,
    height: f64,
}

fn legend(diagram: &Diagram, allowed: f64) -> Legend {
    let mut kinds: Vec<BoxKind> = diagram.boxes().iter().map(|item| item.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let mut legend = Legend { entries: Vec::new(), width: 0.0, height: 0.0 };
    let (mut x, mut line) = (0.0, 0);
    for kind in kinds {
        let needed = SQUARE + 5.0 + text_width(kind.label(), LEGEND_SIZE);
        if x > 0.0 && x + needed > allowed {
            (x, line) = (0.0, line + 1);
        }
        legend.entries.push((kind, x, line));
        legend.width = legend.width.max(x + needed);
        x += needed + BETWEEN_ENTRIES;
    }
    if !legend.entries.is_empty() {
        legend.height = (line + 1) as f64 * 18.0;
    }
    legend
}

impl Legend {
    fn draw(&self, svg: &mut Svg, top: f64) {
        for &(kind, x, line) in &self.entries {
            let (fill, stroke) = kind.colours();
            let y = top + line as f64 * 18.0 + 3.0;
            svg.rect(MARGIN + x, y, SQUARE, SQUARE, Style { fill, stroke, stroke_width: 1.2 });
            let text_x = MARGIN + x + SQUARE + 5.0;
            svg.text(text_x, y + SQUARE - 2.0, LEGEND_SIZE, Anchor::Start, FAINT_TEXT, kind.label());
        }
    }
}
