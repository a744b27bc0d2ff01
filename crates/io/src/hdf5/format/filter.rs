//! Filter pipeline messages: what was done to a chunk before it was written.
use std::fmt;

#[cfg(feature = "hdf5-blosc")]
use super::bitshuffle::BlockCodec;
use super::cursor::Cursor;
use super::error::{Outcome, corrupt, needs_library};

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
    /// Zstandard (32015): one frame.
    #[cfg(feature = "hdf5-zstd")]
    Zstd,
    /// Blosc (32001), with any of its compressors: a container that tells what is in it.
    #[cfg(feature = "hdf5-blosc")]
    Blosc,
    /// LZ4 (32004).
    #[cfg(feature = "hdf5-blosc")]
    Lz4,
    /// Bits sorted by their place in the element (32008), block by block, which may be compressed.
    #[cfg(feature = "hdf5-blosc")]
    Bitshuffle {
        /// Bytes of an element.
        element_nbytes: usize,
        /// Elements of a block; 0 for the usual number.
        block: usize,
        /// What compresses the blocks.
        codec: Option<BlockCodec>,
    },
}

impl Filter {
    /// Whether its output's length depends on the data.
    pub(super) fn compresses(self) -> bool {
        match self {
            Self::Deflate | Self::Lzf => true,
            #[cfg(feature = "hdf5-zstd")]
            Self::Zstd => true,
            #[cfg(feature = "hdf5-blosc")]
            Self::Blosc | Self::Lz4 => true,
            #[cfg(feature = "hdf5-blosc")]
            Self::Bitshuffle { codec, .. } => codec.is_some(),
            Self::Shuffle { .. } | Self::Fletcher32 => false,
        }
    }

    /// Whether undoing it needs room for another copy of what it gives.
    pub(super) fn needs_room(self) -> bool {
        match self {
            #[cfg(feature = "hdf5-blosc")]
            Self::Blosc => true,
            #[cfg(feature = "hdf5-blosc")]
            Self::Bitshuffle { codec, .. } => codec.is_some(),
            _ => false,
        }
    }
}

/// A filter as the message has it, whether this reader undoes it or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFilter {
    /// Its registered number.
    pub id: u16,
    /// The name its writer gave it; may be empty.
    pub name: String,
    /// Its settings.
    pub values: Vec<u32>,
}

impl StoredFilter {
    /// The name it is known by, or the one its writer gave it.
    pub fn known_name(&self) -> &str {
        known_name(self.id).unwrap_or(&self.name)
    }

    /// Number and name, such as `32015 (zstd)`.
    pub fn numbered(&self) -> String {
        match self.known_name() {
            "" => self.id.to_string(),
            name => format!("{} ({name})", self.id),
        }
    }
}

impl fmt::Display for StoredFilter {
    /// The name and what matters of the settings, such as `gzip(4)`; with the number if it is none of the format's own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.id, self.values.as_slice()) {
            (1, [level, ..]) => write!(f, "gzip({level})"),
            // What it keeps: decimal digits of floats, bits of integers, 0 for as many as are needed.
            (6, [_, digits, ..]) => write!(f, "scaleoffset({digits})"),
            (1..=6 | 32_000, _) => f.write_str(self.known_name()),
            _ if self.known_name().is_empty() => write!(f, "filter {}", self.id),
            _ => write!(f, "{} (filter {})", self.known_name(), self.id),
        }
    }
}

/// Parses the message; the filters are in the order in which a writer applies them.
pub(super) fn parse_stored(mut cursor: Cursor<'_>) -> Outcome<Vec<StoredFilter>> {
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
        let name = Cursor::new(WHAT, name, 8, 8).text_to_nul();
        let values = cursor.take(4 * num_values)?.as_chunks::<4>().0;
        let values = values.iter().map(|&value| u32::from_le_bytes(value)).collect();
        cursor.skip(if version == 1 && num_values % 2 == 1 { 4 } else { 0 })?;
        filters.push(StoredFilter { id, name, values });
    }
    Ok(filters)
}

