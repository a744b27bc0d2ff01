//! The tasks of a plan, what they read and what they make.

use brickwork_core::plan::{Plan, Stage, StageOutput, TargetKind, task_reads};
use brickwork_core::{Kind, format_bytes};
use rustc_hash::FxHashMap;

use super::diagram::{BoxKind, Diagram, DiagramBox};
use super::expression::source_box;
use super::fold::folded;
use super::names::{LINE_LENGTH, count, lens, literal};
use super::stages::{program, target_box, title, words};
use crate::error::Result;

impl Diagram {
    /// The tasks of a plan: the cell of every one, what it reads, and what it adds to; `None` if there are more than
    /// `most`.
    ///
    /// # Errors
    /// If an operation cannot say what it reads.
    pub fn of_tasks(plan: &Plan, most: usize) -> Result<Option<Diagram>> {
        if plan.num_tasks() > most {
            return Ok(None);
        }
        let diagram = Diagram::new(title(plan)).compact();
        let mut drawing = Drawing { plan, diagram, groups: 0, origins: FxHashMap::default() };
        // Arrows from targets to the cells that read them.
        let mut reads: Vec<(usize, usize)> = Vec::new();
        let mut cells: Vec<Vec<usize>> = Vec::new();
        for number in 0..plan.stages.len() {
            cells.push(drawing.stage(number, &mut reads)?);
        }
        for (number, target) in plan.targets.iter().enumerate() {
            let group = drawing.next_group();
            let drawn = drawing.diagram.add_to_group(target_box(plan, target), group);
            for &cell in &cells[target.stage] {
                drawing.diagram.connect(cell, drawn);
            }
            // What is only written or given away is read by nobody.
            if !matches!(target.kind, TargetKind::Store(..)) {
                for &(_, reader) in reads.iter().filter(|(target, _)| *target == number) {
                    drawing.diagram.connect(drawn, reader);
                }
            }
        }
        // Sources that the same tasks read are one; tasks and what they make never are.
        let keys: Vec<String> = drawing
            .diagram
            .boxes()
            .iter()
            .enumerate()
            .map(|(number, item)| match item.kind {
                BoxKind::Source | BoxKind::Generator => format!("{} {:?}", item.name, item.details.last()),
                _ => number.to_string(),
            })
            .collect();
        Ok(Some(folded(drawing.diagram.finished(), &keys)))
    }
}

struct Drawing<'a> {
    plan: &'a Plan,
    diagram: Diagram,
    groups: usize,
    origins: FxHashMap<usize, usize>,
}

impl Drawing<'_> {
    fn next_group(&mut self) -> usize {
        self.groups += 1;
        self.groups - 1
    }

    /// The boxes of a stage's cells, in one layer.
    fn stage(&mut self, number: usize, reads: &mut Vec<(usize, usize)>) -> Result<Vec<usize>> {
        let (plan, stage) = (self.plan, &self.plan.stages[number]);
        let layer = self.next_group();
        let folds = stage.outputs.iter().any(|output| matches!(output, StageOutput::Folded { .. }));
        let kind = if folds { BoxKind::Reduction } else { BoxKind::Map };
        let mut cells = Vec::with_capacity(stage.num_tasks());
        for cell in 0..stage.num_tasks() {
            let (mut bytes, mut below, mut held) = (0, Vec::new(), Vec::new());
            for (slot, region) in task_reads(plan, number, cell)? {
                let node = &plan.graph.nodes[slot.node];
                match node.op.kind() {
                    _ if literal(node).is_some() => {}
                    Kind::Source(_) | Kind::Generator(_) => {
                        if matches!(node.op.kind(), Kind::Source(_)) {
                            bytes += region.size() * node.metas[slot.output].dtype.itemsize();
                        }
                        below.push(self.origin(slot.node));
                    }
                    _ => held.extend(plan.targets.iter().position(|target| target.slot == slot)),
                }
            }
            let drawn = DiagramBox::new(kind, format!("task {cell}"), cell_lines(stage, cell, bytes));
            let drawn = self.diagram.add_to_group(drawn, layer);
            for from in below {
                self.diagram.connect(from, drawn);
            }
            reads.extend(held.into_iter().map(|target| (target, drawn)));
            cells.push(drawn);
        }
        let program = words(&plan.graph, &program(plan, number)).join(", ");
        let shape = lens(&stage.grid.max_chunk());
        let size = match stage.num_tasks() {
            1 => format!("one task, over {shape}"),
            tasks => format!("{} tasks, cells of {shape}", count(tasks)),
        };
        self.diagram.label_group(layer, [format!("stage {number}: {}", shortened(&program)), size]);
        Ok(cells)
    }

    fn origin(&mut self, node: usize) -> usize {
        if let Some(&drawn) = self.origins.get(&node) {
            return drawn;
        }
        let group = self.next_group();
        let drawn = self.diagram.add_to_group(source_box(&self.plan.graph, node), group);
        self.origins.insert(node, drawn);
        drawn
    }
}

/// The part of the domain, an axis a line, and the bytes read for it.
fn cell_lines(stage: &Stage, cell: usize, bytes: usize) -> Vec<String> {
    let region = stage.cell(cell);
    let reads = (bytes > 0).then(|| format!("reads {}", format_bytes(bytes)));
    region.axes().iter().map(|range| format!("{range:?}")).chain(reads).collect()
}

/// A text that stands beside a picture.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(LINE_LENGTH) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}
