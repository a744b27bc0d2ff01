//! Positions within layers: near the neighbours, without overlap.

use super::layout::Layers;

/// Sweeps up and down; positions hardly move after these.
const SWEEPS: usize = 40;

/// Between an arrow that passes and its neighbours.
const BESIDE_ARROW: f64 = 12.0;

/// The middle of every item.
pub(super) fn centres(layers: &Layers, between_boxes: f64) -> Vec<f64> {
    let mut centres = vec![0.0; layers.widths.len()];
    for layer in &layers.layers {
        let apart = distances(layers, layer, between_boxes);
        let mut at = -apart.iter().sum::<f64>() / 2.0;
        for (k, &item) in layer.iter().enumerate() {
            centres[item] = at;
            at += apart.get(k).copied().unwrap_or(0.0);
        }
    }
    let count = layers.layers.len();
    for sweep in 0..SWEEPS {
        // At first one side leads, then both pull.
        let sides = match (sweep + 6 < SWEEPS, sweep % 2) {
            (true, 0) => (true, false),
            (true, _) => (false, true),
            (false, _) => (true, true),
        };
        for step in 0..count {
            let layer = if sweep % 2 == 0 { step } else { count - 1 - step };
            pull(layers, &layers.layers[layer], &mut centres, sides, between_boxes);
        }
    }
    centres
}

/// From the middle of every item to that of the next.
fn distances(layers: &Layers, layer: &[usize], between_boxes: f64) -> Vec<f64> {
    let gap = |a: usize, b: usize| match (layers.is_box(a), layers.is_box(b)) {
        (true, true) => between_boxes,
        _ => between_boxes.min(BESIDE_ARROW),
    };
    layer
        .windows(2)
        .map(|pair| (layers.widths[pair[0]] + layers.widths[pair[1]]) / 2.0 + gap(pair[0], pair[1]))
        .collect()
}

/// Moves the items of a layer towards their neighbours below, above or both: the least squares of the distances among
/// all positions that keep order and gaps.
fn pull(
    layers: &Layers,
    layer: &[usize],
    centres: &mut [f64],
    (below, above): (bool, bool),
    between_boxes: f64,
) {
    let apart = distances(layers, layer, between_boxes);
    let mut offset = 0.0;
    // Runs of items that touch: sum of weights, of weighted targets (less the offset), and how many items.
    let mut runs: Vec<(f64, f64, usize)> = Vec::new();
    for (k, &item) in layer.iter().enumerate() {
        let mut weight = 1e-3;
        let mut sum = weight * centres[item];
        let sides = [(below, &layers.below[item]), (above, &layers.above[item])];
        for &other in sides.into_iter().filter(|(counts, _)| *counts).flat_map(|(_, others)| others) {
            // Long arrows should be straight.
            let pulls = match (layers.is_box(item), layers.is_box(other)) {
                (true, true) => 1.0,
                (false, false) => 8.0,
                _ => 2.0,
            };
            weight += pulls;
            sum += pulls * centres[other];
        }
        let mut run = (weight, sum - weight * offset, 1);
        while let Some(&last) = runs.last() {
            if last.1 / last.0 <= run.1 / run.0 {
                break;
            }
            runs.pop();
            run = (run.0 + last.0, run.1 + last.1, run.2 + last.2);
        }
        runs.push(run);
        offset += apart.get(k).copied().unwrap_or(0.0);
    }
    let mut offset = 0.0;
    let mut k = 0;
    for (weight, sum, items) in runs {
        for _ in 0..items {
            centres[layer[k]] = sum / weight + offset;
            offset += apart.get(k).copied().unwrap_or(0.0);
            k += 1;
        }
    }
}
