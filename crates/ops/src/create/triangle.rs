//! The parts of matrices below and above a diagonal.

use crate::create::tri_with;
use crate::elementwise::where_;
use crate::prelude::*;

impl Array {
    /// The values on diagonal number `k` of the last two axes and below, zeros above, as `numpy.tril`.
    ///
    /// - shape, dtype and chunks: as `self` (a vector becomes the rows of a matrix)
    ///
    /// # Errors
    /// For a 0-d array.
    pub fn tril(&self, k: isize) -> Result<Array> {
        let (mask, zero) = self.triangle("tril", k)?;
        where_(mask, self, zero)
    }

    /// The values on diagonal number `k` of the last two axes and above, zeros below, as `numpy.triu`.
    ///
    /// - shape, dtype and chunks: as `self` (a vector becomes the rows of a matrix)
    ///
    /// # Errors
    /// For a 0-d array.
    pub fn triu(&self, k: isize) -> Result<Array> {
        let (mask, zero) = self.triangle("triu", k.saturating_sub(1))?;
        where_(mask, zero, self)
    }

    /// What is on diagonal `k` and below, and the zero to put elsewhere.
    fn triangle(&self, op: &str, k: isize) -> Result<(Array, Array)> {
        let (n, m) = match *self.shape() {
            [] => return Err(Error::argument(op, "an array without axes; give at least a vector")),
            [n] => (n, n),
            [.., n, m] => (n, m),
        };
        let axes = self.chunks().axes();
        let chunk = |axis: usize| axes[axis].max_chunk().max(1);
        let chunks = ChunkSpec::from([chunk(axes.len().saturating_sub(2)), chunk(axes.len() - 1)]);
        let zero = crate::constant::constant(&[], Scalar::zero(self.dtype()))?;
        Ok((tri_with(n, m, k, DType::Bool, chunks)?, zero))
    }
}

#[cfg(test)]
mod tests {
    use crate::index::checks::{check, iota};

    #[test]
    fn triangles_agree_with_loops() {
        let x = iota(&[2, 3, 4]);
        for k in [-3, -1, 0, 1, 5] {
            let each = |is_kept: &dyn Fn(isize) -> bool| -> Vec<i64> {
                (0..24)
                    .map(|n| if is_kept((n % 4) as isize - (n / 4 % 3) as isize) { n } else { 0 })
                    .collect()
            };
            check::<i64>(&x.tril(k).unwrap(), &[2, 3, 4], &each(&|off| off <= k));
            check::<i64>(&x.triu(k).unwrap(), &[2, 3, 4], &each(&|off| off >= k));
        }
        check::<i64>(&iota(&[3]).tril(0).unwrap(), &[3, 3], &[0, 0, 0, 0, 1, 0, 0, 1, 2]);
        assert!(iota(&[]).tril(0).is_err());
    }
}
