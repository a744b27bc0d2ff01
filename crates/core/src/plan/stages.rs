//! Which values get a stage of their own, and which stages become one.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use super::graph::{Graph, Slot};
use super::probe::{Scope, Touched, fold_wants, touched};
use super::stage::{Image, TargetKind, part_of};
use crate::chunks::ChunkGrid;
use crate::error::Result;
use crate::eval::domain_region;
use crate::operation::Kind;
use crate::region::{AxisRange, Region};

/// A reduction with at least this many elements is folded where it is used, if nothing is folded twice by that.
const INLINE_ELEMENTS: usize = 64 << 10;

/// A domain of at most this many elements is folded where it is used, whatever the number of results.
const SMALL_DOMAIN: usize = 1 << 20;

/// Cells that own whole chunks of several stores may be made as large as this.
pub(super) const MOST_ELEMENTS: usize = 4 << 20;

/// How much more may be computed, when a domain is cut along an axis, before that counts as computing twice.
const REPETITION: f64 = 1.25;

/// A stage as far as it is decided: no grid yet.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    /// The box of the domain.
    pub domain: Region,
    /// What it makes, with the targets of every output.
    pub outputs: Vec<DraftOutput>,
    /// What is inside and what is elsewhere.
    pub scope: Scope,
    /// Axes along which cutting the domain computes something twice, by held reduction.
    pub repeated: FxHashMap<Slot, Vec<usize>>,
    /// Held values that it reads.
    pub reads: Vec<(Slot, Region)>,
    /// Sources and generators it touches.
    pub sources: FxHashSet<usize>,
    /// One more than the highest level of what it needs.
    pub level: usize,
    /// The axis of the domain along which its scans run, from the start of their lines: no cell cuts it.
    pub runs_along: Option<usize>,
    /// Two axes of the domain that can be swapped: all that it makes is its own transpose.
    pub mirrored: Option<(usize, usize)>,
}

#[derive(Debug, Clone)]
pub(crate) struct DraftOutput {
    pub slot: Slot,
    /// For reductions all of whose outputs are made by one fold.
    pub is_fold: bool,
    pub targets: Vec<(Slot, TargetKind)>,
    pub region: Region,
    /// Where its elements lie in the domain, if they are not the domain's own.
    pub image: Option<Image>,
    /// If it is held in a spill file: how those who read it are cut, in positions of the region.
    pub spill: Option<ChunkGrid>,
}

impl DraftOutput {
    /// The elements that a part of the domain makes.
    pub fn part(&self, part: &Region) -> Region {
        part_of(&self.image, part)
    }

    /// Whether it is written to a store.
    pub fn is_stored(&self) -> bool {
        self.targets.iter().any(|(_, kind)| matches!(kind, TargetKind::Store(..)))
    }
}

impl Draft {
    /// What a box of the domain needs.
    pub fn wants(&self, graph: &Graph, part: &Region) -> Vec<(Slot, Region)> {
        self.outputs
            .iter()
            .flat_map(|output| match output.is_fold {
                true => fold_wants(graph, output.slot.node, part),
                false => vec![(output.slot, output.part(part))],
            })
            .collect()
    }
}

/// A value that needs a stage: what of it, and for whom.
#[derive(Debug, Default)]
struct Wanted {
    region: Option<Region>,
    targets: Vec<TargetKind>,
}

