//! The stages of a plan, what they read, and what becomes of what they make.

use brickwork_core::Kind;
use brickwork_core::format_bytes;
use brickwork_core::plan::{Graph, Plan, Slot, StageOutput, Target, TargetKind};
use rustc_hash::{FxHashMap, FxHashSet};

use super::diagram::{BoxKind, Diagram, DiagramBox};
use super::expression::{is_origin, source_box};
use super::fold::folded;
use super::names::{LINE_LENGTH, call, count, ending_of, kind_line, lens, literal, plural, wrap};

/// Operations named in a program before it is cut short.
const NAMES: usize = 12;

/// What a stage's program consists of.
#[derive(Debug, Default)]
pub(super) struct Program {
    /// The nodes computed, inputs first, without views.
    pub computed: Vec<usize>,
    /// Sources and generators.
    pub origins: Vec<usize>,
    /// Values held by earlier stages, or known from before.
    pub held: Vec<Slot>,
}

impl Diagram {
    /// The stages of a plan: program, domain, tasks, bytes. Its size is that of the expression, however many tasks
    /// there are.
    pub fn of_stages(plan: &Plan) -> Diagram {
        let mut diagram = Diagram::new(title(plan));
        let mut keys: Vec<String> = Vec::new();
        let mut add = |diagram: &mut Diagram, drawn: DiagramBox, key: String| {
            keys.push(key);
            diagram.add(drawn)
        };
        let programs: Vec<Program> = (0..plan.stages.len()).map(|stage| program(plan, stage)).collect();
        let mut origins: FxHashMap<usize, usize> = FxHashMap::default();
        let mut given: FxHashMap<Slot, usize> = FxHashMap::default();
        let mut stages = Vec::with_capacity(plan.stages.len());
        for (number, program) in programs.iter().enumerate() {
            let mut below = Vec::new();
            for &node in &program.origins {
                below.push(*origins.entry(node).or_insert_with(|| {
                    let drawn = source_box(&plan.graph, node);
                    let meta = kind_line(&plan.graph.nodes[node].metas[0]);
                    let key = format!("{} {meta}", drawn.name);
                    add(&mut diagram, drawn, key)
                }));
            }
            for &slot in program.held.iter().filter(|slot| plan.given.contains_key(slot)) {
                below.push(*given.entry(slot).or_insert_with(|| {
                    let details = vec!["known from before".into(), kind_line(plan.graph.meta(slot))];
                    let drawn = DiagramBox::new(BoxKind::Held, call(&plan.graph, slot.node), details);
                    add(&mut diagram, drawn, format!("given {slot:?}"))
                }));
            }
            let drawn = add(&mut diagram, stage_box(plan, number, program), format!("stage {number}"));
            for from in below {
                diagram.connect(from, drawn);
            }
            stages.push(drawn);
        }
        let mut late = None;
        for (number, target) in plan.targets.iter().enumerate() {
            let drawn = add(&mut diagram, target_box(plan, target), format!("target {number}"));
            diagram.connect(stages[target.stage], drawn);
            for &reader in
                target.readers.iter().filter(|&&reader| programs[reader].held.contains(&target.slot))
            {
                diagram.connect(drawn, stages[reader]);
            }
            if let (Some(rest), true) = (&plan.late, is_awaited(&target.kind)) {
                let late = *late.get_or_insert_with(|| {
                    let what = format!("{} to be cut", plural(rest.requests.len(), "result"));
                    let details = vec![what, "when these values are known".into()];
                    add(&mut diagram, DiagramBox::new(BoxKind::Late, "late stage", details), "late".into())
                });
                diagram.connect(drawn, late);
            }
        }
        folded(diagram.finished(), &keys)
    }
}

pub(super) fn title(plan: &Plan) -> String {
    format!(
        "plan: {} in {}, peak {} of {} allowed",
        plural(plan.num_tasks(), "task"),
        plural(plan.stages.len(), "stage"),
        format_bytes(plan.peak_bytes),
        format_bytes(plan.options.memory)
    )
}

/// Whether a target is there for the rest of the plan to be made.
fn is_awaited(kind: &TargetKind) -> bool {
    // Requests are numbered from 0, and what is awaited from the other end.
    matches!(kind, TargetKind::Collect(number) if *number > usize::MAX / 2)
}

