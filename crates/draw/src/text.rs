//! How wide a text is, so that nothing is cut off or drawn over.

use std::sync::OnceLock;

use ttf_parser::Face;

/// The font of all pictures, by its name and those that are as wide.
pub(crate) const FONT_FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";

fn face() -> &'static Face<'static> {
    static FACE: OnceLock<Face<'static>> = OnceLock::new();
    FACE.get_or_init(|| Face::parse(dejavu::sans::regular(), 0).expect("the font that is built in is whole"))
}

/// The width of a text of one line, in the unit of `size`, the font's size.
pub fn text_width(text: &str, size: f64) -> f64 {
    let face = face();
    let advance = |c: char| {
        let glyph = face.glyph_index(c).unwrap_or_default();
        f64::from(face.glyph_hor_advance(glyph).unwrap_or(face.units_per_em()))
    };
    text.chars().map(advance).sum::<f64>() * size / f64::from(face.units_per_em())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wider_texts_are_wider() {
        assert_eq!(text_width("", 12.0), 0.0);
        assert!(text_width("mmm", 12.0) > text_width("iii", 12.0));
        assert_eq!(text_width("00", 12.0), 2.0 * text_width("0", 12.0));
    }
}
