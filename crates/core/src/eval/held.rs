//! Values that are there already: in memory, or in a spill file.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::context::Context;
use super::patch::positions;
use crate::block::Block;
use crate::error::Result;
use crate::plan::Slot;
use crate::region::Region;
use crate::spill::Spilled;

/// A value that is there already: the region it covers, and its elements in the region's own order.
#[derive(Debug, Clone)]
pub struct Held {
    /// Which elements; rising on every axis.
    region: Region,
    values: Values,
}

#[derive(Debug, Clone)]
enum Values {
    Memory(Block),
    File(Arc<Spilled>),
}

/// Values that are there already.
pub type HeldMap = FxHashMap<Slot, Held>;

impl Held {
    /// Elements in memory. The region rises on every axis.
    pub fn in_memory(region: Region, block: Block) -> Self {
        Held { region, values: Values::Memory(block) }
    }

    /// Elements in a spill file.
    pub fn in_file(spilled: Arc<Spilled>) -> Self {
        Held { region: spilled.region().clone(), values: Values::File(spilled) }
    }

    /// The elements, if they are in memory, and the region that they cover.
    pub fn memory(&self) -> Option<(&Region, &Block)> {
        match &self.values {
            Values::Memory(block) => Some((&self.region, block)),
            Values::File(_) => None,
        }
    }

    /// Bytes of memory that it takes.
    pub fn nbytes(&self) -> usize {
        match &self.values {
            Values::Memory(block) => block.nbytes(),
            Values::File(_) => 0,
        }
    }

    /// Some of the elements, which rise on every axis.
    pub(crate) fn part(&self, asked: &Region, context: &dyn Context) -> Result<Block> {
        let positions = positions(&self.region, asked);
        match &self.values {
            Values::Memory(block) => Ok(block.slice(&positions)),
            Values::File(spilled) => spilled.read(&positions, context),
        }
    }
}
