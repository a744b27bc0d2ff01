//! Boxes and arrows, before they have places.

use std::collections::{BTreeMap, BTreeSet};

use crate::Svg;
use crate::text::text_width;

use super::layout::{Layout, Sizes};

/// Boxes and arrows between them: what a picture of an expression or a plan says, whatever its format.
#[derive(Debug, Clone, Default)]
pub struct Diagram {
    title: String,
    boxes: Vec<DiagramBox>,
    arrows: Vec<(usize, usize)>,
    /// Boxes of one group lie in one layer; empty if every box is a group of its own.
    groups: Vec<usize>,
    /// What stands beside the layer of a group.
    labels: Vec<(usize, [String; 2])>,
    is_compact: bool,
}

/// A box of a diagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiagramBox {
    /// What it stands for.
    pub kind: BoxKind,
    /// Its first line.
    pub name: String,
    /// More lines, smaller.
    pub details: Vec<String>,
    /// How many equal things it stands for.
    pub count: usize,
    /// The stage that it is, if it is one. In the SVG it lies in a group of the class `stage`, with the stage's number as
    /// `data-stage`.
    pub stage: Option<usize>,
}

/// What a box stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum BoxKind {
    /// Read from a store or from memory.
    Source,
    /// Made from positions: ranges, random numbers.
    Generator,
    /// Computed element by element, or put together from pieces.
    Map,
    /// Folded.
    Reduction,
    /// Seen under other axes: costs nothing.
    View,
    /// Kept in memory for later stages.
    Held,
    /// Given to the user, or written.
    Result,
    /// Planned when some values are known.
    Late,
}

impl BoxKind {
    /// Its word in the legend.
    pub(super) fn label(self) -> &'static str {
        match self {
            BoxKind::Source => "source",
            BoxKind::Generator => "generated",
            BoxKind::Map => "map",
            BoxKind::Reduction => "reduction",
            BoxKind::View => "view",
            BoxKind::Held => "held in memory",
            BoxKind::Result => "result",
            BoxKind::Late => "planned later",
        }
    }

    /// The colours inside and of the line. All texts on them are nearly black.
    pub(super) fn colours(self) -> (&'static str, &'static str) {
        match self {
            BoxKind::Source => ("#d3e8f8", "#0b5a8f"),
            BoxKind::Generator => ("#d5f0f2", "#12707a"),
            BoxKind::Map => ("#dcf2e0", "#1d7a3c"),
            BoxKind::Reduction => ("#fde2cc", "#b34a00"),
            BoxKind::View => ("#efefef", "#666666"),
            BoxKind::Held => ("#fff4c2", "#8a6d00"),
            BoxKind::Result => ("#f1e4f7", "#6b2c91"),
            BoxKind::Late => ("#ffffff", "#6b2c91"),
        }
    }
}

/// Size of the first line's letters.
pub(super) const NAME_SIZE: f64 = 13.0;
/// Size of the other lines' letters.
pub(super) const DETAIL_SIZE: f64 = 11.0;
/// From one line to the next.
pub(super) const LINE: f64 = 16.0;
/// Between a text and the line round it.
pub(super) const PADDING: (f64, f64) = (10.0, 6.0);
/// How far the boxes behind a folded one stick out.
pub(super) const STACKED: f64 = 4.0;

/// Small boxes up to this width are drawn equally wide, so that columns line up.
const EVEN_WIDTH: f64 = 130.0;

impl DiagramBox {
    pub(super) fn new(kind: BoxKind, name: impl Into<String>, details: Vec<String>) -> Self {
        DiagramBox { kind, name: name.into(), details, count: 1, stage: None }
    }

    /// The first line, as it is drawn.
    pub(super) fn headline(&self) -> String {
        match self.count {
            1 => self.name.clone(),
            count => format!("{count} × {}", self.name),
        }
    }

    fn size(&self) -> (f64, f64) {
        let details = self.details.iter().map(|line| text_width(line, DETAIL_SIZE));
        let width = details.fold(text_width(&self.headline(), NAME_SIZE), f64::max);
        let lines = (1 + self.details.len()) as f64;
        // Round ends and caps need room of their own.
        let (wider, higher) = match self.kind {
            BoxKind::Source => (0.0, 8.0),
            BoxKind::Generator => (8.0, 0.0),
            _ => (0.0, 0.0),
        };
        ((width + 2.0 * PADDING.0 + wider).max(34.0), lines * LINE + 2.0 * PADDING.1 + higher)
    }
}

