//! The built binary on files in a temporary directory: what it prints, what it stores, and how it ends.

mod common;

use tempfile::TempDir;

use common::{brickwork, fail, succeed, text};

/// A directory with `x.npy`, the float64 numbers 0 to 11 in three rows, and three days of weather.
fn prepared() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    succeed(directory.path(), &["eval", "arange(12.0).reshape(3, 4)", "-o", "x.npy"]);
    succeed(directory.path(), &["demo", "weather", ".", "--grid", "30", "40", "--days", "3"]);
    directory
}

#[test]
fn results_print_as_numpy_prints_them() {
    let directory = prepared();
    let eval = |arguments: &[&str]| succeed(directory.path(), &[&["eval"], arguments].concat());
    assert_eq!(eval(&["arange(10)[::-2] ** 2"]), "[81 49 25  9  1]");
    assert_eq!(eval(&["x.sum(), x.mean(axis=0)", "x=x.npy"]), "66.0\n[4. 5. 6. 7.]");
    assert_eq!(eval(&["np.array([[1.5, nan], [-inf, 2]])"]), "[[ 1.5  nan]\n [-inf  2. ]]");
    assert_eq!(eval(&["x.shape, x.dtype", "x=x.npy"]), "(3, 4)\nfloat64");
    assert_eq!(eval(&["x[x > 8]", "x=x.npy"]), "[ 9. 10. 11.]");
    assert_eq!(eval(&["arange(2000)"]), "[   0    1    2 ... 1997 1998 1999]");
    assert_eq!(
        eval(&["x[0, :2]", "x=x.npy", "--format", "json"]),
        r#"{"shape":[2],"dtype":"float64","values":[0.0,1.0]}"#
    );
    assert_eq!(eval(&["x.max()", "x=x.npy", "--scheduler", "synchronous"]), "11.0");
}

#[test]
fn a_summary_computes_only_what_it_shows() {
    let directory = tempfile::tempdir().unwrap();
    let arguments =
        ["eval", "random.random((100000, 100000), chunks=(1000, 1000))", "--seed", "1", "--analyze"];
    let output = brickwork(directory.path(), &arguments);
    assert!(output.status.success());
    assert_eq!(text(&output.stdout).lines().count(), 7);
    let told = text(&output.stderr);
    assert!(told.lines().last().unwrap().starts_with("bottleneck: "), "{told}");
    let output = brickwork(directory.path(), &[&arguments[..5], &["--progress", "json"]].concat());
    let told = text(&output.stderr);
    let measured = told.lines().find(|line| line.contains("plan_finished")).unwrap();
    let measured: serde_json::Value = serde_json::from_str(measured).unwrap();
    let generated = measured["elements_generated"].as_u64().unwrap();
    assert!(generated < 1_000_000, "{generated}");
}

#[test]
fn hdf5_files_are_read_through_an_index() {
    let directory = prepared();
    let run = |arguments: &[&str]| succeed(directory.path(), arguments);
    let day = "weather-big/2014-01-01.hdf5";
    let told = run(&["index", day, "-o", "day.json"]);
    assert!(told.starts_with("1 dataset of ") && told.ends_with(" listed in day.json"), "{told}");
    let same = "(x == y).all()";
    assert_eq!(run(&["eval", same, "x=day.json#/t2m", &format!("y={day}#/t2m")]), "True");
    assert!(run(&["info", "day.json"]).contains("t2m"));
    let told = fail(directory.path(), 2, &["index", day, "-o", "day.zarr"]);
    assert_eq!(told.trim_end(), "error: -o day.zarr: the name of a reference file ends in .json");
    let told = fail(directory.path(), 1, &["index", day, "-o", "day.json"]);
    assert!(told.contains("day.json") && told.contains("exists already"), "{told}");
    run(&["index", day, "-o", "day.json", "--overwrite"]);
    let told = fail(directory.path(), 1, &["copy", "x.npy", "day.json#/x"]);
    assert!(told.contains("day.json#/x: is a reference file, which is only read"), "{told}");
    // The file has gone, and its index leads nowhere.
    std::fs::remove_file(directory.path().join(day)).unwrap();
    let told = fail(directory.path(), 1, &["eval", "x.mean()", "x=day.json#/t2m"]);
    assert!(told.contains("2014-01-01.hdf5"), "{told}");
}

