//! Storing with the built binary: parts of arrays, several outputs, copies, and everything that can go wrong.

mod common;
#[path = "common/listing.rs"]
mod listing;

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use common::{succeed, text};
use listing::listing;

/// Runs a command that must fail, and leave the directory as it was; its standard error.
fn fail(directory: &Path, code: i32, arguments: &[&str]) -> String {
    let before = listing(directory);
    let message = common::fail(directory, code, arguments);
    assert_eq!(listing(directory), before, "{arguments:?} left something");
    message
}

fn prepared() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    succeed(directory.path(), &["eval", "arange(12.0).reshape(3, 4)", "-o", "x.npy"]);
    directory
}

const PLACES: [&str; 4] = ["out.npy", "out.zarr", "out.zarr#/g/x", "out.h5#/g/x"];

#[test]
fn a_region_is_written_into_what_is_there() {
    for place in PLACES {
        let directory = prepared();
        let run = |arguments: &[&str]| succeed(directory.path(), arguments);
        run(&["eval", "zeros((4, 8))", "-o", place]);
        run(&["eval", "x[:2] + 1", "x=x.npy", "-o", place, "--region", "1:3, ::2"]);
        run(&["eval", "arange(8)", "-o", place, "--region", "-1, ::-1"]);
        assert_eq!(
            run(&["eval", "y.astype(int)", &format!("y={place}")]),
            "[[0 0 0 0 0 0 0 0]\n [1 0 2 0 3 0 4 0]\n [5 0 6 0 7 0 8 0]\n [7 6 5 4 3 2 1 0]]",
            "{place}"
        );
    }
}

#[test]
fn what_does_not_fit_a_region_is_told_before_anything_runs() {
    for place in PLACES {
        let directory = prepared();
        let root = directory.path();
        let eval = |expression: &str, region: &str, more: &[&str]| {
            let arguments =
                [&["eval", expression, "x=x.npy", "-o", place, "--region", region], more].concat();
            fail(root, if more == ["-o", "y.npy"] { 2 } else { 1 }, &arguments)
        };
        assert!(eval("x", ":", &[]).contains("there is no"), "{place}");
        succeed(root, &["eval", "zeros((4, 8), dtype=int16)", "-o", place]);
        assert!(eval("x", "1:3, :4", &[]).contains("has shape [2, 4], and what is to be written has [3, 4]"));
        assert!(eval("x", "4", &[]).contains("index 4 is out of range for axis 0 with length 4"));
        assert!(eval("x", "1, 2, 3", &[]).contains("3 items for 2 axes"));
        assert!(
            eval("x", ":3, :4", &[])
                .contains("float64 does not go into int16 without losing its kind; use .astype(int16)")
        );
        assert!(eval("x.astype(int)", ":3, :4", &["--overwrite"]).contains("cannot be chosen for a region"));
        assert!(eval("(x, x)", ":3, :4", &["-o", "y.npy"]).contains("give --region once for each -o"));
        // int64 goes into int16 as NumPy assigns it.
        succeed(root, &["eval", "x.astype(int)", "x=x.npy", "-o", place, "--region", ":3, :4"]);
        assert_eq!(succeed(root, &["eval", "y.sum(), y.dtype", &format!("y={place}")]), "66\nint16");
    }
    let directory = prepared();
    let message = fail(directory.path(), 2, &["eval", "x", "x=x.npy", "-o", "x.npy", "--region", "a:b"]);
    assert!(message.contains("\"a:b\" is no index"), "{message}");
    let message = fail(directory.path(), 2, &["eval", "x", "x=x.npy", "--region", ":"]);
    assert!(message.contains("--region is about what is stored"), "{message}");
    let message =
        fail(directory.path(), 1, &["eval", "x.T.T + 1", "x=x.npy", "-o", "x.npy", "--region", ":"]);
    assert!(message.contains("is read by the same expression"), "{message}");
}

