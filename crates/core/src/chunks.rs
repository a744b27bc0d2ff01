//! How an array is cut into chunks.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::dtype::DType;
use crate::error::{Error, Result};

/// What `"auto"` aims at: 128 MiB a chunk, as Dask.
pub const AUTO_CHUNK_BYTES: usize = 128 << 20;

/// The chunks along one axis: all of one length but the last, or of lengths of their own.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AxisChunks {
    /// Every chunk has `chunk` elements, the last one what is left. Takes no memory, however many there are.
    Regular {
        /// Elements of the axis.
        len: usize,
        /// Elements of a chunk, at least 1.
        chunk: usize,
    },
    /// Chunk `k` holds the elements `bounds[k]..bounds[k + 1]`.
    Rectilinear {
        /// Rising, first 0, last the length of the axis.
        bounds: Arc<[usize]>,
    },
}

impl AxisChunks {
    /// Chunks of `chunk` elements over an axis of `len`.
    pub fn regular(len: usize, chunk: usize) -> Self {
        AxisChunks::Regular { len, chunk: chunk.clamp(1, len.max(1)) }
    }

    /// Chunks of these lengths; regular if they can be.
    pub fn from_lengths(lengths: &[usize]) -> Self {
        let len: usize = lengths.iter().sum();
        let first = lengths.first().copied().unwrap_or(0).max(1);
        let regular = AxisChunks::regular(len, first);
        if regular.num_chunks() == lengths.len()
            && lengths.iter().enumerate().all(|(k, &length)| regular.chunk_range(k) == (k * first, length))
        {
            return regular;
        }
        let mut bounds = vec![0];
        let mut end = 0;
        for length in lengths {
            end += length;
            bounds.push(end);
        }
        AxisChunks::Rectilinear { bounds: bounds.into() }
    }

    /// Elements of the axis.
    pub fn len(&self) -> usize {
        match self {
            AxisChunks::Regular { len, .. } => *len,
            AxisChunks::Rectilinear { bounds } => bounds.last().copied().unwrap_or(0),
        }
    }

    /// Whether the axis has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of chunks: at least one, which is empty on an empty axis.
    pub fn num_chunks(&self) -> usize {
        match self {
            AxisChunks::Regular { len, chunk } => len.div_ceil(*chunk).max(1),
            AxisChunks::Rectilinear { bounds } => bounds.len() - 1,
        }
    }

    /// First element and length of chunk `k`.
    pub fn chunk_range(&self, k: usize) -> (usize, usize) {
        match self {
            AxisChunks::Regular { len, chunk } => {
                let start = (k * chunk).min(*len);
                (start, (*chunk).min(len - start))
            }
            AxisChunks::Rectilinear { bounds } => (bounds[k], bounds[k + 1] - bounds[k]),
        }
    }

    /// The chunk that holds an element.
    pub fn chunk_of(&self, index: usize) -> usize {
        match self {
            AxisChunks::Regular { chunk, .. } => index / chunk,
            AxisChunks::Rectilinear { bounds } => bounds.partition_point(|&bound| bound <= index) - 1,
        }
    }

    /// The longest chunk.
    pub fn max_chunk(&self) -> usize {
        match self {
            AxisChunks::Regular { len, chunk } => (*chunk).min(*len),
            AxisChunks::Rectilinear { bounds } => bounds.windows(2).map(|w| w[1] - w[0]).max().unwrap_or(0),
        }
    }

    /// The lengths of all chunks. As long as there are chunks.
    pub fn chunk_lengths(&self) -> Vec<usize> {
        (0..self.num_chunks()).map(|k| self.chunk_range(k).1).collect()
    }

    /// The chunks of the elements `start, start + step, …` as they fall into these chunks.
    pub fn sliced(&self, start: usize, len: usize, step: isize) -> AxisChunks {
        if len == 0 {
            return AxisChunks::regular(0, 1);
        }
        let width = step.unsigned_abs();
        if let AxisChunks::Regular { chunk, .. } = self {
            let aligned = if step > 0 { start % chunk < width } else { (start + 1) % chunk < width };
            let whole =
                *chunk % width == 0 && (aligned || start / chunk == (start + (len - 1) * width) / chunk);
            if whole && step > 0 {
                return AxisChunks::regular(len, (chunk / width).max(1));
            }
            // Cutting elsewhere than the chunks would cost memory for every chunk; keep the length of a chunk.
            if self.num_chunks() > 1_000_000 {
                return AxisChunks::regular(len, (chunk / width).max(1));
            }
        }
        let mut lengths = Vec::new();
        let mut i = 0;
        while i < len {
            let index = (start as isize + i as isize * step) as usize;
            let (first, length) = self.chunk_range(self.chunk_of(index));
            let count =
                if step > 0 { (first + length - 1 - index) / width } else { (index - first) / width } + 1;
            let count = count.min(len - i);
            lengths.push(count);
            i += count;
        }
        AxisChunks::from_lengths(&lengths)
    }
}

