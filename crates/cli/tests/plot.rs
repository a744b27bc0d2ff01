//! `brickwork plot` of the built binary: files, what it says, and how it ends.

mod common;

use common::{fail, succeed};

#[test]
fn pictures_are_written_and_told_in_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let told = succeed(here, &["plot", "arange(12.0).reshape(3, 4) - 3", "-o", "x.png", "--cmap", "RdBu_r"]);
    assert!(told.starts_with("wrote x.png: ") && told.ends_with(" pixels, values −3 to 8, no NaN"), "{told}");
    let told = succeed(here, &["plot", "where(arange(20) > 4, nan, 1.0)", "-o", "x.svg", "--width", "640"]);
    assert_eq!(told, "wrote x.svg: 640 × 358 pixels, all values 1, 15 NaN");
    let svg = std::fs::read_to_string(here.join("x.svg")).unwrap();
    assert!(svg.contains(">where(arange(20) &gt; 4, nan, 1.0)</text>"), "{svg}");
    let again = fail(here, 1, &["plot", "arange(3)", "-o", "x.svg"]);
    assert!(again.contains("exists already") && again.contains("--overwrite"), "{again}");
    let options =
        ["--overwrite", "--title", "two", "--xlabel", "day", "--ylabel", "m", "--vmin", "-4", "--vmax", "9"];
    succeed(here, &[&["plot", "y = arange(9); y, y * 2", "-o", "x.svg"], &options[..]].concat());
    let svg = std::fs::read_to_string(here.join("x.svg")).unwrap();
    for text in [">two<", ">day<", ">m<", ">y<", ">y * 2<", ">−4<"] {
        assert!(svg.contains(text), "{text}: {svg}");
    }
}

#[test]
fn names_and_units_of_an_input_stand_beside_it() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let x = brickwork::create::arange(0, 12, 1).unwrap().reshape(&[3, 4]).unwrap();
    let attributes = [("long_name", "air temperature"), ("units", "K")];
    let options = brickwork_io::SinkOptions {
        attributes: Some(
            attributes.map(|(name, value)| (name.to_owned(), value.into())).into_iter().collect(),
        ),
        dimension_names: Some(vec!["lat".into(), "lon".into()]),
        ..Default::default()
    };
    let uri = here.join("t.zarr").display().to_string();
    brickwork::store_with(&x, &uri, &options, &brickwork::Threads::default()).unwrap();
    succeed(here, &["plot", "t", "t=t.zarr", "-o", "t.svg"]);
    let svg = std::fs::read_to_string(here.join("t.svg")).unwrap();
    for text in [">air temperature (K)<", ">lat<", ">lon<"] {
        assert!(svg.contains(text), "{text}: {svg}");
    }
    succeed(here, &["plot", "t + 1", "t=t.zarr", "-o", "u.svg"]);
    assert!(std::fs::read_to_string(here.join("u.svg")).unwrap().contains(">axis 0<"));
}

#[test]
fn wrong_pictures_end_with_code_2() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let refused = |expression: &str, more: &[&str]| fail(here, 2, &[&["plot", expression], more].concat());
    assert!(refused("arange(3)", &[]).contains("give -o FILE.png"));
    assert!(refused("arange(3)", &["-o", "a.png", "-o", "b.png"]).contains("-o names 2 files"));
    assert!(refused("arange(3)", &["-o", "a.gif"]).contains("ends in .png or .svg"));
    assert!(refused("ones((2, 2, 2))", &["-o", "a.png"]).contains("x.mean(axis=0)"));
    assert!(refused("3", &["-o", "a.png"]).contains("one number"));
    assert!(refused("'text'", &["-o", "a.png"]).contains("'text'"));
    assert!(refused("arange(3) * 1j", &["-o", "a.png"]).contains("x.real"));
    assert!(refused("arange(3)", &["-o", "a.png", "--cmap", "jet"]).contains("the maps are viridis"));
    assert!(
        refused("arange(3)", &["-o", "a.png", "--vmin", "3", "--vmax", "1"])
            .contains("smaller number comes first")
    );
    assert!(refused("arange(3)", &["-o", "a.png", "--chunks", "(1,)"]).contains("a picture has no chunks"));
    assert_eq!(std::fs::read_dir(here).unwrap().count(), 0);
    let help = succeed(here, &["plot", "--help"]);
    assert!(help.contains("Examples:") && help.contains("--cmap"), "{help}");
}

#[test]
fn blocks_are_folded_by_coarsen() {
    let directory = tempfile::tempdir().unwrap();
    let eval = |expression: &str| succeed(directory.path(), &["eval", expression]);
    assert_eq!(eval("coarsen(np.max, arange(12).reshape(3, 4), {0: 3, 1: 2})"), "[[ 9 11]]");
    assert_eq!(eval("da.coarsen(mean, arange(5), {0: 2}, trim_excess=True)"), "[0.5 2.5]");
    let refused = |expression: &str| fail(directory.path(), 2, &["eval", expression]);
    assert!(refused("coarsen(mean, arange(5), {0: 2})").contains("no multiple of 2"));
    assert!(refused("coarsen(3, arange(5), {0: 2})").contains("reduction must be a function"));
    assert!(refused("coarsen(mean, arange(4), 2)").contains("axes must be a dictionary"));
    assert!(refused("coarsen(sqrt, arange(4), {0: 2})").contains("axis"));
}
