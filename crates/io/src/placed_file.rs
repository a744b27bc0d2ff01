//! Files by their place: a path or an address.

use std::fs;
use std::path::Path;
use std::sync::Arc;

#[cfg(feature = "cloud")]
use crate::cloud::RemoteObject;
use crate::error::Problem;
use crate::handles::FileStamp;
use crate::read_at::{LocalFile, ReadAt};
use crate::uri::is_url;

/// Opens a file for reading by position. `expected` says in messages what should be there.
pub(crate) fn open_file(
    place: &str,
    expected: &'static str,
) -> Result<(Arc<dyn ReadAt>, FileStamp), Problem> {
    if is_url(place) {
        return open_url(place);
    }
    let failed = |error| Problem::os("open the file", error);
    // Looked at first: opening a pipe waits for whoever writes to it.
    let found = fs::metadata(Path::new(place)).map_err(failed)?;
    if found.is_dir() {
        return Err(Problem::IsDirectory { expected });
    }
    if !found.is_file() {
        let reason = format!("is a pipe or a device, not {expected}; write what it gives to a file first");
        return Err(Problem::Misuse { reason });
    }
    let file = fs::File::open(Path::new(place)).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    Ok((Arc::new(LocalFile::from(file, metadata.len())), FileStamp::of(&metadata)))
}

#[cfg(feature = "cloud")]
fn open_url(url: &str) -> Result<(Arc<dyn ReadAt>, FileStamp), Problem> {
    let object = RemoteObject::open(url)?;
    let stamp = object.stamp();
    Ok((Arc::new(object), stamp))
}

#[cfg(not(feature = "cloud"))]
fn open_url(url: &str) -> Result<(Arc<dyn ReadAt>, FileStamp), Problem> {
    Err(Problem::Scheme { scheme: url.split("://").next().unwrap_or_default().to_owned() })
}
