//! What lies in a directory.

use std::fs;
use std::path::Path;

/// Every path below a directory.
pub fn listing(directory: &Path) -> Vec<String> {
    let mut paths = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path.clone());
            }
            paths.push(path.display().to_string());
        }
    }
    paths.sort();
    paths
}
