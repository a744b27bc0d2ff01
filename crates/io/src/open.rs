//! From a URI to a source, a sink or a description, whatever the format.

use std::sync::Arc;

use brickwork_core::{Operation, Region, Result, Sink};

use crate::describe::{Description, Tree};
use crate::error::Problem;
use crate::options::{GroupAttributes, SinkOptions};
use crate::uri::{Format, Location};

/// Opens the array at a URI for reading: reads its metadata, none of its elements.
///
/// The operation is a source; give it to `Array::apply` by way of `Node::shared`.
///
/// # Errors
/// If there is nothing, or no array, or one of a dtype or layout that is not read; the message says which.
pub fn open(uri: &str) -> Result<Arc<dyn Operation>> {
    let location = Location::parse(uri)?;
    match location.format {
        #[cfg(feature = "npy")]
        Format::Npy => Ok(Arc::new(crate::npy::open(&location)?)),
        #[cfg(feature = "npy")]
        Format::Npz => Ok(crate::npy::npz::open(&location)?),
        #[cfg(feature = "npy")]
        Format::Raw => Ok(Arc::new(crate::npy::raw::open(&location)?)),
        #[cfg(feature = "zarr")]
        Format::Zarr => Ok(Arc::new(crate::zarr::open(&location)?)),
        #[cfg(feature = "hdf5")]
        Format::Hdf5 => Ok(crate::hdf5::open(&location)?),
        #[allow(unreachable_patterns, reason = "reached without some feature")]
        format => Err(missing(format, false).at(uri).into()),
    }
}

/// Tells what is at a URI: an array or, where a format has them, a group.
///
/// # Errors
/// If there is nothing, or what is there cannot be understood.
pub fn describe(uri: &str) -> Result<Description> {
    let location = Location::parse(uri)?;
    match location.format {
        #[cfg(feature = "npy")]
        Format::Npy => Ok(crate::npy::describe(&location)?),
        #[cfg(feature = "npy")]
        Format::Npz => Ok(crate::npy::npz::describe(&location)?),
        #[cfg(feature = "npy")]
        Format::Raw => Ok(crate::npy::raw::describe(&location)?),
        #[cfg(feature = "zarr")]
        Format::Zarr => Ok(crate::zarr::describe(&location)?),
        #[cfg(feature = "hdf5")]
        Format::Hdf5 => Ok(crate::hdf5::describe(&location)?),
        #[allow(unreachable_patterns, reason = "reached without some feature")]
        format => Err(missing(format, false).at(uri).into()),
    }
}

/// Tells what is at a URI and, if that is a group, of everything below it; reads metadata alone.
///
/// Bytes as stored are told for a single array only. What cannot be understood below a group has a note that says why.
///
/// # Errors
/// If there is nothing, or what is there cannot be understood.
pub fn describe_tree(uri: &str) -> Result<Tree> {
    let location = Location::parse(uri)?;
    match location.format {
        #[cfg(feature = "npy")]
        Format::Npy => Ok(Tree::leaf(crate::npy::describe(&location)?)),
        #[cfg(feature = "npy")]
        Format::Npz => Ok(crate::npy::npz::describe_tree(&location)?),
        #[cfg(feature = "npy")]
        Format::Raw => Ok(Tree::leaf(crate::npy::raw::describe(&location)?)),
        #[cfg(feature = "zarr")]
        Format::Zarr => Ok(crate::zarr::describe_tree(&location)?),
        #[cfg(feature = "hdf5")]
        Format::Hdf5 => Ok(crate::hdf5::describe_tree(&location)?),
        #[allow(unreachable_patterns, reason = "reached without some feature")]
        format => Err(missing(format, false).at(uri).into()),
    }
}

/// Whether what is at a URI only stands for a dimension of netCDF, and holds no values.
///
/// # Errors
/// If there is nothing, or what is there cannot be understood.
pub fn is_dimension_only(uri: &str) -> Result<bool> {
    let location = Location::parse(uri)?;
    match location.format {
        #[cfg(feature = "hdf5")]
        Format::Hdf5 => Ok(crate::hdf5::is_dimension_only(&location)?),
        _ => Ok(false),
    }
}

/// Makes a sink that writes an array to a URI. Touches nothing before [`Sink::create`].
///
/// # Errors
/// If the URI or an option makes no sense, or the build lacks the format.
pub fn create(uri: &str, options: &SinkOptions) -> Result<Box<dyn Sink>> {
    create_all(&[(uri, options)])?
        .pop()
        .ok_or_else(|| Problem::Misuse { reason: "no sink".into() }.at(uri).into())
}