/// The filters that this reader undoes.
pub(super) fn understand(stored: &[StoredFilter], element_nbytes: usize) -> Outcome<Vec<Filter>> {
    let mut filters = Vec::new();
    for filter in stored {
        filters.push(match filter.id {
            1 => Filter::Deflate,
            2 => {
                let given = filter.values.first().map_or(element_nbytes, |&nbytes| nbytes as usize);
                Filter::Shuffle { element_nbytes: given.max(1) }
            }
            3 => Filter::Fletcher32,
            32_000 => Filter::Lzf,
            #[cfg(feature = "hdf5-zstd")]
            32_015 => Filter::Zstd,
            #[cfg(feature = "hdf5-blosc")]
            32_001 => Filter::Blosc,
            #[cfg(feature = "hdf5-blosc")]
            32_004 => Filter::Lz4,
            #[cfg(feature = "hdf5-blosc")]
            32_008 => bitshuffle(filter, element_nbytes)?,
            _ => return Err(needs_library(format!("filter {}", filter.numbered()), REWRITE)),
        });
    }
    if filters.iter().filter(|filter| filter.compresses()).count() > 1 {
        return Err(needs_library("a pipeline of two compressions", REWRITE));
    }
    Ok(filters)
}

/// The settings are the version, twice, then the bytes of an element, elements of a block, and the compression.
#[cfg(feature = "hdf5-blosc")]
fn bitshuffle(stored: &StoredFilter, element_nbytes: usize) -> Outcome<Filter> {
    let value = |at: usize| stored.values.get(at).map_or(0, |&value| value as usize);
    let codec = match value(4) {
        0 => None,
        2 => Some(BlockCodec::Lz4),
        3 => Some(BlockCodec::Zstd),
        other => {
            return Err(needs_library(
                format!("filter 32008 (bitshuffle) with compression {other}"),
                REWRITE,
            ));
        }
    };
    let given = if value(2) == 0 { element_nbytes } else { value(2) };
    Ok(Filter::Bitshuffle { element_nbytes: given.max(1), block: value(3), codec })
}

const REWRITE: &str = "rewrite the dataset with gzip or lzf, for instance with h5repack";

/// The name of a registered filter.
pub(crate) fn known_name(id: u16) -> Option<&'static str> {
    Some(match id {
        1 => "gzip",
        2 => "shuffle",
        3 => "fletcher32",
        4 => "szip",
        5 => "nbit",
        6 => "scaleoffset",
        305 => "lzo",
        307 => "bzip2",
        32_000 => "lzf",
        32_001 => "blosc",
        32_004 => "lz4",
        32_008 => "bitshuffle",
        32_013 => "zfp",
        32_015 => "zstd",
        32_017 => "sz",
        32_018 => "fcidecomp",
        32_019 => "jpeg",
        32_022 => "granularbr",
        32_023 => "bitgroom",
        32_024 => "sz3",
        32_026 => "blosc2",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_bytes(bytes: &[u8]) -> Outcome<Vec<Filter>> {
        understand(&parse_stored(Cursor::new(WHAT, bytes, 8, 8))?, 4)
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
        assert!(message(b"\x02\x01\x04\0\0\0\0\0").starts_with("filter 4 (szip) cannot be read"));
        assert!(message(b"\x02\x01\xff\x7e\x04\0\0\0\0\0mine").starts_with("filter 32511 (mine)"));
        assert!(message(b"\x02\x02\x01\0\0\0\0\0\x01\0\0\0\0\0").contains("two compressions"));
        assert!(message(b"\x02\xff").contains("255 filters"));
    }

    #[test]
    fn filters_are_shown_with_their_settings() {
        let shown = |id, name: &str, values: &[u32]| {
            StoredFilter { id, name: name.into(), values: values.into() }.to_string()
        };
        assert_eq!(shown(1, "deflate", &[4]), "gzip(4)");
        assert_eq!(shown(6, "", &[2, 0, 8]), "scaleoffset(0)");
        assert_eq!(shown(32_015, "", &[3]), "zstd (filter 32015)");
        assert_eq!(shown(400, "mine", &[]), "mine (filter 400)");
        assert_eq!(shown(400, "", &[]), "filter 400");
    }
}
