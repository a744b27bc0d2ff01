//! The same elements in C order under another shape.

use super::pieces::{advance, checked_size};
use super::rearrange::{OutAxis, Rearrange};
use super::runs::beginning;
use crate::prelude::*;

impl Array {
    /// The same elements, in C order, under another shape. One length may be -1: it is what the others leave.
    ///
    /// - shape: as given; dtype: as `self`; chunks: kept on axes that stay, elsewhere as many elements as before
    /// - reads: what the asked region shows, as boxes; adding and leaving out axes of length 1 costs nothing
    ///
    /// Agrees with `numpy.reshape`.
    ///
    /// # Errors
    /// If the sizes differ, or the length that -1 stands for does not come out.
    ///
    /// # Examples
    /// ```
    /// # use brickwork_ops::Array;
    /// let x = Array::from_vec((0..24).collect::<Vec<i64>>(), &[4, 6])?;
    /// assert_eq!(x.reshape(&[2, -1, 3])?.shape(), [2, 4, 3]);
    /// # Ok::<(), brickwork_core::Error>(())
    /// ```
    pub fn reshape(&self, shape: &[isize]) -> Result<Array> {
        self.reshaped_as("reshape", shape)
    }

    /// All elements in one axis, in C order. Agrees with `numpy.ravel`.
    ///
    /// # Errors
    /// None that a valid array can cause.
    pub fn ravel(&self) -> Result<Array> {
        self.reshaped_as("ravel", &[-1])
    }

    /// [`Array::ravel`] by its other name; arrays are never changed, so nothing need be copied.
    ///
    /// # Errors
    /// None that a valid array can cause.
    pub fn flatten(&self) -> Result<Array> {
        self.ravel()
    }

    pub(crate) fn reshaped_to(&self, of: &str, shape: &[usize]) -> Result<Array> {
        checked_size(of, shape)?;
        let shape: Vec<isize> = shape.iter().map(|&len| len as isize).collect();
        self.reshaped_as(of, &shape)
    }

    fn reshaped_as(&self, of: &str, wanted: &[isize]) -> Result<Array> {
        let op = Reshape { of: of.into(), shape: wanted.to_vec() };
        if !self.is_known() {
            return Array::apply(op, &[self]);
        }
        let shape = op.resolve(self.shape())?;
        if shape == self.shape() {
            return Ok(self.clone());
        }
        match units_only(self.shape(), &shape) {
            Some((axes, dropped)) => Array::apply(Rearrange::units(of, axes, dropped), &[self]),
            None => Array::apply(op, &[self]),
        }
    }
}

