//! Weighted sums over neighbours along one axis.

mod kernel;

use self::kernel::{Lines, Number};
use crate::assemble::PadMode;
use crate::assemble::pieces::require_known;
use crate::elementwise::to_float;
use crate::prelude::*;
use crate::user::Boundary;

const NAME: &str = "correlate1d";

impl Array {
    /// The sum over neighbours along an axis, each times its weight: `weights[k]` is for the element `k - n / 2` places
    /// on, where `n` is the number of weights.
    ///
    /// - shape, chunks: as `self`; dtype: as `self` for floats and complex numbers, `float64` for integers (`float32`
    ///   up to 16 bits)
    /// - reads: the asked region and `n - 1` elements more along the axis
    ///
    /// Terms are added in the order of the weights, in the dtype of the result. A filter of several axes that is a
    /// product of filters of one axis each is this one after the other.
    ///
    /// Agrees with `scipy.ndimage.correlate1d` but for the dtype of integers, and for what is added up in `float64`
    /// there. With [`Boundary::None`], neighbours beyond the ends count as zero.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`]; if there are no weights; [`Error::UnknownLength`] for boolean selections;
    /// [`Error::DTypeUnsupported`] for dates and strings.
    ///
    /// # Examples
    /// ```
    /// # use brickwork_ops::{Array, user::Boundary};
    /// let x = Array::from_vec(vec![1.0, 2.0, 4.0], &[3])?;
    /// let smooth = x.correlate1d(&[0.25, 0.5, 0.25], 0, Boundary::Nearest)?;
    /// # use brickwork_core::Lazy;
    /// assert_eq!(brickwork_core::eval::evaluate(smooth.value())?.to_vec::<f64>(), [1.25, 2.25, 3.5]);
    /// # Ok::<(), brickwork_core::Error>(())
    /// ```
    pub fn correlate1d(&self, weights: &[f64], axis: isize, boundary: Boundary) -> Result<Array> {
        require_known(NAME, self)?;
        let axis = self.resolve_axis(NAME, axis)?;
        if weights.is_empty() {
            return Err(Error::argument(NAME, "there are no weights; give one or more"));
        }
        if !self.dtype().is_numeric() {
            let help = "cast to numbers first".into();
            return Err(Error::DTypeUnsupported { op: NAME.into(), dtype: self.dtype(), help });
        }
        let array = self.astype(to_float(self.dtype()))?;
        let op = Correlate { axis, weights: weights.to_vec(), chunks: self.chunks().clone() };
        let before = weights.len() / 2;
        let mut widths = vec![(0, 0); self.ndim()];
        widths[axis] = (before, weights.len() - 1 - before);
        let mode = boundary.pad_mode().unwrap_or(PadMode::Constant(Weak::Int(0)));
        let padded = if self.shape().contains(&0) { array } else { array.pad(&widths, mode)? };
        Array::apply(op, &[&padded])
    }
}

/// Of an input that is longer along the axis by the number of weights less one.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Correlate {
    axis: usize,
    weights: Vec<f64>,
    chunks: ChunkGrid,
}

#[typetag::serde(name = "brickwork_ops::Correlate")]
impl Operation for Correlate {
    fn name(&self) -> String {
        format!("{NAME}({} weights, axis {})", self.weights.len(), self.axis)
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        let shape = self.chunks.shape();
        let mut padded = shape.clone();
        if !shape.contains(&0)
            && let Some(len) = padded.get_mut(self.axis)
        {
            *len += self.weights.len() - 1;
        }
        let dtype = inputs[0].dtype;
        if inputs[0].shape != padded || !(dtype.is_float() || dtype.is_complex()) {
            let reason =
                format!("made for floats of shape {padded:?}, not {dtype} of shape {:?}", inputs[0].shape);
            return Err(Error::argument(NAME, reason));
        }
        Ok(vec![Meta::new(&shape, dtype, self.chunks.clone())])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Map(self)
    }

    fn cost(&self) -> f64 {
        self.weights.len() as f64
    }
}

impl Correlate {
    fn run<T: Number>(&self, block: &Block, at: &Region, out: &mut BlockMut) {
        let weights: Vec<T::Weight> = self.weights.iter().map(|&weight| T::weight(weight)).collect();
        let step = at.axes()[self.axis].step.unsigned_abs();
        Lines::new(block, self.axis, step, out.shape()).correlate::<T>(&weights, out.as_slice_mut::<T>());
    }
}

impl Map for Correlate {
    fn demand(&self, _inputs: &[Meta], out: &Region, _output: usize) -> Vec<Region> {
        let mut region = out.clone();
        let (low, high) = out.axes()[self.axis].bounds();
        let len = if high > low { high - low + self.weights.len() - 1 } else { 0 };
        *region.axis_mut(self.axis) = AxisRange::new(low, len);
        vec![region]
    }

