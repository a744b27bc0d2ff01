//! Reading ahead: granules of patches to come are asked for while earlier ones are computed.
//!
//! Only sources whose reads wait for a network take part ([`Source::reads_ahead`]). What has been asked for and is not
//! needed yet stays within a number of bytes; a task that needs it takes it over. Results do not depend on any of this:
//! what was not asked for early is read when it is needed.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use rustc_hash::{FxHashMap, FxHashSet};

use super::context::GranuleKey;
use super::demand::{Known, demand};
use super::patch::Evaluator;
use crate::buffer::rounded_size;
use crate::error::{Error, Result};
use crate::operation::Kind;
use crate::plan::Slot;
use crate::region::Region;
use crate::source::{Granule, Pending, Source};

/// The most granules that are asked for and not needed yet.
const MOST_STARTED: usize = 64;
/// Granules that are remembered, so that none is asked for twice: several patches lie in one.
const REMEMBERED: usize = 1 << 14;

/// Names a task: stage and cell.
pub(crate) type Owner = (usize, usize);

/// Of reads that end before anything else begins.
const NOBODY: Owner = (usize::MAX, usize::MAX);

/// Granules that have been asked for and are not needed yet, up to a number of bytes.
#[derive(Default)]
pub struct ReadAhead {
    state: Mutex<State>,
    capacity: AtomicUsize,
}

#[derive(Default)]
struct State {
    started: FxHashMap<GranuleKey, Started>,
    nbytes: usize,
    seen: FxHashSet<GranuleKey>,
    order: VecDeque<GranuleKey>,
    /// By stage: cells below this run, or their reads have been looked at.
    next_cell: FxHashMap<usize, usize>,
    /// Cells that will run here, if others run elsewhere.
    expected: Option<VecDeque<Owner>>,
}

struct Started {
    pending: Box<dyn Pending>,
    nbytes: usize,
    owner: Owner,
}

impl std::fmt::Debug for ReadAhead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.state.lock();
        write!(f, "ReadAhead({} granules, {} bytes)", state.started.len(), state.nbytes)
    }
}

impl ReadAhead {
    /// Allows it this many bytes from now on, and drops and forgets all there is.
    pub fn reset(&self, capacity: usize) {
        self.capacity.store(capacity, Ordering::Relaxed);
        let old = std::mem::take(&mut *self.state.lock());
        // Requests are given up without the lock.
        drop(old);
    }

    /// Whether anything is read ahead at all.
    pub fn is_active(&self) -> bool {
        self.capacity.load(Ordering::Relaxed) > 0
    }

    /// A granule that has been asked for. One that has not will not be any more: it is being read.
    pub(crate) fn take_or_note(&self, key: GranuleKey) -> Option<Box<dyn Pending>> {
        let mut state = self.state.lock();
        let Some(started) = state.started.remove(&key) else {
            if !state.seen.contains(&key) {
                state.remember(key);
            }
            return None;
        };
        state.nbytes -= started.nbytes;
        Some(started.pending)
    }

    /// Asks for granules that a read will need after the one at hand, while there is room.
    pub(crate) fn offer_rest(&self, source: &dyn Source, hash: u128, rest: &[Granule]) -> Result<()> {
        for granule in rest {
            if !self.offer(source, hash, granule, NOBODY)? {
                break;
            }
        }
        Ok(())
    }

    /// Asks for a granule, unless that was done before. False if there is no room yet.
    fn offer(&self, source: &dyn Source, hash: u128, granule: &Granule, owner: Owner) -> Result<bool> {
        let Some(key) = granule.key.map(|key| (hash, key)) else { return Ok(true) };
        let capacity = self.capacity.load(Ordering::Relaxed);
        let nbytes = rounded_size(granule.encoded_bytes);
        {
            let mut state = self.state.lock();
            if nbytes > capacity || state.seen.contains(&key) {
                return Ok(true);
            }
            if state.nbytes + nbytes > capacity || state.started.len() >= MOST_STARTED {
                return Ok(false);
            }
            state.remember(key);
        }
        if let Some(pending) = source.start_ahead(granule)? {
            let mut state = self.state.lock();
            state.nbytes += nbytes;
            state.started.insert(key, Started { pending, nbytes, owner });
        }
        Ok(true)
    }

    /// Notes that a cell will not run, and gives up what was asked for on its behalf.
    pub fn skip(&self, stage: usize, cell: usize) {
        if self.is_active() {
            self.begin((stage, cell));
            self.end((stage, cell));
        }
    }

    /// Names cells (stage and number) that will run here, in this order. Once any are named, others are taken to run
    /// elsewhere.
    pub fn expect(&self, cells: impl IntoIterator<Item = (usize, usize)>) {
        self.state.lock().expected.get_or_insert_default().extend(cells);
    }

