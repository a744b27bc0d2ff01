//! Running the built binary in a directory.

use std::path::Path;
use std::process::{Command, Output};

/// Runs the command in a directory.
pub fn brickwork(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_brickwork"));
    command.current_dir(directory).args(arguments).output().expect("the binary was built for this test")
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is Unicode")
}

/// Runs a command that must succeed; its standard output.
pub fn succeed(directory: &Path, arguments: &[&str]) -> String {
    let output = brickwork(directory, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout).trim_end().to_owned()
}

/// Runs a command that must fail with a code and a message; its standard error.
pub fn fail(directory: &Path, code: i32, arguments: &[&str]) -> String {
    let output = brickwork(directory, arguments);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {message}{}", text(&output.stdout));
    assert!(message.starts_with("error: "), "{arguments:?}: {message}");
    assert!(!message.contains("panicked"), "{arguments:?}: {message}");
    message
}