/// Drafts the stages for some targets, users before what they use. Reductions with the hashes `folded_apart` are not
/// folded inside other stages.
pub(crate) fn draft(
    graph: &Graph,
    targets: Vec<(Slot, TargetKind)>,
    given: &FxHashSet<Slot>,
    folded_apart: &FxHashSet<u128>,
) -> Result<Vec<Draft>> {
    let is_apart = |slot: Slot| folded_apart.contains(&graph.nodes[slot.node].hash);
    // Values that every task would need whole are computed once; so is what they are computed from, by tasks that need
    // not have all of its inputs at once.
    let always_held: FxHashSet<Slot> = graph
        .nodes
        .iter()
        .enumerate()
        .filter(|(_, node)| matches!(node.op.kind(), Kind::Map(map) if map.is_held()))
        .flat_map(|(number, node)| {
            let outputs = (0..node.metas.len()).map(move |output| Slot { node: number, output });
            let is_computed = |input: &&Slot| matches!(graph.nodes[input.node].op.kind(), Kind::Map(_));
            outputs.chain(node.inputs.iter().filter(is_computed).copied())
        })
        .collect();
    let mut wanted: BTreeMap<Slot, Wanted> = BTreeMap::new();
    for (slot, kind) in targets {
        let entry = wanted.entry(slot).or_default();
        entry.region = Some(Region::full(&graph.meta(slot).shape));
        entry.targets.push(kind);
    }
    let mut drafts: Vec<Draft> = Vec::new();
    // The largest number first: whoever reads a value has been drafted before it.
    while let Some((slot, want)) = wanted.pop_last() {
        if given.contains(&slot) && want.targets.is_empty() {
            continue;
        }
        let region = want.region.unwrap_or_else(|| Region::full(&graph.meta(slot).shape));
        let mut targets: Vec<(Slot, TargetKind)> =
            want.targets.into_iter().map(|kind| (slot, kind)).collect();
        let is_read = drafts.iter().any(|draft: &Draft| draft.reads.iter().any(|(other, _)| *other == slot));
        if is_read && !targets.iter().any(|(_, kind)| matches!(kind, TargetKind::Collect(_))) {
            targets.push((slot, TargetKind::Held));
        }
        let is_reduction =
            matches!(graph.nodes[slot.node].op.kind(), Kind::Reduce(_)) && !given.contains(&slot);
        let is_stored = targets.iter().any(|(_, kind)| matches!(kind, TargetKind::Store(..)));
        // What is stored is written by cells that own whole chunks of the store: a large result is folded by the cells
        // that write it, a small one is held and written by a stage of its own.
        let is_fold = is_reduction && (!is_stored || region.size() < INLINE_ELEMENTS || is_apart(slot));
        if is_fold && is_stored {
            let (stored, others): (Vec<_>, Vec<_>) =
                targets.into_iter().partition(|(_, kind)| matches!(kind, TargetKind::Store(..)));
            targets = others;
            if !targets.iter().any(|(_, kind)| matches!(kind, TargetKind::Held | TargetKind::Collect(_))) {
                targets.push((slot, TargetKind::Held));
            }
            drafts.push(writer(slot, &region, stored));
        }
        let domain = if is_fold { domain_region(graph, slot.node, &region) } else { region.clone() };
        let mut held: FxHashSet<Slot> = always_held.union(given).copied().collect();
        if !given.contains(&slot) {
            held.remove(&slot);
        }
        let draft = Draft {
            domain,
            outputs: vec![DraftOutput { slot, is_fold, targets, region, image: None, spill: None }],
            scope: Scope { held, ..Scope::default() },
            repeated: FxHashMap::default(),
            reads: Vec::new(),
            sources: FxHashSet::default(),
            level: 0,
            runs_along: None,
            mirrored: None,
        };
        let draft = decided(graph, draft, &is_apart)?;
        for (read, region) in &draft.reads {
            if given.contains(read) {
                continue;
            }
            let entry = wanted.entry(*read).or_default();
            entry.region = Some(match entry.region.take() {
                Some(known) => known.hull(region),
                None => region.clone(),
            });
        }
        drafts.extend(apart(graph, draft)?);
    }
    drafts.reverse();
    set_levels(&mut drafts);
    joined(graph, drafts)
}

/// A stage that only writes what another one holds.
fn writer(slot: Slot, region: &Region, targets: Vec<(Slot, TargetKind)>) -> Draft {
    Draft {
        domain: region.clone(),
        outputs: vec![DraftOutput {
            slot,
            is_fold: false,
            targets,
            region: region.clone(),
            image: None,
            spill: None,
        }],
        scope: Scope { held: FxHashSet::from_iter([slot]), ..Scope::default() },
        repeated: FxHashMap::default(),
        reads: vec![(slot, region.clone())],
        sources: FxHashSet::default(),
        level: 0,
        runs_along: None,
        mirrored: None,
    }
}

