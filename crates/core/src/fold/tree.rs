//! Joining leaves in a fixed order.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::acc::Acc;
use crate::operation::Reduce;

/// Node `k` at a level covers the leaves `k·2^level .. (k + 1)·2^level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeKey {
    /// 0 for leaves.
    pub level: u32,
    /// Number within the level.
    pub k: usize,
}

/// The nodes of a fold that are complete, and as large as they can be: as soon as both halves of a node are there,
/// the node takes their place.
#[derive(Debug)]
pub struct FoldTree {
    num_leaves: usize,
    nodes: BTreeMap<NodeKey, Acc>,
    open: BTreeMap<usize, (Acc, usize)>,
}

impl FoldTree {
    /// A tree over this many leaves.
    pub fn new(num_leaves: usize) -> Self {
        FoldTree { num_leaves, nodes: BTreeMap::new(), open: BTreeMap::new() }
    }

    fn nodes_at(&self, level: u32) -> usize {
        self.num_leaves.div_ceil(1usize << level.min(63)).max(1)
    }

    fn is_root(&self, key: NodeKey) -> bool {
        self.nodes_at(key.level) == 1
    }

    /// Takes up a leaf that is complete only after several visits. `elements` of its `size` are folded by `fold`.
    pub fn fold_part<E>(
        &mut self,
        op: &dyn Reduce,
        leaf: usize,
        elements: usize,
        size: usize,
        start: impl FnOnce() -> Acc,
        fold: impl FnOnce(&mut Acc) -> Result<(), E>,
    ) -> Result<(), E> {
        let (mut acc, done) = self.open.remove(&leaf).unwrap_or_else(|| (start(), 0));
        fold(&mut acc)?;
        if done + elements >= size {
            self.insert(op, NodeKey { level: 0, k: leaf }, acc);
        } else {
            self.open.insert(leaf, (acc, done + elements));
        }
        Ok(())
    }

    /// Adds a complete node and joins upwards as far as siblings are there.
    pub fn insert(&mut self, op: &dyn Reduce, mut key: NodeKey, mut acc: Acc) {
        while !self.is_root(key) {
            let sibling = NodeKey { level: key.level, k: key.k ^ 1 };
            if key.k % 2 == 1 {
                let Some(mut left) = self.nodes.remove(&sibling) else { break };
                op.merge(&mut left, &acc);
                acc = left;
            } else if sibling.k < self.nodes_at(key.level) {
                let Some(right) = self.nodes.remove(&sibling) else { break };
                op.merge(&mut acc, &right);
            }
            key = NodeKey { level: key.level + 1, k: key.k / 2 };
        }
        self.nodes.insert(key, acc);
    }

    /// Adds `count` complete leaves from number `first` on, whose accumulators lie one after the other in `acc`, for
    /// `kept` elements each. Joins them level by level, many in one call.
    pub(crate) fn insert_run(
        &mut self,
        op: &dyn Reduce,
        first: usize,
        mut count: usize,
        kept: usize,
        mut acc: Acc,
    ) {
        let mut key = NodeKey { level: 0, k: first };
        if count == 1 {
            return self.insert(op, key, acc);
        }
        let mut right = acc.like(count / 2 * kept);
        while count > 1 {
            let skipped = key.k % 2;
            if skipped == 1 {
                self.insert(op, key, acc.runs(kept, 0, 1, 1));
                key.k += 1;
                count -= 1;
            }
            if count % 2 == 1 {
                let last = NodeKey { level: key.level, k: key.k + count - 1 };
                self.insert(op, last, acc.runs(kept, skipped + count - 1, 1, 1));
                count -= 1;
            }
            if count == 0 {
                return;
            }
            count /= 2;
            acc.take_apart(kept, skipped, count, &mut right);
            op.merge(&mut acc, &right);
            key = NodeKey { level: key.level + 1, k: key.k / 2 };
        }
        if count == 1 {
            // A copy has no room for more than it holds.
            self.insert(op, key, acc.clone());
        }
    }

    /// The accumulator of everything, once all leaves are in.
    pub fn take_root(&mut self) -> Option<Acc> {
        let (&key, _) = self.nodes.first_key_value()?;
        (self.nodes.len() == 1 && self.is_root(key)).then(|| self.nodes.remove(&key)).flatten()
    }

    /// The complete nodes. No leaf may be half folded.
    pub fn into_nodes(self) -> impl Iterator<Item = (NodeKey, Acc)> {
        debug_assert!(self.open.is_empty(), "a task folds whole leaves");
        self.nodes.into_iter()
    }

    /// Bytes of all accumulators.
    pub fn nbytes(&self) -> usize {
        self.nodes.values().map(Acc::nbytes).sum::<usize>()
            + self.open.values().map(|(acc, _)| acc.nbytes()).sum::<usize>()
    }
}
