//! Evaluating a patch: from the demanded regions, sources first, up to what is wanted.

use std::sync::atomic::Ordering;

use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

use super::carry::{Carries, State};
use super::context::{Context, Counters};
use super::demand::{Demand, Indices, Instance, Known, demand};
use super::fuse::Clusters;
use super::held::{Held, HeldMap};
use super::meter::{Activity, doing};
use super::prepared::{Prepared, Value};
use super::program::Program;
use super::walk::Walks;
use crate::block::{Block, BlockMut};
use crate::error::{Error, Result};
use crate::operation::{Kind, PieceFrom};
use crate::plan::{Graph, Slot};
use crate::region::{AxisRange, Region};
use crate::region_map::AxisMap;
use crate::source::{Generator, Source};
use crate::strided::{Shape, Strides};

/// Evaluates regions of the nodes of a graph. Pure: all it touches comes from the context.
#[derive(Clone, Copy)]
pub struct Evaluator<'a> {
    /// The nodes.
    pub graph: &'a Graph,
    /// How to walk the domains of reductions.
    pub walks: &'a Walks,
    /// Where memory, granules and the wish to stop come from.
    pub context: &'a dyn Context,
    /// Values of earlier stages.
    pub held: &'a HeldMap,
    /// Which of them may be used; all if nothing is said.
    pub reads: Option<&'a FxHashSet<Slot>>,
    /// Values that the task has computed beforehand.
    pub local: &'a HeldMap,
    /// What scans carry from patch to patch; without it they begin again for every region.
    pub carries: Option<&'a Carries>,
    /// Whether granules that lie whole in a patch are not needed by another ([`Walk::apart`](super::Walk::apart)).
    pub apart: bool,
}

impl std::fmt::Debug for Evaluator<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Evaluator({} nodes)", self.graph.nodes.len())
    }
}

