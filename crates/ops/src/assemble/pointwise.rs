//! Elements chosen by index arrays along one or several axes.

mod points;

use std::sync::Arc;

use super::pieces::checked_size;
use super::take::{IndexArray, wrapped};
use crate::array::broadcast_shapes;
use crate::prelude::*;

impl Array {
    /// The elements at points: index arrays for some axes, broadcast together, say the coordinates; `None` takes an
    /// axis whole, as do axes left out.
    ///
    /// - shape: the broadcast shape of the index arrays stands where they are if they are neighbours, else first; the
    ///   whole axes follow in order; dtype: as `self`
    /// - reads: the chosen elements, neighbouring ones together
    ///
    /// Agrees with NumPy's indexing by integer arrays, `x[i, :, j]`.
    ///
    /// # Errors
    /// If there are more indices than axes, the index arrays do not broadcast, an index of a list is out of range, or a
    /// lazy index is not of integers. The values of a lazy index are checked when they are known.
    ///
    /// # Examples
    /// ```
    /// # use brickwork_ops::Array;
    /// let x = Array::from_vec((0..12).collect::<Vec<i64>>(), &[3, 4])?;
    /// let diagonal = x.vindex(&[Some([0, 1, 2].into()), Some([0, 1, 2].into())])?;
    /// assert_eq!(diagonal.shape(), [3]);
    /// # Ok::<(), brickwork_core::Error>(())
    /// ```
    pub fn vindex(&self, indices: &[Option<IndexArray>]) -> Result<Array> {
        if indices.len() > self.ndim() {
            let reason =
                format!("{} indices for {} axes; give at most one for each", indices.len(), self.ndim());
            return Err(Error::argument("vindex", reason));
        }
        let chosen = indices.iter().enumerate().filter_map(|(axis, index)| Some((axis, index.clone()?)));
        self.gather("vindex", chosen.collect())
    }

