//! Running sums.
//!
//! An axis is divided into segments of fixed length. Element `i` is the sum of all earlier segments plus the running
//! sum inside its own segment, both added from the start: the same bits however the work is cut. A task that walks
//! lines in order carries both sums along ([`RunningSum`]). Where the planner wants the segments not to wait for each
//! other, there are three steps: the segments' sums ([`SegmentSums`]), their running sums ([`SegmentOffsets`]), and the
//! elements ([`SegmentScan`]).

mod kernel;

use crate::array::resolve_axis;
use crate::prelude::*;
use kernel::{running_sum, segment_offsets, segment_scan, segment_sums};

/// Elements of a segment.
const SEGMENT: usize = 1024;

impl Array {
    /// The sums of the elements up to each one along an axis; without an axis, of all elements in C order.
    ///
    /// - shape: as `self`, or one axis of all elements; dtype: that given, or that of `self`, but `int64` (`uint64`) for
    ///   narrower (unsigned) integers and bool
    /// - reads: the elements once, where there are lines enough for all threads and what follows takes them in order;
    ///   else twice, the first time for the sums of segments
    ///
    /// Agrees with `numpy.cumsum`; floating-point sums are grouped in segments of 1024 elements.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`]; [`Error::DTypeUnsupported`] for dates and strings.
    ///
    /// ```
    /// use brickwork_ops::Array;
    /// let x = Array::from_vec(vec![1i32, 2, 3], &[3])?;
    /// assert_eq!(x.cumsum(Some(0), None)?.dtype(), brickwork_core::DType::I64);
    /// # Ok::<(), brickwork_core::Error>(())
    /// ```
    pub fn cumsum(&self, axis: Option<isize>, dtype: Option<DType>) -> Result<Array> {
        let dtype = match (dtype, self.dtype().kind()) {
            (Some(dtype), _) => dtype,
            (None, DTypeKind::Bool | DTypeKind::Signed) => DType::I64,
            (None, DTypeKind::Unsigned) => DType::U64,
            (None, _) => self.dtype(),
        };
        if !dtype.is_numeric() || !self.dtype().is_numeric() {
            let help = "use a numeric dtype".into();
            return Err(Error::DTypeUnsupported { op: "cumsum".into(), dtype: self.dtype(), help });
        }
        let (input, axis) = match axis {
            // NumPy sees a 0-d array as one of a single element.
            Some(axis) if self.ndim() == 0 => (self.atleast_1d()?, resolve_axis("cumsum", axis, 1)?),
            Some(axis) => (self.clone(), self.resolve_axis("cumsum", axis)?),
            None if self.ndim() == 1 => (self.clone(), 0),
            None if self.ndim() == 0 => (self.atleast_1d()?, 0),
            None => (self.reshape(&[-1])?, 0),
        };
        let input = input.astype(dtype)?;
        Array::apply(RunningSum { axis }, &[&input])
    }
}

/// Running sums, with what a line has come to carried from region to region.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct RunningSum {
    axis: usize,
}

#[typetag::serde(name = "brickwork_ops::RunningSum")]
impl Operation for RunningSum {
    fn name(&self) -> String {
        format!("cumsum along axis {}", self.axis)
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        Ok(vec![inputs[0].clone()])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Scan(self)
    }
}

impl Scan for RunningSum {
    fn axis(&self) -> usize {
        self.axis
    }

    /// The sum of the segments that are finished, and that of the one that is not.
    fn state(&self, inputs: &[Meta]) -> Vec<DType> {
        vec![inputs[0].dtype; 2]
    }

    fn advance(
        &self,
        state: Option<&[Block]>,
        block: &Block,
        from: usize,
        at: &Region,
        out: &mut BlockMut,
    ) -> Result<Vec<Block>> {
        with_element!(block.dtype(), T => {
            running_sum::<T>(state, block, from, self.axis, at, out)
        }, else Err(not_numeric(block.dtype())))
    }

    fn steps(&self, input: &Value) -> Result<Value> {
        let axis = self.axis;
        let sums = Value::new(Node::new(SegmentSums { axis }, vec![input.clone()])?);
        let offsets = Value::new(Node::new(SegmentOffsets { axis }, vec![sums])?);
        Ok(Value::new(Node::new(SegmentScan { axis }, vec![input.clone(), offsets])?))
    }
}

/// The sum of every segment.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct SegmentSums {
    axis: usize,
}

#[typetag::serde(name = "brickwork_ops::SegmentSums")]
impl Operation for SegmentSums {
    fn name(&self) -> String {
        format!("sums of segments of axis {}", self.axis)
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        let input = &inputs[0];
        let mut chunks = input.chunks.axes().to_vec();
        let count = input.shape[self.axis].div_ceil(SEGMENT);
        chunks[self.axis] = AxisChunks::regular(count, chunks[self.axis].max_chunk() / SEGMENT);
        let chunks = ChunkGrid::new(chunks);
        Ok(vec![Meta::new(&chunks.shape(), input.dtype, chunks)])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Map(self)
    }
}

