//! What the tasks of a plan make and others read: results, held values, spilled values.

use std::fmt::Debug;
use std::sync::Arc;

use brickwork_core::eval::{Activity, Counters, Held, HeldMap, doing};
use brickwork_core::plan::{Plan, Target, TargetKind};
use brickwork_core::{AxisRange, Block, BlockMut, DType, Error, Region, Result, SharedBlock, SpillFile};
use parking_lot::{Mutex, RwLock};

use crate::context::RunContext;

/// Where values lie.
pub(crate) trait Room: Debug + Send + Sync {
    /// Memory for all of a target of some kind, to write. What nobody writes is 0.
    fn memory(&self, target: usize, kind: &TargetKind, dtype: DType, shape: &[usize]) -> Result<BlockMut>;

    /// A file for all of a target.
    fn file(&self, target: usize, plan: &Plan) -> Result<Arc<dyn SpillFile>>;

    /// Nobody reads a target any more.
    fn release(&self, target: usize);
}

/// Memory of this process, and a file for every spilled value.
#[derive(Debug)]
pub(crate) struct OwnRoom;

impl Room for OwnRoom {
    fn memory(&self, _target: usize, kind: &TargetKind, dtype: DType, shape: &[usize]) -> Result<BlockMut> {
        Ok(match kind {
            TargetKind::Collect(_) => BlockMut::zeroed_vec(dtype, shape),
            TargetKind::Held | TargetKind::Store(..) => BlockMut::zeroed(dtype, shape),
        })
    }

    fn file(&self, target: usize, plan: &Plan) -> Result<Arc<dyn SpillFile>> {
        let (Some(place), Some(layout)) = (&plan.options.spill, &plan.targets[target].spill) else {
            return Err(Error::Bug { what: "a spill file without a place for it".into() });
        };
        place.create(layout.file_len())
    }

    fn release(&self, _target: usize) {}
}

/// The values of a plan while it runs.
#[derive(Debug)]
pub(crate) struct Values<'a> {
    plan: &'a Plan,
    room: RwLock<Arc<dyn Room>>,
    held: RwLock<Arc<HeldMap>>,
    /// By target: its memory, from the first time that something of it is there. Tasks fill it side by side.
    results: Vec<RwLock<Option<SharedBlock>>>,
    /// By target: what is in a spill file, from the first time that something of it is there.
    spilled: Vec<Mutex<Option<Arc<brickwork_core::Spilled>>>>,
    finished: Mutex<Vec<(usize, Block)>>,
    /// Stages that are done, by number.
    done: Mutex<Vec<bool>>,
}

impl<'a> Values<'a> {
    pub fn new(plan: &'a Plan, room: Arc<dyn Room>) -> Self {
        Values {
            plan,
            room: RwLock::new(room),
            held: RwLock::new(Arc::new(plan.given.clone())),
            results: plan.targets.iter().map(|_| RwLock::new(None)).collect(),
            spilled: plan.targets.iter().map(|_| Mutex::new(None)).collect(),
            finished: Mutex::default(),
            done: Mutex::new(vec![false; plan.stages.len()]),
        }
    }

    /// Puts values elsewhere from now on; before there are any.
    pub fn move_to(&self, room: Arc<dyn Room>) {
        *self.room.write() = room;
    }

    /// What is there for tasks to read.
    pub fn held(&self) -> Arc<HeldMap> {
        self.held.read().clone()
    }

    /// Takes values of a target. What goes to a sink is handed to `store`, with its place there.
    pub fn take(
        &self,
        target: usize,
        region: &Region,
        block: &Block,
        (context, counters): (&RunContext, &Counters),
        store: &dyn Fn(&Region, &Block) -> Result<()>,
    ) -> Result<()> {
        if region.is_empty() {
            return Ok(());
        }
        self.take_one(target, region, block, (context, counters), store)?;
        let Some(opposite) = self.plan.mirrored(target, region) else { return Ok(()) };
        let block = block.transposed();
        if !matches!(self.plan.targets[target].kind, TargetKind::Store(..)) {
            return self.take_one(target, &opposite, &block, (context, counters), store);
        }
        Counters::add(&counters.bytes_written, block.nbytes());
        self.take_one(target, &opposite, &block.to_dense(Some(&context.pool)), (context, counters), store)
    }

