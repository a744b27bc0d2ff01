//! Aligned tables of text.

/// A table: the first row names the columns, all cells are aligned to the right but those of the first column. Columns
/// whose cells below the name are all empty or `-` are left out.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let says = |cell: &str| !cell.is_empty() && cell != "-";
    let kept: Vec<usize> =
        (0..columns).filter(|&column| rows.iter().skip(1).any(|row| says(&row[column]))).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let lines = rows.iter().map(|row| {
        let cells = kept.iter().enumerate().map(|(place, &column)| {
            let (cell, width) = (&row[column], width(column));
            if place == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_empty_ones_left_out() {
        let rows = [["stage", "read", "spilled"], ["0", "1.5 µs", "-"], ["total", "10 s", ""]];
        let rows: Vec<Vec<String>> = rows.iter().map(|row| row.map(str::to_owned).to_vec()).collect();
        assert_eq!(table(&rows), "stage    read\n0      1.5 µs\ntotal    10 s");
    }
}
