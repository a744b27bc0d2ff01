//! Boolean selection: `x[mask]`, whose length only the data tell.
//!
//! The mask is divided into segments (see `segments.rs`). Their trues are counted and summed up; once these offsets
//! are known, so is the length, and any part of the result finds its segments by binary search.

mod known;
mod segments;

use std::sync::Arc;

use brickwork_core::{Lazy, LengthId};

use crate::array::Selection;
use crate::elementwise::bitwise_and;
use crate::prelude::*;
use known::Selected;
use segments::Segments;

impl Array {
    /// The elements where `mask` is true, in C order: NumPy's `x[mask]`.
    ///
    /// - shape: one axis of unknown length (the number of trues) in place of the mask's axes, then the other axes of
    ///   `self`; dtype: as `self`
    /// - reads: reductions and elementwise functions of the result read `self` and the mask once; what needs positions
    ///   counts the trues first, and then reads the parts of the mask and of `self` that it is asked for
    ///
    /// Arrays selected by the same mask combine with each other, `x.select(&m)? + y.select(&m)?`.
    ///
    /// # Errors
    /// If the mask is not bool, or its shape is not that of the leading axes of `self`; [`Error::UnknownLength`] if
    /// one of them has a length that is not known yet, unless both were selected by the same mask.
    ///
    /// ```
    /// use brickwork_core::Bool8;
    /// use brickwork_ops::Array;
    /// let x = Array::from_vec(vec![1.0, 2.0, 3.0], &[3])?;
    /// let mask = Array::from_vec([true, false, true].map(Bool8::from).to_vec(), &[3])?;
    /// assert!(!x.select(&mask)?.is_known());
    /// # Ok::<(), brickwork_core::Error>(())
    /// ```
    pub fn select(&self, mask: &Array) -> Result<Array> {
        if mask.dtype() != DType::Bool {
            let help = "select with a bool array, such as a comparison gives".into();
            return Err(Error::DTypeUnsupported { op: "select".into(), dtype: mask.dtype(), help });
        }
        if mask.ndim() == 0 || mask.ndim() > self.ndim() {
            let reason = format!(
                "a mask of {} axes for an array of {}; give one axis or more, and at most those of the array",
                mask.ndim(),
                self.ndim()
            );
            return Err(Error::argument("select", reason));
        }
        if let (Some(ours), Some(theirs)) = (self.selection(), mask.selection())
            && ours.id == theirs.id
        {
            return select_again(ours, theirs);
        }
        for array in [self, mask] {
            if let Some(axis) = array.meta().unknown.iter().position(Option::is_some) {
                let help = "combine the masks by `&` and select once".into();
                return Err(Error::UnknownLength { op: "select".into(), axis, help });
            }
        }
        let differs = (0..mask.ndim()).find(|&axis| mask.shape()[axis] != self.shape()[axis]);
        if let Some(axis) = differs {
            let reason = format!(
                "the mask has length {} along axis {axis}, the array {}; the mask must have the shape of the array's \
                 leading axes (mask {:?}, array {:?})",
                mask.shape()[axis],
                self.shape()[axis],
                mask.shape(),
                self.shape()
            );
            return Err(Error::argument("select", reason));
        }
        let counts = Array::apply(SelectionCounts, &[mask])?;
        let offsets = Array::apply(Offsets, &[&counts])?;
        let inputs: Vec<Value> = [self, mask, &offsets].iter().map(|array| array.value().clone()).collect();
        let mask = mask.value().clone();
        let id = LengthId(mask.node.hash() ^ (mask.output as u128 + 1));
        let metas: Vec<Meta> = inputs.iter().map(|input| input.meta().clone()).collect();
        let mut meta = Compress.infer(&metas)?.swap_remove(0);
        meta.unknown = vec![None; meta.ndim()];
        meta.unknown[0] = Some(id);
        let node = Node::with_metas(Arc::new(Compress), inputs, vec![meta])?;
        Ok(Array::selected(Value::new(node), Selection { dense: self.value().clone(), mask, id }))
    }
}

/// `x[m][k[m]]` is `x[m & k]`.
fn select_again(array: &Selection, mask: &Selection) -> Result<Array> {
    let mut outer = Array::new(array.mask.clone());
    let inner = Array::new(mask.dense.clone());
    while outer.ndim() < inner.ndim() {
        outer = outer.expand_dims(&[-1])?;
    }
    Array::new(array.dense.clone()).select(&bitwise_and(&outer, &inner)?)
}

/// How many trues every segment of a mask has.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct SelectionCounts;

#[typetag::serde(name = "brickwork_ops::SelectionCounts")]
impl Operation for SelectionCounts {
    fn name(&self) -> String {
        "count selected".into()
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        Ok(vec![Meta::whole(&[Segments::of(&inputs[0].shape).count()], DType::I64)])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Map(self)
    }
}

