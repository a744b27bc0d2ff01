//! What nodes and regions are called in pictures.

pub(super) use brickwork_core::format_count as count;
use brickwork_core::plan::{Graph, GraphNode, Slot};
use brickwork_core::{AxisMap, Kind, Meta, Operation};

use super::diagram::BoxKind;

/// Letters of a line, about.
pub(super) const LINE_LENGTH: usize = 36;

/// Inputs that are named within brackets.
const MOST_OPERANDS: usize = 4;

pub(super) fn kind_of(op: &dyn Operation) -> BoxKind {
    match op.kind() {
        Kind::Source(_) => BoxKind::Source,
        Kind::Generator(_) => BoxKind::Generator,
        Kind::View(_) => BoxKind::View,
        Kind::Reduce(_) => BoxKind::Reduction,
        Kind::Staged(_) => BoxKind::Late,
        _ => BoxKind::Map,
    }
}

/// The number that a node stands for, if it is no more than that.
pub(super) fn literal(node: &GraphNode) -> Option<String> {
    if !matches!(node.op.kind(), Kind::Source(_)) || node.metas[0].ndim() > 0 {
        return None;
    }
    node.op.name().strip_prefix("constant ").map(str::to_owned)
}

/// What a node does, with the numbers it does it with: `power(·, 2)`.
pub(super) fn call(graph: &Graph, number: usize) -> String {
    let node = &graph.nodes[number];
    let name = base_name(node);
    let literals: Vec<Option<String>> =
        node.inputs.iter().take(MOST_OPERANDS + 1).map(|input| literal(&graph.nodes[input.node])).collect();
    if literals.len() > MOST_OPERANDS || literals.iter().all(Option::is_none) {
        return name;
    }
    let operands: Vec<String> =
        literals.into_iter().map(|literal| literal.unwrap_or_else(|| "·".into())).collect();
    format!("{name}({})", operands.join(", "))
}

/// A name of one word, for small boxes.
pub(super) fn word(node: &GraphNode) -> String {
    if let Kind::Source(source) = node.op.kind() {
        return match node.op.name().strip_prefix("read ") {
            Some(_) => stem(&source.uri()),
            None => node.op.name(),
        };
    }
    let name = base_name(node);
    let end = name.find(['(', ' ', '[', ',', ':']).filter(|&end| end > 0).unwrap_or(name.len());
    name[..end].to_owned()
}

/// The name of a file, without what is before and after it.
fn stem(uri: &str) -> String {
    let path = uri.split('#').next().unwrap_or(uri).trim_end_matches('/');
    let file = path.rsplit('/').next().unwrap_or(path);
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    ending_of(if stem.is_empty() { file } else { stem }, 16)
}

fn base_name(node: &GraphNode) -> String {
    let name = node.op.name();
    if let (Kind::View(_), Some(own)) = (node.op.kind(), view_name(node)) {
        return own;
    }
    match name.split_once(" of seed") {
        Some((before, _)) => before.to_owned(),
        None => name,
    }
}

/// What a view does, where it is several views in one: the name of the outermost says too little then.
fn view_name(node: &GraphNode) -> Option<String> {
    let (maps, input, out) = (node.maps.first()?, node.input_metas.first()?, node.metas.first()?);
    let followed: Vec<usize> = maps
        .iter()
        .filter_map(|map| match map {
            AxisMap::Along { out_axis, .. } => Some(*out_axis),
            _ => None,
        })
        .collect();
    let is_turned = followed.windows(2).any(|pair| pair[0] > pair[1]);
    let is_sliced = maps.iter().enumerate().any(|(axis, map)| match map {
        AxisMap::Along { out_axis, start, step, .. } => {
            *start != 0 || *step != 1 || out.shape[*out_axis] != input.shape[axis]
        }
        AxisMap::Fixed(index) => *index != 0 || input.shape[axis] > 1,
        _ => false,
    });
    let is_repeated = (0..out.ndim()).any(|axis| out.shape[axis] > 1 && !followed.contains(&axis));
    let does = [(is_turned, "transpose"), (is_sliced, "slice"), (is_repeated, "broadcast")];
    let does: Vec<&str> = does.iter().filter(|(yes, _)| *yes).map(|(_, name)| *name).collect();
    (does.len() > 1).then(|| does.join(" + "))
}

/// Where a source is, and a line or two that say so.
pub(super) fn uri_lines(node: &GraphNode) -> Vec<String> {
    match node.op.kind() {
        Kind::Source(source) if node.op.name().starts_with("read ") => {
            vec![ending_of(&source.uri(), LINE_LENGTH)]
        }
        _ => Vec::new(),
    }
}

/// The end of a URI, with whole parts of the path where that is possible.
pub(super) fn ending_of(uri: &str, most: usize) -> String {
    let length = uri.chars().count();
    if length <= most {
        return uri.to_owned();
    }
    let cut = uri.char_indices().nth(length - most + 1).map_or(0, |(at, _)| at);
    let is_parent = |&(at, _): &(usize, &str)| at > 0 && !uri[..cut + at].ends_with('#');
    match uri[cut..].match_indices('/').find(is_parent) {
        Some((at, _)) => format!("…{}", &uri[cut + at..]),
        None => format!("…{}", &uri[cut..]),
    }
}

