//! Equal boxes side by side become one: 10 000 files that are stacked are one drum.

use std::collections::BTreeMap;

use super::diagram::{Diagram, DiagramBox};
use super::names::pattern;

/// Fewer equal boxes are drawn one by one.
const FEWEST: usize = 5;

/// Rounds of splitting before it is left.
const MOST_ROUNDS: usize = 64;

/// Folds boxes with equal keys that use equal boxes and are used by the same or by equal ones.
///
/// Classes are split until they agree with those of their neighbours, as when an automaton is made small.
pub(super) fn folded(diagram: Diagram, keys: &[String]) -> Diagram {
    let boxes = diagram.boxes();
    let mut used: Vec<Vec<usize>> = vec![Vec::new(); boxes.len()];
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); boxes.len()];
    for &(from, to) in diagram.arrows() {
        users[from].push(to);
        used[to].push(from);
    }
    let depths = depths(&used, &users);
    let mut classes = numbered((0..boxes.len()).map(|item| (boxes[item].kind, depths[item], &keys[item])));
    for round in 0.. {
        if round == MOST_ROUNDS {
            return diagram;
        }
        let around = |others: &[usize]| {
            let mut around: Vec<usize> = others.iter().map(|&other| classes[other]).collect();
            around.sort_unstable();
            around.dedup();
            around
        };
        let finer =
            numbered((0..boxes.len()).map(|item| (classes[item], around(&used[item]), around(&users[item]))));
        let is_done = count(&finer) == count(&classes);
        classes = finer;
        if is_done {
            break;
        }
    }
    let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (item, &class) in classes.iter().enumerate() {
        members.entry(class).or_default().push(item);
    }
    let mut new: Vec<DiagramBox> = Vec::new();
    let mut place = vec![0; boxes.len()];
    for (item, drawn) in boxes.iter().enumerate() {
        let equal = &members[&classes[item]];
        if equal.len() < FEWEST {
            place[item] = new.len();
            new.push(drawn.clone());
        } else if equal[0] == item {
            for &item in equal {
                place[item] = new.len();
            }
            new.push(merged(&equal.iter().map(|&item| &boxes[item]).collect::<Vec<_>>()));
        }
    }
    diagram.replaced(new, &place)
}

/// The longest way to every box. Boxes side by side have the same, and those of a chain all differ.
fn depths(used: &[Vec<usize>], users: &[Vec<usize>]) -> Vec<usize> {
    let mut missing: Vec<usize> = used.iter().map(Vec::len).collect();
    let mut open: Vec<usize> = (0..used.len()).filter(|&item| missing[item] == 0).collect();
    let mut depths = vec![0; used.len()];
    while let Some(item) = open.pop() {
        for &user in &users[item] {
            depths[user] = depths[user].max(depths[item] + 1);
            missing[user] -= 1;
            if missing[user] == 0 {
                open.push(user);
            }
        }
    }
    depths
}

fn merged(boxes: &[&DiagramBox]) -> DiagramBox {
    let names: Vec<&str> = boxes.iter().map(|item| item.name.as_str()).collect();
    let lines = boxes.iter().map(|item| item.details.len()).min().unwrap_or(0);
    let details = (0..lines)
        .map(|line| pattern(&boxes.iter().map(|item| item.details[line].as_str()).collect::<Vec<_>>()))
        .collect();
    let count = boxes.iter().map(|item| item.count).sum();
    DiagramBox { kind: boxes[0].kind, name: pattern(&names), details, count, stage: None }
}

/// Equal keys get equal numbers.
fn numbered<K: Ord>(keys: impl Iterator<Item = K>) -> Vec<usize> {
    let mut numbers: BTreeMap<K, usize> = BTreeMap::new();
    keys.map(|key| {
        let next = numbers.len();
        *numbers.entry(key).or_insert(next)
    })
    .collect()
}

fn count(classes: &[usize]) -> usize {
    classes.iter().max().map_or(0, |last| last + 1)
}
