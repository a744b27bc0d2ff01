//! The names of codecs, for all formats: `none`, `gzip:4`, `zstd`, `blosc:zstd:5`, `shuffle+gzip:4`.

use crate::error::Problem;

/// One step of what is done to the bytes of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    /// Bytes sorted by their place in the element.
    Shuffle,
    /// Deflate, level 0 to 9.
    Gzip(Option<u8>),
    /// Zstandard, level 0 to 22.
    Zstd(Option<u8>),
    /// Blosc with one of its compressors, level 0 to 9.
    Blosc(&'static str, u8),
}

const BLOSC_COMPRESSORS: [&str; 5] = ["blosclz", "lz4", "lz4hc", "zlib", "zstd"];

/// Reads the name of a codec, or several joined by `+`.
///
/// # Errors
/// If one of them is not known, or its level is not one it has.
pub(crate) fn parse(text: &str) -> Result<Vec<Codec>, Problem> {
    let mut codecs = Vec::new();
    for part in text.split('+') {
        if part != "none" {
            codecs.push(parse_one(part).ok_or_else(|| unknown(part))?);
        } else if text != "none" {
            return Err(Problem::Misuse { reason: format!("codec {text:?} is none and something else") });
        }
    }
    Ok(codecs)
}

fn parse_one(text: &str) -> Option<Codec> {
    let mut words = text.split(':');
    let name = words.next()?;
    let rest: Vec<&str> = words.collect();
    let level = |text: &str, most: u8| text.parse::<u8>().ok().filter(|level| *level <= most);
    let only_level = |most: u8| match rest.as_slice() {
        [] => Some(None),
        [text] => level(text, most).map(Some),
        _ => None,
    };
    match name {
        "shuffle" => rest.is_empty().then_some(Codec::Shuffle),
        "gzip" => only_level(9).map(Codec::Gzip),
        "zstd" => only_level(22).map(Codec::Zstd),
        "blosc" => {
            let compressor = |name: &str| BLOSC_COMPRESSORS.into_iter().find(|known| *known == name);
            match rest.as_slice() {
                [] => Some(Codec::Blosc("lz4", 5)),
                [one] => match level(one, 9) {
                    Some(level) => Some(Codec::Blosc("lz4", level)),
                    None => compressor(one).map(|name| Codec::Blosc(name, 5)),
                },
                [name, one] => Some(Codec::Blosc(compressor(name)?, level(one, 9)?)),
                _ => None,
            }
        }
        _ => None,
    }
}

fn unknown(part: &str) -> Problem {
    let reason = format!(
        "codec {part:?} is not known; use none, zstd, zstd:0 … zstd:22, gzip:0 … gzip:9, blosc or blosc:zstd:5 for \
         Zarr, none, gzip:0 … gzip:9, shuffle or shuffle+gzip:4 for HDF5"
    );
    Problem::Misuse { reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_levels_are_read_or_refused() {
        assert_eq!(parse("none").unwrap(), []);
        assert_eq!(parse("gzip").unwrap(), [Codec::Gzip(None)]);
        assert_eq!(parse("shuffle+gzip:9").unwrap(), [Codec::Shuffle, Codec::Gzip(Some(9))]);
        assert_eq!(parse("blosc:7").unwrap(), [Codec::Blosc("lz4", 7)]);
        assert_eq!(parse("blosc:zstd:3").unwrap(), [Codec::Blosc("zstd", 3)]);
        for wrong in
            ["lzma", "gzip:10", "zstd:23", "zstd:-1", "blosc:snap", "gzip:1:2", "", "gzip+", "none:1"]
        {
            let error = parse(wrong).unwrap_err().to_string();
            assert!(error.contains("is not known; use none, zstd"), "{wrong}: {error}");
        }
        assert!(parse("none+gzip").unwrap_err().to_string().contains("none and something else"));
    }
}
