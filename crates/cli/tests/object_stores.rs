//! The built binary and places that are not local: settings come from the environment.
#![cfg(feature = "cloud")]

mod common;

use std::path::Path;
use std::process::{Command, Output};

use brickwork_testkit::{S3Server, WebServer};
use common::{fail, succeed, text};

struct Run<'a> {
    directory: &'a Path,
    settings: Vec<(String, String)>,
}

impl Run<'_> {
    fn output(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_brickwork"));
        command.current_dir(self.directory).args(arguments).envs(self.settings.iter().cloned());
        command.output().expect("the binary was built for this test")
    }

    fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout).trim_end().to_owned()
    }

    fn fail(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        assert!(!output.status.success(), "{arguments:?}: {}", text(&output.stdout));
        text(&output.stderr)
    }
}

#[test]
fn arrays_are_computed_from_s3_into_s3() {
    let directory = tempfile::tempdir().unwrap();
    let server = S3Server::start(&["lab"]);
    let run = Run { directory: directory.path(), settings: server.settings() };
    for day in ["01", "02"] {
        let uri = format!("s3://lab/day-{day}.zarr#/t");
        run.succeed(&["eval", "arange(12.0).reshape(3, 4)", "-o", &uri, "--chunks", "(2, 3)"]);
    }
    let sum = run.succeed(&["eval", "stack(t).sum()", "t=s3://lab/day-*.zarr#/t"]);
    assert_eq!(sum, "132.0");
    run.succeed(&["eval", "t.T", "t=s3://lab/day-01.zarr#/t", "-o", "s3://lab/turned.zarr"]);
    assert_eq!(run.succeed(&["eval", "t[:, 0]", "t=s3://lab/turned.zarr"]), "[0. 1. 2. 3.]");
    assert!(run.succeed(&["info", "s3://lab/turned.zarr"]).contains("(4, 3)"));
    run.succeed(&["copy", "s3://lab/turned.zarr", "turned.npy"]);
    assert_eq!(succeed(directory.path(), &["eval", "t.sum()", "t=turned.npy"]), "66.0");
    let message =
        run.fail(&["eval", "t + 1", "t=s3://lab/turned.zarr", "-o", "s3://lab/turned.zarr", "--overwrite"]);
    assert!(message.contains("is read by the same expression"), "{message}");
    let message = run.fail(&["eval", "t", "t=s3://lab/other.zarr"]);
    assert!(message.contains("there is no such object; check the bucket and the path"), "{message}");
    let message = run.fail(&["eval", "arange(3)", "-o", "s3://lab/x.npy"]);
    assert!(message.contains("an .npy file cannot be written to s3://"), "{message}");
}

#[test]
fn files_on_a_web_server_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    succeed(path, &["eval", "arange(12.0).reshape(3, 4)", "-o", "x.h5#/a/x"]);
    succeed(path, &["eval", "arange(12.0).reshape(3, 4)", "-o", "x.npy"]);
    let server = WebServer::start();
    for name in ["x.h5", "x.npy"] {
        server.put(name, std::fs::read(path.join(name)).unwrap());
    }
    for place in ["x.h5#/a/x", "x.npy"] {
        let uri = format!("x={}", server.url(place));
        assert_eq!(succeed(path, &["eval", "x[1:].mean(axis=1)", &uri]), "[5.5 9.5]", "{place}");
    }
    assert!(succeed(path, &["info", &server.url("x.h5")]).contains("a/"));
    let message = fail(path, 1, &["eval", "x", &format!("x={}", server.url("y.npy"))]);
    assert!(message.contains("there is no such object; check the server and the path"), "{message}");
}
