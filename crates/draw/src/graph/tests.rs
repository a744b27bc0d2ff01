//! What diagrams say, and where their parts lie.

use brickwork_core::plan::{Graph, ImaginedStore, Plan, PlanOptions, Request, plan};
use brickwork_core::{DType, Lazy, Value};
use brickwork_ops::assemble::{concatenate, stack};
use brickwork_ops::create::{arange, ones_with};
use brickwork_ops::random::default_rng;
use brickwork_ops::{Array, s};

use super::layout::{Layout, Rect};
use super::{BoxKind, Diagram, Drawn, GraphView, draw_plan};
use crate::checks::{assert_texts_apart, assert_texts_within};

fn noise(shape: &[usize], chunk: &[usize]) -> Array {
    default_rng(Some(1)).random(shape, chunk).unwrap()
}

fn planned(arrays: &[&Array]) -> Plan {
    let store = |array: &&Array| Request::Store(array.value().clone(), std::sync::Arc::new(ImaginedStore));
    plan(&arrays.iter().map(store).collect::<Vec<_>>(), &PlanOptions::default()).unwrap()
}

fn drawn(array: &Array, view: Option<GraphView>) -> Drawn {
    draw_plan(&[array.value()], &planned(&[array]), view).unwrap()
}

fn chunks(array: &Array) -> Diagram {
    let values: Vec<&Value> = vec![array.value()];
    Diagram::of_chunks(&Graph::lower(&values), 1000).unwrap().unwrap()
}

/// The boxes as text, name and details.
fn texts(diagram: &Diagram) -> Vec<String> {
    let text = |item: &super::DiagramBox| [vec![item.name.clone()], item.details.clone()].concat().join(" ");
    diagram.boxes().iter().map(text).collect()
}

/// The texts of the boxes that a box uses.
fn used(diagram: &Diagram, by: &str) -> Vec<String> {
    let texts = texts(diagram);
    let by = texts.iter().position(|text| text == by).unwrap_or_else(|| panic!("{by} in {texts:?}"));
    diagram.arrows().iter().filter(|(_, to)| *to == by).map(|&(from, _)| texts[from].clone()).collect()
}

#[test]
fn the_mean_of_four_chunks_is_the_picture_of_the_lesson() {
    let x = default_rng(Some(1)).normal(0.0, 0.1, &[800_000_000], 200_000_000).unwrap();
    let diagram = drawn(&x.mean(()).unwrap(), None).diagram;
    let expected = [
        "normal (0)",
        "normal (1)",
        "normal (2)",
        "normal (3)",
        "mean chunk (0)",
        "mean chunk (1)",
        "mean chunk (2)",
        "mean chunk (3)",
        "mean aggregate",
    ];
    assert_eq!(texts(&diagram), expected);
    let arrows = [(0, 4), (1, 5), (2, 6), (3, 7), (4, 8), (5, 8), (6, 8), (7, 8)];
    assert_eq!(diagram.arrows(), arrows);
    let places = diagram.layout().boxes;
    let row = |range: std::ops::Range<usize>| places[range].iter().map(|place| place.y).collect::<Vec<_>>();
    assert!(row(0..4).iter().all(|&y| y == places[0].y) && row(4..8).iter().all(|&y| y == places[4].y));
    assert!(places[0].y > places[4].y && places[4].y > places[8].y, "data flow from the bottom to the top");
    assert!(places[..4].windows(2).all(|pair| pair[0].x < pair[1].x), "chunks keep their order");
}

#[test]
fn a_chunk_depends_on_the_chunks_that_its_region_demands() {
    let x = noise(&[20, 30], &[10, 10]);
    let turned = chunks(&x.t());
    assert_eq!(used(&turned, "transpose (2, 1)"), ["random (1, 2)"]);
    let reversed = chunks(&x.slice(s![..;-1, 5..15]).unwrap());
    assert_eq!(used(&reversed, "slice (0, 0)"), ["random (1, 0)"]);
    assert_eq!(used(&reversed, "slice (1, 1)"), ["random (0, 1)"]);
    assert_eq!(texts(&reversed).len(), 8, "the last column of chunks is not drawn");
    let row = noise(&[30], &[10]);
    let sum = chunks(&(&x + &row));
    assert_eq!(used(&sum, "add (1, 2)"), ["random (1, 2)", "random (2)"]);
    let both = chunks(&concatenate(&[x.clone(), x.clone()], 0).unwrap());
    assert_eq!(used(&both, "concatenate (3, 0)"), ["random (1, 0)"]);
    let high = chunks(&stack(&[x.clone(), &x * 2.0], 0).unwrap());
    assert_eq!(used(&high, "stack (1, 1, 2)"), ["multiply (1, 2)"]);
}

