//! The chunks: the blocked algorithm over the arrays' own grids.

use std::collections::BTreeMap;

use brickwork_core::plan::{ChunkPart, ChunkStep, Graph, chunk_graph};
use brickwork_core::{Kind, format_bytes};

use super::diagram::{Diagram, DiagramBox};
use super::names::{call, count, kind_of, lens, literal, pattern, shape, uri_lines, word};
use crate::error::Result;

impl Diagram {
    /// A box a chunk of every operation, and arrows from the chunks it is made from: what blocked algorithms are
    /// explained with. A reduction folds chunks and joins what they gave. Chunks that the result does not need are
    /// left out. `None` if there would be more than `most` boxes.
    ///
    /// # Errors
    /// If an operation cannot say what it reads.
    pub fn of_chunks(graph: &Graph, most: usize) -> Result<Option<Diagram>> {
        let Some(chunks) = chunk_graph(graph, most)? else { return Ok(None) };
        let node = |step: &ChunkStep| &graph.nodes[step.node];
        let is_drawn: Vec<bool> = chunks
            .steps
            .iter()
            .map(|step| {
                literal(node(step)).is_none() || graph.outputs.iter().any(|slot| slot.node == step.node)
            })
            .collect();
        let mut place = vec![None; chunks.tasks.len()];
        let mut drawn_of_step = vec![0; chunks.steps.len()];
        let mut diagram = Diagram::new("the blocked algorithm, a box a chunk").compact();
        for (number, task) in chunks.tasks.iter().enumerate().filter(|(_, task)| is_drawn[task.step]) {
            let step = &chunks.steps[task.step];
            let index: Vec<String> = task.chunk.iter().map(ToString::to_string).collect();
            let index = (step.grid.num_chunks() > 1).then(|| format!("({})", index.join(", ")));
            let detail: Vec<String> =
                part_word(step.part).map(str::to_owned).into_iter().chain(index).collect();
            let details = if detail.is_empty() { Vec::new() } else { vec![detail.join(" ")] };
            let drawn = DiagramBox::new(kind_of(node(step).op.as_ref()), word(node(step)), details);
            let drawn = diagram.add_to_group(drawn, task.step);
            drawn_of_step[task.step] += 1;
            place[number] = Some(drawn);
            for from in task.reads.iter().filter_map(|&read| place[read]) {
                diagram.connect(from, drawn);
            }
        }
        let mut sources: BTreeMap<String, Vec<(usize, String)>> = BTreeMap::new();
        for (number, step) in chunks.steps.iter().enumerate().filter(|(number, _)| is_drawn[*number]) {
            let [name, size] = label(graph, step, drawn_of_step[number]);
            match node(step).op.kind() {
                Kind::Source(_) => sources.entry(size).or_default().push((number, name)),
                _ => diagram.label_group(number, [name, size]),
            }
        }
        // Many files of one kind have one label.
        for (size, alike) in sources {
            let names: Vec<&str> = alike.iter().map(|(_, name)| name.as_str()).collect();
            let name = match names.len() {
                1 => names[0].to_owned(),
                many => format!("{} × {}", count(many), pattern(&names)),
            };
            diagram.label_group(alike[0].0, [name, size]);
        }
        Ok(Some(diagram.finished()))
    }
}

fn part_word(part: ChunkPart) -> Option<&'static str> {
    match part {
        ChunkPart::Whole => None,
        ChunkPart::Partial => Some("chunk"),
        ChunkPart::Joined => Some("aggregate"),
    }
}

/// Two lines beside the boxes of a step: what is done, and how large its chunks are.
fn label(graph: &Graph, step: &ChunkStep, drawn: usize) -> [String; 2] {
    let node = &graph.nodes[step.node];
    let name = uri_lines(node).pop().unwrap_or_else(|| call(graph, step.node));
    let name = match part_word(step.part) {
        Some(part) => format!("{name} ({part})"),
        None => name,
    };
    let meta = &node.metas[step.output];
    if step.part == ChunkPart::Partial {
        return [name, format!("{} chunks of {}", count(drawn), lens(&step.grid.max_chunk()))];
    }
    let chunk = step.grid.max_chunk();
    let bytes = format_bytes(chunk.iter().product::<usize>().saturating_mul(meta.dtype.itemsize()));
    let text = match (meta.ndim(), step.grid.num_chunks()) {
        (0, _) => format!("one {}", meta.dtype),
        (_, 1) => format!("{} {}, {bytes}", shape(meta), meta.dtype),
        (_, all) if all == drawn => {
            format!("{} chunks of {} {}, {bytes} each", count(all), lens(&chunk), meta.dtype)
        }
        (_, all) => {
            format!(
                "{} of {} chunks of {} {}, {bytes} each",
                count(drawn),
                count(all),
                lens(&chunk),
                meta.dtype
            )
        }
    };
    [name, text]
}