impl Map for SelectionCounts {
    fn demand(&self, inputs: &[Meta], out: &Region, _output: usize) -> Vec<Region> {
        let (low, high) = out.axes()[0].bounds();
        vec![Segments::of(&inputs[0].shape).hull(low, high)]
    }

    fn apply(
        &self,
        blocks: &[Block],
        inputs: &[Meta],
        at: &Region,
        _output: usize,
        out: &mut BlockMut,
    ) -> Result<()> {
        let segments = Segments::of(&inputs[0].shape);
        let range = at.axes()[0];
        let (low, high) = range.bounds();
        let hull = segments.hull(low, high);
        for (position, count) in out.as_slice_mut::<i64>().iter_mut().enumerate() {
            let segment = range.get(position);
            let part = segments.hull(segment, segment + 1);
            let part = blocks[0].slice(&segments::within(&hull, &part)).to_dense(None);
            *count = segments::count_true(segments::bytes_of(&part)?) as i64;
        }
        Ok(())
    }
}

/// The sum of all counts before each one, and after the last the sum of all.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Offsets;

#[typetag::serde(name = "brickwork_ops::Offsets")]
impl Operation for Offsets {
    fn name(&self) -> String {
        "offsets of selected".into()
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        Ok(vec![Meta::whole(&[inputs[0].shape[0] + 1], DType::I64)])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Map(self)
    }
}

impl Map for Offsets {
    fn demand(&self, inputs: &[Meta], _out: &Region, _output: usize) -> Vec<Region> {
        vec![Region::full(&inputs[0].shape)]
    }

    fn apply(
        &self,
        blocks: &[Block],
        _inputs: &[Meta],
        at: &Region,
        _output: usize,
        out: &mut BlockMut,
    ) -> Result<()> {
        let mut sums = vec![0i64];
        let mut sum = 0;
        for count in blocks[0].to_vec::<i64>() {
            sum += count;
            sums.push(sum);
        }
        for (position, offset) in out.as_slice_mut::<i64>().iter_mut().enumerate() {
            *offset = sums[at.axes()[0].get(position)];
        }
        Ok(())
    }

    fn is_held(&self) -> bool {
        true
    }

    fn scratch(&self, inputs: &[Meta], _out: &Region) -> usize {
        2 * inputs[0].nbytes() + 8
    }
}

/// The selected elements, while their number is not known. Inputs: array, mask, offsets.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Compress;

#[typetag::serde(name = "brickwork_ops::Compress")]
impl Operation for Compress {
    fn name(&self) -> String {
        "select".into()
    }

    /// The most there can be.
    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        Ok(vec![known::meta(inputs, inputs[1].size())])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Staged(self)
    }
}

impl Staged for Compress {
    fn awaited(&self) -> Vec<usize> {
        vec![2]
    }

    fn resolve(&self, inputs: &[Meta], values: &[Block]) -> Result<Box<dyn Operation>> {
        let offsets = values[0].to_vec::<i64>().into_iter().map(|offset| offset as u64).collect();
        Ok(Box::new(Selected::new(offsets, inputs[1].size())))
    }
}

#[cfg(test)]
mod tests {
    use brickwork_core::eval::{LocalContext, Walks, evaluate, evaluate_with};

    use super::*;
    use crate::elementwise::add;
    use crate::index::checks::{check, iota, values};
    use crate::random::default_rng;

    fn mask(shape: &[usize], is_true: impl Fn(usize) -> bool) -> Array {
        let size = shape.iter().product();
        Array::from_vec((0..size).map(|n| Bool8::from(is_true(n))).collect(), shape).unwrap()
    }

    /// Asserts that selecting rows of `width` consecutive numbers gives those where the mask is true.
    fn check_selection(shape: &[usize], mask_ndim: usize, is_true: &dyn Fn(usize) -> bool) {
        let x = iota(shape);
        let width: usize = shape[mask_ndim..].iter().product();
        let selected = x.select(&mask(&shape[..mask_ndim], is_true)).unwrap();
        assert!(!selected.is_known());
        let rows: usize = shape[..mask_ndim].iter().product();
        let expected: Vec<i64> = (0..rows)
            .filter(|&row| is_true(row))
            .flat_map(|row| row * width..(row + 1) * width)
            .map(|n| n as i64)
            .collect();
        let block = evaluate(selected.value()).unwrap();
        assert_eq!(block.shape()[1..], shape[mask_ndim..]);
        assert_eq!(block.to_vec::<i64>(), expected);
    }

