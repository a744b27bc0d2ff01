//! Adding datasets to a file in place.
//!
//! The library changes a file at moments of its own choosing, and a file that it has not closed is of no use. So it never
//! sees the file itself, but a skeleton: a file that is as long, with everything but the elements of datasets, where it
//! has holes. What the library adds to that lies behind its end, or changes some pages of what says where everything is.
//! Both are then put into the file itself: first what lies behind the end, where nobody looks yet, then the pages, as a
//! [`Graft`].

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::format;
use super::graft::{Failed, Graft};
use crate::error::Problem;
use crate::read_at::LocalFile;

/// What is compared, and changed, at once.
const PAGE: usize = 512;
/// What is copied at once.
const PIECE: usize = 1 << 20;

/// A copy of a file without elements.
#[derive(Debug)]
pub(super) struct Skeleton {
    /// What was copied.
    copied: Vec<Range<u64>>,
    /// Where the file ended, by its own account: what lies behind that belongs to nothing.
    end: u64,
    signature: u64,
}

impl Skeleton {
    /// Copies a file to a path where there is nothing.
    pub fn of(file: &File, path: &Path) -> Result<Self, Problem> {
        let failed = |error| {
            Problem::os(format!("copy what the file holds beside elements to {}", path.display()), error)
        };
        let name = path.display().to_string();
        let len = file.metadata().map_err(failed)?.len();
        let reader = LocalFile::from(file.try_clone().map_err(failed)?, len);
        let unreadable = |error: format::Hdf5Error| Problem::Misuse {
            reason: format!("cannot be written in place: {}; leave --in-place (in_place) out", error.problem),
        };
        let reading = format::File::from_reader(Arc::new(reader), &name).map_err(unreadable)?;
        let (signature, end) = (reading.signature(), reading.end());
        let elements = reading.extents().map_err(unreadable)?;
        let copied = others(&elements, end);
        let copy = OpenOptions::new().write(true).create_new(true).open(path).map_err(failed)?;
        copy.set_len(end).map_err(failed)?;
        let mut bytes = vec![0; PIECE];
        for range in &copied {
            for_each_piece(range, PIECE, &mut |offset, len| {
                file.read_exact_at(&mut bytes[..len], offset)?;
                copy.write_all_at(&bytes[..len], offset)
            })
            .map_err(failed)?;
        }
        Ok(Skeleton { copied, end, signature })
    }

    /// Puts what was added to the skeleton into the file: all of it, or nothing that anybody sees. Nobody else may have
    /// the file open. `journals` of what was added, files beside the target, are sealed on the way.
    pub fn graft(&self, skeleton: &Path, target: &Path, journals: Vec<String>) -> Result<(), Problem> {
        let failed = |error| Problem::os("write what was added to the file", error);
        let mut added = File::open(skeleton).map_err(failed)?;
        let mut file = OpenOptions::new().read(true).write(true).open(target).map_err(failed)?;
        let before = file.metadata().map_err(failed)?.len();
        let put = self
            .append(&mut added, &mut file)
            .and_then(|()| {
                let changes = self.changes(&added, &file)?;
                file.sync_data()?;
                Ok(Graft { signature: self.signature, changes, journals })
            })
            .map_err(Failed::Before)
            .and_then(|graft| graft.put(&file, target));
        put.map_err(|error| match error {
            Failed::Before(error) => {
                let _ = file.set_len(before);
                failed(error)
            }
            Failed::Within(error) => failed(error),
        })
    }

    /// Appends what lies behind the end of the skeleton.
    fn append(&self, added: &mut File, file: &mut File) -> io::Result<()> {
        added.seek(SeekFrom::Start(self.end))?;
        file.seek(SeekFrom::Start(self.end))?;
        io::copy(added, file).map(|_| ())
    }

    /// The pages that are not as they were.
    fn changes(&self, skeleton: &File, file: &File) -> io::Result<Vec<(u64, Vec<u8>)>> {
        let mut changes: Vec<(u64, Vec<u8>)> = Vec::new();
        let (mut now, mut was) = (vec![0; PIECE], vec![0; PIECE]);
        for range in &self.copied {
            for_each_piece(range, PIECE, &mut |start, len| {
                skeleton.read_exact_at(&mut now[..len], start)?;
                file.read_exact_at(&mut was[..len], start)?;
                for (number, (now, was)) in now[..len].chunks(PAGE).zip(was[..len].chunks(PAGE)).enumerate() {
                    if now == was {
                        continue;
                    }
                    let offset = start + (number * PAGE) as u64;
                    match changes.last_mut() {
                        Some((last, bytes)) if *last + bytes.len() as u64 == offset => bytes.extend(now),
                        _ => changes.push((offset, now.to_vec())),
                    }
                }
                Ok(())
            })?;
        }
        Ok(changes)
    }
}

/// What lies between ranges that rise, up to an end.
fn others(ranges: &[Range<u64>], end: u64) -> Vec<Range<u64>> {
    let mut found = Vec::new();
    let mut from = 0;
    for range in ranges.iter().chain([&(end..end)]) {
        let until = range.start.min(end);
        if from < until {
            found.push(from..until);
        }
        from = from.max(range.end);
    }
    found
}

/// Offset and length of the pieces of a range.
fn for_each_piece(
    range: &Range<u64>,
    most: usize,
    visit: &mut dyn FnMut(u64, usize) -> io::Result<()>,
) -> io::Result<()> {
    let mut start = range.start;
    while start < range.end {
        let len = (range.end - start).min(most as u64) as usize;
        visit(start, len)?;
        start += len as u64;
    }
    Ok(())
}

#[cfg(test)]
#[path = "skeleton_tests.rs"]
mod tests;
