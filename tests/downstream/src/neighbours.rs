//! A function of a neighbourhood: says which region of its input a region of its output needs.

use brickwork_ops::prelude::*;

/// The largest of every element and the `reach` elements to either side along the last axis. At the ends there are
/// fewer.
///
/// # Errors
/// If the array has no axis, or is not `float64`.
pub fn largest_neighbour(x: &Array, reach: usize) -> Result<Array> {
    Array::apply(LargestNeighbour { reach }, &[x])
}

const NAME: &str = "largest_neighbour";

#[derive(Debug, Clone, Serialize, Deserialize)]
struct LargestNeighbour {
    reach: usize,
}

#[typetag::serde(name = "brickwork_downstream::LargestNeighbour")]
impl Operation for LargestNeighbour {
    fn name(&self) -> String {
        NAME.into()
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        let [x] = inputs else {
            return Err(Error::argument(NAME, format!("{} inputs were given; it takes 1", inputs.len())));
        };
        if x.dtype != DType::F64 {
            let help = "cast to float64 first".into();
            return Err(Error::DTypeUnsupported { op: NAME.into(), dtype: x.dtype, help });
        }
        if x.ndim() == 0 {
            return Err(Error::argument(
                NAME,
                "an array without axes has no neighbours; give one axis or more",
            ));
        }
        Ok(vec![x.clone()])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Map(self)
    }
}

impl LargestNeighbour {
    /// The range of the input that a range of the output needs.
    fn near(&self, range: &AxisRange, len: usize) -> AxisRange {
        let (low, high) = range.bounds();
        let start = low.saturating_sub(self.reach);
        AxisRange::new(start, high.saturating_add(self.reach).min(len) - start)
    }
}

impl Map for LargestNeighbour {
    fn demand(&self, inputs: &[Meta], out: &Region, _output: usize) -> Vec<Region> {
        let mut needed = out.clone();
        let last = out.ndim() - 1;
        if !out.is_empty() {
            *needed.axis_mut(last) = self.near(&out.axes()[last], inputs[0].shape[last]);
        }
        vec![needed]
    }

    fn apply(
        &self,
        blocks: &[Block],
        inputs: &[Meta],
        at: &Region,
        _output: usize,
        out: &mut BlockMut,
    ) -> Result<()> {
        let range = at.axes()[at.ndim() - 1];
        let near = self.near(&range, inputs[0].shape[at.ndim() - 1]);
        let values = blocks[0].to_vec::<f64>();
        for (line, out) in
            values.chunks_exact(near.len).zip(out.as_slice_mut::<f64>().chunks_exact_mut(range.len))
        {
            for (i, out) in out.iter_mut().enumerate() {
                let centre = range.get(i) - near.start;
                let window = centre.saturating_sub(self.reach)..(centre + self.reach + 1).min(line.len());
                *out = line[window].iter().copied().fold(f64::NEG_INFINITY, f64::max);
            }
        }
        Ok(())
    }
}