#[test]
fn an_hdf5_file_may_be_read_and_written_by_one_expression() {
    let directory = prepared();
    succeed(directory.path(), &["eval", "arange(6)", "-o", "a.h5#/x"]);
    succeed(directory.path(), &["eval", "x[::-1] * 10", "x=a.h5#/x", "-o", "a.h5#/x", "--region", ":"]);
    assert_eq!(succeed(directory.path(), &["eval", "x", "x=a.h5#/x"]), "[50 40 30 20 10  0]");
}

#[test]
fn several_outputs_go_to_one_file_or_group() {
    for container in ["s.h5", "s.nc", "s.zarr"] {
        let directory = prepared();
        let run = |arguments: &[&str]| succeed(directory.path(), arguments);
        let [a, b, c] = ["a", "g/b", "g/c"].map(|name| format!("{container}#/{name}"));
        run(&["eval", "x.min(axis=0), x.max(axis=0)", "x=x.npy", "-o", &a, "-o", &b]);
        run(&["eval", "x.sum()", "x=x.npy", "-o", &c]);
        let bind = [format!("a={a}"), format!("b={b}"), format!("c={c}")];
        assert_eq!(
            run(&["eval", "a, b, c", &bind[0], &bind[1], &bind[2]]),
            "[0. 1. 2. 3.]\n[ 8.  9. 10. 11.]\n66.0",
            "{container}"
        );
        // One that fails takes the others along.
        let d = format!("{container}#/d");
        let message = fail(directory.path(), 1, &["eval", "x, x", "x=x.npy", "-o", &d, "-o", &a]);
        assert!(message.contains("exists already"), "{message}");
        let message = fail(directory.path(), 1, &["eval", "x, x", "x=x.npy", "-o", &d, "-o", &d]);
        assert!(message.contains("the output of two results"), "{message}");
    }
}

#[test]
fn options_that_a_format_does_not_have_are_refused() {
    let directory = prepared();
    let refuse = |place: &str, options: &[&str], expected: &str| {
        let message = fail(directory.path(), 1, &[&["eval", "x", "x=x.npy", "-o", place], options].concat());
        assert!(message.contains(expected), "{message}");
    };
    refuse("a.npy", &["--codec", "gzip"], "an .npy file has no codecs");
    refuse("a.npy", &["--chunks", "2"], "an .npy file has no chunks");
    refuse("a.h5#/x", &["--shards", "2"], "HDF5 has no shards");
    refuse("a.h5#/x", &["--codec", "zstd:3"], "is one of Zarr; HDF5 files are written with none, gzip:0");
    refuse("a.zarr", &["--codec", "shuffle+gzip:4"], "shuffle is a filter of HDF5");
    refuse("a.zarr", &["--codec", "lzma"], "codec \"lzma\" is not known; use none, zstd");
    refuse(
        "a.zarr",
        &["--chunks", "2", "--shards", "(2, 3)"],
        "shards of 3 on axis 1 are no multiple of chunks of 2; choose for example 4",
    );
}

