//! What is being written and not finished: it lies beside its target under a name of its own, and takes the
//! target's place in one step when it is whole.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Problem, Result};

static NEXT: AtomicU64 = AtomicU64::new(0);

/// An unfinished file or directory. Dropped without [`Part::publish`], it is removed.
#[derive(Debug)]
pub(crate) struct Part {
    uri: String,
    path: PathBuf,
    target: PathBuf,
    overwrite: bool,
    published: bool,
}

impl Part {
    /// Names the part of a target. Nothing is created yet.
    ///
    /// # Errors
    /// If the target exists and may not be overwritten, has no name, or its directory does not exist.
    pub fn new(uri: &str, target: &Path, overwrite: bool) -> Result<Self> {
        let Some(name) = target.file_name() else {
            return Err(Problem::Uri { reason: "the path has no file name at its end".into() }.at(uri));
        };
        let directory = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        match fs::metadata(directory) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => {
                let reason = format!("cannot be written: {} is a file, not a directory", directory.display());
                return Err(Problem::Misuse { reason }.at(uri));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let reason =
                    format!("cannot be written: there is no directory {}; create it", directory.display());
                return Err(Problem::Misuse { reason }.at(uri));
            }
            Err(error) => {
                return Err(Problem::os(format!("write to directory {}", directory.display()), error).at(uri));
            }
        }
        if !overwrite && exists(target) {
            return Err(Problem::Exists.at(uri));
        }
        let part = part_name(&name.to_string_lossy(), "part");
        Ok(Part {
            uri: uri.to_owned(),
            path: directory.join(part),
            target: target.to_owned(),
            overwrite,
            published: false,
        })
    }

    /// Where to write.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts the part in the target's place.
    pub fn publish(mut self) -> Result<()> {
        let failed =
            |error| Problem::os(format!("rename {} to it", self.path.display()), error).at(&self.uri);
        let target_is_directory = fs::symlink_metadata(&self.target).is_ok_and(|metadata| metadata.is_dir());
        if !self.overwrite && exists(&self.target) {
            return Err(Problem::Exists.at(&self.uri));
        }
        if !target_is_directory {
            if self.path.is_dir() && exists(&self.target) {
                fs::remove_file(&self.target).map_err(failed)?;
            }
            fs::rename(&self.path, &self.target).map_err(failed)?;
            self.published = true;
            return Ok(());
        }
        // A directory cannot be replaced by a rename: the old one steps aside first.
        let name = self.target.file_name().unwrap_or_default().to_string_lossy();
        let aside = self.target.with_file_name(part_name(&name, "old"));
        fs::rename(&self.target, &aside).map_err(failed)?;
        if let Err(error) = fs::rename(&self.path, &self.target) {
            // What was there must not get lost.
            let _ = fs::rename(&aside, &self.target);
            return Err(failed(error));
        }
        self.published = true;
        remove(&aside);
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.published {
            remove(&self.path);
        }
    }
}

/// Whether there is anything at a path, be it a link that leads nowhere.
fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

fn part_name(name: &str, role: &str) -> String {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let suffix = if number == 0 { String::new() } else { format!("-{number}") };
    format!(".{name}.{role}-{}{suffix}", std::process::id())
}

/// Removes a file or a directory as well as it can: there is nobody left to tell.
fn remove(path: &Path) {
    let _ = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => Ok(()),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_part_takes_the_place_of_its_target() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("x.npy");
        for (text, overwrite) in [("one", false), ("two", true)] {
            let part = Part::new("x.npy", &target, overwrite).unwrap();
            assert!(part.path().file_name().unwrap().to_str().unwrap().starts_with(".x.npy.part-"));
            fs::write(part.path(), text).unwrap();
            part.publish().unwrap();
            assert_eq!(fs::read_to_string(&target).unwrap(), text);
        }
        assert_eq!(names(directory.path()), ["x.npy"]);
        let error = Part::new("x.npy", &target, false).unwrap_err();
        assert_eq!(error.to_string(), "x.npy: exists already; allow overwriting it, or choose another name");
    }

    #[test]
    fn directories_are_replaced_and_dropped_parts_removed() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("x.zarr");
        fs::create_dir(&target).unwrap();
        fs::write(target.join("old"), "").unwrap();
        let part = Part::new("x.zarr", &target, true).unwrap();
        fs::create_dir(part.path()).unwrap();
        fs::write(part.path().join("new"), "").unwrap();
        part.publish().unwrap();
        assert_eq!(names(&target), ["new"]);
        let part = Part::new("x.zarr", &target, true).unwrap();
        fs::create_dir(part.path()).unwrap();
        drop(part);
        assert_eq!(names(directory.path()), ["x.zarr"]);
    }

    #[test]
    fn what_cannot_be_written_is_said_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        let text = |path: PathBuf| Part::new("u", &path, false).unwrap_err().to_string();
        assert!(text(file.join("x.npy")).contains("is a file, not a directory"));
        assert!(text(file.join("deeper/x.npy")).contains("a part of the path is a file, not a directory"));
        assert!(text(directory.path().join("none/x.npy")).contains("there is no directory"));
        assert!(text(PathBuf::from("/")).contains("no file name"));
    }
}