    fn apply(
        &self,
        blocks: &[Block],
        inputs: &[Meta],
        at: &Region,
        _output: usize,
        out: &mut BlockMut,
    ) -> Result<()> {
        if at.is_empty() {
            return Ok(());
        }
        let dense;
        let block = if kernel::has_runs(&blocks[0]) {
            &blocks[0]
        } else {
            dense = blocks[0].to_dense(None);
            &dense
        };
        match inputs[0].dtype {
            DType::F32 => self.run::<f32>(block, at, out),
            DType::F64 => self.run::<f64>(block, at, out),
            DType::C64 => self.run::<Complex<f32>>(block, at, out),
            DType::C128 => self.run::<Complex<f64>>(block, at, out),
            dtype => return Err(Error::Bug { what: format!("{NAME} of {dtype}") }),
        }
        Ok(())
    }

    /// A dense copy of what is read, where that does not lie in runs.
    fn scratch(&self, inputs: &[Meta], out: &Region) -> usize {
        self.demand(inputs, out, 0)[0].size().saturating_mul(inputs[0].dtype.itemsize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assemble::check::{check, iota};

    fn expected(values: &[f64], weights: &[f64], beyond: impl Fn(isize) -> f64) -> Vec<f64> {
        let len = values.len() as isize;
        let at = |i: isize| if (0..len).contains(&i) { values[i as usize] } else { beyond(i) };
        let half = (weights.len() / 2) as isize;
        let sum = |i: isize| {
            let terms = weights.iter().enumerate().map(|(k, weight)| weight * at(i + k as isize - half));
            terms.reduce(|sum, term| sum + term).unwrap_or(0.0)
        };
        (0..len).map(sum).collect()
    }

    fn numbers(len: usize) -> Vec<f64> {
        (0..len).map(|i| ((i * 7919 + 13) % 101) as f64 * 0.37 - 20.0).collect()
    }

    #[test]
    fn every_number_of_weights_follows_the_definition() {
        let values = numbers(200);
        let x = Array::from_vec(values.clone(), &[200]).unwrap();
        for count in (1..=12).chain([25]) {
            let weights: Vec<f64> = (0..count).map(|k| 0.1 + 0.3 * k as f64).collect();
            let sums = x.correlate1d(&weights, 0, Boundary::Nearest).unwrap();
            let nearest = |i: isize| if i < 0 { values[0] } else { values[199] };
            check::<f64>(&sums, &[200], &expected(&values, &weights, nearest));
            let sums = x.correlate1d(&weights, 0, Boundary::None).unwrap();
            check::<f64>(&sums, &[200], &expected(&values, &weights, |_| 0.0));
        }
    }

    #[test]
    fn every_axis_of_a_cube_is_summed_along_its_lines() {
        let shape = [4, 5, 6];
        let values = numbers(120);
        let x = Array::from_vec(values.clone(), &shape).unwrap();
        let weights = [1.0, -2.0, 0.5];
        let stride = [30, 6, 1];
        for axis in 0..3 {
            let mut all = vec![0.0; 120];
            for first in (0..120).filter(|i| i / stride[axis] % shape[axis] == 0) {
                let line: Vec<f64> = (0..shape[axis]).map(|i| values[first + i * stride[axis]]).collect();
                let wrapped = |i: isize| line[i.rem_euclid(line.len() as isize) as usize];
                for (i, sum) in expected(&line, &weights, wrapped).into_iter().enumerate() {
                    all[first + i * stride[axis]] = sum;
                }
            }
            let sums = x.correlate1d(&weights, axis as isize, Boundary::Periodic).unwrap();
            check::<f64>(&sums, &shape, &all);
            // Transposed, so that what is read does not lie in runs; and with steps.
            let turned = x.t().correlate1d(&weights, 2 - axis as isize, Boundary::Periodic).unwrap();
            check::<f64>(&turned.t(), &shape, &all);
            let thinned = sums.slice(crate::s![..;2, 1..;2, ..;-3]).unwrap();
            let kept: Vec<f64> = [0, 2]
                .into_iter()
                .flat_map(|i| [1, 3].map(|j| [5, 2].map(|k| (i, j, k))).into_iter().flatten())
                .map(|(i, j, k)| all[i * 30 + j * 6 + k])
                .collect();
            check::<f64>(&thinned, &[2, 2, 2], &kept);
        }
    }

    #[test]
    fn dtypes_stay_or_become_floats() {
        let sums = |dtype| {
            let x = iota(&[3]).astype(dtype).unwrap();
            x.correlate1d(&[1.0, 1.0], 0, Boundary::Constant(5.into())).unwrap()
        };
        check::<f32>(&sums(DType::F32), &[3], &[5.0, 1.0, 3.0]);
        check::<f32>(&sums(DType::U8), &[3], &[5.0, 1.0, 3.0]);
        check::<f64>(&sums(DType::I64), &[3], &[5.0, 1.0, 3.0]);
        check::<Complex<f32>>(&sums(DType::C64), &[3], &[5.0, 1.0, 3.0].map(|re| Complex::new(re, 0.0)));
        let error = iota(&[3]).correlate1d(&[], 0, Boundary::Nearest).unwrap_err().to_string();
        assert!(error.contains("no weights"), "{error}");
        let empty = iota(&[0, 3]).correlate1d(&[1.0; 3], 0, Boundary::Nearest).unwrap();
        check::<f64>(&empty, &[0, 3], &[]);
    }
}
