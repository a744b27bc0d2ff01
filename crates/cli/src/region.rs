//! `--region`: the text between the brackets of `x[…]`.

use brickwork_ops::Index;

use crate::report::{CommandResult, Failure};

/// Reads NumPy's slice text: integers, `start:stop:step` and `...`, separated by commas.
///
/// # Errors
/// If an item is none of these.
pub fn parse(text: &str) -> CommandResult<Vec<Index>> {
    let inner = text.trim();
    let inner = inner.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(inner);
    let inner = inner.trim().strip_suffix(',').unwrap_or(inner);
    inner
        .split(',')
        .map(|item| {
            parse_item(item.trim()).ok_or_else(|| {
                Failure::usage(format!(
                    "--region {text:?}: {:?} is no index\nhelp: write what stands between the brackets of x[…], such \
                     as '0:5, ::2' or '3, ...'",
                    item.trim()
                ))
            })
        })
        .collect()
}

fn parse_item(item: &str) -> Option<Index> {
    if item == "..." || item == "Ellipsis" {
        return Some(Index::Ellipsis);
    }
    let number = |text: &str| match text.trim() {
        "" | "None" => Some(None),
        text => text.replace('_', "").parse::<isize>().ok().map(Some),
    };
    let parts: Vec<&str> = item.split(':').collect();
    match parts.as_slice() {
        [index] => number(index)?.map(Index::At),
        [start, stop] => Some(Index::Range { start: number(start)?, stop: number(stop)?, step: 1 }),
        [start, stop, step] => {
            let step = number(step)?.unwrap_or(1);
            Some(Index::Range { start: number(start)?, stop: number(stop)?, step })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_read_as_numpy_writes_them() {
        let read = |text: &str| {
            let items: Vec<String> = parse(text).unwrap().iter().map(ToString::to_string).collect();
            items.join(", ")
        };
        assert_eq!(read("0:5, ::2"), "0:5, ::2");
        assert_eq!(read("[ -3:, ..., 1_000 ]"), "-3:, ..., 1000");
        assert_eq!(read(":"), ":");
        assert_eq!(read("::-1,"), "::-1");
        assert_eq!(read("None:4:None"), ":4");
        for wrong in ["", "a", "1:2:3:4", "None", "1.5", "0:5,,2", "[1"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