#[test]
fn a_reduction_folds_chunks_and_joins_what_they_gave() {
    let x = noise(&[30, 20], &[10, 10]);
    let rows = chunks(&x.sum(1).unwrap());
    assert_eq!(used(&rows, "sum aggregate (2)"), ["sum chunk (2, 0)", "sum chunk (2, 1)"]);
    assert_eq!(used(&rows, "sum chunk (2, 1)"), ["random (2, 1)"]);
    let whole = chunks(&noise(&[30, 20], &[10, 20]).sum(1).unwrap());
    assert_eq!(used(&whole, "sum (2)"), ["random (2, 0)"], "nothing is joined where no chunk is cut");
    let product = chunks(&x.matmul(&x.t()).unwrap());
    assert_eq!(used(&product, "matmul aggregate (0, 2)").len(), 2);
}

#[test]
fn too_many_chunks_are_drawn_as_stages() {
    let x = noise(&[100_000, 100_000], &[100, 100]);
    let y = (&x + x.t()).slice(s![..;2, 500..]).unwrap().mean(1).unwrap();
    for view in [None, Some(GraphView::Chunks), Some(GraphView::Tasks)] {
        let drawn = drawn(&y, view);
        if drawn.view == GraphView::Stages {
            assert!(drawn.note.unwrap().starts_with("drawn as stages: "));
        }
        assert!(drawn.diagram.boxes().len() < 1000);
    }
    assert_eq!(drawn(&y, None).view, GraphView::Stages);
    assert_eq!(drawn(&x, Some(GraphView::Expression)).view, GraphView::Expression);
    let graph = Graph::lower(&[x.slice(s![..2, ..2]).unwrap().value()]);
    assert_eq!(Diagram::of_chunks(&graph, 10).unwrap().unwrap().boxes().len(), 2);
}

#[test]
fn an_expression_shows_every_operation_once() {
    let x = noise(&[40, 20], &[10, 20]);
    let y = (&x - x.mean(0).unwrap()) / x.std(0).unwrap();
    let diagram = drawn(&(y * 2.0), Some(GraphView::Expression)).diagram;
    let expected =
        ["random() 40 × 20 float64", "mean 20 float64", "subtract 40 × 20 float64", "std 20 float64"];
    assert_eq!(texts(&diagram)[..4], expected);
    assert_eq!(texts(&diagram)[4..], ["divide 40 × 20 float64", "multiply(·, 2.0) 40 × 20 float64"]);
    assert_eq!(diagram.arrows(), [(0, 1), (0, 2), (0, 3), (1, 2), (2, 4), (3, 4), (4, 5)]);
}

#[test]
fn equal_nodes_side_by_side_are_one_box() {
    let days: Vec<Array> =
        (0..31).map(|day| Array::from_vec(vec![f64::from(day); 12], &[3, 4]).unwrap()).collect();
    let mean = stack(&days, 0).unwrap().mean(0).unwrap();
    let diagram = drawn(&mean, Some(GraphView::Expression)).diagram;
    assert_eq!(
        texts(&diagram),
        ["in memory 3 × 4 float64", "stack 31 × 3 × 4 float64", "mean 3 × 4 float64"]
    );
    assert_eq!(diagram.boxes()[0].count, 31);
    assert!(diagram.svg().finish().contains("31 × in memory"));
    let anomaly = &days[0] - &mean;
    let diagram = drawn(&anomaly, Some(GraphView::Expression)).diagram;
    let counts: Vec<usize> = diagram.boxes().iter().map(|item| item.count).collect();
    assert_eq!(counts, [1, 30, 1, 1, 1], "the day that is used twice stands alone");
    let many: Vec<Array> = (0..3000).map(|_| Array::from_vec(vec![0u8; 2], &[2]).unwrap()).collect();
    let diagram = drawn(&stack(&many, 0).unwrap(), Some(GraphView::Stages)).diagram;
    assert_eq!(diagram.boxes().len(), 3);
}

#[test]
fn stages_show_what_is_held_and_what_comes_later() {
    let x = noise(&[4000, 3000], &[1000, 1000]);
    let y = (&x - x.mean(()).unwrap()) / x.std(()).unwrap();
    let diagram = drawn(&y, Some(GraphView::Stages)).diagram;
    let kinds: Vec<BoxKind> = diagram.boxes().iter().map(|item| item.kind).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == BoxKind::Held).count(), 2, "{:?}", texts(&diagram));
    assert_eq!(kinds.iter().filter(|kind| **kind == BoxKind::Result).count(), 1);
    let selected = x.select(&brickwork_ops::greater(&x, 0.5).unwrap()).unwrap();
    let diagram = drawn(&selected, Some(GraphView::Stages)).diagram;
    assert!(diagram.boxes().iter().any(|item| item.kind == BoxKind::Late), "{:?}", texts(&diagram));
}