impl Diagram {
    pub(super) fn new(title: impl Into<String>) -> Self {
        Diagram { title: title.into(), ..Diagram::default() }
    }

    /// Adds a box, and returns its number.
    pub(super) fn add(&mut self, new: DiagramBox) -> usize {
        self.boxes.push(new);
        self.boxes.len() - 1
    }

    /// Adds a box to the layer of a group.
    pub(super) fn add_to_group(&mut self, new: DiagramBox, group: usize) -> usize {
        self.groups.push(group);
        self.add(new)
    }

    /// Adds an arrow, unless it is there already.
    pub(super) fn connect(&mut self, from: usize, to: usize) {
        if from != to {
            self.arrows.push((from, to));
        }
    }

    /// Writes two lines beside the boxes of a group.
    pub(super) fn label_group(&mut self, group: usize, lines: [String; 2]) {
        self.labels.push((group, lines));
    }

    /// The labels of groups, each with one of the group's boxes.
    pub(super) fn labels(&self) -> impl Iterator<Item = (usize, &[String; 2])> {
        self.labels
            .iter()
            .filter_map(|(group, lines)| Some((self.groups.iter().position(|other| other == group)?, lines)))
    }

    /// Boxes of the layer that has most.
    pub(super) fn widest_group(&self) -> usize {
        let mut sizes: BTreeMap<usize, usize> = BTreeMap::new();
        for &group in &self.groups {
            *sizes.entry(group).or_default() += 1;
        }
        // Groups that nothing enters share the lowest layer.
        let entered: BTreeSet<usize> = self.arrows.iter().map(|&(_, to)| self.groups[to]).collect();
        let lowest = sizes.iter().filter(|(group, _)| !entered.contains(group)).map(|(_, size)| size).sum();
        sizes.values().copied().max().unwrap_or(0).max(lowest)
    }

    /// Draws boxes close together.
    pub(super) fn compact(mut self) -> Self {
        self.is_compact = true;
        self
    }

    /// Sorts the arrows, each once.
    pub(super) fn finished(mut self) -> Self {
        self.arrows.sort_unstable();
        self.arrows.dedup();
        self
    }

    /// The diagram with fewer boxes: `place` says by which new box every old one is replaced; new boxes come in the
    /// order of the first that each replaces.
    pub(super) fn replaced(self, boxes: Vec<DiagramBox>, place: &[usize]) -> Diagram {
        let mut groups = vec![0; if self.groups.is_empty() { 0 } else { boxes.len() }];
        for (group, &new) in self.groups.iter().zip(place).rev() {
            groups[new] = *group;
        }
        let arrows = self.arrows.iter().map(|&(from, to)| (place[from], place[to])).collect();
        Diagram { boxes, groups, arrows, ..self }.finished()
    }

    /// What it is a picture of.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The boxes.
    pub fn boxes(&self) -> &[DiagramBox] {
        &self.boxes
    }

    /// The arrows, from what is used to what uses it, by the numbers of the boxes.
    pub fn arrows(&self) -> &[(usize, usize)] {
        &self.arrows
    }

    /// The picture: data flow from the bottom to the top.
    pub fn svg(&self) -> Svg {
        super::render::render(self, &self.layout())
    }

    /// The same as text for Graphviz.
    pub fn dot(&self) -> String {
        super::dot::dot(self)
    }

    pub(super) fn layout(&self) -> Layout {
        let mut boxes: Vec<(f64, f64)> = self.boxes.iter().map(DiagramBox::size).collect();
        let widest = boxes.iter().map(|(width, _)| *width).fold(0.0, f64::max);
        if self.is_compact && widest <= EVEN_WIDTH {
            boxes.iter_mut().for_each(|(width, _)| *width = widest);
        }
        let (mut between_boxes, between_layers) = if self.is_compact { (10.0, 46.0) } else { (26.0, 44.0) };
        if self.boxes.iter().any(|item| item.count > 1) {
            between_boxes += 2.0 * STACKED;
        }
        let groups: Vec<usize> =
            if self.groups.is_empty() { (0..boxes.len()).collect() } else { self.groups.clone() };
        Layout::new(&Sizes { boxes, between_boxes, between_layers }, &self.arrows, &groups)
    }
}