    /// Notes that a cell runs.
    fn begin(&self, (stage, cell): Owner) {
        let mut state = self.state.lock();
        if let Some(expected) = &mut state.expected {
            expected.retain(|&other| other != (stage, cell));
            return;
        }
        let next = state.next_cell.entry(stage).or_insert(0);
        *next = (*next).max(cell + 1);
    }

    /// The next cell of a stage that nobody has looked at.
    fn next_cell(&self, stage: usize, cells: usize) -> Option<usize> {
        let mut state = self.state.lock();
        if let Some(expected) = &mut state.expected {
            let place = expected.iter().position(|&(other, _)| other == stage)?;
            return expected.remove(place).map(|(_, cell)| cell);
        }
        let next = state.next_cell.entry(stage).or_insert(0);
        (*next < cells).then(|| {
            *next += 1;
            *next - 1
        })
    }

    /// Gives up what was asked for on behalf of a task and never needed.
    fn end(&self, owner: Owner) {
        let mut unused = Vec::new();
        let mut state = self.state.lock();
        let keys: Vec<GranuleKey> =
            state.started.iter().filter(|(_, started)| started.owner == owner).map(|(key, _)| *key).collect();
        for key in keys {
            if let Some(started) = state.started.remove(&key) {
                state.nbytes -= started.nbytes;
                unused.push(started);
            }
        }
        drop(state);
        drop(unused);
    }
}

impl State {
    fn remember(&mut self, key: GranuleKey) {
        if self.order.len() >= REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        self.seen.insert(key);
        self.order.push_back(key);
    }
}

/// The cells that come after a task's own.
pub(crate) trait Beyond {
    /// How many cells the stage has.
    fn num_cells(&self) -> usize;
    /// The patches of a cell.
    fn patches(&self, cell: usize) -> Vec<Region>;
}

/// What a task may look forward to beside its own patches.
#[derive(Clone, Copy)]
pub(crate) struct Outlook<'a> {
    pub owner: Owner,
    pub beyond: &'a dyn Beyond,
}

/// Goes ahead of a task through its patches, and then through those of the cells after it.
pub(crate) struct Lookahead<'a> {
    evaluator: &'a Evaluator<'a>,
    ahead: Option<&'a ReadAhead>,
    outlook: Option<Outlook<'a>>,
    patches: Vec<Region>,
    /// Patches of `patches` below this have been looked at.
    next: usize,
    owner: Owner,
    /// What the patch looked at last needs and has not been asked for.
    waiting: VecDeque<(usize, Granule)>,
}

impl<'a> Lookahead<'a> {
    /// For a walk through patches.
    pub fn new(evaluator: &'a Evaluator<'a>, patches: &[Region], outlook: Option<Outlook<'a>>) -> Self {
        let ahead = evaluator.context.ahead().filter(|ahead| ahead.is_active());
        if let (Some(ahead), Some(outlook)) = (ahead, outlook) {
            ahead.begin(outlook.owner);
        }
        Lookahead {
            evaluator,
            ahead,
            outlook,
            patches: if ahead.is_some() { patches.to_vec() } else { Vec::new() },
            next: 0,
            // Walks inside a patch end before anything else begins: nothing of theirs is left over.
            owner: outlook.map_or(NOBODY, |outlook| outlook.owner),
            waiting: VecDeque::new(),
        }
    }

    /// Asks for what patch number `current` of the task's own needs, and those after it, while there is room.
    pub fn advance(&mut self, current: usize, wants: &dyn Fn(&Region) -> Vec<(Slot, Region)>) -> Result<()> {
        let Some(ahead) = self.ahead else { return Ok(()) };
        let is_own = self.outlook.is_none_or(|outlook| outlook.owner == self.owner);
        if is_own && self.next < current {
            self.next = current;
            self.waiting.clear();
        }
        loop {
            while let Some((node, granule)) = self.waiting.front() {
                let node = &self.evaluator.graph.nodes[*node];
                if let Kind::Source(source) = node.op.kind()
                    && !ahead.offer(source, node.hash, granule, self.owner)?
                {
                    return Ok(());
                }
                self.waiting.pop_front();
            }
            if let Some(patch) = self.patches.get(self.next) {
                self.next += 1;
                self.waiting = granules(self.evaluator, &wants(patch))?;
                continue;
            }
            let Some(outlook) = self.outlook else { return Ok(()) };
            let Some(cell) = ahead.next_cell(outlook.owner.0, outlook.beyond.num_cells()) else {
                return Ok(());
            };
            self.owner = (outlook.owner.0, cell);
            self.patches = outlook.beyond.patches(cell);
            self.next = 0;
        }
    }
}

