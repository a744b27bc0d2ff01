//! A diagram as text for Graphviz.

use std::fmt::Write;

use super::diagram::{BoxKind, Diagram};

/// The diagram in the DOT language; data flow from the bottom to the top.
pub(super) fn dot(diagram: &Diagram) -> String {
    let mut text = String::from("digraph brickwork {\n");
    let _ = writeln!(text, "  label={}; labelloc=t; labeljust=l; rankdir=BT;", quoted(diagram.title()));
    let font = "fontname=\"DejaVu Sans\"";
    let _ = writeln!(text, "  graph [{font}];\n  node [{font}, fontsize=11, style=filled, shape=box];");
    for (number, item) in diagram.boxes().iter().enumerate() {
        let lines: Vec<String> =
            std::iter::once(item.headline()).chain(item.details.iter().cloned()).collect();
        let (fill, stroke) = item.kind.colours();
        let shape = match item.kind {
            BoxKind::Source => ", shape=cylinder",
            BoxKind::Generator => ", shape=ellipse",
            BoxKind::Held => ", shape=note",
            BoxKind::Result => ", penwidth=2",
            BoxKind::Late => ", style=dashed",
            BoxKind::Map | BoxKind::Reduction | BoxKind::View => ", style=\"filled,rounded\"",
        };
        let label = quoted(&lines.join("\n"));
        let _ =
            writeln!(text, "  n{number} [label={label}, fillcolor=\"{fill}\", color=\"{stroke}\"{shape}];");
    }
    for (from, to) in diagram.arrows() {
        let _ = writeln!(text, "  n{from} -> n{to};");
    }
    text.push_str("}\n");
    text
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            c if c.is_control() => quoted.push(' '),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
