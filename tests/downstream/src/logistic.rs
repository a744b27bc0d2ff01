//! A function of elements: runs fused with whatever is around it.

use brickwork_ops::prelude::*;

/// `1 / (1 + exp(-steepness * x))` of every element.
///
/// # Errors
/// If the array is not `float64`.
pub fn logistic(x: &Array, steepness: f64) -> Result<Array> {
    Array::apply(Logistic { steepness }, &[x])
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Logistic {
    steepness: f64,
}

#[typetag::serde(name = "brickwork_downstream::Logistic")]
impl Operation for Logistic {
    fn name(&self) -> String {
        format!("logistic({})", self.steepness)
    }

    fn infer(&self, inputs: &[Meta]) -> Result<Vec<Meta>> {
        match inputs {
            [x] if x.dtype == DType::F64 => Ok(vec![x.clone()]),
            [x] => Err(Error::DTypeUnsupported {
                op: "logistic".into(),
                dtype: x.dtype,
                help: "cast to float64 first".into(),
            }),
            _ => Err(Error::argument("logistic", format!("{} inputs were given; it takes 1", inputs.len()))),
        }
    }

    fn kind(&self) -> Kind<'_> {
        Kind::Elementwise(self)
    }

    fn cost(&self) -> f64 {
        20.0
    }
}

impl Elementwise for Logistic {
    fn apply(&self, inputs: &[Tile<'_>], out: &mut TileMut<'_>) {
        let value = |x: f64| 1.0 / (1.0 + (-self.steepness * x).exp());
        match inputs[0].get::<f64>() {
            Operand::Slice(values) => {
                for (out, &x) in out.get::<f64>().iter_mut().zip(values) {
                    *out = value(x);
                }
            }
            Operand::Scalar(x) => out.get::<f64>().fill(value(x)),
        }
    }
}