impl Map for SegmentSums {
    fn demand(&self, inputs: &[Meta], out: &Region, _output: usize) -> Vec<Region> {
        let len = inputs[0].shape[self.axis];
        vec![along_axis(out, self.axis, AxisMap::Segment { out_axis: self.axis, length: SEGMENT }, len)]
    }

    fn apply(
        &self,
        blocks: &[Block],
        inputs: &[Meta],
        at: &Region,
        _output: usize,
        out: &mut BlockMut,
    ) -> Result<()> {
        with_element!(inputs[0].dtype, T => {
            segment_sums::<T>(&blocks[0], self.axis, at, out)
        }, else Err(not_numeric(inputs[0].dtype)))
    }

    fn scratch(&self, inputs: &[Meta], out: &Region) -> usize {
        Map::demand(self, inputs, out, 0)[0].size() * inputs[0].dtype.itemsize()
    }
}

/// The sum of all segments before each one; zero before the first.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct SegmentOffsets {
    axis: usize,
}

#[typetag::serde(name = "brickwork_ops::SegmentOffsets")]
impl Operation for SegmentOffsets {
    fn name(&self) -> String {
        format!("offsets of segments of axis {}", self.axis)
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        Ok(vec![inputs[0].clone()])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Map(self)
    }
}

impl Map for SegmentOffsets {
    fn demand(&self, inputs: &[Meta], out: &Region, _output: usize) -> Vec<Region> {
        vec![along_axis(out, self.axis, AxisMap::Whole, inputs[0].shape[self.axis])]
    }

    fn apply(
        &self,
        blocks: &[Block],
        inputs: &[Meta],
        at: &Region,
        _output: usize,
        out: &mut BlockMut,
    ) -> Result<()> {
        with_element!(inputs[0].dtype, T => {
            segment_offsets::<T>(&blocks[0], self.axis, at, out)
        }, else Err(not_numeric(inputs[0].dtype)))
    }

    fn is_held(&self) -> bool {
        true
    }

    fn scratch(&self, inputs: &[Meta], out: &Region) -> usize {
        Map::demand(self, inputs, out, 0)[0].size() * inputs[0].dtype.itemsize()
    }
}

/// Running sums of segments, from their offsets on. Inputs: elements, offsets.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct SegmentScan {
    axis: usize,
}

#[typetag::serde(name = "brickwork_ops::SegmentScan")]
impl Operation for SegmentScan {
    fn name(&self) -> String {
        format!("cumsum along axis {}", self.axis)
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        Ok(vec![inputs[0].clone()])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Map(self)
    }
}

impl Map for SegmentScan {
    fn demand(&self, inputs: &[Meta], out: &Region, _output: usize) -> Vec<Region> {
        let up_to = AxisMap::UpTo { out_axis: self.axis, length: SEGMENT };
        let segment_of = AxisMap::SegmentOf { out_axis: self.axis, length: SEGMENT };
        vec![
            along_axis(out, self.axis, up_to, inputs[0].shape[self.axis]),
            along_axis(out, self.axis, segment_of, inputs[1].shape[self.axis]),
        ]
    }

    fn apply(
        &self,
        blocks: &[Block],
        inputs: &[Meta],
        at: &Region,
        _output: usize,
        out: &mut BlockMut,
    ) -> Result<()> {
        with_element!(inputs[0].dtype, T => {
            segment_scan::<T>(&blocks[0], &blocks[1], self.axis, at, out)
        }, else Err(not_numeric(inputs[0].dtype)))
    }

    fn scratch(&self, inputs: &[Meta], out: &Region) -> usize {
        let demand = Map::demand(self, inputs, out, 0);
        (demand[0].size() + demand[1].size()) * inputs[0].dtype.itemsize()
    }
}

/// The demand of a region on an input whose axes are those of the output, but for one.
fn along_axis(out: &Region, axis: usize, map: AxisMap, len: usize) -> Region {
    let mut region = out.clone();
    *region.axis_mut(axis) = map.demand(out, len);
    region
}

fn not_numeric(dtype: DType) -> Error {
    Error::Bug { what: format!("cumsum of dtype {dtype}") }
}

#[cfg(test)]
mod tests {
    use brickwork_core::Lazy;

    use super::*;
    use crate::index::checks::{check, check_regions, iota, values};
    use crate::random::default_rng;

    /// Sums along the middle axis, as the file's first lines say.
    fn reference(x: &[f64], [outer, len, inner]: [usize; 3]) -> Vec<f64> {
        let mut expected = vec![0.0; x.len()];
        for (i, j) in (0..outer).flat_map(|i| (0..inner).map(move |j| (i, j))) {
            let (mut before, mut local) = (None, -0.0);
            for k in 0..len {
                let value = x[(i * len + k) * inner + j];
                if k % SEGMENT == 0 {
                    if k > 0 {
                        before = Some(before.map_or(local, |before: f64| before + local));
                    }
                    local = value;
                } else {
                    local += value;
                }
                expected[(i * len + k) * inner + j] = before.map_or(local, |before| before + local);
            }
        }
        expected
    }