#[test]
fn results_are_stored_and_read_again() {
    let directory = prepared();
    let run = |arguments: &[&str]| succeed(directory.path(), arguments);
    let t = "t=weather-big/*.hdf5#/t2m";
    assert_eq!(run(&["eval", "stack(t).mean(axis=0)", t, "-o", "mean.zarr", "--chunks", "(10, 20)"]), "");
    let info = run(&["info", "mean.zarr"]);
    for line in [
        "format      zarr",
        "shape       (30, 40)",
        "dtype       float32",
        "chunks      (10, 20) (3 × 2 = 6 of them)",
    ] {
        assert!(info.contains(line), "{info}");
    }
    assert_eq!(run(&["eval", "abs(m - stack(t).mean(axis=0)).max()", "m=mean.zarr", t]), "0.0");
    assert_eq!(run(&["eval", "len(t), stack(t).shape", t]), "3\n(3, 30, 40)");
    run(&["eval", "x.min(axis=0), x.max(axis=0)", "x=x.npy", "-o", "low.npy", "-o", "high.h5#/high"]);
    assert_eq!(run(&["eval", "high - low", "low=low.npy", "high=high.h5#/high"]), "[8. 8. 8. 8.]");
    run(&["eval", "x + 1", "x=x.npy", "-o", "low.npy", "--overwrite"]);
    assert_eq!(run(&["eval", "low.sum()", "low=low.npy", "--chunks", "low=(1, 2)"]), "78.0");
}

#[test]
fn a_file_holds_a_program() {
    let directory = prepared();
    let program = "# squares of distances\ndiff = c[:, None, :] - c[None, :, :]\nr2 = (diff * diff).sum(-1)\nr2.max()\n";
    std::fs::write(directory.path().join("p.py"), program).unwrap();
    assert_eq!(succeed(directory.path(), &["eval", "-f", "p.py", "c=x.npy"]), "256.0");
}

