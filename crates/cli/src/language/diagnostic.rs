//! Errors that point into the source text, and how they are shown.

use std::fmt::Write;

use thiserror::Error;

use super::syntax::Span;

/// How many columns of a source line are shown; a longer line is cut around the marked part.
const SHOWN_COLUMNS: usize = 100;

/// Names longer than this get no suggestion.
const LONGEST_COMPARED_NAME: usize = 64;

/// A text that is no program: where, what is wrong, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct SyntaxError {
    /// The part of the source that is wrong.
    pub span: Span,
    /// What is wrong, in one line.
    pub message: String,
    /// What to do about it, in one line.
    pub help: Option<String>,
}

impl SyntaxError {
    /// An error without help.
    pub(super) fn new(span: Span, message: impl Into<String>) -> SyntaxError {
        SyntaxError { span, message: message.into(), help: None }
    }

    /// The same error with a line of help.
    pub(super) fn with_help(mut self, help: impl Into<String>) -> SyntaxError {
        self.help = Some(help.into());
        self
    }

    /// The error as several lines of text, see [`render`].
    pub fn render(&self, source: &str) -> String {
        render(source, self.span, &self.message, self.help.as_deref())
    }
}

/// Shows a message with the source line it is about and a mark below the `span`, then the `help`.
///
/// The line number stands before the line if the source has several. Tabs become four spaces, control characters a
/// replacement character, so that the mark stands where the reader sees the fault and nothing reaches the terminal
/// as a command. Ends without a newline.
pub fn render(source: &str, span: Span, message: &str, help: Option<&str>) -> String {
    let start = floor_char_boundary(source, span.start);
    let end = floor_char_boundary(source, span.end).max(start);
    let line_start = source[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let line_end = source[start..].find('\n').map_or(source.len(), |newline| start + newline);
    let line = source[line_start..line_end].trim_end_matches('\r');

    let marked_from = (start - line_start).min(line.len());
    let marked_to = (end - line_start).clamp(marked_from, line.len());
    let (shown, mark_column, mark_columns) = lay_out(line, marked_from, marked_to);

    let several_lines = source.trim_end().contains('\n');
    let margin = if several_lines {
        let number = source[..line_start].matches('\n').count() + 1;
        format!("{number} | ")
    } else {
        "    ".to_owned()
    };
    let blank_margin = match margin.find('|') {
        Some(bar) => format!("{}| ", " ".repeat(bar)),
        None => margin.clone(),
    };

    let mut text = format!("error: {message}\n{margin}{shown}\n{blank_margin}");
    text.push_str(&" ".repeat(mark_column));
    text.push_str(&"^".repeat(mark_columns.max(1)));
    if let Some(help) = help {
        write!(text, "\nhelp: {help}").expect("writing to a string cannot fail");
    }
    text
}

/// The line as shown, the column of the mark, and its width in columns.
fn lay_out(line: &str, marked_from: usize, marked_to: usize) -> (String, usize, usize) {
    // (byte offset, what is shown for it, its width), one per character
    let cells: Vec<(usize, char, usize)> = line
        .char_indices()
        .map(|(offset, character)| match character {
            '\t' => (offset, ' ', 4),
            _ if character.is_control() || is_direction_mark(character) => (offset, '\u{fffd}', 1),
            _ => (offset, character, char_width(character)),
        })
        .collect();
    let first_marked = cells.partition_point(|cell| cell.0 < marked_from);
    let after_marked = cells.partition_point(|cell| cell.0 < marked_to);

    let mut from = 0;
    let mut to = cells.len();
    if to > SHOWN_COLUMNS {
        from = first_marked.saturating_sub(SHOWN_COLUMNS / 2).min(to - SHOWN_COLUMNS);
        to = from + SHOWN_COLUMNS;
    }
    let mut shown = String::new();
    let mut mark_column = 0;
    let mut mark_columns = 0;
    if from > 0 {
        shown.push('…');
        mark_column += 1;
    }
    for (place, &(_, character, width)) in cells.iter().enumerate().take(to).skip(from) {
        if character == ' ' {
            shown.push_str(&" ".repeat(width));
        } else {
            shown.push(character);
        }
        if place < first_marked {
            mark_column += width;
        } else if place < after_marked {
            mark_columns += width;
        }
    }
    if to < cells.len() {
        shown.push('…');
    }
    (shown, mark_column, mark_columns)
}

/// Characters that reorder the text around them and so could show another program than the one that is read.
fn is_direction_mark(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The columns that a terminal gives a character: 0 for combining marks, 2 for East Asian wide ones and emoji.
fn char_width(character: char) -> usize {
    match u32::from(character) {
        0x0300..=0x036f | 0x200b..=0x200d | 0x20d0..=0x20ff | 0xfe00..=0xfe0f | 0xfeff => 0,
        0x1100..=0x115f | 0x2e80..=0x303e | 0x3041..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff => 2,
        0xfe30..=0xfe6f | 0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1faff | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

/// The last character boundary at or before `place`.
fn floor_char_boundary(source: &str, place: usize) -> usize {
    let mut place = place.min(source.len());
    while !source.is_char_boundary(place) {
        place -= 1;
    }
    place
}

/// The candidate that `name` is most likely a misspelling of: the one with the fewest edits, if they are few.
pub fn nearest_name<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted: Vec<char> = name.to_lowercase().chars().collect();
    if wanted.is_empty() || wanted.len() > LONGEST_COMPARED_NAME {
        return None;
    }
    let allowed = (wanted.len() / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST_COMPARED_NAME && *candidate != name)
        .map(|candidate| {
            (edit_distance(&wanted, &candidate.to_lowercase().chars().collect::<Vec<_>>()), candidate)
        })
        // A short name whose every letter would change is no help.
        .filter(|(distance, _)| *distance <= allowed && *distance < wanted.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and swaps of neighbours that turn one word into the other.
fn edit_distance(left: &[char], right: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for row in 1..=left.len() {
        let mut current = vec![row];
        for column in 1..=right.len() {
            let replaced = last[column - 1] + usize::from(left[row - 1] != right[column - 1]);
            let mut best = replaced.min(last[column] + 1).min(current[column - 1] + 1);
            let swapped = row > 1
                && column > 1
                && left[row - 1] == right[column - 2]
                && left[row - 2] == right[column - 1];
            if swapped {
                best = best.min(before_last[column - 2] + 1);
            }
            current.push(best);
        }
        before_last = std::mem::replace(&mut last, current);
    }
    last[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(source: &str, start: usize, end: usize) -> String {
        render(source, Span::new(start, end), "no", Some("yes"))
    }

    #[test]
    fn one_line_needs_no_number() {
        assert_eq!(shown("x + + y", 4, 5), "error: no\n    x + + y\n        ^\nhelp: yes");
        assert_eq!(shown("x +\n", 3, 3), "error: no\n    x +\n       ^\nhelp: yes");
        assert_eq!(render("", Span::new(0, 0), "empty", None), "error: empty\n    \n    ^");
    }

    #[test]
    fn several_lines_show_the_number() {
        assert_eq!(shown("a = 1\nbb + c\n", 6, 8), "error: no\n2 | bb + c\n  | ^^\nhelp: yes");
    }

    #[test]
    fn a_span_over_several_lines_marks_the_first() {
        assert_eq!(shown("f(a,\n  b)", 1, 9), "error: no\n1 | f(a,\n  |  ^^^\nhelp: yes");
    }

    #[test]
    fn tabs_wide_and_control_characters_keep_the_mark_in_place() {
        assert_eq!(shown("\tx", 1, 2), "error: no\n        x\n        ^\nhelp: yes");
        assert_eq!(shown("'温度' x", 9, 10), "error: no\n    '温度' x\n           ^\nhelp: yes");
        assert_eq!(shown("\u{1b}[31m", 0, 1), "error: no\n    \u{fffd}[31m\n    ^\nhelp: yes");
    }

    #[test]
    fn spans_outside_or_inside_a_character_do_no_harm() {
        assert_eq!(shown("é", 1, 9), "error: no\n    é\n    ^\nhelp: yes");
        assert_eq!(shown("a", 7, 9), "error: no\n    a\n     ^\nhelp: yes");
    }

    #[test]
    fn long_lines_are_cut_around_the_mark() {
        let source = format!("{}?{}", "1+".repeat(5000), "+1".repeat(5000));
        let text = shown(&source, 10_000, 10_001);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].chars().count() <= SHOWN_COLUMNS + 6, "{text}");
        let column = lines[2].find('^').unwrap();
        assert_eq!(lines[1].chars().nth(column), Some('?'));
    }

    #[test]
    fn the_nearest_name_is_suggested() {
        let names = ["mean", "median", "sum", "cumsum", "transpose", "nanmean"];
        let check =
            |name: &str, expected: Option<&str>| assert_eq!(nearest_name(name, names), expected, "{name}");
        check("maen", Some("mean"));
        check("meen", Some("mean"));
        check("trasnpose", Some("transpose"));
        check("Sum", Some("sum"));
        check("cumsun", Some("cumsum"));
        check("fourier", None);
        check("q", None);
        check("", None);
        check(&"x".repeat(100_000), None);
    }
}
