//! The expression: every operation once.

use brickwork_core::plan::Graph;
use brickwork_core::{Kind, Meta};
use rustc_hash::FxHashMap;

use super::diagram::{BoxKind, Diagram, DiagramBox};
use super::fold::folded;
use super::names::{call, kind_line, kind_of, literal, plural, reachable, uri_lines};

impl Diagram {
    /// The operations of an expression: name, shape and dtype, every node once. Numbers stand with the operation that
    /// uses them; many equal nodes side by side are one box.
    pub fn of_expression(graph: &Graph) -> Diagram {
        let nodes = reachable(graph, &graph.outputs);
        let nodes: Vec<usize> = nodes
            .into_iter()
            .filter(|&node| literal(&graph.nodes[node]).is_none() || is_output(graph, node))
            .collect();
        let mut diagram = Diagram::new(format!("expression: {}", plural(nodes.len(), "operation")));
        let mut keys = Vec::with_capacity(nodes.len());
        let mut place: FxHashMap<usize, usize> = FxHashMap::default();
        for &number in &nodes {
            let node = &graph.nodes[number];
            let lines = uri_lines(node);
            let name = if lines.is_empty() { call(graph, number) } else { "read".into() };
            let metas: Vec<String> = distinct(&node.metas).map(kind_line).collect();
            keys.push(format!("{name} {metas:?} {}", is_output(graph, number)));
            let details = lines.into_iter().chain(metas).collect();
            place.insert(number, diagram.add(DiagramBox::new(kind_of(node.op.as_ref()), name, details)));
        }
        for &number in &nodes {
            for input in &graph.nodes[number].inputs {
                if let Some(&from) = place.get(&input.node) {
                    diagram.connect(from, place[&number]);
                }
            }
        }
        if graph.outputs.len() > 1 {
            for (number, slot) in graph.outputs.iter().enumerate() {
                let drawn = DiagramBox::new(BoxKind::Result, format!("result {number}"), Vec::new());
                let drawn = diagram.add(drawn);
                diagram.connect(place[&slot.node], drawn);
                keys.push(format!("result {number}"));
            }
        }
        folded(diagram.finished(), &keys)
    }
}

fn is_output(graph: &Graph, node: usize) -> bool {
    graph.outputs.iter().any(|slot| slot.node == node)
}

/// The outputs of a node, those that look alike once.
fn distinct(metas: &[Meta]) -> impl Iterator<Item = &Meta> {
    metas
        .iter()
        .enumerate()
        .filter(|(k, meta)| {
            !metas[..*k].iter().any(|other| other.shape == meta.shape && other.dtype == meta.dtype)
        })
        .map(|(_, meta)| meta)
}

/// A source or a generator as a box, for pictures of plans.
pub(super) fn source_box(graph: &Graph, number: usize) -> DiagramBox {
    let node = &graph.nodes[number];
    let lines = uri_lines(node);
    let kind = kind_of(node.op.as_ref());
    let name = if lines.is_empty() { call(graph, number) } else { "read".into() };
    let details = lines.into_iter().chain([kind_line(&node.metas[0])]).collect();
    DiagramBox::new(kind, name, details)
}

/// Whether a node is where data come from.
pub(super) fn is_origin(graph: &Graph, number: usize) -> bool {
    matches!(graph.nodes[number].op.kind(), Kind::Source(_) | Kind::Generator(_))
}
