//! `x[…] = values` where `x` is stored: which elements are meant, and how the values lie in them.

use super::{Index, slice};
use crate::prelude::*;

/// The part of an array that items name, as a box of rising steps, and how values have to be turned to fill it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    region: Region,
    /// By axis of the array.
    axes: Vec<PartAxis>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PartAxis {
    /// Values have this axis.
    Kept,
    /// Values have this axis, in the opposite order.
    Reversed,
    /// An integer: values do not have this axis.
    Dropped,
}

impl Part {
    /// What items mean for an array of this shape: integers, ranges of any step, an ellipsis.
    ///
    /// # Errors
    /// As [`Array::slice`], and for new axes, which an array that is written to cannot get.
    ///
    /// ```
    /// use brickwork_ops::{index::Part, s};
    /// let part = Part::new(s![2.., 0], &[5, 4])?;
    /// assert_eq!((part.region().to_string(), part.shape()), ("[2:5, 0:1]".to_owned(), vec![3]));
    /// # Ok::<(), brickwork_core::Error>(())
    /// ```
    pub fn new(items: impl AsRef<[Index]>, shape: &[usize]) -> Result<Part> {
        let mut ranges = Vec::with_capacity(shape.len());
        let mut axes = Vec::with_capacity(shape.len());
        for (range, is_dropped) in slice::ranges("region", items.as_ref(), shape)? {
            axes.push(match (is_dropped, range.step > 0) {
                (true, _) => PartAxis::Dropped,
                (false, true) => PartAxis::Kept,
                (false, false) => PartAxis::Reversed,
            });
            ranges.push(range.ascending());
        }
        Ok(Part { region: Region::new(ranges), axes })
    }

    /// The elements, in rising order.
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// The shape of the values that fill the part.
    pub fn shape(&self) -> Vec<usize> {
        let lens = self.region.axes().iter().zip(&self.axes);
        lens.filter(|(_, axis)| **axis != PartAxis::Dropped).map(|(range, _)| range.len).collect()
    }

    /// Values of the shape of the part, with an axis for every axis of the region, each in rising order.
    ///
    /// # Errors
    /// If the values have another shape: they are not broadcast.
    pub fn arranged(&self, values: &Array) -> Result<Array> {
        let shape = self.shape();
        let fits = values.ndim() == shape.len() && (!values.is_known() || values.shape() == shape);
        if !fits {
            let reason = format!(
                "{} has shape {shape:?}, and what is to be written has {:?}; make them equal",
                self.region,
                values.shape()
            );
            return Err(Error::argument("region", reason));
        }
        if self.axes.iter().all(|axis| *axis == PartAxis::Kept) {
            return Ok(values.clone());
        }
        let items: Vec<Index> = self
            .axes
            .iter()
            .map(|axis| match axis {
                PartAxis::Kept => Index::ALL,
                PartAxis::Reversed => Index::Range { start: None, stop: None, step: -1 },
                PartAxis::Dropped => Index::NewAxis,
            })
            .collect();
        values.slice(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::checks::{iota, values};
    use crate::s;

    #[test]
    fn values_are_turned_as_numpy_assigns_them() {
        // x[5:1:-2, 1] = [0, 1] puts 0 at 5 and 1 at 3.
        let part = Part::new(s![5..1;-2, 1], &[7, 2]).unwrap();
        assert_eq!(part.region(), &Region::new(vec![AxisRange::stepped(3, 2, 2), AxisRange::at(1)]));
        let arranged = part.arranged(&iota(&[2])).unwrap();
        assert_eq!((arranged.shape(), values::<i64>(&arranged)), ([2, 1].as_slice(), vec![1, 0]));
        let whole = Part::new(s![Ellipsis], &[7, 2]).unwrap();
        assert_eq!((whole.shape(), whole.region()), (vec![7, 2], &Region::full(&[7, 2])));
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let part = Part::new(s![0..5, ..;2], &[5, 6]).unwrap();
        let error = part.arranged(&iota(&[5, 4])).unwrap_err().to_string();
        assert_eq!(
            error,
            "region: [0:5, 0:6:2] has shape [5, 3], and what is to be written has [5, 4]; make them equal"
        );
        assert!(Part::new(s![9], &[5]).unwrap_err().to_string().contains("index 9 is out of range"));
        assert!(Part::new(s![.., ..], &[5]).unwrap_err().to_string().contains("2 items for 1 axes"));
        assert!(Part::new(s![NewAxis], &[5]).unwrap_err().to_string().contains("no new axes"));
    }
}
