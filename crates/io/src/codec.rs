//! The names of codecs, for all formats: `none`, `gzip:4`, `zstd`, `blosc:zstd:5`, `shuffle+gzip:4`.

use crate::error::Problem;

/// One step of what is done to the bytes of a chunk.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Codec {
    /// Bytes sorted by their place in the element.
    Shuffle,
    /// Deflate, level 0 to 9.
    Gzip(Option<u8>),
    /// Zstandard, level 0 to 22.
    Zstd(Option<u8>),
    /// Pcodec, level 0 to 12: numbers, without loss.
    Pcodec(Option<u8>),
    /// Zfp: numbers with less precision than they had, or with all of it.
    Zfp(Zfp),
    /// Blosc with one of its compressors, level 0 to 9.
    Blosc(&'static str, u8),
}

/// What zfp keeps of numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Zfp {
    /// All: no loss.
    Reversible,
    /// The largest error, which is more than 0.
    Accuracy(f64),
    /// Bit planes, 1 to 64.
    Precision(u8),
    /// Bits an element, 1 to 64.
    Rate(u8),
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
        "pcodec" => only_level(12).map(Codec::Pcodec),
        "zstd" => only_level(22).map(Codec::Zstd),
        "zfp" => {
            let from_one = |text: &str| level(text, 64).filter(|&number| number > 0);
            let error =
                |text: &str| text.parse().ok().filter(|&error: &f64| error > 0.0 && error.is_finite());
            let mode = match rest.as_slice() {
                [] | ["reversible"] => Zfp::Reversible,
                ["accuracy", text] => Zfp::Accuracy(error(text)?),
                ["precision", text] => Zfp::Precision(from_one(text)?),
                ["rate", text] => Zfp::Rate(from_one(text)?),
                _ => return None,
            };
            Some(Codec::Zfp(mode))
        }
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
        "codec {part:?} is not known; use none, zstd, zstd:0 … zstd:22, gzip:0 … gzip:9, blosc, blosc:zstd:5, pcodec:0 … \
         pcodec:12, zfp, zfp:accuracy:0.01, zfp:precision:16 or zfp:rate:8 for Zarr, none, gzip:0 … gzip:9, shuffle or shuffle+gzip:4 for HDF5"
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
        assert_eq!(parse("pcodec:12").unwrap(), [Codec::Pcodec(Some(12))]);
        assert_eq!(parse("zfp").unwrap(), [Codec::Zfp(Zfp::Reversible)]);
        assert_eq!(parse("zfp:accuracy:1e-3").unwrap(), [Codec::Zfp(Zfp::Accuracy(1e-3))]);
        assert_eq!(parse("zfp:rate:8").unwrap(), [Codec::Zfp(Zfp::Rate(8))]);
        assert_eq!(parse("blosc:7").unwrap(), [Codec::Blosc("lz4", 7)]);
        assert_eq!(parse("blosc:zstd:3").unwrap(), [Codec::Blosc("zstd", 3)]);
        for wrong in [
            "lzma",
            "gzip:10",
            "zstd:23",
            "zstd:-1",
            "blosc:snap",
            "pcodec:13",
            "zfp:rate:65",
            "zfp:precision:0",
            "zfp:accuracy:-1",
            "zfp:accuracy:nan",
            "zfp:8",
            "gzip:1:2",
            "",
            "gzip+",
            "none:1",
        ] {
            let error = parse(wrong).unwrap_err().to_string();
            assert!(error.contains("is not known; use none, zstd"), "{wrong}: {error}");
        }
        assert!(parse("none+gzip").unwrap_err().to_string().contains("none and something else"));
    }
}
