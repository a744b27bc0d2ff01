//! A file that the sinks of one run write together.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use hdf5::File;
use parking_lot::Mutex;

use super::attributes::write_attributes;
use super::graft;
use super::log::Log;
use super::scales;
use super::skeleton::Skeleton;
use crate::error::{Problem, Result};
use crate::handles::FileStamp;
use crate::options::GroupAttributes;
use crate::part::Part;
use crate::uri::Location;
use crate::write_checks::not_created;

/// The library does one thing at a time; whoever writes waits here rather than inside it.
pub(super) static LIBRARY: Mutex<()> = Mutex::new(());

/// An HDF5 file that one or several sinks write datasets of.
///
/// It is written beside its target and renamed when the last sink that has joined is committed; an existing file is
/// copied first, so that it stays as it was until then. In place, a [`Skeleton`] of it is made instead of a copy, and what
/// was added to that goes into the file at the end.
#[derive(Debug)]
pub(crate) struct SharedFile {
    uri: String,
    target: PathBuf,
    place: String,
    groups: Vec<GroupAttributes>,
    in_place: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    open: Option<OpenFile>,
    /// Sinks that have joined and not left.
    writing: usize,
    /// Tells joins before a failure from those after it.
    generation: usize,
}

#[derive(Debug)]
struct OpenFile {
    // Closed before the part is removed.
    file: File,
    part: Part,
    copied: Option<Copied>,
    /// If what is added goes into the file itself.
    skeleton: Option<Skeleton>,
    named: Vec<Named>,
    /// Of the datasets that are in it.
    logs: Vec<Arc<Log>>,
}

/// The file that was copied, which nobody else may have changed meanwhile.
#[derive(Debug)]
struct Copied {
    stamp: FileStamp,
    /// Keeps programs away that would write it.
    lock: fs::File,
}

/// A dataset whose axes have names.
#[derive(Debug, Clone)]
pub(super) struct Named {
    /// Its path in the file.
    pub dataset: String,
    /// A name for every axis.
    pub names: Vec<String>,
}

impl Named {
    /// Whether every axis has a name.
    fn is_complete(&self) -> bool {
        self.names.iter().all(|name| !name.is_empty())
    }
}

/// That a sink has joined: to be given back when it leaves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Joined(usize);

impl SharedFile {
    /// The file itself.
    pub(super) fn target(&self) -> &std::path::Path {
        &self.target
    }

    /// The file of a location. Touches nothing.
    pub fn new(location: &Location) -> Self {
        SharedFile {
            uri: location.path.display().to_string(),
            // A link stays a link: what it leads to is replaced.
            target: fs::canonicalize(&location.path).unwrap_or_else(|_| location.path.clone()),
            place: location.absolute_path(),
            groups: Vec::new(),
            in_place: false,
            state: Mutex::default(),
        }
    }

    /// With attributes for those of the groups that are in this file.
    pub fn in_groups(mut self, groups: &[GroupAttributes]) -> Self {
        let is_here = |group: &&GroupAttributes| {
            Location::parse(&group.uri).is_ok_and(|location| self.is_at(&location.path))
        };
        self.groups = groups.iter().filter(is_here).cloned().collect();
        self
    }

    /// Adding to the file itself, if it is there, instead of to a copy.
    pub fn in_place(mut self, in_place: bool) -> Self {
        self.in_place = in_place;
        self
    }

    /// Whether datasets are added to the file itself.
    pub(super) fn is_in_place(&self) -> bool {
        self.in_place
    }

    /// Finishes what a killed run has begun to do to the file.
    pub(super) fn recover(&self) -> Result<(), Problem> {
        if !self.target.is_file() {
            return Ok(());
        }
        graft::finish(&self.target).map(|_| ())
    }

    /// Whether this is the file at a path.
    pub fn is_at(&self, path: &std::path::Path) -> bool {
        std::path::absolute(path).is_ok_and(|path| path.to_string_lossy() == self.place)
    }

