//! Where boxes and arrows lie: layers from the bottom to the top, few crossings, straight arrows.
//!
//! The method is Sugiyama's: boxes get layers, arrows that pass layers get a point in each, the order within layers is
//! improved by sweeps of barycentres (the best order met is kept), and positions are pulled towards the neighbours'
//! without overlap (isotonic regression, layer by layer). All arrows from one box run through the same points.
//!
//! Two things keep this here rather than in a library: the chunks of a step must share a layer and keep their order
//! where nothing speaks against it, and the same input must give the same picture.

use std::collections::BTreeMap;

use super::order;
use super::place;

/// How large boxes are, and how far apart.
#[derive(Debug)]
pub(super) struct Sizes {
    /// Width and height of every box.
    pub boxes: Vec<(f64, f64)>,
    /// Between boxes of a layer.
    pub between_boxes: f64,
    /// Between layers, at least.
    pub between_layers: f64,
}

/// A box with its place: upper left corner and size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rect {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

/// A part of an arrow, between two layers that follow each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Segment {
    /// Where it starts: below.
    pub from: (f64, f64),
    /// The upper edge of the layer it leaves.
    pub leaves: f64,
    /// The lower edge of the layer it enters.
    pub enters: f64,
    /// Where it ends.
    pub to: (f64, f64),
    /// Whether it ends at a box.
    pub has_head: bool,
}

/// Places of everything.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub width: f64,
    pub height: f64,
    pub boxes: Vec<Rect>,
    pub segments: Vec<Segment>,
}

/// Boxes and passing points in layers. The points have numbers after those of the boxes.
#[derive(Debug, Default)]
pub(super) struct Layers {
    pub widths: Vec<f64>,
    pub boxes: usize,
    pub layer: Vec<usize>,
    pub layers: Vec<Vec<usize>>,
    /// What lies below and is used.
    pub below: Vec<Vec<usize>>,
    /// What lies above and uses it.
    pub above: Vec<Vec<usize>>,
}

impl Layers {
    pub fn is_box(&self, item: usize) -> bool {
        item < self.boxes
    }
}

/// The width of an arrow that passes a layer.
const PASSING: f64 = 6.0;

impl Layout {
    /// Places boxes, and arrows that form no circle.
    pub fn new(sizes: &Sizes, arrows: &[(usize, usize)], groups: &[usize]) -> Layout {
        if sizes.boxes.is_empty() {
            return Layout::default();
        }
        let mut layers = in_layers(sizes, arrows, groups);
        order::improve(&mut layers);
        let centres = place::centres(&layers, sizes.between_boxes);
        routed(sizes, &layers, &centres)
    }
}

/// Gives boxes layers, and passing arrows their points.
fn in_layers(sizes: &Sizes, arrows: &[(usize, usize)], groups: &[usize]) -> Layers {
    let count = sizes.boxes.len();
    let layer = layers_of(arrows, groups, count);
    let mut layers = Layers {
        widths: sizes.boxes.iter().map(|(width, _)| *width).collect(),
        boxes: count,
        below: vec![Vec::new(); count],
        above: vec![Vec::new(); count],
        layers: vec![Vec::new(); layer.iter().max().map_or(0, |top| top + 1)],
        layer,
    };
    for item in 0..count {
        layers.layers[layers.layer[item]].push(item);
    }
    // The points of the arrows from a box, by layer.
    let mut passing: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for &(from, to) in arrows {
        let mut last = from;
        for layer in layers.layer[from] + 1..layers.layer[to] {
            last = *passing.entry((from, layer)).or_insert_with(|| {
                let point = layers.widths.len();
                layers.widths.push(PASSING);
                layers.layer.push(layer);
                layers.layers[layer].push(point);
                layers.below.push(vec![last]);
                layers.above.push(Vec::new());
                layers.above[last].push(point);
                point
            });
        }
        layers.above[last].push(to);
        layers.below[to].push(last);
    }
    layers
}

