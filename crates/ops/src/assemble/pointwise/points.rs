//! Where the points lie that a region asks for, and which of them are read together.

use std::sync::Arc;

use super::super::pieces::advance;
use super::super::take::wrapped;
use super::{Gather, IndexValues};
use crate::prelude::*;

/// Evenly spaced indices further apart than neighbours are read together from this many on.
const SHORTEST_STEPPED_RUN: usize = 4;

/// The values of one index array, and how to find that of a point.
#[derive(Debug)]
pub(super) struct Column {
    values: Arc<[usize]>,
    start: isize,
    /// From one position to the next along each axis of the points.
    steps: Vec<isize>,
}

impl Column {
    fn at(&self, position: &[usize]) -> usize {
        let moved: isize = position.iter().zip(&self.steps).map(|(&i, step)| i as isize * step).sum();
        self.values[(self.start + moved) as usize]
    }
}

/// Points next to each other in the output that are a range along one input axis.
#[derive(Debug)]
pub(super) struct Run {
    /// Position of the first point among the points of the region.
    pub position: Vec<usize>,
    /// Its coordinate on every indexed axis.
    pub index: Vec<usize>,
    pub count: usize,
    /// Which of the indexed axes the points differ along.
    pub along: usize,
    pub step: isize,
}

impl Gather {
    /// The axes of an index array as ranges of the points that a region asks for, broadcast axes at 0.
    pub(super) fn index_ranges(
        &self,
        shape: &[usize],
        points: &[usize],
        wanted: &[AxisRange],
    ) -> Vec<AxisRange> {
        let missing = points.len() - shape.len();
        let range = |axis: usize| {
            if shape[axis] == 1 && points[axis + missing] != 1 {
                AxisRange::at(0)
            } else {
                wanted[axis + missing]
            }
        };
        (0..shape.len()).map(range).collect()
    }

    pub(super) fn columns(
        &self,
        inputs: &[Meta],
        points: &[usize],
        wanted: &[AxisRange],
        blocks: &[Block],
    ) -> Result<Vec<Column>> {
        let mut blocks = blocks.iter();
        let mut columns = Vec::with_capacity(self.indices.len());
        for index in &self.indices {
            let shape = index.shape(inputs);
            let ranges = self.index_ranges(shape, points, wanted);
            let (values, held) = match &index.values {
                IndexValues::List { values, .. } => (values.clone(), ranges.clone()),
                IndexValues::Input(_) => {
                    let block = blocks.next().ok_or_else(|| Error::Bug {
                        what: format!("{} was given fewer index blocks than it asked for", self.of),
                    })?;
                    let values = checked_indices(&self.of, block, index.axis, inputs[0].shape[index.axis])?;
                    // The block holds the asked region in rising order, from its first element.
                    let turned = |range: &AxisRange| match range.step < 0 {
                        true => AxisRange::stepped(range.len - 1, range.len, -1),
                        false => AxisRange::new(0, range.len),
                    };
                    (values.into(), ranges.iter().map(turned).collect())
                }
            };
            let lengths: Vec<usize> = match &index.values {
                IndexValues::List { shape, .. } => shape.clone(),
                IndexValues::Input(_) => ranges.iter().map(|range| range.len).collect(),
            };
            let missing = points.len() - shape.len();
            let mut steps = vec![0; points.len()];
            let (mut start, mut stride) = (0, 1);
            for axis in (0..lengths.len()).rev() {
                start += held[axis].start as isize * stride;
                if held[axis].len > 1 {
                    steps[axis + missing] = held[axis].step * stride;
                }
                stride *= lengths[axis] as isize;
            }
            columns.push(Column { values, start, steps });
        }
        Ok(columns)
    }

    /// The points of a region, neighbours in runs, by rising coordinates: so that what is stored together is read
    /// together.
    pub(super) fn runs(&self, columns: &[Column], lengths: &[usize]) -> Vec<Run> {
        let line = lengths.last().copied().unwrap_or(1);
        let mut runs = Vec::new();
        let mut position = vec![0; lengths.len()];
        // The coordinates of a line of points, one point after the other.
        let mut coordinates: Vec<usize> = Vec::with_capacity(line * columns.len());
        loop {
            coordinates.clear();
            for i in 0..line {
                if let Some(last) = position.last_mut() {
                    *last = i;
                }
                coordinates.extend(columns.iter().map(|column| column.at(&position)));
            }
            let mut first = 0;
            while first < line {
                let ahead = &coordinates[first * columns.len()..];
                let (count, along, step) = self.run_at(ahead);
                if let Some(last) = position.last_mut() {
                    *last = first;
                }
                let index = ahead[..columns.len()].to_vec();
                runs.push(Run { position: position.clone(), index, count, along, step });
                first += count;
            }
            if let Some(last) = position.last_mut() {
                *last = line - 1;
            }
            if !advance(&mut position, |axis| lengths[axis]) {
                break;
            }
        }
        runs.sort_by(|a, b| a.index.cmp(&b.index));
        runs
    }

    /// How many of the next points are read together, along which indexed axis, and how far apart.
    fn run_at(&self, coordinates: &[usize]) -> (usize, usize, isize) {
        let single = (1, 0, 1);
        let width = self.indices.len();
        if coordinates.len() < 2 * width {
            return single;
        }
        let (first, second) = (&coordinates[..width], &coordinates[width..2 * width]);
        let mut differing = (0..width).filter(|&k| first[k] != second[k]);
        let (Some(along), None) = (differing.next(), differing.next()) else {
            return single;
        };
        if !self.keeps_order(along) {
            return single;
        }
        let step = second[along] as isize - first[along] as isize;
        let points = coordinates.chunks_exact(width);
        let follows = |(point, next): &(&[usize], &[usize])| {
            next[along] as isize - point[along] as isize == step
                && (0..width).all(|k| k == along || point[k] == next[k])
        };
        let count = 1 + points.clone().zip(points.skip(1)).take_while(follows).count();
        if step.abs() == 1 || count >= SHORTEST_STEPPED_RUN { (count, along, step) } else { single }
    }
}

/// The values of an index block as indices of an axis.
fn checked_indices(op: &str, block: &Block, axis: usize, len: usize) -> Result<Vec<usize>> {
    with_element!(block.dtype(), [I8, I16, I32, I64, U8, U16, U32, U64], T => {
        block.to_vec::<T>().into_iter().map(|index| wrapped(op, index.into(), axis, len)).collect()
    }, else Err(Error::DTypeUnsupported {
        op: op.into(),
        dtype: block.dtype(),
        help: "an index array has an integer dtype".into(),
    }))
}
