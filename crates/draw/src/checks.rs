//! What tests ask of every picture.

use std::collections::HashMap;

use crate::svg::Svg;
use crate::text::text_width;

/// The texts of a picture, each with its box: left, top, right, bottom. Turned texts are left out.
pub(crate) fn texts(svg: &Svg) -> Vec<(String, [f64; 4])> {
    let file = svg.finish();
    let mut texts = Vec::new();
    for element in file.lines().filter(|line| line.starts_with("<text") && !line.contains("rotate(")) {
        let (head, rest) = element.split_once('>').expect("an element has an end");
        let text = rest.strip_suffix("</text>").expect("a text in one line");
        let text =
            text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
        let attributes: HashMap<&str, &str> = head
            .split("\" ")
            .filter_map(|attribute| attribute.rsplit(' ').next()?.split_once("=\""))
            .collect();
        let number = |name: &str| attributes[name].trim_end_matches('"').parse::<f64>().expect("a number");
        let (x, y, size) = (number("x"), number("y"), number("font-size"));
        let width = text_width(&text, size);
        let left = match attributes["text-anchor"].trim_end_matches('"') {
            "start" => x,
            "middle" => x - width / 2.0,
            _ => x - width,
        };
        texts.push((text, [left, y - 0.76 * size, left + width, y + 0.24 * size]));
    }
    texts
}

/// Every text lies within the picture.
pub(crate) fn assert_texts_within(svg: &Svg, what: &str) {
    let (width, height) = svg.size();
    for (text, [left, top, right, bottom]) in texts(svg) {
        let is_within = left >= 0.0 && top >= 0.0 && right <= width && bottom <= height;
        assert!(is_within, "{what}: {text:?} at {left}..{right}, {top}..{bottom} leaves {width} × {height}");
    }
}

/// No two texts lie over each other.
pub(crate) fn assert_texts_apart(svg: &Svg, what: &str) {
    let texts = texts(svg);
    for (k, (text, a)) in texts.iter().enumerate() {
        for (other, b) in &texts[..k] {
            let apart = a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] + 1.0 || b[3] <= a[1] + 1.0;
            assert!(apart, "{what}: {text:?} {a:?} lies over {other:?} {b:?}");
        }
    }
}