/// Makes the sinks of one run. Those that write to one HDF5 file write it together: it is published by the last of
/// them that is committed, and by none if one is aborted.
///
/// # Errors
/// As [`create`], and if two of them are in each other's way.
pub fn create_all(outputs: &[(&str, &SinkOptions)]) -> Result<Vec<Box<dyn Sink>>> {
    create_all_in(outputs, &[])
}

/// [`create_all`], with attributes for groups that hold the arrays; they are written when the arrays are published.
///
/// # Errors
/// As [`create_all`].
#[cfg_attr(
    not(any(feature = "zarr", feature = "hdf5-write")),
    allow(unused_variables, reason = "no other format has groups")
)]
pub fn create_all_in(
    outputs: &[(&str, &SinkOptions)],
    groups: &[GroupAttributes],
) -> Result<Vec<Box<dyn Sink>>> {
    let mut locations: Vec<(Location, &SinkOptions)> = Vec::with_capacity(outputs.len());
    for &(uri, options) in outputs {
        let location = Location::parse(uri)?;
        check_together(&location, options, &locations).map_err(|problem| problem.at(uri))?;
        locations.push((location, options));
    }
    #[cfg(feature = "hdf5-write")]
    let mut files: Vec<Arc<crate::hdf5::SharedFile>> = Vec::new();
    let mut sinks: Vec<Box<dyn Sink>> = Vec::with_capacity(outputs.len());
    for (location, options) in locations {
        check_written(&location).map_err(|problem| problem.at(&location.uri))?;
        check_in_place(&location, options).map_err(|problem| problem.at(&location.uri))?;
        let sink: Result<Box<dyn Sink>> = match (location.format, &options.region) {
            #[cfg(all(feature = "zarr", feature = "cloud"))]
            (Format::Zarr, None) if location.url.is_some() => {
                Ok(Box::new(crate::zarr::ZarrObjectSink::of(location, options, groups)?))
            }
            #[cfg(feature = "npy")]
            (Format::Npy, None) => Ok(Box::new(crate::npy::NpySink::of(location, options)?)),
            #[cfg(feature = "npy")]
            (Format::Npy, Some(region)) => {
                Ok(Box::new(crate::npy::NpyRegionSink::new(location, region, options)?))
            }
            #[cfg(feature = "zarr")]
            (Format::Zarr, None) => {
                Ok(Box::new(crate::zarr::ZarrSink::of(location, options)?.in_groups(groups)?))
            }
            #[cfg(feature = "zarr")]
            (Format::Zarr, Some(region)) => {
                Ok(Box::new(crate::zarr::ZarrRegionSink::new(location, region, options)?))
            }
            #[cfg(feature = "hdf5-write")]
            (Format::Hdf5, region) => {
                let same = files.iter().find(|file| file.is_at(&location.path)).cloned();
                let file = same.unwrap_or_else(|| {
                    files.push(Arc::new(
                        crate::hdf5::SharedFile::new(&location).in_groups(groups).in_place(options.in_place),
                    ));
                    files[files.len() - 1].clone()
                });
                match region {
                    None => Ok(Box::new(crate::hdf5::Hdf5Sink::within(file, location, options)?)),
                    Some(region) => {
                        Ok(Box::new(crate::hdf5::Hdf5RegionSink::within(file, location, region, options)?))
                    }
                }
            }
            #[allow(unreachable_patterns, reason = "reached without some feature")]
            (format, _) => Err(missing(format, true).at(&location.uri).into()),
        };
        sinks.push(sink?);
    }
    Ok(sinks)
}

/// Fails where nothing is written: in zip files, and anywhere but in local files for some formats.
fn check_written(location: &Location) -> Result<(), Problem> {
    let has_extension = |wanted: &str| {
        location.path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(wanted))
    };
    if location.format == Format::Zarr && has_extension("zip") {
        let reason = "is a zip file, which is only read; write to a name that ends in .zarr, and pack it";
        return Err(Problem::Misuse { reason: reason.into() });
    }
    if location.format == Format::Zarr && has_extension("json") {
        let reason = "is a reference file, which is only read; write to a name that ends in .zarr";
        return Err(Problem::Misuse { reason: reason.into() });
    }
    let only_read = match location.format {
        Format::Npz => Some("an .npz file"),
        Format::Raw => Some("a raw binary file"),
        _ => None,
    };
    if let Some(what) = only_read {
        let reason = format!("{what} is only read; write to a name that ends in .npy, .zarr or .h5");
        return Err(Problem::Misuse { reason });
    }
    let Some(url) = location.url.as_deref().filter(|_| location.format != Format::Zarr) else {
        return Ok(());
    };
    let what = if location.format == Format::Npy { "an .npy file" } else { "an HDF5 file" };
    let scheme = url.split("://").next().unwrap_or_default().to_owned();
    let help = "write it to a local path and upload it, or write Zarr";
    Err(Problem::NotWritten { what, scheme, help })
}

