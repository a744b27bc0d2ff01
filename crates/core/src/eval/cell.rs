//! What a task has computed of its cell, on its way to memory, to stores or to spill files.

use std::collections::BTreeMap;

use super::context::{Context, Counters};
use super::patch::positions;
use super::task::Deliver;
use crate::block::{Block, BlockMut};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::plan::{Bands, Plan, TargetKind};
use crate::region::{AxisRange, Region};
use crate::spill::SpillLayout;

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

/// Collects the patches of a cell: to memory they go one by one, to a store as a whole, or band by band, to a spill
/// file block by block.
pub(super) struct CellBlock<'a> {
    output: CellOutput<'a>,
    collections: Vec<Collection<'a>>,
}

/// The parts of a cell that are handed over as soon as each is complete.
struct Collection<'a> {
    cut: Cut<'a>,
    targets: Vec<usize>,
    /// Those that are not complete yet, by number.
    open: BTreeMap<usize, Part>,
}

/// Into which parts a cell is cut.
enum Cut<'a> {
    Whole,
    Bands(Bands),
    Readers(&'a SpillLayout),
}

struct Part {
    region: Region,
    block: BlockMut,
    missing: usize,
}

impl<'a> CellBlock<'a> {
    pub fn new(output: CellOutput<'a>) -> Self {
        let plan: &'a Plan = output.plan;
        let stores: Vec<usize> =
            output.targets.iter().copied().filter(|&target| output.is_store(target)).collect();
        let mut collections = Vec::new();
        if !stores.is_empty() {
            let cut = output.bands.map_or(Cut::Whole, Cut::Bands);
            collections.push(Collection { cut, targets: stores, open: BTreeMap::new() });
        }
        for &target in output.targets {
            if let Some(layout) = &plan.targets[target].spill {
                let cut = Cut::Readers(layout);
                collections.push(Collection { cut, targets: vec![target], open: BTreeMap::new() });
            }
        }
        CellBlock { output, collections }
    }

    /// Takes the values of a patch.
    pub fn take(&mut self, patch: &Region, block: Block) -> Result<()> {
        if patch.is_empty() {
            return Ok(());
        }
        let output = &self.output;
        for collection in &mut self.collections {
            for (number, region) in collection.cut.parts(&output.cell, patch) {
                let Collection { cut, open, .. } = collection;
                let part = open.entry(number).or_insert_with(|| output.part(cut.part(&output.cell, number)));
                let values = block.slice(&positions(patch, &region));
                part.block.slice_mut(&positions(&part.region, &region)).assign(&values);
                part.missing -= region.size();
                if part.missing == 0
                    && let Some(part) = collection.open.remove(&number)
                {
                    output.hand_over(part, &collection.targets)?;
                }
            }
        }
        for &target in output.targets {
            if !output.is_store(target) && output.plan.targets[target].spill.is_none() {
                output.deliver.deliver(target, patch, &block)?;
            }
        }
        Ok(())
    }

    /// Ends the cell, of which nothing may be missing: what a part still holds there is not its own.
    pub fn finish(self) -> Result<()> {
        match self.collections.iter().find_map(|collection| collection.open.first_key_value()) {
            None => Ok(()),
            Some((_, Part { region, missing, .. })) => {
                Err(Error::Bug { what: format!("{missing} elements of {region} were not computed") })
            }
        }
    }
}

impl Cut<'_> {
    /// The parts of the cell that a patch lies in, by number, and what of the patch lies in each.
    fn parts(&self, cell: &Region, patch: &Region) -> Vec<(usize, Region)> {
        let &Bands { axis, len } = match self {
            Cut::Whole => return vec![(0, patch.clone())],
            Cut::Readers(layout) => return layout.by_reader(patch),
            Cut::Bands(bands) => bands,
        };
        let (whole, range) = (cell.axes()[axis], patch.axes()[axis]);
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

    /// All that a part of the cell holds.
    fn part(&self, cell: &Region, number: usize) -> Region {
        match self {
            Cut::Whole => cell.clone(),
            Cut::Readers(layout) => layout.in_reader(number, cell),
            &Cut::Bands(Bands { axis, len }) => {
                let (whole, start) = (cell.axes()[axis], number * len);
                let mut region = cell.clone();
                *region.axis_mut(axis) = whole.compose(&AxisRange::new(start, len.min(whole.len - start)));
                region
            }
        }
    }
}

impl CellOutput<'_> {
    fn is_store(&self, target: usize) -> bool {
        matches!(self.plan.targets[target].kind, TargetKind::Store(..))
    }

    fn part(&self, region: Region) -> Part {
        let block = BlockMut::take(self.dtype, &region.shape(), Some(self.context.pool()));
        Part { missing: region.size(), block, region }
    }

    fn hand_over(&self, part: Part, targets: &[usize]) -> Result<()> {
        let block = part.block.freeze();
        for &target in targets {
            if self.is_store(target) {
                Counters::add(&self.context.counters().bytes_written, block.nbytes());
            }
            self.deliver.deliver(target, &part.region, &block)?;
        }
        Ok(())
    }
}
