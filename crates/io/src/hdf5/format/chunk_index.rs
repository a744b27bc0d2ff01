//! Where the chunks of a dataset are, listed once.
use super::btree_v1::{self, NodeKind};
use super::btree_v2::{self, record};
use super::cursor::Cursor;
use super::error::{Outcome, corrupt};
use super::layout::{IndexKind, StoredChunks};
use super::source::Source;
use super::{extensible_array, fixed_array};

const WHAT: &str = "chunk index";

/// Where one chunk is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkLocation {
    /// Offset of its first byte in the file.
    pub address: u64,
    /// Its bytes as stored.
    pub nbytes: usize,
    /// Bit `i` set: filter `i` was not applied to this chunk.
    pub filter_mask: u32,
}

/// The grid that chunks of equal shape make of an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ChunkGrid {
    pub shape: Vec<usize>,
    pub chunk: Vec<usize>,
    /// Chunks along each axis.
    pub counts: Vec<usize>,
    /// Chunks along each axis at its largest length; `None` if unlimited.
    pub max_counts: Vec<Option<usize>>,
}

impl ChunkGrid {
    /// Lays chunks over a shape.
    pub fn new(shape: &[usize], max_shape: &[Option<usize>], chunk: &[usize]) -> Outcome<Self> {
        if shape.len() != chunk.len() || max_shape.len() != chunk.len() || chunk.contains(&0) {
            return Err(corrupt(WHAT, format!("chunks of shape {chunk:?} in an array of shape {shape:?}")));
        }
        let counts: Vec<usize> = shape.iter().zip(chunk).map(|(&n, &chunk)| n.div_ceil(chunk)).collect();
        let max_counts =
            max_shape.iter().zip(chunk).map(|(n, &chunk)| n.map(|n| n.div_ceil(chunk))).collect();
        if !counts.contains(&0) && counts.iter().try_fold(1_usize, |all, &n| all.checked_mul(n)).is_none() {
            return Err(corrupt(
                WHAT,
                format!("an array of shape {shape:?} has too many chunks of shape {chunk:?}"),
            ));
        }
        Ok(Self { shape: shape.to_vec(), chunk: chunk.to_vec(), counts, max_counts })
    }

    /// The number of a chunk, last axis fastest; `None` outside the array.
    pub fn number(&self, at: impl IntoIterator<Item = usize>) -> Option<usize> {
        if self.counts.contains(&0) {
            return None;
        }
        let mut number = 0;
        let mut rank = 0;
        for (at, &count) in at.into_iter().zip(&self.counts) {
            if at >= count {
                return None;
            }
            number = number * count + at;
            rank += 1;
        }
        (rank == self.counts.len()).then_some(number)
    }

    /// The coordinates of the chunk of this number.
    fn at(&self, number: usize) -> Vec<usize> {
        let mut rest = number;
        let mut at = vec![0; self.counts.len()];
        for (at, count) in at.iter_mut().zip(&self.counts).rev() {
            (*at, rest) = (rest % count, rest / count);
        }
        at
    }

    /// Whether a chunk reaches over the array's end.
    fn is_partial(&self, at: &[usize]) -> bool {
        at.iter().zip(&self.chunk).zip(&self.shape).any(|((&at, &chunk), &n)| {
            at.checked_add(1).and_then(|next| next.checked_mul(chunk)).is_none_or(|end| end > n)
        })
    }
}

/// The chunks of a dataset that were written.
#[derive(Debug)]
pub struct ChunkIndex {
    grid: ChunkGrid,
    chunks: Chunks,
}

#[derive(Debug)]
enum Chunks {
    /// Sorted by number.
    Listed(Vec<(usize, ChunkLocation)>),
    /// All there, one after the other, in the order of the largest grid.
    Regular { address: u64, nbytes: usize },
}

