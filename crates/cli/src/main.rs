//! The `brickwork` command.
fn main() {}
