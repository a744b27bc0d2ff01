//! Planes of elementwise expressions: one element of the last axis of everything that goes in.

use std::collections::HashMap;

use brickwork_core::Lazy;
use brickwork_core::plan::nodes;

use crate::prelude::*;

/// Element `index` of the last axis of an elementwise expression, as the same operations on elements of its inputs: what
/// runs in one program stays in one program.
pub(super) fn plane(value: &Value, index: isize) -> Result<Array> {
    let len = value.meta().shape.last().copied();
    let mut planes: HashMap<u128, Value> = HashMap::new();
    for node in nodes(std::slice::from_ref(value)) {
        let is_elementwise = matches!(node.op().kind(), Kind::Elementwise(_));
        if !is_elementwise || node.metas()[0].shape.last().copied() != len || !node.metas()[0].is_known() {
            continue;
        }
        let inputs = node.inputs().iter().map(|input| match planes.get(&input.node.hash()) {
            Some(plane) => Ok(plane.clone()),
            None => element(input, index),
        });
        let plane = Node::shared(node.op().clone(), inputs.collect::<Result<_>>()?)?;
        planes.insert(node.hash(), Value::new(plane));
    }
    match planes.remove(&value.node.hash()) {
        Some(plane) => Ok(Array::new(plane)),
        None => Array::new(value.clone()).index_axis(-1, index),
    }
}

/// Whether every element is something times itself.
pub(super) fn is_square(value: &Value) -> bool {
    let node = &value.node;
    match (node.op().name().as_str(), node.inputs()) {
        ("square", _) => true,
        ("multiply", [one, other]) => one.output == other.output && one.node.hash() == other.node.hash(),
        _ => false,
    }
}

/// One element of the last axis; of an axis of length 1 the only one.
fn element(input: &Value, index: isize) -> Result<Value> {
    let array = Array::new(input.clone());
    Ok(match array.shape().last() {
        None => input.clone(),
        Some(1) => array.index_axis(-1, 0)?.value().clone(),
        Some(_) => array.index_axis(-1, index)?.value().clone(),
    })
}

#[cfg(test)]
mod tests {
    use brickwork_core::eval::evaluate;

    use super::*;
    use crate::random::default_rng;
    use crate::term::Term;

    /// A sum or mean over the last axis as operations on planes.
    fn in_planes(array: &Array) -> Option<Value> {
        let node = &array.value().node;
        let Kind::Reduce(reduce) = node.op().kind() else { panic!("{} folds nothing", node.op().name()) };
        reduce.in_planes(node.inputs()).unwrap()
    }

    #[test]
    fn sums_of_planes_have_the_bits_of_folds() {
        for len in 2..=8 {
            let x = default_rng(Some(len as u64)).normal(0.0, 1e3, &[40, len], ChunkSpec::auto()).unwrap();
            for dtype in [DType::F64, DType::F32, DType::C128, DType::I64] {
                let x = x.astype(dtype).unwrap();
                // The rows of one operand and a number beside the other: both are broadcast.
                let row = x.index_axis(0, 0).unwrap();
                let tripled = crate::multiply(&x - row, Term::from(3)).unwrap();
                let squared = crate::multiply(&tripled, &tripled).unwrap();
                for y in [tripled, squared] {
                    let mean = y.mean(-1).unwrap();
                    assert_eq!(in_planes(&mean).is_none(), dtype.is_complex());
                    let mean = (!dtype.is_complex()).then_some(mean);
                    for fold in [Some(y.sum(-1).unwrap()), mean].into_iter().flatten() {
                        let planes = in_planes(&fold).expect("the axis is short");
                        assert_eq!(planes.meta().shape, [40]);
                        let (planes, fold) = (evaluate(&planes).unwrap(), evaluate(fold.value()).unwrap());
                        assert_eq!(planes.dtype(), fold.dtype());
                        assert_eq!(planes.as_bytes(), fold.as_bytes(), "{len} elements of {dtype}");
                    }
                }
            }
        }
    }

    #[test]
    fn other_folds_stay() {
        let x = default_rng(Some(1)).random(&[9, 9], ChunkSpec::auto()).unwrap();
        assert!(in_planes(&x.sum(1).unwrap()).is_none(), "long");
        let x = x.slice(crate::s![.., ..3]).unwrap();
        assert!(in_planes(&x.sum(0).unwrap()).is_none(), "not the last axis");
        assert!(in_planes(&x.sum(()).unwrap()).is_none(), "both axes");
        let zeros = in_planes(&(&x * -0.0).sum(1).unwrap()).unwrap();
        assert!(evaluate(&zeros).unwrap().to_vec::<f64>().iter().all(|zero| zero.is_sign_positive()));
        let square = |x: &Array| is_square((x * x).value()) && is_square(x.square().unwrap().value());
        assert!(square(&x) && !is_square((&x * -0.0).value()) && !is_square(x.value()));
    }
}
