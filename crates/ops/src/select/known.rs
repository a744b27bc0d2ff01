//! The selected elements, once it is known how many every segment has.

use bytemuck::{cast_slice, cast_slice_mut};

use super::segments::{Segments, bytes_of, within};
use crate::prelude::*;

/// Where at least one in this many elements is selected, whole segments are read and compressed; where fewer are, the
/// selected runs are read one by one.
const DENSE: u64 = 16;

/// What is known of `len` selected elements. Inputs: array, mask, offsets.
pub(super) fn meta(inputs: &[Meta], len: usize) -> Meta {
    let (array, mask) = (&inputs[0], &inputs[1]);
    let (leading, trailing) = array.chunks.axes().split_at(mask.ndim());
    let chunk = leading.iter().map(|axis| axis.max_chunk().max(1)).fold(1, usize::saturating_mul);
    let mut axes = vec![AxisChunks::regular(len, chunk)];
    axes.extend_from_slice(trailing);
    let chunks = ChunkGrid::new(axes);
    Meta::new(&chunks.shape(), array.dtype, chunks)
}

/// The selected elements. Inputs: array, mask, offsets.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Selected {
    /// The number of trues before every segment, and in all.
    offsets: Vec<u64>,
    is_dense: bool,
}

/// A part of the result: which segments it lies in.
struct Part {
    segments: Segments,
    low: usize,
    high: usize,
}

impl Selected {
    /// From the offsets of the segments, for a mask of this many elements.
    pub(super) fn new(offsets: Vec<u64>, size: usize) -> Self {
        let len = offsets.last().copied().unwrap_or(0);
        let is_dense = len.saturating_mul(DENSE) >= size as u64;
        Selected { offsets, is_dense }
    }

    fn len(&self) -> usize {
        self.offsets.last().copied().unwrap_or(0) as usize
    }

    fn part(&self, inputs: &[Meta], out: &Region) -> Part {
        let (first, end) = out.axes()[0].bounds();
        let segments = Segments::of(&inputs[1].shape);
        if first == end {
            return Part { segments, low: 0, high: 0 };
        }
        // The last segment that begins at or before an element holds it: those before it may be empty.
        let holds = |element: usize| self.offsets.partition_point(|&offset| offset <= element as u64) - 1;
        Part { segments, low: holds(first), high: holds(end - 1) + 1 }
    }
}

#[typetag::serde(name = "brickwork_ops::Selected")]
impl Operation for Selected {
    fn name(&self) -> String {
        format!("select {} elements", self.len())
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        Ok(vec![meta(inputs, self.len())])
    }

    fn kind(&self) -> Kind<'_> {
        if self.is_dense { Kind::Map(self) } else { Kind::Assemble(self) }
    }
}

impl Map for Selected {
    fn demand(&self, inputs: &[Meta], out: &Region, _output: usize) -> Vec<Region> {
        let part = self.part(inputs, out);
        let mask = part.segments.hull(part.low, part.high);
        let array = with_trailing(&mask, out);
        vec![array, mask, Region::new(vec![AxisRange::new(0, 0)])]
    }

    fn apply(
        &self,
        blocks: &[Block],
        inputs: &[Meta],
        at: &Region,
        _output: usize,
        out: &mut BlockMut,
    ) -> Result<()> {
        let part = self.part(inputs, at);
        let hull = part.segments.hull(part.low, part.high);
        let unit = at.axes()[1..].iter().map(|axis| axis.len).product::<usize>() * inputs[0].dtype.itemsize();
        let mut rank = self.offsets[part.low] as usize;
        for region in part.segments.boxes(part.low, part.high) {
            let place = within(&hull, &region);
            let mask = blocks[1].slice(&place).to_dense(None);
            let mut axes = place.axes().to_vec();
            axes.extend(at.axes()[1..].iter().map(|axis| AxisRange::new(0, axis.len)));
            let values = blocks[0].slice(&Region::new(axes)).to_dense(None);
            let (mask, values) = (bytes_of(&mask)?, bytes_of(&values)?);
            let one = if unit == inputs[0].dtype.itemsize() { unit } else { 0 };
            rank = match one {
                1 => compress::<u8>(
                    mask,
                    cast_slice(values),
                    rank,
                    &at.axes()[0],
                    cast_slice_mut(out.bytes_mut()),
                ),
                2 => compress::<u16>(
                    mask,
                    cast_slice(values),
                    rank,
                    &at.axes()[0],
                    cast_slice_mut(out.bytes_mut()),
                ),
                4 => compress::<u32>(
                    mask,
                    cast_slice(values),
                    rank,
                    &at.axes()[0],
                    cast_slice_mut(out.bytes_mut()),
                ),
                8 => compress::<u64>(
                    mask,
                    cast_slice(values),
                    rank,
                    &at.axes()[0],
                    cast_slice_mut(out.bytes_mut()),
                ),
                _ => compress_bytes(mask, values, unit, rank, &at.axes()[0], out.bytes_mut()),
            };
        }
        Ok(())
    }

