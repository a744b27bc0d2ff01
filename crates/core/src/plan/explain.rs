//! What a plan says about itself.

use std::fmt::Write;

use super::stage::{Plan, StageOutput, TargetKind};
use crate::chunks::{format_bytes, format_count};
use crate::operation::Kind;

/// Operations named in a program before it is cut short.
const NAMES: usize = 12;

/// A table: a line for every stage, and what it makes.
pub(super) fn explain(plan: &Plan) -> String {
    let mut rows: Vec<[String; 7]> =
        vec![["stage", "domain", "tasks", "cell", "read", "out", "a task"].map(str::to_owned)];
    for (number, stage) in plan.stages.iter().enumerate() {
        let figures = &stage.figures;
        let read = match (figures.bytes_read, figures.elements_generated) {
            (0, 0) => "-".to_owned(),
            (0, generated) => format!("{} made", format_count(generated)),
            (bytes, _) => format!("{}{}", if figures.at_least { "≥ " } else { "" }, format_bytes(bytes)),
        };
        rows.push([
            number.to_string(),
            shape(&stage.domain.shape()),
            format_count(stage.num_tasks()),
            shape(&stage.grid.max_chunk()),
            read,
            format_bytes(figures.bytes_out),
            format_bytes(figures.task_bytes),
        ]);
    }
    let mut text = table(&rows);
    for (number, stage) in plan.stages.iter().enumerate() {
        let _ = write!(text, "\nstage {number}: {}", program(plan, number));
        if !stage.local.is_empty() {
            let names: Vec<String> =
                stage.local.iter().map(|slot| plan.graph.nodes[slot.node].op.name()).collect();
            let _ = write!(text, "\n  each cell first computes and keeps {}", names.join(", "));
        }
        if !stage.depends.is_empty() {
            let names: Vec<String> = stage.depends.iter().map(ToString::to_string).collect();
            let _ = write!(text, "\n  after stage {}", names.join(", "));
        }
        if let Some(axis) = stage.walk.outermost {
            let _ = write!(
                text,
                "\n  cells hold axis {axis} whole and go along it, carrying what a scan has come to"
            );
        }
        if stage.mirrored.is_some() {
            let _ = write!(text, "\n  cells below the diagonal are those above it, transposed");
        }
        let _ = write!(text, "{}", exchange(plan, number));
        if stage.is_partial() {
            let _ = write!(
                text,
                "\n  folded axes are cut: partial results are joined in the order of the fold tree"
            );
        }
    }
    if let Some(late) = &plan.late {
        let _ = write!(
            text,
            "\nlate stage: {} to be cut when the counts of stage {} arrive",
            plural(late.requests.len(), "result"),
            plan.stages.len().saturating_sub(1)
        );
    }
    let _ = write!(
        text,
        "\n{}, peak {} of {} allowed",
        plural(plan.num_tasks(), "task"),
        format_bytes(plan.peak_bytes),
        format_bytes(plan.options.memory)
    );
    if plan.spill_bytes > 0 {
        let _ = write!(text, ", {} in spill files", format_bytes(plan.spill_bytes));
    }
    text
}

/// What a stage writes to spill files and reads from there.
fn exchange(plan: &Plan, number: usize) -> String {
    let mut text = String::new();
    let place = plan.options.spill.as_ref().map(|place| place.name()).unwrap_or_default();
    for target in plan.targets.iter().filter(|target| target.stage == number) {
        if let Some(layout) = &target.spill {
            let (whole, block) = (format_bytes(layout.nbytes()), format_bytes(layout.block_bytes()));
            let _ = write!(text, "\n  writes {whole} to a spill file in {place}, in runs of up to {block}");
        }
    }
    let figures = &plan.stages[number].figures;
    if figures.bytes_unspilled > 0 {
        let least = if figures.unspilled_at_least { "≥ " } else { "" };
        let read = format_bytes(figures.bytes_unspilled);
        let _ = write!(text, "\n  reads {least}{read} from spill files");
    }
    text
}

