//! What is being written and not finished: it lies beside its target under a name of its own, and takes the
//! target's place in one step when it is whole. A journal beside it lets a later run go on with what a killed one left.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Problem, Result};
use crate::journal::{Found, Journal, Purpose, Record};

/// What the name of a part's journal ends in.
const JOURNAL: &str = ".journal";

static NEXT: AtomicU64 = AtomicU64::new(0);

/// An unfinished file or directory. Dropped without [`Part::publish`], it is removed.
#[derive(Debug)]
pub(crate) struct Part {
    uri: String,
    path: PathBuf,
    target: PathBuf,
    overwrite: bool,
    published: bool,
    journal: Option<Journal>,
    /// Whether it stays if the run fails, for another one to go on with.
    keep: bool,
}

/// What an earlier run has left.
#[derive(Debug)]
pub(crate) enum Left {
    /// A part, and what was written of it.
    Unfinished(Part, Vec<Record>),
    /// A part that is whole, and was not renamed; and what was written of it.
    Whole(
        Part,
        #[cfg_attr(not(feature = "hdf5-write"), allow(dead_code, reason = "others rename it"))] Vec<Record>,
    ),
    /// The target itself; only the end of the run was missing.
    Published(Journal),
}

impl Part {
    /// Names the part of a target. Nothing is created yet.
    ///
    /// # Errors
    /// If the target exists and may not be overwritten, has no name, or its directory does not exist.
    pub fn new(uri: &str, target: &Path, overwrite: bool) -> Result<Self> {
        Part::named(uri, target, overwrite, false)
    }

    /// [`Part::new`] where, with `keep`, parts with journals that killed runs have left stay.
    ///
    /// # Errors
    /// As [`Part::new`].
    #[cfg(feature = "hdf5-write")]
    pub fn beside_others(uri: &str, target: &Path, overwrite: bool, keep: bool) -> Result<Self> {
        Part::named(uri, target, overwrite, keep)
    }

    /// [`Part::new`] with a journal. With `keep`, it stays if the run fails, and so does what earlier runs have left.
    ///
    /// # Errors
    /// As [`Part::new`], and if the journal cannot be written.
    pub fn begin(uri: &str, target: &Path, overwrite: bool, purpose: &Purpose, keep: bool) -> Result<Self> {
        let mut part = Part::named(uri, target, overwrite, keep)?;
        let journal = Journal::begin(&journal_of(&part.path), purpose, keep)
            .map_err(|error| Problem::os("create the file", error).at(uri))?;
        part.journal = Some(journal);
        Ok(part)
    }

    /// What an earlier run of the same purpose has left of a target.
    ///
    /// # Errors
    /// If an unfinished run has another purpose or still goes on, or its journal cannot be read.
    pub fn left(uri: &str, target: &Path, overwrite: bool, purpose: &Purpose) -> Result<Option<Left>> {
        let fail = |problem: Problem| problem.at(uri);
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let mut refusal = None;
        for path in journals(directory_of(target), &name) {
            let found = match Journal::reopen(&path, purpose) {
                Ok(Some(found)) => found,
                Ok(None) => continue,
                Err(problem) => {
                    refusal.get_or_insert(problem);
                    continue;
                }
            };
            let Found { journal, records, sealed } = found;
            let part = PathBuf::from(path.to_string_lossy().trim_end_matches(JOURNAL));
            if sealed.is_some() && sealed == inode(target) {
                // What steps aside for a directory keeps its part's name until it is removed.
                remove(&part);
                remove_leftovers(directory_of(target), &name, true);
                return Ok(Some(Left::Published(journal)));
            }
            let Some(there) = inode(&part) else {
                journal.settle();
                continue;
            };
            let part = Part {
                uri: uri.to_owned(),
                path: part,
                target: target.to_owned(),
                overwrite,
                published: false,
                journal: Some(journal),
                keep: true,
            };
            if !overwrite && exists(target) {
                return Err(fail(Problem::Exists));
            }
            // One that was sealed under another inode is looked through like any other.
            return Ok(Some(match sealed == Some(there) {
                true => Left::Whole(part, records),
                false => Left::Unfinished(part, records),
            }));
        }
        refusal.map_or(Ok(None), |problem| Err(fail(problem)))
    }