    #[test]
    fn selections_agree_with_loops() {
        // Dense ones are compressed, thin ones gathered.
        for every in [1, 2, 3, 40, 1000] {
            let is_true = move |n: usize| (n * 7919).is_multiple_of(every);
            check_selection(&[20_000], 1, &is_true);
            check_selection(&[3, 5000], 2, &is_true);
            check_selection(&[30, 20, 10], 3, &is_true);
            check_selection(&[100, 50, 2], 2, &is_true);
            check_selection(&[700, 3, 3], 1, &is_true);
        }
        check_selection(&[5000], 1, &|_| false);
        check_selection(&[0], 1, &|_| true);
        check_selection(&[3, 0], 1, &|_| true);
        check_selection(&[0, 3], 2, &|_| true);
    }

    /// The selection with its length known, as a later stage sees it.
    fn known(selected: &Array) -> Array {
        let values =
            brickwork_core::plan::resolve_staged(&[selected.value().clone()], &mut |value| evaluate(value));
        Array::new(values.unwrap().remove(0))
    }

    #[test]
    fn parts_of_a_selection_are_parts_of_the_whole() {
        for every in [2, 3, 50] {
            for shape in [&[30_000][..], &[4, 9000], &[6, 30, 100]] {
                let m = mask(shape, |n| (n / 3 * 7919).is_multiple_of(every));
                check_part(&known(&iota(shape).select(&m).unwrap()));
            }
            let m = mask(&[300], |n| n.is_multiple_of(every));
            check_part(&known(&iota(&[300, 7]).select(&m).unwrap()));
        }
    }

    fn check_part(array: &Array) {
        let whole = values::<i64>(array);
        check(array, array.shape(), &whole);
    }

    #[test]
    fn parts_read_only_what_they_need() {
        for every in [2, 100] {
            let x = default_rng(Some(1)).random(&[1_000_000], 10_000).unwrap();
            let selected = known(&x.select(&mask(&[1_000_000], |n| n.is_multiple_of(every))).unwrap());
            assert_eq!(selected.shape(), [1_000_000 / every]);
            let context = LocalContext::new(1 << 20);
            let region = Region::new(vec![AxisRange::new(5000, 100)]);
            evaluate_with(selected.value(), &region, &Walks::default(), &context).unwrap();
            let counts = brickwork_core::eval::Context::counters(&context).get();
            assert!(counts.elements_generated <= 8192, "{counts:?}");
        }
    }

    #[test]
    fn one_mask_selects_arrays_that_combine() {
        let m = mask(&[3, 4], |n| n % 2 == 1);
        let (x, y) = (iota(&[3, 4]), iota(&[3, 4]));
        let sum = add(x.select(&m).unwrap(), y.select(&m).unwrap()).unwrap();
        assert_eq!(values::<i64>(&sum), [2, 6, 10, 14, 18, 22]);
        assert!(sum.selection().is_some());
    }

    #[test]
    fn what_needs_positions_waits_for_them() {
        let m = mask(&[10_000], |n| n.is_multiple_of(3));
        let selected = iota(&[10_000]).select(&m).unwrap();
        let sliced = selected.slice(crate::s![-1..0;-1000]).unwrap();
        assert_eq!(values::<i64>(&sliced), [9999, 6999, 3999, 999]);
        let sums = selected.cumsum(Some(0), None).unwrap();
        let expected: i64 = (0..10_000).step_by(3).sum();
        assert_eq!(*values::<i64>(&sums).last().unwrap(), expected);
    }

    #[test]
    fn a_selection_is_selected_again() {
        let (x, m) = (iota(&[4, 5]), mask(&[4, 5], |n| n.is_multiple_of(2)));
        let again = mask(&[4, 5], |n| n.is_multiple_of(3)).select(&m).unwrap();
        assert_eq!(values::<i64>(&x.select(&m).unwrap().select(&again).unwrap()), [0, 6, 12, 18]);
        let rows = mask(&[4], |n| n > 1);
        let inner = mask(&[4, 5], |n| n.is_multiple_of(4)).select(&rows).unwrap();
        assert_eq!(values::<i64>(&x.select(&rows).unwrap().select(&inner).unwrap()), [12, 16]);
    }

    #[test]
    fn masks_that_do_not_fit_are_refused() {
        let x = iota(&[4, 5]);
        let message = |m: Array| x.select(&m).unwrap_err().to_string();
        assert!(message(mask(&[4, 4], |_| true)).contains("the mask has length 4 along axis 1, the array 5"));
        assert!(message(mask(&[4, 5, 1], |_| true)).contains("a mask of 3 axes"));
        assert!(message(mask(&[], |_| true)).contains("a mask of 0 axes"));
        assert!(message(iota(&[4])).contains("dtype int64"));
        let unknown = mask(&[20], |_| true).select(&mask(&[20], |_| true)).unwrap();
        assert!(matches!(iota(&[20]).select(&unknown), Err(Error::UnknownLength { .. })));
    }
}