    /// The elements at index arrays, each along an axis of its own, in the order of the axes.
    pub(crate) fn gather(&self, of: &str, chosen: Vec<(usize, IndexArray)>) -> Result<Array> {
        let mut arrays = vec![self.clone()];
        let mut indices = Vec::with_capacity(chosen.len());
        let is_single = chosen.len() == 1;
        for (axis, index) in chosen {
            let values = match index {
                IndexArray::List { values, shape } => {
                    if self.meta().unknown.get(axis).is_some_and(Option::is_some) {
                        let help = "compute or store the selection first, and index its result".into();
                        return Err(Error::UnknownLength { op: of.into(), axis, help });
                    }
                    let len = self.shape()[axis];
                    let list: Vec<usize> = values
                        .iter()
                        .map(|&index| wrapped(of, index.into(), axis, len))
                        .collect::<Result<_>>()?;
                    if is_single && let Some(slice) = self.take_evenly(of, axis, &list, &shape) {
                        return slice;
                    }
                    IndexValues::List { values: list.into(), shape }
                }
                IndexArray::Lazy(array) => {
                    arrays.push(array);
                    IndexValues::Input(arrays.len() - 1)
                }
            };
            indices.push(AxisIndex { axis, values });
        }
        if indices.is_empty() {
            return Ok(self.clone());
        }
        Array::apply(Gather { of: of.into(), indices }, &arrays.iter().collect::<Vec<_>>())
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Gather {
    /// The function it was made for.
    of: String,
    /// By rising axis.
    indices: Vec<AxisIndex>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct AxisIndex {
    axis: usize,
    values: IndexValues,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
enum IndexValues {
    /// Checked against the axis.
    List { values: Arc<[usize]>, shape: Vec<usize> },
    /// The number of an input.
    Input(usize),
}

impl AxisIndex {
    fn shape<'a>(&'a self, inputs: &'a [Meta]) -> &'a [usize] {
        match &self.values {
            IndexValues::List { shape, .. } => shape,
            IndexValues::Input(k) => &inputs[*k].shape,
        }
    }
}

impl Gather {
    /// The shape that the index arrays broadcast to.
    fn points(&self, inputs: &[Meta]) -> Result<Vec<usize>> {
        let shapes: Vec<&[usize]> = self.indices.iter().map(|index| index.shape(inputs)).collect();
        broadcast_shapes(&self.of, &shapes)
    }

    /// The output axis at which the axes of the points begin.
    fn position(&self) -> usize {
        let first = self.indices[0].axis;
        let are_neighbours = self.indices.iter().enumerate().all(|(k, index)| index.axis == first + k);
        if are_neighbours { first } else { 0 }
    }

    /// The input axes without an index.
    fn whole_axes(&self, ndim: usize) -> Vec<usize> {
        (0..ndim).filter(|axis| self.indices.iter().all(|index| index.axis != *axis)).collect()
    }

    /// Whether elements that differ along an indexed axis come in the same order among the whole axes before and
    /// after as in the output, so that several fit one piece.
    fn keeps_order(&self, number: usize) -> bool {
        self.indices[number].axis - number == self.position()
    }

    fn check(&self, inputs: &[Meta]) -> Result<()> {
        let ndim = inputs.first().map_or(0, Meta::ndim);
        let invalid = |reason: &str| Err(Error::argument(&self.of, reason));
        let is_rising = self.indices.windows(2).all(|pair| pair[0].axis < pair[1].axis);
        if self.indices.last().is_none_or(|index| index.axis >= ndim) || !is_rising {
            return invalid("the indexed axes are not axes of the array, in order");
        }
        for index in &self.indices {
            let len = inputs[0].shape[index.axis];
            match &index.values {
                IndexValues::List { values, shape } => {
                    if checked_size(&self.of, shape)? != values.len() {
                        return invalid("the number of indices is not that of their shape");
                    }
                    if let Some(&wrong) = values.iter().find(|&&value| value >= len) {
                        return wrapped(&self.of, wrong as i128, index.axis, len).map(|_| ());
                    }
                }
                IndexValues::Input(k) => match inputs.get(*k).map(|meta| meta.dtype) {
                    Some(dtype) if dtype.is_integer() => {}
                    Some(dtype) => {
                        let help = "an index array has an integer dtype; cast it with astype".into();
                        return Err(Error::DTypeUnsupported { op: self.of.clone(), dtype, help });
                    }
                    None => return invalid("an index array is missing"),
                },
            }
        }
        Ok(())
    }
}

#[typetag::serde(name = "brickwork_ops::Gather")]
impl Operation for Gather {
    fn name(&self) -> String {
        self.of.clone()
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        self.check(inputs)?;
        let array = &inputs[0];
        let points = self.points(inputs)?;
        let whole = self.whole_axes(array.ndim());
        let mut shape: Vec<usize> = whole.iter().map(|&axis| array.shape[axis]).collect();
        shape.splice(self.position()..self.position(), points.iter().copied());
        checked_size(&self.of, &shape)?;
        let point_chunks = match &self.indices[..] {
            [AxisIndex { values: IndexValues::Input(k), .. }] => inputs[*k].chunks.axes().to_vec(),
            _ => {
                // As many points as a chunk of the array holds along the indexed axes, filled from the last.
                let lengths = self.indices.iter().map(|index| array.chunks.axes()[index.axis].max_chunk());
                let mut left = lengths.fold(1, usize::saturating_mul).max(1);
                let mut chunks = Vec::with_capacity(points.len());
                for &len in points.iter().rev() {
                    chunks.push(AxisChunks::regular(len, left));
                    left = (left / len.max(1)).max(1);
                }
                chunks.reverse();
                chunks
            }
        };
        let mut chunks: Vec<AxisChunks> =
            whole.iter().map(|&axis| array.chunks.axes()[axis].clone()).collect();
        chunks.splice(self.position()..self.position(), point_chunks);
        Ok(vec![Meta::new(&shape, array.dtype, ChunkGrid::new(chunks))])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Assemble(self)
    }

    fn cost(&self) -> f64 {
        0.0
    }
}

impl Assemble for Gather {
    fn index_demand(&self, inputs: &[Meta], out: &Region) -> Vec<(usize, Region)> {
        let Ok(points) = self.points(inputs) else {
            return Vec::new();
        };
        let wanted = &out.axes()[self.position()..self.position() + points.len()];
        let asked = |index: &AxisIndex| match index.values {
            IndexValues::List { .. } => None,
            IndexValues::Input(k) => {
                let ranges = self.index_ranges(&inputs[k].shape, &points, wanted);
                Some((k, Region::new(ranges).ascending()))
            }
        };
        self.indices.iter().filter_map(asked).collect()
    }

    fn pieces(
        &self,
        inputs: &[Meta],
        out: &Region,
        indices: &[Block],
        visit: &mut dyn FnMut(Piece),
    ) -> Result<()> {
        if out.is_empty() {
            return Ok(());
        }
        let points = self.points(inputs)?;
        let at = self.position();
        let wanted = &out.axes()[at..at + points.len()];
        let columns = self.columns(inputs, &points, wanted, indices)?;
        let lengths: Vec<usize> = wanted.iter().map(|range| range.len).collect();

        let mut from = vec![AxisRange::at(0); inputs[0].ndim()];
        let mut shown = out.axes().to_vec();
        shown.drain(at..at + points.len());
        for (axis, range) in self.whole_axes(from.len()).into_iter().zip(shown) {
            from[axis] = range;
        }
        let mut place = Region::full(&out.shape());
        for run in self.runs(&columns, &lengths) {
            for (index, &coordinate) in self.indices.iter().zip(&run.index) {
                from[index.axis] = AxisRange::at(coordinate);
            }
            if run.count > 1 {
                from[self.indices[run.along].axis] =
                    AxisRange::stepped(run.index[run.along], run.count, run.step);
            }
            for (axis, &position) in run.position.iter().enumerate() {
                let count = if axis + 1 == points.len() { run.count } else { 1 };
                *place.axis_mut(at + axis) = AxisRange::new(position, count);
            }
            visit(Piece { from: PieceFrom::Input(0, Region::new(from.clone())), place: place.clone() });
        }
        Ok(())
    }

    fn is_indirect(&self) -> bool {
        self.indices.iter().any(|index| matches!(index.values, IndexValues::Input(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{check, count_pieces, iota};
    use super::*;

    fn list(values: &[i64]) -> Option<IndexArray> {
        Some(values.into())
    }

    /// `x[i, j, k]` of `iota(&[3, 4, 5])`.
    fn at(i: i64, j: i64, k: i64) -> i64 {
        (i * 4 + j) * 5 + k
    }

    #[test]
    fn neighbours_stay_in_place() {
        let x = iota(&[3, 4, 5]);
        let (i, j) = ([0, 2, 2, 1], [3, 0, 0, -1]);
        let values: Vec<i64> =
            (0..4).flat_map(|p| (0..5).map(move |k| at(i[p], (j[p] + 4) % 4, k))).collect();
        check::<i64>(&x.vindex(&[list(&i), list(&j)]).unwrap(), &[4, 5], &values);
        let values: Vec<i64> =
            (0..3).flat_map(|h| (0..4).map(move |p| at(h, (j[p] + 4) % 4, i[p]))).collect();
        check::<i64>(&x.vindex(&[None, list(&j), list(&i)]).unwrap(), &[3, 4], &values);
    }

    #[test]
    fn separated_indices_go_first() {
        let x = iota(&[3, 4, 5]);
        let (i, k) = ([0, 1, 2, 2], [4, 4, 4, 0]);
        let values: Vec<i64> = (0..4).flat_map(|p| (0..4).map(move |j| at(i[p], j, k[p]))).collect();
        let both = [list(&i), None, list(&k)];
        check::<i64>(&x.vindex(&both).unwrap(), &[4, 4], &values);
        let constant = [list(&[1]), None, list(&[0, 1, 2, 3])];
        let values: Vec<i64> = (0..4).flat_map(|p| (0..4).map(move |j| at(1, j, p))).collect();
        check::<i64>(&x.vindex(&constant).unwrap(), &[4, 4], &values);
    }

    #[test]
    fn index_arrays_broadcast_lazy_or_not() {
        let x = iota(&[3, 4, 5]);
        let column = Array::from_vec(vec![0i32, 2], &[2, 1]).unwrap();
        let row = [1, 2, 3];
        let values: Vec<i64> = [0, 2]
            .into_iter()
            .flat_map(|i| row.into_iter().flat_map(move |j| (0..5).map(move |k| at(i, j, k))))
            .collect();
        check::<i64>(&x.vindex(&[Some(column.into()), list(&row)]).unwrap(), &[2, 3, 5], &values);
        let scalar = x.vindex(&[Some(1.into()), Some(2.into()), Some((-1).into())]).unwrap();
        check::<i64>(&scalar, &[], &[at(1, 2, 4)]);
        check::<i64>(&x.vindex(&[list(&[]), list(&[])]).unwrap(), &[0, 5], &[]);
        check::<i64>(&x.vindex(&[None, Some(1.into())]).unwrap(), &[3, 5], &{
            (0..3).flat_map(|i| (0..5).map(move |k| at(i, 1, k))).collect::<Vec<_>>()
        });
    }

    #[test]
    fn points_along_an_axis_are_one_piece() {
        let x = iota(&[100, 100]);
        let points =
            x.vindex(&[Some(3.into()), Some((0..50).map(|i| i * 2).collect::<Vec<i64>>().into())]).unwrap();
        assert_eq!(count_pieces(&points, &Region::new(vec![AxisRange::new(0, 50)])), 1);
    }

    #[test]
    fn indices_that_do_not_fit_are_refused() {
        let x = iota(&[3, 4]);
        assert!(
            x.vindex(&[list(&[0, 1]), list(&[0, 1, 2])])
                .unwrap_err()
                .to_string()
                .contains("do not broadcast")
        );
        assert!(x.vindex(&[list(&[0]), list(&[4])]).unwrap_err().to_string().contains("index 4"));
        assert!(
            x.vindex(&[None, None, list(&[0])]).unwrap_err().to_string().contains("3 indices for 2 axes")
        );
    }
}