    fn named(uri: &str, target: &Path, overwrite: bool, keep: bool) -> Result<Self> {
        let Some(name) = target.file_name() else {
            return Err(Problem::Uri { reason: "the path has no file name at its end".into() }.at(uri));
        };
        let directory = directory_of(target);
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
            return Err(Problem::exists(keep).at(uri));
        }
        let name = name.to_string_lossy();
        remove_leftovers(directory, &name, keep);
        let part = (0..1000).map(|_| directory.join(part_name(&name, "part"))).find(|path| !exists(path));
        let Some(path) = part else {
            let reason = format!(
                "cannot be written: {} is full of unfinished parts of it; remove .{name}.part-*",
                directory.display()
            );
            return Err(Problem::Misuse { reason }.at(uri));
        };
        Ok(Part {
            uri: uri.to_owned(),
            path,
            target: target.to_owned(),
            overwrite,
            published: false,
            journal: None,
            keep,
        })
    }

    /// Where to write.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Says that something has been written to it.
    pub fn note(&self, record: &Record) -> Result<(), Problem> {
        self.journal.as_ref().map_or(Ok(()), |journal| journal.note(record))
    }

    /// Where its journal is, for other processes that write it.
    pub fn journal_path(&self) -> Option<PathBuf> {
        self.journal.as_ref()?;
        let path = journal_of(&self.path);
        Some(std::path::absolute(&path).unwrap_or(path))
    }

    /// Whether there is a journal.
    pub fn has_journal(&self) -> bool {
        self.journal.is_some()
    }

    /// Says that what it holds is in a file of this inode, which is about to be published.
    #[cfg(feature = "hdf5-write")]
    pub fn seal(&self, inode: u64) -> Result<(), Problem> {
        self.journal.as_ref().map_or(Ok(()), |journal| journal.seal(inode))
    }

    /// Where a rename would not change it: the inode.
    #[cfg(feature = "hdf5-write")]
    pub fn inode(&self) -> Option<u64> {
        inode(&self.path)
    }

    /// Removes it, and its journal: it has served its purpose.
    #[cfg(feature = "hdf5-write")]
    pub fn discard(mut self) {
        self.keep = false;
        let journal = self.journal.take();
        // The journal last: a run that is killed in between is found ended by it, and a part alone means nothing.
        drop(self);
        journal.into_iter().for_each(Journal::settle);
    }

    /// Puts the part, whose bytes are on the disk, in the target's place. What is given back is to be settled when
    /// every part of the run is published.
    pub fn publish(mut self) -> Result<Option<Journal>> {
        if let (Some(journal), Some(inode)) = (&self.journal, inode(&self.path)) {
            journal.seal(inode).map_err(|problem| problem.at(&self.uri))?;
        }
        self.take_place()?;
        self.published = true;
        Ok(self.journal.take())
    }

    fn take_place(&self) -> Result<()> {
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
            return Ok(());
        }
        if exchange(&self.path, &self.target) {
            // What was the part now is what was there before; it is removed as such.
            remove(&self.path);
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
        remove(&aside);
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // What has no journal cannot be gone on with.
        let is_kept = self.keep && self.journal.is_some();
        if !self.published && !is_kept {
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

/// Removes the parts of this target that processes left which are no more, with their journals. One that is locked, or
/// whose process lives, stays; so does one where this cannot be told. With `keep`, those with a journal stay too.
fn remove_leftovers(directory: &Path, name: &str, keep: bool) {
    // Without a listing of processes nothing is known about any of them.
    if !Path::new("/proc/self").exists() {
        return;
    }
    for path in leftovers(directory, name) {
        let is_journal = path.as_os_str().to_string_lossy().ends_with(JOURNAL);
        let journal = if is_journal { path.clone() } else { journal_of(&path) };
        // A process on another machine may share the directory: who writes holds a lock.
        let is_free = |path: &Path| fs::File::open(path).is_ok_and(|file| file.try_lock().is_ok());
        let has_journal = exists(&journal);
        if has_journal && (keep || !is_free(&journal)) {
            continue;
        }
        if is_journal || is_free(&path) {
            remove(&path);
        }
    }
}

/// Parts of a target, and journals of parts, whose processes are no more.
fn leftovers(directory: &Path, name: &str) -> Vec<PathBuf> {
    let prefix = format!(".{name}.part-");
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let file_name = entry.file_name();
        let Some(rest) = file_name.to_str().and_then(|text| text.strip_prefix(&prefix)) else { continue };
        let process = rest.split(['-', '.']).next().unwrap_or_default();
        if process.is_empty() || !process.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        if !Path::new("/proc").join(process).exists() {
            found.push(entry.path());
        }
    }
    // Parts come before their journals: what is removed half way can still be told for what it is.
    found.sort();
    found
}

/// The journals of parts of a target, whoever writes them.
fn journals(directory: &Path, name: &str) -> Vec<PathBuf> {
    let prefix = format!(".{name}.part-");
    let is_journal = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(&prefix) && name.ends_with(JOURNAL)
    };
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_journal).collect();
    found.sort();
    found
}

fn journal_of(part: &Path) -> PathBuf {
    let mut name = part.as_os_str().to_owned();
    name.push(JOURNAL);
    PathBuf::from(name)
}

fn directory_of(target: &Path) -> &Path {
    match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// What a file or directory keeps when it is renamed.
fn inode(path: &Path) -> Option<u64> {
    fs::symlink_metadata(path).ok().map(|metadata| metadata.ino())
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