/// How an array is cut: the product of the cuts along its axes.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ChunkGrid {
    axes: Vec<AxisChunks>,
}

impl ChunkGrid {
    /// The grid of these axes.
    pub fn new(axes: Vec<AxisChunks>) -> Self {
        ChunkGrid { axes }
    }

    /// Equal chunks over an array.
    pub fn regular(shape: &[usize], chunk: &[usize]) -> Self {
        ChunkGrid::new(
            shape.iter().zip(chunk).map(|(&len, &chunk)| AxisChunks::regular(len, chunk)).collect(),
        )
    }

    /// One chunk that holds everything.
    pub fn single(shape: &[usize]) -> Self {
        ChunkGrid::regular(shape, shape)
    }

    /// The cuts along every axis.
    pub fn axes(&self) -> &[AxisChunks] {
        &self.axes
    }

    /// Chunks in all.
    pub fn num_chunks(&self) -> usize {
        self.axes.iter().map(AxisChunks::num_chunks).fold(1, usize::saturating_mul)
    }

    /// Chunks along every axis.
    pub fn numblocks(&self) -> Vec<usize> {
        self.axes.iter().map(AxisChunks::num_chunks).collect()
    }

    /// The longest chunk along every axis.
    pub fn max_chunk(&self) -> Vec<usize> {
        self.axes.iter().map(AxisChunks::max_chunk).collect()
    }

    /// The shape of the array.
    pub fn shape(&self) -> Vec<usize> {
        self.axes.iter().map(AxisChunks::len).collect()
    }
}

impl fmt::Debug for ChunkGrid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Debug for AxisChunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for AxisChunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AxisChunks::Regular { .. } => write!(f, "{}", self.max_chunk()),
            AxisChunks::Rectilinear { bounds } => {
                let lengths: Vec<String> =
                    bounds.windows(2).take(8).map(|w| (w[1] - w[0]).to_string()).collect();
                let more = if bounds.len() > 9 { ", …" } else { "" };
                write!(f, "({}{more})", lengths.join(", "))
            }
        }
    }
}

impl fmt::Display for ChunkGrid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let axes: Vec<String> = self.axes.iter().map(ToString::to_string).collect();
        write!(f, "({}{})", axes.join(", "), if axes.len() == 1 { "," } else { "" })
    }
}

/// What a user may say about the chunks along one axis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum AxisSpec {
    /// This many elements a chunk; -1 is the whole axis.
    Length(isize),
    /// These lengths, one chunk each.
    Lengths(Vec<usize>),
    /// Chosen so that a chunk has about [`AUTO_CHUNK_BYTES`].
    Auto,
    /// Chosen so that a chunk has at most this many bytes.
    Bytes(usize),
    /// The whole axis in one chunk.
    Whole,
}

/// What a user may say about chunks: one thing for all axes, or one for each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ChunkSpec {
    /// The same for every axis.
    Every(AxisSpec),
    /// One for each axis.
    Axes(Vec<AxisSpec>),
}

impl ChunkSpec {
    /// `"auto"`.
    pub fn auto() -> Self {
        ChunkSpec::Every(AxisSpec::Auto)
    }

    /// Reads `"auto"`, or a size such as `"64MiB"`.
    pub fn parse(text: &str) -> Result<Self> {
        AxisSpec::parse(text).map(ChunkSpec::Every)
    }

