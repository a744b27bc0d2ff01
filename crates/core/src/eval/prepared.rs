//! Values of a region of which parts are wanted one by one: what is common to all parts is done once.

use std::sync::Arc;

use smallvec::SmallVec;

use super::patch::{Evaluator, positions};
use super::program::Program;
use crate::block::Block;
use crate::buffer::BufferPool;
use crate::error::{Error, Result};
use crate::plan::Slot;
use crate::region::Region;

/// Values, or the program that computes any part of them.
pub(super) enum Value<'a> {
    Block(Block),
    Program(Program<'a>),
}

/// Some wanted values over a region, ready to be taken part by part.
pub(super) struct Prepared<'a> {
    /// What was evaluated, and over which region.
    pub values: SmallVec<[(Region, Value<'a>); 1]>,
    /// By want: which of the values it is a part of.
    pub wants: SmallVec<[usize; 4]>,
    pub pool: Arc<BufferPool>,
    /// Elements of a tile, instead of what fits the cache.
    pub tile: Option<usize>,
}

impl Prepared<'_> {
    /// Parts of what was wanted: the same wants as before, over regions inside of theirs.
    pub fn parts(&mut self, wants: &[(Slot, Region)]) -> Vec<Block> {
        let mut parts: Vec<Block> = Vec::with_capacity(wants.len());
        for (number, (_, region)) in wants.iter().enumerate() {
            let value = self.wants[number];
            let same = (0..number).find(|&other| self.wants[other] == value && wants[other].1 == *region);
            let part = match (same, &mut self.values[value]) {
                (Some(other), _) => parts[other].clone(),
                (None, (whole, Value::Block(block))) => block.slice(&positions(whole, region)),
                (None, (whole, Value::Program(program))) => {
                    let rising = region.ascending();
                    let block = program.part(&positions(whole, &rising), &self.pool, self.tile);
                    block.slice(&positions(&rising, region))
                }
            };
            parts.push(part);
        }
        parts
    }
}

/// Regions of values that are wanted.
pub(super) type Wants = Vec<(Slot, Region)>;

/// Patches that are prepared together, and evaluated one by one.
pub(super) struct Batch<'e, 'a> {
    evaluator: &'e Evaluator<'a>,
    /// All patches; `None` if there is only one.
    hull: Option<Region>,
    prepared: Option<Prepared<'a>>,
}

impl<'e, 'a> Batch<'e, 'a> {
    /// For patches that fill a box.
    pub fn new(evaluator: &'e Evaluator<'a>, patches: &[Region]) -> Self {
        let hull = match patches {
            [first, rest @ ..] if !rest.is_empty() => {
                Some(rest.iter().fold(first.clone(), |hull, patch| hull.hull(patch)))
            }
            _ => None,
        };
        Batch { evaluator, hull, prepared: None }
    }

    /// What a patch wants, and its values.
    pub fn values(
        &mut self,
        patch: &Region,
        wants_of: &dyn Fn(&Region) -> Wants,
    ) -> Result<(Wants, Vec<Block>)> {
        let wants = wants_of(patch);
        let Some(hull) = &self.hull else {
            let blocks = self.evaluator.evaluate(&wants)?;
            return Ok((wants, blocks));
        };
        if self.evaluator.context.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let prepared = match &mut self.prepared {
            Some(prepared) => prepared,
            none => none.insert(self.evaluator.prepare(&wants_of(hull), true)?),
        };
        let blocks = prepared.parts(&wants);
        Ok((wants, blocks))
    }
}
