//! Where in a file the elements of its datasets are.
use std::collections::HashSet;
use std::ops::Range;

use super::dataset::Layout;
use super::error::Result;
use super::file::File;
use super::object_header::ObjectKind;
use super::survey::Survey;

impl File {
    /// Offsets of the bytes that hold elements, rising and apart; those of datasets that this reader does not
    /// understand are left out. Everything else in the file says where things are and what they mean.
    ///
    /// # Errors
    /// If the file is damaged.
    pub fn extents(&self) -> Result<Vec<Range<u64>>> {
        let mut survey = Survey::new(self);
        let mut seen = HashSet::new();
        let mut open = vec![survey.object("/")?];
        let mut found = Vec::new();
        while let Some(object) = open.pop() {
            if !Survey::identity(&object).is_some_and(|identity| seen.insert(identity)) {
                continue;
            }
            match object.kind {
                ObjectKind::Group => {
                    open.extend(survey.members(&object)?.into_iter().map(|(_, member)| member));
                }
                ObjectKind::Dataset => {
                    let Ok(dataset) = survey.dataset(&object) else { continue };
                    match dataset.layout {
                        Layout::Contiguous { address: Some(address), nbytes } => {
                            found.push(address..address.saturating_add(nbytes as u64));
                        }
                        Layout::Chunked { .. } => {
                            let stored = dataset.chunk_index()?.stored();
                            let extent =
                                |address: u64, nbytes: usize| address..address.saturating_add(nbytes as u64);
                            found.extend(stored.map(|(_, chunk)| extent(chunk.address, chunk.nbytes)));
                        }
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        found.sort_by_key(|range| range.start);
        // Neighbours become one: a file may have a million chunks.
        let mut joined: Vec<Range<u64>> = Vec::new();
        for range in found {
            match joined.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => joined.push(range),
            }
        }
        Ok(joined)
    }
}
