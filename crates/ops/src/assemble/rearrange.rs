//! The view that this folder needs: axes kept, cut, added and left out.

use crate::prelude::*;

/// What an axis of the result is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum OutAxis {
    /// An axis of the input.
    Keep(usize),
    /// Part of an axis of the input.
    Part { axis: usize, range: AxisRange },
    /// A new one, along which the input is repeated, cut into chunks of `chunk`.
    New { len: usize, chunk: usize },
}

/// The input under these axes; axes of the input that are not among them are fixed at an index.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Rearrange {
    /// The function it was made for.
    pub of: String,
    pub axes: Vec<OutAxis>,
    /// Axis and index.
    pub fixed: Vec<(usize, usize)>,
}

impl Rearrange {
    /// New axes of length 1 and axes of length 1 left out.
    pub fn units(of: &str, axes: Vec<OutAxis>, dropped: impl IntoIterator<Item = usize>) -> Self {
        Rearrange { of: of.into(), axes, fixed: dropped.into_iter().map(|axis| (axis, 0)).collect() }
    }
}

impl OutAxis {
    pub fn unit() -> Self {
        OutAxis::New { len: 1, chunk: 1 }
    }

    /// The input's axis that it shows.
    fn of(&self) -> Option<usize> {
        match self {
            OutAxis::Keep(axis) | OutAxis::Part { axis, .. } => Some(*axis),
            OutAxis::New { .. } => None,
        }
    }
}

#[typetag::serde(name = "brickwork_ops::Rearrange")]
impl Operation for Rearrange {
    fn name(&self) -> String {
        self.of.clone()
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        let input = &inputs[0];
        let mut named: Vec<usize> = self.axes.iter().filter_map(OutAxis::of).collect();
        named.extend(self.fixed.iter().map(|&(axis, _)| axis));
        named.sort_unstable();
        if !named.iter().copied().eq(0..input.ndim()) {
            let reason =
                format!("axes {named:?} are named for an array of {} axes; name each once", input.ndim());
            return Err(Error::argument(&self.of, reason));
        }
        for &(axis, index) in &self.fixed {
            let len = input.shape[axis];
            if index >= len {
                return Err(Error::IndexOutOfRange { op: self.of.clone(), index: index as i128, axis, len });
            }
        }
        let mut chunks = Vec::with_capacity(self.axes.len());
        for axis in &self.axes {
            chunks.push(match axis {
                OutAxis::Keep(axis) => input.chunks.axes()[*axis].clone(),
                OutAxis::Part { axis, range } => {
                    let len = input.shape[*axis];
                    if range.bounds().1 > len {
                        let index = range.bounds().1 as i128 - 1;
                        return Err(Error::IndexOutOfRange { op: self.of.clone(), index, axis: *axis, len });
                    }
                    input.chunks.axes()[*axis].sliced(range.start, range.len, range.step)
                }
                OutAxis::New { len, chunk } => AxisChunks::regular(*len, *chunk),
            });
        }
        let chunks = ChunkGrid::new(chunks);
        Ok(vec![Meta::new(&chunks.shape(), input.dtype, chunks)])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::View(self)
    }

    fn cost(&self) -> f64 {
        0.0
    }
}

impl View for Rearrange {
    fn maps(&self, input: &Meta, _out: &Meta) -> Vec<AxisMap> {
        let mut maps = vec![AxisMap::Fixed(0); input.ndim()];
        for (out_axis, axis) in self.axes.iter().enumerate() {
            match axis {
                OutAxis::Keep(axis) => maps[*axis] = AxisMap::along(out_axis),
                OutAxis::Part { axis, range } => {
                    maps[*axis] = AxisMap::strided(out_axis, range.start, range.step);
                }
                OutAxis::New { .. } => {}
            }
        }
        for &(axis, index) in &self.fixed {
            maps[axis] = AxisMap::Fixed(index);
        }
        maps
    }
}
