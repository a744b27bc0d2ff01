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
    /// All patches.
    hull: Region,
    is_one: bool,
    prepared: Option<Prepared<'a>>,
}

impl<'e, 'a> Batch<'e, 'a> {
    /// For patches that fill a box.
    pub fn new(evaluator: &'e Evaluator<'a>, patches: &[Region]) -> Self {
        let (first, rest) = patches.split_first().expect("a batch has a patch");
        let hull = rest.iter().fold(first.clone(), |hull, patch| hull.hull(patch));
        Batch { evaluator, hull, is_one: rest.is_empty(), prepared: None }
    }

    /// The box of all patches.
    pub fn hull(&self) -> &Region {
        &self.hull
    }

    /// The values of what a patch wants.
    pub fn values(&mut self, wants: &Wants, wants_of: &dyn Fn(&Region) -> Wants) -> Result<Vec<Block>> {
        let defer = !self.is_one;
        Ok(self.prepared(wants_of, defer)?.parts(wants))
    }

    /// The program that computes all that a patch wants, and where in its region that lies, if it is just one value
    /// that a program computes.
    pub fn program(
        &mut self,
        wants: &Wants,
        wants_of: &dyn Fn(&Region) -> Wants,
    ) -> Result<Option<(&mut Program<'a>, Region, Option<usize>)>> {
        let [first, rest @ ..] = wants.as_slice() else { return Ok(None) };
        if rest.iter().any(|want| want != first) {
            return Ok(None);
        }
        let Prepared { values, wants, tile, .. } = self.prepared(wants_of, true)?;
        Ok(match &mut values[wants[0]] {
            (whole, Value::Program(program)) => Some((program, positions(whole, &first.1), *tile)),
            _ => None,
        })
    }

    /// What is common to all patches. Programs are left to be run part by part, if `defer` says so.
    fn prepared(&mut self, wants_of: &dyn Fn(&Region) -> Wants, defer: bool) -> Result<&mut Prepared<'a>> {
        if self.evaluator.context.is_cancelled() {
            return Err(Error::Cancelled);
        }
        Ok(match &mut self.prepared {
            Some(prepared) => prepared,
            none => none.insert(self.evaluator.prepare(&wants_of(&self.hull), defer)?),
        })
    }
}
