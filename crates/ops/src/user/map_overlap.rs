//! A user's function of neighbourhoods.

use std::sync::Arc;

use ndarray::{ArrayD, ArrayViewD};

use super::closure::{COST, Closure, require_dtype, to_block};
use crate::assemble::PadMode;
use crate::assemble::pieces::require_known;
use crate::prelude::*;

type OverlapFn = dyn Fn(&Block) -> Block + Send + Sync;

const NAME: &str = "map_overlap";

/// What stands beyond the ends of an axis for [`Array::map_overlap`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Boundary {
    /// The elements mirrored behind the outermost one: `2 1 | 1 2 3 | 3 2` (NumPy's `symmetric`).
    Reflect,
    /// The elements from the other end: `2 3 | 1 2 3 | 1 2` (NumPy's `wrap`).
    Periodic,
    /// The outermost element (NumPy's `edge`).
    Nearest,
    /// This number.
    Constant(Weak),
    /// Nothing: at the ends the function is given less.
    None,
}

impl Boundary {
    pub(crate) fn pad_mode(self) -> Option<PadMode> {
        match self {
            Boundary::Reflect => Some(PadMode::Symmetric),
            Boundary::Periodic => Some(PadMode::Wrap),
            Boundary::Nearest => Some(PadMode::Edge),
            Boundary::Constant(value) => Some(PadMode::Constant(value)),
            Boundary::None => None,
        }
    }
}