/// The axes of the result and those left out, if only axes of length 1 come and go.
fn units_only(from: &[usize], to: &[usize]) -> Option<(Vec<OutAxis>, Vec<usize>)> {
    let long =
        |shape: &[usize]| -> Vec<usize> { (0..shape.len()).filter(|&axis| shape[axis] != 1).collect() };
    let (kept, shown) = (long(from), long(to));
    if !kept.iter().map(|&axis| from[axis]).eq(shown.iter().map(|&axis| to[axis])) {
        return None;
    }
    let mut axes = vec![OutAxis::unit(); to.len()];
    for (&axis, &out_axis) in kept.iter().zip(&shown) {
        axes[out_axis] = OutAxis::Keep(axis);
    }
    Some((axes, (0..from.len()).filter(|&axis| from[axis] == 1).collect()))
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Reshape {
    /// The function it was made for.
    of: String,
    /// As the user wrote it.
    shape: Vec<isize>,
}

impl Reshape {
    fn resolve(&self, from: &[usize]) -> Result<Vec<usize>> {
        let invalid = |reason: String| Error::argument(&self.of, reason);
        if let Some(len) = self.shape.iter().find(|&&len| len < -1) {
            return Err(invalid(format!("a length of {len}; lengths are at least 0, and one may be -1")));
        }
        let open: Vec<usize> = (0..self.shape.len()).filter(|&axis| self.shape[axis] == -1).collect();
        let mut shape: Vec<usize> = self.shape.iter().map(|&len| len.max(0) as usize).collect();
        let size = checked_size(&self.of, from)?;
        let differs =
            || invalid(format!("cannot reshape {size} elements ({from:?}) into shape {:?}", self.shape));
        match open[..] {
            [] if checked_size(&self.of, &shape)? != size => return Err(differs()),
            [] => {}
            [axis] => {
                shape[axis] = 1;
                let rest = checked_size(&self.of, &shape)?;
                if rest == 0 || size % rest != 0 {
                    return Err(differs());
                }
                shape[axis] = size / rest;
            }
            _ => return Err(invalid("only one length may be -1".into())),
        }
        Ok(shape)
    }
}

/// Neighbouring axes of both shapes that hold the same number of elements: a reshape never moves an element across
/// the border of a group. Axes of length 1 belong to none.
#[derive(Debug, Default)]
struct Group {
    from: Vec<usize>,
    to: Vec<usize>,
}

/// The smallest groups of two shapes of the same size, which is not 0.
fn groups(from: &[usize], to: &[usize]) -> Vec<Group> {
    let long = |shape: &[usize]| (0..shape.len()).filter(|&axis| shape[axis] != 1).collect::<Vec<_>>();
    let (left, right) = (long(from), long(to));
    let (mut i, mut j) = (0, 0);
    let mut groups = Vec::new();
    while i < left.len() && j < right.len() {
        let mut group = Group { from: vec![left[i]], to: vec![right[j]] };
        let (mut left_size, mut right_size) = (from[left[i]], to[right[j]]);
        while left_size != right_size {
            if left_size < right_size {
                i += 1;
                left_size *= from[left[i]];
                group.from.push(left[i]);
            } else {
                j += 1;
                right_size *= to[right[j]];
                group.to.push(right[j]);
            }
        }
        groups.push(group);
        (i, j) = (i + 1, j + 1);
    }
    groups
}

/// Chunks of about as many elements as before, filled from the last axis of the group.
fn group_chunks(group: &Group, input: &ChunkGrid, shape: &[usize], out: &mut [AxisChunks]) {
    let first = &input.axes()[group.from[0]];
    if let ([_], [out_axis]) = (&group.from[..], &group.to[..]) {
        out[*out_axis] = first.clone();
        return;
    }
    let inner =
        |axes: &[usize], lengths: &[usize]| axes[1..].iter().map(|&axis| lengths[axis]).product::<usize>();
    let from_shape = input.shape();
    let (inner_from, inner_to) = (inner(&group.from, &from_shape), inner(&group.to, shape));
    let is_whole = group.from[1..].iter().all(|&axis| input.axes()[axis].num_chunks() == 1);
    if let (AxisChunks::Rectilinear { bounds }, true) = (first, is_whole)
        && bounds.iter().all(|bound| bound * inner_from % inner_to == 0)
    {
        // Every edge between chunks is an edge between lines of the result too.
        out[group.to[0]] =
            AxisChunks::Rectilinear { bounds: bounds.iter().map(|b| b * inner_from / inner_to).collect() };
        for &axis in &group.to[1..] {
            out[axis] = AxisChunks::regular(shape[axis], shape[axis]);
        }
        return;
    }
    let mut left: usize = group.from.iter().map(|&axis| input.axes()[axis].max_chunk()).product();
    for &axis in group.to.iter().rev() {
        let chunk = shape[axis].min(left.max(1));
        out[axis] = AxisChunks::regular(shape[axis], chunk);
        left /= chunk;
    }
}

#[typetag::serde(name = "brickwork_ops::Reshape")]
impl Operation for Reshape {
    fn name(&self) -> String {
        self.of.clone()
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        let input = &inputs[0];
        let shape = self.resolve(&input.shape)?;
        let mut chunks: Vec<AxisChunks> = shape.iter().map(|&len| AxisChunks::regular(len, len)).collect();
        if input.size() > 0 {
            for group in groups(&input.shape, &shape) {
                group_chunks(&group, &input.chunks, &shape, &mut chunks);
            }
        }
        Ok(vec![Meta::new(&shape, input.dtype, ChunkGrid::new(chunks))])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Assemble(self)
    }

    fn cost(&self) -> f64 {
        0.0
    }
}

impl Assemble for Reshape {
    fn pieces(
        &self,
        inputs: &[Meta],
        out: &Region,
        _indices: &[Block],
        visit: &mut dyn FnMut(Piece),
    ) -> Result<()> {
        if out.is_empty() {
            return Ok(());
        }
        let shape = self.resolve(&inputs[0].shape)?;
        let walks: Vec<Walk> = groups(&inputs[0].shape, &shape)
            .into_iter()
            .map(|group| Walk::new(group, &inputs[0].shape, &shape, out))
            .collect();
        let mut from = vec![AxisRange::at(0); inputs[0].ndim()];
        let mut place = vec![AxisRange::at(0); out.ndim()];
        visit_groups(&walks, &mut from, &mut place, visit);
        Ok(())
    }
}

/// Combines the pieces of every group with those of the groups behind it.
fn visit_groups(
    walks: &[Walk],
    from: &mut Vec<AxisRange>,
    place: &mut Vec<AxisRange>,
    visit: &mut dyn FnMut(Piece),
) {
    let Some((walk, rest)) = walks.split_first() else {
        visit(Piece {
            from: PieceFrom::Input(0, Region::new(from.clone())),
            place: Region::new(place.clone()),
        });
        return;
    };
    walk.pieces(&mut |ranges, places| {
        for (&axis, &range) in walk.group.from.iter().zip(ranges) {
            from[axis] = range;
        }
        for &(axis, range) in places {
            place[axis] = range;
        }
        visit_groups(rest, from, place, visit);
    });
}

/// The part of an output region that lies in one group, as nested steps through the flat indices of the group.
#[derive(Debug)]
struct Walk {
    group: Group,
    /// Lengths of the input's axes.
    shape: Vec<usize>,
    /// Flat index of the region's first element.
    start: usize,
    /// Outermost first.
    levels: Vec<Level>,
    /// The level whose elements are read as runs: that by which least is done.
    run: usize,
}

/// Output axes along which the flat index grows evenly.
#[derive(Debug)]
struct Level {
    axes: Vec<usize>,
    /// How many elements of the region along each.
    shape: Vec<usize>,
    step: isize,
    count: usize,
}

/// A piece costs about as much as copying so many elements, and elements that lie further apart than this are read one by
/// one.
const PIECE_COST: usize = 4096;
const MOST_APART: usize = 512;

impl Level {
    /// Elements that are gone through to read a run along the level.
    fn span(&self) -> usize {
        self.count.saturating_mul(self.step.unsigned_abs().clamp(1, MOST_APART))
    }
}

/// Is shown a box of the input's axes, and the places of the output's axes.
type Visit<'a> = dyn FnMut(&[AxisRange], &[(usize, AxisRange)]) + 'a;

impl Walk {
    fn new(group: Group, from: &[usize], to: &[usize], out: &Region) -> Self {
        let mut stride = 1;
        let mut start = 0;
        let mut levels: Vec<Level> = Vec::new();
        for &axis in group.to.iter().rev() {
            let range = out.axes()[axis];
            start += range.start * stride;
            let step = range.step * stride as isize;
            match levels.last_mut() {
                Some(inner) if range.len == 1 || step == inner.step * inner.count as isize => {
                    inner.axes.insert(0, axis);
                    inner.shape.insert(0, range.len);
                    inner.count *= range.len;
                }
                Some(inner) if inner.count == 1 => {
                    inner.axes.insert(0, axis);
                    inner.shape.insert(0, range.len);
                    (inner.step, inner.count) = (step, range.len);
                }
                _ => levels.push(Level { axes: vec![axis], shape: vec![range.len], step, count: range.len }),
            }
            stride *= to[axis];
        }
        levels.reverse();
        let size: usize = levels.iter().map(|level| level.count).product();
        let cost = |level: &Level| {
            let pieces = size / level.count.max(1);
            pieces.saturating_mul(level.span().saturating_add(PIECE_COST))
        };
        let run = (0..levels.len()).rev().min_by_key(|&level| cost(&levels[level])).unwrap_or(0);
        Walk { shape: group.from.iter().map(|&axis| from[axis]).collect(), group, start, levels, run }
    }

    /// Visits every box once.
    fn pieces(&self, visit: &mut Visit<'_>) {
        let mut index = vec![0; self.levels.len()];
        let run = &self.levels[self.run];
        let mut places: Vec<(usize, AxisRange)> = Vec::with_capacity(self.group.to.len());
        loop {
            let steps: isize =
                self.levels.iter().zip(&index).map(|(level, &i)| level.step * i as isize).sum();
            let mut done = 0;
            while done < run.count {
                let start = self.start as isize + steps + run.step * done as isize;
                let (ranges, place, count) = self.part(run, start as usize, done);
                places.clear();
                places.extend(run.axes.iter().copied().zip(place));
                for (number, level) in
                    self.levels.iter().enumerate().filter(|(number, _)| *number != self.run)
                {
                    let (position, _) = beginning(&level.shape, index[number], 1, 1);
                    places.extend(level.axes.iter().copied().zip(position));
                }
                visit(&ranges, &places);
                done += count;
            }
            if !advance(&mut index, |level| if level == self.run { 1 } else { self.levels[level].count }) {
                return;
            }
        }
    }

    /// The longest part of the run, from element `done` on, that is a box of the input and a box of the output.
    fn part(&self, run: &Level, start: usize, done: usize) -> (Vec<AxisRange>, Vec<AxisRange>, usize) {
        let mut count = run.count - done;
        loop {
            let (ranges, found) = beginning(&self.shape, start, run.step, count);
            let (place, shown) = beginning(&run.shape, done, 1, found);
            if shown == found {
                return (ranges, place, found);
            }
            count = shown;
        }
    }
}

#[cfg(test)]
mod tests {
    use brickwork_core::Lazy;

    use super::super::check::{check, count_pieces, iota};
    use super::*;

    #[test]
    fn runs_go_along_neighbours_unless_these_are_few() {
        let run = |shape: &[usize], lens: &[usize]| {
            let out = Region::from_iter(lens.iter().map(|&len| AxisRange::new(0, len)));
            let size = shape.iter().product();
            let mut groups = groups(&[size], shape);
            let walk = Walk::new(groups.remove(0), &[size], shape, &out);
            walk.levels[walk.run].axes.clone()
        };
        assert_eq!(run(&[1000, 500], &[256, 244]), [1]);
        assert_eq!(run(&[10_000, 3], &[5000, 2]), [0]);
    }

    #[test]
    fn any_shape_keeps_the_order() {
        let shapes: [&[usize]; 12] = [
            &[24],
            &[4, 6],
            &[6, 4],
            &[2, 3, 4],
            &[4, 3, 2],
            &[2, 12],
            &[8, 3],
            &[3, 1, 8],
            &[1, 24, 1],
            &[2, 2, 2, 3],
            &[3, 2, 2, 2],
            &[1, 4, 1, 6, 1],
        ];
        let values: Vec<i64> = (0..24).collect();
        for from in shapes {
            for to in shapes {
                let signed: Vec<isize> = to.iter().map(|&len| len as isize).collect();
                check::<i64>(&iota(from).reshape(&signed).unwrap(), to, &values);
            }
        }
    }

    #[test]
    fn larger_shapes_that_hardly_share_edges() {
        let shapes: [&[usize]; 5] = [&[10, 7, 6], &[7, 10, 6], &[14, 30], &[420], &[5, 84]];
        let values: Vec<i64> = (0..420).collect();
        for from in shapes {
            for to in shapes {
                check::<i64>(&iota(from).reshaped_to("reshape", to).unwrap(), to, &values);
            }
        }
    }

    #[test]
    fn one_length_is_found_out() {
        assert_eq!(iota(&[4, 6]).reshape(&[3, -1]).unwrap().shape(), [3, 8]);
        assert_eq!(iota(&[0, 3]).reshape(&[-1, 2]).unwrap().shape(), [0, 2]);
        check::<i64>(&iota(&[0, 3]).reshape(&[5, 0]).unwrap(), &[5, 0], &[]);
        check::<i64>(&iota(&[1, 1]).reshape(&[]).unwrap(), &[], &[0]);
        check::<i64>(&iota(&[2, 2]).flatten().unwrap(), &[4], &[0, 1, 2, 3]);
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused() {
        let fails = |shape: &[isize]| iota(&[4, 6]).reshape(shape).unwrap_err().to_string();
        assert_eq!(fails(&[5, 5]), "reshape: cannot reshape 24 elements ([4, 6]) into shape [5, 5]");
        assert!(fails(&[-1, 7]).contains("into shape [-1, 7]"));
        assert!(fails(&[-1, -1]).contains("only one length"));
        assert!(fails(&[-2, 12]).contains("a length of -2"));
        assert!(fails(&[isize::MAX, isize::MAX]).contains("more elements"));
        assert!(iota(&[0]).reshape(&[0, -1]).is_err());
    }

    #[test]
    fn regions_are_few_boxes() {
        let x = iota(&[50, 20, 30]);
        let flat = x.ravel().unwrap();
        assert!(count_pieces(&flat, &Region::new(vec![AxisRange::new(7, 25_000)])) <= 5);
        assert_eq!(count_pieces(&flat, &Region::new(vec![AxisRange::stepped(0, 1000, 30)])), 1);
        assert_eq!(count_pieces(&flat, &Region::new(vec![AxisRange::stepped(29_995, 2000, -15)])), 1);
        // Only the first two axes are merged; the last is a plain one.
        let rows = x.reshape(&[1000, 30]).unwrap();
        let region = Region::new(vec![AxisRange::new(0, 1000), AxisRange::stepped(3, 4, 7)]);
        assert_eq!(count_pieces(&rows, &region), 1);
        // A few columns of a split axis are read column by column.
        let split = iota(&[30_000]).reshape(&[-1, 10]).unwrap();
        assert_eq!(
            count_pieces(&split, &Region::new(vec![AxisRange::new(0, 3000), AxisRange::new(2, 3)])),
            3
        );
        assert_eq!(
            count_pieces(&split, &Region::new(vec![AxisRange::new(100, 50), AxisRange::new(0, 10)])),
            1
        );
    }

    #[test]
    fn axes_of_one_element_are_a_view() {
        let x = iota(&[3, 1, 2]).reshape(&[1, 3, 2, 1]).unwrap();
        assert!(matches!(x.value().node.op().kind(), Kind::View(_)));
        check::<i64>(&x, &[1, 3, 2, 1], &[0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn chunks_follow_the_groups() {
        let x = |shape: &[usize], chunks: ChunkSpec| {
            let size = shape.iter().product();
            crate::memory::from_block(Block::from_vec(vec![0i64; size], shape), &chunks).unwrap()
        };
        let chunks = |array: Array, shape: &[isize]| array.reshape(shape).unwrap().chunks().to_string();
        assert_eq!(chunks(x(&[100, 20], [10, 20].into()), &[2000]), "(200,)");
        assert_eq!(chunks(x(&[2000, 9], [200, 3].into()), &[100, 20, 9]), "(10, 20, 3)");
        assert_eq!(chunks(x(&[2000], 50.into()), &[100, 20]), "(2, 20)");
        assert_eq!(
            chunks(x(&[100, 20], vec![vec![10, 60, 30], vec![20]].into()), &[2000]),
            "((200, 1200, 600),)"
        );
    }
}
