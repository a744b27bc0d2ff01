//! A chunk grid drawn with letters: the last two axes of it, long ones cut short in the middle.

/// The most cells drawn along an axis; of more, the first ones and the last.
const MOST_ROWS: usize = 6;
const MOST_COLUMNS: usize = 12;

/// What is drawn along an axis: cells, and whether some are left out before the last.
struct Cells {
    drawn: usize,
    cut: bool,
}

impl Cells {
    fn of(count: usize, most: usize) -> Self {
        if count > most {
            Cells { drawn: most - 1, cut: true }
        } else {
            Cells { drawn: count.max(1), cut: false }
        }
    }
}

/// Draws the grid that chunks make of a shape; nothing for an array without axes. `counts` are chunks along every axis.
pub fn sketch(counts: &[usize]) -> Vec<String> {
    let Some((&columns, before)) = counts.split_last() else { return Vec::new() };
    let rows = before.last().copied().unwrap_or(1);
    let (rows, columns) = (Cells::of(rows, MOST_ROWS), Cells::of(columns, MOST_COLUMNS));
    let line = |left: char, cell: &str, between: char, gap: &str, right: char| {
        // The last cell of a cut axis stands behind the gap.
        let shown = if columns.cut { columns.drawn - 1 } else { columns.drawn };
        let mut text = String::from(left);
        let cells = vec![cell; shown];
        text.push_str(&cells.join(&between.to_string()));
        if columns.cut {
            text.push_str(&format!("{between}{gap}{between}{cell}"));
        }
        text.push(right);
        text
    };
    let body = line('│', "   ", '│', " … ", '│');
    let inner = line('├', "───", '┼', " … ", '┤');
    let mut lines = vec![line('┌', "───", '┬', " … ", '┐')];
    for row in 0..rows.drawn {
        if row > 0 {
            lines.push(inner.clone());
        }
        if rows.cut && row + 1 == rows.drawn {
            lines.push(line(' ', " ⋮ ", ' ', "   ", ' ').trim_end().to_owned());
            lines.push(inner.clone());
        }
        lines.push(body.clone());
    }
    lines.push(line('└', "───", '┴', " … ", '┘'));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(counts: &[usize]) -> String {
        sketch(counts).join("\n")
    }

    #[test]
    fn small_grids_are_drawn_whole() {
        assert_eq!(text(&[]), "");
        assert_eq!(text(&[2]), "┌───┬───┐\n│   │   │\n└───┴───┘");
        assert_eq!(text(&[9, 2, 1]), "┌───┐\n│   │\n├───┤\n│   │\n└───┘");
    }

    #[test]
    fn long_axes_are_cut() {
        let lines = sketch(&[1000, 1000]);
        assert!(lines.len() <= 2 * MOST_ROWS + 2, "{}", lines.len());
        let length = |line: &String| line.chars().count();
        assert!(lines.iter().all(|line| length(line) <= 4 * MOST_COLUMNS + 5));
        assert!(lines[0].ends_with("┬ … ┬───┐"), "{}", lines[0]);
        assert!(lines.iter().any(|line| line.contains('⋮')));
    }
}
