//! SVG as pixels.

use std::sync::{Arc, OnceLock};

use resvg::{tiny_skia, usvg};

use crate::error::{DrawError, Result};
use crate::svg::Svg;

/// More pixels than this are refused: an image of 400 MB serves nobody.
pub(crate) const MOST_PIXELS: f64 = 1e8;

/// The picture as a PNG, `scale` pixels for a pixel of the drawing.
///
/// # Errors
/// If it would have more than a hundred million pixels.
pub fn png(svg: &Svg, scale: f64) -> Result<Vec<u8>> {
    let (width, height) = svg.size();
    let (across, down) = ((width * scale).ceil().max(1.0), (height * scale).ceil().max(1.0));
    let failed = |reason: String| DrawError::Raster { width: across as usize, height: down as usize, reason };
    if across * down > MOST_PIXELS {
        return Err(failed(format!("it may have at most {MOST_PIXELS:.0}")));
    }
    let options = usvg::Options { fontdb: fonts(), font_family: "DejaVu Sans".into(), ..Default::default() };
    let tree = usvg::Tree::from_str(&svg.finish(), &options).map_err(|error| failed(error.to_string()))?;
    let mut pixels = tiny_skia::Pixmap::new(across as u32, down as u32)
        .ok_or_else(|| failed("there is no memory for it".into()))?;
    resvg::render(&tree, tiny_skia::Transform::from_scale(scale as f32, scale as f32), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| failed(error.to_string()))
}

/// The font that is built in, and no other: the same picture everywhere.
fn fonts() -> Arc<usvg::fontdb::Database> {
    static FONTS: OnceLock<Arc<usvg::fontdb::Database>> = OnceLock::new();
    FONTS
        .get_or_init(|| {
            let mut fonts = usvg::fontdb::Database::new();
            fonts.load_font_data(dejavu::sans::regular().to_vec());
            Arc::new(fonts)
        })
        .clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::svg::{Anchor, Style};

    #[test]
    fn a_picture_has_its_size_and_its_text_is_drawn() {
        let mut svg = Svg::new(40.0, 20.0);
        svg.rect(0.0, 0.0, 5.0, 5.0, Style { fill: "#ff0000", ..Style::default() });
        svg.text(20.0, 15.0, 12.0, Anchor::Middle, "#000000", "8");
        let bytes = png(&svg, 2.0).unwrap();
        let pixels = tiny_skia::Pixmap::decode_png(&bytes).unwrap();
        assert_eq!((pixels.width(), pixels.height()), (80, 40));
        let colour = |x, y| {
            let c = pixels.pixel(x, y).unwrap();
            (c.red(), c.green(), c.blue())
        };
        assert_eq!(colour(2, 2), (255, 0, 0));
        assert_eq!(colour(70, 2), (255, 255, 255));
        assert!((30..50).any(|x| (10..32).any(|y| colour(x, y).0 < 64)), "the digit is black");
    }

    #[test]
    fn a_huge_picture_is_refused() {
        let error = png(&Svg::new(1e5, 1e5), 1.0).unwrap_err();
        assert!(error.to_string().contains("100000 × 100000 pixels"), "{error}");
    }
}
