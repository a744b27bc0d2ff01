//! Scratch.
use brickwork::{Array, Synchronous};
use brickwork_core::Block;
use brickwork_sched::{Compute, explain};
use brickwork_testkit::*;

#[test]
fn gather() {
    for list in [vec![2i64, 3], vec![3, 2], vec![2, 2], vec![0, 3]] {
      for k in 0..4 {
        let lazy = k & 1 == 1;
        let src = CountingSource::new(Block::from_ndarray(iota(&[4, 11, 11]).view()), [2usize, 8, 8]).unwrap();
        let src = if k & 2 == 2 { src.by_element() } else { src };
        let x = src.array().unwrap();
        let y = if lazy { x.take(Array::from_vec(list.clone(), &[2]).unwrap(), 0) } else { x.take(list.clone(), 0) }.unwrap();
        let s = Synchronous::new().forced(|o| o.forced_patch = Some(64));
        let plan = explain(std::slice::from_ref(&y), &s).unwrap();
        let r = y.compute_with(&s);
        println!("{list:?} {k} {:?} walk {:?} patch {:?} {:?}", r.map(|_| ()).map_err(|e| e.to_string()), plan.stages[0].walk, plan.stages[0].patch, src.log().regions().len());
      }
    }
}
