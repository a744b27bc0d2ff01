//! Exchanges: an intermediate written by cells of one grid and read by cells of another.
//!
//! Where the cells of a stage lie across the granules of a source, every granule would be decoded by many tasks. Then
//! a stage of its own decodes each granule once, and the cells read what it holds: in memory if it fits there, in a spill
//! file if not. Where there is no place for such files, the plan is refused with figures.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use super::figures::{granule_elements, reads_overlap};
use super::graph::{Graph, Slot};
use super::place::{Room, place};
use super::probe::{Scope, touched};
use super::stage::{PlanOptions, Stage, TargetKind};
use super::stages::{Draft, DraftOutput, set_levels};
use crate::error::{Error, Result};
use crate::eval::Walks;
use crate::operation::Kind;
use crate::region::Region;

/// Granules may be decoded this often without an exchange: it writes and reads all of them once more.
const DECODES: f64 = 2.0;

/// The same where cells need more than their own part, as for stencils: they would read parts of their neighbours' blocks
/// from the exchange again too.
const DECODES_WITH_HALOS: f64 = 2.5;

/// Without room for an exchange, decoding this often is still better than nothing.
const DECODES_WITHOUT_ROOM: f64 = 8.0;

/// The part of the budget that exchanges may take.
const SHARE: usize = 2;

/// Puts an exchange before every stage that would decode some source too often. Stages that read the same source
/// share one.
pub(crate) fn with_exchanges(
    graph: &Graph,
    mut drafts: Vec<Draft>,
    options: &PlanOptions,
    walks: &Walks,
) -> Result<(Vec<Draft>, FxHashSet<Slot>)> {
    let mut spilled = FxHashSet::default();
    let mut exchanged: BTreeMap<Slot, Region> = BTreeMap::new();
    for draft in &mut drafts {
        for (slot, region, decodes) in decoded_often(graph, draft, options, walks)? {
            let hull = exchanged.get(&slot).map_or_else(|| region.clone(), |known| known.hull(&region));
            let nbytes = hull.size().saturating_mul(graph.meta(slot).dtype.itemsize());
            if nbytes > options.memory / SHARE && options.spill.is_some() {
                spilled.insert(slot);
            } else if nbytes > options.memory / SHARE {
                if decodes > DECODES_WITHOUT_ROOM {
                    return Err(no_room(graph, draft, slot, nbytes, decodes, options));
                }
                continue;
            }
            exchanged.insert(slot, hull);
            draft.scope.held.insert(slot);
            draft.reads.push((slot, region));
        }
    }
    let makers = exchanged.into_iter().map(|(slot, region)| Draft {
        domain: region.clone(),
        outputs: vec![DraftOutput {
            slot,
            is_fold: false,
            targets: vec![(slot, TargetKind::Held)],
            region,
            image: None,
            spill: None,
        }],
        scope: Scope::default(),
        repeated: FxHashMap::default(),
        reads: Vec::new(),
        sources: FxHashSet::from_iter([slot.node]),
        level: 0,
        runs_along: None,
        mirrored: None,
    });
    let mut drafts: Vec<Draft> = makers.chain(drafts).collect();
    set_levels(&mut drafts);
    drafts.sort_by_key(|draft| draft.level);
    Ok((drafts, spilled))
}