    #[test]
    fn sums_run_along_any_axis() {
        check(&iota(&[2, 3]).cumsum(Some(1), None).unwrap(), &[2, 3], &[0i64, 1, 3, 3, 7, 12]);
        check(&iota(&[2, 3]).cumsum(Some(-2), None).unwrap(), &[2, 3], &[0i64, 1, 2, 3, 5, 7]);
        check(&iota(&[2, 2]).cumsum(None, None).unwrap(), &[4], &[0i64, 1, 3, 6]);
        check(&iota(&[]).cumsum(None, None).unwrap(), &[1], &[0i64]);
        check::<i64>(&iota(&[0, 3]).cumsum(Some(0), None).unwrap(), &[0, 3], &[]);
        check::<i64>(&iota(&[3, 0]).cumsum(Some(0), None).unwrap(), &[3, 0], &[]);
        assert!(iota(&[2]).cumsum(Some(1), None).is_err());
    }

    #[test]
    fn dtypes_are_those_of_a_sum() {
        let of = |dtype| iota(&[3]).astype(dtype).unwrap().cumsum(Some(0), None).unwrap().dtype();
        assert_eq!(of(DType::Bool), DType::I64);
        assert_eq!(of(DType::I8), DType::I64);
        assert_eq!(of(DType::U16), DType::U64);
        assert_eq!(of(DType::F32), DType::F32);
        assert_eq!(of(DType::C64), DType::C64);
        let wrapped =
            Array::from_vec(vec![200i64, 100], &[2]).unwrap().cumsum(Some(0), Some(DType::U8)).unwrap();
        check(&wrapped, &[2], &[200u8, 44]);
        let or = Array::from_vec(vec![0i64, 2, 0], &[3]).unwrap().cumsum(Some(0), Some(DType::Bool)).unwrap();
        check(&or, &[3], &[false, true, true].map(Bool8::from));
        let zero = values::<f64>(&Array::from_vec(vec![-0.0], &[1]).unwrap().cumsum(Some(0), None).unwrap());
        assert!(zero[0].is_sign_negative());
    }

    #[test]
    fn every_way_of_scanning_gives_the_same_bits() {
        for shape in [[1, 7000, 1], [2, 2500, 3], [3, 1024, 2], [2, 1, 4], [1, 2049, 1]] {
            let x = default_rng(Some(5)).normal(1.0, 3.0, &shape, 700).unwrap();
            let expected = reference(&values::<f64>(&x), shape);
            let scanned = x.cumsum(Some(1), None).unwrap();
            let in_steps = Array::new(RunningSum { axis: 1 }.steps(x.value()).unwrap());
            for array in [&scanned, &in_steps] {
                assert_eq!(values::<f64>(array), expected);
                check_regions::<f64>(array);
            }
        }
    }

    /// Goes along the lines in parts of some length, as tasks do.
    fn in_parts(x: &Array, len: usize) -> Vec<f64> {
        let block = x.value().clone();
        let whole = brickwork_core::eval::evaluate(&block).unwrap();
        let shape = whole.shape().to_vec();
        let mut out = BlockMut::zeroed(DType::F64, &shape);
        let (mut from, mut state) = (0, None);
        while from < shape[1] {
            let mut at = Region::full(&shape);
            *at.axis_mut(1) = AxisRange::new(from, len.min(shape[1] - from));
            let mut part = BlockMut::zeroed(DType::F64, &at.shape());
            let input = whole.slice(&at);
            state =
                Some(RunningSum { axis: 1 }.advance(state.as_deref(), &input, from, &at, &mut part).unwrap());
            out.slice_mut(&at).assign(&part.freeze());
            from += len;
        }
        out.freeze().to_vec()
    }

    #[test]
    fn the_parts_in_which_lines_are_gone_along_do_not_matter() {
        for shape in [[1, 7000, 1], [2, 2500, 3], [1, 2049, 1]] {
            let x = default_rng(Some(6)).normal(1.0, 3.0, &shape, 700).unwrap();
            let expected = reference(&values::<f64>(&x), shape);
            for len in [1, 7, 1023, 1024, 1500] {
                assert_eq!(in_parts(&x, len), expected, "{shape:?} in parts of {len}");
            }
        }
    }

    #[test]
    fn long_axes_are_scanned_in_segments() {
        let x = iota(&[70_536]);
        let y = x.cumsum(Some(0), None).unwrap();
        let expected: Vec<i64> = (0..70_536).map(|i| i * (i + 1) / 2).collect();
        assert_eq!(values::<i64>(&y), expected);
        let part = y.slice(crate::s![70_000..;-1000]).unwrap();
        assert_eq!(values::<i64>(&part)[..2], [expected[70_000], expected[69_000]]);
    }
}