    /// The grid this means for an array.
    ///
    /// # Errors
    /// If the number of axes is wrong, a length is 0 or below -1, or given lengths do not add up to the axis.
    pub fn resolve(&self, shape: &[usize], dtype: DType) -> Result<ChunkGrid> {
        let invalid = |reason: String| Error::InvalidChunks { shape: shape.to_vec(), reason };
        let specs: Vec<AxisSpec> = match self {
            ChunkSpec::Every(spec) => vec![spec.clone(); shape.len()],
            ChunkSpec::Axes(specs) if specs.len() == shape.len() => specs.clone(),
            ChunkSpec::Axes(specs) => {
                return Err(invalid(format!(
                    "chunks for {} axes were given; give one number, or one for each of the {} axes",
                    specs.len(),
                    shape.len()
                )));
            }
        };
        let mut axes: Vec<Option<AxisChunks>> = Vec::with_capacity(shape.len());
        let mut bytes_allowed = None::<usize>;
        for (axis, (spec, &len)) in specs.iter().zip(shape).enumerate() {
            axes.push(match spec {
                AxisSpec::Whole | AxisSpec::Length(-1) => Some(AxisChunks::regular(len, len)),
                AxisSpec::Length(length) if *length > 0 => Some(AxisChunks::regular(len, *length as usize)),
                AxisSpec::Length(length) => {
                    return Err(invalid(format!(
                        "chunk length {length} on axis {axis}; use a length of at least 1, or -1 for the whole axis"
                    )));
                }
                AxisSpec::Lengths(lengths) => {
                    let total = lengths.iter().try_fold(0usize, |sum, &length| sum.checked_add(length));
                    if total != Some(len) || lengths.is_empty() {
                        return Err(invalid(format!(
                            "the chunk lengths on axis {axis} add up to {}; they must add up to {len}",
                            total.map_or_else(|| "more than fits a number".into(), |total| total.to_string())
                        )));
                    }
                    if len > 0 && lengths.contains(&0) {
                        return Err(invalid(format!("a chunk of length 0 on axis {axis}; leave it out")));
                    }
                    Some(AxisChunks::from_lengths(lengths))
                }
                AxisSpec::Auto => {
                    bytes_allowed = Some(bytes_allowed.unwrap_or(AUTO_CHUNK_BYTES));
                    None
                }
                AxisSpec::Bytes(bytes) => {
                    bytes_allowed = Some(bytes_allowed.map_or(*bytes, |other| other.min(*bytes)));
                    None
                }
            });
        }
        let fixed: usize = axes.iter().flatten().map(|axis| axis.max_chunk().max(1)).product();
        let mut left = bytes_allowed.unwrap_or(AUTO_CHUNK_BYTES) / dtype.itemsize().max(1) / fixed.max(1);
        // Equal sides for the axes that are short of their share; whole axes first, so that none is wasted.
        let mut open: Vec<usize> = (0..axes.len()).filter(|&axis| axes[axis].is_none()).collect();
        open.sort_by_key(|&axis| shape[axis]);
        for (done, &axis) in open.iter().enumerate() {
            let remaining = (open.len() - done) as f64;
            let side = ((left.max(1) as f64).powf(1.0 / remaining) + 1e-9).floor() as usize;
            let chunk = AxisChunks::regular(shape[axis], side.max(1));
            left = (left / chunk.max_chunk().max(1)).max(1);
            axes[axis] = Some(chunk);
        }
        Ok(ChunkGrid::new(axes.into_iter().flatten().collect()))
    }
}

impl AxisSpec {
    /// Reads `"auto"`, or a size such as `"64MiB"`.
    pub fn parse(text: &str) -> Result<Self> {
        if text == "auto" {
            return Ok(AxisSpec::Auto);
        }
        parse_bytes(text).map(AxisSpec::Bytes)
    }
}

/// Reads a number of bytes: `1000`, `64MB`, `64MiB`, `1.5 GB` (k, M, G, T are powers of 1000; Ki, Mi … of 1024).
pub fn parse_bytes(text: &str) -> Result<usize> {
    let invalid = || Error::InvalidBytes { text: text.to_owned() };
    let trimmed = text.trim();
    let split = trimmed.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(trimmed.len());
    let number: f64 = trimmed[..split].parse().map_err(|_| invalid())?;
    let unit = trimmed[split..].trim().to_ascii_lowercase();
    let factor = match unit.strip_suffix('b').unwrap_or(&unit) {
        "" => 1.0,
        "k" => 1e3,
        "m" => 1e6,
        "g" => 1e9,
        "t" => 1e12,
        "ki" => 1024.0,
        "mi" => 1048576.0,
        "gi" => 1073741824.0,
        "ti" => 1099511627776.0,
        _ => return Err(invalid()),
    };
    let bytes = number * factor;
    if bytes < 1.0 || bytes > isize::MAX as f64 {
        return Err(invalid());
    }
    Ok(bytes as usize)
}