    /// Whether axis names become dimension scales, as netCDF wants them.
    pub fn is_netcdf(&self) -> bool {
        let extension = self.target.extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|extension| {
            ["nc", "nc4"].iter().any(|netcdf| extension.eq_ignore_ascii_case(netcdf))
        })
    }

    /// Opens the file if that was not done yet, and lets a sink prepare its dataset. With `keep`, what killed runs have
    /// left of datasets in it stays.
    pub(super) fn join<T>(
        &self,
        must_exist: bool,
        keep: bool,
        prepare: impl FnOnce(&File) -> Result<T, Problem>,
    ) -> Result<(Joined, T), Problem> {
        let mut state = self.state.lock();
        if state.open.is_none() {
            state.open = Some(self.open(must_exist, keep)?);
        }
        let prepared = {
            let _library = LIBRARY.lock();
            let open = state.open.as_ref().ok_or_else(not_created)?;
            prepare(&open.file)
        };
        match prepared {
            Ok(prepared) => {
                state.writing += 1;
                Ok((Joined(state.generation), prepared))
            }
            Err(problem) => {
                if state.writing == 0 {
                    close(state.open.take());
                }
                Err(problem)
            }
        }
    }

    /// Remembers the names of a dataset's axes until the file is finished.
    pub(super) fn name_axes(&self, named: Named) {
        if let Some(open) = &mut self.state.lock().open {
            open.named.push(named);
        }
    }

    /// The file as it is written, with all that the library knows of it on the disk.
    pub(super) fn flushed(&self) -> Option<PathBuf> {
        let state = self.state.lock();
        let open = state.open.as_ref()?;
        let _library = LIBRARY.lock();
        open.file.flush().ok()?;
        Some(open.part.path().to_owned())
    }

    /// A sink has written everything, and keeps a log of it until the run is over. The last one publishes the file.
    pub(super) fn leave(&self, joined: Joined, log: Option<Arc<Log>>) -> Result<()> {
        let mut state = self.state.lock();
        if state.generation != joined.0 {
            let reason = "was given up by another result of the same run".into();
            return Err(Problem::Misuse { reason }.at(&self.uri));
        }
        if let Some(open) = &mut state.open {
            open.logs.extend(log);
        }
        state.writing = state.writing.saturating_sub(1);
        if state.writing > 0 {
            return Ok(());
        }
        let open = state.open.take().ok_or_else(|| not_created().at(&self.uri))?;
        self.finish(open)
    }

    /// A sink gives up, and with it all of them: nothing is published.
    pub(super) fn give_up(&self, joined: Joined) {
        let mut state = self.state.lock();
        if state.generation == joined.0 {
            state.generation += 1;
            state.writing = 0;
            close(state.open.take());
        }
    }

    fn open(&self, must_exist: bool, keep: bool) -> Result<OpenFile, Problem> {
        let target = self.target.as_path();
        if target.is_dir() {
            return Err(Problem::IsDirectory { expected: "an HDF5 file" });
        }
        self.recover()?;
        let copied = match fs::File::open(target) {
            Ok(file) => Some(locked(file)?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !must_exist => None,
            Err(error) => return Err(Problem::os("open the file", error)),
        };
        // An existing file is not replaced but extended: its other datasets stay.
        let part =
            Part::beside_others(&self.uri, target, copied.is_some(), keep).map_err(|error| error.problem)?;
        let mut skeleton = None;
        if let Some(Copied { lock, .. }) = copied.as_ref().filter(|_| self.in_place) {
            // Told before anything is computed.
            fs::OpenOptions::new()
                .write(true)
                .open(target)
                .map_err(|error| Problem::os("write to the file in place", error))?;
            skeleton = Some(Skeleton::of(lock, part.path())?);
        } else if copied.is_some() {
            fs::copy(target, part.path()).map_err(|error| {
                let help = "; its datasets are added to a copy of it, which takes its place";
                Problem::Os {
                    action: format!("copy the file to {}{help}", part.path().display()),
                    source: error,
                }
            })?;
            make_writable(part.path())
                .map_err(|error| Problem::os("write to the copy of the file", error))?;
        } else {
            // The library's own words for this are hard to read.
            let probe = fs::File::create_new(part.path());
            probe.map_err(|error| Problem::os("create the file", error))?;
            fs::remove_file(part.path()).map_err(|error| Problem::os("create the file", error))?;
        }
        let _library = LIBRARY.lock();
        let file = match &copied {
            Some(_) => File::open_rw(part.path()),
            None => File::create_excl(part.path()),
        };
        let file = file.map_err(|error| library_failed("open the file to write", &error))?;
        Ok(OpenFile { file, part, copied, skeleton, named: Vec::new(), logs: Vec::new() })
    }

    fn finish(&self, open: OpenFile) -> Result<()> {
        let fail = |problem: Problem| problem.at(&self.uri);
        let OpenFile { file, part, copied, skeleton, named, logs } = open;
        {
            let _library = LIBRARY.lock();
            let scales = named.iter().try_for_each(|named| match self.is_netcdf() && named.is_complete() {
                true => scales::attach(&file, named),
                false => scales::label(&file, named),
            });
            let groups = self.groups.iter().try_for_each(|group| describe_group(&file, group));
            let flushed = file.flush().map_err(|error| library_failed("write the file", &error));
            let closed = file.close().map_err(|error| library_failed("finish the file", &error));
            scales.and(groups).and(flushed).and(closed).map_err(fail)?;
        }
        // Held until the end, so that nobody can come in between.
        if let Some(Copied { lock, .. }) = copied.as_ref().filter(|_| skeleton.is_some()) {
            graft::locked(lock).map_err(fail)?;
        }
        if FileStamp::at(&self.target).ok() != copied.as_ref().map(|copied| copied.stamp) {
            let change = "another program wrote it while datasets were added".into();
            return Err(fail(Problem::Changed { change }));
        }
        if let Some(skeleton) = skeleton {
            let journals = logs.iter().filter_map(|log| log.journal_name()).collect();
            return skeleton.graft(part.path(), &self.target, journals).map_err(fail);
        }
        let synced = fs::File::open(part.path()).and_then(|file| file.sync_data());
        synced.map_err(|error| fail(Problem::os("write", error)))?;
        if let Some(inode) = part.inode() {
            logs.iter().try_for_each(|log| log.seal(inode)).map_err(fail)?;
        }
        part.publish().map(|_| ())
    }
}

