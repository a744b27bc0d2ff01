//! Where arrays are: `day.hdf5#/t2m`, `zarr:cube#/temperature`, `file:///data/x.npy`, `s3://bucket/x.zarr#/t`.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::{Problem, Result};

/// How an array is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// NumPy's `.npy`.
    Npy,
    /// NumPy's `.npz`: several `.npy` in a zip file. Only read.
    Npz,
    /// Elements one after the other in a file; what stands after `#` says of which shape and dtype. Only read.
    Raw,
    /// Zarr: a directory, a zip file, what a reference file (`.json`) leads to, or what is below a place in an object
    /// store.
    Zarr,
    /// HDF5, and so netCDF-4.
    Hdf5,
}

/// Schemes of object stores and web servers.
const REMOTE_SCHEMES: [&str; 8] = ["s3", "gs", "az", "abfs", "abfss", "http", "https", "memory"];

/// Whether a text is an address in an object store or on a web server, rather than a path.
pub(crate) fn is_url(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| REMOTE_SCHEMES.contains(&scheme))
}

/// A place: a local path or an address, the part inside a container, and the format.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Location {
    /// The text it was read from.
    pub uri: String,
    /// The file or directory; empty if it is not local.
    pub path: PathBuf,
    /// The address, if the place is in an object store or on a web server.
    pub url: Option<String>,
    /// The array's name inside the container, without leading or trailing `/`; empty for its root.
    pub inner: String,
    /// How it is stored.
    pub format: Format,
}

impl Location {
    /// Reads a URI: a path, `file://…` or the address of something in an object store (`s3:// gs:// az:// abfs://
    /// memory://`) or on a web server (`http:// https://`), then `#` and the part inside. The extension tells the format
    /// (`.h5 .hdf5 .nc`, `.zarr .zip .json`, `.npy`, `.npz`), or a prefix does (`hdf5:`, `zarr:`, `npy:`, `npz:`, and
    /// `raw:` for elements without a header: `raw:data.bin#shape=100x200,dtype=float32,order=C,offset=0`).
    ///
    /// # Errors
    /// If the scheme is not known or the build has no feature for it, the format cannot be told, or the part inside makes
    /// no sense.
    pub fn parse(uri: &str) -> Result<Self> {
        let fail = |problem: Problem| Err(problem.at(uri));
        let (format, rest) = Format::split_prefix(uri);
        let (place, inner) = match rest.split_once('#') {
            Some((place, inner)) => (place, Some(inner)),
            None => (rest, None),
        };
        let (path, url) = match place.split_once("://") {
            Some(("file", path)) => (local_path(path), None),
            Some((scheme, _)) if !is_url(place) => {
                let reason = format!(
                    "unknown scheme {scheme:?}; use a path, file://, s3://, gs://, az://, http:// or https://"
                );
                return fail(Problem::Uri { reason });
            }
            Some((scheme, _)) if cfg!(not(feature = "cloud")) => {
                return fail(Problem::Scheme { scheme: scheme.to_owned() });
            }
            Some(_) => (String::new(), Some(place.trim_end_matches('/').to_owned())),
            None => (place.to_owned(), None),
        };
        if path.is_empty() && url.is_none() {
            return fail(Problem::Uri { reason: "there is no path; write for example day.hdf5#/t2m".into() });
        }
        let path = PathBuf::from(path);
        let named = url.as_deref().map(|url| Path::new(url.split('?').next().unwrap_or(url)));
        let Some(format) = format.or_else(|| format_of(named.unwrap_or(&path))) else {
            let reason = "cannot tell the format; use an extension (.h5 .hdf5 .nc .zarr .zip .json .npy .npz) or a \
                          prefix (hdf5: zarr: npy: npz: raw:)";
            return fail(Problem::Uri { reason: reason.into() });
        };
        let parts: Vec<&str> = inner.unwrap_or("").split('/').filter(|part| !part.is_empty()).collect();
        if parts.iter().any(|part| *part == "." || *part == "..") {
            return fail(Problem::Uri {
                reason: "'.' and '..' mean nothing after '#'; name the array".into(),
            });
        }
        if format == Format::Raw {
            let inner = inner.unwrap_or("").to_owned();
            return Ok(Location { uri: uri.to_owned(), path, url, inner, format });
        }
        if format == Format::Npy && !parts.is_empty() {
            let reason = "an .npy file holds one array; leave out '#' and what follows".into();
            return fail(Problem::Uri { reason });
        }
        Ok(Location { uri: uri.to_owned(), path, url, inner: parts.join("/"), format })
    }

