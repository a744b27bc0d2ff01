//! The axes of an array in another order, with axes of length 1 put in or left out.
use crate::prelude::*;

impl Array {
    /// The view whose axis `a` is axis `from[a]` of this array, or a new one of length 1 where that is `None`. Axes
    /// that are not named must have length 1 (that is, `1` at most as an upper bound).
    pub(crate) fn arranged(&self, from: Vec<Option<usize>>) -> Result<Array> {
        if from.iter().copied().eq((0..self.ndim()).map(Some)) {
            return Ok(self.clone());
        }
        Array::apply(Arrange { from }, &[self])
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Arrange {
    from: Vec<Option<usize>>,
}

#[typetag::serde(name = "brickwork_ops::Arrange")]
impl Operation for Arrange {
    fn name(&self) -> String {
        "arrange axes".into()
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        let [input] = inputs else {
            return Err(Error::argument(self.name(), format!("takes one array, not {}", inputs.len())));
        };
        let named = |axis: usize| self.from.iter().filter(|from| **from == Some(axis)).count();
        let fits =
            (0..input.ndim()).all(|axis| named(axis) == 1 || (named(axis) == 0 && input.shape[axis] == 1));
        if !fits || self.from.iter().flatten().any(|&axis| axis >= input.ndim()) {
            let reason = format!("axes {:?} do not make a view of shape {:?}", self.from, input.shape);
            return Err(Error::argument(self.name(), reason));
        }
        let chunks: Vec<AxisChunks> = self
            .from
            .iter()
            .map(|from| {
                from.map_or_else(|| AxisChunks::regular(1, 1), |axis| input.chunks.axes()[axis].clone())
            })
            .collect();
        let chunks = ChunkGrid::new(chunks);
        Ok(vec![Meta::new(&chunks.shape(), input.dtype, chunks)])
    }

    fn kind(&self) -> Kind<'_> {
        Kind::View(self)
    }
}

impl View for Arrange {
    fn maps(&self, input: &Meta, _out: &Meta) -> Vec<AxisMap> {
        (0..input.ndim())
            .map(|axis| match self.from.iter().position(|from| *from == Some(axis)) {
                Some(out_axis) => AxisMap::along(out_axis),
                None => AxisMap::Fixed(0),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_move_come_and_go() {
        let x = Array::from_vec((0..6i64).collect(), &[2, 1, 3]).unwrap();
        assert_eq!(x.arranged(vec![Some(2), None, Some(0)]).unwrap().shape(), [3, 1, 2]);
        assert!(x.arranged(vec![Some(2)]).is_err(), "an axis longer than 1 cannot be left out");
        assert!(x.arranged(vec![Some(0), Some(0), Some(2)]).is_err());
        assert!(x.arranged(vec![Some(0), Some(9), Some(2)]).is_err());
    }
}
