//! What a dataset that the HDF5 library is to read is made of, checked as the dataset itself is.
//!
//! A virtual dataset takes its elements from datasets of other files, which the library opens by itself, and a damaged one
//! may end the process as well as a damaged dataset of the file that was asked for.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::format::{File, Part, Problem as FormatProblem};
use super::graft;
use super::open::{failed, inner_path};
use crate::error::{Problem, Result};
use crate::placed_file;

/// Where the library looks for the files of virtual datasets first.
const PREFIXES: &str = "HDF5_VDS_PREFIX";

/// Checks a dataset, and all that it is made of if it is virtual. `file` is the one at `path`, and open already.
///
/// # Errors
/// If something is damaged. What is missing is not: the library gives fill values for it.
pub(super) fn check(uri: &str, file: &File, path: &str, inner: &str) -> Result<()> {
    let parts = match file.check_dataset(&inner_path(inner)) {
        Ok(parts) => parts,
        // Behind a link into another file is what only the library knows.
        Err(error) if matches!(error.problem, FormatProblem::NeedsLibrary { .. }) => return Ok(()),
        Err(error) => return Err(failed(uri, error)),
    };
    let mut sources = Sources { uri, seen: HashSet::from([(canonical(Path::new(path)), inner_path(inner))]) };
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

impl Sources<'_> {
    /// Checks what a part stands for; what that is made of waits for its turn.
    fn check(&mut self, beside: &Path, part: &Part, waiting: &mut Vec<(PathBuf, Vec<Part>)>) -> Result<()> {
        let is_numbered = has_number(&part.file) || has_number(&part.dataset);
        for number in 0_u64.. {
            let Some(path) = find(beside, &named(&part.file, number)) else { break };
            let inner = inner_path(named(&part.dataset, number).trim_start_matches('/'));
            if self.seen.insert((canonical(&path), inner.clone())) {
                let uri = format!("{} (made of {}#{inner})", self.uri, path.display());
                match open_source(&uri, &path)?.check_dataset(&inner) {
                    Ok(parts) => waiting.push((path, parts)),
                    // Behind a link into another file is what only the library knows, whatever the number.
                    Err(error)
                        if matches!(
                            error.problem,
                            FormatProblem::NeedsLibrary { .. } | FormatProblem::NotFound { .. }
                        ) =>
                    {
                        break;
                    }
                    Err(error) => return Err(failed(&uri, error)),
                }
            }
            if !is_numbered {
                break;
            }
        }
        Ok(())
    }
}

fn open_source(uri: &str, path: &Path) -> Result<File> {
    let name = path.display().to_string();
    let fail = |problem: Problem| problem.at(uri);
    let (reader, _) = placed_file::open_file(&name, "an HDF5 file").map_err(fail)?;
    graft::check(&name).map_err(fail)?;
    File::from_reader(reader, &name).map_err(|error| failed(uri, error))
}

/// The file that the library would open for a name in a file: the first that is there of those it tries.
fn find(beside: &Path, name: &str) -> Option<PathBuf> {
    if name == "." {
        return Some(beside.to_owned());
    }
    let mut candidates = Vec::new();
    let mut relative = Path::new(name);
    if relative.is_absolute() {
        candidates.push(relative.to_owned());
        relative = Path::new(relative.file_name()?);
    }
    let directory = |path: &Path| path.parent().map(Path::to_owned).unwrap_or_default();
    let origin = directory(beside);
    if let Ok(prefixes) = std::env::var(PREFIXES) {
        let prefixes = prefixes.replace("${ORIGIN}", &origin.to_string_lossy());
        candidates.extend(prefixes.split(':').map(|prefix| Path::new(prefix).join(relative)));
    }
    candidates.extend([
        origin.join(relative),
        relative.to_owned(),
        directory(&canonical(beside)).join(relative),
    ]);
    candidates.into_iter().find(|path| path.is_file())
}

fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
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