impl<'a> Evaluator<'a> {
    fn held(&self, slot: Slot) -> Option<&'a Held> {
        let is_read = self.reads.is_none_or(|reads| reads.contains(&slot));
        self.local.get(&slot).or_else(|| self.held.get(&slot).filter(|_| is_read))
    }

    /// Whether the values of a slot are there already.
    pub(super) fn is_held(&self, slot: Slot) -> bool {
        self.held(slot).is_some()
    }

    /// The values of some regions. Every node is evaluated once over the hull of what is asked of it.
    pub fn evaluate(&self, wants: &[(Slot, Region)]) -> Result<Vec<Block>> {
        Ok(self.prepare(wants, false)?.parts(wants))
    }

    /// Evaluates what some regions need. Programs that compute nothing but what is wanted are left to be run part by
    /// part, if `defer` says so.
    pub(super) fn prepare(&self, wants: &[(Slot, Region)], defer: bool) -> Result<Prepared<'a>> {
        if self.context.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let indices = |wants: &[(Slot, Region)]| self.evaluate(wants);
        self.run(&self.demand(wants, Some(&indices))?, defer)
    }

    /// What some regions need. Without indices, what is asked for by position is guessed.
    pub(super) fn demand(&self, wants: &[(Slot, Region)], indices: Option<&Indices<'_>>) -> Result<Demand> {
        let held = |slot: Slot| self.held(slot).is_some();
        let carried = |node: usize, region: &Region| self.carried(node, region);
        let known = Known { held: &held, carried: &carried };
        demand(self.graph, wants, known, indices)
    }

    /// Where a scan can go on to give a region of it.
    fn carried(&self, node: usize, region: &Region) -> (usize, Option<State>) {
        let Kind::Scan(scan) = self.graph.nodes[node].op.kind() else { return (0, None) };
        let (axis, start) = (scan.axis(), region.axes()[scan.axis()].bounds().0);
        match self.carries.and_then(|carries| carries.before(node, axis, region, start)) {
            Some((from, state)) => (from, Some(state)),
            None => (0, None),
        }
    }

    fn run(&self, demand: &Demand, defer: bool) -> Result<Prepared<'a>> {
        let clusters = Clusters::new(self.graph, demand, self.walks.is_fusing());
        let mut blocks: Vec<Option<Block>> = vec![None; demand.instances.len()];
        let mut deferred: FxHashMap<usize, Program<'a>> = FxHashMap::default();
        let mut uses: Vec<usize> = demand.instances.iter().map(|instance| instance.uses).collect();
        for number in (0..demand.instances.len()).rev() {
            let instance = &demand.instances[number];
            if !clusters.is_root(number) || deferred.contains_key(&number) {
                continue;
            }
            let block = if instance.region.is_empty() {
                let dtype = self.graph.meta(instance.slot).dtype;
                BlockMut::zeroed(dtype, &instance.region.lens()).freeze()
            } else if let Some(held) = self.held(instance.slot) {
                held.part(&instance.region, self.context)?
            } else if let Some(cluster) = clusters.members(number) {
                Counters::add(&self.context.counters().kernels, cluster.len());
                Counters::add(
                    &self.context.counters().elements_computed,
                    cluster.len() * instance.region.size(),
                );
                let lookup = |number: usize| blocks[number].clone().expect("inputs are evaluated first");
                let mut program = Program::new(self.graph, demand, cluster, &lookup, self.context.pool());
                if defer && let Some(wanted) = demand.wanted_as(self.graph, number) {
                    // Its operands stay as long as it does.
                    deferred.insert(wanted, program);
                    continue;
                }
                program.run(&instance.region.lens(), self.context.pool(), self.walks.tile())
            } else {
                self.instance(demand, number, &blocks).map_err(|error| self.explained(instance, error))?
            };
            debug_assert_eq!(block.shape(), instance.region.shape());
            blocks[number] = Some(block);
            // What nobody else waits for goes back to the pool.
            let members = clusters.members(number).unwrap_or(std::slice::from_ref(&number));
            for &member in members {
                for reference in &demand.instances[member].references {
                    uses[reference.instance] -= 1;
                    if uses[reference.instance] == 0 {
                        blocks[reference.instance] = None;
                    }
                }
            }
        }
        let mut prepared = Prepared {
            values: SmallVec::new(),
            wants: SmallVec::new(),
            pool: self.context.pool().clone(),
            tile: self.walks.tile(),
        };
        let mut numbers: SmallVec<[usize; 4]> = SmallVec::new();
        for want in &demand.wants {
            let known = numbers.iter().position(|&number| number == want.instance);
            prepared.wants.push(known.unwrap_or(numbers.len()));
            if known.is_none() {
                numbers.push(want.instance);
                let value = match deferred.remove(&want.instance) {
                    Some(program) => Value::Program(program),
                    None => Value::Block(blocks[want.instance].clone().expect("what is wanted is a root")),
                };
                prepared.values.push((demand.instances[want.instance].region.clone(), value));
            }
        }
        Ok(prepared)
    }

    fn explained(&self, instance: &Instance, error: Error) -> Error {
        if matches!(error, Error::Cancelled | Error::Task { .. }) {
            return error;
        }
        let op = &self.graph.nodes[instance.slot.node].op;
        let source_uri = match op.kind() {
            Kind::Source(source) => Some(source.uri()),
            _ => None,
        };
        Error::Task {
            op: op.name(),
            region: instance.region.to_string(),
            source_uri,
            source: Box::new(error),
        }
    }

    fn instance(&self, demand: &Demand, number: usize, blocks: &[Option<Block>]) -> Result<Block> {
        let instance = &demand.instances[number];
        let node = &self.graph.nodes[instance.slot.node];
        let meta = self.graph.meta(instance.slot);
        let counters = self.context.counters();
        let pool = self.context.pool();
        let reference = |k: usize| {
            let reference = &instance.references[k];
            let block = blocks[reference.instance].as_ref().expect("inputs are evaluated first");
            (block, &demand.instances[reference.instance].region, &reference.region)
        };
        match node.op.kind() {
            Kind::Source(source) => self.read(source, node.hash, instance),
            Kind::Generator(generator) => {
                Counters::add(&counters.elements_generated, instance.region.size());
                self.generate(generator, demand, number)
            }
            Kind::View(_) => {
                let (block, region, _) = reference(0);
                Ok(view_through(block, region, &node.maps[0], &instance.region))
            }
            Kind::Elementwise(_) => Err(Error::Bug { what: "an elementwise node outside a cluster".into() }),
            Kind::Map(map) => {
                Counters::add(&counters.kernels, 1);
                Counters::add(&counters.elements_computed, instance.region.size());
                let inputs: Vec<Block> = (0..instance.references.len())
                    .map(|k| {
                        let (block, region, asked) = reference(k);
                        block.slice(&positions(region, asked))
                    })
                    .collect();
                let mut out = BlockMut::take(meta.dtype, &instance.region.lens(), Some(pool));
                map.apply(&inputs, &node.input_metas, &instance.region, instance.slot.output, &mut out)?;
                Ok(out.freeze())
            }
            Kind::Scan(scan) => {
                Counters::add(&counters.kernels, 1);
                let (block, region, asked) = reference(0);
                Counters::add(&counters.elements_computed, asked.size());
                let input = block.slice(&positions(region, asked));
                let (from, end) = asked.axes()[scan.axis()].bounds();
                let mut out = BlockMut::take(meta.dtype, &instance.region.lens(), Some(pool));
                let state =
                    scan.advance(instance.state.as_deref(), &input, from, &instance.region, &mut out)?;
                if let Some(carries) = self.carries {
                    let before = instance.state.clone().map(|state| (from, state));
                    carries.keep(
                        instance.slot.node,
                        scan.axis(),
                        &instance.region,
                        before,
                        (end, state.into()),
                    );
                }
                Ok(out.freeze())
            }
            Kind::Assemble(_) => {
                let mut next = 0;
                let mut out = None;
                for piece in &instance.pieces {
                    let block = match &piece.from {
                        PieceFrom::Value(scalar) => Block::broadcast_scalar(*scalar, &piece.place.shape()),
                        PieceFrom::Input(_, _) => {
                            let (block, region, asked) = reference(next);
                            next += 1;
                            block.slice(&positions(region, asked))
                        }
                    };
                    let whole = instance.pieces.len() == 1 && piece.place.shape() == instance.region.shape();
                    if whole && block.shape() == piece.place.shape() && block.dtype() == meta.dtype {
                        return Ok(block);
                    }
                    let out = out.get_or_insert_with(|| {
                        BlockMut::take(meta.dtype, &instance.region.lens(), Some(pool))
                    });
                    let shape = piece.place.shape();
                    let block =
                        if block.shape() == shape { block } else { block.reshaped(&shape, Some(pool)) };
                    out.slice_mut(&piece.place).assign(&block);
                }
                let out =
                    out.ok_or_else(|| Error::Bug { what: format!("{} named no piece", node.op.name()) })?;
                Ok(out.freeze())
            }
            Kind::Reduce(_) => {
                Counters::add(&counters.kernels, 1);
                self.reduce(instance.slot, &instance.region)
            }
            Kind::Staged(_) => Err(Error::Bug {
                what: format!("{} was to be resolved before it is evaluated", node.op.name()),
            }),
        }
    }

    /// The values of a generator, if possible one after the other the way they are read.
    fn generate(&self, generator: &dyn Generator, demand: &Demand, number: usize) -> Result<Block> {
        let Instance { slot, region, .. } = &demand.instances[number];
        let (meta, shape) = (self.graph.meta(*slot), region.lens());
        let take = |shape: &[usize]| BlockMut::take(meta.dtype, shape, Some(self.context.pool()));
        if let Some(fastest) = demand.fastest_axis(self.graph, number)
            && fastest + 1 < shape.len()
        {
            let axes: Shape = (0..shape.len()).filter(|&axis| axis != fastest).chain([fastest]).collect();
            let mut turned = take(&axes.iter().map(|&axis| shape[axis]).collect::<Shape>());
            if generator.fill_turned(meta, region, &axes, turned.view_mut())? {
                let turned = turned.freeze();
                let mut strides = Strides::from_elem(0, shape.len());
                for (&axis, &stride) in axes.iter().zip(turned.strides()) {
                    strides[axis] = stride;
                }
                return Ok(turned.restrided(shape, strides, 0));
            }
        }
        let mut out = take(&shape);
        generator.fill(meta, region, out.view_mut())?;
        Ok(out.freeze())
    }

    fn read(&self, source: &dyn Source, hash: u128, instance: &Instance) -> Result<Block> {
        let region = &instance.region;
        if let Some(block) = source.borrow(region) {
            return Ok(block);
        }
        let meta = self.graph.meta(instance.slot);
        let counters = self.context.counters();
        if self.apart
            && let Some(together) = source.start_together(region)?
        {
            let mut out = BlockMut::take(meta.dtype, &region.lens(), Some(self.context.pool()));
            {
                let _reading = doing(Activity::Read);
                together.pending.finish(out.view_mut())?;
            }
            Counters::add(&counters.granules_read, together.granules);
            Counters::add(&counters.bytes_read, together.encoded_bytes);
            Counters::add(&counters.bytes_decoded, region.size() * meta.dtype.itemsize());
            Counters::add(&counters.elements_read, region.size());
            return Ok(out.freeze());
        }
        let granules = source.plan_read(region)?;
        let loaded = |granule: &crate::source::Granule| {
            counters.granules_read.fetch_add(1, Ordering::Relaxed);
            Counters::add(&counters.bytes_read, granule.encoded_bytes);
            Counters::add(&counters.bytes_decoded, granule.region.size() * meta.dtype.itemsize());
            Counters::add(&counters.elements_read, granule.region.size());
        };
        let take = || BlockMut::take(meta.dtype, &region.lens(), Some(self.context.pool()));
        let mut out: Option<BlockMut> = None;
        let ahead = self.context.ahead().filter(|ahead| ahead.is_active() && source.reads_ahead());
        for (number, granule) in granules.iter().enumerate() {
            let (place, asked) = overlap(region, &granule.region);
            // What nobody else needs goes straight to its place, where that is one run of memory.
            if granule.key.is_none() && granule.region == asked {
                let mut part = out.get_or_insert_with(take).slice_mut(&place);
                if part.as_bytes_mut().is_some() {
                    let _reading = doing(Activity::Read);
                    source.start(granule)?.finish(part)?;
                    loaded(granule);
                    continue;
                }
            }
            let mut load = || {
                let mut block =
                    BlockMut::take(meta.dtype, &granule.region.shape(), Some(self.context.pool()));
                let started = granule.key.and_then(|key| ahead?.take_or_note((hash, key)));
                if let Some(ahead) = ahead {
                    ahead.offer_rest(source, hash, &granules[number + 1..])?;
                }
                let reading = doing(Activity::Read);
                match started {
                    Some(started) => started.finish(block.view_mut())?,
                    None => source.start(granule)?.finish(block.view_mut())?,
                }
                drop(reading);
                loaded(granule);
                Ok(block.freeze())
            };
            let block = match granule.key {
                Some(key) => self.context.granule((hash, key), &mut load)?,
                None => load()?,
            };
            let part = block.slice(&positions(&granule.region, &asked));
            if granules.len() == 1 && place.size() == region.size() {
                return Ok(part);
            }
            out.get_or_insert_with(take).slice_mut(&place).assign(&part);
        }
        let out = out.ok_or_else(|| Error::Bug { what: format!("{} named no granule", source.uri()) })?;
        Ok(out.freeze())
    }
}

