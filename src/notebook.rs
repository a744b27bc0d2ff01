//! Arrays in notebooks: a table and a picture of the chunks, without computing anything.

use std::fmt::Write as _;
use std::io::Write as _;

use brickwork_ops::Array;

/// How an array shows itself in a notebook.
///
/// The Jupyter kernel of evcxr shows the last value of a cell by calling a method `evcxr_display` on it, which is found
/// while this trait is in scope: `use brickwork::prelude::*;` brings it.
pub trait Notebook {
    /// The chunks as SVG: a bar, a plane, a box, with lengths along the edges.
    fn to_svg(&self) -> String;

    /// The table that [`Display`](std::fmt::Display) prints and the picture of the chunks, side by side, as HTML.
    fn to_html(&self) -> String;

    /// Writes table and HTML to standard output in evcxr's protocol.
    fn evcxr_display(&self);
}

impl Notebook for Array {
    fn to_svg(&self) -> String {
        brickwork_draw::chunk_grid(self.meta()).finish()
    }

    fn to_html(&self) -> String {
        let mut rows = String::new();
        for (number, [head, array, chunk]) in self.table().iter().enumerate() {
            let cell = if number == 0 { "th" } else { "td" };
            // A row without a word on chunks has one wide cell.
            let cells = match chunk.as_str() {
                "" => format!("<{cell} colspan=\"2\">{}</{cell}>", escaped(array)),
                chunk => format!("<{cell}>{}</{cell}><{cell}>{}</{cell}>", escaped(array), escaped(chunk)),
            };
            let _ = writeln!(rows, "<tr><th style=\"text-align: left\">{}</th>{cells}</tr>", escaped(head));
        }
        format!(
            "<div style=\"display: flex; align-items: center; gap: 2em\">\n<table>\n{rows}</table>\n{}</div>",
            self.to_svg()
        )
    }

    fn evcxr_display(&self) {
        let text = format!(
            "EVCXR_BEGIN_CONTENT text/plain\n{self}\nEVCXR_END_CONTENT\nEVCXR_BEGIN_CONTENT text/html\n{}\nEVCXR_END_CONTENT\n",
            self.to_html()
        );
        // A notebook that is gone wants to know nothing.
        let _ = std::io::stdout().lock().write_all(text.as_bytes());
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_holds_the_table_and_the_picture() {
        let x = brickwork_ops::create::ones_with(&[100, 40], brickwork_core::DType::F64, [50, 40]).unwrap();
        let html = x.to_html();
        for part in
            ["<td>100 × 40</td><td>50 × 40</td>", "<td colspan=\"2\">float64</td>", ">100</text>", "</svg>"]
        {
            assert!(html.contains(part), "{html}");
        }
        assert_eq!(html.matches("<tr>").count(), html.matches("</tr>").count());
        assert_eq!(escaped("a<b & c"), "a&lt;b &amp; c");
    }
}
