//! A user's function of every element.

use std::sync::Arc;

use super::closure::{COST, Closure, require_dtype};
use crate::array::broadcast_meta;
use crate::prelude::*;

type ElementsFn = dyn Fn(&[Tile<'_>], &mut TileMut<'_>) + Send + Sync;

impl Array {
    /// Applies `function` to every element. It runs on tiles, in any order, fused with what stands around it.
    ///
    /// - shape, chunks: as `self`; dtype: that of `U`
    /// - reads: the asked region
    ///
    /// The function lives in this process; other processes refuse it. Two calls are never taken for the same, even
    /// with the same function.
    ///
    /// # Errors
    /// If the dtype of `self` is not that of `T`.
    ///
    /// # Examples
    /// ```
    /// # use brickwork_ops::Array;
    /// let x = Array::from_vec(vec![1.0, 2.0], &[2])?;
    /// let y = x.map_elements(|v: f64| if v > 1.0 { 1u8 } else { 0 })?;
    /// assert_eq!(y.dtype(), brickwork_core::DType::U8);
    /// # Ok::<(), brickwork_core::Error>(())
    /// ```
    pub fn map_elements<T, U, F>(&self, function: F) -> Result<Array>
    where
        T: Element,
        U: Element,
        F: Fn(T) -> U + Send + Sync + 'static,
    {
        require_dtype::<T>(NAME, self)?;
        let apply = move |inputs: &[Tile<'_>], out: &mut TileMut<'_>| match inputs[0].get::<T>() {
            Operand::Slice(values) => {
                for (out, &value) in out.get::<U>().iter_mut().zip(values) {
                    *out = function(value);
                }
            }
            Operand::Scalar(value) => out.get::<U>().fill_with(|| function(value)),
        };
        let function: Arc<ElementsFn> = Arc::new(apply);
        Array::apply(MapElements { dtype: U::DTYPE, function: Closure::new::<F>(function) }, &[self])
    }

    /// Applies `function` to every pair of elements of two arrays, broadcast together.
    ///
    /// # Errors
    /// If the dtypes are not those of `A` and `B`, or the shapes do not broadcast.
    pub fn map_elements2<A, B, U, F>(&self, other: &Array, function: F) -> Result<Array>
    where
        A: Element,
        B: Element,
        U: Element,
        F: Fn(A, B) -> U + Send + Sync + 'static,
    {
        require_dtype::<A>(NAME, self)?;
        require_dtype::<B>(NAME, other)?;
        let apply = move |inputs: &[Tile<'_>], out: &mut TileMut<'_>| {
            let out = out.get::<U>();
            match (inputs[0].get::<A>(), inputs[1].get::<B>()) {
                (Operand::Slice(left), Operand::Slice(right)) => {
                    for (out, (&left, &right)) in out.iter_mut().zip(left.iter().zip(right)) {
                        *out = function(left, right);
                    }
                }
                (Operand::Slice(left), Operand::Scalar(right)) => {
                    for (out, &left) in out.iter_mut().zip(left) {
                        *out = function(left, right);
                    }
                }
                (Operand::Scalar(left), Operand::Slice(right)) => {
                    for (out, &right) in out.iter_mut().zip(right) {
                        *out = function(left, right);
                    }
                }
                (Operand::Scalar(left), Operand::Scalar(right)) => out.fill_with(|| function(left, right)),
            }
        };
        let function: Arc<ElementsFn> = Arc::new(apply);
        Array::apply(MapElements { dtype: U::DTYPE, function: Closure::new::<F>(function) }, &[self, other])
    }
}

const NAME: &str = "map_elements";

#[derive(Debug, Clone, Serialize, Deserialize)]
struct MapElements {
    dtype: DType,
    function: Closure<ElementsFn>,
}

#[typetag::serde(name = "brickwork_ops::MapElements")]
impl Operation for MapElements {
    fn name(&self) -> String {
        self.function.name(NAME)
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        self.function.get(NAME)?;
        Ok(vec![broadcast_meta(NAME, inputs, self.dtype)?])
    }

    /// Without its function it is a map, for that kind can refuse when it is run.
    fn kind(&self) -> Kind<'_> {
        if self.function.is_lost() { Kind::Map(self) } else { Kind::Elementwise(self) }
    }

    fn identity(&self) -> Option<u128> {
        self.function.identity()
    }

    fn cost(&self) -> f64 {
        COST
    }
}

impl Elementwise for MapElements {
    fn apply(&self, inputs: &[Tile<'_>], out: &mut TileMut<'_>) {
        if let Ok(function) = self.function.get(NAME) {
            function(inputs, out);
        }
    }
}

impl Map for MapElements {
    fn demand(&self, inputs: &[Meta], _out: &Region, _output: usize) -> Vec<Region> {
        inputs.iter().map(|input| Region::full(&vec![0; input.ndim()])).collect()
    }

    fn apply(&self, _: &[Block], _: &[Meta], _: &Region, _: usize, _: &mut BlockMut) -> Result<()> {
        self.function.get(NAME).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assemble::check::{check, iota};

    #[test]
    fn every_element_is_mapped() {
        let x = iota(&[2, 3]);
        check::<f64>(
            &x.map_elements(|v: i64| v as f64 / 2.0).unwrap(),
            &[2, 3],
            &[0.0, 0.5, 1.0, 1.5, 2.0, 2.5],
        );
        let offset = 7;
        check::<i64>(&x.map_elements(move |v: i64| v + offset).unwrap(), &[2, 3], &[7, 8, 9, 10, 11, 12]);
        check::<Bool8>(&iota(&[0]).map_elements(|v: i64| Bool8::from(v > 0)).unwrap(), &[0], &[]);
    }

    #[test]
    fn pairs_are_broadcast() {
        let (x, y) = (iota(&[2, 1]), Array::from_vec(vec![0.5, 1.5], &[2]).unwrap());
        let sum = x.map_elements2(&y, |a: i64, b: f64| a as f64 + b).unwrap();
        check::<f64>(&sum, &[2, 2], &[0.5, 1.5, 1.5, 2.5]);
        assert!(x.map_elements2(&iota(&[3, 3]), |a: i64, b: i64| a + b).is_err());
    }

    #[test]
    fn two_functions_are_never_the_same() {
        use brickwork_core::Lazy;
        let x = iota(&[2]);
        let make = |factor| x.map_elements(move |v: i64| v * factor).unwrap();
        assert_ne!(make(2).value().node.hash(), make(3).value().node.hash());
        let once = make(2);
        assert_eq!(once.value().node.hash(), once.clone().value().node.hash());
    }

    #[test]
    fn the_wrong_dtype_is_refused() {
        let error = iota(&[2]).map_elements(|v: f32| v).unwrap_err().to_string();
        assert!(error.contains("not defined for dtype int64; the function takes float32"), "{error}");
    }

    #[test]
    fn another_process_is_told_what_to_do() {
        let lost = MapElements { dtype: DType::F64, function: Closure::lost("mine::{{closure}}") };
        assert!(matches!(lost.kind(), Kind::Map(_)));
        let error = lost.infer(&[Meta::whole(&[2], DType::F64)]).unwrap_err().to_string();
        assert!(
            error.contains("mine::{{closure}} is a closure") && error.contains("make it an operation"),
            "{error}"
        );
    }
}
