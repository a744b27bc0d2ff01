//! Filter pipeline messages: what was done to a chunk before it was written.
use super::cursor::Cursor;
use super::error::{Outcome, corrupt, unsupported};

const WHAT: &str = "filter pipeline message";
/// The most filters the format allows.
const MAX_FILTERS: usize = 32;

/// A filter this reader undoes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Filter {
    /// zlib compression (1).
    Deflate,
    /// Bytes sorted by their place in the element (2), in groups of `element_nbytes`.
    Shuffle {
        /// Bytes of an element.
        element_nbytes: usize,
    },
    /// Fletcher's checksum behind the bytes (3).
    Fletcher32,
    /// LZF compression (32000), h5py's own.
    Lzf,
}

impl Filter {
    /// Whether its output's length depends on the data.
    pub(super) fn compresses(self) -> bool {
        matches!(self, Self::Deflate | Self::Lzf)
    }
}

/// Parses the message; the filters are in the order in which a writer applies them.
pub(super) fn parse(mut cursor: Cursor<'_>, element_nbytes: usize) -> Outcome<Vec<Filter>> {
    let version = cursor.u8()?;
    let num_filters = usize::from(cursor.u8()?);
    match version {
        1 => cursor.skip(6)?,
        2 => {}
        _ => return Err(corrupt(WHAT, format!("version is {version}, not 1 or 2"))),
    }
    if num_filters > MAX_FILTERS {
        return Err(corrupt(WHAT, format!("{num_filters} filters; at most {MAX_FILTERS} are possible")));
    }
    let mut filters = Vec::new();
    for _ in 0..num_filters {
        let id = cursor.u16()?;
        let name_nbytes = if version == 1 || id >= 256 { usize::from(cursor.u16()?) } else { 0 };
        cursor.skip(2)?;
        let num_values = usize::from(cursor.u16()?);
        // Version 1 pads the name to a multiple of eight bytes, and an odd number of values by one more.
        let name = cursor.take(if version == 1 { name_nbytes.next_multiple_of(8) } else { name_nbytes })?;
        let mut values = client_values(cursor.take(4 * num_values)?);
        cursor.skip(if version == 1 && num_values % 2 == 1 { 4 } else { 0 })?;
        filters.push(match id {
            1 => Filter::Deflate,
            2 => Filter::Shuffle { element_nbytes: values.next().unwrap_or(element_nbytes).max(1) },
            3 => Filter::Fletcher32,
            32_000 => Filter::Lzf,
            _ => return Err(refused(id, name)),
        });
    }
    if filters.iter().filter(|filter| filter.compresses()).count() > 1 {
        return Err(unsupported("a pipeline of two compressions", "keep one of them"));
    }
    Ok(filters)
}

fn client_values(bytes: &[u8]) -> impl Iterator<Item = usize> {
    bytes.as_chunks::<4>().0.iter().map(|&value| u32::from_le_bytes(value) as usize)
}

fn refused(id: u16, name: &[u8]) -> super::error::Problem {
    let known = match id {
        4 => "szip",
        5 => "nbit",
        6 => "scaleoffset",
        307 => "bzip2",
        32_001 => "blosc",
        32_004 => "lz4",
        32_008 => "bitshuffle",
        32_013 => "zfp",
        32_015 => "zstd",
        32_026 => "blosc2",
        _ => "",
    };
    let stored = Cursor::new(WHAT, name, 8, 8).text_to_nul();
    let name = if known.is_empty() { stored } else { known.to_owned() };
    unsupported(
        format!("filter '{name}' (number {id})"),
        "deflate, shuffle, fletcher32 and lzf can; rewrite the dataset, for instance with h5repack",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_bytes(bytes: &[u8]) -> Outcome<Vec<Filter>> {
        parse(Cursor::new(WHAT, bytes, 8, 8), 4)
    }

    #[test]
    fn both_versions_give_the_same_filters() {
        let expected = [Filter::Shuffle { element_nbytes: 8 }, Filter::Deflate];
        let first = b"\x01\x02\0\0\0\0\0\0\x02\0\x08\0\x01\0\x01\0shuffle\0\x08\0\0\0\0\0\0\0\
            \x01\0\x08\0\x01\0\x01\0deflate\0\x04\0\0\0\0\0\0\0";
        assert_eq!(parse_bytes(first).unwrap(), expected);
        let second = b"\x02\x02\x02\0\x01\0\x01\0\x08\0\0\0\x01\0\x01\0\x01\0\x04\0\0\0";
        assert_eq!(parse_bytes(second).unwrap(), expected);
    }

    #[test]
    fn other_filters_are_refused_by_name_and_number() {
        let message = |bytes: &[u8]| parse_bytes(bytes).unwrap_err().to_string();
        assert!(message(b"\x02\x01\x04\0\0\0\0\0").starts_with("filter 'szip' (number 4)"));
        assert!(message(b"\x02\x01\xff\x7e\x04\0\0\0\0\0mine").starts_with("filter 'mine' (number 32511)"));
        assert!(message(b"\x02\x02\x01\0\0\0\0\0\x01\0\0\0\0\0").contains("two compressions"));
        assert!(message(b"\x02\xff").contains("255 filters"));
    }
}