    fn take_one(
        &self,
        target: usize,
        region: &Region,
        block: &Block,
        (context, counters): (&RunContext, &Counters),
        store: &dyn Fn(&Region, &Block) -> Result<()>,
    ) -> Result<()> {
        let goal = &self.plan.targets[target];
        Counters::add(&counters.bytes_delivered, block.nbytes());
        let place = placed(goal, region);
        if goal.spill.is_some() {
            Counters::add(&counters.bytes_spilled, block.nbytes());
            let _writing = doing(Activity::Write);
            let stored = self.spilled(target, context)?.write(&place, block, &context.pool)?;
            Counters::add(&counters.bytes_spilled_stored, stored);
            return Ok(());
        }
        match &goal.kind {
            TargetKind::Store(..) => {
                let _writing = doing(Activity::Write);
                store(&place, block)
            }
            TargetKind::Held | TargetKind::Collect(_) => {
                self.with_result(target, |result| result.write(&place, block))
            }
        }
    }

    /// Hands out the memory of a value, which is made when it is first asked for.
    fn with_result(&self, target: usize, then: impl FnOnce(&SharedBlock)) -> Result<()> {
        let results = &self.results[target];
        if results.read().is_none() {
            let mut result = results.write();
            if result.is_none() {
                *result = Some(SharedBlock::new(self.memory(target)?));
            }
        }
        match &*results.read() {
            Some(result) => then(result),
            None => return Err(Error::Bug { what: format!("target {target} is written after its stage") }),
        }
        Ok(())
    }

    fn memory(&self, target: usize) -> Result<BlockMut> {
        let goal = &self.plan.targets[target];
        let dtype = self.plan.graph.meta(goal.slot).dtype;
        self.room.read().memory(target, &goal.kind, dtype, &goal.region.shape())
    }

    /// A value of a spill file, which is made when it is first asked for.
    fn spilled(&self, target: usize, context: &RunContext) -> Result<Arc<brickwork_core::Spilled>> {
        let mut spilled = self.spilled[target].lock();
        if let Some(spilled) = &*spilled {
            return Ok(spilled.clone());
        }
        let Some(layout) = &self.plan.targets[target].spill else {
            return Err(Error::Bug { what: format!("target {target} is not spilled") });
        };
        let file = self.room.read().file(target, self.plan)?;
        let made = brickwork_core::Spilled::over(layout.clone(), file, context.spill_id());
        Ok(spilled.insert(Arc::new(made)).clone())
    }

    /// Makes what a stage has made ready for others to read, and lets go of what nobody will read any more. Results
    /// are kept for the user only if they are collected here.
    pub fn stage_done(&self, stage: usize, context: &RunContext, collects: bool) -> Result<()> {
        for (number, target) in self.plan.targets.iter().enumerate() {
            if target.stage != stage || matches!(target.kind, TargetKind::Store(..)) {
                continue;
            }
            if target.spill.is_some() {
                let spilled = self.spilled(number, context)?;
                *self.spilled[number].lock() = None;
                Arc::make_mut(&mut self.held.write()).insert(target.slot, Held::in_file(spilled));
                continue;
            }
            let made = self.results[number].write().take();
            let is_collected = collects && matches!(target.kind, TargetKind::Collect(_));
            if !is_collected && target.readers.is_empty() {
                continue;
            }
            let block = match made {
                Some(made) => made.into_inner(),
                None => self.memory(number)?,
            };
            let block = block.freeze();
            if let TargetKind::Collect(request) = target.kind
                && collects
            {
                self.finished.lock().push((request, block.clone()));
            }
            if !target.readers.is_empty() {
                let held = Held::in_memory(target.region.clone(), block);
                Arc::make_mut(&mut self.held.write()).insert(target.slot, held);
            }
        }
        let mut done = self.done.lock();
        done[stage] = true;
        // Stages need not end in their order.
        let is_read = |target: &Target| target.readers.iter().all(|&reader| done[reader]);
        for (number, target) in self.plan.targets.iter().enumerate() {
            if target.readers.contains(&stage) && is_read(target) {
                Arc::make_mut(&mut self.held.write()).remove(&target.slot);
                if matches!(target.kind, TargetKind::Held) {
                    self.room.read().release(number);
                }
            }
        }
        Ok(())
    }

    /// The results that were collected, by request.
    pub fn into_results(self) -> Vec<(usize, Block)> {
        self.finished.into_inner()
    }
}

/// Where a region of a value lies in the part of it that is wanted.
pub(crate) fn placed(goal: &Target, region: &Region) -> Region {
    Region::from_iter(goal.region.axes().iter().zip(region.axes()).map(|(whole, part)| {
        let start = whole.position(part.start).unwrap_or(0);
        AxisRange::new(start, part.len)
    }))
}