impl Array {
    /// Applies `function` to blocks with their surroundings: `depth[i]` elements more at both ends of axis `i`. The
    /// function returns as many elements as it is given, of which the surroundings are cut off, or those inside only.
    /// One depth or one boundary stands for all axes.
    ///
    /// - shape, chunks: as `self`; dtype: that of `U`
    /// - reads: the asked region and its surroundings
    ///
    /// An element of the result must depend on elements at most `depth` away, and on nothing else: blocks are cut as
    /// suits the machine, not along chunks. The function lives in this process; other processes refuse it.
    ///
    /// Agrees with `dask.array.map_overlap`, but for a depth greater than the array, which is allowed.
    ///
    /// # Errors
    /// If there are not as many depths or boundaries as axes, the dtype of `self` is not that of `T`, or a length is
    /// unknown. While running, if the function returns a shape that fits neither the block nor its inside.
    ///
    /// # Examples
    /// ```
    /// # use brickwork_ops::{Array, user::Boundary};
    /// let x = Array::from_vec(vec![1.0, 2.0, 4.0], &[3])?;
    /// let smooth = x.map_overlap(&[1], &[Boundary::Nearest], |block: ndarray::ArrayViewD<'_, f64>| {
    ///     let sums: Vec<f64> = block.windows(ndarray::IxDyn(&[3])).into_iter().map(|w| w.sum()).collect();
    ///     ndarray::Array1::from(sums).into_dyn()
    /// })?;
    /// assert_eq!(smooth.shape(), [3]);
    /// # Ok::<(), brickwork_core::Error>(())
    /// ```
    pub fn map_overlap<T, U, F>(&self, depth: &[usize], boundary: &[Boundary], function: F) -> Result<Array>
    where
        T: Element,
        U: Element,
        F: Fn(ArrayViewD<'_, T>) -> ArrayD<U> + Send + Sync + 'static,
    {
        require_dtype::<T>(NAME, self)?;
        require_known(NAME, self)?;
        let depth = for_every_axis("depths", depth, self.ndim())?;
        let boundary = for_every_axis("boundaries", boundary, self.ndim())?;
        let mut padded = self.clone();
        for axis in 0..self.ndim() {
            if let Some(mode) = boundary[axis].pad_mode()
                && depth[axis] > 0
                && !self.shape().contains(&0)
            {
                let mut widths = vec![(0, 0); self.ndim()];
                widths[axis] = (depth[axis], depth[axis]);
                padded = padded.pad(&widths, mode)?;
            }
        }
        let apply = move |block: &Block| to_block(function(block.view::<T>()));
        let function: Arc<OverlapFn> = Arc::new(apply);
        let op = Stencil {
            dtype: U::DTYPE,
            chunks: self.chunks().clone(),
            depth,
            is_cut: boundary.iter().map(|boundary| boundary.pad_mode().is_none()).collect(),
            function: Closure::new::<F>(function),
        };
        Array::apply(op, &[&padded])
    }
}

fn for_every_axis<T: Copy>(what: &str, given: &[T], ndim: usize) -> Result<Vec<T>> {
    match given {
        [one] => Ok(vec![*one; ndim]),
        _ if given.len() == ndim => Ok(given.to_vec()),
        _ => {
            let reason = format!("{} {what} for {ndim} axes; give one, or one for every axis", given.len());
            Err(Error::argument(NAME, reason))
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stencil {
    dtype: DType,
    chunks: ChunkGrid,
    /// Elements needed on either side, for every axis.
    depth: Vec<usize>,
    /// For every axis whether the surroundings end with the array. Elsewhere the input is longer by the depth at both
    /// ends.
    is_cut: Vec<bool>,
    function: Closure<OverlapFn>,
}

#[typetag::serde(name = "brickwork_ops::MapOverlap")]
impl Operation for Stencil {
    fn name(&self) -> String {
        self.function.name(NAME)
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        self.function.get(NAME)?;
        let shape = self.chunks.shape();
        let fits = |(axis, &len): (usize, &usize)| {
            let added = if self.is_cut[axis] || shape.contains(&0) {
                Some(0)
            } else {
                self.depth[axis].checked_mul(2)
            };
            added.and_then(|added| len.checked_add(added)) == inputs[0].shape.get(axis).copied()
        };
        let counts = [self.depth.len(), self.is_cut.len(), inputs[0].ndim()];
        if counts != [shape.len(); 3] || !shape.iter().enumerate().all(fits) {
            let reason =
                format!("made for an array of shape {shape:?}, not {:?} with surroundings", inputs[0].shape);
            return Err(Error::argument(NAME, reason));
        }
        Ok(vec![Meta::new(&shape, self.dtype, self.chunks.clone())])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Map(self)
    }

    fn identity(&self) -> Option<u128> {
        self.function.identity()
    }

    fn cost(&self) -> f64 {
        COST
    }
}

impl Stencil {
    /// The elements of the input that a range of the output needs, and the position of the output's first among them.
    fn surroundings(&self, range: &AxisRange, axis: usize, len: usize) -> (AxisRange, usize) {
        let depth = self.depth[axis];
        let (low, high) = range.bounds();
        if low == high {
            return (AxisRange::new(0, 0), 0);
        }
        if !self.is_cut[axis] {
            return (AxisRange::new(low, high - low + 2 * depth), depth);
        }
        let start = low.saturating_sub(depth);
        (AxisRange::new(start, high.saturating_add(depth).min(len) - start), low - start)
    }
}

impl Map for Stencil {
    fn demand(&self, inputs: &[Meta], out: &Region, _output: usize) -> Vec<Region> {
        let shape = &inputs[0].shape;
        let axes = out.axes().iter().enumerate();
        vec![Region::from_iter(axes.map(|(axis, range)| self.surroundings(range, axis, shape[axis]).0))]
    }

    fn apply(
        &self,
        blocks: &[Block],
        inputs: &[Meta],
        at: &Region,
        _output: usize,
        out: &mut BlockMut,
    ) -> Result<()> {
        let function = self.function.get(NAME)?;
        if at.is_empty() {
            return Ok(());
        }
        let block = &blocks[0];
        let result = function(block);
        // What was asked for, in positions of the block; a step may leave out some of what was computed.
        let inside = |(axis, range): (usize, &AxisRange)| {
            let (_, first) = self.surroundings(range, axis, inputs[0].shape[axis]);
            let (low, _) = range.bounds();
            AxisRange { start: range.start - low + first, ..*range }
        };
        let inside = Region::from_iter(at.axes().iter().enumerate().map(inside));
        let trimmed: Vec<usize> = at.axes().iter().map(|range| range.bounds().1 - range.bounds().0).collect();
        if result.shape() == block.shape() {
            out.view_mut().assign(&result.slice(&inside));
        } else if result.shape() == trimmed {
            let moved = |range: &AxisRange| AxisRange { start: range.start - range.bounds().0, ..*range };
            out.view_mut().assign(&result.slice(&Region::from_iter(at.axes().iter().map(moved))));
        } else {
            let reason = format!(
                "the function returned shape {:?} for a block of shape {:?}; it must return that shape, or {trimmed:?}, \
                 that of the inside",
                result.shape(),
                block.shape()
            );
            return Err(Error::Function { op: self.name(), reason });
        }
        Ok(())
    }

    /// Without gaps: the function sees neighbours.
    fn widen(&self, _metas: &[Meta], out: &Region) -> Region {
        let closed =
            |range: &AxisRange| AxisRange::new(range.bounds().0, range.bounds().1 - range.bounds().0);
        Region::from_iter(out.axes().iter().map(closed))
    }

    /// What the function returns, and a copy of what it is given.
    fn scratch(&self, inputs: &[Meta], out: &Region) -> usize {
        let widened = self.widen(inputs, out);
        let shape = self.demand(inputs, &widened, 0).swap_remove(0).shape();
        let elements = shape.iter().fold(1usize, |size, &len| size.saturating_mul(len));
        elements.saturating_mul(inputs[0].dtype.itemsize() + 2 * self.dtype.itemsize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assemble::check::{check, iota};

    /// The sum over each element and its neighbours in a window of side `2 depth + 1`, of the inside only.
    fn window_sums(depth: usize) -> impl Fn(ArrayViewD<'_, i64>) -> ArrayD<i64> + Send + Sync + 'static {
        move |block| {
            let side = vec![2 * depth + 1; block.ndim()];
            let shape: Vec<usize> = block.shape().iter().map(|len| len - 2 * depth).collect();
            let sums: Vec<i64> = block.windows(ndarray::IxDyn(&side)).into_iter().map(|w| w.sum()).collect();
            ArrayD::from_shape_vec(shape, sums).unwrap()
        }
    }

    fn expected(values: &[i64], len: isize, depth: isize, beyond: impl Fn(isize) -> i64) -> Vec<i64> {
        let at = |i: isize| if (0..len).contains(&i) { values[i as usize] } else { beyond(i) };
        (0..len).map(|i| (i - depth..=i + depth).map(at).sum()).collect()
    }

    #[test]
    fn boundaries_agree_with_dask() {
        let x = iota(&[6]);
        let values: Vec<i64> = (0..6).collect();
        let sums = |boundary| x.map_overlap(&[2], &[boundary], window_sums(2)).unwrap();
        check::<i64>(&sums(Boundary::Periodic), &[6], &expected(&values, 6, 2, |i| (i + 6) as i64 % 6));
        check::<i64>(&sums(Boundary::Nearest), &[6], &expected(&values, 6, 2, |i| if i < 0 { 0 } else { 5 }));
        let mirrored = |i: isize| if i < 0 { -i as i64 - 1 } else { 11 - i as i64 };
        check::<i64>(&sums(Boundary::Reflect), &[6], &expected(&values, 6, 2, mirrored));
        check::<i64>(&sums(Boundary::Constant(100.into())), &[6], &expected(&values, 6, 2, |_| 100));
    }

    #[test]
    fn the_boundary_comes_between_two_of_them() {
        let x = iota(&[5]);
        let once = |array: &Array| array.map_overlap(&[1], &[Boundary::Periodic], window_sums(1)).unwrap();
        let wrapped = |values: &[i64]| expected(values, 5, 1, |i| values[((i + 5) % 5) as usize]);
        let twice = wrapped(&wrapped(&(0..5).collect::<Vec<_>>()));
        check::<i64>(&once(&once(&x)), &[5], &twice);
    }

    #[test]
    fn blocks_of_the_same_shape_are_trimmed() {
        let x = iota(&[4, 5]);
        let shifted = x
            .map_overlap(
                &[1, 0],
                &[Boundary::Constant((-1).into()), Boundary::None],
                |block: ArrayViewD<'_, i64>| {
                    let mut result = block.to_owned();
                    for i in 1..block.shape()[0] {
                        result
                            .index_axis_mut(ndarray::Axis(0), i)
                            .assign(&block.index_axis(ndarray::Axis(0), i - 1));
                    }
                    result
                },
            )
            .unwrap();
        let values: Vec<i64> = [-1; 5].into_iter().chain(0..15).collect();
        check::<i64>(&shifted, &[4, 5], &values);
        assert_eq!(shifted.chunks(), x.chunks());
    }

    #[test]
    fn without_a_boundary_the_ends_have_less_around() {
        let x = iota(&[5]);
        let running = x
            .map_overlap(&[1], &[Boundary::None], |block: ArrayViewD<'_, i64>| {
                let values: Vec<i64> = block.iter().copied().collect();
                let sum =
                    |i: usize| values[i.saturating_sub(1)..(i + 2).min(values.len())].iter().sum::<i64>();
                ndarray::Array1::from_iter((0..values.len()).map(sum)).into_dyn()
            })
            .unwrap();
        check::<i64>(&running, &[5], &[1, 3, 6, 9, 7]);
    }

    #[test]
    fn corners_belong_to_the_surroundings() {
        let x = iota(&[3, 3]);
        let sums = x.map_overlap(&[1], &[Boundary::Periodic], window_sums(1)).unwrap();
        check::<i64>(&sums, &[3, 3], &[36; 9]);
        check::<i64>(
            &iota(&[0, 3]).map_overlap(&[1], &[Boundary::Nearest], window_sums(1)).unwrap(),
            &[0, 3],
            &[],
        );
    }

    #[test]
    fn wrong_arguments_and_shapes_are_named() {
        let x = iota(&[3, 3]);
        let error = x.map_overlap(&[1; 3], &[Boundary::None], window_sums(1)).unwrap_err().to_string();
        assert!(error.contains("3 depths for 2 axes"), "{error}");
        let odd = x.map_overlap(&[1], &[Boundary::Nearest], |_: ArrayViewD<'_, i64>| {
            ArrayD::<i64>::zeros(vec![1, 7])
        });
        let error = brickwork_core::eval::evaluate(brickwork_core::Lazy::value(&odd.unwrap())).unwrap_err();
        let text = format!(
            "{error} {}",
            std::error::Error::source(&error).map_or(String::new(), ToString::to_string)
        );
        assert!(text.contains("returned shape [1, 7] for a block of shape [5, 5]"), "{text}");
    }
}
