//! What a dataset that the HDF5 library is to read is made of, checked as the dataset itself is.
//!
//! A virtual dataset takes its elements from datasets of other files, which the library opens by itself, and a damaged one
//! may end the process as well as a damaged dataset of the file that was asked for.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::format::{File, Part};
use super::graft;
use super::open::{failed, inner_path};
use super::search::{self, Prefixes, canonical};
use super::trail::Trail;
use crate::error::{Problem, Result};
use crate::placed_file;
use crate::uri::{Format, Location};

/// Checks a dataset, and all that it is made of if it is virtual. `file` is the one at `path`, and open already.
///
/// # Errors
/// If something is damaged. What is missing is not: the library gives fill values for it.
pub(super) fn check(uri: &str, file: &File, path: &str, inner: &str) -> Result<()> {
    let parts = file.check_dataset(&inner_path(inner)).map_err(|error| failed(uri, error))?;
    let mut sources = Sources { uri, seen: HashSet::from([(canonical(Path::new(path)), inner.to_owned())]) };
    let mut waiting = vec![(PathBuf::from(path), parts)];
    while let Some((path, parts)) = waiting.pop() {
        for part in parts {
            sources.check(&path, &part, &mut waiting)?;
        }
    }
    Ok(())
}

/// Datasets that were looked at, by file and path: virtual ones may be made of virtual ones, in a circle even.
struct Sources<'a> {
    uri: &'a str,
    seen: HashSet<(PathBuf, String)>,
}

/// Datasets that virtual ones were found to be made of, each with its file; they wait for their turn.
type Waiting = Vec<(PathBuf, Vec<Part>)>;

impl Sources<'_> {
    /// Checks what a part stands for.
    fn check(&mut self, beside: &Path, part: &Part, waiting: &mut Waiting) -> Result<()> {
        let is_numbered = has_number(&part.file) || has_number(&part.dataset);
        for number in 0_u64.. {
            let Some(path) = find(beside, &named(&part.file, number)) else { break };
            let inner = named(&part.dataset, number).trim_matches('/').to_owned();
            if !self.check_dataset(path, inner, waiting)? || !is_numbered {
                break;
            }
        }
        Ok(())
    }

    /// Checks a dataset, in the file that links lead to; says whether there is one.
    fn check_dataset(&mut self, path: PathBuf, inner: String, waiting: &mut Waiting) -> Result<bool> {
        let uri = format!("{} (made of {}#/{inner})", self.uri, path.display());
        let start = Location { uri, path, url: None, inner, format: Format::Hdf5 };
        let mut trail = Trail::from(&start);
        loop {
            let Location { uri, path, inner, .. } = trail.place();
            if !self.seen.insert((canonical(path), inner.clone())) {
                return Ok(true);
            }
            let checked = open_source(uri, path)
                .and_then(|file| file.check_dataset(&inner_path(inner)).map_err(|error| failed(uri, error)));
            let error = match checked {
                Ok(parts) => {
                    waiting.push((path.clone(), parts));
                    return Ok(true);
                }
                Err(error) => error,
            };
            match trail.go_on(error) {
                Ok(()) => {}
                Err(error) if is_absence(&error.problem) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Whether the library finds nothing where this is wrong: it follows no more links than [`Trail`] does.
fn is_absence(problem: &Problem) -> bool {
    matches!(
        problem,
        Problem::NoSuchArray { .. }
            | Problem::NoLinkedFile { .. }
            | Problem::LinkCircle { .. }
            | Problem::TooManyLinkedFiles { .. }
    )
}

fn open_source(uri: &str, path: &Path) -> Result<File> {
    let name = path.display().to_string();
    let fail = |problem: Problem| problem.at(uri);
    let (reader, _) = placed_file::open_file(&name, "an HDF5 file").map_err(fail)?;
    graft::check(&name).map_err(fail)?;
    File::from_reader(reader, &name).map_err(|error| failed(uri, error))
}

/// The file that the library would open for a name in a file, if there is one.
fn find(beside: &Path, name: &str) -> Option<PathBuf> {
    match name {
        "." => Some(beside.to_owned()),
        _ => search::find(beside, name, Prefixes::VirtualDatasets).ok(),
    }
}

/// Whether a name has a place for numbers.
fn has_number(name: &str) -> bool {
    name.replace("%%", "").contains("%b")
}

/// A name with its number: `%b` stands for it, and `%%` for one `%`.
fn named(name: &str, number: u64) -> String {
    let pieces: Vec<String> =
        name.split("%%").map(|piece| piece.replace("%b", &number.to_string())).collect();
    pieces.join("%")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn names_have_their_numbers() {
        assert!(has_number("a%b.h5") && !has_number("a%%b.h5") && !has_number("100%"));
        assert_eq!(["a%b-%b.h5", "a%%b", "a"].map(|name| named(name, 12)), ["a12-12.h5", "a%b", "a"]);
    }

    /// A virtual dataset of the fixtures is made of `y` in `other.h5`.
    #[test]
    fn a_damaged_source_is_told_before_the_library_opens_it() {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/hdf5/refused.h5");
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("v.h5");
        fs::copy(fixture, &path).unwrap();
        let uri = format!("{}#virtual", path.display());
        assert!(crate::open(&uri).is_ok(), "what is not there is filled");
        let other = directory.path().join("other.h5");
        fs::write(&other, "no such file").unwrap();
        let message = crate::open(&uri).unwrap_err().to_string();
        assert!(message.contains("other.h5#/y") && message.contains("not an HDF5 file"), "{message}");
        fs::remove_file(&other).unwrap();
        let block = crate::test_support::sample(brickwork_core::DType::I32, &[3]);
        let layout = crate::hdf5::Hdf5Layout { chunk: Some(vec![2]), gzip: Some(1), shuffle: false };
        crate::hdf5::create_dataset(&other, "y", &block, &layout).unwrap();
        let values = crate::test_support::read_all(&uri).to_vec::<i32>();
        assert_eq!(values[..3], block.to_vec::<i32>());
        // Cut off, and with its index of chunks leading out of the file.
        let whole = fs::read(&other).unwrap();
        fs::write(&other, &whole[..whole.len() / 2]).unwrap();
        assert!(crate::open(&uri).unwrap_err().to_string().contains("other.h5"));
        let tree = whole.windows(4).rposition(|bytes| bytes == b"TREE").unwrap();
        let mut damaged = whole;
        damaged[tree + 6] = 0xff;
        fs::write(&other, damaged).unwrap();
        let message = crate::open(&uri).unwrap_err().to_string();
        assert!(message.contains("other.h5#/y"), "{message}");
    }
}