/// Decides for every reduction below a stage whether it is folded inside or held by a stage of its own.
fn decided(graph: &Graph, mut draft: Draft, is_apart: &dyn Fn(Slot) -> bool) -> Result<Draft> {
    loop {
        let whole = touched(graph, &draft.wants(graph, &draft.domain), &draft.scope)?;
        if whole.reduces.is_empty() {
            draft.sources = whole.reads.iter().map(|(slot, _)| slot.node).collect();
            let mut reads: BTreeMap<Slot, Region> = BTreeMap::new();
            for (slot, region) in whole.held {
                let entry = reads.entry(slot).or_insert_with(|| region.clone());
                *entry = entry.hull(&region);
            }
            draft.reads = reads.into_iter().collect();
            return Ok(draft);
        }
        let mut undecided: Vec<Slot> = whole.reduces.iter().map(|(slot, _)| *slot).collect();
        undecided.sort_unstable();
        undecided.dedup();
        let repeated = repetitions(graph, &draft, &whole, &undecided)?;
        for slot in undecided {
            let axes = repeated.get(&slot).cloned().unwrap_or_default();
            let size = Touched::size_of(&whole.reduces, slot);
            let region = whole.reduces.iter().find(|(other, _)| *other == slot).map(|(_, region)| region);
            let domain = region.map_or(0, |region| domain_region(graph, slot.node, region).size());
            let pays = size >= INLINE_ELEMENTS || domain <= SMALL_DOMAIN;
            if axes.is_empty() && pays && !is_apart(slot) {
                draft.scope.inline.insert(slot.node);
            } else {
                draft.scope.held.insert(slot);
                draft.repeated.insert(slot, axes);
            }
        }
    }
}

/// The axes of the domain along which a cut makes some reductions be computed twice.
fn repetitions(
    graph: &Graph,
    draft: &Draft,
    whole: &Touched,
    slots: &[Slot],
) -> Result<FxHashMap<Slot, Vec<usize>>> {
    let mut repeated: FxHashMap<Slot, Vec<usize>> = FxHashMap::default();
    for axis in 0..draft.domain.ndim() {
        let range = draft.domain.axes()[axis];
        if range.len < 2 {
            continue;
        }
        let half = range.len / 2;
        let mut sizes: FxHashMap<Slot, usize> = FxHashMap::default();
        for part in [AxisRange::new(0, half), AxisRange::new(half, range.len - half)] {
            let mut region = draft.domain.clone();
            *region.axis_mut(axis) = range.compose(&part);
            let found = touched(graph, &draft.wants(graph, &region), &draft.scope)?;
            for &slot in slots {
                *sizes.entry(slot).or_default() += Touched::size_of(&found.reduces, slot);
            }
        }
        for &slot in slots {
            let size = Touched::size_of(&whole.reduces, slot);
            if sizes[&slot] as f64 > REPETITION * size as f64 {
                repeated.entry(slot).or_default().push(axis);
            }
        }
    }
    Ok(repeated)
}

pub(crate) fn set_levels(drafts: &mut [Draft]) {
    let mut levels: FxHashMap<Slot, usize> = FxHashMap::default();
    for draft in drafts {
        draft.level =
            draft.reads.iter().filter_map(|(slot, _)| levels.get(slot)).max().map_or(0, |level| level + 1);
        for output in &draft.outputs {
            // A stage that writes what another one holds makes nothing new.
            levels.entry(output.slot).or_insert(draft.level);
        }
    }
}