    fn scratch(&self, inputs: &[Meta], out: &Region) -> usize {
        let demand = Map::demand(self, inputs, out, 0);
        demand[0].size() * inputs[0].dtype.itemsize() + demand[1].size()
    }
}

impl Assemble for Selected {
    fn index_demand(&self, inputs: &[Meta], out: &Region) -> Vec<(usize, Region)> {
        let part = self.part(inputs, out);
        part.segments.boxes(part.low, part.high).into_iter().map(|region| (1, region)).collect()
    }

    fn pieces(
        &self,
        inputs: &[Meta],
        out: &Region,
        indices: &[Block],
        visit: &mut dyn FnMut(Piece),
    ) -> Result<()> {
        let part = self.part(inputs, out);
        let asked = out.axes()[0];
        let rising = asked.ascending();
        let mut rank = self.offsets.get(part.low).copied().unwrap_or(0) as usize;
        for (region, mask) in part.segments.boxes(part.low, part.high).iter().zip(indices) {
            let mask = mask.to_dense(None);
            each_run(region, bytes_of(&mask)?, &mut |leading, start, len| {
                let (first, count) = rising.positions_between(rank, rank + len);
                if count > 0 {
                    let column = AxisRange::stepped(start + (rising.get(first) - rank), count, rising.step);
                    let mut axes: Vec<AxisRange> =
                        leading.iter().map(|&index| AxisRange::at(index)).collect();
                    axes.push(column);
                    let from = with_trailing(&Region::new(axes), out);
                    let place = if asked.step < 0 {
                        AxisRange::stepped(asked.len - 1 - first, count, -1)
                    } else {
                        AxisRange::new(first, count)
                    };
                    let mut places = vec![place];
                    places.extend(out.axes()[1..].iter().map(|axis| AxisRange::new(0, axis.len)));
                    visit(Piece { from: PieceFrom::Input(0, from), place: Region::new(places) });
                }
                rank += len;
            });
        }
        Ok(())
    }

    fn is_indirect(&self) -> bool {
        true
    }
}

/// A box of the mask, and what is asked along the axes that it lacks.
fn with_trailing(mask: &Region, out: &Region) -> Region {
    Region::from_iter(mask.axes().iter().chain(&out.axes()[1..]).copied())
}

/// Calls `run` for every run of trues in a box of the mask, in C order: with the indexes of the leading axes, and start
/// and length along the last.
fn each_run(region: &Region, mask: &[u8], run: &mut dyn FnMut(&[usize], usize, usize)) {
    let Some((last, leading)) = region.axes().split_last() else { return };
    if region.is_empty() {
        return;
    }
    let mut index: Vec<usize> = leading.iter().map(|range| range.start).collect();
    for line in mask.chunks_exact(last.len) {
        let mut at = 0;
        while let Some(ahead) = line[at..].iter().position(|&value| value != 0) {
            let start = at + ahead;
            let len = line[start..].iter().position(|&value| value == 0).unwrap_or(line.len() - start);
            run(&index, last.start + start, len);
            at = start + len;
        }
        for axis in (0..leading.len()).rev() {
            index[axis] += 1;
            if index[axis] < leading[axis].start + leading[axis].len {
                break;
            }
            index[axis] = leading[axis].start;
        }
    }
}

/// Writes the selected values whose ranks are asked for. The first true has rank `rank`; returns the rank of the next
/// one after all.
fn compress<T: Copy>(mask: &[u8], values: &[T], mut rank: usize, asked: &AxisRange, out: &mut [T]) -> usize {
    if asked.step != 1 {
        for (&value, _) in values.iter().zip(mask).filter(|(_, selected)| **selected != 0) {
            if let Some(position) = asked.position(rank) {
                out[position] = value;
            }
            rank += 1;
        }
        return rank;
    }
    let end = asked.start + asked.len;
    for (&value, &selected) in values.iter().zip(mask) {
        let is_asked = rank >= asked.start && rank < end;
        if is_asked {
            // Written even if not selected, and then overwritten by the next: cheaper than a branch that is a guess.
            out[rank - asked.start] = value;
        }
        rank += usize::from(selected != 0);
    }
    rank
}

/// [`compress`] for values of `unit` bytes.
fn compress_bytes(
    mask: &[u8],
    values: &[u8],
    unit: usize,
    mut rank: usize,
    asked: &AxisRange,
    out: &mut [u8],
) -> usize {
    for (value, _) in values.chunks_exact(unit).zip(mask).filter(|(_, selected)| **selected != 0) {
        if let Some(position) = asked.position(rank) {
            out[position * unit..(position + 1) * unit].copy_from_slice(value);
        }
        rank += 1;
    }
    rank
}