/// The sources that the cells of a stage would decode too often, what of them, and how often.
fn decoded_often(
    graph: &Graph,
    draft: &Draft,
    options: &PlanOptions,
    walks: &Walks,
) -> Result<Vec<(Slot, Region, f64)>> {
    let whole = touched(graph, &draft.wants(graph, &draft.domain), &draft.scope)?;
    // What an index array or a mask will read is a guess until its values are there: nothing to hold beforehand.
    let is_indirect = |node: &usize| matches!(graph.nodes[*node].op.kind(), Kind::Assemble(assemble) if assemble.is_indirect());
    if whole.ops.iter().any(is_indirect) {
        return Ok(Vec::new());
    }
    let has_granules = |slot: &Slot| match graph.nodes[slot.node].op.kind() {
        Kind::Source(source) => source.granule_grid(),
        _ => None,
    };
    let mut regions: FxHashMap<Slot, Region> = FxHashMap::default();
    for (slot, region) in &whole.reads {
        if has_granules(slot).is_some() {
            let hull = regions.entry(*slot).or_insert_with(|| region.clone());
            *hull = hull.hull(region);
        }
    }
    // Many sources side by side, as in a stack of files, are not read across their grain together.
    if regions.is_empty() || regions.len() > 8 || draft.outputs.iter().any(|output| output.is_fold) {
        return Ok(Vec::new());
    }
    let room = Room { options, bytes: options.memory };
    let Ok(placed) = place(graph, draft, &room, &mut walks.clone()) else {
        // Granules across a whole cell may be what does not fit: then any way round them is better.
        let mut around = draft.clone();
        around.scope.held.extend(regions.keys().copied());
        if options.spill.is_none() || place(graph, &around, &room, &mut walks.clone()).is_err() {
            return Ok(Vec::new());
        }
        let mut all: Vec<_> =
            regions.into_iter().map(|(slot, region)| (slot, region, f64::INFINITY)).collect();
        all.sort_by_key(|(slot, _, _)| *slot);
        return Ok(all);
    };
    let overlap = reads_overlap(graph, draft, &placed.stage.grid, &whole.reads)?;
    let most = if overlap { DECODES_WITH_HALOS } else { DECODES };
    let mut often = Vec::new();
    for (slot, region) in regions {
        let Some(grid) = has_granules(&slot) else { continue };
        let once = granule_elements(&grid, &region).max(1);
        let all = sampled(graph, draft, &placed.stage, slot, &grid)?;
        let decodes = all / once as f64;
        if decodes > most {
            often.push((slot, region, decodes));
        }
    }
    often.sort_by_key(|(slot, _, _)| *slot);
    Ok(often)
}

/// Cells along each axis that are looked at.
const SAMPLES: usize = 32;

/// Elements of the granules of a source that all cells together decode: of those in the middle along every axis, as if
/// each axis went its own way.
fn sampled(graph: &Graph, draft: &Draft, stage: &Stage, slot: Slot, grid: &crate::ChunkGrid) -> Result<f64> {
    let counts = stage.grid.numblocks();
    let middle: Vec<usize> = counts.iter().map(|count| count.saturating_sub(1) / 2).collect();
    let decoded = |at: &[usize]| -> Result<f64> {
        let reached = touched(graph, &draft.wants(graph, &stage.cell_at(at)), &draft.scope)?;
        let of_slot = reached.reads.iter().filter(|(other, _)| *other == slot);
        Ok(of_slot.map(|(_, region)| granule_elements(grid, region) as f64).sum())
    };
    let one = decoded(&middle)?;
    let mut all = one;
    for (axis, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 1) {
        let mut at = middle.clone();
        let looks = count.min(SAMPLES);
        let mut sum = 0.0;
        for look in 0..looks {
            at[axis] = look * (count - 1) / (looks - 1);
            sum += decoded(&at)?;
        }
        all *= sum / looks as f64 * count as f64 / one.max(1.0);
    }
    Ok(all)
}

fn no_room(
    graph: &Graph,
    draft: &Draft,
    slot: Slot,
    nbytes: usize,
    decodes: f64,
    options: &PlanOptions,
) -> Error {
    let op = graph.nodes[draft.outputs[0].slot.node].op.name();
    let source = match graph.nodes[slot.node].op.kind() {
        Kind::Source(source) => source.uri(),
        _ => graph.nodes[slot.node].op.name(),
    };
    Error::MemoryTooSmall {
        what: format!(
            "{op} reads {source} across its chunks: every chunk would be decoded {decodes:.0} times; holding it instead"
        ),
        needed: nbytes * SHARE,
        allowed: options.memory,
        help: "allow more memory, or give the output chunks that lie like those of the source".into(),
    }
}
