//! Axes of length 1, added and removed.

use crate::array::{resolve_axes, resolve_axis};
use crate::index::Index;
use crate::prelude::*;

impl Array {
    /// New axes of length 1 at the places `axes` of the result, as `numpy.expand_dims`.
    ///
    /// - dtype: as `self`; chunks: those of `self`, and of length 1 along the new axes; reads: what is asked
    ///
    /// # Errors
    /// If a place is out of range for the result's axes, or named twice.
    pub fn expand_dims(&self, axes: &[isize]) -> Result<Array> {
        let ndim = self.ndim() + axes.len();
        let places = resolve_axes("expand_dims", axes, ndim)?;
        let items = (0..ndim).map(|place| if places.contains(&place) { Index::NewAxis } else { Index::ALL });
        self.slice(items.collect::<Vec<_>>())
    }

    /// Axes of length 1 removed: those named, or all of them, as `numpy.squeeze`.
    ///
    /// - dtype and the other axes: as `self`; reads: what is asked
    ///
    /// # Errors
    /// If a named axis is out of range, named twice or not of length 1; [`Error::UnknownLength`] if all are asked for
    /// and a length is not known yet.
    pub fn squeeze(&self, axes: Option<&[isize]>) -> Result<Array> {
        let removed = match axes {
            Some(axes) => resolve_axes("squeeze", axes, self.ndim())?,
            None => {
                if let Some(axis) = self.meta().unknown.iter().position(Option::is_some) {
                    let help = "name the axes to remove".into();
                    return Err(Error::UnknownLength { op: "squeeze".into(), axis, help });
                }
                (0..self.ndim()).filter(|&axis| self.shape()[axis] == 1).collect()
            }
        };
        if let Some(&axis) = removed.iter().find(|&&axis| self.shape()[axis] != 1) {
            let reason = format!(
                "axis {axis} has length {}, only axes of length 1 can be removed (shape {:?})",
                self.shape()[axis],
                self.shape()
            );
            return Err(Error::argument("squeeze", reason));
        }
        let items =
            (0..self.ndim()).map(|axis| if removed.contains(&axis) { Index::At(0) } else { Index::ALL });
        self.slice(items.collect::<Vec<_>>())
    }

    /// At least one axis: a 0-d array becomes one of length 1, as `numpy.atleast_1d`.
    pub fn atleast_1d(&self) -> Result<Array> {
        if self.ndim() == 0 { self.expand_dims(&[0]) } else { Ok(self.clone()) }
    }

    /// At least two axes: missing ones are put in front, as `numpy.atleast_2d`.
    pub fn atleast_2d(&self) -> Result<Array> {
        match self.ndim() {
            0 => self.expand_dims(&[0, 1]),
            1 => self.expand_dims(&[0]),
            _ => Ok(self.clone()),
        }
    }

    /// At least three axes: a 1-d array becomes (1, n, 1), a 2-d one (m, n, 1), as `numpy.atleast_3d`.
    pub fn atleast_3d(&self) -> Result<Array> {
        match self.ndim() {
            0 => self.expand_dims(&[0, 1, 2]),
            1 => self.expand_dims(&[0, 2]),
            2 => self.expand_dims(&[2]),
            _ => Ok(self.clone()),
        }
    }

    /// The elements at `index` of one axis, which disappears: `x[:, index]` for axis 1.
    ///
    /// # Errors
    /// [`Error::AxisOutOfRange`] or [`Error::IndexOutOfRange`].
    pub fn index_axis(&self, axis: isize, index: isize) -> Result<Array> {
        let axis = resolve_axis("index_axis", axis, self.ndim())?;
        let mut items = vec![Index::ALL; axis];
        items.push(Index::At(index));
        self.slice(items)
    }
}

#[cfg(test)]
mod tests {
    use crate::index::checks::{check, iota};

    #[test]
    fn axes_of_one_come_and_go() {
        let x = iota(&[2, 3]);
        let all: Vec<i64> = (0..6).collect();
        check::<i64>(&x.expand_dims(&[0, -1]).unwrap(), &[1, 2, 3, 1], &all);
        check::<i64>(&x.expand_dims(&[1]).unwrap(), &[2, 1, 3], &all);
        check::<i64>(&x.expand_dims(&[0, -1]).unwrap().squeeze(None).unwrap(), &[2, 3], &all);
        check::<i64>(&x.expand_dims(&[0, -1]).unwrap().squeeze(Some(&[-1])).unwrap(), &[1, 2, 3], &all);
        check::<i64>(&iota(&[]).atleast_1d().unwrap(), &[1], &[0]);
        check::<i64>(&iota(&[3]).atleast_2d().unwrap(), &[1, 3], &[0, 1, 2]);
        check::<i64>(&iota(&[3]).atleast_3d().unwrap(), &[1, 3, 1], &[0, 1, 2]);
        check::<i64>(&x.index_axis(-1, -1).unwrap(), &[2], &[2, 5]);
    }

    #[test]
    fn wrong_axes_are_refused() {
        let x = iota(&[2, 1]);
        assert!(x.expand_dims(&[3]).is_err());
        assert!(x.expand_dims(&[0, -4]).is_err());
        assert!(x.squeeze(Some(&[0])).unwrap_err().to_string().contains("axis 0 has length 2"));
        assert!(x.squeeze(Some(&[1, -1])).is_err());
    }
}