#[test]
fn places_that_cannot_be_written_are_told() {
    let directory = prepared();
    let root = directory.path();
    fs::write(root.join("file"), "text").unwrap();
    fs::write(root.join("text.h5"), "text").unwrap();
    fs::create_dir(root.join("folder.zarr")).unwrap();
    fs::write(root.join("folder.zarr/precious"), "text").unwrap();
    fs::create_dir(root.join("folder.npy")).unwrap();
    succeed(root, &["eval", "arange(3)", "-o", "group.zarr#/g/x"]);
    succeed(root, &["eval", "arange(3)", "-o", "group.h5#/g/x"]);
    let refuse = |place: &str, options: &[&str], expected: &str| {
        let message = fail(root, 1, &[&["eval", "x", "x=x.npy", "-o", place], options].concat());
        assert!(message.contains(expected), "{place}: {message}");
    };
    for place in ["x.npy", "group.zarr#/g/x", "group.h5#/g/x"] {
        refuse(place, &[], "exists already");
    }
    for place in ["file/a.npy", "file/a.zarr", "file/a.h5#/x"] {
        refuse(place, &[], "cannot");
    }
    for place in ["none/a.npy", "none/a.zarr", "none/a.h5#/x"] {
        refuse(place, &[], "there is no directory none");
    }
    refuse("group.zarr", &["--overwrite"], "is a Zarr group; name an array in it: group.zarr#/name");
    refuse("group.zarr#/g", &["--overwrite"], "is a Zarr group; name an array in it: group.zarr#/g/name");
    refuse("group.zarr#/g/x/y", &[], "is an array; it cannot hold another one");
    refuse("group.h5#/g", &["--overwrite"], "is a group in the file");
    refuse("group.h5#/g/x/y", &[], "is a dataset, not a group");
    refuse("group.h5", &[], "names no dataset; write for example out.h5#/x");
    refuse("folder.zarr", &["--overwrite"], "is a directory, and no Zarr array");
    refuse("folder.npy", &["--overwrite"], "is a directory, not an .npy file");
    refuse("text.h5#/x", &["--overwrite"], "it is not an HDF5 file");
    assert_eq!(fs::read_to_string(root.join("text.h5")).unwrap(), "text");
}

#[test]
fn a_folder_that_cannot_be_written_is_told() {
    use std::os::unix::fs::PermissionsExt;
    let directory = prepared();
    let folder = directory.path().join("closed");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).unwrap();
    // The superuser may write there nevertheless, but not to a part of the kernel.
    let may_write = fs::write(folder.join("probe"), "").is_ok();
    let _ = fs::remove_file(folder.join("probe"));
    let place = if may_write { "/proc/self".to_owned() } else { folder.display().to_string() };
    for name in ["a.npy", "a.zarr", "a.zarr#/x", "a.h5#/x"] {
        let message = fail(directory.path(), 1, &["eval", "x", "x=x.npy", "-o", &format!("{place}/{name}")]);
        assert!(message.contains(name), "{message}");
    }
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn an_hdf5_file_that_is_written_elsewhere_is_left_alone() {
    let directory = prepared();
    let root = directory.path();
    succeed(root, &["eval", "arange(3)", "-o", "a.h5#/x"]);
    // The HDF5 library locks files in this way.
    let file = fs::File::options().read(true).write(true).open(root.join("a.h5")).unwrap();
    file.lock().unwrap();
    let message = fail(root, 1, &["eval", "x", "x=x.npy", "-o", "a.h5#/y"]);
    assert!(
        message.contains("a.h5: is open for writing in another program")
            || message.contains("is open for writing"),
        "{message}"
    );
    file.unlock().unwrap();
    succeed(root, &["eval", "x", "x=x.npy", "-o", "a.h5#/y"]);
}

/// A disk that is full is played by the longest file that the process may write.
#[test]
fn a_full_disk_leaves_nothing_that_opens() {
    for (place, options) in [
        ("a.npy", ""),
        ("a.zarr", "--chunks '(2000, 500)' --codec none"),
        ("a.zarr#/g/x", "--chunks '(2000, 500)' --codec none"),
        ("a.h5#/x", ""),
        ("a.h5#/x", "--chunks '(100, 500)'"),
        ("a.h5#/x", "--chunks '(100, 500)' --codec gzip:1"),
    ] {
        let directory = prepared();
        let before = listing(directory.path());
        let script = format!(
            "ulimit -f 4000; exec '{}' eval 'random.random((2000, 500))' --seed 1 -o '{place}' {options}",
            env!("CARGO_BIN_EXE_brickwork")
        );
        let output = Command::new("sh").arg("-c").arg(script).current_dir(directory.path()).output().unwrap();
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{place} {options}: {message}");
        assert!(message.contains(place.split('#').next().unwrap()), "{message}");
        assert!(message.contains("ulimit -f"), "{place} {options}: {message}");
        assert_eq!(listing(directory.path()), before, "{place} {options}");
    }
}