/// The operations of a stage, from the sources to what it makes.
pub(super) fn program(plan: &Plan, stage: usize) -> String {
    let stage = &plan.stages[stage];
    let mut names: Vec<String> = Vec::new();
    // Sources that came one after the other and are not among the names yet.
    let mut sources: Vec<String> = Vec::new();
    let mut seen = rustc_hash::FxHashSet::default();
    let mut open: Vec<(super::Slot, bool)> = Vec::new();
    let mut makes = Vec::new();
    for output in &stage.outputs {
        let (slot, targets): (super::Slot, Vec<usize>) = match output {
            StageOutput::Written { slot, targets, .. } => (*slot, targets.clone()),
            StageOutput::Folded { node, targets } => {
                (super::Slot { node: *node, output: 0 }, targets.iter().map(|(_, target)| *target).collect())
            }
        };
        open.push((slot, false));
        for target in targets {
            let spill = plan.targets[target].spill.as_ref();
            makes.push(match &plan.targets[target].kind {
                TargetKind::Held if spill.is_some() => {
                    format!("{} in a spill file", plan.graph.nodes[slot.node].op.name())
                }
                TargetKind::Held => format!("{} held", plan.graph.nodes[slot.node].op.name()),
                TargetKind::Collect(_) => "result in memory".to_owned(),
                TargetKind::Store(_, sink) => format!("written to {}", sink.uri()),
            });
        }
    }
    let outputs: Vec<super::Slot> = open.iter().map(|(slot, _)| *slot).collect();
    while let Some((slot, is_done)) = open.pop() {
        let node = &plan.graph.nodes[slot.node];
        if is_done {
            if matches!(node.op.kind(), Kind::Source(_)) {
                sources.push(node.op.name());
            } else {
                names.append(&mut side_by_side(&mut sources));
                names.push(node.op.name());
            }
            continue;
        }
        if !seen.insert(slot.node) || names.len() > 1000 {
            continue;
        }
        let is_held = !outputs.contains(&slot) && plan.targets.iter().any(|target| target.slot == slot);
        if is_held || plan.given.contains_key(&slot) {
            names.append(&mut side_by_side(&mut sources));
            names.push(format!("[{}]", node.op.name()));
            continue;
        }
        if !matches!(node.op.kind(), Kind::View(_)) {
            open.push((slot, true));
        }
        open.extend(node.inputs.iter().rev().map(|&input| (input, false)));
    }
    names.append(&mut side_by_side(&mut sources));
    if names.len() > NAMES {
        let left = names.len() - NAMES;
        names.splice(NAMES / 2..NAMES / 2 + left, [format!("… {left} more …")]);
    }
    makes.dedup();
    format!("{} → {}", names.join(", "), makes.join(", "))
}

/// Many sources, as in a stack of files, in one name: the first and the last of them, and how many there are.
fn side_by_side(sources: &mut Vec<String>) -> Vec<String> {
    let sources = std::mem::take(sources);
    match sources.as_slice() {
        [first, .., last] if sources.len() > 3 => {
            vec![format!("{first} … {last} ({} sources)", format_count(sources.len()))]
        }
        _ => sources,
    }
}

fn shape(shape: &[usize]) -> String {
    if shape.is_empty() {
        return "()".into();
    }
    shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" × ")
}

fn plural(count: usize, what: &str) -> String {
    format!("{} {what}{}", format_count(count), if count == 1 { "" } else { "s" })
}

fn table(rows: &[[String; 7]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..7).map(width).collect();
    rows.iter()
        .map(|row| {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .map(|(cell, &width)| format!("{}{cell}", " ".repeat(width - cell.chars().count())))
                .collect();
            cells.join("  ")
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_sources_side_by_side_have_one_name() {
        let named = |count: usize| side_by_side(&mut (0..count).map(|k| format!("read {k}")).collect());
        assert_eq!(named(3), ["read 0", "read 1", "read 2"]);
        assert_eq!(named(31), ["read 0 … read 30 (31 sources)"]);
        assert!(named(0).is_empty());
    }
}