/// A count in groups of three digits: 1234567 as `1 234 567`.
pub fn format_count(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// Writes a number of bytes for people: `1.2 GB`.
pub fn format_bytes(bytes: usize) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "kB", "MB", "GB", "TB", "PB"] {
        if value < 999.5 || unit == "PB" {
            return match unit {
                "B" => format!("{bytes} B"),
                _ if value < 9.995 => format!("{value:.2} {unit}"),
                _ if value < 99.95 => format!("{value:.1} {unit}"),
                _ => format!("{value:.0} {unit}"),
            };
        }
        value /= 1000.0;
    }
    format!("{bytes} B")
}

impl From<usize> for AxisSpec {
    fn from(length: usize) -> Self {
        AxisSpec::Length(isize::try_from(length).unwrap_or(isize::MAX))
    }
}

impl From<usize> for ChunkSpec {
    fn from(length: usize) -> Self {
        ChunkSpec::Every(length.into())
    }
}

impl From<&[usize]> for ChunkSpec {
    fn from(lengths: &[usize]) -> Self {
        ChunkSpec::Axes(lengths.iter().map(|&length| length.into()).collect())
    }
}

impl<const N: usize> From<[usize; N]> for ChunkSpec {
    fn from(lengths: [usize; N]) -> Self {
        lengths.as_slice().into()
    }
}

impl From<Vec<Vec<usize>>> for ChunkSpec {
    fn from(lengths: Vec<Vec<usize>>) -> Self {
        ChunkSpec::Axes(lengths.into_iter().map(AxisSpec::Lengths).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_billion_chunks_cost_nothing() {
        let grid = ChunkSpec::from(1).resolve(&[1_000_000_000], DType::F64).unwrap();
        assert_eq!(grid.num_chunks(), 1_000_000_000);
        assert_eq!(grid.axes()[0].chunk_range(999_999_999), (999_999_999, 1));
    }

    #[test]
    fn every_axis_has_a_chunk() {
        let grid = ChunkSpec::from(4).resolve(&[0, 9], DType::F64).unwrap();
        assert_eq!(grid.axes()[0].chunk_lengths(), [0]);
        assert_eq!(grid.axes()[1].chunk_lengths(), [4, 4, 1]);
    }

    #[test]
    fn byte_sizes_bound_the_chunk() {
        let grid = ChunkSpec::parse("1MB").unwrap().resolve(&[10_000, 10_000], DType::F64).unwrap();
        let bytes: usize = grid.max_chunk().iter().product::<usize>() * 8;
        assert!(bytes <= 1_000_000 && bytes > 900_000, "{bytes}");
        let flat = ChunkSpec::auto().resolve(&[3, 1_000_000_000], DType::F32).unwrap();
        assert_eq!(flat.max_chunk()[0], 3);
    }

    #[test]
    fn bad_chunks_say_what_is_right() {
        let fails = |spec: ChunkSpec| spec.resolve(&[10], DType::F64).unwrap_err().to_string();
        assert!(fails(ChunkSpec::from(0)).contains("at least 1"));
        assert!(fails(ChunkSpec::from([1, 2])).contains("one for each of the 1 axes"));
        assert!(fails(vec![vec![3, 3]].into()).contains("must add up to 10"));
        assert!(parse_bytes("12 parrots").is_err());
        assert!(parse_bytes("0").is_err());
    }

    #[test]
    fn slicing_cuts_where_the_chunks_were() {
        let axis = AxisChunks::regular(10, 4);
        assert_eq!(axis.sliced(1, 8, 1).chunk_lengths(), [3, 4, 1]);
        assert_eq!(axis.sliced(9, 10, -1).chunk_lengths(), [2, 4, 4]);
        assert_eq!(axis.sliced(0, 5, 2).chunk_lengths(), [2, 2, 1]);
        assert_eq!(axis.sliced(1, 3, 3).chunk_lengths(), [1, 2]);
    }

    #[test]
    fn bytes_read_and_print() {
        assert_eq!(parse_bytes("1.5 GB").unwrap(), 1_500_000_000);
        assert_eq!(parse_bytes("64MiB").unwrap(), 64 << 20);
        assert_eq!(format_bytes(1_234_567), "1.23 MB");
        assert_eq!(format_bytes(12), "12 B");
        assert_eq!((format_count(1_234_567), format_count(12)), ("1 234 567".into(), "12".into()));
    }
}