impl ChunkIndex {
    /// The chunk at these coordinates of the chunk grid; `None` if it was never written or lies outside.
    pub fn get(&self, at: &[usize]) -> Option<ChunkLocation> {
        if at.len() != self.grid.counts.len() {
            return None;
        }
        let number = self.grid.number(at.iter().copied())?;
        match &self.chunks {
            Chunks::Listed(listed) => find(listed, number),
            &Chunks::Regular { address, nbytes } => {
                let in_largest = at
                    .iter()
                    .zip(&self.grid.max_counts)
                    .try_fold(0_usize, |number, (&at, &count)| number.checked_mul(count?)?.checked_add(at))?;
                let offset = (in_largest as u64).checked_mul(nbytes as u64)?;
                Some(ChunkLocation { address: address.checked_add(offset)?, nbytes, filter_mask: 0 })
            }
        }
    }

    /// The chunk of this number, last axis of the chunk grid fastest; `None` if it was never written or lies outside.
    pub fn numbered(&self, number: usize) -> Option<ChunkLocation> {
        match &self.chunks {
            Chunks::Listed(listed) => find(listed, number),
            Chunks::Regular { .. } => self.get(&self.grid.at(number)),
        }
    }

    /// The chunks that were written, with their coordinates in the chunk grid.
    pub fn stored(&self) -> impl Iterator<Item = (Vec<usize>, ChunkLocation)> {
        let (listed, regular) = match &self.chunks {
            Chunks::Listed(listed) => (listed.as_slice(), 0),
            Chunks::Regular { .. } => (&[][..], self.num_chunks()),
        };
        let listed = listed.iter().map(|&(number, location)| (self.grid.at(number), location));
        let regular = (0..regular).map(|number| self.grid.at(number));
        listed.chain(regular.filter_map(|at| self.get(&at).map(|location| (at, location))))
    }

    /// How many chunks were written.
    pub fn num_chunks(&self) -> usize {
        match &self.chunks {
            Chunks::Listed(listed) => listed.len(),
            Chunks::Regular { .. } => self.grid.counts.iter().product(),
        }
    }

    /// Bytes of memory the listing holds.
    pub fn nbytes(&self) -> usize {
        match &self.chunks {
            Chunks::Listed(listed) => listed.capacity() * size_of::<(usize, ChunkLocation)>(),
            Chunks::Regular { .. } => 0,
        }
    }

    /// Lists the chunks of a dataset.
    pub(super) fn read(
        source: &Source,
        stored: &StoredChunks,
        grid: &ChunkGrid,
        chunk_nbytes: usize,
    ) -> Outcome<Self> {
        let empty = grid.counts.contains(&0);
        let mut listing = Listing { source, grid, chunk_nbytes, stored, found: Vec::new(), is_sorted: true };
        match stored.address {
            None => {}
            Some(_) if empty => {}
            Some(address) => match stored.index {
                IndexKind::BTreeV1 => listing.read_btree_v1(address)?,
                IndexKind::Single(filtered) => {
                    let (nbytes, mask) = filtered.unwrap_or((chunk_nbytes as u64, 0));
                    listing.add(&vec![0; grid.counts.len()], address, nbytes, mask)?;
                }
                IndexKind::Implicit => {
                    let address = source.absolute(address)?;
                    let chunks = Chunks::Regular { address, nbytes: chunk_nbytes };
                    return Ok(Self { grid: grid.clone(), chunks });
                }
                IndexKind::FixedArray => fixed_array::list(source, address, &mut listing)?,
                IndexKind::ExtensibleArray => extensible_array::list(source, address, &mut listing)?,
                IndexKind::BTreeV2 => listing.read_btree_v2(address)?,
            },
        }
        let mut found = listing.found;
        if !listing.is_sorted {
            found.sort_by_key(|&(number, _)| number);
        }
        found.dedup_by_key(|&mut (number, _)| number);
        Ok(Self { grid: grid.clone(), chunks: Chunks::Listed(found) })
    }
}

/// The chunk of a number among those that are sorted by it.
fn find(listed: &[(usize, ChunkLocation)], number: usize) -> Option<ChunkLocation> {
    // Where every chunk was written, each stands in the place of its number.
    if let Some(&(here, location)) = listed.get(number)
        && here == number
    {
        return Some(location);
    }
    let found = listed.binary_search_by_key(&number, |&(number, _)| number).ok()?;
    Some(listed[found].1)
}