/// Stages of one level over one domain that read the same sources become one, and so do the outputs of one
/// reduction.
fn joined(graph: &Graph, drafts: Vec<Draft>) -> Result<Vec<Draft>> {
    let mut joined: Vec<Draft> = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let output = &draft.outputs[0];
        let mut found = None;
        for (number, other) in joined.iter().enumerate() {
            let same_node = other.outputs.iter().any(|o| o.slot.node == output.slot.node && o.is_fold);
            if other.level == draft.level
                && other.domain == draft.domain
                && (same_node || !other.sources.is_disjoint(&draft.sources))
                && can_share_a_walk(graph, other, &draft)
                && stores_fit_together(graph, other, &draft)?
            {
                found = Some(number);
                break;
            }
        }
        match found.map(|number| &mut joined[number]) {
            Some(other) => {
                let DraftOutput { slot, targets, .. } = output;
                match other.outputs.iter_mut().find(|o| o.is_fold && o.slot.node == slot.node) {
                    Some(same) => same.targets.extend(targets.iter().cloned()),
                    None => other.outputs.extend(draft.outputs),
                }
                other.scope.held.extend(draft.scope.held);
                other.scope.inline.extend(draft.scope.inline);
                other.sources.extend(draft.sources);
                other.repeated.extend(draft.repeated);
                for read in draft.reads {
                    if !other.reads.contains(&read) {
                        other.reads.push(read);
                    }
                }
            }
            None => joined.push(draft),
        }
    }
    // What was joined to an earlier stage may need a stage that came later.
    joined.sort_by_key(|draft| draft.level);
    Ok(joined)
}

/// Whether the leaves of all reductions fit a patch of sensible size together.
fn can_share_a_walk(graph: &Graph, a: &Draft, b: &Draft) -> bool {
    let patch: usize = (0..a.domain.ndim())
        .map(|axis| {
            let align = alignment(graph, a, axis, false);
            common(align, alignment(graph, b, axis, false)).min(a.domain.axes()[axis].len.max(1))
        })
        .fold(1, usize::saturating_mul);
    patch <= 1 << 20 && a.scope.inline.is_disjoint(&b.scope.held.iter().map(|slot| slot.node).collect())
}

/// A draft whose value goes to several stores, as several where their chunks do not fit together.
fn apart(graph: &Graph, draft: Draft) -> Result<Vec<Draft>> {
    let mut drafts: Vec<Draft> = Vec::new();
    for target in &draft.outputs[0].targets {
        let mut single = draft.clone();
        single.outputs[0].targets = vec![target.clone()];
        let mut found = None;
        for (number, other) in drafts.iter().enumerate() {
            if stores_fit_together(graph, other, &single)? {
                found = Some(number);
                break;
            }
        }
        match found {
            Some(number) => drafts[number].outputs[0].targets.push(target.clone()),
            None => drafts.push(single),
        }
    }
    Ok(if drafts.is_empty() { vec![draft] } else { drafts })
}

/// Whether cells that own whole chunks of the stores of both stay small: chunks of lengths that have no common multiple
/// in reach are written by stages of their own.
fn stores_fit_together(graph: &Graph, a: &Draft, b: &Draft) -> Result<bool> {
    let is_stored = |draft: &Draft| draft.outputs.iter().any(DraftOutput::is_stored);
    if !is_stored(a) || !is_stored(b) {
        return Ok(true);
    }
    let mut unit: Vec<usize> = vec![1; a.domain.ndim()];
    for output in a.outputs.iter().chain(&b.outputs).filter(|output| !output.is_fold) {
        for (slot, kind) in &output.targets {
            let TargetKind::Store(_, sink) = kind else { continue };
            for (unit, chunks) in unit.iter_mut().zip(sink.grid(graph.meta(*slot))?.axes()) {
                *unit = common(*unit, chunks.max_chunk().max(1));
            }
        }
    }
    let lens = a.domain.axes().iter().map(|axis| axis.len.max(1));
    let cell: usize = unit.iter().zip(lens).map(|(unit, len)| (*unit).min(len)).product();
    Ok(cell <= MOST_ELEMENTS)
}

/// Multiples at which tasks (or walks inside tasks) may cut an axis of the domain.
pub(crate) fn alignment(graph: &Graph, draft: &Draft, axis: usize, of_tasks: bool) -> usize {
    draft
        .outputs
        .iter()
        .filter(|output| output.is_fold)
        .filter_map(|output| match graph.nodes[output.slot.node].op.kind() {
            Kind::Reduce(op) if of_tasks => Some(op.spec().task_alignment(axis)),
            Kind::Reduce(op) => Some(op.spec().walk_alignment(axis)),
            _ => None,
        })
        .fold(1, common)
}

/// Least common multiple.
pub(crate) fn common(a: usize, b: usize) -> usize {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    (a / x.max(1)).saturating_mul(b)
}