    /// The directory that the file or store lies in, if it is on this machine.
    #[cfg(any(feature = "hdf5-write", feature = "zarr", feature = "npy"))]
    pub(crate) fn directory(&self) -> Option<PathBuf> {
        if self.url.is_some() {
            return None;
        }
        self.path.parent().map(std::path::Path::to_path_buf)
    }

    /// The address, or the path from the root of the file system, so that it means the same in every process.
    pub fn absolute_path(&self) -> String {
        if let Some(url) = &self.url {
            return url.clone();
        }
        let path = std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone());
        // Made of a `str` and the current directory; what is not Unicode there is kept as well as it can be.
        path.to_string_lossy().into_owned()
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.uri)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Npy => "npy",
            Format::Npz => "npz",
            Format::Raw => "raw",
            Format::Zarr => "zarr",
            Format::Hdf5 => "hdf5",
        })
    }
}

impl Format {
    /// The format that a prefix of a URI names, if there is one, and the rest of the URI: `zarr:x` is Zarr at `x`.
    pub fn split_prefix(uri: &str) -> (Option<Format>, &str) {
        let prefixes = [
            ("npy:", Format::Npy),
            ("npz:", Format::Npz),
            ("raw:", Format::Raw),
            ("zarr:", Format::Zarr),
            ("hdf5:", Format::Hdf5),
        ];
        for (prefix, format) in prefixes {
            if let Some(rest) = uri.strip_prefix(prefix)
                && !rest.starts_with("//")
            {
                return (Some(format), rest);
            }
        }
        (None, uri)
    }
}

/// `file:///a/b` and `file://localhost/a/b` are absolute, `file://a/b` is taken as relative.
fn local_path(path: &str) -> String {
    match path.strip_prefix("localhost/") {
        Some(rest) => format!("/{rest}"),
        None => path.to_owned(),
    }
}

fn format_of(path: &Path) -> Option<Format> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    match extension.as_str() {
        "npy" => Some(Format::Npy),
        "npz" => Some(Format::Npz),
        "zarr" | "zip" | "json" => Some(Format::Zarr),
        "h5" | "hdf5" | "nc" | "nc4" | "he5" => Some(Format::Hdf5),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(uri: &str) -> (String, String, Format) {
        let location = Location::parse(uri).unwrap();
        (location.path.display().to_string(), location.inner, location.format)
    }

    #[test]
    fn extensions_and_prefixes_tell_the_format() {
        assert_eq!(parts("day.hdf5#/t2m"), ("day.hdf5".into(), "t2m".into(), Format::Hdf5));
        assert_eq!(parts("a/b.NC#g/x/"), ("a/b.NC".into(), "g/x".into(), Format::Hdf5));
        assert_eq!(parts("zarr:cube#/t"), ("cube".into(), "t".into(), Format::Zarr));
        assert_eq!(parts("file:///d/x.npy"), ("/d/x.npy".into(), String::new(), Format::Npy));
        assert_eq!(parts("cube.zarr/"), ("cube.zarr/".into(), String::new(), Format::Zarr));
        assert_eq!(parts("npy:file:///d/x"), ("/d/x".into(), String::new(), Format::Npy));
    }

    #[cfg(feature = "cloud")]
    #[test]
    fn addresses_are_no_paths() {
        let url = |uri: &str| {
            let location = Location::parse(uri).unwrap();
            assert_eq!(location.path, Path::new(""));
            (location.url.unwrap(), location.inner, location.format)
        };
        assert_eq!(url("s3://b/x.zarr/#/t"), ("s3://b/x.zarr".into(), "t".into(), Format::Zarr));
        assert_eq!(url("zarr:gs://b"), ("gs://b".into(), String::new(), Format::Zarr));
        assert_eq!(
            url("https://h/x.nc?a=.zarr#t"),
            ("https://h/x.nc?a=.zarr".into(), "t".into(), Format::Hdf5)
        );
        assert_eq!(Location::parse("memory://m/x.npy").unwrap().absolute_path(), "memory://m/x.npy");
        assert!(!is_url("/data/s3://x") && !is_url("file:///x"));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_a_way_out() {
        let text = |uri: &str| Location::parse(uri).unwrap_err().to_string();
        if cfg!(not(feature = "cloud")) {
            assert_eq!(
                text("s3://bucket/x.zarr"),
                "s3://bucket/x.zarr: this build reads no s3:// places; build it with feature \"cloud\", or use a local path"
            );
        }
        assert!(text("ftp://x.npy").contains("unknown scheme \"ftp\""));
        assert!(text("data.bin").contains("cannot tell the format"));
        assert!(text("#/t").contains("there is no path"));
        assert!(text("x.npy#/a").contains("holds one array"));
        assert!(text("x.zarr#/../../etc").contains("'..'"));
    }
}