/// What a run has done that was to be resumed stays when the disk is full, and looks like nothing whole.
#[test]
fn a_run_stopped_by_a_full_disk_is_resumed() {
    for (place, options) in [
        ("a.npy", &[][..]),
        ("a.zarr", &["--chunks", "(100, 500)", "--shards", "(1000, 500)"]),
        ("a.h5#/x", &["--chunks", "(100, 500)"]),
    ] {
        let directory = prepared();
        let root = directory.path();
        let script = format!(
            "ulimit -f 4000; exec '{}' eval 'random.random((2000, 500), chunks=(100, 500))' --seed 1 -o '{place}' --resume \
             --memory 8MB {}",
            env!("CARGO_BIN_EXE_brickwork"),
            options.join(" ").replace('(', "'(").replace(')', ")'"),
        );
        let output = Command::new("sh").arg("-c").arg(script).current_dir(root).output().unwrap();
        let message = text(&output.stderr);
        assert!(output.status.code() == Some(1) && message.contains("ulimit -f"), "{place}: {message}");
        common::fail(root, 1, &["info", place]);
        let expression = "random.random((2000, 500), chunks=(100, 500))";
        let arguments = ["eval", expression, "--seed", "1", "-o", place, "--resume"];
        succeed(root, &[&arguments[..], options].concat());
        let same = format!("(x == {expression}).all()");
        assert_eq!(succeed(root, &["eval", &same, "--seed", "1", &format!("x={place}")]), "True");
        let left = listing(root);
        assert!(!left.iter().any(|path| path.contains(".part-")), "{left:?}");
    }
}

/// Read-only places: a mounted file system where that is allowed, else a directory without leave to write.
#[test]
fn a_read_only_target_is_told_and_left_alone() {
    let directory = prepared();
    let root = directory.path();
    let target = root.join("fixed");
    fs::create_dir(&target).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "ro,size=1m", "tmpfs"])
        .arg(&target)
        .output()
        .is_ok_and(|done| done.status.success());
    if !mounted {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&target, fs::Permissions::from_mode(0o555)).unwrap();
        if fs::write(target.join("probe"), "").is_ok() {
            // Whoever may do everything finds nothing that is read-only.
            return;
        }
    }
    let messages: Vec<String> = ["fixed/a.npy", "fixed/a.zarr", "fixed/a.zarr#/g/x", "fixed/a.h5#/x"]
        .map(|place| common::fail(root, 1, &["eval", "x * 2", "x=x.npy", "-o", place]))
        .to_vec();
    let left = listing(&target);
    if mounted {
        Command::new("umount").arg(&target).status().unwrap();
    }
    for message in messages.iter().map(|message| message.to_lowercase()) {
        assert!(message.contains("read-only") || message.contains("permission denied"), "{message}");
    }
    assert!(left.is_empty(), "{left:?}");
}

/// A file system of two megabytes, where mounting one is allowed.
#[test]
fn a_file_system_that_is_full_is_told() {
    let directory = prepared();
    let root = directory.path();
    let target = root.join("small");
    fs::create_dir(&target).unwrap();
    let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).arg(&target).output();
    if !mount.is_ok_and(|done| done.status.success()) {
        return;
    }
    let mut faults = Vec::new();
    for place in ["small/a.npy", "small/a.zarr", "small/a.h5#/x"] {
        let output =
            common::brickwork(root, &["eval", "random.random((1000, 500))", "--seed", "1", "-o", place]);
        let message = text(&output.stderr);
        let left = listing(&target);
        if output.status.code() != Some(1) || !message.contains("the disk is full") || !left.is_empty() {
            faults.push(format!("{place}: {message} {left:?}"));
        }
    }
    Command::new("umount").arg(&target).status().unwrap();
    assert!(faults.is_empty(), "{faults:?}");
}