/// Fails if something is to be written in place that is not a new dataset in an HDF5 file.
fn check_in_place(location: &Location, options: &SinkOptions) -> Result<(), Problem> {
    let reason = match (location.format, &options.region) {
        _ if !options.in_place => return Ok(()),
        (Format::Hdf5, None) => return Ok(()),
        (Format::Hdf5, Some(_)) => {
            "is written in a copy of its file where a region of it is replaced: in place (in_place), datasets are only \
             added; leave that out"
        }
        _ => {
            "is no HDF5 file: only those are copied unless they are written in place (in_place); leave that out"
        }
    };
    Err(Problem::Misuse { reason: reason.into() })
}

/// Fails if an output is in the way of one before it: the same array twice, overlapping parts of it, or one inside
/// the other.
fn check_together(
    location: &Location,
    options: &SinkOptions,
    others: &[(Location, &SinkOptions)],
) -> Result<(), Problem> {
    let whole = |location: &Location| {
        let path = std::path::PathBuf::from(location.absolute_path());
        match location.format {
            Format::Zarr => path.join(&location.inner),
            _ => path.join(format!("#{}", location.inner)),
        }
    };
    let place = whole(location);
    for (other, other_options) in others {
        let other_place = whole(other);
        if place == other_place {
            match (&options.region, &other_options.region) {
                (Some(a), Some(b)) if a.ndim() == b.ndim() && !overlap(a, b) => continue,
                (Some(_), Some(_)) => {
                    let reason = "is written by two results, and their regions overlap; give regions that share no element";
                    return Err(Problem::Misuse { reason: reason.into() });
                }
                _ => {
                    let reason = "is the output of two results; give each its own";
                    return Err(Problem::Misuse { reason: reason.into() });
                }
            }
        }
        if location.format == Format::Zarr
            && (place.starts_with(&other_place) || other_place.starts_with(&place))
        {
            let reason =
                format!("lies inside another output, or holds it ({}); an array holds no other", other.uri);
            return Err(Problem::Misuse { reason });
        }
    }
    Ok(())
}

/// Whether two boxes of rising steps share an element.
fn overlap(a: &Region, b: &Region) -> bool {
    a.axes().iter().zip(b.axes()).all(|(a, b)| {
        let (short, long) = if a.len <= b.len { (a, b) } else { (b, a) };
        let (low, high) = long.bounds();
        let (first, count) = short.positions_between(low, high);
        (first..first + count).any(|i| long.position(short.get(i)).is_some())
    })
}

fn missing(format: Format, writing: bool) -> Problem {
    match (format, writing) {
        (Format::Npy | Format::Npz | Format::Raw, _) => Problem::Feature { format: "npy", feature: "npy" },
        (Format::Zarr, _) => Problem::Feature { format: "Zarr", feature: "zarr" },
        (Format::Hdf5, false) => Problem::Feature { format: "HDF5", feature: "hdf5" },
        (Format::Hdf5, true) => Problem::Feature { format: "writing of HDF5", feature: "hdf5-write" },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use brickwork_core::AxisRange;

    #[test]
    fn boxes_overlap_if_they_share_an_element() {
        let range = |start, len, step| AxisRange::stepped(start, len, step);
        let boxes = |a: AxisRange, b: AxisRange| overlap(&Region::new(vec![a]), &Region::new(vec![b]));
        assert!(!boxes(range(0, 5, 2), range(1, 5, 2)));
        assert!(boxes(range(0, 5, 2), range(2, 5, 3)));
        assert!(!boxes(range(0, 5, 1), range(5, 5, 1)));
        assert!(boxes(range(0, 6, 1), range(5, 5, 1)));
    }

    #[test]
    fn outputs_in_each_others_way_are_refused() {
        let refuse = |a: &str, b: &str, expected: &str| {
            let options = SinkOptions::default();
            let error = create_all(&[(a, &options), (b, &options)]).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        if cfg!(feature = "npy") {
            refuse("x.npy", "./x.npy", "the output of two results");
        }
        if cfg!(feature = "zarr") {
            refuse("x.zarr", "x.zarr#/a", "lies inside another output");
            refuse("x.zarr#/a/b", "x.zarr#/a", "lies inside another output");
        }
        if cfg!(feature = "hdf5-write") {
            refuse("x.h5#/a", "x.h5#a/", "the output of two results");
        }
    }
}
