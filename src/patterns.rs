//! Patterns of addresses in object stores.

use brickwork_core::{Error, Result};

/// Whether a place is in a store that can be listed, and has a pattern in it.
pub fn is_store_pattern(place: &str) -> bool {
    let can_list = !place.starts_with("http://") && !place.starts_with("https://");
    can_list && place.split_once("://").is_some_and(|(_, rest)| rest.contains(['*', '?', '[']))
}

/// The addresses that a pattern such as `s3://bucket/2014-*/day.zarr` names, sorted: of objects, and of what has objects
/// below it. A `*` stands for part of one name, never for several.
///
/// # Errors
/// If the pattern is malformed, or the store cannot be listed.
pub fn store_matches(pattern: &str) -> Result<Vec<String>> {
    let (scheme, rest) = pattern.split_once("://").unwrap_or(("", pattern));
    let mut parts = rest.split('/');
    let mut found = vec![format!("{scheme}://{}", parts.next().unwrap_or_default())];
    for part in parts {
        if !part.contains(['*', '?', '[']) {
            found.iter_mut().for_each(|place| *place = format!("{place}/{part}"));
            continue;
        }
        let wanted = glob::Pattern::new(part).map_err(|error| {
            Error::argument("open", format!("{pattern}: the pattern is malformed: {error}"))
        })?;
        let mut longer = Vec::new();
        for place in found {
            let names = brickwork_io::cloud::names(&place)?;
            longer.extend(
                names.iter().filter(|name| wanted.matches(name)).map(|name| format!("{place}/{name}")),
            );
        }
        found = longer;
    }
    found.sort();
    Ok(found)
}
