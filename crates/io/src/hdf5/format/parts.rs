//! The list of what a virtual dataset is made of: datasets, mostly in other files, and which of their elements go where.

use std::collections::HashSet;

use super::cursor::Cursor;
use super::error::{Outcome, corrupt, unsupported};

const WHAT: &str = "list of a virtual dataset's parts";

/// A dataset that a virtual one takes elements from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Part {
    /// Its file, as the list names it: `.` is the file of the virtual dataset. `%b` stands for numbers from 0 on.
    pub file: String,
    /// Its path in that file, with `%b` as well.
    pub dataset: String,
}

/// Parses a list, without the checksum at its end: each dataset once.
pub(super) fn parse(mut cursor: Cursor<'_>) -> Outcome<Vec<Part>> {
    match cursor.u8()? {
        0 => {}
        other => return Err(unsupported(format!("{WHAT} of version {other}"), "version 0 can")),
    }
    let mut parts = HashSet::new();
    for _ in 0..cursor.length()? {
        let part = Part { file: cursor.text_to_nul(), dataset: cursor.text_to_nul() };
        // Those of the source, and those of the dataset itself.
        skip_selection(&mut cursor)?;
        skip_selection(&mut cursor)?;
        parts.insert(part);
    }
    let mut parts: Vec<Part> = parts.into_iter().collect();
    parts.sort();
    Ok(parts)
}

/// Goes over a selection of elements.
fn skip_selection(cursor: &mut Cursor<'_>) -> Outcome<()> {
    let (kind, version) = (cursor.u32()?, cursor.u32()?);
    match (kind, version) {
        // None, points, boxes, all: what follows is as long as is said.
        (0..=3, 1) => {
            cursor.skip(4)?;
            let nbytes = cursor.u32()? as usize;
            cursor.skip(nbytes)
        }
        (1, 2) => {
            let width = usize::from(cursor.u8()?);
            let rank = u64::from(cursor.u32()?);
            let count = cursor.uint(width)?;
            skip_numbers(cursor, count.saturating_mul(rank), width)
        }
        (2, 2) => {
            cursor.skip(1)?;
            let nbytes = cursor.u32()? as usize;
            cursor.skip(nbytes)
        }
        (2, 3) => {
            let is_regular = cursor.u8()? & 1 != 0;
            let width = usize::from(cursor.u8()?);
            let rank = u64::from(cursor.u32()?);
            // Start, step, count and block of every axis; or the two corners of every box.
            let numbers = match is_regular {
                true => 4 * rank,
                false => cursor.uint(width)?.saturating_mul(2 * rank),
            };
            skip_numbers(cursor, numbers, width)
        }
        _ => Err(corrupt(WHAT, format!("there is no selection of kind {kind} and version {version}"))),
    }
}

fn skip_numbers(cursor: &mut Cursor<'_>, count: u64, width: usize) -> Outcome<()> {
    cursor.skip(usize::try_from(count).unwrap_or(usize::MAX).saturating_mul(width))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selections_of_every_kind_are_gone_over() {
        let number = |value: u32| value.to_le_bytes().to_vec();
        let all = [number(3), number(1), number(0), number(0)].concat();
        let selections = [
            all.clone(),
            [number(0), number(1), number(0), number(0)].concat(),
            // One point of two axes.
            [number(1), number(1), number(0), number(16), vec![7; 16]].concat(),
            [number(1), number(2), vec![4], number(2), number(1), vec![7; 8]].concat(),
            // A regular one of one axis, with numbers of 8 bytes, and of 2.
            [number(2), number(2), vec![1], number(36), number(1), vec![7; 32]].concat(),
            [number(2), number(3), vec![1, 2], number(1), vec![7; 8]].concat(),
            // Two boxes of one axis.
            [number(2), number(3), vec![0, 2], number(1), vec![2, 0], vec![7; 8]].concat(),
            [number(2), number(1), number(0), number(24), number(1), number(2), vec![7; 16]].concat(),
        ];
        for selection in selections {
            let list =
                [&[0, 2, 0, 0, 0, 0, 0, 0, 0], &b"a.h5\0/x\0"[..], &selection, &all, b".\0y\0", &all, &all]
                    .concat();
            let parts = parse(Cursor::new(WHAT, &list, 8, 8)).unwrap();
            let names: Vec<(&str, &str)> =
                parts.iter().map(|part| (part.file.as_str(), part.dataset.as_str())).collect();
            assert_eq!(names, [(".", "y"), ("a.h5", "/x")], "{selection:?}");
            for len in 0..list.len() {
                assert!(parse(Cursor::new(WHAT, &list[..len], 8, 8)).is_err(), "{len} of {selection:?}");
            }
        }
    }
}
