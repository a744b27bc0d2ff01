//! Pictures in files.

use std::path::Path;

use super::diagram::Diagram;
use crate::error::{DrawError, Result};

/// How a picture is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PictureFormat {
    /// Scalable vector graphics.
    Svg,
    /// Pixels, two for a pixel of the drawing.
    Png,
    /// Text for Graphviz.
    Dot,
}

/// Pixels of a PNG for a pixel of the drawing.
#[cfg(feature = "png")]
const SCALE: f64 = 2.0;

impl PictureFormat {
    /// The format that a file's ending names.
    ///
    /// # Errors
    /// If it is none of `.svg`, `.png` and `.dot`.
    pub fn of(path: &Path) -> Result<PictureFormat> {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or("").to_ascii_lowercase();
        match ending.as_str() {
            "svg" => Ok(PictureFormat::Svg),
            "png" => Ok(PictureFormat::Png),
            "dot" | "gv" => Ok(PictureFormat::Dot),
            _ => Err(DrawError::Ending { path: path.display().to_string() }),
        }
    }
}

/// Writes a diagram to a file, which is replaced if it is there.
///
/// # Errors
/// If the picture is too large for pixels, or the file cannot be written.
pub fn write_diagram(diagram: &Diagram, path: &Path, format: PictureFormat) -> Result<()> {
    let bytes = match format {
        PictureFormat::Svg => diagram.svg().finish().into_bytes(),
        PictureFormat::Dot => diagram.dot().into_bytes(),
        #[cfg(feature = "png")]
        PictureFormat::Png => {
            let svg = diagram.svg();
            let (width, height) = svg.size();
            // A long chain is drawn smaller rather than not at all.
            let scale = (crate::raster::MOST_PIXELS / (width * height)).sqrt().min(SCALE) * 0.999;
            crate::raster::png(&svg, scale)?
        }
        #[cfg(not(feature = "png"))]
        PictureFormat::Png => return Err(DrawError::NoPng),
    };
    std::fs::write(path, bytes)
        .map_err(|source| DrawError::Write { path: path.display().to_string(), source })
}
