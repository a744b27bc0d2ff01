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
        let name = name.to_string_lossy();
        remove_leftovers(directory, &name);
        let part = (0..1000).map(|_| directory.join(part_name(&name, "part"))).find(|path| !exists(path));
        let Some(path) = part else {
            let reason = format!(
                "cannot be written: {} is full of unfinished parts of it; remove .{name}.part-*",
                directory.display()
            );
            return Err(Problem::Misuse { reason }.at(uri));
        };
        Ok(Part { uri: uri.to_owned(), path, target: target.to_owned(), overwrite, published: false })
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
        if exchange(&self.path, &self.target) {
            // What was the part now is what was there before; it is removed as such.
            remove(&self.path);
            self.published = true;
            return Ok(());
        }
        // Where the file system cannot exchange them, the old one steps aside first.
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

/// Exchanges two directories in one step; `false` if the system cannot.
#[cfg(target_os = "linux")]
fn exchange(a: &Path, b: &Path) -> bool {
    use std::ffi::CString;
    use std::os::unix::ffi::OsStrExt;
    let c_path = |path: &Path| CString::new(path.as_os_str().as_bytes());
    let (Ok(a), Ok(b)) = (c_path(a), c_path(b)) else { return false };
    // SAFETY: both paths end in a zero and live until the call returns; nothing else is handed over.
    let status = unsafe {
        libc::renameat2(libc::AT_FDCWD, a.as_ptr(), libc::AT_FDCWD, b.as_ptr(), libc::RENAME_EXCHANGE)
    };
    status == 0
}

#[cfg(not(target_os = "linux"))]
fn exchange(_a: &Path, _b: &Path) -> bool {
    false
}

/// Whether there is anything at a path, be it a link that leads nowhere.
fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Removes the parts of this target that processes left which are no more. One that is locked, or whose process lives,
/// stays; so does one where this cannot be told.
fn remove_leftovers(directory: &Path, name: &str) {
    let prefix = format!(".{name}.part-");
    // Without a listing of processes nothing is known about any of them.
    if !Path::new("/proc/self").exists() {
        return;
    }
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let file_name = entry.file_name();
        let Some(rest) = file_name.to_str().and_then(|text| text.strip_prefix(&prefix)) else { continue };
        let process = rest.split('-').next().unwrap_or_default();
        if process.is_empty() || !process.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let is_gone = !Path::new("/proc").join(process).exists();
        // A process on another machine may share the directory: who writes holds a lock.
        let is_free = || fs::File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok());
        if is_gone && is_free() {
            remove(&entry.path());
        }
    }
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
    fn what_dead_processes_left_is_removed_and_what_live_ones_hold_stays() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("x.npy");
        // No process has this number: Linux counts them in 22 bits.
        let dead = directory.path().join(".x.npy.part-4194305-3");
        let locked = directory.path().join(".x.npy.part-4194306");
        let live = directory.path().join(format!(".x.npy.part-{}", std::process::id()));
        let other = directory.path().join(".xx.npy.part-4194305");
        for path in [&dead, &locked, &live, &other] {
            fs::write(path, "").unwrap();
        }
        let lock = fs::File::open(&locked).unwrap();
        lock.try_lock().unwrap();
        let part = Part::new("x.npy", &target, false).unwrap();
        assert_eq!([&dead, &locked, &live, &other].map(|path| path.exists()), [false, true, true, true]);
        assert!(!part.path().exists());
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