/// The chunks found so far.
#[derive(Debug)]
pub(super) struct Listing<'a> {
    source: &'a Source,
    pub grid: &'a ChunkGrid,
    chunk_nbytes: usize,
    stored: &'a StoredChunks,
    found: Vec<(usize, ChunkLocation)>,
    is_sorted: bool,
}

impl Listing<'_> {
    /// Notes a chunk; one outside the array (left over from before it shrank) is dropped.
    pub fn add(&mut self, at: &[usize], address: u64, nbytes: u64, filter_mask: u32) -> Outcome<()> {
        let Some(number) = self.grid.number(at.iter().copied()) else { return Ok(()) };
        let unfiltered = self.stored.edges_unfiltered && self.grid.is_partial(at);
        let location = ChunkLocation {
            address: self.source.absolute(address)?,
            nbytes: if unfiltered { self.chunk_nbytes } else { nbytes as usize },
            filter_mask: if unfiltered { u32::MAX } else { filter_mask },
        };
        self.is_sorted &= self.found.last().is_none_or(|&(last, _)| last <= number);
        self.found.push((number, location));
        Ok(())
    }

    /// Reads an array's entry, and notes the chunk at the place `at` of the grid if it was written.
    pub fn add_entry(&mut self, cursor: &mut Cursor<'_>, entry: Entry, at: &[usize]) -> Outcome<()> {
        let address = cursor.address()?;
        let (nbytes, mask) = match entry {
            Entry::Plain => (self.chunk_nbytes as u64, 0),
            Entry::Filtered { size_nbytes } => (cursor.uint(size_nbytes)?, cursor.u32()?),
        };
        match address {
            Some(address) => self.add(at, address, nbytes, mask),
            None => Ok(()),
        }
    }

    fn read_btree_v1(&mut self, root: u64) -> Outcome<()> {
        let rank = self.grid.counts.len();
        let key_nbytes = 8 + 8 * (rank + 1);
        let source = self.source;
        let mut at = vec![0; rank];
        btree_v1::for_each_child(source, root, NodeKind::Chunk, key_nbytes, |key, address| {
            let mut cursor = source.cursor(WHAT, key);
            let nbytes = u64::from(cursor.u32()?);
            let mask = cursor.u32()?;
            for (at, &chunk) in at.iter_mut().zip(&self.grid.chunk) {
                let offset = cursor.uint(8)? as usize;
                if !offset.is_multiple_of(chunk) {
                    return Err(corrupt(
                        WHAT,
                        format!("a chunk begins at element {offset}, chunks have {chunk}"),
                    ));
                }
                *at = offset / chunk;
            }
            self.add(&at, address, nbytes, mask)
        })
    }

    fn read_btree_v2(&mut self, header: u64) -> Outcome<()> {
        let source = self.source;
        let rank = self.grid.counts.len();
        // The type of the records is the sixth byte; a filtered chunk's size takes what the record leaves.
        let record_type = source.read(WHAT, header, 6)?[5];
        let is_filtered = record_type == record::FILTERED_CHUNK;
        let expected = if is_filtered { record::FILTERED_CHUNK } else { record::CHUNK };
        let fixed_nbytes = source.offset_size + 8 * rank + if is_filtered { 4 } else { 0 };
        let mut at = vec![0; rank];
        btree_v2::for_each_record(source, header, expected, |bytes| {
            let mut cursor = source.cursor(WHAT, bytes);
            let address = cursor.defined_address()?;
            let (nbytes, mask) = if is_filtered {
                let size_nbytes = bytes.len().saturating_sub(fixed_nbytes);
                (cursor.uint(size_nbytes)?, cursor.u32()?)
            } else {
                (self.chunk_nbytes as u64, 0)
            };
            for at in &mut at {
                *at = cursor.uint(8)? as usize;
            }
            self.add(&at, address, nbytes, mask)
        })
    }
}