/// Neither names after `#` nor what stands in metadata and links leads out of a container.
#[test]
fn names_inside_a_container_lead_nowhere_else() {
    let directory = prepared();
    let root = directory.path();
    succeed(root, &["eval", "x", "x=x.npy", "-o", "secret.zarr"]);
    succeed(root, &["eval", "x", "x=x.npy", "-o", "in.zarr#/a"]);
    succeed(root, &["eval", "x", "x=x.npy", "-o", "in.h5#/a"]);
    for inner in ["../secret.zarr", "/../secret.zarr", "a/../../secret.zarr", "./a", ".."] {
        for place in ["in.zarr", "in.h5"] {
            let uri = format!("x={place}#{inner}");
            let message = fail(root, 1, &["eval", "x", &uri]);
            assert!(message.contains("'.' and '..' mean nothing after '#'"), "{message}");
            let uri = format!("{place}#{inner}");
            let message = fail(root, 1, &["eval", "x", "x=x.npy", "-o", &uri]);
            assert!(message.contains("'.' and '..' mean nothing after '#'"), "{message}");
        }
    }
    // Chunk keys are made of numbers; a separator that leads elsewhere is none.
    let metadata = root.join("in.zarr/a/zarr.json");
    let text = fs::read_to_string(&metadata).unwrap();
    let replaced = text.replace("\"separator\": \"/\"", "\"separator\": \"/../../../secret.zarr/c/\"");
    assert_ne!(text, replaced);
    fs::write(&metadata, replaced).unwrap();
    common::fail(root, 1, &["eval", "x", "x=in.zarr#/a"]);
}

#[test]
fn copies_convert_and_say_so() {
    let directory = prepared();
    let root = directory.path();
    succeed(root, &["eval", "arange(600.0).reshape(20, 30)", "-o", "a.zarr", "--chunks", "(7, 30)"]);
    let mut from = "a.zarr".to_owned();
    for to in ["b.nc#/t2m", "c.npy", "d.h5#/g/x", "e.zarr#/g/x", "f.zarr"] {
        let said = succeed(root, &["copy", &from, to]);
        assert!(said.starts_with(&format!("copied {from} to {to}: float64 (20, 30), 4.80 kB in ")), "{said}");
        assert_eq!(said.lines().count(), 1);
        assert_eq!(
            succeed(root, &["eval", "(x == y).all(), x.dtype", &format!("x={to}"), "y=a.zarr"]),
            "True\nfloat64"
        );
        from = to.to_owned();
    }
    succeed(
        root,
        &[
            "copy",
            "a.zarr",
            "f.zarr",
            "--chunks",
            "(4, 5)",
            "--shards",
            "(8, 30)",
            "--codec",
            "gzip:1",
            "--overwrite",
        ],
    );
    let described = succeed(root, &["info", "f.zarr"]);
    assert!(described.contains("(4, 5)") && described.contains("gzip(1)"), "{described}");
    assert!(fail(root, 1, &["copy", "a.zarr", "f.zarr"]).contains("exists already"));
    assert!(fail(root, 1, &["copy", "none.zarr", "g.zarr"]).contains("no such file"));
    assert!(fail(root, 1, &["copy", "a.zarr", "g.h5"]).contains("names no dataset"));
    assert!(fail(root, 1, &["copy", "a.zarr", "g.npy", "--codec", "gzip"]).contains("has no codecs"));
}

#[test]
fn groups_are_copied_with_all_their_arrays() {
    let directory = prepared();
    let root = directory.path();
    succeed(root, &["eval", "arange(6), arange(4.0)", "-o", "a.zarr#/x", "-o", "a.zarr#/g/y"]);
    for (from, to) in
        [("a.zarr", "b.h5"), ("b.h5", "c.zarr"), ("c.zarr", "d.zarr#/inner"), ("d.zarr#/inner", "e.nc#/g")]
    {
        assert!(succeed(root, &["copy", from, to]).contains("2 arrays, 80 B"));
        let inner = if to.contains('#') { format!("{to}/") } else { format!("{to}#/") };
        let bind = [format!("x={inner}x"), format!("y={inner}g/y")];
        assert_eq!(succeed(root, &["eval", "x, y", &bind[0], &bind[1]]), "[0 1 2 3 4 5]\n[0. 1. 2. 3.]");
    }
}
