//! Pictures of arrays in files.

use brickwork::draw::{GraphView, PictureFormat};
use brickwork::{Array, VisualizeOptions, random, visualize, visualize_with};

fn noise(shape: &[usize], chunk: usize) -> Array {
    random::default_rng(Some(1)).random(shape, chunk).unwrap()
}

#[test]
fn the_ending_chooses_the_format() {
    let folder = tempfile::tempdir().unwrap();
    let mean = noise(&[1000], 250).mean(()).unwrap();
    for (name, start) in
        [("a.svg", &b"<svg"[..]), ("a.png", b"\x89PNG"), ("a.dot", b"digraph"), ("b.SVG", b"<svg")]
    {
        let path = folder.path().join(name);
        let drawn = visualize(&mean, &path).unwrap();
        assert_eq!((drawn.view, drawn.note), (GraphView::Chunks, None));
        assert!(std::fs::read(&path).unwrap().starts_with(start), "{name}");
    }
    assert_eq!(PictureFormat::of("x.gv".as_ref()).unwrap(), PictureFormat::Dot);
}

#[test]
fn several_arrays_are_drawn_together() {
    let folder = tempfile::tempdir().unwrap();
    let x = noise(&[40, 40], 20);
    let (low, high) = (x.min(0).unwrap(), x.max(0).unwrap());
    let options = VisualizeOptions { view: Some(GraphView::Expression), ..VisualizeOptions::default() };
    let drawn = visualize_with(&[&low, &high], folder.path().join("both.svg"), &options).unwrap();
    let names: Vec<&str> = drawn.diagram.boxes().iter().map(|item| item.name.as_str()).collect();
    assert_eq!(names, ["random()", "min", "max", "result 0", "result 1"]);
    assert_eq!(drawn.diagram.arrows(), [(0, 1), (0, 2), (1, 3), (2, 4)]);
}

#[test]
fn what_no_memory_holds_is_drawn_as_stored() {
    let folder = tempfile::tempdir().unwrap();
    let x = noise(&[100_000, 100_000], 100);
    let drawn = visualize(&x, folder.path().join("large.svg")).unwrap();
    assert_eq!(drawn.view, GraphView::Stages);
    assert!(drawn.note.unwrap().contains("more than"));
    assert!(drawn.diagram.boxes().iter().any(|item| item.name.contains("written to a store")));
}

#[test]
fn wrong_files_are_refused() {
    let x = noise(&[10], 5);
    let error = visualize(&x, "graph.jpeg").unwrap_err().to_string();
    assert_eq!(error, "graph.jpeg: the ending names no format of pictures; use .svg, .png or .dot");
    let error = visualize(&x, "/no/such/folder/graph.svg").unwrap_err();
    assert_eq!(error.to_string(), "/no/such/folder/graph.svg: the picture cannot be written");
    assert!(std::error::Error::source(&error).is_some());
}
