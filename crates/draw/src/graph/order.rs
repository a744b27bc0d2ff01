//! The order within layers: few crossings.

use super::layout::Layers;

/// Sweeps up and down; more than these hardly help.
const SWEEPS: usize = 24;

/// Orders every layer by where its neighbours lie, up and down; keeps the order with the fewest crossings.
pub(super) fn improve(layers: &mut Layers) {
    let mut position = vec![0.0; layers.widths.len()];
    // Passing points start where the box that they come from lies.
    for layer in 1..layers.layers.len() {
        number(layers, &mut position);
        let mut items = std::mem::take(&mut layers.layers[layer]);
        let key = |item: usize| {
            if layers.is_box(item) { position[item] } else { position[layers.below[item][0]] + 0.25 }
        };
        items.sort_by(|&a, &b| key(a).total_cmp(&key(b)).then(a.cmp(&b)));
        layers.layers[layer] = items;
    }
    number(layers, &mut position);
    let mut best = layers.layers.clone();
    let mut fewest = crossings(layers, &position);
    for sweep in 0..SWEEPS {
        if fewest == 0 {
            break;
        }
        let count = layers.layers.len();
        for step in 1..count {
            let upwards = sweep % 2 == 0;
            let layer = if upwards { step } else { count - 1 - step };
            sort_layer(layers, &mut position, layer, upwards, sweep % 4 >= 2);
        }
        let found = crossings(layers, &position);
        if found < fewest {
            fewest = found;
            best.clone_from(&layers.layers);
        }
    }
    layers.layers = best;
    turn(layers);
}

/// Mirrors everything if more neighbours stand against their numbers than with them: crossings stay the same, and
/// first chunks come first.
fn turn(layers: &mut Layers) {
    let boxes = layers.boxes;
    let (mut rising, mut falling) = (0, 0);
    for layer in &layers.layers {
        let numbers: Vec<usize> = layer.iter().copied().filter(|&item| item < boxes).collect();
        rising += numbers.windows(2).filter(|pair| pair[0] < pair[1]).count();
        falling += numbers.windows(2).filter(|pair| pair[0] > pair[1]).count();
    }
    if falling > rising {
        layers.layers.iter_mut().for_each(|layer| layer.reverse());
    }
}

/// Where every item lies in its layer.
fn number(layers: &Layers, position: &mut [f64]) {
    for layer in &layers.layers {
        for (place, &item) in layer.iter().enumerate() {
            position[item] = place as f64;
        }
    }
}

fn sort_layer(layers: &mut Layers, position: &mut [f64], layer: usize, upwards: bool, turn_ties: bool) {
    let items = std::mem::take(&mut layers.layers[layer]);
    let mut keyed: Vec<(f64, usize, usize)> = items
        .into_iter()
        .enumerate()
        .map(|(place, item)| {
            let others = if upwards { &layers.below[item] } else { &layers.above[item] };
            let centre = match others.len() {
                0 => position[item],
                count => others.iter().map(|&other| position[other]).sum::<f64>() / count as f64,
            };
            (centre, if turn_ties { usize::MAX - place } else { place }, item)
        })
        .collect();
    keyed.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    for (place, &(_, _, item)) in keyed.iter().enumerate() {
        position[item] = place as f64;
    }
    layers.layers[layer] = keyed.into_iter().map(|(_, _, item)| item).collect();
}

/// Pairs of arrows that cross.
fn crossings(layers: &Layers, position: &[f64]) -> usize {
    let mut total = 0;
    for (lower, upper) in layers.layers.iter().zip(layers.layers.iter().skip(1)) {
        // Arrows in the order of their lower ends: each crosses those before it that end further right.
        let mut ended = Fenwick::new(upper.len());
        for (seen, end) in lower
            .iter()
            .flat_map(|&item| {
                let mut ends: Vec<usize> =
                    layers.above[item].iter().map(|&user| position[user] as usize).collect();
                ends.sort_unstable();
                ends
            })
            .enumerate()
        {
            total += seen - ended.count_to(end);
            ended.add(end);
        }
    }
    total
}

/// Counts with fast prefix sums.
struct Fenwick(Vec<usize>);

impl Fenwick {
    fn new(len: usize) -> Self {
        Fenwick(vec![0; len + 1])
    }

    fn add(&mut self, place: usize) {
        let mut at = place + 1;
        while at < self.0.len() {
            self.0[at] += 1;
            at += at & at.wrapping_neg();
        }
    }

    /// How many were added at `place` and before.
    fn count_to(&self, place: usize) -> usize {
        let (mut at, mut sum) = (place + 1, 0);
        while at > 0 {
            sum += self.0[at];
            at -= at & at.wrapping_neg();
        }
        sum
    }
}
