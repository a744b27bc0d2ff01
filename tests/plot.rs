//! Pictures of arrays: what the engine computes for them, and what they say.

use brickwork::plot::{Terminal, TerminalColours, plot};
use brickwork::prelude::*;
use brickwork::{Synchronous, greater};

fn numbers(values: impl IntoIterator<Item = f64>, shape: &[usize]) -> Array {
    Array::from_vec(values.into_iter().collect(), shape).unwrap()
}

fn svg(picture: &brickwork::plot::Plot) -> String {
    picture.svg_with(&Synchronous::new()).unwrap().finish()
}

#[test]
fn a_huge_array_is_planned_within_the_memory_allowed() {
    let x = brickwork::random::default_rng(Some(1)).random(&[100_000, 100_000], [1000, 1000]).unwrap();
    let allowed = 500_000_000;
    let plan = plot(&x).explain_with(&brickwork::Threads::new(2).memory(allowed)).unwrap();
    assert!(plan.peak_bytes <= allowed, "{}", plan.explain());
    assert!(plan.explain().contains("10 000 000 000 made"), "each element once: {}", plan.explain());
    // Means and counts come out of one pass.
    let generating = plan.stages.iter().filter(|stage| stage.num_tasks() > 0).count();
    assert_eq!(generating, 1, "{}", plan.explain());
    let long = brickwork::random::default_rng(Some(1)).random(&[10_000_000_000], [10_000_000]).unwrap();
    let plan = plot(&long).explain_with(&brickwork::Threads::new(2).memory(allowed)).unwrap();
    assert!(plan.peak_bytes <= allowed && plan.stages.len() == 1, "{}", plan.explain());
}

#[test]
fn cells_are_means_of_what_has_a_value() {
    // 3000 × 2500 does not divide evenly; the first block of 3 × 3 holds one number, the rest of row 0 is NaN.
    let x = brickwork::create::arange(0i64, 3001 * 2500, 1).unwrap().reshape(&[3001, 2500]).unwrap();
    let row = numbers((0..2500).map(|i| if i == 0 { 0.0 } else { f64::NAN }), &[1, 2500]);
    let x =
        brickwork::assemble::concatenate(&[row, x.slice(s![1..]).unwrap().astype(DType::F64).unwrap()], 0);
    let text = svg(&plot(&x.unwrap()));
    assert!(text.contains("each cell is the mean of 4 × 4 elements"), "{}", &text[..2000]);
    assert!(text.contains("no value: 2499 of 7502500 elements; no cell is without one"));
}

#[test]
fn no_spike_is_lost() {
    let mut values = vec![0.0; 100_000];
    values[77_777] = 5.0;
    values[5] = f64::NAN;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("spike.svg");
    let saved = plot(&numbers(values, &[100_000])).save(&file).unwrap();
    assert_eq!((saved.summary.range, saved.summary.nan), (Some((0.0, 5.0)), 1));
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("the smallest and the largest of 118 elements"), "{text}");
}

#[test]
fn integers_and_truth_values_that_fill_no_block_are_drawn() {
    let whole = brickwork::create::arange(0i64, 10_001, 1).unwrap();
    assert!(svg(&plot(&whole)).contains("the smallest and the largest of 12 elements"));
    let truth = greater(&whole, 5000i64).unwrap();
    assert!(svg(&plot(&truth)).contains("10000"));
    let square = truth.slice(s![..10_000]).unwrap().reshape(&[100, 100]).unwrap();
    let text = svg(&plot(&square));
    assert!(text.contains("False") && text.contains("True"));
}

#[test]
fn a_selection_is_computed_for_its_length() {
    let x = numbers((0..10).map(f64::from), &[10]);
    let chosen = x.select(&greater(&x, 6.5).unwrap()).unwrap();
    assert!(!chosen.is_known());
    let text = svg(&plot(&chosen).title("chosen"));
    assert!(text.contains("chosen") && text.contains(">2</text>") && !text.contains(">3</text>"));
    let none = x.select(&greater(&x, 10.0).unwrap()).unwrap();
    let error = plot(&none).svg_with(&Synchronous::new()).unwrap_err().to_string();
    assert!(error.contains("nothing was selected"), "{error}");
}

#[test]
fn what_makes_no_picture_is_refused_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let refused = |array: &Array, name: &str| plot(array).save(file(name)).unwrap_err().to_string();
    let x = numbers((0..8).map(f64::from), &[2, 2, 2]);
    assert!(refused(&x, "x.png").contains("3 axes, shape [2, 2, 2], and a picture has two; take an index"));
    assert!(refused(&numbers([], &[0, 3]), "x.png").contains("no element"));
    assert!(refused(&numbers([1.0], &[]), "x.png").contains("one number"));
    let complex = numbers([1.0], &[1]).astype(DType::C128).unwrap();
    assert!(refused(&complex, "x.png").contains("x.real"));
    let line = numbers([1.0, 2.0], &[2]);
    assert!(refused(&line, "x.jpg").contains("ends in .png or .svg"));
    assert!(refused(&line, "none/x.png").contains("there is no directory"));
    let unknown = plot(&line).cmap("jet").save(file("x.png")).unwrap_err().to_string();
    assert!(unknown.contains("there is no colour map jet") && unknown.contains("viridis"), "{unknown}");
    assert!(plot(&line).range(Some(2.0), Some(2.0)).save(file("x.png")).is_err());
    let square = numbers([1.0], &[1, 1]);
    assert!(
        plot(&square)
            .and("y", &line)
            .save(file("x.png"))
            .unwrap_err()
            .to_string()
            .contains("share a picture")
    );
    assert!(
        plot(&line).size(Some(20), None).save(file("x.png")).unwrap_err().to_string().contains("too small")
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    plot(&line).save(file("x.png")).unwrap();
    assert!(refused(&line, "x.png").contains("exists already"));
    let saved = plot(&line)
        .and("again", &line)
        .overwrite(true)
        .size(Some(800), Some(400))
        .save(file("x.png"))
        .unwrap();
    assert_eq!((saved.width, saved.height), (800, 400));
    assert_eq!(&std::fs::read(file("x.png")).unwrap()[1..4], b"PNG");
}

#[test]
fn a_preview_fits_its_terminal() {
    let x = brickwork::create::arange(0i64, 1_000_000, 1).unwrap().reshape(&[500, 2000]).unwrap();
    let terminal = Terminal { columns: 60, rows: 20, colours: TerminalColours::None };
    let text = plot(&x).preview_with(&terminal, &Synchronous::new()).unwrap();
    assert!(text.lines().all(|line| line.len() <= 60) && text.lines().count() < 20, "{text}");
    assert!(text.starts_with("500 x 2000, each cell the mean of 34 x 34"), "{text}");
    let line = plot(&x.slice(s![0]).unwrap()).preview_with(&terminal, &Synchronous::new()).unwrap();
    assert!(line.lines().all(|line| line.len() <= 60) && line.contains("1999"), "{line}");
}