/// The layer of every box: above all that its group uses; sources right below what uses them.
fn layers_of(arrows: &[(usize, usize)], groups: &[usize], count: usize) -> Vec<usize> {
    let num_groups = groups.iter().max().map_or(0, |last| last + 1);
    let mut links: Vec<(usize, usize)> =
        arrows.iter().map(|&(from, to)| (groups[from], groups[to])).collect();
    links.sort_unstable();
    links.dedup();
    let mut above: Vec<Vec<usize>> = vec![Vec::new(); num_groups];
    let mut below: Vec<Vec<usize>> = vec![Vec::new(); num_groups];
    for &(from, to) in &links {
        above[from].push(to);
        below[to].push(from);
    }
    let mut missing: Vec<usize> = below.iter().map(Vec::len).collect();
    let mut order: Vec<usize> = (0..num_groups).filter(|&group| missing[group] == 0).collect();
    let mut layer = vec![0; num_groups];
    let mut next = 0;
    while let Some(&group) = order.get(next) {
        next += 1;
        for &user in &above[group] {
            layer[user] = layer[user].max(layer[group] + 1);
            missing[user] -= 1;
            if missing[user] == 0 {
                order.push(user);
            }
        }
    }
    // Moving up shortens no fewer arrows than it lengthens where as many leave as enter; those from one box below run
    // together, so often it lengthens none.
    for &group in order.iter().rev() {
        if above[group].len() >= below[group].len()
            && let Some(lowest) = above[group].iter().map(|&user| layer[user]).min()
        {
            layer[group] = layer[group].max(lowest - 1);
        }
    }
    (0..count).map(|item| layer[groups[item]]).collect()
}

/// Heights, and the ends of the arrows.
fn routed(sizes: &Sizes, layers: &Layers, centres: &[f64]) -> Layout {
    let half = |item: usize| layers.widths[item] / 2.0;
    let left = (0..centres.len()).map(|item| centres[item] - half(item)).fold(f64::INFINITY, f64::min);
    let right = (0..centres.len()).map(|item| centres[item] + half(item)).fold(f64::NEG_INFINITY, f64::max);
    let centre = |item: usize| centres[item] - left;
    let tall = |layer: &Vec<usize>| {
        layer.iter().filter(|&&item| layers.is_box(item)).map(|&item| sizes.boxes[item].1).fold(0.0, f64::max)
    };
    let heights: Vec<f64> = layers.layers.iter().map(tall).collect();
    // Arrows that go far to the side need height to be told apart.
    let gap = |layer: usize| {
        let widest = layers.layers[layer]
            .iter()
            .flat_map(|&item| layers.above[item].iter().map(move |&user| (centre(item) - centre(user)).abs()))
            .fold(0.0, f64::max);
        (widest * 0.12).clamp(sizes.between_layers, 4.0 * sizes.between_layers)
    };
    let mut lower = vec![0.0; heights.len()];
    let mut height = 0.0;
    for layer in (0..heights.len()).rev() {
        if layer + 1 < heights.len() {
            height += gap(layer);
        }
        height += heights[layer];
        lower[layer] = height;
    }
    let rect = |item: usize| {
        let (width, tall) = sizes.boxes[item];
        let layer = layers.layer[item];
        let y = lower[layer] - heights[layer] + (heights[layer] - tall) / 2.0;
        Rect { x: centre(item) - width / 2.0, y, width, height: tall }
    };
    let boxes: Vec<Rect> = (0..layers.boxes).map(rect).collect();
    let port = |item: usize, others: &[usize], other: usize| {
        if !layers.is_box(item) {
            return centre(item);
        }
        let mut sorted: Vec<usize> = others.to_vec();
        sorted.sort_by(|&a, &b| centre(a).total_cmp(&centre(b)).then(a.cmp(&b)));
        let place = sorted.iter().position(|&candidate| candidate == other).unwrap_or(0);
        let apart = (boxes[item].width * 0.7 / sorted.len() as f64).min(14.0);
        centre(item) + (place as f64 - (sorted.len() - 1) as f64 / 2.0) * apart
    };
    let mut segments = Vec::new();
    for from in 0..layers.widths.len() {
        for &to in &layers.above[from] {
            let (below, above) = (layers.layer[from], layers.layer[to]);
            let top = lower[below] - heights[below];
            let start = if layers.is_box(from) { boxes[from].y } else { lower[below] };
            let end = if layers.is_box(to) { boxes[to].y + boxes[to].height } else { lower[above] };
            segments.push(Segment {
                from: (port(from, &layers.above[from], to), start),
                leaves: top,
                enters: lower[above],
                to: (port(to, &layers.below[to], from), end),
                has_head: layers.is_box(to),
            });
        }
    }
    Layout { width: right - left, height, boxes, segments }
}
