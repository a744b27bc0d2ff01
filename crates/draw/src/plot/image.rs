//! Coloured cells as a PNG in a data URI, so that a heat map of many cells stays a small SVG.

/// Cells of one colour each; those without a colour are transparent.
pub(crate) fn data_uri(
    width: usize,
    height: usize,
    colours: impl Iterator<Item = Option<[u8; 3]>>,
) -> String {
    let mut samples = Vec::with_capacity(width * height * 4);
    for colour in colours {
        samples.extend(colour.map_or([0; 4], |[red, green, blue]| [red, green, blue, 255]));
    }
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().expect("a header goes into memory");
    writer.write_image_data(&samples).expect("there is a colour for every cell");
    writer.finish().expect("an image ends in memory");
    format!("data:image/png;base64,{}", base64(&bytes))
}

/// Bytes as text (RFC 4648).
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let number =
            (0..3).fold(0u32, |number, i| number << 8 | u32::from(three.get(i).copied().unwrap_or(0)));
        for digit in 0..4 {
            let is_filled = digit <= three.len();
            let value = (number >> (18 - 6 * digit)) & 63;
            text.push(if is_filled { DIGITS[value as usize] as char } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_agrees_with_the_vectors_of_its_standard() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn an_image_is_a_png() {
        let uri = data_uri(2, 1, [Some([255, 0, 0]), None].into_iter());
        assert!(uri.starts_with("data:image/png;base64,iVBORw0KGgo"), "{uri}");
    }
}
