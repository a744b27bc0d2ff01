//! Late stages: parts of an expression that can be cut into tasks only when some values are known.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::block::Block;
use crate::error::{Error, Result};
use crate::expr::{Node, Value};
use crate::operation::Kind;

/// The values that the staged operations of some expressions wait for, as far as they can be computed now.
pub fn awaited(outputs: &[Value]) -> Vec<Value> {
    let mut found: Vec<Value> = Vec::new();
    for node in nodes(outputs) {
        if let Kind::Staged(staged) = node.op().kind() {
            for k in staged.awaited() {
                let input = &node.inputs()[k];
                let is_new = found.iter().all(|value| value.node.hash() != input.node.hash());
                if is_new && is_ready(input) {
                    found.push(input.clone());
                }
            }
        }
    }
    found
}

/// Whether nothing below a value waits for anything.
fn is_ready(value: &Value) -> bool {
    nodes(std::slice::from_ref(value)).iter().all(|node| !matches!(node.op().kind(), Kind::Staged(_)))
}

/// The expressions with every staged operation put right whose awaited values are in `known` (by node hash), and
/// everything above it worked out again. A pure function of the expressions and the values.
pub fn substitute(outputs: &[Value], known: &FxHashMap<u128, Block>) -> Result<Vec<Value>> {
    renewed(outputs, &mut |node, inputs, changed| {
        let metas = || inputs.iter().map(|input| input.meta().clone()).collect::<Vec<_>>();
        if let Kind::Staged(staged) = node.op().kind() {
            let values: Option<Vec<Block>> =
                staged.awaited().iter().map(|&k| known.get(&inputs[k].node.hash()).cloned()).collect();
            if let Some(values) = values {
                let op: Arc<dyn crate::Operation> = Arc::from(staged.resolve(&metas(), &values)?);
                return Node::shared(op, inputs).map(Some);
            }
        } else if changed && metas().iter().all(|meta| meta.is_known()) {
            let op = node.op().refitted(&metas()).unwrap_or_else(|| node.op().clone());
            return Node::shared(op, inputs).map(Some);
        }
        match changed {
            true => Node::with_metas(node.op().clone(), inputs, node.metas().to_vec()).map(Some),
            false => Ok(None),
        }
    })
}

/// What takes the place of a node, given its inputs as they are now and whether any of them has changed; `None` if it
/// stays.
pub(crate) type Renew<'a> = dyn FnMut(&Node, Vec<Value>, bool) -> Result<Option<Arc<Node>>> + 'a;

/// The expressions with some nodes replaced, inputs before users.
pub(crate) fn renewed(outputs: &[Value], renew: &mut Renew<'_>) -> Result<Vec<Value>> {
    let mut renewed: FxHashMap<u128, Arc<Node>> = FxHashMap::default();
    for node in nodes(outputs) {
        let inputs: Vec<Value> = node
            .inputs()
            .iter()
            .map(|input| match renewed.get(&input.node.hash()) {
                Some(new) => Value { node: new.clone(), output: input.output },
                None => input.clone(),
            })
            .collect();
        let changed = node.inputs().iter().any(|input| renewed.contains_key(&input.node.hash()));
        if let Some(new) = renew(node, inputs, changed)? {
            renewed.insert(node.hash(), new);
        }
    }
    Ok(outputs
        .iter()
        .map(|value| match renewed.get(&value.node.hash()) {
            Some(node) => Value { node: node.clone(), output: value.output },
            None => value.clone(),
        })
        .collect())
}

/// Resolves every staged operation, computing what they wait for with `compute`.
pub fn resolve_staged(
    outputs: &[Value],
    compute: &mut dyn FnMut(&Value) -> Result<Block>,
) -> Result<Vec<Value>> {
    let mut outputs = outputs.to_vec();
    let mut known = FxHashMap::default();
    loop {
        let waiting: Vec<Value> =
            awaited(&outputs).into_iter().filter(|value| !known.contains_key(&value.node.hash())).collect();
        if waiting.is_empty() {
            return Ok(outputs);
        }
        for value in waiting {
            let block = compute(&value)?;
            known.insert(value.node.hash(), block);
        }
        outputs = substitute(&outputs, &known)?;
        if known.len() > 10_000 {
            return Err(Error::Bug { what: "staged operations that never end".into() });
        }
    }
}

/// All nodes of some expressions, inputs before users.
pub fn nodes(outputs: &[Value]) -> Vec<&Arc<Node>> {
    let mut seen: FxHashMap<u128, bool> = FxHashMap::default();
    let mut order = Vec::new();
    for value in outputs {
        let mut open: Vec<(&Arc<Node>, usize)> = vec![(&value.node, 0)];
        while let Some((node, next)) = open.pop() {
            if next == 0 && seen.insert(node.hash(), true).is_some() {
                continue;
            }
            match node.inputs().get(next) {
                Some(input) => {
                    open.push((node, next + 1));
                    open.push((&input.node, 0));
                }
                None => order.push(node),
            }
        }
    }
    order
}