/// Writes the attributes of a group, in place of those of the same names.
fn describe_group(file: &File, group: &GroupAttributes) -> Result<(), Problem> {
    let inner = Location::parse(&group.uri).map_err(|error| error.problem)?.inner;
    let failed = |error: hdf5::Error| library_failed("write the attributes of a group", &error);
    let found = match inner.as_str() {
        "" => file.group("/"),
        inner if file.link_exists(inner) => file.group(inner),
        inner => file.create_group(inner),
    };
    let found = found.map_err(failed)?;
    for name in group.attributes.keys().filter(|name| found.attr(name).is_ok()) {
        found.delete_attr(name).map_err(failed)?;
    }
    write_attributes(&found, &group.attributes, &group.attribute_dtypes, None)
        .map_err(|(name, error)| library_failed(&format!("write attribute {name:?}"), &error))
}

/// An existing file that nobody has open to write.
fn locked(file: fs::File) -> Result<Copied, Problem> {
    match file.try_lock_shared() {
        Err(fs::TryLockError::WouldBlock) => {
            let reason =
                "is open for writing in another program, or in this one; close it there first".into();
            return Err(Problem::Misuse { reason });
        }
        // Not every file system has locks.
        Ok(()) | Err(fs::TryLockError::Error(_)) => {}
    }
    let metadata = file.metadata().map_err(|error| Problem::os("look at the file", error))?;
    Ok(Copied { stamp: FileStamp::of(&metadata), lock: file })
}

/// A copy of a read-only file is read-only too.
fn make_writable(path: &std::path::Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mut permissions = fs::metadata(path)?.permissions();
    if permissions.mode() & 0o200 == 0 {
        permissions.set_mode(permissions.mode() | 0o200);
        fs::set_permissions(path, permissions)?;
    }
    Ok(())
}

fn close(open: Option<OpenFile>) {
    let _library = LIBRARY.lock();
    drop(open);
}

/// What the library says when it fails, with the reasons of the system in words.
pub(super) fn library_failed(action: &str, error: &hdf5::Error) -> Problem {
    let text = error.to_string();
    let reason = if text.contains("errno = 27") || text.contains("File too large") {
        "the file would be longer than this process or the file system allows (see ulimit -f)".to_owned()
    } else if text.contains("errno = 28") || text.contains("No space left") {
        "the disk is full".to_owned()
    } else if text.contains("file signature not found") {
        "it is not an HDF5 file".to_owned()
    } else {
        text
    };
    Problem::Misuse { reason: format!("cannot {action}: {reason}") }
}