/// A shape, and `?` for lengths that only data can tell.
pub(super) fn shape(meta: &Meta) -> String {
    let is_unknown = |axis: usize| meta.unknown.get(axis).is_some_and(Option::is_some);
    let lens: Vec<String> = meta
        .shape
        .iter()
        .enumerate()
        .map(|(axis, len)| if is_unknown(axis) { "?".into() } else { count(*len) })
        .collect();
    if lens.is_empty() { "()".into() } else { lens.join(" × ") }
}

/// Shape and dtype.
pub(super) fn kind_line(meta: &Meta) -> String {
    match meta.ndim() {
        0 => format!("one {}", meta.dtype),
        _ => format!("{} {}", shape(meta), meta.dtype),
    }
}

pub(super) fn lens(lens: &[usize]) -> String {
    if lens.is_empty() {
        return "()".into();
    }
    lens.iter().map(|&len| count(len)).collect::<Vec<_>>().join(" × ")
}

pub(super) fn plural(number: usize, what: &str) -> String {
    let ending = match (number, what.strip_suffix('x')) {
        (1, _) => "",
        (_, Some(_)) => "es",
        _ => "s",
    };
    format!("{} {what}{ending}", count(number))
}

/// Words in lines of about [`LINE_LENGTH`] letters.
pub(super) fn wrap(words: &[String]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for (k, word) in words.iter().enumerate() {
        let comma = if k + 1 < words.len() { "," } else { "" };
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < LINE_LENGTH => {
                line.push(' ');
                line.push_str(word);
                line.push_str(comma);
            }
            _ => lines.push(format!("{word}{comma}")),
        }
    }
    lines
}

/// The nodes that some outputs need, rising.
pub(super) fn reachable(graph: &Graph, outputs: &[Slot]) -> Vec<usize> {
    let mut seen = vec![false; graph.nodes.len()];
    let mut open: Vec<usize> = outputs.iter().map(|slot| slot.node).collect();
    while let Some(node) = open.pop() {
        if !std::mem::replace(&mut seen[node], true) {
            open.extend(graph.nodes[node].inputs.iter().map(|input| input.node));
        }
    }
    (0..seen.len()).filter(|&node| seen[node]).collect()
}

/// What names have in common: `a/*.h5` for `a/1.h5` and `a/2.h5`.
pub(super) fn pattern(names: &[&str]) -> String {
    let Some((first, rest)) = names.split_first() else { return String::new() };
    let chars: Vec<char> = first.chars().collect();
    let (mut before, mut after) = (chars.len(), chars.len());
    for name in rest {
        let other: Vec<char> = name.chars().collect();
        before = before.min(chars.iter().zip(&other).take_while(|(a, b)| a == b).count());
        after = after.min(chars.iter().rev().zip(other.iter().rev()).take_while(|(a, b)| a == b).count());
    }
    let shortest = names.iter().map(|name| name.chars().count()).min().unwrap_or(0);
    if rest.iter().all(|name| name == first) {
        return (*first).to_owned();
    }
    let after = after.min(shortest - before.min(shortest));
    // A number that varies is not shown in part: 2014-01-* has lost nothing, 2014-01-0* puzzles.
    let before = chars[..before].iter().rposition(|c| !c.is_ascii_digit()).map_or(0, |at| at + 1);
    let tail = &chars[chars.len() - after..];
    let digits = tail.iter().take_while(|c| c.is_ascii_digit()).count();
    let (head, tail): (String, String) = (chars[..before].iter().collect(), tail[digits..].iter().collect());
    format!("{head}*{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_names_what_differs() {
        assert_eq!(pattern(&["w/2014-01-01.hdf5#/t", "w/2014-01-12.hdf5#/t"]), "w/2014-01-*.hdf5#/t");
        assert_eq!(pattern(&["x.npy", "x.npy"]), "x.npy");
        assert_eq!(pattern(&["memory array 1", "memory array 12"]), "memory array *");
        assert_eq!(pattern(&["a", "b"]), "*");
        assert_eq!(pattern(&["aa", "aaa"]), "aa*");
    }

    #[test]
    fn long_uris_keep_their_ends() {
        assert_eq!(ending_of("x.npy", 10), "x.npy");
        assert_eq!(ending_of("/data/somewhere/deep/day.hdf5#/t2m", 20), "…/day.hdf5#/t2m");
        assert!(ending_of(&"x".repeat(100), 20).chars().count() <= 21);
    }

    #[test]
    fn numbers_are_grouped_and_words_agree() {
        assert_eq!(plural(1_000_000, "box"), "1 000 000 boxes");
        assert_eq!(plural(1, "task"), "1 task");
    }
}