/// What one entry of a fixed or extensible array holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    /// An address.
    Plain,
    /// An address, the bytes as stored in a field of `size_nbytes`, and a filter mask.
    Filtered { size_nbytes: usize },
}

impl Entry {
    /// From the client number and the entry's size that an array's header states.
    pub fn new(what: &'static str, client: u8, nbytes: usize, offset_size: usize) -> Outcome<Self> {
        match (client, nbytes.checked_sub(offset_size)) {
            (0, Some(0)) => Ok(Self::Plain),
            (1, Some(rest @ 5..=12)) => Ok(Self::Filtered { size_nbytes: rest - 4 }),
            _ => Err(corrupt(what, format!("entries of {nbytes} bytes for client {client}"))),
        }
    }
}

/// Turns the number of an array's entry into coordinates of the chunk grid.
#[derive(Debug)]
pub(super) struct Numbering {
    /// Axes from the slowest to the fastest.
    axes: Vec<usize>,
    /// Chunks along each of these axes; that of the first does not matter.
    counts: Vec<usize>,
}

impl Numbering {
    /// By the largest shape, an unlimited axis being slowest wherever it stands.
    pub fn new(grid: &ChunkGrid) -> Outcome<Self> {
        let unlimited = grid.max_counts.iter().position(Option::is_none).unwrap_or(0);
        let others = (0..grid.counts.len()).filter(|&axis| axis != unlimited);
        let axes: Vec<usize> = std::iter::once(unlimited).chain(others).collect();
        let counts: Vec<usize> =
            axes.iter().map(|&axis| grid.max_counts[axis].unwrap_or(usize::MAX)).collect();
        if counts[1..].iter().any(|&count| count == usize::MAX || count == 0) {
            return Err(corrupt(
                WHAT,
                format!("an array of chunks cannot number a grid of {:?}", grid.max_counts),
            ));
        }
        Ok(Self { axes, counts })
    }

    /// Writes the coordinates of entry `number` to `at`.
    pub fn place(&self, number: u64, at: &mut [usize]) {
        let mut rest = number as usize;
        for (&axis, &count) in self.axes.iter().zip(&self.counts).skip(1).rev() {
            at[axis] = rest % count;
            rest /= count;
        }
        at[self.axes[0]] = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_by_the_last_axis_and_stop_at_the_edge() {
        let grid = ChunkGrid::new(&[5, 7], &[Some(5), None], &[2, 3]).unwrap();
        assert_eq!((grid.counts.as_slice(), grid.max_counts.as_slice()), (&[3, 3][..], &[Some(3), None][..]));
        assert_eq!(grid.number([1, 2]), Some(5));
        assert_eq!((grid.number([3, 0]), grid.number([0, 3]), grid.number([1])), (None, None, None));
        assert!(grid.is_partial(&[2, 0]) && grid.is_partial(&[0, 2]) && !grid.is_partial(&[1, 1]));
        assert_eq!(ChunkGrid::new(&[], &[], &[]).unwrap().number([]), Some(0));
        assert!(ChunkGrid::new(&[usize::MAX, 9], &[None, None], &[1, 1]).is_err());
    }

    #[test]
    fn the_unlimited_axis_is_numbered_slowest() {
        let grid = ChunkGrid::new(&[4, 5, 6], &[Some(4), None, Some(6)], &[1, 1, 1]).unwrap();
        let numbering = Numbering::new(&grid).unwrap();
        let mut at = [0; 3];
        numbering.place(2 * 24 + 3 * 6 + 5, &mut at);
        assert_eq!(at, [3, 2, 5]);
    }

    #[test]
    fn entries_are_plain_or_filtered() {
        assert_eq!(Entry::new("a", 0, 8, 8).unwrap(), Entry::Plain);
        assert_eq!(Entry::new("a", 1, 14, 8).unwrap(), Entry::Filtered { size_nbytes: 2 });
        for (client, nbytes) in [(0, 9), (1, 8), (1, 21), (2, 8), (0, 4)] {
            assert!(Entry::new("a", client, nbytes, 8).is_err(), "{client} {nbytes}");
        }
    }
}