/// What a stage computes, from its outputs down to what is there already.
pub(super) fn program(plan: &Plan, stage: usize) -> Program {
    let graph = &plan.graph;
    let read = plan.targets.iter().filter(|target| target.stage != stage && target.readers.contains(&stage));
    let held: FxHashSet<Slot> = read.map(|target| target.slot).collect();
    let mut program = Program::default();
    let mut seen: FxHashSet<Slot> = FxHashSet::default();
    let mut computed: FxHashSet<usize> = FxHashSet::default();
    let slot_of = |output: &StageOutput| match output {
        StageOutput::Written { slot, .. } => *slot,
        StageOutput::Folded { node, .. } => Slot { node: *node, output: 0 },
    };
    let mut open: Vec<(Slot, bool)> =
        plan.stages[stage].outputs.iter().rev().map(|output| (slot_of(output), false)).collect();
    while let Some((slot, is_done)) = open.pop() {
        let node = &graph.nodes[slot.node];
        if is_done {
            if computed.insert(slot.node) {
                program.computed.push(slot.node);
            }
            continue;
        }
        if !seen.insert(slot) {
            continue;
        }
        if plan.given.contains_key(&slot) || held.contains(&slot) {
            program.held.push(slot);
            continue;
        }
        if is_origin(graph, slot.node) {
            if literal(node).is_none() && !program.origins.contains(&slot.node) {
                program.origins.push(slot.node);
            }
            continue;
        }
        if !matches!(node.op.kind(), Kind::View(_)) {
            open.push((slot, true));
        }
        open.extend(node.inputs.iter().rev().map(|&input| (input, false)));
    }
    program
}

fn stage_box(plan: &Plan, number: usize, program: &Program) -> DiagramBox {
    let stage = &plan.stages[number];
    let figures = &stage.figures;
    let mut details = wrap(&words(&plan.graph, program));
    let shape = stage.domain.shape();
    details.push(match stage.num_tasks() {
        1 => format!("over {}", lens(&shape)),
        _ => format!("over {} in cells of {}", lens(&shape), lens(&stage.grid.max_chunk())),
    });
    let takes = match (figures.bytes_read, figures.elements_generated) {
        (0, 0) => None,
        (0, made) => Some(format!("makes {} values", short_count(made))),
        (bytes, _) => {
            Some(format!("reads {}{}", if figures.at_least { "≥ " } else { "" }, format_bytes(bytes)))
        }
    };
    let gives = format!("gives {}", format_bytes(figures.bytes_out));
    details.push(takes.into_iter().chain([gives]).collect::<Vec<_>>().join(", "));
    let folds = stage.outputs.iter().any(|output| matches!(output, StageOutput::Folded { .. }));
    let kind = if folds { BoxKind::Reduction } else { BoxKind::Map };
    let name = format!("stage {number}: {}", plural(stage.num_tasks(), "task"));
    DiagramBox { stage: Some(number), ..DiagramBox::new(kind, name, details) }
}

/// The names of a program, cut short where it is long; what comes several times in a row is counted.
pub(super) fn words(graph: &Graph, program: &Program) -> Vec<String> {
    let mut words: Vec<(String, usize)> = Vec::new();
    for &node in &program.computed {
        let name = call(graph, node);
        match words.last_mut() {
            Some((last, count)) if *last == name => *count += 1,
            _ => words.push((name, 1)),
        }
    }
    let mut words: Vec<String> = words
        .into_iter()
        .map(|(name, count)| if count > 1 { format!("{count} × {name}") } else { name })
        .collect();
    if words.len() > NAMES {
        let left = words.len() - NAMES;
        words.splice(NAMES / 2..NAMES / 2 + left, [format!("… {} more …", count(left))]);
    }
    if words.is_empty() {
        words.push("pass on".into());
    }
    words
}

pub(super) fn target_box(plan: &Plan, target: &Target) -> DiagramBox {
    let name = call(&plan.graph, target.slot.node);
    let size = format!("{}, {}", kind_line(&plan.target_meta(target)), format_bytes(target.nbytes));
    match &target.kind {
        TargetKind::Held if target.spill.is_some() => {
            DiagramBox::new(BoxKind::Held, format!("{name}, in a spill file"), vec![size])
        }
        TargetKind::Held => DiagramBox::new(BoxKind::Held, format!("{name}, held"), vec![size]),
        kind if is_awaited(kind) => DiagramBox::new(BoxKind::Held, name, vec![size]),
        TargetKind::Collect(_) => DiagramBox::new(BoxKind::Result, "result in memory", vec![size]),
        TargetKind::Store(_, sink) => {
            let place = format!("written to {}", sink.uri());
            DiagramBox::new(BoxKind::Result, ending_of(&place, LINE_LENGTH), vec![size])
        }
    }
}

/// A number of values for people: `400 M`.
fn short_count(number: usize) -> String {
    let mut value = number as f64;
    for unit in ["", " k", " M", " G", " T"] {
        if value < 999.5 || unit == " T" {
            return match unit {
                "" => number.to_string(),
                _ if value < 9.95 => format!("{value:.1}{unit}"),
                _ => format!("{value:.0}{unit}"),
            };
        }
        value /= 1000.0;
    }
    number.to_string()
}
