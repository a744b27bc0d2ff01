//! What a task has computed of its cell, on its way to memory or to stores.

use std::collections::BTreeMap;

use super::context::{Context, Counters};
use super::patch::positions;
use super::task::Deliver;
use crate::block::{Block, BlockMut};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::plan::{Bands, Plan, TargetKind};
use crate::region::{AxisRange, Region};

/// A value that is written over the cell of a task, and where it goes.
pub(super) struct CellOutput<'a> {
    pub plan: &'a Plan,
    pub dtype: DType,
    pub targets: &'a [usize],
    pub cell: Region,
    pub bands: Option<Bands>,
    pub context: &'a dyn Context,
    pub deliver: &'a dyn Deliver,
}

/// Collects the patches of a cell: to memory they go one by one, to a store as a whole, or band by band.
pub(super) struct CellBlock<'a> {
    output: CellOutput<'a>,
    is_stored: bool,
    /// The bands that are not complete yet, by number.
    open: BTreeMap<usize, Band>,
}

struct Band {
    region: Region,
    block: BlockMut,
    missing: usize,
}

impl<'a> CellBlock<'a> {
    pub fn new(output: CellOutput<'a>) -> Self {
        let is_stored = output.targets.iter().any(|&target| output.is_store(target));
        CellBlock { output, is_stored, open: BTreeMap::new() }
    }

    /// Takes the values of a patch.
    pub fn take(&mut self, patch: &Region, block: Block) -> Result<()> {
        if patch.is_empty() {
            return Ok(());
        }
        if self.is_stored {
            for (number, part) in self.output.parts(patch) {
                let band = self.open.entry(number).or_insert_with(|| self.output.band(number));
                let values = block.slice(&positions(patch, &part));
                band.block.slice_mut(&positions(&band.region, &part)).assign(&values);
                band.missing -= part.size();
                if band.missing == 0
                    && let Some(band) = self.open.remove(&number)
                {
                    self.output.store(band)?;
                }
            }
        }
        for &target in self.output.targets {
            if !self.output.is_store(target) {
                self.output.deliver.deliver(target, patch, &block)?;
            }
        }
        Ok(())
    }

    /// Ends the cell, of which nothing may be missing: what a band still holds there is not its own.
    pub fn finish(self) -> Result<()> {
        match self.open.first_key_value() {
            None => Ok(()),
            Some((_, Band { region, missing, .. })) => {
                Err(Error::Bug { what: format!("{missing} elements of {region} were not computed") })
            }
        }
    }
}

impl CellOutput<'_> {
    fn is_store(&self, target: usize) -> bool {
        matches!(self.plan.targets[target].kind, TargetKind::Store(..))
    }

    /// The parts of a patch that lie in different bands.
    fn parts(&self, patch: &Region) -> Vec<(usize, Region)> {
        let Some(Bands { axis, len }) = self.bands else { return vec![(0, patch.clone())] };
        let (whole, range) = (self.cell.axes()[axis], patch.axes()[axis]);
        let first = whole.position(range.start).unwrap_or(0);
        let (mut parts, mut done) = (Vec::new(), 0);
        while done < range.len {
            let number = (first + done) / len;
            let count = ((number + 1) * len - first - done).min(range.len - done);
            let mut part = patch.clone();
            *part.axis_mut(axis) = range.compose(&AxisRange::new(done, count));
            parts.push((number, part));
            done += count;
        }
        parts
    }

    fn band(&self, number: usize) -> Band {
        let mut region = self.cell.clone();
        if let Some(Bands { axis, len }) = self.bands {
            let whole = self.cell.axes()[axis];
            let start = number * len;
            *region.axis_mut(axis) = whole.compose(&AxisRange::new(start, len.min(whole.len - start)));
        }
        let block = BlockMut::take(self.dtype, &region.shape(), Some(self.context.pool()));
        Band { missing: region.size(), block, region }
    }

    fn store(&self, band: Band) -> Result<()> {
        let block = band.block.freeze();
        for &target in self.targets.iter().filter(|&&target| self.is_store(target)) {
            Counters::add(&self.context.counters().bytes_written, block.nbytes());
            self.deliver.deliver(target, &band.region, &block)?;
        }
        Ok(())
    }
}