#[test]
fn tasks_show_what_they_read() {
    let x = ones_with(&[2000, 1000], DType::F64, [500, 1000]).unwrap();
    let y = &x - x.mean(0).unwrap();
    let plan = planned(&[&y]);
    let diagram = Diagram::of_tasks(&plan, 500).unwrap().unwrap();
    let tasks = diagram.boxes().iter().filter(|item| item.name.starts_with("task ")).count();
    assert_eq!(tasks, plan.num_tasks());
    assert!(Diagram::of_tasks(&plan, 0).unwrap().is_none());
}

/// Pictures of all kinds.
fn gallery() -> Vec<(&'static str, Diagram)> {
    let x = noise(&[10_000, 10_000], &[2500, 2500]);
    let turned = (&x + x.t()).slice(s![..;2, 5000..]).unwrap().mean(1).unwrap();
    let scaled = (&x - x.mean(0).unwrap()) / x.std(0).unwrap();
    let mut chain = x.clone();
    let mut terms = noise(&[100], &[50]);
    for term in 0..30 {
        chain = (&chain + f64::from(term)) * &x;
        terms = &terms + noise(&[100], &[50]) * f64::from(term + 2);
    }
    let days: Vec<Array> =
        (0..31).map(|day| Array::from_vec(vec![f64::from(day); 12], &[3, 4]).unwrap()).collect();
    let stacked = stack(&days, 0).unwrap().mean(0).unwrap();
    let selected = x.select(&brickwork_ops::greater(&x, 0.5).unwrap()).unwrap();
    let arrays = [
        ("lesson", noise(&[800], &[200]).mean(()).unwrap()),
        ("turned", turned),
        ("scaled", scaled),
        ("chain", chain),
        ("terms", terms),
        ("stacked", &days[0] - &stacked),
        ("selected", selected),
        ("range", arange(0, 10, 1).unwrap()),
        ("empty", noise(&[0, 3], &[2, 2]).sum(0).unwrap()),
    ];
    let views = [
        None,
        Some(GraphView::Expression),
        Some(GraphView::Stages),
        Some(GraphView::Tasks),
        Some(GraphView::Chunks),
    ];
    let draw = |(name, array): &(&'static str, Array)| {
        let plan = planned(&[array]);
        views.map(|view| (*name, draw_plan(&[array.value()], &plan, view).unwrap().diagram))
    };
    arrays.iter().flat_map(draw).collect()
}

fn overlap(a: &Rect, b: &Rect) -> bool {
    a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
}

fn assert_well_placed(name: &str, layout: &Layout, diagram: &Diagram) {
    for (k, a) in layout.boxes.iter().enumerate() {
        assert!(a.x >= -1e-6 && a.y >= -1e-6 && a.x + a.width <= layout.width + 1e-6, "{name}: {a:?}");
        assert!(a.y + a.height <= layout.height + 1e-6, "{name}: {a:?}");
        assert!(!layout.boxes[..k].iter().any(|b| overlap(a, b)), "{name}: box {k} lies over another");
    }
    let heads = layout.segments.iter().filter(|segment| segment.has_head).count();
    assert_eq!(heads, diagram.arrows().len(), "{name}: every arrow has a head");
    for segment in layout.segments.iter().filter(|segment| segment.has_head) {
        let ends_at = |place: &Rect| {
            (segment.to.1 - place.y - place.height).abs() < 1e-6
                && segment.to.0 > place.x
                && segment.to.0 < place.x + place.width
        };
        assert!(layout.boxes.iter().any(ends_at), "{name}: {segment:?} ends at no box");
        assert!(segment.from.1 > segment.to.1, "{name}: arrows lead upwards");
    }
}

#[test]
fn no_box_lies_over_another_and_no_text_is_cut_off() {
    for (name, diagram) in gallery() {
        assert_well_placed(name, &diagram.layout(), &diagram);
        let svg = diagram.svg();
        assert_texts_within(&svg, name);
        assert_texts_apart(&svg, name);
        assert_eq!(svg.finish(), diagram.svg().finish(), "the same picture every time");
    }
}

/// A check by hand of what Graphviz would parse: statements, quotes and brackets.
#[test]
fn dot_is_well_formed() {
    for (name, diagram) in gallery() {
        let dot = diagram.dot();
        assert!(dot.starts_with("digraph brickwork {\n") && dot.ends_with("}\n"), "{name}: {dot}");
        let (mut in_quotes, mut depth, mut escaped) = (false, 0, false);
        for c in dot.chars() {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => in_quotes = !in_quotes,
                '[' | '{' if !in_quotes => depth += 1,
                ']' | '}' if !in_quotes => depth -= 1,
                '\n' => assert!(!in_quotes, "{name}: a text ends in its line"),
                _ => {}
            }
        }
        assert_eq!((in_quotes, depth), (false, 0), "{name}");
        assert_eq!(dot.matches(" -> ").count(), diagram.arrows().len());
        assert_eq!(dot.matches("[label=").count(), diagram.boxes().len());
    }
}