#[test]
fn plans_and_infos_are_printed() {
    let directory = prepared();
    let plan = succeed(
        directory.path(),
        &["plan", "(x - x.mean(axis=0)) / x.std(axis=0)", "x=x.npy", "--memory", "64MB"],
    );
    assert!(plan.contains("stage") && plan.contains("tasks"), "{plan}");
    let plan = succeed(directory.path(), &["plan", "x + 1", "x=x.npy", "-o", "y.zarr"]);
    assert!(plan.contains("stage") && !directory.path().join("y.zarr").exists());
    let long =
        succeed(directory.path(), &["plan", "ones((20000, 20000)).cumsum(axis=0)", "--memory", "512MB"]);
    assert!(long.contains("written to a store"), "{long}");
    let info = succeed(directory.path(), &["info", "weather-big/2014-01-02.hdf5"]);
    assert!(info.contains("(hdf5)") && info.contains("└─ t2m  (30, 40)  float32"), "{info}");
    let list = succeed(directory.path(), &["info", "weather-big/*.hdf5#/t2m"]);
    assert_eq!(list.lines().count(), 3, "{list}");
    assert!(list.starts_with("weather-big/2014-01-01.hdf5#/t2m  (30, 40)  float32"), "{list}");
    let list = succeed(directory.path(), &["info", "weather-big/*.hdf5", "--format", "json"]);
    assert!(list.starts_with('[') && list.matches(r#""t2m":{"#).count() == 3, "{list}");
    let info = succeed(directory.path(), &["info", "weather-big/2014-01-02.hdf5#/t2m", "--format", "json"]);
    assert!(info.contains(r#""chunks":[30,40]"#) && info.contains(r#""dtype":"float32""#), "{info}");
}

#[test]
fn plans_are_drawn() {
    let directory = prepared();
    let run = |arguments: &[&str]| succeed(directory.path(), &[&["plan"], arguments].concat());
    let read = |name: &str| std::fs::read(directory.path().join(name)).unwrap();
    let lesson = "random.normal(0, 0.1, size=800000000, chunks=200000000).mean()";
    run(&[lesson, "--svg", "a.svg", "--png", "a.png", "--dot", "a.dot"]);
    let dot = text(&read("a.dot"));
    assert_eq!((dot.matches("[label=").count(), dot.matches(" -> ").count()), (9, 8), "{dot}");
    assert!(read("a.png").starts_with(b"\x89PNG") && read("a.svg").starts_with(b"<svg"));
    run(&["stack(t).mean(axis=0)", "t=weather-big/*.hdf5#/t2m", "--dot", "b.dot", "--view", "stages"]);
    assert!(text(&read("b.dot")).contains("weather-big/"), "{}", text(&read("b.dot")));
    let million = "random.random((100000, 100000), chunks=(100, 100)).sum()";
    let output = brickwork(directory.path(), &["plan", million, "--svg", "c.svg", "--view", "chunks"]);
    assert!(output.status.success() && text(&output.stderr).contains("drawn as stages"), "{output:?}");
    let message = fail(directory.path(), 2, &["plan", "arange(4)", "--view", "tasks"]);
    assert!(message.contains("add --svg FILE"), "{message}");
    let message = fail(directory.path(), 1, &["plan", "arange(4)", "--svg", "no/such/folder.svg"]);
    assert!(message.contains("no/such/folder.svg: the picture cannot be written"), "{message}");
}

#[test]
fn demos_write_what_they_say() {
    let directory = tempfile::tempdir().unwrap();
    let told = succeed(
        directory.path(),
        &["demo", "weather", "d", "--grid", "20", "30", "--days", "2", "--gzip", "1"],
    );
    assert!(told.contains("wrote 2 files") && told.contains("2014-01-02.hdf5"), "{told}");
    let stats = succeed(
        directory.path(),
        &[
            "eval",
            "t[0].min() > 200, t[1].max() < 330, abs(t[0] * 64 % 1).max()",
            "t=d/weather-big/*.hdf5#/t2m",
        ],
    );
    assert_eq!(stats, "True\nTrue\n0.0");
    let told = succeed(directory.path(), &["demo", "random", "d", "--size", "100000"]);
    assert!(told.contains("100000 float32"), "{told}");
    let mean =
        succeed(directory.path(), &["eval", "abs(x.mean() - 1) < 0.02, x.shape", "x=d/random.hdf5#/x"]);
    assert_eq!(mean, "True\n(100000,)");
    assert!(succeed(directory.path(), &["info", "d/random.hdf5#/x"]).contains("contiguous"));
    assert!(fail(directory.path(), 1, &["demo", "random", "d", "--size", "10"]).contains("exists already"));
    succeed(directory.path(), &["demo", "random", "d", "--size", "10", "--overwrite"]);
}

#[test]
fn seeds_are_told_and_kept() {
    let directory = tempfile::tempdir().unwrap();
    let output = brickwork(directory.path(), &["eval", "random.random(3)"]);
    let told = text(&output.stderr);
    let seed = told.split("--seed ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let again = succeed(directory.path(), &["eval", "random.random(3)", "--seed", &seed]);
    assert_eq!(again, text(&output.stdout).trim_end());
    let quiet = brickwork(directory.path(), &["eval", "random.random(3)", "--seed", "5"]);
    assert_eq!(text(&quiet.stderr), "");
}

#[test]
fn progress_is_told_as_json() {
    let directory = prepared();
    let output = brickwork(directory.path(), &["eval", "x.sum()", "x=x.npy", "--progress", "json"]);
    let lines = text(&output.stderr);
    for line in lines.lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
    }
    let plain = brickwork(directory.path(), &["eval", "x.sum()", "x=x.npy", "--progress", "always"]);
    let plain = text(&plain.stderr);
    assert!(plain.contains("1 tasks in 1 stages\nstage 1 of 1 is done (1 tasks), read 96 B"), "{plain}");
    for event in ["plan_started", "stage_finished", "plan_finished", "run_finished"] {
        assert_eq!(lines.matches(event).count(), 1, "{lines}");
    }
}

#[test]
fn an_analysis_sets_what_was_planned_beside_what_was_measured() {
    let directory = prepared();
    let here = directory.path();
    let output = brickwork(here, &["copy", "x.npy", "y.zarr", "--chunks", "(2, 2)", "--analyze"]);
    let told = text(&output.stderr);
    for part in [
        "measured, beside what was planned",
        "to read",
        "the workers' time",
        "memory: at most",
        "bottleneck: ",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let output = brickwork(here, &["copy", "x.npy", "z.zarr", "--analyze", "--format", "json"]);
    let told: serde_json::Value = serde_json::from_str(&text(&output.stderr)).unwrap();
    assert_eq!(told["totals"]["bytes_decoded"], 96);
    assert_eq!(told["totals"]["bytes_written"], 96);
    assert_eq!(told["stages"][0]["planned"]["bytes_decoded"], 96);
    assert_eq!(told["stages"][0]["measured"]["bytes_delivered"], 96);
    // Of a run that fails, too.
    let output = brickwork(here, &["eval", "x[c]", "x=x.npy", "c=x.npy", "--analyze"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
}

#[test]
fn traces_and_reports_are_written() {
    let directory = prepared();
    let here = directory.path();
    let options = ["--profile", "trace.json", "--report", "report.html"];
    assert_eq!(succeed(here, &[&["eval", "x.sum()", "x=x.npy"], &options[..]].concat()), "66.0");
    let trace: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(here.join("trace.json")).unwrap()).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    assert!(events.iter().any(|event| event["cat"] == "task" && event["args"]["bytes read"] == 96));
    assert!(events.iter().any(|event| event["ph"] == "C"));
    let page = std::fs::read_to_string(here.join("report.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("bottleneck"));
    let message = fail(here, 1, &["eval", "x.sum()", "x=x.npy", "--report", "no/such/folder.html"]);
    assert!(message.starts_with("error: cannot write no/such/folder.html: "), "{message}");
}

#[test]
fn a_dashboard_is_announced_and_ends_with_the_run() {
    let directory = prepared();
    let here = directory.path();
    let output = brickwork(here, &["eval", "x.sum()", "x=x.npy", "--dashboard", "--dashboard-linger", "0.1"]);
    assert!(output.status.success());
    let told = text(&output.stderr);
    let url = told.lines().next().unwrap().strip_prefix("dashboard: ").unwrap();
    assert!(
        url.starts_with("http://127.0.0.1:") && told.contains("the dashboard stays at http://127.0.0.1:"),
        "{told}"
    );
    assert_eq!(text(&output.stdout), "66.0\n");
    let message = fail(here, 2, &["eval", "--dashboard", "x.sum()", "x=x.npy"]);
    assert!(message.contains("is no address") && message.contains("stands last"), "{message}");
}

#[test]
fn wrong_expressions_end_with_code_2_and_point_at_the_place() {
    let directory = prepared();
    let refused = |expression: &str| fail(directory.path(), 2, &["eval", expression, "x=x.npy"]);
    assert_eq!(
        refused("x + meen(x)"),
        "error: unknown name meen\n    x + meen(x)\n        ^^^^\nhelp: did you mean mean? (bound are x)\n"
    );
    assert!(refused("x + y").contains("unknown name y\n    x + y\n        ^\n"));
    assert!(refused("x + (1").contains("^"));
    assert!(
        refused("x.mean(axis=2)").contains("axis 2 is out of range for 2 axes; use an axis from -2 to 1")
    );
    assert!(refused("x + arange(5)").contains("do not broadcast"));
    assert!(refused("x.rechunk((0, 1))").contains("chunk length 0"));
    assert!(refused("x.mean").contains("call it"));
    assert!(fail(directory.path(), 2, &["eval"]).contains("there is no expression"));
    assert!(fail(directory.path(), 2, &["eval", "x=x.npy", "x + 1"]).contains("the expression comes first"));
    assert!(fail(directory.path(), 2, &["eval", "x", "y"]).contains("binds no name"));
    assert!(fail(directory.path(), 2, &["eval", "1", "--memory", "much"]).contains("not a number of bytes"));
    let outputs = fail(directory.path(), 2, &["eval", "x, x", "x=x.npy", "-o", "y.npy"]);
    assert!(outputs.contains("has 2 results, and -o names 1"), "{outputs}");
    let chunks = ["eval", "x", "x=x.npy", "-o", "y.zarr", "--chunks", "(1, 2, 3)"];
    assert!(fail(directory.path(), 2, &chunks).contains("chunks for 3 axes"));
    assert!(fail(directory.path(), 2, &["eval", "-f", "none.py"]).contains("cannot read the expression"));
}

#[test]
fn failed_runs_end_with_code_1_and_name_the_place() {
    let directory = prepared();
    let failed = |arguments: &[&str]| fail(directory.path(), 1, &[&["eval"], arguments].concat());
    assert!(failed(&["y", "y=none.npy"]).contains("none.npy: there is no such file"));
    assert!(failed(&["y", "y=weather-big/2014-01-01.hdf5#/none"]).contains("none"));
    let pattern = failed(&["stack(t)", "t=weather-big/*.h5#/t2m"]);
    assert!(pattern.contains("weather-big/*.h5#/t2m") && pattern.contains("no file matches"), "{pattern}");
    let exists = failed(&["x", "x=x.npy", "-o", "x.npy"]);
    assert!(exists.contains("exists already") && exists.contains("--overwrite"), "{exists}");
    assert!(failed(&["x", "x=x.npy", "-o", "no/such/y.npy"]).contains("no/such"));
    assert!(failed(&["y", "y=data.bin"]).contains("cannot tell the format"));
    let file = directory.path().join("weather-big/2014-01-01.hdf5");
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(directory.path().join("cut.hdf5"), &whole[..whole.len() / 2]).unwrap();
    let cut = failed(&["y.sum()", "y=cut.hdf5#/t2m"]);
    assert!(cut.contains("cut.hdf5"), "{cut}");
    let product = "random.random((3000, 3000)) @ ones((3000, 3000))";
    let memory = failed(&[product, "--seed", "1", "--memory", "1kB"]);
    assert!(memory.contains("--memory allows"), "{memory}");
}

#[test]
fn help_and_version_are_there() {
    let directory = tempfile::tempdir().unwrap();
    assert!(succeed(directory.path(), &["--version"]).starts_with("brickwork "));
    assert!(succeed(directory.path(), &["eval", "--help"]).contains("Examples:"));
    assert_eq!(brickwork(directory.path(), &["eval", "1", "--nonsense"]).status.code(), Some(2));
}