/// Where the elements of `asked` lie in a block that holds `region`.
pub(crate) fn positions(region: &Region, asked: &Region) -> Region {
    Region::from_iter(region.axes().iter().zip(asked.axes()).map(|(range, asked)| {
        if asked.len == 0 {
            return AxisRange::new(0, 0);
        }
        let step = if asked.len > 1 { asked.step / range.step } else { 1 };
        AxisRange::stepped(((asked.start - range.start) as isize / range.step) as usize, asked.len, step)
    }))
}

/// The part of a rising region that lies in a granule: its place in the region, and its elements.
fn overlap(region: &Region, granule: &Region) -> (Region, Region) {
    let (places, parts) = region
        .axes()
        .iter()
        .zip(granule.axes())
        .map(|(range, granule)| {
            let (low, high) = granule.bounds();
            let (first, count) = range.positions_between(low, high);
            let place = AxisRange::new(first, count);
            (place, range.compose(&place))
        })
        .unzip();
    (Region::new(places), Region::new(parts))
}

/// The block of a view: the input's block, which holds `region`, under the axes of the output region.
pub(crate) fn view_through(block: &Block, region: &Region, maps: &[AxisMap], out: &Region) -> Block {
    let mut strides = Strides::from_elem(0, out.ndim());
    let mut moved = 0isize;
    for ((map, range), &stride) in maps.iter().zip(region.axes()).zip(block.strides()) {
        match map {
            AxisMap::Along { out_axis, start, step, .. } => {
                let asked = out.axes()[*out_axis];
                let first = *start as isize + step * asked.start as isize;
                moved += (first - range.start as isize) / range.step * stride;
                if asked.len > 1 {
                    strides[*out_axis] += step * asked.step / range.step * stride;
                }
            }
            AxisMap::Fixed(index) => moved += (*index as isize - range.start as isize) / range.step * stride,
            _ => unreachable!("views follow axes or fix them"),
        }
    }
    block.restrided(out.lens(), strides, moved)
}
