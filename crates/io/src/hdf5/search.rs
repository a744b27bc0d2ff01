//! Where the files are that an HDF5 file names: those of its links into other files, and those that its virtual datasets
//! are made of. They are looked for as the HDF5 library does (`H5F_prefix_open_file`), so that both find the same file.

use std::env;
use std::path::{Path, PathBuf};

/// What names the directories that are searched first.
#[derive(Debug, Clone, Copy)]
pub(super) enum Prefixes {
    /// For links into other files.
    Links,
    /// For virtual datasets.
    #[cfg(feature = "hdf5-write")]
    VirtualDatasets,
}

impl Prefixes {
    fn value(self) -> Option<String> {
        env::var(match self {
            Prefixes::Links => "HDF5_EXT_PREFIX",
            #[cfg(feature = "hdf5-write")]
            Prefixes::VirtualDatasets => "HDF5_VDS_PREFIX",
        })
        .ok()
    }
}

/// The file that is meant by a name in the file at `beside`: the first of those that are tried and there.
///
/// # Errors
/// The places where it was looked for, if there is a file at none of them.
pub(super) fn find(beside: &Path, name: &str, prefixes: Prefixes) -> Result<PathBuf, Vec<PathBuf>> {
    let places = places(beside, name, prefixes.value().as_deref());
    match places.iter().position(|path| path.is_file()) {
        Some(found) => Ok(places[found].clone()),
        None => Err(places),
    }
}

/// A path without symbolic links, if there is something.
pub(super) fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Where a name may lead, the first choice first: `prefixes` are directories with `:` between them, in which `${ORIGIN}`
/// stands for the directory of the file that the name is in.
fn places(beside: &Path, name: &str, prefixes: Option<&str>) -> Vec<PathBuf> {
    let mut places = Vec::new();
    let mut put = |place: PathBuf| {
        if !places.contains(&place) {
            places.push(place);
        }
    };
    let mut relative = Path::new(name);
    if relative.is_absolute() {
        put(relative.to_owned());
        // It may have moved together with the file that names it.
        relative = Path::new(relative.file_name().unwrap_or_default());
    }
    if relative.as_os_str().is_empty() {
        return places;
    }
    let directory = |path: &Path| path.parent().map(Path::to_owned).unwrap_or_default();
    let origin = directory(beside);
    if let Some(prefixes) = prefixes {
        let prefixes = prefixes.replace("${ORIGIN}", &origin.to_string_lossy());
        for prefix in prefixes.split(':').filter(|prefix| !prefix.is_empty()) {
            put(Path::new(prefix).join(relative));
        }
    }
    put(origin.join(relative));
    put(relative.to_owned());
    put(directory(&canonical(beside)).join(relative));
    places
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn texts(beside: &str, name: &str, prefixes: Option<&str>) -> Vec<String> {
        places(Path::new(beside), name, prefixes).iter().map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn places_come_in_the_order_of_the_library() {
        assert_eq!(texts("/d/m.h5", "a.h5", None), ["/d/a.h5", "a.h5"]);
        assert_eq!(texts("/d/m.h5", "sub/a.h5", None), ["/d/sub/a.h5", "sub/a.h5"]);
        assert_eq!(texts("/d/m.h5", "/e/a.h5", None), ["/e/a.h5", "/d/a.h5", "a.h5"]);
        assert_eq!(
            texts("/d/m.h5", "/e/a.h5", Some("/p::${ORIGIN}/q:r")),
            ["/e/a.h5", "/p/a.h5", "/d/q/a.h5", "r/a.h5", "/d/a.h5", "a.h5"]
        );
        assert_eq!(texts("/d/m.h5", "", Some("/p")), [""; 0]);
        assert_eq!(texts("/d/m.h5", "/", Some("/p")), ["/"]);
    }

    #[test]
    fn the_directory_behind_a_symbolic_link_is_searched_last() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        let (real, seen) = (root.join("real"), root.join("seen"));
        fs::create_dir_all(&real).unwrap();
        fs::create_dir_all(&seen).unwrap();
        fs::write(real.join("m.h5"), "").unwrap();
        let beside = seen.join("m.h5");
        std::os::unix::fs::symlink(real.join("m.h5"), &beside).unwrap();
        let looked = find(&beside, "a.h5", Prefixes::Links).unwrap_err();
        assert_eq!(looked, [seen.join("a.h5"), PathBuf::from("a.h5"), real.join("a.h5")]);
        fs::write(real.join("a.h5"), "").unwrap();
        assert_eq!(find(&beside, "a.h5", Prefixes::Links), Ok(real.join("a.h5")));
        fs::write(seen.join("a.h5"), "").unwrap();
        assert_eq!(find(&beside, "a.h5", Prefixes::Links), Ok(seen.join("a.h5")));
        // A directory is no file.
        assert!(find(&beside, "../seen", Prefixes::Links).is_err());
    }
}
