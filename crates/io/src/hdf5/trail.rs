//! The way along links into other files, to the file that an object is in.

use std::path::Path;

use super::format::Problem as FormatProblem;
use super::search::{self, Prefixes, canonical};
use crate::error::{IoError, Problem, Result};
use crate::uri::Location;

/// How many links into other files are followed one after another: as many as by the HDF5 library.
const MAX_LINKS: usize = 16;

/// The places that a location leads to, each by a link in the one before it.
#[derive(Debug)]
pub(super) struct Trail {
    /// All with the URI of the first.
    places: Vec<Location>,
}

/// Does something at a location or, where its path leads into another file, there.
///
/// # Errors
/// If it fails, with the place where it did; or if the file that a link leads to is not there, or the links have no end.
pub(super) fn follow<T>(location: &Location, mut at: impl FnMut(&Location) -> Result<T>) -> Result<T> {
    let mut trail = Trail::from(location);
    loop {
        match at(trail.place()) {
            Ok(found) => return Ok(found),
            Err(error) => trail.go_on(error)?,
        }
    }
}

impl Trail {
    /// Nothing is followed yet.
    pub fn from(location: &Location) -> Self {
        Trail { places: vec![location.clone()] }
    }

    /// Where it has come to.
    pub fn place(&self) -> &Location {
        &self.places[self.places.len() - 1]
    }

    /// Whether it has come into another file.
    pub fn is_elsewhere(&self) -> bool {
        self.places.len() > 1
    }

    /// Goes on to another file, if that is what an error at this place is about.
    ///
    /// # Errors
    /// Any other error, with this place; if the file is not there; if the links have no end.
    pub fn go_on(&mut self, error: IoError) -> Result<()> {
        let place = self.place();
        let (file, path) = match error.problem {
            // What is beside a remote file is not looked for.
            Problem::Hdf5 { problem: FormatProblem::Elsewhere { file, path }, .. } if place.url.is_none() => {
                (file, path)
            }
            problem => return Err(self.named(problem.at(error.uri))),
        };
        let found = search::find(Path::new(&place.absolute_path()), &file, Prefixes::Links);
        let found = found.map_err(|looked| {
            let looked = looked.iter().map(|place| place.display().to_string()).collect();
            self.named(Problem::NoLinkedFile { file, path: path.clone(), looked }.at(&place.uri))
        })?;
        let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty() && *name != ".").collect();
        let next = Location { path: found, inner: names.join("/"), ..place.clone() };
        let is_next =
            |place: &Location| place.inner == next.inner && canonical(&place.path) == canonical(&next.path);
        if let Some(start) = self.places.iter().position(is_next) {
            let circle = self.places[start..].iter().chain([&next]).map(text).collect();
            return Err(Problem::LinkCircle { circle }.at(&place.uri));
        }
        if self.places.len() > MAX_LINKS {
            return Err(Problem::TooManyLinkedFiles { limit: MAX_LINKS }.at(&place.uri));
        }
        self.places.push(next);
        Ok(())
    }

    /// An error that says which place it is about, if that is not the one that was asked for.
    pub fn named(&self, error: IoError) -> IoError {
        if !self.is_elsewhere() {
            return error;
        }
        error.problem.at(format!("{} (a link to {})", error.uri, text(self.place())))
    }
}

fn text(place: &Location) -> String {
    format!("{}#/{}", place.absolute_path(), place.inner)
}

#[cfg(all(test, feature = "hdf5-write"))]
#[path = "trail_tests.rs"]
mod tests;
