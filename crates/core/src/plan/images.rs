//! Outputs that are thinned-out pictures of another stage's domain join that stage: `x.mean(axis=0)` and `x[::2, ::2]`
//! read `x` once.

use rustc_hash::FxHashMap;

use super::graph::{Graph, Slot};
use super::probe::touched;
use super::stage::{Image, TargetKind};
use super::stages::{Draft, MOST_ELEMENTS};
use crate::chunks::AxisChunks;
use crate::error::Result;
use crate::operation::Kind;
use crate::region::{AxisRange, Region};

/// Joins what can be joined.
pub(super) fn joined(graph: &Graph, mut drafts: Vec<Draft>) -> Result<Vec<Draft>> {
    let mut number = 0;
    while number < drafts.len() {
        let mut host = None;
        for other in (0..drafts.len()).filter(|&other| other != number) {
            if let Some(image) = image(graph, &drafts[other], &drafts[number])? {
                host = Some((other, image));
                break;
            }
        }
        let Some((host, image)) = host else {
            number += 1;
            continue;
        };
        let mut guest = drafts[number].clone();
        guest.outputs[0].image = Some(image);
        let host = &mut drafts[host];
        host.outputs.extend(guest.outputs);
        host.scope.held.extend(guest.scope.held);
        host.scope.inline.extend(guest.scope.inline);
        host.sources.extend(guest.sources);
        host.repeated.extend(guest.repeated);
        host.reads.extend(guest.reads);
        drafts.remove(number);
    }
    Ok(drafts)
}

/// Where the elements of a guest's output lie in the domain of a host, if it can be written while the host is walked.
fn image(graph: &Graph, host: &Draft, guest: &Draft) -> Result<Option<Image>> {
    let [output] = guest.outputs.as_slice() else { return Ok(None) };
    let unit_steps = |region: &Region| region.axes().iter().all(|axis| axis.step == 1 && axis.len > 0);
    if output.is_fold
        || output.image.is_some()
        || host.level != guest.level
        || host.domain.ndim() != guest.domain.ndim()
        || guest.domain.size() >= host.domain.size()
        || !unit_steps(&host.domain)
        || !unit_steps(&guest.domain)
        || host.outputs.iter().all(|output| output.image.is_some())
    {
        return Ok(None);
    }
    // A source that both read.
    let mut shared: Vec<usize> = host.sources.intersection(&guest.sources).copied().collect();
    shared.sort_unstable();
    for node in shared {
        if !matches!(graph.nodes[node].op.kind(), Kind::Source(_)) {
            continue;
        }
        let Some(host_steps) = steps(graph, host, node)? else { continue };
        let Some(guest_steps) = steps(graph, guest, node)? else { continue };
        if host_steps.iter().any(|&(start, step)| (start, step) != (0, 1)) {
            continue;
        }
        // Chunks of the store begin where cells may begin, if the first element lies in the first step.
        if guest_steps.iter().any(|&(start, step)| step == 0 || start >= step) {
            continue;
        }
        let image = Image { region: guest.domain.clone(), axes: guest_steps };
        if has_small_chunks(graph, guest, &image)? {
            return Ok(Some(image));
        }
    }
    Ok(None)
}

/// Where the elements of a domain lie in a source: start and step along every axis, if each needs one element there,
/// and axes are in the same order.
fn steps(graph: &Graph, draft: &Draft, node: usize) -> Result<Option<Vec<(usize, usize)>>> {
    let slot = Slot { node, output: 0 };
    let ndim = draft.domain.ndim();
    if graph.meta(slot).ndim() != ndim {
        return Ok(None);
    }
    let at = |moved: Option<(usize, usize)>| -> Result<Option<Region>> {
        let axes = draft.domain.axes().iter().enumerate().map(|(axis, range)| {
            let index = moved.map_or(0, |(a, index)| if a == axis { index } else { 0 });
            AxisRange::at(range.get(index))
        });
        let part = Region::from_iter(axes);
        let reads = touched(graph, &draft.wants(graph, &part), &draft.scope)?.reads;
        let mut regions: FxHashMap<Slot, Vec<Region>> = FxHashMap::default();
        reads.into_iter().for_each(|(slot, region)| regions.entry(slot).or_default().push(region));
        Ok(match regions.remove(&slot) {
            Some(mut found) if found.len() == 1 && found[0].size() == 1 => found.pop(),
            _ => None,
        })
    };
    let Some(origin) = at(None)? else { return Ok(None) };
    let mut steps = Vec::with_capacity(ndim);
    for (axis, range) in draft.domain.axes().iter().enumerate() {
        let mut step = None;
        for index in [1, range.len - 1].into_iter().filter(|&index| index > 0 && index < range.len) {
            let Some(there) = at(Some((axis, index)))? else { return Ok(None) };
            let others_stay =
                (0..ndim).all(|other| other == axis || there.axes()[other] == origin.axes()[other]);
            let moved = there.axes()[axis].start.checked_sub(origin.axes()[axis].start);
            let each = moved.filter(|moved| others_stay && moved % index == 0).map(|moved| moved / index);
            match (each, step) {
                (Some(each), None) => step = Some(each),
                (Some(each), Some(known)) if each == known => {}
                _ => return Ok(None),
            }
        }
        // Along an axis of one element any step will do that holds its place.
        let start = origin.axes()[axis].start;
        let step = step.unwrap_or(start + 1);
        match start.checked_sub(step * range.start) {
            Some(start) => steps.push((start, step)),
            None => return Ok(None),
        }
    }
    Ok(Some(steps))
}

/// Whether the chunks of the stores are small enough, seen from the domain, that cells can own them whole.
fn has_small_chunks(graph: &Graph, guest: &Draft, image: &Image) -> Result<bool> {
    for (slot, kind) in guest.outputs.iter().flat_map(|output| &output.targets) {
        let TargetKind::Store(_, sink) = kind else { continue };
        let mut elements: usize = 1;
        for (chunks, (_, step)) in sink.grid(graph.meta(*slot))?.axes().iter().zip(&image.axes) {
            match chunks {
                AxisChunks::Regular { chunk, .. } => elements = elements.saturating_mul(chunk * step),
                _ => return Ok(false),
            }
        }
        if elements > MOST_ELEMENTS {
            return Ok(false);
        }
    }
    Ok(true)
}