impl Drop for Lookahead<'_> {
    fn drop(&mut self) {
        if let (Some(ahead), Some(outlook)) = (self.ahead, self.outlook) {
            ahead.end(outlook.owner);
        }
    }
}

/// The granules that some regions need of sources that read ahead.
fn granules(evaluator: &Evaluator<'_>, wants: &[(Slot, Region)]) -> Result<VecDeque<(usize, Granule)>> {
    let held = |slot: Slot| evaluator.is_held(slot);
    // A scan will go on from where the patch before it ends.
    let carried = |node: usize, region: &Region| match evaluator.graph.nodes[node].op.kind() {
        Kind::Scan(scan) => (region.axes()[scan.axis()].bounds().0, None),
        _ => (0, None),
    };
    // What indices point at is not known before they are.
    let indices = |_: &[(Slot, Region)]| Err(Error::Cancelled);
    let known = Known { held: &held, carried: &carried };
    let Ok(demand) = demand(evaluator.graph, wants, known, Some(&indices)) else {
        return Ok(VecDeque::new());
    };
    let mut found = VecDeque::new();
    for instance in
        demand.instances.iter().filter(|instance| !instance.is_held && !instance.region.is_empty())
    {
        if let Kind::Source(source) = evaluator.graph.nodes[instance.slot.node].op.kind()
            && source.reads_ahead()
        {
            let granules = source.plan_read(&instance.region)?;
            found.extend(granules.into_iter().map(|granule| (instance.slot.node, granule)));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::ViewMut;
    use crate::region::AxisRange;

    /// Granules of 4096 bytes that are asked for and never come.
    #[derive(Debug, Default)]
    struct Distant {
        started: AtomicUsize,
    }

    struct Never;

    impl Pending for Never {
        fn finish(self: Box<Self>, _into: ViewMut<'_>) -> Result<()> {
            Err(Error::Cancelled)
        }
    }

    impl Source for Distant {
        fn uri(&self) -> String {
            "far".into()
        }

        fn plan_read(&self, _region: &Region) -> Result<Vec<Granule>> {
            Ok(Vec::new())
        }

        fn start(&self, _granule: &Granule) -> Result<Box<dyn Pending + '_>> {
            Ok(Box::new(Never))
        }

        fn reads_ahead(&self) -> bool {
            true
        }

        fn start_ahead(&self, _granule: &Granule) -> Result<Option<Box<dyn Pending>>> {
            self.started.fetch_add(1, Ordering::Relaxed);
            Ok(Some(Box::new(Never)))
        }
    }

    fn granule(key: u64) -> Granule {
        let region = Region::new(vec![AxisRange::new(0, 512)]);
        Granule { key: Some(key), region, encoded_bytes: 4096, decoded_bytes: 4096, scratch_bytes: 0 }
    }

    #[test]
    fn what_is_asked_for_stays_within_its_bytes_and_none_is_asked_for_twice() {
        let (source, ahead) = (Distant::default(), ReadAhead::default());
        let room = rounded_size(4096);
        ahead.reset(3 * room);
        let offer = |key: u64| ahead.offer(&source, 1, &granule(key), (0, 0)).unwrap();
        assert_eq!([0, 1, 2, 3, 4].map(offer), [true, true, true, false, false]);
        assert_eq!([0, 1].map(offer), [true, true], "they are known");
        assert_eq!(source.started.load(Ordering::Relaxed), 3);
        assert!(ahead.take_or_note((1, 1)).is_some() && ahead.take_or_note((1, 1)).is_none());
        assert!(ahead.take_or_note((2, 3)).is_none(), "another source");
        assert!(ahead.take_or_note((1, 7)).is_none());
        assert_eq!([3, 4, 7].map(offer), [true, false, true], "7 is being read");
        assert_eq!(source.started.load(Ordering::Relaxed), 4);
        ahead.end((0, 1));
        assert!(!offer(4), "another task's");
        ahead.end((0, 0));
        assert!(offer(4));
        ahead.reset(0);
        assert!(!ahead.is_active() && ahead.take_or_note((1, 4)).is_none());
    }

    #[test]
    fn cells_to_come_are_looked_at_once() {
        let ahead = ReadAhead::default();
        ahead.begin((0, 2));
        assert_eq!([0, 1, 2].map(|_| ahead.next_cell(0, 5)), [Some(3), Some(4), None]);
        ahead.begin((0, 0));
        assert_eq!(ahead.next_cell(0, 6), Some(5));
        assert_eq!(ahead.next_cell(1, 6), Some(0));
    }
}
