//! `brickwork copy`.

use std::time::Instant;

use brickwork::Output;
use brickwork_core::{Error, format_bytes};
use brickwork_io::{Description, Format, GroupAttributes, Location, SinkOptions};
use brickwork_ops::Array;

use crate::args::CopyArgs;
use crate::eval::run;
use crate::report::{CommandResult, Failure, print};
use crate::session::{chunk_spec, scheduler};
use crate::signals::cancel_on_interrupt;
use crate::watch::Watch;

/// An array that is copied.
#[derive(Debug)]
struct Copied {
    array: Array,
    target: String,
    options: SinkOptions,
}

/// Copies an array, or all arrays of a group, and says what it did.
///
/// # Errors
/// If there is nothing to copy, the target cannot be written, or no plan fits the memory.
pub fn copy(args: &CopyArgs) -> CommandResult {
    let start = Instant::now();
    let given = SinkOptions {
        overwrite: args.overwrite,
        in_place: args.in_place,
        resume: args.resume,
        chunks: args.chunks.as_deref().map(|text| chunk_spec(text, "--chunks")).transpose()?,
        shards: args.shards.as_deref().map(|text| chunk_spec(text, "--shards")).transpose()?,
        codec: args.codec.clone(),
        ..SinkOptions::default()
    };
    let description = brickwork_io::describe(stored(&args.source))?;
    let mut groups = Vec::new();
    let copied = match description.shape {
        Some(_) => vec![single(&args.source, &args.target, &description, &given)?],
        None => whole_group(args, &given, &mut groups)?,
    };
    let outputs: Vec<Output<'_>> = copied
        .iter()
        .map(|one| Output { options: one.options.clone(), ..Output::new(&one.array, &one.target) })
        .collect();
    let requests = brickwork::requests_in(&outputs, &groups)?;
    let cancel = cancel_on_interrupt();
    let watch = Watch::start(&args.watch, cancel.clone())?;
    let scheduler = scheduler(&args.run, cancel, watch.observers())?;
    let result = run(&requests, &*scheduler, &watch, args.format)
        .and_then(|_| print(&summary(args, &copied, start.elapsed().as_secs_f64())));
    watch.finish(result, args.format)
}

fn single(
    source: &str,
    target: &str,
    description: &Description,
    given: &SinkOptions,
) -> CommandResult<Copied> {
    let array = brickwork::open(source)?;
    let mut options = SinkOptions {
        overwrite: given.overwrite,
        in_place: given.in_place,
        resume: given.resume,
        chunks: given.chunks.clone(),
        shards: given.shards.clone(),
        codec: given.codec.clone(),
        ..SinkOptions::like(description, format_of(target)?)
    };
    if stored(source) != source {
        // What has been decoded must not be decoded again.
        options.fill_value = None;
        if let Some(attributes) = &mut options.attributes {
            brickwork::CF_ATTRIBUTES.iter().for_each(|name| drop(attributes.remove(*name)));
        }
    }
    Ok(Copied { array, target: target.to_owned(), options })
}

/// Every array of a group, at the same path below the target.
fn whole_group(
    args: &CopyArgs,
    given: &SinkOptions,
    groups: &mut Vec<GroupAttributes>,
) -> CommandResult<Vec<Copied>> {
    let mut copied = Vec::new();
    let mut open = vec![String::new()];
    while let Some(path) = open.pop() {
        let source = below(&args.source, &path);
        let description = brickwork_io::describe(stored(&source))?;
        if description.shape.is_some() {
            if brickwork_io::is_dimension_only(stored(&source))? {
                continue;
            }
            copied.push(single(&source, &below(&args.target, &path), &description, given)?);
            continue;
        }
        if !description.attributes.is_empty() {
            groups.push(GroupAttributes {
                uri: below(&args.target, &path),
                attributes: description.attributes_for(format_of(&args.target)?),
                attribute_dtypes: description.attribute_dtypes.clone(),
            });
        }
        let slash = if path.is_empty() { "" } else { "/" };
        open.extend(
            description
                .children
                .iter()
                .rev()
                .map(|name| format!("{path}{slash}{}", name.trim_end_matches('/'))),
        );
    }
    if copied.is_empty() {
        return Err(Failure::usage(format!(
            "{} is a group without arrays: there is nothing to copy",
            args.source
        )));
    }
    Ok(copied)
}

/// The URI of what is stored, whether it is to be decoded or not.
fn stored(uri: &str) -> &str {
    brickwork::cf_uri(uri).unwrap_or(uri)
}

fn format_of(uri: &str) -> CommandResult<Format> {
    Ok(Location::parse(uri).map_err(Error::from)?.format)
}

/// The URI of what lies at a path below a URI.
fn below(uri: &str, path: &str) -> String {
    if path.is_empty() {
        return uri.to_owned();
    }
    match uri.split_once('#') {
        Some((place, inner)) => format!("{place}#{}/{path}", inner.trim_end_matches('/')),
        None => format!("{uri}#/{path}"),
    }
}

fn summary(args: &CopyArgs, copied: &[Copied], seconds: f64) -> String {
    let nbytes: usize = copied.iter().map(|one| one.array.meta().nbytes()).sum();
    let what = match copied {
        [one] => {
            let lens: Vec<String> = one.array.shape().iter().map(ToString::to_string).collect();
            let comma = if lens.len() == 1 { "," } else { "" };
            format!("{} ({}{comma})", one.array.dtype(), lens.join(", "))
        }
        many => format!("{} arrays", many.len()),
    };
    format!("copied {} to {}: {what}, {} in {seconds:.1} s", args.source, args.target, format_bytes(nbytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_go_below_uris() {
        assert_eq!(below("x.zarr", ""), "x.zarr");
        assert_eq!(below("x.zarr", "a/b"), "x.zarr#/a/b");
        assert_eq!(below("x.h5#/g/", "a"), "x.h5#/g/a");
        assert_eq!(below("x.h5#", "a"), "x.h5#/a");
    }
}
